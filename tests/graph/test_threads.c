/* One function called, differentiated and traced again on several lanes at once. For the thread sanitizer. */
#include <pthread.h>

#include "support.h"

#define LANES 4
#define ROUNDS 20

typedef struct job {
    numc_context *lane;
    numc_function *function;
    double result;
    numc_status status;
} job;

static void model(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                  int32_t output_count, void *user)
{
    (void)context, (void)input_count, (void)output_count;
    const numc_array *data = user; /* of the first lane */
    out[0] = numc_sum(numc_multiply(numc_sin(in[0]), numc_exp(data)));
}

static void *work(void *user)
{
    job *j = user;
    const double values[3] = {0.25, 0.5, 1.0};
    for (int i = 0; i < ROUNDS; i++) {
        numc_scope(j->lane) {
            const numc_array *x[2] = {reals(j->lane, NUMC_SHAPE(3), values), numc_ones(j->lane, NUMC_FLOAT64, NUMC_SCALAR)};
            numc_array *y[2];
            numc_function_call(j->lane, j->function, x, 1, y, 1);
            numc_function *backward = numc_function_vjp(j->lane, j->function);
            numc_function_call(j->lane, backward, x, 2, y, 2);
            j->result = numc_item(numc_sum(y[1]));
            numc_function_free(backward);
        }
    }
    j->status = numc_error_status(j->lane);
    return NULL;
}

static void lanes_share_a_function(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_array *data = reals(context, NUMC_SHAPE(3), DOUBLES(0.0, 1.0, 2.0));
    numc_function *function = numc_function_trace(context, model, data, (const numc_array *const[]){data}, 1, 1);
    ASSERT_FINE(context);
    job jobs[LANES];
    pthread_t threads[LANES];
    for (int i = 0; i < LANES; i++) {
        jobs[i] = (job){.lane = numc_lane(context), .function = function};
        assert_non_null(jobs[i].lane);
    }
    for (int i = 0; i < LANES; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
    for (int i = 0; i < LANES; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    double expected = cos(0.25) + cos(0.5) * exp(1.0) + cos(1.0) * exp(2.0);
    for (int i = 0; i < LANES; i++) {
        if (jobs[i].status != NUMC_OK)
            fail_msg("lane %d: %s", i, numc_error_message(jobs[i].lane));
        assert_true(fabs(jobs[i].result - expected) < 1e-14 * expected);
        numc_close(jobs[i].lane);
    }
    numc_close(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lanes_share_a_function)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
