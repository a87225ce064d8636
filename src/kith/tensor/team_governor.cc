#include "kith/tensor/team_governor.h"

#include <algorithm>
#include <ctime>

#include "kith/tensor/team.h"

namespace kith::tensor {
namespace {

using namespace std::chrono_literals;

// Steps are judged together: one can be interrupted on the quietest machine.
constexpr TeamGovernor::Duration kWindow = 30ms;
// Members of a team with cores of their own run nearly all the time, spinning where they wait.
constexpr double kEnough = 0.55;
constexpr TeamGovernor::Duration kShortestRest = 250ms;
constexpr TeamGovernor::Duration kLongestRest = 4s;

// That the calling thread has run since it began.
TeamGovernor::Duration running_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

TeamGovernor::Duration now() { return std::chrono::steady_clock::now().time_since_epoch(); }

}  // namespace

void TeamGovernor::record(Duration took, double least_share) {
  if (most_ == 1) return;
  took_ += took;
  running_ += least_share * static_cast<double>(took.count());
  if (members_ < most_) rested_ += took;
  if (took_ >= kWindow) {
    const double share = running_ / static_cast<double>(took_.count());
    took_ = Duration(0);
    running_ = 0.0;
    judge(share);
  }
}

void TeamGovernor::judge(double share) {
  if (share < kEnough && members_ > 1) {
    rest_ = std::clamp(2 * rest_, kShortestRest, kLongestRest);
    set_members(members_ / 2);
  } else if (members_ == most_) {
    rest_ = Duration(0);
  } else if (rested_ >= rest_) {
    set_members(std::min(most_, 2 * members_));
  }
}

void TeamGovernor::set_members(int members) {
  members_ = members;
  rested_ = Duration(0);
}

void MemberTimes::start() {
  spans_[static_cast<std::size_t>(team_rank())] = {-now(), -running_time()};
}

void MemberTimes::stop() {
  Span& span = spans_[static_cast<std::size_t>(team_rank())];
  span.took += now();
  span.running += running_time();
}

double MemberTimes::least_share() const {
  double least = 1.0;
  for (const Span& span : spans_) {
    if (span.took.count() <= 0) continue;  // OpenMP gave fewer threads than asked for
    least = std::min(least, std::chrono::duration<double>(span.running) / span.took);
  }
  return std::max(least, 0.0);
}

}  // namespace kith::tensor
