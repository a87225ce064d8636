#include "kith/tensor/dtype.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace kith::tensor {
namespace {

TEST(DTypeTest, NamesAndTypesAreInverse) {
  for (int i = 0; i <= static_cast<int>(DType::kF8E5M2); ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(dtype_from_name(dtype_name(dtype)), dtype);
    EXPECT_GE(dtype_size(dtype), 1U);
  }
  EXPECT_EQ(dtype_from_name("F31"), std::nullopt);
}

TEST(DTypeTest, Bf16RoundsToNearestEven) {
  EXPECT_EQ(f32_to_bf16(1.0F), 0x3F80);
  // 1 + 2^-8 lies halfway between 1 and 1 + 2^-7; 1 is even.
  EXPECT_EQ(f32_to_bf16(1.00390625F), 0x3F80);
  EXPECT_EQ(f32_to_bf16(1.01171875F), 0x3F82);
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(std::nanf("")))));
}

TEST(DTypeTest, EveryF16SurvivesTheWayThroughF32) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = f16_to_f32(static_cast<std::uint16_t>(bits));
    if (std::isnan(value)) continue;
    ASSERT_EQ(f32_to_f16(value), bits);
  }
}

TEST(DTypeTest, F16RoundsAndOverflows) {
  EXPECT_EQ(f32_to_f16(65504.0F), 0x7BFF);
  EXPECT_EQ(f32_to_f16(65519.0F), 0x7BFF);
  EXPECT_EQ(f32_to_f16(65520.0F), 0x7C00);
  // Half of the smallest subnormal rounds to even, which is zero.
  EXPECT_EQ(f32_to_f16(0x1p-25F), 0x0000);
  EXPECT_EQ(f32_to_f16(-0x1.8p-25F), 0x8001);
  EXPECT_EQ(f32_to_f16(1.0F + 0x1p-11F), 0x3C00);
}

TEST(DTypeTest, ConvertsBytesOfAnyAlignment) {
  std::vector<std::byte> bytes(5);
  bytes[2] = std::byte{0x3F};  // bf16 bits 0x3F80 at offset 1, little-endian
  bytes[1] = std::byte{0x80};
  bytes[4] = std::byte{0xC0};
  std::vector<float> out(2);
  convert_to_f32(std::span(bytes).subspan(1), DType::kBf16, out);
  EXPECT_EQ(out[0], 1.0F);
  EXPECT_EQ(out[1], -2.0F);
}

}  // namespace
}  // namespace kith::tensor
