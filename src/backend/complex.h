/* complex.h - internal: operations on complex numbers as expressions in their real parts. Written once here; kernels, the host's
 * folding of numbers and the compiler build them each in their own way. No kernel has a complex register. */
#ifndef NUMC_BACKEND_COMPLEX_H
#define NUMC_BACKEND_COMPLEX_H

#include "backend/device.h"

/* Who builds: a handle stands for one real or bool value. dtype is that of the operation as backend.h counts it (of WHERE and the
 * comparisons: the operands'). After a failure a builder goes on giving handles; it knows of its failure itself. */
typedef struct numc_expansion {
    numc_dtype part; /* of the real and imaginary parts */
    int32_t (*apply)(struct numc_expansion *builder, uint32_t operation, numc_dtype dtype, int32_t count,
                     const int32_t *operands);
    int32_t (*constant)(struct numc_expansion *builder, double value); /* of `part` */
} numc_expansion;

typedef struct numc_parts {
    int32_t re, im; /* of a real value or a bool, im is -1 */
} numc_parts;

/* The elementwise primitives that take complex operands. */
bool numc__complex_admits(uint32_t operation);
/* Operands as the operation has them, all complex but the condition of WHERE. EQUAL, NOT_EQUAL and CONVERT (to bool) give a bool. */
numc_parts numc__complex_expand(numc_expansion *builder, uint32_t operation, const numc_parts *operands);
/* More than any expansion needs. */
enum { NUMC_EXPANSION_OPERATIONS = 400, NUMC_EXPANSION_CONSTANTS = 32 };

#endif
