// Goes on with plain texts on the own engine: no chat format, no persona, nothing kept.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "kith/runtime/engine_generator.h"
#include "kith/server/completion_service.h"

namespace kith::runtime {

// Thread-safe.
class EngineCompletions final : public server::CompletionService {
 public:
  // Shares the generator's model, adapters and engine; the generator must outlive it.
  explicit EngineCompletions(EngineGenerator& generator) : generator_(generator) {}

  bool is_upstream() const override { return false; }
  Result<server::CompletionReply> complete(const server::CompletionJob& job,
                                           server::CompletionSink* sink,
                                           const std::stop_token& cancel) override;
  // There is none: kUnavailable.
  Result<std::string> forward(const std::string& body, const OnEvent& on_event,
                              const std::stop_token& cancel) override;

 private:
  struct Common;
  class PromptRun;

  Result<Common> prepare(const server::CompletionJob& job) const;
  Result<server::CompletionReply> run_prompt(const Common& common, std::size_t index,
                                             server::CompletionSink* sink,
                                             const std::stop_token& cancel);
  Result<std::vector<api::CompletionToken>> score_prompt(const Common& common,
                                                         const std::vector<text::TokenId>& tokens,
                                                         const std::stop_token& cancel);
  Status generate(const Common& common, const std::vector<text::TokenId>& tokens,
                  const std::shared_ptr<PromptRun>& run, const std::stop_token& cancel);

  EngineGenerator& generator_;
};

}  // namespace kith::runtime
