// What a sequence knows of its user beside its tokens: rows of numbers, such as the latents of a
// user encoder, that every token attends to through a MemoryBridge.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"

namespace kith::model {

// Immutable; share it as shared_ptr<const MemoryMatrix>.
class MemoryMatrix {
 public:
  // `values`: [rows, width], row-major.
  // Errors: kInvalidArgument if there is no row or more than nn::kMaxMemoryRows, a size that does
  //   not fit, or a value that is not finite.
  static Result<std::shared_ptr<const MemoryMatrix>> create(std::vector<float> values, int width);

  int rows() const { return static_cast<int>(values_.size()) / width_; }
  int width() const { return width_; }
  // [rows, width]
  std::span<const float> values() const { return values_; }
  // Hash of shape and values, 16 hexadecimal digits: a short name for logs and records.
  const std::string& version() const { return version_; }
  // Shape and values themselves, for keys that must not meet by chance or by intent: whoever
  // chooses a matrix could make one of another's version.
  std::string key() const;

 private:
  MemoryMatrix() = default;

  std::vector<float> values_;
  int width_ = 1;
  std::string version_;
};

}  // namespace kith::model
