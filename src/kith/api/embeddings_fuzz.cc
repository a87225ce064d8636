// Feeds any bytes to the parser of embedding requests: it must answer with a request or an error,
// and what it accepts must keep the promises of its header. The corpus is testdata/embeddings.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "kith/api/embeddings.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Bytes as text.
  const auto* text = static_cast<const char*>(static_cast<const void*>(data));
  const auto request = kith::api::parse_embeddings_request(std::string_view(text, size));
  if (!request) {
    if (request.error().status != 400 || request.error().message.empty()) std::abort();
    return 0;
  }
  if (request->inputs.empty() || request->inputs.size() > 2048) std::abort();
  for (const auto& input : request->inputs) {
    if (input.text.empty() == input.tokens.empty()) std::abort();
    for (const auto token : input.tokens) {
      if (token < 0) std::abort();
    }
  }
  if (request->dimensions && *request->dimensions < 1) std::abort();
  return 0;
}
