#include "kith/tensor/linear.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <numeric>
#include <string>
#include <utility>

#include "kith/base/check.h"
#include "kith/tensor/cpu.h"
#include "kith/tensor/kernels.h"
#include "kith/tensor/team.h"

namespace kith::tensor {
namespace {

// Outputs of one product with bf16 weights, both terms counted.
constexpr int kMaxTermElements = 1 << 24;

// Up to so many rows, the own int8 kernel is faster than oneDNN's, which has tiles with AMX.
int few_rows() { return cpu_level() == CpuLevel::kAmx ? 8 : 16; }

// Blocks of outputs of one product. Four: with 512 rows their sums take 0.5 MiB, half of a core's
// cache. Tiles are so fast that the calls count, and their CPUs' caches are larger.
int piece_blocks() { return cpu_level() == CpuLevel::kAmx ? 16 : 4; }

std::size_t to_size(int value) { return static_cast<std::size_t>(value); }

int round_up(int value, int multiple) { return (value + multiple - 1) / multiple * multiple; }

template <typename Vector>
void grow(Vector& vector, std::size_t size) {
  if (vector.size() < size) vector.resize(size);
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

// The columns [first, last) of blocks, cut evenly into `count`.
std::vector<Linear::Columns> Linear::cut(int first, int last, int count) const {
  std::vector<Columns> cuts;
  for (int i = 0; i < count; ++i) {
    const int begin = first + (last - first) * i / count;
    const int end = first + (last - first) * (i + 1) / count;
    cuts.push_back({std::min(out_, begin * kInt8Block), std::min(out_, end * kInt8Block)});
  }
  return cuts;
}

void Linear::cut_shards(int most) {
  const int blocks = round_up(out_, kInt8Block) / kInt8Block;
  shards_.clear();
  for (const Columns& columns : cut(0, blocks, std::clamp(most, 1, blocks))) {
    shards_.push_back({columns, {}});
  }
}

std::vector<Linear::Columns> Linear::pieces_of(const Shard& shard) const {
  const int first = shard.columns.first / kInt8Block;
  const int last = round_up(shard.columns.last, kInt8Block) / kInt8Block;
  return cut(first, last, (last - first + piece_blocks() - 1) / piece_blocks());
}

Result<Linear> Linear::create(int in, std::span<const LinearPart> parts,
                              const LinearOptions& options) {
  KITH_CHECK(in > 0 && !parts.empty(), "a linear map needs inputs and parts");
  Linear linear;
  linear.in_ = in;
  linear.threads_ = options.threads;
  for (const LinearPart& part : parts) linear.out_ += part.out;
  linear.weights_ = options.weights;
  if (linear.weights_ == DType::kBf16 && !onednn_supports(MatmulKind::kBf16)) {
    linear.weights_ = DType::kF32;
  }
  linear.cut_shards(options.threads);

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
      KITH_RETURN_IF_ERROR(linear.pack_bf16(weights));
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
  linear.threads_ = options.threads;
  linear.weights_ = DType::kInt8;
  linear.scales_.assign(from.scales.begin(), from.scales.end());
  linear.compensation_.assign(from.compensation.begin(), from.compensation.end());
  linear.bias_.assign(from.bias.begin(), from.bias.end());
  linear.cut_shards(options.threads);
  if (from.layout == Int8Layout::kRows) {
    KITH_RETURN_IF_ERROR(linear.pack_int8(from.weights, options));
    return linear;
  }
  const std::int8_t* blocked = from.weights.data();
  if (options.huge_pages) {
    linear.owned_blocked_.assign(from.weights.begin(), from.weights.end());
    blocked = linear.owned_blocked_.data();
  }
  const bool is_aligned = reinterpret_cast<std::uintptr_t>(blocked) % kAlignment == 0;
  if (is_aligned && !options.plain && onednn_supports(MatmulKind::kInt8)) {
    KITH_ASSIGN_OR_RETURN(const bool is_taken, linear.borrow_blocked(blocked));
    if (is_taken) return linear;
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
  return pack(MatmulKind::kF32, weights);
}

Status Linear::pack_bf16(std::span<const float> weights) {
  std::vector<std::uint16_t> rounded(weights.size());
  kernels().to_bf16(weights.data(), weights.size(), rounded.data());
  return pack(MatmulKind::kBf16, rounded);
}

template <typename Weights>
Status Linear::pack(MatmulKind kind, const Weights& rows) {
  for (Shard& shard : shards_) {
    for (const Columns& columns : pieces_of(shard)) {
      const auto* first = rows.data() + to_size(columns.first) * to_size(in_);
      KITH_ASSIGN_OR_RETURN(PackedMatmul matmul,
                            PackedMatmul::create(kind, in_, columns.size(), first));
      shard.pieces.push_back({columns, std::move(matmul)});
    }
  }
  return {};
}

// Sees `rows` for as long as the map lives, if anything is to read them later.
Status Linear::pack_int8(std::span<const std::int8_t> rows, const LinearOptions& options) {
  if (options.plain || !onednn_supports(MatmulKind::kInt8)) {
    rows_ = rows;
    return {};
  }
  owned_blocked_ = to_blocked(rows, in_, out_);
  KITH_ASSIGN_OR_RETURN(const bool is_blocked, borrow_blocked(owned_blocked_.data()));
  if (is_blocked) return {};
  // Maps of few outputs have a layout of oneDNN's choice, and one shard.
  owned_blocked_ = HugeVector<std::int8_t>();
  cut_shards(1);
  KITH_ASSIGN_OR_RETURN(PackedMatmul matmul,
                        PackedMatmul::create(MatmulKind::kInt8, in_, out_, rows.data()));
  shards_[0].pieces.push_back({shards_[0].columns, std::move(matmul)});
  if (options.readable_rows) rows_ = rows;
  return {};
}

// Blocks of outputs lie one after the other, so that a shard is a part of the whole. False if
// oneDNN wants another layout.
Result<bool> Linear::borrow_blocked(const std::int8_t* blocked) {
  for (Shard& shard : shards_) {
    shard.pieces.clear();
    for (const Columns& columns : pieces_of(shard)) {
      const std::size_t offset = to_size(columns.first) * to_size(round_up(in_, kInt8Block));
      KITH_ASSIGN_OR_RETURN(
          std::optional<PackedMatmul> matmul,
          PackedMatmul::borrow_blocked_int8(in_, columns.size(), blocked + offset));
      if (!matmul) return false;
      shard.pieces.push_back({columns, *std::move(matmul)});
    }
  }
  blocked_ = blocked;
  return true;
}

void Linear::read_row(int row, std::span<float> out) const {
  KITH_CHECK(row >= 0 && row < out_ && out.size() == to_size(in_), "no such row");
  std::vector<std::int8_t> quantized(out.size());
  if (!rows_.empty()) {
    read_int8_row(Int8Layout::kRows, rows_, row, quantized);
  } else {
    KITH_CHECK(blocked_ != nullptr, "the rows of this map cannot be read");
    read_int8_row(Int8Layout::kBlocked, {blocked_, int8_bytes(Int8Layout::kBlocked, in_, out_)},
                  row, quantized);
  }
  const float scale = scales_[to_size(row)];
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = scale * static_cast<float>(quantized[i]);
}

std::size_t Linear::bytes() const {
  std::size_t bytes = plain_f32_.size() * sizeof(float) + rows_.size() +
                      (scales_.size() + compensation_.size() + bias_.size()) * sizeof(float);
  for (const Shard& shard : shards_) {
    for (const Piece& piece : shard.pieces) bytes += piece.matmul.bytes();
  }
  return bytes;
}

struct Linear::Slice {
  float* x;
  int rows;
  float* y;
  LinearScratch& scratch;
};

Status LinearScratch::take_status() {
  if (!error) return {};
  return *std::exchange(error, std::nullopt);
}

// The scratch for both terms of bf16 products of all rows would be large for many outputs.
int Linear::slice_rows() const {
  if (weights_ != DType::kBf16) return kMaxRows;
  return std::clamp(kMaxTermElements / (2 * out_), 1, kMaxRows / 2);
}

void Linear::reserve(int rows, int team, LinearScratch& scratch) const {
  const int most = std::min(rows, slice_rows());
  if (weights_ == DType::kF32) grow(scratch.terms, to_size(bucket_rows(most)) * to_size(out_));
  if (weights_ == DType::kBf16) {
    const std::size_t padded = to_size(bucket_rows(2 * most));
    grow(scratch.bf16, padded * to_size(in_));
    grow(scratch.terms, padded * to_size(out_));
  }
  if (weights_ == DType::kInt8) {
    const std::size_t in_padded = to_size(round_up(in_, kInt8Block));
    grow(scratch.int8, to_size(std::max(bucket_rows(most), team)) * in_padded + kInt8Block);
    grow(scratch.scales, to_size(most));
    grow(scratch.sums, to_size(bucket_rows(most)) * to_size(round_up(out_, kInt8Block)));
  }
}

Status Linear::forward(std::span<float> x, int rows, std::span<float> y,
                       LinearScratch& scratch) const {
  reserve(rows, threads_, scratch);
  run_team(threads_, [&] { forward_in_team(x, rows, y, scratch); });
  return scratch.take_status();
}

void Linear::forward_in_team(std::span<float> x, int rows, std::span<float> y,
                             LinearScratch& scratch) const {
  const std::size_t capacity = to_size(padded_rows(rows));
  KITH_CHECK(
      rows >= 1 && x.size() >= capacity * to_size(in_) && y.size() >= capacity * to_size(out_),
      "buffers must have room for the padded rows");
  const int most = slice_rows();
  for (int row = 0; row < rows; row += most) {
    forward_slice({x.data() + to_size(row) * to_size(in_), std::min(rows - row, most),
                   y.data() + to_size(row) * to_size(out_), scratch});
  }
}

void Linear::forward_slice(const Slice& slice) const {
  if (slice.rows == 1 && blocked_ != nullptr && kernels().int8_row_blocked != nullptr) {
    forward_one_int8(slice);
  } else {
    prepare_input(slice);
    for (std::size_t i = to_size(team_rank()); i < shards_.size(); i += to_size(team_size())) {
      forward_shard(shards_[i], slice);
    }
  }
  team_wait();
}

// Brings the rows to what is multiplied: bytes, or two bf16 terms. Rows of padding become zeros
// rather than leftovers, which could be subnormal or NaN and slow.
void Linear::prepare_input(const Slice& slice) const {
  const auto [begin, end] = team_share(to_size(slice.rows));
  const std::size_t rows = to_size(slice.rows);
  const std::size_t in = to_size(in_);
  const bool fills = team_rank() == 0;
  if (weights_ == DType::kInt8) {
    std::uint8_t* quantized = slice.scratch.int8.data();
    for (std::size_t row = begin; row < end; ++row) {
      slice.scratch.scales[row] =
          kernels().quantize_row(slice.x + row * in, in, in, quantized + row * in);
    }
    const std::size_t padded = to_size(bucket_rows(slice.rows));
    if (fills) std::fill(quantized + rows * in, quantized + padded * in, std::uint8_t{128});
  } else if (weights_ == DType::kBf16) {
    // All high terms, then all low terms.
    std::uint16_t* split = slice.scratch.bf16.data();
    kernels().split_bf16(slice.x + begin * in, (end - begin) * in, split + begin * in,
                         split + (rows + begin) * in);
    const std::size_t padded = to_size(bucket_rows(2 * slice.rows));
    if (fills) std::fill(split + 2 * rows * in, split + padded * in, std::uint16_t{0});
  } else if (plain_f32_.empty() && fills) {
    const std::size_t padded = to_size(bucket_rows(slice.rows));
    std::fill(slice.x + rows * in, slice.x + padded * in, 0.0F);
  }
  team_wait();
}

// Every member quantises the row for itself: that costs less than waiting for one that does.
void Linear::forward_one_int8(const Slice& slice) const {
  const std::size_t in_padded = to_size(round_up(in_, kInt8Block));
  std::uint8_t* quantized = slice.scratch.int8.data() + to_size(team_rank()) * in_padded;
  const float scale = kernels().quantize_row(slice.x, to_size(in_), in_padded, quantized);
  for (std::size_t i = to_size(team_rank()); i < shards_.size(); i += to_size(team_size())) {
    const Columns& columns = shards_[i].columns;
    std::int32_t* sums = slice.scratch.sums.data();
    kernels().int8_row_blocked(quantized, blocked_, in_padded, to_size(columns.first / kInt8Block),
                               to_size(round_up(columns.last, kInt8Block) / kInt8Block), sums);
    kernels().finish_row(sums + columns.first, to_size(columns.size()), scale, epilogue(columns),
                         slice.y + columns.first);
  }
}

// All products of a shard in one go where the plain loops or the kernel for few rows do them, else
// piece by piece, each finished while its results are in the core's cache.
void Linear::forward_shard(const Shard& shard, const Slice& slice) const {
  if (shard.pieces.empty() || takes_few_rows(shard, slice)) {
    shard.pieces.empty() ? multiply_plain(shard.columns, slice)
                         : multiply_few(shard.columns, slice);
    return finish(shard, shard.columns, slice);
  }
  for (const Piece& piece : shard.pieces) {
    if (const Status status = multiply(shard, piece, slice); !status) {
      static std::mutex mutex;  // of all products: failures are rare
      const std::lock_guard lock(mutex);
      slice.scratch.error = status.error();
    }
    finish(shard, piece.columns, slice);
  }
}

bool Linear::takes_few_rows(const Shard& shard, const Slice& slice) const {
  return blocked_ != nullptr && slice.rows <= few_rows() &&
         kernels().int8_rows_blocked != nullptr && shard.columns.size() % kInt8Block == 0;
}

// By the own kernel. Sums of a row lie beside each other for the shard.
void Linear::multiply_few(const Columns& columns, const Slice& slice) const {
  const Int8Rows rows{slice.scratch.int8.data(), to_size(in_), to_size(slice.rows),
                      to_size(columns.size())};
  const std::size_t in_padded = to_size(round_up(in_, kInt8Block));
  const std::int8_t* weights = blocked_ + to_size(columns.first) * in_padded;
  kernels().int8_rows_blocked(rows, weights, in_padded, 0, to_size(columns.size() / kInt8Block),
                              slice.scratch.sums.data() + first_result(columns, slice));
}

Status Linear::multiply(const Shard& shard, const Piece& piece, const Slice& slice) const {
  const std::size_t first = first_result(shard.columns, slice);
  switch (weights_) {
    case DType::kInt8:
      return piece.matmul.run(slice.scratch.int8.data(), bucket_rows(slice.rows),
                              slice.scratch.sums.data() + first);
    case DType::kBf16:
      return piece.matmul.run(slice.scratch.bf16.data(), bucket_rows(2 * slice.rows),
                              slice.scratch.terms.data() + first);
    default:
      return piece.matmul.run(slice.x, bucket_rows(slice.rows), slice.scratch.terms.data() + first);
  }
}

void Linear::multiply_plain(const Columns& columns, const Slice& slice) const {
  const std::size_t in = to_size(in_);
  const std::size_t count = to_size(columns.size());
  const std::size_t first_weight = to_size(columns.first) * in;
  const std::size_t first = first_result(columns, slice);
  if (weights_ == DType::kF32) {
    return kernels().f32_plain(slice.x, to_size(slice.rows), plain_f32_.data() + first_weight, in,
                               count, slice.scratch.terms.data() + first);
  }
  std::int32_t* sums = slice.scratch.sums.data() + first;
  for (std::size_t row = 0; row < to_size(slice.rows); ++row, sums += count) {
    kernels().int8_row_plain(slice.scratch.int8.data() + row * in, rows_.data() + first_weight, in,
                             count, sums);
  }
}

// oneDNN's fast products want results without gaps: a shard's products have a place of their own,
// one after the other the same.
std::size_t Linear::first_result(const Columns& shard, const Slice& slice) const {
  const int rows = weights_ == DType::kBf16 ? 2 * slice.rows : slice.rows;
  return to_size(shard.first) * to_size(bucket_rows(rows));
}

Int8Epilogue Linear::epilogue(const Columns& columns) const {
  return {compensation_.data() + columns.first, scales_.data() + columns.first,
          bias_.empty() ? nullptr : bias_.data() + columns.first};
}

// From what was multiplied to y: scales, the sum of both terms, the bias.
void Linear::finish(const Shard& shard, const Columns& columns, const Slice& slice) const {
  const std::size_t rows = to_size(slice.rows);
  const std::size_t count = to_size(columns.size());
  const std::size_t first = first_result(shard.columns, slice);
  for (std::size_t row = 0; row < rows; ++row) {
    float* y = slice.y + row * to_size(out_) + columns.first;
    if (weights_ == DType::kInt8) {
      kernels().finish_row(slice.scratch.sums.data() + first + row * count, count,
                           slice.scratch.scales[row], epilogue(columns), y);
      continue;
    }
    const float* high = slice.scratch.terms.data() + first + row * count;
    if (weights_ == DType::kBf16) {
      const float* low = high + rows * count;
#pragma omp simd
      for (std::size_t n = 0; n < count; ++n) y[n] = high[n] + low[n];
    } else {
      std::copy_n(high, count, y);
    }
    for (std::size_t n = 0; n < (bias_.empty() ? 0 : count); ++n) {
      y[n] += bias_[to_size(columns.first) + n];
    }
  }
}

}  // namespace kith::tensor
