#include "kith/model/decoder.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>

#include "kith/base/check.h"
#include "kith/model/cross_attention.h"
#include "kith/model/stage_clock.h"
#include "kith/model/weights.h"
#include "kith/nn/attention.h"
#include "kith/nn/layers.h"
#include "kith/nn/rope.h"
#include "kith/tensor/huge_pages.h"
#include "kith/tensor/team.h"
#include "kith/tensor/team_governor.h"

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
  const int hidden =
      config.sliding_window > 0 ? std::max(0, chunk.position + 1 - config.sliding_window) : 0;
  if (chunk.first_block < 0 || chunk.first_block > hidden / nn::kBlockTokens) {
    return invalid("the first cache block must be in [0, " +
                   std::to_string(hidden / nn::kBlockTokens) +
                   "]: " + std::to_string(chunk.first_block));
  }
  if ((to_size(chunk.first_block) + chunk.blocks.size()) * nn::kBlockTokens < end) {
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
  if (chunk.memory != nullptr && !chunk.memory->bridge().fits(config)) {
    return invalid("the memory's bridge was made for a decoder of another shape: " +
                   chunk.memory->bridge().name());
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
  // Whether every chunk is one row.
  bool is_decode = true;
  std::vector<nn::AttentionChunk> chunks;
  // Groups of rows with an adapter, so that an adapter's weights are read once. In an order that
  // does not depend on the batch: a blend's updates are added to a row one after the other.
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
    plan.is_decode = plan.is_decode && num_tokens == 1;
    plan.chunks.push_back(
        {chunk.position, num_tokens, plan.num_rows, chunk.blocks, chunk.first_block});
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
  std::stable_sort(plan.groups.begin(), plan.groups.end(),
                   [](const AdapterGroup& a, const AdapterGroup& b) {
                     return a.adapter->version() < b.adapter->version();
                   });
  return plan;
}

using Buffer = tensor::HugeVector<float>;

void grow(Buffer& buffer, int rows, int width) {
  const std::size_t size = to_size(tensor::padded_rows(rows)) * to_size(width);
  if (buffer.size() < size) buffer.resize(size);
}

// One linear map's place in the buffers.
struct Projection {
  Stage stage;
  const tensor::Linear* linear;
  std::span<float> x;
  std::span<float> y;
};

// The linear maps of a layer.
enum Map : std::size_t { kQkvMap, kOMap, kGateUpMap, kDownMap, kNumMaps };

// A part of a stacked linear map, and the column of the stack where its outputs begin.
struct LoraPart {
  Target target;
  int column;
};

using LoraParts = std::array<std::vector<LoraPart>, kNumMaps>;

LoraParts lora_parts(const DecoderConfig& config) {
  const int q = config.q_size();
  return {{{{Target::kQ, 0}, {Target::kK, q}, {Target::kV, q + config.kv_size()}},
           {{Target::kO, 0}},
           {{Target::kGate, 0}, {Target::kUp, config.intermediate_size}},
           {{Target::kDown, 0}}}};
}

}  // namespace

// What is asked for of the wanted rows.
enum class Output : std::uint8_t { kLogits, kStates };

struct Decoder::Impl {
  DecoderConfig config;
  DecoderWeights weights;
  int threads;
  tensor::TeamGovernor governor;
  LoraParts parts_by_map;
  // By layer and map; empty where the batch has no adapters.
  std::vector<std::array<nn::LoraPlan, kNumMaps>> lora_plans;
  nn::RopeTable rope;
  tensor::LinearScratch scratch;
  nn::LoraScratch lora_scratch;
  CrossAttention cross_attention;
  StageClock clock;

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
        governor(threads_in),
        parts_by_map(lora_parts(config)),
        lora_plans(to_size(config.num_layers)),
        rope(config.rope, config.head_dim) {}

  void prepare(int rows, int logit_rows);
  void embed(std::span<const Chunk> batch);
  void reserve_adapters(const Plan& plan);
  Status multiply_only(int rows, int logit_rows);
  Status forward(std::span<const Chunk> batch, nn::KvCache& cache, Output output,
                 std::vector<float>& out);

  // Called by the whole team.
  void plan_adapters(const Plan& plan);
  void project(const Plan& plan, int layer, Map map, const Projection& projection);
  void attention(const Plan& plan, int layer, nn::KvCache& cache);
  void place_rows(const Plan& plan, int layer, nn::KvCache& cache);
  void place_own_heads(const Plan& plan, int layer, nn::KvCache& cache);
  void turn_heads(std::span<float> heads, const std::vector<float>& norm, std::int32_t position);
  void mlp(const Plan& plan, int layer);
  std::span<float> own_rows(Buffer& buffer, const Plan& plan) const;
  void add_norm(const Plan& plan, std::span<const float> weight);
  void last_norm(const Plan& plan);
  void head(const Plan& plan, std::span<float> logits);
};

void Decoder::Impl::prepare(int rows, int logit_rows) {
  // A member's row for own_rows().
  grow(residual, std::max(rows, threads), config.hidden_size);
  grow(normed, std::max(rows, threads), config.hidden_size);
  grow(qkv, rows, config.q_size() + 2 * config.kv_size());
  grow(attended, rows, config.q_size());
  grow(projected, rows, config.hidden_size);
  grow(gate_up, rows, 2 * config.intermediate_size);
  grow(activated, rows, config.intermediate_size);
  for (const LayerWeights& layer : weights.layers) {
    for (const tensor::Linear* linear : {&layer.qkv, &layer.o, &layer.gate_up, &layer.down}) {
      linear->reserve(rows, threads, scratch);
    }
  }
  weights.head.reserve(logit_rows, threads, scratch);
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
  const auto num_rows = static_cast<std::size_t>(row - residual.data()) / width;
  if (num_rows == 1) {  // see own_rows()
    for (int member = 1; member < threads; ++member, row += width) {
      std::copy_n(residual.data(), width, row);
    }
  }
  // No block has left anything yet.
  std::fill_n(projected.data(), num_rows * width, 0.0F);
}

// A single row is added up and normalised by every member for itself, in a row of its own: that
// costs less than waiting for one that does.
std::span<float> Decoder::Impl::own_rows(Buffer& buffer, const Plan& plan) const {
  const std::size_t row = plan.num_rows == 1 ? to_size(tensor::team_rank()) : 0;
  return std::span(buffer).subspan(row * to_size(config.hidden_size));
}

// Adds what the block before has left to the residual stream, and normalises it.
void Decoder::Impl::add_norm(const Plan& plan, std::span<const float> weight) {
  const auto sum = own_rows(residual, plan);
  const auto out = own_rows(normed, plan);
  if (plan.num_rows == 1) {
    nn::add_rms_norm_row(projected, sum, weight, config.rms_norm_eps, out);
  } else {
    nn::add_rms_norm(projected, sum, weight, plan.num_rows, config.rms_norm_eps, out);
  }
  clock.stamp(Stage::kNorm);
}

// Room for the products of the widest map.
void Decoder::Impl::reserve_adapters(const Plan& plan) {
  constexpr std::size_t kMostParts = 3;
  std::size_t products = 0;
  std::size_t numbers = 0;
  for (const AdapterGroup& group : plan.groups) {
    const auto padded_rank = to_size(group.adapter->max_rank() + 3) / 4 * 4;
    products += kMostParts * group.rows.size();
    numbers += kMostParts * group.rows.size() * padded_rank;
  }
  lora_scratch.reserve(products, numbers);
}

// For all layers at the beginning: a member that planned while the others wait would hold up every
// map.
void Decoder::Impl::plan_adapters(const Plan& plan) {
  const auto [begin, end] = tensor::team_share(lora_plans.size());
  for (std::size_t layer = begin; layer < end; ++layer) {
    for (std::size_t map = 0; map < kNumMaps; ++map) {
      nn::LoraPlan& loras = lora_plans[layer][map];
      loras.tasks.clear();
      for (const AdapterGroup& group : plan.groups) {
        for (const LoraPart& part : parts_by_map[map]) {
          const nn::Lora* lora = group.adapter->find_lora(static_cast<int>(layer), part.target);
          if (lora != nullptr) {
            loras.tasks.push_back({lora, part.column, group.rows, group.factors});
          }
        }
      }
      if (!loras.empty()) nn::plan_loras(loras);
    }
  }
  tensor::team_wait();
}

void Decoder::Impl::project(const Plan& plan, int layer, Map map, const Projection& projection) {
  const nn::LoraPlan& loras = lora_plans[to_size(layer)][map];
  const nn::LoraBatch batch{projection.x, to_size(projection.linear->in()), projection.y,
                            to_size(projection.linear->out())};
  nn::lora_down(loras, batch, lora_scratch);
  clock.stamp(Stage::kAdapters);
  projection.linear->forward_in_team(projection.x, plan.num_rows, projection.y, scratch);
  clock.stamp(projection.stage);
  nn::lora_up(loras, batch, lora_scratch);
  clock.stamp(Stage::kAdapters);
}

// Queries or keys of one row, whole heads: each normalised by itself where `norm` is not empty, and
// turned to its position.
void Decoder::Impl::turn_heads(std::span<float> heads, const std::vector<float>& norm,
                               std::int32_t position) {
  const std::size_t head_dim = to_size(config.head_dim);
  for (std::size_t at = 0; !norm.empty() && at < heads.size(); at += head_dim) {
    nn::rms_norm_row(heads.subspan(at, head_dim), norm, config.rms_norm_eps);
  }
  nn::apply_rope(heads, rope.at(position), static_cast<int>(heads.size() / head_dim));
}

// Turns queries and keys to their positions and writes keys and values into the cache.
void Decoder::Impl::place_rows(const Plan& plan, int layer, nn::KvCache& cache) {
  if (plan.is_decode) return place_own_heads(plan, layer, cache);
  const LayerWeights& layer_weights = weights.layers[to_size(layer)];
  const std::size_t q = to_size(config.q_size());
  const std::size_t kv = to_size(config.kv_size());
  const std::size_t stride = q + 2 * kv;
  const std::span<float> rows(qkv);
  const auto [begin, end] = tensor::team_share(to_size(plan.num_rows));
  for (std::size_t row = begin; row < end; ++row) {
    turn_heads(rows.subspan(row * stride, q), layer_weights.q_norm, plan.positions[row]);
    turn_heads(rows.subspan(row * stride + q, kv), layer_weights.k_norm, plan.positions[row]);
  }
  nn::append_kv(plan.chunks, begin, end, rows.subspan(q), rows.subspan(q + kv), stride, layer,
                cache);
  tensor::team_wait();
}

// Where every sequence has one row, a member places the heads that it will attend with, and none
// need wait for another.
void Decoder::Impl::place_own_heads(const Plan& plan, int layer, nn::KvCache& cache) {
  const LayerWeights& layer_weights = weights.layers[to_size(layer)];
  const std::size_t head_dim = to_size(config.head_dim);
  const std::size_t q = to_size(config.q_size());
  const std::size_t kv = to_size(config.kv_size());
  const std::size_t group = q / kv * head_dim;
  nn::for_own_heads(
      plan.chunks, config.num_kv_heads, [&](const nn::AttentionChunk& chunk, int kv_head) {
        const auto row = std::span(qkv).subspan(to_size(chunk.first_row) * (q + 2 * kv));
        const auto key = row.subspan(q + to_size(kv_head) * head_dim, head_dim);
        const auto value = row.subspan(q + kv + to_size(kv_head) * head_dim, head_dim);
        turn_heads(row.subspan(to_size(kv_head) * group, group), layer_weights.q_norm,
                   chunk.position);
        turn_heads(key, layer_weights.k_norm, chunk.position);
        nn::append_kv_head(chunk, kv_head, key, value, layer, cache);
      });
}

void Decoder::Impl::attention(const Plan& plan, int layer, nn::KvCache& cache) {
  const LayerWeights& layer_weights = weights.layers[to_size(layer)];

  add_norm(plan, layer_weights.input_norm);
  project(plan, layer, kQkvMap, {Stage::kQkv, &layer_weights.qkv, own_rows(normed, plan), qkv});
  place_rows(plan, layer, cache);
  clock.stamp(Stage::kPlace);
  nn::attend(plan.chunks,
             {qkv, to_size(config.q_size() + 2 * config.kv_size()), attended, config.num_heads,
              config.sliding_window},
             layer, cache);
  clock.stamp(Stage::kAttention);
  project(plan, layer, kOMap, {Stage::kOut, &layer_weights.o, attended, projected});
}

void Decoder::Impl::mlp(const Plan& plan, int layer) {
  const LayerWeights& layer_weights = weights.layers[to_size(layer)];

  add_norm(plan, layer_weights.post_norm);
  project(plan, layer, kGateUpMap,
          {Stage::kGateUp, &layer_weights.gate_up, own_rows(normed, plan), gate_up});
  nn::swiglu(gate_up, plan.num_rows, to_size(config.intermediate_size), activated);
  clock.stamp(Stage::kSwiglu);
  project(plan, layer, kDownMap, {Stage::kDown, &layer_weights.down, activated, projected});
}

void Decoder::Impl::last_norm(const Plan& plan) {
  if (plan.num_rows == 1) {
    add_norm(plan, weights.final_norm);
  } else {
    nn::add_rms_norm_rows(projected, residual, weights.final_norm, plan.wanted, config.rms_norm_eps,
                          normed);
  }
}

void Decoder::Impl::head(const Plan& plan, std::span<float> logits) {
  weights.head.forward_in_team(own_rows(normed, plan), static_cast<int>(plan.wanted.size()), logits,
                               scratch);
  clock.stamp(Stage::kHead);
}

Status Decoder::Impl::forward(std::span<const Chunk> batch, nn::KvCache& cache, Output output,
                              std::vector<float>& out) {
  const Plan plan = make_plan(batch);
  const bool has_logits = output == Output::kLogits;
  const std::size_t width = to_size(has_logits ? config.vocab_size : config.hidden_size);
  const int num_wanted = static_cast<int>(plan.wanted.size());
  prepare(plan.num_rows, num_wanted);
  rope.reserve(*std::max_element(plan.positions.begin(), plan.positions.end()) + 1);
  cross_attention.plan(batch, threads, scratch);
  reserve_adapters(plan);
  clock.start();
  embed(batch);
  clock.stamp(Stage::kEmbed);
  out.resize(to_size(tensor::padded_rows(num_wanted)) * width);
  const auto start = std::chrono::steady_clock::now();
  tensor::MemberTimes times(governor.members());
  tensor::run_team(governor.members(), [&] {
    times.start();
    plan_adapters(plan);
    clock.stamp(Stage::kAdapters);
    for (int layer = 0; layer < config.num_layers; ++layer) {
      attention(plan, layer, cache);
      cross_attention.add(layer, own_rows(residual, plan), projected, scratch);
      clock.stamp(Stage::kMemory);
      mlp(plan, layer);
    }
    last_norm(plan);
    if (has_logits) head(plan, out);
    times.stop();
  });
  governor.record(std::chrono::steady_clock::now() - start, times.least_share());
  out.resize(plan.wanted.size() * width);
  // The first member's row of a single one, see own_rows().
  if (!has_logits) std::copy_n(normed.begin(), out.size(), out.begin());
  return scratch.take_status();
}

Status Decoder::Impl::multiply_only(int rows, int logit_rows) {
  prepare(rows, logit_rows);
  Buffer logits;
  grow(logits, logit_rows, config.vocab_size);
  tensor::run_team(threads, [&] {
    for (const LayerWeights& layer : weights.layers) {
      layer.qkv.forward_in_team(normed, rows, qkv, scratch);
      layer.o.forward_in_team(attended, rows, projected, scratch);
      layer.gate_up.forward_in_team(normed, rows, gate_up, scratch);
      layer.down.forward_in_team(activated, rows, projected, scratch);
    }
    weights.head.forward_in_team(normed, logit_rows, logits, scratch);
  });
  return scratch.take_status();
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
  auto weights = load_decoder_weights(
      dir, *config,
      {.weights = options.weights, .threads = options.threads, .huge_pages = options.huge_pages});
  if (!weights) return fail(std::move(weights).error());
  return std::unique_ptr<Decoder>(new Decoder(
      std::make_unique<Impl>(*std::move(config), *std::move(weights), options.threads)));
}

const DecoderConfig& Decoder::config() const { return impl_->config; }

DType Decoder::weights() const { return impl_->weights.head.weights(); }

nn::KvShape Decoder::cache_shape() const {
  const DecoderConfig& config = impl_->config;
  return {config.num_layers, config.num_kv_heads, config.head_dim, nn::kv_dtype_beside(weights())};
}

nn::KvCache Decoder::make_cache(int num_blocks) const { return {cache_shape(), num_blocks}; }

Status Decoder::forward(std::span<const Chunk> batch, nn::KvCache& cache,
                        std::vector<float>& logits) {
  logits.clear();
  if (batch.empty()) return {};
  KITH_RETURN_IF_ERROR(check_batch(batch, cache));
  return impl_->forward(batch, cache, Output::kLogits, logits);
}

Status Decoder::states(std::span<const Chunk> batch, nn::KvCache& cache,
                       std::vector<float>& states) {
  states.clear();
  if (batch.empty()) return {};
  KITH_RETURN_IF_ERROR(check_batch(batch, cache));
  return impl_->forward(batch, cache, Output::kStates, states);
}

Status Decoder::check_batch(std::span<const Chunk> batch, const nn::KvCache& cache) const {
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
  return {};
}

Status Decoder::multiply_only(int rows, int logit_rows) {
  KITH_CHECK(rows >= 1 && logit_rows >= 1 && logit_rows <= rows, "rows to multiply");
  return impl_->multiply_only(rows, logit_rows);
}

void Decoder::measure_stages(StageTimes* times) { impl_->clock.measure_into(times); }

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
