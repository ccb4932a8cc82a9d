/* block_reduce.c - block functions that combine values: 8 lanes, lane l taking the elements i = l mod 8 in increasing i, joined
 * as ((0+4)+(2+6)) + ((1+5)+(3+7)). The lanes are written out so that compilers keep them in vector registers; the order,
 * and with it every bit, is the same whatever the instruction set. */
#include <math.h>
#include <string.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "block_template.h"

/* The tail's length is written as n mod 8 so that compilers see it stays inside the lanes. */
#define DEFINE_LANES(name, T)                                                                      \
    static inline void name##_lanes(size_t n, T *restrict lanes, const T *a)                       \
    {                                                                                              \
        T lane[8];                                                                                 \
        memcpy(lane, lanes, sizeof lane);                                                          \
        const size_t rest = n & 7;                                                                 \
        for (; n >= 8; n -= 8, a += 8)                                                             \
            for (size_t k = 0; k < 8; ++k)                                                         \
                lane[k] = name##_pair(lane[k], a[k]);                                              \
        for (size_t k = 0; k < rest; ++k)                                                          \
            lane[k] = name##_pair(lane[k], a[k]);                                                  \
        memcpy(lanes, lane, sizeof lane);                                                          \
    }
/* Sums and products of floats, the ones that matter most, with the lanes as two vectors. */
#if defined(__GNUC__)
typedef double half_f64 __attribute__((vector_size(32)));
typedef float half_f32 __attribute__((vector_size(16)));
#define DEFINE_VECTOR_LANES(name, T, V, operator)                                                  \
    static inline void name##_lanes(size_t n, T *restrict lanes, const T *a)                       \
    {                                                                                              \
        const size_t rest = n & 7;                                                                 \
        if (n >= 8) {                                                                              \
            V low, high, x, y;                                                                     \
            memcpy(&low, lanes, sizeof low);                                                       \
            memcpy(&high, lanes + 4, sizeof high);                                                 \
            for (; n >= 8; n -= 8, a += 8) {                                                       \
                memcpy(&x, a, sizeof x);                                                           \
                memcpy(&y, a + 4, sizeof y);                                                       \
                low = low operator x;                                                              \
                high = high operator y;                                                            \
            }                                                                                      \
            memcpy(lanes, &low, sizeof low);                                                       \
            memcpy(lanes + 4, &high, sizeof high);                                                 \
        }                                                                                          \
        for (size_t k = 0; k < rest; ++k)                                                          \
            lanes[k] = lanes[k] operator a[k];                                                     \
    }
#else
#define DEFINE_VECTOR_LANES(name, T, V, operator) DEFINE_LANES(name, T)
#endif

/* The extreme of many floats at once, in any order, where the order cannot show: false where a NaN is met, whose place counts,
 * or where the extreme is a zero, whose sign does. Nothing to gain without vectors. */
#if defined(__AVX2__)
#define DEFINE_MANY(name, T, V, width, load, set, extreme, unordered, or, mask, store, worst, sign)  \
    static inline bool name##_many(size_t n, const T *a, T *out)                                   \
    {                                                                                              \
        V x0 = set(worst), x1 = x0, x2 = x0, x3 = x0, bad = unordered(x0, x0, _CMP_UNORD_Q);       \
        size_t i = 0;                                                                              \
        for (; n - i >= 4 * width; i += 4 * width) {                                               \
            const V y0 = load(a + i), y1 = load(a + i + width);                                    \
            const V y2 = load(a + i + 2 * width), y3 = load(a + i + 3 * width);                    \
            x0 = extreme(x0, y0);                                                                  \
            x1 = extreme(x1, y1);                                                                  \
            x2 = extreme(x2, y2);                                                                  \
            x3 = extreme(x3, y3);                                                                  \
            bad = or(bad, or(unordered(y0, y1, _CMP_UNORD_Q), unordered(y2, y3, _CMP_UNORD_Q)));   \
        }                                                                                          \
        if (mask(bad) != 0)                                                                        \
            return false;                                                                          \
        T lane[width], x = worst;                                                                  \
        store(lane, extreme(extreme(x0, x1), extreme(x2, x3)));                                    \
        for (size_t k = 0; k < width; ++k)                                                         \
            x = lane[k] sign x ? lane[k] : x;                                                      \
        for (; i < n; ++i) {                                                                       \
            if (a[i] != a[i])                                                                      \
                return false;                                                                      \
            x = a[i] sign x ? a[i] : x;                                                            \
        }                                                                                          \
        *out = x;                                                                                  \
        return x != 0;                                                                             \
    }
#define F64_MANY(name, extreme, worst, sign)                                                       \
    DEFINE_MANY(name, double, __m256d, 4, _mm256_loadu_pd, _mm256_set1_pd, extreme, _mm256_cmp_pd, _mm256_or_pd, \
                _mm256_movemask_pd, _mm256_storeu_pd, worst, sign)
#define F32_MANY(name, extreme, worst, sign)                                                       \
    DEFINE_MANY(name, float, __m256, 8, _mm256_loadu_ps, _mm256_set1_ps, extreme, _mm256_cmp_ps, _mm256_or_ps, \
                _mm256_movemask_ps, _mm256_storeu_ps, worst, sign)
F64_MANY(max_f64, _mm256_max_pd, (double)-INFINITY, >)
F64_MANY(min_f64, _mm256_min_pd, (double)INFINITY, <)
F32_MANY(max_f32, _mm256_max_ps, -INFINITY, >)
F32_MANY(min_f32, _mm256_min_ps, INFINITY, <)
#else
#define NO_MANY(name, T)                                                                           \
    static inline bool name##_many(size_t n, const T *a, T *out)                                   \
    {                                                                                              \
        (void)n, (void)a, (void)out;                                                               \
        return false;                                                                              \
    }
NO_MANY(max_f64, double)
NO_MANY(min_f64, double)
NO_MANY(max_f32, float)
NO_MANY(min_f32, float)
#endif
/* A value that is neither NaN nor zero may join any lane; the exact way is taken where one is, some thousands at a time. */
#define DEFINE_EXTREME_LANES(name, T)                                                              \
    static inline T name##_exact_pair(T x, T y)                                                    \
    {                                                                                              \
        return name##_pair(x, y);                                                                  \
    }                                                                                              \
    DEFINE_LANES(name##_exact, T)                                                                  \
    static inline void name##_lanes(size_t n, T *restrict lanes, const T *a)                       \
    {                                                                                              \
        while (n >= 64) {                                                                          \
            const size_t m = n < 4096 ? n & ~(size_t)7 : 4096;                                     \
            T x;                                                                                   \
            if (name##_many(m, a, &x))                                                             \
                lanes[0] = name##_pair(lanes[0], x);                                               \
            else                                                                                   \
                name##_exact_lanes(m, lanes, a);                                                   \
            n -= m;                                                                                \
            a += m;                                                                                \
        }                                                                                          \
        name##_exact_lanes(n, lanes, a);                                                           \
    }

/* combine(x, y): x the lane, y the element. */
#define DEFINE_REDUCTION(name, T, identity_value, formula, define_lanes)                           \
    static inline T name##_pair(T x, T y)                                                          \
    {                                                                                              \
        return (T)(formula);                                                                       \
    }                                                                                              \
    define_lanes                                                                                   \
    static inline T name##_join(const T *lane)                                                     \
    {                                                                                              \
        return name##_pair(                                                                        \
            name##_pair(name##_pair(lane[0], lane[4]), name##_pair(lane[2], lane[6])),             \
            name##_pair(name##_pair(lane[1], lane[5]), name##_pair(lane[3], lane[7])));            \
    }                                                                                              \
    static void name##_accumulate(size_t n, void *lanes, const void *a)                            \
    {                                                                                              \
        name##_lanes(n, lanes, a);                                                                 \
    }                                                                                              \
    static void name##_finish(void *out, const void *lanes)                                        \
    {                                                                                              \
        *(T *)out = name##_join(lanes);                                                            \
    }                                                                                              \
    static void name##_whole(size_t n, void *out, const void *a)                                   \
    {                                                                                              \
        T lanes[8];                                                                                \
        for (size_t k = 0; k < 8; ++k)                                                             \
            lanes[k] = (T)(identity_value);                                                        \
        name##_lanes(n, lanes, a);                                                                 \
        *(T *)out = name##_join(lanes);                                                            \
    }                                                                                              \
    static void name##_combine(BLOCK_PARAMETERS)                                                   \
    {                                                                                              \
        const T *a = pa, *b = pb;                                                                  \
        T *r = out;                                                                                \
        UNUSED_AFTER_2;                                                                            \
        NUMC_BLOCK_LOOP                                                                            \
        for (size_t i = 0; i < n; ++i)                                                             \
            r[i] = name##_pair(a[i], b[i]);                                                        \
    }                                                                                              \
    static void name##_combine_4(size_t n, void *out, const void *pa, int64_t step)                \
    {                                                                                              \
        const T *a = pa, *b = (const void *)((const char *)pa + step);                             \
        const T *c = (const void *)((const char *)pa + 2 * step), *d = (const void *)((const char *)pa + 3 * step); \
        T *r = out;                                                                                \
        NUMC_BLOCK_LOOP                                                                            \
        for (size_t i = 0; i < n; ++i)                                                             \
            r[i] = name##_pair(name##_pair(name##_pair(name##_pair(r[i], a[i]), b[i]), c[i]), d[i]); \
    }

#define ROW(REDUCTION, DTYPE, name, T, field, value)                                               \
    {NUMC_REDUCTION_##REDUCTION, DTYPE, sizeof(T), {.field = value}, name##_accumulate,            \
     name##_finish, name##_whole, name##_combine, name##_combine_4}

#define DEFINE_INTEGER(s, T, U, least, most)                                                       \
    DEFINE_REDUCTION(sum_##s, T, 0, (U)x + (U)y, DEFINE_LANES(sum_##s, T))                         \
    DEFINE_REDUCTION(prod_##s, T, 1, (U)x *(U)y, DEFINE_LANES(prod_##s, T))                        \
    DEFINE_REDUCTION(max_##s, T, least, x > y ? x : y, DEFINE_LANES(max_##s, T))                   \
    DEFINE_REDUCTION(min_##s, T, most, x < y ? x : y, DEFINE_LANES(min_##s, T))
DEFINE_INTEGER(i8, int8_t, uint32_t, INT8_MIN, INT8_MAX)
DEFINE_INTEGER(i16, int16_t, uint32_t, INT16_MIN, INT16_MAX)
DEFINE_INTEGER(i32, int32_t, uint32_t, INT32_MIN, INT32_MAX)
DEFINE_INTEGER(i64, int64_t, uint64_t, INT64_MIN, INT64_MAX)
DEFINE_INTEGER(u8, uint8_t, uint32_t, 0, UINT8_MAX)
DEFINE_INTEGER(u16, uint16_t, uint32_t, 0, UINT16_MAX)
DEFINE_INTEGER(u32, uint32_t, uint32_t, 0, UINT32_MAX)
DEFINE_INTEGER(u64, uint64_t, uint64_t, 0, UINT64_MAX)

#define DEFINE_REAL(s, T, V)                                                                       \
    DEFINE_REDUCTION(sum_##s, T, 0, x + y, DEFINE_VECTOR_LANES(sum_##s, T, V, +))                  \
    DEFINE_REDUCTION(prod_##s, T, 1, x *y, DEFINE_VECTOR_LANES(prod_##s, T, V, *))                 \
    DEFINE_REDUCTION(max_##s, T, -INFINITY, ((x > y) | (x != x)) ? x : y, DEFINE_EXTREME_LANES(max_##s, T)) \
    DEFINE_REDUCTION(min_##s, T, INFINITY, ((x < y) | (x != x)) ? x : y, DEFINE_EXTREME_LANES(min_##s, T))
DEFINE_REAL(f32, float, half_f32)
DEFINE_REAL(f64, double, half_f64)

DEFINE_REDUCTION(any_b8, uint8_t, 0, x | y, DEFINE_LANES(any_b8, uint8_t))
DEFINE_REDUCTION(all_b8, uint8_t, 1, x & y, DEFINE_LANES(all_b8, uint8_t))

#define INTEGER_ROWS(DTYPE, s, T, least, most)                                                     \
    ROW(SUM, DTYPE, sum_##s, T, integer, 0), ROW(PROD, DTYPE, prod_##s, T, integer, 1),            \
        ROW(MAX, DTYPE, max_##s, T, integer, (uint64_t)(least)),                                   \
        ROW(MIN, DTYPE, min_##s, T, integer, (uint64_t)(most))
#define REAL_ROWS(DTYPE, s, T, field)                                                              \
    ROW(SUM, DTYPE, sum_##s, T, field, 0), ROW(PROD, DTYPE, prod_##s, T, field, 1),                \
        ROW(MAX, DTYPE, max_##s, T, field, -INFINITY), ROW(MIN, DTYPE, min_##s, T, field, INFINITY)

const numc_block_reduction *NUMC_BLOCK(reduction)(uint32_t reduction, uint32_t dtype)
{
    static const numc_block_reduction rows[] = {
        REAL_ROWS(NUMC_FLOAT64, f64, double, real64),
        REAL_ROWS(NUMC_FLOAT32, f32, float, real32),
        INTEGER_ROWS(NUMC_INT64, i64, int64_t, INT64_MIN, INT64_MAX),
        INTEGER_ROWS(NUMC_INT32, i32, int32_t, INT32_MIN, INT32_MAX),
        INTEGER_ROWS(NUMC_INT16, i16, int16_t, INT16_MIN, INT16_MAX),
        INTEGER_ROWS(NUMC_INT8, i8, int8_t, INT8_MIN, INT8_MAX),
        INTEGER_ROWS(NUMC_UINT64, u64, uint64_t, 0, UINT64_MAX),
        INTEGER_ROWS(NUMC_UINT32, u32, uint32_t, 0, UINT32_MAX),
        INTEGER_ROWS(NUMC_UINT16, u16, uint16_t, 0, UINT16_MAX),
        INTEGER_ROWS(NUMC_UINT8, u8, uint8_t, 0, UINT8_MAX),
        ROW(ANY, NUMC_BOOL, any_b8, uint8_t, integer, 0),
        ROW(ALL, NUMC_BOOL, all_b8, uint8_t, integer, 1),
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i)
        if (rows[i].reduction == reduction && rows[i].dtype == dtype)
            return &rows[i];
    return NULL;
}

/* ---- the first iteration that holds the extreme; a NaN counts as extreme -------------------------------------------------- */

#define DEFINE_EXTREME(name, T, better)                                                            \
    static void name(size_t n, numc_block_extreme *state, const void *pa, int64_t first)           \
    {                                                                                              \
        const T *a = pa;                                                                           \
        T x;                                                                                       \
        int64_t index = state->index;                                                              \
        memcpy(&x, &state->value, sizeof x);                                                       \
        size_t i = 0;                                                                              \
        if (index < 0 && n > 0) {                                                                  \
            x = a[0];                                                                              \
            index = first;                                                                         \
            i = 1;                                                                                 \
        }                                                                                          \
        for (; i < n; ++i) {                                                                       \
            T y = a[i];                                                                            \
            if (better) {                                                                          \
                x = y;                                                                             \
                index = first + (int64_t)i;                                                        \
            }                                                                                      \
        }                                                                                          \
        state->index = index;                                                                      \
        memcpy(&state->value, &x, sizeof x);                                                       \
    }
/* A block at a time: its extreme, found many at once, and only where that is better than the best so far its place. best(m, a, &y):
 * false where the elements are to be looked at one by one. */
#define EXTREME_BLOCK 1024
#define DEFINE_BLOCKS(name, T, best, better)                                                       \
    static void name(size_t n, numc_block_extreme *state, const void *pa, int64_t first)           \
    {                                                                                              \
        const T *a = pa;                                                                           \
        if (state->index < 0 && n > 0) {                                                           \
            name##_each(1, state, a, first);                                                       \
            ++a, ++first, --n;                                                                     \
        }                                                                                          \
        while (n > 0) {                                                                            \
            const size_t m = n < EXTREME_BLOCK ? n : EXTREME_BLOCK;                                \
            T x, y;                                                                                \
            memcpy(&x, &state->value, sizeof x);                                                   \
            if (m < 16 || x != x || !best(m, a, &y)) {                                             \
                name##_each(m, state, a, first);                                                   \
            } else if (better) {                                                                   \
                size_t i = 0;                                                                      \
                for (uint8_t found = 0; i + 32 <= m; i += 32) { /* thirty-two compared at once */  \
                    for (size_t k = 0; k < 32; ++k)                                                \
                        found |= a[i + k] == y;                                                    \
                    if (found)                                                                     \
                        break;                                                                     \
                }                                                                                  \
                while (a[i] != y)                                                                  \
                    ++i;                                                                           \
                memcpy(&state->value, &y, sizeof y);                                               \
                state->index = first + (int64_t)i;                                                 \
            }                                                                                      \
            a += m;                                                                                \
            first += (int64_t)m;                                                                   \
            n -= m;                                                                                \
        }                                                                                          \
    }
#define DEFINE_BEST(name, T, better)                                                               \
    static inline bool name##_best(size_t n, const T *a, T *out)                                   \
    {                                                                                              \
        T x = a[0];                                                                                \
        for (size_t i = 1; i < n; ++i) {                                                           \
            const T y = a[i];                                                                      \
            x = better ? y : x;                                                                    \
        }                                                                                          \
        *out = x;                                                                                  \
        return true;                                                                               \
    }
#define DEFINE_EXTREMES(s, T)                                                                      \
    DEFINE_EXTREME(argmax_##s##_each, T, y > x)                                                    \
    DEFINE_EXTREME(argmin_##s##_each, T, y < x)                                                    \
    DEFINE_BEST(argmax_##s, T, y > x)                                                              \
    DEFINE_BEST(argmin_##s, T, y < x)                                                              \
    DEFINE_BLOCKS(argmax_##s, T, argmax_##s##_best, y > x)                                         \
    DEFINE_BLOCKS(argmin_##s, T, argmin_##s##_best, y < x)
/* _many() answers where the block's extreme is neither NaN nor zero. */
#define DEFINE_REAL_EXTREMES(s, T)                                                                 \
    DEFINE_EXTREME(argmax_##s##_each, T, x == x && !(y <= x))                                      \
    DEFINE_EXTREME(argmin_##s##_each, T, x == x && !(y >= x))                                      \
    DEFINE_BLOCKS(argmax_##s, T, max_##s##_many, y > x)                                            \
    DEFINE_BLOCKS(argmin_##s, T, min_##s##_many, y < x)
DEFINE_EXTREMES(i8, int8_t)
DEFINE_EXTREMES(i16, int16_t)
DEFINE_EXTREMES(i32, int32_t)
DEFINE_EXTREMES(i64, int64_t)
DEFINE_EXTREMES(u8, uint8_t)
DEFINE_EXTREMES(u16, uint16_t)
DEFINE_EXTREMES(u32, uint32_t)
DEFINE_EXTREMES(u64, uint64_t)
DEFINE_REAL_EXTREMES(f32, float)
DEFINE_REAL_EXTREMES(f64, double)

const numc_block_argument *NUMC_BLOCK(argument)(uint32_t reduction, uint32_t dtype)
{
#define EXTREME_ROWS(DTYPE, s)                                                                     \
    {NUMC_REDUCTION_ARGMAX, DTYPE, argmax_##s}, {NUMC_REDUCTION_ARGMIN, DTYPE, argmin_##s}
    static const numc_block_argument rows[] = {
        EXTREME_ROWS(NUMC_FLOAT64, f64), EXTREME_ROWS(NUMC_FLOAT32, f32), EXTREME_ROWS(NUMC_INT64, i64),
        EXTREME_ROWS(NUMC_INT32, i32),   EXTREME_ROWS(NUMC_INT16, i16),   EXTREME_ROWS(NUMC_INT8, i8),
        EXTREME_ROWS(NUMC_UINT64, u64),  EXTREME_ROWS(NUMC_UINT32, u32),  EXTREME_ROWS(NUMC_UINT16, u16),
        EXTREME_ROWS(NUMC_UINT8, u8),    EXTREME_ROWS(NUMC_BOOL, u8),
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i)
        if (rows[i].reduction == reduction && rows[i].dtype == dtype)
            return &rows[i];
    return NULL;
}
