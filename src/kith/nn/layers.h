// The element-wise parts of a transformer layer, over rows.
#pragma once

#include <cstddef>
#include <span>

namespace kith::nn {

// Root mean square norm (Zhang and Sennrich 2019): out = in / sqrt(mean(in^2) + eps) * weight.
//   in, out: [rows, weight.size()]; may be the same
void rms_norm(std::span<const float> in, std::span<const float> weight, int rows, float eps,
              std::span<float> out);

// Layer norm (Ba et al. 2016): out = (in - mean) / sqrt(variance + eps) * weight + bias.
//   in, out: [rows, weight.size()]; may be the same;  bias: [weight.size()]
void layer_norm(std::span<const float> in, std::span<const float> weight,
                std::span<const float> bias, int rows, float eps, std::span<float> out);

// GELU (Hendrycks and Gimpel 2016) in its exact form, x times the normal distribution's integral up
// to x, over the first `count` values, in place; the error is below 1e-6.
void gelu(std::span<float> values, std::size_t count);

// SwiGLU (Shazeer 2020): out = silu(gate) * up.
//   gate_up: [rows, 2 * width], the gate first;  out: [rows, width]
void swiglu(std::span<const float> gate_up, int rows, std::size_t width, std::span<float> out);

// y += x over the first x.size() elements. REQUIRES: y.size() >= x.size().
void add(std::span<const float> x, std::span<float> y);

}  // namespace kith::nn
