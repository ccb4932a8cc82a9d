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

/* log p(observations before t, state j at t-1), log p(observation at t | state k) -> the former at t */
static void forward(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                    int32_t output_count, void *user)
{
    (void)context;
    (void)input_count;
    (void)output_count;
    const numc_array *transition = user; /* log P(j -> k) */
    numc_array *paths = numc_add(numc_index(in[0], NUMC_ALL, NUMC_NEW), transition);
    out[0] = numc_add(numc_logsumexp(paths, NUMC_AXES(0)), in[1]);
}

static void model(numc_run *run, void *user)
{
    const struct data *d = user;
    const numc_array *rows[STATES] = {
        numc_sample(run, "theta1", numc_dirichlet(numc_index(d->alpha, NUMC_AT(0)))),
        numc_sample(run, "theta2", numc_dirichlet(numc_index(d->alpha, NUMC_AT(1)))),
    };
    numc_array *phi = levels(run, "phi", "phi_prior", d->normal), *lambda = levels(run, "lambda", "lambda_prior", d->normal);
    numc_array *observed = numc_add(emission(run, numc_data(run, "u", d->u), phi, d->normal, d->tau),
                                    emission(run, numc_data(run, "v", d->v), lambda, d->normal, d->rho));
    numc_array *transition = numc_log(numc_stack(rows, STATES, 0)), *last = NULL;
    const numc_array *carries[] = {numc_index(observed, NUMC_AT(0))};
    const numc_array *sequences[] = {numc_index(observed, NUMC_SLICE(1, NUMC_END))};
    if (numc_scan(run, forward, transition, carries, 1, sequences, 1, &last, 0) == NUMC_OK)
        numc_factor(run, "paths", numc_logsumexp(last));
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

int main(int argc, char **argv)
{
    static struct data exponential = {.normal = false}, normal = {.normal = true};
    const posterior p[] = {
        {.folder = "bball_drive_event_0-hmm_drive_0", .model = model, .data = &exponential, .prepare = prepare},
        {.folder = "bball_drive_event_1-hmm_drive_1", .model = model, .data = &normal, .prepare = prepare},
    };
    return posterior_main_of(p, 2, argc, argv);
}
