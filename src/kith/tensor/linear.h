// A linear map y = x W^T + b with weights packed in f32, bf16 or int8.
//
// With bf16 weights, inputs are split into two bf16 terms (x = high + low, 16 bits of mantissa)
// whose products are added: at batch sizes where memory is the limit this is free, and results
// differ from those of f32 only by the rounding of the weights, i.e. hardly at all for a bf16
// checkpoint. int8 is the fast type: inputs are quantised per row, see kernels.h.
//
// Several weight matrices that read the same input (query, key and value; gate and up) are stacked
// on the output and done in one product.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kith/base/result.h"
#include "kith/tensor/aligned.h"
#include "kith/tensor/dtype.h"
#include "kith/tensor/onednn.h"

namespace kith::tensor {

// One matrix of the stack, as it is in a checkpoint. Borrows.
struct LinearPart {
  // [out, in], row-major, of type `dtype`, which is f32, f16 or bf16.
  std::span<const std::byte> weights;
  DType dtype = DType::kF32;
  int out = 0;
  // [out] of type `bias_dtype`, or empty.
  std::span<const std::byte> bias;
  DType bias_dtype = DType::kF32;
};

struct LinearOptions {
  // kF32, kBf16 or kInt8. kBf16 becomes kF32 on a CPU without AVX512-BF16.
  DType weights = DType::kF32;
  int threads = 1;
  // Do f32 and int8 products by the loops for CPUs without AVX-512. For tests.
  bool plain = false;
};

// Rows that buffers of `rows` rows must have room for: forward() pads up to a bucket.
int padded_rows(int rows);

// Buffers of forward(), reused between calls. One per thread.
struct LinearScratch {
  AlignedVector<std::uint16_t> bf16;
  AlignedVector<float> terms;
  AlignedVector<std::uint8_t> int8;
  AlignedVector<std::int32_t> sums;
  std::vector<float> scales;
};

// Immutable after create().
class Linear {
 public:
  // Errors: kInvalidArgument if a part's bytes do not fit [out, in] or the type cannot be packed.
  static Result<Linear> create(int in, std::span<const LinearPart> parts,
                               const LinearOptions& options);

  int in() const { return in_; }
  int out() const { return out_; }
  // The type in which the weights are really held.
  DType weights() const { return weights_; }
  // Packed weights, scales and bias.
  std::size_t bytes() const;

  // A row's result does not depend on the other rows, bit for bit.
  //   x: [padded_rows(rows), in]; what is after `rows` is overwritten
  //   y: [padded_rows(rows), out], 64-byte aligned like x; what is after `rows` is unspecified
  // REQUIRES: rows >= 1; x and y do not overlap.
  // Errors: kInternal if oneDNN fails.
  Status forward(std::span<float> x, int rows, std::span<float> y, LinearScratch& scratch) const;

 private:
  Linear() = default;

  Status pack_f32(std::vector<float> weights, const LinearOptions& options);
  Status pack_bf16(std::span<const float> weights, int threads);
  Status pack_int8(std::span<const float> weights, const LinearOptions& options);
  Status forward_slice(float* x, int rows, float* y, LinearScratch& scratch) const;
  Status forward_f32(float* x, int rows, float* y) const;
  Status forward_bf16(const float* x, int rows, float* y, LinearScratch& scratch) const;
  Status forward_int8(const float* x, int rows, float* y, LinearScratch& scratch) const;
  Status int8_sums(const std::uint8_t* x, int rows, std::int32_t* sums,
                   LinearScratch& scratch) const;
  void add_bias(float* y, int rows) const;

  int in_ = 0;
  int out_ = 0;
  DType weights_ = DType::kF32;
  // Absent where the plain loops are used.
  std::optional<PackedMatmul> matmul_;
  std::vector<float> plain_f32_;            // [out, in]
  std::vector<std::int8_t> plain_int8_;     // [out, in]
  std::vector<float> scales_;               // [out], int8
  std::vector<std::int32_t> compensation_;  // [out], int8
  std::vector<float> bias_;                 // [out] or empty
};

// Symmetric quantisation of one weight row to [-127, 127]; returns the scale. Rounds to nearest
// even.
//   out: [weights.size()]
float quantize_channel(std::span<const float> weights, std::span<std::int8_t> out);

}  // namespace kith::tensor
