// The loops around the matrix products that oneDNN does not do: conversion and quantisation of
// activations, the int8 result's scales, and int8 products by hand where that is faster (few rows)
// or the only correct way (CPUs without VNNI).
//
// int8 scheme: weights are symmetric per output channel, w = q_w * s_w with q_w in [-127, 127];
// activations symmetric per row, x = q_x * s_x, stored as u8 = q_x + 128 because the VNNI dot
// product wants unsigned on one side. Hence y = s_x * s_w * (sum(u8 * q_w) - 128 * sum(q_w)), in
// exact integers up to the last step: results are the same bit for bit whichever routine made the
// integer sum.
//
// The functions are compiled once for every CpuLevel.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kith/tensor/cpu.h"

namespace kith::tensor {

// What turns integer sums into results; all arrays [out].
struct Int8Epilogue {
  // 128 * sum of the quantised weights of the output channel.
  const std::int32_t* compensation;
  const float* scales;
  // Null if there is none.
  const float* bias;
};

// Quantised rows, and how far apart the sums of two rows are.
struct Int8Rows {
  const std::uint8_t* x;
  std::size_t stride;
  std::size_t count;
  std::size_t sums_stride;
};

// Adam's constants for one step (Kingma and Ba 2015), bias corrections included.
struct AdamStep {
  // learning rate / (1 - beta1^t).
  float rate;
  float beta1;
  float beta2;
  // 1 / (1 - beta2^t).
  float square_correction;
  float epsilon;
};

// Parameters with their running means of gradients and of squared gradients.
struct AdamRow {
  float* parameters;
  float* means;
  float* squares;
};

struct Kernels {
  // out[i] = bf16(in[i]), rounded to nearest even.
  void (*to_bf16)(const float* in, std::size_t count, std::uint16_t* out);

  // high[i] = bf16(in[i]), low[i] = bf16(in[i] - high[i]).
  void (*split_bf16)(const float* in, std::size_t count, std::uint16_t* high, std::uint16_t* low);

  // Quantises one row and returns its scale; a row of zeros gets scale 0. `padded` >= count: the
  // bytes after count are set to 128, i.e. zero.
  float (*quantize_row)(const float* in, std::size_t count, std::size_t padded, std::uint8_t* out);

  // Turns one row of integer sums into results.
  void (*finish_row)(const std::int32_t* sums, std::size_t out, float row_scale,
                     const Int8Epilogue& epilogue, float* results);

  // y[m][n] = sum_k x[m][k] * w[n][k] for `rows` rows, weights row-major [out, in]. A row's result
  // does not depend on the others.
  void (*f32_plain)(const float* x, std::size_t rows, const float* w, std::size_t in,
                    std::size_t out, float* y);

  // sums[n] = sum_k x[k] * w[n][k], weights row-major [out, in].
  void (*int8_row_plain)(const std::uint8_t* x, const std::int8_t* w, std::size_t in,
                         std::size_t out, std::int32_t* sums);

  // The same on weights in oneDNN's layout BA16a64b4a: [out/64][in_padded/4][64][4], for the column
  // blocks [first, last) of 64; sums: [out] with out rounded up to 64. Null without VNNI.
  void (*int8_row_blocked)(const std::uint8_t* x, const std::int8_t* w, std::size_t in_padded,
                           std::size_t first, std::size_t last, std::int32_t* sums);

  // The same for a few rows: sums of row r begin at sums + r * sums_stride. in_padded bytes of
  // every row are read; those behind its inputs meet weights of 0. Null without VNNI.
  void (*int8_rows_blocked)(const Int8Rows& rows, const std::int8_t* w, std::size_t in_padded,
                            std::size_t first, std::size_t last, std::int32_t* sums);

  // sums[i] += weight * row[i]: for sparse inputs, which add up a few rows of a matrix.
  void (*add_row)(const float* row, float weight, std::size_t count, float* sums);
  void (*add_int8_row)(const std::int8_t* row, float weight, std::size_t count, float* sums);

  // Sum of a[i] * b[i].
  float (*dot_row)(const float* a, const float* b, std::size_t count);

  // One step of Adam for `count` parameters.
  void (*adam_row)(const AdamStep& step, const float* gradient, std::size_t count,
                   const AdamRow& row);
};

// The kernels compiled for `level`, or for the best level below it that this build has.
const Kernels& kernels_for(CpuLevel level);
// Those for this CPU.
const Kernels& kernels();

namespace portable {
extern const Kernels kKernels;
}
namespace avx2 {
extern const Kernels kKernels;
}
namespace avx512 {
extern const Kernels kKernels;
}

}  // namespace kith::tensor
