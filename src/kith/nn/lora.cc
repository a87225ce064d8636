#include "kith/nn/lora.h"

#include "kith/base/check.h"
#include "kith/nn/kernels.h"

namespace kith::nn {
namespace {

std::size_t to_size(int value) { return static_cast<std::size_t>(value); }

std::vector<std::uint16_t> rounded(const std::vector<float>& values) {
  std::vector<std::uint16_t> out;
  out.reserve(values.size());
  for (const float value : values) out.push_back(tensor::f32_to_bf16(value));
  return out;
}

}  // namespace

std::size_t Lora::bytes() const {
  return (a_f32.size() + b_f32.size()) * sizeof(float) +
         (a_bf16.size() + b_bf16.size()) * sizeof(std::uint16_t);
}

Lora pack_lora(std::span<const float> a, std::span<const float> b, int rank, float scale,
               tensor::DType dtype) {
  KITH_CHECK(rank > 0 && a.size() % to_size(rank) == 0 && b.size() % to_size(rank) == 0,
             "matrices do not fit the rank");
  KITH_CHECK(dtype == tensor::DType::kF32 || dtype == tensor::DType::kBf16,
             "an adapter is held as f32 or bf16");
  Lora lora;
  lora.rank = rank;
  lora.in = static_cast<int>(a.size() / to_size(rank));
  lora.out = static_cast<int>(b.size() / to_size(rank));
  lora.scale = scale;
  lora.dtype = dtype;
  lora.a_f32.assign(a.begin(), a.end());
  lora.b_f32.resize(b.size());
  for (std::size_t n = 0; n < to_size(lora.out); ++n) {
    for (std::size_t r = 0; r < to_size(rank); ++r) {
      lora.b_f32[r * to_size(lora.out) + n] = b[n * to_size(rank) + r];
    }
  }
  if (dtype == tensor::DType::kBf16) {
    lora.a_bf16 = rounded(lora.a_f32);
    lora.b_bf16 = rounded(lora.b_f32);
    lora.a_f32 = {};
    lora.b_f32 = {};
  }
  return lora;
}

void apply_lora(const Lora& lora, const LoraRows& io) {
  const std::size_t in = to_size(lora.in);
  const std::size_t out = to_size(lora.out);
  const auto num_rows = static_cast<std::int64_t>(io.rows.size());
#if defined(_OPENMP)
#pragma omp parallel for schedule(static) if (num_rows >= 16)
#endif
  for (std::int64_t i = 0; i < num_rows; ++i) {
    const auto row = static_cast<std::size_t>(io.rows[static_cast<std::size_t>(i)]);
    KITH_DCHECK(row * io.x_stride + in <= io.x.size() && row * io.y_stride + out <= io.y.size(),
                "row out of range");
    const float* x = io.x.data() + row * io.x_stride;
    float* y = io.y.data() + row * io.y_stride;
    std::vector<float> t(to_size(lora.rank));
    if (lora.dtype == tensor::DType::kF32) {
      kernels().lora_f32(lora.a_f32.data(), lora.b_f32.data(), x, y, t.data(), lora.rank, in, out,
                         lora.scale);
    } else {
      kernels().lora_bf16(lora.a_bf16.data(), lora.b_bf16.data(), x, y, t.data(), lora.rank, in,
                          out, lora.scale);
    }
  }
}

}  // namespace kith::nn
