#include "kith/personalize/shadow_measures.h"

#include <algorithm>
#include <optional>
#include <set>

#include "kith/personalize/candidates.h"
#include "kith/personalize/style.h"
#include "kith/text/language.h"

namespace kith::personalize {
namespace {

struct LineMarks {
  std::size_t numbers = 0;
  std::size_t dashes = 0;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

LineMarks count_marks(std::string_view text) {
  LineMarks marks;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t")));
    const auto first = std::find_if_not(line.begin(), line.end(), is_digit);
    const bool is_numbered =
        first != line.begin() && first != line.end() && (*first == '.' || *first == ')');
    marks.numbers += is_numbered ? 1U : 0U;
    marks.dashes += line.starts_with("- ") || line.starts_with("* ") ? 1U : 0U;
  }
  return marks;
}

// A card without a format asks for nothing.
std::optional<bool> keeps_layout(std::string_view text, const StyleWish& style) {
  if (style.format.empty()) return std::nullopt;
  const LineMarks marks = count_marks(text);
  switch (layout_of(style)) {
    case Layout::kNumbered:
      return marks.numbers > 0;
    case Layout::kDashes:
      return marks.dashes > 0;
    case Layout::kSentences:
      break;
  }
  return marks.numbers + marks.dashes == 0;
}

std::optional<bool> keeps_language(std::string_view text, const std::string& wanted) {
  if (wanted.empty()) return std::nullopt;
  const text::Language found = text::detect_language(text);
  if (!found.is_reliable) return std::nullopt;
  return found.code == wanted;
}

}  // namespace

std::map<std::string, double> measure_draft(std::string_view text, std::string_view finish_reason,
                                            const Yardstick& yardstick) {
  std::map<std::string, double> measures;
  if (yardstick.has_passages) {
    const Grounding grounding = measure_grounding(text, yardstick.sources);
    measures["grounding"] = grounding.share;
    measures["unknown_facts"] = static_cast<double>(grounding.unknown_facts.size());
  }
  if (const auto keeps = keeps_layout(text, yardstick.style)) measures["layout"] = *keeps ? 1 : 0;
  if (const auto keeps = keeps_language(text, yardstick.language)) {
    measures["language"] = *keeps ? 1 : 0;
  }
  measures["repetition"] = measure_repetition(text);
  measures["cut"] = finish_reason == "length" ? 1 : 0;
  measures["words"] = measure_style(text).words;
  return measures;
}

double words_in_common(std::string_view first, std::string_view second) {
  const auto ours = content_words(first);
  const auto theirs = content_words(second);
  const std::set<std::string> known(ours.begin(), ours.end());
  const auto both = static_cast<std::size_t>(std::count_if(
      theirs.begin(), theirs.end(), [&](const auto& word) { return known.contains(word); }));
  const std::size_t either = ours.size() + theirs.size() - both;
  return either == 0 ? 1.0 : static_cast<double>(both) / static_cast<double>(either);
}

}  // namespace kith::personalize
