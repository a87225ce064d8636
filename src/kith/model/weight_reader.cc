#include "kith/model/weight_reader.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kith/model/quantized_map.h"

namespace kith::model {
namespace {

using tensor::DType;

std::size_t to_size(std::int64_t value) { return static_cast<std::size_t>(value); }

std::string to_string(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (const std::int64_t size : shape) {
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  }
  return text + "]";
}

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

}  // namespace

Result<tensor::TensorView> WeightReader::find(const std::string& name) const {
  const auto view = file_.find(name);
  if (!view) return invalid("the checkpoint lacks tensor " + name);
  return *view;
}

Result<tensor::TensorView> WeightReader::find_weight(const std::string& name,
                                                     std::span<const std::int64_t> shape) const {
  KITH_ASSIGN_OR_RETURN(const tensor::TensorView view, find(name));
  if (!tensor::is_weight_dtype(view.dtype)) {
    return invalid("tensor " + name +
                   " must be F32, F16 or BF16: " + std::string(tensor::dtype_name(view.dtype)));
  }
  if (!std::equal(shape.begin(), shape.end(), view.shape.begin(), view.shape.end())) {
    return invalid("tensor " + name + " must have shape " + to_string(shape) + ": " +
                   to_string(view.shape));
  }
  return view;
}

Result<std::vector<float>> WeightReader::read_vector(const std::string& name, int size) const {
  const std::array<std::int64_t, 1> shape{size};
  KITH_ASSIGN_OR_RETURN(const tensor::TensorView view, find_weight(name, shape));
  std::vector<float> values(to_size(size));
  tensor::convert_to_f32(view.bytes, view.dtype, values);
  return values;
}

Result<std::vector<float>> WeightReader::read(const VectorNames& names) const {
  if (names.size == 0) return std::vector<float>();
  return read_vector(names.name + ".weight", names.size);
}

Result<std::vector<tensor::LinearPart>> WeightReader::find_parts(const MapNames& names) const {
  std::vector<tensor::LinearPart> parts;
  for (const MatrixNames& part : names.parts) {
    const std::array<std::int64_t, 2> shape{part.out, names.in};
    KITH_ASSIGN_OR_RETURN(const tensor::TensorView weights,
                          find_weight(part.name + ".weight", shape));
    tensor::LinearPart found{weights.bytes, weights.dtype, part.out, {}, DType::kF32};
    if (names.has_bias) {
      KITH_ASSIGN_OR_RETURN(const tensor::TensorView bias,
                            find_weight(part.name + ".bias", std::span(shape).first(1)));
      found.bias = bias.bytes;
      found.bias_dtype = bias.dtype;
    }
    parts.push_back(found);
  }
  return parts;
}

Result<tensor::Linear> WeightReader::read(const MapNames& names, bool readable_rows) const {
  tensor::LinearOptions options = options_;
  options.readable_rows = readable_rows;
  if (is_quantized_) return read_quantized(names, options);
  KITH_ASSIGN_OR_RETURN(const auto parts, find_parts(names));
  auto linear = tensor::Linear::create(names.in, parts, options);
  if (!linear) return std::move(linear).error().with_context("packing " + names.name);
  return linear;
}

Result<tensor::Linear> WeightReader::read_quantized(const MapNames& names,
                                                    const tensor::LinearOptions& options) const {
  KITH_ASSIGN_OR_RETURN(const QuantizedMap map, find_quantized_map(file_, names));
  auto linear = tensor::Linear::from_int8(
      names.in, names.out(), {map.layout, map.weights, map.scales, map.compensation, map.bias},
      options);
  if (!linear) return std::move(linear).error().with_context("mapping " + names.name);
  return linear;
}

Result<LayerWeights> WeightReader::read(const LayerNames& names) const {
  KITH_ASSIGN_OR_RETURN(auto input_norm, read(names.input_norm));
  KITH_ASSIGN_OR_RETURN(auto qkv, read(names.qkv));
  KITH_ASSIGN_OR_RETURN(auto q_norm, read(names.q_norm));
  KITH_ASSIGN_OR_RETURN(auto k_norm, read(names.k_norm));
  KITH_ASSIGN_OR_RETURN(auto o, read(names.o));
  KITH_ASSIGN_OR_RETURN(auto post_norm, read(names.post_norm));
  KITH_ASSIGN_OR_RETURN(auto gate_up, read(names.gate_up));
  KITH_ASSIGN_OR_RETURN(auto down, read(names.down));
  return LayerWeights{.input_norm = std::move(input_norm),
                      .qkv = std::move(qkv),
                      .q_norm = std::move(q_norm),
                      .k_norm = std::move(k_norm),
                      .o = std::move(o),
                      .post_norm = std::move(post_norm),
                      .gate_up = std::move(gate_up),
                      .down = std::move(down)};
}

Result<Embedding> WeightReader::read_rows(const MatrixNames& names, int width) const {
  const std::array<std::int64_t, 2> shape{names.out, width};
  KITH_ASSIGN_OR_RETURN(const tensor::TensorView table, find_weight(names.name + ".weight", shape));
  if (is_quantized_) return Embedding::borrow(table.bytes, table.dtype, to_size(width));
  return Embedding(table.bytes, table.dtype, to_size(width), options_.weights);
}

Result<std::optional<Embedding>> WeightReader::read_embedding(const DecoderConfig& config) const {
  if (config.tie_word_embeddings && options_.weights == DType::kInt8) {
    return std::optional<Embedding>();
  }
  KITH_ASSIGN_OR_RETURN(auto rows, read_rows(embedding_names(config), config.hidden_size));
  return std::optional<Embedding>(std::move(rows));
}

}  // namespace kith::model
