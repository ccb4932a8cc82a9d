/* list.c - all posteriors, where their files are, and how their fields become arrays. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "posterior.h"

#define FILES(row)                                                                                                                  \
    row(eight_schools) row(arK) row(garch11) row(hmm_drive) row(low_dim_gauss_mix) row(lotka_volterra) row(gp_pois_regr) row(blr)    \
    row(kilpisjarvi) row(kidscore) row(nes) row(diamonds)
#define DECLARE(name) extern const posterior posteriors_##name[];
FILES(DECLARE)
#define NAME(name) posteriors_##name,
static const posterior *const lists[] = {FILES(NAME)};

const posterior *posterior_at(int index)
{
    for (size_t k = 0; k < sizeof lists / sizeof lists[0]; k++)
        for (const posterior *p = lists[k]; p->folder != NULL; p++)
            if (index-- == 0)
                return p;
    return NULL;
}

const posterior *posterior_find(const char *folder)
{
    for (int k = 0; k < POSTERIOR_COUNT; k++)
        if (strcmp(posterior_at(k)->folder, folder) == 0)
            return posterior_at(k);
    return NULL;
}

void posterior_path(char *path, size_t size, const char *root, const posterior *p, const char *file)
{
    if (root == NULL)
        root = getenv("NUMC_POSTERIORDB");
    snprintf(path, size, "%s/%s/%s", root != NULL && *root != '\0' ? root : POSTERIORDB, p->folder, file);
}

numc_array *posterior_array(numc_context *context, const numc_json *json, const char *name)
{
    numc_json_view view;
    if (!numc_json_values(json, name, &view))
        return NULL;
    const numc_shape shape = {view.shape, view.rank, true};
    return view.integers != NULL ? numc_from_host(context, NUMC_INT64, shape, view.integers)
                                 : numc_from_host(context, NUMC_FLOAT64, shape, view.reals);
}
