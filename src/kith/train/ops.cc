#include "kith/train/ops.h"

#include <vector>

#include "kith/train/kernel_dispatch.h"

namespace kith::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

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

// Turns logits into scale * weight * (softmax - onehot) in place and returns the summed loss.
//   weights: [rows] float, or undefined
double cross_entropy_in_place(Tensor& logits, const Tensor& targets, double scale,
                              const Tensor& weights) {
  if (!has_kernels(logits)) {
    Tensor log_p = at::log_softmax(logits, 1, torch::kFloat);
    const Tensor index = targets.unsqueeze(1);
    Tensor losses = -log_p.gather(1, index);
    if (weights.defined()) losses = losses * weights.unsqueeze(1);
    const double loss = losses.sum().item<double>();
    Tensor p = log_p.exp_();
    p.scatter_add_(1, index, torch::full_like(index, -1.0, p.options()));
    if (weights.defined()) p.mul_(weights.unsqueeze(1));
    logits.copy_(p.mul_(scale));
    return loss;
  }
  const std::int64_t rows = logits.size(0);
  // One slot per row block, summed in order: the total does not depend on the number of threads.
  constexpr std::int64_t kRows = 16;
  std::vector<double> sums(static_cast<std::size_t>((rows + kRows - 1) / kRows));
  const float* weight = weights.defined() ? data<float>(weights) : nullptr;
  with_storage(logits.scalar_type(), [&](auto tag) {
    using T = decltype(tag);
    const auto compute = [&](const RowRange& range, double factor) {
      return cpu_kernels<T>().cross_entropy(data<T>(logits), data<std::int64_t>(targets),
                                            logits.size(1), static_cast<float>(factor), range);
    };
    at::parallel_for(0, static_cast<std::int64_t>(sums.size()), 1, [&](auto begin, auto end) {
      for (auto i = begin; i < end; ++i) {
        const RowRange range{i * kRows, std::min(rows, (i + 1) * kRows)};
        double& sum = sums[static_cast<std::size_t>(i)];
        if (weight == nullptr) {
          sum = compute(range, scale);
          continue;
        }
        for (std::int64_t row = range.begin; row < range.end; ++row) {
          const auto factor = static_cast<double>(weight[row]);
          sum += factor * compute({row, row + 1}, scale * factor);
        }
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
                        const Tensor& targets, double scale,
                        const c10::optional<Tensor>& row_weights) {
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
      const Tensor factors = row_weights ? row_weights->narrow(0, begin, rows) : Tensor();
      loss += cross_entropy_in_place(logits, targets.narrow(0, begin, rows), scale, factors);
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
    return {scaled(saved[0]), wants_weight ? scaled(saved[1]) : Tensor(), {}, {}, {}};
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

Tensor linear_cross_entropy(const Tensor& hidden, const Tensor& weight, const Tensor& targets,
                            double scale, const Tensor& row_weights) {
  // An autograd function takes no undefined tensors.
  c10::optional<Tensor> factors;
  if (row_weights.defined()) factors = row_weights;
  const Tensor counted = targets.ge(0);
  if (counted.all().item<bool>()) {
    return LinearCrossEntropy::apply(hidden, weight, targets, scale, factors);
  }
  const Tensor rows = counted.nonzero().squeeze(1);
  if (factors) factors = row_weights.index_select(0, rows);
  return LinearCrossEntropy::apply(hidden.index_select(0, rows), weight,
                                   targets.index_select(0, rows), scale, factors);
}

}  // namespace kith::train
