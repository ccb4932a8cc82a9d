/* Diagnostics of draws: rank-normalised split R-hat, effective sample sizes, Monte Carlo errors, energy fraction.
 * Formulas as named in numc/diagnostics.h; every public function is one load of a workspace and one estimate. */
#include "infer/diagnostics.h"
#include "backend/device.h"
#include "kernel/error_function.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

/* ---- workspace ---- */

numc_status numc__diagnostics_begin(numc_diagnostics *w, numc_context *context, int64_t chains, int64_t draws)
{
    memset(w, 0, sizeof *w);
    w->context = context;
    w->chains = chains;
    w->draws = draws;
    w->parts = 2 * chains;
    w->half = draws / 2;
    w->total = chains * draws;
    w->used = w->parts * w->half;
    size_t used = (size_t)w->used, half = (size_t)w->half, total = (size_t)w->total;
    w->bytes = (2 * used + 2 * used + half + 2) * sizeof(double) + 2 * total * sizeof(numc_ranked);
    w->block = numc__allocate(context, w->bytes);
    if (w->block == NULL)
        return numc_error_status(context);
    w->order = w->block;
    w->spare = w->order + total;
    w->split = (double *)(w->spare + total);
    w->work = w->split + used;
    w->score = w->work + used;
    w->correlation = w->score + 2 * used;
    for (size_t i = 0; i < 2 * used; i++)
        w->score[i] = NAN;
    return NUMC_OK;
}

/* The transform (2 length), its twiddles (length) and the covariances (at most length / 2). */
static size_t fft_bytes(int64_t length)
{
    return (size_t)(4 * length) * sizeof(double);
}

void numc__diagnostics_end(numc_diagnostics *w)
{
    numc__free(w->context, w->fft, fft_bytes(w->fft_length));
    numc__free(w->context, w->block, w->bytes);
    memset(w, 0, sizeof *w);
}

/* Stable merge sort by value, bottom up; equal values keep the order of their places. */
static void sort(numc_ranked *a, numc_ranked *spare, int64_t n)
{
    numc_ranked *from = a, *to = spare;
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t lo = 0; lo < n; lo += 2 * width) {
            int64_t mid = lo + width < n ? lo + width : n, hi = mid + width < n ? mid + width : n;
            int64_t i = lo, j = mid;
            for (int64_t k = lo; k < hi; k++)
                to[k] = j >= hi || (i < mid && from[i].value <= from[j].value) ? from[i++] : from[j++];
        }
        numc_ranked *swap = from;
        from = to;
        to = swap;
    }
    if (from != a)
        memcpy(a, from, (size_t)n * sizeof *a);
}

static double value_at(const numc_diagnostics *w, int64_t chain, int64_t draw)
{
    return w->view.values[chain * w->view.chain_stride + draw * w->view.draw_stride];
}

void numc__diagnostics_load(numc_diagnostics *w, const numc_draws *draws)
{
    w->view = *draws;
    w->finite = w->total > 0;
    int64_t k = 0;
    for (int64_t c = 0; c < w->chains; c++)
        for (int64_t i = 0; i < w->draws; i++, k++) {
            double x = value_at(w, c, i);
            int64_t second = w->draws - w->half;
            int64_t place = i < w->half ? (2 * c) * w->half + i : i >= second ? (2 * c + 1) * w->half + i - second : -1;
            if (!isfinite(x))
                w->finite = false;
            if (place >= 0)
                w->split[place] = x;
            w->order[k] = (numc_ranked){x, place};
        }
    if (w->finite)
        sort(w->order, w->spare, w->total);
    w->constant = !w->finite || w->order[0].value == w->order[w->total - 1].value;
}

static bool defined(const numc_diagnostics *w)
{
    return w->finite && !w->constant && w->half >= 2;
}

/* ---- normal scores of ranks ---- */

/* Writes Phi^-1((rank - 3/8) / (S + 1/4)) at each place of the split draws; `order` is sorted, ties share their mean rank. */
static void rank_normalize(numc_diagnostics *w, const numc_ranked *order, double *out)
{
    int64_t n = w->total, rank = 0;
    for (int64_t i = 0, j; i < n; i = j) {
        int64_t count = 0;
        for (j = i; j < n && order[j].value == order[i].value; j++)
            count += order[j].place >= 0;
        if (count == 0)
            continue;
        /* ranks rank + 1 .. rank + count; twice their mean, from 2 to 2 S */
        int64_t twice = 2 * rank + 1 + count;
        double *z = &w->score[twice - 2];
        if (isnan(*z))
            *z = numc_k_ndtri((0.5 * (double)twice - 0.375) / ((double)w->used + 0.25));
        for (int64_t k = i; k < j; k++)
            if (order[k].place >= 0)
                out[order[k].place] = *z;
        rank += count;
    }
}

/* ---- sums ---- */

static double sum(const double *x, int64_t n)
{
    double t[4] = {0};
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++)
            t[k] += x[i + k];
    for (; i < n; i++)
        t[0] += x[i];
    return (t[0] + t[1]) + (t[2] + t[3]);
}

static double dot(const double *x, const double *y, int64_t n)
{
    double t[4] = {0};
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++)
            t[k] += x[i + k] * y[i + k];
    for (; i < n; i++)
        t[0] += x[i] * y[i];
    return (t[0] + t[1]) + (t[2] + t[3]);
}

static void moments(const numc_diagnostics *w, double *mean, double *variance)
{
    double m = 0, s = 0;
    for (int64_t i = 0; i < w->total; i++)
        m += w->order[i].value / (double)w->total;
    for (int64_t i = 0; i < w->total; i++)
        s += (w->order[i].value - m) * (w->order[i].value - m);
    *mean = m;
    *variance = w->total > 1 ? s / (double)(w->total - 1) : NAN;
}

/* ---- autocovariance ---- */

/* In-place radix 2 transform of n complex numbers; twiddle holds cos and sin of 2 pi k / n for k < n / 2. */
static void fft(double *z, const double *twiddle, int64_t n)
{
    for (int64_t i = 1, j = 0; i < n; i++) {
        int64_t bit = n >> 1;
        for (; j & bit; bit >>= 1)
            j ^= bit;
        j ^= bit;
        if (i < j)
            for (int k = 0; k < 2; k++) {
                double swap = z[2 * i + k];
                z[2 * i + k] = z[2 * j + k];
                z[2 * j + k] = swap;
            }
    }
    for (int64_t size = 2; size <= n; size *= 2)
        for (int64_t base = 0; base < n; base += size)
            for (int64_t k = 0; k < size / 2; k++) {
                double c = twiddle[2 * (k * (n / size))], s = -twiddle[2 * (k * (n / size)) + 1];
                double *a = z + 2 * (base + k), *b = z + 2 * (base + k + size / 2);
                double re = b[0] * c - b[1] * s, im = b[0] * s + b[1] * c;
                b[0] = a[0] - re;
                b[1] = a[1] - im;
                a[0] += re;
                a[1] += im;
            }
}

/* Sum over the parts of all autocovariances (divisor `half`), by transforms of twice the length; x is centred by part. */
static numc_status all_covariances(numc_diagnostics *w, const double *x, double **result)
{
    int64_t n = w->half, length = 1;
    while (length < 2 * n)
        length *= 2;
    if (w->fft == NULL) {
        w->fft = numc__allocate(w->context, fft_bytes(length));
        if (w->fft == NULL)
            return numc_error_status(w->context);
        w->fft_length = length;
        for (int64_t k = 0; k < length / 2; k++) {
            double angle = 2 * PI * (double)k / (double)length;
            w->fft[2 * length + 2 * k] = cos(angle);
            w->fft[2 * length + 2 * k + 1] = sin(angle);
        }
    }
    double *z = w->fft, *twiddle = w->fft + 2 * length, *covariance = w->fft + 3 * length;
    for (int64_t t = 0; t < n; t++)
        covariance[t] = 0;
    for (int64_t part = 0; part < w->parts; part++) {
        memset(z, 0, (size_t)(2 * length) * sizeof *z);
        for (int64_t i = 0; i < n; i++)
            z[2 * i] = x[part * n + i];
        fft(z, twiddle, length);
        for (int64_t i = 0; i < length; i++) {
            z[2 * i] = z[2 * i] * z[2 * i] + z[2 * i + 1] * z[2 * i + 1];
            z[2 * i + 1] = 0;
        }
        fft(z, twiddle, length); /* the power is even, so forward and backward agree up to 1/length */
        for (int64_t t = 0; t < n; t++)
            covariance[t] += z[2 * t] / ((double)length * (double)n);
    }
    *result = covariance;
    return NUMC_OK;
}

/* Beyond this many lags computed one by one, transforms are cheaper. */
static int64_t direct_lags(const numc_diagnostics *w)
{
    int64_t bits = 0;
    while (((int64_t)1 << bits) < w->half)
        bits++;
    return 12 * bits + 24;
}

/* ---- effective sample size and R-hat of parts x half values ---- */

/* ESS = S / tau with tau = -1 + 2 sum of rho_t over Geyer's initial monotone positive sequence, where
 *   rho_t = 1 - (W - mean over parts of autocovariance_t) / var_plus,
 *   W = mean within variance (n - 1), var_plus = (n - 1)/n W + variance of the parts' means;
 * tau >= 1 / log10 S caps antithetic chains. x is centred in place. */
static numc_status effective_size(numc_diagnostics *w, double *x, double *ess)
{
    int64_t n = w->half, parts = w->parts;
    bool varies = false;
    *ess = NAN;
    for (int64_t i = 1; i < parts * n && !varies; i++)
        varies = x[i] != x[0];
    if (!varies || n < 3)
        return NUMC_OK;
    /* means relative to the first one, so that a large offset costs no digits */
    double first = sum(x, n) / (double)n, centre = 0, between = 0;
    for (int64_t part = 0; part < parts; part++) {
        double mean = sum(x + part * n, n) / (double)n, delta = mean - first - centre;
        for (int64_t i = 0; i < n; i++)
            x[part * n + i] -= mean;
        centre += delta / (double)(part + 1);
        between += delta * (mean - first - centre);
    }
    between /= (double)(parts - 1);

    double scale = 1 / ((double)n * (double)parts);
    double within = dot(x, x, parts * n) * scale * (double)n / (double)(n - 1);
    double plus = within * (double)(n - 1) / (double)n + between;
    double *rho = w->correlation, *covariance = NULL;
    int64_t limit = direct_lags(w), t = -2;
    double pair = 1;
    while (t < 0 || (t < n - 4 && pair > 0)) { /* NaN ends it too */
        t += 2;
        if (covariance == NULL && t >= limit) {
            NUMC_TRY(all_covariances(w, x, &covariance));
        }
        for (int64_t lag = t; lag < t + 2; lag++) {
            double c = 0;
            if (covariance != NULL)
                c = covariance[lag] / (double)parts;
            else
                for (int64_t part = 0; part < parts; part++)
                    c += dot(x + part * n, x + part * n + lag, n - lag) * scale;
            rho[lag] = lag == 0 ? 1 : 1 - (within - c) / plus;
        }
        pair = rho[t] + rho[t + 1];
    }
    double tail = rho[t] > 0 ? rho[t] : 0, tau = -1;
    for (int64_t lag = 2; lag <= t - 2; lag += 2)
        if (rho[lag] + rho[lag + 1] > rho[lag - 2] + rho[lag - 1])
            rho[lag] = rho[lag + 1] = 0.5 * (rho[lag - 2] + rho[lag - 1]);
    for (int64_t lag = 0; lag < t; lag++)
        tau += 2 * rho[lag];
    tau += tail;
    double size = (double)(parts * n), least = 1 / log10(size);
    *ess = size / (tau > least ? tau : least);
    return NUMC_OK;
}

/* sqrt(var_plus / W) = sqrt((n var(means) / mean(variances) + n - 1) / n) */
static double split_rhat(const numc_diagnostics *w, const double *x)
{
    int64_t n = w->half, parts = w->parts;
    double centre = 0, between = 0, within = 0;
    for (int64_t part = 0; part < parts; part++) {
        const double *y = x + part * n;
        double mean = sum(y, n) / (double)n, delta = mean - centre, squares = 0;
        for (int64_t i = 0; i < n; i++)
            squares += (y[i] - mean) * (y[i] - mean);
        within += squares / (double)(n - 1) / (double)parts;
        centre += delta / (double)(part + 1);
        between += delta * (mean - centre);
    }
    between /= (double)(parts - 1);
    return sqrt((between / within * (double)n + (double)(n - 1)) / (double)n);
}

/* ---- estimates of a loaded quantity ---- */

static double quantile(const numc_diagnostics *w, double probability)
{
    if (!w->finite)
        return NAN;
    double at = (double)(w->total - 1) * probability;
    int64_t i = (int64_t)floor(at);
    if (i >= w->total - 1)
        return w->order[w->total - 1].value;
    double fraction = at - (double)i, a = w->order[i].value, b = w->order[i + 1].value;
    return a + fraction * (b - a);
}

static numc_status ess_mean(numc_diagnostics *w, double *ess)
{
    *ess = NAN;
    if (!defined(w))
        return NUMC_OK;
    memcpy(w->work, w->split, (size_t)w->used * sizeof(double));
    return effective_size(w, w->work, ess);
}

static numc_status ess_bulk(numc_diagnostics *w, double *ess)
{
    *ess = NAN;
    if (!defined(w))
        return NUMC_OK;
    rank_normalize(w, w->order, w->work);
    return effective_size(w, w->work, ess);
}

static numc_status ess_quantile(numc_diagnostics *w, double probability, double *ess)
{
    *ess = NAN;
    if (!defined(w))
        return NUMC_OK;
    double limit = quantile(w, probability);
    for (int64_t i = 0; i < w->used; i++)
        w->work[i] = w->split[i] <= limit;
    return effective_size(w, w->work, ess);
}

static numc_status ess_tail(numc_diagnostics *w, double *ess)
{
    double low, high;
    NUMC_TRY(ess_quantile(w, 0.05, &low));
    NUMC_TRY(ess_quantile(w, 0.95, &high));
    *ess = isnan(low) || isnan(high) ? NAN : low < high ? low : high;
    return NUMC_OK;
}

static void rhat(numc_diagnostics *w, double *result)
{
    *result = NAN;
    if (!defined(w))
        return;
    rank_normalize(w, w->order, w->work);
    double bulk = split_rhat(w, w->work);
    /* |x - median| in sorted order: walk outwards from the median, taking the nearer side */
    double median = quantile(w, 0.5);
    int64_t up = 0, n = w->total;
    while (up < n && w->order[up].value < median)
        up++;
    int64_t down = up - 1;
    for (int64_t k = 0; k < n; k++) {
        bool take_up = down < 0 || (up < n && w->order[up].value - median <= median - w->order[down].value);
        const numc_ranked *from = take_up ? &w->order[up++] : &w->order[down--];
        w->spare[k] = (numc_ranked){fabs(from->value - median), from->place};
    }
    rank_normalize(w, w->spare, w->work);
    double folded = split_rhat(w, w->work);
    *result = bulk > folded || isnan(folded) ? bulk : folded;
}

/* sd of the sample sd by the delta method: var(s) = var(s^2) / (4 s^2), var(s^2) from the squared deviations. */
static numc_status mcse_sd(numc_diagnostics *w, double *error)
{
    *error = NAN;
    if (!defined(w))
        return NUMC_OK;
    double mean, variance, ess, second = 0, fourth = 0;
    moments(w, &mean, &variance);
    for (int64_t i = 0; i < w->total; i++) {
        double d = (w->order[i].value - mean) * (w->order[i].value - mean);
        second += d / (double)w->total;
        fourth += d * d / (double)w->total;
    }
    for (int64_t i = 0; i < w->used; i++)
        w->work[i] = (w->split[i] - mean) * (w->split[i] - mean);
    NUMC_TRY(effective_size(w, w->work, &ess));
    *error = sqrt((fourth - second * second) / ess / second / 4);
    return NUMC_OK;
}

/* The scalar function of arrays, not a second copy of it: it is large. */
static double beta_quantile(double a, double b, double p)
{
    const void *operands[3] = {&a, &b, &p};
    double x = (double)NAN;
    numc__ref_scalar_function(NUMC_SCALAR_BETAINCINV, (uint32_t)NUMC_FLOAT64)(&x, operands);
    return x;
}

static numc_status mcse_quantile(numc_diagnostics *w, double probability, double *error)
{
    double ess;
    NUMC_TRY(ess_quantile(w, probability, &ess));
    *error = NAN;
    if (isnan(ess))
        return NUMC_OK;
    /* Phi(-1) and Phi(1) */
    double a = ess * probability + 1, b = ess * (1 - probability) + 1;
    double low = beta_quantile(a, b, 0.15865525393145705), high = beta_quantile(a, b, 0.84134474606854295);
    int64_t from = (int64_t)floor(low * (double)w->total), to = (int64_t)ceil(high * (double)w->total);
    from = from < 1 ? 1 : from;
    to = to > w->total ? w->total : to;
    *error = 0.5 * (w->order[to - 1].value - w->order[from - 1].value);
    return NUMC_OK;
}

numc_status numc__diagnostics_summary(numc_diagnostics *w, numc_summary *row)
{
    *row = (numc_summary){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    if (!w->finite)
        return NUMC_OK;
    double variance, ess;
    moments(w, &row->mean, &variance);
    row->sd = sqrt(variance);
    row->q5 = quantile(w, 0.05);
    row->q50 = quantile(w, 0.5);
    row->q95 = quantile(w, 0.95);
    NUMC_TRY(ess_mean(w, &ess));
    row->mcse = row->sd / sqrt(ess);
    NUMC_TRY(ess_bulk(w, &row->ess_bulk));
    NUMC_TRY(ess_tail(w, &row->ess_tail));
    rhat(w, &row->rhat);
    return NUMC_OK;
}

/* ---- public functions ---- */

static numc_status open_draws(numc_diagnostics *w, numc_context *context, const numc_draws *draws, const void *result)
{
    if (context == NULL)
        return NUMC_INVALID_ARGUMENT;
    NUMC_REQUIRE(context, draws != NULL && result != NULL, NUMC_INVALID_ARGUMENT, "diagnostics: draws or result is NULL");
    NUMC_REQUIRE(context, draws->chains >= 1 && draws->draws >= 1 && draws->values != NULL, NUMC_INVALID_ARGUMENT,
                 "diagnostics: %lld chains of %lld draws", (long long)draws->chains, (long long)draws->draws);
    NUMC_REQUIRE(context, draws->draws <= INT64_MAX / 256 / draws->chains, NUMC_INVALID_ARGUMENT,
                 "diagnostics: %lld chains of %lld draws are too many", (long long)draws->chains, (long long)draws->draws);
    NUMC_TRY(numc__diagnostics_begin(w, context, draws->chains, draws->draws));
    numc__diagnostics_load(w, draws);
    return NUMC_OK;
}

static numc_status rhat_status(numc_diagnostics *w, double *result)
{
    rhat(w, result);
    return NUMC_OK;
}

static numc_status mcse_mean(numc_diagnostics *w, double *result)
{
    double mean, variance, ess;
    NUMC_TRY(ess_mean(w, &ess));
    moments(w, &mean, &variance);
    *result = sqrt(variance / ess);
    return NUMC_OK;
}

static numc_status plain_quantile(numc_diagnostics *w, double probability, double *result)
{
    *result = quantile(w, probability);
    return NUMC_OK;
}

static numc_status estimate(numc_context *context, const numc_draws *draws, double *result,
                            numc_status (*function)(numc_diagnostics *, double *))
{
    numc_diagnostics w;
    NUMC_TRY(open_draws(&w, context, draws, result));
    numc_status status = function(&w, result);
    numc__diagnostics_end(&w);
    return status;
}

static numc_status estimate_at(numc_context *context, const numc_draws *draws, double probability, bool closed,
                               double *result, numc_status (*function)(numc_diagnostics *, double, double *))
{
    numc_diagnostics w;
    bool inside = closed ? probability >= 0 && probability <= 1 : probability > 0 && probability < 1;
    NUMC_REQUIRE(context, inside, NUMC_INVALID_ARGUMENT, "diagnostics: the probability of a quantile is outside (0, 1)");
    NUMC_TRY(open_draws(&w, context, draws, result));
    numc_status status = function(&w, probability, result);
    numc__diagnostics_end(&w);
    return status;
}

numc_status numc_diagnostic_rhat(numc_context *context, const numc_draws *draws, double *result)
{
    return estimate(context, draws, result, rhat_status);
}

numc_status numc_diagnostic_ess_bulk(numc_context *context, const numc_draws *draws, double *result)
{
    return estimate(context, draws, result, ess_bulk);
}

numc_status numc_diagnostic_ess_tail(numc_context *context, const numc_draws *draws, double *result)
{
    return estimate(context, draws, result, ess_tail);
}

numc_status numc_diagnostic_ess_mean(numc_context *context, const numc_draws *draws, double *result)
{
    return estimate(context, draws, result, ess_mean);
}

numc_status numc_diagnostic_mcse_mean(numc_context *context, const numc_draws *draws, double *result)
{
    return estimate(context, draws, result, mcse_mean);
}

numc_status numc_diagnostic_mcse_sd(numc_context *context, const numc_draws *draws, double *result)
{
    return estimate(context, draws, result, mcse_sd);
}

numc_status numc_diagnostic_ess_quantile(numc_context *context, const numc_draws *draws, double probability,
                                         double *result)
{
    return estimate_at(context, draws, probability, false, result, ess_quantile);
}

numc_status numc_diagnostic_mcse_quantile(numc_context *context, const numc_draws *draws, double probability,
                                          double *result)
{
    return estimate_at(context, draws, probability, false, result, mcse_quantile);
}

numc_status numc_diagnostic_quantile(numc_context *context, const numc_draws *draws, double probability, double *result)
{
    return estimate_at(context, draws, probability, true, result, plain_quantile);
}

double numc_diagnostic_ebfmi(const double *energy, int64_t draws, int64_t stride)
{
    double mean = 0, steps = 0, squares = 0;
    if (energy == NULL || draws < 1)
        return NAN;
    for (int64_t i = 0; i < draws; i++)
        mean += energy[i * stride] / (double)draws;
    for (int64_t i = 0; i < draws; i++) {
        double d = energy[i * stride] - mean, step = i > 0 ? energy[i * stride] - energy[(i - 1) * stride] : 0;
        squares += d * d;
        steps += step * step;
    }
    return steps / squares;
}

numc_status numc_diagnostic_summary(numc_context *context, const numc_draws *draws, numc_summary *summary)
{
    numc_diagnostics w;
    NUMC_TRY(open_draws(&w, context, draws, summary));
    numc_status status = numc__diagnostics_summary(&w, summary);
    numc__diagnostics_end(&w);
    return status;
}
