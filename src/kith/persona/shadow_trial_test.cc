#include "kith/persona/shadow_trial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kith::persona {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const storage::AdapterVersionId kVersion{AdapterId("field"), 2};

storage::ShadowAnswer answer(const std::string& user, double shadow, double served,
                             const std::string& name = "grounding", int beside = 1,
                             const std::string& tenant = "acme") {
  const base::Json json{
      {"version", 2},
      {"text", "shadow of " + user},
      {"served", {{"version", beside}, {"text", "served to " + user}}},
      {"measures", {{"shadow", {{name, shadow}}}, {"served", {{name, served}}}, {"overlap", 0.5}}}};
  return {{TenantId(tenant), UserId(user)}, base::dump_json(json)};
}

std::vector<storage::ShadowAnswer> answers_of(int users, double shadow, double served,
                                              const std::string& name = "grounding") {
  std::vector<storage::ShadowAnswer> answers;
  for (int i = 0; i < users; ++i) {
    answers.push_back(answer("u" + std::to_string(i), shadow + 0.01 * (i % 3), served, name));
  }
  return answers;
}

TEST(ShadowTrialTest, UsersCountAlikeHoweverMuchTheyAsk) {
  // One user with three answers and one with one: means 0.6 and 1.0, changes 0.1 and 0.5.
  const std::vector<storage::ShadowAnswer> answers{answer("ada", 0.5, 0.5), answer("ada", 0.6, 0.5),
                                                   answer("ada", 0.7, 0.5),
                                                   answer("bob", 1.0, 0.5)};
  const auto judgement = judge_shadow(kVersion, 1, answers);
  EXPECT_EQ(judgement.users, 2U);
  EXPECT_EQ(judgement.answers, 4U);
  ASSERT_EQ(judgement.figures.size(), 1U);
  EXPECT_NEAR(judgement.figures[0].shadow, 0.8, 1e-9);
  EXPECT_NEAR(judgement.figures[0].change.value, 0.3, 1e-9);
  EXPECT_NEAR(judgement.figures[0].change.low, 0.1, 1e-9);
  EXPECT_NEAR(judgement.figures[0].change.high, 0.5, 1e-9);
}

TEST(ShadowTrialTest, ADirectionIsShownWhereTheIntervalExcludesZeroAndUsersAreEnough) {
  EXPECT_TRUE(judge_shadow(kVersion, 1, answers_of(9, 0.8, 0.5)).figures[0].is_better());
  EXPECT_TRUE(judge_shadow(kVersion, 1, answers_of(9, 0.2, 0.5)).figures[0].is_worse());
  EXPECT_FALSE(judge_shadow(kVersion, 1, answers_of(4, 0.2, 0.5)).figures[0].is_worse());
  const auto unknown = judge_shadow(kVersion, 1, answers_of(9, 2.0, 1.0, "unknown_facts"));
  EXPECT_TRUE(unknown.figures[0].is_worse());
  // More words are neither, and a mixed change shows nothing.
  const auto words = judge_shadow(kVersion, 1, answers_of(9, 30.0, 10.0, "words"));
  EXPECT_FALSE(words.figures[0].is_better() || words.figures[0].is_worse());
  auto mixed = answers_of(5, 0.8, 0.5);
  for (int i = 5; i < 10; ++i) mixed.push_back(answer("u" + std::to_string(i), 0.2, 0.5));
  const auto figure = judge_shadow(kVersion, 1, mixed).figures[0];
  EXPECT_FALSE(figure.is_better() || figure.is_worse());
}

TEST(ShadowTrialTest, WhatStoodBesideAnotherVersionOrWasNotMeasuredIsLeftOut) {
  std::vector<storage::ShadowAnswer> answers{answer("ada", 0.5, 0.5)};
  answers.push_back(answer("bob", 0.9, 0.1, "grounding", 3));
  answers.push_back({{TenantId("acme"), UserId("eve")}, R"({"version":2,"text":"old"})"});
  answers.push_back({{TenantId("acme"), UserId("eve")}, "no json"});
  const auto judgement = judge_shadow(kVersion, 1, answers);
  EXPECT_EQ(judgement.answers, 1U);
  EXPECT_EQ(judgement.left_out, 3U);
  EXPECT_THAT(judge_shadow(kVersion, 1, {}).figures, IsEmpty());
}

TEST(ShadowTrialTest, WordsAreShownOfOneTenantAlone) {
  const std::vector<storage::ShadowAnswer> answers{answer("ada", 0.5, 0.5),
                                                   answer("ada", 0.5, 0.5, "grounding", 1, "other"),
                                                   answer("bob", 0.5, 0.5)};
  const auto judgement = judge_shadow(kVersion, 1, answers, {9, TenantId("acme")});
  EXPECT_EQ(judgement.users, 3U);
  ASSERT_EQ(judgement.examples.size(), 2U);
  EXPECT_EQ(judgement.examples[1].shadow, "shadow of bob");
  EXPECT_THAT(judge_shadow(kVersion, 1, answers).examples, IsEmpty());
}

TEST(ShadowTrialTest, IsToldAsJsonAndForPeople) {
  const auto json =
      to_json(judge_shadow(kVersion, 1, answers_of(9, 0.2, 0.5), {1, TenantId("acme")}));
  EXPECT_EQ(json["worse"][0], "grounding");
  EXPECT_TRUE(json["better"].empty());
  EXPECT_EQ(json["figures"][0]["better"], "up");
  EXPECT_EQ(json["overlap"], 0.5);
  EXPECT_EQ(json["examples"].size(), 1U);
  const std::string text = shadow_markdown(json);
  EXPECT_THAT(text, HasSubstr("field@2 in shadow, beside field@1: 9 answers to 9 users"));
  EXPECT_THAT(text, HasSubstr("shown better: nothing; shown worse: grounding"));
  EXPECT_THAT(text, HasSubstr("> served to u0"));
}

}  // namespace
}  // namespace kith::persona
