/* The NUTS state machine: against a recursive implementation of the same rules fed the same random numbers,
 * and by the properties a sampler must have whatever its rules (reversibility, order, invariance). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "densities.h"
#include "kernel/nuts.h"

#define MAX_D 12

/* ---- a machine with its memory and density ---- */

typedef struct sampler {
    numc_k_nuts s;
    double *m;
    size_t doubles;
    density_fn density;
    int evaluations;
} sampler;

static double evaluate(sampler *x)
{
    double log_density;
    x->evaluations++;
    if (!x->density(x->s.dimension, x->m + x->s.position_at, &log_density, x->m + x->s.gradient_at))
        return -INFINITY;
    return log_density;
}

static void transition(sampler *x, int kind, uint64_t draw)
{
    int wants = numc_k_nuts_begin(&x->s, x->m, kind, draw, 0);
    while (wants == NUMC_K_NUTS_EVALUATE)
        wants = numc_k_nuts_advance(&x->s, x->m, evaluate(x));
}

static void place(sampler *x, const double *q)
{
    (void)numc_k_nuts_begin(&x->s, x->m, NUMC_K_NUTS_PLACE, 0, 0);
    memcpy(x->m + x->s.position_at, q, (size_t)x->s.dimension * sizeof *q);
    assert_int_equal(numc_k_nuts_advance(&x->s, x->m, evaluate(x)), NUMC_K_NUTS_DONE);
}

/* A metric that is neither the identity nor the target's: W_ii = 0.5 + 0.1 i, dense off-diagonals 0.2^|i-j| scaled. */
static void metric_entry(int n, int metric, double *w, double *l)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double d = sqrt((0.5 + 0.1 * i) * (0.5 + 0.1 * j));
            w[i * n + j] = metric == NUMC_K_METRIC_UNIT ? (i == j) : metric == NUMC_K_METRIC_DIAGONAL
                               ? (i == j) * (0.5 + 0.1 * i) : d * pow(0.4, abs(i - j));
        }
    memset(l, 0, (size_t)(n * n) * sizeof *l);
    for (int j = 0; j < n; j++)
        for (int i = j; i < n; i++) {
            double t = w[i * n + j];
            for (int k = 0; k < j; k++)
                t -= l[i * n + k] * l[j * n + k];
            l[i * n + j] = i == j ? sqrt(t) : t / l[j * n + j];
        }
}

static void sampler_open(sampler *x, int n, int max_depth, int metric, density_fn density, uint64_t seed)
{
    memset(x, 0, sizeof *x);
    x->doubles = (size_t)numc_k_nuts_doubles(n, max_depth, metric);
    x->m = malloc((x->doubles + 1) * sizeof(double));
    assert_non_null(x->m);
    for (size_t i = 0; i <= x->doubles; i++)
        x->m[i] = NAN; /* nothing may be read before it is written */
    x->m[x->doubles] = 12345; /* nor written behind the end */
    x->density = density;
    numc_k_nuts_setup(&x->s, n, max_depth, metric, numc_k_key_from_seed(seed));
    double w[MAX_D * MAX_D], l[MAX_D * MAX_D];
    metric_entry(n, metric, w, l);
    double *at = x->m + x->s.metric_at;
    if (metric == NUMC_K_METRIC_DIAGONAL) {
        for (int i = 0; i < n; i++) {
            at[i] = w[i * n + i];
            at[n + i] = 1 / sqrt(w[i * n + i]);
        }
    } else if (metric == NUMC_K_METRIC_DENSE) {
        memcpy(at, w, (size_t)(n * n) * sizeof *w);
        memcpy(at + n * n, l, (size_t)(n * n) * sizeof *l);
    }
}

static void sampler_close(sampler *x)
{
    assert_true(x->m[x->doubles] == 12345);
    free(x->m);
}

/* ---- the oracle: the recursion as the paper writes it, vectors copied freely ---- */

typedef struct point {
    double q[MAX_D], p[MAX_D], g[MAX_D], log_density;
} point;

typedef struct oracle {
    int n;
    density_fn density;
    double w[MAX_D * MAX_D], l[MAX_D * MAX_D];
    double step, h0, accept_sum;
    int n_leapfrog, divergent, depth;
    uint64_t merges;
    numc_k_key merge_key;
    point z;
    point before; /* of the last leapfrog */
} oracle;

static void sharp(const oracle *o, const double *p, double *out)
{
    for (int i = 0; i < o->n; i++) {
        out[i] = 0;
        for (int j = 0; j < o->n; j++)
            out[i] += o->w[i * o->n + j] * p[j];
    }
}

static double dot(const oracle *o, const double *a, const double *b)
{
    double t = 0;
    for (int i = 0; i < o->n; i++)
        t += a[i] * b[i];
    return t;
}

static double energy(const oracle *o, const point *z)
{
    double s[MAX_D];
    sharp(o, z->p, s);
    return 0.5 * dot(o, z->p, s) - z->log_density;
}

static void oracle_evaluate(const oracle *o, point *z)
{
    if (!o->density(o->n, z->q, &z->log_density, z->g))
        z->log_density = -INFINITY;
}

static void leapfrog(oracle *o, double e)
{
    double s[MAX_D];
    o->before = o->z;
    for (int i = 0; i < o->n; i++)
        o->z.p[i] += 0.5 * e * o->z.g[i];
    sharp(o, o->z.p, s);
    for (int i = 0; i < o->n; i++)
        o->z.q[i] += e * s[i];
    oracle_evaluate(o, &o->z);
    for (int i = 0; i < o->n; i++)
        o->z.p[i] += 0.5 * e * o->z.g[i];
}

static double add_logs(double a, double b)
{
    double big = a > b ? a : b;
    if (isinf(big))
        return big;
    return big + log(exp(a - big) + exp(b - big));
}

static bool criterion(const oracle *o, const double *p_minus, const double *p_plus, const double *rho)
{
    double a[MAX_D], b[MAX_D];
    sharp(o, p_minus, a);
    sharp(o, p_plus, b);
    return dot(o, a, rho) > 0 && dot(o, b, rho) > 0;
}

static void add(const oracle *o, const double *a, const double *b, double *out)
{
    for (int i = 0; i < o->n; i++)
        out[i] = a[i] + b[i];
}

/* Result of a subtree in the order it was grown: momenta at its begin and end, their sum, proposal, log weight. */
typedef struct subtree {
    double begin[MAX_D], end[MAX_D], rho[MAX_D], log_weight;
    point proposal;
} subtree;

static bool persists(const oracle *o, const double *a_begin, const double *a_end, const double *rho_a,
                     const subtree *b)
{
    double both[MAX_D], left[MAX_D], right[MAX_D];
    add(o, rho_a, b->rho, both);
    add(o, rho_a, b->begin, left);
    add(o, b->rho, a_end, right);
    bool whole = criterion(o, a_begin, b->end, both);
    bool first = criterion(o, a_begin, b->begin, left);
    bool second = criterion(o, a_end, b->end, right);
    return whole && first && second;
}

static bool build(oracle *o, int depth, double sign, subtree *t)
{
    if (depth == 0) {
        leapfrog(o, sign * o->step);
        o->n_leapfrog++;
        double h = energy(o, &o->z);
        if (isnan(h))
            h = INFINITY;
        if (h - o->h0 > 1000)
            o->divergent = 1;
        o->accept_sum += fmin(1, exp(o->h0 - h));
        t->log_weight = o->h0 - h;
        t->proposal = o->z;
        memcpy(t->begin, o->z.p, sizeof t->begin);
        memcpy(t->end, o->z.p, sizeof t->end);
        memcpy(t->rho, o->z.p, sizeof t->rho);
        return !o->divergent;
    }
    subtree *late = malloc(sizeof *late);
    assert_non_null(late);
    bool valid = build(o, depth - 1, sign, t) && build(o, depth - 1, sign, late);
    if (valid) {
        valid = persists(o, t->begin, t->end, t->rho, late);
        double total = add_logs(t->log_weight, late->log_weight);
        double u = numc_k_nuts_uniform(o->merge_key, o->merges++);
        if (u < exp(late->log_weight - total))
            t->proposal = late->proposal;
        t->log_weight = total;
        add(o, t->rho, late->rho, t->rho);
        memcpy(t->end, late->end, sizeof t->end);
    }
    free(late);
    return valid;
}

/* One transition from o->z.q with gradient and log density known; returns the draw. */
static point oracle_transition(oracle *o, numc_k_key chain_key, uint64_t draw, int max_depth, bool dense,
                               double jitter)
{
    numc_k_key key = numc_k_nuts_fold(chain_key, draw);
    numc_k_key momentum = numc_k_nuts_fold(key, NUMC_K_NUTS_KEY_MOMENTUM);
    numc_k_key top = numc_k_nuts_fold(key, NUMC_K_NUTS_KEY_TOP);
    uint64_t directions = numc_k_nuts_bits(numc_k_nuts_fold(key, NUMC_K_NUTS_KEY_DIRECTION), 0);
    double u[MAX_D], nominal = o->step;
    int n = o->n;
    (void)dense;
    o->merge_key = numc_k_nuts_fold(key, NUMC_K_NUTS_KEY_MERGE);
    o->merges = 0;
    o->step *= 1 + jitter * (2 * numc_k_nuts_uniform(numc_k_nuts_fold(key, NUMC_K_NUTS_KEY_JITTER), 0) - 1);
    for (int i = 0; i < n; i++)
        u[i] = numc_k_nuts_normal(momentum, (uint64_t)i);
    for (int i = n - 1; i >= 0; i--) { /* L' p = u */
        double t = u[i];
        for (int j = i + 1; j < n; j++)
            t -= o->l[j * n + i] * o->z.p[j];
        o->z.p[i] = t / o->l[i * n + i];
    }
    point backward = o->z, forward = o->z, sample = o->z;
    double rho[MAX_D], log_weight = 0;
    memcpy(rho, o->z.p, sizeof rho);
    o->h0 = energy(o, &o->z);
    o->depth = 0;
    o->n_leapfrog = 0;
    o->accept_sum = 0;
    o->divergent = 0;
    while (o->depth < max_depth) {
        bool ahead = (directions >> o->depth) & 1;
        point old_near = ahead ? forward : backward, old_far = ahead ? backward : forward;
        subtree t;
        o->z = old_near;
        bool valid = build(o, o->depth, ahead ? 1 : -1, &t);
        *(ahead ? &forward : &backward) = o->z;
        if (!valid)
            break;
        double choose = numc_k_nuts_uniform(top, (uint64_t)o->depth);
        o->depth++;
        if (t.log_weight > log_weight || choose < exp(t.log_weight - log_weight))
            sample = t.proposal;
        log_weight = add_logs(log_weight, t.log_weight);
        bool go_on = persists(o, old_far.p, old_near.p, rho, &t);
        add(o, rho, t.rho, rho);
        if (!go_on)
            break;
    }
    o->step = nominal;
    return sample;
}

/* The two compute the same sums in different orders; with at most 2^6 leaves and targets that are not chaotic
 * over such paths rounding grows to at most about 1e5 eps. Decisions flip only when a uniform lies that close
 * to its threshold: probability about 1e-10 per decision. */
#define CLOSE 1e-10

static void assert_close(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance * (1 + fabs(b))))
        fail_msg("%.17g and %.17g differ by more than %g", a, b, tolerance);
}

static void compare_with_oracle(int n, density_fn density, int metric, double step, double jitter, uint64_t seed,
                                int *divergences, int *deepest)
{
    enum { depth_limit = 6, draws = 150 };
    sampler x;
    sampler_open(&x, n, depth_limit, metric, density, seed);
    oracle o;
    memset(&o, 0, sizeof o);
    o.n = n;
    o.density = density;
    o.step = step;
    metric_entry(n, metric, o.w, o.l);
    double q[MAX_D] = {0.1, -0.2, 0.3, -0.1, 0.2};
    place(&x, q);
    x.s.step_size = step;
    x.s.jitter = jitter;
    for (uint64_t draw = 0; draw < draws; draw++) {
        memcpy(o.z.q, x.m + numc_k_nuts_current(&x.s), (size_t)n * sizeof(double));
        oracle_evaluate(&o, &o.z);
        point expected = oracle_transition(&o, x.s.key, draw, depth_limit, metric == NUMC_K_METRIC_DENSE, jitter);
        int before = x.evaluations;
        transition(&x, NUMC_K_NUTS_TREE, draw);
        assert_int_equal(x.s.depth, o.depth);
        assert_int_equal(x.s.n_leapfrog, o.n_leapfrog);
        assert_int_equal(x.evaluations - before, o.n_leapfrog);
        assert_int_equal(x.s.divergent, o.divergent);
        assert_close(x.s.accept_stat, o.accept_sum / o.n_leapfrog, CLOSE);
        assert_close(x.s.log_density, expected.log_density, CLOSE);
        assert_close(x.s.energy, energy(&o, &expected), CLOSE);
        for (int i = 0; i < n; i++) {
            assert_close(x.m[numc_k_nuts_current(&x.s) + i], expected.q[i], CLOSE);
            if (o.divergent) {
                assert_close(x.m[numc_k_nuts_q(&x.s, x.s.divergence_start) + i], o.before.q[i], CLOSE);
                assert_close(x.m[numc_k_nuts_q(&x.s, x.s.divergence_end) + i], o.z.q[i], CLOSE);
            }
        }
        *divergences += x.s.divergent;
        *deepest = x.s.depth > *deepest ? x.s.depth : *deepest;
    }
    sampler_close(&x);
}

static void agrees_with_recursion(void **state)
{
    (void)state;
    int divergences = 0, deepest = 0;
    for (int metric = NUMC_K_METRIC_UNIT; metric <= NUMC_K_METRIC_DENSE; metric++) {
        uint64_t seed = (uint64_t)(10 + metric);
        compare_with_oracle(4, density_normal, metric, 0.5, 0, seed, &divergences, &deepest);
        compare_with_oracle(4, density_normal, metric, 0.03, 0.3, seed, &divergences, &deepest);
        compare_with_oracle(1, density_log_exponential, metric, 0.7, 0, seed, &divergences, &deepest);
        compare_with_oracle(10, density_eight_schools, metric, 0.4, 0.1, seed, &divergences, &deepest);
        compare_with_oracle(3, density_cliff, metric, 0.3, 0, seed, &divergences, &deepest);
        compare_with_oracle(5, density_funnel, metric, 0.2, 0, seed, &divergences, &deepest);
    }
    assert_true(divergences > 50); /* the comparison has seen them */
    assert_int_equal(deepest, 6);  /* and full trees */
}

/* ---- static HMC ---- */

static void static_agrees_with_recipe(void **state)
{
    (void)state;
    int accepted = 0;
    for (int metric = NUMC_K_METRIC_UNIT; metric <= NUMC_K_METRIC_DENSE; metric++) {
        sampler x;
        sampler_open(&x, 4, 0, metric, density_normal, 3);
        oracle o;
        memset(&o, 0, sizeof o);
        o.n = 4;
        o.density = density_normal;
        o.step = 0.7;
        metric_entry(4, metric, o.w, o.l);
        double q[4] = {0.5, -0.5, 0.1, 0.2};
        place(&x, q);
        x.s.step_size = 0.7;
        x.s.steps = 7;
        for (uint64_t draw = 0; draw < 100; draw++) {
            memcpy(o.z.q, x.m + numc_k_nuts_current(&x.s), sizeof q);
            oracle_evaluate(&o, &o.z);
            (void)oracle_transition(&o, x.s.key, draw, 0, false, 0); /* draws the momentum */
            point start = o.z;
            for (int i = 0; i < 7; i++)
                leapfrog(&o, 0.7);
            double accept = fmin(1, exp(o.h0 - energy(&o, &o.z)));
            numc_k_key top = numc_k_nuts_fold(numc_k_nuts_fold(x.s.key, draw), NUMC_K_NUTS_KEY_TOP);
            bool yes = numc_k_nuts_uniform(top, 0) < accept;
            transition(&x, NUMC_K_NUTS_STATIC, draw);
            assert_int_equal(x.s.n_leapfrog, 7);
            assert_close(x.s.accept_stat, accept, CLOSE);
            assert_close(x.s.energy, yes ? energy(&o, &o.z) : o.h0, CLOSE);
            for (int i = 0; i < 4; i++)
                assert_close(x.m[numc_k_nuts_current(&x.s) + i], yes ? o.z.q[i] : start.q[i], CLOSE);
            accepted += yes;
        }
        sampler_close(&x);
    }
    assert_true(accepted > 100 && accepted < 300);
}

/* ---- properties ---- */

/* The leapfrog is of second order: over a fixed time the energy error falls by 4 when the step is halved. At
 * steps of T/64 and T/128 the next order changes that by about (T/64)^2 relative, far below 5%. */
static void energy_error_is_second_order(void **state)
{
    (void)state;
    for (int metric = NUMC_K_METRIC_UNIT; metric <= NUMC_K_METRIC_DENSE; metric++) {
        double error[2];
        for (int halve = 0; halve < 2; halve++) {
            sampler x;
            sampler_open(&x, 3, 0, metric, density_log_exponential, 5);
            double q[3] = {0.3, -0.4, 0.5};
            place(&x, q);
            x.s.steps = 64 << halve;
            x.s.step_size = 1.5 / x.s.steps;
            transition(&x, NUMC_K_NUTS_STATIC, 1);
            error[halve] = x.s.energy_error;
            sampler_close(&x);
        }
        assert_true(fabs(error[1]) > 1e-9);
        assert_close(error[0] / error[1], 4, 0.05);
    }
}

/* Stepping back with the sign of the step turned returns to the start to rounding. */
static void leapfrog_is_reversible(void **state)
{
    (void)state;
    for (int metric = NUMC_K_METRIC_UNIT; metric <= NUMC_K_METRIC_DENSE; metric++) {
        sampler x;
        sampler_open(&x, 5, 3, metric, density_funnel, 6);
        double q[5] = {0.5, 0.3, -0.4, 0.5, 1};
        place(&x, q);
        x.s.step_size = 0.1;
        (void)numc_k_nuts_begin(&x.s, x.m, NUMC_K_NUTS_PROBE, 0, 0);
        int slot = x.s.current;
        for (int there = 0; there < 2; there++) {
            x.s.signed_step = there == 0 ? 0.1 : -0.1;
            for (int i = 0; i < 10; i++) {
                if (i > 0 || there == 1)
                    (void)numc_k__nuts_step(&x.s, x.m, slot);
                (void)numc_k__nuts_land(&x.s, x.m, evaluate(&x));
                if (slot != x.s.current)
                    numc_k__nuts_drop(&x.s, slot);
                slot = x.s.next;
            }
        }
        for (int i = 0; i < 5; i++)
            assert_close(x.m[numc_k_nuts_q(&x.s, slot) + i], q[i], 1e-13);
        sampler_close(&x);
    }
}

/* A transition from exact draws leaves them exact, and for a reversible kernel (q, q') has the law of (q', q).
 * 40000 independent starts of a skewed target, exact by inversion. Checked: mean and mean of squares of q', and
 * the mean of a(q) b(q') - b(q) a(q') for a = q, b = exp(q); each is normal with the estimated error, and a
 * limit of 5 errors gives a false alarm rate of 6e-7 per check (12 checks). */
static void keeps_the_target(void **state)
{
    (void)state;
    const double euler = 0.57721566490153286, square = 1.6449340668482264 + 0.33317792380771866;
    for (int kind = NUMC_K_NUTS_TREE; kind <= NUMC_K_NUTS_STATIC; kind++)
        for (int rough = 0; rough < 2; rough++) {
            enum { n = 2, starts = 40000 };
            sampler x;
            sampler_open(&x, n, 5, NUMC_K_METRIC_DENSE, density_log_exponential, (uint64_t)(20 + kind));
            x.s.step_size = rough ? 1.9 : 0.8;
            x.s.steps = 3;
            double sum[3] = {0}, squares[3] = {0};
            long moved = 0;
            for (uint64_t i = 0; i < starts; i++) {
                double q[n];
                for (int k = 0; k < n; k++) {
                    double u = numc_k_nuts_uniform(numc_k_key_from_seed(99), i * n + (uint64_t)k);
                    q[k] = log(-log1p(-u) + 1e-300);
                }
                place(&x, q);
                transition(&x, kind, i);
                const double *r = x.m + numc_k_nuts_current(&x.s);
                moved += r[0] != q[0];
                double value[3] = {r[0] + euler, r[0] * r[0] - square,
                                   q[0] * exp(r[1]) - exp(q[1]) * r[0]};
                for (int k = 0; k < 3; k++) {
                    sum[k] += value[k];
                    squares[k] += value[k] * value[k];
                }
            }
            assert_true(moved > starts / 4);
            for (int k = 0; k < 3; k++) {
                double mean = sum[k] / starts, sd = sqrt((squares[k] / starts - mean * mean) / starts);
                if (!(fabs(mean) < 5 * sd))
                    fail_msg("kind %d rough %d check %d: mean %g, error %g", kind, rough, k, mean, sd);
            }
            sampler_close(&x);
        }
}

/* State and memory are flat: a copy taken in the middle of a tree goes on to the same draw. */
static void may_be_copied_in_flight(void **state)
{
    (void)state;
    sampler x, y;
    sampler_open(&x, 10, 8, NUMC_K_METRIC_DIAGONAL, density_eight_schools, 8);
    sampler_open(&y, 10, 8, NUMC_K_METRIC_DIAGONAL, density_eight_schools, 9);
    double q[10] = {1, 0.5};
    place(&x, q);
    x.s.step_size = 0.05;
    int wants = numc_k_nuts_begin(&x.s, x.m, NUMC_K_NUTS_TREE, 4, 0);
    for (int i = 0; i < 11 && wants == NUMC_K_NUTS_EVALUATE; i++)
        wants = numc_k_nuts_advance(&x.s, x.m, evaluate(&x));
    assert_int_equal(wants, NUMC_K_NUTS_EVALUATE);
    y.s = x.s;
    memcpy(y.m, x.m, x.doubles * sizeof(double));
    while (wants == NUMC_K_NUTS_EVALUATE)
        wants = numc_k_nuts_advance(&x.s, x.m, evaluate(&x));
    for (wants = NUMC_K_NUTS_EVALUATE; wants == NUMC_K_NUTS_EVALUATE;)
        wants = numc_k_nuts_advance(&y.s, y.m, evaluate(&y));
    assert_int_equal(x.s.n_leapfrog, y.s.n_leapfrog);
    assert_memory_equal(x.m + numc_k_nuts_current(&x.s), y.m + numc_k_nuts_current(&y.s), sizeof q);
    sampler_close(&x);
    sampler_close(&y);
}

/* A NaN energy at once, a flat density (every product positive for ever), and no dimension at all. */
static bool density_nan(int n, const double *q, double *log_density, double *g)
{
    (void)n;
    *log_density = q[0] == 0 ? 0 : NAN;
    g[0] = 1;
    return true;
}

static bool density_flat(int n, const double *q, double *log_density, double *g)
{
    (void)q;
    *log_density = 0;
    for (int i = 0; i < n; i++)
        g[i] = 0;
    return true;
}

/* Flat, with a fall of `fall` as soon as q moves: energy errors are known exactly. */
static double fall;
static bool density_step(int n, const double *q, double *log_density, double *g)
{
    (void)n;
    *log_density = q[0] == 0 ? 0 : -fall;
    g[0] = 0;
    return true;
}

/* Divergent means H - H0 > 1000: not at 1000 - 1e-9, but at 1000 + 1e-9 (kinetic energy is kept to rounding). */
static void energy_limit(void **state)
{
    (void)state;
    double q = 0;
    for (int above = 0; above < 2; above++) {
        sampler x;
        fall = above ? 1000 + 1e-9 : 1000 - 1e-9;
        sampler_open(&x, 1, 3, NUMC_K_METRIC_UNIT, density_step, 1);
        place(&x, &q);
        transition(&x, NUMC_K_NUTS_TREE, 0);
        assert_int_equal(x.s.divergent, above);
        assert_int_equal(x.s.n_leapfrog > 1, !above);
        sampler_close(&x);
    }
}

static void edges(void **state)
{
    (void)state;
    double q[2] = {0, 0};
    sampler x;
    sampler_open(&x, 1, 10, NUMC_K_METRIC_UNIT, density_nan, 1);
    place(&x, q);
    transition(&x, NUMC_K_NUTS_TREE, 0);
    assert_int_equal(x.s.divergent, 1);
    assert_int_equal(x.s.n_leapfrog, 1);
    assert_int_equal(x.s.depth, 0);
    assert_true(x.s.accept_stat == 0 && x.m[numc_k_nuts_current(&x.s)] == 0);
    transition(&x, NUMC_K_NUTS_STATIC, 0);
    assert_int_equal(x.s.divergent, 1);
    assert_true(x.m[numc_k_nuts_current(&x.s)] == 0);
    sampler_close(&x);

    sampler_open(&x, 2, 10, NUMC_K_METRIC_UNIT, density_flat, 1);
    place(&x, q);
    transition(&x, NUMC_K_NUTS_TREE, 0);
    assert_int_equal(x.s.depth, 10);
    assert_int_equal(x.s.n_leapfrog, 1023);
    assert_int_equal(x.s.divergent, 0);
    assert_true(x.s.accept_stat == 1);
    sampler_close(&x);

    sampler_open(&x, 0, 10, NUMC_K_METRIC_DIAGONAL, density_flat, 1);
    place(&x, q);
    transition(&x, NUMC_K_NUTS_TREE, 0); /* products of nothing are 0, not > 0: turns at once */
    assert_int_equal(x.s.depth, 1);
    assert_int_equal(x.s.n_leapfrog, 1);
    assert_true(x.s.accept_stat == 1);
    sampler_close(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_recursion),
        cmocka_unit_test(static_agrees_with_recipe),
        cmocka_unit_test(energy_error_is_second_order),
        cmocka_unit_test(leapfrog_is_reversible),
        cmocka_unit_test(keeps_the_target),
        cmocka_unit_test(may_be_copied_in_flight),
        cmocka_unit_test(energy_limit),
        cmocka_unit_test(edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
