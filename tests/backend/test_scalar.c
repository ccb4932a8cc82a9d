/* test_scalar.c - ref's scalar operations at their edges: wrap-around, division by zero, shifts, extremes, conversions, and that
 * the table has a function exactly where the rules admit one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backend/device.h"

static void call(uint32_t operation, uint32_t dtype, void *result, const void *a, const void *b, const void *c)
{
    void (*function)(void *, const void *const *) = numc__ref_scalar_function(operation, dtype);
    if (function == NULL)
        print_error("%s at %s\n", numc__scalar_info(operation)->name, numc_dtype_name((numc_dtype)(dtype & 255u)));
    assert_non_null(function);
    const void *operands[4] = {a, b, c, NULL};
    function(result, operands);
}

#define BINARY(name, dtype, type)                                                                  \
    static type name(uint32_t operation, type a, type b)                                           \
    {                                                                                              \
        type result;                                                                               \
        call(operation, dtype, &result, &a, &b, NULL);                                             \
        return result;                                                                             \
    }
BINARY(i8, NUMC_INT8, int8_t)
BINARY(i16, NUMC_INT16, int16_t)
BINARY(i64, NUMC_INT64, int64_t)
BINARY(u8, NUMC_UINT8, uint8_t)
BINARY(u16, NUMC_UINT16, uint16_t)
BINARY(u64, NUMC_UINT64, uint64_t)
BINARY(f32, NUMC_FLOAT32, float)
BINARY(f64, NUMC_FLOAT64, double)

static void integers_wrap_around(void **state)
{
    (void)state;
    assert_int_equal(i8(NUMC_SCALAR_ADD, 127, 1), -128);
    assert_int_equal(i8(NUMC_SCALAR_MULTIPLY, -128, -1), -128);
    assert_int_equal(i8(NUMC_SCALAR_NEGATIVE, -128, 0), -128);
    assert_int_equal(i8(NUMC_SCALAR_ABS, -128, 0), -128);
    assert_int_equal(i8(NUMC_SCALAR_SQUARE, 100, 0), 16);
    assert_int_equal(u16(NUMC_SCALAR_MULTIPLY, 65535, 65535), 1);
    assert_int_equal(u8(NUMC_SCALAR_SUBTRACT, 3, 5), 254);
    assert_true(i64(NUMC_SCALAR_ADD, INT64_MAX, 1) == INT64_MIN);
    assert_true(u64(NUMC_SCALAR_NEGATIVE, 1, 0) == UINT64_MAX);
    assert_int_equal(i8(NUMC_SCALAR_SIGN, -7, 0), -1);
    assert_int_equal(u8(NUMC_SCALAR_BITWISE_INVERT, 0x0f, 0), 0xf0);
}

static void integer_division_floors_and_zero_gives_zero(void **state)
{
    (void)state;
    static const int8_t rows[][4] = {/* a, b, floor(a / b), remainder */
                                     {7, 2, 3, 1},   {-7, 2, -4, 1},  {7, -2, -4, -1}, {-7, -2, 3, -1},
                                     {6, -3, -2, 0}, {5, 0, 0, 0},    {-128, -1, -128, 0}, {-128, 127, -2, 126}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(i8(NUMC_SCALAR_FLOOR_DIVIDE, rows[i][0], rows[i][1]), rows[i][2]);
        assert_int_equal(i8(NUMC_SCALAR_REMAINDER, rows[i][0], rows[i][1]), rows[i][3]);
    }
    assert_true(i64(NUMC_SCALAR_FLOOR_DIVIDE, INT64_MIN, -1) == INT64_MIN);
    assert_int_equal(i64(NUMC_SCALAR_REMAINDER, INT64_MIN, -1), 0);
    assert_int_equal(u8(NUMC_SCALAR_FLOOR_DIVIDE, 200, 0), 0);
    assert_int_equal(u8(NUMC_SCALAR_REMAINDER, 200, 7), 4);
}

static void shifts_and_powers_are_defined_everywhere(void **state)
{
    (void)state;
    assert_int_equal(i16(NUMC_SCALAR_BITWISE_LEFT_SHIFT, 1, 15), INT16_MIN);
    assert_int_equal(i16(NUMC_SCALAR_BITWISE_LEFT_SHIFT, 1, 16), 0);
    assert_int_equal(i16(NUMC_SCALAR_BITWISE_LEFT_SHIFT, 1, -1), 0);
    assert_int_equal(i16(NUMC_SCALAR_BITWISE_RIGHT_SHIFT, -5, 1), -3);
    assert_int_equal(i16(NUMC_SCALAR_BITWISE_RIGHT_SHIFT, -5, 99), -1);
    assert_int_equal(i16(NUMC_SCALAR_BITWISE_RIGHT_SHIFT, 5, -1), 0);
    assert_int_equal(u64(NUMC_SCALAR_BITWISE_RIGHT_SHIFT, UINT64_MAX, 64), 0);
    assert_int_equal(i64(NUMC_SCALAR_POW, -3, 5), -243);
    assert_int_equal(i64(NUMC_SCALAR_POW, 0, 0), 1);
    assert_int_equal(i64(NUMC_SCALAR_POW, -1, -3), -1);
    assert_int_equal(i64(NUMC_SCALAR_POW, 2, -1), 0);
    assert_int_equal(i64(NUMC_SCALAR_POW, 0, -1), 0);
    assert_int_equal(u8(NUMC_SCALAR_POW, 2, 8), 0);
}

static bool same(double a, double b)
{
    return (isnan(a) && isnan(b)) || (a == b && signbit(a) == signbit(b));
}

/* The special cases of the array API standard for floor_divide and remainder. */
static void real_division_follows_the_standard(void **state)
{
    (void)state;
    static const double inf = INFINITY;
    const double rows[][4] = {
        {7.5, 2, 3, 1.5},      {-7.5, 2, -4, 0.5},    {7.5, -2, -4, -0.5},   {-7.5, -2, 3, -1.5},
        {0.0, 3, 0.0, 0.0},    {-0.0, 3, -0.0, 0.0},  {6, -3, -2, -0.0},     {1, inf, 0.0, 1},
        {-1, inf, -0.0, inf},  {1, -inf, -0.0, -inf},   {-1, -inf, 0.0, -1},   {inf, 2, inf, NAN},
        {-inf, 2, -inf, NAN},  {inf, inf, NAN, NAN},  {3, 0.0, inf, NAN},    {-3, 0.0, -inf, NAN},
        {0.0, 0.0, NAN, NAN},  {NAN, 1, NAN, NAN},    {1, NAN, NAN, NAN},    {1, 0.1, 9, 0.09999999999999995},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double quotient = f64(NUMC_SCALAR_FLOOR_DIVIDE, rows[i][0], rows[i][1]);
        double rest = f64(NUMC_SCALAR_REMAINDER, rows[i][0], rows[i][1]);
        if (!same(quotient, rows[i][2]) || !same(rest, rows[i][3]))
            print_error("%a and %a: %a, %a\n", rows[i][0], rows[i][1], quotient, rest);
        assert_true(same(quotient, rows[i][2]));
        assert_true(same(rest, rows[i][3]));
    }
}

static void extremes_signs_and_rounding(void **state)
{
    (void)state;
    assert_true(isnan(f64(NUMC_SCALAR_MAXIMUM, NAN, 1)) && isnan(f64(NUMC_SCALAR_MAXIMUM, 1, NAN)));
    assert_true(isnan(f32(NUMC_SCALAR_MINIMUM, NAN, 1)) && isnan(f32(NUMC_SCALAR_MINIMUM, 1, NAN)));
    assert_true(same(f64(NUMC_SCALAR_MAXIMUM, 0.0, -0.0), -0.0)); /* equal: the second */
    assert_true(f64(NUMC_SCALAR_MINIMUM, -INFINITY, 3) == -INFINITY);
    assert_true(isnan(f64(NUMC_SCALAR_SIGN, NAN, 0)) && f64(NUMC_SCALAR_SIGN, -3, 0) == -1);
    assert_true(same(f64(NUMC_SCALAR_SIGN, -0.0, 0), 0.0));
    assert_true(same(f64(NUMC_SCALAR_ABS, -0.0, 0), 0.0));
    assert_true(f64(NUMC_SCALAR_ROUND, 2.5, 0) == 2 && f64(NUMC_SCALAR_ROUND, 3.5, 0) == 4);
    assert_true(same(f64(NUMC_SCALAR_ROUND, -0.3, 0), -0.0));
    assert_true(f64(NUMC_SCALAR_LOGADDEXP, -INFINITY, -INFINITY) == -INFINITY);
    assert_true(f64(NUMC_SCALAR_LOGADDEXP, INFINITY, INFINITY) == INFINITY);
    assert_true(f64(NUMC_SCALAR_LOGADDEXP, INFINITY, -INFINITY) == INFINITY);
    assert_true(f64(NUMC_SCALAR_XLOGY, 0, 0) == 0 && isnan(f64(NUMC_SCALAR_XLOGY, 0, NAN)));
    assert_true(f32(NUMC_SCALAR_NEXTAFTER, 1, 2) == 1 + 0x1p-23F);
    assert_true(f64(NUMC_SCALAR_LOG1MEXP, -INFINITY, 0) == 0.0); /* log(1 - exp(x)) */
    assert_true(fabs(f64(NUMC_SCALAR_LOG1MEXP, -1, 0) - log(1 - exp(-1.0))) < 1e-15);
    double a = 1 + 0x1p-30, c = -1, fused, exact = 0x1p-29 + 0x1p-60;
    call(NUMC_SCALAR_FMA, NUMC_FLOAT64, &fused, &a, &a, &c);
    assert_true(fused == exact);
}

static void predicates_give_bool(void **state)
{
    (void)state;
    const double values[] = {0.0, -0.0, 1.0, -INFINITY, NAN};
    static const uint8_t expected[][4] = {/* isnan isinf isfinite signbit */
                                          {0, 0, 1, 0}, {0, 0, 1, 1}, {0, 0, 1, 0}, {0, 1, 0, 1}, {1, 0, 0, 0}};
    static const uint32_t operations[] = {NUMC_SCALAR_ISNAN, NUMC_SCALAR_ISINF, NUMC_SCALAR_ISFINITE, NUMC_SCALAR_SIGNBIT};
    for (size_t i = 0; i < 5; i++)
        for (size_t k = 0; k < 4; k++) {
            uint8_t got = 7;
            double value = i == 4 ? copysign(NAN, 1.0) : values[i];
            call(operations[k], NUMC_FLOAT64, &got, &value, NULL, NULL);
            assert_int_equal(got, expected[i][k]);
            float narrow = (float)value;
            call(operations[k], NUMC_FLOAT32, &got, &narrow, NULL, NULL);
            assert_int_equal(got, expected[i][k]);
        }
}

static void conversions_saturate_wrap_and_test(void **state)
{
    (void)state;
#define FROM_DOUBLE(DTYPE, type, value, expected)                                                  \
    do {                                                                                           \
        double x = (value);                                                                        \
        type got;                                                                                  \
        call(NUMC_SCALAR_CONVERT, NUMC_FLOAT64 << 8 | DTYPE, &got, &x, NULL, NULL);                \
        assert_true(got == (expected));                                                            \
    } while (0)
    FROM_DOUBLE(NUMC_INT8, int8_t, 127.9, 127);
    FROM_DOUBLE(NUMC_INT8, int8_t, 128.0, 127);
    FROM_DOUBLE(NUMC_INT8, int8_t, -128.9, -128);
    FROM_DOUBLE(NUMC_INT8, int8_t, -1e300, -128);
    FROM_DOUBLE(NUMC_UINT8, uint8_t, -0.9, 0);
    FROM_DOUBLE(NUMC_UINT8, uint8_t, 1e9, 255);
    FROM_DOUBLE(NUMC_INT32, int32_t, 2147483647.0, INT32_MAX);
    FROM_DOUBLE(NUMC_INT64, int64_t, 0x1p63, INT64_MAX);
    FROM_DOUBLE(NUMC_INT64, int64_t, -0x1p63, INT64_MIN);
    FROM_DOUBLE(NUMC_INT64, int64_t, -INFINITY, INT64_MIN);
    FROM_DOUBLE(NUMC_INT64, int64_t, NAN, 0);
    FROM_DOUBLE(NUMC_UINT64, uint64_t, 0x1p64, UINT64_MAX);
    FROM_DOUBLE(NUMC_UINT64, uint64_t, 0x1.fffffffffffffp63, 0xfffffffffffff800u);
    FROM_DOUBLE(NUMC_BOOL, uint8_t, NAN, 1);
    FROM_DOUBLE(NUMC_BOOL, uint8_t, -0.0, 0);
    FROM_DOUBLE(NUMC_FLOAT32, float, 1e300, INFINITY);
#undef FROM_DOUBLE
    int64_t wide = -1 - 256;
    uint8_t narrow;
    call(NUMC_SCALAR_CONVERT, NUMC_INT64 << 8 | NUMC_UINT8, &narrow, &wide, NULL, NULL);
    assert_int_equal(narrow, 255);
    uint64_t large = UINT64_MAX;
    float rounded;
    call(NUMC_SCALAR_CONVERT, NUMC_UINT64 << 8 | NUMC_FLOAT32, &rounded, &large, NULL, NULL);
    assert_true(rounded == 0x1p64F);
}

static void where_selects_at_every_dtype(void **state)
{
    (void)state;
    for (uint32_t dtype = NUMC_BOOL; dtype <= NUMC_FLOAT64; dtype++) {
        uint64_t a = 0x0101010101010101u, b = 0, got = 0;
        for (uint8_t condition = 0; condition < 2; condition++) {
            call(NUMC_SCALAR_WHERE, dtype, &got, &condition, &a, &b);
            assert_memory_equal(&got, condition ? &a : &b, numc_dtype_size((numc_dtype)dtype));
        }
    }
}

/* ref has a function for an operation and dtype exactly when the rules admit the dtype (complex dtypes are expanded before). */
static void table_and_rules_agree(void **state)
{
    (void)state;
    size_t count = 0;
    for (uint32_t operation = 0; operation < NUMC_SCALAR_LIMIT + 2; operation++)
        for (uint32_t dtype = 0; dtype <= NUMC_FLOAT64; dtype++) {
            uint32_t asked = operation == NUMC_SCALAR_CONVERT ? dtype << 8 | NUMC_INT8 : dtype;
            bool has = numc__ref_scalar_function(operation, asked) != NULL;
            bool admits = numc__scalar_admits(operation, (numc_dtype)dtype);
            if (has != admits)
                print_error("%s at %s: %d %d\n", numc__scalar_info(operation)->name, numc_dtype_name((numc_dtype)dtype), has,
                            admits);
            assert_int_equal(has, admits);
            count += has;
        }
    assert_true(count > 350);
    assert_int_equal(numc__scalar_info(9999)->arity, 0);
    assert_string_equal(numc__scalar_info(NUMC_SCALAR_LOGADDEXP)->name, "logaddexp");
    assert_int_equal(numc__scalar_info(NUMC_SCALAR_RANDOM_BINOMIAL)->arity, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_wrap_around),
        cmocka_unit_test(integer_division_floors_and_zero_gives_zero),
        cmocka_unit_test(shifts_and_powers_are_defined_everywhere),
        cmocka_unit_test(real_division_follows_the_standard),
        cmocka_unit_test(extremes_signs_and_rounding),
        cmocka_unit_test(predicates_give_bool),
        cmocka_unit_test(conversions_saturate_wrap_and_test),
        cmocka_unit_test(where_selects_at_every_dtype),
        cmocka_unit_test(table_and_rules_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
