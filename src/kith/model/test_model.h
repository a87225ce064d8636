// Small models for the tests of this folder: random ones written to a temporary directory, and the
// public stories260K checkpoint where the test data are at hand.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kith/model/decoder.h"

namespace kith::model {

struct NamedTensor {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};
using NamedTensors = std::map<std::string, NamedTensor>;

// The tiny models differ in what their families differ in: Mistral has a window of 21 tokens, Qwen2
// biases, Qwen3 norms of its heads, which are twice as wide.
enum class TinyFamily : std::uint8_t { kLlama, kMistral, kQwen2, kQwen3 };
std::string tiny_family_name(TinyFamily family);

// config.json of a tiny model: hidden 32, 4 heads of 8 on 2 key-value heads, 3 layers,
// vocabulary 97.
std::string tiny_config_json(TinyFamily family = TinyFamily::kLlama);
// Random weights for it, and a random adapter of rank 4 on all seven projections.
NamedTensors tiny_weights(std::uint64_t seed, TinyFamily family = TinyFamily::kLlama);
NamedTensors tiny_adapter(std::uint64_t seed, TinyFamily family = TinyFamily::kLlama);

void write_tensors(const std::filesystem::path& path, const NamedTensors& tensors);
void write_text(const std::filesystem::path& path, std::string_view text);
// A whole model directory / adapter directory. `adapter_config` is the JSON text.
void write_tiny_model(const std::filesystem::path& dir, std::uint64_t seed,
                      TinyFamily family = TinyFamily::kLlama);
void write_tiny_adapter(const std::filesystem::path& dir, const NamedTensors& tensors,
                        std::string_view adapter_config);

// Blocks first, first + 1, ... enough for `tokens`.
std::vector<std::int32_t> consecutive_blocks(std::int32_t first, std::size_t tokens);

// Logits after every token of one sequence in a cache of its own, [tokens, vocab].
// Fails the test and returns nothing on an error.
std::vector<float> whole_logits(Decoder& decoder, std::span<const text::TokenId> tokens,
                                const Adapter* adapter = nullptr);
std::vector<float> whole_logits(Decoder& decoder, std::span<const text::TokenId> tokens,
                                std::span<const AdapterShare> adapters);

// Index of the largest of `logits`.
std::int32_t argmax(std::span<const float> logits);

// A committed checkpoint; see golden_test.cc.
std::filesystem::path testdata(const std::string& name);
// Directory `name` of the public test data, if present.
std::optional<std::filesystem::path> find_test_data(std::string_view name);
// The converted stories260K in `dir`; false if the data or Python are absent.
bool convert_stories(const std::filesystem::path& dir);

}  // namespace kith::model
