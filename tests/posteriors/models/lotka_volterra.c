/* lotka_volterra.c - lotka_volterra: hares and lynxes by a differential equation, in fixed steps of the classical Runge-Kutta
 * method (Kutta 1901). */
#include "posterior.h"

/* Per year. Against 200 the log of no population in 20 years is off by more than 2e-4, for the posterior mean and points three
 * standard deviations from it; at the mean by 2e-5. The observations' sigma is 0.25. */
enum { STEPS = 5 };

struct data {
    numc_array *times, *first, *later; /* (N), (2) at time 0, (N, 2) */
};

/* du/dt = (a - b v) u, dv/dt = (d u - c) v */
struct system {
    const numc_array *a, *b, *c, *d, *step;
};

struct point {
    const numc_array *u, *v;
};

static struct point slope(const struct system *s, struct point z)
{
    return (struct point){numc_multiply(numc_subtract(s->a, numc_multiply(s->b, z.v)), z.u),
                          numc_multiply(numc_subtract(numc_multiply(s->d, z.u), s->c), z.v)};
}

/* z + step k */
static struct point ahead(struct point z, const numc_array *step, struct point k)
{
    return (struct point){numc_add(z.u, numc_multiply(step, k.u)), numc_add(z.v, numc_multiply(step, k.v))};
}

/* z + sixth (k1 + 2 k2 + 2 k3 + k4), of one population */
static numc_array *weighted(const numc_array *z, const numc_array *sixth, const numc_array *k1, const numc_array *k2,
                            const numc_array *k3, const numc_array *k4)
{
    return numc_add(z, numc_multiply(sixth, numc_add(numc_add(k1, k4), numc_multiply(2.0, numc_add(k2, k3)))));
}

/* (i, u, v) -> (u, v) */
static void runge_kutta(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                        int32_t output_count, void *user)
{
    (void)context;
    (void)input_count;
    (void)output_count;
    const struct system *s = user;
    const numc_array *half = numc_multiply(0.5, s->step), *sixth = numc_divide(s->step, 6.0);
    struct point z = {in[1], in[2]}, k1 = slope(s, z), k2 = slope(s, ahead(z, half, k1));
    struct point k3 = slope(s, ahead(z, half, k2)), k4 = slope(s, ahead(z, s->step, k3));
    out[0] = weighted(z.u, sixth, k1.u, k2.u, k3.u, k4.u);
    out[1] = weighted(z.v, sixth, k1.v, k2.v, k3.v, k4.v);
}

/* (u, v, length of the interval) -> (u, v) at its end, which are also stacked */
static void interval(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                     int32_t output_count, void *user)
{
    (void)input_count;
    (void)output_count;
    struct system s = *(const struct system *)user;
    s.step = numc_divide(in[2], (double)STEPS);
    if (numc_fori(context, 0, STEPS, runge_kutta, &s, in, 2, out) != NUMC_OK)
        return;
    out[2] = out[0];
    out[3] = out[1];
}

/* (N, 2): both populations at the times, from z_init at time 0 */
static numc_array *populations(numc_run *run, const struct data *d, const numc_array *theta, const numc_array *z_init)
{
    struct system s = {.a = numc_index(theta, NUMC_AT(0)), .b = numc_index(theta, NUMC_AT(1)),
                       .c = numc_index(theta, NUMC_AT(2)), .d = numc_index(theta, NUMC_AT(3))};
    const numc_array *start = numc_zeros(run, NUMC_FLOAT64, NUMC_SHAPE(1));
    const numc_array *carries[] = {numc_index(z_init, NUMC_AT(0)), numc_index(z_init, NUMC_AT(1))};
    const numc_array *sequences[] = {numc_diff(numc_data(run, "ts", d->times), .prepend = start)};
    numc_array *scanned[4] = {NULL, NULL, NULL, NULL};
    if (numc_scan(run, interval, &s, carries, 2, sequences, 1, scanned, 2) != NUMC_OK)
        return NULL;
    const numc_array *series[] = {scanned[2], scanned[3]};
    return numc_stack(series, 2, 1);
}

static void model(numc_run *run, void *user)
{
    static const double means[4] = {1.0, 0.05, 1.0, 0.05}, sds[4] = {0.5, 0.05, 0.5, 0.05};
    const struct data *d = user;
    numc_array *theta = numc_sample(run, "theta", numc_improper_uniform(numc_constraint_positive(run), NUMC_SHAPE(4)));
    numc_array *mean = numc_from_host(run, NUMC_FLOAT64, NUMC_SHAPE(4), means);
    numc_array *sd = numc_from_host(run, NUMC_FLOAT64, NUMC_SHAPE(4), sds);
    numc_factor(run, "theta_prior", numc_distribution_log_prob(numc_normal(run, mean, sd), theta));
    numc_plate(run, "species", 2) {
        numc_array *sigma = numc_sample(run, "sigma", numc_log_normal(run, -1, 1));
        numc_array *z_init = numc_sample(run, "z_init", numc_log_normal(run, 2.302585092994046, 1)); /* log 10 */
        numc_observe(run, "y_init", numc_log_normal(run, numc_log(z_init), sigma), d->first);
        numc_array *z = populations(run, d, theta, z_init);
        numc_plate(run, "time", numc_array_size(d->times)) {
            numc_observe(run, "y", numc_log_normal(run, numc_log(z), sigma), d->later);
        }
    }
}

static void prepare(numc_context *context, const numc_json *json, void *user)
{
    struct data *d = user;
    d->times = numc_astype(posterior_array(context, json, "ts"), NUMC_FLOAT64);
    d->first = posterior_array(context, json, "y_init");
    d->later = posterior_array(context, json, "y");
}

/* Logs of theta, sigma, z_init. Of chains that start within 2 of zero one in seven (14 of 96, at 20 steps per year) ends at
 * theta about (1.05, 0.067, 1.24, 0.044), where the populations return every 5.5 years rather than 9.5: log density 40 less. */
static const double centre[8] = {-0.6, -3.6, -0.2, -3.7, -1.4, -1.4, 3.4, 1.7};
static struct data data;
const posterior posteriors_lotka_volterra[] = {
    {.folder = "hudson_lynx_hare-lotka_volterra", .model = model, .data = &data, .prepare = prepare, .centre = centre, .dimension = 8},
    {0},
};
