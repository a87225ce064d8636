#include "kith/timeline/perceiver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kith/base/test_directory.h"
#include "kith/timeline/test_perceiver.h"

namespace kith::timeline {
namespace {

using testing::HasSubstr;

class PerceiverTest : public testing::Test {
 protected:
  std::unique_ptr<const Perceiver> load() const {
    auto perceiver = Perceiver::load(dir_.path(), 32, 1);
    EXPECT_TRUE(perceiver) << perceiver.error().message;
    return perceiver ? *std::move(perceiver) : nullptr;
  }

  std::string error() const {
    const auto perceiver = Perceiver::load(dir_.path(), 32, 1);
    return perceiver ? "no error" : perceiver.error().message;
  }

  static std::vector<float> random_states(int rows, std::uint64_t seed) {
    base::Rng rng(seed);
    std::vector<float> states(static_cast<std::size_t>(rows) * 32);
    for (float& value : states) value = static_cast<float>(4.0 * rng.uniform() - 2.0);
    return states;
  }

  const base::TestDirectory dir_;
};

TEST_F(PerceiverTest, AnEncoderMayHaveNone) { EXPECT_EQ(load(), nullptr); }

TEST_F(PerceiverTest, ReadsAnyNumberOfStatesUpToItsWindow) {
  TestPerceiver().write(dir_.path(), 1);
  const auto perceiver = load();
  EXPECT_EQ(perceiver->num_latents(), 4);
  for (const int rows : {1, 2, 16, 17, 21}) {
    const auto embedding = perceiver->read(random_states(rows, 2));
    ASSERT_TRUE(embedding);
    ASSERT_EQ(embedding->latents.size(), 4U * 32U);
    double square = 0.0;
    for (const float value : embedding->vector) square += value * value;
    EXPECT_NEAR(square, 1.0, 1e-5) << rows;
    for (const float value : embedding->latents) EXPECT_TRUE(std::isfinite(value));
  }
}

TEST_F(PerceiverTest, TellsOldStatesFromNewOnes) {
  TestPerceiver().write(dir_.path(), 1);
  const auto perceiver = load();
  const std::vector<float> states = random_states(2, 3);
  std::vector<float> turned(states.begin() + 32, states.end());
  turned.insert(turned.end(), states.begin(), states.begin() + 32);
  EXPECT_NE(perceiver->read(states)->latents, perceiver->read(turned)->latents);
}

TEST_F(PerceiverTest, ItsVersionIsThatOfItsBytes) {
  TestPerceiver().write(dir_.path(), 1);
  const std::string version = load()->version();
  EXPECT_EQ(load()->version(), version);
  TestPerceiver().write(dir_.path(), 2);
  EXPECT_NE(load()->version(), version);
}

TEST_F(PerceiverTest, RefusesFilesThatDoNotFit) {
  TestPerceiver({.width = 16}).write(dir_.path(), 1);
  EXPECT_THAT(error(), HasSubstr("width must be that of the encoder, 32: 16"));
  TestPerceiver({.window = 513}).write(dir_.path(), 1);
  EXPECT_THAT(error(), HasSubstr("window must be in [1, 512]"));
  TestPerceiver({.num_heads = 3}).write(dir_.path(), 1);
  EXPECT_THAT(error(), HasSubstr("must divide width"));
  TestPerceiver({.other_shapes = {{"layers.1.age_bias", {4}}}}).write(dir_.path(), 1);
  EXPECT_THAT(error(), HasSubstr("layers.1.age_bias"));
  TestPerceiver().write(dir_.path(), 1);
  ASSERT_TRUE(base::write_file_atomically(dir_.path() / "perceiver_config.json", "[1]"));
  EXPECT_THAT(error(), HasSubstr("must hold an object"));
  std::filesystem::remove(dir_.path() / "perceiver.safetensors");
  EXPECT_THAT(error(), HasSubstr("perceiver.safetensors"));
}

}  // namespace
}  // namespace kith::timeline
