#include "kith/runtime/heaps.h"

#include <malloc.h>

namespace kith::runtime {

void limit_heaps() {
#if defined(__GLIBC__)
  mallopt(M_ARENA_MAX, 2);
#endif
}

}  // namespace kith::runtime
