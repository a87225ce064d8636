#define KITH_KERNEL_NAMESPACE avx2
#include "kith/nn/kernels_body.h"
