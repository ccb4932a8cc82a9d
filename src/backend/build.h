/* build.h - internal: writing small kernels by hand, for `numc check` and for tests. Fixed capacity; the compiler has its own. */
#ifndef NUMC_BACKEND_BUILD_H
#define NUMC_BACKEND_BUILD_H

#include <string.h>

#include "numc/backend.h"

enum { NUMC_BUILD_NODES = 96, NUMC_BUILD_REGISTERS = 64, NUMC_BUILD_ACCESSES = 16, NUMC_BUILD_DEPTH = 6 };

typedef struct numc_build {
    numc_kernel_source source;
    numc_kernel_node nodes[NUMC_BUILD_NODES];
    uint32_t dtypes[NUMC_BUILD_REGISTERS];
    numc_kernel_access accesses[NUMC_BUILD_ACCESSES];
    numc_kernel_local locals[4];
    uint32_t open[NUMC_BUILD_DEPTH + 1]; /* loops not yet closed */
    uint32_t open_count;
} numc_build;

static inline void numc_build_begin(numc_build *b, uint32_t level)
{
    memset(b, 0, sizeof *b);
    b->source = (numc_kernel_source){.size = sizeof b->source, .level = level};
    b->source.nodes = b->nodes;
    b->source.register_dtypes = b->dtypes;
    b->source.accesses = b->accesses;
    b->source.locals = b->locals;
}

static inline numc_kernel_node *numc_build_node(numc_build *b, uint32_t kind)
{
    numc_kernel_node *node = &b->nodes[b->source.node_count++];
    *node = (numc_kernel_node){.kind = kind, .result = -1, .operands = {-1, -1, -1, -1}, .extent = -1, .match = -1};
    return node;
}

static inline int32_t numc_build_register(numc_build *b, uint32_t dtype)
{
    b->dtypes[b->source.register_count] = dtype;
    return (int32_t)b->source.register_count++;
}

/* extent: the number of a run-time extent, or -1 with `from` a register. */
static inline void numc_build_loop(numc_build *b, uint32_t kind, int32_t extent, int32_t from)
{
    uint32_t number = b->source.node_count;
    numc_kernel_node *node = numc_build_node(b, kind);
    node->extent = extent;
    node->operands[0] = from;
    if (extent >= (int32_t)b->source.extent_count)
        b->source.extent_count = (uint32_t)extent + 1;
    b->open[b->open_count++] = number;
    if (b->open_count > b->source.depth)
        b->source.depth = b->open_count;
}

static inline void numc_build_end(numc_build *b)
{
    uint32_t loop = b->open[--b->open_count], number = b->source.node_count;
    numc_kernel_node *node = numc_build_node(b, NUMC_NODE_END);
    node->extent = node->match = (int32_t)loop;
    b->nodes[loop].match = (int32_t)number;
}

static inline int32_t numc_build_access(numc_build *b, uint32_t buffer, uint32_t dtype, uint32_t writes)
{
    b->accesses[b->source.access_count] = (numc_kernel_access){.buffer = buffer, .dtype = dtype, .writes = writes};
    if (buffer >= b->source.buffer_count)
        b->source.buffer_count = buffer + 1;
    return (int32_t)b->source.access_count++;
}

static inline int32_t numc_build_load(numc_build *b, int32_t access, int32_t gathered)
{
    numc_kernel_node *node = numc_build_node(b, NUMC_NODE_LOAD);
    node->extent = access;
    node->operands[0] = gathered;
    node->dtype = b->accesses[access].dtype;
    return node->result = numc_build_register(b, node->dtype);
}

static inline void numc_build_store(numc_build *b, int32_t access, int32_t value, int32_t gathered)
{
    numc_kernel_node *node = numc_build_node(b, NUMC_NODE_STORE);
    node->extent = access;
    node->dtype = b->accesses[access].dtype;
    node->operands[0] = value;
    node->operands[1] = gathered;
}

static inline int32_t numc_build_constant(numc_build *b, uint32_t dtype)
{
    numc_kernel_node *node = numc_build_node(b, NUMC_NODE_CONSTANT);
    node->extent = (int32_t)b->source.constant_count++;
    node->dtype = dtype;
    return node->result = numc_build_register(b, dtype);
}

static inline int32_t numc_build_index(numc_build *b, int32_t depth)
{
    numc_kernel_node *node = numc_build_node(b, NUMC_NODE_INDEX);
    node->extent = depth;
    node->dtype = NUMC_INT64;
    return node->result = numc_build_register(b, NUMC_INT64);
}

/* Unused operands are -1. */
static inline int32_t numc_build_scalar(numc_build *b, uint32_t operation, uint32_t dtype, uint32_t result_dtype, int32_t x,
                                        int32_t y, int32_t z, int32_t w)
{
    numc_kernel_node *node = numc_build_node(b, NUMC_NODE_SCALAR);
    node->operation = operation;
    node->dtype = dtype;
    node->operands[0] = x;
    node->operands[1] = y;
    node->operands[2] = z;
    node->operands[3] = w;
    return node->result = numc_build_register(b, result_dtype);
}

/* One float64 operation. */
static inline int32_t numc_build_f64(numc_build *b, uint32_t operation, int32_t x, int32_t y)
{
    return numc_build_scalar(b, operation, NUMC_FLOAT64, NUMC_FLOAT64, x, y, -1, -1);
}

static inline int32_t numc_build_accumulate(numc_build *b, uint32_t reduction, uint32_t dtype, int32_t value)
{
    numc_kernel_node *node = numc_build_node(b, NUMC_NODE_ACCUMULATE);
    node->operation = reduction;
    node->dtype = dtype;
    node->operands[0] = value;
    bool argument = reduction == NUMC_REDUCTION_ARGMAX || reduction == NUMC_REDUCTION_ARGMIN;
    return node->result = numc_build_register(b, argument ? (uint32_t)NUMC_INT64 : dtype);
}

static inline int32_t numc_build_carry(numc_build *b, int32_t start)
{
    numc_kernel_node *node = numc_build_node(b, NUMC_NODE_CARRY);
    node->operands[0] = start;
    node->dtype = b->dtypes[start];
    return node->result = numc_build_register(b, node->dtype);
}

static inline void numc_build_update(numc_build *b, int32_t carried, int32_t value)
{
    numc_kernel_node *node = numc_build_node(b, NUMC_NODE_UPDATE);
    node->operands[0] = value;
    node->dtype = b->dtypes[value];
    node->result = carried;
}

static inline void numc_build_continue(numc_build *b, int32_t condition)
{
    numc_kernel_node *node = numc_build_node(b, NUMC_NODE_CONTINUE);
    node->operands[0] = condition;
    node->dtype = NUMC_BOOL;
}

static inline int32_t numc_build_local(numc_build *b, uint32_t dtype, uint32_t count)
{
    b->locals[b->source.local_count] = (numc_kernel_local){dtype, count};
    return (int32_t)b->source.local_count++;
}

static inline int32_t numc_build_local_load(numc_build *b, int32_t local, int32_t element)
{
    numc_kernel_node *node = numc_build_node(b, NUMC_NODE_LOCAL_LOAD);
    node->extent = local;
    node->dtype = b->locals[local].dtype;
    node->operands[0] = element;
    return node->result = numc_build_register(b, node->dtype);
}

static inline void numc_build_local_store(numc_build *b, int32_t local, int32_t element, int32_t value)
{
    numc_kernel_node *node = numc_build_node(b, NUMC_NODE_LOCAL_STORE);
    node->extent = local;
    node->dtype = b->locals[local].dtype;
    node->operands[0] = element;
    node->operands[1] = value;
}

#endif
