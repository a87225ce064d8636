#include "kith/nn/layers.h"

#include <algorithm>

#include "kith/base/check.h"
#include "kith/nn/kernels.h"
#include "kith/tensor/team.h"

namespace kith::nn {
namespace {

// Elements that are never divided among threads: a multiple of the kernels' vectors, so that a
// value is never computed in two ways.
constexpr std::size_t kGrain = 64;

}  // namespace

void rms_norm(std::span<const float> in, std::span<const float> weight, int rows, float eps,
              std::span<float> out) {
  const std::size_t width = weight.size();
  const auto num_rows = static_cast<std::size_t>(rows);
  KITH_CHECK(in.size() >= num_rows * width && out.size() >= num_rows * width, "buffers too small");
  const auto [begin, end] = tensor::team_share(num_rows);
  for (std::size_t at = begin * width; at < end * width; at += width) {
    kernels().rms_norm(in.data() + at, weight.data(), width, eps, out.data() + at);
  }
  tensor::team_wait();
}

void rms_norm_row(std::span<float> row, std::span<const float> weight, float eps) {
  kernels().rms_norm(row.data(), weight.data(), weight.size(), eps, row.data());
}

void add_rms_norm(std::span<const float> x, std::span<float> sum, std::span<const float> weight,
                  int rows, float eps, std::span<float> out) {
  const std::size_t width = weight.size();
  const auto num_rows = static_cast<std::size_t>(rows);
  KITH_CHECK(x.size() >= num_rows * width && sum.size() >= num_rows * width &&
                 out.size() >= num_rows * width,
             "buffers too small");
  const auto [begin, end] = tensor::team_share(num_rows);
  for (std::size_t at = begin * width; at < end * width; at += width) {
    add_rms_norm_row(x.subspan(at), sum.subspan(at), weight, eps, out.subspan(at));
  }
  tensor::team_wait();
}

void add_rms_norm_row(std::span<const float> x, std::span<float> sum, std::span<const float> weight,
                      float eps, std::span<float> out) {
  const std::size_t width = weight.size();
  KITH_DCHECK(x.size() >= width && sum.size() >= width && out.size() >= width, "rows too short");
  kernels().add(x.data(), width, sum.data());
  kernels().rms_norm(sum.data(), weight.data(), width, eps, out.data());
}

void add_rms_norm_rows(std::span<const float> x, std::span<float> sum,
                       std::span<const float> weight, std::span<const std::int32_t> picked,
                       float eps, std::span<float> out) {
  const std::size_t width = weight.size();
  KITH_CHECK(out.size() >= picked.size() * width, "buffers too small");
  const auto [begin, end] = tensor::team_share(picked.size());
  for (std::size_t i = begin; i < end; ++i) {
    const std::size_t at = static_cast<std::size_t>(picked[i]) * width;
    KITH_DCHECK(at + width <= x.size() && at + width <= sum.size(), "no such row");
    add_rms_norm_row(x.subspan(at), sum.subspan(at), weight, eps, out.subspan(i * width));
  }
  tensor::team_wait();
}

void rms_norm_of_sums(std::span<const float> x, std::span<const float> y,
                      std::span<const float> weight, std::span<const std::int32_t> picked,
                      float eps, std::span<float> out) {
  const std::size_t width = weight.size();
  KITH_CHECK(out.size() >= picked.size() * width, "buffers too small");
  const auto [begin, end] = tensor::team_share(picked.size());
  for (std::size_t i = begin; i < end; ++i) {
    const std::size_t at = static_cast<std::size_t>(picked[i]) * width;
    KITH_DCHECK(at + width <= x.size() && at + width <= y.size(), "no such row");
    float* sum = out.data() + i * width;
    std::copy_n(x.data() + at, width, sum);
    kernels().add(y.data() + at, width, sum);
    kernels().rms_norm(sum, weight.data(), width, eps, sum);
  }
  tensor::team_wait();
}

void add_to_rows(std::span<const float> x, std::span<const std::int32_t> picked, std::size_t width,
                 std::span<float> y) {
  KITH_CHECK(x.size() >= picked.size() * width, "buffers too small");
  const auto [begin, end] = tensor::team_share(picked.size());
  for (std::size_t i = begin; i < end; ++i) {
    const std::size_t at = static_cast<std::size_t>(picked[i]) * width;
    KITH_DCHECK(at + width <= y.size(), "no such row");
    kernels().add(x.data() + i * width, width, y.data() + at);
  }
  tensor::team_wait();
}

void layer_norm(std::span<const float> in, const LayerNorm& norm, int rows, std::span<float> out) {
  const std::size_t width = norm.weight.size();
  const auto num_rows = static_cast<std::size_t>(rows);
  KITH_CHECK(
      in.size() >= num_rows * width && out.size() >= num_rows * width && norm.bias.size() == width,
      "buffers too small");
  const auto [begin, end] = tensor::team_share(num_rows);
  for (std::size_t at = begin * width; at < end * width; at += width) {
    kernels().layer_norm(in.data() + at, {norm.weight.data(), norm.bias.data(), width, norm.eps},
                         out.data() + at);
  }
  tensor::team_wait();
}

void add_layer_norm(std::span<const float> x, const LayerNorm& norm, int rows,
                    std::span<float> states) {
  const std::size_t width = norm.weight.size();
  const std::size_t count = static_cast<std::size_t>(rows) * width;
  KITH_CHECK(x.size() >= count && states.size() >= count, "buffers too small");
  const auto [begin, end] = tensor::team_share(static_cast<std::size_t>(rows));
  kernels().add(x.data() + begin * width, (end - begin) * width, states.data() + begin * width);
  // The norm divides the rows alike.
  layer_norm(states, norm, rows, states);
}

void gelu(std::span<float> values, std::size_t count) {
  KITH_CHECK(values.size() >= count, "buffers too small");
  const auto [begin, end] = tensor::team_share(count, kGrain);
  kernels().gelu(values.data() + begin, end - begin);
  tensor::team_wait();
}

void swiglu(std::span<const float> gate_up, int rows, std::size_t width, std::span<float> out) {
  const auto num_rows = static_cast<std::size_t>(rows);
  KITH_CHECK(gate_up.size() >= num_rows * 2 * width && out.size() >= num_rows * width,
             "buffers too small");
  // In pieces of a row, so that a single row is shared out, too.
  const std::size_t pieces = (width + kGrain - 1) / kGrain;
  const auto [begin, end] = tensor::team_share(num_rows * pieces);
  for (std::size_t piece = begin; piece < end;) {
    const std::size_t row = piece / pieces;
    const std::size_t last = std::min(end, (row + 1) * pieces);
    const std::size_t first_column = piece % pieces * kGrain;
    const std::size_t last_column = std::min(width, (last - row * pieces) * kGrain);
    const float* gate = gate_up.data() + row * 2 * width + first_column;
    kernels().swiglu(gate, gate + width, last_column - first_column,
                     out.data() + row * width + first_column);
    piece = last;
  }
  tensor::team_wait();
}

}  // namespace kith::nn
