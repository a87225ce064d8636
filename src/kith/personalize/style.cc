#include "kith/personalize/style.h"

#include <array>
#include <utility>

#include "kith/text/language.h"
#include "kith/text/readability.h"

namespace kith::personalize {
namespace {

// A value becomes one line without a full stop of its own.
std::string to_line(const std::string& value) {
  std::string line;
  for (const char c : value) line.push_back(c == '\n' || c == '\r' ? ' ' : c);
  while (!line.empty() && (line.back() == '.' || line.back() == ' ')) line.pop_back();
  return line;
}

void prefer(const std::string& asked, std::string& value) {
  if (!asked.empty()) value = asked;
}

// Whether `word` stands in `text` and no "no" before it: a card may say "no step lists".
bool asks_for(const std::string& text, std::string_view word) {
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const std::size_t from = at < 8 ? 0 : at - 8;
    const std::string before = text.substr(from, at - from);
    if (before.find("no ") == std::string::npos && before.find("not ") == std::string::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace

StyleWish merge_style(const persona::Persona* persona, const StyleWish& asked) {
  StyleWish wish;
  if (persona != nullptr) {
    wish.persona = persona->name;
    wish.tone = persona->style.tone;
    wish.length = std::string(to_string(persona->style.length));
    wish.format = persona->style.format;
    wish.language = persona->style.language;
    wish.reading_level = persona->style.reading_level;
  }
  prefer(asked.tone, wish.tone);
  prefer(asked.length, wish.length);
  prefer(asked.format, wish.format);
  prefer(asked.language, wish.language);
  if (asked.reading_level) wish.reading_level = asked.reading_level;
  return wish;
}

std::string render_style(const StyleWish& wish) {
  const bool names_language = !wish.language.empty() && wish.language != "user";
  const std::array<std::pair<const char*, std::string>, 5> parts = {
      {{"Persona", wish.persona},
       {"Tone", wish.tone},
       {"Length", wish.length},
       {"Format", wish.format},
       {"Language", names_language ? wish.language : ""}}};
  std::string line;
  for (const auto& [label, value] : parts) {
    if (value.empty()) continue;
    if (!line.empty()) line += ' ';
    line += std::string(label) + ": " + to_line(value) + ".";
  }
  return line;
}

MeasuredStyle measure_style(std::string_view text) {
  MeasuredStyle style;
  const text::Language language = text::detect_language(text);
  if (language.code != "other") style.language = language.code;
  const text::TextStatistics statistics = text::measure_text(text);
  style.words = static_cast<int>(statistics.words + statistics.unspaced_characters);
  style.sentences = static_cast<int>(statistics.sentences);
  if (style.language == "en" && statistics.words > 0) {
    style.reading_level = statistics.flesch_kincaid_grade();
  }
  return style;
}

Layout layout_of(const StyleWish& wish) {
  if (asks_for(wish.format, "numbered") || asks_for(wish.format, "steps")) {
    return Layout::kNumbered;
  }
  if (asks_for(wish.format, "dash") || asks_for(wish.format, "bullet")) return Layout::kDashes;
  return Layout::kSentences;
}

}  // namespace kith::personalize
