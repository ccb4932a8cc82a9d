/* C functions as primitives: values at once, node by node and compiled; their derivatives and those they lack; in batches, loops
 * and branches; failures of the function, of memory; from several threads. */
#include <pthread.h>
#include <stdatomic.h>

#include "support.h"
#include "../base/need.h"
#include "../base/sweep.h"

#include "graph/function.h"
#include "numc/linalg.h"

#define EXTERNAL(name)                                                                             \
    static numc_status name(const numc_external_array *in, int32_t input_count, const numc_external_array *out, \
                            int32_t output_count, char *message, size_t message_size, void *user)
#define IGNORED() (void)in, (void)out, (void)input_count, (void)output_count, (void)message, (void)message_size, (void)user

/* x (2, 3), n int32 (), -> y = x^2 (2, 3), s = n sum x (); counts its calls */
EXTERNAL(squares)
{
    IGNORED();
    assert_true(input_count == 2 && output_count == 2 && in[0].rank == 2 && in[0].shape[0] == 2 && in[0].shape[1] == 3);
    assert_true(in[1].rank == 0 && in[1].dtype == NUMC_INT32 && out[1].rank == 0 && out[0].dtype == NUMC_FLOAT64);
    const double *x = in[0].data;
    double *y = out[0].data, sum = 0;
    for (int i = 0; i < 6; i++) {
        y[i] = x[i] * x[i];
        sum += x[i];
    }
    *(double *)out[1].data = sum * *(const int32_t *)in[1].data;
    if (user != NULL)
        atomic_fetch_add((atomic_int *)user, 1);
    return NUMC_OK;
}
EXTERNAL(squares_jvp) /* x, n, y, s, dx -> dy, ds */
{
    IGNORED();
    assert_true(input_count == 5 && output_count == 2);
    const double *x = in[0].data, *dx = in[4].data;
    double *dy = out[0].data, sum = 0;
    for (int i = 0; i < 6; i++) {
        dy[i] = 2 * x[i] * dx[i];
        sum += dx[i];
    }
    *(double *)out[1].data = sum * *(const int32_t *)in[1].data;
    return NUMC_OK;
}
EXTERNAL(squares_vjp) /* x, n, y, s, ybar, sbar -> xbar */
{
    IGNORED();
    assert_true(input_count == 6 && output_count == 1);
    const double *x = in[0].data, *ybar = in[4].data, sbar = *(const double *)in[5].data;
    double *xbar = out[0].data;
    for (int i = 0; i < 6; i++)
        xbar[i] = 2 * x[i] * ybar[i] + sbar * *(const int32_t *)in[1].data;
    return NUMC_OK;
}
EXTERNAL(fails)
{
    IGNORED();
    const double *x = in[0].data;
    (void)snprintf(message, message_size, "%s", x[0] > 0 ? "x is positive" : "");
    memset(out[0].data, 0, 6 * sizeof(double));
    memset(out[1].data, 0, sizeof(double));
    return x[0] > 0 ? NUMC_VALUE : x[0] < -10 ? NUMC_BACKEND : NUMC_OK;
}

static const numc_array_type in_types[2] = {{NUMC_FLOAT64, {(const int64_t[]){2, 3}, 2, true}}, {NUMC_INT32, {NULL, 0, true}}};
static const numc_array_type out_types[2] = {{NUMC_FLOAT64, {(const int64_t[]){2, 3}, 2, true}}, {NUMC_FLOAT64, {NULL, 0, true}}};

static numc_function *make(numc_context *context, numc_external_fn f, void *user, numc_external_fn jvp, numc_external_fn vjp)
{
    return numc_function_external(context, f, user, in_types, 2, out_types, 2, .jvp = jvp, .vjp = vjp);
}

static void inputs(numc_context *context, const numc_array **x)
{
    const int32_t three = 3;
    x[0] = reals(context, NUMC_SHAPE(2, 3), DOUBLES(1, -2, 3, 0.5, 4, -0.25));
    x[1] = numc_from_host(context, NUMC_INT32, NUMC_SCALAR, &three);
}

/* sum of sin(y) + s^2, of the transposed input scaled: what goes in is not in row order, and is computed */
BODY(around)
{
    UNUSED();
    numc_array *y[2] = {NULL, NULL};
    const numc_array *x[2] = {numc_multiply(numc_matrix_transpose(in[0]), 2.0), in[1]};
    numc_function_call(context, user, x, 2, y, 2);
    out[0] = numc_add(numc_sum(numc_sin(y[0])), numc_square(y[1]));
}
BODY(around_by_hand)
{
    UNUSED();
    const numc_array *x = numc_multiply(numc_matrix_transpose(in[0]), 2.0);
    out[0] = numc_add(numc_sum(numc_sin(numc_square(x))), numc_square(numc_multiply(numc_sum(x), numc_astype(in[1], NUMC_FLOAT64))));
}

static double largest_difference(const numc_array *a, const numc_array *b)
{
    return numc_item(numc_max(numc_abs(numc_subtract(a, b))));
}

static void values_and_derivatives(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        atomic_int calls = 0;
        const numc_array *x[4];
        inputs(context, x);
        numc_function *f = make(context, squares, &calls, squares_jvp, squares_vjp);
        ASSERT_FINE(context);
        assert_int_equal(numc_function_input_count(f), 2);
        numc_array *y[4], *z[4];
        assert_int_equal(numc_function_call(context, f, x, 2, y, 2), NUMC_OK);
        assert_int_equal(calls, 1);
        assert_true(numc_item(y[1]) == 18.75 && numc_item(numc_index(y[0], NUMC_AT(1), NUMC_AT(1))) == 16.0);
        run_graph(context, f->graph, x, 2, z);
        assert_int_equal(calls, 2);
        assert_true(largest_difference(y[0], z[0]) == 0);
        const numc_array *turned[2] = {numc_matrix_transpose(x[0]), x[1]};
        numc_function *g = numc_function_trace(context, around, f, turned, 2, 1);
        numc_function *h = numc_function_trace(context, around_by_hand, NULL, turned, 2, 1);
        ASSERT_FINE(context);
        calls = 0;
        assert_int_equal(numc_function_call(context, numc_function_value_and_gradient(context, g), turned, 2, y, 2), NUMC_OK);
        assert_int_equal(calls, 1);
        assert_int_equal(numc_function_call(context, numc_function_value_and_gradient(context, h), turned, 2, z, 2), NUMC_OK);
        for (int i = 0; i < 2; i++) /* terms below 200, a few roundings */
            assert_true(largest_difference(y[i], z[i]) <= 1e-12);
        turned[0] = numc_matrix_transpose(x[0]);
        x[2] = turned[0], x[3] = turned[1];
        const numc_array *directions[3] = {turned[0], turned[1], numc_ones_like(turned[0])};
        assert_int_equal(numc_function_call(context, numc_function_jvp(context, g), directions, 3, y, 2), NUMC_OK);
        assert_int_equal(numc_function_call(context, numc_function_jvp(context, h), directions, 3, z, 2), NUMC_OK);
        assert_true(largest_difference(y[1], z[1]) <= 1e-12);
        check_body(context, "external", around, f, (const numc_array *[]){turned[0], turned[1]}, 2, 1, 1);
        char text[4096];
        assert_true(numc_function_format(g, text, sizeof text) < sizeof text);
        assert_non_null(strstr(text, "external %0 %1 batch=0"));
    }
    ASSERT_FINE(context);
    numc_close(context);
}

static void derivatives_it_lacks(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x[2];
    inputs(context, x);
    numc_function *none = make(context, squares, NULL, NULL, NULL), *forward = make(context, squares, NULL, squares_jvp, NULL);
    numc_function *reverse = make(context, squares, NULL, NULL, squares_vjp), *both = make(context, squares, NULL, squares_jvp, squares_vjp);
    assert_null(numc_function_jvp(context, none));
    assert_error(context, NUMC_UNSUPPORTED, "no derivative in forward mode: give it .jvp");
    assert_null(numc_function_vjp(context, none));
    assert_error(context, NUMC_UNSUPPORTED, "no derivative in reverse mode: give it .vjp");
    assert_non_null(numc_function_jvp(context, forward));
    assert_null(numc_function_vjp(context, forward));
    assert_error(context, NUMC_UNSUPPORTED, "reverse mode: give it .vjp");
    assert_non_null(numc_function_vjp(context, reverse));
    assert_null(numc_function_jvp(context, reverse));
    assert_error(context, NUMC_UNSUPPORTED, "no forward mode");
    numc_function *second = numc_function_vjp(context, both);
    assert_non_null(second);
    assert_null(numc_function_jvp(context, second));
    assert_error(context, NUMC_UNSUPPORTED, "no derivative in forward mode");
    numc_close(context);
}

/* ---- batches, loops, branches -------------------------------------------------------------------------------------- */

static void batches(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        const numc_array *x[2];
        inputs(context, x);
        numc_function *g = numc_function_trace(context, around, make(context, squares, NULL, squares_jvp, squares_vjp),
                                               (const numc_array *[]){numc_matrix_transpose(x[0]), x[1]}, 2, 1);
        numc_function *gradient = numc_function_value_and_gradient(context, g);
        const numc_array *rows[6];
        for (int i = 0; i < 6; i++)
            rows[i] = numc_multiply(numc_matrix_transpose(x[0]), 0.5 * (i + 1));
        const numc_array *many[2] = {numc_reshape(numc_stack(rows, 6, 0), NUMC_SHAPE(3, 2, 3, 2)), x[1]};
        const numc_array *inner[2] = {numc_index(many[0], NUMC_AT(0)), x[1]};
        numc_function *once = numc_function_vmap(context, gradient, inner, 2, .in_axes = NUMC_AXES(0, NUMC_UNMAPPED));
        numc_function *twice = numc_function_vmap(context, once, many, 2, .in_axes = NUMC_AXES(0, NUMC_UNMAPPED));
        ASSERT_FINE(context);
        numc_array *y[2], *one[2];
        assert_int_equal(numc_function_call(context, twice, many, 2, y, 2), NUMC_OK);
        for (int i = 0; i < 6; i++) {
            const numc_array *element[2] = {rows[i], x[1]};
            assert_int_equal(numc_function_call(context, gradient, element, 2, one, 2), NUMC_OK);
            for (int k = 0; k < 2; k++) /* sums of six terms below 1e4 in another order */
                assert_true(largest_difference(numc_index(y[k], NUMC_AT(i / 2), NUMC_AT(i % 2)), one[k]) <= 1e-11);
        }
        const numc_array *empty[2] = {numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(0, 3, 2)), x[1]};
        numc_function *nothing = numc_function_vmap(context, gradient, empty, 2, .in_axes = NUMC_AXES(0, NUMC_UNMAPPED));
        assert_int_equal(numc_function_call(context, nothing, empty, 2, y, 2), NUMC_OK);
        assert_true(numc_array_size(y[1]) == 0);
    }
    ASSERT_FINE(context);
    numc_close(context);
}

BODY(loop_step)
{
    UNUSED();
    numc_array *y[2] = {NULL, NULL};
    const numc_array *x[2] = {numc_multiply(in[0], in[1]), numc_full(context, NUMC_INT32, NUMC_SCALAR, 2)};
    numc_function_call(context, user, x, 2, y, 2);
    out[0] = numc_multiply(numc_cos(y[0]), 0.5);
    out[1] = y[1];
}
BODY(loop)
{
    UNUSED();
    numc_array *y[2] = {NULL, NULL};
    numc_scan(context, loop_step, user, in, 1, in + 1, 1, y, 1);
    out[0] = numc_add(numc_sum(y[0]), numc_sum(numc_square(y[1])));
}

static void in_a_loop(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        const numc_array *x[2];
        inputs(context, x);
        const numc_array *start[2] = {x[0], reals(context, NUMC_SHAPE(4), DOUBLES(0.5, 0.25, -0.5, 0.75))};
        check_body(context, "external in a scan", loop, make(context, squares, NULL, squares_jvp, squares_vjp), start, 2, 1, 1);
    }
    ASSERT_FINE(context);
    numc_close(context);
}

/* Native code calls it too, and stops where it fails. */
static void in_native_code(void **state)
{
    (void)state;
    need_compiler();
    double values[2][7];
    for (int way = 0; way < 2; way++) {
        numc_context *context = numc_open(&(numc_options){.backend = "ref", .jit = way == 0 ? NUMC_JIT_OFF : NUMC_JIT_ON});
        assert_non_null(context);
        const numc_array *x[2];
        inputs(context, x);
        x[0] = numc_matrix_transpose(x[0]);
        numc_function *g = numc_function_trace(context, around, make(context, squares, NULL, squares_jvp, squares_vjp), x, 2, 1);
        numc_function *bad = numc_function_trace(context, around, make(context, fails, NULL, NULL, NULL), x, 2, 1);
        numc_array *y[2];
        (void)numc_function_call(context, numc_function_value_and_gradient(context, g), x, 2, y, 2);
        ASSERT_FINE(context);
        values[way][6] = numc_item(y[0]);
        assert_int_equal(numc_to_host(y[1], NUMC_FLOAT64, values[way], 6 * sizeof(double)), NUMC_OK);
        assert_int_equal(numc_function_call(context, bad, x, 2, y, 1), NUMC_VALUE);
        assert_error(context, NUMC_VALUE, "the function failed: x is positive");
        numc_close(context);
    }
    assert_memory_equal(values[0], values[1], sizeof values[0]);
}

/* ---- failures ------------------------------------------------------------------------------------------------------ */

static void failures_stop_the_run(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x[2], *low[2];
    inputs(context, x);
    low[0] = numc_subtract(x[0], 100.0), low[1] = x[1];
    numc_function *f = make(context, fails, NULL, NULL, NULL), *g = numc_function_trace(context, around, f, (const numc_array *[]){numc_matrix_transpose(x[0]), x[1]}, 2, 1);
    numc_array *y[2];
    assert_int_equal(numc_function_call(context, f, x, 2, y, 2), NUMC_VALUE);
    assert_null(y[0]);
    assert_error(context, NUMC_VALUE, "the function failed: x is positive");
    const numc_array *turned[2] = {numc_matrix_transpose(x[0]), x[1]};
    assert_int_equal(numc_function_call(context, g, turned, 2, y, 1), NUMC_VALUE);
    assert_error(context, NUMC_VALUE, "the function failed: x is positive");
    assert_int_equal(numc_function_call(context, f, low, 2, y, 2), NUMC_BACKEND);
    assert_error(context, NUMC_BACKEND, "the function failed");
    /* declarations */
    assert_null(numc_function_external(context, NULL, NULL, in_types, 2, out_types, 2));
    assert_error(context, NUMC_INVALID_ARGUMENT, "no function");
    assert_null(numc_function_external(context, fails, NULL, in_types, 0, out_types, 2));
    assert_error(context, NUMC_INVALID_ARGUMENT, "no input or output");
    const numc_array_type bad[2] = {{NUMC_FLOAT64, NUMC_SHAPE(2, -1)}, {(numc_dtype)99, {NULL, 0, true}}};
    for (int i = 0; i < 2; i++) {
        assert_null(numc_function_external(context, fails, NULL, in_types, 2, bad + i, 1));
        assert_error(context, NUMC_INVALID_ARGUMENT, "output 0 has no such dtype or shape");
    }
    assert_int_equal(numc_function_call(context, f, (const numc_array *[]){x[1], x[1]}, 2, y, 2), NUMC_DTYPE);
    assert_error(context, NUMC_DTYPE, "input 0");
    numc_close(context);
}

static void pass(failing *memory)
{
    numc_context *context = numc_open(&(numc_options){.backend = "ref", .threads = 1, .allocate = failing_allocate, .allocate_user = memory});
    if (context == NULL)
        return;
    const numc_array *x[2], *turned[2];
    inputs(context, x);
    turned[0] = numc_matrix_transpose(x[0]), turned[1] = x[1];
    numc_array *y[2] = {NULL, NULL};
    numc_function *f = make(context, squares, NULL, squares_jvp, squares_vjp);
    numc_function *g = f == NULL ? NULL : numc_function_trace(context, around, f, turned, 2, 1);
    numc_function *gradient = g == NULL ? NULL : numc_function_value_and_gradient(context, g);
    numc_function *forward = g == NULL ? NULL : numc_function_jvp(context, g);
    const numc_array *many[2] = {numc_stack((const numc_array *[]){turned[0], turned[0]}, 2, 0), turned[1]};
    numc_function *batch = gradient == NULL ? NULL : numc_function_vmap(context, gradient, many, 2, .in_axes = NUMC_AXES(0, NUMC_UNMAPPED));
    if (batch != NULL && forward != NULL)
        (void)numc_function_call(context, batch, many, 2, y, 2);
    if (numc_error_status(context) == NUMC_OK) {
        (void)numc__graph_apply(context, gradient->graph, turned, 2, y, 2);
    }
    assert_true(numc_error_status(context) == NUMC_OK ? y[1] != NULL : numc_error_status(context) == NUMC_MEMORY);
    numc_close(context);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    sweep_passes(pass, 100);
}

/* ---- threads ------------------------------------------------------------------------------------------------------- */

typedef struct worker {
    numc_context *lane;
    numc_function *function;
    bool good;
} worker;

static void *work(void *user)
{
    worker *w = user;
    numc_context *lane = w->lane;
    w->good = true;
    for (int n = 0; n < 50 && w->good; n++) {
        numc_scope(lane) {
            const numc_array *x[2];
            inputs(lane, x);
            numc_array *y[2];
            w->good = numc_function_call(lane, w->function, x, 2, y, 2) == NUMC_OK && numc_item(y[1]) == 18.75;
        }
    }
    return NULL;
}

static void from_several_threads(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    atomic_int calls = 0;
    numc_function *f = make(context, squares, &calls, NULL, NULL);
    worker workers[3];
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        workers[i] = (worker){numc_lane(context), f, false};
        assert_non_null(workers[i].lane);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(workers[i].good);
    }
    assert_int_equal(calls, 150);
    numc_close(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_derivatives),    cmocka_unit_test(derivatives_it_lacks), cmocka_unit_test(batches),
        cmocka_unit_test(in_a_loop),                 cmocka_unit_test(failures_stop_the_run), cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(from_several_threads),      cmocka_unit_test(in_native_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
