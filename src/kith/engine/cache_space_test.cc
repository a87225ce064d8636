#include "kith/engine/cache_space.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "kith/base/test_directory.h"
#include "kith/model/test_bridge.h"
#include "kith/model/test_model.h"

namespace kith::engine {
namespace {

std::shared_ptr<const model::SoftPrompt> rows(std::vector<float> values, int width = 2) {
  return *model::SoftPrompt::create(std::move(values), width);
}

std::string space_of_tenant(std::string tenant) {
  GenerateRequest request;
  request.cache_space = std::move(tenant);
  return cache_space_of(request);
}

std::string space_of_rows(std::vector<float> values, int width = 2) {
  GenerateRequest request;
  request.soft_prompt = rows(std::move(values), width);
  request.cache_space = "acme";
  return cache_space_of(request);
}

TEST(CacheSpaceTest, RowsAreTheSameSpaceOnlyIfAllOfThemAreEqual) {
  const std::vector<float> values{1, 2, 3, 4};
  EXPECT_EQ(space_of_rows(values), space_of_rows(values));
  std::set<std::string> spaces{space_of_tenant("acme"), space_of_rows(values),
                               space_of_rows(values, 4), space_of_rows({1, 2})};
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::vector<float> other = values;
    other[i] = std::nextafter(other[i], 9.0F);
    spaces.insert(space_of_rows(other));
  }
  EXPECT_EQ(spaces.size(), 8U);
  // A zero has two forms, whose keys and values may differ in a bit.
  EXPECT_NE(space_of_rows({0.0F, 1}), space_of_rows({-0.0F, 1}));
}

// Nothing that a client chooses may pass for what follows it.
TEST(CacheSpaceTest, PartsCannotBeMadeOfOtherParts) {
  const std::string whole = space_of_rows({1, 2});
  EXPECT_NE(space_of_tenant(whole.substr(std::string("t4:").size())), whole);
  EXPECT_NE(space_of_tenant("a"), space_of_tenant("b"));
}

class AdapterSpaceTest : public ::testing::Test {
 protected:
  std::shared_ptr<const model::Adapter> make_adapter(std::uint64_t seed) {
    const auto path = directory_.path() / std::to_string(seed);
    model::write_tiny_adapter(path, model::tiny_adapter(seed),
                              R"({"peft_type":"LORA","r":4,"lora_alpha":8})");
    return *model::Adapter::load(path, config_);
  }
  const base::TestDirectory directory_;
  const model::DecoderConfig config_ = *model::parse_decoder_config(model::tiny_config_json());
};

TEST_F(AdapterSpaceTest, VersionsAndWeightsAreTakenToTheLastBit) {
  const auto calm = make_adapter(1);
  const auto brisk = make_adapter(2);
  const float half = 0.5F;
  const std::vector<std::vector<WeightedAdapter>> blends{{},
                                                         {{calm, half}},
                                                         {{calm, std::nextafter(half, 1.0F)}},
                                                         {{calm, -half}},
                                                         {{brisk, half}},
                                                         {{calm, half}, {brisk, half}}};
  const auto space_of = [](const std::vector<WeightedAdapter>& adapters) {
    GenerateRequest request;
    request.adapters = adapters;
    return cache_space_of(request);
  };
  std::set<std::string> spaces;
  for (const auto& adapters : blends) spaces.insert(space_of(adapters));
  EXPECT_EQ(spaces.size(), blends.size());
}

TEST_F(AdapterSpaceTest, MemoriesAndTheirBridgesCount) {
  const auto make_bridge = [&](std::uint64_t seed) {
    return model::make_bridge(model::tiny_bridge(seed), config_);
  };
  const auto one = model::random_memory(1, 3);
  const auto other = model::random_memory(2, 3);
  const auto bridge = make_bridge(1);
  const auto newer = make_bridge(2);
  const auto space = [](const auto& held, const auto& matrix) {
    GenerateRequest request;
    request.memory = BridgedMemory{held, matrix};
    return cache_space_of(request);
  };
  EXPECT_EQ(space(bridge, one), space(bridge, model::random_memory(1, 3)));
  EXPECT_NE(space(bridge, one), space(bridge, other));
  EXPECT_NE(space(bridge, one), space(newer, one));
}

}  // namespace
}  // namespace kith::engine
