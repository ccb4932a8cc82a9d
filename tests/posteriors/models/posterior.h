/* posterior.h - the models of posteriordb's reference posteriors: for the tests that compare with its draws, and for numc-bench. */
#ifndef TESTS_POSTERIOR_H
#define TESTS_POSTERIOR_H

#include <numc/io.h>
#include <numc/numc.h>

typedef struct posterior {
    const char *folder; /* "arK-arK"; NULL ends a list */
    numc_model_fn model;
    void *data;
    /* Reads what the model needs of data.json into `data`, as arrays of this context; errors stay in the context. */
    void (*prepare)(numc_context *context, const numc_json *json, void *data);
    /* Where chains start, within 1/2 of it, unconstrained; NULL: within 2 of zero, as the sampler has it. For posteriors with another
     * mode, of no weight, from which no chain returns. */
    const double *centre;
    int dimension; /* of centre */
} posterior;

enum { POSTERIOR_COUNT = 28 };
const posterior *posterior_at(int index); /* in a fixed order */
const posterior *posterior_find(const char *folder); /* NULL: there is none */

/* The path of a file of a posterior. `root` is the folder of all; NULL: NUMC_POSTERIORDB, else beside the project. */
void posterior_path(char *path, size_t size, const char *root, const posterior *p, const char *file);

/* One numeric field as an array: integers as int64, numbers alone as 0-d. */
numc_array *posterior_array(numc_context *context, const numc_json *json, const char *name);

#endif
