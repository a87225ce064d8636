#include "kith/text/language.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "kith/text/unicode.h"
#include "kith/text/utf8.h"

#ifdef KITH_TEXT_HAS_CLD2
#include <cld2/public/compact_lang_det.h>
#endif

namespace kith::text {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{16} << 10;
// Below this many letters statistics of letters say little.
constexpr std::size_t kMinLettersForModel = 20;
constexpr std::size_t kMinLettersForTrust = 40;

struct ScriptCounts {
  std::size_t latin = 0;
  std::size_t han = 0;
  std::size_t kana = 0;
  std::size_t hangul = 0;
  std::size_t cyrillic = 0;
  std::size_t other = 0;

  std::size_t total() const { return latin + han + kana + hangul + cyrillic + other; }
};

ScriptCounts count_scripts(std::string_view text) {
  ScriptCounts counts;
  for_each_code_point(text, [&counts](char32_t c, std::size_t, std::size_t) {
    if (is_han(c)) {
      ++counts.han;
    } else if (is_kana(c)) {
      ++counts.kana;
    } else if (!is_letter(c)) {
      return;
    } else if (c < 0x250 || (c >= 0x1E00 && c < 0x1F00)) {
      ++counts.latin;
    } else if (c >= 0xAC00 && c <= 0xD7A3) {
      ++counts.hangul;
    } else if (c >= 0x400 && c < 0x530) {
      ++counts.cyrillic;
    } else {
      ++counts.other;
    }
  });
  return counts;
}

// Function words and the commonest verbs of requests; none is a common word of another language
// written in Latin letters, except where English is far likelier.
constexpr std::array<std::string_view, 72> kEnglishWords = {
    "a",      "about", "after", "all",   "and",   "any",    "are",    "as",    "at",
    "be",     "been",  "but",   "by",    "can",   "cannot", "could",  "did",   "do",
    "does",   "for",   "from",  "get",   "has",   "have",   "how",    "i",     "if",
    "in",     "into",  "is",    "it",    "its",   "just",   "me",     "my",    "need",
    "not",    "of",    "on",    "or",    "our",   "out",    "please", "so",    "some",
    "thanks", "that",  "the",   "their", "them",  "then",   "there",  "they",  "this",
    "to",     "up",    "was",   "we",    "were",  "what",   "when",   "where", "which",
    "who",    "why",   "will",  "with",  "would", "you",    "your",   "dont",  "cant"};

struct WordCounts {
  std::size_t words = 0;
  std::size_t english = 0;

  double english_share() const {
    return words == 0 ? 0.0 : static_cast<double>(english) / static_cast<double>(words);
  }
};

WordCounts count_words(std::string_view text) {
  WordCounts counts;
  std::string word;
  const auto finish = [&] {
    if (word.empty()) return;
    ++counts.words;
    const bool is_english =
        std::find(kEnglishWords.begin(), kEnglishWords.end(), word) != kEnglishWords.end();
    if (is_english) ++counts.english;
    word.clear();
  };
  for_each_code_point(text, [&](char32_t c, std::size_t, std::size_t) {
    if (c == '\'' || c == 0x2019) return;
    if (is_letter(c)) return append_utf8(word, to_lower(c));
    finish();
  });
  finish();
  return counts;
}

#ifdef KITH_TEXT_HAS_CLD2
Language ask_model(std::string_view text) {
  bool is_reliable = false;
  const CLD2::Language found = CLD2::DetectLanguage(text.data(), static_cast<int>(text.size()),
                                                    /*is_plain_text=*/true, &is_reliable);
  if (found == CLD2::UNKNOWN_LANGUAGE) return {"other", false};
  std::string code = CLD2::LanguageCode(found);
  if (code.starts_with("zh")) code = "zh";
  return {code.size() == 2 ? code : "other", is_reliable};
}
#else
Language ask_model(std::string_view) { return {"other", false}; }
#endif

Language detect_latin(std::string_view text, std::size_t letters) {
  const WordCounts counts = count_words(text);
  if (counts.words >= 3 && counts.english >= 2 && counts.english_share() >= 0.3) {
    return {"en", true};
  }
  Language guess = letters >= kMinLettersForModel ? ask_model(text) : Language{"other", false};
  guess.is_reliable = guess.is_reliable && letters >= kMinLettersForTrust;
  // One English function word outweighs a guess that is not sure of itself.
  if (!guess.is_reliable && counts.english > 0) guess.code = "en";
  return guess;
}

}  // namespace

Language detect_language(std::string_view text) {
  const std::string clean = sanitize_utf8(truncate_utf8(text, kMaxBytes));
  const ScriptCounts counts = count_scripts(clean);
  const std::size_t total = counts.total();
  if (total == 0) return {};
  const auto dominates = [total](std::size_t count) { return count * 2 > total; };
  const std::size_t eastern = counts.han + counts.kana;
  // One ideograph says about as much as a short word of letters.
  if (eastern * 4 >= counts.latin && eastern > 0 && !dominates(counts.hangul)) {
    const bool is_japanese = counts.kana * 5 >= eastern;
    return {is_japanese ? "ja" : "zh", eastern >= 4 && eastern * 2 >= counts.latin};
  }
  if (dominates(counts.hangul)) return {"ko", true};
  if (dominates(counts.latin)) return detect_latin(clean, counts.latin);
  Language guess = ask_model(clean);
  if (dominates(counts.cyrillic) && !guess.is_reliable) return {"ru", false};
  return guess;
}

}  // namespace kith::text
