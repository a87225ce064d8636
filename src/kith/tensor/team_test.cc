#include "kith/tensor/team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <vector>

namespace kith::tensor {
namespace {

TEST(TeamTest, SharesCoverEverythingOnce) {
  for (const int threads : {1, 2, 3}) {
    for (const std::size_t count : {0U, 1U, 5U, 64U, 200U}) {
      for (const std::size_t grain : {1U, 64U}) {
        std::vector<int> seen(count);
        run_team(threads, [&] {
          const auto [begin, end] = team_share(count, grain);
          for (std::size_t i = begin; i < end; ++i) ++seen[i];
        });
        EXPECT_EQ(seen, std::vector<int>(count, 1)) << threads << " " << count << " " << grain;
      }
    }
  }
}

TEST(TeamTest, AfterWaitingTheOthersWorkIsThere) {
  constexpr std::size_t kCount = 1000;
  std::vector<int> values(kCount);
  std::atomic<int> wrong{0};
  run_team(3, [&] {
    for (int round = 1; round <= 20; ++round) {
      const auto [begin, end] = team_share(kCount);
      for (std::size_t i = begin; i < end; ++i) values[i] = round;
      team_wait();
      const int sum = std::accumulate(values.begin(), values.end(), 0);
      if (sum != round * static_cast<int>(kCount)) ++wrong;
      team_wait();
    }
  });
  EXPECT_EQ(wrong, 0);
}

TEST(TeamTest, OutsideThereIsATeamOfOne) {
  EXPECT_EQ(team_rank(), 0);
  EXPECT_EQ(team_size(), 1);
  EXPECT_EQ(team_share(7).end, 7U);
  team_wait();
}

}  // namespace
}  // namespace kith::tensor
