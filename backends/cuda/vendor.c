/* vendor.c - products by cuBLAS and Cholesky factorisations by cuSOLVER, both opened when first asked for. Where a library is missing
 * the answer is UNSUPPORTED, said once in the log: the kernels of backends/gpu do the work.
 *
 * Both libraries see matrices column by column: a row-major matrix is its own transpose to them. */
#include <limits.h>
#include <stdio.h>

#include "machine.h"

/* cuBLAS's recommendation for the newest devices; with a workspace of its own a product can also be kept in a graph. */
enum { BLAS_WORKSPACE = 32 << 20 };

static void say_missing(numc_cuda_machine *m, const char *reason)
{
    char line[NUMC_CUDA_MESSAGE + 64];
    (void)snprintf(line, sizeof line, "%s; own kernels are used instead", reason);
    m->host->log(m->host->user, NUMC_LOG_INFO, line);
}

static int32_t library_failed(numc_cuda_machine *m, const char *library, const char *what, int result)
{
    char message[NUMC_CUDA_MESSAGE];
    (void)snprintf(message, sizeof message, "%s: %s: %s answers %d", m->name, what, library, result);
    return numc_cuda_fail(m->host, NUMC_BACKEND, message);
}

/* In the context, the lock held. UNSUPPORTED without a message when the library is not here. */
static int32_t blas_ready(numc_cuda_machine *m)
{
    numc_cuda_vendor *v = &m->vendor;
    char reason[NUMC_CUDA_MESSAGE];
    if (v->blas_handle != NULL)
        return NUMC_OK;
    if (v->blas_asked)
        return NUMC_UNSUPPORTED;
    v->blas_asked = true;
    if (!numc_cuda_load_blas(&v->blas, reason, sizeof reason)) {
        say_missing(m, reason);
        return NUMC_UNSUPPORTED;
    }
    void *handle = NULL;
    const int result = v->blas.cublasCreate_v2(&handle);
    if (result == 0) {
        v->blas_handle = handle;
        if (m->cu.cuMemAlloc_v2(&v->blas_workspace, BLAS_WORKSPACE) != 0)
            v->blas_workspace = 0;
        return NUMC_OK;
    }
    (void)snprintf(reason, sizeof reason, "cuBLAS cannot be started: it answers %d", result);
    say_missing(m, reason);
    return NUMC_UNSUPPORTED;
}

static int32_t solver_ready(numc_cuda_machine *m)
{
    numc_cuda_vendor *v = &m->vendor;
    char reason[NUMC_CUDA_MESSAGE];
    if (v->solver_handle != NULL)
        return NUMC_OK;
    if (v->solver_asked)
        return NUMC_UNSUPPORTED;
    v->solver_asked = true;
    if (!numc_cuda_load_solver(&v->solver, reason, sizeof reason)) {
        say_missing(m, reason);
        return NUMC_UNSUPPORTED;
    }
    void *handle = NULL;
    const int result = v->solver.cusolverDnCreate(&handle);
    if (result == 0) {
        v->solver_handle = handle;
        return NUMC_OK;
    }
    (void)snprintf(reason, sizeof reason, "cuSOLVER cannot be started: it answers %d", result);
    say_missing(m, reason);
    return NUMC_UNSUPPORTED;
}

/* The calling thread's stream; setting it takes the workspace from cuBLAS, so that is set after. */
static int blas_stream(numc_cuda_machine *m)
{
    numc_cuda_vendor *v = &m->vendor;
    void *stream = numc_cuda_stream(m);
    if (v->blas_stream == stream)
        return 0;
    int result = v->blas.cublasSetStream_v2(v->blas_handle, stream);
    if (result == 0 && v->blas_workspace != 0)
        result = v->blas.cublasSetWorkspace_v2(v->blas_handle, (void *)(uintptr_t)v->blas_workspace, BLAS_WORKSPACE);
    v->blas_stream = result == 0 ? stream : NULL;
    return result;
}

static int solver_stream(numc_cuda_machine *m)
{
    numc_cuda_vendor *v = &m->vendor;
    void *stream = numc_cuda_stream(m);
    if (v->solver_stream == stream)
        return 0;
    const int result = v->solver.cusolverDnSetStream(v->solver_handle, stream);
    v->solver_stream = result == 0 ? stream : NULL;
    return result;
}

/* A workspace of so many bytes. It at least doubles, and older ones are kept to the end: recordings may know their addresses. */
static int32_t solver_room(numc_cuda_machine *m, uint64_t bytes)
{
    numc_cuda_vendor *v = &m->vendor;
    numc_cuda_address address = 0;
    if (v->solver_bytes >= bytes)
        return NUMC_OK;
    if (bytes < 2 * v->solver_bytes)
        bytes = 2 * v->solver_bytes;
    if (v->solver_count == sizeof v->solver_workspaces / sizeof *v->solver_workspaces)
        return NUMC_UNSUPPORTED;
    const int32_t status = numc_cuda_check(m, m->cu.cuMemAlloc_v2(&address, (size_t)bytes), "cholesky: allocating a workspace");
    if (status == NUMC_OK) {
        v->solver_workspaces[v->solver_count++] = address;
        v->solver_bytes = bytes;
    }
    return status;
}

static bool fits(int64_t value)
{
    return value >= 0 && value <= INT_MAX;
}

static unsigned char *element(const void *raw, int64_t offset, size_t size)
{
    return (unsigned char *)(uintptr_t)((uintptr_t)raw + (uint64_t)offset * size);
}

/* c' = op(b)' op(a)': the factors change places, and each is transposed where it is here. */
int32_t numc_cuda_gemm(void *machine, const numc_gpu_product *p, void *room)
{
    numc_cuda_machine *m = machine;
    numc_cuda_vendor *v = &m->vendor;
    static const float one_s[2] = {1.0f, 0.0f}, zero_s[2] = {0.0f, 0.0f};
    static const double one_d[2] = {1.0, 0.0}, zero_d[2] = {0.0, 0.0};
    const uint32_t dtype = p->dtype;
    const bool narrow = dtype == NUMC_FLOAT32 || dtype == NUMC_COMPLEX64;
    (void)room;
    const void *one = narrow ? (const void *)one_s : one_d, *zero = narrow ? (const void *)zero_s : zero_d;
    const size_t size = dtype == NUMC_FLOAT32 ? 4 : dtype == NUMC_COMPLEX128 ? 16 : 8;
    if (dtype != NUMC_FLOAT32 && dtype != NUMC_FLOAT64 && dtype != NUMC_COMPLEX64 && dtype != NUMC_COMPLEX128)
        return NUMC_UNSUPPORTED;
    if (!fits(p->m) || !fits(p->n) || !fits(p->k) || !fits(p->a.row) || !fits(p->b.row) || !fits(p->c.row) || !fits(p->count) ||
        p->m * p->n * p->count == 0)
        return NUMC_UNSUPPORTED;
    int32_t status = numc_cuda_enter(m);
    if (status != NUMC_OK)
        return status;
    pthread_mutex_lock(&v->lock);
    status = blas_ready(m);
    if (status == NUMC_OK) {
        int(*const functions[]) NUMC_CUDA_GEMM = {v->blas.cublasSgemmStridedBatched, v->blas.cublasDgemmStridedBatched,
                                                  v->blas.cublasCgemmStridedBatched, v->blas.cublasZgemmStridedBatched};
        const int which = dtype == NUMC_FLOAT32 ? 0 : dtype == NUMC_FLOAT64 ? 1 : dtype == NUMC_COMPLEX64 ? 2 : 3;
        int result = blas_stream(m);
        if (result == 0)
            result = functions[which](v->blas_handle, p->transpose_b ? NUMC_CUDA_OPERATION_T : NUMC_CUDA_OPERATION_N,
                                      p->transpose_a ? NUMC_CUDA_OPERATION_T : NUMC_CUDA_OPERATION_N, (int)p->n, (int)p->m, (int)p->k, one,
                                      element(p->b.raw, p->b.offset, size), (int)p->b.row, p->b.step,
                                      element(p->a.raw, p->a.offset, size), (int)p->a.row, p->a.step, p->accumulate ? one : zero,
                                      element(p->c.raw, p->c.offset, size), (int)p->c.row, p->c.step, (int)p->count);
        if (result != 0)
            status = library_failed(m, "cuBLAS", "matmul", result);
    }
    pthread_mutex_unlock(&v->lock);
    numc_cuda_leave(m);
    return status;
}

/* The lower triangle by rows is the upper one by columns: a' = u* u with u = l'. */
int32_t numc_cuda_potrf(void *machine, uint32_t dtype, int64_t n, void *a, int64_t a_offset, int64_t a_row, void *info,
                        uint64_t info_offset)
{
    numc_cuda_machine *m = machine;
    numc_cuda_vendor *v = &m->vendor;
    const size_t size = dtype == NUMC_FLOAT32 ? 4 : dtype == NUMC_COMPLEX128 ? 16 : 8;
    if ((dtype != NUMC_FLOAT32 && dtype != NUMC_FLOAT64 && dtype != NUMC_COMPLEX64 && dtype != NUMC_COMPLEX128) || n == 0 ||
        !fits(n) || !fits(a_row))
        return NUMC_UNSUPPORTED;
    int32_t status = numc_cuda_enter(m);
    if (status != NUMC_OK)
        return status;
    pthread_mutex_lock(&v->lock);
    status = solver_ready(m);
    if (status == NUMC_OK) {
        int(*const sizes[]) NUMC_CUDA_POTRF_SIZE = {v->solver.cusolverDnSpotrf_bufferSize, v->solver.cusolverDnDpotrf_bufferSize,
                                                    v->solver.cusolverDnCpotrf_bufferSize, v->solver.cusolverDnZpotrf_bufferSize};
        int(*const functions[]) NUMC_CUDA_POTRF = {v->solver.cusolverDnSpotrf, v->solver.cusolverDnDpotrf,
                                                   v->solver.cusolverDnCpotrf, v->solver.cusolverDnZpotrf};
        const int which = dtype == NUMC_FLOAT32 ? 0 : dtype == NUMC_FLOAT64 ? 1 : dtype == NUMC_COMPLEX64 ? 2 : 3;
        unsigned char *at = element(a, a_offset, size);
        int elements = 0;
        int result = solver_stream(m);
        if (result == 0)
            result = sizes[which](v->solver_handle, NUMC_CUDA_TRIANGLE_UPPER, (int)n, at, (int)a_row, &elements);
        if (result == 0)
            status = solver_room(m, elements > 0 ? (uint64_t)elements * size : 1);
        if (status == NUMC_OK && result == 0)
            result = functions[which](v->solver_handle, NUMC_CUDA_TRIANGLE_UPPER, (int)n, at, (int)a_row,
                                      (void *)(uintptr_t)v->solver_workspaces[v->solver_count - 1], elements,
                                      (int *)(void *)element(info, (int64_t)info_offset, 1));
        if (status == NUMC_OK && result != 0)
            status = library_failed(m, "cuSOLVER", "cholesky", result);
    }
    pthread_mutex_unlock(&v->lock);
    numc_cuda_leave(m);
    return status;
}

void numc_cuda_vendor_end(numc_cuda_machine *m)
{
    numc_cuda_vendor *v = &m->vendor;
    if (v->solver_handle != NULL)
        (void)v->solver.cusolverDnDestroy(v->solver_handle);
    if (v->blas_handle != NULL)
        (void)v->blas.cublasDestroy_v2(v->blas_handle);
    while (v->solver_count > 0)
        (void)m->cu.cuMemFree_v2(v->solver_workspaces[--v->solver_count]);
    if (v->blas_workspace != 0)
        (void)m->cu.cuMemFree_v2(v->blas_workspace);
    v->solver_handle = v->blas_handle = NULL;
    v->blas_workspace = 0;
}
