// Follows an automaton: all ways in which what was read so far may go on, as a set of threads, each
// a node with the calls that it will return to.
//
// Invariant: every thread of a set can be finished (costs.h), so a text that leads to a non-empty
// set is the beginning of a valid one.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "kith/grammar/automaton.h"
#include "kith/grammar/costs.h"

namespace kith::grammar {

using StackId = std::int32_t;
inline constexpr StackId kEmptyStack = -1;

// Calls within calls at most; deeper ways are not followed.
inline constexpr int kMaxCalls = 128;

// A call that waits for its rule to end.
struct Frame {
  NodeId back = -1;  // where it goes on
  std::int32_t count = 0;
  StackId below = kEmptyStack;

  friend bool operator==(const Frame&, const Frame&) = default;
};

// Stacks that share what they have in common: the same calls are the same id.
class StackPool {
 public:
  StackId push(const Frame& frame, const Costs& costs);
  const Frame& top(StackId stack) const { return frames_[static_cast<std::size_t>(stack)].frame; }
  int depth(StackId stack) const {
    return stack == kEmptyStack ? 0 : frames_[static_cast<std::size_t>(stack)].depth;
  }
  // Tokens to finish all waiting calls.
  Cost tokens(StackId stack) const {
    return stack == kEmptyStack ? 0 : frames_[static_cast<std::size_t>(stack)].tokens;
  }

 private:
  struct Entry {
    Frame frame;
    int depth = 0;
    Cost tokens = 0;
  };
  struct Hash {
    std::size_t operator()(const Frame& frame) const;
  };

  std::vector<Entry> frames_;
  std::unordered_map<Frame, StackId, Hash> ids_;
};

struct Thread {
  NodeId node = -1;
  std::int32_t count = 0;
  StackId stack = kEmptyStack;

  friend bool operator==(const Thread&, const Thread&) = default;
};

struct ThreadSet {
  // At nodes that read bytes; no two are equal.
  std::vector<Thread> threads;
  // The text may end here.
  bool accepts = false;
  // There were more ways than are followed at once; the set is not complete.
  bool overflows = false;

  bool is_dead() const { return threads.empty() && !accepts; }
  void clear() {
    threads.clear();
    accepts = false;
    overflows = false;
  }
};

// Moves thread sets. Not thread-safe: it keeps scratch; automaton, costs and pool are borrowed.
class Follower {
 public:
  static constexpr std::size_t kMaxThreads = 512;

  Follower(const Automaton& automaton, const Costs& costs, StackPool& pool);

  // Replaces `set` by whatever `thread` can be at without reading.
  void start(const Thread& thread, ThreadSet& set);
  // Replaces `to` by where `from` gets with `byte`.
  void step(const ThreadSet& from, std::uint8_t byte, ThreadSet& to);
  // Fewest tokens to the end; kNever for a dead set.
  Cost tokens(const ThreadSet& set) const { return set.accepts ? 0 : open_tokens(set); }
  // The same if the text must go on.
  Cost open_tokens(const ThreadSet& set) const;
  // The most calls within calls that start() and step() have looked at since the last call.
  int take_calls_seen();
  // Grows with the time that all this has taken, the same on every machine.
  std::uint64_t work() const { return work_; }

 private:
  void add(const Thread& thread, ThreadSet& set);
  // Whether `thread` is among `list`; `stamps` says for which nodes this has to be looked up.
  bool is_known(const Thread& thread, const std::vector<Thread>& list,
                std::vector<std::uint32_t>& stamps, std::uint32_t stamp);
  void visit(const Thread& thread, ThreadSet& set);
  void follow(const Thread& thread, const Edge& edge, ThreadSet& set);
  int counted(NodeId node, int count, const Edge& edge) const;
  bool passes(const Thread& thread, const Edge& edge) const;

  const Automaton& automaton_;
  const Costs& costs_;
  StackPool& pool_;
  std::vector<Thread> visited_;
  std::vector<Thread> pending_;
  // By node: the last add() and the last set that met it.
  std::vector<std::uint32_t> visit_stamps_;
  std::vector<std::uint32_t> set_stamps_;
  std::uint32_t visit_stamp_ = 0;
  std::uint32_t set_stamp_ = 0;
  int calls_seen_ = 0;
  std::uint64_t work_ = 0;
};

}  // namespace kith::grammar
