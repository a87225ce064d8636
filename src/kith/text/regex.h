// Compiled regular expressions over UTF-8, in the dialect that tokenizer files use. The only header
// over PCRE2.
//
// Tokenizer files are written for Oniguruma; their patterns (\p{..}, \s, look-ahead, (?i:..),
// possessive quantifiers) mean the same here. \s is Unicode's White_Space, as there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"

namespace kith::text {

// Bytes [begin, end) of a text.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;

  std::size_t size() const { return end - begin; }
  friend bool operator==(const Span&, const Span&) = default;
};

// Immutable after compile(); const members may be called from any thread.
class Regex {
 public:
  // Errors: kInvalidArgument with the position if `pattern` is not a regular expression, or is
  // longer
  //   than 64 KiB.
  static Result<Regex> compile(std::string_view pattern);

  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  // Appends the non-empty matches in `text`, left to right and not overlapping. `text` must be
  // valid UTF-8. Work is bounded: a pattern that backtracks without end stops matching at that
  // place, and the rest of the text counts as unmatched.
  void find_all(std::string_view text, std::vector<Span>& matches) const;

  // Whether a match, possibly empty, begins where `text` does. `text` must be valid UTF-8.
  // Errors: kInvalidArgument if it takes more than about `max_steps` steps of backtracking to tell.
  Result<bool> matches_at_start(std::string_view text, std::uint32_t max_steps) const;

 private:
  struct Code;
  class Matcher;
  explicit Regex(std::unique_ptr<Code> code);

  std::unique_ptr<Code> code_;
};

// The pattern that matches exactly `text`.
std::string escape_regex(std::string_view text);

}  // namespace kith::text
