#include "kith/persona/ngram_features.h"

#include <algorithm>
#include <array>

#include "kith/text/unicode.h"
#include "kith/text/utf8.h"

namespace kith::persona {
namespace {

constexpr std::size_t kShortest = 2;
constexpr std::size_t kLongest = 5;
constexpr FeatureHash kWordSeed = 0x9AE16A3B2F90404FULL;
constexpr FeatureHash kPairSeed = 0xC949D7C7509E6557ULL;
constexpr FeatureHash kCharacterSeed = 0x9FB21C651E98DF25ULL;

constexpr FeatureHash step(FeatureHash hash, FeatureHash value) {
  return (hash ^ value) * 0x100000001B3ULL;
}

// Spreads what FNV leaves in the low bits over all of them (the finalizer of MurmurHash3).
constexpr FeatureHash finish(FeatureHash hash, FeatureGroup group) {
  hash = (hash ^ (hash >> 33)) * 0xFF51AFD7ED558CCDULL;
  hash = (hash ^ (hash >> 33)) * 0xC4CEB9FE1A85EC53ULL;
  hash ^= hash >> 33;
  return (hash & ~FeatureHash{1}) | static_cast<FeatureHash>(group);
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void fold_ascii(std::string_view text, std::string& out) {
  for (const char c : text) {
    const bool is_upper = c >= 'A' && c <= 'Z';
    if (is_upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      out += is_upper ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (c != '\'' && out.back() != ' ') {
      out += ' ';
    }
  }
}

void fold_unicode(std::string_view text, std::string& out) {
  const std::string normal = text::normalize(text::sanitize_utf8(text), text::NormalForm::kNfkc);
  text::for_each_code_point(normal, [&out](char32_t c, std::size_t, std::size_t) {
    if (text::is_han(c) || text::is_kana(c)) {
      if (out.back() != ' ') out += ' ';
      text::append_utf8(out, c);
      out += ' ';
    } else if (text::is_word_character(c) && c != U'_') {
      text::append_utf8(out, text::to_lower(c));
    } else if (c != U'\'' && c != U'\u2019' && out.back() != ' ') {
      out += ' ';
    }
  });
}

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

// Runs of characters that begin in `word`, which has a space at both ends.
void append_characters(std::string_view word, std::vector<FeatureHash>& features) {
  for (std::size_t begin = 0; begin < word.size(); ++begin) {
    if (!begins_character(word[begin])) continue;
    FeatureHash hash = kCharacterSeed;
    std::size_t length = 0;
    for (std::size_t at = begin; at < word.size() && length < kLongest;) {
      do {
        hash = step(hash, static_cast<unsigned char>(word[at++]));
      } while (at < word.size() && !begins_character(word[at]));
      if (++length >= kShortest) features.push_back(finish(hash, FeatureGroup::kCharacters));
    }
  }
}

}  // namespace

std::string fold_text(std::string_view text, std::size_t most_bytes) {
  std::string shortened;
  if (text.size() > most_bytes) {
    const std::size_t half = most_bytes / 2;
    shortened = std::string(text::truncate_utf8(text, half)) + ' ';
    // A character that the cut falls into becomes U+FFFD, which separates words.
    shortened += text.substr(text.size() - half);
    text = shortened;
  }
  std::string out = " ";
  out.reserve(text.size() + 2);
  if (is_ascii(text)) {
    fold_ascii(text, out);
  } else {
    fold_unicode(text, out);
  }
  if (out.back() != ' ') out += ' ';
  return out;
}

void append_ngrams(std::string_view folded, std::vector<FeatureHash>& features) {
  // Of every byte at most four runs of characters begin, and every word and pair takes two bytes.
  features.reserve(features.size() + (kLongest - kShortest + 2) * folded.size());
  FeatureHash before = 0;
  for (std::size_t begin = 0; begin + 1 < folded.size();) {
    const std::size_t end = folded.find(' ', begin + 1);
    FeatureHash word = kWordSeed;
    for (std::size_t i = begin + 1; i < end; ++i) {
      word = step(word, static_cast<unsigned char>(folded[i]));
    }
    features.push_back(finish(word, FeatureGroup::kWords));
    if (before != 0) {
      features.push_back(finish(step(step(kPairSeed, before), word), FeatureGroup::kWords));
    }
    append_characters(folded.substr(begin, end - begin + 1), features);
    before = word;
    begin = end;
  }
}

}  // namespace kith::persona
