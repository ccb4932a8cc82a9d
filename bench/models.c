/* models.c - the models measured and their simulated data. Seeds are fixed: the numbers are the same in every run. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"
#include "numc/dlpack.h"

/* ---- random numbers of our own: the data must not depend on what is measured --------------------------------------------- */

/* splitmix64: Steele, Lea, Flood (2014), "Fast splittable pseudorandom number generators", figure 13. */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static double uniform(uint64_t *state) /* 0 < u < 1 */
{
    return ((double)(next(state) >> 11) + 0.5) * 0x1p-53;
}

static double normal(uint64_t *state) /* Box and Muller (1958) */
{
    double r = sqrt(-2.0 * log(uniform(state))), angle = 6.283185307179586 * uniform(state);
    return r * cos(angle);
}

/* One block for what a model's data needs; freed by free. */
typedef struct data {
    union {
        bench_schools schools;
        bench_logistic logistic;
        bench_garch garch;
        bench_ar ar;
        bench_groups groups;
        bench_mixture mixture;
        bench_chain chain;
        bench_process process;
    } hand;
    numc_array *arrays[3];
    DLManagedTensorVersioned matrix; /* of the regression */
    int64_t shape[2];
    _Alignas(64) double values[]; /* what the members of `hand` point to */
} data;

/* Large data on large pages where the machine has them, as the library's own arrays are. */
static data *data_new(size_t values)
{
    const size_t page = (size_t)2 << 20, bytes = sizeof(data) + values * sizeof(double);
    const size_t whole = (bytes + page - 1) / page * page;
    data *d = aligned_alloc(bytes < page ? 64 : page, bytes < page ? (bytes + 63) / 64 * 64 : whole);
    if (d == NULL)
        return NULL;
#if defined(MADV_HUGEPAGE)
    if (bytes >= page)
        (void)madvise(d, whole, MADV_HUGEPAGE);
#endif
    return memset(d, 0, bytes);
}

#define HAND(name, function, member)                                                               \
    static double name(void *user, const double *q, double *gradient)                              \
    {                                                                                              \
        return function(&((data *)user)->hand.member, q, gradient);                                \
    }
HAND(hand_schools, bench_hand_schools, schools)
HAND(hand_logistic, bench_hand_logistic, logistic)
HAND(hand_logistic_single, bench_hand_logistic_single, logistic)
HAND(hand_softmax, bench_hand_softmax, logistic)
HAND(hand_firth, bench_hand_firth, logistic)
HAND(hand_garch, bench_hand_garch, garch)
HAND(hand_ar, bench_hand_ar, ar)
HAND(hand_groups, bench_hand_groups, groups)
HAND(hand_mixture, bench_hand_mixture, mixture)
HAND(hand_chain, bench_hand_chain, chain)
HAND(hand_process, bench_hand_process, process)

static double read_matrix(void *user, const double *q)
{
    const bench_logistic *l = &((data *)user)->hand.logistic;
    (void)q;
    return bench_read(l->x, (size_t)l->rows * (size_t)l->columns);
}

/* The second pass needs the inverse of what the first gives. */
static double read_matrix_twice(void *user, const double *q)
{
    return read_matrix(user, q) + read_matrix(user, q);
}

static double process_calls(void *user, const double *q)
{
    (void)q;
    return bench_process_calls(&((data *)user)->hand.process);
}

/* ---- eight schools, non-centred (Rubin 1981) -------------------------------------------------------------------------------- */

static void *schools_new(const bench_model *model)
{
    (void)model;
    static const double y[8] = {28, 8, -3, 7, -1, 1, 18, 12}, sigma[8] = {15, 10, 16, 11, 9, 11, 10, 18};
    data *d = data_new(0);
    if (d == NULL)
        return NULL;
    d->hand.schools = (bench_schools){8, y, sigma};
    return d;
}

static void *schools_arrays(numc_context *context, void *user)
{
    data *d = user;
    d->arrays[0] = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(8), d->hand.schools.y);
    d->arrays[1] = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(8), d->hand.schools.sigma);
    return user;
}

static void schools(numc_run *run, void *user)
{
    const data *d = user;
    numc_array *mu = numc_sample(run, "mu", numc_normal(run, 0, 5));
    numc_array *tau = numc_sample(run, "tau", numc_half_cauchy(run, 5));
    numc_plate(run, "school", 8) {
        numc_array *z = numc_sample(run, "z", numc_normal(run, 0, 1));
        numc_array *theta = numc_deterministic(run, "theta", numc_add(mu, numc_multiply(tau, z)));
        numc_observe(run, "y", numc_normal(run, theta, numc_data(run, "sigma", d->arrays[1])), d->arrays[0]);
    }
}

/* ---- logistic regression: beta_j ~ N(0, 1), y_i ~ Bernoulli(logit = x_i beta) ---------------------------------------------- */

static void *logistic_new(const bench_model *model)
{
    enum { MOST = 128 };
    int rows = model->rows, columns = model->columns;
    data *d = data_new((size_t)rows * (size_t)columns + 2 * (size_t)rows);
    if (d == NULL)
        return NULL;
    uint64_t state = 20;
    double *x = d->values, *y = x + (size_t)rows * (size_t)columns, beta[MOST];
    for (int j = 0; j < columns; j++)
        beta[j] = 0.3 * normal(&state);
    for (int i = 0; i < rows; i++) {
        double logit = 0.0;
        for (int j = 0; j < columns; j++) {
            x[(size_t)i * (size_t)columns + (size_t)j] = normal(&state);
            logit += x[(size_t)i * (size_t)columns + (size_t)j] * beta[j];
        }
        y[i] = uniform(&state) < 1.0 / (1.0 + exp(-logit)) ? 1.0 : 0.0;
    }
    d->hand.logistic = (bench_logistic){rows, columns, x, y, y + rows};
    return d;
}

/* The matrix where it lies, so that what is measured in turn finds the caches as the others left them. */
static numc_array *shared_matrix(numc_context *context, data *d, const bench_logistic *l)
{
    d->shape[0] = l->rows;
    d->shape[1] = l->columns;
    d->matrix = (DLManagedTensorVersioned){
        .version = {DLPACK_MAJOR_VERSION, DLPACK_MINOR_VERSION},
        .flags = DLPACK_FLAG_BITMASK_READ_ONLY,
        .dl_tensor = {.data = d->values, .device = {kDLCPU, 0}, .ndim = 2, .dtype = {kDLFloat, 64, 1}, .shape = d->shape}};
    return numc_from_dlpack(context, &d->matrix);
}

static void *logistic_arrays(numc_context *context, void *user)
{
    data *d = user;
    const bench_logistic *l = &d->hand.logistic;
    d->arrays[0] = shared_matrix(context, d, l);
    d->arrays[1] = numc_astype(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(l->rows), l->y), NUMC_INT64);
    return user;
}

static void logistic(numc_run *run, void *user)
{
    const data *d = user;
    numc_array *beta = NULL;
    numc_plate(run, "column", d->hand.logistic.columns) {
        beta = numc_sample(run, "beta", numc_normal(run, 0, 1));
    }
    numc_array *logits = numc_matmul(numc_data(run, "x", d->arrays[0]), beta);
    numc_plate(run, "row", d->hand.logistic.rows) {
        numc_observe(run, "y", numc_bernoulli_logits(run, logits), d->arrays[1]);
    }
}

/* ---- softmax regression: beta_jk ~ N(0, 1), y_i ~ Categorical(softmax(x_i beta)); several right-hand sides ------------------- */

static void *softmax_new(const bench_model *model)
{
    data *d = logistic_new(model);
    if (d == NULL)
        return NULL;
    uint64_t state = 21;
    double *y = d->values + (size_t)model->rows * (size_t)model->columns;
    for (int i = 0; i < model->rows; i++) /* the class of the logistic model, and a coin beside it */
        y[i] += uniform(&state) < 0.6 ? 2.0 : 0.0;
    return d;
}

static void softmax(numc_run *run, void *user)
{
    const data *d = user;
    numc_array *beta = NULL;
    numc_plate(run, "class", BENCH_CLASSES) {
        numc_plate(run, "column", d->hand.logistic.columns) {
            beta = numc_sample(run, "beta", numc_normal(run, 0, 1));
        }
    }
    numc_array *logits = numc_matmul(numc_data(run, "x", d->arrays[0]), beta);
    numc_plate(run, "row", d->hand.logistic.rows) {
        numc_observe(run, "y", numc_categorical_logits(logits), d->arrays[1]);
    }
}

/* ---- logistic regression under Jeffreys' prior, det(X' W X)^(1/2), W = diag p (1 - p) (Firth 1993); a weighted Gram matrix ------- */

static void firth(numc_run *run, void *user)
{
    const data *d = user;
    numc_array *x = numc_data(run, "x", d->arrays[0]);
    numc_array *beta = numc_sample(run, "beta", numc_improper_uniform(numc_constraint_real(run), NUMC_SHAPE(d->hand.logistic.columns)));
    numc_array *logits = numc_matmul(x, beta), *p = numc_special_expit(logits);
    numc_array *weights = numc_index(numc_multiply(p, numc_subtract(1.0, p)), NUMC_ALL, NUMC_NEW);
    numc_array *factor = numc_linalg_cholesky(numc_matmul(numc_matrix_transpose(x), numc_multiply(weights, x)));
    numc_factor(run, "jeffreys", numc_sum(numc_log(numc_linalg_diagonal(factor, 0))));
    numc_plate(run, "row", d->hand.logistic.rows) {
        numc_observe(run, "y", numc_bernoulli_logits(run, logits), d->arrays[1]);
    }
}

/* ---- GARCH(1, 1): v_t = alpha0 + alpha1 (y_(t-1) - mu)^2 + beta1 v_(t-1), y_t ~ N(mu, sqrt v_t) (Bollerslev 1986) ----------- */

enum { STEPS = 200 };

static void *garch_new(const bench_model *model)
{
    (void)model;
    data *d = data_new(2 * (size_t)STEPS);
    if (d == NULL)
        return NULL;
    uint64_t state = 30;
    double *y = d->values, variance = 1.0;
    for (int t = 0; t < STEPS; t++) {
        if (t > 0)
            variance = 0.5 + 0.3 * (y[t - 1] - 0.2) * (y[t - 1] - 0.2) + 0.4 * variance;
        y[t] = 0.2 + sqrt(variance) * normal(&state);
    }
    d->hand.garch = (bench_garch){STEPS, y, 1.0, y + STEPS};
    return d;
}

static void *garch_arrays(numc_context *context, void *user)
{
    data *d = user;
    d->arrays[0] = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(STEPS), d->hand.garch.y);
    return user;
}

struct recurrence {
    numc_array *mu, *alpha0, *alpha1, *beta1;
};

static void step(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                 int32_t output_count, void *user)
{
    (void)context;
    (void)input_count;
    (void)output_count;
    const struct recurrence *p = user;
    numc_array *shock = numc_multiply(p->alpha1, numc_square(numc_subtract(in[1], p->mu)));
    out[0] = numc_add(numc_add(p->alpha0, shock), numc_multiply(p->beta1, in[0]));
    out[1] = out[0];
}

static void garch(numc_run *run, void *user)
{
    const data *d = user;
    struct recurrence p;
    p.mu = numc_sample(run, "mu", numc_improper_uniform(numc_constraint_real(run), NUMC_SCALAR));
    p.alpha0 = numc_sample(run, "alpha0", numc_improper_uniform(numc_constraint_positive(run), NUMC_SCALAR));
    p.alpha1 = numc_sample(run, "alpha1", numc_improper_uniform(numc_constraint_unit_interval(run), NUMC_SCALAR));
    numc_array *bound = numc_subtract(1.0, p.alpha1);
    p.beta1 = numc_sample(run, "beta1", numc_improper_uniform(numc_constraint_interval(run, 0, bound), NUMC_SCALAR));
    numc_array *first = numc_number(run, NUMC_FLOAT64, d->hand.garch.sigma1 * d->hand.garch.sigma1);
    const numc_array *carries[] = {first};
    const numc_array *sequences[] = {numc_index(numc_data(run, "y", d->arrays[0]), NUMC_SLICE(0, STEPS - 1))};
    numc_array *scanned[2] = {NULL, NULL};
    if (numc_scan(run, step, &p, carries, 1, sequences, 1, scanned, 1) != NUMC_OK)
        return;
    const numc_array *parts[] = {numc_reshape(first, NUMC_SHAPE(1)), scanned[1]};
    numc_array *sigma = numc_sqrt(numc_concat(parts, 2, 0));
    numc_plate(run, "time", STEPS) {
        numc_observe(run, "y_observed", numc_normal(run, p.mu, sigma), d->arrays[0]);
    }
}

/* ---- AR(5): y_t ~ N(alpha + sum_k beta_k y_(t-k), sigma) -------------------------------------------------------------------- */

enum { ORDER = 5 };

static void *ar_new(const bench_model *model)
{
    (void)model;
    static const double beta[ORDER] = {0.5, -0.2, 0.1, 0.05, -0.1};
    data *d = data_new(STEPS);
    if (d == NULL)
        return NULL;
    uint64_t state = 40;
    double *y = d->values;
    for (int t = 0; t < STEPS; t++) {
        y[t] = 0.1 + 0.5 * normal(&state);
        for (int k = 0; k < ORDER && k < t; k++)
            y[t] += beta[k] * y[t - 1 - k];
    }
    d->hand.ar = (bench_ar){STEPS, ORDER, y};
    return d;
}

static void *ar_arrays(numc_context *context, void *user)
{
    data *d = user;
    d->arrays[0] = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(STEPS), d->hand.ar.y);
    return user;
}

static void ar(numc_run *run, void *user)
{
    const data *d = user;
    numc_array *beta = NULL, *y = numc_data(run, "y", d->arrays[0]);
    numc_array *alpha = numc_sample(run, "alpha", numc_normal(run, 0, 10));
    numc_plate(run, "lag", ORDER) {
        beta = numc_sample(run, "beta", numc_normal(run, 0, 10));
    }
    numc_array *sigma = numc_sample(run, "sigma", numc_half_cauchy(run, 2.5)), *mean = alpha;
    for (int64_t k = 0; k < ORDER; k++) {
        numc_array *lagged = numc_index(y, NUMC_SLICE(ORDER - 1 - k, STEPS - 1 - k));
        mean = numc_add(mean, numc_multiply(numc_index(beta, NUMC_AT(k)), lagged));
    }
    numc_plate(run, "time", STEPS - ORDER) {
        numc_observe(run, "y_observed", numc_normal(run, mean, sigma), numc_index(y, NUMC_SLICE(ORDER, STEPS)));
    }
}

/* ---- a normal hierarchy: 1000 groups, 10 rows each, non-centred ----------------------------------------------------------- */

enum { GROUPS = 1000, GROUP_ROWS = 10000 };

static void *groups_new(const bench_model *model)
{
    (void)model;
    data *d = data_new(2 * (size_t)GROUP_ROWS);
    if (d == NULL)
        return NULL;
    uint64_t state = 50;
    double *y = d->values, effect[GROUPS];
    int64_t *group = (int64_t *)(void *)(y + GROUP_ROWS);
    for (int j = 0; j < GROUPS; j++)
        effect[j] = 1.0 + 0.7 * normal(&state);
    for (int i = 0; i < GROUP_ROWS; i++) {
        group[i] = (int64_t)(uniform(&state) * GROUPS);
        y[i] = effect[group[i]] + 1.5 * normal(&state);
    }
    d->hand.groups = (bench_groups){GROUPS, GROUP_ROWS, group, y};
    return d;
}

static void *groups_arrays(numc_context *context, void *user)
{
    data *d = user;
    d->arrays[0] = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(GROUP_ROWS), d->hand.groups.y);
    d->arrays[1] = numc_from_host(context, NUMC_INT64, NUMC_SHAPE(GROUP_ROWS), d->hand.groups.group);
    return user;
}

static void groups(numc_run *run, void *user)
{
    const data *d = user;
    numc_array *mu = numc_sample(run, "mu", numc_normal(run, 0, 5)), *effect = NULL;
    numc_array *tau = numc_sample(run, "tau", numc_half_normal(run, 2));
    numc_array *sigma = numc_sample(run, "sigma", numc_half_normal(run, 2));
    numc_plate(run, "groups", GROUPS) {
        numc_array *z = numc_sample(run, "z", numc_normal(run, 0, 1));
        effect = numc_add(mu, numc_multiply(tau, z));
    }
    numc_plate(run, "row", GROUP_ROWS) {
        numc_array *mean = numc_take(effect, numc_data(run, "group", d->arrays[1]), NUMC_AXIS(0));
        numc_observe(run, "y", numc_normal(run, mean, sigma), d->arrays[0]);
    }
}

/* ---- a Gaussian process, 200 points, marginalised (Rasmussen and Williams 2006, eq. 2.30) ------------------------------ */

enum { POINTS = 200 };

static void *process_new(const bench_model *model)
{
    (void)model;
    data *d = data_new((3 + 2 * (size_t)POINTS) * (size_t)POINTS);
    if (d == NULL)
        return NULL;
    uint64_t state = 60;
    double *x = d->values, *y = x + POINTS;
    for (int i = 0; i < POINTS; i++) {
        x[i] = 0.05 * i;
        y[i] = sin(x[i]) + 0.2 * normal(&state);
    }
    d->hand.process = (bench_process){POINTS, x, y, y + POINTS, y + POINTS + POINTS * POINTS, y + POINTS + 2 * POINTS * POINTS};
    return d;
}

static void *process_arrays(numc_context *context, void *user)
{
    data *d = user;
    d->arrays[0] = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(POINTS), d->values);
    d->arrays[1] = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(POINTS), d->values + POINTS);
    return user;
}

static void process(numc_run *run, void *user)
{
    const data *d = user;
    numc_array *rho = numc_sample(run, "rho", numc_inverse_gamma(run, 5, 5));
    numc_array *alpha = numc_sample(run, "alpha", numc_half_normal(run, 1));
    numc_array *sigma = numc_sample(run, "sigma", numc_half_normal(run, 1));
    numc_array *x = numc_data(run, "x", d->arrays[0]);
    numc_array *distance = numc_subtract(numc_index(x, NUMC_ALL, NUMC_NEW), numc_index(x, NUMC_NEW, NUMC_ALL));
    numc_array *kernel = numc_multiply(numc_square(alpha), numc_exp(numc_multiply(-0.5, numc_square(numc_divide(distance, rho)))));
    numc_array *noise = numc_multiply(numc_square(sigma), numc_eye(run, NUMC_FLOAT64, POINTS, POINTS, 0));
    numc_array *factor = numc_linalg_cholesky(numc_add(kernel, noise));
    numc_array *zero = numc_zeros(run, NUMC_FLOAT64, NUMC_SHAPE(POINTS));
    numc_observe(run, "y", numc_multivariate_normal_cholesky(zero, factor), d->arrays[1]);
}

/* ---- a normal mixture of two with the labels summed out --------------------------------------------------------------------- */

enum { MIXED = 1000 };

static void *mixture_new(const bench_model *model)
{
    (void)model;
    data *d = data_new(MIXED);
    if (d == NULL)
        return NULL;
    uint64_t state = 70;
    for (int i = 0; i < MIXED; i++)
        d->values[i] = uniform(&state) < 0.3 ? -2.0 + normal(&state) : 1.5 + 0.7 * normal(&state);
    d->hand.mixture = (bench_mixture){MIXED, d->values};
    return d;
}

static void *mixture_arrays(numc_context *context, void *user)
{
    data *d = user;
    d->arrays[0] = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(MIXED), d->values);
    return user;
}

static void mixture(numc_run *run, void *user)
{
    const data *d = user;
    numc_array *sigma = NULL;
    numc_array *mu = numc_sample(run, "mu", numc_improper_uniform(numc_constraint_ordered(run), NUMC_SHAPE(2)));
    numc_factor(run, "mu_prior", numc_sum(numc_distribution_log_prob(numc_normal(run, 0, 2), mu)));
    numc_plate(run, "component", 2) {
        sigma = numc_sample(run, "sigma", numc_half_normal(run, 2));
    }
    numc_array *theta = numc_sample(run, "theta", numc_beta(run, 5, 5));
    numc_array *y = numc_data(run, "y", d->arrays[0]), *terms[2];
    for (int k = 0; k < 2; k++) {
        numc_array *weight = numc_log(k == 0 ? theta : numc_subtract(1.0, theta));
        const numc_distribution *component = numc_normal(run, numc_index(mu, NUMC_AT(k)), numc_index(sigma, NUMC_AT(k)));
        terms[k] = numc_add(weight, numc_distribution_log_prob(component, y));
    }
    numc_factor(run, "mixture", numc_sum(numc_logaddexp(terms[0], terms[1])));
}

/* ---- a hidden Markov chain of four states, forward algorithm scaled at each step (Rabiner 1989, section V.A) --------------------- */

enum { STATES = BENCH_STATES, CHAIN_STEPS = 1000 };

static void *chain_new(const bench_model *model)
{
    (void)model;
    data *d = data_new(CHAIN_STEPS);
    if (d == NULL)
        return NULL;
    uint64_t state = 80;
    int at = 0;
    for (int t = 0; t < CHAIN_STEPS; t++) {
        if (uniform(&state) > 0.8)
            at = (at + 1 + (int)(uniform(&state) * (STATES - 1))) % STATES;
        d->values[t] = 2.5 * (at - 1.5) + 0.8 * normal(&state);
    }
    d->hand.chain = (bench_chain){CHAIN_STEPS, d->values};
    return d;
}

static void *chain_arrays(numc_context *context, void *user)
{
    data *d = user;
    d->arrays[0] = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(CHAIN_STEPS), d->values);
    return user;
}

/* P(state | observations before), p(observation | state) up to a factor -> the former one step on, and p(observation | those
 * before) up to the same factor. */
static void forward(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                    int32_t output_count, void *user)
{
    (void)context;
    (void)input_count;
    (void)output_count;
    numc_array *joint = numc_multiply(numc_matmul(in[0], (numc_array *)user), in[1]);
    out[1] = numc_sum(joint);
    out[0] = numc_divide(joint, out[1]);
}

static void chain(numc_run *run, void *user)
{
    const data *d = user;
    numc_array *rows = NULL, *mu = NULL;
    numc_plate(run, "state", STATES) {
        numc_array *ones = numc_ones(run, NUMC_FLOAT64, NUMC_SHAPE(STATES));
        rows = numc_sample(run, "transition", numc_dirichlet(ones));
        mu = numc_sample(run, "mu", numc_normal(run, 0, 5));
    }
    numc_array *sigma = numc_sample(run, "sigma", numc_half_normal(run, 2));
    numc_array *y = numc_index(numc_data(run, "y", d->arrays[0]), NUMC_ALL, NUMC_NEW);
    numc_array *emission = numc_distribution_log_prob(numc_normal(run, mu, sigma), y); /* (steps, STATES) */
    numc_array *most = numc_max(emission, NUMC_AXES(1), .keepdims = true), *likelihood = numc_exp(numc_subtract(emission, most));
    const numc_array *carries[] = {numc_index(likelihood, NUMC_AT(0))}, *sequences[] = {numc_index(likelihood, NUMC_SLICE(1, CHAIN_STEPS))};
    numc_array *scanned[2] = {NULL, NULL};
    if (numc_scan(run, forward, rows, carries, 1, sequences, 1, scanned, 1) == NUMC_OK)
        numc_factor(run, "y_observed", numc_add(numc_sum(most), numc_sum(numc_log(scanned[1]))));
}

static void free_block(void *user)
{
    free(user);
}

#define SIMULATED(stem) .callback = stem, .data_new = stem##_new, .data_free = free_block, .data_arrays = stem##_arrays
const bench_model bench_simulated[] = {
    {.name = "eight_schools", .what = "eight schools, non-centred", SIMULATED(schools), .hand = hand_schools, .rows = 8,
     .stan_median = 737, .stan_least = 580},
    {.name = "logistic", .what = "logistic regression, 10000 x 100", SIMULATED(logistic), .hand = hand_logistic,
     .hand_single = hand_logistic_single, .hand_ready = bench_blas_ready, .floor = read_matrix, .rows = 10000, .columns = 100,
     .stan_median = 717000, .stan_least = 489000},
    {.name = "logistic_tall", .what = "logistic regression, 1e6 x 20", SIMULATED(logistic), .hand = hand_logistic,
     .hand_single = hand_logistic_single, .hand_ready = bench_blas_ready, .floor = read_matrix, .rows = 1000000, .columns = 20,
     .large = true},
    {.name = "logistic_large", .what = "logistic regression, 1e6 x 100 (device)", SIMULATED(logistic), .hand = hand_logistic,
     .hand_single = hand_logistic_single, .hand_ready = bench_blas_ready, .floor = read_matrix, .rows = 1000000, .columns = 100,
     .large = true, .device = true},
    {.name = "softmax", .what = "softmax regression of 4 classes, 1e5 x 20", .callback = softmax, .data_new = softmax_new,
     .data_free = free_block, .data_arrays = logistic_arrays, .hand = hand_softmax, .floor = read_matrix, .rows = 100000,
     .columns = 20, .large = true},
    {.name = "firth", .what = "logistic regression under Jeffreys' prior, 1e5 x 20", .callback = firth, .data_new = logistic_new,
     .data_free = free_block, .data_arrays = logistic_arrays, .hand = hand_firth, .floor = read_matrix_twice, .rows = 100000,
     .columns = 20, .large = true},
    {.name = "garch", .what = "GARCH(1,1), 200 steps", SIMULATED(garch), .hand = hand_garch, .rows = STEPS, .goal = 1.5,
     .stan_median = 17700, .stan_least = 14500},
    {.name = "arK", .what = "AR(5), 200 steps", SIMULATED(ar), .hand = hand_ar, .rows = STEPS, .goal = 1.5, .stan_median = 34700,
     .stan_least = 18900},
    {.name = "hierarchical", .what = "1000 groups, 10000 rows", SIMULATED(groups), .hand = hand_groups, .rows = GROUP_ROWS,
     .stan_median = 215000, .stan_least = 173000},
    {.name = "mixture", .what = "two normals, labels summed out, 1000 rows", SIMULATED(mixture), .hand = hand_mixture, .rows = MIXED,
     .goal = 1.5, .stan_median = 243000, .stan_least = 181000},
    {.name = "hmm", .what = "hidden Markov chain, 4 states, 1000 steps", SIMULATED(chain), .hand = hand_chain, .rows = CHAIN_STEPS,
     .goal = 1.5},
    {.name = "gp", .what = "Gaussian process, 200 points", SIMULATED(process), .hand = hand_process, .hand_ready = bench_lapack_ready,
     .floor = process_calls, .rows = POINTS},
};
const int bench_simulated_count = (int)(sizeof bench_simulated / sizeof bench_simulated[0]);

const bench_model *bench_model_at(int index)
{
    if (index < bench_simulated_count)
        return &bench_simulated[index];
    index -= bench_simulated_count;
    return index < bench_posterior_count ? &bench_posteriors[index] : NULL;
}
