#include "kith/personalize/persona_learner.h"

#include <array>

#include "kith/base/json.h"
#include "kith/personalize/feedback.h"
#include "kith/personalize/pipeline_fixture.h"
#include "kith/profile/export.h"

namespace kith::personalize {
namespace {

using ::testing::HasSubstr;

class PersonaLearnerTest : public PipelineTest {
 protected:
  void SetUp() override {
    PipelineTest::SetUp();
    learner_ = std::make_unique<PersonaLearner>(*stores_, assigner_, clock_);
  }

  persona::AssignmentState state_of(const std::string& user) {
    const auto row = sqlite_->personas().find(scope(user));
    EXPECT_TRUE(row && *row);
    return assigner_->from_row(**row);
  }

  std::vector<storage::EventRow> changes_of(const std::string& user) {
    const auto events = sqlite_->events().list(scope(user), storage::kEventPersonaChanged, 9);
    EXPECT_TRUE(events);
    return *events;
  }

  void import(const std::string& user, const storage::Attributes& attributes) {
    ASSERT_TRUE(sqlite_->users().upsert(scope(user), attributes, clock_.now()));
  }

  std::unique_ptr<PersonaLearner> learner_;
};

TEST_F(PersonaLearnerTest, SignalsTellWhatTheUserDid) {
  EXPECT_EQ(behaviour_of({.kind = "thumb", .value = -1})->name(), "feedback=thumb down");
  EXPECT_EQ(behaviour_of({.kind = "rating", .value = 4})->name(), "feedback=rating 4");
  EXPECT_EQ(behaviour_of({.kind = "open", .text = "kb-1"})->name(), "opened=kb-1");
  EXPECT_EQ(behaviour_of({.kind = "dwell", .value = 30})->name(), "feedback=dwell");
  EXPECT_FALSE(behaviour_of({.kind = "reply", .text = "that did not help"}));
}

TEST_F(PersonaLearnerTest, ARequestLeavesWhatTheUserDidByIt) {
  add_document("kb-1", "Badges", "The badge office opens at seven. Badges cost nothing.");
  ChatRequest request = ask("ada", "when does the badge office open");
  request.context = {{"device", "phone"}};
  must_answer(request);
  const auto counts = state_of("ada").behaviour.counts;
  EXPECT_TRUE(counts.contains("cited=kb-1"));
  EXPECT_TRUE(counts.contains("device=phone"));
  EXPECT_EQ(counts.size(), 3U);  // and the hour
}

TEST_F(PersonaLearnerTest, FeedbackIsLearnedFromOnce) {
  const ChatAnswer answer = must_answer(ask("ada", "hello"));
  FeedbackRecorder recorder(*stores_, clock_, nullptr, learner_.get());
  FeedbackRequest request;
  request.scope = scope("ada");
  request.decision = answer.decision;
  request.signals = {{"thumb", 1.0, "", 5}, {"open", {}, "kb-7", 5}};
  ASSERT_TRUE(recorder.record(request));
  ASSERT_TRUE(recorder.record(request));
  const auto counts = state_of("ada").behaviour.counts;
  EXPECT_EQ(counts.at("feedback=thumb up"), 1);
  EXPECT_EQ(counts.at("opened=kb-7"), 1);
  EXPECT_EQ(state_of("ada").words.num_messages, 1);
}

TEST_F(PersonaLearnerTest, WithoutConsentOrAnAssignmentNothingIsLearned) {
  const std::array events = {persona::BehaviourEvent{persona::kBehaviourOpened, "kb-7"}};
  ASSERT_TRUE(learner_->learn(scope("nobody"), events));
  EXPECT_FALSE(sqlite_->personas().find(scope("nobody"))->has_value());
  must_answer(ask("ada", "hello"));
  refuse("ada", storage::kConsentLearn);
  ASSERT_TRUE(learner_->learn(scope("ada"), events));
  EXPECT_FALSE(state_of("ada").behaviour.counts.contains("opened=kb-7"));
}

TEST_F(PersonaLearnerTest, AChangeInTheDirectoryIsToldInOneEvent) {
  import("ada", {{ "grade", "technician" }});
  must_answer(ask("ada", "hello"));
  EXPECT_EQ(state_of("ada").established.persona, PersonaId("tech"));
  EXPECT_TRUE(changes_of("ada").empty());
  const base::UnixMicros begun = clock_.now();
  import("ada", {{ "grade", "director" }});
  import("bob", {{ "grade", "director" }});
  ASSERT_TRUE(learner_->look_again({TenantId(storage::kDefaultTenant)}, begun));
  ASSERT_TRUE(learner_->look_again({TenantId(storage::kDefaultTenant)}, begun));
  must_answer(ask("ada", "hello again"));
  const auto changes = changes_of("ada");
  ASSERT_EQ(changes.size(), 1U);
  const auto json = base::parse_json(changes[0].document);
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["from"], "tech");
  EXPECT_EQ((*json)["to"], "boss");
  EXPECT_EQ((*json)["reasons"][0]["detail"], "grade=director");
  EXPECT_TRUE(changes_of("bob").empty());
  EXPECT_THAT(*profile::export_user(*sqlite_, scope("ada"), clock_), HasSubstr("persona_changed"));
  ASSERT_TRUE(pipeline_->erase_user(scope("ada")));
  EXPECT_TRUE(changes_of("ada").empty());
}

// The clock is asked between the reading of the user and the writing.
class ErasingClock final : public base::Clock {
 public:
  explicit ErasingClock(std::function<void()> erase) : erase_(std::move(erase)) {}
  base::UnixMicros now() const override {
    erase_();
    return base::SystemClock().now();
  }
  std::chrono::nanoseconds monotonic() const override { return {}; }

 private:
  const std::function<void()> erase_;
};

TEST_F(PersonaLearnerTest, WhoIsErasedMeanwhileIsNotWrittenBack) {
  must_answer(ask("ada", "hello"));
  const ErasingClock clock([this] { ASSERT_TRUE(pipeline_->erase_user(scope("ada"))); });
  PersonaLearner learner(*stores_, assigner_, clock, &pipeline_->recording_gate());
  const std::array events = {persona::BehaviourEvent{persona::kBehaviourOpened, "kb-7"}};
  const Status learned = learner.learn(scope("ada"), events);
  ASSERT_FALSE(learned);
  EXPECT_EQ(learned.error().code, ErrorCode::kConflict);
  EXPECT_FALSE(sqlite_->users().find(scope("ada"))->has_value());
}

TEST_F(PersonaLearnerTest, ARequestNoticesTheChangeByItself) {
  import("ada", {{ "grade", "technician" }});
  must_answer(ask("ada", "hello"));
  import("ada", {{ "grade", "director" }});
  ChatRequest request = ask("ada", "hello again");
  request.context = {{"device", "scanner"}};
  must_answer(request);
  EXPECT_EQ(changes_of("ada").size(), 1U);
}

TEST_F(PersonaLearnerTest, ASituationOfOneRequestChangesNobody) {
  import("ada", {{ "grade", "technician" }});
  must_answer(ask("ada", "hello"));
  for (int i = 0; i < 5; ++i) {
    ChatRequest request = ask("ada", "hello " + std::to_string(i));
    request.context = {{"grade", "director"}};
    EXPECT_EQ(must_answer(request).assigned, PersonaId("boss"));
  }
  EXPECT_TRUE(changes_of("ada").empty());
  EXPECT_EQ(state_of("ada").established.persona, PersonaId("tech"));
}

// The row of an older program has no state, yet says who the user was.
TEST_F(PersonaLearnerTest, ARowOfAnOlderProgramIsLearnedAnewFromTheMessages) {
  must_answer(ask("ada", "tablet wont sync"));
  must_answer(ask("ada", "scanner dead at site"));
  ASSERT_TRUE(sqlite_->personas().put(
      scope("ada"), {{{PersonaId("tech"), 0.9}, {PersonaId("boss"), 0.1}},
                     R"({"schema":1,"reasons":[],"words":{"messages":9,"log_odds":{"tech":3}}})",
                     "before",
                     7}));
  ASSERT_TRUE(learner_->learn(scope("ada"), {}));
  const persona::AssignmentState state = state_of("ada");
  EXPECT_EQ(state.words.num_messages, 2);
  EXPECT_EQ(state.established.persona, PersonaId("tech"));
}

}  // namespace
}  // namespace kith::personalize
