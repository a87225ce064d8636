#include "kith/personalize/pipeline.h"

#include <set>

#include "kith/base/json.h"
#include "kith/personalize/pipeline_fixture.h"

namespace kith::personalize {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

constexpr const char* kVault =
    "The vault needs form HB-27 before the door opens. Requests close after 14 days.";

TEST_F(PipelineTest, TwoUsersGetTheirOwnPersonaAdapterAndStyle) {
  add_user("ada", {{"grade", "director"}});
  add_user("bob", {{"grade", "technician"}});
  const ChatAnswer ada = must_answer(ask("ada", "hello there"));
  const GenerationRequest to_ada = generator_.last();
  const ChatAnswer bob = must_answer(ask("bob", "hello there"));
  const GenerationRequest to_bob = generator_.last();

  EXPECT_EQ(ada.persona, PersonaId("boss"));
  EXPECT_EQ(bob.persona, PersonaId("tech"));
  EXPECT_EQ(to_ada.adapters, only_adapter(AdapterId("boss")));
  EXPECT_EQ(to_bob.adapters, only_adapter(AdapterId("tech")));
  EXPECT_EQ(to_ada.messages.front().content,
            "You are a helpful assistant.\n\n## About the user\nPersona: Boss. Tone: crisp. "
            "Length: short. Format: two sentences; no step lists.");
  EXPECT_THAT(to_bob.messages.front().content, HasSubstr("Persona: Technician."));
  EXPECT_EQ(ada.personas.size(), 2U);
  EXPECT_FALSE(ada.evidence.empty());
  EXPECT_EQ(metrics_.count("answer boss draft"), 1);
}

TEST_F(PipelineTest, AnonymousUserGetsAPlainAnswerAndLeavesNothing) {
  ChatRequest request = ask("", "hello there");
  const ChatAnswer answer = must_answer(request);
  EXPECT_TRUE(answer.persona.empty());
  EXPECT_TRUE(answer.personas.empty());
  EXPECT_EQ(generator_.last().messages.front().content, "You are a helpful assistant.");
  EXPECT_TRUE(generator_.last().adapters.empty());
  EXPECT_TRUE(answer.degraded.empty());
  EXPECT_TRUE(answer.conversation.empty());
}

TEST_F(PipelineTest, WithoutConsentThePromptIsThatOfAnAnonymousUser) {
  add_document("kb-1", "Vault", kVault);
  add_user("ada", {{"grade", "director"}});
  refuse("ada", storage::kConsentPersonalize);
  must_answer(ask("ada", "Which form does the vault need?"));
  const GenerationRequest refused = generator_.last();
  must_answer(ask("", "Which form does the vault need?"));
  const GenerationRequest anonymous = generator_.last();
  EXPECT_EQ(refused.messages, anonymous.messages);
  EXPECT_EQ(refused.adapters, anonymous.adapters);
}

TEST_F(PipelineTest, TheApplicationsSystemMessageStandsFirst) {
  add_user("ada", {{"grade", "director"}});
  ChatRequest request = ask("ada", "hello");
  request.messages.insert(request.messages.begin(),
                          {"system", "Speak like a pirate.",
                           R"({"role":"system","content":"Speak like a pirate.","name":"app"})"});
  must_answer(request);
  const auto messages = generator_.last().messages;
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_TRUE(messages[0].content.starts_with("Speak like a pirate.\n\n## About the user\n"));
  const auto raw = base::parse_json(messages[0].raw);
  ASSERT_TRUE(raw);
  EXPECT_EQ((*raw)["name"], "app");
  EXPECT_EQ((*raw)["content"], messages[0].content);
  EXPECT_EQ(messages[1], request.messages[1]);
}

TEST_F(PipelineTest, PassagesAreCitedAndStandInTheDocumentedBlock) {
  add_document("kb-1", "Vault", kVault);
  ChatRequest request = ask("ada", "Which form does the vault need?");
  const ChatAnswer answer = must_answer(request);
  ASSERT_EQ(answer.passages.size(), 1U);
  const CitedPassage& passage = answer.passages.front();
  EXPECT_EQ(passage.id, DocumentId("kb-1"));
  EXPECT_EQ(std::string(kVault).substr(passage.start, passage.end - passage.start), passage.text);
  EXPECT_EQ(generator_.last().messages.front().content,
            "You are a helpful assistant.\n\n## Documents\n[1] Vault\n" + std::string(kVault) +
                "\n\n## Evidence\nThe vault needs form HB-27 before the door opens.");
  EXPECT_TRUE(used(answer, kTechniqueKnowledge));
}

TEST_F(PipelineTest, CompletionTokensAreThoseOfTheAnswersShown) {
  ChatRequest request = ask("ada", "hello");
  request.num_drafts = 3;
  const ChatAnswer one = must_answer(request);
  EXPECT_EQ(one.completion_tokens, 5);
  EXPECT_EQ(one.generated_tokens, 15);
  request.num_choices = 2;
  EXPECT_EQ(must_answer(request).completion_tokens, 10);
}

TEST_F(PipelineTest, AnUpstreamIsToldNoEvidence) {
  add_document("kb-1", "Vault", kVault);
  generator_.caps.is_own_engine = false;
  must_answer(ask("ada", "Which form does the vault need?"));
  EXPECT_THAT(generator_.last().messages.front().content, EndsWith(kVault));
}

TEST_F(PipelineTest, NeverAnUngroundedDraftWhenAGroundedPassageExists) {
  add_document("kb-1", "Vault", kVault);
  generator_.answer = [](const auto&, int) {
    return FakeGenerator::text("The vault needs form ZZ-99 before the door opens.", -0.01);
  };
  const ChatAnswer answer = must_answer(ask("ada", "Which form does the vault need?"));
  EXPECT_EQ(answer.choices.front().source, kSourceExtractive);
  EXPECT_THAT(answer.choices.front().text, HasSubstr("HB-27"));
  ASSERT_EQ(answer.candidates.size(), 3U);
  EXPECT_FALSE(answer.candidates.front().is_grounded);
  EXPECT_TRUE(answer.candidates.back().is_chosen);
  // The extract's own, though no model wrote them.
  EXPECT_EQ(answer.completion_tokens,
            static_cast<int>(generator_.count_tokens(answer.choices.front().text)));
  EXPECT_EQ(answer.generated_tokens, 10);
}

TEST_F(PipelineTest, AGroundedDraftThatSaysTheSameWinsByItsLikelihood) {
  add_document("kb-1", "Vault", kVault);
  generator_.answer = [](const auto&, int) {
    return FakeGenerator::text("The vault needs form HB-27 before the door opens.", -0.05);
  };
  const ChatAnswer answer = must_answer(ask("ada", "Which form does the vault need?"));
  EXPECT_EQ(answer.choices.front().source, kSourceDraft);
  EXPECT_TRUE(answer.candidates.front().is_grounded);
}

TEST_F(PipelineTest, TheExtractiveAnswerTakesThePersonasFormat) {
  add_document("kb-1", "Vault", kVault);
  add_user("bob", {{"grade", "technician"}});
  generator_.answer = [](const auto&, int) { return FakeGenerator::text("Ring Zed on 999."); };
  const ChatAnswer answer = must_answer(ask("bob", "Which form does the vault need?"));
  EXPECT_TRUE(answer.choices.front().text.starts_with("1. The vault needs form HB-27"));
}

TEST_F(PipelineTest, SmallTalkGetsNoPassages) {
  add_document("kb-1", "Vault", kVault);
  const ChatAnswer answer = must_answer(ask("ada", "hello, how are you today"));
  EXPECT_TRUE(answer.passages.empty());
  EXPECT_EQ(answer.choices.front().source, kSourceDraft);
}

TEST_F(PipelineTest, OneCommonWordIsNoTopic) {
  add_document("kb-1", "Vault", kVault);
  const ChatAnswer answer = must_answer(ask("ada", "lovely, my form arrived yesterday"));
  EXPECT_TRUE(answer.passages.empty());
  EXPECT_EQ(find_step(answer, kTechniqueKnowledge)->reason, "no document is close enough");
  EXPECT_EQ(must_answer(ask("ada", "vault?")).passages.size(), 1U);
}

TEST_F(PipelineTest, DocumentsOpenToTheirGroupsOnly) {
  add_document("kb-1", "Vault", kVault, {"boss", "audit"});
  add_user("ada", {{"grade", "director"}});
  add_user("bob", {{"grade", "technician"}});
  add_user("eve", {{"grade", "technician"}, {"groups", "night, audit"}});
  const std::string question = "Which form does the vault need?";
  EXPECT_EQ(must_answer(ask("ada", question)).passages.size(), 1U);
  EXPECT_EQ(must_answer(ask("bob", question)).passages.size(), 0U);
  EXPECT_EQ(must_answer(ask("eve", question)).passages.size(), 1U);
  EXPECT_EQ(must_answer(ask("", question)).passages.size(), 0U);
  ChatRequest given = ask("bob", question);
  given.access = {"audit"};
  EXPECT_EQ(must_answer(given).passages.size(), 1U);
}

TEST_F(PipelineTest, NeitherWordsNorContextOpenDocuments) {
  add_document("kb-1", "Vault", kVault, {"boss"});
  ChatRequest request = ask("ada", "Which form does the vault need?");
  request.context = {{"grade", "director"}};
  const ChatAnswer answer = must_answer(request);
  EXPECT_EQ(answer.persona, PersonaId("boss"));
  EXPECT_TRUE(answer.passages.empty());
}

TEST_F(PipelineTest, StreamedTextIsTheTextReturned) {
  add_document("kb-1", "Vault", kVault);
  add_document("kb-2", "保险库", "申请保险库要填表单 HB-27。预订十四天后关闭。");
  for (const std::string question :
       {"Which form does the vault need?", "hello", "申请保险库要填什么表单？"}) {
    for (const int drafts : {1, 2}) {
      for (const int choices : {1, 2}) {
        generator_.answer = [](const auto&, int sample) {
          return FakeGenerator::text("Draft " + std::to_string(sample) +
                                     " — 你好, all right.\n\n ok ");
        };
        ChatRequest request = ask("ada", question);
        request.num_drafts = drafts;
        request.num_choices = choices;
        RecordingSink sink;
        const ChatAnswer answer = must_answer(request, &sink);
        EXPECT_EQ(sink.num_starts, 1);
        EXPECT_EQ(sink.head_.decision, answer.decision);
        ASSERT_EQ(answer.choices.size(), static_cast<std::size_t>(choices));
        for (int i = 0; i < choices; ++i) {
          EXPECT_EQ(sink.texts[i], answer.choices[static_cast<std::size_t>(i)].text) << question;
        }
      }
    }
  }
}

TEST_F(PipelineTest, LogProbabilitiesOfAChosenDraftComeWithItsWords) {
  generator_.answer = [](const auto&, int sample) {
    GeneratedText draft = FakeGenerator::text("To you", sample == 1 ? -0.1 : -2.0);
    draft.logprobs = R"({"content":[{"t":"To y"},{"t":"ou"}],"refusal":null})";
    draft.token_begins = {0, 4};
    return draft;
  };
  ChatRequest request = ask("ada", "hello");
  request.sampling.wants_logprobs = true;
  request.num_choices = 2;
  RecordingSink sink;
  const ChatAnswer answer = must_answer(request, &sink);
  for (const int choice : {0, 1}) {
    EXPECT_THAT(sink.logprobs[choice],
                ElementsAre(Pair("To ", R"({"content":[{"t":"To y"}],"refusal":null})"),
                            Pair("To you", R"({"content":[{"t":"ou"}],"refusal":null})")));
    EXPECT_THAT(answer.choices[static_cast<std::size_t>(choice)].logprobs, HasSubstr("To y"));
  }
}

TEST_F(PipelineTest, OneDraftStreamsAsItIsMade) {
  generator_.answer = [](const auto&, int) { return FakeGenerator::text("abcdef"); };
  ChatRequest request = ask("ada", "hello");
  request.num_drafts = 1;
  RecordingSink sink;
  must_answer(request, &sink);
  EXPECT_EQ(sink.num_deltas, 6);
}

TEST_F(PipelineTest, TheSameSeedGivesTheSameSamples) {
  ChatRequest request = ask("ada", "hello");
  request.sampling.seed = 11;
  must_answer(request);
  const auto first = generator_.last().samples;
  must_answer(request);
  const auto second = generator_.last().samples;
  ASSERT_EQ(first.size(), 2U);
  ASSERT_EQ(second.size(), 2U);
  EXPECT_EQ(first[0].temperature, 0.0);
  EXPECT_EQ(first[1].temperature, 0.7);
  EXPECT_EQ(first[0].seed, second[0].seed);
  EXPECT_EQ(first[1].seed, second[1].seed);
  EXPECT_NE(first[0].seed, first[1].seed);
}

TEST_F(PipelineTest, AGreedyRequestGetsOneGreedyDraft) {
  ChatRequest request = ask("ada", "hello");
  request.sampling.temperature = 0.0;
  must_answer(request);
  ASSERT_EQ(generator_.last().samples.size(), 1U);
  EXPECT_EQ(generator_.last().samples[0].temperature, 0.0);
}

TEST_F(PipelineTest, UpstreamGetsToolsImagesAndUnknownFieldsUntouched) {
  generator_.caps.is_own_engine = false;
  ChatRequest request = ask("ada", "what is on the picture");
  request.messages[0].raw = R"({"role":"user","content":[{"type":"image_url"}],"x":1})";
  request.extra = R"({"tools":[{"type":"function"}],"odd":true})";
  request.upstream_only = {"tools", "messages[0].content[0].image_url"};
  generator_.answer = [](const auto&, int) {
    GeneratedText out = FakeGenerator::text("");
    out.raw = R"({"role":"assistant","tool_calls":[]})";
    out.finish_reason = "tool_calls";
    return out;
  };
  RecordingSink sink;
  const ChatAnswer answer = must_answer(request, &sink);
  const GenerationRequest sent = generator_.last();
  EXPECT_EQ(sent.extra, request.extra);
  EXPECT_EQ(sent.messages.back(), request.messages[0]);
  ASSERT_EQ(sent.samples.size(), 1U);
  EXPECT_FALSE(sent.samples[0].temperature);
  EXPECT_FALSE(sent.samples[0].seed);
  EXPECT_EQ(answer.choices.front().finish_reason, "tool_calls");
  EXPECT_THAT(answer.choices.front().raw, HasSubstr("tool_calls"));
}

TEST_F(PipelineTest, AnAnswerOfAGivenFormatIsNeverAnExtract) {
  add_document("kb-1", "Vault", kVault);
  generator_.answer = [](const auto&, int) { return FakeGenerator::text(R"({"form":"ZZ-99"})"); };
  ChatRequest request = ask("ada", "Which form does the vault need?");
  request.format = {.kind = OutputFormat::Kind::kJsonSchema,
                    .schema = R"({"type":"object"})",
                    .member = "response_format"};
  const ChatAnswer answer = must_answer(request);
  EXPECT_EQ(generator_.last().format.schema, request.format.schema);
  EXPECT_EQ(answer.choices.front().source, kSourceDraft);
  for (const auto& candidate : answer.candidates) EXPECT_EQ(candidate.source, kSourceDraft);
  EXPECT_THAT(answer.plan.back().reason, HasSubstr("format"));

  generator_.caps.is_own_engine = false;
  request.extra = R"({"response_format":{"type":"json_schema"}})";
  must_answer(request);
  EXPECT_EQ(generator_.last().extra, request.extra);
  EXPECT_EQ(generator_.last().samples.size(), 1U);
}

TEST_F(PipelineTest, SwitchedOffTechniquesAreLeftOutWithTheReason) {
  add_document("kb-1", "Vault", kVault);
  add_user("ada", {{"grade", "director"}});
  ChatRequest request = ask("ada", "Which form does the vault need?");
  request.plan = {{kTechniqueAdapter, false},
                  {kTechniqueStyle, false},
                  {kTechniqueKnowledge, false},
                  {kTechniqueCandidates, false}};
  const ChatAnswer answer = must_answer(request);
  EXPECT_TRUE(generator_.last().adapters.empty());
  EXPECT_EQ(generator_.last().messages.front().content, "You are a helpful assistant.");
  EXPECT_EQ(generator_.last().samples.size(), 1U);
  EXPECT_EQ(answer.persona, PersonaId("boss"));
  for (const char* technique : {kTechniqueAdapter, kTechniqueStyle, kTechniqueKnowledge}) {
    const PlanStep* step = find_step(answer, technique);
    ASSERT_NE(step, nullptr) << technique;
    EXPECT_FALSE(step->used);
    EXPECT_EQ(step->reason, "switched off by the request");
  }
}

TEST_F(PipelineTest, APersonaWithoutItsAdapterIsAnsweredByTheBaseModel) {
  add_user("ada", {{"grade", "director"}});
  const auto expect_plain = [this](const std::string& reason) {
    const ChatAnswer answer = must_answer(ask("ada", "hello"));
    EXPECT_EQ(answer.persona, PersonaId("boss"));
    EXPECT_TRUE(answer.adapter.empty());
    EXPECT_TRUE(generator_.last().adapters.empty());
    EXPECT_FALSE(used(answer, kTechniqueAdapter));
    EXPECT_EQ(find_step(answer, kTechniqueAdapter)->reason, reason);
    return answer;
  };
  // Unloaded while others are there.
  generator_.adapters = {AdapterId("tech")};
  const ChatAnswer unloaded = expect_plain("no adapter of this name is loaded: boss");
  ASSERT_EQ(unloaded.degraded.size(), 1U);
  EXPECT_EQ(unloaded.degraded[0].step, "adapter");
  EXPECT_THAT(unloaded.degraded[0].reason, HasSubstr("boss"));
  EXPECT_EQ(metrics_.count("degraded adapter not found"), 1);
  // Its files are gone.
  generator_.adapters = {AdapterId("boss")};
  generator_.hold_failure = Error{ErrorCode::kUnavailable, "cannot be read now: boss"};
  EXPECT_EQ(expect_plain("cannot be read now: boss").degraded.size(), 1U);
  EXPECT_EQ(metrics_.count("degraded adapter unavailable"), 1);
  // A model that has none is as it should be.
  generator_.hold_failure.reset();
  generator_.adapters.clear();
  EXPECT_TRUE(expect_plain("no adapter of this name is loaded: boss").degraded.empty());
}

TEST_F(PipelineTest, ARequestThatNamesAnAdapterGetsItOrAnError) {
  add_user("ada", {{"grade", "director"}});
  ChatRequest request = ask("ada", "hello");
  request.adapters = only_adapter(AdapterId("gone"));
  const auto missing = pipeline_->answer(request);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("gone"));
  generator_.hold_failure = Error{ErrorCode::kUnavailable, "cannot be read now: tech"};
  request.adapters = only_adapter(AdapterId("tech"));
  const auto unreadable = pipeline_->answer(request);
  ASSERT_FALSE(unreadable);
  EXPECT_EQ(unreadable.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(generator_.requests().empty());
}

// Looked up once: what scores must not be another version than what wrote.
TEST_F(PipelineTest, DraftsAndScoresAreUnderTheAdapterThatWasFoundFirst) {
  add_document("kb-1", "Vault", kVault);
  add_user("ada", {{"grade", "director"}});
  generator_.answer = [this](const GenerationRequest&, int) {
    generator_.adapters.clear();  // unloaded while it writes
    return FakeGenerator::text("Plain answer to you.");
  };
  const ChatAnswer answer = must_answer(ask("ada", "Which form does the vault need?"));
  EXPECT_EQ(answer.adapter, AdapterId("boss"));
  EXPECT_EQ(generator_.num_lookups, 1);
  EXPECT_EQ(FakeGenerator::lookup_of(generator_.last().held_adapters), 1);
  EXPECT_EQ(generator_.scored_lookup, 1);
  EXPECT_TRUE(answer.degraded.empty());
}

TEST_F(PipelineTest, AdaptersNamedByTheRequestStandInsteadOfThePersonas) {
  add_user("ada", {{"grade", "director"}});
  ChatRequest request = ask("ada", "hello");
  request.model = "tech";
  request.adapters = only_adapter(AdapterId("tech"));
  const ChatAnswer alone = must_answer(request);
  EXPECT_EQ(alone.persona, PersonaId("boss"));
  EXPECT_EQ(alone.adapter, AdapterId("tech"));
  EXPECT_EQ(alone.model, "tech");
  EXPECT_EQ(generator_.last().adapters, request.adapters);
  EXPECT_EQ(find_step(alone, kTechniqueAdapter)->reason, "named by the request");

  request.model = "";
  request.adapters = {{AdapterId("boss"), 0.3}, {AdapterId("tech"), 0.7}};
  const ChatAnswer blend = must_answer(request);
  EXPECT_EQ(generator_.last().adapters, request.adapters);
  EXPECT_EQ(blend.adapter, AdapterId("tech"));
  EXPECT_EQ(blend.model, "fake");

  request.adapters.emplace();
  EXPECT_TRUE(must_answer(request).adapter.empty());
  EXPECT_TRUE(generator_.last().adapters.empty());
}

TEST_F(PipelineTest, ASoftPromptReachesTheModelAndTakesItsRoom) {
  add_document("kb-1", "Vault", std::string(kVault) + " " + std::string(900, 'x'));
  ChatRequest request = ask("ada", "Which form does the vault need?");
  generator_.caps.context_tokens = 2048;
  EXPECT_FALSE(must_answer(request).passages.empty());
  const auto rows = std::make_shared<SoftPrompt>();
  rows->width = 2;
  rows->values.resize(2 * 1900);
  request.soft_prompt = rows;
  EXPECT_TRUE(must_answer(request).passages.empty());
  EXPECT_EQ(generator_.last().soft_prompt, rows);
}

TEST_F(PipelineTest, QuotesThatDoNotKeepTheRequestsLimitsDoNotCompete) {
  add_document("kb-1", "Vault", kVault);
  const ChatRequest request = ask("ada", "Which form does the vault need?");
  const auto sources = [this](const ChatRequest& asked) {
    std::set<std::string> names;
    for (const auto& candidate : must_answer(asked).candidates) names.insert(candidate.source);
    return names;
  };
  const std::set<std::string> both{kSourceDraft, kSourceExtractive};
  const std::set<std::string> drafts{kSourceDraft};
  EXPECT_EQ(sources(request), both);
  ChatRequest limited = request;
  limited.max_tokens = 3;
  EXPECT_EQ(sources(limited), drafts);
  limited.max_tokens = 200;
  EXPECT_EQ(sources(limited), both);
  limited.stop = {"HB-27"};
  EXPECT_EQ(sources(limited), drafts);
  limited.stop = {"not in it"};
  EXPECT_EQ(sources(limited), both);
  limited.sampling.wants_logprobs = true;
  EXPECT_EQ(sources(limited), drafts);
  limited.sampling.wants_logprobs = false;
  limited.sampling.logit_bias[7] = -100.0;
  EXPECT_EQ(sources(limited), drafts);
}

TEST_F(PipelineTest, ASmallContextHoldsFewerPassages) {
  for (int i = 0; i < 3; ++i) {
    add_document("kb-" + std::to_string(i), "Vault " + std::to_string(i),
                 "The vault needs form HB-2" + std::to_string(i) + ". " + std::string(500, 'x'));
  }
  const std::string question = "Which form does the vault need?";
  EXPECT_EQ(must_answer(ask("ada", question)).passages.size(), 3U);
  generator_.caps.context_tokens = 1024;
  EXPECT_EQ(must_answer(ask("ada", question)).passages.size(), 1U);
  generator_.caps.context_tokens = 128;
  const ChatAnswer tiny = must_answer(ask("ada", question));
  EXPECT_TRUE(tiny.passages.empty());
  EXPECT_THAT(find_step(tiny, kTechniqueKnowledge)->reason, HasSubstr("no room"));
}

TEST_F(PipelineTest, TheDecisionExplainsTheAnswer) {
  add_document("kb-1", "Vault", kVault);
  add_user("ada", {{"grade", "director"}});
  const ChatAnswer answer = must_answer(ask("ada", "Which form does the vault need?"));
  const auto row = sqlite_->decisions().find(scope("ada"), answer.decision);
  ASSERT_TRUE(row && *row);
  EXPECT_EQ((*row)->persona, PersonaId("boss"));
  EXPECT_EQ((*row)->chosen, answer.choices.front().source);
  EXPECT_EQ((*row)->completion, answer.completion);
  const auto document = base::parse_json((*row)->document);
  ASSERT_TRUE(document);
  EXPECT_EQ((*document)["candidates"].size(), 3U);
  EXPECT_EQ((*document)["passages"][0]["id"], "kb-1");
  EXPECT_FALSE((*document)["persona"]["evidence"].empty());
  EXPECT_FALSE((*document)["plan"].empty());
}

}  // namespace
}  // namespace kith::personalize
