#include "kith/api/version_orders.h"

#include <gtest/gtest.h>

namespace kith::api {
namespace {

TEST(VersionOrdersTest, ReadWhatTheySay) {
  const auto order = parse_version_order(R"({"version":3,"reason":"better"})");
  ASSERT_TRUE(order);
  EXPECT_EQ(order->version, 3);
  EXPECT_EQ(order->reason, "better");
  EXPECT_EQ(*parse_rollback(""), "");
  EXPECT_EQ(*parse_rollback(R"({"reason":"worse"})"), "worse");
  const auto trial = parse_trial_order(R"({"version":1,"as":"shadow","share":0.25})");
  ASSERT_TRUE(trial);
  EXPECT_FALSE(trial->is_canary);
  EXPECT_EQ(trial->share, 0.25);
  EXPECT_EQ(parse_trial_order(R"({"version":1,"as":"canary"})")->share, 0.1);
  const auto gate = parse_gate_result(R"({"version":2,"passed":true,"document":{"a":[1]}})");
  ASSERT_TRUE(gate);
  EXPECT_TRUE(gate->passed);
  EXPECT_EQ(gate->document, R"({"a":[1]})");
}

TEST(VersionOrdersTest, NameTheMemberThatIsWrong) {
  const auto param_of = [](const auto& outcome) {
    return outcome ? std::string("no error") : outcome.error().param;
  };
  EXPECT_EQ(param_of(parse_version_order("{}")), "version");
  EXPECT_EQ(param_of(parse_version_order(R"({"version":0})")), "version");
  EXPECT_EQ(param_of(parse_version_order(R"({"version":1.5})")), "version");
  EXPECT_EQ(param_of(parse_version_order(R"({"version":99999999999})")), "version");
  EXPECT_EQ(param_of(parse_version_order(R"({"version":1,"raeson":"x"})")), "raeson");
  EXPECT_EQ(param_of(parse_version_order(R"({"version":1,"reason":5})")), "reason");
  EXPECT_EQ(param_of(parse_trial_order(R"({"version":1})")), "as");
  EXPECT_EQ(param_of(parse_trial_order(R"({"version":1,"as":"live"})")), "as");
  EXPECT_EQ(param_of(parse_trial_order(R"({"version":1,"as":"canary","share":0})")), "share");
  EXPECT_EQ(param_of(parse_trial_order(R"({"version":1,"as":"canary","share":1.5})")), "share");
  EXPECT_EQ(param_of(parse_gate_result(R"({"version":1,"document":{}})")), "passed");
  EXPECT_EQ(param_of(parse_gate_result(R"({"version":1,"passed":true})")), "document");
  EXPECT_FALSE(parse_rollback("[]"));
  EXPECT_FALSE(parse_version_order("{"));
  EXPECT_FALSE(parse_rollback(R"({"reason":")" + std::string(1001, 'x') + "\"}"));
}

}  // namespace
}  // namespace kith::api
