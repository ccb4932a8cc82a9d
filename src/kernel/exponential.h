/*
 * exp, expm1, exp2, log, log1p, log2, log10 and the hyperbolic functions, within 2 units in the last place.
 * No branches and no tables: a loop over any of them is vectorised by gcc and clang at -O3 without changing a bit.
 */
#ifndef NUMC_KERNEL_EXPONENTIAL_H
#define NUMC_KERNEL_EXPONENTIAL_H

#include "config.h"

/* 2^k for an integer-valued k in [-1022, 1023], made in the exponent field. */
NUMC_KERNEL_FN double numc_k_power_of_two(double k)
{
    return numc_k_from_bits(numc_k_to_bits(k + (0x1p52 + 1023.0)) << 52);
}

/* m 2^k for an integer-valued k in [-2044, 2046], rounded once. */
NUMC_KERNEL_FN double numc_k_scale(double m, double k)
{
    double first = (k * 0.5 + NUMC_KERNEL_ROUNDER) - NUMC_KERNEL_ROUNDER;
    return m * numc_k_power_of_two(first) * numc_k_power_of_two(k - first);
}

/* (exp(r) - 1 - r) / r^2 for |r| <= ln(2)/2. */
NUMC_KERNEL_FN double numc_k_exp_polynomial(double r)
{
    double r2 = r * r;
    double r4 = r2 * r2;
    double low = (NUMC_KERNEL_EXP_0 + r * NUMC_KERNEL_EXP_1) + r2 * (NUMC_KERNEL_EXP_2 + r * NUMC_KERNEL_EXP_3);
    double high = (NUMC_KERNEL_EXP_4 + r * NUMC_KERNEL_EXP_5) + r2 * (NUMC_KERNEL_EXP_6 + r * NUMC_KERNEL_EXP_7);
    double top = NUMC_KERNEL_EXP_8 + r * NUMC_KERNEL_EXP_9;
    return low + r4 * (high + r4 * top);
}

/* exp(x + rest) = 2^k exp(r), r = x - k ln 2 + rest, for a rest below the last place of x. */
NUMC_KERNEL_FN double numc_k_exp_sum(double x, double rest)
{
    double k, high, low, r;
    x = x > 710.0 ? 710.0 : x;
    x = x < -746.0 ? -746.0 : x;
    k = (x * 0x1.71547652b82fep+0 + NUMC_KERNEL_ROUNDER) - NUMC_KERNEL_ROUNDER;
    high = x - k * NUMC_KERNEL_LN2_HIGH;
    low = k * NUMC_KERNEL_LN2_LOW - rest;
    r = high - low;
    return numc_k_scale(1.0 + (high + (r * r * numc_k_exp_polynomial(r) - low)), k);
}

NUMC_KERNEL_FN double numc_k_exp(double x)
{
    return numc_k_exp_sum(x, 0.0);
}

/* exp2(x) = 2^k exp((x - k) ln 2); x - k is exact, its product with ln 2 is kept in two pieces. */
NUMC_KERNEL_FN double numc_k_exp2(double x)
{
    double k, f, high, low, r;
    x = x > 1025.0 ? 1025.0 : x;
    x = x < -1077.0 ? -1077.0 : x;
    k = (x + NUMC_KERNEL_ROUNDER) - NUMC_KERNEL_ROUNDER;
    f = x - k;
    r = numc_k_high_part(f);
    high = r * 0x1.62e42f8p-1;
    low = -((f - r) * 0x1.62e42f8p-1 + f * 0x1.be8e7bcd5e4f2p-27);
    r = high - low;
    return numc_k_scale(1.0 + (high + (r * r * numc_k_exp_polynomial(r) - low)), k);
}

/* expm1(x) = 2^k (expm1(r) + (1 - 2^-k)); beyond 2^60 the one is below the last place. */
NUMC_KERNEL_FN double numc_k_expm1(double x)
{
    double k, high, low, r, one, y = x;
    y = y > 710.0 ? 710.0 : y;
    y = y < -50.0 ? -50.0 : y;
    k = (y * 0x1.71547652b82fep+0 + NUMC_KERNEL_ROUNDER) - NUMC_KERNEL_ROUNDER;
    high = y - k * NUMC_KERNEL_LN2_HIGH;
    low = k * NUMC_KERNEL_LN2_LOW;
    r = high - low;
    one = 1.0 - numc_k_power_of_two(k > 60.0 ? -60.0 : -k);
    r = numc_k_scale(one + (high + (r * r * numc_k_exp_polynomial(r) - low)), k);
    return x == 0.0 ? x : r;
}

/* (2 atanh(s) - 2 s) / s, s^2 = z: the part of log((1+s)/(1-s)) after its first term. */
NUMC_KERNEL_FN double numc_k_log_polynomial(double z)
{
    double z2 = z * z;
    double low = (NUMC_KERNEL_LOG_0 + z * NUMC_KERNEL_LOG_1) + z2 * (NUMC_KERNEL_LOG_2 + z * NUMC_KERNEL_LOG_3);
    double high = (NUMC_KERNEL_LOG_4 + z * NUMC_KERNEL_LOG_5) + z2 * NUMC_KERNEL_LOG_6;
    return z * (low + (z2 * z2) * high);
}

/* Bits of sqrt(1/2), and what carries a number in [sqrt(1/2), sqrt(2)) to exponent field 1023. */
#define NUMC_KERNEL_LOG_LOWEST NUMC_KERNEL_U64(0x3fe6a09e667f3bcd)
#define NUMC_KERNEL_LOG_OFFSET NUMC_KERNEL_U64(0x00095f619980c433)

/* x = 2^k m with m in [sqrt(1/2), sqrt(2)): k and m from the bits of a positive normal x. */
NUMC_KERNEL_FN double numc_k_log_exponent(numc_k_u64 bits)
{
    return numc_k_from_bits(((bits + NUMC_KERNEL_LOG_OFFSET) >> 52) | NUMC_KERNEL_U64(0x4330000000000000)) -
           (0x1p52 + 1023.0);
}

NUMC_KERNEL_FN double numc_k_log_mantissa(numc_k_u64 bits)
{
    return numc_k_from_bits(((bits + NUMC_KERNEL_LOG_OFFSET) & NUMC_KERNEL_U64(0x000fffffffffffff)) +
                            NUMC_KERNEL_LOG_LOWEST);
}

/* The special cases shared by the logarithms: log of 0, of a negative number, of infinity and of NaN. */
NUMC_KERNEL_FN double numc_k_log_special(double x, double result)
{
    result = x < NUMC_KERNEL_INFINITY ? result : x;
    result = x == 0.0 ? -NUMC_KERNEL_INFINITY : result;
    return x < 0.0 ? NUMC_KERNEL_NAN : result;
}

/*
 * log(x) = k ln 2 + log(1 + f); with s = f/(2+f), log(1+f) = f - f^2/2 + s (f^2/2 + R(s^2)), whose first two terms
 * carry almost all of the value.
 */
NUMC_KERNEL_FN double numc_k_log(double x)
{
    double small = x < 0x1p-1022 ? 54.0 : 0.0;
    numc_k_u64 bits = numc_k_to_bits(x < 0x1p-1022 ? x * 0x1p54 : x);
    double k = numc_k_log_exponent(bits) - small;
    double f = numc_k_log_mantissa(bits) - 1.0;
    double s = f / (2.0 + f);
    double halved = 0.5 * f * f;
    double tail = s * (halved + numc_k_log_polynomial(s * s)) + k * NUMC_KERNEL_LN2_LOW;
    return numc_k_log_special(x, k * NUMC_KERNEL_LN2_HIGH - ((halved - tail) - f));
}

/* As log of u = 1 + x, plus the first-order effect of what the rounding of u lost. */
NUMC_KERNEL_FN double numc_k_log1p(double x)
{
    double u = 1.0 + x;
    double back = u - 1.0;
    double lost = (1.0 - (u - back)) + (x - back);
    numc_k_u64 bits = numc_k_to_bits(u);
    double k = numc_k_log_exponent(bits);
    double near = numc_k_log_mantissa(bits) - 1.0;
    double f = k == 0.0 ? x : near;
    double correction = k == 0.0 ? 0.0 : lost / u;
    double s = f / (2.0 + f);
    double halved = 0.5 * f * f;
    double tail = s * (halved + numc_k_log_polynomial(s * s)) + (k * NUMC_KERNEL_LN2_LOW + correction);
    double result = numc_k_log_special(u, k * NUMC_KERNEL_LN2_HIGH - ((halved - tail) - f));
    return x == 0.0 ? x : result;
}

/* log1p of e in [0, 1], as ln(1 + exp(-|x|)) asks for: above sqrt(2) - 1 as ln 2 + log1p((e - 1) / 2). */
NUMC_KERNEL_FN double numc_k_log1p_fraction(double e)
{
    double k = e > 0x1.a827999fcef32p-2 ? 1.0 : 0.0;
    double f = e > 0x1.a827999fcef32p-2 ? 0.5 * (e - 1.0) : e;
    double s = f / (2.0 + f);
    double halved = 0.5 * f * f;
    double tail = s * (halved + numc_k_log_polynomial(s * s)) + k * NUMC_KERNEL_LN2_LOW;
    return k * NUMC_KERNEL_LN2_HIGH - ((halved - tail) - f);
}

/* log(1+f) in two pieces times 1/ln b in two pieces, plus k log_b 2: within one place also close to 1. */
NUMC_KERNEL_FN double numc_k_log_base(double x, double inverse_high, double inverse_low, double k_high, double k_low)
{
    double small = x < 0x1p-1022 ? 54.0 : 0.0;
    numc_k_u64 bits = numc_k_to_bits(x < 0x1p-1022 ? x * 0x1p54 : x);
    double k = numc_k_log_exponent(bits) - small;
    double f = numc_k_log_mantissa(bits) - 1.0;
    double s = f / (2.0 + f);
    double halved = 0.5 * f * f;
    double high = numc_k_from_bits(numc_k_to_bits(f - halved) & NUMC_KERNEL_U64(0xffffffff00000000));
    double low = ((f - high) - halved) + s * (halved + numc_k_log_polynomial(s * s));
    double top = high * inverse_high;
    double rest = (low + high) * inverse_low + low * inverse_high + k * k_low;
    double whole = k * k_high;
    double sum = whole + top;
    double lost = (whole - sum) + top;
    return numc_k_log_special(x, sum + (rest + lost));
}

NUMC_KERNEL_FN double numc_k_log2(double x)
{
    return numc_k_log_base(x, NUMC_KERNEL_INV_LN2_HIGH, NUMC_KERNEL_INV_LN2_LOW, 1.0, 0.0);
}

NUMC_KERNEL_FN double numc_k_log10(double x)
{
    return numc_k_log_base(x, NUMC_KERNEL_INV_LN10_HIGH, NUMC_KERNEL_INV_LN10_LOW,
                           NUMC_KERNEL_LOG10_2_HIGH, NUMC_KERNEL_LOG10_2_LOW);
}

/* A sum of two numbers whose second is below the last place of the first, or exactly the lost part of an operation. */
typedef struct numc_k_pair {
    double high;
    double low;
} numc_k_pair;

/* a + b for |a| >= |b| or a = 0 */
NUMC_KERNEL_FN numc_k_pair numc_k_fast_sum(double a, double b)
{
    numc_k_pair out;
    out.high = a + b;
    out.low = (a - out.high) + b;
    return out;
}

/* a b (Dekker) */
NUMC_KERNEL_FN numc_k_pair numc_k_product(double a, double b)
{
    numc_k_pair out;
    double ah = numc_k_high_part(a), al = a - ah;
    double bh = numc_k_high_part(b), bl = b - bh;
    out.high = a * b;
    out.low = (((ah * bh - out.high) + ah * bl) + al * bh) + al * bl;
    return out;
}

/*
 * ln x in two pieces for a positive normal or subnormal x, relative error below 2^-64: with s = f/(2+f) in two pieces,
 * ln(1+f) = s (2 + t), t = z (2/3 + z P(z)), z = s^2.
 */
NUMC_KERNEL_FN numc_k_pair numc_k_log_pair(double x)
{
    double small = x < 0x1p-1022 ? 54.0 : 0.0;
    numc_k_u64 bits = numc_k_to_bits(x < 0x1p-1022 ? x * 0x1p54 : x);
    double k = numc_k_log_exponent(bits) - small;
    double m = numc_k_log_mantissa(bits);
    double f = m - 1.0;
    numc_k_pair down = numc_k_fast_sum(m > 1.0 ? m : 1.0, m > 1.0 ? 1.0 : m), s, z, t, product, sum;
    double p;
    s.high = f / down.high;
    product = numc_k_product(s.high, down.high);
    s.low = (((f - product.high) - product.low) - s.high * down.low) / down.high;
    z = numc_k_product(s.high, s.high);
    z.low += 2.0 * s.high * s.low;
    {
        double w = z.high, w2 = w * w;
        double lower = (NUMC_KERNEL_LOG_FAR_0 + w * NUMC_KERNEL_LOG_FAR_1) +
                       w2 * (NUMC_KERNEL_LOG_FAR_2 + w * NUMC_KERNEL_LOG_FAR_3);
        double upper = (NUMC_KERNEL_LOG_FAR_4 + w * NUMC_KERNEL_LOG_FAR_5) +
                       w2 * (NUMC_KERNEL_LOG_FAR_6 + w * NUMC_KERNEL_LOG_FAR_7);
        p = w2 * (lower + (w2 * w2) * upper);
    }
    t = numc_k_product(z.high, NUMC_KERNEL_TWO_THIRDS_HIGH);
    t.low += z.high * NUMC_KERNEL_TWO_THIRDS_LOW + z.low * NUMC_KERNEL_TWO_THIRDS_HIGH;
    sum = numc_k_fast_sum(t.high, p);
    t.high = sum.high;
    t.low += sum.low;
    product = numc_k_product(s.high, t.high);                /* s t, far below 2 s */
    product.low += s.high * t.low + s.low * t.high;
    sum = numc_k_fast_sum(2.0 * s.high, product.high);
    sum.low += product.low + 2.0 * s.low;
    product = numc_k_fast_sum(k * NUMC_KERNEL_LN2_HIGH, sum.high);
    product.low += sum.low + k * NUMC_KERNEL_LN2_LOW;
    return numc_k_fast_sum(product.high, product.low);
}

/* x^y = exp(y ln x) with ln x and the product in two pieces; special cases as C's pow (C11 F.10.4.4). */
NUMC_KERNEL_FN double numc_k_pow(double x, double y)
{
    double a = NUMC_KERNEL_ABS(x);
    double exponent = y > 0x1p70 ? 0x1p70 : (y < -0x1p70 ? -0x1p70 : y);
    numc_k_pair logarithm = numc_k_log_pair(a);
    numc_k_pair product = numc_k_product(exponent, logarithm.high);
    double size = NUMC_KERNEL_ABS(product.high);
    double rest = size < 800.0 ? product.low + exponent * logarithm.low : 0.0;
    double value = numc_k_exp_sum(product.high, rest);
    /* y mod 2 for |y| < 2^53; larger y are even */
    double odd_y = y - 2.0 * NUMC_KERNEL_FLOOR(0.5 * y);
    double inverted = odd_y == 1.0 ? numc_k_copy_sign(1.0, x) : 1.0;
    double whole = y - NUMC_KERNEL_FLOOR(y);
    /* |x| is 0 or infinite: 0 or infinity by the signs of ln|x| and y */
    double grows = a == 0.0 ? -y : y;
    double extreme = grows > 0.0 ? NUMC_KERNEL_INFINITY : 0.0;
    value = a == 0.0 ? extreme : value;
    value = a == NUMC_KERNEL_INFINITY ? extreme : value;
    value = a == 1.0 ? 1.0 : value;
    value = x < 0.0 && x > -NUMC_KERNEL_INFINITY && whole > 0.0 ? NUMC_KERNEL_NAN : value;
    value *= inverted;
    value = x != x ? x : value;
    value = y != y ? y : value;
    value = x == 1.0 ? 1.0 : value;
    return y == 0.0 ? 1.0 : value;
}

/* sqrt(x^2 + y^2) with the squares' lost parts, scaled against overflow; infinite where either is. */
NUMC_KERNEL_FN double numc_k_hypot(double x, double y)
{
    double a = NUMC_KERNEL_ABS(x), b = NUMC_KERNEL_ABS(y);
    double most = a > b ? a : b, least = a > b ? b : a;
    double scale = most > 0x1p500 ? 0x1p-600 : (most < 0x1p-450 ? 0x1p600 : 1.0);
    double back = most > 0x1p500 ? 0x1p600 : (most < 0x1p-450 ? 0x1p-600 : 1.0);
    numc_k_pair p = numc_k_product(most * scale, most * scale);
    numc_k_pair q = numc_k_product(least * scale, least * scale);
    numc_k_pair sum = numc_k_fast_sum(p.high, q.high);
    double root = NUMC_KERNEL_SQRT(sum.high + (sum.low + (p.low + q.low))) * back;
    int endless = a == NUMC_KERNEL_INFINITY || b == NUMC_KERNEL_INFINITY;
    root = x != x || y != y ? x + y : root;
    return endless ? NUMC_KERNEL_INFINITY : root;
}

/* sinh(x) = (t + t/(t+1)) / 2, t = expm1(|x|); above 709 exp(x/2)^2 / 2. */
NUMC_KERNEL_FN double numc_k_sinh(double x)
{
    double a = NUMC_KERNEL_ABS(x);
    double t = numc_k_expm1(a > 709.0 ? 0.5 * a : a);
    double result = a > 709.0 ? (0.5 * t) * t : 0.5 * (t + t / (t + 1.0));
    return numc_k_copy_sign(result, x);
}

NUMC_KERNEL_FN double numc_k_cosh(double x)
{
    double a = NUMC_KERNEL_ABS(x);
    double e = numc_k_exp(a > 709.0 ? 0.5 * a : a);
    return a > 709.0 ? (0.5 * e) * e : 0.5 * e + 0.5 / e;
}

/* tanh(x) = t/(t+2), t = expm1(2|x|); it is 1 to the last place from 20 on. */
NUMC_KERNEL_FN double numc_k_tanh(double x)
{
    double a = NUMC_KERNEL_ABS(x);
    double t = numc_k_expm1(2.0 * (a > 20.0 ? 20.0 : a));
    return numc_k_copy_sign(t / (t + 2.0), x);
}

/* asinh(x) = log1p(|x| + x^2/(1 + sqrt(1 + x^2))); above 2^28 log(2|x|). */
NUMC_KERNEL_FN double numc_k_asinh(double x)
{
    double a = NUMC_KERNEL_ABS(x);
    double b = a > 0x1p28 ? 1.0 : a;
    double square = b * b;
    double near = numc_k_log1p(b + square / (1.0 + NUMC_KERNEL_SQRT(1.0 + square)));
    double far = numc_k_log(a) + NUMC_KERNEL_LN2;
    return numc_k_copy_sign(a > 0x1p28 ? far : near, x);
}

/* acosh(x) = log1p(t + sqrt(2 t + t^2)), t = x - 1; above 2^28 log(2x); NaN below 1. */
NUMC_KERNEL_FN double numc_k_acosh(double x)
{
    double t = (x > 0x1p28 ? 2.0 : x) - 1.0;
    double near = numc_k_log1p(t + NUMC_KERNEL_SQRT(2.0 * t + t * t));
    double far = numc_k_log(x) + NUMC_KERNEL_LN2;
    double result = x > 0x1p28 ? far : near;
    return x < 1.0 ? NUMC_KERNEL_NAN : result;
}

/* atanh(x) = log1p(2|x| / (1-|x|)) / 2. */
NUMC_KERNEL_FN double numc_k_atanh(double x)
{
    double a = NUMC_KERNEL_ABS(x);
    return numc_k_copy_sign(0.5 * numc_k_log1p((a + a) / (1.0 - a)), x);
}

#endif
