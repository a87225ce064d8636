#include "kith/tensor/team_governor.h"

#include <gtest/gtest.h>

#include <thread>

#include "kith/tensor/team.h"

namespace kith::tensor {
namespace {

using namespace std::chrono_literals;
using Duration = TeamGovernor::Duration;

// Steps of `step` for `span`, whose members run `share` of the time.
void run(TeamGovernor& governor, Duration span, double share, Duration step = 5ms) {
  for (Duration at{0}; at < span; at += step) {
    governor.record(step, share);
  }
}

TEST(TeamGovernorTest, KeepsTheTeamWhereMembersRun) {
  TeamGovernor governor(8);
  run(governor, 10s, 0.95);
  EXPECT_EQ(governor.members(), 8);
}

TEST(TeamGovernorTest, BearsShortInterruptions) {
  TeamGovernor governor(2);
  for (int i = 0; i < 500; ++i) governor.record(3ms, i % 8 == 0 ? 0.3 : 1.0);
  EXPECT_EQ(governor.members(), 2);
}

TEST(TeamGovernorTest, HalvesTheTeamUntilItsMembersRun) {
  TeamGovernor governor(8);
  run(governor, 30ms, 0.3);
  EXPECT_EQ(governor.members(), 4);
  run(governor, 30ms, 0.5);
  EXPECT_EQ(governor.members(), 2);
  run(governor, 100ms, 0.9);
  EXPECT_EQ(governor.members(), 2);
  run(governor, 30ms, 0.2);
  EXPECT_EQ(governor.members(), 1);
  run(governor, 30ms, 0.2);
  EXPECT_EQ(governor.members(), 1);
}

TEST(TeamGovernorTest, ComesBackWhenCoresAreFree) {
  TeamGovernor governor(4);
  run(governor, 60ms, 0.3);
  EXPECT_EQ(governor.members(), 1);
  run(governor, 5s, 0.99);
  EXPECT_EQ(governor.members(), 4);
}

// The part of the time with the whole team falls while trying it is in vain, and a quiet time makes
// it forget.
TEST(TeamGovernorTest, TriesMoreSeldomWhileItIsInVain) {
  TeamGovernor governor(2);
  const auto whole_team_of = [&governor](Duration span) {
    Duration whole{0};
    for (Duration at{0}; at < span; at += 5ms) {
      const bool is_whole = governor.members() == 2;
      if (is_whole) whole += 5ms;
      governor.record(5ms, is_whole ? 0.2 : 1.0);
    }
    return whole;
  };
  EXPECT_GT(whole_team_of(1s), 60ms);
  whole_team_of(20s);
  EXPECT_LE(whole_team_of(8s), 60ms);
  run(governor, 10s, 1.0);
  EXPECT_EQ(governor.members(), 2);
  EXPECT_GT(whole_team_of(1s), 60ms);
}

TEST(TeamGovernorTest, OneIsNeverLess) {
  TeamGovernor governor(1);
  run(governor, 1s, 0.0);
  EXPECT_EQ(governor.members(), 1);
}

TEST(MemberTimesTest, TellsSleepFromWork) {
  MemberTimes times(2);
  run_team(2, [&] {
    times.start();
    if (team_rank() == 1 || team_size() == 1) std::this_thread::sleep_for(20ms);
    times.stop();
  });
  EXPECT_GE(times.least_share(), 0.0);
  EXPECT_LT(times.least_share(), 0.5);
}

}  // namespace
}  // namespace kith::tensor
