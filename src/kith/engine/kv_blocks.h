// Who owns which block of the KV cache: a free list with reference counts, so that the answers to
// one prompt share its blocks (Kwon et al. 2023).
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

  // A block with one reference. Errors: kOverloaded when none is free.
  Result<std::int32_t> allocate();
  // One more owner. REQUIRES: the block is in use.
  void share(std::int32_t block);
  // One owner less; the block is free once it has none. REQUIRES: the block is in use.
  void release(std::int32_t block);
  // Whether others own the block too, so that a write must copy it first.
  bool is_shared(std::int32_t block) const;

  int num_blocks() const { return static_cast<int>(references_.size()); }
  int num_free() const { return static_cast<int>(free_.size()); }

 private:
  std::vector<int> references_;
  std::vector<std::int32_t> free_;
};

}  // namespace kith::engine
