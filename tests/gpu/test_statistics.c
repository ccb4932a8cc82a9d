/* test_statistics.c - what a device backend counts: its pool gives back what was released, nothing moves between host and device that was
 * not asked for, none of it with each gradient, and nothing runs on the host. The name is the argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../infer/schools.h"
#include "numc/numc.h"

static const char *backend;

static numc_context *opened(void)
{
    return numc_open(&(numc_options){.backend = backend, .jit = NUMC_JIT_OFF, .forbid_fallback = true});
}

static numc_device_statistics counts(const numc_context *context)
{
    numc_statistics all;
    if (numc_error_status(context) != NUMC_OK)
        fail_msg("%s", numc_error_message(context));
    assert_int_equal(numc_statistics_get(context, &all), NUMC_OK);
    assert_int_equal(all.fallbacks, 0);
    return all.device;
}

static numc_array *numbers(numc_context *context, int64_t count)
{
    static double values[5000];
    for (int64_t i = 0; i < count; i++)
        values[i] = 0.25 * (double)(i % 17);
    return numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(count), values);
}

static void nothing_is_known_before_the_device_is_open(void **state)
{
    (void)state;
    numc_context *context = opened();
    assert_int_equal(counts(context).size, 0);
    numc_scope(context) (void)numbers(context, 10);
    assert_int_equal(counts(context).size, sizeof(numc_device_statistics));
    struct {
        numc_statistics known;
        uint64_t newer;
    } longer;
    memset(&longer, 7, sizeof longer);
    assert_int_equal(numc_statistics_get_sized(context, &longer.known, sizeof longer), NUMC_OK); /* a later header's */
    assert_int_equal(longer.newer, 0);
    uint64_t first[2] = {7, 7};
    assert_int_equal(numc_statistics_get_sized(context, (numc_statistics *)(void *)first, sizeof *first), NUMC_OK);
    assert_true(first[0] == longer.known.arrays_live && first[1] == 7);
    numc_close(context);
    context = numc_open(&(numc_options){.backend = "ref"});
    numc_scope(context) (void)numbers(context, 10);
    assert_int_equal(counts(context).size, 0); /* its memory is the host's */
    assert_true(counts(context).allocations == 0);
    numc_close(context);
}

/* An array takes the buffer of one that died, without asking; what a call needs beside its operands is asked for, and had from the pool. */
static void memory_is_taken_again(void **state)
{
    (void)state;
    numc_context *context = opened();
    for (int i = 0; i < 2; i++)
        numc_scope(context) (void)numc_sort(numbers(context, 5000));
    const numc_device_statistics before = counts(context);
    for (int i = 0; i < 10; i++)
        numc_scope(context) (void)numbers(context, 5000);
    numc_device_statistics after = counts(context);
    assert_int_equal(after.allocations, before.allocations);
    assert_int_equal(after.uploads - before.uploads, 10);
    assert_int_equal(after.bytes_uploaded - before.bytes_uploaded, 10 * 5000 * sizeof(double));
    for (int i = 0; i < 10; i++)
        numc_scope(context) (void)numc_sort(numbers(context, 5000));
    after = counts(context);
    assert_true(after.allocations - before.allocations >= 10);
    assert_int_equal(after.allocations - before.allocations, after.from_pool - before.from_pool);
    assert_int_equal(after.downloads, 0);
    assert_int_equal(after.bytes_kept, before.bytes_kept);
    assert_int_equal(after.bytes_peak, before.bytes_peak);
    assert_int_equal(after.bytes_live, before.bytes_live);
    assert_true(after.bytes_kept >= 5000 * sizeof(double) && after.bytes_peak > after.bytes_live);
    numc_scope(context) {
        (void)numc_add(numc_arange(context, NUMC_FLOAT64, 0, 1 << 20, 1), 1.0);
        const numc_device_statistics larger = counts(context);
        assert_true(larger.allocations - after.allocations > larger.from_pool - after.from_pool);
        assert_true(larger.bytes_live >= after.bytes_live + (sizeof(double) << 20) && larger.bytes_peak >= larger.bytes_live);
    }
    numc_close(context);
}

/* sum((A x - 1)^2), whose program is several kernels with products between them */
static void squares(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                    int32_t output_count, void *user)
{
    (void)input_count;
    (void)output_count;
    numc_array *a = numc_reshape(numbers(context, 5000), NUMC_SHAPE(100, 50));
    outputs[0] = numc_sum(numc_square(numc_subtract(numc_matmul(a, (numc_array *)(uintptr_t)inputs[0]), 1.0)));
    (void)user;
}

/* A gradient with operands and results on the device moves nothing to or from it, nor asks for memory that the pool has not. */
static void a_gradient_moves_nothing(void **state)
{
    (void)state;
    enum { CALLS = 20 };
    numc_context *context = opened();
    numc_array *x = numbers(context, 50), *outputs[2];
    const numc_array *inputs[] = {x};
    numc_function *f = numc_function_trace(context, squares, NULL, inputs, 1, 1);
    numc_function *g = numc_function_value_and_gradient(context, f);
    for (int i = 0; i < 3; i++)
        numc_scope(context) (void)numc_function_call(context, g, inputs, 1, outputs, 2);
    const numc_device_statistics before = counts(context);
    for (int i = 0; i < CALLS; i++)
        numc_scope(context) (void)numc_function_call(context, g, inputs, 1, outputs, 2);
    const numc_device_statistics after = counts(context);
    assert_int_equal(after.uploads, before.uploads);
    assert_int_equal(after.downloads, before.downloads);
    assert_true(after.launches + after.recordings_run >= before.launches + before.recordings_run + CALLS);
    assert_int_equal(after.allocations - before.allocations, after.from_pool - before.from_pool);
    assert_int_equal(after.programs_built, before.programs_built);
    assert_int_equal(after.bytes_peak, before.bytes_peak);
    double gradient[50];
    numc_scope(context) {
        assert_int_equal(numc_function_call(context, g, inputs, 1, outputs, 2), NUMC_OK);
        assert_int_equal(numc_to_host(outputs[1], NUMC_FLOAT64, gradient, sizeof gradient), NUMC_OK);
    }
    assert_int_equal(counts(context).downloads, before.downloads + 1); /* which was asked for */
    assert_int_equal(counts(context).bytes_downloaded, before.bytes_downloaded + sizeof gradient);
    numc_close(context);
}

enum { CHAINS = 3, WARMUP = 100, STORED = 4 }; /* mu, tau, z, theta */

/* What a run of so many draws costs; *leapfrogs: of the chain that makes most. */
static numc_device_statistics sampled(numc_context *context, int64_t draws, uint64_t *leapfrogs)
{
    struct schools s = schools_data(context);
    numc_model *model = numc_model_new(context, eight_schools, &s);
    numc_mcmc *mcmc = numc_mcmc_new(model, &(numc_mcmc_options){.chains = CHAINS, .warmup = NUMC_COUNT(WARMUP), .draws = draws,
                                                                .chain_method = NUMC_CHAINS_VECTORIZED});
    const numc_device_statistics before = counts(context);
    if (mcmc == NULL || numc_mcmc_run(mcmc, 20261123) != NUMC_OK)
        fail_msg("%s", numc_error_message(context));
    numc_device_statistics after = counts(context);
    *leapfrogs = 0;
    for (int32_t c = 0; c < CHAINS; c++) {
        uint64_t own = 0;
        for (int64_t i = 0; i < draws; i++)
            own += (uint64_t)numc_mcmc_statistics(mcmc, c)[i].n_leapfrog;
        *leapfrogs = own > *leapfrogs ? own : *leapfrogs;
    }
    numc_mcmc_free(mcmc);
    after.uploads -= before.uploads;
    after.downloads -= before.downloads;
    return after;
}

/* Chains that stay on the device. With each look of the host, after 32 leapfrogs, come down the chains' progress and their draws; what is
 * stored of these is computed for 32 of a chain in one call, positions up and values down. So a leapfrog costs no transfer. */
static void sampling_moves_nothing_with_a_gradient(void **state)
{
    (void)state;
    enum { FEW = 50, MANY = 450, STORING = CHAINS * ((MANY - FEW) / 32 + 1) };
    uint64_t few, many;
    numc_context *context = opened();
    const numc_device_statistics first = sampled(context, FEW, &few), second = sampled(context, MANY, &many);
    const uint64_t leapfrogs = many - few, looks = leapfrogs / 32 + 2;
    const uint64_t up = second.uploads - first.uploads, down = second.downloads - first.downloads;
    print_message("%llu leapfrogs: %llu uploads, %llu downloads\n", (unsigned long long)leapfrogs, (unsigned long long)up, (unsigned long long)down);
    assert_true(leapfrogs > 4 * (MANY - FEW));
    assert_true(up <= STORING && down <= 2 * looks + STORED * STORING);
    assert_true(up + down < leapfrogs / 8);
    numc_close(context);
}

int main(int count, char **words)
{
    if (count != 2) {
        fprintf(stderr, "usage: %s BACKEND\n", words[0]);
        return 2;
    }
    backend = words[1];
    numc_context *context = opened();
    const bool absent = numbers(context, 2) == NULL && numc_error_status(context) == NUMC_BACKEND;
    if (absent)
        printf("skipped: %s\n", numc_error_message(context));
    numc_close(context);
    if (absent)
        return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_before_the_device_is_open),
        cmocka_unit_test(memory_is_taken_again),
        cmocka_unit_test(a_gradient_moves_nothing),
        cmocka_unit_test(sampling_moves_nothing_with_a_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
