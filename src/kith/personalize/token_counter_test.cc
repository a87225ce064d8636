#include "kith/personalize/token_counter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace kith::personalize {
namespace {

// A token for each byte; knows how often it was asked.
class Counting final : public Generator {
 public:
  GeneratorCapabilities capabilities() const override { return {}; }
  bool ready() const override { return true; }
  std::vector<AdapterId> adapter_names() const override { return {}; }
  std::size_t count_tokens(std::string_view text) const override {
    ++num_asked;
    return text.size();
  }
  Result<std::vector<double>> score(const ScoreRequest&) override {
    return Error{ErrorCode::kUnavailable, "no scores"};
  }
  Result<std::vector<GeneratedText>> generate(const GenerationRequest&, DeltaSink*,
                                              const CancelToken&) override {
    return Error{ErrorCode::kUnavailable, "no texts"};
  }

  mutable std::atomic<int> num_asked = 0;
};

TEST(TokenCounterTest, CountsARecurringTextOnce) {
  const Counting generator;
  TokenCounter counter(generator);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(counter.count_recurring("a style card"), 12U);
  EXPECT_EQ(generator.num_asked, 1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(counter.count("a question"), 10U);
  EXPECT_EQ(generator.num_asked, 4);
}

TEST(TokenCounterTest, ForgetsInsteadOfGrowing) {
  const Counting generator;
  TokenCounter counter(generator);
  for (int i = 0; i < 5000; ++i) {
    const std::string text = "text " + std::to_string(i);
    ASSERT_EQ(counter.count_recurring(text), text.size());
  }
  const int asked = generator.num_asked;
  EXPECT_EQ(counter.count_recurring("text 0"), 6U);
  EXPECT_EQ(generator.num_asked, asked + 1);
  const std::string large(100'000, 'x');
  for (int i = 0; i < 2; ++i) EXPECT_EQ(counter.count_recurring(large), large.size());
  EXPECT_EQ(generator.num_asked, asked + 3);
}

TEST(TokenCounterTest, IsRightFromManyThreads) {
  const Counting generator;
  TokenCounter counter(generator);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&counter] {
      for (int i = 0; i < 3000; ++i) {
        const std::string text(static_cast<std::size_t>(i % 1500), 'y');
        ASSERT_EQ(counter.count_recurring(text), text.size());
      }
    });
  }
}

}  // namespace
}  // namespace kith::personalize
