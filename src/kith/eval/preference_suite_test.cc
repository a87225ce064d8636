#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/test_directory.h"
#include "kith/eval/bag_of_words.h"
#include "kith/eval/suites.h"

namespace kith::eval {
namespace {

using ::testing::HasSubstr;

// Under an adapter, drafts that name it are likely; `skill` 0 makes all drafts alike.
class FakeGenerator final : public personalize::Generator {
 public:
  explicit FakeGenerator(double skill) : skill_(skill) {}
  personalize::GeneratorCapabilities capabilities() const override { return {}; }
  bool ready() const override { return true; }
  std::vector<AdapterId> adapter_names() const override {
    return {AdapterId("calm"), AdapterId("brisk")};
  }
  Result<std::vector<personalize::GeneratedText>> generate(
      const personalize::GenerationRequest&, personalize::DeltaSink*,
      const personalize::CancelToken&) override {
    return std::vector<personalize::GeneratedText>{};
  }
  Result<std::vector<double>> score(const personalize::ScoreRequest& request) override {
    const std::string adapter = request.adapters.empty() ? "" : request.adapters[0].id.str();
    std::vector<double> scores;
    for (const auto& text : request.continuations) {
      // Every adapter and the base alike find this draft unusual.
      const double rare = text.find("rare") != std::string::npos ? -5.0 : 0.0;
      const bool fits = !adapter.empty() && text.find(adapter) != std::string::npos;
      scores.push_back((fits ? skill_ - 2.0 : -2.0) + rare);
    }
    return scores;
  }

 private:
  double skill_;
};

// Each persona chooses the draft that names it; the chosen one is longer in every second pair.
std::vector<PreferencePair> some_pairs() {
  std::vector<PreferencePair> pairs;
  for (const std::string persona : {"calm", "brisk"}) {
    const std::string other = persona == "calm" ? "brisk" : "calm";
    for (int i = 0; i < 16; ++i) {
      const std::string more = " and some words more";
      pairs.push_back({persona + std::to_string(i), persona, persona + std::to_string(i / 4),
                       i >= 8, "which?", "a " + persona + " answer" + (i % 2 == 0 ? more : ""),
                       "a " + other + " answer" + (i % 2 == 0 ? "" : more)});
    }
  }
  return pairs;
}

DeskData two_personas() {
  DeskData data;
  data.personas = {"calm", "brisk"};
  for (const std::string persona : {"calm", "brisk"}) {
    data.conversations.push_back(
        {persona + "9",
         persona,
         true,
         {{"user", "hi", {}}, {"assistant", "a " + persona + " one", {}}}});
  }
  return data;
}

TEST(PreferenceSuiteTest, ComparesTheTunedAdapterWithEveryBaseline) {
  FakeGenerator tuned(1.0);
  FakeGenerator before(0.0);
  const auto report = evaluate_preferences(two_personas(), some_pairs(), tuned, &before);
  ASSERT_TRUE(report) << report.error().message;
  const Figure& accuracy = report->figures.at("accuracy");
  EXPECT_EQ(accuracy.value, 1.0);
  EXPECT_EQ(accuracy.baselines.at("longer"), 0.5);
  EXPECT_EQ(accuracy.baselines.at("shorter"), 0.5);
  EXPECT_EQ(accuracy.baselines.at("bag_of_words"), 1.0);
  EXPECT_EQ(accuracy.baselines.at("base"), 0.5);
  EXPECT_EQ(accuracy.baselines.at("before"), 0.5);
  EXPECT_EQ(accuracy.baselines.at("best_other"), 0.0);
  EXPECT_EQ(accuracy.baselines.at("mean_other"), 0.0);
  EXPECT_EQ(report->figures.at("accuracy_calm").value, 1.0);
  EXPECT_EQ(report->figures.at("gain_over_longer").value, 0.5);
  EXPECT_EQ(report->figures.at("gain_over_before").value, 0.5);
  EXPECT_EQ(report->figures.at("accuracy_reworded").value, 1.0);
  EXPECT_FALSE(report->figures.contains("accuracy_reordered"));
  // By hand: e^1 a token after tuning, e^2 before.
  EXPECT_NEAR(report->figures.at("perplexity_change").value, std::exp(-1.0) - 1.0, 1e-9);
}

TEST(PreferenceSuiteTest, HowUsualADraftIsCountsInItsLikelihoodOnly) {
  FakeGenerator tuned(1.0);
  auto pairs = some_pairs();
  for (auto& pair : pairs) pair.chosen += " rare";
  const auto report = evaluate_preferences(two_personas(), pairs, tuned);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->figures.at("accuracy").value, 1.0);
  EXPECT_EQ(report->figures.at("accuracy_by_likelihood").value, 0.0);
  EXPECT_EQ(report->figures.at("accuracy_by_likelihood").baselines.at("base"), 0.0);
}

TEST(PreferenceSuiteTest, PairsOfOneWordingInTwoOrdersAreCountedApart) {
  FakeGenerator tuned(1.0);
  auto pairs = some_pairs();
  for (auto& pair : pairs) {
    if (pair.persona != "calm") continue;
    pair.chosen = "1. Call.\n2. Wait here.";
    pair.rejected = "1. Wait here.\n2. Call.";
  }
  const auto report = evaluate_preferences(two_personas(), pairs, tuned);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->figures.at("accuracy_reordered").value, 0.5);  // neither names the adapter
  EXPECT_EQ(report->figures.at("accuracy_reordered").baselines.at("bag_of_words"), 0.5);
  EXPECT_EQ(report->figures.at("accuracy_reworded").value, 1.0);
}

TEST(PreferencePairsTest, TheTuningPartIsOfTrainUsersAlone) {
  const auto pairs = some_pairs();
  const auto part = tuning_part(pairs);
  ASSERT_EQ(part.size(), 16U);
  for (const auto& pair : part) EXPECT_EQ(pair.is_test, pair.user == pair.persona + "0") << pair.id;
}

TEST(PreferenceSuiteTest, WithoutTheAdaptersBeforeWhatNeedsThemIsAbsent) {
  FakeGenerator tuned(1.0);
  const auto report = evaluate_preferences(two_personas(), some_pairs(), tuned);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_FALSE(report->figures.contains("gain_over_before"));
  EXPECT_FALSE(report->figures.contains("perplexity_change"));
  EXPECT_FALSE(report->figures.at("accuracy").baselines.contains("before"));
}

TEST(PreferenceSuiteTest, RefusesPairsOfNobodyAndNoPairs) {
  FakeGenerator tuned(1.0);
  auto pairs = some_pairs();
  pairs[3].persona = "loud";
  EXPECT_THAT(evaluate_preferences(two_personas(), pairs, tuned).error().message,
              HasSubstr("calm3 has an unknown persona"));
  EXPECT_THAT(evaluate_preferences(two_personas(), {}, tuned).error().message,
              HasSubstr("no test pairs"));
}

TEST(PreferencePairsTest, NamesThePairThatIsWrong) {
  const base::TestDirectory directory;
  const std::string good =
      R"({"id": "p1", "persona": "calm", "user": "u1", "split": "train", "question": "q", )"
      R"("chosen": "a", "rejected": "b"})"
      "\n";
  const auto error_for = [&](const std::string& lines) {
    const auto pairs = load_preference_pairs(directory.write("pairs.jsonl", lines));
    return pairs ? std::to_string(pairs->size()) + " pairs" : pairs.error().message;
  };
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string line = good;
    return line.replace(line.find(from), from.size(), to);
  };
  EXPECT_EQ(error_for(good + good), "2 pairs");
  EXPECT_THAT(error_for(good + changed("\"q\"", "\"\"")), HasSubstr("pair 2: question is missing"));
  EXPECT_THAT(error_for(changed("\"train\"", "\"tune\"")),
              HasSubstr("split must be train or test"));
  EXPECT_THAT(error_for(good + changed("\"train\"", "\"test\"")), HasSubstr("in both splits"));
  EXPECT_THAT(error_for(good + "{"), HasSubstr("pairs.jsonl"));
}

TEST(BagOfWordsTest, TellsClassesApartByTheirWords) {
  BagOfWords words(2);
  words.add(std::vector<std::string>{"van", "phone", "step"}, 0);
  words.add(std::vector<std::string>{"form", "deadline", "step"}, 1);
  EXPECT_EQ(words.classify(std::vector<std::string>{"phone", "step"}), 0U);
  EXPECT_EQ(words.classify(std::vector<std::string>{"deadline"}), 1U);
  EXPECT_EQ(words.classify(std::vector<std::string>{"unknown"}), 0U);
}

}  // namespace
}  // namespace kith::eval
