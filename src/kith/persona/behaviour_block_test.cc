#include "kith/persona/behaviour_block.h"

#include <gtest/gtest.h>

#include <numeric>

#include "kith/base/rng.h"
#include "kith/persona/discovery.h"

namespace kith::persona {
namespace {

std::vector<std::size_t> first(std::size_t count) {
  std::vector<std::size_t> users(count);
  std::iota(users.begin(), users.end(), std::size_t{0});
  return users;
}

DiscoveryUser user_with(std::vector<float> behaviour) {
  DiscoveryUser user;
  user.behaviour = std::move(behaviour);
  return user;
}

TEST(BehaviourBlockTest, KnowsWhoHasAVector) {
  BehaviourBlock block({});
  ASSERT_TRUE(block.add(user_with({})));
  ASSERT_TRUE(block.add(user_with({1.0F, 0.0F})));
  ASSERT_TRUE(block.add(user_with({0.0F, 1.0F})));
  ASSERT_TRUE(block.add(user_with({})));
  const MixtureViews views = block.finish(first(4));
  ASSERT_EQ(views.size(), 1U);
  EXPECT_EQ(views[0]->name(), "behaviour");
  EXPECT_FALSE(views[0]->knows(0));
  EXPECT_TRUE(views[0]->knows(1));
  EXPECT_TRUE(views[0]->knows(2));
  EXPECT_FALSE(views[0]->knows(3));
}

TEST(BehaviourBlockTest, HasNoViewOfUsersWhoDoNotDiffer) {
  BehaviourBlock none({});
  ASSERT_TRUE(none.add(user_with({})));
  EXPECT_TRUE(none.finish(first(1)).empty());
  BehaviourBlock equal({});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(equal.add(user_with({0.6F, 0.8F})));
  EXPECT_TRUE(equal.finish(first(3)).empty());
}

TEST(BehaviourBlockTest, RefusesVectorsOfAnotherEncoder) {
  BehaviourBlock block({});
  ASSERT_TRUE(block.add(user_with({1.0F, 0.0F})));
  const auto status = block.add(user_with({1.0F}));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
}

// Three kinds of users who differ in nothing but what they did.
TEST(BehaviourBlockTest, GroupsAreFoundByBehaviourAlone) {
  const text::PiiRedactor redactor;
  DiscoveryOptions options;
  options.floor = 5;
  auto discovery = PersonaDiscovery::create(options, nullptr, nullptr, redactor);
  ASSERT_TRUE(discovery);
  base::Rng rng(3);
  constexpr std::size_t kUsers = 90;
  for (std::size_t i = 0; i < kUsers; ++i) {
    std::vector<float> vector(6);
    for (float& value : vector) value = static_cast<float>(0.2 * (rng.uniform() - 0.5));
    vector[i % 3] += 1.0F;
    DiscoveryUser user = user_with(vector);
    user.id = UserId("u" + std::to_string(i));
    ASSERT_TRUE(discovery->add(user));
  }
  const auto found = discovery->finish();
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->views, std::vector<std::string>{"behaviour"});
  ASSERT_EQ(found->proposals.size(), 3U);
  for (std::size_t i = 3; i < kUsers; ++i) EXPECT_EQ(found->group_of[i], found->group_of[i % 3]);
}

}  // namespace
}  // namespace kith::persona
