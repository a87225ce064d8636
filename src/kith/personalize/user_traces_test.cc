#include "kith/personalize/user_traces.h"

#include <array>

#include "kith/personalize/feedback.h"
#include "kith/personalize/pipeline_fixture.h"

namespace kith::personalize {
namespace {

using ::testing::ElementsAre;

class UserTracesTest : public PipelineTest {
 protected:
  std::vector<persona::UserTrace> read(const std::vector<persona::Member>& members) {
    memory::Knowledge knowledge(sqlite_->knowledge(), clock_);
    auto traces =
        read_user_traces(*sqlite_, knowledge, {TenantId(storage::kDefaultTenant)}, members);
    EXPECT_TRUE(traces);
    return *std::move(traces);
  }

  static std::vector<std::string> names(const persona::TraceStep& step) {
    std::vector<std::string> names;
    for (const auto& event : step.events) names.push_back(event.name());
    return names;
  }
};

TEST_F(UserTracesTest, TellsOfImportedConversationsWhatARequestWouldHaveCited) {
  add_document("kb-1", "Badges", "The badge office opens at seven. Badges cost nothing.");
  add_user("ada", {{"grade", "head"}});
  // 2026-03-02, a Monday, at 10:00 UTC.
  constexpr base::UnixMicros kMonday = 1'772'445'600'000'000;
  const std::array turns{
      storage::NewTurn{"user", "when does the badge office open", kMonday, {}, {}, ""},
      storage::NewTurn{"assistant", "At seven.", kMonday + 1, 4.0, {}, ""},
      storage::NewTurn{"user", "thanks", kMonday + 2, {}, {}, ""}};
  ASSERT_TRUE(sqlite_->conversations().append(scope("ada"), ConversationId("c"), 0, turns));
  const auto traces = read(
      {{UserId("ada"), PersonaId("boss"), true}, {UserId("nobody"), PersonaId("boss"), false}});
  ASSERT_EQ(traces.size(), 1U);
  EXPECT_TRUE(traces[0].is_test);
  EXPECT_EQ(traces[0].attributes.at("grade"), "head");
  ASSERT_EQ(traces[0].steps.size(), 2U);
  EXPECT_EQ(traces[0].steps[0].message, "when does the badge office open");
  EXPECT_THAT(names(traces[0].steps[0]),
              ElementsAre("hour=weekday 09-12", "feedback=rating 4", "cited=kb-1"));
  EXPECT_THAT(names(traces[0].steps[1]), ElementsAre("hour=weekday 09-12"));
}

TEST_F(UserTracesTest, TellsOfDecisionsWhatWasCitedAndSaidOfIt) {
  add_document("kb-1", "Badges", "The badge office opens at seven. Badges cost nothing.");
  const ChatAnswer answer = must_answer(ask("ada", "when does the badge office open"));
  FeedbackRequest feedback;
  feedback.scope = scope("ada");
  feedback.decision = answer.decision;
  feedback.signals = {{"open", {}, "kb-9", 5}};
  ASSERT_TRUE(FeedbackRecorder(*stores_, clock_).record(feedback));
  const auto traces = read({{UserId("ada"), PersonaId("boss"), false}});
  ASSERT_EQ(traces.size(), 1U);
  ASSERT_EQ(traces[0].steps.size(), 1U);
  EXPECT_THAT(names(traces[0].steps[0]),
              ElementsAre(::testing::StartsWith("hour="), "cited=kb-1", "opened=kb-9"));
}

TEST_F(UserTracesTest, WhoDoesNotConsentIsNotRead) {
  must_answer(ask("ada", "hello"));
  must_answer(ask("bob", "hello"));
  refuse("ada", storage::kConsentLearn);
  refuse("bob", storage::kConsentPersonalize);
  EXPECT_TRUE(
      read({{UserId("ada"), PersonaId("boss"), false}, {UserId("bob"), PersonaId("boss"), false}})
          .empty());
}

}  // namespace
}  // namespace kith::personalize
