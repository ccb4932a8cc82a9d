/* test_failures.c - every allocation of every array function may fail, eager and traced: the error is MEMORY, the result NULL,
 * nothing leaks, and the context goes on working. */
#include "subjects.h"

#include "../base/effort.h"
#include "../base/failing.h"
#include "numc/function.h"

static void trace_subject(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                          int32_t output_count, void *user)
{
    (void)context;
    (void)input_count;
    (void)output_count;
    outputs[0] = (*(const subject *)user)(inputs[0]);
}

static double total_of(numc_context *context, subject call, bool traced)
{
    double values[ROWS * COLUMNS];
    fill(values);
    numc_array *x = input(context, values), *y = NULL;
    if (traced) {
        const numc_array *inputs[1] = {x};
        numc_function *function = numc_function_trace(context, trace_subject, &call, inputs, 1, 1);
        numc_function_call(context, function, inputs, 1, &y, 1);
        numc_function_free(function);
    } else if (x != NULL) {
        y = call(x);
    }
    return numc_item(numc_sum(y));
}

static void sweep(bool traced)
{
    for (int i = 0; i < SUBJECT_COUNT; i++) {
        if (left_out(i + traced))
            continue;
        double right = NAN;
        long told = 0;
        for (long n = -1;; n++) { /* the first pass, without failure, gives the value */
            failing f = failing_at(n);
            numc_options options = {.backend = test_backend(), .allocate = failing_allocate, .allocate_user = &f, .threads = 1};
            numc_context *context = numc_open(&options);
            if (context != NULL && numc_error_status(context) == NUMC_OK) {
                double total = NAN;
                numc_scope(context) total = total_of(context, subjects[i].call, traced);
                if (numc_error_status(context) != NUMC_OK) {
                    if (!f.failed || numc_error_status(context) != NUMC_MEMORY)
                        fail_msg("%s: %s", subjects[i].name, numc_error_message(context));
                    assert_true(isnan(total));
                    told++;
                    numc_error_clear(context);
                    total = total_of(context, subjects[i].call, traced);
                    assert_ok(context);
                }
                if (n < 0)
                    right = total;
                if (total != right)
                    fail_msg("%s: %.17g after failure %ld, %.17g without", subjects[i].name, total, n, right);
            }
            numc_close(context);
            assert_int_equal(f.blocks, 0);
            assert_int_equal(f.mistakes, 0);
            if (n >= 0 && !f.failed)
                break;
            assert_true(n < 5000);
        }
        assert_true(told >= 4 / failing_every());
    }
}

static void eager_allocations_may_fail(void **state)
{
    (void)state;
    sweep(false);
}

static void traced_allocations_may_fail(void **state)
{
    (void)state;
    sweep(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eager_allocations_may_fail),
        cmocka_unit_test(traced_allocations_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
