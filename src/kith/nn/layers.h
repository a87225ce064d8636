// The element-wise parts of a transformer layer, over rows. Called by the whole team
// (tensor/team.h) with complete inputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace kith::nn {

// Root mean square norm (Zhang and Sennrich 2019): out = in / sqrt(mean(in^2) + eps) * weight.
// `out` is complete for the whole team on return.
//   in, out: [rows, weight.size()]; may be the same
void rms_norm(std::span<const float> in, std::span<const float> weight, int rows, float eps,
              std::span<float> out);

// sum += x, out = rms_norm(sum): what stands between two blocks of a pre-norm transformer.
//   x, sum, out: [rows, weight.size()]
void add_rms_norm(std::span<const float> x, std::span<float> sum, std::span<const float> weight,
                  int rows, float eps, std::span<float> out);

// The same for one row, by the calling thread alone.
//   x, sum, out: [weight.size()]
void add_rms_norm_row(std::span<const float> x, std::span<float> sum, std::span<const float> weight,
                      float eps, std::span<float> out);

// sum += x, then the norm of the rows `picked`, one after the other.
//   x, sum: [rows, weight.size()];  out: [picked.size(), weight.size()]
// REQUIRES: picked in [0, rows).
void add_rms_norm_rows(std::span<const float> x, std::span<float> sum,
                       std::span<const float> weight, std::span<const std::int32_t> picked,
                       float eps, std::span<float> out);

// One row, in place, by the calling thread alone: the norm of a single head (Henry et al. 2020).
//   row: [weight.size()]
void rms_norm_row(std::span<float> row, std::span<const float> weight, float eps);

// The norm of x + y in the rows `picked`, one after the other; `out` is complete on return.
//   x, y: [rows, weight.size()];  out: [picked.size(), weight.size()]
void rms_norm_of_sums(std::span<const float> x, std::span<const float> y,
                      std::span<const float> weight, std::span<const std::int32_t> picked,
                      float eps, std::span<float> out);

// y[picked[i]] += x[i]; y is complete on return. REQUIRES: no row is picked twice.
//   x: [picked.size(), width];  y: rows of `width`
void add_to_rows(std::span<const float> x, std::span<const std::int32_t> picked, std::size_t width,
                 std::span<float> y);

// Layer norm (Ba et al. 2016): out = (in - mean) / sqrt(variance + eps) * weight + bias.
struct LayerNorm {
  std::span<const float> weight;
  std::span<const float> bias;  // as long
  float eps = 0.0F;
};
//   in, out: [rows, weight.size()]; may be the same
void layer_norm(std::span<const float> in, const LayerNorm& norm, int rows, std::span<float> out);

// states = layer_norm(states + x): what follows a block of a post-norm transformer.
//   x, states: [rows, weight.size()]
void add_layer_norm(std::span<const float> x, const LayerNorm& norm, int rows,
                    std::span<float> states);

// GELU (Hendrycks and Gimpel 2016) in its exact form, x times the normal distribution's integral up
// to x, over the first `count` values, in place; the error is below 1e-6.
void gelu(std::span<float> values, std::size_t count);

// SwiGLU (Shazeer 2020): out = silu(gate) * up. `out` is complete for the whole team on return.
//   gate_up: [rows, 2 * width], the gate first;  out: [rows, width]
void swiglu(std::span<const float> gate_up, int rows, std::size_t width, std::span<float> out);

}  // namespace kith::nn
