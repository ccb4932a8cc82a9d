/* test_traced.c - every composed array function inside a trace: the graph gives what eager execution gives, and its gradient is
 * that of central differences. What a trace cannot do is refused with a hint. */
#include "subjects.h"

#include "numc/function.h"

static void trace_subject(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                          int32_t output_count, void *user)
{
    (void)context;
    (void)input_count;
    (void)output_count;
    outputs[0] = (*(const subject *)user)(inputs[0]);
}

/* A scalar of the result that no symmetry hides in: sum of y_i cos(i). */
static numc_array *weigh(const numc_array *y)
{
    numc_array *flat = numc_reshape(y, NUMC_SHAPE(-1));
    numc_array *weights = numc_cos(numc_arange(numc_array_context(y), NUMC_FLOAT64, 0, (double)numc_array_size(y), 1));
    return numc_sum(numc_multiply(flat, weights));
}

static void trace_weighed(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                          int32_t output_count, void *user)
{
    trace_subject(context, inputs, input_count, outputs, output_count, user);
    outputs[0] = weigh(outputs[0]);
}

static void graphs_give_eager_results(void **state)
{
    numc_context *context = *state;
    double values[ROWS * COLUMNS];
    fill(values);
    numc_array *x = input(context, values);
    const numc_array *inputs[1] = {x};
    for (int i = 0; i < SUBJECT_COUNT; i++) {
        numc_scope(context)
        {
            numc_array *eager = subjects[i].call(x), *output = NULL;
            subject call = subjects[i].call;
            numc_function *function = numc_function_trace(context, trace_subject, &call, inputs, 1, 1);
            if (numc_error_status(context) != NUMC_OK)
                fail_msg("%s: %s", subjects[i].name, numc_error_message(context));
            numc_function_call(context, function, inputs, 1, &output, 1);
            if (numc_error_status(context) != NUMC_OK)
                fail_msg("%s: %s", subjects[i].name, numc_error_message(context));
            assert_shape(output, numc_array_rank(eager), numc_array_shape(eager));
            double *expected = values_of(eager);
            /* the same operations, perhaps fused or folded: a few roundings */
            assert_values_within(output, expected, numc_array_size(eager), 1e-13, subjects[i].name);
            free(expected);
            numc_function_free(function);
        }
    }
}

static void gradients_equal_differences(void **state)
{
    numc_context *context = *state;
    double values[ROWS * COLUMNS];
    fill(values);
    for (int i = 0; i < SUBJECT_COUNT; i++) {
        numc_scope(context)
        {
            const numc_array *inputs[1] = {input(context, values)};
            subject call = subjects[i].call;
            numc_function *function = numc_function_trace(context, trace_weighed, &call, inputs, 1, 1);
            numc_function *both = numc_function_value_and_gradient(context, function);
            numc_array *outputs[2] = {NULL, NULL};
            numc_function_call(context, both, inputs, 1, outputs, 2);
            if (numc_error_status(context) != NUMC_OK)
                fail_msg("%s: %s", subjects[i].name, numc_error_message(context));
            double *gradient = values_of(outputs[1]);
            const double h = 1e-5;
            for (int k = 0; k < ROWS * COLUMNS; k++) {
                numc_scope(context)
                {
                    double moved[ROWS * COLUMNS];
                    memcpy(moved, values, sizeof moved);
                    moved[k] += h;
                    double up = numc_item(weigh(subjects[i].call(input(context, moved))));
                    moved[k] -= 2 * h;
                    double down = numc_item(weigh(subjects[i].call(input(context, moved))));
                    double difference = (up - down) / (2 * h), scale = 1 + fabs(difference) + fabs(up);
                    /* rounding eps |f| / h = 2e-11 |f|, truncation f''' h^2 / 6 = 2e-11 f''': third derivatives reach some
                     * thousands here */
                    if (!(fabs(gradient[k] - difference) <= 2e-7 * scale))
                        fail_msg("%s: d/dx[%d] is %.12g, by differences %.12g", subjects[i].name, k, gradient[k], difference);
                }
            }
            free(gradient);
            numc_function_free(function);
            numc_function_free(both);
        }
    }
}

static void trace_infinite(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                           int32_t output_count, void *user)
{
    (void)context;
    (void)input_count;
    (void)output_count;
    (void)user;
    numc_array *y = numc_logsumexp(inputs[0], NUMC_AXES(1));
    outputs[0] = numc_sum(numc_where(numc_isfinite(y), y, 0.0));
}

static void no_gradient_of_logsumexp_is_nan(void **state)
{
    numc_context *context = *state;
    const double inf = INFINITY;
    const double rows[4][2] = {{-inf, -inf}, {0, -inf}, {inf, 0}, {1, 1}};
    const numc_array *inputs[1] = {numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(4, 2), rows)};
    numc_function *function = numc_function_trace(context, trace_infinite, NULL, inputs, 1, 1);
    numc_array *outputs[2];
    numc_function_call(context, numc_function_value_and_gradient(context, function), inputs, 1, outputs, 2);
    assert_ok(context);
    const double expected[8] = {0, 0, 1, 0, 0, 0, 0.5, 0.5};
    assert_values_within(outputs[1], expected, 8, 1e-15, "gradient");
}

static void trace_refused(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                          int32_t output_count, void *user)
{
    (void)context;
    (void)input_count;
    (void)output_count;
    int which = *(const int *)user;
    outputs[0] = numc_exp(inputs[0]);
    if (which == 0)
        outputs[0] = numc_multiply(outputs[0], numc_item(numc_sum(inputs[0])));
    else
        outputs[0] = numc_index(inputs[0], NUMC_PICK(numc_greater(inputs[0], 1.0)));
}

static void what_needs_values_is_refused(void **state)
{
    numc_context *context = *state;
    double values[ROWS * COLUMNS];
    fill(values);
    const numc_array *inputs[1] = {input(context, values)};
    int which = 0;
    assert_null(numc_function_trace(context, trace_refused, &which, inputs, 1, 1));
    assert_non_null(strstr(numc_error_message(context), "numc_while or numc_scan"));
    assert_error(context, NUMC_TRACE, "numc_item: array #");
    which = 1;
    assert_null(numc_function_trace(context, trace_refused, &which, inputs, 1, 1));
    assert_error(context, NUMC_TRACE, "depends on a traced mask; inside a trace use numc_where");
}

/* ---- indices out of bounds ---- */

enum { PICKED = 6 };

/* x (2, 3); at (4) */
static void index_all(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count,
                  void *user)
{
    (void)input_count, (void)output_count, (void)user;
    const numc_array *x = in[0], *at = in[1];
    numc_array *ones = numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(2, 4));
    out[0] = numc_take(x, at, NUMC_AXIS(1));
    out[1] = numc_take_along_axis(x, numc_broadcast_to(at, NUMC_SHAPE(2, 4)), 1);
    out[2] = numc_index(x, NUMC_PICK(at), NUMC_PICK(at));
    out[3] = numc_scatter_add(x, at, ones, 1);
    out[4] = numc_add(x, 0);
    numc_index_assign(&out[4], 100, NUMC_PICK(at), NUMC_PICK(at));
    out[5] = numc_add(x, 0);
    numc_index_assign(&out[5], 100, NUMC_ALL, NUMC_PICK(at));
}

/* Inside a trace an index is clamped to its axis where it reads, and dropped where it writes; never another line's element. */
static void indices_out_of_bounds_stay_in_their_axis(void **state)
{
    numc_context *context = *state;
    static const double x[2][3] = {{0, 1, 2}, {10, 11, 12}};
    static const struct {
        numc_dtype dtype;
        int64_t at[4]; /* by their bits */
    } rows[] = {{NUMC_INT64, {1, 5, -9, -1}},          {NUMC_INT64, {INT64_MAX, 2, 0, INT64_MIN}}, {NUMC_INT64, {0, 1, -2, -3}},
                {NUMC_UINT64, {1, INT64_MIN, -1, 3}}, {NUMC_UINT64, {INT64_MAX, 2, INT64_MIN + 1, 0}}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        int64_t at[2][4], outside[2][4]; /* per axis of 2 and of 3 */
        for (int axis = 0; axis < 2; axis++) {
            for (int j = 0; j < 4; j++) {
                int64_t n = 2 + axis, i = rows[r].at[j];
                bool beyond = rows[r].dtype == NUMC_UINT64 && i < 0;
                i = beyond ? n : i < 0 && i >= INT64_MIN + n ? i + n : i;
                outside[axis][j] = i < 0 || i >= n;
                at[axis][j] = i < 0 ? 0 : i >= n ? n - 1 : i;
            }
        }
        double expected[PICKED][8] = {{0}};
        for (int i = 0; i < 6; i++)
            expected[3][i] = expected[4][i] = expected[5][i] = x[i / 3][i % 3];
        for (int j = 0; j < 4; j++) {
            for (int i = 0; i < 2; i++) {
                expected[0][4 * i + j] = expected[1][4 * i + j] = x[i][at[1][j]];
                if (!outside[1][j]) {
                    expected[3][3 * i + at[1][j]] += 1;
                    expected[5][3 * i + at[1][j]] = 100;
                }
            }
            expected[2][j] = x[at[0][j]][at[1][j]];
            if (!outside[0][j] && !outside[1][j])
                expected[4][3 * at[0][j] + at[1][j]] = 100;
        }
        static const int64_t sizes[PICKED] = {8, 8, 4, 6, 6, 6};
        for (int how = 0; how < 3; how++) { /* compiled, batched, dynamic */
            numc_scope(context)
            {
                const numc_array *inputs[2] = {numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3), x),
                                               numc_from_host(context, rows[r].dtype, NUMC_SHAPE(4), rows[r].at)};
                numc_array *outputs[PICKED] = {NULL};
                numc_function *one = how == 2 ? numc_function_dynamic(context, index_all, NULL, inputs, 2, PICKED)
                                              : numc_function_trace(context, index_all, NULL, inputs, 2, PICKED);
                numc_function *function = one;
                if (how == 1) {
                    inputs[0] = numc_expand_dims(inputs[0], NUMC_AXES(0));
                    inputs[1] = numc_expand_dims(inputs[1], NUMC_AXES(0));
                    function = numc_function_vmap(context, one, inputs, 2);
                }
                numc_function_call(context, function, inputs, 2, outputs, PICKED);
                for (int k = 0; k < PICKED; k++) {
                    char name[64];
                    snprintf(name, sizeof name, "row %zu, way %d, output %d", r, how, k);
                    if (outputs[k] == NULL)
                        fail_msg("%s: %s", name, numc_error_message(context));
                    assert_values_within(numc_reshape(outputs[k], NUMC_SHAPE(-1)), expected[k], sizes[k], 0, name);
                }
                if (how == 1)
                    numc_function_free(function);
                numc_function_free(one);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(graphs_give_eager_results),
        TEST(gradients_equal_differences),
        TEST(no_gradient_of_logsumexp_is_nan),
        TEST(what_needs_values_is_refused),
        TEST(indices_out_of_bounds_stay_in_their_axis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
