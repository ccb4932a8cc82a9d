/* plan.c - turns a kernel and its arguments into steps: loop by loop, what is known before a loop first, with every address
 * resolved; and gives blocks of memory to the values that vary. write.c writes the steps of single nodes. */
#include <string.h>

#include "plan.h"

enum {
    BLOCK_BUDGET = 24 * 1024, /* bytes of all blocks together: they stay in the first-level cache */
    BLOCK_MOST = 512,         /* elements */
    ALIGNMENT = 64
};

/* ---- loops --------------------------------------------------------------------------------------------------------------- */

static void write_between(builder *b, int32_t from, int32_t to);
static void write_node(builder *b, int32_t i);

static numc_cpu_loop *prepare_loop(builder *b, int32_t loop)
{
    const numc_kernel *kernel = b->kernel;
    const numc_kernel_node *node = &kernel->nodes[loop];
    numc_cpu_loop *state = &b->loops[b->loop_numbers[loop]];
    const int32_t depth = kernel->facts[loop].depth;
    state->first = 0;
    state->fixed = node->kind == NUMC_NODE_WHILE ? INT64_MAX : extent_known(node) ? b->arguments->extents[node->extent] : 0;
    state->extent = node->kind != NUMC_NODE_WHILE && node->operands[0] >= 0 ? b->bindings[node->operands[0]].value
                                                                           : &state->fixed;
    if (b->parts > 1 && depth == 0 && node->kind == NUMC_NODE_PARALLEL) {
        /* parts begin at multiples of the lanes, so that blocks stay aligned with each other */
        const int64_t share = (state->fixed / b->parts + 63) & ~(int64_t)63;
        const int64_t whole = state->fixed;
        state->first = b->part * share < whole ? b->part * share : whole;
        state->fixed = b->part + 1 < b->parts && state->first + share < whole ? state->first + share : whole;
    }
    state->updates = b->updates + b->update_count;
    state->update_count = 0;
    for (int32_t i = loop + 1; i < node->match; ++i) {
        const uint32_t kind = kernel->nodes[i].kind;
        if ((kind != NUMC_NODE_LOAD && kind != NUMC_NODE_STORE) || b->follows[i])
            continue;
        const int64_t step = stride_of(b, i, depth) * element_size(b, i);
        b->cursors[i] += state->first * step;
        if (step != 0)
            state->updates[state->update_count++] = (numc_cpu_cursor){&b->cursors[i], step};
    }
    b->update_count += (size_t)state->update_count;
    return state;
}

static void write_plain_loop(builder *b, int32_t loop)
{
    const numc_kernel_node *node = &b->kernel->nodes[loop];
    numc_cpu_loop *state = prepare_loop(b, loop);
    const bool endless = node->kind == NUMC_NODE_WHILE;
    numc_cpu_start_accumulations(b, loop);
    if (b->vector < 0)
        numc_cpu_join_carries(b, loop);
    const int32_t begin = b->count;
    numc_cpu_emit(b, endless ? STEP_ENDLESS : STEP_LOOP)->r = state;
    write_between(b, loop + 1, node->match);
    numc_cpu_write_updates(b, loop);
    numc_cpu_step *next = numc_cpu_emit(b, endless ? STEP_NEXT_ENDLESS : STEP_NEXT);
    next->r = state;
    next->jump = begin + 1 - (b->count - 1);
    b->steps[begin].jump = b->count - begin;
    for (int32_t s = begin + 1; s < b->count; ++s)
        if (b->steps[s].code == STEP_CONTINUE && b->steps[s].r == state)
            b->steps[s].jump = b->count - s;
    numc_cpu_finish_accumulations(b, loop);
}

static void write_vector_loop(builder *b, int32_t loop)
{
    const numc_kernel *kernel = b->kernel;
    const numc_kernel_node *node = &kernel->nodes[loop];
    (void)numc_cpu_vector_allowed(b, loop); /* marks the varying registers and the locals of this loop */
    numc_cpu_loop *state = prepare_loop(b, loop);
    numc_cpu_find_meetings(b, loop);
    b->vector = loop;
    b->vector_depth = kernel->facts[loop].depth;
    b->free_count = 0;
    for (uint32_t r = 0; r < kernel->register_count; ++r)
        b->spread_blocks[r] = -1;
    for (uint32_t l = 0; l < kernel->local_count; ++l)
        if (b->local_blocks[l] >= 0) {
            b->local_blocks[l] = numc_cpu_take_blocks(b, (int32_t)kernel->locals[l].count);
            b->local_slots[l] = numc_cpu_block_mark(b->local_blocks[l]);
        }
    numc_cpu_start_accumulations(b, loop);
    const int32_t begin = b->count;
    numc_cpu_emit(b, STEP_VECTOR)->r = state;
    b->early_pass = true;
    write_between(b, loop + 1, node->match);
    for (int32_t i = loop + 1; i < node->match; ++i) { /* spread out before the first block what blocks will need */
        const numc_kernel_node *inner = &kernel->nodes[i];
        if (inner->kind == NUMC_NODE_SCALAR) {
            if (b->bindings[inner->result].varying && numc_cpu_variant_for(&kernel->facts[i], b, inner) < 0)
                for (uint32_t k = 0; k < kernel->facts[i].arity; ++k)
                    if (numc_cpu_is_early(b, inner->operands[k]))
                        (void)numc_cpu_spread(b, inner->operands[k]);
        } else if (inner->kind == NUMC_NODE_STORE || inner->kind == NUMC_NODE_LOCAL_STORE ||
                   (inner->kind == NUMC_NODE_ACCUMULATE && kernel->facts[i].parent == loop)) {
            const int32_t reg = inner->operands[inner->kind == NUMC_NODE_LOCAL_STORE ? 1 : 0];
            const bool fills = inner->kind == NUMC_NODE_STORE && stride_of(b, i, b->vector_depth) == 1 &&
                               (inner->operands[1] < 0 || !b->bindings[inner->operands[1]].varying);
            const bool single = inner->kind == NUMC_NODE_LOCAL_STORE && b->local_blocks[inner->extent] < 0 &&
                                !b->bindings[inner->operands[0]].varying;
            if (!fills && !single && numc_cpu_is_early(b, reg))
                (void)numc_cpu_spread(b, reg);
        }
    }
    b->early_pass = false;
    const int32_t body = b->count;
    write_between(b, loop + 1, node->match);
    numc_cpu_step *next = numc_cpu_emit(b, STEP_NEXT_VECTOR);
    next->r = state;
    next->jump = body - (b->count - 1);
    b->steps[begin].jump = b->count - begin;
    numc_cpu_finish_accumulations(b, loop);
    b->vector = -1;
    for (uint32_t r = 0; r < kernel->register_count; ++r) {
        b->bindings[r].varying = false;
        b->bindings[r].block = -1;
    }
}

static void write_loop(builder *b, int32_t loop)
{
    bool as_vector = false;
    if (b->vector < 0)
        (void)numc_cpu_cost_loop(b, loop, &as_vector);
    if (as_vector)
        write_vector_loop(b, loop);
    else
        write_plain_loop(b, loop);
}

/* In the early pass of a vector loop: writes what is uniform, stands directly in its body and needs only what is known
 * before the first block. */
static bool write_early(builder *b, int32_t i)
{
    const numc_kernel_node *node = &b->kernel->nodes[i];
    if (node->kind == NUMC_NODE_SCALAR) {
        for (uint32_t k = 0; k < b->kernel->facts[i].arity; ++k)
            if (!numc_cpu_is_early(b, node->operands[k]))
                return false;
        numc_cpu_write_scalar(b, i);
    } else if (node->kind == NUMC_NODE_LOAD) {
        if (b->bindings[node->result].varying || b->meets_store[i] ||
            (node->operands[0] >= 0 && !numc_cpu_is_early(b, node->operands[0])))
            return false;
        numc_cpu_write_load(b, i);
    } else if (node->kind == NUMC_NODE_INDEX && node->extent < b->vector_depth) {
        write_node(b, i);
    } else {
        return false;
    }
    b->bindings[node->result].early = true;
    return true;
}

static void write_node(builder *b, int32_t i)
{
    const numc_kernel_node *node = &b->kernel->nodes[i];
    const bool varying = b->vector >= 0 && node->result >= 0 && b->bindings[node->result].varying;
    switch (node->kind) {
    case NUMC_NODE_SCALAR:
        if (varying)
            numc_cpu_write_block(b, i);
        else
            numc_cpu_write_scalar(b, i);
        break;
    case NUMC_NODE_INDEX: {
        int32_t loop = i;
        do
            loop = b->kernel->facts[loop].parent;
        while (b->kernel->facts[loop].depth != node->extent);
        numc_cpu_loop *state = &b->loops[b->loop_numbers[loop]];
        if (varying) {
            numc_cpu_step *step = numc_cpu_emit(b, STEP_IOTA);
            step->a = &state->index;
            step->r = numc_cpu_own_block(b, node->result);
        } else {
            numc_cpu_bind_value(b, node->result, &state->index);
        }
        break;
    }
    case NUMC_NODE_LOAD: numc_cpu_write_load(b, i); break;
    case NUMC_NODE_STORE: numc_cpu_write_store(b, i); break;
    case NUMC_NODE_ACCUMULATE: numc_cpu_write_accumulate(b, i); break;
    case NUMC_NODE_CARRY: numc_cpu_write_move(b, node->result, node->operands[0], NULL); break;
    case NUMC_NODE_CONTINUE: {
        numc_cpu_step *step = numc_cpu_emit(b, STEP_CONTINUE);
        step->r = &b->loops[b->loop_numbers[b->kernel->facts[i].parent]];
        step->a = b->bindings[node->operands[0]].value;
        break;
    }
    case NUMC_NODE_LOCAL_LOAD:
    case NUMC_NODE_LOCAL_STORE: numc_cpu_write_local(b, i); break;
    default: break; /* constants have their values from the start; updates are written at the loop's end */
    }
}

static void write_between(builder *b, int32_t from, int32_t to)
{
    const numc_kernel *kernel = b->kernel;
    for (int32_t i = from; i < to; ++i) {
        const numc_kernel_node *node = &kernel->nodes[i];
        if (numc_cpu_is_loop(node->kind)) {
            if (!b->early_pass)
                write_loop(b, i);
            i = node->match;
            if (b->early_pass)
                continue;
        } else if (b->early_pass) {
            (void)write_early(b, i);
            continue;
        }
        if (i + 1 < to && b->follows[i + 1] && !b->follows[i]) {
            int32_t count = 1;
            while (i + count < to && b->follows[i + count])
                ++count;
            numc_cpu_write_row(b, i, count);
            i += count - 1;
            continue;
        }
        const int32_t run = numc_cpu_is_loop(node->kind) ? 0 : numc_cpu_write_run(b, i, to);
        if (run > 0) {
            for (int32_t k = 0; k < run; ++k)
                numc_cpu_bury(b, i + k);
            i += run - 1;
            continue;
        }
        if (!numc_cpu_is_loop(node->kind) && (b->vector < 0 || node->result < 0 || !b->bindings[node->result].early))
            write_node(b, i);
        numc_cpu_bury(b, i);
    }
}

/* ---- the plan ------------------------------------------------------------------------------------------------------------ */

static size_t step_bound(const numc_kernel *kernel)
{
    size_t bound = 2;
    for (uint32_t i = 0; i < kernel->node_count; ++i)
        switch (kernel->nodes[i].kind) {
        case NUMC_NODE_SCALAR: bound += 1 + 2 * (size_t)kernel->facts[i].arity; break;
        case NUMC_NODE_ACCUMULATE: bound += 5; break;
        case NUMC_NODE_LOAD: bound += 2; break;
        case NUMC_NODE_STORE:
        case NUMC_NODE_LOCAL_STORE: bound += 4; break;
        case NUMC_NODE_UPDATE: bound += 3; break;
        case NUMC_NODE_CONSTANT: break;
        default: bound += 2; break;
        }
    return bound;
}

/* The first byte each access touches with all indices zero; NULL buffers are only touched by loops that do not run. */
static void place_cursors(builder *b)
{
    for (int32_t i = 0; i < (int32_t)b->kernel->node_count; ++i) {
        const numc_kernel_node *node = &b->kernel->nodes[i];
        if (node->kind != NUMC_NODE_LOAD && node->kind != NUMC_NODE_STORE)
            continue;
        char *base = b->arguments->buffers[b->kernel->accesses[node->extent].buffer];
        b->cursors[i] = base == NULL ? NULL : base + b->arguments->offsets[node->extent] * element_size(b, i);
    }
}

static void place_blocks(void **slots, size_t count, char *memory, size_t bytes)
{
    for (size_t i = 0; i < count; ++i)
        if (slots[i] != NULL)
            slots[i] = memory + ((uintptr_t)slots[i] - 1) * bytes;
}

int32_t numc_cpu_plan_build(numc_device *device, const numc_kernel *kernel, const numc_kernel_arguments *arguments,
                            int64_t part, int64_t parts, numc_cpu_plan **plan)
{
    *plan = NULL;
    const size_t nodes = kernel->node_count, registers = kernel->register_count, locals = kernel->local_count;
    size_t local_bytes = 0;
    for (size_t l = 0; l < locals; ++l)
        local_bytes += (kernel->locals[l].count * (size_t)numc_cpu_size(kernel->locals[l].dtype) + 15) & ~(size_t)15;
    /* What stays with the plan, then what only building needs. */
    const size_t kept[] = {
        sizeof(numc_cpu_plan),
        step_bound(kernel) * sizeof(numc_cpu_step),
        kernel->loop_count * sizeof(numc_cpu_loop),
        (size_t)kernel->memory_count * kernel->depth * sizeof(numc_cpu_cursor),
        registers * sizeof(numc_cpu_value),
        3 * registers * sizeof(void *),
        3 * nodes * sizeof(void *),
        locals * sizeof(void *),
        kernel->accumulate_count * (size_t)64,
        local_bytes,
    };
    const size_t scratch[] = {
        registers * sizeof(binding),
        nodes * sizeof(int32_t),
        registers * sizeof(int32_t),
        nodes * sizeof(int32_t),
        locals * sizeof(int32_t),
        nodes * sizeof(int32_t),
        locals * sizeof(char *),
        3 * nodes * sizeof(bool),
        (registers + 1) * sizeof(int32_t),
    };
    enum { KEPT = sizeof kept / sizeof kept[0], SCRATCH = sizeof scratch / sizeof scratch[0] };
    size_t starts[KEPT + SCRATCH], total = 0;
    for (size_t i = 0; i < KEPT + SCRATCH; ++i) {
        starts[i] = total;
        total += ((i < KEPT ? kept[i] : scratch[i - KEPT]) + 15) & ~(size_t)15;
    }
    char *memory = numc_cpu_allocate(device->host, total);
    if (memory == NULL)
        return numc_cpu_fail(device->host, NUMC_MEMORY, "out of memory for a plan");
    memset(memory + starts[2], 0, total - starts[2]);
#define AT(type, i) ((type *)(void *)(memory + starts[i]))
    numc_cpu_plan *made = AT(numc_cpu_plan, 0);
    *made = (numc_cpu_plan){.size = total, .steps = AT(numc_cpu_step, 1)};
    builder b = {
        .device = device,
        .kernel = kernel,
        .arguments = arguments,
        .plan = made,
        .part = part,
        .parts = parts,
        .steps = made->steps,
        .loops = AT(numc_cpu_loop, 2),
        .updates = AT(numc_cpu_cursor, 3),
        .values = AT(numc_cpu_value, 4),
        .value_slots = AT(void *, 5),
        .block_slots = AT(void *, 5) + registers,
        .spread_slots = AT(void *, 5) + 2 * registers,
        .cursors = AT(char *, 6),
        .addresses = AT(void *, 6) + nodes,
        .lane_slots = AT(void *, 6) + 2 * nodes,
        .local_slots = AT(void *, 7),
        .lanes = AT(char, 8),
        .bindings = AT(binding, KEPT),
        .loop_numbers = AT(int32_t, KEPT + 1),
        .spread_blocks = AT(int32_t, KEPT + 2),
        .lane_blocks = AT(int32_t, KEPT + 3),
        .local_blocks = AT(int32_t, KEPT + 4),
        .lane_numbers = AT(int32_t, KEPT + 5),
        .local_memory = AT(char *, KEPT + 6),
        .meets_store = AT(bool, KEPT + 7),
        .meets_load = AT(bool, KEPT + 7) + nodes,
        .follows = AT(bool, KEPT + 7) + 2 * nodes,
        .free_blocks = AT(int32_t, KEPT + 8),
        .vector = -1,
    };
    char *local = AT(char, 9);
#undef AT
    int32_t loop_number = 0, lane_number = 0;
    for (size_t i = 0; i < nodes; ++i) {
        b.lane_blocks[i] = -1;
        if (numc_cpu_is_loop(kernel->nodes[i].kind))
            b.loop_numbers[i] = loop_number++;
        if (kernel->nodes[i].kind == NUMC_NODE_ACCUMULATE)
            b.lane_numbers[i] = lane_number++;
        if (kernel->nodes[i].kind == NUMC_NODE_CONSTANT) {
            const int32_t reg = kernel->nodes[i].result;
            b.values[reg].bits = arguments->constants[kernel->nodes[i].extent];
            numc_cpu_bind_value(&b, reg, &b.values[reg]);
            b.bindings[reg].early = true;
        }
    }
    for (size_t r = 0; r < registers; ++r) {
        b.bindings[r].block = -1;
        b.spread_blocks[r] = -1;
    }
    for (size_t l = 0; l < locals; ++l) {
        b.local_blocks[l] = -1;
        b.local_memory[l] = local;
        local += (kernel->locals[l].count * (size_t)numc_cpu_size(kernel->locals[l].dtype) + 15) & ~(size_t)15;
    }
    place_cursors(&b);
    numc_cpu_find_rows(&b);
    made->cost = kernel->depth > 0 ? numc_cpu_cost(&b, 0, (int32_t)nodes) : 0.0;
    write_between(&b, 0, (int32_t)nodes);
    numc_cpu_emit(&b, STEP_HALT);

    if (b.block_count > 0) {
        size_t block = BLOCK_BUDGET / 8 / (size_t)b.block_count / NUMC_CPU_BLOCK_LEAST * NUMC_CPU_BLOCK_LEAST;
        block = block < NUMC_CPU_BLOCK_LEAST ? NUMC_CPU_BLOCK_LEAST : block > BLOCK_MOST ? BLOCK_MOST : block;
        const size_t bytes = (block * 8 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        made->block = block;
        made->block_size = bytes * (size_t)b.block_count + ALIGNMENT;
        made->block_memory = numc_cpu_allocate(device->host, made->block_size);
        if (made->block_memory == NULL) {
            numc_cpu_free(device->host, made, total);
            return numc_cpu_fail(device->host, NUMC_MEMORY, "out of memory for a plan's blocks");
        }
        char *blocks = (char *)made->block_memory;
        blocks += (ALIGNMENT - (uintptr_t)blocks % ALIGNMENT) % ALIGNMENT;
        place_blocks(b.block_slots, registers, blocks, bytes);
        place_blocks(b.spread_slots, registers, blocks, bytes);
        place_blocks(b.lane_slots, nodes, blocks, bytes);
        place_blocks(b.local_slots, locals, blocks, bytes);
    } else {
        made->block = BLOCK_MOST;
    }
    *plan = made;
    return NUMC_OK;
}

void numc_cpu_plan_release(numc_device *device, numc_cpu_plan *plan)
{
    if (plan == NULL)
        return;
    numc_cpu_free(device->host, plan->block_memory, plan->block_size);
    numc_cpu_free(device->host, plan, plan->size);
}
