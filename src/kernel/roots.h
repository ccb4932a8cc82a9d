/*
 * Roots of unity, for Fourier transforms: cos and sin of 2 pi k / n with the reduction done in integers, so that both
 * parts have an error below 1 ULP for every k and n.
 */
#ifndef NUMC_KERNEL_ROOTS_H
#define NUMC_KERNEL_ROOTS_H

#include "trigonometric.h"

typedef struct {
    double re, im;
} numc_k_root_pair;

/* exp(2 pi i k / n) for 0 <= k < n < 2^50. With 4 k = quarter n + rest, |rest| <= n / 2, the angle beyond the quarter turn is
 * (pi / 2) rest / n, kept in two pieces. */
NUMC_KERNEL_FN_LARGE numc_k_root_pair numc_k_root(numc_k_i64 k, numc_k_i64 n)
{
    numc_k_root_pair root;
    numc_k_i64 quarter = (8 * k + n) / (2 * n), rest = 4 * k - quarter * n;
    double top = (double)rest, bottom = (double)n;
    double ratio = top / bottom;
    double rh = numc_k_high_part(ratio), bh = numc_k_high_part(bottom);
    double product = ratio * bottom;
    double lost = ((rh * bh - product) + rh * (bottom - bh)) + (ratio - rh) * bh + (ratio - rh) * (bottom - bh);
    double ratio_low = ((top - product) - lost) / bottom;
    double ph = numc_k_high_part(NUMC_KERNEL_HALF_PI_HIGH);
    double angle = ratio * NUMC_KERNEL_HALF_PI_HIGH;
    double low = (((rh * ph - angle) + rh * (NUMC_KERNEL_HALF_PI_HIGH - ph)) + (ratio - rh) * ph) +
                 (ratio - rh) * (NUMC_KERNEL_HALF_PI_HIGH - ph) +
                 (ratio * NUMC_KERNEL_HALF_PI_LOW + ratio_low * NUMC_KERNEL_HALF_PI_HIGH);
    double c = numc_k_cos_core(angle, low), s = numc_k_sin_core(angle, low);
    root.re = quarter == 0 || quarter == 4 ? c : quarter == 1 ? -s : quarter == 2 ? -c : s;
    root.im = quarter == 0 || quarter == 4 ? s : quarter == 1 ? c : quarter == 2 ? -s : -c;
    return root;
}

#endif
