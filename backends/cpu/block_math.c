/* block_math.c - block functions of src/kernel's mathematics: the same bits as everywhere. Written without branches, most of it
 * becomes vector loops, which run as fast as SLEEF's vector functions or faster (AVX2, ns per value, here and SLEEF 3.5:
 * exp 1.5 1.4, log 1.5 2.7, log1p 1.8 2.9, asin 1.4 2.5, atan 3.0 3.3, hypot 1.7 3.3; sin 2.7 2.0, pow 11 9). */
#include <math.h>
#include <string.h>

#include "block_template.h"
/* One copy of the long functions, called: they are not what is made into vector loops. */
#define NUMC_KERNEL_FN_LARGE static __attribute__((noinline, unused))
#include "kernel/kernel.h"

/* Functions without branches: the compiler makes vector loops of them. */
#define VECTOR_UNARY(X)                                                                            \
    X(EXP, exp, numc_k_exp(x))                                                                     \
    X(EXPM1, expm1, numc_k_expm1(x))                                                               \
    X(LOG, log, numc_k_log(x))                                                                     \
    X(LOG1P, log1p, numc_k_log1p(x))                                                               \
    X(LOG2, log2, numc_k_log2(x))                                                                  \
    X(LOG10, log10, numc_k_log10(x))                                                               \
    X(SINH, sinh, numc_k_sinh(x))                                                                  \
    X(COSH, cosh, numc_k_cosh(x))                                                                  \
    X(TANH, tanh, numc_k_tanh(x))                                                                  \
    X(ASINH, asinh, numc_k_asinh(x))                                                               \
    X(ACOSH, acosh, numc_k_acosh(x))                                                               \
    X(ATANH, atanh, numc_k_atanh(x))                                                               \
    X(EXPIT, expit, numc_k_expit(x))                                                               \
    X(LOGIT, logit, numc_k_logit(x))                                                               \
    X(LOG1MEXP, log1mexp, numc_k_log1mexp(-x))                                                     \
    X(ASIN, asin, numc_k_asin(x))                                                                  \
    X(ACOS, acos, numc_k_acos(x))                                                                  \
    X(ATAN, atan, numc_k_atan(x))
#define VECTOR_BINARY(X)                                                                           \
    X(LOGADDEXP, logaddexp, numc_k_logaddexp(x, y))                                                \
    X(XLOGY, xlogy, numc_k_xlogy(x, y))                                                            \
    X(XLOG1PY, xlog1py, numc_k_xlog1py(x, y))                                                      \
    X(POW, pow, numc_k_pow(x, y))                                                                  \
    X(ATAN2, atan2, numc_k_atan2(x, y))                                                            \
    X(HYPOT, hypot, numc_k_hypot(x, y))
/* Functions that choose between formulas: value by value. */
#define LONG_UNARY(X)                                                                              \
    X(LGAMMA, lgamma, numc_k_lgamma(x))                                                            \
    X(DIGAMMA, digamma, numc_k_digamma(x))                                                         \
    X(TRIGAMMA, trigamma, numc_k_trigamma(x))                                                      \
    X(ERF, erf, numc_k_erf(x))                                                                     \
    X(ERFC, erfc, numc_k_erfc(x))                                                                  \
    X(ERFINV, erfinv, numc_k_erfinv(x))                                                            \
    X(NDTR, ndtr, numc_k_ndtr(x))                                                                  \
    X(LOG_NDTR, log_ndtr, numc_k_log_ndtr(x))                                                      \
    X(NDTRI, ndtri, numc_k_ndtri(x))
#define LONG_BINARY(X)                                                                             \
    X(POLYGAMMA, polygamma, numc_k_polygamma(x, y))                                                \
    X(BETALN, betaln, numc_k_betaln(x, y))

#define DEFINE_MATH_UNARY(name, T, loop, formula)                                                  \
    static void name(BLOCK_PARAMETERS)                                                             \
    {                                                                                              \
        const T *a = pa;                                                                           \
        T *r = out;                                                                                \
        UNUSED_AFTER_1;                                                                            \
        loop                                                                                       \
        for (size_t i = 0; i < n; ++i) {                                                           \
            double x = (double)a[i];                                                               \
            r[i] = (T)(formula);                                                                   \
        }                                                                                          \
    }
#define DEFINE_MATH_BINARY(name, T, loop, formula)                                                 \
    static void name(BLOCK_PARAMETERS)                                                             \
    {                                                                                              \
        const T *a = pa, *b = pb;                                                                  \
        T *r = out;                                                                                \
        UNUSED_AFTER_2;                                                                            \
        loop                                                                                       \
        for (size_t i = 0; i < n; ++i) {                                                           \
            double x = (double)a[i], y = (double)b[i];                                             \
            r[i] = (T)(formula);                                                                   \
        }                                                                                          \
    }
#define X(OPERATION, name, formula)                                                                \
    DEFINE_MATH_UNARY(name##_f64, double, NUMC_BLOCK_LOOP, formula)                                \
    DEFINE_MATH_UNARY(name##_f32, float, NUMC_BLOCK_LOOP, formula)
VECTOR_UNARY(X)
#undef X
#define X(OPERATION, name, formula)                                                                \
    DEFINE_MATH_BINARY(name##_f64, double, NUMC_BLOCK_LOOP, formula)                               \
    DEFINE_MATH_BINARY(name##_f32, float, NUMC_BLOCK_LOOP, formula)
VECTOR_BINARY(X)
#undef X
#define X(OPERATION, name, formula)                                                                \
    DEFINE_MATH_UNARY(name##_f64, double, , formula)                                               \
    DEFINE_MATH_UNARY(name##_f32, float, , formula)
LONG_UNARY(X)
#undef X
#define X(OPERATION, name, formula)                                                                \
    DEFINE_MATH_BINARY(name##_f64, double, , formula)                                              \
    DEFINE_MATH_BINARY(name##_f32, float, , formula)
LONG_BINARY(X)
#undef X

/* ---- softplus: max(x, 0) + log1p(exp(-|x|)) ------------------------------------------------------------------------------ */

/* As src/kernel, in two passes over short pieces: one loop through both functions waits for its own results. */
#define DEFINE_SOFTPLUS(name, T)                                                                   \
    static void name(BLOCK_PARAMETERS)                                                             \
    {                                                                                              \
        enum { PIECE = 64 };                                                                       \
        const T *a = pa;                                                                           \
        T *r = out;                                                                                \
        double e[PIECE];                                                                           \
        UNUSED_AFTER_1;                                                                            \
        for (size_t start = 0; start < n; start += PIECE, a += PIECE, r += PIECE) {                \
            const size_t m = n - start < PIECE ? n - start : PIECE;                                \
            NUMC_BLOCK_LOOP                                                                        \
            for (size_t i = 0; i < m; ++i)                                                         \
                e[i] = numc_k_exp(-fabs((double)a[i]));                                            \
            NUMC_BLOCK_LOOP                                                                        \
            for (size_t i = 0; i < m; ++i) {                                                       \
                const double x = (double)a[i];                                                     \
                r[i] = (T)((x > 0.0 ? x : 0.0) + numc_k_log1p_fraction(e[i]));                              \
            }                                                                                      \
        }                                                                                          \
    }
DEFINE_SOFTPLUS(softplus_f64, double)
DEFINE_SOFTPLUS(softplus_f32, float)

/* ---- sin, cos, tan ------------------------------------------------------------------------------------------------------- */

#define CIRCULAR(X)                                                                                \
    X(SIN, sin, numc_k_sin(x))                                                                     \
    X(COS, cos, numc_k_cos(x))                                                                     \
    X(TAN, tan, numc_k_tan(x))

/* For |x| < 2^20, as src/kernel, with selections in place of branches. */
static inline double near_sin(double x)
{
    const numc_k_angle angle = numc_k_reduce_near(x);
    const double s = numc_k_sin_core(angle.high, angle.low), c = numc_k_cos_core(angle.high, angle.low);
    const double value = angle.quarter & 1 ? c : s, turned = angle.quarter & 2 ? -value : value;
    return x == 0.0 ? x : turned;
}

static inline double near_cos(double x)
{
    const numc_k_angle angle = numc_k_reduce_near(x);
    const double s = numc_k_sin_core(angle.high, angle.low), c = numc_k_cos_core(angle.high, angle.low);
    const double value = angle.quarter & 1 ? s : c;
    return (angle.quarter + 1) & 2 ? -value : value;
}

static inline double near_tan(double x)
{
    const numc_k_angle angle = numc_k_reduce_near(x);
    const double s = numc_k_sin_core(angle.high, angle.low), c = numc_k_cos_core(angle.high, angle.low);
    const double top = angle.quarter & 1 ? -c : s, bottom = angle.quarter & 1 ? s : c;
    return x == 0.0 ? x : top / bottom;
}

/* Where a block holds a larger number, an infinity or a NaN, it goes value by value. */
#define DEFINE_CIRCULAR(name, near, T, formula)                                                    \
    static void name(BLOCK_PARAMETERS)                                                             \
    {                                                                                              \
        const T *a = pa;                                                                           \
        T *r = out;                                                                                \
        int far = 0;                                                                               \
        UNUSED_AFTER_1;                                                                            \
        for (size_t i = 0; i < n; ++i)                                                             \
            far |= !(fabs((double)a[i]) < 0x1p20);                                                 \
        if (far) {                                                                                 \
            for (size_t i = 0; i < n; ++i) {                                                       \
                const double x = (double)a[i];                                                     \
                r[i] = (T)(formula);                                                               \
            }                                                                                      \
            return;                                                                                \
        }                                                                                          \
        NUMC_BLOCK_LOOP                                                                            \
        for (size_t i = 0; i < n; ++i)                                                             \
            r[i] = (T)near((double)a[i]);                                                          \
    }
#define X(OPERATION, name, formula)                                                                \
    DEFINE_CIRCULAR(name##_f64, near_##name, double, formula)                                      \
    DEFINE_CIRCULAR(name##_f32, near_##name, float, formula)
CIRCULAR(X)
#undef X

/* ---- random numbers: a block of bits, then what is made of them ----------------------------------------------------------- */

enum { DRAWS = 64 };

/* Bits of up to DRAWS counters; key_step 0: one key for all. */
static inline void draw_bits(size_t n, uint64_t *out, const uint64_t *keys, size_t key_step, const uint64_t *counters)
{
    if (key_step == 0) {
        const uint32_t first = (uint32_t)(keys[0] >> 32), second = (uint32_t)keys[0];
        NUMC_BLOCK_LOOP
        for (size_t i = 0; i < n; ++i)
            out[i] = numc_k_bits64(first, second, counters[i]);
        return;
    }
    NUMC_BLOCK_LOOP
    for (size_t i = 0; i < n; ++i)
        out[i] = numc_k_bits64((uint32_t)(keys[i] >> 32), (uint32_t)keys[i], counters[i]);
}

/* sqrt(2) erfinv(u), u uniform in (-1, 1): numc_k_sample_normal. */
static inline double normal_of(uint64_t bits)
{
    const double low = -0x1.fffffffffffffp-1;
    const double x = numc_k_unit_from_bits(bits) * (1.0 - low) + low;
    return NUMC_KERNEL_SQRT2 * numc_k_erfinv(x < low ? low : x);
}

/* -ln(1 - u): numc_k_sample_exponential. */
static inline double exponential_of(uint64_t bits)
{
    return -numc_k_log1p(-numc_k_unit_from_bits(bits));
}

/* b: the bits. */
#define DEFINE_DRAW(name, T, key_step, loop, formula)                                              \
    static void name(BLOCK_PARAMETERS)                                                             \
    {                                                                                              \
        const uint64_t *keys = pa, *counters = pb;                                                 \
        uint64_t bits[DRAWS];                                                                      \
        T *r = out;                                                                                \
        UNUSED_AFTER_2;                                                                            \
        for (size_t start = 0; start < n; start += DRAWS) {                                        \
            const size_t m = n - start < DRAWS ? n - start : DRAWS;                                \
            draw_bits(m, bits, keys + start * (key_step), key_step, counters + start);             \
            loop                                                                                   \
            for (size_t i = 0; i < m; ++i) {                                                       \
                const uint64_t b = bits[i];                                                        \
                r[start + i] = (T)(formula);                                                       \
            }                                                                                      \
        }                                                                                          \
    }
#define DEFINE_DRAWS(name, T, loop, formula)                                                       \
    DEFINE_DRAW(name##_vv, T, 1, loop, formula)                                                    \
    DEFINE_DRAW(name##_sv, T, 0, loop, formula)
DEFINE_DRAWS(bits, uint64_t, NUMC_BLOCK_LOOP, b)
DEFINE_DRAWS(normal_f64, double, , normal_of(b))
DEFINE_DRAWS(exponential_f64, double, NUMC_BLOCK_LOOP, exponential_of(b))
DEFINE_DRAWS(exponential_f32, float, NUMC_BLOCK_LOOP, exponential_of(b))
#define DRAW_ROW(OPERATION, DTYPE, name) {NUMC_SCALAR_##OPERATION, DTYPE, {name##_vv, name##_sv, NULL, NULL}}

numc_block_rows NUMC_BLOCK(mathematics)(uint32_t dtype)
{
#define X(OPERATION, name, formula)                                                                \
    {NUMC_SCALAR_##OPERATION, NUMC_FLOAT64, {name##_f64, NULL, NULL, NULL}},
    static const numc_block_row rows_f64[] = {
        VECTOR_UNARY(X) VECTOR_BINARY(X) LONG_UNARY(X) LONG_BINARY(X) CIRCULAR(X)
        X(SOFTPLUS, softplus, )
        DRAW_ROW(RANDOM_NORMAL, NUMC_FLOAT64, normal_f64),
        DRAW_ROW(RANDOM_EXPONENTIAL, NUMC_FLOAT64, exponential_f64),
    };
#undef X
#define X(OPERATION, name, formula)                                                                \
    {NUMC_SCALAR_##OPERATION, NUMC_FLOAT32, {name##_f32, NULL, NULL, NULL}},
    static const numc_block_row rows_f32[] = {
        VECTOR_UNARY(X) VECTOR_BINARY(X) LONG_UNARY(X) LONG_BINARY(X) CIRCULAR(X)
        X(SOFTPLUS, softplus, )
        DRAW_ROW(RANDOM_EXPONENTIAL, NUMC_FLOAT32, exponential_f32),
    };
#undef X
    static const numc_block_row rows_u64[] = {DRAW_ROW(RANDOM_BITS, NUMC_UINT64, bits)};
    if (dtype == NUMC_UINT64)
        return (numc_block_rows){rows_u64, sizeof rows_u64 / sizeof rows_u64[0]};
    if (dtype == NUMC_FLOAT64)
        return (numc_block_rows){rows_f64, sizeof rows_f64 / sizeof rows_f64[0]};
    if (dtype == NUMC_FLOAT32)
        return (numc_block_rows){rows_f32, sizeof rows_f32 / sizeof rows_f32[0]};
    return (numc_block_rows){NULL, 0};
}

/* ---- the table of this instruction set ----------------------------------------------------------------------------------- */

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

const numc_blocks *NUMC_BLOCK(blocks)(void)
{
    static const numc_blocks table = {
        .name = TEXT(NUMC_BLOCK_SET),
        .arithmetic = NUMC_BLOCK(arithmetic),
        .mathematics = NUMC_BLOCK(mathematics),
        .convert = NUMC_BLOCK(convert),
        .reduction = NUMC_BLOCK(reduction),
        .argument = NUMC_BLOCK(argument),
        .memory = NUMC_BLOCK(memory),
        .iota = NUMC_BLOCK(iota),
        .matrix = NUMC_BLOCK(matrix),
        .fft = NUMC_BLOCK(fft),
        .pair = NUMC_BLOCK(pair),
    };
    return &table;
}
