// The parameters of a model as views of a few flat tensors: float master weights, float gradients
// and a copy in the compute dtype that is refreshed once per optimizer step. Flat storage makes the
// optimizer, clipping and checkpoints a handful of operations whatever the model.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kith/train/model_config.h"

namespace kith::train {

// A range of rows of a parameter, under the name that Hugging Face gives it.
struct ParameterPart {
  std::string name;
  std::int64_t rows;
};

struct ParameterSpec {
  // [rows, columns] for matrices, [size] for vectors.
  std::vector<std::int64_t> shape;
  // Matrices that read the same input are one parameter (query, key and value; gate and up).
  std::vector<ParameterPart> parts;
  // Standard deviation of the initial normal distribution; 0 means filled with ones (norms).
  double init_std = 0.0;
  // Looked up by row in float as well as multiplied (the embedding).
  bool is_embedding = false;

  bool is_matrix() const { return shape.size() == 2; }
  std::int64_t size() const;
};

// Where the parameters of a decoder stand in the list of decoder_parameters().
struct DecoderLayout {
  static constexpr std::size_t kPerLayer = 4;  // matrices
  enum Matrix : std::size_t { kQkv, kOutput, kGateUp, kDown };
  std::size_t embedding = 0;
  std::size_t head = 0;  // == embedding when tied
  std::size_t first_matrix = 0;
  std::size_t first_norm = 0;  // two per layer, then the final one
};

// Matrices first, then vectors, so that weight decay covers a prefix of the flat tensors.
std::vector<ParameterSpec> decoder_parameters(const ModelConfig& config, DecoderLayout& layout);

// Not thread-safe.
class ParameterStore {
 public:
  // dtype: the compute dtype of matrices, float or bfloat16. Vectors stay float.
  ParameterStore(std::vector<ParameterSpec> specs, torch::Device device, torch::Dtype dtype);

  const std::vector<ParameterSpec>& specs() const { return specs_; }
  // Draws initial values; the same seed gives the same values on every device.
  void initialize(std::uint64_t seed);

  // The leaf to compute with: matrices in the compute dtype, vectors in float.
  const torch::Tensor& leaf(std::size_t index) const { return leaves_[index]; }
  // The float leaf of an embedding, for looking rows up.
  const torch::Tensor& lookup_leaf(std::size_t index) const { return lookups_[index]; }

  // Without gradients the leaves are constants (the base model under an adapter).
  void set_requires_grad(bool value);
  // Copies the master weights into the compute copy. Call after each change of the master.
  void refresh();
  // Adds the leaves' gradients to the flat gradient and clears them. Call after each backward.
  void collect_gradients();

  // All flat: [num_parameters] float. The first num_decayed() entries belong to matrices.
  torch::Tensor& master() { return master_; }
  const torch::Tensor& master() const { return master_; }
  torch::Tensor& gradient() { return gradient_; }
  std::int64_t num_parameters() const { return master_.numel(); }
  std::int64_t num_decayed() const { return num_decayed_; }

  // View of the master weights of one parameter, or of rows of it.
  torch::Tensor master_of(std::size_t index) const;

 private:
  torch::Tensor view(const torch::Tensor& flat, std::size_t index) const;

  std::vector<ParameterSpec> specs_;
  std::vector<std::int64_t> offsets_;
  torch::Tensor master_;
  torch::Tensor gradient_;
  torch::Tensor compute_;  // [num_decayed] in the compute dtype; undefined when that is float
  std::vector<torch::Tensor> leaves_;
  std::vector<torch::Tensor> lookups_;
  std::int64_t num_decayed_ = 0;
};

}  // namespace kith::train
