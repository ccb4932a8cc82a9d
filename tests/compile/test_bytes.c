/* test_bytes.c - numc_function_bytes against what a call takes: the counter of live bytes to the byte, and an allocator that counts. Threads,
 * branches, loops, scans within scans, native code. Memory of a device apart is no matter of the allocator; the counter has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "../base/device.h"
#include "numc/numc.h"

enum { WIDTH = 20000, STEPS = 24, THREADS = 4 };

/* ---- an allocator that counts ------------------------------------------------------------------------------------------------ */

typedef struct counter {
    pthread_mutex_t lock;
    size_t live, peak;
} counter;

static void *count(void *user, void *pointer, size_t old_size, size_t size)
{
    counter *c = user;
    void *result = NULL;
    pthread_mutex_lock(&c->lock);
    if (size > 0)
        result = realloc(pointer, size);
    else
        free(pointer);
    if (size == 0 || result != NULL)
        c->live += size - (pointer != NULL ? old_size : 0);
    c->peak = c->live > c->peak ? c->live : c->peak;
    pthread_mutex_unlock(&c->lock);
    return result;
}

/* ---- programs ---------------------------------------------------------------------------------------------------------------- */

#define BODY(name)                                                                                                     \
    static void name(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,       \
                     int32_t output_count, void *user)
#define UNUSED() ((void)context, (void)in, (void)input_count, (void)out, (void)output_count, (void)user)

/* Intermediate vectors that cannot be registers of one nest: running sums are calls of a slot, which here takes no memory of its own. */
static numc_array *worked(const numc_array *x)
{
    return numc_subtract(numc_cumulative_sum(numc_sin(x)), numc_cos(x));
}

BODY(plain)
{
    UNUSED();
    out[0] = numc_sum(worked(worked(in[0])));
}
BODY(grows)
{
    UNUSED();
    out[0] = worked(worked(in[0]));
}
BODY(shrinks)
{
    UNUSED();
    out[0] = numc_multiply(in[0], 0.5);
}
BODY(branches)
{
    UNUSED();
    numc_array *y[1] = {NULL};
    if (numc_cond(numc_greater(numc_sum(in[0]), 0.0), grows, shrinks, NULL, in, 1, y, 1) == NUMC_OK)
        out[0] = numc_sum(y[0]);
}
BODY(is_large)
{
    UNUSED();
    out[0] = numc_greater(numc_max(numc_abs(worked(in[0]))), 1e9);
}
BODY(loops)
{
    UNUSED();
    numc_array *y[1] = {NULL};
    if (numc_while(context, is_large, grows, NULL, in, 1, y, .limit = 9) == NUMC_OK)
        out[0] = numc_sum(y[0]);
}
BODY(carry_step)
{
    UNUSED();
    out[0] = worked(numc_add(in[0], in[1]));
    out[1] = numc_sum(out[0]);
}
BODY(carries)
{
    UNUSED();
    numc_array *y[2] = {NULL, NULL};
    const numc_array *sequence[1] = {numc_reshape(numc_concat(((const numc_array *[]){in[0], in[0]}), 2, 0), NUMC_SHAPE(2, WIDTH))};
    if (numc_scan(context, carry_step, NULL, in, 1, sequence, 1, y, 1) == NUMC_OK)
        out[0] = numc_add(numc_sum(y[0]), numc_sum(y[1]));
}
/* Without carries, and large enough for threads; a sort keeps the first a loop, in the second each step has branches of its own. */
BODY(alone)
{
    UNUSED();
    numc_array *sorted = numc_sort(numc_sin(in[0]));
    out[0] = numc_sum(numc_multiply(sorted, numc_sort(numc_cos(sorted))));
}
BODY(spread)
{
    UNUSED();
    numc_array *y[1] = {NULL};
    const numc_array *sequence[1] = {numc_multiply(numc_reshape(in[0], NUMC_SHAPE(1, WIDTH)),
                                                   numc_reshape(numc_arange(context, NUMC_FLOAT64, 0, STEPS, 1), NUMC_SHAPE(STEPS, 1)))};
    if (numc_scan(context, alone, NULL, NULL, 0, sequence, 1, y, 1) == NUMC_OK)
        out[0] = numc_sum(y[0]);
}
BODY(inner_loop)
{
    UNUSED();
    numc_array *y[1] = {NULL};
    if (numc_cond(numc_greater(numc_sum(in[0]), 0.5), grows, shrinks, NULL, in, 1, y, 1) == NUMC_OK)
        out[0] = numc_sum(worked(y[0]));
}
BODY(spread_loops)
{
    UNUSED();
    numc_array *y[1] = {NULL};
    const numc_array *sequence[1] = {numc_multiply(numc_reshape(in[0], NUMC_SHAPE(1, WIDTH)),
                                                   numc_reshape(numc_arange(context, NUMC_FLOAT64, 0, STEPS, 1), NUMC_SHAPE(STEPS, 1)))};
    if (numc_scan(context, inner_loop, NULL, NULL, 0, sequence, 1, y, 1) == NUMC_OK)
        out[0] = numc_sum(y[0]);
}

static const struct {
    const char *name;
    numc_trace_fn body;
    bool threads; /* takes more with several */
    bool scratch; /* a backend takes memory of its own while a slot runs (a sort, sums along many rows): the allocator sees more */
} cases[] = {
    {"vectors", plain, false, false},
    {"a branch", branches, false, false},
    {"a while loop", loops, false, false},
    {"a scan with carries", carries, false, false},
    {"a scan on threads", spread, true, true},
    {"branches in a scan on threads", spread_loops, true, true},
};

/* ---- tests ------------------------------------------------------------------------------------------------------------------- */

/* numc_function_bytes of the case, once it has been compared. */
static uint64_t compare(size_t k, int threads, numc_jit jit)
{
    counter c = {.lock = PTHREAD_MUTEX_INITIALIZER};
    numc_options options = {.allocate = count, .allocate_user = &c, .threads = threads, .jit = jit};
    numc_context *context = numc_open(&options);
    numc_statistics before = {0}, after = {0};
    uint64_t bytes = 0;
    assert_non_null(context);
    const numc_array *x[1] = {numc_sin(numc_arange(context, NUMC_FLOAT64, 0, WIDTH, 1))};
    numc_function *f = numc_function_trace(context, cases[k].body, NULL, x, 1, 1);
    for (int turn = 0; turn < 2; turn++) { /* the first compiles, and has a backend open what it opens once */
        numc_array *y = NULL;
        numc_scope(context) {
            bytes = numc_function_bytes(context, f);
            assert_int_equal(numc_statistics_get(context, &before), NUMC_OK);
            size_t live = c.live;
            c.peak = live;
            if (numc_function_call(context, f, x, 1, &y, 1) != NUMC_OK)
                fail_msg("%s: %s", cases[k].name, numc_error_message(context));
            assert_int_equal(numc_statistics_get(context, &after), NUMC_OK);
            /* One number comes out, for which the pool may take a page. Bookkeeping: 16 KB for each list of steps, of which a case
             * has five at most on each thread. */
            size_t taken = c.peak - live, most = bytes + 65536 + (size_t)(5 * threads + 5) * 20480;
            if (turn == 1 && !is_apart(context) && (taken < bytes || (taken > most && !cases[k].scratch)))
                fail_msg("%s, %d threads: %zu bytes were taken, not %llu to %zu", cases[k].name, threads, taken, (unsigned long long)bytes, most);
        }
    }
    /* the highest ever was reached in a call, of which each takes the same */
    if (after.bytes_peak < before.bytes_live + bytes || after.bytes_peak > before.bytes_live + bytes + 4096)
        fail_msg("%s, %d threads: %llu bytes were live beside %llu, not %llu", cases[k].name, threads,
                 (unsigned long long)(after.bytes_peak - before.bytes_live), (unsigned long long)before.bytes_live, (unsigned long long)bytes);
    numc_close(context);
    return bytes;
}

static void bytes_are_those_of_a_call(void **state)
{
    (void)state;
    numc_context *context = numc_open(NULL);
    assert_non_null(context);
    bool on_device = is_apart(context); /* where iterations run one after another */
    numc_close(context);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        uint64_t one = compare(k, 1, NUMC_JIT_OFF), many = compare(k, THREADS, NUMC_JIT_OFF);
        assert_true(one >= 2 * WIDTH * sizeof(double));
        if (cases[k].threads && !on_device)
            assert_true(many >= one + THREADS * WIDTH * sizeof(double));
        else
            assert_int_equal(many, one);
    }
}

/* The same for what the C compiler makes of them, where there is one. */
static void bytes_of_native_code(void **state)
{
    (void)state;
    numc_context *context = numc_open(&(numc_options){.jit = NUMC_JIT_ON});
    const numc_array *x[1] = {numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(WIDTH))};
    numc_array *y = NULL;
    numc_function *f = numc_function_trace(context, plain, NULL, x, 1, 1);
    bool compiled = numc_function_call(context, f, x, 1, &y, 1) == NUMC_OK;
    assert_true(compiled || numc_error_status(context) == NUMC_UNSUPPORTED);
    numc_close(context);
    for (size_t k = 0; k < sizeof cases / sizeof *cases && compiled; k++)
        assert_int_equal(compare(k, THREADS, NUMC_JIT_ON), compare(k, THREADS, NUMC_JIT_OFF));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bytes_are_those_of_a_call), cmocka_unit_test(bytes_of_native_code)};
    return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
