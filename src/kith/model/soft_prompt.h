// Embedding rows that stand in a sequence in the place of tokens (Lester et al. 2021): what a user
// encoder makes of years of behaviour enters the model this way.
//
// A sequence names row i of its soft prompt by the id -1 - i, anywhere among its tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/text/token.h"

namespace kith::model {

// The id that stands for a row of the sequence's soft prompt. REQUIRES: row >= 0.
constexpr text::TokenId soft_token(int row) { return -1 - row; }
constexpr bool is_soft_token(text::TokenId id) { return id < 0; }
constexpr int soft_row(text::TokenId id) { return -1 - id; }

// Immutable; share it as shared_ptr<const SoftPrompt>.
class SoftPrompt {
 public:
  // `values`: [rows, width], row-major.
  // Errors: kInvalidArgument if there is no row, a size that does not fit, or a value that is not
  //   finite.
  static Result<std::shared_ptr<const SoftPrompt>> create(std::vector<float> values, int width);

  // The one tensor of a .safetensors file: f32, f16 or bf16 of shape [rows, width] or
  // [1, rows, width]. A pickled file is refused: reading it can run code.
  // Errors: kNotFound; kInvalidArgument naming what is wrong.
  static Result<std::shared_ptr<const SoftPrompt>> load(const std::filesystem::path& file);

  // The same from a file's bytes, which may come from anybody.
  // Errors: kInvalidArgument naming what is wrong.
  static Result<std::shared_ptr<const SoftPrompt>> parse(std::span<const std::byte> file);

  int rows() const { return static_cast<int>(values_.size()) / width_; }
  int width() const { return width_; }
  // REQUIRES: row in [0, rows()).
  std::span<const float> row(int row) const;
  // Shape and values themselves, for keys that must not meet by chance or by intent: rows come from
  // clients, who could make some of any hash of 64 bits.
  std::string key() const;
  // [rows, width], row-major.
  std::span<const float> values() const { return values_; }

 private:
  SoftPrompt() = default;

  std::vector<float> values_;
  int width_ = 1;
};

// Raw little-endian bytes as values, for embeddings that come over the wire.
//   type: "f32" or "f16"
// Errors: kInvalidArgument for another type or bytes that do not make whole values.
Result<std::vector<float>> decode_values(std::span<const std::byte> bytes, std::string_view type);

}  // namespace kith::model
