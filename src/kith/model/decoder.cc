#include "kith/model/decoder.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "kith/base/check.h"
#include "kith/model/weights.h"
#include "kith/nn/attention.h"
#include "kith/nn/layers.h"
#include "kith/nn/rope.h"
#include "kith/tensor/aligned.h"

namespace kith::model {
namespace {

using tensor::DType;

// Rows of one forward pass; more would only cost memory.
constexpr std::size_t kMaxBatchRows = 65'536;

std::size_t to_size(std::int64_t value) { return static_cast<std::size_t>(value); }

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

// Whether an adapter loaded for `a` fits a decoder of shape `b`.
bool same_shape(const DecoderConfig& a, const DecoderConfig& b) {
  return a.num_layers == b.num_layers && a.hidden_size == b.hidden_size &&
         a.q_size() == b.q_size() && a.kv_size() == b.kv_size() &&
         a.intermediate_size == b.intermediate_size;
}

Status check_chunk(const Chunk& chunk, const DecoderConfig& config, const nn::KvCache& cache) {
  if (chunk.tokens.empty()) return invalid("a chunk must have tokens");
  const int soft_rows = chunk.soft_prompt == nullptr ? 0 : chunk.soft_prompt->rows();
  if (soft_rows > 0 && chunk.soft_prompt->width() != config.hidden_size) {
    return invalid("a soft prompt must be " + std::to_string(config.hidden_size) +
                   " wide: " + std::to_string(chunk.soft_prompt->width()));
  }
  for (const text::TokenId id : chunk.tokens) {
    if (id < -soft_rows || id >= config.vocab_size) {
      return invalid("token id must be in [" + std::to_string(-soft_rows) + ", " +
                     std::to_string(config.vocab_size) + "): " + std::to_string(id));
    }
  }
  const std::size_t end = to_size(std::max(chunk.position, 0)) + chunk.tokens.size();
  if (chunk.position < 0 || end > to_size(config.max_positions)) {
    return invalid("the sequence must fit into " + std::to_string(config.max_positions) +
                   " positions: " + std::to_string(end));
  }
  if (chunk.blocks.size() * nn::kBlockTokens < end) {
    return invalid("too few cache blocks for " + std::to_string(end) +
                   " tokens: " + std::to_string(chunk.blocks.size()));
  }
  for (const std::int32_t block : chunk.blocks) {
    if (block < 0 || block >= cache.num_blocks()) {
      return invalid("no such cache block: " + std::to_string(block));
    }
  }
  for (const AdapterShare& share : chunk.adapters) {
    if (!same_shape(share.adapter->config(), config)) {
      return invalid("the adapter was made for a decoder of another shape: " +
                     share.adapter->name());
    }
  }
  return {};
}

// Rows that share an adapter.
struct AdapterGroup {
  const Adapter* adapter;
  std::vector<std::int32_t> rows;
  std::vector<float> factors;
};

// What a forward pass needs to know of its batch.
struct Plan {
  int num_rows = 0;
  std::vector<nn::AttentionChunk> chunks;
  // Groups of rows with an adapter, so that an adapter's weights are read once.
  std::vector<AdapterGroup> groups;
  std::vector<std::int32_t> positions;  // [num_rows]
  std::vector<std::int32_t> wanted;     // rows whose logits are asked for
};

AdapterGroup& group_of(const Adapter* adapter, std::vector<AdapterGroup>& groups) {
  for (AdapterGroup& group : groups) {
    if (group.adapter == adapter) return group;
  }
  groups.push_back({adapter, {}, {}});
  return groups.back();
}

Plan make_plan(std::span<const Chunk> batch) {
  Plan plan;
  for (const Chunk& chunk : batch) {
    const int num_tokens = static_cast<int>(chunk.tokens.size());
    plan.chunks.push_back({chunk.position, num_tokens, plan.num_rows, chunk.blocks});
    for (int i = 0; i < num_tokens; ++i) {
      const int row = plan.num_rows + i;
      plan.positions.push_back(chunk.position + i);
      if (chunk.all_logits || i + 1 == num_tokens) plan.wanted.push_back(row);
    }
    for (const AdapterShare& share : chunk.adapters) {
      AdapterGroup& group = group_of(share.adapter, plan.groups);
      for (int i = 0; i < num_tokens; ++i) {
        group.rows.push_back(plan.num_rows + i);
        group.factors.push_back(share.weight);
      }
    }
    plan.num_rows += num_tokens;
  }
  return plan;
}

using Buffer = tensor::AlignedVector<float>;

void grow(Buffer& buffer, int rows, int width) {
  const std::size_t size = to_size(tensor::padded_rows(rows)) * to_size(width);
  if (buffer.size() < size) buffer.resize(size);
}

// One linear map's place in the buffers.
struct Projection {
  const tensor::Linear* linear;
  Buffer* x;
  Buffer* y;
};

// A part of a stacked linear map, and the column of the stack where its outputs begin.
struct LoraPart {
  Target target;
  int column;
};

}  // namespace

struct Decoder::Impl {
  DecoderConfig config;
  DecoderWeights weights;
  int threads;
  nn::RopeTable rope;
  tensor::LinearScratch scratch;
  std::vector<nn::LoraTask> lora_tasks;
  nn::LoraScratch lora_scratch;

  // Buffers of the pass in progress, [padded rows, width].
  Buffer residual;   // hidden
  Buffer normed;     // hidden
  Buffer qkv;        // q_size + 2 kv_size
  Buffer attended;   // q_size
  Buffer projected;  // hidden
  Buffer gate_up;    // 2 intermediate
  Buffer activated;  // intermediate

  Impl(DecoderConfig config_in, DecoderWeights weights_in, int threads_in)
      : config(std::move(config_in)),
        weights(std::move(weights_in)),
        threads(threads_in),
        rope(config.rope, config.head_dim) {}

  void prepare(int rows);
  void embed(std::span<const Chunk> batch);
  Status project(const Plan& plan, int layer, const Projection& projection,
                 std::span<const LoraPart> parts);
  Status attention(const Plan& plan, int layer, nn::KvCache& cache);
  void normalize_heads(const Plan& plan, const LayerWeights& layer_weights);
  void rotate(const Plan& plan);
  Status mlp(const Plan& plan, int layer);
  Status head(const Plan& plan, std::vector<float>& logits);
  Status multiply_only(int rows, int logit_rows);
  Status forward(std::span<const Chunk> batch, nn::KvCache& cache, std::vector<float>& logits);
};

void Decoder::Impl::prepare(int rows) {
  grow(residual, rows, config.hidden_size);
  grow(normed, rows, config.hidden_size);
  grow(qkv, rows, config.q_size() + 2 * config.kv_size());
  grow(attended, rows, config.q_size());
  grow(projected, rows, config.hidden_size);
  grow(gate_up, rows, 2 * config.intermediate_size);
  grow(activated, rows, config.intermediate_size);
}

void Decoder::Impl::embed(std::span<const Chunk> batch) {
  const std::size_t width = to_size(config.hidden_size);
  float* row = residual.data();
  for (const Chunk& chunk : batch) {
    for (const text::TokenId id : chunk.tokens) {
      if (is_soft_token(id)) {
        const auto values = chunk.soft_prompt->row(soft_row(id));
        std::copy(values.begin(), values.end(), row);
      } else {
        weights.read_embedding(id, {row, width});
      }
      row += width;
    }
  }
}

Status Decoder::Impl::project(const Plan& plan, int layer, const Projection& projection,
                              std::span<const LoraPart> parts) {
  const tensor::Linear& linear = *projection.linear;
  KITH_RETURN_IF_ERROR(linear.forward(*projection.x, plan.num_rows, *projection.y, scratch));
  lora_tasks.clear();
  for (const AdapterGroup& group : plan.groups) {
    for (const LoraPart& part : parts) {
      const nn::Lora* lora = group.adapter->find_lora(layer, part.target);
      if (lora != nullptr) lora_tasks.push_back({lora, part.column, group.rows, group.factors});
    }
  }
  nn::apply_loras(lora_tasks,
                  {*projection.x, to_size(linear.in()), *projection.y, to_size(linear.out())},
                  lora_scratch);
  return {};
}

// Every query and key head by itself, in place.
void Decoder::Impl::normalize_heads(const Plan& plan, const LayerWeights& layer_weights) {
  if (!config.qk_norm) return;
  const std::size_t q = to_size(config.q_size());
  const std::size_t kv = to_size(config.kv_size());
  for (std::size_t row = 0; row < to_size(plan.num_rows); ++row) {
    const std::span<float> heads(qkv.data() + row * (q + 2 * kv), q + kv);
    nn::rms_norm(heads.first(q), layer_weights.q_norm, config.num_heads, config.rms_norm_eps,
                 heads.first(q));
    nn::rms_norm(heads.subspan(q), layer_weights.k_norm, config.num_kv_heads, config.rms_norm_eps,
                 heads.subspan(q));
  }
}

void Decoder::Impl::rotate(const Plan& plan) {
  const std::size_t stride = to_size(config.q_size() + 2 * config.kv_size());
  // Keys follow the queries, so their heads are rotated in one go.
  const int num_heads = config.num_heads + config.num_kv_heads;
  for (std::size_t row = 0; row < to_size(plan.num_rows); ++row) {
    nn::apply_rope({qkv.data() + row * stride, to_size(num_heads) * to_size(config.head_dim)},
                   rope.at(plan.positions[row]), num_heads);
  }
}

Status Decoder::Impl::attention(const Plan& plan, int layer, nn::KvCache& cache) {
  const LayerWeights& layer_weights = weights.layers[to_size(layer)];
  const std::size_t used = to_size(plan.num_rows) * to_size(config.hidden_size);
  const int q = config.q_size();
  const int kv = config.kv_size();
  const std::array<LoraPart, 3> qkv_parts{{{Target::kQ, 0}, {Target::kK, q}, {Target::kV, q + kv}}};
  const std::array<LoraPart, 1> o_part{{{Target::kO, 0}}};

  nn::rms_norm(std::span(residual).first(used), layer_weights.input_norm, plan.num_rows,
               config.rms_norm_eps, normed);
  KITH_RETURN_IF_ERROR(project(plan, layer, {&layer_weights.qkv, &normed, &qkv}, qkv_parts));
  normalize_heads(plan, layer_weights);
  rotate(plan);
  const std::size_t stride = to_size(q + 2 * kv);
  const std::span<const float> rows(qkv);
  for (const nn::AttentionChunk& chunk : plan.chunks) {
    nn::append_kv(chunk, rows.subspan(to_size(q)), rows.subspan(to_size(q + kv)), stride, layer,
                  cache);
  }
  nn::attend(plan.chunks, {rows, stride, attended, config.num_heads, config.sliding_window}, layer,
             cache);
  KITH_RETURN_IF_ERROR(project(plan, layer, {&layer_weights.o, &attended, &projected}, o_part));
  nn::add(std::span(projected).first(used), residual);
  return {};
}

Status Decoder::Impl::mlp(const Plan& plan, int layer) {
  const LayerWeights& layer_weights = weights.layers[to_size(layer)];
  const std::size_t used = to_size(plan.num_rows) * to_size(config.hidden_size);
  const std::array<LoraPart, 2> gate_up_parts{
      {{Target::kGate, 0}, {Target::kUp, config.intermediate_size}}};
  const std::array<LoraPart, 1> down_part{{{Target::kDown, 0}}};

  nn::rms_norm(std::span(residual).first(used), layer_weights.post_norm, plan.num_rows,
               config.rms_norm_eps, normed);
  KITH_RETURN_IF_ERROR(
      project(plan, layer, {&layer_weights.gate_up, &normed, &gate_up}, gate_up_parts));
  nn::swiglu(gate_up, plan.num_rows, to_size(config.intermediate_size), activated);
  KITH_RETURN_IF_ERROR(
      project(plan, layer, {&layer_weights.down, &activated, &projected}, down_part));
  nn::add(std::span(projected).first(used), residual);
  return {};
}

Status Decoder::Impl::head(const Plan& plan, std::vector<float>& logits) {
  const std::size_t width = to_size(config.hidden_size);
  const std::size_t vocab = to_size(config.vocab_size);
  const int num_wanted = static_cast<int>(plan.wanted.size());
  // Rows move towards the front, each to a place at or before its own.
  for (std::size_t i = 0; i < plan.wanted.size(); ++i) {
    std::memmove(residual.data() + i * width, residual.data() + to_size(plan.wanted[i]) * width,
                 width * sizeof(float));
  }
  nn::rms_norm(std::span(residual).first(plan.wanted.size() * width), weights.final_norm,
               num_wanted, config.rms_norm_eps, normed);
  logits.resize(to_size(tensor::padded_rows(num_wanted)) * vocab);
  KITH_RETURN_IF_ERROR(weights.head.forward(normed, num_wanted, logits, scratch));
  logits.resize(plan.wanted.size() * vocab);
  return {};
}

Status Decoder::Impl::forward(std::span<const Chunk> batch, nn::KvCache& cache,
                              std::vector<float>& logits) {
  const Plan plan = make_plan(batch);
#if defined(_OPENMP)
  omp_set_num_threads(threads);
#endif
  prepare(plan.num_rows);
  rope.reserve(*std::max_element(plan.positions.begin(), plan.positions.end()) + 1);
  embed(batch);
  for (int layer = 0; layer < config.num_layers; ++layer) {
    KITH_RETURN_IF_ERROR(attention(plan, layer, cache));
    KITH_RETURN_IF_ERROR(mlp(plan, layer));
  }
  return head(plan, logits);
}

Status Decoder::Impl::multiply_only(int rows, int logit_rows) {
#if defined(_OPENMP)
  omp_set_num_threads(threads);
#endif
  prepare(rows);
  Buffer logits;
  grow(logits, logit_rows, config.vocab_size);
  for (const LayerWeights& layer : weights.layers) {
    KITH_RETURN_IF_ERROR(layer.qkv.forward(normed, rows, qkv, scratch));
    KITH_RETURN_IF_ERROR(layer.o.forward(attended, rows, projected, scratch));
    KITH_RETURN_IF_ERROR(layer.gate_up.forward(normed, rows, gate_up, scratch));
    KITH_RETURN_IF_ERROR(layer.down.forward(activated, rows, projected, scratch));
  }
  return weights.head.forward(normed, logit_rows, logits, scratch);
}

Decoder::Decoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Decoder::~Decoder() = default;

Result<std::unique_ptr<Decoder>> Decoder::load(const std::filesystem::path& dir,
                                               const DecoderOptions& options) {
  KITH_CHECK(options.threads >= 1, "threads must be positive");
  const auto fail = [&dir](Error error) {
    return std::move(error).with_context("loading model " + dir.string());
  };
  auto config = load_decoder_config(dir);
  if (!config) return fail(std::move(config).error());
  auto weights = load_decoder_weights(dir, *config, {options.weights, options.threads});
  if (!weights) return fail(std::move(weights).error());
  return std::unique_ptr<Decoder>(new Decoder(
      std::make_unique<Impl>(*std::move(config), *std::move(weights), options.threads)));
}

const DecoderConfig& Decoder::config() const { return impl_->config; }

DType Decoder::weights() const { return impl_->weights.head.weights(); }

nn::KvShape Decoder::cache_shape() const {
  const DecoderConfig& config = impl_->config;
  return {config.num_layers, config.num_kv_heads, config.head_dim,
          weights() == DType::kF32 ? DType::kF32 : DType::kF16};
}

nn::KvCache Decoder::make_cache(int num_blocks) const { return {cache_shape(), num_blocks}; }

Status Decoder::forward(std::span<const Chunk> batch, nn::KvCache& cache,
                        std::vector<float>& logits) {
  logits.clear();
  if (batch.empty()) return {};
  const nn::KvShape expected = cache_shape();
  const nn::KvShape& shape = cache.shape();
  if (shape.num_layers != expected.num_layers || shape.num_kv_heads != expected.num_kv_heads ||
      shape.head_dim != expected.head_dim) {
    return invalid("the cache was made for a decoder of another shape");
  }
  std::size_t num_rows = 0;
  for (const Chunk& chunk : batch) {
    KITH_RETURN_IF_ERROR(check_chunk(chunk, impl_->config, cache));
    num_rows += chunk.tokens.size();
  }
  if (num_rows > kMaxBatchRows) {
    return invalid("a batch may have at most " + std::to_string(kMaxBatchRows) +
                   " tokens: " + std::to_string(num_rows));
  }
  return impl_->forward(batch, cache, logits);
}

Status Decoder::multiply_only(int rows, int logit_rows) {
  KITH_CHECK(rows >= 1 && logit_rows >= 1 && logit_rows <= rows, "rows to multiply");
  return impl_->multiply_only(rows, logit_rows);
}

std::size_t Decoder::weight_bytes() const {
  return impl_->weights.embedding_bytes() + weight_bytes_read_per_token();
}

std::size_t Decoder::weight_bytes_read_per_token() const {
  std::size_t bytes =
      impl_->weights.head.bytes() + impl_->weights.final_norm.size() * sizeof(float);
  for (const LayerWeights& layer : impl_->weights.layers) bytes += layer.bytes();
  return bytes;
}

}  // namespace kith::model
