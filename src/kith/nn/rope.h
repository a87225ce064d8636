// Rotary position embedding (Su et al. 2021) in the arrangement of Hugging Face checkpoints:
// element i of a head is rotated together with element i + head_dim/2.
//
// Frequencies follow transformers' `default`, `linear` and `llama3` kinds of rope scaling, computed
// in the same precision (f32 angles), so that logits agree with checkpoints trained there.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kith::nn {

enum class RopeKind : std::uint8_t { kDefault, kLinear, kLlama3 };

struct RopeConfig {
  RopeKind kind = RopeKind::kDefault;
  double theta = 10000.0;
  // kLinear and kLlama3: by how much the context is stretched, >= 1.
  double factor = 1.0;
  // kLlama3: wavelengths shorter than original_max_positions / high_freq_factor are kept, longer
  // than original_max_positions / low_freq_factor divided by `factor`, between them interpolated.
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  int original_max_positions = 8192;

  friend bool operator==(const RopeConfig&, const RopeConfig&) = default;
};

// The head_dim/2 angular frequencies in radians per position.
// REQUIRES: head_dim even and positive.
std::vector<float> rope_frequencies(const RopeConfig& config, int head_dim);

// Cosines and sines of all positions, grown on demand. Not thread-safe.
class RopeTable {
 public:
  RopeTable(const RopeConfig& config, int head_dim);

  // Makes positions [0, num_positions) available.
  void reserve(int num_positions);

  // Cosines then sines of one position, [2, head_dim/2]. REQUIRES: position < reserved.
  std::span<const float> at(std::int32_t position) const;

 private:
  std::vector<float> frequencies_;
  std::vector<float> table_;
};

// Rotates `num_heads` heads of `row` in place.
//   row: [num_heads, head_dim];  angles: RopeTable::at(position)
void apply_rope(std::span<float> row, std::span<const float> angles, int num_heads);

}  // namespace kith::nn
