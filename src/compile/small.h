/* small.h - internal to src/compile: what small.c finds out and small_write.c writes down. */
#ifndef NUMC_COMPILE_SMALL_H
#define NUMC_COMPILE_SMALL_H

#include "compile/emit.h"

enum { NUMC_SMALL_ELEMENTS = 64 }; /* of a value, at most */

struct numc_small {
    numc_ir *body;              /* SCAN; owned */
    const numc_attributes *attributes;
    int32_t carries, sequences;
    int64_t length;
    bool reverse;
    numc_lowering inner;        /* looks at values of the body through views of it */
    int64_t lanes;              /* extent of the batch; 0: none */
    bool *laned;                /* per body value: its first axis is the batch */
};

void numc__small_unravel(const numc_type *type, int64_t index, int64_t *coordinates);
int64_t numc__small_ravel(const numc_type *type, const int64_t *coordinates);
/* It moves elements and computes nothing. */
bool numc__small_is_move(const numc_ir *ir, const numc_ir_node *node);
/* Which element of which operand of a move an element is; both count over whole shapes. */
int32_t numc__small_moved_from(const numc_ir *ir, const numc_ir_node *node, int64_t *index);
bool numc__small_is_cumulative(int32_t primitive);
int64_t numc__small_elements(const numc_small *s, int32_t v); /* of a value of the body, its batch apart */
/* The input whose elements a value's are, by strides; -1: none. */
int32_t numc__small_looked_at(numc_small *s, int32_t v, numc_view_of *view);

#endif
