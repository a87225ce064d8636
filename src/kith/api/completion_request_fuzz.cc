// Feeds any bytes to the parsers of plain completions: each must answer with a request or an error,
// and what it accepts must keep the promises of its header. The corpus is
// testdata/completion_request.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "kith/api/completion_request.h"
#include "kith/base/base64.h"

namespace {

bool keeps_promises(const kith::api::KithSoftPrompt& rows) {
  using Format = kith::api::KithSoftPrompt::Format;
  if (rows.bytes.empty()) return false;
  if (rows.format == Format::kSafetensors) return rows.rows == 0 && rows.width == 0;
  const std::size_t value_bytes = rows.format == Format::kF32 ? 4 : 2;
  return rows.rows >= 1 && rows.width >= 1 &&
         rows.bytes.size() == value_bytes * static_cast<std::size_t>(rows.rows) *
                                  static_cast<std::size_t>(rows.width);
}

bool keeps_promises(const kith::api::CompletionRequest& request) {
  const auto is_token = [](std::int32_t token) { return token >= 0; };
  for (const auto& prompt : request.prompts) {
    if (!std::all_of(prompt.tokens.begin(), prompt.tokens.end(), is_token)) return false;
    if (prompt.is_tokens == prompt.tokens.empty()) return false;
  }
  if (request.lora) {
    const auto is_used = [](const auto& entry) { return entry.scale != 0.0; };
    if (std::count_if(request.lora->begin(), request.lora->end(), is_used) > 2) return false;
  }
  if (request.kith.soft_prompt && !keeps_promises(*request.kith.soft_prompt)) return false;
  return !request.prompts.empty() && request.prompts.size() <= 256 && request.n >= 1 &&
         request.best_of >= request.n && request.best_of <= 128 && request.max_tokens >= 0 &&
         request.stop.size() <= 4 && request.logprobs.value_or(0) >= 0 &&
         request.logprobs.value_or(0) <= 5;
}

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Bytes as text.
  const std::string_view text(static_cast<const char*>(static_cast<const void*>(data)), size);
  const auto request = kith::api::parse_completion_request(text);
  require(request ? keeps_promises(*request)
                  : request.error().status == 400 && !request.error().message.empty());
  const auto forwarded = kith::api::parse_forwarded_completion(text);
  require(forwarded ? !forwarded->body.empty() : forwarded.error().status == 400);
  const auto bytes = kith::base::decode_base64(text);
  require(!bytes || bytes->size() <= size / 4 * 3);
  return 0;
}
