/* cond and scan: values, captured arrays, derivatives to second order, nesting, edges, and mistakes. */
#include "support.h"

#define READ(x, ...) read_array(x, sizeof((const double[]){__VA_ARGS__}), (const double[]){__VA_ARGS__})

/* Exactly these values: the tests use numbers that are exact. */
static void read_array(const numc_array *x, size_t size, const double *expected)
{
    double data[64];
    assert_true(size <= sizeof data);
    assert_int_equal(numc_to_host(x, NUMC_FLOAT64, data, size), NUMC_OK);
    for (size_t i = 0; i < size / sizeof *data; i++) {
        if (data[i] != expected[i])
            fail_msg("element %zu is %.17g instead of %.17g", i, data[i], expected[i]);
    }
}

static double number(const numc_array *x)
{
    return numc_item(x);
}

/* ---- cond -------------------------------------------------------------------------------------------------------- */

typedef struct around {
    const numc_array *first, *second;
} around;

BODY(when_positive)
{
    UNUSED();
    const around *a = user;
    out[0] = numc_add(numc_multiply(in[0], a->first), numc_sum(a->second));
}
BODY(when_negative)
{
    UNUSED();
    const around *a = user;
    out[0] = numc_multiply(numc_exp(numc_multiply(in[0], 0.25)), numc_multiply(a->second, in[0]));
}
/* inputs: x, first, second; the branches capture both, in different orders */
BODY(branching)
{
    UNUSED();
    around a = {numc_sin(in[1]), numc_multiply(in[2], 2.0)};
    numc_array *both[1];
    numc_cond(numc_greater(numc_sum(in[0]), 0.0), when_positive, when_negative, &a, in, 1, both, 1);
    out[0] = numc_multiply(both[0], in[1]);
}

static void cond_captures_and_differentiates(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    for (int sign = -1; sign <= 1; sign += 2) {
        numc_scope(context) {
            const numc_array *x[3] = {
                reals(context, NUMC_SHAPE(2), DOUBLES(0.5 * sign, 1.25 * sign)),
                reals(context, NUMC_SHAPE(2), DOUBLES(0.75, -1.5)),
                reals(context, NUMC_SHAPE(2), DOUBLES(1.125, 0.25)),
            };
            check_body(context, sign < 0 ? "cond, false" : "cond, true", branching, NULL, x, 3, 1, 2);
            numc_graph *graph = trace_like(context, branching, NULL, x, 3, 1);
            numc_array *traced[1], *eager[1];
            run_graph(context, graph, x, 3, traced);
            branching(context, x, 3, eager, 1, NULL);
            double a[2], b[2];
            numc_to_host(traced[0], NUMC_FLOAT64, a, sizeof a);
            numc_to_host(eager[0], NUMC_FLOAT64, b, sizeof b);
            assert_memory_equal(a, b, sizeof a);
            numc__graph_release(graph);
        }
    }
    numc_close(context);
}

BODY(take_log) { UNUSED(); out[0] = numc_log(in[0]); }
BODY(take_nothing) { UNUSED(); out[0] = numc_zeros_like(in[0]); }
BODY(guarded) { UNUSED(); numc_cond(numc_greater(in[0], 0.0), take_log, take_nothing, NULL, in, 1, out, 1); }
static void the_branch_not_taken_gives_no_nan(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x = reals(context, NUMC_SCALAR, DOUBLES(-1));
    numc_function *f = numc_function_trace(context, guarded, NULL, &x, 1, 1);
    numc_function *gradient = numc_function_value_and_gradient(context, f);
    numc_array *y[2];
    assert_int_equal(numc_function_call(context, gradient, &x, 1, y, 2), NUMC_OK);
    assert_true(number(y[0]) == 0.0 && number(y[1]) == 0.0);
    x = reals(context, NUMC_SCALAR, DOUBLES(4));
    assert_int_equal(numc_function_call(context, gradient, &x, 1, y, 2), NUMC_OK);
    assert_true(number(y[1]) == 0.25);
    numc_close(context);
}

BODY(narrow) { UNUSED(); out[0] = numc_astype(in[0], NUMC_FLOAT32); }
BODY(none) { UNUSED(); }
BODY(cond_mismatch) { UNUSED(); numc_cond(numc_greater(in[0], 0.0), take_log, narrow, NULL, in, 1, out, 1); }
BODY(cond_none) { UNUSED(); numc_cond(numc_greater(in[0], 0.0), take_log, none, NULL, in, 1, out, 1); }
BODY(cond_number) { UNUSED(); numc_cond(in[0], take_log, take_log, NULL, in, 1, out, 1); }
static void mistakes_with_cond_are_named(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x = reals(context, NUMC_SCALAR, DOUBLES(1));
    assert_null(numc_function_trace(context, cond_mismatch, NULL, &x, 1, 1));
    assert_error(context, NUMC_DTYPE, "output 0 is float64[] when true and float32[] when false");
    assert_null(numc_function_trace(context, cond_none, NULL, &x, 1, 1));
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_cond: the callback left output 0 NULL");
    assert_null(numc_function_trace(context, cond_number, NULL, &x, 1, 1));
    assert_error(context, NUMC_DTYPE, "the predicate must be a 0-d bool");
    numc_array *out[1];
    assert_int_not_equal(numc_cond(NULL, take_log, take_log, NULL, &x, 1, out, 1), NUMC_OK);
    assert_null(out[0]);
    numc_close(context);
}

/* ---- scan -------------------------------------------------------------------------------------------------------- */

/* A GARCH(1, 1) log likelihood: parameters are captured, the returns a sequence, two carries of which one does not depend on
 * anything (a count of steps). */
typedef struct garch {
    const numc_array *mu, *alpha0, *alpha1, *beta1;
} garch;
BODY(garch_step)
{
    UNUSED();
    const garch *p = user;
    const numc_array *sigma2 = in[0], *previous = in[1], *steps = in[2], *r = in[3];
    numc_array *next = numc_add(numc_add(p->alpha0, numc_multiply(p->alpha1, numc_square(numc_subtract(previous, p->mu)))),
                                numc_multiply(p->beta1, sigma2));
    numc_array *z = numc_subtract(r, p->mu);
    out[0] = next;
    out[1] = numc_positive(r);
    out[2] = numc_add(steps, 1);
    out[3] = numc_multiply(numc_add(numc_log(next), numc_divide(numc_square(z), next)), -0.5);
}
BODY(garch_density)
{
    UNUSED();
    garch p = {in[0], in[1], in[2], in[3]};
    const numc_array *carries[3] = {numc_full(context, NUMC_FLOAT64, NUMC_SCALAR, 0.5), numc_zeros(context, NUMC_FLOAT64, NUMC_SCALAR),
                                    numc_zeros(context, NUMC_INT64, NUMC_SCALAR)};
    const numc_array *returns = user;
    numc_array *results[4];
    numc_scan(context, garch_step, &p, carries, 3, &returns, 1, results, 1);
    out[0] = numc_sum(results[3]);
}

static void scan_of_a_likelihood(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_array *returns = reals(context, NUMC_SHAPE(6), DOUBLES(0.3, -0.7, 1.1, 0.2, -1.4, 0.5));
    const numc_array *x[4] = {reals(context, NUMC_SCALAR, DOUBLES(0.1)), reals(context, NUMC_SCALAR, DOUBLES(0.6)),
                              reals(context, NUMC_SCALAR, DOUBLES(0.3)), reals(context, NUMC_SCALAR, DOUBLES(0.4))};
    check_body(context, "garch", garch_density, returns, x, 4, 1, 2);
    /* by hand */
    double r[6] = {0.3, -0.7, 1.1, 0.2, -1.4, 0.5}, sigma2 = 0.5, before = 0.0, density = 0.0;
    for (int i = 0; i < 6; i++) {
        sigma2 = 0.6 + 0.3 * (before - 0.1) * (before - 0.1) + 0.4 * sigma2;
        density += -0.5 * (log(sigma2) + (r[i] - 0.1) * (r[i] - 0.1) / sigma2);
        before = r[i];
    }
    numc_array *y[1];
    garch_density(context, x, 4, y, 1, returns);
    assert_true(fabs(number(y[0]) - density) < 1e-13);
    numc_close(context);
}

/* A scan inside a scan, the inner one using the carry and a parameter of the outer, and a cond inside the inner. */
BODY(grow) { UNUSED(); out[0] = numc_multiply(in[0], numc_exp(numc_multiply(in[1], 0.125))); }
BODY(shrink) { UNUSED(); out[0] = numc_subtract(in[0], numc_square(in[1])); }
BODY(inner_step)
{
    UNUSED();
    const around *a = user;
    const numc_array *operands[2] = {numc_add(in[0], in[1]), a->second};
    numc_array *next[1];
    numc_cond(numc_less(in[1], 0.5), grow, shrink, NULL, operands, 2, next, 1);
    out[0] = numc_multiply(next[0], a->first);
}
BODY(outer_step)
{
    UNUSED();
    around a = {(const numc_array *)user, in[0]};
    numc_array *result[1];
    const numc_array *start = numc_multiply(in[0], 0.5);
    numc_scan(context, inner_step, &a, &start, 1, in + 1, 1, result, 0, .reverse = true);
    out[0] = numc_sin(result[0]);
    out[1] = numc_multiply(result[0], in[0]);
}
BODY(nested) { UNUSED(); numc_scan(context, outer_step, (void *)(uintptr_t)in[2], in, 1, in + 1, 1, out, 1); }
static void scans_nest(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x[3] = {
        reals(context, NUMC_SCALAR, DOUBLES(0.75)),
        reals(context, NUMC_SHAPE(3, 2), DOUBLES(0.25, 1.5, -0.5, 0.125, 0.875, 0.625)),
        reals(context, NUMC_SCALAR, DOUBLES(0.8125)),
    };
    check_body(context, "nested scan", nested, NULL, x, 3, 2, 2);
    numc_graph *graph = trace_like(context, nested, NULL, x, 3, 2);
    numc_array *traced[2], *eager[2];
    run_graph(context, graph, x, 3, traced);
    nested(context, x, 3, eager, 2, NULL);
    ASSERT_FINE(context);
    assert_true(number(traced[0]) == number(eager[0]));
    numc__graph_release(graph);
    numc_close(context);
}

BODY(accumulate)
{
    UNUSED();
    out[0] = numc_add(numc_multiply(in[0], 10.0), in[1]);
    out[1] = numc_add(in[1], 100.0);
}
BODY(doubled)
{
    UNUSED();
    out[0] = numc_multiply(in[0], 2.0);
    out[1] = numc_positive(in[0]);
}
BODY(only_stacked) { UNUSED(); out[0] = numc_square(in[0]); }
static void scan_directions_and_edges(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *zero = reals(context, NUMC_SCALAR, DOUBLES(0));
    const numc_array *sequence = reals(context, NUMC_SHAPE(3), DOUBLES(1, 2, 3));
    numc_array *out[2];
    assert_int_equal(numc_scan(context, accumulate, NULL, &zero, 1, &sequence, 1, out, 1), NUMC_OK);
    READ(out[0], 123);
    READ(out[1], 101, 102, 103);
    assert_int_equal(numc_scan(context, accumulate, NULL, &zero, 1, &sequence, 1, out, 1, .reverse = true), NUMC_OK);
    READ(out[0], 321);
    READ(out[1], 101, 102, 103);
    const numc_array *one = reals(context, NUMC_SCALAR, DOUBLES(1));
    assert_int_equal(numc_scan(context, doubled, NULL, &one, 1, NULL, 0, out, 1, .length = 5), NUMC_OK);
    READ(out[0], 32);
    READ(out[1], 1, 2, 4, 8, 16);
    assert_int_equal(numc_scan(context, only_stacked, NULL, NULL, 0, &sequence, 1, out, 1), NUMC_OK);
    READ(out[0], 1, 4, 9);
    /* no step: the carry as it came, nothing stacked */
    const numc_array *empty = numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(0));
    assert_int_equal(numc_scan(context, accumulate, NULL, &one, 1, &empty, 1, out, 1), NUMC_OK);
    READ(out[0], 1);
    assert_int_equal(numc_array_rank(out[1]), 1);
    assert_int_equal(numc_array_shape(out[1])[0], 0);
    /* a strided sequence */
    const numc_array *flipped = numc_flip(sequence, NUMC_AXES(0));
    assert_int_equal(numc_scan(context, accumulate, NULL, &zero, 1, &flipped, 1, out, 1), NUMC_OK);
    READ(out[0], 321);
    numc_close(context);
}

BODY(changes_shape) { UNUSED(); out[0] = numc_add(numc_broadcast_to(in[0], NUMC_SHAPE(2)), in[1]); }
static void mistakes_with_scan_are_named(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *zero = reals(context, NUMC_SCALAR, DOUBLES(0));
    const numc_array *two[2] = {reals(context, NUMC_SHAPE(3), DOUBLES(1, 2, 3)), reals(context, NUMC_SHAPE(2), DOUBLES(1, 2))};
    numc_array *out[2];
    assert_int_not_equal(numc_scan(context, changes_shape, NULL, &zero, 1, two, 1, out, 0), NUMC_OK);
    assert_error(context, NUMC_SHAPE, "carry 0 is float64[] before a step and float64[2] after it");
    assert_int_not_equal(numc_scan(context, accumulate, NULL, &zero, 1, two, 2, out, 1), NUMC_OK);
    assert_error(context, NUMC_SHAPE, "sequence 1 has 2 elements along its first axis, 3 are expected");
    assert_int_not_equal(numc_scan(context, accumulate, NULL, &zero, 1, two, 1, out, 1, .length = 4), NUMC_OK);
    assert_error(context, NUMC_SHAPE, "4 are expected");
    assert_int_not_equal(numc_scan(context, accumulate, NULL, &zero, 1, &zero, 1, out, 1), NUMC_OK);
    assert_error(context, NUMC_SHAPE, "sequence 0 has no axis");
    assert_int_not_equal(numc_scan(context, none, NULL, &zero, 1, two, 1, out, 1), NUMC_OK);
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_scan: the callback left output 0 NULL");
    const numc_array *nothing = NULL;
    assert_int_not_equal(numc_scan(context, accumulate, NULL, &nothing, 1, two, 1, out, 1), NUMC_OK);
    assert_error(context, NUMC_INVALID_ARGUMENT, "carry 0 is NULL");
    assert_false(numc__trace_is_active(context));
    numc_close(context);
}

/* Only what the derivative needs is carried: with one parameter active the cotangent of the others is not computed, and a scan
 * that nothing active enters has none. */
BODY(two_sums)
{
    UNUSED();
    numc_array *first[2];
    const numc_array *zero = numc_zeros(context, NUMC_FLOAT64, NUMC_SCALAR);
    numc_scan(context, accumulate, NULL, &zero, 1, in + 1, 1, first, 1);
    out[0] = numc_multiply(numc_sum(first[1]), in[0]);
}
static void inactive_scans_are_not_differentiated(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x[2] = {reals(context, NUMC_SCALAR, DOUBLES(2)), reals(context, NUMC_SHAPE(3), DOUBLES(1, 2, 3))};
    numc_graph *graph = trace_like(context, two_sums, NULL, x, 2, 1);
    numc_graph *gradient = numc__graph_value_and_gradient(context, graph, (const bool[]){true, false});
    ASSERT_FINE(context);
    int scans = 0;
    for (int32_t i = 0; i < gradient->node_count; i++)
        scans += gradient->nodes[i].primitive == NUMC_PRIMITIVE_SCAN;
    assert_int_equal(scans, 1);
    assert_int_equal(gradient->output_count, 2);
    numc_array *y[2];
    run_graph(context, gradient, x, 2, y);
    READ(y[1], 306);
    numc__graph_release(graph);
    numc__graph_release(gradient);
    numc_close(context);
}

static void copy_step(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                      int32_t output_count, void *user)
{
    (void)context;
    (void)user;
    for (int32_t i = 0; i < output_count; i++)
        outputs[i] = (numc_array *)(uintptr_t)inputs[i < input_count ? i : 0];
}

/* Lists that are NULL or of negative length are errors, never read. */
static void lists_that_are_missing(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_array *x = reals(context, NUMC_SHAPE(3), DOUBLES(1, 2, 3)), *yes = numc_number(context, NUMC_BOOL, (bool)true);
    numc_array *out[2] = {NULL, NULL};
    const numc_array *const in[1] = {x};
#define MISSING(text, call)                                                                        \
    do {                                                                                           \
        assert_int_equal(call, NUMC_INVALID_ARGUMENT);                                             \
        assert_int_equal(numc_error_status(context), NUMC_INVALID_ARGUMENT);                       \
        assert_non_null(strstr(numc_error_message(context), text));                                \
        numc_error_clear(context);                                                                 \
    } while (0)
    MISSING("numc_scan", numc_scan(context, NULL, NULL, in, 1, in, 1, out, 0));
    MISSING("numc_scan", numc_scan(context, copy_step, NULL, in, 1, in, 1, NULL, 0));
    MISSING("numc_scan", numc_scan(context, copy_step, NULL, NULL, 1, in, 1, out, 0));
    MISSING("numc_scan", numc_scan(context, copy_step, NULL, in, 1, NULL, 1, out, 0));
    MISSING("numc_scan", numc_scan(context, copy_step, NULL, in, -1, in, 1, out, 1));
    MISSING("numc_scan", numc_scan(context, copy_step, NULL, in, 1, in, -1, out, 1));
    MISSING("numc_scan", numc_scan(context, copy_step, NULL, in, 1, in, 1, out, INT32_MAX));
    MISSING("numc_cond", numc_cond(yes, copy_step, copy_step, NULL, in, 1, NULL, 1));
    MISSING("numc_cond", numc_cond(yes, copy_step, copy_step, NULL, NULL, 1, out, 1));
    MISSING("numc_cond", numc_cond(yes, NULL, copy_step, NULL, in, 1, out, 1));
    MISSING("numc_cond", numc_cond(yes, copy_step, NULL, NULL, in, 1, out, 1));
    MISSING("numc_cond", numc_cond(yes, copy_step, copy_step, NULL, in, -1, out, 1));
    MISSING("numc_cond", numc_cond(yes, copy_step, copy_step, NULL, in, 1, out, -1));
    MISSING("numc_cond: the predicate is NULL", numc_cond(NULL, copy_step, copy_step, NULL, in, 1, out, 1));
    assert_null(numc_function_trace(context, copy_step, NULL, NULL, 1, 1));
    assert_int_equal(numc_error_status(context), NUMC_INVALID_ARGUMENT);
    numc_error_clear(context);
    numc_function *copy = numc_function_trace(context, copy_step, NULL, in, 1, 1);
    ASSERT_FINE(context);
    MISSING("numc_function_call", numc_function_call(context, copy, in, 1, NULL, 1));
    MISSING("inputs is NULL", numc_function_call(context, copy, NULL, 1, out, 1));
    MISSING("numc_function_call", numc_function_call(context, NULL, in, 1, out, 1));
    MISSING("gives 1 outputs, not 0", numc_function_call(context, copy, in, 1, out, 0));
    size_t length = numc_function_format(copy, NULL, 0);
    assert_true(length > 0);
    assert_int_equal(numc_function_format(copy, NULL, 10), length);
    assert_int_equal(numc_function_format(NULL, NULL, 10), 0);
    ASSERT_FINE(context);
    numc_close(context);
}

/* An index that is known is looked at though what it picks from is not. */
static void take_ninth(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                       int32_t output_count, void *user)
{
    (void)input_count;
    (void)output_count;
    numc_array *index = numc_full(context, NUMC_INT64, NUMC_SHAPE(2), 9);
    switch (*(int *)user) {
    case 0: outputs[0] = numc_take(inputs[0], index, NUMC_AXIS(0)); break;
    case 1: outputs[0] = numc_index(inputs[0], NUMC_PICK(index)); break;
    case 2: outputs[0] = numc_take_along_axis(inputs[0], index, 0); break;
    case 3: outputs[0] = numc_index_update(inputs[0], 1.0, NUMC_PICK(index)); break;
    default: outputs[0] = numc_scatter_add(inputs[0], index, numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(2)), 0); break;
    }
}

static void known_indices_are_checked_in_a_trace(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *const in[1] = {reals(context, NUMC_SHAPE(3), DOUBLES(1, 2, 3))};
    for (int way = 0; way < 5; way++) {
        assert_null(numc_function_trace(context, take_ninth, &way, in, 1, 1));
        assert_int_equal(numc_error_status(context), NUMC_INDEX);
        assert_non_null(strstr(numc_error_message(context), "index 9 is out of bounds for axis 0 of size 3"));
        numc_error_clear(context);
    }
    numc_close(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cond_captures_and_differentiates),
        cmocka_unit_test(the_branch_not_taken_gives_no_nan),
        cmocka_unit_test(mistakes_with_cond_are_named),
        cmocka_unit_test(scan_of_a_likelihood),
        cmocka_unit_test(scans_nest),
        cmocka_unit_test(scan_directions_and_edges),
        cmocka_unit_test(mistakes_with_scan_are_named),
        cmocka_unit_test(inactive_scans_are_not_differentiated),
        cmocka_unit_test(lists_that_are_missing),
        cmocka_unit_test(known_indices_are_checked_in_a_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
