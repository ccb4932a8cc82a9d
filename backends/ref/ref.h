/* ref.h - internal to the ref backend: what its files share. ref sees numc/backend.h and src/kernel only; memory, messages
 * and everything else come from the host's table kept in the device. */
#ifndef NUMC_BACKENDS_REF_REF_H
#define NUMC_BACKENDS_REF_REF_H

#include "numc/backend.h"

struct numc_device {
    const numc_host *host;
};

/* A register, a constant or one lane of a reduction: the value's bytes from byte 0, in its dtype. */
typedef union numc_ref_value {
    uint8_t boolean;
    int8_t int8;
    int16_t int16;
    int32_t int32;
    int64_t int64;
    uint8_t uint8;
    uint16_t uint16;
    uint32_t uint32;
    uint64_t uint64;
    float float32;
    double float64;
} numc_ref_value;

typedef void (*numc_ref_scalar)(void *result, const void *const *operands);

/* scalar.c: one scalar operation at one dtype; for CONVERT the dtype is (from << 8 | to). NULL: not admitted. */
numc_ref_scalar numc__ref_scalar_function(uint32_t operation, uint32_t dtype);

/* Bytes per element; 0 for what is no dtype. */
static inline uint32_t numc_ref_size(uint32_t dtype)
{
    static const uint8_t sizes[NUMC_DTYPE_COUNT] = {
        [NUMC_BOOL] = 1, [NUMC_INT8] = 1, [NUMC_INT16] = 2, [NUMC_INT32] = 4, [NUMC_INT64] = 8,
        [NUMC_UINT8] = 1, [NUMC_UINT16] = 2, [NUMC_UINT32] = 4, [NUMC_UINT64] = 8,
        [NUMC_FLOAT32] = 4, [NUMC_FLOAT64] = 8, [NUMC_COMPLEX64] = 8, [NUMC_COMPLEX128] = 16,
    };
    return dtype < NUMC_DTYPE_COUNT ? sizes[dtype] : 0;
}

static inline bool numc_ref_is_complex(uint32_t dtype)
{
    return dtype == NUMC_COMPLEX64 || dtype == NUMC_COMPLEX128;
}

/* Bytes of a register; 0 for complex dtypes, which kernels do not hold. */
static inline uint32_t numc_ref_register_size(uint32_t dtype)
{
    return numc_ref_is_complex(dtype) ? 0 : numc_ref_size(dtype);
}

static inline void *numc_ref_allocate(const numc_host *host, size_t size)
{
    return host->allocate(host->user, NULL, 0, size > 0 ? size : 1);
}

static inline void numc_ref_free(const numc_host *host, void *pointer, size_t size)
{
    if (pointer != NULL)
        (void)host->allocate(host->user, pointer, size > 0 ? size : 1, 0);
}

/* Leaves a message with the host and returns the status. */
static inline int32_t numc_ref_fail(const numc_host *host, numc_status status, const char *message)
{
    return host->error(host->user, (int32_t)status, message);
}

/* The dtypes ref computes with: X(NAME, name, C type, signed or unsigned 64-bit partner). */
#define NUMC_REF_SIGNED(X)                                                                         \
    X(INT8, int8, int8_t)                                                                          \
    X(INT16, int16, int16_t)                                                                       \
    X(INT32, int32, int32_t)                                                                       \
    X(INT64, int64, int64_t)
#define NUMC_REF_UNSIGNED(X)                                                                       \
    X(UINT8, uint8, uint8_t)                                                                       \
    X(UINT16, uint16, uint16_t)                                                                    \
    X(UINT32, uint32, uint32_t)                                                                    \
    X(UINT64, uint64, uint64_t)

/* A number that orders the values of a dtype: -0 equals +0, NaN comes last. */
static inline uint64_t numc_ref_order(uint32_t dtype, const void *value)
{
    const uint64_t sign = UINT64_C(1) << 63;
    double real;
    switch (dtype) {
    case NUMC_INT8: return (uint64_t)(int64_t) * (const int8_t *)value ^ sign;
    case NUMC_INT16: return (uint64_t)(int64_t) * (const int16_t *)value ^ sign;
    case NUMC_INT32: return (uint64_t)(int64_t) * (const int32_t *)value ^ sign;
    case NUMC_INT64: return (uint64_t) * (const int64_t *)value ^ sign;
    case NUMC_UINT16: return *(const uint16_t *)value;
    case NUMC_UINT32: return *(const uint32_t *)value;
    case NUMC_UINT64: return *(const uint64_t *)value;
    case NUMC_FLOAT32: real = *(const float *)value; break;
    case NUMC_FLOAT64: real = *(const double *)value; break;
    default: return *(const uint8_t *)value;
    }
    if (real != real)
        return UINT64_MAX;
    union {
        double value;
        uint64_t bits;
    } text = {.value = real + 0.0};
    return text.bits & sign ? ~text.bits : text.bits | sign;
}

/* The same for "the smallest first": NaN stays last. */
static inline uint64_t numc_ref_order_down(uint32_t dtype, const void *value)
{
    uint64_t order = numc_ref_order(dtype, value);
    bool is_nan = (dtype == NUMC_FLOAT32 || dtype == NUMC_FLOAT64) && order == UINT64_MAX;
    return is_nan ? order : ~order;
}

/* Views: `axes` leading axes enumerated in row-major order; the element offset of position `number`. */
static inline int64_t numc_ref_position(const numc_view *view, int32_t axes, int64_t number)
{
    int64_t position = view->offset;
    for (int32_t d = axes - 1; d >= 0; d--) {
        position += number % view->shape[d] * view->strides[d];
        number /= view->shape[d];
    }
    return position;
}

static inline int64_t numc_ref_count(const numc_view *view, int32_t axes)
{
    int64_t count = 1;
    for (int32_t d = 0; d < axes; d++)
        count *= view->shape[d];
    return count;
}

static inline char *numc_ref_at(const numc_view *view, int64_t position)
{
    return (char *)view->memory + position * (int64_t)numc_ref_size(view->dtype);
}

/* interpret.c */
int32_t numc__ref_kernel_run(const numc_host *host, const numc_kernel_source *source,
                             const numc_kernel_arguments *arguments);
int32_t numc_ref_kernel_build(numc_device *device, const numc_kernel_source *source, numc_kernel **kernel);
int32_t numc_ref_kernel_run(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *arguments);
void numc_ref_kernel_release(numc_device *device, numc_kernel *kernel);
int32_t numc_ref_launch_prepare(numc_device *device, numc_kernel *kernel,
                                const numc_kernel_arguments *arguments, numc_launch **launch);
int32_t numc_ref_launch_run(numc_device *device, numc_launch *launch);
void numc_ref_launch_release(numc_device *device, numc_launch *launch);

/* linalg.c */
int32_t numc_ref_matmul(numc_device *device, const numc_view *a, const numc_view *b, const numc_view *c,
                        const numc_matmul_options *options);
int32_t numc_ref_cholesky(numc_device *device, const numc_view *a, const numc_view *l);
int32_t numc_ref_cholesky_inverse(numc_device *device, const numc_view *l, const numc_view *w);
int32_t numc_ref_triangular_solve(numc_device *device, const numc_view *t, const numc_view *b,
                                  const numc_view *x, uint32_t upper, uint32_t transpose, uint32_t unit);
int32_t numc_ref_lu(numc_device *device, const numc_view *a, const numc_view *lu,
                    const numc_view *permutation, const numc_view *sign);

/* factor.c */
int32_t numc_ref_qr(numc_device *device, const numc_view *a, const numc_view *q, const numc_view *r);
int32_t numc_ref_eigh(numc_device *device, const numc_view *a, const numc_view *values, const numc_view *vectors);
int32_t numc_ref_eig(numc_device *device, const numc_view *a, const numc_view *values, const numc_view *vectors);
int32_t numc_ref_svd(numc_device *device, const numc_view *a, const numc_view *u, const numc_view *s, const numc_view *vh);

/* order.c */
int32_t numc_ref_gather(numc_device *device, const numc_view *x, const numc_view *indices, int32_t axis,
                        const numc_view *y);
int32_t numc_ref_scatter(numc_device *device, const numc_view *y, const numc_view *indices, int32_t axis,
                         const numc_view *values, uint32_t mode);
int32_t numc_ref_cumulative(numc_device *device, const numc_view *x, int32_t axis, uint32_t reduction,
                            uint32_t reverse, const numc_view *y);
int32_t numc_ref_sort(numc_device *device, const numc_view *x, int32_t axis, uint32_t descending,
                      const numc_view *values, const numc_view *indices);
int32_t numc_ref_search(numc_device *device, const numc_view *sorted, const numc_view *values,
                        uint32_t right, const numc_view *indices);

/* fft.c */
int32_t numc_ref_fft(numc_device *device, const numc_view *x, int32_t axis, int32_t direction, const numc_view *y);

/* ref.c: the table. */
const numc_backend *numc__ref_query(uint32_t max_abi);

#endif
