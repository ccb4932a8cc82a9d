/* pairs.c - traces a graph once more with its complex values as pairs of real ones, so that all passes below see real values. */
#include "compile/pairs.h"

#include <string.h>

#include "backend/complex.h"
#include "graph/build.h"

typedef struct pair {
    const numc_array *re, *im; /* im: NULL of what is not complex */
} pair;

static bool has_complex(const numc_graph *graph)
{
    for (int32_t v = 0; v < graph->value_count; v++)
        if (numc__is_complex(graph->values[v].type.dtype))
            return true;
    for (int32_t n = 0; n < graph->node_count; n++)
        for (int k = 0; numc__primitive_is_control(graph->nodes[n].primitive) && k < 2; k++)
            if (graph->nodes[n].attributes.graphs[k] != NULL && has_complex(graph->nodes[n].attributes.graphs[k]))
                return true;
    return false;
}

/* ---- elementwise: the builder of backend/complex.h --------------------------------------------------------------- */

enum { TRACED_VALUES = NUMC_EXPANSION_OPERATIONS + 16 };

typedef struct trace_builder {
    numc_expansion base;
    numc_context *context;
    int32_t rank;
    const int64_t *shape;
    int32_t count;
    const numc_array *values[TRACED_VALUES];
} trace_builder;

static int32_t keep_value(trace_builder *b, const numc_array *x)
{
    if (b->count == TRACED_VALUES) {
        numc__fail(b->context, NUMC_INTERNAL, "compile: the expansion of a complex operation is too long");
        return 0;
    }
    b->values[b->count] = x;
    return b->count++;
}

static int32_t traced_apply(numc_expansion *builder, uint32_t operation, numc_dtype dtype, int32_t count, const int32_t *operands)
{
    trace_builder *b = (trace_builder *)builder;
    const numc_array *inputs[4];
    (void)dtype; /* the operands have it */
    for (int32_t i = 0; i < count; i++)
        inputs[i] = b->values[operands[i]];
    return keep_value(b, b->context->status != NUMC_OK ? NULL : numc__bind1(b->context, (int32_t)operation, inputs, count, NULL));
}

static int32_t traced_constant(numc_expansion *builder, double value)
{
    trace_builder *b = (trace_builder *)builder;
    unsigned char bytes[16] = {0};
    numc__value_convert(b->base.part, bytes, NUMC_FLOAT64, &value);
    return keep_value(b, numc__array_new_immediate(b->context, b->base.part, b->rank, b->shape, bytes));
}

static pair expand(numc_context *context, int32_t primitive, const pair *inputs, int32_t count)
{
    const numc_array *last = inputs[count - 1].re;
    if (last == NULL)
        return (pair){NULL, NULL};
    trace_builder b = {.base = {last->dtype, traced_apply, traced_constant}, .context = context, .rank = last->rank,
                       .shape = last->shape};
    numc_parts operands[4];
    for (int32_t k = 0; k < count; k++) {
        operands[k].re = keep_value(&b, inputs[k].re);
        operands[k].im = inputs[k].im == NULL ? -1 : keep_value(&b, inputs[k].im);
    }
    numc_parts y = numc__complex_expand(&b.base, (uint32_t)primitive, operands);
    return (pair){b.values[y.re], y.im < 0 ? NULL : b.values[y.im]};
}

/* ---- one application --------------------------------------------------------------------------------------------- */

static const numc_array *bind_one(numc_context *context, int32_t primitive, const numc_array *const *inputs, int32_t count,
                                  const numc_attributes *attributes)
{
    return context->status != NUMC_OK ? NULL : numc__bind1(context, primitive, inputs, count, attributes);
}

static const numc_array *part(numc_context *context, const numc_array *x, int which)
{
    return bind_one(context, which == 0 ? NUMC_PRIMITIVE_REAL : NUMC_PRIMITIVE_IMAG, &x, 1, NULL);
}

static pair parts_of(numc_context *context, const numc_array *x)
{
    return (pair){part(context, x, 0), part(context, x, 1)};
}

static const numc_array *whole(numc_context *context, pair z)
{
    return z.im == NULL ? z.re : bind_one(context, NUMC_PRIMITIVE_COMPLEX, (const numc_array *[]){z.re, z.im}, 2, NULL);
}

/* To complex from anything; to bool from complex. */
static pair convert(numc_context *context, pair z, numc_dtype to)
{
    if (!numc__is_complex(to))
        return expand(context, NUMC_SCALAR_CONVERT, &z, 1);
    numc_attributes attributes = {.dtype = numc__part_dtype(to)};
    pair y = z;
    if (z.re != NULL && z.re->dtype != attributes.dtype)
        y.re = bind_one(context, NUMC_SCALAR_CONVERT, &z.re, 1, &attributes);
    static const unsigned char zero[16] = {0};
    if (z.im == NULL)
        y.im = z.re == NULL ? NULL : numc__array_new_immediate(context, attributes.dtype, z.re->rank, z.re->shape, zero);
    else if (z.im->dtype != attributes.dtype)
        y.im = bind_one(context, NUMC_SCALAR_CONVERT, &z.im, 1, &attributes);
    return y;
}

/* What moves or adds elements does so to both parts. */
static bool by_parts(int32_t primitive)
{
    switch (primitive) {
    case NUMC_PRIMITIVE_BROADCAST:
    case NUMC_PRIMITIVE_RESHAPE:
    case NUMC_PRIMITIVE_PERMUTE:
    case NUMC_PRIMITIVE_SLICE:
    case NUMC_PRIMITIVE_FLIP:
    case NUMC_PRIMITIVE_PAD:
    case NUMC_PRIMITIVE_CONCAT:
    case NUMC_PRIMITIVE_GATHER:
    case NUMC_PRIMITIVE_SCATTER:
    case NUMC_PRIMITIVE_REDUCE_SUM:
    case NUMC_PRIMITIVE_CUMULATIVE_SUM:
    case NUMC_PRIMITIVE_STOP_GRADIENT:
        return true;
    default:
        return false;
    }
}

static numc_graph *split(numc_context *context, const numc_graph *graph, bool body);

/* Lists of `count` values flattened: both parts of complex ones. Room for twice as many. */
static int32_t flatten(const pair *values, int32_t count, const numc_array **flat)
{
    int32_t used = 0;
    for (int32_t k = 0; k < count; k++) {
        flat[used++] = values[k].re;
        if (values[k].im != NULL)
            flat[used++] = values[k].im;
    }
    return used;
}

/* Branches and bodies take and give the parts of complex values as values of their own. */
static numc_status control(numc_context *context, const numc_graph *graph, const numc_node *node, const pair *inputs,
                           const numc_array **flat, pair *outputs, numc_array **results)
{
    numc_attributes attributes = node->attributes;
    numc_status status = NUMC_OK;
    for (int k = 0; k < 2; k++)
        attributes.graphs[k] = NULL;
    for (int k = 0; k < 2 && status == NUMC_OK; k++) {
        numc_graph *inner = node->attributes.graphs[k];
        if (inner == NULL)
            continue;
        attributes.graphs[k] = has_complex(inner) ? split(context, inner, true) : numc__graph_keep(inner);
        if (attributes.graphs[k] == NULL)
            status = context->status;
    }
    int64_t numbers[NUMC_SCAN_NUMBERS];
    if (node->primitive == NUMC_PRIMITIVE_SCAN) {
        int32_t carries = (int32_t)node->attributes.numbers[0], sequences = (int32_t)node->attributes.numbers[1];
        memcpy(numbers, node->attributes.numbers, (size_t)node->attributes.count * sizeof *numbers);
        numbers[0] = flatten(inputs, carries, flat);
        numbers[1] = flatten(inputs + carries, sequences, flat);
        attributes.numbers = numbers;
    } else if (node->primitive == NUMC_PRIMITIVE_WHILE) {
        memcpy(numbers, node->attributes.numbers, 2 * sizeof *numbers);
        numbers[0] = flatten(inputs, node->output_count, flat);
        attributes.numbers = numbers;
    }
    int32_t count = flatten(inputs, node->input_count, flat), used = 0;
    if (status == NUMC_OK) {
        for (int32_t k = 0; k < node->output_count; k++)
            used += numc__is_complex(graph->values[node->first_output + k].type.dtype) ? 2 : 1;
        status = numc__bind(context, node->primitive, flat, count, &attributes, results, used);
    }
    used = 0;
    for (int32_t k = 0; k < node->output_count && status == NUMC_OK; k++) {
        outputs[k].re = results[used++];
        outputs[k].im = numc__is_complex(graph->values[node->first_output + k].type.dtype) ? results[used++] : NULL;
    }
    for (int k = 0; k < 2; k++)
        if (attributes.graphs[k] != NULL)
            numc__graph_release(attributes.graphs[k]);
    return status;
}

/* `flat` and `results` have room for twice the node's operands and results. */
static numc_status apply(numc_context *context, const numc_graph *graph, const numc_node *node, const pair *inputs,
                         const numc_array **flat, pair *outputs, numc_array **results)
{
    int32_t primitive = node->primitive, count = node->input_count;
    bool any = false;
    for (int32_t k = 0; k < count; k++)
        any = any || inputs[k].im != NULL;
    for (int32_t k = 0; k < node->output_count; k++)
        any = any || numc__is_complex(graph->values[node->first_output + k].type.dtype);
    if (numc__primitive_is_control(primitive) && primitive != NUMC_PRIMITIVE_EXTERNAL)
        return control(context, graph, node, inputs, flat, outputs, results);
    if (!any) {
        for (int32_t k = 0; k < count; k++)
            flat[k] = inputs[k].re;
        NUMC_TRY(numc__bind(context, primitive, flat, count, &node->attributes, results, node->output_count));
        for (int32_t k = 0; k < node->output_count; k++)
            outputs[k] = (pair){results[k], NULL};
        return NUMC_OK;
    }
    if (primitive == NUMC_SCALAR_CONVERT) {
        outputs[0] = convert(context, inputs[0], node->attributes.dtype);
    } else if (numc__primitive_is_scalar(primitive)) {
        NUMC_REQUIRE(context, numc__complex_admits((uint32_t)primitive), NUMC_INTERNAL, "compile: %s has no complex form",
                     numc__primitive_name(primitive));
        outputs[0] = expand(context, primitive, inputs, count);
    } else if (primitive == NUMC_PRIMITIVE_REAL || primitive == NUMC_PRIMITIVE_IMAG) {
        outputs[0] = (pair){primitive == NUMC_PRIMITIVE_REAL ? inputs[0].re : inputs[0].im, NULL};
    } else if (primitive == NUMC_PRIMITIVE_COMPLEX) {
        outputs[0] = (pair){inputs[0].re, inputs[1].re};
    } else if (by_parts(primitive)) {
        const numc_array *both[2];
        for (int which = 0; which < 2; which++) {
            for (int32_t k = 0; k < count; k++)
                flat[k] = which == 1 && inputs[k].im != NULL ? inputs[k].im : inputs[k].re;
            both[which] = bind_one(context, primitive, flat, count, &node->attributes);
        }
        outputs[0] = (pair){both[0], both[1]};
    } else { /* a slot of the backend */
        for (int32_t k = 0; k < count; k++)
            flat[k] = whole(context, inputs[k]);
        NUMC_TRY(context->status);
        NUMC_TRY(numc__bind(context, primitive, flat, count, &node->attributes, results, node->output_count));
        for (int32_t k = 0; k < node->output_count; k++)
            outputs[k] = numc__is_complex(results[k]->dtype) ? parts_of(context, results[k]) : (pair){results[k], NULL};
    }
    return context->status;
}

/* ---- whole graphs ------------------------------------------------------------------------------------------------ */

static pair input(numc_context *context, numc_trace *trace, const numc_value *value, bool body)
{
    if (!numc__is_complex(value->type.dtype))
        return (pair){numc__trace_input(trace, &value->type, value->name), NULL};
    if (!body) {
        const numc_array *x = numc__trace_input(trace, &value->type, value->name);
        return x == NULL ? (pair){NULL, NULL} : parts_of(context, x);
    }
    numc_type type = value->type;
    type.dtype = numc__part_dtype(type.dtype);
    numc_array *re = numc__trace_input(trace, &type, value->name);
    return (pair){re, re == NULL ? NULL : numc__trace_input(trace, &type, value->name)};
}

static numc_status fill(numc_context *context, numc_trace *trace, const numc_graph *graph, bool body, pair *values,
                        pair *operands, const numc_array **flat, numc_array **results)
{
    const char *site = context->site;
    for (int32_t v = 0; v < graph->value_count; v++) {
        const numc_array *constant = numc__constant_on(context, graph->values[v].constant);
        if (v < graph->input_count)
            values[v] = input(context, trace, &graph->values[v], body);
        else if (constant != NULL)
            values[v] = numc__is_complex(constant->dtype) ? parts_of(context, constant) : (pair){constant, NULL};
        NUMC_TRY(context->status);
    }
    numc_status status = NUMC_OK;
    for (int32_t n = 0; n < graph->node_count && status == NUMC_OK; n++) {
        const numc_node *node = &graph->nodes[n];
        for (int32_t k = 0; k < node->input_count; k++)
            operands[k] = values[node->inputs[k]];
        if (node->site != NULL)
            context->site = node->site;
        status = apply(context, graph, node, operands, flat, &values[node->first_output], results);
        context->site = site;
    }
    return status;
}

static numc_graph *split(numc_context *context, const numc_graph *graph, bool body)
{
    size_t values = (size_t)graph->value_count, wide = numc__graph_width(graph);
    wide = (size_t)graph->output_count > wide ? (size_t)graph->output_count : wide;
    size_t bytes = (values + wide) * sizeof(pair) + 4 * wide * sizeof(numc_array *);
    pair *block = numc__allocate_zero(context, 1, bytes + 1);
    if (block == NULL)
        return NULL;
    const numc_array **flat = (const numc_array **)(void *)(block + values + wide);
    numc_array **results = (numc_array **)(uintptr_t)(flat + 2 * wide);
    numc_graph *made = NULL;
    numc_trace *trace = numc__trace_begin(context);
    if (trace != NULL && fill(context, trace, graph, body, block, block + values, flat, results) == NUMC_OK) {
        int32_t count = 0;
        for (int32_t k = 0; k < graph->output_count; k++) {
            pair y = block[graph->outputs[k]];
            if (body && y.im != NULL) {
                results[count++] = (numc_array *)(uintptr_t)y.re;
                results[count++] = (numc_array *)(uintptr_t)y.im;
            } else {
                results[count++] = (numc_array *)(uintptr_t)whole(context, y);
            }
        }
        if (context->status == NUMC_OK) {
            made = numc__trace_finish(trace, results, count, NULL, NULL);
            trace = NULL;
        }
    }
    if (trace != NULL)
        numc__trace_abandon(trace);
    numc__free(context, block, bytes + 1);
    return made;
}

numc_graph *numc__graph_pairs(numc_context *context, numc_graph *graph)
{
    return has_complex(graph) ? split(context, graph, false) : numc__graph_keep(graph);
}
