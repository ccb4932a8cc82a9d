/* program.h - internal: a compiled graph. A program is immutable: a prologue (what depends on data alone) and a body. A binding is
 * data plus the prologue's results, immutable too. A workspace belongs to one thread: buffers and prepared launches; running it
 * allocates nothing, takes no lock and looks nothing up. */
#ifndef NUMC_COMPILE_PROGRAM_H
#define NUMC_COMPILE_PROGRAM_H

#include "graph/graph.h"

typedef struct numc_program numc_program;
typedef struct numc_binding numc_binding;
typedef struct numc_workspace numc_workspace;

typedef struct numc_program_options {
    /* input_count flags: true for inputs that stay the same over many runs (data); what depends on them alone is computed
     * once per binding. NULL: none. */
    const bool *data;
    bool later; /* its native code may come later where NUMC_JIT=on has it made here and now; then a failure is logged, no error */
} numc_program_options;

/* options NULL: a program for numc__program_call alone, in which every input is an array read in place. Otherwise bindings and
 * workspaces. The passes are the table of stage.c. The graph is kept. */
numc_program *numc__program_new(numc_context *context, numc_graph *graph, const numc_program_options *options);
numc_program *numc__program_keep(numc_program *program);
void numc__program_release(numc_program *program); /* counted: bindings keep it */
/* Programs shared by what traces the same graph: a model and those bound from it. Counted; safe from any thread. */
typedef struct numc_program_cache numc_program_cache;
numc_program_cache *numc__program_cache_new(numc_context *context);
numc_program_cache *numc__program_cache_keep(numc_program_cache *cache);
void numc__program_cache_release(numc_program_cache *cache); /* NULL is accepted */
/* As numc__program_new, but an equal graph with equal flags gives the program made before. cache may be NULL. */
numc_program *numc__program_shared(numc_context *context, numc_program_cache *cache, numc_graph *graph,
                                   const numc_program_options *options);

/* Data inputs in the order of the graph's flagged inputs; runs the prologue. */
numc_binding *numc__binding_new(numc_context *context, numc_program *program, const numc_array *const *data, int32_t data_count);
numc_binding *numc__binding_keep(numc_binding *binding);
uint64_t numc__binding_bytes(const numc_binding *binding); /* of what the prologue made */
const numc_program *numc__binding_program(const numc_binding *binding);
void numc__binding_release(numc_binding *binding);
numc_workspace *numc__workspace_new(numc_context *context, numc_binding *binding);
void numc__workspace_free(numc_workspace *workspace);

/* The workspace's memory of output k when the device shares memory with the host, so that a caller can read there and pass NULL
 * below; NULL otherwise. */
void *numc__workspace_output(const numc_workspace *workspace, int32_t output);

/* Host-side calls for samplers: inputs that are not data, then outputs, as packed row-major host memory in the value's dtype;
 * no allocation. A NULL pointer in either list leaves that value where it is. */
numc_status numc__workspace_run(numc_context *context, numc_workspace *workspace, const void *const *inputs, void *const *outputs);

/* The device's own memory of input k or output k, and the byte where it begins; for routines that work beside the program. An
 * input's may be used for something else while the program runs. */
void *numc__workspace_memory(const numc_workspace *workspace, bool output, int32_t k, uint64_t *offset);
/* The program as text that one work item of a device runs, for routines whose items have a position each: a function numc_item(arena,
 * m0, ..., m[memory_count - 1]). */
typedef struct numc_item_text {
    uint64_t arena_bytes, input, outputs[2]; /* where in an item's arena its (only) input and its (two) outputs lie */
    int32_t memory_count;                    /* at most NUMC_ITEM_MEMORIES */
    void *memories[16];
} numc_item_text;
enum { NUMC_ITEM_MEMORIES = 16 };
/* False: it is no work for one item, or has no text; *text may hold rubbish then. */
bool numc__workspace_item(const numc_workspace *workspace, uint32_t dialect, numc_text *text, numc_item_text *item);
/* Calls of the device that neither transfer nor wait. They may be made once and kept for all later runs, so each time they are the
 * same, and what they name outlives the workspace's last run. */
typedef struct numc_calls {
    numc_status (*make)(void *user);
    void *user;
} numc_calls;
/* Like numc__workspace_run as far as it goes without waiting: outputs stay where they are. */
numc_status numc__workspace_send(numc_context *context, numc_workspace *workspace, const void *const *inputs);
/* Puts one run into the device's queue, without transfers and without waiting; `before`, if any, in front of it. Where the device keeps
 * lists of calls both are one. */
numc_status numc__workspace_launch(numc_context *context, numc_workspace *workspace, const numc_calls *before);

/* Runs a program once on arrays (all inputs in graph order), giving arrays: numc_function_call. */
numc_status numc__program_call(numc_context *context, numc_program *program, const numc_array *const *inputs,
                               int32_t input_count, numc_array **outputs, int32_t output_count);

/* Readable: steps with kernels, buffers and their sizes. */
void numc__program_print(numc_text *text, const numc_program *program);
uint64_t numc__program_bytes(const numc_program *program); /* memory of one workspace, with all its loops and threads */

#endif
