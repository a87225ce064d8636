#include "kith/model/weights.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "kith/model/weight_reader.h"
#include "kith/tensor/checkpoint.h"

namespace kith::model {
namespace {

using tensor::DType;

std::size_t to_size(std::int64_t value) { return static_cast<std::size_t>(value); }

Result<LayerWeights> read_layer(const tensor::CheckpointReader& reader, int layer,
                                const DecoderConfig& config, const tensor::LinearOptions& options) {
  const std::string prefix = "model.layers." + std::to_string(layer) + ".";
  const std::string attention = prefix + "self_attn.";
  const std::string mlp = prefix + "mlp.";
  const int hidden = config.hidden_size;
  const std::array<PartName, 3> qkv{{{attention + "q_proj", config.q_size()},
                                     {attention + "k_proj", config.kv_size()},
                                     {attention + "v_proj", config.kv_size()}}};
  const std::array<PartName, 1> o{{{attention + "o_proj", hidden}}};
  const std::array<PartName, 2> gate_up{
      {{mlp + "gate_proj", config.intermediate_size}, {mlp + "up_proj", config.intermediate_size}}};
  const std::array<PartName, 1> down{{{mlp + "down_proj", hidden}}};

  KITH_ASSIGN_OR_RETURN(auto input_norm,
                        read_vector(reader, prefix + "input_layernorm.weight", hidden));
  KITH_ASSIGN_OR_RETURN(auto post_norm,
                        read_vector(reader, prefix + "post_attention_layernorm.weight", hidden));
  KITH_ASSIGN_OR_RETURN(auto qkv_map,
                        read_linear(reader, qkv, hidden, config.attention_bias, options));
  KITH_ASSIGN_OR_RETURN(auto o_map,
                        read_linear(reader, o, config.q_size(), config.attention_bias, options));
  KITH_ASSIGN_OR_RETURN(auto gate_up_map,
                        read_linear(reader, gate_up, hidden, config.mlp_bias, options));
  KITH_ASSIGN_OR_RETURN(
      auto down_map, read_linear(reader, down, config.intermediate_size, config.mlp_bias, options));
  return LayerWeights{std::move(input_norm), std::move(qkv_map),     std::move(o_map),
                      std::move(post_norm),  std::move(gate_up_map), std::move(down_map)};
}

}  // namespace

std::size_t LayerWeights::bytes() const {
  return qkv.bytes() + o.bytes() + gate_up.bytes() + down.bytes() +
         (input_norm.size() + post_norm.size()) * sizeof(float);
}

Embedding::Embedding(std::span<const std::byte> bytes, DType from, std::size_t width, DType weights)
    : dtype_(from),
      row_bytes_(width * tensor::dtype_size(from)),
      rows_(bytes.begin(), bytes.end()) {
  if (from == DType::kF32 && weights != DType::kF32) shorten();
}

void Embedding::shorten() {
  constexpr float kLargestF16 = 65504.0F;
  const std::size_t count = rows_.size() / sizeof(float);
  std::vector<float> values(count);
  tensor::convert_to_f32(rows_, DType::kF32, values);
  const bool fits = std::all_of(values.begin(), values.end(),
                                [](float value) { return std::fabs(value) <= kLargestF16; });
  dtype_ = fits ? DType::kF16 : DType::kBf16;
  row_bytes_ /= 2;
  rows_.resize(count * 2);
  rows_.shrink_to_fit();
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint16_t bits =
        fits ? tensor::f32_to_f16(values[i]) : tensor::f32_to_bf16(values[i]);
    std::memcpy(rows_.data() + 2 * i, &bits, sizeof bits);
  }
}

void Embedding::read(std::int32_t id, std::span<float> out) const {
  tensor::convert_to_f32(std::span(rows_).subspan(to_size(id) * row_bytes_, row_bytes_), dtype_,
                         out);
}

Result<DecoderWeights> load_decoder_weights(const std::filesystem::path& dir,
                                            const DecoderConfig& config,
                                            const tensor::LinearOptions& options) {
  KITH_ASSIGN_OR_RETURN(const auto reader, tensor::CheckpointReader::open(dir));
  const std::array<std::int64_t, 2> shape{config.vocab_size, config.hidden_size};
  const std::string embedding_name = "model.embed_tokens";
  KITH_ASSIGN_OR_RETURN(const tensor::TensorView table,
                        find_weight(reader, embedding_name + ".weight", shape));
  Embedding embedding(table.bytes, table.dtype, to_size(config.hidden_size), options.weights);

  std::vector<LayerWeights> layers;
  for (int i = 0; i < config.num_layers; ++i) {
    KITH_ASSIGN_OR_RETURN(auto layer, read_layer(reader, i, config, options));
    layers.push_back(std::move(layer));
  }
  KITH_ASSIGN_OR_RETURN(auto norm, read_vector(reader, "model.norm.weight", config.hidden_size));
  const std::array<PartName, 1> head_name{
      {{config.tie_word_embeddings ? embedding_name : "lm_head", config.vocab_size}}};
  KITH_ASSIGN_OR_RETURN(auto head,
                        read_linear(reader, head_name, config.hidden_size, false, options));
  return DecoderWeights{std::move(embedding), std::move(layers), std::move(norm), std::move(head)};
}

}  // namespace kith::model
