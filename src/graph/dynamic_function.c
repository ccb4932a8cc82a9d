/* dynamic_function.c - functions in dynamic mode: the callback runs at each call, and derivatives are those of the path it took. */
#include "graph/derivative.h"
#include "graph/function.h"
#include "graph/recorder.h"

/* COLUMNS and ROWS: Jacobians in forward and reverse mode; HESSIAN: columns of a GRADIENT, but for those of its first output. */
typedef enum numc_dynamic_kind { PLAIN, FORWARD, REVERSE, GRADIENT, HESSIAN_VECTOR, COLUMNS, ROWS, HESSIAN } dynamic_kind;

/* Immutable, shared by counting: derivatives hold what they are of. */
struct numc_dynamic_function {
    numc_core *core;
    _Atomic int64_t references;
    dynamic_kind kind;
    struct numc_dynamic_function *inner; /* what it is the derivative of */
    numc_trace_fn callback;              /* PLAIN */
    void *user;
    numc_graph *signature; /* values: inputs, then outputs; nodes: none */
};
typedef struct numc_dynamic_function definition;

void numc__dynamic_function_release(definition *f)
{
    while (f != NULL && atomic_fetch_sub(&f->references, 1) == 1) {
        definition *inner = f->inner;
        numc__graph_release(f->signature);
        numc__core_free(f->core, f, sizeof *f);
        f = inner;
    }
}

/* Takes the reference of `inner`. */
static definition *define(numc_context *context, dynamic_kind kind, definition *inner)
{
    definition *f = numc__allocate_zero(context, 1, sizeof *f);
    if (f == NULL) {
        numc__dynamic_function_release(inner);
        return NULL;
    }
    f->core = context->core;
    atomic_init(&f->references, 1);
    f->kind = kind;
    f->inner = inner;
    f->signature = numc__graph_new(context);
    if (f->signature == NULL) {
        numc__dynamic_function_release(f);
        return NULL;
    }
    return f;
}

static numc_status sign(numc_context *context, numc_graph *signature, const numc_type *type, bool output)
{
    NUMC_TRY(numc__graph_reserve(context, signature, 1, 0));
    numc_value value = {.node = -1};
    NUMC_TRY(numc__graph_copy_type(context, signature, type, &value.type));
    if (!output)
        signature->input_count++;
    else
        signature->outputs[signature->output_count++] = signature->value_count;
    signature->values[signature->value_count++] = value;
    return NUMC_OK;
}

/* ---- running ------------------------------------------------------------------------------------------------------------- */

static numc_status run(numc_context *context, const definition *f, const numc_array *const *inputs, numc_array **outputs);

/* An array of the trace as an array of the scope around it. */
static numc_array *hand_out(numc_trace *trace, numc_scope_frame *outside, const numc_array *x)
{
    numc_array *y = numc__array_alias(trace->context, numc__dynamic_value(trace, x));
    numc__array_move(y, outside);
    return y;
}

static numc_status check_outputs(numc_context *context, const definition *f, numc_array *const *outputs)
{
    for (int32_t i = 0; i < f->signature->output_count; i++) {
        NUMC_TRY(context->status);
        NUMC_REQUIRE(context, outputs[i] != NULL, NUMC_INVALID_ARGUMENT, "output %d of the dynamic function is NULL", i);
        NUMC_TRY(numc__array_check(outputs[i], context, "output of the dynamic function"));
        const numc_type type = numc__type_of(outputs[i]), *was = numc__graph_output_type(f->signature, i);
        if (!numc__type_equal(&type, was)) {
            char is[160], first[160];
            numc__type_format(is, sizeof is, type.dtype, type.rank, type.shape);
            numc__type_format(first, sizeof first, was->dtype, was->rank, was->shape);
            return numc__fail(context, NUMC_TRACE, "the function is not the same each time it runs: output %d was %s, then %s", i, first, is);
        }
    }
    return context->status;
}

/* The callback, under a trace of its own where the lane has no dynamic one. */
static numc_status run_plain(numc_context *context, const definition *f, const numc_array *const *inputs, numc_array **outputs)
{
    int32_t ins = f->signature->input_count, outs = f->signature->output_count;
    numc_context *before = numc__acting_begin(context);
    numc__trace_callback(context, f->callback, inputs, ins, outputs, outs, f->user);
    numc__acting_end(context, before);
    return check_outputs(context, f, outputs);
}

static void outer_begin(numc_trace *trace)
{
    numc__trace_set_innermost(trace->context, trace->outer);
}

static void outer_end(numc_trace *trace)
{
    numc__trace_set_innermost(trace->context, trace);
}

/* The path is walked once along each direction: units of the inputs (forward) or outputs, y is what was computed. */
static numc_status walk_all(numc_context *context, const definition *f, numc_trace *trace, numc_scope_frame *outside, numc_array *const *y,
                            numc_array **outputs)
{
    const numc_graph *signature = f->inner->signature;
    const bool reverse = f->kind == ROWS;
    const int32_t along = reverse ? signature->output_count : signature->input_count, across = reverse ? signature->input_count : signature->output_count;
    const int64_t total = numc__direction_count(signature, reverse);
    const size_t count = 2 * (size_t)along + (size_t)across * ((size_t)total + 2);
    const numc_array **block = numc__allocate_zero(context, count, sizeof *block);
    if (block == NULL)
        return context->status;
    const numc_array **units = block, **d = units + along, **e = d + along, **stacks = e + across, **rows = stacks + across;
    outer_begin(trace);
    int64_t first = 0;
    for (int32_t i = 0; i < along; i++) {
        const numc_type *type = reverse ? numc__graph_output_type(signature, i) : numc__graph_input_type(signature, i);
        if (!numc__differentiable(type->dtype))
            continue;
        units[i] = numc__unit_vectors(context, type, first, total);
        int64_t size = 1;
        for (int32_t k = 0; k < type->rank; k++)
            size *= type->shape[k];
        first += size;
    }
    for (int64_t r = 0; r < total && context->status == NUMC_OK; r++) {
        for (int32_t i = 0; i < along; i++)
            d[i] = units[i] == NULL ? NULL : numc_index(units[i], NUMC_AT(r));
        outer_end(trace);
        numc_status status = reverse ? numc__dynamic_backward(trace, (const numc_array *const *)y, d, along, (numc_array **)(uintptr_t)e)
                                     : numc__dynamic_forward(trace, d, (const numc_array *const *)y, across, (numc_array **)(uintptr_t)e);
        outer_begin(trace);
        for (int32_t i = 0; i < across && status == NUMC_OK; i++) {
            const numc_type *type = reverse ? numc__graph_input_type(signature, i) : numc__graph_output_type(signature, i);
            if (numc__differentiable(type->dtype))
                rows[i * total + r] = numc__dynamic_value(trace, e[i] != NULL ? e[i] : numc__zeros_of(context, type));
        }
    }
    int32_t floats = 0, given = signature->output_count;
    for (int32_t i = 0; i < across && context->status == NUMC_OK; i++) {
        const numc_type *type = reverse ? numc__graph_input_type(signature, i) : numc__graph_output_type(signature, i);
        int64_t shape[NUMC_RANK_LIMIT + 1] = {0};
        for (int32_t k = 0; k < type->rank; k++)
            shape[k + 1] = type->shape[k];
        if (!numc__differentiable(type->dtype))
            continue;
        stacks[floats++] = total > 0 ? numc_stack(&rows[i * total], (int32_t)total, 0)
                                     : numc_zeros_(context, type->dtype, (numc_shape){shape, type->rank + 1, true});
    }
    if (context->status == NUMC_OK) {
        const int32_t blocks = numc__jacobian_blocks(context, signature, (numc_array *const *)stacks, reverse, f->kind == HESSIAN, &outputs[given]);
        for (int32_t i = 0; i < blocks && context->status == NUMC_OK; i++)
            outputs[given + i] = hand_out(trace, outside, outputs[given + i]);
    }
    outer_end(trace);
    numc__free(context, block, count * sizeof *block);
    return context->status;
}

/* block: x, xbar or dx (ins each), y, dy or ybar (outs each), of the inner function */
static numc_status run_derivative(numc_context *context, const definition *f, const numc_array *const *inputs, numc_array **outputs,
                                  numc_trace *trace, numc_scope_frame *outside, numc_array **block)
{
    const definition *of = f->kind == PLAIN ? f : f->inner;
    const numc_graph *signature = of->signature;
    int32_t ins = signature->input_count, outs = signature->output_count, at = ins, given = 0;
    numc_array **x = block, **xbar = x + ins, **y = xbar + ins, **ybar = y + outs;
    const numc_array *const *traced = (const numc_array *const *)x;
    const numc_array *const *results = (const numc_array *const *)y;
    for (int32_t i = 0; i < ins; i++)
        x[i] = numc__dynamic_input(trace, inputs[i], f->kind != PLAIN);
    NUMC_TRY(context->status);
    NUMC_TRY(of->kind == PLAIN ? run_plain(context, of, traced, y) : run(context, of, traced, y));
    for (int32_t i = 0; i < outs; i++)
        outputs[given++] = hand_out(trace, outside, y[i]);
    if (f->kind == PLAIN)
        return context->status;
    if (f->kind >= COLUMNS)
        return walk_all(context, f, trace, outside, y, outputs);
    if (f->kind == FORWARD) {
        for (int32_t i = 0; i < ins; i++)
            xbar[i] = numc__differentiable(signature->values[i].type.dtype) ? (numc_array *)(uintptr_t)inputs[at++] : NULL;
        NUMC_TRY(numc__dynamic_forward(trace, (const numc_array *const *)xbar, results, outs, ybar));
    } else {
        for (int32_t i = 0; i < outs; i++) {
            const numc_type *type = numc__graph_output_type(signature, i);
            if (!numc__differentiable(type->dtype))
                continue;
            numc__trace_set_innermost(context, trace->outer);
            ybar[i] = f->kind == REVERSE ? (numc_array *)(uintptr_t)inputs[at++]
                                         : numc_ones_(context, type->dtype, (numc_shape){type->shape, type->rank, true});
            numc__trace_set_innermost(context, trace);
        }
        NUMC_TRY(numc__dynamic_backward(trace, results, (const numc_array *const *)ybar, outs, xbar));
    }
    bool forward = f->kind == FORWARD;
    for (int32_t i = 0; i < (forward ? outs : ins) && context->status == NUMC_OK; i++) {
        const numc_type *type = forward ? numc__graph_output_type(signature, i) : &signature->values[i].type;
        numc_array *d = forward ? ybar[i] : xbar[i];
        if (numc__differentiable(type->dtype))
            outputs[given++] = hand_out(trace, outside, d != NULL ? d : numc__zeros_of(context, type));
    }
    return context->status;
}

/* jvp of the gradient gives (y, gradient..., dy, H v...): without dy. */
static numc_status run_hessian_vector(numc_context *context, const definition *f, const numc_array *const *inputs, numc_array **outputs)
{
    int32_t count = f->inner->signature->output_count, left_out = (count - 2) / 2 + 1;
    size_t size = (size_t)count * sizeof *outputs;
    numc_array **all = numc__allocate_zero(context, 1, size);
    if (all == NULL)
        return context->status;
    numc_status status = run(context, f->inner, inputs, all);
    for (int32_t i = 0; i + 1 < count; i++)
        outputs[i] = all[i < left_out ? i : i + 1];
    numc__free(context, all, size);
    return status;
}

static numc_status run(numc_context *context, const definition *f, const numc_array *const *inputs, numc_array **outputs)
{
    if (f->kind == HESSIAN_VECTOR)
        return run_hessian_vector(context, f, inputs, outputs);
    if (f->kind == PLAIN && numc__trace_is_dynamic(context))
        return run_plain(context, f, inputs, outputs);
    const numc_graph *signature = f->kind == PLAIN ? f->signature : f->inner->signature;
    size_t size = 2 * ((size_t)signature->input_count + (size_t)signature->output_count) * sizeof(numc_array *);
    numc_array **block = numc__allocate_zero(context, 1, size);
    if (block == NULL)
        return context->status;
    numc_scope_frame *outside = context->scope;
    numc_trace *trace = numc__dynamic_begin(context);
    numc_status status = trace == NULL ? context->status : run_derivative(context, f, inputs, outputs, trace, outside, block);
    numc__trace_abandon(trace);
    numc__free(context, block, size);
    return status;
}

numc_status numc__dynamic_function_call(numc_context *context, const numc_function *function, const numc_array *const *inputs,
                                        numc_array **outputs)
{
    definition *f = function->dynamic;
    atomic_fetch_add(&f->references, 1); /* the callback may free the function */
    numc_status status = run(context, f, inputs, outputs);
    for (int32_t i = 0; i < f->signature->output_count && status != NUMC_OK; i++)
        outputs[i] = NULL;
    numc__dynamic_function_release(f);
    return status;
}

/* ---- making ---------------------------------------------------------------------------------------------------------------- */

static numc_function *wrap(numc_context *context, definition *f, numc_status status)
{
    if (f == NULL || status != NUMC_OK) {
        numc__dynamic_function_release(f);
        return NULL;
    }
    numc_function *function = numc__function_wrap(context, numc__graph_keep(f->signature));
    if (function == NULL)
        numc__dynamic_function_release(f);
    else
        function->dynamic = f;
    return function;
}

/* Runs the callback on the examples, to learn the types of its outputs. */
static numc_status first_run(numc_context *context, definition *f, const numc_array *const *examples, int32_t output_count, numc_array **block)
{
    int32_t ins = f->signature->input_count;
    numc_array **x = block, **y = block + ins;
    numc_trace *trace = numc__dynamic_begin(context);
    if (trace == NULL)
        return context->status;
    for (int32_t i = 0; i < ins; i++)
        x[i] = numc__dynamic_input(trace, examples[i], false);
    numc_status status = context->status;
    if (status == NUMC_OK) {
        numc_context *before = numc__acting_begin(context);
        numc__trace_callback(context, f->callback, (const numc_array *const *)x, ins, y, output_count, f->user);
        numc__acting_end(context, before);
        status = context->status;
    }
    for (int32_t i = 0; i < output_count && status == NUMC_OK; i++) {
        if (y[i] == NULL) {
            status = numc__fail(context, NUMC_INVALID_ARGUMENT, "output %d of the dynamic function is NULL", i);
        } else {
            status = numc__array_check(y[i], context, "output of the dynamic function");
            const numc_type type = numc__type_of(y[i]);
            status = status != NUMC_OK ? status : sign(context, f->signature, &type, true);
        }
    }
    numc__trace_abandon(trace);
    return status;
}

numc_function *numc__dynamic_function_new(numc_context *context, numc_trace_fn callback, void *user, const numc_array *const *examples,
                                          int32_t input_count, int32_t output_count)
{
    definition *f = define(context, PLAIN, NULL);
    if (f == NULL)
        return NULL;
    f->callback = callback;
    f->user = user;
    numc_status status = NUMC_OK;
    for (int32_t i = 0; i < input_count && status == NUMC_OK; i++) {
        const numc_type type = numc__type_of(examples[i]);
        status = sign(context, f->signature, &type, false);
    }
    size_t size = ((size_t)input_count + (size_t)output_count) * sizeof(numc_array *);
    numc_array **block = NULL;
    if (status == NUMC_OK) {
        f->signature->outputs = numc__graph_memory(context, f->signature, (size_t)output_count * sizeof *f->signature->outputs);
        block = f->signature->outputs == NULL ? NULL : numc__allocate_zero(context, 1, size);
        status = block == NULL ? context->status : first_run(context, f, examples, output_count, block);
        numc__free(context, block, size);
    }
    return wrap(context, f, status);
}

/* Types of all inputs or outputs of the inner function, or of those that have derivatives. */
static numc_status sign_all(numc_context *context, definition *f, const numc_graph *of, bool from_outputs, bool as_outputs, bool floats)
{
    numc_status status = NUMC_OK;
    for (int32_t i = 0; i < (from_outputs ? of->output_count : of->input_count) && status == NUMC_OK; i++) {
        const numc_type *type = from_outputs ? numc__graph_output_type(of, i) : numc__graph_input_type(of, i);
        if (!floats || numc__differentiable(type->dtype))
            status = sign(context, f->signature, type, as_outputs);
    }
    return status;
}

/* Types of a Jacobian's blocks: of the outputs from `skip` on, by the inputs. */
static numc_status sign_blocks(numc_context *context, definition *f, const numc_graph *of, int32_t skip)
{
    const int32_t most = numc_info_capabilities().max_dimensions;
    for (int32_t i = skip; i < of->output_count; i++)
        for (int32_t j = 0; j < of->input_count; j++) {
            const numc_type *y = numc__graph_output_type(of, i), *x = numc__graph_input_type(of, j);
            int64_t shape[2 * NUMC_RANK_LIMIT];
            if (!numc__differentiable(y->dtype) || !numc__differentiable(x->dtype))
                continue;
            NUMC_REQUIRE(context, y->rank + x->rank <= most, NUMC_SHAPE, "a derivative of rank %d is beyond %d", y->rank + x->rank, most);
            for (int32_t k = 0; k < y->rank + x->rank; k++)
                shape[k] = k < y->rank ? y->shape[k] : x->shape[k - y->rank];
            NUMC_TRY(sign(context, f->signature, &(numc_type){f->kind == ROWS ? x->dtype : y->dtype, y->rank + x->rank, shape}, true));
        }
    return NUMC_OK;
}

static definition *derivative_of(numc_context *context, definition *inner, dynamic_kind kind)
{
    atomic_fetch_add(&inner->references, 1);
    definition *f = define(context, kind, inner);
    if (f == NULL)
        return NULL;
    const numc_graph *of = inner->signature;
    numc_status status = NUMC_OK;
    if (kind == GRADIENT) {
        const numc_type *type = of->output_count == 1 ? numc__graph_output_type(of, 0) : NULL;
        if (type == NULL || type->rank != 0 || numc_dtype_kind(type->dtype) != NUMC_KIND_REAL)
            status = numc__fail(context, NUMC_SHAPE, "a gradient is of one 0-d real float output; the function has %d", of->output_count);
    }
    size_t outputs = 2 * ((size_t)of->input_count + (size_t)of->output_count);
    if (kind >= COLUMNS)
        outputs += (size_t)of->input_count * (size_t)of->output_count;
    if (status == NUMC_OK) {
        f->signature->outputs = numc__graph_memory(context, f->signature, outputs * sizeof *f->signature->outputs);
        status = f->signature->outputs == NULL ? context->status : sign_all(context, f, of, false, false, false);
    }
    if (status == NUMC_OK && (kind == FORWARD || kind == REVERSE))
        status = sign_all(context, f, of, kind == REVERSE, false, true);
    if (status == NUMC_OK)
        status = sign_all(context, f, of, true, true, false);
    if (status == NUMC_OK && kind == HESSIAN_VECTOR) { /* (y, gradient..., dy, H v...) */
        int32_t left_out = (of->output_count - 2) / 2 + 1, *ids = f->signature->outputs;
        for (int32_t i = left_out; i + 1 < of->output_count; i++)
            ids[i] = ids[i + 1];
        f->signature->output_count--;
    } else if (status == NUMC_OK) {
        status = kind >= COLUMNS ? sign_blocks(context, f, of, kind == HESSIAN) : sign_all(context, f, of, kind == FORWARD, true, true);
    }
    if (status != NUMC_OK) {
        numc__dynamic_function_release(f);
        return NULL;
    }
    return f;
}

numc_function *numc__dynamic_function_derive(numc_context *context, const numc_function *function, numc_transform transform)
{
    static const dynamic_kind kinds[] = {[NUMC_TRANSFORM_JVP] = FORWARD, [NUMC_TRANSFORM_VJP] = REVERSE, [NUMC_TRANSFORM_GRADIENT] = GRADIENT,
                                         [NUMC_TRANSFORM_HVP] = GRADIENT, [NUMC_TRANSFORM_HESSIAN] = GRADIENT,
                                         [NUMC_TRANSFORM_JACOBIAN_FORWARD] = COLUMNS, [NUMC_TRANSFORM_JACOBIAN_REVERSE] = ROWS};
    definition *f = derivative_of(context, function->dynamic, kinds[transform]);
    if (f != NULL && transform == NUMC_TRANSFORM_HVP) {
        definition *both = derivative_of(context, f, FORWARD);
        numc__dynamic_function_release(f);
        f = both == NULL ? NULL : derivative_of(context, both, HESSIAN_VECTOR);
        numc__dynamic_function_release(both);
    }
    if (f != NULL && transform == NUMC_TRANSFORM_HESSIAN) {
        definition *gradient = f;
        f = derivative_of(context, gradient, HESSIAN);
        numc__dynamic_function_release(gradient);
    }
    return wrap(context, f, f == NULL ? context->status : NUMC_OK);
}
