#include "kith/text/vocabulary.h"

#include <algorithm>

namespace kith::text {

Status Vocabulary::add(std::string_view piece, std::int64_t id) {
  // Holes are normal (padded vocabularies); a table mostly of holes is an attack or a broken file.
  constexpr std::size_t kSlack = 65536;
  const auto limit = static_cast<std::int64_t>(
      std::min<std::size_t>(2 * expected_ + kSlack, static_cast<std::size_t>(kMaxId)));
  if (id < 0 || id >= limit) {
    return Error{ErrorCode::kInvalidArgument,
                 "token id must be in [0, " + std::to_string(limit) + "): " + std::to_string(id)};
  }
  const auto index = static_cast<std::size_t>(id);
  const auto known = ids_.find(piece);
  const bool is_taken = index < is_used_.size() && is_used_[index] && pieces_[index] != piece;
  if (is_taken || (known != ids_.end() && known->second != id)) {
    return Error{ErrorCode::kInvalidArgument,
                 "token id or piece is defined twice: " + std::to_string(id)};
  }
  if (index >= pieces_.size()) {
    pieces_.resize(index + 1);
    is_used_.resize(index + 1, false);
  }
  pieces_[index] = piece;
  is_used_[index] = true;
  ids_.emplace(piece, static_cast<TokenId>(id));
  return {};
}

std::optional<TokenId> Vocabulary::find(std::string_view piece) const {
  const auto it = ids_.find(piece);
  if (it == ids_.end()) return std::nullopt;
  return it->second;
}

bool Vocabulary::contains(TokenId id) const {
  return id >= 0 && static_cast<std::size_t>(id) < is_used_.size() &&
         is_used_[static_cast<std::size_t>(id)];
}

std::string_view Vocabulary::piece(TokenId id) const {
  return contains(id) ? std::string_view(pieces_[static_cast<std::size_t>(id)])
                      : std::string_view();
}

}  // namespace kith::text
