#include "kith/nn/layers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kith/base/rng.h"
#include "kith/nn/kernels.h"
#include "kith/tensor/dtype.h"
#include "kith/tensor/team.h"

namespace kith::nn {
namespace {

std::vector<float> random_values(std::uint64_t seed, std::size_t count, double size = 1.0) {
  base::Rng rng(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(size * (2.0 * rng.uniform() - 1.0));
  return values;
}

// Every set of kernels that this CPU can run, at widths with and without a rest after 16.
class LayersTest : public testing::TestWithParam<tensor::CpuLevel> {
 protected:
  void SetUp() override {
    if (GetParam() > tensor::cpu_level()) GTEST_SKIP() << "this CPU lacks the instructions";
  }
  const Kernels& kernels() { return kernels_for(GetParam()); }
};

TEST_P(LayersTest, RmsNormHasUnitMeanSquare) {
  for (const std::size_t width : {5U, 64U, 83U}) {
    const auto in = random_values(1, width, 3.0);
    const auto weight = random_values(2, width);
    std::vector<float> out(width);
    kernels().rms_norm(in.data(), weight.data(), width, 1e-5F, out.data());
    double squares = 0.0;
    for (const float value : in) squares += static_cast<double>(value) * static_cast<double>(value);
    const double rms = std::sqrt(squares / static_cast<double>(width) + 1e-5);
    for (std::size_t i = 0; i < width; ++i) {
      EXPECT_NEAR(out[i], static_cast<double>(in[i]) / rms * static_cast<double>(weight[i]), 2e-6);
    }
  }
}

TEST_P(LayersTest, LayerNormHasMeanZeroAndUnitVarianceBeforeWeightAndBias) {
  for (const std::size_t width : {5U, 64U, 83U}) {
    auto in = random_values(8, width, 3.0);
    // A mean far from zero must not cost the variance its digits.
    for (float& value : in) value += 200.0F;
    const auto weight = random_values(9, width);
    const auto bias = random_values(10, width);
    std::vector<float> out(width);
    kernels().layer_norm(in.data(), {weight.data(), bias.data(), width, 1e-5F}, out.data());
    double mean = 0.0;
    for (const float value : in) mean += static_cast<double>(value) / static_cast<double>(width);
    double variance = 0.0;
    for (const float value : in) variance += std::pow(static_cast<double>(value) - mean, 2.0);
    const double deviation = std::sqrt(variance / static_cast<double>(width) + 1e-5);
    for (std::size_t i = 0; i < width; ++i) {
      const double normed = (static_cast<double>(in[i]) - mean) / deviation;
      EXPECT_NEAR(out[i], normed * static_cast<double>(weight[i]) + static_cast<double>(bias[i]),
                  3e-5);
    }
  }
}

TEST_P(LayersTest, GeluIsTheExactForm) {
  for (const std::size_t count : {3U, 32U, 200U}) {
    const auto in = random_values(11, count, 9.0);
    auto out = in;
    kernels().gelu(out.data(), count);
    for (std::size_t i = 0; i < count; ++i) {
      const double x = in[i];
      EXPECT_NEAR(out[i], x * 0.5 * std::erfc(-x / std::sqrt(2.0)), 1e-6) << x;
    }
  }
}

TEST_P(LayersTest, GeluOfExtremeValuesIsFinite) {
  std::vector<float> values{-1000.0F, 1000.0F, 0.0F, -14.0F};
  kernels().gelu(values.data(), values.size());
  EXPECT_NEAR(values[0], 0.0F, 1e-30F);
  EXPECT_FLOAT_EQ(values[1], 1000.0F);
  EXPECT_EQ(values[2], 0.0F);
  EXPECT_NEAR(values[3], 0.0F, 1e-30F);
}

TEST_P(LayersTest, SwigluIsGateTimesItsSigmoidTimesUp) {
  for (const std::size_t width : {3U, 32U, 50U}) {
    const auto gate = random_values(3, width, 12.0);
    const auto up = random_values(4, width);
    std::vector<float> out(width);
    kernels().swiglu(gate.data(), up.data(), width, out.data());
    for (std::size_t i = 0; i < width; ++i) {
      const double g = gate[i];
      EXPECT_NEAR(out[i], g / (1.0 + std::exp(-g)) * static_cast<double>(up[i]), 3e-6) << g;
    }
  }
}

TEST_P(LayersTest, SwigluOfExtremeGatesIsFinite) {
  const std::vector<float> gate{-1000.0F, 1000.0F, -88.5F, 88.5F};
  const std::vector<float> up{1.0F, 1.0F, 1.0F, 1.0F};
  std::vector<float> out(4);
  kernels().swiglu(gate.data(), up.data(), 4, out.data());
  EXPECT_NEAR(out[0], 0.0F, 1e-30F);
  EXPECT_FLOAT_EQ(out[1], 1000.0F);
  EXPECT_NEAR(out[2], 0.0F, 1e-30F);
  EXPECT_FLOAT_EQ(out[3], 88.5F);
}

TEST_P(LayersTest, F16ConversionIsThatOfTheScalarFunctionWithinRange) {
  auto values = random_values(5, 60, 70000.0);
  for (std::size_t i = 0; i < 20; ++i) values[i] *= 1e-9F;
  for (std::size_t i = 20; i < 40; ++i) values[i] *= 1e-5F;
  values[40] = 1e30F;
  values[41] = -INFINITY;
  std::vector<std::uint16_t> out(values.size());
  kernels().to_f16(values.data(), values.size(), out.data());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float clamped = std::fmin(std::fmax(values[i], -65504.0F), 65504.0F);
    EXPECT_EQ(out[i], tensor::f32_to_f16(clamped)) << values[i];
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, LayersTest,
                         testing::Values(tensor::CpuLevel::kPortable, tensor::CpuLevel::kAvx2,
                                         tensor::CpuLevel::kAvx512, tensor::CpuLevel::kAvx512Bf16,
                                         tensor::CpuLevel::kAmx),
                         [](const auto& test) {
                           return "level" + std::to_string(static_cast<int>(test.param));
                         });

TEST(LayersRowsTest, EveryRowIsDoneByItselfByAnyTeam) {
  const auto in = random_values(6, 3 * 200);
  const auto weight = random_values(7, 200);
  std::vector<float> all(in.size());
  rms_norm(in, weight, 3, 1e-5F, all);
  for (std::size_t row = 0; row < 3; ++row) {
    std::vector<float> one(200);
    rms_norm(std::span(in).subspan(row * 200, 200), weight, 1, 1e-5F, one);
    EXPECT_TRUE(
        std::equal(one.begin(), one.end(), all.begin() + static_cast<std::ptrdiff_t>(row * 200)));
  }
  std::vector<float> out(3 * 100);
  swiglu(in, 3, 100, out);
  EXPECT_NEAR(out[100], in[200] / (1.0F + std::exp(-in[200])) * in[300], 1e-6F);
  for (const int threads : {2, 5}) {
    std::vector<float> by_team(all.size());
    std::vector<float> gated(out.size());
    tensor::run_team(threads, [&] {
      rms_norm(in, weight, 3, 1e-5F, by_team);
      swiglu(in, 3, 100, gated);
    });
    EXPECT_EQ(by_team, all);
    EXPECT_EQ(gated, out);
  }
}

TEST(LayersRowsTest, AddsBeforeTheNorm) {
  const auto x = random_values(8, 3 * 40);
  const auto before = random_values(9, 3 * 40);
  const auto weight = random_values(7, 40);
  auto sum = before;
  std::vector<float> out(sum.size());
  tensor::run_team(2, [&] { add_rms_norm(x, sum, weight, 3, 1e-5F, out); });
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(sum[i], before[i] + x[i]);
  std::vector<float> expected(sum.size());
  rms_norm(sum, weight, 3, 1e-5F, expected);
  EXPECT_EQ(out, expected);

  auto again = before;
  std::vector<float> picked(2 * 40);
  const std::vector<std::int32_t> rows{0, 2};
  tensor::run_team(2, [&] { add_rms_norm_rows(x, again, weight, rows, 1e-5F, picked); });
  EXPECT_TRUE(std::equal(picked.begin(), picked.begin() + 40, expected.begin()));
  EXPECT_TRUE(std::equal(picked.begin() + 40, picked.end(), expected.begin() + 80));

  std::vector<float> head(before.begin(), before.begin() + 40);
  rms_norm_row(head, weight, 1e-5F);
  std::vector<float> row(40);
  rms_norm(std::span(before).first(40), weight, 1, 1e-5F, row);
  EXPECT_EQ(head, row);
}

TEST(LayersRowsTest, LayerNormIsDoneByRow) {
  const auto in = random_values(6, 3 * 40);
  const auto x = random_values(8, 3 * 40);
  const auto weight = random_values(7, 40);
  const LayerNorm norm{weight, weight, 1e-5F};
  std::vector<float> all(in.size());
  tensor::run_team(2, [&] { layer_norm(in, norm, 3, all); });
  std::vector<float> last(40);
  layer_norm(std::span(in).subspan(80), norm, 1, last);
  EXPECT_TRUE(std::equal(last.begin(), last.end(), all.begin() + 80));

  auto states = in;
  tensor::run_team(3, [&] { add_layer_norm(x, norm, 3, states); });
  std::vector<float> sum(in.size());
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = in[i] + x[i];
  layer_norm(sum, norm, 3, sum);
  EXPECT_EQ(states, sum);
}

TEST(LayersRowsTest, GeluDoesTheFirstValuesAlone) {
  std::vector<float> values(5000, 1.0F);
  tensor::run_team(2, [&] { gelu(values, 4500); });
  EXPECT_NEAR(values[4499], 0.8413447F, 1e-6F);
  EXPECT_EQ(values[4499], values[0]);
  EXPECT_EQ(values[4500], 1.0F);
}

}  // namespace
}  // namespace kith::nn
