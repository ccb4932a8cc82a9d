/*
 * sin, cos and tan of pi x: exact zeros and signs, and no argument reduction by pi, which is what reflection formulas
 * and samplers need. Without branches, as exponential.h.
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

#endif
