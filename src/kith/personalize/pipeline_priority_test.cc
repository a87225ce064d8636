// What the persona decides beside the words: queue class, documents, the section that its users
// need, and who takes over.
#include <cstdlib>
#include <filesystem>

#include "kith/base/json.h"
#include "kith/personalize/pipeline.h"
#include "kith/personalize/pipeline_fixture.h"

namespace kith::personalize {
namespace {

using base::QueueClass;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kServicePersonas = persona::two_personas(
    {.persona = "priority = \"urgent\"\nknowledge = [\"board\"]\n",
     .style = "length = \"medium\"\n",
     .tables = "[persona.escalation]\nname = \"the duty manager\"\nchannel = \"extension 9\"\n"},
    {.persona = "needs = [\"short steps\", "
                "{text = \"works offline\", words = [\"offline\", \"no signal\"]}]\n",
     .style = "length = \"short\"\n",
     .tables = "[persona.escalation]\nname = \"the field line\"\nchannel = \"+44 1\"\n"
               "hours = \"day and night\"\n"});

constexpr const char* kTablet =
    "## Syncing orders\n\nThe tablet syncs orders once the bars are green. Pull the list of orders "
    "down to force it.\n\n## No signal at the site\n\nKeep working, as closing a job functions "
    "offline. Never clear the data of the app.\n\n## Conflicts\n\nThe dispatch lead decides.";

class PipelinePriorityTest : public PipelineTest {
 protected:
  void SetUp() override {
    PipelineTest::SetUp();
    auto catalogue = persona::PersonaCatalogue::from_toml(kServicePersonas, "test");
    ASSERT_TRUE(catalogue) << catalogue.error().message;
    auto assigner = persona::Assigner::create(*std::move(catalogue));
    ASSERT_TRUE(assigner);
    assigner_ = std::make_shared<const persona::Assigner>(*std::move(assigner));
    open();
    add_user("ada", {{"grade", "director"}});
    add_user("bob", {{"grade", "technician"}});
  }
};

TEST_F(PipelinePriorityTest, TheClassGoesWithTheRequestToTheModelAndIntoTheRecord) {
  const ChatAnswer answer = must_answer(ask("ada", "hello there"));
  EXPECT_EQ(answer.queue_class, QueueClass::kUrgent);
  EXPECT_EQ(generator_.last().queue_class, QueueClass::kUrgent);
  const auto row = sqlite_->decisions().find(scope("ada"), answer.decision);
  ASSERT_TRUE(row && *row);
  EXPECT_EQ(base::parse_json((**row).document)->at("queue_class"), "urgent");
  must_answer(ask("bob", "hello there"));
  EXPECT_EQ(generator_.last().queue_class, QueueClass::kNormal);
}

TEST_F(PipelinePriorityTest, WhatIsSaidOfTheSituationGivesNoClass) {
  ChatRequest request = ask("bob", "This is the director: urgent, the board waits");
  request.context = {{"grade", "director"}};
  EXPECT_EQ(must_answer(request).queue_class, QueueClass::kNormal);
}

TEST_F(PipelinePriorityTest, KnowledgeNamesTheGroupsThatThePersonaReads) {
  add_document("kb-1", "Vault", "The vault needs form HB-27 before the door opens.", {"board"});
  EXPECT_EQ(must_answer(ask("ada", "Which form does the vault need?")).passages.size(), 1U);
  EXPECT_TRUE(must_answer(ask("bob", "Which form does the vault need?")).passages.empty());
}

TEST_F(PipelinePriorityTest, ThePersonasNeedPutsItsSectionFirst) {
  add_document("kb-1", "Tablet orders", kTablet);
  const ChatRequest request = ask("bob", "The tablet does not sync my orders");
  const ChatAnswer bob = must_answer(request);
  ASSERT_TRUE(used(bob, kTechniqueNeeds));
  EXPECT_EQ(find_step(bob, kTechniqueNeeds)->reason,
            "works offline: Tablet orders: No signal at the site");
  EXPECT_THAT(bob.choices.front().text,
              StartsWith("1. Keep working, as closing a job functions offline.\n"
                         "2. Never clear the data of the app.\n3. "));
  EXPECT_THAT(generator_.last().messages.front().content, HasSubstr("functions offline"));

  const ChatAnswer ada = must_answer(ask("ada", "The tablet does not sync my orders"));
  EXPECT_EQ(find_step(ada, kTechniqueNeeds), nullptr);
  EXPECT_THAT(ada.choices.front().text, Not(HasSubstr("offline")));
}

TEST_F(PipelinePriorityTest, WithoutSuchASectionTheAnswerIsAsForAnybody) {
  add_document("kb-1", "Vault", "The vault needs form HB-27 before the door opens.");
  const ChatAnswer answer = must_answer(ask("bob", "Which form does the vault need?"));
  EXPECT_FALSE(used(answer, kTechniqueNeeds));
  EXPECT_THAT(answer.choices.front().text, HasSubstr("HB-27"));
}

TEST_F(PipelinePriorityTest, ARequestMaySwitchNeedsOff) {
  add_document("kb-1", "Tablet orders", kTablet);
  ChatRequest request = ask("bob", "The tablet does not sync my orders");
  request.plan = {{kTechniqueNeeds, false}};
  EXPECT_THAT(must_answer(request).choices.front().text, Not(HasSubstr("offline")));
}

TEST_F(PipelinePriorityTest, WhoeverAsksForAPersonIsToldTheirOwn) {
  RecordingSink sink;
  const ChatAnswer ada = must_answer(ask("ada", "Can I talk to someone, please?"), &sink);
  ASSERT_TRUE(ada.escalation);
  EXPECT_EQ(ada.escalation->reason, kEscalationAsked);
  EXPECT_EQ(ada.escalation->target.channel, "extension 9");
  EXPECT_TRUE(ada.escalation->is_in_text);
  EXPECT_THAT(ada.choices.front().text,
              EndsWith(" To speak to a person, contact the duty manager: extension 9."));
  EXPECT_EQ(sink.texts[0], ada.choices.front().text);
  EXPECT_EQ(find_step(ada, kTechniqueEscalation)->reason, "asked for a person: the duty manager");
  const auto row = sqlite_->decisions().find(scope("ada"), ada.decision);
  EXPECT_EQ(base::parse_json((**row).document)->at("escalation")["channel"], "extension 9");
  EXPECT_THAT(must_answer(ask("bob", "who do I call?")).choices.front().text,
              EndsWith(" Call the field line: +44 1 (day and night)."));
}

TEST_F(PipelinePriorityTest, AnAnswerThatStandsOnNothingNamesWhoTakesOver) {
  add_document("kb-1", "Vault", "The vault needs form HB-27 before the door opens.");
  options_.own_extractive = false;
  open();
  generator_.answer = [](const auto&, int) {
    return FakeGenerator::text("The vault needs form ZZ-99 before the door opens.", -0.01);
  };
  const ChatAnswer weak = must_answer(ask("bob", "Which form does the vault need?"));
  ASSERT_TRUE(weak.escalation);
  EXPECT_EQ(weak.escalation->reason, kEscalationWeak);
  EXPECT_THAT(weak.choices.front().text, HasSubstr("+44 1"));
  generator_.answer = [](const auto&, int) {
    return FakeGenerator::text("The vault needs form HB-27 before the door opens.", -0.01);
  };
  EXPECT_FALSE(must_answer(ask("bob", "Which form does the vault need?")).escalation);
}

TEST_F(PipelinePriorityTest, AQuestionThatNoDocumentIsCloseToIsEscalatedAndAGreetingIsNot) {
  add_document("kb-1", "Vault", "The vault needs form HB-27 before the door opens.");
  const ChatAnswer lost =
      must_answer(ask("bob", "Where does the canteen door sell vegetarian lasagne on Fridays"));
  EXPECT_TRUE(lost.passages.empty());
  ASSERT_TRUE(lost.escalation);
  EXPECT_EQ(lost.escalation->reason, kEscalationWeak);
  EXPECT_TRUE(must_answer(ask("bob", "thanks, door")).escalation == std::nullopt);
}

// The service desk's own personas and articles.
class ServiceDeskPriorityTest : public PipelineTest {
 protected:
  void SetUp() override {
    const char* root = std::getenv("KITH_SOURCE_DIR");
    if (root == nullptr) GTEST_SKIP() << "KITH_SOURCE_DIR is not set";
    const auto example = std::filesystem::path(root) / "examples/service-desk";
    PipelineTest::SetUp();
    auto catalogue = persona::PersonaCatalogue::load(example / "personas.toml");
    ASSERT_TRUE(catalogue) << catalogue.error().message;
    auto assigner = persona::Assigner::create(*std::move(catalogue));
    ASSERT_TRUE(assigner);
    assigner_ = std::make_shared<const persona::Assigner>(*std::move(assigner));
    options_.max_passages = 2;
    open();
    memory::Knowledge knowledge(sqlite_->knowledge(), clock_);
    for (const char* file : {"access", "devices", "process", "zh"}) {
      const auto report = knowledge.import({TenantId(storage::kDefaultTenant)},
                                           example / "knowledge" / (std::string(file) + ".jsonl"));
      ASSERT_TRUE(report) << report.error().message;
    }
    add_user("fay", {{"grade", "technician"}, {"department", "Field Service"}});
    add_user("ken", {{"grade", "senior"}, {"department", "Engineering"}});
    add_user("lea", {{"grade", "director"}, {"department", "Executive Office"}});
  }
};

TEST_F(ServiceDeskPriorityTest, AFieldWorkerIsGivenTheOfflineStepsAndAKnowledgeWorkerIsNot) {
  const std::string question = "Fieldbook does not sync my work orders";
  const ChatAnswer fay = must_answer(ask("fay", question));
  EXPECT_EQ(fay.persona, PersonaId("field_worker"));
  EXPECT_EQ(fay.queue_class, QueueClass::kHigh);
  EXPECT_THAT(fay.choices.front().text,
              StartsWith("1. Keep working; closing a job and taking the customer's signature both "
                         "function offline.\n2. "));
  const ChatAnswer ken = must_answer(ask("ken", question));
  EXPECT_EQ(ken.persona, PersonaId("knowledge_worker"));
  EXPECT_EQ(find_step(ken, kTechniqueNeeds), nullptr);
  EXPECT_THAT(ken.choices.front().text, Not(HasSubstr("Keep working")));
  const ChatAnswer chinese = must_answer(ask("fay", "现场平板没信号，Fieldbook 工单怎么办？"));
  EXPECT_THAT(chinese.choices.front().text, StartsWith("1. 没有信号也能干活"));
}

TEST_F(ServiceDeskPriorityTest, EachPersonaHasItsOwnPeopleAndItsOwnDocuments) {
  const ChatAnswer fay = must_answer(ask("fay", "Can I talk to somebody?"));
  ASSERT_TRUE(fay.escalation);
  EXPECT_THAT(fay.choices.front().text, HasSubstr("+44 113 555 0148"));
  const ChatAnswer lea = must_answer(ask("lea", "Can I talk to somebody?"));
  ASSERT_TRUE(lea.escalation);
  EXPECT_EQ(lea.escalation->target.name, "the duty manager of the service desk");
  EXPECT_EQ(lea.queue_class, QueueClass::kUrgent);
}

TEST_F(PipelinePriorityTest, TheTextStaysAsItIsWhereTheRequestLeavesNoRoom) {
  ChatRequest request = ask("ada", "Can I talk to someone, please?");
  request.max_tokens = 6;
  const ChatAnswer cut = must_answer(request);
  ASSERT_TRUE(cut.escalation);
  EXPECT_FALSE(cut.escalation->is_in_text);
  EXPECT_THAT(cut.choices.front().text, Not(HasSubstr("extension 9")));
  request.max_tokens.reset();
  request.plan = {{kTechniqueEscalation, false}};
  EXPECT_FALSE(must_answer(request).escalation);
  EXPECT_FALSE(must_answer(ask("", "Can I talk to someone, please?")).escalation);
}

}  // namespace
}  // namespace kith::personalize
