/* test_memory.c - a device whose memory ends while vectorised chains are made or run: the error says so, draws made before stay, and
 * in the same context, once there is memory again, the run ends with the bits it would have had. Argument: the plugin of
 * failing_loader.c. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_loader.h"
#include "../infer/schools.h"
#include "numc/numc.h"

enum { CHAINS = 6, WARMUP = 30, DRAWS = 40, SCALARS = 18, HELD = CHAINS * DRAWS * SCALARS };

static const char *plugin;
static device_buffers *buffers;
static double expected[HELD];
static long needed; /* buffers, in a context that lacks nothing */

/* The model and its sampler, or NULL and an error. */
static numc_mcmc *make(numc_context *context, struct schools *s, numc_mcmc_progress_fn progress)
{
    *s = schools_data(context);
    numc_model *model = numc_model_new(context, eight_schools, s);
    const numc_mcmc_options options = {.chains = CHAINS, .warmup = WARMUP, .draws = DRAWS, .interval = 1, .progress = progress,
                                       .chain_method = NUMC_CHAINS_VECTORIZED};
    return model == NULL ? NULL : numc_mcmc_new(model, &options);
}

/* Draws that every chain has made; each is the one expected. */
static int64_t check_draws(const numc_mcmc *mcmc)
{
    const int64_t count = numc_mcmc_draw_count(mcmc, -1);
    for (int64_t k = 0; k < SCALARS && count > 0; k++) {
        numc_draws d;
        assert_int_equal(numc_mcmc_scalar_draws(mcmc, k, &d), NUMC_OK);
        for (int64_t c = 0; c < CHAINS; c++)
            for (int64_t i = 0; i < count; i++)
                assert_memory_equal(&d.values[c * d.chain_stride + i * d.draw_stride], &expected[(k * CHAINS + c) * DRAWS + i],
                                    sizeof(double));
    }
    return count;
}

static void memory_ended(numc_context *context)
{
    assert_int_equal(numc_error_status(context), NUMC_MEMORY);
    if (strstr(numc_error_message(context), "allocating memory") == NULL
        || strstr(numc_error_message(context), "the context can still be used") == NULL)
        fail_msg("%s", numc_error_message(context));
    numc_error_clear(context);
}

/* The first array loads the plugin. */
static numc_context *loaded(void)
{
    numc_context *context = numc_open(&(numc_options){.backend = plugin, .jit = NUMC_JIT_OFF});
    numc_scope(context) (void)numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(1));
    return context;
}

static numc_context *opened(void)
{
    numc_context *context = loaded();
    if (numc_error_status(context) != NUMC_OK)
        fail_msg("%s", numc_error_message(context));
    return context;
}

/* With buffers ending at some point between the first and the last that the chains need. */
static void memory_may_end_anywhere(void **state)
{
    (void)state;
    enum { POINTS = 4 };
    int64_t told = 0;
    for (long point = 0; point < POINTS; point++) {
        numc_context *context = opened();
        const long granted = point * (needed - 1) / (POINTS - 1);
        atomic_store(&buffers->asked, 0);
        atomic_store(&buffers->granted, granted);
        struct schools s;
        numc_mcmc *mcmc = make(context, &s, NULL);
        if (mcmc == NULL || numc_mcmc_run(mcmc, 20261122) != NUMC_OK) {
            told++;
            memory_ended(context);
        }
        if (mcmc != NULL)
            (void)check_draws(mcmc);
        atomic_store(&buffers->granted, -1);
        if (mcmc == NULL)
            mcmc = make(context, &s, NULL);
        if (mcmc == NULL || numc_mcmc_run(mcmc, 20261122) != NUMC_OK)
            fail_msg("after %ld buffers, with memory again: %s", granted, numc_error_message(context));
        assert_int_equal(check_draws(mcmc), DRAWS);
        numc_close(context);
    }
    assert_true(told >= 2);
}

/* From the middle of a run on: chains have what they need by then, so the run ends; what else asks for memory is told. */
static numc_status ends(void *user, const numc_mcmc_progress *progress)
{
    (void)user;
    if (progress->done[0] >= WARMUP / 2)
        atomic_store(&buffers->granted, 0);
    return NUMC_OK;
}

static void chains_that_run_need_no_more(void **state)
{
    (void)state;
    numc_context *context = opened();
    struct schools s;
    numc_mcmc *mcmc = make(context, &s, ends);
    if (mcmc == NULL || numc_mcmc_run(mcmc, 20261122) != NUMC_OK)
        fail_msg("%s", numc_error_message(context));
    assert_int_equal(check_draws(mcmc), DRAWS);
    assert_int_equal(atomic_load(&buffers->granted), 0);
    static double many[1 << 17]; /* more than is left of what the chains gave back */
    numc_scope(context) {
        assert_null(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(1 << 17), many));
        memory_ended(context);
        atomic_store(&buffers->granted, -1);
        assert_non_null(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(1 << 17), many));
    }
    numc_close(context);
}

static int measure(void **state)
{
    (void)state;
    numc_context *context = opened();
    void *object = dlopen(plugin, RTLD_NOW | RTLD_NOLOAD);
    buffers = object == NULL ? NULL : dlsym(object, "numc_test_buffers");
    assert_non_null(buffers);
    atomic_store(&buffers->asked, 0);
    struct schools s;
    numc_mcmc *mcmc = make(context, &s, NULL);
    if (mcmc == NULL || numc_mcmc_run(mcmc, 20261122) != NUMC_OK)
        fail_msg("%s", numc_error_message(context));
    needed = atomic_load(&buffers->asked);
    assert_true(needed > 4);
    assert_int_equal(numc_mcmc_scalar_count(mcmc), SCALARS);
    for (int64_t k = 0; k < SCALARS; k++) {
        numc_draws d;
        assert_int_equal(numc_mcmc_scalar_draws(mcmc, k, &d), NUMC_OK);
        for (int64_t c = 0; c < CHAINS; c++)
            for (int64_t i = 0; i < DRAWS; i++)
                expected[(k * CHAINS + c) * DRAWS + i] = d.values[c * d.chain_stride + i * d.draw_stride];
    }
    numc_close(context);
    return dlclose(object);
}

int main(int argc, char **argv)
{
    plugin = argc > 1 ? argv[1] : "";
    numc_context *context = loaded();
    const bool missing = numc_error_status(context) != NUMC_OK && strstr(numc_error_message(context), "no device") != NULL;
    if (missing)
        print_message("skipped: %s\n", numc_error_message(context));
    numc_close(context);
    if (missing)
        return 77;
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_may_end_anywhere), cmocka_unit_test(chains_that_run_need_no_more)};
    return cmocka_run_group_tests_name("memory of a device", tests, measure, NULL);
}
