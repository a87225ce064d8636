// The "model" of a tokenizer.json: what turns a word into tokens. BPE or WordPiece.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/text/bpe_model.h"
#include "kith/text/token.h"
#include "kith/text/vocabulary.h"
#include "kith/text/word_piece_model.h"

namespace kith::text {

// Immutable after from_json(); const members are thread-safe. Movable, not copyable. Encode through
// TokenEncoder.
class TokenModel {
 public:
  // Reads "vocab" of the "model" node into `vocabulary`.
  // Errors: kInvalidArgument for a model of another type (named), or for ids that are duplicate or
  //   out of range.
  static Status read_vocabulary(const nlohmann::json& node, Vocabulary& vocabulary);

  // Takes the vocabulary, added tokens included.
  // Errors: those of BpeModel::from_json() and WordPieceModel::from_json().
  static Result<TokenModel> from_json(const nlohmann::json& node, Vocabulary vocabulary,
                                      const BpeModel::Options& options);

  // REQUIRES: made by from_json().
  const Vocabulary& vocabulary() const;
  // Null for a model of the other kind.
  const BpeModel* find_bpe() const { return bpe_.get(); }
  const WordPieceModel* find_word_piece() const { return word_piece_.get(); }

 private:
  // One of them is there.
  std::unique_ptr<const BpeModel> bpe_;
  std::unique_ptr<const WordPieceModel> word_piece_;
};

// The state of one call. Not thread-safe; words and model must outlive it.
class TokenEncoder {
 public:
  explicit TokenEncoder(const TokenModel& model);

  // Appends the tokens of `word` (valid UTF-8).
  void encode(std::string_view word, std::vector<TokenId>& out);

 private:
  const WordPieceModel* word_piece_;
  // Empty for WordPiece, which needs no state.
  std::optional<BpeEncoder> bpe_;
};

}  // namespace kith::text
