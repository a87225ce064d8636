#include "kith/nn/lora.h"

#include <algorithm>
#include <cmath>

#include "kith/base/check.h"
#include "kith/nn/kernels.h"

namespace kith::nn {
namespace {

using tensor::DType;

// Columns that one piece of the second product covers.
constexpr int kColumns = 256;
// Multiply-adds below which threads cost more than they bring.
constexpr std::size_t kParallelWork = 1 << 16;

std::size_t to_size(int value) { return static_cast<std::size_t>(value); }

std::size_t round_up(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

std::vector<std::uint16_t> rounded(const std::vector<float>& values) {
  std::vector<std::uint16_t> out;
  out.reserve(values.size());
  for (const float value : values) out.push_back(tensor::f32_to_bf16(value));
  return out;
}

// B [out, rank] as [rank, out].
std::vector<float> transposed(std::span<const float> b, std::size_t rank) {
  const std::size_t out = b.size() / rank;
  std::vector<float> result(b.size());
  for (std::size_t n = 0; n < out; ++n) {
    for (std::size_t r = 0; r < rank; ++r) result[r * out + n] = b[n * rank + r];
  }
  return result;
}

// The scale that brings `values` into [-127, 127]; 0 if all are (nearly) zero.
float scale_of(std::span<const float> values) {
  float largest = 0.0F;
  for (const float value : values) largest = std::max(largest, std::fabs(value));
  const float scale = largest / 127.0F;
  return scale > 1e-37F ? scale : 0.0F;
}

std::uint8_t shifted(float value, float scale) {
  const float rounded = scale > 0.0F ? std::nearbyint(value / scale) : 0.0F;
  // The comparison also catches a NaN, whose conversion to an integer would be undefined.
  const float kept = rounded >= -127.0F && rounded <= 127.0F ? rounded : 0.0F;
  return static_cast<std::uint8_t>(static_cast<int>(kept) + 128);
}

// Place of (rank r, input k) in a_int8: tiles of 16, 8 or 4 ranks, each [in / 4][ranks][4].
std::size_t place_in_a(std::size_t r, std::size_t k, std::size_t rank4, std::size_t in4) {
  std::size_t first = r / 16 * 16;
  std::size_t width = 16;
  if (first + 16 > rank4) {
    width = first + 8 <= rank4 && r < first + 8 ? 8 : 4;
    first += r - first >= 8 ? 8 : 0;
  }
  return first * in4 + k / 4 * width * 4 + (r - first) * 4 + k % 4;
}

// [out / 16][rank4 / 4][16][4]
std::size_t place_in_b(std::size_t n, std::size_t r, std::size_t rank4) {
  return n / 16 * rank4 * 16 + r / 4 * 64 + n % 16 * 4 + r % 4;
}

void pack_int8(std::span<const float> a, std::span<const float> b_by_rank, Lora& lora) {
  const std::size_t in = to_size(lora.in);
  const std::size_t out = to_size(lora.out);
  const std::size_t rank4 = round_up(to_size(lora.rank), 4);
  const std::size_t in4 = round_up(in, 4);
  lora.a_int8.assign(rank4 * in4, 128);
  lora.b_int8.assign(rank4 * round_up(out, 16), 128);
  lora.rank_scales.assign(rank4, 0.0F);
  for (std::size_t r = 0; r < to_size(lora.rank); ++r) {
    const auto a_row = a.subspan(r * in, in);
    const auto b_row = b_by_rank.subspan(r * out, out);
    const float a_scale = scale_of(a_row);
    const float b_scale = scale_of(b_row);
    lora.rank_scales[r] = a_scale * b_scale;
    for (std::size_t k = 0; k < in; ++k) {
      lora.a_int8[place_in_a(r, k, rank4, in4)] = shifted(a_row[k], a_scale);
    }
    for (std::size_t n = 0; n < out; ++n) {
      lora.b_int8[place_in_b(n, r, rank4)] = shifted(b_row[n], b_scale);
    }
  }
}

// One call of apply_loras().
class Application {
 public:
  Application(std::span<const LoraTask> tasks, const LoraBatch& batch, LoraScratch& scratch)
      : tasks_(tasks), batch_(batch), scratch_(scratch) {}

  void run() {
    plan();
    const auto num_quantized = static_cast<std::int64_t>(scratch_.quantized.size());
    const auto num_pieces = static_cast<std::int64_t>(pieces_.size());
#if defined(_OPENMP)
#pragma omp parallel if (work_ >= kParallelWork)
#endif
    {
#if defined(_OPENMP)
#pragma omp for schedule(static)
#endif
      for (std::int64_t i = 0; i < num_quantized; ++i) quantize(static_cast<std::size_t>(i));
#if defined(_OPENMP)
#pragma omp for schedule(static)
#endif
      for (std::int64_t i = 0; i < num_pieces; ++i) down(pieces_[static_cast<std::size_t>(i)]);
#if defined(_OPENMP)
#pragma omp for schedule(static)
#endif
      // Pieces of columns: two tasks on one row never write the same place at once, and always in
      // the same order.
      for (int column = 0; column < end_column_; column += kColumns) up(column);
    }
  }

 private:
  // Up to kLoraRows rows of a task.
  struct Piece {
    std::size_t task;
    std::size_t first;
    std::size_t count;
  };

  void plan();
  void add_quantized(const LoraTask& task);
  void quantize(std::size_t index);
  void down(const Piece& piece);
  void down_int8(const Piece& piece);
  void up(int column);
  void up_int8(const LoraTask& task, std::size_t first_product, int begin, int end);

  const float* x_of(std::int32_t row) const {
    return batch_.x.data() + to_size(row) * batch_.x_stride;
  }
  float* y_of(const LoraTask& task, std::int32_t row) const {
    return batch_.y.data() + to_size(row) * batch_.y_stride + to_size(task.column);
  }
  float factor_of(const LoraTask& task, std::size_t i) const {
    return task.lora->scale * (task.factors.empty() ? 1.0F : task.factors[i]);
  }

  std::span<const LoraTask> tasks_;
  const LoraBatch& batch_;
  LoraScratch& scratch_;
  std::vector<Piece> pieces_;
  std::size_t in4_ = 0;
  std::size_t work_ = 0;
  int end_column_ = 0;
};

void Application::plan() {
  LoraScratch& s = scratch_;
  s.first_product.clear();
  s.products.clear();
  s.quantized.clear();
  s.place.assign(batch_.x_stride == 0 ? 0 : batch_.x.size() / batch_.x_stride + 1, -1);
  std::size_t floats = 0;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    const LoraTask& task = tasks_[i];
    const Lora& lora = *task.lora;
    KITH_DCHECK(task.factors.empty() || task.factors.size() == task.rows.size(),
                "a factor for each row");
    in4_ = round_up(to_size(lora.in), 4);
    s.first_product.push_back(s.products.size());
    const bool is_int8 = lora.dtype == DType::kInt8;
    const std::size_t rank = is_int8 ? lora.rank_scales.size() : to_size(lora.rank);
    for (std::size_t row = 0; row < task.rows.size(); ++row) {
      std::size_t& used = is_int8 ? bytes : floats;
      s.products.push_back({.begin = used});
      used += rank;
      if (row % kLoraRows == 0) {
        pieces_.push_back({i, row, std::min<std::size_t>(kLoraRows, task.rows.size() - row)});
      }
    }
    if (is_int8) add_quantized(task);
    work_ += task.rows.size() * rank * to_size(lora.in + lora.out);
    end_column_ = std::max(end_column_, task.column + lora.out);
  }
  if (s.down_f32.size() < floats) s.down_f32.resize(floats);
  if (s.down_int8.size() < bytes) {
    s.down_int8.resize(bytes);
    s.down_sums.resize(bytes);
    s.down_scaled.resize(bytes);
  }
  if (s.row_scales.size() < s.quantized.size()) s.row_scales.resize(s.quantized.size());
  if (s.x_int8.size() < s.quantized.size() * in4_) s.x_int8.resize(s.quantized.size() * in4_);
}

void Application::add_quantized(const LoraTask& task) {
  for (const std::int32_t row : task.rows) {
    std::int32_t& place = scratch_.place[to_size(row)];
    if (place >= 0) continue;
    place = static_cast<std::int32_t>(scratch_.quantized.size());
    scratch_.quantized.push_back(row);
  }
}

void Application::quantize(std::size_t index) {
  const std::size_t in = to_size(tasks_.front().lora->in);
  auto& row = scratch_.row_scales[index];
  row.scale = kernels().quantize_signed(x_of(scratch_.quantized[index]), in, in4_,
                                        scratch_.x_int8.data() + index * in4_, &row.sum);
}

void Application::down(const Piece& piece) {
  const LoraTask& task = tasks_[piece.task];
  const Lora& lora = *task.lora;
  if (lora.dtype == DType::kInt8) return down_int8(piece);
  for (std::size_t i = piece.first; i < piece.first + piece.count; ++i) {
    const auto& product = scratch_.products[scratch_.first_product[piece.task] + i];
    float* t = scratch_.down_f32.data() + product.begin;
    const float* x = x_of(task.rows[i]);
    if (lora.dtype == DType::kF32) {
      kernels().lora_down_f32(lora.a_f32.data(), x, lora.rank, to_size(lora.in), factor_of(task, i),
                              t);
    } else {
      kernels().lora_down_bf16(lora.a_bf16.data(), x, lora.rank, to_size(lora.in),
                               factor_of(task, i), t);
    }
  }
}

// A x as integers, brought to f32 with B's scales in it, and quantised once more.
void Application::down_int8(const Piece& piece) {
  const LoraTask& task = tasks_[piece.task];
  const std::size_t rank4 = task.lora->rank_scales.size();
  const std::int8_t* x[kLoraRows] = {};
  for (std::size_t i = 0; i < piece.count; ++i) {
    const auto place = to_size(scratch_.place[to_size(task.rows[piece.first + i])]);
    x[i] = scratch_.x_int8.data() + place * in4_;
  }
  // The products of a task lie one after the other.
  const std::size_t begin =
      scratch_.products[scratch_.first_product[piece.task] + piece.first].begin;
  std::int32_t* sums = scratch_.down_sums.data() + begin;
  kernels().lora_down_int8(task.lora->a_int8.data(), x, piece.count, in4_, rank4, sums);
  for (std::size_t i = 0; i < piece.count; ++i) {
    const std::size_t place = to_size(scratch_.place[to_size(task.rows[piece.first + i])]);
    const LoraScratch::QuantizedRow& row = scratch_.row_scales[place];
    auto& product = scratch_.products[scratch_.first_product[piece.task] + piece.first + i];
    float* t = scratch_.down_scaled.data() + product.begin;
    for (std::size_t r = 0; r < rank4; ++r) {
      t[r] = static_cast<float>(sums[i * rank4 + r] - 128 * row.sum) * task.lora->rank_scales[r];
    }
    const float scale = kernels().quantize_signed(
        t, rank4, rank4, scratch_.down_int8.data() + product.begin, &product.sum);
    product.scale = scale * row.scale * factor_of(task, piece.first + i);
  }
}

// Adds what the columns [column, column + kColumns) of y get from every task.
void Application::up(int column) {
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    const LoraTask& task = tasks_[i];
    const Lora& lora = *task.lora;
    // In the update's own columns, where vectors begin at multiples of 16.
    const int begin = std::max(0, (column - task.column + 15) / 16 * 16);
    const int end = std::min(lora.out, (column + kColumns - task.column + 15) / 16 * 16);
    if (begin >= end) continue;
    const std::size_t first = scratch_.first_product[i];
    if (lora.dtype == DType::kInt8) {
      up_int8(task, first, begin, end);
      continue;
    }
    for (std::size_t row = 0; row < task.rows.size(); ++row) {
      const float* t = scratch_.down_f32.data() + scratch_.products[first + row].begin;
      float* y = y_of(task, task.rows[row]) + begin;
      const auto count = to_size(end - begin);
      if (lora.dtype == DType::kF32) {
        kernels().lora_up_f32(lora.b_f32.data() + begin, t, lora.rank, to_size(lora.out), count, y);
      } else {
        kernels().lora_up_bf16(lora.b_bf16.data() + begin, t, lora.rank, to_size(lora.out), count,
                               y);
      }
    }
  }
}

void Application::up_int8(const LoraTask& task, std::size_t first_product, int begin, int end) {
  const std::size_t rank4 = task.lora->rank_scales.size();
  for (std::size_t row = 0; row < task.rows.size(); row += kLoraRows) {
    LoraUp up{};
    up.num_rows = std::min<std::size_t>(kLoraRows, task.rows.size() - row);
    for (std::size_t i = 0; i < up.num_rows; ++i) {
      const auto& product = scratch_.products[first_product + row + i];
      up.t[i] = scratch_.down_int8.data() + product.begin;
      up.scales[i] = product.scale;
      up.sums[i] = product.sum;
      up.y[i] = y_of(task, task.rows[row + i]) + begin;
    }
    up.rank4 = rank4;
    up.count = to_size(end - begin);
    kernels().lora_up_int8(task.lora->b_int8.data() + to_size(begin) * rank4, up);
  }
}

}  // namespace

std::size_t Lora::bytes() const {
  return (a_f32.size() + b_f32.size() + rank_scales.size()) * sizeof(float) +
         (a_bf16.size() + b_bf16.size()) * sizeof(std::uint16_t) + a_int8.size() + b_int8.size();
}

Lora pack_lora(std::span<const float> a, std::span<const float> b, int rank, float scale,
               DType dtype) {
  KITH_CHECK(rank > 0 && a.size() % to_size(rank) == 0 && b.size() % to_size(rank) == 0,
             "matrices do not fit the rank");
  KITH_CHECK(dtype == DType::kF32 || dtype == DType::kBf16 || dtype == DType::kInt8,
             "an adapter is held as f32, bf16 or int8");
  Lora lora;
  lora.rank = rank;
  lora.in = static_cast<int>(a.size() / to_size(rank));
  lora.out = static_cast<int>(b.size() / to_size(rank));
  lora.scale = scale;
  lora.dtype = dtype;
  std::vector<float> b_by_rank = transposed(b, to_size(rank));
  if (dtype == DType::kInt8) {
    pack_int8(a, b_by_rank, lora);
    return lora;
  }
  lora.a_f32.assign(a.begin(), a.end());
  lora.b_f32 = std::move(b_by_rank);
  if (dtype == DType::kBf16) {
    lora.a_bf16 = rounded(lora.a_f32);
    lora.b_bf16 = rounded(lora.b_f32);
    lora.a_f32 = {};
    lora.b_f32 = {};
  }
  return lora;
}

void apply_loras(std::span<const LoraTask> tasks, const LoraBatch& batch, LoraScratch& scratch) {
  if (tasks.empty()) return;
  Application(tasks, batch, scratch).run();
}

}  // namespace kith::nn
