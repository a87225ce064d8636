#include "kith/text/word_piece_model.h"

#include <algorithm>
#include <utility>

#include "kith/text/json_fields.h"
#include "kith/text/utf8.h"

namespace kith::text {
namespace {

// A word is searched for pieces from every place where one ends, so long words cost.
constexpr std::int64_t kMaxWordCharacters = 1000;

}  // namespace

Result<WordPieceModel> WordPieceModel::from_json(const base::Json& node, Vocabulary vocabulary,
                                                 const std::function<bool(TokenId)>& is_control) {
  WordPieceModel model;
  model.vocabulary_ = std::move(vocabulary);
  KITH_ASSIGN_OR_RETURN(const auto prefix, base::read_string(node, "continuing_subword_prefix"));
  model.prefix_ = prefix.value_or("##");
  KITH_ASSIGN_OR_RETURN(const auto limit, base::read_integer(node, "max_input_chars_per_word"));
  if (limit && (*limit < 1 || *limit > kMaxWordCharacters)) {
    return invalid("model.max_input_chars_per_word must be in [1, 1000]: " +
                   std::to_string(*limit));
  }
  model.max_word_characters_ = static_cast<std::size_t>(limit.value_or(100));
  KITH_ASSIGN_OR_RETURN(const auto unknown, base::read_string(node, "unk_token"));
  const auto unknown_id = model.vocabulary_.find(unknown.value_or("[UNK]"));
  if (!unknown_id) return invalid("model.unk_token is not in the vocabulary");
  model.unknown_id_ = *unknown_id;
  model.is_control_.resize(model.vocabulary_.size());
  for (std::size_t id = 0; is_control && id < model.is_control_.size(); ++id) {
    model.is_control_[id] = is_control(static_cast<TokenId>(id));
  }
  model.measure_pieces();
  return model;
}

void WordPieceModel::measure_pieces() {
  for (std::size_t id = 0; id < vocabulary_.size(); ++id) {
    longest_piece_bytes_ =
        std::max(longest_piece_bytes_, vocabulary_.piece(static_cast<TokenId>(id)).size());
  }
}

TokenId WordPieceModel::longest_piece(std::string_view rest, bool is_inside,
                                      std::size_t& length) const {
  const std::size_t marked = is_inside ? prefix_.size() : 0;
  if (longest_piece_bytes_ <= marked) return -1;
  rest = truncate_utf8(rest, longest_piece_bytes_ - marked);
  std::string candidate = is_inside ? prefix_ : std::string();
  candidate += rest;
  for (length = rest.size(); length > 0; --length) {
    // Pieces end between characters.
    const bool cuts_character =
        length < rest.size() && (static_cast<unsigned char>(rest[length]) & 0xC0U) == 0x80U;
    if (cuts_character) continue;
    const auto id = vocabulary_.find(std::string_view(candidate).substr(0, marked + length));
    if (id && !is_control_[static_cast<std::size_t>(*id)]) return *id;
  }
  return -1;
}

void WordPieceModel::encode(std::string_view word, std::vector<TokenId>& out) const {
  const std::size_t first = out.size();
  const bool is_too_long =
      word.size() > max_word_characters_ && count_code_points(word) > max_word_characters_;
  std::size_t at = is_too_long ? word.size() : 0;
  bool is_known = !is_too_long;
  while (is_known && at < word.size()) {
    std::size_t length = 0;
    const TokenId id = longest_piece(word.substr(at), at > 0, length);
    is_known = id >= 0;
    if (is_known) out.push_back(id);
    at += length;
  }
  if (is_known) return;
  out.resize(first);
  out.push_back(unknown_id_);
}

}  // namespace kith::text
