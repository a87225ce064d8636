#include "kith/engine/embedder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <future>
#include <mutex>
#include <thread>

#include "kith/base/rng.h"

namespace kith::engine {
namespace {

using testing::HasSubstr;
using Texts = std::vector<std::vector<text::TokenId>>;
using Vectors = Result<std::vector<float>>;

std::unique_ptr<model::SentenceEncoder> load_encoder() {
  const char* source = std::getenv("KITH_SOURCE_DIR");
  const std::filesystem::path root(source != nullptr ? source : ".");
  auto encoder = model::SentenceEncoder::load(root / "src/kith/model/testdata/sentence_mean");
  EXPECT_TRUE(encoder) << encoder.error().message;
  return *std::move(encoder);
}

// Runs what is posted when it is told to.
class HeldThread final : public ComputeThread {
 public:
  bool post(std::function<void()> work) override {
    const std::lock_guard lock(mutex_);
    if (is_ending) return false;
    posted_.push_back(std::move(work));
    return true;
  }

  // False if there was nothing to run.
  bool run_one() {
    std::function<void()> work;
    {
      const std::lock_guard lock(mutex_);
      if (posted_.empty()) return false;
      work = std::move(posted_.front());
      posted_.pop_front();
    }
    work();
    return true;
  }

  std::atomic<bool> is_ending = false;

 private:
  std::mutex mutex_;
  std::deque<std::function<void()>> posted_;
};

Texts texts_of(std::size_t count, std::size_t tokens) {
  return Texts(count, std::vector<text::TokenId>(tokens, 7));
}

class EmbedderTest : public testing::Test {
 protected:
  explicit EmbedderTest(const EmbedderOptions& options = {.max_batch_tokens = 40,
                                                          .max_waiting_tokens = 2000})
      : embedder_(std::make_unique<Embedder>(load_encoder(), thread_, clock_, options)) {}

  std::future<Vectors> start(Texts texts, std::stop_token cancel = {}) {
    const std::uint64_t before = embedder_->stats().requests;
    auto future = std::async(std::launch::async, [this, texts = std::move(texts), cancel] {
      return embedder_->embed({.texts = texts, .deadline = {}}, cancel);
    });
    while (embedder_->stats().requests == before) std::this_thread::yield();
    return future;
  }

  base::SystemClock clock_;
  HeldThread thread_;
  std::unique_ptr<Embedder> embedder_;
};

bool is_ready(const std::future<Vectors>& future) {
  return future.wait_for(std::chrono::milliseconds(0)) == std::future_status::ready;
}

TEST_F(EmbedderTest, ASmallRequestDoesNotWaitForALargeOne) {
  auto large = start(texts_of(50, 10));
  auto small = start(texts_of(1, 10));
  ASSERT_TRUE(thread_.run_one());
  EXPECT_TRUE(small.get());
  EXPECT_FALSE(is_ready(large));
  while (thread_.run_one()) {
  }
  const auto vectors = large.get();
  ASSERT_TRUE(vectors);
  EXPECT_EQ(vectors->size(), 50U * 32U);
  const EmbedderStats stats = embedder_->stats();
  EXPECT_EQ(stats.requests, 2U);
  EXPECT_EQ(stats.texts, 51U);
  EXPECT_EQ(stats.tokens, 510U);
  EXPECT_EQ(stats.passes, 13U) << "four texts of ten tokens a pass";
  EXPECT_EQ(stats.waiting_tokens, 0);
}

TEST_F(EmbedderTest, CancellationReturnsAtOnceAndComputesNothing) {
  std::stop_source cancel;
  auto vectors = start(texts_of(5, 10), cancel.get_token());
  cancel.request_stop();
  const Vectors result = vectors.get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(embedder_->stats().waiting_tokens, 0);
  thread_.run_one();
  EXPECT_EQ(embedder_->stats().passes, 0U);
  // What comes after is served.
  auto next = start(texts_of(1, 10));
  ASSERT_TRUE(thread_.run_one());
  EXPECT_TRUE(next.get());
}

TEST_F(EmbedderTest, CancellationWhileAPassRunsLeavesTheOthersAlone) {
  std::stop_source cancel;
  auto leaving = start(texts_of(8, 10), cancel.get_token());
  auto staying = start(texts_of(8, 10));
  ASSERT_TRUE(thread_.run_one());
  cancel.request_stop();
  EXPECT_FALSE(leaving.get());
  while (thread_.run_one()) {
  }
  EXPECT_TRUE(staying.get());
  EXPECT_EQ(embedder_->stats().texts, 10U);
}

TEST_F(EmbedderTest, TimeIsUpWhetherAPassComesOrNot) {
  const auto deadline = clock_.monotonic() + std::chrono::milliseconds(5);
  const Vectors late = embedder_->embed({.texts = texts_of(2, 10), .deadline = deadline});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kDeadlineExceeded);
  thread_.run_one();
  EXPECT_EQ(embedder_->stats().passes, 0U);
}

TEST_F(EmbedderTest, RefusesMoreThanMayWait) {
  auto first = start(texts_of(150, 10));
  const Vectors refused = embedder_->embed({.texts = texts_of(60, 10), .deadline = {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kOverloaded);
  auto fits = start(texts_of(10, 10));
  while (thread_.run_one()) {
  }
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(fits.get());
  // Alone, a request may be larger.
  auto alone = start(texts_of(300, 10));
  while (thread_.run_one()) {
  }
  EXPECT_TRUE(alone.get());
}

TEST_F(EmbedderTest, NamesTheTextThatIsWrong) {
  const auto refusal = [this](Texts texts) {
    const Vectors result = embedder_->embed({.texts = std::move(texts), .deadline = {}});
    return result ? "accepted" : result.error().message;
  };
  EXPECT_THAT(refusal({}), HasSubstr("at least one text"));
  EXPECT_THAT(refusal({{1}, {1, 100'000}}), HasSubstr("text 1: token id must be in"));
  EXPECT_THAT(refusal({{1}, {}}), HasSubstr("text 1: a text must have tokens"));
  EXPECT_THAT(refusal(texts_of(1, 49)),
              HasSubstr("text 0: a text must have at most 48 tokens: 49"));
}

TEST_F(EmbedderTest, EndsWhatWaitsWhenItGoes) {
  auto waiting = start(texts_of(1, 10));
  embedder_.reset();
  const Vectors result = waiting.get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(thread_.run_one()) << "work that was accepted still runs, and finds nothing to do";
}

TEST_F(EmbedderTest, SaysSoWhenTheComputeThreadIsEnding) {
  thread_.is_ending = true;
  const Vectors result = embedder_->embed({.texts = texts_of(1, 10), .deadline = {}});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kUnavailable);
}

TEST(EmbedderThreadTest, ManyCallersGetTheVectorsTheyWouldHaveAlone) {
  const auto reference = load_encoder();
  const base::SystemClock clock;
  const auto thread = make_compute_thread();
  Embedder embedder(load_encoder(), *thread, clock, {.max_batch_tokens = 64});
  std::vector<std::future<void>> callers;
  std::mutex mutex;
  for (std::uint64_t caller = 0; caller < 8; ++caller) {
    callers.push_back(std::async(std::launch::async, [&, caller] {
      base::Rng rng(caller);
      for (int round = 0; round < 10; ++round) {
        Texts texts(1 + rng.below(6));
        for (auto& tokens : texts) {
          tokens.resize(1 + rng.below(30));
          for (auto& id : tokens) id = static_cast<text::TokenId>(rng.below(100));
        }
        const Vectors vectors = embedder.embed({.texts = texts, .deadline = {}});
        ASSERT_TRUE(vectors) << vectors.error().message;
        const std::vector<std::span<const text::TokenId>> spans(texts.begin(), texts.end());
        std::vector<float> expected;
        const std::lock_guard lock(mutex);
        ASSERT_TRUE(reference->embed(spans, expected));
        EXPECT_EQ(*vectors, expected);
      }
    }));
  }
  for (auto& caller : callers) caller.get();
}

TEST(ComputeThreadTest, RunsWhatItAcceptedInOrderAndNothingAfterwards) {
  std::vector<int> seen;
  {
    const auto thread = make_compute_thread();
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(thread->post([&seen, i] { seen.push_back(i); }));
  }
  ASSERT_EQ(seen.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
}

}  // namespace
}  // namespace kith::engine
