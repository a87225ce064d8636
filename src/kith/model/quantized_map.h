// One linear map of a quantised checkpoint, as docs/formats/quantized.md describes it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/model/tensor_names.h"
#include "kith/tensor/checkpoint.h"
#include "kith/tensor/int8_layout.h"

namespace kith::model {

// What config.json calls the format, in quantization_config.
inline constexpr const char* kQuantMethod = "kith-int8";
inline constexpr int kQuantVersion = 1;

struct QuantizedMap {
  tensor::Int8Layout layout = tensor::Int8Layout::kRows;
  // In the file.
  std::span<const std::int8_t> weights;
  std::vector<float> scales;               // [out]
  std::vector<std::int32_t> compensation;  // [out]
  std::vector<float> bias;                 // [out], or empty
};

// The shape of the tensor `weight` in either layout.
std::vector<std::int64_t> quantized_shape(tensor::Int8Layout layout, int in, int out);

// The map that `names` names; its weights live as long as `file`.
// Errors: kInvalidArgument naming the tensor that is missing or has a wrong shape or type.
Result<QuantizedMap> find_quantized_map(const tensor::CheckpointReader& file,
                                        const MapNames& names);

}  // namespace kith::model
