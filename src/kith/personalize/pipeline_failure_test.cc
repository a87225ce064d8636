// What happens to an answer when something else fails.
#include "kith/personalize/pipeline.h"
#include "kith/personalize/pipeline_fixture.h"

namespace kith::personalize {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kVault =
    "The vault needs form HB-27 before the door opens. Requests close after 14 days.";

TEST_F(PipelineTest, AFailingGeneratorIsTheOnlyError) {
  generator_.failure = Error{ErrorCode::kOverloaded, "queue is full"};
  RecordingSink sink;
  const auto answer = pipeline_->answer(ask("ada", "hello"), &sink);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kOverloaded);
  EXPECT_EQ(sink.num_starts, 0);
  EXPECT_EQ(metrics_.count("request overloaded"), 1);
}

TEST_F(PipelineTest, EveryStoreMayFailAndTheAnswerStillComes) {
  add_document("kb-1", "Vault", kVault);
  add_user("ada", {{"grade", "director"}});
  storage::FaultPlan all;
  all.fail_every = 1;
  stores_->set_plan(all);
  const ChatAnswer answer = must_answer(ask("ada", "Which form does the vault need?"));
  EXPECT_EQ(answer.choices.front().text, "Plain answer to you.");
  EXPECT_TRUE(answer.persona.empty());
  EXPECT_FALSE(answer.degraded.empty());
  EXPECT_EQ(metrics_.count("degraded identify unavailable"), 1);
  EXPECT_EQ(metrics_.count("degraded knowledge unavailable"), 1);
  EXPECT_EQ(generator_.last().messages.front().content, "You are a helpful assistant.");
}

TEST_F(PipelineTest, EachSingleStoreCallMayFail) {
  add_document("kb-1", "Vault", kVault);
  add_user("ada", {{"grade", "director"}});
  for (const bool after : {false, true}) {
    for (std::int64_t call = 1; call < 40; ++call) {
      storage::FaultPlan plan;
      plan.fail_at = call;
      plan.after_the_work = after;
      stores_->set_plan(plan);
      const ChatAnswer answer =
          must_answer(ask("ada", "Which form does the vault need? " + std::to_string(call)));
      EXPECT_FALSE(answer.choices.empty());
      const bool failed = stores_->num_failures() > 0;
      EXPECT_EQ(!answer.degraded.empty(), failed) << "call " << call;
      if (!failed) break;
      EXPECT_LT(call, 39) << "more calls than expected";
    }
  }
}

TEST_F(PipelineTest, ASlowStoreIsNotWaitedFor) {
  options_.budgets = {};
  for (auto* budget :
       {&options_.budgets.identify, &options_.budgets.conversation, &options_.budgets.persona,
        &options_.budgets.knowledge, &options_.budgets.history, &options_.budgets.record}) {
    *budget = std::chrono::milliseconds(20);
  }
  open();
  add_user("ada", {{"grade", "director"}});
  storage::FaultPlan slow;
  slow.delay = std::chrono::milliseconds(150);
  stores_->set_plan(slow);
  const auto start = std::chrono::steady_clock::now();
  const ChatAnswer answer = must_answer(ask("ada", "hello"));
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_LT(took, std::chrono::milliseconds(140));
  EXPECT_TRUE(answer.persona.empty());
  EXPECT_GE(metrics_.count("degraded identify deadline exceeded"), 1);
  pipeline_.reset();
}

TEST_F(PipelineTest, AnAnswerUnderWayDoesNotWriteAnErasedUserBack) {
  add_user("ada", {{"grade", "director"}});
  generator_.answer = [this](const GenerationRequest&, int sample) {
    if (sample == 0) {
      EXPECT_TRUE(pipeline_->erase_user(scope("ada")));
    }
    return FakeGenerator::text("Plain answer to you.");
  };
  const ChatAnswer answer = must_answer(ask("ada", "planted5678 again"));
  EXPECT_EQ(answer.choices.front().text, "Plain answer to you.");
  EXPECT_EQ(metrics_.count("degraded record conflict"), 1);
  EXPECT_EQ(num_turns("ada"), 0U);
  EXPECT_FALSE(sqlite_->users().find(scope("ada"))->has_value());
  EXPECT_TRUE(sqlite_->decisions().list(scope("ada"), 9)->empty());
  // The next question is a new beginning.
  generator_.answer = [](const GenerationRequest&, int) { return FakeGenerator::text("Hello."); };
  must_answer(ask("ada", "hello"));
  EXPECT_EQ(num_turns("ada"), 2U);
}

TEST_F(PipelineTest, AFailingScoreCostsOnlyTheScore) {
  add_document("kb-1", "Vault", kVault);
  generator_.score_of = [](auto) -> Result<std::vector<double>> {
    return Error{ErrorCode::kUnavailable, "no scores"};
  };
  const ChatAnswer answer = must_answer(ask("ada", "Which form does the vault need?"));
  EXPECT_EQ(answer.choices.front().source, kSourceExtractive);
  EXPECT_EQ(metrics_.count("degraded score unavailable"), 1);
}

TEST_F(PipelineTest, UserTextStaysOutOfTheLog) {
  storage::FaultPlan all;
  all.fail_every = 1;
  stores_->set_plan(all);
  testing::internal::CaptureStderr();
  must_answer(ask("ada", "planted5678 is my secret"));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("step identify left out: unavailable"));
  EXPECT_THAT(log, Not(HasSubstr("planted5678")));
}

TEST_F(PipelineTest, ACancelledRequestEndsAsCancelled) {
  std::stop_source stop;
  stop.request_stop();
  const auto answer = pipeline_->answer(ask("ada", "hello"), nullptr, stop.get_token());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kCancelled);
}

TEST_F(PipelineTest, BadRequestsAreRefusedByTheirField) {
  ChatRequest none = ask("ada", "hello");
  none.messages[0].role = "assistant";
  EXPECT_THAT(pipeline_->answer(none).error().message, HasSubstr("role user"));
  ChatRequest many = ask("ada", "hello");
  many.num_choices = 129;
  EXPECT_THAT(pipeline_->answer(many).error().message, HasSubstr("n must be in [1, 128]"));
  ChatRequest drafts = ask("ada", "hello");
  drafts.num_drafts = 9;
  EXPECT_THAT(pipeline_->answer(drafts).error().message, HasSubstr("kith.candidates"));
  options_.own_drafts = 0;
  EXPECT_FALSE(Pipeline::create({generator_, *stores_, metrics_, clock_}, assigner_, options_));
}

TEST_F(PipelineTest, TheOwnEngineRefusesWhatItCannotDoByName) {
  ChatRequest request = ask("ada", "hello");
  request.upstream_only = {"tools"};
  const auto answer = pipeline_->answer(request);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(answer.error().message, HasSubstr("tools"));
}

}  // namespace
}  // namespace kith::personalize
