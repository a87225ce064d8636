#include "kith/persona/calibration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace kith::persona {
namespace {

TEST(CalibrationTest, TemperatureUndoesAStretchOfTheLogits) {
  // 80 of 100 right with logits (a, 0): the likelihood is greatest where softmax(a / T) = 0.8, so
  // T = a / ln 4.
  std::vector<float> logits;
  std::vector<std::size_t> answers;
  for (std::size_t i = 0; i < 100; ++i) {
    logits.insert(logits.end(), {5.0F, 0.0F});
    answers.push_back(i < 80 ? 0 : 1);
  }
  auto certain = logits;
  to_probabilities(std::span(certain).first(2), fit_scale(logits, answers));
  EXPECT_NEAR(certain[0], 0.8, 1e-3);
  EXPECT_EQ(fit_scale({}, {}).temperature, 1.0F);
  EXPECT_EQ(fit_scale({}, {}).curvature, 0.0F);
}

// Pairs of logits drawn so that log-odds are 2 (h(a) - h(b)) with h of curvature 1.5: the fit finds
// curvature and temperature again.
TEST(CalibrationTest, FindsTheCurvatureOfMargins) {
  const ProbabilityScale truth{.temperature = 0.5F, .curvature = 1.5F};
  std::vector<float> logits;
  std::vector<std::size_t> answers;
  for (int a = -10; a <= 10; a += 2) {
    for (int b = -10; b <= 10; b += 2) {
      std::array pair{0.1F * static_cast<float>(a), 0.1F * static_cast<float>(b)};
      const auto margins = pair;
      to_probabilities(pair, truth);
      for (int i = 0; i < 200; ++i) {
        logits.insert(logits.end(), margins.begin(), margins.end());
        answers.push_back(static_cast<float>(i) + 0.5F < 200.0F * pair[0] ? 0 : 1);
      }
    }
  }
  const auto found = fit_scale(logits, answers);
  EXPECT_NEAR(found.curvature, truth.curvature, 0.05);
  EXPECT_NEAR(found.temperature, truth.temperature, 0.03);
}

TEST(CalibrationTest, ProbabilitiesOfGreatMarginsAreNumbers) {
  std::array logits{-1e9F, 1e9F, 0.0F, -1e9F};
  to_probabilities(logits, {.temperature = 0.01F, .curvature = 100.0F});
  EXPECT_NEAR(logits[1] + logits[2], 1.0F, 1e-6);
  std::array low{-1e9F, -2e9F};
  to_probabilities(low, {.temperature = 0.01F, .curvature = 100.0F});
  EXPECT_THAT(low, testing::ElementsAre(0.5F, 0.5F));
}

TEST(CalibrationTest, ErrorIsTheDistanceOfConfidenceAndAccuracy) {
  // By hand: four answers of confidence 0.9, three right: |0.9 - 0.75| = 0.15.
  const std::array confidences{0.9F, 0.9F, 0.9F, 0.9F};
  const std::array<char, 4> is_right{1, 1, 1, 0};
  EXPECT_NEAR(calibration_error(confidences, is_right), 0.15, 1e-6);
  EXPECT_EQ(calibration_error({}, {}), 0.0);
}

TEST(CalibrationTest, AurocCountsPairsAndHalvesTies) {
  // Pairs won: 2 beats 1, 1 ties 1 (half), 2 ties 2 (half), 1 < 2: (1 + 0.5 + 0.5) / 4.
  EXPECT_DOUBLE_EQ(auroc(std::array{1.0F, 2.0F}, std::array{1.0F, 2.0F}), 0.5);
  EXPECT_DOUBLE_EQ(auroc(std::array{1.0F, 2.0F}, std::array{3.0F}), 1.0);
  EXPECT_DOUBLE_EQ(auroc({}, std::array{3.0F}), 0.5);
}

TEST(CalibrationTest, MacroF1IsTheMeanOverLabelsThatOccur) {
  // Label 0: precision 1/2, recall 1 -> 2/3; label 1: 1 of 2 found, precision 1 -> 2/3; label 2
  // does not occur.
  const std::array<std::size_t, 3> given{0, 0, 1};
  const std::array<std::size_t, 3> answers{0, 1, 1};
  EXPECT_NEAR(macro_f1(given, answers, 3), 2.0 / 3.0, 1e-12);
}

TEST(CalibrationTest, QuantileLeavesTheShareAbove) {
  std::vector<float> values;
  for (int i = 0; i < 100; ++i) values.push_back(static_cast<float>(i));
  EXPECT_EQ(upper_quantile(values, 0.05), 94.0F);
  EXPECT_EQ(upper_quantile({1.0F}, 0.5), 1.0F);
}

TEST(CalibrationTest, ProbabilitiesSurviveGreatLogits) {
  std::array logits{1000.0F, 0.0F, -1000.0F};
  to_probabilities(logits, {});
  EXPECT_THAT(logits, testing::ElementsAre(1.0F, 0.0F, 0.0F));
}

}  // namespace
}  // namespace kith::persona
