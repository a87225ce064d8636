#include "kith/tensor/team.h"

#include <algorithm>

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace kith::tensor {

void run_team([[maybe_unused]] int threads, const std::function<void()>& body) {
#if defined(_OPENMP)
#pragma omp parallel num_threads(threads) if (threads > 1)
#endif
  body();
}

int team_rank() {
#if defined(_OPENMP)
  return omp_get_thread_num();
#else
  return 0;
#endif
}

int team_size() {
#if defined(_OPENMP)
  return omp_get_num_threads();
#else
  return 1;
#endif
}

void team_wait() {
#if defined(_OPENMP)
#pragma omp barrier
#endif
}

TeamShare team_share(std::size_t count, std::size_t grain) {
  const auto rank = static_cast<std::size_t>(team_rank());
  const auto size = static_cast<std::size_t>(team_size());
  const std::size_t grains = (count + grain - 1) / grain;
  return {std::min(count, grains * rank / size * grain),
          std::min(count, grains * (rank + 1) / size * grain)};
}

}  // namespace kith::tensor
