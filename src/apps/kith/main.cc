#include <unistd.h>

#include <cstdlib>

#include "kith/cli/command.h"

// libgomp reads its settings when it is loaded, and spins after each parallel region unless told
// otherwise, which takes the cores from the server's threads. So the program sets a short spin and
// starts itself once more.
static void limit_spinning(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  if (::setenv("GOMP_SPINCOUNT", "20000", 1) != 0) return;
  ::execv("/proc/self/exe", argv);
}

int main(int argc, char** argv) {
  limit_spinning(argv);
  return kith::cli::run(argc, argv);
}
