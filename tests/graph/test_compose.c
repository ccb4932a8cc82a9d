/* Jacobians, Hessians, Hessian-vector products, linearisations, and functions with a derivative of their own: against each
 * other, against differences, and against closed forms. */
#include "support.h"

#include "graph/function.h"
#include "numc/linalg.h"

/* Compiled, and node by node. */
static void call(numc_context *context, numc_function *f, const numc_array *const *x, int32_t inputs, numc_array **y)
{
    ASSERT_FINE(context);
    assert_non_null(f);
    assert_int_equal(numc__graph_verify(context, f->graph), NUMC_OK);
    int32_t outputs = numc_function_output_count(f);
    numc_array *steps[16];
    run_graph(context, f->graph, x, inputs, steps);
    if (numc_function_call(context, f, x, inputs, y, outputs) != NUMC_OK)
        fail_msg("%s", numc_error_message(context));
    for (int32_t i = 0; i < outputs; i++) {
        double a[128], b[128];
        size_t size = (size_t)numc_array_size(y[i]) * sizeof *a;
        assert_true(size <= sizeof a && numc_array_size(steps[i]) == numc_array_size(y[i]));
        assert_int_equal(numc_to_host(y[i], NUMC_FLOAT64, a, size), NUMC_OK);
        assert_int_equal(numc_to_host(steps[i], NUMC_FLOAT64, b, size), NUMC_OK);
        for (size_t k = 0; k < size / sizeof *a; k++)
            assert_true(fabs(a[k] - b[k]) <= 1e-13 * fmax(1.0, fabs(b[k]))); /* sums of some tens of terms below 4 in another order */
    }
}

static void assert_shape(const numc_array *x, numc_shape shape)
{
    assert_int_equal(numc_array_rank(x), shape.count);
    for (int32_t d = 0; d < shape.count; d++)
        assert_int_equal(numc_array_shape(x)[d], shape.values[d]);
}

static void assert_near(const numc_array *x, const numc_array *y, double tolerance)
{
    double a[128], b[128];
    size_t size = (size_t)numc_array_size(x) * sizeof *a;
    assert_true(size <= sizeof a && numc_array_size(x) == numc_array_size(y));
    assert_int_equal(numc_to_host(x, NUMC_FLOAT64, a, size), NUMC_OK);
    assert_int_equal(numc_to_host(y, NUMC_FLOAT64, b, size), NUMC_OK);
    for (size_t k = 0; k < size / sizeof *a; k++) {
        if (!(fabs(a[k] - b[k]) <= tolerance * fmax(1.0, fabs(b[k]))))
            fail_msg("element %zu is %.17g instead of %.17g", k, a[k], b[k]);
    }
}

/* x (3), W (2, 3), an integer -> sin(W x) (2), an integer, sum of x^3 */
BODY(layer)
{
    UNUSED();
    out[0] = numc_sin(numc_matmul(in[1], in[0]));
    out[1] = numc_add(in[2], 1);
    out[2] = numc_sum(numc_multiply(numc_square(in[0]), in[0]));
}

static void jacobians_agree(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        const double integer = 7;
        const numc_array *x[3] = {reals(context, NUMC_SHAPE(3), DOUBLES(0.5, -1, 0.25)),
                                  reals(context, NUMC_SHAPE(2, 3), DOUBLES(1, 0.5, -2, 0.125, 3, 0.75)),
                                  numc_astype(reals(context, NUMC_SCALAR, &integer), NUMC_INT64)};
        numc_function *f = numc_function_trace(context, layer, NULL, x, 3, 3);
        numc_function *forward = numc_function_jacobian_forward(context, f), *reverse = numc_function_jacobian_reverse(context, f);
        assert_int_equal(numc_function_output_count(forward), 3 + 4);
        assert_int_equal(numc_function_output_count(reverse), 3 + 4);
        numc_array *a[7], *b[7];
        call(context, forward, x, 3, a);
        call(context, reverse, x, 3, b);
        for (int i = 0; i < 7; i++)
            assert_near(a[i], b[i], 16 * 0x1p-52); /* a product of three numbers each */
        assert_true(numc_item_integer(a[1]) == 8);
        assert_shape(a[3], NUMC_SHAPE(2, 3));
        assert_shape(a[4], NUMC_SHAPE(2, 2, 3));
        assert_shape(a[5], NUMC_SHAPE(3));
        assert_shape(a[6], NUMC_SHAPE(2, 3));
        numc_array *slope = numc_cos(numc_matmul(x[1], x[0]));
        assert_near(a[3], numc_multiply(numc_reshape(slope, NUMC_SHAPE(2, 1)), x[1]), 4 * 0x1p-52);
        assert_near(a[5], numc_multiply(numc_square(x[0]), 3.0), 4 * 0x1p-52);
        assert_near(a[6], numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3)), 0);
        /* d sin(W x)_i / d W_jk = [i = j] cos(.)_i x_k */
        numc_array *outer = numc_multiply(numc_reshape(slope, NUMC_SHAPE(2, 1)), x[0]);
        for (int i = 0; i < 2; i++) {
            for (int j = 0; j < 2; j++) {
                numc_array *row = numc_index(outer, NUMC_AT(i));
                assert_near(numc_index(a[4], NUMC_AT(i), NUMC_AT(j)), i == j ? row : numc_zeros_like(row), 4 * 0x1p-52);
            }
        }
    }
    ASSERT_FINE(context);
    numc_close(context);
}

/* A holomorphic function, and one that gives a real number of a complex one: J along the real axis, no conjugation. */
BODY(holomorphic) { UNUSED(); out[0] = numc_multiply(numc_square(in[0]), numc_index(in[0], NUMC_AT(0))); }
static void complex_jacobians(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        numc_array *re = reals(context, NUMC_SHAPE(2), DOUBLES(1, 2)), *im = reals(context, NUMC_SHAPE(2), DOUBLES(-0.5, 3));
        const numc_array *z = numc_complex(re, im);
        numc_function *f = numc_function_trace(context, holomorphic, NULL, &z, 1, 1);
        numc_function *made[2] = {numc_function_jacobian_forward(context, f), numc_function_jacobian_reverse(context, f)};
        /* [[3 a^2, 0], [b^2, 2 a b]] */
        numc_array *a = numc_index(z, NUMC_AT(0)), *b = numc_index(z, NUMC_AT(1));
        const numc_array *entries[4] = {numc_multiply(numc_square(a), 3.0), numc_zeros_like(a), numc_square(b), numc_multiply(numc_multiply(a, b), 2.0)};
        for (int i = 0; i < 2; i++) {
            numc_array *y[2];
            ASSERT_FINE(context);
            assert_non_null(made[i]);
            assert_int_equal(numc_function_call(context, made[i], &z, 1, y, 2), NUMC_OK);
            numc_array *flat = numc_reshape(y[1], NUMC_SHAPE(4)), *wanted = numc_stack(entries, 4, 0);
            assert_near(numc_real(flat), numc_real(wanted), 8 * 0x1p-52);
            assert_near(numc_imag(flat), numc_imag(wanted), 8 * 0x1p-52);
        }
    }
    ASSERT_FINE(context);
    numc_close(context);
}

/* A GARCH-like density with a scan and a cond on the data: (theta (3), series (4)) -> number */
BODY(volatility)
{
    UNUSED();
    const numc_array *const *theta = user;
    out[0] = numc_add(numc_exp(theta[0]), numc_add(numc_multiply(numc_square(in[1]), theta[1]), numc_multiply(in[0], theta[2])));
    out[1] = numc_subtract(numc_negative(numc_log(out[0])), numc_divide(numc_square(in[1]), out[0]));
}
BODY(garch)
{
    UNUSED();
    const numc_array *theta[3] = {numc_index(in[0], NUMC_AT(0)), numc_square(numc_index(in[0], NUMC_AT(1))),
                                  numc_square(numc_index(in[0], NUMC_AT(2)))};
    const numc_array *start = numc_exp(in[1]);
    numc_array *scanned[2];
    numc_scan(context, volatility, (void *)theta, &start, 1, in + 2, 1, scanned, 1);
    out[0] = numc_add(numc_sum(scanned[1]), numc_multiply(scanned[0], in[1]));
}

static void hessian_through_a_scan(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        const numc_array *x[6] = {reals(context, NUMC_SHAPE(3), DOUBLES(-0.5, 0.5, 0.25)), reals(context, NUMC_SCALAR, DOUBLES(0.75)),
                                  reals(context, NUMC_SHAPE(4), DOUBLES(1, -0.5, 0.25, 2))};
        numc_function *f = numc_function_trace(context, garch, NULL, x, 3, 1);
        numc_function *hessian = numc_function_hessian(context, f), *product = numc_function_hvp(context, f);
        assert_int_equal(numc_function_output_count(hessian), 1 + 3 + 9);
        assert_int_equal(numc_function_input_count(product), 6);
        assert_int_equal(numc_function_output_count(product), 1 + 3 + 3);
        numc_array *h[13], *p[7], *g[4];
        call(context, hessian, x, 3, h);
        call(context, numc_function_value_and_gradient(context, f), x, 3, g);
        for (int i = 0; i < 4; i++)
            assert_near(h[i], g[i], 1e-14); /* the same sums of some tens of terms */
        static const int64_t sizes[3] = {3, 1, 4};
        for (int j = 0; j < 3; j++) {
            for (int64_t k = 0; k < sizes[j]; k++) {
                double unit[3][4] = {{0}};
                unit[j][k] = 1.0;
                x[3] = reals(context, NUMC_SHAPE(3), unit[0]);
                x[4] = reals(context, NUMC_SCALAR, unit[1]);
                x[5] = reals(context, NUMC_SHAPE(4), unit[2]);
                call(context, product, x, 6, p);
                assert_near(p[0], g[0], 1e-14);
                for (int i = 0; i < 3; i++) {
                    /* column k of H[i][j], and by symmetry row k of H[j][i]: sums of some tens of products below 10 */
                    numc_array *column = j == 1 ? h[4 + 3 * i + j] : numc_index(h[4 + 3 * i + j], NUMC_ELLIPSIS, NUMC_AT(k));
                    numc_array *row = j == 1 ? h[4 + 3 * j + i] : numc_index(h[4 + 3 * j + i], NUMC_AT(k));
                    assert_near(p[4 + i], column, 1e-13);
                    assert_near(row, column, 1e-13);
                }
            }
        }
        /* the jvp of the gradient, hence H, against differences */
        check_graph(context, "garch", f->graph, x, 2);
    }
    ASSERT_FINE(context);
    numc_close(context);
}

static void linear_functions(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        const numc_array *x[6] = {reals(context, NUMC_SHAPE(3), DOUBLES(-0.5, 0.5, 0.25)), reals(context, NUMC_SCALAR, DOUBLES(0.75)),
                                  reals(context, NUMC_SHAPE(4), DOUBLES(1, -0.5, 0.25, 2)), reals(context, NUMC_SHAPE(3), DOUBLES(1, 2, -1)),
                                  reals(context, NUMC_SCALAR, DOUBLES(-3)), reals(context, NUMC_SHAPE(4), DOUBLES(0.5, 0.25, -1, 1))};
        numc_function *f = numc_function_trace(context, garch, NULL, x, 3, 1);
        numc_array *value[1], *dy[1], *both[2];
        numc_function *linear = numc_function_linearize(context, f, x, 3, value, 1);
        call(context, linear, x + 3, 3, dy);
        call(context, numc_function_jvp(context, f), x, 6, both);
        assert_near(value[0], both[0], 1e-14);
        assert_near(dy[0], both[1], 1e-14);
        /* without control flow the values are in the graph as numbers: no sine is left */
        const double integer = 7;
        const numc_array *y[3] = {x[0], reals(context, NUMC_SHAPE(2, 3), DOUBLES(1, 0.5, -2, 0.125, 3, 0.75)),
                                  numc_astype(reals(context, NUMC_SCALAR, &integer), NUMC_INT64)};
        numc_array *values[3];
        numc_function *g = numc_function_trace(context, layer, NULL, y, 3, 3);
        numc_function *flat = numc_function_linearize(context, g, y, 3, values, 3);
        assert_int_equal(numc_function_input_count(flat), 2);
        for (int32_t n = 0; n < flat->graph->node_count; n++)
            assert_true(flat->graph->nodes[n].primitive != NUMC_SCALAR_SIN && flat->graph->nodes[n].primitive != NUMC_SCALAR_COS);
        assert_near(values[0], numc_sin(numc_matmul(y[1], y[0])), 0);
        assert_true(numc_item_integer(values[1]) == 8);
        numc_array *moved[2];
        call(context, flat, (const numc_array *[]){x[3], numc_zeros_like(y[1])}, 2, moved);
        assert_near(moved[0], numc_multiply(numc_cos(numc_matmul(y[1], y[0])), numc_matmul(y[1], x[3])), 1e-15);
        assert_non_null(numc_function_linearize(context, g, y, 3, NULL, 0));
        assert_null(numc_function_linearize(context, g, y, 2, NULL, 0));
        assert_error(context, NUMC_INVALID_ARGUMENT, "takes 3 inputs, not 2");
        assert_null(numc_function_linearize(context, g, y, 3, values, 2));
        assert_error(context, NUMC_INVALID_ARGUMENT, "gives 3 outputs, not 2");
    }
    ASSERT_FINE(context);
    numc_close(context);
}

/* ---- derivatives of one's own -------------------------------------------------------------------------------------------- */

BODY(twice_sum) { UNUSED(); out[0] = numc_multiply(numc_sum(in[0]), 2.0); }
BODY(clipped) /* in: x, y, ybar: a gradient that is not the true one, so that it can be told */
{
    UNUSED();
    out[0] = numc_broadcast_to(numc_multiply(in[2], 10.0), NUMC_SHAPE(3));
}
BODY(clipped_jvp) { UNUSED(); out[0] = numc_multiply(numc_sum(in[2]), 10.0); }
BODY(uses) { UNUSED(); numc_array *y[1]; numc_function_call(context, user, (const numc_array *[]){numc_square(in[0])}, 1, y, 1); out[0] = numc_square(y[0]); }

static void own_derivatives(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        const numc_array *x[2] = {reals(context, NUMC_SHAPE(3), DOUBLES(1, 2, 3)), reals(context, NUMC_SHAPE(3), DOUBLES(1, 0, -1))};
        numc_function *plain = numc_function_trace(context, twice_sum, NULL, x, 1, 1);
        numc_function *made[2] = {numc_function_custom_jvp(context, plain, clipped_jvp, NULL),
                                  numc_function_custom_vjp(context, plain, clipped, NULL)};
        for (int i = 0; i < 2; i++) {
            ASSERT_FINE(context);
            numc_function *f = numc_function_trace(context, uses, made[i], x, 1, 1);
            numc_function *gradient = numc_function_value_and_gradient(context, f);
            numc_array *y[4];
            call(context, gradient, x, 1, y);
            /* y = 2 (1 + 4 + 9) = 28; y^2; its gradient by the rule: 2 y 10 2 x */
            assert_true(numc_item(y[0]) == 784.0);
            assert_near(y[1], numc_multiply(x[0], 1120.0), 0);
            /* under vmap, mapped and not */
            const numc_array *many = numc_stack(x, 2, 0);
            numc_function *batch = numc_function_vmap(context, gradient, &many, 1);
            call(context, batch, &many, 1, y);
            assert_near(numc_index(y[1], NUMC_AT(0)), numc_multiply(x[0], 1120.0), 0);
            assert_near(numc_index(y[1], NUMC_AT(1)), numc_multiply(x[1], 160.0), 0);
            numc_function *outside = numc_function_vjp(context, numc_function_vmap(context, f, &many, 1));
            call(context, outside, (const numc_array *[]){many, numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(2))}, 2, y);
            assert_near(numc_index(y[1], NUMC_AT(1)), numc_multiply(x[1], 160.0), 0);
            /* forward over reverse: H v = d(40 y(x) x) = 40 (20 <x, v> x + y v) with dy = 10 2 <x, v> for the forward rule; for the
             * reverse rule forward mode sees what f is: dy = 4 <x, v> */
            call(context, numc_function_hvp(context, f), x, 2, y);
            double inner = -2.0, rate = i == 0 ? 20.0 : 4.0;
            numc_array *wanted = numc_multiply(numc_add(numc_multiply(x[0], rate * inner), numc_multiply(x[1], 28.0)), 40.0);
            assert_near(y[2], wanted, 8 * 0x1p-52);
        }
        numc_array *y[2];
        call(context, numc_function_jvp(context, made[0]), x, 2, y);
        assert_true(numc_item(y[1]) == 0.0);
        assert_null(numc_function_jvp(context, made[1]));
        assert_error(context, NUMC_UNSUPPORTED, "numc_function_custom_vjp has no forward mode");
        assert_null(numc_function_custom_vjp(context, plain, clipped_jvp, NULL));
        assert_error(context, NUMC_SHAPE, "numc_function_custom_vjp: output 0 of the derivative is float64[]; input 0 is float64[3]");
        assert_null(numc_function_custom_jvp(context, plain, clipped, NULL));
        assert_error(context, NUMC_SHAPE, "numc_function_custom_jvp: output 0 of the derivative is float64[3]; output 0 is float64[]");
        assert_null(numc_function_custom_jvp(context, plain, NULL, NULL));
        assert_error(context, NUMC_INVALID_ARGUMENT, "NULL");
        assert_null(numc_function_custom_jvp(context, NULL, clipped, NULL));
        assert_error(context, NUMC_INVALID_ARGUMENT, "NULL");
    }
    ASSERT_FINE(context);
    numc_close(context);
}

/* A parameter that is the same for all elements gets the sum of what the reverse rule gives each. */
BODY(scaled) { UNUSED(); out[0] = numc_multiply(in[0], in[1]); }
BODY(scaled_vjp) { UNUSED(); out[0] = numc_multiply(in[3], in[1]); out[1] = numc_multiply(in[3], in[0]); }
static void shared_parameters_of_own_derivatives(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        const numc_array *one[2] = {reals(context, NUMC_SCALAR, DOUBLES(1)), reals(context, NUMC_SCALAR, DOUBLES(4))};
        const numc_array *x[3] = {reals(context, NUMC_SHAPE(3), DOUBLES(1, 2, 3)), one[1], reals(context, NUMC_SHAPE(3), DOUBLES(1, 1, 2))};
        numc_function *f = numc_function_custom_vjp(context, numc_function_trace(context, scaled, NULL, one, 2, 1), scaled_vjp, NULL);
        numc_function *v = numc_function_vmap(context, f, x, 2, .in_axes = NUMC_AXES(0, NUMC_UNMAPPED));
        numc_array *y[3];
        call(context, numc_function_vjp(context, v), x, 3, y);
        assert_near(y[1], reals(context, NUMC_SHAPE(3), DOUBLES(4, 4, 8)), 0);
        assert_true(numc_item(y[2]) == 9.0);
    }
    ASSERT_FINE(context);
    numc_close(context);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x = reals(context, NUMC_SHAPE(3), DOUBLES(1, 2, 3));
    numc_function *plain = numc_function_trace(context, twice_sum, NULL, &x, 1, 1);
    assert_null(numc_function_hessian(context, NULL));
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_function_hessian: the function is NULL");
    assert_null(numc_function_jacobian_forward(context, NULL));
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_function_jacobian_forward: the function is NULL");
    assert_null(numc_function_jacobian_reverse(NULL, plain));
    assert_null(numc_function_hvp(context, numc_function_jvp(context, plain)));
    assert_error(context, NUMC_SHAPE, "a gradient is of one 0-d real float output");
    assert_null(numc_function_linearize(context, NULL, &x, 1, NULL, 0));
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_function_linearize: the function is NULL");
    numc_close(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jacobians_agree),
        cmocka_unit_test(complex_jacobians),
        cmocka_unit_test(hessian_through_a_scan),
        cmocka_unit_test(linear_functions),
        cmocka_unit_test(own_derivatives),
        cmocka_unit_test(shared_parameters_of_own_derivatives),
        cmocka_unit_test(mistakes_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
