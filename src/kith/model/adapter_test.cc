#include "kith/model/adapter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kith/base/json.h"
#include "kith/base/test_directory.h"
#include "kith/model/adapter_config.h"
#include "kith/model/test_model.h"

namespace kith::model {
namespace {

using base::Json;
using testing::AllOf;
using testing::HasSubstr;

const DecoderConfig& tiny_config() {
  static const DecoderConfig config = *parse_decoder_config(tiny_config_json());
  return config;
}

Json settings() { return {{"peft_type", "LORA"}, {"r", 4}, {"lora_alpha", 8}}; }

class AdapterTest : public testing::Test {
 protected:
  Result<std::shared_ptr<const Adapter>> load(tensor::DType storage = tensor::DType::kF32) {
    write_tiny_adapter(dir_.path() / "warm", tensors_, base::dump_json(settings_));
    return Adapter::load(dir_.path() / "warm", tiny_config(), storage);
  }

  std::string error() {
    const auto adapter = load();
    return adapter ? "no error" : adapter.error().message;
  }

  base::TestDirectory dir_;
  NamedTensors tensors_ = tiny_adapter(1);
  Json settings_ = settings();
};

TEST_F(AdapterTest, ReadsAllProjections) {
  const auto adapter = load();
  ASSERT_TRUE(adapter) << adapter.error().message;
  EXPECT_EQ((*adapter)->name(), "warm");
  EXPECT_EQ((*adapter)->max_rank(), 4);
  const nn::Lora* down = (*adapter)->find_lora(2, Target::kDown);
  ASSERT_NE(down, nullptr);
  EXPECT_EQ(down->in, 48);
  EXPECT_EQ(down->out, 32);
  EXPECT_FLOAT_EQ(down->scale, 2.0F);
  // Per layer: rank 4 times the sums of inputs and outputs.
  const std::size_t widths = 64 + 48 + 48 + 64 + 80 + 80 + 80;
  EXPECT_EQ((*adapter)->bytes(), 3 * 4 * widths * sizeof(float));
  EXPECT_EQ((*load(tensor::DType::kBf16))->bytes(), 3 * 4 * widths * 2);
}

TEST_F(AdapterTest, VersionChangesWithTheBytes) {
  const std::string version = (*load())->version();
  EXPECT_EQ((*load())->version(), version);
  tensors_.begin()->second.values[0] += 1.0F;
  EXPECT_NE((*load())->version(), version);
  EXPECT_EQ(version.size(), 16U);
}

TEST_F(AdapterTest, LeavesOutWhatTheFileLeavesOut) {
  std::erase_if(tensors_, [](const auto& entry) {
    return entry.first.find("layers.1.self_attn.v_proj") == std::string::npos;
  });
  const auto adapter = load();
  ASSERT_TRUE(adapter) << adapter.error().message;
  EXPECT_NE((*adapter)->find_lora(1, Target::kV), nullptr);
  EXPECT_EQ((*adapter)->find_lora(1, Target::kQ), nullptr);
  EXPECT_EQ((*adapter)->find_lora(0, Target::kV), nullptr);
}

TEST_F(AdapterTest, AcceptsKeysWithTheAdapterName) {
  NamedTensors renamed;
  for (auto& [name, tensor] : tensors_) {
    renamed[name.substr(0, name.size() - 6) + "default.weight"] = tensor;
  }
  tensors_ = renamed;
  EXPECT_EQ(error(), "no error");
}

TEST_F(AdapterTest, RefusesFeaturesByName) {
  const std::vector<std::pair<const char*, Json>> features{
      {"use_dora", true},
      {"modules_to_save", {"lm_head"}},
      {"bias", "all"},
      {"lora_bias", true},
      {"peft_type", "LOHA"},
      {"layer_replication", Json::array({Json::array({0, 2})})},
      {"target_parameters", {"experts.down"}},
      {"init_lora_weights", "pissa"},
      {"init_lora_weights", "pissa_niter_16"},
      {"init_lora_weights", "OLoRA"},
      {"init_lora_weights", "corda"},
      {"init_lora_weights", "loftq"},
      {"init_lora_weights", "of_a_later_version"},
      {"init_lora_weights", 3}};
  for (const auto& [key, value] : features) {
    settings_ = settings();
    settings_[key] = value;
    EXPECT_THAT(error(), HasSubstr(key));
  }
}

TEST_F(AdapterTest, AcceptsInitializationsThatLeaveTheBaseAsItIs) {
  for (const Json& value : {Json(true), Json(false), Json(nullptr), Json("gaussian"), Json("eva"),
                            Json("orthogonal")}) {
    settings_["init_lora_weights"] = value;
    EXPECT_EQ(error(), "no error") << value;
  }
}

TEST_F(AdapterTest, IgnoresKeysItDoesNotKnow) {
  settings_["invented_by_a_later_version"] = {{"deep", true}};
  settings_["base_model_name_or_path"] = nullptr;
  EXPECT_EQ(error(), "no error");
}

TEST_F(AdapterTest, RefusesTensorsOfOtherModulesOrLayers) {
  const std::vector<std::string> names{
      "base_model.model.lm_head.lora_A.weight",
      "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight",
      "base_model.model.model.layers.-1.self_attn.q_proj.lora_A.weight",
      "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector.weight",
      "base_model.model.model.embed_tokens.lora_embedding_A",
      "prompt_embeddings"};
  for (const std::string& name : names) {
    tensors_ = tiny_adapter(1);
    tensors_[name] = {{4, 32}, std::vector<float>(128)};
    EXPECT_THAT(error(), HasSubstr(name));
  }
}

TEST_F(AdapterTest, RefusesShapesThatDoNotFit) {
  const std::string module = "base_model.model.model.layers.0.self_attn.k_proj";
  tensors_[module + ".lora_B.weight"] = {{32, 4}, std::vector<float>(128)};
  EXPECT_THAT(error(), HasSubstr("layers.0.self_attn.k_proj"));
  tensors_ = tiny_adapter(1);
  settings_["r"] = 8;
  EXPECT_THAT(error(), HasSubstr("shapes must be"));
  settings_ = settings();
  tensors_.erase(module + ".lora_A.weight");
  EXPECT_THAT(error(), HasSubstr("must both be there"));
}

constexpr const char* kSomeB = "base_model.model.model.layers.1.mlp.up_proj.lora_B.weight";
constexpr const char* kSomeA = "base_model.model.model.layers.1.mlp.up_proj.lora_A.weight";

TEST_F(AdapterTest, RefusesWeightsThatAreNotFiniteByName) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  // The last is finite, and its product with an activation would not be.
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), kInfinity, -kInfinity, 3e38F}) {
    for (const char* name : {kSomeA, kSomeB}) {
      tensors_ = tiny_adapter(1);
      tensors_[name].values.back() = bad;
      EXPECT_THAT(error(), AllOf(HasSubstr("finite"), HasSubstr(name))) << bad;
    }
  }
}

TEST_F(AdapterTest, RefusesScalesThatAreNotFinite) {
  for (const double alpha : {1e300, -1e300, 1e8}) {
    settings_["lora_alpha"] = alpha;
    EXPECT_THAT(error(), HasSubstr("scale"));
  }
}

// Each factor is small enough, the update is not; in int8 its scales would overflow.
TEST_F(AdapterTest, RefusesUpdatesThatWouldDrownTheModel) {
  tensors_[kSomeA].values.assign(tensors_[kSomeA].values.size(), 1e4F);
  tensors_[kSomeB].values.assign(tensors_[kSomeB].values.size(), 1e4F);
  for (const auto storage : {tensor::DType::kF32, tensor::DType::kBf16, tensor::DType::kInt8}) {
    const auto adapter = load(storage);
    ASSERT_FALSE(adapter);
    EXPECT_THAT(adapter.error().message, AllOf(HasSubstr("too large"), HasSubstr("mlp.up_proj")));
  }
}

// What is let in must not break an answer, however large it is and however it is held.
TEST_F(AdapterTest, TheLargestUpdatesKeepLogitsFinite) {
  settings_["lora_alpha"] = 4;
  for (auto& [name, tensor] : tensors_) {
    const float size = name.find("lora_A") != std::string::npos ? 0.0025F : 1e6F;
    for (float& value : tensor.values) value = value < 0.0F ? -size : size;
  }
  write_tiny_model(dir_.path() / "model", 3);
  std::vector<text::TokenId> tokens;
  for (int i = 0; i < 40; ++i) tokens.push_back(i * 7 % 96);
  for (const auto storage : {tensor::DType::kF32, tensor::DType::kBf16, tensor::DType::kInt8}) {
    const auto adapter = load(storage);
    ASSERT_TRUE(adapter) << adapter.error().message;
    const auto decoder = Decoder::load(dir_.path() / "model", {storage, 1});
    ASSERT_TRUE(decoder) << decoder.error().message;
    const auto logits = whole_logits(**decoder, tokens, adapter->get());
    EXPECT_TRUE(std::all_of(logits.begin(), logits.end(), [](float v) { return std::isfinite(v); }))
        << tensor::dtype_name(storage);
  }
}

TEST_F(AdapterTest, TheFileItselfSaysWhichPatternIsFirst) {
  write_tiny_adapter(dir_.path() / "ordered", tensors_, R"({"r": 4, "lora_alpha": 4,
    "alpha_pattern": {"q_proj": 64, "layers.0.self_attn.q_proj": 1}})");
  const auto adapter = Adapter::load(dir_.path() / "ordered", tiny_config());
  ASSERT_TRUE(adapter) << adapter.error().message;
  EXPECT_FLOAT_EQ((*adapter)->find_lora(0, Target::kQ)->scale, 16.0F);
}

TEST_F(AdapterTest, RefusesPickledWeights) {
  std::filesystem::create_directories(dir_.path() / "old");
  write_text(dir_.path() / "old/adapter_config.json", base::dump_json(settings()));
  write_text(dir_.path() / "old/adapter_model.bin", "anything");
  const auto adapter = Adapter::load(dir_.path() / "old", tiny_config());
  ASSERT_FALSE(adapter);
  EXPECT_THAT(adapter.error().message, HasSubstr("pickled"));
}

TEST_F(AdapterTest, ReportsAMissingDirectory) {
  const auto adapter = Adapter::load(dir_.path() / "absent", tiny_config());
  ASSERT_FALSE(adapter);
  EXPECT_EQ(adapter.error().code, ErrorCode::kNotFound);
}

TEST(AdapterConfigTest, NamesTheKeysItIgnores) {
  const auto config = parse_adapter_config(R"({"r": 4, "peft_version": "9", "invented": 1})");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->ignored_keys, std::vector<std::string>{"invented"});
}

TEST(AdapterConfigTest, ScalesByAlphaOverRankOrItsRoot) {
  const auto plain = parse_adapter_config(R"({"r": 16, "lora_alpha": 8})");
  ASSERT_TRUE(plain);
  EXPECT_DOUBLE_EQ(*plain->scale_of("model.layers.0.mlp.up_proj", 16), 0.5);
  const auto stabilized = parse_adapter_config(R"({"r": 16, "lora_alpha": 8, "use_rslora": true})");
  ASSERT_TRUE(stabilized);
  EXPECT_DOUBLE_EQ(*stabilized->scale_of("model.layers.0.mlp.up_proj", 16), 2.0);
}

TEST(AdapterConfigTest, PatternsNameModulesOrTheirEnds) {
  const auto config = parse_adapter_config(
      R"({"r": 8, "lora_alpha": 8, "rank_pattern": {"k_proj": 2, "^model.layers.1.mlp.up_proj": 3},
          "alpha_pattern": {"layers.0.self_attn.k_proj": 6}})");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(*config->rank_of("model.layers.5.self_attn.k_proj"), 2);
  EXPECT_EQ(*config->rank_of("model.layers.5.self_attn.q_proj"), 8);
  EXPECT_EQ(*config->rank_of("model.layers.1.mlp.up_proj"), 3);
  EXPECT_DOUBLE_EQ(*config->scale_of("model.layers.0.self_attn.k_proj", 2), 3.0);
  EXPECT_DOUBLE_EQ(*config->scale_of("model.layers.1.self_attn.k_proj", 2), 4.0);
  // No part of a name: xk_proj is another module.
  EXPECT_EQ(*config->rank_of("model.layers.5.self_attn.xk_proj"), 8);
}

TEST(AdapterConfigTest, RefusesImpossibleNumbersAndBrokenExpressions) {
  for (const char* text :
       {R"({"r": 0})", R"({"r": 100000})", R"({"r": "8"})", R"({"lora_alpha": "x"})",
        R"({"rank_pattern": {"k_proj": -1}})", R"({"rank_pattern": {"k_proj": 16.5}})",
        R"({"rank_pattern": {"k_proj": 5000}})", R"({"rank_pattern": {"k_proj": "4"}})",
        R"({"rank_pattern": {"(k_proj": 4}})", R"({"rank_pattern": {"": 4}})",
        R"({"alpha_pattern": {"k_proj": null}})", R"({"alpha_pattern": []})", "[]", "{"}) {
    EXPECT_FALSE(parse_adapter_config(text)) << text;
  }
}

}  // namespace
}  // namespace kith::model
