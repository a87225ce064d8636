#include "kith/engine/kv_blocks.h"

#include "kith/base/check.h"

namespace kith::engine {

KvBlocks::KvBlocks(int num_blocks) : references_(static_cast<std::size_t>(num_blocks), 0) {
  free_.reserve(references_.size());
  // Low numbers are handed out first, which keeps a lightly used cache in few pages.
  for (int block = num_blocks - 1; block >= 0; --block) free_.push_back(block);
}

Result<std::int32_t> KvBlocks::allocate() {
  if (free_.empty()) return Error{ErrorCode::kOverloaded, "no free block in the kv cache"};
  const std::int32_t block = free_.back();
  free_.pop_back();
  references_[static_cast<std::size_t>(block)] = 1;
  return block;
}

void KvBlocks::share(std::int32_t block) {
  int& references = references_[static_cast<std::size_t>(block)];
  KITH_CHECK(references > 0, "sharing a free block");
  ++references;
}

void KvBlocks::release(std::int32_t block) {
  int& references = references_[static_cast<std::size_t>(block)];
  KITH_CHECK(references > 0, "releasing a free block");
  if (--references == 0) free_.push_back(block);
}

bool KvBlocks::is_shared(std::int32_t block) const {
  return references_[static_cast<std::size_t>(block)] > 1;
}

}  // namespace kith::engine
