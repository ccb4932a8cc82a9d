/* kernel.c - eager kernels: loop trees for one elementwise operation (a complex one is expanded), copy, fill, reduction or iota, built once per
 * (operation, dtypes, coalesced depth, contiguity, immediates) and looked up without a lock; extents, strides, offsets and
 * constants are arguments. */
#include <string.h>

#include "array/state.h"
#include "backend/complex.h"

#define OPERANDS 4
#define ACCESSES (2 * (OPERANDS + 1)) /* a complex operand has two */
#define DEPTH (NUMC_RANK_LIMIT + 1)

typedef struct tree {
    numc_kernel_node nodes[2 * DEPTH + 16 + NUMC_EXPANSION_OPERATIONS];
    uint32_t registers[2 * OPERANDS + 2 + NUMC_EXPANSION_OPERATIONS];
    numc_kernel_access accesses[ACCESSES];
    numc_kernel_source source;
    uint32_t constant_count; /* of the expansion */
    uint64_t constants[NUMC_EXPANSION_CONSTANTS];
    int32_t constant_registers[NUMC_EXPANSION_CONSTANTS];
    bool failed;
} tree;

typedef enum tree_kind { TREE_ELEMENTWISE = 1, TREE_REDUCE, TREE_IOTA } tree_kind;

/* What a kernel is specialised by; every field is part of the key. */
typedef struct recipe {
    tree_kind kind;
    uint32_t operation; /* numc_scalar, or numc_reduction */
    numc_dtype dtype, result;
    int32_t depth; /* of PARALLEL loops */
    int32_t operands;
    uint32_t immediates; /* bit per operand */
    numc_dtype dtypes[OPERANDS];
    uint32_t contiguity[OPERANDS + 1]; /* of operands, then of the result */
} recipe;

static uint64_t recipe_key(const recipe *r)
{
    uint64_t key = (uint64_t)r->kind | (uint64_t)r->operation << 2 | (uint64_t)r->dtype << 11 | (uint64_t)r->result << 15
                   | (uint64_t)(uint32_t)r->depth << 19 | (uint64_t)r->immediates << 26;
    for (int i = 0; i < OPERANDS; i++)
        key |= (uint64_t)r->dtypes[i] << (30 + 4 * i);
    for (int i = 0; i <= OPERANDS; i++)
        key |= (uint64_t)r->contiguity[i] << (46 + 2 * i);
    return key;
}

static numc_kernel_node *node_add(tree *t, uint32_t kind)
{
    numc_kernel_node *node = &t->nodes[t->source.node_count++];
    *node = (numc_kernel_node){.kind = kind, .result = -1, .operands = {-1, -1, -1, -1}, .extent = -1, .match = -1};
    return node;
}

static int32_t register_add(tree *t, numc_dtype dtype)
{
    t->registers[t->source.register_count] = (uint32_t)dtype;
    return (int32_t)t->source.register_count++;
}

static int32_t access_add(tree *t, numc_dtype dtype, bool writes, uint32_t contiguity)
{
    int32_t access = (int32_t)t->source.access_count++;
    t->accesses[access] = (numc_kernel_access){t->source.buffer_count++, (uint32_t)dtype, writes, contiguity};
    return access;
}

static void loop_open(tree *t, uint32_t kind)
{
    numc_kernel_node *node = node_add(t, kind);
    node->extent = (int32_t)t->source.extent_count++;
    t->source.depth++;
}

static void loop_close(tree *t, int32_t loop)
{
    int32_t index = (int32_t)t->source.node_count;
    numc_kernel_node *node = node_add(t, NUMC_NODE_END);
    node->extent = node->match = loop;
    t->nodes[loop].match = index;
}

static int32_t operand_add(tree *t, const recipe *r, int32_t i)
{
    numc_dtype dtype = numc__part_dtype(r->dtypes[i]); /* the next part of a complex operand */
    int32_t result = register_add(t, dtype);
    bool constant = (r->immediates >> i & 1) != 0;
    numc_kernel_node *node = node_add(t, constant ? NUMC_NODE_CONSTANT : NUMC_NODE_LOAD);
    node->dtype = (uint32_t)dtype;
    node->result = result;
    node->extent = constant ? (int32_t)t->source.constant_count++ : access_add(t, dtype, false, r->contiguity[i]);
    return result;
}

static void store_add(tree *t, const recipe *r, int32_t value)
{
    numc_dtype dtype = numc__part_dtype(r->result);
    numc_kernel_node *node = node_add(t, NUMC_NODE_STORE);
    node->dtype = (uint32_t)dtype;
    node->operands[0] = value;
    node->extent = access_add(t, dtype, true, r->contiguity[OPERANDS]);
}

/* ---- complex operations: the builder of backend/complex.h -------------------------------------------------------- */

typedef struct tree_builder {
    numc_expansion base;
    tree *t;
    uint32_t operations;
} tree_builder;

static int32_t expansion_apply(numc_expansion *builder, uint32_t operation, numc_dtype dtype, int32_t count,
                               const int32_t *operands)
{
    tree_builder *b = (tree_builder *)builder;
    if (b->operations++ >= NUMC_EXPANSION_OPERATIONS - NUMC_EXPANSION_CONSTANTS) {
        b->t->failed = true;
        return 0;
    }
    bool is_bool = numc__scalar_info(operation)->result == NUMC_RESULT_BOOL;
    int32_t result = register_add(b->t, is_bool ? NUMC_BOOL : dtype);
    numc_kernel_node *node = node_add(b->t, NUMC_NODE_SCALAR);
    node->operation = operation;
    node->dtype = (uint32_t)dtype;
    node->result = result;
    for (int32_t i = 0; i < count; i++)
        node->operands[i] = operands[i];
    return result;
}

static int32_t expansion_constant(numc_expansion *builder, double value)
{
    tree *t = ((tree_builder *)builder)->t;
    uint64_t bits = 0;
    numc__value_convert(builder->part, &bits, NUMC_FLOAT64, &value);
    for (uint32_t i = 0; i < t->constant_count; i++) {
        if (t->constants[i] == bits)
            return t->constant_registers[i];
    }
    if (t->constant_count == NUMC_EXPANSION_CONSTANTS) {
        t->failed = true;
        return 0;
    }
    int32_t result = register_add(t, builder->part);
    numc_kernel_node *node = node_add(t, NUMC_NODE_CONSTANT);
    node->dtype = (uint32_t)builder->part;
    node->result = result;
    node->extent = (int32_t)t->source.constant_count++;
    t->constants[t->constant_count] = bits;
    t->constant_registers[t->constant_count++] = result;
    return result;
}

static void complex_add(tree *t, const recipe *r)
{
    tree_builder builder = {{numc__part_dtype(r->dtype), expansion_apply, expansion_constant}, t, 0};
    numc_parts operands[OPERANDS];
    for (int32_t i = 0; i < r->operands; i++) {
        operands[i].re = operand_add(t, r, i);
        operands[i].im = numc__is_complex(r->dtypes[i]) ? operand_add(t, r, i) : -1;
    }
    numc_parts value = numc__complex_expand(&builder.base, r->operation, operands);
    store_add(t, r, value.re);
    if (value.im >= 0)
        store_add(t, r, value.im);
}

static void tree_build(tree *t, const recipe *r)
{
    memset(&t->source, 0, sizeof t->source);
    t->constant_count = 0;
    t->failed = false;
    t->source.size = sizeof t->source;
    t->source.level = 1;
    t->source.nodes = t->nodes;
    t->source.register_dtypes = t->registers;
    t->source.accesses = t->accesses;
    for (int32_t d = 0; d < r->depth; d++)
        loop_open(t, NUMC_NODE_PARALLEL);
    int32_t value = -1;
    if (numc__is_complex(r->dtype)) {
        complex_add(t, r);
    } else if (r->kind == TREE_ELEMENTWISE) {
        int32_t registers[OPERANDS] = {-1, -1, -1, -1};
        for (int32_t i = 0; i < r->operands; i++)
            registers[i] = operand_add(t, r, i);
        value = registers[0];
        if (r->operation != 0) {
            value = register_add(t, r->result);
            numc_kernel_node *node = node_add(t, NUMC_NODE_SCALAR);
            node->operation = r->operation;
            node->dtype = (uint32_t)r->dtype;
            node->result = value;
            memcpy(node->operands, registers, sizeof registers);
        }
    } else if (r->kind == TREE_REDUCE) {
        int32_t loop = (int32_t)t->source.node_count;
        loop_open(t, NUMC_NODE_REDUCE);
        int32_t operand = operand_add(t, r, 0);
        value = register_add(t, r->result);
        numc_kernel_node *node = node_add(t, NUMC_NODE_ACCUMULATE);
        node->operation = r->operation;
        node->dtype = (uint32_t)r->dtype;
        node->result = value;
        node->operands[0] = operand;
        loop_close(t, loop);
    } else {
        int32_t index = value = register_add(t, NUMC_INT64);
        numc_kernel_node *node = node_add(t, NUMC_NODE_INDEX);
        node->dtype = NUMC_INT64;
        node->result = index;
        node->extent = 0;
        if (r->result != NUMC_INT64) {
            value = register_add(t, r->result);
            node = node_add(t, NUMC_NODE_SCALAR);
            node->operation = NUMC_SCALAR_CONVERT;
            node->dtype = (uint32_t)r->result;
            node->result = value;
            node->operands[0] = index;
        }
    }
    if (value >= 0)
        store_add(t, r, value);
    for (int32_t d = r->depth - 1; d >= 0; d--)
        loop_close(t, d);
}

/* Lookups read immutable entries published by a release store; two threads that build the same kernel at once agree under
 * the lock on the first. */
static const numc_kernel_entry *kernel_find(numc_context *context, numc_backend_device *device, const recipe *r)
{
    numc_array_core *shared = ((numc_array_lane *)context->slots[NUMC_SLOT_ARRAYS])->shared;
    uint64_t key = recipe_key(r);
    _Atomic(numc_kernel_entry *) *bucket =
        &shared->kernels[(key * UINT64_C(0x9e3779b97f4a7c15)) >> 32 & (NUMC_KERNEL_BUCKETS - 1)];
    for (numc_kernel_entry *e = atomic_load_explicit(bucket, memory_order_acquire); e != NULL; e = e->next) {
        if (e->key == key)
            return e;
    }
    tree t;
    tree_build(&t, r);
    if (t.failed) {
        numc__fail(context, NUMC_INTERNAL, "%s: its expansion into real parts is too long", numc__scalar_info(r->operation)->name);
        return NULL;
    }
    numc_kernel *kernel = NULL;
    int32_t status = device->table.kernel_build(device->device, &t.source, &kernel);
    if (status != NUMC_OK) {
        numc__device_check(context, status, "building a kernel");
        return NULL;
    }
    size_t constant_bytes = t.constant_count * sizeof(uint64_t);
    numc_kernel_entry *entry = numc__allocate(context, sizeof *entry + constant_bytes);
    if (entry == NULL) {
        device->table.kernel_release(device->device, kernel);
        return NULL;
    }
    atomic_fetch_add_explicit(&context->core->kernels_built, 1, memory_order_relaxed);
    pthread_mutex_lock(&shared->lock);
    numc_kernel_entry *first = atomic_load_explicit(bucket, memory_order_relaxed);
    for (numc_kernel_entry *e = first; e != NULL; e = e->next) {
        if (e->key == key) {
            pthread_mutex_unlock(&shared->lock);
            device->table.kernel_release(device->device, kernel);
            numc__free(context, entry, sizeof *entry + constant_bytes);
            return e;
        }
    }
    entry->key = key;
    entry->kernel = kernel;
    entry->next = first;
    entry->constant_count = t.constant_count;
    if (t.constant_count > 0)
        memcpy(entry->constants, t.constants, constant_bytes);
    atomic_store_explicit(bucket, entry, memory_order_release);
    pthread_mutex_unlock(&shared->lock);
    return entry;
}

void numc__kernel_core_end(numc_array_core *shared)
{
    numc_backend_device *device = atomic_load_explicit(&shared->device, memory_order_acquire);
    for (int i = 0; i < NUMC_KERNEL_BUCKETS; i++) {
        numc_kernel_entry *entry = atomic_load_explicit(&shared->kernels[i], memory_order_relaxed);
        while (entry != NULL) {
            numc_kernel_entry *next = entry->next;
            device->table.kernel_release(device->device, entry->kernel);
            numc__core_free(shared->core, entry, sizeof *entry + entry->constant_count * sizeof(uint64_t));
            entry = next;
        }
    }
}

/* ---- arguments --------------------------------------------------------------------------------------------------- */

/* Axes of size 1 vanish; neighbours that every access walks as one become one. strides[a] is read from accesses[a] and
 * written densely. Returns the depth. */
static int32_t coalesce(int32_t rank, const int64_t *shape, const numc_kernel_operand *const *accesses, int32_t count,
                        int64_t *extents, int64_t strides[ACCESSES][DEPTH])
{
    int32_t depth = 0;
    for (int32_t d = 0; d < rank; d++) {
        if (shape[d] == 1)
            continue;
        bool joins = depth > 0;
        for (int32_t a = 0; a < count && joins; a++)
            joins = strides[a][depth - 1] == accesses[a]->strides[d] * shape[d];
        if (joins)
            extents[depth - 1] *= shape[d];
        else
            extents[depth++] = shape[d];
        for (int32_t a = 0; a < count; a++)
            strides[a][depth - 1] = accesses[a]->strides[d];
    }
    return depth;
}

static uint32_t contiguity_of(int64_t stride)
{
    return stride == 1 ? NUMC_CONTIGUITY_UNIT : stride == 0 ? NUMC_CONTIGUITY_UNIFORM : NUMC_CONTIGUITY_ANY;
}

static numc_status run(numc_context *context, const recipe *r, const numc_kernel_operand *const *accesses, int32_t count,
                       int32_t depth, const int64_t *extents, int64_t strides[ACCESSES][DEPTH],
                       uint64_t *constants, int32_t constant_count)
{
    numc_backend_device *device = numc__array_device(context);
    if (device == NULL)
        return context->status;
    const numc_kernel_entry *entry = kernel_find(context, device, r);
    if (entry == NULL)
        return context->status;
    if (constants != NULL && entry->constant_count > 0)
        memcpy(constants + constant_count, entry->constants, entry->constant_count * sizeof *constants);
    void *buffers[ACCESSES];
    int64_t offsets[ACCESSES], packed[ACCESSES * (DEPTH + 1)];
    int64_t *next = packed;
    for (int32_t a = 0; a < count; a++) {
        buffers[a] = accesses[a]->memory;
        offsets[a] = accesses[a]->offset;
        for (int32_t d = 0; d < depth; d++)
            *next++ = strides[a][d];
        *next++ = 0;
    }
    numc_kernel_arguments arguments = {buffers, extents, offsets, packed, constants};
    atomic_fetch_add_explicit(&context->core->kernels_run, 1, memory_order_relaxed);
    return numc__device_check(context, device->table.kernel_run(device->device, entry->kernel, &arguments), "running a kernel");
}

/* The real (0) or imaginary (1) part of a complex operand in memory; `strides` has room for the shape's rank. */
static numc_kernel_operand part_of(const numc_kernel_operand *operand, int which, int32_t rank, int64_t *strides)
{
    numc_kernel_operand part = *operand;
    part.dtype = numc__part_dtype(operand->dtype);
    if (operand->immediate) {
        part.value = operand->value + (which != 0 ? numc_dtype_size(part.dtype) : 0);
        return part;
    }
    part.offset = 2 * operand->offset + which;
    for (int32_t d = 0; d < rank; d++)
        strides[d] = 2 * operand->strides[d];
    part.strides = strides;
    return part;
}

/* What treats both parts alike, element by element, is one real operation over one axis more. */
static numc_status both_parts(numc_context *context, uint32_t operation, int32_t rank, const int64_t *shape,
                              const numc_kernel_operand *operands, int32_t count, const numc_kernel_operand *result)
{
    int64_t wide[NUMC_RANK_LIMIT + 1], strides[3][NUMC_RANK_LIMIT + 1];
    numc_kernel_operand parts[3];
    for (int32_t d = 0; d < rank; d++)
        wide[d] = shape[d];
    wide[rank] = 2;
    for (int32_t i = 0; i <= count; i++) {
        parts[i] = part_of(i < count ? &operands[i] : result, 0, rank, strides[i]);
        strides[i][rank] = 1;
    }
    return numc__kernel_elementwise(context, operation, parts[count].dtype, rank + 1, wide, parts, count, &parts[count]);
}

/* Copy or conversion of a number, or of real values, to complex ones. */
static numc_status each_part(numc_context *context, int32_t rank, const int64_t *shape, const numc_kernel_operand *operand,
                             const numc_kernel_operand *result)
{
    static const unsigned char zero[16] = {0};
    for (int which = 0; which < 2; which++) {
        int64_t to_strides[NUMC_RANK_LIMIT], from_strides[NUMC_RANK_LIMIT];
        numc_kernel_operand to = part_of(result, which, rank, to_strides), from = *operand;
        if (numc__is_complex(operand->dtype))
            from = part_of(operand, which, rank, from_strides);
        else if (which == 1)
            from = (numc_kernel_operand){.dtype = to.dtype, .immediate = true, .value = zero};
        uint32_t operation = from.dtype == to.dtype ? 0 : NUMC_SCALAR_CONVERT;
        NUMC_TRY(numc__kernel_elementwise(context, operation, to.dtype, rank, shape, &from, 1, &to));
    }
    return NUMC_OK;
}

static bool has_memory(const numc_kernel_operand *operands, int32_t count)
{
    bool all = true;
    for (int32_t i = 0; i < count; i++)
        all = all && !operands[i].immediate;
    return all;
}

static numc_status complex_elementwise(numc_context *context, uint32_t operation, numc_dtype dtype, int32_t rank,
                                       const int64_t *shape, const numc_kernel_operand *operands, int32_t count,
                                       const numc_kernel_operand *result)
{
    if (operation == 0 || (operation == NUMC_SCALAR_CONVERT && result->dtype != NUMC_BOOL)) {
        if (operands->immediate || !numc__is_complex(operands->dtype))
            return each_part(context, rank, shape, operands, result);
        return both_parts(context, operation, rank, shape, operands, 1, result);
    }
    if ((operation == NUMC_SCALAR_ADD || operation == NUMC_SCALAR_SUBTRACT || operation == NUMC_SCALAR_NEGATIVE)
        && has_memory(operands, count))
        return both_parts(context, operation, rank, shape, operands, count, result);
    recipe r = {.kind = TREE_ELEMENTWISE, .operation = operation, .dtype = dtype, .result = result->dtype, .operands = count};
    numc_kernel_operand parts[ACCESSES];
    const numc_kernel_operand *accesses[ACCESSES] = {NULL};
    int64_t part_strides[ACCESSES][NUMC_RANK_LIMIT], extents[DEPTH], strides[ACCESSES][DEPTH];
    uint64_t constants[2 * OPERANDS + NUMC_EXPANSION_CONSTANTS] = {0};
    int32_t access_count = 0, constant_count = 0, first_access[OPERANDS + 1];
    for (int32_t i = 0; i <= count; i++) {
        const numc_kernel_operand *operand = i < count ? &operands[i] : result;
        first_access[i] = access_count;
        if (i < count) {
            r.dtypes[i] = operand->dtype;
            r.immediates |= operand->immediate ? 1u << i : 0;
        }
        for (int which = 0; which < (numc__is_complex(operand->dtype) ? 2 : 1); which++) {
            numc_kernel_operand part = *operand;
            if (numc__is_complex(operand->dtype))
                part = part_of(operand, which, rank, part_strides[access_count]);
            if (operand->immediate) {
                memcpy(&constants[constant_count++], part.value, numc_dtype_size(part.dtype));
                continue;
            }
            parts[access_count] = part;
            accesses[access_count] = &parts[access_count];
            access_count++;
        }
    }
    int32_t depth = coalesce(rank, shape, accesses, access_count, extents, strides);
    if (depth == 0) {
        depth = 1;
        extents[0] = 1;
        for (int32_t a = 0; a < access_count; a++)
            strides[a][0] = 1;
    }
    r.depth = depth;
    for (int32_t i = 0; i <= count; i++)
        if (i == count || !operands[i].immediate)
            r.contiguity[i == count ? OPERANDS : i] = contiguity_of(strides[first_access[i]][depth - 1]);
    return run(context, &r, accesses, access_count, depth, extents, strides, constants, constant_count);
}

numc_status numc__kernel_elementwise(numc_context *context, uint32_t operation, numc_dtype dtype, int32_t rank,
                                     const int64_t *shape, const numc_kernel_operand *operands, int32_t count,
                                     const numc_kernel_operand *result)
{
    for (int32_t d = 0; d < rank; d++) {
        if (shape[d] == 0)
            return NUMC_OK;
    }
    if (numc__is_complex(dtype) || numc__is_complex(result->dtype) || (count > 0 && numc__is_complex(operands[0].dtype)))
        return complex_elementwise(context, operation, dtype, rank, shape, operands, count, result);
    recipe r = {.kind = TREE_ELEMENTWISE, .operation = operation, .dtype = dtype, .result = result->dtype, .operands = count};
    const numc_kernel_operand *accesses[OPERANDS + 1];
    uint64_t constants[OPERANDS] = {0};
    int32_t access_count = 0, constant_count = 0;
    for (int32_t i = 0; i < count; i++) {
        r.dtypes[i] = operands[i].dtype;
        if (operands[i].immediate) {
            r.immediates |= 1u << i;
            memcpy(&constants[constant_count++], operands[i].value, numc_dtype_size(operands[i].dtype));
        } else {
            accesses[access_count++] = &operands[i];
        }
    }
    accesses[access_count++] = result;
    int64_t extents[DEPTH], strides[ACCESSES][DEPTH];
    int32_t depth = coalesce(rank, shape, accesses, access_count, extents, strides);
    if (depth == 0) { /* one element: a loop of one, whose strides are as good as 1 */
        depth = 1;
        extents[0] = 1;
        for (int32_t a = 0; a < access_count; a++)
            strides[a][0] = 1;
    }
    r.depth = depth;
    for (int32_t i = 0, a = 0; i <= OPERANDS; i++) {
        if (i == OPERANDS)
            r.contiguity[i] = contiguity_of(strides[access_count - 1][depth - 1]);
        else if (i < count && !operands[i].immediate)
            r.contiguity[i] = contiguity_of(strides[a++][depth - 1]);
    }
    return run(context, &r, accesses, access_count, depth, extents, strides, constants, constant_count);
}

numc_status numc__kernel_reduce(numc_context *context, uint32_t reduction, int32_t rank, const int64_t *shape,
                                const numc_kernel_operand *operand, int64_t n, int64_t stride,
                                const numc_kernel_operand *result)
{
    for (int32_t d = 0; d < rank; d++) {
        if (shape[d] == 0)
            return NUMC_OK;
    }
    recipe r = {.kind = TREE_REDUCE, .operation = reduction, .dtype = operand->dtype, .result = result->dtype, .operands = 1};
    r.dtypes[0] = operand->dtype;
    const numc_kernel_operand *accesses[2] = {operand, result};
    int64_t extents[DEPTH], strides[ACCESSES][DEPTH];
    int32_t depth = coalesce(rank, shape, accesses, 2, extents, strides);
    r.depth = depth;
    extents[depth] = n;
    strides[0][depth] = stride;
    strides[1][depth] = 0;
    r.contiguity[0] = contiguity_of(stride);
    r.contiguity[OPERANDS] = NUMC_CONTIGUITY_UNIFORM;
    return run(context, &r, accesses, 2, depth + 1, extents, strides, NULL, 0);
}

numc_status numc__kernel_iota(numc_context *context, numc_dtype dtype, int64_t n, void *memory)
{
    if (n == 0)
        return NUMC_OK;
    recipe r = {.kind = TREE_IOTA, .dtype = dtype, .result = dtype, .depth = 1};
    r.contiguity[OPERANDS] = NUMC_CONTIGUITY_UNIT;
    numc_kernel_operand result = {.dtype = dtype, .memory = memory};
    const numc_kernel_operand *accesses[1] = {&result};
    int64_t extents[1] = {n}, strides[ACCESSES][DEPTH];
    strides[0][0] = 1;
    return run(context, &r, accesses, 1, 1, extents, strides, NULL, 0);
}

numc_kernel_operand numc__kernel_operand_of(const numc_array *x)
{
    bool immediate = x->content == NUMC_CONTENT_IMMEDIATE;
    return (numc_kernel_operand){
        .dtype = x->dtype,
        .immediate = immediate,
        .value = x->immediate,
        .memory = immediate ? NULL : x->buffer->memory,
        .offset = x->offset,
        .strides = x->strides,
    };
}
