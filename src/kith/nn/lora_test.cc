#include "kith/nn/lora.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kith/base/rng.h"
#include "kith/nn/kernels.h"

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

TEST(LoraTest, AddsTheUpdateToTheNamedRowsOnly) {
  for (const auto& [in, out, rank] :
       {std::array<std::size_t, 3>{64, 128, 16}, {37, 83, 5}, {3, 2, 1}}) {
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
    apply_lora(lora, {x, x_stride, y, y_stride, rows});
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

TEST(LoraTest, Bf16IsCloseToF32AndHalfAsLarge) {
  const auto a = random_values(5, 8 * 100);
  const auto b = random_values(6, 70 * 8);
  const Lora precise = pack_lora(a, b, 8, 1.0F, DType::kF32);
  const Lora rounded = pack_lora(a, b, 8, 1.0F, DType::kBf16);
  EXPECT_EQ(precise.bytes(), 2 * rounded.bytes());
  const auto x = random_values(7, 100);
  std::vector<float> y_precise(70);
  std::vector<float> y_rounded(70);
  const std::vector<std::int32_t> rows{0};
  apply_lora(precise, {x, 100, y_precise, 70, rows});
  apply_lora(rounded, {x, 100, y_rounded, 70, rows});
  for (std::size_t n = 0; n < 70; ++n) EXPECT_NEAR(y_rounded[n], y_precise[n], 0.2F) << n;
  EXPECT_NE(y_rounded, y_precise);
}

TEST(LoraTest, KernelsOfAllLevelsAgree) {
  const auto a = random_values(8, 6 * 83);
  const auto b = random_values(9, 6 * 91);
  const auto x = random_values(10, 83);
  std::vector<std::vector<float>> results;
  for (int level = 0; level <= static_cast<int>(tensor::cpu_level()); ++level) {
    std::vector<float> y(91);
    std::vector<float> t(6);
    kernels_for(static_cast<tensor::CpuLevel>(level))
        .lora_f32(a.data(), b.data(), x.data(), y.data(), t.data(), 6, 83, 91, 1.5F);
    results.push_back(y);
  }
  for (const auto& y : results) {
    for (std::size_t n = 0; n < y.size(); ++n) EXPECT_NEAR(y[n], results[0][n], 1e-4F);
  }
}

}  // namespace
}  // namespace kith::nn
