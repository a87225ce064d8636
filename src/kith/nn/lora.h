// Low-rank updates of a linear map, applied beside it: y += scale * B (A x) (Hu et al. 2021).
//
// Rows of one adapter go together and read its matrices once, whatever the other rows of the batch
// use, and no rank is padded to another's (the grouping of Punica's SGMV, Chen et al. 2023).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kith/tensor/aligned.h"
#include "kith/tensor/dtype.h"

namespace kith::nn {

// How A and B are held:
//   kF32, kBf16  A [rank, in] and B transposed [rank, out], products in f32
//   kInt8        one scale for each of the `rank` rows of A and columns of B; x and A x are
//                quantised per row of the batch, products are exact integers. A quarter of the
//                bytes of f32, which is what decoding with many adapters is bound by.
struct Lora {
  // 0 means that there is no update.
  int rank = 0;
  int in = 0;
  int out = 0;
  float scale = 0.0F;
  tensor::DType dtype = tensor::DType::kF32;
  std::vector<float> a_f32;
  std::vector<float> b_f32;
  std::vector<std::uint16_t> a_bf16;
  std::vector<std::uint16_t> b_bf16;
  // Values + 128; layouts of Kernels::lora_down_int8 and lora_up_int8.
  tensor::AlignedVector<std::uint8_t> a_int8;
  tensor::AlignedVector<std::uint8_t> b_int8;
  // [rank rounded up to 4]: scale of A's row times scale of B's column.
  std::vector<float> rank_scales;

  std::size_t bytes() const;
};

// Packs A [rank, in] and B [out, rank], row-major. REQUIRES: dtype is kF32, kBf16 or kInt8.
Lora pack_lora(std::span<const float> a, std::span<const float> b, int rank, float scale,
               tensor::DType dtype);

// One update and the rows of a batch that it is added to. Borrows.
struct LoraTask {
  const Lora* lora = nullptr;
  // Where its outputs begin in a row of y.
  int column = 0;
  // Indices of rows in x and y.
  std::span<const std::int32_t> rows;
  // A factor for each of the rows; empty: 1 for all.
  std::span<const float> factors;
};

// The rows that a linear map has read and written. Borrows; x and y do not overlap.
struct LoraBatch {
  // Rows of at least `in` floats, x_stride apart.
  std::span<const float> x;
  std::size_t x_stride = 0;
  // Rows of at least column + `out` floats, y_stride apart.
  std::span<float> y;
  std::size_t y_stride = 0;
};

// Buffers of apply_loras(), reused between calls. One per thread.
struct LoraScratch {
  // A row of the batch, quantised.
  struct QuantizedRow {
    float scale = 0.0F;
    std::int32_t sum = 0;
  };
  // A x of one row of a task.
  struct Product {
    float scale = 0.0F;
    std::int32_t sum = 0;
    std::size_t begin = 0;
  };
  // Where the rows and products of each task begin.
  std::vector<std::size_t> first_product;
  std::vector<Product> products;
  std::vector<float> down_f32;
  std::vector<std::int8_t> down_int8;
  // What down_int8 is made from: integers, and the same with the scales of the ranks.
  std::vector<std::int32_t> down_sums;
  std::vector<float> down_scaled;
  // Rows of x that an int8 update reads: their indices, and the place of each row of x among them.
  std::vector<std::int32_t> quantized;
  std::vector<std::int32_t> place;
  std::vector<QuantizedRow> row_scales;
  tensor::AlignedVector<std::int8_t> x_int8;
};

// Adds all updates. Two tasks may name the same row (a blend of adapters).
// A row's result does not depend on which other rows are named, bit for bit.
// REQUIRES: all updates have the same `in`.
void apply_loras(std::span<const LoraTask> tasks, const LoraBatch& batch, LoraScratch& scratch);

}  // namespace kith::nn
