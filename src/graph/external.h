/* external.h - internal: calls of C functions that a graph holds as a primitive (EXTERNAL), whoever runs the graph. */
#ifndef NUMC_GRAPH_EXTERNAL_H
#define NUMC_GRAPH_EXTERNAL_H

#include "array/internal.h"
#include "numc/function.h"

/* How the numbers of the primitive begin; dtype, rank and shape of each output of one element follow. */
enum { NUMC_EXTERNAL_CALLBACK, NUMC_EXTERNAL_USER, NUMC_EXTERNAL_BATCH, NUMC_EXTERNAL_OUTPUTS, NUMC_EXTERNAL_TYPES };

/* Calls the function for each element of the batch: the first NUMC_EXTERNAL_BATCH axes of every array, whose data lie row by row.
 * `arrays` (inputs, then outputs) is as it was afterwards. */
numc_status numc__external_call(numc_context *context, const int64_t *numbers, numc_external_array *arrays, int32_t input_count,
                                int32_t output_count);

#endif
