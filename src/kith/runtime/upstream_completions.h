// Hands plain completions to an OpenAI-compatible server as they came.
#pragma once

#include <memory>
#include <string>

#include "kith/server/completion_service.h"
#include "kith/upstream/openai_client.h"

namespace kith::runtime {

// Thread-safe.
class UpstreamCompletions final : public server::CompletionService {
 public:
  explicit UpstreamCompletions(std::unique_ptr<upstream::OpenAiClient> client)
      : client_(std::move(client)) {}

  bool is_upstream() const override { return true; }
  // The upstream reads the client's own words: kUnavailable.
  Result<server::CompletionReply> complete(const server::CompletionJob& job,
                                           server::CompletionSink* sink,
                                           const std::stop_token& cancel) override;
  Result<std::string> forward(const std::string& body, const OnEvent& on_event,
                              const std::stop_token& cancel) override;

 private:
  std::unique_ptr<upstream::OpenAiClient> client_;
};

}  // namespace kith::runtime
