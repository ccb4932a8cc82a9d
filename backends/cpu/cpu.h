/* cpu.h - internal to the cpu backend: the device, and how a kernel becomes a plan.
 *
 * kernel.c checks a loop tree and looks up its functions once. plan.c turns it, when buffers, strides and extents are known,
 * into a list of steps whose operands are addresses; choose.c decides how loops run. run.c walks the steps. A loop chosen as
 * the *vector loop* runs in blocks: inside it a register is either uniform (one value) or varying (a block of values, one
 * per iteration). */
#ifndef NUMC_CPU_CPU_H
#define NUMC_CPU_CPU_H

#include <stdbool.h>

#include "block.h"

typedef struct numc_cpu_blas numc_cpu_blas;
typedef struct numc_cpu_fft_plans numc_cpu_fft_plans;

struct numc_device {
    const numc_host *host;
    const numc_blocks *blocks;
    numc_cpu_blas *blas;
    numc_cpu_fft_plans *fft_plans;
};

/* ---- kernels ---------------------------------------------------------------------------------------------------------- */

/* An operation without a block function: the host's scalar function, value by value. */
typedef struct numc_cpu_host_call {
    void (*function)(void *result, const void *const *operands);
    uint32_t arity;
    uint32_t sizes[5]; /* operands, then the result at [4] */
} numc_cpu_host_call;

/* A node that does nothing: a conversion to its own dtype, whose users take its operand instead. */
enum { NUMC_CPU_NODE_NOTHING = 0x10000 };

/* What is known about a node before its arguments. */
typedef struct numc_cpu_node {
    int32_t parent;  /* the loop around it, -1 at top level */
    int32_t depth;   /* number of loops around it */
    int32_t store;   /* SCALAR: a STORE of its result in the same loop body that may take its place, or -1 */
    int32_t joined;  /* MULTIPLY of float64: the ADD or SUBTRACT in the same loop body that alone uses it, or -1 */
    int32_t paired;  /* SCALAR: the operation in the same loop body that alone uses it and, in blocks, computes it too, or -1 */
    int32_t pairs;   /* SCALAR: the operation it computes in blocks beside its own, or -1 */
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

/* A kernel of one leaf, run without a plan; direct.c. */
typedef enum numc_cpu_direct_kind { NUMC_CPU_DIRECT_NONE, NUMC_CPU_DIRECT_MAP, NUMC_CPU_DIRECT_REDUCE } numc_cpu_direct_kind;

typedef struct numc_cpu_direct_operand {
    int16_t number; /* of the access, or of the constant */
    uint16_t size;  /* bytes per element */
    bool constant;
} numc_cpu_direct_operand;

typedef struct numc_cpu_direct {
    numc_cpu_direct_kind kind;
    int32_t depth, operands;
    float weight; /* estimated ns per element */
    bool selects; /* WHERE */
    int32_t extent[8]; /* by loop */
    numc_cpu_direct_operand operand[4], result;
    const numc_block_row *row; /* MAP; NULL: copy */
    const numc_block_reduction *reduction;
    const numc_block_argument *argument;
    const numc_block_memory *memory[5]; /* of the operands; of the result at [4] */
} numc_cpu_direct;

struct numc_kernel {
    size_t size;
    numc_cpu_direct direct;
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

void numc_cpu_direct_find(const numc_device *device, numc_kernel *kernel);
/* False: nothing was done, a plan is to run it. Allocates nothing, and may be called from several threads at once. */
bool numc_cpu_direct_run(const numc_device *device, const numc_kernel *kernel, const numc_kernel_arguments *arguments);

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
#define NUMC_CPU_STEPS(X)                                                                          \
    X(HALT)                                                                                        \
    /* loops: r numc_cpu_loop, jump relative */                                                    \
    X(LOOP) X(NEXT) X(ENDLESS) X(NEXT_ENDLESS) X(CONTINUE) X(VECTOR) X(NEXT_VECTOR)                \
    /* single values */                                                                            \
    /* fn(1, r, a, b, c, d) */                                                                     \
    X(CALL) X(CALL_ROW) X(LOAD_ROW) X(STORE_ROW)                                                   \
    /* host_call(r, a, b, c, d) */                                                                 \
    X(HOST_CALL)                                                                                   \
    X(MOVE)                                                                                        \
    /* r value, a slot */                                                                          \
    X(LOAD_8) X(LOAD_4) X(LOAD_2) X(LOAD_1)                                                        \
    /* r slot, a value */                                                                          \
    X(STORE_8) X(STORE_4) X(STORE_2) X(STORE_1)                                                    \
    /* r value, a slot, b index, imm bytes per index; jump: element size */                        \
    X(LOAD_AT)                                                                                     \
    /* r slot, a value, b index */                                                                 \
    X(STORE_AT)                                                                                    \
    /* r value, a index, b base, imm count; jump: element size */                                  \
    X(LOCAL_LOAD)                                                                                  \
    /* r base, a index, b value */                                                                 \
    X(LOCAL_STORE)                                                                                 \
    /* r lanes, a identity, imm lane size */                                                       \
    X(LANES_START)                                                                                 \
    /* float64 sum: r lanes, a value, b loop index */                                              \
    X(LANES_ADD)                                                                                   \
    /* r lanes, a value, b loop index, imm lane size */                                            \
    X(LANES_COMBINE)                                                                               \
    /* finish(r value, a lanes) */                                                                 \
    X(LANES_FINISH)                                                                                \
    /* r state */                                                                                  \
    X(EXTREME_START)                                                                               \
    /* r state, a value, b loop index */                                                           \
    X(EXTREME)                                                                                     \
    /* r value, a state */                                                                         \
    X(EXTREME_FINISH)                                                                              \
    /* blocks */                                                                                   \
    /* fn(length, slots) */                                                                        \
    X(BLOCK)                                                                                       \
    /* the same with one or two operands */                                                        \
    X(BLOCK_1) X(BLOCK_2)                                                                          \
    X(BLOCK_HOST)                                                                                  \
    /* r slot, a slot */                                                                           \
    X(BLOCK_COPY)                                                                                  \
    /* r slot, a value */                                                                          \
    X(BLOCK_FILL)                                                                                  \
    /* r slot, a slot, imm step */                                                                 \
    X(BLOCK_LOAD)                                                                                  \
    X(BLOCK_STORE)                                                                                 \
    /* r slot, a slot, b slot of indices, imm bytes per index, c step */                           \
    X(BLOCK_LOAD_INDEXED)                                                                          \
    /* r slot, a slot, b slot of indices */                                                        \
    X(BLOCK_STORE_INDEXED)                                                                         \
    /* slot r = slot a + b value * imm */                                                          \
    X(ADDRESS)                                                                                     \
    /* r slot, a loop */                                                                           \
    X(IOTA)                                                                                        \
    /* r lanes, a slot */                                                                          \
    X(BLOCK_ACCUMULATE)                                                                            \
    /* r value, a slot */                                                                          \
    X(BLOCK_WHOLE)                                                                                 \
    /* r state, a slot, b loop index */                                                            \
    X(BLOCK_EXTREME)                                                                               \
    /* r slot of 9 blocks, a identity, imm lanes where they are few: then only the last block is filled */\
    X(BLOCK_LANES_START)                                                                           \
    /* r slot, a slot, b loop index */                                                             \
    X(BLOCK_LANES_COMBINE)                                                                         \
    /* the same, the lane being the identity before */                                             \
    X(BLOCK_LANES_SET)                                                                             \
    /* r slot, a slot of 9 blocks, imm lanes where they are few */                                 \
    X(BLOCK_LANES_FINISH)                                                                          \
    /* r slot, a index, b slot of the blocks, imm count */                                         \
    X(BLOCK_LOCAL_LOAD)                                                                            \
    /* r slot of the blocks, a index, b slot */                                                    \
    X(BLOCK_LOCAL_STORE)                                                                           \
    /* r slot, a slot of indices, b base, imm count */                                             \
    X(BLOCK_LOCAL_GATHER)                                                                          \
    /* r base, a slot of indices, b slot */                                                        \
    X(BLOCK_LOCAL_SCATTER)                                                                         \
    /* float64 single values: r = a op b */                                                        \
    X(F64_ADD) X(F64_SUBTRACT) X(F64_MULTIPLY) X(F64_DIVIDE) X(F64_NEGATIVE) X(F64_ABS)            \
    X(F64_SQRT) X(F64_SQUARE) X(F64_RECIPROCAL) X(F64_MAXIMUM) X(F64_MINIMUM)                      \
    X(F64_LESS) X(F64_LESS_EQUAL) X(F64_GREATER) X(F64_GREATER_EQUAL) X(F64_EQUAL)                 \
    X(F64_NOT_EQUAL) X(WHERE_8)                                                                    \
    /* a b + c, a b - c, c - a b, each rounded twice */                                            \
    X(F64_MULTIPLY_ADD) X(F64_MULTIPLY_SUBTRACT) X(F64_SUBTRACT_PRODUCT)                           \
    X(I64_ADD) X(I64_SUBTRACT) X(I64_MULTIPLY) X(I64_LESS) X(I64_LESS_EQUAL) X(I64_GREATER)        \
    X(I64_GREATER_EQUAL) X(I64_EQUAL) X(I64_NOT_EQUAL)                                             \
    X(BOOL_NOT) X(BOOL_AND) X(BOOL_OR)

typedef enum numc_cpu_code {
#define NUMC_X(name) STEP_##name,
    NUMC_CPU_STEPS(NUMC_X)
#undef NUMC_X
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

static inline void *numc_cpu_allocate(const numc_host *host, size_t size)
{
    return host->allocate(host->user, NULL, 0, size > 0 ? size : 1);
}

static inline void numc_cpu_free(const numc_host *host, void *pointer, size_t size)
{
    if (pointer != NULL)
        (void)host->allocate(host->user, pointer, size > 0 ? size : 1, 0);
}

/* Asks for large pages where the memory is large: far fewer misses of the page table's cache. plugin.c. */
void numc_cpu_large_pages(void *memory, size_t bytes);

static inline int32_t numc_cpu_fail(const numc_host *host, numc_status status, const char *message)
{
    return host->error(host->user, (int32_t)status, message);
}

/* Bytes of a register's values; 0 for complex dtypes, which kernels do not hold. */
static inline uint32_t numc_cpu_size(uint32_t dtype)
{
    static const uint8_t sizes[NUMC_DTYPE_COUNT] = {
        [NUMC_BOOL] = 1,   [NUMC_INT8] = 1,   [NUMC_INT16] = 2,  [NUMC_INT32] = 4,   [NUMC_INT64] = 8,
        [NUMC_UINT8] = 1,  [NUMC_UINT16] = 2, [NUMC_UINT32] = 4, [NUMC_UINT64] = 8,  [NUMC_FLOAT32] = 4,
        [NUMC_FLOAT64] = 8,
    };
    return dtype < NUMC_DTYPE_COUNT ? sizes[dtype] : 0;
}

/* Bytes per element of a view: complex dtypes too. */
static inline uint32_t numc_cpu_view_size(uint32_t dtype)
{
    return dtype == NUMC_COMPLEX64 ? 8 : dtype == NUMC_COMPLEX128 ? 16 : numc_cpu_size(dtype);
}

static inline bool numc_cpu_is_loop(uint32_t kind)
{
    return kind >= NUMC_NODE_PARALLEL && kind <= NUMC_NODE_WHILE;
}

#endif
