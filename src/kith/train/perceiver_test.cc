// The Perceiver: what it reads, and that its vectors tell users of one kind from others.
#include "kith/train/perceiver.h"

#include <gtest/gtest.h>

#include "kith/base/file.h"
#include "kith/base/rng.h"
#include "kith/base/test_directory.h"
#include "kith/train/perceiver_loop.h"
#include "kith/train/tensor_file.h"
#include "kith/train/test_support.h"
#include "kith/train/test_timelines.h"

namespace kith::train {
namespace {

using torch::Tensor;

constexpr std::int64_t kWidth = 16;
constexpr std::int64_t kWindow = 6;

PerceiverRecipe small_shape() {
  PerceiverRecipe shape;
  shape.num_latents = 4;
  shape.num_attention_heads = 2;
  shape.intermediate_size = 24;
  return shape;
}

Perceiver small_perceiver() {
  Perceiver perceiver(small_shape(), kWidth, kWindow, torch::kCPU, torch::kFloat);
  perceiver.parameters().initialize(7);
  return perceiver;
}

Tensor lengths_of(std::vector<std::int64_t> values) { return torch::tensor(values, torch::kLong); }

TEST(PerceiverTest, BucketsOfAgesDouble) {
  EXPECT_EQ(num_age_buckets(1), 1);
  EXPECT_EQ(num_age_buckets(2), 2);
  EXPECT_EQ(num_age_buckets(3), 2);
  EXPECT_EQ(num_age_buckets(4), 3);
  EXPECT_EQ(num_age_buckets(200), 8);
}

TEST(PerceiverTest, ReadsTheLastStatesOfTheWindowAndNoOthers) {
  const Perceiver perceiver = small_perceiver();
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  const Tensor states = torch::randn({2, 10, kWidth});
  const Tensor lengths = lengths_of({9, 3});
  const Tensor latents = perceiver.latents(states, lengths);
  ASSERT_EQ(latents.sizes().vec(), (std::vector<std::int64_t>{2, 4, kWidth}));
  Tensor others = states.clone();
  others[0].narrow(0, 0, 3).normal_();  // before the window
  others[0].narrow(0, 9, 1).normal_();  // behind the last
  others[1].narrow(0, 3, 7).normal_();
  EXPECT_TRUE(torch::equal(perceiver.latents(others, lengths), latents));
  others[0][3].normal_();
  EXPECT_FALSE(torch::allclose(perceiver.latents(others, lengths)[0], latents[0]));
}

TEST(PerceiverTest, TellsOldFromNew) {
  Perceiver perceiver = small_perceiver();
  const torch::NoGradGuard no_grad;
  torch::manual_seed(2);
  const Tensor states = torch::randn({1, 5, kWidth});
  const Tensor turned = states.flip(1);
  const Tensor lengths = lengths_of({5});
  // Every age's bias is one at the start, so the order does not matter yet.
  EXPECT_TRUE(torch::allclose(perceiver.latents(turned, lengths),
                              perceiver.latents(states, lengths), 1e-4, 1e-5));
  perceiver.parameters().master().normal_();
  perceiver.parameters().refresh();
  EXPECT_FALSE(torch::allclose(perceiver.latents(turned, lengths),
                               perceiver.latents(states, lengths), 1e-2, 1e-2));
}

TEST(PerceiverTest, VectorsHaveLengthOne) {
  const Perceiver perceiver = small_perceiver();
  const torch::NoGradGuard no_grad;
  const Tensor latents = perceiver.latents(torch::randn({3, 5, kWidth}), lengths_of({5, 1, 2}));
  EXPECT_TRUE(torch::allclose(perceiver.vectors(latents).norm(2, {1}), torch::ones({3})));
}

TEST(PerceiverTest, MomentsHaveEventsOnBothSides) {
  Tensor ids = torch::arange(2 * 9 * 1, torch::kLong).view({2, 9, 1}).clone();
  ids[1].narrow(0, 2, 7).fill_(-1);
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Moments moments = draw_moments(ids, 3, seed);
    const auto before = moments.lengths[0].item<std::int64_t>();
    EXPECT_GE(before, 1);
    EXPECT_LE(before, 8);
    EXPECT_EQ(moments.lengths[1].item<std::int64_t>(), 1);
    const auto of_first = std::min<std::int64_t>(3, 9 - before);
    ASSERT_EQ(moments.rows.numel(), of_first + 1);
    EXPECT_EQ(moments.events[0][0].item<std::int64_t>(), before);
    EXPECT_EQ(moments.events[of_first][0].item<std::int64_t>(), 10);
  }
}

TEST(PerceiverTest, FilesGiveItBack) {
  const base::TestDirectory directory;
  Perceiver perceiver = small_perceiver();
  ASSERT_TRUE(save_perceiver(perceiver, directory.path()));
  const auto loaded = load_perceiver(directory.path(), torch::kCPU, torch::kFloat);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_TRUE(torch::equal((*loaded)->parameters().master(), perceiver.parameters().master()));
  EXPECT_EQ((*loaded)->window(), kWindow);
  ASSERT_TRUE(base::write_file_atomically(directory.path() / "perceiver_config.json", "{}"));
  const auto refused = load_perceiver(directory.path(), torch::kCPU, torch::kFloat);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("num_latents"), std::string::npos);
}

// Users of two kinds take their items at random, each from a half of the catalogue; every tenth
// event is of the other half.
class PerceiverLoopTest : public testing::Test {
 protected:
  static constexpr int kUsers = 80;

  PerceiverLoopTest() {
    TestTimelines made;
    base::Rng rng(4);
    for (int user = 0; user < kUsers; ++user) {
      std::vector<std::vector<std::int32_t>> events;
      for (int e = 0; e < 24; ++e) {
        const bool is_other = rng.below(10) == 0;
        const auto half = static_cast<std::int32_t>(user % 2 == (is_other ? 1 : 0) ? 0 : 10);
        events.push_back({2 + half + static_cast<std::int32_t>(rng.below(10))});
      }
      made.add(events);
    }
    made.write(directory_.path(), {{"item", 22, 1.0}});
    recipe_.output = directory_.path() / "out";
    recipe_.device = "cpu";
    recipe_.threads = 1;
    recipe_.bf16 = false;
    recipe_.model.hidden_size = kWidth;
    recipe_.model.num_hidden_layers = 1;
    recipe_.model.num_attention_heads = 2;
    recipe_.model.num_key_value_heads = 2;
    recipe_.model.head_dim = 8;
    recipe_.model.intermediate_size = 32;
    recipe_.model.max_position_embeddings = 16;
    recipe_.timeline.data = directory_.path();
    recipe_.timeline.window = 16;
    recipe_.timeline.dropout = 0.0;
    recipe_.timeline.perceiver = small_shape();
    recipe_.timeline.perceiver.steps = 60;
    recipe_.optimizer.schedule.peak = 1e-2;
    recipe_.optimizer.schedule.warmup_steps = 5;
    recipe_.run.batch_tokens = 400;
    recipe_.run.validate_every = 0;
    recipe_.run.budget.steps = 40;
  }

  // Of every user's last events.
  Tensor vectors(const std::filesystem::path& encoder) const {
    const torch::NoGradGuard no_grad;
    const auto data = TimelineData::open(directory_.path());
    const auto weights = tensor::SafetensorsFile::open(encoder / "model.safetensors");
    const auto perceiver = load_perceiver(encoder, torch::kCPU, torch::kFloat);
    if (!data || !weights || !perceiver) return {};
    TimelineModel model(recipe_.model, data->features(), torch::kCPU, torch::kFloat);
    const auto read = read_all([&](std::string_view name) { return weights->find(name); },
                               model.decoder().parameters());
    if (!read) return {};
    std::vector<std::int64_t> ids;
    for (int user = 0; user < kUsers; ++user) {
      const auto events = data->events(user, 8, 24);
      ids.insert(ids.end(), events.begin(), events.end());
    }
    const Tensor states = model.states(torch::tensor(ids).view({kUsers, 16, 1}));
    return (*perceiver)
        ->vectors((*perceiver)
                      ->latents(states.view({kUsers, 16, kWidth}),
                                torch::full({kUsers}, 16, torch::kLong)));
  }

  const base::TestDirectory directory_;
  Recipe recipe_;
  TrainOptions options_{.quiet = true};
};

TEST_F(PerceiverLoopTest, VectorsTellKindsOfUsersApart) {
  const auto report = train_timeline(recipe_, options_);
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_TRUE(report->finished);
  const Tensor found = vectors(report->result);
  ASSERT_TRUE(found.defined());
  const Tensor cosines = at::mm(found, found.t()).fill_diagonal_(-2.0);
  const Tensor nearest = cosines.argmax(1);
  int same = 0;
  for (int user = 0; user < kUsers; ++user) {
    same += (nearest[user].item<std::int64_t>() - user) % 2 == 0 ? 1 : 0;
  }
  EXPECT_GE(same, kUsers * 95 / 100);
}

TEST_F(PerceiverLoopTest, AKilledRunResumesToTheSameBytes) {
  recipe_.run.budget.steps = 4;
  recipe_.timeline.perceiver.steps = 9;
  ASSERT_TRUE(train_timeline(recipe_, options_));
  const std::string whole = bytes_of(recipe_.output / "encoder" / "perceiver.safetensors");
  recipe_.output = directory_.path() / "again";
  options_.max_steps = 5;
  const auto stopped = train_timeline(recipe_, options_);
  ASSERT_TRUE(stopped) << stopped.error().message;
  EXPECT_FALSE(stopped->finished);
  options_.max_steps = 0;
  options_.resume = true;
  ASSERT_TRUE(train_timeline(recipe_, options_));
  EXPECT_EQ(bytes_of(recipe_.output / "encoder" / "perceiver.safetensors"), whole);
}

}  // namespace
}  // namespace kith::train
