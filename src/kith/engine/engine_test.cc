#include "kith/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <mutex>
#include <numeric>
#include <thread>

#include "kith/base/json.h"
#include "kith/engine/perplexity.h"
#include "kith/text/byte_symbols.h"

namespace kith::engine {
namespace {

using ::testing::HasSubstr;
using text::TokenId;

constexpr int kVocab = 260;
constexpr TokenId kEnd = 259;

// Bytes are tokens 0 to 255; 259 ends a text.
text::Tokenizer byte_tokenizer() {
  base::Json vocab = base::Json::object();
  for (int byte = 0; byte < 256; ++byte) {
    vocab[text::bytes_to_symbols(std::string(1, static_cast<char>(byte)))] = byte;
  }
  base::Json root = {
      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", base::Json::array()}}},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
      {"decoder", {{"type", "ByteLevel"}}},
      {"added_tokens",
       base::Json::array({{{"id", kEnd}, {"content", "<|end|>"}, {"special", true}}})}};
  auto tokenizer = text::Tokenizer::from_json(base::dump_json(root));
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  return *std::move(tokenizer);
}

// A model whose logits are a hash of every token that the cache holds for a sequence. It keeps the
// tokens in the blocks that it is given, so any mistake with blocks changes what comes out.
class HashModel final : public StepModel {
 public:
  explicit HashModel(int num_blocks, int max_positions = 512)
      : blocks_(static_cast<std::size_t>(num_blocks)), max_positions_(max_positions) {}

  int vocab_size() const override { return kVocab; }
  int max_positions() const override { return max_positions_; }
  int num_blocks() const override { return static_cast<int>(blocks_.size()); }

  Status forward(std::span<const model::Chunk> batch, std::vector<float>& logits) override {
    if (fail) return Error{ErrorCode::kInternal, "the model broke"};
    logits.clear();
    for (const auto& chunk : batch) {
      for (std::size_t i = 0; i < chunk.tokens.size(); ++i) {
        const auto position = static_cast<std::size_t>(chunk.position) + i;
        slot(chunk, position) = chunk.tokens[i];
        if (chunk.all_logits || i + 1 == chunk.tokens.size()) add_row(chunk, position, logits);
      }
    }
    if (delay.count() > 0) std::this_thread::sleep_for(delay);
    return {};
  }

  void copy_block(std::int32_t from, std::int32_t to) override {
    blocks_[static_cast<std::size_t>(to)] = blocks_[static_cast<std::size_t>(from)];
  }

  std::atomic<bool> fail = false;
  std::chrono::milliseconds delay{0};

 private:
  TokenId& slot(const model::Chunk& chunk, std::size_t position) {
    const auto block = static_cast<std::size_t>(chunk.blocks[position / nn::kBlockTokens]);
    return blocks_[block][position % nn::kBlockTokens];
  }

  void add_row(const model::Chunk& chunk, std::size_t position, std::vector<float>& logits) {
    std::uint64_t hash = 1469598103934665603;
    for (std::size_t i = 0; i <= position; ++i) {
      hash = (hash ^ static_cast<std::uint64_t>(slot(chunk, i))) * std::uint64_t{1099511628211};
    }
    base::Rng rng(hash);
    for (int i = 0; i < kVocab; ++i) logits.push_back(static_cast<float>(4.0 * rng.uniform()));
  }

  std::vector<std::array<TokenId, nn::kBlockTokens>> blocks_;
  int max_positions_;
};

struct Fixture {
  explicit Fixture(int num_blocks = 256, const EngineOptions& options = {})
      : owned(std::make_unique<HashModel>(num_blocks)),
        model(*owned),
        engine(std::move(owned), byte_tokenizer(), clock, options) {}

  base::SystemClock clock;
  std::unique_ptr<HashModel> owned;
  HashModel& model;
  Engine engine;
};

GenerateRequest request_for(const std::string& prompt, std::uint64_t seed, int max_tokens = 40) {
  GenerateRequest request;
  for (const char c : prompt) request.prompt.push_back(static_cast<unsigned char>(c));
  request.samples[0].seed = seed;
  request.max_tokens = max_tokens;
  request.stop_tokens = {kEnd};
  return request;
}

std::vector<TokenId> ids(const Answer& answer) {
  std::vector<TokenId> out;
  for (const auto& token : answer.tokens) out.push_back(token.token);
  return out;
}

void expect_idle(Engine& engine) {
  for (int i = 0; i < 200 && engine.stats().kv_blocks_used > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(engine.stats().kv_blocks_used, 0);
  EXPECT_EQ(engine.stats().running, 0);
}

TEST(EngineTest, ABatchGivesEachRequestWhatItGetsAlone) {
  std::vector<std::vector<TokenId>> alone;
  Fixture single;
  for (std::uint64_t i = 0; i < 12; ++i) {
    const std::string prompt(1 + i * 7, static_cast<char>('a' + i));
    alone.push_back(ids((*single.engine.generate(request_for(prompt, i)))[0]));
  }
  Fixture batch(256, {.max_step_tokens = 24});
  std::vector<std::thread> threads;
  std::vector<std::vector<TokenId>> together(12);
  for (std::uint64_t i = 0; i < 12; ++i) {
    threads.emplace_back([&, i] {
      const std::string prompt(1 + i * 7, static_cast<char>('a' + i));
      together[i] = ids((*batch.engine.generate(request_for(prompt, i)))[0]);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(together, alone);
  expect_idle(batch.engine);
}

TEST(EngineTest, AnswersToOnePromptEqualThoseGeneratedApart) {
  // Prompts that end on, before and behind a block's edge, since the last block is what is shared.
  for (const int length : {15, 16, 17, 40}) {
    Fixture fixture;
    auto request = request_for(std::string(static_cast<std::size_t>(length), 'q'), 9);
    request.samples.assign(4, request.samples[0]);
    const auto answers = fixture.engine.generate(request);
    ASSERT_TRUE(answers);
    EXPECT_NE(ids((*answers)[0]), ids((*answers)[1]));
    Fixture again;
    const auto repeated = again.engine.generate(request);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(ids((*answers)[i]), ids((*repeated)[i]));
    request.samples.resize(1);
    EXPECT_EQ(ids((*again.engine.generate(request))[0]), ids((*answers)[0])) << length;
    expect_idle(fixture.engine);
  }
}

TEST(EngineTest, ScoresAreTheLogProbabilitiesOfTheSampler) {
  Fixture fixture;
  auto request = request_for("score me", 4, 20);
  request.samples[0].top_logprobs = 0;
  const auto answer = (*fixture.engine.generate(request))[0];
  ScoreRequest score{.prompt = request.prompt, .continuations = {ids(answer), {ids(answer)[0]}}};
  const auto scores = fixture.engine.score(score);
  ASSERT_TRUE(scores) << scores.error().message;
  ASSERT_EQ((*scores)[0].logprobs.size(), answer.tokens.size());
  for (std::size_t i = 0; i < answer.tokens.size(); ++i) {
    EXPECT_NEAR((*scores)[0].logprobs[i], answer.tokens[i].logprob, 1e-5);
  }
  EXPECT_EQ((*scores)[1].logprobs.size(), 1U);
  expect_idle(fixture.engine);
}

TEST(EngineTest, ScoringLongTextsInPiecesGivesTheSameScores) {
  ScoreRequest score{.prompt = request_for("x", 0).prompt};
  score.continuations.emplace_back(300);
  std::iota(score.continuations[0].begin(), score.continuations[0].end(), 0);
  for (auto& token : score.continuations[0]) token %= 250;
  Fixture whole(256, {.max_step_tokens = 1000});
  Fixture pieces(256, {.max_step_tokens = 20});
  EXPECT_EQ((*whole.engine.score(score))[0].logprobs, (*pieces.engine.score(score))[0].logprobs);
}

TEST(PerplexityTest, SumsTheScoresOfEveryWindowByPosition) {
  Fixture fixture;
  std::vector<TokenId> tokens(50);
  std::iota(tokens.begin(), tokens.end(), 10);
  const auto ranges =
      loss_by_position(fixture.engine, tokens, {.window = 20, .boundaries = {8, 16, 64}});
  ASSERT_TRUE(ranges) << ranges.error().message;
  ASSERT_EQ(ranges->size(), 3U);
  // Windows of 20, 20 and 10 tokens; the first of each is given.
  EXPECT_EQ((*ranges)[0].tokens, 3 * 7);
  EXPECT_EQ((*ranges)[1].tokens, 2 * 8 + 2);
  EXPECT_EQ((*ranges)[2].tokens, 2 * 4);
  EXPECT_EQ((*ranges)[2].end, 20);
  double expected = 0.0;
  for (const std::size_t begin : {0U, 20U, 40U}) {
    const auto end = std::min<std::size_t>(begin + 20, 50);
    const auto at = [&](std::size_t i) { return tokens.begin() + static_cast<std::ptrdiff_t>(i); };
    const auto scores = fixture.engine.score(
        {.prompt = {tokens[begin]}, .continuations = {{at(begin + 1), at(end)}}});
    for (const float logprob : (*scores)[0].logprobs) expected -= logprob;
  }
  EXPECT_NEAR((*ranges)[0].loss + (*ranges)[1].loss + (*ranges)[2].loss, expected, 1e-3);
  expect_idle(fixture.engine);
}

TEST(PerplexityTest, RefusesWhatItCannotMeasure) {
  Fixture fixture;
  const std::vector<TokenId> one{5};
  const std::vector<TokenId> two{5, 6};
  EXPECT_EQ(loss_by_position(fixture.engine, one).error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(loss_by_position(fixture.engine, two, {.window = 513}).error().message,
              HasSubstr("2 to 512 tokens"));
}

class CountingSink final : public EventSink {
 public:
  void on_delta(const Delta& delta) override {
    const std::lock_guard lock(mutex_);
    text_ += delta.text;
    ++deltas_;
    if (throws) throw std::runtime_error("sink");
  }
  void on_finish(const Finish& finish) override {
    const std::lock_guard lock(mutex_);
    text_ += finish.text;
    reason_ = finish.reason;
    ++finishes_;
    done_.notify_all();
  }
  FinishReason wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return finishes_ > 0; });
    return reason_;
  }
  void wait_for_deltas(int count) {
    while (deltas() < count) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  int deltas() {
    const std::lock_guard lock(mutex_);
    return deltas_;
  }
  std::string text() {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  bool throws = false;

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  std::string text_;
  FinishReason reason_ = FinishReason::kStop;
  int deltas_ = 0;
  int finishes_ = 0;
};

TEST(EngineTest, ACancelledRequestFreesItsBlocksWithinOneStep) {
  Fixture fixture;
  fixture.model.delay = std::chrono::milliseconds(5);
  const auto sink = std::make_shared<CountingSink>();
  const auto handle = fixture.engine.submit(request_for("go", 1, 400), sink);
  ASSERT_TRUE(handle);
  sink->wait_for_deltas(3);
  handle->cancel();
  const int seen = sink->deltas();
  EXPECT_EQ(sink->wait(), FinishReason::kCancelled);
  EXPECT_LE(sink->deltas(), seen + 2);
  expect_idle(fixture.engine);
}

TEST(EngineTest, ADeadlineEndsAnAnswer) {
  Fixture fixture;
  fixture.model.delay = std::chrono::milliseconds(5);
  auto request = request_for("go", 1, 400);
  request.deadline = fixture.clock.monotonic() + std::chrono::milliseconds(40);
  const auto answer = fixture.engine.generate(request);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kDeadlineExceeded);
}

TEST(EngineTest, RefusesWhenTooManyWait) {
  Fixture fixture(40, {.max_sequences = 1, .max_waiting = 2});
  fixture.model.delay = std::chrono::milliseconds(5);
  const auto running = std::make_shared<CountingSink>();
  ASSERT_TRUE(fixture.engine.submit(request_for("a", 1, 300), running));
  running->wait_for_deltas(1);
  std::vector<std::shared_ptr<CountingSink>> sinks;
  int refused = 0;
  for (int i = 0; i < 4; ++i) {
    sinks.push_back(std::make_shared<CountingSink>());
    const auto handle = fixture.engine.submit(request_for("b", 1, 4), sinks.back());
    if (!handle) {
      EXPECT_EQ(handle.error().code, ErrorCode::kOverloaded);
      ++refused;
    }
  }
  EXPECT_EQ(refused, 2);
}

TEST(EngineTest, NamesTheLimitThatAPromptExceeds) {
  Fixture fixture;
  const auto answer = fixture.engine.generate(request_for(std::string(600, 'x'), 0));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(answer.error().message, AllOf(HasSubstr("511"), HasSubstr("600")));
  EXPECT_FALSE(fixture.engine.generate(request_for("", 0)));
  auto request = request_for("x", 0);
  request.prompt.push_back(kVocab);
  EXPECT_FALSE(fixture.engine.generate(request));
  Fixture small(2);
  EXPECT_THAT(small.engine.generate(request_for("x", 0, 100)).error().message,
              HasSubstr("kv cache"));
}

TEST(EngineTest, StopStringsAndLengthsEndAnswers) {
  Fixture fixture;
  const auto whole = (*fixture.engine.generate(request_for("tell", 2, 60)))[0];
  EXPECT_EQ(whole.finish.completion_tokens, static_cast<int>(whole.tokens.size()));
  if (whole.finish.reason == FinishReason::kLength) {
    EXPECT_EQ(whole.tokens.size(), 60U);
  }
  auto request = request_for("tell", 2, 60);
  request.stop = {whole.text.substr(6, 3)};
  const auto cut = (*fixture.engine.generate(request))[0];
  EXPECT_EQ(cut.finish.reason, FinishReason::kStop);
  EXPECT_EQ(cut.text, whole.text.substr(0, whole.text.find(request.stop[0])));
}

TEST(EngineTest, AFailingModelFailsItsRequestsAndNothingElse) {
  Fixture fixture;
  fixture.model.fail = true;
  EXPECT_EQ(fixture.engine.generate(request_for("x", 0)).error().code, ErrorCode::kInternal);
  EXPECT_FALSE(fixture.engine.score({.prompt = {1}, .continuations = {{2, 3}}}));
  fixture.model.fail = false;
  EXPECT_TRUE(fixture.engine.generate(request_for("x", 0)));
  expect_idle(fixture.engine);
}

TEST(EngineTest, ASinkThatThrowsHurtsOnlyItself) {
  Fixture fixture;
  const auto sink = std::make_shared<CountingSink>();
  sink->throws = true;
  ASSERT_TRUE(fixture.engine.submit(request_for("x", 0, 5), sink));
  sink->wait();
  EXPECT_TRUE(fixture.engine.generate(request_for("x", 0, 5)));
}

TEST(EngineTest, AStormOfCancelsLeavesNoBlockBehind) {
  Fixture fixture(48, {.max_step_tokens = 32, .max_sequences = 6});
  base::Rng rng(11);
  std::vector<std::shared_ptr<CountingSink>> sinks;
  std::vector<RequestHandle> handles;
  for (int i = 0; i < 120; ++i) {
    auto request = request_for(std::string(1 + rng.below(60), 'k'), rng(),
                               1 + static_cast<int>(rng.below(30)));
    request.samples.assign(1 + rng.below(3), request.samples[0]);
    sinks.push_back(std::make_shared<CountingSink>());
    if (auto handle = fixture.engine.submit(request, sinks.back())) {
      handles.push_back(*handle);
    } else {
      sinks.pop_back();
    }
    if (rng.below(3) == 0) handles[rng.below(handles.size())].cancel();
  }
  for (auto& sink : sinks) sink->wait();
  expect_idle(fixture.engine);
}

TEST(EngineTest, StoppingEndsEveryRequest) {
  const auto sink = std::make_shared<CountingSink>();
  {
    Fixture fixture;
    fixture.model.delay = std::chrono::milliseconds(2);
    ASSERT_TRUE(fixture.engine.submit(request_for("x", 0, 400), sink));
  }
  EXPECT_EQ(sink->wait(), FinishReason::kCancelled);
}

TEST(EngineTest, RunsPostedWorkOnItsThreadBetweenSteps) {
  std::thread::id first;
  std::thread::id second;
  std::atomic<int> num_run = 0;
  {
    Fixture fixture;
    fixture.model.delay = std::chrono::milliseconds(1);
    std::promise<void> ran;
    ASSERT_TRUE(fixture.engine.post([&] { first = std::this_thread::get_id(); }));
    auto request = request_for("a prompt", 3);
    request.stop_tokens.clear();
    // Posted from within, as batches of other work are: it takes turns with the steps.
    std::function<void()> again = [&] {
      second = std::this_thread::get_id();
      if (++num_run == 5) return ran.set_value();
      EXPECT_TRUE(fixture.engine.post(again));
    };
    ASSERT_TRUE(fixture.engine.post(again));
    const auto answers = fixture.engine.generate(request);
    ASSERT_TRUE(answers) << answers.error().message;
    EXPECT_EQ((*answers)[0].finish.completion_tokens, 40);
    ran.get_future().wait();
    // Accepted, so it runs although the engine ends.
    ASSERT_TRUE(fixture.engine.post([&] { ++num_run; }));
  }
  EXPECT_EQ(num_run, 6);
  EXPECT_EQ(first, second);
  EXPECT_NE(first, std::this_thread::get_id());
}

}  // namespace
}  // namespace kith::engine
