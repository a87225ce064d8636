// What the tests of `train` share: a tiny model, a tiny corpus, and what a run left.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>

#include "kith/base/file.h"
#include "kith/base/test_directory.h"
#include "kith/train/model_config.h"
#include "kith/train/recipe.h"
#include "kith/train/trainer.h"

namespace kith::train {

inline ModelConfig tiny_model() {
  ModelConfig config;
  config.vocab_size = 300;
  config.hidden_size = 32;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 8;
  config.intermediate_size = 48;
  config.max_position_embeddings = 64;
  return config;
}

// Texts and chats with some regularity in them.
inline std::string tiny_texts() {
  std::string lines;
  for (int i = 0; i < 60; ++i) {
    lines += "{\"text\": \"the printer on floor " + std::to_string(i % 9) +
             " needs paper and the scanner needs a new lamp\"}\n";
  }
  return lines;
}

inline std::string tiny_chats() {
  std::string lines;
  for (int i = 0; i < 40; ++i) {
    lines += "{\"messages\": [{\"role\": \"user\", \"content\": \"where is printer " +
             std::to_string(i % 7) +
             "\"}, {\"role\": \"assistant\", \"content\": \"it is on floor " +
             std::to_string(i % 7) + "\"}]}\n";
  }
  return lines;
}

// A recipe over both files in `directory`, which it writes; six steps on one thread.
inline Recipe tiny_recipe(const base::TestDirectory& directory) {
  Recipe recipe;
  recipe.output = directory.path() / "out";
  recipe.device = "cpu";
  recipe.threads = 1;
  recipe.model = tiny_model();
  recipe.tokenizer.vocab_size = 300;
  const auto texts = directory.write("texts.jsonl", tiny_texts());
  const auto chats = directory.write("chats.jsonl", tiny_chats());
  recipe.data = {{"texts", texts, 1.0, Packing::kStream, LossOn::kAll},
                 {"chats", chats, 0.5, Packing::kWhole, LossOn::kAssistant}};
  recipe.validation = {{"chats", chats, 1.0, Packing::kWhole, LossOn::kAssistant}};
  recipe.stages = {{1.0, 32}};
  recipe.optimizer.schedule.warmup_steps = 2;
  recipe.run.budget.steps = 6;
  recipe.run.batch_tokens = 256;
  recipe.run.micro_batch_tokens = 128;
  recipe.run.validate_every = 0;
  return recipe;
}

inline TrainOptions quiet() {
  TrainOptions options;
  options.quiet = true;
  return options;
}

inline std::string bytes_of(const std::filesystem::path& path) {
  const auto bytes = base::read_file(path);
  EXPECT_TRUE(bytes) << path;
  return bytes ? *bytes : std::string();
}

// The floats of the checkpoint's tensors, without the header, which holds the clock.
inline std::string weights_of(const Recipe& recipe) {
  const std::string bytes = bytes_of(recipe.output / "checkpoint.safetensors");
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof(header));
  return bytes.substr(8 + header);
}

}  // namespace kith::train
