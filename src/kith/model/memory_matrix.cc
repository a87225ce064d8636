#include "kith/model/memory_matrix.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kith/base/fingerprint.h"
#include "kith/nn/cross_attention.h"

namespace kith::model {
namespace {

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

std::string_view bytes_of(std::span<const float> values) {
  const auto bytes = std::as_bytes(values);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Result<std::shared_ptr<const MemoryMatrix>> MemoryMatrix::create(std::vector<float> values,
                                                                 int width) {
  if (width < 1 || values.empty() || values.size() % static_cast<std::size_t>(width) != 0) {
    return invalid("a memory must have rows of " + std::to_string(width) +
                   " values: " + std::to_string(values.size()));
  }
  const std::size_t rows = values.size() / static_cast<std::size_t>(width);
  if (rows > static_cast<std::size_t>(nn::kMaxMemoryRows)) {
    return invalid("a memory must have at most " + std::to_string(nn::kMaxMemoryRows) +
                   " rows: " + std::to_string(rows));
  }
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
    return invalid("a memory must hold finite numbers");
  }
  std::shared_ptr<MemoryMatrix> matrix(new MemoryMatrix);
  matrix->version_ = base::to_hex(
      base::hash_bytes(bytes_of(values), base::kHashSeed ^ static_cast<std::uint64_t>(width)));
  matrix->values_ = std::move(values);
  matrix->width_ = width;
  return std::shared_ptr<const MemoryMatrix>(std::move(matrix));
}

std::string MemoryMatrix::key() const {
  return std::to_string(width_) + ':' + std::string(bytes_of(values_));
}

}  // namespace kith::model
