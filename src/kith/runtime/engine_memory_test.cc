// Users' memories in the own engine, through either kind of bridge.
#include <gmock/gmock.h>

#include <cmath>

#include "kith/runtime/held_memory.h"
#include "kith/runtime/test_model.h"

namespace kith::runtime {
namespace {

using personalize::GenerationRequest;
using personalize::HeldMemory;
using personalize::UserMemory;
using testing::HasSubstr;

class EngineMemoryTest : public TinyEngineTest {
 protected:
  std::string bridge() const override { return "soft_prompt_bridge"; }

  UserMemory memory(int rows = 5, float scale = 1.5F) const {
    const int width = generator_->bridge() ? generator_->bridge()->memory_width() : 1;
    std::vector<float> values(static_cast<std::size_t>(rows * width));
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = scale * std::sin(static_cast<float>(i) + 0.5F);
    }
    return {.latents = std::make_shared<const std::vector<float>>(std::move(values)),
            .rows = rows,
            .width = width,
            .version = "0123456789abcdef",
            .num_events = 3,
            .at = 0,
            .is_persona_mean = false,
            .persona = {}};
  }

  std::shared_ptr<const HeldMemory> must_hold(const UserMemory& from) {
    auto held = generator_->hold_memory(from);
    EXPECT_TRUE(held) << held.error().message;
    return held ? *std::move(held) : nullptr;
  }

  static GenerationRequest request() {
    GenerationRequest request;
    request.messages = {{"user", "Once", {}}};
    request.max_tokens = 24;
    request.samples = {{.temperature = 0.0}};
    for (const auto token : {0, kTurnEnd, kTextEnd, kTurnStart}) {
      request.samples[0].logit_bias[token] = -100.0;
    }
    return request;
  }

  personalize::GeneratedText must_generate(const GenerationRequest& request) {
    auto texts = generator_->generate(request, nullptr, {});
    EXPECT_TRUE(texts) << texts.error().message;
    return texts ? texts->front() : personalize::GeneratedText();
  }

  double must_score(std::shared_ptr<const HeldMemory> held) {
    personalize::ScoreRequest score;
    score.messages = {{"user", "Once", {}}};
    score.memory = std::move(held);
    score.continuations = {"upon a time"};
    const auto scores = generator_->score(score);
    EXPECT_TRUE(scores) << scores.error().message;
    return scores ? scores->front() : 0.0;
  }
};

// As if the client had sent the same rows: after its own, before the prompt.
TEST_F(EngineMemoryTest, ASoftPromptsRowsStandAfterTheClients) {
  const auto held = must_hold(memory());
  ASSERT_NE(held, nullptr);
  EXPECT_EQ(held->prompt_rows(), 5);
  EXPECT_EQ(held->bridge(), "soft_prompt_bridge");
  const auto rows = find_held(held)->rows();
  auto client = std::make_shared<personalize::SoftPrompt>();
  client->width = rows->width;
  client->values.assign(static_cast<std::size_t>(2 * rows->width), 0.25F);

  GenerationRequest both = request();
  both.soft_prompt = client;
  both.memory = held;
  const auto answer = must_generate(both);
  GenerationRequest joined = request();
  auto values = client->values;
  values.insert(values.end(), rows->values.begin(), rows->values.end());
  joined.soft_prompt =
      std::make_shared<const personalize::SoftPrompt>(personalize::SoftPrompt{rows->width, values});
  const auto expected = must_generate(joined);
  EXPECT_EQ(answer.text, expected.text);
  EXPECT_EQ(answer.mean_logprob, expected.mean_logprob);
  EXPECT_EQ(answer.prompt_tokens, must_generate(request()).prompt_tokens + 2 + 5);
}

TEST_F(EngineMemoryTest, ScoresAreUnderTheMemory) {
  const double without = must_score(nullptr);
  const double with = must_score(must_hold(memory()));
  EXPECT_NE(with, without);
  EXPECT_NE(with, must_score(must_hold(memory(5, 0.4F))));
  EXPECT_EQ(with, must_score(must_hold(memory())));
}

TEST_F(EngineMemoryTest, AMemoryOfAnotherEncoderOrShapeIsRefused) {
  UserMemory other = memory();
  other.version = "another";
  const auto held = generator_->hold_memory(other);
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().code, ErrorCode::kConflict);
  EXPECT_THAT(held.error().message, HasSubstr("0123456789abcdef, not another"));
  EXPECT_EQ(generator_->hold_memory(memory(4)).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(EngineMemoryTest, ABridgeIsComparedWithTheEncoderAtTheStart) {
  const model::Bridge& bridge = *generator_->bridge();
  const EncoderShape good{.rows = 5, .width = 12, .version = "0123456789abcdef"};
  EXPECT_TRUE(check_bridge(bridge, good));
  const auto error = [&](EncoderShape shape) {
    const Status status = check_bridge(bridge, shape);
    return status ? "no error" : status.error().message;
  };
  EXPECT_THAT(error({16, 12, good.version}),
              AllOf(HasSubstr("user_encoder.bridge"), HasSubstr("of 5 rows"), HasSubstr("16")));
  EXPECT_THAT(error({5, 64, good.version}), AllOf(HasSubstr("12 wide"), HasSubstr("64")));
  EXPECT_THAT(error({5, 12, "other"}), HasSubstr("not other"));
}

class EngineAttentionTest : public EngineMemoryTest {
 protected:
  std::string bridge() const override { return "bridge"; }
};

TEST_F(EngineAttentionTest, EveryTokenAttendsToTheMemory) {
  GenerationRequest known = request();
  known.memory = must_hold(memory(16));
  ASSERT_NE(known.memory, nullptr);
  EXPECT_EQ(known.memory->prompt_rows(), 0);
  const auto answer = must_generate(known);
  const auto without = must_generate(request());
  EXPECT_NE(answer.mean_logprob, without.mean_logprob);
  EXPECT_EQ(answer.prompt_tokens, without.prompt_tokens);
  EXPECT_EQ(must_generate(known).mean_logprob, answer.mean_logprob);
  EXPECT_NE(must_score(known.memory), must_score(nullptr));
}

TEST_F(EngineAttentionTest, AMemoryOfAnotherWidthIsRefused) {
  UserMemory narrow = memory(4);
  narrow.width = 12;
  const auto held = generator_->hold_memory(narrow);
  ASSERT_FALSE(held);
  EXPECT_THAT(held.error().message, HasSubstr("24 wide: 12"));
}

class EngineWithoutBridgeTest : public EngineMemoryTest {
 protected:
  std::string bridge() const override { return {}; }
};

TEST_F(EngineWithoutBridgeTest, SaysSo) {
  EXPECT_EQ(generator_->capabilities().no_memories, "no bridge");
  const auto held = generator_->hold_memory(memory());
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace kith::runtime
