#include "kith/model/memory_bridge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kith/base/json.h"
#include "kith/base/test_directory.h"
#include "kith/model/projected_memory.h"
#include "kith/model/test_bridge.h"
#include "kith/tensor/safetensors.h"

namespace kith::model {
namespace {

using base::Json;
using testing::ElementsAre;
using testing::HasSubstr;

const DecoderConfig& tiny_config() {
  static const DecoderConfig kConfig = *parse_decoder_config(tiny_config_json());
  return kConfig;
}

Json settings() { return *base::parse_json(tiny_bridge_config_json()); }

Result<std::shared_ptr<const MemoryBridge>> parse(std::string_view config,
                                                  std::string_view weights) {
  return MemoryBridge::parse(config, std::as_bytes(std::span(weights)), tiny_config(), {});
}

class MemoryBridgeTest : public testing::Test {
 protected:
  std::string error() {
    const auto bridge = parse(base::dump_json(settings_), to_safetensors(tensors_));
    return bridge ? "no error" : bridge.error().message;
  }

  NamedTensors tensors_ = tiny_bridge(1);
  Json settings_ = settings();
};

TEST_F(MemoryBridgeTest, ReadsADirectory) {
  const base::TestDirectory dir;
  write_tiny_bridge(dir.path() / "desk", tensors_);
  const auto bridge = MemoryBridge::load(dir.path() / "desk", tiny_config(), {});
  ASSERT_TRUE(bridge) << bridge.error().message;
  EXPECT_EQ((*bridge)->name(), "desk");
  EXPECT_THAT((*bridge)->config().layers, ElementsAre(0, 2));
  EXPECT_EQ((*bridge)->find_layer(1), nullptr);
  const BridgeLayer* layer = (*bridge)->find_layer(2);
  ASSERT_NE(layer, nullptr);
  EXPECT_EQ(layer->slot, 1);
  EXPECT_EQ(layer->q.out(), 24);
  EXPECT_EQ(layer->kv.out(), 24);
  // Norm, q, k and v, o of two layers.
  EXPECT_GE((*bridge)->bytes(), 2 * sizeof(float) * (32 + 24 * 32 + 24 * 10 + 32 * 24));
}

TEST_F(MemoryBridgeTest, VersionChangesWithTheBytesOfEitherFile) {
  const auto version = [](const Json& config, const NamedTensors& tensors) {
    return (*parse(base::dump_json(config), to_safetensors(tensors)))->version();
  };
  const std::string original = version(settings_, tensors_);
  EXPECT_EQ(original.size(), 16U);
  EXPECT_EQ(version(settings_, tensors_), original);
  settings_["rms_norm_eps"] = 2e-5;
  EXPECT_NE(version(settings_, tensors_), original);
  tensors_.begin()->second.values[0] += 1.0F;
  EXPECT_NE(version(settings(), tensors_), original);
}

TEST_F(MemoryBridgeTest, LayersWithAGateOfZeroAreNotThere) {
  tensors_["layers.0.cross_attn_gate"].values = {0.0F};
  const auto bridge = parse(base::dump_json(settings_), to_safetensors(tensors_));
  ASSERT_TRUE(bridge) << bridge.error().message;
  EXPECT_EQ((*bridge)->find_layer(0), nullptr);
  ASSERT_NE((*bridge)->find_layer(2), nullptr);
  EXPECT_EQ((*bridge)->find_layer(2)->slot, 0);
}

TEST_F(MemoryBridgeTest, ProjectsAMemoryOfAnyLength) {
  const auto bridge = make_bridge(tensors_, tiny_config());
  for (const int rows : {1, 16, 17, 512}) {
    const auto projected = bridge->project(*random_memory(1, rows));
    ASSERT_TRUE(projected) << projected.error().message;
    EXPECT_EQ((*projected)->rows(), rows);
    EXPECT_EQ((*projected)->kv().shape(), (nn::KvShape{2, 2, 6, tensor::DType::kF32}));
    EXPECT_EQ((*projected)->kv().num_blocks(), (rows + 15) / 16);
    EXPECT_EQ(&(*projected)->bridge(), bridge.get());
  }
  const auto int8 = make_bridge(tensors_, tiny_config(), tensor::DType::kInt8);
  EXPECT_EQ((*int8->project(*random_memory(1, 3)))->kv().shape().dtype, tensor::DType::kBf16);
}

TEST_F(MemoryBridgeTest, ProjectsNothingWhereEveryGateIsZero) {
  const auto projected =
      make_bridge(tiny_bridge(1, 0.0F), tiny_config())->project(*random_memory(1, 5));
  ASSERT_TRUE(projected);
  EXPECT_EQ((*projected)->bytes(), 0U);
}

TEST_F(MemoryBridgeTest, RefusesAMemoryOfAnotherWidth) {
  const auto projected = make_bridge(tensors_, tiny_config())->project(*random_memory(1, 5, 13));
  ASSERT_FALSE(projected);
  EXPECT_EQ(projected.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(projected.error().message, HasSubstr("10 wide: 13"));
}

TEST_F(MemoryBridgeTest, RefusesADecoderOfAnotherShape) {
  settings_["num_hidden_layers"] = 4;
  EXPECT_THAT(error(), AllOf(HasSubstr("another shape"), HasSubstr("32 and num_hidden_layers 4"),
                             HasSubstr("not 32 and 3")));
}

TEST_F(MemoryBridgeTest, RefusesTensorsThatAreMissingMisshapenOrUnknown) {
  const std::string name = "layers.2.cross_attn.k_proj.weight";
  std::swap(tensors_[name].shape[0], tensors_[name].shape[1]);
  EXPECT_THAT(error(), HasSubstr(name + " must have shape [12, 10]: [10, 12]"));
  tensors_.erase(name);
  EXPECT_THAT(error(), HasSubstr("lacks tensor " + name));
  for (const std::string unknown : {"layers.1.cross_attn.k_proj.weight", "prompt_embeddings",
                                    "layers.0.cross_attn.k_proj.bias", "layers.0.mlp_gate"}) {
    tensors_ = tiny_bridge(1);
    tensors_[unknown] = {{2}, {1.0F, 2.0F}};
    EXPECT_THAT(error(), AllOf(HasSubstr("no layer of the bridge"), HasSubstr(unknown)));
  }
}

TEST_F(MemoryBridgeTest, RefusesValuesThatAreNotFinite) {
  for (const float value : {NAN, std::numeric_limits<float>::infinity()}) {
    for (const auto& [name, tensor] : tiny_bridge(1)) {
      tensors_ = tiny_bridge(1);
      tensors_[name].values.back() = value;
      EXPECT_THAT(error(), AllOf(HasSubstr(name), HasSubstr("finite")));
    }
  }
}

TEST_F(MemoryBridgeTest, RefusesTypesThatAreNoWeights) {
  const std::vector<std::int32_t> ones(static_cast<std::size_t>(32), 1);
  const auto bytes = tensor::serialize_safetensors(
      std::vector<tensor::TensorToSave>{{"layers.0.cross_attn_gate",
                                         tensor::DType::kInt32,
                                         {1},
                                         std::as_bytes(std::span(ones).first(1))}});
  const auto bridge = parse(base::dump_json(settings_), *bytes);
  ASSERT_FALSE(bridge);
  EXPECT_THAT(bridge.error().message,
              HasSubstr("layers.0.cross_attn_gate must be F32, F16 or BF16: I32"));
}

TEST_F(MemoryBridgeTest, RefusesImpossibleSettingsByName) {
  const std::vector<std::pair<const char*, std::vector<Json>>> cases{
      {"bridge_type", {nullptr, "perceiver", 3}},
      {"version", {nullptr, 0, 2, "1"}},
      {"hidden_size", {nullptr, 0, -32, 1 << 20, "32", 33}},
      {"num_hidden_layers", {nullptr, 0, 1 << 20, 4}},
      {"memory_width", {nullptr, 0, 1 << 20}},
      {"num_attention_heads", {nullptr, 0, 3, 1 << 20}},
      {"num_key_value_heads", {0, 3, 8}},
      {"head_dim", {nullptr, 0, 7, 1 << 20}},
      {"rms_norm_eps", {0.0, -1.0, 2.0, "x"}},
      {"layers",
       {nullptr, Json::array(), "all", Json::array({-1}), Json::array({3}), Json::array({0, 0}),
        Json::array({1.5}), Json::array({18446744073709551615U})}}};
  for (const auto& [key, values] : cases) {
    for (const Json& value : values) {
      settings_ = settings();
      settings_[key] = value;
      EXPECT_THAT(error(), HasSubstr(key)) << base::dump_json(value);
    }
  }
  EXPECT_FALSE(parse("[]", to_safetensors(tensors_)));
  EXPECT_FALSE(parse("{", to_safetensors(tensors_)));
}

TEST_F(MemoryBridgeTest, KeyValueHeadsAreTheHeadsWhereTheFileIsSilent) {
  settings_.erase("num_key_value_heads");
  settings_["num_attention_heads"] = 2;
  const auto config = parse_bridge_config(base::dump_json(settings_));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->num_kv_heads, 2);
}

TEST_F(MemoryBridgeTest, TellsTheEncoderThatItWasTrainedWith) {
  EXPECT_EQ(parse_bridge_config(base::dump_json(settings_))->encoder_version, "");
  settings_["encoder_version"] = "0123456789abcdef";
  const auto config = parse_bridge_config(base::dump_json(settings_));
  EXPECT_EQ(config->encoder_version, "0123456789abcdef");
  EXPECT_TRUE(config->ignored_keys.empty());
}

TEST_F(MemoryBridgeTest, IgnoresKeysItDoesNotKnow) {
  settings_["invented_by_a_later_version"] = {{"deep", true}};
  settings_["base_model_name_or_path"] = nullptr;
  EXPECT_EQ(error(), "no error");
  EXPECT_THAT(parse_bridge_config(base::dump_json(settings_))->ignored_keys,
              ElementsAre("invented_by_a_later_version"));
}

TEST_F(MemoryBridgeTest, ReportsAMissingDirectoryAndPickledWeights) {
  const base::TestDirectory dir;
  const auto absent = MemoryBridge::load(dir.path() / "absent", tiny_config(), {});
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::kNotFound);
  dir.write("bridge_config.json", tiny_bridge_config_json());
  dir.write("bridge_model.bin", "anything");
  const auto pickled = MemoryBridge::load(dir.path(), tiny_config(), {});
  ASSERT_FALSE(pickled);
  EXPECT_EQ(pickled.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(pickled.error().message, HasSubstr("pickled"));
}

// A cut file is refused; a flipped byte of the header is refused or gives a bridge whose sizes are
// those of the configuration.
TEST_F(MemoryBridgeTest, SurvivesFilesThatAreCutOrCorrupted) {
  const std::string config = tiny_bridge_config_json();
  std::string weights = to_safetensors(tensors_);
  for (std::size_t size = 0; size < weights.size(); size += size < 1500 ? 1 : 97) {
    EXPECT_FALSE(parse(config, weights.substr(0, size))) << size;
  }
  for (std::size_t at = 0; at < std::min<std::size_t>(weights.size(), 1500); ++at) {
    for (const int flip : {1, 16, 128}) {
      const char original = weights[at];
      weights[at] = static_cast<char>(original ^ flip);
      const auto bridge = parse(config, weights);
      if (bridge) {
        EXPECT_TRUE((*bridge)->project(*random_memory(1, 2)));
      }
      weights[at] = original;
    }
  }
}

}  // namespace
}  // namespace kith::model
