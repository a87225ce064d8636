// Feeds any bytes to the parser of feedback: it must answer with signals or an error, what it
// accepts must keep the promises of its header, and it must read what it has read from its own
// words again. The corpus is testdata/feedback.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kith/api/feedback.h"
#include "kith/base/check.h"
#include "kith/base/clock.h"
#include "kith/base/fuzz_input.h"

namespace {

using kith::api::FeedbackBody;
using kith::api::FeedbackItem;
using kith::api::FeedbackSignal;
using kith::base::Json;

void check(const FeedbackSignal& signal) {
  KITH_CHECK(!signal.kind.empty(), "a signal has a kind");
  KITH_CHECK(!signal.value || (std::isfinite(*signal.value) && signal.text.empty()),
             "a value is a number or a text");
  const auto at = kith::base::from_iso8601(kith::base::to_iso8601(signal.at_micros));
  KITH_CHECK(at && *at == signal.at_micros, "times can be told");
}

void check(const FeedbackBody& body) {
  KITH_CHECK(!body.items.empty() && body.items.size() <= 1000, "batches keep their bounds");
  KITH_CHECK(body.is_batch || body.items.size() == 1, "one item without a batch");
  for (const FeedbackItem& item : body.items) {
    KITH_CHECK(!item.decision.empty() || !item.completion.empty(), "feedback is on something");
    KITH_CHECK(!item.signals.empty() && item.signals.size() <= 100, "signals keep their bounds");
    for (const FeedbackSignal& signal : item.signals) check(signal);
  }
}

Json to_json(const FeedbackSignal& signal) {
  Json json{{"kind", signal.kind}};
  json["value"] = signal.value ? Json(*signal.value) : Json(signal.text);
  if (signal.at_micros != 0) json["at"] = kith::base::to_iso8601(signal.at_micros);
  return json;
}

Json to_json(const FeedbackBody& body) {
  Json batch = Json::array();
  for (const FeedbackItem& item : body.items) {
    Json signals = Json::array();
    for (const FeedbackSignal& signal : item.signals) signals.push_back(to_json(signal));
    batch.push_back({{"decision", item.decision},
                     {"completion", item.completion},
                     {"user", item.user},
                     {"key", item.key},
                     {"signals", std::move(signals)}});
  }
  return {{"batch", std::move(batch)}};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto feedback = kith::api::parse_feedback(text);
  if (!feedback) {
    KITH_CHECK(feedback.error().status == 400, "the client is told that it is wrong");
    kith::base::check_message(feedback.error().message);
    return 0;
  }
  check(*feedback);
  const Json told = to_json(*feedback);
  const auto again = kith::api::parse_feedback(kith::base::dump_json(told));
  KITH_CHECK(again && to_json(*again) == told, "what was read can be sent again");
  return 0;
}
