// Server-sent events as OpenAI clients read them: only `data:` lines and comments. Never `id:` or
// `event:` lines, which break clients (an id makes a comment end in an empty event).
#pragma once

#include <string>
#include <string_view>

namespace kith::api {

// `json` must be on one line, as base::dump_json() gives it.
inline std::string sse_event(std::string_view json) {
  std::string event = "data: ";
  event += json;
  event += "\n\n";
  return event;
}

inline constexpr std::string_view kSseDone = "data: [DONE]\n\n";
// A comment: keeps proxies from closing a quiet stream.
inline constexpr std::string_view kSsePing = ": ping\n\n";

}  // namespace kith::api
