// Prompts that choose the persona that answers, and prompts of two parts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/json.h"
#include "kith/persona/test_scorer.h"
#include "kith/personalize/decision_document.h"
#include "kith/personalize/pipeline_fixture.h"

namespace kith::personalize {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kTwoParts =
    "what is the impact on the board. Also, the tablet is dead on site";

class PipelineRouteTest : public PipelineTest {
 protected:
  void SetUp() override {
    PipelineTest::SetUp();
    auto router = persona::Router::create(std::make_shared<persona::WordScorer>(),
                                          persona::test_router_settings());
    ASSERT_TRUE(router) << router.error().message;
    router_ = std::make_shared<const persona::Router>(*std::move(router));
    open();
    add_user("ada", {{"grade", "director"}});
    // Says whose adapter wrote and what was asked last.
    generator_.answer = [](const GenerationRequest& request, int) {
      const std::string adapter =
          request.adapters.empty() ? "base" : request.adapters.front().id.str();
      return FakeGenerator::text("Answer of " + adapter +
                                 " to: " + request.messages.back().content);
    };
  }
};

TEST_F(PipelineRouteTest, ThePromptNamesTheAdapterAndTheStyleAgainstTheProfile) {
  const ChatAnswer answer = must_answer(ask("ada", "tablet dead on site"));
  EXPECT_EQ(answer.assigned, PersonaId("boss"));
  EXPECT_EQ(answer.persona, PersonaId("tech"));
  EXPECT_EQ(answer.adapter, AdapterId("tech"));
  EXPECT_EQ(generator_.last().adapters, only_adapter(AdapterId("tech")));
  EXPECT_THAT(generator_.last().messages.front().content, HasSubstr("Persona: Technician."));
  ASSERT_TRUE(answer.route);
  EXPECT_EQ(answer.route->kind, persona::RouteKind::kOne);
  EXPECT_TRUE(used(answer, kTechniqueRouter));
}

TEST_F(PipelineRouteTest, WhoTheUserIsStaysWhatItWas) {
  must_answer(ask("ada", "tablet dead on site"));
  const ChatAnswer answer = must_answer(ask("ada", "good morning everybody"));
  EXPECT_EQ(answer.assigned, PersonaId("boss"));
  EXPECT_EQ(answer.persona, PersonaId("boss"));
}

TEST_F(PipelineRouteTest, TwoPartsAreAnsweredInOrderEachByItsAdapter) {
  const ChatAnswer answer = must_answer(ask("ada", kTwoParts));
  EXPECT_EQ(answer.choices.front().text,
            "Answer of boss to: what is the impact on the board.\n\n"
            "Answer of tech to: the tablet is dead on site");
  ASSERT_THAT(answer.parts, SizeIs(2));
  EXPECT_EQ(answer.parts[0].persona, PersonaId("boss"));
  EXPECT_EQ(answer.parts[1].persona, PersonaId("tech"));
  EXPECT_THAT(answer.adapters, ElementsAre(AdapterShare{AdapterId("boss"), 1.0},
                                           AdapterShare{AdapterId("tech"), 1.0}));
  EXPECT_EQ(answer.prompt_tokens, 20);
  EXPECT_EQ(answer.completion_tokens, 10);
  const auto requests = generator_.requests();
  ASSERT_THAT(requests, SizeIs(2));
  // The second part is the next turn.
  const auto& messages = requests[1].messages;
  ASSERT_THAT(messages, SizeIs(4));
  EXPECT_EQ(messages[1].content, "what is the impact on the board.");
  EXPECT_EQ(messages[2].role, "assistant");
  EXPECT_THAT(messages[0].content, HasSubstr("Persona: Technician."));
}

TEST_F(PipelineRouteTest, AStreamOfTwoPartsIsTheAnswer) {
  for (const int drafts : {1, 2}) {
    ChatRequest request = ask("ada", kTwoParts);
    request.num_drafts = drafts;
    RecordingSink sink;
    const ChatAnswer answer = must_answer(request, &sink);
    EXPECT_EQ(sink.num_starts, 1);
    EXPECT_EQ(sink.texts[0], answer.choices.front().text) << drafts << " drafts";
    EXPECT_THAT(sink.head_.parts, SizeIs(2));
  }
}

TEST_F(PipelineRouteTest, EachPartHasItsOwnDocuments) {
  add_document("kb-1", "Board impact", "The impact on the board is told in form BO-1 each month.");
  add_document("kb-2", "Dead tablet", "A tablet that is dead on site is charged for two hours.");
  const ChatAnswer answer = must_answer(ask("ada", kTwoParts));
  const auto requests = generator_.requests();
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_THAT(requests[0].messages.front().content, HasSubstr("BO-1"));
  EXPECT_THAT(requests[1].messages.front().content, HasSubstr("two hours"));
  EXPECT_THAT(answer.candidates, SizeIs(testing::Ge(4)));
  EXPECT_EQ(answer.candidates.back().part, 1U);
}

TEST_F(PipelineRouteTest, TwoPartsAreOneTurnAndOneDecision) {
  const ChatAnswer answer = must_answer(ask("ada", kTwoParts));
  EXPECT_EQ(num_turns("ada"), 2U);
  const auto json = base::parse_json(to_decision_document(answer, true));
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["route"]["kind"], "parts");
  EXPECT_EQ((*json)["route"]["parts"][1]["persona"], "tech");
  EXPECT_EQ((*json)["persona"]["assigned"], "boss");
}

TEST_F(PipelineRouteTest, ThePartsShareTheTokensAskedFor) {
  ChatRequest request = ask("ada", kTwoParts);
  request.max_tokens = 101;
  must_answer(request);
  const auto requests = generator_.requests();
  EXPECT_EQ(requests[0].max_tokens, 51);
  EXPECT_EQ(requests[1].max_tokens, 96);  // the first used 5
}

TEST_F(PipelineRouteTest, AnswersWithAFormOfTheirOwnAreNotParted) {
  const auto is_whole = [this](auto change) {
    ChatRequest request = ask("ada", kTwoParts);
    change(request);
    return must_answer(request).parts.size() == 1;
  };
  EXPECT_TRUE(is_whole([](auto& r) { r.stop = {"END"}; }));
  EXPECT_TRUE(is_whole([](auto& r) { r.sampling.wants_logprobs = true; }));
  EXPECT_TRUE(is_whole([](auto& r) { r.format.kind = OutputFormat::Kind::kJsonObject; }));
  EXPECT_TRUE(is_whole([](auto& r) { r.max_tokens = 16; }));
  EXPECT_TRUE(is_whole([](auto& r) { r.num_choices = 2; }));
}

TEST_F(PipelineRouteTest, OutOfScopeGoesToTheBaseModel) {
  const ChatAnswer answer = must_answer(ask("ada", "a poem on herons"));
  EXPECT_TRUE(answer.adapter.empty());
  EXPECT_THAT(generator_.last().adapters, IsEmpty());
  EXPECT_EQ(answer.route->reason, "out of scope");
  EXPECT_FALSE(used(answer, kTechniqueRouter));
  // It is still Ada who asks.
  EXPECT_EQ(answer.persona, PersonaId("boss"));
}

TEST_F(PipelineRouteTest, SwitchedOffThePersonasOwnAdapterAnswers) {
  ChatRequest request = ask("ada", kTwoParts);
  request.plan[kTechniqueRouter] = false;
  const ChatAnswer answer = must_answer(request);
  EXPECT_FALSE(answer.route);
  EXPECT_THAT(answer.parts, IsEmpty());
  EXPECT_EQ(answer.adapter, AdapterId("boss"));
  EXPECT_EQ(find_step(answer, kTechniqueRouter)->reason, "switched off by the request");
}

TEST_F(PipelineRouteTest, AnAdapterThatTheRequestNamesWins) {
  ChatRequest request = ask("ada", "tablet dead on site");
  request.adapters = only_adapter(AdapterId("boss"));
  const ChatAnswer answer = must_answer(request);
  EXPECT_EQ(answer.adapter, AdapterId("boss"));
  EXPECT_FALSE(answer.route);
}

TEST_F(PipelineRouteTest, WithoutConsentAndWithoutANameNothingIsRouted) {
  refuse("ada", storage::kConsentPersonalize);
  for (const char* user : {"ada", ""}) {
    const ChatAnswer answer = must_answer(ask(user, "tablet dead on site"));
    EXPECT_FALSE(answer.route);
    EXPECT_THAT(generator_.last().adapters, IsEmpty());
  }
}

TEST_F(PipelineRouteTest, WhatThePromptSaysOpensNoDocuments) {
  add_document("kb-1", "Dead tablet", "A tablet that is dead on site has code TT-9.", {"tech"});
  const ChatAnswer answer = must_answer(ask("ada", "tablet dead on site"));
  EXPECT_EQ(answer.persona, PersonaId("tech"));
  EXPECT_THAT(answer.passages, IsEmpty());
}

TEST_F(PipelineRouteTest, AMissingAdapterIsToldAndTheBaseModelAnswers) {
  generator_.adapters = {AdapterId("boss")};
  const ChatAnswer answer = must_answer(ask("ada", kTwoParts));
  EXPECT_THAT(answer.choices.front().text, HasSubstr("Answer of base to: the tablet"));
  EXPECT_THAT(answer.degraded, SizeIs(1));
  EXPECT_THAT(answer.parts[1].adapters, IsEmpty());
}

}  // namespace
}  // namespace kith::personalize
