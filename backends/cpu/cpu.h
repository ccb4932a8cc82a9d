/* cpu.h - internal to the cpu backend: the device, and how a kernel becomes a plan.
 *
 * kernel.c checks a loop tree and looks up its functions once. plan.c turns it, when buffers, strides and extents are known,
 * into a list of steps whose operands are addresses. run.c walks the steps. A loop chosen as the *vector loop* runs in
 * blocks: inside it a register is either uniform (one value) or varying (a block of values, one per iteration). */
#ifndef NUMC_CPU_CPU_H
#define NUMC_CPU_CPU_H

#include <stdbool.h>

#include "block.h"

typedef struct numc_cpu_blas numc_cpu_blas;

struct numc_device {
    const numc_host *host;
    const numc_blocks *blocks;
    numc_cpu_blas *blas;
};

/* ---- kernels ---------------------------------------------------------------------------------------------------------- */

/* An operation without a block function: the host's scalar function, value by value. */
typedef struct numc_cpu_host_call {
    void (*function)(void *result, const void *const *operands);
    uint32_t arity;
    uint32_t sizes[5]; /* operands, then the result at [4] */
} numc_cpu_host_call;

/* What is known about a node before its arguments. */
typedef struct numc_cpu_node {
    int32_t parent;  /* the loop around it, -1 at top level */
    int32_t depth;   /* number of loops around it */
    int32_t store;   /* SCALAR: a STORE of its result in the same loop body that may take its place, or -1 */
    int32_t dying;   /* first register last used here; then numc_kernel.next_dying */
    uint8_t arity;
    bool leaf;       /* loops: no loop inside */
    bool same_size;  /* SCALAR: all operands and the result have one element size */
    uint16_t code;   /* SCALAR: the step that computes it on single values */
    float weight;    /* SCALAR: estimated ns per value in a block */
    const numc_block_row *row;      /* SCALAR with block functions */
    numc_block_row own_row;         /* for operations whose row depends on two dtypes */
    numc_cpu_host_call host_call;   /* SCALAR without */
    const numc_block_reduction *reduction;
    const numc_block_argument *argument;
    const numc_block_memory *memory;
} numc_cpu_node;

struct numc_kernel {
    size_t size;
    uint32_t node_count, register_count, access_count, local_count, buffer_count, extent_count, constant_count;
    uint32_t depth, loop_count, memory_count, accumulate_count;
    numc_kernel_node *nodes;
    numc_cpu_node *facts;
    uint32_t *register_dtypes;
    uint8_t *register_sizes;
    numc_kernel_access *accesses;
    numc_kernel_local *locals;
    int32_t *definition; /* per register: node that assigns it, -1: none */
    int32_t *last_use;   /* per register: node after which it is dead; the end of a loop where the loop repeats the use */
    int32_t *next_dying;
};

int32_t numc_cpu_kernel_build(numc_device *device, const numc_kernel_source *source, numc_kernel **kernel);
int32_t numc_cpu_kernel_run(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *arguments);
void numc_cpu_kernel_release(numc_device *device, numc_kernel *kernel);
int32_t numc_cpu_launch_prepare(numc_device *device, numc_kernel *kernel,
                                const numc_kernel_arguments *arguments, numc_launch **launch);
int32_t numc_cpu_launch_run(numc_device *device, numc_launch *launch);
void numc_cpu_launch_release(numc_device *device, numc_launch *launch);

/* ---- plans ------------------------------------------------------------------------------------------------------------ */

typedef union numc_cpu_value {
    uint8_t boolean;
    int64_t int64;
    uint64_t bits;
    uint32_t bits32;
    uint16_t bits16;
    double float64;
    float float32;
} numc_cpu_value;

/* The steps. Where an operand is a *slot*, it is the address of a pointer to the values; else of the value itself. */
typedef enum numc_cpu_code {
    STEP_HALT,
    /* loops: r numc_cpu_loop, jump relative */
    STEP_LOOP, STEP_NEXT, STEP_ENDLESS, STEP_NEXT_ENDLESS, STEP_CONTINUE, STEP_VECTOR, STEP_NEXT_VECTOR,
    /* single values */
    STEP_CALL,       /* fn(1, r, a, b, c, d) */
    STEP_HOST_CALL,  /* host_call(r, a, b, c, d) */
    STEP_MOVE,
    STEP_LOAD_8, STEP_LOAD_4, STEP_LOAD_2, STEP_LOAD_1,     /* r value, a slot */
    STEP_STORE_8, STEP_STORE_4, STEP_STORE_2, STEP_STORE_1, /* r slot, a value */
    STEP_LOAD_AT,    /* r value, a slot, b index, imm bytes per index; jump: element size */
    STEP_STORE_AT,   /* r slot, a value, b index */
    STEP_LOCAL_LOAD, /* r value, a index, b base, imm count; jump: element size */
    STEP_LOCAL_STORE, /* r base, a index, b value */
    STEP_LANES_START,    /* r lanes, a identity, imm lane size */
    STEP_LANES_ADD,      /* float64 sum: r lanes, a value, b loop index */
    STEP_LANES_COMBINE,  /* r lanes, a value, b loop index, imm lane size */
    STEP_LANES_FINISH,   /* finish(r value, a lanes) */
    STEP_EXTREME_START,  /* r state */
    STEP_EXTREME,        /* r state, a value, b loop index */
    STEP_EXTREME_FINISH, /* r value, a state */
    /* blocks */
    STEP_BLOCK,          /* fn(length, slots) */
    STEP_BLOCK_1, STEP_BLOCK_2, /* the same with one or two operands */
    STEP_BLOCK_HOST,
    STEP_BLOCK_COPY,     /* r slot, a slot */
    STEP_BLOCK_FILL,     /* r slot, a value */
    STEP_BLOCK_LOAD,     /* r slot, a slot, imm step */
    STEP_BLOCK_STORE,
    STEP_BLOCK_LOAD_INDEXED,  /* r slot, a slot, b slot of indices, imm bytes per index, c step */
    STEP_BLOCK_STORE_INDEXED, /* r slot, a slot, b slot of indices */
    STEP_ADDRESS,        /* slot r = slot a + b value * imm */
    STEP_IOTA,           /* r slot, a loop */
    STEP_BLOCK_ACCUMULATE, /* r lanes, a slot */
    STEP_BLOCK_WHOLE,    /* r value, a slot */
    STEP_BLOCK_EXTREME,  /* r state, a slot, b loop index */
    STEP_BLOCK_LANES_START,   /* r slot of 8 blocks, a identity */
    STEP_BLOCK_LANES_COMBINE, /* r slot, a slot, b loop index */
    STEP_BLOCK_LANES_FINISH,  /* r slot, a slot of 8 blocks */
    STEP_BLOCK_LOCAL_LOAD,  /* r slot, a index, b slot of the blocks, imm count */
    STEP_BLOCK_LOCAL_STORE, /* r slot of the blocks, a index, b slot */
    STEP_BLOCK_LOCAL_GATHER,  /* r slot, a slot of indices, b base, imm count */
    STEP_BLOCK_LOCAL_SCATTER, /* r base, a slot of indices, b slot */
    /* float64 single values: r = a op b */
    STEP_F64_ADD, STEP_F64_SUBTRACT, STEP_F64_MULTIPLY, STEP_F64_DIVIDE, STEP_F64_NEGATIVE, STEP_F64_ABS,
    STEP_F64_SQRT, STEP_F64_SQUARE, STEP_F64_RECIPROCAL, STEP_F64_MAXIMUM, STEP_F64_MINIMUM,
    STEP_F64_LESS, STEP_F64_LESS_EQUAL, STEP_F64_GREATER, STEP_F64_GREATER_EQUAL, STEP_F64_EQUAL,
    STEP_F64_NOT_EQUAL, STEP_WHERE_8,
    STEP_I64_ADD, STEP_I64_SUBTRACT, STEP_I64_MULTIPLY, STEP_I64_LESS, STEP_I64_LESS_EQUAL, STEP_I64_GREATER,
    STEP_I64_GREATER_EQUAL, STEP_I64_EQUAL, STEP_I64_NOT_EQUAL,
    STEP_BOOL_NOT, STEP_BOOL_AND, STEP_BOOL_OR
} numc_cpu_code;

typedef struct numc_cpu_step {
    uint32_t code;
    int32_t jump;
    union {
        numc_block_fn block;
        const numc_cpu_host_call *host_call;
        const numc_block_memory *memory;
        const numc_block_reduction *reduction;
        const numc_block_argument *argument;
    } fn;
    void *r, *a, *b, *c, *d;
    int64_t imm;
} numc_cpu_step;

typedef struct numc_cpu_cursor {
    char **cursor;
    int64_t step; /* bytes per iteration */
} numc_cpu_cursor;

typedef struct numc_cpu_loop {
    int64_t index;
    const int64_t *extent;
    int64_t fixed; /* the extent where it is known; else `extent` points to a register */
    int64_t first; /* where this plan's part of the loop begins: the cursors start there */
    int64_t update_count;
    numc_cpu_cursor *updates;
} numc_cpu_loop;

typedef struct numc_cpu_plan {
    size_t size, block_size;
    numc_cpu_step *steps;
    void *block_memory; /* as allocated */
    size_t block; /* elements per block */
    double cost;  /* estimated ns */
    bool broken;  /* a run stopped half way: the cursors are no longer where they were */
} numc_cpu_plan;

struct numc_launch {
    size_t size;
    int64_t count;
    numc_cpu_plan *plans[1]; /* count: the parts of a split loop */
};

/* plan.c. part of parts: which share of the outermost loop this plan runs; parts is 1 where the loop is not split. */
int32_t numc_cpu_plan_build(numc_device *device, const numc_kernel *kernel, const numc_kernel_arguments *arguments,
                            int64_t part, int64_t parts, numc_cpu_plan **plan);
void numc_cpu_plan_release(numc_device *device, numc_cpu_plan *plan);

/* run.c. Allocates nothing. `blocks` is the table the plan was made with. */
int32_t numc_cpu_plan_run(const numc_device *device, numc_cpu_plan *plan);

static inline void *numc_cpu_allocate(const numc_host *host, size_t size)
{
    return host->allocate(host->user, NULL, 0, size > 0 ? size : 1);
}

static inline void numc_cpu_free(const numc_host *host, void *pointer, size_t size)
{
    if (pointer != NULL)
        (void)host->allocate(host->user, pointer, size > 0 ? size : 1, 0);
}

static inline int32_t numc_cpu_fail(const numc_host *host, numc_status status, const char *message)
{
    return host->error(host->user, (int32_t)status, message);
}

/* Bytes per element of the dtypes this backend computes with; 0 for others. */
static inline uint32_t numc_cpu_size(uint32_t dtype)
{
    static const uint8_t sizes[NUMC_DTYPE_COUNT] = {
        [NUMC_BOOL] = 1,   [NUMC_INT8] = 1,   [NUMC_INT16] = 2,  [NUMC_INT32] = 4,   [NUMC_INT64] = 8,
        [NUMC_UINT8] = 1,  [NUMC_UINT16] = 2, [NUMC_UINT32] = 4, [NUMC_UINT64] = 8,  [NUMC_FLOAT32] = 4,
        [NUMC_FLOAT64] = 8,
    };
    return dtype < NUMC_DTYPE_COUNT ? sizes[dtype] : 0;
}

static inline bool numc_cpu_is_loop(uint32_t kind)
{
    return kind >= NUMC_NODE_PARALLEL && kind <= NUMC_NODE_WHILE;
}

#endif
