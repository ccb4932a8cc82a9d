/*
 * Regularised incomplete gamma and beta functions, their derivatives in the shape parameters and their inverses.
 * Small values keep their relative accuracy; a complement is taken only where it loses nothing.
 *
 * Every evaluation goes through one function per family that carries the value of the smaller of the two
 * complementary functions it can compute well, with its derivatives.
 */
#ifndef NUMC_KERNEL_INCOMPLETE_H
#define NUMC_KERNEL_INCOMPLETE_H

#include "error_function.h"
#include "gamma.h"
#include "logistic.h"

/* ln Gamma(1 + a) for 0 <= a < 1, relative to its zero at a = 0. */
NUMC_KERNEL_FN double numc_k_lgamma1p(double a)
{
    int piece = a < 0.5 ? 2 : 3;
    double t = a < 0.5 ? a - 0.25 : a - 0.75;
    double p = numc_k_lgamma_table[piece][0];
    for (int i = 1; i < NUMC_KERNEL_LGAMMA_LENGTH; i++)
        p = p * t + numc_k_lgamma_table[piece][i];
    return a * (a - 1.0) * p;
}

/* ---- incomplete gamma ---- */

/* x^a e^-x / Gamma(a+1); near x = a through a (ln(1+mu) - mu), mu = (x-a)/a, in which nothing cancels. */
NUMC_KERNEL_FN double numc_k_gamma_prefix(double a, double x)
{
    double e;
    if (a < 1.0)
        return numc_k_exp((a * numc_k_log(x) - x) - numc_k_lgamma1p(a));
    if (x > 0.3 * a && x < 3.0 * a)
        e = a * numc_k_log1p_minus((x - a) / a);
    else
        e = a * numc_k_log(x / a) - (x - a);
    return numc_k_exp(e - numc_k_stirling(a)) / NUMC_KERNEL_SQRT(2.0 * NUMC_KERNEL_PI * a);
}

/* P or Q (upper says which) and, where it was asked for, the derivative of that one in a. */
typedef struct numc_k_gamma_part {
    double value;
    double slope;
    int upper;
} numc_k_gamma_part;

/* P = prefix sum x^n / ((a+1)...(a+n)), x < a + 1. */
NUMC_KERNEL_FN numc_k_gamma_part numc_k_gamma_series(double a, double x, int want_slope)
{
    numc_k_gamma_part out;
    double prefix = numc_k_gamma_prefix(a, x);
    double term = 1.0, sum = 0.0, reciprocals = 0.0, slope = 0.0, n = a;
    out.upper = 0;
    for (int i = 0; i < 5000; i++) {
        n += 1.0;
        term *= x / n;
        sum += term;
        if (want_slope) {
            reciprocals += 1.0 / n;
            slope -= term * reciprocals;
        }
        if (term < 0x1p-56 * sum || term < 0x1p-60)
            break;
    }
    out.value = prefix + prefix * sum;
    out.slope = 0.0;
    if (want_slope)
        out.slope = prefix * ((1.0 + sum) * (numc_k_log(x) - numc_k_digamma_positive(a + 1.0)) + slope);
    return out;
}

/*
 * a < 1 and x < 1.1: P = x^a / Gamma(a+1) (1 + S), S = a sum (-x)^n / ((a+n) n!), n >= 1. With u the logarithm of
 * the first factor, Q = -expm1(u) - exp(u) S is right also where P is almost 1.
 */
NUMC_KERNEL_FN numc_k_gamma_part numc_k_gamma_small(double a, double x, int want_slope)
{
    numc_k_gamma_part out;
    double log_x = numc_k_log(x);
    double u = a * log_x - numc_k_lgamma1p(a);
    double near = numc_k_expm1(u);
    double power = 1.0, sum = 0.0, slope = 0.0;
    for (int i = 1; i < 60; i++) {
        double n = (double)i;
        double term;
        power *= -x / n;
        term = power / (a + n);
        sum += a * term;
        slope += term * (n / (a + n));
        if (NUMC_KERNEL_ABS(term) < 0x1p-58 * NUMC_KERNEL_ABS(slope))
            break;
    }
    out.upper = 1;
    out.value = -near - (1.0 + near) * sum;
    out.slope = 0.0;
    if (want_slope)
        out.slope = -(1.0 + near) * ((log_x - numc_k_digamma_positive(1.0 + a)) * (1.0 + sum) + slope);
    if (out.value > 0.5) {
        out.upper = 0;
        out.value = numc_k_exp(u) * (1.0 + sum);
        out.slope = -out.slope;
    }
    return out;
}

/* Q = x^a e^-x / Gamma(a) / (x+1-a - 1(1-a)/(x+3-a - ...)), x > a + 1; Lentz's method, carried with d/da. */
NUMC_KERNEL_FN numc_k_gamma_part numc_k_gamma_fraction(double a, double x, int want_slope)
{
    numc_k_gamma_part out;
    double prefix = a * numc_k_gamma_prefix(a, x);
    double b = x + 1.0 - a;
    double c = 0x1p900, c_slope = 0.0;
    double d = 1.0 / b, d_slope = d * d;
    double h = d, h_slope = d_slope;
    for (int i = 1; i < 5000; i++) {
        double n = (double)i;
        double top = -n * (n - a);
        double factor, factor_slope, change;
        b += 2.0;
        /* c = b + top / c, d = 1 / (b + top d); db/da = -1, dtop/da = n */
        if (want_slope) {
            c_slope = -1.0 + (n - top * (c_slope / c)) / c;
            d_slope = -1.0 + n * d + top * d_slope;
        }
        c = b + top / c;
        d = 1.0 / (b + top * d);
        d_slope *= -d * d;
        factor = c * d;
        factor_slope = c_slope * d + c * d_slope;
        h_slope = h_slope * factor + h * factor_slope;
        h *= factor;
        change = NUMC_KERNEL_ABS(factor - 1.0);
        if (change < 0x1p-53 && (!want_slope || NUMC_KERNEL_ABS(h * factor_slope) < 0x1p-50 * NUMC_KERNEL_ABS(h_slope)))
            break;
    }
    out.upper = 1;
    out.value = prefix * h;
    out.slope = 0.0;
    if (want_slope)
        out.slope = prefix * (h * (numc_k_log(x) - numc_k_digamma_positive(a)) + h_slope);
    return out;
}

/*
 * Large a, x near a (Temme; DLMF 8.12): with mu = (x-a)/a, eta^2/2 = mu - ln(1+mu), E = exp(-a eta^2/2),
 * Q = E (erfcx(eta sqrt(a/2))/2 + T/sqrt(2 pi a)), T = sum c_k(eta) a^-k. Below a, P with eta turned round.
 * dQ/da = E/sqrt(2 pi a) (mu/eta - eta/2 + T (ln(1+mu) - 1/(2a)) - T' mu/(a eta) + dT/da).
 */
NUMC_KERNEL_FN numc_k_gamma_part numc_k_gamma_uniform(double a, double x, int want_slope)
{
    numc_k_gamma_part out;
    double mu = (x - a) / a;
    double y = -numc_k_log1p_minus(mu);
    double size = NUMC_KERNEL_SQRT(2.0 * y);
    double eta = mu < 0.0 ? -size : size;
    double e = numc_k_exp(-a * y);
    double root = 1.0 / NUMC_KERNEL_SQRT(2.0 * NUMC_KERNEL_PI * a);
    double total = 0.0, total_slope = 0.0, total_eta = 0.0;
    for (int k = NUMC_KERNEL_TEMME_ROWS - 1; k >= 0; k--) {
        double p = numc_k_temme_table[k][0], q = 0.0;
        for (int i = 1; i < NUMC_KERNEL_TEMME_LENGTH; i++) {
            q = q * eta + p;
            p = p * eta + numc_k_temme_table[k][i];
        }
        total_slope = (total_slope - total / a) / a;
        total = total / a + p;
        total_eta = total_eta / a + q;
    }
    out.upper = mu >= 0.0;
    out.slope = 0.0;
    {
        double halved = 0.5 * numc_k_erfcx(NUMC_KERNEL_SQRT(a * y));
        out.value = e * (out.upper ? halved + total * root : halved - total * root);
    }
    if (want_slope) {
        double ratio = NUMC_KERNEL_ABS(mu) < 1e-6 ? 1.0 + eta * (1.0 / 3.0) : mu / eta;
        double inner = (ratio - 0.5 * eta) + total * (numc_k_log1p(mu) - 0.5 / a) - total_eta * ratio / a + total_slope;
        out.slope = out.upper ? e * root * inner : -e * root * inner;
    }
    return out;
}

NUMC_KERNEL_FN_LARGE numc_k_gamma_part numc_k_gamma_both(double a, double x, int want_slope)
{
    numc_k_gamma_part out;
    out.slope = 0.0;
    out.upper = 0;
    if (!(a >= 0.0) || !(x >= 0.0) || (a == 0.0 && x == 0.0) ||
        (a == NUMC_KERNEL_INFINITY && x == NUMC_KERNEL_INFINITY)) {
        out.value = out.slope = NUMC_KERNEL_NAN;
        return out;
    }
    if (x == 0.0 || a == NUMC_KERNEL_INFINITY) {
        out.value = 0.0;
        return out;
    }
    if (a == 0.0 || x == NUMC_KERNEL_INFINITY) {
        out.value = 0.0;
        out.upper = 1;
        return out;
    }
    if (a >= 50.0) {
        double mu = (x - a) / a;
        if (mu > -0.25 && mu < 0.25)
            return numc_k_gamma_uniform(a, x, want_slope);
        /* beyond 1e5 the value is below exp(-2500) here */
        if (a > 1e5) {
            out.value = 0.0;
            out.upper = mu > 0.0;
            return out;
        }
    }
    if (a < 1.0 && x < 1.1)
        return numc_k_gamma_small(a, x, want_slope);
    return x < a + 1.0 ? numc_k_gamma_series(a, x, want_slope) : numc_k_gamma_fraction(a, x, want_slope);
}

/* P(a, x) = gamma(a, x) / Gamma(a). */
NUMC_KERNEL_FN double numc_k_gammainc(double a, double x)
{
    numc_k_gamma_part part = numc_k_gamma_both(a, x, 0);
    return part.upper ? 1.0 - part.value : part.value;
}

/* Q(a, x) = 1 - P(a, x). */
NUMC_KERNEL_FN double numc_k_gammaincc(double a, double x)
{
    numc_k_gamma_part part = numc_k_gamma_both(a, x, 0);
    return part.upper ? part.value : 1.0 - part.value;
}

/* dP/da; that of Q is its negative. */
NUMC_KERNEL_FN double numc_k_gammainc_da(double a, double x)
{
    numc_k_gamma_part part = numc_k_gamma_both(a, x, 1);
    return part.upper ? -part.slope : part.slope;
}

/*
 * x with P(a, x) = p (or Q = p when upper) by Newton's method on ln P against ln x, kept inside a bracket; the start
 * is the power law for small p and Wilson and Hilferty's normal approximation otherwise.
 */
NUMC_KERNEL_FN_LARGE double numc_k_gamma_inverse(double a, double p, int upper)
{
    double q = 1.0 - p;
    int use_upper = upper;
    double target = p, low, high, u;
    if (!(a > 0.0) || !(p >= 0.0 && p <= 1.0) || a == NUMC_KERNEL_INFINITY)
        return NUMC_KERNEL_NAN;
    if (p == 0.0)
        return upper ? NUMC_KERNEL_INFINITY : 0.0;
    if (p == 1.0)
        return upper ? 0.0 : NUMC_KERNEL_INFINITY;
    if (p > 0.5) {
        target = q;
        use_upper = !upper;
    }
    /* x ~ (P Gamma(a+1))^(1/a) is below the solution and right for small x */
    {
        double lower_p = use_upper ? 1.0 - target : target;
        double power = (numc_k_log(lower_p) + numc_k_lgamma_positive(a + 1.0)) / a;
        double z = numc_k_ndtri(target);
        double w, cube;
        if (use_upper)
            z = -z;
        w = 1.0 / (9.0 * a);
        cube = 1.0 - w + z * NUMC_KERNEL_SQRT(w);
        u = cube > 0.1 ? numc_k_log(a) + 3.0 * numc_k_log(cube) : power;
        if (a < 1.0 || u < power)
            u = power;
        if (u > 7.0 + numc_k_log(a + 1.0))
            u = numc_k_log(a + 1.0) + 7.0;
        if (u < -744.0)
            return numc_k_exp(u);
    }
    low = -746.0;
    high = 710.0;
    for (int i = 0; i < 100; i++) {
        double x = numc_k_exp(u);
        numc_k_gamma_part part = numc_k_gamma_both(a, x, 0);
        double value = part.upper == use_upper ? part.value : 1.0 - part.value;
        double density = a * numc_k_gamma_prefix(a, x);       /* dP / d ln x */
        double error = numc_k_log(value / target);
        double step = use_upper ? -error * value / density : error * value / density;
        double next;
        if ((value > target) == !use_upper)
            high = u;
        else
            low = u;
        if (value == target)
            return x;
        next = u - step;
        if (!(next > low && next < high) || !(density > 0.0))
            next = 0.5 * (low + high);
        else if (NUMC_KERNEL_ABS(step) <= 0x1p-30)
            return x - x * step;                              /* the next error is of the order of step^2 */
        if (!(high - low > 0x1p-52 * NUMC_KERNEL_ABS(u)))
            return x;
        u = next;
    }
    return numc_k_exp(u);
}

NUMC_KERNEL_FN double numc_k_gammaincinv(double a, double p)
{
    return numc_k_gamma_inverse(a, p, 0);
}

NUMC_KERNEL_FN double numc_k_gammainccinv(double a, double q)
{
    return numc_k_gamma_inverse(a, q, 1);
}

/* ---- incomplete beta ---- */

/* x (a+b) - a, by products kept in two pieces: the distance from the mean that everything below depends on. */
NUMC_KERNEL_FN double numc_k_beta_distance(double a, double b, double x)
{
    double s = a + b;
    double back = s - a;
    double lost = (a - (s - back)) + (b - back);
    double p = x * s;
    double xh = numc_k_high_part(x), xl = x - xh;
    double sh = numc_k_high_part(s), sl = s - sh;
    double rest = ((xh * sh - p) + xh * sl + xl * sh) + xl * sl;
    return (p - a) + (rest + x * lost);
}

/* a ln(1 + h/a) - h, for x/x0 = 1 + h/a. */
NUMC_KERNEL_FN double numc_k_beta_exponent(double a, double h, double x_over_x0)
{
    double ratio = h / a;
    return ratio > -0.7 && ratio < 2.0 ? a * numc_k_log1p_minus(ratio) : a * numc_k_log(x_over_x0) - h;
}

/* x^a y^b / B(a, b), y = 1 - x. */
NUMC_KERNEL_FN double numc_k_beta_prefix(double a, double b, double x, double y)
{
    double s = a + b;
    double log_y = x < 0.5 ? numc_k_log1p(-x) : numc_k_log(y);
    double log_x = x < 0.5 ? numc_k_log(x) : numc_k_log1p(-y);
    double h, e, tail;
    if (a < 1.0 || b < 1.0)
        return numc_k_exp((a * log_x + b * log_y) - numc_k_betaln(a, b));
    h = x <= 0.5 ? numc_k_beta_distance(a, b, x) : -numc_k_beta_distance(b, a, y);
    e = numc_k_beta_exponent(a, h, x * (s / a)) + numc_k_beta_exponent(b, -h, y * (s / b));
    tail = (numc_k_stirling(a) - numc_k_stirling(s)) + numc_k_stirling(b);
    return numc_k_exp(e - tail) * NUMC_KERNEL_SQRT((a / s) * b / (2.0 * NUMC_KERNEL_PI));
}

/* I_x(a, b) or its complement I_y(b, a) (swapped says which), with the derivatives of that one in a and b. */
typedef struct numc_k_beta_part {
    double value;
    double slope_a;
    double slope_b;
    int swapped;
} numc_k_beta_part;

/* x^a / (a B) (1 + a sum (1-b)_n x^n / (n! (a+n))), for b x <= 1 or b <= 1. */
NUMC_KERNEL_FN numc_k_beta_part numc_k_beta_series(double a, double b, double x, double y, int want_slope)
{
    numc_k_beta_part out;
    double log_x = x < 0.5 ? numc_k_log(x) : numc_k_log1p(-y);
    double front;
    double power = 1.0, power_b = 0.0, sum = 0.0, sum_a = 0.0, sum_b = 0.0;
    for (int i = 1; i < 5000; i++) {
        double n = (double)i;
        double scale = x / n;
        double term, term_b;
        power_b = (power_b * (n - b) - power) * scale;       /* d/db of (1-b)_n x^n / n! */
        power *= (n - b) * scale;
        term = power / (a + n);
        term_b = power_b / (a + n);
        sum += term;
        sum_a += term / (a + n);
        sum_b += term_b;
        if (NUMC_KERNEL_ABS(term) <= 0x1p-58 * NUMC_KERNEL_ABS(1.0 / a + sum) &&
            (!want_slope || NUMC_KERNEL_ABS(term_b) <= 0x1p-50 * NUMC_KERNEL_ABS(sum_b)))
            break;
    }
    out.swapped = 0;
    out.slope_a = out.slope_b = 0.0;
    if (a < 1.0 && b < 1.0) {
        /* 1 / (a B) = Gamma(1+a+b) / (Gamma(1+a) Gamma(1+b)) b / (a+b) */
        double top = a + b < 1.0 ? numc_k_lgamma1p(a + b) : numc_k_lgamma_body(1.0 + (a + b));
        front = numc_k_exp((a * log_x + top) - (numc_k_lgamma1p(a) + numc_k_lgamma1p(b))) * (b / (a + b));
    } else {
        front = numc_k_exp(a * log_x - numc_k_betaln(a, b)) / a;
    }
    out.value = front * (1.0 + a * sum);
    if (want_slope) {
        double both = numc_k_digamma_positive(a + b);
        double whole = 1.0 + a * sum;
        double slope_front_a = (log_x - numc_k_digamma_positive(1.0 + a)) + both;
        out.slope_a = front * (whole * slope_front_a + (sum - a * sum_a));
        out.slope_b = front * (whole * (both - numc_k_digamma_positive(b)) + a * sum_b);
    }
    return out;
}

/*
 * Continued fraction of Didonato and Morris (1992) for x <= a/(a+b), carried with d/da and d/db:
 * I = x^a y^b / B / (b_0 + a_1/(b_1 + a_2/(b_2 + ...))),
 * a_m = (a+m-1)(a+b+m-1) m (b-m) x^2 / (a+2m-1)^2,
 * b_m = m + m(b-m)x/(a+2m-1) + (a+m)(1 - h + m(1+y))/(a+2m+1), h = (a+b)x - a.
 */
NUMC_KERNEL_FN numc_k_beta_part numc_k_beta_fraction(double a, double b, double x, double y, double h, int want_slope)
{
    numc_k_beta_part out;
    double prefix = numc_k_beta_prefix(a, b, x, y);
    double inner = 1.0 - h;
    double f = a * inner / (a + 1.0);
    /* dh/da = x - 1 = -y, dh/db = x */
    double f_a = inner / ((a + 1.0) * (a + 1.0)) + a * y / (a + 1.0);
    double f_b = -a * x / (a + 1.0);
    double c = f, c_a = f_a, c_b = f_b;
    double d = 0.0, d_a = 0.0, d_b = 0.0;
    double x2 = x * x;
    for (int i = 1; i < 100000; i++) {
        double m = (double)i;
        double odd = a + 2.0 * m - 1.0;
        double even = odd + 2.0;
        double core = (a + m - 1.0) * (a + b + m - 1.0);
        double scale = m * x2 / (odd * odd);
        double top = core * (b - m) * scale;
        double middle = inner + m * (1.0 + y);
        double bottom = m + m * (b - m) * x / odd + (a + m) * middle / even;
        double factor, factor_a = 0.0, factor_b = 0.0;
        if (want_slope) {
            double top_a = ((a + m - 1.0) + (a + b + m - 1.0)) * (b - m) * scale - 2.0 * top / odd;
            double top_b = ((a + m - 1.0) * (b - m) + core) * scale;
            double bottom_a = -m * (b - m) * x / (odd * odd) + (middle + (a + m) * y) / even -
                              (a + m) * middle / (even * even);
            double bottom_b = m * x / odd - (a + m) * x / even;
            c_a = bottom_a + (top_a - top * (c_a / c)) / c;
            c_b = bottom_b + (top_b - top * (c_b / c)) / c;
            d_a = bottom_a + top_a * d + top * d_a;
            d_b = bottom_b + top_b * d + top * d_b;
        }
        c = bottom + top / c;
        d = 1.0 / (bottom + top * d);
        factor = c * d;
        if (want_slope) {
            d_a *= -d * d;
            d_b *= -d * d;
            factor_a = c_a * d + c * d_a;
            factor_b = c_b * d + c * d_b;
            f_a = f_a * factor + f * factor_a;
            f_b = f_b * factor + f * factor_b;
        }
        f *= factor;
        if (NUMC_KERNEL_ABS(factor - 1.0) < 0x1p-53 &&
            (!want_slope || (NUMC_KERNEL_ABS(f * factor_a) <= 0x1p-48 * NUMC_KERNEL_ABS(f_a) &&
                             NUMC_KERNEL_ABS(f * factor_b) <= 0x1p-48 * NUMC_KERNEL_ABS(f_b))))
            break;
    }
    out.swapped = 0;
    out.value = prefix / f;
    out.slope_a = out.slope_b = 0.0;
    if (want_slope) {
        double both = numc_k_digamma_positive(a + b);
        double log_x = x < 0.5 ? numc_k_log(x) : numc_k_log1p(-y);
        double log_y = x < 0.5 ? numc_k_log1p(-x) : numc_k_log(y);
        out.slope_a = out.value * ((log_x + both - numc_k_digamma_positive(a)) - f_a / f);
        out.slope_b = out.value * ((log_y + both - numc_k_digamma_positive(b)) - f_b / f);
    }
    return out;
}

/*
 * I_x(a, b) for b < 1/4 and y small, where its complement is almost 1: with the complement's series e^t (1 + S),
 * t = b ln y - ln(b B(a, b)), it is -expm1(t) - e^t S, and t itself is small with b.
 */
NUMC_KERNEL_FN double numc_k_beta_small(double a, double b, double y)
{
    double power = 1.0, sum = 0.0, t, gap, grown;
    for (int i = 1; i < 500; i++) {
        double n = (double)i;
        double term;
        power *= (n - a) * (y / n);
        term = power / (b + n);
        sum += term;
        if (NUMC_KERNEL_ABS(term) <= 0x1p-58 * NUMC_KERNEL_ABS(sum))
            break;
    }
    sum *= b;
    /* ln(b B) = lgamma(1+b) + ln(1 + b/a) + lgamma(1+a) - lgamma(1+a+b) */
    if (b < 1e-3) {
        double centre = 1.0 + a + 0.5 * b;
        gap = -b * numc_k_digamma_positive(centre) - b * b * b * (1.0 / 24.0) * numc_k_polygamma(2.0, centre);
    } else if (a < 8.0) {
        gap = numc_k_lgamma_positive(1.0 + a) - numc_k_lgamma_positive(1.0 + a + b);
    } else {
        double c = 1.0 + a;
        gap = (b * (1.0 - numc_k_log(c + b)) - (c - 0.5) * numc_k_log1p(b / c)) +
              (numc_k_stirling_far(c) - numc_k_stirling_far(c + b));
    }
    t = (b * numc_k_log(y) - numc_k_lgamma1p(b)) - (numc_k_log1p(b / a) + gap);
    grown = numc_k_expm1(t);
    return -grown - (1.0 + grown) * sum;
}

/* The part for interior arguments; x + y = 1. */
NUMC_KERNEL_FN_LARGE numc_k_beta_part numc_k_beta_both(double a, double b, double x, double y, int want_slope)
{
    numc_k_beta_part out;
    int complement = 0;
    int series = 0;
    double h = x <= 0.5 ? numc_k_beta_distance(a, b, x) : -numc_k_beta_distance(b, a, y);
    if (a < 1.0 || b < 1.0) {
        if (x <= 0.9 && (b <= 1.0 || b * x <= 1.0)) {
            series = 1;
        } else if (y <= 0.9 && (a <= 1.0 || a * y <= 1.0)) {
            series = 1;
            complement = 1;
        } else {
            complement = h > 0.0;
        }
    } else {
        complement = h > 0.0;
    }
    if (complement) {
        double t;
        out = series ? numc_k_beta_series(b, a, y, x, want_slope)
                     : numc_k_beta_fraction(b, a, y, x, -h, want_slope);
        t = out.slope_a;
        out.slope_a = out.slope_b;
        out.slope_b = t;
        out.swapped = 1;
        if (series && b < 0.25 && out.value > 0.75) {
            out.value = numc_k_beta_small(a, b, y);
            out.slope_a = -out.slope_a;
            out.slope_b = -out.slope_b;
            out.swapped = 0;
        }
        return out;
    }
    out = series ? numc_k_beta_series(a, b, x, y, want_slope) : numc_k_beta_fraction(a, b, x, y, h, want_slope);
    if (series && a < 0.25 && out.value > 0.75) {
        out.value = numc_k_beta_small(b, a, x);
        out.slope_a = -out.slope_a;
        out.slope_b = -out.slope_b;
        out.swapped = 1;
    }
    return out;
}

/* 1 where I_x(a, b) is at an edge of its domain (0 or 1 in *value), 2 where it has no value, else 0. */
NUMC_KERNEL_FN int numc_k_beta_edge(double a, double b, double x, double *value)
{
    if (!(a >= 0.0 && b >= 0.0 && x >= 0.0 && x <= 1.0) || (a == 0.0 && b == 0.0) ||
        (a == NUMC_KERNEL_INFINITY && b == NUMC_KERNEL_INFINITY)) {
        *value = NUMC_KERNEL_NAN;
        return 2;
    }
    if (x == 0.0 || x == 1.0) {
        *value = x;
        return 1;
    }
    if (a == 0.0 || b == NUMC_KERNEL_INFINITY) {
        *value = 1.0;
        return 1;
    }
    if (b == 0.0 || a == NUMC_KERNEL_INFINITY) {
        *value = 0.0;
        return 1;
    }
    return 0;
}

/* I_x(a, b), the regularised incomplete beta function. */
NUMC_KERNEL_FN_LARGE double numc_k_betainc(double a, double b, double x)
{
    numc_k_beta_part part;
    double value;
    if (numc_k_beta_edge(a, b, x, &value))
        return value;
    part = numc_k_beta_both(a, b, x, 1.0 - x, 0);
    return part.swapped ? 1.0 - part.value : part.value;
}

/* 1 - I_x(a, b), which keeps its relative accuracy near x = 1. */
NUMC_KERNEL_FN_LARGE double numc_k_betaincc(double a, double b, double x)
{
    numc_k_beta_part part;
    double value;
    if (numc_k_beta_edge(a, b, x, &value))
        return 1.0 - value;
    part = numc_k_beta_both(a, b, x, 1.0 - x, 0);
    return part.swapped ? part.value : 1.0 - part.value;
}

NUMC_KERNEL_FN_LARGE double numc_k_betainc_da(double a, double b, double x)
{
    numc_k_beta_part part;
    double value;
    int edge = numc_k_beta_edge(a, b, x, &value);
    if (edge)
        return edge == 2 ? value : 0.0;
    part = numc_k_beta_both(a, b, x, 1.0 - x, 1);
    return part.swapped ? -part.slope_a : part.slope_a;
}

NUMC_KERNEL_FN_LARGE double numc_k_betainc_db(double a, double b, double x)
{
    numc_k_beta_part part;
    double value;
    int edge = numc_k_beta_edge(a, b, x, &value);
    if (edge)
        return edge == 2 ? value : 0.0;
    part = numc_k_beta_both(a, b, x, 1.0 - x, 1);
    return part.swapped ? -part.slope_b : part.slope_b;
}

/*
 * x with I_x(a, b) = p by Newton's method on the logarithm of the smaller of I and 1 - I against logit(x), kept
 * inside a bracket; dI/d logit(x) = x^a y^b / B.
 */
NUMC_KERNEL_FN_LARGE double numc_k_betaincinv(double a, double b, double p)
{
    int swapped = p > 0.5;
    double target = swapped ? 1.0 - p : p;
    double low = -745.0, high = 745.0, u;
    if (!(a > 0.0 && b > 0.0 && p >= 0.0 && p <= 1.0) || a == NUMC_KERNEL_INFINITY || b == NUMC_KERNEL_INFINITY)
        return NUMC_KERNEL_NAN;
    if (p == 0.0 || p == 1.0)
        return p;
    if (a >= 1.0 && b >= 1.0) {
        /* Abramowitz and Stegun 26.5.22 */
        double z = -numc_k_ndtri(p);
        double r = 1.0 / (2.0 * a - 1.0), s = 1.0 / (2.0 * b - 1.0);
        double l = (z * z - 3.0) * (1.0 / 6.0);
        double m = 2.0 / (r + s);
        double w = z * NUMC_KERNEL_SQRT(m + l > 0.0 ? m + l : m) / m - (s - r) * (l + 5.0 / 6.0 - 2.0 / (3.0 * m));
        u = numc_k_log(a / b) - 2.0 * w;
    } else {
        /* the leading powers at the two ends meet at the mean */
        double log_b = numc_k_betaln(a, b);
        double left = (numc_k_log(a) + numc_k_log(p) + log_b) / a;
        double right = (numc_k_log(b) + numc_k_log1p(-p) + log_b) / b;
        double mean = a / (a + b);
        u = left < numc_k_log(mean) ? left : -right;
    }
    u = u < -740.0 ? -740.0 : (u > 740.0 ? 740.0 : u);
    for (int i = 0; i < 200; i++) {
        double x = numc_k_expit(u), y = numc_k_expit(-u);
        numc_k_beta_part part = numc_k_beta_both(a, b, x, y, 0);
        double value = part.swapped == swapped ? part.value : 1.0 - part.value;
        double density = numc_k_beta_prefix(a, b, x, y);
        double step = numc_k_log(value / target) * value / density;
        double next;
        if (value == target)
            return x;
        if (swapped)
            step = -step;
        if ((value > target) != swapped)
            high = u;
        else
            low = u;
        next = u - step;
        if (!(next > low && next < high) || !(density > 0.0))
            next = 0.5 * (low + high);
        else if (NUMC_KERNEL_ABS(step) <= 0x1p-30)
            return x < 0.5 ? x - x * y * step : 1.0 - (y + x * y * step);
        if (!(high - low > 0x1p-52 * NUMC_KERNEL_ABS(u)))
            return x;
        u = next;
    }
    return numc_k_expit(u);
}

#endif
