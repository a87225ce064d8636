#include "kith/model/encoder.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "kith/base/check.h"
#include "kith/model/encoder_weights.h"
#include "kith/nn/attention.h"
#include "kith/nn/kv_cache.h"
#include "kith/nn/layers.h"
#include "kith/tensor/aligned.h"

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
  void add_and_norm(const NormWeights& norm);
  void norm_states(const NormWeights& norm);
  Status attention(const EncoderLayerWeights& layer);
  Status feed_forward(const EncoderLayerWeights& layer);
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
}

void Encoder::Impl::embed(std::span<const Text> texts) {
  const std::size_t width = to_size(config.hidden_size);
  float* row = states.data();
  for (const Text text : texts) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      weights.words.read(text[i], {row, width});
      nn::add(std::span<const float>(weights.positions).subspan(i * width, width), {row, width});
      row += width;
    }
  }
  norm_states(weights.embedding_norm);
}

void Encoder::Impl::norm_states(const NormWeights& norm) {
  const std::size_t used = to_size(num_rows) * to_size(config.hidden_size);
  nn::layer_norm(std::span<const float>(states).first(used), norm.weight, norm.bias, num_rows,
                 config.layer_norm_eps, states);
}

// What a half of a layer made is added to what it read, then normed.
void Encoder::Impl::add_and_norm(const NormWeights& norm) {
  const std::size_t used = to_size(num_rows) * to_size(config.hidden_size);
  nn::add(std::span<const float>(projected).first(used), states);
  norm_states(norm);
}

Status Encoder::Impl::attention(const EncoderLayerWeights& layer) {
  const std::size_t width = to_size(config.hidden_size);
  KITH_RETURN_IF_ERROR(layer.qkv.forward(states, num_rows, qkv, scratch));
  const std::span<const float> rows(qkv);
  for (const nn::AttentionChunk& chunk : chunks) {
    nn::append_kv(chunk, rows.subspan(width), rows.subspan(2 * width), 3 * width, 0, *cache);
  }
  nn::attend(chunks, {rows, 3 * width, attended, config.num_heads, 0, false}, 0, *cache);
  KITH_RETURN_IF_ERROR(layer.attention_out.forward(attended, num_rows, projected, scratch));
  add_and_norm(layer.attention_norm);
  return {};
}

Status Encoder::Impl::feed_forward(const EncoderLayerWeights& layer) {
  KITH_RETURN_IF_ERROR(layer.intermediate.forward(states, num_rows, inner, scratch));
  nn::gelu(inner, to_size(num_rows) * to_size(config.intermediate_size));
  KITH_RETURN_IF_ERROR(layer.out.forward(inner, num_rows, projected, scratch));
  add_and_norm(layer.out_norm);
  return {};
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
#if defined(_OPENMP)
  omp_set_num_threads(impl_->threads);
#endif
  impl_->prepare(texts);
  impl_->embed(texts);
  for (const EncoderLayerWeights& layer : impl_->weights.layers) {
    KITH_RETURN_IF_ERROR(impl_->attention(layer));
    KITH_RETURN_IF_ERROR(impl_->feed_forward(layer));
  }
  return std::span<const float>(impl_->states).first(num_rows * to_size(impl_->config.hidden_size));
}

}  // namespace kith::model
