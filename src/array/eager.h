/* eager.h - internal to src/array: running one scalar operation on concrete operands, which need not be arrays. */
#ifndef NUMC_ARRAY_EAGER_H
#define NUMC_ARRAY_EAGER_H

#include "array/state.h"

/* operation(operands) over `shape`; operands' strides are those of `shape` (0 where broadcast). dtype: the node's (backend.h);
 * result: the result's. Immediates fold on the host. */
numc_array *numc__eager_scalar(numc_context *context, uint32_t operation, numc_dtype dtype, numc_dtype result, int32_t rank,
                               const int64_t *shape, const numc_kernel_operand *operands, int32_t count);

#endif
