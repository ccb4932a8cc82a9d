/* A user's own log density and gradient as a target: no chain state, the position itself is stored. */
#include <math.h>
#include <string.h>

#include "infer/target.h"

typedef struct density {
    numc_density_fn function;
    void *user;
    int32_t dimension;
    int32_t site_count;
    numc_target_site *sites;
    int64_t shape[1]; /* of the one site "q" */
    char *text;     /* copies of given names */
    size_t text_bytes;
} density;

static numc_status evaluate(void *user, void *chain, const double *position, double *log_density, double *gradient)
{
    const density *d = user;
    (void)chain;
    return d->function(d->user, position, log_density, gradient);
}

static numc_status store(void *user, void *chain, numc_context *lane, const double *position, double *values)
{
    const density *d = user;
    (void)chain;
    (void)lane;
    memcpy(values, position, (size_t)d->dimension * sizeof *values);
    return NUMC_OK;
}

static void explain(void *user, void *chain, numc_context *lane, const double *position, numc_text *text)
{
    const density *d = user;
    (void)chain;
    (void)lane;
    numc__text_add(text, " at");
    for (int32_t i = 0; i < d->dimension && i < 8; i++) {
        if (d->text != NULL)
            numc__text_add(text, "%s %s = ", i > 0 ? "," : "", d->sites[i].name);
        else
            numc__text_add(text, "%s q[%d] = ", i > 0 ? "," : "", (int)i);
        numc__text_add_double(text, position[i]);
    }
    if (d->dimension > 8)
        numc__text_add(text, ", ...");
}

static void coordinate(void *user, int32_t index, char *name, size_t size)
{
    const density *d = user;
    if (d->text != NULL)
        numc__format(name, size, "%s", d->sites[index].name);
    else
        numc__format(name, size, "q[%d]", (int)index);
}

static void destroy(void *user, numc_context *context)
{
    density *d = user;
    numc__free(context, d->sites, (size_t)d->site_count * sizeof *d->sites);
    numc__free(context, d->text, d->text_bytes);
    numc__free(context, d, sizeof *d);
}

/* One scalar site per name, or the one site q of shape (dimension). */
static numc_status make_sites(density *d, numc_context *context, const char *const *names)
{
    d->site_count = names != NULL ? d->dimension : 1;
    d->sites = numc__allocate_zero(context, (size_t)d->site_count, sizeof *d->sites);
    if (d->sites == NULL)
        return NUMC_MEMORY;
    if (names == NULL) {
        d->sites[0] = (numc_target_site){.name = "q", .rank = 1, .shape = d->shape, .size = d->dimension};
        return NUMC_OK;
    }
    for (int32_t i = 0; i < d->dimension; i++) {
        NUMC_REQUIRE(context, names[i] != NULL && names[i][0] != '\0', NUMC_INVALID_ARGUMENT,
                     "mcmc options: names[%d] is empty", (int)i);
        for (int32_t j = 0; j < i && d->dimension <= 1000; j++)
            NUMC_REQUIRE(context, strcmp(names[i], names[j]) != 0, NUMC_INVALID_ARGUMENT,
                         "mcmc options: names[%d] and names[%d] are both \"%s\"", (int)j, (int)i, names[i]);
        d->text_bytes += strlen(names[i]) + 1;
    }
    d->text = numc__allocate(context, d->text_bytes);
    if (d->text == NULL)
        return NUMC_MEMORY;
    char *at = d->text;
    for (int32_t i = 0; i < d->dimension; i++) {
        size_t size = strlen(names[i]) + 1;
        memcpy(at, names[i], size);
        d->sites[i] = (numc_target_site){.name = at, .offset = i, .size = 1};
        at += size;
    }
    return NUMC_OK;
}

numc_mcmc *numc_mcmc_new_density_sized(numc_context *context, int32_t dimension, numc_density_fn function, void *user,
                                       const numc_mcmc_options *options, size_t size)
{
    if (numc_error_status(context) != NUMC_OK)
        return NULL;
    if (function == NULL || dimension < 0) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "mcmc: %s",
                   function == NULL ? "the density is NULL" : "the dimension is negative");
        return NULL;
    }
    numc_mcmc_options known;
    if (numc__options_copy(context, &known, sizeof known, options, size, "numc_mcmc_options") != NUMC_OK)
        return NULL;
    density *d = numc__allocate_zero(context, 1, sizeof *d);
    if (d == NULL)
        return NULL;
    d->function = function;
    d->user = user;
    d->dimension = dimension;
    d->shape[0] = dimension;
    if (make_sites(d, context, known.names) != NUMC_OK) {
        destroy(d, context);
        return NULL;
    }
    numc_target target = {.user = d, .dimension = dimension, .stored = dimension, .site_count = d->site_count,
                          .sites = d->sites, .noun = "density", .evaluate = evaluate, .store = store, .explain = explain,
                          .coordinate = coordinate, .destroy = destroy};
    return numc__mcmc_new(context, &target, options, size);
}
