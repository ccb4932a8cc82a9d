/*
 * Trigonometric functions, within 3 units in the last place for every argument. sinpi, cospi and tanpi have exact
 * zeros and signs, which is what reflection formulas and samplers need; they, asin, acos, atan and atan2 have no
 * branches, as exponential.h. sin, cos and tan branch once: arguments beyond 2^20 are reduced with 224 bits of 2/pi.
 */
#ifndef NUMC_KERNEL_TRIGONOMETRIC_H
#define NUMC_KERNEL_TRIGONOMETRIC_H

#include "config.h"

NUMC_KERNEL_FN double numc_k_sinpi_core(double x)
{
    double z = x * x;
    double p = NUMC_KERNEL_SINPI_4 + z * (NUMC_KERNEL_SINPI_5 + z * NUMC_KERNEL_SINPI_6);
    p = NUMC_KERNEL_SINPI_1 + z * (NUMC_KERNEL_SINPI_2 + z * (NUMC_KERNEL_SINPI_3 + z * p));
    return x * NUMC_KERNEL_PI + x * z * (NUMC_KERNEL_SINPI_0 + z * p);
}

NUMC_KERNEL_FN double numc_k_cospi_core(double x)
{
    double z = x * x;
    double p = NUMC_KERNEL_COSPI_4 + z * (NUMC_KERNEL_COSPI_5 + z * NUMC_KERNEL_COSPI_6);
    p = NUMC_KERNEL_COSPI_1 + z * (NUMC_KERNEL_COSPI_2 + z * (NUMC_KERNEL_COSPI_3 + z * p));
    return 1.0 + z * (NUMC_KERNEL_COSPI_0 + z * p);
}

/* |x| mod 2 = n/2 + y with |y| <= 1/4, both exact; quarter n chooses the core and its sign. */
NUMC_KERNEL_FN double numc_k_sinpi(double x)
{
    double a = NUMC_KERNEL_ABS(x);
    double rest = a - 2.0 * NUMC_KERNEL_FLOOR(0.5 * a);
    double n = (2.0 * rest + NUMC_KERNEL_ROUNDER) - NUMC_KERNEL_ROUNDER;
    double y = rest - 0.5 * n;
    double s = numc_k_sinpi_core(y);
    double c = numc_k_cospi_core(y);
    double value = n == 1.0 ? c : (n == 2.0 ? -s : (n == 3.0 ? -c : s));
    return x < 0.0 ? -value : (x == 0.0 ? x : value);
}

NUMC_KERNEL_FN double numc_k_cospi(double x)
{
    double a = NUMC_KERNEL_ABS(x);
    double rest = a - 2.0 * NUMC_KERNEL_FLOOR(0.5 * a);
    double n = (2.0 * rest + NUMC_KERNEL_ROUNDER) - NUMC_KERNEL_ROUNDER;
    double y = rest - 0.5 * n;
    double s = numc_k_sinpi_core(y);
    double c = numc_k_cospi_core(y);
    return n == 1.0 ? -s : (n == 2.0 ? -c : (n == 3.0 ? s : c));
}

/* Poles at the half integers: infinity with the sign of the approach from below in |x|. */
NUMC_KERNEL_FN double numc_k_tanpi(double x)
{
    double a = NUMC_KERNEL_ABS(x);
    double rest = a - NUMC_KERNEL_FLOOR(a);
    double y = rest > 0.75 ? rest - 1.0 : (rest > 0.25 ? 0.5 - rest : rest);
    double s = numc_k_sinpi_core(y);
    double c = numc_k_cospi_core(y);
    double value = rest > 0.25 && rest <= 0.75 ? c / s : s / c;
    return x < 0.0 ? -value : (x == 0.0 ? x : value);
}

/* x - n pi/2 in two pieces, |high| <= pi/4, and n mod 4. */
typedef struct numc_k_angle {
    double high;
    double low;
    int quarter;
} numc_k_angle;

/* |x| <= 2^20: n pi/2 in three parts of which the first two products are exact (Cody and Waite). */
NUMC_KERNEL_FN numc_k_angle numc_k_reduce_near(double x)
{
    numc_k_angle out;
    double n = (x * 0x1.45f306dc9c883p-1 + NUMC_KERNEL_ROUNDER) - NUMC_KERNEL_ROUNDER;
    double a = x - n * NUMC_KERNEL_HALF_PI_1;
    double b = n * NUMC_KERNEL_HALF_PI_2;
    double r = a - b;
    double back = a - r;
    double lost = (a - (r + back)) + (back - b);
    double c = n * NUMC_KERNEL_HALF_PI_3 - lost;
    out.high = r - c;
    out.low = (r - out.high) - c;
    out.quarter = (int)(n - 4.0 * NUMC_KERNEL_FLOOR(0.25 * n));
    return out;
}

/*
 * Beyond 2^20 (Payne and Hanek): x = M 2^e times the 224 bits of 2/pi that matter, as integers; the two bits above the
 * binary point are n mod 4, the fraction times pi/2 the angle. 138 bits below M 2^e leave 76 good bits in the worst case.
 */
NUMC_KERNEL_FN_LARGE numc_k_angle numc_k_reduce_far(double x)
{
    numc_k_angle out;
    numc_k_u64 bits = numc_k_to_bits(x);
    numc_k_u64 m = (bits & NUMC_KERNEL_U64(0x000fffffffffffff)) | NUMC_KERNEL_U64(0x0010000000000000);
    numc_k_u64 low = m & 0xffffffffu, high = m >> 32;
    int e = (int)((bits >> 52) & 0x7ff) - 1075;
    int first = e >= 34 ? (e - 2) / 32 : 0;
    int point = 224 - (e - 32 * first);                     /* bits of the product below the binary point */
    int word = point / 32, shift = point % 32;
    numc_k_u32 product[10];
    numc_k_u32 fraction[5];
    double sum, rest, sign, p, ph, sh;
    int n, negative;
    for (int i = 0; i < 10; i++)
        product[i] = 0;
    for (int i = 0; i < 7; i++) {
        numc_k_u64 w = numc_k_two_over_pi_table[first + 6 - i];
        numc_k_u64 t = w * low + product[i];
        numc_k_u64 u;
        product[i] = (numc_k_u32)t;
        u = w * high + product[i + 1] + (t >> 32);
        product[i + 1] = (numc_k_u32)u;
        product[i + 2] = (numc_k_u32)(u >> 32);
    }
    {
        numc_k_u64 two = ((numc_k_u64)product[word + 1] << 32) | product[word];
        n = (int)((two >> shift) & 3u);
    }
    for (int i = 0; i < 5; i++) {                           /* the 160 bits below the point, highest word first */
        int k = word - 1 - i;
        numc_k_u64 above = product[k + 1];
        numc_k_u64 here = k >= 0 ? product[k] : 0;
        fraction[i] = (numc_k_u32)(((above << 32) | here) >> shift);
    }
    negative = fraction[0] >> 31 ? 1 : 0;
    if (negative) {
        numc_k_u64 add = 1;
        n = (n + 1) & 3;
        for (int i = 4; i >= 0; i--) {
            add += (numc_k_u32)~fraction[i];
            fraction[i] = (numc_k_u32)add;
            add >>= 32;
        }
    }
    /* the words as a sum of two numbers, from the smallest up */
    rest = (double)fraction[4] * 0x1p-160 + (double)fraction[3] * 0x1p-128;
    sum = (double)fraction[0] * 0x1p-32 + (double)fraction[1] * 0x1p-64;
    ph = ((double)fraction[0] * 0x1p-32 - sum) + (double)fraction[1] * 0x1p-64;
    rest = ph + ((double)fraction[2] * 0x1p-96 + rest);
    p = sum + rest;
    rest = (sum - p) + rest;
    sign = negative ? -1.0 : 1.0;
    if (numc_k_to_bits(x) >> 63) {
        sign = -sign;
        n = (4 - n) & 3;
    }
    ph = numc_k_high_part(p);
    sh = numc_k_high_part(NUMC_KERNEL_HALF_PI_HIGH);
    sum = p * NUMC_KERNEL_HALF_PI_HIGH;
    rest = (((ph * sh - sum) + ph * (NUMC_KERNEL_HALF_PI_HIGH - sh)) + (p - ph) * sh) +
           (p - ph) * (NUMC_KERNEL_HALF_PI_HIGH - sh) + (p * NUMC_KERNEL_HALF_PI_LOW + rest * NUMC_KERNEL_HALF_PI_HIGH);
    out.high = sign * (sum + rest);
    out.low = sign * ((sum - (sum + rest)) + rest);
    out.quarter = n;
    return out;
}

NUMC_KERNEL_FN numc_k_angle numc_k_reduce(double x)
{
    if (NUMC_KERNEL_ABS(x) < 0x1p20)
        return numc_k_reduce_near(x);
    return numc_k_reduce_far(x);
}

/* sin(x + low) for |x| <= pi/4 */
NUMC_KERNEL_FN double numc_k_sin_core(double x, double low)
{
    double z = x * x;
    double p = NUMC_KERNEL_SIN_3 + z * (NUMC_KERNEL_SIN_4 + z * (NUMC_KERNEL_SIN_5 + z * NUMC_KERNEL_SIN_6));
    p = NUMC_KERNEL_SIN_0 + z * (NUMC_KERNEL_SIN_1 + z * (NUMC_KERNEL_SIN_2 + z * p));
    return x + (x * z * p + low * (1.0 - 0.5 * z));
}

/* cos(x + low) for |x| <= pi/4: 1 - z/2 is kept in two pieces */
NUMC_KERNEL_FN double numc_k_cos_core(double x, double low)
{
    double z = x * x;
    double half_z = 0.5 * z;
    double one = 1.0 - half_z;
    double p = NUMC_KERNEL_COS_3 + z * (NUMC_KERNEL_COS_4 + z * NUMC_KERNEL_COS_5);
    p = NUMC_KERNEL_COS_0 + z * (NUMC_KERNEL_COS_1 + z * (NUMC_KERNEL_COS_2 + z * p));
    return one + (((1.0 - one) - half_z) + (z * z * p - x * low));
}

NUMC_KERNEL_FN_LARGE double numc_k_sin(double x)
{
    numc_k_angle angle;
    double value;
    if (!(NUMC_KERNEL_ABS(x) < NUMC_KERNEL_INFINITY))
        return NUMC_KERNEL_NAN;
    if (x == 0.0)
        return x;
    angle = numc_k_reduce(x);
    value = angle.quarter & 1 ? numc_k_cos_core(angle.high, angle.low) : numc_k_sin_core(angle.high, angle.low);
    return angle.quarter & 2 ? -value : value;
}

NUMC_KERNEL_FN_LARGE double numc_k_cos(double x)
{
    numc_k_angle angle;
    double value;
    if (!(NUMC_KERNEL_ABS(x) < NUMC_KERNEL_INFINITY))
        return NUMC_KERNEL_NAN;
    angle = numc_k_reduce(x);
    value = angle.quarter & 1 ? numc_k_sin_core(angle.high, angle.low) : numc_k_cos_core(angle.high, angle.low);
    return angle.quarter == 1 || angle.quarter == 2 ? -value : value;
}

NUMC_KERNEL_FN_LARGE double numc_k_tan(double x)
{
    numc_k_angle angle;
    double s, c;
    if (!(NUMC_KERNEL_ABS(x) < NUMC_KERNEL_INFINITY))
        return NUMC_KERNEL_NAN;
    if (x == 0.0)
        return x;
    angle = numc_k_reduce(x);
    s = numc_k_sin_core(angle.high, angle.low);
    c = numc_k_cos_core(angle.high, angle.low);
    return angle.quarter & 1 ? -c / s : s / c;
}

/* atan(t) for |t| <= tan(pi/8), plus a base given in two pieces. */
NUMC_KERNEL_FN double numc_k_atan_core(double t, double base, double base_low)
{
    double z = t * t;
    double z2 = z * z;
    double z4 = z2 * z2;
    double low = (NUMC_KERNEL_ATAN_0 + z * NUMC_KERNEL_ATAN_1) + z2 * (NUMC_KERNEL_ATAN_2 + z * NUMC_KERNEL_ATAN_3);
    double high = (NUMC_KERNEL_ATAN_4 + z * NUMC_KERNEL_ATAN_5) + z2 * (NUMC_KERNEL_ATAN_6 + z * NUMC_KERNEL_ATAN_7);
    double top = NUMC_KERNEL_ATAN_8 + z * (NUMC_KERNEL_ATAN_9 + z * NUMC_KERNEL_ATAN_10);
    return base + (t + (t * z * (low + z4 * (high + z4 * top)) + base_low));
}

/* The angle of (x, y) for x, y >= 0: y/x, (y-x)/(y+x) or -x/y, on top of 0, pi/4 or pi/2. */
NUMC_KERNEL_FN double numc_k_atan_quadrant(double y, double x)
{
    double low = 0.41421356237309503 * x - y, high = 0.41421356237309503 * y - x;
    double turns = low >= 0.0 ? 0.0 : (high >= 0.0 ? 1.0 : 0.5);
    double top = low >= 0.0 ? y : (high >= 0.0 ? -x : y - x);
    double bottom = low >= 0.0 ? x : (high >= 0.0 ? y : y + x);
    return numc_k_atan_core(top / bottom, turns * NUMC_KERNEL_HALF_PI_HIGH, turns * NUMC_KERNEL_HALF_PI_LOW);
}

NUMC_KERNEL_FN double numc_k_atan(double x)
{
    double a = NUMC_KERNEL_ABS(x);
    double b = a > 0x1p60 ? 0x1p60 : a;
    return numc_k_copy_sign(numc_k_atan_quadrant(b, 1.0), x);
}

/* The angle of the point (x, y), with the signs of zeros and infinities as C's atan2. */
NUMC_KERNEL_FN double numc_k_atan2(double y, double x)
{
    double a = NUMC_KERNEL_ABS(y), b = NUMC_KERNEL_ABS(x);
    double most = a > b ? a : b;
    double scale = most > 0x1p1000 ? 0x1p-100 : (most < 0x1p-900 ? 0x1p100 : 1.0);
    double c, d, angle, turned;
    /* infinities count as 1 against 0, and 0 against 0 as 0 against 1 */
    c = a == NUMC_KERNEL_INFINITY ? 1.0 : a * scale;
    c = b == NUMC_KERNEL_INFINITY && a < NUMC_KERNEL_INFINITY ? 0.0 : c;
    d = b == NUMC_KERNEL_INFINITY ? 1.0 : b * scale;
    d = a == NUMC_KERNEL_INFINITY && b < NUMC_KERNEL_INFINITY ? 0.0 : d;
    d = most == 0.0 ? 1.0 : d;
    angle = numc_k_atan_quadrant(c, d);
    turned = NUMC_KERNEL_HALF_PI_HIGH * 2.0 - (angle - NUMC_KERNEL_HALF_PI_LOW * 2.0);
    angle = d > 0.0 && numc_k_copy_sign(1.0, x) < 0.0 ? turned : angle;
    angle = numc_k_copy_sign(angle, y);
    angle = x != x ? x : angle;
    return y != y ? y : angle;
}

/* (asin(x) - x) / x in z = x^2 <= 1/4 */
NUMC_KERNEL_FN double numc_k_asin_polynomial(double z)
{
    double z2 = z * z;
    double z4 = z2 * z2;
    double low = (NUMC_KERNEL_ASIN_0 + z * NUMC_KERNEL_ASIN_1) + z2 * (NUMC_KERNEL_ASIN_2 + z * NUMC_KERNEL_ASIN_3);
    double high = (NUMC_KERNEL_ASIN_4 + z * NUMC_KERNEL_ASIN_5) + z2 * (NUMC_KERNEL_ASIN_6 + z * NUMC_KERNEL_ASIN_7);
    double top = (NUMC_KERNEL_ASIN_8 + z * NUMC_KERNEL_ASIN_9) + z2 * (NUMC_KERNEL_ASIN_10 + z * NUMC_KERNEL_ASIN_11);
    return z * (low + z4 * (high + z4 * (top + z4 * NUMC_KERNEL_ASIN_12)));
}

/* Above 1/2: pi/2 - 2 asin(sqrt((1-|x|)/2)). NaN outside [-1, 1]. */
NUMC_KERNEL_FN double numc_k_asin(double x)
{
    double a = NUMC_KERNEL_ABS(x);
    double far = 0.5 * (1.0 - a);
    double z = a > 0.5 ? far : a * a;
    double s = a > 0.5 ? NUMC_KERNEL_SQRT(far) : a;
    double value = s * numc_k_asin_polynomial(z);
    double outer = NUMC_KERNEL_HALF_PI_HIGH - (2.0 * s + (2.0 * value - NUMC_KERNEL_HALF_PI_LOW));
    double result = numc_k_copy_sign(a > 0.5 ? outer : s + value, x);
    return a <= 1.0 ? result : NUMC_KERNEL_NAN;
}

/* acos(x) = 2 asin(sqrt((1-x)/2)) above 1/2, pi/2 - asin(x) in the middle, pi - acos(-x) below -1/2. */
NUMC_KERNEL_FN double numc_k_acos(double x)
{
    double a = NUMC_KERNEL_ABS(x);
    double far = 0.5 * (1.0 - a);
    double z = a > 0.5 ? far : x * x;
    double s = a > 0.5 ? NUMC_KERNEL_SQRT(far) : x;
    double value = s * numc_k_asin_polynomial(z);
    double middle = NUMC_KERNEL_HALF_PI_HIGH - (s + (value - NUMC_KERNEL_HALF_PI_LOW));
    double right = 2.0 * (s + value);
    double left = 2.0 * (NUMC_KERNEL_HALF_PI_HIGH - (s + (value - NUMC_KERNEL_HALF_PI_LOW)));
    double result = a > 0.5 ? (x > 0.0 ? right : left) : middle;
    return a <= 1.0 ? result : NUMC_KERNEL_NAN;
}

#endif
