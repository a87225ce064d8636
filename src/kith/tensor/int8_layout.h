// How the int8 weights of a linear map lie in memory and in files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kith/tensor/huge_pages.h"

namespace kith::tensor {

enum class Int8Layout : std::uint8_t {
  // [out, in]
  kRows,
  // [out/64, in/64, 16, 64, 4] over outputs, inputs, inputs, outputs, inputs; both directions
  // padded
  // with zeros to 64. oneDNN's BA16a64b4a, which CPUs with AVX512-VNNI compute in.
  kBlocked,
};

// Outputs and inputs of a block.
inline constexpr int kInt8Block = 64;

// Bytes of a map's weights. REQUIRES: in and out positive.
std::size_t int8_bytes(Int8Layout layout, int in, int out);

// From one layout to the other.
//   rows: [out, in];  blocked: int8_bytes(kBlocked, in, out)
HugeVector<std::int8_t> to_blocked(std::span<const std::int8_t> rows, int in, int out);
std::vector<std::int8_t> to_rows(std::span<const std::int8_t> blocked, int in, int out);

// Row `row` of weights in either layout, to `out` [in]. REQUIRES: there is such a row.
void read_int8_row(Int8Layout layout, std::span<const std::int8_t> weights, int row,
                   std::span<std::int8_t> out);

}  // namespace kith::tensor
