/* Memory that reverse mode takes: functions computed again instead of kept, scans that keep some carries. Values are those of the
 * plain form; bytes are what numc_function_bytes says, and what the counter of live bytes shows. */
#include "../base/failing.h"
#include "support.h"

#include "graph/function.h"

#define BODY(name)                                                                                 \
    static void name(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out, \
                     int32_t output_count, void *user)
#define UNUSED() (void)context, (void)input_count, (void)output_count, (void)user, (void)in, (void)out

static void assert_error(numc_context *context, numc_status status, const char *part)
{
    assert_int_equal(numc_error_status(context), status);
    if (strstr(numc_error_message(context), part) == NULL)
        fail_msg("'%s' does not say '%s'", numc_error_message(context), part);
    numc_error_clear(context);
}

enum { WIDTH = 2048, BLOCKS = 16 };

static numc_array *line(numc_context *context, double scale)
{
    return numc_multiply(numc_sin(numc_arange(context, NUMC_FLOAT64, 0, WIDTH, 1)), scale);
}

static void assert_same_bits(const numc_array *a, const numc_array *b)
{
    static double x[4 * WIDTH], y[4 * WIDTH];
    size_t size = (size_t)numc_array_size(a) * sizeof(double);
    assert_true(size <= sizeof x && numc_array_size(a) == numc_array_size(b));
    assert_int_equal(numc_to_host(a, NUMC_FLOAT64, x, size), NUMC_OK);
    assert_int_equal(numc_to_host(b, NUMC_FLOAT64, y, size), NUMC_OK);
    assert_memory_equal(x, y, size);
}

static double largest_difference(const numc_array *a, const numc_array *b)
{
    return numc_item(numc_max(numc_abs(numc_subtract(a, b))));
}

/* ---- computed again ------------------------------------------------------------------------------------------------- */

/* Running sums go through memory, and the derivative of each sine needs its argument: four vectors for each block. */
BODY(block)
{
    UNUSED();
    numc_array *x = numc_multiply(in[0], in[1]);
    for (int i = 0; i < 4; i++)
        x = numc_divide(numc_cumulative_sum(numc_sin(x)), 64.0);
    out[0] = x;
}
BODY(chain)
{
    UNUSED();
    numc_array *x[1] = {numc_add(in[0], 0.0)};
    for (int i = 0; i < BLOCKS; i++)
        numc_function_call(context, user, (const numc_array *[]){x[0], in[1]}, 2, x, 1);
    out[0] = numc_sum(x[0]);
}

static void computed_again(void **state)
{
    (void)state;
    numc_context *context = open_ref();
    numc_scope(context) {
        const numc_array *x[2] = {line(context, 1.0), reals(context, NUMC_SCALAR, DOUBLES(1.25))};
        numc_function *plain = numc_function_trace(context, block, NULL, x, 2, 1), *again = numc_function_rematerialize(context, plain);
        numc_function *f = numc_function_trace(context, chain, plain, x, 2, 1), *g = numc_function_trace(context, chain, again, x, 2, 1);
        numc_function *df = numc_function_value_and_gradient(context, f), *dg = numc_function_value_and_gradient(context, g);
        ASSERT_FINE(context);
        uint64_t kept = numc_function_bytes(context, df), less = numc_function_bytes(context, dg), vector = WIDTH * sizeof(double);
        /* without: four vectors a block and more; with: one, and the inside of one block with its cotangents */
        assert_true(kept >= 4 * BLOCKS * vector);
        if (less > (BLOCKS + 32) * vector)
            fail_msg("%llu bytes, %llu when all is kept", (unsigned long long)less, (unsigned long long)kept);
        numc_array *y[3], *z[3];
        assert_int_equal(numc_function_call(context, df, x, 2, y, 3), NUMC_OK);
        assert_int_equal(numc_function_call(context, dg, x, 2, z, 3), NUMC_OK);
        assert_same_bits(y[0], z[0]);
        for (int i = 1; i < 3; i++) /* sums of cotangents in another order */
            assert_true(largest_difference(y[i], z[i]) <= 1e-11 * fmax(1.0, numc_item(numc_max(numc_abs(y[i])))));
    }
    ASSERT_FINE(context);
    numc_close(context);
}

BODY(small)
{
    UNUSED();
    out[0] = numc_multiply(numc_sin(numc_multiply(in[0], in[1])), numc_exp(in[0]));
    out[1] = numc_astype(numc_sum(in[1]), NUMC_INT64);
}
BODY(small_chain)
{
    UNUSED();
    numc_array *y[2] = {NULL, NULL};
    numc_function_call(context, user, in, 2, y, 2);
    numc_function_call(context, user, (const numc_array *[]){y[0], in[1]}, 2, y, 2);
    out[0] = y[0];
}
BODY(small_scan)
{
    UNUSED();
    numc_array *y[1];
    numc_scan(context, small_chain, user, in, 1, in + 1, 1, y, 0);
    out[0] = numc_sum(numc_square(y[0]));
}

/* Nested, in the body of a scan, in batches; to second order. */
static void computed_again_anywhere(void **state)
{
    (void)state;
    numc_context *context = open_ref();
    numc_scope(context) {
        const numc_array *x[2] = {reals(context, NUMC_SHAPE(3), DOUBLES(0.5, -0.25, 0.75)), reals(context, NUMC_SHAPE(4, 3),
                                  DOUBLES(0.5, 0.25, -0.5, 0.75, 1, -0.25, 0.125, 0.5, 0.25, -1, 0.5, 0.75))};
        const numc_array *one[2] = {x[0], numc_index(x[1], NUMC_AT(0))};
        numc_function *plain = numc_function_trace(context, small, NULL, one, 2, 2), *again = numc_function_rematerialize(context, plain);
        numc_function *pair = numc_function_rematerialize(context, numc_function_trace(context, small_chain, again, one, 2, 1));
        ASSERT_FINE(context);
        check_body(context, "rematerialized", small_chain, again, one, 2, 1, 2);
        check_body(context, "rematerialized in a scan", small_scan, again, x, 2, 1, 2);
        numc_array *y[2], *z[2];
        numc_function *by_hand = numc_function_trace(context, small_chain, plain, one, 2, 1);
        const numc_array *in[3] = {one[0], one[1], numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(3))};
        assert_int_equal(numc_function_call(context, pair, one, 2, y, 1), NUMC_OK);
        assert_int_equal(numc_function_call(context, by_hand, one, 2, z, 1), NUMC_OK);
        assert_same_bits(y[0], z[0]);
        numc_array *ybar[3], *zbar[3];
        assert_int_equal(numc_function_call(context, numc_function_vjp(context, pair), in, 3, ybar, 3), NUMC_OK);
        assert_int_equal(numc_function_call(context, numc_function_vjp(context, by_hand), in, 3, zbar, 3), NUMC_OK);
        for (int i = 1; i < 3; i++) /* a few products and sums below 4 */
            assert_true(largest_difference(ybar[i], zbar[i]) <= 1e-14);
        const numc_array *many[2] = {numc_stack((const numc_array *[]){one[0], one[1]}, 2, 0), one[1]};
        numc_function *batch = numc_function_vmap(context, pair, many, 2, .in_axes = NUMC_AXES(0, NUMC_UNMAPPED));
        assert_int_equal(numc_function_call(context, batch, many, 2, y, 1), NUMC_OK);
        assert_same_bits(numc_index(y[0], NUMC_AT(0)), z[0]);
        assert_null(numc_function_rematerialize(context, NULL));
        assert_error(context, NUMC_INVALID_ARGUMENT, "numc_function_rematerialize: the function is NULL");
        assert_true(numc_function_bytes(context, NULL) == 0);
        assert_error(context, NUMC_INVALID_ARGUMENT, "numc_function_bytes: the function is NULL");
    }
    ASSERT_FINE(context);
    numc_close(context);
}

static void pass(failing *memory)
{
    numc_context *context = numc_open(&(numc_options){.backend = "ref", .threads = 1, .allocate = failing_allocate, .allocate_user = memory});
    if (context == NULL)
        return;
    const numc_array *x[2] = {reals(context, NUMC_SHAPE(3), DOUBLES(0.5, -0.25, 0.75)), reals(context, NUMC_SHAPE(3), DOUBLES(1, 2, 0.5))};
    numc_function *plain = numc_function_trace(context, small, NULL, x, 2, 2);
    numc_function *again = plain == NULL ? NULL : numc_function_rematerialize(context, plain);
    numc_function *both = again == NULL ? NULL : numc_function_trace(context, small_chain, again, x, 2, 1);
    numc_function *back = both == NULL ? NULL : numc_function_vjp(context, both);
    numc_array *y[3] = {NULL, NULL, NULL};
    if (back != NULL && numc_function_bytes(context, back) > 0)
        (void)numc_function_call(context, back, (const numc_array *[]){x[0], x[1], x[1]}, 3, y, 3);
    assert_true(numc_error_status(context) == NUMC_OK ? y[2] != NULL : numc_error_status(context) == NUMC_MEMORY);
    numc_close(context);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    bool ended = false;
    for (long n = 0; !ended; n++) {
        failing memory = failing_at(n);
        pass(&memory);
        if (memory.blocks != 0 || memory.mistakes != 0)
            fail_msg("request %ld failing: %ld blocks left, %ld mistakes", n, memory.blocks, memory.mistakes);
        ended = !memory.failed;
        assert_true(n < 20000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computed_again),
        cmocka_unit_test(computed_again_anywhere),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
