/* write.c - the steps of a kernel's nodes: where the value of a register lies, single or in a block, and the step that makes it;
 * sums and carried registers of loops. plan.c says in what order. */
#include <string.h>

#include "plan.h"

/* ---- writing steps ------------------------------------------------------------------------------------------------------- */

numc_cpu_step *numc_cpu_emit(builder *b, numc_cpu_code code)
{
    numc_cpu_step *step = &b->steps[b->count++];
    memset(step, 0, sizeof *step);
    step->code = (uint32_t)code;
    return step;
}

int32_t numc_cpu_take_blocks(builder *b, int32_t count)
{
    if (count == 1 && b->free_count > 0)
        return b->free_blocks[--b->free_count];
    const int32_t first = b->block_count;
    b->block_count += count;
    return first;
}

/* Until the blocks have memory, their slots hold the block's number. */
void *numc_cpu_block_mark(int32_t block)
{
    return (void *)(uintptr_t)(block + 1);
}

static void give_block(builder *b, int32_t reg)
{
    binding *bound = &b->bindings[reg];
    if (b->vector >= 0 && bound->block >= 0) {
        b->free_blocks[b->free_count++] = bound->block;
        bound->block = -1;
    }
}

void numc_cpu_bury(builder *b, int32_t node)
{
    for (int32_t r = b->kernel->facts[node].dying; r >= 0; r = b->kernel->next_dying[r])
        give_block(b, r);
}

void numc_cpu_bind_value(builder *b, int32_t reg, void *value)
{
    b->bindings[reg].value = value;
    b->value_slots[reg] = value;
}

/* A place for a register's single value. */
static void *own_value(builder *b, int32_t reg)
{
    if (b->bindings[reg].value == NULL)
        numc_cpu_bind_value(b, reg, &b->values[reg]);
    return b->bindings[reg].value;
}

void **numc_cpu_own_block(builder *b, int32_t reg)
{
    binding *bound = &b->bindings[reg];
    bound->block = numc_cpu_take_blocks(b, 1);
    b->block_slots[reg] = numc_cpu_block_mark(bound->block);
    bound->slot = &b->block_slots[reg];
    return bound->slot;
}

/* A uniform register as a block: spread out once before the first block where that is possible, else where it is needed. */
void **numc_cpu_spread(builder *b, int32_t reg)
{
    const bool once = b->bindings[reg].early || !inside(b, b->kernel->definition[reg], b->vector);
    if (b->spread_blocks[reg] >= 0 && once)
        return &b->spread_slots[reg];
    if (b->spread_blocks[reg] < 0) {
        b->spread_blocks[reg] = b->block_count++; /* never shared: it lives as long as the vector loop */
        b->spread_slots[reg] = numc_cpu_block_mark(b->spread_blocks[reg]);
    }
    numc_cpu_step *step = numc_cpu_emit(b, STEP_BLOCK_FILL);
    step->fn.memory = b->device->blocks->memory(b->kernel->register_sizes[reg]);
    step->r = &b->spread_slots[reg];
    step->a = b->bindings[reg].value;
    return &b->spread_slots[reg];
}

static void **slot_of(builder *b, int32_t reg)
{
    return b->bindings[reg].varying ? b->bindings[reg].slot : numc_cpu_spread(b, reg);
}

bool numc_cpu_is_early(const builder *b, int32_t reg)
{
    if (b->bindings[reg].varying)
        return false;
    return b->bindings[reg].early || !inside(b, b->kernel->definition[reg], b->vector);
}

static void write_operands(numc_cpu_step *step, void *const *operands, uint32_t arity)
{
    step->a = operands[0];
    step->b = arity > 1 ? operands[1] : operands[0];
    step->c = arity > 2 ? operands[2] : operands[0];
    step->d = arity > 3 ? operands[3] : operands[0];
}

/* A sum or difference with a product that no step of its own has computed. */
static bool write_with_product(builder *b, int32_t i)
{
    const numc_kernel *kernel = b->kernel;
    const numc_kernel_node *node = &kernel->nodes[i];
    if (b->vector >= 0 || node->dtype != NUMC_FLOAT64 ||
        (node->operation != NUMC_SCALAR_ADD && node->operation != NUMC_SCALAR_SUBTRACT))
        return false;
    for (int k = 0; k < 2; ++k) {
        const int32_t definition = kernel->definition[node->operands[k]];
        if (definition < 0 || kernel->facts[definition].joined != i)
            continue;
        const numc_kernel_node *product = &kernel->nodes[definition];
        numc_cpu_step *step = numc_cpu_emit(b, node->operation == NUMC_SCALAR_ADD ? STEP_F64_MULTIPLY_ADD
                                      : k == 0                           ? STEP_F64_MULTIPLY_SUBTRACT
                                                                         : STEP_F64_SUBTRACT_PRODUCT);
        step->a = b->bindings[product->operands[0]].value;
        step->b = b->bindings[product->operands[1]].value;
        step->c = b->bindings[node->operands[1 - k]].value;
        step->r = own_value(b, node->result);
        return true;
    }
    return false;
}

void numc_cpu_write_scalar(builder *b, int32_t i)
{
    const numc_kernel_node *node = &b->kernel->nodes[i];
    const numc_cpu_node *fact = &b->kernel->facts[i];
    if ((b->vector < 0 && fact->joined >= 0) || write_with_product(b, i))
        return;
    void *operands[4] = {NULL, NULL, NULL, NULL};
    for (uint32_t k = 0; k < fact->arity; ++k)
        operands[k] = b->bindings[node->operands[k]].value;
    numc_cpu_step *step = numc_cpu_emit(b, fact->code);
    if (fact->code == STEP_HOST_CALL)
        step->fn.host_call = &fact->host_call;
    else if (fact->code == STEP_CALL)
        step->fn.block = fact->row->variants[0];
    write_operands(step, operands, fact->arity);
    step->r = own_value(b, node->result);
}

/* Where operand k of node i lies, and of `count` nodes from i on: in a row (true), or all at one place (false). */
static bool in_row(const builder *b, int32_t i, int32_t k, int32_t number, bool *row)
{
    const char *first = b->bindings[b->kernel->nodes[i].operands[k]].value;
    const char *other = b->bindings[b->kernel->nodes[i + number].operands[k]].value;
    const bool moves = other == first + (size_t)number * sizeof(numc_cpu_value);
    if (number == 1)
        *row = moves;
    return *row ? moves : other == first;
}

/* Nodes from i on that are one operation on values in a row, as one call: how many, or 0. A call of several costs little more
 * than one, and an operation with a step of its own about a fourth of it. */
int32_t numc_cpu_write_run(builder *b, int32_t i, int32_t to)
{
    enum { LEAST_CALLS = 2, LEAST_STEPS = 4 };
    const numc_kernel *kernel = b->kernel;
    const numc_kernel_node *node = &kernel->nodes[i];
    const numc_cpu_node *fact = &kernel->facts[i];
    bool row[2] = {true, true};
    if (node->kind != NUMC_NODE_SCALAR || fact->row == NULL || fact->arity > 2 || !fact->same_size ||
        kernel->register_sizes[node->result] != sizeof(numc_cpu_value) || i + 1 >= to)
        return 0;
    int32_t count = 0;
    for (; i + count < to; ++count) {
        const numc_kernel_node *next = &kernel->nodes[i + count];
        if (next->kind != NUMC_NODE_SCALAR || next->operation != node->operation || next->dtype != node->dtype ||
            next->result != node->result + count || (b->vector >= 0 && (b->bindings[next->result].varying || b->bindings[next->result].early)) ||
            kernel->facts[i + count].joined >= 0)
            break;
        const void *place = b->bindings[next->result].value;
        bool fits = place == NULL || place == &b->values[next->result];
        for (uint32_t k = 0; k < fact->arity; ++k) {
            const int32_t definition = kernel->definition[next->operands[k]];
            fits = fits && b->bindings[next->operands[k]].value != NULL && (definition < i || definition >= to) &&
                   (definition < 0 || kernel->facts[definition].joined < 0) && (count == 0 || in_row(b, i, (int32_t)k, count, &row[k]));
        }
        if (!fits)
            break;
    }
    const int variant = fact->arity == 1 ? 0 : row[0] ? (row[1] ? 0 : 2) : 1;
    if (count < (fact->code == STEP_CALL ? LEAST_CALLS : LEAST_STEPS) || (!row[0] && (fact->arity == 1 || !row[1])) ||
        fact->row->variants[variant] == NULL)
        return 0;
    void *operands[4] = {b->bindings[node->operands[0]].value, NULL, NULL, NULL};
    if (fact->arity > 1)
        operands[1] = b->bindings[node->operands[1]].value;
    for (int32_t k = 0; k < count; ++k)
        (void)own_value(b, node->result + k);
    numc_cpu_step *step = numc_cpu_emit(b, STEP_CALL_ROW);
    step->fn.block = fact->row->variants[variant];
    write_operands(step, operands, fact->arity);
    step->imm = count;
    step->r = b->bindings[node->result].value;
    return count;
}

/* Which variant takes the uniform operands as they are; -1: they must be spread out. */
int numc_cpu_variant_for(const numc_cpu_node *fact, const builder *b, const numc_kernel_node *node)
{
    if (fact->row == NULL)
        return -1;
    int variant = 0;
    if (fact->arity == 2 && node->operation != NUMC_SCALAR_WHERE)
        variant = !b->bindings[node->operands[0]].varying ? 1 : !b->bindings[node->operands[1]].varying ? 2 : 0;
    else if (node->operation == NUMC_SCALAR_WHERE && b->bindings[node->operands[0]].varying)
        variant = (!b->bindings[node->operands[1]].varying ? 1 : 0) +
                  (!b->bindings[node->operands[2]].varying ? 2 : 0);
    else
        for (uint32_t k = 0; k < fact->arity; ++k)
            if (!b->bindings[node->operands[k]].varying)
                return -1;
    return fact->row->variants[variant] != NULL ? variant : -1;
}

/* A store that the operation can do itself: contiguous along the vector loop, its elements touched by nothing else there. */
static bool may_store(const builder *b, int32_t store)
{
    return store >= 0 && !b->meets_store[store] && !b->meets_load[store] && stride_of(b, store, b->vector_depth) == 1;
}

/* The operand of a block step: a block, or a single value as it is. */
static void *pair_operand(const builder *b, int32_t reg)
{
    return b->bindings[reg].varying ? (void *)b->bindings[reg].slot : (void *)&b->value_slots[reg];
}

/* Writes an operation together with the varying one that it alone uses. */
static void write_pair(builder *b, int32_t i)
{
    const numc_kernel *kernel = b->kernel;
    const numc_kernel_node *node = &kernel->nodes[i], *inner = &kernel->nodes[kernel->facts[i].pairs];
    int32_t left = inner->operands[0], right = inner->operands[inner->operation == NUMC_SCALAR_SQUARE ? 0 : 1];
    if (!b->bindings[left].varying && inner->operation != NUMC_SCALAR_SUBTRACT) {
        const int32_t swap = left;
        left = right;
        right = swap;
    }
    const bool right_single = !b->bindings[right].varying;
    const numc_block_first first =
        inner->operation == NUMC_SCALAR_SQUARE       ? NUMC_BLOCK_FIRST_SQUARE
        : inner->operation == NUMC_SCALAR_ADD        ? (right_single ? NUMC_BLOCK_FIRST_ADD_VS : NUMC_BLOCK_FIRST_ADD_VV)
        : inner->operation == NUMC_SCALAR_MULTIPLY   ? (right_single ? NUMC_BLOCK_FIRST_MULTIPLY_VS : NUMC_BLOCK_FIRST_MULTIPLY_VV)
        : right_single                               ? NUMC_BLOCK_FIRST_SUBTRACT_VS
        : !b->bindings[left].varying                 ? NUMC_BLOCK_FIRST_SUBTRACT_SV
                                                     : NUMC_BLOCK_FIRST_SUBTRACT_VV;
    const bool is_left = node->operands[0] == inner->result;
    const int32_t other = node->operands[is_left ? 1 : 0];
    const numc_block_second second = node->operation == NUMC_SCALAR_ADD        ? NUMC_BLOCK_SECOND_ADD
                                     : node->operation == NUMC_SCALAR_MULTIPLY ? NUMC_BLOCK_SECOND_MULTIPLY
                                     : is_left                                 ? NUMC_BLOCK_SECOND_SUBTRACT
                                                                               : NUMC_BLOCK_SECOND_FROM;
    numc_cpu_step *step = numc_cpu_emit(b, STEP_BLOCK);
    step->fn.block = b->device->blocks->pair(first, second, !b->bindings[other].varying);
    step->a = pair_operand(b, left);
    step->b = pair_operand(b, right);
    step->c = step->d = pair_operand(b, other);
    numc_cpu_bury(b, i);
    if (may_store(b, kernel->facts[i].store))
        b->bindings[node->result].slot = (void **)&b->cursors[kernel->facts[i].store];
    else
        (void)numc_cpu_own_block(b, node->result);
    step->r = b->bindings[node->result].slot;
}

void numc_cpu_write_block(builder *b, int32_t i)
{
    const numc_kernel_node *node = &b->kernel->nodes[i];
    const numc_cpu_node *fact = &b->kernel->facts[i];
    if (fact->paired >= 0)
        return; /* the one that uses it computes it */
    if (fact->pairs >= 0 && b->bindings[b->kernel->nodes[fact->pairs].result].varying) {
        write_pair(b, i);
        return;
    }
    const int variant = numc_cpu_variant_for(fact, b, node);
    void *operands[4] = {NULL, NULL, NULL, NULL};
    for (uint32_t k = 0; k < fact->arity; ++k) {
        const int32_t reg = node->operands[k];
        operands[k] = b->bindings[reg].varying ? (void *)b->bindings[reg].slot
                      : variant < 0            ? (void *)numc_cpu_spread(b, reg)
                                               : (void *)&b->value_slots[reg];
    }
    numc_cpu_step *step = numc_cpu_emit(b, STEP_BLOCK);
    if (fact->row != NULL) {
        step->fn.block = fact->row->variants[variant < 0 ? 0 : variant];
        if (fact->arity <= 2)
            step->code = fact->arity == 1 ? STEP_BLOCK_1 : STEP_BLOCK_2;
    } else {
        step->code = STEP_BLOCK_HOST;
        step->fn.host_call = &fact->host_call;
    }
    write_operands(step, operands, fact->arity);
    if (fact->same_size)
        numc_cpu_bury(b, i); /* the result may take the place of an operand that dies here */
    if (may_store(b, fact->store)) {
        b->bindings[node->result].slot = (void **)&b->cursors[fact->store];
        step->r = b->bindings[node->result].slot;
    } else {
        step->r = numc_cpu_own_block(b, node->result);
    }
}

void numc_cpu_write_load(builder *b, int32_t i)
{
    const numc_kernel_node *node = &b->kernel->nodes[i];
    const numc_cpu_node *fact = &b->kernel->facts[i];
    binding *bound = &b->bindings[node->result];
    const int32_t index = index_register(node);
    const int64_t size = element_size(b, i);
    if (b->vector < 0 || !bound->varying) {
        numc_cpu_step *step;
        if (index >= 0) {
            step = numc_cpu_emit(b, STEP_LOAD_AT);
            step->b = b->bindings[index].value;
            step->imm = stride_of(b, i, (int32_t)b->kernel->depth) * size;
            step->jump = (int32_t)size;
        } else {
            step = numc_cpu_emit(b, size == 8 ? STEP_LOAD_8 : size == 4 ? STEP_LOAD_4 : size == 2 ? STEP_LOAD_2 : STEP_LOAD_1);
        }
        step->a = &b->cursors[i];
        step->r = own_value(b, node->result);
        return;
    }
    const int64_t stride = stride_of(b, i, b->vector_depth);
    void **from = (void **)&b->cursors[i];
    if (index >= 0 && b->bindings[index].varying) {
        void **indices = b->bindings[index].slot;
        numc_cpu_step *step = numc_cpu_emit(b, STEP_BLOCK_LOAD_INDEXED);
        step->fn.memory = fact->memory;
        step->a = from;
        step->b = indices;
        step->c = (void *)(intptr_t)(stride * size);
        step->imm = stride_of(b, i, (int32_t)b->kernel->depth) * size;
        step->r = numc_cpu_own_block(b, node->result);
        return;
    }
    if (index >= 0) {
        numc_cpu_step *step = numc_cpu_emit(b, STEP_ADDRESS);
        step->r = &b->addresses[i];
        step->a = from;
        step->b = b->bindings[index].value;
        step->imm = stride_of(b, i, (int32_t)b->kernel->depth) * size;
        from = &b->addresses[i];
    }
    if (stride == 1 && !b->meets_store[i]) {
        bound->slot = from; /* read where it lies */
        return;
    }
    numc_cpu_step *step = numc_cpu_emit(b, stride == 1 ? STEP_BLOCK_COPY : STEP_BLOCK_LOAD);
    step->fn.memory = fact->memory;
    step->a = from;
    step->imm = stride * size;
    step->r = numc_cpu_own_block(b, node->result);
}

void numc_cpu_write_row(builder *b, int32_t i, int32_t count)
{
    const numc_kernel_node *node = &b->kernel->nodes[i];
    const bool load = node->kind == NUMC_NODE_LOAD;
    const int32_t reg = load ? node->result : node->operands[0];
    for (int32_t k = 0; k < count; ++k)
        (void)own_value(b, reg + k);
    numc_cpu_step *step = numc_cpu_emit(b, load ? STEP_LOAD_ROW : STEP_STORE_ROW);
    step->imm = count * (int64_t)sizeof(numc_cpu_value);
    *(load ? &step->a : &step->r) = &b->cursors[i];
    *(load ? &step->r : &step->a) = b->bindings[reg].value;
}

void numc_cpu_write_store(builder *b, int32_t i)
{
    const numc_kernel_node *node = &b->kernel->nodes[i];
    const numc_cpu_node *fact = &b->kernel->facts[i];
    const int32_t index = index_register(node), reg = node->operands[0];
    const int64_t size = element_size(b, i);
    if (b->vector < 0) {
        numc_cpu_step *step;
        if (index >= 0) {
            step = numc_cpu_emit(b, STEP_STORE_AT);
            step->b = b->bindings[index].value;
            step->imm = stride_of(b, i, (int32_t)b->kernel->depth) * size;
            step->jump = (int32_t)size;
        } else {
            step = numc_cpu_emit(b, size == 8 ? STEP_STORE_8 : size == 4 ? STEP_STORE_4 : size == 2 ? STEP_STORE_2 : STEP_STORE_1);
        }
        step->r = &b->cursors[i];
        step->a = b->bindings[reg].value;
        return;
    }
    const int64_t stride = stride_of(b, i, b->vector_depth);
    void **to = (void **)&b->cursors[i];
    if (b->bindings[reg].varying && b->bindings[reg].slot == to)
        return; /* the operation stored it */
    if (index >= 0 && b->bindings[index].varying) {
        void **values = slot_of(b, reg);
        numc_cpu_step *step = numc_cpu_emit(b, STEP_BLOCK_STORE_INDEXED);
        step->fn.memory = fact->memory;
        step->r = to;
        step->a = values;
        step->b = b->bindings[index].slot;
        step->c = (void *)(intptr_t)(stride * size);
        step->imm = stride_of(b, i, (int32_t)b->kernel->depth) * size;
        return;
    }
    if (index >= 0) {
        numc_cpu_step *step = numc_cpu_emit(b, STEP_ADDRESS);
        step->r = &b->addresses[i];
        step->a = to;
        step->b = b->bindings[index].value;
        step->imm = stride_of(b, i, (int32_t)b->kernel->depth) * size;
        to = &b->addresses[i];
    }
    if (stride == 1 && !b->bindings[reg].varying) {
        numc_cpu_step *step = numc_cpu_emit(b, STEP_BLOCK_FILL);
        step->fn.memory = fact->memory;
        step->r = to;
        step->a = b->bindings[reg].value;
        return;
    }
    void **values = slot_of(b, reg);
    numc_cpu_step *step = numc_cpu_emit(b, stride == 1 ? STEP_BLOCK_COPY : STEP_BLOCK_STORE);
    step->fn.memory = fact->memory;
    step->r = to;
    step->a = values;
    step->imm = stride * size;
}

void numc_cpu_write_local(builder *b, int32_t i)
{
    const numc_kernel_node *node = &b->kernel->nodes[i];
    const numc_cpu_node *fact = &b->kernel->facts[i];
    const bool is_load = node->kind == NUMC_NODE_LOCAL_LOAD;
    const int32_t index = node->operands[0], local = node->extent;
    const bool in_blocks = b->vector >= 0 && b->local_blocks[local] >= 0;
    numc_cpu_step *step;
    if (in_blocks) {
        void **values = is_load ? NULL : slot_of(b, node->operands[1]);
        step = numc_cpu_emit(b, is_load ? STEP_BLOCK_LOCAL_LOAD : STEP_BLOCK_LOCAL_STORE);
        step->fn.memory = fact->memory;
        step->a = b->bindings[index].value;
        step->b = is_load ? (void *)&b->local_slots[local] : (void *)values;
        step->r = is_load ? (void *)numc_cpu_own_block(b, node->result) : (void *)&b->local_slots[local];
    } else if (b->vector >= 0 && b->bindings[index].varying) {
        void **values = is_load ? NULL : slot_of(b, node->operands[1]);
        step = numc_cpu_emit(b, is_load ? STEP_BLOCK_LOCAL_GATHER : STEP_BLOCK_LOCAL_SCATTER);
        step->fn.memory = fact->memory;
        step->a = b->bindings[index].slot;
        step->b = is_load ? (void *)b->local_memory[local] : (void *)values;
        step->r = is_load ? (void *)numc_cpu_own_block(b, node->result) : (void *)b->local_memory[local];
    } else {
        step = numc_cpu_emit(b, is_load ? STEP_LOCAL_LOAD : STEP_LOCAL_STORE);
        step->a = b->bindings[index].value;
        step->b = is_load ? (void *)b->local_memory[local] : b->bindings[node->operands[1]].value;
        step->r = is_load ? own_value(b, node->result) : (void *)b->local_memory[local];
        step->jump = (int32_t)fact->memory->size;
    }
    step->imm = b->kernel->locals[local].count;
}

/* ---- accumulations ------------------------------------------------------------------------------------------------------- */

static bool accumulates_blocks(const builder *b, int32_t i)
{
    return b->vector >= 0 && b->kernel->facts[i].parent != b->vector &&
           b->bindings[b->kernel->nodes[i].operands[0]].varying;
}

/* The whole reduction in one step: a vector loop whose iterations fit one block. */
static bool accumulates_whole(const builder *b, int32_t i)
{
    const numc_kernel_node *loop = &b->kernel->nodes[b->kernel->facts[i].parent];
    return b->vector == b->kernel->facts[i].parent && b->kernel->facts[i].reduction != NULL && extent_known(loop) &&
           b->arguments->extents[loop->extent] > 0 && b->arguments->extents[loop->extent] <= NUMC_CPU_BLOCK_LEAST;
}

/* A reduction in blocks whose extent is known to be at most the 8 lanes: each lane takes one value. */
static int64_t few_lanes(const builder *b, int32_t i)
{
    const numc_kernel_node *loop = &b->kernel->nodes[b->kernel->facts[i].parent];
    const int64_t extent = extent_known(loop) ? b->arguments->extents[loop->extent] : 0;
    return extent > 0 && extent <= 8 ? extent : 0;
}

static void *lanes_of(const builder *b, int32_t i)
{
    return b->lanes + 64 * (ptrdiff_t)b->lane_numbers[i];
}

void numc_cpu_start_accumulations(builder *b, int32_t loop)
{
    const numc_kernel *kernel = b->kernel;
    for (int32_t i = loop + 1; i < kernel->nodes[loop].match; ++i) {
        if (kernel->nodes[i].kind != NUMC_NODE_ACCUMULATE || kernel->facts[i].parent != loop)
            continue;
        if (kernel->facts[i].argument != NULL) {
            numc_cpu_emit(b, STEP_EXTREME_START)->r = lanes_of(b, i);
        } else if (accumulates_blocks(b, i)) {
            b->lane_blocks[i] = numc_cpu_take_blocks(b, 9); /* the last holds the identity where lanes are few */
            b->lane_slots[i] = numc_cpu_block_mark(b->lane_blocks[i]);
            numc_cpu_step *step = numc_cpu_emit(b, STEP_BLOCK_LANES_START);
            step->fn.memory = b->device->blocks->memory(kernel->facts[i].reduction->lane_size);
            step->r = &b->lane_slots[i];
            step->a = (void *)(uintptr_t)&kernel->facts[i].reduction->identity;
            step->imm = few_lanes(b, i);
        } else if (!accumulates_whole(b, i)) {
            numc_cpu_step *step = numc_cpu_emit(b, STEP_LANES_START);
            step->r = lanes_of(b, i);
            step->a = (void *)(uintptr_t)&kernel->facts[i].reduction->identity;
            step->imm = kernel->facts[i].reduction->lane_size;
        }
    }
}

void numc_cpu_write_accumulate(builder *b, int32_t i)
{
    const numc_kernel_node *node = &b->kernel->nodes[i];
    const numc_cpu_node *fact = &b->kernel->facts[i];
    const int32_t reg = node->operands[0];
    int64_t *index = &b->loops[b->loop_numbers[fact->parent]].index;
    numc_cpu_step *step;
    if (b->vector == fact->parent) {
        void **values = slot_of(b, reg);
        const bool whole = accumulates_whole(b, i);
        step = numc_cpu_emit(b, fact->argument != NULL ? STEP_BLOCK_EXTREME : whole ? STEP_BLOCK_WHOLE : STEP_BLOCK_ACCUMULATE);
        step->r = whole ? own_value(b, node->result) : lanes_of(b, i);
        step->a = values;
    } else if (accumulates_blocks(b, i)) {
        step = numc_cpu_emit(b, few_lanes(b, i) > 0 ? STEP_BLOCK_LANES_SET : STEP_BLOCK_LANES_COMBINE);
        step->r = &b->lane_slots[i];
        step->a = b->bindings[reg].slot;
    } else {
        step = numc_cpu_emit(b, fact->argument != NULL ? STEP_EXTREME
                       : node->operation == NUMC_REDUCTION_SUM && node->dtype == NUMC_FLOAT64 ? STEP_LANES_ADD
                                                                                              : STEP_LANES_COMBINE);
        step->r = lanes_of(b, i);
        step->a = b->bindings[reg].value;
        step->imm = fact->reduction != NULL ? fact->reduction->lane_size : 0;
    }
    step->b = index;
    if (fact->argument != NULL)
        step->fn.argument = fact->argument;
    else
        step->fn.reduction = fact->reduction;
}

/* After the loop; `b->vector` is the vector loop around it, if any. */
void numc_cpu_finish_accumulations(builder *b, int32_t loop)
{
    const numc_kernel *kernel = b->kernel;
    const int32_t around = b->vector == loop ? -1 : b->vector;
    for (int32_t i = loop + 1; i < kernel->nodes[loop].match; ++i) {
        const numc_kernel_node *node = &kernel->nodes[i];
        if (node->kind != NUMC_NODE_ACCUMULATE || kernel->facts[i].parent != loop || accumulates_whole(b, i))
            continue;
        if (kernel->facts[i].argument != NULL) {
            numc_cpu_step *step = numc_cpu_emit(b, STEP_EXTREME_FINISH);
            step->r = own_value(b, node->result);
            step->a = lanes_of(b, i);
        } else if (around >= 0 && b->bindings[node->operands[0]].varying) {
            numc_cpu_step *step = numc_cpu_emit(b, STEP_BLOCK_LANES_FINISH);
            step->fn.reduction = kernel->facts[i].reduction;
            step->a = &b->lane_slots[i];
            step->imm = few_lanes(b, i);
            step->r = numc_cpu_own_block(b, node->result);
        } else {
            numc_cpu_step *step = numc_cpu_emit(b, STEP_LANES_FINISH);
            step->fn.reduction = kernel->facts[i].reduction;
            step->a = lanes_of(b, i);
            step->r = own_value(b, node->result);
        }
    }
}

/* ---- carried registers --------------------------------------------------------------------------------------------------- */

void numc_cpu_write_move(builder *b, int32_t to, int32_t from, void *via)
{
    if (b->vector >= 0 && b->bindings[to].varying) {
        if (b->bindings[to].slot == NULL || b->bindings[to].block < 0)
            numc_cpu_own_block(b, to);
        if (!b->bindings[from].varying) {
            numc_cpu_step *fill = numc_cpu_emit(b, STEP_BLOCK_FILL);
            fill->fn.memory = b->device->blocks->memory(b->kernel->register_sizes[to]);
            fill->r = b->bindings[to].slot;
            fill->a = b->bindings[from].value;
            return;
        }
        numc_cpu_step *copy = numc_cpu_emit(b, STEP_BLOCK_COPY);
        copy->fn.memory = b->device->blocks->memory(b->kernel->register_sizes[to]);
        copy->r = b->bindings[to].slot;
        copy->a = via != NULL ? via : (void *)b->bindings[from].slot;
        return;
    }
    numc_cpu_step *move = numc_cpu_emit(b, STEP_MOVE);
    move->r = own_value(b, to);
    move->a = via != NULL ? via : b->bindings[from].value;
}

static bool carried_by(const numc_kernel *kernel, int32_t loop, int32_t reg)
{
    for (int32_t i = loop + 1; i < kernel->nodes[loop].match; ++i)
        if (kernel->nodes[i].kind == NUMC_NODE_UPDATE && kernel->facts[i].parent == loop &&
            kernel->nodes[i].result == reg)
            return true;
    return false;
}

/* The last node of the loop's body that reads reg; the loop's end where an UPDATE gives it on. */
static int32_t last_read(const numc_kernel *kernel, int32_t loop, int32_t reg)
{
    int32_t last = -1;
    for (int32_t i = loop + 1; i < kernel->nodes[loop].match; ++i) {
        const numc_kernel_node *node = &kernel->nodes[i];
        const uint32_t arity = node->kind == NUMC_NODE_SCALAR ? kernel->facts[i].arity : 2;
        if (node->kind == NUMC_NODE_END || node->kind == NUMC_NODE_CONSTANT || node->kind == NUMC_NODE_INDEX)
            continue;
        for (uint32_t k = 0; k < arity; ++k)
            if (node->operands[k] == reg) {
                int32_t at = i;
                if (node->kind == NUMC_NODE_UPDATE)
                    return kernel->nodes[loop].match;
                if (node->kind == NUMC_NODE_SCALAR && kernel->facts[i].joined >= 0)
                    at = kernel->facts[i].joined;
                for (int32_t p = kernel->facts[i].parent; p != loop; p = kernel->facts[p].parent)
                    at = kernel->nodes[p].match;
                if (numc_cpu_is_loop(node->kind))
                    at = node->match;
                last = at > last ? at : last;
            }
    }
    return last;
}

/* Lets the operation that computes the next value of a carried register write it there, where nothing reads the old value
 * afterwards. Single values only. */
void numc_cpu_join_carries(builder *b, int32_t loop)
{
    const numc_kernel *kernel = b->kernel;
    const int32_t end = kernel->nodes[loop].match;
    for (int32_t i = loop + 1; i < end; ++i) {
        const numc_kernel_node *node = &kernel->nodes[i];
        if (node->kind != NUMC_NODE_UPDATE || kernel->facts[i].parent != loop)
            continue;
        const int32_t given = node->operands[0], carry = node->result, definition = kernel->definition[given];
        if (definition <= loop || definition >= end || kernel->facts[definition].parent != loop ||
            kernel->nodes[definition].kind != NUMC_NODE_SCALAR || b->bindings[given].value != NULL ||
            b->bindings[carry].value == NULL || last_read(kernel, loop, carry) > definition)
            continue;
        bool late_exit = false; /* a WHILE that may end after the definition keeps the old value */
        for (int32_t k = definition; k < end; ++k)
            late_exit = late_exit || (kernel->nodes[k].kind == NUMC_NODE_CONTINUE && kernel->facts[k].parent == loop);
        if (!late_exit)
            numc_cpu_bind_value(b, given, b->bindings[carry].value);
    }
}

void numc_cpu_write_updates(builder *b, int32_t loop)
{
    const numc_kernel *kernel = b->kernel;
    const int32_t end = kernel->nodes[loop].match;
    /* A value given on that is itself a carried register would be overwritten too early: such values go by way of spare
     * registers first. */
    for (int32_t pass = 0; pass < 2; ++pass)
        for (int32_t i = loop + 1; i < end; ++i) {
            const numc_kernel_node *node = &kernel->nodes[i];
            if (node->kind != NUMC_NODE_UPDATE || kernel->facts[i].parent != loop)
                continue;
            const int32_t given = node->operands[0], carry = node->result;
            if (given == carry)
                continue;
            const bool varying = b->vector >= 0 && b->bindings[carry].varying;
            if (!varying && b->bindings[given].value == b->bindings[carry].value)
                continue;
            const bool spare = carried_by(kernel, loop, given);
            if (pass == 0 && spare) {
                if (varying && b->bindings[given].varying) {
                    if (b->lane_blocks[i] < 0) {
                        b->lane_blocks[i] = numc_cpu_take_blocks(b, 1);
                        b->lane_slots[i] = numc_cpu_block_mark(b->lane_blocks[i]);
                    }
                    numc_cpu_step *copy = numc_cpu_emit(b, STEP_BLOCK_COPY);
                    copy->fn.memory = b->device->blocks->memory(kernel->register_sizes[given]);
                    copy->r = &b->lane_slots[i];
                    copy->a = b->bindings[given].slot;
                } else if (!b->bindings[given].varying || b->vector < 0) {
                    numc_cpu_step *move = numc_cpu_emit(b, STEP_MOVE);
                    move->r = &b->addresses[i];
                    move->a = b->bindings[given].value;
                }
            } else if (pass == 1) {
                if (!spare)
                    numc_cpu_write_move(b, carry, given, NULL);
                else if (varying && b->bindings[given].varying)
                    numc_cpu_write_move(b, carry, given, &b->lane_slots[i]);
                else if (varying) {
                    numc_cpu_step *fill = numc_cpu_emit(b, STEP_BLOCK_FILL);
                    fill->fn.memory = b->device->blocks->memory(kernel->register_sizes[given]);
                    fill->r = b->bindings[carry].slot;
                    fill->a = &b->addresses[i];
                } else
                    numc_cpu_write_move(b, carry, given, &b->addresses[i]);
            }
        }
}
