// The "normalizer" of a tokenizer.json: what happens to text before it is cut into pieces.
//
// Supported: NFC, NFD, NFKC, NFKD, Lowercase, Replace (string or regular expression), Prepend,
// Strip, BertNormalizer and Sequence of these.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/text/regex.h"
#include "kith/text/unicode.h"

namespace kith::text {

// A pattern that a tokenizer.json gives as {"String": ..} or {"Regex": ..}.
struct TextPattern {
  std::string literal;
  // Null for a literal.
  std::shared_ptr<const Regex> regex;

  // Appends the non-empty matches. An empty literal matches nothing.
  void find_all(std::string_view text, std::vector<Span>& matches) const;
  std::string replace_all(std::string_view text, std::string_view content) const;
};

// Errors: kInvalidArgument if `node` is neither form.
Result<TextPattern> parse_text_pattern(const nlohmann::json& node);

// Immutable; thread-safe.
class Normalizer {
 public:
  // A null node gives the identity.
  // Errors: kInvalidArgument naming an unsupported type or a missing member.
  static Result<Normalizer> from_json(const nlohmann::json& node);

  bool is_identity() const { return steps_.empty(); }

  // `text` must be valid UTF-8; so is the result.
  std::string normalize(std::string_view text) const;

 private:
  struct BertOptions {
    bool cleans = true;
    bool spaces_han = true;
    bool strips_accents = true;
    bool lowercases = true;
  };
  enum class Kind : std::uint8_t { kForm, kLowercase, kReplace, kPrepend, kStrip, kBert };
  struct Step {
    Kind kind = Kind::kForm;
    NormalForm form = NormalForm::kNfc;
    TextPattern pattern;
    // What Replace and Prepend put in.
    std::string content;
    bool strips_left = false;
    bool strips_right = false;
    BertOptions bert;
  };

  Status add_step(const nlohmann::json& node, int depth);
  Status add_bert(const nlohmann::json& node);
  static std::string apply_bert(const BertOptions& options, std::string text);
  static std::string apply(const Step& step, std::string text);

  std::vector<Step> steps_;
};

}  // namespace kith::text
