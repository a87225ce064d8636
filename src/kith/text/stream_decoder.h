// Decodes tokens as they come, giving out whole characters only.
//
// Invariant: the pieces returned by append() and finish(), joined, are what Tokenizer::decode gives
// for all tokens at once. (decode is written with this class.)
#pragma once

#include <string>

#include "kith/text/token.h"
#include "kith/text/tokenizer.h"

namespace kith::text {

// One per stream; not thread-safe.
class StreamDecoder {
 public:
  explicit StreamDecoder(Tokenizer tokenizer, const DecodeOptions& options = {});

  // The text that is now certain, valid UTF-8, often empty while a character is incomplete.
  std::string append(TokenId id);

  // What is left, with U+FFFD for an incomplete character. The decoder then starts a new text.
  std::string finish();

 private:
  // Drops what a text must not begin with; false while that cannot be decided yet.
  bool strip_leading();

  Tokenizer tokenizer_;
  DecodeOptions options_;
  std::string pending_;
  std::size_t strips_left_ = 0;
};

}  // namespace kith::text
