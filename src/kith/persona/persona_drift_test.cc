#include "kith/persona/persona_drift.h"

#include <gtest/gtest.h>

#include "kith/base/json.h"

namespace kith::persona {
namespace {

const PersonaId kOld("new_hire");
const PersonaId kNew("knowledge_worker");

Assignment found(double p_old, double p_new) {
  Assignment assignment;
  assignment.weights = {{kOld, p_old}, {kNew, p_new}};
  assignment.abstain = 1 - p_old - p_new;
  if (p_old >= 0.55) assignment.persona = kOld;
  if (p_new >= 0.55) assignment.persona = kNew;
  assignment.evidence = {{kNew, "words", "trade-offs", 0.9},
                         {kOld, "attribute", "grade=graduate", 0.8},
                         {kNew, "words", "sorry", -0.7}};
  return assignment;
}

class PersonaDriftTest : public testing::Test {
 protected:
  std::optional<PersonaChange> look(const Assignment& assignment, const PersonaId& by_attributes,
                                    bool has_news = true) {
    ++now_;
    return note_look({.assignment = assignment,
                      .by_attributes = by_attributes,
                      .attributes_changed_at = changed_at_,
                      .has_news = has_news,
                      .now = now_},
                     {}, established_);
  }

  EstablishedPersona established_{kOld, 50, {}, 0};
  base::UnixMicros changed_at_ = 0;
  base::UnixMicros now_ = 100;
};

TEST_F(PersonaDriftTest, NobodyIsEstablishedByOneMessageAndNoEventTellsOfTheFirst) {
  established_ = {};
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(look(found(0.1, 0.8), {}));
    EXPECT_TRUE(established_.persona.empty());
  }
  EXPECT_FALSE(look(found(0.1, 0.8), {}));
  EXPECT_EQ(established_.persona, kNew);
}

TEST_F(PersonaDriftTest, ThreeConfirmationsInARowChangeThePersonaOnce) {
  EXPECT_FALSE(look(found(0.1, 0.8), kOld));
  EXPECT_FALSE(look(found(0.1, 0.8), kOld));
  const auto change = look(found(0.1, 0.8), kOld);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->from, kOld);
  EXPECT_EQ(change->to, kNew);
  EXPECT_EQ(change->since, 50);
  EXPECT_EQ(change->at, now_);
  ASSERT_EQ(change->reasons.size(), 1U);
  EXPECT_EQ(change->reasons[0].detail, "trade-offs");
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(look(found(0.1, 0.8), kOld));
}

TEST_F(PersonaDriftTest, APosteriorThatSwingsChangesNothing) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(look(found(0.1, 0.8), kOld));
    EXPECT_FALSE(look(found(0.1, 0.8), kOld));
    EXPECT_FALSE(look(found(0.7, 0.2), kOld));
  }
  EXPECT_EQ(established_.persona, kOld);
}

TEST_F(PersonaDriftTest, LooksThatSeeNothingNewConfirmNothing) {
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(look(found(0.1, 0.8), kOld, false));
  EXPECT_EQ(established_.persona, kOld);
}

TEST_F(PersonaDriftTest, ANarrowLeadIsNotEnough) {
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(look(found(0.42, 0.56), kOld));
}

TEST_F(PersonaDriftTest, ChangedAttributesSettleItAtOnceAndOnce) {
  changed_at_ = 90;
  EXPECT_TRUE(look(found(0.1, 0.8), kNew, false));
  EXPECT_FALSE(look(found(0.7, 0.2), kOld, false));
  EXPECT_EQ(established_.persona, kNew);
}

TEST_F(PersonaDriftTest, TheEventSaysFromToAndWhy) {
  changed_at_ = 90;
  const auto change = look(found(0.1, 0.8), kNew);
  ASSERT_TRUE(change);
  const storage::EventRow event = to_event(*change);
  EXPECT_EQ(event.kind, storage::kEventPersonaChanged);
  EXPECT_EQ(event.at, now_);
  EXPECT_EQ(to_event(*change).id, event.id);
  const auto json = base::parse_json(event.document);
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["from"], "new_hire");
  EXPECT_EQ((*json)["to"], "knowledge_worker");
  EXPECT_EQ((*json)["probabilities"]["knowledge_worker"], 0.8);
  EXPECT_NEAR((*json)["probabilities"]["none"].get<double>(), 0.1, 1e-12);
  EXPECT_EQ((*json)["reasons"][0]["detail"], "trade-offs");
}

}  // namespace
}  // namespace kith::persona
