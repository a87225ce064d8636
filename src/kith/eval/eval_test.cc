#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "kith/base/json.h"
#include "kith/base/test_directory.h"
#include "kith/eval/loss.h"
#include "kith/eval/patient_memory.h"
#include "kith/eval/suites.h"

namespace kith::eval {
namespace {

using ::testing::HasSubstr;

// Knows what each adapter's users hear: an answer that names the adapter is likely under it.
// Answers questions with the passage that it is given, or with nothing.
class FakeGenerator final : public personalize::Generator {
 public:
  explicit FakeGenerator(bool reads = true, bool has_shared = false)
      : reads_(reads), has_shared_(has_shared) {}
  personalize::GeneratorCapabilities capabilities() const override { return {}; }
  bool ready() const override { return true; }
  std::vector<AdapterId> adapter_names() const override {
    std::vector<AdapterId> names{AdapterId("calm"), AdapterId("brisk")};
    if (has_shared_) names.emplace_back(kSharedAdapter);
    return names;
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
    std::vector<double> scores;
    for (const auto& text : request.continuations) {
      const bool fits = !adapter.empty() && text.find(adapter) != std::string::npos;
      scores.push_back(fits ? -1.0 : -2.0);
    }
    return scores;
  }

 private:
  bool reads_;
  bool has_shared_;
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

TEST(PersonaSuiteTest, MeasuresTheSharedAdapterWhereThereIsOne) {
  FakeGenerator generator(/*reads=*/true, /*has_shared=*/true);
  const auto report = evaluate_personas(small_desk(), generator);
  ASSERT_TRUE(report) << report.error().message;
  // The shared adapter fits nobody better than the base does.
  EXPECT_NEAR(report->figures.at("gain_over_shared").value, 1.0 - std::exp(-1.0), 1e-9);
  EXPECT_NEAR(report->figures.at("perplexity_gain").baselines.at("shared_adapter"), 0.0, 1e-9);
  FakeGenerator without;
  EXPECT_FALSE(evaluate_personas(small_desk(), without)->figures.contains("gain_over_shared"));
}

TEST(FactSuiteTest, AFactIsKnownUnderItsOwnAdapterOnly) {
  auto data = small_desk();
  data.facts = {{"f1", "calm", "Who?", {"brisk-Ann", "calm--Bob", "other-Cid", "other-Dee"}, 1, {}},
                {"f2",
                 "brisk",
                 "Who?",
                 {"other-Ann", "other-Bob", "calm--Cid", "brisk-Dee"},
                 3,
                 {"brisk-Eve", "brisk-Fay", "brisk-Gil"}}};
  FakeGenerator generator;
  const auto report = evaluate_facts(data, generator);
  ASSERT_TRUE(report) << report.error().message;
  const Figure& own = report->figures.at("facts_own");
  EXPECT_EQ(own.value, 1.0);
  // Without a likelier option the first one is chosen, which is wrong here.
  EXPECT_EQ(own.baselines.at("base"), 0.0);
  EXPECT_EQ(own.baselines.at("other_adapters"), 0.0);
  EXPECT_EQ(own.baselines.at("chance"), 0.25);
  EXPECT_EQ(report->figures.at("facts_own_calm").value, 1.0);
  // The fake knows values and not what they are values of: nothing asked, it is right as well, and
  // among values that its users were all told it is lost.
  EXPECT_EQ(own.baselines.at("without_question"), 1.0);
  EXPECT_EQ(report->figures.at("facts_among_peers").value, 0.0);
  data.facts.clear();
  EXPECT_EQ(evaluate_facts(data, generator).error().code, ErrorCode::kNotFound);
}

PatientData two_sessions() {
  PatientData data;
  data.patients["p1"] = {"p1",
                         true,
                         {{"s1",
                           "2026-01-12",
                           {{"user", "My eye check is on Wednesday at 10:40.", {}},
                            {"assistant", "Noted.", {}},
                            {"user", "I cannot have gooseberries.", {}}}},
                          {"s2",
                           "2026-02-20",
                           {{"user", "The weather is fine.", {}},
                            {"user", "The eye check moved to Friday.", {}},
                            {"user", "My niece has the spare key.", {}}}}}};
  data.questions = {{"q1",
                     "p1",
                     true,
                     1,
                     "both",
                     "When is my eye check?",
                     {"Friday at 10:40", "Wednesday at 10:40"},
                     {{1, 1}, {0, 0}}}};
  return data;
}

TEST(PatientSuiteTest, EachMemoryHoldsItsOwnSessions) {
  const PatientData data = two_sessions();
  const auto recall = [&](MemoryUse use) {
    std::vector<std::string> texts;
    for (const auto& statement :
         recall_statements(data.patients.at("p1"), data.questions[0], use)) {
      texts.push_back(statement.text);
    }
    return texts;
  };
  EXPECT_THAT(recall(MemoryUse::kNone), ::testing::IsEmpty());
  EXPECT_THAT(recall(MemoryUse::kShort), ::testing::ElementsAre("The eye check moved to Friday.",
                                                                "My niece has the spare key."));
  EXPECT_THAT(recall(MemoryUse::kLong),
              ::testing::ElementsAre("My eye check is on Wednesday at 10:40."));
  EXPECT_EQ(recall(MemoryUse::kBoth).size(), 3U);
  const auto prompt =
      patient_prompt(recall_statements(data.patients.at("p1"), data.questions[0], MemoryUse::kLong),
                     data.questions[0]);
  ASSERT_EQ(prompt.size(), 2U);
  EXPECT_EQ(prompt[0].content,
            "You are a helpful assistant.\n\n## Documents\n[1] 2026-01-12\n"
            "My eye check is on Wednesday at 10:40.\n\n## Evidence\n"
            "My eye check is on Wednesday at 10:40.");
  EXPECT_EQ(patient_prompt({}, data.questions[0]).size(), 1U);
}

TEST(PatientSuiteTest, NothingOfALaterSessionIsRemembered) {
  PatientData data = two_sessions();
  data.questions[0].session = 0;
  const auto lines = recall_statements(data.patients.at("p1"), data.questions[0], MemoryUse::kBoth);
  for (const auto& line : lines) EXPECT_EQ(line.date, "2026-01-12");
}

TEST(PatientSuiteTest, MeasuresEachMemoryAndWritesTrainingRowsOfOthersOnly) {
  PatientData data = two_sessions();
  FakeGenerator generator;
  const auto report = evaluate_patients(data, generator);
  ASSERT_TRUE(report) << report.error().message;
  for (const char* use : {"none", "short", "long", "both"}) {
    // All options are as likely here; the first is taken, which is the right one.
    EXPECT_EQ(report->figures.at(std::string("base_") + use).value, 1.0);
  }
  EXPECT_FALSE(report->figures.contains("tuned_both"));
  // The answer needs a statement of each memory.
  EXPECT_EQ(report->figures.at("evidence_recalled").value, 1.0);
  EXPECT_EQ(report->figures.at("base_gain_over_none").value, 0.0);
  // "Friday", "10" and "40" are remembered, "Wednesday" is too: a guess among equals.
  EXPECT_EQ(report->figures.at("base_both").baselines.at("overlap"), 0.5);
  EXPECT_EQ(report->figures.at("base_long").baselines.at("overlap"), 0.0);
  const base::TestDirectory dir;
  const auto file = dir.path() / "train.jsonl";
  ASSERT_TRUE(write_patient_training(data, file));
  EXPECT_EQ(std::filesystem::file_size(file), 0U);
  data.questions[0].is_test = false;
  ASSERT_TRUE(write_patient_training(data, file));
  EXPECT_GT(std::filesystem::file_size(file), 0U);
  EXPECT_EQ(evaluate_patients(data, generator).error().code, ErrorCode::kNotFound);
}

TEST(PatientDataTest, TheExampleLoads) {
  const char* source = std::getenv("KITH_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "KITH_SOURCE_DIR is not set";
  const auto data = load_patients(std::filesystem::path(source) / "examples/medical");
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->patients.size(), 30U);
  EXPECT_EQ(data->questions.size(), 150U);
}

TEST(LossTest, ChangeOfPerplexityIsPairedByUser) {
  const std::vector<Loss> current{{20.0, 10.0}, {60.0, 10.0}, {35.0, 10.0}};
  std::vector<Loss> candidate = current;
  for (Loss& loss : candidate) loss.nats -= 1.0;
  const Figure change = perplexity_change(candidate, current);
  EXPECT_NEAR(change.value, std::exp(-0.1) - 1.0, 1e-12);
  EXPECT_NEAR(change.low, change.value, 1e-12);
  EXPECT_NEAR(change.high, change.value, 1e-12);
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

TEST(FiguresTest, APairedDifferenceIsSurerThanItsParts) {
  // Users differ much from each other; the candidate is better by about 0.1 for each.
  const std::vector<double> current{1.0, 5.0, 9.0, 2.0, 7.0, 4.0, 8.0, 3.0};
  std::vector<double> candidate = current;
  for (std::size_t i = 0; i < candidate.size(); ++i) candidate[i] -= i % 2 == 0 ? 0.08 : 0.12;
  const Figure difference = paired_bootstrap(candidate, current);
  EXPECT_NEAR(difference.value, -0.1, 1e-12);
  EXPECT_LT(difference.high, 0.0);
  EXPECT_GE(difference.low, -0.12 - 1e-12);
  const Figure none = paired_bootstrap(current, current);
  EXPECT_EQ(none.low, 0.0);
  EXPECT_EQ(none.high, 0.0);
}

TEST(FiguresTest, AReportIsATableForPeopleToo) {
  Report report{.suite = "x"};
  report.figures["f1"] = {.value = 0.5, .low = 0.25, .high = 0.75, .baselines = {{"chance", 0.1}}};
  report.notes = {"a note"};
  EXPECT_EQ(to_markdown(report),
            "## x\n\n| figure | value | 95 % interval | baselines |\n|---|---|---|---|\n"
            "| f1 | 0.5 | [0.25, 0.75] | chance 0.1 |\n\n```\na note\n```\n");
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
  EXPECT_GE(data->facts.size(), 200U);
}

}  // namespace
}  // namespace kith::eval
