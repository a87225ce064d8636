#include "kith/eval/assignment_suite.h"

#include <gtest/gtest.h>

#include "kith/eval/simulated_change.h"

namespace kith::eval {
namespace {

constexpr base::UnixMicros kNow = 1'750'000'000'000'000;

persona::PersonaCatalogue make_catalogue() {
  std::string toml;
  for (const char* id : {"boss", "tech", "clerk"}) {
    toml += "[[persona]]\nid = \"" + std::string(id) + "\"\nname = \"N\"\ndescription = \"D\"\n" +
            "[persona.attributes]\ngrade = [\"" + id +
            " grade\"]\n[persona.style]\ntone = \"t\"\nformat = \"f\"\n";
  }
  auto catalogue = persona::PersonaCatalogue::from_toml(toml, "test");
  EXPECT_TRUE(catalogue) << catalogue.error().message;
  return *std::move(catalogue);
}

std::string words_of(const std::string& persona) {
  if (persona == "boss") return "the board wants the risk and the budget ";
  if (persona == "tech") return "scanner dead on site tablet wont sync ";
  return "which form do I fill in for payroll ";
}

persona::UserTrace make_trace(const std::string& id, const std::string& persona, bool is_test) {
  persona::UserTrace trace{.user = UserId(id),
                           .persona = PersonaId(persona),
                           .is_test = is_test,
                           .attributes = {{"grade", persona + " grade"}},
                           .steps = {}};
  for (int step = 0; step < 8; ++step) {
    trace.steps.push_back({kNow + step,
                           words_of(persona) + id + std::to_string(step),
                           {{persona::kBehaviourCited, "kb-" + persona}}});
  }
  return trace;
}

std::vector<persona::UserTrace> make_traces() {
  std::vector<persona::UserTrace> traces;
  for (const char* persona : {"boss", "tech", "clerk"}) {
    for (int user = 0; user < 14; ++user) {
      traces.push_back(make_trace(persona + std::to_string(user), persona, user >= 10));
    }
  }
  return traces;
}

// Everything gives the persona away, so every figure is known.
TEST(AssignmentSuiteTest, MeasuresUsersWhoArePlainToSee) {
  AssignmentSuiteOptions options;
  options.drifts_from = PersonaId("clerk");
  options.drifts_to = PersonaId("tech");
  const std::vector<std::string> strange(10, "how long does an egg boil");
  const auto report = evaluate_assignment(make_catalogue(), make_traces(), strange, options);
  ASSERT_TRUE(report) << report.error().message;
  for (const char* source : {"attributes", "words", "behaviour", "all"}) {
    EXPECT_EQ(report->figures.at(std::string("accuracy_") + source).value, 1.0) << source;
    EXPECT_EQ(report->figures.at(std::string("macro_f1_") + source).value, 1.0) << source;
  }
  EXPECT_NEAR(report->figures.at("accuracy_all").baselines.at("majority"), 1.0 / 3, 1e-9);
  EXPECT_EQ(report->figures.at("accuracy_all").baselines.at("rule"), 1.0);
  EXPECT_EQ(report->figures.at("assigned").value, 1.0);
  EXPECT_EQ(report->figures.at("assigned_right").value, 1.0);
  EXPECT_LT(report->figures.at("ece_full").value, 0.1);
  EXPECT_EQ(report->figures.at("stranger_abstains").value, 1.0);
  EXPECT_GT(report->figures.at("stranger_auroc").value, 0.9);
  EXPECT_EQ(report->figures.at("writer_abstains").value, 1.0);
  EXPECT_NEAR(report->figures.at("nobody_abstain").value, 0.95, 1e-9);
  EXPECT_EQ(report->figures.at("false_drift").value, 0.0);
  EXPECT_TRUE(report->figures.contains("drift_messages"));
}

TEST(AssignmentSuiteTest, NeedsTestUsersAndUsersToLearnFrom) {
  auto traces = make_traces();
  for (auto& trace : traces) trace.is_test = false;
  EXPECT_EQ(evaluate_assignment(make_catalogue(), traces, {}).error().code, ErrorCode::kNotFound);
  for (auto& trace : traces) trace.is_test = true;
  EXPECT_EQ(evaluate_assignment(make_catalogue(), traces, {}).error().code,
            ErrorCode::kInvalidArgument);
}

// Attributes count for nothing here, so the words alone must carry the change.
TEST(AssignmentSuiteTest, ASimulatedChangeIsNoticedAfterSomeMessages) {
  auto traces = make_traces();
  for (auto& trace : traces) trace.attributes.clear();
  const auto assigner = persona::Assigner::create(make_catalogue(), persona::texts_of(traces));
  ASSERT_TRUE(assigner);
  std::vector<persona::UserTrace> users;
  for (auto& trace : traces) {
    if (trace.is_test) users.push_back(trace);
  }
  Report report;
  add_drift(*assigner, users, {PersonaId("clerk"), PersonaId("tech"), 40}, report);
  EXPECT_EQ(report.figures.at("drift_noticed").value, 1.0);
  EXPECT_GE(report.figures.at("drift_messages").value, 3.0);
  EXPECT_LT(report.figures.at("drift_messages").value, 32.0);
  EXPECT_EQ(report.figures.at("false_drift").value, 0.0);
}

}  // namespace
}  // namespace kith::eval
