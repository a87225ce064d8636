// Prompts that begin alike share the KV blocks of their beginning, also across requests: a tree of
// full blocks, each under the tokens that it holds and below the block before it (the radix cache
// of Zheng et al. 2024, "SGLang", in whole blocks).
//
// Tokens are compared, not hashed: two prompts can never be taken for each other. A space keeps
// apart what must never meet: versions of an adapter, tenants. The least recently used blocks that
// no running request owns make room when a request needs it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kith/engine/kv_blocks.h"
#include "kith/nn/kv_cache.h"
#include "kith/text/token.h"

namespace kith::engine {

// Not thread-safe: belongs to the engine's thread.
class PrefixCache {
 public:
  // `blocks` must outlive the cache.
  explicit PrefixCache(KvBlocks& blocks) : blocks_(blocks) {}
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  // The blocks of the longest known beginning of `tokens`, in order; the caller owns each of them
  // once more.
  std::vector<std::int32_t> acquire(const std::string& space,
                                    std::span<const text::TokenId> tokens);

  // Remembers the full blocks of `tokens`, which the caller owns: blocks[i] holds
  // tokens [16 i, 16 i + 16). Where the same tokens are known in another block, that one stays and
  // the rest is not remembered.
  // REQUIRES: 16 blocks.size() >= tokens.size() rounded down to whole blocks.
  void insert(const std::string& space, std::span<const text::TokenId> tokens,
              std::span<const std::int32_t> blocks);

  // Forgets the least recently used block that has no owner, so that it is free.
  // Returns false if there is none.
  bool evict();

  int num_blocks() const { return num_blocks_; }

 private:
  using Tokens = std::array<text::TokenId, nn::kBlockTokens>;
  struct Node {
    Node* parent = nullptr;
    Tokens tokens{};
    std::int32_t block = -1;
    std::uint64_t used = 0;
    std::map<Tokens, std::unique_ptr<Node>> children;
  };

  Node* find_child(Node& node, std::span<const text::TokenId> tokens) const;
  void touch(Node& node);
  void remove(Node& leaf);

  KvBlocks& blocks_;
  std::map<std::string, Node> roots_;
  // Nodes without children by last use.
  std::set<std::pair<std::uint64_t, Node*>> leaves_;
  std::uint64_t clock_ = 0;
  int num_blocks_ = 0;
};

}  // namespace kith::engine
