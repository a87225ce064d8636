#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "kith/base/test_directory.h"
#include "kith/eval/agreement.h"
#include "kith/eval/equating.h"
#include "kith/eval/essay_floors.h"
#include "kith/eval/suites.h"

namespace kith::eval {
namespace {

using ::testing::HasSubstr;

// Under the adapter the right level stands in the essay's first word; the model alone says 3.
class FakeMarker final : public personalize::Generator {
 public:
  // sureness: nats between the level it gives and any other
  explicit FakeMarker(double sureness = 50.0) : sureness_(sureness) {}
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
    for (const auto& digit : request.continuations) {
      scores.push_back(digit[0] == right ? 0.0 : -sureness_);
    }
    return scores;
  }

 private:
  double sureness_;
};

// The better, the longer, and all of them in the same words.
std::vector<Essay> some_essays() {
  std::vector<Essay> essays;
  for (int i = 0; i < 24; ++i) {
    const int level = 1 + i % kHighestTraitLevel;
    std::string text = std::to_string(level);
    for (int w = 0; w < 10 * level; ++w) text += w % 2 == 0 ? " so" : " and";
    const double each = level;
    const TraitLevels levels{each, each, each, each};
    essays.push_back({"e" + std::to_string(i), "Write.", text, levels, score_of_traits(levels),
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
  EXPECT_EQ(report->figures.at("kappa_content").value, 0.0);
  EXPECT_EQ(report->figures.at("kappa_tuned_conventions").value, 1.0);
  // Here length gives the score away.
  EXPECT_GT(report->figures.at("floor_length").value, 0.9);
  EXPECT_GT(report->figures.at("floor_surface").value, 0.9);
  EXPECT_LT(report->figures.at("kappa_over_floor_length").high, 0.0);
}

// All as long, told apart by one word.
TEST(EssayFloorTest, WordsTellWhatLengthDoesNot) {
  std::vector<Essay> essays;
  for (int i = 0; i < 30; ++i) {
    const bool good = i % 2 == 0;
    const std::string text = std::string(good ? "Therefore" : "Becos") + " the " +
                             static_cast<char>('a' + i % 7) + " dog barks.";
    essays.push_back({"e", "Write.", text, {}, good ? 6 : 1, EssaySplit::kTrain});
  }
  std::vector<const Essay*> train;
  for (const Essay& essay : essays) train.push_back(&essay);
  const auto words = EssayFloor::fit(train, EssayFeatures::kWords);
  EXPECT_GT(words.predict("Therefore it sleeps."), 4.5);
  EXPECT_LT(words.predict("Becos it sleeps."), 2.5);
  const auto length = EssayFloor::fit(train, EssayFeatures::kLength);
  EXPECT_EQ(length.predict("Therefore the a dog barks."), length.predict("Becos the a dog barks."));
}

TEST(EssayDataTest, TheScoreFollowsFromTheTraits) {
  EXPECT_EQ(score_of_traits({1, 1, 1, 1}), 1);
  EXPECT_EQ(score_of_traits({2, 2, 2, 2}), 2);
  EXPECT_EQ(score_of_traits({4, 3, 3, 2}), 4);
  EXPECT_EQ(score_of_traits({5, 5, 5, 5}), 6);
  // 15 points, but hardly an answer to the task.
  EXPECT_EQ(score_of_traits({1, 5, 4, 4}), 2);
  // 7.6 points are nearer to 8 than to 7.
  EXPECT_EQ(score_of_traits({1.8, 1.5, 1.5, 1.0}), 2);
}

TEST(EquatingTest, BringsMeanAndDeviationToTheOtherMarkers) {
  const std::array given{3.0, 3.5, 4.0};
  const std::array wanted{1.0, 3.0, 5.0};
  const Equating equate(given, wanted);
  EXPECT_NEAR(equate(3.0), 1.0, 1e-12);
  EXPECT_NEAR(equate(3.75), 4.0, 1e-12);
  const std::array same{2.0, 2.0};
  EXPECT_EQ(Equating(same, std::array{1.0, 5.0})(2.0), 2.0);
  EXPECT_EQ(Equating()(1.5), 1.5);
}

// An unsure marker gives everybody about three; the order is right.
TEST(EssaySuiteTest, ValidEssaysBringAnUnsureMarkerToScale) {
  FakeMarker marker(/*sureness=*/0.2);
  auto essays = some_essays();
  const double before = evaluate_essays(essays, marker)->figures.at("kappa_tuned").value;
  for (std::size_t i = 6; i < 12; ++i) essays[i].split = EssaySplit::kValid;
  const double after = evaluate_essays(essays, marker)->figures.at("kappa_tuned").value;
  EXPECT_LT(before, 0.3);
  EXPECT_GT(after, 0.9);
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
  EXPECT_EQ(
      error_for(
          R"({"id":"e1","prompt":"p1","split":"valid","text":"t",)"
          R"("traits":{"content":5,"organisation":5,"language":5,"conventions":5},"score":6})"),
      "Describe a place.");
  EXPECT_THAT(error_for(R"({"id":"e1","prompt":"p9","split":"valid","text":"t","score":6})"),
              HasSubstr("prompt is unknown"));
  EXPECT_THAT(error_for(R"({"id":"e1","prompt":"p1","split":"dev","text":"t","score":6})"),
              HasSubstr("split must be train, valid or test"));
  EXPECT_THAT(error_for(R"({"id":"e1","prompt":"p1","split":"test","text":"t","score":7})"),
              HasSubstr("record 1: score must be in [1, 6]"));
  EXPECT_THAT(error_for(R"({"id":"e1","prompt":"p1","split":"test","text":"t","score":6})"),
              HasSubstr("traits are missing"));
  EXPECT_THAT(error_for(R"({"id":"e1","prompt":"p1","split":"test","text":"t",)"
                        R"("traits":{"content":9},"score":6})"),
              HasSubstr("content must be in [1, 5]"));
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
