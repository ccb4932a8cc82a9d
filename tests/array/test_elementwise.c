/* test_elementwise.c - promotion, broadcasting and values of elementwise functions, against straightforward loops over random
 * shapes, strides and dtypes. */
#include "fixture.h"

#include "array/internal.h"

static const numc_dtype dtypes[] = {NUMC_BOOL,  NUMC_INT8,   NUMC_INT16,  NUMC_INT32,  NUMC_INT64,  NUMC_UINT8,
                                    NUMC_UINT16, NUMC_UINT32, NUMC_UINT64, NUMC_FLOAT32, NUMC_FLOAT64};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

static void promotion_follows_the_standard(void **state)
{
    (void)state;
    static const struct {
        numc_dtype a, b, result;
    } cells[] = {
        {NUMC_INT8, NUMC_INT16, NUMC_INT16},   {NUMC_INT8, NUMC_UINT8, NUMC_INT16},    {NUMC_INT16, NUMC_UINT8, NUMC_INT16},
        {NUMC_INT8, NUMC_UINT32, NUMC_INT64},  {NUMC_INT64, NUMC_UINT32, NUMC_INT64},  {NUMC_INT32, NUMC_UINT16, NUMC_INT32},
        {NUMC_INT16, NUMC_UINT16, NUMC_INT32}, {NUMC_UINT64, NUMC_INT8, NUMC_DTYPE_DEFAULT},
        {NUMC_UINT64, NUMC_UINT8, NUMC_UINT64}, {NUMC_FLOAT32, NUMC_INT64, NUMC_FLOAT32},
        {NUMC_UINT64, NUMC_FLOAT32, NUMC_FLOAT32}, {NUMC_FLOAT32, NUMC_FLOAT64, NUMC_FLOAT64},
        {NUMC_FLOAT32, NUMC_COMPLEX64, NUMC_COMPLEX64}, {NUMC_FLOAT64, NUMC_COMPLEX64, NUMC_COMPLEX128},
        {NUMC_BOOL, NUMC_BOOL, NUMC_BOOL}, {NUMC_BOOL, NUMC_INT8, NUMC_INT8},
    };
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        assert_int_equal(numc_result_dtype(cells[i].a, cells[i].b), cells[i].result);
        assert_int_equal(numc_result_dtype(cells[i].b, cells[i].a), cells[i].result);
    }
    assert_true(numc_can_cast(NUMC_INT8, NUMC_INT64));
    assert_false(numc_can_cast(NUMC_INT64, NUMC_INT8));
    assert_false(numc_can_cast(NUMC_INT8, NUMC_FLOAT64));
}

static void numbers_follow_arrays(void **state)
{
    numc_context *context = *state;
    numc_array *f32 = numc_arange(context, NUMC_FLOAT32, 0, 3, 1), *i8 = numc_arange(context, NUMC_INT8, 0, 3, 1);
    numc_array *b = numc_greater(i8, 0);
    assert_int_equal(numc_array_dtype(numc_add(f32, 1)), NUMC_FLOAT32);
    assert_int_equal(numc_array_dtype(numc_add(f32, 1.5)), NUMC_FLOAT32);
    assert_int_equal(numc_array_dtype(numc_add(2.5f, f32)), NUMC_FLOAT32);
    assert_int_equal(numc_array_dtype(numc_add(i8, 1)), NUMC_INT8);
    assert_int_equal(numc_array_dtype(numc_add(i8, 1.5)), NUMC_FLOAT64);
    assert_int_equal(numc_array_dtype(numc_add(b, 1)), NUMC_INT64);
    assert_int_equal(numc_array_dtype(numc_add(i8, b)), NUMC_INT8);
    assert_int_equal(numc_array_dtype(numc_divide(i8, 2)), NUMC_FLOAT64);
    assert_int_equal(numc_array_dtype(numc_sqrt(i8)), NUMC_FLOAT64);
    assert_int_equal(numc_array_dtype(numc_less(i8, 1)), NUMC_BOOL);
    assert_int_equal(numc_array_dtype(numc_floor(i8)), NUMC_INT8);
    assert_values(numc_isfinite(i8), 1, 1, 1);
    /* an array made of a number stays as weak as the number, through what is computed of such alone */
    numc_array *half = numc_exp(numc_number(context, NUMC_DTYPE_DEFAULT, 0.5));
    assert_int_equal(numc_array_dtype(numc_multiply(f32, half)), NUMC_FLOAT32);
    assert_int_equal(numc_array_dtype(numc_multiply(numc_where(numc_greater(f32, 1), 1.0, 0.0), f32)), NUMC_FLOAT32);
    assert_null(numc_add(i8, 200));
    assert_error(context, NUMC_VALUE, "numc_add: the number 200 does not fit int8");
    assert_null(numc_add(numc_arange(context, NUMC_UINT64, 0, 3, 1), i8));
    assert_error(context, NUMC_DTYPE, "numc_add: uint64 and int8 have no common dtype");
    assert_null(numc_bitwise_and(f32, f32));
    assert_error(context, NUMC_DTYPE, "not defined for float32");
    assert_ok(context);
}

/* A random array of small whole numbers (so that every dtype and operation is exact), often a view with odd strides, and
 * its values row-major. */
static numc_array *random_array(numc_context *context, uint64_t *seed, numc_dtype dtype, int32_t rank, const int64_t *shape)
{
    int64_t wide[8], size = 1;
    int64_t steps[8];
    for (int32_t d = 0; d < rank; d++) {
        steps[d] = 1 + next_random(seed) % 2;
        wide[d] = shape[d] * steps[d] + next_random(seed) % 2;
        size *= wide[d];
    }
    double *values = calloc((size_t)size + 1, sizeof *values);
    for (int64_t i = 0; i < size; i++)
        values[i] = dtype == NUMC_BOOL ? next_random(seed) % 2 : next_random(seed) % 7;
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, ((numc_shape){wide, rank, true}), values);
    free(values);
    x = numc_astype(x, dtype);
    int64_t flipped[8], numbers[24]; /* the slice by its primitive: this file tests without indexing */
    int32_t flips = 0;
    for (int32_t d = 0; d < rank; d++) {
        numbers[d] = 0;
        numbers[rank + d] = shape[d];
        numbers[2 * rank + d] = steps[d];
    }
    numc_attributes attributes = {.count = 3 * rank, .numbers = numbers};
    const numc_array *input = x;
    x = numc__bind1(context, NUMC_PRIMITIVE_SLICE, &input, 1, &attributes);
    for (int32_t d = 0; d < rank; d++) {
        if (next_random(seed) % 3 == 0)
            flipped[flips++] = d;
    }
    return flips > 0 ? numc_flip(x, ((numc_axes){flipped, flips, true})) : x;
}

static double plain(int operation, double a, double b)
{
    switch (operation) {
    case 0:
        return a + b;
    case 1:
        return a * b;
    case 2:
        return a > b ? a : b;
    case 3:
        return a < b;
    default:
        return a == b;
    }
}

static void broadcasting_equals_loops(void **state)
{
    numc_context *context = *state;
    uint64_t seed = 1;
    for (int round = 0; round < 400; round++) {
        numc_scope(context)
        {
            int32_t rank = (int32_t)(next_random(&seed) % 6);
            int64_t shape[8], left_shape[8], right_shape[8];
            for (int32_t d = 0; d < rank; d++) {
                shape[d] = next_random(&seed) % 12 == 0 ? 0 : 1 + next_random(&seed) % 4;
                left_shape[d] = next_random(&seed) % 3 == 0 ? 1 : shape[d];
                right_shape[d] = next_random(&seed) % 3 == 0 ? 1 : shape[d];
            }
            int32_t left_skip = rank > 0 ? (int32_t)(next_random(&seed) % (uint32_t)rank) : 0;
            int32_t right_skip = left_skip == 0 && rank > 0 ? (int32_t)(next_random(&seed) % (uint32_t)rank) : 0;
            numc_dtype dtype = dtypes[next_random(&seed) % DTYPES];
            numc_array *left = random_array(context, &seed, dtype, rank - left_skip, left_shape + left_skip);
            numc_array *right = random_array(context, &seed, dtype, rank - right_skip, right_shape + right_skip);
            for (int32_t d = 0; d < rank; d++) {
                int64_t a = d < left_skip ? 1 : left_shape[d], b = d < right_skip ? 1 : right_shape[d];
                shape[d] = a == 1 ? b : a;
            }
            double *a = values_of(left), *b = values_of(right);
            int64_t size = 1;
            for (int32_t d = 0; d < rank; d++)
                size *= shape[d];
            double *expected = malloc((size_t)(size > 0 ? size : 1) * sizeof *expected);
            for (int operation = 0; operation < 5; operation++) {
                for (int64_t i = 0; i < size; i++) {
                    int64_t rest = i, at_a = 0, at_b = 0, step_a = 1, step_b = 1;
                    for (int32_t d = rank - 1; d >= 0; d--) {
                        int64_t index = rest % shape[d];
                        rest /= shape[d];
                        int64_t na = d < left_skip ? 1 : left_shape[d], nb = d < right_skip ? 1 : right_shape[d];
                        at_a += na == 1 ? 0 : index * step_a;
                        at_b += nb == 1 ? 0 : index * step_b;
                        step_a *= na;
                        step_b *= nb;
                    }
                    expected[i] = plain(operation, a[at_a], b[at_b]);
                }
                numc_operand x1 = numc_operand_array(left), x2 = numc_operand_array(right);
                numc_array *y = operation == 0   ? (numc_add)(x1, x2)
                                : operation == 1 ? (numc_multiply)(x1, x2)
                                : operation == 2 ? (numc_maximum)(x1, x2)
                                : operation == 3 ? (numc_less)(x1, x2)
                                                 : (numc_equal)(x1, x2);
                assert_ok(context);
                assert_shape(y, rank, shape);
                assert_values_within(y, expected, size, 0, "broadcast");
            }
            free(a);
            free(b);
            free(expected);
        }
    }
}

static void conversions_between_all_dtypes(void **state)
{
    numc_context *context = *state;
    const double values[6] = {0, 1, 2, 100, 3, 1};
    for (int i = 0; i < DTYPES; i++) {
        for (int j = 0; j < DTYPES; j++) {
            numc_array *x = numc_astype(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(6), values), dtypes[i]);
            numc_array *y = numc_astype(x, dtypes[j]);
            assert_ok(context);
            assert_int_equal(numc_array_dtype(y), dtypes[j]);
            double expected[6];
            for (int k = 0; k < 6; k++)
                expected[k] = dtypes[i] == NUMC_BOOL || dtypes[j] == NUMC_BOOL ? values[k] != 0 : values[k];
            assert_values_within(y, expected, 6, 0, "astype");
        }
    }
    numc_array *x = numc_arange(context, NUMC_FLOAT64, 0, 4, 1);
    assert_null(numc_astype(x, NUMC_DTYPE_COUNT));
    assert_error(context, NUMC_DTYPE, "unknown");
}

static void functions_have_their_values(void **state)
{
    numc_context *context = *state;
    const double values[5] = {-1.5, -0.0, 0.25, 1, 2.5};
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(5), values);
    assert_values(numc_negative(x), 1.5, 0, -0.25, -1, -2.5);
    assert_values(numc_abs(x), 1.5, 0, 0.25, 1, 2.5);
    assert_values(numc_sign(x), -1, 0, 1, 1, 1);
    assert_values(numc_floor(x), -2, 0, 0, 1, 2);
    assert_values(numc_ceil(x), -1, 0, 1, 1, 3);
    assert_values(numc_trunc(x), -1, 0, 0, 1, 2);
    assert_values(numc_round(x), -2, 0, 0, 1, 2);
    assert_values(numc_square(x), 2.25, 0, 0.0625, 1, 6.25);
    assert_values(numc_signbit(x), 1, 1, 0, 0, 0);
    assert_values(numc_positive(x), -1.5, 0, 0.25, 1, 2.5);
    assert_values(numc_remainder(x, 2), 0.5, 0, 0.25, 1, 0.5);
    assert_values(numc_floor_divide(x, 2), -1, 0, 0, 0, 1);
    assert_values(numc_where(numc_less(x, 0), 0.0, x), 0, 0, 0.25, 1, 2.5);
    assert_values(numc_clip(x, 0.0, 1.0), 0, 0, 0.25, 1, 1);
    assert_values(numc_logical_and(x, 1), 1, 0, 1, 1, 1);
    assert_values(numc_logical_not(x), 0, 1, 0, 0, 0);
    double expected[5];
    for (int i = 0; i < 5; i++)
        expected[i] = exp(values[i]);
    /* 2 units in the last place, the accuracy promised for exp */
    assert_values_within(numc_exp(x), expected, 5, 2 * 2.3e-16, "exp");
    numc_array *n = numc_arange(context, NUMC_INT32, 0, 5, 1);
    assert_values(numc_clip(n, 1, INFINITY), 1, 1, 2, 3, 4);
    assert_int_equal(numc_array_dtype(numc_clip(n, 1, INFINITY)), NUMC_INT32);
    assert_values(numc_bitwise_xor(n, 1), 1, 0, 3, 2, 5);
    assert_values(numc_bitwise_left_shift(n, 2), 0, 4, 8, 12, 16);
    assert_values(numc_bitwise_invert(n), -1, -2, -3, -4, -5);
    assert_values(numc_pow(n, 2), 0, 1, 4, 9, 16);
    /* nothing folded on the host differs from what the device computes */
    numc_array *c = numc_full(context, NUMC_FLOAT64, NUMC_SHAPE(3), 0.7);
    const double sevens[3] = {0.7, 0.7, 0.7};
    numc_array *d = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), sevens);
    double *folded = values_of(numc_exp(numc_sqrt(c))), *computed = values_of(numc_exp(numc_sqrt(d)));
    assert_memory_equal(folded, computed, 3 * sizeof *folded);
    free(folded);
    free(computed);
    assert_ok(context);
}

/* Twelve levels of the macro in one expression: it must compile, quickly, and be right. */
static void expressions_nest(void **state)
{
    numc_context *context = *state;
    numc_array *x = numc_arange(context, NUMC_FLOAT64, 0, 2, 1);
    numc_array *y = numc_add(1, numc_multiply(2, numc_add(1, numc_multiply(2, numc_add(1, numc_multiply(2, numc_add(
        1, numc_multiply(2, numc_add(1, numc_multiply(2, numc_add(1, numc_multiply(2, x))))))))))));
    assert_values(y, 63, 127);
}

static void kernels_are_few(void **state)
{
    numc_context *context = *state;
    numc_statistics before, after;
    for (int64_t n = 2; n < 40; n++) {
        numc_array *x = numc_arange(context, NUMC_FLOAT64, 0, (double)n, 1);
        numc_array *y = numc_reshape(numc_arange(context, NUMC_FLOAT64, 0, (double)(n * n), 1), NUMC_SHAPE(n, n));
        (void)numc_add(x, 1.0);
        (void)numc_add(x, x);
        (void)numc_add(y, x);
        if (n == 2)
            numc_statistics_get(context, &before);
    }
    assert_ok(context);
    numc_statistics_get(context, &after);
    assert_int_equal(before.kernels_built, 3);
    assert_int_equal(after.kernels_built, 3); /* no shape is built for */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(promotion_follows_the_standard),
        TEST(numbers_follow_arrays),
        TEST(broadcasting_equals_loops),
        TEST(conversions_between_all_dtypes),
        TEST(functions_have_their_values),
        TEST(expressions_nest),
        TEST(kernels_are_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
