/* support.h - for the tests of samplers: the context that each test finds open, samplers or a failure that says why, draws compared,
 * a density that counts, answers and cancels. */
#ifndef NUMC_TESTS_INFER_SUPPORT_H
#define NUMC_TESTS_INFER_SUPPORT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../base/effort.h"
#include "../base/need.h"
#include "../base/sweep.h"
#include "densities.h"
#include "numc/mcmc.h"
#include "schools.h"

static numc_context *context;

static inline int open_context(void **state)
{
    (void)state;
    context = numc_open(NULL);
    return context == NULL || numc_error_status(context) != NUMC_OK;
}

static inline int close_context(void **state)
{
    (void)state;
    assert_int_equal(numc_error_status(context), NUMC_OK); /* each test clears what it provokes */
    numc_close(context);
    return 0;
}

static inline void expect_error(numc_status status, const char *part)
{
    assert_int_equal(numc_error_status(context), status);
    if (strstr(numc_error_message(context), part) == NULL)
        fail_msg("message \"%s\" lacks \"%s\"", numc_error_message(context), part);
    numc_error_clear(context);
}

#define ASSERT_NEAR(is, wanted, tolerance)                                                         \
    do {                                                                                           \
        double is_ = (is), wanted_ = (wanted);                                                     \
        if (!(fabs(is_ - wanted_) <= (tolerance)))                                                 \
            fail_msg("%s is %.17g, not %.17g", #is, is_, wanted_);                                 \
    } while (0)

/* ---- samplers ---------------------------------------------------------------------------------------------------- */

static inline numc_mcmc *sampler_of(numc_model *model, const numc_mcmc_options *options)
{
    numc_mcmc *mcmc = numc_mcmc_new(model, options);
    if (mcmc == NULL)
        fail_msg("%s", numc_error_message(context));
    return mcmc;
}

static inline numc_mcmc *sampler(numc_model_fn callback, void *user, const numc_mcmc_options *options)
{
    return sampler_of(numc_model_new(context, callback, user), options);
}

static inline void run_ok(numc_mcmc *mcmc, uint64_t seed)
{
    numc_status status = numc_mcmc_run(mcmc, seed);
    if (status != NUMC_OK)
        fail_msg("%s: %s", numc_status_name(status), numc_error_message(context));
}

/* Draw i of a chain: its values lie behind one another. */
static inline const double *draw_of(const numc_mcmc *mcmc, int32_t chain, int64_t i)
{
    numc_draws d;
    assert_int_equal(numc_mcmc_scalar_draws(mcmc, 0, &d), NUMC_OK);
    return d.values + chain * d.chain_stride + i * d.draw_stride;
}

static inline void same_draws(const numc_mcmc *a, const numc_mcmc *b)
{
    size_t scalars = (size_t)numc_mcmc_scalar_count(a);
    assert_int_equal(numc_mcmc_chain_count(a), numc_mcmc_chain_count(b));
    for (int32_t c = 0; c < numc_mcmc_chain_count(a); c++) {
        int64_t count = numc_mcmc_draw_count(a, c);
        assert_true(count > 0);
        assert_int_equal(count, numc_mcmc_draw_count(b, c));
        for (int64_t i = 0; i < count; i++) {
            const numc_draw_statistics *u = &numc_mcmc_statistics(a, c)[i], *v = &numc_mcmc_statistics(b, c)[i];
            if (memcmp(draw_of(a, c, i), draw_of(b, c, i), scalars * sizeof(double)) != 0)
                fail_msg("chain %d, draw %d differ: %.17g and %.17g", (int)c, (int)i, draw_of(a, c, i)[0], draw_of(b, c, i)[0]);
            assert_true(u->log_density == v->log_density && u->energy == v->energy && u->step_size == v->step_size);
            assert_true(u->n_leapfrog == v->n_leapfrog && u->tree_depth == v->tree_depth && u->divergent == v->divergent);
        }
        assert_true(numc_mcmc_step_size(a, c) == numc_mcmc_step_size(b, c));
    }
}

/* ---- a density of one's own ---------------------------------------------------------------------------------------- */

typedef struct subject {
    density_fn density;
    int dimension;
    _Atomic long evaluations;
    long event_at; /* evaluation at which something happens; 0: never */
    numc_status answer; /* what the density answers then, unless... */
    numc_mcmc *cancel;  /* ...it cancels this instead */
    _Atomic int inside;
    _Atomic bool overlapped;
} subject;

static inline numc_status call(void *user, const double *q, double *log_density, double *gradient)
{
    subject *s = user;
    if (atomic_fetch_add(&s->inside, 1) != 0)
        atomic_store(&s->overlapped, true);
    long number = atomic_fetch_add(&s->evaluations, 1) + 1;
    bool fine = s->density(s->dimension, q, log_density, gradient);
    atomic_fetch_sub(&s->inside, 1);
    if (number == s->event_at) {
        if (s->cancel == NULL)
            return s->answer;
        numc_mcmc_cancel(s->cancel);
    }
    return fine ? NUMC_OK : NUMC_REJECT;
}

static inline numc_mcmc *make(subject *s, const numc_mcmc_options *options)
{
    numc_mcmc *mcmc = numc_mcmc_new_density(context, s->dimension, call, s, options);
    if (mcmc == NULL)
        fail_msg("%s", numc_error_message(context));
    return mcmc;
}

#endif
