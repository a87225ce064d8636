#include "kith/tensor/dtype.h"

#include <array>
#include <cmath>
#include <cstring>

#include "kith/base/check.h"

namespace kith::tensor {
namespace {

struct DTypeRow {
  DType dtype;
  std::size_t size;
  std::string_view name;
};

// In the order of the enumerators.
constexpr std::array<DTypeRow, 15> kDTypes{{{DType::kF64, 8, "F64"},
                                            {DType::kF32, 4, "F32"},
                                            {DType::kF16, 2, "F16"},
                                            {DType::kBf16, 2, "BF16"},
                                            {DType::kInt64, 8, "I64"},
                                            {DType::kInt32, 4, "I32"},
                                            {DType::kInt16, 2, "I16"},
                                            {DType::kInt8, 1, "I8"},
                                            {DType::kUint64, 8, "U64"},
                                            {DType::kUint32, 4, "U32"},
                                            {DType::kUint16, 2, "U16"},
                                            {DType::kUint8, 1, "U8"},
                                            {DType::kBool, 1, "BOOL"},
                                            {DType::kF8E4M3, 1, "F8_E4M3"},
                                            {DType::kF8E5M2, 1, "F8_E5M2"}}};

const DTypeRow& row_of(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)]; }

}  // namespace

std::size_t dtype_size(DType dtype) { return row_of(dtype).size; }

std::string_view dtype_name(DType dtype) { return row_of(dtype).name; }

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const DTypeRow& row : kDTypes) {
    if (row.name == name) return row.dtype;
  }
  return std::nullopt;
}

bool is_weight_dtype(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBf16;
}

float f16_to_f32(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1FU;
  const std::uint32_t mantissa = bits & 0x3FFU;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000U | (mantissa << 13));
  if (exponent == 0) {
    const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);
    return sign != 0 ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

std::uint16_t f32_to_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return static_cast<std::uint16_t>(sign | 0x7E00U);
  // 65520 is halfway between the largest finite f16 and the next power of two.
  if (magnitude >= 0x477FF000U) return static_cast<std::uint16_t>(sign | 0x7C00U);
  if (magnitude < 0x38800000U) {
    // Subnormal: the mantissa counts units of 2^-24. nearbyint rounds ties to even.
    const float units = std::nearbyint(std::ldexp(std::bit_cast<float>(magnitude), 24));
    return static_cast<std::uint16_t>(sign | static_cast<std::uint32_t>(units));
  }
  const std::uint32_t rounded = magnitude + 0xFFFU + ((magnitude >> 13) & 1U);
  return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000U) >> 13));
}

void convert_to_f32(std::span<const std::byte> bytes, DType dtype, std::span<float> out) {
  KITH_CHECK(is_weight_dtype(dtype), "only f32, f16 and bf16 convert to f32");
  KITH_CHECK(bytes.size() == out.size() * dtype_size(dtype), "sizes differ");
  if (out.empty()) return;
  if (dtype == DType::kF32) {
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return;
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, bytes.data() + 2 * i, sizeof bits);
    out[i] = dtype == DType::kBf16 ? bf16_to_f32(bits) : f16_to_f32(bits);
  }
}

}  // namespace kith::tensor
