#define KITH_KERNEL_NAMESPACE avx512
#include "kith/tensor/kernels_body.h"
