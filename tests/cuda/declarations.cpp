// declarations.cpp - where NVIDIA's headers are on the machine: what backends/cuda/library.h declares is what they declare, argument by
// argument (a pointer for a pointer, an integer of the same size for an integer or enum), and its numbers are theirs.
#include <cstdio>
#include <type_traits>

#include <cublas_v2.h>
#include <cuda.h>
#include <cusolverDn.h>
#include <nvrtc.h>

#include "cuda/library.h"

template <class A, class B> constexpr bool alike()
{
    if (std::is_pointer_v<A> || std::is_pointer_v<B>)
        return std::is_pointer_v<A> && std::is_pointer_v<B>;
    return sizeof(A) == sizeof(B) && (std::is_integral_v<A> || std::is_enum_v<A>) && std::is_integral_v<B>;
}

template <class Theirs, class Ours> struct same : std::false_type {};
template <class R, class S, class... A, class... B> struct same<R (*)(A...), S (*)(B...)> {
    static constexpr bool test()
    {
        if constexpr (sizeof...(A) == sizeof...(B))
            return alike<R, S>() && (alike<A, B>() && ...);
        else
            return false;
    }
    static constexpr bool value = test();
};

#define NUMC_X(result, name, arguments) \
    static_assert(same<std::remove_cv_t<decltype(&::name)>, result(*) arguments>::value, #name);
NUMC_CUDA_DRIVER(NUMC_X)
NUMC_CUDA_COMPILER(NUMC_X)
NUMC_CUDA_BLAS(NUMC_X)
NUMC_CUDA_SOLVER(NUMC_X)
#undef NUMC_X

static_assert(sizeof(numc_cuda_address) == sizeof(CUdeviceptr));
#define SAME(ours, theirs) static_assert(int(ours) == int(theirs), #theirs)
SAME(NUMC_CUDA_OUT_OF_MEMORY, CUDA_ERROR_OUT_OF_MEMORY);
SAME(NUMC_CUDA_NO_DEVICE, CUDA_ERROR_NO_DEVICE);
SAME(NUMC_CUDA_ATTRIBUTE_GROUP, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
SAME(NUMC_CUDA_ATTRIBUTE_SHARED, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK);
SAME(NUMC_CUDA_ATTRIBUTE_UNITS, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
SAME(NUMC_CUDA_ATTRIBUTE_MAJOR, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
SAME(NUMC_CUDA_ATTRIBUTE_MINOR, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
SAME(NUMC_CUDA_STREAM_NON_BLOCKING, CU_STREAM_NON_BLOCKING);
SAME(NUMC_CUDA_EVENT_DISABLE_TIMING, CU_EVENT_DISABLE_TIMING);
SAME(NUMC_CUDA_CAPTURE_RELAXED, CU_STREAM_CAPTURE_MODE_RELAXED);
SAME(NUMC_CUDA_OPERATION_N, CUBLAS_OP_N);
SAME(NUMC_CUDA_OPERATION_T, CUBLAS_OP_T);
SAME(NUMC_CUDA_TRIANGLE_UPPER, CUBLAS_FILL_MODE_UPPER);
// The errors after which a context is lost (is_final in cuda.c).
static_assert(CUDA_ERROR_NOT_INITIALIZED == 3 && CUDA_ERROR_DEINITIALIZED == 4 && CUDA_ERROR_DEVICE_UNAVAILABLE == 46 &&
              CUDA_ERROR_ECC_UNCORRECTABLE == 214 && CUDA_ERROR_NVLINK_UNCORRECTABLE == 220 && CUDA_ERROR_ILLEGAL_ADDRESS == 700 &&
              CUDA_ERROR_LAUNCH_TIMEOUT == 702 && CUDA_ERROR_CONTEXT_IS_DESTROYED == 709 && CUDA_ERROR_ASSERT == 710 &&
              CUDA_ERROR_HARDWARE_STACK_ERROR == 714 && CUDA_ERROR_ILLEGAL_INSTRUCTION == 715 &&
              CUDA_ERROR_MISALIGNED_ADDRESS == 716 && CUDA_ERROR_INVALID_ADDRESS_SPACE == 717 && CUDA_ERROR_INVALID_PC == 718 &&
              CUDA_ERROR_LAUNCH_FAILED == 719 && CUDA_ERROR_UNKNOWN == 999);

int main()
{
    std::printf("1..1\nok 1 - the declarations of CUDA %d.%d agree\n", CUDA_VERSION / 1000, CUDA_VERSION % 1000 / 10);
    return 0;
}
