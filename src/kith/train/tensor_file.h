// Weights as safetensors files. Private to `train`.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/tensor/safetensors.h"
#include "kith/train/parameters.h"

namespace kith::train {

// Owns what a list of TensorToSave borrows.
struct TensorFile {
  std::vector<torch::Tensor> tensors;
  std::vector<tensor::TensorToSave> entries;

  // dtype: torch::kFloat or torch::kBFloat16
  void add(const std::string& name, const torch::Tensor& tensor, torch::Dtype dtype);
  // Every part of every parameter under its own name.
  void add_all(const ParameterStore& parameters, torch::Dtype dtype);
};

// Copies a stored tensor into `to`, which has the shape it must have.
// Errors: kInvalidArgument naming the tensor: another shape, or no type of weights.
Status read_into(const tensor::TensorView& view, const std::string& name, torch::Tensor to);

// Fills the weights of every parameter with the tensors that `find` knows by its parts' names.
// Errors: as above, and for a tensor that is missing.
Status read_all(const std::function<std::optional<tensor::TensorView>(std::string_view name)>& find,
                ParameterStore& parameters);

}  // namespace kith::train
