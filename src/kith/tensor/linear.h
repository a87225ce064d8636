// A linear map y = x W^T + b with weights packed in f32, bf16 or int8.
//
// With bf16 weights, inputs are split into two bf16 terms (x = high + low, 16 bits of mantissa)
// whose products are added: at batch sizes where memory is the limit this is free, and results
// differ from those of f32 only by the rounding of the weights, i.e. hardly at all for a bf16
// checkpoint. int8 is the fast type: inputs are quantised per row, see kernels.h.
//
// Several weight matrices that read the same input (query, key and value; gate and up) are stacked
// on the output and done in one product.
//
// The outputs are cut into shards, one for each thread of the team (team.h) that computes a step:
// a thread multiplies and finishes its columns without waiting for the others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kith/base/result.h"
#include "kith/tensor/aligned.h"
#include "kith/tensor/dtype.h"
#include "kith/tensor/huge_pages.h"
#include "kith/tensor/int8_layout.h"
#include "kith/tensor/kernels.h"
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
  // kF32, kBf16 or kInt8. kBf16 becomes kF32 on a CPU without AVX512-BF16 or with AMX (see
  // onednn_supports()).
  DType weights = DType::kF32;
  // Shards of the outputs, at most: the size of the team that is to compute.
  int threads = 1;
  // Do f32 and int8 products by the loops for CPUs without AVX-512. For tests.
  bool plain = false;
  // Make read_row() possible for int8 weights, even where that costs a copy of them.
  bool readable_rows = false;
  // Copy quantised weights that could be borrowed into huge pages (huge_pages.h).
  bool huge_pages = false;
};

// Weights of a map that are quantised already; see kernels.h for the scheme. Borrows.
struct Int8Weights {
  Int8Layout layout = Int8Layout::kRows;
  std::span<const std::int8_t> weights;        // int8_bytes(layout, in, out)
  std::span<const float> scales;               // [out]
  std::span<const std::int32_t> compensation;  // [out]: 128 * the sum of a channel's weights
  std::span<const float> bias;                 // [out] or empty
};

// The same, owned, in kRows.
struct QuantizedRows {
  std::vector<std::int8_t> weights;
  std::vector<float> scales;
  std::vector<std::int32_t> compensation;
  std::vector<float> bias;
};

// What Linear::create() makes of the parts for int8. Errors: as create().
Result<QuantizedRows> quantize_parts(int in, std::span<const LinearPart> parts);

// The layout in which this CPU computes with int8 weights of all but the narrowest maps.
Int8Layout native_int8_layout();

// Rows that buffers of `rows` rows must have room for: forward() pads up to a bucket.
int padded_rows(int rows);

// Buffers of forward(), reused between calls. One per team.
struct LinearScratch {
  HugeVector<std::uint16_t> bf16;
  HugeVector<float> terms;
  HugeVector<std::uint8_t> int8;
  HugeVector<std::int32_t> sums;
  std::vector<float> scales;
  // The first failure of a product.
  std::optional<Error> error;

  // The failure since the last call, if any. Called by one thread.
  Status take_status();
};

// Immutable after create().
class Linear {
 public:
  // Errors: kInvalidArgument if a part's bytes do not fit [out, in] or the type cannot be packed.
  static Result<Linear> create(int in, std::span<const LinearPart> parts,
                               const LinearOptions& options);

  // A map of quantised weights, equal bit for bit to create() on what they were quantised from.
  // `from.weights` are borrowed and must outlive the map; they are copied where the CPU computes in
  // another layout, from an address that is not a multiple of 64, or with `huge_pages`.
  // Errors: kInvalidArgument if the sizes do not fit [out, in].
  static Result<Linear> from_int8(int in, int out, const Int8Weights& from,
                                  const LinearOptions& options);

  int in() const { return in_; }
  int out() const { return out_; }
  // The type in which the weights are really held.
  DType weights() const { return weights_; }
  // Packed weights, borrowed or not, scales and bias.
  std::size_t bytes() const;

  // The weights of one output, dequantised, to `out` [in].
  // REQUIRES: int8 weights made with `readable_rows`; row in [0, out()).
  void read_row(int row, std::span<float> out) const;

  // A row's result does not depend on the other rows, bit for bit.
  //   x: [padded_rows(rows), in]; what is after `rows` is overwritten
  //   y: [padded_rows(rows), out], 64-byte aligned like x; what is after `rows` is unspecified
  // REQUIRES: rows >= 1; x and y do not overlap; not called from a team.
  // Errors: kInternal if oneDNN fails.
  Status forward(std::span<float> x, int rows, std::span<float> y, LinearScratch& scratch) const;

  // The same for a caller that has a team: called by the whole team once x is complete; y is
  // complete when it returns. A failure is left in the scratch.
  // REQUIRES: the scratch was reserved.
  void forward_in_team(std::span<float> x, int rows, std::span<float> y,
                       LinearScratch& scratch) const;

  // Makes room for forward_in_team() with up to `rows` rows on a team of up to `team`.
  void reserve(int rows, int team, LinearScratch& scratch) const;

 private:
  // Columns [first, last) of the output.
  struct Columns {
    int first = 0;
    int last = 0;

    int size() const { return last - first; }
  };
  // Columns of one product, few enough for its results to stay in a core's cache until they are
  // finished.
  struct Piece {
    Columns columns;
    PackedMatmul matmul;
  };
  // What one member of a team does.
  struct Shard {
    Columns columns;
    // Absent where the plain loops are used.
    std::vector<Piece> pieces;
  };
  // Rows of one product and where they go.
  struct Slice;

  Linear() = default;

  std::vector<Columns> cut(int first, int last, int count) const;
  void cut_shards(int most);
  std::vector<Columns> pieces_of(const Shard& shard) const;
  template <typename Weights>
  Status pack(MatmulKind kind, const Weights& rows);
  Status pack_f32(std::vector<float> weights, const LinearOptions& options);
  Status pack_bf16(std::span<const float> weights);
  Status pack_int8(std::span<const std::int8_t> rows, const LinearOptions& options);
  Result<bool> borrow_blocked(const std::int8_t* blocked);
  int slice_rows() const;
  void forward_slice(const Slice& slice) const;
  void prepare_input(const Slice& slice) const;
  void forward_one_int8(const Slice& slice) const;
  void forward_shard(const Shard& shard, const Slice& slice) const;
  bool takes_few_rows(const Shard& shard, const Slice& slice) const;
  void multiply_few(const Columns& columns, const Slice& slice) const;
  Status multiply(const Shard& shard, const Piece& piece, const Slice& slice) const;
  void multiply_plain(const Columns& columns, const Slice& slice) const;
  // Where a shard's products are written: [bucket, columns].
  std::size_t first_result(const Columns& shard, const Slice& slice) const;
  Int8Epilogue epilogue(const Columns& columns) const;
  void finish(const Shard& shard, const Columns& columns, const Slice& slice) const;

  int in_ = 0;
  int out_ = 0;
  int threads_ = 1;
  DType weights_ = DType::kF32;
  std::vector<Shard> shards_;
  std::vector<float> plain_f32_;            // [out, in]
  std::vector<std::int8_t> owned_rows_;     // what rows_ sees, unless it is borrowed
  std::span<const std::int8_t> rows_;       // [out, in], int8, or empty where nothing reads them
  HugeVector<std::int8_t> owned_blocked_;   // what blocked_ sees, unless it is borrowed
  const std::int8_t* blocked_ = nullptr;    // in kBlocked, or null where it is not computed in
  std::vector<float> scales_;               // [out], int8
  std::vector<std::int32_t> compensation_;  // [out], int8
  std::vector<float> bias_;                 // [out] or empty
};

// Symmetric quantisation of one weight row to [-127, 127]; returns the scale. Rounds to nearest
// even.
//   out: [weights.size()]
float quantize_channel(std::span<const float> weights, std::span<std::int8_t> out);

}  // namespace kith::tensor
