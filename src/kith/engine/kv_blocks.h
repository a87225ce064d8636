// Who owns which block of the KV cache: a free list with reference counts, so that the answers to
// one prompt share its blocks (Kwon et al. 2023). A block may be kept without an owner, for a later
// prompt that begins alike (see prefix_cache.h).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kith/base/result.h"

namespace kith::engine {

// Not thread-safe: belongs to the engine's thread.
class KvBlocks {
 public:
  // REQUIRES: num_blocks >= 0.
  explicit KvBlocks(int num_blocks);

  // A block with one owner. Errors: kOverloaded when none is free.
  Result<std::int32_t> allocate();
  // One more owner. REQUIRES: the block has an owner or is kept.
  void share(std::int32_t block);
  // One owner less; without owners the block is free, unless it is kept. REQUIRES: it has an owner.
  void release(std::int32_t block);
  // Keeps the block's contents when its owners leave. REQUIRES: it has an owner and is not kept.
  void keep(std::int32_t block);
  // Ends keep(). REQUIRES: the block is kept.
  void drop(std::int32_t block);
  // Whether others read the block too, so that a write must copy it first.
  bool is_shared(std::int32_t block) const;
  bool is_owned(std::int32_t block) const { return state(block).owners > 0; }

  int num_blocks() const { return static_cast<int>(states_.size()); }
  int num_free() const { return static_cast<int>(free_.size()); }
  // Blocks that are kept and have no owner.
  int num_idle() const { return num_idle_; }
  int num_owned() const { return num_blocks() - num_free() - num_idle(); }

 private:
  struct State {
    int owners = 0;
    bool kept = false;
  };
  State& state(std::int32_t block) { return states_[static_cast<std::size_t>(block)]; }
  const State& state(std::int32_t block) const { return states_[static_cast<std::size_t>(block)]; }

  std::vector<State> states_;
  std::vector<std::int32_t> free_;
  int num_idle_ = 0;
};

}  // namespace kith::engine
