// Requests with memories, on a small decoder: what an answer attends to must change nothing but
// that answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <mutex>
#include <thread>

#include "kith/base/rng.h"
#include "kith/base/test_directory.h"
#include "kith/engine/engine.h"
#include "kith/engine/inputs_bench.h"
#include "kith/engine/test_tokenizer.h"
#include "kith/model/test_bridge.h"

namespace kith::engine {
namespace {

using model::MemoryMatrix;
using testing::HasSubstr;
using text::TokenId;

constexpr int kVocab = 97;
constexpr int kHidden = 32;

std::shared_ptr<model::Decoder> load_decoder(const std::filesystem::path& dir) {
  auto decoder = model::Decoder::load(dir, {tensor::DType::kF32, 1});
  EXPECT_TRUE(decoder) << decoder.error().message;
  return *std::move(decoder);
}

std::vector<TokenId> random_tokens(std::uint64_t seed, std::size_t count) {
  base::Rng rng(seed);
  std::vector<TokenId> tokens;
  while (tokens.size() < count) tokens.push_back(static_cast<TokenId>(rng.below(kVocab)));
  return tokens;
}

std::vector<TokenId> ids(const Answer& answer) {
  std::vector<TokenId> out;
  for (const auto& token : answer.tokens) out.push_back(token.token);
  return out;
}

std::vector<std::vector<TokenId>> ids(const std::vector<Answer>& answers) {
  std::vector<std::vector<TokenId>> out;
  for (const Answer& answer : answers) out.push_back(ids(answer));
  return out;
}

class MemoryTest : public testing::Test {
 protected:
  void SetUp() override {
    model::write_tiny_model(dir_.path(), 1);
    decoder_ = load_decoder(dir_.path());
    bridge_ = model::make_bridge(model::tiny_bridge(2), decoder_->config());
  }

  // With a decoder of its own: one works on one thread at a time.
  std::unique_ptr<Engine> make_engine(int num_blocks = 256, const EngineOptions& options = {}) {
    return std::make_unique<Engine>(
        std::make_unique<DecoderStepModel>(load_decoder(dir_.path()), num_blocks), byte_tokenizer(),
        clock_, options);
  }

  GenerateRequest request_for(std::vector<TokenId> prompt, std::uint64_t seed,
                              std::shared_ptr<const MemoryMatrix> memory, int max_tokens = 20) {
    GenerateRequest request;
    request.prompt = std::move(prompt);
    request.samples[0].seed = seed;
    request.max_tokens = max_tokens;
    if (memory) request.memory = {bridge_, std::move(memory)};
    return request;
  }

  static std::vector<std::vector<TokenId>> generate(Engine& engine, GenerateRequest request) {
    const auto answers = engine.generate(std::move(request));
    EXPECT_TRUE(answers) << answers.error().message;
    return answers ? ids(*answers) : std::vector<std::vector<TokenId>>();
  }

  static void expect_idle(Engine& engine) {
    for (int i = 0; i < 200 && engine.stats().running > 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_EQ(engine.stats().running, 0);
    EXPECT_EQ(engine.stats().kv_blocks_used, 0);
    EXPECT_EQ(engine.stats().memory_bytes, 0U);
  }

  base::TestDirectory dir_;
  base::SystemClock clock_;
  std::shared_ptr<model::Decoder> decoder_;
  std::shared_ptr<const model::MemoryBridge> bridge_;
  std::shared_ptr<const model::Adapter> adapter_;
};

TEST_F(MemoryTest, AnAnswerDependsOnItsMemory) {
  const auto engine = make_engine();
  const auto prompt = random_tokens(1, 20);
  const auto without = generate(*engine, request_for(prompt, 5, nullptr));
  const auto first = generate(*engine, request_for(prompt, 5, model::random_memory(1, 16)));
  const auto second = generate(*engine, request_for(prompt, 5, model::random_memory(2, 16)));
  EXPECT_NE(first, without);
  EXPECT_NE(second, first);
  EXPECT_EQ(generate(*engine, request_for(prompt, 5, model::random_memory(1, 16))), first);
  expect_idle(*engine);
}

TEST_F(MemoryTest, AGateOfZeroGivesTheAnswerWithout) {
  const auto engine = make_engine();
  auto request = request_for(random_tokens(1, 20), 5, nullptr);
  const auto without = generate(*engine, request);
  request.memory = {model::make_bridge(model::tiny_bridge(2, 0.0F), decoder_->config()),
                    model::random_memory(1, 16)};
  EXPECT_EQ(generate(*engine, request), without);
}

// The invariant of the cache: nothing that was computed under one memory is read under another.
TEST_F(MemoryTest, PromptsShareBeginningsUnderOneMemoryOnly) {
  const auto engine = make_engine();
  const auto cached_tokens = [&](const GenerateRequest& request) {
    const auto answers = engine->generate(request);
    EXPECT_TRUE(answers) << answers.error().message;
    return answers ? answers->front().finish.cached_tokens : -1;
  };
  const auto prompt = random_tokens(1, 50);
  EXPECT_EQ(cached_tokens(request_for(prompt, 5, nullptr)), 0);
  EXPECT_EQ(cached_tokens(request_for(prompt, 5, model::random_memory(1, 16))), 0);
  EXPECT_EQ(cached_tokens(request_for(prompt, 5, model::random_memory(1, 15))), 0);
  EXPECT_EQ(cached_tokens(request_for(prompt, 5, model::random_memory(2, 16))), 0);
  auto request = request_for(prompt, 5, model::random_memory(1, 16));
  request.memory->bridge = model::make_bridge(model::tiny_bridge(3), decoder_->config());
  EXPECT_EQ(cached_tokens(request), 0);
  EXPECT_EQ(cached_tokens(request_for(prompt, 6, model::random_memory(1, 16))), 48);
  EXPECT_EQ(cached_tokens(request_for(prompt, 6, nullptr)), 48);
}

TEST_F(MemoryTest, SamplesOfOnePromptShareItsMemory) {
  const auto engine = make_engine();
  auto request = request_for(random_tokens(1, 20), 5, model::random_memory(1, 100), 40);
  request.samples.assign(4, request.samples[0]);
  const auto together = generate(*engine, request);
  ASSERT_EQ(together.size(), 4U);
  EXPECT_NE(together[0], together[1]);
  request.samples.resize(1);
  EXPECT_EQ(generate(*engine, request)[0], together[0]);

  // The memory of two requests is there once, however many answers there are.
  const auto projected = *bridge_->project(*request.memory->matrix);
  std::atomic<std::size_t> most = 0;
  std::atomic<bool> done = false;
  std::thread watcher([&] {
    while (!done) most = std::max(most.load(), engine->stats().memory_bytes);
  });
  request.samples.assign(4, request.samples[0]);
  request.max_tokens = 100;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) threads.emplace_back([&] { generate(*engine, request); });
  for (auto& thread : threads) thread.join();
  done = true;
  watcher.join();
  EXPECT_EQ(most, projected->bytes());
  expect_idle(*engine);
}

TEST_F(MemoryTest, ScoresAreThoseOfTheSampler) {
  const auto engine = make_engine();
  auto request = request_for(random_tokens(1, 20), 5, model::random_memory(1, 30));
  request.samples[0].top_logprobs = 0;
  const auto answer = (*engine->generate(request))[0];
  const auto scores = engine->score(
      {.prompt = request.prompt, .continuations = {ids(answer)}, .memory = request.memory});
  ASSERT_TRUE(scores) << scores.error().message;
  for (std::size_t i = 0; i < answer.tokens.size(); ++i) {
    EXPECT_NEAR((*scores)[0].logprobs[i], answer.tokens[i].logprob, 1e-5);
  }
  const auto without = engine->score({.prompt = request.prompt, .continuations = {ids(answer)}});
  EXPECT_NE((*without)[0].logprobs, (*scores)[0].logprobs);
}

TEST_F(MemoryTest, RefusesMemoriesThatDoNotFit) {
  const auto engine = make_engine();
  auto request = request_for({1, 2, 3}, 5, model::random_memory(1, 4, 11));
  const auto error = [&] {
    const auto answers = engine->generate(request);
    return answers ? "no error" : answers.error().message;
  };
  EXPECT_THAT(error(), HasSubstr("must be 10 wide: 11"));
  request.memory = BridgedMemory{bridge_, nullptr};
  EXPECT_THAT(error(), HasSubstr("a bridge and a matrix"));
  request.memory = BridgedMemory{nullptr, model::random_memory(1, 4)};
  EXPECT_THAT(error(), HasSubstr("a bridge and a matrix"));
  auto other = decoder_->config();
  other.num_layers = 4;
  std::string config = model::tiny_bridge_config_json();
  config.replace(config.find("\"num_hidden_layers\":3"), 21, "\"num_hidden_layers\":4");
  const std::string bytes = model::to_safetensors(model::tiny_bridge(1));
  request.memory =
      BridgedMemory{*model::MemoryBridge::parse(config, std::as_bytes(std::span(bytes)), other, {}),
                    model::random_memory(1, 4)};
  EXPECT_THAT(error(), HasSubstr("another shape"));
  EXPECT_EQ(engine->stats().memory_bytes, 0U);
}

class CountingSink final : public EventSink {
 public:
  void on_delta(const Delta&) override { ++deltas; }
  void on_finish(const Finish&) override {}

  std::atomic<int> deltas = 0;
};

TEST_F(MemoryTest, ACancelledRequestFreesItsMemory) {
  const auto engine = make_engine();
  auto request = request_for(random_tokens(1, 10), 5, model::random_memory(1, 512), 110);
  request.samples.assign(16, request.samples[0]);
  const auto sink = std::make_shared<CountingSink>();
  std::weak_ptr<const MemoryMatrix> matrix = request.memory->matrix;
  const auto handle = engine->submit(std::move(request), sink);
  ASSERT_TRUE(handle) << handle.error().message;
  while (sink->deltas < 33) std::this_thread::yield();
  EXPECT_GT(engine->stats().memory_bytes, 0U);
  handle->cancel();
  expect_idle(*engine);
  EXPECT_TRUE(matrix.expired());
}

// The tokens of these prompts are the same: soft tokens, and no others in their first blocks.
TEST_F(MemoryTest, RowsOfOneUserNeverMeetTheKeysOfAnother) {
  const auto engine = make_engine();
  const auto single = make_engine(64, {.prefix_cache = false});
  std::vector<TokenId> prompt;
  for (int row = 0; row < 40; ++row) prompt.push_back(model::soft_token(row));
  const auto request = [&](std::vector<float> values, float weight) {
    GenerateRequest made = request_for(prompt, 3, nullptr);
    made.soft_prompt = *model::SoftPrompt::create(std::move(values), kHidden);
    made.adapters = {{adapter_, weight}};
    return made;
  };
  model::write_tiny_adapter(dir_.path() / "adapter", model::tiny_adapter(4),
                            R"({"peft_type":"LORA","r":4,"lora_alpha":8})");
  adapter_ = *model::Adapter::load(dir_.path() / "adapter", decoder_->config());
  const auto memory = model::random_memory(1, 40, kHidden);
  const std::vector<float> values(memory->values().begin(), memory->values().end());
  std::vector<float> other = values;
  other.front() = std::nextafter(other.front(), 9.0F);
  const auto cached = [&](const GenerateRequest& made) {
    const auto answers = engine->generate(made);
    EXPECT_TRUE(answers) << answers.error().message;
    EXPECT_EQ(ids(*answers), generate(*single, made));
    return answers->front().finish.cached_tokens;
  };
  EXPECT_EQ(cached(request(values, 1.0F)), 0);
  EXPECT_EQ(cached(request(values, 1.0F)), 32);
  EXPECT_EQ(cached(request(other, 1.0F)), 0);
  EXPECT_EQ(cached(request(values, std::nextafter(1.0F, 0.0F))), 0);
}

// Eight users on five adapters, each with a soft prompt and a memory of its own, and a retrieved
// passage that others have in their prompts too, at once.
TEST_F(MemoryTest, UsersTogetherGetWhatEachGetsAlone) {
  std::vector<std::shared_ptr<const model::Adapter>> adapters;
  for (std::uint64_t i = 0; i < 5; ++i) {
    const auto path = dir_.path() / ("adapter" + std::to_string(i));
    model::write_tiny_adapter(path, model::tiny_adapter(40 + i),
                              R"({"peft_type":"LORA","r":4,"lora_alpha":8})");
    adapters.push_back(*model::Adapter::load(path, decoder_->config()));
  }
  std::vector<GenerateRequest> requests;
  for (std::uint64_t i = 0; i < 8; ++i) {
    const int rows = static_cast<int>(1 + i % 4);
    auto prompt = random_tokens(50 + i, 3 + 9 * i);
    const auto passage = random_tokens(90 + i % 3, 24);
    prompt.insert(prompt.begin(), passage.begin(), passage.end());
    for (int row = 0; row < rows; ++row)
      prompt.insert(prompt.begin() + row, model::soft_token(row));
    requests.push_back(
        request_for(prompt, i, model::random_memory(70 + i, static_cast<int>(1 + 37 * i)), 30));
    requests.back().adapters = {{adapters[i % 5], 1.0F}};
    const auto soft = model::random_memory(60 + i, rows, kHidden);
    requests.back().soft_prompt =
        *model::SoftPrompt::create({soft->values().begin(), soft->values().end()}, kHidden);
  }
  const auto single = make_engine(64, {.prefix_cache = false});
  std::vector<std::vector<std::vector<TokenId>>> alone;
  for (const auto& request : requests) alone.push_back(generate(*single, request));
  const auto batch = make_engine(256, {.max_step_tokens = 40});
  std::vector<std::vector<std::vector<TokenId>>> together(8);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] { together[i] = generate(*batch, requests[i]); });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(together, alone);
  expect_idle(*batch);
}

// Prompts of a few beginnings under a few memories and none, in a cache that is far too small for
// all, with requests that are cancelled: whatever is reused, evicted and computed again, every
// answer is the one that the request gets alone.
TEST_F(MemoryTest, RandomSchedulesChangeNoAnswer) {
  const auto busy = make_engine(40, {.max_step_tokens = 32, .max_sequences = 8});
  const auto single = make_engine(64, {.prefix_cache = false});
  std::vector<std::shared_ptr<const MemoryMatrix>> memories{nullptr};
  for (std::uint64_t i = 0; i < 3; ++i) {
    memories.push_back(model::random_memory(i, static_cast<int>(1 + 20 * i)));
  }
  base::Rng rng(17);
  std::atomic<int> reused = 0;
  for (int round = 0; round < 8; ++round) {
    std::vector<GenerateRequest> requests;
    for (int i = 0; i < 6; ++i) {
      auto prompt = random_tokens(100 + rng.below(2), 1 + rng.below(60));
      const auto more = random_tokens(rng(), rng.below(15));
      prompt.insert(prompt.end(), more.begin(), more.end());
      requests.push_back(request_for(prompt, rng(), memories[rng.below(memories.size())],
                                     1 + static_cast<int>(rng.below(20))));
      requests.back().samples.assign(1 + rng.below(2), requests.back().samples[0]);
    }
    std::vector<std::vector<std::vector<TokenId>>> together(requests.size());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      threads.emplace_back([&, i] {
        const auto answers = busy->generate(requests[i]);
        ASSERT_TRUE(answers) << answers.error().message;
        together[i] = ids(*answers);
        reused += answers->front().finish.cached_tokens;
      });
    }
    const auto handle =
        busy->submit(request_for(random_tokens(101, 50), rng(), memories[1 + rng.below(3)], 30),
                     std::make_shared<CountingSink>());
    if (handle) handle->cancel();
    for (auto& thread : threads) thread.join();
    for (std::size_t i = 0; i < requests.size(); ++i) {
      EXPECT_EQ(together[i], generate(*single, requests[i])) << round << " " << i;
    }
  }
  EXPECT_GT(reused.load(), 0);
  expect_idle(*busy);
}

TEST_F(MemoryTest, MeasuresWhatSoftPromptsAndMemoriesCost) {
  std::vector<std::shared_ptr<const model::Adapter>> adapters;
  const auto path = dir_.path() / "adapter";
  model::write_tiny_adapter(path, model::tiny_adapter(4),
                            R"({"peft_type":"LORA","r":4,"lora_alpha":8})");
  adapters.push_back(*model::Adapter::load(path, decoder_->config()));
  InputsBench options{.users = 3, .adapters = 1, .context_tokens = 20, .steps = 2};
  const auto result = bench_inputs(*decoder_, adapters, options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->users, 3);
  EXPECT_GT(result->ratio, 0.0);
  EXPECT_EQ(result->bridge_layers, 1);
  options.adapters = 2;
  EXPECT_THAT(bench_inputs(*decoder_, adapters, options).error().message,
              HasSubstr("has 1 adapters"));
}

}  // namespace
}  // namespace kith::engine
