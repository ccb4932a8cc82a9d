/* Special functions of arrays against the mpmath tables of tests/kernel, compositions against definitions, dtypes and shapes.
 * Limits are those numc/special.h states: 4 units in the last place (or 1e-15 near zeros); betaln 8 or 4e-15 absolute; 100 units
 * for the incomplete functions, which is 50 eps where a unit is half of eps. */
#include "../array/fixture.h"
#include "../kernel/reference_tables.h"
#include "numc/special.h"

static double unit_of(double y)
{
    double a = fabs(y);
    return a < 0x1p-1022 ? 0x1p-1074 : nextafter(a, INFINITY) - a;
}

/* Column `column` of `count` rows of `width` numbers, times `factor`. */
static numc_array *column_of(numc_context *context, const double *rows, size_t count, size_t width, size_t column, double factor)
{
    double *values = malloc(count * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = factor * rows[i * width + column];
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE((int64_t)count), values);
    free(values);
    return x;
}

static void compare(const char *name, numc_array *y, const double *rows, size_t count, size_t width, double units, double floor)
{
    if (y == NULL)
        fail_msg("%s gave nothing", name);
    double *got = values_of(y);
    for (size_t i = 0; i < count; i++) {
        const double *row = rows + i * width;
        double want = row[width - 2], error = fabs((got[i] - want) - row[width - 1]);
        if (got[i] != want && !(error <= floor || error <= units * unit_of(want)))
            fail_msg("%s at %.17g: %.17g, expected %.17g", name, row[0], got[i], want);
    }
    free(got);
}

#define ROWS(table) &table[0][0], sizeof table / sizeof *table, sizeof *table / sizeof **table
#define ARGUMENT(table, i) column_of(context, ROWS(table), i, 1.0)

static void test_one_argument(void **state)
{
    numc_context *context = *state;
#define CHECK(name, table, factor, units, floor)                                                   \
    compare(#name, numc_special_##name(column_of(context, ROWS(table), 0, factor)), ROWS(table), units, floor)
    CHECK(gammaln, table_lgamma, 1, 4, 0);
    CHECK(digamma, table_digamma, 1, 4, 1e-15);
    CHECK(trigamma, table_trigamma, 1, 8, 0);
    CHECK(erf, table_erf, 1, 4, 0);
    CHECK(erfc, table_erfc, 1, 4, 0);
    CHECK(erfinv, table_erfinv, 1, 4, 0);
    CHECK(ndtr, table_ndtr, 1, 4, 0);
    CHECK(log_ndtr, table_log_ndtr, 1, 4, 0);
    CHECK(ndtri, table_ndtri, 1, 4, 0);
    CHECK(expit, table_expit, 1, 4, 0);
    CHECK(logit, table_logit, 1, 4, 0);
    CHECK(softplus, table_softplus, 1, 4, 0);
    CHECK(log_expit, table_log_expit, 1, 4, 0);
    CHECK(log1mexp, table_log1mexp, -1, 4, 0); /* the table is of log(1 - exp(-x)) */
}

static void test_two_and_three_arguments(void **state)
{
    numc_context *context = *state;
#define CHECK_2(name, table, units, floor)                                                         \
    compare(#name, numc_special_##name(ARGUMENT(table, 0), ARGUMENT(table, 1)), ROWS(table), units, floor)
    CHECK_2(xlogy, table_xlogy, 4, 0);
    CHECK_2(xlog1py, table_xlog1py, 4, 0);
    CHECK_2(betaln, table_betaln, 8, 4e-15);
    CHECK_2(gammainc, table_gammainc, 100, 0);
    CHECK_2(gammaincc, table_gammaincc, 100, 0);
    compare("betainc", numc_special_betainc(ARGUMENT(table_betainc, 0), ARGUMENT(table_betainc, 1), ARGUMENT(table_betainc, 2)),
            ROWS(table_betainc), 100, 0);
}

/* P(a, x) = p and I_x(a, b) = p within what a last-place change of x makes of p: 100 units of p and x together. */
static void test_inverses(void **state)
{
    numc_context *context = *state;
    const double p_values[] = {1e-12, 1e-3, 0.2, 0.5, 0.9, 0.999};
    const double shapes[] = {0.3, 1, 7.5, 400};
    numc_array *p = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(6), p_values);
    numc_array *a = numc_reshape(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(4), shapes), NUMC_SHAPE(4, 1));
    numc_array *gamma_error = numc_subtract(numc_divide(numc_special_gammainc(a, numc_special_gammaincinv(a, p)), p), 1);
    numc_array *upper_error = numc_subtract(numc_divide(numc_special_gammaincc(a, numc_special_gammainccinv(a, p)), p), 1);
    numc_array *x = numc_special_betaincinv(a, 2.5, p);
    numc_array *beta_error = numc_subtract(numc_divide(numc_special_betainc(a, 2.5, x), p), 1);
    assert_shape(gamma_error, 2, (const int64_t[]){4, 6});
    assert_shape(beta_error, 2, (const int64_t[]){4, 6});
    /* d log p / d log x <= max(shape) = 400, so a unit of x is 400 eps of p */
    assert_true(numc_item(numc_max(numc_abs(gamma_error))) < 1000 * 0x1p-52);
    assert_true(numc_item(numc_max(numc_abs(upper_error))) < 1000 * 0x1p-52);
    assert_true(numc_item(numc_max(numc_abs(beta_error))) < 1000 * 0x1p-52);
}

static void test_polygamma(void **state)
{
    numc_context *context = *state;
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2), ((double[]){1, 2.5}));
    /* psi''(1) = -2 zeta(3); psi''(5/2) by the recurrence from -14 zeta(3) at 1/2: + 2/(1/2)^3 + 2/(3/2)^3 */
    const double zeta3 = 1.2020569031595942;
    const double expected[] = {-2 * zeta3, -14 * zeta3 + 16 + 16.0 / 27};
    assert_values_within(numc_special_polygamma(2, x), expected, 2, 1e-15, "polygamma(2, .)");
    numc_array *zeroth = numc_special_polygamma(0, x), *first = numc_special_polygamma(1, x);
    assert_true(numc_item_bool(numc_all(numc_equal(zeroth, numc_special_digamma(x)))));
    assert_true(numc_item_bool(numc_all(numc_equal(first, numc_special_trigamma(x)))));
    assert_null(numc_special_polygamma(-1, x));
    assert_error(context, NUMC_VALUE, "order -1");
}

/* Gamma_2(a) = sqrt(pi) Gamma(a) Gamma(a - 1/2); values: lgamma of 3 and 5/2 in closed form. */
static void test_multigammaln(void **state)
{
    numc_context *context = *state;
    numc_array *a = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(1), ((double[]){3}));
    const double pi = 3.141592653589793;
    const double expected[] = {0.5 * log(pi) + log(2.0) + log(0.75 * sqrt(pi))};
    assert_values_within(numc_special_multigammaln(a, 2), expected, 1, 4e-16, "multigammaln");
    assert_null(numc_special_multigammaln(a, 0));
    assert_error(context, NUMC_VALUE, "dimension 0");
}

static void test_softmax(void **state)
{
    numc_context *context = *state;
    const double rows[] = {1000, 1001, 1002, -INFINITY, 0, 0};
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3), rows);
    const double sum = exp(-2.0) + exp(-1.0) + 1;
    const double softmax[] = {exp(-2.0) / sum, exp(-1.0) / sum, 1 / sum, 0, 0.5, 0.5};
    const double logs[] = {-2 - log(sum), -1 - log(sum), -log(sum), -INFINITY, -log(2.0), -log(2.0)};
    assert_values_within(numc_special_softmax(x, -1), softmax, 6, 4e-16, "softmax");
    assert_values_within(numc_special_log_softmax(x, 1), logs, 6, 4e-16, "log_softmax");
    /* along the other axis, whole numbers */
    numc_array *n = counting(context, NUMC_INT64, NUMC_SHAPE(2, 2));
    const double half = 1 / (1 + exp(-2.0));
    const double columns[] = {1 - half, 1 - half, half, half};
    assert_values_within(numc_special_softmax(n, 0), columns, 4, 4e-16, "softmax of int64");
}

/* float32 is computed in float64 and rounded once: exactly the rounded float64 result on ref. */
static void test_float32_and_integers(void **state)
{
    numc_context *context = *state;
    const float values[] = {0.3f, 1.7f, 25.5f};
    numc_array *single = numc_from_host(context, NUMC_FLOAT32, NUMC_SHAPE(3), values);
    numc_array *wide = numc_astype(single, NUMC_FLOAT64);
    numc_array *y = numc_special_gammaln(single);
    assert_int_equal(numc_array_dtype(y), NUMC_FLOAT32);
    assert_true(numc_item_bool(numc_all(numc_equal(y, numc_astype(numc_special_gammaln(wide), NUMC_FLOAT32)))));
    numc_array *z = numc_special_betainc(single, 2, numc_divide(single, 30));
    assert_int_equal(numc_array_dtype(z), NUMC_FLOAT32);
    numc_array *n = numc_special_gammaln(counting(context, NUMC_INT32, NUMC_SHAPE(5)));
    assert_int_equal(numc_array_dtype(n), NUMC_FLOAT64);
    const double factorials[] = {INFINITY, 0, 0, log(2.0), log(6.0)};
    assert_values_within(n, factorials, 5, 4e-16, "gammaln of int32");
}

static void test_broadcasting_and_errors(void **state)
{
    numc_context *context = *state;
    numc_array *a = numc_reshape(numc_arange(context, NUMC_FLOAT64, 1, 3, 1), NUMC_SHAPE(2, 1));
    numc_array *b = numc_arange(context, NUMC_FLOAT64, 0, 3, 1);
    assert_shape(numc_special_xlogy(a, b), 2, (const int64_t[]){2, 3});
    assert_shape(numc_special_betainc(a, b, 0.5), 2, (const int64_t[]){2, 3});
    assert_values(numc_special_xlogy(0.0, b), 0, 0, 0);
    assert_null(numc_special_betaln(numc_arange(context, NUMC_FLOAT64, 0, 2, 1), b));
    assert_int_equal(numc_error_status(context), NUMC_SHAPE);
    assert_null(numc_special_erf(a)); /* an error is pending */
    numc_error_clear(context);
    assert_null(numc_special_erf(NULL));
    assert_int_equal(numc_error_status(context), NUMC_OK); /* no lane to tell it to */
}

static void test_names_in_errors(void **state)
{
    numc_context *context = *state;
    numc_array *x = numc_number(context, NUMC_FLOAT64, 2.5), *empty = numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(0));
#define SAYS(status, text, call)                                                                   \
    do {                                                                                           \
        assert_null(call);                                                                         \
        assert_error(context, status, text);                                                       \
    } while (0)
    SAYS(NUMC_VALUE, "numc_special_polygamma: the order 200", numc_special_polygamma(200, x));
    SAYS(NUMC_VALUE, "numc_special_multigammaln: the dimension 0", numc_special_multigammaln(x, 0));
    SAYS(NUMC_VALUE, "numc_special_multigammaln: the dimension", numc_special_multigammaln(x, INT64_MAX));
    SAYS(NUMC_INDEX, "numc_special_softmax: axis 0", numc_special_softmax(x, 0));
    SAYS(NUMC_INDEX, "numc_special_log_softmax: axis 3", numc_special_log_softmax(empty, 3));
    SAYS(NUMC_VALUE, "numc_special_softmax: axis 0 of float64[0] is empty", numc_special_softmax(empty, 0));
    SAYS(NUMC_SHAPE, "numc_special_betaln", numc_special_betaln(numc_zeros(context, 0, NUMC_SHAPE(2)), numc_zeros(context, 0, NUMC_SHAPE(3))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_argument),
        TEST(test_two_and_three_arguments),
        TEST(test_inverses),
        TEST(test_polygamma),
        TEST(test_multigammaln),
        TEST(test_softmax),
        TEST(test_float32_and_integers),
        TEST(test_broadcasting_and_errors),
        TEST(test_names_in_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
