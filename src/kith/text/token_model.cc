#include "kith/text/token_model.h"

#include <utility>

#include "kith/text/json_fields.h"

namespace kith::text {
namespace {

// Files from before the member "type" tell by what they hold.
Result<bool> is_word_piece(const base::Json& node) {
  KITH_ASSIGN_OR_RETURN(const auto type, base::read_string(node, "type"));
  if (!type) return !node.contains("merges") && node.contains("max_input_chars_per_word");
  if (*type == "WordPiece") return true;
  if (*type == "BPE") return false;
  return invalid("model type must be BPE or WordPiece: " + quote_name(*type));
}

}  // namespace

Status TokenModel::read_vocabulary(const base::Json& node, Vocabulary& vocabulary) {
  if (!node.is_object()) return invalid("model must be an object");
  if (const auto kind = is_word_piece(node); !kind) return kind.error();
  const base::Json& vocab = member(node, "vocab");
  if (!vocab.is_object()) return invalid("model.vocab must be an object of piece to id");
  vocabulary.expect_pieces(vocab.size());
  for (const auto& [piece, id] : vocab.items()) {
    if (!id.is_number_integer()) return invalid("model.vocab ids must be integers");
    const bool is_huge = id.is_number_unsigned() && id.get<std::uint64_t>() > INT32_MAX;
    KITH_RETURN_IF_ERROR(vocabulary.add(piece, is_huge ? INT32_MAX : id.get<std::int64_t>()));
  }
  return {};
}

Result<TokenModel> TokenModel::from_json(const base::Json& node, Vocabulary vocabulary,
                                         const BpeModel::Options& options) {
  KITH_ASSIGN_OR_RETURN(const bool uses_word_piece, is_word_piece(node));
  TokenModel model;
  if (uses_word_piece) {
    KITH_ASSIGN_OR_RETURN(auto word_piece, WordPieceModel::from_json(node, std::move(vocabulary),
                                                                     options.is_control));
    model.word_piece_ = std::make_unique<const WordPieceModel>(std::move(word_piece));
  } else {
    KITH_ASSIGN_OR_RETURN(auto bpe, BpeModel::from_json(node, std::move(vocabulary), options));
    model.bpe_ = std::make_unique<const BpeModel>(std::move(bpe));
  }
  return model;
}

const Vocabulary& TokenModel::vocabulary() const {
  return bpe_ ? bpe_->vocabulary() : word_piece_->vocabulary();
}

TokenEncoder::TokenEncoder(const TokenModel& model) : word_piece_(model.find_word_piece()) {
  if (const BpeModel* bpe = model.find_bpe()) bpe_.emplace(*bpe);
}

void TokenEncoder::encode(std::string_view word, std::vector<TokenId>& out) {
  if (bpe_) {
    bpe_->encode(word, out);
  } else {
    word_piece_->encode(word, out);
  }
}

}  // namespace kith::text
