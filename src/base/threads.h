/* threads.h - internal: a pool of worker threads per core, made at first use; threads for chains. */
#ifndef NUMC_BASE_THREADS_H
#define NUMC_BASE_THREADS_H

#include "base/context.h"

/* Runs body(user, i) for 0 <= i < count on up to core->threads threads, the caller included; returns when all are done and
 * what they wrote can be seen. Runs on the caller alone when the pool cannot be made or the caller is a pool thread (no
 * nesting). Several threads may call at once; their jobs share the pool, of which as many threads rest as others than
 * the caller run in numc__threads_run. Which thread runs which i is unspecified; results may
 * therefore not depend on it. An index should be worth some microseconds: waking the pool costs about ten. */
typedef void (*numc_parallel_fn)(void *user, int64_t index);
void numc__parallel_for(numc_core *core, int64_t count, numc_parallel_fn body, void *user);
/* As pthread_create, with every signal blocked in the new thread. */
int numc__thread_start(pthread_t *thread, void *(*run)(void *), void *user);
/* Threads that a large operation may use, the caller included: the option, or one per core. */
int32_t numc__thread_count(const numc_core *core);

/* Threads for chains: body(user, i) for 0 <= i < count, in order of i, on `threads` new threads; `watch`, which may be NULL,
 * runs on the caller about every `milliseconds` until all are done. When no thread can be made everything runs on the caller,
 * `watch` after each i; so a body must not wait for another one. The bodies may use numc__parallel_for. */
void numc__threads_run(numc_core *core, int32_t threads, int64_t count, numc_parallel_fn body,
                       void (*watch)(void *user), int32_t milliseconds, void *user);

#endif
