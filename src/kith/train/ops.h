// The differentiable parts of the decoder: on the CPU custom autograd functions over the one-pass
// kernels of cpu_kernels.h, elsewhere the plain operations of namespace `plain`, which are also
// what the gradient tests compare with.
//
// Every function takes and returns contiguous tensors on one device; T below is the compute dtype,
// float or bfloat16. Library exceptions (out of memory, shape mismatch) pass through: the entries
// of `train` catch them.
#pragma once

#include <torch/torch.h>

#include <utility>

#include "kith/train/cpu_kernels.h"

namespace kith::train {

// cos and sin of the rotary angles: float [max_seq, head_dim / 2] each.
struct RotaryTable {
  torch::Tensor cos;
  torch::Tensor sin;
};

// Root mean square layer normalisation (Zhang and Sennrich, 2019).
//   x: [rows, dim] float; weight: [dim] float; returns: [rows, dim] T
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps,
                       torch::Dtype dtype);

// Adds delta (T) to the residual stream (float) and normalises the sum.
//   returns: {sum [rows, dim] float, normalised [rows, dim] T}
std::pair<torch::Tensor, torch::Tensor> add_rms_norm(const torch::Tensor& residual,
                                                     const torch::Tensor& delta,
                                                     const torch::Tensor& weight, double eps);

// silu(gate) * up (Shazeer, 2020).  gate_up: [rows, 2 * dim] T, gate first; returns: [rows, dim] T
torch::Tensor swiglu(const torch::Tensor& gate_up);

// Rotary positions, causal grouped-query attention.
//   qkv: [batch * seq, (heads + 2 kv_heads) * head_dim] T; returns: [batch * seq, heads * head_dim]
//   T
torch::Tensor causal_attention(const torch::Tensor& qkv, const RotaryTable& rotary,
                               const AttentionShape& shape);

// scale * sum over rows of -log softmax(hidden weight^T)[target], without ever holding the logits
// of more than a chunk of rows. Gradients are computed in the forward pass. Rows whose target is
// negative do not count.
//   hidden: [rows, dim] T; weight: [vocab, dim] T; targets: [rows] int64; returns: float scalar
//   row_weights: [rows] float, factors of the rows' losses; undefined: all 1
torch::Tensor linear_cross_entropy(const torch::Tensor& hidden, const torch::Tensor& weight,
                                   const torch::Tensor& targets, double scale,
                                   const torch::Tensor& row_weights = {});

// The same functions in plain differentiable operations, on any device and in any float dtype.
namespace plain {
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps,
                       torch::Dtype dtype);
torch::Tensor swiglu(const torch::Tensor& gate_up);
torch::Tensor causal_attention(const torch::Tensor& qkv, const RotaryTable& rotary,
                               const AttentionShape& shape);
torch::Tensor linear_cross_entropy(const torch::Tensor& hidden, const torch::Tensor& weight,
                                   const torch::Tensor& targets, double scale,
                                   const torch::Tensor& row_weights = {});
}  // namespace plain

}  // namespace kith::train
