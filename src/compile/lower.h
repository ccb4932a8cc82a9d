/* lower.h - internal to src/compile: what layout (layout.c) and fusion (fuse.c) decide and emission (emit.c) writes down.
 *
 * Vocabulary. The space of a value is its shape without the axes of size one. Two values of equal space joined by reshapes and
 * broadcasts that only add or drop such axes are the same registers: `root` follows them. A nest is a set of loops over one
 * space: elementwise applications, stores, full reductions, and at most one set of partially reduced axes. A unit is what is
 * scheduled: a nest, a small unit, or a backend slot. */
#ifndef NUMC_COMPILE_LOWER_H
#define NUMC_COMPILE_LOWER_H

#include "compile/exec.h"

#include <string.h>

typedef enum numc_role {
    NUMC_ROLE_NONE,    /* not needed */
    NUMC_ROLE_GIVEN,   /* input, external, constant */
    NUMC_ROLE_VIEW,    /* a look at another value: broadcast, reshape, permute, slice, flip, a part of complex numbers, iota (a
                        * look at 0, 1, 2, ...) */
    NUMC_ROLE_SCALAR,  /* elementwise, and gather (a load by index) */
    NUMC_ROLE_REDUCE,
    NUMC_ROLE_ASSEMBLE, /* concat, pad, complex: written piece by piece */
    NUMC_ROLE_SMALL,   /* a scan of small values, or algebra on small matrices: element by element in registers (small.c) */
    NUMC_ROLE_SLOT     /* everything else */
} numc_role;

/* Loops of at most NUMC_SHORT iterations are too short for vectors: they do not stand innermost where one of NUMC_LONG could. */
enum { NUMC_SHORT = 7, NUMC_LONG = 16 };

#define NUMC_FLAT 0 /* loop class without partial reduction; others are 1 + index into `classes` */

typedef struct numc_space {
    int32_t rank;
    const int64_t *extents;
} numc_space;

typedef struct numc_reduce_class {
    numc_space space;
    bool reduced[NUMC_RANK_LIMIT]; /* of the space's axes */
} numc_reduce_class;

typedef struct numc_view_of {
    int32_t base; /* a placed value, a scalar, or an iota (then the "element" is its index) */
    int64_t offset; /* elements; of a part of complex numbers, parts */
    int64_t strides[NUMC_RANK_LIMIT]; /* per axis of the looking value's full shape */
} numc_view_of;

typedef enum numc_unit_kind { NUMC_UNIT_NEST, NUMC_UNIT_SMALL, NUMC_UNIT_SLOT } numc_unit_kind;

/* A statement of a nest: apply (node), copy a view value into its own place, or copy/fill a piece of an assembled value. */
typedef enum numc_statement_kind { NUMC_STATEMENT_APPLY, NUMC_STATEMENT_COPY, NUMC_STATEMENT_PIECE, NUMC_STATEMENT_FILL } numc_statement_kind;
typedef struct numc_statement {
    numc_statement_kind kind;
    int32_t node;  /* APPLY; PIECE and FILL: the assembling node */
    int32_t value; /* what is computed, copied or filled from */
    int64_t offset;   /* PIECE: where in the target, elements */
    int64_t *strides; /* PIECE: per axis of value's full shape */
} numc_statement;

typedef struct numc_unit {
    numc_unit_kind kind;
    numc_space space;
    int32_t loop_class, stage;
    numc_statement *statements;
    int32_t statement_count, statement_capacity;
    int32_t node; /* SMALL, SLOT */
    int32_t kernel; /* number of the kernel it went into, or -1 */
    bool done;
} numc_unit;

typedef struct numc_small numc_small;

typedef struct numc_lowering {
    numc_context *context;
    numc_exec *exec;
    numc_ir *ir;
    numc_arena *arena; /* the exec's: all here lives as long */
    bool one_kernel;   /* the device takes several nests per kernel (level 2) */
    bool sequential;   /* level 3 */
    const int32_t *external;
    bool *needed;      /* per node */
    numc_role *roles;  /* per value */
    bool *memory;      /* per value: has a place */
    bool *output;      /* per value */
    bool *turned;      /* per value: where it has a place, it lies with its longest axis innermost */
    int32_t *loop_class; /* per value; -1 unset */
    int32_t *stage;    /* per value: where it is ready */
    int32_t *unit_of;  /* per value: the unit that makes it ready last, or -1 */
    numc_space *spaces; /* per value */
    numc_reduce_class *classes;
    int32_t class_count, class_capacity;
    numc_unit *units;
    int32_t unit_count, unit_capacity;
    int32_t *order; /* units as scheduled */
    numc_small **small; /* per node: of role SMALL, or NULL */
    int32_t *first, *last; /* per value with a region: the steps it is alive at (plan) */
    int32_t part, inside;  /* for its texts: a number of its own, and of the one whose loop body it is, or 0 */
    bool placing; /* while places are found: looking at a value through strides gives its base a place */
    bool failed;
} numc_lowering;

int32_t numc__lower_root(const numc_lowering *l, int32_t value);
/* How `value` is seen as a strided look at its base; marks what has to be placed while `placing`. */
void numc__lower_view(numc_lowering *l, int32_t value, numc_view_of *view);
bool numc__lower_is_scalar(const numc_lowering *l, int32_t value); /* one element */
void *numc__lower_allocate(numc_lowering *l, size_t count, size_t size); /* of the arena; a failure sticks in `failed` */
bool numc__lower_grow(numc_lowering *l, void *list, size_t item, int32_t count, int32_t *capacity); /* numc__arena_grow, likewise */
static inline bool numc__same_space(const numc_space *a, const numc_space *b)
{
    return a->rank == b->rank && (a->rank == 0 || memcmp(a->extents, b->extents, (size_t)a->rank * sizeof *a->extents) == 0);
}
static inline void numc__row_major(const numc_type *type, int64_t *strides)
{
    int64_t stride = 1;
    for (int32_t d = type->rank - 1; d >= 0; d--) {
        strides[d] = stride;
        stride *= type->shape[d];
    }
}
/* How a value lies in its place. */
static inline void numc__lower_strides(const numc_lowering *l, int32_t value, int64_t *strides)
{
    const numc_type *type = &l->ir->values[value].type;
    numc__row_major(type, strides);
    if (l->turned == NULL || !l->turned[value])
        return;
    int32_t longest = 0;
    for (int32_t d = 1; d < type->rank; d++)
        if (type->shape[d] >= type->shape[longest])
            longest = d;
    int64_t stride = type->shape[longest];
    strides[longest] = 1;
    for (int32_t d = type->rank - 1; d >= 0; d--)
        if (d != longest) {
            strides[d] = stride;
            stride *= type->shape[d];
        }
}
static inline const numc_ir_node *numc__lower_node(const numc_lowering *l, int32_t value)
{
    int32_t n = l->ir->values[value].node;
    return n >= 0 && l->needed[n] ? &l->ir->nodes[n] : NULL;
}
/* small.c: what has to be known of a node to write it element by element; NULL where it is not small, or the lowering failed. */
numc_small *numc__small_new(numc_lowering *l, const numc_ir_node *node);
void numc__small_free(numc_small *small);
bool numc__small_has_batch(const numc_small *small); /* then nothing of it is a register outside its loops */

#endif
