#include "kith/runtime/upstream_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kith/base/base64.h"
#include "kith/base/json.h"
#include "kith/runtime/held_memory.h"
#include "kith/tensor/safetensors.h"
#include "kith/upstream/test_upstream.h"
#include "kith/upstream/torch_tensor.h"

namespace kith::runtime {
namespace {

using ::testing::HasSubstr;

personalize::GenerationRequest request() {
  personalize::GenerationRequest request;
  request.messages = {{"system", "Be kind.", {}}, {"user", "Hi", {}}};
  request.samples = {{.temperature = 0.2}};
  request.model = "asked-for";
  return request;
}

TEST(UpstreamBodyTest, PassesRawMessagesAndUnknownMembersUntouched) {
  auto sent = request();
  sent.messages[1].raw =
      R"({"role":"user","content":[{"type":"image_url","image_url":{"url":"data:x"}}],"odd":1})";
  sent.extra = R"({"tools":[{"type":"function"}],"temperature":9,"provider_field":{"a":null}})";
  const auto body = upstream_body(sent, sent.samples[0], "", false);
  ASSERT_TRUE(body) << body.error().message;
  const auto json = *base::parse_json(*body);
  EXPECT_EQ(json["messages"][1], *base::parse_json(sent.messages[1].raw));
  EXPECT_EQ(json["provider_field"], *base::parse_json(R"({"a":null})"));
  EXPECT_EQ(json["tools"].size(), 1U);
  // What Kith composed wins over what came along.
  EXPECT_EQ(json["temperature"], 0.2);
  EXPECT_FALSE(json.contains("stream"));
}

TEST(UpstreamBodyTest, NamesTheConfiguredModelElseTheClients) {
  EXPECT_THAT(*upstream_body(request(), request().samples[0], "", false),
              HasSubstr(R"("model":"asked-for")"));
  EXPECT_THAT(*upstream_body(request(), request().samples[0], "ours", true),
              AllOf(HasSubstr(R"("model":"ours")"), HasSubstr(R"("include_usage":true)")));
}

TEST(UpstreamBodyTest, LeavesOutWhatNobodySet) {
  const auto json = *base::parse_json(*upstream_body(request(), {}, "", false));
  EXPECT_FALSE(json.contains("temperature"));
  EXPECT_FALSE(json.contains("seed"));
  EXPECT_FALSE(json.contains("logprobs"));
  EXPECT_FALSE(json.contains("max_tokens"));
}

TEST(UpstreamBodyTest, RefusesExtraThatIsNoObject) {
  auto sent = request();
  sent.extra = "[1]";
  EXPECT_FALSE(upstream_body(sent, sent.samples[0], "", false));
}

// A memory through a bridge of two rows for a model of three numbers, all rows alike.
std::shared_ptr<const personalize::HeldMemory> held_memory(const UpstreamGenerator& generator) {
  personalize::UserMemory memory;
  memory.latents = std::make_shared<const std::vector<float>>(4, 1.0F);
  memory.rows = 2;
  memory.width = 2;
  auto held = generator.hold_memory(memory);
  EXPECT_TRUE(held) << held.error().message;
  return held ? *std::move(held) : nullptr;
}

std::shared_ptr<const model::SoftPromptBridge> small_bridge() {
  const std::vector<float> norm(2, 1.0F);
  const std::vector<float> up{1.0F, 1.0F};
  const std::vector<float> down{1.0F, 2.0F, 3.0F};
  const auto f32 = [](const char* name, std::vector<std::int64_t> shape,
                      const std::vector<float>& values) {
    return tensor::TensorToSave{name, tensor::DType::kF32, std::move(shape),
                                std::as_bytes(std::span(values))};
  };
  const auto weights = *tensor::serialize_safetensors(std::vector<tensor::TensorToSave>{
      f32("norm.weight", {2}, norm), f32("up_proj.weight", {1, 2}, up),
      f32("down_proj.weight", {3, 1}, down)});
  auto bridge = model::SoftPromptBridge::parse(
      R"({"bridge_type":"soft_prompt","version":1,"hidden_size":3,"memory_width":2,"rows":2,)"
      R"("intermediate_size":1})",
      std::as_bytes(std::span(weights)));
  EXPECT_TRUE(bridge) << bridge.error().message;
  return *bridge;
}

UpstreamGenerator vllm(std::shared_ptr<const model::SoftPromptBridge> bridge) {
  return {*upstream::OpenAiClient::create({.base_url = "http://127.0.0.1:1"}),
          {.model = "", .context_tokens = 100, .takes_embeddings = true, .bridge = bridge}};
}

// silu(norm of (1, 1), summed) = 2 / (1 + e^-2), times the numbers of `down`.
TEST(UpstreamMemoryTest, RowsStandBeforeTheFirstWordsOfAUser) {
  const auto generator = vllm(small_bridge());
  auto sent = request();
  sent.messages.push_back({"assistant", "Hello", {}});
  sent.messages.push_back({"user", "And now?", {}});
  sent.memory = held_memory(generator);
  const auto body = upstream_body(sent, sent.samples[0], "", false);
  ASSERT_TRUE(body) << body.error().message;
  const auto messages = (*base::parse_json(*body))["messages"];
  EXPECT_EQ(messages[0]["content"], "Be kind.");
  EXPECT_EQ(messages[3]["content"], "And now?");
  const auto parts = messages[1]["content"];
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0]["type"], "prompt_embeds");
  EXPECT_EQ(parts[1], *base::parse_json(R"({"type":"text","text":"Hi"})"));
  std::vector<float> rows;
  const float open = 2.0F / (1.0F + std::exp(-2.0F));
  for (int row = 0; row < 2; ++row) {
    for (int i = 1; i <= 3; ++i) rows.push_back(open * static_cast<float>(i));
  }
  const auto tensor = base::decode_base64(parts[0]["data"].get<std::string>());
  ASSERT_TRUE(tensor);
  EXPECT_EQ(tensor->size(), upstream::save_torch_tensor(rows, 2, 3)->size());
  EXPECT_TRUE(tensor->starts_with("PK"));
  const auto saved = find_held(sent.memory)->rows()->values;
  ASSERT_EQ(saved.size(), rows.size());
  // An RMS norm's epsilon, 1e-6.
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_NEAR(saved[i], rows[i], 1e-5F);
  EXPECT_EQ(*tensor, *upstream::save_torch_tensor(saved, 2, 3));
}

TEST(UpstreamMemoryTest, PartsOfAMessageStayAsTheyAre) {
  const auto generator = vllm(small_bridge());
  auto sent = request();
  sent.memory = held_memory(generator);
  sent.messages[1].raw =
      R"({"role":"user","content":[{"type":"image_url","image_url":{"url":"data:x"}}],"odd":1})";
  const auto json = *base::parse_json(*upstream_body(sent, sent.samples[0], "", false));
  const auto message = json["messages"][1];
  EXPECT_EQ(message["odd"], 1);
  ASSERT_EQ(message["content"].size(), 2U);
  EXPECT_EQ(message["content"][0]["type"], "prompt_embeds");
  EXPECT_EQ(message["content"][1]["type"], "image_url");
  sent.messages[1].raw = R"({"role":"user","content":null})";
  EXPECT_FALSE(upstream_body(sent, sent.samples[0], "", false));
  sent.messages.resize(1);
  EXPECT_FALSE(upstream_body(sent, sent.samples[0], "", false));
}

TEST(UpstreamMemoryTest, OthersTakeNone) {
  const UpstreamGenerator plain(*upstream::OpenAiClient::create({.base_url = "http://127.0.0.1:1"}),
                                {});
  EXPECT_EQ(plain.capabilities().no_memories, "the upstream takes no embeddings");
  EXPECT_EQ(plain.hold_memory({}).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(vllm(nullptr).capabilities().no_memories, "no bridge");
  EXPECT_EQ(vllm(small_bridge()).capabilities().no_memories, "");
}

class NoSink final : public personalize::DeltaSink {
 public:
  void on_delta(const personalize::TextDelta&) override {}
};

Result<std::vector<personalize::GeneratedText>> generate(const std::string& answer, bool streams) {
  const upstream::OneAnswerServer server(answer);
  UpstreamGenerator generator(*upstream::OpenAiClient::create({.base_url = server.url()}), {});
  NoSink sink;
  return generator.generate(request(), streams ? &sink : nullptr, {});
}

TEST(UpstreamGeneratorTest, AnAnswerWithoutAMessageIsTheUpstreamsFault) {
  const std::vector<std::string> bodies{
      "not json", R"({"choices":["x"]})", R"({"choices":[{"index":0}]})",
      R"({"choices":[{"message":"x","delta":"x"}]})",
      R"({"choices":[{"message":{"content":)" + std::string(300, '[') + std::string(300, ']') +
          R"(},"delta":{"content":)" + std::string(300, '[') + std::string(300, ']') + "}}]}"};
  for (const std::string& body : bodies) {
    const auto whole = generate(upstream::response(200, body, "application/json"), false);
    ASSERT_FALSE(whole) << body;
    EXPECT_EQ(whole.error().code, ErrorCode::kUnavailable) << body;
    const auto streamed = generate(upstream::event_stream({body}), true);
    ASSERT_FALSE(streamed) << body;
    EXPECT_EQ(streamed.error().code, ErrorCode::kUnavailable) << body;
  }
}

TEST(UpstreamGeneratorTest, CountsThatCountNothingAreLeftOut) {
  const auto answer = generate(
      upstream::response(200,
                         R"({"choices":[{"message":{"content":"a"}}],)"
                         R"("usage":{"prompt_tokens":-5,"completion_tokens":1099511627776}})",
                         "application/json"),
      false);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->front().prompt_tokens, 0);
  EXPECT_EQ(answer->front().completion_tokens, 0);
}

}  // namespace
}  // namespace kith::runtime
