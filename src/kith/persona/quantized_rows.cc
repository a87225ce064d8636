#include "kith/persona/quantized_rows.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "kith/tensor/kernels.h"

namespace kith::persona {
namespace {

// Far above any trained weight, and so low that no sum of rows leaves the range of float.
constexpr float kMaxScale = 1e4F;

}  // namespace

QuantizedRows QuantizedRows::quantize(std::span<const float> values, std::size_t columns) {
  QuantizedRows out;
  out.columns_ = columns;
  out.values_.reserve(values.size());
  for (std::size_t begin = 0; begin + columns <= values.size(); begin += columns) {
    const auto row = values.subspan(begin, columns);
    float largest = 0.0F;
    for (const float value : row) largest = std::max(largest, std::abs(value));
    const float scale = largest / 127.0F;
    out.scales_.push_back(scale);
    for (const float value : row) {
      const float level = scale > 0.0F ? std::nearbyint(value / scale) : 0.0F;
      out.values_.push_back(static_cast<std::int8_t>(std::clamp(level, -127.0F, 127.0F)));
    }
  }
  return out;
}

Result<QuantizedRows> QuantizedRows::create(std::vector<std::int8_t> values,
                                            std::vector<float> scales, std::size_t columns) {
  if (columns == 0 || values.size() / columns != scales.size() || values.size() % columns != 0) {
    return Error{ErrorCode::kInvalidArgument,
                 "quantised rows must have one scale each: " + std::to_string(scales.size())};
  }
  if (!std::all_of(scales.begin(), scales.end(),
                   [](float scale) { return scale >= 0.0F && scale <= kMaxScale; })) {
    return Error{ErrorCode::kInvalidArgument, "scales of rows must be in [0, 10000]"};
  }
  QuantizedRows out;
  out.values_ = std::move(values);
  out.scales_ = std::move(scales);
  out.columns_ = columns;
  return out;
}

void QuantizedRows::add(std::span<const WeighedRow> rows, std::span<float> sums) const {
  // Rows lie far apart and the matrix is larger than the caches: each is asked for a few rows
  // ahead.
  constexpr std::size_t kAhead = 6;
  constexpr std::size_t kLine = 64;
  const tensor::Kernels& kernels = tensor::kernels();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i + kAhead < rows.size()) {
      const std::int8_t* next = values_.data() + rows[i + kAhead].row * columns_;
      for (std::size_t at = 0; at < columns_; at += kLine) __builtin_prefetch(next + at);
    }
    const WeighedRow& one = rows[i];
    kernels.add_int8_row(values_.data() + one.row * columns_, one.weight * scales_[one.row],
                         columns_, sums.data());
  }
}

}  // namespace kith::persona
