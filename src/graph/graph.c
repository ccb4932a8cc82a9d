/* graph.c - graphs as values: their memory, verification, and structural comparison. Nothing here records or runs. */
#include <string.h>

#include "graph/build.h"

/* ---- memory ------------------------------------------------------------------------------------------------------ */

typedef struct numc_graph_block {
    struct numc_graph_block *next;
    size_t size, used; /* of the bytes that follow the header */
} numc_graph_block;

#define BLOCK_HEADER ((sizeof(numc_graph_block) + 15) & ~(size_t)15)
#define BLOCK_SIZE 2048

numc_graph *numc__graph_new(numc_context *context)
{
    numc_graph *graph = numc__allocate_zero(context, 1, sizeof *graph);
    if (graph == NULL)
        return NULL;
    graph->core = context->core;
    atomic_init(&graph->references, 1);
    return graph;
}

void *numc__graph_memory(numc_context *context, numc_graph *graph, size_t size)
{
    if (size > SIZE_MAX / 2) {
        numc__fail(context, NUMC_MEMORY, "out of memory: %zu bytes", size);
        return NULL;
    }
    size = (size + 15) & ~(size_t)15;
    numc_graph_block *block = graph->blocks;
    if (block == NULL || block->size - block->used < size) {
        size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
        block = numc__allocate(context, BLOCK_HEADER + room);
        if (block == NULL)
            return NULL;
        *block = (numc_graph_block){.next = graph->blocks, .size = room};
        graph->blocks = block;
    }
    void *memory = (char *)block + BLOCK_HEADER + block->used;
    block->used += size;
    return memory;
}

char *numc__graph_string(numc_context *context, numc_graph *graph, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = numc__graph_memory(context, graph, size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

static int64_t *copy_numbers(numc_context *context, numc_graph *graph, const int64_t *numbers, int32_t count)
{
    int64_t *copy = numc__graph_memory(context, graph, (size_t)count * sizeof *copy);
    if (copy != NULL && count > 0)
        memcpy(copy, numbers, (size_t)count * sizeof *copy);
    return copy;
}

numc_status numc__graph_copy_type(numc_context *context, numc_graph *graph, const numc_type *type, numc_type *copy)
{
    int64_t *shape = copy_numbers(context, graph, type->shape, type->rank);
    if (shape == NULL)
        return context->status;
    *copy = (numc_type){type->dtype, type->rank, shape};
    return NUMC_OK;
}

numc_status numc__graph_copy_attributes(numc_context *context, numc_graph *graph, const numc_attributes *attributes,
                                        numc_attributes *copy)
{
    *copy = (numc_attributes){0};
    if (attributes == NULL)
        return NUMC_OK;
    int64_t *numbers = copy_numbers(context, graph, attributes->numbers, attributes->count);
    if (numbers == NULL)
        return context->status;
    copy->count = attributes->count;
    copy->numbers = numbers;
    copy->dtype = attributes->dtype;
    for (int i = 0; i < 2; i++)
        copy->graphs[i] = numc__graph_keep(attributes->graphs[i]);
    return NUMC_OK;
}

numc_status numc__graph_reserve(numc_context *context, numc_graph *graph, int32_t more_values, int32_t more_nodes)
{
    NUMC_TRY(numc__grow(context, &graph->values, sizeof *graph->values, graph->value_count, more_values, &graph->value_capacity));
    return numc__grow(context, &graph->nodes, sizeof *graph->nodes, graph->node_count, more_nodes, &graph->node_capacity);
}

numc_graph *numc__graph_keep(numc_graph *graph)
{
    if (graph != NULL)
        atomic_fetch_add_explicit(&graph->references, 1, memory_order_relaxed);
    return graph;
}

void numc__graph_release(numc_graph *graph)
{
    if (graph == NULL || atomic_fetch_sub_explicit(&graph->references, 1, memory_order_acq_rel) != 1)
        return;
    numc_core *core = graph->core;
    for (int32_t i = 0; i < graph->value_count; i++)
        numc_release(graph->values[i].constant);
    for (int32_t i = 0; i < graph->node_count; i++) {
        numc__graph_release(graph->nodes[i].attributes.graphs[0]);
        numc__graph_release(graph->nodes[i].attributes.graphs[1]);
    }
    numc__core_free(core, graph->values, (size_t)graph->value_capacity * sizeof *graph->values);
    numc__core_free(core, graph->nodes, (size_t)graph->node_capacity * sizeof *graph->nodes);
    while (graph->blocks != NULL) {
        numc_graph_block *block = graph->blocks;
        graph->blocks = block->next;
        numc__core_free(core, block, BLOCK_HEADER + block->size);
    }
    numc__core_free(core, graph, sizeof *graph);
}

/* ---- verification ------------------------------------------------------------------------------------------------ */

#define BROKEN(...) return numc__fail(context, NUMC_INTERNAL, "broken graph: " __VA_ARGS__)

static numc_status verify_node(numc_context *context, const numc_graph *graph, int32_t index, numc_type *inputs,
                               numc_type *outputs, int64_t (*shapes)[NUMC_RANK_LIMIT])
{
    const numc_node *node = &graph->nodes[index];
    const char *name = numc__primitive_name(node->primitive);
    for (int32_t k = 0; k < node->input_count; k++) {
        if (node->inputs[k] < 0 || node->inputs[k] >= node->first_output)
            BROKEN("node %d (%s) reads %%%d, which is not made before it", index, name, node->inputs[k]);
        inputs[k] = graph->values[node->inputs[k]].type;
    }
    for (int i = 0; i < 2; i++) {
        if (node->attributes.graphs[i] != NULL)
            NUMC_TRY(numc__graph_verify(context, node->attributes.graphs[i]));
    }
    int32_t count = 0;
    NUMC_TRY(numc__primitive_infer(context, node->primitive, inputs, node->input_count, &node->attributes, outputs,
                                   shapes, node->output_count, &count));
    if (count != node->output_count)
        BROKEN("node %d (%s) has %d outputs, its primitive makes %d", index, name, node->output_count, count);
    for (int32_t k = 0; k < count; k++) {
        const numc_value *value = &graph->values[node->first_output + k];
        if (value->node != index || value->output != k)
            BROKEN("%%%d does not know that node %d (%s) makes it", node->first_output + k, index, name);
        if (!numc__type_equal(&value->type, &outputs[k])) {
            char has[160], infers[160];
            numc__type_format(has, sizeof has, value->type.dtype, value->type.rank, value->type.shape);
            numc__type_format(infers, sizeof infers, outputs[k].dtype, outputs[k].rank, outputs[k].shape);
            BROKEN("%%%d has type %s where %s makes %s", node->first_output + k, has, name, infers);
        }
    }
    return NUMC_OK;
}

numc_status numc__graph_verify(numc_context *context, const numc_graph *graph)
{
    NUMC_TRY(context->status);
    if (graph->input_count < 0 || graph->input_count > graph->value_count)
        BROKEN("%d inputs of %d values", graph->input_count, graph->value_count);
    for (int32_t i = 0; i < graph->value_count; i++) {
        const numc_value *value = &graph->values[i];
        if (i < graph->input_count) {
            if (value->node != -1 || value->constant != NULL)
                BROKEN("input %%%d is made by something", i);
        } else if (value->node < 0) {
            if (value->constant == NULL)
                BROKEN("%%%d is neither input, constant nor output of a node", i);
            numc_type type = numc__type_of(value->constant);
            if (!numc__type_equal(&type, &value->type))
                BROKEN("constant %%%d has another type than its array", i);
        }
    }
    int32_t most = 1, next = graph->input_count;
    for (int32_t i = 0; i < graph->node_count; i++) {
        const numc_node *node = &graph->nodes[i];
        most = node->input_count > most ? node->input_count : most;
        most = node->output_count > most ? node->output_count : most;
        if (node->output_count < 0 || node->first_output < next ||
            node->first_output > graph->value_count - node->output_count)
            BROKEN("the outputs of node %d are out of order", i);
        next = node->first_output + node->output_count;
    }
    int32_t made = 0;
    for (int32_t i = 0; i < graph->value_count; i++)
        made += graph->values[i].node >= 0;
    for (int32_t i = 0; i < graph->node_count; i++)
        made -= graph->nodes[i].output_count;
    if (made != 0)
        BROKEN("a value names a node that does not make it");
    for (int32_t i = 0; i < graph->output_count; i++) {
        if (graph->outputs[i] < 0 || graph->outputs[i] >= graph->value_count)
            BROKEN("output %d is %%%d, which does not exist", i, graph->outputs[i]);
    }
    size_t size = (size_t)most * (2 * sizeof(numc_type) + sizeof(int64_t[NUMC_RANK_LIMIT]));
    void *scratch = numc__allocate(context, size);
    if (scratch == NULL)
        return context->status;
    int64_t(*shapes)[NUMC_RANK_LIMIT] = scratch;
    numc_type *inputs = (numc_type *)(void *)(shapes + most);
    numc_status status = NUMC_OK;
    for (int32_t i = 0; i < graph->node_count && status == NUMC_OK; i++)
        status = verify_node(context, graph, i, inputs, inputs + most, shapes);
    numc__free(context, scratch, size);
    return status;
}

/* ---- structural comparison --------------------------------------------------------------------------------------- */

/* Constants are equal when they are one array, or say the same number everywhere. */
static bool constants_equal(const numc_array *a, const numc_array *b)
{
    if (a == b)
        return true;
    if (a == NULL || b == NULL || a->content != b->content)
        return false;
    if (a->content == NUMC_CONTENT_IMMEDIATE)
        return memcmp(a->immediate, b->immediate, numc_dtype_size(a->dtype)) == 0;
    if (a->buffer != b->buffer || a->offset != b->offset)
        return false;
    return a->rank == 0 || memcmp(a->strides, b->strides, (size_t)a->rank * sizeof *a->strides) == 0;
}

bool numc__graph_equal(const numc_graph *a, const numc_graph *b)
{
    if (a == b)
        return true;
    if (a == NULL || b == NULL || a->input_count != b->input_count || a->value_count != b->value_count ||
        a->node_count != b->node_count || a->output_count != b->output_count)
        return false;
    for (int32_t i = 0; i < a->value_count; i++) {
        const numc_value *x = &a->values[i], *y = &b->values[i];
        if (!numc__type_equal(&x->type, &y->type) || x->node != y->node || !constants_equal(x->constant, y->constant))
            return false;
    }
    for (int32_t i = 0; i < a->node_count; i++) {
        const numc_node *x = &a->nodes[i], *y = &b->nodes[i];
        if (x->primitive != y->primitive || x->input_count != y->input_count || x->first_output != y->first_output)
            return false;
        for (int32_t k = 0; k < x->input_count; k++) {
            if (x->inputs[k] != y->inputs[k])
                return false;
        }
        if (!numc__attributes_equal(&x->attributes, &y->attributes))
            return false;
    }
    for (int32_t i = 0; i < a->output_count; i++) {
        if (a->outputs[i] != b->outputs[i])
            return false;
    }
    return true;
}

bool numc__attributes_equal(const numc_attributes *a, const numc_attributes *b)
{
    if (a->count != b->count || a->dtype != b->dtype)
        return false;
    for (int32_t i = 0; i < a->count; i++) {
        if (a->numbers[i] != b->numbers[i])
            return false;
    }
    return numc__graph_equal(a->graphs[0], b->graphs[0]) && numc__graph_equal(a->graphs[1], b->graphs[1]);
}
