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
  int rank = 0;
  int in = 0;
  int out = 0;
  float scale = 0.0F;
  // kF32 or kBf16: which of the two pairs below is filled.
  tensor::DType dtype = tensor::DType::kF32;
  std::vector<float> a_f32;             // [rank, in]
  std::vector<float> b_f32;             // [rank, out]: B transposed
  std::vector<std::uint16_t> a_bf16;    // [rank, in]
  std::vector<std::uint16_t> b_bf16;    // [rank, out]

  std::size_t bytes() const;
};

// Adds the update to some rows. A row's result does not depend on which other rows are named.
//   x: [*, lora.in] with rows `x_stride` floats apart;  y: [*, lora.out] with rows `y_stride` apart
//   rows: which rows of x and y
// REQUIRES: the rows lie within both spans; x and y do not overlap.
struct LoraRows {
  std::span<const float> x;
  std::size_t x_stride = 0;
  std::span<float> y;
  std::size_t y_stride = 0;
  std::span<const std::int32_t> rows;
};
void apply_lora(const Lora& lora, const LoraRows& io, std::vector<float>& scratch);

}  // namespace kith::nn
