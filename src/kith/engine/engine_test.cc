#include "kith/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>

#include "kith/base/json.h"
#include "kith/engine/constrained_bench.h"
#include "kith/engine/perplexity.h"
#include "kith/grammar/json_schema.h"
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

TEST(EngineTest, ScoringTellsOfAlternativesAsDecodingDoes) {
  Fixture fixture;
  auto request = request_for("score me", 4, 20);
  request.samples[0].top_logprobs = 3;
  const auto answer = (*fixture.engine.generate(request))[0];
  const auto scores = fixture.engine.score(
      {.prompt = request.prompt, .continuations = {ids(answer)}, .top_logprobs = 3});
  ASSERT_TRUE(scores) << scores.error().message;
  ASSERT_EQ((*scores)[0].top.size(), answer.tokens.size());
  for (std::size_t i = 0; i < answer.tokens.size(); ++i) {
    const auto& top = (*scores)[0].top[i];
    ASSERT_EQ(top.size(), 3U);
    for (std::size_t k = 0; k < 3; ++k) {
      EXPECT_EQ(top[k].token, answer.tokens[i].top[k].token);
      EXPECT_NEAR(top[k].logprob, answer.tokens[i].top[k].logprob, 1e-5);
    }
  }
  const auto none =
      fixture.engine.score({.prompt = {1}, .continuations = {{2}}, .top_logprobs = 21});
  EXPECT_EQ(none.error().code, ErrorCode::kInvalidArgument);
}

TEST(EngineTest, ScoringEndsWhenNobodyWaits) {
  Fixture fixture;
  std::stop_source left;
  left.request_stop();
  const auto scores = fixture.engine.score(
      {.prompt = {1}, .continuations = {std::vector<TokenId>(300, 5)}, .cancel = left.get_token()});
  ASSERT_FALSE(scores);
  EXPECT_EQ(scores.error().code, ErrorCode::kCancelled);
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

std::string sentence(std::uint64_t seed, std::size_t length) {
  base::Rng rng(seed);
  std::string text;
  while (text.size() < length) text += static_cast<char>('a' + rng.below(26));
  return text;
}

TEST(PrefixReuseTest, ASecondPromptTakesOverTheBlocksOfItsBeginning) {
  Fixture fixture;
  Fixture without(256, {.prefix_cache = false});
  const std::string beginning = sentence(1, 100);
  EXPECT_EQ((*fixture.engine.generate(request_for(beginning, 1)))[0].finish.cached_tokens, 0);
  const auto second = request_for(beginning + "and more", 2);
  const auto answer = (*fixture.engine.generate(second))[0];
  EXPECT_EQ(answer.finish.cached_tokens, 96);
  const auto uncached = (*without.engine.generate(second))[0];
  EXPECT_EQ(ids(answer), ids(uncached));
  EXPECT_EQ(uncached.finish.cached_tokens, 0);
  expect_idle(fixture.engine);
  EXPECT_GT(fixture.engine.stats().kv_blocks_kept, 0);
}

TEST(PrefixReuseTest, TheLastTokenOfAPromptIsAlwaysComputed) {
  Fixture fixture;
  const auto request = request_for(sentence(2, 64), 3);
  const auto first = (*fixture.engine.generate(request))[0];
  const auto second = (*fixture.engine.generate(request))[0];
  EXPECT_EQ(second.finish.cached_tokens, 48);
  EXPECT_EQ(ids(first), ids(second));
}

TEST(PrefixReuseTest, TheNextTurnOfAConversationReusesTheAnswer) {
  Fixture fixture;
  auto request = request_for(sentence(3, 30), 4, 40);
  const auto answer = (*fixture.engine.generate(request))[0];
  for (const TokenId id : ids(answer)) request.prompt.push_back(id);
  for (const char c : std::string("and then?")) {
    request.prompt.push_back(static_cast<unsigned char>(c));
  }
  const auto next = (*fixture.engine.generate(request))[0];
  // All of the answer but its last token has been through the model.
  const int known = 30 + answer.finish.completion_tokens - 1;
  EXPECT_EQ(next.finish.cached_tokens, known / 16 * 16);
}

TEST(PrefixReuseTest, SpacesAreKeptApart) {
  Fixture fixture;
  auto request = request_for(sentence(4, 80), 5);
  request.cache_space = "acme";
  ASSERT_TRUE(fixture.engine.generate(request));
  request.cache_space = "bolt";
  EXPECT_EQ((*fixture.engine.generate(request))[0].finish.cached_tokens, 0);
  request.cache_space = "acme";
  EXPECT_EQ((*fixture.engine.generate(request))[0].finish.cached_tokens, 64);
}

TEST(PrefixReuseTest, ScoringSharesBeginningsToo) {
  Fixture fixture;
  Fixture without(256, {.prefix_cache = false});
  ScoreRequest score{.prompt = request_for(sentence(5, 90), 0).prompt,
                     .continuations = {{1, 2, 3}, {4}}};
  const auto expected = *without.engine.score(score);
  for (int round = 0; round < 2; ++round) {
    const auto scores = *fixture.engine.score(score);
    for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(scores[i].logprobs, expected[i].logprobs);
  }
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

// Prompts of a few beginnings, cut anywhere, in a cache that is far too small for all: whatever is
// reused, evicted, cancelled and shared, every answer is the one that an engine without the cache
// gives.
TEST(PrefixReuseTest, CachedEqualsUncachedUnderRandomLoad) {
  Fixture cached(40, {.max_step_tokens = 48, .max_sequences = 8});
  Fixture uncached(256, {.prefix_cache = false});
  base::Rng rng(21);
  std::atomic<int> reused = 0;
  for (int round = 0; round < 12; ++round) {
    std::vector<GenerateRequest> requests;
    for (int i = 0; i < 6; ++i) {
      const std::string text = sentence(100 + rng.below(3), 200).substr(0, 1 + rng.below(150));
      requests.push_back(request_for(text + sentence(rng(), rng.below(30)), rng(),
                                     1 + static_cast<int>(rng.below(30))));
      requests.back().samples.assign(1 + rng.below(2), requests.back().samples[0]);
      requests.back().cache_space = rng.below(2) == 0 ? "acme" : "bolt";
    }
    std::vector<std::thread> threads;
    std::vector<std::vector<TokenId>> together(requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      threads.emplace_back([&, i] {
        const auto answer = (*cached.engine.generate(requests[i]))[0];
        together[i] = ids(answer);
        reused += answer.finish.cached_tokens;
      });
    }
    const auto sink = std::make_shared<CountingSink>();
    if (auto handle = cached.engine.submit(request_for(sentence(101, 120), rng(), 30), sink)) {
      handle->cancel();
    }
    for (auto& thread : threads) thread.join();
    for (std::size_t i = 0; i < requests.size(); ++i) {
      EXPECT_EQ(together[i], ids((*uncached.engine.generate(requests[i]))[0])) << round << " " << i;
    }
  }
  EXPECT_GT(reused.load(), 0);
  expect_idle(cached.engine);
}

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

// Notes its name when its first token comes.
class NotingSink final : public EventSink {
 public:
  NotingSink(std::string name, std::mutex& mutex, std::vector<std::string>& order)
      : name_(std::move(name)), mutex_(mutex), order_(order) {}
  void on_delta(const Delta&) override { note(); }
  void on_finish(const Finish&) override {
    note();
    const std::lock_guard lock(mutex_);
    order_.push_back(name_ + " ends");
  }

 private:
  void note() {
    const std::lock_guard lock(mutex_);
    if (!is_noted_) order_.push_back(name_);
    is_noted_ = true;
  }

  std::string name_;
  std::mutex& mutex_;
  std::vector<std::string>& order_;
  bool is_noted_ = false;
};

TEST(EngineTest, OfThoseThatWaitForAdmissionTheUrgentOneIsNext) {
  std::mutex mutex;
  std::vector<std::string> order;
  Fixture fixture(256, {.max_sequences = 1});
  fixture.model.delay = std::chrono::milliseconds(2);
  const auto submit = [&](const std::string& name, base::QueueClass queue_class) {
    GenerateRequest request = request_for("abc", 3, 20);
    request.queue_class = queue_class;
    ASSERT_TRUE(fixture.engine.submit(std::move(request),
                                      std::make_shared<NotingSink>(name, mutex, order)));
  };
  submit("first", base::QueueClass::kNormal);
  while (fixture.engine.stats().running == 0) std::this_thread::yield();
  submit("normal", base::QueueClass::kNormal);
  submit("high", base::QueueClass::kHigh);
  submit("urgent", base::QueueClass::kUrgent);
  const auto num_events = [&] {
    const std::lock_guard lock(mutex);
    return order.size();
  };
  while (num_events() < 8) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_THAT(order, testing::ElementsAre("first", "first ends", "urgent", "urgent ends", "high",
                                          "high ends", "normal", "normal ends"));
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
  auto biased = request_for("x", 0);
  biased.samples[0].logit_bias = {{kVocab - 1, 1.0F}};
  EXPECT_TRUE(fixture.engine.generate(biased));
  biased.samples[0].logit_bias.emplace_back(kVocab, 1.0F);
  EXPECT_THAT(fixture.engine.generate(biased).error().message,
              AllOf(HasSubstr("logit_bias"), HasSubstr(std::to_string(kVocab))));
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

std::shared_ptr<const grammar::TokenVocabulary> byte_vocabulary() {
  return std::make_shared<grammar::TokenVocabulary>(byte_tokenizer(), std::vector<TokenId>{kEnd});
}

std::shared_ptr<const grammar::TokenGrammar> grammar_of(const std::string& schema) {
  auto automaton = grammar::compile_json_schema(schema);
  EXPECT_TRUE(automaton) << automaton.error().message;
  auto rules = grammar::TokenGrammar::create(*std::move(automaton), byte_vocabulary());
  EXPECT_TRUE(rules) << rules.error().message;
  return *rules;
}

constexpr const char* kPerson =
    R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name","age"]})";

void expect_person(const std::string& text) {
  const auto person = base::parse_json(text);
  ASSERT_TRUE(person) << text;
  EXPECT_TRUE(person->is_object() && (*person)["name"].is_string() &&
              (*person)["age"].is_number_integer())
      << text;
}

TEST(EngineTest, UnderAGrammarEveryAnswerIsWhole) {
  Fixture fixture;
  const auto rules = grammar_of(kPerson);
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    auto request = request_for("who", seed, 30 + static_cast<int>(seed) * 7);
    request.grammar = rules;
    request.samples.assign(3, request.samples[0]);
    request.samples[1].temperature = 0.0;
    request.samples[2].frequency_penalty = 1.5;
    request.samples[2].logit_bias = {{'x', 100.0F}, {kEnd, 100.0F}};
    const auto answers = fixture.engine.generate(request);
    ASSERT_TRUE(answers) << answers.error().message;
    for (const Answer& answer : *answers) {
      expect_person(answer.text);
      EXPECT_LE(answer.finish.completion_tokens, request.max_tokens);
    }
  }
  expect_idle(fixture.engine);
}

TEST(EngineTest, AnAnswerThatWasCutShortIsWholeAndSaysSo) {
  Fixture fixture;
  auto request = request_for("who", 3, 24);
  request.grammar = grammar_of(kPerson);
  // As short as it may be: {"name":"","age":0} has 19 characters.
  request.samples[0].logit_bias = {{'"', -100.0F}};
  const auto answers = fixture.engine.generate(request);
  ASSERT_TRUE(answers) << answers.error().message;
  expect_person(answers->front().text);
  EXPECT_EQ(answers->front().finish.reason, FinishReason::kLength);
  // Out of reach: it is cut as any other answer.
  request.max_tokens = 10;
  const auto cut = fixture.engine.generate(request);
  EXPECT_EQ(cut->front().finish.reason, FinishReason::kLength);
  EXPECT_EQ(cut->front().finish.completion_tokens, 10);
}

TEST(EngineTest, AGrammarChangesNothingForItsNeighbours) {
  const auto rules = grammar_of(kPerson);
  const auto request_of = [&](std::uint64_t i) {
    auto request = request_for(std::string(1 + i * 5, static_cast<char>('a' + i)), i);
    if (i % 2 == 0) request.grammar = rules;
    return request;
  };
  std::vector<std::vector<TokenId>> alone;
  Fixture single;
  for (std::uint64_t i = 0; i < 10; ++i) {
    alone.push_back(ids((*single.engine.generate(request_of(i)))[0]));
  }
  Fixture batch(256, {.max_step_tokens = 24});
  std::vector<std::thread> threads;
  std::vector<std::vector<TokenId>> together(10);
  for (std::uint64_t i = 0; i < 10; ++i) {
    threads.emplace_back([&, i] { together[i] = ids((*batch.engine.generate(request_of(i)))[0]); });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(together, alone);
  expect_idle(batch.engine);
}

TEST(EngineTest, ChoicesEndWithoutWaitingForAnEndToken) {
  Fixture fixture;
  auto automaton = grammar::compile_choice({"yes", "no", "not sure"});
  auto rules = grammar::TokenGrammar::create(*std::move(automaton), byte_vocabulary());
  ASSERT_TRUE(rules);
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    auto request = request_for("?", seed);
    request.grammar = *rules;
    const auto answers = fixture.engine.generate(request);
    seen.insert(answers->front().text);
    EXPECT_EQ(answers->front().finish.reason, FinishReason::kStop);
  }
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre("yes", "no", "not sure"));
}

TEST(EngineTest, StopStringsAndCancelsEndConstrainedAnswersToo) {
  Fixture fixture;
  auto request = request_for("who", 5, 200);
  request.grammar = grammar_of(R"({"type":"array","items":{"type":"string"},"minItems":300})");
  request.stop = {"["};
  const auto stopped = fixture.engine.generate(request);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->front().text, "");
  EXPECT_EQ(stopped->front().finish.reason, FinishReason::kStop);
  request.stop.clear();
  fixture.model.delay = std::chrono::milliseconds(3);
  const auto sink = std::make_shared<CountingSink>();
  const auto handle = fixture.engine.submit(request, sink);
  ASSERT_TRUE(handle);
  sink->wait_for_deltas(3);
  handle->cancel();
  EXPECT_EQ(sink->wait(), FinishReason::kCancelled);
  expect_idle(fixture.engine);
}

TEST(EngineTest, MeasuresWhatAGrammarCosts) {
  Fixture fixture;
  const auto results = bench_constrained(fixture.engine, byte_vocabulary(),
                                         {.batches = {1, 2}, .tokens = 20, .rounds = 1});
  ASSERT_TRUE(results) << results.error().message;
  ASSERT_EQ(results->size(), 2U);
  EXPECT_GT((*results)[1].ratio, 0.0);
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
