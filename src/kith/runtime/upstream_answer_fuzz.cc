// Feeds any bytes to the readers of an upstream's answers: the input is one whole answer, and its
// lines are the events of a stream. What is taken keeps the promises of GeneratedText; pieces make
// the whole; and an answer that comes in one event reads as it does outside a stream. The corpus is
// testdata/upstream_answer.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/check.h"
#include "kith/base/fuzz_input.h"
#include "kith/runtime/upstream_generator.h"

namespace {

using kith::base::OrderedJson;
using kith::personalize::GeneratedText;

class TextSink final : public kith::personalize::DeltaSink {
 public:
  void on_delta(const kith::personalize::TextDelta& delta) override {
    KITH_CHECK(delta.sample == 0, "pieces belong to their answer");
    for (const std::string_view part : {delta.raw, delta.logprobs}) check_object(part);
    text_ += delta.text;
  }

  static void check_object(std::string_view json) {
    if (json.empty()) return;
    const auto parsed = kith::base::parse_json(json);
    KITH_CHECK(parsed && parsed->is_object(), "what is passed on is a JSON object");
  }

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void check(const GeneratedText& answer) {
  KITH_CHECK(kith::base::is_utf8_text(answer.text), "answers are UTF-8");
  KITH_CHECK(!answer.finish_reason.empty(), "an answer ends for a reason");
  KITH_CHECK(
      answer.prompt_tokens >= 0 && answer.cached_tokens >= 0 && answer.completion_tokens >= 0,
      "counts are not negative");
  KITH_CHECK(!answer.mean_logprob || std::isfinite(*answer.mean_logprob), "means are finite");
  TextSink::check_object(answer.raw);
  TextSink::check_object(answer.logprobs);
  const auto& begins = answer.token_begins;
  KITH_CHECK(std::is_sorted(begins.begin(), begins.end()), "tokens are in order");
  KITH_CHECK(begins.empty() || begins.back() <= answer.text.size(), "tokens lie in the text");
}

// The events of a stream that gives the whole answer at once.
std::vector<std::string> one_event(const std::string& body) {
  const auto answer = kith::base::parse_ordered_json(body);
  OrderedJson choice = (*answer)["choices"][0];
  choice["delta"] = choice["message"];
  choice.erase("message");
  OrderedJson chunk{{"choices", OrderedJson::array({choice})}};
  if (answer->contains("usage")) chunk["usage"] = (*answer)["usage"];
  return {kith::base::dump_json(chunk)};
}

void check_answer(const std::string& body) {
  const auto answer = kith::runtime::read_upstream_answer(body);
  if (!answer) return kith::base::check_refusal(answer.error());
  check(*answer);
  const auto streamed = kith::runtime::read_upstream_events(one_event(body), nullptr);
  if (!streamed) return kith::base::check_refusal(streamed.error());
  KITH_CHECK(streamed->text == answer->text, "a stream gives the same text");
  KITH_CHECK(streamed->finish_reason == answer->finish_reason, "and the same reason");
  KITH_CHECK(streamed->completion_tokens == answer->completion_tokens, "and the same counts");
  KITH_CHECK(streamed->mean_logprob == answer->mean_logprob, "and the same likelihood");
  KITH_CHECK(streamed->token_begins == answer->token_begins, "and the same tokens");
}

void check_events(kith::base::FuzzInput input) {
  std::vector<std::string> events;
  while (!input.rest().empty()) events.emplace_back(input.take_line());
  TextSink sink;
  const auto answer = kith::runtime::read_upstream_events(events, &sink);
  if (!answer) return kith::base::check_refusal(answer.error());
  check(*answer);
  KITH_CHECK(sink.text() == answer->text, "the pieces are the answer");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_answer({reinterpret_cast<const char*>(data), size});
  check_events({data, size});
  return 0;
}
