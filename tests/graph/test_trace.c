/* Recording: nesting and capture, what may not be traced, the printed form, the verifier, comparison, and functions. */
#include "base/text.h"
#include "support.h"

static void assert_prints(const numc_graph *graph, const char *expected)
{
    numc_text text;
    numc__text_begin(&text, graph->core);
    numc__graph_print(&text, graph);
    assert_false(text.failed);
    assert_string_equal(text.data, expected);
    numc__text_end(&text);
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

BODY(density)
{
    UNUSED();
    context->site = "theta";
    numc_array *z = numc_divide(numc_subtract(in[0], in[1]), 2.0);
    context->site = NULL;
    (void)numc_exp(z); /* nothing needs it: it is not in the graph */
    out[0] = numc_multiply(numc_sum(numc_square(z)), -0.5);
}

static void graphs_print(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x[2] = {numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(8)), numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(8))};
    numc_graph *graph = trace_like(context, density, NULL, x, 2, 1);
    ASSERT_FINE(context);
    assert_prints(graph, "(%0 float64[8], %1 float64[8]) {\n"
                         "    %2 float64[8] = subtract %0 %1   ; site theta\n"
                         "    %3 float64[8] = constant 2\n"
                         "    %4 float64[8] = divide %2 %3   ; site theta\n"
                         "    %5 float64[8] = square %4\n"
                         "    %6 float64[] = reduce_sum %5 axes=[0]\n"
                         "    %7 float64[] = constant -0.5\n"
                         "    %8 float64[] = multiply %6 %7\n"
                         "    return %8\n"
                         "}\n");
    numc__graph_release(graph);
    numc_close(context);
}

BODY(running)
{
    UNUSED();
    out[0] = numc_add(in[0], in[1]);
    out[1] = out[0];
}
BODY(many)
{
    UNUSED();
    numc_array *sorted[2];
    numc_attributes attributes = {.count = 2, .numbers = (const int64_t[]){0, 1}};
    numc__bind(context, NUMC_PRIMITIVE_SORT, in, 1, &attributes, sorted, 2);
    const numc_array *start = numc_zeros(context, NUMC_FLOAT64, NUMC_SCALAR);
    numc_array *scanned[2];
    numc_scan(context, running, NULL, &start, 1, (const numc_array *const *)sorted, 1, scanned, 1, .reverse = true);
    out[0] = numc_flip(scanned[1], NUMC_AXES(0));
    out[1] = sorted[1];
}

static void attributes_and_sub_graphs_print(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x = numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(3));
    numc_trace *trace = numc__trace_begin(context);
    numc_type type = numc__type_of(x);
    numc_array *in = numc__trace_input(trace, &type, "q"), *sorted[2], *scanned[2];
    numc_attributes attributes = {.count = 2, .numbers = (const int64_t[]){0, 1}};
    numc__bind(context, NUMC_PRIMITIVE_SORT, (const numc_array *const *)&in, 1, &attributes, sorted, 2);
    const numc_array *start = numc_zeros(context, NUMC_FLOAT64, NUMC_SCALAR);
    numc_scan(context, running, NULL, &start, 1, (const numc_array *const *)sorted, 1, scanned, 1, .reverse = true);
    attributes = (numc_attributes){.count = 3, .numbers = (const int64_t[]){0, 2, 2}};
    numc_array *outputs[2];
    outputs[0] = numc__bind1(context, NUMC_PRIMITIVE_SLICE, (const numc_array *const *)&scanned[1], 1, &attributes);
    outputs[1] = numc_astype(sorted[1], NUMC_INT32);
    numc_graph *graph = numc__trace_finish(trace, outputs, 2, NULL, NULL);
    ASSERT_FINE(context);
    assert_int_equal(numc__graph_verify(context, graph), NUMC_OK);
    assert_prints(graph, "(%0 float64[3] q) {\n"
                         "    %1 float64[3], %2 int64[3] = sort %0 axis=0 descending=1\n"
                         "    %3 float64[] = constant 0\n"
                         "    %4 float64[], %5 float64[3] = scan %3 %1 carries=1 sequences=1 length=3 reverse=1\n"
                         "        (%0 float64[], %1 float64[]) {\n"
                         "            %2 float64[] = add %0 %1\n"
                         "            return %2 %2\n"
                         "        }\n"
                         "    %6 float64[2] = slice %5 start=[0] count=[2] step=[2]\n"
                         "    %7 int32[3] = convert %2 dtype=int32\n"
                         "    return %6 %7\n"
                         "}\n");
    numc__graph_release(graph);
    numc_close(context);
}

/* ---- what is recorded -------------------------------------------------------------------------------------------- */

static void concrete_arrays_are_constants(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_graph *graph = NULL;
    numc_array *y[2];
    numc_scope(context) {
        numc_array *data = reals(context, NUMC_SHAPE(2), DOUBLES(10, 20));
        numc_type type = numc__type_of(data);
        numc_trace *trace = numc__trace_begin(context);
        assert_true(numc__trace_is_active(context));
        numc_array *x = numc__trace_input(trace, &type, NULL);
        assert_true(numc_array_is_traced(x));
        numc_array *made = numc_multiply(data, 3.0); /* runs now */
        assert_false(numc_array_is_traced(made));
        numc_array *outputs[2] = {numc_add(numc_add(numc_multiply(x, data), data), made), data};
        graph = numc__trace_finish(trace, outputs, 2, NULL, NULL);
        assert_false(numc__trace_is_active(context));
    }
    ASSERT_FINE(context);
    /* one constant for data, though used twice and returned, one for made; both outlive their scopes */
    int constants = 0;
    for (int32_t i = 0; i < graph->value_count; i++)
        constants += graph->values[i].constant != NULL;
    assert_int_equal(constants, 2);
    const numc_array *x = reals(context, NUMC_SHAPE(2), DOUBLES(1, 2));
    double result[2];
    run_graph(context, graph, &x, 1, y);
    numc_to_host(y[0], NUMC_FLOAT64, result, sizeof result);
    assert_true(result[0] == 50 && result[1] == 120);
    numc_to_host(y[1], NUMC_FLOAT64, result, sizeof result);
    assert_true(result[0] == 10 && result[1] == 20);
    numc__graph_release(graph);
    numc_close(context);
}

static void inner_traces_capture_outer_values(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_type type = {NUMC_FLOAT64, 0, NULL};
    numc_trace *outer = numc__trace_begin(context);
    numc_array *a = numc__trace_input(outer, &type, "a"), *b = numc_exp(a);
    numc_trace *middle = numc__trace_begin(context);
    numc_array *c = numc__trace_input(middle, &type, "c");
    numc_trace *inner = numc__trace_begin(context);
    numc_array *d = numc__trace_input(inner, &type, "d");
    /* uses all three levels, b twice, and a only where nothing needs it */
    (void)numc_sin(a);
    numc_array *result = numc_add(numc_multiply(d, b), numc_multiply(c, b));
    const numc_array **captured;
    int32_t count;
    numc_graph *graph = numc__trace_finish(inner, &result, 1, &captured, &count);
    ASSERT_FINE(context);
    assert_int_equal(count, 2);
    assert_int_equal(graph->input_count, 3);
    assert_prints(graph, "(%0 float64[] d, %1 float64[], %2 float64[]) {\n"
                         "    %3 float64[] = multiply %0 %1\n"
                         "    %4 float64[] = multiply %2 %1\n"
                         "    %5 float64[] = add %3 %4\n"
                         "    return %5\n"
                         "}\n");
    /* the captured arrays are values of the outer traces, in the order of first use: b, then c */
    numc_array *again[1];
    const numc_array *inputs[3] = {c, captured[0], captured[1]};
    assert_int_equal(numc__graph_apply(context, graph, inputs, 3, again, 1), NUMC_OK);
    numc__free(context, captured, (size_t)count * sizeof *captured);
    numc__graph_release(graph);
    graph = numc__trace_finish(middle, again, 1, &captured, &count);
    assert_int_equal(count, 1);
    const numc_array *sources[2] = {a, captured[0]};
    assert_int_equal(numc__graph_apply(context, graph, sources, 2, again, 1), NUMC_OK);
    numc__free(context, captured, (size_t)count * sizeof *captured);
    numc__graph_release(graph);
    graph = numc__trace_finish(outer, again, 1, NULL, NULL);
    ASSERT_FINE(context);
    assert_int_equal(graph->input_count, 1);
    const numc_array *x = reals(context, NUMC_SCALAR, DOUBLES(0.5));
    numc_array *y;
    run_graph(context, graph, &x, 1, &y);
    assert_true(numc_item(y) == 2 * (0.5 * numc_item(numc_exp(x))));
    numc__graph_release(graph);
    numc_close(context);
}

static void traced_arrays_may_not_escape(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_type type = {NUMC_FLOAT64, 0, NULL};
    numc_trace *trace = numc__trace_begin(context);
    numc_array *x = numc__trace_input(trace, &type, NULL);
    numc_array *y = numc_exp(x), *kept = numc_keep(numc_sin(x));
    numc_graph *graph = numc__trace_finish(trace, &y, 1, NULL, NULL);
    assert_non_null(graph);
    assert_null(numc_add(y, 1.0));
    assert_error(context, NUMC_DEAD_ARRAY, "(exp) died");
    assert_null(numc_add(kept, 1.0));
    assert_error(context, NUMC_DEAD_ARRAY, "(sin) died with its trace");
    /* a sibling trace */
    trace = numc__trace_begin(context);
    x = numc__trace_input(trace, &type, NULL);
    assert_null(numc_add(x, kept));
    assert_error(context, NUMC_DEAD_ARRAY, "(sin) died with its trace");
    numc__trace_abandon(trace);
    numc_release(kept);
    numc__graph_release(graph);
    assert_false(numc__trace_is_active(context));
    /* a trace of another lane */
    trace = numc__trace_begin(context);
    x = numc__trace_input(trace, &type, NULL);
    numc_context *lane = numc_lane(context);
    numc_array *own = numc_ones(lane, NUMC_FLOAT64, NUMC_SCALAR);
    assert_null(numc_add(own, x));
    assert_error(lane, NUMC_TRACE, "a traced array may be used only inside");
    numc_trace *other = numc__trace_begin(lane);
    numc_array *z = numc__trace_input(other, &type, NULL);
    assert_null(numc_add(z, x));
    assert_error(lane, NUMC_TRACE, "recorded elsewhere");
    numc__trace_abandon(other);
    numc__trace_abandon(trace);
    numc_close(context);
}

BODY(branches_on_value)
{
    UNUSED();
    out[0] = numc_item(in[0]) > 0 ? numc_exp(in[0]) : numc_sin(in[0]);
}
BODY(gives_nothing) { UNUSED(); }
BODY(gives_dead)
{
    UNUSED();
    numc_scope(context) {
        out[0] = numc_exp(in[0]);
    }
}
BODY(uses_outer)
{
    UNUSED();
    out[0] = numc_add(in[0], (const numc_array *)user);
}
BODY(leaves_scope_open)
{
    UNUSED();
    numc_scope_begin(context);
    out[0] = numc_exp(in[0]);
}

static void mistakes_in_traced_functions_are_named(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x = numc_ones(context, NUMC_FLOAT64, NUMC_SCALAR);
    assert_null(numc_function_trace(context, branches_on_value, NULL, &x, 1, 1));
    assert_error(context, NUMC_TRACE, "numc_cond");
    assert_null(numc_function_trace(context, gives_nothing, NULL, &x, 1, 1));
    assert_error(context, NUMC_INVALID_ARGUMENT, "output 0 of the traced function is NULL");
    assert_null(numc_function_trace(context, gives_dead, NULL, &x, 1, 1));
    assert_error(context, NUMC_DEAD_ARRAY, "(exp)");
    numc_type type = numc__type_of(x);
    numc_trace *trace = numc__trace_begin(context);
    numc_array *outer = numc__trace_input(trace, &type, NULL);
    assert_null(numc_function_trace(context, uses_outer, outer, &x, 1, 1));
    assert_error(context, NUMC_TRACE, "pass it as an input");
    /* the outer trace goes on */
    numc_array *y = numc_exp(outer);
    numc_graph *graph = numc__trace_finish(trace, &y, 1, NULL, NULL);
    ASSERT_FINE(context);
    numc__graph_release(graph);
    uint64_t number = context->scope->number;
    numc_function *function = numc_function_trace(context, leaves_scope_open, NULL, &x, 1, 1);
    assert_non_null(function);
    assert_true(context->scope->number == number);
    assert_null(numc_function_trace(context, leaves_scope_open, NULL, (const numc_array *[]){NULL}, 1, 1));
    assert_error(context, NUMC_INVALID_ARGUMENT, "example 0");
    numc_close(context);
}

/* A lane closed while it records leaves nothing behind (the sanitizer would say so). */
static void a_lane_may_close_while_it_records(void **state)
{
    (void)state;
    numc_context *context = open_tested(), *lane = numc_lane(context);
    numc_type type = {NUMC_FLOAT64, 0, NULL};
    numc_trace *trace = numc__trace_begin(lane);
    numc_array *x = numc__trace_input(trace, &type, NULL);
    (void)numc_add(x, reals(lane, NUMC_SCALAR, DOUBLES(3)));
    (void)numc__trace_begin(lane);
    numc_close(lane);
    (void)numc__trace_begin(context);
    numc_close(context);
}

BODY(closes)
{
    (void)input_count, (void)output_count, (void)user;
    numc_close(context);
    out[0] = numc_add(in[0], 1);
}
BODY(gives_it)
{
    (void)context, (void)in, (void)input_count, (void)output_count;
    out[0] = user;
}
BODY(doubles)
{
    (void)context, (void)input_count, (void)output_count, (void)user;
    out[0] = numc_add(in[0], in[0]);
}

BODY(calls_itself)
{
    (void)context, (void)input_count, (void)user;
    numc_cond(numc_greater(in[0], 0), calls_itself, doubles, NULL, in, 1, out, output_count);
}

static void endless_recursion_is_an_error(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x = reals(context, NUMC_SCALAR, DOUBLES(3));
    assert_null(numc_function_trace(context, calls_itself, NULL, &x, 1, 1));
    assert_error(context, NUMC_TRACE, "nested more than 256 deep");
    numc_close(context);
}

BODY(widens)
{
    (void)context, (void)input_count, (void)output_count;
    out[0] = numc_reshape(in[0], ((numc_shape){user, 32, true}));
}

static void derivatives_keep_to_the_greatest_rank(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    int64_t ones[32];
    for (int d = 0; d < 32; d++)
        ones[d] = 1;
    for (int32_t rank = 16; rank <= 17; rank++) {
        const numc_array *x = numc_ones(context, NUMC_FLOAT64, ((numc_shape){ones, rank, true}));
        numc_function *f = numc_function_trace(context, doubles, NULL, &x, 1, 1);
        ASSERT_FINE(context);
        for (int reverse = 0; reverse < 2; reverse++) {
            numc_function *j = reverse ? numc_function_jacobian_reverse(context, f) : numc_function_jacobian_forward(context, f);
            if (rank == 16) {
                numc_array *y[2];
                assert_int_equal(numc_function_call(context, j, &x, 1, y, 2), NUMC_OK);
                assert_int_equal(numc_array_rank(y[1]), 32);
            } else {
                assert_null(j);
                assert_error(context, NUMC_SHAPE, "a derivative of rank 34 is beyond 32");
            }
        }
    }
    const numc_array *one = numc_ones(context, NUMC_FLOAT64, NUMC_SCALAR), *batch = numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(2));
    assert_null(numc_function_vmap(context, numc_function_trace(context, widens, ones, &one, 1, 1), &batch, 1));
    assert_error(context, NUMC_SHAPE, "output 0 has rank 33, beyond 32");
    numc_close(context);
}

static void callbacks_do_not_close_their_context(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x = reals(context, NUMC_SCALAR, DOUBLES(3));
    numc_array *y = NULL, *yes = numc_number(context, NUMC_BOOL, true), *zero = numc_number(context, NUMC_INT64, 0);
    const numc_trace_fn bodies[] = {closes, closes};
    numc_function *f = numc_function_trace(context, doubles, NULL, &x, 1, 1);
    assert_null(numc_function_trace(context, closes, NULL, &x, 1, 1));
    assert_error(context, NUMC_STATE, "numc_close: a callback is at work");
    assert_int_equal(numc_cond(yes, closes, closes, NULL, &x, 1, &y, 1), NUMC_STATE);
    assert_error(context, NUMC_STATE, "numc_close");
    numc_array *dead = NULL;
    numc_scope(context)
        dead = numc_equal(x, 3);
    assert_int_equal(numc_cond(dead, doubles, doubles, NULL, &x, 1, &y, 1), NUMC_DEAD_ARRAY);
    assert_error(context, NUMC_DEAD_ARRAY, "numc_cond");
    assert_int_equal(numc_switch(zero, bodies, 2, NULL, &x, 1, &y, 1), NUMC_STATE);
    assert_error(context, NUMC_STATE, "numc_close");
    assert_int_equal(numc_scan(context, closes, NULL, &x, 1, NULL, 0, &y, 0, .length = 2), NUMC_STATE);
    assert_error(context, NUMC_STATE, "numc_close");
    assert_null(numc_function_custom_jvp(context, f, closes, NULL));
    assert_error(context, NUMC_STATE, "numc_close");
    numc_close(context);
}

static void functions_keep_to_their_context(void **state)
{
    (void)state;
    numc_context *context = open_tested(), *other = open_tested();
    const numc_array *x = reals(context, NUMC_SCALAR, DOUBLES(3)), *foreign = reals(other, NUMC_SCALAR, DOUBLES(4));
    numc_array *y = NULL;
    numc_function *f = numc_function_trace(context, doubles, NULL, &foreign, 1, 1); /* types alone are read */
    ASSERT_FINE(context);
    assert_int_equal(numc_function_call(context, f, &foreign, 1, &y, 1), NUMC_STATE);
    assert_error(context, NUMC_STATE, "input 0 is an array of another context");
    assert_null(numc_function_trace(context, gives_it, (void *)(uintptr_t)foreign, &x, 1, 1));
    assert_error(context, NUMC_STATE, "an array of another context");
    assert_null(numc_full(context, NUMC_DTYPE_DEFAULT, NUMC_SHAPE(2), foreign));
    assert_error(context, NUMC_STATE, "numc_full: the value is an array of another context");
    assert_int_equal(numc_function_call(other, f, &foreign, 1, &y, 1), NUMC_STATE);
    assert_error(other, NUMC_STATE, "numc_function_call: the function belongs to another context");
    const numc_array *batch = reals(other, NUMC_SHAPE(2), DOUBLES(1, 2));
#define FOREIGN(call)                                                                              \
    do {                                                                                           \
        assert_null(call);                                                                         \
        assert_error(other, NUMC_STATE, "the function belongs to another context");                \
    } while (0)
    FOREIGN(numc_function_jvp(other, f));
    FOREIGN(numc_function_vjp(other, f));
    FOREIGN(numc_function_value_and_gradient(other, f));
    FOREIGN(numc_function_vmap(other, f, &batch, 1));
    FOREIGN(numc_function_jacobian_forward(other, f));
    FOREIGN(numc_function_jacobian_reverse(other, f));
    FOREIGN(numc_function_hessian(other, f));
    FOREIGN(numc_function_hvp(other, f));
    FOREIGN(numc_function_linearize(other, f, &foreign, 1, NULL, 0));
    FOREIGN(numc_function_custom_jvp(other, f, doubles, NULL));
    FOREIGN(numc_function_custom_vjp(other, f, doubles, NULL));
    numc_close(other);
    assert_int_equal(numc_function_call(context, f, &x, 1, &y, 1), NUMC_OK);
    assert_true(numc_item(y) == 6);
    numc_close(context);
}

/* ---- the verifier ------------------------------------------------------------------------------------------------ */

static void broken_graphs_are_refused(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x[2] = {numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(8)), numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(8))};
    numc_graph *g = trace_like(context, density, NULL, x, 2, 1);
    assert_int_equal(numc__graph_verify(context, g), NUMC_OK);
#define BREAK(lvalue, value, message)                                                              \
    do {                                                                                           \
        __typeof__(lvalue) old_ = (lvalue);                                                        \
        (lvalue) = (value);                                                                        \
        assert_int_not_equal(numc__graph_verify(context, g), NUMC_OK);                             \
        assert_error(context, NUMC_INTERNAL, message);                                             \
        (lvalue) = old_;                                                                           \
    } while (0)
    const int64_t seven = 7;
    BREAK(g->outputs[0], 99, "output 0 is %99, which does not exist");
    BREAK(g->outputs[0], -1, "output 0");
    BREAK(g->nodes[0].primitive, 9999, "9999");
    BREAK(((int32_t *)(uintptr_t)g->nodes[0].inputs)[1], 5, "node 0 (subtract) reads %5, which is not made before it");
    BREAK(((int32_t *)(uintptr_t)g->nodes[0].inputs)[1], -1, "reads %-1");
    BREAK(g->nodes[1].first_output, 2, "out of order");
    BREAK(g->nodes[0].output_count, 2, "");
    BREAK(g->values[2].node, 1, "%2 does not know");
    BREAK(g->values[0].node, 0, "input %0 is made by something");
    BREAK(g->values[4].type.dtype, NUMC_FLOAT32, "%4 has type float32[8] where divide makes float64[8]");
    BREAK(g->values[5].type.shape, &seven, "%5 has type float64[7] where square makes float64[8]");
    BREAK(g->values[3].type.shape, &seven, "constant %3 has another type");
    BREAK(g->values[3].node, 0, "");
    BREAK(g->input_count, 3, "");
    BREAK(g->input_count, 100, "100 inputs");
    BREAK(g->node_count, 4, "");
    numc_type type = g->values[1].type;
    g->values[1].type.dtype = NUMC_FLOAT32; /* refused by inference, with the primitive's own message */
    assert_int_not_equal(numc__graph_verify(context, g), NUMC_OK);
    assert_error(context, NUMC_DTYPE, "subtract(float64[8], float32[8])");
    g->values[1].type = type;
    numc_array *constant = g->values[3].constant;
    g->values[3].constant = NULL;
    assert_int_not_equal(numc__graph_verify(context, g), NUMC_OK);
    assert_error(context, NUMC_INTERNAL, "%3 is neither input, constant nor output");
    g->values[3].constant = constant;
    assert_int_equal(numc__graph_verify(context, g), NUMC_OK);
    numc__graph_release(g);
    /* a sub-graph is verified too */
    const numc_array *q = numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(3));
    g = trace_like(context, many, NULL, &q, 1, 2);
    ASSERT_FINE(context);
    for (int32_t i = 0; i < g->node_count; i++) {
        numc_graph *body = g->nodes[i].attributes.graphs[0];
        if (body == NULL)
            continue;
        BREAK(body->outputs[0], 99, "output 0 is %99");
    }
    assert_int_equal(numc__graph_verify(context, g), NUMC_OK);
    numc__graph_release(g);
    numc_close(context);
}

/* ---- comparison -------------------------------------------------------------------------------------------------- */

BODY(running_other)
{
    UNUSED();
    out[0] = numc_multiply(in[0], in[1]);
    out[1] = out[0];
}
BODY(running_constant)
{
    UNUSED();
    out[0] = numc_add(in[0], *(const double *)user);
    out[1] = out[0];
}

static void attributes_compare_by_structure(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const int64_t a[2] = {1, 2}, b[2] = {1, 2}, c[2] = {1, 3};
    numc_attributes x = {.count = 2, .numbers = a}, y = {.count = 2, .numbers = b}, z = {.count = 2, .numbers = c};
    assert_true(numc__attributes_equal(&x, &y));
    assert_false(numc__attributes_equal(&x, &z));
    y.dtype = NUMC_FLOAT32;
    assert_false(numc__attributes_equal(&x, &y));
    y = (numc_attributes){.count = 1, .numbers = b};
    assert_false(numc__attributes_equal(&x, &y));
    const numc_array *in[2] = {numc_zeros(context, NUMC_FLOAT64, NUMC_SCALAR), numc_zeros(context, NUMC_FLOAT64, NUMC_SCALAR)};
    numc_trace_fn bodies[] = {running, running, running_other, running_constant, running_constant, running_constant};
    double numbers[] = {0, 0, 0, 2.0, 2.0, 3.0};
    numc_attributes all[6];
    for (int i = 0; i < 6; i++)
        all[i] = (numc_attributes){.graphs = {trace_like(context, bodies[i], &numbers[i], in, 2, 2)}};
    ASSERT_FINE(context);
    for (int i = 0; i < 6; i++) {
        for (int j = 0; j < 6; j++) {
            bool equal = i == j || (i < 2 && j < 2) || ((i == 3 || i == 4) && (j == 3 || j == 4));
            assert_true(numc__attributes_equal(&all[i], &all[j]) == equal);
        }
    }
    for (int i = 0; i < 6; i++)
        numc__graph_release(all[i].graphs[0]);
    numc_close(context);
}

/* ---- functions --------------------------------------------------------------------------------------------------- */

BODY(quadratic) { UNUSED(); out[0] = numc_sum(numc_multiply(numc_square(in[0]), in[1])); }
BODY(calls_function)
{
    UNUSED();
    numc_function_call(context, user, in, 2, out, 1);
    out[0] = numc_multiply(out[0], 2.0);
}

static void functions_are_called_and_differentiated(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x[4] = {reals(context, NUMC_SHAPE(2), DOUBLES(3, 5)), reals(context, NUMC_SHAPE(2), DOUBLES(2, 7))};
    numc_function *f = numc_function_trace(context, quadratic, NULL, x, 2, 1);
    ASSERT_FINE(context);
    assert_int_equal(numc_function_input_count(f), 2);
    assert_int_equal(numc_function_output_count(f), 1);
    numc_array *y[3];
    assert_int_equal(numc_function_call(context, f, x, 2, y, 1), NUMC_OK);
    assert_true(numc_item(y[0]) == 9 * 2 + 25 * 7);
    numc_function *gradient = numc_function_value_and_gradient(context, f);
    assert_int_equal(numc_function_call(context, gradient, x, 2, y, 3), NUMC_OK);
    double dx[2], dw[2];
    numc_to_host(y[1], NUMC_FLOAT64, dx, sizeof dx);
    numc_to_host(y[2], NUMC_FLOAT64, dw, sizeof dw);
    assert_true(numc_item(y[0]) == 193 && dx[0] == 12 && dx[1] == 70 && dw[0] == 9 && dw[1] == 25);
    numc_function *forward = numc_function_jvp(context, f), *backward = numc_function_vjp(context, f);
    x[2] = reals(context, NUMC_SHAPE(2), DOUBLES(1, 0));
    x[3] = reals(context, NUMC_SHAPE(2), DOUBLES(0, 1));
    assert_int_equal(numc_function_call(context, forward, x, 4, y, 2), NUMC_OK);
    assert_true(numc_item(y[1]) == 12 + 25);
    x[2] = reals(context, NUMC_SCALAR, DOUBLES(10));
    assert_int_equal(numc_function_call(context, backward, x, 3, y, 3), NUMC_OK);
    numc_to_host(y[1], NUMC_FLOAT64, dx, sizeof dx);
    assert_true(dx[0] == 120 && dx[1] == 700);
    /* within another function it is written out */
    numc_function *twice = numc_function_trace(context, calls_function, f, x, 2, 1);
    assert_int_equal(numc_function_call(context, twice, x, 2, y, 1), NUMC_OK);
    assert_true(numc_item(y[0]) == 386);
    char text[512], small[8];
    size_t length = numc_function_format(twice, text, sizeof text);
    assert_int_equal(length, strlen(text));
    assert_non_null(strstr(text, "reduce_sum"));
    assert_int_equal(numc_function_format(twice, small, sizeof small), length);
    assert_memory_equal(small, text, 7);
    assert_int_equal(small[7], '\0');
    numc_function_free(twice);
    numc_function_free(NULL);
    /* mistakes */
    assert_int_not_equal(numc_function_call(context, f, x, 1, y, 1), NUMC_OK);
    assert_error(context, NUMC_INVALID_ARGUMENT, "takes 2 inputs, not 1");
    assert_int_not_equal(numc_function_call(context, f, x, 2, y, 2), NUMC_OK);
    assert_error(context, NUMC_INVALID_ARGUMENT, "gives 1 outputs, not 2");
    const numc_array *bad[2] = {x[0], numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(3))};
    assert_int_not_equal(numc_function_call(context, f, bad, 2, y, 1), NUMC_OK);
    assert_error(context, NUMC_SHAPE, "input 1 is float64[3]; the function was traced for float64[2]");
    bad[1] = numc_zeros(context, NUMC_FLOAT32, NUMC_SHAPE(2));
    assert_int_not_equal(numc_function_call(context, f, bad, 2, y, 1), NUMC_OK);
    assert_error(context, NUMC_DTYPE, "float32[2]");
    assert_null(numc_function_value_and_gradient(context, forward));
    assert_error(context, NUMC_SHAPE, "one 0-d real float output");
    assert_null(numc_function_jvp(context, NULL));
    assert_error(context, NUMC_INVALID_ARGUMENT, "NULL");
    numc_close(context); /* frees the functions left */
}

/* A derived function of a derived function inside a trace: the Hessian's product with a vector. */
BODY(cubic) { UNUSED(); out[0] = numc_sum(numc_pow(in[0], 3.0)); }
static void derivatives_compose(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x[2] = {reals(context, NUMC_SHAPE(2), DOUBLES(3, 5)), reals(context, NUMC_SHAPE(2), DOUBLES(1, 2))};
    numc_function *f = numc_function_trace(context, cubic, NULL, x, 1, 1);
    numc_function *hessian = numc_function_jvp(context, numc_function_value_and_gradient(context, f));
    numc_array *y[4];
    assert_int_equal(numc_function_call(context, hessian, x, 2, y, 4), NUMC_OK);
    ASSERT_FINE(context);
    double product[2];
    numc_to_host(y[3], NUMC_FLOAT64, product, sizeof product);
    assert_true(fabs(product[0] - 18) < 1e-12 && fabs(product[1] - 60) < 1e-12);
    numc_close(context);
}

/* Any lane of the context may call a function that holds constants of the first. */
BODY(with_constant) { UNUSED(); out[0] = numc_multiply(numc_log((const numc_array *)user), in[0]); }
static void functions_run_on_other_lanes(void **state)
{
    (void)state;
    numc_context *context = open_tested(), *lane = numc_lane(context);
    numc_array *data = reals(context, NUMC_SHAPE(2), DOUBLES(1, 2));
    const numc_array *x = reals(context, NUMC_SHAPE(2), DOUBLES(3, 5));
    numc_function *f = numc_function_trace(context, with_constant, data, &x, 1, 1);
    const numc_array *own = reals(lane, NUMC_SHAPE(2), DOUBLES(3, 5));
    numc_array *y;
    assert_int_equal(numc_function_call(lane, f, &own, 1, &y, 1), NUMC_OK);
    assert_ptr_equal(numc_array_context(y), lane);
    double result[2];
    numc_to_host(y, NUMC_FLOAT64, result, sizeof result);
    assert_true(result[0] == 0 && fabs(result[1] - 5 * 0.69314718055994531) < 1e-15);
    numc_function *derived = numc_function_vjp(lane, f);
    assert_non_null(derived);
    numc_function_free(derived);
    numc_close(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphs_print),
        cmocka_unit_test(attributes_and_sub_graphs_print),
        cmocka_unit_test(concrete_arrays_are_constants),
        cmocka_unit_test(inner_traces_capture_outer_values),
        cmocka_unit_test(traced_arrays_may_not_escape),
        cmocka_unit_test(mistakes_in_traced_functions_are_named),
        cmocka_unit_test(a_lane_may_close_while_it_records),
        cmocka_unit_test(endless_recursion_is_an_error),
        cmocka_unit_test(derivatives_keep_to_the_greatest_rank),
        cmocka_unit_test(callbacks_do_not_close_their_context),
        cmocka_unit_test(functions_keep_to_their_context),
        cmocka_unit_test(broken_graphs_are_refused),
        cmocka_unit_test(attributes_compare_by_structure),
        cmocka_unit_test(functions_are_called_and_differentiated),
        cmocka_unit_test(derivatives_compose),
        cmocka_unit_test(functions_run_on_other_lanes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
