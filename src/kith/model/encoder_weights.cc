#include "kith/model/encoder_weights.h"

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "kith/model/weight_reader.h"
#include "kith/tensor/checkpoint.h"

namespace kith::model {
namespace {

std::size_t to_size(std::int64_t value) { return static_cast<std::size_t>(value); }

// "LayerNorm.weight" and ".bias"; files converted from TensorFlow say gamma and beta.
Result<NormWeights> read_norm(const WeightReader& reader, const std::string& name, int size) {
  const bool is_old = reader.has(name + ".gamma");
  NormWeights norm;
  KITH_ASSIGN_OR_RETURN(norm.weight,
                        reader.read_vector(name + (is_old ? ".gamma" : ".weight"), size));
  KITH_ASSIGN_OR_RETURN(norm.bias, reader.read_vector(name + (is_old ? ".beta" : ".bias"), size));
  return norm;
}

Result<tensor::Linear> read_dense(const WeightReader& reader, const std::string& name, int in,
                                  int out) {
  return reader.read(MapNames{name, {{name + ".dense", out}}, in, true});
}

Result<std::vector<float>> read_positions(const WeightReader& reader, const std::string& prefix,
                                          const EncoderConfig& config) {
  const std::size_t width = to_size(config.hidden_size);
  const std::array<std::int64_t, 2> shape{config.max_positions, config.hidden_size};
  KITH_ASSIGN_OR_RETURN(const tensor::TensorView table,
                        reader.find_weight(prefix + "position_embeddings.weight", shape));
  std::vector<float> rows(to_size(config.max_positions) * width);
  tensor::convert_to_f32(table.bytes, table.dtype, rows);

  const std::array<std::int64_t, 2> type_shape{config.num_token_types, config.hidden_size};
  KITH_ASSIGN_OR_RETURN(const tensor::TensorView types,
                        reader.find_weight(prefix + "token_type_embeddings.weight", type_shape));
  std::vector<float> type(width);
  tensor::convert_to_f32(types.bytes.first(width * tensor::dtype_size(types.dtype)), types.dtype,
                         type);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] += type[i % width];
  return rows;
}

Result<EncoderLayerWeights> read_layer(const WeightReader& reader, const std::string& prefix,
                                       const EncoderConfig& config) {
  const int hidden = config.hidden_size;
  const int inner = config.intermediate_size;
  const std::string self = prefix + "attention.self";
  const MapNames qkv_names{
      self,
      {{self + ".query", hidden}, {self + ".key", hidden}, {self + ".value", hidden}},
      hidden,
      true};
  const std::string attention_out = prefix + "attention.output";
  KITH_ASSIGN_OR_RETURN(auto qkv, reader.read(qkv_names));
  KITH_ASSIGN_OR_RETURN(auto attended, read_dense(reader, attention_out, hidden, hidden));
  KITH_ASSIGN_OR_RETURN(auto attention_norm,
                        read_norm(reader, attention_out + ".LayerNorm", hidden));
  KITH_ASSIGN_OR_RETURN(auto intermediate,
                        read_dense(reader, prefix + "intermediate", hidden, inner));
  KITH_ASSIGN_OR_RETURN(auto out, read_dense(reader, prefix + "output", inner, hidden));
  KITH_ASSIGN_OR_RETURN(auto out_norm, read_norm(reader, prefix + "output.LayerNorm", hidden));
  return EncoderLayerWeights{.qkv = std::move(qkv),
                             .attention_out = std::move(attended),
                             .attention_norm = std::move(attention_norm),
                             .intermediate = std::move(intermediate),
                             .out = std::move(out),
                             .out_norm = std::move(out_norm)};
}

}  // namespace

std::size_t EncoderLayerWeights::bytes() const {
  return qkv.bytes() + attention_out.bytes() + intermediate.bytes() + out.bytes() +
         2 * (attention_norm.weight.size() + out_norm.weight.size()) * sizeof(float);
}

std::size_t EncoderWeights::bytes() const {
  std::size_t total = words.rows().size() + positions.size() * sizeof(float);
  for (const EncoderLayerWeights& layer : layers) total += layer.bytes();
  return total;
}

Result<EncoderWeights> load_encoder_weights(const std::filesystem::path& dir,
                                            const EncoderConfig& config,
                                            const tensor::LinearOptions& options) {
  KITH_ASSIGN_OR_RETURN(const auto file, tensor::CheckpointReader::open(dir));
  const WeightReader reader(file, false, options);
  const std::string words_name = "embeddings.word_embeddings";
  const std::string root = reader.has("bert." + words_name + ".weight") ? "bert." : "";
  KITH_ASSIGN_OR_RETURN(
      auto words, reader.read_rows({root + words_name, config.vocab_size}, config.hidden_size));
  KITH_ASSIGN_OR_RETURN(auto positions, read_positions(reader, root + "embeddings.", config));
  KITH_ASSIGN_OR_RETURN(auto norm,
                        read_norm(reader, root + "embeddings.LayerNorm", config.hidden_size));
  std::vector<EncoderLayerWeights> layers;
  for (int i = 0; i < config.num_layers; ++i) {
    const std::string prefix = root + "encoder.layer." + std::to_string(i) + ".";
    KITH_ASSIGN_OR_RETURN(auto layer, read_layer(reader, prefix, config));
    layers.push_back(std::move(layer));
  }
  return EncoderWeights{.words = std::move(words),
                        .positions = std::move(positions),
                        .embedding_norm = std::move(norm),
                        .layers = std::move(layers)};
}

}  // namespace kith::model
