/* test_complex.c - complex arrays: creation, movement, host memory and text, promotion, parts. What moves elements is compared
 * with moving both parts by themselves. */
#include "fixture.h"

#include <complex.h>

#include "../base/need.h"
#include "array/internal.h"
#include "numc/dlpack.h"

/* CMPLX and CMPLXL, which not every compiler has with every C library. */
static double _Complex joined(double re, double im)
{
    union {
        double parts[2];
        double _Complex number;
    } both = {{re, im}};
    return both.number;
}
static long double _Complex joined_wide(long double re, long double im)
{
    union {
        long double parts[2];
        long double _Complex number;
    } both = {{re, im}};
    return both.number;
}

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
MOVER(combined, numc_concat((const numc_array *[]){x, y, numc_flip(x, NUMC_AXES(0))}, 3, 1))
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
    M(reshape), M(reshape_turned), M(broadcast), M(turned), M(flipped), M(rolled), M(sliced), M(combined), M(stacked),
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
    sign = numc_item_complex(numc_sign(numc_number(context, NUMC_DTYPE_DEFAULT, -(0.0 + 0.0 * I))));
    assert_true(sign.re == 0 && sign.im == 0 && !signbit(sign.re) && !signbit(sign.im));
    assert_int_equal(numc_item_integer(numc_count_nonzero(x)), 4);
    /* constants are folded: the same truth as in memory */
    assert_true(numc_item_bool(numc_all(numc_full(context, NUMC_COMPLEX128, NUMC_SHAPE(2), 1.0 * I))));
    assert_true(numc_item_bool(numc_astype(numc_number(context, NUMC_COMPLEX64, 1.0), NUMC_BOOL)));
    assert_false(numc_item_bool(numc_astype(numc_number(context, NUMC_COMPLEX64, 0.0 * I), NUMC_BOOL)));
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

/* ---- values ------------------------------------------------------------------------------------------------------ */

typedef long double _Complex wide;
static wide wide_square(wide z) { return z * z; }
static wide wide_reciprocal(wide z) { return 1 / z; }
static wide wide_expm1(wide z)
{
    long double x = creall(z), y = cimagl(z), s = sinl(y / 2);
    return joined_wide(expm1l(x) * cosl(y) - 2 * s * s, expl(x) * sinl(y));
}
static wide wide_log1p(wide z)
{
    long double x = creall(z), y = cimagl(z);
    long double small = 0.5L * log1pl(x * (2 + x) + y * y);
    return joined_wide(hypotl(x, y) < 0.5L ? small : creall(clogl(joined_wide(1 + x, y))), atan2l(y, 1 + x));
}
static wide wide_log2(wide z) { return clogl(z) * 1.442695040888963407359924681L; }
static wide wide_log10(wide z) { return clogl(z) * 0.434294481903251827651128918L; }

static const struct {
    const char *name;
    numc_array *(*function)(const numc_array *);
    wide (*reference)(wide);
    double _Complex (*special)(double _Complex); /* NULL: C has none */
} functions[] = {
    {"sqrt", numc_sqrt, csqrtl, csqrt},   {"square", numc_square, wide_square, NULL}, {"reciprocal", numc_reciprocal, wide_reciprocal, NULL},
    {"exp", numc_exp, cexpl, cexp},       {"expm1", numc_expm1, wide_expm1, NULL},    {"log", numc_log, clogl, clog},
    {"log1p", numc_log1p, wide_log1p, NULL}, {"log2", numc_log2, wide_log2, NULL},    {"log10", numc_log10, wide_log10, NULL},
    {"sin", numc_sin, csinl, csin},       {"cos", numc_cos, ccosl, ccos},             {"tan", numc_tan, ctanl, ctan},
    {"asin", numc_asin, casinl, casin},   {"acos", numc_acos, cacosl, cacos},         {"atan", numc_atan, catanl, catan},
    {"sinh", numc_sinh, csinhl, csinh},   {"cosh", numc_cosh, ccoshl, ccosh},         {"tanh", numc_tanh, ctanhl, ctanh},
    {"asinh", numc_asinh, casinhl, casinh}, {"acosh", numc_acosh, cacoshl, cacosh},   {"atanh", numc_atanh, catanhl, catanh},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions, POINTS = 6000 };

/* The references are computed in long double, which has to be wider than double (under some emulators it is not). */
static void need_long_double(void)
{
    volatile long double one = 1, little = 0x1p-60L;
    if (one + little == one)
        SKIP("long double is no wider than double here");
}

static double unit(uint64_t *seed)
{
    return (double)next_random(seed) * 0x1p-31;
}

/* Of any size, near 1, near 0, exactly 0, moderate. */
static double part_value(uint64_t *seed, bool is_single)
{
    double u = unit(seed), size = unit(seed);
    int range = is_single ? 120 : 1000;
    double x = 0;
    switch (next_random(seed) % 6) {
    case 0: x = ldexp(1 + u, (int)(size * 8) - 4); break;
    case 1: x = ldexp(1 + u, (int)(size * 2 * range) - range); break;
    case 2: x = 1 + ldexp(u - 0.5, -(int)(size * (is_single ? 22 : 50))); break;
    case 3: x = u * (is_single ? 100 : 800); break;
    case 4: x = ldexp(1 + u, -(int)(size * (is_single ? 20 : 60))); break;
    default: break;
    }
    x = next_random(seed) % 2 != 0 ? -x : x;
    return is_single ? (double)(float)x : x;
}

/* The error of y against w in eps |w|; 0 where the exact value overflows or is not finite. */
static double error_of(wide w, const double *y, bool is_single)
{
    long double most = is_single ? 0x1.fffffp127L : 0x1.fffffffffffffp1023L, size = cabsl(w);
    long double least = is_single ? 0x1p-126L : 0x1p-1022L, eps = is_single ? 0x1p-23L : 0x1p-52L;
    if (!(fabsl(creall(w)) < most * 0.999999L && fabsl(cimagl(w)) < most * 0.999999L))
        return 0;
    size = size < least ? least : size; /* rounded as subnormals are */
    long double error = hypotl((long double)y[0] - creall(w), (long double)y[1] - cimagl(w)) / (size * eps);
    return error >= 0 && error < 1e300L ? (double)error : (double)INFINITY;
}

/* Each function is a handful of real operations of one or two roundings each; measured over 2e5 points, the worst is 2.5 eps of
 * the absolute value. */
static void functions_are_accurate(void **state)
{
    numc_context *context = *state;
    need_long_double();
    static double in[2 * POINTS], out[2 * POINTS];
    for (int single = 0; single < 2; single++) {
        uint64_t seed = 77;
        for (int i = 0; i < 2 * POINTS; i++)
            in[i] = part_value(&seed, single != 0);
        numc_array *z = numc_astype(numc_from_host(context, NUMC_COMPLEX128, NUMC_SHAPE(POINTS), in), complexes[1 - single]);
        for (int f = 0; f < FUNCTIONS; f++) {
            numc_scope(context)
            {
                numc_array *y = functions[f].function(z);
                assert_ok(context);
                assert_int_equal(numc_to_host(y, NUMC_COMPLEX128, out, sizeof out), NUMC_OK);
                /* strided, the same */
                numc_array *turned = functions[f].function(numc_flip(z, NUMC_AXES(0)));
                assert_true(numc_item_bool(numc_all(numc_logical_or(numc_equal(numc_flip(turned, NUMC_AXES(0)), y), numc_isnan(y)))));
            }
            for (int i = 0; i < POINTS; i++) {
                wide w = functions[f].reference(joined_wide(in[2 * i], in[2 * i + 1]));
                double error = error_of(w, out + 2 * i, single != 0);
                if (error > 4)
                    fail_msg("%s(%.17g, %.17g) = (%.17g, %.17g) is %g eps off", functions[f].name, in[2 * i], in[2 * i + 1],
                             out[2 * i], out[2 * i + 1], error);
            }
        }
    }
}

/* NaN as C's; else the same infinity, or the same zero, whose signs C leaves open where the other part is NaN. */
static bool as_c(double a, double c, bool open_sign)
{
    if (isnan(a) || isnan(c))
        return isnan(a) && isnan(c);
    if (open_sign)
        return fabs(a) == fabs(c) || fabs(fabs(a) - fabs(c)) <= 1e-14 * fabs(c);
    if (a == 0 && c == 0)
        return signbit(a) == signbit(c);
    return a == c || fabs(a - c) <= 1e-14 * fabs(c) + 1e-300;
}

/* tanh(+-inf + i y) = +-1 + 0i with y's sign, as the array standard has it; C's zero has the sign of sin 2y. tan(z) = -i tanh(i z). */
static void tangents_of_infinities(void **state)
{
    numc_context *context = *state;
    numc_complex_number m = numc_item_complex(numc_expm1(numc_number(context, NUMC_DTYPE_DEFAULT, joined(-0.0, 0.0))));
    assert_true(m.re == 0 && !signbit(m.re) && m.im == 0 && !signbit(m.im)); /* the standard's 0 + 0j as well */
    for (int i = 0; i < 16; i++) {
        double x = i & 1 ? -INFINITY : INFINITY, y = (i & 2 ? -1 : 1) * (i < 8 ? 0.5 * i + 0.25 : INFINITY);
        numc_complex_number h = numc_item_complex(numc_tanh(numc_number(context, NUMC_DTYPE_DEFAULT, joined(x, y))));
        assert_true(h.re == copysign(1, x) && h.im == 0 && signbit(h.im) == signbit(y));
        numc_complex_number t = numc_item_complex(numc_tan(numc_number(context, NUMC_DTYPE_DEFAULT, joined(y, x))));
        assert_true(t.im == copysign(1, x) && t.re == 0 && signbit(t.re) == signbit(y));
    }
}

/* Annex G of C99, through the C library. */
static void special_values_are_those_of_c(void **state)
{
    numc_context *context = *state;
    static const double values[] = {0.0, -0.0, 0.5, -0.5, 1, -1, 2, -2, 1e308, -1e308, 5e-324, 1e-310, -1e-310, INFINITY, -INFINITY, NAN};
    enum { SPECIAL = sizeof values / sizeof *values };
    double in[2 * SPECIAL * SPECIAL], out[2 * SPECIAL * SPECIAL];
    for (int i = 0; i < SPECIAL * SPECIAL; i++) {
        in[2 * i] = values[i / SPECIAL];
        in[2 * i + 1] = values[i % SPECIAL];
    }
    numc_array *z = numc_from_host(context, NUMC_COMPLEX128, NUMC_SHAPE(SPECIAL * SPECIAL), in);
    for (int f = 0; f < FUNCTIONS; f++) {
        if (functions[f].special == NULL)
            continue;
        assert_int_equal(numc_to_host(functions[f].function(z), NUMC_COMPLEX128, out, sizeof out), NUMC_OK);
        for (int i = 0; i < SPECIAL * SPECIAL; i++) {
            if (strncmp(functions[f].name, "tan", 3) == 0 && isinf(in[2 * i + (functions[f].name[3] != 'h')]))
                continue; /* tangents_of_infinities */
            double _Complex w = functions[f].special(joined(in[2 * i], in[2 * i + 1]));
            if (!as_c(out[2 * i], creal(w), isnan(cimag(w))) || !as_c(out[2 * i + 1], cimag(w), isnan(creal(w))))
                fail_msg("%s(%g, %g) = (%.17g, %.17g), C says (%.17g, %.17g)", functions[f].name, in[2 * i], in[2 * i + 1],
                         out[2 * i], out[2 * i + 1], creal(w), cimag(w));
        }
        /* one number is folded on the host: the same bits */
        for (int i = 0; i < SPECIAL * SPECIAL; i += 7) {
            numc_array *one = functions[f].function(numc_number(context, NUMC_DTYPE_DEFAULT, joined(in[2 * i], in[2 * i + 1])));
            numc_complex_number y = numc_item_complex(one);
            assert_true(as_c(y.re, out[2 * i], false) && as_c(y.im, out[2 * i + 1], false));
        }
    }
}

static void arithmetic_is_accurate(void **state)
{
    numc_context *context = *state;
    need_long_double();
    static double a[2 * POINTS], b[2 * POINTS], out[2 * POINTS];
    for (int single = 0; single < 2; single++) {
        uint64_t seed = 78;
        for (int i = 0; i < 2 * POINTS; i++) {
            a[i] = part_value(&seed, single != 0);
            b[i] = part_value(&seed, single != 0);
        }
        numc_dtype dtype = complexes[1 - single];
        numc_array *x = numc_astype(numc_from_host(context, NUMC_COMPLEX128, NUMC_SHAPE(POINTS), a), dtype);
        numc_array *y = numc_astype(numc_from_host(context, NUMC_COMPLEX128, NUMC_SHAPE(POINTS), b), dtype);
        numc_array *(*const operations[])(numc_operand, numc_operand) = {numc_add, numc_subtract, numc_multiply, numc_divide};
        for (int f = 0; f < 4; f++) {
            numc_array *z = operations[f](numc_operand_array(x), numc_operand_array(y));
            assert_int_equal(numc_to_host(z, NUMC_COMPLEX128, out, sizeof out), NUMC_OK);
            for (int i = 0; i < POINTS; i++) {
                wide p = joined_wide(a[2 * i], a[2 * i + 1]), q = joined_wide(b[2 * i], b[2 * i + 1]);
                if (f == 3 && q == 0)
                    continue;
                wide w = f == 0 ? p + q : f == 1 ? p - q : f == 2 ? p * q : p / q;
                /* products: sqrt(5) roundings (Brent et al. 2007); where a term overflows beside a smaller sum, infinity or NaN */
                double error = error_of(w, out + 2 * i, single != 0);
                long double term = cabsl(p) * cabsl(q), most = single ? 0x1p127L : 0x1p1023L;
                if (error > 4 && !(f == 2 && term > most / 2))
                    fail_msg("operation %d of (%.17g, %.17g), (%.17g, %.17g) is %g eps off", f, a[2 * i], a[2 * i + 1], b[2 * i],
                             b[2 * i + 1], error);
            }
        }
    }
    /* by 0 as NumPy: the parts over 0 */
    numc_array *zero = numc_zeros(context, NUMC_COMPLEX128, NUMC_SHAPE(2));
    double parts[4];
    numc_array *quotient = numc_divide(numc_from_host(context, NUMC_COMPLEX128, NUMC_SHAPE(2), ((const double[]){1, -2, 0, 0})), zero);
    assert_int_equal(numc_to_host(quotient, NUMC_DTYPE_DEFAULT, parts, sizeof parts), NUMC_OK);
    assert_true(parts[0] == INFINITY && parts[1] == -INFINITY && isnan(parts[2]) && isnan(parts[3]));
}

static void powers(void **state)
{
    numc_context *context = *state;
    need_long_double();
    uint64_t seed = 5;
    for (int turn = 0; turn < 300; turn++) {
        numc_scope(context)
        {
            wide z = joined_wide(4 * unit(&seed) - 2, 4 * unit(&seed) - 2), w = joined_wide(6 * unit(&seed) - 3, 6 * unit(&seed) - 3);
            int n = (int)(next_random(&seed) % 41) - 20;
            const double zs[2] = {(double)creall(z), (double)cimagl(z)}, ws[2] = {(double)creall(w), (double)cimagl(w)};
            z = joined_wide(zs[0], zs[1]);
            w = joined_wide(ws[0], ws[1]);
            numc_array *x = numc_from_host(context, NUMC_COMPLEX128, NUMC_SHAPE(2), ((const double[]){zs[0], zs[1], zs[0], zs[1]}));
            numc_array *y = numc_from_host(context, NUMC_COMPLEX128, NUMC_SHAPE(2), ((const double[]){ws[0], ws[1], ws[0], ws[1]}));
            double out[4];
            wide exact = cexpl(w * clogl(z));
            assert_int_equal(numc_to_host(numc_pow(x, y), NUMC_DTYPE_DEFAULT, out, sizeof out), NUMC_OK);
            /* w log z is rounded to a few eps of its size, which the exponential passes on */
            assert_true(error_of(exact, out, false) <= 4 + 8 * (double)cabsl(w * clogl(z)));
            exact = 1;
            for (int i = 0; i < abs(n); i++)
                exact = n < 0 ? exact / z : exact * z;
            assert_int_equal(numc_to_host(numc_pow(x, n), NUMC_DTYPE_DEFAULT, out, sizeof out), NUMC_OK);
            /* a product of |n| factors: sqrt(5) roundings of half an eps each, and the reciprocal's */
            assert_true(error_of(exact, out, false) <= 4 + 3 * abs(n));
        }
    }
    numc_complex_number y = numc_item_complex(numc_pow(numc_zeros(context, NUMC_COMPLEX128, NUMC_SCALAR), 2.5));
    assert_true(y.re == 0 && y.im == 0);
    y = numc_item_complex(numc_pow(numc_zeros(context, NUMC_COMPLEX128, NUMC_SCALAR), 0));
    assert_true(y.re == 1 && y.im == 0);
    y = numc_item_complex(numc_pow(numc_full(context, NUMC_FLOAT64, NUMC_SCALAR, -4.0), 0.5 + 0.0 * I));
    assert_true(fabs(y.re) < 1e-15 && fabs(y.im - 2) < 1e-15);
}

/* ---- reductions and sets ----------------------------------------------------------------------------------------- */

static void products_and_means(void **state)
{
    numc_context *context = *state;
    need_long_double();
    for (int64_t n = 0; n < 18; n++) {
        numc_scope(context)
        {
            double values[2 * 2 * 18], out[2 * 2 * 18];
            uint64_t seed = (uint64_t)n + 3;
            for (int64_t i = 0; i < 4 * n; i++)
                values[i] = 2 * unit(&seed) - 1;
            numc_array *x = numc_from_host(context, NUMC_COMPLEX128, NUMC_SHAPE(2, n), values);
            numc_array *running = numc_cumulative_prod(x, NUMC_AXIS(1), .include_initial = true);
            assert_shape(running, 2, (const int64_t[]){2, n + 1});
            assert_int_equal(numc_to_host(running, NUMC_DTYPE_DEFAULT, out, (size_t)(4 * (n + 1)) * sizeof *out), NUMC_OK);
            wide mean = 0, rows[2];
            for (int64_t r = 0; r < 2; r++) {
                wide product = 1;
                for (int64_t i = 0; i <= n; i++) {
                    assert_true(error_of(product, out + 2 * (r * (n + 1) + i), false) <= 2 * (double)n + 1); /* 1.2 eps per product */
                    if (i < n) {
                        wide z = joined_wide(values[2 * (r * n + i)], values[2 * (r * n + i) + 1]);
                        product *= z;
                        mean += z / (2 * n);
                    }
                }
                rows[r] = product;
            }
            assert_int_equal(numc_to_host(numc_prod(x, NUMC_AXES(-1)), NUMC_DTYPE_DEFAULT, out, 4 * sizeof *out), NUMC_OK);
            for (int r = 0; r < 2; r++)
                assert_true(error_of(rows[r], out + 2 * r, false) <= 2 * (double)n + 1);
            numc_complex_number y = numc_item_complex(numc_prod(x));
            const double all[2] = {y.re, y.im};
            assert_true(error_of(rows[0] * rows[1], all, false) <= 4 * (double)n + 1);
            y = numc_item_complex(numc_mean(x));
            if (n > 0) /* 2 n additions of terms below sqrt(2) */
                assert_true(cabsl(joined_wide(y.re, y.im) - mean) <= 2 * (double)n * 0x1p-52 * 1.5);
            else
                assert_true(isnan(y.re));
        }
    }
    numc_array *x = numbers(context, NUMC_COMPLEX64, NUMC_SHAPE(3), 1);
    numc_array *(*const refused[])(const numc_array *, const numc_reduce_options *) = {numc_var, numc_std, numc_logsumexp, numc_max, numc_min};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_null(refused[i](x, NULL));
        assert_error(context, NUMC_DTYPE, "complex64");
    }
    assert_null(numc_sum(x, .dtype = NUMC_FLOAT32));
    assert_error(context, NUMC_DTYPE, "numc_sum");
}

static void sets_of_complex_numbers(void **state)
{
    numc_context *context = *state;
    const double values[] = {1, 2, 0, 5, 1, -1, 1, 2, 0, 5, -0.0, 5, 2, 0, NAN, 0, NAN, 0};
    numc_array *x = numc_from_host(context, NUMC_COMPLEX128, NUMC_SHAPE(9), values);
    numc_unique u = numc_unique_all(x);
    assert_ok(context);
    static const double distinct[] = {0, 5, 1, -1, 1, 2, 2, 0};
    double out[12];
    assert_int_equal(numc_array_size(u.values), 6); /* with both NaN */
    assert_int_equal(numc_to_host(u.values, NUMC_DTYPE_DEFAULT, out, sizeof out), NUMC_OK);
    for (int i = 0; i < 8; i++)
        assert_true(out[i] == distinct[i]);
    int64_t whole[9];
    assert_int_equal(numc_to_host(u.counts, NUMC_INT64, whole, 6 * sizeof *whole), NUMC_OK);
    assert_true(whole[0] == 3 && whole[1] == 1 && whole[2] == 2 && whole[3] == 1 && whole[4] == 1 && whole[5] == 1);
    assert_int_equal(numc_to_host(u.indices, NUMC_INT64, whole, 6 * sizeof *whole), NUMC_OK);
    assert_true(whole[0] == 1 && whole[1] == 2 && whole[2] == 0 && whole[3] == 6);
    numc_array *again = numc_take(u.values, u.inverse_indices);
    assert_true(numc_item_bool(numc_all(numc_logical_or(numc_equal(again, x), numc_isnan(x)))));
    bool truth[9];
    numc_array *set = numc_from_host(context, NUMC_COMPLEX64, NUMC_SHAPE(3), ((const float[]){0, 5, 1, 2, NAN, 0}));
    assert_int_equal(numc_to_host(numc_isin(x, set), NUMC_BOOL, truth, sizeof truth), NUMC_OK);
    static const bool wanted[9] = {true, true, false, true, true, true, false, false, false};
    assert_memory_equal(truth, wanted, sizeof truth);
    numc_array *where[1];
    assert_int_equal(numc_nonzero(numc_subtract(x, 5.0 * I), where, 1), NUMC_OK);
    assert_int_equal(numc_array_size(where[0]), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(numbers_become_arrays), TEST(host_memory_round_trips), TEST(text_is_as_numpys), TEST(dlpack_both_ways),
        TEST(parts_take_apart_and_put_together), TEST(dtypes_are_promoted), TEST(order_and_rounding_are_refused),
        TEST(movement_moves_both_parts), TEST(equality_and_tests), TEST(products_of_matrices),
        TEST(functions_are_accurate), TEST(special_values_are_those_of_c), TEST(tangents_of_infinities),
        TEST(arithmetic_is_accurate), TEST(powers),
        TEST(products_and_means), TEST(sets_of_complex_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
