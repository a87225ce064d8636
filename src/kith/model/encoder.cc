#include "kith/model/encoder.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kith/base/check.h"
#include "kith/model/encoder_weights.h"
#include "kith/nn/attention.h"
#include "kith/nn/kv_cache.h"
#include "kith/nn/layers.h"
#include "kith/tensor/aligned.h"
#include "kith/tensor/team.h"

namespace kith::model {
namespace {

// Rows of one forward pass; more would only cost memory.
constexpr std::size_t kMaxBatchRows = 65'536;

using Text = std::span<const text::TokenId>;
using Buffer = tensor::AlignedVector<float>;

std::size_t to_size(std::int64_t value) { return static_cast<std::size_t>(value); }

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

void grow(Buffer& buffer, int rows, int width) {
  const std::size_t size = to_size(tensor::padded_rows(rows)) * to_size(width);
  if (buffer.size() < size) buffer.resize(size);
}

int blocks_for(std::size_t tokens) {
  return static_cast<int>((tokens + nn::kBlockTokens - 1) / nn::kBlockTokens);
}

Status check_text(Text text, const EncoderConfig& config) {
  if (text.empty()) return invalid("a text must have tokens");
  if (text.size() > to_size(config.max_positions)) {
    return invalid("a text must have at most " + std::to_string(config.max_positions) +
                   " tokens: " + std::to_string(text.size()));
  }
  for (const text::TokenId id : text) {
    if (id < 0 || id >= config.vocab_size) {
      return invalid("token id must be in [0, " + std::to_string(config.vocab_size) +
                     "): " + std::to_string(id));
    }
  }
  return {};
}

}  // namespace

struct Encoder::Impl {
  EncoderConfig config;
  EncoderWeights weights;
  int threads;
  tensor::LinearScratch scratch;

  // Of the pass in progress. A cache of one layer, as attention wants keys and values.
  int num_rows = 0;
  std::vector<std::int32_t> block_ids;
  std::vector<nn::AttentionChunk> chunks;
  std::optional<nn::KvCache> cache;
  // [padded rows, width]
  Buffer states;     // hidden
  Buffer qkv;        // 3 hidden
  Buffer attended;   // hidden
  Buffer projected;  // hidden
  Buffer inner;      // intermediate

  Impl(EncoderConfig config_in, EncoderWeights weights_in, int threads_in)
      : config(std::move(config_in)), weights(std::move(weights_in)), threads(threads_in) {}

  void prepare(std::span<const Text> texts);
  void embed(std::span<const Text> texts);
  nn::LayerNorm norm_of(const NormWeights& norm) const;

  // Called by the whole team.
  void run_layers();
  void attention(const EncoderLayerWeights& layer);
  void feed_forward(const EncoderLayerWeights& layer);
};

void Encoder::Impl::prepare(std::span<const Text> texts) {
  int num_blocks = 0;
  for (const Text text : texts) num_blocks += blocks_for(text.size());
  block_ids.resize(to_size(num_blocks));
  std::iota(block_ids.begin(), block_ids.end(), 0);
  if (!cache || cache->num_blocks() < num_blocks) {
    cache.emplace(nn::KvShape{1, config.num_heads, config.head_dim(), tensor::DType::kF32},
                  num_blocks);
  }
  chunks.clear();
  num_rows = 0;
  std::size_t block = 0;
  for (const Text text : texts) {
    const std::size_t blocks = to_size(blocks_for(text.size()));
    chunks.push_back({0, static_cast<int>(text.size()), num_rows,
                      std::span<const std::int32_t>(block_ids).subspan(block, blocks)});
    num_rows += static_cast<int>(text.size());
    block += blocks;
  }
  grow(states, num_rows, config.hidden_size);
  grow(qkv, num_rows, 3 * config.hidden_size);
  grow(attended, num_rows, config.hidden_size);
  grow(projected, num_rows, config.hidden_size);
  grow(inner, num_rows, config.intermediate_size);
  for (const EncoderLayerWeights& layer : weights.layers) {
    for (const tensor::Linear* linear :
         {&layer.qkv, &layer.attention_out, &layer.intermediate, &layer.out}) {
      linear->reserve(num_rows, threads, scratch);
    }
  }
}

void Encoder::Impl::embed(std::span<const Text> texts) {
  const std::size_t width = to_size(config.hidden_size);
  float* row = states.data();
  for (const Text text : texts) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      weights.words.read(text[i], {row, width});
      const float* position = weights.positions.data() + i * width;
      std::transform(row, row + width, position, row, std::plus<>());
      row += width;
    }
  }
}

nn::LayerNorm Encoder::Impl::norm_of(const NormWeights& norm) const {
  return {norm.weight, norm.bias, config.layer_norm_eps};
}

void Encoder::Impl::attention(const EncoderLayerWeights& layer) {
  const std::size_t width = to_size(config.hidden_size);
  layer.qkv.forward_in_team(states, num_rows, qkv, scratch);
  const std::span<const float> rows(qkv);
  const auto [begin, end] = tensor::team_share(to_size(num_rows));
  nn::append_kv(chunks, begin, end, rows.subspan(width), rows.subspan(2 * width), 3 * width, 0,
                *cache);
  tensor::team_wait();
  nn::attend(chunks, {rows, 3 * width, attended, config.num_heads, 0, false}, 0, *cache);
  layer.attention_out.forward_in_team(attended, num_rows, projected, scratch);
  nn::add_layer_norm(projected, norm_of(layer.attention_norm), num_rows, states);
}

void Encoder::Impl::feed_forward(const EncoderLayerWeights& layer) {
  layer.intermediate.forward_in_team(states, num_rows, inner, scratch);
  nn::gelu(inner, to_size(num_rows) * to_size(config.intermediate_size));
  layer.out.forward_in_team(inner, num_rows, projected, scratch);
  nn::add_layer_norm(projected, norm_of(layer.out_norm), num_rows, states);
}

void Encoder::Impl::run_layers() {
  nn::layer_norm(states, norm_of(weights.embedding_norm), num_rows, states);
  for (const EncoderLayerWeights& layer : weights.layers) {
    attention(layer);
    feed_forward(layer);
  }
}

Encoder::Encoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Encoder::~Encoder() = default;

Result<std::unique_ptr<Encoder>> Encoder::load(const std::filesystem::path& dir,
                                               const EncoderOptions& options) {
  KITH_CHECK(options.threads >= 1, "threads must be positive");
  const auto fail = [&dir](Error error) {
    return std::move(error).with_context("loading encoder " + dir.string());
  };
  auto config = load_encoder_config(dir);
  if (!config) return fail(std::move(config).error());
  auto weights = load_encoder_weights(dir, *config, {options.weights, options.threads});
  if (!weights) return fail(std::move(weights).error());
  return std::unique_ptr<Encoder>(new Encoder(
      std::make_unique<Impl>(*std::move(config), *std::move(weights), options.threads)));
}

const EncoderConfig& Encoder::config() const { return impl_->config; }

tensor::DType Encoder::weights() const { return impl_->weights.layers.front().qkv.weights(); }

std::size_t Encoder::weight_bytes() const { return impl_->weights.bytes(); }

Result<std::span<const float>> Encoder::forward(std::span<const Text> texts) {
  std::size_t num_rows = 0;
  for (const Text text : texts) {
    KITH_RETURN_IF_ERROR(check_text(text, impl_->config));
    num_rows += text.size();
  }
  if (num_rows > kMaxBatchRows) {
    return invalid("a batch may have at most " + std::to_string(kMaxBatchRows) +
                   " tokens: " + std::to_string(num_rows));
  }
  if (num_rows == 0) return std::span<const float>();
  impl_->prepare(texts);
  impl_->embed(texts);
  tensor::run_team(impl_->threads, [this] { impl_->run_layers(); });
  KITH_RETURN_IF_ERROR(impl_->scratch.take_status());
  return std::span<const float>(impl_->states).first(num_rows * to_size(impl_->config.hidden_size));
}

}  // namespace kith::model
