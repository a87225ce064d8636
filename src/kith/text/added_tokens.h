// The "added_tokens" of a tokenizer.json: texts that become one token wherever they stand, before
// the model sees the rest. Matching is leftmost, then longest.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kith/base/result.h"
#include "kith/text/normalizer.h"
#include "kith/text/token.h"
#include "kith/text/vocabulary.h"

namespace kith::text {

struct AddedToken {
  TokenId id = 0;
  std::string content;
  // Matches only between word boundaries.
  bool is_single_word = false;
  // Takes the white space on that side with it.
  bool strips_left = false;
  bool strips_right = false;
  // Is looked for in normalized text; otherwise in the text as given.
  bool is_normalized = false;
  bool is_special = false;
  // Steers the model: special, or written like a marker (<|..|>, <tool_call>). Text from users must
  // never become one.
  bool is_control = false;
};

// A stretch of text (id < 0) or one added token.
struct Segment {
  std::string_view text;
  TokenId id = -1;
};

// Immutable after from_json(); const members are thread-safe.
class AddedTokens {
 public:
  // kControl looks for the control tokens alone, as they are written, whether they are meant for
  // raw or for normalized text.
  enum class Stage : std::uint8_t { kRaw, kNormalized, kControl };

  // Adds the tokens of the array `node` (or null) to `vocabulary`. A token whose content the
  // vocabulary knows already keeps the vocabulary's id. Errors: kInvalidArgument for a malformed
  // entry, an id out of range or one used by another piece.
  static Result<AddedTokens> from_json(const nlohmann::json& node, const Normalizer& normalizer,
                                       Vocabulary& vocabulary);

  // Appends the segments of `text`, in order, none empty. With `parses_control` false, control
  // tokens stay text.
  void split(std::string_view text, Stage stage, bool parses_control,
             std::vector<Segment>& segments) const;

  // Null for ids that are not added tokens.
  const AddedToken* find(TokenId id) const;
  bool is_special(TokenId id) const;
  bool is_control(TokenId id) const;

 private:
  // A trie over bytes; only the edges in use are stored.
  struct Trie {
    std::unordered_map<std::uint64_t, std::uint32_t> edges;
    // Index into tokens_ of the token that ends at the node, or -1.
    std::vector<std::int32_t> ends = {-1};
    std::array<bool, 256> is_first_byte = {};

    void insert(std::string_view text, std::int32_t token);
  };
  struct Match {
    std::size_t length = 0;
    const AddedToken* token = nullptr;
  };

  const Trie& trie_of(Stage stage) const;
  Status add(const nlohmann::json& node, const Normalizer& normalizer, Vocabulary& vocabulary);
  Match longest_match(const Trie& trie, std::string_view text, std::size_t at,
                      bool parses_control) const;

  std::vector<AddedToken> tokens_;
  std::unordered_map<TokenId, std::size_t> by_id_;
  Trie raw_;
  Trie normalized_;
  Trie control_;
};

}  // namespace kith::text
