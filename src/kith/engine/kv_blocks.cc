#include "kith/engine/kv_blocks.h"

#include "kith/base/check.h"

namespace kith::engine {

KvBlocks::KvBlocks(int num_blocks) : states_(static_cast<std::size_t>(num_blocks)) {
  free_.reserve(states_.size());
  // Low numbers are handed out first, which keeps a lightly used cache in few pages.
  for (int block = num_blocks - 1; block >= 0; --block) free_.push_back(block);
}

Result<std::int32_t> KvBlocks::allocate() {
  if (free_.empty()) return Error{ErrorCode::kOverloaded, "no free block in the kv cache"};
  const std::int32_t block = free_.back();
  free_.pop_back();
  state(block) = {.owners = 1, .kept = false};
  return block;
}

void KvBlocks::share(std::int32_t block) {
  State& s = state(block);
  KITH_CHECK(s.owners > 0 || s.kept, "sharing a free block");
  if (s.owners++ == 0) --num_idle_;
}

void KvBlocks::release(std::int32_t block) {
  State& s = state(block);
  KITH_CHECK(s.owners > 0, "releasing a block without owners");
  if (--s.owners > 0) return;
  if (s.kept) {
    ++num_idle_;
  } else {
    free_.push_back(block);
  }
}

void KvBlocks::keep(std::int32_t block) {
  State& s = state(block);
  KITH_CHECK(s.owners > 0 && !s.kept, "a block is kept once, by an owner");
  s.kept = true;
}

void KvBlocks::drop(std::int32_t block) {
  State& s = state(block);
  KITH_CHECK(s.kept, "dropping a block that is not kept");
  s.kept = false;
  if (s.owners > 0) return;
  --num_idle_;
  free_.push_back(block);
}

bool KvBlocks::is_shared(std::int32_t block) const {
  return state(block).owners > 1 || state(block).kept;
}

}  // namespace kith::engine
