/* exec.h - internal to src/compile: a straight list of steps made of part of an ir: fused kernels, calls of backend slots, and
 * control flow over further lists. Immutable once built; memory is one arena per workspace plus external arrays. */
#ifndef NUMC_COMPILE_EXEC_H
#define NUMC_COMPILE_EXEC_H

#include "compile/ir.h"
#include "native/native.h"

/* Where a value lives. REGION: at an offset in the arena. EXTERNAL: array number `index` of the binding. CONSTANT: array
 * number `index` of the exec. */
typedef enum numc_place_kind {
    NUMC_PLACE_NONE, NUMC_PLACE_REGION, NUMC_PLACE_EXTERNAL, NUMC_PLACE_CONSTANT
} numc_place_kind;
typedef struct numc_place {
    numc_place_kind kind;
    int32_t index;
    uint64_t offset, bytes; /* REGION, in bytes */
} numc_place;

/* A strided look at a placed value. */
typedef struct numc_slot_view {
    int32_t value; /* ir value that is placed */
    numc_dtype dtype;
    int32_t rank;
    int64_t offset;
    int64_t *shape, *strides;
} numc_slot_view;

static inline uint64_t numc__slot_bytes(const numc_slot_view *view)
{
    uint64_t bytes = numc_dtype_size(view->dtype);
    for (int32_t d = 0; d < view->rank; d++)
        bytes *= (uint64_t)view->shape[d];
    return bytes;
}

typedef enum numc_step_kind { NUMC_STEP_KERNEL, NUMC_STEP_SLOT, NUMC_STEP_COND, NUMC_STEP_SCAN, NUMC_STEP_WHILE } numc_step_kind;

typedef struct numc_exec numc_exec;

typedef struct numc_step {
    numc_step_kind kind;
    /* KERNEL: arguments but for the buffers; `buffers` says what lies in buffer b. */
    numc_kernel_source source;
    numc_kernel *kernel;
    int64_t *extents, *offsets, *strides;
    uint64_t *constants;
    int32_t *access_values; /* per access: the value whose place it is in */
    numc_place *buffers;    /* source.buffer_count; a REGION is a buffer of its own: those of one step never overlap */
    /* SLOT, COND, SCAN, WHILE */
    int32_t primitive;
    const numc_attributes *attributes;
    numc_slot_view *inputs, *outputs;
    int32_t input_count, output_count;
    numc_exec *bodies[2]; /* COND: true, false; SCAN: body; WHILE: condition, step */
    uint64_t body_offsets[2]; /* where their arenas lie in this one's, while the step runs; on a device with memory apart they lie in blocks */
} numc_step;

struct numc_exec {
    numc_context *context; /* the lane it is built on; not used afterwards */
    numc_backend_device *device;
    numc_ir *ir;           /* borrowed from the program, or owned (`owns_ir`: bodies) */
    bool owns_ir;
    numc_arena arena;
    numc_place *places; /* per ir value */
    numc_step *steps;
    int32_t step_count;
    uint64_t arena_bytes;
    /* On a device with memory apart, which has no addresses: the bytes of allocations for the arenas of bodies. Steps run one after another,
     * so all share them: a body takes the block after those of the bodies in it, and a block is as large as the largest that takes it. */
    uint64_t *blocks;
    int32_t block_count;
    int32_t *inputs; /* values written by the caller before each run; all have regions */
    int32_t input_count;
    bool *lent;       /* per input, or NULL: read by slots alone, which look at the caller's memory instead of a region */
    int32_t first_sequence, sequence_count; /* of the inputs: what the caller takes from its sequences, the body of a scan */
    int32_t *outputs; /* values read by the caller after; all have regions */
    int32_t output_count;
    int32_t external_count;
    numc_array **constants; /* buffers the steps read; kept by the ir */
    int32_t constant_count;
    struct numc_native *native; /* the program's unit of native code, or NULL; */
    int32_t number;             /* this exec's function in it */
};

/* Which of the program's blocks is the arena of body b. A condition and its loop are there at once. */
static inline int32_t numc__body_block(const numc_step *step, int b)
{
    int32_t own = step->bodies[b]->block_count;
    if (step->kind != NUMC_STEP_WHILE)
        return own;
    int32_t other = step->bodies[1 - b]->block_count;
    return (own > other ? own : other) + b;
}

/* ---- native code (native.c) ---------------------------------------------------------------------------------------------- */
/* What a native function of an exec works on. */
struct numc_native_frame {
    char *arena;
    char *const *externals, *const *constants;   /* their first elements */
    const numc_native_frame *const *bodies;      /* two for each step */
    int32_t (*step)(void *state, int32_t step);  /* runs a step that has no text */
    void (*lend)(void *state, int32_t input, void *memory, int64_t offset); /* where a lent input lies: `offset` elements on */
    void *state;
    void **lent; /* per input: the first element of a lent one, for what looks at it in text */
};
/* Numbers an exec and its bodies from `count` on, and gives them the unit; the number after the last. */
int32_t numc__exec_number(numc_exec *exec, struct numc_native *native, int32_t count);
/* The text of execs numbered one after another from 0, `functions` in all. False: something in them has no text, or no memory. */
bool numc__exec_text(numc_text *text, const numc_exec *const *execs, int32_t count, int32_t functions);

/* ---- text for one work item (item.c) ---------------------------------------------------------------------------------------- */
/* The exec as functions of a device's dialect, the last of which, numc_item(arena, m0, m1, ...), runs all of it on one work item; m are
 * the arrays of the binding, then those of the exec. False: it is more than kernels of few iterations, or has no text. */
bool numc__exec_item(numc_text *text, const numc_exec *exec, numc_array *const *externals, uint32_t dialect);

/* ---- running (workspace.c) ---------------------------------------------------------------------------------------------- */
typedef struct numc_exec_state numc_exec_state; /* arena, prepared launches and views of one user of an exec */
struct numc_calls; /* program.h */
numc_exec_state *numc__exec_state_new(numc_context *context, const numc_exec *exec, numc_array *const *externals);
void numc__exec_state_free(numc_exec_state *state);
numc_status numc__exec_run(numc_context *context, numc_exec_state *state);
/* The same for a state that runs often, behind `before` or (NULL) by itself: where the device can keep a list of calls, they are given
 * to it as one from the fourth run on. Steps that look at values on the host (branches, while loops, external functions) cannot be kept. */
numc_status numc__exec_repeat(numc_context *context, numc_exec_state *state, const struct numc_calls *before);
/* The arena's memory and where a value of the exec lies in it. */
void *numc__exec_memory(const numc_exec_state *state);

/* Lowers what `outputs` need. external[v] >= 0: value v is array number external[v] of the binding. inputs: values the caller
 * writes before each run. */
numc_exec *numc__exec_new(numc_context *context, numc_ir *ir, const int32_t *external, int32_t external_count,
                          const int32_t *inputs, int32_t input_count, const int32_t *outputs, int32_t output_count);
/* The body of a scan or a branch: a graph of its own in which every input is written by the caller. */
numc_exec *numc__exec_body(numc_context *context, numc_graph *graph);
/* Inputs first .. first + count - 1 that slots alone read are lent from now on. False: no memory. */
bool numc__exec_lend(numc_exec *exec, int32_t first, int32_t count);
/* Whether a step looks at an input where it lies, wherever that is: a slot, or a scan at a sequence. */
bool numc__exec_takes_loans(const numc_step *step, int32_t input);
/* A scan without carries, large enough for its iterations to be spread over threads. Each has its own results, so the bits do not
 * depend on how many there are. */
bool numc__exec_spreads(const numc_exec *exec, const numc_step *step);
/* Memory of one state of it, on so many threads: its arena, those of iterations on other threads, its blocks, and host copies for external
 * functions on a device with memory of its own. */
uint64_t numc__exec_bytes(const numc_exec *exec, int64_t threads);
void numc__exec_free(numc_exec *exec);
void numc__exec_print(numc_text *text, const numc_exec *exec, int32_t indent);

#endif
