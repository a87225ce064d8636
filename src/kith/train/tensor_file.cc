#include "kith/train/tensor_file.h"

#include <cstddef>
#include <span>
#include <utility>

namespace kith::train {
namespace {

using torch::Tensor;

Error invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

std::span<const std::byte> bytes_of(const Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.data_ptr()),
          static_cast<std::size_t>(tensor.nbytes())};
}

tensor::DType file_dtype(torch::Dtype dtype) {
  return dtype == torch::kBFloat16 ? tensor::DType::kBf16 : tensor::DType::kF32;
}

}  // namespace

void TensorFile::add(const std::string& name, const Tensor& tensor, torch::Dtype dtype) {
  tensors.push_back(tensor.detach().to(torch::kCPU, dtype).contiguous());
  entries.push_back({name, file_dtype(dtype), tensor.sizes().vec(), bytes_of(tensors.back())});
}

void TensorFile::add_all(const ParameterStore& parameters, torch::Dtype dtype) {
  for (std::size_t i = 0; i < parameters.specs().size(); ++i) {
    const Tensor whole = parameters.master_of(i);
    std::int64_t row = 0;
    for (const ParameterPart& part : parameters.specs()[i].parts) {
      add(part.name, whole.narrow(0, row, part.rows), dtype);
      row += part.rows;
    }
  }
}

Status read_into(const tensor::TensorView& view, const std::string& name, Tensor to) {
  if (std::vector<std::int64_t>(view.shape.begin(), view.shape.end()) != to.sizes().vec()) {
    return invalid("shape of " + name + " does not match the model");
  }
  if (!tensor::is_weight_dtype(view.dtype)) {
    return invalid("dtype of " + name + " must be f32, bf16 or f16");
  }
  Tensor values = torch::empty(to.sizes(), torch::kFloat);
  const std::span out(static_cast<float*>(values.data_ptr()),
                      static_cast<std::size_t>(values.numel()));
  tensor::convert_to_f32(view.bytes, view.dtype, out);
  to.copy_(values);
  return {};
}

Status read_all(const std::function<std::optional<tensor::TensorView>(std::string_view name)>& find,
                ParameterStore& parameters) {
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters.specs().size(); ++i) {
    const Tensor whole = parameters.master_of(i);
    std::int64_t row = 0;
    for (const ParameterPart& part : parameters.specs()[i].parts) {
      const auto view = find(part.name);
      if (!view) return invalid("tensor is missing: " + part.name);
      KITH_RETURN_IF_ERROR(read_into(*view, part.name, whole.narrow(0, row, part.rows)));
      row += part.rows;
    }
  }
  parameters.refresh();
  return {};
}

}  // namespace kith::train
