#include "kith/persona/mixture.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "kith/base/rng.h"
#include "kith/persona/categorical_view.h"
#include "kith/persona/digamma.h"
#include "kith/persona/gaussian_view.h"

namespace kith::persona {
namespace {

std::vector<std::size_t> first(std::size_t count) {
  std::vector<std::size_t> users(count);
  std::iota(users.begin(), users.end(), std::size_t{0});
  return users;
}

// scipy.special.digamma.
TEST(DigammaTest, AgreesWithTheReference) {
  EXPECT_NEAR(digamma(0.1), -10.423754940411076, 1e-9);
  EXPECT_NEAR(digamma(0.5), -1.9635100260214235, 1e-9);
  EXPECT_NEAR(digamma(1.0), -0.5772156649015329, 1e-9);
  EXPECT_NEAR(digamma(5.5), 1.611093148581751, 1e-9);
  EXPECT_NEAR(digamma(100.0), 4.600161852738088, 1e-9);
}

// With one cluster the bound is the evidence itself: here the Dirichlet-multinomial probability of
// three and one, from its closed form.
TEST(MixtureTest, OneClustersCriterionIsTheEvidenceOfCategories) {
  MixtureViews views;
  views.push_back(std::make_unique<CategoricalView>(
      "a", 2,
      std::vector<ValueWeights>{{{0U, 1.0F}}, {{0U, 1.0F}}, {{0U, 1.0F}}, {{1U, 1.0F}}, {}}));
  const auto mixture = Mixture::fit(views, first(5), {.max_clusters = 1});
  ASSERT_EQ(mixture.criterion().size(), 1U);
  EXPECT_NEAR(mixture.criterion()[0], -3.2425923514855164, 1e-9);
}

// The closed form of the normal-gamma evidence of 1, 2 and -1.
TEST(MixtureTest, OneClustersCriterionIsTheEvidenceOfVectors) {
  MixtureViews views;
  views.push_back(std::make_unique<GaussianView>("v",
                                                 UserVectors{.dimensions = 1,
                                                             .values = {1.0F, 2.0F, -1.0F, 100.0F},
                                                             .known = {true, true, true, false}},
                                                 1.0));
  const auto mixture = Mixture::fit(views, first(4), {.max_clusters = 1});
  EXPECT_NEAR(mixture.criterion()[0], -7.105657643596247, 1e-9);
}

// Three groups by two attributes and a vector; a third attribute and a dimension are noise.
struct Crowd {
  MixtureViews views;
  std::vector<std::size_t> truth;
};

Crowd make_crowd(std::size_t num_users, std::size_t num_groups, std::uint64_t seed) {
  base::Rng rng(seed);
  Crowd crowd;
  std::vector<std::vector<ValueWeights>> attributes(3, std::vector<ValueWeights>(num_users));
  UserVectors vectors{.dimensions = 2, .values = {}, .known = {}};
  for (std::size_t i = 0; i < num_users; ++i) {
    const std::size_t group = rng.below(num_groups);
    crowd.truth.push_back(group);
    for (std::size_t a = 0; a < 3; ++a) {
      const bool is_typical = a < 2 && rng.uniform() < 0.9;
      const std::size_t value = is_typical ? group : rng.below(5);
      // One attribute in ten is missing.
      if (rng.uniform() < 0.9) {
        attributes[a][i] = {{static_cast<std::uint32_t>(value), 1.0F}};
      }
    }
    const double center = 1.5 * (static_cast<double>(group) - 1.0);
    vectors.values.push_back(static_cast<float>(center + rng.uniform() - 0.5));
    vectors.values.push_back(static_cast<float>(2.0 * rng.uniform() - 1.0));
    vectors.known.push_back(rng.uniform() < 0.9);
  }
  for (std::size_t a = 0; a < 3; ++a) {
    crowd.views.push_back(
        std::make_unique<CategoricalView>("a" + std::to_string(a), 5, attributes[a]));
  }
  crowd.views.push_back(std::make_unique<GaussianView>("v", std::move(vectors), 0.5));
  return crowd;
}

std::vector<std::size_t> clusters_of(const Mixture& mixture, std::span<const std::size_t> users) {
  const ClusterMatrix scores = mixture.score(users);
  std::vector<std::size_t> clusters;
  for (std::size_t i = 0; i < users.size(); ++i) {
    const auto row = scores.row(i);
    clusters.push_back(
        static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin()));
  }
  return clusters;
}

// Share of pairs on which the two agree whether they belong together.
double agreement(const std::vector<std::size_t>& a, const std::vector<std::size_t>& b) {
  double right = 0.0;
  double pairs = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      right += (a[i] == a[j]) == (b[i] == b[j]) ? 1.0 : 0.0;
      pairs += 1.0;
    }
  }
  return right / pairs;
}

TEST(MixtureTest, FindsTheGroupsAndTheirNumber) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    const Crowd crowd = make_crowd(200, 3, seed);
    const auto mixture = Mixture::fit(crowd.views, first(200), {.restarts = 5});
    EXPECT_EQ(mixture.num_clusters(), 3U) << seed;
    EXPECT_GT(agreement(clusters_of(mixture, first(200)), crowd.truth), 0.98) << seed;
  }
}

TEST(MixtureTest, FindsOneGroupWhereThereIsOne) {
  const Crowd crowd = make_crowd(200, 1, 4);
  EXPECT_EQ(Mixture::fit(crowd.views, first(200), {.restarts = 5}).num_clusters(), 1U);
}

TEST(MixtureTest, AssignsUsersWhoDidNotTeach) {
  const Crowd crowd = make_crowd(260, 3, 5);
  const auto mixture = Mixture::fit(crowd.views, first(200), {.restarts = 5});
  std::vector<std::size_t> others(60);
  std::iota(others.begin(), others.end(), std::size_t{200});
  const std::vector<std::size_t> truth(crowd.truth.begin() + 200, crowd.truth.end());
  EXPECT_GT(agreement(clusters_of(mixture, others), truth), 0.97);
}

TEST(MixtureTest, TheSameSeedGivesTheSameBits) {
  const Crowd crowd = make_crowd(120, 3, 6);
  const auto one = Mixture::fit(crowd.views, first(120), {.restarts = 3, .seed = 9});
  const auto criterion = one.criterion();
  const auto clusters = clusters_of(one, first(120));
  const auto again = Mixture::fit(crowd.views, first(120), {.restarts = 3, .seed = 9});
  EXPECT_EQ(criterion, again.criterion());
  EXPECT_EQ(clusters, clusters_of(again, first(120)));
}

}  // namespace
}  // namespace kith::persona
