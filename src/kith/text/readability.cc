#include "kith/text/readability.h"

#include <algorithm>
#include <string>

#include "kith/text/segment.h"
#include "kith/text/unicode.h"
#include "kith/text/utf8.h"

namespace kith::text {
namespace {

bool is_vowel(char c) { return std::string_view("aeiouy").find(c) != std::string_view::npos; }

// Final letters that are written but not spoken as a syllable: "make", "asked", "wages" has one.
bool has_silent_ending(std::string_view word) {
  if (word.ends_with("le")) return word.size() > 2 && is_vowel(word[word.size() - 3]);
  if (word.ends_with("e")) return true;
  if (word.ends_with("ed")) {
    return word.size() > 3 && word[word.size() - 3] != 't' && word[word.size() - 3] != 'd' &&
           !is_vowel(word[word.size() - 3]);
  }
  if (!word.ends_with("es") || word.size() < 4) return false;
  const std::string_view stem = word.substr(0, word.size() - 2);
  constexpr std::string_view kHissing = "scgxz";
  const bool hisses = kHissing.find(stem.back()) != std::string_view::npos ||
                      stem.ends_with("sh") || stem.ends_with("ch");
  return !hisses && !is_vowel(stem.back()) && !stem.ends_with("l");
}

}  // namespace

double TextStatistics::mean_sentence_length() const {
  if (sentences == 0) return 0.0;
  return static_cast<double>(words + unspaced_characters) / static_cast<double>(sentences);
}

double TextStatistics::flesch_kincaid_grade() const {
  if (words == 0 || sentences == 0) return 0.0;
  const auto num_words = static_cast<double>(words);
  return 0.39 * num_words / static_cast<double>(sentences) +
         11.8 * static_cast<double>(syllables) / num_words - 15.59;
}

std::size_t count_syllables(std::string_view word) {
  const std::string lower = to_lower(word);
  std::size_t groups = 0;
  bool in_group = false;
  for (std::size_t i = 0; i < lower.size(); ++i) {
    // A leading y is a consonant.
    const bool vowel = is_vowel(lower[i]) && (i > 0 || lower[i] != 'y');
    if (vowel && !in_group) ++groups;
    in_group = vowel;
  }
  if (groups > 1 && has_silent_ending(lower)) --groups;
  return std::max<std::size_t>(groups, 1);
}

TextStatistics measure_text(std::string_view text) {
  TextStatistics statistics;
  statistics.sentences = split_sentences(text).size();
  std::string word;
  const auto finish = [&] {
    if (word.empty()) return;
    ++statistics.words;
    statistics.syllables += count_syllables(word);
    word.clear();
  };
  for_each_code_point(text, [&](char32_t c, std::size_t, std::size_t) {
    if (is_han(c) || is_kana(c)) {
      finish();
      ++statistics.unspaced_characters;
    } else if (is_letter(c) || is_number(c)) {
      append_utf8(word, c);
    } else if (c != '\'' && c != 0x2019) {
      finish();
    }
  });
  finish();
  return statistics;
}

}  // namespace kith::text
