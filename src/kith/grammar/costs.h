// How far every node of an automaton is from the end of its rule, for one vocabulary: in tokens, so
// that an answer can be led to its end before its budget runs out, and in calls, so that nesting is
// bounded. A node without a way to the end is never entered; therefore whatever has been written
// can always be finished.
//
// Method: Knuth's generalization of Dijkstra's algorithm to grammars (1977), where a call costs
// what its rule costs at least. Tokens of several bytes count as one step along literal text;
// elsewhere each byte counts as one token, which is what a vocabulary can always do.
#pragma once

#include <cstdint>
#include <vector>

#include "kith/grammar/automaton.h"
#include "kith/grammar/token_trie.h"

namespace kith::grammar {

using Cost = std::int64_t;
inline constexpr Cost kNever = Cost{1} << 40;

// Immutable; const members may be called from any thread.
class Costs {
 public:
  Costs(const Automaton& automaton, const TokenVocabulary& vocabulary);

  // Tokens from `node` to the end of its rule when `count` has been counted; kNever if there is no
  // way.
  Cost tokens(NodeId node, int count) const;
  // Calls within calls that the way with the fewest of them needs.
  int calls(NodeId node) const { return calls_[static_cast<std::size_t>(node)]; }
  Cost rule_tokens(RuleId rule) const;

 private:
  class Search;

  const Automaton& automaton_;
  // By node: on the way with the fewest tokens, without regard to the smallest count.
  std::vector<Cost> tokens_;
  // How often that way counts.
  std::vector<int> counted_;
  std::vector<int> calls_;
};

}  // namespace kith::grammar
