/* kernel.c - eager kernels: one-leaf loop trees for elementwise operations, copies, fills, reductions and iota, built once per
 * (operation, dtypes, coalesced depth, contiguity, immediates) and looked up without a lock; extents, strides, offsets and
 * constants are arguments. */
#include <string.h>

#include "array/state.h"

#define OPERANDS 4
#define DEPTH (NUMC_RANK_LIMIT + 1)

typedef struct tree {
    numc_kernel_node nodes[2 * DEPTH + 16];
    uint32_t registers[OPERANDS + 2];
    numc_kernel_access accesses[OPERANDS + 1];
    numc_kernel_source source;
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
    int32_t result = register_add(t, r->dtypes[i]);
    bool constant = (r->immediates >> i & 1) != 0;
    numc_kernel_node *node = node_add(t, constant ? NUMC_NODE_CONSTANT : NUMC_NODE_LOAD);
    node->dtype = (uint32_t)r->dtypes[i];
    node->result = result;
    node->extent = constant ? (int32_t)t->source.constant_count++ : access_add(t, r->dtypes[i], false, r->contiguity[i]);
    return result;
}

static void store_add(tree *t, const recipe *r, int32_t value)
{
    numc_kernel_node *node = node_add(t, NUMC_NODE_STORE);
    node->dtype = (uint32_t)r->result;
    node->operands[0] = value;
    node->extent = access_add(t, r->result, true, r->contiguity[OPERANDS]);
}

static void tree_build(tree *t, const recipe *r)
{
    memset(&t->source, 0, sizeof t->source);
    t->source.size = sizeof t->source;
    t->source.level = 1;
    t->source.nodes = t->nodes;
    t->source.register_dtypes = t->registers;
    t->source.accesses = t->accesses;
    for (int32_t d = 0; d < r->depth; d++)
        loop_open(t, NUMC_NODE_PARALLEL);
    int32_t value = -1;
    if (r->kind == TREE_ELEMENTWISE) {
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
    store_add(t, r, value);
    for (int32_t d = r->depth - 1; d >= 0; d--)
        loop_close(t, d);
}

/* Lookups read immutable entries published by a release store; two threads that build the same kernel at once agree under
 * the lock on the first. */
static numc_kernel *kernel_find(numc_context *context, numc_backend_device *device, const recipe *r)
{
    numc_array_core *shared = ((numc_array_lane *)context->slots[NUMC_SLOT_ARRAYS])->shared;
    uint64_t key = recipe_key(r);
    _Atomic(numc_kernel_entry *) *bucket =
        &shared->kernels[(key * UINT64_C(0x9e3779b97f4a7c15)) >> 32 & (NUMC_KERNEL_BUCKETS - 1)];
    for (numc_kernel_entry *e = atomic_load_explicit(bucket, memory_order_acquire); e != NULL; e = e->next) {
        if (e->key == key)
            return e->kernel;
    }
    tree t;
    tree_build(&t, r);
    numc_kernel *kernel = NULL;
    int32_t status = device->table.kernel_build(device->device, &t.source, &kernel);
    if (status != NUMC_OK) {
        numc__device_check(context, status, "building a kernel");
        return NULL;
    }
    numc_kernel_entry *entry = numc__allocate(context, sizeof *entry);
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
            numc__free(context, entry, sizeof *entry);
            return e->kernel;
        }
    }
    *entry = (numc_kernel_entry){.key = key, .kernel = kernel, .next = first};
    atomic_store_explicit(bucket, entry, memory_order_release);
    pthread_mutex_unlock(&shared->lock);
    return kernel;
}

void numc__kernel_core_end(numc_array_core *shared)
{
    numc_backend_device *device = atomic_load_explicit(&shared->device, memory_order_acquire);
    for (int i = 0; i < NUMC_KERNEL_BUCKETS; i++) {
        numc_kernel_entry *entry = atomic_load_explicit(&shared->kernels[i], memory_order_relaxed);
        while (entry != NULL) {
            numc_kernel_entry *next = entry->next;
            device->table.kernel_release(device->device, entry->kernel);
            numc__core_free(shared->core, entry, sizeof *entry);
            entry = next;
        }
    }
}

/* ---- arguments --------------------------------------------------------------------------------------------------- */

/* Axes of size 1 vanish; neighbours that every access walks as one become one. strides[a] is read from accesses[a] and
 * written densely. Returns the depth. */
static int32_t coalesce(int32_t rank, const int64_t *shape, const numc_kernel_operand *const *accesses, int32_t count,
                        int64_t *extents, int64_t strides[OPERANDS + 1][DEPTH])
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
                       int32_t depth, const int64_t *extents, int64_t strides[OPERANDS + 1][DEPTH],
                       const uint64_t *constants)
{
    numc_backend_device *device = numc__array_device(context);
    if (device == NULL)
        return context->status;
    numc_kernel *kernel = kernel_find(context, device, r);
    if (kernel == NULL)
        return context->status;
    void *buffers[OPERANDS + 1];
    int64_t offsets[OPERANDS + 1], packed[(OPERANDS + 1) * (DEPTH + 1)];
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
    return numc__device_check(context, device->table.kernel_run(device->device, kernel, &arguments), "running a kernel");
}

numc_status numc__kernel_elementwise(numc_context *context, uint32_t operation, numc_dtype dtype, int32_t rank,
                                     const int64_t *shape, const numc_kernel_operand *operands, int32_t count,
                                     const numc_kernel_operand *result)
{
    for (int32_t d = 0; d < rank; d++) {
        if (shape[d] == 0)
            return NUMC_OK;
    }
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
    int64_t extents[DEPTH], strides[OPERANDS + 1][DEPTH];
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
    return run(context, &r, accesses, access_count, depth, extents, strides, constants);
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
    int64_t extents[DEPTH], strides[OPERANDS + 1][DEPTH];
    int32_t depth = coalesce(rank, shape, accesses, 2, extents, strides);
    r.depth = depth;
    extents[depth] = n;
    strides[0][depth] = stride;
    strides[1][depth] = 0;
    r.contiguity[0] = contiguity_of(stride);
    r.contiguity[OPERANDS] = NUMC_CONTIGUITY_UNIFORM;
    return run(context, &r, accesses, 2, depth + 1, extents, strides, NULL);
}

numc_status numc__kernel_iota(numc_context *context, numc_dtype dtype, int64_t n, void *memory)
{
    if (n == 0)
        return NUMC_OK;
    recipe r = {.kind = TREE_IOTA, .dtype = dtype, .result = dtype, .depth = 1};
    r.contiguity[OPERANDS] = NUMC_CONTIGUITY_UNIT;
    numc_kernel_operand result = {.dtype = dtype, .memory = memory};
    const numc_kernel_operand *accesses[1] = {&result};
    int64_t extents[1] = {n}, strides[OPERANDS + 1][DEPTH];
    strides[0][0] = 1;
    return run(context, &r, accesses, 1, 1, extents, strides, NULL);
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
