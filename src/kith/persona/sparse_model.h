// A table of n-grams with the networks that read it, as one safetensors file: the weights of prompt
// classifiers and of word encoders (docs/formats/classifier.md).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "kith/base/result.h"
#include "kith/persona/feature_table.h"
#include "kith/persona/sparse_network.h"

namespace kith::persona {

// Networks whose outputs are averaged.
struct SparseModel {
  FeatureTable features;
  std::vector<SparseNetwork> members;

  // Writes the mean of the members' outputs. Members > 0.
  //   outputs: [members.front().outputs()]
  void run(std::span<const WeighedRow> rows, std::span<float> outputs) const;
};

// What a card says of its weights.
struct SparseModelShape {
  std::size_t members = 1;
  // Inputs of every member beside the n-grams, after them.
  std::size_t extra_inputs = 0;
  std::size_t outputs = 0;
  std::size_t hidden = 0;
};

// The bytes of a safetensors file.
std::string to_bytes(const SparseModel& model);

// Errors: kInvalidArgument, naming the tensor, unless the bytes are such a file of this shape.
Result<SparseModel> parse_sparse_model(std::span<const std::byte> file,
                                       const SparseModelShape& shape);

}  // namespace kith::persona
