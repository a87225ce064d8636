// The threads that compute a step together.
//
// One parallel region holds a whole step: every member of the team calls the same functions with
// the same arguments, does its share of each, and waits where another's work is needed. A region of
// its own for each product costs more than small products leave. A function that works so says
// "called by the whole team"; outside run_team() the caller is a team of one.
//
// The team is OpenMP's, so that oneDNN's primitives, which would open regions of their own, run on
// the calling member alone. In builds without OpenMP (ThreadSanitizer's) it is made of
// HelperThreads.
#pragma once

#include <cstddef>
#include <functional>

namespace kith::tensor {

// Calls `body` on `threads` threads, the caller among them, and returns when all have. What the
// members wrote is visible to the caller then. REQUIRES: threads >= 1; not called from a team.
void run_team(int threads, const std::function<void()>& body);

// Of the calling member, in [0, team_size()).
int team_rank();
int team_size();

// Returns when the whole team has called it; what any member wrote before is visible after.
void team_wait();

// The calling member's part of [0, count), in whole grains but for the last: parts differ by one
// grain at most. The same for the same arguments, so that what follows on the same rows need not
// wait.
struct TeamShare {
  std::size_t begin = 0;
  std::size_t end = 0;
};
TeamShare team_share(std::size_t count, std::size_t grain = 1);

}  // namespace kith::tensor
