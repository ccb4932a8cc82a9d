/*
 * Random bits and samplers per element: every draw is a pure function of (key, index, parameters). Keys, splits and
 * bits are those of JAX with threefry_partitionable on; element i of an array uses the counter (i >> 32, i).
 *
 * Samplers that need more than one uniform number work in the element's own stream, whose key is split(key, n)[i];
 * attempt t of a rejection loop reads that stream's counters (t, lane), so a draw depends on key and index only.
 * uniform, normal, exponential, gumbel, laplace, logistic, cauchy, bernoulli take the same bits through the same
 * formula as JAX and agree with it to the rounding of its transcendental functions.
 */
#ifndef NUMC_KERNEL_RANDOM_H
#define NUMC_KERNEL_RANDOM_H

#include "error_function.h"
#include "gamma.h"
#include "logistic.h"
#include "bits.h"

/* [0, 1) from the top 52 bits put below the binary point of 1. */
NUMC_KERNEL_FN double numc_k_unit_from_bits(numc_k_u64 bits)
{
    return numc_k_from_bits((bits >> 12) | NUMC_KERNEL_U64(0x3ff0000000000000)) - 1.0;
}

/* (0, 1), symmetric about 1/2: the midpoints of 2^52 equal cells. */
NUMC_KERNEL_FN double numc_k_open_unit_from_bits(numc_k_u64 bits)
{
    return numc_k_unit_from_bits(bits) + 0x1p-53;
}

NUMC_KERNEL_FN double numc_k_sample_uniform(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i)
{
    return numc_k_unit_from_bits(numc_k_bits64(k0, k1, i));
}

/* [low, high): max(low, u (high - low) + low) */
NUMC_KERNEL_FN double numc_k_sample_uniform_between(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i, double low,
                                                    double high)
{
    double x = numc_k_sample_uniform(k0, k1, i) * (high - low) + low;
    return x < low ? low : x;
}

/* The float32 uniform: the top 23 bits of 32. */
NUMC_KERNEL_FN float numc_k_sample_uniform32(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i)
{
    return numc_k_from_bits32((numc_k_bits32(k0, k1, i) >> 9) | 0x3f800000u) - 1.0f;
}

NUMC_KERNEL_FN float numc_k_sample_uniform_between32(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i, float low, float high)
{
    float scaled = numc_k_sample_uniform32(k0, k1, i) * (high - low);
    float x = scaled + low;
    return x < low ? low : x;
}

/* sqrt(2) erfinv(u), u uniform in (-1, 1). */
NUMC_KERNEL_FN double numc_k_sample_normal(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i)
{
    return NUMC_KERNEL_SQRT2 * numc_k_erfinv(numc_k_sample_uniform_between(k0, k1, i, -0x1.fffffffffffffp-1, 1.0));
}

/* The same from a float32 uniform, in double and rounded once. */
NUMC_KERNEL_FN float numc_k_sample_normal32(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i)
{
    float u = numc_k_sample_uniform_between32(k0, k1, i, -0x1.fffffep-1f, 1.0f);
    return (float)(NUMC_KERNEL_SQRT2 * numc_k_erfinv((double)u));
}

/* -ln(1 - u) */
NUMC_KERNEL_FN double numc_k_sample_exponential(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i)
{
    return -numc_k_log1p(-numc_k_sample_uniform(k0, k1, i));
}

/* -ln(-ln u), with the least normal number for u = 0. */
NUMC_KERNEL_FN double numc_k_sample_gumbel(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i)
{
    return -numc_k_log(-numc_k_log(numc_k_sample_uniform_between(k0, k1, i, 0x1p-1022, 1.0)));
}

/* sign(u) ln(1 - |u|), u uniform in (-1, 1). */
NUMC_KERNEL_FN double numc_k_sample_laplace(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i)
{
    double u = numc_k_sample_uniform_between(k0, k1, i, -0x1.fffffffffffffp-1, 1.0);
    double size = numc_k_log1p(-NUMC_KERNEL_ABS(u));
    return u < 0.0 ? -size : size;
}

NUMC_KERNEL_FN double numc_k_sample_logistic(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i)
{
    return numc_k_logit(numc_k_sample_uniform_between(k0, k1, i, 0x1p-1022, 1.0));
}

/* tan(pi (u - 1/2)) */
NUMC_KERNEL_FN double numc_k_sample_cauchy(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i)
{
    return numc_k_tanpi(numc_k_sample_uniform_between(k0, k1, i, 0x1p-1022, 1.0) - 0.5);
}

/* 1 with probability p; NaN unless 0 <= p <= 1. */
NUMC_KERNEL_FN double numc_k_sample_bernoulli(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i, double p)
{
    double x = numc_k_sample_uniform(k0, k1, i) < p ? 1.0 : 0.0;
    return p >= 0.0 && p <= 1.0 ? x : NUMC_KERNEL_NAN;
}

/* Failures before the first success, P(k) = (1-p)^k p: floor(ln u / ln(1-p)). NaN unless 0 < p <= 1. */
NUMC_KERNEL_FN double numc_k_sample_geometric(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i, double p)
{
    double u = numc_k_open_unit_from_bits(numc_k_bits64(k0, k1, i));
    double x = NUMC_KERNEL_FLOOR(numc_k_log(u) / numc_k_log1p(-p));
    return p > 0.0 && p <= 1.0 ? x : NUMC_KERNEL_NAN;
}

/*
 * An integer offset in [0, span), span = 0 standing for 2^64: (high 2^64 + low) mod span with the two words from
 * split(key, 2), so the bias is below span / 2^128. JAX's randint forms the same number and agrees wherever its
 * product does not overflow, that is for span <= 2^32 (2^16 with 32-bit words).
 */
NUMC_KERNEL_FN_LARGE numc_k_u64 numc_k_sample_below64(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i, numc_k_u64 span)
{
    numc_k_key one = numc_k_key_split(k0, k1, 0);
    numc_k_key two = numc_k_key_split(k0, k1, 1);
    numc_k_u64 high = numc_k_bits64(one.first, one.second, i);
    numc_k_u64 low = numc_k_bits64(two.first, two.second, i);
    numc_k_u64 rest;
    if (span == 0)
        return low;
    rest = high % span;
    if (span <= NUMC_KERNEL_U64(0x100000000)) {
        numc_k_u64 multiplier = NUMC_KERNEL_U64(0x100000000) % span;
        multiplier = (multiplier * multiplier) % span;
        return (rest * multiplier + low % span) % span;
    }
    for (int bit = 63; bit >= 0; bit--) {
        /* rest = (2 rest + next bit) mod span, where 2 rest may pass 2^64 */
        numc_k_u64 twice = (rest << 1) | ((low >> bit) & 1u);
        rest = (rest >> 63) || twice >= span ? twice - span : twice;
    }
    return rest;
}

/* The same with 32-bit words; span = 0 stands for 2^32, and the bias is below span / 2^64. */
NUMC_KERNEL_FN numc_k_u32 numc_k_sample_below32(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i, numc_k_u32 span)
{
    numc_k_key one = numc_k_key_split(k0, k1, 0);
    numc_k_key two = numc_k_key_split(k0, k1, 1);
    numc_k_u32 high = numc_k_bits32(one.first, one.second, i);
    numc_k_u32 low = numc_k_bits32(two.first, two.second, i);
    return span == 0 ? low : (numc_k_u32)((((numc_k_u64)high << 32) | low) % span);
}

/* low <= x < high; low where high <= low. */
NUMC_KERNEL_FN numc_k_i64 numc_k_sample_integer(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i, numc_k_i64 low,
                                                numc_k_i64 high)
{
    numc_k_u64 span = high > low ? (numc_k_u64)high - (numc_k_u64)low : 1;
    return (numc_k_i64)((numc_k_u64)low + numc_k_sample_below64(k0, k1, i, span));
}

/* An element's own stream: attempt t of a rejection loop, lane as in the sampler's comment. */
NUMC_KERNEL_FN double numc_k_stream_unit(numc_k_key stream, numc_k_u32 attempt, numc_k_u32 lane)
{
    numc_k_key block = numc_k_threefry(stream.first, stream.second, attempt, lane);
    return numc_k_open_unit_from_bits(((numc_k_u64)block.first << 32) | block.second);
}

/*
 * ln of a Gamma(a, 1) variable (Marsaglia and Tsang 2000): v = (1 + c x)^3, accept where
 * ln u < x^2/2 + d (1 - v + ln v); below a = 1, Gamma(a+1) u^(1/a). Reads lanes lane .. lane+2.
 */
NUMC_KERNEL_FN_LARGE double numc_k_stream_log_gamma(numc_k_key stream, numc_k_u32 lane, double a)
{
    double boost = 0.0;
    double d, c, cube = 1.0;
    if (!(a >= 0.0))
        return NUMC_KERNEL_NAN;
    if (a == 0.0)
        return -NUMC_KERNEL_INFINITY;
    if (a == NUMC_KERNEL_INFINITY)
        return a;
    if (a < 1.0) {
        boost = numc_k_log(numc_k_stream_unit(stream, 0, lane + 2u)) / a;
        a += 1.0;
    }
    d = a - 1.0 / 3.0;
    c = 1.0 / NUMC_KERNEL_SQRT(9.0 * d);
    for (numc_k_u32 attempt = 0; attempt < 1000u; attempt++) {
        double x = numc_k_ndtri(numc_k_stream_unit(stream, attempt, lane));
        double u = numc_k_stream_unit(stream, attempt, lane + 1u);
        double v = 1.0 + c * x;
        if (!(v > 0.0))
            continue;
        cube = v * v * v;
        if (numc_k_log(u) < 0.5 * x * x + d * ((1.0 - cube) + 3.0 * numc_k_log(v)))
            break;
    }
    return (numc_k_log(d) + numc_k_log(cube)) + boost;
}

NUMC_KERNEL_FN double numc_k_sample_log_gamma(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i, double a)
{
    return numc_k_stream_log_gamma(numc_k_key_split(k0, k1, i), 0, a);
}

/* Gamma with shape a and rate 1. */
NUMC_KERNEL_FN double numc_k_sample_gamma(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i, double a)
{
    return numc_k_exp(numc_k_sample_log_gamma(k0, k1, i, a));
}

/* Beta(a, b) = expit(ln Gamma(a) - ln Gamma(b)): right also where both gammas underflow. */
NUMC_KERNEL_FN double numc_k_sample_beta(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i, double a, double b)
{
    numc_k_key stream = numc_k_key_split(k0, k1, i);
    return numc_k_expit(numc_k_stream_log_gamma(stream, 0, a) - numc_k_stream_log_gamma(stream, 4, b));
}

/* z sqrt(df / chi^2(df)), the quotient taken as logarithms; a normal for infinite df. */
NUMC_KERNEL_FN double numc_k_sample_student_t(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i, double df)
{
    numc_k_key stream = numc_k_key_split(k0, k1, i);
    double z = numc_k_ndtri(numc_k_stream_unit(stream, 0, 4));
    double halved = 0.5 * df;
    if (!(df > 0.0))
        return NUMC_KERNEL_NAN;
    if (df == NUMC_KERNEL_INFINITY)
        return z;
    return z * numc_k_exp(0.5 * (numc_k_log(halved) - numc_k_stream_log_gamma(stream, 0, halved)));
}

/* ln of the Poisson probability of k >= 0 (Loader 2000). */
NUMC_KERNEL_FN double numc_k_poisson_log_probability(double k, double rate)
{
    if (k == 0.0)
        return -rate;
    return -(numc_k_stirling(k) + numc_k_deviance(k, rate)) -
           (NUMC_KERNEL_HALF_LOG_2PI_HIGH + 0.5 * numc_k_log(k));
}

/*
 * Poisson counts: below rate 10 the number of uniforms whose product stays above exp(-rate); above it transformed
 * rejection (Hoermann 1993, PTRS). NaN for a negative or NaN rate.
 */
NUMC_KERNEL_FN_LARGE double numc_k_sample_poisson(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i, double rate)
{
    numc_k_key stream = numc_k_key_split(k0, k1, i);
    if (!(rate >= 0.0))
        return NUMC_KERNEL_NAN;
    if (rate == 0.0 || rate == NUMC_KERNEL_INFINITY)
        return rate;
    if (rate < 10.0) {
        double limit = numc_k_exp(-rate);
        double product = 1.0;
        double count = -1.0;
        for (numc_k_u32 attempt = 0; attempt < 1000u; attempt++) {
            product *= numc_k_stream_unit(stream, attempt, 0);
            count += 1.0;
            if (!(product > limit))                              /* limit is 1 for the smallest rates */
                break;
        }
        return count;
    }
    {
        double b = 0.931 + 2.53 * NUMC_KERNEL_SQRT(rate);
        double a = -0.059 + 0.02483 * b;
        double log_inverse_alpha = numc_k_log(1.1239 + 1.1328 / (b - 3.4));
        double edge = 0.9277 - 3.6224 / (b - 2.0);
        double k = NUMC_KERNEL_FLOOR(rate);
        for (numc_k_u32 attempt = 0; attempt < 1000u; attempt++) {
            double u = numc_k_stream_unit(stream, attempt, 0) - 0.5;
            double v = numc_k_stream_unit(stream, attempt, 1);
            double us = 0.5 - NUMC_KERNEL_ABS(u);
            k = NUMC_KERNEL_FLOOR((2.0 * a / us + b) * u + rate + 0.43);
            if (us >= 0.07 && v <= edge)
                break;
            if (k < 0.0 || (us < 0.013 && v > us))
                continue;
            if (numc_k_log(v) + log_inverse_alpha - numc_k_log(a / (us * us) + b) <=
                numc_k_poisson_log_probability(k, rate))
                break;
        }
        return k;
    }
}

/* ln of the binomial probability of k out of n (Loader 2000), 0 < p < 1, q = 1 - p. */
NUMC_KERNEL_FN double numc_k_binomial_log_probability(double k, double n, double p, double q)
{
    double rest = n - k;
    if (k == 0.0)
        return n * numc_k_log1p(-p);
    if (rest == 0.0)
        return n * numc_k_log(p);
    return ((numc_k_stirling(n) - numc_k_stirling(k)) - numc_k_stirling(rest)) -
           (numc_k_deviance(k, n * p) + numc_k_deviance(rest, n * q)) -
           (NUMC_KERNEL_HALF_LOG_2PI_HIGH + 0.5 * (numc_k_log(k) + numc_k_log(rest / n)));
}

/*
 * Binomial counts, with the smaller of p and 1 - p: below a mean of 10 by inversion, above it transformed rejection
 * (Hoermann 1993, BTRS). NaN unless n is a whole number >= 0 and 0 <= p <= 1.
 */
NUMC_KERNEL_FN_LARGE double numc_k_sample_binomial(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i, double n, double p)
{
    numc_k_key stream = numc_k_key_split(k0, k1, i);
    double s = p > 0.5 ? 1.0 - p : p;
    double q = 1.0 - s;
    double k = 0.0;
    if (!(n >= 0.0 && n < 0x1p53 && n == NUMC_KERNEL_FLOOR(n) && p >= 0.0 && p <= 1.0))
        return NUMC_KERNEL_NAN;
    if (s == 0.0 || n == 0.0) {
        k = 0.0;
    } else if (n * s < 10.0) {
        double u = numc_k_stream_unit(stream, 0, 0);
        double term = numc_k_exp(n * numc_k_log1p(-s));
        double odds = s / q;
        while (u > term && k < n && k < 200.0) {
            u -= term;
            k += 1.0;
            term *= odds * ((n - k + 1.0) / k);
        }
    } else {
        double spread = NUMC_KERNEL_SQRT(n * s * q);
        double b = 1.15 + 2.53 * spread;
        double a = -0.0873 + 0.0248 * b + 0.01 * s;
        double c = n * s + 0.5;
        double edge = 0.92 - 4.2 / b;
        double log_alpha = numc_k_log((2.83 + 5.1 / b) * spread);
        double mode = NUMC_KERNEL_FLOOR((n + 1.0) * s);
        double at_mode = numc_k_binomial_log_probability(mode, n, s, q);
        for (numc_k_u32 attempt = 0; attempt < 1000u; attempt++) {
            double u = numc_k_stream_unit(stream, attempt, 0) - 0.5;
            double v = numc_k_stream_unit(stream, attempt, 1);
            double us = 0.5 - NUMC_KERNEL_ABS(u);
            k = NUMC_KERNEL_FLOOR((2.0 * a / us + b) * u + c);
            if (k < 0.0 || k > n)
                continue;
            if (us >= 0.07 && v <= edge)
                break;
            if (numc_k_log(v) + log_alpha - numc_k_log(a / (us * us) + b) <=
                numc_k_binomial_log_probability(k, n, s, q) - at_mode)
                break;
        }
    }
    return p > 0.5 ? n - k : k;
}

#endif
