/* threads.h - internal: a pool of worker threads per core, made at first use; parallel_for with fixed splitting. */
#ifndef NUMC_BASE_THREADS_H
#define NUMC_BASE_THREADS_H

#include "base/context.h"

/* Runs body(user, i) for 0 <= i < count on up to core->threads threads, the caller included; returns when all are done.
 * Runs on the caller alone when the pool cannot be made or the caller is a pool thread (no nesting). Which thread runs
 * which i is unspecified; results may therefore not depend on it. */
typedef void (*numc_parallel_fn)(void *user, int64_t index);
void numc__parallel_for(numc_core *core, int64_t count, numc_parallel_fn body, void *user);
int32_t numc__thread_count(const numc_core *core);

/* Named threads for chains: count functions on `threads` threads; `watch` runs on the caller every `milliseconds` until all
 * are done. Falls back to running on the caller when no thread can be made. */
void numc__threads_run(numc_core *core, int32_t threads, int64_t count, numc_parallel_fn body,
                       void (*watch)(void *user), int32_t milliseconds, void *user);

#endif
