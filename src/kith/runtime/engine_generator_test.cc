#include "kith/runtime/engine_generator.h"

#include <gmock/gmock.h>

#include <map>

#include "kith/runtime/test_model.h"

namespace kith::runtime {
namespace {

using personalize::GeneratedText;
using personalize::GenerationRequest;
using testing::HasSubstr;

// Puts the pieces of each answer together.
class Gathered final : public personalize::DeltaSink {
 public:
  struct Piece {
    std::string text;
    base::Json content;  // null without log-probabilities
  };

  void on_delta(const personalize::TextDelta& delta) override {
    Piece piece{std::string(delta.text), nullptr};
    if (!delta.logprobs.empty()) piece.content = (*base::parse_json(delta.logprobs))["content"];
    pieces[delta.sample].push_back(std::move(piece));
  }
  std::map<int, std::vector<Piece>> pieces;
};

class EngineGeneratorTest : public TinyEngineTest {
 protected:
  // Draws texts of 24 characters that no end token cuts short.
  static GenerationRequest request_for(int num_samples) {
    GenerationRequest request;
    request.messages = {{"user", "Once", {}}};
    request.max_tokens = 24;
    for (int i = 0; i < num_samples; ++i) {
      personalize::SamplingParams sampling;
      sampling.seed = static_cast<std::uint64_t>(i + 1);
      sampling.wants_logprobs = true;
      sampling.top_logprobs = 2;
      for (const auto token : {0, kTurnEnd, kTextEnd, kTurnStart}) {
        sampling.logit_bias[token] = -100.0;
      }
      request.samples.push_back(std::move(sampling));
    }
    return request;
  }

  std::vector<GeneratedText> must_generate(const GenerationRequest& request,
                                           personalize::DeltaSink* sink) {
    auto texts = generator_->generate(request, sink, {});
    EXPECT_TRUE(texts) << texts.error().message;
    return texts ? *std::move(texts) : std::vector<GeneratedText>();
  }

  // The characters of the tokens, each of which is one.
  static std::string text_of(const base::Json& content) {
    std::string text;
    for (const auto& token : content) text += token["token"].get<std::string>();
    return text;
  }

  // Every piece must come with the tokens that begin in it, and all of them must add up.
  static void expect_told(const GeneratedText& whole, const std::vector<Gathered::Piece>& pieces) {
    std::string text;
    base::Json all = base::Json::array();
    for (const auto& [piece, content] : pieces) {
      EXPECT_EQ(text_of(content), piece);
      text += piece;
      all.insert(all.end(), content.begin(), content.end());
    }
    EXPECT_EQ(text, whole.text);
    EXPECT_EQ(all, (*base::parse_json(whole.logprobs))["content"]);
    ASSERT_EQ(whole.token_begins.size(), all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(whole.token_begins[i], i);
      EXPECT_EQ(all[i]["top_logprobs"].size(), 2U);
      EXPECT_LE(all[i]["logprob"], 0.0);
    }
  }
};

TEST_F(EngineGeneratorTest, LogProbabilitiesComeWithTheTextThatTheyBelongTo) {
  const GenerationRequest request = request_for(3);
  Gathered gathered;
  const auto streamed = must_generate(request, &gathered);
  const auto whole = must_generate(request, nullptr);
  ASSERT_EQ(streamed.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(streamed[i].text.size(), 24U);
    EXPECT_EQ(streamed[i].logprobs, whole[i].logprobs);
    expect_told(whole[i], gathered.pieces[static_cast<int>(i)]);
  }
}

// A text that may begin a stop string is held back, and its tokens with it.
TEST_F(EngineGeneratorTest, TokensOfAStopStringAreNeverTold) {
  GenerationRequest request = request_for(1);
  const std::string free = must_generate(request, nullptr).front().text;
  ASSERT_EQ(free.size(), 24U);
  // One that is met, and one whose beginning alone is.
  for (const std::string& stop : {free.substr(12, 4), free.substr(12, 3) + "\n"}) {
    request.stop = {stop};
    Gathered gathered;
    const auto text = must_generate(request, &gathered).front();
    EXPECT_EQ(text.text, free.substr(0, free.find(stop)));
    expect_told(text, gathered.pieces[0]);
  }
}

TEST_F(EngineGeneratorTest, OnlyAnswersThatAskHaveLogProbabilities) {
  GenerationRequest request = request_for(2);
  request.samples[0].wants_logprobs = false;
  Gathered gathered;
  const auto texts = must_generate(request, &gathered);
  EXPECT_EQ(texts[0].logprobs, "");
  EXPECT_TRUE(texts[0].token_begins.empty());
  for (const auto& piece : gathered.pieces[0]) EXPECT_TRUE(piece.content.is_null());
  EXPECT_THAT(texts[1].logprobs, HasSubstr("content"));
  ASSERT_TRUE(texts[0].mean_logprob && texts[1].mean_logprob);
  EXPECT_LT(*texts[0].mean_logprob, 0.0);
}

// The server tells clients which member is too large by how these messages begin.
TEST_F(EngineGeneratorTest, SaysWhatThereIsNoRoomFor) {
  GenerationRequest longest = request_for(1);
  longest.messages[0].content.assign(1000, 'x');
  const auto prompt = generator_->generate(longest, nullptr, {});
  ASSERT_FALSE(prompt);
  EXPECT_EQ(prompt.error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(prompt.error().message.starts_with(personalize::kPromptTooLong));
  GenerationRequest many = request_for(128);
  many.max_tokens = 200;
  const auto answers = generator_->generate(many, nullptr, {});
  ASSERT_FALSE(answers);
  EXPECT_EQ(answers.error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(answers.error().message.starts_with(personalize::kAnswersTooLong));
}

TEST_F(EngineGeneratorTest, ABiasOutsideTheVocabularyIsRefused) {
  GenerationRequest request = request_for(1);
  request.samples[0].logit_bias[1'000'000] = 1.0;
  const auto text = generator_->generate(request, nullptr, {});
  ASSERT_FALSE(text);
  EXPECT_THAT(text.error().message, testing::StartsWith("logit_bias"));
}

}  // namespace
}  // namespace kith::runtime
