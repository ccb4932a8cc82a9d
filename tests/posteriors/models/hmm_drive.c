/* hmm_drive.c - hmm_drive_0 and hmm_drive_1: two hidden states, summed out by the forward recursion, two series observed. */
#include "posterior.h"

enum { STATES = 2 };

struct data {
    bool normal; /* how states emit: normally, with known standard deviations, or exponentially */
    numc_array *u, *v, *alpha;
    double tau, rho;
};

/* The states' levels of one series: in order, (below, above) ~ normal((0, 3), 1). */
static numc_array *levels(numc_run *run, const char *name, const char *prior, bool normal)
{
    static const double means[STATES] = {0, 3};
    const numc_constraint *order = normal ? numc_constraint_ordered(run) : numc_constraint_positive_ordered(run);
    numc_array *x = numc_sample(run, name, numc_improper_uniform(order, NUMC_SHAPE(STATES)));
    numc_array *loc = numc_from_host(run, NUMC_FLOAT64, NUMC_SHAPE(STATES), means);
    numc_factor(run, prior, numc_distribution_log_prob(numc_normal(run, loc, 1), x));
    return x;
}

/* (T, STATES): log density of each observation in each state */
static numc_array *emission(numc_run *run, const numc_array *series, const numc_array *level, bool normal, double scale)
{
    const numc_distribution *d = normal ? numc_normal(run, level, scale) : numc_exponential(run, level);
    return numc_distribution_log_prob(d, numc_index(series, NUMC_ALL, NUMC_NEW));
}

/* P(state at t-1 | observations before t), then p(observation at t | state k) up to a factor -> the former one step on, and
 * p(observation at t | those before it), up to the same factor. Scaled at each step (Rabiner 1989, section V.A), so that it takes
 * no logarithms. */
static void forward(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                    int32_t output_count, void *user)
{
    (void)context;
    (void)input_count;
    (void)output_count;
    const numc_array *transition = user; /* P(j -> k) */
    numc_array *joint[STATES], *total = NULL;
    for (int k = 0; k < STATES; k++) {
        numc_array *arriving = NULL;
        for (int j = 0; j < STATES; j++) {
            numc_array *from = numc_multiply(in[j], numc_index(transition, NUMC_AT(j), NUMC_AT(k)));
            arriving = j == 0 ? from : numc_add(arriving, from);
        }
        joint[k] = numc_multiply(arriving, in[STATES + k]);
        total = k == 0 ? joint[k] : numc_add(total, joint[k]);
    }
    for (int k = 0; k < STATES; k++)
        out[k] = numc_divide(joint[k], total);
    out[STATES] = total;
}

/* log p(observations), the first state of equal weights up to a constant; logs (T, STATES) of each observation in each state */
static numc_array *log_likelihood(numc_run *run, const numc_array *transition, const numc_array *logs)
{
    numc_array *most = numc_max(logs, NUMC_AXES(1), .keepdims = true), *likelihoods = numc_exp(numc_subtract(logs, most));
    const numc_array *carries[STATES], *sequences[STATES];
    numc_array *scanned[STATES + 1] = {NULL};
    for (int k = 0; k < STATES; k++) {
        carries[k] = numc_index(likelihoods, NUMC_AT(0), NUMC_AT(k));
        sequences[k] = numc_index(likelihoods, NUMC_SLICE(1, NUMC_END), NUMC_AT(k));
    }
    if (numc_scan(run, forward, (void *)transition, carries, STATES, sequences, STATES, scanned, 1) != NUMC_OK)
        return NULL;
    return numc_add(numc_sum(most), numc_sum(numc_log(scanned[STATES])));
}

static void model(numc_run *run, void *user)
{
    const struct data *d = user;
    const numc_array *rows[STATES] = {
        numc_sample(run, "theta1", numc_dirichlet(numc_index(d->alpha, NUMC_AT(0)))),
        numc_sample(run, "theta2", numc_dirichlet(numc_index(d->alpha, NUMC_AT(1)))),
    };
    numc_array *phi = levels(run, "phi", "phi_prior", d->normal), *lambda = levels(run, "lambda", "lambda_prior", d->normal);
    numc_array *logs = numc_add(emission(run, numc_data(run, "u", d->u), phi, d->normal, d->tau),
                                emission(run, numc_data(run, "v", d->v), lambda, d->normal, d->rho));
    numc_factor(run, "paths", log_likelihood(run, numc_stack(rows, STATES, 0), logs));
}

static void prepare(numc_context *context, const numc_json *json, void *user)
{
    struct data *d = user;
    d->u = posterior_array(context, json, "u");
    d->v = posterior_array(context, json, "v");
    d->alpha = numc_astype(posterior_array(context, json, "alpha"), NUMC_FLOAT64);
    d->tau = d->normal ? numc_json_number(json, "tau") : 0.0;
    d->rho = d->normal ? numc_json_number(json, "rho") : 0.0;
}

/* Logits of theta1[1] and theta2[1], logs of phi[1], phi[2] - phi[1], lambda[1], lambda[2] - lambda[1]. Of chains that start
 * within 2 of zero one in six (17 of 96) ends with lambda[2] near the 3 of its prior, where the second state serves a few
 * observations only: log density 63 less. */
static const double centre[6] = {4.0, -3.0, 0.6, 1.6, -3.6, -3.0};
static struct data exponential = {.normal = false}, normal = {.normal = true};
const posterior posteriors_hmm_drive[] = {
    {.folder = "bball_drive_event_0-hmm_drive_0", .model = model, .data = &exponential, .prepare = prepare, .centre = centre,
     .dimension = 6},
    {.folder = "bball_drive_event_1-hmm_drive_1", .model = model, .data = &normal, .prepare = prepare},
    {0},
};
