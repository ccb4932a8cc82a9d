/* kidscore.c - the eight kidscore posteriors: linear regressions of test scores on what is known of the mothers. */
#include "posterior.h"

typedef enum origins { RAW, MEANS, POINTS, STANDARD } origins; /* what the columns are counted from */

struct variant {
    const char *terms; /* after the intercept: h mom_hs, q mom_iq, x their product, w the levels 2, 3, 4 of mom_work */
    origins origin;
    bool flat; /* the prior of sigma; else half-Cauchy(2.5) */
};

struct data {
    struct variant variant;
    numc_array *score, *hs, *iq, *work; /* work: NULL where the data lack it */
};

static numc_array *counted(const numc_array *x, origins origin, double point)
{
    numc_array *from_mean = numc_subtract(x, numc_mean(x));
    switch (origin) {
    case MEANS:
        return from_mean;
    case POINTS:
        return numc_subtract(x, point);
    case STANDARD: /* by twice the sample's standard deviation */
        return numc_divide(from_mean, numc_multiply(2.0, numc_std(x, .correction = 1)));
    default:
        return numc_astype(x, NUMC_FLOAT64);
    }
}

static void model(numc_run *run, void *user)
{
    const struct data *d = user;
    const struct variant *v = &d->variant;
    numc_array *h = counted(numc_data(run, "mom_hs", d->hs), v->origin, 0.5);
    numc_array *q = counted(numc_data(run, "mom_iq", d->iq), v->origin, 100.0);
    numc_array *columns[4];
    int64_t n = 0;
    for (const char *term = v->terms; *term != '\0'; term++) {
        if (*term == 'w') {
            numc_array *work = numc_data(run, "mom_work", d->work);
            for (int level = 2; level <= 4; level++)
                columns[n++] = numc_astype(numc_equal(work, level), NUMC_FLOAT64);
        } else {
            columns[n++] = *term == 'h' ? h : *term == 'q' ? q : numc_multiply(h, q);
        }
    }
    numc_array *beta = numc_sample(run, "beta", numc_improper_uniform(numc_constraint_real(run), NUMC_SHAPE(n + 1)));
    numc_array *sigma = numc_sample(run, "sigma", v->flat ? numc_improper_uniform(numc_constraint_positive(run), NUMC_SCALAR)
                                                          : numc_half_cauchy(run, 2.5));
    numc_array *mean = numc_index(beta, NUMC_AT(0));
    for (int64_t k = 0; k < n; k++)
        mean = numc_add(mean, numc_multiply(numc_index(beta, NUMC_AT(k + 1)), columns[k]));
    numc_plate(run, "child", numc_array_size(d->score)) {
        numc_observe(run, "kid_score", numc_normal(run, mean, sigma), d->score);
    }
}

static void prepare(numc_context *context, const numc_json *json, void *user)
{
    struct data *d = user;
    d->score = posterior_array(context, json, "kid_score");
    d->hs = posterior_array(context, json, "mom_hs");
    d->iq = posterior_array(context, json, "mom_iq");
    d->work = numc_json_has(json, "mom_work") ? posterior_array(context, json, "mom_work") : NULL;
}

static struct data data[] = {
    {.variant = {"h", RAW, false}},      {.variant = {"q", RAW, false}},   {.variant = {"hq", RAW, false}},
    {.variant = {"hqx", RAW, false}},    {.variant = {"hqx", MEANS, true}}, {.variant = {"hqx", POINTS, true}},
    {.variant = {"hqx", STANDARD, true}}, {.variant = {"w", RAW, true}},
};
#define VARIANT(name, index) {.folder = name, .model = model, .data = &data[index], .prepare = prepare}
const posterior posteriors_kidscore[] = {
    VARIANT("kidiq-kidscore_momhs", 0),
    VARIANT("kidiq-kidscore_momiq", 1),
    VARIANT("kidiq-kidscore_momhsiq", 2),
    VARIANT("kidiq-kidscore_interaction", 3),
    VARIANT("kidiq_with_mom_work-kidscore_interaction_c", 4),
    VARIANT("kidiq_with_mom_work-kidscore_interaction_c2", 5),
    VARIANT("kidiq_with_mom_work-kidscore_interaction_z", 6),
    VARIANT("kidiq_with_mom_work-kidscore_mom_work", 7),
    {0},
};
