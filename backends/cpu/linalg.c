/* linalg.c - matrix products: views, batches, and which loop does the work. */
#include <string.h>

#include "linalg.h"

int32_t numc_cpu_linalg_open(numc_device *device)
{
    (void)device;
    return NUMC_OK;
}

void numc_cpu_linalg_close(numc_device *device)
{
    (void)device;
}

/* One batch entry: c = a b (+ c), a is rows x inner; strides in elements. */
typedef struct product {
    const void *a, *b;
    void *c;
    int64_t rows, inner, columns;
    int64_t a_row, a_column, b_row, b_column, c_row, c_column;
    bool accumulate;
} product;

/* Integers wrap; sums run over increasing k, row by row of b. */
#define DEFINE_PRODUCT(name, T, U)                                                                 \
    static void product_##name(const product *p)                                                   \
    {                                                                                              \
        const T *a = p->a, *b = p->b;                                                              \
        T *c = p->c;                                                                               \
        for (int64_t i = 0; i < p->rows; ++i) {                                                    \
            T *row = c + i * p->c_row;                                                             \
            for (int64_t j = 0; !p->accumulate && j < p->columns; ++j)                             \
                row[j * p->c_column] = 0;                                                          \
            for (int64_t k = 0; k < p->inner; ++k) {                                               \
                const T factor = a[i * p->a_row + k * p->a_column];                                \
                const T *other = b + k * p->b_row;                                                 \
                for (int64_t j = 0; j < p->columns; ++j)                                           \
                    row[j * p->c_column] =                                                         \
                        (T)((U)row[j * p->c_column] + (U)factor * (U)other[j * p->b_column]);      \
            }                                                                                      \
        }                                                                                          \
    }
DEFINE_PRODUCT(i8, int8_t, uint32_t)
DEFINE_PRODUCT(i16, int16_t, uint32_t)
DEFINE_PRODUCT(i32, int32_t, uint32_t)
DEFINE_PRODUCT(i64, int64_t, uint64_t)
DEFINE_PRODUCT(u8, uint8_t, uint32_t)
DEFINE_PRODUCT(u16, uint16_t, uint32_t)
DEFINE_PRODUCT(u32, uint32_t, uint32_t)
DEFINE_PRODUCT(u64, uint64_t, uint64_t)
DEFINE_PRODUCT(f32, float, float)
DEFINE_PRODUCT(f64, double, double)

static void (*const products[NUMC_DTYPE_COUNT])(const product *) = {
    [NUMC_INT8] = product_i8,     [NUMC_INT16] = product_i16,   [NUMC_INT32] = product_i32,
    [NUMC_INT64] = product_i64,   [NUMC_UINT8] = product_u8,    [NUMC_UINT16] = product_u16,
    [NUMC_UINT32] = product_u32,  [NUMC_UINT64] = product_u64,  [NUMC_FLOAT32] = product_f32,
    [NUMC_FLOAT64] = product_f64,
};

/* The first element of batch entry `number`, counted in row-major order over the leading `axes` axes. */
static char *batch_entry(const numc_view *view, int32_t axes, int64_t number)
{
    int64_t element = view->offset;
    for (int32_t d = axes - 1; d >= 0; --d) {
        element += number % view->shape[d] * view->strides[d];
        number /= view->shape[d];
    }
    return (char *)view->memory + element * (int64_t)numc_cpu_size(view->dtype);
}

static int64_t batch_count(const numc_view *view, int32_t axes)
{
    int64_t count = 1;
    for (int32_t d = 0; d < axes; ++d)
        count *= view->shape[d];
    return count;
}

int32_t numc_cpu_matmul(numc_device *device, const numc_view *a, const numc_view *b, const numc_view *c,
                        const numc_matmul_options *options)
{
    const int32_t batch = c->rank - 2;
    if (batch < 0 || a->rank != c->rank || b->rank != c->rank || a->dtype != c->dtype || b->dtype != c->dtype ||
        a->shape[batch + 1] != b->shape[batch] || a->shape[batch] != c->shape[batch] ||
        b->shape[batch + 1] != c->shape[batch + 1])
        return numc_cpu_fail(device->host, NUMC_INVALID_ARGUMENT, "matmul: views do not fit");
    if (c->dtype >= NUMC_DTYPE_COUNT || products[c->dtype] == NULL)
        return numc_cpu_fail(device->host, NUMC_UNSUPPORTED, "matmul: dtype not supported");
    product p = {
        .rows = a->shape[batch],
        .inner = a->shape[batch + 1],
        .columns = b->shape[batch + 1],
        .a_row = a->strides[batch],
        .a_column = a->strides[batch + 1],
        .b_row = b->strides[batch],
        .b_column = b->strides[batch + 1],
        .c_row = c->strides[batch],
        .c_column = c->strides[batch + 1],
        .accumulate = options != NULL && options->accumulate != 0,
    };
    const int64_t count = batch_count(c, batch);
    for (int64_t n = 0; n < count; ++n) {
        p.a = batch_entry(a, batch, n);
        p.b = batch_entry(b, batch, n);
        p.c = batch_entry(c, batch, n);
        products[c->dtype](&p);
    }
    return NUMC_OK;
}
