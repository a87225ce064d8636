#define KITH_KERNEL_NAMESPACE avx2
#include "kith/tensor/kernels_body.h"
