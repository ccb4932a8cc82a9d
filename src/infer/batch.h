/* batch.h - internal: a model's log density with its gradient, and what is stored of a draw, over several positions in one call. */
#ifndef NUMC_INFER_BATCH_H
#define NUMC_INFER_BATCH_H

#include "compile/program.h"
#include "infer/target.h"

/* What the programs are made of, borrowed while they are made; `sites` as long as they live. */
typedef struct numc_batch_source {
    numc_program_cache *cache; /* or NULL */
    numc_dtype real;           /* of positions and results */
    int32_t width, dimension;
    int32_t stores; /* times `width`: positions of which values are computed in one call */
    int32_t site_count;
    const numc_target_site *sites;
    const numc_array *const *data; /* per input of the graphs, the first being the position: NULL */
} numc_batch_source;

typedef struct numc_batch_program numc_batch_program;

/* density: (q, data..) -> (log density, gradient); values: (q, data..) -> one output per site. Takes both references. Where memory
 * is the device's own, results come back as one array, so that there is one transfer each way per call. */
numc_batch_program *numc__batch_program_new(numc_context *context, const numc_batch_source *source, numc_graph *density,
                                            numc_graph *values);
void numc__batch_program_free(numc_batch_program *program, numc_context *context); /* NULL is accepted */

/* The functions of numc_target, of a program. */
numc_status numc__batch_open(const numc_batch_program *program, numc_context *lane, void **batch);
void numc__batch_close(numc_context *lane, void *batch);
numc_status numc__batch_evaluate(void *batch, const double *positions, numc_batch_results *results);
bool numc__batch_device(void *batch, numc_batch_place *positions, numc_batch_place *results);
numc_status numc__batch_launch(void *batch, const numc_calls *before);
numc_status numc__batch_send(void *batch, const double *positions);
numc_status numc__batch_store(void *batch, const double *positions, double *const *rows);

#endif
