#include "kith/engine/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <memory>
#include <set>

namespace kith::engine {
namespace {

// Probabilities 0.5, 0.25, 0.125, 0.125.
const std::array<float, 4> kLogits{std::log(8.0F), std::log(4.0F), std::log(2.0F), std::log(2.0F)};

std::array<double, 4> frequencies(const SamplingParams& params, int draws = 20'000) {
  std::array<double, 4> share{};
  // Penalties would count the draws of one sampler, so each draw is a sequence of its own.
  for (int i = 0; i < draws; ++i) {
    Sampler sampler(params, static_cast<std::uint64_t>(i), {});
    share[static_cast<std::size_t>(sampler.sample(kLogits)->token)] += 1.0 / draws;
  }
  return share;
}

TEST(SamplerTest, DrawsInProportionToTheProbabilities) {
  const auto share = frequencies({});
  const std::array<double, 4> expected{0.5, 0.25, 0.125, 0.125};
  double chi_square = 0.0;
  for (std::size_t i = 0; i < 4; ++i) {
    chi_square += 20'000 * std::pow(share[i] - expected[i], 2) / expected[i];
  }
  // The 99.9 % quantile with three degrees of freedom.
  EXPECT_LT(chi_square, 16.27);
}

// By hand: temperature 0.5 squares the ratios 4:2:1:1 to 16:4:1:1.
TEST(SamplerTest, TemperatureSharpensTheDistribution) {
  const auto share = frequencies({.temperature = 0.5});
  EXPECT_NEAR(share[0], 16.0 / 22.0, 0.015);
  EXPECT_NEAR(share[3], 1.0 / 22.0, 0.01);
}

TEST(SamplerTest, ZeroTemperatureTakesTheMostLikely) {
  Sampler sampler({.temperature = 0.0}, 0, {});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(sampler.sample(kLogits)->token, 0);
}

TEST(SamplerTest, TopKKeepsTheBestAndBreaksTiesByTheSmallerId) {
  const auto share = frequencies({.top_k = 3});
  EXPECT_NEAR(share[0], 4.0 / 7.0, 0.02);
  EXPECT_GT(share[2], 0.1);
  EXPECT_EQ(share[3], 0.0);
}

TEST(SamplerTest, TopPKeepsTheSmallestSetThatReachesIt) {
  const auto share = frequencies({.top_p = 0.6});
  EXPECT_NEAR(share[0], 2.0 / 3.0, 0.02);
  EXPECT_NEAR(share[1], 1.0 / 3.0, 0.02);
  EXPECT_EQ(share[2] + share[3], 0.0);
}

TEST(SamplerTest, MinPDropsWhatIsFarBelowTheBest) {
  const auto share = frequencies({.min_p = 0.3});
  EXPECT_EQ(share[2] + share[3], 0.0);
  EXPECT_NEAR(share[1], 1.0 / 3.0, 0.02);
}

// By hand: after one draw of token 0, a frequency penalty of ln 2 halves its odds: 2:2:1:1.
TEST(SamplerTest, FrequencyPenaltyCountsTheAnswerOnly) {
  const std::array<text::TokenId, 1> prompt{1};
  SamplingParams params{.temperature = 0.0, .frequency_penalty = 1.0};
  Sampler sampler(params, 0, prompt);
  EXPECT_EQ(sampler.sample(kLogits)->token, 0);
  EXPECT_EQ(sampler.sample(kLogits)->token, 1);
}

TEST(SamplerTest, RepetitionPenaltyCountsThePromptToo) {
  const std::array<text::TokenId, 1> prompt{0};
  Sampler sampler({.temperature = 0.0, .repetition_penalty = 3.0}, 0, prompt);
  EXPECT_EQ(sampler.sample(kLogits)->token, 1);
}

TEST(SamplerTest, LogitBiasMovesTheChoice) {
  SamplingParams params{.temperature = 0.0};
  params.logit_bias = {{3, 100.0F}, {99, 100.0F}};
  EXPECT_EQ(Sampler(params, 0, {}).sample(kLogits)->token, 3);
}

TEST(SamplerTest, ReportsTheModelsOwnLogProbabilities) {
  SamplingParams params{.temperature = 0.0, .top_logprobs = 2};
  params.logit_bias = {{1, 50.0F}};
  const auto sampled = Sampler(params, 0, {}).sample(kLogits);
  ASSERT_TRUE(sampled);
  EXPECT_EQ(sampled->token, 1);
  EXPECT_NEAR(sampled->logprob, std::log(0.25), 1e-5);
  ASSERT_EQ(sampled->top.size(), 2U);
  EXPECT_EQ(sampled->top[0].token, 0);
  EXPECT_NEAR(sampled->top[0].logprob, std::log(0.5), 1e-5);
}

// By hand: among tokens 1 to 3, probabilities are 0.5, 0.25, 0.25.
TEST(SamplerTest, UnderAMaskDrawsAndReportsWithinWhatIsAllowed) {
  const grammar::TokenMask mask(std::vector<std::uint64_t>{0b1110});
  std::array<double, 4> share{};
  for (int i = 0; i < 20'000; ++i) {
    Sampler sampler({.seed = static_cast<std::uint64_t>(i), .top_logprobs = 4}, 0, {});
    const auto sampled = sampler.sample(kLogits, &mask);
    ASSERT_TRUE(sampled);
    ASSERT_EQ(sampled->top.size(), 3U);
    EXPECT_EQ(sampled->top[0].token, 1);
    EXPECT_NEAR(sampled->logprob, std::log(sampled->token == 1 ? 0.5 : 0.25), 1e-5);
    share[static_cast<std::size_t>(sampled->token)] += 1.0 / 20'000;
  }
  EXPECT_EQ(share[0], 0.0);
  EXPECT_NEAR(share[1], 0.5, 0.015);
  EXPECT_NEAR(share[2], 0.25, 0.015);
  SamplingParams greedy{.temperature = 0.0};
  EXPECT_EQ(Sampler(greedy, 0, {}).sample(kLogits, &mask)->token, 1);
  greedy.logit_bias = {{0, 100.0F}, {3, 50.0F}};
  EXPECT_EQ(Sampler(greedy, 0, {}).sample(kLogits, &mask)->token, 3);
  EXPECT_FALSE(Sampler({}, 0, {}).sample(kLogits, std::make_unique<grammar::TokenMask>().get()));
}

TEST(SamplerTest, SameSeedAndStreamGiveTheSameDraws) {
  Sampler a({.seed = 5}, 2, {});
  Sampler b({.seed = 5}, 2, {});
  Sampler other({.seed = 5}, 3, {});
  int differing = 0;
  for (int i = 0; i < 50; ++i) {
    const auto token = a.sample(kLogits)->token;
    EXPECT_EQ(token, b.sample(kLogits)->token);
    differing += token != other.sample(kLogits)->token ? 1 : 0;
  }
  EXPECT_GT(differing, 5);
}

TEST(SamplerTest, RefusesLogitsThatAreNotNumbers) {
  Sampler sampler({}, 0, {});
  EXPECT_FALSE(sampler.sample(std::array<float, 2>{0.0F, NAN}));
  EXPECT_FALSE(sampler.sample({}));
}

TEST(SamplerTest, NeverDrawsATokenOfProbabilityZero) {
  const std::array<float, 3> logits{-INFINITY, 0.0F, -INFINITY};
  for (std::uint64_t i = 0; i < 100; ++i) {
    EXPECT_EQ(Sampler({.seed = i}, 0, {}).sample(logits)->token, 1);
  }
}

TEST(SamplingParamsTest, NamesTheParameterThatIsOutOfRange) {
  EXPECT_THAT((SamplingParams{.temperature = 3.0}).validate().error().message,
              ::testing::HasSubstr("temperature"));
  EXPECT_FALSE((SamplingParams{.top_p = 0.0}).validate());
  EXPECT_FALSE((SamplingParams{.min_p = NAN}).validate());
  EXPECT_FALSE((SamplingParams{.top_logprobs = 21}).validate());
  EXPECT_TRUE(SamplingParams{}.validate());
}

}  // namespace
}  // namespace kith::engine
