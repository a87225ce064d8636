// The tensors of a decoder by name: which matrices a checkpoint has, which of them are stacked into
// one linear map, and where each finds its place there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kith/model/config.h"

namespace kith::model {

// One matrix of a checkpoint, [out, in], in the tensor `name`.weight.
struct MatrixNames {
  std::string name;  // e.g. model.layers.0.self_attn.q_proj
  int out = 0;
};

// A linear map: matrices that read the same input, below each other.
struct MapNames {
  // Of the stack, as quantised checkpoints call it, e.g. model.layers.0.self_attn.qkv_proj.
  std::string name;
  std::vector<MatrixNames> parts;
  int in = 0;
  bool has_bias = false;

  int out() const;
};

// A vector, [size], in the tensor `name`.weight.
struct VectorNames {
  std::string name;
  int size = 0;
};

struct LayerNames {
  VectorNames input_norm;
  MapNames qkv;
  // Size 0 for families without.
  VectorNames q_norm;
  VectorNames k_norm;
  MapNames o;
  VectorNames post_norm;
  MapNames gate_up;
  MapNames down;
};

// Each [vocab, hidden]. The head's one matrix is the embedding if they are tied.
MatrixNames embedding_names(const DecoderConfig& config);
MapNames head_names(const DecoderConfig& config);
VectorNames final_norm_names(const DecoderConfig& config);
LayerNames layer_names(const DecoderConfig& config, int layer);

// Of all layers and the head.
std::vector<MapNames> all_maps(const DecoderConfig& config);
std::vector<VectorNames> all_norms(const DecoderConfig& config);

// A tensor as a plain checkpoint names it.
struct TensorShape {
  std::string name;  // e.g. model.norm.weight
  std::vector<std::int64_t> shape;
};

// Every tensor of a plain checkpoint, each once.
std::vector<TensorShape> plain_tensors(const DecoderConfig& config);

}  // namespace kith::model
