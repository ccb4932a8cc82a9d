/* Memory that reverse mode takes: functions computed again instead of kept, scans that keep some carries. Values are those of the
 * plain form; bytes are what numc_function_bytes says, and what the counter of live bytes shows. */
#include "support.h"
#include "../base/device.h"
#include "../base/sweep.h"

#include "graph/function.h"

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
    numc_context *context = open_tested();
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
    numc_context *context = open_tested();
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

/* ---- scans that keep some carries ------------------------------------------------------------------------------------ */

enum { CARRY = 512, STEPS = 200 };

typedef struct scan_case {
    uint64_t limit;
    bool reverse;
    int64_t unroll;
} scan_case;

/* A vector that recurs, a number that only adds up, a count; what is stacked depends on all. */
BODY(recurrence)
{
    UNUSED();
    numc_array *moved = numc_concat((const numc_array *[]){numc_index(in[0], NUMC_SLICE(1, NUMC_END)), numc_index(in[0], NUMC_SLICE(0, 1))}, 2, 0);
    out[0] = numc_sin(numc_add(numc_multiply(moved, (const numc_array *)user), in[3]));
    out[1] = numc_add(in[1], numc_sum(numc_square(in[0])));
    out[2] = numc_add(in[2], 1);
    out[3] = numc_multiply(numc_mean(in[0]), in[3]);
}
BODY(long_scan)
{
    UNUSED();
    const scan_case *c = user;
    const numc_array *carries[3] = {in[0], numc_zeros(context, NUMC_FLOAT64, NUMC_SCALAR), numc_zeros(context, NUMC_INT64, NUMC_SCALAR)};
    numc_array *y[4];
    numc_scan(context, recurrence, (void *)(uintptr_t)in[2], carries, 3, in + 1, 1, y, 1, .reverse = c->reverse, .carry_bytes = c->limit,
              .unroll = c->unroll);
    out[0] = numc_add(numc_add(numc_sum(numc_multiply(y[0], y[0])), y[1]), numc_sum(numc_multiply(y[3], numc_astype(y[2], NUMC_FLOAT64))));
}

static uint64_t gradient_of(numc_context *context, const scan_case *c, const numc_array *const *x, numc_array **y)
{
    numc_function *f = numc_function_trace(context, long_scan, (void *)(uintptr_t)c, x, 3, 1);
    numc_function *gradient = numc_function_value_and_gradient(context, f);
    ASSERT_FINE(context);
    assert_int_equal(numc__graph_verify(context, gradient->graph), NUMC_OK);
    uint64_t bytes = numc_function_bytes(context, gradient);
    if (numc_function_call(context, gradient, x, 3, y, 4) != NUMC_OK)
        fail_msg("%s", numc_error_message(context));
    return bytes;
}

static void carries_within_a_limit(void **state)
{
    (void)state;
    const uint64_t vector = CARRY * sizeof(double), all = STEPS * (vector + 16);
    for (int reverse = 0; reverse < 2; reverse++) {
        numc_context *context = open_tested();
        numc_scope(context) {
            const numc_array *x[3] = {numc_cos(numc_arange(context, NUMC_FLOAT64, 0, CARRY, 1)),
                                      numc_sin(numc_arange(context, NUMC_FLOAT64, 0, STEPS, 1)), reals(context, NUMC_SCALAR, DOUBLES(1.5))};
            numc_array *y[4], *z[4];
            scan_case c = {.limit = UINT64_MAX, .reverse = reverse != 0};
            uint64_t kept = gradient_of(context, &c, x, y);
            assert_true(kept >= all);
            /* by square roots (2 x 15), as said, by halves of halves, and below what is possible: then log2(200 / 3) levels of five
             * vectors each */
            const uint64_t limits[4] = {all - 1, 40 * vector, 20 * vector, 1};
            for (int i = 0; i < 4; i++) {
                c.limit = limits[i];
                uint64_t bytes = gradient_of(context, &c, x, z);
                for (int k = 0; k < 4; k++)
                    assert_same_bits(y[k], z[k]);
                /* beside carries: what one step needs, the sequences and their cotangents, the copies each level begins with; on a
                 * device with memory apart bodies do not lie in gaps of the arena around them: a vector for each of three levels */
                uint64_t bound = (i == 0 ? 30 * vector : i == 3 ? 36 * vector : limits[i]) + (is_apart(context) ? 27 : 24) * vector;
                if (bytes > bound)
                    fail_msg("limit %llu: %llu bytes, %llu when all is kept", (unsigned long long)limits[i], (unsigned long long)bytes,
                             (unsigned long long)kept);
            }
            c.limit = 0; /* taken apart: sums in another order, of 200 x 512 terms below 1 */
            (void)gradient_of(context, &c, x, z);
            for (int k = 0; k < 4; k++)
                assert_true(largest_difference(y[k], z[k]) <= 1e-9 * fmax(1.0, numc_item(numc_max(numc_abs(y[k])))));
        }
        ASSERT_FINE(context);
        numc_close(context);
    }
}

/* The counter of live bytes sees what numc_function_bytes says. */
static void live_bytes_stay_within_the_limit(void **state)
{
    (void)state;
    uint64_t peaks[2];
    for (int way = 0; way < 2; way++) {
        numc_context *context = open_tested();
        const numc_array *x[3] = {numc_cos(numc_arange(context, NUMC_FLOAT64, 0, CARRY, 1)),
                                  numc_sin(numc_arange(context, NUMC_FLOAT64, 0, STEPS, 1)), reals(context, NUMC_SCALAR, DOUBLES(1.5))};
        scan_case c = {.limit = way == 0 ? UINT64_MAX : 20 * CARRY * sizeof(double)};
        numc_array *y[4];
        numc_statistics before = {0}, after = {0};
        assert_int_equal(numc_statistics_get(context, &before), NUMC_OK);
        uint64_t bytes = gradient_of(context, &c, x, y);
        assert_int_equal(numc_statistics_get(context, &after), NUMC_OK);
        peaks[way] = after.bytes_peak;
        const uint64_t beside = (strcmp(test_backend(), "ref") == 0 ? 8u : 24u) * CARRY * sizeof(double); /* a device has copies too */
        if (peaks[way] < bytes || peaks[way] > before.bytes_live + bytes + beside)
            fail_msg("at most %llu bytes live, after %llu before, where the function says %llu", (unsigned long long)peaks[way],
                     (unsigned long long)before.bytes_live, (unsigned long long)bytes);
        numc_close(context);
    }
    assert_true(2 * peaks[1] < peaks[0]);
}

/* Lengths that do not divide, second derivatives, batches. */
BODY(short_step)
{
    UNUSED();
    out[0] = numc_sin(numc_add(numc_multiply(in[0], (const numc_array *)user), in[1]));
    out[1] = numc_multiply(in[0], in[1]);
}
BODY(short_scan)
{
    UNUSED();
    const scan_case *c = user;
    numc_array *y[2];
    numc_scan(context, short_step, (void *)(uintptr_t)in[2], in, 1, in + 1, 1, y, 1, .reverse = c->reverse, .carry_bytes = c->limit,
              .unroll = c->unroll);
    out[0] = y[0];
    out[1] = y[1];
}

static void lengths_and_orders(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        double u[2 * 13];
        for (int i = 0; i < 26; i++)
            u[i] = 0.5 * sin(3.0 * i);
        const numc_array *start = reals(context, NUMC_SHAPE(2), DOUBLES(0.5, -0.75)), *slope = reals(context, NUMC_SCALAR, DOUBLES(0.75));
        for (int64_t length = 0; length <= 13; length++) {
            const numc_array *x[3] = {start, reals(context, NUMC_SHAPE(length, 2), u), slope};
            numc_array *y[2], *z[2];
            for (int reverse = 0; reverse < 2; reverse++) {
                scan_case plain = {.reverse = reverse != 0};
                short_scan(context, x, 3, y, 2, &plain);
                /* 16 bytes a step */
                const scan_case cases[] = {{64, reverse != 0, 0}, {1, reverse != 0, 0}, {0, reverse != 0, 3}, {0, reverse != 0, 100},
                                           {64, reverse != 0, 2}};
                for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                    void *c = (void *)(uintptr_t)&cases[i];
                    numc_function *f = numc_function_trace(context, short_scan, c, x, 3, 2);
                    assert_int_equal(numc_function_call(context, f, x, 3, z, 2), NUMC_OK);
                    for (int k = 0; k < 2; k++)
                        assert_same_bits(y[k], z[k]);
                    if (length == 4 || length == 11 || length == 13)
                        check_body(context, "a scan in parts", short_scan, c, x, 3, 2, length == 11 ? 2 : 1);
                }
            }
        }
        const numc_array *many[3] = {start, reals(context, NUMC_SHAPE(13, 2), u), reals(context, NUMC_SHAPE(2), DOUBLES(0.75, 0.5))};
        const numc_array *one[3] = {many[0], many[1], slope};
        numc_array *y[6], *z[6];
        for (int way = 0; way < 2; way++) {
            scan_case c = {.limit = way == 0 ? UINT64_MAX : 40};
            numc_function *f = numc_function_trace(context, short_scan, &c, one, 3, 2);
            numc_function *batch = numc_function_vmap(context, f, many, 3, .in_axes = NUMC_AXES(NUMC_UNMAPPED, NUMC_UNMAPPED, 0));
            const numc_array *in[5] = {many[0], many[1], many[2], numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(2, 2)),
                                       numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(2, 13, 2))};
            numc_function *back = numc_function_vjp(context, batch);
            ASSERT_FINE(context);
            assert_int_equal(numc_function_call(context, back, in, 5, way == 0 ? y : z, 5), NUMC_OK);
        }
        for (int k = 0; k < 5; k++)
            assert_same_bits(y[k], z[k]);
        scan_case wrong = {.unroll = -1};
        short_scan(context, one, 3, y, 2, &wrong);
        assert_error(context, NUMC_INVALID_ARGUMENT, "numc_scan: unroll -1");
    }
    ASSERT_FINE(context);
    numc_close(context);
}

static void scan_pass(failing *memory)
{
    numc_context *context = numc_open(&(numc_options){.backend = "ref", .threads = 1, .allocate = failing_allocate, .allocate_user = memory});
    if (context == NULL)
        return;
    const numc_array *x[3] = {reals(context, NUMC_SHAPE(2), DOUBLES(0.5, -0.75)),
                              reals(context, NUMC_SHAPE(5, 2), DOUBLES(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)), reals(context, NUMC_SCALAR, DOUBLES(0.75))};
    for (int i = 0; i < 2; i++) {
        scan_case c = {.limit = i == 0 ? 32 : 0, .unroll = i == 0 ? 0 : 2};
        numc_function *f = numc_function_trace(context, short_scan, &c, x, 3, 2);
        numc_function *back = f == NULL ? NULL : numc_function_vjp(context, f);
        assert_true(back != NULL || numc_error_status(context) == NUMC_MEMORY);
    }
    numc_close(context);
}

static void every_allocation_of_a_scan_may_fail(void **state)
{
    (void)state;
    sweep_passes(scan_pass, 100);
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
    sweep_passes(pass, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computed_again),
        cmocka_unit_test(computed_again_anywhere),
        cmocka_unit_test(carries_within_a_limit),
        cmocka_unit_test(live_bytes_stay_within_the_limit),
        cmocka_unit_test(lengths_and_orders),
        cmocka_unit_test(every_allocation_of_a_scan_may_fail),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
