/* fake_libraries.c - stand-ins for cuBLAS and cuSOLVER: the functions that backends/cuda uses, by the textbook, on matrices stored by
 * columns. One text for both libraries. Signatures: cuBLAS and cuSOLVER reference manuals. */
#include <complex.h>
#include <stdbool.h>
#include <stddef.h>

#define EXPORT __attribute__((visibility("default")))

extern int cuStreamSynchronize(void *stream);

static struct handle {
    void *stream, *workspace;
    size_t bytes;
} the_handle;

static int make(void **handle)
{
    *handle = &the_handle;
    return 0;
}

EXPORT int cublasCreate_v2(void **handle) { return make(handle); }
EXPORT int cusolverDnCreate(void **handle) { return make(handle); }
EXPORT int cublasDestroy_v2(void *handle) { return handle == &the_handle ? 0 : 1; }
EXPORT int cusolverDnDestroy(void *handle) { return handle == &the_handle ? 0 : 1; }

static int set_stream(void *handle, void *stream)
{
    struct handle *h = handle;
    h->stream = stream;
    h->workspace = NULL;
    return stream != NULL ? 0 : 1;
}

EXPORT int cublasSetStream_v2(void *handle, void *stream) { return set_stream(handle, stream); }
EXPORT int cusolverDnSetStream(void *handle, void *stream) { return set_stream(handle, stream); }

EXPORT int cublasSetWorkspace_v2(void *handle, void *workspace, size_t bytes)
{
    struct handle *h = handle;
    h->workspace = workspace;
    h->bytes = bytes;
    return workspace != NULL ? 0 : 1;
}

/* C (m, n) = alpha op(A) op(B) + beta C; element (i, j) of a stored matrix is at [i + j ld]. Operation 0: as stored, 1: transposed. */
#define GEMM(name, type)                                                                                               \
    EXPORT int name(void *handle, int operation_a, int operation_b, int m, int n, int k, const type *alpha, const type *a, \
                    int lda, long long step_a, const type *b, int ldb, long long step_b, const type *beta, type *c,    \
                    int ldc, long long step_c, int count);                                                             \
    EXPORT int name(void *handle, int operation_a, int operation_b, int m, int n, int k, const type *alpha, const type *a, \
                    int lda, long long step_a, const type *b, int ldb, long long step_b, const type *beta, type *c,    \
                    int ldc, long long step_c, int count)                                                              \
    {                                                                                                                  \
        const struct handle *h = handle;                                                                               \
        if (h->workspace == NULL || lda < (operation_a ? k : m) || ldb < (operation_b ? n : k) || ldc < m ||           \
            cuStreamSynchronize(h->stream) != 0)                                                                       \
            return 7;                                                                                                  \
        for (int s = 0; s < count; s++)                                                                                \
            for (int j = 0; j < n; j++)                                                                                \
                for (int i = 0; i < m; i++) {                                                                          \
                    type sum = 0, *at = &c[s * step_c + i + (long long)j * ldc];                                       \
                    for (int l = 0; l < k; l++)                                                                        \
                        sum += a[s * step_a + (operation_a ? l + (long long)i * lda : i + (long long)l * lda)] *       \
                               b[s * step_b + (operation_b ? j + (long long)l * ldb : l + (long long)j * ldb)];        \
                    *at = *alpha * sum + (*beta == (type)0 ? (type)0 : *beta * *at);                                   \
                }                                                                                                      \
        return 0;                                                                                                      \
    }
GEMM(cublasSgemmStridedBatched, float)
GEMM(cublasDgemmStridedBatched, double)
GEMM(cublasCgemmStridedBatched, float complex)
GEMM(cublasZgemmStridedBatched, double complex)

/* Triangle 1: A = U^* U, from and to the upper triangle. Info: the order of the first minor that is not positive definite. */
#define POTRF(name, type, SQRT, REAL, CONJ)                                                                            \
    EXPORT int name##_bufferSize(void *handle, int triangle, int n, type *a, int lda, int *elements);                  \
    EXPORT int name##_bufferSize(void *handle, int triangle, int n, type *a, int lda, int *elements)                   \
    {                                                                                                                  \
        (void)handle, (void)a;                                                                                         \
        *elements = n * n;                                                                                             \
        return triangle == 1 && lda >= n ? 0 : 3;                                                                      \
    }                                                                                                                  \
    EXPORT int name(void *handle, int triangle, int n, type *a, int lda, type *workspace, int elements, int *info);    \
    EXPORT int name(void *handle, int triangle, int n, type *a, int lda, type *workspace, int elements, int *info)     \
    {                                                                                                                  \
        if (triangle != 1 || workspace == NULL || elements < n * n || cuStreamSynchronize(((struct handle *)handle)->stream) != 0) \
            return 3;                                                                                                  \
        workspace[(long long)n * n - 1] = 0; /* it is as large as was said */                                          \
        *info = 0;                                                                                                     \
        for (int j = 0; j < n && *info == 0; j++)                                                                      \
            for (int i = 0; i <= j; i++) {                                                                             \
                type sum = a[i + (long long)j * lda];                                                                  \
                for (int l = 0; l < i; l++)                                                                            \
                    sum -= CONJ(a[l + (long long)i * lda]) * a[l + (long long)j * lda];                                \
                if (i == j && !(REAL(sum) > 0)) {                                                                      \
                    *info = j + 1;                                                                                     \
                    break;                                                                                             \
                }                                                                                                      \
                a[i + (long long)j * lda] = i == j ? (type)SQRT(REAL(sum)) : sum / REAL(a[i + (long long)i * lda]);    \
            }                                                                                                          \
        return 0;                                                                                                      \
    }
#define SAME(x) (x)
#include <math.h>
POTRF(cusolverDnSpotrf, float, sqrtf, SAME, SAME)
POTRF(cusolverDnDpotrf, double, sqrt, SAME, SAME)
POTRF(cusolverDnCpotrf, float complex, sqrtf, crealf, conjf)
POTRF(cusolverDnZpotrf, double complex, sqrt, creal, conj)
