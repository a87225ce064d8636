#include "kith/train/ops.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <vector>

namespace kith::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Rows per task: small enough to share among threads, large enough not to notice the hand-over.
constexpr std::int64_t kGrain = 64;

template <typename T>
T* data(const Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

// Calls f with a value of the storage type of `dtype`.
template <typename F>
auto with_storage(torch::Dtype dtype, F&& f) {
  if (dtype == torch::kBFloat16) return f(Bf16{});
  TORCH_CHECK(dtype == torch::kFloat, "compute dtype must be float or bfloat16");
  return f(float{});
}

template <typename F>
void over_rows(std::int64_t rows, F&& f) {
  at::parallel_for(0, rows, kGrain, [&](std::int64_t begin, std::int64_t end) {
    f(RowRange{begin, end});
  });
}

bool has_kernels(const Tensor& tensor) {
  return tensor.device().is_cpu() &&
         (tensor.scalar_type() == torch::kFloat || tensor.scalar_type() == torch::kBFloat16);
}

// delta may be undefined: then x itself is normalised and sum is not written.
struct NormOutputs {
  Tensor sum;
  Tensor y;
  Tensor rstd;
};

NormOutputs norm_forward(const Tensor& residual, const Tensor& delta, const Tensor& weight,
                         double eps, torch::Dtype dtype) {
  NormOutputs out;
  out.sum = delta.defined() ? torch::empty_like(residual) : residual;
  out.y = torch::empty(residual.sizes(), residual.options().dtype(dtype));
  out.rstd = torch::empty({residual.size(0)}, residual.options());
  with_storage(dtype, [&](auto tag) {
    using T = decltype(tag);
    const typename CpuKernels<T>::RmsNormForward args{
        data<float>(residual), delta.defined() ? data<T>(delta) : nullptr,
        data<float>(out.sum),  data<float>(weight),
        data<T>(out.y),        data<float>(out.rstd),
        residual.size(1),      static_cast<float>(eps)};
    over_rows(residual.size(0),
              [&](RowRange range) { cpu_kernels<T>().rms_norm_forward(args, range); });
  });
  return out;
}

struct NormGradients {
  Tensor residual;
  Tensor delta;
  Tensor weight;
};

NormGradients norm_backward(const variable_list& saved, const Tensor& grad_sum,
                            const Tensor& grad_y, bool wants_delta) {
  const Tensor& sum = saved[0];
  const Tensor& weight = saved[1];
  const Tensor& rstd = saved[2];
  const Tensor grad_y_rows = grad_y.contiguous();
  const Tensor grad_sum_rows = grad_sum.defined() ? grad_sum.contiguous() : grad_sum;
  NormGradients out;
  out.residual = torch::empty_like(sum);
  if (wants_delta) out.delta = torch::empty_like(grad_y_rows);
  const Tensor partial = torch::zeros({at::get_num_threads(), sum.size(1)}, sum.options());
  with_storage(grad_y.scalar_type(), [&](auto tag) {
    using T = decltype(tag);
    over_rows(sum.size(0), [&](RowRange range) {
      const typename CpuKernels<T>::RmsNormBackward args{
          data<float>(sum),
          data<float>(weight),
          data<float>(rstd),
          data<T>(grad_y_rows),
          grad_sum_rows.defined() ? data<float>(grad_sum_rows) : nullptr,
          data<float>(out.residual),
          wants_delta ? data<T>(out.delta) : nullptr,
          data<float>(partial) + at::get_thread_num() * sum.size(1),
          sum.size(1)};
      cpu_kernels<T>().rms_norm_backward(args, range);
    });
  });
  out.weight = partial.sum(0);
  return out;
}

class RmsNorm : public torch::autograd::Function<RmsNorm> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& weight, double eps,
                        std::int64_t dtype) {
    auto out = norm_forward(x, {}, weight, eps, static_cast<torch::Dtype>(dtype));
    ctx->save_for_backward({x, weight, out.rstd});
    return out.y;
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    auto out = norm_backward(ctx->get_saved_variables(), {}, grads[0], false);
    return {out.residual, out.weight, {}, {}};
  }
};

class AddRmsNorm : public torch::autograd::Function<AddRmsNorm> {
 public:
  static variable_list forward(AutogradContext* ctx, const Tensor& residual, const Tensor& delta,
                               const Tensor& weight, double eps) {
    auto out = norm_forward(residual, delta, weight, eps, delta.scalar_type());
    ctx->save_for_backward({out.sum, weight, out.rstd});
    ctx->set_materialize_grads(false);
    return {out.sum, out.y};
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    auto out = norm_backward(ctx->get_saved_variables(), grads[0], grads[1], true);
    return {out.residual, out.delta, out.weight, {}};
  }
};

class SwiGlu : public torch::autograd::Function<SwiGlu> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& gate_up) {
    const std::int64_t dim = gate_up.size(1) / 2;
    Tensor y = torch::empty({gate_up.size(0), dim}, gate_up.options());
    with_storage(gate_up.scalar_type(), [&](auto tag) {
      using T = decltype(tag);
      over_rows(gate_up.size(0), [&](RowRange range) {
        cpu_kernels<T>().swiglu_forward(data<T>(gate_up), data<T>(y), dim, range);
      });
    });
    ctx->save_for_backward({gate_up});
    return y;
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const Tensor gate_up = ctx->get_saved_variables()[0];
    const Tensor grad_y = grads[0].contiguous();
    Tensor grad = torch::empty_like(gate_up);
    with_storage(gate_up.scalar_type(), [&](auto tag) {
      using T = decltype(tag);
      over_rows(gate_up.size(0), [&](RowRange range) {
        cpu_kernels<T>().swiglu_backward(data<T>(gate_up), data<T>(grad_y), data<T>(grad),
                                         grad_y.size(1), range);
      });
    });
    return {grad};
  }
};

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

// Turns logits into scale * (softmax - onehot) in place and returns the summed loss.
double cross_entropy_in_place(Tensor& logits, const Tensor& targets, double scale) {
  if (!has_kernels(logits)) {
    Tensor log_p = at::log_softmax(logits, 1, torch::kFloat);
    const Tensor index = targets.unsqueeze(1);
    const double loss = -log_p.gather(1, index).sum().item<double>();
    Tensor p = log_p.exp_();
    p.scatter_add_(1, index, torch::full_like(index, -1.0, p.options()));
    logits.copy_(p.mul_(scale));
    return loss;
  }
  const std::int64_t rows = logits.size(0);
  // One slot per row block, summed in order: the total does not depend on the number of threads.
  constexpr std::int64_t kRows = 16;
  std::vector<double> sums(static_cast<std::size_t>((rows + kRows - 1) / kRows));
  with_storage(logits.scalar_type(), [&](auto tag) {
    using T = decltype(tag);
    at::parallel_for(0, static_cast<std::int64_t>(sums.size()), 1, [&](auto begin, auto end) {
      for (auto i = begin; i < end; ++i) {
        const RowRange range{i * kRows, std::min(rows, (i + 1) * kRows)};
        sums[static_cast<std::size_t>(i)] =
            cpu_kernels<T>().cross_entropy(data<T>(logits), data<std::int64_t>(targets),
                                           logits.size(1), static_cast<float>(scale), range);
      }
    });
  });
  double total = 0.0;
  for (const double sum : sums) total += sum;
  return total;
}

// Liger-style: the gradients are formed while the chunk's logits are at hand, so that they are
// neither kept nor computed again.
class LinearCrossEntropy : public torch::autograd::Function<LinearCrossEntropy> {
 public:
  static constexpr std::int64_t kChunkRows = 1024;

  static Tensor forward(AutogradContext* ctx, const Tensor& hidden, const Tensor& weight,
                        const Tensor& targets, double scale) {
    Tensor grad_hidden = torch::empty_like(hidden);
    const bool wants_weight = weight.requires_grad();
    Tensor grad_weight;
    if (wants_weight) {
      grad_weight = torch::zeros(weight.sizes(), weight.options().dtype(torch::kFloat));
    }
    double loss = 0.0;
    for (std::int64_t begin = 0; begin < hidden.size(0); begin += kChunkRows) {
      const std::int64_t rows = std::min(kChunkRows, hidden.size(0) - begin);
      const Tensor h = hidden.narrow(0, begin, rows);
      Tensor logits = at::mm(h, weight.t());
      loss += cross_entropy_in_place(logits, targets.narrow(0, begin, rows), scale);
      Tensor out = grad_hidden.narrow(0, begin, rows);
      at::mm_out(out, logits, weight);
      if (wants_weight) grad_weight.add_(at::mm(logits.t(), h));
    }
    if (wants_weight) grad_weight = grad_weight.to(weight.scalar_type());
    ctx->saved_data["wants_weight"] = wants_weight;
    ctx->save_for_backward({grad_hidden, wants_weight ? grad_weight : torch::Tensor()});
    return torch::full({}, loss * scale, hidden.options().dtype(torch::kFloat));
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const bool wants_weight = ctx->saved_data["wants_weight"].toBool();
    const double factor = grads[0].item<double>();
    const auto scaled = [&](const Tensor& g) { return factor == 1.0 ? g : g * factor; };
    return {scaled(saved[0]), wants_weight ? scaled(saved[1]) : Tensor(), {}, {}};
  }
};

}  // namespace

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps, torch::Dtype dtype) {
  if (!has_kernels(x)) return plain::rms_norm(x, weight, eps, dtype);
  return RmsNorm::apply(x, weight, eps, static_cast<std::int64_t>(dtype));
}

std::pair<Tensor, Tensor> add_rms_norm(const Tensor& residual, const Tensor& delta,
                                       const Tensor& weight, double eps) {
  if (!has_kernels(residual)) {
    Tensor sum = residual + delta;
    return {sum, plain::rms_norm(sum, weight, eps, delta.scalar_type())};
  }
  auto out = AddRmsNorm::apply(residual, delta.contiguous(), weight, eps);
  return {out[0], out[1]};
}

Tensor swiglu(const Tensor& gate_up) {
  return has_kernels(gate_up) ? SwiGlu::apply(gate_up) : plain::swiglu(gate_up);
}

Tensor causal_attention(const Tensor& qkv, const RotaryTable& rotary, const AttentionShape& s) {
  if (!has_kernels(qkv)) return plain::causal_attention(qkv, rotary, s);
  const std::vector<std::int64_t> sizes{s.batch, s.seq, s.heads, s.kv_heads, s.head_dim, s.block};
  return CausalAttention::apply(qkv, rotary.cos, rotary.sin, sizes);
}

Tensor linear_cross_entropy(const Tensor& hidden, const Tensor& weight, const Tensor& targets,
                            double scale) {
  const Tensor counted = targets.ge(0);
  if (counted.all().item<bool>()) {
    return LinearCrossEntropy::apply(hidden, weight, targets, scale);
  }
  const Tensor rows = counted.nonzero().squeeze(1);
  return LinearCrossEntropy::apply(hidden.index_select(0, rows), weight,
                                   targets.index_select(0, rows), scale);
}

}  // namespace kith::train
