/*
 * The scalar kernel of devices without double: kernel.h's names as float32 functions of OpenCL C, for texts that say `double`
 * where they would compute more exactly. Errors are those that OpenCL allows its functions (exp, log 3 ULP, most others up to 5,
 * erf, erfc, pow 16), so results differ from other devices' in the last digits; whole numbers, keys and bits are the same.
 * Functions that are not here (beta, incomplete gamma and beta, polygamma, samplers that reject) have no float32 form: a kernel with
 * one of them is refused by numc_gpu_kernel_build and computed by the host.
 */
#ifndef NUMC_KERNEL_NARROW_H
#define NUMC_KERNEL_NARROW_H

#define NUMC_KERNEL_OPENCL 1
#pragma OPENCL FP_CONTRACT OFF
#define double float
typedef uint numc_k_u32;
typedef ulong numc_k_u64;
typedef long numc_k_i64;
#define NUMC_KERNEL_U64(x) x##UL
#define NUMC_KERNEL_FN static inline
#define NUMC_KERNEL_SQRT(x) sqrt(x)
#define NUMC_KERNEL_ABS(x) fabs(x)
#define NUMC_KERNEL_FLOOR(x) floor(x)
#define NUMC_KERNEL_INFINITY as_float(0x7f800000u)
#define NUMC_KERNEL_NAN as_float(0x7fc00000u)
#define NUMC_KERNEL_SQRT2 0x1.6a09e6p+0f
#define NUMC_KERNEL_INV_SQRT2 0x1.6a09e6p-1f
#define NUMC_KERNEL_PI 0x1.921fb6p+1f

#include "bits.h"

#define numc_k_from_bits32(x) as_float((numc_k_u32)(x))
#define numc_k_power_of_two(k) ldexp(1.0f, (int)(k))
#define numc_k_exp(x) exp(x)
#define numc_k_expm1(x) expm1(x)
#define numc_k_log(x) log(x)
#define numc_k_log1p(x) log1p(x)
#define numc_k_log2(x) log2(x)
#define numc_k_log10(x) log10(x)
#define numc_k_sin(x) sin(x)
#define numc_k_cos(x) cos(x)
#define numc_k_tan(x) tan(x)
#define numc_k_asin(x) asin(x)
#define numc_k_acos(x) acos(x)
#define numc_k_atan(x) atan(x)
#define numc_k_sinh(x) sinh(x)
#define numc_k_cosh(x) cosh(x)
#define numc_k_tanh(x) tanh(x)
#define numc_k_asinh(x) asinh(x)
#define numc_k_acosh(x) acosh(x)
#define numc_k_atanh(x) atanh(x)
#define numc_k_lgamma(x) lgamma(x)
#define numc_k_erf(x) erf(x)
#define numc_k_erfc(x) erfc(x)
#define numc_k_pow(x, y) pow(x, y)
#define numc_k_atan2(y, x) atan2(y, x)
#define numc_k_hypot(x, y) hypot(x, y)

NUMC_KERNEL_FN float numc_k_expit(float x)
{
    float e = exp(-fabs(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/* Near 1/2 without the difference of two logarithms; 2p - 1 is exact there. */
NUMC_KERNEL_FN float numc_k_logit(float p)
{
    return p > 0.25f && p < 0.75f ? log1p((2.0f * p - 1.0f) / (1.0f - p)) : log(p) - log1p(-p);
}

NUMC_KERNEL_FN float numc_k_softplus(float x)
{
    return x != x ? x : (x > 0.0f ? x : 0.0f) + log1p(exp(-fabs(x)));
}

/* ln(1 - exp(-x)), x > 0 */
NUMC_KERNEL_FN float numc_k_log1mexp(float x)
{
    return x < 0.6931472f ? log(-expm1(-x)) : log1p(-exp(-x));
}

typedef struct {
    float re, im;
} numc_k_root_pair;

/* exp(2 pi i k / n) as roots.h has it, the angle beyond the nearest quarter turn rounded: within 4 eps. */
NUMC_KERNEL_FN numc_k_root_pair numc_k_root(numc_k_i64 k, numc_k_i64 n)
{
    numc_k_root_pair root;
    numc_k_i64 quarter = (8 * k + n) / (2 * n), rest = 4 * k - quarter * n;
    float angle = (float)rest / (float)n * (0.5f * NUMC_KERNEL_PI), c = cos(angle), s = sin(angle);
    root.re = quarter == 0 || quarter == 4 ? c : quarter == 1 ? -s : quarter == 2 ? -c : s;
    root.im = quarter == 0 || quarter == 4 ? s : quarter == 1 ? c : quarter == 2 ? -s : -c;
    return root;
}

NUMC_KERNEL_FN float numc_k_logaddexp(float x, float y)
{
    float most = x > y ? x : y, apart = fabs(x - y);
    return x == y ? x + 0.6931472f : apart == apart ? most + log1p(exp(-apart)) : x + y;
}

NUMC_KERNEL_FN float numc_k_xlogy(float x, float y)
{
    return x == 0.0f && y == y ? 0.0f : x * log(y);
}

NUMC_KERNEL_FN float numc_k_xlog1py(float x, float y)
{
    return x == 0.0f && y == y ? 0.0f : x * log1p(y);
}

/* psi(x + 1) = psi(x) + 1/x up to 6, then the asymptotic series; psi(x) = psi(1 - x) - pi / tan(pi x). */
NUMC_KERNEL_FN float numc_k_digamma(float x)
{
    float low = 0.0f, r;
    if (x == 0.0f)
        return -1.0f / x;
    if (x < 0.0f) {
        if (x == floor(x))
            return NUMC_KERNEL_NAN;
        low = -NUMC_KERNEL_PI / tan(NUMC_KERNEL_PI * (x - rint(x)));
        x = 1.0f - x;
    }
    for (; x < 6.0f; x += 1.0f)
        low -= 1.0f / x;
    r = 1.0f / (x * x);
    return low + log(x) - 0.5f / x - r * (1.0f / 12 - r * (1.0f / 120 - r * (1.0f / 252)));
}

/* Likewise; psi'(x) = (pi / sin(pi x))^2 - psi'(1 - x). */
NUMC_KERNEL_FN float numc_k_trigamma(float x)
{
    float low = 0.0f, sign = 1.0f, r;
    if (x <= 0.0f) {
        r = NUMC_KERNEL_PI / sin(NUMC_KERNEL_PI * (x - rint(x)));
        low = r * r;
        sign = -1.0f;
        x = 1.0f - x;
    }
    for (; x < 6.0f; x += 1.0f)
        low += sign / (x * x);
    r = 1.0f / (x * x);
    return low + sign * (1.0f / x + 0.5f * r + r / x * (1.0f / 6 - r * (1.0f / 30 - r * (1.0f / 42))));
}

/* erfinv(x) / x from w = -ln(1 - x^2), the two polynomials of Giles (2010), relative error below 3e-7. */
NUMC_KERNEL_FN float numc_k_erfinv_quotient(float w)
{
    float p;
    if (w < 5.0f) {
        w -= 2.5f;
        p = 2.81022636e-08f;
        p = 3.43273939e-07f + p * w;
        p = -3.5233877e-06f + p * w;
        p = -4.39150654e-06f + p * w;
        p = 0.00021858087f + p * w;
        p = -0.00125372503f + p * w;
        p = -0.00417768164f + p * w;
        p = 0.246640727f + p * w;
        return 1.50140941f + p * w;
    }
    w = sqrt(w) - 3.0f;
    p = -0.000200214257f;
    p = 0.000100950558f + p * w;
    p = 0.00134934322f + p * w;
    p = -0.00367342844f + p * w;
    p = 0.00573950773f + p * w;
    p = -0.0076224613f + p * w;
    p = 0.00943887047f + p * w;
    p = 1.00167406f + p * w;
    return 2.83297682f + p * w;
}

NUMC_KERNEL_FN float numc_k_erfinv(float x)
{
    if (fabs(x) >= 1.0f)
        return fabs(x) == 1.0f ? x * NUMC_KERNEL_INFINITY : NUMC_KERNEL_NAN;
    return x * numc_k_erfinv_quotient(-log((1.0f - x) * (1.0f + x)));
}

/* erfc(z) / 2 for z = -x / sqrt(2), with what rounding z left out: erfc'(z) is -2 z erfc(z), nearly, where it matters. */
NUMC_KERNEL_FN float numc_k_ndtr(float x)
{
    float z = -x * NUMC_KERNEL_INV_SQRT2, rest = fma(-x, NUMC_KERNEL_INV_SQRT2, -z) - x * 0x1.9fcef4p-27f;
    float whole = 0.5f * erfc(z);
    return z > 1.0f && whole > 0.0f ? whole * (1.0f - 2.0f * z * rest) : whole;
}

/* Below -10 by the asymptotic series of Mills' ratio. */
NUMC_KERNEL_FN float numc_k_log_ndtr(float x)
{
    float r;
    if (x > 0.0f)
        return log1p(-numc_k_ndtr(-x));
    if (!(x < -10.0f))
        return log(numc_k_ndtr(x));
    r = 1.0f / (x * x);
    return -0.5f * x * x - log(-x) - 0.9189385f + log1p(-r * (1.0f - r * (3.0f - r * 15.0f)));
}

/* sqrt(2) erfinv(2p - 1), where 1 - (2p - 1)^2 = 4 p (1 - p); in the lower tail Newton's method on the logarithm, whose
 * derivative is 1 over Mills' ratio. */
NUMC_KERNEL_FN float numc_k_ndtri(float p)
{
    float y, x;
    if (!(p > 0.0f && p < 1.0f))
        return p == 0.0f ? -NUMC_KERNEL_INFINITY : p == 1.0f ? NUMC_KERNEL_INFINITY : NUMC_KERNEL_NAN;
    if (p > 1e-6f)
        return NUMC_KERNEL_SQRT2 * (2.0f * p - 1.0f) * numc_k_erfinv_quotient(-(log(4.0f * p) + log1p(-p)));
    y = log(p);
    x = -sqrt(-2.0f * y - log(-4.0f * NUMC_KERNEL_PI * y));
    for (int k = 0; k < 3; k++)
        x -= (numc_k_log_ndtr(x) - y) / (-x - 1.0f / x + 2.0f / (x * x * x));
    return x;
}

/* The formulas of random.h on the top bits. */
NUMC_KERNEL_FN float numc_k_sample_normal32(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i)
{
    float u = (as_float((numc_k_bits32(k0, k1, i) >> 9) | 0x3f800000u) - 1.0f) * (1.0f + 0x1.fffffep-1f) - 0x1.fffffep-1f;
    return NUMC_KERNEL_SQRT2 * numc_k_erfinv(u < -0x1.fffffep-1f ? -0x1.fffffep-1f : u);
}

NUMC_KERNEL_FN float numc_k_sample_exponential(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i)
{
    numc_k_u64 u = numc_k_bits64(k0, k1, i) >> 12, middle = (numc_k_u64)1 << 51;
    return u < middle ? -log1p(-(float)u * 0x1p-52f) : -log((float)(2 * middle - u) * 0x1p-52f);
}

#endif
