/* library.h - the functions of CUDA's libraries that the cuda backend uses, declared here so that it builds with a C compiler alone,
 * and opened when first needed so that it loads where none of them is.
 *
 * Sources of the declarations: CUDA Driver API, NVRTC, cuBLAS and cuSOLVER reference manuals (CUDA 11.4 to 13). Handles (CUcontext,
 * CUstream, nvrtcProgram, cublasHandle_t ...) are pointers to structs of theirs, here void *; CUdevice is an int, CUdeviceptr an
 * unsigned integer of a pointer's width, results are enums with 0 for success. The suffixes _v2 and the like are the names the
 * libraries export; their headers hide them behind macros. */
#ifndef NUMC_BACKENDS_CUDA_LIBRARY_H
#define NUMC_BACKENDS_CUDA_LIBRARY_H

#include "numc/backend.h"

typedef unsigned long long numc_cuda_address; /* CUdeviceptr on 64-bit machines */

/* X(result, name, arguments) */
#define NUMC_CUDA_DRIVER(X)                                                                                            \
    X(int, cuInit, (unsigned int flags))                                                                               \
    X(int, cuDriverGetVersion, (int *version))                                                                         \
    X(int, cuGetErrorName, (int error, const char **text))                                                             \
    X(int, cuGetErrorString, (int error, const char **text))                                                           \
    X(int, cuDeviceGetCount, (int *count))                                                                             \
    X(int, cuDeviceGet, (int *device, int ordinal))                                                                    \
    X(int, cuDeviceGetName, (char *name, int length, int device))                                                      \
    X(int, cuDeviceTotalMem_v2, (size_t *bytes, int device))                                                           \
    X(int, cuDeviceGetAttribute, (int *value, int attribute, int device))                                              \
    X(int, cuDevicePrimaryCtxRetain, (void **context, int device))                                                     \
    X(int, cuDevicePrimaryCtxRelease_v2, (int device))                                                                 \
    X(int, cuCtxPushCurrent_v2, (void *context))                                                                       \
    X(int, cuCtxPopCurrent_v2, (void **context))                                                                       \
    X(int, cuMemGetInfo_v2, (size_t *free_bytes, size_t *total))                                                       \
    X(int, cuMemAlloc_v2, (numc_cuda_address *address, size_t bytes))                                                  \
    X(int, cuMemFree_v2, (numc_cuda_address address))                                                                  \
    X(int, cuMemHostAlloc, (void **memory, size_t bytes, unsigned int flags))                                          \
    X(int, cuMemFreeHost, (void *memory))                                                                              \
    X(int, cuMemcpyHtoDAsync_v2, (numc_cuda_address to, const void *from, size_t bytes, void *stream))                 \
    X(int, cuMemcpyDtoHAsync_v2, (void *to, numc_cuda_address from, size_t bytes, void *stream))                       \
    X(int, cuMemcpyDtoDAsync_v2, (numc_cuda_address to, numc_cuda_address from, size_t bytes, void *stream))           \
    X(int, cuStreamCreate, (void **stream, unsigned int flags))                                                        \
    X(int, cuStreamDestroy_v2, (void *stream))                                                                         \
    X(int, cuStreamSynchronize, (void *stream))                                                                        \
    X(int, cuEventCreate, (void **event, unsigned int flags))                                                          \
    X(int, cuEventDestroy_v2, (void *event))                                                                           \
    X(int, cuEventRecord, (void *event, void *stream))                                                                 \
    X(int, cuEventSynchronize, (void *event))                                                                          \
    X(int, cuStreamBeginCapture_v2, (void *stream, int mode))                                                          \
    X(int, cuStreamEndCapture, (void *stream, void **graph))                                                           \
    X(int, cuGraphInstantiateWithFlags, (void **executable, void *graph, unsigned long long flags))                    \
    X(int, cuGraphLaunch, (void *executable, void *stream))                                                            \
    X(int, cuGraphExecDestroy, (void *executable))                                                                     \
    X(int, cuGraphDestroy, (void *graph))                                                                              \
    X(int, cuModuleLoadData, (void **module, const void *image))                                                       \
    X(int, cuModuleUnload, (void *module))                                                                             \
    X(int, cuModuleGetFunction, (void **function, void *module, const char *name))                                     \
    X(int, cuLaunchKernel,                                                                                             \
      (void *function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z, unsigned int block_x,            \
       unsigned int block_y, unsigned int block_z, unsigned int shared_bytes, void *stream, void **parameters, void **extra))

#define NUMC_CUDA_COMPILER(X)                                                                                          \
    X(int, nvrtcVersion, (int *major, int *minor))                                                                     \
    X(const char *, nvrtcGetErrorString, (int result))                                                                 \
    X(int, nvrtcGetNumSupportedArchs, (int *count))                                                                    \
    X(int, nvrtcGetSupportedArchs, (int *architectures))                                                               \
    X(int, nvrtcCreateProgram,                                                                                         \
      (void **program, const char *text, const char *name, int headers, const char *const *header_texts,               \
       const char *const *header_names))                                                                               \
    X(int, nvrtcDestroyProgram, (void **program))                                                                      \
    X(int, nvrtcCompileProgram, (void *program, int options, const char *const *option_texts))                         \
    X(int, nvrtcGetProgramLogSize, (void *program, size_t *size))                                                      \
    X(int, nvrtcGetProgramLog, (void *program, char *log))                                                             \
    X(int, nvrtcGetPTXSize, (void *program, size_t *size))                                                             \
    X(int, nvrtcGetPTX, (void *program, char *text))                                                                   \
    X(int, nvrtcGetCUBINSize, (void *program, size_t *size))                                                           \
    X(int, nvrtcGetCUBIN, (void *program, char *bytes))

/* gemmStridedBatched of the four dtypes: column-major, C = alpha op(A) op(B) + beta C. */
#define NUMC_CUDA_GEMM                                                                                                 \
    (void *handle, int operation_a, int operation_b, int m, int n, int k, const void *alpha, const void *a, int lda,   \
     long long step_a, const void *b, int ldb, long long step_b, const void *beta, void *c, int ldc, long long step_c, int count)
#define NUMC_CUDA_BLAS(X)                                                                                              \
    X(int, cublasCreate_v2, (void **handle))                                                                           \
    X(int, cublasDestroy_v2, (void *handle))                                                                           \
    X(int, cublasSetStream_v2, (void *handle, void *stream))                                                           \
    X(int, cublasSetWorkspace_v2, (void *handle, void *workspace, size_t bytes))                                       \
    X(int, cublasSgemmStridedBatched, NUMC_CUDA_GEMM)                                                                  \
    X(int, cublasDgemmStridedBatched, NUMC_CUDA_GEMM)                                                                  \
    X(int, cublasCgemmStridedBatched, NUMC_CUDA_GEMM)                                                                  \
    X(int, cublasZgemmStridedBatched, NUMC_CUDA_GEMM)

#define NUMC_CUDA_POTRF_SIZE (void *handle, int triangle, int n, void *a, int lda, int *elements)
#define NUMC_CUDA_POTRF (void *handle, int triangle, int n, void *a, int lda, void *workspace, int elements, int *info)
#define NUMC_CUDA_SOLVER(X)                                                                                            \
    X(int, cusolverDnCreate, (void **handle))                                                                          \
    X(int, cusolverDnDestroy, (void *handle))                                                                          \
    X(int, cusolverDnSetStream, (void *handle, void *stream))                                                          \
    X(int, cusolverDnSpotrf_bufferSize, NUMC_CUDA_POTRF_SIZE)                                                          \
    X(int, cusolverDnDpotrf_bufferSize, NUMC_CUDA_POTRF_SIZE)                                                          \
    X(int, cusolverDnCpotrf_bufferSize, NUMC_CUDA_POTRF_SIZE)                                                          \
    X(int, cusolverDnZpotrf_bufferSize, NUMC_CUDA_POTRF_SIZE)                                                          \
    X(int, cusolverDnSpotrf, NUMC_CUDA_POTRF)                                                                          \
    X(int, cusolverDnDpotrf, NUMC_CUDA_POTRF)                                                                          \
    X(int, cusolverDnCpotrf, NUMC_CUDA_POTRF)                                                                          \
    X(int, cusolverDnZpotrf, NUMC_CUDA_POTRF)

#define NUMC_X(result, name, arguments) result(*name) arguments;
typedef struct numc_cuda_driver { NUMC_CUDA_DRIVER(NUMC_X) } numc_cuda_driver;
typedef struct numc_cuda_compiler { NUMC_CUDA_COMPILER(NUMC_X) } numc_cuda_compiler;
typedef struct numc_cuda_blas { NUMC_CUDA_BLAS(NUMC_X) } numc_cuda_blas;
typedef struct numc_cuda_solver { NUMC_CUDA_SOLVER(NUMC_X) } numc_cuda_solver;
#undef NUMC_X

/* Each finds its library and fills the table. False: `reason` (of `size` bytes) says what was tried and what each said. Libraries stay
 * open: they keep threads and contexts of their own. */
bool numc_cuda_load_driver(numc_cuda_driver *table, char *reason, size_t size);
bool numc_cuda_load_compiler(numc_cuda_compiler *table, char *reason, size_t size);
bool numc_cuda_load_blas(numc_cuda_blas *table, char *reason, size_t size);
bool numc_cuda_load_solver(numc_cuda_solver *table, char *reason, size_t size);

/* Numbers of the driver's enums that are used. */
enum {
    NUMC_CUDA_OUT_OF_MEMORY = 2,
    NUMC_CUDA_NO_DEVICE = 100,

    NUMC_CUDA_ATTRIBUTE_GROUP = 1,          /* MAX_THREADS_PER_BLOCK */
    NUMC_CUDA_ATTRIBUTE_SHARED = 8,         /* MAX_SHARED_MEMORY_PER_BLOCK */
    NUMC_CUDA_ATTRIBUTE_UNITS = 16,         /* MULTIPROCESSOR_COUNT */
    NUMC_CUDA_ATTRIBUTE_MAJOR = 75,         /* COMPUTE_CAPABILITY_MAJOR, _MINOR */
    NUMC_CUDA_ATTRIBUTE_MINOR = 76,

    NUMC_CUDA_STREAM_NON_BLOCKING = 1,      /* does not wait for the legacy default stream */
    NUMC_CUDA_EVENT_DISABLE_TIMING = 2,
    NUMC_CUDA_CAPTURE_RELAXED = 2,          /* calls that do not touch the stream stay allowed: the pool may allocate */

    NUMC_CUDA_OPERATION_N = 0, NUMC_CUDA_OPERATION_T = 1, /* cublasOperation_t */
    NUMC_CUDA_TRIANGLE_UPPER = 1                          /* cublasFillMode_t */
};

#endif
