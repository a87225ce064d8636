#include "kith/persona/border_training.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace kith::persona {
namespace {

TEST(BorderTrainingTest, JoinedPromptsKnowTheirSeamAndTheCutterFindsMost) {
  int found = 0;
  constexpr int kDraws = 200;
  for (int draw = 0; draw < kDraws; ++draw) {
    const JoinedPrompt joined =
        join_prompts("Who signs for the new contract?", "The scanner is dead again.",
                     static_cast<std::uint64_t>(draw));
    ASSERT_LE(joined.end, joined.begin);
    EXPECT_TRUE(joined.text.starts_with("Who signs for the new contract"));
    EXPECT_TRUE(joined.text.ends_with("he scanner is dead again."));
    const auto borders = find_borders(joined.text);
    found += std::any_of(borders.begin(), borders.end(),
                         [&](const PromptBorder& border) { return is_seam(border, joined); });
  }
  EXPECT_GT(found, kDraws * 9 / 10);
}

TEST(BorderTrainingTest, ABorderElsewhereIsNoSeam) {
  const JoinedPrompt joined{"aaa bbb. ccc ddd. eee fff", 17, 18};
  EXPECT_TRUE(is_seam({BorderKind::kSentence, Linker::kNone, 17, 18}, joined));
  EXPECT_FALSE(is_seam({BorderKind::kSentence, Linker::kNone, 8, 9}, joined));
}

TEST(BorderTrainingTest, FeaturesTellWhetherBothSidesAsk) {
  const auto feature = [](std::string_view prompt, BorderFeature which) {
    const auto borders = find_borders(prompt);
    EXPECT_EQ(borders.size(), 1U) << prompt;
    return describe_border(prompt, borders.at(0))[static_cast<std::size_t>(which)];
  };
  const std::string_view both = "Who signs for the contract? Also, how do I reset the scanner?";
  const std::string_view one = "The scanner on the dock is dead. How do I reset it now?";
  const std::string_view clause = "tell me who signs the contract, and how do I reset the scanner";
  EXPECT_EQ(feature(both, BorderFeature::kBothAsk), 1.0);
  EXPECT_EQ(feature(one, BorderFeature::kBothAsk), 0.0);
  EXPECT_EQ(feature(clause, BorderFeature::kBothAsk), 1.0);
  EXPECT_EQ(feature(clause, BorderFeature::kClauseRequest), 1.0);
  EXPECT_EQ(feature(both, BorderFeature::kClauseRequest), 0.0);
}

// By hand: one border a prompt with one feature of 1, true in 3 of 4 prompts, so the likelihood is
// that of a coin and its maximum at log(3).
TEST(BorderTrainingTest, FitsTheLogOddsOfACoin) {
  std::vector<BorderExample> examples;
  for (int i = 0; i < 400; ++i) {
    BorderExample example;
    BorderFeatures features{};
    features[static_cast<std::size_t>(BorderFeature::kLine)] = 1.0;
    example.borders.push_back(features);
    if (i % 4 != 0) example.truth = 0;
    examples.push_back(example);
  }
  const BorderFit fit = fit_borders(examples, 1e-9);
  EXPECT_NEAR(fit.weights[static_cast<std::size_t>(BorderFeature::kLine)], std::log(3.0), 1e-3);
  EXPECT_NEAR(fit.log_likelihood, 0.75 * std::log(0.75) + 0.25 * std::log(0.25), 1e-6);
}

TEST(BorderTrainingTest, WithoutBordersNothingIsLearned) {
  EXPECT_EQ(fit_borders({}).weights, BorderFeatures{});
  EXPECT_EQ(fit_borders(std::vector<BorderExample>(5)).weights, BorderFeatures{});
}

}  // namespace
}  // namespace kith::persona
