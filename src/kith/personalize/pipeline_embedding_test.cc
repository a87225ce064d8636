// What a user did, as a memory beside the prompt: who gets one, who does not, and what the answer
// says.
#include "kith/base/json.h"
#include "kith/personalize/decision_document.h"
#include "kith/personalize/pipeline_fixture.h"

namespace kith::personalize {
namespace {

using base::Json;
using ::testing::HasSubstr;

// 2026-11-01.
constexpr base::UnixMicros kLastEvent = 1'793'491'200'000'000;

class PipelineEmbeddingTest : public PipelineTest {
 protected:
  void SetUp() override {
    PipelineTest::SetUp();
    generator_.caps.no_memories.clear();
    user_encoder_ = std::make_unique<FakeUserEncoder>();
    user_encoder_->memories["u1"] = FakeUserEncoder::memory(137, kLastEvent);
    add_user("u1", {});
    open();
  }

  static const UserMemory* memory_in(const GenerationRequest& request) {
    const auto* held = dynamic_cast<const FakeGenerator::FakeMemory*>(request.memory.get());
    return held == nullptr ? nullptr : &held->memory;
  }

  // Nothing of the user's is given to the model, for the reason told.
  void expect_none(const ChatRequest& request, const std::string& reason) {
    const ChatAnswer answer = must_answer(request);
    EXPECT_EQ(generator_.last().memory, nullptr);
    EXPECT_FALSE(answer.embedding);
    const PlanStep* step = find_step(answer, kTechniqueEmbedding);
    ASSERT_NE(step, nullptr);
    EXPECT_FALSE(step->used);
    EXPECT_THAT(step->reason, HasSubstr(reason));
  }
};

TEST_F(PipelineEmbeddingTest, AKnownUsersMemoryGoesWithTheRequest) {
  generator_.memory_rows = 2;
  const ChatAnswer answer = must_answer(ask("u1", "Where do I print?"));
  const UserMemory* memory = memory_in(generator_.last());
  ASSERT_NE(memory, nullptr);
  EXPECT_EQ(memory->num_events, 137);
  const PlanStep* step = find_step(answer, kTechniqueEmbedding);
  ASSERT_NE(step, nullptr);
  EXPECT_TRUE(step->used);
  EXPECT_EQ(step->reason, "137 events until 2026-11-01");
  EXPECT_EQ(step->tokens, 2);
  ASSERT_TRUE(answer.embedding);
  EXPECT_EQ(answer.embedding->bridge_version, "b1");
}

TEST_F(PipelineEmbeddingTest, TheDecisionSaysWhichMemoryItWas) {
  const auto answer = must_answer(ask("u1", "Where do I print?"));
  const auto row = sqlite_->decisions().find(scope("u1"), answer.decision);
  ASSERT_TRUE(row && *row);
  const Json embedding = (*base::parse_json((*row)->document))["embedding"];
  EXPECT_EQ(embedding["version"], "e1");
  EXPECT_EQ(embedding["events"], 137);
  EXPECT_EQ(embedding["until"].get<std::string>().substr(0, 10), "2026-11-01");
  EXPECT_EQ(embedding["bridge"], "fake");
  EXPECT_FALSE(embedding.contains("mean_of"));
}

TEST_F(PipelineEmbeddingTest, WhoHasNoEventsGetsTheMeanAndTheAnswerSaysSo) {
  UserMemory mean = FakeUserEncoder::memory(0, 0);
  mean.is_persona_mean = true;
  user_encoder_->memories["u1"] = mean;
  EXPECT_EQ(find_step(must_answer(ask("u1", "Hello there")), kTechniqueEmbedding)->reason,
            "no events read yet: mean of all users");
  mean.persona = PersonaId("boss");
  user_encoder_->memories["u1"] = mean;
  const auto answer = must_answer(ask("u1", "Hello there"));
  EXPECT_EQ(find_step(answer, kTechniqueEmbedding)->reason,
            "no events read yet: mean of persona boss");
  const Json document = *base::parse_json(to_decision_document(answer, true));
  EXPECT_EQ(document["embedding"]["mean_of"], "boss");
}

TEST_F(PipelineEmbeddingTest, CandidatesAreScoredUnderTheMemory) {
  add_document("vpn", "VPN", "Restart the VPN client. The VPN client then connects again.");
  must_answer(ask("u1", "How do I restart the VPN client?"));
  EXPECT_TRUE(generator_.scored_memory);
  ChatRequest off = ask("u1", "How do I restart the VPN client now?");
  off.plan["embedding"] = false;
  must_answer(off);
  EXPECT_FALSE(generator_.scored_memory);
}

TEST_F(PipelineEmbeddingTest, OnlyKnownUsersWhoConsentHaveOne) {
  expect_none(ask("", "Hello there"), "anonymous");
  refuse("u1", storage::kConsentLearn);
  expect_none(ask("u1", "Hello there"), "opted out");
  refuse("u1", storage::kConsentPersonalize);
  expect_none(ask("u1", "Hello there"), "not consented");
  EXPECT_EQ(user_encoder_->num_calls, 0);
}

TEST_F(PipelineEmbeddingTest, ATemporaryChatHasNone) {
  ChatRequest request = ask("u1", "Hello there");
  request.stores = false;
  expect_none(request, "temporary chat");
  EXPECT_EQ(user_encoder_->num_calls, 0);
}

TEST_F(PipelineEmbeddingTest, ARequestMaySwitchItOff) {
  ChatRequest request = ask("u1", "Hello there");
  request.plan["embedding"] = false;
  expect_none(request, "switched off");
  EXPECT_EQ(user_encoder_->num_calls, 0);
}

TEST_F(PipelineEmbeddingTest, TheGeneratorSaysWhyItTakesNone) {
  generator_.caps.no_memories = "no bridge";
  expect_none(ask("u1", "Hello there"), "no bridge");
  EXPECT_EQ(user_encoder_->num_calls, 0);
}

TEST_F(PipelineEmbeddingTest, WithoutAnEncoderThePlanDoesNotSpeakOfIt) {
  user_encoder_.reset();
  open();
  EXPECT_EQ(find_step(must_answer(ask("u1", "Hello there")), kTechniqueEmbedding), nullptr);
}

TEST_F(PipelineEmbeddingTest, WhatFailsOrIsLateIsLeftOutAndNamed) {
  add_user("u2", {});
  expect_none(ask("u2", "Hello there"), "no events");
  generator_.memory_failure = Error{ErrorCode::kConflict, "made by another encoder"};
  expect_none(ask("u1", "Hello there"), "another encoder");
  EXPECT_EQ(metrics_.count("degraded embedding conflict"), 1);
  generator_.memory_failure.reset();
  user_encoder_->failure = Error{ErrorCode::kUnavailable, "the disk is gone"};
  expect_none(ask("u1", "Hello there"), "it failed");
  user_encoder_->failure.reset();
  user_encoder_->delay = std::chrono::milliseconds(200);
  options_.budgets.embedding = std::chrono::milliseconds(20);
  open();
  expect_none(ask("u1", "Hello there"), "it failed");
  EXPECT_EQ(metrics_.count("degraded embedding deadline exceeded"), 1);
}

// Rows of the prompt leave less of the context to documents, as those of the client do.
TEST_F(PipelineEmbeddingTest, RowsTakeRoomFromDocuments) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "Restart the VPN client and wait for the VPN to connect. ";
  add_document("vpn", "VPN", text);
  const auto question = "How do I restart the VPN client?";
  generator_.caps.context_tokens = 1200;
  EXPECT_TRUE(used(must_answer(ask("u1", question)), kTechniqueKnowledge));
  generator_.memory_rows = 1150;
  EXPECT_FALSE(used(must_answer(ask("u1", question)), kTechniqueKnowledge));
}

}  // namespace
}  // namespace kith::personalize
