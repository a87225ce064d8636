// The rules of JSON itself: strings, numbers, arrays, objects, any value.
//
// White space is what people write and no more: nothing, one space, or a line break with up to 20
// spaces or tabs, and only inside objects and arrays. A model therefore cannot fill its budget with
// blanks. Strings are valid UTF-8; escapes are those of RFC 8259, surrogates only in pairs, and
// never \u0000, which many databases refuse.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kith/grammar/automaton.h"

namespace kith::grammar {

struct Property {
  std::string name;
  RuleId value = -1;
  bool is_required = false;
};

struct ObjectShape {
  // Written in this order.
  std::vector<Property> properties;
  // Values under other names, which come after the declared ones; none may be written if absent.
  std::optional<RuleId> others;
};

struct ArrayShape {
  std::vector<RuleId> first;
  // Further items; none if absent.
  std::optional<RuleId> items;
  int min_items = 0;
  int max_items = kNoLimit;
};

// Adds rules to an automaton, each once. Used by one thread while the automaton is built.
class JsonRules {
 public:
  explicit JsonRules(Automaton& automaton) : automaton_(automaton) {}

  // `min_length` and `max_length` are in code points.
  RuleId string(int min_length = 0, int max_length = kNoLimit);
  RuleId integer();
  RuleId number();
  RuleId literal(const std::string& text);
  // Any value, nested as deep as a grammar follows.
  RuleId value();
  RuleId any_object();
  RuleId any_array();

  void add_object(RuleId rule, const ObjectShape& shape);
  void add_array(RuleId rule, const ArrayShape& shape);
  // Reads one code point of `ranges` as it stands in a JSON string: escaped where it must be, and
  // only there.
  void add_characters(NodeId from, std::span<const CodePointRange> ranges, NodeId to);

 private:
  NodeId new_node(NodeId beside) { return automaton_.add_node(automaton_.node(beside).rule); }
  // A node from which white space leads to `to`.
  NodeId space_before(NodeId to);
  RuleId space();
  RuleId other_name(const std::vector<Property>& properties);
  void add_escapes(NodeId from, NodeId to);
  void add_members(RuleId rule, const ObjectShape& shape, NodeId begin);
  void add_unicode_escapes(NodeId from, NodeId to);

  Automaton& automaton_;
  std::map<std::pair<int, int>, RuleId> strings_;
  std::map<std::string, RuleId> named_;
};

// `text` as a JSON string, in the one form that add_characters() reads.
std::string quote_json(std::string_view text);

}  // namespace kith::grammar
