#include "kith/persona/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "kith/persona/router_card.h"
#include "kith/persona/test_scorer.h"

namespace kith::persona {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr const char* kTwo = "what is the impact on the board. Also, the tablet is dead on site";

class RouterTest : public ::testing::Test {
 protected:
  Router make() {
    settings_.scorer_hash = scorer_->hash();
    auto router = Router::create(scorer_, settings_);
    EXPECT_TRUE(router) << router.error().message;
    return *std::move(router);
  }

  Route route(const std::string& prompt, std::vector<storage::PersonaWeight> posterior = {},
              bool allow_parts = true) {
    const Router router = make();
    const auto scores = router.score(prompt);
    EXPECT_TRUE(scores);
    return router.route(*scores, posterior, allow_parts);
  }

  std::shared_ptr<WordScorer> scorer_ = std::make_shared<WordScorer>();
  RouterSettings settings_ = test_router_settings();
};

const std::vector<storage::PersonaWeight> kBoss = {{PersonaId("boss"), 0.97},
                                                   {PersonaId("tech"), 0.03}};

TEST_F(RouterTest, ThePromptAloneNamesThePersona) {
  const Route boss = route("what is the impact on the board");
  EXPECT_EQ(boss.kind, RouteKind::kOne);
  ASSERT_THAT(boss.parts, SizeIs(1));
  EXPECT_EQ(boss.parts[0].shares.front().persona, PersonaId("boss"));
  EXPECT_GT(boss.scores.front().probability, boss.threshold);
  EXPECT_NEAR(boss.margin, boss.scores[0].probability - boss.scores[1].probability, 1e-12);
  EXPECT_EQ(route("tablet dead").parts[0].shares.front().persona, PersonaId("tech"));
}

// The topics are those of another scorer, whose names are the same here.
TEST_F(RouterTest, EveryPartTellsItsTopics) {
  settings_.scorer_hash = scorer_->hash();
  const auto router = Router::create(scorer_, settings_, std::make_shared<WordScorer>());
  ASSERT_TRUE(router);
  const Route one = router->route(*router->score("what is the impact on the board"), kBoss);
  ASSERT_THAT(one.parts, SizeIs(1));
  ASSERT_THAT(one.parts[0].topics, SizeIs(3));
  EXPECT_EQ(one.parts[0].topics[0].topic, "boss");
  EXPECT_GT(one.parts[0].topics[0].probability, 0.9);
  const Route two = router->route(*router->score(kTwo), {});
  ASSERT_THAT(two.parts, SizeIs(2));
  EXPECT_EQ(two.parts[0].topics[0].topic, "boss");
  EXPECT_EQ(two.parts[1].topics[0].topic, "tech");
}

TEST_F(RouterTest, WithoutTopicsOrAboutNoneOfThemNoneIsTold) {
  EXPECT_THAT(route("what is the impact on the board").parts[0].topics, SizeIs(0));
  const auto router = Router::create(scorer_, settings_, std::make_shared<WordScorer>());
  ASSERT_TRUE(router);
  EXPECT_THAT(router->route(*router->score("a poem of herons"), {}).parts[0].topics, SizeIs(0));
}

TEST_F(RouterTest, AClearPromptOutweighsTheProfileAndAnUnclearOneDoesNot) {
  EXPECT_EQ(route("tablet dead on site", kBoss).parts[0].shares.front().persona, PersonaId("tech"));
  EXPECT_EQ(route("good morning everybody", kBoss).parts[0].shares.front().persona,
            PersonaId("boss"));
}

// By hand: the text says nothing, so the pool is the profile to the power 0.5, the third persona at
// its floor: sqrt(0.97) / (sqrt(0.97) + sqrt(0.03) + sqrt(0.02)) = 0.7579.
TEST_F(RouterTest, PoolsLogLinearly) {
  settings_.profile_weight = 0.5;
  EXPECT_NEAR(route("good morning everybody", kBoss).scores.front().probability, 0.7579, 1e-4);
}

TEST_F(RouterTest, TwoLikelyPersonasAnswerTogether) {
  settings_.threshold = 0.9;
  settings_.blend_threshold = 0.95;
  const Route both = route("tell the board about the tablet");
  EXPECT_EQ(both.kind, RouteKind::kBlend);
  ASSERT_THAT(both.parts[0].shares, SizeIs(2));
  EXPECT_NEAR(both.parts[0].shares[0].weight + both.parts[0].shares[1].weight, 1.0, 1e-12);
}

TEST_F(RouterTest, NobodyAnswersWhenUnsureOrOutOfScope) {
  const Route strange = route("poem about herons");
  EXPECT_EQ(strange.kind, RouteKind::kBase);
  EXPECT_TRUE(strange.parts[0].shares.empty());
  EXPECT_EQ(strange.reason, "out of scope");
  settings_.threshold = 0.9999;
  settings_.blend_threshold = 1.0;
  const Route unsure = route("good morning everybody");
  EXPECT_EQ(unsure.kind, RouteKind::kBase);
  EXPECT_EQ(unsure.reason, "no persona is likely enough");
}

TEST_F(RouterTest, ATwoPartPromptHasAPersonaForEachPart) {
  const Route two = route(kTwo);
  EXPECT_EQ(two.kind, RouteKind::kParts);
  ASSERT_THAT(two.parts, SizeIs(2));
  const std::string_view prompt = kTwo;
  EXPECT_EQ(prompt.substr(two.parts[0].span.begin, two.parts[0].span.size()),
            "what is the impact on the board.");
  EXPECT_EQ(prompt.substr(two.parts[1].span.begin, two.parts[1].span.size()),
            "the tablet is dead on site");
  EXPECT_EQ(two.parts[0].shares.front().persona, PersonaId("boss"));
  EXPECT_EQ(two.parts[1].shares.front().persona, PersonaId("tech"));
}

TEST_F(RouterTest, OnePersonasTwoSentencesStayTogetherAndSoDoesAPromptThatMayNotBeParted) {
  EXPECT_EQ(route("what is the impact on it. Also, tell the board of the risk").kind,
            RouteKind::kOne);
  EXPECT_THAT(route(kTwo, {}, false).parts, SizeIs(1));
}

TEST_F(RouterTest, APartOutOfScopeGoesToTheBaseModel) {
  const Route two = route("the tablet is dead on site. Also, write a poem about herons");
  ASSERT_THAT(two.parts, SizeIs(2));
  EXPECT_EQ(two.parts[0].shares.front().persona, PersonaId("tech"));
  EXPECT_TRUE(two.parts[1].shares.empty());
}

TEST_F(RouterTest, LongPromptsCostNoMoreThanTheirBestBorders) {
  std::string prompt;
  for (int i = 0; i < 20; ++i) prompt += "The tablet is dead again. ";
  const Router router = make();
  scorer_->num_scored = 0;
  ASSERT_TRUE(router.score(prompt));
  EXPECT_LE(scorer_->num_scored.load(), 1 + 2 * static_cast<int>(kMaxScoredBorders));
}

TEST_F(RouterTest, AnotherEncoderForcesRecalibration) {
  settings_.scorer_hash = "of an earlier encoder";
  const auto refused = Router::create(scorer_, settings_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_THAT(refused.error().message, HasSubstr("recalibrate"));
}

TEST_F(RouterTest, SettingsOutsideTheirRangesAreRefused) {
  const auto refuses = [this](auto change) {
    RouterSettings settings = settings_;
    settings.scorer_hash = scorer_->hash();
    change(settings);
    const auto router = Router::create(scorer_, settings);
    return !router && router.error().code == ErrorCode::kInvalidArgument;
  };
  EXPECT_TRUE(refuses([](auto& s) { s.threshold = 1.0; }));
  EXPECT_TRUE(refuses([](auto& s) { s.profile_weight = -0.1; }));
  EXPECT_TRUE(refuses([](auto& s) { s.profile_floor = 0.0; }));
  EXPECT_TRUE(refuses([](auto& s) { s.outweighs = 1.5; }));
  EXPECT_TRUE(refuses([](auto& s) { s.split_threshold = 0.0; }));
  EXPECT_TRUE(refuses([](auto& s) { s.blend_threshold = 1.5; }));
  EXPECT_TRUE(refuses([](auto& s) { s.border_weights[3] = NAN; }));
}

TEST(RouterCardTest, WhatIsWrittenIsRead) {
  RouterCard card;
  card.settings = test_router_settings();
  card.settings.scorer_hash = "abc-def";
  card.settings.out_of_scope = -1.25;
  card.data_hash = "0123";
  card.num_texts = 12;
  card.figures = {{"accuracy", 0.9}};
  const auto read = parse_router_card(to_json(card));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(*read == card);
}

TEST(RouterCardTest, AFileOfBeforeThereWereMoreBorderFeaturesIsRead) {
  RouterCard card;
  card.settings = test_router_settings();
  card.settings.scorer_hash = "abc-def";
  card.data_hash = "0123";
  card.settings.border_weights.fill(0.5);
  std::string text = to_json(card);
  for (const std::string name : {"both_ask", "clause_request"}) {
    text.replace(text.find('"' + name + '"'), name.size() + 2, "\"of another time " + name + "\"");
  }
  const auto read = parse_router_card(text);
  ASSERT_TRUE(read) << read.error().message;
  const auto weight = [&](BorderFeature feature) {
    return read->settings.border_weights[static_cast<std::size_t>(feature)];
  };
  EXPECT_EQ(weight(BorderFeature::kBothAsk), 0.0);
  EXPECT_EQ(weight(BorderFeature::kClauseRequest), 0.0);
  EXPECT_EQ(weight(BorderFeature::kWholeIsSure), 0.5);
}

TEST(RouterCardTest, ADamagedCardIsRefusedByName) {
  RouterCard card;
  card.settings.scorer_hash = "abc";
  card.data_hash = "0123";
  const std::string good = to_json(card);
  const auto error_without = [&good](const std::string& member) {
    std::string text = good;
    text.replace(text.find('"' + member + '"'), member.size() + 2, "\"other\"");
    const auto read = parse_router_card(text);
    return read ? std::string() : read.error().message;
  };
  for (const char* member : {"schema", "scorer_hash", "threshold", "border_weights", "contrast",
                             "data_hash", "num_texts"}) {
    EXPECT_THAT(error_without(member), HasSubstr(member));
  }
  EXPECT_FALSE(parse_router_card("[]"));
}

}  // namespace
}  // namespace kith::persona
