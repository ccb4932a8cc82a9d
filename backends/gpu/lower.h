/* lower.h - of backends/gpu: a tree of loops taken apart into kernels a device runs well, each again a tree of loops, so that the host's
 * emitter writes them and its interpreter can check them (tests/gpu).
 *
 * Top-level loops become kernels of their own, run in the order of the source:
 *   FLAT   a nest of parallel loops, shared by work items, or by work groups where there are reduce loops inside.
 *          Of a top-level reduction the first half: CHUNKS contiguous pieces of its iterations, a group each.
 *   GROUP  what stands between the loops, and the second half of reductions: one work group.
 *   ONE    a sequential or while loop: one work item.
 * Numbers that pass between kernels go through a small block of scratch: first 8 bytes for each such register, then the partial results
 * of reductions. Cheap expressions of constants and of memory that is only read are computed again instead. The order of
 * additions depends on extents alone. */
#ifndef NUMC_BACKENDS_GPU_LOWER_H
#define NUMC_BACKENDS_GPU_LOWER_H

#include <stdbool.h>

#include "numc/backend.h"

enum { NUMC_GPU_CHUNK = 4096, NUMC_GPU_CHUNKS = 1024 };

typedef enum numc_gpu_part_kind { NUMC_GPU_FLAT = 1, NUMC_GPU_GROUP_OF_ONE = 2, NUMC_GPU_ONE = 3 } numc_gpu_part_kind;

/* Where a number of a part's launch comes from. */
typedef enum numc_gpu_origin {
    NUMC_GPU_ORIGINAL = 1, /* extent, constant or access `number` of the source */
    NUMC_GPU_COUNT = 2,    /* how many pieces extent `number` has */
    NUMC_GPU_PIECE = 3,    /* how long they are */
    NUMC_GPU_EXTENT = 4,   /* extent `number` as a constant */
    NUMC_GPU_SPILL = 5,    /* access: register slot `number` of the scratch */
    NUMC_GPU_PARTIAL = 6,  /* access: partial results `number`, one for each piece */
    NUMC_GPU_PIECES = 7    /* access `number` of the source in a loop over pieces of extent `of` */
} numc_gpu_origin;

typedef struct numc_gpu_number {
    numc_gpu_origin origin;
    int32_t number, of;
} numc_gpu_number;

typedef struct numc_gpu_part {
    numc_gpu_part_kind kind;
    bool groupable; /* FLAT: may run with a work group for each iteration */
    bool pieces;    /* and always does: the first half of a reduction */
    numc_kernel_source source;
    const int32_t *buffers; /* number in the source, or -1: scratch */
    const numc_gpu_number *extents, *accesses, *constants;
    int32_t flat_extents[8];  /* FLAT: the part's extents whose product is the number of iterations */
    uint32_t flat_count;
    int32_t inner_extents[8]; /* of loops directly inside, as far as they are extents */
    uint32_t inner_count;
} numc_gpu_part;

typedef struct numc_gpu_plan {
    const numc_host *host;
    struct numc_gpu_chunk *memory;
    bool failed; /* out of memory */
    bool whole;  /* one FLAT part that is the source */
    uint32_t depth;
    numc_gpu_part *parts;
    uint32_t part_count, part_capacity;
    uint32_t slots, partials; /* of the scratch */
} numc_gpu_plan;

/* False: out of memory. The plan keeps nothing of the source. */
bool numc_gpu_plan_make(const numc_host *host, const numc_kernel_source *source, numc_gpu_plan *plan);
void numc_gpu_plan_end(numc_gpu_plan *plan);

uint64_t numc_gpu_scratch_bytes(const numc_gpu_plan *plan);
uint32_t numc_gpu_word_count(const numc_kernel_source *source);
/* extents, offsets, strides, constants of one part's launch. */
void numc_gpu_words(const numc_gpu_plan *plan, const numc_gpu_part *part, const numc_kernel_arguments *arguments, int64_t *words);
/* Iterations of a FLAT part, and of the loops inside one. */
int64_t numc_gpu_flat(const numc_gpu_part *part, const int64_t *words, int64_t *inner);
/* How much a source computes: node executions, where extents are known. */
int64_t numc_gpu_work(const numc_kernel_source *source, const int64_t *extents);

#endif
