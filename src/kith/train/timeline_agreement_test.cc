// What kith-train trains is what kith serves: the same events give the same scores.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "kith/base/rng.h"
#include "kith/base/test_directory.h"
#include "kith/timeline/event_encoder.h"
#include "kith/timeline/test_texts.h"
#include "kith/timeline/training_file.h"
#include "kith/train/met_terms.h"
#include "kith/train/model_files.h"
#include "kith/train/perceiver.h"
#include "kith/train/timeline_data.h"
#include "kith/train/timeline_model.h"

namespace kith::train {
namespace {

constexpr std::int64_t kWindow = 24;

std::vector<storage::TimelineEvent> random_events(std::uint64_t seed, int count) {
  base::Rng rng(seed);
  std::vector<storage::TimelineEvent> events;
  for (int i = 0; i < count; ++i) {
    storage::TimelineEvent event;
    event.at = static_cast<base::UnixMicros>(i) * 3'600'000'000 +
               static_cast<base::UnixMicros>(rng.below(3'000'000'000));
    event.item = std::to_string(rng.below(12));
    if (rng.below(4) != 0) event.number = static_cast<double>(rng.below(6));
    if (rng.below(3) != 0) event.text = "words " + std::to_string(rng.below(8));
    events.push_back(std::move(event));
  }
  return events;
}

MetTerms some_terms() {
  MetTerms terms;
  for (std::size_t i = 0; i < terms.recency.size(); ++i)
    terms.recency[i] = 1.0 + 0.5 * static_cast<double>(i);
  for (std::size_t i = 0; i < terms.count.size(); ++i)
    terms.count[i] = 7.0 * static_cast<double>(i);
  return terms;
}

void expect_near(const std::vector<float>& got, const torch::Tensor& want) {
  const torch::Tensor flat = want.reshape({-1});
  ASSERT_EQ(static_cast<std::int64_t>(got.size()), flat.numel());
  for (std::int64_t i = 0; i < flat.numel(); ++i) {
    EXPECT_NEAR(got[static_cast<std::size_t>(i)], flat[i].item<float>(), 1e-3F) << i;
  }
}

TEST(TimelineAgreementTest, ServingAndTrainingGiveTheSameScoresAndEmbeddings) {
  const auto schema = timeline::parse_schema(
      "name = \"t\"\n[[feature]]\nname = \"item\"\npredict = 1\n"
      "[[feature]]\nname = \"number\"\ntype = \"number\"\nbins = 4\npredict = 0.5\n"
      "[[feature]]\nname = \"gap\"\ntype = \"gap\"\n"
      "[[feature]]\nname = \"words\"\ntype = \"text\"\n",
      "t");
  ASSERT_TRUE(schema) << schema.error().message;
  const auto events = random_events(1, kWindow);
  timeline::FeatureMapBuilder builder(*schema);
  builder.add(events);
  const auto texts = std::make_shared<timeline::TestTexts>(20);
  builder.set_text_source({texts->hash(), 20});
  const timeline::FeatureMap map = builder.build();
  timeline::TrainingFileWriter writer(map, texts.get());
  writer.add(events);
  const base::TestDirectory directory;
  ASSERT_TRUE(writer.save(directory.path()));

  const auto data = TimelineData::open(directory.path());
  ASSERT_TRUE(data) << data.error().message;
  ModelConfig shape;
  shape.hidden_size = 32;
  shape.num_hidden_layers = 2;
  shape.num_attention_heads = 2;
  shape.num_key_value_heads = 2;
  shape.head_dim = 16;
  shape.intermediate_size = 48;
  shape.max_position_embeddings = kWindow;
  TimelineModel model(shape, data->features(), torch::kCPU, torch::kFloat);
  model.set_texts(data->texts());
  model.decoder().parameters().initialize(5);
  const torch::NoGradGuard no_grad;
  // Larger than at the start of training, so that attention is not flat.
  model.decoder().parameters().master().mul_(4.0);
  model.decoder().parameters().refresh();
  ASSERT_TRUE(save_encoder(model.decoder(), kWindow, directory.path()));
  const MetTerms terms = some_terms();
  ASSERT_TRUE(save_met_terms({{"item", terms}}, directory.path() / "met_terms.json"));
  Perceiver perceiver({.num_latents = 5, .num_attention_heads = 2, .intermediate_size = 40}, 32,
                      kWindow, torch::kCPU, torch::kFloat);
  perceiver.parameters().initialize(6);
  // So that ages differ.
  torch::manual_seed(1);
  perceiver.parameters().master().add_(0.3 * torch::randn_like(perceiver.parameters().master()));
  perceiver.parameters().refresh();
  ASSERT_TRUE(save_perceiver(perceiver, directory.path()));

  const auto encoder = timeline::EventEncoder::load(directory.path(), {.texts = texts});
  ASSERT_TRUE(encoder) << encoder.error().message;
  auto state = (*encoder)->start();
  ASSERT_TRUE(state);
  ASSERT_TRUE((*encoder)->append(*state, events));
  const auto ids = data->events(0, 0, kWindow);
  const std::vector<std::int64_t> wide(ids.begin(), ids.end());
  const torch::Tensor states =
      model.states(torch::tensor(wide).view({1, kWindow, data->num_columns()}));
  // Texts do count.
  model.set_texts({20, std::vector<std::uint16_t>(data->texts().values.size(), 0)});
  EXPECT_FALSE(torch::equal(
      states, model.states(torch::tensor(wide).view({1, kWindow, data->num_columns()}))));
  for (const std::size_t feature : {std::size_t{0}, std::size_t{1}}) {
    torch::Tensor want =
        model.scores(states.narrow(0, kWindow - 1, 1), feature).reshape({-1}).contiguous();
    if (feature == 0) {
      for (const auto& [id, kind] : met_kinds(*data, 0, kWindow, feature)) {
        want[id] += terms.of(kind);
      }
    }
    const std::vector<float> got = (*encoder)->scores(*state, feature);
    ASSERT_EQ(static_cast<std::int64_t>(got.size()), want.numel());
    for (std::int64_t i = 0; i < want.numel(); ++i) {
      EXPECT_NEAR(got[static_cast<std::size_t>(i)], want[i].item<float>(), 1e-3F) << feature;
    }
  }
  const auto embedding = (*encoder)->embed(*state);
  ASSERT_TRUE(embedding) << embedding.error().message;
  const torch::Tensor latents =
      perceiver.latents(states.view({1, kWindow, 32}), torch::tensor({kWindow}, torch::kLong));
  expect_near(embedding->latents, latents);
  expect_near(embedding->vector, perceiver.vectors(latents));
}

}  // namespace
}  // namespace kith::train
