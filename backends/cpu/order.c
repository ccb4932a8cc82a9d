/* order.c - indexing and order along one axis: gather, scatter, cumulative reductions, binary search. */
#include <string.h>

#include "order.h"

/* The element offset of position `number` over `axes` axes; one axis, the common case, needs no division. */
static int64_t position(const numc_view *view, int32_t first, int32_t axes, int64_t number)
{
    if (axes == 0)
        return 0;
    if (axes == 1)
        return number * view->strides[first];
    int64_t at = 0;
    for (int32_t d = first + axes - 1; d > first; --d) {
        at += number % view->shape[d] * view->strides[d];
        number /= view->shape[d];
    }
    return at + number * view->strides[first];
}

static int64_t count_between(const numc_view *view, int32_t first, int32_t axes)
{
    int64_t count = 1;
    for (int32_t d = first; d < first + axes; ++d)
        count *= view->shape[d];
    return count;
}

/* Are axes [first, first + count) of the view laid out row-major without gaps? */
static bool dense(const numc_view *view, int32_t first, int32_t axes)
{
    int64_t expected = 1;
    for (int32_t d = first + axes - 1; d >= first; --d) {
        if (view->shape[d] != 1 && view->strides[d] != expected)
            return false;
        expected *= view->shape[d];
    }
    return true;
}

static char *at_element(const numc_view *view, int64_t element, int64_t size)
{
    return (char *)view->memory + element * size;
}

/* ---- gather and scatter -------------------------------------------------------------------------------------------------- */

static int64_t read_index(const char *at, uint32_t dtype)
{
    switch (dtype) {
    case NUMC_INT8: return *(const int8_t *)at;
    case NUMC_INT16: return *(const int16_t *)(const void *)at;
    case NUMC_INT32: return *(const int32_t *)(const void *)at;
    case NUMC_UINT8: return *(const uint8_t *)at;
    case NUMC_UINT16: return *(const uint16_t *)(const void *)at;
    case NUMC_UINT32: return *(const uint32_t *)(const void *)at;
    case NUMC_UINT64: {
        const uint64_t index = *(const uint64_t *)(const void *)at;
        return index > INT64_MAX ? INT64_MAX : (int64_t)index; /* beyond every axis */
    }
    default: return *(const int64_t *)(const void *)at;
    }
}

#define DEFINE_ADD(name, T)                                                                        \
    static void add_##name(int64_t n, char *to, int64_t to_step, const char *from, int64_t from_step) \
    {                                                                                              \
        for (int64_t i = 0; i < n; ++i) {                                                          \
            T *target = (T *)(void *)(to + i * to_step);                                           \
            *target = (T)(*target + *(const T *)(const void *)(from + i * from_step));             \
        }                                                                                          \
    }
DEFINE_ADD(u8, uint8_t)
DEFINE_ADD(u16, uint16_t)
DEFINE_ADD(u32, uint32_t)
DEFINE_ADD(u64, uint64_t)
DEFINE_ADD(f32, float)
DEFINE_ADD(f64, double)
/* Complex numbers are pairs. */
#define DEFINE_PAIR_ADD(name, T)                                                                   \
    static void add_##name(int64_t n, char *to, int64_t to_step, const char *from, int64_t from_step) \
    {                                                                                              \
        for (int64_t i = 0; i < n; ++i) {                                                          \
            T *target = (T *)(void *)(to + i * to_step);                                           \
            const T *term = (const T *)(const void *)(from + i * from_step);                       \
            target[0] += term[0];                                                                  \
            target[1] += term[1];                                                                  \
        }                                                                                          \
    }
DEFINE_PAIR_ADD(c64, float)
DEFINE_PAIR_ADD(c128, double)

#define DEFINE_SET(name, T)                                                                        \
    static void set_##name(int64_t n, char *to, int64_t to_step, const char *from, int64_t from_step) \
    {                                                                                              \
        if (to_step == (int64_t)sizeof(T) && from_step == (int64_t)sizeof(T) && n > 8) {           \
            memcpy(to, from, (size_t)n * sizeof(T));                                               \
            return;                                                                                \
        }                                                                                          \
        for (int64_t i = 0; i < n; ++i)                                                            \
            *(T *)(void *)(to + i * to_step) = *(const T *)(const void *)(from + i * from_step);   \
    }
DEFINE_SET(1, uint8_t)
DEFINE_SET(2, uint16_t)
DEFINE_SET(4, uint32_t)
DEFINE_SET(8, uint64_t)
typedef struct sixteen {
    uint64_t words[2];
} sixteen;
DEFINE_SET(16, sixteen)

typedef void (*move_fn)(int64_t n, char *to, int64_t to_step, const char *from, int64_t from_step);

static const move_fn additions[NUMC_DTYPE_COUNT] = {
    [NUMC_INT8] = add_u8,   [NUMC_INT16] = add_u16,  [NUMC_INT32] = add_u32,   [NUMC_INT64] = add_u64,
    [NUMC_UINT8] = add_u8,  [NUMC_UINT16] = add_u16, [NUMC_UINT32] = add_u32,  [NUMC_UINT64] = add_u64,
    [NUMC_FLOAT32] = add_f32, [NUMC_FLOAT64] = add_f64, [NUMC_COMPLEX64] = add_c64, [NUMC_COMPLEX128] = add_c128,
};
static const move_fn settings[17] = {[1] = set_1, [2] = set_2, [4] = set_4, [8] = set_8, [16] = set_16};

/* Lines far apart are asked for some positions before they are read; an address outside the array is not touched by that. */
enum { AHEAD = 32 };
#if defined(__GNUC__)
#define FETCH(address) __builtin_prefetch((const void *)(uintptr_t)(address), 0, 3)
#else
#define FETCH(address) ((void)0)
#endif

/* One axis of indices and single values: the common case by far. x, y and the indices by bytes; `drop` says what becomes of an
 * index outside [0, extent). */
#define DEFINE_LINES(name, I, T)                                                                   \
    static void gather_##name(int64_t n, const char *x, int64_t x_step, int64_t extent, const char *index, \
                              int64_t index_step, char *y, int64_t y_step)                         \
    {                                                                                              \
        int64_t p = 0;                                                                             \
        if (x_step == sizeof(T) && y_step == sizeof(T) && index_step == sizeof(I)) {               \
            const I *restrict at = (const void *)index;                                            \
            const T *restrict from = (const void *)x;                                              \
            T *restrict to = (void *)y;                                                            \
            for (; p < n - AHEAD; ++p) {                                                           \
                const int64_t i = at[p];                                                           \
                FETCH((uintptr_t)x + (uintptr_t)at[p + AHEAD] * sizeof(T));                        \
                to[p] = from[i < 0 ? 0 : i >= extent ? extent - 1 : i];                            \
            }                                                                                      \
        }                                                                                          \
        for (; p < n - AHEAD; ++p) {                                                               \
            int64_t i = (int64_t) * (const I *)(const void *)(index + p * index_step);             \
            FETCH((uintptr_t)x + (uintptr_t)((int64_t) * (const I *)(const void *)(index + (p + AHEAD) * index_step)) * (uintptr_t)x_step); \
            i = i < 0 ? 0 : i >= extent ? extent - 1 : i;                                          \
            *(T *)(void *)(y + p * y_step) = *(const T *)(const void *)(x + i * x_step);           \
        }                                                                                          \
        for (; p < n; ++p) {                                                                       \
            int64_t i = (int64_t) * (const I *)(const void *)(index + p * index_step);             \
            i = i < 0 ? 0 : i >= extent ? extent - 1 : i;                                          \
            *(T *)(void *)(y + p * y_step) = *(const T *)(const void *)(x + i * x_step);           \
        }                                                                                          \
    }                                                                                              \
    static void scatter_##name(int64_t n, char *x, int64_t x_step, int64_t extent, const char *index, \
                               int64_t index_step, const char *y, int64_t y_step)                  \
    {                                                                                              \
        for (int64_t p = 0; p < n; ++p) {                                                          \
            const int64_t i = (int64_t) * (const I *)(const void *)(index + p * index_step);       \
            if (i >= 0 && i < extent)                                                              \
                *(T *)(void *)(x + i * x_step) = *(const T *)(const void *)(y + p * y_step);       \
        }                                                                                          \
    }
#define DEFINE_ADDING_LINE(name, I, T)                                                             \
    static void add_##name(int64_t n, char *x, int64_t x_step, int64_t extent, const char *index,  \
                           int64_t index_step, const char *y, int64_t y_step)                      \
    {                                                                                              \
        for (int64_t p = 0; p < n; ++p) {                                                          \
            const int64_t i = (int64_t) * (const I *)(const void *)(index + p * index_step);       \
            if (i >= 0 && i < extent)                                                              \
                *(T *)(void *)(x + i * x_step) += *(const T *)(const void *)(y + p * y_step);      \
        }                                                                                          \
    }
DEFINE_LINES(i64_8, int64_t, uint64_t)
DEFINE_LINES(i64_4, int64_t, uint32_t)
DEFINE_LINES(i32_8, int32_t, uint64_t)
DEFINE_LINES(i32_4, int32_t, uint32_t)
DEFINE_ADDING_LINE(i64_f64, int64_t, double)
DEFINE_ADDING_LINE(i32_f64, int32_t, double)
DEFINE_ADDING_LINE(i64_f32, int64_t, float)
DEFINE_ADDING_LINE(i32_f32, int32_t, float)

typedef enum movement { GATHER, SET, ADD } movement;

static bool move_line(uint32_t dtype, uint32_t index_dtype, movement how, int64_t n, char *x, int64_t x_step, int64_t extent,
                      const char *index, int64_t index_step, char *y, int64_t y_step)
{
    const bool wide = index_dtype == NUMC_INT64;
    if (!wide && index_dtype != NUMC_INT32)
        return false;
    const uint32_t size = numc_cpu_view_size(dtype);
    if (how == ADD && dtype == NUMC_FLOAT64)
        (wide ? add_i64_f64 : add_i32_f64)(n, x, x_step, extent, index, index_step, y, y_step);
    else if (how == ADD && dtype == NUMC_FLOAT32)
        (wide ? add_i64_f32 : add_i32_f32)(n, x, x_step, extent, index, index_step, y, y_step);
    else if (how == SET && size == 8)
        (wide ? scatter_i64_8 : scatter_i32_8)(n, x, x_step, extent, index, index_step, y, y_step);
    else if (how == SET && size == 4)
        (wide ? scatter_i64_4 : scatter_i32_4)(n, x, x_step, extent, index, index_step, y, y_step);
    else if (how == GATHER && size == 8)
        (wide ? gather_i64_8 : gather_i32_8)(n, x, x_step, extent, index, index_step, y, y_step);
    else if (how == GATHER && size == 4)
        (wide ? gather_i64_4 : gather_i32_4)(n, x, x_step, extent, index, index_step, y, y_step);
    else
        return false;
    return true;
}

/* A long gather along one line in shares, which read and write elements of their own. */
typedef struct gather_task {
    uint32_t dtype, index_dtype;
    int64_t positions, x_step, extent, index_step, y_step;
    char *x, *y;
    const char *index;
} gather_task;

enum { GATHER_SHARE = 1 << 15, GATHER_SPLIT = 1 << 17 };

static void gather_share(void *user, int64_t number)
{
    const gather_task *t = user;
    const int64_t first = number * GATHER_SHARE;
    const int64_t n = t->positions - first < GATHER_SHARE ? t->positions - first : GATHER_SHARE;
    (void)move_line(t->dtype, t->index_dtype, GATHER, n, t->x, t->x_step, t->extent, t->index + first * t->index_step,
                    t->index_step, t->y + first * t->y_step, t->y_step);
}

/* `x` has the axis; `y` has the indices' axes in its place. Values go from x to y, where an index
 * outside the axis is clamped, or back, where it is dropped. */
static int32_t move_by_index(numc_device *device, const numc_view *x, const numc_view *indices, int32_t axis,
                             const numc_view *y, movement how, move_fn move)
{
    const bool to_x = how != GATHER;
    if (axis < 0 || axis >= x->rank || y->rank != x->rank - 1 + indices->rank || x->dtype != y->dtype ||
        indices->dtype < NUMC_INT8 || indices->dtype > NUMC_UINT64)
        return numc_cpu_fail(device->host, NUMC_INVALID_ARGUMENT, "gather or scatter: views do not fit");
    const int32_t inner_axes = x->rank - axis - 1, y_inner = axis + indices->rank;
    const int64_t outer = count_between(x, 0, axis), inner = count_between(x, axis + 1, inner_axes);
    const int64_t positions = count_between(indices, 0, indices->rank);
    const int64_t size = (int64_t)numc_cpu_view_size(x->dtype), extent = x->shape[axis];
    const int64_t index_size = (int64_t)numc_cpu_size(indices->dtype);
    if (outer == 0 || positions == 0 || inner == 0)
        return NUMC_OK;
    if (extent == 0)
        return numc_cpu_fail(device->host, NUMC_INDEX, "gather or scatter: the axis is empty, the indices are not");
    /* the inner axes as rows: one row where they are dense on both sides, else the last axis at a time */
    const bool whole = inner_axes == 0 || (dense(x, axis + 1, inner_axes) && dense(y, y_inner, inner_axes));
    const int64_t length = inner_axes == 0 ? 1 : whole ? inner : x->shape[x->rank - 1];
    const int64_t rows = inner / length;
    const int64_t x_step = whole ? size : x->strides[x->rank - 1] * size, y_step = whole ? size : y->strides[y->rank - 1] * size;
    for (int64_t o = 0; o < outer; ++o) {
        const int64_t x_outer = x->offset + position(x, 0, axis, o), y_outer = y->offset + position(y, 0, axis, o);
        if (how == GATHER && inner == 1 && indices->rank == 1 && positions >= GATHER_SPLIT &&
            (numc_cpu_size(x->dtype) == 8 || numc_cpu_size(x->dtype) == 4) && (indices->dtype == NUMC_INT64 || indices->dtype == NUMC_INT32)) {
            gather_task task = {x->dtype, indices->dtype, positions, x->strides[axis] * size, extent,
                                indices->strides[0] * index_size, y->strides[axis] * size, at_element(x, x_outer, size),
                                at_element(y, y_outer, size), at_element(indices, indices->offset, index_size)};
            device->host->parallel_for(device->host->user, (positions + GATHER_SHARE - 1) / GATHER_SHARE, gather_share, &task);
            continue;
        }
        if (inner == 1 && indices->rank == 1 &&
            move_line(x->dtype, indices->dtype, how, positions, at_element(x, x_outer, size), x->strides[axis] * size, extent,
                      at_element(indices, indices->offset, index_size), indices->strides[0] * index_size,
                      at_element(y, y_outer, size), y->strides[axis] * size))
            continue;
        for (int64_t p = 0; p < positions; ++p) {
            int64_t index = read_index(
                at_element(indices, indices->offset + position(indices, 0, indices->rank, p), index_size), indices->dtype);
            if (to_x && (index < 0 || index >= extent))
                continue;
            index = index < 0 ? 0 : index >= extent ? extent - 1 : index;
            const int64_t x_start = x_outer + index * x->strides[axis];
            const int64_t y_start = y_outer + position(y, axis, indices->rank, p);
            for (int64_t r = 0; r < rows; ++r) {
                char *a = at_element(x, x_start + (whole ? 0 : position(x, axis + 1, inner_axes - 1, r)), size);
                char *b = at_element(y, y_start + (whole ? 0 : position(y, y_inner, inner_axes - 1, r)), size);
                if (to_x)
                    move(length, a, x_step, b, y_step);
                else
                    move(length, b, y_step, a, x_step);
            }
        }
    }
    return NUMC_OK;
}

int32_t numc_cpu_gather(numc_device *device, const numc_view *x, const numc_view *indices, int32_t axis, const numc_view *y)
{
    const uint32_t size = numc_cpu_view_size(x->dtype);
    if (size == 0)
        return numc_cpu_fail(device->host, NUMC_UNSUPPORTED, "gather: dtype not supported");
    return move_by_index(device, x, indices, axis, y, GATHER, settings[size]);
}

int32_t numc_cpu_scatter(numc_device *device, const numc_view *y, const numc_view *indices, int32_t axis,
                         const numc_view *values, uint32_t mode)
{
    const uint32_t size = numc_cpu_view_size(y->dtype);
    const move_fn move = size == 0 || mode > 1 ? NULL : mode == 0 ? settings[size] : additions[y->dtype];
    if (move == NULL)
        return numc_cpu_fail(device->host, NUMC_UNSUPPORTED, "scatter: mode or dtype not supported");
    return move_by_index(device, y, indices, axis, values, mode == 0 ? SET : ADD, move);
}

/* ---- lines: everything that works along one axis ------------------------------------------------------------------------- */

/* The offset of line `number`: the position over all axes but one. */
int64_t numc_cpu_line_start(const numc_view *view, int32_t axis, int64_t number)
{
    int64_t at = view->offset;
    for (int32_t d = view->rank - 1; d >= 0; --d) {
        if (d == axis)
            continue;
        at += number % view->shape[d] * view->strides[d];
        number /= view->shape[d];
    }
    return at;
}

int64_t numc_cpu_line_count(const numc_view *view, int32_t axis)
{
    int64_t count = 1;
    for (int32_t d = 0; d < view->rank; ++d)
        count *= d == axis ? 1 : view->shape[d];
    return count;
}

typedef void (*cumulate_fn)(int64_t n, const void *x, int64_t x_step, void *y, int64_t y_step);

/* total: so far; x: the next element. Steps in elements. */
#define DEFINE_CUMULATE(name, T, formula)                                                          \
    static void name(int64_t n, const void *px, int64_t x_step, void *py, int64_t y_step)          \
    {                                                                                              \
        const T *a = px;                                                                           \
        T *y = py, total = *a;                                                                     \
        *y = total;                                                                                \
        for (int64_t i = 1; i < n; ++i) {                                                          \
            const T x = a[i * x_step];                                                             \
            total = (T)(formula);                                                                  \
            y[i * y_step] = total;                                                                 \
        }                                                                                          \
    }
#define DEFINE_CUMULATES(s, T, U)                                                                  \
    DEFINE_CUMULATE(sum_##s, T, (U)total + (U)x)                                                   \
    DEFINE_CUMULATE(prod_##s, T, (U)total *(U)x)                                                   \
    DEFINE_CUMULATE(max_##s, T, total > x || total != total ? total : x)                           \
    DEFINE_CUMULATE(min_##s, T, total < x || total != total ? total : x)
DEFINE_CUMULATES(i8, int8_t, uint32_t)
DEFINE_CUMULATES(i16, int16_t, uint32_t)
DEFINE_CUMULATES(i32, int32_t, uint32_t)
DEFINE_CUMULATES(i64, int64_t, uint64_t)
DEFINE_CUMULATES(u8, uint8_t, uint32_t)
DEFINE_CUMULATES(u16, uint16_t, uint32_t)
DEFINE_CUMULATES(u32, uint32_t, uint32_t)
DEFINE_CUMULATES(u64, uint64_t, uint64_t)
DEFINE_CUMULATES(f32, float, float)
DEFINE_CUMULATES(f64, double, double)
#define DEFINE_PAIR_CUMULATE(name, T, real, imaginary)                                             \
    static void name(int64_t n, const void *px, int64_t x_step, void *py, int64_t y_step)          \
    {                                                                                              \
        const T *a = px;                                                                           \
        T *y = py, re = a[0], im = a[1];                                                           \
        y[0] = re;                                                                                 \
        y[1] = im;                                                                                 \
        for (int64_t i = 1; i < n; ++i) {                                                          \
            const T *x = a + 2 * i * x_step;                                                       \
            const T next = real;                                                                   \
            im = imaginary;                                                                        \
            re = next;                                                                             \
            y[2 * i * y_step] = re;                                                                \
            y[2 * i * y_step + 1] = im;                                                            \
        }                                                                                          \
    }
DEFINE_PAIR_CUMULATE(sum_c64, float, re + x[0], im + x[1])
DEFINE_PAIR_CUMULATE(sum_c128, double, re + x[0], im + x[1])
DEFINE_PAIR_CUMULATE(prod_c64, float, re *x[0] - im * x[1], re *x[1] + im * x[0])
DEFINE_PAIR_CUMULATE(prod_c128, double, re *x[0] - im * x[1], re *x[1] + im * x[0])

int32_t numc_cpu_cumulative(numc_device *device, const numc_view *x, int32_t axis, uint32_t reduction, uint32_t reverse,
                            const numc_view *y)
{
#define ROW(DTYPE, s) [DTYPE] = {sum_##s, prod_##s, max_##s, min_##s}
    static const cumulate_fn table[NUMC_DTYPE_COUNT][4] = {
        ROW(NUMC_INT8, i8),     ROW(NUMC_INT16, i16),   ROW(NUMC_INT32, i32),   ROW(NUMC_INT64, i64),
        ROW(NUMC_UINT8, u8),    ROW(NUMC_UINT16, u16),  ROW(NUMC_UINT32, u32),  ROW(NUMC_UINT64, u64),
        ROW(NUMC_FLOAT32, f32), ROW(NUMC_FLOAT64, f64), [NUMC_COMPLEX64] = {sum_c64, prod_c64},
        [NUMC_COMPLEX128] = {sum_c128, prod_c128},
    };
#undef ROW
    if (axis < 0 || axis >= x->rank || y->rank != x->rank || x->dtype != y->dtype)
        return numc_cpu_fail(device->host, NUMC_INVALID_ARGUMENT, "cumulative: views do not fit");
    if (reduction < NUMC_REDUCTION_SUM || reduction > NUMC_REDUCTION_MIN || x->dtype >= NUMC_DTYPE_COUNT ||
        table[x->dtype][reduction - NUMC_REDUCTION_SUM] == NULL)
        return numc_cpu_fail(device->host, NUMC_UNSUPPORTED, "cumulative: reduction or dtype not supported");
    const cumulate_fn cumulate = table[x->dtype][reduction - NUMC_REDUCTION_SUM];
    const int64_t lines = numc_cpu_line_count(x, axis), n = x->shape[axis], size = (int64_t)numc_cpu_view_size(x->dtype);
    int64_t x_step = x->strides[axis], y_step = y->strides[axis];
    const int64_t x_first = reverse ? (n - 1) * x_step : 0, y_first = reverse ? (n - 1) * y_step : 0;
    if (reverse) {
        x_step = -x_step;
        y_step = -y_step;
    }
    for (int64_t line = 0; line < lines && n > 0; ++line)
        cumulate(n, at_element(x, numc_cpu_line_start(x, axis, line) + x_first, size), x_step,
                 at_element(y, numc_cpu_line_start(y, axis, line) + y_first, size), y_step);
    return NUMC_OK;
}

/* ---- search ----------------------------------------------------------------------------------------------------- */

/* A number that orders the values of a dtype: -0 equals +0, NaN comes last. */
static uint64_t order_of(uint32_t dtype, const void *value)
{
    const uint64_t sign = UINT64_C(1) << 63;
    switch (dtype) {
    case NUMC_FLOAT64:
    case NUMC_FLOAT32: {
        double x;
        if (dtype == NUMC_FLOAT64) {
            memcpy(&x, value, 8);
        } else {
            float x32;
            memcpy(&x32, value, 4);
            x = (double)x32;
        }
        if (x != x)
            return UINT64_MAX;
        uint64_t bits;
        x += 0.0; /* -0 becomes +0 */
        memcpy(&bits, &x, 8);
        return bits & sign ? ~bits : bits | sign;
    }
    case NUMC_INT8: return (uint64_t)(int64_t)*(const int8_t *)value ^ sign;
    case NUMC_INT16: return (uint64_t)(int64_t)*(const int16_t *)value ^ sign;
    case NUMC_INT32: return (uint64_t)(int64_t)*(const int32_t *)value ^ sign;
    case NUMC_INT64: return (uint64_t)*(const int64_t *)value ^ sign;
    case NUMC_UINT16: return *(const uint16_t *)value;
    case NUMC_UINT32: return *(const uint32_t *)value;
    case NUMC_UINT64: return *(const uint64_t *)value;
    default: return *(const uint8_t *)value;
    }
}

/* Left: the number of elements less than the value; right: less or equal. */
int32_t numc_cpu_search(numc_device *device, const numc_view *sorted, const numc_view *values, uint32_t right,
                        const numc_view *indices)
{
    const int64_t size = (int64_t)numc_cpu_size(values->dtype);
    if (sorted->rank != 1 || sorted->dtype != values->dtype || indices->dtype != NUMC_INT64 ||
        indices->rank != values->rank || size == 0)
        return numc_cpu_fail(device->host, NUMC_INVALID_ARGUMENT, "search: views do not fit");
    const int64_t count = count_between(values, 0, values->rank);
    for (int64_t v = 0; v < count; ++v) {
        const uint64_t order =
            order_of(values->dtype, at_element(values, values->offset + position(values, 0, values->rank, v), size));
        int64_t low = 0, high = sorted->shape[0];
        while (low < high) {
            const int64_t middle = low + (high - low) / 2;
            const uint64_t other =
                order_of(sorted->dtype, at_element(sorted, sorted->offset + middle * sorted->strides[0], size));
            if (right ? other <= order : other < order)
                low = middle + 1;
            else
                high = middle;
        }
        memcpy(at_element(indices, indices->offset + position(indices, 0, indices->rank, v), 8), &low, 8);
    }
    return NUMC_OK;
}
