/* One transition of multinomial NUTS, or of static HMC, as a flat state machine by reverse communication:
 * the machine says at which position it wants the log density, the caller evaluates and advances it.
 * Knows no density, adaptation or storage; common subset of C99, OpenCL C and CUDA C, no libm.
 *
 * Rules (Betancourt 2017, arXiv:1701.02434, appendix A; Stan's choices where the paper leaves some):
 *   H(q, p) = -log density(q) + p'Wp / 2, W the inverse metric (unit, diagonal or dense), p ~ N(0, W^-1);
 *   leapfrog: p += e/2 g ; q += e W p ; g = gradient(q) ; p += e/2 g, e = direction * step size;
 *   a leaf has log weight H0 - H; it diverges when H - H0 > 1000 or H is not finite, which ends the draw;
 *   accept_stat is the mean over all leaves of min(1, exp(H0 - H)), leaves of rejected subtrees included;
 *   inside a subtree the later half's proposal is taken with probability w_later / (w_early + w_later), at
 *   the top the new subtree's with min(1, w_new / w_old), before the turning test of the merged tree;
 *   at every merge of an early part A and a late part B, with s = Wp and rho the sum of p over a part,
 *   all of  s.(rho_A + rho_B) > 0 at A.first and B.last,
 *           s.(rho_A + p_B.first) > 0 at A.first and B.first,
 *           s.(p_A.last + rho_B) > 0 at A.last and B.last      must hold, else the trajectory has turned.
 *   "Early" is nearer the point the subtree grew from; the tests are symmetric in time. */
#ifndef NUMC_KERNEL_NUTS_H
#define NUMC_KERNEL_NUTS_H

#include "exponential.h"
#include "random.h"

/* The block of doubles of a state lies in device memory where the language tells memories apart. */
#ifndef NUMC_KERNEL_GLOBAL
#if defined(NUMC_KERNEL_OPENCL)
#define NUMC_KERNEL_GLOBAL __global
#else
#define NUMC_KERNEL_GLOBAL
#endif
#endif
#ifndef NUMC_KERNEL_RESTRICT
#if defined(NUMC_KERNEL_CUDA)
#define NUMC_KERNEL_RESTRICT __restrict__
#else
#define NUMC_KERNEL_RESTRICT restrict
#endif
#endif

#define NUMC_K_NUTS_MAX_DEPTH 20
#define NUMC_K_NUTS_SLOTS (3 * NUMC_K_NUTS_MAX_DEPTH + 8)
#define NUMC_K_NUTS_ENERGY_LIMIT 1000.0

/* Kinds of inverse metric. */
#define NUMC_K_METRIC_UNIT 0
#define NUMC_K_METRIC_DIAGONAL 1
#define NUMC_K_METRIC_DENSE 2

/* What a call wants next. */
#define NUMC_K_NUTS_DONE 0     /* the transition is over, the fields "results" hold */
#define NUMC_K_NUTS_EVALUATE 1 /* evaluate at position_at, gradient to gradient_at, then advance */

/* Kinds of transition. */
#define NUMC_K_NUTS_PLACE 0  /* evaluate a position the caller wrote and make it the current one */
#define NUMC_K_NUTS_TREE 1   /* a NUTS transition */
#define NUMC_K_NUTS_STATIC 2 /* `steps` leapfrogs and one Metropolis decision */
#define NUMC_K_NUTS_PROBE 3  /* one leapfrog with fresh momentum; only energy_error is of interest */

/* Purposes under which random numbers of a draw are keyed. */
#define NUMC_K_NUTS_KEY_MOMENTUM 1  /* counter: coordinate */
#define NUMC_K_NUTS_KEY_DIRECTION 2 /* bit d of the block at counter 0: doubling d goes forward */
#define NUMC_K_NUTS_KEY_MERGE 3     /* counter: number of the merge inside subtrees, in order */
#define NUMC_K_NUTS_KEY_TOP 4       /* counter: depth of the doubling; the static kind's decision is 0 */
#define NUMC_K_NUTS_KEY_JITTER 5    /* counter: 0 */
#define NUMC_K_NUTS_KEY_PROBE 6     /* folded again with the attempt, then counter: coordinate */
#define NUMC_K_NUTS_KEY_START 7     /* folded again with the attempt, then counter: coordinate; for initial points */

/* Flat and without pointers: may be copied, stored and sent to a device together with its block of doubles,
 * in which all vectors lie (offsets below count doubles). One state belongs to one chain. */
typedef struct numc_k_nuts {
    /* Fixed by numc_k_nuts_setup. */
    int dimension;
    int max_depth;
    int metric;
    int slot_count;
    numc_k_i64 metric_at;  /* W, then 1/sqrt(W) (diagonal) or its lower Cholesky factor (dense) */
    numc_k_i64 rho_at;     /* vector 0: whole trajectory; 1: the merge in progress; 1 + k: waiting at level k >= 1 */
    numc_k_i64 scratch_at;
    numc_k_i64 slots_at;
    numc_k_i64 slot_stride; /* a slot is q, p, g and, for a dense metric, s = Wp and Wg */
    numc_k_key key;   /* the chain's */

    /* Set by the caller between transitions. */
    double step_size;
    double jitter; /* step size of a draw = step_size * (1 + jitter * (2u - 1)) */
    int steps;     /* leapfrogs of the static kind */

    /* What is wanted. */
    numc_k_i64 position_at;
    numc_k_i64 gradient_at;

    /* Results of the last transition; the divergence's positions live until the next begins. */
    double log_density;  /* at the current position */
    double energy;       /* H at the current position with the momentum it was reached with */
    double accept_stat;
    double step_used;
    double energy_error; /* H0 - H of the last leaf */
    int n_leapfrog;
    int depth;
    int divergent;
    int divergence_start; /* slots of the leapfrog that diverged; -1 if none did */
    int divergence_end;

    /* The transition in progress. */
    numc_k_key draw_key;
    numc_k_key merge_key;
    numc_k_key top_key;
    numc_k_u64 direction_bits;
    double initial_energy;
    double log_weight; /* log sum of weights of the trajectory */
    double accept_sum;
    double signed_step;
    int kind;
    int leaf, leaf_count; /* inside the subtree being built */
    int merges;
    int forward;
    int current, sample, first, last, edge, next; /* slots; first and last in time */
    int waiting_first[NUMC_K_NUTS_MAX_DEPTH];
    int waiting_last[NUMC_K_NUTS_MAX_DEPTH];
    int waiting_sample[NUMC_K_NUTS_MAX_DEPTH];
    double waiting_weight[NUMC_K_NUTS_MAX_DEPTH];
    double slot_log_density[NUMC_K_NUTS_SLOTS];
    double slot_energy[NUMC_K_NUTS_SLOTS];
    unsigned char references[NUMC_K_NUTS_SLOTS];
    unsigned char free_slots[NUMC_K_NUTS_SLOTS];
    int free_count;
} numc_k_nuts;

/* A part of a trajectory: slots of its ends and its proposal, and where its rho lies. */
typedef struct numc_k_nuts_part {
    int first, last, sample;
    double log_weight;
    numc_k_i64 rho_at;
} numc_k_nuts_part;

/* ---- random numbers ---- */

NUMC_KERNEL_FN numc_k_key numc_k_nuts_fold(numc_k_key key, numc_k_u64 data)
{
    return numc_k_key_fold_in(key.first, key.second, data);
}

NUMC_KERNEL_FN numc_k_u64 numc_k_nuts_bits(numc_k_key key, numc_k_u64 counter)
{
    return numc_k_bits64(key.first, key.second, counter);
}

NUMC_KERNEL_FN double numc_k_nuts_uniform(numc_k_key key, numc_k_u64 counter)
{
    return numc_k_sample_uniform(key.first, key.second, counter);
}

NUMC_KERNEL_FN double numc_k_nuts_normal(numc_k_key key, numc_k_u64 counter)
{
    return numc_k_sample_normal(key.first, key.second, counter);
}

/* ---- memory ---- */

/* A NUTS tree needs at most: the starting point, two ends and a sample of the trajectory, three slots for each level
 * that waits (fewer than max_depth), three for the merge in progress and one being evaluated. */
NUMC_KERNEL_FN int numc_k__nuts_slot_count(int max_depth)
{
    return 3 * max_depth + 8;
}

/* Doubles the caller provides for a state. max_depth 0 suffices for the static kind. */
NUMC_KERNEL_FN numc_k_i64 numc_k_nuts_doubles(int dimension, int max_depth, int metric)
{
    numc_k_i64 d = dimension;
    numc_k_i64 matrix = metric == NUMC_K_METRIC_DENSE ? 2 * d * d : metric == NUMC_K_METRIC_DIAGONAL ? 2 * d : 0;
    numc_k_i64 vectors = metric == NUMC_K_METRIC_DENSE ? 5 : 3;
    return matrix + (max_depth + 2 + 1 + vectors * numc_k__nuts_slot_count(max_depth)) * d;
}

NUMC_KERNEL_FN numc_k_i64 numc_k_nuts_q(const numc_k_nuts *s, int slot)
{
    return s->slots_at + slot * s->slot_stride;
}

NUMC_KERNEL_FN numc_k_i64 numc_k__nuts_p(const numc_k_nuts *s, int slot)
{
    return s->slots_at + slot * s->slot_stride + s->dimension;
}

NUMC_KERNEL_FN numc_k_i64 numc_k__nuts_g(const numc_k_nuts *s, int slot)
{
    return s->slots_at + slot * s->slot_stride + 2 * s->dimension;
}

/* s = Wp, stored for a dense metric only; Wg follows it. */
NUMC_KERNEL_FN numc_k_i64 numc_k__nuts_s(const numc_k_nuts *s, int slot)
{
    return s->slots_at + slot * s->slot_stride + 3 * s->dimension;
}

/* Lays a state out. The caller then writes the metric, places a position and begins transitions. */
NUMC_KERNEL_FN void numc_k_nuts_setup(numc_k_nuts *s, int dimension, int max_depth, int metric, numc_k_key chain_key)
{
    numc_k_i64 d = dimension;
    s->dimension = dimension;
    s->max_depth = max_depth;
    s->metric = metric;
    s->slot_count = numc_k__nuts_slot_count(max_depth);
    s->metric_at = 0;
    s->rho_at = metric == NUMC_K_METRIC_DENSE ? 2 * d * d : metric == NUMC_K_METRIC_DIAGONAL ? 2 * d : 0;
    s->scratch_at = s->rho_at + (max_depth + 2) * d;
    s->slots_at = s->scratch_at + d;
    s->slot_stride = (metric == NUMC_K_METRIC_DENSE ? 5 : 3) * d;
    s->key = chain_key;
    s->step_size = 1;
    s->jitter = 0;
    s->steps = 1;
    s->kind = NUMC_K_NUTS_PLACE;
    s->current = 0;
    s->sample = 0;
    s->divergent = 0;
    s->divergence_start = -1;
    s->divergence_end = -1;
    s->position_at = numc_k_nuts_q(s, 0);
    s->gradient_at = numc_k__nuts_g(s, 0);
}

/* Where the position and gradient of the current point lie, after a transition is done. */
NUMC_KERNEL_FN numc_k_i64 numc_k_nuts_current(const numc_k_nuts *s)
{
    return numc_k_nuts_q(s, s->current);
}

NUMC_KERNEL_FN numc_k_i64 numc_k_nuts_current_gradient(const numc_k_nuts *s)
{
    return numc_k__nuts_g(s, s->current);
}

/* ---- slots: reference counts, so that no vector is ever copied ---- */

NUMC_KERNEL_FN int numc_k__nuts_take(numc_k_nuts *s)
{
    int slot = s->free_slots[--s->free_count];
    s->references[slot] = 1;
    return slot;
}

NUMC_KERNEL_FN void numc_k__nuts_drop(numc_k_nuts *s, int slot)
{
    if (--s->references[slot] == 0)
        s->free_slots[s->free_count++] = (unsigned char)slot;
}

NUMC_KERNEL_FN void numc_k__nuts_hold(numc_k_nuts *s, int slot)
{
    s->references[slot]++;
}


/* ---- vectors; sums run in four lanes so that their order is the same everywhere ---- */

NUMC_KERNEL_FN double numc_k__nuts_dot(const NUMC_KERNEL_GLOBAL double *a, const NUMC_KERNEL_GLOBAL double *b, int n)
{
    double t0 = 0, t1 = 0, t2 = 0, t3 = 0;
    int i = 0;
    for (; i + 4 <= n; i += 4) {
        t0 += a[i] * b[i];
        t1 += a[i + 1] * b[i + 1];
        t2 += a[i + 2] * b[i + 2];
        t3 += a[i + 3] * b[i + 3];
    }
    for (; i < n; i++)
        t0 += a[i] * b[i];
    return (t0 + t2) + (t1 + t3);
}

/* sum of w a b */
NUMC_KERNEL_FN double numc_k__nuts_dot3(const NUMC_KERNEL_GLOBAL double *w, const NUMC_KERNEL_GLOBAL double *a,
                                   const NUMC_KERNEL_GLOBAL double *b, int n)
{
    double t0 = 0, t1 = 0, t2 = 0, t3 = 0;
    int i = 0;
    for (; i + 4 <= n; i += 4) {
        t0 += w[i] * a[i] * b[i];
        t1 += w[i + 1] * a[i + 1] * b[i + 1];
        t2 += w[i + 2] * a[i + 2] * b[i + 2];
        t3 += w[i + 3] * a[i + 3] * b[i + 3];
    }
    for (; i < n; i++)
        t0 += w[i] * a[i] * b[i];
    return (t0 + t2) + (t1 + t3);
}

/* out = W x for the dense metric; out and x differ */
NUMC_KERNEL_FN void numc_k__nuts_multiply(const numc_k_nuts *s, NUMC_KERNEL_GLOBAL double *m, numc_k_i64 out, numc_k_i64 x)
{
    int n = s->dimension;
    for (int i = 0; i < n; i++)
        m[out + i] = numc_k__nuts_dot(m + s->metric_at + (numc_k_i64)i * n, m + x, n);
}

/* p'Wp / 2 of a slot */
NUMC_KERNEL_FN double numc_k__nuts_kinetic(const numc_k_nuts *s, const NUMC_KERNEL_GLOBAL double *m, int slot)
{
    numc_k_i64 p = numc_k__nuts_p(s, slot);
    int n = s->dimension;
    if (s->metric == NUMC_K_METRIC_UNIT)
        return 0.5 * numc_k__nuts_dot(m + p, m + p, n);
    if (s->metric == NUMC_K_METRIC_DIAGONAL)
        return 0.5 * numc_k__nuts_dot3(m + s->metric_at, m + p, m + p, n);
    return 0.5 * numc_k__nuts_dot(m + p, m + numc_k__nuts_s(s, slot), n);
}

/* p ~ N(0, W^-1): u, u / sqrt(W), or L'^-1 u with W = L L' (then s = W p = L u) */
NUMC_KERNEL_FN void numc_k__nuts_momentum(const numc_k_nuts *s, NUMC_KERNEL_GLOBAL double *m, int slot, numc_k_key key)
{
    int n = s->dimension;
    NUMC_KERNEL_GLOBAL double *p = m + numc_k__nuts_p(s, slot);
    if (s->metric != NUMC_K_METRIC_DENSE) {
        const NUMC_KERNEL_GLOBAL double *inverse_root = m + s->metric_at + n;
        for (int i = 0; i < n; i++) {
            double u = numc_k_nuts_normal(key, (numc_k_u64)i);
            p[i] = s->metric == NUMC_K_METRIC_UNIT ? u : u * inverse_root[i];
        }
        return;
    }
    const NUMC_KERNEL_GLOBAL double *l = m + s->metric_at + (numc_k_i64)n * n;
    NUMC_KERNEL_GLOBAL double *u = m + s->scratch_at;
    NUMC_KERNEL_GLOBAL double *sharp = m + numc_k__nuts_s(s, slot);
    for (int i = 0; i < n; i++)
        u[i] = numc_k_nuts_normal(key, (numc_k_u64)i);
    for (int i = 0; i < n; i++)
        sharp[i] = numc_k__nuts_dot(l + (numc_k_i64)i * n, u, i + 1);
    for (int i = n - 1; i >= 0; i--) {
        p[i] = u[i] / l[(numc_k_i64)i * n + i];
        for (int j = 0; j < i; j++)
            u[j] -= l[(numc_k_i64)i * n + j] * p[i];
    }
    numc_k__nuts_multiply(s, m, numc_k__nuts_s(s, slot) + n, numc_k__nuts_g(s, slot));
}

/* ---- leapfrog ---- */

/* First half, from slot `from` into a fresh slot: p += e/2 g ; q += e W p. */
NUMC_KERNEL_FN int numc_k__nuts_step(numc_k_nuts *s, NUMC_KERNEL_GLOBAL double *m, int from)
{
    int n = s->dimension;
    double e = s->signed_step, h = 0.5 * e;
    s->edge = from;
    s->next = numc_k__nuts_take(s);
    const NUMC_KERNEL_GLOBAL double *q0 = m + numc_k_nuts_q(s, from);
    const NUMC_KERNEL_GLOBAL double *p0 = m + numc_k__nuts_p(s, from);
    const NUMC_KERNEL_GLOBAL double *g0 = m + numc_k__nuts_g(s, from);
    NUMC_KERNEL_GLOBAL double *NUMC_KERNEL_RESTRICT q = m + numc_k_nuts_q(s, s->next);
    NUMC_KERNEL_GLOBAL double *NUMC_KERNEL_RESTRICT p = m + numc_k__nuts_p(s, s->next);
    if (s->metric == NUMC_K_METRIC_DIAGONAL) {
        const NUMC_KERNEL_GLOBAL double *w = m + s->metric_at;
        for (int i = 0; i < n; i++) {
            double middle = p0[i] + h * g0[i];
            p[i] = middle;
            q[i] = q0[i] + e * (w[i] * middle);
        }
    } else if (s->metric == NUMC_K_METRIC_UNIT) {
        for (int i = 0; i < n; i++) {
            double middle = p0[i] + h * g0[i];
            p[i] = middle;
            q[i] = q0[i] + e * middle;
        }
    } else {
        /* s + e/2 Wg instead of W(p + e/2 g): one product with W per leapfrog */
        const NUMC_KERNEL_GLOBAL double *s0 = m + numc_k__nuts_s(s, from);
        NUMC_KERNEL_GLOBAL double *NUMC_KERNEL_RESTRICT sharp = m + numc_k__nuts_s(s, s->next);
        for (int i = 0; i < n; i++) {
            double middle = s0[i] + h * s0[n + i];
            p[i] = p0[i] + h * g0[i];
            sharp[i] = middle;
            q[i] = q0[i] + e * middle;
        }
    }
    s->position_at = numc_k_nuts_q(s, s->next);
    s->gradient_at = numc_k__nuts_g(s, s->next);
    return NUMC_K_NUTS_EVALUATE;
}

/* Second half, p += e/2 g, and the energy of the new point; +inf where it is not finite. */
NUMC_KERNEL_FN double numc_k__nuts_land(numc_k_nuts *s, NUMC_KERNEL_GLOBAL double *m, double log_density)
{
    int n = s->dimension;
    double h = 0.5 * s->signed_step;
    double energy = NUMC_KERNEL_INFINITY;
    if (log_density - log_density == 0) {
        NUMC_KERNEL_GLOBAL double *NUMC_KERNEL_RESTRICT p = m + numc_k__nuts_p(s, s->next);
        const NUMC_KERNEL_GLOBAL double *g = m + numc_k__nuts_g(s, s->next);
        for (int i = 0; i < n; i++)
            p[i] += h * g[i];
        if (s->metric == NUMC_K_METRIC_DENSE) {
            numc_k_i64 at = numc_k__nuts_s(s, s->next);
            numc_k__nuts_multiply(s, m, at + n, numc_k__nuts_g(s, s->next));
            NUMC_KERNEL_GLOBAL double *sharp = m + at;
            for (int i = 0; i < n; i++)
                sharp[i] += h * sharp[n + i];
        }
        energy = numc_k__nuts_kinetic(s, m, s->next) - log_density;
        if (!(energy - energy == 0))
            energy = NUMC_KERNEL_INFINITY;
    }
    s->slot_log_density[s->next] = log_density;
    s->slot_energy[s->next] = energy;
    return energy;
}

/* ---- turning ---- */

/* Three tests of the merge of parts a (early) and b (late); stores rho_a + rho_b at `out`, which may be
 * b's own. True while the trajectory goes on. A part of one leaf has its p as rho. */
NUMC_KERNEL_FN int numc_k__nuts_straight(const numc_k_nuts *s, NUMC_KERNEL_GLOBAL double *m, const numc_k_nuts_part *a,
                                    const numc_k_nuts_part *b, numc_k_i64 out)
{
    int n = s->dimension;
    const NUMC_KERNEL_GLOBAL double *rho_a = m + a->rho_at;
    const NUMC_KERNEL_GLOBAL double *rho_b = m + b->rho_at;
    const NUMC_KERNEL_GLOBAL double *pa = m + numc_k__nuts_p(s, a->last);
    const NUMC_KERNEL_GLOBAL double *pb = m + numc_k__nuts_p(s, b->first);
    NUMC_KERNEL_GLOBAL double *rho = m + out;
    /* ends as stored vectors: s for a dense metric, p otherwise */
    numc_k_i64 shift = s->metric == NUMC_K_METRIC_DENSE ? 2 * n : 0;
    const NUMC_KERNEL_GLOBAL double *a1 = m + numc_k__nuts_p(s, a->first) + shift;
    const NUMC_KERNEL_GLOBAL double *a2 = pa + shift;
    const NUMC_KERNEL_GLOBAL double *b1 = pb + shift;
    const NUMC_KERNEL_GLOBAL double *b2 = m + numc_k__nuts_p(s, b->last) + shift;
    int weighted = s->metric == NUMC_K_METRIC_DIAGONAL;
    const NUMC_KERNEL_GLOBAL double *w = m + s->metric_at;
    if (a->first == a->last && b->first == b->last) {
        /* two leaves: the three tests are one */
        double t0 = 0, t1 = 0;
        for (int i = 0; i < n; i++) {
            double r = rho_a[i] + rho_b[i];
            double x = weighted ? w[i] * r : r;
            t0 += a1[i] * x;
            t1 += b2[i] * x;
            rho[i] = r;
        }
        return t0 > 0 && t1 > 0;
    }
    double t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4 = 0, t5 = 0;
    for (int i = 0; i < n; i++) {
        double ra = rho_a[i], rb = rho_b[i];
        double r = ra + rb, ea = ra + pb[i], eb = rb + pa[i];
        rho[i] = r;
        if (weighted) {
            r *= w[i];
            ea *= w[i];
            eb *= w[i];
        }
        t0 += a1[i] * r;
        t1 += b2[i] * r;
        t2 += a1[i] * ea;
        t3 += b1[i] * ea;
        t4 += a2[i] * eb;
        t5 += b2[i] * eb;
    }
    return t0 > 0 && t1 > 0 && t2 > 0 && t3 > 0 && t4 > 0 && t5 > 0;
}

/* log(exp(a) + exp(b)) and, in *share, exp(b) / (exp(a) + exp(b)), for finite a and b */
NUMC_KERNEL_FN double numc_k__nuts_add_weights(double a, double b, double *share)
{
    double d = b - a;
    double e = numc_k_exp(d > 0 ? -d : d);
    *share = (d > 0 ? 1 : e) / (1 + e);
    return (d > 0 ? b : a) + numc_k_log1p_fraction(e);
}

/* ---- the machine ---- */

NUMC_KERNEL_FN int numc_k__nuts_finish(numc_k_nuts *s)
{
    s->current = s->sample;
    s->log_density = s->slot_log_density[s->current];
    s->energy = s->slot_energy[s->current];
    s->accept_stat = s->n_leapfrog > 0 ? s->accept_sum / s->n_leapfrog : 0;
    return NUMC_K_NUTS_DONE;
}

/* Starts doubling number `depth` of the trajectory. */
NUMC_KERNEL_FN int numc_k__nuts_double(numc_k_nuts *s, NUMC_KERNEL_GLOBAL double *m)
{
    s->forward = (int)((s->direction_bits >> s->depth) & 1);
    s->signed_step = s->forward ? s->step_used : -s->step_used;
    s->leaf = 0;
    s->leaf_count = 1 << s->depth;
    return numc_k__nuts_step(s, m, s->forward ? s->last : s->first);
}

/* A subtree is whole and has not turned: join it to the trajectory. */
NUMC_KERNEL_FN int numc_k__nuts_join(numc_k_nuts *s, NUMC_KERNEL_GLOBAL double *m, const numc_k_nuts_part *b)
{
    numc_k_nuts_part a;
    double share;
    a.first = s->forward ? s->first : s->last; /* nearness is to the subtree's root: its far end is "first" */
    a.last = s->forward ? s->last : s->first;
    a.sample = s->sample;
    a.log_weight = s->log_weight;
    a.rho_at = s->depth == 0 ? numc_k__nuts_p(s, s->first) : s->rho_at;
    int straight = numc_k__nuts_straight(s, m, &a, b, s->rho_at);

    double d = b->log_weight - s->log_weight;
    double u = numc_k_nuts_uniform(s->top_key, (numc_k_u64)s->depth);
    if (d >= 0 || u < numc_k_exp(d)) {
        numc_k__nuts_drop(s, s->sample);
        s->sample = b->sample;
    } else {
        numc_k__nuts_drop(s, b->sample);
    }
    s->log_weight = numc_k__nuts_add_weights(s->log_weight, b->log_weight, &share);
    numc_k__nuts_drop(s, b->first);
    numc_k__nuts_drop(s, a.last);
    if (s->forward)
        s->last = b->last;
    else
        s->first = b->last;
    s->depth++;
    if (!straight || s->depth >= s->max_depth)
        return numc_k__nuts_finish(s);
    return numc_k__nuts_double(s, m);
}

NUMC_KERNEL_FN int numc_k__nuts_leaf(numc_k_nuts *s, NUMC_KERNEL_GLOBAL double *m)
{
    numc_k_i64 d = s->dimension;
    int level = 0;
    numc_k_nuts_part b;
    b.first = s->next;
    b.last = s->next;
    b.sample = s->next;
    b.log_weight = s->energy_error;
    b.rho_at = numc_k__nuts_p(s, s->next);
    s->references[s->next] = 3;

    /* Leaf number n closes one part for each trailing one bit of n. */
    for (; (s->leaf >> level) & 1; level++) {
        numc_k_nuts_part a;
        double share;
        a.first = s->waiting_first[level];
        a.last = s->waiting_last[level];
        a.sample = s->waiting_sample[level];
        a.log_weight = s->waiting_weight[level];
        a.rho_at = level == 0 ? numc_k__nuts_p(s, a.first) : s->rho_at + (1 + level) * d;
        int goes_on = (s->leaf >> (level + 1)) & 1;
        int last = s->leaf + 1 == s->leaf_count;
        numc_k_i64 out = s->rho_at + (goes_on || last ? 1 : 2 + level) * d;
        if (!numc_k__nuts_straight(s, m, &a, &b, out))
            return numc_k__nuts_finish(s);
        double u = numc_k_nuts_uniform(s->merge_key, (numc_k_u64)s->merges++);
        b.log_weight = numc_k__nuts_add_weights(a.log_weight, b.log_weight, &share);
        if (u < share) {
            numc_k__nuts_drop(s, a.sample);
        } else {
            numc_k__nuts_drop(s, b.sample);
            b.sample = a.sample;
        }
        numc_k__nuts_drop(s, a.last);
        numc_k__nuts_drop(s, b.first);
        b.first = a.first;
        b.rho_at = out;
    }
    s->leaf++;
    if (s->leaf == s->leaf_count)
        return numc_k__nuts_join(s, m, &b);
    s->waiting_first[level] = b.first;
    s->waiting_last[level] = b.last;
    s->waiting_sample[level] = b.sample;
    s->waiting_weight[level] = b.log_weight;
    return numc_k__nuts_step(s, m, s->next);
}

/* Begins a transition of a kind for draw number `draw` (`attempt` tells probes of one draw apart). PLACE
 * wants the caller to write a position at position_at and to evaluate there; the others start from the
 * current point, whose log density and gradient are known. A transition in progress may be left and begun again. */
NUMC_KERNEL_FN int numc_k_nuts_begin(numc_k_nuts *s, NUMC_KERNEL_GLOBAL double *m, int kind, numc_k_u64 draw,
                                numc_k_u32 attempt)
{
    s->kind = kind;
    s->divergent = 0;
    s->divergence_start = -1;
    s->divergence_end = -1;
    s->n_leapfrog = 0;
    s->depth = 0;
    s->accept_sum = 0;
    s->energy_error = 0;
    s->merges = 0;
    s->sample = s->current;
    if (kind == NUMC_K_NUTS_PLACE) {
        s->position_at = numc_k_nuts_q(s, s->current);
        s->gradient_at = numc_k__nuts_g(s, s->current);
        return NUMC_K_NUTS_EVALUATE;
    }
    s->free_count = 0;
    for (int i = s->slot_count - 1; i >= 0; i--) {
        s->references[i] = 0;
        if (i != s->current)
            s->free_slots[s->free_count++] = (unsigned char)i;
    }
    s->references[s->current] = 4; /* first, last, sample, and one so that a transition cut short can begin again */
    s->first = s->current;
    s->last = s->current;
    s->log_weight = 0;

    s->draw_key = numc_k_nuts_fold(s->key, draw);
    s->step_used = s->step_size;
    if (kind == NUMC_K_NUTS_PROBE) {
        numc_k_key key = numc_k_nuts_fold(s->draw_key, NUMC_K_NUTS_KEY_PROBE);
        numc_k__nuts_momentum(s, m, s->current, numc_k_nuts_fold(key, attempt));
    } else {
        numc_k__nuts_momentum(s, m, s->current, numc_k_nuts_fold(s->draw_key, NUMC_K_NUTS_KEY_MOMENTUM));
        s->top_key = numc_k_nuts_fold(s->draw_key, NUMC_K_NUTS_KEY_TOP);
        if (s->jitter != 0) {
            double u = numc_k_nuts_uniform(numc_k_nuts_fold(s->draw_key, NUMC_K_NUTS_KEY_JITTER), 0);
            s->step_used *= 1 + s->jitter * (2 * u - 1);
        }
    }
    s->initial_energy = numc_k__nuts_kinetic(s, m, s->current) - s->slot_log_density[s->current];
    s->slot_energy[s->current] = s->initial_energy;
    if (kind == NUMC_K_NUTS_TREE) {
        s->merge_key = numc_k_nuts_fold(s->draw_key, NUMC_K_NUTS_KEY_MERGE);
        s->direction_bits = numc_k_nuts_bits(numc_k_nuts_fold(s->draw_key, NUMC_K_NUTS_KEY_DIRECTION), 0);
        return numc_k__nuts_double(s, m);
    }
    s->signed_step = s->step_used;
    s->leaf = 0;
    s->leaf_count = kind == NUMC_K_NUTS_STATIC ? s->steps : 1;
    return numc_k__nuts_step(s, m, s->current);
}

/* Takes the log density of the position asked for, its gradient lying at gradient_at. A density that rejects
 * the position is given as minus infinity; its gradient is then not read. */
NUMC_KERNEL_FN int numc_k_nuts_advance(numc_k_nuts *s, NUMC_KERNEL_GLOBAL double *m, double log_density)
{
    if (s->kind == NUMC_K_NUTS_PLACE) {
        s->slot_log_density[s->current] = log_density;
        s->slot_energy[s->current] = -log_density;
        return numc_k__nuts_finish(s);
    }
    double energy = numc_k__nuts_land(s, m, log_density);
    double error = s->initial_energy - energy;
    int divergent = !(-error <= NUMC_K_NUTS_ENERGY_LIMIT);
    s->energy_error = error;
    s->n_leapfrog++;

    if (s->kind == NUMC_K_NUTS_TREE) {
        s->accept_sum += error > 0 ? 1 : numc_k_exp(error);
        if (!divergent)
            return numc_k__nuts_leaf(s, m);
        s->divergent = 1;
        s->divergence_start = s->edge;
        s->divergence_end = s->next;
        return numc_k__nuts_finish(s);
    }
    if (s->kind == NUMC_K_NUTS_PROBE)
        return numc_k__nuts_finish(s);

    /* Static kind. A point without a finite energy ends it at once: from either end of the trajectory it
     * would be met, so reversibility holds; a large but finite error may come back and goes on. */
    s->leaf++;
    if (s->leaf < s->leaf_count && energy - energy == 0) {
        int old = s->edge;
        int from = s->next;
        numc_k__nuts_step(s, m, from);
        if (old != s->current)
            numc_k__nuts_drop(s, old);
        return NUMC_K_NUTS_EVALUATE;
    }
    double accept = error > 0 ? 1 : numc_k_exp(error);
    s->accept_sum = accept * s->n_leapfrog;
    if (divergent) {
        s->divergent = 1;
        s->divergence_start = s->edge;
        s->divergence_end = s->next;
    }
    if (numc_k_nuts_uniform(s->top_key, 0) < accept)
        s->sample = s->next;
    return numc_k__nuts_finish(s);
}

#endif
