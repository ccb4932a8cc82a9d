/* diamonds.c - diamonds: linear regression on 24 centred columns, some nearly dependent on others. */
#include "posterior.h"

struct data {
    numc_array *x, *y; /* the first column of x is 1 and not used */
};

static void model(numc_run *run, void *user)
{
    const struct data *d = user;
    int64_t rows = numc_array_shape(d->x)[0], columns = numc_array_shape(d->x)[1] - 1;
    numc_array *x = numc_index(numc_data(run, "X", d->x), NUMC_ALL, NUMC_SLICE(1, NUMC_END)), *b = NULL;
    numc_array *centred = numc_subtract(x, numc_mean(x, NUMC_AXES(0)));
    numc_plate(run, "column", columns) {
        b = numc_sample(run, "b", numc_normal(run, 0, 1));
    }
    numc_array *intercept = numc_sample(run, "Intercept", numc_student_t(run, 3, 8, 10));
    numc_array *sigma = numc_sample(run, "sigma", numc_improper_uniform(numc_constraint_positive(run), NUMC_SCALAR));
    numc_factor(run, "sigma_prior", numc_distribution_log_prob(numc_student_t(run, 3, 0, 10), sigma));
    numc_array *mean = numc_add(intercept, numc_matmul(centred, b));
    numc_plate(run, "diamond", rows) {
        numc_observe(run, "Y", numc_normal(run, mean, sigma), d->y);
    }
}

static void prepare(numc_context *context, const numc_json *json, void *user)
{
    struct data *d = user;
    d->x = posterior_array(context, json, "X");
    d->y = posterior_array(context, json, "Y");
}

static struct data data;
const posterior posteriors_diamonds[] = {
    {.folder = "diamonds-diamonds", .model = model, .data = &data, .prepare = prepare},
    {0},
};
