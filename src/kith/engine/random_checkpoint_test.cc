#include "kith/engine/random_checkpoint.h"

#include <gtest/gtest.h>

#include "kith/base/file.h"
#include "kith/base/test_directory.h"
#include "kith/engine/adapters_bench.h"
#include "kith/engine/chat_model.h"
#include "kith/model/decoder.h"
#include "kith/model/inspect.h"

namespace kith::engine {
namespace {

using tensor::DType;

const RandomShape& tiny() { return *find_random_shape("tiny"); }

TEST(RandomCheckpointTest, KnowsTheShapesOfPublicModels) {
  const RandomShape* shape = find_random_shape("135m");
  ASSERT_NE(shape, nullptr);
  EXPECT_EQ(shape->num_layers, 30);
  EXPECT_EQ(shape->head_dim(), 64);
  EXPECT_EQ(find_random_shape("135M "), nullptr);
  EXPECT_EQ(random_shapes().size(), 4U);
}

TEST(RandomCheckpointTest, IsAWholeCheckpointWithAdaptersAndATokenizer) {
  const base::TestDirectory home;
  ASSERT_TRUE(write_random_checkpoint(tiny(), home.path(), {.num_adapters = 2, .rank = 3}));
  const auto report = model::inspect_checkpoint(home.path(), model::Depth::kValues);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->problems.empty());
  EXPECT_EQ(report->config.num_layers, tiny().num_layers);
  EXPECT_TRUE(report->config.tie_word_embeddings);

  const auto model = ChatModel::load(home.path(), {.decoder = {.weights = DType::kF32}});
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->tokenizer.encode("ab").size(), 2U);
  EXPECT_EQ(model->tokenizer.decode(model->tokenizer.encode("Grüße, 你好")), "Grüße, 你好");

  const auto adapters = load_bench_adapters(home.path() / "adapters", *model->decoder, 2);
  ASSERT_TRUE(adapters) << adapters.error().message;
  EXPECT_EQ(adapters->front()->max_rank(), 3);
  EXPECT_NE(adapters->front()->version(), adapters->back()->version());
}

TEST(RandomCheckpointTest, IsTheSameForTheSameSeed) {
  const base::TestDirectory first;
  const base::TestDirectory second;
  const base::TestDirectory third;
  ASSERT_TRUE(write_random_checkpoint(tiny(), first.path(), {.seed = 5, .num_adapters = 1}));
  ASSERT_TRUE(write_random_checkpoint(tiny(), second.path(), {.seed = 5, .num_adapters = 1}));
  ASSERT_TRUE(write_random_checkpoint(tiny(), third.path(), {.seed = 6, .num_adapters = 1}));
  const auto weights = [](const base::TestDirectory& home) {
    return *base::read_file(home.path() / "model.safetensors");
  };
  EXPECT_EQ(weights(first), weights(second));
  EXPECT_NE(weights(first), weights(third));
}

TEST(RandomCheckpointTest, IsMadeOnceAndQuantisedForInt8) {
  const base::TestDirectory home;
  const auto cache = home.path() / "some" / "cache";
  const auto made = cached_checkpoint(tiny(), DType::kInt8, cache);
  ASSERT_TRUE(made) << made.error().message;
  const auto written = std::filesystem::last_write_time(*made / "model.safetensors");
  const auto again = cached_checkpoint(tiny(), DType::kInt8, cache);
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, *made);
  EXPECT_EQ(std::filesystem::last_write_time(*again / "model.safetensors"), written);

  const auto decoder = model::Decoder::load(*made, {.weights = DType::kInt8});
  ASSERT_TRUE(decoder) << decoder.error().message;
  EXPECT_TRUE((*decoder)->config().is_quantized);
  // Nothing of the way there is left.
  std::size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(cache)) ++entries;
  EXPECT_EQ(entries, 1U);
}

TEST(RandomCheckpointTest, SaysWhereItCannotBeWritten) {
  const base::TestDirectory home;
  home.write("taken", "a file");
  const auto made = cached_checkpoint(tiny(), DType::kBf16, home.path() / "taken");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace kith::engine
