#include "kith/model/tensor_names.h"

#include <utility>

namespace kith::model {

int MapNames::out() const {
  int total = 0;
  for (const MatrixNames& part : parts) total += part.out;
  return total;
}

MatrixNames embedding_names(const DecoderConfig& config) {
  return {"model.embed_tokens", config.vocab_size};
}

MapNames head_names(const DecoderConfig& config) {
  const MatrixNames part = config.tie_word_embeddings ? embedding_names(config)
                                                      : MatrixNames{"lm_head", config.vocab_size};
  return {"lm_head", {part}, config.hidden_size, false};
}

VectorNames final_norm_names(const DecoderConfig& config) {
  return {"model.norm", config.hidden_size};
}

LayerNames layer_names(const DecoderConfig& config, int layer) {
  const std::string prefix = "model.layers." + std::to_string(layer) + ".";
  const std::string attention = prefix + "self_attn.";
  const std::string mlp = prefix + "mlp.";
  const int hidden = config.hidden_size;
  const int head_norm = config.qk_norm ? config.head_dim : 0;
  const int intermediate = config.intermediate_size;
  return {
      .input_norm = {prefix + "input_layernorm", hidden},
      .qkv = {attention + "qkv_proj",
              {{attention + "q_proj", config.q_size()},
               {attention + "k_proj", config.kv_size()},
               {attention + "v_proj", config.kv_size()}},
              hidden,
              config.qkv_bias},
      .q_norm = {attention + "q_norm", head_norm},
      .k_norm = {attention + "k_norm", head_norm},
      .o = {attention + "o_proj", {{attention + "o_proj", hidden}}, config.q_size(), config.o_bias},
      .post_norm = {prefix + "post_attention_layernorm", hidden},
      .gate_up = {mlp + "gate_up_proj",
                  {{mlp + "gate_proj", intermediate}, {mlp + "up_proj", intermediate}},
                  hidden,
                  config.mlp_bias},
      .down = {mlp + "down_proj", {{mlp + "down_proj", hidden}}, intermediate, config.mlp_bias}};
}

std::vector<MapNames> all_maps(const DecoderConfig& config) {
  std::vector<MapNames> maps;
  for (int i = 0; i < config.num_layers; ++i) {
    LayerNames layer = layer_names(config, i);
    for (MapNames* map : {&layer.qkv, &layer.o, &layer.gate_up, &layer.down}) {
      maps.push_back(std::move(*map));
    }
  }
  maps.push_back(head_names(config));
  return maps;
}

std::vector<VectorNames> all_norms(const DecoderConfig& config) {
  std::vector<VectorNames> norms;
  for (int i = 0; i < config.num_layers; ++i) {
    LayerNames layer = layer_names(config, i);
    for (VectorNames* norm : {&layer.input_norm, &layer.q_norm, &layer.k_norm, &layer.post_norm}) {
      if (norm->size > 0) norms.push_back(std::move(*norm));
    }
  }
  norms.push_back(final_norm_names(config));
  return norms;
}

std::vector<TensorShape> plain_tensors(const DecoderConfig& config) {
  std::vector<TensorShape> tensors;
  const MatrixNames embedding = embedding_names(config);
  tensors.push_back({embedding.name + ".weight", {embedding.out, config.hidden_size}});
  for (const MapNames& map : all_maps(config)) {
    for (const MatrixNames& part : map.parts) {
      if (part.name == embedding.name) continue;
      tensors.push_back({part.name + ".weight", {part.out, map.in}});
      if (map.has_bias) tensors.push_back({part.name + ".bias", {part.out}});
    }
  }
  for (const VectorNames& norm : all_norms(config)) {
    tensors.push_back({norm.name + ".weight", {norm.size}});
  }
  return tensors;
}

}  // namespace kith::model
