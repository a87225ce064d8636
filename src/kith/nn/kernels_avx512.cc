#define KITH_KERNEL_NAMESPACE avx512
#include "kith/nn/kernels_body.h"
