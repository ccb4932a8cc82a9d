/* kernel.c - checks a loop tree and gathers, once, what every plan made of it needs: enclosing loops, functions, and where each
 * register is used for the last time. */
#include <string.h>

#include "cpu.h"

static const uint8_t scalar_arity[NUMC_SCALAR_LIMIT] = {
#define NUMC_X(code, upper, lower, arity, operands, result) [code] = arity,
    NUMC_SCALAR_TABLE(NUMC_X)
#undef NUMC_X
};

/* Operations on single values that have a step of their own. */
static const struct {
    uint16_t operation, dtype, code;
} direct_steps[] = {
    {NUMC_SCALAR_ADD, NUMC_FLOAT64, STEP_F64_ADD},
    {NUMC_SCALAR_SUBTRACT, NUMC_FLOAT64, STEP_F64_SUBTRACT},
    {NUMC_SCALAR_MULTIPLY, NUMC_FLOAT64, STEP_F64_MULTIPLY},
    {NUMC_SCALAR_DIVIDE, NUMC_FLOAT64, STEP_F64_DIVIDE},
    {NUMC_SCALAR_NEGATIVE, NUMC_FLOAT64, STEP_F64_NEGATIVE},
    {NUMC_SCALAR_ABS, NUMC_FLOAT64, STEP_F64_ABS},
    {NUMC_SCALAR_SQRT, NUMC_FLOAT64, STEP_F64_SQRT},
    {NUMC_SCALAR_SQUARE, NUMC_FLOAT64, STEP_F64_SQUARE},
    {NUMC_SCALAR_RECIPROCAL, NUMC_FLOAT64, STEP_F64_RECIPROCAL},
    {NUMC_SCALAR_MAXIMUM, NUMC_FLOAT64, STEP_F64_MAXIMUM},
    {NUMC_SCALAR_MINIMUM, NUMC_FLOAT64, STEP_F64_MINIMUM},
    {NUMC_SCALAR_LESS, NUMC_FLOAT64, STEP_F64_LESS},
    {NUMC_SCALAR_LESS_EQUAL, NUMC_FLOAT64, STEP_F64_LESS_EQUAL},
    {NUMC_SCALAR_GREATER, NUMC_FLOAT64, STEP_F64_GREATER},
    {NUMC_SCALAR_GREATER_EQUAL, NUMC_FLOAT64, STEP_F64_GREATER_EQUAL},
    {NUMC_SCALAR_EQUAL, NUMC_FLOAT64, STEP_F64_EQUAL},
    {NUMC_SCALAR_NOT_EQUAL, NUMC_FLOAT64, STEP_F64_NOT_EQUAL},
    {NUMC_SCALAR_WHERE, NUMC_FLOAT64, STEP_WHERE_8},
    {NUMC_SCALAR_WHERE, NUMC_INT64, STEP_WHERE_8},
    {NUMC_SCALAR_WHERE, NUMC_UINT64, STEP_WHERE_8},
    {NUMC_SCALAR_ADD, NUMC_INT64, STEP_I64_ADD},
    {NUMC_SCALAR_SUBTRACT, NUMC_INT64, STEP_I64_SUBTRACT},
    {NUMC_SCALAR_MULTIPLY, NUMC_INT64, STEP_I64_MULTIPLY},
    {NUMC_SCALAR_LESS, NUMC_INT64, STEP_I64_LESS},
    {NUMC_SCALAR_LESS_EQUAL, NUMC_INT64, STEP_I64_LESS_EQUAL},
    {NUMC_SCALAR_GREATER, NUMC_INT64, STEP_I64_GREATER},
    {NUMC_SCALAR_GREATER_EQUAL, NUMC_INT64, STEP_I64_GREATER_EQUAL},
    {NUMC_SCALAR_EQUAL, NUMC_INT64, STEP_I64_EQUAL},
    {NUMC_SCALAR_NOT_EQUAL, NUMC_INT64, STEP_I64_NOT_EQUAL},
    {NUMC_SCALAR_LOGICAL_NOT, NUMC_BOOL, STEP_BOOL_NOT},
    {NUMC_SCALAR_LOGICAL_AND, NUMC_BOOL, STEP_BOOL_AND},
    {NUMC_SCALAR_LOGICAL_OR, NUMC_BOOL, STEP_BOOL_OR},
};

static int32_t malformed(const numc_host *host, const char *what)
{
    return numc_cpu_fail(host, NUMC_INVALID_ARGUMENT, what);
}

/* The dtype of operand k of an operation at a node's dtype. */
static uint32_t operand_dtype(const numc_kernel_source *source, const numc_kernel_node *node, uint32_t k)
{
    if (node->operation == NUMC_SCALAR_CONVERT)
        return source->register_dtypes[node->operands[0]];
    if (node->operation == NUMC_SCALAR_WHERE && k == 0)
        return NUMC_BOOL;
    if (node->operation >= NUMC_SCALAR_RANDOM_BITS && k < 2)
        return NUMC_UINT64;
    return node->dtype;
}

static const numc_block_row *find_row(numc_block_rows rows, uint32_t operation)
{
    for (size_t i = 0; i < rows.count; ++i)
        if (rows.rows[i].operation == operation)
            return &rows.rows[i];
    return NULL;
}

static int32_t examine_scalar(numc_device *device, const numc_kernel_source *source, const numc_kernel_node *node,
                              numc_cpu_node *fact)
{
    const numc_host *host = device->host;
    uint32_t arity = node->operation < NUMC_SCALAR_LIMIT ? scalar_arity[node->operation] : 0;
    if (arity == 0)
        return malformed(host, "a kernel names a scalar operation that does not exist");
    if (node->result < 0)
        return malformed(host, "a scalar operation of a kernel has no result");
    for (uint32_t k = 0; k < arity; ++k)
        if (node->operands[k] < 0 || (uint32_t)node->operands[k] >= source->register_count)
            return malformed(host, "a scalar operation of a kernel lacks an operand");
    fact->arity = (uint8_t)arity;
    fact->same_size = true;
    const uint32_t result_size = numc_cpu_size(source->register_dtypes[node->result]);
    for (uint32_t k = 0; k < arity; ++k) {
        const uint32_t dtype = source->register_dtypes[node->operands[k]];
        if (dtype != operand_dtype(source, node, k))
            return malformed(host, "an operand of a kernel's scalar operation has another dtype");
        fact->same_size = fact->same_size && numc_cpu_size(dtype) == result_size;
    }
    fact->weight = 0.2f;
    if (node->operation == NUMC_SCALAR_CONVERT) {
        fact->own_row = (numc_block_row){NUMC_SCALAR_CONVERT, (uint16_t)node->dtype,
            {device->blocks->convert(node->dtype, source->register_dtypes[node->operands[0]]), NULL, NULL, NULL}};
        if (fact->own_row.variants[0] != NULL)
            fact->row = &fact->own_row;
    } else {
        fact->row = find_row(device->blocks->arithmetic(node->dtype), node->operation);
        if (fact->row == NULL && device->blocks->mathematics != NULL) {
            fact->row = find_row(device->blocks->mathematics(node->dtype), node->operation);
            fact->weight = 2.0f;
        }
    }
    fact->code = STEP_CALL;
    for (size_t i = 0; i < sizeof direct_steps / sizeof direct_steps[0]; ++i)
        if (direct_steps[i].operation == node->operation && direct_steps[i].dtype == node->dtype)
            fact->code = direct_steps[i].code;
    if (fact->row == NULL) {
        uint32_t dtype = node->dtype;
        if (node->operation == NUMC_SCALAR_CONVERT)
            dtype |= source->register_dtypes[node->operands[0]] << 8;
        fact->host_call.function = host->scalar_function(host->user, node->operation, dtype);
        if (fact->host_call.function == NULL)
            return numc_cpu_fail(host, NUMC_UNSUPPORTED, "a scalar operation does not admit its dtype");
        fact->host_call.arity = arity;
        for (uint32_t k = 0; k < arity; ++k)
            fact->host_call.sizes[k] = numc_cpu_size(source->register_dtypes[node->operands[k]]);
        fact->host_call.sizes[4] = result_size;
        fact->code = STEP_HOST_CALL;
        fact->weight = 30.0f;
    }
    return NUMC_OK;
}

static bool in_range(int32_t number, uint32_t count)
{
    return number >= 0 && (uint32_t)number < count;
}

static int32_t examine_memory(numc_device *device, const numc_kernel_source *source, const numc_kernel_node *node,
                              numc_cpu_node *fact)
{
    const bool is_load = node->kind == NUMC_NODE_LOAD;
    const int32_t value = is_load ? node->result : node->operands[0];
    const int32_t index = node->operands[is_load ? 0 : 1];
    if (!in_range(node->extent, source->access_count) || !in_range(value, source->register_count))
        return malformed(device->host, "a load or store of a kernel names no access or no register");
    const numc_kernel_access *access = &source->accesses[node->extent];
    if (access->buffer >= source->buffer_count || access->dtype != source->register_dtypes[value])
        return malformed(device->host, "an access of a kernel has no buffer or another dtype than its register");
    if (index >= 0 && (!in_range(index, source->register_count) ||
                       source->register_dtypes[index] != NUMC_INT64))
        return malformed(device->host, "the index register of a kernel's access is not an int64 register");
    fact->memory = device->blocks->memory(numc_cpu_size(access->dtype));
    return NUMC_OK;
}

static int32_t examine_local(numc_device *device, const numc_kernel_source *source, const numc_kernel_node *node,
                             numc_cpu_node *fact)
{
    const int32_t value = node->kind == NUMC_NODE_LOCAL_LOAD ? node->result : node->operands[1];
    if (!in_range(node->extent, source->local_count) || !in_range(value, source->register_count) ||
        !in_range(node->operands[0], source->register_count) ||
        source->register_dtypes[node->operands[0]] != NUMC_INT64 ||
        source->locals[node->extent].dtype != source->register_dtypes[value])
        return malformed(device->host, "an access of a kernel to a local array is not well formed");
    fact->memory = device->blocks->memory(numc_cpu_size(source->locals[node->extent].dtype));
    return NUMC_OK;
}

static int32_t examine_accumulate(numc_device *device, const numc_kernel_source *source,
                                  const numc_kernel_node *node, numc_cpu_node *fact)
{
    if (!in_range(node->result, source->register_count) || !in_range(node->operands[0], source->register_count) ||
        source->register_dtypes[node->operands[0]] != node->dtype)
        return malformed(device->host, "an accumulation of a kernel is not well formed");
    if (node->operation == NUMC_REDUCTION_ARGMAX || node->operation == NUMC_REDUCTION_ARGMIN)
        fact->argument = device->blocks->argument(node->operation, node->dtype);
    else
        fact->reduction = device->blocks->reduction(node->operation, node->dtype);
    if (fact->argument == NULL && fact->reduction == NULL)
        return numc_cpu_fail(device->host, NUMC_UNSUPPORTED, "a reduction does not admit its dtype");
    return NUMC_OK;
}

static int32_t examine(numc_device *device, numc_kernel *kernel, const numc_kernel_source *source)
{
    const numc_host *host = device->host;
    int32_t current = -1, depth = 0;
    for (uint32_t r = 0; r < source->register_count; ++r) {
        kernel->register_sizes[r] = (uint8_t)numc_cpu_size(source->register_dtypes[r]);
        if (kernel->register_sizes[r] == 0)
            return numc_cpu_fail(host, NUMC_UNSUPPORTED, "the cpu backend's kernels have no complex registers");
        kernel->definition[r] = -1;
        kernel->last_use[r] = -1;
        kernel->next_dying[r] = -1;
    }
    for (uint32_t i = 0; i < source->node_count; ++i) {
        const numc_kernel_node *node = &source->nodes[i];
        numc_cpu_node *fact = &kernel->facts[i];
        int32_t status = NUMC_OK;
        fact->parent = current;
        fact->depth = depth;
        fact->store = -1;
        fact->joined = -1;
        fact->paired = fact->pairs = -1;
        fact->dying = -1;
        if (node->kind < NUMC_NODE_SCALAR && node->kind != NUMC_NODE_END) {
            const bool endless = node->kind == NUMC_NODE_WHILE;
            if (!numc_cpu_is_loop(node->kind) || node->match <= (int32_t)i ||
                !in_range(node->match, source->node_count) || source->nodes[node->match].kind != NUMC_NODE_END)
                return malformed(host, "a loop of a kernel has no end");
            if (!endless && node->operands[0] < 0 && !in_range(node->extent, source->extent_count))
                return malformed(host, "a loop of a kernel names no extent");
            if (!endless && node->operands[0] >= 0 &&
                (!in_range(node->operands[0], source->register_count) ||
                 source->register_dtypes[node->operands[0]] != NUMC_INT64))
                return malformed(host, "a loop of a kernel takes its extent from something else than an int64 register");
            if (current >= 0)
                kernel->facts[current].leaf = false;
            fact->leaf = true;
            current = (int32_t)i;
            if ((uint32_t)++depth > source->depth)
                return malformed(host, "a kernel is nested deeper than it says");
            kernel->loop_count++;
            continue;
        }
        if (node->result >= 0 && !in_range(node->result, source->register_count))
            return malformed(host, "a node of a kernel names a register that does not exist");
        switch (node->kind) {
        case NUMC_NODE_END:
            if (current < 0 || source->nodes[current].match != (int32_t)i)
                return malformed(host, "a kernel closes another loop than the innermost");
            fact->parent = current = kernel->facts[current].parent;
            fact->depth = --depth;
            continue;
        case NUMC_NODE_SCALAR: status = examine_scalar(device, source, node, fact); break;
        case NUMC_NODE_LOAD:
        case NUMC_NODE_STORE: status = examine_memory(device, source, node, fact); break;
        case NUMC_NODE_LOCAL_LOAD:
        case NUMC_NODE_LOCAL_STORE: status = examine_local(device, source, node, fact); break;
        case NUMC_NODE_ACCUMULATE:
            if (current < 0 || source->nodes[current].kind != NUMC_NODE_REDUCE)
                return malformed(host, "a kernel accumulates outside a reduce loop");
            kernel->accumulate_count++;
            status = examine_accumulate(device, source, node, fact);
            break;
        case NUMC_NODE_CONSTANT:
            if (!in_range(node->extent, source->constant_count) || node->result < 0)
                return malformed(host, "a kernel names a constant that does not exist");
            break;
        case NUMC_NODE_INDEX:
            if (!in_range(node->extent, (uint32_t)depth) || node->result < 0 ||
                source->register_dtypes[node->result] != NUMC_INT64)
                return malformed(host, "a kernel asks for the index of a loop that is not around");
            break;
        case NUMC_NODE_CARRY:
        case NUMC_NODE_UPDATE:
            if (node->result < 0 || !in_range(node->operands[0], source->register_count) ||
                source->register_dtypes[node->result] != source->register_dtypes[node->operands[0]])
                return malformed(host, "a carried register of a kernel is not well formed");
            if (node->kind == NUMC_NODE_UPDATE &&
                (current < 0 || source->nodes[current].kind < NUMC_NODE_SEQUENTIAL))
                return malformed(host, "a kernel updates a register outside a sequential loop");
            break;
        case NUMC_NODE_CONTINUE:
            if (current < 0 || source->nodes[current].kind != NUMC_NODE_WHILE ||
                !in_range(node->operands[0], source->register_count) ||
                source->register_dtypes[node->operands[0]] != NUMC_BOOL)
                return malformed(host, "a kernel's continue node is not directly in a while loop, or has no bool");
            break;
        default: return malformed(host, "a kernel holds a node of unknown kind");
        }
        if (status != NUMC_OK)
            return status;
        if (node->kind != NUMC_NODE_UPDATE && node->kind != NUMC_NODE_STORE &&
            node->kind != NUMC_NODE_LOCAL_STORE && node->kind != NUMC_NODE_CONTINUE) {
            if (kernel->definition[node->result] >= 0)
                return malformed(host, "a register of a kernel is assigned by two nodes");
            kernel->definition[node->result] = (int32_t)i;
        }
    }
    return current < 0 ? NUMC_OK : malformed(host, "a kernel leaves a loop open");
}

/* Takes out conversions to the operand's own dtype. A carried register's is kept, as a copy: the register changes. Uses
 * last_use as scratch. */
static void drop_conversions(numc_kernel *kernel)
{
    int32_t *const other = kernel->last_use;
    for (uint32_t i = 0; i < kernel->node_count; ++i) {
        numc_kernel_node *node = &kernel->nodes[i];
        if (node->kind == NUMC_NODE_END || node->kind == NUMC_NODE_CONSTANT || node->kind == NUMC_NODE_INDEX)
            continue;
        for (int k = 0; k < 4; ++k)
            if (node->operands[k] >= 0 && (uint32_t)node->operands[k] < kernel->register_count &&
                other[node->operands[k]] >= 0)
                node->operands[k] = other[node->operands[k]];
        if (node->kind != NUMC_NODE_SCALAR || node->operation != NUMC_SCALAR_CONVERT ||
            node->dtype != kernel->register_dtypes[node->operands[0]] || kernel->definition[node->operands[0]] < 0)
            continue;
        if (kernel->nodes[kernel->definition[node->operands[0]]].kind == NUMC_NODE_CARRY) {
            kernel->facts[i].code = STEP_MOVE;
            continue;
        }
        other[node->result] = node->operands[0];
        kernel->definition[node->result] = -1;
        node->kind = NUMC_CPU_NODE_NOTHING;
        node->result = -1;
    }
    for (uint32_t r = 0; r < kernel->register_count; ++r)
        other[r] = -1;
}

/* Is the node a float64 operation out of ADD, SUBTRACT, MULTIPLY (and SQUARE)? */
static bool is_simple(const numc_kernel_node *node, bool square)
{
    return node->kind == NUMC_NODE_SCALAR && node->dtype == NUMC_FLOAT64 &&
           (node->operation == NUMC_SCALAR_ADD || node->operation == NUMC_SCALAR_SUBTRACT ||
            node->operation == NUMC_SCALAR_MULTIPLY || (square && node->operation == NUMC_SCALAR_SQUARE));
}

/* Operations that one other alone uses, in the same loop body: both are done in one step (and rounded one after the other).
 * Single values join a product to the sum or difference that uses it; blocks pair any two simple operations. Uses
 * next_dying as scratch, for the number of uses. */
static void join_operations(numc_kernel *kernel)
{
    int32_t *const uses = kernel->next_dying;
    for (uint32_t r = 0; r < kernel->register_count; ++r)
        uses[r] = 0;
    for (uint32_t i = 0; i < kernel->node_count; ++i) {
        const numc_kernel_node *node = &kernel->nodes[i];
        if (node->kind == NUMC_NODE_END || node->kind == NUMC_NODE_CONSTANT || node->kind == NUMC_NODE_INDEX)
            continue;
        for (int k = 0; k < 4; ++k)
            if (node->operands[k] >= 0 && (uint32_t)node->operands[k] < kernel->register_count)
                uses[node->operands[k]]++;
    }
    for (uint32_t i = 0; i < kernel->node_count; ++i) {
        const numc_kernel_node *node = &kernel->nodes[i];
        numc_cpu_node *fact = &kernel->facts[i];
        if (!is_simple(node, false))
            continue;
        bool joined = false;
        for (int k = 1; k >= 0; --k) {
            const int32_t definition = kernel->definition[node->operands[k]];
            if (definition < 0 || uses[node->operands[k]] != 1 || kernel->facts[definition].parent != fact->parent ||
                !is_simple(&kernel->nodes[definition], true))
                continue;
            if (!joined && node->operation != NUMC_SCALAR_MULTIPLY &&
                kernel->nodes[definition].operation == NUMC_SCALAR_MULTIPLY) {
                kernel->facts[definition].joined = (int32_t)i;
                joined = true;
            }
            if (fact->pairs < 0 && kernel->facts[definition].pairs < 0) {
                kernel->facts[definition].paired = (int32_t)i;
                fact->pairs = definition;
            }
        }
    }
    for (uint32_t r = 0; r < kernel->register_count; ++r)
        uses[r] = -1;
}

static void use(numc_kernel *kernel, int32_t reg, int32_t at)
{
    if (reg < 0)
        return;
    const int32_t definition = kernel->definition[reg];
    if (definition < 0)
        return;
    /* The loop that holds the definition; an accumulation's result belongs outside its loop, a carry's before it. */
    int32_t home = kernel->facts[definition].parent;
    if (kernel->nodes[definition].kind == NUMC_NODE_ACCUMULATE)
        home = kernel->facts[home].parent;
    int32_t node = at;
    for (int32_t loop = kernel->facts[at].parent; loop >= 0 && loop != home; loop = kernel->facts[loop].parent)
        node = kernel->nodes[loop].match;
    if (node > kernel->last_use[reg])
        kernel->last_use[reg] = node;
}

/* Last uses; a value that an UPDATE gives is used at its loop's end, and the carried register lives through the loop. */
static void trace_uses(numc_kernel *kernel)
{
    for (uint32_t i = 0; i < kernel->node_count; ++i) {
        const numc_kernel_node *node = &kernel->nodes[i];
        const int32_t at = (int32_t)i;
        switch (node->kind) {
        case NUMC_NODE_SCALAR:
            for (uint32_t k = 0; k < kernel->facts[i].arity; ++k)
                use(kernel, node->operands[k], kernel->facts[i].paired >= 0 ? kernel->facts[i].paired : at);
            break;
        case NUMC_NODE_LOAD: use(kernel, node->operands[0], at); break;
        case NUMC_NODE_STORE:
        case NUMC_NODE_LOCAL_STORE:
            use(kernel, node->operands[0], at);
            use(kernel, node->operands[1], at);
            break;
        case NUMC_NODE_UPDATE: {
            const int32_t end = kernel->nodes[kernel->facts[i].parent].match;
            const int32_t given = node->operands[0];
            use(kernel, given, at);
            if (kernel->last_use[given] < end)
                kernel->last_use[given] = end;
            use(kernel, node->result, at);
            break;
        }
        case NUMC_NODE_PARALLEL:
        case NUMC_NODE_REDUCE:
        case NUMC_NODE_SEQUENTIAL:
            /* the extent is read at each turn */
            if (node->operands[0] >= 0 && kernel->last_use[node->operands[0]] < node->match) {
                use(kernel, node->operands[0], at);
                if (kernel->last_use[node->operands[0]] < node->match)
                    kernel->last_use[node->operands[0]] = node->match;
            }
            break;
        case NUMC_NODE_ACCUMULATE:
        case NUMC_NODE_CARRY:
        case NUMC_NODE_CONTINUE:
        case NUMC_NODE_LOCAL_LOAD: use(kernel, node->operands[0], at); break;
        default: break;
        }
    }
    for (uint32_t r = 0; r < kernel->register_count; ++r) {
        const int32_t last = kernel->last_use[r];
        if (last < 0)
            continue;
        kernel->next_dying[r] = kernel->facts[last].dying;
        kernel->facts[last].dying = (int32_t)r;
    }
    /* A store right in the loop body of the operation it stores. */
    for (uint32_t i = 0; i < kernel->node_count; ++i) {
        const numc_kernel_node *node = &kernel->nodes[i];
        if (node->kind != NUMC_NODE_STORE || node->operands[1] >= 0)
            continue;
        const int32_t definition = kernel->definition[node->operands[0]];
        if (definition >= 0 && kernel->nodes[definition].kind == NUMC_NODE_SCALAR &&
            kernel->facts[definition].parent == kernel->facts[i].parent && kernel->facts[definition].store < 0)
            kernel->facts[definition].store = (int32_t)i;
    }
}

static size_t aligned(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

int32_t numc_cpu_kernel_build(numc_device *device, const numc_kernel_source *source, numc_kernel **kernel)
{
    *kernel = NULL;
    const size_t nodes = source->node_count, registers = source->register_count;
    const size_t sizes[] = {
        sizeof(struct numc_kernel),
        nodes * sizeof(numc_kernel_node),
        nodes * sizeof(numc_cpu_node),
        registers * sizeof(uint32_t),
        registers,
        source->access_count * sizeof(numc_kernel_access),
        source->local_count * sizeof(numc_kernel_local),
        registers * sizeof(int32_t),
        registers * sizeof(int32_t),
        registers * sizeof(int32_t),
    };
    enum { COUNT = sizeof sizes / sizeof sizes[0] };
    size_t total = 0, starts[COUNT];
    for (size_t i = 0; i < COUNT; ++i) {
        starts[i] = total;
        total += aligned(sizes[i]);
    }
    char *memory = numc_cpu_allocate(device->host, total);
    if (memory == NULL)
        return numc_cpu_fail(device->host, NUMC_MEMORY, "out of memory for a kernel");
    memset(memory, 0, total);
    numc_kernel *made = (numc_kernel *)(void *)memory;
    *made = (numc_kernel){
        .size = total,
        .node_count = source->node_count,
        .register_count = source->register_count,
        .access_count = source->access_count,
        .local_count = source->local_count,
        .buffer_count = source->buffer_count,
        .extent_count = source->extent_count,
        .constant_count = source->constant_count,
        .depth = source->depth,
        .nodes = (numc_kernel_node *)(void *)(memory + starts[1]),
        .facts = (numc_cpu_node *)(void *)(memory + starts[2]),
        .register_dtypes = (uint32_t *)(void *)(memory + starts[3]),
        .register_sizes = (uint8_t *)(memory + starts[4]),
        .accesses = (numc_kernel_access *)(void *)(memory + starts[5]),
        .locals = (numc_kernel_local *)(void *)(memory + starts[6]),
        .definition = (int32_t *)(void *)(memory + starts[7]),
        .last_use = (int32_t *)(void *)(memory + starts[8]),
        .next_dying = (int32_t *)(void *)(memory + starts[9]),
    };
    if (nodes > 0)
        memcpy(made->nodes, source->nodes, sizes[1]);
    if (registers > 0)
        memcpy(made->register_dtypes, source->register_dtypes, sizes[3]);
    if (source->access_count > 0)
        memcpy(made->accesses, source->accesses, sizes[5]);
    if (source->local_count > 0)
        memcpy(made->locals, source->locals, sizes[6]);
    const int32_t status = examine(device, made, source);
    if (status != NUMC_OK) {
        numc_cpu_free(device->host, made, total);
        return status;
    }
    for (uint32_t i = 0; i < made->node_count; ++i)
        if (made->nodes[i].kind == NUMC_NODE_LOAD || made->nodes[i].kind == NUMC_NODE_STORE)
            made->memory_count++;
    numc_cpu_direct_find(device, made);
    drop_conversions(made);
    join_operations(made);
    trace_uses(made);
    *kernel = made;
    return NUMC_OK;
}

void numc_cpu_kernel_release(numc_device *device, numc_kernel *kernel)
{
    if (kernel != NULL)
        numc_cpu_free(device->host, kernel, kernel->size);
}
