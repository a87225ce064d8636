// Feeds any bytes to the parser of chat requests: it must answer with a request or an error, and
// what it accepts must keep the promises of its header. The corpus is testdata/chat_request.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "kith/api/chat_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Bytes as text.
  const auto* text = static_cast<const char*>(static_cast<const void*>(data));
  const auto request = kith::api::parse_chat_request(std::string_view(text, size));
  if (!request) {
    if (request.error().status != 400 || request.error().message.empty()) std::abort();
    return 0;
  }
  const bool keeps_promises = !request->messages.empty() && request->n >= 1 && request->n <= 128 &&
                              request->stop.size() <= 4 && request->top_logprobs >= 0 &&
                              request->top_logprobs <= 20;
  if (!keeps_promises) std::abort();
  return 0;
}
