// Cuts a prompt where one request may end and another begin: between lines, between sentences, at
// semicolons and dashes, and where a clause is joined by words such as "and also" or "plus".
//
// These are candidates alone: a sentence that explains the one before it is no request of its own.
// Which border counts, if any, router.h decides by scoring what lies on both sides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "kith/text/regex.h"

namespace kith::persona {

enum class BorderKind : std::uint8_t { kParagraph, kLine, kSentence, kSemicolon, kClause };
inline constexpr std::size_t kNumBorderKinds = 5;

// Whether words at a border announce something else.
enum class Linker : std::uint8_t {
  kNone,
  kWeak,    // "and", "but", "then": they also go on with what was said
  kStrong,  // "also", "by the way", "separately", "one more thing"
};

struct PromptBorder {
  BorderKind kind = BorderKind::kSentence;
  Linker linker = Linker::kNone;
  // What stands before ends at byte `end`, what stands after begins at byte `begin`; between them
  // are white space, a comma or semicolon, and the linking words.
  std::size_t end = 0;
  std::size_t begin = 0;

  friend bool operator==(const PromptBorder&, const PromptBorder&) = default;
};

// A prompt longer than this, or one with more borders, is something pasted: it has none.
inline constexpr std::size_t kMaxSegmentedBytes = 2'000;
inline constexpr std::size_t kMaxBorders = 24;
// Words on each side of a border at least; a Han character counts as half a word.
inline constexpr std::size_t kMinSegmentWords = 3;

// The borders of `prompt` in their order, each with at least kMinSegmentWords words before and
// after it in the prompt. Ill-formed UTF-8 is taken for words. Linear in the prompt. Thread-safe.
std::vector<PromptBorder> find_borders(std::string_view prompt);

// Whether `text` begins as a request does: with a question word, "please", "can", ... Thread-safe.
bool starts_request(std::string_view text);

// What lies between borders, trimmed of white space: one span more than there are borders.
std::vector<text::Span> segments_between(std::string_view prompt,
                                         const std::vector<PromptBorder>& borders);

}  // namespace kith::persona
