#include "kith/api/completion_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/api/chat_request.h"

namespace kith::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Outcome<CompletionRequest> parse_with(const std::string& members) {
  return parse_completion_request(R"({"prompt":"Once")" + (members.empty() ? "" : "," + members) +
                                  "}");
}

std::string param_of(const std::string& members) {
  const auto request = parse_with(members);
  return request ? "accepted" : request.error().param;
}

std::string prompt_param(const std::string& prompt) {
  const auto request = parse_completion_request(R"({"prompt":)" + prompt + "}");
  return request ? "accepted" : request.error().param;
}

TEST(CompletionRequestTest, TheSmallestRequestHasTheProtocolsDefaults) {
  const auto request = parse_with("");
  ASSERT_TRUE(request);
  ASSERT_EQ(request->prompts.size(), 1U);
  EXPECT_EQ(request->prompts[0].text, "Once");
  EXPECT_EQ(request->max_tokens, 16);
  EXPECT_EQ(request->n, 1);
  EXPECT_EQ(request->best_of, 1);
  EXPECT_FALSE(request->logprobs);
  EXPECT_FALSE(request->echo);
  EXPECT_FALSE(request->is_stream);
  EXPECT_FALSE(request->lora);
}

TEST(CompletionRequestTest, ReadsEveryFormOfAPrompt) {
  const auto prompts = [](const std::string& prompt) {
    return parse_completion_request(R"({"prompt":)" + prompt + "}")->prompts;
  };
  const auto tokens = [](std::vector<std::int32_t> ids) {
    return CompletionPrompt{.text = {}, .tokens = std::move(ids), .is_tokens = true};
  };
  EXPECT_THAT(prompts(R"(["a","b"])"),
              ElementsAre(CompletionPrompt{"a", {}, false}, CompletionPrompt{"b", {}, false}));
  EXPECT_THAT(prompts("[5,6]"), ElementsAre(tokens({5, 6})));
  EXPECT_THAT(prompts("[[5],[6,7]]"), ElementsAre(tokens({5}), tokens({6, 7})));
  EXPECT_THAT(prompts(R"("")"), ElementsAre(CompletionPrompt{}));
}

TEST(CompletionRequestTest, RefusesWhatIsNoPrompt) {
  for (const char* prompt : {"null", "[]", "[[]]", "7", "{}", R"(["a",5])", R"([[1],"a"])", "[-1]",
                             "[4294967296]", "[1.5]", "[[1],[-2]]", "[true]"}) {
    EXPECT_EQ(prompt_param(prompt), "prompt") << prompt;
  }
  std::string many = "[";
  for (int i = 0; i < 257; ++i) many += R"("a",)";
  EXPECT_EQ(prompt_param(many + R"("a"])"), "prompt");
}

TEST(CompletionRequestTest, ReadsEveryFieldThatItHonours) {
  const auto request = parse_with(
      R"("model":"m","max_tokens":0,"temperature":0.5,"top_p":0.9,"top_k":3,"n":2,"best_of":4,)"
      R"("logprobs":5,"echo":true,"stop":"a","seed":-7,"presence_penalty":1,)"
      R"("frequency_penalty":-1,"logit_bias":{"5":-100},"user":"u","guided_choice":["x","y"],)"
      R"("lora":[{"id":0,"scale":0.5},{"id":3,"scale":0.5},{"id":1,"scale":0}],)"
      R"("kith":{"tenant":"t","user":"v"},"suffix":null,"store":true)");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->model, "m");
  EXPECT_EQ(request->max_tokens, 0);
  EXPECT_EQ(request->temperature, 0.5);
  EXPECT_EQ(request->top_k, 3);
  EXPECT_EQ(request->n, 2);
  EXPECT_EQ(request->best_of, 4);
  EXPECT_EQ(request->logprobs, 5);
  EXPECT_TRUE(request->echo);
  EXPECT_THAT(request->stop, ElementsAre("a"));
  EXPECT_EQ(request->seed, -7);
  EXPECT_EQ(request->logit_bias.at(5), -100.0);
  EXPECT_EQ(request->user, "u");
  EXPECT_EQ(request->kith.user, "v");
  EXPECT_EQ(request->kith.tenant, "t");
  EXPECT_THAT(request->format.choices, ElementsAre("x", "y"));
  ASSERT_EQ(request->lora->size(), 3U);
  EXPECT_EQ((*request->lora)[1].id, 3);
  EXPECT_EQ((*request->lora)[1].scale, 0.5);
  EXPECT_THAT(request->unsupported, IsEmpty());
  EXPECT_THAT(request->unknown, IsEmpty());
}

TEST(CompletionRequestTest, NamesTheMemberThatIsWrong) {
  EXPECT_EQ(param_of(R"("max_tokens":-1)"), "max_tokens");
  EXPECT_EQ(param_of(R"("n":0)"), "n");
  EXPECT_EQ(param_of(R"("n":3,"best_of":2)"), "best_of");
  EXPECT_EQ(param_of(R"("n":1,"best_of":2,"stream":true)"), "best_of");
  EXPECT_EQ(param_of(R"("logprobs":6)"), "logprobs");
  EXPECT_EQ(param_of(R"("logprobs":true)"), "logprobs");
  EXPECT_EQ(param_of(R"("echo":1)"), "echo");
  EXPECT_EQ(param_of(R"("suffix":1)"), "suffix");
  EXPECT_EQ(param_of(R"("stop":["a","b","c","d","e"])"), "stop");
  EXPECT_EQ(param_of(R"("stream_options":{})"), "stream_options");
  EXPECT_EQ(param_of(R"("stream":true,"stream_options":{"include_usage":1})"),
            "stream_options.include_usage");
  EXPECT_EQ(param_of(R"("kith":{"style":{"tone":"dry"}})"), "kith.style");
  EXPECT_EQ(param_of(R"("kith":{"candidates":2})"), "kith.candidates");
  EXPECT_EQ(param_of(R"("kith":{"usr":"x"})"), "kith.usr");
  EXPECT_EQ(param_of(R"("metadata":{"a":1})"), "metadata.a");
}

TEST(CompletionRequestTest, NamesWhatIsWrongWithAdapters) {
  EXPECT_EQ(param_of(R"("lora":{})"), "lora");
  EXPECT_EQ(param_of(R"("lora":[7])"), "lora[0]");
  EXPECT_EQ(param_of(R"("lora":[{"id":0}])"), "lora[0].scale");
  EXPECT_EQ(param_of(R"("lora":[{"scale":1}])"), "lora[0].id");
  EXPECT_EQ(param_of(R"("lora":[{"id":0,"scale":1},{"id":-1,"scale":1}])"), "lora[1].id");
  EXPECT_EQ(param_of(R"("lora":[{"id":0,"scale":11}])"), "lora[0].scale");
  EXPECT_EQ(param_of(R"("lora":[{"id":0,"scale":1,"path":"x"}])"), "lora[0].path");
  EXPECT_EQ(param_of(R"("lora":[{"id":0,"scale":1},{"id":0,"scale":0}])"), "lora[1].id");
  const auto three =
      parse_with(R"("lora":[{"id":0,"scale":1},{"id":1,"scale":1},{"id":2,"scale":0.1}])");
  EXPECT_EQ(three.error().param, "lora");
  EXPECT_THAT(three.error().message, HasSubstr("at most 2 adapters"));
  EXPECT_TRUE(parse_with(R"("lora":[])")->lora.has_value());
}

TEST(CompletionRequestTest, SaysWhatItCannotHonour) {
  EXPECT_THAT(parse_with(R"("suffix":"end")")->unsupported, ElementsAre("suffix"));
  EXPECT_THAT(parse_with(R"("suffix":"")")->unsupported, IsEmpty());
  EXPECT_THAT(parse_with(R"("response_format":{"type":"structural_tag"})")->unsupported,
              ElementsAre("response_format"));
  EXPECT_THAT(parse_with(R"("prompt_embeds":"x")")->unsupported, ElementsAre("prompt_embeds"));
  EXPECT_THAT(parse_with(R"("frobnicate":1)")->unknown, ElementsAre("frobnicate"));
}

TEST(CompletionRequestTest, ReadsRowsOfEmbeddings) {
  // 1.0 and 2.0 in half precision.
  const auto half = parse_completion_request(
      R"({"kith":{"soft_prompt":{"dtype":"f16","shape":[1,2],"data":"ADwAQA=="}}})");
  ASSERT_TRUE(half) << half.error().message;
  const KithSoftPrompt& rows = *half->kith.soft_prompt;
  EXPECT_EQ(rows.format, KithSoftPrompt::Format::kF16);
  EXPECT_EQ(rows.rows, 1);
  EXPECT_EQ(rows.width, 2);
  EXPECT_EQ(rows.bytes, std::string("\x00\x3C\x00\x40", 4));
  // Rows alone are a prompt.
  EXPECT_THAT(half->prompts, ElementsAre(CompletionPrompt{}));
  const auto file = parse_with(R"("kith":{"soft_prompt":{"safetensors":"AAAA"}})");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->kith.soft_prompt->format, KithSoftPrompt::Format::kSafetensors);
  EXPECT_EQ(file->kith.soft_prompt->bytes.size(), 3U);
  const auto chat = parse_chat_request(
      R"({"messages":[{"role":"user","content":"x"}],)"
      R"("kith":{"soft_prompt":{"dtype":"f16","shape":[1,2],"data":"ADwAQA=="}}})");
  ASSERT_TRUE(chat) << chat.error().message;
  EXPECT_EQ(chat->kith.soft_prompt->bytes, rows.bytes);
}

TEST(CompletionRequestTest, NamesWhatIsWrongWithRows) {
  const auto param = [](const std::string& object) {
    return param_of(R"("kith":{"soft_prompt":)" + object + "}");
  };
  EXPECT_EQ(param("7"), "kith.soft_prompt");
  EXPECT_EQ(param("{}"), "kith.soft_prompt.dtype");
  EXPECT_EQ(param(R"({"dtype":"bf16"})"), "kith.soft_prompt.dtype");
  EXPECT_EQ(param(R"({"dtype":"pickle"})"), "kith.soft_prompt.dtype");
  EXPECT_EQ(param(R"({"dtype":"f32"})"), "kith.soft_prompt.shape");
  for (const char* shape : {"[1]", "[0,2]", "[1,-1]", "[1,2,3]", "[1.0,2]", "[70000,1]", "\"x\""}) {
    EXPECT_EQ(param(R"({"dtype":"f16","data":"ADwAQA==","shape":)" + std::string(shape) + "}"),
              "kith.soft_prompt.shape")
        << shape;
  }
  EXPECT_EQ(param(R"({"dtype":"f16","shape":[1,2]})"), "kith.soft_prompt.data");
  EXPECT_EQ(param(R"({"dtype":"f16","shape":[1,3],"data":"ADwAQA=="})"), "kith.soft_prompt.data");
  EXPECT_EQ(param(R"({"dtype":"f32","shape":[65536,65536],"data":"AAAA"})"),
            "kith.soft_prompt.data");
  EXPECT_EQ(param(R"({"dtype":"f16","shape":[1,2],"data":"ADwAQA"})"), "kith.soft_prompt.data");
  EXPECT_EQ(param(R"({"safetensors":"!"})"), "kith.soft_prompt.safetensors");
  EXPECT_EQ(param(R"({"safetensors":""})"), "kith.soft_prompt.safetensors");
  EXPECT_EQ(param(R"({"safetensors":"AAAA","dtype":"f32"})"), "kith.soft_prompt.dtype");
  EXPECT_EQ(param(R"({"dtype":"f16","shape":[1,2],"data":"ADwAQA==","x":1})"),
            "kith.soft_prompt.x");
}

TEST(ForwardedCompletionTest, TheBodyGoesOnByteForByte) {
  const std::string body =
      R"({ "stream": true,"prompt_embeds":"x", "logprobs": 40, "model":"m" ,"n":1e2})";
  const auto request = parse_forwarded_completion(body);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->body, body);
  EXPECT_TRUE(request->is_stream);
  EXPECT_EQ(request->model, "m");
}

TEST(ForwardedCompletionTest, WhoTheUserIsDoesNotLeave) {
  const auto request = parse_forwarded_completion(
      R"({"z":1,"user":"anna","safety_identifier":"s","metadata":{"user_id":"m","a":"b"},)"
      R"("kith":{"user":"k","tenant":"t"},"a":2})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->body, R"({"z":1,"metadata":{"a":"b"},"a":2})");
  EXPECT_EQ(request->user, "anna");
  EXPECT_EQ(request->kith_user, "k");
  EXPECT_EQ(request->tenant, "t");
  EXPECT_EQ(request->metadata_user_id, "m");
}

TEST(ForwardedCompletionTest, WhatKithReadsIsStillChecked) {
  const auto param = [](const std::string& body) {
    const auto request = parse_forwarded_completion(body);
    return request ? "accepted" : request.error().param;
  };
  EXPECT_EQ(param(R"({"stream":1})"), "stream");
  EXPECT_EQ(param(R"({"user":7})"), "user");
  EXPECT_EQ(param(R"({"kith":{"style":{}}})"), "kith.style");
  EXPECT_EQ(param(R"({"kith":{"soft_prompt":{"safetensors":"AAAA"}}})"), "kith.soft_prompt");
  EXPECT_EQ(parse_forwarded_completion("[").error().code, "invalid_json");
}

}  // namespace
}  // namespace kith::api
