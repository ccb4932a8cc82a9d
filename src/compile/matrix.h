/* matrix.h - internal to src/compile: products and factorisations of small matrices in native code. */
#ifndef NUMC_COMPILE_MATRIX_H
#define NUMC_COMPILE_MATRIX_H

#include "compile/exec.h"

/* Whether the step is one: a slot that native code does not call back. */
bool numc__matrix_is_text(const numc_exec *exec, int32_t step);
/* One bit for each dtype whose text such steps of the exec, and of its bodies, need: 1 float64, 2 float32. */
uint32_t numc__matrix_dtypes(const numc_exec *exec);
extern const char numc__matrix_library[];
/* The function of the step's sizes and strides, unless an earlier step of the exec has it; and its calls, one for each of the batch. */
void numc__matrix_function(numc_text *text, const numc_exec *exec, int32_t step);
void numc__matrix_call(numc_text *text, const numc_exec *exec, int32_t step);

#endif
