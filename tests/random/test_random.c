/* Keys and samplers on arrays: known answers, the independence of a draw from its neighbours, draws against their
 * distribution functions.
 *
 * Statistical tests use fixed keys, so they give one answer for all time. A right sampler exceeds each limit with probability
 * 1e-6 (Kolmogorov-Smirnov: sqrt(n) D > 2.70, since 2 exp(-2 2.70^2) = 9e-7; moments: |z| > 4.9); about 30 are made, so the
 * chance that this choice of keys would have failed a right library is below 1e-4. */
#include "../array/fixture.h"
#include "numc/function.h"
#include "numc/random.h"
#include "numc/special.h"

#define DRAWS 20000
#define KS_LIMIT 2.70

static void test_key_split_fold_in(void **state)
{
    numc_context *context = *state;
    /* Printed by JAX with threefry_partitionable on, in public programs and their tests. */
    assert_values(numc_random_key(context, UINT64_C(0x123456789abcdef0)), 0x12345678, 0x9abcdef0);
    assert_values(numc_random_split(numc_random_key(context, 0), 3), 1797259609, 2579123966, 928981903, 3453687069, 4146024105,
                  2718843009);
    assert_values(numc_random_split(numc_random_key(context, 42), 2), 1832780943, 270669613, 64467757, 2916123636);
    assert_values(numc_random_fold_in(numc_random_key(context, 42), 2), 2465931498, 255383827);
    assert_values(numc_random_fold_in(numc_random_key(context, 1), 1), 1948878966, 4237131848);
}

static void test_bits(void **state)
{
    numc_context *context = *state;
    numc_array *key = numc_random_key(context, 7);
    /* the words of split are the words of the 64-bit blocks, and 32 bits are their exclusive or */
    double *words = values_of(numc_random_split(key, 5));
    uint64_t blocks[5];
    uint32_t halves[5];
    uint8_t bytes[5];
    assert_int_equal(numc_to_host(numc_random_bits(key, NUMC_UINT64, NUMC_SHAPE(5)), NUMC_UINT64, blocks, sizeof blocks), NUMC_OK);
    assert_int_equal(numc_to_host(numc_random_bits(key, NUMC_UINT32, NUMC_SHAPE(5, 1)), NUMC_UINT32, halves, sizeof halves), NUMC_OK);
    assert_int_equal(numc_to_host(numc_random_bits(key, NUMC_UINT8, NUMC_SHAPE(5)), NUMC_UINT8, bytes, sizeof bytes), NUMC_OK);
    for (int i = 0; i < 5; i++) {
        uint32_t first = (uint32_t)words[2 * i], second = (uint32_t)words[2 * i + 1];
        assert_true(blocks[i] == ((uint64_t)first << 32 | second));
        assert_int_equal(halves[i], first ^ second);
        assert_int_equal(bytes[i], (first ^ second) & 0xff);
    }
    free(words);
}

/* jax.random.uniform(key(0), (4,)) and jax.random.normal(key(0), (16,)) in float32, as printed in public programs. */
static void test_published_float32(void **state)
{
    numc_context *context = *state;
    numc_array *key = numc_random_key(context, 0);
    static const float uniform[] = {0.9476670027f, 0.9785798788f, 0.3322914839f, 0.4686684608f};
    static const float normal[] = {1.6226422f,   2.0252647f,  -0.43359444f, -0.07861735f, 0.1760909f,  -0.97208923f,
                                   -0.49529874f, 0.4943786f,  0.6643493f,   -0.9501635f,  2.1795304f,  -1.9551506f,
                                   0.35857072f,  0.15779513f, 1.2770847f,   1.5104648f};
    double *u = values_of(numc_random_uniform(key, NUMC_FLOAT32, NUMC_SHAPE(4), 0, 1));
    double *z = values_of(numc_random_normal(key, NUMC_FLOAT32, NUMC_SHAPE(16)));
    for (int i = 0; i < 4; i++)
        assert_true((float)u[i] == uniform[i]);
    for (int i = 0; i < 16; i++) /* JAX evaluates erfinv by a float32 polynomial: a few units in its last place */
        assert_true(fabs(z[i] - (double)normal[i]) <= 4e-7 * (1 + fabs((double)normal[i])));
    free(u);
    free(z);
}

/* X(name, draw of `n` elements with key): each for independence of shape, and its distribution function where it has one. */
static numc_array *beta_draw(numc_array *key, numc_shape shape)
{
    return numc_random_beta(key, 0.4, 2.5, NUMC_DTYPE_DEFAULT, shape);
}
static double uniform_cdf(double x) { return (x + 2) / 5; }
static double normal_cdf(double x) { return 0.5 * erfc(-x / sqrt(2.0)); }
static double exponential_cdf(double x) { return -expm1(-x); }
static double cauchy_cdf(double x) { return 0.5 + atan(x) / 3.141592653589793; }
static double laplace_cdf(double x) { return x < 0 ? 0.5 * exp(x) : 1 - 0.5 * exp(-x); }
static double logistic_cdf(double x) { return 1 / (1 + exp(-x)); }
static double gumbel_cdf(double x) { return exp(-exp(-x)); }
/* Gamma(2): 1 - (1 + x) exp(-x) */
static double gamma_cdf(double x) { return 1 - (1 + x) * exp(-x); }
static double loggamma_cdf(double x) { return gamma_cdf(exp(x)); }
/* Student's t with 2 degrees of freedom */
static double student_cdf(double x) { return 0.5 + x / (2 * sqrt(2 + x * x)); }

#define CONTINUOUS(X)                                                                              \
    X(uniform, numc_random_uniform(key, NUMC_DTYPE_DEFAULT, shape, -2, 3))                         \
    X(normal, numc_random_normal(key, NUMC_DTYPE_DEFAULT, shape))                                  \
    X(exponential, numc_random_exponential(key, NUMC_DTYPE_DEFAULT, shape))                        \
    X(cauchy, numc_random_cauchy(key, NUMC_DTYPE_DEFAULT, shape))                                  \
    X(laplace, numc_random_laplace(key, NUMC_DTYPE_DEFAULT, shape))                                \
    X(logistic, numc_random_logistic(key, NUMC_DTYPE_DEFAULT, shape))                              \
    X(gumbel, numc_random_gumbel(key, NUMC_DTYPE_DEFAULT, shape))                                  \
    X(gamma, numc_random_gamma(key, 2, NUMC_DTYPE_DEFAULT, shape))                                 \
    X(loggamma, numc_random_loggamma(key, 2, NUMC_DTYPE_DEFAULT, shape))                           \
    X(student, numc_random_student_t(key, 2, NUMC_DTYPE_DEFAULT, shape))
#define OTHERS(X)                                                                                  \
    X(beta, beta_draw(key, shape))                                                                 \
    X(float32, numc_random_normal(key, NUMC_FLOAT32, shape))                                       \
    X(float32_uniform, numc_random_uniform(key, NUMC_FLOAT32, shape, -1, 1))                       \
    X(bits, numc_random_bits(key, NUMC_UINT16, shape))                                             \
    X(randint, numc_random_randint(key, NUMC_INT32, shape, -3, 11))                                \
    X(bernoulli, numc_random_bernoulli(key, 0.3, shape))                                           \
    X(poisson, numc_random_poisson(key, 12.5, NUMC_DTYPE_DEFAULT, shape))                          \
    X(binomial, numc_random_binomial(key, 50, 0.3, NUMC_DTYPE_DEFAULT, shape))

typedef numc_array *draw_fn(numc_array *key, numc_shape shape);
#define DEFINE(name, formula)                                                                      \
    static numc_array *draw_##name(numc_array *key, numc_shape shape)                              \
    {                                                                                              \
        return formula;                                                                            \
    }
CONTINUOUS(DEFINE)
OTHERS(DEFINE)
static const struct draw_case {
    const char *name;
    draw_fn *draw;
    double (*cdf)(double);
} cases[] = {
#define WITH_CDF(name, formula) {#name, draw_##name, name##_cdf},
#define WITHOUT_CDF(name, formula) {#name, draw_##name, NULL},
    CONTINUOUS(WITH_CDF) OTHERS(WITHOUT_CDF)};
#define CASES (sizeof cases / sizeof *cases)

/* Element i depends on the key and i alone: the first elements of a longer draw, and of a draw of another shape, are the same. */
static void test_elements_stand_alone(void **state)
{
    numc_context *context = *state;
    for (size_t c = 0; c < CASES; c++) {
        numc_scope(context) {
            numc_array *key = numc_random_key(context, 5);
            double *short_draw = values_of(cases[c].draw(key, NUMC_SHAPE(6)));
            double *long_draw = values_of(cases[c].draw(key, NUMC_SHAPE(100)));
            double *square = values_of(cases[c].draw(key, NUMC_SHAPE(2, 3)));
            double *other = values_of(cases[c].draw(numc_random_key(context, 6), NUMC_SHAPE(100)));
            if (memcmp(short_draw, long_draw, 6 * sizeof(double)) != 0 || memcmp(short_draw, square, 6 * sizeof(double)) != 0)
                fail_msg("%s depends on the shape", cases[c].name);
            if (memcmp(long_draw, other, 100 * sizeof(double)) == 0)
                fail_msg("%s does not depend on the key", cases[c].name);
            free(short_draw), free(long_draw), free(square), free(other);
            assert_non_null(cases[c].draw(key, NUMC_SHAPE(0, 3)));
            assert_int_equal(numc_array_rank(cases[c].draw(key, NUMC_SCALAR)), 0);
        }
        assert_ok(context);
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void test_distributions(void **state)
{
    numc_context *context = *state;
    for (size_t c = 0; c < CASES; c++) {
        if (cases[c].cdf == NULL)
            continue;
        numc_scope(context) {
            double *x = values_of(cases[c].draw(numc_random_key(context, 100 + c), NUMC_SHAPE(DRAWS)));
            qsort(x, DRAWS, sizeof *x, ascending);
            double most = 0;
            for (int i = 0; i < DRAWS; i++) {
                double p = cases[c].cdf(x[i]);
                most = fmax(most, fmax(p - (double)i / DRAWS, (double)(i + 1) / DRAWS - p));
            }
            if (!(sqrt((double)DRAWS) * most < KS_LIMIT))
                fail_msg("%s: sqrt(n) D = %g", cases[c].name, sqrt((double)DRAWS) * most);
            free(x);
        }
    }
}

/* |mean - m| < 4.9 sqrt(v / n), and the same for the mean of (x - m)^2 with fourth central moment f. */
static void check_moments(const char *name, numc_array *draws, double m, double v, double f)
{
    double *x = values_of(draws);
    int64_t n = numc_array_size(draws);
    double mean = 0, square = 0;
    for (int64_t i = 0; i < n; i++) {
        mean += x[i] / (double)n;
        square += (x[i] - m) * (x[i] - m) / (double)n;
    }
    free(x);
    if (!(fabs(mean - m) < 4.9 * sqrt(v / (double)n)))
        fail_msg("%s: mean %g, expected %g", name, mean, m);
    if (!(fabs(square - v) < 4.9 * sqrt((f - v * v) / (double)n)))
        fail_msg("%s: variance %g, expected %g", name, square, v);
}

static void test_moments(void **state)
{
    numc_context *context = *state;
    numc_shape shape = NUMC_SHAPE(DRAWS);
    /* fourth central moments: Bernoulli v(1-3v); Poisson r + 3r^2; binomial v(1+3(n-2)pq); beta from its kurtosis */
    check_moments("bernoulli", numc_random_bernoulli(numc_random_key(context, 1), 0.3, shape), 0.3, 0.21, 0.21 * (1 - 3 * 0.21));
    check_moments("poisson 12.5", numc_random_poisson(numc_random_key(context, 2), 12.5, NUMC_FLOAT64, shape), 12.5, 12.5,
                  12.5 + 3 * 12.5 * 12.5);
    check_moments("poisson 0.7", numc_random_poisson(numc_random_key(context, 3), 0.7, NUMC_FLOAT64, shape), 0.7, 0.7,
                  0.7 + 3 * 0.49);
    check_moments("binomial", numc_random_binomial(numc_random_key(context, 4), 50, 0.3, NUMC_FLOAT64, shape), 15, 10.5,
                  10.5 * (1 + 3 * 48 * 0.21));
    double a = 0.4, b = 2.5, s = a + b, v = a * b / (s * s * (s + 1));
    double excess = 6 * ((a - b) * (a - b) * (s + 1) - a * b * (s + 2)) / (a * b * (s + 2) * (s + 3));
    check_moments("beta", beta_draw(numc_random_key(context, 5), shape), a / s, v, (excess + 3) * v * v);
    /* whole numbers -3..10: variance (14^2-1)/12, fourth moment (14^2-1)(3 14^2-7)/240 */
    check_moments("randint", numc_random_randint(numc_random_key(context, 6), NUMC_INT32, shape, -3, 11), 3.5, 195.0 / 12,
                  195.0 * (3 * 196 - 7) / 240);
}

static void test_dirichlet_and_categorical(void **state)
{
    numc_context *context = *state;
    const double concentration[] = {0.01, 0.5, 2};
    numc_array *a = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), concentration);
    numc_array *x = numc_random_dirichlet(numc_random_key(context, 8), a, NUMC_DTYPE_DEFAULT, NUMC_SHAPE(DRAWS));
    assert_shape(x, 2, (const int64_t[]){DRAWS, 3});
    numc_array *sums = numc_sum(x, NUMC_AXES(-1));
    assert_true(numc_item(numc_max(numc_abs(numc_subtract(sums, 1)))) < 4 * 0x1p-52);
    double *mean = values_of(numc_mean(x, NUMC_AXES(0)));
    for (int k = 0; k < 3; k++) {
        double m = concentration[k] / 2.51, v = m * (1 - m) / 3.51;
        assert_true(fabs(mean[k] - m) < 4.9 * sqrt(v / DRAWS));
    }
    free(mean);

    const double weights[] = {1, 2, 0, 5};
    numc_array *logits = numc_log(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(4), weights));
    numc_array *y = numc_random_categorical(numc_random_key(context, 9), logits, NUMC_SHAPE(DRAWS));
    assert_int_equal(numc_array_dtype(y), NUMC_INT64);
    for (int k = 0; k < 4; k++) {
        double p = weights[k] / 8, got = numc_item(numc_count_nonzero(numc_equal(y, k))) / DRAWS;
        if (p == 0)
            assert_true(got == 0);
        else
            assert_true(fabs(got - p) < 4.9 * sqrt(p * (1 - p) / DRAWS));
    }
}

static void test_randint_ranges(void **state)
{
    numc_context *context = *state;
    numc_array *key = numc_random_key(context, 12);
    static const struct { numc_dtype dtype; int64_t low, high; } ranges[] = {
        {NUMC_INT64, INT64_MIN, INT64_MAX}, {NUMC_UINT32, 0, INT64_C(1) << 32}, {NUMC_INT32, INT32_MIN, (int64_t)INT32_MAX + 1},
        {NUMC_INT64, -1, 1}, {NUMC_UINT64, 5, 6}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        numc_array *x = numc_random_randint(key, ranges[i].dtype, NUMC_SHAPE(1000), ranges[i].low, ranges[i].high);
        assert_ok(context);
        assert_int_equal(numc_array_dtype(x), ranges[i].dtype);
        double least = numc_item(numc_min(numc_astype(x, NUMC_FLOAT64))), most = numc_item(numc_max(numc_astype(x, NUMC_FLOAT64)));
        double width = (double)ranges[i].high - (double)ranges[i].low;
        assert_true(least >= (double)ranges[i].low && most <= (double)ranges[i].high - (width < 1e15));
        /* 1000 uniform draws leave the outer 2% of either side empty with probability 0.98^1000 = 2e-9 */
        assert_true(least <= (double)ranges[i].low + 0.02 * width && most >= (double)ranges[i].high - 1 - 0.02 * width);
    }
    assert_null(numc_random_randint(key, NUMC_INT32, NUMC_SHAPE(1), 4, 4));
    assert_error(context, NUMC_VALUE, "[4, 4)");
    assert_null(numc_random_randint(key, NUMC_UINT32, NUMC_SHAPE(1), -1, 4));
    assert_error(context, NUMC_VALUE, "uint32");
}

static void test_parameters_broadcast(void **state)
{
    numc_context *context = *state;
    numc_array *key = numc_random_key(context, 3);
    numc_array *rate = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), ((double[]){0, 1, INFINITY}));
    double *x = values_of(numc_random_poisson(key, rate, NUMC_DTYPE_DEFAULT, NUMC_SHAPE(2, 3)));
    assert_true(x[0] == 0 && x[3] == 0 && x[2] == INFINITY && x[5] == INFINITY);
    free(x);
    assert_null(numc_random_gamma(key, rate, NUMC_DTYPE_DEFAULT, NUMC_SHAPE(2)));
    assert_int_equal(numc_error_status(context), NUMC_SHAPE);
    numc_error_clear(context);
    assert_null(numc_random_normal(key, NUMC_INT32, NUMC_SHAPE(2)));
    assert_error(context, NUMC_DTYPE, "int32");
    assert_null(numc_random_normal(rate, NUMC_FLOAT64, NUMC_SHAPE(2)));
    assert_error(context, NUMC_INVALID_ARGUMENT, "float64[3]");
    assert_null(numc_random_normal(key, NUMC_FLOAT64, NUMC_SHAPE(2, -1)));
    assert_error(context, NUMC_SHAPE, "-1");
}

/* All samplers in one trace: the traced key gives the draws of the concrete one. */
static void draw_all(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                     int32_t output_count, void *user)
{
    (void)context, (void)input_count, (void)user;
    for (int32_t i = 0; i < output_count; i++)
        outputs[i] = cases[i].draw((numc_array *)(uintptr_t)inputs[0], NUMC_SHAPE(4));
}

static void test_traced(void **state)
{
    numc_context *context = *state;
    const numc_array *key = numc_random_key(context, 21);
    numc_array *outputs[CASES];
    numc_function *function = numc_function_trace(context, draw_all, NULL, &key, 1, (int32_t)CASES);
    assert_ok(context);
    assert_int_equal(numc_function_call(context, function, &key, 1, outputs, (int32_t)CASES), NUMC_OK);
    for (size_t c = 0; c < CASES; c++) {
        double *traced = values_of(outputs[c]);
        double *direct = values_of(cases[c].draw((numc_array *)(uintptr_t)key, NUMC_SHAPE(4)));
        if (memcmp(traced, direct, 4 * sizeof *traced) != 0)
            fail_msg("%s differs in a trace", cases[c].name);
        free(traced), free(direct);
    }
    numc_function_free(function);
}

/* Parameters whose values are known are held to their domain; a traced one gives NaN. */
static void bad_draws(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                      int32_t output_count, void *user)
{
    (void)input_count;
    (void)output_count;
    (void)user;
    numc_array *key = numc_random_key(context, 1);
    outputs[0] = numc_random_binomial(key, 10, inputs[0], NUMC_FLOAT64, NUMC_SHAPE(2));
    outputs[1] = numc_random_bernoulli(key, inputs[0], NUMC_SHAPE(2));
    outputs[2] = numc_random_uniform(key, NUMC_FLOAT64, NUMC_SHAPE(2), inputs[0], 1);
    outputs[3] = numc_random_categorical(key, numc_multiply(numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(3)), inputs[0]), NUMC_SHAPE(2));
}

static void test_bad_parameters(void **state)
{
    numc_context *context = *state;
    numc_array *key = numc_random_key(context, 1), *s = numc_number(context, NUMC_FLOAT64, 2.5);
    const double some[] = {0.25, (double)NAN, 0.5, 2, 0, 1};
    numc_array *with_nan = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2), some);
    numc_array *beyond = numc_astype(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2), some + 2), NUMC_FLOAT32);
    numc_array *good = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2), some + 4);
    const numc_shape two = NUMC_SHAPE(2);
#define REFUSED(status, text, call)                                                                \
    do {                                                                                           \
        const numc_array *refused_ = call;                                                         \
        assert_null(refused_);                                                                     \
        assert_error(context, status, text);                                                       \
    } while (0)
    REFUSED(NUMC_VALUE, "numc_random_bernoulli: the probability must be in [0, 1], not 2", numc_random_bernoulli(key, 2.0, two));
    REFUSED(NUMC_VALUE, "numc_random_bernoulli", numc_random_bernoulli(key, (double)NAN, two));
    REFUSED(NUMC_VALUE, "numc_random_bernoulli", numc_random_bernoulli(key, with_nan, two));
    REFUSED(NUMC_VALUE, "numc_random_bernoulli", numc_random_bernoulli(key, beyond, two));
    REFUSED(NUMC_VALUE, "numc_random_uniform: low must not exceed high", numc_random_uniform(key, 0, two, 2, 1));
    REFUSED(NUMC_VALUE, "numc_random_uniform: low must not exceed high", numc_random_uniform(key, 0, two, good, 0.5));
    REFUSED(NUMC_VALUE, "numc_random_uniform: low must be finite", numc_random_uniform(key, 0, two, (double)NAN, 1));
    REFUSED(NUMC_VALUE, "numc_random_uniform: high must be finite", numc_random_uniform(key, 0, two, 0, (double)INFINITY));
    REFUSED(NUMC_VALUE, "numc_random_uniform: high must be finite",
            numc_random_uniform(key, 0, two, 0, numc_divide(beyond, 0)));
    REFUSED(NUMC_VALUE, "numc_random_binomial: the trials", numc_random_binomial(key, -1, 0.5, 0, two));
    REFUSED(NUMC_VALUE, "numc_random_binomial: the trials", numc_random_binomial(key, 2.5, 0.5, 0, two));
    REFUSED(NUMC_VALUE, "numc_random_binomial: the trials", numc_random_binomial(key, 1e18, 0.5, 0, two));
    REFUSED(NUMC_VALUE, "numc_random_binomial: the trials", numc_random_binomial(key, s, 0.5, 0, two));
    REFUSED(NUMC_VALUE, "numc_random_binomial: the probability", numc_random_binomial(key, 10, 1.5, 0, two));
    const double infinity = (double)INFINITY;
    REFUSED(NUMC_VALUE, "numc_random_categorical", numc_random_categorical(key, numc_full(context, 0, NUMC_SHAPE(3), -infinity), two));
    REFUSED(NUMC_VALUE, "numc_random_categorical", numc_random_categorical(key, numc_full(context, 0, NUMC_SHAPE(3), (double)NAN), two));
    REFUSED(NUMC_VALUE, "numc_random_categorical", numc_random_categorical(key, numc_zeros(context, 0, NUMC_SHAPE(0)), two));
    REFUSED(NUMC_VALUE, "numc_random_dirichlet", numc_random_dirichlet(key, numc_zeros(context, 0, NUMC_SHAPE(0)), 0, two));
    REFUSED(NUMC_SHAPE, "numc_random_uniform: a parameter of shape [3]",
            numc_random_uniform(key, 0, two, numc_zeros(context, 0, NUMC_SHAPE(3)), 1));
    REFUSED(NUMC_INVALID_ARGUMENT, "numc_random_normal", numc_random_normal(key, 0, ((numc_shape){NULL, 2, true})));
    REFUSED(NUMC_INVALID_ARGUMENT, "numc_random_dirichlet", numc_random_dirichlet(key, good, 0, ((numc_shape){NULL, 2, true})));
    REFUSED(NUMC_INVALID_ARGUMENT, "numc_random_split: a key is uint32[2]", numc_random_split(s, 2));
    REFUSED(NUMC_SHAPE, "numc_random_split", numc_random_split(key, -1));
    REFUSED(NUMC_INVALID_ARGUMENT, "numc_random_beta", numc_random_beta(s, 1, 1, 0, two));
    /* the ends belong to the domains */
    assert_values(numc_random_bernoulli(key, good, two), 0, 1);
    assert_values(numc_random_uniform(key, NUMC_FLOAT64, two, 3, 3), 3, 3);
    assert_values(numc_random_binomial(key, 7, good, NUMC_FLOAT64, two), 0, 7);
    const double one_way[] = {-infinity, 0, -infinity};
    assert_values(numc_random_categorical(key, numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), one_way), two), 1, 1);
    assert_ok(context);

    const numc_array *const in[1] = {numc_number(context, NUMC_FLOAT64, (double)NAN)};
    numc_function *function = numc_function_trace(context, bad_draws, NULL, in, 1, 4);
    numc_array *out[4] = {NULL};
    assert_int_equal(numc_function_call(context, function, in, 1, out, 4), NUMC_OK);
    assert_true(numc_item_bool(numc_all(numc_isnan(out[0]))));
    assert_values(out[1], 0, 0);
    assert_true(numc_item_bool(numc_all(numc_isnan(out[2]))));
    numc_function_free(function);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_key_split_fold_in),
        TEST(test_bits),
        TEST(test_published_float32),
        TEST(test_elements_stand_alone),
        TEST(test_distributions),
        TEST(test_moments),
        TEST(test_dirichlet_and_categorical),
        TEST(test_randint_ranges),
        TEST(test_parameters_broadcast),
        TEST(test_traced),
        TEST(test_bad_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
