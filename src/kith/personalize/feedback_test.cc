#include "kith/personalize/feedback.h"

#include "kith/personalize/pipeline_fixture.h"

namespace kith::personalize {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FeedbackTest : public PipelineTest {
 protected:
  FeedbackRequest thumb(const ChatAnswer& answer, double value) {
    FeedbackRequest request;
    request.scope = scope("ada");
    request.decision = answer.decision;
    request.signals = {{"thumb", value, "", 0}};
    return request;
  }
};

TEST_F(FeedbackTest, AppliesToTheDecisionAndRatesItsTurn) {
  const ChatAnswer answer = must_answer(ask("ada", "hello"));
  FeedbackRecorder recorder(*stores_, clock_);
  const auto outcome = recorder.record(thumb(answer, 1));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_THAT(outcome->applied_to, ElementsAre(answer.decision));
  EXPECT_EQ(outcome->num_added, 1);
  const auto turn = sqlite_->conversations().find_completion(scope("ada"), answer.completion);
  ASSERT_TRUE(turn && *turn);
  EXPECT_EQ((*turn)->rating, 5.0);
}

TEST_F(FeedbackTest, FindsTheDecisionByItsCompletion) {
  const ChatAnswer answer = must_answer(ask("ada", "hello"));
  FeedbackRequest request = thumb(answer, -1);
  request.decision = {};
  request.completion = answer.completion;
  const auto outcome = FeedbackRecorder(*stores_, clock_).record(request);
  ASSERT_TRUE(outcome);
  EXPECT_THAT(outcome->applied_to, ElementsAre(answer.decision));
}

TEST_F(FeedbackTest, TheSameFeedbackIsRecordedOnce) {
  const ChatAnswer answer = must_answer(ask("ada", "hello"));
  FeedbackRecorder recorder(*stores_, clock_);
  FeedbackRequest request = thumb(answer, 1);
  request.signals[0].at = 1000;
  EXPECT_EQ(recorder.record(request)->num_added, 1);
  EXPECT_EQ(recorder.record(request)->num_added, 0);
  request.key = "k";
  EXPECT_EQ(recorder.record(request)->num_added, 1);
  request.signals[0].value = -1;
  const auto repeated = recorder.record(request);
  ASSERT_TRUE(repeated);
  EXPECT_EQ(repeated->num_added, 0);
  EXPECT_THAT(repeated->applied_to, ElementsAre(answer.decision));
}

TEST_F(FeedbackTest, SignalsOfOneCallAreToldApart) {
  const ChatAnswer answer = must_answer(ask("ada", "hello"));
  FeedbackRequest request = thumb(answer, 1);
  request.signals = {{"rating", 4, "", 0}, {"dwell", 12.5, "", 0}, {"reply", {}, "great", 0}};
  request.key = "one";
  EXPECT_EQ(FeedbackRecorder(*stores_, clock_).record(request)->num_added, 3);
}

TEST_F(FeedbackTest, AnotherUsersDecisionIsNotFound) {
  const ChatAnswer answer = must_answer(ask("ada", "hello"));
  FeedbackRequest request = thumb(answer, 1);
  request.scope = scope("bob");
  const auto outcome = FeedbackRecorder(*stores_, clock_).record(request);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kNotFound);
}

TEST_F(FeedbackTest, BadSignalsAreRefused) {
  const ChatAnswer answer = must_answer(ask("ada", "hello"));
  FeedbackRecorder recorder(*stores_, clock_);
  const auto message = [&](FeedbackRequest request) {
    const auto outcome = recorder.record(request);
    return outcome ? "no error" : outcome.error().message;
  };
  EXPECT_THAT(message(thumb(answer, 0.5)), HasSubstr("-1 or 1"));
  FeedbackRequest request = thumb(answer, 1);
  request.signals = {{"rating", 6, "", 0}};
  EXPECT_THAT(message(request), HasSubstr("[1, 5]"));
  request.signals = {{"reply", {}, "", 0}};
  EXPECT_THAT(message(request), HasSubstr("one of value and text"));
  request.signals = {};
  EXPECT_THAT(message(request), HasSubstr("between 1 and 64"));
  request = thumb(answer, 1);
  request.decision = {};
  EXPECT_THAT(message(request), HasSubstr("decision or completion"));
}

}  // namespace
}  // namespace kith::personalize
