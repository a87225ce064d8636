#include "kith/grammar/costs.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <utility>

namespace kith::grammar {
namespace {

constexpr int kNeverCalls = 1 << 20;

std::size_t index(std::int32_t id) { return static_cast<std::size_t>(id); }

// An edge that matters, seen from its target; or a token that reads several edges at once.
struct Step {
  NodeId from = -1;
  NodeId target = -1;
  RuleId rule = -1;  // called on the way, or -1
  bool reads = false;
  bool counts = false;
};

bool is_literal(const Edge& edge) {
  return edge.kind == Edge::Kind::kBytes && edge.low == edge.high && edge.guard == Guard::kNone &&
         !edge.counts;
}

// Adds the tokens of two bytes and more that read the literal text beginning with `edge`.
void add_literal_tokens(const Automaton& automaton, const TokenVocabulary& vocabulary, NodeId from,
                        const Edge& edge, std::vector<Step>& steps) {
  const TokenTrie& trie = vocabulary.all();
  NodeId node = from;
  const Edge* next = &edge;
  std::int32_t entry = 0;
  // Threads move byte by byte, so each byte on the way must be one that could be written alone.
  while (is_literal(*next) && vocabulary.has_byte(next->low, next->low)) {
    const auto child = trie.find_child(entry, next->low);
    if (!child) return;
    entry = *child;
    node = next->target;
    if (trie.entries()[index(entry)].depth > 1 && !trie.tokens_at(entry).empty()) {
      steps.push_back({.from = from, .target = node, .reads = true});
    }
    if (automaton.node(node).edges.size() != 1) return;
    next = &automaton.node(node).edges.front();
  }
}

std::vector<Step> usable_steps(const Automaton& automaton, const TokenVocabulary& vocabulary) {
  std::vector<Step> steps;
  for (std::size_t n = 0; n < automaton.num_nodes(); ++n) {
    const auto from = static_cast<NodeId>(n);
    for (const Edge& edge : automaton.node(from).edges) {
      const bool reads = edge.kind == Edge::Kind::kBytes;
      if (reads && !vocabulary.has_byte(edge.low, edge.high)) continue;
      steps.push_back({.from = from,
                       .target = edge.target,
                       .rule = edge.kind == Edge::Kind::kCall ? edge.rule : -1,
                       .reads = reads,
                       .counts = edge.counts});
      if (is_literal(edge)) add_literal_tokens(automaton, vocabulary, from, edge, steps);
    }
  }
  return steps;
}

}  // namespace

// The steps by the node that must be known before they can be taken.
class Costs::Search {
 public:
  Search(const Automaton& automaton, std::vector<Step> steps)
      : automaton_(automaton), steps_(std::move(steps)), waiting_(automaton.num_nodes()) {
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      waiting_[index(steps_[s].target)].push_back(s);
      if (steps_[s].rule >= 0) {
        waiting_[index(automaton.rule(steps_[s].rule).start)].push_back(s);
      }
    }
  }

  // Settles nodes in the order of their values, from the ends of the rules. `value(step)` is the
  // value of a step whose parts are settled; `settle(node, value, step)` is told each result, with
  // null for ends.
  void run(const std::function<Cost(const Step&)>& value,
           const std::function<void(NodeId, Cost, const Step*)>& settle) {
    using Item = std::pair<Cost, std::pair<NodeId, std::size_t>>;
    constexpr auto kNoStep = static_cast<std::size_t>(-1);
    std::priority_queue<Item, std::vector<Item>, std::greater<>> queue;
    std::vector<bool> is_settled(automaton_.num_nodes());
    for (std::size_t r = 0; r < automaton_.num_rules(); ++r) {
      queue.push({0, {automaton_.rule(static_cast<RuleId>(r)).end, kNoStep}});
    }
    while (!queue.empty()) {
      const auto [cost, reached] = queue.top();
      queue.pop();
      const auto [node, by] = reached;
      if (is_settled[index(node)]) continue;
      is_settled[index(node)] = true;
      settle(node, cost, by == kNoStep ? nullptr : &steps_[by]);
      for (const std::size_t s : waiting_[index(node)]) {
        const Step& step = steps_[s];
        const bool is_ready =
            is_settled[index(step.target)] &&
            (step.rule < 0 || is_settled[index(automaton_.rule(step.rule).start)]);
        if (!is_ready || is_settled[index(step.from)]) continue;
        if (const Cost next = value(step); next < kNever) queue.push({next, {step.from, s}});
      }
    }
  }

 private:
  const Automaton& automaton_;
  std::vector<Step> steps_;
  std::vector<std::vector<std::size_t>> waiting_;
};

Costs::Costs(const Automaton& automaton, const TokenVocabulary& vocabulary)
    : automaton_(automaton),
      tokens_(automaton.num_nodes(), kNever),
      counted_(automaton.num_nodes(), 0),
      calls_(automaton.num_nodes(), kNeverCalls) {
  Search search(automaton, usable_steps(automaton, vocabulary));
  search.run(
      [this](const Step& step) {
        const Cost called = step.rule < 0 ? 0 : rule_tokens(step.rule);
        return (step.reads ? 1 : 0) + called + tokens_[index(step.target)];
      },
      [this](NodeId node, Cost cost, const Step* step) {
        tokens_[index(node)] = cost;
        if (step == nullptr) return;
        counted_[index(node)] = counted_[index(step->target)] + (step->counts ? 1 : 0);
      });
  search.run(
      [this, &automaton](const Step& step) {
        // What cannot be finished at all is no way, however few calls it makes.
        if (tokens_[index(step.from)] >= kNever) return kNever;
        const int called = step.rule < 0 ? 0 : 1 + calls_[index(automaton.rule(step.rule).start)];
        return static_cast<Cost>(std::max(called, calls_[index(step.target)]));
      },
      [this](NodeId node, Cost cost, const Step*) {
        calls_[index(node)] = static_cast<int>(cost);
      });
}

Cost Costs::tokens(NodeId node, int count) const {
  const Cost cost = tokens_[index(node)];
  const Rule& rule = automaton_.rule(automaton_.node(node).rule);
  const int missing = rule.min_count - count - counted_[index(node)];
  if (cost >= kNever || missing <= 0) return cost;
  const Cost each = 1 + (rule.counted < 0 ? 0 : rule_tokens(rule.counted));
  return each >= kNever ? kNever : std::min(kNever, cost + each * missing);
}

Cost Costs::rule_tokens(RuleId rule) const { return tokens(automaton_.rule(rule).start, 0); }

}  // namespace kith::grammar
