/*
 * lgamma, digamma, trigamma, polygamma and betaln on the whole real line, within 4 units in the last place for
 * positive arguments (near digamma's zeros 1e-15 absolute); for negative ones relative to the larger of the
 * two terms of the reflection formula.
 */
#ifndef NUMC_KERNEL_GAMMA_H
#define NUMC_KERNEL_GAMMA_H

#include "exponential.h"
#include "trigonometric.h"

/* The piece of the lgamma and digamma tables that holds x in [1/2, 12), and its centre. */
NUMC_KERNEL_FN int numc_k_gamma_piece(double x)
{
    return (x >= 0.75) + (x >= 1.0) + (x >= 1.5) + (x >= 2.0) + (x >= 3.0) + (x >= 5.0) + (x >= 8.0);
}

NUMC_KERNEL_FN double numc_k_gamma_centre(int piece)
{
    return piece < 4 ? (piece < 2 ? (piece == 0 ? 0.625 : 0.875) : (piece == 2 ? 1.25 : 1.75))
                     : (piece < 6 ? (piece == 4 ? 2.5 : 4.0) : (piece == 6 ? 6.5 : 10.0));
}

/* lgamma on [1/2, 12): (x-1)(x-2) times a polynomial, so that it is exactly 0 at 1 and 2. */
NUMC_KERNEL_FN double numc_k_lgamma_body(double x)
{
    int piece = numc_k_gamma_piece(x);
    double t = x - numc_k_gamma_centre(piece);
    double p = numc_k_lgamma_table[piece][0];
    for (int i = 1; i < NUMC_KERNEL_LGAMMA_LENGTH; i++)
        p = p * t + numc_k_lgamma_table[piece][i];
    return ((x - 1.0) * (x - 2.0)) * p + 0.0;              /* +0 at both zeros */
}

/* lgamma(x) - ((x - 1/2) ln x - x + ln(2 pi)/2) for x >= 8 (Stirling's series). */
NUMC_KERNEL_FN double numc_k_stirling_far(double x)
{
    double r = 1.0 / x;
    double z = r * r;
    double p = NUMC_KERNEL_STIRLING_6 + z * NUMC_KERNEL_STIRLING_7;
    p = NUMC_KERNEL_STIRLING_3 + z * (NUMC_KERNEL_STIRLING_4 + z * (NUMC_KERNEL_STIRLING_5 + z * p));
    return r * (NUMC_KERNEL_STIRLING_0 + z * (NUMC_KERNEL_STIRLING_1 + z * (NUMC_KERNEL_STIRLING_2 + z * p)));
}

NUMC_KERNEL_FN double numc_k_lgamma_positive(double x)
{
    if (x < 0.5)
        return numc_k_lgamma_body(1.0 + x) - numc_k_log(x);
    if (x < 12.0)
        return numc_k_lgamma_body(x);
    if (x > 2.5e305)
        return NUMC_KERNEL_INFINITY;
    return (x - 0.5) * (numc_k_log(x) - 1.0) + ((NUMC_KERNEL_HALF_LOG_2PI_HIGH - 0.5) + numc_k_stirling_far(x));
}

/* ln |Gamma(x)|; infinite at 0 and the negative integers. For x < 0: ln(pi / |x sin(pi x)|) - lgamma(-x). */
NUMC_KERNEL_FN_LARGE double numc_k_lgamma(double x)
{
    if (x != x)
        return x;
    if (x > 0.0)
        return numc_k_lgamma_positive(x);
    if (x == NUMC_KERNEL_FLOOR(x))
        return NUMC_KERNEL_INFINITY;
    if (x > -0x1p-53)
        return -numc_k_log(-x);
    return numc_k_log(NUMC_KERNEL_PI / NUMC_KERNEL_ABS(x * numc_k_sinpi(x))) - numc_k_lgamma_positive(-x);
}

/* The sign of Gamma(x): +1 or -1, and +1 at the poles. */
NUMC_KERNEL_FN double numc_k_gamma_sign(double x)
{
    double whole = NUMC_KERNEL_FLOOR(x);
    double halved = 0.5 * whole;
    return x < 0.0 && whole != x && halved != NUMC_KERNEL_FLOOR(halved) ? -1.0 : 1.0;
}

/* digamma(x) = (x - root) times a polynomial on [1/2, 12); ln x - 1/(2x) - sum B(2k)/(2k x^(2k)) above. */
NUMC_KERNEL_FN double numc_k_digamma_positive(double x)
{
    if (x < 0.5) {
        double t = x - 0.25;                     /* the piece of 1 + x in [1, 3/2), without rounding 1 + x */
        double p = numc_k_digamma_table[2][0];
        for (int i = 1; i < NUMC_KERNEL_DIGAMMA_LENGTH; i++)
            p = p * t + numc_k_digamma_table[2][i];
        return ((x - (NUMC_KERNEL_DIGAMMA_ROOT_HIGH - 1.0)) - NUMC_KERNEL_DIGAMMA_ROOT_LOW) * p - 1.0 / x;
    }
    if (x < 12.0) {
        int piece = numc_k_gamma_piece(x);
        double t = x - numc_k_gamma_centre(piece);
        double p = numc_k_digamma_table[piece][0];
        for (int i = 1; i < NUMC_KERNEL_DIGAMMA_LENGTH; i++)
            p = p * t + numc_k_digamma_table[piece][i];
        return ((x - NUMC_KERNEL_DIGAMMA_ROOT_HIGH) - NUMC_KERNEL_DIGAMMA_ROOT_LOW) * p;
    } else {
        double r = 1.0 / x;
        double z = r * r;
        double p = NUMC_KERNEL_DIGAMMA_4 + z * (NUMC_KERNEL_DIGAMMA_5 + z * NUMC_KERNEL_DIGAMMA_6);
        p = NUMC_KERNEL_DIGAMMA_1 + z * (NUMC_KERNEL_DIGAMMA_2 + z * (NUMC_KERNEL_DIGAMMA_3 + z * p));
        return numc_k_log(x) - (0.5 * r + z * (NUMC_KERNEL_DIGAMMA_0 + z * p));
    }
}

/* The logarithmic derivative of Gamma. NaN at the poles, except digamma(+-0) = -+infinity. */
NUMC_KERNEL_FN_LARGE double numc_k_digamma(double x)
{
    if (x > 0.0)
        return numc_k_digamma_positive(x);
    if (x == 0.0)
        return -1.0 / x;
    if (x == NUMC_KERNEL_FLOOR(x) || x != x)
        return NUMC_KERNEL_NAN;
    /* digamma(x) = digamma(-x) - 1/x - pi cot(pi x) */
    return (numc_k_digamma_positive(-x) - 1.0 / x) - NUMC_KERNEL_PI / numc_k_tanpi(x);
}

/* x^n by repeated squaring, n >= 0. */
NUMC_KERNEL_FN double numc_k_integer_power(double x, int n)
{
    double result = 1.0;
    while (n > 0) {
        if (n & 1)
            result *= x;
        n >>= 1;
        x *= x;
    }
    return result;
}

/*
 * Hurwitz zeta(s, x) = sum (x+i)^-s for integer s >= 2 and x > 0 by Euler and Maclaurin: the sum to N = x + n,
 * N^(1-s)/(s-1) + N^-s/2 + sum B(2k)/(2k)! s(s+1)...(s+2k-2) N^-(s+2k-1), where N is large against s.
 */
NUMC_KERNEL_FN double numc_k_hurwitz_zeta(int s, double x)
{
    double sum = 0.0;
    double order = (double)s;
    double least = 10.0 + order;
    double power, square, factor, tail;
    while (x < least) {
        double term = numc_k_integer_power(1.0 / x, s);
        sum += term;
        if (term < sum * 0x1p-60)
            return sum;
        x += 1.0;
    }
    power = numc_k_integer_power(1.0 / x, s);
    square = 1.0 / (x * x);
    factor = power * order / x;
    tail = numc_k_integer_power(1.0 / x, s - 1) / (order - 1.0) + 0.5 * power;
    for (int k = 0; k < 12; k++) {
        double twice = 2.0 * (double)k;
        tail += numc_k_bernoulli_over_factorial_table[k] * factor;
        factor *= (order + twice + 1.0) * (order + twice + 2.0) * square;
    }
    return sum + tail;
}

/*
 * sum over i >= 0 of (x+i)^-s for x of either sign: the two-sided sum over all integers is that of the fraction
 * of x, and what lies below x is a one-sided sum of the other direction.
 */
NUMC_KERNEL_FN double numc_k_one_sided_sum(int s, double x)
{
    if (x > 0.0)
        return numc_k_hurwitz_zeta(s, x);
    {
        double whole = NUMC_KERNEL_FLOOR(x + 0.5);
        double t = x - whole;
        double sign = s & 1 ? -1.0 : 1.0;
        double above = numc_k_integer_power(1.0 / t, s) + numc_k_hurwitz_zeta(s, 1.0 + t);
        if (t == 0.0)
            return NUMC_KERNEL_INFINITY;
        if (whole == 0.0)
            return above;
        return above + sign * (numc_k_hurwitz_zeta(s, 1.0 - t) - numc_k_hurwitz_zeta(s, 1.0 - whole - t));
    }
}

/* n-th derivative of digamma, 0 <= n <= 100: (-1)^(n+1) n! sum (x+i)^-(n+1). Poles: infinite for odd n, else NaN. */
NUMC_KERNEL_FN_LARGE double numc_k_polygamma(double order, double x)
{
    double factorial = 1.0;
    int n;
    if (order != order || x != x || !(order >= 0.0 && order <= 100.0) || order != NUMC_KERNEL_FLOOR(order))
        return NUMC_KERNEL_NAN;
    n = (int)order;
    if (n == 0)
        return numc_k_digamma(x);
    if (x == NUMC_KERNEL_INFINITY)
        return (n & 1) ? 0.0 : -0.0;
    if (x == -NUMC_KERNEL_INFINITY)
        return NUMC_KERNEL_NAN;
    if (x <= 0.0 && x == NUMC_KERNEL_FLOOR(x))
        return (n & 1) ? NUMC_KERNEL_INFINITY : NUMC_KERNEL_NAN;
    for (int i = 2; i <= n; i++)
        factorial *= (double)i;
    factorial *= numc_k_one_sided_sum(n + 1, x);
    return (n & 1) ? factorial : -factorial;
}

NUMC_KERNEL_FN double numc_k_trigamma(double x)
{
    return numc_k_polygamma(1.0, x);
}

/* lgamma(x) - ((x - 1/2) ln x - x + ln(2 pi)/2) for any x > 0. */
NUMC_KERNEL_FN double numc_k_stirling(double x)
{
    if (x >= 8.0)
        return numc_k_stirling_far(x);
    return numc_k_lgamma_positive(x) - ((x - 0.5) * numc_k_log(x) - x + NUMC_KERNEL_HALF_LOG_2PI_HIGH);
}

/*
 * ln(1 + x) - x without cancellation near 0. With 1 + x = 2^k (1 + f) and s = f/(2+f):
 * k ln 2 + (f - x) - f^2/2 + s (f^2/2 + R(s^2)), and f = x where k = 0.
 */
NUMC_KERNEL_FN double numc_k_log1p_minus(double x)
{
    double u = 1.0 + x;
    double back = u - 1.0;
    double lost = (1.0 - (u - back)) + (x - back);
    numc_k_u64 bits = numc_k_to_bits(u);
    double k = numc_k_log_exponent(bits);
    double f = k == 0.0 ? x : numc_k_log_mantissa(bits) - 1.0;
    double s = f / (2.0 + f);
    double halved = 0.5 * f * f;
    double tail = s * (halved + numc_k_log_polynomial(s * s));
    double correction = k == 0.0 ? 0.0 : k * NUMC_KERNEL_LN2_LOW + lost / u;
    double result = ((k * NUMC_KERNEL_LN2_HIGH - x) + f) - ((halved - tail) - correction);
    if (!(u < NUMC_KERNEL_INFINITY))
        return u != u ? u : -u;
    return u > 0.0 ? result : (u == 0.0 ? -NUMC_KERNEL_INFINITY : NUMC_KERNEL_NAN);
}

/* The deviance k ln(k/m) + m - k of a Poisson count (Loader 2000), k >= 0, m > 0. */
NUMC_KERNEL_FN double numc_k_deviance(double k, double m)
{
    if (k == 0.0)
        return m;
    return -k * numc_k_log1p_minus((m - k) / k);
}

/*
 * ln B(a, b) for a, b > 0. Both large: the logarithms and Stirling terms are taken together, so nothing of size
 * lgamma(a+b) cancels. One large (b >= 8): lgamma(b) - lgamma(a+b) in the same way.
 */
NUMC_KERNEL_FN_LARGE double numc_k_betaln(double a, double b)
{
    double small = a < b ? a : b;
    double large = a < b ? b : a;
    double ratio, sum;
    if (!(small >= 0.0))
        return NUMC_KERNEL_NAN;
    if (small == 0.0)
        return large == NUMC_KERNEL_INFINITY ? NUMC_KERNEL_NAN : NUMC_KERNEL_INFINITY;
    if (large == NUMC_KERNEL_INFINITY)
        return -NUMC_KERNEL_INFINITY;
    if (small == 1.0)
        return 0.0 - numc_k_log(large); /* exactly, so that log C(n, 0) is 0; not -0 */
    sum = small + large;
    if (large < 8.0)
        return numc_k_lgamma_positive(small) + (numc_k_lgamma_positive(large) - numc_k_lgamma_positive(sum));
    ratio = small / large;
    if (small >= 8.0) {
        /* (a - 1/2) ln(a/(a+b)) - b ln(1 + a/b) - ln(b)/2 + ln(2 pi)/2 + Stirling terms, a <= b */
        double u = -(small - 0.5) * numc_k_log(ratio / (1.0 + ratio));
        double v = large * numc_k_log1p(ratio);
        double w = numc_k_stirling_far(small) + (numc_k_stirling_far(large) - numc_k_stirling_far(sum));
        return ((NUMC_KERNEL_HALF_LOG_2PI_HIGH + w) - 0.5 * numc_k_log(large)) - u - v;
    }
    /* lgamma(b) - lgamma(a+b) = a - a ln(a+b) - (b - 1/2) ln(1 + a/b) + Stirling terms */
    return numc_k_lgamma_positive(small) +
           ((small * (1.0 - numc_k_log(sum)) - (large - 0.5) * numc_k_log1p(ratio)) +
            (numc_k_stirling_far(large) - numc_k_stirling_far(sum)));
}

#endif
