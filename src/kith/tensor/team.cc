#include "kith/tensor/team.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

#if defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if !defined(_OPENMP)
#include "kith/tensor/helper_threads.h"
#endif

namespace kith::tensor {
namespace {

// How often a member looks before it sleeps: members arrive within microseconds of each other
// unless the machine has given one's core away.
constexpr int kSpins = 4000;

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

// Sense-reversing barrier. OpenMP's own makes a system call each time the last member arrives,
// which costs more than a small product's share.
class Barrier {
 public:
  // Called by one, before any waits.
  void set_members(std::uint32_t members) { members_ = members; }

  void wait() {
    const std::uint32_t round = round_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == members_) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      round_.notify_all();
      return;
    }
    for (int i = 0; i < kSpins; ++i) {
      if (round_.load(std::memory_order_acquire) != round) return;
      relax();
    }
    while (round_.load(std::memory_order_acquire) == round) round_.wait(round);
  }

 private:
  std::uint32_t members_ = 1;
  // On cache lines of their own: one is written by all, the other is looked at by all.
  alignas(64) std::atomic<std::uint32_t> arrived_{0};
  alignas(64) std::atomic<std::uint32_t> round_{0};
};

// The team that the calling thread is in.
struct Membership {
  Barrier* barrier = nullptr;
  int rank = 0;
  int size = 1;
};
thread_local Membership membership;

}  // namespace

void run_team(int threads, const std::function<void()>& body) {
  Barrier barrier;
#if defined(_OPENMP)
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    // OpenMP may give fewer threads than asked for.
#pragma omp single
    barrier.set_members(static_cast<std::uint32_t>(omp_get_num_threads()));
    membership = {&barrier, omp_get_thread_num(), omp_get_num_threads()};
    body();
    membership = {};
  }
#else
  thread_local HelperThreads helpers;
  barrier.set_members(static_cast<std::uint32_t>(threads));
  helpers.run(threads, [&](int rank) {
    membership = {&barrier, rank, threads};
    body();
    membership = {};
  });
#endif
}

int team_rank() { return membership.rank; }

int team_size() { return membership.size; }

void team_wait() {
  if (membership.size > 1) membership.barrier->wait();
}

TeamShare team_share(std::size_t count, std::size_t grain) {
  const auto rank = static_cast<std::size_t>(team_rank());
  const auto size = static_cast<std::size_t>(team_size());
  const std::size_t grains = (count + grain - 1) / grain;
  return {std::min(count, grains * rank / size * grain),
          std::min(count, grains * (rank + 1) / size * grain)};
}

}  // namespace kith::tensor
