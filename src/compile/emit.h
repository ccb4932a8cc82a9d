/* emit.h - internal to src/compile: a kernel while it is written. emit.c writes nests, small.c what has small axes. */
#ifndef NUMC_COMPILE_EMIT_H
#define NUMC_COMPILE_EMIT_H

#include "compile/lower.h"

typedef struct numc_node_list {
    numc_kernel_node *items;
    int32_t count, capacity;
} numc_node_list;

typedef struct numc_emit_access {
    numc_kernel_access access;
    int32_t value;
    int64_t offset;
    int64_t strides[NUMC_RANK_LIMIT]; /* by space axis while the nest is written, then by loop depth */
    int64_t gather;
} numc_emit_access;

typedef struct numc_emitter {
    numc_lowering *l;
    numc_node_list top, body;
    uint32_t *registers;
    int32_t register_count, register_capacity;
    numc_emit_access *accesses;
    int32_t access_count, access_capacity;
    int64_t *extents;
    int32_t extent_count, extent_capacity;
    uint64_t *constants;
    int32_t constant_count, constant_capacity;
    int32_t *top_register, *nest_register; /* per ir value; -1 */
    int32_t depth;
    const int64_t *fixed; /* per axis of the nest: where it is written out at, or -1; NULL: no axis is */
    bool indexed; /* the nest asks for loop indices */
    bool loops;   /* level 2 or 3 is needed */
    bool sequential;
    int32_t nests;
    numc_kernel_node unused_node; /* where writes go after a failure; never read */
    numc_emit_access unused_access;
} numc_emitter;

/* A failed allocation sticks in the lowering; then these give something harmless. */
numc_kernel_node *numc__emit_node(numc_emitter *e, numc_node_list *list, numc_node_kind kind);
int32_t numc__emit_register(numc_emitter *e, numc_dtype dtype);
int32_t numc__emit_extent(numc_emitter *e, int64_t extent);
/* Constants and what numc__emit_scalar_value reads stand at the top, outside all loops. */
int32_t numc__emit_constant(numc_emitter *e, numc_dtype dtype, const void *bytes);
int32_t numc__emit_integer(numc_emitter *e, int64_t value);
int32_t numc__emit_scalar_value(numc_emitter *e, int32_t value);
numc_emit_access *numc__emit_access(numc_emitter *e, int32_t value, bool writes, int64_t offset);
int32_t numc__emit_operation(numc_emitter *e, numc_node_list *list, int32_t operation, numc_dtype dtype, numc_dtype result,
                             int32_t a, int32_t b);
int32_t numc__emit_converted(numc_emitter *e, numc_node_list *list, int32_t reg, numc_dtype to);
/* An elementwise application to registers. */
int32_t numc__emit_application(numc_emitter *e, numc_node_list *list, const numc_ir *ir, const numc_ir_node *node,
                               const int32_t *operands);
void numc__emit_store(numc_emitter *e, numc_node_list *list, int32_t reg, int32_t target, int64_t offset, const int64_t *strides,
                      int32_t rank);

/* Terms combined by an operation in the order of a reduction: lane l of 8 takes terms l, l + 8, ..; identities are left out. */
int32_t numc__emit_combined(numc_emitter *e, numc_node_list *list, int32_t operation, numc_dtype dtype, const int32_t *terms,
                            int64_t count);

/* small.c: the loops of a small unit. */
void numc__emit_small(numc_emitter *e, const numc_unit *unit);

#endif
