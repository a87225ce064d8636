#include "kith/tuning/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kith::tuning {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

RecipeTemplate::Parts parts() {
  return {.base_model = "models/base",
          .init_adapter = {},
          .data = "data",
          .output = "run",
          .data_tokens = 100'000,
          .has_valid_latest = true};
}

TEST(RecipeTest, EpochsBecomeStepsOfTheData) {
  const auto recipe = RecipeTemplate::standard();
  EXPECT_EQ(recipe.sequence(), 1024);
  // Three passes over 100,000 tokens in steps of 4,096.
  EXPECT_EQ(recipe.steps_for(100'000), 74);
  EXPECT_EQ(recipe.steps_for(10), 20);
  EXPECT_EQ(recipe.steps_for(1'000'000'000), 2000);
  const std::string text = recipe.complete(parts());
  EXPECT_THAT(text, HasSubstr("steps = 74"));
  EXPECT_THAT(text, Not(HasSubstr("epochs")));
  EXPECT_THAT(text, HasSubstr("valid_latest.jsonl"));
  EXPECT_EQ(text, recipe.complete(parts()));
}

TEST(RecipeTest, AnAdapterToStartFromKeepsItsShape) {
  auto with_start = parts();
  with_start.init_adapter = "adapters/use_case/v1";
  with_start.has_valid_latest = false;
  const std::string text = RecipeTemplate::standard().complete(with_start);
  EXPECT_THAT(text, HasSubstr("init_adapter"));
  EXPECT_THAT(text, Not(HasSubstr("rank")));
  EXPECT_THAT(text, Not(HasSubstr("valid_latest")));
}

TEST(RecipeTest, AnOperatorsBudgetHolds) {
  const auto recipe = RecipeTemplate::parse("[run]\nsteps = 7\nbatch_tokens = 256\n", "r.toml");
  ASSERT_TRUE(recipe) << recipe.error().message;
  EXPECT_EQ(recipe->steps_for(1'000'000), 7);
  EXPECT_EQ(recipe->batch_tokens(), 256);
}

TEST(RecipeTest, StepsAndSeedByHandStandInPlaceOfTheRecipes) {
  for (const char* text : {"[run]\nepochs = 2", "[run]\nsteps = 90", "[run]\nminutes = 3.0"}) {
    auto recipe = *RecipeTemplate::parse(text, "r.toml");
    ASSERT_TRUE(recipe.set_steps(12));
    recipe.set_seed(41);
    EXPECT_THAT(recipe.complete(parts()), HasSubstr("seed = 41"));
    EXPECT_EQ(recipe.steps_for(1'000'000), 12);
    EXPECT_THAT(recipe.complete(parts()), HasSubstr("steps = 12"));
    EXPECT_THAT(recipe.complete(parts()), Not(HasSubstr("minutes")));
    EXPECT_EQ(recipe.set_steps(0).error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(RecipeTest, WhatThePipelineSetsIsRefused) {
  for (const char* text : {"output = 'x'", "init = 'x'", "init_adapter = 'x'", "data = []",
                           "[run]\nepochs = 0", "lora = 3", "not toml"}) {
    const auto recipe = RecipeTemplate::parse(text, "r.toml");
    ASSERT_FALSE(recipe) << text;
    EXPECT_EQ(recipe.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(recipe.error().message, HasSubstr("r.toml"));
  }
}

}  // namespace
}  // namespace kith::tuning
