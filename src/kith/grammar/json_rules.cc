#include "kith/grammar/json_rules.h"

#include <algorithm>
#include <array>
#include <set>

#include "kith/base/json.h"
#include "kith/grammar/number_range.h"
#include "kith/text/utf8.h"

namespace kith::grammar {
namespace {

constexpr int kMaxIndent = 20;
constexpr int kMaxExponentDigits = 2;

// Characters that stand in a JSON string as they are.
constexpr std::array<CodePointRange, 3> kPlain{{{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x10FFFF}}};
// The short escapes: the letter behind the backslash and what it means.
constexpr std::array<std::pair<char, char32_t>, 7> kShortEscapes{
    {{'"', '"'}, {'\\', '\\'}, {'b', 8}, {'f', 12}, {'n', 10}, {'r', 13}, {'t', 9}}};

bool contains(std::span<const CodePointRange> ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(), [c](const CodePointRange& range) {
    return c >= range.low && c <= range.high;
  });
}

std::vector<CodePointRange> intersect(std::span<const CodePointRange> a,
                                      std::span<const CodePointRange> b) {
  std::vector<CodePointRange> both;
  for (const auto& x : a) {
    for (const auto& y : b) {
      const char32_t low = std::max(x.low, y.low);
      const char32_t high = std::min(x.high, y.high);
      if (low <= high) both.push_back({low, high});
    }
  }
  return both;
}

bool is_short_escape(char32_t c) {
  return std::any_of(kShortEscapes.begin(), kShortEscapes.end(),
                     [c](const auto& escape) { return escape.second == c; });
}

}  // namespace

std::string quote_json(std::string_view text) {
  return base::dump_json(base::Json(std::string(text)));
}

RuleId JsonRules::space() {
  const auto [found, is_new] = named_.try_emplace("space", -1);
  if (!is_new) return found->second;
  const RuleId rule = automaton_.add_rule(0, kMaxIndent);
  found->second = rule;
  const auto [start, end] = std::pair(automaton_.rule(rule).start, automaton_.rule(rule).end);
  automaton_.add_empty(start, end);
  automaton_.add_bytes(start, ' ', ' ', end);
  const NodeId indent = new_node(start);
  automaton_.add_bytes(start, '\n', '\n', indent);
  automaton_.add_empty(indent, end);
  for (const std::uint8_t blank : {std::uint8_t{' '}, std::uint8_t{'\t'}}) {
    automaton_.add_edge(indent, {.kind = Edge::Kind::kBytes,
                                 .low = blank,
                                 .high = blank,
                                 .guard = Guard::kRoom,
                                 .counts = true,
                                 .target = indent});
  }
  return rule;
}

NodeId JsonRules::space_before(NodeId to) {
  const RuleId rule = space();
  const NodeId node = new_node(to);
  automaton_.add_call(node, rule, to);
  return node;
}

RuleId JsonRules::string(int min_length, int max_length) {
  const auto [found, is_new] = strings_.try_emplace({min_length, max_length}, -1);
  if (!is_new) return found->second;
  const RuleId rule = automaton_.add_rule(min_length, max_length);
  found->second = rule;
  const auto [start, end] = std::pair(automaton_.rule(rule).start, automaton_.rule(rule).end);
  const NodeId characters = new_node(start);
  automaton_.set_characters(rule, characters);
  automaton_.add_bytes(start, '"', '"', characters);
  automaton_.add_edge(characters, {.kind = Edge::Kind::kBytes,
                                   .low = '"',
                                   .high = '"',
                                   .guard = Guard::kEnough,
                                   .target = end});
  automaton_.add_code_points(characters, kPlain, characters, Guard::kRoom, /*counts=*/true);
  const NodeId escape = new_node(start);
  automaton_.add_edge(characters, {.kind = Edge::Kind::kBytes,
                                   .low = '\\',
                                   .high = '\\',
                                   .guard = Guard::kRoom,
                                   .target = escape});
  // All escapes end here, so that they count one.
  const NodeId escaped = new_node(start);
  automaton_.add_edge(escaped, {.counts = true, .target = characters});
  add_escapes(escape, escaped);
  return rule;
}

// What may follow a backslash.
void JsonRules::add_escapes(NodeId from, NodeId to) {
  for (const auto& [letter, meaning] : kShortEscapes) {
    const auto byte = static_cast<std::uint8_t>(letter);
    automaton_.add_bytes(from, byte, byte, to);
  }
  automaton_.add_bytes(from, '/', '/', to);
  const NodeId digits = new_node(from);
  automaton_.add_bytes(from, 'u', 'u', digits);
  add_unicode_escapes(digits, to);
}

// The four digits behind \u: any but 0000 and lone surrogates; a high surrogate takes a low one
// along.
void JsonRules::add_unicode_escapes(NodeId from, NodeId to) {
  const auto add_hex = [this](NodeId at, std::string_view digits, NodeId next) {
    for (const char digit : digits) {
      const auto byte = static_cast<std::uint8_t>(digit);
      automaton_.add_bytes(at, byte, byte, next);
    }
  };
  constexpr std::string_view kHex = "0123456789abcdefABCDEF";
  std::array<NodeId, 4> left{to, new_node(from), new_node(from), new_node(from)};
  for (std::size_t i = 1; i < left.size(); ++i) add_hex(left[i], kHex, left[i - 1]);
  add_hex(from, "123456789abcefABCEF", left[3]);

  NodeId zeros = from;
  for (std::size_t i = 3; i > 0; --i) {
    const NodeId next = new_node(from);
    add_hex(zeros, "0", next);
    add_hex(next, "123456789abcdefABCDEF", left[i - 1]);
    zeros = next;
  }

  const NodeId behind_d = new_node(from);
  add_hex(from, "dD", behind_d);
  add_hex(behind_d, "01234567", left[2]);
  std::array<NodeId, 6> pair{};
  for (NodeId& node : pair) node = new_node(from);
  add_hex(behind_d, "89abAB", pair[0]);
  add_hex(pair[0], kHex, pair[1]);
  add_hex(pair[1], kHex, pair[2]);
  automaton_.add_literal(pair[2], "\\u", pair[3]);
  add_hex(pair[3], "dD", pair[4]);
  add_hex(pair[4], "cdefCDEF", left[2]);
}

void JsonRules::add_characters(NodeId from, std::span<const CodePointRange> ranges, NodeId to) {
  automaton_.add_code_points(from, intersect(ranges, kPlain), to);
  NodeId escape = -1;
  const auto behind_backslash = [&] {
    if (escape < 0) {
      escape = new_node(from);
      automaton_.add_bytes(from, '\\', '\\', escape);
    }
    return escape;
  };
  for (const auto& [letter, meaning] : kShortEscapes) {
    if (!contains(ranges, meaning)) continue;
    const auto byte = static_cast<std::uint8_t>(letter);
    automaton_.add_bytes(behind_backslash(), byte, byte, to);
  }
  // The other control characters are 0001 to 001f.
  NodeId zeros = -1;
  std::array<NodeId, 2> high{-1, -1};
  for (char32_t c = 1; c < 0x20; ++c) {
    if (!contains(ranges, c) || is_short_escape(c)) continue;
    if (zeros < 0) {
      zeros = new_node(from);
      automaton_.add_literal(behind_backslash(), "u00", zeros);
    }
    NodeId& node = high[c >> 4];
    if (node < 0) {
      node = new_node(from);
      const auto digit = static_cast<std::uint8_t>('0' + (c >> 4));
      automaton_.add_bytes(zeros, digit, digit, node);
    }
    const auto digit = static_cast<std::uint8_t>("0123456789abcdef"[c & 15]);
    automaton_.add_bytes(node, digit, digit, to);
  }
}

RuleId JsonRules::integer() {
  const auto [found, is_new] = named_.try_emplace("integer", -1);
  if (!is_new) return found->second;
  const RuleId rule = automaton_.add_rule();
  found->second = rule;
  add_number_range(automaton_, automaton_.rule(rule).start, {.is_integer = true},
                   automaton_.rule(rule).end);
  return rule;
}

RuleId JsonRules::number() {
  const auto [found, is_new] = named_.try_emplace("number", -1);
  if (!is_new) return found->second;
  const RuleId rule = automaton_.add_rule();
  found->second = rule;
  const auto [start, end] = std::pair(automaton_.rule(rule).start, automaton_.rule(rule).end);
  const NodeId mantissa = new_node(start);
  add_number_range(automaton_, start, {}, mantissa);
  automaton_.add_empty(mantissa, end);
  // Two digits keep the largest number within a double.
  const NodeId exponent = new_node(start);
  const NodeId digits = new_node(start);
  automaton_.add_bytes(mantissa, 'e', 'e', exponent);
  automaton_.add_bytes(mantissa, 'E', 'E', exponent);
  automaton_.add_bytes(exponent, '+', '+', digits);
  automaton_.add_bytes(exponent, '-', '-', digits);
  automaton_.add_empty(exponent, digits);
  NodeId at = digits;
  for (int i = 0; i < kMaxExponentDigits; ++i) {
    const NodeId next = new_node(start);
    automaton_.add_bytes(at, '0', '9', next);
    automaton_.add_empty(next, end);
    at = next;
  }
  return rule;
}

RuleId JsonRules::literal(const std::string& text) {
  const auto [found, is_new] = named_.try_emplace("literal " + text, -1);
  if (!is_new) return found->second;
  const RuleId rule = automaton_.add_rule();
  found->second = rule;
  automaton_.add_literal(automaton_.rule(rule).start, text, automaton_.rule(rule).end);
  return rule;
}

RuleId JsonRules::value() {
  const auto [found, is_new] = named_.try_emplace("value", -1);
  if (!is_new) return found->second;
  // Known before its parts are made, which are made of values themselves.
  const RuleId rule = automaton_.add_rule();
  found->second = rule;
  for (const RuleId part : {string(), number(), literal("true"), literal("false"), literal("null"),
                            any_object(), any_array()}) {
    automaton_.add_call(automaton_.rule(rule).start, part, automaton_.rule(rule).end);
  }
  return rule;
}

RuleId JsonRules::any_object() {
  const auto [found, is_new] = named_.try_emplace("object", -1);
  if (!is_new) return found->second;
  const RuleId rule = automaton_.add_rule();
  found->second = rule;
  add_object(rule, {.properties = {}, .others = value()});
  return rule;
}

RuleId JsonRules::any_array() {
  const auto [found, is_new] = named_.try_emplace("array", -1);
  if (!is_new) return found->second;
  const RuleId rule = automaton_.add_rule();
  found->second = rule;
  add_array(rule, {.first = {}, .items = value()});
  return rule;
}

void JsonRules::add_object(RuleId rule, const ObjectShape& shape) {
  const auto [start, end] = std::pair(automaton_.rule(rule).start, automaton_.rule(rule).end);
  const NodeId begin = new_node(start);
  automaton_.add_bytes(start, '{', '{', space_before(begin));
  const bool may_be_empty =
      std::none_of(shape.properties.begin(), shape.properties.end(),
                   [](const Property& property) { return property.is_required; });
  if (may_be_empty) automaton_.add_bytes(begin, '}', '}', end);
  add_members(rule, shape, begin);
}

// From `begin`, where the first member starts, to the end of the object.
void JsonRules::add_members(RuleId rule, const ObjectShape& shape, NodeId begin) {
  const NodeId end = automaton_.rule(rule).end;
  const NodeId closing = new_node(begin);
  automaton_.add_bytes(closing, '}', '}', end);
  const NodeId close = space_before(closing);

  // From the last property to the first. `name` is where the name of this or a later property
  // begins; `behind` is behind the value of the one before, and may close the object unless one to
  // come is required.
  NodeId name = -1;
  bool may_close = true;
  const auto node_behind = [&](NodeId next_name) {
    const NodeId behind = new_node(begin);
    if (may_close) automaton_.add_empty(behind, close);
    if (next_name >= 0) automaton_.add_bytes(behind, ',', ',', space_before(next_name));
    return behind;
  };
  if (shape.others) {
    name = new_node(begin);
    const NodeId colon = new_node(begin);
    const NodeId value = new_node(begin);
    automaton_.add_call(name, other_name(shape.properties), colon);
    automaton_.add_bytes(colon, ':', ':', space_before(value));
    automaton_.add_call(value, *shape.others, node_behind(name));
  }
  for (auto it = shape.properties.rbegin(); it != shape.properties.rend(); ++it) {
    const NodeId behind = node_behind(name);
    const NodeId own = new_node(begin);
    const NodeId value = new_node(begin);
    automaton_.add_literal(own, quote_json(it->name) + ":", space_before(value));
    automaton_.add_call(value, it->value, behind);
    if (!it->is_required && name >= 0) automaton_.add_empty(own, name);
    if (it->is_required) may_close = false;
    name = own;
  }
  if (name >= 0) automaton_.add_empty(begin, name);
}

// A name without escapes that is none of the declared ones: written otherwise, "\u0061" would be
// "a".
RuleId JsonRules::other_name(const std::vector<Property>& properties) {
  if (properties.empty()) return string();
  const RuleId rule = automaton_.add_rule();
  const auto [start, end] = std::pair(automaton_.rule(rule).start, automaton_.rule(rule).end);
  const NodeId other = new_node(start);
  automaton_.add_code_points(other, kPlain, other);
  automaton_.add_bytes(other, '"', '"', end);

  std::set<std::u32string> names;
  for (const Property& property : properties) {
    std::u32string name;
    text::for_each_code_point(property.name,
                              [&name](char32_t c, std::size_t, std::size_t) { name.push_back(c); });
    names.insert(std::move(name));
  }
  // The beginnings of names, each with the characters that lead to a longer one.
  std::map<std::u32string, std::set<char32_t>> next;
  next[{}];
  for (const std::u32string& name : names) {
    for (std::size_t i = 0; i < name.size(); ++i) next[name.substr(0, i)].insert(name[i]);
    next[name];
  }
  std::map<std::u32string, NodeId> nodes;
  for (const auto& [begin, leads] : next) nodes[begin] = new_node(start);
  automaton_.add_bytes(start, '"', '"', nodes[{}]);
  for (const auto& [begin, leads] : next) {
    const NodeId node = nodes[begin];
    if (!names.contains(begin)) automaton_.add_bytes(node, '"', '"', end);
    std::vector<CodePointRange> others;
    char32_t low = 0;
    for (const char32_t c : leads) {
      if (c > low) others.push_back({low, c - 1});
      low = c + 1;
      if (contains(kPlain, c)) {
        const std::array<CodePointRange, 1> one{{{c, c}}};
        automaton_.add_code_points(node, one, nodes[begin + c]);
      }
    }
    others.push_back({low, 0x10FFFF});
    automaton_.add_code_points(node, intersect(others, kPlain), other);
  }
  return rule;
}

void JsonRules::add_array(RuleId rule, const ArrayShape& shape) {
  const NodeId start = automaton_.rule(rule).start;
  const NodeId closing = new_node(start);
  automaton_.add_bytes(closing, ']', ']', automaton_.rule(rule).end);
  const NodeId close = space_before(closing);
  const auto num_first = static_cast<int>(shape.first.size());
  const auto has_room = [&](int items) {
    return shape.max_items == kNoLimit || items < shape.max_items;
  };

  // `at` is behind `i` items; the next one is called from `next`.
  NodeId at = new_node(start);
  automaton_.add_bytes(start, '[', '[', at);
  const auto begin_item = [&](int i) {
    const NodeId next = new_node(start);
    const NodeId space = space_before(next);
    if (i == 0) {
      automaton_.add_empty(at, space);
    } else {
      automaton_.add_bytes(at, ',', ',', space);
    }
    return next;
  };
  for (int i = 0; i < num_first; ++i) {
    if (i >= shape.min_items) automaton_.add_empty(at, close);
    if (!has_room(i)) return;
    const NodeId next = begin_item(i);
    at = new_node(start);
    automaton_.add_call(next, shape.first[static_cast<std::size_t>(i)], at);
  }
  if (num_first >= shape.min_items) automaton_.add_empty(at, close);
  if (!shape.items || !has_room(num_first)) return;

  // Further items are counted.
  automaton_.set_counts(rule, std::max(0, shape.min_items - num_first),
                        shape.max_items == kNoLimit ? kNoLimit : shape.max_items - num_first);
  automaton_.set_counted(rule, *shape.items);
  const NodeId next = begin_item(num_first);
  const NodeId behind = new_node(start);
  automaton_.add_edge(
      next, {.kind = Edge::Kind::kCall, .counts = true, .rule = *shape.items, .target = behind});
  automaton_.add_edge(behind, {.guard = Guard::kEnough, .target = close});
  automaton_.add_edge(behind, {.kind = Edge::Kind::kBytes,
                               .low = ',',
                               .high = ',',
                               .guard = Guard::kRoom,
                               .target = space_before(next)});
}

}  // namespace kith::grammar
