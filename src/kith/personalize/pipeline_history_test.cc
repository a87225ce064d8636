// What is kept of a conversation, and from whom.
#include <thread>

#include "kith/personalize/pipeline.h"
#include "kith/personalize/pipeline_fixture.h"

namespace kith::personalize {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(PipelineTest, KeepsTurnsOnceWhenTheHistoryIsResent) {
  ChatRequest first = ask("ada", "first question");
  const ChatAnswer one = must_answer(first);
  EXPECT_EQ(num_turns("ada"), 2U);
  ChatRequest second = first;
  second.messages.push_back({"assistant", one.choices.front().text, ""});
  second.messages.push_back({"user", "second question", ""});
  const ChatAnswer two = must_answer(second);
  EXPECT_EQ(two.conversation, one.conversation);
  EXPECT_EQ(num_turns("ada"), 4U);
  EXPECT_EQ(num_conversations("ada"), 1U);
  const auto row = sqlite_->personas().find(scope("ada"));
  ASSERT_TRUE(row && *row);
  EXPECT_EQ(assigner_->from_row(**row).words.num_messages, 2);
}

TEST_F(PipelineTest, TheQuestionIsKeptWhenItsAnswerFails) {
  generator_.failure = Error{ErrorCode::kUnavailable, "no model"};
  ASSERT_FALSE(pipeline_->answer(ask("ada", "first question")));
  generator_.failure.reset();
  const auto one_is_stored = [this] {
    for (int i = 0; i < 500 && num_turns("ada") == 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return num_turns("ada") == 1;
  };
  EXPECT_TRUE(one_is_stored());
  must_answer(ask("ada", "first question"));
  EXPECT_EQ(num_turns("ada"), 2U);
  EXPECT_EQ(num_conversations("ada"), 1U);
}

TEST_F(PipelineTest, AnEditedHistoryForks) {
  ChatRequest first = ask("ada", "first question");
  const ChatAnswer one = must_answer(first);
  ChatRequest second = first;
  second.messages.push_back({"assistant", one.choices.front().text, ""});
  second.messages.push_back({"user", "second question", ""});
  must_answer(second);
  ChatRequest edited = second;
  edited.messages[2].content = "another question";
  const ChatAnswer forked = must_answer(edited);
  EXPECT_NE(forked.conversation, one.conversation);
  const auto old_turns = sqlite_->conversations().turns(scope("ada"), one.conversation);
  ASSERT_TRUE(old_turns);
  ASSERT_EQ(old_turns->size(), 4U);
  EXPECT_EQ((*old_turns)[2].text, "second question");
}

TEST_F(PipelineTest, ANamedConversationWithARegeneratedAnswerForksOnce) {
  int answers = 0;
  generator_.answer = [&answers](const auto&, int) {
    return FakeGenerator::text("Answer number " + std::to_string(answers) + " is this.");
  };
  ChatRequest first = ask("ada", "first question");
  first.conversation = ConversationId("mine");
  must_answer(first);
  ++answers;
  const ChatAnswer again = must_answer(first);
  EXPECT_EQ(num_conversations("ada"), 2U);
  ChatRequest second = first;
  second.messages.push_back({"assistant", again.choices.front().text, ""});
  for (int i = 0; i < 3; ++i) {
    ++answers;
    second.messages.push_back({"user", "question " + std::to_string(i), ""});
    const ChatAnswer next = must_answer(second);
    EXPECT_TRUE(next.degraded.empty());
    second.messages.push_back({"assistant", next.choices.front().text, ""});
  }
  EXPECT_EQ(num_conversations("ada"), 2U);
  // first, its two answers, and three exchanges.
  EXPECT_EQ(num_turns("ada"), 9U);
  const auto row = sqlite_->personas().find(scope("ada"));
  ASSERT_TRUE(row && *row);
  EXPECT_EQ(assigner_->from_row(**row).words.num_messages, 4);
}

TEST_F(PipelineTest, UsersShareNothing) {
  must_answer(ask("ada", "my badge number is planted1234 for the turnstile gate"));
  generator_.answer = [](const auto&, int) { return FakeGenerator::text("Yes it is."); };
  must_answer(ask("bob", "what is the badge number for the turnstile gate"));
  for (const Message& message : generator_.last().messages) {
    EXPECT_THAT(message.content, Not(HasSubstr("planted1234")));
  }
  must_answer(ask("ada", "what was the badge number for the turnstile gate"));
  EXPECT_THAT(generator_.last().messages.front().content,
              HasSubstr("Asked earlier: my badge number is planted1234"));
}

TEST_F(PipelineTest, EarlierExchangesOnAnotherTopicStayOut) {
  must_answer(ask("ada", "my badge number is planted1234 for the turnstile gate"));
  const ChatAnswer answer = must_answer(ask("ada", "how do I book a parking space near the gate"));
  EXPECT_EQ(generator_.last().messages.front().content, "You are a helpful assistant.");
  EXPECT_FALSE(used(answer, kTechniqueHistory));
}

TEST_F(PipelineTest, TheSameWordsOfTwoUsersAreTwoConversations) {
  ChatRequest a = ask("ada", "one");
  a.messages.push_back({"assistant", "two", ""});
  a.messages.push_back({"user", "three", ""});
  ChatRequest b = a;
  b.scope = scope("bob");
  EXPECT_NE(must_answer(a).conversation, must_answer(b).conversation);
  EXPECT_EQ(num_turns("ada"), 4U);
  EXPECT_EQ(num_turns("bob"), 4U);
}

TEST_F(PipelineTest, WithoutConsentToLearnNothingIsKeptButTheWordlessDecision) {
  add_user("ada", {{"grade", "director"}});
  refuse("ada", storage::kConsentLearn);
  generator_.answer = [](const auto&, int) { return FakeGenerator::text("Secretword is said."); };
  const ChatAnswer answer = must_answer(ask("ada", "tell me"));
  EXPECT_EQ(answer.persona, PersonaId("boss"));
  EXPECT_EQ(num_turns("ada"), 0U);
  EXPECT_FALSE(*sqlite_->personas().find(scope("ada")));
  const auto decision = sqlite_->decisions().find(scope("ada"), answer.decision);
  ASSERT_TRUE(decision && *decision);
  EXPECT_THAT((*decision)->document, Not(HasSubstr("Secretword")));
}

TEST_F(PipelineTest, ARequestThatStoresNothingLeavesNothing) {
  add_user("ada", {{"grade", "director"}});
  ChatRequest request = ask("ada", "tell me");
  request.stores = false;
  const ChatAnswer answer = must_answer(request);
  EXPECT_EQ(answer.persona, PersonaId("boss"));
  EXPECT_EQ(num_turns("ada"), 0U);
  EXPECT_FALSE(*sqlite_->decisions().find(scope("ada"), answer.decision));
  EXPECT_FALSE(*sqlite_->personas().find(scope("ada")));
}

TEST_F(PipelineTest, ManyUsersAtOnceGetTheirOwnAnswers) {
  generator_.answer = [](const GenerationRequest& request, int) {
    return FakeGenerator::text("You said " + request.messages.back().content + ".");
  };
  std::vector<std::jthread> threads;
  for (int user = 0; user < 8; ++user) {
    threads.emplace_back([this, user] {
      const std::string name = "user" + std::to_string(user);
      ChatRequest request = ask(name, "word " + name);
      for (int turn = 0; turn < 3; ++turn) {
        const ChatAnswer answer = must_answer(request);
        const std::string said = answer.choices.front().text;
        EXPECT_EQ(said, "You said " + request.messages.back().content + ".");
        request.messages.push_back({"assistant", said, ""});
        request.messages.push_back({"user", "turn " + std::to_string(turn) + " " + name, ""});
      }
    });
  }
  threads.clear();
  for (int user = 0; user < 8; ++user) {
    const std::string name = "user" + std::to_string(user);
    const auto turns = sqlite_->conversations().recent_turns(scope(name), 100);
    ASSERT_TRUE(turns);
    EXPECT_EQ(turns->size(), 6U);
    for (const auto& turn : *turns) EXPECT_THAT(turn.text, HasSubstr(name));
  }
}

}  // namespace
}  // namespace kith::personalize
