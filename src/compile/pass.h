/* pass.h - internal to src/compile: one loop over rows in native code for X b, the kernel that reads it, and sums X^T r. */
#ifndef NUMC_COMPILE_PASS_H
#define NUMC_COMPILE_PASS_H

#include "compile/exec.h"

enum { NUMC_PASS_MOST = 4 }; /* products, and sums */

/* Steps first .. first + products - 1: X b. Then the kernel. Then sums: X^T r. */
typedef struct numc_pass {
    int32_t first, products, kernel, sums;
    uint32_t loop;    /* of the kernel: over the rows */
    int64_t rows;
    int32_t loads[NUMC_PASS_MOST], stores[NUMC_PASS_MOST]; /* accesses of the kernel: X b, and r */
    int32_t locals[2 * NUMC_PASS_MOST], local_count;       /* those whose values nothing else reads: a group has them by itself */
} numc_pass;

/* Whether a pass begins at step s. */
bool numc__pass_find(const numc_exec *exec, int32_t s, numc_pass *pass);
/* What the text of these execs' passes and small matrices, and of their bodies', needs in front of it. */
void numc__pass_prologue(numc_text *text, const numc_exec *const *execs, int32_t count);
/* The kernel's function with the products in it, then its call; add_kernel writes the call of a step's kernel up to its last
 * argument. runs: of the exec in one run of the program. */
bool numc__pass_kernel(numc_text *text, const numc_exec *exec, const numc_pass *pass, double runs, const char *name,
                       const numc_kernel_arguments *arguments);
void numc__pass_call(numc_text *text, const numc_exec *exec, const numc_pass *pass,
                     void (*add_kernel)(numc_text *text, const numc_exec *exec, int32_t step));
/* native.c: the address of a view's first element; the number of the lent input that a value is, or -1. */
int32_t numc__native_lent(const numc_exec *exec, int32_t value);
void numc__native_view(numc_text *text, const numc_exec *exec, const numc_slot_view *view);

#endif
