// A matrix of which few rows at a time are added up: int8 with one scale a row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kith/base/result.h"
#include "kith/persona/feature_table.h"

namespace kith::persona {

// Immutable; thread-safe.
class QuantizedRows {
 public:
  QuantizedRows() = default;

  // Symmetric: a row's greatest magnitude becomes 127.
  //   values: [rows * columns], finite
  static QuantizedRows quantize(std::span<const float> values, std::size_t columns);

  // Errors: kInvalidArgument unless `values` holds `columns` for every scale, and every scale is
  //   in [0, 10000].
  static Result<QuantizedRows> create(std::vector<std::int8_t> values, std::vector<float> scales,
                                      std::size_t columns);

  // sums += weight * row, for each of `rows`, in their order.
  //   sums: [columns()]
  // REQUIRES: every row < num_rows().
  void add(std::span<const WeighedRow> rows, std::span<float> sums) const;

  std::size_t num_rows() const { return scales_.size(); }
  std::size_t columns() const { return columns_; }
  const std::vector<std::int8_t>& values() const { return values_; }
  const std::vector<float>& scales() const { return scales_; }

 private:
  std::vector<std::int8_t> values_;
  std::vector<float> scales_;
  std::size_t columns_ = 0;
};

}  // namespace kith::persona
