#include "kith/model/memory_matrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace kith::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string error_of(std::vector<float> values, int width) {
  const auto matrix = MemoryMatrix::create(std::move(values), width);
  return matrix ? "no error" : matrix.error().message;
}

TEST(MemoryMatrixTest, RowsAreThoseGiven) {
  const auto matrix = MemoryMatrix::create({1, 2, 3, 4, 5, 6}, 3);
  ASSERT_TRUE(matrix);
  EXPECT_EQ((*matrix)->rows(), 2);
  EXPECT_EQ((*matrix)->width(), 3);
  EXPECT_THAT((*matrix)->values(), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(MemoryMatrixTest, VersionAndKeyAreThoseOfShapeAndValues) {
  const auto of = [](std::vector<float> values, int width) {
    const auto matrix = *MemoryMatrix::create(std::move(values), width);
    return std::pair(matrix->version(), matrix->key());
  };
  EXPECT_EQ(of({1, 2, 3, 4}, 2), of({1, 2, 3, 4}, 2));
  for (const auto& other : {of({1, 2, 3, 4}, 4), of({1, 2, 3, 5}, 2), of({1, 2}, 2)}) {
    EXPECT_NE(of({1, 2, 3, 4}, 2).first, other.first);
    EXPECT_NE(of({1, 2, 3, 4}, 2).second, other.second);
  }
}

TEST(MemoryMatrixTest, RefusesWhatIsNoMatrixOfNumbers) {
  EXPECT_THAT(error_of({}, 3), HasSubstr("rows of 3 values: 0"));
  EXPECT_THAT(error_of({1, 2}, 0), HasSubstr("rows of 0 values"));
  EXPECT_THAT(error_of({1, 2}, 3), HasSubstr("rows of 3 values: 2"));
  EXPECT_THAT(error_of({1, NAN}, 2), HasSubstr("finite"));
  EXPECT_THAT(error_of({1, INFINITY}, 2), HasSubstr("finite"));
}

TEST(MemoryMatrixTest, HoldsUpTo512Rows) {
  EXPECT_EQ(error_of(std::vector<float>(512 * 3), 3), "no error");
  EXPECT_THAT(error_of(std::vector<float>(513 * 3), 3), HasSubstr("at most 512 rows: 513"));
}

}  // namespace
}  // namespace kith::model
