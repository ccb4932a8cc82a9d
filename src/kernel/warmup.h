/* What a warm-up learns by: step size, metric, and when; then what a chain does next. The host and devices run this same text, so a chain
 * is the same wherever it is moved. Formulas as in Stan's reference manual, "HMC algorithm parameters", unless said otherwise. Knows no
 * target and no storage. Common subset of C99, OpenCL C and CUDA C, as nuts.h. */
#ifndef NUMC_KERNEL_WARMUP_H
#define NUMC_KERNEL_WARMUP_H

#include "nuts.h"

/* ---- step size ---- */

/* Nesterov's dual averaging (Hoffman and Gelman 2014, 3.2). */
typedef struct numc_k_averaging {
    double target, gamma, t0, kappa;
    double mu; /* log step size the iterates are drawn to */
    double count, error_mean, log_step_mean;
} numc_k_averaging;

/* mu = log(10 step); forgets what was learnt. */
NUMC_KERNEL_FN void numc_k_averaging_restart(numc_k_averaging *a, double step)
{
    a->mu = numc_k_log(10 * step);
    a->count = 0;
    a->error_mean = 0;
    a->log_step_mean = 0;
}

/* Takes the acceptance statistic of a transition, gives the step size of the next one. With eta = 1/(t + t0) and w = t^-kappa:
 *   s = (1 - eta) s + eta (target - accept) ; x = mu - s sqrt(t)/gamma ; xbar = (1 - w) xbar + w x */
NUMC_KERNEL_FN_LARGE double numc_k_averaging_update(numc_k_averaging *a, double accept_stat)
{
    double accept = accept_stat > 1 ? 1 : accept_stat;
    a->count += 1;
    double eta = 1 / (a->count + a->t0), weight = numc_k_pow(a->count, -a->kappa);
    a->error_mean = (1 - eta) * a->error_mean + eta * (a->target - accept);
    double log_step = a->mu - a->error_mean * NUMC_KERNEL_SQRT(a->count) / a->gamma;
    a->log_step_mean = (1 - weight) * a->log_step_mean + weight * log_step;
    return numc_k_exp(log_step);
}

/* The step size to keep after the warm-up. */
NUMC_KERNEL_FN double numc_k_averaging_final(const numc_k_averaging *a)
{
    return numc_k_exp(a->log_step_mean);
}

/* The search for a first step size: from `step`, doubles or halves it until one leapfrog's acceptance probability crosses 0.8. Fed the
 * energy error H0 - H of a leapfrog with fresh momentum at the present step. */
typedef struct numc_k_search {
    double step;
    int direction; /* 0 before the first leapfrog */
} numc_k_search;

#define NUMC_K_SEARCH_GOES_ON 0
#define NUMC_K_SEARCH_DONE 1
#define NUMC_K_SEARCH_TOO_LARGE 2 /* beyond 1e7: the density does not fall off, as far as was seen */
#define NUMC_K_SEARCH_TOO_SMALL 3 /* rounded to 0 */

/* 0 if there is nothing to search from: step is 0, NaN or above 1e7. */
NUMC_KERNEL_FN int numc_k_search_begin(numc_k_search *search, double step)
{
    search->step = step;
    search->direction = 0;
    return step != 0 && step <= 1e7;
}

NUMC_KERNEL_FN int numc_k_search_feed(numc_k_search *search, double energy_error)
{
    const double limit = -0x1.c8ff7c79a9a2p-3; /* log 0.8 */
    if (search->direction == 0) {
        search->direction = energy_error > limit ? 1 : -1;
        return NUMC_K_SEARCH_GOES_ON;
    }
    if (search->direction > 0 ? !(energy_error > limit) : !(energy_error < limit))
        return NUMC_K_SEARCH_DONE;
    search->step *= search->direction > 0 ? 2 : 0.5;
    return search->step > 1e7 ? NUMC_K_SEARCH_TOO_LARGE : search->step == 0 ? NUMC_K_SEARCH_TOO_SMALL : NUMC_K_SEARCH_GOES_ON;
}

/* ---- metric ---- */

NUMC_KERNEL_FN numc_k_i64 numc_k_metric_entries(int dimension, int metric)
{
    numc_k_i64 d = dimension;
    return metric == NUMC_K_METRIC_DENSE ? d * d : metric == NUMC_K_METRIC_DIAGONAL ? d : 0;
}

/* An estimate is mean (dimension), scratch (dimension) and scatter, the diagonal or the lower half of a matrix; by Welford's update. */
NUMC_KERNEL_FN numc_k_i64 numc_k_estimate_doubles(int dimension, int metric)
{
    return 2 * (numc_k_i64)dimension + numc_k_metric_entries(dimension, metric);
}

NUMC_KERNEL_FN void numc_k_estimate_clear(NUMC_KERNEL_GLOBAL double *e, int dimension, int metric)
{
    numc_k_i64 count = numc_k_estimate_doubles(dimension, metric);
    for (numc_k_i64 i = 0; i < count; i++)
        e[i] = 0;
}

/* The position x is number `count`, from 1: d = x - mean ; mean += d/n ; scatter += (x - mean) d' */
NUMC_KERNEL_FN_LARGE void numc_k_estimate_add(NUMC_KERNEL_GLOBAL double *e, int n, int metric, double count,
                                              const NUMC_KERNEL_GLOBAL double *x)
{
    NUMC_KERNEL_GLOBAL double *mean = e, *d = e + n, *scatter = e + 2 * n;
    if (metric == NUMC_K_METRIC_UNIT)
        return;
    for (int i = 0; i < n; i++) {
        d[i] = x[i] - mean[i];
        mean[i] += d[i] / count;
    }
    if (metric == NUMC_K_METRIC_DIAGONAL) {
        for (int i = 0; i < n; i++)
            scatter[i] += (x[i] - mean[i]) * d[i];
        return;
    }
    for (int i = 0; i < n; i++) {
        double deviation = x[i] - mean[i];
        NUMC_KERNEL_GLOBAL double *row = scatter + (numc_k_i64)i * n;
        for (int j = 0; j <= i; j++)
            row[j] += deviation * d[j];
    }
}

/* Inverse metric w := n/(n+5) S + 1e-3 5/(n+5) I, S the sample covariance (divisor n - 1) of `count` positions; with a single one S is the
 * old inverse metric, with none nothing changes. */
NUMC_KERNEL_FN_LARGE void numc_k_estimate_write(const NUMC_KERNEL_GLOBAL double *e, int n, int metric, double count,
                                                NUMC_KERNEL_GLOBAL double *w)
{
    const NUMC_KERNEL_GLOBAL double *scatter = e + 2 * n;
    double keep = count / (count + 5), least = 1e-3 * (5 / (count + 5)), scale = count > 1 ? keep / (count - 1) : keep;
    if (count == 0)
        return;
    if (metric == NUMC_K_METRIC_DIAGONAL) {
        for (int i = 0; i < n; i++)
            w[i] = scale * (count > 1 ? scatter[i] : w[i]) + least;
    } else if (metric == NUMC_K_METRIC_DENSE) {
        for (numc_k_i64 i = 0; i < n; i++)
            for (numc_k_i64 j = 0; j <= i; j++) {
                double s = count > 1 ? scatter[i * n + j] : w[i * n + j];
                w[i * n + j] = scale * s + (i == j ? least : 0);
                w[j * n + i] = w[i * n + j];
            }
    }
}

NUMC_KERNEL_FN int numc_k__is_positive(double x)
{
    return x > 0 && x - x == 0;
}

/* Completes the metric region of a state behind its inverse metric: 1/sqrt(W), or the Cholesky factor W = L L', row by row. 0 if W is not
 * finite and positive (definite). */
NUMC_KERNEL_FN_LARGE int numc_k_metric_complete(NUMC_KERNEL_GLOBAL double *region, int n, int metric)
{
    const NUMC_KERNEL_GLOBAL double *w = region;
    NUMC_KERNEL_GLOBAL double *after = region + numc_k_metric_entries(n, metric);
    if (metric == NUMC_K_METRIC_DIAGONAL) {
        for (int i = 0; i < n; i++) {
            if (!numc_k__is_positive(w[i]))
                return 0;
            after[i] = 1 / NUMC_KERNEL_SQRT(w[i]);
        }
    } else if (metric == NUMC_K_METRIC_DENSE) {
        for (numc_k_i64 i = 0; i < n; i++) {
            NUMC_KERNEL_GLOBAL double *row = after + i * n;
            for (numc_k_i64 j = 0; j <= i; j++) {
                const NUMC_KERNEL_GLOBAL double *other = after + j * n;
                double t = w[i * n + j];
                for (numc_k_i64 k = 0; k < j; k++)
                    t -= row[k] * other[k];
                if (j < i) {
                    row[j] = t / other[j];
                    continue;
                }
                if (!numc_k__is_positive(t))
                    return 0;
                row[i] = NUMC_KERNEL_SQRT(t);
            }
            for (numc_k_i64 j = i + 1; j < n; j++)
                row[j] = 0;
        }
    }
    return 1;
}

/* ---- a chain ---- */

#define NUMC_K_WINDOWS 64
/* The same for all chains. Transitions first <= i <= ends[count - 1] feed the metric; after i = ends[k] it is updated. */
typedef struct numc_k_schedule {
    numc_k_i64 warmup; /* transitions that adapt; 0: none does */
    numc_k_i64 first;
    numc_k_i64 ends[NUMC_K_WINDOWS];
    double trajectory_length; /* of the static kind, where trajectory_steps is 0 */
    int count;
    int kind; /* of transitions: NUMC_K_NUTS_TREE or STATIC */
    int trajectory_steps;
    int unused;
} numc_k_schedule;

#define NUMC_K_METRIC_NOT_FINITE 4 /* beside the failures of the search */

/* Of one chain: what it has learnt, and the search in progress. */
typedef struct numc_k_warmup {
    numc_k_averaging averaging;
    numc_k_search search;
    double nominal;    /* step size before the search in progress */
    double count;      /* positions in the estimate */
    int window;        /* next window of the schedule */
    int searches;      /* a step size is looked for before the next transition */
    numc_k_u32 attempt; /* of the search in progress */
    int failed;        /* 0, SEARCH_TOO_LARGE or TOO_SMALL, METRIC_NOT_FINITE: the chain cannot go on */
} numc_k_warmup;

NUMC_KERNEL_FN int numc_k__probe(const numc_k_warmup *w, numc_k_nuts *s, NUMC_KERNEL_GLOBAL double *m, numc_k_i64 transition)
{
    s->step_size = w->search.step;
    return numc_k_nuts_begin(s, m, NUMC_K_NUTS_PROBE, (numc_k_u64)transition, w->attempt);
}

/* The step size is `nominal` until the search is over, so that an interrupted one starts again. After the first search mu stays at the
 * step size given. */
NUMC_KERNEL_FN void numc_k__search_end(numc_k_warmup *w, numc_k_nuts *s, numc_k_i64 transition)
{
    s->step_size = w->search.step;
    if (transition > 0)
        numc_k_averaging_restart(&w->averaging, w->search.step);
    w->searches = 0;
}

/* What comes next for a chain at rest, a leapfrog of the search (kind PROBE) or the transition of this number; a position is wanted. */
NUMC_KERNEL_FN int numc_k_chain_begin(const NUMC_KERNEL_GLOBAL numc_k_schedule *t, numc_k_warmup *w, numc_k_nuts *s,
                                      NUMC_KERNEL_GLOBAL double *m, numc_k_i64 transition)
{
    w->attempt = 0;
    w->nominal = s->step_size;
    if (w->searches) {
        if (numc_k_search_begin(&w->search, w->nominal))
            return numc_k__probe(w, s, m, transition);
        numc_k__search_end(w, s, transition);
    }
    if (t->kind == NUMC_K_NUTS_STATIC) {
        double steps = NUMC_KERNEL_FLOOR(t->trajectory_length / s->step_size);
        s->steps = t->trajectory_steps > 0 ? t->trajectory_steps : !(steps >= 1) ? 1 : steps > 1e6 ? 1000000 : (int)steps;
    }
    return numc_k_nuts_begin(s, m, t->kind, (numc_k_u64)transition, 0);
}

/* Takes a leapfrog of the search: EVALUATE, another is wanted; DONE, it is over, or `failed`. */
NUMC_KERNEL_FN int numc_k_chain_probed(numc_k_warmup *w, numc_k_nuts *s, NUMC_KERNEL_GLOBAL double *m, numc_k_i64 transition)
{
    int state = numc_k_search_feed(&w->search, s->energy_error);
    if (state == NUMC_K_SEARCH_GOES_ON) {
        w->attempt++;
        return numc_k__probe(w, s, m, transition);
    }
    s->step_size = w->nominal;
    if (state == NUMC_K_SEARCH_DONE)
        numc_k__search_end(w, s, transition);
    else
        w->failed = state;
    return NUMC_K_NUTS_DONE;
}

/* Learns from the transition of this number just made, if it is of the warm-up; may fail. */
NUMC_KERNEL_FN void numc_k_chain_learn(const NUMC_KERNEL_GLOBAL numc_k_schedule *t, numc_k_warmup *w, numc_k_nuts *s,
                                       NUMC_KERNEL_GLOBAL double *m, NUMC_KERNEL_GLOBAL double *e, numc_k_i64 transition)
{
    int n = s->dimension;
    if (transition >= t->warmup)
        return;
    s->step_size = numc_k_averaging_update(&w->averaging, s->accept_stat);
    int windows = s->metric != NUMC_K_METRIC_UNIT && w->window < t->count;
    if (windows && transition >= t->first) {
        w->count += 1;
        numc_k_estimate_add(e, n, s->metric, w->count, m + numc_k_nuts_current(s));
    }
    if (windows && transition == t->ends[w->window]) {
        numc_k_estimate_write(e, n, s->metric, w->count, m + s->metric_at);
        if (!numc_k_metric_complete(m + s->metric_at, n, s->metric)) {
            w->failed = NUMC_K_METRIC_NOT_FINITE;
            return;
        }
        numc_k_estimate_clear(e, n, s->metric);
        w->count = 0;
        w->window++;
        w->searches = n > 0;
    }
    /* If a window ends with the warm-up nothing is averaged after it: then the coming search's result is kept. */
    if (transition == t->warmup - 1 && !w->searches)
        s->step_size = numc_k_averaging_final(&w->averaging);
}

#endif
