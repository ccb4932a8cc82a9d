/* scalar.c - every scalar operation of NUMC_SCALAR_TABLE at every dtype it admits: the reference the other backends are held to.
 *
 * One list per kind of operation gives name and formula; the functions and the rows of the table follow from it. Functions
 * come from src/kernel, so their bits are the same with every libm. float32 is computed in double and rounded once,
 * except where float arithmetic itself is exactly rounded. Integers wrap around in two's complement. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "kernel/kernel.h"
#include "ref/ref.h"

/* ---- integers ----------------------------------------------------------------------------------------------------------- */

/* Floor division and its remainder (sign of the divisor); a divisor of 0 gives 0 for both; lowest / -1 wraps. */
static int64_t floor_divide_signed(int64_t a, int64_t b)
{
    if (b == 0)
        return 0;
    if (b == -1)
        return (int64_t)(0 - (uint64_t)a);
    int64_t quotient = a / b;
    return quotient - (a % b != 0 && (a < 0) != (b < 0));
}

static int64_t remainder_signed(int64_t a, int64_t b)
{
    if (b == 0 || b == -1)
        return 0;
    int64_t rest = a % b;
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

static uint64_t power_unsigned(uint64_t base, uint64_t exponent)
{
    uint64_t result = 1;
    for (; exponent != 0; exponent >>= 1) {
        if (exponent & 1)
            result *= base;
        base *= base;
    }
    return result;
}

/* A negative exponent: 1 / base^|exponent| truncated, and 0 for base 0. */
static int64_t power_signed(int64_t base, int64_t exponent)
{
    if (exponent < 0)
        return base == 1 ? 1 : base == -1 ? (exponent % 2 != 0 ? -1 : 1) : 0;
    return (int64_t)power_unsigned((uint64_t)base, (uint64_t)exponent);
}

/* X(NAME, name, formula for signed x, formula for unsigned x); the result is cut to the dtype. */
#define INTEGER_UNARY(X)                                                                           \
    X(NEGATIVE, negative, 0 - (uint64_t)x, 0 - x)                                                  \
    X(ABS, abs, x < 0 ? 0 - (uint64_t)x : (uint64_t)x, x)                                          \
    X(SIGN, sign, (x > 0) - (x < 0), x > 0)                                                        \
    X(SQUARE, square, (uint64_t)x *(uint64_t)x, x *x)                                              \
    X(BITWISE_INVERT, bitwise_invert, ~x, ~x)

/* Shifts by a count outside [0, width): left gives 0, right the sign (0 or -1). */
#define INTEGER_BINARY(X)                                                                          \
    X(ADD, add, (uint64_t)x + (uint64_t)y, x + y)                                                  \
    X(SUBTRACT, subtract, (uint64_t)x - (uint64_t)y, x - y)                                        \
    X(MULTIPLY, multiply, (uint64_t)x *(uint64_t)y, x *y)                                          \
    X(FLOOR_DIVIDE, floor_divide, floor_divide_signed(x, y), y == 0 ? 0 : x / y)                   \
    X(REMAINDER, remainder, remainder_signed(x, y), y == 0 ? 0 : x % y)                            \
    X(POW, pow, power_signed(x, y), power_unsigned(x, y))                                          \
    X(MAXIMUM, maximum, x > y ? x : y, x > y ? x : y)                                              \
    X(MINIMUM, minimum, x < y ? x : y, x < y ? x : y)                                              \
    X(BITWISE_AND, bitwise_and, x & y, x & y)                                                      \
    X(BITWISE_OR, bitwise_or, x | y, x | y)                                                        \
    X(BITWISE_XOR, bitwise_xor, x ^ y, x ^ y)                                                      \
    X(BITWISE_LEFT_SHIFT, bitwise_left_shift,                                                      \
      (uint64_t)y < (uint64_t)width ? (uint64_t)x << y : 0, y < (uint64_t)width ? x << y : 0)      \
    X(BITWISE_RIGHT_SHIFT, bitwise_right_shift,                                                    \
      (uint64_t)y < (uint64_t)width ? x >> y : -(x < 0), y < (uint64_t)width ? x >> y : 0)

/* X(NAME, name, formula): the same text serves every dtype. */
#define COMPARISON_EQUALITY(X)                                                                     \
    X(EQUAL, equal, x == y)                                                                        \
    X(NOT_EQUAL, not_equal, x != y)
#define COMPARISON_ORDER(X)                                                                        \
    X(LESS, less, x < y)                                                                           \
    X(LESS_EQUAL, less_equal, x <= y)                                                              \
    X(GREATER, greater, x > y)                                                                     \
    X(GREATER_EQUAL, greater_equal, x >= y)

#define INTEGER_UNARY_FUNCTION(NAME, name, type, wide, formula)                                    \
    static void name(void *result, const void *const *operands)                                    \
    {                                                                                              \
        wide x = *(const type *)operands[0];                                                       \
        *(type *)result = (type)(formula);                                                         \
    }
#define INTEGER_BINARY_FUNCTION(NAME, name, type, wide, formula)                                   \
    static void name(void *result, const void *const *operands)                                    \
    {                                                                                              \
        enum { width = 8 * sizeof(type) };                                                         \
        wide x = *(const type *)operands[0], y = *(const type *)operands[1];                       \
        (void)width;                                                                               \
        *(type *)result = (type)(formula);                                                         \
    }
#define COMPARISON_FUNCTION(name, type, formula)                                                   \
    static void name(void *result, const void *const *operands)                                    \
    {                                                                                              \
        type x = *(const type *)operands[0], y = *(const type *)operands[1];                       \
        *(uint8_t *)result = (uint8_t)(formula);                                                   \
    }
#define WHERE_FUNCTION(name, type)                                                                 \
    static void name(void *result, const void *const *operands)                                    \
    {                                                                                              \
        *(type *)result = *(const type *)operands[*(const uint8_t *)operands[0] ? 1 : 2];          \
    }

#define FUNCTIONS_OF(NAME, name, type)                                                             \
    WHERE_FUNCTION(where_##name, type)                                                             \
    COMPARISON_FUNCTION(equal_##name, type, x == y)                                                \
    COMPARISON_FUNCTION(not_equal_##name, type, x != y)                                            \
    COMPARISON_FUNCTION(less_##name, type, x < y)                                                  \
    COMPARISON_FUNCTION(less_equal_##name, type, x <= y)                                           \
    COMPARISON_FUNCTION(greater_##name, type, x > y)                                               \
    COMPARISON_FUNCTION(greater_equal_##name, type, x >= y)
NUMC_REF_SIGNED(FUNCTIONS_OF)
NUMC_REF_UNSIGNED(FUNCTIONS_OF)
FUNCTIONS_OF(FLOAT32, float32, float)
FUNCTIONS_OF(FLOAT64, float64, double)
WHERE_FUNCTION(where_bool, uint8_t)
COMPARISON_FUNCTION(equal_bool, uint8_t, x == y)
COMPARISON_FUNCTION(not_equal_bool, uint8_t, x != y)

/* One function per operation and dtype: the list of operations is expanded once for each dtype. */
#define X(NAME, name, s, u) INTEGER_UNARY_FUNCTION(NAME, name##_int8, int8_t, int64_t, s)          \
    INTEGER_UNARY_FUNCTION(NAME, name##_int16, int16_t, int64_t, s)                                \
    INTEGER_UNARY_FUNCTION(NAME, name##_int32, int32_t, int64_t, s)                                \
    INTEGER_UNARY_FUNCTION(NAME, name##_int64, int64_t, int64_t, s)                                \
    INTEGER_UNARY_FUNCTION(NAME, name##_uint8, uint8_t, uint64_t, u)                               \
    INTEGER_UNARY_FUNCTION(NAME, name##_uint16, uint16_t, uint64_t, u)                             \
    INTEGER_UNARY_FUNCTION(NAME, name##_uint32, uint32_t, uint64_t, u)                             \
    INTEGER_UNARY_FUNCTION(NAME, name##_uint64, uint64_t, uint64_t, u)
INTEGER_UNARY(X)
#undef X
#define X(NAME, name, s, u) INTEGER_BINARY_FUNCTION(NAME, name##_int8, int8_t, int64_t, s)         \
    INTEGER_BINARY_FUNCTION(NAME, name##_int16, int16_t, int64_t, s)                               \
    INTEGER_BINARY_FUNCTION(NAME, name##_int32, int32_t, int64_t, s)                               \
    INTEGER_BINARY_FUNCTION(NAME, name##_int64, int64_t, int64_t, s)                               \
    INTEGER_BINARY_FUNCTION(NAME, name##_uint8, uint8_t, uint64_t, u)                              \
    INTEGER_BINARY_FUNCTION(NAME, name##_uint16, uint16_t, uint64_t, u)                            \
    INTEGER_BINARY_FUNCTION(NAME, name##_uint32, uint32_t, uint64_t, u)                            \
    INTEGER_BINARY_FUNCTION(NAME, name##_uint64, uint64_t, uint64_t, u)
INTEGER_BINARY(X)
#undef X

/* ---- bool --------------------------------------------------------------------------------------------------------------- */

#define BOOLEAN_BINARY(X)                                                                          \
    X(LOGICAL_AND, logical_and, x & y)                                                             \
    X(LOGICAL_OR, logical_or, x | y)                                                               \
    X(LOGICAL_XOR, logical_xor, x ^ y)                                                             \
    X(BITWISE_AND, bitwise_and, x & y)                                                             \
    X(BITWISE_OR, bitwise_or, x | y)                                                               \
    X(BITWISE_XOR, bitwise_xor, x ^ y)
#define X(NAME, name, formula) COMPARISON_FUNCTION(name##_bool, uint8_t, formula)
BOOLEAN_BINARY(X)
#undef X
static void logical_not_bool(void *result, const void *const *operands)
{
    *(uint8_t *)result = *(const uint8_t *)operands[0] == 0;
}

/* ---- real floats -------------------------------------------------------------------------------------------------------- */

/* The standard's floor division: an infinite operand or a zero divisor as true division (so that of a
 * finite by an infinite number is a zero, not Python's -1); else the exact remainder decides,
 * so that the quotient is a whole number although a / b was rounded. */
static double floor_divide_real(double a, double b)
{
    if (b == 0.0 || !isfinite(a) || !isfinite(b))
        return a / b;
    double rest = fmod(a, b);
    double quotient = (a - rest) / b;
    if (rest != 0.0 && (rest < 0.0) != (b < 0.0))
        quotient -= 1.0;
    if (quotient == 0.0)
        return copysign(0.0, a / b);
    double whole = floor(quotient);
    return quotient - whole > 0.5 ? whole + 1.0 : whole;
}

static double remainder_real(double a, double b)
{
    double rest = fmod(a, b);
    if (rest == 0.0)
        return copysign(0.0, b);
    return (rest < 0.0) != (b < 0.0) ? rest + b : rest;
}

/* X(NAME, name, formula in the dtype `real`): exactly rounded in float as in double. */
#define EXACT_UNARY(X)                                                                             \
    X(NEGATIVE, negative, -x)                                                                      \
    X(SIGN, sign, x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x)                                         \
    X(SQUARE, square, x *x)                                                                        \
    X(RECIPROCAL, reciprocal, 1 / x)
/* Maximum: x when x > y or x is NaN, else y; minimum likewise. So NaN wins and equal operands give the second. */
#define EXACT_BINARY(X)                                                                            \
    X(ADD, add, x + y)                                                                             \
    X(SUBTRACT, subtract, x - y)                                                                   \
    X(MULTIPLY, multiply, x *y)                                                                    \
    X(DIVIDE, divide, x / y)                                                                       \
    X(MAXIMUM, maximum, x > y || x != x ? x : y)                                                   \
    X(MINIMUM, minimum, x < y || x != x ? x : y)
#define REAL_PREDICATE(X)                                                                          \
    X(ISNAN, is_nan, x != x)                                                                       \
    X(ISINF, is_inf, x - x != x - x && x == x)                                                     \
    X(ISFINITE, is_finite, x - x == x - x)

/* X(NAME, name, formula in double). */
#define REAL_UNARY(X)                                                                              \
    X(ABS, abs, fabs(x))                                                                           \
    X(FLOOR, floor, floor(x))                                                                      \
    X(CEIL, ceil, ceil(x))                                                                         \
    X(TRUNC, trunc, trunc(x))                                                                      \
    X(ROUND, round, rint(x))                                                                       \
    X(SQRT, sqrt, sqrt(x))                                                                         \
    X(EXP, exp, numc_k_exp(x))                                                                     \
    X(EXPM1, expm1, numc_k_expm1(x))                                                               \
    X(LOG, log, numc_k_log(x))                                                                     \
    X(LOG1P, log1p, numc_k_log1p(x))                                                               \
    X(LOG2, log2, numc_k_log2(x))                                                                  \
    X(LOG10, log10, numc_k_log10(x))                                                               \
    X(SIN, sin, numc_k_sin(x))                                                                     \
    X(COS, cos, numc_k_cos(x))                                                                     \
    X(TAN, tan, numc_k_tan(x))                                                                     \
    X(ASIN, asin, numc_k_asin(x))                                                                  \
    X(ACOS, acos, numc_k_acos(x))                                                                  \
    X(ATAN, atan, numc_k_atan(x))                                                                  \
    X(SINH, sinh, numc_k_sinh(x))                                                                  \
    X(COSH, cosh, numc_k_cosh(x))                                                                  \
    X(TANH, tanh, numc_k_tanh(x))                                                                  \
    X(ASINH, asinh, numc_k_asinh(x))                                                               \
    X(ACOSH, acosh, numc_k_acosh(x))                                                               \
    X(ATANH, atanh, numc_k_atanh(x))                                                               \
    X(LGAMMA, lgamma, numc_k_lgamma(x))                                                            \
    X(DIGAMMA, digamma, numc_k_digamma(x))                                                         \
    X(TRIGAMMA, trigamma, numc_k_trigamma(x))                                                      \
    X(ERF, erf, numc_k_erf(x))                                                                     \
    X(ERFC, erfc, numc_k_erfc(x))                                                                  \
    X(ERFINV, erfinv, numc_k_erfinv(x))                                                            \
    X(NDTR, ndtr, numc_k_ndtr(x))                                                                  \
    X(LOG_NDTR, log_ndtr, numc_k_log_ndtr(x))                                                      \
    X(NDTRI, ndtri, numc_k_ndtri(x))                                                               \
    X(EXPIT, expit, numc_k_expit(x))                                                               \
    X(LOGIT, logit, numc_k_logit(x))                                                               \
    X(SOFTPLUS, softplus, numc_k_softplus(x))                                                      \
    X(LOG1MEXP, log1mexp, numc_k_log1mexp(-x))
#define REAL_BINARY(X)                                                                             \
    X(FLOOR_DIVIDE, floor_divide, floor_divide_real(x, y))                                         \
    X(REMAINDER, remainder, remainder_real(x, y))                                                  \
    X(POW, pow, numc_k_pow(x, y))                                                                  \
    X(ATAN2, atan2, numc_k_atan2(x, y))                                                            \
    X(HYPOT, hypot, numc_k_hypot(x, y))                                                            \
    X(LOGADDEXP, logaddexp, numc_k_logaddexp(x, y))                                                \
    X(COPYSIGN, copysign, copysign(x, y))                                                          \
    X(XLOGY, xlogy, numc_k_xlogy(x, y))                                                            \
    X(XLOG1PY, xlog1py, numc_k_xlog1py(x, y))                                                      \
    X(POLYGAMMA, polygamma, numc_k_polygamma(x, y))                                                \
    X(BETALN, betaln, numc_k_betaln(x, y))                                                         \
    X(GAMMAINC, gammainc, numc_k_gammainc(x, y))                                                   \
    X(GAMMAINCC, gammaincc, numc_k_gammaincc(x, y))                                                \
    X(GAMMAINC_DA, gammainc_da, numc_k_gammainc_da(x, y))                                          \
    X(GAMMAINCINV, gammaincinv, numc_k_gammaincinv(x, y))                                          \
    X(GAMMAINCCINV, gammainccinv, numc_k_gammainccinv(x, y))
#define REAL_TERNARY(X)                                                                            \
    X(BETAINC, betainc, numc_k_betainc(x, y, z))                                                   \
    X(BETAINC_DA, betainc_da, numc_k_betainc_da(x, y, z))                                          \
    X(BETAINC_DB, betainc_db, numc_k_betainc_db(x, y, z))                                          \
    X(BETAINCINV, betaincinv, numc_k_betaincinv(x, y, z))
/* X(NAME, name, formula): one draw from key and counter `draw` (three arguments), then parameters. */
#define RANDOM_DRAW(X) X(RANDOM_EXPONENTIAL, random_exponential, numc_k_sample_exponential(draw))
#define RANDOM_DRAW_1(X)                                                                           \
    X(RANDOM_GAMMA, random_gamma, numc_k_sample_gamma(draw, x))                                    \
    X(RANDOM_LOGGAMMA, random_loggamma, numc_k_sample_log_gamma(draw, x))                          \
    X(RANDOM_POISSON, random_poisson, numc_k_sample_poisson(draw, x))
#define RANDOM_DRAW_2(X) X(RANDOM_BINOMIAL, random_binomial, numc_k_sample_binomial(draw, x, y))
#define draw (uint32_t)(key >> 32), (uint32_t)key, counter

#define REAL_FUNCTION(name, type, wide, load, formula)                                             \
    static void name(void *result, const void *const *operands)                                    \
    {                                                                                              \
        load(type, wide);                                                                          \
        *(type *)result = (type)(formula);                                                         \
    }
#define LOAD_1(type, wide) wide x = *(const type *)operands[0]
#define LOAD_2(type, wide) LOAD_1(type, wide), y = *(const type *)operands[1]
#define LOAD_3(type, wide) LOAD_2(type, wide), z = *(const type *)operands[2]
#define LOAD_KEY uint64_t key = *(const uint64_t *)operands[0], counter = *(const uint64_t *)operands[1]
#define LOAD_KEY_0(type, wide) LOAD_KEY
#define LOAD_KEY_1(type, wide) LOAD_KEY; wide x = *(const type *)operands[2]
#define LOAD_KEY_2(type, wide) LOAD_KEY_1(type, wide), y = *(const type *)operands[3]

#define X(NAME, name, formula)                                                                     \
    REAL_FUNCTION(name##_float32, float, float, LOAD_1, formula)                                   \
    REAL_FUNCTION(name##_float64, double, double, LOAD_1, formula)
EXACT_UNARY(X)
#undef X
#define X(NAME, name, formula)                                                                     \
    REAL_FUNCTION(name##_float32, float, float, LOAD_2, formula)                                   \
    REAL_FUNCTION(name##_float64, double, double, LOAD_2, formula)
EXACT_BINARY(X)
#undef X
#define WIDE_FUNCTIONS(name, load, formula)                                                        \
    REAL_FUNCTION(name##_float32, float, double, load, formula)                                    \
    REAL_FUNCTION(name##_float64, double, double, load, formula)
#define X(NAME, name, formula) WIDE_FUNCTIONS(name, LOAD_1, formula)
REAL_UNARY(X)
#undef X
#define X(NAME, name, formula) WIDE_FUNCTIONS(name, LOAD_2, formula)
REAL_BINARY(X)
#undef X
#define X(NAME, name, formula) WIDE_FUNCTIONS(name, LOAD_3, formula)
REAL_TERNARY(X)
#undef X
#define X(NAME, name, formula) WIDE_FUNCTIONS(name, LOAD_KEY_0, formula)
RANDOM_DRAW(X)
#undef X
#define X(NAME, name, formula) WIDE_FUNCTIONS(name, LOAD_KEY_1, formula)
RANDOM_DRAW_1(X)
#undef X
#define X(NAME, name, formula) WIDE_FUNCTIONS(name, LOAD_KEY_2, formula)
RANDOM_DRAW_2(X)
#undef X
/* float32 normals have their own definition: 32 bits of the stream, as elsewhere in the ecosystem. */
REAL_FUNCTION(random_normal_float32, float, double, LOAD_KEY_0, numc_k_sample_normal32(draw))
REAL_FUNCTION(random_normal_float64, double, double, LOAD_KEY_0, numc_k_sample_normal(draw))
REAL_FUNCTION(fma_float32, float, float, LOAD_3, fmaf(x, y, z))
REAL_FUNCTION(fma_float64, double, double, LOAD_3, fma(x, y, z))
REAL_FUNCTION(nextafter_float32, float, float, LOAD_2, nextafterf(x, y))
REAL_FUNCTION(nextafter_float64, double, double, LOAD_2, nextafter(x, y))

#define PREDICATE_FUNCTION(name, type, formula)                                                    \
    static void name(void *result, const void *const *operands)                                    \
    {                                                                                              \
        type x = *(const type *)operands[0];                                                       \
        *(uint8_t *)result = (uint8_t)(formula);                                                   \
    }
#define X(NAME, name, formula)                                                                     \
    PREDICATE_FUNCTION(name##_float32, float, formula)                                             \
    PREDICATE_FUNCTION(name##_float64, double, formula)
REAL_PREDICATE(X)
#undef X
PREDICATE_FUNCTION(signbit_float32, float, signbit(x) != 0)
PREDICATE_FUNCTION(signbit_float64, double, signbit(x) != 0)

static void random_bits_uint64(void *result, const void *const *operands)
{
    LOAD_KEY;
    *(uint64_t *)result = numc_k_bits64(draw);
}

/* ---- conversion --------------------------------------------------------------------------------------------------------- */

/* Integers to integers wrap; anything to bool is x != 0 (NaN is true); floats to integers truncate, saturate at the dtype's
 * ends, NaN gives 0; everything else rounds to nearest. */
#define FROM_INTEGER(type) (type) x
#define FROM_REAL(type)                                                                            \
    (x != x ? (type)0                                                                              \
     : (double)x <= TYPE_LOW(type)                                                                 \
         ? (type)TYPE_LOW(type)                                                                    \
         : ((double)x >= TYPE_HIGH(type) ? (type)(TYPE_ONES(type)) : (type)x))
#define IS_SIGNED(type) ((type)-1 < (type)1)
#define TYPE_BITS(type) (8 * (int)sizeof(type))
#define TYPE_LOW(type) (IS_SIGNED(type) ? -0x1p63 / (double)(UINT64_C(1) << (64 - TYPE_BITS(type))) : 0.0)
#define TYPE_HIGH(type)                                                                            \
    ((IS_SIGNED(type) ? 0x1p63 : 0x1p64) / (double)(TYPE_BITS(type) == 64 ? 1 : UINT64_C(1) << (64 - TYPE_BITS(type))))
#define TYPE_ONES(type) (UINT64_MAX >> (64 - TYPE_BITS(type) + (IS_SIGNED(type) ? 1 : 0)))

#define CONVERSION(from, from_type, to, to_type, formula)                                          \
    static void convert_##from##_##to(void *result, const void *const *operands)                   \
    {                                                                                              \
        from_type x = *(const from_type *)operands[0];                                             \
        *(to_type *)result = (formula);                                                            \
    }
#define CONVERSIONS_FROM(from, type, FROM)                                                         \
    CONVERSION(from, type, bool, uint8_t, x != 0)                                                  \
    CONVERSION(from, type, int8, int8_t, FROM(int8_t))                                             \
    CONVERSION(from, type, int16, int16_t, FROM(int16_t))                                          \
    CONVERSION(from, type, int32, int32_t, FROM(int32_t))                                          \
    CONVERSION(from, type, int64, int64_t, FROM(int64_t))                                          \
    CONVERSION(from, type, uint8, uint8_t, FROM(uint8_t))                                          \
    CONVERSION(from, type, uint16, uint16_t, FROM(uint16_t))                                       \
    CONVERSION(from, type, uint32, uint32_t, FROM(uint32_t))                                       \
    CONVERSION(from, type, uint64, uint64_t, FROM(uint64_t))                                       \
    CONVERSION(from, type, float32, float, (float)x)                                               \
    CONVERSION(from, type, float64, double, (double)x)
#define X(NAME, name, type) CONVERSIONS_FROM(name, type, FROM_INTEGER)
NUMC_REF_SIGNED(X)
NUMC_REF_UNSIGNED(X)
CONVERSIONS_FROM(boolean, uint8_t, FROM_INTEGER)
#undef X
CONVERSIONS_FROM(float32, float, FROM_REAL)
CONVERSIONS_FROM(float64, double, FROM_REAL)

#define CONVERSION_ROW(NAME, name, type)                                                           \
    [NUMC_##NAME] = {                                                                              \
        [NUMC_BOOL] = convert_##name##_bool,       [NUMC_INT8] = convert_##name##_int8,            \
        [NUMC_INT16] = convert_##name##_int16,     [NUMC_INT32] = convert_##name##_int32,          \
        [NUMC_INT64] = convert_##name##_int64,     [NUMC_UINT8] = convert_##name##_uint8,          \
        [NUMC_UINT16] = convert_##name##_uint16,   [NUMC_UINT32] = convert_##name##_uint32,        \
        [NUMC_UINT64] = convert_##name##_uint64,   [NUMC_FLOAT32] = convert_##name##_float32,      \
        [NUMC_FLOAT64] = convert_##name##_float64,                                                 \
    },
static const numc_ref_scalar conversions[NUMC_DTYPE_COUNT][NUMC_DTYPE_COUNT] = {
    NUMC_REF_SIGNED(CONVERSION_ROW) NUMC_REF_UNSIGNED(CONVERSION_ROW)
    CONVERSION_ROW(BOOL, boolean, uint8_t)
    CONVERSION_ROW(FLOAT32, float32, float)
    CONVERSION_ROW(FLOAT64, float64, double)
};

/* ---- the table ---------------------------------------------------------------------------------------------------------- */

/* An operation may have functions of integers, of reals and of bools: a table for each. */
#define INTEGER(dtype) ((dtype) - NUMC_INT8)
#define REAL(dtype) ((dtype) - NUMC_FLOAT32)
#define INTEGER_CELLS(name)                                                                        \
    {                                                                                              \
        [INTEGER(NUMC_INT8)] = name##_int8, [INTEGER(NUMC_INT16)] = name##_int16,                  \
        [INTEGER(NUMC_INT32)] = name##_int32, [INTEGER(NUMC_INT64)] = name##_int64,                \
        [INTEGER(NUMC_UINT8)] = name##_uint8, [INTEGER(NUMC_UINT16)] = name##_uint16,              \
        [INTEGER(NUMC_UINT32)] = name##_uint32, [INTEGER(NUMC_UINT64)] = name##_uint64             \
    }
#define REAL_CELLS(name) {[REAL(NUMC_FLOAT32)] = name##_float32, [REAL(NUMC_FLOAT64)] = name##_float64}

static const numc_ref_scalar integer_table[NUMC_SCALAR_LIMIT][INTEGER(NUMC_UINT64) + 1] = {
#define X(NAME, name, s, u) [NUMC_SCALAR_##NAME] = INTEGER_CELLS(name),
    INTEGER_UNARY(X) INTEGER_BINARY(X)
#undef X
#define X(NAME, name, formula) [NUMC_SCALAR_##NAME] = INTEGER_CELLS(name),
    COMPARISON_EQUALITY(X) COMPARISON_ORDER(X)
#undef X
    [NUMC_SCALAR_WHERE] = INTEGER_CELLS(where),
    [NUMC_SCALAR_RANDOM_BITS] = {[INTEGER(NUMC_UINT64)] = random_bits_uint64},
};

static const numc_ref_scalar real_table[NUMC_SCALAR_LIMIT][REAL(NUMC_FLOAT64) + 1] = {
#define X(NAME, name, formula) [NUMC_SCALAR_##NAME] = REAL_CELLS(name),
    EXACT_UNARY(X) EXACT_BINARY(X) REAL_PREDICATE(X) REAL_UNARY(X) REAL_BINARY(X) REAL_TERNARY(X)
    RANDOM_DRAW(X) RANDOM_DRAW_1(X) RANDOM_DRAW_2(X)
    COMPARISON_EQUALITY(X) COMPARISON_ORDER(X)
#undef X
    [NUMC_SCALAR_WHERE] = REAL_CELLS(where),
    [NUMC_SCALAR_RANDOM_NORMAL] = REAL_CELLS(random_normal),
    [NUMC_SCALAR_FMA] = REAL_CELLS(fma),
    [NUMC_SCALAR_NEXTAFTER] = REAL_CELLS(nextafter),
    [NUMC_SCALAR_SIGNBIT] = REAL_CELLS(signbit),
};

static const numc_ref_scalar bool_table[NUMC_SCALAR_LIMIT] = {
#define X(NAME, name, formula) [NUMC_SCALAR_##NAME] = name##_bool,
    COMPARISON_EQUALITY(X) BOOLEAN_BINARY(X)
#undef X
    [NUMC_SCALAR_WHERE] = where_bool,
    [NUMC_SCALAR_LOGICAL_NOT] = logical_not_bool,
    [NUMC_SCALAR_BITWISE_INVERT] = logical_not_bool,
};

numc_ref_scalar numc__ref_scalar_function(uint32_t operation, uint32_t dtype)
{
    if (operation == NUMC_SCALAR_CONVERT) {
        uint32_t from = dtype >> 8, to = dtype & 255u;
        return from < NUMC_DTYPE_COUNT && to < NUMC_DTYPE_COUNT ? conversions[from][to] : NULL;
    }
    if (operation >= NUMC_SCALAR_LIMIT || dtype < NUMC_BOOL || dtype > NUMC_FLOAT64)
        return NULL;
    return dtype == NUMC_BOOL      ? bool_table[operation]
           : dtype <= NUMC_UINT64 ? integer_table[operation][INTEGER(dtype)]
                                  : real_table[operation][REAL(dtype)];
}
