#include "kith/nn/rope.h"

#include <cmath>
#include <numbers>

#include "kith/base/check.h"

namespace kith::nn {
namespace {

// Llama 3.1's scaling of one frequency: long waves are stretched, short ones kept.
double scale_llama3(double frequency, const RopeConfig& config) {
  const double wavelength = 2.0 * std::numbers::pi / frequency;
  const double original = config.original_max_positions;
  if (wavelength < original / config.high_freq_factor) return frequency;
  if (wavelength > original / config.low_freq_factor) return frequency / config.factor;
  const double smooth = (original / wavelength - config.low_freq_factor) /
                        (config.high_freq_factor - config.low_freq_factor);
  return (1.0 - smooth) * frequency / config.factor + smooth * frequency;
}

}  // namespace

std::vector<float> rope_frequencies(const RopeConfig& config, int head_dim) {
  KITH_CHECK(head_dim > 0 && head_dim % 2 == 0, "head_dim must be even and positive");
  std::vector<float> frequencies;
  for (int i = 0; i < head_dim; i += 2) {
    double frequency = 1.0 / std::pow(config.theta, static_cast<double>(i) / head_dim);
    if (config.kind == RopeKind::kLinear) frequency /= config.factor;
    if (config.kind == RopeKind::kLlama3) frequency = scale_llama3(frequency, config);
    frequencies.push_back(static_cast<float>(frequency));
  }
  return frequencies;
}

RopeTable::RopeTable(const RopeConfig& config, int head_dim)
    : frequencies_(rope_frequencies(config, head_dim)) {}

void RopeTable::reserve(int num_positions) {
  const std::size_t half = frequencies_.size();
  const std::size_t have = table_.size() / (2 * half);
  const auto want = static_cast<std::size_t>(num_positions);
  if (want <= have) return;
  table_.resize(want * 2 * half);
  for (std::size_t position = have; position < want; ++position) {
    float* row = table_.data() + position * 2 * half;
    for (std::size_t i = 0; i < half; ++i) {
      // The angle is rounded to f32 because the models were trained with such angles.
      const float angle = static_cast<float>(position) * frequencies_[i];
      row[i] = static_cast<float>(std::cos(static_cast<double>(angle)));
      row[half + i] = static_cast<float>(std::sin(static_cast<double>(angle)));
    }
  }
}

std::span<const float> RopeTable::at(std::int32_t position) const {
  const std::size_t width = 2 * frequencies_.size();
  const std::size_t begin = static_cast<std::size_t>(position) * width;
  KITH_DCHECK(begin + width <= table_.size(), "position was not reserved");
  return {table_.data() + begin, width};
}

void apply_rope(std::span<float> row, std::span<const float> angles, int num_heads) {
  const std::size_t half = angles.size() / 2;
  KITH_DCHECK(row.size() == 2 * half * static_cast<std::size_t>(num_heads), "sizes differ");
  const float* cosines = angles.data();
  const float* sines = angles.data() + half;
  for (int head = 0; head < num_heads; ++head) {
    float* first = row.data() + static_cast<std::size_t>(head) * 2 * half;
    float* second = first + half;
#pragma omp simd
    for (std::size_t i = 0; i < half; ++i) {
      const float a = first[i];
      const float b = second[i];
      first[i] = a * cosines[i] - b * sines[i];
      second[i] = b * cosines[i] + a * sines[i];
    }
  }
}

}  // namespace kith::nn
