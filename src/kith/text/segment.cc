#include "kith/text/segment.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kith/text/unicode.h"
#include "kith/text/utf8.h"

namespace kith::text {
namespace {

bool is_unspaced(char32_t c) { return is_han(c) || is_kana(c); }

bool is_apostrophe(char32_t c) { return c == '\'' || c == 0x2019; }

// Collects words; holds the one under way.
class WordCollector {
 public:
  void add(char32_t c) {
    if (is_unspaced(c)) {
      end_word();
      add_unspaced(c);
      return;
    }
    end_run();
    const bool is_joiner = is_apostrophe(c) && !word_.empty();
    if (is_joiner && apostrophe_at_ == kNone) {
      apostrophe_at_ = word_.size();
    } else if (is_word_character(c) && !is_punctuation(c)) {
      append_utf8(word_, to_lower(c));
    } else {
      end_word();
    }
  }

  std::vector<std::string> take() {
    end_word();
    end_run();
    return std::move(words_);
  }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  void add_unspaced(char32_t c) {
    std::string character;
    append_utf8(character, c);
    if (!previous_.empty()) words_.push_back(previous_ + character);
    run_length_ += 1;
    previous_ = std::move(character);
  }

  void end_run() {
    if (run_length_ == 1) words_.push_back(previous_);
    run_length_ = 0;
    previous_.clear();
  }

  void end_word() {
    if (apostrophe_at_ != kNone && std::string_view(word_).substr(apostrophe_at_) == "s") {
      word_.resize(apostrophe_at_);
    }
    if (!word_.empty()) words_.push_back(std::move(word_));
    word_.clear();
    apostrophe_at_ = kNone;
  }

  std::vector<std::string> words_;
  std::string word_;
  // Length of word_ where its apostrophe stood.
  std::size_t apostrophe_at_ = kNone;
  // The last character of the run under way.
  std::string previous_;
  std::size_t run_length_ = 0;
};

bool is_ascii_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

// Headings, quotes, tables, bullets and numbered items.
bool starts_block(std::string_view line) {
  const std::size_t at = line.find_first_not_of(" \t");
  if (at == std::string_view::npos) return true;
  line.remove_prefix(at);
  if (line[0] == '#' || line[0] == '>' || line[0] == '|' || line.starts_with("•")) return true;
  const bool is_bullet = line[0] == '-' || line[0] == '*' || line[0] == '+';
  if (is_bullet) return line.size() > 1 && line[1] == ' ';
  std::size_t digits = 0;
  while (digits < line.size() && is_ascii_digit(line[digits])) ++digits;
  return digits > 0 && digits <= 3 && digits + 1 < line.size() &&
         (line[digits] == '.' || line[digits] == ')') && line[digits + 1] == ' ';
}

bool is_heading(std::string_view line) {
  const std::size_t at = line.find_first_not_of(" \t");
  return at != std::string_view::npos && line[at] == '#';
}

constexpr std::array<std::string_view, 34> kAbbreviations = {
    "mr",   "mrs", "ms",  "dr",   "prof", "sr",  "jr",   "st",     "vs",   "etc", "eg",  "ie",
    "cf",   "al",  "fig", "figs", "no",   "nos", "vol",  "approx", "dept", "inc", "ltd", "co",
    "corp", "ext", "tel", "jan",  "feb",  "aug", "sept", "oct",    "nov",  "dec"};

// Whether the period at `period` belongs to the word before it.
bool is_abbreviation(std::string_view text, std::size_t period) {
  std::size_t begin = period;
  while (begin > 0 && (is_ascii_alpha(text[begin - 1]) || text[begin - 1] == '.')) --begin;
  std::string word;
  for (const char c : text.substr(begin, period - begin)) {
    if (c != '.') word.push_back(static_cast<char>(to_lower(static_cast<char32_t>(c))));
  }
  // An initial ("J. Smith"); "I." ends a sentence more often.
  if (word.size() == 1) return word != "i" || text.substr(begin, period - begin).size() > 1;
  return std::find(kAbbreviations.begin(), kAbbreviations.end(), word) != kAbbreviations.end();
}

bool is_closing(char32_t c) {
  constexpr std::u32string_view kClosing = U"\"')]}”’»」』）】》";
  return kClosing.find(c) != std::u32string_view::npos;
}

bool is_wide_terminator(char32_t c) {
  constexpr std::u32string_view kTerminators = U"。！？｡…";
  return kTerminators.find(c) != std::u32string_view::npos;
}

// If a sentence ends with the terminator at `at`, the offset after it and what closes it; else 0.
std::size_t sentence_end(std::string_view text, std::size_t at) {
  const DecodedCodePoint first = decode_code_point(text, at);
  const bool is_wide = is_wide_terminator(first.value);
  const bool is_narrow = first.value == '.' || first.value == '!' || first.value == '?';
  if (!is_wide && !is_narrow) return 0;
  std::size_t end = at;
  while (end < text.size()) {
    const DecodedCodePoint step = decode_code_point(text, end);
    const bool is_more = is_wide_terminator(step.value) || step.value == '.' || step.value == '!' ||
                         step.value == '?' || is_closing(step.value);
    if (!is_more) break;
    end += step.length;
  }
  if (end == text.size()) return end;
  const DecodedCodePoint next = decode_code_point(text, end);
  // "版本 3.5。": wide marks need no space after them; an ellipsis often goes on.
  if (is_wide) return first.value == U'…' && !is_whitespace(next.value) ? 0 : end;
  if (!is_whitespace(next.value)) return is_han(next.value) && first.value != '.' ? end : 0;
  if (first.value == '.' && is_abbreviation(text, at)) return 0;
  const std::size_t after = text.find_first_not_of(" \t\r\n", end);
  // "approx. five", "e.g. this": a sentence does not begin with a small letter.
  const bool continues =
      after != std::string_view::npos && text[after] >= 'a' && text[after] <= 'z';
  return continues && first.value == '.' ? 0 : end;
}

void push_trimmed(std::string_view text, std::size_t begin, std::size_t end,
                  std::vector<Span>& sentences) {
  std::size_t first = end;
  std::size_t last = begin;
  for_each_code_point(text.substr(begin, end - begin),
                      [&](char32_t c, std::size_t offset, std::size_t length) {
                        if (is_whitespace(c)) return;
                        first = std::min(first, begin + offset);
                        last = begin + offset + length;
                      });
  if (first < last) sentences.push_back({first, last});
}

// Ranges of `text` that no sentence crosses: paragraphs, headings, list items.
std::vector<Span> split_blocks(std::string_view text) {
  std::vector<Span> blocks;
  std::size_t begin = 0;
  bool after_heading = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t newline = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, newline - at);
    if (at > begin && (after_heading || is_blank(line) || starts_block(line))) {
      blocks.push_back({begin, at});
      begin = at;
    }
    after_heading = is_heading(line);
    at = newline + 1;
  }
  if (begin < text.size()) blocks.push_back({begin, text.size()});
  return blocks;
}

// Offset after a list number at the beginning of a block ("1. Open"), where its period ends
// nothing.
std::size_t skip_list_number(std::string_view block) {
  std::size_t at = std::min(block.find_first_not_of(" \t\r\n"), block.size());
  const std::size_t digits = at;
  while (at < block.size() && is_ascii_digit(block[at])) ++at;
  return at > digits && at < block.size() && block[at] == '.' ? at + 1 : 0;
}

}  // namespace

std::vector<std::string> segment_words(std::string_view text) {
  WordCollector collector;
  const std::string normalized = normalize(text, NormalForm::kNfkc);
  for_each_code_point(normalized,
                      [&collector](char32_t c, std::size_t, std::size_t) { collector.add(c); });
  return collector.take();
}

std::string to_index_text(std::string_view text) {
  std::string out;
  for (const std::string& word : segment_words(text)) {
    if (!out.empty()) out.push_back(' ');
    out += word;
  }
  return out;
}

std::vector<Span> split_sentences(std::string_view text) {
  std::vector<Span> sentences;
  for (const Span block : split_blocks(text)) {
    const std::string_view part = text.substr(block.begin, block.size());
    std::size_t begin = 0;
    for (std::size_t at = skip_list_number(part); at < part.size();) {
      const std::size_t end = sentence_end(part, at);
      if (end > 0) {
        push_trimmed(text, block.begin + begin, block.begin + end, sentences);
        begin = end;
      }
      at = end > 0 ? end : at + decode_code_point(part, at).length;
    }
    push_trimmed(text, block.begin + begin, block.end, sentences);
  }
  return sentences;
}

}  // namespace kith::text
