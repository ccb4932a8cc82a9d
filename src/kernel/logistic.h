/*
 * expit, logit, softplus, log_expit, log1mexp, logaddexp, xlogy, xlog1py: logarithms of sums and complements that
 * neither overflow nor cancel.
 */
#ifndef NUMC_KERNEL_LOGISTIC_H
#define NUMC_KERNEL_LOGISTIC_H

#include "exponential.h"

/* 1 / (1 + exp(-x)) */
NUMC_KERNEL_FN double numc_k_expit(double x)
{
    double e = numc_k_exp(-NUMC_KERNEL_ABS(x));
    return (x < 0.0 ? e : 1.0) / (1.0 + e);
}

/* ln(p / (1-p)); between 1/4 and 3/4 as log1p((2p-1) / (1-p)), whose numerator is exact. */
NUMC_KERNEL_FN double numc_k_logit(double p)
{
    double q = 1.0 - p;
    double near = numc_k_log1p((2.0 * p - 1.0) / q);
    double far = numc_k_log(p / q);
    return p >= 0.25 && p <= 0.75 ? near : far;
}

/* ln(1 + exp(x)) */
NUMC_KERNEL_FN double numc_k_softplus(double x)
{
    double most = x > 0.0 ? x : 0.0;
    double gap = numc_k_log1p_fraction(numc_k_exp(-NUMC_KERNEL_ABS(x)));
    return most + gap;
}

/* ln expit(x) */
NUMC_KERNEL_FN double numc_k_log_expit(double x)
{
    return -numc_k_softplus(-x);
}

/* ln(1 - exp(-x)) for x >= 0 (Maechler 2012), NaN below. */
NUMC_KERNEL_FN double numc_k_log1mexp(double x)
{
    double near = numc_k_log(-numc_k_expm1(-x));
    double far = numc_k_log1p(-numc_k_exp(-x));
    return x < NUMC_KERNEL_LN2 ? near : far;
}

/* ln(exp(x) + exp(y)); equal infinities give themselves. */
NUMC_KERNEL_FN double numc_k_logaddexp(double x, double y)
{
    double most = x > y ? x : y;
    double gap = x == y ? 0.0 : x - y;
    double result = most + numc_k_log1p_fraction(numc_k_exp(-NUMC_KERNEL_ABS(gap)));
    return x != x || y != y ? x + y : result;
}

/* x ln y, 0 where x is 0 and y is not NaN. */
NUMC_KERNEL_FN double numc_k_xlogy(double x, double y)
{
    double product = x * numc_k_log(y);
    return x == 0.0 && y == y ? 0.0 : product;
}

/* x ln(1 + y), 0 where x is 0 and y is not NaN. */
NUMC_KERNEL_FN double numc_k_xlog1py(double x, double y)
{
    double product = x * numc_k_log1p(y);
    return x == 0.0 && y == y ? 0.0 : product;
}

#endif
