/* while, fori, switch and map: values run at once, through a graph and compiled; derivatives; edges; mistakes. Their batches are
 * in test_vmap.c. */
#include "support.h"

#include "graph/function.h"

/* The body run at once, node by node and compiled: one set of bits (scalars and short vectors, no sums to reorder). */
static void three_ways(numc_context *context, numc_trace_fn body, void *user, const numc_array *const *x, int32_t inputs,
                       int32_t outputs, numc_array **y)
{
    numc_array *steps[8], *compiled[8];
    body(context, x, inputs, y, outputs, user);
    ASSERT_FINE(context);
    numc_function *f = numc_function_trace(context, body, user, x, inputs, outputs);
    ASSERT_FINE(context);
    assert_int_equal(numc__graph_verify(context, f->graph), NUMC_OK);
    run_graph(context, f->graph, x, inputs, steps);
    assert_int_equal(numc_function_call(context, f, x, inputs, compiled, outputs), NUMC_OK);
    for (int32_t i = 0; i < outputs; i++) {
        numc_array *all[3] = {y[i], steps[i], compiled[i]};
        double data[3][32];
        numc_type type = numc__type_of(y[i]);
        for (int way = 0; way < 3; way++) {
            numc_type same = numc__type_of(all[way]);
            assert_true(numc__type_equal(&type, &same));
            assert_int_equal(numc_to_host(all[way], NUMC_FLOAT64, data[way], (size_t)type_size(&type) * sizeof(double)), NUMC_OK);
            assert_memory_equal(data[0], data[way], (size_t)type_size(&type) * sizeof(double));
        }
    }
    size_t length = numc_function_format(f, NULL, 0);
    assert_true(length > 0);
    numc_function_free(f);
}

/* ---- while --------------------------------------------------------------------------------------------------------- */

BODY(above_one) { UNUSED(); out[0] = numc_greater(in[1], (const numc_array *)user); }
BODY(collatz)
{
    UNUSED();
    out[0] = numc_add(in[0], 1);
    out[1] = numc_where(numc_equal(numc_remainder(in[1], 2), 0), numc_floor_divide(in[1], 2), numc_add(numc_multiply(in[1], 3), 1));
}
/* steps of the Collatz sequence from in[0] down to in[1] */
BODY(collatz_steps)
{
    UNUSED();
    const numc_array *carries[2] = {numc_zeros(context, NUMC_INT64, NUMC_SCALAR), in[0]};
    numc_while(context, above_one, collatz, (void *)(uintptr_t)in[1], carries, 2, out);
}

static numc_array *whole(numc_context *context, int64_t value)
{
    return numc_from_host(context, NUMC_INT64, NUMC_SCALAR, &value);
}

static void while_counts(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    static const int64_t known[4][2] = {{1, 0}, {6, 8}, {27, 111}, {97, 118}}; /* well-known lengths */
    for (int i = 0; i < 4; i++) {
        numc_scope(context) {
            const numc_array *x[2] = {whole(context, known[i][0]), whole(context, 1)};
            numc_array *y[2];
            three_ways(context, collatz_steps, NULL, x, 2, 2, y);
            assert_int_equal(numc_item_integer(y[0]), known[i][1]);
            assert_int_equal(numc_item_integer(y[1]), 1);
        }
    }
    ASSERT_FINE(context);
    numc_close(context);
}

/* y = y + h (a - y) while t < 1: the number of steps depends on h, the result smoothly on a and y0. */
BODY(early) { UNUSED(); out[0] = numc_less(in[1], 1.0); }
BODY(euler)
{
    UNUSED();
    const numc_array *const *p = user;
    out[0] = numc_add(in[0], numc_multiply(numc_subtract(numc_sin(p[0]), in[0]), p[1]));
    out[1] = numc_add(in[1], p[1]);
}
BODY(relax)
{
    UNUSED();
    const numc_array *p[2] = {in[1], numc_stop_gradient(numc_full(context, NUMC_FLOAT64, NUMC_SCALAR, 0.125))};
    const numc_array *carries[2] = {in[0], numc_zeros(context, NUMC_FLOAT64, NUMC_SCALAR)};
    numc_array *y[2];
    numc_while(context, early, euler, (void *)p, carries, 2, y, .limit = 100);
    out[0] = numc_square(y[0]);
}

static void while_differentiates_forward(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        const numc_array *x[4] = {reals(context, NUMC_SHAPE(2), DOUBLES(0.5, -2)), reals(context, NUMC_SHAPE(2), DOUBLES(0.25, 1.5)),
                                  reals(context, NUMC_SHAPE(2), DOUBLES(1, -0.5)), reals(context, NUMC_SHAPE(2), DOUBLES(0.75, 2))};
        numc_array *y[2];
        three_ways(context, relax, NULL, x, 2, 1, y);
        numc_function *f = numc_function_trace(context, relax, NULL, x, 2, 1);
        numc_function *forward = numc_function_jvp(context, f);
        ASSERT_FINE(context);
        assert_int_equal(numc_function_call(context, forward, x, 4, y, 2), NUMC_OK);
        /* y_8 = k y0 + (1 - k) sin a with k = (1 - h)^8; the derivative of its square */
        double k = pow(0.875, 8), got[2];
        numc_to_host(y[1], NUMC_FLOAT64, got, sizeof got);
        static const double y0[2] = {0.5, -2}, a[2] = {0.25, 1.5}, dy0[2] = {1, -0.5}, da[2] = {0.75, 2};
        for (int i = 0; i < 2; i++) {
            double end = k * y0[i] + (1 - k) * sin(a[i]), slope = 2 * end * (k * dy0[i] + (1 - k) * cos(a[i]) * da[i]);
            assert_true(fabs(got[i] - slope) <= 64 * 0x1p-52 * fmax(1.0, fabs(slope))); /* 8 steps of 3 roundings on either side */
        }
        /* twice: forward over forward, against the first's differences */
        double d[8], at_plus[8], at_minus[8], second[8];
        numc_graph *again = numc__graph_jvp(context, forward->graph, NULL);
        assert_non_null(again);
        for (int i = 0; i < 8; i++)
            d[i] = i < 4 ? 0.5 : 0.0;
        run_derived(context, again, x, 4, d, 2, second);
        evaluate(context, forward->graph, x, 0x1p-13, d, at_plus);
        evaluate(context, forward->graph, x, -0x1p-13, d, at_minus);
        for (int i = 2; i < 4; i++) /* h^2 f'''/6 with f''' below 8, and rounding 1e-16 / h */
            assert_true(fabs((at_plus[i] - at_minus[i]) / 0x1p-12 - second[i]) <= 4 * 0x1p-26 + 1e-11);
        numc__graph_release(again);
        assert_null(numc_function_vjp(context, f));
        assert_error(context, NUMC_UNSUPPORTED, "numc_while has no reverse mode");
        assert_null(numc_function_value_and_gradient(context, numc_function_vmap(context, f, x, 2)));
        numc_error_clear(context);
    }
    numc_close(context);
}

/* What a gradient does not go through may be a while. */
BODY(scaled_by_count)
{
    UNUSED();
    numc_array *y[2];
    const numc_array *from[2] = {numc_astype(in[0], NUMC_INT64), whole(context, 1)};
    collatz_steps(context, from, 2, y, 2, NULL);
    out[0] = numc_multiply(numc_square(in[0]), numc_astype(y[0], NUMC_FLOAT64));
}
static void inactive_while(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        const numc_array *x = reals(context, NUMC_SCALAR, DOUBLES(6));
        numc_function *f = numc_function_value_and_gradient(context, numc_function_trace(context, scaled_by_count, NULL, &x, 1, 1));
        numc_array *y[2];
        ASSERT_FINE(context);
        assert_int_equal(numc_function_call(context, f, &x, 1, y, 2), NUMC_OK);
        assert_true(numc_item(y[0]) == 288.0 && numc_item(y[1]) == 96.0);
    }
    numc_close(context);
}

BODY(always) { UNUSED(); out[0] = numc_greater_equal(numc_square(in[0]), 0.0); }
BODY(add_one) { UNUSED(); out[0] = numc_add(in[0], 1.0); }
BODY(narrow) { UNUSED(); out[0] = numc_astype(in[0], NUMC_FLOAT32); }
BODY(none) { UNUSED(); }
BODY(endless) { UNUSED(); numc_while(context, always, add_one, NULL, in, 1, out, .limit = 20); }
BODY(while_number) { UNUSED(); numc_while(context, add_one, add_one, NULL, in, 1, out); }
BODY(while_narrow) { UNUSED(); numc_while(context, always, narrow, NULL, in, 1, out); }
BODY(while_none) { UNUSED(); numc_while(context, always, none, NULL, in, 1, out); }
static void mistakes_with_while_are_named(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x = reals(context, NUMC_SCALAR, DOUBLES(1)), *many = reals(context, NUMC_SHAPE(2), DOUBLES(1, 2));
    numc_array *out[1];
    endless(context, &x, 1, out, 1, NULL);
    assert_null(out[0]);
    assert_error(context, NUMC_VALUE, "numc_while: the condition still holds after 20 steps, its limit");
    numc_function *f = numc_function_trace(context, endless, NULL, &x, 1, 1);
    assert_int_equal(numc_function_call(context, f, &x, 1, out, 1), NUMC_VALUE);
    assert_error(context, NUMC_VALUE, "numc_while: the condition still holds after 20 steps, its limit");
    numc_function *v = numc_function_vmap(context, f, &many, 1);
    assert_int_equal(numc_function_call(context, v, &many, 1, out, 1), NUMC_VALUE);
    assert_error(context, NUMC_VALUE, "after 20 steps");
    assert_int_equal(numc_while(context, always, add_one, NULL, &x, 1, out, .limit = -1), NUMC_INVALID_ARGUMENT);
    assert_error(context, NUMC_INVALID_ARGUMENT, "limit -1");
    assert_null(numc_function_trace(context, while_number, NULL, &x, 1, 1));
    assert_error(context, NUMC_DTYPE, "numc_while: the condition must give a 0-d bool");
    assert_null(numc_function_trace(context, while_narrow, NULL, &x, 1, 1));
    assert_error(context, NUMC_DTYPE, "numc_while: carry 0 is float64[] before a step and float32[] after it");
    assert_null(numc_function_trace(context, while_none, NULL, &x, 1, 1));
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_while: the callback left output 0 NULL");
    numc_while(context, always, NULL, NULL, &x, 1, out);
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_while: the condition or the body is NULL");
    numc_while(context, always, add_one, NULL, NULL, 1, out);
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_while: a list of 1 carries");
    const numc_array *missing = NULL;
    numc_while(context, always, add_one, NULL, &missing, 1, out);
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_while: carry 0 is NULL");
    numc_close(context);
}

/* ---- fori ---------------------------------------------------------------------------------------------------------- */

BODY(horner) { UNUSED(); out[0] = numc_add(numc_multiply(in[1], (const numc_array *)user), numc_astype(in[0], NUMC_FLOAT64)); }
BODY(known_bounds) { UNUSED(); numc_fori(context, 1, 4, horner, (void *)(uintptr_t)in[1], in, 1, out); }
BODY(traced_bounds) { UNUSED(); numc_fori(context, in[2], in[3], horner, (void *)(uintptr_t)in[1], in, 1, out); }
static void fori_runs(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        const numc_array *x[4] = {reals(context, NUMC_SCALAR, DOUBLES(0.5)), reals(context, NUMC_SCALAR, DOUBLES(2)), whole(context, 1), whole(context, 4)};
        numc_array *y[1];
        three_ways(context, known_bounds, NULL, x, 2, 1, y);
        assert_true(numc_item(y[0]) == ((0.5 * 2 + 1) * 2 + 2) * 2 + 3);
        three_ways(context, traced_bounds, NULL, x, 4, 1, y);
        assert_true(numc_item(y[0]) == 15.0);
        check_body(context, "fori", known_bounds, NULL, x, 2, 1, 2);
        x[3] = whole(context, -7); /* nothing to do */
        three_ways(context, traced_bounds, NULL, x, 4, 1, y);
        assert_true(numc_item(y[0]) == 0.5);
        numc_function *f = numc_function_trace(context, traced_bounds, NULL, x, 4, 1);
        assert_null(numc_function_vjp(context, f));
        assert_error(context, NUMC_UNSUPPORTED, "numc_fori with bounds that are known");
        assert_int_equal(numc_fori(context, 0, x[0], horner, (void *)(uintptr_t)x[1], x, 1, y), NUMC_DTYPE);
        assert_error(context, NUMC_DTYPE, "numc_fori: the upper bound must be a whole number");
        assert_int_equal(numc_fori(context, 0, 2, NULL, NULL, x, 1, y), NUMC_INVALID_ARGUMENT);
        assert_error(context, NUMC_INVALID_ARGUMENT, "numc_fori: the body");
    }
    numc_close(context);
}

/* ---- switch --------------------------------------------------------------------------------------------------------- */

BODY(case_sine) { UNUSED(); out[0] = numc_sin(in[0]); }
BODY(case_square) { UNUSED(); out[0] = numc_multiply(numc_square(in[0]), (const numc_array *)user); }
BODY(case_log) { UNUSED(); out[0] = numc_log(in[0]); }
BODY(case_zero) { UNUSED(); out[0] = numc_zeros_like(in[0]); }
static const numc_trace_fn five[5] = {case_sine, case_square, case_log, case_zero, case_sine};
BODY(choose_five) { UNUSED(); numc_switch(in[2], five, 5, (void *)(uintptr_t)in[1], in, 1, out, 1); }
BODY(choose_one) { UNUSED(); numc_switch(in[2], five, 1, NULL, in, 1, out, 1); }
static void switch_chooses(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    for (int64_t i = -3; i < 8; i++) {
        numc_scope(context) {
            int64_t index = i < 0 ? 0 : i > 4 ? 4 : i;
            const numc_array *x[3] = {reals(context, NUMC_SHAPE(2), DOUBLES(0.5, 2)), reals(context, NUMC_SCALAR, DOUBLES(3)), whole(context, i)};
            numc_array *y[1], *wanted[1];
            three_ways(context, choose_five, NULL, x, 3, 1, y);
            five[index](context, x, 1, wanted, 1, (void *)(uintptr_t)x[1]);
            double a[2], b[2];
            numc_to_host(y[0], NUMC_FLOAT64, a, sizeof a);
            numc_to_host(wanted[0], NUMC_FLOAT64, b, sizeof b);
            assert_memory_equal(a, b, sizeof a);
            check_body(context, "switch", choose_five, NULL, x, 3, 1, 2);
            three_ways(context, choose_one, NULL, x, 3, 1, y);
        }
    }
    /* an unsigned index above what int64 holds is the last */
    numc_scope(context) {
        const uint64_t huge = UINT64_MAX;
        const numc_array *x[3] = {reals(context, NUMC_SHAPE(2), DOUBLES(0.5, 2)), reals(context, NUMC_SCALAR, DOUBLES(3)),
                                  numc_from_host(context, NUMC_UINT64, NUMC_SCALAR, &huge)};
        numc_array *y[1];
        three_ways(context, choose_five, NULL, x, 3, 1, y);
        assert_true(numc_item(numc_index(y[0], NUMC_AT(1))) == numc_item(numc_sin(numc_index(x[0], NUMC_AT(1)))));
    }
    ASSERT_FINE(context);
    numc_close(context);
}

static const numc_trace_fn mixed[3] = {case_sine, case_sine, narrow}, holes[2] = {case_sine, NULL}, empty[2] = {case_sine, none};
BODY(switch_mixed) { UNUSED(); numc_switch(in[1], mixed, 3, NULL, in, 1, out, 1); }
BODY(switch_real) { UNUSED(); numc_switch(in[0], mixed, 3, NULL, in, 1, out, 1); }
BODY(switch_holes) { UNUSED(); numc_switch(in[1], holes, 2, NULL, in, 1, out, 1); }
BODY(switch_empty) { UNUSED(); numc_switch(in[1], empty, 2, NULL, in, 1, out, 1); }
static void mistakes_with_switch_are_named(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x[2] = {reals(context, NUMC_SCALAR, DOUBLES(1)), whole(context, 1)};
    numc_array *out[1];
    assert_null(numc_function_trace(context, switch_mixed, NULL, x, 2, 1));
    assert_error(context, NUMC_DTYPE, "numc_switch: output 0 is float64[] for an index below 2 and float32[] from 2 on");
    assert_null(numc_function_trace(context, switch_real, NULL, x, 2, 1));
    assert_error(context, NUMC_DTYPE, "numc_switch: the index must be a 0-d integer");
    assert_null(numc_function_trace(context, switch_holes, NULL, x, 2, 1));
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_switch: body 1 is NULL");
    assert_null(numc_function_trace(context, switch_empty, NULL, x, 2, 1));
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_switch: the callback left output 0 NULL");
    switch_empty(context, x, 2, out, 1, NULL);
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_switch: body 1 left output 0 NULL");
    assert_int_not_equal(numc_switch(NULL, mixed, 2, NULL, x, 1, out, 1), NUMC_OK);
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_switch: the index is NULL");
    numc_switch(x[1], mixed, 0, NULL, x, 1, out, 1);
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_switch: there is no body");
    numc_close(context);
}

/* ---- map ------------------------------------------------------------------------------------------------------------ */

BODY(rowwise) { UNUSED(); out[0] = numc_multiply(numc_prod(in[0]), in[1]); out[1] = numc_sin(in[0]); }
BODY(mapped) { UNUSED(); numc_map(context, rowwise, NULL, in, 2, out, 2); }
static void map_runs(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        const numc_array *x[2] = {reals(context, NUMC_SHAPE(3, 2), DOUBLES(0.5, 2, -1, 4, 3, 0.25)), reals(context, NUMC_SHAPE(3), DOUBLES(1, -2, 4))};
        numc_array *y[2];
        three_ways(context, mapped, NULL, x, 2, 2, y);
        double got[3];
        numc_to_host(y[0], NUMC_FLOAT64, got, sizeof got);
        assert_true(got[0] == 1.0 && got[1] == 8.0 && got[2] == 3.0);
        check_body(context, "map", mapped, NULL, x, 2, 2, 2);
        assert_int_equal(numc_map(context, rowwise, NULL, x, 0, y, 2), NUMC_INVALID_ARGUMENT);
        assert_error(context, NUMC_INVALID_ARGUMENT, "numc_map: the body is NULL, or a list of 0 sequences");
    }
    numc_close(context);
}

/* ---- within one another ------------------------------------------------------------------------------------------------ */

/* A scan whose step is a while, inside a cond, all of them capturing. */
BODY(below_bound) { UNUSED(); out[0] = numc_less(in[0], (const numc_array *)user); }
BODY(grow) { UNUSED(); out[0] = numc_add(numc_multiply(in[0], 1.0625), 0.5); }
BODY(grow_step)
{
    UNUSED();
    const numc_array *from = numc_add(numc_square(numc_sin(in[0])), numc_abs(in[1]));
    numc_while(context, below_bound, grow, user, &from, 1, out, .limit = 100);
    out[1] = numc_multiply(out[0], in[1]);
}
BODY(grow_scan)
{
    UNUSED();
    numc_array *y[2];
    numc_scan(context, grow_step, user, in, 1, in + 1, 1, y, 1);
    out[0] = numc_add(y[1], y[0]);
}
BODY(stay) { UNUSED(); out[0] = numc_negative(in[1]); }
BODY(nested) { UNUSED(); numc_cond(numc_greater(in[2], 0.0), grow_scan, stay, (void *)(uintptr_t)in[3], in, 2, out, 1); }
static void loops_nest(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    for (int sign = -1; sign <= 1; sign += 2) {
        numc_scope(context) {
            const double s = sign;
            const numc_array *x[4] = {reals(context, NUMC_SCALAR, DOUBLES(0.5)), reals(context, NUMC_SHAPE(4), DOUBLES(0.125, -0.5, 0.75, 1)),
                                      reals(context, NUMC_SCALAR, &s), reals(context, NUMC_SCALAR, DOUBLES(3))};
            numc_array *y[1];
            three_ways(context, nested, NULL, x, 4, 1, y);
            numc_function *forward = numc_function_jvp(context, numc_function_trace(context, nested, NULL, x, 4, 1));
            ASSERT_FINE(context);
            assert_int_equal(numc__graph_verify(context, forward->graph), NUMC_OK);
            double d[8] = {1, 0.5, -0.5, 0.25, 1, 0, 0}, dy[4], plus[4], minus[4];
            run_derived(context, forward->graph, x, 4, d, 1, dy);
            numc_graph *graph = trace_like(context, nested, NULL, x, 4, 1);
            evaluate(context, graph, x, 0x1p-17, d, plus);
            evaluate(context, graph, x, -0x1p-17, d, minus);
            for (int i = 0; i < 4; i++) /* h^2 f'''/6 with f''' below 1e3, rounding 4e-15 / h */
                if (!(fabs((plus[i] - minus[i]) / 0x1p-16 - dy[i]) <= 1e3 * 0x1p-36 + 6e-10))
                    fail_msg("element %d: %.17g, differences %.17g, value %.17g", i, dy[i], (plus[i] - minus[i]) / 0x1p-16, plus[i]);
            numc__graph_release(graph);
        }
    }
    ASSERT_FINE(context);
    numc_close(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(while_counts),
        cmocka_unit_test(while_differentiates_forward),
        cmocka_unit_test(inactive_while),
        cmocka_unit_test(mistakes_with_while_are_named),
        cmocka_unit_test(fori_runs),
        cmocka_unit_test(switch_chooses),
        cmocka_unit_test(mistakes_with_switch_are_named),
        cmocka_unit_test(map_runs),
        cmocka_unit_test(loops_nest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
