#include "kith/model/test_model.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "kith/base/rng.h"
#include "kith/tensor/safetensors.h"

namespace kith::model {
namespace {

constexpr int kHidden = 32;
constexpr int kHeads = 4;
constexpr int kKvHeads = 2;
constexpr int kIntermediate = 48;
constexpr int kVocab = 97;
constexpr int kLayers = 3;
constexpr int kRank = 4;

NamedTensor random_tensor(base::Rng& rng, std::vector<std::int64_t> shape, double size,
                          double mean = 0.0) {
  NamedTensor tensor{std::move(shape), {}};
  std::int64_t count = 1;
  for (const std::int64_t dim : tensor.shape) count *= dim;
  for (std::int64_t i = 0; i < count; ++i) {
    tensor.values.push_back(static_cast<float>(mean + size * (2.0 * rng.uniform() - 1.0)));
  }
  return tensor;
}

int head_dim(TinyFamily family) { return family == TinyFamily::kQwen3 ? 16 : 8; }

struct Projection {
  const char* name;
  int out;
  int in;
  bool has_bias = false;
};

std::vector<Projection> projections(TinyFamily family) {
  const int q = kHeads * head_dim(family);
  const int kv = kKvHeads * head_dim(family);
  const bool has_bias = family == TinyFamily::kQwen2;
  return {{"self_attn.q_proj", q, kHidden, has_bias},  {"self_attn.k_proj", kv, kHidden, has_bias},
          {"self_attn.v_proj", kv, kHidden, has_bias}, {"self_attn.o_proj", kHidden, q},
          {"mlp.gate_proj", kIntermediate, kHidden},   {"mlp.up_proj", kIntermediate, kHidden},
          {"mlp.down_proj", kHidden, kIntermediate}};
}

std::string layer_prefix(int layer) { return "model.layers." + std::to_string(layer) + "."; }

// What the family adds to config.json.
std::string family_json(TinyFamily family) {
  switch (family) {
    case TinyFamily::kLlama:
      return R"("architectures":["LlamaForCausalLM"])";
    case TinyFamily::kMistral:
      return R"("architectures":["MistralForCausalLM"],"sliding_window":21)";
    case TinyFamily::kQwen2:
      return R"("architectures":["Qwen2ForCausalLM"],"use_sliding_window":false,
                "sliding_window":21)";
    case TinyFamily::kQwen3:
      return R"("architectures":["Qwen3ForCausalLM"],"head_dim":16,"use_sliding_window":false)";
  }
  return {};
}

}  // namespace

std::string tiny_family_name(TinyFamily family) {
  constexpr const char* kNames[] = {"llama", "mistral", "qwen2", "qwen3"};
  return kNames[static_cast<int>(family)];
}

std::string tiny_config_json(TinyFamily family) {
  return "{" + family_json(family) + R"(,"vocab_size":97,"hidden_size":32,
    "intermediate_size":48,"num_hidden_layers":3,"num_attention_heads":4,"num_key_value_heads":2,
    "max_position_embeddings":128,"rms_norm_eps":1e-5,"tie_word_embeddings":false,
    "bos_token_id":1,"eos_token_id":[2,3]})";
}

NamedTensors tiny_weights(std::uint64_t seed, TinyFamily family) {
  base::Rng rng(seed);
  NamedTensors tensors;
  tensors["model.embed_tokens.weight"] = random_tensor(rng, {kVocab, kHidden}, 1.0);
  for (int layer = 0; layer < kLayers; ++layer) {
    const std::string prefix = layer_prefix(layer);
    tensors[prefix + "input_layernorm.weight"] = random_tensor(rng, {kHidden}, 0.3, 1.0);
    tensors[prefix + "post_attention_layernorm.weight"] = random_tensor(rng, {kHidden}, 0.3, 1.0);
    for (const Projection& p : projections(family)) {
      tensors[prefix + p.name + ".weight"] = random_tensor(rng, {p.out, p.in}, 0.35);
      if (p.has_bias) tensors[prefix + p.name + ".bias"] = random_tensor(rng, {p.out}, 0.3);
    }
    if (family != TinyFamily::kQwen3) continue;
    for (const char* norm : {"self_attn.q_norm.weight", "self_attn.k_norm.weight"}) {
      tensors[prefix + norm] = random_tensor(rng, {head_dim(family)}, 0.3, 1.0);
    }
  }
  tensors["model.norm.weight"] = random_tensor(rng, {kHidden}, 0.3, 1.0);
  tensors["lm_head.weight"] = random_tensor(rng, {kVocab, kHidden}, 0.5);
  return tensors;
}

NamedTensors tiny_adapter(std::uint64_t seed, TinyFamily family) {
  base::Rng rng(seed);
  NamedTensors tensors;
  for (int layer = 0; layer < kLayers; ++layer) {
    for (const Projection& p : projections(family)) {
      const std::string prefix = "base_model.model." + layer_prefix(layer) + p.name;
      tensors[prefix + ".lora_A.weight"] = random_tensor(rng, {kRank, p.in}, 0.3);
      tensors[prefix + ".lora_B.weight"] = random_tensor(rng, {p.out, kRank}, 0.3);
    }
  }
  return tensors;
}

void write_tensors(const std::filesystem::path& path, const NamedTensors& tensors) {
  std::vector<tensor::TensorToSave> to_save;
  for (const auto& [name, tensor] : tensors) {
    to_save.push_back(
        {name, tensor::DType::kF32, tensor.shape, std::as_bytes(std::span(tensor.values))});
  }
  const auto status = tensor::save_safetensors(path, to_save);
  ASSERT_TRUE(status) << status.error().message;
}

void write_text(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

void write_tiny_model(const std::filesystem::path& dir, std::uint64_t seed, TinyFamily family) {
  std::filesystem::create_directories(dir);
  write_text(dir / "config.json", tiny_config_json(family));
  write_tensors(dir / "model.safetensors", tiny_weights(seed, family));
}

void write_tiny_adapter(const std::filesystem::path& dir, const NamedTensors& tensors,
                        std::string_view adapter_config) {
  std::filesystem::create_directories(dir);
  write_text(dir / "adapter_config.json", adapter_config);
  write_tensors(dir / "adapter_model.safetensors", tensors);
}

std::vector<std::int32_t> consecutive_blocks(std::int32_t first, std::size_t tokens) {
  std::vector<std::int32_t> blocks;
  for (std::size_t i = 0; i < tokens; i += nn::kBlockTokens) blocks.push_back(first++);
  return blocks;
}

std::vector<float> whole_logits(Decoder& decoder, std::span<const text::TokenId> tokens,
                                const Adapter* adapter) {
  const AdapterShare share{adapter, 1.0F};
  return whole_logits(decoder, tokens, std::span(&share, adapter == nullptr ? 0 : 1));
}

std::vector<float> whole_logits(Decoder& decoder, std::span<const text::TokenId> tokens,
                                std::span<const AdapterShare> adapters) {
  const auto blocks = consecutive_blocks(0, tokens.size());
  nn::KvCache cache = decoder.make_cache(static_cast<int>(blocks.size()));
  const Chunk chunk{tokens, 0, blocks, adapters, true};
  std::vector<float> logits;
  const auto status = decoder.forward({&chunk, 1}, cache, logits);
  EXPECT_TRUE(status) << status.error().message;
  return logits;
}

std::int32_t argmax(std::span<const float> logits) {
  return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

std::filesystem::path testdata(const std::string& name) {
  const char* source = std::getenv("KITH_SOURCE_DIR");
  return std::filesystem::path(source != nullptr ? source : ".") / "src/kith/model/testdata" / name;
}

std::optional<std::filesystem::path> find_test_data(std::string_view name) {
  const char* source = std::getenv("KITH_SOURCE_DIR");
  const char* data = std::getenv("KITH_TEST_DATA");
  const std::filesystem::path root =
      data != nullptr ? data
                      : std::filesystem::path(source != nullptr ? source : ".") / "../shared/data";
  if (!std::filesystem::is_directory(root / name)) return std::nullopt;
  return root / name;
}

bool convert_stories(const std::filesystem::path& dir) {
  const char* source = std::getenv("KITH_SOURCE_DIR");
  const auto data = find_test_data("weights-stories260K");
  if (source == nullptr || !data) return false;
  const std::string command = "python3 '" + std::string(source) +
                              "/tools/convert_stories260k.py' '" +
                              (*data / "stories260K.bin").string() + "' '" +
                              (*data / "tok512.bin").string() + "' '" + dir.string() + "'";
  return std::system(command.c_str()) == 0;
}

}  // namespace kith::model
