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
#include "kith/tensor/huge_pages.h"

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
  tensor::HugeVector<std::uint8_t> a_int8;
  tensor::HugeVector<std::uint8_t> b_int8;
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

// The updates of one linear map, and how they are divided; reused between steps.
struct LoraPlan {
  // Up to kLoraRows rows of a task.
  struct Piece {
    std::size_t task = 0;
    std::size_t first = 0;
    std::size_t count = 0;
  };

  // Set by the caller.
  std::vector<LoraTask> tasks;

  // By plan_loras().
  std::vector<Piece> pieces;
  // Inputs rounded up to 4, and where the last columns of an update end.
  std::size_t in4 = 0;
  int end_column = 0;
  // By task: its first product in `begins`; by product, i.e. row of a task: where its numbers begin
  // in the scratch.
  std::vector<std::size_t> first_product;
  std::vector<std::size_t> begins;
  // Of all products.
  std::size_t num_numbers = 0;

  bool empty() const { return tasks.empty(); }
};
// Divides plan.tasks. REQUIRES: all updates have the same `in`.
void plan_loras(LoraPlan& plan);

// Buffers of lora_down() and lora_up(), reused between calls. One per team.
struct LoraScratch {
  // A x of one row of a task, quantised.
  struct Product {
    float scale = 0.0F;
    std::int32_t sum = 0;
  };
  std::vector<Product> products;
  // A x; for int8 as integers, then with the scales of the ranks, then quantised.
  std::vector<std::int32_t> down_sums;
  std::vector<float> down_f32;
  std::vector<std::int8_t> down_int8;

  // Makes room for plans of as many products, and numbers in all of them together: a rank, rounded
  // up to 4, for each product. Called by one thread.
  void reserve(std::size_t num_products, std::size_t num_numbers);
};

// Adds all updates in two parts, each called by the whole team (tensor/team.h) with the same plan.
// The first reads x, which must be complete, and returns without waiting; what else reads x may be
// done between the two. Before the second, the team has waited and y is complete; y is complete
// again on return. Two tasks may name the same row (a blend of adapters). A row's result does not
// depend on which other rows are named, bit for bit.
// REQUIRES: the scratch was reserved.
void lora_down(const LoraPlan& plan, const LoraBatch& batch, LoraScratch& scratch);
void lora_up(const LoraPlan& plan, const LoraBatch& batch, LoraScratch& scratch);

}  // namespace kith::nn
