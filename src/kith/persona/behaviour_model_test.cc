#include "kith/persona/behaviour_model.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace kith::persona {
namespace {

constexpr base::UnixMicros kDay = 86'400'000'000;
const std::array kPersonas = {PersonaId("boss"), PersonaId("tech")};

// By hand, prior 4: shares of "a" are 1 and 1/2, the common one 3/4, so
// P(a | boss) = (8 + 3) / 12, P(a | tech) = (4 + 3) / 12.
TEST(BehaviourModelTest, IsDirichletSmoothedWithinItsKind) {
  const BehaviourModel model(kPersonas,
                             {{PersonaId("boss"), {{"cited=a", 8}, {"hour=x", 3}}},
                              {PersonaId("tech"), {{"cited=a", 4}, {"cited=b", 4}, {"hour=x", 9}}},
                              {PersonaId("other"), {{"cited=a", 99}}}},
                             {.prior_events = 4});
  ASSERT_NE(model.find("cited=a"), nullptr);
  EXPECT_NEAR((*model.find("cited=a"))[0], std::log(11.0 / 7.0) / 2, 1e-12);
  EXPECT_NEAR((*model.find("cited=a"))[1], -std::log(11.0 / 7.0) / 2, 1e-12);
  // All of a kind is the same item for both: it tells nothing.
  EXPECT_NEAR((*model.find("hour=x"))[0], 0, 1e-12);
  EXPECT_EQ(model.find("cited=c"), nullptr);
  EXPECT_TRUE(BehaviourModel().empty());
}

TEST(BehaviourModelTest, OneEventIsBounded) {
  const BehaviourModel model(
      kPersonas, {{PersonaId("boss"), {{"cited=a", 1e6}}}, {PersonaId("tech"), {{"cited=b", 1e6}}}},
      {.prior_events = 1e-3});
  EXPECT_NEAR((*model.find("cited=a"))[0], kMaxEventLogOdds, 1e-9);
  EXPECT_NEAR((*model.find("cited=a"))[1], -kMaxEventLogOdds, 1e-9);
}

TEST(BehaviourModelTest, CountsFadeWithEventsOfTheirKindAndWithTime) {
  const BehaviourOptions options{.event_decay = 0.5, .half_life_days = 10};
  BehaviourState state;
  observe({"cited", "a"}, kDay, options, state);
  observe({"hour", "x"}, kDay, options, state);
  EXPECT_EQ(state.counts.at("cited=a"), 1);
  observe({"cited", "b"}, kDay, options, state);
  EXPECT_EQ(state.counts.at("cited=a"), 0.5);
  EXPECT_EQ(state.counts.at("hour=x"), 1);
  observe({"cited", "b"}, 11 * kDay, options, state);
  EXPECT_NEAR(state.counts.at("cited=a"), 0.125, 1e-12);
  EXPECT_NEAR(state.counts.at("hour=x"), 0.5, 1e-12);
  EXPECT_NEAR(state.counts.at("cited=b"), 1.25, 1e-12);
}

TEST(BehaviourModelTest, WhatIsKeptIsBounded) {
  const BehaviourOptions options{.max_names = 8};
  BehaviourState state;
  for (int i = 0; i < 100; ++i) observe({"cited", std::to_string(i)}, i, options, state);
  EXPECT_EQ(state.counts.size(), 8U);
  EXPECT_TRUE(state.counts.contains("cited=99"));
  EXPECT_FALSE(state.counts.contains("cited=0"));
}

TEST(BehaviourModelTest, DeniedAndUnnamedEventsAreLeftOut) {
  BehaviourState state;
  observe({"opened", "Prayer rooms and Ramadan hours"}, 1, {}, state);
  observe({"opened", "工会活动"}, 1, {}, state);
  observe({"opened", ""}, 1, {}, state);
  observe({"", "kb-1"}, 1, {}, state);
  observe({"opened", std::string(500, 'x')}, 1, {}, state);
  EXPECT_EQ(state, BehaviourState{});
}

TEST(BehaviourModelTest, NamesTheHoursOfADay) {
  // 2026-03-02 was a Monday.
  constexpr base::UnixMicros kMonday = 1'772'409'600'000'000;
  EXPECT_EQ(hour_item(kMonday), "weekday 00-03");
  EXPECT_EQ(hour_item(kMonday + 10 * 3'600'000'000LL), "weekday 09-12");
  EXPECT_EQ(hour_item(kMonday - 1), "weekend 21-24");
  EXPECT_EQ(hour_item(0), "weekday 00-03");
}

}  // namespace
}  // namespace kith::persona
