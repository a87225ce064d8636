#include "kith/model/quantized_map.h"

#include <algorithm>
#include <cstring>

namespace kith::model {
namespace {

using tensor::DType;
using tensor::Int8Layout;

Result<tensor::TensorView> find(const tensor::CheckpointReader& file, const std::string& name,
                                DType dtype) {
  const auto view = file.find(name);
  if (!view) {
    return Error{ErrorCode::kInvalidArgument, "the quantised checkpoint lacks tensor " + name};
  }
  if (view->dtype == dtype) return *view;
  return Error{ErrorCode::kInvalidArgument, "tensor " + name + " must be " +
                                                std::string(tensor::dtype_name(dtype)) + ": " +
                                                std::string(tensor::dtype_name(view->dtype))};
}

bool has_shape(const tensor::TensorView& view, std::span<const std::int64_t> shape) {
  return std::equal(shape.begin(), shape.end(), view.shape.begin(), view.shape.end());
}

Error wrong_shape(const std::string& name) {
  return Error{ErrorCode::kInvalidArgument, "tensor " + name + " has a wrong shape"};
}

template <typename T>
Result<std::vector<T>> read_channels(const tensor::CheckpointReader& file, const std::string& name,
                                     DType dtype, int out) {
  KITH_ASSIGN_OR_RETURN(const tensor::TensorView view, find(file, name, dtype));
  if (!has_shape(view, std::vector<std::int64_t>{out})) return wrong_shape(name);
  std::vector<T> values(static_cast<std::size_t>(out));
  std::memcpy(values.data(), view.bytes.data(), view.bytes.size());
  return values;
}

}  // namespace

std::vector<std::int64_t> quantized_shape(Int8Layout layout, int in, int out) {
  if (layout == Int8Layout::kRows) return {out, in};
  constexpr int kBlock = tensor::kInt8Block;
  return {(out + kBlock - 1) / kBlock, (in + kBlock - 1) / kBlock, kBlock / 4, kBlock, 4};
}

Result<QuantizedMap> find_quantized_map(const tensor::CheckpointReader& file,
                                        const MapNames& names) {
  const int out = names.out();
  const std::string weight = names.name + ".weight";
  KITH_ASSIGN_OR_RETURN(const tensor::TensorView view, find(file, weight, DType::kInt8));
  QuantizedMap map;
  const bool is_blocked = view.shape.size() != 2;
  map.layout = is_blocked ? Int8Layout::kBlocked : Int8Layout::kRows;
  if (!has_shape(view, quantized_shape(map.layout, names.in, out))) return wrong_shape(weight);
  map.weights = {reinterpret_cast<const std::int8_t*>(view.bytes.data()), view.bytes.size()};
  KITH_ASSIGN_OR_RETURN(map.scales,
                        read_channels<float>(file, names.name + ".scales", DType::kF32, out));
  KITH_ASSIGN_OR_RETURN(
      map.compensation,
      read_channels<std::int32_t>(file, names.name + ".compensation", DType::kInt32, out));
  if (names.has_bias) {
    KITH_ASSIGN_OR_RETURN(map.bias,
                          read_channels<float>(file, names.name + ".bias", DType::kF32, out));
  }
  return map;
}

}  // namespace kith::model
