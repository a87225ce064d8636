// The two-way table between pieces and token ids.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kith/base/result.h"
#include "kith/text/token.h"

namespace kith::text {

// Lets maps keyed by std::string be searched by std::string_view.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

// Fill with add(), then only read; const members are thread-safe.
class Vocabulary {
 public:
  // Ids at or above this are refused whatever the file says.
  static constexpr TokenId kMaxId = 1 << 24;

  // Errors: kInvalidArgument if the id is outside [0, kMaxId), far above the number of pieces, or
  // taken
  //   by another piece. Adding a piece again with its own id changes nothing.
  Status add(std::string_view piece, std::int64_t id);

  // How many ids could reasonably be in use: call before add() so that one absurd id cannot make
  // the table large. The default allows only few.
  void expect_pieces(std::size_t count) { expected_ += count; }

  std::optional<TokenId> find(std::string_view piece) const;

  // Empty for an id that has no piece.
  std::string_view piece(TokenId id) const;
  bool contains(TokenId id) const;

  // One more than the largest id.
  std::size_t size() const { return pieces_.size(); }

 private:
  std::vector<std::string> pieces_;
  std::vector<bool> is_used_;
  std::unordered_map<std::string, TokenId, StringHash, std::equal_to<>> ids_;
  std::size_t expected_ = 0;
};

}  // namespace kith::text
