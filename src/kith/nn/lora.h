// One low-rank update of a linear map, applied beside it: y += scale * B (A x) (Hu et al. 2021).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kith/tensor/dtype.h"

namespace kith::nn {

// A and B are held with the long axis contiguous, so that both products read memory in order.
struct Lora {
  // 0 means that there is no update.
  int rank = 0;
  int in = 0;
  int out = 0;
  float scale = 0.0F;
  // kF32 or kBf16: which of the two pairs below is filled.
  tensor::DType dtype = tensor::DType::kF32;
  std::vector<float> a_f32;           // [rank, in]
  std::vector<float> b_f32;           // [rank, out]: B transposed
  std::vector<std::uint16_t> a_bf16;  // [rank, in]
  std::vector<std::uint16_t> b_bf16;  // [rank, out]

  std::size_t bytes() const;
};

// Packs A [rank, in] and B [out, rank], row-major. REQUIRES: dtype is kF32 or kBf16.
Lora pack_lora(std::span<const float> a, std::span<const float> b, int rank, float scale,
               tensor::DType dtype);

// The rows of a batch that an update is added to. Borrows.
struct LoraRows {
  // Rows of `in` floats, x_stride apart.
  std::span<const float> x;
  std::size_t x_stride = 0;
  // Rows of `out` floats, y_stride apart. Does not overlap x.
  std::span<float> y;
  std::size_t y_stride = 0;
  // Indices of rows in x and y.
  std::span<const std::int32_t> rows;
};

// A row's result does not depend on which other rows are named, bit for bit.
void apply_lora(const Lora& lora, const LoraRows& io);

}  // namespace kith::nn
