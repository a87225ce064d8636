// The scenarios on a tiny model: that they run, and that their figures are what they say. How fast
// they are is judged by the gate (docs/benchmarks.md).
#include <gtest/gtest.h>

#include <cmath>

#include "kith/base/test_directory.h"
#include "kith/engine/adapters_bench.h"
#include "kith/engine/bench_machine.h"
#include "kith/engine/chat_model.h"
#include "kith/engine/decode_bench.h"
#include "kith/engine/inputs_bench.h"
#include "kith/engine/matmul_bench.h"
#include "kith/engine/memory_bench.h"
#include "kith/engine/prefill_bench.h"
#include "kith/engine/profile_bench.h"
#include "kith/engine/random_checkpoint.h"
#include "kith/engine/sharing_bench.h"

namespace kith::engine {
namespace {

using tensor::DType;

class BenchTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = cached_checkpoint(*find_random_shape("tiny"), DType::kInt8, home_.path());
    ASSERT_TRUE(made) << made.error().message;
    dir_ = *made;
    auto model = ChatModel::load(dir_, {.decoder = {.weights = DType::kInt8, .threads = 2}});
    ASSERT_TRUE(model) << model.error().message;
    model_ = std::make_unique<ChatModel>(*std::move(model));
  }

  model::Decoder& decoder() { return *model_->decoder; }

  base::TestDirectory home_;
  std::filesystem::path dir_;
  std::unique_ptr<ChatModel> model_;
};

TEST_F(BenchTest, DecodeHoldsItsRatiosTogether) {
  const auto results = bench_decode(
      decoder(), {.batches = {1, 3}, .context_tokens = 20, .steps = 2, .rounds = 2, .threads = 2});
  ASSERT_TRUE(results) << results.error().message;
  ASSERT_EQ(results->size(), 2U);
  const DecodeResult& one = results->front();
  const DecodeResult& three = results->back();
  EXPECT_EQ(three.batch, 3);
  EXPECT_DOUBLE_EQ(one.batch_ratio, 1.0);
  EXPECT_NEAR(three.batch_ratio, three.tokens_per_second / one.tokens_per_second, 1e-9);
  const double read = static_cast<double>(decoder().weight_bytes_read_per_token());
  EXPECT_NEAR(three.weight_bytes_per_second, three.tokens_per_second / 3 * read, 1.0);
  EXPECT_GT(one.ratio, 0.0);
  EXPECT_GT(one.read_bandwidth, 0.0);
  EXPECT_NEAR(three.matmul_ratio, three.tokens_per_second / three.matmul_tokens_per_second, 1e-9);
  if (three.onednn_tokens_per_second > 0.0) {
    EXPECT_NEAR(three.onednn_ratio, three.tokens_per_second / three.onednn_tokens_per_second, 1e-9);
  }
}

TEST_F(BenchTest, AStepIsComparedWithTheReadsBesideIt) {
  const auto results = bench_decode(
      decoder(), {.batches = {1}, .context_tokens = 20, .steps = 2, .rounds = 1, .threads = 1});
  ASSERT_TRUE(results) << results.error().message;
  const DecodeResult& one = results->front();
  EXPECT_NEAR(one.ratio, one.weight_bytes_per_second / one.read_bandwidth, 1e-9);
}

TEST_F(BenchTest, PrefillAndMatmulMeasureWhatIsAskedFor) {
  const auto prefill = bench_prefill(decoder(), {.lengths = {16, 700}, .rounds = 1, .threads = 2});
  ASSERT_TRUE(prefill) << prefill.error().message;
  EXPECT_EQ(prefill->back().prompt_tokens, 700);
  EXPECT_GT(prefill->back().matmul_ratio, 0.0);
  const auto matmul =
      bench_matmul(decoder(), {.batches = {1, 5}, .steps = 2, .rounds = 1, .threads = 2});
  ASSERT_TRUE(matmul) << matmul.error().message;
  EXPECT_EQ(matmul->back().batch, 5);
  EXPECT_GT(matmul->back().operations_per_second, 0.0);
}

TEST_F(BenchTest, AdaptersRegistersMoreThanAreUsed) {
  const auto results = bench_adapters(decoder(), dir_ / "adapters",
                                      {.users = 4,
                                       .adapters = {0, 1, 4},
                                       .registered = 20,
                                       .context_tokens = 8,
                                       .steps = 2,
                                       .rounds = 1});
  ASSERT_TRUE(results) << results.error().message;
  EXPECT_EQ(results->back().registered, 20);
  EXPECT_NEAR(results->back().ratio,
              results->back().tokens_per_second / results->front().tokens_per_second, 1e-9);
}

// Stages add up to the step, and those that a step does not have take next to nothing.
TEST_F(BenchTest, ProfileTellsStagesApart) {
  const auto loaded = load_bench_adapters(dir_ / "adapters", decoder(), 2);
  ASSERT_TRUE(loaded) << loaded.error().message;
  const std::vector<const model::Adapter*> adapters{(*loaded)[0].get(), (*loaded)[1].get()};
  const auto results = bench_profile(
      decoder(), adapters,
      {.batches = {1, 4}, .prompts = {64}, .context_tokens = 20, .steps = 4, .rounds = 3});
  ASSERT_TRUE(results) << results.error().message;
  ASSERT_EQ(results->size(), 5U);
  const auto seconds = [](const ProfileResult& result, model::Stage stage) {
    return result.stages.seconds[static_cast<std::size_t>(stage)];
  };
  for (const ProfileResult& result : *results) {
    const auto& stages = result.stages.seconds;
    EXPECT_NEAR(result.seconds, std::accumulate(stages.begin(), stages.end(), 0.0), 1e-9);
    EXPECT_GT(seconds(result, model::Stage::kGateUp), 0.0);
    EXPECT_GT(seconds(result, model::Stage::kHead), 0.0);
  }
  const ProfileResult& without = (*results)[2];
  const ProfileResult& with = (*results)[3];
  EXPECT_EQ(without.adapters, 0);
  EXPECT_EQ(with.adapters, 2);
  EXPECT_GT(seconds(with, model::Stage::kAdapters), seconds(without, model::Stage::kAdapters));
  EXPECT_EQ(results->back().step_tokens, 64);
}

TEST_F(BenchTest, AdaptersRefusesWhatTheModelDoesNotHave) {
  const auto too_many = bench_adapters(decoder(), dir_ / "adapters", {.adapters = {17}});
  ASSERT_FALSE(too_many);
  EXPECT_EQ(too_many.error().message, "the model has 16 adapters, the measurement needs 17");
  EXPECT_FALSE(bench_adapters(decoder(), dir_ / "adapters", {.adapters = {5}, .registered = 4}));
  EXPECT_FALSE(bench_adapters(decoder(), dir_ / "nothing", {.adapters = {1}}));
}

TEST_F(BenchTest, InputsRunsBesideAdaptersAlone) {
  const auto adapters = load_bench_adapters(dir_ / "adapters", decoder(), 2);
  ASSERT_TRUE(adapters);
  const auto result = bench_inputs(
      decoder(), *adapters,
      {.users = 3, .adapters = 2, .context_tokens = 16, .steps = 2, .rounds = 1, .threads = 2});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_NEAR(result->ratio, result->tokens_per_second / result->plain_tokens_per_second, 1e-9);
}

TEST_F(BenchTest, SharingTimesCandidatesAndPrefixes) {
  const auto result = bench_sharing(model_->decoder, model_->tokenizer,
                                    {.candidates = 3,
                                     .context_tokens = 16,
                                     .answer_tokens = 4,
                                     .prefix_tokens = 64,
                                     .new_tokens = 16,
                                     .rounds = 2});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(std::isfinite(result->candidates_ratio));
  EXPECT_NEAR(result->prefix_ratio, result->second_seconds / result->first_seconds, 1e-9);
}

TEST_F(BenchTest, MemoryCountsWeightsCacheAndAllowance) {
  const auto result = bench_memory(dir_, {.weights = DType::kInt8, .threads = 2},
                                   {.users = 2, .context_tokens = 40});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->kv_bytes, result->kv_bytes_per_token * 2 * 48);
  EXPECT_GE(result->peak_bytes, result->resident_bytes);
  const double besides =
      static_cast<double>(result->resident_bytes) - static_cast<double>(kMemoryAllowance);
  EXPECT_NEAR(result->ratio, besides / static_cast<double>(result->weight_bytes + result->kv_bytes),
              1e-9);
}

TEST(BenchMachineTest, NamesTheProcessor) {
  EXPECT_FALSE(describe_machine().cpu.empty());
  EXPECT_GE(describe_machine().cores, 1);
  EXPECT_GT(resident_bytes(), std::size_t{1} << 20);
}

}  // namespace
}  // namespace kith::engine
