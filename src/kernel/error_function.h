/*
 * erf, erfc, erfcx, their inverses, and the standard normal distribution (ndtr, log_ndtr, ndtri), within 4 units in
 * the last place, tails included: nothing is formed as 1 minus something close to 1.
 */
#ifndef NUMC_KERNEL_ERROR_FUNCTION_H
#define NUMC_KERNEL_ERROR_FUNCTION_H

#include "exponential.h"

/* erf(x) / x for |x| <= 0.766. */
NUMC_KERNEL_FN double numc_k_erf_quotient(double x)
{
    double z = x * x;
    double z2 = z * z;
    double z4 = z2 * z2;
    double low = (NUMC_KERNEL_ERF_0 + z * NUMC_KERNEL_ERF_1) + z2 * (NUMC_KERNEL_ERF_2 + z * NUMC_KERNEL_ERF_3);
    double high = (NUMC_KERNEL_ERF_4 + z * NUMC_KERNEL_ERF_5) + z2 * (NUMC_KERNEL_ERF_6 + z * NUMC_KERNEL_ERF_7);
    double top = NUMC_KERNEL_ERF_8 + z * (NUMC_KERNEL_ERF_9 + z * NUMC_KERNEL_ERF_10);
    return low + z4 * (high + z4 * top);
}

/* erfcx(x) = exp(x^2) erfc(x) for x >= 1/2: polynomials to 7, then one in 1/x^2, then 1/(x sqrt(pi)). */
NUMC_KERNEL_FN double numc_k_erfcx_tail(double x)
{
    if (x < 7.0) {
        int piece = (int)(2.0 * x) - 1;
        double t = x - (0.5 * (double)piece + 0.75);
        double p = numc_k_erfcx_table[piece][0];
        for (int i = 1; i < NUMC_KERNEL_ERFCX_LENGTH; i++)
            p = p * t + numc_k_erfcx_table[piece][i];
        return p;
    } else {
        double r = 1.0 / x;
        double z = r * r;
        double p = NUMC_KERNEL_ERFCX_FAR_6 + z * (NUMC_KERNEL_ERFCX_FAR_7 + z * (NUMC_KERNEL_ERFCX_FAR_8 +
                   z * NUMC_KERNEL_ERFCX_FAR_9));
        p = NUMC_KERNEL_ERFCX_FAR_3 + z * (NUMC_KERNEL_ERFCX_FAR_4 + z * (NUMC_KERNEL_ERFCX_FAR_5 + z * p));
        p = NUMC_KERNEL_ERFCX_FAR_0 + z * (NUMC_KERNEL_ERFCX_FAR_1 + z * (NUMC_KERNEL_ERFCX_FAR_2 + z * p));
        return r * p;
    }
}

/* exp(-scale x^2) with the rounding error of x^2 put back; scale is 1 or 1/2. */
NUMC_KERNEL_FN double numc_k_exp_minus_square(double x, double scale)
{
    double high = numc_k_high_part(x);
    double low = x - high;
    double square = x * x;
    double lost = ((high * high - square) + 2.0 * high * low) + low * low;
    return square > 1500.0 ? 0.0 : numc_k_exp_sum(-scale * square, -scale * lost);
}

/* erfc for x >= 1/2. */
NUMC_KERNEL_FN double numc_k_erfc_tail(double x)
{
    return x > 27.5 ? 0.0 : numc_k_exp_minus_square(x, 1.0) * numc_k_erfcx_tail(x);
}

NUMC_KERNEL_FN_LARGE double numc_k_erf(double x)
{
    double a = NUMC_KERNEL_ABS(x);
    if (!(a >= 0.75))
        return x * numc_k_erf_quotient(x);
    return numc_k_copy_sign(a > 6.0 ? 1.0 : 1.0 - numc_k_erfc_tail(a), x);
}

NUMC_KERNEL_FN_LARGE double numc_k_erfc(double x)
{
    if (x >= 0.5)
        return numc_k_erfc_tail(x);
    if (x <= -0.5)
        return x < -6.0 ? 2.0 : 2.0 - numc_k_erfc_tail(-x);
    return 1.0 - x * numc_k_erf_quotient(x);
}

NUMC_KERNEL_FN_LARGE double numc_k_erfcx(double x)
{
    if (x >= 0.5)
        return x > 0x1p1020 ? NUMC_KERNEL_INV_SQRT_PI / x : numc_k_erfcx_tail(x);
    if (x <= -0.5) {
        /* exp(x^2) with the lost part of the square: 1 / exp(-x^2) has the same relative error */
        if (x < -26.7)
            return NUMC_KERNEL_INFINITY;
        return 2.0 / numc_k_exp_minus_square(x, 1.0) - numc_k_erfcx_tail(-x);
    }
    return numc_k_exp(x * x) * (1.0 - x * numc_k_erf_quotient(x));
}

/* Standard normal distribution function: erfc(-x/sqrt(2)) / 2, where the exponential takes x itself. */
NUMC_KERNEL_FN_LARGE double numc_k_ndtr(double x)
{
    double a = NUMC_KERNEL_ABS(x);
    double z = a * NUMC_KERNEL_INV_SQRT2;
    if (!(z >= 0.5))
        return 0.5 + 0.5 * (x * NUMC_KERNEL_INV_SQRT2) * numc_k_erf_quotient(z);
    if (a > 39.0)
        return x > 0.0 ? 1.0 : 0.0;
    {
        double tail = 0.5 * (numc_k_exp_minus_square(a, 0.5) * numc_k_erfcx_tail(z));
        return x > 0.0 ? 1.0 - tail : tail;
    }
}

/* ln ndtr(x): -x^2/2 + ln(erfcx(-x/sqrt(2))/2) on the left, log1p(-ndtr(-x)) on the right. */
NUMC_KERNEL_FN_LARGE double numc_k_log_ndtr(double x)
{
    if (x > 0.0)
        return numc_k_log1p(-numc_k_ndtr(-x));
    if (!(x < -1.0))
        return numc_k_log(numc_k_ndtr(x));
    if (x < -1e100)
        return -0.5 * x * x;
    return -0.5 * x * x + numc_k_log(0.5 * numc_k_erfcx_tail(-x * NUMC_KERNEL_INV_SQRT2));
}

#define NUMC_KERNEL_RATIONAL_7(name, t) \
    ((NUMC_KERNEL_ERFINV_##name##_P_0 + (t) * (NUMC_KERNEL_ERFINV_##name##_P_1 + (t) * (NUMC_KERNEL_ERFINV_##name##_P_2 + (t) * \
      (NUMC_KERNEL_ERFINV_##name##_P_3 + (t) * (NUMC_KERNEL_ERFINV_##name##_P_4 + (t) * (NUMC_KERNEL_ERFINV_##name##_P_5 + (t) * \
      (NUMC_KERNEL_ERFINV_##name##_P_6 + (t) * NUMC_KERNEL_ERFINV_##name##_P_7))))))) / \
     (1.0 + (t) * (NUMC_KERNEL_ERFINV_##name##_Q_1 + (t) * (NUMC_KERNEL_ERFINV_##name##_Q_2 + (t) * \
      (NUMC_KERNEL_ERFINV_##name##_Q_3 + (t) * (NUMC_KERNEL_ERFINV_##name##_Q_4 + (t) * (NUMC_KERNEL_ERFINV_##name##_Q_5 + (t) * \
      (NUMC_KERNEL_ERFINV_##name##_Q_6 + (t) * NUMC_KERNEL_ERFINV_##name##_Q_7))))))))

/* r - erfcinv(exp(-r^2)) for r >= 1.375: less than a third of r, so its errors count for little. */
NUMC_KERNEL_FN double numc_k_erfcinv_gap(double r)
{
    double t;
    if (r < 3.0) {
        t = r - 1.375;
        return NUMC_KERNEL_RATIONAL_7(TAIL, t);
    }
    if (r < 6.25) {
        t = r - 3.0;
        return NUMC_KERNEL_RATIONAL_7(FAR, t);
    }
    if (r < 13.0) {
        t = r - 6.25;
        return NUMC_KERNEL_RATIONAL_7(DEEP, t);
    }
    t = r - 13.0;
    return NUMC_KERNEL_RATIONAL_7(EDGE, t);
}

/* erfcinv(q) for 0 < q <= 0.151, from r = sqrt(-ln q). */
NUMC_KERNEL_FN double numc_k_erfcinv_tail(double q)
{
    double r = NUMC_KERNEL_SQRT(-numc_k_log(q));
    return r - numc_k_erfcinv_gap(r);
}

/* erfinv(p)/p - sqrt(pi)/2 for |p| <= 0.85: the part after the leading term, in two pieces. */
NUMC_KERNEL_FN double numc_k_erfinv_excess(double p)
{
    double z = p * p;
    double t = z - 0.5;
    if (t < 0.0)
        return z * NUMC_KERNEL_RATIONAL_7(BODY, t);
    t = (NUMC_KERNEL_ABS(p) - 0.85) * (NUMC_KERNEL_ABS(p) + 0.85);
    return z * NUMC_KERNEL_RATIONAL_7(MIDDLE, t);
}

NUMC_KERNEL_FN double numc_k_erfinv_body(double p)
{
    return p * NUMC_KERNEL_HALF_SQRT_PI_HIGH + p * (numc_k_erfinv_excess(p) + NUMC_KERNEL_HALF_SQRT_PI_LOW);
}

NUMC_KERNEL_FN_LARGE double numc_k_erfinv(double p)
{
    double a = NUMC_KERNEL_ABS(p);
    if (a <= 0.85)
        return p == 0.0 ? p : numc_k_erfinv_body(p);
    if (a < 1.0)
        return numc_k_copy_sign(numc_k_erfcinv_tail(1.0 - a), p);
    return a == 1.0 ? numc_k_copy_sign(NUMC_KERNEL_INFINITY, p) : NUMC_KERNEL_NAN;
}

NUMC_KERNEL_FN_LARGE double numc_k_erfcinv(double q)
{
    if (q >= 0.15 && q <= 1.85)
        return numc_k_erfinv_body(1.0 - q);
    if (q > 0.0 && q < 2.0)
        return q < 1.0 ? numc_k_erfcinv_tail(q) : -numc_k_erfcinv_tail(2.0 - q);
    if (q == 0.0)
        return NUMC_KERNEL_INFINITY;
    return q == 2.0 ? -NUMC_KERNEL_INFINITY : NUMC_KERNEL_NAN;
}

/* Quantile of the standard normal distribution. */
NUMC_KERNEL_FN_LARGE double numc_k_ndtri(double p)
{
    double q = p < 0.5 ? p : 1.0 - p;
    double l, x;
    if (!(p >= 0.0 && p <= 1.0))
        return NUMC_KERNEL_NAN;
    if (q == 0.0)
        return p == 0.0 ? -NUMC_KERNEL_INFINITY : NUMC_KERNEL_INFINITY;
    if (q >= 0.075) {
        double v = 2.0 * (p - 0.5);
        return v * NUMC_KERNEL_SQRT_HALF_PI_HIGH +
               v * (NUMC_KERNEL_SQRT2 * numc_k_erfinv_excess(v) + NUMC_KERNEL_SQRT_HALF_PI_LOW);
    }
    l = -numc_k_log(2.0 * q);
    x = NUMC_KERNEL_SQRT(2.0 * l) - NUMC_KERNEL_SQRT2 * numc_k_erfcinv_gap(NUMC_KERNEL_SQRT(l));
    return p < 0.5 ? -x : x;
}

#endif
