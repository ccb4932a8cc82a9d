/* Log densities with hand-written gradients for tests of samplers. Each returns false where it rejects the point. */
#ifndef NUMC_TESTS_INFER_DENSITIES_H
#define NUMC_TESTS_INFER_DENSITIES_H

#include <math.h>
#include <stdbool.h>

typedef bool (*density_fn)(int dimension, const double *q, double *log_density, double *gradient);

/* N(0, S) with S^-1 tridiagonal: 2 + i/2 on the diagonal, -0.9 beside it. */
static inline bool density_normal(int n, const double *q, double *log_density, double *g)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        g[i] = -(2 + 0.5 * i) * q[i];
        if (i > 0)
            g[i] += 0.9 * q[i - 1];
        if (i + 1 < n)
            g[i] += 0.9 * q[i + 1];
        sum += 0.5 * q[i] * g[i];
    }
    *log_density = sum;
    return true;
}

/* Neal's funnel: v ~ N(0, 3), x_i | v ~ N(0, exp(v/2)). */
static inline bool density_funnel(int n, const double *q, double *log_density, double *g)
{
    double v = q[0], e = exp(-v), sum = 0;
    for (int i = 1; i < n; i++) {
        sum += q[i] * q[i];
        g[i] = -e * q[i];
    }
    *log_density = -v * v / 18 - 0.5 * (n - 1) * v - 0.5 * e * sum;
    g[0] = -v / 9 - 0.5 * (n - 1) + 0.5 * e * sum;
    return true;
}

/* Independent log-gamma: density exp(q - exp(q)); draws are logs of exponentials. */
static inline bool density_log_exponential(int n, const double *q, double *log_density, double *g)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double e = exp(q[i]);
        sum += q[i] - e;
        g[i] = 1 - e;
    }
    *log_density = sum;
    return true;
}

/* Standard normal cut off at q_0 > 0.5: rejects there, and leaves nonsense in the gradient. */
static inline bool density_cliff(int n, const double *q, double *log_density, double *g)
{
    *log_density = 0;
    for (int i = 0; i < n; i++) {
        *log_density -= 0.5 * q[i] * q[i];
        g[i] = -q[i];
    }
    if (q[0] > 0.5) {
        g[0] = NAN;
        return false;
    }
    return true;
}

/* Eight schools, non-centred: q = (mu, log tau, z_1..8); mu ~ N(0, 5), tau ~ half-Cauchy(5), y ~ N(mu + tau z, sigma). */
static inline bool density_eight_schools(int n, const double *q, double *log_density, double *g)
{
    static const double y[8] = {28, 8, -3, 7, -1, 1, 18, 12};
    static const double sigma[8] = {15, 10, 16, 11, 9, 11, 10, 18};
    (void)n;
    double mu = q[0], tau = exp(q[1]), r = tau / 5;
    double sum = -0.5 * (mu / 5) * (mu / 5) - log1p(r * r) + q[1];
    g[0] = -mu / 25;
    g[1] = 1 - 2 * r * r / (1 + r * r);
    for (int i = 0; i < 8; i++) {
        double z = q[2 + i], e = (y[i] - mu - tau * z) / sigma[i], d = e / sigma[i];
        sum -= 0.5 * (z * z + e * e);
        g[0] += d;
        g[1] += d * tau * z;
        g[2 + i] = -z + d * tau;
    }
    *log_density = sum;
    return true;
}

#endif
