#include "kith/engine/inputs_bench.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>

#include "kith/base/json.h"
#include "kith/base/rng.h"
#include "kith/model/memory_bridge.h"
#include "kith/tensor/safetensors.h"

namespace kith::engine {
namespace {

constexpr int kLayersApart = 4;

std::vector<float> random_values(base::Rng& rng, std::size_t count, double size) {
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(size * (2.0 * rng.uniform() - 1.0));
  return values;
}

// Tensors of random values, written as a safetensors file.
class RandomTensors {
 public:
  void add(const std::string& name, std::vector<std::int64_t> shape) {
    const std::int64_t inputs = shape.back();
    std::int64_t count = 1;
    for (const std::int64_t size : shape) count *= size;
    values_.push_back(random_values(rng_, static_cast<std::size_t>(count),
                                    1.0 / std::sqrt(static_cast<double>(inputs))));
    plans_.push_back({name, std::move(shape)});
  }

  Result<std::string> serialize() const {
    std::vector<tensor::TensorToSave> tensors;
    for (std::size_t i = 0; i < plans_.size(); ++i) {
      tensors.push_back({plans_[i].first, tensor::DType::kF32, plans_[i].second,
                         std::as_bytes(std::span(values_[i]))});
    }
    return tensor::serialize_safetensors(tensors);
  }

 private:
  base::Rng rng_{2};
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> plans_;
  std::vector<std::vector<float>> values_;
};

Result<std::shared_ptr<const model::MemoryBridge>> make_bridge(const model::Decoder& decoder,
                                                               const InputsBench& options) {
  const model::DecoderConfig& config = decoder.config();
  base::Json layers = base::Json::array();
  RandomTensors tensors;
  for (int layer = 0; layer < config.num_layers; layer += kLayersApart) {
    layers.push_back(layer);
    const std::string prefix = "layers." + std::to_string(layer) + ".cross_attn";
    tensors.add(prefix + "_gate", {1});
    tensors.add(prefix + "_norm.weight", {config.hidden_size});
    tensors.add(prefix + ".q_proj.weight", {config.q_size(), config.hidden_size});
    tensors.add(prefix + ".k_proj.weight", {config.kv_size(), options.memory_width});
    tensors.add(prefix + ".v_proj.weight", {config.kv_size(), options.memory_width});
    tensors.add(prefix + ".o_proj.weight", {config.hidden_size, config.q_size()});
  }
  const base::Json settings = {{"bridge_type", "gated_cross_attention"},
                               {"version", 1},
                               {"hidden_size", config.hidden_size},
                               {"num_hidden_layers", config.num_layers},
                               {"memory_width", options.memory_width},
                               {"num_attention_heads", config.num_heads},
                               {"num_key_value_heads", config.num_kv_heads},
                               {"head_dim", config.head_dim},
                               {"layers", layers}};
  KITH_ASSIGN_OR_RETURN(const std::string weights, tensors.serialize());
  return model::MemoryBridge::parse(base::dump_json(settings), std::as_bytes(std::span(weights)),
                                    config,
                                    {.weights = decoder.weights(), .threads = options.threads});
}

// One user's tokens, the soft prompt in front, and where the cache keeps them.
struct User {
  std::vector<text::TokenId> tokens;
  std::vector<std::int32_t> blocks;
  model::AdapterShare adapter;
  std::shared_ptr<const model::SoftPrompt> prompt;
  std::shared_ptr<const model::ProjectedMemory> memory;
};

// Users that decode together, with or without inputs beside their tokens.
class Run {
 public:
  Run(model::Decoder& decoder, const InputsBench& options, std::vector<User> users)
      : decoder_(decoder),
        options_(options),
        users_(std::move(users)),
        cache_(decoder.make_cache(static_cast<int>(users_.size() * users_.front().blocks.size()))) {
  }

  Status prefill() {
    for (int done = 0; done < context();) {
      const int piece = std::min(64, context() - done);
      KITH_RETURN_IF_ERROR(step(done, piece));
      done += piece;
    }
    return {};
  }

  // Steps a second.
  Result<double> measure() {
    const auto start = BenchClock::now();
    for (int i = 0; i < options_.steps; ++i) KITH_RETURN_IF_ERROR(step(context() + i, 1));
    return options_.steps / seconds_since(start);
  }

 private:
  int context() const { return static_cast<int>(users_.front().tokens.size()) - options_.steps; }

  Status step(int position, int count) {
    chunks_.clear();
    for (const User& user : users_) {
      chunks_.push_back({.tokens = std::span(user.tokens)
                                       .subspan(static_cast<std::size_t>(position),
                                                static_cast<std::size_t>(count)),
                         .position = position,
                         .blocks = user.blocks,
                         .adapters = {&user.adapter, 1},
                         .soft_prompt = user.prompt.get(),
                         .memory = user.memory.get()});
    }
    return decoder_.forward(chunks_, cache_, logits_);
  }

  model::Decoder& decoder_;
  const InputsBench& options_;
  std::vector<User> users_;
  nn::KvCache cache_;
  std::vector<model::Chunk> chunks_;
  std::vector<float> logits_;
};

// `bridge` may be null: adapters alone.
Result<std::vector<User>> make_users(
    const model::Decoder& decoder, const model::MemoryBridge* bridge,
    const std::vector<std::shared_ptr<const model::Adapter>>& adapters,
    const InputsBench& options) {
  base::Rng rng(1);
  std::vector<User> users(static_cast<std::size_t>(options.users));
  std::int32_t next_block = 0;
  for (std::size_t i = 0; i < users.size(); ++i) {
    User& user = users[i];
    user.adapter = {adapters[i % static_cast<std::size_t>(options.adapters)].get(), 1.0F};
    if (bridge != nullptr) {
      const int width = decoder.config().hidden_size;
      KITH_ASSIGN_OR_RETURN(
          user.prompt,
          model::SoftPrompt::create(
              random_values(rng, static_cast<std::size_t>(options.soft_rows * width), 0.1), width));
      for (int row = 0; row < options.soft_rows; ++row) {
        user.tokens.push_back(model::soft_token(row));
      }
      KITH_ASSIGN_OR_RETURN(
          const auto memory,
          model::MemoryMatrix::create(
              random_values(
                  rng, static_cast<std::size_t>(options.memory_rows * options.memory_width), 1.0),
              options.memory_width));
      KITH_ASSIGN_OR_RETURN(user.memory, bridge->project(*memory));
    }
    for (int token = 0; token < options.context_tokens + options.steps; ++token) {
      user.tokens.push_back(static_cast<text::TokenId>(
          rng.below(static_cast<std::uint64_t>(decoder.config().vocab_size))));
    }
    user.blocks.resize((user.tokens.size() + nn::kBlockTokens - 1) / nn::kBlockTokens);
    std::iota(user.blocks.begin(), user.blocks.end(), next_block);
    next_block += static_cast<std::int32_t>(user.blocks.size());
  }
  return users;
}

Status check(const InputsBench& options, std::size_t num_adapters) {
  if (options.users < 1 || options.adapters < 1 || options.context_tokens < 1 ||
      options.steps < 1 || options.soft_rows < 1 || options.memory_rows < 1) {
    return Error{ErrorCode::kInvalidArgument, "users, adapters, tokens and rows must be positive"};
  }
  if (static_cast<std::size_t>(options.adapters) > num_adapters) {
    return Error{ErrorCode::kInvalidArgument, "the model has " + std::to_string(num_adapters) +
                                                  " adapters, the measurement needs " +
                                                  std::to_string(options.adapters)};
  }
  return {};
}

}  // namespace

Result<InputsResult> bench_inputs(
    model::Decoder& decoder, const std::vector<std::shared_ptr<const model::Adapter>>& adapters,
    const InputsBench& options) {
  KITH_RETURN_IF_ERROR(check(options, adapters.size()));
  KITH_ASSIGN_OR_RETURN(const auto bridge, make_bridge(decoder, options));
  KITH_ASSIGN_OR_RETURN(auto plain_users, make_users(decoder, nullptr, adapters, options));
  KITH_ASSIGN_OR_RETURN(auto users, make_users(decoder, bridge.get(), adapters, options));
  Run plain(decoder, options, std::move(plain_users));
  Run full(decoder, options, std::move(users));
  KITH_RETURN_IF_ERROR(plain.prefill());
  KITH_RETURN_IF_ERROR(full.prefill());
  InputsResult result{.users = options.users,
                      .adapters = options.adapters,
                      .context_tokens = options.context_tokens,
                      .soft_rows = options.soft_rows,
                      .memory_rows = options.memory_rows,
                      .bridge_layers = static_cast<int>(bridge->layers().size()),
                      .bridge_bytes = bridge->bytes()};
  for (int round = 0; round < options.rounds; ++round) {
    KITH_ASSIGN_OR_RETURN(const double plain_steps, plain.measure());
    KITH_ASSIGN_OR_RETURN(const double steps, full.measure());
    result.plain_tokens_per_second =
        std::max(result.plain_tokens_per_second, plain_steps * options.users);
    result.tokens_per_second = std::max(result.tokens_per_second, steps * options.users);
  }
  if (result.plain_tokens_per_second > 0.0) {
    result.ratio = result.tokens_per_second / result.plain_tokens_per_second;
  }
  return result;
}

}  // namespace kith::engine
