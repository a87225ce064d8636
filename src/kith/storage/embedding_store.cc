#include "kith/storage/embedding_store.h"

#include <algorithm>
#include <cmath>

namespace kith::storage {
namespace {

bool all_finite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(),
                     [](float value) { return std::isfinite(value); });
}

}  // namespace

Status check_embedding(const EmbeddingRow& row) {
  KITH_RETURN_IF_ERROR(check_row_id(row.version, "encoder version"));
  const bool fits =
      !row.vector.empty() && row.num_latents >= 0 &&
      row.latents.size() == row.vector.size() * static_cast<std::size_t>(row.num_latents);
  if (!fits) {
    return Error{ErrorCode::kInvalidArgument,
                 "latents must be " + std::to_string(row.num_latents) + " rows as wide as the " +
                     std::to_string(row.vector.size()) +
                     " numbers of the vector: " + std::to_string(row.latents.size())};
  }
  if (!all_finite(row.vector) || !all_finite(row.latents)) {
    return Error{ErrorCode::kInvalidArgument, "an embedding's numbers must be finite"};
  }
  return {};
}

}  // namespace kith::storage
