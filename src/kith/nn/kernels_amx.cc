#define KITH_KERNEL_NAMESPACE amx
#include "kith/nn/kernels_body.h"
