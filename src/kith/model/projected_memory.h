// The keys and values of one memory, made by a bridge: what the tokens of a sequence attend to.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "kith/model/memory_bridge.h"
#include "kith/nn/kv_cache.h"

namespace kith::model {

// Immutable; made by MemoryBridge::project() and shared by all sequences with this memory. Keeps
// its bridge alive.
class ProjectedMemory {
 public:
  // `kv`: one layer for each of bridge->layers(), the memory's rows in its blocks in order; no
  // value if there are no such layers.
  ProjectedMemory(std::shared_ptr<const MemoryBridge> bridge, int rows,
                  std::optional<nn::KvCache> kv)
      : bridge_(std::move(bridge)), rows_(rows), kv_(std::move(kv)) {}

  const MemoryBridge& bridge() const { return *bridge_; }
  int rows() const { return rows_; }
  // REQUIRES: the bridge has layers whose gate is not zero.
  const nn::KvCache& kv() const { return *kv_; }
  std::size_t bytes() const { return kv_ ? kv_->bytes() : 0; }

 private:
  std::shared_ptr<const MemoryBridge> bridge_;
  int rows_;
  std::optional<nn::KvCache> kv_;
};

}  // namespace kith::model
