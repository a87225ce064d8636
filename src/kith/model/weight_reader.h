// Reads the parts of a model out of a checkpoint, plain or quantised: every tensor of the shape
// that the model asks for. A decoder's names are those of tensor_names.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/model/config.h"
#include "kith/model/tensor_names.h"
#include "kith/model/weights.h"
#include "kith/tensor/checkpoint.h"
#include "kith/tensor/linear.h"

namespace kith::model {

// Errors of all members: kInvalidArgument naming the tensor that is missing or has a wrong shape or
// type. Borrows its arguments.
class WeightReader {
 public:
  // `is_quantized`: maps lie in the file as int8 (docs/formats/quantized.md).
  WeightReader(const tensor::CheckpointReader& file, bool is_quantized,
               const tensor::LinearOptions& options)
      : file_(file), is_quantized_(is_quantized), options_(options) {}

  bool has(const std::string& name) const { return file_.find(name).has_value(); }
  // A tensor of f32, f16 or bf16 of exactly this shape.
  Result<tensor::TensorView> find_weight(const std::string& name,
                                         std::span<const std::int64_t> shape) const;
  // The matrices and biases of a map of a plain checkpoint; they live as long as the file.
  Result<std::vector<tensor::LinearPart>> find_parts(const MapNames& names) const;

  // The tensor `name`, [size].
  Result<std::vector<float>> read_vector(const std::string& name, int size) const;
  // Rows of `width` elements; those of a quantised checkpoint are borrowed from the file.
  Result<Embedding> read_rows(const MatrixNames& names, int width) const;
  // Empty if its size is 0.
  Result<std::vector<float>> read(const VectorNames& names) const;
  Result<tensor::Linear> read(const MapNames& names, bool readable_rows = false) const;

  // Of a decoder.
  Result<LayerWeights> read(const LayerNames& names) const;
  // No value where the rows are to be read out of the head: it is tied and held as int8.
  Result<std::optional<Embedding>> read_embedding(const DecoderConfig& config) const;

 private:
  Result<tensor::TensorView> find(const std::string& name) const;
  Result<tensor::Linear> read_quantized(const MapNames& names,
                                        const tensor::LinearOptions& options) const;

  const tensor::CheckpointReader& file_;
  bool is_quantized_;
  tensor::LinearOptions options_;
};

}  // namespace kith::model
