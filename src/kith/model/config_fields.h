// Readers of the members of a config.json that hold sizes and flags, and the limits of sizes.
// Include in .cc files only.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "kith/base/json.h"

namespace kith::model {

// Above any published model; int8 sums of this many products stay within 32 bits.
inline constexpr std::int64_t kMaxWidth = 65'536;
inline constexpr std::int64_t kMaxVocab = 2'097'152;
inline constexpr std::int64_t kMaxPositions = 16'777'216;

inline Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

// An integer in [1, max]; `fallback` if the key is absent, which is an error without one.
inline Result<int> read_size(const base::Json& json, const char* key, std::int64_t max,
                             std::optional<std::int64_t> fallback = std::nullopt) {
  KITH_ASSIGN_OR_RETURN(auto value, base::read_integer(json, key));
  if (!value) value = fallback;
  if (!value) return invalid(std::string(key) + " is missing");
  if (*value < 1 || *value > max) {
    return invalid(std::string(key) + " must be in [1, " + std::to_string(max) +
                   "]: " + std::to_string(*value));
  }
  return static_cast<int>(*value);
}

inline Result<bool> read_flag(const base::Json& json, const char* key) {
  KITH_ASSIGN_OR_RETURN(const auto value, base::read_bool(json, key));
  return value.value_or(false);
}

// A finite number greater than zero.
inline Result<double> read_positive(const base::Json& json, const char* key,
                                    std::optional<double> fallback) {
  KITH_ASSIGN_OR_RETURN(auto value, base::read_number(json, key));
  if (!value) value = fallback;
  if (!value) return invalid(std::string(key) + " is missing");
  if (!std::isfinite(*value) || *value <= 0.0) {
    return invalid(std::string(key) + " must be a positive number");
  }
  return *value;
}

}  // namespace kith::model
