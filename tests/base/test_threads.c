/* The worker pool and the threads of chains: every index once, several callers, nesting, and no threads to be had.
 * Linked with --wrap=pthread_create, so that making a thread can fail. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/threads.h"
#include "failing.h"

static _Atomic long creations_allowed;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *user);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *user);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *user)
{
    if (creations_allowed-- <= 0)
        return 11; /* EAGAIN */
    return __real_pthread_create(thread, attributes, run, user);
}

#define ITEMS 5000

typedef struct items {
    numc_core *core;
    int count[ITEMS]; /* plain: the thread sanitizer sees an index that is run twice or not waited for */
} items;

static void mark(void *user, int64_t index)
{
    items *all = user;
    all->count[index]++;
}

static void mark_nested(void *user, int64_t index)
{
    items *all = user;
    items inner = {.core = all->core};
    numc__parallel_for(all->core, 40, mark, &inner);
    for (int i = 0; i < 40; i++)
        all->count[index] += inner.count[i];
}

static void assert_each(const items *all, int64_t count, int times)
{
    for (int64_t i = 0; i < ITEMS; i++)
        assert_int_equal(all->count[i], i < count ? times : 0);
}

static numc_context *open_threads(int32_t threads)
{
    return numc_open(&(numc_options){.threads = threads});
}

static int allow_threads(void **state)
{
    (void)state;
    creations_allowed = 1000000;
    return 0;
}

static void every_index_runs_once(void **state)
{
    (void)state;
    for (int32_t threads = 1; threads <= 5; threads++) {
        numc_context *context = open_threads(threads);
        assert_int_equal(numc__thread_count(context->core), threads);
        static const int64_t counts[] = {-1, 0, 1, 2, 3, 7, 64, 1000, ITEMS};
        for (int round = 0; round < 20; round++) {
            for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
                items all = {.core = context->core};
                numc__parallel_for(context->core, counts[i], mark, &all);
                assert_each(&all, counts[i], 1);
            }
        }
        numc_close(context);
    }
}

static void the_pool_is_made_when_there_is_work(void **state)
{
    (void)state;
    numc_context *context = open_threads(3);
    items all = {.core = context->core};
    long before = creations_allowed;
    numc__parallel_for(context->core, 1, mark, &all);
    assert_int_equal(creations_allowed, before);
    assert_null(context->core->slots[NUMC_SLOT_THREADS]);
    numc__parallel_for(context->core, 2, mark, &all);
    assert_int_equal(creations_allowed, before - 2);
    numc__parallel_for(context->core, 2, mark, &all);
    assert_int_equal(creations_allowed, before - 2);
    numc_close(context);
}

static void calls_nest(void **state)
{
    (void)state;
    numc_context *context = open_threads(4);
    for (int round = 0; round < 20; round++) {
        items all = {.core = context->core};
        numc__parallel_for(context->core, 100, mark_nested, &all);
        assert_each(&all, 100, 40);
    }
    numc_close(context);
}

/* Chains, each with large operations, on one pool. */
typedef struct chains {
    numc_core *core;
    items each[6];
    int watched;
} chains;

static void chain(void *user, int64_t index)
{
    chains *all = user;
    for (int i = 0; i < 30; i++)
        numc__parallel_for(all->core, 200, i % 2 ? mark : mark_nested, &all->each[index]);
}

static void many_callers_share_the_pool(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        numc_context *context = open_threads(3);
        static chains all;
        memset(&all, 0, sizeof all);
        all.core = context->core;
        for (int i = 0; i < 6; i++)
            all.each[i].core = context->core;
        numc__threads_run(context->core, 4, 6, chain, NULL, 0, &all);
        for (int i = 0; i < 6; i++)
            assert_each(&all.each[i], 200, 15 + 15 * 40);
        numc_close(context);
    }
}

/* ---- lanes ---- */

typedef struct owned {
    numc_object object;
    int destroyed;
} owned;

static void count_destroyed(numc_object *object)
{
    ((owned *)(void *)object)->destroyed++;
}

typedef struct lanes {
    numc_context *parents[4]; /* each used by one thread, which makes lanes of its own from it */
    owned objects[4][8];
} lanes;

static void use_lane(void *user, int64_t index)
{
    lanes *all = user;
    numc_context *parent = all->parents[index];
    for (int i = 0; i < 100; i++) {
        numc_context *lane = numc_lane(parent);
        numc_scope(lane) {
            numc__fail(lane, NUMC_VALUE, "chain %d", (int)index);
        }
        numc_object *object = &all->objects[index][i % 8].object;
        object->destroy = count_destroyed;
        numc__object_add(lane->parent, object); /* outlives the lane */
        if (i < 92)
            numc__object_remove(lane->core, object);
        numc__error_join(parent, lane);
        if (i != 50)
            numc_close(lane);
        if (i < 99)
            numc_error_clear(parent);
    }
}

static void lanes_come_and_go_on_many_threads(void **state)
{
    (void)state;
    numc_context *context = open_threads(1);
    lanes all = {0};
    for (int i = 0; i < 4; i++)
        all.parents[i] = numc_lane(context);
    numc__threads_run(context->core, 4, 4, use_lane, NULL, 0, &all);
    assert_int_equal(numc_error_status(context), NUMC_OK);
    assert_int_equal(numc__error_join(context, all.parents[2]), NUMC_VALUE);
    assert_string_equal(numc_error_message(context), "chain 2");
    numc_close(context);
    for (int i = 0; i < 32; i++)
        assert_int_equal(all.objects[i / 8][i % 8].destroyed, 1);
}

/* ---- watching ---- */

typedef struct watched {
    pthread_t caller;
    _Atomic int go, done, on_caller;
    int seen; /* the caller's alone */
} watched;

static void wait_for_go(void *user, int64_t index)
{
    watched *w = user;
    (void)index;
    if (pthread_equal(pthread_self(), w->caller))
        w->on_caller++;
    else
        while (!w->go)
            usleep(100);
    w->done++;
}

static void let_go(void *user)
{
    watched *w = user;
    assert_true(pthread_equal(pthread_self(), w->caller));
    if (++w->seen == 3)
        w->go = 1;
}

static void the_caller_watches(void **state)
{
    (void)state;
    numc_context *context = open_threads(1);
    for (int32_t threads = 1; threads <= 4; threads++) {
        watched w = {.caller = pthread_self()};
        numc__threads_run(context->core, threads, 4, wait_for_go, let_go, 1, &w); /* ends because it is watched */
        assert_int_equal(w.done, 4);
        assert_int_equal(w.on_caller, 0);
        assert_true(w.seen >= 3);
    }
    numc__threads_run(context->core, 4, 0, wait_for_go, let_go, 1, NULL);
    numc_close(context);
}

/* ---- nothing to be had ---- */

static void keep_last(void *user, numc_log_level level, const char *line)
{
    (void)level;
    snprintf(user, 256, "%s", line);
}

static void work_is_done_without_threads(void **state)
{
    (void)state;
    for (long allowed = 0; allowed <= 3; allowed++) {
        char line[256] = "";
        numc_context *context = numc_open(&(numc_options){.threads = 4, .log = keep_last, .log_user = line});
        creations_allowed = allowed;
        items all = {.core = context->core};
        numc__parallel_for(context->core, 500, mark, &all);
        numc__parallel_for(context->core, 500, mark, &all);
        assert_each(&all, 500, 2);
        char expected[256] = "";
        if (allowed < 3)
            snprintf(expected, sizeof expected, "%ld of 3 worker threads could be made", allowed);
        assert_string_equal(line, expected);

        creations_allowed = allowed;
        watched w = {.caller = pthread_self(), .go = 1};
        numc__threads_run(context->core, 3, 5, wait_for_go, let_go, 1, &w);
        assert_int_equal(w.done, 5);
        assert_int_equal(w.on_caller, allowed == 0 ? 5 : 0);
        if (allowed == 0)
            assert_int_equal(w.seen, 5);
        numc_close(context);
    }
}

static void work_is_done_without_memory(void **state)
{
    (void)state;
    failing memory = failing_at(-1);
    numc_context *context =
        numc_open(&(numc_options){.threads = 3, .allocate = failing_allocate, .allocate_user = &memory});
    items all = {.core = context->core};
    memory.fail_at = memory.requests;
    numc__parallel_for(context->core, 300, mark, &all);
    assert_true(memory.failed);
    assert_each(&all, 300, 1);
    memory.failed = 0;
    memory.fail_at = memory.requests;
    numc__threads_run(context->core, 2, 300, mark, NULL, 0, &all);
    assert_true(memory.failed);
    assert_each(&all, 300, 2);
    numc__parallel_for(context->core, 300, mark, &all); /* the pool comes when memory does */
    assert_non_null(context->core->slots[NUMC_SLOT_THREADS]);
    assert_int_equal(numc_error_status(context), NUMC_OK);
    numc_close(context);
    assert_int_equal(memory.blocks, 0);
    assert_int_equal(memory.mistakes, 0);
}

static void a_closing_context_makes_no_pool(void **state)
{
    (void)state;
    numc_context *context = open_threads(3);
    context->core->closing = true; /* as numc_close does before it closes the device, which may call parallel_for */
    items all = {.core = context->core};
    numc__parallel_for(context->core, 100, mark, &all);
    assert_each(&all, 100, 1);
    assert_null(context->core->slots[NUMC_SLOT_THREADS]);
    numc_close(context);
}

/* The child has the memory of the pool, but none of its threads. */
static void a_forked_child_works_alone_and_closes(void **state)
{
    (void)state;
    numc_context *context = open_threads(3);
    items all = {.core = context->core};
    numc__parallel_for(context->core, 300, mark, &all);
    assert_non_null(context->core->slots[NUMC_SLOT_THREADS]);
    pid_t child = fork();
    if (child == 0) {
        alarm(60); /* instead of a hang */
        numc__parallel_for(context->core, 300, mark, &all);
        numc_close(context);
        _exit(all.count[0] == 2 && all.count[299] == 2 ? 0 : 1);
    }
    int status = -1;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    assert_int_equal(status, 0);
    numc__parallel_for(context->core, 300, mark, &all);
    assert_each(&all, 300, 2);
    numc_close(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_index_runs_once, allow_threads),
        cmocka_unit_test_setup(the_pool_is_made_when_there_is_work, allow_threads),
        cmocka_unit_test_setup(calls_nest, allow_threads),
        cmocka_unit_test_setup(many_callers_share_the_pool, allow_threads),
        cmocka_unit_test_setup(lanes_come_and_go_on_many_threads, allow_threads),
        cmocka_unit_test_setup(the_caller_watches, allow_threads),
        cmocka_unit_test_setup(work_is_done_without_threads, allow_threads),
        cmocka_unit_test_setup(work_is_done_without_memory, allow_threads),
        cmocka_unit_test_setup(a_closing_context_makes_no_pool, allow_threads),
        cmocka_unit_test_setup(a_forked_child_works_alone_and_closes, allow_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
