#include "kith/timeline/vector_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>

#include "kith/base/rng.h"
#include "kith/timeline/persona_means.h"

namespace kith::timeline {
namespace {

constexpr std::size_t kWidth = 37;  // not a multiple of anything

std::vector<float> random_unit(base::Rng& rng) {
  std::vector<float> vector(kWidth);
  for (float& value : vector) value = static_cast<float>(rng.uniform() - 0.5);
  const float length =
      std::sqrt(std::inner_product(vector.begin(), vector.end(), vector.begin(), 0.0F));
  for (float& value : vector) value /= length;
  return vector;
}

// Against a plain map, through additions, changes and removals.
TEST(VectorIndexTest, FindsTheNearestWhateverWasAddedChangedAndRemoved) {
  base::Rng rng(3);
  VectorIndex index(kWidth);
  std::map<UserId, std::vector<float>> known;
  for (int step = 0; step < 400; ++step) {
    const UserId user("u" + std::to_string(rng.below(60)));
    if (rng.below(4) == 0) {
      index.remove(user);
      known.erase(user);
    } else {
      known[user] = random_unit(rng);
      index.put(user, PersonaId("p"), known[user]);
    }
    ASSERT_EQ(index.size(), known.size());
    if (step % 10 != 0) continue;
    const auto query = random_unit(rng);
    std::vector<std::pair<double, UserId>> expected;
    for (const auto& [id, vector] : known) {
      expected.emplace_back(-std::inner_product(vector.begin(), vector.end(), query.begin(), 0.0),
                            id);
    }
    std::sort(expected.begin(), expected.end());
    const auto found = index.nearest(query, 7);
    ASSERT_EQ(found.size(), std::min<std::size_t>(7, known.size()));
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].user, expected[i].second) << step;
      EXPECT_NEAR(static_cast<double>(found[i].cosine), -expected[i].first, 1e-5);
    }
  }
}

TEST(VectorIndexTest, LeavesOutWhomItIsToldToAndThenLooksFurther) {
  base::Rng rng(4);
  VectorIndex index(kWidth);
  for (int i = 0; i < 90; ++i) {
    index.put(UserId(std::to_string(i)), PersonaId(i < 45 ? "a" : "b"), random_unit(rng));
  }
  const auto query = random_unit(rng);
  const auto all = index.nearest(query, 90);
  const auto some = index.nearest(
      query, 2, [&](const UserId& user) { return user == all[88].user || user == all[77].user; });
  ASSERT_EQ(some.size(), 2U);
  EXPECT_EQ(some[0].user, all[77].user);
  EXPECT_EQ(some[1].user, all[88].user);
  EXPECT_TRUE(index.nearest(query, 0).empty());
}

TEST(VectorIndexTest, MeansAreOverThoseThatAreThere) {
  VectorIndex index(2);
  index.put(UserId("a"), PersonaId("p"), std::vector{1.0F, 0.0F});
  index.put(UserId("b"), PersonaId("p"), std::vector{0.0F, 1.0F});
  index.put(UserId("c"), PersonaId("q"), std::vector{0.0F, -1.0F});
  EXPECT_EQ(index.mean(PersonaId("p")), (std::vector{0.5F, 0.5F}));
  EXPECT_EQ(index.mean(std::vector{UserId("b"), UserId("none")}), (std::vector{0.0F, 1.0F}));
  EXPECT_TRUE(index.mean(PersonaId("none")).empty());
}

storage::EmbeddedUser user_of(const std::string& persona, float first) {
  return {UserId("u"), PersonaId(persona), {"v", 1, {}, 1, {first, 1.0F}, {first, 2.0F}, 1}};
}

TEST(PersonaMeansTest, AMeanIsOverManyUsersOrOverAllOrNone) {
  PersonaMeans means(3);
  means.add(user_of("p", 1.0F));
  means.add(user_of("p", 4.0F));
  EXPECT_FALSE(means.find(PersonaId("p")));
  means.add(user_of("q", 7.0F));
  const auto of_all = means.find(PersonaId("p"));
  ASSERT_TRUE(of_all);
  EXPECT_FALSE(of_all->is_of_persona);
  EXPECT_EQ(of_all->num_users, 3);
  EXPECT_EQ(of_all->latents, (std::vector{4.0F, 2.0F}));
  means.add(user_of("p", 1.0F));
  const auto of_persona = means.find(PersonaId("p"));
  EXPECT_TRUE(of_persona->is_of_persona);
  EXPECT_EQ(of_persona->latents, (std::vector{2.0F, 2.0F}));
  EXPECT_NEAR(of_persona->vector[0], 2.0 / std::sqrt(5.0), 1e-6);
  EXPECT_FALSE(means.find(PersonaId())->is_of_persona);
}

}  // namespace
}  // namespace kith::timeline
