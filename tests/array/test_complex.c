/* test_complex.c - complex arrays: creation, movement, host memory and text, promotion, parts. What moves elements is compared
 * with moving both parts by themselves. */
#include "fixture.h"

#include <complex.h>

#include "array/internal.h"
#include "numc/dlpack.h"

static const numc_dtype complexes[2] = {NUMC_COMPLEX64, NUMC_COMPLEX128};

/* size small numbers, exact in both dtypes. */
static numc_array *numbers(numc_context *context, numc_dtype dtype, numc_shape shape, uint64_t seed)
{
    double values[2 * 120];
    int64_t size = 1;
    for (int32_t d = 0; d < shape.count; d++)
        size *= shape.values[d];
    for (int64_t i = 0; i < 2 * size; i++)
        values[i] = (double)(next_random(&seed) % 4097) / 64 - 32;
    return numc_astype(numc_from_host(context, NUMC_COMPLEX128, shape, values), dtype);
}

static void assert_same(const numc_array *x, const numc_array *y, const char *what)
{
    if (x == NULL || y == NULL)
        fail_msg("%s: %s", what, numc_error_message(numc_array_context(x == NULL ? y : x)));
    assert_int_equal(numc_array_dtype(x), numc_array_dtype(y));
    assert_shape(x, numc_array_rank(y), numc_array_shape(y));
    size_t bytes = (size_t)numc_array_size(x) * numc_dtype_size(numc_array_dtype(x));
    unsigned char a[4096], b[4096];
    assert_true(bytes <= sizeof a);
    assert_int_equal(numc_to_host(x, NUMC_DTYPE_DEFAULT, a, bytes), NUMC_OK);
    assert_int_equal(numc_to_host(y, NUMC_DTYPE_DEFAULT, b, bytes), NUMC_OK);
    if (memcmp(a, b, bytes) != 0)
        fail_msg("%s: the values differ", what);
}

/* ---- creation and host memory ------------------------------------------------------------------------------------ */

static void numbers_become_arrays(void **state)
{
    numc_context *context = *state;
    numc_array *x = numc_number(context, NUMC_DTYPE_DEFAULT, 1.5 - 2.0 * I);
    assert_int_equal(numc_array_dtype(x), NUMC_COMPLEX128);
    assert_true(numc_item_complex(x).re == 1.5 && numc_item_complex(x).im == -2.0);
    x = numc_full(context, NUMC_COMPLEX64, NUMC_SHAPE(2, 3), ((numc_complex_number){0.25, 4}));
    assert_int_equal(numc_array_dtype(x), NUMC_COMPLEX64);
    float values[12];
    assert_int_equal(numc_to_host(x, NUMC_DTYPE_DEFAULT, values, sizeof values), NUMC_OK);
    for (int i = 0; i < 6; i++)
        assert_true(values[2 * i] == 0.25f && values[2 * i + 1] == 4.0f);
    assert_int_equal(numc_array_dtype(numc_full(context, NUMC_DTYPE_DEFAULT, NUMC_SHAPE(2), 1.0f * I)), NUMC_COMPLEX128);
    assert_null(numc_full(context, NUMC_FLOAT64, NUMC_SHAPE(2), 1.0 * I));
    assert_error(context, NUMC_DTYPE, "does not convert to float64");
    double both[6] = {0};
    assert_int_equal(numc_to_host(numc_ones(context, NUMC_COMPLEX128, NUMC_SHAPE(3)), NUMC_DTYPE_DEFAULT, both, sizeof both), NUMC_OK);
    assert_true(both[0] == 1 && both[1] == 0 && both[4] == 1 && both[5] == 0);
    assert_same(numc_real(numc_eye(context, NUMC_COMPLEX128, 3, 4, 1)), numc_eye(context, NUMC_FLOAT64, 3, 4, 1), "eye");
    assert_same(numc_imag(numc_eye(context, NUMC_COMPLEX128, 3, 4, 1)), numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(3, 4)), "eye");
    assert_ok(context);
}

static void host_memory_round_trips(void **state)
{
    numc_context *context = *state;
    float values[12], back[12];
    for (int i = 0; i < 12; i++)
        values[i] = (float)(i * i) - 7;
    numc_array *x = numc_from_host(context, NUMC_COMPLEX64, NUMC_SHAPE(2, 3), values);
    assert_int_equal(numc_to_host(x, NUMC_COMPLEX64, back, sizeof back), NUMC_OK);
    assert_memory_equal(values, back, sizeof values);
    double wide[12];
    assert_int_equal(numc_to_host(x, NUMC_COMPLEX128, wide, sizeof wide), NUMC_OK);
    for (int i = 0; i < 12; i++)
        assert_true(wide[i] == (double)values[i]);
    assert_int_equal(numc_to_host(x, NUMC_FLOAT64, wide, 6 * sizeof *wide), NUMC_DTYPE);
    assert_error(context, NUMC_DTYPE, "complex64 does not convert to float64");
    assert_true(isnan(numc_item(numc_index(x, NUMC_AT(0), NUMC_AT(0)))));
    assert_error(context, NUMC_DTYPE, "numc_item_complex");
    assert_null(numc_astype(x, NUMC_INT32));
    assert_error(context, NUMC_DTYPE, "numc_real");
    numc_array *one = numc_from_host(context, NUMC_COMPLEX128, NUMC_SCALAR, ((const double[]){3, -4}));
    assert_true(numc_item_complex(one).im == -4);
    assert_true(numc_item_bool(one));
}

static void text_is_as_numpys(void **state)
{
    numc_context *context = *state;
    char text[200];
    numc_array *x = numc_from_host(context, NUMC_COMPLEX128, NUMC_SHAPE(2), ((const double[]){1, -2.5, -10, 0.125}));
    numc_array_format(x, text, sizeof text);
    assert_non_null(strstr(text, "-2.5j"));
    assert_non_null(strstr(text, "+0.125j"));
    numc_array_format(numc_number(context, NUMC_COMPLEX64, 0.1f), text, sizeof text);
    assert_non_null(strstr(text, "0.1"));
    assert_null(strstr(text, "0.10000000149"));
}

static void dlpack_both_ways(void **state)
{
    numc_context *context = *state;
    for (int d = 0; d < 2; d++) {
        numc_array *x = numbers(context, complexes[d], NUMC_SHAPE(3, 4), 5);
        numc_array *turned = numc_matrix_transpose(x);
        DLManagedTensorVersioned *tensor;
        assert_int_equal(numc_to_dlpack(turned, NULL, &tensor), NUMC_OK);
        assert_int_equal(tensor->dl_tensor.dtype.code, kDLComplex);
        assert_int_equal(tensor->dl_tensor.dtype.bits, 8 * numc_dtype_size(complexes[d]));
        assert_same(numc_from_dlpack_(context, tensor, NULL), turned, "dlpack");
    }
}

/* ---- parts, promotion -------------------------------------------------------------------------------------------- */

static void parts_take_apart_and_put_together(void **state)
{
    numc_context *context = *state;
    for (int d = 0; d < 2; d++) {
        numc_array *x = numbers(context, complexes[d], NUMC_SHAPE(4, 3), 9);
        numc_array *view = numc_flip(numc_matrix_transpose(x), NUMC_AXES(0));
        assert_same(numc_complex(numc_real(view), numc_imag(view)), view, "complex(real, imag)");
        assert_same(numc_imag(numc_conj(view)), numc_negative(numc_imag(view)), "conj");
        assert_same(numc_real(numc_conj(view)), numc_real(view), "conj");
        assert_same(numc_conj(numc_conj(view)), view, "conj");
        numc_array *re = numc_real(x);
        assert_same(numc_real(re), re, "real of real");
        assert_same(numc_conj(re), re, "conj of real");
        assert_same(numc_imag(re), numc_zeros_like(re), "imag of real");
        assert_same(numc_real(numc_complex(re, 2.0)), re, "a number for a part");
        assert_same(numc_imag(numc_complex(re, 2.0)), numc_full_like(re, 2.0), "a number for a part");
    }
    numc_array *single = numc_ones(context, NUMC_FLOAT32, NUMC_SHAPE(2, 1)), *twice = numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(3));
    assert_int_equal(numc_array_dtype(numc_complex(single, single)), NUMC_COMPLEX64);
    assert_int_equal(numc_array_dtype(numc_complex(single, twice)), NUMC_COMPLEX128);
    assert_shape(numc_complex(single, twice), 2, ((const int64_t[]){2, 3}));
    assert_null(numc_complex(numc_complex(single, twice), 1.0));
    assert_error(context, NUMC_DTYPE, "must be real");
}

static void dtypes_are_promoted(void **state)
{
    numc_context *context = *state;
    static const struct {
        numc_dtype with, result;
    } cells[] = {{NUMC_BOOL, NUMC_COMPLEX128},    {NUMC_INT8, NUMC_COMPLEX128},     {NUMC_UINT64, NUMC_COMPLEX128},
                 {NUMC_FLOAT32, NUMC_COMPLEX64},  {NUMC_FLOAT64, NUMC_COMPLEX128},  {NUMC_COMPLEX64, NUMC_COMPLEX64},
                 {NUMC_COMPLEX128, NUMC_COMPLEX128}};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        numc_array *x = numc_ones(context, cells[i].with, NUMC_SHAPE(3)), *y = numc_add(x, 0.5 + 2 * I);
        assert_ok(context);
        assert_int_equal(numc_array_dtype(y), cells[i].result);
        assert_true(numc_item_complex(numc_index(y, NUMC_AT(1))).re == 1.5);
        assert_true(numc_item_complex(numc_index(y, NUMC_AT(1))).im == 2);
    }
    numc_array *z = numc_ones(context, NUMC_COMPLEX64, NUMC_SHAPE(3));
    assert_int_equal(numc_array_dtype(numc_add(z, 1)), NUMC_COMPLEX64);
    assert_int_equal(numc_array_dtype(numc_add(z, 0.1)), NUMC_COMPLEX64);
    assert_int_equal(numc_array_dtype(numc_add(z, numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(3)))), NUMC_COMPLEX128);
    assert_int_equal(numc_array_dtype(numc_add(z, numc_ones(context, NUMC_INT16, NUMC_SHAPE(3)))), NUMC_COMPLEX64);
    for (int d = NUMC_BOOL; d < NUMC_DTYPE_COUNT; d++) { /* conversions: to complex from all, from complex to bool */
        double values[8] = {0};
        numc_array *x = numc_astype(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(4), ((const double[]){0, 1, 0, 1})), (numc_dtype)d);
        assert_int_equal(numc_to_host(numc_astype(x, NUMC_COMPLEX128), NUMC_DTYPE_DEFAULT, values, sizeof values), NUMC_OK);
        for (int i = 0; i < 4; i++)
            assert_true(values[2 * i] == i % 2 && values[2 * i + 1] == 0);
    }
    numc_array *x = numc_from_host(context, NUMC_COMPLEX64, NUMC_SHAPE(4), ((const float[]){0, 0, 0, 2, 3, 0, 0, NAN}));
    bool truth[4];
    assert_int_equal(numc_to_host(numc_astype(x, NUMC_BOOL), NUMC_BOOL, truth, sizeof truth), NUMC_OK);
    assert_true(!truth[0] && truth[1] && truth[2] && truth[3]);
}

static void order_and_rounding_are_refused(void **state)
{
    numc_context *context = *state;
    numc_array *z = numbers(context, NUMC_COMPLEX128, NUMC_SHAPE(3), 1);
    numc_array *(*const unary[])(const numc_array *) = {numc_floor, numc_ceil, numc_trunc, numc_signbit, numc_bitwise_invert};
    for (size_t i = 0; i < sizeof unary / sizeof *unary; i++) {
        assert_null(unary[i](z));
        assert_error(context, NUMC_DTYPE, "complex128");
    }
    numc_array *(*const binary[])(numc_operand, numc_operand) = {
        numc_less, numc_less_equal, numc_greater, numc_greater_equal, numc_maximum, numc_minimum, numc_floor_divide,
        numc_remainder, numc_atan2, numc_hypot, numc_logaddexp, numc_copysign, numc_nextafter, numc_bitwise_and};
    for (size_t i = 0; i < sizeof binary / sizeof *binary; i++) {
        assert_null(binary[i](numc_operand_array(z), numc_operand_array(z)));
        assert_error(context, NUMC_DTYPE, "complex128");
    }
    assert_null(numc_sort(z));
    assert_error(context, NUMC_DTYPE, "complex128");
    assert_null(numc_argmax(z));
    assert_error(context, NUMC_DTYPE, "complex128");
    assert_null(numc_max(z));
    assert_error(context, NUMC_DTYPE, "complex128");
    assert_null(numc_searchsorted(z, z));
    assert_error(context, NUMC_DTYPE, "complex128");
    assert_null(numc_arange(context, NUMC_COMPLEX128, 0, 3, 1));
    assert_error(context, NUMC_DTYPE, "complex128");
}

/* ---- movement ---------------------------------------------------------------------------------------------------- */

typedef numc_array *(*mover)(const numc_array *x, const numc_array *y, const numc_array *indices, const numc_array *mask);
#define MOVER(name, ...)                                                                           \
    static numc_array *name(const numc_array *x, const numc_array *y, const numc_array *indices, const numc_array *mask) \
    {                                                                                              \
        (void)x, (void)y, (void)indices, (void)mask;                                               \
        return __VA_ARGS__;                                                                        \
    }
MOVER(reshape, numc_reshape(x, NUMC_SHAPE(2, -1)))
MOVER(reshape_turned, numc_reshape(numc_matrix_transpose(x), NUMC_SHAPE(-1)))
MOVER(broadcast, numc_broadcast_to(numc_index(x, NUMC_AT(1), NUMC_NEW), NUMC_SHAPE(2, 5, 6)))
MOVER(turned, numc_permute_dims(x, NUMC_AXES(1, 0)))
MOVER(flipped, numc_flip(x, NUMC_AXES(1)))
MOVER(rolled, numc_roll(x, 2, 0))
MOVER(sliced, numc_index(x, NUMC_SLICE_STEP(NUMC_END, NUMC_END, -2), NUMC_SLICE(1, 5)))
MOVER(joined, numc_concat((const numc_array *[]){x, y, numc_flip(x, NUMC_AXES(0))}, 3, 1))
MOVER(stacked, numc_stack((const numc_array *[]){x, y}, 2, 1))
MOVER(repeated, numc_repeat(x, 3, NUMC_AXIS(1)))
MOVER(tiled, numc_tile(x, NUMC_SHAPE(2, 1)))
MOVER(lower, numc_tril(x, 1))
MOVER(upper, numc_triu(x, 0))
MOVER(taken, numc_take(x, indices, NUMC_AXIS(1)))
MOVER(taken_rows, numc_take(numc_matrix_transpose(x), indices, NUMC_AXIS(0)))
MOVER(taken_along, numc_take_along_axis(x, numc_broadcast_to(indices, NUMC_SHAPE(4, 3)), 1))
MOVER(picked, numc_index(x, NUMC_ALL, NUMC_PICK(indices)))
MOVER(masked, numc_index(x, NUMC_PICK(mask)))
MOVER(chosen, numc_where(mask, x, y))
MOVER(chosen_number, numc_where(mask, x, 3.0))
MOVER(updated, numc_index_update(x, numc_index(y, NUMC_AT(0)), NUMC_AT(2)))
MOVER(updated_picked, numc_index_update(x, 7.0, NUMC_ALL, NUMC_PICK(indices)))
MOVER(added, numc_scatter_add(x, indices, numc_index(y, NUMC_ALL, NUMC_SLICE(0, 3)), 1))
MOVER(summed, numc_sum(x, NUMC_AXES(0)))
MOVER(summed_turned, numc_sum(numc_matrix_transpose(x), NUMC_AXES(0), .keepdims = true))
MOVER(summed_all, numc_sum(x))
MOVER(summed_number, numc_sum(numc_broadcast_to(numc_index(x, NUMC_AT(0), NUMC_AT(0)), NUMC_SHAPE(3, 2)), NUMC_AXES(1)))
MOVER(summed_none, numc_sum(numc_index(x, NUMC_SLICE(0, 0)), NUMC_AXES(0)))
MOVER(accumulated, numc_cumulative_sum(x, NUMC_AXIS(1)))
MOVER(accumulated_more, numc_cumulative_sum(x, NUMC_AXIS(0), .include_initial = true))
MOVER(plus, numc_add(x, y))
MOVER(minus, numc_subtract(x, numc_flip(y, NUMC_AXES(0))))
MOVER(opposite, numc_negative(x))
MOVER(rounded, numc_round(x))

static const struct {
    const char *name;
    mover move;
    bool real_number; /* a number in it goes to the real part: the imaginary part is compared with 0 there */
} movers[] = {
#define M(name) {#name, name, false}
    M(reshape), M(reshape_turned), M(broadcast), M(turned), M(flipped), M(rolled), M(sliced), M(joined), M(stacked),
    M(repeated), M(tiled), M(lower), M(upper), M(taken), M(taken_rows), M(taken_along), M(picked), M(masked), M(chosen),
    {"chosen_number", chosen_number, true}, M(updated), {"updated_picked", updated_picked, true}, M(added), M(summed),
    M(summed_turned), M(summed_all), M(summed_number), M(summed_none), M(accumulated), M(accumulated_more), M(plus),
    M(minus), M(opposite), M(rounded),
};

static void movement_moves_both_parts(void **state)
{
    numc_context *context = *state;
    numc_array *indices = numc_from_host(context, NUMC_INT64, NUMC_SHAPE(3), ((const int64_t[]){5, 0, 2}));
    uint8_t bits[24];
    for (int i = 0; i < 24; i++)
        bits[i] = i % 3 != 0;
    numc_array *mask = numc_from_host(context, NUMC_BOOL, NUMC_SHAPE(4, 6), bits);
    for (int d = 0; d < 2; d++) {
        numc_array *x = numbers(context, complexes[d], NUMC_SHAPE(4, 6), 21), *y = numbers(context, complexes[d], NUMC_SHAPE(4, 6), 22);
        for (size_t i = 0; i < sizeof movers / sizeof *movers; i++) {
            numc_scope(context)
            {
                numc_array *z = movers[i].move(x, y, indices, mask);
                assert_ok(context);
                assert_int_equal(numc_array_dtype(z), complexes[d]);
                assert_same(numc_real(z), movers[i].move(numc_real(x), numc_real(y), indices, mask), movers[i].name);
                if (!movers[i].real_number)
                    assert_same(numc_imag(z), movers[i].move(numc_imag(x), numc_imag(y), indices, mask), movers[i].name);
            }
        }
        assert_ok(context);
        numc_array *z = numc_where(mask, x, 3.0); /* and the numbers' imaginary part is 0 */
        assert_same(numc_imag(z), numc_where(mask, numc_imag(x), 0.0), "where");
        numc_array *kept = numc_positive(x), *before = numc_positive(x);
        assert_int_equal(numc_index_assign(&kept, 1.0 - 1.0 * I, NUMC_AT(1), NUMC_SLICE(0, 2)), NUMC_OK);
        assert_same(before, x, "an assignment seen elsewhere");
        assert_true(numc_item_complex(numc_index(kept, NUMC_AT(1), NUMC_AT(1))).im == -1);
    }
    assert_ok(context);
}

static void equality_and_tests(void **state)
{
    numc_context *context = *state;
    numc_array *x = numc_from_host(context, NUMC_COMPLEX128, NUMC_SHAPE(4), ((const double[]){1, 2, 1, 3, NAN, 0, INFINITY, NAN}));
    bool truth[4];
#define ASSERT_TRUTH(y, ...)                                                                       \
    do {                                                                                           \
        assert_int_equal(numc_to_host(y, NUMC_BOOL, truth, sizeof truth), NUMC_OK);                \
        static const bool wanted[4] = {__VA_ARGS__};                                               \
        assert_memory_equal(truth, wanted, sizeof truth);                                          \
    } while (0)
    ASSERT_TRUTH(numc_equal(x, 1.0 + 2.0 * I), true, false, false, false);
    ASSERT_TRUTH(numc_not_equal(x, x), false, false, true, true);
    ASSERT_TRUTH(numc_isnan(x), false, false, true, true);
    ASSERT_TRUTH(numc_isinf(x), false, false, false, true);
    ASSERT_TRUTH(numc_isfinite(x), true, true, false, false);
    assert_true(numc_item(numc_abs(numc_number(context, NUMC_DTYPE_DEFAULT, 3.0 - 4.0 * I))) == 5);
    assert_int_equal(numc_array_dtype(numc_abs(numc_ones(context, NUMC_COMPLEX64, NUMC_SHAPE(2)))), NUMC_FLOAT32);
    numc_complex_number sign = numc_item_complex(numc_sign(numc_number(context, NUMC_DTYPE_DEFAULT, 3e307 - 4e307 * I)));
    assert_true(fabs(sign.re - 0.6) < 1e-15 && fabs(sign.im + 0.8) < 1e-15);
    sign = numc_item_complex(numc_sign(numc_zeros(context, NUMC_COMPLEX128, NUMC_SCALAR)));
    assert_true(sign.re == 0 && sign.im == 0);
    assert_int_equal(numc_item_integer(numc_count_nonzero(x)), 4);
    assert_true(numc_item_bool(numc_any(x)) && numc_item_bool(numc_all(x)));
}

static void products_of_matrices(void **state)
{
    numc_context *context = *state;
    for (int d = 0; d < 2; d++) {
        /* whole numbers over 64 below 2^12: products and sums of few of them are exact in float64; in float32 to 2^-24 each */
        numc_array *a = numbers(context, complexes[d], NUMC_SHAPE(2, 3, 4), 3), *b = numbers(context, complexes[d], NUMC_SHAPE(4, 5), 4);
        numc_array *c = numc_matmul(a, b);
        assert_ok(context);
        numc_array *terms = numc_multiply(numc_expand_dims(a, NUMC_AXES(-1)), b);
        numc_array *sum = numc_sum(terms, NUMC_AXES(-2));
        numc_array *error = numc_max(numc_abs(numc_subtract(c, sum)));
        assert_true(numc_item(error) <= (d == 0 ? 8 * 0x1p-24 * 2 * 64 * 64 * 4 : 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(numbers_become_arrays), TEST(host_memory_round_trips), TEST(text_is_as_numpys), TEST(dlpack_both_ways),
        TEST(parts_take_apart_and_put_together), TEST(dtypes_are_promoted), TEST(order_and_rounding_are_refused),
        TEST(movement_moves_both_parts), TEST(equality_and_tests), TEST(products_of_matrices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
