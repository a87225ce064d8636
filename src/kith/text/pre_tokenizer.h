// The "pre_tokenizer" of a tokenizer.json: cuts normalized text into the pieces inside which merges
// may happen.
//
// Supported: ByteLevel, Split, Digits, Metaspace, Whitespace, WhitespaceSplit, Punctuation,
// BertPreTokenizer and Sequence of these, ByteLevel last. ByteLevel's own change of bytes into
// symbols is not done here: pieces stay raw bytes, and the model starts from one symbol a byte.
#pragma once

#include <cstdint>
#include <deque>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/text/normalizer.h"

namespace kith::text {

// The pattern of GPT-2, which ByteLevel uses unless told otherwise: contractions, words with one
// leading space, numbers, punctuation, white space.
extern const std::string_view kGpt2Pattern;

struct Piece {
  // Borrows from the text given to split(), or from the arena.
  std::string_view text;
  // Begins where the whole original text begins.
  bool at_start = false;
};

// Holds rewritten pieces; a deque never moves them.
using PieceArena = std::deque<std::string>;

// Immutable; thread-safe.
class PreTokenizer {
 public:
  // A null node leaves text in one piece.
  // Errors: kInvalidArgument naming an unsupported type or option.
  static Result<PreTokenizer> from_json(const nlohmann::json& node);

  // Whether pieces are raw bytes for a byte-level vocabulary.
  bool is_byte_level() const { return is_byte_level_; }
  // Whether spaces were turned into a visible character that decoding must turn back.
  bool is_metaspace() const { return is_metaspace_; }

  // The non-empty pieces of `text`, in order. Valid while `text` and `arena` live.
  std::vector<Piece> split(std::string_view text, bool at_start, PieceArena& arena) const;

 private:
  enum class Kind : std::uint8_t {
    kSplit,
    kDigits,
    kMetaspace,
    kWhitespace,
    kPunctuation,
    kPrefix
  };
  // What happens to the matches of a pattern.
  enum class Behavior : std::uint8_t {
    kIsolated,
    kRemoved,
    kMergedWithPrevious,
    kMergedWithNext,
    kContiguous
  };
  enum class PrependScheme : std::uint8_t { kNever, kFirst, kAlways };
  struct Step {
    Kind kind = Kind::kSplit;
    Behavior behavior = Behavior::kIsolated;
    TextPattern pattern;
    bool inverts = false;
    // Metaspace.
    std::string replacement;
    PrependScheme prepend = PrependScheme::kAlways;
    bool splits = true;
  };

  static Result<Behavior> parse_behavior(const nlohmann::json& node, Behavior fallback);
  Status add_step(const nlohmann::json& node, int depth);
  Status add_byte_level(const nlohmann::json& node);
  Status add_split(const nlohmann::json& node);
  Status add_metaspace(const nlohmann::json& node);
  void add_bert();
  Status add_simple(const std::string& type, const nlohmann::json& node);

  static void find_matches(const Step& step, std::string_view text, std::vector<Span>& matches);
  static std::string_view rewrite(const Step& step, const Piece& piece, PieceArena& arena);
  // Whether a stretch of text joins the one before it.
  static bool joins_last(Behavior behavior, bool is_match, bool previous_was_match);
  static void cut(const Step& step, const Piece& piece, std::vector<Span>& scratch,
                  std::vector<Piece>& out);

  std::vector<Step> steps_;
  bool is_byte_level_ = false;
  bool is_metaspace_ = false;
};

// The pieces of the GPT-2 pattern, as views into `text`, which must be valid UTF-8; concatenated
// they are the text. For counting words when a byte-level vocabulary is trained.
std::vector<std::string_view> pre_tokenize(std::string_view text);

}  // namespace kith::text
