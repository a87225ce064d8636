#include "kith/nn/lora.h"

#include <algorithm>
#include <cmath>

#include "kith/base/check.h"
#include "kith/nn/kernels.h"
#include "kith/tensor/team.h"

namespace kith::nn {
namespace {

using tensor::DType;

// Columns of the second product that are not divided between members.
constexpr std::size_t kColumns = 256;

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

// Rows of x that a member has quantised for itself: two members that read the same row do it twice,
// which costs less than waiting for each other.
class QuantizedRows {
 public:
  struct Row {
    float scale = 0.0F;
    std::int32_t sum = 0;
  };

  void clear(std::size_t in, std::size_t in4, std::size_t num_rows) {
    in_ = in;
    in4_ = in4;
    place_.assign(num_rows, -1);
    used_ = 0;
  }

  // The place of a row of x.
  std::size_t add(std::int32_t row, const float* x) {
    std::int32_t& place = place_[to_size(row)];
    if (place >= 0) return to_size(place);
    place = static_cast<std::int32_t>(used_++);
    if (rows_.size() < used_) rows_.resize(used_);
    if (values_.size() < used_ * in4_) values_.resize(used_ * in4_);
    Row& quantized = rows_[used_ - 1];
    quantized.scale = kernels().quantize_signed(
        x, in_, in4_, values_.data() + to_size(place) * in4_, &quantized.sum);
    return to_size(place);
  }

  const Row& row(std::size_t place) const { return rows_[place]; }
  const std::int8_t* values(std::size_t place) const { return values_.data() + place * in4_; }

 private:
  std::size_t in_ = 0;
  std::size_t in4_ = 0;
  std::size_t used_ = 0;
  std::vector<std::int32_t> place_;  // by row of x, or -1
  std::vector<Row> rows_;
  tensor::AlignedVector<std::int8_t> values_;
};

// Of one call of lora_down() or lora_up().
class Application {
 public:
  Application(const LoraPlan& plan, const LoraBatch& batch, LoraScratch& scratch)
      : plan_(plan), batch_(batch), scratch_(scratch) {}

  void down() {
    thread_local QuantizedRows quantized;
    quantized.clear(to_size(plan_.tasks.front().lora->in), plan_.in4,
                    batch_.x.size() / batch_.x_stride + 1);
    const auto pieces = tensor::team_share(plan_.pieces.size());
    for (std::size_t i = pieces.begin; i < pieces.end; ++i) down(plan_.pieces[i], quantized);
  }

  void up() {
    // By columns: two tasks on one row never write the same place at once, and always in the same
    // order.
    const auto [begin, end] = tensor::team_share(to_size(plan_.end_column), kColumns);
    if (begin < end) up(static_cast<int>(begin), static_cast<int>(end));
  }

 private:
  using Piece = LoraPlan::Piece;

  void down(const Piece& piece, QuantizedRows& quantized);
  void down_int8(const Piece& piece, QuantizedRows& quantized);
  void up(int first, int last);
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

  const LoraPlan& plan_;
  const LoraBatch& batch_;
  LoraScratch& scratch_;
};

void Application::down(const Piece& piece, QuantizedRows& quantized) {
  const LoraTask& task = plan_.tasks[piece.task];
  const Lora& lora = *task.lora;
  if (lora.dtype == DType::kInt8) return down_int8(piece, quantized);
  for (std::size_t i = piece.first; i < piece.first + piece.count; ++i) {
    float* t = scratch_.down_f32.data() + plan_.begins[plan_.first_product[piece.task] + i];
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
void Application::down_int8(const Piece& piece, QuantizedRows& quantized) {
  const LoraTask& task = plan_.tasks[piece.task];
  const std::size_t rank4 = task.lora->rank_scales.size();
  std::size_t places[kLoraRows] = {};
  for (std::size_t i = 0; i < piece.count; ++i) {
    const std::int32_t row = task.rows[piece.first + i];
    places[i] = quantized.add(row, x_of(row));
  }
  // Only now: adding may move what was there.
  const std::int8_t* x[kLoraRows] = {};
  for (std::size_t i = 0; i < piece.count; ++i) x[i] = quantized.values(places[i]);
  // The products of a task lie one after the other.
  const std::size_t first = plan_.first_product[piece.task] + piece.first;
  std::int32_t* sums = scratch_.down_sums.data() + plan_.begins[first];
  kernels().lora_down_int8(task.lora->a_int8.data(), x, piece.count, plan_.in4, rank4, sums);
  for (std::size_t i = 0; i < piece.count; ++i) {
    const QuantizedRows::Row& row = quantized.row(places[i]);
    const std::size_t begin = plan_.begins[first + i];
    LoraScratch::Product& product = scratch_.products[first + i];
    float* t = scratch_.down_f32.data() + begin;
    for (std::size_t r = 0; r < rank4; ++r) {
      t[r] = static_cast<float>(sums[i * rank4 + r] - 128 * row.sum) * task.lora->rank_scales[r];
    }
    const float scale =
        kernels().quantize_signed(t, rank4, rank4, scratch_.down_int8.data() + begin, &product.sum);
    product.scale = scale * row.scale * factor_of(task, piece.first + i);
  }
}

// Adds what the columns [first, last) of y get from every task.
void Application::up(int first, int last) {
  for (std::size_t i = 0; i < plan_.tasks.size(); ++i) {
    const LoraTask& task = plan_.tasks[i];
    const Lora& lora = *task.lora;
    // In the update's own columns, where vectors begin at multiples of 16.
    const int begin = std::max(0, (first - task.column + 15) / 16 * 16);
    const int end = std::min(lora.out, (last - task.column + 15) / 16 * 16);
    if (begin >= end) continue;
    const std::size_t first_product = plan_.first_product[i];
    if (lora.dtype == DType::kInt8) {
      up_int8(task, first_product, begin, end);
      continue;
    }
    for (std::size_t row = 0; row < task.rows.size(); ++row) {
      const float* t = scratch_.down_f32.data() + plan_.begins[first_product + row];
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
      const std::size_t place = first_product + row + i;
      const LoraScratch::Product& product = scratch_.products[place];
      up.t[i] = scratch_.down_int8.data() + plan_.begins[place];
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
    lora.a_f32 = std::vector<float>();
    lora.b_f32 = std::vector<float>();
  }
  return lora;
}

void plan_loras(LoraPlan& plan) {
  plan.pieces.clear();
  plan.first_product.clear();
  plan.begins.clear();
  plan.in4 = 0;
  plan.end_column = 0;
  plan.num_numbers = 0;
  for (std::size_t i = 0; i < plan.tasks.size(); ++i) {
    const LoraTask& task = plan.tasks[i];
    const Lora& lora = *task.lora;
    KITH_DCHECK(task.factors.empty() || task.factors.size() == task.rows.size(),
                "a factor for each row");
    KITH_DCHECK(lora.in == plan.tasks.front().lora->in, "updates of one map have the same inputs");
    plan.in4 = round_up(to_size(lora.in), 4);
    plan.first_product.push_back(plan.begins.size());
    for (std::size_t row = 0; row < task.rows.size(); ++row) {
      plan.begins.push_back(plan.num_numbers);
      plan.num_numbers += round_up(to_size(lora.rank), 4);
      if (row % kLoraRows == 0) {
        plan.pieces.push_back({i, row, std::min<std::size_t>(kLoraRows, task.rows.size() - row)});
      }
    }
    plan.end_column = std::max(plan.end_column, task.column + lora.out);
  }
}

void LoraScratch::reserve(std::size_t num_products, std::size_t num_numbers) {
  if (products.size() < num_products) products.resize(num_products);
  if (down_f32.size() >= num_numbers) return;
  down_f32.resize(num_numbers);
  down_int8.resize(num_numbers);
  down_sums.resize(num_numbers);
}

void lora_down(const LoraPlan& plan, const LoraBatch& batch, LoraScratch& scratch) {
  if (!plan.empty()) Application(plan, batch, scratch).down();
}

void lora_up(const LoraPlan& plan, const LoraBatch& batch, LoraScratch& scratch) {
  if (plan.empty()) return;
  Application(plan, batch, scratch).up();
  tensor::team_wait();
}

}  // namespace kith::nn
