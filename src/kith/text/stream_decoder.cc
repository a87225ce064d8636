#include "kith/text/stream_decoder.h"

#include <utility>

#include "kith/text/utf8.h"

namespace kith::text {

StreamDecoder::StreamDecoder(Tokenizer tokenizer, const DecodeOptions& options)
    : tokenizer_(std::move(tokenizer)),
      options_(options),
      strips_left_(options.continues_text ? 0 : tokenizer_.max_leading_strips()) {}

bool StreamDecoder::strip_leading() {
  const std::string& strip = tokenizer_.leading_strip();
  while (strips_left_ > 0 && !pending_.empty()) {
    if (pending_.starts_with(strip)) {
      pending_.erase(0, strip.size());
      --strips_left_;
    } else if (strip.starts_with(pending_)) {
      return false;
    } else {
      strips_left_ = 0;
    }
  }
  return true;
}

std::string StreamDecoder::append(TokenId id) {
  if (options_.skip_special && tokenizer_.is_special(id)) return {};
  pending_ += tokenizer_.id_to_bytes(id);
  if (!strip_leading()) return {};
  const std::size_t ready = pending_.size() - incomplete_suffix_length(pending_);
  std::string out;
  append_sanitized(out, std::string_view(pending_).substr(0, ready));
  pending_.erase(0, ready);
  return out;
}

std::string StreamDecoder::finish() {
  std::string out = sanitize_utf8(pending_);
  pending_.clear();
  strips_left_ = options_.continues_text ? 0 : tokenizer_.max_leading_strips();
  return out;
}

}  // namespace kith::text
