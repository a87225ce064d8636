#include "kith/tensor/int8_layout.h"

#include <algorithm>

namespace kith::tensor {
namespace {

// Inputs that lie beside each other within a block.
constexpr std::size_t kGroup = 4;
constexpr std::size_t kBlock = kInt8Block;

std::size_t to_size(int value) { return static_cast<std::size_t>(value); }

std::size_t padded(int size) { return (to_size(size) + kBlock - 1) / kBlock * kBlock; }

// Where the first group of a row begins, and how far apart its groups are.
std::size_t row_begin(std::size_t row, int in) {
  return row / kBlock * kBlock * padded(in) + row % kBlock * kGroup;
}
constexpr std::size_t kGroupStride = kBlock * kGroup;

void read_blocked_row(std::span<const std::int8_t> blocked, std::size_t row,
                      std::span<std::int8_t> out) {
  const std::int8_t* from = blocked.data() + row_begin(row, static_cast<int>(out.size()));
  for (std::size_t k = 0; k < out.size(); k += kGroup, from += kGroupStride) {
    std::copy_n(from, std::min(kGroup, out.size() - k), out.data() + k);
  }
}

}  // namespace

std::size_t int8_bytes(Int8Layout layout, int in, int out) {
  if (layout == Int8Layout::kRows) return to_size(in) * to_size(out);
  return padded(in) * padded(out);
}

HugeVector<std::int8_t> to_blocked(std::span<const std::int8_t> rows, int in, int out) {
  HugeVector<std::int8_t> blocked(int8_bytes(Int8Layout::kBlocked, in, out));
  for (std::size_t row = 0; row < to_size(out); ++row) {
    const std::int8_t* from = rows.data() + row * to_size(in);
    std::int8_t* to = blocked.data() + row_begin(row, in);
    for (std::size_t k = 0; k < to_size(in); k += kGroup, to += kGroupStride) {
      std::copy_n(from + k, std::min(kGroup, to_size(in) - k), to);
    }
  }
  return blocked;
}

std::vector<std::int8_t> to_rows(std::span<const std::int8_t> blocked, int in, int out) {
  std::vector<std::int8_t> rows(int8_bytes(Int8Layout::kRows, in, out));
  for (std::size_t row = 0; row < to_size(out); ++row) {
    read_blocked_row(blocked, row, std::span(rows).subspan(row * to_size(in), to_size(in)));
  }
  return rows;
}

void read_int8_row(Int8Layout layout, std::span<const std::int8_t> weights, int row,
                   std::span<std::int8_t> out) {
  if (layout == Int8Layout::kBlocked) return read_blocked_row(weights, to_size(row), out);
  const auto from = weights.subspan(to_size(row) * out.size(), out.size());
  std::copy(from.begin(), from.end(), out.begin());
}

}  // namespace kith::tensor
