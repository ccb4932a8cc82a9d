/* test_lanes.c - several threads, a lane each: they read the arrays of the lane above, build the same kernels at once, share the
 * buffer pool and keep arrays, and get the same bits. For the thread sanitizer too. */
#include "fixture.h"

#include <pthread.h>

enum { THREADS = 4, ROUNDS = 60 };

typedef struct worker {
    numc_context *lane;
    const numc_array *shared;
    numc_array *kept;
    double total;
    numc_status status;
} worker;

static void *work(void *user)
{
    worker *w = user;
    double total = 0;
    for (int64_t i = 1; i <= ROUNDS; i++) {
        numc_scope(w->lane)
        {
            /* the shared array comes first into an operation with one of the lane: results are the lane's */
            numc_array *own = numc_arange(w->lane, NUMC_FLOAT64, 0, (double)i, 1);
            numc_array *part = numc_index(numc_add(w->shared, numc_number(w->lane, NUMC_FLOAT64, 0)), NUMC_SLICE(0, i));
            numc_array *y = numc_multiply(numc_sin(own), part);
            total += numc_item(numc_sum(numc_matmul(numc_outer(y, own), numc_sort(y, NUMC_AXIS(0), .descending = true))));
            if (i == ROUNDS)
                w->kept = numc_keep(numc_exp(y));
        }
    }
    w->total = total;
    w->status = numc_error_status(w->lane);
    return NULL;
}

static void lanes_compute_side_by_side(void **state)
{
    numc_context *context = *state;
    numc_array *shared = numc_linspace(context, NUMC_FLOAT64, 0, 1, 64);
    worker workers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){.lane = numc_lane(context), .shared = shared};
        assert_non_null(workers[i].lane);
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        if (workers[i].status != NUMC_OK)
            fail_msg("%s", numc_error_message(workers[i].lane));
        assert_memory_equal(&workers[i].total, &workers[0].total, sizeof workers[0].total);
        numc_close(workers[i].lane);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_ptr_equal(numc_array_context(workers[i].kept), context);
        assert_true(numc_item_bool(numc_all(numc_equal(workers[i].kept, workers[0].kept))));
    }
    for (int i = 0; i < THREADS; i++)
        numc_release(workers[i].kept);
    assert_ok(context);
    numc_statistics statistics;
    numc_statistics_get(context, &statistics);
    assert_true(statistics.bytes_live < 4096); /* the kept ones went back */
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(lanes_compute_side_by_side)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
