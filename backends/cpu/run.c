/* run.c - walks the steps of a plan. Nothing here allocates, locks or searches. */
#include <math.h>
#include <string.h>

#include "cpu.h"

static void move_cursors(const numc_cpu_loop *loop, int64_t iterations)
{
    for (int64_t u = 0; u < loop->update_count; ++u)
        *loop->updates[u].cursor += loop->updates[u].step * iterations;
}

/* Joins the lanes held in 8 blocks: ((0+4)+(2+6)) + ((1+5)+(3+7)). Of few lanes, those that hold values: joining the identity
 * changes nothing, because no lane is -0 after its first sum. */
static void finish_block_lanes(const numc_cpu_step *step, size_t n, size_t bytes)
{
    static const uint8_t tree[7][2] = {{0, 4}, {2, 6}, {0, 2}, {1, 5}, {3, 7}, {1, 3}, {0, 1}};
    const numc_block_fn combine = step->fn.reduction->combine;
    const int64_t lanes = step->imm > 0 ? step->imm : 8;
    char *const first = *(char **)step->a, *const result = *(char **)step->r;
    for (size_t t = 0; t < 7; ++t) {
        if (tree[t][1] >= lanes)
            continue;
        char *to = first + bytes * tree[t][0], *from = first + bytes * tree[t][1];
        combine(n, t == 6 ? result : to, to, from, NULL, NULL);
    }
    if (lanes == 1)
        memcpy(result, first, n * step->fn.reduction->lane_size);
}

static void host_block(const numc_cpu_step *step, size_t n)
{
    const numc_cpu_host_call *call = step->fn.host_call;
    const char *operands[4] = {*(char **)step->a, *(char **)step->b, *(char **)step->c, *(char **)step->d};
    char *result = *(char **)step->r;
    for (size_t i = 0; i < n; ++i) {
        call->function(result, (const void *const *)operands);
        result += call->sizes[4];
        for (uint32_t k = 0; k < call->arity; ++k)
            operands[k] += call->sizes[k];
    }
}

static bool all_within(const int64_t *index, size_t n, int64_t count)
{
    bool good = true;
    for (size_t i = 0; i < n; ++i)
        good = good && index[i] >= 0 && index[i] < count;
    return good;
}

static void copy_value(void *to, const void *from, int64_t size)
{
    switch (size) {
    case 8: memcpy(to, from, 8); break;
    case 4: memcpy(to, from, 4); break;
    case 2: memcpy(to, from, 2); break;
    default: memcpy(to, from, 1); break;
    }
}

static inline void copy_row(void *to, const void *from, size_t size)
{
    switch (size) { /* of known size: no call */
    case 16: memcpy(to, from, 16); break;
    case 24: memcpy(to, from, 24); break;
    case 32: memcpy(to, from, 32); break;
    default: memcpy(to, from, size); break;
    }
}

#define SLOT(x) (*(void **)(x))
#define F64(x) (*(double *)(x))
#define I64(x) (*(int64_t *)(x))
#define U64(x) (*(uint64_t *)(x))
#define BOOL(x) (*(uint8_t *)(x))

/* Each step ends in a jump of its own to the next, which processors predict better than one jump for all. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic" /* labels as values */
#define NEXT goto *labels[(++s)->code]

static int32_t run_plan(const numc_device *device, numc_cpu_plan *plan)
{
    const size_t block = plan->block;
    const size_t block_bytes = (block * 8 + 63) & ~(size_t)63;
    size_t n = 0; /* iterations of the block at hand */
    const numc_cpu_step *s = plan->steps;

    if (plan->broken)
        return numc_cpu_fail(device->host, NUMC_STATE, "a launch that failed is run again");
    static const void *const labels[] = {
#define NUMC_X(name) &&STEP_LABEL_##name,
        NUMC_CPU_STEPS(NUMC_X)
#undef NUMC_X
    };
    goto *labels[s->code];

STEP_LABEL_HALT:
    return NUMC_OK;
STEP_LABEL_LOOP: {
        numc_cpu_loop *loop = s->r;
        loop->index = loop->first;
        if (*loop->extent <= loop->first)
            s += s->jump - 1;
        NEXT;
    }
STEP_LABEL_NEXT: {
        numc_cpu_loop *loop = s->r;
        if (++loop->index < *loop->extent) {
            for (int64_t u = 0; u < loop->update_count; ++u)
                *loop->updates[u].cursor += loop->updates[u].step;
            s += s->jump - 1;
        } else {
            move_cursors(loop, loop->first - (loop->index - 1));
        }
        NEXT;
    }
STEP_LABEL_ENDLESS: ((numc_cpu_loop *)s->r)->index = 0; NEXT;
STEP_LABEL_NEXT_ENDLESS: {
        numc_cpu_loop *loop = s->r;
        loop->index++;
        move_cursors(loop, 1);
        s += s->jump - 1;
        NEXT;
    }
STEP_LABEL_CONTINUE:
        if (!BOOL(s->a)) {
            const numc_cpu_loop *loop = s->r;
            move_cursors(loop, -loop->index);
            s += s->jump - 1;
        }
        NEXT;
STEP_LABEL_VECTOR: {
        numc_cpu_loop *loop = s->r;
        const int64_t count = *loop->extent - loop->first;
        loop->index = loop->first;
        if (count <= 0)
            s += s->jump - 1;
        else
            n = (size_t)count < block ? (size_t)count : block;
        NEXT;
    }
STEP_LABEL_NEXT_VECTOR: {
        numc_cpu_loop *loop = s->r;
        const int64_t next = loop->index + (int64_t)n, rest = *loop->extent - next;
        if (rest > 0) {
            move_cursors(loop, (int64_t)n);
            loop->index = next;
            n = (size_t)rest < block ? (size_t)rest : block;
            s += s->jump - 1;
        } else if (loop->index > loop->first) {
            move_cursors(loop, loop->first - loop->index);
        }
        NEXT;
    }

STEP_LABEL_CALL: s->fn.block(1, s->r, s->a, s->b, s->c, s->d); NEXT;
STEP_LABEL_CALL_ROW: s->fn.block((size_t)s->imm, s->r, s->a, s->b, s->c, s->d); NEXT;
STEP_LABEL_LOAD_ROW: copy_row(s->r, SLOT(s->a), (size_t)s->imm); NEXT;
STEP_LABEL_STORE_ROW: copy_row(SLOT(s->r), s->a, (size_t)s->imm); NEXT;
STEP_LABEL_HOST_CALL: {
        const void *operands[4] = {s->a, s->b, s->c, s->d};
        s->fn.host_call->function(s->r, operands);
        NEXT;
    }
STEP_LABEL_MOVE: U64(s->r) = U64(s->a); NEXT;
STEP_LABEL_LOAD_8: memcpy(s->r, SLOT(s->a), 8); NEXT;
STEP_LABEL_LOAD_4: memcpy(s->r, SLOT(s->a), 4); NEXT;
STEP_LABEL_LOAD_2: memcpy(s->r, SLOT(s->a), 2); NEXT;
STEP_LABEL_LOAD_1: memcpy(s->r, SLOT(s->a), 1); NEXT;
STEP_LABEL_STORE_8: memcpy(SLOT(s->r), s->a, 8); NEXT;
STEP_LABEL_STORE_4: memcpy(SLOT(s->r), s->a, 4); NEXT;
STEP_LABEL_STORE_2: memcpy(SLOT(s->r), s->a, 2); NEXT;
STEP_LABEL_STORE_1: memcpy(SLOT(s->r), s->a, 1); NEXT;
STEP_LABEL_LOAD_AT: copy_value(s->r, (char *)SLOT(s->a) + I64(s->b) * s->imm, s->jump); NEXT;
STEP_LABEL_STORE_AT: copy_value((char *)SLOT(s->r) + I64(s->b) * s->imm, s->a, s->jump); NEXT;
STEP_LABEL_LOCAL_LOAD:
STEP_LABEL_LOCAL_STORE: {
        const int64_t element = I64(s->a);
        if (element < 0 || element >= s->imm)
            goto local_bounds;
        if (s->code == STEP_LOCAL_LOAD)
            copy_value(s->r, (char *)s->b + element * s->jump, s->jump);
        else
            copy_value((char *)s->r + element * s->jump, s->b, s->jump);
        NEXT;
    }
STEP_LABEL_LANES_START: {
        char *lane = s->r;
        for (int k = 0; k < 8; ++k, lane += s->imm)
            copy_value(lane, s->a, s->imm);
        NEXT;
    }
STEP_LABEL_LANES_ADD: ((double *)s->r)[I64(s->b) & 7] += F64(s->a); NEXT;
STEP_LABEL_LANES_COMBINE: {
        char *lane = (char *)s->r + (I64(s->b) & 7) * s->imm;
        s->fn.reduction->combine(1, lane, lane, s->a, NULL, NULL);
        NEXT;
    }
STEP_LABEL_LANES_FINISH: s->fn.reduction->finish(s->r, s->a); NEXT;
STEP_LABEL_EXTREME_START: ((numc_block_extreme *)s->r)->index = -1; NEXT;
STEP_LABEL_EXTREME: s->fn.argument->accumulate(1, s->r, s->a, I64(s->b)); NEXT;
STEP_LABEL_EXTREME_FINISH: {
        const int64_t index = ((numc_block_extreme *)s->a)->index;
        I64(s->r) = index < 0 ? 0 : index;
        NEXT;
    }

STEP_LABEL_BLOCK: s->fn.block(n, SLOT(s->r), SLOT(s->a), SLOT(s->b), SLOT(s->c), SLOT(s->d)); NEXT;
STEP_LABEL_BLOCK_1: s->fn.block(n, SLOT(s->r), SLOT(s->a), NULL, NULL, NULL); NEXT;
STEP_LABEL_BLOCK_2: s->fn.block(n, SLOT(s->r), SLOT(s->a), SLOT(s->b), NULL, NULL); NEXT;
STEP_LABEL_BLOCK_HOST: host_block(s, n); NEXT;
STEP_LABEL_BLOCK_COPY: s->fn.memory->copy(n, SLOT(s->r), SLOT(s->a)); NEXT;
STEP_LABEL_BLOCK_FILL: s->fn.memory->fill(n, SLOT(s->r), s->a); NEXT;
STEP_LABEL_BLOCK_LOAD: s->fn.memory->load(n, SLOT(s->r), SLOT(s->a), s->imm); NEXT;
STEP_LABEL_BLOCK_STORE: s->fn.memory->store(n, SLOT(s->r), SLOT(s->a), s->imm); NEXT;
STEP_LABEL_BLOCK_LOAD_INDEXED:
        s->fn.memory->load_indexed(n, SLOT(s->r), SLOT(s->a), (int64_t)(intptr_t)s->c, SLOT(s->b), s->imm);
        NEXT;
STEP_LABEL_BLOCK_STORE_INDEXED:
        s->fn.memory->store_indexed(n, SLOT(s->r), SLOT(s->a), (int64_t)(intptr_t)s->c, SLOT(s->b), s->imm);
        NEXT;
STEP_LABEL_ADDRESS: SLOT(s->r) = (char *)SLOT(s->a) + I64(s->b) * s->imm; NEXT;
STEP_LABEL_IOTA: device->blocks->iota(n, SLOT(s->r), I64(s->a)); NEXT;
STEP_LABEL_BLOCK_ACCUMULATE: s->fn.reduction->accumulate(n, s->r, SLOT(s->a)); NEXT;
STEP_LABEL_BLOCK_WHOLE: s->fn.reduction->whole(n, s->r, SLOT(s->a)); NEXT;
STEP_LABEL_BLOCK_EXTREME: s->fn.argument->accumulate(n, s->r, SLOT(s->a), I64(s->b)); NEXT;
STEP_LABEL_BLOCK_LANES_START: {
        char *lane = SLOT(s->r);
        if (s->imm > 0)
            s->fn.memory->fill(n, lane + 8 * block_bytes, s->a);
        else
            for (int k = 0; k < 8; ++k, lane += block_bytes)
                s->fn.memory->fill(n, lane, s->a);
        NEXT;
    }
STEP_LABEL_BLOCK_LANES_COMBINE: {
        char *lane = (char *)SLOT(s->r) + (size_t)(I64(s->b) & 7) * block_bytes;
        s->fn.reduction->combine(n, lane, lane, SLOT(s->a), NULL, NULL);
        NEXT;
    }
STEP_LABEL_BLOCK_LANES_SET: {
    char *const lanes = SLOT(s->r);
    s->fn.reduction->combine(n, lanes + (size_t)I64(s->b) * block_bytes, lanes + 8 * block_bytes, SLOT(s->a), NULL, NULL);
    NEXT;
}
STEP_LABEL_BLOCK_LANES_FINISH: finish_block_lanes(s, n, block_bytes); NEXT;
STEP_LABEL_BLOCK_LOCAL_LOAD:
STEP_LABEL_BLOCK_LOCAL_STORE: {
        const int64_t element = I64(s->a);
        if (element < 0 || element >= s->imm)
            goto local_bounds;
        const size_t at = (size_t)element * block_bytes;
        if (s->code == STEP_BLOCK_LOCAL_LOAD)
            s->fn.memory->copy(n, SLOT(s->r), (char *)SLOT(s->b) + at);
        else
            s->fn.memory->copy(n, (char *)SLOT(s->r) + at, SLOT(s->b));
        NEXT;
    }
STEP_LABEL_BLOCK_LOCAL_GATHER:
        if (!all_within(SLOT(s->a), n, s->imm))
            goto local_bounds;
        s->fn.memory->load_indexed(n, SLOT(s->r), s->b, 0, SLOT(s->a), s->fn.memory->size);
        NEXT;
STEP_LABEL_BLOCK_LOCAL_SCATTER:
        if (!all_within(SLOT(s->a), n, s->imm))
            goto local_bounds;
        s->fn.memory->store_indexed(n, s->r, SLOT(s->b), 0, SLOT(s->a), s->fn.memory->size);
        NEXT;

STEP_LABEL_F64_ADD: F64(s->r) = F64(s->a) + F64(s->b); NEXT;
STEP_LABEL_F64_SUBTRACT: F64(s->r) = F64(s->a) - F64(s->b); NEXT;
STEP_LABEL_F64_MULTIPLY: F64(s->r) = F64(s->a) * F64(s->b); NEXT;
STEP_LABEL_F64_DIVIDE: F64(s->r) = F64(s->a) / F64(s->b); NEXT;
STEP_LABEL_F64_NEGATIVE: F64(s->r) = -F64(s->a); NEXT;
STEP_LABEL_F64_ABS: F64(s->r) = fabs(F64(s->a)); NEXT;
STEP_LABEL_F64_SQRT: F64(s->r) = sqrt(F64(s->a)); NEXT;
STEP_LABEL_F64_SQUARE: F64(s->r) = F64(s->a) * F64(s->a); NEXT;
STEP_LABEL_F64_RECIPROCAL: F64(s->r) = 1.0 / F64(s->a); NEXT;
STEP_LABEL_F64_MAXIMUM: {
        const double x = F64(s->a), y = F64(s->b);
        F64(s->r) = x > y || x != x ? x : y;
        NEXT;
    }
STEP_LABEL_F64_MINIMUM: {
        const double x = F64(s->a), y = F64(s->b);
        F64(s->r) = x < y || x != x ? x : y;
        NEXT;
    }
STEP_LABEL_F64_LESS: BOOL(s->r) = F64(s->a) < F64(s->b); NEXT;
STEP_LABEL_F64_LESS_EQUAL: BOOL(s->r) = F64(s->a) <= F64(s->b); NEXT;
STEP_LABEL_F64_GREATER: BOOL(s->r) = F64(s->a) > F64(s->b); NEXT;
STEP_LABEL_F64_GREATER_EQUAL: BOOL(s->r) = F64(s->a) >= F64(s->b); NEXT;
STEP_LABEL_F64_EQUAL: BOOL(s->r) = F64(s->a) == F64(s->b); NEXT;
STEP_LABEL_F64_NOT_EQUAL: BOOL(s->r) = F64(s->a) != F64(s->b); NEXT;
STEP_LABEL_F64_MULTIPLY_ADD: F64(s->r) = F64(s->a) * F64(s->b) + F64(s->c); NEXT;
STEP_LABEL_F64_MULTIPLY_SUBTRACT: F64(s->r) = F64(s->a) * F64(s->b) - F64(s->c); NEXT;
STEP_LABEL_F64_SUBTRACT_PRODUCT: F64(s->r) = F64(s->c) - F64(s->a) * F64(s->b); NEXT;
STEP_LABEL_WHERE_8: U64(s->r) = BOOL(s->a) ? U64(s->b) : U64(s->c); NEXT;
STEP_LABEL_I64_ADD: U64(s->r) = U64(s->a) + U64(s->b); NEXT;
STEP_LABEL_I64_SUBTRACT: U64(s->r) = U64(s->a) - U64(s->b); NEXT;
STEP_LABEL_I64_MULTIPLY: U64(s->r) = U64(s->a) * U64(s->b); NEXT;
STEP_LABEL_I64_LESS: BOOL(s->r) = I64(s->a) < I64(s->b); NEXT;
STEP_LABEL_I64_LESS_EQUAL: BOOL(s->r) = I64(s->a) <= I64(s->b); NEXT;
STEP_LABEL_I64_GREATER: BOOL(s->r) = I64(s->a) > I64(s->b); NEXT;
STEP_LABEL_I64_GREATER_EQUAL: BOOL(s->r) = I64(s->a) >= I64(s->b); NEXT;
STEP_LABEL_I64_EQUAL: BOOL(s->r) = I64(s->a) == I64(s->b); NEXT;
STEP_LABEL_I64_NOT_EQUAL: BOOL(s->r) = I64(s->a) != I64(s->b); NEXT;
STEP_LABEL_BOOL_NOT: BOOL(s->r) = BOOL(s->a) == 0; NEXT;
STEP_LABEL_BOOL_AND: BOOL(s->r) = BOOL(s->a) & BOOL(s->b); NEXT;
STEP_LABEL_BOOL_OR: BOOL(s->r) = BOOL(s->a) | BOOL(s->b); NEXT;
local_bounds:
    plan->broken = true;
    return numc_cpu_fail(device->host, NUMC_INDEX, "a kernel indexes a local array out of its bounds");
}
#undef NEXT
#pragma GCC diagnostic pop

/* ---- launches ------------------------------------------------------------------------------------------------------------ */

typedef struct part_task {
    const numc_device *device;
    numc_launch *launch;
    int32_t status[64];
} part_task;

static void run_part(void *user, int64_t index)
{
    part_task *task = user;
    task->status[index] = run_plan(task->device, task->launch->plans[index]);
}

/* Only a kernel that is one parallel loop (and single values before it) is split: each part repeats the single values. */
static bool may_split(const numc_kernel *kernel)
{
    int loops = 0;
    for (uint32_t i = 0; i < kernel->node_count; ++i) {
        const uint32_t kind = kernel->nodes[i].kind;
        if (numc_cpu_is_loop(kind)) {
            if (kind != NUMC_NODE_PARALLEL || kernel->nodes[i].operands[0] >= 0)
                return false;
            loops++;
            i = (uint32_t)kernel->nodes[i].match;
        } else if (kind == NUMC_NODE_STORE) {
            return false;
        }
    }
    return loops == 1; /* local arrays are private to an iteration of the outermost loop */
}

int32_t numc_cpu_launch_prepare(numc_device *device, numc_kernel *kernel,
                                const numc_kernel_arguments *arguments, numc_launch **launch)
{
    enum { SPLIT_FROM = 200000, SHARE = 50000 }; /* estimated ns: below, waking threads costs more than it gains */
    *launch = NULL;
    numc_cpu_plan *first;
    int32_t status = numc_cpu_plan_build(device, kernel, arguments, 0, 1, &first);
    if (status != NUMC_OK)
        return status;
    int64_t parts = 1;
    if (first->cost > SPLIT_FROM && may_split(kernel)) {
        const int64_t threads = device->host->thread_count(device->host->user);
        parts = (int64_t)(first->cost / SHARE);
        parts = parts > threads ? threads : parts;
        parts = parts < 1 ? 1 : parts > 64 ? 64 : parts;
    }
    const size_t size = sizeof(numc_launch) + (size_t)(parts - 1) * sizeof(numc_cpu_plan *);
    numc_launch *made = numc_cpu_allocate(device->host, size);
    if (made == NULL) {
        numc_cpu_plan_release(device, first);
        return numc_cpu_fail(device->host, NUMC_MEMORY, "out of memory for a launch");
    }
    made->size = size;
    made->count = 1;
    made->plans[0] = first;
    if (parts > 1) {
        numc_cpu_plan_release(device, first);
        made->count = 0;
        for (int64_t part = 0; part < parts; ++part) {
            status = numc_cpu_plan_build(device, kernel, arguments, part, parts, &made->plans[part]);
            if (status != NUMC_OK) {
                numc_cpu_launch_release(device, made);
                return status;
            }
            made->count++;
        }
    }
    *launch = made;
    return NUMC_OK;
}

int32_t numc_cpu_launch_run(numc_device *device, numc_launch *launch)
{
    if (launch->count == 1)
        return run_plan(device, launch->plans[0]);
    part_task task = {.device = device, .launch = launch};
    device->host->parallel_for(device->host->user, launch->count, run_part, &task);
    for (int64_t part = 0; part < launch->count; ++part)
        if (task.status[part] != NUMC_OK)
            return task.status[part];
    return NUMC_OK;
}

void numc_cpu_launch_release(numc_device *device, numc_launch *launch)
{
    if (launch == NULL)
        return;
    for (int64_t part = 0; part < launch->count; ++part)
        numc_cpu_plan_release(device, launch->plans[part]);
    numc_cpu_free(device->host, launch, launch->size);
}

int32_t numc_cpu_kernel_run(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *arguments)
{
    if (kernel->direct.kind != NUMC_CPU_DIRECT_NONE && numc_cpu_direct_run(device, kernel, arguments))
        return NUMC_OK;
    numc_launch *launch;
    int32_t status = numc_cpu_launch_prepare(device, kernel, arguments, &launch);
    if (status == NUMC_OK)
        status = numc_cpu_launch_run(device, launch);
    numc_cpu_launch_release(device, launch);
    return status;
}
