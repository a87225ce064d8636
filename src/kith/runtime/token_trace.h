// Where each token of a text stands in it, while the text is shown piece by piece.
//
// Text is held back while a character or a possible stop string is incomplete, so tokens run ahead
// of it. A token is told of once the text has reached it; those of a stop string, which is never
// shown, are never told of.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "kith/engine/sampler.h"
#include "kith/text/stream_decoder.h"
#include "kith/text/tokenizer.h"

namespace kith::runtime {

// A token and where it begins.
struct PlacedToken {
  engine::SampledToken token;
  // Of the text with what precedes these tokens.
  std::size_t code_point = 0;
  // Of these tokens' text.
  std::size_t byte = 0;
};

// Not thread-safe.
class TokenTrace {
 public:
  // For the tokens that follow a text of `first_code_point` code points. `continues_text` as in
  // text::DecodeOptions.
  TokenTrace(const text::Tokenizer& tokenizer, bool continues_text,
             std::size_t first_code_point = 0);

  void add(engine::SampledToken token);
  // Those that the first `shown_bytes` bytes of these tokens' text have reached and that were not
  // taken yet.
  std::vector<PlacedToken> take(std::size_t shown_bytes);
  // Code points of the text of all tokens so far.
  std::size_t code_points() const { return code_points_; }

 private:
  text::StreamDecoder decoder_;
  std::size_t bytes_ = 0;
  std::size_t code_points_;
  std::deque<PlacedToken> waiting_;
};

}  // namespace kith::runtime
