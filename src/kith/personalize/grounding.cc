#include "kith/personalize/grounding.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "kith/memory/terms.h"
#include "kith/text/unicode.h"
#include "kith/text/utf8.h"

namespace kith::personalize {
namespace {

// A run of letters and digits, with the joining marks of codes and numbers inside.
struct Token {
  std::string text;  // lower case
  bool has_digit = false;
  bool has_letter = false;
  bool is_number = false;       // digits and marks only
  bool is_shouted = false;      // at least two capitals and no small letter
  bool is_capitalized = false;  // begins with a capital
  bool starts_sentence = false;
  bool is_list_number = false;
  bool follows_space = false;  // one space from the token before
};

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::vector<Token> scan() {
    text::for_each_code_point(text_, [this](char32_t c, std::size_t offset, std::size_t length) {
      visit(c, offset, length);
    });
    finish();
    return std::move(tokens_);
  }

 private:
  static bool is_token_character(char32_t c) {
    // Chinese has no capitals and no spaces: its words are compared as bigrams, not as tokens.
    if (text::is_han(c) || text::is_kana(c)) return false;
    return text::is_letter(c) || text::is_number(c);
  }

  void visit(char32_t c, std::size_t offset, std::size_t length) {
    if (is_token_character(c)) {
      append(c);
    } else if (!is_open_ || !joins(c, offset + length)) {
      finish();
      note_separator(c, offset + length);
    } else if (c != U',') {
      text::append_utf8(current_.text, c);
    }
  }

  void append(char32_t c) {
    if (!is_open_) {
      current_ = Token{};
      current_.starts_sentence = at_start_;
      current_.follows_space = separators_ == " ";
      current_.is_capitalized = text::is_uppercase(c);
      capitals_ = 0;
      smalls_ = 0;
      is_open_ = true;
    }
    const bool is_digit = text::is_number(c);
    current_.has_digit |= is_digit;
    current_.has_letter |= !is_digit;
    if (!is_digit) ++(text::is_uppercase(c) ? capitals_ : smalls_);
    text::append_utf8(current_.text, text::to_lower(c));
  }

  // Whether `c` stands inside a token: "2.5", "18:00", "1,500", "desk.example", "HB-27", but not
  // "9-12".
  bool joins(char32_t c, std::size_t next) const {
    if (next >= text_.size()) return false;
    const char32_t after = text::decode_code_point(text_, next).value;
    if (!is_token_character(after)) return false;
    const bool digit_before = std::isdigit(static_cast<unsigned char>(current_.text.back())) != 0;
    const bool digits = digit_before && text::is_number(after);
    if (c == U'.' || c == U'_') return digits || (!digit_before && !text::is_number(after));
    if (c == U':' || c == U',') return digits;
    return c == U'-' && !digits;
  }

  void finish() {
    if (!is_open_) return;
    is_open_ = false;
    current_.is_number = current_.has_digit && !current_.has_letter;
    current_.is_shouted = capitals_ >= 2 && smalls_ == 0;
    separators_.clear();
    is_line_start_token_ = at_line_start_;
    at_start_ = false;
    at_line_start_ = false;
    tokens_.push_back(std::move(current_));
  }

  void note_separator(char32_t c, std::size_t next) {
    if (separators_.size() < 8) text::append_utf8(separators_, c);
    const bool ends_line = c == U'\n';
    // "1." and "2)" at the beginning of a line number a list.
    const bool is_mark = c == U'.' || c == U')' || c == U'、';
    if (is_mark && is_line_start_token_ && !tokens_.empty() && tokens_.back().is_number &&
        tokens_.back().text.size() <= 2 && separators_.size() == 1) {
      const bool ends_token =
          next >= text_.size() || text_[next] == ' ' || text_[next] == '\n' || c == U'、';
      if (ends_token) tokens_.back().is_list_number = true;
      at_start_ = true;
    }
    constexpr std::u32string_view kEnds = U".!?:;\n\"“”(>•。！？：；（";
    if (kEnds.find(c) != std::u32string_view::npos) at_start_ = true;
    if (ends_line) at_line_start_ = true;
    if (!text::is_whitespace(c) && !is_mark && c != U'-' && c != U'*') is_line_start_token_ = false;
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  Token current_;
  std::string separators_;
  int capitals_ = 0;
  int smalls_ = 0;
  bool is_open_ = false;
  bool at_start_ = true;
  bool at_line_start_ = true;
  bool is_line_start_token_ = false;
};

bool is_name(const Token& token) {
  return token.is_capitalized && !token.starts_sentence && !token.has_digit &&
         token.text.size() > 1 && !memory::to_query_terms(token.text).empty();
}

std::vector<std::string> split_hyphens(const std::string& token) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= token.size();) {
    const std::size_t end = std::min(token.find('-', start), token.size());
    if (end > start) parts.push_back(token.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

bool has_digit(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; });
}

template <typename T>
void keep_first(std::vector<T>& values) {
  std::set<T> seen;
  std::erase_if(values, [&seen](const T& value) { return !seen.insert(value).second; });
}

}  // namespace

std::vector<std::string> content_words(std::string_view text) {
  return memory::to_query_terms(text);
}

std::vector<std::string> find_facts(std::string_view text) {
  std::vector<std::string> facts;
  bool extends_number = false;
  for (const Token& token : Scanner(text).scan()) {
    const bool is_fact =
        !token.is_list_number && (token.has_digit || token.is_shouted || is_name(token));
    if (is_fact && token.is_number && extends_number && token.follows_space) {
      facts.back() += " " + token.text;  // groups of one telephone number
    } else if (is_fact) {
      facts.push_back(token.text);
    }
    extends_number = is_fact && token.is_number;
  }
  keep_first(facts);
  return facts;
}

void Sources::add(std::string_view text) {
  for (std::string& word : memory::to_terms(text)) words_.insert(std::move(word));
  for (const Token& token : Scanner(text).scan()) {
    sequence_ += token.text + " ";
    for (std::string& part : split_hyphens(token.text)) tokens_.insert(std::move(part));
    tokens_.insert(token.text);
  }
}

bool Sources::has_fact(const std::string& fact) const {
  if (fact.find(' ') != std::string::npos) {
    return sequence_.find(" " + fact + " ") != std::string::npos;
  }
  if (tokens_.contains(fact)) return true;
  // "14-day" says no more than "14 days" does.
  const std::vector<std::string> parts = split_hyphens(fact);
  if (parts.size() < 2 || !has_digit(parts.front()) || has_digit(parts.back())) return false;
  return tokens_.contains(parts.front());
}

Grounding measure_grounding(std::string_view text, const Sources& sources) {
  Grounding grounding;
  const std::vector<std::string> words = content_words(text);
  if (!words.empty()) {
    const auto known = std::count_if(words.begin(), words.end(), [&](const std::string& word) {
      return sources.has_word(word);
    });
    grounding.share = static_cast<double>(known) / static_cast<double>(words.size());
  }
  for (std::string& fact : find_facts(text)) {
    if (!sources.has_fact(fact)) grounding.unknown_facts.push_back(std::move(fact));
  }
  return grounding;
}

double measure_overlap(const std::vector<std::string>& words, std::string_view text) {
  if (words.empty()) return 0.0;
  const std::vector<std::string> found = content_words(text);
  const std::set<std::string> there(found.begin(), found.end());
  const auto known = std::count_if(words.begin(), words.end(),
                                   [&](const std::string& word) { return there.contains(word); });
  return static_cast<double>(known) / static_cast<double>(words.size());
}

}  // namespace kith::personalize
