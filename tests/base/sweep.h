/* sweep.h - for tests: a body runs once for each allocation it makes, with that one failing (sweep_allocations). Every time the body
 * ends with the right result or with the error MEMORY, and after the error is cleared the same context gives the right result; nothing
 * leaks. Where a body opens its contexts itself and knows what is right: sweep_passes. Include after cmocka.h. */
#ifndef NUMC_TESTS_SWEEP_H
#define NUMC_TESTS_SWEEP_H

#include <math.h>
#include <stdio.h>

#include "failing.h"
#ifndef SWEEP_THREADS
#define SWEEP_THREADS 1
#endif
#include "numc/array.h"

/* Computes something and returns one number made of all of it; NAN or anything where an error is pending. */
typedef double sweep_body(numc_context *context, void *user);

static inline const char *sweep_backend(void)
{
    const char *name = getenv("NUMC_BACKEND");
    return name != NULL && name[0] != '\0' ? name : "ref";
}

/* told_at_least: how many failures must have reached the body as errors, so that a sweep over nothing cannot pass. A body that
 * hides its own failure from the library (a NULL it did not look at) shows as another status than MEMORY. */
static inline void sweep_allocations(const char *what, sweep_body *body, void *user, long told_at_least)
{
    double right = NAN;
    long told = 0;
    for (long n = -1;; n++) { /* the first pass, without failure, gives the value */
        failing f = failing_at(n);
        numc_options options = {.backend = sweep_backend(), .allocate = failing_allocate, .allocate_user = &f, .threads = SWEEP_THREADS};
        numc_context *context = numc_open(&options);
        if (context != NULL && numc_error_status(context) == NUMC_OK) {
            double result = NAN;
            numc_scope(context) result = body(context, user);
            if (numc_error_status(context) != NUMC_OK) {
                if (!f.failed || numc_error_status(context) != NUMC_MEMORY)
                    fail_msg("%s, request %ld failing: %s", what, n, numc_error_message(context));
                told++;
                numc_error_clear(context);
                numc_scope(context) result = body(context, user);
                if (numc_error_status(context) != NUMC_OK)
                    fail_msg("%s, again after request %ld failed: %s", what, n, numc_error_message(context));
            }
            if (n < 0)
                right = result;
            if (!(result == right)) /* NaN is not a result */
                fail_msg("%s: %.17g after request %ld failed, %.17g without", what, result, n, right);
        } else if (!f.failed) {
            fail_msg("%s: %s", what, numc_error_message(context));
        }
        numc_close(context);
        if (f.blocks != 0 || f.mistakes != 0)
            fail_msg("%s, request %ld failing: %ld blocks left, %ld mistakes", what, n, (long)f.blocks, (long)f.mistakes);
        if (n >= 0 && !f.failed)
            break;
        if (n > 20000)
            fail_msg("%s: more than 20000 allocations", what);
    }
    if (told < told_at_least / failing_every())
        fail_msg("%s: only %ld failures were told", what, told);
}

/* A pass opens its contexts with failing_allocate and closes them; it is to make this many allocations at least. */
static inline void sweep_passes(void (*pass)(failing *memory), long at_least)
{
    long n = 0;
    for (bool failed = true; failed; n += failed) {
        failing memory = failing_at(n);
        pass(&memory);
        if (memory.blocks != 0 || memory.mistakes != 0)
            fail_msg("request %ld failing: %ld blocks left, %ld mistakes", n, (long)memory.blocks, (long)memory.mistakes);
        failed = memory.failed;
        if (n > 20000)
            fail_msg("more than 20000 allocations");
    }
    if (n < at_least / failing_every())
        fail_msg("only %ld allocations were made", n);
}

#endif
