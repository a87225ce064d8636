#include "kith/eval/rand_index.h"

#include <gtest/gtest.h>

#include <vector>

namespace kith::eval {
namespace {

using Groups = std::vector<std::size_t>;

// Values of scikit-learn 1.x, sklearn.metrics.adjusted_rand_score.
TEST(RandIndexTest, AgreesWithTheReference) {
  EXPECT_NEAR(adjusted_rand_index(Groups{0, 0, 1, 1, 2, 2}, Groups{0, 0, 1, 2, 2, 2}),
              0.4444444444444444, 1e-12);
  EXPECT_NEAR(adjusted_rand_index(Groups{0, 0, 0, 1, 1, 1}, Groups{0, 1, 2, 0, 1, 2}),
              -0.36363636363636365, 1e-12);
  EXPECT_NEAR(adjusted_rand_index(Groups{0, 0, 1, 2}, Groups{0, 0, 1, 1}), 0.5714285714285714,
              1e-12);
}

TEST(RandIndexTest, NamesOfGroupsDoNotMatter) {
  EXPECT_EQ(adjusted_rand_index(Groups{0, 0, 1, 2}, Groups{7, 7, 3, 0}), 1.0);
}

TEST(RandIndexTest, TrivialGroupingsAgreeWithThemselvesOnly) {
  EXPECT_EQ(adjusted_rand_index(Groups{0, 0, 0}, Groups{1, 1, 1}), 1.0);
  EXPECT_EQ(adjusted_rand_index(Groups{0, 1, 2}, Groups{2, 1, 0}), 1.0);
  EXPECT_EQ(adjusted_rand_index(Groups{0, 0, 0, 0}, Groups{0, 1, 2, 3}), 0.0);
}

}  // namespace
}  // namespace kith::eval
