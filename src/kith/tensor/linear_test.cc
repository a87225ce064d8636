#include "kith/tensor/linear.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kith/base/rng.h"
#include "kith/tensor/cpu.h"
#include "kith/tensor/kernels.h"

namespace kith::tensor {
namespace {

using testing::StartsWith;

AlignedVector<float> random_values(std::uint64_t seed, std::size_t count) {
  base::Rng rng(seed);
  AlignedVector<float> values(count);
  for (float& value : values) value = static_cast<float>(2.0 * rng.uniform() - 1.0);
  return values;
}

LinearPart part_of(const AlignedVector<float>& weights, int out) {
  return {std::as_bytes(std::span(weights)), DType::kF32, out, {}, DType::kF32};
}

// x W^T in double.
std::vector<double> product(const AlignedVector<float>& x, const AlignedVector<float>& weights,
                            std::size_t rows, std::size_t in) {
  const std::size_t out = weights.size() / in;
  std::vector<double> y(rows * out);
  for (std::size_t m = 0; m < rows; ++m) {
    for (std::size_t n = 0; n < out; ++n) {
      for (std::size_t k = 0; k < in; ++k) {
        y[m * out + n] +=
            static_cast<double>(x[m * in + k]) * static_cast<double>(weights[n * in + k]);
      }
    }
  }
  return y;
}

// The first rows of x through the map.
std::vector<float> run(const Linear& linear, const AlignedVector<float>& x, int rows) {
  const auto padded = static_cast<std::size_t>(padded_rows(rows));
  const auto in = static_cast<std::size_t>(linear.in());
  const auto out = static_cast<std::size_t>(linear.out());
  AlignedVector<float> input(padded * in, std::nanf(""));
  std::copy_n(x.begin(), static_cast<std::size_t>(rows) * in, input.begin());
  AlignedVector<float> y(padded * out);
  LinearScratch scratch;
  const auto status = linear.forward(input, rows, y, scratch);
  EXPECT_TRUE(status) << status.error().message;
  return {y.begin(), y.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(rows) * out)};
}

double largest_error(const std::vector<float>& y, const std::vector<double>& expected) {
  double largest = 0.0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(y[i]) - expected[i]));
  }
  return largest;
}

// Sizes that fill blocks of 64, and sizes that do not.
struct Case {
  DType dtype;
  int in;
  int out;
};

class LinearTest : public testing::TestWithParam<Case> {
 protected:
  Linear create() {
    const auto& [dtype, in, out] = GetParam();
    weights_ = random_values(1, static_cast<std::size_t>(in) * static_cast<std::size_t>(out));
    auto linear = Linear::create(in, std::vector{part_of(weights_, out)}, {dtype, 1});
    EXPECT_TRUE(linear) << linear.error().message;
    return *std::move(linear);
  }

  AlignedVector<float> weights_;
};

TEST_P(LinearTest, ComputesTheProduct) {
  const auto& [dtype, in, out] = GetParam();
  const Linear linear = create();
  const auto x = random_values(2, 5U * static_cast<std::size_t>(in));
  const auto expected = product(x, weights_, 5, static_cast<std::size_t>(in));
  // Rounding errors of `in` random terms: 2^-9 of a weight for bf16, half a step of 1/127 on either
  // side for int8.
  const double tolerance = dtype == DType::kF32 ? 1e-6 : dtype == DType::kBf16 ? 2.5e-3 : 6e-3;
  EXPECT_LT(largest_error(run(linear, x, 5), expected), tolerance * std::sqrt(in) * 2.5);
}

TEST_P(LinearTest, ARowDoesNotDependOnTheOthers) {
  const Linear linear = create();
  const int rows = 600;
  const auto x = random_values(3, static_cast<std::size_t>(rows * linear.in()));
  const auto out = static_cast<std::size_t>(linear.out());
  const std::vector<float> all = run(linear, x, rows);
  for (const int count : {1, 2, 3, 5, 7, 16, 23, 40, 65, 130, 260, 512}) {
    const std::vector<float> some = run(linear, x, count);
    const std::vector<float> expected(all.begin(),
                                      all.begin() + static_cast<std::ptrdiff_t>(some.size()));
    ASSERT_EQ(some, expected) << count << " rows";
  }
  // The last row alone.
  AlignedVector<float> last(x.end() - linear.in(), x.end());
  EXPECT_EQ(run(linear, last, 1),
            std::vector<float>(all.end() - static_cast<std::ptrdiff_t>(out), all.end()));
}

INSTANTIATE_TEST_SUITE_P(Cases, LinearTest,
                         testing::Values(Case{DType::kF32, 64, 192}, Case{DType::kF32, 172, 70},
                                         Case{DType::kF32, 7, 3}, Case{DType::kBf16, 64, 192},
                                         Case{DType::kBf16, 172, 70}, Case{DType::kBf16, 7, 3},
                                         Case{DType::kInt8, 64, 192}, Case{DType::kInt8, 172, 70},
                                         Case{DType::kInt8, 7, 3}, Case{DType::kInt8, 1536, 576},
                                         Case{DType::kF32, 1536, 576},
                                         Case{DType::kBf16, 1536, 576}),
                         [](const auto& test) {
                           return std::string(dtype_name(test.param.dtype)) + "_" +
                                  std::to_string(test.param.in) + "_" +
                                  std::to_string(test.param.out);
                         });

// The loops for CPUs without VNNI, the kernel for one row and oneDNN make the same integer sums.
TEST(LinearInt8Test, AllRoutesGiveTheSame) {
  const auto weights = random_values(1, 172 * 70);
  const std::vector parts{part_of(weights, 70)};
  const auto packed = Linear::create(172, parts, {DType::kInt8, 1, false});
  const auto plain = Linear::create(172, parts, {DType::kInt8, 1, true});
  ASSERT_TRUE(packed && plain);
  const auto x = random_values(4, 9 * 172);
  for (const int rows : {1, 2, 9}) EXPECT_EQ(run(*packed, x, rows), run(*plain, x, rows)) << rows;
}

// However the outputs are cut, by the plain loops, too.
TEST(LinearTeamTest, ShardsMakeUpTheWhole) {
  const auto weights = random_values(1, 172 * 250);
  const auto x = random_values(4, 9 * 172);
  for (const DType dtype : {DType::kF32, DType::kBf16, DType::kInt8}) {
    for (const bool plain : {false, true}) {
      const std::vector parts{part_of(weights, 250)};
      const auto whole = Linear::create(172, parts, {dtype, 1, plain});
      ASSERT_TRUE(whole);
      for (const int threads : {2, 3, 9}) {
        const auto cut = Linear::create(172, parts, {dtype, threads, plain});
        ASSERT_TRUE(cut);
        for (const int rows : {1, 9}) {
          EXPECT_EQ(run(*cut, x, rows), run(*whole, x, rows)) << dtype_name(dtype) << threads;
        }
      }
    }
  }
}

TEST(LinearF32Test, PlainLoopsComputeTheProductRowByRow) {
  const auto weights = random_values(1, 172 * 71);
  const auto plain = Linear::create(172, std::vector{part_of(weights, 71)}, {DType::kF32, 1, true});
  ASSERT_TRUE(plain) << plain.error().message;
  const auto x = random_values(4, 37 * 172);
  const std::vector<float> all = run(*plain, x, 37);
  EXPECT_LT(largest_error(all, product(x, weights, 37, 172)), 3e-5);
  for (const int rows : {1, 2, 3, 16, 17}) {
    const std::vector<float> some = run(*plain, x, rows);
    EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin())) << rows;
  }
}

TEST(LinearPartsTest, StacksPartsAndBiases) {
  const auto first = random_values(5, 64 * 10);
  const auto second = random_values(6, 64 * 6);
  const std::vector<float> bias{1, 2, 3, 4, 5, 6};
  LinearPart with_bias = part_of(second, 6);
  with_bias.bias = std::as_bytes(std::span(bias));
  for (const DType dtype : {DType::kF32, DType::kBf16, DType::kInt8}) {
    const auto x = random_values(7, 64);
    const auto alone_a = Linear::create(64, std::vector{part_of(first, 10)}, {dtype, 1});
    const auto alone_b = Linear::create(64, std::vector{part_of(second, 6)}, {dtype, 1});
    const auto both = Linear::create(64, std::vector{part_of(first, 10), with_bias}, {dtype, 1});
    ASSERT_TRUE(both) << both.error().message;
    std::vector<float> expected = run(*alone_a, x, 1);
    for (const float value : run(*alone_b, x, 1)) {
      expected.push_back(value + bias[expected.size() - 10]);
    }
    EXPECT_EQ(run(*both, x, 1), expected) << dtype_name(dtype);
  }
}

TEST(LinearPartsTest, RefusesBytesThatDoNotFit) {
  const auto weights = random_values(5, 64 * 10);
  EXPECT_FALSE(Linear::create(64, std::vector{part_of(weights, 11)}, {}));
  LinearPart integers = part_of(weights, 10);
  integers.dtype = DType::kInt32;
  EXPECT_FALSE(Linear::create(64, std::vector{integers}, {}));
  EXPECT_FALSE(Linear::create(64, std::vector{part_of(weights, 10)}, {DType::kInt64, 1}));
}

// A silent fall to reference code costs a factor of a thousand.
TEST(OneDnnTest, UsesItsFastImplementationsOnThisCpu) {
  if (!onednn_supports(MatmulKind::kInt8)) GTEST_SKIP() << "no AVX-512 VNNI";
  const std::vector<std::byte> weights(576U * 3072U * 4U);
  for (const MatmulKind kind : {MatmulKind::kF32, MatmulKind::kBf16, MatmulKind::kInt8}) {
    if (!onednn_supports(kind)) continue;
    const auto matmul = PackedMatmul::create(kind, 576, 3072, weights.data());
    ASSERT_TRUE(matmul) << matmul.error().message;
    for (const int rows : {1, 2, 16, 64, 512}) {
      EXPECT_THAT(matmul->implementation(rows), StartsWith("brg:"))
          << rows << " rows, kind " << static_cast<int>(kind);
    }
  }
}

TEST(OneDnnTest, BucketsCoverAllRowCounts) {
  for (int rows = 1; rows <= kMaxRows; ++rows) {
    EXPECT_GE(bucket_rows(rows), rows);
    EXPECT_LE(bucket_rows(rows), 2 * rows);
  }
  EXPECT_EQ(padded_rows(512), 512);
  EXPECT_EQ(padded_rows(513), 513);
  EXPECT_EQ(padded_rows(1029), 1024 + 6);
}

class KernelTest : public testing::TestWithParam<CpuLevel> {
 protected:
  void SetUp() override {
    if (GetParam() > cpu_level()) GTEST_SKIP() << "this CPU lacks the instructions";
  }
  const Kernels& kernels() { return kernels_for(GetParam()); }
};

TEST_P(KernelTest, QuantizesARowSymmetrically) {
  const std::vector<float> row{0.0F, 1.27F, -1.27F, 0.01F, 0.0149F, -0.0151F};
  std::vector<std::uint8_t> out(8);
  EXPECT_FLOAT_EQ(kernels().quantize_row(row.data(), row.size(), out.size(), out.data()), 0.01F);
  EXPECT_EQ(out, (std::vector<std::uint8_t>{128, 255, 1, 129, 129, 126, 128, 128}));
  const std::vector<float> zeros(6);
  EXPECT_EQ(kernels().quantize_row(zeros.data(), 6, 8, out.data()), 0.0F);
  EXPECT_EQ(out, std::vector<std::uint8_t>(8, 128));
}

TEST_P(KernelTest, ConvertsLikeTheScalarFunction) {
  auto values = random_values(8, 37);
  values[3] = std::nanf("");
  values[4] = INFINITY;
  values[5] = 3.4e38F;
  std::vector<std::uint16_t> out(values.size());
  kernels().to_bf16(values.data(), values.size(), out.data());
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(out[i], f32_to_bf16(values[i])) << i;
}

TEST_P(KernelTest, SplitsIntoTwoTerms) {
  const auto values = random_values(9, 37);
  std::vector<std::uint16_t> high(values.size());
  std::vector<std::uint16_t> low(values.size());
  kernels().split_bf16(values.data(), values.size(), high.data(), low.data());
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(bf16_to_f32(high[i]) + bf16_to_f32(low[i]), values[i], 0x1p-17F);
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, KernelTest,
                         testing::Values(CpuLevel::kPortable, CpuLevel::kAvx2, CpuLevel::kAvx512),
                         [](const auto& test) {
                           return "level" + std::to_string(static_cast<int>(test.param));
                         });

TEST(QuantizeChannelTest, RoundsToTheNearestStep) {
  const std::vector<float> weights{0.5F, -1.0F, 0.25F};
  std::vector<std::int8_t> out(3);
  EXPECT_FLOAT_EQ(quantize_channel(weights, out), 1.0F / 127.0F);
  EXPECT_EQ(out, (std::vector<std::int8_t>{64, -127, 32}));
  EXPECT_EQ(quantize_channel(std::vector<float>{0, 0, 0}, out), 0.0F);
  EXPECT_EQ(out, (std::vector<std::int8_t>{0, 0, 0}));
}

// Weights that are quantised once and then mapped give what quantising at load gives, whatever
// layout they were saved in and whatever the CPU computes in.
TEST(LinearInt8Test, QuantisedWeightsEqualThoseQuantisedAtLoad) {
  for (const auto& [in, out] : {std::pair{192, 256}, {70, 130}, {64, 32}}) {
    const auto weights = random_values(1, static_cast<std::size_t>(in * out));
    const auto bias = random_values(5, static_cast<std::size_t>(out));
    LinearPart part = part_of(weights, out);
    part.bias = std::as_bytes(std::span(bias));
    const auto quantized = quantize_parts(in, {&part, 1});
    ASSERT_TRUE(quantized);
    const auto to_view = [&quantized = *quantized](Int8Layout layout,
                                                   std::span<const std::int8_t> bytes) {
      return Int8Weights{layout, bytes, quantized.scales, quantized.compensation, quantized.bias};
    };
    const auto blocks = to_blocked(quantized->weights, in, out);
    const AlignedVector<std::int8_t> aligned(blocks.begin(), blocks.end());
    AlignedVector<std::int8_t> shifted(blocks.size() + 1);
    std::copy(blocks.begin(), blocks.end(), shifted.begin() + 1);
    for (const bool plain : {false, true}) {
      const LinearOptions options{DType::kInt8, 1, plain, true};
      const auto reference = Linear::create(in, {&part, 1}, options);
      ASSERT_TRUE(reference);
      const auto x = random_values(2, 5U * static_cast<std::size_t>(in));
      for (const Int8Weights& from :
           {to_view(Int8Layout::kRows, quantized->weights), to_view(Int8Layout::kBlocked, aligned),
            to_view(Int8Layout::kBlocked, std::span(shifted).subspan(1))}) {
        const auto linear = Linear::from_int8(in, out, from, options);
        ASSERT_TRUE(linear) << linear.error().message;
        for (const int rows : {1, 5}) EXPECT_EQ(run(*linear, x, rows), run(*reference, x, rows));
        std::vector<float> row(static_cast<std::size_t>(in));
        std::vector<float> expected(row.size());
        linear->read_row(out - 1, row);
        reference->read_row(out - 1, expected);
        EXPECT_EQ(row, expected);
        const float scale = quantized->scales[static_cast<std::size_t>(out - 1)];
        EXPECT_NEAR(row[0], weights[static_cast<std::size_t>((out - 1) * in)], 0.51F * scale);
      }
    }
  }
}

TEST(LinearInt8Test, WithHugePagesKeepsACopyOfItsOwn) {
  for (const auto& [in, out] : {std::pair{192, 256}, {64, 32}}) {
    const auto weights = random_values(1, static_cast<std::size_t>(in * out));
    const LinearPart part = part_of(weights, out);
    const auto reference = Linear::create(in, {&part, 1}, {DType::kInt8, 1});
    const auto quantized = quantize_parts(in, {&part, 1});
    ASSERT_TRUE(reference && quantized);
    const auto blocks = to_blocked(quantized->weights, in, out);
    AlignedVector<std::int8_t> passing(blocks.begin(), blocks.end());
    const auto linear = Linear::from_int8(
        in, out, {Int8Layout::kBlocked, passing, quantized->scales, quantized->compensation, {}},
        {.weights = DType::kInt8, .huge_pages = true});
    ASSERT_TRUE(linear);
    std::fill(passing.begin(), passing.end(), std::int8_t{77});
    const auto x = random_values(2, 5U * static_cast<std::size_t>(in));
    for (const int rows : {1, 5}) EXPECT_EQ(run(*linear, x, rows), run(*reference, x, rows));
  }
}

TEST(LinearInt8Test, RefusesQuantisedWeightsThatDoNotFit) {
  const std::vector<std::int8_t> weights(64 * 64);
  const std::vector<float> scales(64);
  const std::vector<std::int32_t> sums(64);
  const auto create = [](const Int8Weights& from) {
    return Linear::from_int8(64, 64, from, {DType::kInt8, 1}).has_value();
  };
  const Int8Weights good{Int8Layout::kRows, weights, scales, sums, {}};
  EXPECT_TRUE(create(good));
  Int8Weights bad = good;
  bad.weights = bad.weights.first(100);
  EXPECT_FALSE(create(bad));
  bad = good;
  bad.scales = bad.scales.first(63);
  EXPECT_FALSE(create(bad));
  bad = good;
  bad.compensation = {};
  EXPECT_FALSE(create(bad));
  bad = good;
  bad.bias = bad.scales.first(1);
  EXPECT_FALSE(create(bad));
}

}  // namespace
}  // namespace kith::tensor
