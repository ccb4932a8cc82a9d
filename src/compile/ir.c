/* ir.c - builds the rewritten graph: each application is folded, simplified or shared as it is appended; dead code goes last. */
#include "compile/ir.h"
#include "compile/stage.h"
#include "compile/pairs.h"
#include "graph/external.h"

#include <string.h>

struct numc_arena_block {
    numc_arena_block *next;
    size_t size, used;
};
#define NUMC_ARENA_BLOCK 16384u
#define NUMC_ARENA_HEADER ((sizeof(numc_arena_block) + 15u) & ~(size_t)15u)

void numc__arena_begin(numc_arena *arena, numc_context *context)
{
    *arena = (numc_arena){.context = context, .core = context->core};
}

void *numc__arena_allocate(numc_arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > (SIZE_MAX / 2) / size) {
        numc__fail(arena->context, NUMC_MEMORY, "out of memory: %zu x %zu bytes", count, size);
        return NULL;
    }
    size_t bytes = (count * size + 15u) & ~(size_t)15u;
    if (bytes == 0)
        bytes = 16;
    numc_arena_block *block = arena->blocks;
    if (block == NULL || block->size - block->used < bytes) {
        size_t total = NUMC_ARENA_HEADER + (bytes > NUMC_ARENA_BLOCK ? bytes : NUMC_ARENA_BLOCK);
        block = numc__allocate(arena->context, total);
        if (block == NULL)
            return NULL;
        block->size = total;
        block->used = NUMC_ARENA_HEADER;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *memory = (char *)block + block->used;
    block->used += bytes;
    memset(memory, 0, bytes);
    return memory;
}

void numc__arena_free(numc_arena *arena)
{
    while (arena->blocks != NULL) {
        numc_arena_block *block = arena->blocks;
        arena->blocks = block->next;
        numc__core_free(arena->core, block, block->size);
    }
}

bool numc__arena_grow(numc_arena *arena, void *list, size_t item, int32_t count, int32_t *capacity)
{
    if (count < *capacity)
        return true;
    const int32_t target = *capacity == 0 ? 16 : 2 * *capacity;
    void *items, *copy = numc__arena_allocate(arena, (size_t)target, item);
    if (copy == NULL)
        return false;
    memcpy(&items, list, sizeof items);
    if (count > 0)
        memcpy(copy, items, (size_t)count * item);
    memcpy(list, &copy, sizeof copy);
    *capacity = target;
    return true;
}

static int32_t value_append(numc_ir *ir, const numc_type *type)
{
    if (!numc__arena_grow(&ir->arena, &ir->values, sizeof *ir->values, ir->value_count, &ir->value_capacity)) {
        ir->failed = true;
        return -1;
    }
    ir->values[ir->value_count] = (numc_ir_value){.type = *type, .node = -1, .input = -1};
    return ir->value_count++;
}

int32_t numc__ir_constant(numc_ir *ir, numc_array *array)
{
    if (array == NULL) {
        ir->failed = true;
        return -1;
    }
    if (array->content == NUMC_CONTENT_BUFFER && !numc__array_is_contiguous(array)) { /* steps read constants in order */
        int32_t id = -1;
        if (numc_scope_begin(ir->context) == NUMC_OK) {
            id = numc__ir_constant(ir, numc__array_contiguous(ir->context, array));
            numc_scope_end(ir->context);
        }
        ir->failed = ir->failed || id < 0;
        return id;
    }
    if (array->content == NUMC_CONTENT_BUFFER && array->size == 1) { /* one element is a number, which needs no memory */
        int32_t id = -1;
        unsigned char value[sizeof array->immediate];
        if (numc_scope_begin(ir->context) == NUMC_OK) {
            if (numc_to_host(numc__array_alias(ir->context, array), array->dtype, value, numc_dtype_size(array->dtype)) == NUMC_OK)
                id = numc__ir_constant(ir, numc__array_new_immediate(ir->context, array->dtype, array->rank, array->shape, value));
            numc_scope_end(ir->context);
        }
        ir->failed = ir->failed || id < 0;
        return id;
    }
    int64_t *shape = numc__arena_allocate(&ir->arena, (size_t)array->rank, sizeof *shape);
    if (shape == NULL) {
        ir->failed = true;
        return -1;
    }
    for (int32_t d = 0; d < array->rank; d++)
        shape[d] = array->shape[d];
    const numc_type wanted = {array->dtype, array->rank, shape};
    for (int32_t v = 0; v < ir->value_count; v++) { /* equal numbers are one value */
        const unsigned char *bytes = numc__ir_immediate(ir, v);
        if (ir->values[v].constant == array ||
            (bytes != NULL && array->content == NUMC_CONTENT_IMMEDIATE && ir->values[v].type.dtype == array->dtype &&
             numc__type_same_shape(&ir->values[v].type, &wanted) &&
             memcmp(bytes, array->immediate, numc_dtype_size(array->dtype)) == 0))
            return v;
    }
    int32_t id = value_append(ir, &wanted);
    if (id >= 0) {
        ir->values[id].constant = numc_keep(array);
        ir->values[id].data = true;
    }
    return id;
}

const unsigned char *numc__ir_immediate(const numc_ir *ir, int32_t value)
{
    const numc_array *constant = ir->values[value].constant;
    return constant != NULL && constant->content == NUMC_CONTENT_IMMEDIATE ? constant->immediate : NULL;
}

/* Backend slots and control flow read memory: a number without memory is written out for them first. */
static bool reads_memory(int32_t primitive, int32_t input)
{
    if (primitive == NUMC_PRIMITIVE_GATHER)
        return input == 0;
    return primitive == NUMC_PRIMITIVE_SCATTER || (primitive >= NUMC_PRIMITIVE_CUMULATIVE_SUM &&
                                                   primitive != NUMC_PRIMITIVE_STOP_GRADIENT);
}

static int32_t written_out(numc_ir *ir, int32_t value)
{
    if (numc__is_complex(ir->values[value].type.dtype)) {
        static const numc_attributes none = {0};
        int32_t parts[2] = {numc__ir_emit(ir, NUMC_PRIMITIVE_REAL, &value, 1, &none),
                            numc__ir_emit(ir, NUMC_PRIMITIVE_IMAG, &value, 1, &none)};
        return ir->failed ? -1 : numc__ir_append(ir, NUMC_PRIMITIVE_COMPLEX, parts, 2, &none);
    }
    numc_attributes *convert = numc__arena_allocate(&ir->arena, 1, sizeof *convert);
    if (convert == NULL) {
        ir->failed = true;
        return -1;
    }
    convert->dtype = ir->values[value].type.dtype;
    return numc__ir_append(ir, NUMC_SCALAR_CONVERT, &value, 1, convert);
}

int32_t numc__ir_append(numc_ir *ir, int32_t primitive, const int32_t *inputs, int32_t input_count,
                        const numc_attributes *attributes)
{
    if (ir->failed)
        return -1;
    for (int32_t k = 0; k < input_count; k++) {
        if (!reads_memory(primitive, k) || numc__ir_immediate(ir, inputs[k]) == NULL)
            continue;
        int32_t *copies = numc__arena_allocate(&ir->arena, (size_t)input_count, sizeof *copies);
        if (copies == NULL) {
            ir->failed = true;
            return -1;
        }
        for (int32_t j = 0; j < input_count; j++)
            copies[j] = reads_memory(primitive, j) && numc__ir_immediate(ir, inputs[j]) != NULL ? written_out(ir, inputs[j])
                                                                                               : inputs[j];
        return ir->failed ? -1 : numc__ir_append(ir, primitive, copies, input_count, attributes);
    }
    if (!numc__arena_grow(&ir->arena, &ir->nodes, sizeof *ir->nodes, ir->node_count, &ir->node_capacity)) {
        ir->failed = true;
        return -1;
    }
    numc_ir_node node = {.primitive = primitive, .input_count = input_count, .attributes = attributes,
                         .first_output = ir->value_count};
    node.inputs = numc__arena_allocate(&ir->arena, (size_t)input_count, sizeof *node.inputs);
    numc_type *input_types = numc__arena_allocate(&ir->arena, (size_t)input_count, sizeof *input_types);
    bool control = numc__primitive_is_control(primitive);
    const int32_t capacity = primitive == NUMC_PRIMITIVE_EXTERNAL ? (int32_t)attributes->numbers[NUMC_EXTERNAL_OUTPUTS]
                             : control ? attributes->graphs[primitive == NUMC_PRIMITIVE_WHILE ? 1 : 0]->output_count
                                       : 3; /* lu and svd have three outputs, others fewer */
    numc_type *types = numc__arena_allocate(&ir->arena, (size_t)capacity, sizeof *types);
    int64_t(*shapes)[NUMC_RANK_LIMIT] = numc__allocate(ir->context, (size_t)(capacity + 1) * sizeof *shapes);
    if (node.inputs == NULL || input_types == NULL || types == NULL || shapes == NULL)
        goto fail;
    bool data = true;
    for (int32_t k = 0; k < input_count; k++) {
        node.inputs[k] = inputs[k];
        input_types[k] = ir->values[inputs[k]].type;
        data = data && ir->values[inputs[k]].data;
    }
    if (numc__primitive_infer(ir->context, primitive, input_types, input_count, attributes, types, shapes,
                              capacity, &node.output_count) != NUMC_OK)
        goto fail;
    for (int32_t k = 0; k < node.output_count; k++) {
        int64_t *shape = numc__arena_allocate(&ir->arena, (size_t)types[k].rank, sizeof *shape);
        if (shape == NULL)
            goto fail;
        memcpy(shape, types[k].shape, (size_t)types[k].rank * sizeof *shape);
        types[k].shape = shape;
        int32_t id = value_append(ir, &types[k]);
        if (id < 0)
            goto fail;
        ir->values[id].node = ir->node_count;
        ir->values[id].data = data;
    }
    numc__free(ir->context, shapes, (size_t)(capacity + 1) * sizeof *shapes);
    ir->nodes[ir->node_count++] = node;
    return node.first_output;
fail:
    numc__free(ir->context, shapes, (size_t)(capacity + 1) * sizeof *shapes);
    ir->failed = true;
    return -1;
}

/* ---- what is told of the rewriting -------------------------------------------------------------------------------------------- */

/* "multiply %3 %4 is %7 = add %1 %2" in the text of the stage that found it out. */
static void tell(const numc_ir *ir, numc_stage stage, int32_t primitive, const int32_t *inputs, int32_t input_count, int32_t result)
{
    numc_text *text = numc__dump_text(ir->context, stage);
    if (text == NULL)
        return;
    numc__text_add(text, "%s", numc__primitive_name(primitive));
    for (int32_t k = 0; k < input_count; k++)
        numc__text_add(text, " %%%d", inputs[k]);
    numc__text_add(text, " is %%%d", result);
    const numc_ir_node *node = ir->values[result].node >= 0 ? &ir->nodes[ir->values[result].node] : NULL;
    if (ir->values[result].constant != NULL) {
        numc__constant_print(text, ir->values[result].constant);
        return;
    }
    if (node != NULL)
        numc__text_add(text, " = %s", numc__primitive_name(node->primitive));
    for (int32_t k = 0; node != NULL && k < node->input_count; k++)
        numc__text_add(text, " %%%d", node->inputs[k]);
    numc__text_add(text, "\n");
}

/* ---- fold: an application to constants is run once, here, unless its result is bigger than what it came from ------------- */

/* Or may have: eigh, eig and svd say by their attributes. */
static bool has_several_outputs(int32_t primitive)
{
    return primitive == NUMC_PRIMITIVE_SORT || (primitive >= NUMC_PRIMITIVE_LU && primitive <= NUMC_PRIMITIVE_SVD);
}

static uint64_t constant_bytes(const numc_ir *ir, int32_t value)
{
    const numc_array *constant = ir->values[value].constant;
    if (constant->content == NUMC_CONTENT_IMMEDIATE)
        return numc_dtype_size(constant->dtype);
    return (uint64_t)constant->size * numc_dtype_size(constant->dtype);
}

static int32_t fold(numc_ir *ir, int32_t primitive, const int32_t *inputs, int32_t input_count,
                    const numc_attributes *attributes, const numc_type *type)
{
    enum { FOLD_INPUTS = 8 };
    if (input_count == 0 || input_count > FOLD_INPUTS || numc__primitive_is_control(primitive) || has_several_outputs(primitive))
        return -1;
    uint64_t bytes = 0;
    const numc_array *arrays[FOLD_INPUTS];
    bool immediate = true;
    for (int32_t k = 0; k < input_count; k++) {
        if (ir->values[inputs[k]].constant == NULL)
            return -1;
        arrays[k] = ir->values[inputs[k]].constant;
        immediate = immediate && arrays[k]->content == NUMC_CONTENT_IMMEDIATE;
        bytes += constant_bytes(ir, inputs[k]);
    }
    uint64_t result = (uint64_t)numc__type_size(type) * numc_dtype_size(type->dtype);
    bool splat = immediate && (numc__primitive_is_scalar(primitive) || primitive == NUMC_PRIMITIVE_BROADCAST ||
                               primitive == NUMC_PRIMITIVE_RESHAPE || primitive == NUMC_PRIMITIVE_REAL ||
                               primitive == NUMC_PRIMITIVE_IMAG);
    if (!splat && result > bytes && result > 64)
        return -1;
    int32_t id = -1;
    if (numc_scope_begin(ir->context) != NUMC_OK) {
        ir->failed = true;
        return -1;
    }
    numc_array *value = numc__bind1(ir->context, primitive, arrays, input_count, attributes);
    if (value == NULL)
        ir->failed = true;
    else
        id = numc__ir_constant(ir, value);
    numc_scope_end(ir->context);
    return id;
}

/* ---- common subexpressions ---------------------------------------------------------------------------------------------------- */

static int32_t find_common(const numc_ir *ir, int32_t primitive, const int32_t *inputs, int32_t input_count,
                           const numc_attributes *attributes)
{
    /* Backwards over the nodes: programs have hundreds of nodes, and the last user of an operand bounds the search. */
    int32_t newest = -1;
    for (int32_t k = 0; k < input_count; k++)
        if (inputs[k] > newest)
            newest = inputs[k];
    for (int32_t n = ir->node_count - 1; n >= 0; n--) {
        const numc_ir_node *node = &ir->nodes[n];
        if (node->first_output <= newest)
            break;
        if (node->primitive == primitive && node->input_count == input_count &&
            memcmp(node->inputs, inputs, (size_t)input_count * sizeof *inputs) == 0 &&
            numc__attributes_equal(node->attributes, attributes))
            return node->first_output;
    }
    return -1;
}

int32_t numc__ir_emit(numc_ir *ir, int32_t primitive, const int32_t *inputs, int32_t input_count,
                      const numc_attributes *attributes)
{
    if (ir->failed)
        return -1;
    for (int32_t k = 0; k < input_count; k++)
        if (inputs[k] < 0)
            return -1;
    static const numc_attributes none = {0};
    if (attributes == NULL)
        attributes = &none;
    if (!numc__primitive_is_control(primitive) && !has_several_outputs(primitive) && input_count <= 8) {
        numc_type types[8] = {{0}}, type;
        int64_t shape[1][NUMC_RANK_LIMIT];
        int32_t count = 0;
        for (int32_t k = 0; k < input_count; k++)
            types[k] = ir->values[inputs[k]].type;
        if (numc__primitive_infer(ir->context, primitive, types, input_count, attributes, &type, shape, 1,
                                  &count) != NUMC_OK) {
            ir->failed = true;
            return -1;
        }
        numc_stage stage = NUMC_STAGE_FOLD;
        int32_t id = fold(ir, primitive, inputs, input_count, attributes, &type);
        if (id < 0 && !ir->failed) {
            stage = NUMC_STAGE_SIMPLIFY;
            id = numc__simplify(ir, primitive, inputs, input_count, attributes, &type);
        }
        if (ir->failed)
            return -1;
        if (id >= 0) {
            tell(ir, stage, primitive, inputs, input_count, id);
            return id;
        }
    }
    int32_t common = find_common(ir, primitive, inputs, input_count, attributes);
    if (common < 0)
        return numc__ir_append(ir, primitive, inputs, input_count, attributes);
    tell(ir, NUMC_STAGE_SHARE, primitive, inputs, input_count, common);
    return common;
}

/* ---- dead code: nodes none of whose outputs is reached from the ir's outputs --------------------------------------------- */

bool numc__stage_dead(numc_context *context, void *subject)
{
    numc_ir *ir = subject;
    (void)context;
    bool *live = numc__arena_allocate(&ir->arena, (size_t)ir->value_count, sizeof *live);
    if (live == NULL)
        return false;
    for (int32_t k = 0; k < ir->output_count; k++)
        live[ir->outputs[k]] = true;
    for (int32_t n = ir->node_count - 1; n >= 0; n--) {
        numc_ir_node *node = &ir->nodes[n];
        bool used = false;
        for (int32_t k = 0; k < node->output_count; k++)
            used = used || live[node->first_output + k];
        if (!used) {
            node->primitive = NUMC_PRIMITIVE_NONE;
            for (int32_t k = 0; k < node->output_count; k++)
                ir->values[node->first_output + k].node = -1;
            continue;
        }
        for (int32_t k = 0; k < node->input_count; k++)
            live[node->inputs[k]] = true;
    }
    int32_t kept = 0;
    for (int32_t n = 0; n < ir->node_count; n++) {
        if (ir->nodes[n].primitive == NUMC_PRIMITIVE_NONE)
            continue;
        ir->nodes[kept] = ir->nodes[n];
        for (int32_t k = 0; k < ir->nodes[kept].output_count; k++)
            ir->values[ir->nodes[kept].first_output + k].node = kept;
        kept++;
    }
    ir->removed = ir->node_count - kept;
    ir->node_count = kept;
    return true;
}

/* ---- what an ir keeps for its attributes' sake ------------------------------------------------------------------------------ */

struct numc_ir_graph {
    struct numc_ir_graph *next;
    numc_graph *graph;
};

void numc__ir_own(numc_ir *ir, numc_ir *other)
{
    other->next_owned = ir->owned;
    ir->owned = other;
}

void numc__ir_own_graph(numc_ir *ir, numc_graph *graph)
{
    struct numc_ir_graph *entry = numc__arena_allocate(&ir->arena, 1, sizeof *entry);
    if (entry == NULL) {
        ir->failed = true;
        numc__graph_release(graph);
        return;
    }
    *entry = (struct numc_ir_graph){ir->owned_graphs, graph};
    ir->owned_graphs = entry;
}

/* ---- from graph to ir --------------------------------------------------------------------------------------------------------- */

static bool add_node(numc_ir *ir, const numc_node *node, const int32_t *inputs, int32_t *outputs)
{
    if (node->primitive == NUMC_PRIMITIVE_SCAN && numc__scan_split(ir, &node->attributes, inputs, outputs)) {
        for (int32_t k = 0; k < node->output_count; k++)
            tell(ir, NUMC_STAGE_INLINE, node->primitive, inputs, node->input_count, outputs[k]);
        return true;
    }
    int32_t first = numc__ir_emit(ir, node->primitive, inputs, node->input_count, &node->attributes);
    for (int32_t k = 0; k < node->output_count; k++)
        outputs[k] = first + k;
    return first >= 0;
}

/* The nodes of a graph whose inputs are map[0 .. input_count-1], appended; map gets the other values. A function with a
 * derivative of its own is written out here. */
static bool add_graph(numc_ir *ir, const numc_graph *graph, int32_t *map)
{
    for (int32_t v = graph->input_count; v < graph->value_count; v++)
        if (graph->values[v].constant != NULL && (map[v] = numc__ir_constant(ir, graph->values[v].constant)) < 0)
            return false;
    for (int32_t n = 0; n < graph->node_count; n++) {
        const numc_node *node = &graph->nodes[n];
        const numc_graph *inner = node->primitive == NUMC_PRIMITIVE_CUSTOM ? node->attributes.graphs[0] : NULL;
        int32_t small[16];
        size_t room = inner != NULL ? (size_t)inner->value_count : (size_t)node->input_count;
        int32_t *inputs = room <= 16 ? small : numc__arena_allocate(&ir->arena, room, sizeof *inputs);
        if (inputs == NULL)
            return false;
        for (int32_t k = 0; k < node->input_count; k++)
            inputs[k] = map[node->inputs[k]];
        if (inner == NULL) {
            if (!add_node(ir, node, inputs, &map[node->first_output]))
                return false;
            continue;
        }
        if (!add_graph(ir, inner, inputs))
            return false;
        for (int32_t k = 0; k < node->output_count; k++) {
            map[node->first_output + k] = inputs[inner->outputs[k]];
            tell(ir, NUMC_STAGE_INLINE, node->primitive, inputs, node->input_count, inputs[inner->outputs[k]]);
        }
    }
    return true;
}

/* Heads what is told of this ir. */
static void tell_graph(numc_context *context)
{
    if (context->dump == NULL)
        return;
    context->dump->graphs++;
    for (numc_stage stage = NUMC_STAGE_INLINE; stage <= NUMC_STAGE_DEAD; stage++)
        numc__text_add(numc__dump_text(context, stage), "graph %d\n", (int)context->dump->graphs);
}

bool numc__stage_pairs(numc_context *context, void *subject)
{
    numc_ir *ir = subject;
    numc_graph *given = (numc_graph *)(uintptr_t)ir->graph, *pairs = numc__graph_pairs(context, given);
    if (pairs == NULL)
        return false;
    ir->paired = pairs != given;
    ir->graph = pairs;
    numc__graph_release(given);
    return true;
}

/* Functions with derivatives of their own are written out, and scans taken apart; what is appended is folded, simplified, shared. */
bool numc__stage_inline(numc_context *context, void *subject)
{
    numc_ir *ir = subject;
    const numc_graph *graph = ir->graph;
    const bool *data = ir->data;
    tell_graph(context);
    int32_t *map = numc__arena_allocate(&ir->arena, (size_t)graph->value_count, sizeof *map);
    ir->inputs = numc__arena_allocate(&ir->arena, (size_t)graph->input_count, sizeof *ir->inputs);
    ir->outputs = numc__arena_allocate(&ir->arena, (size_t)graph->output_count, sizeof *ir->outputs);
    if (map == NULL || ir->inputs == NULL || ir->outputs == NULL)
        return false;
    ir->input_count = graph->input_count;
    ir->output_count = graph->output_count;
    for (int32_t v = 0; v < graph->value_count; v++)
        map[v] = -1;
    for (int32_t v = 0; v < graph->input_count; v++) {
        map[v] = value_append(ir, &graph->values[v].type);
        if (map[v] < 0)
            return false;
        ir->values[map[v]].input = v;
        ir->values[map[v]].data = data != NULL && data[v];
        ir->inputs[v] = map[v];
    }
    if (!add_graph(ir, graph, map))
        return false;
    /* An output of its own for each result that is not computed here, or is asked for twice: later steps may then write it. */
    for (int32_t k = 0; k < graph->output_count; k++) {
        int32_t v = map[graph->outputs[k]];
        bool own = ir->values[v].node >= 0;
        for (int32_t j = 0; j < k; j++)
            own = own && ir->outputs[j] != v;
        if (!own && (v = written_out(ir, v)) < 0)
            return false;
        ir->outputs[k] = v;
    }
    return !ir->failed;
}

numc_ir *numc__ir_new(numc_context *context, numc_graph *graph, const bool *data)
{
    numc_ir *ir = numc__allocate_zero(context, 1, sizeof *ir);
    if (ir == NULL)
        return NULL;
    ir->context = context;
    numc__arena_begin(&ir->arena, context);
    ir->graph = numc__graph_keep(graph);
    ir->data = data;
    if (!numc__stages_run(context, NUMC_LEVEL_IR, ir)) {
        numc__ir_free(ir);
        return NULL;
    }
    ir->data = NULL;
    return ir;
}

void numc__ir_free(numc_ir *ir)
{
    if (ir == NULL)
        return;
    numc_core *core = ir->arena.core;
    for (int32_t v = 0; v < ir->value_count; v++)
        if (ir->values[v].constant != NULL)
            numc_release(ir->values[v].constant);
    for (struct numc_ir_graph *entry = ir->owned_graphs; entry != NULL; entry = entry->next)
        numc__graph_release(entry->graph);
    while (ir->owned != NULL) {
        numc_ir *other = ir->owned;
        ir->owned = other->next_owned;
        numc__ir_free(other);
    }
    if (ir->graph != NULL)
        numc__graph_release((numc_graph *)(uintptr_t)ir->graph);
    numc__arena_free(&ir->arena);
    numc__core_free(core, ir, sizeof *ir);
}
