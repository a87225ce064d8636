// WordPiece (Schuster and Nakajima 2012, as BERT uses it): a word is cut from its beginning into
// the longest pieces that the vocabulary has, those inside a word marked by a prefix ("##"). A word
// that cannot be cut to its end is one unknown token.
#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/text/token.h"
#include "kith/text/vocabulary.h"

namespace kith::text {

// Immutable after from_json(); const members are thread-safe.
class WordPieceModel {
 public:
  // Takes the vocabulary, added tokens included. Words never become a token for which `is_control`
  // (which may be empty) holds, other than the unknown token.
  // Errors: kInvalidArgument for an unknown token that the vocabulary lacks, or a word limit
  // outside
  //   [1, 1000].
  static Result<WordPieceModel> from_json(const nlohmann::json& node, Vocabulary vocabulary,
                                          const std::function<bool(TokenId)>& is_control);

  const Vocabulary& vocabulary() const { return vocabulary_; }
  // What marks a piece inside a word.
  const std::string& prefix() const { return prefix_; }

  // Appends the tokens of `word` (valid UTF-8).
  // Complexity: pieces of the word times the longest piece of the vocabulary.
  void encode(std::string_view word, std::vector<TokenId>& out) const;

 private:
  void measure_pieces();
  // The longest piece at the beginning of `rest`, of which `length` is set to the bytes it takes;
  // -1 if there is none.
  TokenId longest_piece(std::string_view rest, bool is_inside, std::size_t& length) const;

  Vocabulary vocabulary_;
  std::string prefix_;
  TokenId unknown_id_ = 0;
  std::size_t max_word_characters_ = 100;
  // Of any piece, in bytes.
  std::size_t longest_piece_bytes_ = 0;
  std::vector<bool> is_control_;  // [vocabulary size]
};

}  // namespace kith::text
