#include "kith/runtime/upstream_completions.h"

#include <atomic>

namespace kith::runtime {

Result<server::CompletionReply> UpstreamCompletions::complete(const server::CompletionJob&,
                                                              server::CompletionSink*,
                                                              const std::stop_token&) {
  return Error{ErrorCode::kUnavailable, "an upstream answers completions itself"};
}

Result<std::string> UpstreamCompletions::forward(const std::string& body, const OnEvent& on_event,
                                                 const std::stop_token& cancel) {
  std::atomic<bool> cancelled = false;
  const std::stop_callback on_cancel(cancel, [&cancelled] { cancelled = true; });
  if (!on_event) return client_->completions(body, &cancelled);
  const auto take = [&on_event](std::string_view data) {
    on_event(data);
    return true;
  };
  KITH_RETURN_IF_ERROR(client_->stream_completions(body, take, &cancelled));
  return std::string();
}

}  // namespace kith::runtime
