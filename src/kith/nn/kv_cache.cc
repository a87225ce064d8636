#include "kith/nn/kv_cache.h"

#include <cstring>

#include "kith/base/check.h"

namespace kith::nn {
namespace {

constexpr std::size_t kLineBytes = 64;

std::size_t to_size(int value) { return static_cast<std::size_t>(value); }

std::size_t lines_for(const KvShape& shape, int width) {
  const std::size_t elements = to_size(shape.num_kv_heads) * to_size(width) * kBlockTokens;
  return (elements * tensor::dtype_size(shape.dtype) + kLineBytes - 1) / kLineBytes;
}

}  // namespace

std::size_t KvShape::block_bytes() const {
  return to_size(num_layers) * kLineBytes *
         (lines_for(*this, head_dim) + lines_for(*this, value_stride()));
}

tensor::DType kv_dtype_beside(tensor::DType weights) {
  switch (weights) {
    case tensor::DType::kInt8:
      return tensor::DType::kBf16;
    case tensor::DType::kBf16:
      return tensor::DType::kF16;
    default:
      return tensor::DType::kF32;
  }
}

KvCache::KvCache(const KvShape& shape, int num_blocks) : shape_(shape), num_blocks_(num_blocks) {
  KITH_CHECK(shape.num_layers > 0 && shape.num_kv_heads > 0 && shape.head_dim > 0 && num_blocks > 0,
             "sizes of a cache must be positive");
  using tensor::DType;
  KITH_CHECK(shape.dtype == DType::kF32 || shape.dtype == DType::kF16 ||
                 (shape.dtype == DType::kBf16 && shape.head_dim % 2 == 0),
             "a cache holds f32, f16 or pairs of bf16");
  key_lines_ = lines_for(shape, shape.head_dim);
  block_lines_ = key_lines_ + lines_for(shape, shape.value_stride());
  // Zeroed, so that whole registers can be read before every token of a block is written.
  storage_.resize(to_size(shape.num_layers) * to_size(num_blocks) * block_lines_);
}

std::size_t KvCache::line_of(int layer, std::int32_t block) const {
  KITH_DCHECK(layer >= 0 && layer < shape_.num_layers && block >= 0 && block < num_blocks_,
              "layer or block out of range");
  return (to_size(layer) * to_size(num_blocks_) + to_size(block)) * block_lines_;
}

void KvCache::copy_block(std::int32_t from, std::int32_t to) {
  KITH_CHECK(from >= 0 && from < num_blocks_ && to >= 0 && to < num_blocks_, "no such block");
  if (from == to) return;
  for (int layer = 0; layer < shape_.num_layers; ++layer) {
    std::memcpy(&storage_[line_of(layer, to)], &storage_[line_of(layer, from)],
                block_lines_ * kLineBytes);
  }
}

std::byte* KvCache::keys(int layer, std::int32_t block) {
  return storage_[line_of(layer, block)].bytes;
}
std::byte* KvCache::values(int layer, std::int32_t block) {
  return storage_[line_of(layer, block) + key_lines_].bytes;
}
const std::byte* KvCache::keys(int layer, std::int32_t block) const {
  return storage_[line_of(layer, block)].bytes;
}
const std::byte* KvCache::values(int layer, std::int32_t block) const {
  return storage_[line_of(layer, block) + key_lines_].bytes;
}

}  // namespace kith::nn
