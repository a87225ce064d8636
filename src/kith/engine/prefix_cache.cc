#include "kith/engine/prefix_cache.h"

#include <algorithm>

#include "kith/base/check.h"

namespace kith::engine {
namespace {

constexpr std::size_t kTokens = nn::kBlockTokens;

std::size_t num_full_blocks(std::span<const text::TokenId> tokens) {
  return tokens.size() / kTokens;
}

}  // namespace

PrefixCache::Node* PrefixCache::find_child(Node& node,
                                           std::span<const text::TokenId> tokens) const {
  Tokens key;
  std::copy_n(tokens.begin(), kTokens, key.begin());
  const auto it = node.children.find(key);
  return it == node.children.end() ? nullptr : it->second.get();
}

// A node is used whenever one below it is, so what is older than a leaf is never younger.
void PrefixCache::touch(Node& node) {
  if (node.children.empty()) leaves_.erase({node.used, &node});
  node.used = clock_;
  if (node.children.empty()) leaves_.insert({node.used, &node});
}

std::vector<std::int32_t> PrefixCache::acquire(const std::string& space,
                                               std::span<const text::TokenId> tokens) {
  std::vector<std::int32_t> found;
  const auto root = roots_.find(space);
  if (root == roots_.end()) return found;
  ++clock_;
  Node* node = &root->second;
  for (std::size_t i = 0; i < num_full_blocks(tokens); ++i) {
    node = find_child(*node, tokens.subspan(i * kTokens, kTokens));
    if (node == nullptr) break;
    touch(*node);
    blocks_.share(node->block);
    found.push_back(node->block);
  }
  return found;
}

void PrefixCache::insert(const std::string& space, std::span<const text::TokenId> tokens,
                         std::span<const std::int32_t> blocks) {
  const std::size_t count = num_full_blocks(tokens);
  KITH_CHECK(blocks.size() >= count, "every full block of tokens needs its cache block");
  if (count == 0) return;
  ++clock_;
  Node* node = &roots_[space];
  for (std::size_t i = 0; i < count; ++i) {
    const auto part = tokens.subspan(i * kTokens, kTokens);
    Node* child = find_child(*node, part);
    if (child == nullptr) {
      auto added = std::make_unique<Node>();
      added->parent = node;
      std::copy_n(part.begin(), kTokens, added->tokens.begin());
      added->block = blocks[i];
      blocks_.keep(added->block);
      if (node->children.empty()) leaves_.erase({node->used, node});
      child = added.get();
      node->children.emplace(child->tokens, std::move(added));
      ++num_blocks_;
    } else if (child->block != blocks[i]) {
      // Two requests have computed the same beginning side by side. The second one's blocks must
      // not hang below blocks that it does not own: eviction goes by owners.
      return;
    }
    touch(*child);
    node = child;
  }
}

bool PrefixCache::evict() {
  // An owner of a block owns all blocks before it, so below a block without owners is a leaf
  // without.
  const auto idle = std::find_if(leaves_.begin(), leaves_.end(), [this](const auto& leaf) {
    return !blocks_.is_owned(leaf.second->block);
  });
  if (idle == leaves_.end()) return false;
  remove(*idle->second);
  return true;
}

void PrefixCache::remove(Node& leaf) {
  leaves_.erase({leaf.used, &leaf});
  blocks_.drop(leaf.block);
  --num_blocks_;
  Node& parent = *leaf.parent;
  const Tokens key = leaf.tokens;
  parent.children.erase(key);
  if (!parent.children.empty()) return;
  if (parent.parent != nullptr) {
    leaves_.insert({parent.used, &parent});
    return;
  }
  std::erase_if(roots_, [&parent](const auto& root) { return &root.second == &parent; });
}

}  // namespace kith::engine
