// A pushdown automaton over bytes: what a text must look like, as rules that call each other.
//
// A rule is a graph of nodes; an edge reads one byte of a range, reads nothing, or calls another
// rule and goes on behind it. A rule may count (the characters of a string, the items of an array):
// edges then add to the count or ask for a smallest or a largest one, so that "at most 10,000
// characters" costs no 10,000 nodes. Several edges may fit the same byte: all ways are followed at
// once (see thread_set.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kith::grammar {

using NodeId = std::int32_t;
using RuleId = std::int32_t;

inline constexpr int kNoLimit = -1;

// What an edge asks of the count of the rule that it belongs to.
enum class Guard : std::uint8_t {
  kNone,
  kEnough,  // count >= the rule's smallest
  kRoom,    // count < the rule's largest
};

struct Edge {
  enum class Kind : std::uint8_t { kBytes, kEmpty, kCall };

  Kind kind = Kind::kEmpty;
  std::uint8_t low = 0;   // kBytes
  std::uint8_t high = 0;  // kBytes, inclusive
  Guard guard = Guard::kNone;
  bool counts = false;  // adds one to the count
  RuleId rule = -1;     // kCall
  NodeId target = -1;
};

struct Node {
  std::vector<Edge> edges;
  RuleId rule = -1;
};

struct Rule {
  NodeId start = -1;
  NodeId end = -1;  // has no edges
  int min_count = 0;
  int max_count = kNoLimit;
  // Where a character of a JSON string may begin, in the rule of strings; else -1. Characters that
  // need no escape lead from it to itself and count one.
  NodeId characters = -1;
  // What one more of what is counted takes is one byte and, for an array, this rule; else -1.
  RuleId counted = -1;

  bool is_counted() const { return min_count > 0 || max_count != kNoLimit; }
};

struct CodePointRange {
  char32_t low = 0;
  char32_t high = 0;  // inclusive
};

// Built once, then read by any number of threads.
class Automaton {
 public:
  // More nodes or edges than this are not made; is_too_large() then says so, and the automaton is
  // of no use. Bounds what a hostile schema can cost.
  static constexpr std::size_t kMaxNodes = 50'000;
  static constexpr std::size_t kMaxEdges = 400'000;

  RuleId add_rule(int min_count = 0, int max_count = kNoLimit);
  NodeId add_node(RuleId rule);
  void add_edge(NodeId from, const Edge& edge);
  void add_bytes(NodeId from, std::uint8_t low, std::uint8_t high, NodeId to);
  void add_empty(NodeId from, NodeId to);
  void add_call(NodeId from, RuleId rule, NodeId to);
  // Reads `text` (not empty) and arrives at `to`.
  void add_literal(NodeId from, std::string_view text, NodeId to);
  // Reads one of `texts` (none empty). Common beginnings share their nodes.
  void add_choice(NodeId from, std::vector<std::string> texts, NodeId to);
  // Reads one code point of the ranges in UTF-8, surrogates left out. The first byte asks for
  // `guard`, the last one counts if `counts`.
  void add_code_points(NodeId from, std::span<const CodePointRange> ranges, NodeId to,
                       Guard guard = Guard::kNone, bool counts = false);

  void set_counts(RuleId rule, int min_count, int max_count) {
    rules_[static_cast<std::size_t>(rule)].min_count = min_count;
    rules_[static_cast<std::size_t>(rule)].max_count = max_count;
  }
  void set_root(RuleId rule) { root_ = rule; }
  void set_characters(RuleId rule, NodeId node) {
    rules_[static_cast<std::size_t>(rule)].characters = node;
  }

  void set_counted(RuleId rule, RuleId item) {
    rules_[static_cast<std::size_t>(rule)].counted = item;
  }

  RuleId root() const { return root_; }
  const Node& node(NodeId id) const { return nodes_[static_cast<std::size_t>(id)]; }
  const Rule& rule(RuleId id) const { return rules_[static_cast<std::size_t>(id)]; }
  std::size_t num_nodes() const { return nodes_.size(); }
  std::size_t num_rules() const { return rules_.size(); }
  bool is_too_large() const { return is_too_large_; }

  // Whether a rule can come to itself before it has read a byte: then there is no bound on the ways
  // to be followed at once.
  bool is_left_recursive() const;

 private:
  // How the first and the last byte of a code point are read.
  struct Reading {
    NodeId to = -1;
    Guard guard = Guard::kNone;
    bool counts = false;
  };
  void add_utf8(NodeId from, char32_t low, char32_t high, const Reading& reading);

  std::vector<Node> nodes_;
  std::vector<Rule> rules_;
  RuleId root_ = -1;
  std::size_t num_edges_ = 0;
  bool is_too_large_ = false;
};

}  // namespace kith::grammar
