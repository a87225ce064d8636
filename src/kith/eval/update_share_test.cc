#include "kith/eval/update_share.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kith/eval/tiny_language_model.h"

namespace kith::eval {
namespace {

GateText chat(const std::string& unit, const std::string& answer) {
  return {unit, {{"user", "what now", {}}, {"assistant", answer, {}}}};
}

std::vector<GateText> repeat(const std::string& name, const std::string& answer) {
  std::vector<GateText> texts;
  for (int i = 0; i < 6; ++i) texts.push_back(chat(name + std::to_string(i), answer));
  return texts;
}

// The base says either sentence; the adapter has learned one of them.
class UpdateShareTest : public ::testing::Test {
 protected:
  UpdateShareTest() {
    data_.own = repeat("own", "please take your time");
    data_.others["brisk"] = repeat("brisk", "do it now");
    data_.off_domain = repeat("off", "boil the egg");
    for (const auto& texts : {data_.own, data_.others["brisk"], data_.off_domain}) {
      model_.train("", texts);
    }
    model_.train("calm", data_.own, 4);
  }

  UpdateShare choose(const UpdateShareOptions& options) {
    const auto chosen =
        choose_update_share(data_, {AdapterId("calm"), AdapterId()}, model_, options);
    EXPECT_TRUE(chosen) << chosen.error().message;
    return chosen ? *chosen : UpdateShare{};
  }

  TinyLanguageModel model_;
  GateData data_;
};

TEST_F(UpdateShareTest, TheLargestShareStaysThatOthersAreNotToldWorseBy) {
  const auto chosen = choose({.shares = {1.0, 0.5, 0.02, 0.01}, .limit = 0.03, .most_worse = 0.03});
  EXPECT_DOUBLE_EQ(chosen.share, 0.02);
  ASSERT_EQ(chosen.tried.size(), 3U);
  EXPECT_FALSE(chosen.tried[0].too_much_for.empty());
  EXPECT_GT(chosen.tried[0].change.value, chosen.tried[1].change.value);
  EXPECT_TRUE(chosen.tried[2].too_much_for.empty());
  EXPECT_LT(chosen.own_whole.value, chosen.own.value);
  EXPECT_LT(chosen.own.high, 0.0);
}

TEST_F(UpdateShareTest, TheWholeUpdateStaysThatHarmsNobody) {
  data_.others.clear();
  data_.off_domain = repeat("off", "please take your time");
  const auto chosen = choose({});
  EXPECT_DOUBLE_EQ(chosen.share, 1.0);
  EXPECT_DOUBLE_EQ(chosen.own.value, chosen.own_whole.value);
}

TEST_F(UpdateShareTest, NoShareIsSmallEnoughWhereEveryoneLoses) {
  const auto chosen = choose({.shares = {1.0, 0.5}});
  EXPECT_DOUBLE_EQ(chosen.share, 0.0);
  EXPECT_EQ(chosen.tried.size(), 2U);
}

// Half of them gain and half lose: the mean says little of other texts.
TEST_F(UpdateShareTest, WhatCannotBeToldIsTooMuch) {
  data_.others.clear();
  data_.off_domain = repeat("gains", "please take your time");
  for (const GateText& text : repeat("loses", "boil the egg")) data_.off_domain.push_back(text);
  UpdateShareOptions options{.shares = {1.0}, .limit = -1.0, .most_worse = 10.0};
  const Figure change = choose(options).tried.at(0).change;
  ASSERT_GT(change.high, change.value);
  options.limit = change.high;
  options.doubts = 1.0;
  EXPECT_DOUBLE_EQ(choose(options).share, 1.0);
  options.doubts = 2.0;
  EXPECT_DOUBLE_EQ(choose(options).share, 0.0);
}

TEST_F(UpdateShareTest, AShareOutOfRangeIsRefused) {
  for (const double share : {0.0, 1.5}) {
    const auto chosen =
        choose_update_share(data_, {AdapterId("calm"), AdapterId()}, model_, {.shares = {share}});
    ASSERT_FALSE(chosen);
    EXPECT_EQ(chosen.error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace kith::eval
