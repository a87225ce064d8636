// Random schedules of everything a request can bring: adapters of several ranks and targets,
// blends, soft prompts, memories, several samples, stop strings and cancellations, in a cache that
// is far too small for all. Whatever is batched, cut into pieces, reused, evicted and computed
// again, every answer is the one that its request gets alone, and nothing stays behind. On small
// models of two families, with weights of every type.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <tuple>

#include "kith/base/rng.h"
#include "kith/base/test_directory.h"
#include "kith/engine/engine.h"
#include "kith/engine/test_tokenizer.h"
#include "kith/model/test_bridge.h"

namespace kith::engine {
namespace {

using model::NamedTensors;
using model::TinyFamily;
using tensor::DType;
using text::TokenId;

constexpr int kVocab = 97;
constexpr int kHidden = 32;
constexpr int kRounds = 12;
constexpr int kRequests = 6;

std::vector<TokenId> random_tokens(std::uint64_t seed, std::size_t count) {
  base::Rng rng(seed);
  std::vector<TokenId> tokens;
  while (tokens.size() < count) tokens.push_back(static_cast<TokenId>(rng.below(kVocab)));
  return tokens;
}

// Every row of A, or column of B, of another rank is one of the given ones.
model::NamedTensor with_rank(const model::NamedTensor& from, std::size_t rank, bool is_a) {
  const auto rows = static_cast<std::size_t>(from.shape[0]);
  const auto columns = static_cast<std::size_t>(from.shape[1]);
  const std::size_t new_rows = is_a ? rank : rows;
  const std::size_t new_columns = is_a ? columns : rank;
  model::NamedTensor made{
      {static_cast<std::int64_t>(new_rows), static_cast<std::int64_t>(new_columns)}, {}};
  for (std::size_t row = 0; row < new_rows; ++row) {
    for (std::size_t column = 0; column < new_columns; ++column) {
      made.values.push_back(from.values[(row % rows) * columns + column % columns]);
    }
  }
  return made;
}

// A random adapter on the modules named, each with its rank.
void write_adapter(const std::filesystem::path& dir, std::uint64_t seed, TinyFamily family,
                   const std::map<std::string, std::size_t>& ranks) {
  NamedTensors tensors;
  std::string patterns;
  for (const auto& [module, rank] : ranks) {
    patterns += (patterns.empty() ? "" : ",") + ('"' + module + "\":") + std::to_string(rank);
    for (const auto& [name, tensor] : model::tiny_adapter(seed, family)) {
      if (name.find("." + module + ".") == std::string::npos) continue;
      tensors[name] = with_rank(tensor, rank, name.ends_with("lora_A.weight"));
    }
  }
  model::write_tiny_adapter(
      dir, tensors,
      R"({"peft_type":"LORA","r":4,"lora_alpha":8,"use_rslora":true,"rank_pattern":{)" + patterns +
          "}}");
}

// What one sample of a request has said so far.
struct Told {
  std::vector<TokenId> tokens;
  std::string text;
  FinishReason reason = FinishReason::kStop;
  int cached_tokens = 0;
};

class Recorder final : public EventSink {
 public:
  explicit Recorder(std::size_t samples) : told_(samples), left_(samples) {}

  void on_delta(const Delta& delta) override {
    const std::lock_guard lock(mutex_);
    Told& told = told_[static_cast<std::size_t>(delta.sample)];
    told.tokens.push_back(delta.token.token);
    told.text += delta.text;
  }

  void on_finish(const Finish& finish) override {
    const std::lock_guard lock(mutex_);
    Told& told = told_[static_cast<std::size_t>(finish.sample)];
    told.text += finish.text;
    told.reason = finish.reason;
    told.cached_tokens = finish.cached_tokens;
    --left_;
    done_.notify_all();
  }

  const std::vector<Told>& wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return left_ == 0; });
    return told_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  std::vector<Told> told_;
  std::size_t left_;
};

class ScheduleTest : public testing::TestWithParam<std::tuple<DType, TinyFamily>> {
 protected:
  void SetUp() override {
    const auto [weights, family] = GetParam();
    model::write_tiny_model(directory_.path(), 1, family);
    busy_ = make_engine(48, {.max_step_tokens = 32, .max_sequences = 8});
    single_ = make_engine(64, {.prefix_cache = false});
    const model::DecoderConfig config = *model::load_decoder_config(directory_.path());
    const std::vector<std::map<std::string, std::size_t>> shapes = {
        {{"q_proj", 4}, {"v_proj", 4}},
        {{"q_proj", 1}, {"k_proj", 3}, {"o_proj", 8}, {"down_proj", 2}},
        {{"gate_proj", 16}, {"up_proj", 5}},
        {{"q_proj", 2}, {"k_proj", 2}, {"v_proj", 2}, {"o_proj", 2}, {"up_proj", 2}}};
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      const auto path = directory_.path() / ("adapter" + std::to_string(i));
      write_adapter(path, 40 + i, family, shapes[i]);
      const auto adapter = model::Adapter::load(path, config, weights);
      ASSERT_TRUE(adapter) << adapter.error().message;
      adapters_.push_back(*adapter);
    }
    for (std::uint64_t i = 0; i < 3; ++i) {
      const auto rows = model::random_memory(60 + i, static_cast<int>(1 + 9 * i), kHidden);
      const auto values = rows->values();
      soft_prompts_.push_back(*model::SoftPrompt::create({values.begin(), values.end()}, kHidden));
      memories_.push_back(model::random_memory(70 + i, static_cast<int>(1 + 20 * i)));
    }
    bridge_ = model::make_bridge(model::tiny_bridge(2), config, weights);
  }

  std::unique_ptr<Engine> make_engine(int num_blocks, const EngineOptions& options) {
    auto decoder = model::Decoder::load(directory_.path(), {std::get<0>(GetParam()), 1});
    EXPECT_TRUE(decoder) << decoder.error().message;
    return std::make_unique<Engine>(
        std::make_unique<DecoderStepModel>(*std::move(decoder), num_blocks), byte_tokenizer(),
        clock_, options);
  }

  GenerateRequest random_request(base::Rng& rng) {
    GenerateRequest request;
    request.prompt = random_tokens(100 + rng.below(2), 1 + rng.below(50));
    const auto more = random_tokens(rng(), rng.below(12));
    request.prompt.insert(request.prompt.end(), more.begin(), more.end());
    if (rng.below(2) == 0) add_soft_prompt(request, rng.below(soft_prompts_.size()));
    if (rng.below(2) == 0) request.memory = {bridge_, memories_[rng.below(memories_.size())]};
    const std::size_t first = rng.below(adapters_.size());
    const std::size_t num_adapters = rng.below(3);
    for (std::size_t i = 0; i < num_adapters; ++i) {
      request.adapters.push_back({adapters_[(first + i) % adapters_.size()],
                                  num_adapters == 1 ? 1.0F : 0.25F + 0.5F * static_cast<float>(i)});
    }
    request.samples.resize(1 + rng.below(3));
    for (SamplingParams& sampling : request.samples) {
      sampling.seed = rng();
      sampling.temperature = rng.below(3) == 0 ? 0.0 : 1.0;
      sampling.repetition_penalty = rng.below(3) == 0 ? 1.3 : 1.0;
    }
    request.cache_space = rng.below(2) == 0 ? "a" : "b";
    request.max_tokens = 1 + static_cast<int>(rng.below(16));
    request.stop_tokens = {2, 3};
    if (rng.below(3) == 0) request.stop = {std::string(1, static_cast<char>(40 + rng.below(40)))};
    return request;
  }

  void add_soft_prompt(GenerateRequest& request, std::size_t which) {
    request.soft_prompt = soft_prompts_[which];
    std::vector<TokenId> rows;
    for (int row = 0; row < request.soft_prompt->rows(); ++row) {
      rows.push_back(model::soft_token(row));
    }
    request.prompt.insert(request.prompt.begin(), rows.begin(), rows.end());
  }

  void expect_as_alone(const GenerateRequest& request, const std::vector<Told>& told) {
    const auto alone = single_->generate(request);
    ASSERT_TRUE(alone) << alone.error().message;
    for (std::size_t i = 0; i < told.size(); ++i) {
      std::vector<TokenId> tokens;
      for (const auto& token : (*alone)[i].tokens) tokens.push_back(token.token);
      const std::string& text = (*alone)[i].text;
      if (told[i].reason == FinishReason::kCancelled) {
        ASSERT_LE(told[i].tokens.size(), tokens.size());
        tokens.resize(told[i].tokens.size());
        EXPECT_TRUE(text.starts_with(told[i].text));
      } else {
        EXPECT_EQ(told[i].text, text);
        EXPECT_EQ(told[i].reason, (*alone)[i].finish.reason);
      }
      EXPECT_EQ(told[i].tokens, tokens);
      reused_ += told[i].cached_tokens;
    }
  }

  void expect_scores_as_alone(const GenerateRequest& request) {
    const ScoreRequest score{.prompt = request.prompt,
                             .continuations = {random_tokens(7, 9), random_tokens(8, 20)},
                             .adapters = request.adapters,
                             .soft_prompt = request.soft_prompt,
                             .memory = request.memory,
                             .cache_space = request.cache_space};
    const auto scores = busy_->score(score);
    const auto alone = single_->score(score);
    ASSERT_TRUE(scores) << scores.error().message;
    ASSERT_TRUE(alone) << alone.error().message;
    for (std::size_t i = 0; i < alone->size(); ++i) {
      EXPECT_EQ((*scores)[i].logprobs, (*alone)[i].logprobs);
    }
  }

  void expect_idle() {
    for (int i = 0; i < 200 && busy_->stats().running > 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_EQ(busy_->stats().running, 0);
    EXPECT_EQ(busy_->stats().waiting, 0);
    EXPECT_EQ(busy_->stats().kv_blocks_used, 0);
    EXPECT_EQ(busy_->stats().memory_bytes, 0U);
  }

  base::TestDirectory directory_;
  base::SystemClock clock_;
  std::vector<std::shared_ptr<const model::Adapter>> adapters_;
  std::vector<std::shared_ptr<const model::SoftPrompt>> soft_prompts_;
  std::vector<std::shared_ptr<const model::MemoryMatrix>> memories_;
  std::shared_ptr<const model::MemoryBridge> bridge_;
  int reused_ = 0;
  // Last: they end before what their requests borrow.
  std::unique_ptr<Engine> busy_;
  std::unique_ptr<Engine> single_;
};

TEST_P(ScheduleTest, ChangesNoAnswerAndLeavesNothingBehind) {
  base::Rng rng(23);
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    std::vector<GenerateRequest> requests;
    std::vector<std::shared_ptr<Recorder>> recorders;
    std::vector<RequestHandle> handles;
    for (int i = 0; i < kRequests; ++i) {
      requests.push_back(random_request(rng));
      recorders.push_back(std::make_shared<Recorder>(requests.back().samples.size()));
      const auto handle = busy_->submit(requests.back(), recorders.back());
      ASSERT_TRUE(handle) << handle.error().message;
      handles.push_back(*handle);
      std::this_thread::sleep_for(std::chrono::microseconds(rng.below(400)));
      if (rng.below(4) == 0) handles[rng.below(handles.size())].cancel();
    }
    expect_scores_as_alone(requests[rng.below(requests.size())]);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      SCOPED_TRACE("request " + std::to_string(i));
      expect_as_alone(requests[i], recorders[i]->wait());
    }
    expect_idle();
  }
  EXPECT_GT(reused_, 0);
}

std::string case_name(const testing::TestParamInfo<std::tuple<DType, TinyFamily>>& info) {
  return std::string(tensor::dtype_name(std::get<0>(info.param))) + "_" +
         model::tiny_family_name(std::get<1>(info.param));
}

INSTANTIATE_TEST_SUITE_P(OfEveryType, ScheduleTest,
                         testing::Combine(testing::Values(DType::kF32, DType::kBf16, DType::kInt8),
                                          testing::Values(TinyFamily::kLlama, TinyFamily::kMistral,
                                                          TinyFamily::kQwen3)),
                         case_name);

}  // namespace
}  // namespace kith::engine
