/* sort.c - stable sort along one axis, NaN last, of values, of their positions, or both. Values become whole numbers of the same
 * order; these are sorted by their bytes, the highest four that differ first, and what is left is put right by insertion. */
#include <string.h>

#include "order.h"

enum {
    RADIX_FROM = 192, /* elements: fewer are merged */
    RUN = 16,         /* elements sorted by insertion before merging */
    MOVES = 4         /* per element, that insertion may make before the lower bytes are sorted too */
};

/* ---- numbers of the same order: -0 equals +0, NaN comes last ------------------------------------------------------------------- */

/* n elements, `step` bytes apart. flip: all ones to sort downwards, where NaN stays last. */
#define DEFINE_WHOLE(name, T, U, SIGN)                                                             \
    static void keys_##name(int64_t n, const char *x, int64_t step, uint64_t flip, uint64_t *keys) \
    {                                                                                              \
        for (int64_t i = 0; i < n; ++i)                                                            \
            keys[i] = (uint64_t)((U)(*(const T *)(const void *)(x + i * step)) ^ (U)(SIGN) ^ (U)flip); \
    }
#define DEFINE_REAL(name, T, U, SIGN, SHIFT)                                                       \
    static void keys_##name(int64_t n, const char *x, int64_t step, uint64_t flip, uint64_t *keys) \
    {                                                                                              \
        for (int64_t i = 0; i < n; ++i) {                                                          \
            const T value = *(const T *)(const void *)(x + i * step) + 0; /* -0 becomes +0 */      \
            U bits;                                                                                \
            memcpy(&bits, &value, sizeof bits);                                                    \
            bits ^= ((U)(0 - (bits >> SHIFT)) | (U)(SIGN)) ^ (U)flip;                              \
            keys[i] = value != value ? (uint64_t)(U)~(U)0 : (uint64_t)bits;                        \
        }                                                                                          \
    }
DEFINE_WHOLE(i8, int8_t, uint8_t, 0x80)
DEFINE_WHOLE(i16, int16_t, uint16_t, 0x8000)
DEFINE_WHOLE(i32, int32_t, uint32_t, 0x80000000)
DEFINE_WHOLE(i64, int64_t, uint64_t, UINT64_C(1) << 63)
DEFINE_WHOLE(u8, uint8_t, uint8_t, 0)
DEFINE_WHOLE(u16, uint16_t, uint16_t, 0)
DEFINE_WHOLE(u32, uint32_t, uint32_t, 0)
DEFINE_WHOLE(u64, uint64_t, uint64_t, 0)
DEFINE_REAL(f32, float, uint32_t, 0x80000000, 31)
DEFINE_REAL(f64, double, uint64_t, UINT64_C(1) << 63, 63)

/* And back. A zero is +0, a NaN some NaN: restore() below gives each its own bits. */
#define DEFINE_WHOLE_BACK(name, T, U, SIGN)                                                        \
    static void values_##name(int64_t n, const uint64_t *keys, uint64_t flip, char *y, int64_t step) \
    {                                                                                              \
        for (int64_t i = 0; i < n; ++i)                                                            \
            *(T *)(void *)(y + i * step) = (T)((U)keys[i] ^ (U)(SIGN) ^ (U)flip);                  \
    }
#define DEFINE_REAL_BACK(name, T, U, SIGN, SHIFT)                                                  \
    static void values_##name(int64_t n, const uint64_t *keys, uint64_t flip, char *y, int64_t step) \
    {                                                                                              \
        for (int64_t i = 0; i < n; ++i) {                                                          \
            U bits = (U)keys[i] ^ (U)flip;                                                         \
            bits ^= (U)((bits >> SHIFT) - 1) | (U)(SIGN);                                          \
            memcpy(y + i * step, &bits, sizeof bits);                                              \
        }                                                                                          \
    }
DEFINE_WHOLE_BACK(i8, int8_t, uint8_t, 0x80)
DEFINE_WHOLE_BACK(i16, int16_t, uint16_t, 0x8000)
DEFINE_WHOLE_BACK(i32, int32_t, uint32_t, 0x80000000)
DEFINE_WHOLE_BACK(i64, int64_t, uint64_t, UINT64_C(1) << 63)
DEFINE_WHOLE_BACK(u8, uint8_t, uint8_t, 0)
DEFINE_WHOLE_BACK(u16, uint16_t, uint16_t, 0)
DEFINE_WHOLE_BACK(u32, uint32_t, uint32_t, 0)
DEFINE_WHOLE_BACK(u64, uint64_t, uint64_t, 0)
DEFINE_REAL_BACK(f32, float, uint32_t, 0x80000000, 31)
DEFINE_REAL_BACK(f64, double, uint64_t, UINT64_C(1) << 63, 63)

/* Zeros and NaN in the order they came in, with their signs and payloads. */
#define DEFINE_RESTORE(name, T)                                                                    \
    static void restore_##name(int64_t n, const char *x, int64_t x_step, char *y, int64_t y_step)  \
    {                                                                                              \
        int64_t zeros = 0, others = n;                                                             \
        for (int64_t i = 0; i < n; ++i) {                                                          \
            const T value = *(const T *)(const void *)(x + i * x_step);                            \
            others -= value != value;                                                              \
            zeros += value == 0;                                                                   \
        }                                                                                          \
        if (zeros == 0 && others == n)                                                             \
            return;                                                                                \
        int64_t zero = 0;                                                                          \
        while (zeros > 0 && *(const T *)(const void *)(y + zero * y_step) != 0)                    \
            ++zero;                                                                                \
        for (int64_t i = 0; i < n; ++i) {                                                          \
            const char *from = x + i * x_step;                                                     \
            const T value = *(const T *)(const void *)from;                                        \
            if (value == 0)                                                                        \
                memcpy(y + zero++ * y_step, from, sizeof(T));                                      \
            else if (value != value)                                                               \
                memcpy(y + others++ * y_step, from, sizeof(T));                                    \
        }                                                                                          \
    }
DEFINE_RESTORE(f32, float)
DEFINE_RESTORE(f64, double)

typedef struct kind {
    void (*keys)(int64_t n, const char *x, int64_t step, uint64_t flip, uint64_t *keys);
    void (*values)(int64_t n, const uint64_t *keys, uint64_t flip, char *y, int64_t step);
    void (*restore)(int64_t n, const char *x, int64_t x_step, char *y, int64_t y_step); /* or NULL */
} kind;
static const kind kinds[NUMC_DTYPE_COUNT] = {
    [NUMC_BOOL] = {keys_u8, values_u8, NULL},     [NUMC_INT8] = {keys_i8, values_i8, NULL},
    [NUMC_INT16] = {keys_i16, values_i16, NULL},  [NUMC_INT32] = {keys_i32, values_i32, NULL},
    [NUMC_INT64] = {keys_i64, values_i64, NULL},  [NUMC_UINT8] = {keys_u8, values_u8, NULL},
    [NUMC_UINT16] = {keys_u16, values_u16, NULL}, [NUMC_UINT32] = {keys_u32, values_u32, NULL},
    [NUMC_UINT64] = {keys_u64, values_u64, NULL}, [NUMC_FLOAT32] = {keys_f32, values_f32, restore_f32},
    [NUMC_FLOAT64] = {keys_f64, values_f64, restore_f64},
};

/* ---- sorting, of keys alone and of keys with their positions ------------------------------------------------------------------- */

typedef struct pair {
    uint64_t key;
    int64_t index;
} pair;

/* Stable, all of it. `other` is as large; the half that holds the result is returned. */
#define DEFINE_SORT(name, T, KEY)                                                                  \
    static bool insert_##name(T *items, int64_t n, int64_t moves)                                  \
    {                                                                                              \
        for (int64_t i = 1; i < n; ++i) {                                                          \
            const T item = items[i];                                                               \
            int64_t k = i;                                                                         \
            for (; k > 0 && KEY(items[k - 1]) > KEY(item); --k)                                    \
                items[k] = items[k - 1];                                                           \
            items[k] = item;                                                                       \
            moves -= i - k;                                                                        \
            if (moves < 0)                                                                         \
                return false;                                                                      \
        }                                                                                          \
        return true;                                                                               \
    }                                                                                              \
    static T *merge_##name(T *items, T *other, int64_t n)                                          \
    {                                                                                              \
        for (int64_t start = 0; start < n; start += RUN)                                           \
            (void)insert_##name(items + start, start + RUN < n ? RUN : n - start, INT64_MAX);      \
        for (int64_t width = RUN; width < n; width *= 2) {                                         \
            for (int64_t start = 0; start < n; start += 2 * width) {                               \
                const int64_t middle = start + width < n ? start + width : n;                      \
                const int64_t end = middle + width < n ? middle + width : n;                       \
                int64_t a = start, b = middle;                                                     \
                for (int64_t k = start; k < end; ++k)                                              \
                    other[k] = b >= end || (a < middle && KEY(items[a]) <= KEY(items[b])) ? items[a++] : items[b++]; \
            }                                                                                      \
            T *swap = items;                                                                       \
            items = other;                                                                         \
            other = swap;                                                                          \
        }                                                                                          \
        return items;                                                                              \
    }                                                                                              \
    /* By the bytes at shift, shift + 8, .. up to bit `top`; of `differ`, a byte in which all agree is passed over. */ \
    static T *passes_##name(T **spare, T *items, int64_t n, int shift, int top, uint64_t differ)   \
    {                                                                                              \
        T *other = *spare;                                                                         \
        for (; shift <= top; shift += 8) {                                                         \
            if ((differ >> shift & 255) == 0)                                                      \
                continue;                                                                          \
            int64_t starts[256] = {0};                                                             \
            for (int64_t i = 0; i < n; ++i)                                                        \
                starts[KEY(items[i]) >> shift & 255]++;                                            \
            int64_t sum = 0;                                                                       \
            for (int k = 0; k < 256; ++k) {                                                        \
                const int64_t count = starts[k];                                                   \
                starts[k] = sum;                                                                   \
                sum += count;                                                                      \
            }                                                                                      \
            for (int64_t i = 0; i < n; ++i) {                                                      \
                const T item = items[i];                                                           \
                other[starts[KEY(item) >> shift & 255]++] = item;                                  \
            }                                                                                      \
            T *swap = items;                                                                       \
            items = other;                                                                         \
            other = swap;                                                                          \
        }                                                                                          \
        *spare = other;                                                                            \
        return items;                                                                              \
    }                                                                                              \
    static T *sort_##name(T *items, T *other, int64_t n)                                           \
    {                                                                                              \
        uint64_t differ = 0;                                                                       \
        bool sorted = true;                                                                        \
        for (int64_t i = 1; i < n; ++i) {                                                          \
            differ |= KEY(items[i]) ^ KEY(items[0]);                                               \
            sorted &= KEY(items[i - 1]) <= KEY(items[i]);                                          \
        }                                                                                          \
        if (sorted)                                                                                \
            return items;                                                                          \
        if (n < RADIX_FROM)                                                                        \
            return merge_##name(items, other, n);                                                  \
        int top = 63;                                                                              \
        while ((differ >> top & 1) == 0)                                                           \
            --top;                                                                                 \
        const int first = top > 31 ? top - 31 : 0;                                                 \
        items = passes_##name(&other, items, n, first, top, differ);                               \
        /* equal so far, in their order: a few out of place are moved, else the bytes below decide, all again */ \
        if ((differ & ((UINT64_C(1) << first) - 1)) != 0 && !insert_##name(items, n, MOVES * n))   \
            items = passes_##name(&other, items, n, 0, top, differ);                               \
        return items;                                                                              \
    }
#define KEY_ITSELF(item) (item)
#define KEY_OF_PAIR(item) ((item).key)
DEFINE_SORT(keys, uint64_t, KEY_ITSELF)
DEFINE_SORT(pairs, pair, KEY_OF_PAIR)

/* ---- lines ---------------------------------------------------------------------------------------------------------------------- */

static void sort_line(const kind *how, int64_t n, uint64_t flip, uint64_t *keys, const char *x, int64_t x_step, char *values,
                      int64_t values_step, char *indices, int64_t indices_step, int64_t size)
{
    how->keys(n, x, x_step, flip, keys);
    if (indices == NULL) {
        how->values(n, sort_keys(keys, keys + n, n), flip, values, values_step);
        if (how->restore != NULL)
            how->restore(n, x, x_step, values, values_step);
        return;
    }
    pair *pairs = (pair *)(void *)(keys + n + (n & 1));
    for (int64_t i = 0; i < n; ++i)
        pairs[i] = (pair){keys[i], i};
    const pair *sorted = sort_pairs(pairs, pairs + n, n);
    for (int64_t i = 0; i < n; ++i)
        *(int64_t *)(void *)(indices + i * indices_step) = sorted[i].index;
    for (int64_t i = 0; i < n && values != NULL; ++i)
        memcpy(values + i * values_step, x + sorted[i].index * x_step, (size_t)size);
}

int32_t numc_cpu_sort(numc_device *device, const numc_view *x, int32_t axis, uint32_t descending, const numc_view *values,
                      const numc_view *indices)
{
    const int64_t size = (int64_t)numc_cpu_size(x->dtype);
    if (axis < 0 || axis >= x->rank || size == 0 ||
        (values != NULL && (values->rank != x->rank || values->dtype != x->dtype)) ||
        (indices != NULL && (indices->rank != x->rank || indices->dtype != NUMC_INT64)))
        return numc_cpu_fail(device->host, NUMC_INVALID_ARGUMENT, "sort: views do not fit");
    const int64_t n = x->shape[axis], lines = numc_cpu_line_count(x, axis);
    if (n == 0 || lines == 0 || (values == NULL && indices == NULL))
        return NUMC_OK;
    if ((uint64_t)n > SIZE_MAX / 64)
        return numc_cpu_fail(device->host, NUMC_MEMORY, "sort: out of memory");
    const size_t bytes = ((size_t)n + 1) * 2 * sizeof(uint64_t) + (indices != NULL ? (size_t)n * 2 * sizeof(pair) : 0);
    uint64_t *keys = numc_cpu_allocate(device->host, bytes);
    if (keys == NULL)
        return numc_cpu_fail(device->host, NUMC_MEMORY, "sort: out of memory");
    numc_cpu_large_pages(keys, bytes);
    for (int64_t line = 0; line < lines; ++line) {
        char *to[2] = {NULL, NULL};
        int64_t steps[2] = {0, 0};
        for (int k = 0; k < 2; k++) {
            const numc_view *view = k == 0 ? values : indices;
            const int64_t each = k == 0 ? size : 8;
            if (view == NULL)
                continue;
            to[k] = (char *)view->memory + numc_cpu_line_start(view, axis, line) * each;
            steps[k] = view->strides[axis] * each;
        }
        sort_line(&kinds[x->dtype], n, descending ? ~UINT64_C(0) : 0, keys,
                  (const char *)x->memory + numc_cpu_line_start(x, axis, line) * size, x->strides[axis] * size, to[0], steps[0],
                  to[1], steps[1], size);
    }
    numc_cpu_free(device->host, keys, bytes);
    return NUMC_OK;
}
