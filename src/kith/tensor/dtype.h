// Element types of tensors in files and in memory, and the conversions between the 16-bit float
// formats and f32.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace kith::tensor {

// The types of the safetensors format. Only kF32, kBf16 and kInt8 are ways to hold weights in
// memory (DecoderOptions::weights); the rest occur in files.
enum class DType : std::uint8_t {
  kF64,
  kF32,
  kF16,
  kBf16,
  kInt64,
  kInt32,
  kInt16,
  kInt8,
  kUint64,
  kUint32,
  kUint16,
  kUint8,
  kBool,
  kF8E4M3,
  kF8E5M2,
};

// Bytes of one element.
std::size_t dtype_size(DType dtype);

// The name in a safetensors header, e.g. "BF16".
std::string_view dtype_name(DType dtype);
std::optional<DType> dtype_from_name(std::string_view name);

// f32, f16 and bf16: the types that weights may have in a file.
bool is_weight_dtype(DType dtype);

inline float bf16_to_f32(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

// Rounds to nearest, ties to even; NaN stays NaN.
inline std::uint16_t f32_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

float f16_to_f32(std::uint16_t bits);
// Rounds to nearest, ties to even; overflow gives infinity.
std::uint16_t f32_to_f16(float value);

// Converts `out.size()` little-endian elements at `bytes` (any alignment) to f32.
// REQUIRES: is_weight_dtype(dtype), bytes.size() == out.size() * dtype_size(dtype).
void convert_to_f32(std::span<const std::byte> bytes, DType dtype, std::span<float> out);

}  // namespace kith::tensor
