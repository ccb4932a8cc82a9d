/* rules_control.c - derivatives of cond, scan and while. Their sub-graphs are differentiated where they are: the derivative of a
 * cond is a cond, of a scan a scan, of a while a while. */
#include <string.h>

#include "graph/batch.h"

/* ---- activity ---------------------------------------------------------------------------------------------------- */

/* active[] of a scan body's inputs, closed under the step: a carry is active when it starts so or becomes so. */
static numc_status scan_activity(numc_context *context, const numc_graph *graph, int32_t carries, bool *inputs, bool *outputs)
{
    for (bool changed = true; changed;) {
        NUMC_TRY(numc__graph_activity(context, graph, inputs, outputs));
        changed = false;
        for (int32_t k = 0; k < carries; k++) {
            changed = changed || (outputs[k] && !inputs[k]);
            inputs[k] = inputs[k] || outputs[k];
            outputs[k] = inputs[k];
        }
    }
    return NUMC_OK;
}

static numc_status cond_activity(numc_context *context, const numc_attributes *attributes, const bool *inputs, bool *outputs)
{
    int32_t count = attributes->graphs[0]->output_count;
    bool *other = numc__allocate(context, (size_t)count * sizeof *other);
    if (other == NULL)
        return context->status;
    numc_status status = numc__graph_activity(context, attributes->graphs[0], inputs, outputs);
    if (status == NUMC_OK)
        status = numc__graph_activity(context, attributes->graphs[1], inputs, other);
    for (int32_t i = 0; i < count && status == NUMC_OK; i++)
        outputs[i] = outputs[i] || other[i];
    numc__free(context, other, (size_t)count * sizeof *other);
    return status;
}

numc_status numc__activity_control(numc_context *context, const numc_node *node, const bool *inputs, bool *outputs)
{
    if (node->primitive == NUMC_PRIMITIVE_COND)
        return cond_activity(context, &node->attributes, inputs + 1, outputs);
    size_t count = (size_t)node->input_count;
    bool *flags = numc__allocate(context, count * sizeof *flags);
    if (flags == NULL)
        return context->status;
    if (count > 0)
        memcpy(flags, inputs, count * sizeof *flags);
    const numc_graph *step = node->attributes.graphs[node->primitive == NUMC_PRIMITIVE_WHILE ? 1 : 0];
    numc_status status = scan_activity(context, step, (int32_t)node->attributes.numbers[0], flags, outputs);
    numc__free(context, flags, count * sizeof *flags);
    return status;
}

/* ---- a plan of one differentiation ------------------------------------------------------------------------------- */

/* Scratch of one rule: pointers and flags in one block, cut off piece by piece. */
typedef struct scratch {
    numc_context *context;
    size_t size, used;
    char *block;
} scratch;

static numc_status scratch_begin(scratch *s, numc_context *context, size_t pointers, size_t flags)
{
    *s = (scratch){.context = context, .size = pointers * sizeof(void *) + flags};
    s->block = numc__allocate_zero(context, 1, s->size);
    return s->block == NULL ? context->status : NUMC_OK;
}
static numc_array **pointers_of(scratch *s, int32_t count)
{
    numc_array **result = (numc_array **)(void *)(s->block + s->used);
    s->used += (size_t)count * sizeof *result;
    return result;
}
static bool *flags_of(scratch *s, int32_t count) /* after all pointers */
{
    bool *result = (bool *)(s->block + s->used);
    s->used += (size_t)count;
    return result;
}
static void scratch_end(scratch *s)
{
    numc__free(s->context, s->block, s->size);
}

#define CONST(pointers) ((const numc_array *const *)(pointers))
#define WEAKEN(array) ((numc_array *)(uintptr_t)(array))

static numc_array *input_like(numc_trace *trace, const numc_type *type)
{
    return numc__trace_input(trace, type, NULL);
}

/* Closes a trace of a derived body: the graph, or NULL after an error. */
static numc_graph *close_body(numc_trace *trace, numc_status status, numc_array **outputs, int32_t count)
{
    if (status != NUMC_OK) {
        numc__trace_abandon(trace);
        return NULL;
    }
    return numc__trace_finish(trace, outputs, count, NULL, NULL);
}

/* A scan derived from one with the attributes `of`: it is whole where that is. */
static numc_status bind_scan(numc_context *context, numc_graph *graph, numc_array **operands, int32_t operand_count,
                             int32_t carries, int32_t sequences, int64_t length, bool reverse, const numc_attributes *of,
                             numc_array **outputs)
{
    if (graph == NULL)
        return context->status;
    const int64_t numbers[NUMC_SCAN_NUMBERS] = {carries, sequences, length, reverse, of->count > 4 ? of->numbers[4] : 0,
                                                of->count > 5 ? of->numbers[5] : 0};
    numc_attributes attributes = {.count = of->count, .numbers = numbers, .graphs = {graph}};
    numc_status status = numc__bind(context, NUMC_PRIMITIVE_SCAN, CONST(operands), operand_count, &attributes, outputs,
                                    graph->output_count);
    numc__graph_release(graph);
    return status;
}

/* The tangents of the flagged outputs, after `count` results in y; zeros where they are absent. */
static numc_status append_tangents(numc_context *context, const numc_graph *graph, const bool *flags, numc_array *const *dy,
                                   numc_array **y, int32_t *count)
{
    for (int32_t i = 0; i < graph->output_count && context->status == NUMC_OK; i++) {
        if (flags[i])
            y[(*count)++] = dy[i] != NULL ? dy[i] : numc__zeros_of(context, numc__graph_output_type(graph, i));
    }
    return context->status;
}

/* ---- cond -------------------------------------------------------------------------------------------------------- */

/* One branch of the forward mode: (x..., dx of the moving...) -> (y..., dy of the active outputs...). */
static numc_graph *cond_jvp_branch(numc_context *context, const numc_graph *graph, const bool *moving, const bool *active)
{
    int32_t n = graph->input_count, m = graph->output_count;
    scratch s;
    if (scratch_begin(&s, context, 2 * (size_t)n + 3 * (size_t)m, 0) != NUMC_OK)
        return NULL;
    numc_array **x = pointers_of(&s, n), **dx = pointers_of(&s, n), **dy = pointers_of(&s, m);
    numc_array **y = pointers_of(&s, 2 * m);
    numc_graph *result = NULL;
    numc_trace *trace = numc__trace_begin(context);
    if (trace != NULL) {
        for (int32_t i = 0; i < n; i++)
            x[i] = input_like(trace, &graph->values[i].type);
        for (int32_t i = 0; i < n; i++)
            dx[i] = moving[i] ? input_like(trace, &graph->values[i].type) : NULL;
        numc_status status = numc__jvp_apply(context, graph, CONST(x), CONST(dx), y, dy);
        int32_t count = m;
        if (status == NUMC_OK)
            status = append_tangents(context, graph, active, dy, y, &count);
        result = close_body(trace, status, y, count);
    }
    scratch_end(&s);
    return result;
}

static numc_status cond_jvp(const numc_application *a, const numc_array *const *dx, numc_array **y, numc_array **dy)
{
    numc_context *context = a->context;
    int32_t n = a->input_count, m = a->output_count;
    scratch s;
    NUMC_TRY(scratch_begin(&s, context, 2 * (size_t)n + 2 * (size_t)m, (size_t)n + (size_t)m));
    numc_array **operands = pointers_of(&s, 2 * n), **results = pointers_of(&s, 2 * m);
    bool *moving = flags_of(&s, n), *active = flags_of(&s, m);
    int32_t count = 0, result_count = m;
    for (int32_t k = 0; k < n; k++)
        operands[count++] = WEAKEN(a->x[k]);
    for (int32_t k = 1; k < n; k++) {
        moving[k - 1] = dx[k] != NULL;
        if (moving[k - 1])
            operands[count++] = WEAKEN(dx[k]);
    }
    numc_attributes attributes = {0};
    numc_status status = cond_activity(context, a->attributes, moving, active);
    for (int i = 0; i < 2 && status == NUMC_OK; i++) {
        attributes.graphs[i] = cond_jvp_branch(context, a->attributes->graphs[i], moving, active);
        status = context->status;
    }
    for (int32_t i = 0; i < m; i++)
        result_count += active[i];
    if (status == NUMC_OK)
        status = numc__bind(context, NUMC_PRIMITIVE_COND, CONST(operands), count, &attributes, results, result_count);
    for (int32_t i = 0, next = m; i < m && status == NUMC_OK; i++) {
        y[i] = results[i];
        dy[i] = active[i] ? results[next++] : NULL;
    }
    numc__graph_release(attributes.graphs[0]);
    numc__graph_release(attributes.graphs[1]);
    scratch_end(&s);
    return status;
}

/* One branch of the reverse mode: (x..., ybar of the given...) -> (xbar of the wanted...). */
static numc_graph *cond_vjp_branch(numc_context *context, const numc_graph *graph, const bool *wanted, const bool *given)
{
    int32_t n = graph->input_count, m = graph->output_count;
    scratch s;
    if (scratch_begin(&s, context, 3 * (size_t)n + 2 * (size_t)m, 0) != NUMC_OK)
        return NULL;
    numc_array **x = pointers_of(&s, n), **xbar = pointers_of(&s, n), **outputs = pointers_of(&s, n);
    numc_array **y = pointers_of(&s, m), **ybar = pointers_of(&s, m);
    numc_graph *result = NULL;
    numc_trace *trace = numc__trace_begin(context);
    if (trace != NULL) {
        for (int32_t i = 0; i < n; i++)
            x[i] = input_like(trace, &graph->values[i].type);
        for (int32_t i = 0; i < m; i++)
            ybar[i] = given[i] ? input_like(trace, numc__graph_output_type(graph, i)) : NULL;
        numc_tape tape;
        numc_status status = numc__tape_forward(&tape, context, graph, CONST(x), wanted, y);
        if (status == NUMC_OK)
            status = numc__tape_backward(&tape, CONST(ybar), xbar);
        numc__tape_free(&tape);
        int32_t count = 0;
        for (int32_t i = 0; i < n && status == NUMC_OK; i++) {
            if (wanted[i])
                outputs[count++] = xbar[i] != NULL ? xbar[i] : numc__zeros_of(context, &graph->values[i].type);
            status = context->status;
        }
        result = close_body(trace, status, outputs, count);
    }
    scratch_end(&s);
    return result;
}

static numc_status cond_vjp(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    numc_context *context = a->context;
    int32_t n = a->input_count, m = a->output_count;
    scratch s;
    NUMC_TRY(scratch_begin(&s, context, 2 * (size_t)n + (size_t)m, (size_t)m));
    numc_array **operands = pointers_of(&s, n + m), **results = pointers_of(&s, n);
    bool *given = flags_of(&s, m);
    int32_t count = 0, result_count = 0;
    for (int32_t k = 0; k < n; k++)
        operands[count++] = WEAKEN(a->x[k]);
    for (int32_t i = 0; i < m; i++) {
        given[i] = ybar[i] != NULL;
        if (given[i])
            operands[count++] = WEAKEN(ybar[i]);
    }
    numc_attributes attributes = {0};
    numc_status status = NUMC_OK;
    for (int i = 0; i < 2 && status == NUMC_OK; i++) {
        attributes.graphs[i] = cond_vjp_branch(context, a->attributes->graphs[i], wanted + 1, given);
        status = context->status;
    }
    for (int32_t k = 1; k < n; k++)
        result_count += wanted[k];
    if (status == NUMC_OK)
        status = numc__bind(context, NUMC_PRIMITIVE_COND, CONST(operands), count, &attributes, results, result_count);
    for (int32_t k = 1, next = 0; k < n && status == NUMC_OK; k++)
        xbar[k] = wanted[k] ? results[next++] : NULL;
    numc__graph_release(attributes.graphs[0]);
    numc__graph_release(attributes.graphs[1]);
    scratch_end(&s);
    return status;
}

/* ---- scan, forward ----------------------------------------------------------------------------------------------- */

typedef struct scan_sizes {
    const numc_graph *graph;
    int32_t carries, sequences, constants, inputs, stacked, outputs;
    int64_t length;
    bool reverse;
} scan_sizes;

static scan_sizes sizes_of(const numc_application *a)
{
    const int64_t *numbers = a->attributes->numbers;
    scan_sizes z = {.graph = a->attributes->graphs[0], .carries = (int32_t)numbers[0], .sequences = (int32_t)numbers[1],
                    .length = numbers[2], .reverse = numbers[3] != 0};
    z.inputs = z.graph->input_count;
    z.constants = z.inputs - z.carries - z.sequences;
    z.outputs = z.graph->output_count;
    z.stacked = z.outputs - z.carries;
    return z;
}

/* Which part of a scan's inputs index i lies in: 0 carries, 1 sequences, 2 constants. */
static int part_of(const scan_sizes *z, int32_t i)
{
    return i < z->carries ? 0 : i < z->carries + z->sequences ? 1 : 2;
}

/* The step with tangents: inputs are carries, dcarries, slices, dslices, constants, dconstants; outputs carries, dcarries,
 * stacked, dstacked; tangents only of what is active. */
static numc_graph *scan_jvp_step(numc_context *context, const scan_sizes *z, const bool *moving, const bool *active)
{
    scratch s;
    if (scratch_begin(&s, context, 2 * (size_t)z->inputs + 4 * (size_t)z->outputs, 0) != NUMC_OK)
        return NULL;
    numc_array **x = pointers_of(&s, z->inputs), **dx = pointers_of(&s, z->inputs);
    numc_array **y = pointers_of(&s, z->outputs), **dy = pointers_of(&s, z->outputs);
    numc_array **outputs = pointers_of(&s, 2 * z->outputs);
    numc_graph *result = NULL;
    numc_trace *trace = numc__trace_begin(context);
    if (trace != NULL) {
        for (int part = 0; part < 3; part++) {
            for (int pass = 0; pass < 2; pass++) {
                for (int32_t i = 0; i < z->inputs; i++) {
                    if (part_of(z, i) == part && (pass == 0 || moving[i]))
                        (pass == 0 ? x : dx)[i] = input_like(trace, &z->graph->values[i].type);
                }
            }
        }
        numc_status status = numc__jvp_apply(context, z->graph, CONST(x), CONST(dx), y, dy);
        int32_t count = 0;
        for (int part = 0; part < 2; part++) {
            for (int pass = 0; pass < 2; pass++) {
                for (int32_t i = 0; i < z->outputs && status == NUMC_OK; i++) {
                    if ((i >= z->carries) != (part == 1) || (pass == 1 && !active[i]))
                        continue;
                    outputs[count++] = pass == 0       ? y[i]
                                       : dy[i] != NULL ? dy[i]
                                                       : numc__zeros_of(context, numc__graph_output_type(z->graph, i));
                    status = context->status;
                }
            }
        }
        result = close_body(trace, status, outputs, count);
    }
    scratch_end(&s);
    return result;
}

static numc_status scan_jvp(const numc_application *a, const numc_array *const *dx, numc_array **y, numc_array **dy)
{
    numc_context *context = a->context;
    scan_sizes z = sizes_of(a);
    scratch s;
    NUMC_TRY(scratch_begin(&s, context, 2 * (size_t)z.inputs + 2 * (size_t)z.outputs, (size_t)z.inputs + (size_t)z.outputs));
    numc_array **operands = pointers_of(&s, 2 * z.inputs), **results = pointers_of(&s, 2 * z.outputs);
    bool *moving = flags_of(&s, z.inputs), *active = flags_of(&s, z.outputs);
    for (int32_t i = 0; i < z.inputs; i++)
        moving[i] = dx[i] != NULL;
    numc_status status = scan_activity(context, z.graph, z.carries, moving, active);
    int32_t counts[3] = {0, 0, 0}, count = 0;
    for (int part = 0; part < 3; part++) {
        for (int pass = 0; pass < 2; pass++) {
            for (int32_t i = 0; i < z.inputs; i++) {
                if (part_of(&z, i) != part || (pass == 1 && !moving[i]))
                    continue;
                operands[count++] = pass == 0       ? WEAKEN(a->x[i])
                                    : dx[i] != NULL ? WEAKEN(dx[i])
                                                    : numc__zeros_as(context, a->x[i]);
                counts[part]++;
            }
        }
    }
    if (status == NUMC_OK)
        status = context->status;
    if (status == NUMC_OK)
        status = bind_scan(context, scan_jvp_step(context, &z, moving, active), operands, count, counts[0], counts[1],
                           z.length, z.reverse, a->attributes, results);
    count = 0;
    for (int part = 0; part < 2; part++) {
        for (int pass = 0; pass < 2; pass++) {
            for (int32_t i = 0; i < z.outputs && status == NUMC_OK; i++) {
                if ((i >= z.carries) == (part == 1) && (pass == 0 || active[i]))
                    (pass == 0 ? y : dy)[i] = results[count++];
            }
        }
    }
    scratch_end(&s);
    return status;
}

/* ---- scan, reverse ----------------------------------------------------------------------------------------------- */

/* The step with the first `kept` of its outputs (all, or the carries alone); `starts`: and the carries it began with. */
static numc_graph *step_of(numc_context *context, const scan_sizes *z, int32_t kept, bool starts)
{
    scratch s;
    if (scratch_begin(&s, context, (size_t)z->inputs + (size_t)z->outputs + (size_t)z->carries, 0) != NUMC_OK)
        return NULL;
    numc_array **x = pointers_of(&s, z->inputs), **y = pointers_of(&s, z->outputs + z->carries);
    numc_graph *result = NULL;
    numc_trace *trace = numc__trace_begin(context);
    if (trace != NULL) {
        for (int32_t i = 0; i < z->inputs; i++)
            x[i] = input_like(trace, &z->graph->values[i].type);
        numc_status status = context->status;
        if (status == NUMC_OK)
            status = numc__graph_apply(context, z->graph, CONST(x), z->inputs, y, z->outputs);
        for (int32_t i = 0; i < z->carries && starts; i++)
            y[kept + i] = x[i];
        result = close_body(trace, status, y, starts ? kept + z->carries : kept);
    }
    scratch_end(&s);
    return result;
}

/* The step backwards. Inputs: cotangents of the active carries, sums for the active constants; slices of the stored
 * carries, of the sequences, of the given stacked cotangents; constants. Outputs: the new cotangents and sums; cotangents
 * of the active slices. */
static numc_graph *scan_vjp_step(numc_context *context, const scan_sizes *z, const bool *active, const bool *given)
{
    scratch s;
    size_t pointers = 4 * (size_t)z->inputs + 2 * (size_t)z->outputs;
    if (scratch_begin(&s, context, pointers, 0) != NUMC_OK)
        return NULL;
    numc_array **x = pointers_of(&s, z->inputs), **bar = pointers_of(&s, z->inputs), **sum = pointers_of(&s, z->inputs);
    numc_array **outputs = pointers_of(&s, z->inputs);
    numc_array **y = pointers_of(&s, z->outputs), **ybar = pointers_of(&s, z->outputs);
    const numc_value *in = z->graph->values;
    int32_t first_constant = z->carries + z->sequences;
    numc_graph *result = NULL;
    numc_trace *trace = numc__trace_begin(context);
    if (trace != NULL) {
        for (int32_t i = 0; i < z->carries; i++)
            ybar[i] = active[i] ? input_like(trace, &in[i].type) : NULL;
        for (int32_t i = first_constant; i < z->inputs; i++)
            sum[i] = active[i] ? input_like(trace, &in[i].type) : NULL;
        for (int32_t i = 0; i < first_constant; i++)
            x[i] = input_like(trace, &in[i].type);
        for (int32_t i = z->carries; i < z->outputs; i++)
            ybar[i] = given[i] ? input_like(trace, numc__graph_output_type(z->graph, i)) : NULL;
        for (int32_t i = first_constant; i < z->inputs; i++)
            x[i] = input_like(trace, &in[i].type);
        numc_tape tape;
        numc_status status = numc__tape_forward(&tape, context, z->graph, CONST(x), active, y);
        if (status == NUMC_OK)
            status = numc__tape_backward(&tape, CONST(ybar), bar);
        numc__tape_free(&tape);
        int32_t count = 0;
        for (int pass = 0; pass < 3 && status == NUMC_OK; pass++) {
            static const int order[3] = {0, 2, 1}; /* carries, constants, then what is stacked */
            for (int32_t i = 0; i < z->inputs; i++) {
                if (part_of(z, i) != order[pass] || !active[i])
                    continue;
                if (sum[i] != NULL)
                    outputs[count++] = bar[i] != NULL ? numc_add(sum[i], bar[i]) : sum[i];
                else
                    outputs[count++] = bar[i] != NULL ? bar[i] : numc__zeros_of(context, &in[i].type);
            }
            status = context->status;
        }
        result = close_body(trace, status, outputs, count);
    }
    scratch_end(&s);
    return result;
}

/* ---- scan, reverse, where the carries are limited: those in front of each segment are kept, those between computed again ------- */

typedef struct segments {
    int64_t count, length, rest; /* count x length + rest steps, in the order they are taken */
    int64_t limit;               /* for the carries within a segment */
} segments;

/* False: the carries of all steps are within the limit, or it is not worth while. */
static bool segmented(const scan_sizes *z, int64_t limit, segments *s)
{
    int64_t bytes = 0, root = 1;
    for (int32_t i = 0; i < z->carries; i++) {
        const numc_type *type = &z->graph->values[i].type;
        int64_t size = (int64_t)numc_dtype_size(type->dtype);
        for (int32_t d = 0; d < type->rank; d++)
            size *= type->shape[d];
        bytes += size;
    }
    if (limit == 0 || bytes == 0 || z->length < 4 || z->length <= limit / bytes)
        return false;
    while (root * root < z->length)
        root++;
    int64_t count = limit / 2 / bytes < root ? limit / 2 / bytes : root;
    count = count < 2 ? 2 : count;
    s->length = (z->length + count - 1) / count;
    s->count = z->length / s->length;
    s->rest = z->length - s->count * s->length;
    s->limit = limit - s->count * bytes > 1 ? limit - s->count * bytes : 1;
    return true;
}

static int64_t limit_of(const numc_attributes *attributes)
{
    return attributes->count > 5 ? attributes->numbers[5] : 0;
}

/* Of a sequence: the steps of the segments as [count, length, ...], or the rest. */
static numc_array *part_of_steps(numc_context *context, const scan_sizes *z, const segments *s, const numc_array *x, bool rest)
{
    int64_t numbers[3 * NUMC_RANK_LIMIT], shape[NUMC_RANK_LIMIT + 1], steps = rest ? s->rest : z->length - s->rest;
    if (x == NULL || x->rank >= NUMC_RANK_LIMIT) {
        numc__fail(context, NUMC_SHAPE, "scan: sequences of rank %d have no room for segments", NUMC_RANK_LIMIT);
        return NULL;
    }
    for (int32_t d = 0; d < x->rank; d++) {
        numbers[d] = d == 0 && rest != z->reverse ? z->length - steps : 0;
        numbers[x->rank + d] = d == 0 ? steps : x->shape[d];
        numbers[2 * x->rank + d] = 1;
    }
    const numc_array *part = x;
    if (steps != z->length)
        part = numc__apply_numbers(context, NUMC_PRIMITIVE_SLICE, &x, 1, numbers, 3 * x->rank);
    if (rest || part == NULL)
        return WEAKEN(part);
    shape[0] = s->count;
    shape[1] = s->length;
    for (int32_t d = 1; d < x->rank; d++)
        shape[d + 1] = x->shape[d];
    return numc__reshape_to(context, part, x->rank + 1, shape);
}

/* [count, length, ...] and the rest (NULL: there is none) as one sequence. */
static numc_array *join_steps(numc_context *context, const scan_sizes *z, const numc_array *x, const numc_array *rest)
{
    if (x == NULL)
        return NULL;
    int64_t shape[NUMC_RANK_LIMIT], axis = 0;
    shape[0] = x->shape[0] * x->shape[1];
    for (int32_t d = 1; d < x->rank - 1; d++)
        shape[d] = x->shape[d + 1];
    const numc_array *all = numc__reshape_to(context, x, x->rank - 1, shape);
    if (rest == NULL || all == NULL)
        return WEAKEN(all);
    const numc_array *both[2] = {z->reverse ? rest : all, z->reverse ? all : rest};
    return numc__apply_numbers(context, NUMC_PRIMITIVE_CONCAT, both, 2, &axis, 1);
}

/* All steps of a scan, from carries, sequences and constants in x; with `stack` what it stacks too. */
static numc_status run_all(numc_context *context, const scan_sizes *z, const numc_attributes *of, numc_array **x, bool stack,
                           numc_array **y)
{
    numc_graph *graph = stack ? numc__graph_keep((numc_graph *)(uintptr_t)z->graph) : step_of(context, z, z->carries, false);
    return bind_scan(context, graph, x, z->inputs, z->carries, z->sequences, z->length, z->reverse, of, y);
}

/* Inputs as a step's, with sequences [length, ...]: runs a segment, and also gives the carries it began with. */
static numc_graph *segment_step(numc_context *context, const scan_sizes *z, const numc_attributes *of, bool stack)
{
    scratch s;
    if (scratch_begin(&s, context, (size_t)z->inputs + (size_t)z->outputs + (size_t)z->carries, 0) != NUMC_OK)
        return NULL;
    numc_array **x = pointers_of(&s, z->inputs), **y = pointers_of(&s, z->outputs + z->carries);
    int32_t outputs = stack ? z->outputs : z->carries;
    numc_graph *result = NULL;
    numc_trace *trace = numc__trace_begin(context);
    if (trace != NULL) {
        for (int32_t i = 0; i < z->inputs; i++)
            x[i] = numc__batch_input(trace, context, &z->graph->values[i].type, z->length, part_of(z, i) == 1 ? 0 : -1, NULL);
        numc_status status = context->status;
        if (status == NUMC_OK)
            status = run_all(context, z, of, x, stack, y);
        for (int32_t i = 0; i < z->carries; i++)
            y[outputs + i] = x[i];
        result = close_body(trace, status, y, outputs + z->carries);
    }
    scratch_end(&s);
    return result;
}

/* Forward by segments: y (with `stack`; else NULL), the carries in front of each segment, and those after the last. */
static numc_status run_segments(numc_context *context, const scan_sizes *z, const segments *g, const numc_attributes *of,
                                const numc_array *const *x, bool stack, numc_array **y, numc_array **starts, numc_array **ends)
{
    scratch s;
    NUMC_TRY(scratch_begin(&s, context, (size_t)z->inputs + 2 * ((size_t)z->outputs + (size_t)z->carries), 0));
    numc_array **in = pointers_of(&s, z->inputs), **out = pointers_of(&s, z->outputs + z->carries);
    numc_array **last = pointers_of(&s, z->outputs + z->carries);
    int32_t outputs = stack ? z->outputs : z->carries;
    scan_sizes inner = *z, rest = *z;
    inner.length = g->length;
    rest.length = g->rest;
    for (int32_t i = 0; i < z->inputs; i++)
        in[i] = part_of(z, i) == 1 ? part_of_steps(context, z, g, x[i], false) : WEAKEN(x[i]);
    numc_status status = context->status;
    if (status == NUMC_OK)
        status = bind_scan(context, segment_step(context, &inner, of, stack), in, z->inputs, z->carries, z->sequences, g->count,
                           z->reverse, of, out);
    for (int32_t i = 0; i < z->carries && status == NUMC_OK; i++) {
        ends[i] = out[i];
        starts[i] = out[outputs + i];
    }
    if (status == NUMC_OK && stack && g->rest > 0) {
        for (int32_t i = 0; i < z->inputs; i++)
            in[i] = part_of(z, i) == 0 ? ends[i] : part_of(z, i) == 1 ? part_of_steps(context, z, g, x[i], true) : WEAKEN(x[i]);
        status = context->status;
        if (status == NUMC_OK)
            status = run_all(context, &rest, of, in, true, last);
    }
    for (int32_t i = 0; i < z->outputs && stack && status == NUMC_OK; i++) {
        if (i < z->carries)
            y[i] = g->rest > 0 ? last[i] : out[i];
        else
            y[i] = join_steps(context, z, out[i], last[i]);
        status = context->status;
    }
    scratch_end(&s);
    return status;
}

/* One reverse pass. Its operands, as those of the step backwards but for the carries, which are those before the first step, and
 * what has a step as its first axis: cotangents and sums; carries; sequences, given cotangents; constants. Its results: cotangents
 * and sums; cotangents of sequences. */
typedef struct backward {
    scan_sizes z;
    const numc_attributes *of;
    const bool *active, *given;
    int32_t bars, sliced, operands, results; /* sliced: sequences and given cotangents */
} backward;

static numc_status run_backward(numc_context *context, const backward *b, int64_t limit, const numc_array *const *x,
                                numc_array *const *starts, numc_array *const *ends, numc_array **results);

/* What operand i is: 0 cotangents and sums, 1 carries, 2 sliced, 3 constants. */
static int kind_of(const backward *b, int32_t i)
{
    return i < b->bars ? 0 : i < b->bars + b->z.carries ? 1 : i < b->bars + b->z.carries + b->sliced ? 2 : 3;
}

static numc_graph *backward_step(numc_context *context, const backward *b, int64_t limit, const numc_array *const *x)
{
    scratch s;
    if (scratch_begin(&s, context, (size_t)b->operands + (size_t)b->results, 0) != NUMC_OK)
        return NULL;
    numc_array **in = pointers_of(&s, b->operands), **out = pointers_of(&s, b->results);
    numc_graph *result = NULL;
    numc_trace *trace = numc__trace_begin(context);
    if (trace != NULL) {
        for (int32_t i = 0; i < b->operands; i++) {
            numc_type type = numc__type_of(x[i]);
            int64_t shape[NUMC_RANK_LIMIT];
            if (kind_of(b, i) == 2) {
                memcpy(shape, type.shape, (size_t)type.rank * sizeof *shape);
                shape[0] = b->z.length;
                type.shape = shape;
            }
            in[i] = input_like(trace, &type);
        }
        numc_status status = context->status;
        if (status == NUMC_OK)
            status = run_backward(context, b, limit, CONST(in), NULL, NULL, out);
        result = close_body(trace, status, out, b->results);
    }
    scratch_end(&s);
    return result;
}

/* All carries of these steps at once. */
static numc_status backward_plain(numc_context *context, const backward *b, const numc_array *const *x, numc_array **in,
                                  numc_array **results)
{
    const scan_sizes *z = &b->z;
    int32_t at = 0, first = b->bars, constants = b->bars + z->carries + b->sliced;
    scratch s;
    NUMC_TRY(scratch_begin(&s, context, 2 * (size_t)z->carries, 0));
    numc_array **stored = pointers_of(&s, 2 * z->carries);
    for (int32_t i = 0; i < z->carries + z->sequences; i++)
        in[at++] = WEAKEN(x[first + i]);
    for (int32_t i = 0; i < z->constants; i++)
        in[at++] = WEAKEN(x[constants + i]);
    numc_status status = bind_scan(context, step_of(context, z, z->carries, true), in, at, z->carries, z->sequences, z->length, z->reverse,
                                   b->of, stored);
    for (int32_t i = 0; i < b->operands; i++)
        in[i] = kind_of(b, i) == 1 ? stored[z->carries + i - b->bars] : WEAKEN(x[i]);
    if (status == NUMC_OK)
        status = bind_scan(context, scan_vjp_step(context, z, b->active, b->given), in, b->operands, b->bars, z->carries + b->sliced,
                           z->length, !z->reverse, b->of, results);
    scratch_end(&s);
    return status;
}

/* starts, ends: the carries in front of the segments and after them where they are known. */
static numc_status backward_segments(numc_context *context, const backward *b, const segments *g, const numc_array *const *x,
                                     numc_array *const *starts, numc_array *const *ends, numc_array **in, numc_array **rest,
                                     numc_array **results)
{
    const scan_sizes *z = &b->z;
    int32_t at = 0, constants = b->bars + z->carries + b->sliced;
    backward part = *b;
    scratch s;
    NUMC_TRY(scratch_begin(&s, context, 2 * (size_t)z->carries, 0));
    numc_array **own = pointers_of(&s, 2 * z->carries);
    numc_status status = NUMC_OK;
    if (starts == NULL) {
        for (int32_t i = 0; i < z->carries + z->sequences; i++)
            in[at++] = WEAKEN(x[b->bars + i]);
        for (int32_t i = 0; i < z->constants; i++)
            in[at++] = WEAKEN(x[constants + i]);
        status = run_segments(context, z, g, b->of, CONST(in), false, NULL, own, own + z->carries);
        starts = own;
        ends = own + z->carries;
    }
    if (status == NUMC_OK && g->rest > 0) { /* its steps are the last, and the first to go back */
        for (int32_t i = 0; i < b->operands; i++)
            in[i] = kind_of(b, i) == 1   ? ends[i - b->bars]
                    : kind_of(b, i) == 2 ? part_of_steps(context, z, g, x[i], true)
                                         : WEAKEN(x[i]);
        part.z.length = g->rest;
        status = context->status;
        if (status == NUMC_OK)
            status = run_backward(context, &part, g->limit, CONST(in), NULL, NULL, rest);
    }
    for (int32_t i = 0; i < b->operands && status == NUMC_OK; i++) {
        in[i] = kind_of(b, i) == 0   ? (g->rest > 0 ? rest[i] : WEAKEN(x[i]))
                : kind_of(b, i) == 1 ? starts[i - b->bars]
                : kind_of(b, i) == 2 ? part_of_steps(context, z, g, x[i], false)
                                     : WEAKEN(x[i]);
        status = context->status;
    }
    part.z.length = g->length;
    if (status == NUMC_OK)
        status = bind_scan(context, backward_step(context, &part, g->limit, x), in, b->operands, b->bars, z->carries + b->sliced,
                           g->count, !z->reverse, b->of, results);
    for (int32_t i = b->bars; i < b->results && status == NUMC_OK; i++) {
        results[i] = join_steps(context, z, results[i], rest[i]);
        status = context->status;
    }
    scratch_end(&s);
    return status;
}

static numc_status run_backward(numc_context *context, const backward *b, int64_t limit, const numc_array *const *x,
                                numc_array *const *starts, numc_array *const *ends, numc_array **results)
{
    segments g;
    scratch s;
    NUMC_TRY(scratch_begin(&s, context, (size_t)b->operands + (size_t)b->results, 0));
    numc_array **in = pointers_of(&s, b->operands), **rest = pointers_of(&s, b->results);
    numc_status status = segmented(&b->z, limit, &g) ? backward_segments(context, b, &g, x, starts, ends, in, rest, results)
                                                     : backward_plain(context, b, x, in, results);
    scratch_end(&s);
    return status;
}

numc_status numc__scan_store(const numc_application *a, numc_array **y, numc_array **residuals)
{
    scan_sizes z = sizes_of(a);
    segments g;
    if (segmented(&z, limit_of(a->attributes), &g))
        return run_segments(a->context, &z, &g, a->attributes, a->x, true, y, residuals, residuals + z.carries);
    scratch s;
    NUMC_TRY(scratch_begin(&s, a->context, (size_t)z.inputs + (size_t)z.outputs + (size_t)z.carries, 0));
    numc_array **operands = pointers_of(&s, z.inputs), **results = pointers_of(&s, z.outputs + z.carries);
    for (int32_t i = 0; i < z.inputs; i++)
        operands[i] = WEAKEN(a->x[i]);
    numc_status status = bind_scan(a->context, step_of(a->context, &z, z.outputs, true), operands, z.inputs, z.carries,
                                   z.sequences, z.length, z.reverse, a->attributes, results);
    for (int32_t i = 0; i < z.outputs && status == NUMC_OK; i++)
        y[i] = results[i];
    for (int32_t i = 0; i < z.carries && status == NUMC_OK; i++)
        residuals[i] = results[z.outputs + i];
    scratch_end(&s);
    return status;
}

static numc_status scan_vjp(const numc_application *a, numc_array *const *residuals, const numc_array *const *ybar,
                            const bool *wanted, numc_array **xbar)
{
    numc_context *context = a->context;
    scan_sizes z = sizes_of(a);
    int32_t first_constant = z.carries + z.sequences;
    scratch s;
    size_t pointers = 3 * (size_t)z.inputs + (size_t)z.carries + (size_t)z.outputs;
    NUMC_TRY(scratch_begin(&s, context, pointers, (size_t)z.inputs + 2 * (size_t)z.outputs));
    numc_array **operands = pointers_of(&s, 2 * z.inputs + z.carries + z.outputs), **results = pointers_of(&s, z.inputs);
    bool *active = flags_of(&s, z.inputs), *reached = flags_of(&s, z.outputs), *given = flags_of(&s, z.outputs);
    for (int32_t i = 0; i < z.inputs; i++)
        active[i] = wanted[i];
    numc_status status = scan_activity(context, z.graph, z.carries, active, reached);
    int32_t carries = 0, sequences = 0, count = 0;
    segments g;
    bool limited = segmented(&z, limit_of(a->attributes), &g);
    for (int32_t i = 0; i < z.inputs; i++) {
        if (!active[i] || part_of(&z, i) == 1)
            continue;
        operands[count++] = i < z.carries && ybar[i] != NULL ? WEAKEN(ybar[i]) : numc__zeros_as(context, a->x[i]);
        carries++;
    }
    for (int32_t i = 0; i < first_constant; i++) {
        operands[count++] = i < z.carries && !limited ? residuals[i] : WEAKEN(a->x[i]);
        sequences++;
    }
    for (int32_t i = z.carries; i < z.outputs; i++) {
        given[i] = ybar[i] != NULL && reached[i];
        if (given[i]) {
            operands[count++] = WEAKEN(ybar[i]);
            sequences++;
        }
    }
    for (int32_t i = first_constant; i < z.inputs; i++)
        operands[count++] = WEAKEN(a->x[i]);
    if (status == NUMC_OK)
        status = context->status;
    backward b = {.z = z, .of = a->attributes, .active = active, .given = given, .bars = carries, .sliced = sequences - z.carries,
                  .operands = count, .results = carries};
    for (int32_t i = z.carries; i < first_constant; i++)
        b.results += active[i];
    if (status == NUMC_OK && limited)
        status = run_backward(context, &b, limit_of(a->attributes), CONST(operands), residuals, residuals + z.carries, results);
    else if (status == NUMC_OK)
        status = bind_scan(context, scan_vjp_step(context, &z, active, given), operands, count, carries, sequences,
                           z.length, !z.reverse, a->attributes, results);
    count = 0;
    for (int pass = 0; pass < 3 && status == NUMC_OK; pass++) {
        static const int order[3] = {0, 2, 1};
        for (int32_t i = 0; i < z.inputs; i++) {
            if (part_of(&z, i) == order[pass] && active[i])
                xbar[i] = results[count++];
        }
    }
    scratch_end(&s);
    return status;
}

/* ---- while, forward: there is no reverse, since the number of steps is not known before ---------------------------- */

/* The condition (tangents are passed over) or the step; inputs: carries, dcarries, constants, dconstants. */
static numc_graph *while_jvp_body(numc_context *context, const numc_graph *graph, int32_t carries, bool condition,
                                  const bool *moving)
{
    int32_t n = graph->input_count, m = graph->output_count;
    scratch s;
    if (scratch_begin(&s, context, 2 * (size_t)n + 3 * (size_t)m, 0) != NUMC_OK)
        return NULL;
    numc_array **x = pointers_of(&s, n), **dx = pointers_of(&s, n), **dy = pointers_of(&s, m), **y = pointers_of(&s, 2 * m);
    numc_graph *result = NULL;
    numc_trace *trace = numc__trace_begin(context);
    if (trace != NULL) {
        for (int part = 0; part < 4; part++) {
            for (int32_t i = 0; i < n; i++) {
                if ((i < carries) == (part < 2) && (part % 2 == 0 || moving[i]))
                    (part % 2 == 0 ? x : dx)[i] = input_like(trace, &graph->values[i].type);
            }
        }
        int32_t count = m;
        numc_status status;
        if (condition) {
            status = context->status;
            if (status == NUMC_OK)
                status = numc__graph_apply(context, graph, CONST(x), n, y, m);
        } else {
            status = numc__jvp_apply(context, graph, CONST(x), CONST(dx), y, dy);
            if (status == NUMC_OK)
                status = append_tangents(context, graph, moving, dy, y, &count);
        }
        result = close_body(trace, status, y, count);
    }
    scratch_end(&s);
    return result;
}

static numc_status while_jvp(const numc_application *a, const numc_array *const *dx, numc_array **y, numc_array **dy)
{
    numc_context *context = a->context;
    int32_t n = a->input_count, carries = a->output_count, count = 0, results_count = carries;
    scratch s;
    NUMC_TRY(scratch_begin(&s, context, 2 * (size_t)n + 2 * (size_t)carries, (size_t)n + (size_t)carries));
    numc_array **operands = pointers_of(&s, 2 * n), **results = pointers_of(&s, 2 * carries);
    bool *moving = flags_of(&s, n), *active = flags_of(&s, carries);
    for (int32_t i = 0; i < n; i++)
        moving[i] = dx[i] != NULL;
    numc_status status = scan_activity(context, a->attributes->graphs[1], carries, moving, active);
    for (int part = 0; part < 4; part++) {
        for (int32_t i = 0; i < n; i++) {
            if ((i < carries) == (part < 2) && (part % 2 == 0 || moving[i]))
                operands[count++] = part % 2 == 0 ? WEAKEN(a->x[i]) : dx[i] != NULL ? WEAKEN(dx[i]) : numc__zeros_as(context, a->x[i]);
        }
    }
    for (int32_t i = 0; i < carries; i++)
        results_count += moving[i];
    if (status == NUMC_OK)
        status = context->status;
    const int64_t numbers[2] = {results_count, a->attributes->numbers[1]};
    numc_attributes attributes = {.count = 2, .numbers = numbers};
    for (int i = 0; i < 2 && status == NUMC_OK; i++) {
        attributes.graphs[i] = while_jvp_body(context, a->attributes->graphs[i], carries, i == 0, moving);
        status = context->status;
    }
    if (status == NUMC_OK)
        status = numc__bind(context, NUMC_PRIMITIVE_WHILE, CONST(operands), count, &attributes, results, results_count);
    for (int32_t i = 0, next = carries; i < carries && status == NUMC_OK; i++) {
        y[i] = results[i];
        dy[i] = moving[i] ? results[next++] : NULL;
    }
    numc__graph_release(attributes.graphs[0]);
    numc__graph_release(attributes.graphs[1]);
    scratch_end(&s);
    return status;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

numc_status numc__jvp_control(const numc_application *a, const numc_array *const *dx, numc_array **y, numc_array **dy)
{
    return (a->primitive == NUMC_PRIMITIVE_COND    ? cond_jvp
            : a->primitive == NUMC_PRIMITIVE_WHILE ? while_jvp
                                                   : scan_jvp)(a, dx, y, dy);
}

numc_status numc__vjp_control(const numc_application *a, numc_array *const *residuals, const numc_array *const *ybar,
                              const bool *wanted, numc_array **xbar)
{
    if (a->primitive == NUMC_PRIMITIVE_WHILE)
        return numc__fail(a->context, NUMC_UNSUPPORTED,
                          "numc_while has no reverse mode, since how many steps it takes is not known before it runs: use numc_scan or "
                          "numc_fori with bounds that are known, numc_function_jvp, or numc_stop_gradient on what it starts from");
    return a->primitive == NUMC_PRIMITIVE_COND ? cond_vjp(a, ybar, wanted, xbar) : scan_vjp(a, residuals, ybar, wanted, xbar);
}
