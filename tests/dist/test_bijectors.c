/* Constraints and bijectors: membership, round trips, log |det J| against the determinant of a matrix of differences, extremes,
 * shapes, bounds that are traced. Differences are central with one extrapolation at h = 1e-3: their error is about h^4 times a
 * fifth derivative plus eps/h, below 1e-9 for these functions, so determinants are compared at 1e-8. */
#include "../array/fixture.h"
#include "numc/dist.h"
#include "numc/function.h"

#define N_MAX 6

typedef numc_constraint *constraint_fn(numc_context *context);
static numc_constraint *greater_than(numc_context *context) { return numc_constraint_greater_than(context, -2.5); }
static numc_constraint *less_than(numc_context *context) { return numc_constraint_less_than(context, 4); }
static numc_constraint *interval(numc_context *context) { return numc_constraint_interval(context, -1, 3.5); }
static numc_constraint *independent(numc_context *context)
{
    return numc_constraint_independent(numc_constraint_positive(context), 1);
}

/* unconstrained: length of x; event: axes of y; coordinates: which entries of y are free, in order (-1 ends) */
static const struct region_case {
    const char *name;
    constraint_fn *make;
    int64_t unconstrained;
    int64_t event[2];
    int32_t event_rank, free_count;
    int free_entries[N_MAX];
} regions[] = {
    {"real", numc_constraint_real_, 1, {0}, 0, 1, {0}},
    {"positive", numc_constraint_positive_, 1, {0}, 0, 1, {0}},
    {"nonnegative", numc_constraint_nonnegative_, 1, {0}, 0, 1, {0}},
    {"unit_interval", numc_constraint_unit_interval_, 1, {0}, 0, 1, {0}},
    {"greater_than", greater_than, 1, {0}, 0, 1, {0}},
    {"less_than", less_than, 1, {0}, 0, 1, {0}},
    {"interval", interval, 1, {0}, 0, 1, {0}},
    {"independent", independent, 3, {3}, 1, 3, {0, 1, 2}},
    {"simplex", numc_constraint_simplex_, 3, {4}, 1, 3, {0, 1, 2}},
    {"ordered", numc_constraint_ordered_, 4, {4}, 1, 4, {0, 1, 2, 3}},
    {"positive_ordered", numc_constraint_positive_ordered_, 4, {4}, 1, 4, {0, 1, 2, 3}},
    {"lower_cholesky", numc_constraint_lower_cholesky_, 6, {3, 3}, 2, 6, {0, 3, 4, 6, 7, 8}},
};

static numc_shape point_shape(const struct region_case *r, int64_t storage[1])
{
    storage[0] = r->unconstrained;
    return (numc_shape){storage, r->event_rank > 0 ? 1 : 0, true};
}

static double log_determinant(double m[N_MAX][N_MAX], int n)
{
    double sum = 0;
    for (int k = 0; k < n; k++) {
        int pivot = k;
        for (int i = k + 1; i < n; i++)
            if (fabs(m[i][k]) > fabs(m[pivot][k]))
                pivot = i;
        for (int j = 0; j < n; j++) {
            double swap = m[k][j];
            m[k][j] = m[pivot][j];
            m[pivot][j] = swap;
        }
        sum += log(fabs(m[k][k]));
        for (int i = k + 1; i < n; i++)
            for (int j = n - 1; j >= k; j--)
                m[i][j] -= m[i][k] / m[k][k] * m[k][j];
    }
    return sum;
}

static numc_array *point(numc_context *context, const struct region_case *r, const double *x)
{
    int64_t storage[1];
    return numc_from_host(context, NUMC_FLOAT64, point_shape(r, storage), x);
}

/* The free entries of f(x) */
static void free_entries(numc_context *context, const struct region_case *r, const numc_bijector *b, const double *x, double *y)
{
    double *all = values_of(numc_bijector_forward(b, point(context, r, x)));
    for (int i = 0; i < r->free_count; i++)
        y[i] = all[r->free_entries[i]];
    free(all);
}

static double numeric_log_det(numc_context *context, const struct region_case *r, const numc_bijector *b, const double *x)
{
    double jacobian[N_MAX][N_MAX], moved[N_MAX], up[N_MAX], down[N_MAX], up2[N_MAX], down2[N_MAX];
    const double h = 1e-3;
    for (int j = 0; j < r->unconstrained; j++) {
        memcpy(moved, x, (size_t)r->unconstrained * sizeof *x);
        moved[j] = x[j] + h;
        free_entries(context, r, b, moved, up);
        moved[j] = x[j] - h;
        free_entries(context, r, b, moved, down);
        moved[j] = x[j] + h / 2;
        free_entries(context, r, b, moved, up2);
        moved[j] = x[j] - h / 2;
        free_entries(context, r, b, moved, down2);
        for (int i = 0; i < r->free_count; i++)
            jacobian[i][j] = (4 * (up2[i] - down2[i]) / h - (up[i] - down[i]) / (2 * h)) / 3;
    }
    return log_determinant(jacobian, r->free_count);
}

static void test_round_trip_and_determinant(void **state)
{
    numc_context *context = *state;
    uint64_t seed = 17;
    for (size_t c = 0; c < sizeof regions / sizeof *regions; c++) {
        const struct region_case *r = &regions[c];
        numc_scope(context) {
            numc_constraint *region = r->make(context);
            numc_bijector *b = numc_bijector_to(region);
            assert_ok(context);
            assert_string_equal(numc_constraint_name(region), r->name);
            assert_int_equal(numc_constraint_event_rank(region), r->event_rank);
            assert_false(numc_constraint_is_discrete(region));
            for (int repeat = 0; repeat < 5; repeat++) {
                double x[N_MAX];
                for (int i = 0; i < r->unconstrained; i++)
                    x[i] = 4 * ((double)next_random(&seed) / 0x1p31 - 0.5) * (repeat + 1) / 3;
                numc_array *at = point(context, r, x);
                numc_array *y = numc_bijector_forward(b, at);
                assert_ok(context);
                assert_shape(y, r->event_rank, r->event);
                if (!numc_item_bool(numc_constraint_check(region, y)))
                    fail_msg("%s: f(x) is not inside", r->name);
                assert_values_within(numc_bijector_backward(b, y), x, r->unconstrained, 1e-13, r->name);
                numc_array *log_det = numc_bijector_log_det(b, at, y);
                assert_int_equal(numc_array_rank(log_det), 0);
                assert_true(numc_item(log_det) == numc_item(numc_bijector_log_det(b, at, NULL)));
                double want = numeric_log_det(context, r, b, x);
                if (!(fabs(numc_item(log_det) - want) < 1e-8))
                    fail_msg("%s: log det %.17g, by differences %.17g", r->name, numc_item(log_det), want);
                /* the inverse has the negative of it */
                numc_bijector *inverse = numc_bijector_inverse(b);
                assert_true(numc_item(numc_bijector_log_det(inverse, y, at)) == -numc_item(log_det));
                assert_values_within(numc_bijector_forward(inverse, y), x, r->unconstrained, 1e-13, r->name);
            }
        }
        assert_ok(context);
    }
}

static void test_batches_and_shapes(void **state)
{
    numc_context *context = *state;
    for (size_t c = 0; c < sizeof regions / sizeof *regions; c++) {
        const struct region_case *r = &regions[c];
        numc_scope(context) {
            numc_bijector *b = numc_bijector_to(r->make(context));
            int64_t x_shape[3] = {2, 5, r->unconstrained}, y_shape[4] = {2, 5, r->event[0], r->event[1]}, out[32];
            int32_t x_rank = 2 + (r->event_rank > 0), y_rank = 2 + r->event_rank;
            numc_array *x = numc_multiply(numc_subtract(counting(context, NUMC_FLOAT64, ((numc_shape){x_shape, x_rank, true})), 9), 0.1);
            numc_array *y = numc_bijector_forward(b, x);
            assert_shape(y, y_rank, y_shape);
            assert_shape(numc_bijector_log_det(b, x, y), 2, x_shape);
            double *expected = values_of(x);
            assert_values_within(numc_bijector_backward(b, y), expected, numc_array_size(x), 1e-12, r->name);
            free(expected);
            assert_int_equal(numc_bijector_backward_shape(b, (numc_shape){y_shape, y_rank, true}, out), x_rank);
            assert_memory_equal(out, x_shape, (size_t)x_rank * sizeof *out);
            assert_int_equal(numc_bijector_forward_shape(b, (numc_shape){x_shape, x_rank, true}, out), y_rank);
            assert_memory_equal(out, y_shape, (size_t)y_rank * sizeof *out);
        }
        assert_ok(context);
    }
}

/* log det, its gradient and that of f stay finite far out, where exp overflows or a sigmoid is flat: except exp itself. */
struct region_use {
    const struct region_case *region;
};
static void log_det_of(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                       int32_t output_count, void *user)
{
    const struct region_use *use = user;
    (void)input_count, (void)output_count;
    outputs[0] = numc_sum(numc_bijector_log_det(numc_bijector_to(use->region->make(context)), inputs[0], NULL));
}

static void test_extremes(void **state)
{
    numc_context *context = *state;
    static const double far[] = {-800, -40, 0, 40, 800};
    for (size_t c = 0; c < sizeof regions / sizeof *regions; c++) {
        struct region_use use = {&regions[c]};
        for (size_t k = 0; k < sizeof far / sizeof *far; k++) {
            numc_scope(context) {
                double x[N_MAX];
                for (int i = 0; i < N_MAX; i++)
                    x[i] = far[k];
                const numc_array *input = point(context, use.region, x);
                numc_array *outputs[2];
                numc_function *f = numc_function_trace(context, log_det_of, &use, &input, 1, 1);
                numc_function *gradient = numc_function_value_and_gradient(context, f);
                numc_function_call(context, gradient, &input, 1, outputs, 2);
                assert_ok(context);
                if (!numc_item_bool(numc_isfinite(outputs[0])) || !numc_item_bool(numc_all(numc_isfinite(outputs[1]))))
                    fail_msg("%s at %g: log det %g, or its gradient", use.region->name, far[k], numc_item(outputs[0]));
                numc_function_free(gradient);
                numc_function_free(f);
            }
        }
    }
}

static void test_simplex_at_zero(void **state)
{
    numc_context *context = *state;
    numc_bijector *b = numc_bijector_to(numc_constraint_simplex(context));
    const double uniform[] = {0.2, 0.2, 0.2, 0.2, 0.2};
    assert_values_within(numc_bijector_forward(b, numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(4))), uniform, 5, 4e-16, "simplex");
    /* one entry: no freedom */
    assert_values(numc_bijector_forward(b, numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(0))), 1);
    assert_ok(context);
}

/* Bounds that depend on a traced parameter: gradients in the bound too. f = sum(y) + log det at x, y = lower + (upper - lower) s(x) */
static void bounded(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                    int32_t output_count, void *user)
{
    (void)input_count, (void)output_count, (void)user;
    numc_bijector *b = numc_bijector_to(numc_constraint_interval(context, inputs[0], inputs[1]));
    numc_bijector *above = numc_bijector_to(numc_constraint_greater_than(context, inputs[0]));
    numc_array *y = numc_bijector_forward(b, inputs[2]);
    numc_array *total = numc_add(numc_sum(y), numc_sum(numc_bijector_log_det(b, inputs[2], y)));
    outputs[0] = numc_add(total, numc_sum(numc_bijector_forward(above, inputs[2])));
}

static void test_traced_bounds(void **state)
{
    numc_context *context = *state;
    const double x[] = {-1, 0.3};
    const numc_array *inputs[3] = {numc_number(context, NUMC_FLOAT64, 0.5), numc_number(context, NUMC_FLOAT64, 2.5),
                                   numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2), x)};
    numc_array *outputs[4];
    numc_function *f = numc_function_trace(context, bounded, NULL, inputs, 3, 1);
    numc_function *gradient = numc_function_value_and_gradient(context, f);
    numc_function_call(context, gradient, inputs, 3, outputs, 4);
    assert_ok(context);
    double s0 = 1 / (1 + exp(1.0)), s1 = 1 / (1 + exp(-0.3));
    /* d/dlower: 2 - s0 - s1 - 2/width + 2; d/dupper: s0 + s1 + 2/width; d/dx: width s(1-s) + 1 - 2s + exp(x) */
    const double lower[] = {4 - s0 - s1 - 1}, upper[] = {s0 + s1 + 1};
    const double slopes[] = {2 * s0 * (1 - s0) + 1 - 2 * s0 + exp(-1.0), 2 * s1 * (1 - s1) + 1 - 2 * s1 + exp(0.3)};
    assert_values_within(outputs[1], lower, 1, 1e-15, "lower");
    assert_values_within(outputs[2], upper, 1, 1e-15, "upper");
    assert_values_within(outputs[3], slopes, 2, 1e-15, "x");
    numc_function_free(gradient);
    numc_function_free(f);
}

static void test_maps_by_name(void **state)
{
    numc_context *context = *state;
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), ((double[]){-2, 0.5, 30}));
    const double softplus[] = {log1p(exp(-2.0)), log1p(exp(0.5)), 30 + log1p(exp(-30.0))};
    const double log_expit[] = {-log1p(exp(2.0)), -log1p(exp(-0.5)), -log1p(exp(-30.0))};
    numc_bijector *b = numc_bijector_softplus(context);
    numc_array *y = numc_bijector_forward(b, x);
    assert_values_within(y, softplus, 3, 1e-15, "softplus");
    assert_values_within(numc_bijector_log_det(b, x, y), log_expit, 3, 1e-15, "softplus log det");
    assert_values_within(numc_bijector_backward(b, y), (const double[]){-2, 0.5, 30}, 3, 1e-14, "softplus inverse");
    /* parameters broadcast; a constant determinant counts for every point */
    numc_array *loc = numc_reshape(numc_arange(context, NUMC_FLOAT64, 0, 2, 1), NUMC_SHAPE(2, 1));
    numc_bijector *affine = numc_bijector_affine(context, loc, -2);
    assert_values(numc_bijector_forward(affine, x), 4, -1, -60, 5, 0, -59);
    const double log2s[] = {log(2.0), log(2.0), log(2.0)};
    assert_values_within(numc_bijector_log_det(affine, x, NULL), log2s, 3, 0, "affine log det");
    assert_null(numc_bijector_affine(context, 0, 0));
    assert_error(context, NUMC_VALUE, "scale is 0");
    /* exp after affine, undone */
    const numc_bijector *parts[2] = {numc_bijector_affine(context, 1, 0.5), numc_bijector_exp(context)};
    numc_bijector *both = numc_bijector_compose(parts, 2);
    const double exps[] = {exp(0.0), exp(1.25), exp(16.0)};
    const double dets[] = {0 + log(0.5), 1.25 + log(0.5), 16 + log(0.5)};
    assert_values_within(numc_bijector_forward(both, x), exps, 3, 1e-15, "compose");
    assert_values_within(numc_bijector_log_det(both, x, NULL), dets, 3, 1e-15, "compose log det");
    assert_ptr_equal(numc_bijector_inverse(numc_bijector_inverse(both)), both);
    assert_values_within(numc_bijector_log_det(numc_bijector_identity(context), x, NULL), (const double[]){0, 0, 0}, 3, 0, "identity");
    assert_ok(context);
}

/* ---- constraints ------------------------------------------------------------------------------------------------------------------ */

static void test_membership(void **state)
{
    numc_context *context = *state;
    const double line[] = {-1, -0.0, 0.5, 1, 2, INFINITY, NAN};
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(7), line);
    assert_values(numc_constraint_check(numc_constraint_real(context), x), 1, 1, 1, 1, 1, 0, 0);
    assert_values(numc_constraint_check(numc_constraint_positive(context), x), 0, 0, 1, 1, 1, 1, 0);
    assert_values(numc_constraint_check(numc_constraint_nonnegative(context), x), 0, 1, 1, 1, 1, 1, 0);
    assert_values(numc_constraint_check(numc_constraint_unit_interval(context), x), 0, 1, 1, 1, 0, 0, 0);
    assert_values(numc_constraint_check(numc_constraint_greater_than(context, 0.5), x), 0, 0, 0, 1, 1, 1, 0);
    assert_values(numc_constraint_check(numc_constraint_less_than(context, 1), x), 1, 1, 1, 0, 0, 0, 0);
    assert_values(numc_constraint_check(numc_constraint_interval(context, 0.5, 1), x), 0, 0, 1, 1, 0, 0, 0);
    assert_values(numc_constraint_check(numc_constraint_boolean(context), x), 0, 1, 0, 1, 0, 0, 0);
    assert_values(numc_constraint_check(numc_constraint_integer_interval(context, 1, 3), x), 0, 0, 0, 1, 1, 0, 0);
    assert_values(numc_constraint_check(numc_constraint_nonnegative_integer(context), x), 0, 1, 0, 1, 1, 0, 0);
    assert_true(numc_constraint_is_discrete(numc_constraint_boolean(context)));
    numc_array *whole = counting(context, NUMC_INT32, NUMC_SHAPE(4));
    assert_values(numc_constraint_check(numc_constraint_integer_interval(context, 1, 2), whole), 0, 1, 1, 0);
    assert_values(numc_constraint_check(numc_constraint_boolean(context), numc_less(whole, 2)), 1, 1, 1, 1);

    const double vectors[] = {0.2, 0.3, 0.5, 0.2, 0.3, 0.6, -0.1, 0.6, 0.5, 1, 1, 2, 0, NAN, 1};
    numc_array *v = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(5, 3), vectors);
    assert_values(numc_constraint_check(numc_constraint_simplex(context), v), 1, 0, 0, 0, 0);
    assert_values(numc_constraint_check(numc_constraint_ordered(context), v), 1, 1, 0, 0, 0);
    assert_values(numc_constraint_check(numc_constraint_positive_ordered(context), v), 1, 1, 0, 0, 0);
    assert_values(numc_constraint_check(numc_constraint_independent(numc_constraint_nonnegative(context), 1), v), 1, 1, 0, 1, 0);

    const double matrices[] = {1, 0, -3, 2, 1, 0, 1, 0, 1, 1e-3, 0, 1, 4, 1, 1, 2, 1, 2, 2, 1};
    numc_array *m = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(5, 2, 2), matrices);
    assert_values(numc_constraint_check(numc_constraint_lower_cholesky(context), m), 1, 0, 0, 0, 0);
    assert_values(numc_constraint_check(numc_constraint_positive_definite(context), m), 0, 0, 0, 1, 0);
    assert_ok(context);
}

static void test_constraint_errors(void **state)
{
    numc_context *context = *state;
    assert_null(numc_bijector_to(numc_constraint_boolean(context)));
    assert_error(context, NUMC_UNSUPPORTED, "boolean");
    assert_null(numc_bijector_to(numc_constraint_positive_definite(context)));
    assert_error(context, NUMC_UNSUPPORTED, "positive_definite");
    assert_null(numc_constraint_check(numc_constraint_simplex(context), numc_number(context, NUMC_FLOAT64, 1)));
    assert_error(context, NUMC_SHAPE, "simplex");
    numc_bijector *b = numc_bijector_to(numc_constraint_lower_cholesky(context));
    assert_null(numc_bijector_forward(b, numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(5))));
    assert_error(context, NUMC_SHAPE, "5 numbers");
    assert_null(numc_bijector_forward(NULL, numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(5))));
    assert_ok(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip_and_determinant), TEST(test_batches_and_shapes), TEST(test_extremes),
        TEST(test_simplex_at_zero),            TEST(test_traced_bounds),      TEST(test_maps_by_name),
        TEST(test_membership),                 TEST(test_constraint_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
