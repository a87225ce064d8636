#include "kith/model/weight_reader.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kith/tensor/dtype.h"

namespace kith::model {
namespace {

std::size_t to_size(std::int64_t value) { return static_cast<std::size_t>(value); }

std::string to_string(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (const std::int64_t size : shape) {
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  }
  return text + "]";
}

}  // namespace

Result<tensor::TensorView> find_weight(const tensor::CheckpointReader& reader,
                                       const std::string& name,
                                       std::span<const std::int64_t> shape) {
  const auto view = reader.find(name);
  if (!view) {
    return Error{ErrorCode::kInvalidArgument, "the checkpoint lacks tensor " + name};
  }
  if (!tensor::is_weight_dtype(view->dtype)) {
    return Error{ErrorCode::kInvalidArgument, "tensor " + name + " must be F32, F16 or BF16: " +
                                                  std::string(tensor::dtype_name(view->dtype))};
  }
  if (!std::equal(shape.begin(), shape.end(), view->shape.begin(), view->shape.end())) {
    return Error{ErrorCode::kInvalidArgument, "tensor " + name + " must have shape " +
                                                  to_string(shape) + ": " + to_string(view->shape)};
  }
  return *view;
}

Result<std::vector<float>> read_vector(const tensor::CheckpointReader& reader,
                                       const std::string& name, int size) {
  const std::array<std::int64_t, 1> shape{size};
  KITH_ASSIGN_OR_RETURN(const tensor::TensorView view, find_weight(reader, name, shape));
  std::vector<float> values(to_size(size));
  tensor::convert_to_f32(view.bytes, view.dtype, values);
  return values;
}

Result<tensor::Linear> read_linear(const tensor::CheckpointReader& reader,
                                   std::span<const PartName> names, int in, bool has_bias,
                                   const tensor::LinearOptions& options) {
  std::vector<tensor::LinearPart> parts;
  for (const PartName& part : names) {
    const std::array<std::int64_t, 2> shape{part.out, in};
    KITH_ASSIGN_OR_RETURN(const tensor::TensorView weights,
                          find_weight(reader, part.name + ".weight", shape));
    tensor::LinearPart read{weights.bytes, weights.dtype, part.out, {}, tensor::DType::kF32};
    if (has_bias) {
      KITH_ASSIGN_OR_RETURN(const tensor::TensorView bias,
                            find_weight(reader, part.name + ".bias", std::span(shape).first(1)));
      read.bias = bias.bytes;
      read.bias_dtype = bias.dtype;
    }
    parts.push_back(read);
  }
  auto linear = tensor::Linear::create(in, parts, options);
  if (!linear) return std::move(linear).error().with_context("packing " + names.front().name);
  return linear;
}

}  // namespace kith::model
