#include "kith/model/module_pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace kith::model {
namespace {

using testing::HasSubstr;

constexpr const char* kModule = "model.layers.12.self_attn.q_proj";

bool matches(std::string_view key, std::string_view module = kModule) {
  const auto pattern = ModulePattern::create(key);
  EXPECT_TRUE(pattern) << pattern.error().message;
  const auto found = pattern ? pattern->matches(module) : Result<bool>(false);
  EXPECT_TRUE(found) << found.error().message;
  return found && *found;
}

// What Python says of re.match(r"(.*\.)?(KEY)$", kModule).
TEST(ModulePatternTest, MatchesPathsAndTheirEndsAsPythonDoes) {
  for (const char* key : {"q_proj", "self_attn.q_proj", "model.layers.12.self_attn.q_proj",
                          "layers.12.self.attn.q_proj", "^model.layers.12.self_attn.q_proj",
                          "[qk]_proj", "q_proj|k_proj", R"(layers\.\d+\..*)", ".*", "(?:.*q)_proj",
                          "(?=q)q_proj", "(?P<letter>[a-z])_proj", R"(1\d\.self_attn\.\w_proj)"}) {
    EXPECT_TRUE(matches(key)) << key;
  }
  for (const char* key :
       {"proj", "_proj", "k_proj", "layers", "12", "2.self_attn.q_proj", "^self_attn.q_proj",
        "^q_proj", "q_proj.", "model.model.layers.12.self_attn.q_proj", "(?!q).*_proj_",
        R"(\.q_proj)", R"(layers\.1\..*)"}) {
    EXPECT_FALSE(matches(key)) << key;
  }
}

TEST(ModulePatternTest, RefusesWhatIsNoPattern) {
  EXPECT_FALSE(ModulePattern::create(""));
  EXPECT_FALSE(ModulePattern::create(std::string(1001, 'q')));
  for (const char* key : {"(", "[", "*q", "q{2,1}", "(?<=.*)q", R"(\C)"}) {
    const auto pattern = ModulePattern::create(key);
    ASSERT_FALSE(pattern) << key;
    EXPECT_THAT(pattern.error().message, HasSubstr(key));
  }
}

TEST(ModulePatternTest, EndsEarlyOnExpressionsThatBacktrackWithoutEnd) {
  for (const char* key :
       {"(.*.*)*[XYZ]", "(.+)+(.+)+(.+)+(.+)+[XYZ]", "(a|.|..|...)*(.?){30}[XYZ]"}) {
    const auto pattern = ModulePattern::create(key);
    ASSERT_TRUE(pattern) << pattern.error().message;
    const auto start = std::chrono::steady_clock::now();
    const auto found = pattern->matches(kModule);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1)) << key;
    ASSERT_FALSE(found) << key;
    EXPECT_THAT(found.error().message, HasSubstr("steps"));
  }
}

TEST(ModuleNumbersTest, TheFirstKeyThatMatchesCounts) {
  ModuleNumbers numbers;
  ASSERT_TRUE(numbers.add("v_proj", 1.0));
  ASSERT_TRUE(numbers.add("q_proj", 2.0));
  ASSERT_TRUE(numbers.add("layers.12.self_attn.q_proj", 3.0));
  ASSERT_TRUE(numbers.add(".*", 4.0));
  EXPECT_EQ(*numbers.find(kModule), 2.0);
  EXPECT_EQ(*numbers.find("model.layers.0.mlp.up_proj"), 4.0);
  EXPECT_EQ(*ModuleNumbers().find(kModule), std::nullopt);
}

TEST(ModuleNumbersTest, NamesAreNotLimitedAndExpressionsAre) {
  ModuleNumbers numbers;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(numbers.add("layers." + std::to_string(i) + ".q_proj", 1.0));
  }
  for (int i = 0; i < ModuleNumbers::kMaxExpressions; ++i) ASSERT_TRUE(numbers.add("[a]", 1.0));
  const auto one_more = numbers.add("[a]", 1.0);
  ASSERT_FALSE(one_more);
  EXPECT_THAT(one_more.error().message, HasSubstr("at most 64"));
}

}  // namespace
}  // namespace kith::model
