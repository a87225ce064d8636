#include "kith/model/soft_prompt_bridge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "kith/base/json.h"
#include "kith/base/test_directory.h"
#include "kith/model/bridge.h"
#include "kith/model/test_bridge.h"
#include "kith/tensor/safetensors.h"

namespace kith::model {
namespace {

using base::Json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kRows = 3;
constexpr int kInner = 8;

Json settings() {
  return {{"bridge_type", "soft_prompt"},
          {"version", 1},
          {"hidden_size", 32},
          {"memory_width", 10},
          {"rows", kRows},
          {"intermediate_size", kInner},
          {"rms_norm_eps", 1e-5},
          {"encoder_version", "enc"}};
}

std::vector<float> wave(std::size_t count, float scale) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = scale * std::sin(static_cast<float>(i) * 0.7F + 0.3F);
  }
  return values;
}

NamedTensors tensors() {
  NamedTensors tensors;
  tensors["norm.weight"] = {{10}, wave(10, 1.0F)};
  tensors["up_proj.weight"] = {{kInner, 10}, wave(80, 0.4F)};
  tensors["down_proj.weight"] = {{32, kInner}, wave(256, 0.4F)};
  return tensors;
}

Result<std::shared_ptr<const SoftPromptBridge>> parse(const Json& config,
                                                      const NamedTensors& named) {
  const std::string weights = to_safetensors(named);
  return SoftPromptBridge::parse(base::dump_json(config), std::as_bytes(std::span(weights)));
}

class SoftPromptBridgeTest : public testing::Test {
 protected:
  std::string error() {
    const auto bridge = parse(settings_, tensors_);
    return bridge ? "no error" : bridge.error().message;
  }

  NamedTensors tensors_ = tensors();
  Json settings_ = settings();
};

TEST_F(SoftPromptBridgeTest, RowsAreThoseOfTheReference) {
  const auto dir = testdata("soft_prompt_bridge");
  const auto bridge = SoftPromptBridge::load(dir);
  ASSERT_TRUE(bridge) << bridge.error().message;
  EXPECT_EQ((*bridge)->name(), "soft_prompt_bridge");
  EXPECT_EQ((*bridge)->config().encoder_version, "0123456789abcdef");
  const auto golden = tensor::SafetensorsFile::open(dir / "golden.safetensors");
  ASSERT_TRUE(golden) << golden.error().message;
  const auto values = [&](const char* name) {
    const auto view = golden->find(name);
    std::vector<float> out(static_cast<std::size_t>(view->num_elements()));
    std::memcpy(out.data(), view->bytes.data(), view->bytes.size());
    return out;
  };
  const auto memory = MemoryMatrix::create(values("memory"), (*bridge)->config().memory_width);
  const auto prompt = (*bridge)->project(**memory);
  ASSERT_TRUE(prompt) << prompt.error().message;
  const auto expected = values("prompt");
  ASSERT_EQ((*prompt)->values().size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR((*prompt)->values()[i], expected[i], 2e-6F) << i;
  }
}

// What a row becomes depends on that row alone, bit for bit.
TEST_F(SoftPromptBridgeTest, ARowDependsOnNoOther) {
  const auto bridge = parse(settings_, tensors_);
  ASSERT_TRUE(bridge) << bridge.error().message;
  const auto memory = random_memory(1, kRows);
  const auto prompt = *(*bridge)->project(*memory);
  settings_["rows"] = 1;
  const auto single = *parse(settings_, tensors_);
  for (int row = 0; row < kRows; ++row) {
    const auto values = memory->values().subspan(static_cast<std::size_t>(row) * 10, 10);
    const auto alone = single->project(**MemoryMatrix::create({values.begin(), values.end()}, 10));
    ASSERT_TRUE(alone);
    EXPECT_TRUE(std::ranges::equal((*alone)->row(0), prompt->row(row))) << row;
  }
}

TEST_F(SoftPromptBridgeTest, RefusesAMemoryOfAnotherShape) {
  const auto bridge = *parse(settings_, tensors_);
  for (const auto& memory : {random_memory(1, kRows + 1), random_memory(1, kRows, 11)}) {
    const auto prompt = bridge->project(*memory);
    ASSERT_FALSE(prompt);
    EXPECT_EQ(prompt.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(prompt.error().message, HasSubstr("3 rows, 10 wide"));
  }
}

TEST_F(SoftPromptBridgeTest, RefusesRowsThatWouldNotBeFinite) {
  for (const char* name : {"up_proj.weight", "down_proj.weight"}) {
    for (float& value : tensors_[name].values) value *= 1e25F;
  }
  const auto bridge = parse(settings_, tensors_);
  ASSERT_TRUE(bridge) << bridge.error().message;
  EXPECT_FALSE((*bridge)->project(*random_memory(1, kRows)));
}

TEST_F(SoftPromptBridgeTest, VersionChangesWithTheBytesOfEitherFile) {
  const std::string original = (*parse(settings_, tensors_))->version();
  EXPECT_EQ((*parse(settings_, tensors_))->version(), original);
  settings_["rms_norm_eps"] = 2e-5;
  EXPECT_NE((*parse(settings_, tensors_))->version(), original);
  tensors_["norm.weight"].values[3] += 1.0F;
  EXPECT_NE((*parse(settings(), tensors_))->version(), original);
}

TEST_F(SoftPromptBridgeTest, RefusesTensorsThatAreMissingMisshapenOrUnknown) {
  for (const auto& [name, tensor] : tensors()) {
    tensors_ = tensors();
    tensors_.erase(name);
    EXPECT_THAT(error(), HasSubstr("lacks tensor " + name));
    tensors_ = tensors();
    tensors_[name].shape.push_back(1);
    EXPECT_THAT(error(), HasSubstr(name + " must have shape"));
    tensors_ = tensors();
    tensors_[name].values.back() = std::numeric_limits<float>::quiet_NaN();
    EXPECT_THAT(error(), AllOf(HasSubstr(name), HasSubstr("finite")));
  }
  tensors_ = tensors();
  tensors_["up_proj.bias"] = {{2}, {1.0F, 2.0F}};
  EXPECT_THAT(error(), HasSubstr("up_proj.bias"));
}

TEST_F(SoftPromptBridgeTest, RefusesImpossibleSettingsByName) {
  const std::vector<std::pair<const char*, std::vector<Json>>> cases{
      {"bridge_type", {nullptr, "gated_cross_attention", 3}},
      {"version", {nullptr, 0, 2, "1"}},
      {"hidden_size", {nullptr, 0, -32, 1 << 20, "32"}},
      {"memory_width", {nullptr, 0, 1 << 20}},
      {"rows", {nullptr, 0, 513, 1.5}},
      {"intermediate_size", {nullptr, 0, 1 << 20}},
      {"rms_norm_eps", {0.0, -1.0, 2.0, "x"}},
      {"encoder_version", {3, std::string(201, 'x')}}};
  for (const auto& [key, values] : cases) {
    for (const Json& value : values) {
      settings_ = settings();
      settings_[key] = value;
      EXPECT_THAT(error(), HasSubstr(key)) << base::dump_json(value);
    }
  }
  EXPECT_FALSE(SoftPromptBridge::parse("[]", {}));
  EXPECT_FALSE(SoftPromptBridge::parse("{", {}));
}

TEST_F(SoftPromptBridgeTest, IgnoresKeysItDoesNotKnow) {
  settings_["invented_by_a_later_version"] = true;
  settings_["base_model_name_or_path"] = nullptr;
  EXPECT_THAT((*parse(settings_, tensors_))->config().ignored_keys,
              ElementsAre("invented_by_a_later_version"));
}

TEST_F(SoftPromptBridgeTest, SurvivesFilesThatAreCut) {
  const std::string config = base::dump_json(settings_);
  const std::string weights = to_safetensors(tensors_);
  for (std::size_t size = 0; size < weights.size(); ++size) {
    const auto bytes = std::as_bytes(std::span(weights)).first(size);
    EXPECT_FALSE(SoftPromptBridge::parse(config, bytes)) << size;
  }
}

// Which of the two a directory holds is its configuration's to say.
TEST_F(SoftPromptBridgeTest, ADirectoryIsLoadedAsWhatItIs) {
  const base::TestDirectory dir;
  const DecoderConfig decoder = *parse_decoder_config(tiny_config_json());
  write_tiny_bridge(dir.path() / "attention", tiny_bridge(1));
  write_tiny_bridge(dir.path() / "prompt", tensors_, base::dump_json(settings_));
  const auto attention = load_bridge(dir.path() / "attention", decoder, {});
  ASSERT_TRUE(attention) << attention.error().message;
  EXPECT_EQ(attention->type(), BridgeType::kGatedCrossAttention);
  EXPECT_EQ(attention->memory_width(), kTinyMemoryWidth);
  EXPECT_EQ(attention->memory_rows(), 0);
  EXPECT_EQ(attention->encoder_version(), "");
  const auto prompt = load_bridge(dir.path() / "prompt", decoder, {});
  ASSERT_TRUE(prompt) << prompt.error().message;
  EXPECT_EQ(prompt->type(), BridgeType::kSoftPrompt);
  EXPECT_EQ(prompt->name(), "prompt");
  EXPECT_EQ(prompt->memory_rows(), kRows);
  EXPECT_EQ(prompt->encoder_version(), "enc");

  settings_["hidden_size"] = 16;
  tensors_["down_proj.weight"] = {{16, kInner}, wave(128, 0.4F)};
  write_tiny_bridge(dir.path() / "narrow", tensors_, base::dump_json(settings_));
  EXPECT_THAT(load_bridge(dir.path() / "narrow", decoder, {}).error().message,
              HasSubstr("hidden_size 16, not 32"));
  settings_["bridge_type"] = "telepathy";
  write_tiny_bridge(dir.path() / "odd", tensors_, base::dump_json(settings_));
  EXPECT_THAT(load_bridge(dir.path() / "odd", decoder, {}).error().message,
              AllOf(HasSubstr("odd"), HasSubstr("soft_prompt: telepathy")));
  EXPECT_EQ(load_bridge(dir.path() / "absent", decoder, {}).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace kith::model
