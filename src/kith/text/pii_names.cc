#include "kith/text/pii_names.h"

#include <algorithm>
#include <array>

#include "kith/text/unicode.h"
#include "kith/text/utf8.h"

namespace kith::text {
namespace {

// Longer names than this are cut; keeps the work at a place bounded.
constexpr std::size_t kMaxWords = 6;
constexpr std::size_t kMaxWordBytes = 64;
constexpr std::size_t kMinPartBytes = 3;
constexpr std::size_t kMinHan = 2;
constexpr std::size_t kMaxHan = 5;

// Parts of names that are words as well. Alone they are not taken for a name.
constexpr std::array kCommonWords = std::to_array<std::string_view>(
    {"abbey",     "able",     "amber",    "april",   "archer",    "art",    "ash",      "august",
     "autumn",    "baker",    "banks",    "barber",  "basil",     "bay",    "bell",     "berry",
     "best",      "bill",     "birch",    "bird",    "bishop",    "black",  "blue",     "bond",
     "book",      "booth",    "bridge",   "bright",  "brook",     "brown",  "bush",     "butler",
     "carpenter", "case",     "chance",   "chase",   "christian", "church", "clay",     "clerk",
     "cliff",     "coach",    "cook",     "cooper",  "cross",     "crown",  "daisy",    "dale",
     "dawn",      "day",      "dean",     "dell",    "dial",      "don",    "earl",     "early",
     "east",      "english",  "faith",    "farmer",  "field",     "fields", "fisher",   "flint",
     "flower",    "ford",     "forest",   "foster",  "fox",       "frank",  "free",     "french",
     "frost",     "gardener", "gene",     "glen",    "grace",     "grant",  "gray",     "green",
     "grey",      "grove",    "hall",     "hardy",   "harmony",   "hazel",  "heather",  "hill",
     "holly",     "honor",    "hood",     "hope",    "house",     "hunter", "iris",     "ivy",
     "jack",      "jade",     "jewel",    "joy",     "judge",     "july",   "june",     "justice",
     "key",       "king",     "knight",   "lake",    "lane",      "law",    "lily",     "little",
     "long",      "love",     "low",      "major",   "march",     "mark",   "marks",    "marsh",
     "mason",     "max",      "may",      "mercy",   "miles",     "mill",   "miller",   "mills",
     "mint",      "misty",    "moon",     "moss",    "new",       "noble",  "north",    "nurse",
     "oak",       "olive",    "opal",     "page",    "park",      "parker", "parks",    "pat",
     "patience",  "peace",    "pearl",    "penny",   "pepper",    "perch",  "piper",    "plant",
     "pope",      "porter",   "post",     "potter",  "power",     "price",  "prince",   "prudence",
     "quick",     "rain",     "ray",      "reed",    "rich",      "rivers", "rob",      "robin",
     "rock",      "rose",     "rowan",    "royal",   "ruby",      "rush",   "rusty",    "sage",
     "sandy",     "sharp",    "shepherd", "short",   "silver",    "skip",   "sky",      "small",
     "smart",     "snow",     "south",    "spring",  "star",      "steel",  "sterling", "stone",
     "strong",    "sue",      "summer",   "summers", "swan",      "sweet",  "tanner",   "temple",
     "thorn",     "trinity",  "tucker",   "van",     "violet",    "walker", "wall",     "ward",
     "waters",    "weaver",   "wells",    "west",    "white",     "wild",   "will",     "win",
     "winter",    "winters",  "wise",     "wood",    "woods",     "worth",  "wright",   "young",
     "zion"});

bool is_common(const std::string& word) {
  return std::find(kCommonWords.begin(), kCommonWords.end(), word) != kCommonWords.end();
}

bool is_name_letter(char32_t c) { return (is_letter(c) || is_nonspacing_mark(c)) && !is_han(c); }

bool joins_letters(char32_t c) { return c == U'\'' || c == 0x2019 || c == U'-'; }

// A word of letters, with apostrophes and hyphens inside; its end, or `begin` if there is none.
std::size_t word_end(std::string_view text, std::size_t begin) {
  std::size_t end = begin;
  for (std::size_t i = begin; i < text.size() && i - begin < kMaxWordBytes;) {
    const DecodedCodePoint step = decode_code_point(text, i);
    const bool letter = step.well_formed && is_name_letter(step.value);
    if (!letter && (i == begin || !joins_letters(step.value))) break;
    i += step.length;
    if (letter) end = i;
  }
  return end;
}

// The words of a name in lower case.
std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < name.size() && words.size() < kMaxWords;) {
    const std::size_t end = word_end(name, i);
    if (end > i) words.push_back(to_lower(name.substr(i, end - i)));
    i = end > i ? end : i + decode_code_point(name, i).length;
  }
  return words;
}

std::string join(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) joined += (joined.empty() ? "" : " ") + word;
  return joined;
}

// Bytes of Han characters from `position` on, at most `most` characters; ends[i]: after i + 1.
std::vector<std::size_t> han_ends(std::string_view text, std::size_t position, std::size_t most) {
  std::vector<std::size_t> ends;
  for (std::size_t i = position; i < text.size() && ends.size() < most;) {
    const DecodedCodePoint step = decode_code_point(text, i);
    if (!step.well_formed || !is_han(step.value)) break;
    i += step.length;
    ends.push_back(i);
  }
  return ends;
}

bool starts_with_capital(std::string_view word) {
  return is_uppercase(decode_code_point(word, 0).value);
}

// Between two words of a name: spaces, or a comma and spaces; the begin of the next word.
std::size_t next_word(std::string_view text, std::size_t end) {
  std::size_t at = end;
  if (at < text.size() && text[at] == '.') ++at;  // an initial's
  if (at < text.size() && text[at] == ',') ++at;
  const std::size_t spaces = at;
  while (at < text.size() && at - spaces < 3 && (text[at] == ' ' || text[at] == '\t')) ++at;
  return at > spaces ? at : std::string_view::npos;
}

}  // namespace

PiiNames::PiiNames(const std::vector<std::string>& names) {
  for (const std::string& name : names) add(sanitize_utf8(name));
}

void PiiNames::add(const std::string& name) {
  const std::size_t first = name.find_first_not_of(" \t");
  if (first == std::string::npos) return;
  const auto han = han_ends(name, first, kMaxHan + 1);
  if (han.size() >= kMinHan && han.size() <= kMaxHan) {
    han_.insert(name.substr(first, han.back() - first));
    return;
  }
  std::vector<std::string> words = words_of(name);
  if (words.empty()) return;
  most_words_ = std::max(most_words_, words.size());
  if (words.size() > 1) {
    full_.insert(join(words));
    std::rotate(words.begin(), words.end() - 1, words.end());
    full_.insert(join(words));
  }
  for (const std::string& word : words) {
    if (word.size() >= kMinPartBytes && !is_common(word)) parts_.insert(word);
  }
}

std::size_t PiiNames::match_at(std::string_view text, std::size_t position) const {
  const auto han = han_ends(text, position, kMaxHan);
  if (!han.empty()) {
    for (std::size_t count = han.size(); count >= kMinHan; --count) {
      const std::size_t length = han[count - 1] - position;
      if (han_.contains(std::string(text.substr(position, length)))) return length;
    }
    return 0;
  }
  if (most_words_ == 0) return 0;
  std::string joined;
  std::size_t longest = 0;
  std::size_t begin = position;
  for (std::size_t count = 1; count <= most_words_; ++count) {
    const std::size_t end = word_end(text, begin);
    if (end == begin) break;
    std::string_view word = text.substr(begin, end - begin);
    std::size_t cut = end;
    if (word.ends_with("'s")) {
      word.remove_suffix(2);
      cut -= 2;
    }
    if (count > 1) joined += ' ';
    joined += to_lower(word);
    const bool is_part = count == 1 && parts_.contains(joined) && starts_with_capital(word);
    if (is_part || (count > 1 && full_.contains(joined))) longest = cut - position;
    if (cut != end) break;
    begin = next_word(text, end);
    if (begin == std::string_view::npos) break;
  }
  return longest;
}

}  // namespace kith::text
