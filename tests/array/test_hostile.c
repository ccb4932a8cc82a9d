/* test_hostile.c - calls that no honest program makes: missing lists, sizes beyond every memory, numbers that do not fit, options of
 * no size. Each is an error that names the function called, and none reads or writes where it should not. */
#include "fixture.h"

#include <limits.h>

#include "base/context.h"

static numc_array *six(numc_context *context)
{
    const double values[6] = {1, 2, 3, 4, 5, 6};
    return numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3), values);
}

static void lists_that_are_missing(void **state)
{
    numc_context *context = *state;
    numc_array *x = six(context);
    const numc_shape none = {NULL, 3, true}, negative = {(const int64_t[]){1, 1, 1}, -3, true};
#define MISSING(name, call)                                                                        \
    do {                                                                                           \
        assert_null(call);                                                                         \
        assert_error(context, NUMC_INVALID_ARGUMENT, name);                                        \
    } while (0)
    MISSING("numc_zeros", numc_zeros(context, NUMC_FLOAT64, none));
    MISSING("numc_ones", numc_ones(context, NUMC_INT8, none));
    MISSING("numc_empty", numc_empty(context, NUMC_FLOAT64, none));
    MISSING("numc_full", numc_full(context, NUMC_FLOAT64, none, 2.0));
    MISSING("numc_from_host", numc_from_host(context, NUMC_FLOAT64, none, "12345678"));
    MISSING("numc_reshape", numc_reshape(x, none));
    MISSING("numc_broadcast_to", numc_broadcast_to(x, none));
    MISSING("numc_permute_dims", numc_permute_dims(x, none));
    MISSING("numc_permute_dims", numc_permute_dims(x, negative));
    MISSING("numc_expand_dims", numc_expand_dims(x, none));
    MISSING("numc_expand_dims", numc_expand_dims(x, negative));
    MISSING("numc_squeeze", numc_squeeze(x, none));
    MISSING("numc_flip", numc_flip(x, none));
    MISSING("numc_tile", numc_tile(x, none));
    MISSING("numc_sum", numc_sum(x, none));
    MISSING("numc_max", numc_max(x, negative));
    MISSING("numc_logsumexp", numc_logsumexp(x, none));
    MISSING("numc_index", numc_index_(x, NULL, 3));
    MISSING("numc_index_update", numc_index_update_(x, numc_operand_real(1), NULL, 2));
    MISSING("numc_concat: operand 2", numc_concat((const numc_array *[]){x, NULL}, 2, 0));
    MISSING("numc_stack: operand 1", numc_stack((const numc_array *[]){NULL, x}, 2, 0));
    MISSING("numc_index: term 1", numc_index(x, ((numc_index_term){.kind = (numc_index_kind)77})));
    const numc_operand strange = {.kind = (numc_operand_kind)99};
    MISSING("numc_number: an operand is of no known kind (99)", numc_number_(context, NUMC_FLOAT64, strange));
    MISSING("numc_add: an operand is of no known kind (99)", (numc_add)(strange, numc_operand_array(x)));
    MISSING("numc_full: the value is NULL", numc_full(context, NUMC_FLOAT64, NUMC_SHAPE(2), (numc_array *)NULL));
    assert_int_equal(numc_array_size(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2), (const double[]){1, 2})), 2);
    numc_array *missing = NULL;
    assert_int_equal(numc_index_assign_(&x, numc_operand_real(1), NULL, 2), NUMC_INVALID_ARGUMENT);
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_index_assign");
    assert_int_equal(numc_index_assign(&missing, x, NUMC_ALL), NUMC_INVALID_ARGUMENT);
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_index_assign: operand 1 is NULL");
    /* where no context is in reach */
    int64_t shape[32];
    assert_null(numc_concat(NULL, 2, 0));
    assert_null(numc_stack(NULL, 2, 0));
    assert_null(numc_concat((const numc_array *[]){x}, -1, 0));
    assert_int_equal(numc_index_assign_(NULL, numc_operand_real(1), NULL, 0), NUMC_INVALID_ARGUMENT);
    assert_int_equal(numc_broadcast_shapes(NULL, 2, shape), -1);
    assert_int_equal(numc_broadcast_shapes(&none, 1, shape), -1);
    assert_int_equal(numc_broadcast_shapes(&negative, 1, shape), -1);
    assert_int_equal(numc_broadcast_shapes(&negative, -1, shape), -1);
    assert_int_equal(numc_broadcast_shapes((const numc_shape[]){NUMC_SHAPE(-2), NUMC_SHAPE(1)}, 2, shape), -1);
    assert_int_equal(numc_broadcast_shapes((const numc_shape[]){NUMC_SHAPE(2, 1), NUMC_SHAPE(3)}, 2, NULL), -1);
    assert_int_equal(numc_broadcast_shapes((const numc_shape[]){NUMC_SHAPE(2, 1), NUMC_SHAPE(3)}, 2, shape), 2);
    assert_int_equal(shape[1], 3);
    assert_ok(context);
    assert_int_equal(numc_array_format(x, NULL, 10), 0);
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_array_format");
    assert_true(numc_array_format(x, NULL, 0) > 0);
    assert_int_equal(numc_array_format(NULL, NULL, 10), 0);
    assert_ok(context);
}

static void sizes_beyond_memory(void **state)
{
    numc_context *context = *state;
    numc_array *x = six(context), *one = numc_number(context, NUMC_FLOAT64, 2.5);
    int64_t ones[32];
    for (int d = 0; d < 32; d++)
        ones[d] = 1;
    assert_null(numc_diag(numc_ones(context, NUMC_FLOAT64, ((numc_shape){ones, 32, true}))));
    assert_error(context, NUMC_SHAPE, "numc_diag: rank 33 is beyond 32");
#define TOO_LARGE(text, call)                                                                      \
    do {                                                                                           \
        assert_null(call);                                                                         \
        assert_error(context, NUMC_MEMORY, text);                                                  \
    } while (0)
    TOO_LARGE("numc_tile", numc_tile(x, NUMC_SHAPE(INT64_MAX, 2)));
    TOO_LARGE("numc_tile", numc_tile(x, NUMC_SHAPE(INT64_MAX)));
    TOO_LARGE("too large", numc_tile(x, NUMC_SHAPE(INT64_C(1) << 40, INT64_C(1) << 40)));
    TOO_LARGE("numc_repeat", numc_repeat(x, INT64_MAX, NUMC_AXIS(0)));
    TOO_LARGE("numc_repeat", numc_repeat(x, INT64_MAX, NUMC_NO_AXIS));
    TOO_LARGE("too large", numc_broadcast_to(one, NUMC_SHAPE(INT64_MAX, INT64_MAX)));
    TOO_LARGE("too large", numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(INT64_C(1) << 32, INT64_C(1) << 32)));
    TOO_LARGE("numc_eye", numc_eye(context, NUMC_INT8, INT64_MAX, INT64_MAX, 0));
    TOO_LARGE("numc_eye", numc_eye(context, NUMC_FLOAT64, INT64_C(1) << 30, INT64_C(1) << 30, 0));
    /* beside a zero every other size is allowed, and nothing overflows on the way */
    numc_array *wide = numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(0, INT64_MAX, INT64_MAX));
    assert_int_equal(numc_array_size(wide), 0);
    assert_int_equal(numc_array_size(numc_sum(wide, NUMC_AXES(1, 2))), 0);
    assert_int_equal(numc_array_size(numc_add(wide, 1.0)), 0);
    assert_int_equal(numc_array_size(numc_diagonal(wide)), 0);
    assert_int_equal(numc_array_size(numc_sort(wide, .axis = NUMC_AXIS(0))), 0);
    assert_ok(context);
    assert_null(numc_concat((const numc_array *[]){wide, wide}, 2, 1));
    assert_error(context, NUMC_SHAPE, "axis 1 is too large");
    assert_null(numc_tile(wide, NUMC_SHAPE(1, 2, 1)));
    assert_error(context, NUMC_MEMORY, "numc_tile");
    /* the farthest shifts and diagonals */
    assert_values(numc_roll(x, INT64_MIN, 1), 3, 1, 2, 6, 4, 5); /* -2^63 is 1 modulo 3 */
    assert_values(numc_roll(x, INT64_MAX, 1), 3, 1, 2, 6, 4, 5); /* 2^63 - 1 as well */
    assert_values(numc_roll(x, -1, 1), 2, 3, 1, 5, 6, 4);
    assert_values(numc_tril(x, INT64_MAX), 1, 2, 3, 4, 5, 6);
    assert_values(numc_tril(x, INT64_MIN), 0, 0, 0, 0, 0, 0);
    assert_values(numc_triu(x, INT64_MAX), 0, 0, 0, 0, 0, 0);
    assert_values(numc_triu(x, INT64_MIN), 1, 2, 3, 4, 5, 6);
    assert_values(numc_eye(context, NUMC_FLOAT64, 2, 2, INT64_MAX), 0, 0, 0, 0);
    assert_values(numc_eye(context, NUMC_FLOAT64, 2, 2, INT64_MIN), 0, 0, 0, 0);
    assert_values(numc_eye(context, NUMC_FLOAT64, 2, 2, -1), 0, 0, 1, 0);
    assert_ok(context);
}

/* The text of a view needs its edges only. */
static void text_of_a_vast_view(void **state)
{
    numc_context *context = *state;
    char text[512];
    numc_array *line = numc_arange(context, NUMC_FLOAT64, 0, 3, 1);
    numc_array_format(numc_broadcast_to(numc_number(context, NUMC_FLOAT64, 2.5), NUMC_SHAPE(INT64_C(1) << 40)), text, sizeof text);
    assert_string_equal(text, "[2.5 2.5 2.5 ... 2.5 2.5 2.5]");
    numc_array_format(numc_broadcast_to(line, NUMC_SHAPE(INT64_C(1) << 40, 3)), text, sizeof text);
    assert_string_equal(text, "[[0. 1. 2.]\n [0. 1. 2.]\n [0. 1. 2.]\n ...\n [0. 1. 2.]\n [0. 1. 2.]\n [0. 1. 2.]]");
    /* a view with steps: rows 49, 48, ... of 50 x 40 counted up, every second column */
    numc_array *count = numc_reshape(numc_arange(context, NUMC_INT32, 0, 2000, 1), NUMC_SHAPE(50, 40));
    numc_array *view = numc_index(count, NUMC_SLICE_STEP(NUMC_END, NUMC_END, -1), NUMC_SLICE_STEP(0, 40, 1));
    numc_array_format(view, text, sizeof text);
    assert_string_equal(text, "[[1960 1961 1962 ... 1997 1998 1999]\n [1920 1921 1922 ... 1957 1958 1959]\n"
                              " [1880 1881 1882 ... 1917 1918 1919]\n ...\n [  80   81   82 ...  117  118  119]\n"
                              " [  40   41   42 ...   77   78   79]\n [   0    1    2 ...   37   38   39]]");
    assert_ok(context);
}

static void options_of_no_size(void **state)
{
    numc_context *context = *state;
    numc_array *x = six(context);
    const numc_reduce_options endless = {.size = SIZE_MAX};
    assert_null((numc_sum)(x, &endless));
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_sum");
    struct {
        numc_reduce_options options;
        unsigned char rest[NUMC_OPTIONS_LIMIT - sizeof(numc_reduce_options)];
    } newer;
    memset(&newer, 0, sizeof newer);
    newer.options.size = NUMC_OPTIONS_LIMIT;
    assert_values((numc_sum)(x, &newer.options), 21);
    newer.options.size = NUMC_OPTIONS_LIMIT + 1;
    assert_null((numc_sum)(x, &newer.options));
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_sum");
    newer.options.size = NUMC_OPTIONS_LIMIT;
    newer.rest[sizeof newer.rest - 1] = 1;
    assert_null((numc_sum)(x, &newer.options));
    assert_error(context, NUMC_INVALID_ARGUMENT, "does not know");
}

static void numbers_that_do_not_fit(void **state)
{
    numc_context *context = *state;
#define DOES_NOT_FIT(name, call)                                                                   \
    do {                                                                                           \
        assert_null(call);                                                                         \
        assert_error(context, NUMC_VALUE, name);                                                   \
    } while (0)
    const double not_whole[] = {1.5, -0.5, (double)NAN, (double)INFINITY, -(double)INFINITY, 0x1p63, -0x1.0000000000001p63};
    for (size_t i = 0; i < sizeof not_whole / sizeof *not_whole; i++) {
        DOES_NOT_FIT("numc_full", numc_full(context, NUMC_INT64, NUMC_SHAPE(2), not_whole[i]));
        DOES_NOT_FIT("numc_number", numc_number(context, NUMC_INT64, not_whole[i]));
        DOES_NOT_FIT("numc_full_like", numc_full_like(numc_zeros(context, NUMC_INT64, NUMC_SHAPE(2)), not_whole[i]));
        DOES_NOT_FIT("numc_index_update",
                     numc_index_update(numc_zeros(context, NUMC_INT64, NUMC_SHAPE(2)), not_whole[i], NUMC_AT(0)));
    }
    DOES_NOT_FIT("numc_full: the number 300 does not fit int8", numc_full(context, NUMC_INT8, NUMC_SHAPE(1), 300));
    DOES_NOT_FIT("numc_full: the number 300 does not fit int8", numc_full(context, NUMC_INT8, NUMC_SHAPE(1), 300.0));
    DOES_NOT_FIT("numc_full", numc_full(context, NUMC_UINT64, NUMC_SHAPE(1), -1.0));
    DOES_NOT_FIT("numc_full", numc_full(context, NUMC_UINT64, NUMC_SHAPE(1), 0x1p64));
    DOES_NOT_FIT("numc_index_update: the number 1000",
                 numc_index_update(numc_zeros(context, NUMC_INT8, NUMC_SHAPE(2)), 1000, NUMC_AT(0)));
    assert_int_equal(numc_item_integer(numc_full(context, NUMC_INT64, NUMC_SHAPE(1), -0x1p63)), INT64_MIN);
    assert_int_equal(numc_item_integer(numc_full(context, NUMC_INT8, NUMC_SHAPE(1), -128.0)), -128);
    assert_true((uint64_t)numc_item_integer(numc_full(context, NUMC_UINT64, NUMC_SHAPE(1), 0x1p63)) == (uint64_t)INT64_MAX + 1);
    DOES_NOT_FIT("numc_arange: the number 900", numc_arange(context, NUMC_INT8, 0, 1000, 100));
    DOES_NOT_FIT("numc_arange: the number 0.5", numc_arange(context, NUMC_INT64, 0, 2, 0.5));
    DOES_NOT_FIT("numc_arange", numc_arange(context, NUMC_INT64, 0.5, 3, 1));
    DOES_NOT_FIT("numc_arange", numc_arange(context, NUMC_UINT8, -1, 3, 1));
    assert_values(numc_arange(context, NUMC_INT8, 0, 200, 100), 0, 100);
    assert_values(numc_arange(context, NUMC_UINT8, 3, -0.5, -1), 3, 2, 1, 0);
    assert_ok(context);
}

/* Arrays convert without error; a kernel, a number that is an array, and numc_item_integer say the same. */
static void conversions_saturate(void **state)
{
    numc_context *context = *state;
    const double reals[] = {1e300, -1e300, (double)INFINITY, -(double)INFINITY, (double)NAN, 1.9, -1.9, 300, -300};
    enum { COUNT = sizeof reals / sizeof *reals };
    static const struct {
        numc_dtype dtype;
        double expected[COUNT];
    } rows[] = {
        {NUMC_INT8, {127, -128, 127, -128, 0, 1, -1, 127, -128}},
        {NUMC_UINT8, {255, 0, 255, 0, 0, 1, 0, 255, 0}},
        {NUMC_INT32, {2147483647, -2147483648.0, 2147483647, -2147483648.0, 0, 1, -1, 300, -300}},
        {NUMC_INT64, {0x1p63, -0x1p63, 0x1p63, -0x1p63, 0, 1, -1, 300, -300}},
        {NUMC_UINT64, {0x1p64, 0, 0x1p64, 0, 0, 1, 0, 300, 0}},
    };
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(COUNT), reals);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double *many = values_of(numc_astype(x, rows[i].dtype));
        for (int64_t k = 0; k < COUNT; k++) {
            numc_array *one = numc_number(context, NUMC_FLOAT64, reals[k]);
            assert_true(many[k] == rows[i].expected[k]);
            assert_true(numc_item(numc_astype(one, rows[i].dtype)) == rows[i].expected[k]);
            if (rows[i].dtype == NUMC_INT64) {
                assert_int_equal(numc_item_integer(one), numc_item_integer(numc_astype(one, NUMC_INT64)));
                assert_int_equal(numc_item_integer(numc_index(x, NUMC_AT(k))), numc_item_integer(one));
            }
        }
        free(many);
    }
    /* what array.h says of integers that divide by zero or have a negative power */
    const int64_t whole[] = {-2, -1, 0, 1, 2};
    numc_array *n = numc_from_host(context, NUMC_INT64, NUMC_SHAPE(5), whole);
    assert_values(numc_floor_divide(n, 0), 0, 0, 0, 0, 0);
    assert_values(numc_remainder(n, 0), 0, 0, 0, 0, 0);
    assert_values(numc_pow(n, -1), 0, -1, 0, 1, 0);
    assert_values(numc_pow(n, -2), 0, 1, 0, 1, 0);
    assert_ok(context);
}

static void names_that_users_know(void **state)
{
    numc_context *context = *state;
    numc_array *x = six(context), *b = numc_zeros(context, NUMC_BOOL, NUMC_SHAPE(3));
#define SAYS(status, text, call)                                                                   \
    do {                                                                                           \
        assert_null(call);                                                                         \
        assert_error(context, status, text);                                                       \
    } while (0)
    SAYS(NUMC_DTYPE, "numc_where: the condition must be bool, not float64", numc_where(x, 1, 2));
    SAYS(NUMC_DTYPE, "numc_where", numc_where(numc_number(context, 0, 1), x, x));
    SAYS(NUMC_DTYPE, "numc_sum", numc_sum(x, .dtype = (numc_dtype)55));
    SAYS(NUMC_DTYPE, "numc_sum", numc_sum(x, .dtype = NUMC_BOOL));
    SAYS(NUMC_SHAPE, "numc_zeros: shape [2, -1] has a negative size", numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2, -1)));
    SAYS(NUMC_DTYPE, "numc_matmul", numc_matmul(b, b));
    SAYS(NUMC_SHAPE, "numc_linalg_cholesky", numc_linalg_cholesky(x));
    SAYS(NUMC_SHAPE, "numc_linalg_det", numc_linalg_det(x));
    SAYS(NUMC_SHAPE, "numc_linalg_slogdet", numc_linalg_slogdet(x).sign);
    SAYS(NUMC_SHAPE, "numc_linalg_inv", numc_linalg_inv(x));
    SAYS(NUMC_SHAPE, "numc_concat", numc_concat((const numc_array *[]){x, b}, 2, 0));
    SAYS(NUMC_INDEX, "numc_take: index 2 is out of bounds",
         numc_take(x, numc_full(context, NUMC_INT64, NUMC_SHAPE(1), 2), NUMC_AXIS(0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lists_that_are_missing), TEST(sizes_beyond_memory),     TEST(text_of_a_vast_view),  TEST(options_of_no_size),
        TEST(numbers_that_do_not_fit), TEST(conversions_saturate), TEST(names_that_users_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
