/* block_math.c - block functions of src/kernel's mathematics (the same bits as everywhere) and, for what src/kernel leaves to
 * the platform, of SLEEF's vector functions: sin, cos, tan, asin, acos, atan, atan2, pow within 1.0 units in the last
 * place, hypot within 0.5; float32 is computed in float64 and rounded once. Without SLEEF, or on a machine it has no plain
 * variant for, libm serves. A loop's tail goes through the same vector function, so an element's bits do not depend on
 * its position. */
#include <math.h>
#include <string.h>

#include "block_template.h"
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
    X(SOFTPLUS, softplus, numc_k_softplus(x))                                                      \
    X(LOG1MEXP, log1mexp, numc_k_log1mexp(-x))
#define VECTOR_BINARY(X)                                                                           \
    X(LOGADDEXP, logaddexp, numc_k_logaddexp(x, y))                                                \
    X(XLOGY, xlogy, numc_k_xlogy(x, y))                                                            \
    X(XLOG1PY, xlog1py, numc_k_xlog1py(x, y))
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

/* ---- SLEEF ---------------------------------------------------------------------------------------------------------------- */

#if defined(NUMC_HAVE_SLEEF) && defined(__AVX2__)
#include <immintrin.h>
#include <sleef.h>
enum { WIDE = 4 };
typedef __m256d wide;
#define SLEEF(name, accuracy) Sleef_##name##d4_##accuracy##avx2
static inline wide wide_load(const double *from)
{
    return _mm256_loadu_pd(from);
}
static inline void wide_store(double *to, wide x)
{
    _mm256_storeu_pd(to, x);
}
#elif defined(NUMC_HAVE_SLEEF) && defined(__SSE2__)
#include <emmintrin.h>
#include <sleef.h>
enum { WIDE = 2 };
typedef __m128d wide;
#define SLEEF(name, accuracy) Sleef_##name##d2_##accuracy##sse2
static inline wide wide_load(const double *from)
{
    return _mm_loadu_pd(from);
}
static inline void wide_store(double *to, wide x)
{
    _mm_storeu_pd(to, x);
}
#else
enum { WIDE = 1 };
typedef double wide;
#define SLEEF(name, accuracy) name
static inline wide wide_load(const double *from)
{
    return *from;
}
static inline void wide_store(double *to, wide x)
{
    *to = x;
}
#endif

#define PLATFORM_UNARY(X)                                                                          \
    X(SIN, sin, u10)                                                                               \
    X(COS, cos, u10)                                                                               \
    X(TAN, tan, u10)                                                                               \
    X(ASIN, asin, u10)                                                                             \
    X(ACOS, acos, u10)                                                                             \
    X(ATAN, atan, u10)
#define PLATFORM_BINARY(X)                                                                         \
    X(POW, pow, u10)                                                                               \
    X(ATAN2, atan2, u10)                                                                           \
    X(HYPOT, hypot, u05)

/* Short pieces are filled up with ones, a value every function takes. */
#define DEFINE_PLATFORM(name, T, take, apply)                                                      \
    static void name(BLOCK_PARAMETERS)                                                             \
    {                                                                                              \
        const T *a = pa, *b = pb;                                                                  \
        T *r = out;                                                                                \
        UNUSED_AFTER_2;                                                                            \
        (void)b;                                                                                   \
        for (size_t i = 0; i < n; i += WIDE) {                                                     \
            double x[WIDE], y[WIDE];                                                               \
            const size_t count = n - i < WIDE ? n - i : WIDE;                                      \
            for (size_t k = 0; k < WIDE; ++k) {                                                    \
                x[k] = k < count ? (double)a[i + k] : 1.0;                                         \
                y[k] = take;                                                                       \
            }                                                                                      \
            wide_store(x, apply);                                                                  \
            (void)y;                                                                               \
            for (size_t k = 0; k < count; ++k)                                                     \
                r[i + k] = (T)x[k];                                                                \
        }                                                                                          \
    }
#define X(OPERATION, name, accuracy)                                                               \
    DEFINE_PLATFORM(name##_f64, double, 1.0, SLEEF(name, accuracy)(wide_load(x)))                  \
    DEFINE_PLATFORM(name##_f32, float, 1.0, SLEEF(name, accuracy)(wide_load(x)))
PLATFORM_UNARY(X)
#undef X
#define X(OPERATION, name, accuracy)                                                               \
    DEFINE_PLATFORM(name##_f64, double, k < count ? (double)b[i + k] : 1.0,                        \
                    SLEEF(name, accuracy)(wide_load(x), wide_load(y)))                             \
    DEFINE_PLATFORM(name##_f32, float, k < count ? (double)b[i + k] : 1.0,                         \
                    SLEEF(name, accuracy)(wide_load(x), wide_load(y)))
PLATFORM_BINARY(X)
#undef X

numc_block_rows NUMC_BLOCK(mathematics)(uint32_t dtype)
{
#define X(OPERATION, name, formula)                                                                \
    {NUMC_SCALAR_##OPERATION, NUMC_FLOAT64, {name##_f64, NULL, NULL, NULL}},
    static const numc_block_row rows_f64[] = {
        VECTOR_UNARY(X) VECTOR_BINARY(X) LONG_UNARY(X) LONG_BINARY(X) PLATFORM_UNARY(X) PLATFORM_BINARY(X)
    };
#undef X
#define X(OPERATION, name, formula)                                                                \
    {NUMC_SCALAR_##OPERATION, NUMC_FLOAT32, {name##_f32, NULL, NULL, NULL}},
    static const numc_block_row rows_f32[] = {
        VECTOR_UNARY(X) VECTOR_BINARY(X) LONG_UNARY(X) LONG_BINARY(X) PLATFORM_UNARY(X) PLATFORM_BINARY(X)
    };
#undef X
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
    };
    return &table;
}
