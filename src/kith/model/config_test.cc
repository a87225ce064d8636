#include "kith/model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/json.h"
#include "kith/base/test_directory.h"
#include "kith/model/test_model.h"

namespace kith::model {
namespace {

using base::Json;
using testing::ElementsAre;
using testing::HasSubstr;

Json tiny_json() { return *base::parse_json(tiny_config_json()); }

std::string error_of(const Json& json) {
  const auto config = parse_decoder_config(base::dump_json(json));
  return config ? "no error" : config.error().message;
}

TEST(DecoderConfigTest, ReadsALlama) {
  const auto config = parse_decoder_config(tiny_config_json());
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->architecture, "LlamaForCausalLM");
  EXPECT_EQ(config->head_dim, 8);
  EXPECT_EQ(config->q_size(), 32);
  EXPECT_EQ(config->kv_size(), 16);
  EXPECT_EQ(config->max_positions, 128);
  EXPECT_FLOAT_EQ(config->rms_norm_eps, 1e-5F);
  EXPECT_EQ(config->bos_token_id, 1);
  EXPECT_THAT(config->eos_token_ids, ElementsAre(2, 3));
  // Per layer q, o 32x32 each, k, v 16x32 each, three of 32x48, two norms; embedding, head, norm.
  EXPECT_EQ(config->num_parameters(), 3 * (2 * 1024 + 2 * 512 + 3 * 1536 + 64) + 2 * 97 * 32 + 32);
}

DecoderConfig family_config(const Json& json) {
  const auto config = parse_decoder_config(base::dump_json(json));
  EXPECT_TRUE(config) << config.error().message;
  return config ? *config : DecoderConfig{};
}

// A configuration that says nothing which its family takes for granted.
Json bare_json(const char* architecture) {
  Json json = tiny_json();
  json["architectures"] = {architecture};
  json["hidden_size"] = 1024;
  json["num_attention_heads"] = 32;
  for (const char* key : {"num_key_value_heads", "head_dim", "max_position_embeddings"}) {
    json.erase(key);
  }
  return json;
}

TEST(DecoderConfigTest, ReadsAMistral) {
  const DecoderConfig config = family_config(bare_json("MistralForCausalLM"));
  EXPECT_EQ(config.num_kv_heads, 8);
  EXPECT_EQ(config.head_dim, 32);
  EXPECT_EQ(config.sliding_window, 4096);
  EXPECT_EQ(config.max_positions, 131'072);
  EXPECT_FALSE(config.qkv_bias || config.o_bias || config.mlp_bias || config.qk_norm);
  Json json = bare_json("MistralForCausalLM");
  json["sliding_window"] = nullptr;
  json["head_dim"] = nullptr;
  EXPECT_EQ(family_config(json).sliding_window, 0);
  EXPECT_EQ(family_config(json).head_dim, 32);
  json["sliding_window"] = 0;
  EXPECT_THAT(error_of(json), HasSubstr("sliding_window must be in [1,"));
}

TEST(DecoderConfigTest, ReadsAQwen2) {
  Json json = bare_json("Qwen2ForCausalLM");
  json["use_sliding_window"] = false;
  json["sliding_window"] = 4096;
  const DecoderConfig config = family_config(json);
  EXPECT_EQ(config.num_kv_heads, 32);
  EXPECT_TRUE(config.qkv_bias);
  EXPECT_FALSE(config.o_bias || config.qk_norm);
  EXPECT_EQ(config.sliding_window, 0);
}

TEST(DecoderConfigTest, ReadsAQwen3) {
  const Json json = bare_json("Qwen3ForCausalLM");
  const DecoderConfig config = family_config(json);
  EXPECT_EQ(config.head_dim, 128);
  EXPECT_EQ(config.q_size(), 4096);
  EXPECT_TRUE(config.qk_norm);
  EXPECT_FALSE(config.qkv_bias || config.o_bias);
  // Two norms of 128 in each of the three layers.
  Json llama = json;
  llama["architectures"] = {"LlamaForCausalLM"};
  llama["head_dim"] = 128;
  EXPECT_EQ(config.num_parameters(), family_config(llama).num_parameters() + 3 * 2 * 128);
}

TEST(DecoderConfigTest, RefusesWindowsOnSomeLayers) {
  Json json = bare_json("Qwen3ForCausalLM");
  json["layer_types"] = {"full_attention", "full_attention", "full_attention"};
  EXPECT_EQ(error_of(json), "no error");
  json["layer_types"][1] = "sliding_attention";
  EXPECT_THAT(error_of(json), HasSubstr("sliding_attention"));
  json = bare_json("Qwen2ForCausalLM");
  json["use_sliding_window"] = true;
  EXPECT_THAT(error_of(json), HasSubstr("use_sliding_window"));
}

TEST(DecoderConfigTest, NamesAnUnknownArchitectureAndThoseSupported) {
  Json json = tiny_json();
  json["architectures"] = {"MambaForCausalLM"};
  EXPECT_THAT(error_of(json), HasSubstr("MambaForCausalLM"));
  EXPECT_THAT(error_of(json), HasSubstr("LlamaForCausalLM"));
  json.erase("architectures");
  EXPECT_THAT(error_of(json), HasSubstr("none is named"));
  json["model_type"] = "llama";
  EXPECT_EQ(error_of(json), "no error");
}

TEST(DecoderConfigTest, RefusesImpossibleSizes) {
  for (const char* key :
       {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
        "num_attention_heads", "num_key_value_heads", "max_position_embeddings"}) {
    for (const Json& value : {Json(0), Json(-4), Json(1LL << 40), Json("32"), Json(1.5)}) {
      Json json = tiny_json();
      json[key] = value;
      EXPECT_THAT(error_of(json), HasSubstr(key)) << value;
    }
  }
}

TEST(DecoderConfigTest, RefusesSizesThatDoNotFitEachOther) {
  Json json = tiny_json();
  json["num_key_value_heads"] = 3;
  EXPECT_THAT(error_of(json), HasSubstr("num_key_value_heads must divide"));
  json = tiny_json();
  json["head_dim"] = 7;
  EXPECT_THAT(error_of(json), HasSubstr("head_dim must be even"));
  json = tiny_json();
  json["hidden_size"] = 34;
  EXPECT_THAT(error_of(json), HasSubstr("must divide hidden_size"));
}

TEST(DecoderConfigTest, RefusesWhatItCannotCompute) {
  Json json = tiny_json();
  json["hidden_act"] = "gelu";
  EXPECT_THAT(error_of(json), HasSubstr("gelu"));
  json = tiny_json();
  json["rope_scaling"] = {{"rope_type", "yarn"}, {"factor", 4.0}};
  EXPECT_THAT(error_of(json), HasSubstr("yarn"));
  json = tiny_json();
  json["quantization_config"] = {{"bits", 4}};
  EXPECT_THAT(error_of(json), HasSubstr("quantization_config"));
}

TEST(DecoderConfigTest, ReadsBothSpellingsOfRopeScaling) {
  Json json = tiny_json();
  json["rope_theta"] = 500000.0;
  json["rope_scaling"] = {{"type", "linear"}, {"factor", 2.0}};
  const auto old_form = parse_decoder_config(base::dump_json(json));
  ASSERT_TRUE(old_form) << old_form.error().message;
  EXPECT_EQ(old_form->rope.kind, nn::RopeKind::kLinear);
  EXPECT_EQ(old_form->rope.factor, 2.0);

  json.erase("rope_theta");
  json.erase("rope_scaling");
  json["rope_parameters"] = {{"rope_type", "linear"}, {"factor", 2.0}, {"rope_theta", 500000.0}};
  const auto new_form = parse_decoder_config(base::dump_json(json));
  ASSERT_TRUE(new_form) << new_form.error().message;
  EXPECT_EQ(*new_form, *old_form);
}

TEST(DecoderConfigTest, RefusesImpossibleRopeScaling) {
  Json json = tiny_json();
  json["rope_scaling"] = {{"rope_type", "llama3"},
                          {"factor", 8.0},
                          {"low_freq_factor", 4.0},
                          {"high_freq_factor", 4.0},
                          {"original_max_position_embeddings", 64}};
  EXPECT_THAT(error_of(json), HasSubstr("high_freq_factor"));
  json["rope_scaling"]["low_freq_factor"] = 1.0;
  EXPECT_EQ(error_of(json), "no error");
  json["rope_scaling"]["factor"] = 0.0;
  EXPECT_THAT(error_of(json), HasSubstr("factor"));
  json["rope_scaling"] = {{"rope_type", "linear"}};
  EXPECT_THAT(error_of(json), HasSubstr("factor is missing"));
}

TEST(DecoderConfigTest, TakesEndTokensFromTheGenerationConfig) {
  const base::TestDirectory dir;
  write_text(dir.path() / "config.json", tiny_config_json());
  write_text(dir.path() / "generation_config.json", R"({"eos_token_id": 9})");
  const auto config = load_decoder_config(dir.path());
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_THAT(config->eos_token_ids, ElementsAre(9));
  EXPECT_EQ(config->bos_token_id, 1);
}

}  // namespace
}  // namespace kith::model
