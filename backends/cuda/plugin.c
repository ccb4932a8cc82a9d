/* plugin.c - the cuda backend's table: backends/gpu over the runtime of cuda.c. */
#include "gpu/gpu.h"

static const numc_backend table = NUMC_GPU_TABLE("cuda", "NVIDIA devices: driver, NVRTC, cuBLAS, cuSOLVER");

NUMC_GPU_EXPORT const numc_backend *numc_backend_query(uint32_t max_abi);

const numc_backend *numc_backend_query(uint32_t max_abi)
{
    return max_abi >= NUMC_BACKEND_ABI ? &table : NULL;
}
