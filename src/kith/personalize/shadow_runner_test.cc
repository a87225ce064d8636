#include "kith/personalize/shadow_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <future>
#include <set>

#include "kith/base/json.h"
#include "kith/persona/shadow_trial.h"
#include "kith/personalize/pipeline_fixture.h"

namespace kith::personalize {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The version boss@2 is in shadow, for all requests of boss.
class ShadowVersions final : public AdapterVersions {
 public:
  AdapterId choose(const storage::Scope&, const AdapterId& adapter) const override {
    return adapter;
  }
  int version_of(const AdapterId&, const std::string&) const override { return 0; }
  void on_thumb(const storage::DecisionRow&, double) override {}
  AdapterId find_shadow(const storage::Scope&, const AdapterId& adapter,
                        const DecisionId&) const override {
    return adapter == AdapterId("boss") ? AdapterId("boss@2") : AdapterId();
  }
  void on_shadow(const AdapterId&, bool is_answered) override {
    ++(is_answered ? answered : dropped);
  }

  std::atomic<int> answered{0};
  std::atomic<int> dropped{0};
};

class ShadowRunnerTest : public PipelineTest {
 protected:
  void SetUp() override {
    PipelineTest::SetUp();
    generator_.adapters = {AdapterId("boss"), AdapterId("tech"), AdapterId("boss@2")};
    generator_.answer = [this](const GenerationRequest& request, int) {
      const bool is_shadow = request.adapters == only_adapter(AdapterId("boss@2"));
      if (is_shadow && on_shadow_) on_shadow_();
      return FakeGenerator::text(is_shadow ? "Unseen answer." : "Shown answer.");
    };
    auto pipeline = Pipeline::create({generator_, *stores_, metrics_, clock_, &versions_},
                                     assigner_, options_, router_);
    ASSERT_TRUE(pipeline) << pipeline.error().message;
    pipeline_ = *std::move(pipeline);
    add_user("ada", {{"grade", "director"}});
    add_user("bob", {{"grade", "technician"}});
  }

  // Until so many shadow answers have come to an end.
  void wait_for(int count) {
    for (int i = 0; i < 500 && versions_.answered + versions_.dropped < count; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(versions_.answered + versions_.dropped, count);
  }

  std::string document_of(const char* user, const ChatAnswer& answer) {
    const auto row = sqlite_->decisions().find(scope(user), answer.decision);
    return row && *row ? (*row)->document : "";
  }

  ShadowVersions versions_;
  std::function<void()> on_shadow_;
};

TEST_F(ShadowRunnerTest, TheAnswerStandsBesideTheDecisionAndTheUserGetsNoneOfIt) {
  const auto answer = must_answer(ask("ada", "who owns the risk"));
  EXPECT_EQ(answer.choices.front().text, "Shown answer.");
  const int generated = answer.generated_tokens;
  wait_for(1);
  EXPECT_EQ(versions_.answered, 1);
  const auto json = *base::parse_json(document_of("ada", answer));
  EXPECT_EQ(json["shadow"]["text"], "Unseen answer.");
  EXPECT_EQ(json["shadow"]["adapter"], "boss@2");
  // The user's drafts alone are counted.
  EXPECT_EQ(generated, 5 * options_.own_drafts);
  EXPECT_EQ(num_turns("ada"), 2U);
}

TEST_F(ShadowRunnerTest, ItIsMeasuredBesideWhatTheServingVersionDrafted) {
  generator_.score_of = [](std::span<const std::string> texts) {
    std::vector<double> scores;
    for (const auto& text : texts) scores.push_back(text == "Unseen answer." ? -2.0 : -1.0);
    return scores;
  };
  const auto answer = must_answer(ask("ada", "who owns the risk"));
  wait_for(1);
  const auto json = *base::parse_json(document_of("ada", answer));
  const auto& shadow = json["shadow"];
  EXPECT_EQ(shadow["served"]["text"], "Shown answer.");
  EXPECT_EQ(shadow["served"]["version"], 0);
  EXPECT_EQ(shadow["measures"]["shadow"]["words"], 2.0);
  EXPECT_EQ(shadow["measures"]["shadow"]["logprob_own"], -2.0);
  EXPECT_EQ(shadow["measures"]["shadow"]["logprob_serving"], -2.0);
  EXPECT_EQ(shadow["measures"]["served"]["logprob_shadow"], -1.0);
  EXPECT_NEAR(shadow["measures"]["overlap"].get<double>(), 1.0 / 3.0, 1e-9);
  // What is written is what is judged.
  const storage::ShadowAnswer stored{scope("ada"), base::dump_json(shadow)};
  const auto judgement =
      persona::judge_shadow({AdapterId("boss"), 2}, 0, std::array{stored}, {1, TenantId()});
  EXPECT_EQ(judgement.answers, 1U);
  std::set<std::string> names;
  for (const auto& figure : judgement.figures) names.insert(figure.name);
  for (const auto& [name, value] : shadow["measures"]["shadow"].items()) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

TEST_F(ShadowRunnerTest, OtherAdaptersUsersAndThoseWithoutConsentHaveNone) {
  refuse("ada", storage::kConsentLearn);
  const auto without = must_answer(ask("ada", "who owns the risk"));
  const auto other = must_answer(ask("bob", "scanner dead at site"));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(versions_.answered + versions_.dropped, 0);
  EXPECT_THAT(document_of("ada", without), Not(HasSubstr("Unseen")));
  EXPECT_THAT(document_of("bob", other), Not(HasSubstr("Unseen")));
}

TEST_F(ShadowRunnerTest, WhoIsErasedMeanwhileHasNone) {
  std::promise<void> may_end;
  on_shadow_ = [future = may_end.get_future().share()] { future.wait(); };
  const auto answer = must_answer(ask("ada", "who owns the risk"));
  ASSERT_TRUE(pipeline_->erase_user(scope("ada")));
  may_end.set_value();
  wait_for(1);
  EXPECT_EQ(versions_.dropped, 1);
  EXPECT_THAT(directory_.files_holding("Unseen"), testing::IsEmpty());
  EXPECT_EQ(document_of("ada", answer), "");
}

TEST_F(ShadowRunnerTest, ARequestThatComesBreaksItOff) {
  std::promise<void> begun;
  std::promise<void> may_end;
  on_shadow_ = [&begun, future = may_end.get_future().share()] {
    begun.set_value();
    future.wait();
  };
  const auto answer = must_answer(ask("ada", "who owns the risk"));
  begun.get_future().wait();
  must_answer(ask("bob", "scanner dead at site"));
  may_end.set_value();
  wait_for(1);
  EXPECT_EQ(versions_.dropped, 1);
  EXPECT_THAT(document_of("ada", answer), Not(HasSubstr("Unseen")));
}

TEST_F(ShadowRunnerTest, NothingIsBegunWhileSomebodyWaitsAndTheQueueIsBounded) {
  RecordingGate gate;
  ShadowVersions versions;
  ShadowRunner runner(generator_, sqlite_->decisions(), gate, versions, clock_, {.waiting = 2});
  const ShadowRunner::Request in_work(&runner);
  const auto offer = [&] {
    return runner.offer({.scope = scope("ada"),
                         .decision = DecisionId("d"),
                         .loaded = AdapterId("boss@2"),
                         .request = {},
                         .visit = gate.enter()});
  };
  EXPECT_TRUE(offer());
  EXPECT_TRUE(offer());
  EXPECT_FALSE(offer());
  EXPECT_EQ(versions.dropped, 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_TRUE(generator_.requests().empty());
}

TEST_F(ShadowRunnerTest, WhatHasWaitedTooLongIsDropped) {
  RecordingGate gate;
  ShadowVersions versions;
  base::ManualClock clock;
  ShadowRunner runner(generator_, sqlite_->decisions(), gate, versions, clock,
                      {.longest_wait = std::chrono::seconds(5)});
  {
    const ShadowRunner::Request in_work(&runner);
    ASSERT_TRUE(runner.offer({.scope = scope("ada"),
                              .decision = DecisionId("d"),
                              .loaded = AdapterId("boss@2"),
                              .request = {},
                              .visit = gate.enter()}));
    clock.advance(std::chrono::seconds(6));
  }
  for (int i = 0; i < 500 && versions.dropped == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(versions.dropped, 1);
  EXPECT_TRUE(generator_.requests().empty());
}

}  // namespace
}  // namespace kith::personalize
