#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "kith/base/test_directory.h"
#include "kith/eval/agreement.h"
#include "kith/eval/suites.h"

namespace kith::eval {
namespace {

using ::testing::HasSubstr;

// Under the adapter the right digit stands in the essay's first word; the model alone says 3.
class FakeMarker final : public personalize::Generator {
 public:
  personalize::GeneratorCapabilities capabilities() const override { return {}; }
  bool ready() const override { return true; }
  std::vector<AdapterId> adapter_names() const override { return {AdapterId(kEssayAdapter)}; }
  Result<std::vector<personalize::GeneratedText>> generate(
      const personalize::GenerationRequest&, personalize::DeltaSink*,
      const personalize::CancelToken&) override {
    return std::vector<personalize::GeneratedText>{};
  }
  Result<std::vector<double>> score(const personalize::ScoreRequest& request) override {
    const std::string& question = request.messages[0].content;
    const char right = request.adapters.empty() ? '3' : question[question.find("Essay:\n") + 7];
    std::vector<double> scores;
    for (const auto& digit : request.continuations) scores.push_back(digit[0] == right ? -1 : -2);
    return scores;
  }
};

std::vector<Essay> some_essays() {
  std::vector<Essay> essays;
  for (int i = 0; i < 24; ++i) {
    const int score = 1 + i % 6;
    std::string text = std::to_string(score);
    for (int w = 0; w < 10 * score; ++w)
      text += " word" + std::string(1, static_cast<char>('a' + w % 20));
    essays.push_back({"e" + std::to_string(i), "Write.", text, score,
                      i < 12 ? EssaySplit::kTrain : EssaySplit::kTest});
  }
  return essays;
}

TEST(EssaySuiteTest, MeasuresTheModelTheAdapterAndWhatCanBeCounted) {
  FakeMarker marker;
  const auto report = evaluate_essays(some_essays(), marker);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->figures.at("kappa").value, 0.0);  // one and the same score for all
  EXPECT_EQ(report->figures.at("kappa_tuned").value, 1.0);
  // Here length gives the score away.
  EXPECT_GT(report->figures.at("kappa").baselines.at("surface_features"), 0.9);
}

TEST(EssaySuiteTest, NeedsTrainAndTestEssays) {
  FakeMarker marker;
  EXPECT_THAT(evaluate_essays({}, marker).error().message, HasSubstr("no train or no test"));
}

// By the definition, over all pairs of scores.
TEST(AgreementTest, IsQuadraticWeightedKappa) {
  const std::array one{1, 2, 3, 4, 5, 6, 3, 2};
  const std::array other{1, 3, 3, 4, 4, 6, 5, 2};
  EXPECT_NEAR(quadratic_weighted_kappa(one, other), 0.8421052631578947, 1e-12);
  EXPECT_EQ(quadratic_weighted_kappa(one, one), 1.0);
  const std::array same{3, 3, 3, 3, 3, 3, 3, 3};
  EXPECT_EQ(quadratic_weighted_kappa(same, same), 0.0);
}

TEST(EssayDataTest, NamesTheRecordThatIsWrong) {
  const base::TestDirectory directory;
  directory.write("prompts.jsonl", R"({"id": "p1", "text": "Describe a place."})"
                                   "\n");
  const auto error_for = [&](const std::string& line) {
    directory.write("essays.jsonl", line + "\n");
    const auto essays = load_essays(directory.path());
    return essays ? essays->front().prompt : essays.error().message;
  };
  EXPECT_EQ(error_for(R"({"id":"e1","prompt":"p1","split":"valid","text":"t","score":6})"),
            "Describe a place.");
  EXPECT_THAT(error_for(R"({"id":"e1","prompt":"p9","split":"valid","text":"t","score":6})"),
              HasSubstr("prompt is unknown"));
  EXPECT_THAT(error_for(R"({"id":"e1","prompt":"p1","split":"dev","text":"t","score":6})"),
              HasSubstr("split must be train, valid or test"));
  EXPECT_THAT(error_for(R"({"id":"e1","prompt":"p1","split":"test","text":"t","score":7})"),
              HasSubstr("record 1: score must be in [1, 6]"));
}

TEST(EssayDataTest, CountsWhatNeedsNoReading) {
  const auto features = surface_features("One two, two.\n\nFour");
  EXPECT_EQ(features[0], 4.0);
  EXPECT_EQ(features[1], 2.0);
  EXPECT_EQ(features[2], 13.0 / 4.0);
  EXPECT_EQ(features[3], 0.75);
  EXPECT_EQ(features[4], 4.0);
  EXPECT_EQ(features[5], 0.25);
}

}  // namespace
}  // namespace kith::eval
