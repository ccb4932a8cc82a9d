/* nes.c - nes: party identification by survey answers, one posterior per election; a linear regression on nine columns. */
#include "posterior.h"

enum { AGES = 4 };

struct data {
    numc_array *party, *ideology, *race, *age, *education, *gender, *income;
};

static void model(numc_run *run, void *user)
{
    const struct data *d = user;
    numc_array *age = numc_data(run, "age_discrete", d->age), *group[AGES + 1];
    for (int k = 2; k <= AGES; k++)
        group[k] = numc_equal(age, k);
    const numc_array *columns[] = {numc_data(run, "real_ideo", d->ideology), numc_data(run, "race_adj", d->race),
                                   group[2], group[3], group[4], numc_data(run, "educ1", d->education),
                                   numc_data(run, "gender", d->gender), numc_data(run, "income", d->income)};
    enum { COUNT = sizeof columns / sizeof columns[0] };
    numc_array *beta = numc_sample(run, "beta", numc_improper_uniform(numc_constraint_real(run), NUMC_SHAPE(COUNT + 1)));
    numc_array *sigma = numc_sample(run, "sigma", numc_improper_uniform(numc_constraint_positive(run), NUMC_SCALAR));
    numc_array *mean = numc_index(beta, NUMC_AT(0));
    for (int k = 0; k < COUNT; k++)
        mean = numc_add(mean, numc_multiply(numc_index(beta, NUMC_AT(k + 1)), numc_astype(columns[k], NUMC_FLOAT64)));
    numc_plate(run, "respondent", numc_array_size(d->party)) {
        numc_observe(run, "partyid7", numc_normal(run, mean, sigma), d->party);
    }
}

static void prepare(numc_context *context, const numc_json *json, void *user)
{
    struct data *d = user;
    d->party = posterior_array(context, json, "partyid7");
    d->ideology = posterior_array(context, json, "real_ideo");
    d->race = posterior_array(context, json, "race_adj");
    d->age = posterior_array(context, json, "age_discrete");
    d->education = posterior_array(context, json, "educ1");
    d->gender = posterior_array(context, json, "gender");
    d->income = posterior_array(context, json, "income");
}

static struct data data;
#define ELECTION(year) {.folder = "nes" #year "-nes", .model = model, .data = &data, .prepare = prepare}
const posterior posteriors_nes[] = {
    ELECTION(1972), ELECTION(1976), ELECTION(1980), ELECTION(1984), ELECTION(1988), ELECTION(1992), ELECTION(1996), ELECTION(2000), {0},
};
