#include "kith/api/records.h"

#include <gtest/gtest.h>

#include "kith/api/feedback.h"
#include "kith/api/field_reader.h"
#include "kith/api/openapi.h"
#include "kith/base/json.h"

namespace kith::api {
namespace {

base::Json parsed(const std::string& text) {
  const auto json = base::parse_json(text);
  EXPECT_TRUE(json) << text.substr(0, 200);
  return json ? *json : base::Json();
}

TEST(ErrorTest, EveryBodyHasAllFourMembers) {
  for (const ErrorCode code :
       {ErrorCode::kInvalidArgument, ErrorCode::kNotFound, ErrorCode::kConflict,
        ErrorCode::kOverloaded, ErrorCode::kCancelled, ErrorCode::kDeadlineExceeded,
        ErrorCode::kUnavailable, ErrorCode::kInternal}) {
    const base::Json error = parsed(error_body(to_api_error(Error{code, "m"})))["error"];
    EXPECT_EQ(error.size(), 4U);
    EXPECT_TRUE(error["message"].is_string());
    EXPECT_TRUE(error["type"].is_string());
    EXPECT_TRUE(error["param"].is_null());
    EXPECT_TRUE(error["code"].is_string());
  }
}

TEST(ErrorTest, CodesMapToTheirStatuses) {
  const auto status = [](ErrorCode code) { return to_api_error(Error{code, "m"}).status; };
  EXPECT_EQ(status(ErrorCode::kInvalidArgument), 400);
  EXPECT_EQ(status(ErrorCode::kNotFound), 404);
  EXPECT_EQ(status(ErrorCode::kConflict), 409);
  EXPECT_EQ(status(ErrorCode::kOverloaded), 429);
  EXPECT_EQ(status(ErrorCode::kCancelled), 499);
  EXPECT_EQ(status(ErrorCode::kInternal), 500);
  EXPECT_EQ(status(ErrorCode::kUnavailable), 503);
  EXPECT_EQ(status(ErrorCode::kDeadlineExceeded), 504);
}

TEST(ErrorTest, TheServersOwnFailuresTellNothingOfItsInside) {
  const ApiError error = to_api_error(Error{ErrorCode::kUnavailable, "/data/kith.db is locked"});
  EXPECT_EQ(error.message.find("kith.db"), std::string::npos);
  EXPECT_EQ(to_api_error(Error{ErrorCode::kInvalidArgument, "n is 0"}).message, "n is 0");
}

TEST(ValidIdTest, AcceptsUtf8WithoutControlCharacters) {
  EXPECT_TRUE(is_valid_id("anna@example.com"));
  EXPECT_TRUE(is_valid_id("用户 1"));
  EXPECT_FALSE(is_valid_id(""));
  EXPECT_FALSE(is_valid_id("a\nb"));
  EXPECT_FALSE(is_valid_id(std::string_view("a\0b", 3)));
  EXPECT_FALSE(is_valid_id("\xC0\xAF"));
  EXPECT_FALSE(is_valid_id("\xED\xA0\x80"));
  EXPECT_FALSE(is_valid_id("\xE4\xB8"));
  EXPECT_TRUE(is_valid_id(std::string(256, 'x')));
  EXPECT_FALSE(is_valid_id(std::string(257, 'x')));
}

TEST(FeedbackTest, ReadsOneAndMany) {
  const auto one = parse_feedback(
      R"({"decision":"d","user":"u","key":"k","signals":[{"kind":"thumb","value":"down",)"
      R"("at":"2026-03-01T00:00:01Z"},{"kind":"reply","value":"thanks","at":5}]})");
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_FALSE(one->is_batch);
  EXPECT_EQ(one->items[0].signals[0].value, -1.0);
  EXPECT_EQ(one->items[0].signals[0].at_micros, 1'772'323'201'000'000);
  EXPECT_EQ(one->items[0].signals[1].text, "thanks");
  EXPECT_EQ(one->items[0].signals[1].at_micros, 5'000'000);
  const auto many =
      parse_feedback(R"({"batch":[{"completion":"c","signals":[{"kind":"rating","value":4}]},)"
                     R"({"decision":"d","signals":[{"kind":"accepted","value":false}]}]})");
  ASSERT_TRUE(many) << many.error().message;
  EXPECT_TRUE(many->is_batch);
  EXPECT_EQ(many->items[0].completion, "c");
  EXPECT_EQ(many->items[1].signals[0].value, 0.0);
}

TEST(FeedbackTest, NamesTheMemberThatIsWrong) {
  const auto param = [](const std::string& body) {
    const auto feedback = parse_feedback(body);
    return feedback ? "accepted" : feedback.error().param;
  };
  EXPECT_EQ(param(R"({"signals":[{"kind":"a","value":1}]})"), "decision");
  EXPECT_EQ(param(R"({"decision":"d"})"), "signals");
  EXPECT_EQ(param(R"({"decision":"d","signals":[{"value":1}]})"), "signals[0].kind");
  EXPECT_EQ(param(R"({"decision":"d","signals":[{"kind":"a"}]})"), "signals[0].value");
  EXPECT_EQ(param(R"({"decision":"d","signals":[{"kind":"a","value":1,"at":"soon"}]})"),
            "signals[0].at");
  EXPECT_EQ(param(R"({"decision":"d","signals":[{"kind":"a","value":1,"at":253402300800}]})"),
            "signals[0].at");
  EXPECT_EQ(param(R"({"batch":[{"decision":"d","signals":[7]}]})"), "batch[0].signals[0]");
  EXPECT_EQ(param(R"({"batch":[]})"), "batch");
}

TEST(UserUpdateTest, FlattensAttributesAndReadsConsent) {
  const auto update = parse_user_update(
      R"({"id":"u","attributes":{"role":"nurse","address":{"city":"Leeds"},"years":3},)"
      R"("consent":{"learn":false}})");
  ASSERT_TRUE(update) << update.error().message;
  EXPECT_EQ(update->attributes->at("address.city"), "Leeds");
  EXPECT_EQ(update->attributes->at("years"), "3");
  EXPECT_FALSE(update->consent.at("learn"));
  EXPECT_FALSE(parse_user_update(R"({"consent":{"learn":false}})")->attributes.has_value());
  EXPECT_EQ(parse_user_update(R"({"attribute":{}})").error().param, "attribute");
  EXPECT_EQ(parse_user_update(R"({"consent":{"learn":"no"}})").error().param, "consent");
  EXPECT_EQ(parse_user_update(R"({"attributes":{"a":[1]}})").error().param, "attributes.a");
}

TEST(RecordsTest, AnOrderForAnAdapterHoldsNoControlCharacters) {
  const auto param_of = [](const char* body) { return parse_load_adapter(body).error().param; };
  EXPECT_EQ(param_of(R"({"lora_name":"a","lora_path":"a\u0000/../b"})"), "lora_path");
  EXPECT_EQ(param_of(R"({"lora_name":"a","lora_path":"a\nb"})"), "lora_path");
  EXPECT_EQ(param_of(R"({"lora_name":"a","lora_path":"a\u007f"})"), "lora_path");
  EXPECT_EQ(param_of(R"({"lora_name":"a\u001b","lora_path":"a"})"), "lora_name");
  EXPECT_TRUE(parse_load_adapter(R"({"lora_name":"a","lora_path":"b/ü c"})"));
}

TEST(RecordsTest, AdaptersNameTheirParent) {
  const base::Json body = parsed(models_body({{"base", 1, "kith", ""}, {"a", 1, "kith", "base"}}));
  EXPECT_EQ(body["object"], "list");
  EXPECT_TRUE(body["data"][0]["parent"].is_null());
  EXPECT_EQ(body["data"][1]["parent"], "base");
}

TEST(RecordsTest, DamagedStoredJsonIsLeftOut) {
  DecisionView decision;
  decision.id = "d";
  decision.document = "{broken";
  EXPECT_FALSE(parsed(decision_body(decision)).contains("decision"));
}

TEST(OpenapiTest, IsValidJsonWhoseReferencesResolve) {
  const std::string text = openapi_document();
  const base::Json document = parsed(text);
  EXPECT_EQ(document["openapi"], "3.1.0");
  const std::string mark = "\"$ref\":\"#";
  int num_references = 0;
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
    const std::size_t start = at + mark.size();
    const base::Json::json_pointer pointer(text.substr(start, text.find('"', start) - start));
    EXPECT_TRUE(document.contains(pointer)) << pointer.to_string();
    ++num_references;
  }
  EXPECT_GT(num_references, 20);
}

}  // namespace
}  // namespace kith::api
