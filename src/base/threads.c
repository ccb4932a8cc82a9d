/* threads.c - the worker pool of a core and the threads of chains. One mutex per pool; jobs live on their caller's stack.
 *
 * No deadlock: a caller works on its own job until no index is left to take, then waits only for indices that a worker is
 * running at that moment; workers run nested calls themselves. So no thread ever waits for work that no one has taken up. */
#include "base/threads.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

typedef struct job {
    numc_parallel_fn body;
    void *user;
    int64_t count, chunk;
    _Atomic int64_t next; /* first index not taken yet */
    int workers;          /* pool threads inside the job; under the pool's mutex */
    struct job *following;
} job;

typedef struct pool {
    numc_core *core;
    pthread_mutex_t mutex;
    pthread_cond_t work, done;
    job *first; /* jobs that may have indices left */
    bool quit;
    pid_t process; /* that made it: in a child after fork there are no workers, and its mutex is as fork found it */
    int32_t busy;          /* threads in jobs */
    int32_t wanted, count; /* threads asked for, threads made; fixed before anyone else sees the pool */
    pthread_t threads[];
} pool;

static size_t pool_size(int32_t wanted)
{
    return sizeof(pool) + (size_t)wanted * sizeof(pthread_t);
}

/* Signals belong to the program's own threads: ours are born with all of them blocked. */
int numc__thread_start(pthread_t *thread, void *(*run)(void *), void *user)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return EAGAIN;
    int result = pthread_create(thread, NULL, run, user);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

static void name_thread(const char *name)
{
#if defined(__linux__)
    pthread_setname_np(pthread_self(), name);
#else
    (void)name;
#endif
}

static void run_indices(job *j)
{
    for (;;) {
        int64_t first = atomic_fetch_add_explicit(&j->next, j->chunk, memory_order_relaxed);
        if (first >= j->count)
            return;
        int64_t end = j->count - first < j->chunk ? j->count : first + j->chunk;
        for (int64_t i = first; i < end; i++)
            j->body(j->user, i);
    }
}

/* Takes the job off the list if it is still there; under the mutex. */
static void unlist(pool *p, job *j)
{
    for (job **link = &p->first; *link != NULL; link = &(*link)->following) {
        if (*link == j) {
            *link = j->following;
            return;
        }
    }
}

/* How many threads of the pool may work beside the threads of chains, of which one is the caller of a job. */
static int32_t room(const pool *p)
{
    int32_t crew = atomic_load_explicit(&p->core->crew, memory_order_relaxed);
    return p->core->threads - (crew > 1 ? crew : 1);
}

static void *worker(void *user)
{
    pool *p = user;
    name_thread("numc-pool");
    pthread_mutex_lock(&p->mutex);
    for (;;) {
        job *j = p->first;
        if (j == NULL || p->busy >= room(p)) {
            if (p->quit)
                break;
            pthread_cond_wait(&p->work, &p->mutex);
            continue;
        }
        p->busy++;
        j->workers++;
        pthread_mutex_unlock(&p->mutex);
        run_indices(j);
        pthread_mutex_lock(&p->mutex);
        unlist(p, j); /* nothing is left to take */
        p->busy--;
        if (--j->workers == 0)
            pthread_cond_broadcast(&p->done);
    }
    pthread_mutex_unlock(&p->mutex);
    return NULL;
}

static void pool_destroy(numc_core *core, void *slot)
{
    pool *p = slot;
    if (p->process != getpid()) {
        numc__core_free(core, p, pool_size(p->wanted));
        return;
    }
    pthread_mutex_lock(&p->mutex);
    p->quit = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->mutex);
    for (int32_t i = 0; i < p->count; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->mutex);
    numc__core_free(core, p, pool_size(p->wanted));
}

static pool *pool_make(numc_core *core)
{
    int32_t wanted = core->threads - 1;
    pool *p = numc__core_allocate(core, pool_size(wanted));
    if (p == NULL)
        return NULL;
    *p = (pool){.core = core, .process = getpid(), .wanted = wanted};
    if (pthread_mutex_init(&p->mutex, NULL) != 0)
        goto no_mutex;
    if (pthread_cond_init(&p->work, NULL) != 0)
        goto no_work;
    if (pthread_cond_init(&p->done, NULL) != 0)
        goto no_done;
    while (p->count < wanted && numc__thread_start(&p->threads[p->count], worker, p) == 0)
        p->count++;
    return p;
no_done:
    pthread_cond_destroy(&p->work);
no_work:
    pthread_mutex_destroy(&p->mutex);
no_mutex:
    numc__core_free(core, p, pool_size(wanted));
    return NULL;
}

/* The pool, made at the first call; NULL when it cannot be made now, or the context is closing. */
static pool *pool_get(numc_core *core)
{
    pthread_mutex_lock(&core->base_lock);
    pool *p = core->slots[NUMC_SLOT_THREADS];
    bool fresh = p == NULL && !core->closing;
    if (fresh) {
        p = pool_make(core);
        core->slots[NUMC_SLOT_THREADS] = p;
        core->slot_destroy[NUMC_SLOT_THREADS] = pool_destroy;
    }
    pthread_mutex_unlock(&core->base_lock);
    if (fresh && (p == NULL || p->count < p->wanted))
        numc__log(core, NUMC_LOG_WARNING, "%d of %d worker threads could be made", p == NULL ? 0 : (int)p->count,
                  (int)core->threads - 1);
    return p;
}

static bool is_worker(const pool *p)
{
    pthread_t self = pthread_self();
    for (int32_t i = 0; i < p->count; i++) {
        if (pthread_equal(self, p->threads[i]))
            return true;
    }
    return false;
}

int32_t numc__thread_count(const numc_core *core)
{
    return core->threads;
}

void numc__parallel_for(numc_core *core, int64_t count, numc_parallel_fn body, void *user)
{
    if (count <= 0)
        return;
    pool *p = count == 1 || core->threads < 2 ? NULL : pool_get(core);
    if (p == NULL || p->count == 0 || p->process != getpid() || room(p) < 1 || is_worker(p)) {
        for (int64_t i = 0; i < count; i++)
            body(user, i);
        return;
    }
    /* Many small indices are taken several at a time: eight shares per thread leave enough to even out unequal ones. */
    int64_t shares = 8 * ((int64_t)p->count + 1);
    job mine = {.body = body, .user = user, .count = count, .chunk = count <= shares ? 1 : count / shares};
    pthread_mutex_lock(&p->mutex);
    mine.following = p->first;
    p->first = &mine;
    int64_t helpers = count - 1;
    if (helpers >= p->count) {
        pthread_cond_broadcast(&p->work);
    } else {
        for (; helpers > 0; helpers--)
            pthread_cond_signal(&p->work);
    }
    pthread_mutex_unlock(&p->mutex);
    run_indices(&mine);
    pthread_mutex_lock(&p->mutex);
    unlist(p, &mine);
    while (mine.workers > 0)
        pthread_cond_wait(&p->done, &p->mutex);
    pthread_mutex_unlock(&p->mutex);
}

/* ---- threads of their own, for work that takes long ---- */

typedef struct crew {
    numc_core *core;
    numc_parallel_fn body;
    void *user;
    int64_t count;
    _Atomic int64_t next;
    pthread_mutex_t mutex;
    pthread_cond_t done;
    int32_t running; /* threads that have not finished; under the mutex */
} crew;

static void *crew_member(void *user)
{
    crew *c = user;
    name_thread("numc-chain");
    for (;;) {
        int64_t i = atomic_fetch_add_explicit(&c->next, 1, memory_order_relaxed);
        if (i >= c->count)
            break;
        c->body(c->user, i);
    }
    atomic_fetch_sub_explicit(&c->core->crew, 1, memory_order_relaxed);
    pthread_mutex_lock(&c->mutex);
    if (--c->running == 0)
        pthread_cond_signal(&c->done);
    pthread_mutex_unlock(&c->mutex);
    return NULL;
}

static void run_here(int64_t count, numc_parallel_fn body, void (*watch)(void *user), void *user)
{
    for (int64_t i = 0; i < count; i++) {
        body(user, i);
        if (watch != NULL)
            watch(user);
    }
}

/* A condition whose timed waits are not moved by changes of the wall clock. */
static int steady_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return EAGAIN;
    int result = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (result == 0)
        result = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return result;
}

static struct timespec later(struct timespec time, int32_t milliseconds)
{
    int64_t nanoseconds = time.tv_nsec + (int64_t)milliseconds % 1000 * 1000000;
    time.tv_sec += milliseconds / 1000 + (time_t)(nanoseconds / 1000000000);
    time.tv_nsec = (long)(nanoseconds % 1000000000);
    return time;
}

/* Returns when no member runs; under the mutex, which is let go while watching. */
static void wait_for_crew(crew *c, void (*watch)(void *user), int32_t milliseconds)
{
    while (c->running > 0) {
        if (watch == NULL) {
            pthread_cond_wait(&c->done, &c->mutex);
            continue;
        }
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until = later(until, milliseconds < 1 ? 1 : milliseconds);
        int result = 0;
        while (c->running > 0 && result != ETIMEDOUT)
            result = pthread_cond_timedwait(&c->done, &c->mutex, &until);
        if (c->running > 0) {
            pthread_mutex_unlock(&c->mutex);
            watch(c->user);
            pthread_mutex_lock(&c->mutex);
        }
    }
}

void numc__threads_run(numc_core *core, int32_t threads, int64_t count, numc_parallel_fn body,
                       void (*watch)(void *user), int32_t milliseconds, void *user)
{
    if (count <= 0)
        return;
    int32_t wanted = threads < 1 ? 1 : threads;
    if (wanted > count)
        wanted = (int32_t)count;
    pthread_t *members = NULL;
    if (wanted > 1 || watch != NULL)
        members = numc__core_allocate(core, (size_t)wanted * sizeof *members);
    if (members == NULL) { /* no memory, or nothing that a second thread would be good for */
        run_here(count, body, watch, user);
        return;
    }
    crew c = {.core = core, .body = body, .user = user, .count = count};
    bool have_mutex = pthread_mutex_init(&c.mutex, NULL) == 0;
    bool have_condition = have_mutex && steady_condition(&c.done) == 0;
    int32_t made = 0;
    if (have_condition) {
        pthread_mutex_lock(&c.mutex); /* no member can finish before all are counted */
        atomic_fetch_add_explicit(&core->crew, wanted, memory_order_relaxed);
        while (made < wanted && numc__thread_start(&members[made], crew_member, &c) == 0)
            made++;
        atomic_fetch_sub_explicit(&core->crew, wanted - made, memory_order_relaxed);
        c.running = made;
        wait_for_crew(&c, watch, milliseconds);
        pthread_mutex_unlock(&c.mutex);
    }
    for (int32_t i = 0; i < made; i++)
        pthread_join(members[i], NULL);
    if (have_condition)
        pthread_cond_destroy(&c.done);
    if (have_mutex)
        pthread_mutex_destroy(&c.mutex);
    numc__core_free(core, members, (size_t)wanted * sizeof *members);
    if (made == 0)
        run_here(count, body, watch, user);
}
