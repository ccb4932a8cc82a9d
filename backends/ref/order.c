/* order.c - indexing and order along one axis: gather, scatter, cumulative reductions, stable sort, binary search. */
#include <string.h>

#include "ref/ref.h"

/* One integer of an index array; one outside [0, extent) is clamped into it, or -1 when it is to be dropped. */
static int64_t index_at(const numc_view *indices, int64_t position, int64_t extent, bool drop)
{
    const char *at = numc_ref_at(indices, position);
    int64_t value;
    switch (indices->dtype) {
    case NUMC_INT8: value = *(const int8_t *)at; break;
    case NUMC_INT16: value = *(const int16_t *)(const void *)at; break;
    case NUMC_INT32: value = *(const int32_t *)(const void *)at; break;
    case NUMC_UINT8: value = *(const uint8_t *)at; break;
    case NUMC_UINT16: value = *(const uint16_t *)(const void *)at; break;
    case NUMC_UINT32: value = *(const uint32_t *)(const void *)at; break;
    default: value = *(const int64_t *)(const void *)at; break;
    }
    if (value < 0 && indices->dtype == NUMC_UINT64)
        value = INT64_MAX; /* 2^63 and more: beyond every axis */
    if (drop && (value < 0 || value >= extent))
        return -1;
    return value < 0 ? 0 : value >= extent ? extent - 1 : value;
}

static bool is_integer(uint32_t dtype)
{
    return dtype >= NUMC_INT8 && dtype <= NUMC_UINT64;
}

/* The view of axes [first, first + count) of another, from element position `offset`. */
static numc_view part(const numc_view *view, int32_t first, int32_t count, int64_t offset)
{
    numc_view result = *view;
    result.shape += first;
    result.strides += first;
    result.rank = count;
    result.offset = offset;
    return result;
}

/* The three loops of take: outer axes, index positions, inner axes. `dense` has the indices' axes in place of `axis`, `x`
 * has the axis; elements of `size` bytes go from x to dense or, by `add`, back. */
typedef void (*element_fn)(void *to, const void *from, uint32_t size);

static void element_copy(void *to, const void *from, uint32_t size)
{
    memcpy(to, from, size);
}

#define ADDITION(NAME, name, type)                                                                 \
    static void element_add_##name(void *to, const void *from, uint32_t size)                      \
    {                                                                                              \
        (void)size;                                                                                \
        *(type *)to = (type)(*(type *)to + *(const type *)from);                                   \
    }
/* Signed dtypes add in the unsigned type of their width: wrapping, same bits. */
NUMC_REF_UNSIGNED(ADDITION)
ADDITION(FLOAT32, float32, float)
ADDITION(FLOAT64, float64, double)
#define PAIR_ADDITION(name, type)                                                                  \
    static void element_add_##name(void *to, const void *from, uint32_t size)                      \
    {                                                                                              \
        (void)size;                                                                                \
        ((type *)to)[0] += ((const type *)from)[0];                                                \
        ((type *)to)[1] += ((const type *)from)[1];                                                \
    }
PAIR_ADDITION(complex64, float)
PAIR_ADDITION(complex128, double)
static const element_fn additions[NUMC_DTYPE_COUNT] = {
    [NUMC_INT8] = element_add_uint8,     [NUMC_INT16] = element_add_uint16,   [NUMC_INT32] = element_add_uint32,
    [NUMC_INT64] = element_add_uint64,   [NUMC_UINT8] = element_add_uint8,    [NUMC_UINT16] = element_add_uint16,
    [NUMC_UINT32] = element_add_uint32,  [NUMC_UINT64] = element_add_uint64,  [NUMC_FLOAT32] = element_add_float32,
    [NUMC_FLOAT64] = element_add_float64, [NUMC_COMPLEX64] = element_add_complex64,
    [NUMC_COMPLEX128] = element_add_complex128,
};

static int32_t take(numc_device *device, const numc_view *x, const numc_view *indices, int32_t axis,
                    const numc_view *dense, bool to_x, element_fn move)
{
    if (axis < 0 || axis >= x->rank || dense->rank != x->rank - 1 + indices->rank || x->dtype != dense->dtype ||
        !is_integer(indices->dtype) || numc_ref_size(x->dtype) == 0)
        return numc_ref_fail(device->host, NUMC_INVALID_ARGUMENT, "gather or scatter: views do not fit");
    int32_t inner_axes = x->rank - axis - 1;
    int64_t outer = numc_ref_count(x, axis), positions = numc_ref_count(indices, indices->rank);
    numc_view shape_only = part(x, axis + 1, inner_axes, 0);
    int64_t inner = numc_ref_count(&shape_only, inner_axes);
    uint32_t size = numc_ref_size(x->dtype);
    if (outer == 0 || positions == 0 || inner == 0)
        return NUMC_OK;
    if (x->shape[axis] == 0)
        return numc_ref_fail(device->host, NUMC_INDEX, "gather or scatter: the axis is empty, the indices are not");
    for (int64_t o = 0; o < outer; o++) {
        int64_t x_outer = numc_ref_position(x, axis, o), dense_outer = numc_ref_position(dense, axis, o);
        for (int64_t p = 0; p < positions; p++) {
            int64_t index = index_at(indices, numc_ref_position(indices, indices->rank, p), x->shape[axis], to_x);
            if (index < 0)
                continue;
            numc_view middle = part(dense, axis, indices->rank, dense_outer);
            numc_view in_dense =
                part(dense, axis + indices->rank, inner_axes, numc_ref_position(&middle, indices->rank, p));
            numc_view in_x = part(x, axis + 1, inner_axes, x_outer + index * x->strides[axis]);
            for (int64_t i = 0; i < inner; i++) {
                char *a = numc_ref_at(&in_x, numc_ref_position(&in_x, inner_axes, i));
                char *b = numc_ref_at(&in_dense, numc_ref_position(&in_dense, inner_axes, i));
                move(to_x ? a : b, to_x ? b : a, size);
            }
        }
    }
    return NUMC_OK;
}

int32_t numc_ref_gather(numc_device *device, const numc_view *x, const numc_view *indices, int32_t axis,
                        const numc_view *y)
{
    return take(device, x, indices, axis, y, false, element_copy);
}

int32_t numc_ref_scatter(numc_device *device, const numc_view *y, const numc_view *indices, int32_t axis,
                         const numc_view *values, uint32_t mode)
{
    element_fn move = mode == 0 ? element_copy : y->dtype < NUMC_DTYPE_COUNT ? additions[y->dtype] : NULL;
    if (move == NULL || mode > 1)
        return numc_ref_fail(device->host, NUMC_UNSUPPORTED, "scatter: mode or dtype not supported");
    return take(device, y, indices, axis, values, true, move);
}

/* ---- lines: everything that works along one axis ----------------------------------------------------------------- */

/* Offset of line `number`: the position over all axes but one. */
static int64_t line_position(const numc_view *view, int32_t axis, int64_t number)
{
    int64_t position = view->offset;
    for (int32_t d = view->rank - 1; d >= 0; d--) {
        if (d == axis)
            continue;
        position += number % view->shape[d] * view->strides[d];
        number /= view->shape[d];
    }
    return position;
}

static int64_t line_count(const numc_view *view, int32_t axis)
{
    int64_t count = 1;
    for (int32_t d = 0; d < view->rank; d++)
        count *= d == axis ? 1 : view->shape[d];
    return count;
}

/* Complex sums and products of the next element with what there is so far; result may be operands[0]. */
#define COMPLEX_STEPS(name, type)                                                                  \
    static void sum_##name(void *result, const void *const *operands)                              \
    {                                                                                              \
        const type *x = operands[0], *y = operands[1];                                             \
        type sum[2] = {x[0] + y[0], x[1] + y[1]};                                                  \
        memcpy(result, sum, sizeof sum);                                                           \
    }                                                                                              \
    static void prod_##name(void *result, const void *const *operands)                             \
    {                                                                                              \
        const type *x = operands[0], *y = operands[1];                                             \
        type product[2] = {x[0] * y[0] - x[1] * y[1], x[0] * y[1] + x[1] * y[0]};                  \
        memcpy(result, product, sizeof product);                                                   \
    }
COMPLEX_STEPS(complex64, float)
COMPLEX_STEPS(complex128, double)

static numc_ref_scalar complex_step(uint32_t reduction, uint32_t dtype)
{
    bool wide = dtype == NUMC_COMPLEX128;
    switch (reduction) {
    case NUMC_REDUCTION_SUM: return wide ? sum_complex128 : sum_complex64;
    case NUMC_REDUCTION_PROD: return wide ? prod_complex128 : prod_complex64;
    default: return NULL;
    }
}

int32_t numc_ref_cumulative(numc_device *device, const numc_view *x, int32_t axis, uint32_t reduction,
                            uint32_t reverse, const numc_view *y)
{
    static const uint16_t operations[] = {
        [NUMC_REDUCTION_SUM] = NUMC_SCALAR_ADD,
        [NUMC_REDUCTION_PROD] = NUMC_SCALAR_MULTIPLY,
        [NUMC_REDUCTION_MAX] = NUMC_SCALAR_MAXIMUM,
        [NUMC_REDUCTION_MIN] = NUMC_SCALAR_MINIMUM,
    };
    if (axis < 0 || axis >= x->rank || y->rank != x->rank || x->dtype != y->dtype)
        return numc_ref_fail(device->host, NUMC_INVALID_ARGUMENT, "cumulative: views do not fit");
    numc_ref_scalar combine = NULL;
    if (numc_ref_is_complex(x->dtype))
        combine = complex_step(reduction, x->dtype);
    else if (reduction >= NUMC_REDUCTION_SUM && reduction <= NUMC_REDUCTION_MIN)
        combine = numc__ref_scalar_function(operations[reduction], x->dtype);
    if (combine == NULL)
        return numc_ref_fail(device->host, NUMC_UNSUPPORTED, "cumulative: reduction or dtype not supported");
    int64_t lines = line_count(x, axis), n = x->shape[axis];
    uint32_t size = numc_ref_size(x->dtype);
    for (int64_t line = 0; line < lines; line++) {
        int64_t from = line_position(x, axis, line), to = line_position(y, axis, line);
        numc_ref_value total[2]; /* as large as a complex number */
        for (int64_t i = 0; i < n; i++) {
            int64_t at = reverse ? n - 1 - i : i;
            const void *operands[2] = {total, numc_ref_at(x, from + at * x->strides[axis])};
            if (i == 0)
                memcpy(total, operands[1], size);
            else
                combine(total, operands);
            memcpy(numc_ref_at(y, to + at * y->strides[axis]), total, size);
        }
    }
    return NUMC_OK;
}

typedef struct sort_item {
    uint64_t order;
    int64_t index;
} sort_item;

/* Merge sort from runs of one, bottom up; stable. Returns the half that holds the result. */
static sort_item *merge_sort(sort_item *items, sort_item *other, int64_t n)
{
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t start = 0; start < n; start += 2 * width) {
            int64_t middle = start + width < n ? start + width : n;
            int64_t end = middle + width < n ? middle + width : n;
            int64_t a = start, b = middle;
            for (int64_t k = start; k < end; k++)
                other[k] = b >= end || (a < middle && items[a].order <= items[b].order) ? items[a++] : items[b++];
        }
        sort_item *swap = items;
        items = other;
        other = swap;
    }
    return items;
}

int32_t numc_ref_sort(numc_device *device, const numc_view *x, int32_t axis, uint32_t descending,
                      const numc_view *values, const numc_view *indices)
{
    if (axis < 0 || axis >= x->rank || numc_ref_register_size(x->dtype) == 0 ||
        (values != NULL && (values->rank != x->rank || values->dtype != x->dtype)) ||
        (indices != NULL && (indices->rank != x->rank || indices->dtype != NUMC_INT64)))
        return numc_ref_fail(device->host, NUMC_INVALID_ARGUMENT, "sort: views do not fit");
    int64_t n = x->shape[axis], lines = line_count(x, axis);
    if (n == 0 || lines == 0)
        return NUMC_OK;
    uint32_t size = numc_ref_size(x->dtype);
    size_t bytes = (size_t)n * 2 * sizeof(sort_item);
    sort_item *items = numc_ref_allocate(device->host, bytes);
    if (items == NULL)
        return numc_ref_fail(device->host, NUMC_MEMORY, "sort: out of memory");
    for (int64_t line = 0; line < lines; line++) {
        int64_t from = line_position(x, axis, line);
        for (int64_t i = 0; i < n; i++) {
            const void *value = numc_ref_at(x, from + i * x->strides[axis]);
            items[i].order = descending ? numc_ref_order_down(x->dtype, value) : numc_ref_order(x->dtype, value);
            items[i].index = i;
        }
        const sort_item *sorted = merge_sort(items, items + n, n);
        for (int64_t i = 0; i < n; i++) {
            if (values != NULL)
                memcpy(numc_ref_at(values, line_position(values, axis, line) + i * values->strides[axis]),
                       numc_ref_at(x, from + sorted[i].index * x->strides[axis]), size);
            if (indices != NULL)
                memcpy(numc_ref_at(indices, line_position(indices, axis, line) + i * indices->strides[axis]),
                       &sorted[i].index, sizeof sorted[i].index);
        }
    }
    numc_ref_free(device->host, items, bytes);
    return NUMC_OK;
}

/* Left: the number of elements less than the value; right: less or equal. */
int32_t numc_ref_search(numc_device *device, const numc_view *sorted, const numc_view *values,
                        uint32_t right, const numc_view *indices)
{
    if (sorted->rank != 1 || sorted->dtype != values->dtype || indices->dtype != NUMC_INT64 ||
        indices->rank != values->rank || numc_ref_register_size(values->dtype) == 0)
        return numc_ref_fail(device->host, NUMC_INVALID_ARGUMENT, "search: views do not fit");
    int64_t count = numc_ref_count(values, values->rank);
    for (int64_t v = 0; v < count; v++) {
        uint64_t order = numc_ref_order(values->dtype,
                                        numc_ref_at(values, numc_ref_position(values, values->rank, v)));
        int64_t low = 0, high = sorted->shape[0];
        while (low < high) {
            int64_t middle = low + (high - low) / 2;
            uint64_t other = numc_ref_order(sorted->dtype,
                                            numc_ref_at(sorted, sorted->offset + middle * sorted->strides[0]));
            if (right ? other <= order : other < order)
                low = middle + 1;
            else
                high = middle;
        }
        memcpy(numc_ref_at(indices, numc_ref_position(indices, indices->rank, v)), &low, sizeof low);
    }
    return NUMC_OK;
}
