// The own engine on the tiny seeded checkpoint of model's tests, with a tokenizer whose 96 tokens
// are two control tokens and the printable characters. For tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/test_directory.h"
#include "kith/runtime/engine_completions.h"
#include "kith/runtime/engine_generator.h"
#include "kith/text/byte_symbols.h"

namespace kith::runtime {

// Control tokens ("<|im_end|>", "<|im_start|>"), and the checkpoint's end of text.
inline constexpr text::TokenId kTurnEnd = 1;
inline constexpr text::TokenId kTurnStart = 95;
inline constexpr text::TokenId kTextEnd = 2;

class TinyEngineTest : public ::testing::Test {
 protected:
  // Positions of the model's context, and tokens of KV cache.
  virtual int context() const { return 256; }
  virtual int kv_tokens() const { return 8192; }
  // Of model's testdata, for the checkpoint; empty: none.
  virtual std::string bridge() const { return {}; }
  // Memory for adapters.
  virtual std::size_t max_adapter_bytes() const { return std::size_t{1} << 30; }

  void SetUp() override {
    const char* source = std::getenv("KITH_SOURCE_DIR");
    if (source == nullptr) GTEST_SKIP() << "KITH_SOURCE_DIR is not set";
    namespace fs = std::filesystem;
    const fs::path testdata = fs::path(source) / "src/kith/model/testdata";
    fs::copy(testdata / "gqa_tied", model_dir_, fs::copy_options::recursive);
    fs::create_directory(model_dir_ / "adapters");
    for (const char* name : {"calm", "brisk"}) {
      fs::copy(testdata / "adapter", model_dir_ / "adapters" / name, fs::copy_options::recursive);
    }
    write_config();
    write_tokenizer();
    EngineGeneratorOptions options;
    options.model_dir = model_dir_;
    options.adapters_dir = model_dir_ / "adapters";
    options.decoder = {.weights = tensor::DType::kF32};
    options.kv_tokens = kv_tokens();
    options.max_adapter_bytes = max_adapter_bytes();
    if (!bridge().empty()) options.bridge_dir = testdata / bridge();
    auto created = EngineGenerator::create(options, clock_);
    ASSERT_TRUE(created) << created.error().message;
    generator_ = *std::move(created);
    completions_ = std::make_unique<EngineCompletions>(*generator_);
  }

  void write_config() const {
    auto config = *base::parse_json(*base::read_file(model_dir_ / "config.json"));
    config["max_position_embeddings"] = context();
    ASSERT_TRUE(base::write_file_atomically(model_dir_ / "config.json", base::dump_json(config)));
  }

  void write_tokenizer() const {
    base::Json vocab = base::Json::object();
    for (int i = 0; i < 93; ++i) {
      vocab[text::bytes_to_symbols(std::string(1, static_cast<char>(' ' + i)))] = i + 2;
    }
    vocab[text::bytes_to_symbols("\n")] = 0;
    const auto token = [](int id, const char* content) {
      return base::Json{{"id", id}, {"content", content}, {"special", true}};
    };
    const base::Json root = {
        {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", base::Json::array()}}},
        {"pre_tokenizer",
         {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
        {"decoder", {{"type", "ByteLevel"}}},
        {"added_tokens", {token(kTurnStart, "<|im_start|>"), token(kTurnEnd, "<|im_end|>")}}};
    ASSERT_TRUE(base::write_file_atomically(model_dir_ / "tokenizer.json", base::dump_json(root)));
    const base::Json config = {
        {"eos_token", "<|im_end|>"},
        {"chat_template", "{% for m in messages %}<|im_start|>{{m.role}}..<|im_end|>{% endfor %}"}};
    ASSERT_TRUE(
        base::write_file_atomically(model_dir_ / "tokenizer_config.json", base::dump_json(config)));
  }

  const base::TestDirectory directory_;
  const std::filesystem::path model_dir_ = directory_.path() / "tiny";
  const base::SystemClock clock_;
  std::unique_ptr<EngineGenerator> generator_;
  std::unique_ptr<EngineCompletions> completions_;
};

}  // namespace kith::runtime
