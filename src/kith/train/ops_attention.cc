#include <cmath>
#include <vector>

#include "kith/train/kernel_dispatch.h"
#include "kith/train/ops.h"

namespace kith::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// One block of query positions: rows [start, start + rows) of every head against keys [0, end).
struct QueryBlock {
  std::int64_t start;
  std::int64_t rows;
  std::int64_t end() const { return start + rows; }
};

std::vector<QueryBlock> query_blocks(const AttentionShape& shape) {
  std::vector<QueryBlock> blocks;
  for (std::int64_t start = 0; start < shape.seq; start += shape.block) {
    blocks.push_back({start, std::min(shape.block, shape.seq - start)});
  }
  return blocks;
}

// The block's part of a tensor in the block layout: [batch * kv_heads, group * rows, head_dim].
Tensor block_of(const Tensor& blocked, const AttentionShape& s, const QueryBlock& block) {
  const std::int64_t stride = s.batch * s.heads * s.head_dim;
  return blocked.narrow(0, block.start * stride, block.rows * stride)
      .view({s.batch * s.kv_heads, s.heads / s.kv_heads * block.rows, s.head_dim});
}

template <typename T>
typename CpuKernels<T>::CausalSoftmax softmax_args(const AttentionShape& s, const QueryBlock& block,
                                                   const Tensor& scores) {
  return {data<T>(scores), block.end(), block.rows, block.start,
          1.0F / std::sqrt(static_cast<float>(s.head_dim))};
}

template <typename T>
void causal_softmax(const AttentionShape& s, const QueryBlock& block, const Tensor& scores) {
  const auto args = softmax_args<T>(s, block, scores);
  over_rows(scores.size(0) * scores.size(1), [&](RowRange range) {
    std::vector<float> scratch(static_cast<std::size_t>(block.end()));
    cpu_kernels<T>().softmax_forward(args, scratch.data(), range);
  });
}

struct SplitQkv {
  Tensor q;  // block layout, flat
  Tensor k;  // [batch * kv_heads, seq, head_dim]
  Tensor v;  // the same
};

template <typename T>
SplitQkv split_qkv(const Tensor& qkv, const Tensor& cos, const Tensor& sin,
                   const AttentionShape& s) {
  SplitQkv out;
  out.q = torch::empty({s.batch * s.seq * s.heads * s.head_dim}, qkv.options());
  out.k = torch::empty({s.batch * s.kv_heads, s.seq, s.head_dim}, qkv.options());
  out.v = torch::empty_like(out.k);
  const typename CpuKernels<T>::Rotary rotary{s, data<float>(cos), data<float>(sin)};
  over_rows(s.batch * s.seq, [&](RowRange range) {
    cpu_kernels<T>().split_rotary(rotary, data<T>(qkv), data<T>(out.q), data<T>(out.k),
                                  data<T>(out.v), range);
  });
  return out;
}

template <typename T>
Tensor attention_forward(const SplitQkv& in, const AttentionShape& s, variable_list& saved) {
  Tensor blocked = torch::empty_like(in.q);
  for (const QueryBlock& block : query_blocks(s)) {
    const Tensor keys = in.k.narrow(1, 0, block.end());
    Tensor scores = at::bmm(block_of(in.q, s, block), keys.transpose(1, 2));
    causal_softmax<T>(s, block, scores);
    Tensor out = block_of(blocked, s, block);
    at::bmm_out(out, scores, in.v.narrow(1, 0, block.end()));
    saved.push_back(scores);
  }
  Tensor rows = torch::empty({s.batch * s.seq, s.heads * s.head_dim}, in.q.options());
  over_rows(s.batch * s.seq, [&](RowRange range) {
    cpu_kernels<T>().blocks_to_rows(s, data<T>(blocked), data<T>(rows), range);
  });
  return rows;
}

// saved: q, k, v, cos, sin, then the probabilities of each block.
template <typename T>
Tensor attention_backward(const variable_list& saved, const Tensor& grad_rows,
                          const AttentionShape& s) {
  const Tensor& q = saved[0];
  const Tensor& k = saved[1];
  const Tensor& v = saved[2];
  Tensor grad_out = torch::empty_like(q);
  over_rows(s.batch * s.seq, [&](RowRange range) {
    cpu_kernels<T>().rows_to_blocks(s, data<T>(grad_rows), data<T>(grad_out), range);
  });
  Tensor grad_q = torch::empty_like(q);
  Tensor grad_k = torch::zeros(k.sizes(), k.options().dtype(torch::kFloat));
  Tensor grad_v = torch::zeros_like(grad_k);
  const auto blocks = query_blocks(s);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const QueryBlock& block = blocks[i];
    const Tensor& p = saved[5 + i];
    const Tensor d_out = block_of(grad_out, s, block);
    grad_v.narrow(1, 0, block.end()).add_(at::bmm(p.transpose(1, 2), d_out));
    Tensor d_scores = at::bmm(d_out, v.narrow(1, 0, block.end()).transpose(1, 2));
    const auto args = softmax_args<T>(s, block, d_scores);
    over_rows(p.size(0) * p.size(1),
              [&](RowRange range) { cpu_kernels<T>().softmax_backward(args, data<T>(p), range); });
    Tensor d_q = block_of(grad_q, s, block);
    at::bmm_out(d_q, d_scores, k.narrow(1, 0, block.end()));
    grad_k.narrow(1, 0, block.end()).add_(at::bmm(d_scores.transpose(1, 2), block_of(q, s, block)));
  }
  Tensor grad_qkv =
      torch::empty({s.batch * s.seq, (s.heads + 2 * s.kv_heads) * s.head_dim}, q.options());
  const typename CpuKernels<T>::Rotary rotary{s, data<float>(saved[3]), data<float>(saved[4])};
  over_rows(s.batch * s.seq, [&](RowRange range) {
    cpu_kernels<T>().merge_rotary(rotary, data<T>(grad_q), data<float>(grad_k), data<float>(grad_v),
                                  data<T>(grad_qkv), range);
  });
  return grad_qkv;
}

class CausalAttention : public torch::autograd::Function<CausalAttention> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& qkv, const Tensor& cos,
                        const Tensor& sin, const std::vector<std::int64_t>& sizes) {
    const AttentionShape s = to_shape(sizes);
    ctx->saved_data["sizes"] = sizes;
    return with_storage(qkv.scalar_type(), [&](auto tag) {
      using T = decltype(tag);
      const SplitQkv in = split_qkv<T>(qkv, cos, sin, s);
      variable_list saved{in.q, in.k, in.v, cos, sin};
      Tensor out = attention_forward<T>(in, s, saved);
      ctx->save_for_backward(saved);
      return out;
    });
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const AttentionShape s = to_shape(ctx->saved_data["sizes"].toIntVector());
    const auto saved = ctx->get_saved_variables();
    const Tensor grad = grads[0].contiguous();
    Tensor grad_qkv = with_storage(grad.scalar_type(), [&](auto tag) {
      return attention_backward<decltype(tag)>(saved, grad, s);
    });
    return {grad_qkv, {}, {}, {}};
  }

 private:
  static AttentionShape to_shape(const std::vector<std::int64_t>& v) {
    return {v[0], v[1], v[2], v[3], v[4], v[5]};
  }
};

}  // namespace

Tensor causal_attention(const Tensor& qkv, const RotaryTable& rotary, const AttentionShape& s) {
  if (!has_kernels(qkv)) return plain::causal_attention(qkv, rotary, s);
  const std::vector<std::int64_t> sizes{s.batch, s.seq, s.heads, s.kv_heads, s.head_dim, s.block};
  return CausalAttention::apply(qkv, rotary.cos, rotary.sin, sizes);
}

}  // namespace kith::train
