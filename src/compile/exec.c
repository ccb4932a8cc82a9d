/* exec.c - makes an exec: layout, fusion and kernels, the plan of the arena, and what the device makes of the kernels. */
#include "compile/stage.h"

#include <string.h>

/* ---- the arena: regions reused once their last reader has run ---------------------------------------------------------------- */

#define NUMC_REGION_ALIGNMENT 64u

static void live_at(numc_exec *exec, int32_t *first, int32_t *last, int32_t value, int32_t step)
{
    if (exec->places[value].kind != NUMC_PLACE_REGION)
        return;
    if (first[value] < 0)
        first[value] = step;
    if (last[value] < step) /* the caller's inputs live on */
        last[value] = step;
}

static uint64_t aligned(uint64_t bytes)
{
    return bytes == 0 ? NUMC_REGION_ALIGNMENT : (bytes + NUMC_REGION_ALIGNMENT - 1) / NUMC_REGION_ALIGNMENT * NUMC_REGION_ALIGNMENT;
}

/* The first gap of `need` bytes among the placed regions that are alive at step s. */
static uint64_t fit(numc_exec *exec, const int32_t *placed, int32_t count, const int32_t *last, int32_t s, uint64_t need)
{
    uint64_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int32_t k = 0; k < count; k++) {
            const numc_place *other = &exec->places[placed[k]];
            uint64_t end = other->offset + aligned(other->bytes);
            if (last[placed[k]] >= s && offset < end && other->offset < offset + need) {
                offset = end;
                moved = true;
            }
        }
    }
    if (offset + need > exec->arena_bytes)
        exec->arena_bytes = offset + need;
    return offset;
}

/* Bodies have room while their step runs: one branch runs, both parts of a while are there at once. Values of later steps come
 * later. */
static void place_bodies(numc_exec *exec, const int32_t *placed, int32_t count, const int32_t *last, int32_t s)
{
    numc_step *step = &exec->steps[s];
    uint64_t sizes[2] = {0, 0};
    for (int b = 0; b < 2; b++)
        sizes[b] = step->bodies[b] == NULL ? 0 : aligned(step->bodies[b]->arena_bytes);
    if (sizes[0] + sizes[1] == 0)
        return;
    bool both = step->kind == NUMC_STEP_WHILE;
    uint64_t larger = sizes[0] > sizes[1] ? sizes[0] : sizes[1];
    step->body_offsets[0] = fit(exec, placed, count, last, s, both ? sizes[0] + sizes[1] : larger);
    step->body_offsets[1] = step->body_offsets[0] + (both ? sizes[0] : 0);
}

/* On a device with memory apart: how many blocks the bodies take, and how large these are, where there are any yet. */
static void place_blocks(numc_exec *exec)
{
    for (int32_t s = 0; s < exec->step_count; s++) {
        const numc_step *step = &exec->steps[s];
        for (int b = 0; b < 2; b++) {
            const numc_exec *body = step->bodies[b];
            for (int32_t k = -1; body != NULL && k < body->block_count; k++) {
                int32_t block = k < 0 ? numc__body_block(step, b) : k;
                uint64_t bytes = aligned(k < 0 ? body->arena_bytes : body->blocks[k]);
                if (exec->blocks == NULL)
                    exec->block_count = block >= exec->block_count ? block + 1 : exec->block_count;
                else if (bytes > exec->blocks[block])
                    exec->blocks[block] = bytes;
            }
        }
    }
}

/* First fit in order of first use; regions of values alive at the same step never overlap. */
static bool plan(numc_lowering *l)
{
    numc_exec *exec = l->exec;
    int32_t count = exec->ir->value_count;
    int32_t *first = l->first = numc__arena_allocate(&exec->arena, (size_t)count, sizeof *first);
    int32_t *last = l->last = numc__arena_allocate(&exec->arena, (size_t)count, sizeof *last);
    int32_t *placed = numc__arena_allocate(&exec->arena, (size_t)count, sizeof *placed);
    if (first == NULL || last == NULL || placed == NULL)
        return false;
    memset(first, -1, (size_t)count * sizeof *first);
    for (int32_t k = 0; k < exec->input_count; k++) {
        first[exec->inputs[k]] = 0;
        last[exec->inputs[k]] = exec->step_count;
    }
    for (int32_t s = 0; s < exec->step_count; s++) {
        const numc_step *step = &exec->steps[s];
        for (uint32_t a = 0; step->kind == NUMC_STEP_KERNEL && a < step->source.access_count; a++)
            live_at(exec, first, last, step->access_values[a], s);
        for (int32_t k = 0; k < step->input_count; k++)
            live_at(exec, first, last, step->inputs[k].value, s);
        for (int32_t k = 0; k < step->output_count; k++)
            live_at(exec, first, last, step->outputs[k].value, s);
    }
    for (int32_t k = 0; k < exec->output_count; k++) {
        if (first[exec->outputs[k]] < 0)
            first[exec->outputs[k]] = 0;
        last[exec->outputs[k]] = exec->step_count;
    }
    int32_t placed_count = 0;
    for (int32_t s = 0; s <= exec->step_count; s++) {
        for (int32_t v = 0; v < count; v++) {
            numc_place *place = &exec->places[v];
            if (place->kind != NUMC_PLACE_REGION || first[v] != s)
                continue;
            const numc_type *type = &exec->ir->values[v].type;
            place->bytes = (uint64_t)numc__type_size(type) * numc_dtype_size(type->dtype);
            place->offset = fit(exec, placed, placed_count, last, s, aligned(place->bytes));
            placed[placed_count++] = v;
        }
        if (s < exec->step_count && exec->device->info.unified != 0)
            place_bodies(exec, placed, placed_count, last, s);
    }
    if (exec->device->info.unified != 0)
        return true;
    place_blocks(exec);
    exec->blocks = numc__arena_allocate(&exec->arena, (size_t)exec->block_count, sizeof *exec->blocks);
    if (exec->blocks != NULL)
        place_blocks(exec);
    return exec->blocks != NULL;
}

static bool find_place_kinds(numc_exec *exec, const numc_lowering *l)
{
    exec->constants = numc__arena_allocate(&exec->arena, (size_t)exec->ir->value_count, sizeof(numc_array *));
    if (exec->constants == NULL)
        return false;
    for (int32_t v = 0; v < exec->ir->value_count; v++) {
        numc_place *place = &exec->places[v];
        if (l->external[v] >= 0) {
            *place = (numc_place){.kind = NUMC_PLACE_EXTERNAL, .index = l->external[v]};
        } else if (exec->ir->values[v].constant != NULL) {
            if (exec->ir->values[v].constant->content != NUMC_CONTENT_BUFFER)
                continue;
            *place = (numc_place){.kind = NUMC_PLACE_CONSTANT, .index = exec->constant_count};
            exec->constants[exec->constant_count++] = exec->ir->values[v].constant;
        } else if (l->memory[v]) {
            place->kind = NUMC_PLACE_REGION;
        }
    }
    for (int32_t k = 0; k < exec->input_count; k++)
        exec->places[exec->inputs[k]].kind = NUMC_PLACE_REGION;
    return true;
}

/* ---- kernels ------------------------------------------------------------------------------------------------------------------------ */

static bool resolve_buffers(numc_exec *exec, numc_step *step)
{
    uint32_t count = step->source.access_count, buffers = 0;
    step->buffers = numc__arena_allocate(&exec->arena, count + 1, sizeof *step->buffers);
    if (step->buffers == NULL)
        return false;
    numc_kernel_access *accesses = (numc_kernel_access *)(uintptr_t)step->source.accesses;
    for (uint32_t a = 0; a < count; a++) {
        const numc_place *place = &exec->places[step->access_values[a]];
        if (place->kind == NUMC_PLACE_NONE) {
            numc__fail(exec->context, NUMC_INTERNAL, "compile: value %d is read but has no place", step->access_values[a]);
            return false;
        }
        uint32_t b = 0;
        while (b < buffers && !(step->buffers[b].kind == place->kind &&
                                (place->kind == NUMC_PLACE_REGION ? step->buffers[b].offset == place->offset
                                                                  : step->buffers[b].index == place->index)))
            b++;
        if (b == buffers)
            step->buffers[buffers++] = *place;
        accesses[a].buffer = b;
        if (place->kind == NUMC_PLACE_REGION)
            step->offsets[a] += (int64_t)(place->offset / numc_dtype_size((numc_dtype)accesses[a].dtype));
    }
    step->source.buffer_count = buffers;
    return true;
}

bool numc__stage_plan(numc_context *context, void *subject)
{
    numc_lowering *l = subject;
    numc_exec *exec = l->exec;
    (void)context;
    if (!find_place_kinds(exec, l) || !plan(l))
        return false;
    for (int32_t s = 0; s < exec->step_count; s++)
        if (exec->steps[s].kind == NUMC_STEP_KERNEL && !resolve_buffers(exec, &exec->steps[s]))
            return false;
    return true;
}

bool numc__stage_build(numc_context *context, void *subject)
{
    numc_exec *exec = ((numc_lowering *)subject)->exec;
    numc_backend_device *device = exec->device;
    (void)context;
    for (int32_t s = 0; s < exec->step_count; s++) {
        numc_step *step = &exec->steps[s];
        if (step->kind != NUMC_STEP_KERNEL)
            continue;
        int32_t status = device->table.kernel_build(device->device, &step->source, &step->kernel);
        if (numc__device_check(exec->context, status, "kernel_build") != NUMC_OK) {
            step->kernel = NULL;
            return false;
        }
        atomic_fetch_add_explicit(&exec->context->core->kernels_built, 1, memory_order_relaxed);
    }
    return true;
}

static bool lower(numc_exec *exec, const int32_t *external)
{
    numc_backend_device *device = exec->device = numc__device(exec->context);
    if (device == NULL)
        return false;
    numc_ir *ir = exec->ir;
    size_t values = (size_t)ir->value_count, nodes = (size_t)ir->node_count;
    numc_lowering l = {.context = exec->context, .exec = exec, .ir = ir, .arena = &exec->arena, .external = external,
                       .one_kernel = device->info.kernel_level >= 2, .sequential = device->info.kernel_level >= 3};
    l.needed = numc__arena_allocate(l.arena, nodes, sizeof *l.needed);
    l.roles = numc__arena_allocate(l.arena, values, sizeof *l.roles);
    l.memory = numc__arena_allocate(l.arena, values, sizeof *l.memory);
    l.output = numc__arena_allocate(l.arena, values, sizeof *l.output);
    l.turned = numc__arena_allocate(l.arena, values, sizeof *l.turned);
    l.loop_class = numc__arena_allocate(l.arena, values, sizeof *l.loop_class);
    l.stage = numc__arena_allocate(l.arena, values, sizeof *l.stage);
    l.unit_of = numc__arena_allocate(l.arena, values, sizeof *l.unit_of);
    l.spaces = numc__arena_allocate(l.arena, values, sizeof *l.spaces);
    l.small = numc__arena_allocate(l.arena, nodes, sizeof(numc_small *));
    exec->places = numc__arena_allocate(l.arena, values, sizeof *exec->places);
    if (l.needed == NULL || l.roles == NULL || l.memory == NULL || l.output == NULL || l.turned == NULL || l.loop_class == NULL ||
        l.stage == NULL || l.unit_of == NULL || l.spaces == NULL || l.small == NULL || exec->places == NULL)
        return false;
    numc_dump *dump = exec->context->dump;
    if (dump != NULL) {
        l.inside = dump->inside;
        l.part = dump->inside = ++dump->parts;
    }
    bool good = numc__stages_run(exec->context, NUMC_LEVEL_EXEC, &l);
    if (dump != NULL)
        dump->inside = l.inside;
    for (int32_t n = 0; n < ir->node_count; n++)
        numc__small_free(l.small[n]);
    return good;
}

numc_exec *numc__exec_new(numc_context *context, numc_ir *ir, const int32_t *external, int32_t external_count,
                          const int32_t *inputs, int32_t input_count, const int32_t *outputs, int32_t output_count)
{
    numc_exec *exec = numc__allocate_zero(context, 1, sizeof *exec);
    if (exec == NULL)
        return NULL;
    exec->context = context;
    numc__arena_begin(&exec->arena, context);
    exec->ir = ir;
    exec->external_count = external_count;
    exec->input_count = input_count;
    exec->output_count = output_count;
    exec->inputs = numc__arena_allocate(&exec->arena, (size_t)input_count, sizeof *exec->inputs);
    exec->outputs = numc__arena_allocate(&exec->arena, (size_t)output_count, sizeof *exec->outputs);
    if (exec->inputs == NULL || exec->outputs == NULL) {
        numc__exec_free(exec);
        return NULL;
    }
    if (input_count > 0)
        memcpy(exec->inputs, inputs, (size_t)input_count * sizeof *inputs);
    if (output_count > 0)
        memcpy(exec->outputs, outputs, (size_t)output_count * sizeof *outputs);
    if (!lower(exec, external)) {
        numc__exec_free(exec);
        return NULL;
    }
    return exec;
}

bool numc__exec_takes_loans(const numc_step *step, int32_t input)
{
    const int64_t *n = step->attributes == NULL ? NULL : step->attributes->numbers;
    return step->kind == NUMC_STEP_SLOT ? step->primitive != NUMC_PRIMITIVE_SCATTER
                                        : step->kind == NUMC_STEP_SCAN && input >= n[0] && input < n[0] + n[1];
}

/* Nothing in it is known to one thread alone, or may stop half-way. */
static bool is_plain(const numc_exec *exec)
{
    for (int32_t s = 0; s < exec->step_count; s++) {
        const numc_step *step = &exec->steps[s];
        if (step->kind == NUMC_STEP_WHILE || (step->kind == NUMC_STEP_SLOT && step->primitive == NUMC_PRIMITIVE_EXTERNAL))
            return false;
        for (int b = 0; b < 2; b++)
            if (step->bodies[b] != NULL && !is_plain(step->bodies[b]))
                return false;
    }
    return true;
}

bool numc__exec_spreads(const numc_exec *exec, const numc_step *step)
{
    enum { LEAST = 1 << 20 }; /* bytes of sequences and results: below, waking threads costs more than it gains */
    if (step->kind != NUMC_STEP_SCAN || exec->device->info.unified == 0 || step->attributes->numbers[0] > 0
        || step->attributes->numbers[2] < 2)
        return false;
    double bytes = 0.0;
    for (int32_t k = 0; k < step->attributes->numbers[1] + step->output_count; k++) {
        const numc_slot_view *view = k < step->attributes->numbers[1] ? &step->inputs[k] : &step->outputs[k - step->attributes->numbers[1]];
        double size = (double)numc_dtype_size(view->dtype);
        for (int32_t d = 0; d < view->rank; d++)
            size *= (double)view->shape[d];
        bytes += size;
    }
    return bytes >= LEAST && is_plain(step->bodies[0]);
}

bool numc__exec_lend(numc_exec *exec, int32_t first, int32_t count)
{
    bool *lent = numc__arena_allocate(&exec->arena, (size_t)exec->input_count, sizeof *lent);
    if (lent == NULL)
        return false;
    for (int32_t k = first; k < first + count; k++) {
        int32_t v = exec->inputs[k];
        bool slots = numc__type_size(&exec->ir->values[v].type) > 0;
        for (int32_t j = 0; j < exec->output_count; j++)
            slots = slots && exec->outputs[j] != v;
        for (int32_t s = 0; s < exec->step_count; s++) {
            const numc_step *step = &exec->steps[s];
            for (uint32_t a = 0; step->kind == NUMC_STEP_KERNEL && a < step->source.access_count; a++)
                slots = slots && step->access_values[a] != v;
            for (int32_t j = 0; step->kind != NUMC_STEP_KERNEL && j < step->input_count; j++)
                slots = slots && (step->inputs[j].value != v || numc__exec_takes_loans(step, j));
        }
        lent[k] = slots;
    }
    exec->lent = lent;
    exec->first_sequence = first;
    exec->sequence_count = count;
    return true;
}

numc_exec *numc__exec_body(numc_context *context, numc_graph *graph)
{
    numc_ir *ir = numc__ir_new(context, graph, NULL);
    if (ir == NULL)
        return NULL;
    int32_t *external = numc__arena_allocate(&ir->arena, (size_t)ir->value_count, sizeof *external);
    numc_exec *exec = NULL;
    if (external != NULL) {
        memset(external, -1, (size_t)ir->value_count * sizeof *external);
        exec = numc__exec_new(context, ir, external, 0, ir->inputs, ir->input_count, ir->outputs, ir->output_count);
    }
    if (exec == NULL)
        numc__ir_free(ir);
    else
        exec->owns_ir = true;
    return exec;
}

void numc__exec_free(numc_exec *exec)
{
    if (exec == NULL)
        return;
    numc_core *core = exec->arena.core;
    numc_backend_device *device = exec->device;
    for (int32_t s = 0; s < exec->step_count; s++) {
        numc_step *step = &exec->steps[s];
        if (step->kernel != NULL)
            device->table.kernel_release(device->device, step->kernel);
        numc__exec_free(step->bodies[0]);
        numc__exec_free(step->bodies[1]);
    }
    numc__arena_free(&exec->arena);
    if (exec->owns_ir)
        numc__ir_free(exec->ir);
    numc__core_free(core, exec, sizeof *exec);
}
