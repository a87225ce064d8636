// The fence around oneDNN 2.6: matrix products with packed weights. <dnnl.hpp> is included by
// onednn.cc and nowhere else.
//
// What keeps oneDNN on its fast paths (measured; a test holds it): the packed layout is that of
// `format any` and is the same for every number of rows, so one copy serves all; sizes are known
// when a primitive is made, hence row counts are rounded up to a few buckets; no per-row or
// run-time scales, which silently fall to reference code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "kith/base/result.h"

namespace kith::tensor {

// Most rows of one product; more are done in slices.
inline constexpr int kMaxRows = 512;

// The bucket that `rows` is padded to. REQUIRES: rows in [1, kMaxRows].
int bucket_rows(int rows);

enum class MatmulKind : std::uint8_t {
  kF32,   // f32 x f32 -> f32
  kBf16,  // bf16 x bf16 -> f32
  kInt8,  // u8 x s8 -> i32
};

// Whether oneDNN does such products well on this CPU: f32 with AVX-512 (before it, a row's last
// bits depend on how many rows there are), bf16 with AVX512-BF16 and without AMX (with it they
// depend on that, too), int8 with AVX512-VNNI (before it, u8 x s8 saturates in 16 bits).
bool onednn_supports(MatmulKind kind);

// Immutable after create(); run() is thread-safe and computes on the calling thread alone.
class PackedMatmul {
 public:
  // Packs `weights` [out, in], row-major, of the weight type of `kind`, and prepares every bucket.
  // Errors: kInternal if oneDNN refuses, e.g. bf16 on a CPU that lacks it.
  static Result<PackedMatmul> create(MatmulKind kind, int in, int out, const void* weights);
  // For int8 weights that lie in the layout Int8Layout::kBlocked already: they are borrowed and
  // must outlive the object. No value if oneDNN wants another layout for this shape (on some CPUs,
  // and for few outputs). REQUIRES: weights at a multiple of 64. Errors: as create().
  static Result<std::optional<PackedMatmul>> borrow_blocked_int8(int in, int out,
                                                                 const std::int8_t* weights);
  PackedMatmul(PackedMatmul&&) noexcept;
  PackedMatmul& operator=(PackedMatmul&&) noexcept;
  ~PackedMatmul();

  // y = x W^T.  x: [rows, in], 64-byte aligned; y: [rows, out]. REQUIRES: rows is a bucket.
  // Errors: kInternal if oneDNN fails.
  Status run(const void* x, int rows, void* y) const;

  // Of the packed weights.
  std::size_t bytes() const;
  // The name of the implementation for `rows`, e.g. "brg:avx512_core_vnni".
  std::string implementation(int rows) const;

 private:
  struct Impl;
  explicit PackedMatmul(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace kith::tensor
