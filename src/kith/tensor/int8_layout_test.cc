#include "kith/tensor/int8_layout.h"

#include <gtest/gtest.h>

#include "kith/base/rng.h"

namespace kith::tensor {
namespace {

std::vector<std::int8_t> random_rows(int in, int out) {
  base::Rng rng(7);
  std::vector<std::int8_t> rows(int8_bytes(Int8Layout::kRows, in, out));
  for (std::int8_t& value : rows) {
    value = static_cast<std::int8_t>(static_cast<int>(rng.below(255)) - 127);
  }
  return rows;
}

TEST(Int8LayoutTest, PutsAnElementWhereTheLayoutSays) {
  std::vector<std::int8_t> rows(3 * 130);
  rows[2 * 130 + 71] = 5;
  const auto blocked = to_blocked(rows, 130, 3);
  ASSERT_EQ(blocked.size(), 64U * 192U);
  // Input 71 is in the second block of 64: group 1 of it, third of the group; output 2.
  EXPECT_EQ(blocked[64 * 64 + 1 * 64 * 4 + 2 * 4 + 3], 5);
}

TEST(Int8LayoutTest, ComesBackFromBlocks) {
  for (const auto& [in, out] : {std::pair{64, 64}, {128, 200}, {33, 65}, {1, 1}, {130, 3}}) {
    const auto rows = random_rows(in, out);
    const auto blocked = to_blocked(rows, in, out);
    EXPECT_EQ(to_rows(blocked, in, out), rows);
    std::vector<std::int8_t> row(static_cast<std::size_t>(in));
    std::vector<std::int8_t> expected(row.size());
    for (int i = 0; i < out; ++i) {
      read_int8_row(Int8Layout::kBlocked, blocked, i, row);
      read_int8_row(Int8Layout::kRows, rows, i, expected);
      EXPECT_EQ(row, expected);
    }
  }
}

}  // namespace
}  // namespace kith::tensor
