// The user encoder: what it computes, and that it learns what timelines hold.
#include "kith/train/timeline_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/rng.h"
#include "kith/base/test_directory.h"
#include "kith/train/test_support.h"
#include "kith/train/test_timelines.h"
#include "kith/train/timeline_loop.h"

namespace kith::train {
namespace {

using torch::Tensor;

ModelConfig small_shape() {
  ModelConfig config;
  config.hidden_size = 32;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 2;
  config.num_key_value_heads = 2;
  config.head_dim = 16;
  config.intermediate_size = 64;
  config.max_position_embeddings = 32;
  config.rms_norm_eps = 1e-6;
  return config;
}

const std::vector<TimelineFeature> kFeatures{{"item", 12, 1.0}, {"kind", 5, 0.5}, {"gap", 9, 0.0}};

TimelineModel small_model(std::uint64_t seed) {
  TimelineModel model(small_shape(), kFeatures, torch::kCPU, torch::kFloat);
  model.decoder().parameters().initialize(seed);
  return model;
}

Tensor random_events(std::int64_t rows, std::int64_t length) {
  torch::manual_seed(3);
  std::vector<Tensor> columns;
  for (const auto& feature : kFeatures) {
    columns.push_back(torch::randint(feature.num_ids, {rows, length}, torch::kLong));
  }
  return torch::stack(columns, 2);
}

// By the definition: softmax over a feature's values, the mean over next events that have one.
TEST(TimelineModelTest, LossIsTheWeightedCrossEntropyOfTheNextEvent) {
  const TimelineModel model = small_model(1);
  const Tensor ids = random_events(3, 7);
  const torch::NoGradGuard no_grad;
  double expected = 0.0;
  for (std::size_t feature = 0; feature < 2; ++feature) {
    const Tensor scores =
        model.scores(model.states(ids.narrow(1, 0, 6).contiguous()), feature).log_softmax(1);
    double sum = 0.0;
    int counted = 0;
    for (std::int64_t row = 0; row < 3; ++row) {
      for (std::int64_t e = 0; e < 6; ++e) {
        const auto next = ids[row][e + 1][static_cast<std::int64_t>(feature)].item<std::int64_t>();
        if (next < 2) continue;
        sum -= scores[row * 6 + e][next].item<double>();
        ++counted;
      }
    }
    expected += kFeatures[feature].predict * sum / counted;
  }
  EXPECT_NEAR(model.loss(ids).item<double>(), expected, 1e-5);
}

TEST(TimelineModelTest, PaddingChangesNothing) {
  const TimelineModel model = small_model(2);
  const Tensor ids = random_events(2, 6);
  const torch::NoGradGuard no_grad;
  const Tensor padded = torch::cat({ids, torch::full({2, 3, 3}, -1, torch::kLong)}, 1);
  EXPECT_NEAR(model.loss(padded).item<double>(), model.loss(ids).item<double>(), 1e-6);
  const Tensor longer = model.states(padded).view({2, 9, -1}).narrow(1, 0, 6);
  EXPECT_TRUE(torch::allclose(longer, model.states(ids).view({2, 6, -1}), 1e-5, 1e-6));
}

TEST(TimelineModelTest, NoValueToPredictIsNoLoss) {
  const TimelineModel model = small_model(1);
  EXPECT_FALSE(model.loss(torch::zeros({2, 4, 3}, torch::kLong)).defined());
}

// Twenty items in a ring: who took one takes the next. Another feature says by how many.
class TimelineLoopTest : public testing::Test {
 protected:
  TimelineLoopTest() {
    TestTimelines made;
    base::Rng rng(4);
    for (int user = 0; user < 120; ++user) {
      auto item = static_cast<std::int32_t>(rng.below(20));
      std::vector<std::vector<std::int32_t>> events;
      for (int e = 0; e < 12; ++e) {
        const auto step = static_cast<std::int32_t>(rng.below(2));
        events.push_back({2 + item, 2 + step});
        item = (item + 1 + step) % 20;
      }
      made.add(events);
    }
    made.write(directory_.path(), {{"item", 22, 1.0}, {"step", 4, 0.0}});
    recipe_.output = directory_.path() / "out";
    recipe_.device = "cpu";
    recipe_.threads = 1;
    recipe_.bf16 = false;
    recipe_.model = small_shape();
    recipe_.timeline = {directory_.path(), 16, 0.1};
    recipe_.optimizer.schedule.peak = 1e-2;
    recipe_.optimizer.schedule.warmup_steps = 5;
    recipe_.run.batch_tokens = 400;
    recipe_.run.validate_every = 0;
    recipe_.run.budget.steps = 60;
  }

  const base::TestDirectory directory_;
  Recipe recipe_;
  TrainOptions options_{.quiet = true};
};

TEST_F(TimelineLoopTest, LearnsWhatFollowsWhat) {
  const auto report = train_timeline(recipe_, options_);
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_EQ(report->ranks.size(), 1U);
  EXPECT_EQ(report->ranks[0].name, "item");
  // One of 25 events of 1,440.
  EXPECT_EQ(report->ranks[0].users, 57);
  // Known for certain, so that the right one comes first.
  EXPECT_GT(report->ranks[0].ndcg_10, 0.97);
  EXPECT_TRUE(std::filesystem::exists(report->result / "config.json"));
  EXPECT_TRUE(std::filesystem::exists(report->result / "features.json"));
}

TEST_F(TimelineLoopTest, AKilledRunResumesToTheSameBytes) {
  recipe_.run.budget.steps = 12;
  ASSERT_TRUE(train_timeline(recipe_, options_));
  const std::string whole = bytes_of(recipe_.output / "encoder" / "model.safetensors");
  recipe_.output = directory_.path() / "again";
  options_.max_steps = 5;
  const auto stopped = train_timeline(recipe_, options_);
  ASSERT_TRUE(stopped);
  EXPECT_FALSE(stopped->finished);
  options_.max_steps = 0;
  options_.resume = true;
  ASSERT_TRUE(train_timeline(recipe_, options_));
  EXPECT_EQ(bytes_of(recipe_.output / "encoder" / "model.safetensors"), whole);
}

// Validated on the way, it also takes up the best weights of before.
TEST_F(TimelineLoopTest, AKilledRunResumesToTheSameBestWeights) {
  recipe_.run.budget.steps = 12;
  recipe_.run.validate_every = 3;
  ASSERT_TRUE(train_timeline(recipe_, options_));
  const std::string whole = bytes_of(recipe_.output / "encoder" / "model.safetensors");
  recipe_.output = directory_.path() / "again";
  options_.max_steps = 5;
  ASSERT_TRUE(train_timeline(recipe_, options_));
  options_.max_steps = 0;
  options_.resume = true;
  ASSERT_TRUE(train_timeline(recipe_, options_));
  EXPECT_EQ(bytes_of(recipe_.output / "encoder" / "model.safetensors"), whole);
}

// A rate that wrecks what was learnt: the figures reported are those of the weights kept.
TEST_F(TimelineLoopTest, EndsWithTheWeightsThatDidBest) {
  recipe_.run.validate_every = 2;
  recipe_.optimizer.schedule.kind = ScheduleKind::kConstant;
  recipe_.optimizer.schedule.peak = 0.5;
  recipe_.optimizer.schedule.warmup_steps = 60;
  recipe_.optimizer.clip = 0.0;
  const auto report = train_timeline(recipe_, options_);
  ASSERT_TRUE(report) << report.error().message;
  double best = 0.0;
  double last = 0.0;
  std::istringstream log(bytes_of(recipe_.output / "log.jsonl"));
  for (std::string line; std::getline(log, line);) {
    const auto json = base::parse_json(line);
    ASSERT_TRUE(json);
    if (!json->contains("ranks")) continue;
    last = (*json)["ranks"]["item"]["ndcg10"].get<double>();
    best = std::max(best, last);
  }
  EXPECT_NEAR(report->ranks[0].ndcg_10, best, 1e-9);
  EXPECT_NEAR(last, best, 1e-9);
}

// Whoever took an item never takes it again, though all else is chance: the files say so.
TEST_F(TimelineLoopTest, LearnsThatNothingComesAgain) {
  TestTimelines made;
  base::Rng rng(6);
  for (int user = 0; user < 200; ++user) {
    std::vector<std::vector<std::int32_t>> events;
    std::vector<std::int32_t> items(20);
    for (std::int32_t i = 0; i < 20; ++i) items[static_cast<std::size_t>(i)] = 2 + i;
    for (std::size_t i = 0; i < 12; ++i) {
      std::swap(items[i], items[i + rng.below(20 - i)]);
      events.push_back({items[i], 2});
    }
    made.add(events);
  }
  made.write(directory_.path(), {{"item", 22, 1.0}, {"step", 4, 0.0}});
  recipe_.run.budget.steps = 5;
  const auto report = train_timeline(recipe_, options_);
  ASSERT_TRUE(report) << report.error().message;
  const auto json = base::parse_json(bytes_of(report->result / "met_terms.json"));
  ASSERT_TRUE(json);
  const auto& terms = (*json)["item"];
  for (std::size_t recency = 0; recency < 4; ++recency) {
    EXPECT_LT(terms["recency"][recency].get<double>() + terms["count"][0].get<double>(), -3.0);
  }
  // Nine are left.
  EXPECT_GT(report->ranks[0].hit_rate_10, 0.95);
}

TEST_F(TimelineLoopTest, RefusesTimelinesThatTeachNothing) {
  TestTimelines made;
  made.add({{2, 2}, {3, 2}});
  made.write(directory_.path(), {{"item", 22, 1.0}, {"step", 4, 0.0}});
  const auto report = train_timeline(recipe_, options_);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace kith::train
