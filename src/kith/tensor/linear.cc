#include "kith/tensor/linear.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string>

#include "kith/base/check.h"
#include "kith/tensor/kernels.h"

namespace kith::tensor {
namespace {

// Outputs of one product with bf16 weights, both terms counted.
constexpr int kMaxTermElements = 1 << 24;

std::size_t to_size(int value) { return static_cast<std::size_t>(value); }

int round_up(int value, int multiple) { return (value + multiple - 1) / multiple * multiple; }

template <typename Vector>
auto* grown(Vector& vector, std::size_t size) {
  if (vector.size() < size) vector.resize(size);
  return vector.data();
}

// All parts below each other as f32, [sum of out, in].
Result<std::vector<float>> stack_weights(int in, std::span<const LinearPart> parts, int total_out) {
  std::vector<float> stacked(to_size(in) * to_size(total_out));
  std::size_t row = 0;
  for (const LinearPart& part : parts) {
    const std::size_t count = to_size(in) * to_size(part.out);
    if (!is_weight_dtype(part.dtype) || part.weights.size() != count * dtype_size(part.dtype)) {
      return Error{ErrorCode::kInvalidArgument, "weights do not fit their shape"};
    }
    convert_to_f32(part.weights, part.dtype, std::span(stacked).subspan(row * to_size(in), count));
    row += to_size(part.out);
  }
  return stacked;
}

// Empty if no part has a bias.
Result<std::vector<float>> stack_bias(std::span<const LinearPart> parts, int total_out) {
  const bool any = std::any_of(parts.begin(), parts.end(),
                               [](const LinearPart& part) { return !part.bias.empty(); });
  std::vector<float> stacked(any ? to_size(total_out) : 0, 0.0F);
  std::size_t row = 0;
  for (const LinearPart& part : parts) {
    if (!part.bias.empty()) {
      if (!is_weight_dtype(part.bias_dtype) ||
          part.bias.size() != to_size(part.out) * dtype_size(part.bias_dtype)) {
        return Error{ErrorCode::kInvalidArgument, "bias does not fit its shape"};
      }
      convert_to_f32(part.bias, part.bias_dtype,
                     std::span(stacked).subspan(row, to_size(part.out)));
    }
    row += to_size(part.out);
  }
  return stacked;
}

}  // namespace

float quantize_channel(std::span<const float> weights, std::span<std::int8_t> out) {
  float largest = 0.0F;
  for (const float weight : weights) largest = std::max(largest, std::fabs(weight));
  const float scale = largest / 127.0F;
  const float inverse = scale > 1e-37F ? 1.0F / scale : 0.0F;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    // The clamp also catches a NaN weight, whose conversion to an integer would be undefined.
    const float rounded = std::nearbyint(weights[i] * inverse);
    out[i] = static_cast<std::int8_t>(rounded >= -127.0F && rounded <= 127.0F ? rounded : 0.0F);
  }
  return inverse > 0.0F ? scale : 0.0F;
}

Int8Layout native_int8_layout() {
  return onednn_supports(MatmulKind::kInt8) ? Int8Layout::kBlocked : Int8Layout::kRows;
}

Result<QuantizedRows> quantize_parts(int in, std::span<const LinearPart> parts) {
  int total_out = 0;
  for (const LinearPart& part : parts) total_out += part.out;
  const std::size_t width = to_size(in);
  QuantizedRows quantized;
  KITH_ASSIGN_OR_RETURN(quantized.bias, stack_bias(parts, total_out));
  KITH_ASSIGN_OR_RETURN(const std::vector<float> weights, stack_weights(in, parts, total_out));
  quantized.weights.resize(weights.size());
  quantized.scales.resize(to_size(total_out));
  quantized.compensation.resize(to_size(total_out));
  for (std::size_t n = 0; n < to_size(total_out); ++n) {
    const std::span<std::int8_t> row(quantized.weights.data() + n * width, width);
    quantized.scales[n] = quantize_channel(std::span(weights).subspan(n * width, width), row);
    quantized.compensation[n] = 128 * std::accumulate(row.begin(), row.end(), std::int32_t{0});
  }
  return quantized;
}

int padded_rows(int rows) {
  const int whole = rows / kMaxRows * kMaxRows;
  return rows == whole ? rows : whole + bucket_rows(rows - whole);
}

Result<Linear> Linear::create(int in, std::span<const LinearPart> parts,
                              const LinearOptions& options) {
  KITH_CHECK(in > 0 && !parts.empty(), "a linear map needs inputs and parts");
  Linear linear;
  linear.in_ = in;
  for (const LinearPart& part : parts) linear.out_ += part.out;
  linear.weights_ = options.weights;
  if (linear.weights_ == DType::kBf16 && !onednn_supports(MatmulKind::kBf16)) {
    linear.weights_ = DType::kF32;
  }

  if (linear.weights_ == DType::kInt8) {
    KITH_ASSIGN_OR_RETURN(QuantizedRows rows, quantize_parts(in, parts));
    linear.scales_ = std::move(rows.scales);
    linear.compensation_ = std::move(rows.compensation);
    linear.bias_ = std::move(rows.bias);
    KITH_RETURN_IF_ERROR(linear.pack_int8(rows.weights, options));
    if (!linear.rows_.empty()) linear.owned_rows_ = std::move(rows.weights);
    return linear;
  }
  KITH_ASSIGN_OR_RETURN(linear.bias_, stack_bias(parts, linear.out_));
  KITH_ASSIGN_OR_RETURN(std::vector<float> weights, stack_weights(in, parts, linear.out_));
  switch (linear.weights_) {
    case DType::kF32:
      KITH_RETURN_IF_ERROR(linear.pack_f32(std::move(weights), options));
      break;
    case DType::kBf16:
      KITH_RETURN_IF_ERROR(linear.pack_bf16(weights, options.threads));
      break;
    default:
      return Error{ErrorCode::kInvalidArgument, "weights are held as f32, bf16 or int8, not " +
                                                    std::string(dtype_name(options.weights))};
  }
  return linear;
}

Result<Linear> Linear::from_int8(int in, int out, const Int8Weights& from,
                                 const LinearOptions& options) {
  KITH_CHECK(in > 0 && out > 0, "a linear map needs inputs and outputs");
  if (from.weights.size() != int8_bytes(from.layout, in, out) ||
      from.scales.size() != to_size(out) || from.compensation.size() != to_size(out) ||
      (!from.bias.empty() && from.bias.size() != to_size(out))) {
    return Error{ErrorCode::kInvalidArgument, "quantised weights do not fit their shape"};
  }
  Linear linear;
  linear.in_ = in;
  linear.out_ = out;
  linear.weights_ = DType::kInt8;
  linear.scales_.assign(from.scales.begin(), from.scales.end());
  linear.compensation_.assign(from.compensation.begin(), from.compensation.end());
  linear.bias_.assign(from.bias.begin(), from.bias.end());
  if (from.layout == Int8Layout::kRows) {
    KITH_RETURN_IF_ERROR(linear.pack_int8(from.weights, options));
    return linear;
  }
  const bool is_aligned = reinterpret_cast<std::uintptr_t>(from.weights.data()) % 64 == 0;
  if (is_aligned && !options.plain && onednn_supports(MatmulKind::kInt8)) {
    KITH_ASSIGN_OR_RETURN(linear.matmul_, PackedMatmul::borrow_blocked_int8(
                                              in, out, from.weights.data(), options.threads));
    if (linear.matmul_) return linear;
  }
  std::vector<std::int8_t> rows = to_rows(from.weights, in, out);
  KITH_RETURN_IF_ERROR(linear.pack_int8(rows, options));
  if (!linear.rows_.empty()) linear.owned_rows_ = std::move(rows);
  return linear;
}

Status Linear::pack_f32(std::vector<float> weights, const LinearOptions& options) {
  if (options.plain || !onednn_supports(MatmulKind::kF32)) {
    plain_f32_ = std::move(weights);
    return {};
  }
  KITH_ASSIGN_OR_RETURN(
      matmul_, PackedMatmul::create(MatmulKind::kF32, in_, out_, weights.data(), options.threads));
  return {};
}

Status Linear::pack_bf16(std::span<const float> weights, int threads) {
  std::vector<std::uint16_t> rounded(weights.size());
  kernels().to_bf16(weights.data(), weights.size(), rounded.data());
  KITH_ASSIGN_OR_RETURN(
      matmul_, PackedMatmul::create(MatmulKind::kBf16, in_, out_, rounded.data(), threads));
  return {};
}

// Sees `rows` for as long as the map lives, if anything is to read them later.
Status Linear::pack_int8(std::span<const std::int8_t> rows, const LinearOptions& options) {
  const bool is_plain = options.plain || !onednn_supports(MatmulKind::kInt8);
  if (!is_plain) {
    KITH_ASSIGN_OR_RETURN(
        matmul_, PackedMatmul::create(MatmulKind::kInt8, in_, out_, rows.data(), options.threads));
  }
  const bool is_readable = matmul_ && matmul_->find_blocked_int8() != nullptr;
  if (is_plain || (options.readable_rows && !is_readable)) rows_ = rows;
  return {};
}

void Linear::read_row(int row, std::span<float> out) const {
  KITH_CHECK(row >= 0 && row < out_ && out.size() == to_size(in_), "no such row");
  std::vector<std::int8_t> quantized(out.size());
  if (!rows_.empty()) {
    read_int8_row(Int8Layout::kRows, rows_, row, quantized);
  } else {
    const std::int8_t* blocked = matmul_ ? matmul_->find_blocked_int8() : nullptr;
    KITH_CHECK(blocked != nullptr, "the rows of this map cannot be read");
    read_int8_row(Int8Layout::kBlocked, {blocked, int8_bytes(Int8Layout::kBlocked, in_, out_)}, row,
                  quantized);
  }
  const float scale = scales_[to_size(row)];
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = scale * static_cast<float>(quantized[i]);
}

std::size_t Linear::bytes() const {
  return (matmul_ ? matmul_->bytes() : 0) + plain_f32_.size() * sizeof(float) + rows_.size() +
         (scales_.size() + compensation_.size() + bias_.size()) * sizeof(float);
}

Status Linear::forward(std::span<float> x, int rows, std::span<float> y,
                       LinearScratch& scratch) const {
  const std::size_t capacity = to_size(padded_rows(rows));
  KITH_CHECK(
      rows >= 1 && x.size() >= capacity * to_size(in_) && y.size() >= capacity * to_size(out_),
      "buffers must have room for the padded rows");
  for (int row = 0; row < rows; row += kMaxRows) {
    KITH_RETURN_IF_ERROR(forward_slice(x.data() + to_size(row) * to_size(in_),
                                       std::min(rows - row, kMaxRows),
                                       y.data() + to_size(row) * to_size(out_), scratch));
  }
  return {};
}

Status Linear::forward_slice(float* x, int rows, float* y, LinearScratch& scratch) const {
  if (weights_ == DType::kInt8) return forward_int8(x, rows, y, scratch);
  if (weights_ == DType::kBf16) {
    // The scratch for both terms of all rows would be large for a head of many outputs.
    const int most = std::clamp(kMaxTermElements / (2 * out_), 1, kMaxRows / 2);
    for (int row = 0; row < rows; row += most) {
      KITH_RETURN_IF_ERROR(forward_bf16(x + to_size(row) * to_size(in_), std::min(most, rows - row),
                                        y + to_size(row) * to_size(out_), scratch));
    }
  } else {
    KITH_RETURN_IF_ERROR(forward_f32(x, rows, y));
  }
  add_bias(y, rows);
  return {};
}

Status Linear::forward_f32(float* x, int rows, float* y) const {
  if (matmul_) {
    const int padded = bucket_rows(rows);
    // Zeros rather than leftovers: old values could be subnormal or NaN, which are slow.
    std::fill(x + to_size(rows) * to_size(in_), x + to_size(padded) * to_size(in_), 0.0F);
    return matmul_->run(x, padded, y);
  }
  constexpr int kRows = 16;
#if defined(_OPENMP)
#pragma omp parallel for schedule(static) if (rows > kRows)
#endif
  for (int row = 0; row < rows; row += kRows) {
    kernels().f32_plain(x + to_size(row) * to_size(in_), to_size(std::min(kRows, rows - row)),
                        plain_f32_.data(), to_size(in_), to_size(out_),
                        y + to_size(row) * to_size(out_));
  }
  return {};
}

Status Linear::forward_bf16(const float* x, int rows, float* y, LinearScratch& scratch) const {
  const std::size_t in_elements = to_size(rows) * to_size(in_);
  const std::size_t out_elements = to_size(rows) * to_size(out_);
  const std::size_t padded = to_size(bucket_rows(2 * rows));
  // All high terms, then all low terms.
  std::uint16_t* split = grown(scratch.bf16, padded * to_size(in_));
  kernels().split_bf16(x, in_elements, split, split + in_elements);
  std::fill(split + 2 * in_elements, split + padded * to_size(in_), std::uint16_t{0});
  float* terms = grown(scratch.terms, padded * to_size(out_));
  KITH_RETURN_IF_ERROR(matmul_->run(split, static_cast<int>(padded), terms));
  const float* low = terms + out_elements;
#pragma omp simd
  for (std::size_t i = 0; i < out_elements; ++i) y[i] = terms[i] + low[i];
  return {};
}

void Linear::add_bias(float* y, int rows) const {
  if (bias_.empty()) return;
  for (int row = 0; row < rows; ++row) {
    float* values = y + to_size(row) * to_size(out_);
    for (std::size_t n = 0; n < to_size(out_); ++n) values[n] += bias_[n];
  }
}

Status Linear::forward_int8(const float* x, int rows, float* y, LinearScratch& scratch) const {
  const int padded = bucket_rows(rows);
  // The one-row kernel reads whole blocks of inputs; oneDNN wants rows without gaps.
  const bool one_row = rows == 1;
  const std::size_t stride = one_row ? to_size(round_up(in_, kInt8Block)) : to_size(in_);
  std::uint8_t* quantized = grown(scratch.int8, to_size(padded) * stride);
  float* row_scales = grown(scratch.scales, to_size(rows));
  for (std::size_t row = 0; row < to_size(rows); ++row) {
    row_scales[row] = kernels().quantize_row(x + row * to_size(in_), to_size(in_), stride,
                                             quantized + row * stride);
  }
  std::fill(quantized + to_size(rows) * stride, quantized + to_size(padded) * stride,
            std::uint8_t{128});
  // Sums are made where the results will be.
  auto* sums = reinterpret_cast<std::int32_t*>(y);
  KITH_RETURN_IF_ERROR(int8_sums(quantized, rows, sums, scratch));
  const Int8Epilogue epilogue{compensation_.data(), scales_.data(),
                              bias_.empty() ? nullptr : bias_.data()};
#if defined(_OPENMP)
#pragma omp parallel for schedule(static) if (rows >= 16)
#endif
  for (int row = 0; row < rows; ++row) {
    kernels().finish_row(sums + to_size(row) * to_size(out_), to_size(out_),
                         row_scales[to_size(row)], epilogue);
  }
  return {};
}

Status Linear::int8_sums(const std::uint8_t* x, int rows, std::int32_t* sums,
                         LinearScratch& scratch) const {
  if (!matmul_) {
    const std::size_t stride = to_size(rows == 1 ? round_up(in_, kInt8Block) : in_);
#if defined(_OPENMP)
#pragma omp parallel for schedule(static) if (rows > 1)
#endif
    for (int row = 0; row < rows; ++row) {
      kernels().int8_row_plain(x + to_size(row) * stride, rows_.data(), to_size(in_), to_size(out_),
                               sums + to_size(row) * to_size(out_));
    }
    return {};
  }
  const std::int8_t* blocked = matmul_->find_blocked_int8();
  if (rows != 1 || blocked == nullptr || kernels().int8_row_blocked == nullptr) {
    return matmul_->run(x, bucket_rows(rows), sums);
  }
  const int num_blocks = round_up(out_, kInt8Block) / kInt8Block;
  std::int32_t* padded_sums =
      out_ % kInt8Block == 0 ? sums : grown(scratch.sums, to_size(num_blocks * kInt8Block));
  const std::size_t in_padded = to_size(round_up(in_, kInt8Block));
#if defined(_OPENMP)
#pragma omp parallel for schedule(static) if (num_blocks >= 16)
#endif
  for (int block = 0; block < num_blocks; ++block) {
    kernels().int8_row_blocked(x, blocked, in_padded, to_size(block), to_size(block) + 1,
                               padded_sums);
  }
  if (padded_sums != sums) std::memcpy(sums, padded_sums, to_size(out_) * sizeof(std::int32_t));
  return {};
}

}  // namespace kith::tensor
