/* posterior.h - what the tests of reference posteriors share: a model, its data from posteriordb, and the comparison. */
#ifndef TESTS_POSTERIOR_H
#define TESTS_POSTERIOR_H

#include <numc/io.h>
#include <numc/numc.h>

typedef struct posterior {
    const char *folder; /* "arK-arK" */
    numc_model_fn model;
    void *data;
    /* Reads what the model needs of data.json into `data`; errors stay in the context. */
    void (*prepare)(numc_context *context, const numc_json *json, void *data);
    int64_t draws; /* per chain in tier 1; 0: 1000 */
    /* Where the four chains start, (4, dimension), unconstrained; NULL: within 2 of zero, as the sampler has it. For posteriors
     * with another mode, of no weight, from which no chain returns. */
    const double *starts;
} posterior;

/* One numeric field as an array: integers as int64, numbers alone as 0-d. */
numc_array *posterior_array(numc_context *context, const numc_json *json, const char *name);

/* starts (4, dimension): within 1/2 of centre, evenly spread. */
void posterior_spread(double *starts, const double *centre, int dimension);

/* Runs the tests. --long: five times the draws. --vectorized: the chains in one program, two at a time where threads are tested. Data are read below NUMC_POSTERIORDB, by default beside the project; where they
 * are not, the tests say so and are skipped. */
int posterior_main(const posterior *p, int argc, char **argv);
/* The same for one of several: the first argument is its folder. */
int posterior_main_of(const posterior *list, int count, int argc, char **argv);

#endif
