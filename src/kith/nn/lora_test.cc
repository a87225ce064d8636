#include "kith/nn/lora.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "kith/base/rng.h"
#include "kith/nn/kernels.h"
#include "kith/tensor/team.h"

namespace kith::nn {
namespace {

using tensor::DType;

std::vector<float> random_values(std::uint64_t seed, std::size_t count) {
  base::Rng rng(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(2.0 * rng.uniform() - 1.0);
  return values;
}

// y + scale * B (A x) for one row, in double.
std::vector<double> expected(const std::vector<float>& a, const std::vector<float>& b,
                             std::span<const float> x, std::span<const float> y, std::size_t rank,
                             double scale) {
  std::vector<double> out(y.begin(), y.end());
  for (std::size_t r = 0; r < rank; ++r) {
    double t = 0.0;
    for (std::size_t k = 0; k < x.size(); ++k) {
      t += static_cast<double>(a[r * x.size() + k]) * static_cast<double>(x[k]);
    }
    for (std::size_t n = 0; n < out.size(); ++n) {
      out[n] += scale * t * static_cast<double>(b[n * rank + r]);
    }
  }
  return out;
}

// Called by one thread; a team of `team` does it.
void apply_all(std::vector<LoraTask> tasks, const LoraBatch& batch, int team = 1) {
  LoraPlan plan{.tasks = std::move(tasks)};
  if (plan.empty()) return;
  plan_loras(plan);
  LoraScratch scratch;
  scratch.reserve(plan.begins.size(), plan.num_numbers);
  tensor::run_team(team, [&] {
    lora_down(plan, batch, scratch);
    tensor::team_wait();
    lora_up(plan, batch, scratch);
  });
}

void apply(const Lora& lora, const LoraBatch& batch, std::span<const std::int32_t> rows,
           std::span<const float> factors = {}) {
  apply_all({{&lora, 0, rows, factors}}, batch);
}

TEST(LoraTest, AddsTheUpdateToTheNamedRowsOnly) {
  for (const auto& [in, out, rank] :
       {std::array<std::size_t, 3>{64, 128, 16}, {37, 83, 5}, {3, 2, 1}, {40, 700, 24}}) {
    const auto a = random_values(1, rank * in);
    const auto b = random_values(2, out * rank);
    const Lora lora = pack_lora(a, b, static_cast<int>(rank), 0.5F, DType::kF32);
    // Rows lie inside wider rows, as in a stacked projection.
    const std::size_t x_stride = in + 3;
    const std::size_t y_stride = out + 7;
    const auto x = random_values(3, 4 * x_stride);
    const auto before = random_values(4, 4 * y_stride);
    auto y = before;
    const std::vector<std::int32_t> rows{0, 3};
    apply(lora, {x, x_stride, y, y_stride}, rows);
    for (std::size_t row = 0; row < 4; ++row) {
      const std::span<const float> y_before(before.data() + row * y_stride, y_stride);
      auto want = expected(a, b, std::span(x).subspan(row * x_stride, in), y_before.first(out),
                           rank, row == 0 || row == 3 ? 0.5 : 0.0);
      want.insert(want.end(), y_before.begin() + static_cast<std::ptrdiff_t>(out), y_before.end());
      for (std::size_t n = 0; n < y_stride; ++n) {
        ASSERT_NEAR(y[row * y_stride + n], want[n], 2e-5) << row << " " << n;
      }
    }
  }
}

// Relative size of the difference between an update held as `dtype` and the precise one.
double error_of(DType dtype, std::size_t in, std::size_t out, std::size_t rank) {
  const auto a = random_values(5, rank * in);
  const auto b = random_values(6, out * rank);
  const auto x = random_values(7, 3 * in);
  const std::vector<float> zeros(out, 0.0F);
  std::vector<float> y(3 * out, 0.0F);
  const std::vector<std::int32_t> rows{0, 1, 2};
  apply(pack_lora(a, b, static_cast<int>(rank), 0.5F, dtype), {x, in, y, out}, rows);
  double error = 0.0;
  double size = 0.0;
  for (std::size_t row = 0; row < 3; ++row) {
    const auto want = expected(a, b, std::span(x).subspan(row * in, in), zeros, rank, 0.5);
    for (std::size_t n = 0; n < out; ++n) {
      error += std::pow(static_cast<double>(y[row * out + n]) - want[n], 2);
      size += want[n] * want[n];
    }
  }
  return std::sqrt(error / size);
}

TEST(LoraTest, SmallerTypesAreClose) {
  for (const auto& [in, out, rank] :
       {std::array<std::size_t, 3>{100, 70, 8}, {576, 1536, 16}, {37, 83, 5}, {50, 20, 28}}) {
    EXPECT_LT(error_of(DType::kF32, in, out, rank), 1e-5);
    EXPECT_LT(error_of(DType::kBf16, in, out, rank), 0.01);
    EXPECT_LT(error_of(DType::kInt8, in, out, rank), 0.02);
  }
}

TEST(LoraTest, SmallerTypesTakeLessMemory) {
  const auto a = random_values(5, 16 * 576);
  const auto b = random_values(6, 1536 * 16);
  const auto bytes = [&](DType dtype) { return pack_lora(a, b, 16, 1.0F, dtype).bytes(); };
  EXPECT_EQ(bytes(DType::kF32), 2 * bytes(DType::kBf16));
  EXPECT_LE(bytes(DType::kInt8), bytes(DType::kBf16) / 2 + 64);
}

TEST(LoraTest, ZerosAndUnusableNumbersGiveNoUpdate) {
  for (const DType dtype : {DType::kF32, DType::kBf16, DType::kInt8}) {
    const Lora lora =
        pack_lora(std::vector<float>(4 * 20), random_values(1, 4 * 30), 4, 1.0F, dtype);
    const auto x = random_values(2, 20);
    const auto before = random_values(3, 30);
    auto y = before;
    apply(lora, {x, 20, y, 30}, std::vector<std::int32_t>{0});
    EXPECT_EQ(y, before);
  }
}

// Parts of a stacked map, several updates, some rows under two of them, others under none: each row
// gets what it gets when it is alone.
TEST(LoraTest, AGroupGivesEachRowWhatItGetsAlone) {
  constexpr std::size_t kIn = 83;
  constexpr std::size_t kOut = 900;
  constexpr std::size_t kRows = 40;
  for (const DType dtype : {DType::kF32, DType::kBf16, DType::kInt8}) {
    const auto make = [&](std::uint64_t seed, std::size_t out, std::size_t rank) {
      return pack_lora(random_values(seed, rank * kIn), random_values(seed + 1, out * rank),
                       static_cast<int>(rank), 0.5F, dtype);
    };
    const std::vector<Lora> loras{make(1, 333, 16), make(3, 333, 7), make(5, 520, 16)};
    const std::array<int, 3> columns{10, 10, 350};
    base::Rng rng(9);
    std::vector<std::vector<std::int32_t>> rows(3);
    std::vector<std::vector<float>> factors(3);
    for (std::size_t task = 0; task < 3; ++task) {
      for (std::size_t row = 0; row < kRows; ++row) {
        if (rng.below(2) == 0) continue;
        rows[task].push_back(static_cast<std::int32_t>(row));
        factors[task].push_back(static_cast<float>(rng.uniform()));
      }
    }
    const auto x = random_values(11, kRows * kIn);
    const auto before = random_values(12, kRows * kOut);
    auto together = before;
    std::vector<LoraTask> tasks;
    for (std::size_t i = 0; i < 3; ++i)
      tasks.push_back({&loras[i], columns[i], rows[i], factors[i]});
    apply_all(tasks, {x, kIn, together, kOut}, 3);
    auto alone = before;
    for (std::int32_t row = 0; row < static_cast<std::int32_t>(kRows); ++row) {
      std::vector<LoraTask> own;
      std::vector<std::vector<std::int32_t>> own_rows(3);
      for (std::size_t i = 0; i < 3; ++i) {
        const auto at = std::find(rows[i].begin(), rows[i].end(), row);
        if (at == rows[i].end()) continue;
        own_rows[i] = {row};
        own.push_back(
            {&loras[i], columns[i], own_rows[i],
             std::span(factors[i]).subspan(static_cast<std::size_t>(at - rows[i].begin()), 1)});
      }
      apply_all(own, {x, kIn, alone, kOut});
    }
    EXPECT_EQ(together, alone) << tensor::dtype_name(dtype);
  }
}

// The int8 kernels do up to four rows at once: how many there are must not show.
TEST(LoraTest, TheNumberOfRowsDoesNotChangeARow) {
  constexpr std::size_t kIn = 48;
  constexpr std::size_t kOut = 333;
  constexpr std::size_t kRows = 8;
  const auto x = random_values(1, kRows * kIn);
  const auto before = random_values(2, kRows * kOut);
  for (const DType dtype : {DType::kF32, DType::kBf16, DType::kInt8}) {
    for (const int rank : {3, 4, 16}) {
      const Lora lora =
          pack_lora(random_values(3, static_cast<std::size_t>(rank) * kIn),
                    random_values(4, kOut * static_cast<std::size_t>(rank)), rank, 0.7F, dtype);
      std::vector<std::vector<float>> results;
      for (const std::size_t together : {1U, 2U, 3U, 5U, 8U}) {
        auto y = before;
        for (std::size_t first = 0; first < kRows; first += together) {
          std::vector<std::int32_t> rows(std::min(together, kRows - first));
          std::iota(rows.begin(), rows.end(), static_cast<std::int32_t>(first));
          apply(lora, {x, kIn, y, kOut}, rows);
        }
        results.push_back(y);
      }
      for (const auto& result : results) {
        EXPECT_EQ(result, results[0]) << tensor::dtype_name(dtype) << ", rank " << rank;
      }
    }
  }
}

// Integer sums are exact, so all levels give the same bytes; float sums differ in the last bits.
TEST(LoraTest, KernelsOfAllLevelsAgree) {
  const auto a = random_values(8, 6 * 83);
  const auto x = random_values(10, 83);
  const Lora lora = pack_lora(a, random_values(9, 6 * 91), 6, 1.5F, DType::kInt8);
  std::vector<std::vector<float>> down;
  std::vector<std::vector<std::int32_t>> sums;
  std::vector<std::vector<float>> up;
  for (int level = 0; level <= static_cast<int>(tensor::cpu_level()); ++level) {
    const Kernels& kernels = kernels_for(static_cast<tensor::CpuLevel>(level));
    down.emplace_back(6);
    kernels.lora_down_f32(a.data(), x.data(), 6, 83, 1.5F, down.back().data());
    std::vector<std::int8_t> quantized(2 * 84);
    std::int32_t sum = 0;
    const float scale = kernels.quantize_signed(x.data(), 83, 84, quantized.data(), &sum);
    EXPECT_EQ(std::accumulate(quantized.begin(), quantized.end(), 0), sum);
    EXPECT_NEAR(scale, 1.0F / 127.0F, 1e-3F);
    const std::int8_t* rows[kLoraRows] = {quantized.data(), quantized.data() + 84};
    sums.emplace_back(2 * 8);
    kernels.lora_down_int8(lora.a_int8.data(), rows, 2, 84, 8, sums.back().data());
    up.emplace_back(91, 0.25F);
    LoraUp task{};
    task.t[0] = quantized.data();
    task.scales[0] = 0.01F;
    task.sums[0] = 17;
    task.y[0] = up.back().data();
    task.num_rows = 1;
    task.rank4 = 8;
    task.count = 91;
    kernels.lora_up_int8(lora.b_int8.data(), task);
  }
  for (std::size_t level = 1; level < down.size(); ++level) {
    for (std::size_t r = 0; r < 6; ++r) EXPECT_NEAR(down[level][r], down[0][r], 1e-4F);
    EXPECT_EQ(sums[level], sums[0]);
    for (std::size_t n = 0; n < 91; ++n) EXPECT_NEAR(up[level][n], up[0][n], 1e-5F);
  }
}

}  // namespace
}  // namespace kith::nn
