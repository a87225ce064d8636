#include "kith/cli/progress_bar.h"

#include <unistd.h>

#include <iostream>

namespace kith::cli {

std::function<void(double share)> progress_bar() {
  if (::isatty(STDERR_FILENO) == 0) return {};
  return [](double share) {
    std::cerr << "\r" << static_cast<int>(100.0 * share) << " % " << std::flush;
    if (share >= 1.0) std::cerr << "\r      \r";
  };
}

}  // namespace kith::cli
