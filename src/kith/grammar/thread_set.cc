#include "kith/grammar/thread_set.h"

#include <algorithm>
#include <utility>

namespace kith::grammar {

std::size_t StackPool::Hash::operator()(const Frame& frame) const {
  std::uint64_t hash = static_cast<std::uint32_t>(frame.back);
  for (const std::int32_t part : {frame.count, frame.below}) {
    hash = (hash ^ static_cast<std::uint32_t>(part)) * 0x9E3779B97F4A7C15ULL;
    hash ^= hash >> 29;
  }
  return static_cast<std::size_t>(hash);
}

StackId StackPool::push(const Frame& frame, const Costs& costs) {
  const auto [found, is_new] = ids_.try_emplace(frame, static_cast<StackId>(frames_.size()));
  if (is_new) {
    const Cost own = costs.tokens(frame.back, frame.count);
    frames_.push_back({frame, depth(frame.below) + 1, own + tokens(frame.below)});
  }
  return found->second;
}

Follower::Follower(const Automaton& automaton, const Costs& costs, StackPool& pool)
    : automaton_(automaton),
      costs_(costs),
      pool_(pool),
      visit_stamps_(automaton.num_nodes()),
      set_stamps_(automaton.num_nodes()) {}

int Follower::counted(NodeId node, int count, const Edge& edge) const {
  const Rule& rule = automaton_.rule(automaton_.node(node).rule);
  if (!edge.counts || !rule.is_counted()) return count;
  // Above the smallest count, only a largest one makes a difference.
  return rule.max_count == kNoLimit ? std::min(count + 1, rule.min_count) : count + 1;
}

bool Follower::passes(const Thread& thread, const Edge& edge) const {
  if (edge.guard == Guard::kNone) return true;
  const Rule& rule = automaton_.rule(automaton_.node(thread.node).rule);
  if (edge.guard == Guard::kEnough) return thread.count >= rule.min_count;
  return rule.max_count == kNoLimit || thread.count < rule.max_count;
}

void Follower::start(const Thread& thread, ThreadSet& set) {
  set.clear();
  ++set_stamp_;
  add(thread, set);
}

bool Follower::is_known(const Thread& thread, const std::vector<Thread>& list,
                        std::vector<std::uint32_t>& stamps, std::uint32_t stamp) {
  std::uint32_t& last = stamps[static_cast<std::size_t>(thread.node)];
  if (std::exchange(last, stamp) != stamp) return false;
  work_ += list.size() / 8;
  return std::find(list.begin(), list.end(), thread) != list.end();
}

void Follower::add(const Thread& thread, ThreadSet& set) {
  ++visit_stamp_;
  visited_.clear();
  pending_.clear();
  visit(thread, set);
  while (!pending_.empty()) {
    const Thread next = pending_.back();
    pending_.pop_back();
    for (const Edge& edge : automaton_.node(next.node).edges) {
      if (edge.kind != Edge::Kind::kBytes && passes(next, edge)) follow(next, edge, set);
    }
  }
}

// Drops what cannot be finished or is nested too deep, returns from rules that have ended, and
// notes what reads a byte.
void Follower::visit(const Thread& thread, ThreadSet& set) {
  Thread at = thread;
  while (automaton_.rule(automaton_.node(at.node).rule).end == at.node) {
    if (at.stack == kEmptyStack) {
      set.accepts = true;
      return;
    }
    const Frame& frame = pool_.top(at.stack);
    at = {frame.back, frame.count, frame.below};
  }
  const int calls = pool_.depth(at.stack) + costs_.calls(at.node);
  if (costs_.tokens(at.node, at.count) >= kNever) return;
  calls_seen_ = std::max(calls_seen_, calls);
  if (calls > kMaxCalls) return;
  ++work_;
  if (is_known(at, visited_, visit_stamps_, visit_stamp_)) return;
  if (visited_.size() >= kMaxThreads || set.threads.size() >= kMaxThreads) {
    set.overflows = true;
    return;
  }
  visited_.push_back(at);
  bool reads = false;
  bool moves = false;
  for (const Edge& edge : automaton_.node(at.node).edges) {
    (edge.kind == Edge::Kind::kBytes ? reads : moves) = true;
  }
  if (moves) pending_.push_back(at);
  if (!reads) return;
  if (!is_known(at, set.threads, set_stamps_, set_stamp_)) set.threads.push_back(at);
}

void Follower::follow(const Thread& thread, const Edge& edge, ThreadSet& set) {
  const int count = counted(thread.node, thread.count, edge);
  if (edge.kind == Edge::Kind::kEmpty) return visit({edge.target, count, thread.stack}, set);
  const Rule& called = automaton_.rule(edge.rule);
  // A call that nothing follows needs no frame.
  if (automaton_.rule(automaton_.node(edge.target).rule).end == edge.target) {
    return visit({called.start, 0, thread.stack}, set);
  }
  if (costs_.tokens(edge.target, count) >= kNever) return;
  if (costs_.rule_tokens(edge.rule) >= kNever) return;
  const int calls = std::max(pool_.depth(thread.stack) + costs_.calls(edge.target),
                             pool_.depth(thread.stack) + 1 + costs_.calls(called.start));
  calls_seen_ = std::max(calls_seen_, calls);
  if (calls > kMaxCalls) return;
  const StackId stack =
      pool_.push({.back = edge.target, .count = count, .below = thread.stack}, costs_);
  visit({called.start, 0, stack}, set);
}

void Follower::step(const ThreadSet& from, std::uint8_t byte, ThreadSet& to) {
  to.clear();
  ++set_stamp_;
  for (const Thread& thread : from.threads) {
    work_ += automaton_.node(thread.node).edges.size();
    for (const Edge& edge : automaton_.node(thread.node).edges) {
      const bool reads = edge.kind == Edge::Kind::kBytes && byte >= edge.low && byte <= edge.high;
      if (!reads || !passes(thread, edge)) continue;
      add({edge.target, counted(thread.node, thread.count, edge), thread.stack}, to);
    }
  }
  to.overflows = to.overflows || from.overflows;
}

Cost Follower::open_tokens(const ThreadSet& set) const {
  Cost fewest = kNever;
  for (const Thread& thread : set.threads) {
    fewest =
        std::min(fewest, costs_.tokens(thread.node, thread.count) + pool_.tokens(thread.stack));
  }
  return fewest;
}

int Follower::take_calls_seen() { return std::exchange(calls_seen_, 0); }

}  // namespace kith::grammar
