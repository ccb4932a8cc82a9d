/* hand_posteriors.c - the models of the reference posteriors as one would write them in C by hand, where hand.c does not have them: as
 * there, straight loops and libm, compiled for the machine; q in the order of the model's sites, positive parameters exp(q). */
#include <math.h>
#include <string.h>

#include "bench.h"

#define HALF_LOG_2PI 0.91893853320467274178
#define LOG_2_OVER_PI (-0.45158270528945486473)

/* ---- linear regression ---------------------------------------------------------------------------------------------------- */

static double normal(double x, double mean, double sd, double *slope)
{
    double z = (x - mean) / sd;
    *slope -= z / sd;
    return -0.5 * z * z - log(sd) - HALF_LOG_2PI;
}

/* Student's t with 3 degrees of freedom: Gamma(2) / (Gamma(3/2) sqrt(3 pi) s) (1 + z^2 / 3)^-2, Gamma(3/2) = sqrt(pi) / 2 */
static double student(double x, double mean, double scale, double *slope)
{
    double z = (x - mean) / scale, part = 1.0 + z * z / 3.0;
    *slope -= 4.0 / 3.0 * z / (scale * part);
    return log(2.0 / 3.14159265358979323846 / sqrt(3.0)) - log(scale) - 2.0 * log(part);
}

/* Column by column, in blocks of rows that stay in the first-level cache: residuals, then their products with the columns, each
 * sum in eight lanes so that the compiler may use vectors. */
double bench_hand_linear(const bench_linear *l, const double *q, double *gradient)
{
    enum { BLOCK = 128, LANES = 8, MOST = 32 };
    double sigma = exp(q[l->sigma]), w = 1.0 / sigma, squares = 0.0, total = 0.0, cross[MOST] = {0.0};
    const double *b = q + l->slopes;
    double intercept = l->intercept < 0 ? 0.0 : q[l->intercept];
    for (int first = 0; first < l->rows; first += BLOCK) {
        int count = l->rows - first < BLOCK ? l->rows - first : BLOCK;
        double r[BLOCK] = {0.0}, of_squares[LANES] = {0.0}, of_residuals[LANES] = {0.0};
        const double *x = l->x + first;
        for (int i = 0; i < count; i++)
            r[i] = l->y[first + i] - intercept;
        for (int k = 0; k < l->columns; k++)
            for (int i = 0; i < count; i++)
                r[i] -= b[k] * x[(size_t)k * (size_t)l->rows + (size_t)i];
        for (int i = 0; i < BLOCK; i += LANES)
            for (int n = 0; n < LANES; n++) {
                of_squares[n] += r[i + n] * r[i + n];
                of_residuals[n] += r[i + n];
            }
        for (int n = 0; n < LANES; n++) {
            squares += of_squares[n];
            total += of_residuals[n];
        }
        for (int k = 0; k < l->columns; k++) {
            const double *column = x + (size_t)k * (size_t)l->rows;
            double lanes[LANES] = {0.0};
            int i = 0;
            for (; i + LANES <= count; i += LANES)
                for (int n = 0; n < LANES; n++)
                    lanes[n] += r[i + n] * column[i + n];
            for (; i < count; i++)
                lanes[0] += r[i] * column[i];
            for (int n = 0; n < LANES; n++)
                cross[k] += lanes[n];
        }
    }
    double sum = -0.5 * squares * w * w - l->rows * (q[l->sigma] + HALF_LOG_2PI) + q[l->sigma], d_sigma = 0.0;
    switch (l->scale_prior) {
    case BENCH_HALF_NORMAL:
        sum += log(2.0) + normal(sigma, 0.0, l->scale, &d_sigma);
        break;
    case BENCH_HALF_CAUCHY: {
        double ratio = sigma / l->scale, part = 1.0 + ratio * ratio;
        sum += LOG_2_OVER_PI - log(l->scale) - log1p(ratio * ratio);
        d_sigma -= 2.0 * ratio / (l->scale * part);
        break;
    }
    case BENCH_STUDENT:
        sum += student(sigma, 0.0, l->scale, &d_sigma);
        break;
    case BENCH_FLAT:
        break;
    }
    gradient[l->sigma] = squares * w * w - l->rows + 1.0 + d_sigma * sigma;
    if (l->intercept >= 0) {
        double slope = total * w * w;
        if (l->intercept_sd > 0.0)
            sum += (l->intercept_student ? student : normal)(intercept, l->intercept_mean, l->intercept_sd, &slope);
        gradient[l->intercept] = slope;
    }
    for (int k = 0; k < l->columns; k++) {
        double slope = cross[k] * w * w;
        if (l->slope_sd > 0.0)
            sum += normal(b[k], l->slope_mean, l->slope_sd, &slope);
        gradient[l->slopes + k] = slope;
    }
    return sum;
}

/* ---- two hidden states, forwards and backwards with rescaled sums: q = (logit theta1, logit theta2, phi[2], lambda[2]) ------ */

typedef struct level {
    double x[2], slope[2]; /* of the two states; d log density / d x */
} level;

/* (below, above) of two numbers, both positive or not; their priors N(0, 1), N(3, 1) and Jacobians. */
static double levels(const double *q, bool positive, level *l)
{
    l->x[0] = positive ? exp(q[0]) : q[0];
    l->x[1] = l->x[0] + exp(q[1]);
    l->slope[0] = -l->x[0];
    l->slope[1] = 3.0 - l->x[1];
    return (positive ? q[0] : 0.0) + q[1] - 0.5 * (l->slope[0] * l->slope[0] + l->slope[1] * l->slope[1]) - 2.0 * HALF_LOG_2PI;
}

static void levels_back(const level *l, bool positive, double *gradient)
{
    gradient[0] = (l->slope[0] + l->slope[1]) * (positive ? l->x[0] : 1.0) + (positive ? 1.0 : 0.0);
    gradient[1] = l->slope[1] * (l->x[1] - l->x[0]) + 1.0;
}

double bench_hand_drive(const bench_drive *d, const double *q, double *gradient)
{
    enum { K = 2 };
    double p[K][K], sum = 0.0, d_p[K][K] = {{0.0}}, constant[K], rate[2][K];
    level series[2];
    bool positive = !d->normal;
    const double *y[2] = {d->u, d->v};
    for (int i = 0; i < K; i++) { /* Dirichlet's density and the Jacobian v (1 - v) */
        p[i][0] = 1.0 / (1.0 + exp(-q[i]));
        p[i][1] = 1.0 - p[i][0];
        sum += d->alpha[i][0] * log(p[i][0]) + d->alpha[i][1] * log(p[i][1]) + d->log_beta[i];
    }
    sum += levels(q + 2, positive, &series[0]) + levels(q + 4, positive, &series[1]);
    for (int k = 0; k < K; k++) {
        constant[k] = 0.0;
        for (int s = 0; s < 2; s++) {
            rate[s][k] = d->normal ? 1.0 / d->sd[s] : series[s].x[k];
            constant[k] += log(rate[s][k]) - (d->normal ? HALF_LOG_2PI : 0.0);
        }
    }
    double (*alpha)[K] = d->alphas, (*emission)[K] = d->emissions, *scale = d->scales;
    for (int t = 0; t < d->count; t++) {
        double logs[K], total = 0.0;
        for (int k = 0; k < K; k++) {
            logs[k] = constant[k];
            for (int s = 0; s < 2; s++) {
                double z = (y[s][t] - series[s].x[k]) * rate[s][k];
                logs[k] -= d->normal ? 0.5 * z * z : rate[s][k] * y[s][t];
            }
        }
        double most = logs[0] > logs[1] ? logs[0] : logs[1], e = exp(-fabs(logs[0] - logs[1]));
        emission[t][0] = logs[0] > logs[1] ? 1.0 : e;
        emission[t][1] = logs[0] > logs[1] ? e : 1.0;
        for (int k = 0; k < K; k++) {
            double before = t == 0 ? 1.0 : alpha[t - 1][0] * p[0][k] + alpha[t - 1][1] * p[1][k];
            alpha[t][k] = before * emission[t][k];
            total += alpha[t][k];
        }
        scale[t] = 1.0 / total;
        for (int k = 0; k < K; k++)
            alpha[t][k] *= scale[t];
        sum += most + log(total);
    }
    double beta[K] = {1.0, 1.0};
    for (int t = d->count - 1; t >= 0; t--) {
        double before[K] = {0.0};
        for (int k = 0; k < K; k++) {
            double weight = alpha[t][k] * beta[k], flow = emission[t][k] * beta[k] * scale[t];
            for (int s = 0; s < 2; s++)
                series[s].slope[k] += weight * (d->normal ? (y[s][t] - series[s].x[k]) * rate[s][k] * rate[s][k]
                                                          : 1.0 / series[s].x[k] - y[s][t]);
            for (int i = 0; t > 0 && i < K; i++) {
                d_p[i][k] += alpha[t - 1][i] * flow;
                before[i] += p[i][k] * flow;
            }
        }
        memcpy(beta, before, sizeof beta);
    }
    for (int i = 0; i < K; i++)
        gradient[i] = (d_p[i][0] - d_p[i][1]) * p[i][0] * p[i][1] + d->alpha[i][0] * p[i][1] - d->alpha[i][1] * p[i][0];
    levels_back(&series[0], positive, gradient + 2);
    levels_back(&series[1], positive, gradient + 4);
    return sum;
}

/* ---- Lotka and Volterra, classical Runge-Kutta steps and their adjoint: q = logs of theta[4], sigma[2], z_init[2] ----------- */

static void slope(const double *theta, const double *z, double *k)
{
    k[0] = (theta[0] - theta[1] * z[1]) * z[0];
    k[1] = (theta[3] * z[0] - theta[2]) * z[1];
}

/* Adds what comes back through slope(theta, z) from d_k to d_theta and d_z. */
static void slope_back(const double *theta, const double *z, const double *d_k, double *d_theta, double *d_z)
{
    d_theta[0] += d_k[0] * z[0];
    d_theta[1] -= d_k[0] * z[0] * z[1];
    d_theta[2] -= d_k[1] * z[1];
    d_theta[3] += d_k[1] * z[0] * z[1];
    d_z[0] += d_k[0] * (theta[0] - theta[1] * z[1]) + d_k[1] * theta[3] * z[1];
    d_z[1] += d_k[1] * (theta[3] * z[0] - theta[2]) - d_k[0] * theta[1] * z[0];
}

double bench_hand_volterra(const bench_volterra *v, const double *q, double *gradient)
{
    static const double mean[4] = {1.0, 0.05, 1.0, 0.05}, sd[4] = {0.5, 0.05, 0.5, 0.05};
    double theta[4], sigma[2], sum = 0.0, d_theta[4] = {0.0}, d_sigma[2] = {0.0};
    double (*points)[4][2] = v->points; /* of each step: where its four slopes were taken */
    double z[2], k[4][2], d_z[2] = {0.0};
    int steps = v->steps;
    for (int i = 0; i < 4; i++) {
        theta[i] = exp(q[i]);
        sum += q[i] + normal(theta[i], mean[i], sd[i], &d_theta[i]);
    }
    for (int s = 0; s < 2; s++) {
        double e = q[4 + s] + 1.0, f = q[6 + s] - 2.302585092994046, r = (log(v->first[s]) - q[6 + s]) / exp(q[4 + s]);
        sigma[s] = exp(q[4 + s]);
        z[s] = exp(q[6 + s]);
        sum += -0.5 * (e * e + f * f + r * r) - 3.0 * HALF_LOG_2PI - log(v->first[s]) - q[4 + s];
        gradient[4 + s] = -e + r * r - 1.0;
        gradient[6 + s] = -f + r / sigma[s];
    }
    for (int t = 0; t < v->count; t++) {
        double h = (v->times[t] - (t == 0 ? 0.0 : v->times[t - 1])) / steps;
        for (int n = 0; n < steps; n++) {
            double (*at)[2] = points[t * steps + n];
            memcpy(at[0], z, sizeof z);
            slope(theta, at[0], k[0]);
            for (int j = 1; j < 4; j++) {
                double part = j == 3 ? h : 0.5 * h;
                at[j][0] = z[0] + part * k[j - 1][0];
                at[j][1] = z[1] + part * k[j - 1][1];
                slope(theta, at[j], k[j]);
            }
            for (int s = 0; s < 2; s++)
                z[s] += h / 6.0 * (k[0][s] + 2.0 * (k[1][s] + k[2][s]) + k[3][s]);
        }
        memcpy(v->ends[t], z, sizeof z);
        for (int s = 0; s < 2; s++) {
            double r = (v->logs[2 * t + s] - log(z[s])) / sigma[s];
            sum += -0.5 * r * r - HALF_LOG_2PI - v->logs[2 * t + s] - q[4 + s];
            d_sigma[s] += r * r - 1.0;
        }
    }
    for (int t = v->count - 1; t >= 0; t--) {
        double h = (v->times[t] - (t == 0 ? 0.0 : v->times[t - 1])) / steps;
        for (int s = 0; s < 2; s++)
            d_z[s] += (v->logs[2 * t + s] - log(v->ends[t][s])) / (sigma[s] * sigma[s] * v->ends[t][s]);
        for (int n = steps - 1; n >= 0; n--) {
            double (*at)[2] = points[t * steps + n], d_start[2] = {d_z[0], d_z[1]}, d_k[2], d_at[2] = {0.0};
            for (int j = 3; j >= 0; j--) {
                double weight = h / 6.0 * (j == 0 || j == 3 ? 1.0 : 2.0), part = j == 2 ? h : 0.5 * h;
                for (int s = 0; s < 2; s++)
                    d_k[s] = weight * d_z[s] + (j == 3 ? 0.0 : part * d_at[s]);
                d_at[0] = d_at[1] = 0.0;
                slope_back(theta, at[j], d_k, d_theta, d_at);
                d_start[0] += d_at[0];
                d_start[1] += d_at[1];
            }
            memcpy(d_z, d_start, sizeof d_z);
        }
    }
    for (int i = 0; i < 4; i++)
        gradient[i] = d_theta[i] * theta[i] + 1.0;
    for (int s = 0; s < 2; s++) {
        gradient[4 + s] += d_sigma[s];
        gradient[6 + s] += d_z[s] * exp(q[6 + s]);
    }
    return sum;
}

/* ---- a latent Gaussian process behind Poisson counts: q = (log rho, log alpha, z[n]) ------------------------------------------ */

/* The way back through the factorisation: Smith (1995), "Differentiation of the Cholesky algorithm", section 3. */
double bench_hand_counts(const bench_counts *c, const double *q, double *gradient)
{
    enum { MOST = 16 };
    int n = c->count;
    double rho = exp(q[0]), alpha = exp(q[1]), d_rho = 0.0, d_alpha = 0.0, kernel[MOST][MOST], l[MOST][MOST], d_l[MOST][MOST];
    const double *z = q + 2;
    /* Gamma(25, 4): 25 log 4 - log 24! + 24 log rho - 4 rho; half normal(2) */
    double sum = 25.0 * log(4.0) - lgamma(25.0) + 24.0 * q[0] - 4.0 * rho + q[0] + q[1] - 0.125 * alpha * alpha - HALF_LOG_2PI;
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++) {
            double d = (c->x[i] - c->x[j]) / rho, part = 0.0;
            kernel[i][j] = alpha * alpha * exp(-0.5 * d * d);
            for (int k = 0; k < j; k++)
                part += l[i][k] * l[j][k];
            double left = kernel[i][j] + (i == j ? 1e-10 : 0.0) - part;
            l[i][j] = i == j ? sqrt(left) : left / l[j][j];
        }
    for (int i = 0; i < n; i++)
        gradient[2 + i] = -z[i];
    for (int i = 0; i < n; i++) {
        double f = 0.0;
        for (int j = 0; j <= i; j++)
            f += l[i][j] * z[j];
        double mean = exp(f), d_f = c->k[i] - mean;
        sum += c->k[i] * f - mean - c->log_factorial[i] - 0.5 * z[i] * z[i] - HALF_LOG_2PI;
        for (int j = 0; j <= i; j++) {
            d_l[i][j] = d_f * z[j];
            gradient[2 + j] += d_f * l[i][j];
        }
    }
    for (int i = n - 1; i >= 0; i--)
        for (int j = i; j >= 0; j--) {
            double d_a = i == j ? 0.5 * d_l[i][i] / l[i][i] : d_l[i][j] / l[j][j], d = (c->x[i] - c->x[j]) / rho;
            if (i != j)
                d_l[j][j] -= d_a * l[i][j];
            for (int k = 0; k < j; k++) {
                d_l[i][k] -= d_a * l[j][k];
                d_l[j][k] -= d_a * l[i][k];
            }
            d_alpha += d_a * 2.0 * kernel[i][j] / alpha;
            d_rho += d_a * kernel[i][j] * d * d / rho;
        }
    gradient[0] = d_rho * rho + 25.0 - 4.0 * rho;
    gradient[1] = d_alpha * alpha - 0.25 * alpha * alpha + 1.0;
    return sum;
}
