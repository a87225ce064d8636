// Plain differentiable forms of ops.h.
#include <cmath>

#include "kith/train/ops.h"
#include "kith/train/torch_compat.h"

namespace kith::train::plain {
namespace {

using torch::Tensor;

// x: [batch, heads, seq, head_dim]
Tensor rotate(const Tensor& x, const Tensor& cos, const Tensor& sin) {
  const auto halves = x.chunk(2, -1);
  const Tensor c = cos.to(x.scalar_type());
  const Tensor s = sin.to(x.scalar_type());
  return torch::cat({halves[0] * c - halves[1] * s, halves[1] * c + halves[0] * s}, -1);
}

// [batch * seq, heads * head_dim] -> [batch, heads, seq, head_dim]
Tensor to_heads(const Tensor& rows, const AttentionShape& s, std::int64_t heads) {
  return rows.reshape({s.batch, s.seq, heads, s.head_dim}).transpose(1, 2);
}

Tensor softmax_attention(const Tensor& q, const Tensor& k, const Tensor& v) {
  const std::int64_t seq = q.size(2);
  const Tensor mask = torch::ones({seq, seq}, q.options().dtype(torch::kBool)).triu(1);
  Tensor scores = at::matmul(q, k.transpose(2, 3)) / std::sqrt(static_cast<double>(q.size(3)));
  scores = scores.masked_fill(mask, -1e9);
  // float at least, but not less than what came in: f64 gradient checks stay in f64.
  const auto wide = scores.scalar_type() == torch::kDouble ? torch::kDouble : torch::kFloat;
  return at::matmul(at::softmax(scores, -1, wide).to(v.scalar_type()), v);
}

}  // namespace

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps, torch::Dtype dtype) {
  const Tensor rstd = (x.pow(2).mean(-1, true) + eps).rsqrt();
  return (x * rstd * weight).to(dtype);
}

Tensor swiglu(const Tensor& gate_up) {
  const auto halves = gate_up.chunk(2, -1);
  return at::silu(halves[0]) * halves[1];
}

Tensor causal_attention(const Tensor& qkv, const RotaryTable& rotary, const AttentionShape& s) {
  const std::int64_t q_width = s.heads * s.head_dim;
  const std::int64_t kv_width = s.kv_heads * s.head_dim;
  const auto parts = qkv.split_with_sizes({q_width, kv_width, kv_width}, 1);
  const Tensor cos = rotary.cos.narrow(0, 0, s.seq);
  const Tensor sin = rotary.sin.narrow(0, 0, s.seq);
  const Tensor q = rotate(to_heads(parts[0], s, s.heads), cos, sin);
  Tensor k = rotate(to_heads(parts[1], s, s.kv_heads), cos, sin);
  Tensor v = to_heads(parts[2], s, s.kv_heads);
  if (s.heads != s.kv_heads) {
    k = k.repeat_interleave(s.heads / s.kv_heads, 1);
    v = v.repeat_interleave(s.heads / s.kv_heads, 1);
  }
  Tensor out;
  if (!q.device().is_cpu()) out = fused_causal_attention(q, k, v);
  if (!out.defined()) out = softmax_attention(q, k, v);
  return out.transpose(1, 2).reshape({s.batch * s.seq, q_width});
}

Tensor linear_cross_entropy(const Tensor& hidden, const Tensor& weight, const Tensor& targets,
                            double scale, const Tensor& row_weights) {
  const Tensor logits = at::linear(hidden, weight);
  const auto wide = logits.scalar_type() == torch::kDouble ? torch::kDouble : torch::kFloat;
  namespace functional = torch::nn::functional;
  const auto options = functional::CrossEntropyFuncOptions().ignore_index(-1);
  if (!row_weights.defined()) {
    const auto sum = functional::CrossEntropyFuncOptions(options).reduction(torch::kSum);
    return functional::cross_entropy(logits.to(wide), targets, sum) * scale;
  }
  const auto each = functional::CrossEntropyFuncOptions(options).reduction(torch::kNone);
  const Tensor losses = functional::cross_entropy(logits.to(wide), targets, each);
  return (losses * row_weights.to(wide)).sum() * scale;
}

}  // namespace kith::train::plain
