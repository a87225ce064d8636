#include "kith/persona/router_training.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "kith/persona/test_scorer.h"

namespace kith::persona {
namespace {

using ::testing::HasSubstr;

const std::vector<storage::PersonaWeight> kBoss = {{PersonaId("boss"), 0.97},
                                                   {PersonaId("tech"), 0.03}};
const std::vector<storage::PersonaWeight> kTech = {{PersonaId("tech"), 0.97},
                                                   {PersonaId("boss"), 0.03}};

RouterTrainingData make_data() {
  RouterTrainingData data;
  for (int i = 0; i < 40; ++i) {
    const std::string writer = std::to_string(i / 2);
    data.texts.push_back({"Please tell the board what the impact is on plan " + writer + "?",
                          PersonaId("boss"), "b" + writer, kBoss});
    data.texts.push_back({"The tablet of crew " + writer + " is dead. It is on site with us.",
                          PersonaId("tech"), "t" + writer, kTech});
  }
  data.texts.push_back({"decides on risk", PersonaId("boss"), "", {}});
  data.out_of_scope = {"a poem about herons"};
  data.contradicting = {{"my tablet is dead", PersonaId("tech"), kBoss},
                        {"what does the board risk", PersonaId("boss"), kTech}};
  const std::string two = "Who tells the board? Also, my tablet is dead again.";
  data.two_part = {{{two, 20, 27}, PersonaId("boss"), PersonaId("tech")}};
  return data;
}

// Scores by words, whatever it is given; remembers what that was.
struct WordTrainer {
  std::vector<std::vector<LabelledText>> given;

  ScorerTrainer trainer() {
    return
        [this](
            std::span<const LabelledText> texts) -> Result<std::shared_ptr<const SegmentScorer>> {
          given.emplace_back(texts.begin(), texts.end());
          return std::shared_ptr<const SegmentScorer>(std::make_shared<WordScorer>());
        };
  }
};

TEST(RouterTrainingTest, LearnsWhereTwoRequestsMeetFromJoinedPrompts) {
  const RouterTrainingData data = make_data();
  WordTrainer words;
  const auto trained = train_router(data, words.trainer());
  ASSERT_TRUE(trained) << trained.error().message;
  const auto& figures = trained->card.figures;
  EXPECT_EQ(figures.at("accuracy"), 1.0);
  EXPECT_EQ(figures.at("contradicting_accuracy"), 1.0);
  EXPECT_EQ(figures.at("boundary_f1"), 1.0);
  EXPECT_LE(figures.at("false_splits"), 0.02);
  EXPECT_LE(figures.at("false_refusals"), 0.02);
  EXPECT_EQ(trained->card.settings.scorer_hash, trained->scorer->hash());
  const auto router = Router::create(trained->scorer, trained->card.settings);
  ASSERT_TRUE(router);
  const auto scores = router->score("what is the impact on the board, and how do i fix the tablet");
  ASSERT_TRUE(scores);
  EXPECT_EQ(router->route(*scores, kBoss).kind, RouteKind::kParts);
}

TEST(RouterTrainingTest, NoScorerLearnsFromTheWritersThatItCalibrates) {
  const RouterTrainingData data = make_data();
  WordTrainer words;
  ASSERT_TRUE(train_router(data, words.trainer(), {.folds = 4}));
  ASSERT_EQ(words.given.size(), 5U);
  // Four requests of development prompts: two contradicting ones and the parts of another.
  const std::size_t all = data.texts.size() + 4 + data.out_of_scope.size();
  EXPECT_EQ(words.given.back().size(), all);
  std::size_t held_out = 0;
  for (std::size_t fold = 0; fold < 4; ++fold) {
    held_out += all - words.given[fold].size();
    std::set<std::string> known;
    for (const LabelledText& text : words.given[fold]) known.insert(text.text);
    // Both texts of a writer are there, or neither is.
    for (std::size_t i = 0; i + 3 < 80; i += 4) {
      EXPECT_EQ(known.contains(data.texts[i].text), known.contains(data.texts[i + 2].text));
    }
    EXPECT_TRUE(known.contains("decides on risk"));
  }
  EXPECT_EQ(held_out, 80U + 4U + 1U);
}

TEST(RouterTrainingTest, DevelopmentPromptsAndStrangeTextsAreScoredByScorersThatDoNotKnowThem) {
  const RouterTrainingData data = make_data();
  WordTrainer words;
  ASSERT_TRUE(train_router(data, words.trainer(), {.folds = 4}));
  const auto knows = [&](std::size_t fold, const std::string& text) {
    return std::any_of(words.given[fold].begin(), words.given[fold].end(),
                       [&](const LabelledText& one) { return one.text == text; });
  };
  for (std::size_t fold = 0; fold < 4; ++fold) {
    EXPECT_EQ(knows(fold, "my tablet is dead"), fold != 0);
    EXPECT_EQ(knows(fold, "what does the board risk"), fold != 1);
    EXPECT_EQ(knows(fold, "a poem about herons"), fold != 0);
    // Parts of one prompt stay together.
    EXPECT_EQ(knows(fold, "Who tells the board?"), fold != 0);
    EXPECT_EQ(knows(fold, "my tablet is dead again."), fold != 0);
  }
}

TEST(RouterTrainingTest, IsDeterministic) {
  const RouterTrainingData data = make_data();
  WordTrainer words;
  const auto one = train_router(data, words.trainer(), {.seed = 5});
  const auto two = train_router(data, words.trainer(), {.seed = 5});
  ASSERT_TRUE(one && two);
  EXPECT_TRUE(one->card == two->card);
}

TEST(RouterTrainingTest, RefusesWhatCannotBeCalibrated) {
  const auto error_of = [](const RouterTrainingData& data, const RouterTrainingOptions& options) {
    WordTrainer words;
    const auto trained = train_router(data, words.trainer(), options);
    return trained ? std::string() : trained.error().message;
  };
  RouterTrainingData data = make_data();
  EXPECT_THAT(error_of(data, {.folds = 1}), HasSubstr("folds"));
  EXPECT_THAT(error_of(data, {.false_splits = 0.0}), HasSubstr("false_splits"));
  data.texts.resize(6);
  EXPECT_THAT(error_of(data, {}), HasSubstr("writers"));
  data.texts.resize(1);
  EXPECT_THAT(error_of(data, {}), HasSubstr("two personas"));
}

}  // namespace
}  // namespace kith::persona
