#include "kith/runtime/embeddings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "kith/base/json.h"

namespace kith::runtime {
namespace {

using testing::HasSubstr;

Config config_for(const std::string& model) {
  const char* source = std::getenv("KITH_SOURCE_DIR");
  const std::filesystem::path root(source != nullptr ? source : ".");
  Config config;
  config.embedding.model = (root / "src/kith/model/testdata" / model).string();
  config.model.threads = 1;
  return config;
}

class OwnEmbeddingsTest : public testing::Test {
 protected:
  OwnEmbeddingsTest() {
    auto made = make_embeddings(config_for("sentence_mean"), nullptr, clock_);
    EXPECT_TRUE(made) << made.error().message;
    service_ = *std::move(made);
  }

  Result<server::EmbeddingReply> send(const std::string& body) {
    const auto request = api::parse_embeddings_request(body);
    EXPECT_TRUE(request) << request.error().message;
    return service_->embed(*request, {});
  }
  base::Json answer(const std::string& body) {
    const auto reply = send(body);
    EXPECT_TRUE(reply) << reply.error().message;
    return *base::parse_json(reply->body);
  }
  std::vector<float> vector(const std::string& body, std::size_t index = 0) {
    return answer(body)["data"][index]["embedding"];
  }

  base::SystemClock clock_;
  std::unique_ptr<server::EmbeddingService> service_;
};

TEST_F(OwnEmbeddingsTest, EmbedsTextsAndTokensAlike) {
  EXPECT_EQ(service_->model(), "sentence_mean");
  EXPECT_EQ(service_->dimensions(), 32);
  const base::Json both = answer(R"({"input":["the printer","a"]})");
  EXPECT_EQ(both["model"], "sentence_mean");
  EXPECT_GT(both["usage"]["prompt_tokens"], 4);
  EXPECT_EQ(both["data"][1]["embedding"], answer(R"({"input":"a"})")["data"][0]["embedding"]);
  const auto encoder = model::SentenceEncoder::load(config_for("sentence_mean").embedding.model);
  ASSERT_TRUE(encoder);
  const auto tokens = (*encoder)->tokenize("the printer", false);
  ASSERT_TRUE(tokens);
  const std::string body = base::dump_json(base::Json{{"input", tokens->tokens}});
  EXPECT_EQ(answer(body)["data"][0]["embedding"], both["data"][0]["embedding"]);
}

TEST_F(OwnEmbeddingsTest, ShortensToTheDimensionsAskedFor) {
  const auto whole = vector(R"({"input":"the printer"})");
  const auto part = vector(R"({"input":"the printer","dimensions":8})");
  ASSERT_EQ(part.size(), 8U);
  double squares = 0.0;
  for (const float value : part) squares += static_cast<double>(value) * static_cast<double>(value);
  EXPECT_NEAR(squares, 1.0, 1e-5);
  for (std::size_t i = 1; i < 8; ++i) EXPECT_NEAR(part[i] / part[0], whole[i] / whole[0], 1e-3);
  EXPECT_EQ(vector(R"({"input":"the printer","dimensions":32})"), whole);
}

TEST_F(OwnEmbeddingsTest, RefusesLongTextsUnlessTheyMayBeCut) {
  std::string words;
  for (int i = 0; i < 60; ++i) words += "a ";
  const auto refused = send(R"({"input":["a",")" + words + R"("]})");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message, HasSubstr("text 1: a text must have at most 48 tokens: 62"));
  const base::Json cut = answer(R"({"truncate":true,"input":")" + words + R"("})");
  EXPECT_EQ(cut["usage"]["prompt_tokens"], 48);
  EXPECT_THAT(send(R"({"input":[1,999999]})").error().message, HasSubstr("token id must be in"));
}

TEST(MakeEmbeddingsTest, TakesTheModelThenTheUpstreamThenNothing) {
  const base::SystemClock clock;
  Config config;
  auto none = make_embeddings(config, nullptr, clock);
  ASSERT_TRUE(none);
  EXPECT_EQ(*none, nullptr);
  config.upstream.url = "http://127.0.0.1:9";
  auto upstream = make_embeddings(config, nullptr, clock);
  ASSERT_TRUE(upstream);
  EXPECT_TRUE((*upstream)->is_upstream());
  config.embedding.model = config_for("sentence_cls").embedding.model;
  auto own = make_embeddings(config, nullptr, clock);
  ASSERT_TRUE(own) << own.error().message;
  EXPECT_FALSE((*own)->is_upstream());
  config.embedding.model = "/nowhere";
  EXPECT_FALSE(make_embeddings(config, nullptr, clock));
}

}  // namespace
}  // namespace kith::runtime
