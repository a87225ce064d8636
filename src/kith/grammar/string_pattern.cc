#include "kith/grammar/string_pattern.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kith/text/utf8.h"

namespace kith::grammar {
namespace {

constexpr int kMaxGroups = 32;  // within each other
constexpr int kMaxRepeats = 1000;
constexpr std::size_t kMaxStates = 20'000;
constexpr char32_t kLastCodePoint = 0x10FFFF;

using Ranges = std::vector<CodePointRange>;

Error invalid(const std::string& message) {
  return Error{ErrorCode::kInvalidArgument, "the pattern " + message};
}

// U+0000 is never written.
Ranges any_character() { return {{1, kLastCodePoint}}; }

Ranges complement(Ranges ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const CodePointRange& a, const CodePointRange& b) { return a.low < b.low; });
  Ranges others;
  char32_t next = 1;
  for (const auto& [low, high] : ranges) {
    if (low > next) others.push_back({next, static_cast<char32_t>(low - 1)});
    next = std::max(next, static_cast<char32_t>(high + 1));
  }
  if (next <= kLastCodePoint) others.push_back({next, kLastCodePoint});
  return others;
}

const Ranges kDigits{{'0', '9'}};
const Ranges kWord{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const Ranges kSpace{{9, 13}, {' ', ' '}};
// What some regular expression engine takes for a space, a digit or a word character.
const Ranges kWideSpace{{9, 13},          {0x1C, 0x20},     {0x85, 0x85},     {0xA0, 0xA0},
                        {0x1680, 0x1680}, {0x180E, 0x180E}, {0x2000, 0x200A}, {0x2028, 0x2029},
                        {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const Ranges kWideWord{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}, {0x80, kLastCodePoint}};
const Ranges kLineEnds{{'\n', '\n'}, {'\r', '\r'}, {0x85, 0x85}, {0x2028, 0x2029}};

std::optional<Ranges> class_of(char32_t letter) {
  switch (letter) {
    case 'd':
      return kDigits;
    case 'w':
      return kWord;
    case 's':
      return kSpace;
    case 'D':
    case 'W':
      // Digits and letters of other scripts are left out of both: engines differ on them.
      return complement(kWideWord);
    case 'S':
      return complement(kWideSpace);
    default:
      return std::nullopt;
  }
}

// A syntax tree. kSet reads one code point; kSequence and kChoice have parts; kRepeat has one.
struct Term {
  enum class Kind : std::uint8_t { kSet, kSequence, kChoice, kRepeat };
  Kind kind = Kind::kSequence;
  Ranges set;
  std::vector<Term> parts;
  int min = 1;
  int max = 1;  // or kNoLimit
};

Term any_text() {
  Term set{.kind = Term::Kind::kSet, .set = any_character()};
  return {.kind = Term::Kind::kRepeat, .parts = {std::move(set)}, .min = 0, .max = kNoLimit};
}

class PatternParser {
 public:
  explicit PatternParser(std::string_view pattern) {
    text::for_each_code_point(
        pattern, [this](char32_t c, std::size_t, std::size_t) { pattern_.push_back(c); });
  }

  Result<Term> parse() {
    KITH_ASSIGN_OR_RETURN(Term term, parse_choice(0));
    if (at_ < pattern_.size()) return invalid("has an unmatched )");
    return term;
  }

 private:
  bool ends() const { return at_ == pattern_.size(); }
  char32_t peek(std::size_t ahead = 0) const {
    return at_ + ahead < pattern_.size() ? pattern_[at_ + ahead] : U'\0';
  }
  bool take(char32_t c) {
    if (ends() || peek() != c) return false;
    ++at_;
    return true;
  }

  Result<Term> parse_choice(int depth) {
    if (depth > kMaxGroups) return invalid("has groups nested deeper than 32");
    Term choice{.kind = Term::Kind::kChoice};
    do {
      KITH_ASSIGN_OR_RETURN(Term sequence, parse_sequence(depth));
      choice.parts.push_back(std::move(sequence));
    } while (take('|'));
    return choice;
  }

  Result<Term> parse_sequence(int depth) {
    Term sequence;
    const bool is_outermost = depth == 0;
    if (is_outermost && !take('^')) sequence.parts.push_back(any_text());
    bool is_anchored = false;
    while (!ends() && peek() != '|' && peek() != ')') {
      if (is_anchored || peek() == '^') return invalid("has an anchor that is not at its end");
      if (peek() == '$') {
        if (!is_outermost) return invalid("has an anchor within a group");
        ++at_;
        is_anchored = true;
        continue;
      }
      KITH_ASSIGN_OR_RETURN(Term atom, parse_atom(depth));
      KITH_ASSIGN_OR_RETURN(Term repeated, parse_repeat(std::move(atom)));
      sequence.parts.push_back(std::move(repeated));
    }
    if (is_outermost && !is_anchored) sequence.parts.push_back(any_text());
    return sequence;
  }

  Result<Term> parse_atom(int depth) {
    const char32_t c = peek();
    ++at_;
    switch (c) {
      case '(':
        return parse_group(depth);
      case '[':
        return parse_class();
      case '.':
        return Term{.kind = Term::Kind::kSet, .set = complement(kLineEnds)};
      case '\\': {
        KITH_ASSIGN_OR_RETURN(Ranges set, parse_escape());
        return Term{.kind = Term::Kind::kSet, .set = std::move(set)};
      }
      case '*':
      case '+':
      case '?':
      case '{':
        return invalid("has a quantifier with nothing before it");
      default:
        return Term{.kind = Term::Kind::kSet, .set = {{c, c}}};
    }
  }

  Result<Term> parse_group(int depth) {
    if (take('?') && !take(':')) {
      return invalid("has an assertion, a named group or a flag, which are not supported");
    }
    KITH_ASSIGN_OR_RETURN(Term inner, parse_choice(depth + 1));
    if (!take(')')) return invalid("has an unmatched (");
    return inner;
  }

  Result<Term> parse_repeat(Term atom) {
    int min = 0;
    int max = kNoLimit;
    if (take('+')) {
      min = 1;
    } else if (take('?')) {
      max = 1;
    } else if (take('{')) {
      KITH_ASSIGN_OR_RETURN(min, parse_count());
      max = min;
      if (take(',')) {
        max = kNoLimit;
        if (peek() != '}') {
          KITH_ASSIGN_OR_RETURN(max, parse_count());
        }
      }
      if (!take('}')) return invalid("has a { that is not closed");
      if (max != kNoLimit && max < min) return invalid("has a repetition {n,m} with m < n");
    } else if (!take('*')) {
      return atom;
    }
    take('?');
    const char32_t next = peek();
    if (!ends() && (next == '*' || next == '+' || next == '?' || next == '{')) {
      return invalid("has two quantifiers in a row");
    }
    return Term{.kind = Term::Kind::kRepeat, .parts = {std::move(atom)}, .min = min, .max = max};
  }

  Result<int> parse_count() {
    int value = 0;
    const std::size_t start = at_;
    while (!ends() && peek() >= '0' && peek() <= '9' && value <= kMaxRepeats) {
      value = value * 10 + static_cast<int>(peek() - '0');
      ++at_;
    }
    if (at_ == start || value > kMaxRepeats) return invalid("has a repetition not in [0, 1000]");
    return value;
  }

  Result<Ranges> parse_escape() {
    if (ends()) return invalid("ends in a backslash");
    const char32_t c = peek();
    ++at_;
    if (auto set = class_of(c)) return *std::move(set);
    switch (c) {
      case 't':
        return Ranges{{9, 9}};
      case 'n':
        return Ranges{{10, 10}};
      case 'v':
        return Ranges{{11, 11}};
      case 'f':
        return Ranges{{12, 12}};
      case 'r':
        return Ranges{{13, 13}};
      case 'x':
        return parse_hex(2);
      case 'u':
        return parse_hex(4);
      default:
        break;
    }
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                           (c >= '0' && c <= '9') || c > 0x7F;
    if (!is_letter) return Ranges{{c, c}};
    std::string name;
    text::append_utf8(name, c);
    return invalid("has an escape that is not supported: \\" + name);
  }

  Result<Ranges> parse_hex(int digits) {
    char32_t value = 0;
    for (int i = 0; i < digits; ++i) {
      const char32_t c = peek();
      const bool is_digit = c >= '0' && c <= '9';
      const char32_t lower = c | 0x20;
      if (ends() || (!is_digit && (lower < 'a' || lower > 'f'))) {
        return invalid("has a malformed \\x or \\u");
      }
      value = value * 16 + (is_digit ? c - '0' : lower - 'a' + 10);
      ++at_;
    }
    if (value == 0 || (value >= 0xD800 && value <= 0xDFFF)) {
      return invalid("asks for U+0000 or a surrogate");
    }
    return Ranges{{value, value}};
  }

  // What stands in a class that engines read more or less widely.
  struct WideReading {
    bool spaces = false;
    bool words = false;
  };

  Result<Term> parse_class() {
    const bool is_negated = take('^');
    Ranges set;
    WideReading wide;
    while (!ends() && peek() != ']') {
      KITH_ASSIGN_OR_RETURN(Ranges first, parse_class_member(wide));
      const bool is_range = peek() == '-' && peek(1) != ']' && at_ + 1 < pattern_.size();
      if (!is_range) {
        set.insert(set.end(), first.begin(), first.end());
        continue;
      }
      ++at_;
      KITH_ASSIGN_OR_RETURN(const Ranges last, parse_class_member(wide));
      const auto is_one = [](const Ranges& r) { return r.size() == 1 && r[0].low == r[0].high; };
      if (!is_one(first) || !is_one(last) || last[0].low < first[0].low) {
        return invalid("has a range whose ends are not in order");
      }
      set.push_back({first[0].low, last[0].low});
    }
    if (!take(']')) return invalid("has a [ that is not closed");
    // The opposite of the narrow reading of \w would hold what a wide one calls a letter.
    if (is_negated && wide.spaces) set.insert(set.end(), kWideSpace.begin(), kWideSpace.end());
    if (is_negated && wide.words) set.push_back({0x80, kLastCodePoint});
    return Term{.kind = Term::Kind::kSet, .set = is_negated ? complement(set) : set};
  }

  Result<Ranges> parse_class_member(WideReading& wide) {
    if (ends()) return invalid("has a [ that is not closed");
    const char32_t c = peek();
    if (c == '[' && (peek(1) == ':' || peek(1) == '.' || peek(1) == '=')) {
      return invalid("has a POSIX class, which is not supported");
    }
    if (c == '&' && peek(1) == '&') return invalid("has a class intersection");
    ++at_;
    if (c != '\\') return Ranges{{c, c}};
    if (peek() == 'b') return invalid("has an escape that is not supported: \\b");
    (peek() == 's' || peek() == 'S' ? wide.spaces : wide.words) |= class_of(peek()).has_value();
    return parse_escape();
  }

  std::u32string pattern_;
  std::size_t at_ = 0;
};

// A nondeterministic automaton over code points (Thompson 1968).
class CodePointNfa {
 public:
  struct Arc {
    const Ranges* set = nullptr;  // null: reads nothing
    int target = 0;
  };

  // `term` is borrowed. Errors: kInvalidArgument if it takes too many states.
  static Result<CodePointNfa> build(const Term& term) {
    CodePointNfa nfa;
    const int start = nfa.add_state();
    nfa.end_ = nfa.add(term, start);
    if (nfa.is_too_large()) return invalid("is too large");
    return nfa;
  }

  int start() const { return 0; }
  int end() const { return end_; }
  const std::vector<Arc>& arcs(int state) const { return arcs_[static_cast<std::size_t>(state)]; }

 private:
  // Empty groups add no states, however often they are repeated.
  bool is_too_large() const { return arcs_.size() > kMaxStates || terms_ > 10 * kMaxStates; }

  int add_state() {
    arcs_.emplace_back();
    return static_cast<int>(arcs_.size()) - 1;
  }
  void add_arc(int from, int to, const Ranges* set = nullptr) {
    arcs_[static_cast<std::size_t>(from)].push_back({set, to});
  }

  // Returns the state behind `term`.
  int add(const Term& term, int from) {
    ++terms_;
    if (is_too_large()) return from;
    switch (term.kind) {
      case Term::Kind::kSet: {
        const int to = add_state();
        add_arc(from, to, &term.set);
        return to;
      }
      case Term::Kind::kSequence:
        for (const Term& part : term.parts) from = add(part, from);
        return from;
      case Term::Kind::kChoice: {
        if (term.parts.size() == 1) return add(term.parts.front(), from);
        const int to = add_state();
        for (const Term& part : term.parts) {
          const int begin = add_state();
          add_arc(from, begin);
          add_arc(add(part, begin), to);
        }
        return to;
      }
      case Term::Kind::kRepeat:
        return add_repeat(term, from);
    }
    return from;
  }

  int add_repeat(const Term& term, int from) {
    const Term& part = term.parts.front();
    for (int i = 0; i < term.min && !is_too_large(); ++i) from = add(part, from);
    const int to = add_state();
    if (term.max == kNoLimit) {
      add_arc(from, to);
      add_arc(add(part, to), to);
      return to;
    }
    for (int i = term.min; i < term.max && !is_too_large(); ++i) {
      add_arc(from, to);
      from = add(part, from);
    }
    add_arc(from, to);
    return to;
  }

  std::vector<std::vector<Arc>> arcs_;
  std::size_t terms_ = 0;
  int end_ = 0;
};

}  // namespace

Result<RuleId> add_pattern_string(Automaton& automaton, JsonRules& rules, std::string_view pattern,
                                  const StringLength& length) {
  if (pattern.size() > kMaxPatternBytes) return invalid("is longer than 4096 bytes");
  KITH_ASSIGN_OR_RETURN(const Term term, PatternParser(pattern).parse());
  KITH_ASSIGN_OR_RETURN(const CodePointNfa nfa, CodePointNfa::build(term));

  const RuleId rule = automaton.add_rule();
  const bool counts = length.min > 0 || length.max != kNoLimit;
  // The product with the number of characters read; without a largest one it need not be known
  // above the smallest.
  std::map<std::pair<int, int>, NodeId> nodes;
  std::vector<std::pair<int, int>> pending;
  const auto node_of = [&](int state, int count) {
    const auto [found, is_new] = nodes.try_emplace({state, count}, -1);
    if (is_new) {
      found->second = automaton.add_node(rule);
      pending.emplace_back(state, count);
    }
    return found->second;
  };
  automaton.add_bytes(automaton.rule(rule).start, '"', '"', node_of(nfa.start(), 0));
  while (!pending.empty() && !automaton.is_too_large()) {
    const auto [state, count] = pending.back();
    pending.pop_back();
    const NodeId from = node_of(state, count);
    if (state == nfa.end() && count >= length.min) {
      automaton.add_bytes(from, '"', '"', automaton.rule(rule).end);
    }
    for (const CodePointNfa::Arc& arc : nfa.arcs(state)) {
      if (arc.set == nullptr) {
        automaton.add_empty(from, node_of(arc.target, count));
        continue;
      }
      if (length.max != kNoLimit && count >= length.max) continue;
      const int next = !counts                  ? 0
                       : length.max == kNoLimit ? std::min(count + 1, length.min)
                                                : count + 1;
      rules.add_characters(from, *arc.set, node_of(arc.target, next));
    }
  }
  return rule;
}

}  // namespace kith::grammar
