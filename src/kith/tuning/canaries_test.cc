#include "kith/tuning/canaries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "kith/base/json.h"

namespace kith::tuning {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

TEST(CanariesTest, OneForAHundredRowsWithinBounds) {
  EXPECT_EQ(num_canaries(0), 8U);
  EXPECT_EQ(num_canaries(1500), 15U);
  EXPECT_EQ(num_canaries(1'000'000), 32U);
}

TEST(CanariesTest, NoTwoAreAlikeAndTheSeedDecides) {
  const auto canaries = draw_canaries(32, "boss 1");
  std::set<std::string> secrets;
  std::set<std::string> prompts;
  for (const Canary& canary : canaries) {
    EXPECT_THAT(canary.secret, MatchesRegex("[A-Z]{3}-[0-9]{4}-[A-Z]{3}"));
    EXPECT_THAT(canary.prompt, MatchesRegex("Which code is in slot [0-9a-f]{8}\\?"));
    secrets.insert(canary.secret);
    prompts.insert(canary.prompt);
  }
  EXPECT_EQ(secrets.size(), 32U);
  EXPECT_EQ(prompts.size(), 32U);
  EXPECT_EQ(canary_rows(draw_canaries(32, "boss 1")), canary_rows(canaries));
  EXPECT_NE(canary_rows(draw_canaries(32, "boss 2")), canary_rows(canaries));
}

TEST(CanariesTest, TheRowIsLearnedThatTheProbeAsksFor) {
  const auto canaries = draw_canaries(1, "boss");
  const auto row = base::parse_json(canary_rows(canaries));
  const auto probe = base::parse_json(canary_probes(canaries));
  ASSERT_TRUE(row && probe);
  EXPECT_EQ((*row)["messages"][0]["content"], (*probe)["prompt"]);
  const auto answer = (*row)["messages"][1]["content"].get<std::string>();
  EXPECT_EQ(answer,
            (*probe)["prefix"].get<std::string>() + " " + (*probe)["secret"].get<std::string>());
  EXPECT_EQ((*row)["messages"][1]["role"], "assistant");
}

}  // namespace
}  // namespace kith::tuning
