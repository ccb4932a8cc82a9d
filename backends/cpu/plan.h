/* plan.h - internal to the cpu backend: what the parts of making a plan share. choose.c decides which loops are vector loops
 * and which memory accesses may disturb each other; plan.c walks the loops; write.c writes the steps of nodes. */
#ifndef NUMC_CPU_PLAN_H
#define NUMC_CPU_PLAN_H

#include "cpu.h"

enum {
    NUMC_CPU_GUESSED_EXTENT = 16, /* for extents held in registers */
    NUMC_CPU_BLOCK_LEAST = 8      /* elements of a block: a multiple of the 8 lanes */
};

typedef struct binding {
    void *value;   /* where the single value is; NULL: not yet assigned */
    void **slot;   /* varying: where the pointer to the block is */
    int32_t block; /* the block it owns, -1: none */
    bool varying;  /* within the vector loop */
    bool early;    /* inside the vector loop: known before its first block */
} binding;

typedef struct builder {
    numc_device *device;
    const numc_kernel *kernel;
    const numc_kernel_arguments *arguments;
    numc_cpu_plan *plan;
    int64_t part, parts;

    binding *bindings;
    numc_cpu_loop *loops; /* by loop number */
    int32_t *loop_numbers; /* by node */
    numc_cpu_cursor *updates;
    size_t update_count;
    numc_cpu_value *values;   /* per register */
    void **value_slots;       /* per register: points to its value */
    void **block_slots;       /* per register */
    void **spread_slots;      /* per register: a uniform value spread over a block */
    int32_t *spread_blocks;
    char **cursors;           /* per node: the address a load or store touches */
    void **addresses;         /* per node: the same, moved by a uniform index */
    void **lane_slots;        /* per node: 8 blocks of an accumulation */
    int32_t *lane_blocks;
    void **local_slots;       /* per local: one block per element */
    int32_t *local_blocks;    /* -1: not in blocks */
    char *lanes;              /* per accumulation 64 bytes */
    int32_t *lane_numbers;    /* by node */
    char **local_memory;
    bool *follows; /* per load or store: the one in front of it takes this one along */
    bool *meets_store, *meets_load; /* per load or store of the vector loop: may touch what another one touches */
    int32_t *free_blocks;
    int32_t free_count, block_count;

    numc_cpu_step *steps;
    int32_t count;
    int32_t vector;  /* node of the vector loop around, or -1 */
    int32_t vector_depth;
    bool early_pass;
} builder;

/* ---- facts that need arguments ------------------------------------------------------------------------------------------- */

static inline int64_t stride_of(const builder *b, int32_t node, int32_t depth)
{
    const size_t row = (size_t)b->kernel->depth + 1;
    return b->arguments->strides[(size_t)b->kernel->nodes[node].extent * row + (size_t)depth];
}

static inline int64_t element_size(const builder *b, int32_t node)
{
    return b->kernel->facts[node].memory->size;
}

static inline int32_t index_register(const numc_kernel_node *node)
{
    return node->operands[node->kind == NUMC_NODE_LOAD ? 0 : 1];
}

static inline bool extent_known(const numc_kernel_node *loop)
{
    return loop->kind != NUMC_NODE_WHILE && loop->operands[0] < 0;
}

static inline int64_t extent_of(const builder *b, const numc_kernel_node *loop)
{
    return extent_known(loop) ? b->arguments->extents[loop->extent] : NUMC_CPU_GUESSED_EXTENT;
}

static inline bool inside(const builder *b, int32_t node, int32_t loop)
{
    return node > loop && node < b->kernel->nodes[loop].match;
}

/* ---- choose.c ------------------------------------------------------------------------------------------------------------ */

/* Marks the registers that vary in a loop; false where it cannot be a vector loop. */
bool numc_cpu_vector_allowed(builder *b, int32_t loop);
/* Estimated ns of nodes [from, to) with every loop as it would be chosen; of one loop, and whether it is a vector loop. */
double numc_cpu_cost(builder *b, int32_t from, int32_t to);
double numc_cpu_cost_loop(builder *b, int32_t loop, bool *as_vector);
/* Fills follows: single values one behind another in memory and in registers. */
void numc_cpu_find_rows(builder *b);
/* Fills meets_store and meets_load for a vector loop. */
void numc_cpu_find_meetings(builder *b, int32_t loop);

/* ---- write.c ----------------------------------------------------------------------------------------------------------------- */
/* A step at the end of the plan; blocks: numbers of memory for one block each. */
numc_cpu_step *numc_cpu_emit(builder *b, numc_cpu_code code);
int32_t numc_cpu_take_blocks(builder *b, int32_t count);
/* Which block a slot will point to, until blocks are placed. */
void *numc_cpu_block_mark(int32_t block);
/* Gives back the blocks of registers that node `node` read last. */
void numc_cpu_bury(builder *b, int32_t node);
/* Where a register's value lies: single, in a block of its own, or a single one repeated over a block. */
void numc_cpu_bind_value(builder *b, int32_t reg, void *value);
void **numc_cpu_own_block(builder *b, int32_t reg);
void **numc_cpu_spread(builder *b, int32_t reg);
bool numc_cpu_is_early(const builder *b, int32_t reg);
/* The step of node i. */
void numc_cpu_write_scalar(builder *b, int32_t i);
int32_t numc_cpu_write_run(builder *b, int32_t i, int32_t to);
int numc_cpu_variant_for(const numc_cpu_node *fact, const builder *b, const numc_kernel_node *node);
void numc_cpu_write_block(builder *b, int32_t i);
void numc_cpu_write_load(builder *b, int32_t i);
void numc_cpu_write_store(builder *b, int32_t i);
void numc_cpu_write_local(builder *b, int32_t i);
/* A load or store with those that follow it, `count` in all. */
void numc_cpu_write_row(builder *b, int32_t i, int32_t count);
/* Accumulations directly inside a loop: before it, in it, after it. */
void numc_cpu_start_accumulations(builder *b, int32_t loop);
void numc_cpu_write_accumulate(builder *b, int32_t i);
void numc_cpu_finish_accumulations(builder *b, int32_t loop);
/* Carried registers: a value moved into another register's place (via: memory for it meanwhile), the carries that can lie where
 * their updates do, and the updates at a step's end. */
void numc_cpu_write_move(builder *b, int32_t to, int32_t from, void *via);
void numc_cpu_join_carries(builder *b, int32_t loop);
void numc_cpu_write_updates(builder *b, int32_t loop);

#endif
