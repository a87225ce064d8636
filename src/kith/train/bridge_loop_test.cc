// Whole runs of `train bridge` on a tiny model, a tiny encoder and tiny timelines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/base/json.h"
#include "kith/base/rng.h"
#include "kith/train/model_files.h"
#include "kith/train/test_support.h"
#include "kith/train/test_timelines.h"

namespace kith::train {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kUsers = 24;
constexpr std::int64_t kEvents = 8;

// Each user likes one of four things, and most of their events are about it.
class BridgeLoopTest : public ::testing::Test {
 protected:
  void SetUp() override {
    language_ = tiny_recipe(directory_);
    language_.bf16 = false;
    language_.run.budget.steps = 30;
    language_.optimizer.schedule.peak = 1e-2;
    ASSERT_TRUE(train_base(language_, quiet()));
    write_timelines();
    train_encoder();
    bridge_ = language_;
    bridge_.init = language_.output / "model";
    bridge_.tokenizer.path = bridge_.init;
    bridge_.output = directory_.path() / "bridge";
    bridge_.bridge.encoder = directory_.path() / "encoder" / "encoder";
    bridge_.bridge.timelines = directory_.path() / "timelines";
    bridge_.bridge.layers = {0, 1};
    bridge_.bridge.batch = 8;
    bridge_.bridge.max_tokens = 32;
    bridge_.data = {{"train", write_examples("train.jsonl", 0, kUsers - 8)}};
    bridge_.validation = {{"test", write_examples("test.jsonl", kUsers - 8, kUsers)}};
    bridge_.optimizer.weight_decay = 0.0;
    bridge_.run.budget.steps = 60;
  }

  void write_timelines() {
    const auto path = directory_.path() / "timelines";
    std::filesystem::create_directories(path);
    base::Rng rng(2);
    TestTimelines timelines;
    for (std::int64_t user = 0; user < kUsers; ++user) {
      std::vector<std::vector<std::int32_t>> events;
      for (std::int64_t i = 0; i < kEvents; ++i) {
        const bool other = rng.below(5) == 0;
        events.push_back({2 + static_cast<std::int32_t>(
                                  other ? static_cast<std::int64_t>(rng.below(4)) : user % 4)});
      }
      timelines.add(events);
    }
    timelines.write(path, {{"thing", 6, 1.0}});
  }

  void train_encoder() {
    Recipe recipe;
    recipe.output = directory_.path() / "encoder";
    recipe.device = "cpu";
    recipe.threads = 1;
    recipe.bf16 = false;
    recipe.timeline.data = directory_.path() / "timelines";
    recipe.timeline.window = kEvents;
    recipe.timeline.perceiver.num_latents = 2;
    recipe.timeline.perceiver.num_attention_heads = 2;
    recipe.timeline.perceiver.intermediate_size = 24;
    recipe.model = tiny_model();
    recipe.model.hidden_size = 16;
    recipe.model.num_attention_heads = 2;
    recipe.model.num_key_value_heads = 2;
    recipe.model.head_dim = 8;
    recipe.model.max_position_embeddings = kEvents;
    recipe.optimizer.schedule.peak = 1e-2;
    recipe.run.budget.steps = 40;
    recipe.run.batch_tokens = 64;
    recipe.run.validate_every = 0;
    const auto report = train_timeline(recipe, quiet());
    ASSERT_TRUE(report) << report.error().message;
  }

  std::filesystem::path write_examples(const std::string& name, std::int64_t first,
                                       std::int64_t end) {
    const std::array<const char*, 4> answers{"paper", "lamp", "floor", "scanner"};
    std::string lines;
    for (std::int64_t user = first; user < end; ++user) {
      lines += R"({"user": )" + std::to_string(user) + R"(, "events": )" +
               std::to_string(kEvents - user % 2) +
               R"(, "messages": [{"role": "user", "content": "what"}], "answer": ")" +
               answers[static_cast<std::size_t>(user % 4)] + "\"}\n";
    }
    return directory_.write(name, lines);
  }

  base::TestDirectory directory_;
  Recipe language_;
  Recipe bridge_;
};

TEST_F(BridgeLoopTest, ABridgeTellsTheModelWhoseAnswerItIs) {
  bridge_.bridge.strategy = BridgeStrategy::kLora;
  bridge_.lora.rank = 8;
  bridge_.run.budget.steps = 150;
  for (const BridgeType type : {BridgeType::kSoftPrompt, BridgeType::kCrossAttention}) {
    bridge_.bridge.type = type;
    bridge_.output = directory_.path() / ("bridge" + std::to_string(static_cast<int>(type)));
    const auto report = train_bridge(bridge_, quiet());
    ASSERT_TRUE(report) << report.error().message;
    ASSERT_EQ(report->answers.size(), 1U);
    EXPECT_EQ(report->answers[0].examples, 8);
    EXPECT_GE(report->answers[0].accuracy, 0.75) << report->answers[0].loss;
    EXPECT_TRUE(std::filesystem::exists(report->result / "bridge_model.safetensors"));
  }
}

// So unrelated text is what it was, to the last digit.
TEST_F(BridgeLoopTest, ABridgeAloneLearnsAndChangesNothingElse) {
  const std::string model = bytes_of(bridge_.init / "model.safetensors");
  const std::string encoder = bytes_of(bridge_.bridge.encoder / "model.safetensors");
  for (const BridgeType type : {BridgeType::kSoftPrompt, BridgeType::kCrossAttention}) {
    bridge_.bridge.type = type;
    const auto loss_after = [&](std::int64_t steps, double rate) {
      bridge_.output = directory_.path() / ("alone" + std::to_string(static_cast<int>(type)) + "_" +
                                            std::to_string(steps));
      bridge_.run.budget.steps = steps;
      bridge_.optimizer.schedule.peak = rate;
      const auto report = train_bridge(bridge_, quiet());
      EXPECT_TRUE(report) << report.error().message;
      return report ? report->answers.at(0).loss : 0.0;
    };
    const double first = loss_after(1, 0.0);
    EXPECT_LT(loss_after(80, 1e-2), first - 2.0) << first;
  }
  EXPECT_EQ(bytes_of(bridge_.init / "model.safetensors"), model);
  EXPECT_EQ(bytes_of(bridge_.bridge.encoder / "model.safetensors"), encoder);
}

TEST_F(BridgeLoopTest, WithoutABridgeNobodyCanTell) {
  bridge_.bridge.type = BridgeType::kNone;
  bridge_.bridge.strategy = BridgeStrategy::kLora;
  const auto report = train_bridge(bridge_, quiet());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_LE(report->answers[0].accuracy, 0.5);
  EXPECT_EQ(report->result, bridge_.output / "adapter");
}

TEST_F(BridgeLoopTest, ResumingGivesTheSameBytesUnderEveryStrategy) {
  bridge_.run.budget.steps = 6;
  for (const BridgeStrategy strategy :
       {BridgeStrategy::kProjection, BridgeStrategy::kEncoder, BridgeStrategy::kLora}) {
    bridge_.bridge.strategy = strategy;
    const std::string name = std::to_string(static_cast<int>(strategy));
    Recipe straight = bridge_;
    straight.output = directory_.path() / ("straight" + name);
    ASSERT_TRUE(train_bridge(straight, quiet()));
    Recipe halted = bridge_;
    halted.output = directory_.path() / ("halted" + name);
    TrainOptions options = quiet();
    options.max_steps = 3;
    const auto half = train_bridge(halted, options);
    ASSERT_TRUE(half) << half.error().message;
    EXPECT_FALSE(half->finished);
    options.max_steps = 0;
    options.resume = true;
    ASSERT_TRUE(train_bridge(halted, options));
    EXPECT_EQ(weights_of(halted), weights_of(straight));
  }
}

TEST_F(BridgeLoopTest, StrategyEncWritesATunedEncoder) {
  bridge_.bridge.strategy = BridgeStrategy::kEncoder;
  bridge_.run.budget.steps = 3;
  const auto report = train_bridge(bridge_, quiet());
  ASSERT_TRUE(report) << report.error().message;
  const auto tuned = bridge_.output / "encoder";
  EXPECT_EQ(bytes_of(tuned / "features.json"), bytes_of(bridge_.bridge.encoder / "features.json"));
  for (const char* file : {"model.safetensors", "perceiver.safetensors"}) {
    EXPECT_NE(bytes_of(tuned / file), bytes_of(bridge_.bridge.encoder / file)) << file;
  }
  // It is an encoder like any other.
  bridge_.bridge.strategy = BridgeStrategy::kProjection;
  bridge_.bridge.encoder = tuned;
  bridge_.output = directory_.path() / "again";
  const auto again = train_bridge(bridge_, quiet());
  EXPECT_TRUE(again) << again.error().message;
}

TEST_F(BridgeLoopTest, RefusesExamplesThatTheTimelinesDoNotHave) {
  const auto error_of = [&](const std::string& line) {
    bridge_.data = {{"bad", directory_.write("bad.jsonl", line + "\n")}};
    const auto report = train_bridge(bridge_, quiet());
    return report ? std::string("no error") : report.error().message;
  };
  const std::string rest = R"(, "messages": [{"role": "user", "content": "a"}], "answer": "b"})";
  EXPECT_THAT(error_of(R"({"user": 99, "events": 2)" + rest), HasSubstr("user 99"));
  EXPECT_THAT(error_of(R"({"user": 1, "events": 99)" + rest), HasSubstr("after 99 events"));
  EXPECT_THAT(error_of(R"({"user": 1, "events": 0)" + rest), HasSubstr("bad.jsonl:1"));
  EXPECT_THAT(error_of(R"({"user": 1, "events": 1, "answer": "b"})"), HasSubstr("messages"));
}

}  // namespace
}  // namespace kith::train
