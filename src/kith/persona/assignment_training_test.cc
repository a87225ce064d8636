#include "kith/persona/assignment_training.h"

#include <gtest/gtest.h>

#include <cmath>

namespace kith::persona {
namespace {

constexpr base::UnixMicros kNow = 1'750'000'000'000'000;

// [grade rows] are in half of the cases another persona's: naive Bayes believes them too much.
std::vector<ScoredUser> noisy_users() {
  std::vector<ScoredUser> users;
  base::Rng rng(3);
  for (int i = 0; i < 400; ++i) {
    const std::size_t outcome = rng.below(2);
    const bool misleads = rng.below(4) == 0;
    const double said = (outcome == 0) != misleads ? 4.0 : -4.0;
    users.push_back({{{said, -said, 0}, {0, 0, 0}, {0, 0}}, outcome, 1.0});
  }
  return users;
}

TEST(AssignmentTrainingTest, FittedWeightsSayHowOftenASourceIsRight) {
  const auto users = noisy_users();
  const AssignmentWeights fitted = fit_weights(users);
  EXPECT_LT(mean_loss(users, fitted), mean_loss(users, {}) - 0.1);
  EXPECT_LT(fitted.attributes, 0.4);
  const auto posterior = posterior_of({{4, -4, 0}, {0, 0, 0}, {0, 0}}, fitted);
  EXPECT_NEAR(posterior[0], 0.75, 0.05);
}

// By hand: without evidence "none" has unknown_share whatever the other weights are.
TEST(AssignmentTrainingTest, WithoutEvidenceThePosteriorIsThePrior) {
  const EvidenceScores nothing{{0, 0, 0}, {0, 0, 0}, {0, 0}};
  const auto posterior = posterior_of(nothing, {.attributes = 3, .stranger_share = 0.3});
  EXPECT_NEAR(posterior[2], 0.95, 1e-12);
  EXPECT_NEAR(posterior[0], 0.025, 1e-12);
  // With much of it, the odds of "none" against a persona without any are those of strangers.
  const auto known = posterior_of({{60, -60, 0}, {0, 0, 0}, {0, 0}}, {.stranger_share = 0.2});
  EXPECT_NEAR(std::log(known[2] / known[0]), std::log(0.2 / 0.8 * 2) - 60, 1e-6);
}

PersonaCatalogue make_catalogue() {
  auto catalogue = PersonaCatalogue::from_toml(R"(
[[persona]]
id = "boss"
name = "Boss"
description = "Decides."
[persona.attributes]
grade = ["director"]
[persona.style]
tone = "crisp"
format = "short"
[[persona]]
id = "tech"
name = "Technician"
description = "Repairs."
[persona.attributes]
grade = ["technician"]
[persona.style]
tone = "plain"
format = "steps"
)",
                                               "test");
  EXPECT_TRUE(catalogue);
  return *std::move(catalogue);
}

std::vector<UserTrace> make_traces(int num_users) {
  std::vector<UserTrace> traces;
  for (int i = 0; i < num_users; ++i) {
    const bool is_boss = i % 2 == 0;
    UserTrace trace{.user = UserId("u" + std::to_string(i)),
                    .persona = PersonaId(is_boss ? "boss" : "tech"),
                    .is_test = i % 10 >= 8,
                    .attributes = {{"grade", is_boss ? "director" : "technician"}},
                    .steps = {}};
    for (int step = 0; step < 4; ++step) {
      trace.steps.push_back({kNow + step,
                             (is_boss ? "the board wants the risk " : "scanner dead on site ") +
                                 std::to_string(i * 10 + step),
                             {{kBehaviourCited, is_boss ? "kb-1" : "kb-2"}}});
    }
    traces.push_back(std::move(trace));
  }
  return traces;
}

TEST(AssignmentTrainingTest, FitsAModelForItsDataAlone) {
  const PersonaCatalogue catalogue = make_catalogue();
  const auto traces = make_traces(60);
  const auto texts = texts_of(traces);
  const auto model = fit_assignment(catalogue, data_hash_of(catalogue, texts), traces);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->data_hash, data_hash_of(catalogue, texts));
  EXPECT_EQ(model->figures.at("users"), 48);
  EXPECT_LT(model->figures.at("loss"), model->figures.at("loss_before"));
  EXPECT_EQ(model->behaviour.at(PersonaId("boss")).at("cited=kb-1"), 24 * 4);
  EXPECT_TRUE(Assigner::create(catalogue, texts, {}, *model));
  const auto again = fit_assignment(catalogue, data_hash_of(catalogue, texts), traces);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->weights, model->weights);
}

TEST(AssignmentTrainingTest, TestUsersAndUnknownPersonasTeachNothing) {
  const PersonaCatalogue catalogue = make_catalogue();
  auto traces = make_traces(60);
  const auto model = fit_assignment(catalogue, "", traces);
  for (UserTrace& trace : traces) {
    if (trace.is_test) trace.steps.front().message = "something else altogether";
  }
  traces.push_back(
      {.user = UserId("x"), .persona = PersonaId("pilot"), .steps = {{kNow, "fly", {}}}});
  const auto again = fit_assignment(catalogue, "", traces);
  ASSERT_TRUE(model && again);
  EXPECT_EQ(again->weights, model->weights);
  EXPECT_EQ(again->behaviour, model->behaviour);
  EXPECT_FALSE(fit_assignment(catalogue, "", std::span(traces).subspan(0, 5)));
}

TEST(AssignmentTrainingTest, EventsOfFewUsersAreLeftOut) {
  auto traces = make_traces(6);
  traces[0].steps[0].events.push_back({kBehaviourOpened, "kb-9"});
  traces[2].steps[0].events.push_back({kBehaviourOpened, "kb-9"});
  EXPECT_FALSE(behaviour_of(traces, 3).at(PersonaId("boss")).contains("opened=kb-9"));
  EXPECT_TRUE(behaviour_of(traces, 2).at(PersonaId("boss")).contains("opened=kb-9"));
}

TEST(AssignmentTrainingTest, ViewsAreTheSameForTheSameSeed) {
  const auto traces = make_traces(1);
  base::Rng first(5);
  base::Rng second(5);
  const auto views = draw_views(traces[0], 6, first);
  const auto same = draw_views(traces[0], 6, second);
  ASSERT_EQ(views.size(), 6U);
  EXPECT_EQ(views[0].attributes, traces[0].attributes);
  EXPECT_EQ(views[0].num_steps, 4U);
  for (std::size_t i = 0; i < views.size(); ++i) {
    EXPECT_EQ(views[i].attributes, same[i].attributes);
    EXPECT_EQ(views[i].num_steps, same[i].num_steps);
  }
}

}  // namespace
}  // namespace kith::persona
