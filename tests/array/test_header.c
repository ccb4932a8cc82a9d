/* test_header.c - headers: scopes, keep and release, dead arrays, lanes, NULL flow, the quarantine, allocation failures. */
#include "fixture.h"

#include "../base/failing.h"
#include "array/internal.h"

static void dead_arrays_are_named(void **state)
{
    numc_context *context = *state;
    numc_array *kept = NULL, *lost = NULL;
    numc_scope(context)
    {
        numc_array *x = numc_arange(context, NUMC_FLOAT64, 0, 3, 1);
        lost = numc_multiply(x, 2.0);
        kept = numc_keep(numc_add(x, 1.0));
    }
    assert_ok(context);
    assert_values(kept, 1, 2, 3);
    assert_null(numc_exp(lost));
    assert_error(context, NUMC_DEAD_ARRAY, "(multiply) died with its scope");
    assert_int_equal(numc_array_rank(lost), -1);
    assert_int_equal(numc_array_dtype(lost), NUMC_DTYPE_DEFAULT);
    numc_release(kept);
    assert_null(numc_exp(kept));
    assert_error(context, NUMC_DEAD_ARRAY, "(add) was released");
    numc_array *loose = numc_zeros(context, NUMC_FLOAT32, NUMC_SHAPE(2));
    numc_release(loose);
    assert_error(context, NUMC_STATE, "was not kept");
}

static void a_detached_array_is_the_callers_alone(void **state)
{
    numc_context *context = *state;
    numc_statistics before, after;
    numc_statistics_get(context, &before);
    numc_array *x = numc_detach(numc_arange(context, NUMC_FLOAT64, 0, 1000, 1)), *y = NULL;
    numc_scope(context) y = numc_detach(numc_add(x, 1.0));
    assert_ptr_equal(numc_detach(y), y); /* a second reference */
    assert_true(numc_item(numc_max(y)) == 1000);
    numc_release(y);
    numc_release(y);
    assert_null(numc_exp(y));
    assert_error(context, NUMC_DEAD_ARRAY, "(add) was released");
    numc_release(x);
    numc_statistics_get(context, &after);
    assert_int_equal(after.bytes_live, before.bytes_live + 64); /* what max made, in the root scope */
    assert_null(numc_detach(NULL));
}

static void a_site_is_part_of_the_name(void **state)
{
    numc_context *context = *state;
    numc_array *lost = NULL;
    numc_scope(context)
    {
        context->site = "theta";
        lost = numc_multiply(numc_arange(context, NUMC_FLOAT64, 0, 3, 1), 2.0);
        context->site = NULL;
    }
    assert_null(numc_exp(lost));
    assert_error(context, NUMC_DEAD_ARRAY, "(multiply, site theta) died with its scope");
}

static void null_flows_and_the_first_error_stays(void **state)
{
    numc_context *context = *state;
    numc_array *a = numc_arange(context, NUMC_FLOAT64, 0, 3, 1), *b = numc_arange(context, NUMC_FLOAT64, 0, 4, 1);
    numc_array *bad = numc_add(a, b);
    assert_null(bad);
    assert_null(numc_exp(numc_add(numc_sum(bad), a)));
    assert_null(numc_zeros(context, NUMC_FLOAT64, NUMC_SCALAR));
    assert_error(context, NUMC_SHAPE, "numc_add: the shapes [3] and [4] do not broadcast");
    assert_null(numc_add(bad, a));
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_add: operand 1 is NULL");
    assert_null(numc_exp(NULL));
    assert_ok(context);
}

static void results_belong_to_the_deepest_lane(void **state)
{
    numc_context *context = *state;
    numc_context *first = numc_lane(context), *second = numc_lane(context);
    numc_array *top = numc_arange(context, NUMC_FLOAT64, 0, 3, 1);
    numc_array *one = numc_arange(first, NUMC_FLOAT64, 0, 3, 1), *two = numc_arange(second, NUMC_FLOAT64, 0, 3, 1);
    assert_ptr_equal(numc_array_context(numc_add(top, one)), first);
    assert_ptr_equal(numc_array_context(numc_add(two, top)), second);
    assert_null(numc_add(one, two));
    assert_int_equal(numc_error_status(first), NUMC_STATE);
    assert_ok(context);
    numc_error_clear(first);
    /* a kept array outlives its lane and then belongs to the lane above */
    numc_array *kept = numc_keep(numc_add(one, 1.0));
    numc_array *lost = numc_add(one, 2.0);
    numc_close(first);
    assert_ptr_equal(numc_array_context(kept), context);
    assert_values(kept, 1, 2, 3);
    assert_null(numc_exp(lost));
    assert_error(context, NUMC_DEAD_ARRAY, "died with its scope");
    numc_release(kept);
    numc_options options = {.backend = test_backend()};
    numc_context *other = numc_open(&options);
    numc_array *foreign = numc_arange(other, NUMC_FLOAT64, 0, 3, 1);
    assert_null(numc_add(top, foreign));
    assert_error(context, NUMC_STATE, "different contexts");
    numc_close(other);
}

static void headers_wait_in_quarantine(void **state)
{
    numc_context *context = *state;
    numc_array *lost = NULL;
    numc_scope(context) lost = numc_add(numc_arange(context, NUMC_FLOAT64, 0, 3, 1), 1.0);
    for (int i = 0; i < 3000; i++)
        numc_scope(context) assert_non_null(numc_zeros(context, NUMC_FLOAT64, NUMC_SCALAR));
    assert_null(numc_exp(lost));
    assert_error(context, NUMC_DEAD_ARRAY, "(add) died with its scope");
    for (int i = 0; i < 20000; i++) /* beyond the quarantine headers are used again: the slab does not grow for ever */
        numc_scope(context) assert_non_null(numc_zeros(context, NUMC_FLOAT64, NUMC_SCALAR));
    assert_true(lost->live == NUMC_ARRAY_DEAD);
    numc_statistics statistics;
    assert_int_equal(numc_statistics_get(context, &statistics), NUMC_OK);
    assert_true(statistics.arrays_made >= 23000);
    assert_true(statistics.arrays_live < 4);
}

static void buffers_are_used_again(void **state)
{
    numc_context *context = *state;
    numc_array *x = numc_arange(context, NUMC_FLOAT64, 0, 1000, 1);
    numc_statistics before, after;
    for (int i = 0; i < 100; i++) {
        numc_scope(context) assert_non_null(numc_exp(numc_add(x, 1.0)));
        if (i == 0)
            numc_statistics_get(context, &before);
    }
    numc_statistics_get(context, &after);
    assert_int_equal(before.bytes_live, after.bytes_live);
    assert_int_equal(before.bytes_peak, after.bytes_peak);
    assert_int_equal(before.kernels_built, after.kernels_built);
    assert_int_equal(after.kernels_run - before.kernels_run, 2 * 99);
}

static void constants_need_no_memory(void **state)
{
    numc_context *context = *state;
    numc_array *x = numc_add(numc_multiply(numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(1000, 1000, 1000)), 3.0), 2.0);
    numc_array *y = numc_sum(numc_broadcast_to(numc_reshape(x, NUMC_SHAPE(1000000000)), NUMC_SHAPE(7, 1000000000)), NUMC_AXES(0));
    assert_true(numc_item(numc_max(y)) == 35);
    numc_statistics statistics;
    numc_statistics_get(context, &statistics);
    assert_int_equal(statistics.bytes_peak, 0);
    assert_int_equal(statistics.kernels_run, 0);
}

static void refused_shapes_and_dtypes(void **state)
{
    numc_context *context = *state;
    assert_null(numc_zeros(context, NUMC_DTYPE_COUNT, NUMC_SHAPE(2)));
    assert_error(context, NUMC_DTYPE, "unknown");
    assert_null(numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2, -1)));
    assert_error(context, NUMC_SHAPE, "[2, -1]");
    assert_null(numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(INT64_MAX, INT64_MAX, 4)));
    assert_error(context, NUMC_MEMORY, "too large");
    numc_array *empty = numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(INT64_MAX, 0));
    assert_int_equal(numc_array_size(empty), 0);
    assert_null(numc_full(context, NUMC_UINT8, NUMC_SHAPE(2), 300));
    assert_error(context, NUMC_VALUE, "300 does not fit uint8");
    assert_null(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2), NULL));
    assert_error(context, NUMC_INVALID_ARGUMENT, "data is NULL");
    double pair[2] = {1, 2};
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2), pair);
    assert_int_equal(numc_to_host(x, NUMC_FLOAT32, pair, sizeof pair), NUMC_INVALID_ARGUMENT);
    assert_error(context, NUMC_INVALID_ARGUMENT, "2 elements of float32 are 8 bytes");
    assert_true(isnan(numc_item(x)));
    assert_error(context, NUMC_SHAPE, "float64[2] does not have one element");
}

static void work(numc_context *context, numc_array **kept)
{
    numc_array *x = numc_arange(context, NUMC_FLOAT64, 0, 60, 1);
    numc_array *y = numc_reshape(x, NUMC_SHAPE(1, 3, 1, 4, 5));
    numc_array *z = numc_permute_dims(y, NUMC_AXES(4, 3, 2, 1, 0));
    numc_scope(context)
    {
        numc_array *sum = numc_sum(numc_add(z, numc_astype(numc_greater(z, 3), NUMC_INT32)), NUMC_AXES(0, 3));
        *kept = numc_keep(numc_concat((const numc_array *[]){sum, numc_exp(sum)}, 2, 0));
    }
    numc_array *parts[20];
    for (int i = 0; i < 20; i++)
        parts[i] = x;
    (void)numc_stack((const numc_array *const *)parts, 20, 0);
    (void)numc_logsumexp(numc_sort(y, NUMC_AXIS(3), .descending = true), NUMC_AXES(-1));
}

/* Every allocation may fail: the error is MEMORY, nothing leaks, and the next call works. */
static void any_allocation_may_fail(void **state)
{
    (void)state;
    long told = 0;
    for (long n = 0;; n++) {
        failing f = failing_at(n);
        numc_options options = {.backend = test_backend(), .allocate = failing_allocate, .allocate_user = &f, .threads = 1};
        numc_context *context = numc_open(&options);
        if (context != NULL && numc_error_status(context) == NUMC_OK) {
            numc_array *kept = NULL;
            work(context, &kept);
            if (f.failed) {
                /* a buffer that is refused is asked for once more when the pool held some */
                if (numc_error_status(context) != NUMC_OK) {
                    assert_int_equal(numc_error_status(context), NUMC_MEMORY);
                    assert_true(numc_error_message(context)[0] != '\0');
                    told++;
                }
                numc_error_clear(context);
                numc_release(kept);
                work(context, &kept);
                assert_ok(context);
                numc_release(kept);
            } else {
                assert_ok(context);
            }
        }
        numc_close(context);
        assert_int_equal(f.blocks, 0);
        assert_int_equal(f.mistakes, 0);
        if (!f.failed)
            break;
        assert_true(n < 2000);
    }
    assert_true(told > 20 / failing_every());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(dead_arrays_are_named),
        TEST(a_detached_array_is_the_callers_alone),
        TEST(a_site_is_part_of_the_name),
        TEST(null_flows_and_the_first_error_stays),
        TEST(results_belong_to_the_deepest_lane),
        TEST(headers_wait_in_quarantine),
        TEST(buffers_are_used_again),
        TEST(constants_need_no_memory),
        TEST(refused_shapes_and_dtypes),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
