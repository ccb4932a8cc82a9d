/* test_index.c - indexing, updates, take and scatter: against loops over random slices, and by hand for the rules of NumPy. */
#include "fixture.h"

#include "array/internal.h"

static void random_slices_equal_loops(void **state)
{
    numc_context *context = *state;
    uint64_t seed = 3;
    for (int round = 0; round < 500; round++) {
        numc_scope(context)
        {
            int32_t rank = 1 + (int32_t)(next_random(&seed) % 4);
            int64_t shape[4], at[4][64], count[4], size = 1, result = 1;
            numc_index_term terms[4];
            for (int32_t d = 0; d < rank; d++) {
                int64_t n = shape[d] = 1 + next_random(&seed) % 5;
                size *= n;
                count[d] = 0;
                int64_t ends[2];
                for (int k = 0; k < 2; k++)
                    ends[k] = next_random(&seed) % 4 == 0 ? NUMC_END : (int64_t)(next_random(&seed) % 15) - 7;
                int64_t step = (int64_t)(next_random(&seed) % 7) - 3;
                if (next_random(&seed) % 4 == 0) {
                    int64_t index = (int64_t)(next_random(&seed) % (2 * (uint32_t)n)) - n;
                    terms[d] = NUMC_AT(index);
                    at[d][count[d]++] = index < 0 ? index + n : index;
                } else {
                    terms[d] = NUMC_SLICE_STEP(ends[0], ends[1], step);
                    int64_t s = step == 0 ? 1 : step;
                    /* Python: walk from the first end, collecting what lies in the array, until the second */
                    int64_t first = ends[0] == NUMC_END ? (s > 0 ? 0 : n - 1) : ends[0] < 0 ? ends[0] + n : ends[0];
                    int64_t last = ends[1] == NUMC_END ? (s > 0 ? n : -1) : ends[1] < 0 ? ends[1] + n : ends[1];
                    if (ends[1] != NUMC_END && last < 0)
                        last = -1;
                    if (s > 0 && first < 0)
                        first = 0;
                    if (s < 0 && first > n - 1)
                        first = n - 1;
                    for (int64_t i = first; s > 0 ? i < last : i > last; i += s) {
                        if (i >= 0 && i < n)
                            at[d][count[d]++] = i;
                    }
                }
                result *= count[d];
            }
            numc_array *x = counting(context, NUMC_FLOAT64, ((numc_shape){shape, rank, true}));
            numc_array *y = numc_index_(x, terms, rank);
            assert_ok(context);
            double expected[1024], updated[1024];
            for (int64_t i = 0; i < size; i++)
                updated[i] = (double)i;
            for (int64_t i = 0; i < result; i++) {
                int64_t rest = i, flat = 0, step = 1;
                for (int32_t d = rank - 1; d >= 0; d--) {
                    flat += at[d][rest % count[d]] * step;
                    rest /= count[d];
                    step *= shape[d];
                }
                expected[i] = (double)flat;
                updated[flat] = -(double)i - 1;
            }
            assert_values_within(y, expected, result, 0, "slice");
            /* writing -1, -2, ... there */
            numc_array *v = numc_reshape(numc_negative(numc_arange(context, NUMC_FLOAT64, 1, (double)result + 1, 1)),
                                         ((numc_shape){numc_array_shape(y), numc_array_rank(y), true}));
            numc_array *z = numc_index_update_(x, numc_operand_array(v), terms, rank);
            assert_ok(context);
            assert_values_within(z, updated, size, 0, "update");
            for (int64_t i = 0; i < size; i++)
                expected[i] = (double)i;
            assert_values_within(x, expected, size, 0, "the original");
            assert_int_equal(numc_index_assign_(&x, numc_operand_array(v), terms, rank), NUMC_OK);
            assert_values_within(x, updated, size, 0, "assign");
        }
    }
}

static void integer_arrays(void **state)
{
    numc_context *context = *state;
    numc_array *x = counting(context, NUMC_INT32, NUMC_SHAPE(3, 4));
    const int64_t rows_[2] = {2, -3}, columns_[2] = {-1, 1};
    numc_array *rows = numc_from_host(context, NUMC_INT64, NUMC_SHAPE(2), rows_);
    numc_array *columns = numc_from_host(context, NUMC_INT64, NUMC_SHAPE(2), columns_);
    assert_values(numc_index(x, NUMC_PICK(rows)), 8, 9, 10, 11, 0, 1, 2, 3);
    assert_values(numc_index(x, NUMC_PICK(rows), NUMC_PICK(columns)), 11, 1);
    assert_values(numc_index(x, NUMC_PICK(numc_expand_dims(rows, NUMC_AXES(1))), NUMC_PICK(columns)), 11, 9, 3, 1);
    assert_values(numc_index(x, NUMC_ALL, NUMC_PICK(columns)), 3, 1, 7, 5, 11, 9);
    assert_values(numc_index(x, NUMC_AT(1), NUMC_PICK(columns)), 7, 5);
    assert_values(numc_index(x, NUMC_SLICE(1, 3), NUMC_PICK(columns)), 7, 5, 11, 9);
    /* as NumPy: picked axes apart from each other go first */
    numc_array *cube = counting(context, NUMC_INT32, NUMC_SHAPE(2, 3, 4));
    const int8_t one_[2] = {1, 0};
    numc_array *one = numc_from_host(context, NUMC_INT8, NUMC_SHAPE(2), one_);
    numc_array *apart = numc_index(cube, NUMC_PICK(one), NUMC_ALL, NUMC_PICK(columns));
    assert_shape(apart, 2, (const int64_t[]){2, 3});
    assert_values(apart, 15, 19, 23, 1, 5, 9);
    numc_array *beside = numc_index(cube, NUMC_ALL, NUMC_PICK(rows), NUMC_PICK(columns), NUMC_NEW);
    assert_shape(beside, 3, (const int64_t[]){2, 2, 1});
    assert_values(beside, 11, 1, 23, 13);
    assert_null(numc_index(x, NUMC_PICK(numc_add(rows, 1))));
    assert_error(context, NUMC_INDEX, "numc_index: index 3 is out of bounds for axis 0 of size 3");
    static const uint64_t large[1] = {UINT64_MAX};
    assert_null(numc_take(x, numc_from_host(context, NUMC_UINT64, NUMC_SHAPE(1), large), NUMC_AXIS(0)));
    assert_error(context, NUMC_INDEX, "numc_take: index 18446744073709551615 is out of bounds for axis 0 of size 3");
    assert_null(numc_index(x, NUMC_PICK(numc_astype(rows, NUMC_FLOAT32))));
    assert_error(context, NUMC_DTYPE, "must be of integers or bool, not float32");
    /* updates */
    assert_values(numc_index_update(x, -1, NUMC_PICK(rows), NUMC_PICK(columns)), 0, -1, 2, 3, 4, 5, 6, 7, 8, 9, 10, -1);
    assert_values(numc_index_update(x, columns, NUMC_ALL, NUMC_PICK(columns)), 0, 1, 2, -1, 4, 1, 6, -1, 8, 1, 10, -1);
    assert_values(numc_index_update(x, columns, NUMC_SLICE_STEP(2, NUMC_END, -2), NUMC_PICK(columns)), 0, 1, 2, -1, 4, 5, 6, 7, 8,
                  1, 10, -1);
    numc_array *replaced = numc_index_update(cube, numc_index(cube, NUMC_PICK(one), NUMC_ALL, NUMC_PICK(columns)), NUMC_PICK(one),
                                             NUMC_ALL, NUMC_PICK(columns));
    assert_true(numc_item_bool(numc_all(numc_equal(replaced, cube))));
    assert_ok(context);
}

static void masks(void **state)
{
    numc_context *context = *state;
    numc_array *x = counting(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3));
    numc_array *mask = numc_equal(numc_remainder(x, 2), 1);
    assert_values(numc_index(x, NUMC_PICK(mask)), 1, 3, 5);
    assert_values(numc_index(x, NUMC_PICK(numc_greater(numc_index(x, NUMC_ALL, NUMC_AT(0)), 0))), 3, 4, 5);
    assert_int_equal(numc_array_size(numc_index(x, NUMC_PICK(numc_less(x, 0)))), 0);
    assert_shape(numc_index(x, NUMC_PICK(numc_number(context, NUMC_BOOL, true))), 3, (const int64_t[]){1, 2, 3});
    assert_shape(numc_index(x, NUMC_PICK(numc_number(context, NUMC_BOOL, false))), 3, (const int64_t[]){0, 2, 3});
    assert_values(numc_index_update(x, 9, NUMC_PICK(mask)), 0, 9, 2, 9, 4, 9);
    assert_values(numc_index_update(x, numc_arange(context, NUMC_FLOAT64, 7, 10, 1), NUMC_PICK(mask)), 0, 7, 2, 8, 4, 9);
    assert_null(numc_index_update(x, numc_arange(context, NUMC_FLOAT64, 0, 2, 1), NUMC_PICK(mask)));
    assert_error(context, NUMC_SHAPE, "a value of shape [2] does not broadcast to the part indexed, [3]");
    assert_null(numc_index(x, NUMC_PICK(numc_matrix_transpose(mask))));
    assert_error(context, NUMC_INDEX, "a mask of shape [3, 2] does not fit the leading axes of shape [2, 3]");
    assert_null(numc_index(x, NUMC_PICK(mask), NUMC_AT(0)));
    assert_error(context, NUMC_INDEX, "a mask must be the only term");
}

static void terms_and_their_errors(void **state)
{
    numc_context *context = *state;
    numc_array *x = counting(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3, 4));
    assert_shape(numc_index(x, NUMC_NEW, NUMC_ELLIPSIS, NUMC_AT(-1)), 3, (const int64_t[]){1, 2, 3});
    assert_values(numc_index(x, NUMC_AT(1), NUMC_ELLIPSIS, NUMC_SLICE(3, NUMC_END)), 15, 19, 23);
    assert_shape(numc_index(x, NUMC_SLICE(1, 5), NUMC_NEW, NUMC_ALL, NUMC_AT(3)), 3, (const int64_t[]){1, 1, 3});
    assert_values(numc_index(x, NUMC_AT(1), NUMC_AT(1), NUMC_AT(1)), 17);
    assert_ptr_equal(numc_index(x, NUMC_AT(1))->buffer, x->buffer);
    assert_null(numc_index(x, NUMC_AT(2)));
    assert_error(context, NUMC_INDEX, "index 2 is out of bounds for axis 0 of size 2");
    assert_null(numc_index(x, NUMC_AT(0), NUMC_AT(0), NUMC_AT(0), NUMC_AT(0)));
    assert_error(context, NUMC_INDEX, "4 indices for an array of rank 3");
    assert_null(numc_index(x, NUMC_ELLIPSIS, NUMC_ELLIPSIS));
    assert_error(context, NUMC_INDEX, "more than one ellipsis");
    assert_null(numc_index_update(x, numc_arange(context, NUMC_FLOAT64, 0, 3, 1), NUMC_AT(0), NUMC_AT(0)));
    assert_error(context, NUMC_SHAPE, "a value of shape [3] does not broadcast to the part indexed, [4]");
    numc_array *zero = numc_number(context, NUMC_FLOAT64, 3);
    assert_values(numc_index_(zero, NULL, 0), 3);
    assert_values(numc_index(zero, NUMC_NEW), 3);
    assert_values(numc_index_update(zero, 4, NUMC_ELLIPSIS), 4);
}

static void assignment_is_seen_nowhere_else(void **state)
{
    numc_context *context = *state;
    numc_array *x = numc_arange(context, NUMC_FLOAT64, 0, 4, 1), *old = x;
    const void *memory = x->buffer->memory;
    assert_int_equal(numc_index_assign(&x, 9, NUMC_AT(0)), NUMC_OK);
    assert_ptr_equal(x->buffer->memory, memory); /* nobody else had it: written in place */
    assert_values(x, 9, 1, 2, 3);
    assert_null(numc_exp(old));
    assert_error(context, NUMC_DEAD_ARRAY, "was replaced by numc_index_assign");
    numc_array *view = numc_index(x, NUMC_SLICE(0, 2));
    assert_int_equal(numc_index_assign(&x, 8, NUMC_AT(0)), NUMC_OK);
    assert_values(view, 9, 1);
    assert_values(x, 8, 1, 2, 3);
    numc_array *kept = numc_keep(x);
    assert_int_equal(numc_index_assign(&x, 7, NUMC_AT(0)), NUMC_OK);
    assert_values(kept, 8, 1, 2, 3);
    numc_release(kept);
    /* the value is a view of the target */
    assert_int_equal(numc_index_assign(&x, numc_index(x, NUMC_SLICE(0, 3)), NUMC_SLICE(1, 4)), NUMC_OK);
    assert_values(x, 7, 7, 1, 2);
    assert_int_equal(numc_index_assign(&x, x, NUMC_ALL), NUMC_OK);
    assert_values(x, 7, 7, 1, 2);
    assert_int_equal(numc_index_assign(&x, 1, NUMC_AT(4)), NUMC_INDEX);
    assert_error(context, NUMC_INDEX, "out of bounds");
    assert_values(x, 7, 7, 1, 2);
}

/* A result is never an operand itself: moved into the innermost scope, that would die too early. */
static void results_have_headers_of_their_own(void **state)
{
    numc_context *context = *state;
    numc_array *x = numc_arange(context, NUMC_FLOAT64, 0, 4, 1), *v = numc_multiply(x, 2.0);
    numc_scope(context)
    {
        assert_ptr_not_equal(numc_index_update(x, v, NUMC_ALL), v);
        assert_ptr_not_equal(numc_index_update(x, 1, NUMC_SLICE(2, 2)), x);
        assert_ptr_not_equal(numc_index(x, NUMC_ELLIPSIS), x);
        assert_ptr_not_equal(numc_max(numc_index(x, NUMC_AT(0))), x);
        assert_ptr_not_equal(numc_sum(x, NUMC_NO_AXES), x);
        assert_ptr_not_equal(numc_reshape(x, NUMC_SHAPE(4)), x);
        numc_array *same = v;
        assert_int_equal(numc_index_assign(&same, x, NUMC_ALL), NUMC_OK);
        assert_ptr_not_equal(same, x);
    }
    assert_values(x, 0, 1, 2, 3);
    assert_ok(context);
}

static void taking_and_adding(void **state)
{
    numc_context *context = *state;
    numc_array *x = counting(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3));
    const int32_t at_[4] = {2, 0, -1, 1};
    numc_array *at = numc_from_host(context, NUMC_INT32, NUMC_SHAPE(4), at_);
    assert_values(numc_take(x, at, NUMC_AXIS(1)), 2, 0, 2, 1, 5, 3, 5, 4);
    assert_values(numc_take(numc_arange(context, NUMC_INT8, 0, 3, 1), at), 2, 0, 2, 1);
    assert_values(numc_take(x, numc_number(context, NUMC_INT64, 1), NUMC_AXIS(0)), 3, 4, 5);
    assert_null(numc_take(x, at));
    assert_error(context, NUMC_INVALID_ARGUMENT, "needs an axis");
    assert_null(numc_take(x, at, NUMC_AXIS(0)));
    assert_error(context, NUMC_INDEX, "index 2 is out of bounds for axis 0 of size 2");
    numc_array *order = numc_argsort(numc_negative(x), NUMC_AXIS(1));
    assert_values(numc_take_along_axis(x, order, 1), 2, 1, 0, 5, 4, 3);
    assert_values(numc_take_along_axis(x, numc_from_host(context, NUMC_INT32, NUMC_SHAPE(2, 1), at_), -1), 2, 3);
    numc_array *single = numc_reshape(numc_from_host(context, NUMC_INT32, NUMC_SHAPE(1), (const int32_t[]){1}), NUMC_SHAPE(1, 1));
    assert_values(numc_take_along_axis(x, single, 0), 3, 4, 5);
    numc_array *ones = numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(2, 4));
    assert_values(numc_scatter_add(x, at, ones, 1), 1, 2, 4, 4, 5, 7);
    assert_values(numc_scatter_add(x, at, numc_number(context, NUMC_FLOAT64, 2), -1), 2, 3, 6, 5, 6, 9);
    assert_ok(context);
}

/* Beyond the sizes where masks are read eight at a time; some with bytes other than 0 and 1. */
static void large_masks_equal_loops(void **state)
{
    numc_context *context = *state;
    enum { N = 20011 };
    static unsigned char mask[N];
    static int64_t expected[N], found[N];
    uint64_t seed = 17;
    for (int way = 0; way < 6; way++) {
        int64_t count = 0;
        for (int64_t i = 0; i < N; i++) {
            uint64_t bits = (uint64_t)next_random(&seed);
            mask[i] = way == 0 ? 0 : way == 1 ? 1 : way == 2 ? bits % 50 == 0 : (unsigned char)(bits % 2 * (way == 5 ? 1 + bits % 100 : 1));
            if (mask[i] != 0)
                expected[count++] = i;
        }
        numc_scope(context)
        {
            numc_array *m = numc_from_host(context, NUMC_BOOL, NUMC_SHAPE(N), mask);
            numc_array *x = numc_arange(context, NUMC_INT64, 0, N, 1);
            if (way == 4) { /* from the middle of memory */
                m = numc_index(m, NUMC_SLICE(3, N));
                x = numc_index(x, NUMC_SLICE(3, N));
                int64_t kept = 0;
                for (int64_t k = 0; k < count; k++) {
                    if (expected[k] >= 3)
                        expected[kept++] = expected[k];
                }
                count = kept;
            }
            numc_array *picked = numc_index(x, NUMC_PICK(m)), *at[1];
            assert_int_equal(numc_array_size(picked), count);
            assert_int_equal(numc_to_host(picked, NUMC_INT64, found, (size_t)count * sizeof *found), NUMC_OK);
            assert_memory_equal(found, expected, (size_t)count * sizeof *found);
            assert_int_equal(numc_nonzero(m, at, 1), NUMC_OK);
            assert_int_equal(numc_array_size(at[0]), count);
            assert_int_equal(numc_to_host(numc_add(at[0], way == 4 ? 3 : 0), NUMC_INT64, found, (size_t)count * sizeof *found), NUMC_OK);
            assert_memory_equal(found, expected, (size_t)count * sizeof *found);
        }
    }
    assert_ok(context);
}

/* Integer arrays along several axes of a view give what they give of its row-major copy, and read the view where it lies: a few
 * elements of 8 MiB need no second 8 MiB. */
static void picks_from_views(void **state)
{
    numc_context *context = *state;
    enum { N = 1024 };
    double *data = malloc((size_t)N * N * sizeof *data);
    assert_non_null(data);
    for (int64_t i = 0; i < N * N; i++)
        data[i] = (double)i;
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(N, N), data);
    const int64_t at[2][3] = {{1, -2, 7}, {-1, 0, 3}};
    numc_array *i = numc_from_host(context, NUMC_INT64, NUMC_SHAPE(3), at[0]), *j = numc_from_host(context, NUMC_INT64, NUMC_SHAPE(3), at[1]);
    numc_statistics before, after;
    numc_statistics_get(context, &before);
    numc_array *turned = numc_matrix_transpose(x), *back = numc_flip(turned, NUMC_AXES(0));
    assert_values(numc_index(turned, NUMC_PICK(i), NUMC_PICK(j)), data[(N - 1) * N + 1], data[N - 2], data[3 * N + 7]);
    assert_values(numc_index(back, NUMC_PICK(i), NUMC_PICK(j)), data[(N - 1) * N + N - 2], data[1], data[3 * N + N - 8]);
    assert_values(numc_index(turned, NUMC_AT(5), NUMC_PICK(j)), data[(N - 1) * N + 5], data[5], data[3 * N + 5]);
    assert_values(numc_index(numc_index(x, NUMC_ALL, NUMC_SLICE_STEP(N, NUMC_END, -3)), NUMC_PICK(i), NUMC_PICK(j)),
                  data[N + 0], data[(N - 2) * N + N - 1], data[7 * N + N - 10]);
    assert_values(numc_index(numc_broadcast_to(numc_index(x, NUMC_AT(2)), NUMC_SHAPE(N, N)), NUMC_PICK(i), NUMC_PICK(j)), data[3 * N - 1],
                  data[2 * N], data[2 * N + 3]);
    numc_statistics_get(context, &after);
    assert_ok(context);
    assert_true(before.bytes_peak <= before.bytes_live + (1 << 16)); /* else the next line says nothing */
    assert_true(after.bytes_peak <= before.bytes_live + (1 << 16));
    free(data);
    /* every pair of axes of views in three dimensions, beside slices and new axes */
    numc_array *y = counting(context, NUMC_INT32, NUMC_SHAPE(8, 9, 10));
    const int32_t orders[3][3] = {{2, 0, 1}, {1, 2, 0}, {0, 2, 1}};
    for (int k = 0; k < 3; k++) {
        const int64_t order[3] = {orders[k][0], orders[k][1], orders[k][2]};
        numc_array *view = numc_flip(numc_permute_dims(numc_index(y, NUMC_ELLIPSIS, NUMC_SLICE_STEP(1, NUMC_END, 2)), (numc_axes){order, 3, true}), NUMC_AXES(k));
        int32_t numbers[8 * 9 * 5];
        assert_int_equal(numc_to_host(view, NUMC_INT32, numbers, sizeof numbers), NUMC_OK);
        numc_array *copy = numc_from_host(context, NUMC_INT32, ((numc_shape){numc_array_shape(view), 3, true}), numbers);
        const numc_index_term terms[4][4] = {{NUMC_PICK(j), NUMC_PICK(j), NUMC_ALL}, {NUMC_PICK(j), NUMC_ALL, NUMC_PICK(j)},
                                             {NUMC_ALL, NUMC_PICK(j), NUMC_NEW, NUMC_PICK(j)}, {NUMC_PICK(j), NUMC_PICK(numc_expand_dims(j, NUMC_AXES(1))), NUMC_PICK(j)}};
        const int32_t counts[4] = {3, 3, 4, 3};
        for (int t = 0; t < 4; t++) {
            numc_array *a = numc_index_(view, terms[t], counts[t]), *b = numc_index_(copy, terms[t], counts[t]);
            assert_ok(context);
            assert_shape(a, numc_array_rank(b), numc_array_shape(b));
            assert_true(numc_item_bool(numc_all(numc_equal(a, b))));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(random_slices_equal_loops), TEST(integer_arrays),
        TEST(picks_from_views),
        TEST(masks),                     TEST(terms_and_their_errors),
        TEST(assignment_is_seen_nowhere_else), TEST(results_have_headers_of_their_own),
        TEST(taking_and_adding),         TEST(large_masks_equal_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
