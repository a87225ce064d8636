#define KITH_KERNEL_NAMESPACE avx512_bf16
#include "kith/nn/kernels_body.h"
