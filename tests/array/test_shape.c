/* test_shape.c - shapes and views: values, that views copy nothing, errors, rank 32; creation and text. */
#include "fixture.h"

#include "array/internal.h"

static void views_copy_nothing(void **state)
{
    numc_context *context = *state;
    numc_array *x = counting(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3, 4));
    numc_statistics before, after;
    numc_statistics_get(context, &before);
    numc_array *t = numc_permute_dims(x, NUMC_AXES(2, 0, 1));
    assert_shape(t, 3, (const int64_t[]){4, 2, 3});
    numc_array *f = numc_flip(t, NUMC_AXES(0));
    numc_array *r = numc_reshape(x, NUMC_SHAPE(6, -1));
    numc_array *s = numc_reshape(f, NUMC_SHAPE(4, 6)); /* the two last axes still step over each other */
    numc_array *b = numc_broadcast_to(numc_expand_dims(r, NUMC_AXES(0)), NUMC_SHAPE(5, 6, 4));
    assert_ok(context);
    numc_statistics_get(context, &after);
    assert_int_equal(before.bytes_live, after.bytes_live);
    assert_int_equal(before.kernels_run, after.kernels_run);
    assert_ptr_equal(b->buffer, x->buffer);
    assert_values(numc_sum(s, NUMC_AXES(1)), 78, 72, 66, 60); /* sum of k, k + 4, .. k + 20 for k = 3, 2, 1, 0 */
}

static void transposes_equal_loops(void **state)
{
    numc_context *context = *state;
    numc_array *x = counting(context, NUMC_INT32, NUMC_SHAPE(2, 3, 4));
    double *t = values_of(numc_permute_dims(x, NUMC_AXES(2, 0, -2)));
    double *f = values_of(numc_reshape(numc_flip(numc_matrix_transpose(x), NUMC_AXES(0, 2)), NUMC_SHAPE(24)));
    double *m = values_of(numc_moveaxis(x, 0, -1));
    double *c = values_of(numc_reshape(numc_matrix_transpose(x), NUMC_SHAPE(6, 4)));
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 4; k++) {
                double value = i * 12 + j * 4 + k;
                assert_true(t[(k * 2 + i) * 3 + j] == value);
                assert_true(f[((1 - i) * 4 + k) * 3 + (2 - j)] == value);
                assert_true(m[(j * 4 + k) * 2 + i] == value);
                assert_true(c[(i * 4 + k) * 3 + j] == value);
            }
    free(t);
    free(f);
    free(m);
    free(c);
}

static void compositions(void **state)
{
    numc_context *context = *state;
    numc_array *x = counting(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3));
    assert_values(numc_roll(x, 1, 1), 2, 0, 1, 5, 3, 4);
    assert_values(numc_roll(x, -1, 0), 3, 4, 5, 0, 1, 2);
    assert_values(numc_roll(x, 7, -1), 2, 0, 1, 5, 3, 4);
    assert_values(numc_tile(x, NUMC_SHAPE(2)), 0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5);
    assert_values(numc_tile(numc_arange(context, NUMC_FLOAT64, 0, 2, 1), NUMC_SHAPE(2, 1)), 0, 1, 0, 1);
    assert_values(numc_repeat(x, 2, NUMC_AXIS(1)), 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5);
    assert_values(numc_repeat(x, 2, ((numc_axis){0, false})), 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5);
    const numc_array *pair[2] = {x, numc_astype(numc_negative(x), NUMC_FLOAT32)};
    assert_values(numc_concat(pair, 2, 0), 0, 1, 2, 3, 4, 5, 0, -1, -2, -3, -4, -5);
    assert_values(numc_concat(pair, 2, -1), 0, 1, 2, 0, -1, -2, 3, 4, 5, -3, -4, -5);
    assert_values(numc_stack(pair, 2, 2), 0, 0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5);
    assert_int_equal(numc_array_dtype(numc_stack(pair, 2, 2)), NUMC_FLOAT64);
    assert_shape(numc_squeeze(numc_expand_dims(x, NUMC_AXES(0, -1)), NUMC_AXES(0)), 3, (const int64_t[]){2, 3, 1});
    assert_shape(numc_squeeze(numc_expand_dims(x, NUMC_AXES(0, -1)), ((numc_axes){NULL, 0, false})), 2, (const int64_t[]){2, 3});
    assert_values(numc_tril(x, 0), 0, 0, 0, 3, 4, 0);
    assert_values(numc_tril(x, 1), 0, 1, 0, 3, 4, 5);
    assert_values(numc_triu(x, 0), 0, 1, 2, 0, 4, 5);
    assert_values(numc_triu(x, 1), 0, 1, 2, 0, 0, 5);
    assert_values(numc_eye(context, NUMC_INT8, 2, 3, 1), 0, 1, 0, 0, 0, 1);
    assert_int_equal(numc_array_dtype(numc_eye(context, NUMC_INT8, 2, 3, 1)), NUMC_INT8);
    assert_values(numc_linspace(context, NUMC_FLOAT64, 0, 1, 5), 0, 0.25, 0.5, 0.75, 1);
    assert_values(numc_linspace(context, NUMC_FLOAT64, 0, 1, 4, .open_end = true), 0, 0.25, 0.5, 0.75);
    assert_values(numc_linspace(context, NUMC_FLOAT64, 2, 9, 1), 2);
    assert_values(numc_arange(context, NUMC_INT64, 5, 0, -2), 5, 3, 1);
    assert_int_equal(numc_array_size(numc_arange(context, NUMC_INT64, 5, 0, 2)), 0);
    assert_ok(context);
}

static void errors_tell_shapes(void **state)
{
    numc_context *context = *state;
    numc_array *x = counting(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3));
    assert_null(numc_reshape(x, NUMC_SHAPE(4)));
    assert_error(context, NUMC_SHAPE, "numc_reshape: an array of shape [2, 3] and size 6 cannot take shape [4]");
    assert_null(numc_reshape(x, NUMC_SHAPE(-1, -1)));
    assert_error(context, NUMC_SHAPE, "[-1, -1]");
    assert_null(numc_reshape(x, NUMC_SHAPE(INT64_MAX, INT64_MAX)));
    assert_error(context, NUMC_SHAPE, "cannot take shape");
    assert_null(numc_broadcast_to(x, NUMC_SHAPE(3)));
    assert_error(context, NUMC_SHAPE, "numc_broadcast_to: [2, 3] does not broadcast to [3]");
    assert_null(numc_squeeze(x, NUMC_AXES(0)));
    assert_error(context, NUMC_SHAPE, "axis 0 has size 2");
    assert_null(numc_permute_dims(x, NUMC_AXES(0, 0)));
    assert_error(context, NUMC_INVALID_ARGUMENT, "axis 0 is given twice");
    assert_null(numc_concat((const numc_array *[]){x, numc_matrix_transpose(x)}, 2, 0));
    assert_error(context, NUMC_SHAPE, "numc_concat: the shapes [2, 3] and [3, 2] differ");
}

static void rank_thirty_two(void **state)
{
    numc_context *context = *state;
    int64_t shape[33], order[32];
    for (int i = 0; i < 33; i++)
        shape[i] = i == 3 || i == 20 ? 3 : 1;
    shape[31] = 2;
    for (int i = 0; i < 32; i++)
        order[i] = 31 - i;
    numc_array *x = counting(context, NUMC_FLOAT64, ((numc_shape){shape, 32, true}));
    numc_array *y = numc_add(numc_permute_dims(x, ((numc_axes){order, 32, true})), 1.0);
    assert_values(numc_sum(y, NUMC_AXES(0, 11)), 1 + 2 + 3 + 4 + 5 + 6, 7 + 8 + 9 + 10 + 11 + 12, 13 + 14 + 15 + 16 + 17 + 18);
    assert_values(numc_reshape(numc_tile(x, ((numc_shape){shape, 32, true})), NUMC_SHAPE(18 * 18)) == NULL ? NULL
                  : numc_sum(numc_tile(x, ((numc_shape){shape, 32, true}))), 18 * 153);
    assert_null(numc_zeros(context, NUMC_FLOAT64, ((numc_shape){shape, 33, true})));
    assert_error(context, NUMC_SHAPE, "rank 33");
    int64_t common[32];
    numc_shape both[2] = {{(const int64_t[]){3, 1}, 2, true}, {(const int64_t[]){5, 1, 4}, 3, true}};
    assert_int_equal(numc_broadcast_shapes(both, 2, common), 3);
    assert_memory_equal(common, ((const int64_t[]){5, 3, 4}), sizeof(int64_t) * 3);
    both[1] = (numc_shape){(const int64_t[]){2, 4}, 2, true};
    assert_int_equal(numc_broadcast_shapes(both, 2, common), -1);
}

static void arrays_as_text(void **state)
{
    numc_context *context = *state;
    char text[512];
    assert_int_equal(numc_array_format(counting(context, NUMC_INT32, NUMC_SHAPE(2, 3)), text, sizeof text), 18);
    assert_string_equal(text, "[[0 1 2]\n [3 4 5]]");
    numc_array_format(numc_divide(numc_arange(context, NUMC_FLOAT64, 0, 3, 1), 4), text, sizeof text);
    assert_string_equal(text, "[0.   0.25 0.5 ]");
    numc_array_format(numc_arange(context, NUMC_INT64, 0, 2000, 1), text, sizeof text);
    assert_string_equal(text, "[   0    1    2 ... 1997 1998 1999]");
    numc_array_format(numc_greater(numc_arange(context, NUMC_INT64, 0, 2, 1), 0), text, sizeof text);
    assert_string_equal(text, "[False  True]");
    numc_array_format(numc_number(context, NUMC_FLOAT64, 0.1), text, sizeof text);
    assert_string_equal(text, "0.1");
    numc_array_format(numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(0, 2)), text, sizeof text);
    assert_string_equal(text, "[]");
    assert_int_equal(numc_array_format(counting(context, NUMC_INT32, NUMC_SHAPE(2, 3)), text, 5), 18);
    assert_string_equal(text, "[[0 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(views_copy_nothing), TEST(transposes_equal_loops), TEST(compositions),
        TEST(errors_tell_shapes), TEST(rank_thirty_two),        TEST(arrays_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
