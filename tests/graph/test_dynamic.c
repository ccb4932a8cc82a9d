/* Functions in dynamic mode: values inside the callback, derivatives of the path taken against compiled ones and formulas, control flow,
 * nesting, errors, and memory. */
#include "support.h"
#include "../base/sweep.h"
#include "numc/linalg.h"

#define CLOSE(is, wanted, tolerance)                                                               \
    do {                                                                                           \
        double is_ = (is), wanted_ = (wanted);                                                     \
        if (!(fabs(is_ - wanted_) <= (tolerance)))                                                 \
            fail_msg("%s is %.17g, not %.17g", #is, is_, wanted_);                                 \
    } while (0)

static numc_array *scalar(numc_context *context, double value)
{
    return reals(context, NUMC_SCALAR, &value);
}

static double number_at(const numc_array *x, int64_t i)
{
    double values[64];
    assert_non_null(x);
    assert_true(numc_array_size(x) <= 64 && i < numc_array_size(x));
    assert_int_equal(numc_to_host(x, NUMC_FLOAT64, values, (size_t)numc_array_size(x) * sizeof *values), NUMC_OK);
    return values[i];
}

/* x^2 above 0, exp(x) below: what no single trace holds. */
BODY(piecewise)
{
    UNUSED();
    out[0] = numc_item(in[0]) > 0 ? numc_multiply(in[0], in[0]) : numc_exp(in[0]);
}

static void test_branches_in_c(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x[2] = {scalar(context, 1.5), NULL};
    numc_function *f = numc_function_dynamic(context, piecewise, NULL, x, 1, 1);
    ASSERT_FINE(context);
    numc_function *g = numc_function_value_and_gradient(context, f), *h = numc_function_hvp(context, f);
    numc_function *second = numc_function_value_and_gradient(context, numc_function_dynamic(context, piecewise, NULL, x, 1, 1));
    ASSERT_FINE(context);
    assert_non_null(second);
    static const double points[] = {1.5, -0.5, 3, -2};
    for (int i = 0; i < 4; i++) {
        double p = points[i], value = p > 0 ? p * p : exp(p), slope = p > 0 ? 2 * p : exp(p), bend = p > 0 ? 2 : exp(p);
        x[0] = scalar(context, p);
        x[1] = scalar(context, 2.0);
        numc_array *y[3] = {NULL, NULL, NULL};
        assert_int_equal(numc_function_call(context, f, x, 1, y, 1), NUMC_OK);
        CLOSE(numc_item(y[0]), value, 4e-16 * fabs(value));
        assert_int_equal(numc_function_call(context, g, x, 1, y, 2), NUMC_OK);
        CLOSE(numc_item(y[0]), value, 4e-16 * fabs(value));
        CLOSE(numc_item(y[1]), slope, 4e-16 * fabs(slope));
        assert_int_equal(numc_function_call(context, h, x, 2, y, 3), NUMC_OK);
        ASSERT_FINE(context);
        CLOSE(numc_item(y[1]), slope, 4e-16 * fabs(slope));
        CLOSE(numc_item(y[2]), 2 * bend, 8e-16 * fabs(bend));
    }
    numc_close(context);
}

/* The square root by Newton's iteration, in C, until it stands still: dy/dx = 1 / (2 sqrt x). */
BODY(newton)
{
    UNUSED();
    const numc_array *y = in[0];
    double before = 0;
    while (fabs(numc_item(y) - before) > 1e-15 * numc_item(y)) {
        before = numc_item(y);
        y = numc_multiply(0.5, numc_add(y, numc_divide(in[0], y)));
    }
    out[0] = numc_add(y, 0.0);
}

static void test_a_loop_in_c_has_a_reverse_mode(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x[1] = {scalar(context, 2.0)};
    numc_function *g = numc_function_value_and_gradient(context, numc_function_dynamic(context, newton, NULL, x, 1, 1));
    for (double p = 0.1; p < 1e4; p *= 7) {
        numc_array *y[2];
        x[0] = scalar(context, p);
        assert_int_equal(numc_function_call(context, g, x, 1, y, 2), NUMC_OK);
        CLOSE(numc_item(y[0]), sqrt(p), 1e-14 * sqrt(p));
        /* the derivative of Newton's steps converges with them, quadratically: a few rounding errors are left */
        CLOSE(numc_item(y[1]), 0.5 / sqrt(p), 1e-13 / sqrt(p));
    }
    numc_close(context);
}

/* ---- the same callback compiled and dynamic ------------------------------------------------------------------------------- */

typedef struct shared {
    const numc_array *scale;
} shared;
BODY(scan_step)
{
    UNUSED();
    const shared *s = user;
    out[0] = numc_add(numc_multiply(in[0], s->scale), numc_sin(in[1]));
    out[1] = numc_square(out[0]);
}
BODY(take_scaled)
{
    UNUSED();
    out[0] = numc_multiply(in[0], ((const shared *)user)->scale);
}
BODY(take_exp)
{
    UNUSED();
    out[0] = numc_exp(numc_negative(in[0]));
}
BODY(counted)
{
    UNUSED();
    out[0] = numc_add(numc_multiply(in[1], 0.5), numc_astype(in[0], NUMC_FLOAT64));
}
BODY(mapped)
{
    UNUSED();
    out[0] = numc_sum(numc_multiply(in[0], ((const shared *)user)->scale));
}
BODY(rows)
{
    UNUSED();
    out[0] = numc_sum(numc_square(in[0]));
}
BODY(everything)
{
    UNUSED();
    numc_function *inner = user;
    shared s = {numc_exp(in[1])};
    const numc_array *start = numc_zeros(context, NUMC_FLOAT64, NUMC_SCALAR);
    numc_array *scanned[2] = {NULL, NULL}, *chosen[1] = {NULL}, *switched[1] = {NULL}, *looped[1] = {NULL}, *each[1] = {NULL}, *called[1] = {NULL};
    numc_scan(context, scan_step, &s, &start, 1, in, 1, scanned, 1, .reverse = true);
    const numc_array *last = scanned[0];
    numc_cond(numc_greater(in[1], 0.0), take_scaled, take_exp, &s, &last, 1, chosen, 1);
    const numc_trace_fn bodies[2] = {take_exp, take_scaled};
    numc_switch(numc_astype(numc_greater(in[1], 0.0), NUMC_INT32), bodies, 2, &s, &last, 1, switched, 1);
    numc_fori(context, 0, 4, counted, NULL, &last, 1, looped);
    const numc_array *matrix = numc_multiply(numc_expand_dims(in[0], NUMC_AXES(1)), in[0]);
    numc_map(context, mapped, &s, &matrix, 1, each, 1);
    numc_function_call(context, inner, &matrix, 1, called, 1);
    numc_array *cholesky = numc_linalg_cholesky(numc_add(matrix, numc_eye(context, NUMC_FLOAT64, 3, 3, 0)));
    numc_array *sorted = numc_cumulative_sum(numc_sort(in[0]));
    numc_array *taken = numc_take(in[0], numc_argsort(in[0]), NUMC_AXIS(0));
    numc_array *assigned = numc_add(in[0], 0.0);
    numc_index_assign(&assigned, in[1], NUMC_SLICE(0, 2));
    numc_array *sum = numc_add(numc_add(numc_sum(scanned[1]), chosen[0]), numc_add(switched[0], looped[0]));
    sum = numc_add(sum, numc_add(numc_sum(each[0]), numc_sum(called[0])));
    sum = numc_add(sum, numc_add(numc_sum(numc_log(numc_abs(numc_add(cholesky, 2.0)))), numc_sum(numc_multiply(sorted, taken))));
    out[0] = numc_add(sum, numc_sum(numc_pow(numc_abs(assigned), 1.5)));
}

/* The primitives are the same, in the same order; sums of cotangents may be taken in another: some roundings of terms of size 100. */
static void test_same_as_compiled(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *row = numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(3)), *matrix = numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(3, 3));
    numc_function *inner = numc_function_vmap(context, numc_function_rematerialize(context, numc_function_trace(context, rows, NULL, &row, 1, 1)),
                                              &matrix, 1);
    for (int sign = -1; sign <= 1; sign += 2) {
        const numc_array *x[4] = {reals(context, NUMC_SHAPE(3), DOUBLES(0.5, -1, 2)), scalar(context, 0.25 * sign)};
        numc_function *f[2];
        for (int mode = 0; mode < 2; mode++)
            f[mode] = (mode == 1 ? numc_function_dynamic : numc_function_trace)(context, everything, inner, x, 2, 1);
        ASSERT_FINE(context);
        numc_array *y[2][7] = {{NULL}};
        for (int mode = 0; mode < 2; mode++)
            numc_function_call(context, numc_function_value_and_gradient(context, f[mode]), x, 2, y[mode], 3);
        ASSERT_FINE(context);
        for (int k = 0; k < 3; k++)
            for (int64_t i = 0; i < numc_array_size(y[0][k]); i++)
                CLOSE(number_at(y[0][k], i), number_at(y[1][k], i), 1e-13 * (1 + fabs(number_at(y[0][k], i))));
        x[2] = reals(context, NUMC_SHAPE(3), DOUBLES(1, 0.5, -0.25));
        x[3] = scalar(context, -0.5);
        for (int mode = 0; mode < 2; mode++)
            numc_function_call(context, numc_function_jvp(context, f[mode]), x, 4, y[mode], 2);
        for (int mode = 0; mode < 2; mode++)
            numc_function_call(context, numc_function_hvp(context, f[mode]), x, 4, y[mode] + 2, 5);
        ASSERT_FINE(context);
        for (int k = 0; k < 7; k++)
            for (int64_t i = 0; i < numc_array_size(y[0][k]); i++)
                CLOSE(number_at(y[0][k], i), number_at(y[1][k], i), 1e-12 * (1 + fabs(number_at(y[0][k], i))));
        x[2] = scalar(context, 3.0);
        for (int mode = 0; mode < 2; mode++)
            numc_function_call(context, numc_function_vjp(context, f[mode]), x, 3, y[mode], 3);
        ASSERT_FINE(context);
        for (int k = 0; k < 3; k++)
            for (int64_t i = 0; i < numc_array_size(y[0][k]); i++)
                CLOSE(number_at(y[0][k], i), number_at(y[1][k], i), 1e-13 * (1 + fabs(number_at(y[0][k], i))));
    }
    numc_close(context);
}

/* ---- values ------------------------------------------------------------------------------------------------------------------ */

/* The mean of what is positive: the size of an intermediate result depends on values. */
BODY(mean_of_positive)
{
    UNUSED();
    numc_array *found[1] = {NULL};
    numc_array *mask = numc_greater(in[0], 0.0);
    numc_nonzero(mask, found, 1);
    numc_array *some = numc_take(in[0], found[0], NUMC_AXIS(0)), *same = numc_index(in[0], NUMC_PICK(mask));
    numc_array *distinct = numc_unique_values(in[0]);
    assert_true(numc_error_status(context) != NUMC_OK || (numc_array_is_traced(some) && numc_array_is_traced(same)));
    out[0] = numc_add(numc_mean(some), numc_multiply(numc_sum(distinct), (double)numc_array_size(same)));
}

static void test_sizes_from_values(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x[1] = {reals(context, NUMC_SHAPE(5), DOUBLES(1, -2, 3, -4, 5))};
    numc_function *g = numc_function_value_and_gradient(context, numc_function_dynamic(context, mean_of_positive, NULL, x, 1, 1));
    numc_array *y[2] = {NULL, NULL};
    assert_int_equal(numc_function_call(context, g, x, 1, y, 2), NUMC_OK);
    CLOSE(numc_item(y[0]), 3.0 + 3 * 3.0, 1e-14);
    for (int i = 0; i < 5; i++)
        CLOSE(number_at(y[1], i), 3 + (i % 2 == 0 ? 1.0 / 3 : 0), 1e-14);
    numc_close(context);
}

/* What was recorded is not seen to change when its array is written in place. */
BODY(writes_in_place)
{
    UNUSED();
    numc_array *weights = numc_add(numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(2)), 1.0);
    numc_array *product = numc_multiply(in[0], weights);
    numc_index_assign(&weights, 100.0, NUMC_ALL);
    out[0] = numc_sum(product);
}

static void test_recorded_operands_stay(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x[1] = {reals(context, NUMC_SHAPE(2), DOUBLES(3, 4))};
    numc_function *g = numc_function_value_and_gradient(context, numc_function_dynamic(context, writes_in_place, NULL, x, 1, 1));
    numc_array *y[2];
    assert_int_equal(numc_function_call(context, g, x, 1, y, 2), NUMC_OK);
    CLOSE(numc_item(y[0]), 14, 0);
    CLOSE(number_at(y[1], 1), 2, 0);
    numc_close(context);
}

/* ---- nesting ------------------------------------------------------------------------------------------------------------------- */

/* The slope of another dynamic function inside, at a point that depends on the input: second derivatives through it. */
BODY(slope_inside)
{
    UNUSED();
    const numc_array *twice = numc_multiply(in[0], 2.0);
    numc_array *y[2] = {NULL, NULL};
    numc_function_call(context, user, &twice, 1, y, 2);
    out[0] = numc_item(y[1]) > 1 ? numc_multiply(y[0], y[1]) : y[1];
}

static void test_nested(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x[1] = {scalar(context, 1.5)};
    numc_function *slope = numc_function_value_and_gradient(context, numc_function_dynamic(context, piecewise, NULL, x, 1, 1));
    numc_function *g = numc_function_value_and_gradient(context, numc_function_dynamic(context, slope_inside, slope, x, 1, 1));
    ASSERT_FINE(context);
    numc_array *y[2];
    /* f = (2x)^2 (4x) = 16 x^3; below exp(2x) is f' and its slope is 2 exp(2x) */
    assert_int_equal(numc_function_call(context, g, x, 1, y, 2), NUMC_OK);
    CLOSE(numc_item(y[0]), 16 * 3.375, 1e-13);
    CLOSE(numc_item(y[1]), 48 * 2.25, 1e-13);
    x[0] = scalar(context, -0.5);
    assert_int_equal(numc_function_call(context, g, x, 1, y, 2), NUMC_OK);
    CLOSE(numc_item(y[1]), 2 * exp(-1), 1e-15);
    numc_close(context);
}

/* ---- errors -------------------------------------------------------------------------------------------------------------------- */

BODY(grows)
{
    UNUSED();
    out[0] = numc_ones(context, NUMC_FLOAT64, numc_item(in[0]) > 0 ? NUMC_SHAPE(2) : NUMC_SHAPE(3));
}
BODY(calls)
{
    UNUSED();
    numc_function_call(context, user, in, 1, out, 1);
}
BODY(for_ever)
{
    UNUSED();
    out[0] = numc_greater(in[0], -1.0);
}
BODY(same)
{
    UNUSED();
    out[0] = numc_add(in[0], 1.0);
}
BODY(wider)
{
    UNUSED();
    out[0] = numc_reshape(in[0], NUMC_SHAPE(1));
}
BODY(endless)
{
    UNUSED();
    numc_while(context, for_ever, user == NULL ? same : wider, NULL, in, 1, out, .limit = 50);
}
static const numc_context *other_context;
BODY(wrong_context)
{
    UNUSED();
    out[0] = numc_add(in[0], numc_ones((numc_context *)(uintptr_t)other_context, NUMC_FLOAT64, NUMC_SCALAR));
}

#define ASSERT_FAILS(context, status, words)                                                       \
    do {                                                                                           \
        assert_int_equal(numc_error_status(context), status);                                      \
        if (strstr(numc_error_message(context), words) == NULL)                                    \
            fail_msg("\"%s\" does not say \"%s\"", numc_error_message(context), words);             \
        numc_error_clear(context);                                                                 \
    } while (0)

/* Of a path that does not depend on values, as the traced function's. */
BODY(two_outputs)
{
    UNUSED();
    numc_array *z = numc_multiply(in[0], numc_exp(in[1]));
    out[0] = numc_stack(((const numc_array *[]){numc_sin(z), numc_multiply(z, numc_cumulative_sum(in[0]))}), 2, 0);
    out[1] = numc_argmax(in[0]);
    out[2] = numc_divide(in[1], numc_add(1.0, numc_sum(numc_square(in[0]))));
}
BODY(doubled)
{
    UNUSED();
    out[0] = numc_add(in[0], in[0]);
}
BODY(one_output)
{
    UNUSED();
    numc_array *y[3];
    two_outputs(context, in, input_count, y, 3, user);
    out[0] = numc_add(numc_sum(numc_square(y[0])), numc_multiply(y[2], numc_astype(in[2], NUMC_FLOAT64)));
}

static void same_results(numc_context *context, numc_function *is, numc_function *wanted, const numc_array *const *x, int32_t count)
{
    numc_array *y[32], *z[32];
    ASSERT_FINE(context);
    int32_t outputs = numc_function_output_count(is);
    assert_int_equal(outputs, numc_function_output_count(wanted));
    assert_true(outputs <= 32);
    assert_int_equal(numc_function_call(context, is, x, count, y, outputs), NUMC_OK);
    assert_int_equal(numc_function_call(context, wanted, x, count, z, outputs), NUMC_OK);
    for (int32_t k = 0; k < outputs; k++) {
        assert_int_equal(numc_array_rank(y[k]), numc_array_rank(z[k]));
        for (int32_t d = 0; d < numc_array_rank(y[k]); d++)
            assert_int_equal(numc_array_shape(y[k])[d], numc_array_shape(z[k])[d]);
        if (numc_array_dtype(z[k]) == NUMC_FLOAT64) /* sums of a few terms in another order, of numbers below 100 */
            CLOSE(numc_item(numc_max(numc_abs(numc_subtract(y[k], z[k])))), 0, 1e-12);
    }
}

static void test_jacobians(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x[3] = {reals(context, NUMC_SHAPE(3), DOUBLES(0.5, -1.25, 0.75)), scalar(context, 0.375),
                              numc_astype(scalar(context, 2), NUMC_INT64)};
    typedef numc_function *transform(numc_context *, const numc_function *);
    transform *const all[3] = {numc_function_jacobian_forward, numc_function_jacobian_reverse, numc_function_hessian};
    numc_function *f[2] = {numc_function_dynamic(context, two_outputs, NULL, x, 3, 3), numc_function_trace(context, two_outputs, NULL, x, 3, 3)};
    numc_function *g[2] = {numc_function_dynamic(context, one_output, NULL, x, 3, 1), numc_function_trace(context, one_output, NULL, x, 3, 1)};
    for (int k = 0; k < 3; k++) {
        if (k < 2)
            same_results(context, all[k](context, f[0]), all[k](context, f[1]), x, 3);
        same_results(context, all[k](context, g[0]), all[k](context, g[1]), x, 3);
        for (int j = 0; j < 2; j++) /* of one another */
            same_results(context, all[j](context, all[k](context, g[0])), all[j](context, all[k](context, g[1])), x, 3);
    }
    numc_function *bend = numc_function_hessian(context, numc_function_dynamic(context, piecewise, NULL, x + 1, 1, 1));
    for (int i = 0; i < 2; i++) {
        const numc_array *at[1] = {scalar(context, i == 0 ? 1.5 : -0.5)};
        numc_array *y[3];
        assert_int_equal(numc_function_call(context, bend, at, 1, y, 3), NUMC_OK);
        CLOSE(numc_item(y[2]), i == 0 ? 2 : exp(-0.5), 1e-15);
    }
    const numc_array *deep[1] = {numc_ones(context, NUMC_FLOAT64, ((numc_shape){(const int64_t[40]){1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 20, true}))};
    numc_function *identity = numc_function_dynamic(context, doubled, NULL, deep, 1, 1);
    ASSERT_FINE(context);
    assert_null(numc_function_jacobian_forward(context, identity));
    ASSERT_FAILS(context, NUMC_SHAPE, "numc_function_jacobian_forward: a derivative of rank 40 is beyond");
    numc_close(context);
}

static void test_errors(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x[1] = {scalar(context, 1.5)};
    numc_array *y[2];
    /* a traced value has none: the error names the ways out */
    assert_null(numc_function_trace(context, piecewise, NULL, x, 1, 1));
    const char *ways[] = {"numc_cond", "numc_while", "numc_scan", "numc_function_dynamic"};
    for (int i = 0; i < 4; i++)
        assert_non_null(strstr(numc_error_message(context), ways[i]));
    ASSERT_FAILS(context, NUMC_TRACE, "numc_item: ");
    assert_null(numc_function_trace(context, mean_of_positive, NULL, (const numc_array *[]){reals(context, NUMC_SHAPE(2), DOUBLES(1, 2))}, 1, 1));
    ASSERT_FAILS(context, NUMC_TRACE, "numc_function_dynamic");

    numc_function *f = numc_function_dynamic(context, grows, NULL, x, 1, 1);
    x[0] = scalar(context, -1.0);
    assert_int_not_equal(numc_function_call(context, f, x, 1, y, 1), NUMC_OK);
    ASSERT_FAILS(context, NUMC_TRACE, "output 0 was float64[2], then float64[3]");
    assert_null(numc_function_value_and_gradient(context, f));
    ASSERT_FAILS(context, NUMC_SHAPE, "a gradient is of one 0-d real float output");

    f = numc_function_dynamic(context, piecewise, NULL, x, 1, 1);
    assert_null(numc_function_trace(context, calls, f, x, 1, 1));
    ASSERT_FAILS(context, NUMC_TRACE, "dynamic mode needs values");
    assert_null(numc_function_vmap(context, f, (const numc_array *[]){numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(2))}, 1));
    ASSERT_FAILS(context, NUMC_UNSUPPORTED, "numc_function_vmap: of a dynamic function there are");
    assert_null(numc_function_linearize(context, f, x, 1, NULL, 0));
    ASSERT_FAILS(context, NUMC_UNSUPPORTED, "numc_function_linearize: of a dynamic function there are");
    assert_int_equal(numc_function_bytes(context, f), 0);
    ASSERT_FAILS(context, NUMC_UNSUPPORTED, "numc_function_bytes");
    x[0] = reals(context, NUMC_SHAPE(2), DOUBLES(1, 2));
    assert_int_not_equal(numc_function_call(context, f, x, 1, y, 1), NUMC_OK);
    ASSERT_FAILS(context, NUMC_SHAPE, "input 0 is float64[2]");

    x[0] = scalar(context, 1.0);
    assert_null(numc_function_dynamic(context, endless, NULL, x, 1, 1));
    ASSERT_FAILS(context, NUMC_VALUE, "numc_while: the condition still holds after 50 steps, its limit");
    assert_null(numc_function_dynamic(context, endless, &x, x, 1, 1));
    ASSERT_FAILS(context, NUMC_SHAPE, "numc_while: carry 0 is float64[] before a step and float64[1] after it");

    /* on another lane the callback works there, and the lane of the maker is not touched */
    numc_context *lane = numc_lane(context);
    other_context = lane;
    f = numc_function_dynamic(lane, wrong_context, NULL, x, 1, 1);
    assert_non_null(f);
    other_context = context;
    assert_int_not_equal(numc_function_call(lane, f, x, 1, y, 1), NUMC_OK);
    assert_int_equal(numc_error_status(context), NUMC_OK);
    ASSERT_FAILS(lane, NUMC_STATE, "a context that other threads use");
    numc_close(context);
}

static void frees_itself(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                         int32_t output_count, void *user)
{
    (void)context, (void)input_count, (void)output_count;
    numc_function **own = user;
    numc_function_free(*own);
    *own = NULL;
    out[0] = numc_square(in[0]);
}

/* A callback that frees the function it belongs to ends well: the call holds what it needs. */
static void test_freed_in_its_call(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x[1] = {scalar(context, 1.5)};
    numc_function *own = NULL, *f = numc_function_dynamic(context, frees_itself, &own, x, 1, 1);
    assert_non_null(f);
    own = f;
    numc_array *y[1];
    assert_int_equal(numc_function_call(context, f, x, 1, y, 1), NUMC_OK);
    assert_null(own);
    assert_true(numc_item(y[0]) == 2.25);
    numc_close(context);
}

/* What there is to see without a call: the types. */
static void test_text(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x[1] = {scalar(context, 1.5)};
    numc_function *f = numc_function_dynamic(context, piecewise, NULL, x, 1, 1);
    assert_non_null(f);
    char text[200];
    size_t length = numc_function_format(f, text, sizeof text);
    assert_int_equal(length, strlen(text));
    assert_string_equal(text, "dynamic: recorded at each call\n(%0 float64[]) {\n    %1 float64[]\n    return %1\n}\n");
    assert_true(numc_function_format(numc_function_hvp(context, f), NULL, 0) > 0);
    numc_close(context);
}

/* ---- memory -------------------------------------------------------------------------------------------------------------------- */

static void pass(failing *memory)
{
    numc_context *context = numc_open(&(numc_options){.backend = "ref", .threads = 1, .allocate = failing_allocate, .allocate_user = memory});
    if (context == NULL)
        return;
    const numc_array *row = numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(3));
    numc_function *inner = numc_function_trace(context, rows, NULL, &row, 1, 1);
    const numc_array *matrix = numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(3, 3));
    inner = inner == NULL ? NULL : numc_function_vmap(context, inner, &matrix, 1);
    const numc_array *x[4] = {reals(context, NUMC_SHAPE(3), DOUBLES(0.5, -1, 2)), reals(context, NUMC_SCALAR, DOUBLES(0.25)),
                              reals(context, NUMC_SHAPE(3), DOUBLES(0.5, -1, 2)), reals(context, NUMC_SCALAR, DOUBLES(0.25))};
    numc_function *f = inner == NULL ? NULL : numc_function_dynamic(context, everything, inner, x, 2, 1);
    numc_function *h = f == NULL ? NULL : numc_function_hvp(context, f);
    numc_array *y[5] = {NULL};
    numc_status status = h == NULL ? numc_error_status(context) : numc_function_call(context, h, x, 4, y, 5);
    assert_true(status == NUMC_OK || status == NUMC_MEMORY);
    assert_true((status == NUMC_OK) == (y[4] != NULL));
    numc_function *all[2] = {status == NUMC_OK ? numc_function_hessian(context, f) : NULL, status == NUMC_OK ? numc_function_jacobian_reverse(context, f) : NULL};
    for (int k = 0; k < 2 && status == NUMC_OK; k++) {
        numc_array *z[7] = {NULL};
        const int count = k == 0 ? 7 : 3; /* y, two of the gradient, four blocks; y, two blocks */
        status = all[k] == NULL ? numc_error_status(context) : numc_function_call(context, all[k], x, 2, z, count);
        assert_true(status == NUMC_OK || status == NUMC_MEMORY);
        assert_true((status == NUMC_OK) == (z[count - 1] != NULL));
    }
    numc_close(context);
}

static void test_failing_allocations(void **state)
{
    (void)state;
    sweep_passes(pass, 100);
}

/* Many calls leave nothing behind: neither headers, nor device memory, nor memory of the allocator. */
static void test_bounded(void **state)
{
    (void)state;
    failing memory = failing_at(-1);
    numc_context *context = numc_open(&(numc_options){.backend = "ref", .threads = 1, .allocate = failing_allocate, .allocate_user = &memory});
    const numc_array *x[1] = {scalar(context, 2.0)};
    numc_function *g = numc_function_value_and_gradient(context, numc_function_dynamic(context, newton, NULL, x, 1, 1));
    long settled = 0;
    for (int i = 0; i < 20000; i++) {
        assert_int_equal(numc_scope_begin(context), NUMC_OK);
        numc_array *y[2];
        assert_int_equal(numc_function_call(context, g, x, 1, y, 2), NUMC_OK);
        numc_scope_end(context);
        if (i == 2000)
            settled = memory.blocks;
    }
    assert_int_equal(memory.blocks, settled);
    numc_close(context);
    assert_int_equal(memory.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_branches_in_c),
        cmocka_unit_test(test_a_loop_in_c_has_a_reverse_mode),
        cmocka_unit_test(test_same_as_compiled),
        cmocka_unit_test(test_sizes_from_values),
        cmocka_unit_test(test_recorded_operands_stay),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_jacobians),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_freed_in_its_call),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
