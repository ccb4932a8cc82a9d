/* Every form of control flow, and of functions with derivatives of their own, in one table: both modes against differences and each
 * other, to second order; batched at every axis against a loop, values and both modes; and the transforms composed, a gradient
 * of a batch of gradients among them. The table of primitives says which forms there are: one without a row fails. */
#define BODY_NAME(name) body_##name
#include "support.h"
#include "../base/effort.h"

#include "graph/function.h"
#include "numc/linalg.h"

/* ---- forms ------------------------------------------------------------------------------------------------------- */

/* All take x (3) and s (0-d): a sequence, and something that bodies capture. */
static numc_array *first(const numc_array *x)
{
    return numc_index(x, NUMC_AT(0));
}

BODY(scaled) { UNUSED(); out[0] = numc_multiply(in[0], numc_sin((const numc_array *)user)); }
BODY(bent) { UNUSED(); out[0] = numc_sqrt(numc_add(numc_square(in[0]), numc_exp((const numc_array *)user))); }
BODY(cubed) { UNUSED(); out[0] = numc_multiply(in[0], numc_square(in[0])); }
static void *captured(const numc_array *s)
{
    return (void *)(uintptr_t)s;
}
BODY(cond_true) { UNUSED(); (void)numc_cond(numc_less(numc_sum(in[0]), 100.0), body_scaled, body_bent, captured(in[1]), in, 1, out, 1); }
BODY(cond_false) { UNUSED(); (void)numc_cond(numc_less(numc_sum(in[0]), -100.0), body_scaled, body_bent, captured(in[1]), in, 1, out, 1); }
/* which branch depends on the element where it is batched: 0.9 parts the first elements of the batches below */
BODY(cond_each) { UNUSED(); (void)numc_cond(numc_less(numc_abs(first(in[0])), 0.9), body_scaled, body_bent, captured(in[1]), in, 1, out, 1); }
BODY(switch_each)
{
    UNUSED();
    const numc_trace_fn bodies[3] = {body_scaled, body_bent, body_cubed};
    numc_array *index = numc_astype(numc_multiply(numc_abs(first(in[0])), 2.2), NUMC_INT64);
    (void)numc_switch(index, bodies, 3, captured(in[1]), in, 1, out, 1);
}
BODY(step)
{
    UNUSED();
    out[0] = numc_add(numc_multiply(in[0], numc_tanh((const numc_array *)user)), numc_sin(in[1]));
    out[1] = numc_multiply(out[0], in[1]);
}
BODY(two_carries)
{
    UNUSED();
    out[0] = numc_add(numc_multiply(in[0], 0.5), numc_multiply(in[1], in[2]));
    out[1] = numc_sin(numc_add(in[1], numc_multiply(in[0], (const numc_array *)user)));
    out[2] = numc_square(in[0]);
    out[3] = numc_multiply(in[1], in[2]);
}
BODY(pendulum)
{
    UNUSED();
    out[0] = numc_add(in[0], numc_multiply(numc_sin(in[0]), (const numc_array *)user));
}
BODY(scan) { UNUSED(); const numc_array *start = numc_cos(in[1]); (void)numc_scan(context, body_step, captured(in[1]), &start, 1, in, 1, out, 1); }
BODY(scan_reverse) { UNUSED(); (void)numc_scan(context, body_step, captured(in[1]), in + 1, 1, in, 1, out, 1, .reverse = true); }
BODY(scan_unrolled) { UNUSED(); (void)numc_scan(context, body_step, captured(in[1]), in + 1, 1, in, 1, out, 1, .unroll = 2); }
BODY(scan_bounded) { UNUSED(); (void)numc_scan(context, body_step, captured(in[1]), in + 1, 1, in, 1, out, 1, .carry_bytes = 16); }
BODY(scan_two)
{
    UNUSED();
    const numc_array *carries[2] = {in[1], numc_sum(in[0])};
    (void)numc_scan(context, body_two_carries, captured(in[1]), carries, 2, in, 1, out, 2);
}
BODY(scan_alone) { UNUSED(); (void)numc_scan(context, body_pendulum, captured(in[1]), in, 1, NULL, 0, out, 0, .length = 5); }
BODY(scan_once) { UNUSED(); (void)numc_scan(context, body_pendulum, captured(in[1]), in, 1, NULL, 0, out, 0, .length = 1); }
BODY(inner) { UNUSED(); const numc_array *both[2] = {in[0], in[1]}; (void)numc_scan(context, body_pendulum, user, both, 1, NULL, 0, out, 0, .length = 3); out[1] = numc_multiply(out[0], in[1]); }
BODY(scan_nested) { UNUSED(); (void)numc_scan(context, body_inner, captured(in[1]), in + 1, 1, in, 1, out, 1); }
BODY(cond_inside)
{
    UNUSED();
    (void)numc_cond(numc_less(in[1], 0.0), body_scaled, body_bent, user, in, 1, out, 1);
    out[0] = numc_add(out[0], in[1]);
    out[1] = numc_cos(out[0]);
}
BODY(scan_of_cond) { UNUSED(); (void)numc_scan(context, body_cond_inside, captured(in[1]), in + 1, 1, in, 1, out, 1); }
BODY(each) { UNUSED(); out[0] = numc_multiply(numc_exp(numc_multiply(in[0], 0.5)), (const numc_array *)user); out[1] = numc_square(in[0]); }
BODY(map) { UNUSED(); (void)numc_map(context, body_each, captured(in[1]), in, 1, out, 2); }
BODY(counted) { UNUSED(); out[0] = numc_add(numc_multiply(in[1], 0.5), numc_sin(numc_multiply((const numc_array *)user, numc_astype(in[0], NUMC_FLOAT64)))); }
BODY(fori) { UNUSED(); (void)numc_fori(context, -1, 3, body_counted, captured(in[1]), in, 1, out); }
BODY(fori_traced)
{
    UNUSED();
    numc_array *upper = numc_astype(numc_multiply(numc_abs(first(in[0])), 4.0), NUMC_INT64);
    (void)numc_fori(context, 0, upper, body_counted, captured(in[1]), in, 1, out);
}
BODY(goes_on) { UNUSED(); out[0] = numc_less(numc_sum(numc_square(in[0])), 40.0); }
BODY(grow) { UNUSED(); out[0] = numc_add(numc_multiply(in[0], 1.5), numc_multiply(numc_cos(in[0]), (const numc_array *)user)); }
BODY(while) { UNUSED(); (void)numc_while(context, body_goes_on, body_grow, captured(in[1]), in, 1, out, .limit = 50); }
BODY(while_not) { UNUSED(); const numc_array *far = numc_add(in[0], 60.0); (void)numc_while(context, body_goes_on, body_grow, captured(in[1]), &far, 1, out); }

BODY(x_sin_s) { UNUSED(); out[0] = numc_multiply(in[0], numc_sin(in[1])); out[1] = numc_sum(numc_square(in[0])); }
BODY(x_sin_s_jvp)
{
    UNUSED(); /* x, s, y0, y1, dx, ds */
    out[0] = numc_add(numc_multiply(in[4], numc_sin(in[1])), numc_multiply(in[0], numc_multiply(in[5], numc_cos(in[1]))));
    out[1] = numc_multiply(numc_sum(numc_multiply(in[0], in[4])), 2.0);
}
BODY(x_sin_s_vjp)
{
    UNUSED(); /* x, s, y0, y1, y0bar, y1bar */
    out[0] = numc_add(numc_multiply(in[4], numc_sin(in[1])), numc_multiply(numc_multiply(in[0], 2.0), in[5]));
    out[1] = numc_multiply(numc_cos(in[1]), numc_sum(numc_multiply(in[0], in[4])));
}
static void through(numc_context *context, numc_function *f, const numc_array *const *in, numc_array **out)
{
    (void)numc_function_call(context, f, in, 2, out, 2);
}
BODY(custom_jvp) { UNUSED(); through(context, numc_function_custom_jvp(context, numc_function_trace(context, body_x_sin_s, NULL, in, 2, 2), body_x_sin_s_jvp, NULL), in, out); }
BODY(custom_vjp) { UNUSED(); through(context, numc_function_custom_vjp(context, numc_function_trace(context, body_x_sin_s, NULL, in, 2, 2), body_x_sin_s_vjp, NULL), in, out); }
BODY(rematerialized) { UNUSED(); through(context, numc_function_rematerialize(context, numc_function_trace(context, body_x_sin_s, NULL, in, 2, 2)), in, out); }
BODY(custom_step) { UNUSED(); const numc_array *both[2] = {in[0], in[1]}; numc_array *two[2] = {NULL, NULL}; body_custom_jvp(context, both, 2, two, 2, NULL); out[0] = numc_add(two[0], two[1]); out[1] = two[1]; }
BODY(scan_of_custom) { UNUSED(); (void)numc_scan(context, body_custom_step, NULL, in + 1, 1, in, 1, out, 1); }

/* y = x^3 s elementwise, in C, with derivatives in C; these have none of their own. */
static numc_status cube_times(const numc_external_array *in, int32_t input_count, const numc_external_array *out, int32_t output_count,
                              char *message, size_t message_size, void *user)
{
    (void)input_count, (void)output_count, (void)message, (void)message_size, (void)user;
    const double *x = in[0].data, s = *(const double *)in[1].data;
    for (int i = 0; i < 3; i++)
        ((double *)out[0].data)[i] = x[i] * x[i] * x[i] * s;
    return NUMC_OK;
}
static numc_status cube_jvp(const numc_external_array *in, int32_t input_count, const numc_external_array *out, int32_t output_count,
                            char *message, size_t message_size, void *user)
{
    (void)input_count, (void)output_count, (void)message, (void)message_size, (void)user;
    const double *x = in[0].data, s = *(const double *)in[1].data, *dx = in[3].data, ds = *(const double *)in[4].data;
    for (int i = 0; i < 3; i++)
        ((double *)out[0].data)[i] = 3.0 * x[i] * x[i] * s * dx[i] + x[i] * x[i] * x[i] * ds;
    return NUMC_OK;
}
static numc_status cube_vjp(const numc_external_array *in, int32_t input_count, const numc_external_array *out, int32_t output_count,
                            char *message, size_t message_size, void *user)
{
    (void)input_count, (void)output_count, (void)message, (void)message_size, (void)user;
    const double *x = in[0].data, s = *(const double *)in[1].data, *bar = in[3].data;
    double sum = 0.0;
    for (int i = 0; i < 3; i++) {
        ((double *)out[0].data)[i] = 3.0 * x[i] * x[i] * s * bar[i];
        sum += x[i] * x[i] * x[i] * bar[i];
    }
    *(double *)out[1].data = sum;
    return NUMC_OK;
}
BODY(external)
{
    UNUSED();
    const numc_array_type inputs[2] = {{NUMC_FLOAT64, NUMC_SHAPE(3)}, {NUMC_FLOAT64, NUMC_SCALAR}};
    numc_function *f = numc_function_external(context, cube_times, NULL, inputs, 2, inputs, 1, .jvp = cube_jvp, .vjp = cube_vjp);
    (void)numc_function_call(context, f, in, 2, out, 1);
}
BODY(external_step)
{
    UNUSED();
    const numc_array *both[2] = {in[0], in[1]};
    body_external(context, both, 2, out, 1, NULL);
    out[0] = numc_sin(numc_multiply(out[0], 0.25));
    out[1] = numc_sum(out[0]);
}
BODY(scan_of_external) { UNUSED(); (void)numc_scan(context, body_external_step, NULL, in, 1, (const numc_array *[]){numc_multiply(in[0], in[1])}, 1, out, 1); }

enum { BOTH = 3, FORWARD = 1, REVERSE = 2 };
typedef struct form {
    const char *name;
    int32_t primitive; /* that its graph must hold */
    numc_trace_fn body;
    int32_t outputs;
    int modes, order; /* which modes it has, and how many derivatives */
} form;
#define FORM(name, primitive, outputs, modes, order) {#name, NUMC_PRIMITIVE_##primitive, body_##name, outputs, modes, order}
static const form forms[] = {
    FORM(cond_true, COND, 1, BOTH, 2), FORM(cond_false, COND, 1, BOTH, 2), FORM(cond_each, COND, 1, BOTH, 2),
    FORM(switch_each, COND, 1, BOTH, 2), FORM(scan, SCAN, 2, BOTH, 2), FORM(scan_reverse, SCAN, 2, BOTH, 2),
    FORM(scan_unrolled, SCAN, 2, BOTH, 2), FORM(scan_bounded, SCAN, 2, BOTH, 2), FORM(scan_two, SCAN, 4, BOTH, 2),
    FORM(scan_alone, SCAN, 1, BOTH, 2), FORM(scan_once, SCAN, 1, BOTH, 2), FORM(scan_nested, SCAN, 2, BOTH, 2),
    FORM(scan_of_cond, SCAN, 2, BOTH, 2), FORM(map, SCAN, 2, BOTH, 2), FORM(fori, SCAN, 1, BOTH, 2),
    FORM(fori_traced, WHILE, 1, FORWARD, 2), FORM(while, WHILE, 1, FORWARD, 2), FORM(while_not, WHILE, 1, FORWARD, 2),
    FORM(custom_jvp, CUSTOM, 2, BOTH, 2), FORM(custom_vjp, CUSTOM, 2, REVERSE, 2), FORM(rematerialized, SCAN, 2, BOTH, 2),
    FORM(scan_of_custom, SCAN, 2, BOTH, 2), FORM(external, EXTERNAL, 1, BOTH, 1), FORM(scan_of_external, SCAN, 2, BOTH, 1),
};
#define FORMS ((int)(sizeof forms / sizeof *forms))

/* Inputs, element `b` of a batch: first elements 0.7, -1.1, 0.4, so that cond_each, switch_each and both whiles part ways. */
static void inputs_of(numc_context *context, int b, const numc_array **x)
{
    static const double sequences[3][3] = {{0.7, -0.6, 1.3}, {-1.1, 0.85, 0.45}, {0.4, -1.6, 0.3}}, numbers[3] = {0.8, -0.55, 1.25};
    x[0] = reals(context, NUMC_SHAPE(3), sequences[b]);
    x[1] = reals(context, NUMC_SCALAR, &numbers[b]);
}

static numc_function *form_function(numc_context *context, const form *f)
{
    const numc_array *x[2];
    inputs_of(context, 0, x);
    numc_function *function = numc_function_trace(context, f->body, NULL, x, 2, f->outputs);
    if (function == NULL)
        fail_msg("%s: %s", f->name, numc_error_message(context));
    return function;
}

/* ---- derivatives --------------------------------------------------------------------------------------------------- */

/* Forward mode alone, against differences; to second order: of the jvp as a function. */
static void check_forward(numc_context *context, const char *name, const numc_graph *graph, const numc_array *const *x, int order)
{
    int64_t n = float_inputs(graph), m = float_outputs(graph);
    generator g = {7};
    double d[64], dy[64], *y[6];
    assert_true(n <= 64 && m <= 64);
    for (int64_t i = 0; i < n; i++)
        d[i] = draw_unit(&g);
    numc_graph *forward = numc__graph_jvp(context, graph, NULL);
    if (forward == NULL)
        fail_msg("%s: jvp: %s", name, numc_error_message(context));
    run_derived(context, forward, x, graph->input_count, d, graph->output_count, dy);
    for (int k = 0; k < 6; k++) {
        y[k] = calloc((size_t)m + 1, sizeof **y);
        evaluate(context, graph, x, ldexp(k % 2 == 0 ? STEP : -STEP, -(k / 2)), d, y[k]);
    }
    compare_difference(name, (const double *const *)y, dy, m);
    for (int k = 0; k < 6; k++)
        free(y[k]);
    if (order > 1) {
        const numc_array *in[16];
        int64_t at = 0;
        for (int32_t i = 0; i < forward->input_count; i++) {
            const numc_type *type = numc__graph_input_type(forward, i);
            in[i] = i < graph->input_count ? x[i] : reals(context, (numc_shape){type->shape, type->rank, true}, d + at);
            at += i < graph->input_count ? 0 : type_size(type);
        }
        check_forward(context, name, forward, in, order - 1);
    }
    numc__graph_release(forward);
}

/* Reverse mode alone (custom_vjp has no other): <xbar, d> against the differences of <w, f>. */
BODY(weighted) { UNUSED(); numc_array *y[4] = {NULL}; numc_function *f = user; (void)numc_function_call(context, f, in, input_count, y, f->graph->output_count); out[0] = NULL;
    for (int32_t k = 0; k < f->graph->output_count; k++) {
        numc_array *term = numc_sum(numc_sin(numc_add(y[k], 1.0 + k)));
        out[0] = out[0] == NULL ? term : numc_add(out[0], term);
    }
}
static void check_reverse(numc_context *context, const char *name, numc_function *f, const numc_array *const *x)
{
    numc_function *one = numc_function_trace(context, body_weighted, f, x, 2, 1), *gradient = numc_function_value_and_gradient(context, one);
    numc_array *out[3];
    ASSERT_FINE(context);
    run_graph(context, gradient->graph, x, 2, out);
    double slopes[4], d[4] = {0.5, -0.75, 1.0, 0.25}, y[6], slope = 0.0;
    const double *list[6];
    numc_to_host(out[1], NUMC_FLOAT64, slopes, 3 * sizeof(double));
    slopes[3] = numc_item(out[2]);
    for (int i = 0; i < 4; i++)
        slope += slopes[i] * d[i];
    for (int k = 0; k < 6; k++) {
        evaluate(context, one->graph, x, ldexp(k % 2 == 0 ? STEP : -STEP, -(k / 2)), d, &y[k]);
        list[k] = &y[k];
    }
    compare_difference(name, list, &slope, 1);
    check_forward(context, name, gradient->graph, x, 1); /* forward over reverse */
    numc_function_free(one);
    numc_function_free(gradient);
}

static void forms_have_their_derivatives(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    for (int i = 0; i < FORMS; i++) {
        if (left_out(i))
            continue;
        const form *f = &forms[i];
        for (int b = 0; b < 3; b++) {
            numc_scope(context) {
                const numc_array *x[2];
                inputs_of(context, b, x);
                numc_function *function = form_function(context, f);
                if (f->modes == BOTH)
                    check_graph(context, f->name, function->graph, x, f->order);
                if ((f->modes & FORWARD) != 0)
                    check_forward(context, f->name, function->graph, x, f->order);
                if (f->modes == REVERSE)
                    check_reverse(context, f->name, function, x);
                if ((f->modes & REVERSE) == 0) {
                    assert_null(numc_function_vjp(context, function));
                    assert_int_equal(numc_error_status(context), NUMC_UNSUPPORTED);
                    assert_non_null(strstr(numc_error_message(context), "scan"));
                    numc_error_clear(context);
                }
                if ((f->modes & FORWARD) == 0) {
                    assert_null(numc_function_jvp(context, function));
                    assert_int_equal(numc_error_status(context), NUMC_UNSUPPORTED);
                    numc_error_clear(context);
                }
                numc_function_free(function);
            }
        }
    }
    numc_close(context);
}

static bool graph_has(const numc_graph *graph, int32_t primitive)
{
    for (int32_t n = 0; n < graph->node_count; n++) {
        const numc_attributes *a = &graph->nodes[n].attributes;
        if (graph->nodes[n].primitive == primitive || (a->graphs[0] != NULL && graph_has(a->graphs[0], primitive)) ||
            (a->graphs[1] != NULL && graph_has(a->graphs[1], primitive)))
            return true;
    }
    return false;
}

static void every_control_primitive_has_a_form(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    bool seen[NUMC_PRIMITIVE_LIMIT] = {false};
    for (int i = 0; i < FORMS; i++) {
        numc_function *f = form_function(context, &forms[i]);
        if (!graph_has(f->graph, forms[i].primitive))
            fail_msg("%s holds no %s", forms[i].name, numc__primitive_name(forms[i].primitive));
        seen[forms[i].primitive] = true;
        numc_function_free(f);
    }
    for (int32_t p = NUMC_PRIMITIVE_STRUCTURAL + 1; p < NUMC_PRIMITIVE_LIMIT; p++)
        if (numc__primitive_is_control(p) && !seen[p])
            fail_msg("%s has no form", numc__primitive_name(p));
    numc_close(context);
}

/* ---- batches --------------------------------------------------------------------------------------------------------- */

/* At most about 200 operations on numbers of the order of one, and at most 12 more in the order of a sum; a second derivative
 * does each some four times over. */
static double roundings = 1024 * 0x1p-52;

static void compare_arrays(const char *name, const char *how, const numc_array *got, const numc_array *wanted)
{
    double a[256], b[256], size = 1.0;
    int64_t n = numc_array_size(wanted);
    assert_true(n <= 256);
    if (numc_array_size(got) != n || numc_array_rank(got) != numc_array_rank(wanted))
        fail_msg("%s, %s: another shape", name, how);
    assert_int_equal(numc_to_host(got, NUMC_FLOAT64, a, (size_t)n * sizeof *a), NUMC_OK);
    assert_int_equal(numc_to_host(wanted, NUMC_FLOAT64, b, (size_t)n * sizeof *b), NUMC_OK);
    for (int64_t i = 0; i < n; i++)
        size = fmax(size, fabs(b[i]));
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(a[i] - b[i]) <= roundings * size))
            fail_msg("%s, %s: number %d is %.17g instead of %.17g", name, how, (int)i, a[i], b[i]);
}

static numc_array *pick(const numc_array *x, int64_t axis, int64_t place)
{
    int32_t rank = numc_array_rank(x);
    numc_index_term terms[8];
    for (int32_t d = 0; d < rank; d++)
        terms[d] = d == (axis < 0 ? axis + rank : axis) ? NUMC_AT(place) : NUMC_ALL;
    return numc_index_(x, terms, rank);
}

/* vmap of f, whose first two inputs are x and s and the others directions, against f of each element: compiled and node by node. */
static void batch_against_loop(numc_context *context, const char *name, const char *what, numc_function *f)
{
    static const int64_t patterns[8][2] = {{0, 0}, {1, 0}, {-1, NUMC_UNMAPPED}, {NUMC_UNMAPPED, 0}, {0, NUMC_UNMAPPED}, {-1, -1}, {1, NUMC_UNMAPPED}, {NUMC_UNMAPPED, -1}};
    if (f == NULL)
        fail_msg("%s, %s: %s", name, what, numc_error_message(context));
    int32_t inputs = f->graph->input_count, outputs = f->graph->output_count;
    for (int p = 0; p < 8; p++) {
        numc_scope(context) {
            const numc_array *x[8], *each[3][8];
            int64_t in_axes[8], out_axes[16];
            generator g = {5};
            for (int32_t i = 0; i < inputs; i++) {
                in_axes[i] = i < 2 ? patterns[p][i] : patterns[p][i % 2] == NUMC_UNMAPPED && i % 2 == 0 ? NUMC_UNMAPPED : 0;
                for (int b = 0; b < 3; b++) {
                    const numc_array *own[2];
                    double data[64];
                    const numc_type *type = numc__graph_input_type(f->graph, i);
                    for (int64_t k = 0; k < type_size(type); k++)
                        data[k] = draw_unit(&g);
                    inputs_of(context, b, own);
                    each[b][i] = i < 2 ? own[i] : reals(context, (numc_shape){type->shape, type->rank, true}, data);
                    if (in_axes[i] == NUMC_UNMAPPED && b > 0)
                        each[b][i] = each[0][i];
                }
                const numc_array *list[3] = {each[0][i], each[1][i], each[2][i]};
                x[i] = in_axes[i] == NUMC_UNMAPPED ? each[0][i] : numc_stack(list, 3, in_axes[i]);
            }
            for (int32_t k = 0; k < outputs; k++)
                out_axes[k] = (p + k) % 3 == 0 ? 0 : (p + k) % 3 == 1 ? -1 : numc__graph_output_type(f->graph, k)->rank > 0;
            numc_function *v = numc_function_vmap(context, f, x, inputs, .in_axes = {in_axes, inputs, true}, .out_axes = {out_axes, outputs, true});
            if (v == NULL)
                fail_msg("%s, vmap of %s: %s", name, what, numc_error_message(context));
            assert_int_equal(numc__graph_verify(context, v->graph), NUMC_OK);
            numc_array *steps[16], *compiled[16], *one[16];
            run_graph(context, v->graph, x, inputs, steps);
            if (numc_function_call(context, v, x, inputs, compiled, outputs) != NUMC_OK)
                fail_msg("%s, vmap of %s, compiled: %s", name, what, numc_error_message(context));
            for (int b = 0; b < 3; b++) {
                run_graph(context, f->graph, each[b], inputs, one);
                for (int32_t k = 0; k < outputs; k++) {
                    compare_arrays(name, what, pick(steps[k], out_axes[k], b), one[k]);
                    compare_arrays(name, what, pick(compiled[k], out_axes[k], b), one[k]);
                }
            }
            numc_function_free(v);
        }
    }
}

static void batches_of_forms_are_loops(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    for (int i = 0; i < FORMS; i++) {
        if (left_out(i))
            continue;
        numc_scope(context) {
            const form *f = &forms[i];
            numc_function *function = form_function(context, f);
            batch_against_loop(context, f->name, "values", function);
            if ((f->modes & FORWARD) != 0)
                batch_against_loop(context, f->name, "jvp", numc_function_jvp(context, function));
            if ((f->modes & REVERSE) != 0)
                batch_against_loop(context, f->name, "vjp", numc_function_vjp(context, function));
        }
        numc_close(context); /* frees the functions */
        context = open_tested();
    }
    numc_close(context);
}

/* ---- transforms of transforms ------------------------------------------------------------------------------------------ */

/* Results of a function compiled. */
static void results_of(numc_context *context, const char *name, const char *what, numc_function *f, const numc_array *const *x, numc_array **y)
{
    if (f == NULL || numc_function_call(context, f, x, f->graph->input_count, y, f->graph->output_count) != NUMC_OK)
        fail_msg("%s, %s: %s", name, what, numc_error_message(context));
}

/* The sum of squares of all gradients of a batch: what has a gradient again. */
BODY(energy)
{
    UNUSED();
    numc_function *batch = user;
    numc_array *y[3] = {NULL};
    (void)numc_function_call(context, batch, in, 2, y, 3);
    out[0] = numc_add(numc_sum(numc_square(y[1])), numc_sum(numc_square(y[2])));
}

static void transforms_of_forms_compose(void **state)
{
    (void)state;
    for (int i = 0; i < FORMS; i++) {
        if (left_out(i))
            continue;
        const form *f = &forms[i];
        numc_context *context = open_tested();
        if (f->modes != BOTH) {
            numc_close(context);
            continue;
        }
        numc_scope(context) {
            const numc_array *x[2], *each[3][2], *v[4], *batch[2];
            numc_array *y[16], *z[16];
            inputs_of(context, 0, x);
            for (int b = 0; b < 3; b++)
                inputs_of(context, b, each[b]);
            for (int k = 0; k < 2; k++)
                batch[k] = numc_stack((const numc_array *[]){each[0][k], each[1][k], each[2][k]}, 3, 0);
            numc_function *one = numc_function_trace(context, body_weighted, form_function(context, f), x, 2, 1);
            numc_function *gradient = numc_function_value_and_gradient(context, one);
            batch_against_loop(context, f->name, "vmap of gradient", gradient);
            /* linear functions give the jvp */
            v[0] = x[0], v[1] = x[1], v[2] = numc_cos(x[0]), v[3] = numc_cos(x[1]);
            results_of(context, f->name, "jvp", numc_function_jvp(context, one), v, y);
            results_of(context, f->name, "linearize", numc_function_linearize(context, one, x, 2, NULL, 0), v + 2, z);
            compare_arrays(f->name, "linearize", z[0], y[1]);
            if (f->order < 2)
                continue;
            /* Hessians by three ways, and their batch */
            numc_function *hessian = numc_function_hessian(context, one);
            results_of(context, f->name, "hessian", hessian, x, y);
            numc_function *ways[2] = {numc_function_jacobian_forward(context, gradient), numc_function_jacobian_reverse(context, gradient)};
            for (int k = 0; k < 2; k++) {
                results_of(context, f->name, k == 0 ? "forward Jacobian of gradient" : "reverse Jacobian of gradient", ways[k], x, z);
                /* Hessian: y, 2 gradients, 4 blocks; Jacobian: y, 2 gradients, 2 rows of y, then the 4 blocks */
                for (int block = 0; block < 4; block++)
                    compare_arrays(f->name, "Hessian", z[5 + block], y[3 + block]);
            }
            batch_against_loop(context, f->name, "vmap of Hessian", hessian);
            numc_function *product = numc_function_hvp(context, one);
            batch_against_loop(context, f->name, "vmap of Hessian times vector", product);
            results_of(context, f->name, "hvp", product, v, z);
            compare_arrays(f->name, "Hessian times vector", z[3], numc_add(numc_matmul(y[3], v[2]), numc_multiply(y[4], v[3])));
            /* the gradient of the energy of a batch of gradients: 2 H g of each element */
            numc_function *batched = numc_function_vmap(context, gradient, batch, 2);
            numc_function *energy = numc_function_trace(context, body_energy, batched, batch, 2, 1);
            results_of(context, f->name, "gradient of vmap of gradient", numc_function_value_and_gradient(context, energy), batch, z);
            for (int b = 0; b < 3; b++) {
                numc_array *h[16];
                results_of(context, f->name, "hessian", hessian, each[b], h);
                numc_array *wanted = numc_multiply(numc_add(numc_matmul(h[3], h[1]), numc_multiply(h[4], h[2])), 2.0);
                compare_arrays(f->name, "gradient of vmap of gradient", pick(z[1], 0, b), wanted);
            }
            /* vmap of vmap */
            const numc_array *inner[2] = {batch[0], x[1]};
            numc_function *once = numc_function_vmap(context, gradient, inner, 2, .in_axes = NUMC_AXES(0, NUMC_UNMAPPED));
            const numc_array *twice[2] = {numc_stack((const numc_array *[]){batch[0], numc_flip(batch[0], NUMC_AXES(0))}, 2, 0), NULL};
            twice[1] = numc_stack((const numc_array *[]){each[0][1], each[1][1]}, 2, 0);
            results_of(context, f->name, "vmap of vmap of gradient", numc_function_vmap(context, once, twice, 2), twice, z);
            for (int a = 0; a < 2; a++) {
                for (int b = 0; b < 3; b++) {
                    const numc_array *at[2] = {each[a == 0 ? b : 2 - b][0], each[a][1]};
                    results_of(context, f->name, "gradient", gradient, at, y);
                    for (int k = 0; k < 3; k++)
                        compare_arrays(f->name, "vmap of vmap", pick(pick(z[k], 0, a), 0, b), y[k]);
                }
            }
        }
        ASSERT_FINE(context);
        numc_close(context);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1)
        test_backend_given = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_control_primitive_has_a_form),
        cmocka_unit_test(forms_have_their_derivatives),
        cmocka_unit_test(batches_of_forms_are_loops),
        cmocka_unit_test(transforms_of_forms_compose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
