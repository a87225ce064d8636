// Reads the tensors of a checkpoint as weights: each of the shape that its model asks for.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/tensor/checkpoint.h"
#include "kith/tensor/linear.h"

namespace kith::model {

// A weight tensor of exactly this shape. The view lives as long as the reader.
// Errors: kInvalidArgument naming a tensor that is missing or has another shape or type.
Result<tensor::TensorView> find_weight(const tensor::CheckpointReader& reader,
                                       const std::string& name,
                                       std::span<const std::int64_t> shape);

// A tensor [size] as f32. Errors: as find_weight().
Result<std::vector<float>> read_vector(const tensor::CheckpointReader& reader,
                                       const std::string& name, int size);

// One of the matrices that are stacked into a linear map.
struct PartName {
  std::string name;  // without ".weight"
  int out;
};

// The matrices [out, in] and, with `has_bias`, the vectors [out] beside them.
// Errors: as find_weight(); those of tensor::Linear::create().
Result<tensor::Linear> read_linear(const tensor::CheckpointReader& reader,
                                   std::span<const PartName> names, int in, bool has_bias,
                                   const tensor::LinearOptions& options);

}  // namespace kith::model
