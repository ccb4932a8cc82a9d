/* interpret.c - the reference interpreter of kernels, all levels: decodes the loop tree once into steps, then runs the steps one
 * element at a time. It is the oracle of the other backends; it is not blocked and knows no vector instructions.
 *
 * A kernel (decoded, immutable) may be run from several threads: registers, lanes and loop indices belong to the run. */
#include <math.h>
#include <string.h>

#include "ref/ref.h"

enum { LANES = 8 };

typedef enum step_code {
    STEP_HALT,
    STEP_LOOP, /* enters a loop: step.index is its number */
    STEP_END,
    STEP_CONTINUE,
    STEP_CALL_1,
    STEP_CALL_2,
    STEP_CALL_3,
    STEP_CALL_4,
    STEP_INDEX, /* result = index of the loop at depth step.index */
    STEP_MOVE,  /* a carried register's start */
    STEP_UPDATE,
    STEP_ACCUMULATE,
    STEP_ACCUMULATE_SUM, /* float64 */
    STEP_ACCUMULATE_ARGUMENT,
    STEP_LOAD_1,
    STEP_LOAD_4,
    STEP_LOAD_8,
    STEP_LOAD_ANY, /* other sizes, and gathered */
    STEP_STORE_8,
    STEP_STORE_ANY,
    STEP_LOCAL_LOAD,
    STEP_LOCAL_STORE,
    /* float64 operations without a call */
    STEP_ADD,
    STEP_SUBTRACT,
    STEP_MULTIPLY,
    STEP_DIVIDE,
    STEP_NEGATIVE,
    STEP_SQUARE,
    STEP_SQRT,
    STEP_MAXIMUM,
    STEP_MINIMUM,
    STEP_LESS,
    STEP_LESS_EQUAL,
    STEP_WHERE
} step_code;

typedef struct step {
    uint16_t code;
    uint16_t depth; /* loops around it */
    uint32_t size;  /* bytes of the value loaded or stored */
    int32_t result;
    int32_t operands[4];
    int32_t index; /* loop, access, accumulator, update or local */
    numc_ref_scalar function;
} step;

typedef struct loop {
    uint32_t kind;
    int32_t depth; /* loops around it */
    int32_t extent, extent_register;
    int32_t first_accumulator, accumulator_count, first_update, update_count;
    int32_t after; /* the step behind its END */
} loop;

typedef struct accumulator {
    int32_t result;
    uint32_t reduction, dtype;
    numc_ref_scalar combine; /* NULL for argmax and argmin */
    numc_ref_value identity;
} accumulator;

typedef struct update {
    int32_t result, operand;
} update;

typedef struct local_array {
    uint32_t size, count;
    size_t start;
} local_array;

struct numc_kernel {
    size_t size;
    uint32_t step_count, loop_count, accumulator_count, update_count, constant_count, local_count;
    uint32_t register_count, depth, buffer_count, extent_count, access_count, argument_constants;
    size_t local_bytes;
    step *steps;
    loop *loops;
    accumulator *accumulators;
    update *updates, *constants; /* constants: register, index of the constant */
    local_array *locals;
    uint32_t *access_buffers;
};

/* What one run needs beside the kernel and the arguments. */
typedef struct scratch {
    numc_ref_value *registers, *lanes, *pending;
    int64_t *lane_index, *indices, *extents;
    unsigned char *locals;
} scratch;

struct numc_launch {
    numc_kernel *kernel;
    size_t size;
    numc_kernel_arguments arguments;
    scratch scratch;
};

/* ---- decoding ------------------------------------------------------------------------------------------------------------ */

static const struct {
    uint16_t operation, code;
} direct_steps[] = {
    {NUMC_SCALAR_ADD, STEP_ADD},           {NUMC_SCALAR_SUBTRACT, STEP_SUBTRACT},
    {NUMC_SCALAR_MULTIPLY, STEP_MULTIPLY}, {NUMC_SCALAR_DIVIDE, STEP_DIVIDE},
    {NUMC_SCALAR_NEGATIVE, STEP_NEGATIVE}, {NUMC_SCALAR_SQUARE, STEP_SQUARE},
    {NUMC_SCALAR_SQRT, STEP_SQRT},         {NUMC_SCALAR_MAXIMUM, STEP_MAXIMUM},
    {NUMC_SCALAR_MINIMUM, STEP_MINIMUM},   {NUMC_SCALAR_LESS, STEP_LESS},
    {NUMC_SCALAR_LESS_EQUAL, STEP_LESS_EQUAL}, {NUMC_SCALAR_WHERE, STEP_WHERE},
};

static const uint8_t scalar_arity[NUMC_SCALAR_LIMIT] = {
#define NUMC_X(code, upper, lower, arity, operands, result) [code] = arity,
    NUMC_SCALAR_TABLE(NUMC_X)
#undef NUMC_X
};

static const uint16_t combine_operation[] = {
    [NUMC_REDUCTION_SUM] = NUMC_SCALAR_ADD,     [NUMC_REDUCTION_PROD] = NUMC_SCALAR_MULTIPLY,
    [NUMC_REDUCTION_MAX] = NUMC_SCALAR_MAXIMUM, [NUMC_REDUCTION_MIN] = NUMC_SCALAR_MINIMUM,
    [NUMC_REDUCTION_ANY] = NUMC_SCALAR_LOGICAL_OR, [NUMC_REDUCTION_ALL] = NUMC_SCALAR_LOGICAL_AND,
    [NUMC_REDUCTION_ARGMAX] = 0,                [NUMC_REDUCTION_ARGMIN] = 0,
};

/* The value a reduction starts from: 0, 1, the lowest or highest value of the dtype (infinities for floats), false, true. */
static numc_ref_value identity_of(uint32_t reduction, uint32_t dtype)
{
    static const struct {
        numc_ref_value one, lowest, highest;
    } table[NUMC_DTYPE_COUNT] = {
        [NUMC_BOOL] = {{.boolean = 1}, {.boolean = 0}, {.boolean = 1}},
        [NUMC_INT8] = {{.int8 = 1}, {.int8 = INT8_MIN}, {.int8 = INT8_MAX}},
        [NUMC_INT16] = {{.int16 = 1}, {.int16 = INT16_MIN}, {.int16 = INT16_MAX}},
        [NUMC_INT32] = {{.int32 = 1}, {.int32 = INT32_MIN}, {.int32 = INT32_MAX}},
        [NUMC_INT64] = {{.int64 = 1}, {.int64 = INT64_MIN}, {.int64 = INT64_MAX}},
        [NUMC_UINT8] = {{.uint8 = 1}, {.uint8 = 0}, {.uint8 = UINT8_MAX}},
        [NUMC_UINT16] = {{.uint16 = 1}, {.uint16 = 0}, {.uint16 = UINT16_MAX}},
        [NUMC_UINT32] = {{.uint32 = 1}, {.uint32 = 0}, {.uint32 = UINT32_MAX}},
        [NUMC_UINT64] = {{.uint64 = 1}, {.uint64 = 0}, {.uint64 = UINT64_MAX}},
        [NUMC_FLOAT32] = {{.float32 = 1}, {.float32 = -INFINITY}, {.float32 = INFINITY}},
        [NUMC_FLOAT64] = {{.float64 = 1}, {.float64 = -INFINITY}, {.float64 = INFINITY}},
    };
    numc_ref_value zero;
    memset(&zero, 0, sizeof zero);
    switch (reduction) {
    case NUMC_REDUCTION_PROD:
    case NUMC_REDUCTION_ALL: return table[dtype].one;
    case NUMC_REDUCTION_MAX: return table[dtype].lowest;
    case NUMC_REDUCTION_MIN: return table[dtype].highest;
    default: return zero;
    }
}

static bool is_loop(uint32_t kind)
{
    return kind >= NUMC_NODE_PARALLEL && kind <= NUMC_NODE_WHILE;
}

static int32_t malformed(const numc_host *host, const char *what)
{
    return numc_ref_fail(host, NUMC_INVALID_ARGUMENT, what);
}

/* Counts first, so that a kernel is one block of memory. */
static numc_kernel *kernel_new(const numc_host *host, const numc_kernel_source *source)
{
    uint32_t loops = 0, accumulators = 0, updates = 0, constants = 0;
    for (uint32_t i = 0; i < source->node_count; i++) {
        uint32_t kind = source->nodes[i].kind;
        loops += is_loop(kind);
        accumulators += kind == NUMC_NODE_ACCUMULATE;
        updates += kind == NUMC_NODE_UPDATE;
        constants += kind == NUMC_NODE_CONSTANT;
    }
    size_t steps = (size_t)source->node_count + 1;
    size_t size = sizeof(numc_kernel) + steps * sizeof(step) + accumulators * sizeof(accumulator) +
                  source->local_count * sizeof(local_array) + loops * sizeof(loop) +
                  ((size_t)updates + constants) * sizeof(update) + source->access_count * sizeof(uint32_t);
    numc_kernel *kernel = numc_ref_allocate(host, size);
    if (kernel == NULL)
        return NULL;
    memset(kernel, 0, size);
    *kernel = (numc_kernel){
        .size = size,
        .accumulator_count = accumulators,
        .update_count = updates,
        .loop_count = loops,
        .local_count = source->local_count,
        .register_count = source->register_count,
        .depth = source->depth,
        .buffer_count = source->buffer_count,
        .extent_count = source->extent_count,
        .access_count = source->access_count,
        .argument_constants = source->constant_count,
    };
    /* in decreasing order of alignment */
    kernel->steps = (step *)(kernel + 1);
    kernel->accumulators = (accumulator *)(kernel->steps + steps);
    kernel->locals = (local_array *)(kernel->accumulators + accumulators);
    kernel->loops = (loop *)(kernel->locals + source->local_count);
    kernel->updates = (update *)(kernel->loops + loops);
    kernel->constants = kernel->updates + updates;
    kernel->access_buffers = (uint32_t *)(kernel->constants + constants);
    return kernel;
}

static bool register_ok(const numc_kernel_source *source, int32_t number)
{
    return number >= 0 && (uint32_t)number < source->register_count;
}

/* Fills one step of a scalar operation. */
static bool decode_scalar(const numc_kernel_source *source, const numc_kernel_node *node, step *out)
{
    if (node->operation >= NUMC_SCALAR_LIMIT || !register_ok(source, node->result))
        return false;
    uint32_t arity = scalar_arity[node->operation], dtype = node->dtype;
    for (uint32_t k = 0; k < arity; k++)
        if (!register_ok(source, node->operands[k]))
            return false;
    if (arity == 0)
        return false;
    if (node->operation == NUMC_SCALAR_CONVERT)
        dtype |= source->register_dtypes[node->operands[0]] << 8;
    out->function = numc__ref_scalar_function(node->operation, dtype);
    if (out->function == NULL)
        return false;
    out->code = (uint16_t)(STEP_CALL_1 + arity - 1);
    if (node->dtype == NUMC_FLOAT64)
        for (size_t k = 0; k < sizeof direct_steps / sizeof *direct_steps; k++)
            if (direct_steps[k].operation == node->operation)
                out->code = direct_steps[k].code;
    return true;
}

static bool decode_memory(const numc_kernel_source *source, const numc_kernel_node *node, step *out)
{
    bool is_load = node->kind == NUMC_NODE_LOAD;
    int32_t value = is_load ? node->result : node->operands[0];
    int32_t gathered = node->operands[is_load ? 0 : 1];
    if (node->extent < 0 || (uint32_t)node->extent >= source->access_count || !register_ok(source, value) ||
        gathered >= (int32_t)source->register_count ||
        source->accesses[node->extent].buffer >= source->buffer_count)
        return false;
    out->index = node->extent;
    out->size = numc_ref_register_size(source->accesses[node->extent].dtype);
    out->operands[1] = gathered;
    out->operands[0] = value;
    if (is_load)
        out->code = gathered >= 0    ? STEP_LOAD_ANY
                    : out->size == 8 ? STEP_LOAD_8
                    : out->size == 4 ? STEP_LOAD_4
                    : out->size == 1 ? STEP_LOAD_1
                                     : STEP_LOAD_ANY;
    else
        out->code = gathered < 0 && out->size == 8 ? STEP_STORE_8 : STEP_STORE_ANY;
    return out->size > 0;
}

/* Slots for the accumulators and updates of each loop lie together: counted in a first pass, placed in the second. */
static int32_t decode(const numc_host *host, numc_kernel *kernel, const numc_kernel_source *source)
{
    /* The loop around each node is found with a stack threaded through loops[].after until the END is reached. */
    int32_t current = -1, depth = 0;
    uint32_t loop_number = 0;
    for (uint32_t i = 0; i < source->node_count; i++) { /* first pass: loops and their numbers of nodes */
        const numc_kernel_node *node = &source->nodes[i];
        if (is_loop(node->kind)) {
            loop *next = &kernel->loops[loop_number];
            next->kind = node->kind;
            next->depth = depth++;
            next->extent = node->kind != NUMC_NODE_WHILE ? node->extent : -1;
            next->extent_register = node->kind != NUMC_NODE_WHILE ? node->operands[0] : -1;
            next->after = current;
            current = (int32_t)loop_number++;
            if ((uint32_t)depth > source->depth)
                return malformed(host, "a kernel is nested deeper than it says");
            if (next->kind != NUMC_NODE_WHILE && next->extent_register < 0 &&
                (next->extent < 0 || (uint32_t)next->extent >= source->extent_count))
                return malformed(host, "a kernel's loop names no extent");
            if (next->extent_register >= (int32_t)source->register_count)
                return malformed(host, "a kernel's loop takes its extent from a register that does not exist");
        } else if (node->kind == NUMC_NODE_END) {
            if (current < 0)
                return malformed(host, "a kernel closes a loop it did not open");
            current = kernel->loops[current].after;
            depth--;
        } else if (node->kind == NUMC_NODE_ACCUMULATE) {
            if (current < 0 || kernel->loops[current].kind != NUMC_NODE_REDUCE)
                return malformed(host, "a kernel accumulates outside a reduce loop");
            kernel->loops[current].accumulator_count++;
        } else if (node->kind == NUMC_NODE_UPDATE) {
            if (current < 0 || kernel->loops[current].kind < NUMC_NODE_SEQUENTIAL)
                return malformed(host, "a kernel updates a register outside a sequential loop");
            kernel->loops[current].update_count++;
        }
    }
    if (current >= 0)
        return malformed(host, "a kernel leaves a loop open");
    int32_t accumulators = 0, updates = 0;
    for (uint32_t l = 0; l < kernel->loop_count; l++) {
        kernel->loops[l].first_accumulator = accumulators;
        kernel->loops[l].first_update = updates;
        accumulators += kernel->loops[l].accumulator_count;
        updates += kernel->loops[l].update_count;
        kernel->loops[l].accumulator_count = kernel->loops[l].update_count = 0;
    }

    for (uint32_t l = 0; l < source->local_count; l++) {
        uint32_t size = numc_ref_register_size(source->locals[l].dtype);
        kernel->locals[l] = (local_array){size, source->locals[l].count, kernel->local_bytes};
        kernel->local_bytes += ((size_t)size * source->locals[l].count + 7) & ~(size_t)7;
        if (size == 0)
            return malformed(host, "a kernel's local array has no dtype");
    }
    for (uint32_t a = 0; a < source->access_count; a++)
        kernel->access_buffers[a] = source->accesses[a].buffer;

    current = -1;
    depth = 0;
    loop_number = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < source->node_count; i++) { /* second pass: steps */
        const numc_kernel_node *node = &source->nodes[i];
        step *out = &kernel->steps[count];
        memset(out, 0, sizeof *out);
        out->depth = (uint16_t)depth;
        out->result = node->result;
        memcpy(out->operands, node->operands, sizeof out->operands);
        bool ok = true;
        switch (node->kind) {
        case NUMC_NODE_PARALLEL:
        case NUMC_NODE_REDUCE:
        case NUMC_NODE_SEQUENTIAL:
        case NUMC_NODE_WHILE:
            out->code = STEP_LOOP;
            out->index = (int32_t)loop_number;
            kernel->loops[loop_number].after = current;
            current = (int32_t)loop_number++;
            depth++;
            break;
        case NUMC_NODE_END: {
            int32_t outer = kernel->loops[current].after;
            out->code = STEP_END;
            out->index = current;
            /* the step the loop starts at, to come back to */
            for (uint32_t k = count; k-- > 0;)
                if (kernel->steps[k].code == STEP_LOOP && kernel->steps[k].index == current) {
                    out->result = (int32_t)k + 1;
                    break;
                }
            kernel->loops[current].after = (int32_t)count + 1;
            current = outer;
            depth--;
            break;
        }
        case NUMC_NODE_SCALAR: ok = decode_scalar(source, node, out); break;
        case NUMC_NODE_CONSTANT:
            ok = node->extent >= 0 && (uint32_t)node->extent < source->constant_count &&
                 register_ok(source, node->result);
            kernel->constants[kernel->constant_count++] = (update){node->result, node->extent};
            if (ok)
                continue; /* loaded once, before the first step */
            break;
        case NUMC_NODE_INDEX:
            out->code = STEP_INDEX;
            out->index = node->extent;
            ok = register_ok(source, node->result) && node->extent >= 0 && node->extent < depth;
            break;
        case NUMC_NODE_LOAD:
        case NUMC_NODE_STORE: ok = decode_memory(source, node, out); break;
        case NUMC_NODE_ACCUMULATE: {
            loop *owner = &kernel->loops[current];
            int32_t number = owner->first_accumulator + owner->accumulator_count++;
            accumulator *target = &kernel->accumulators[number];
            ok = register_ok(source, node->result) && register_ok(source, node->operands[0]) &&
                 node->operation >= NUMC_REDUCTION_SUM && node->operation <= NUMC_REDUCTION_ARGMIN &&
                 numc_ref_register_size(node->dtype) > 0;
            if (!ok)
                break;
            *target = (accumulator){.result = node->result, .reduction = node->operation, .dtype = node->dtype};
            target->identity = identity_of(node->operation, node->dtype);
            out->index = number;
            out->code = STEP_ACCUMULATE_ARGUMENT;
            if (combine_operation[node->operation] != 0) {
                out->code = STEP_ACCUMULATE;
                target->combine = numc__ref_scalar_function(combine_operation[node->operation], node->dtype);
                ok = target->combine != NULL;
                if (node->operation == NUMC_REDUCTION_SUM && node->dtype == NUMC_FLOAT64)
                    out->code = STEP_ACCUMULATE_SUM;
            }
            break;
        }
        case NUMC_NODE_CARRY:
            out->code = STEP_MOVE;
            ok = register_ok(source, node->result) && register_ok(source, node->operands[0]);
            break;
        case NUMC_NODE_UPDATE: {
            loop *owner = &kernel->loops[current];
            out->code = STEP_UPDATE;
            out->index = owner->first_update + owner->update_count++;
            kernel->updates[out->index] = (update){node->result, node->operands[0]};
            ok = register_ok(source, node->result) && register_ok(source, node->operands[0]);
            break;
        }
        case NUMC_NODE_CONTINUE:
            out->code = STEP_CONTINUE;
            out->index = current;
            ok = current >= 0 && kernel->loops[current].kind == NUMC_NODE_WHILE &&
                 register_ok(source, node->operands[0]);
            break;
        case NUMC_NODE_LOCAL_LOAD:
        case NUMC_NODE_LOCAL_STORE:
            ok = node->extent >= 0 && (uint32_t)node->extent < source->local_count &&
                 register_ok(source, node->operands[0]) &&
                 register_ok(source, node->kind == NUMC_NODE_LOCAL_LOAD ? node->result : node->operands[1]);
            out->code = node->kind == NUMC_NODE_LOCAL_LOAD ? STEP_LOCAL_LOAD : STEP_LOCAL_STORE;
            out->index = node->extent;
            break;
        default: return malformed(host, "a kernel holds a node of unknown kind");
        }
        if (!ok)
            return malformed(host, "a kernel's node is not well formed, or its operation does not admit its dtype");
        count++;
    }
    kernel->steps[count].code = STEP_HALT;
    kernel->step_count = count + 1;
    return NUMC_OK;
}

int32_t numc_ref_kernel_build(numc_device *device, const numc_kernel_source *source, numc_kernel **kernel)
{
    const numc_host *host = device->host;
    *kernel = NULL;
    numc_kernel *made = kernel_new(host, source);
    if (made == NULL)
        return numc_ref_fail(host, NUMC_MEMORY, "out of memory for a kernel");
    int32_t status = decode(host, made, source);
    if (status == NUMC_OK)
        *kernel = made;
    else
        numc_ref_free(host, made, made->size);
    return status;
}

void numc_ref_kernel_release(numc_device *device, numc_kernel *kernel)
{
    if (kernel != NULL)
        numc_ref_free(device->host, kernel, kernel->size);
}

/* ---- running ------------------------------------------------------------------------------------------------------------- */

static size_t scratch_size(const numc_kernel *kernel)
{
    return ((size_t)kernel->register_count + (size_t)kernel->accumulator_count * LANES * 2 +
            kernel->update_count + kernel->depth + kernel->loop_count) * 8 + kernel->local_bytes;
}

static void scratch_place(scratch *s, const numc_kernel *kernel, void *memory)
{
    memset(memory, 0, scratch_size(kernel));
    s->registers = memory;
    s->lanes = s->registers + kernel->register_count;
    s->pending = s->lanes + (size_t)kernel->accumulator_count * LANES;
    s->lane_index = (int64_t *)(s->pending + kernel->update_count);
    s->indices = s->lane_index + (size_t)kernel->accumulator_count * LANES;
    s->extents = s->indices + kernel->depth;
    s->locals = (unsigned char *)(s->extents + kernel->loop_count);
}

static void load_constants(const numc_kernel *kernel, const numc_kernel_arguments *arguments, scratch *s)
{
    for (uint32_t k = 0; k < kernel->constant_count; k++)
        memcpy(&s->registers[kernel->constants[k].result], &arguments->constants[kernel->constants[k].operand], 8);
}

static uint64_t extreme_order(const accumulator *a, const void *value)
{
    return a->reduction == NUMC_REDUCTION_ARGMAX ? numc_ref_order(a->dtype, value)
                                                 : numc_ref_order_down(a->dtype, value);
}

static void accumulators_start(const numc_kernel *kernel, const loop *l, scratch *s)
{
    for (int32_t k = l->first_accumulator; k < l->first_accumulator + l->accumulator_count; k++)
        for (int lane = 0; lane < LANES; lane++) {
            s->lanes[k * LANES + lane] = kernel->accumulators[k].identity;
            s->lane_index[k * LANES + lane] = -1;
        }
}

static void lane_combine(const accumulator *a, numc_ref_value *lanes, int to, int from)
{
    const void *operands[2] = {&lanes[to], &lanes[from]};
    a->combine(&lanes[to], operands);
}

/* The first iteration that holds the extreme; 0 when there was none. */
static int64_t extreme_first(const accumulator *a, const numc_ref_value *lanes, const int64_t *index)
{
    int best = -1;
    uint64_t best_order = 0;
    for (int lane = 0; lane < LANES; lane++) {
        if (index[lane] < 0)
            continue;
        uint64_t order = extreme_order(a, &lanes[lane]);
        if (best < 0 || order > best_order || (order == best_order && index[lane] < index[best])) {
            best = lane;
            best_order = order;
        }
    }
    return best < 0 ? 0 : index[best];
}

/* ((0+4)+(2+6)) + ((1+5)+(3+7)) */
static void accumulators_finish(const numc_kernel *kernel, const loop *l, scratch *s)
{
    static const uint8_t tree[][2] = {{0, 4}, {2, 6}, {0, 2}, {1, 5}, {3, 7}, {1, 3}, {0, 1}};
    for (int32_t k = l->first_accumulator; k < l->first_accumulator + l->accumulator_count; k++) {
        const accumulator *a = &kernel->accumulators[k];
        numc_ref_value *lanes = &s->lanes[k * LANES];
        if (a->combine == NULL) {
            s->registers[a->result].int64 = extreme_first(a, lanes, &s->lane_index[k * LANES]);
            continue;
        }
        for (size_t t = 0; t < sizeof tree / sizeof *tree; t++)
            lane_combine(a, lanes, tree[t][0], tree[t][1]);
        s->registers[a->result] = lanes[0];
    }
}

static int32_t execute(const numc_host *host, const numc_kernel *kernel, const numc_kernel_arguments *arguments,
                       scratch *s)
{
    numc_ref_value *const r = s->registers;
    const int64_t *const indices = s->indices;
    const size_t row = (size_t)kernel->depth + 1;
    const step *next = kernel->steps;

    for (;;) {
        const step *const now = next++;
        numc_ref_value *const result = &r[now->result >= 0 ? now->result : 0];
        char *place = NULL;
        if (now->code >= STEP_LOAD_1 && now->code <= STEP_STORE_ANY) {
            const int64_t *strides = &arguments->strides[(size_t)now->index * row];
            int64_t element = arguments->offsets[now->index];
            for (unsigned d = 0; d < now->depth; d++)
                element += strides[d] * indices[d];
            if (now->operands[1] >= 0)
                element += strides[kernel->depth] * r[now->operands[1]].int64;
            place = (char *)arguments->buffers[kernel->access_buffers[now->index]] + element * (int64_t)now->size;
        }
        switch ((step_code)now->code) {
        case STEP_HALT: return NUMC_OK;
        case STEP_LOOP: {
            const loop *l = &kernel->loops[now->index];
            int64_t extent = l->kind == NUMC_NODE_WHILE ? INT64_MAX
                             : l->extent_register >= 0  ? r[l->extent_register].int64
                                                        : arguments->extents[l->extent];
            s->extents[now->index] = extent;
            s->indices[l->depth] = 0;
            accumulators_start(kernel, l, s);
            if (extent <= 0) {
                accumulators_finish(kernel, l, s);
                next = &kernel->steps[l->after];
            }
            break;
        }
        case STEP_END: {
            const loop *l = &kernel->loops[now->index];
            for (int32_t k = l->first_update; k < l->first_update + l->update_count; k++)
                r[kernel->updates[k].result] = s->pending[k];
            if (++s->indices[l->depth] < s->extents[now->index])
                next = &kernel->steps[now->result];
            else
                accumulators_finish(kernel, l, s);
            break;
        }
        case STEP_CONTINUE:
            if (!r[now->operands[0]].boolean)
                next = &kernel->steps[kernel->loops[now->index].after];
            break;
        case STEP_CALL_1:
        case STEP_CALL_2:
        case STEP_CALL_3:
        case STEP_CALL_4: {
            const void *operands[4];
            for (int k = 0; k <= now->code - STEP_CALL_1; k++)
                operands[k] = &r[now->operands[k]];
            now->function(result, operands);
            break;
        }
        case STEP_INDEX: result->int64 = indices[now->index]; break;
        case STEP_MOVE: *result = r[now->operands[0]]; break;
        case STEP_UPDATE: s->pending[now->index] = r[now->operands[0]]; break;
        case STEP_ACCUMULATE: {
            numc_ref_value *lane = &s->lanes[now->index * LANES + (indices[now->depth - 1] & (LANES - 1))];
            const void *operands[2] = {lane, &r[now->operands[0]]};
            kernel->accumulators[now->index].combine(lane, operands);
            break;
        }
        case STEP_ACCUMULATE_SUM:
            s->lanes[now->index * LANES + (indices[now->depth - 1] & (LANES - 1))].float64 +=
                r[now->operands[0]].float64;
            break;
        case STEP_ACCUMULATE_ARGUMENT: {
            const accumulator *a = &kernel->accumulators[now->index];
            int64_t slot = now->index * LANES + (indices[now->depth - 1] & (LANES - 1));
            const numc_ref_value *value = &r[now->operands[0]];
            if (s->lane_index[slot] < 0 || extreme_order(a, value) > extreme_order(a, &s->lanes[slot])) {
                s->lanes[slot] = *value;
                s->lane_index[slot] = indices[now->depth - 1];
            }
            break;
        }
        case STEP_LOAD_1: result->uint8 = *(const uint8_t *)place; break;
        case STEP_LOAD_4: memcpy(result, place, 4); break;
        case STEP_LOAD_8: memcpy(result, place, 8); break;
        case STEP_LOAD_ANY: memcpy(result, place, now->size); break;
        case STEP_STORE_8: memcpy(place, &r[now->operands[0]], 8); break;
        case STEP_STORE_ANY: memcpy(place, &r[now->operands[0]], now->size); break;
        case STEP_LOCAL_LOAD:
        case STEP_LOCAL_STORE: {
            const local_array *local = &kernel->locals[now->index];
            int64_t element = r[now->operands[0]].int64;
            if (element < 0 || element >= (int64_t)local->count)
                return numc_ref_fail(host, NUMC_INDEX, "a kernel indexes a local array out of its bounds");
            unsigned char *at = s->locals + local->start + (size_t)element * local->size;
            if (now->code == STEP_LOCAL_LOAD)
                memcpy(result, at, local->size);
            else
                memcpy(at, &r[now->operands[1]], local->size);
            break;
        }
#define X (r[now->operands[0]].float64)
#define Y (r[now->operands[1]].float64)
        case STEP_ADD: result->float64 = X + Y; break;
        case STEP_SUBTRACT: result->float64 = X - Y; break;
        case STEP_MULTIPLY: result->float64 = X * Y; break;
        case STEP_DIVIDE: result->float64 = X / Y; break;
        case STEP_NEGATIVE: result->float64 = -X; break;
        case STEP_SQUARE: result->float64 = X * X; break;
        case STEP_SQRT: result->float64 = sqrt(X); break;
        case STEP_MAXIMUM: result->float64 = X > Y || X != X ? X : Y; break;
        case STEP_MINIMUM: result->float64 = X < Y || X != X ? X : Y; break;
        case STEP_LESS: result->boolean = X < Y; break;
        case STEP_LESS_EQUAL: result->boolean = X <= Y; break;
        case STEP_WHERE: *result = r[now->operands[r[now->operands[0]].boolean ? 1 : 2]]; break;
#undef X
#undef Y
        }
    }
}

int32_t numc_ref_kernel_run(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *arguments)
{
    enum { STACK_VALUES = 256 };
    numc_ref_value on_stack[STACK_VALUES];
    size_t size = scratch_size(kernel);
    void *memory = size <= sizeof on_stack ? on_stack : numc_ref_allocate(device->host, size);
    if (memory == NULL)
        return numc_ref_fail(device->host, NUMC_MEMORY, "out of memory for a kernel's registers");
    scratch s;
    scratch_place(&s, kernel, memory);
    load_constants(kernel, arguments, &s);
    int32_t status = execute(device->host, kernel, arguments, &s);
    if (memory != on_stack)
        numc_ref_free(device->host, memory, size);
    return status;
}

int32_t numc__ref_kernel_run(const numc_host *host, const numc_kernel_source *source,
                             const numc_kernel_arguments *arguments)
{
    numc_device device = {.host = host};
    numc_kernel *kernel;
    int32_t status = numc_ref_kernel_build(&device, source, &kernel);
    if (status == NUMC_OK)
        status = numc_ref_kernel_run(&device, kernel, arguments);
    numc_ref_kernel_release(&device, kernel);
    return status;
}

/* ---- launches ------------------------------------------------------------------------------------------------------------ */

int32_t numc_ref_launch_prepare(numc_device *device, numc_kernel *kernel,
                                const numc_kernel_arguments *arguments, numc_launch **launch)
{
    size_t row = (size_t)kernel->depth + 1;
    size_t strides = kernel->access_count * row;
    size_t head = (sizeof(numc_launch) + 15) & ~(size_t)15;
    size_t words = kernel->buffer_count + (size_t)kernel->extent_count + kernel->access_count + strides +
                   kernel->argument_constants;
    size_t size = head + words * 8 + scratch_size(kernel);
    numc_launch *made = numc_ref_allocate(device->host, size);
    *launch = NULL;
    if (made == NULL)
        return numc_ref_fail(device->host, NUMC_MEMORY, "out of memory for a launch");
    *made = (numc_launch){.kernel = kernel, .size = size};
    void **buffers = (void **)((char *)made + head);
    int64_t *extents = (int64_t *)(buffers + kernel->buffer_count);
    int64_t *offsets = extents + kernel->extent_count;
    int64_t *stride_rows = offsets + kernel->access_count;
    uint64_t *constants = (uint64_t *)(stride_rows + strides);
    if (kernel->buffer_count > 0)
        memcpy(buffers, arguments->buffers, kernel->buffer_count * sizeof *buffers);
    if (kernel->extent_count > 0)
        memcpy(extents, arguments->extents, kernel->extent_count * sizeof *extents);
    if (kernel->access_count > 0) {
        memcpy(offsets, arguments->offsets, kernel->access_count * sizeof *offsets);
        memcpy(stride_rows, arguments->strides, strides * sizeof *stride_rows);
    }
    if (kernel->argument_constants > 0)
        memcpy(constants, arguments->constants, kernel->argument_constants * sizeof *constants);
    made->arguments = (numc_kernel_arguments){buffers, extents, offsets, stride_rows, constants};
    scratch_place(&made->scratch, kernel, constants + kernel->argument_constants);
    load_constants(kernel, &made->arguments, &made->scratch);
    *launch = made;
    return NUMC_OK;
}

int32_t numc_ref_launch_run(numc_device *device, numc_launch *launch)
{
    return execute(device->host, launch->kernel, &launch->arguments, &launch->scratch);
}

void numc_ref_launch_release(numc_device *device, numc_launch *launch)
{
    if (launch != NULL)
        numc_ref_free(device->host, launch, launch->size);
}
