// Makes texts of an engine's events, and passes their pieces on while they come.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/engine/engine.h"
#include "kith/personalize/ports.h"
#include "kith/runtime/token_trace.h"
#include "kith/text/tokenizer.h"

namespace kith::runtime {

// The engine's thread writes, one other waits.
class AnswerCollector final : public engine::EventSink {
 public:
  // An answer for each of `samples`; those that ask for log-probabilities get them, each with the
  // piece of text that its token begins in. Tokens of a stop string, which is never shown, have
  // none. `tokenizer` and `sink`, which may be null, are borrowed until wait() returns.
  AnswerCollector(const text::Tokenizer& tokenizer,
                  std::span<const personalize::SamplingParams> samples,
                  personalize::DeltaSink* sink);

  void on_delta(const engine::Delta& delta) override;
  void on_finish(const engine::Finish& finish) override;

  // Blocks until all answers have ended. To be called once.
  // Errors: that of an answer that failed.
  Result<std::vector<personalize::GeneratedText>> wait();

 private:
  struct Answer {
    TokenTrace trace;
    bool wants_logprobs = false;
    personalize::GeneratedText told;
    // Entries of told.logprobs: JSON objects, separated by commas.
    std::string entries;
    engine::Finish finish;
    double logprob_sum = 0.0;
    int num_tokens = 0;
  };

  // Takes the next bytes of an answer, and the tokens that they reach.
  void show(int sample, std::string_view shown);

  const text::Tokenizer& tokenizer_;
  personalize::DeltaSink* const sink_;
  std::vector<Answer> answers_;
  std::mutex mutex_;
  std::condition_variable done_;
  std::size_t missing_;  // guarded by mutex_
};

}  // namespace kith::runtime
