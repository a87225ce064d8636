#include "kith/timeline/perceiver.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "kith/base/check.h"
#include "kith/nn/attention.h"
#include "kith/nn/cross_attention.h"
#include "kith/nn/kv_cache.h"
#include "kith/nn/layers.h"
#include "kith/tensor/aligned.h"

namespace kith::timeline {
namespace {

constexpr float kNormEps = 1e-6F;

std::size_t to_size(int value) { return static_cast<std::size_t>(value); }

int blocks_for(int rows) { return (rows + nn::kBlockTokens - 1) / nn::kBlockTokens; }

}  // namespace

std::vector<float> normalised(std::vector<float> values) {
  const double square = std::inner_product(values.begin(), values.end(), values.begin(), 0.0);
  const auto scale = static_cast<float>(1.0 / std::sqrt(std::max(square, 1e-12)));
  for (float& value : values) value *= scale;
  return values;
}

int age_bucket(int age) { return static_cast<int>(std::bit_width(static_cast<unsigned>(age) + 1U)) - 1; }

// Rows of one read; maps pad their inputs, so each has room for that.
struct Perceiver::Buffers {
  Buffers(const Perceiver& of, std::span<const float> read, int rows)
      : latents(padded(of.num_latents_) * to_size(of.width_)),
        normed(latents.size()),
        added(latents.size()),
        inner(padded(of.num_latents_) * 2 * to_size(of.intermediate_size_)),
        gated(padded(of.num_latents_) * to_size(of.intermediate_size_)),
        states(padded(rows) * to_size(of.width_)),
        pairs(padded(rows) * 2 * to_size(of.width_)),
        keys(to_size(rows * of.num_heads_ * of.key_size())),
        values(keys.size()),
        queries(to_size(of.num_latents_ * of.num_heads_ * of.key_size())),
        mixed(queries.size()),
        cache({1, of.num_heads_, of.key_size(), tensor::DType::kF32}, blocks_for(rows)),
        blocks(to_size(blocks_for(rows))) {
    std::iota(blocks.begin(), blocks.end(), 0);
    std::copy(of.latents_.begin(), of.latents_.end(), latents.begin());
    std::copy(read.begin(), read.end(), states.begin());
    for (int row = 0; row < rows; ++row) {
      for (int head = 0; head < of.num_heads_; ++head) {
        const int key = (row * of.num_heads_ + head) * of.key_size();
        keys[to_size(key + of.width_ / of.num_heads_ + age_bucket(rows - 1 - row))] = 1.0F;
      }
    }
  }
  static std::size_t padded(int rows) { return to_size(tensor::padded_rows(rows)); }

  tensor::AlignedVector<float> latents;  // [latents, width]
  tensor::AlignedVector<float> normed;   // [latents, width]
  tensor::AlignedVector<float> added;    // [latents, width]
  tensor::AlignedVector<float> inner;    // [latents, 2 * intermediate]
  tensor::AlignedVector<float> gated;    // [latents, intermediate]
  tensor::AlignedVector<float> states;   // [rows, width]
  tensor::AlignedVector<float> pairs;    // [rows, 2 * width]: keys, then values
  tensor::AlignedVector<float> keys;     // [rows, heads, key size]
  tensor::AlignedVector<float> values;   // the same
  tensor::AlignedVector<float> queries;  // [latents, heads, key size]
  tensor::AlignedVector<float> mixed;    // the same
  nn::KvCache cache;
  std::vector<std::int32_t> blocks;
  tensor::LinearScratch scratch;
};

// Even, as caches want it.
int Perceiver::key_size() const { return (width_ / num_heads_ + num_buckets_ + 1) / 2 * 2; }

// The bias by age is a part of the products: a key has a one at its age's bucket, and the query the
// biases of its head there. So attention needs no kernel of its own. The ones and the zeros behind
// them are the same in every layer and stand there already.
void Perceiver::write_keys(int rows, Buffers& buffers) const {
  const int head_dim = width_ / num_heads_;
  for (int row = 0; row < rows; ++row) {
    const float* const pair = buffers.pairs.data() + to_size(row * 2 * width_);
    for (int head = 0; head < num_heads_; ++head) {
      const std::size_t at = to_size((row * num_heads_ + head) * key_size());
      std::copy_n(pair + head * head_dim, head_dim, buffers.keys.begin() + static_cast<long>(at));
      std::copy_n(pair + width_ + head * head_dim, head_dim,
                  buffers.values.begin() + static_cast<long>(at));
    }
  }
}

// From `added`, where the map of queries left them. The kernel divides by the root of the key size.
void Perceiver::write_queries(const Layer& layer, Buffers& buffers) const {
  const int head_dim = width_ / num_heads_;
  const float root = std::sqrt(static_cast<float>(key_size()));
  const float scale = root / std::sqrt(static_cast<float>(head_dim));
  for (int latent = 0; latent < num_latents_; ++latent) {
    for (int head = 0; head < num_heads_; ++head) {
      float* const query =
          buffers.queries.data() + to_size((latent * num_heads_ + head) * key_size());
      const float* const from = buffers.added.data() + to_size(latent * width_ + head * head_dim);
      std::transform(from, from + head_dim, query, [&](float value) { return scale * value; });
      const float* const bias = layer.age_bias.data() + to_size(head * num_buckets_);
      std::transform(bias, bias + num_buckets_, query + head_dim,
                     [&](float value) { return root * value; });
    }
  }
}

Status Perceiver::attend(const Layer& layer, int rows, Buffers& buffers) const {
  const int head_dim = width_ / num_heads_;
  nn::rms_norm(buffers.latents, layer.attention_norm, num_latents_, kNormEps, buffers.normed);
  KITH_RETURN_IF_ERROR(
      layer.q.forward(buffers.normed, num_latents_, buffers.added, buffers.scratch));
  write_queries(layer, buffers);
  KITH_RETURN_IF_ERROR(layer.kv.forward(buffers.states, rows, buffers.pairs, buffers.scratch));
  write_keys(rows, buffers);
  const nn::AttentionChunk written{0, rows, 0, buffers.blocks};
  nn::append_kv({&written, 1}, 0, to_size(rows), buffers.keys, buffers.values,
                to_size(num_heads_ * key_size()), 0, buffers.cache);
  const nn::CrossAttentionChunk chunk{0, num_latents_, &buffers.cache, rows};
  nn::cross_attend({&chunk, 1}, {buffers.queries, buffers.mixed, num_heads_}, 0);
  for (int head = 0; head < num_latents_ * num_heads_; ++head) {
    std::copy_n(buffers.mixed.begin() + head * key_size(), head_dim,
                buffers.normed.begin() + head * head_dim);
  }
  KITH_RETURN_IF_ERROR(
      layer.o.forward(buffers.normed, num_latents_, buffers.added, buffers.scratch));
  for (std::size_t i = 0; i < to_size(num_latents_ * width_); ++i) {
    buffers.latents[i] += buffers.added[i];
  }
  return {};
}

Status Perceiver::feed_forward(const Layer& layer, Buffers& buffers) const {
  nn::rms_norm(buffers.latents, layer.mlp_norm, num_latents_, kNormEps, buffers.normed);
  KITH_RETURN_IF_ERROR(
      layer.gate_up.forward(buffers.normed, num_latents_, buffers.inner, buffers.scratch));
  nn::swiglu(buffers.inner, num_latents_, to_size(intermediate_size_), buffers.gated);
  KITH_RETURN_IF_ERROR(
      layer.down.forward(buffers.gated, num_latents_, buffers.added, buffers.scratch));
  for (std::size_t i = 0; i < to_size(num_latents_ * width_); ++i) {
    buffers.latents[i] += buffers.added[i];
  }
  return {};
}

// The mean of the latents, mapped, of length 1.
Result<std::vector<float>> Perceiver::vector_of(std::span<const float> latents) const {
  tensor::AlignedVector<float> mean(Buffers::padded(1) * to_size(width_));
  tensor::AlignedVector<float> mapped(mean.size());
  const float share = 1.0F / static_cast<float>(num_latents_);
  for (std::size_t i = 0; i < latents.size(); ++i) mean[i % to_size(width_)] += share * latents[i];
  tensor::LinearScratch scratch;
  KITH_RETURN_IF_ERROR(vector_proj_.front().forward(mean, 1, mapped, scratch));
  return normalised({mapped.begin(), mapped.begin() + width_});
}

Result<UserEmbedding> Perceiver::read(std::span<const float> states) const {
  const int rows = static_cast<int>(states.size()) / width_;
  KITH_CHECK(rows >= 1 && rows <= window_, "states that a Perceiver reads");
  Buffers buffers(*this, states, rows);
  for (const Layer& layer : layers_) {
    KITH_RETURN_IF_ERROR(attend(layer, rows, buffers));
    KITH_RETURN_IF_ERROR(feed_forward(layer, buffers));
  }
  nn::rms_norm(buffers.latents, norm_, num_latents_, kNormEps, buffers.normed);
  UserEmbedding embedding;
  embedding.latents.assign(buffers.normed.begin(), buffers.normed.begin() + num_latents_ * width_);
  KITH_ASSIGN_OR_RETURN(embedding.vector, vector_of(embedding.latents));
  return embedding;
}

}  // namespace kith::timeline
