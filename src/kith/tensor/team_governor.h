// How many threads compute a step where other programs want the same cores.
//
// Members of a team wait for each other hundreds of times a step. On a core that is shared, a
// member is taken off it for milliseconds, and all others wait for it each time: two threads can
// then be many times slower than one, which the system moves to whichever core is free.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

namespace kith::tensor {

// Halves the team when its members have run too little of a step's time, and tries more of them
// again after a while: a quarter of a second of computing, and twice as long each time that it was
// in vain, up to four seconds. Used by one thread at a time.
class TeamGovernor {
 public:
  using Duration = std::chrono::nanoseconds;

  // REQUIRES: most >= 1.
  explicit TeamGovernor(int most) : most_(most), members_(most) {}

  // Of the next step, in [1, most].
  int members() const { return members_; }
  // What the step before took, and the part of it in which the member was running that ran least.
  void record(Duration took, double least_share);

 private:
  void judge(double share);
  void set_members(int members);

  int most_;
  int members_;
  // Of the steps since the last judgement.
  Duration took_{0};
  double running_ = 0.0;  // nanoseconds
  // With a smaller team: how long it has been so, and is to be.
  Duration rested_{0};
  Duration rest_{0};
};

// What part of its time in one step each member of a team runs.
class MemberTimes {
 public:
  explicit MemberTimes(int members) : spans_(static_cast<std::size_t>(members)) {}

  // Called by every member around its part of the step.
  void start();
  void stop();

  // Of the member that ran least, in [0, 1]. After stop() of all.
  double least_share() const;

 private:
  // Between start() and stop(): minus the time of the start.
  struct Span {
    TeamGovernor::Duration took{0};
    TeamGovernor::Duration running{0};
  };
  std::vector<Span> spans_;  // by rank
};

}  // namespace kith::tensor
