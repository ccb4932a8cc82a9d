/* hand.c - the measured models as one would write them in C by hand: straight loops, libm, no allocation; the two products of the
 * regression by OpenBLAS. Compiled for the machine it runs on. Constants that do not change are folded, as by hand.
 *
 * q holds the unconstrained parameters in the order of the model's sites; positive ones are exp(q), with log-Jacobian q. */
#include <dlfcn.h>
#include <math.h>
#include <string.h>

#include "bench.h"
#include "kernel/kernel.h"

#define HALF_LOG_2PI 0.91893853320467274178
#define LOG_2_OVER_PI (-0.45158270528945486473)

/* ---- eight schools: q = (mu, log tau, z[8]) -------------------------------------------------------------------------------- */

double bench_hand_schools(const bench_schools *s, const double *q, double *gradient)
{
    double mu = q[0], tau = exp(q[1]), ratio = tau / 5.0;
    const double *z = q + 2;
    double sum = -0.5 * (mu / 5.0) * (mu / 5.0) - log(5.0) - HALF_LOG_2PI;
    sum += LOG_2_OVER_PI - log(5.0) - log1p(ratio * ratio) + q[1];
    double d_mu = -mu / 25.0, d_tau = -2.0 * ratio / 5.0 / (1.0 + ratio * ratio);
    for (int i = 0; i < s->count; i++) {
        double sigma = s->sigma[i], r = (s->y[i] - (mu + tau * z[i])) / sigma, slope = r / sigma;
        sum += -0.5 * (z[i] * z[i] + r * r) - log(sigma) - 2.0 * HALF_LOG_2PI;
        d_mu += slope;
        d_tau += slope * z[i];
        gradient[2 + i] = slope * tau - z[i];
    }
    gradient[0] = d_mu;
    gradient[1] = d_tau * tau + 1.0;
    return sum;
}

/* ---- logistic regression: q = beta ------------------------------------------------------------------------------------------- */

/* cblas_dgemv's own types: enums are ints. LAPACK's are Fortran's. */
typedef void (*gemv_fn)(int order, int transpose, int rows, int columns, double alpha, const double *a, int lda,
                        const double *x, int incx, double beta, double *y, int incy);
enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 };
static gemv_fn gemv;
static void (*potrf)(const char *uplo, const int *n, double *a, const int *lda, int *info);
static void (*potri)(const char *uplo, const int *n, double *a, const int *lda, int *info);
static void (*potrs)(const char *uplo, const int *n, const int *columns, const double *a, const int *lda, double *b, const int *ldb,
                     int *info);

/* ISO C has no conversion from an object pointer to a function's. */
static bool find(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

static bool open_blas(void)
{
    static const char *const names[] = {"libopenblas_serial.so.0", "libopenblas.so.0", "libopenblas.so"};
    for (size_t i = 0; gemv == NULL && i < sizeof names / sizeof names[0]; i++) {
        void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        void (*set_threads)(int);
        if (library == NULL || !find(library, "cblas_dgemv", &gemv))
            continue;
        if (!find(library, "dpotrf_", &potrf) || !find(library, "dpotri_", &potri) || !find(library, "dpotrs_", &potrs))
            potrf = NULL;
        if (find(library, "openblas_set_num_threads", &set_threads))
            set_threads(1);
    }
    return gemv != NULL;
}

bool bench_blas_ready(void)
{
    return open_blas();
}

bool bench_lapack_ready(void)
{
    return open_blas() && potrf != NULL;
}

double bench_read(const double *x, size_t count)
{
    double lanes[32] = {0.0}, sum = 0.0;
    for (size_t i = 0; i + 32 <= count; i += 32)
        for (size_t n = 0; n < 32; n++)
            lanes[n] += x[i + n];
    for (size_t n = 0; n < 32; n++)
        sum += lanes[n];
    return sum;
}

/* log p(y | l) = y l - log(1 + exp l), by the branch that does not overflow; the residual is its derivative. */
static inline double bernoulli(double l, double y, double *residual)
{
    double e = exp(-fabs(l)), top = l > 0.0 ? l : 0.0;
    *residual = y - (l > 0.0 ? 1.0 : e) / (1.0 + e);
    return y * l - top - log1p(e);
}

static double normal_prior(int count, const double *q, double *gradient)
{
    double sum = 0.0;
    for (int j = 0; j < count; j++) {
        gradient[j] = -q[j];
        sum += q[j] * q[j];
    }
    return -0.5 * sum - HALF_LOG_2PI * count;
}

double bench_hand_logistic(const bench_logistic *l, const double *q, double *gradient)
{
    double sum = normal_prior(l->columns, q, gradient), *t = l->scratch;
    gemv(ROW_MAJOR, NO_TRANSPOSE, l->rows, l->columns, 1.0, l->x, l->columns, q, 1, 0.0, t, 1);
    for (int i = 0; i < l->rows; i++)
        sum += bernoulli(t[i], l->y[i], &t[i]);
    gemv(ROW_MAJOR, TRANSPOSE, l->rows, l->columns, 1.0, l->x, l->columns, t, 1, 1.0, gradient, 1);
    return sum;
}

/* As one would write it where speed counts: some rows at a time are multiplied with beta in vectors of four, one row after another;
 * exp and log1p are inlined and vectorised; and the rows, still in the first-level cache, are added to the gradient, which stays in
 * registers by strips of eight vectors. The matrix is read from memory once. Columns are a constant wherever this is called. */
typedef double four __attribute__((vector_size(32)));
typedef double four_at __attribute__((vector_size(32), aligned(8), may_alias));

static inline __attribute__((always_inline)) void add_rows(int strip, int rows, int columns, const double *x, const double *r,
                                                           double *gradient)
{
    four sum[8];
    for (int w = 0; w < strip; w++)
        sum[w] = *(const four_at *)(gradient + 4 * w);
    for (int k = 0; k < rows; k++)
        for (int w = 0; w < strip; w++)
            sum[w] += r[k] * *(const four_at *)(x + (size_t)k * (size_t)columns + 4 * w);
    for (int w = 0; w < strip; w++)
        *(four_at *)(gradient + 4 * w) = sum[w];
}

static inline __attribute__((always_inline)) double pass(const bench_logistic *l, const double *q, double *gradient, int columns)
{
    enum { MOST = 32, LANES = 8 };
    double sums[LANES] = {0.0}, sum = normal_prior(columns, q, gradient);
    const int whole = columns & ~3, strips = columns / 32, rest = columns / 4 % 8, group = columns > 50 ? 16 : MOST;
    for (int i = 0; i < l->rows; i += group) {
        const double *x = l->x + (size_t)i * (size_t)columns, *y = l->y + i;
        const int rows = l->rows - i < group ? l->rows - i : group;
        double t[MOST] = {0.0}, e[MOST], residual[MOST];
#pragma GCC unroll 1
        for (int k = 0; k < rows; k++) {
            const double *row = x + (size_t)k * (size_t)columns;
            four a = {0.0}, b = {0.0};
            for (int j = 0; j + 8 <= columns; j += 8) {
                a += *(const four_at *)(row + j) * *(const four_at *)(q + j);
                b += *(const four_at *)(row + j + 4) * *(const four_at *)(q + j + 4);
            }
            if (whole % 8 != 0)
                a += *(const four_at *)(row + whole - 4) * *(const four_at *)(q + whole - 4);
            a += b;
            t[k] = (a[0] + a[2]) + (a[1] + a[3]);
            for (int j = whole; j < columns; j++)
                t[k] += row[j] * q[j];
        }
        for (int k = 0; k < group; k++)
            e[k] = numc_k_exp(-fabs(t[k]));
        for (int k = 0; k < rows; k++)
            residual[k] = y[k] - (t[k] > 0.0 ? 1.0 : e[k]) / (1.0 + e[k]);
        for (int k = 0; k < group; k++)
            e[k] = (t[k] > 0.0 ? t[k] : 0.0) + numc_k_log1p(e[k]);
        for (int k = 0; k < rows; k++)
            sums[k % LANES] += y[k] * t[k] - e[k];
        for (int s = 0; s < strips; s++)
            add_rows(8, rows, columns, x + 32 * s, residual, gradient + 32 * s);
        add_rows(rest, rows, columns, x + 32 * strips, residual, gradient + 32 * strips);
        for (int j = whole; j < columns; j++)
            for (int k = 0; k < rows; k++)
                gradient[j] += residual[k] * x[(size_t)k * (size_t)columns + (size_t)j];
    }
    for (int k = 0; k < LANES; k++)
        sum += sums[k];
    return sum;
}

double bench_hand_logistic_single(const bench_logistic *l, const double *q, double *gradient)
{
    switch (l->columns) {
    case 100: return pass(l, q, gradient, 100);
    case 20: return pass(l, q, gradient, 20);
    default: return pass(l, q, gradient, l->columns);
    }
}

/* ---- softmax regression: q = beta (columns, 4), row-major ---------------------------------------------------------------------- */

/* A row of beta is one vector. 32 rows at a time: products, functions in vectors, sums; the matrix is read once. */
double bench_hand_softmax(const bench_logistic *l, const double *q, double *gradient)
{
    enum { GROUP = 32, K = BENCH_CLASSES };
    const int columns = l->columns;
    double sum = normal_prior(K * columns, q, gradient), lanes[8] = {0.0};
    for (int i = 0; i < l->rows; i += GROUP) {
        const int rows = l->rows - i < GROUP ? l->rows - i : GROUP;
        const double *x = l->x + (size_t)i * (size_t)columns, *y = l->y + i;
        double t[GROUP * K] = {0.0}, most[GROUP], total[GROUP], own[GROUP];
        for (int k = 0; k < rows; k++) {
            four a = {0.0}, b = {0.0};
            for (int j = 0; j + 2 <= columns; j += 2) {
                a += x[k * columns + j] * *(const four_at *)(q + K * j);
                b += x[k * columns + j + 1] * *(const four_at *)(q + K * j + K);
            }
            if (columns % 2 != 0)
                a += x[k * columns + columns - 1] * *(const four_at *)(q + K * (columns - 1));
            *(four_at *)(t + K * k) = a + b;
        }
        for (int k = 0; k < GROUP; k++) {
            const double *r = t + K * k, u = r[0] > r[1] ? r[0] : r[1], v = r[2] > r[3] ? r[2] : r[3];
            most[k] = u > v ? u : v;
        }
        for (int k = 0; k < rows; k++)
            own[k] = t[K * k + (int)y[k]] - most[k];
        for (int k = 0; k < K * GROUP; k++)
            t[k] = numc_k_exp(t[k] - most[k / K]);
        for (int k = 0; k < GROUP; k++)
            total[k] = (t[K * k] + t[K * k + 1]) + (t[K * k + 2] + t[K * k + 3]);
        for (int k = 0; k < K * GROUP; k++)
            t[k] /= -total[k / K];
        for (int k = 0; k < GROUP; k++)
            total[k] = numc_k_log(total[k]);
        for (int k = 0; k < rows; k++) {
            lanes[k % 8] += own[k] - total[k];
            t[K * k + (int)y[k]] += 1.0;
        }
        for (int j = 0; j < columns; j++) {
            four a = *(const four_at *)(gradient + K * j), b = {0.0};
            for (int k = 0; k + 2 <= rows; k += 2) {
                a += x[k * columns + j] * *(const four_at *)(t + K * k);
                b += x[(k + 1) * columns + j] * *(const four_at *)(t + K * k + K);
            }
            if (rows % 2 != 0)
                a += x[(rows - 1) * columns + j] * *(const four_at *)(t + K * (rows - 1));
            *(four_at *)(gradient + K * j) = a + b;
        }
    }
    for (int k = 0; k < 8; k++)
        sum += lanes[k];
    return sum;
}

/* ---- logistic regression under Jeffreys' prior: q = beta ------------------------------------------------------------------------- */

/* The upper triangle of G = X' diag(w) X, in blocks of four rows that stay in registers while some rows of X are added. Columns are a
 * constant wherever this is called. */
static inline __attribute__((always_inline)) void add_gram(int rows, int columns, const double *x, const double *w, double *gram)
{
    enum { MOST = 32 };
    double scaled[MOST * MOST];
    for (int k = 0; k < rows; k++)
        for (int j = 0; j < columns; j++)
            scaled[k * columns + j] = w[k] * x[k * columns + j];
#pragma GCC unroll 8
    for (int b = 0; b < columns; b += 4) {
        four sum[4][8];
#pragma GCC unroll 4
        for (int r = 0; r < 4; r++)
#pragma GCC unroll 8
            for (int c = b; c < columns; c += 4)
                sum[r][c / 4] = *(const four_at *)(gram + (b + r) * columns + c);
#pragma GCC unroll 1
        for (int k = 0; k < rows; k++)
#pragma GCC unroll 8
            for (int c = b; c < columns; c += 4)
#pragma GCC unroll 4
                for (int r = 0; r < 4; r++)
                    sum[r][c / 4] += scaled[k * columns + b + r] * *(const four_at *)(x + k * columns + c);
#pragma GCC unroll 4
        for (int r = 0; r < 4; r++)
#pragma GCC unroll 8
            for (int c = b; c < columns; c += 4)
                *(four_at *)(gram + (b + r) * columns + c) = sum[r][c / 4];
    }
}

/* x_i' A x_i of some rows, a constant number, side by side. */
static inline __attribute__((always_inline)) void leverages(int rows, int columns, const double *x, const double *a, double *result)
{
    four sum[4][8];
#pragma GCC unroll 4
    for (int k = 0; k < rows; k++)
#pragma GCC unroll 8
        for (int c = 0; c < columns; c += 4)
            sum[k][c / 4] = (four){0.0};
#pragma GCC unroll 1
    for (int j = 0; j < columns; j++)
#pragma GCC unroll 8
        for (int c = 0; c < columns; c += 4)
#pragma GCC unroll 4
            for (int k = 0; k < rows; k++)
                sum[k][c / 4] += x[k * columns + j] * *(const four_at *)(a + j * columns + c);
#pragma GCC unroll 4
    for (int k = 0; k < rows; k++) {
        four h = {0.0};
#pragma GCC unroll 8
        for (int c = 0; c < columns; c += 4)
            h += sum[k][c / 4] * *(const four_at *)(x + k * columns + c);
        result[k] = (h[0] + h[2]) + (h[1] + h[3]);
    }
}

/* Half of log det G, and its inverse in place of it; from the upper triangle, by elimination. */
static double invert(int n, double *g)
{
    double half = 0.0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            g[i * n + j] = g[j * n + i];
    for (int k = 0; k < n; k++) { /* Gauss and Jordan, pivots on the diagonal of a positive definite matrix */
        const double pivot = g[k * n + k], inverse = 1.0 / pivot;
        half += 0.5 * log(pivot);
        g[k * n + k] = 1.0;
        for (int j = 0; j < n; j++)
            g[k * n + j] *= inverse;
        for (int i = 0; i < n; i++) {
            const double f = g[i * n + k];
            if (i == k)
                continue;
            g[i * n + k] = 0.0;
            for (int j = 0; j < n; j++)
                g[i * n + j] -= f * g[k * n + j];
        }
    }
    return half;
}

/* The derivative of log det G / 2 along x_i b is h w (1/2 - p), h = x_i' G^-1 x_i: a second pass over the matrix. */
static inline __attribute__((always_inline)) double firth(const bench_logistic *l, const double *q, double *gradient, int columns)
{
    enum { GROUP = 32, MOST = 32 * 32 };
    double gram[MOST] = {0.0}, lanes[8] = {0.0}, sum = 0.0;
    double *logit = l->scratch;
    memset(gradient, 0, (size_t)columns * sizeof *gradient);
    for (int i = 0; i < l->rows; i += GROUP) {
        const int rows = l->rows - i < GROUP ? l->rows - i : GROUP;
        const double *x = l->x + (size_t)i * (size_t)columns, *y = l->y + i;
        double t[GROUP] = {0.0}, e[GROUP], w[GROUP], p[GROUP];
        for (int k = 0; k < rows; k++) {
            four a = {0.0};
            for (int j = 0; j + 4 <= columns; j += 4)
                a += *(const four_at *)(x + k * columns + j) * *(const four_at *)(q + j);
            t[k] = (a[0] + a[2]) + (a[1] + a[3]);
        }
        for (int k = 0; k < GROUP; k++) {
            e[k] = numc_k_exp(-fabs(t[k]));
            const double inverse = 1.0 / (1.0 + e[k]);
            p[k] = t[k] > 0.0 ? inverse : e[k] * inverse;
            w[k] = e[k] * inverse * inverse;
        }
        for (int k = 0; k < GROUP; k++)
            e[k] = (t[k] > 0.0 ? t[k] : 0.0) + numc_k_log1p_fraction(e[k]);
        for (int k = 0; k < rows; k++) {
            lanes[k % 8] += y[k] * t[k] - e[k];
            logit[i + k] = p[k];
        }
        add_gram(rows, columns, x, w, gram);
    }
    sum = invert(columns, gram);
    for (int k = 0; k < 8; k++)
        sum += lanes[k];
    for (int i = 0; i < l->rows; i += GROUP) {
        const int rows = l->rows - i < GROUP ? l->rows - i : GROUP;
        const double *x = l->x + (size_t)i * (size_t)columns;
        double h[GROUP], slope[GROUP];
        int k = 0;
        for (; k + 4 <= rows; k += 4)
            leverages(4, columns, x + k * columns, gram, h + k);
        for (; k < rows; k++)
            leverages(1, columns, x + k * columns, gram, h + k);
        for (k = 0; k < rows; k++) {
            const double p = logit[i + k];
            slope[k] = l->y[i + k] - p + h[k] * p * (1.0 - p) * (0.5 - p);
        }
        add_rows(columns / 4, rows, columns, x, slope, gradient);
    }
    return sum;
}

double bench_hand_firth(const bench_logistic *l, const double *q, double *gradient)
{
    return firth(l, q, gradient, 20);
}

/* ---- GARCH(1, 1): q = (mu, log alpha0, logit alpha1, logit of beta1 / (1 - alpha1)) --------------------------------------- */

double bench_hand_garch(const bench_garch *g, const double *q, double *gradient)
{
    double mu = q[0], alpha0 = exp(q[1]);
    double alpha1 = 1.0 / (1.0 + exp(-q[2])), share = 1.0 / (1.0 + exp(-q[3])), bound = 1.0 - alpha1, beta1 = bound * share;
    const double *y = g->y;
    double *v = g->scratch;
    int n = g->count;
    /* log-Jacobians: q1; log(alpha1 (1 - alpha1)); log(bound share (1 - share)) */
    double sum = q[1] + log(alpha1 * bound) + log(bound * share * (1.0 - share)) - HALF_LOG_2PI * n;
    v[0] = g->sigma1 * g->sigma1;
    for (int t = 1; t < n; t++) {
        double e = y[t - 1] - mu;
        v[t] = alpha0 + alpha1 * e * e + beta1 * v[t - 1];
    }
    double d_mu = 0.0, d_alpha0 = 0.0, d_alpha1 = 0.0, d_beta1 = 0.0, back = 0.0;
    for (int t = n - 1; t >= 0; t--) {
        double e = y[t] - mu, w = 1.0 / v[t], scaled = e * e * w;
        sum -= 0.5 * (log(v[t]) + scaled);
        double dv = 0.5 * w * (scaled - 1.0) + back; /* d sum / d v_t */
        d_mu += e * w;
        if (t > 0) {
            double before = y[t - 1] - mu;
            d_alpha0 += dv;
            d_alpha1 += dv * before * before;
            d_beta1 += dv * v[t - 1];
            d_mu -= 2.0 * dv * alpha1 * before;
            back = beta1 * dv;
        }
    }
    gradient[0] = d_mu;
    gradient[1] = d_alpha0 * alpha0 + 1.0;
    gradient[2] = (d_alpha1 - d_beta1 * share) * alpha1 * bound + (1.0 - 2.0 * alpha1) - alpha1;
    gradient[3] = d_beta1 * bound * share * (1.0 - share) + (1.0 - 2.0 * share);
    return sum;
}

/* ---- AR(K): q = (alpha, beta[K], log sigma) ----------------------------------------------------------------------------------- */

double bench_hand_ar(const bench_ar *a, const double *q, double *gradient)
{
    enum { MOST = 16 };
    int order = a->order, n = a->count - order;
    double alpha = q[0], sigma = exp(q[1 + order]), ratio = sigma / 2.5, w = 1.0 / sigma, squares = 0.0, slope = 0.0;
    double cross[MOST] = {0.0};
    const double *beta = q + 1;
    for (int t = order; t < a->count; t++) {
        double e = a->y[t] - alpha;
        for (int k = 0; k < order; k++)
            e -= beta[k] * a->y[t - 1 - k];
        squares += e * e;
        slope += e;
        for (int k = 0; k < order; k++)
            cross[k] += e * a->y[t - 1 - k];
    }
    double sum = -0.5 * squares * w * w - n * (q[1 + order] + HALF_LOG_2PI);
    sum += LOG_2_OVER_PI - log(2.5) - log1p(ratio * ratio) + q[1 + order];
    sum += -0.005 * alpha * alpha - log(10.0) - HALF_LOG_2PI;
    gradient[0] = slope * w * w - 0.01 * alpha;
    for (int k = 0; k < order; k++) {
        sum += -0.005 * beta[k] * beta[k] - log(10.0) - HALF_LOG_2PI;
        gradient[1 + k] = cross[k] * w * w - 0.01 * beta[k];
    }
    gradient[1 + order] = squares * w * w - n - 2.0 * ratio * ratio / (1.0 + ratio * ratio) + 1.0;
    return sum;
}

/* ---- normal hierarchy: q = (mu, log tau, log sigma, z[groups]) ------------------------------------------------------------- */

double bench_hand_groups(const bench_groups *g, const double *q, double *gradient)
{
    double mu = q[0], tau = exp(q[1]), sigma = exp(q[2]), w = 1.0 / (sigma * sigma), squares = 0.0;
    const double *z = q + 3;
    double *d_z = gradient + 3;
    memset(d_z, 0, (size_t)g->groups * sizeof *d_z);
    for (int i = 0; i < g->rows; i++) {
        int64_t j = g->group[i];
        double e = g->y[i] - (mu + tau * z[j]);
        squares += e * e;
        d_z[j] += e;
    }
    double d_mu = 0.0, d_tau = 0.0, z_squares = 0.0;
    for (int j = 0; j < g->groups; j++) {
        double slope = d_z[j] * w;
        d_mu += slope;
        d_tau += slope * z[j];
        z_squares += z[j] * z[j];
        d_z[j] = slope * tau - z[j];
    }
    /* half normal with scale 2: log 2 - log 2 - log(2 pi) / 2 - x^2 / 8 */
    double sum = -0.5 * squares * w - g->rows * (q[2] + HALF_LOG_2PI) - 0.5 * z_squares - HALF_LOG_2PI * g->groups;
    sum += -0.02 * mu * mu - log(5.0) - HALF_LOG_2PI;
    sum += -0.125 * (tau * tau + sigma * sigma) - 2.0 * HALF_LOG_2PI + q[1] + q[2];
    gradient[0] = d_mu - 0.04 * mu;
    gradient[1] = d_tau * tau - 0.25 * tau * tau + 1.0;
    gradient[2] = squares * w - g->rows - 0.25 * sigma * sigma + 1.0;
    return sum;
}

/* ---- mixture of two normals: q = (mu0, log(mu1 - mu0), log sigma[2], logit theta) ----------------------------------------- */

double bench_hand_mixture(const bench_mixture *m, const double *q, double *gradient)
{
    double gap = exp(q[1]), mu[2] = {q[0], q[0] + gap}, sigma[2] = {exp(q[2]), exp(q[3])};
    double theta = 1.0 / (1.0 + exp(-q[4])), weight[2] = {theta, 1.0 - theta};
    double constant[2], inverse[2], slope[2] = {0.0}, squares[2] = {0.0}, share[2] = {0.0}, sum = 0.0;
    for (int k = 0; k < 2; k++) {
        inverse[k] = 1.0 / sigma[k];
        constant[k] = log(weight[k]) - q[2 + k] - HALF_LOG_2PI;
    }
    for (int i = 0; i < m->count; i++) {
        double z0 = (m->y[i] - mu[0]) * inverse[0], z1 = (m->y[i] - mu[1]) * inverse[1];
        double a = constant[0] - 0.5 * z0 * z0, b = constant[1] - 0.5 * z1 * z1, e = exp(-fabs(a - b));
        double larger = 1.0 / (1.0 + e), p0 = a > b ? larger : 1.0 - larger, p1 = 1.0 - p0;
        sum += (a > b ? a : b) + log1p(e);
        share[0] += p0;
        share[1] += p1;
        slope[0] += p0 * z0;
        slope[1] += p1 * z1;
        squares[0] += p0 * z0 * z0;
        squares[1] += p1 * z1 * z1;
    }
    /* priors: mu ~ N(0, 2), sigma ~ half normal(2), theta ~ Beta(5, 5): 1 / B(5, 5) = 630; log-Jacobians q1, q2, q3, logistic's */
    double d_mu[2];
    for (int k = 0; k < 2; k++) {
        d_mu[k] = slope[k] * inverse[k] - 0.25 * mu[k];
        sum += -0.125 * (mu[k] * mu[k] + sigma[k] * sigma[k]) - log(2.0) - 2.0 * HALF_LOG_2PI + q[2 + k];
        gradient[2 + k] = squares[k] - share[k] - 0.25 * sigma[k] * sigma[k] + 1.0;
    }
    sum += q[1] + log(630.0) + 5.0 * (log(theta) + log(1.0 - theta));
    gradient[0] = d_mu[0] + d_mu[1];
    gradient[1] = d_mu[1] * gap + 1.0;
    gradient[4] = share[0] * (1.0 - theta) - share[1] * theta + 5.0 * (1.0 - 2.0 * theta);
    return sum;
}

/* ---- hidden Markov chain: q = (transition[K] of K - 1 each, mu[K], log sigma); sums rescaled at each step ---------------------- */

/* Rows of the simplex by stick breaking: p_k = rest_k v_k, v_k = 1 / (1 + exp(-(q_k - log(K - 1 - k)))), rest_(k+1) = rest_k - p_k.
 * Its log-Jacobian is sum_k log(rest_k v_k (1 - v_k)). */
double bench_hand_chain(const bench_chain *c, const double *q, double *gradient)
{
    enum { K = BENCH_STATES, MOST = 1024, MU = K * (K - 1), SIGMA = MU + K };
    double p[K][K], v[K][K], rest[K][K], d_p[K][K] = {{0.0}}, alpha[MOST][K], emission[MOST][K], scale[MOST], sum = 0.0;
    const double *mu = q + MU;
    double sigma = exp(q[SIGMA]), inverse = 1.0 / sigma, d_mu[K] = {0.0}, d_sigma = 0.0;
    for (int i = 0; i < K; i++) {
        double left = 1.0;
        for (int k = 0; k < K - 1; k++) {
            v[i][k] = 1.0 / (1.0 + exp(log((double)(K - 1 - k)) - q[(K - 1) * i + k]));
            rest[i][k] = left;
            p[i][k] = left * v[i][k];
            sum += log(left * v[i][k] * (1.0 - v[i][k]));
            left -= p[i][k];
        }
        p[i][K - 1] = left;
        sum += lgamma((double)K); /* the flat Dirichlet's density */
        sum += -0.02 * mu[i] * mu[i] - log(5.0) - HALF_LOG_2PI;
    }
    sum += -0.125 * sigma * sigma - HALF_LOG_2PI + q[SIGMA];
    for (int t = 0; t < c->count; t++) {
        double total = 0.0;
        for (int j = 0; j < K; j++) {
            double z = (c->y[t] - mu[j]) * inverse, before = t == 0 ? 1.0 : 0.0;
            emission[t][j] = exp(-0.5 * z * z);
            for (int i = 0; t > 0 && i < K; i++)
                before += alpha[t - 1][i] * p[i][j];
            alpha[t][j] = before * emission[t][j];
            total += alpha[t][j];
        }
        scale[t] = 1.0 / total;
        for (int j = 0; j < K; j++)
            alpha[t][j] *= scale[t];
        sum += log(total);
    }
    sum -= c->count * (q[SIGMA] + HALF_LOG_2PI);
    double beta[K];
    for (int i = 0; i < K; i++)
        beta[i] = 1.0;
    for (int t = c->count - 1; t >= 0; t--) {
        double before[K] = {0.0};
        for (int j = 0; j < K; j++) {
            double posterior = alpha[t][j] * beta[j], z = (c->y[t] - mu[j]) * inverse;
            d_mu[j] += posterior * z * inverse;
            d_sigma += posterior * z * z;
            for (int i = 0; t > 0 && i < K; i++) {
                double flow = emission[t][j] * beta[j] * scale[t];
                d_p[i][j] += alpha[t - 1][i] * flow;
                before[i] += p[i][j] * flow;
            }
        }
        memcpy(beta, before, sizeof beta);
    }
    for (int i = 0; i < K; i++) {
        double d_left = d_p[i][K - 1];
        for (int k = K - 2; k >= 0; k--) { /* p_k = left v, next left = left (1 - v) */
            double slope = v[i][k] * (1.0 - v[i][k]);
            gradient[(K - 1) * i + k] = (d_p[i][k] - d_left) * rest[i][k] * slope + 1.0 - 2.0 * v[i][k];
            d_left = d_p[i][k] * v[i][k] + d_left * (1.0 - v[i][k]) + 1.0 / rest[i][k];
        }
        gradient[MU + i] = d_mu[i] - 0.04 * mu[i];
    }
    gradient[SIGMA] = d_sigma - c->count - 0.25 * sigma * sigma + 1.0;
    return sum;
}

/* ---- Gaussian process: q = logs of rho, alpha, sigma -------------------------------------------------------------------------- */

/* With W = (K + sigma^2 I)^-1 and a = W y: d/dK = (a a^T - W) / 2 (Rasmussen and Williams 2006, eq. 5.9). Lower triangles. */
double bench_hand_process(const bench_process *p, const double *q, double *gradient)
{
    static const int one = 1;
    int n = p->count, failed = 0;
    double rho = exp(q[0]), alpha = exp(q[1]), sigma = exp(q[2]), scale = -0.5 / (rho * rho), squares = alpha * alpha, sum = 0.0;
    double d_rho = 0.0, d_alpha = 0.0, d_sigma = 0.0, *k = p->kernel, *w = p->inverse, *a = p->solved;
    for (int j = 0; j < n; j++) { /* column by column, as LAPACK has it */
        for (int i = j; i < n; i++) {
            double d = p->x[i] - p->x[j];
            w[j * n + i] = k[j * n + i] = squares * exp(scale * d * d);
        }
        w[j * n + j] += sigma * sigma;
    }
    potrf("L", &n, w, &n, &failed);
    memcpy(a, p->y, (size_t)n * sizeof *a);
    potrs("L", &n, &one, w, &n, a, &n, &failed);
    for (int i = 0; i < n; i++)
        sum -= log(w[i * n + i]) + 0.5 * p->y[i] * a[i];
    potri("L", &n, w, &n, &failed);
    for (int j = 0; j < n; j++) {
        double trace = a[j] * a[j] - w[j * n + j];
        d_alpha += 0.5 * trace;
        d_sigma += 0.5 * trace;
        double of_alpha = 0.0, of_rho = 0.0;
        for (int i = j + 1; i < n; i++) {
            double d = p->x[i] - p->x[j], slope = (a[i] * a[j] - w[j * n + i]) * k[j * n + i];
            of_alpha += slope;
            of_rho += slope * d * d;
        }
        d_alpha += of_alpha / squares;
        d_rho += of_rho;
    }
    sum -= HALF_LOG_2PI * n;
    /* inverse gamma(5, 5); half normal(1) twice; Jacobians */
    sum += 5.0 * log(5.0) - lgamma(5.0) - 6.0 * q[0] - 5.0 / rho + q[0];
    sum += 2.0 * (log(2.0) - HALF_LOG_2PI) - 0.5 * (alpha * alpha + sigma * sigma) + q[1] + q[2];
    gradient[0] = d_rho / (rho * rho) - 5.0 + 5.0 / rho;
    gradient[1] = 2.0 * d_alpha * squares - alpha * alpha + 1.0;
    gradient[2] = 2.0 * d_sigma * sigma * sigma - sigma * sigma + 1.0;
    return sum;
}

double bench_process_calls(const bench_process *p)
{
    static const int one = 1;
    int n = p->count, failed = 0;
    memcpy(p->inverse, p->kernel, (size_t)n * (size_t)n * sizeof(double));
    for (int i = 0; i < n; i++)
        p->inverse[i * n + i] += 1.0;
    potrf("L", &n, p->inverse, &n, &failed);
    memcpy(p->solved, p->y, (size_t)n * sizeof(double));
    potrs("L", &n, &one, p->inverse, &n, p->solved, &n, &failed);
    potri("L", &n, p->inverse, &n, &failed);
    return p->inverse[0];
}
