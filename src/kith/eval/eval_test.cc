#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "kith/base/json.h"
#include "kith/eval/suites.h"

namespace kith::eval {
namespace {

using ::testing::HasSubstr;

// Knows what each adapter's users hear: an answer that names the adapter is likely under it.
// Answers questions with the passage that it is given, or with nothing.
class FakeGenerator final : public personalize::Generator {
 public:
  explicit FakeGenerator(bool reads = true) : reads_(reads) {}
  personalize::GeneratorCapabilities capabilities() const override { return {}; }
  bool ready() const override { return true; }
  std::vector<AdapterId> adapter_names() const override {
    return {AdapterId("calm"), AdapterId("brisk")};
  }
  Result<std::vector<personalize::GeneratedText>> generate(
      const personalize::GenerationRequest& request, personalize::DeltaSink*,
      const personalize::CancelToken&) override {
    personalize::GeneratedText text;
    text.text = reads_ ? request.messages.front().content : "I do not know.";
    return std::vector<personalize::GeneratedText>{text};
  }
  Result<std::vector<double>> score(const personalize::ScoreRequest& request) override {
    const std::string adapter = request.adapters.empty() ? "" : request.adapters[0].id.str();
    const bool fits =
        !adapter.empty() && request.continuations[0].find(adapter) != std::string::npos;
    return std::vector<double>{fits ? -1.0 : -2.0};
  }

 private:
  bool reads_;
};

DeskData small_desk() {
  DeskData data;
  data.personas = {"calm", "brisk"};
  data.articles["a1"] = {"a1", "Doors", "Doors open at seven. The code is QX-7.\n\nMore text.",
                         "en", true};
  data.questions = {{"q1", "a1", "What is the code?", "QX-7", "en", true},
                    {"q2", "a1", "When do doors open?", "seven", "en", false}};
  for (const std::string persona : {"calm", "brisk"}) {
    for (int user = 0; user < 3; ++user) {
      data.conversations.push_back(
          {persona + std::to_string(user),
           persona,
           true,
           {{"user", "hi", {}}, {"assistant", "One. We are " + persona + ". Three.", {}}}});
    }
  }
  return data;
}

TEST(PersonaSuiteTest, FindsThatEachAdapterFitsItsOwnUsers) {
  FakeGenerator generator;
  const auto report = evaluate_personas(small_desk(), generator);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->figures.at("own_adapter_best").value, 1.0);
  // By hand: e^1 under the own adapter, e^2 under the base model.
  EXPECT_NEAR(report->figures.at("perplexity_gain").value, 1.0 - std::exp(-1.0), 1e-9);
  EXPECT_EQ(report->figures.at("own_adapter_best_middle").value, 1.0);
}

TEST(PersonaSuiteTest, SaysSoWhenAdaptersAreSwapped) {
  auto data = small_desk();
  for (auto& conversation : data.conversations) {
    conversation.persona = conversation.persona == "calm" ? "brisk" : "calm";
  }
  FakeGenerator generator;
  EXPECT_EQ(evaluate_personas(data, generator)->figures.at("own_adapter_best").value, 0.0);
}

TEST(PersonaSuiteTest, NamesTheAdapterThatIsMissing) {
  auto data = small_desk();
  data.personas.push_back("loud");
  FakeGenerator generator;
  EXPECT_THAT(evaluate_personas(data, generator).error().message, HasSubstr("loud"));
}

TEST(AnswerSuiteTest, CountsKeyFactsAgainstTheAnswerWithoutPassage) {
  FakeGenerator reader;
  const auto report = evaluate_answers(small_desk(), reader);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->figures.at("key_fact").value, 1.0);
  EXPECT_EQ(report->figures.at("key_fact").baselines.at("without_passage"), 0.0);
  FakeGenerator guesser(false);
  EXPECT_EQ(evaluate_answers(small_desk(), guesser)->figures.at("key_fact").value, 0.0);
}

TEST(TextMeasuresTest, MiddleLacksFirstAndLastSentence) {
  EXPECT_EQ(middle_of("One is here. Two is here. Three is here."), "Two is here.");
  EXPECT_EQ(middle_of("Only one. And two."), "");
  EXPECT_EQ(middle_of("1. Stop the van.\n2. Call the line.\n3. Wait there."), "2. Call the line.");
}

TEST(TextMeasuresTest, RepetitionNeedsMoreThanTwoOfTheSameFourWords) {
  EXPECT_FALSE(repeats_itself("a b c d a b c d"));
  EXPECT_TRUE(repeats_itself("a b c d a b c d a b c d"));
  EXPECT_FALSE(repeats_itself(""));
}

TEST(TextMeasuresTest, PassageHoldsTheFactAndStartsWithItsParagraph) {
  DeskArticle article{"a", "T", "First paragraph.\n\nSecond one holds FACT here.\n\nThird.", "en",
                      true};
  const auto passage = passage_with(article, "FACT");
  EXPECT_THAT(passage, HasSubstr("FACT"));
  EXPECT_EQ(passage.find("First"), std::string::npos);
  article.text = std::string(2000, 'x') + " FACT " + std::string(2000, 'y');
  EXPECT_THAT(passage_with(article, "FACT"), HasSubstr("FACT"));
}

TEST(FiguresTest, IntervalCoversTheValueAndJsonHasTheContractsShape) {
  const std::vector<double> values{0, 1, 1, 0, 1, 1, 1, 0};
  Report report{.suite = "x"};
  report.figures["mean"] = bootstrap(values.size(), [&](const auto& units) {
    double sum = 0.0;
    for (const auto unit : units) sum += values[unit];
    return sum / static_cast<double>(units.size());
  });
  const Figure& mean = report.figures["mean"];
  EXPECT_EQ(mean.value, 0.625);
  EXPECT_LT(mean.low, mean.value);
  EXPECT_GT(mean.high, mean.value);
  const auto json = *base::parse_json(to_json(report));
  EXPECT_EQ(json["figures"]["mean"]["value"], 0.625);
  EXPECT_TRUE(json["figures"]["mean"]["baselines"].is_object());
}

TEST(DeskDataTest, TheExampleLoadsAndKeepsItsPromises) {
  const char* source = std::getenv("KITH_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "KITH_SOURCE_DIR is not set";
  const auto data = load_desk(std::filesystem::path(source) / "examples/service-desk");
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->personas.size(), 5U);
  EXPECT_GE(data->articles.size(), 80U);
  EXPECT_GE(data->conversations.size(), 600U);
  std::size_t test_questions = 0;
  for (const auto& question : data->questions) {
    const auto& article = data->articles.at(question.article);
    EXPECT_NE(article.text.find(question.key_fact), std::string::npos) << question.id;
    EXPECT_EQ(article.is_test, question.is_test) << question.id;
    EXPECT_NE(passage_with(article, question.key_fact).find(question.key_fact), std::string::npos);
    test_questions += question.is_test ? 1 : 0;
  }
  EXPECT_GE(test_questions, 200U);
}

}  // namespace
}  // namespace kith::eval
