#include "kith/persona/prompt_segments.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "kith/text/unicode.h"
#include "kith/text/utf8.h"

namespace kith::persona {
namespace {

// Words that lead from one request to the next.
struct LinkPhrase {
  std::string_view words;
  Linker strength;
  // Only before a comma or colon: "next, ..." but not "next week".
  bool needs_pause = false;
};

// Longer phrases first where one begins with another.
constexpr std::array kLinkPhrases = {
    LinkPhrase{"by the way", Linker::kStrong},
    LinkPhrase{"one more thing", Linker::kStrong},
    LinkPhrase{"one more question", Linker::kStrong},
    LinkPhrase{"one other thing", Linker::kStrong},
    LinkPhrase{"one last thing", Linker::kStrong},
    LinkPhrase{"one more", Linker::kStrong, true},
    LinkPhrase{"another thing", Linker::kStrong},
    LinkPhrase{"another question", Linker::kStrong},
    LinkPhrase{"a second question", Linker::kStrong},
    LinkPhrase{"second question", Linker::kStrong},
    LinkPhrase{"something else", Linker::kStrong},
    LinkPhrase{"on another note", Linker::kStrong},
    LinkPhrase{"on a different note", Linker::kStrong},
    LinkPhrase{"on top of that", Linker::kStrong},
    LinkPhrase{"while i'm at it", Linker::kStrong},
    LinkPhrase{"while i am at it", Linker::kStrong},
    LinkPhrase{"while we're at it", Linker::kStrong},
    LinkPhrase{"apart from that", Linker::kStrong},
    LinkPhrase{"aside from that", Linker::kStrong},
    LinkPhrase{"different topic", Linker::kStrong, true},
    LinkPhrase{"in addition", Linker::kStrong},
    LinkPhrase{"additionally", Linker::kStrong},
    LinkPhrase{"separately", Linker::kStrong},
    LinkPhrase{"secondly", Linker::kStrong},
    LinkPhrase{"second", Linker::kStrong, true},
    LinkPhrase{"unrelated", Linker::kStrong, true},
    LinkPhrase{"furthermore", Linker::kStrong},
    LinkPhrase{"moreover", Linker::kStrong},
    LinkPhrase{"besides", Linker::kStrong},
    LinkPhrase{"meanwhile", Linker::kStrong, true},
    LinkPhrase{"later on", Linker::kWeak},
    LinkPhrase{"also", Linker::kStrong},
    LinkPhrase{"plus", Linker::kStrong},
    LinkPhrase{"btw", Linker::kStrong},
    LinkPhrase{"next", Linker::kStrong, true},
    LinkPhrase{"finally", Linker::kStrong, true},
    LinkPhrase{"p.s.", Linker::kStrong},
    LinkPhrase{"ps", Linker::kStrong},
    LinkPhrase{"and", Linker::kWeak},
    LinkPhrase{"but", Linker::kWeak},
    LinkPhrase{"then", Linker::kWeak},
    LinkPhrase{"now", Linker::kWeak},
    LinkPhrase{"oh", Linker::kWeak},
};

constexpr std::array kHanLinkPhrases = {
    LinkPhrase{"顺便问一下", Linker::kStrong}, LinkPhrase{"顺便问", Linker::kStrong},
    LinkPhrase{"顺便", Linker::kStrong},       LinkPhrase{"另外", Linker::kStrong},
    LinkPhrase{"还有", Linker::kStrong},       LinkPhrase{"此外", Linker::kStrong},
    LinkPhrase{"对了", Linker::kStrong},       LinkPhrase{"同时", Linker::kWeak},
};

// At most so many linking phrases in a row ("Oh, and by the way, ").
constexpr int kMaxChain = 3;

// What begins a request of its own; after these " and " may join two requests without a comma.
constexpr std::array<std::string_view, 27> kRequestWords = {
    "how",    "what",  "where", "when", "who",     "whom", "why",  "which", "whose",
    "can",    "could", "may",   "is",   "are",     "do",   "does", "did",   "should",
    "please", "will",  "would", "tell", "explain", "show", "i'd",  "i",     "has"};

constexpr std::array<std::string_view, 18> kAbbreviations = {
    "mr", "mrs", "ms", "dr", "prof", "st",  "vs",  "eg",   "ie",
    "cf", "fig", "al", "no", "vol",  "ext", "tel", "dept", "approx"};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_ascii_word(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '\'';
}

std::size_t skip_space(std::string_view text, std::size_t at) {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

bool starts_with_folded(std::string_view text, std::string_view words) {
  if (text.size() < words.size()) return false;
  return std::equal(words.begin(), words.end(), text.begin(),
                    [](char a, char b) { return a == lower(b); });
}

// Bytes of the whole word `words` at the beginning of `text`; 0 if it does not stand there.
std::size_t match_words(std::string_view text, std::string_view words) {
  if (!starts_with_folded(text, words)) return 0;
  const bool goes_on = text.size() > words.size() && is_ascii_word(text[words.size()]);
  return goes_on ? 0 : words.size();
}

bool is_pause(std::string_view text, std::size_t at) {
  return at < text.size() && (text[at] == ',' || text[at] == ':');
}

struct Link {
  Linker strength = Linker::kNone;
  std::size_t end = 0;  // bytes that the linking words take, with what separates them
};

// The offset after a phrase with its comma, colon and white space.
std::size_t skip_pause(std::string_view text, std::size_t at) {
  if (is_pause(text, at)) ++at;
  for (const std::string_view wide : {"，", "：", "、"}) {
    if (text.substr(at).starts_with(wide)) at += wide.size();
  }
  return skip_space(text, at);
}

std::optional<Link> match_phrase(std::string_view text) {
  for (const LinkPhrase& phrase : kLinkPhrases) {
    const std::size_t length = match_words(text, phrase.words);
    if (length == 0 || (phrase.needs_pause && !is_pause(text, length))) continue;
    const std::size_t end = skip_pause(text, length);
    if (end > length) return Link{phrase.strength, end};
  }
  for (const LinkPhrase& phrase : kHanLinkPhrases) {
    if (!text.starts_with(phrase.words)) continue;
    return Link{phrase.strength, skip_pause(text, phrase.words.size())};
  }
  return std::nullopt;
}

// All linking phrases at the beginning of `text`, the strongest of them telling the strength.
Link match_links(std::string_view text) {
  Link links;
  for (int i = 0; i < kMaxChain; ++i) {
    const auto link = match_phrase(text.substr(links.end));
    if (!link) break;
    links.end += link->end;
    links.strength = std::max(links.strength, link->strength);
  }
  return links;
}

// Whether the period at `period` belongs to the word or number before it.
bool belongs_to_word(std::string_view text, std::size_t period) {
  std::size_t begin = period;
  while (begin > 0 && (is_ascii_word(text[begin - 1]) || text[begin - 1] == '.')) --begin;
  std::string word;
  for (const char c : text.substr(begin, period - begin)) {
    if (c != '.') word.push_back(lower(c));
  }
  if (word.empty()) return false;
  const bool is_list_number = std::all_of(word.begin(), word.end(), is_digit) && begin == 0;
  const bool is_initial = word.size() == 1 && word != "i" && !is_digit(word[0]);
  if (is_list_number || is_initial) return true;
  const std::size_t next = skip_space(text, period + 1);
  if (word == "no") return next < text.size() && is_digit(text[next]);
  return std::find(kAbbreviations.begin(), kAbbreviations.end(), word) != kAbbreviations.end();
}

// Bytes of a wide sentence mark or semicolon at `at`; 0 if there is none.
std::size_t match_wide(std::string_view text, std::size_t at,
                       std::initializer_list<std::string_view> marks) {
  for (const std::string_view mark : marks) {
    if (text.substr(at).starts_with(mark)) return mark.size();
  }
  return 0;
}

class BorderScanner {
 public:
  explicit BorderScanner(std::string_view prompt) : prompt_(prompt) {}

  std::vector<PromptBorder> scan() {
    for (std::size_t at = 0; at < prompt_.size();) at = step(at);
    return std::move(borders_);
  }

 private:
  // Looks for a border at `at`; returns where to go on.
  std::size_t step(std::size_t at) {
    const char c = prompt_[at];
    if (c == '\n') return add(at, at, BorderKind::kLine);
    if (c == '.' || c == '!' || c == '?') return after_sentence(at);
    if (const auto size = match_wide(prompt_, at, {"。", "！", "？", "…"})) {
      return add(at + size, at + size, BorderKind::kSentence);
    }
    if (const auto size = match_wide(prompt_, at, {"；"})) {
      return add(at, at + size, BorderKind::kSemicolon);
    }
    if (c == ';') return after_mark(at, BorderKind::kSemicolon);
    if (c == ',') return after_comma(at, 1);
    if (const auto size = match_wide(prompt_, at, {"，"})) return after_comma(at, size);
    if (c == ' ') return after_space(at);
    return at + 1;
  }

  std::size_t after_sentence(std::size_t at) {
    std::size_t end = at;
    while (end < prompt_.size() &&
           std::string_view(".!?\"')]").find(prompt_[end]) != std::string_view::npos) {
      ++end;
    }
    if (end == prompt_.size() || !is_space(prompt_[end])) return end;
    if (end == at + 1 && prompt_[at] == '.' && belongs_to_word(prompt_, at)) return end;
    return add(end, end, BorderKind::kSentence);
  }

  std::size_t after_mark(std::size_t at, BorderKind kind) {
    const bool ends = at + 1 < prompt_.size() && is_space(prompt_[at + 1]);
    return ends ? add(at, at + 1, kind) : at + 1;
  }

  // A comma alone joins what belongs together: only with linking words it may be a border.
  std::size_t after_comma(std::size_t at, std::size_t size) {
    const std::size_t next = skip_space(prompt_, at + size);
    const Link link = match_links(prompt_.substr(next));
    return link.end == 0 ? at + size : add(at, at + size, BorderKind::kClause);
  }

  std::size_t after_space(std::size_t at) {
    const std::size_t next = skip_space(prompt_, at);
    const std::string_view rest = prompt_.substr(next);
    if (rest.starts_with("- ") || rest.starts_with("– ") || rest.starts_with("— ")) {
      const std::size_t dash = rest.find(' ');
      return add(at, next + dash, BorderKind::kSemicolon);
    }
    const bool is_joined = match_words(rest, "and") > 0 || match_words(rest, "plus") > 0;
    if (!is_joined) return std::max(next, at + 1);
    const Link link = match_links(rest);
    const bool is_request =
        link.end > 0 && (link.strength == Linker::kStrong || starts_request(rest.substr(link.end)));
    return is_request ? add(at, next, BorderKind::kClause) : next;
  }

  // The part before ends at `end`; after `next` come white space and linking words.
  std::size_t add(std::size_t end, std::size_t next, BorderKind kind) {
    while (end > 0 && is_space(prompt_[end - 1])) --end;
    std::size_t begin = next;
    int num_lines = 0;
    while (begin < prompt_.size() && is_space(prompt_[begin])) {
      num_lines += prompt_[begin] == '\n' ? 1 : 0;
      ++begin;
    }
    if (num_lines > 0) kind = num_lines > 1 ? BorderKind::kParagraph : BorderKind::kLine;
    const Link link = match_links(prompt_.substr(begin));
    begin += link.end;
    const bool is_apart = borders_.empty() || borders_.back().begin <= end;
    if (begin < prompt_.size() && is_apart) borders_.push_back({kind, link.strength, end, begin});
    return std::max(begin, next + (begin == next ? 1 : 0));
  }

  const std::string_view prompt_;
  std::vector<PromptBorder> borders_;
};

// Half words in `text`: two for a run of letters or digits, one for a Han character.
std::size_t count_half_words(std::string_view text) {
  std::size_t count = 0;
  bool is_inside = false;
  text::for_each_code_point(text, [&](char32_t c, std::size_t, std::size_t) {
    const bool is_word = text::is_word_character(c) && !text::is_punctuation(c);
    if (text::is_han(c)) {
      ++count;
      is_inside = false;
    } else {
      if (is_word && !is_inside) count += 2;
      is_inside = is_word || (is_inside && c == '\'');
    }
  });
  return count;
}

}  // namespace

bool starts_request(std::string_view text) {
  return std::any_of(kRequestWords.begin(), kRequestWords.end(),
                     [&](std::string_view word) { return match_words(text, word) > 0; });
}

std::vector<PromptBorder> find_borders(std::string_view prompt) {
  if (prompt.size() > kMaxSegmentedBytes) return {};
  auto borders = BorderScanner(prompt).scan();
  std::erase_if(borders, [prompt](const PromptBorder& border) {
    return count_half_words(prompt.substr(0, border.end)) < 2 * kMinSegmentWords ||
           count_half_words(prompt.substr(border.begin)) < 2 * kMinSegmentWords;
  });
  if (borders.size() > kMaxBorders) borders.clear();
  return borders;
}

std::vector<text::Span> segments_between(std::string_view prompt,
                                         const std::vector<PromptBorder>& borders) {
  std::vector<text::Span> segments;
  std::size_t begin = skip_space(prompt, 0);
  for (const PromptBorder& border : borders) {
    segments.push_back({begin, std::max(begin, border.end)});
    begin = border.begin;
  }
  std::size_t end = prompt.size();
  while (end > begin && is_space(prompt[end - 1])) --end;
  segments.push_back({begin, std::max(begin, end)});
  return segments;
}

}  // namespace kith::persona
