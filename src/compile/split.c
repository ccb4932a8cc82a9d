/* split.c - takes apart a scan of scalar code: what does not wait for the recurrence is computed on whole vectors.
 *
 * In the body, a carry that only takes sums (c' = c + x or c - x, read by nothing else) is a reduction over the steps; one that
 * stays as it is (c' = c) is an operand. The others recur. An application that does not depend on recurring carries goes before
 * the scan, one that depends on them but on which they do not depend goes after it, both as elementwise applications to vectors
 * with one element per step; what neither varies stands outside as it is. Left in the scan is the recurrence itself, which
 * stacks what the later part reads. Sums are then taken in the order of reductions, not of steps. */
#include <string.h>

#include "compile/lower.h"

typedef enum kind {
    KIND_UNIFORM, /* the same at every step */
    KIND_VARYING, /* known before the scan, one element per step */
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
    int32_t *same; /* the value whose one element it is */
    uint8_t *kinds;
    bool *recurs;  /* of CARRIED: a recurring carry depends on it, or it is one */
    bool *enters;  /* of VARYING: read by the recurrence */
    bool *stacks;  /* of recurring ones: read after the scan */
    bool *used;    /* of UNIFORM: read by the recurrence */
    int32_t *uses;
    int32_t *outer;   /* UNIFORM: the outer value, of the body value's type; -1: not made yet */
    int32_t *vectors; /* the outer value with one element per step; -1: not made yet */
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

/* A look at one element, or a copy of it. */
static bool is_alias(const numc_ir *body, const numc_ir_node *node)
{
    int32_t v = node->first_output;
    if (node->input_count != 1 || size_of(body, v) != 1 || size_of(body, node->inputs[0]) != 1)
        return false;
    return is_look(node->primitive) || (node->primitive == NUMC_SCALAR_CONVERT &&
                                        body->values[v].type.dtype == body->values[node->inputs[0]].type.dtype);
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
        s->kinds[node->first_output] = most;
    }
    for (int32_t k = 0; k < s->carries; k++)
        if (recurring(s, k))
            s->recurs[body->inputs[k]] = s->recurs[s->same[body->outputs[k]]] = true;
    for (int32_t n = body->node_count - 1; n >= 0; n--) {
        const numc_ir_node *node = &body->nodes[n];
        if (is_alias(body, node) || !s->recurs[node->first_output] || s->kinds[node->first_output] != KIND_CARRIED)
            continue;
        for (int32_t k = 0; k < node->input_count; k++)
            s->recurs[s->same[node->inputs[k]]] = true;
    }
}

static void read_after(split *s, int32_t value)
{
    value = s->same[value];
    if (s->kinds[value] == KIND_CARRIED && s->recurs[value])
        s->stacks[value] = true;
}

/* What crosses between the parts; true when the scan becomes shorter by it. */
static bool find_crossings(split *s)
{
    const numc_ir *body = s->body;
    int32_t before = s->sequences + body->output_count - s->carries, after = 0, recurrences = 0;
    for (int32_t n = 0; n < body->node_count; n++) {
        const numc_ir_node *node = &body->nodes[n];
        int32_t v = node->first_output;
        if (is_alias(body, node))
            continue;
        before++;
        if (s->kinds[v] == KIND_CARRIED && s->recurs[v]) {
            after++;
            continue;
        }
        for (int32_t k = 0; k < node->input_count; k++)
            read_after(s, node->inputs[k]);
    }
    for (int32_t k = s->carries; k < body->output_count; k++)
        read_after(s, body->outputs[k]);
    for (int32_t k = 0; k < s->carries; k++)
        recurrences += recurring(s, k);
    for (int32_t v = 0; v < body->value_count; v++) {
        s->enters[v] = s->recurs[v] && s->kinds[v] == KIND_VARYING;
        s->used[v] = s->recurs[v] && s->kinds[v] == KIND_UNIFORM;
        after += s->enters[v] + s->stacks[v];
    }
    return recurrences == 0 || after < before;
}

/* ---- outside the scan ---------------------------------------------------------------------------------------------------------- */

static const int64_t no_shape[1] = {0};

static int32_t reshaped(split *s, int32_t value, int32_t rank, const int64_t *shape)
{
    return value < 0 ? -1 : numc__ir_shaped(s->ir, NUMC_PRIMITIVE_RESHAPE, value, rank, shape);
}

/* A uniform body value outside, with its own type. */
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
    return s->outer[v] = operands == NULL ? -1 : numc__ir_emit(s->ir, node->primitive, operands, node->input_count, node->attributes);
}

static int32_t outside_scalar(split *s, int32_t v)
{
    return reshaped(s, outside(s, v), 0, no_shape);
}

/* One element of the body value per step. */
static int32_t vector(split *s, int32_t v)
{
    const numc_ir *body = s->body;
    const int64_t steps[1] = {s->length};
    v = s->same[v];
    if (s->vectors[v] >= 0 || s->ir->failed)
        return s->vectors[v];
    const numc_ir_value *value = &body->values[v];
    if (s->kinds[v] == KIND_UNIFORM) {
        int32_t scalar = outside_scalar(s, v);
        return s->vectors[v] = scalar < 0 ? -1 : numc__ir_shaped(s->ir, NUMC_PRIMITIVE_BROADCAST, scalar, 1, steps);
    }
    if (value->input >= 0) /* a sequence: recurring carries have their vectors from the scan */
        return s->vectors[v] = reshaped(s, s->inputs[value->input], 1, steps);
    const numc_ir_node *node = &body->nodes[value->node];
    int32_t operands[4];
    for (int32_t k = 0; k < node->input_count; k++)
        operands[k] = node->primitive == NUMC_PRIMITIVE_GATHER && k == 0 ? outside(s, node->inputs[0]) : vector(s, node->inputs[k]);
    int32_t result = s->ir->failed ? -1 : numc__ir_emit(s->ir, node->primitive, operands, node->input_count, node->attributes);
    return s->vectors[v] = node->primitive == NUMC_PRIMITIVE_GATHER ? reshaped(s, result, 1, steps) : result;
}

/* ---- the recurrence ------------------------------------------------------------------------------------------------------------- */

static numc_array *operand_of(split *s, int32_t v, bool whole)
{
    if (!whole)
        v = s->same[v];
    const unsigned char *bytes = numc__ir_immediate(s->body, v);
    if (s->traced[v] == NULL && bytes != NULL && !whole)
        return numc__array_new_immediate(s->ir->context, s->body->values[v].type.dtype, 0, NULL, bytes);
    return s->traced[v];
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
        s->traced[v] = numc__trace_input(trace, &(numc_type){body->values[v].type.dtype, 0, NULL}, NULL);
        operands[count++] = reshaped(s, s->inputs[k], 0, no_shape);
    }
    *carries = count;
    for (int32_t v = 0; v < body->value_count; v++) {
        if (!s->enters[v])
            continue;
        s->traced[v] = numc__trace_input(trace, &(numc_type){body->values[v].type.dtype, 0, NULL}, NULL);
        operands[count++] = vector(s, v);
    }
    *sequences = count - *carries;
    for (int32_t v = 0; v < body->value_count; v++) {
        if (!s->used[v] || numc__ir_immediate(body, v) != NULL)
            continue;
        bool one = size_of(body, v) == 1; /* else what a gather reads */
        const numc_type *type = &body->values[v].type;
        s->traced[v] = numc__trace_input(trace, one ? &(numc_type){type->dtype, 0, NULL} : type, NULL);
        operands[count++] = one ? outside_scalar(s, v) : outside(s, v);
    }
    return count;
}

static void trace_node(split *s, const numc_ir_node *node)
{
    numc_context *context = s->ir->context;
    const numc_array *operands[4];
    bool gather = node->primitive == NUMC_PRIMITIVE_GATHER;
    for (int32_t k = 0; k < node->input_count; k++)
        operands[k] = operand_of(s, node->inputs[k], gather && k == 0);
    if (gather && numc_array_rank(operands[0]) == 0) { /* of one element: the index can only be 0 */
        s->traced[node->first_output] = (numc_array *)(uintptr_t)operands[0];
        return;
    }
    numc_array *result = numc__bind1(context, node->primitive, operands, node->input_count, node->attributes);
    s->traced[node->first_output] = gather ? numc_reshape(result, NUMC_SCALAR) : result;
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
        if (!is_alias(body, node) && s->kinds[node->first_output] == KIND_CARRIED && s->recurs[node->first_output])
            trace_node(s, node);
    }
    int32_t count = 0;
    for (int32_t k = 0; k < s->carries; k++)
        if (recurring(s, k))
            outputs[count++] = operand_of(s, body->outputs[k], false);
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
            s->vectors[v] = first++;
}

/* ---- results ---------------------------------------------------------------------------------------------------------------------- */

/* init + sum of x, or init - sum of x */
static int32_t summed(split *s, int32_t carry, int32_t x)
{
    const numc_ir *body = s->body;
    const numc_ir_node *node = &body->nodes[body->values[s->same[body->outputs[carry]]].node];
    numc_attributes *attributes = allocate(s, 1, sizeof *attributes);
    int64_t *axis = allocate(s, 1, sizeof *axis);
    int32_t terms = vector(s, x), operands[2];
    if (s->ir->failed)
        return -1;
    *attributes = (numc_attributes){.count = 1, .numbers = axis};
    operands[0] = reshaped(s, s->inputs[carry], 0, no_shape);
    operands[1] = numc__ir_emit(s->ir, NUMC_PRIMITIVE_REDUCE_SUM, &terms, 1, attributes);
    return s->ir->failed ? -1 : numc__ir_emit(s->ir, node->primitive, operands, 2, NULL);
}

static void results(split *s, const int32_t *finals, int32_t *outputs)
{
    const numc_ir *body = s->body;
    for (int32_t k = 0; k < body->output_count && !s->ir->failed; k++) {
        const numc_type *type = &body->values[body->outputs[k]].type;
        if (k >= s->carries) {
            int64_t shape[NUMC_RANK_LIMIT + 1] = {s->length};
            if (type->rank > 0)
                memcpy(shape + 1, type->shape, (size_t)type->rank * sizeof *shape);
            outputs[k] = reshaped(s, vector(s, body->outputs[k]), type->rank + 1, shape);
            continue;
        }
        int32_t value = stays(s, k) ? s->inputs[k] : recurring(s, k) ? finals[k] : summed(s, k, summand(s, k));
        outputs[k] = reshaped(s, value, type->rank, type->rank > 0 ? type->shape : no_shape);
    }
}

bool numc__scan_split(numc_ir *ir, const numc_attributes *attributes, const int32_t *inputs, int32_t *outputs)
{
    enum { LEAST_LENGTH = 4 };
    const int64_t *numbers = attributes->numbers;
    if (ir->failed || numbers[2] < LEAST_LENGTH)
        return false;
    numc_ir *body = numc__ir_new(ir->context, attributes->graphs[0], NULL);
    if (body == NULL) {
        ir->failed = true;
        return false;
    }
    numc__ir_own(ir, body); /* its attributes are used on */
    if (!numc__scan_is_scalar(body, attributes))
        return false;
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
    s.vectors = allocate(&s, values, sizeof *s.vectors);
    s.traced = allocate(&s, values, sizeof *s.traced);
    int32_t *finals = allocate(&s, (size_t)s.carries, sizeof *finals);
    if (ir->failed)
        return false;
    memset(s.outer, -1, values * sizeof *s.outer);
    memset(s.vectors, -1, values * sizeof *s.vectors);
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
