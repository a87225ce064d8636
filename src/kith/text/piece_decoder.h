// The "decoder" of a tokenizer.json, worked out in advance into the bytes of every token.
//
// Supported: ByteLevel, ByteFallback, Metaspace, WordPiece, Replace, Fuse, Strip and Sequence of
// these. The
// text of a token sequence is the bytes of its tokens, joined, less what is stripped from the
// beginning of the whole; ill-formed UTF-8 in it becomes U+FFFD.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/text/added_tokens.h"
#include "kith/text/normalizer.h"
#include "kith/text/pre_tokenizer.h"
#include "kith/text/token.h"
#include "kith/text/vocabulary.h"

namespace kith::text {

// Immutable after from_json(); const members are thread-safe.
class PieceDecoder {
 public:
  // A null node decodes as `pre_tokenizer` asks for: byte-level, metaspace, or plain joining.
  // Errors: kInvalidArgument naming what is not supported.
  static Result<PieceDecoder> from_json(const nlohmann::json& node,
                                        const PreTokenizer& pre_tokenizer,
                                        const Vocabulary& vocabulary, const AddedTokens& added);

  // Empty for ids without a piece. Not always whole characters.
  std::string_view token_bytes(TokenId id) const;

  // Up to `max_leading_strips()` copies of `leading_strip()` are dropped where a text begins.
  const std::string& leading_strip() const { return leading_strip_; }
  std::size_t max_leading_strips() const { return max_leading_strips_; }

 private:
  enum class Kind : std::uint8_t { kByteLevel, kByteFallback, kReplace, kStrip, kWordPiece };
  struct Step {
    Kind kind = Kind::kReplace;
    TextPattern pattern;
    // What Replace puts in, Strip takes away, and WordPiece marks the inside of words with.
    std::string content;
    std::size_t start = 0;
    std::size_t stop = 0;
    // WordPiece: no space before punctuation and contractions.
    bool tidies = false;
  };

  Status add_step(const nlohmann::json& node, int depth);
  Status add_metaspace(const nlohmann::json& node);
  Status add_word_piece(const nlohmann::json& node);
  Status add_strip(const nlohmann::json& node);
  void add_default(const PreTokenizer& pre_tokenizer);
  std::string decode_piece(std::string_view piece) const;
  static std::string apply(const Step& step, std::string text);
  void fill(const Vocabulary& vocabulary, const AddedTokens& added);

  std::vector<Step> steps_;
  bool is_fused_ = false;
  std::string leading_strip_;
  std::size_t max_leading_strips_ = 0;
  // Token i is bytes_[offsets_[i], offsets_[i + 1]).
  std::string bytes_;
  std::vector<std::size_t> offsets_ = {0};
};

}  // namespace kith::text
