/* split.c - takes a scan apart: what does not wait for the recurrence is computed for all steps at once.
 *
 * In the body, a carry that only takes sums (c' = c + x or c - x, read by nothing else) is a reduction over the steps; one that
 * stays as it is (c' = c) is an operand. The others recur. An application that does not depend on recurring carries goes before
 * the scan, one that depends on them but on which they do not depend goes after it, both batched: with the steps as a first
 * axis. What does not vary stands outside as it is. Left in the scan is the recurrence itself, which stacks what the later part
 * reads. Sums are then taken in the order of reductions, not of steps. */
#include <string.h>

#include "compile/lower.h"

typedef enum kind {
    KIND_UNIFORM, /* the same at every step */
    KIND_VARYING, /* known before the scan, another at each step */
    KIND_CARRIED, /* depends on a recurring carry */
    KIND_SUM      /* a carry that takes sums, or such a sum: has no value at a step */
} kind;

typedef struct split {
    numc_ir *ir;
    const numc_ir *body;
    const int32_t *inputs; /* outer values */
    int32_t carries, sequences;
    int64_t length;
    bool reverse;
    /* per body value */
    int32_t *same; /* the value whose elements it has */
    uint8_t *kinds;
    bool *recurs;  /* of CARRIED: a recurring carry depends on it, or it is one */
    bool *enters;  /* of VARYING: read by the recurrence */
    bool *stacks;  /* of recurring ones: read after the scan */
    bool *used;    /* of UNIFORM: read by the recurrence */
    int32_t *uses;
    int32_t *outer;   /* UNIFORM: the outer value, of the body value's type; -1: not made yet */
    int32_t *batches; /* the outer value with a first axis of steps; -1: not made yet */
    numc_array **traced; /* in the graph of the recurrence */
} split;

static void *allocate(split *s, size_t count, size_t size)
{
    void *memory = s->ir->failed ? NULL : numc__arena_allocate(&s->ir->arena, count, size);
    s->ir->failed = s->ir->failed || memory == NULL;
    return memory;
}

static int64_t size_of(const numc_ir *ir, int32_t value)
{
    return numc__type_size(&ir->values[value].type);
}

/* ---- which value is what ---------------------------------------------------------------------------------------------------- */

static bool is_look(int32_t primitive)
{
    return primitive == NUMC_PRIMITIVE_BROADCAST || primitive == NUMC_PRIMITIVE_RESHAPE || primitive == NUMC_PRIMITIVE_PERMUTE ||
           primitive == NUMC_PRIMITIVE_SLICE || primitive == NUMC_PRIMITIVE_FLIP;
}

/* A copy, or another look at one element. */
static bool is_alias(const numc_ir *body, const numc_ir_node *node)
{
    int32_t v = node->first_output;
    if (node->input_count != 1)
        return false;
    if (node->primitive == NUMC_SCALAR_CONVERT)
        return body->values[v].type.dtype == body->values[node->inputs[0]].type.dtype;
    return is_look(node->primitive) && size_of(body, v) == 1 && size_of(body, node->inputs[0]) == 1;
}

static void find_aliases(split *s)
{
    const numc_ir *body = s->body;
    for (int32_t v = 0; v < body->value_count; v++)
        s->same[v] = v;
    for (int32_t n = 0; n < body->node_count; n++) {
        const numc_ir_node *node = &body->nodes[n];
        if (is_alias(body, node)) {
            s->same[node->first_output] = s->same[node->inputs[0]];
            continue;
        }
        for (int32_t k = 0; k < node->input_count; k++)
            s->uses[s->same[node->inputs[k]]]++;
    }
    for (int32_t k = 0; k < body->output_count; k++)
        s->uses[s->same[body->outputs[k]]]++;
}

/* c' = c + x, x + c or c - x; returns x, or -1. */
static int32_t summand(const split *s, int32_t carry)
{
    const numc_ir *body = s->body;
    int32_t c = body->inputs[carry], out = s->same[body->outputs[carry]], n = body->values[out].node;
    if (n < 0 || s->uses[c] != 1 || s->uses[out] != 1)
        return -1;
    const numc_ir_node *node = &body->nodes[n];
    if ((node->primitive == NUMC_SCALAR_ADD || node->primitive == NUMC_SCALAR_SUBTRACT) && s->same[node->inputs[0]] == c)
        return s->same[node->inputs[1]];
    if (node->primitive == NUMC_SCALAR_ADD && s->same[node->inputs[1]] == c)
        return s->same[node->inputs[0]];
    return -1;
}

static bool stays(const split *s, int32_t carry)
{
    return s->same[s->body->outputs[carry]] == s->body->inputs[carry];
}

static bool recurring(const split *s, int32_t carry)
{
    return s->kinds[s->body->inputs[carry]] == KIND_CARRIED;
}

/* Part of the recurrence: it needs a recurring carry, and one needs it. */
static bool stays_inside(const split *s, const numc_ir_node *node)
{
    bool recurs = false;
    for (int32_t k = 0; k < node->output_count; k++)
        recurs = recurs || s->recurs[node->first_output + k];
    return recurs && s->kinds[node->first_output] == KIND_CARRIED;
}

/* A look at what is known before the scan, for the recurrence: it stands inside, where it costs nothing, and what it looks at is
 * what enters: a number for each step, not the same number four times. */
static bool looks_inside(const split *s, const numc_ir_node *node)
{
    int32_t v = node->first_output;
    return is_look(node->primitive) && s->kinds[v] == KIND_VARYING && s->recurs[v] &&
           size_of(s->body, node->inputs[0]) <= size_of(s->body, v);
}

static void find_kinds(split *s)
{
    const numc_ir *body = s->body;
    for (int32_t k = 0; k < body->input_count; k++)
        s->kinds[body->inputs[k]] = k >= s->carries + s->sequences ? KIND_UNIFORM
                                    : k >= s->carries              ? KIND_VARYING
                                    : stays(s, k)                  ? KIND_UNIFORM
                                    : summand(s, k) >= 0           ? KIND_SUM
                                                                   : KIND_CARRIED;
    for (int32_t n = 0; n < body->node_count; n++) {
        const numc_ir_node *node = &body->nodes[n];
        uint8_t most = KIND_UNIFORM;
        for (int32_t k = 0; k < node->input_count; k++)
            if (s->kinds[node->inputs[k]] > most)
                most = s->kinds[node->inputs[k]];
        for (int32_t k = 0; k < node->output_count; k++)
            s->kinds[node->first_output + k] = most;
    }
    for (int32_t k = 0; k < s->carries; k++)
        if (recurring(s, k))
            s->recurs[body->inputs[k]] = s->recurs[s->same[body->outputs[k]]] = true;
    for (int32_t n = body->node_count - 1; n >= 0; n--) {
        const numc_ir_node *node = &body->nodes[n];
        if (is_alias(body, node) || !(stays_inside(s, node) || looks_inside(s, node)))
            continue;
        for (int32_t k = 0; k < node->input_count; k++)
            s->recurs[s->same[node->inputs[k]]] = true;
        for (int32_t k = 0; k < node->output_count; k++) /* its other results are made there too */
            s->recurs[node->first_output + k] = true;
    }
}

static void read_after(split *s, int32_t value)
{
    value = s->same[value];
    if (s->kinds[value] == KIND_CARRIED && s->recurs[value])
        s->stacks[value] = true;
}

/* Whether the application can be made for all steps at once, in memory of a sensible size. */
static bool can_batch(const split *s, const numc_ir_node *node)
{
    enum { MOST_ELEMENTS = 1 << 20, MOST_RANK = 30 };
    const numc_ir_value *value = &s->body->values[node->first_output];
    if (numc__type_size(&value->type) > MOST_ELEMENTS / s->length || value->type.rank > MOST_RANK)
        return false;
    if (numc__primitive_is_scalar(node->primitive) || is_look(node->primitive))
        return true;
    switch (node->primitive) {
    case NUMC_PRIMITIVE_PAD:
        return s->kinds[node->inputs[1]] == KIND_UNIFORM;
    case NUMC_PRIMITIVE_GATHER:
        return s->kinds[node->inputs[0]] == KIND_UNIFORM || s->kinds[node->inputs[1]] == KIND_UNIFORM;
    case NUMC_PRIMITIVE_CONCAT:
    case NUMC_PRIMITIVE_REDUCE_SUM:
    case NUMC_PRIMITIVE_REDUCE_PROD:
    case NUMC_PRIMITIVE_REDUCE_MAX:
    case NUMC_PRIMITIVE_REDUCE_MIN:
    case NUMC_PRIMITIVE_REDUCE_ANY:
    case NUMC_PRIMITIVE_REDUCE_ALL:
    case NUMC_PRIMITIVE_ARGMAX:
    case NUMC_PRIMITIVE_ARGMIN:
    case NUMC_PRIMITIVE_CUMULATIVE_SUM:
    case NUMC_PRIMITIVE_CUMULATIVE_PROD:
    case NUMC_PRIMITIVE_CUMULATIVE_MAX:
    case NUMC_PRIMITIVE_MATMUL:
    case NUMC_PRIMITIVE_CHOLESKY:
    case NUMC_PRIMITIVE_CHOLESKY_INVERSE:
    case NUMC_PRIMITIVE_TRIANGULAR_SOLVE:
        return true;
    default:
        return false;
    }
}

/* What crosses between the parts; true when the scan can be taken apart and becomes shorter by it. Looks cost nothing. */
static bool find_crossings(split *s)
{
    const numc_ir *body = s->body;
    int32_t before = s->sequences + body->output_count - s->carries, after = 0, recurrences = 0;
    for (int32_t n = 0; n < body->node_count; n++) {
        const numc_ir_node *node = &body->nodes[n];
        if (is_alias(body, node))
            continue;
        before += !is_look(node->primitive);
        if (stays_inside(s, node)) {
            after += !is_look(node->primitive);
            continue;
        }
        uint8_t how = s->kinds[node->first_output];
        if ((how == KIND_VARYING || how == KIND_CARRIED) && !can_batch(s, node))
            return false;
        for (int32_t k = 0; k < node->input_count; k++)
            read_after(s, node->inputs[k]);
    }
    for (int32_t k = s->carries; k < body->output_count; k++)
        read_after(s, body->outputs[k]);
    for (int32_t k = 0; k < s->carries; k++)
        recurrences += recurring(s, k);
    for (int32_t v = 0; v < body->value_count; v++) {
        int32_t n = body->values[v].node;
        s->enters[v] = s->recurs[v] && s->kinds[v] == KIND_VARYING && (n < 0 || !looks_inside(s, &body->nodes[n]));
        s->used[v] = s->recurs[v] && s->kinds[v] == KIND_UNIFORM;
        after += s->enters[v] + s->stacks[v];
    }
    return recurrences == 0 || after < before;
}

/* ---- outside the scan ---------------------------------------------------------------------------------------------------------- */

static int32_t shaped(split *s, int32_t primitive, int32_t value, int32_t rank, const int64_t *shape)
{
    static const int64_t none[1] = {0};
    return value < 0 || s->ir->failed ? -1 : numc__ir_shaped(s->ir, primitive, value, rank, rank > 0 ? shape : none);
}

/* A uniform body value outside. */
static int32_t outside(split *s, int32_t v)
{
    const numc_ir *body = s->body;
    if (s->outer[v] >= 0 || s->ir->failed)
        return s->outer[v];
    const numc_ir_value *value = &body->values[v];
    if (value->constant != NULL)
        return s->outer[v] = numc__ir_constant(s->ir, value->constant);
    if (value->input >= 0)
        return s->outer[v] = s->inputs[value->input];
    const numc_ir_node *node = &body->nodes[value->node];
    int32_t *operands = allocate(s, (size_t)node->input_count, sizeof *operands);
    for (int32_t k = 0; operands != NULL && k < node->input_count; k++)
        operands[k] = outside(s, node->inputs[k]);
    int32_t first = s->ir->failed ? -1 : numc__ir_emit(s->ir, node->primitive, operands, node->input_count, node->attributes);
    for (int32_t k = 0; k < node->output_count; k++)
        s->outer[node->first_output + k] = first < 0 ? -1 : first + k;
    return s->outer[v];
}

/* (steps, shape of the body value...) */
static int32_t batch_shape(const split *s, int32_t v, int64_t *shape)
{
    const numc_type *type = &s->body->values[v].type;
    shape[0] = s->length;
    if (type->rank > 0)
        memcpy(shape + 1, type->shape, (size_t)type->rank * sizeof *shape);
    return type->rank + 1;
}

static int32_t batched(split *s, int32_t v);

static const numc_attributes *numbers_of(split *s, const int64_t *numbers, int32_t count)
{
    numc_attributes *attributes = allocate(s, 1, sizeof *attributes);
    int64_t *copy = allocate(s, (size_t)count, sizeof *copy);
    if (s->ir->failed)
        return NULL;
    memcpy(copy, numbers, (size_t)count * sizeof *copy);
    *attributes = (numc_attributes){.count = count, .numbers = copy};
    return attributes;
}

/* The numbers of an application with one more axis in front of the others. */
static const numc_attributes *batch_numbers(split *s, const numc_ir_node *node)
{
    const numc_attributes *given = node->attributes;
    int64_t numbers[4 * NUMC_RANK_LIMIT];
    int32_t rank = s->body->values[node->inputs[0]].type.rank, count = 0;
    switch (node->primitive) {
    case NUMC_PRIMITIVE_PERMUTE:
        numbers[count++] = 0;
        for (int32_t k = 0; k < given->count; k++)
            numbers[count++] = given->numbers[k] + 1;
        break;
    case NUMC_PRIMITIVE_FLIP:
        numbers[count++] = 0;
        for (int32_t k = 0; k < given->count; k++)
            numbers[count++] = given->numbers[k];
        break;
    case NUMC_PRIMITIVE_SLICE: /* start, count, step */
    case NUMC_PRIMITIVE_PAD:   /* low, interior, high */
        for (int32_t part = 0; part < 3; part++) {
            numbers[count++] = node->primitive == NUMC_PRIMITIVE_PAD || part == 0 ? 0 : part == 1 ? s->length : 1;
            for (int32_t d = 0; d < rank; d++)
                numbers[count++] = given->numbers[part * rank + d];
        }
        break;
    case NUMC_PRIMITIVE_CUMULATIVE_SUM:
    case NUMC_PRIMITIVE_CUMULATIVE_PROD:
    case NUMC_PRIMITIVE_CUMULATIVE_MAX: /* axis, reverse */
        numbers[count++] = given->numbers[0] + 1;
        numbers[count++] = given->numbers[1];
        break;
    case NUMC_PRIMITIVE_CONCAT:
    case NUMC_PRIMITIVE_GATHER:
    case NUMC_PRIMITIVE_REDUCE_SUM:
    case NUMC_PRIMITIVE_REDUCE_PROD:
    case NUMC_PRIMITIVE_REDUCE_MAX:
    case NUMC_PRIMITIVE_REDUCE_MIN:
    case NUMC_PRIMITIVE_REDUCE_ANY:
    case NUMC_PRIMITIVE_REDUCE_ALL:
    case NUMC_PRIMITIVE_ARGMAX:
    case NUMC_PRIMITIVE_ARGMIN: /* axes */
        for (int32_t k = 0; k < given->count; k++)
            numbers[count++] = given->numbers[k] + 1;
        break;
    default: /* nothing about axes */
        return given;
    }
    return numbers_of(s, numbers, count);
}

/* x[.., indices[t], ..] for a uniform x: the axes of the indices, steps first, stand where the axis was. */
static int32_t batch_gather(split *s, const numc_ir_node *node)
{
    int32_t operands[2] = {outside(s, node->inputs[0]), batched(s, node->inputs[1])};
    int64_t axis = node->attributes->numbers[0], axes[NUMC_RANK_LIMIT];
    int32_t rank = s->body->values[node->first_output].type.rank + 1, count = 0;
    int32_t result = s->ir->failed ? -1 : numc__ir_emit(s->ir, NUMC_PRIMITIVE_GATHER, operands, 2, node->attributes);
    axes[count++] = axis;
    for (int32_t d = 0; d < rank; d++)
        if (d != axis)
            axes[count++] = d;
    const numc_attributes *permute = result < 0 ? NULL : numbers_of(s, axes, rank);
    return permute == NULL ? -1 : numc__ir_emit(s->ir, NUMC_PRIMITIVE_PERMUTE, &result, 1, permute);
}

static int32_t batch_node(split *s, const numc_ir_node *node)
{
    const numc_ir *body = s->body;
    int64_t shape[NUMC_RANK_LIMIT + 1];
    int32_t rank = batch_shape(s, node->first_output, shape), x = node->inputs[0];
    if (node->primitive == NUMC_PRIMITIVE_RESHAPE)
        return shaped(s, NUMC_PRIMITIVE_RESHAPE, batched(s, x), rank, shape);
    if (node->primitive == NUMC_PRIMITIVE_BROADCAST) { /* axes of one between the steps and the operand's axes */
        const numc_type *type = &body->values[x].type;
        int64_t between[NUMC_RANK_LIMIT + 1] = {s->length};
        for (int32_t d = 1; d < rank; d++)
            between[d] = d < rank - type->rank ? 1 : type->shape[d - (rank - type->rank)];
        return shaped(s, NUMC_PRIMITIVE_BROADCAST, shaped(s, NUMC_PRIMITIVE_RESHAPE, batched(s, x), rank, between), rank, shape);
    }
    if (node->primitive == NUMC_PRIMITIVE_GATHER && s->kinds[x] == KIND_UNIFORM)
        return batch_gather(s, node);
    const numc_attributes *attributes = batch_numbers(s, node);
    int32_t *operands = allocate(s, (size_t)node->input_count, sizeof *operands);
    for (int32_t k = 0; operands != NULL && k < node->input_count; k++) {
        bool whole = k == 1 && (node->primitive == NUMC_PRIMITIVE_PAD || node->primitive == NUMC_PRIMITIVE_GATHER);
        operands[k] = whole ? outside(s, node->inputs[k]) : batched(s, node->inputs[k]);
    }
    return s->ir->failed ? -1 : numc__ir_emit(s->ir, node->primitive, operands, node->input_count, attributes);
}

/* The body value for all steps. */
static int32_t batched(split *s, int32_t v)
{
    const numc_ir *body = s->body;
    int64_t shape[NUMC_RANK_LIMIT + 1];
    if (s->batches[v] >= 0 || s->ir->failed)
        return s->batches[v];
    const numc_ir_value *value = &body->values[v];
    int32_t rank = batch_shape(s, v, shape), result;
    if (s->same[v] != v)
        result = shaped(s, NUMC_PRIMITIVE_RESHAPE, batched(s, s->same[v]), rank, shape);
    else if (s->kinds[v] == KIND_UNIFORM)
        result = shaped(s, NUMC_PRIMITIVE_BROADCAST, outside(s, v), rank, shape);
    else if (value->input >= 0) /* a sequence: recurring values have their batches from the scan */
        result = s->inputs[value->input];
    else
        result = batch_node(s, &body->nodes[value->node]);
    return s->batches[v] = result;
}

/* ---- the recurrence ------------------------------------------------------------------------------------------------------------- */

/* A body value in the trace, with its own shape. */
static numc_array *operand_of(split *s, int32_t v)
{
    const numc_type *type = &s->body->values[v].type;
    int32_t same = s->same[v];
    const unsigned char *bytes = numc__ir_immediate(s->body, same);
    if (bytes != NULL)
        return numc__array_new_immediate(s->ir->context, type->dtype, type->rank, type->shape, bytes);
    numc_array *x = s->traced[same];
    return numc__type_same_shape(type, &s->body->values[same].type) ? x : numc_reshape(x, (numc_shape){type->shape, type->rank, true});
}

/* The operands of the new scan, in the order of the graph's inputs; returns their number. */
static int32_t trace_inputs(split *s, numc_trace *trace, int32_t *operands, int32_t *carries, int32_t *sequences)
{
    const numc_ir *body = s->body;
    int32_t count = 0;
    for (int32_t k = 0; k < s->carries; k++) {
        int32_t v = body->inputs[k];
        if (!recurring(s, k))
            continue;
        s->traced[v] = numc__trace_input(trace, &body->values[v].type, NULL);
        operands[count++] = s->inputs[k];
    }
    *carries = count;
    for (int32_t v = 0; v < body->value_count; v++) {
        if (!s->enters[v])
            continue;
        s->traced[v] = numc__trace_input(trace, &body->values[v].type, NULL);
        operands[count++] = batched(s, v);
    }
    *sequences = count - *carries;
    for (int32_t v = 0; v < body->value_count; v++) {
        if (!s->used[v] || numc__ir_immediate(body, v) != NULL)
            continue;
        s->traced[v] = numc__trace_input(trace, &body->values[v].type, NULL);
        operands[count++] = outside(s, v);
    }
    return count;
}

static void trace_node(split *s, const numc_ir_node *node)
{
    const numc_array **operands = allocate(s, (size_t)node->input_count, sizeof *operands);
    for (int32_t k = 0; operands != NULL && k < node->input_count; k++)
        operands[k] = operand_of(s, node->inputs[k]);
    if (operands != NULL)
        numc__bind(s->ir->context, node->primitive, operands, node->input_count, node->attributes, &s->traced[node->first_output],
                   node->output_count);
}

static numc_graph *trace_recurrence(split *s, int32_t *operands, int32_t *operand_count, int32_t *carries, int32_t *sequences)
{
    const numc_ir *body = s->body;
    numc_array **outputs = allocate(s, (size_t)body->value_count + (size_t)s->carries, sizeof *outputs);
    numc_trace *trace = outputs == NULL ? NULL : numc__trace_begin(s->ir->context);
    if (trace == NULL)
        return NULL;
    *operand_count = trace_inputs(s, trace, operands, carries, sequences);
    for (int32_t n = 0; n < body->node_count && numc_error_status(s->ir->context) == NUMC_OK; n++) {
        const numc_ir_node *node = &body->nodes[n];
        if (!is_alias(body, node) && (stays_inside(s, node) || looks_inside(s, node)))
            trace_node(s, node);
    }
    int32_t count = 0;
    for (int32_t k = 0; k < s->carries; k++)
        if (recurring(s, k))
            outputs[count++] = operand_of(s, body->outputs[k]);
    for (int32_t v = 0; v < body->value_count; v++)
        if (s->stacks[v])
            outputs[count++] = s->traced[v];
    if (s->ir->failed || numc_error_status(s->ir->context) != NUMC_OK) {
        numc__trace_abandon(trace);
        return NULL;
    }
    return numc__trace_finish(trace, outputs, count, NULL, NULL);
}

/* Appends the recurrence; finals: per carry its last value, or -1. */
static void emit_recurrence(split *s, int32_t *finals)
{
    const numc_ir *body = s->body;
    int32_t count = 0, carries = 0, sequences = 0;
    int32_t *operands = allocate(s, (size_t)body->value_count, sizeof *operands);
    numc_attributes *attributes = allocate(s, 1, sizeof *attributes);
    int64_t *numbers = allocate(s, 4, sizeof *numbers);
    if (s->ir->failed)
        return;
    numc_graph *graph = trace_recurrence(s, operands, &count, &carries, &sequences);
    if (graph == NULL) {
        s->ir->failed = true;
        return;
    }
    numc__ir_own_graph(s->ir, graph);
    numbers[0] = carries;
    numbers[1] = sequences;
    numbers[2] = s->length;
    numbers[3] = s->reverse;
    *attributes = (numc_attributes){.count = 4, .numbers = numbers, .graphs = {graph}};
    int32_t first = numc__ir_append(s->ir, NUMC_PRIMITIVE_SCAN, operands, count, attributes);
    if (first < 0)
        return;
    for (int32_t k = 0; k < s->carries; k++)
        if (recurring(s, k))
            finals[k] = first++;
    for (int32_t v = 0; v < body->value_count; v++)
        if (s->stacks[v])
            s->batches[v] = first++;
}

/* ---- results ---------------------------------------------------------------------------------------------------------------------- */

/* init + sum of x, or init - sum of x */
static int32_t summed(split *s, int32_t carry, int32_t x)
{
    const numc_ir *body = s->body;
    int32_t out = s->same[body->outputs[carry]], terms = batched(s, x), operands[2] = {s->inputs[carry], -1};
    const numc_type *type = &body->values[out].type;
    const numc_attributes *axis = numbers_of(s, &(int64_t){0}, 1);
    if (s->ir->failed)
        return -1;
    operands[0] = shaped(s, NUMC_PRIMITIVE_RESHAPE, operands[0], type->rank, type->shape);
    operands[1] = numc__ir_emit(s->ir, NUMC_PRIMITIVE_REDUCE_SUM, &terms, 1, axis);
    operands[1] = shaped(s, NUMC_PRIMITIVE_RESHAPE, operands[1], type->rank, type->shape);
    return s->ir->failed ? -1 : numc__ir_emit(s->ir, body->nodes[body->values[out].node].primitive, operands, 2, NULL);
}

static void results(split *s, const int32_t *finals, int32_t *outputs)
{
    const numc_ir *body = s->body;
    for (int32_t k = 0; k < body->output_count && !s->ir->failed; k++) {
        if (k >= s->carries) {
            outputs[k] = batched(s, body->outputs[k]);
            continue;
        }
        const numc_type *type = &body->values[body->outputs[k]].type;
        int32_t value = stays(s, k) ? s->inputs[k] : recurring(s, k) ? finals[k] : summed(s, k, summand(s, k));
        outputs[k] = shaped(s, NUMC_PRIMITIVE_RESHAPE, value, type->rank, type->shape);
    }
}

bool numc__scan_split(numc_ir *ir, const numc_attributes *attributes, const int32_t *inputs, int32_t *outputs)
{
    enum { LEAST_LENGTH = 4 };
    const int64_t *numbers = attributes->numbers;
    if (ir->failed || numbers[2] < LEAST_LENGTH || (attributes->count > 4 && numbers[4] != 0))
        return false;
    numc_ir *body = numc__ir_new(ir->context, attributes->graphs[0], NULL);
    if (body == NULL) {
        ir->failed = true;
        return false;
    }
    numc__ir_own(ir, body); /* its attributes are used on */
    split s = {.ir = ir, .body = body, .inputs = inputs, .carries = (int32_t)numbers[0], .sequences = (int32_t)numbers[1],
               .length = numbers[2], .reverse = numbers[3] != 0};
    size_t values = (size_t)body->value_count;
    s.same = allocate(&s, values, sizeof *s.same);
    s.kinds = allocate(&s, values, sizeof *s.kinds);
    s.recurs = allocate(&s, values, sizeof *s.recurs);
    s.enters = allocate(&s, values, sizeof *s.enters);
    s.stacks = allocate(&s, values, sizeof *s.stacks);
    s.used = allocate(&s, values, sizeof *s.used);
    s.uses = allocate(&s, values, sizeof *s.uses);
    s.outer = allocate(&s, values, sizeof *s.outer);
    s.batches = allocate(&s, values, sizeof *s.batches);
    s.traced = allocate(&s, values, sizeof *s.traced);
    int32_t *finals = allocate(&s, (size_t)s.carries, sizeof *finals);
    if (ir->failed)
        return false;
    memset(s.outer, -1, values * sizeof *s.outer);
    memset(s.batches, -1, values * sizeof *s.batches);
    find_aliases(&s);
    find_kinds(&s);
    if (!find_crossings(&s))
        return false;
    bool recurs = false;
    for (int32_t k = 0; k < s.carries; k++)
        recurs = recurs || recurring(&s, k);
    if (recurs)
        emit_recurrence(&s, finals);
    results(&s, finals, outputs);
    return !ir->failed;
}
