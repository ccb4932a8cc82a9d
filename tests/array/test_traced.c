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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(graphs_give_eager_results),
        TEST(gradients_equal_differences),
        TEST(no_gradient_of_logsumexp_is_nan),
        TEST(what_needs_values_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
