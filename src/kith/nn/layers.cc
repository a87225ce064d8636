#include "kith/nn/layers.h"

#include <algorithm>
#include <cstdint>

#include "kith/base/check.h"
#include "kith/nn/kernels.h"

namespace kith::nn {
namespace {

// Below this many elements, waking other threads costs more than they save.
constexpr std::size_t kParallelElements = 1U << 15;

}  // namespace

void rms_norm(std::span<const float> in, std::span<const float> weight, int rows, float eps,
              std::span<float> out) {
  const std::size_t width = weight.size();
  KITH_CHECK(in.size() >= static_cast<std::size_t>(rows) * width && out.size() >= in.size(),
             "buffers too small");
#if defined(_OPENMP)
#pragma omp parallel for schedule(static) if (static_cast <std::size_t>(rows) * width > \
                                              kParallelElements)
#endif
  for (int row = 0; row < rows; ++row) {
    const std::size_t at = static_cast<std::size_t>(row) * width;
    kernels().rms_norm(in.data() + at, weight.data(), width, eps, out.data() + at);
  }
}

void layer_norm(std::span<const float> in, std::span<const float> weight,
                std::span<const float> bias, int rows, float eps, std::span<float> out) {
  const std::size_t width = weight.size();
  const std::size_t count = static_cast<std::size_t>(rows) * width;
  KITH_CHECK(in.size() >= count && out.size() >= count && bias.size() == width,
             "buffers too small");
#if defined(_OPENMP)
#pragma omp parallel for schedule(static) if (count > kParallelElements)
#endif
  for (int row = 0; row < rows; ++row) {
    const std::size_t at = static_cast<std::size_t>(row) * width;
    kernels().layer_norm(in.data() + at, {weight.data(), bias.data(), width, eps}, out.data() + at);
  }
}

void gelu(std::span<float> values, std::size_t count) {
  KITH_CHECK(values.size() >= count, "buffers too small");
  // A multiple of the kernel's vectors, so that a value is never computed in two ways.
  constexpr std::size_t kPiece = 4096;
  const auto pieces = static_cast<std::int64_t>((count + kPiece - 1) / kPiece);
#if defined(_OPENMP)
#pragma omp parallel for schedule(static) if (count > kParallelElements)
#endif
  for (std::int64_t piece = 0; piece < pieces; ++piece) {
    const std::size_t begin = static_cast<std::size_t>(piece) * kPiece;
    kernels().gelu(values.data() + begin, std::min(kPiece, count - begin));
  }
}

void swiglu(std::span<const float> gate_up, int rows, std::size_t width, std::span<float> out) {
  KITH_CHECK(gate_up.size() >= static_cast<std::size_t>(rows) * 2 * width &&
                 out.size() >= static_cast<std::size_t>(rows) * width,
             "buffers too small");
#if defined(_OPENMP)
#pragma omp parallel for schedule(static) if (static_cast <std::size_t>(rows) * width > \
                                              kParallelElements)
#endif
  for (int row = 0; row < rows; ++row) {
    const float* gate = gate_up.data() + static_cast<std::size_t>(row) * 2 * width;
    kernels().swiglu(gate, gate + width, width, out.data() + static_cast<std::size_t>(row) * width);
  }
}

void add(std::span<const float> x, std::span<float> y) {
  KITH_CHECK(y.size() >= x.size(), "buffers too small");
  kernels().add(x.data(), x.size(), y.data());
}

}  // namespace kith::nn
