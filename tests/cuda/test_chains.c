/* Chains that stay on a CUDA device, over the stand-in for the driver, which counts: what a leapfrog is made of, and that the host never
 * waits for all that it has asked for. */
#include <dlfcn.h>

#include "../infer/support.h"
#include "fake.h"
#include "infer/driver.h"
#include "numc/linalg.h"

static fake_cuda *fake;

static int find_driver(void **state)
{
    (void)state;
    char path[4096];
    const char *folder = getenv("NUMC_FAKE_CUDA");
    if (folder == NULL)
        return 1;
    (void)snprintf(path, sizeof path, "%s/driver/libcuda.so.1", folder);
    void *driver = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    fake = driver != NULL ? dlsym(driver, "fake") : NULL;
    (void)snprintf(path, sizeof path, "%s/driver:%s", folder, folder);
    return fake == NULL || setenv("NUMC_CUDA_PATH", path, 1) != 0 || setenv("NUMC_BACKEND", "cuda", 1) != 0;
}

static int forget_driver(void **state)
{
    (void)state;
    if (fake->mistakes > 0)
        print_error("%s\n", fake->mistake);
    return fake->mistakes != 0;
}

/* ---- models ---- */

enum { ROWS = 60, COLUMNS = 3, LOOK = NUMC_LOOK };

/* X b of all chains is a product of matrices: a call of the device's, so a leapfrog is several kernels. */
static void logistic(numc_run *run, void *user)
{
    numc_array **data = user;
    numc_array *alpha = numc_sample(run, "alpha", numc_normal(run, 0, 3)), *beta = NULL;
    numc_plate(run, "column", COLUMNS) {
        beta = numc_sample(run, "beta", numc_normal(run, 0, 1));
    }
    numc_array *eta = numc_add(alpha, numc_matmul(numc_data(run, "X", data[0]), beta));
    numc_plate(run, "row", ROWS) {
        numc_observe(run, "y", numc_bernoulli_logits(run, eta), data[1]);
    }
}

static void logistic_data(numc_array *data[2])
{
    double x[ROWS * COLUMNS], y[ROWS];
    for (int i = 0; i < ROWS; i++) {
        double eta = 0.3;
        for (int j = 0; j < COLUMNS; j++) {
            x[i * COLUMNS + j] = sin(1.7 * i + 2.3 * j * j + 0.1 * i * j);
            eta += 0.4 * (j - 1) * x[i * COLUMNS + j];
        }
        y[i] = eta + 2 * cos(5.1 * i) > 0;
    }
    data[0] = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(ROWS, COLUMNS), x);
    data[1] = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(ROWS), y);
}

/* ---- tests ---- */

/* What a run of so many transitions, the first one left out, asks of the driver. */
static fake_cuda asked(numc_model_fn callback, void *data, int64_t warmup, int64_t draws, bool loops)
{
    numc_mcmc *mcmc = sampler(callback, data, &(numc_mcmc_options){.chains = 5, .warmup = NUMC_COUNT(warmup), .draws = draws, .max_tree_depth = 4,
                                                                   .chain_method = NUMC_CHAINS_VECTORIZED});
    assert_int_equal(numc_mcmc_step(mcmc, 5, -1), NUMC_OK); /* the host finds the starting points */
    const numc_resident *resident = mcmc->groups[0].resident;
    assert_true(resident != NULL && numc__resident_loops(resident) == loops);
    const fake_cuda before = *fake;
    run_ok(mcmc, 5);
    fake_cuda made = *fake;
    made.graph_launches -= before.graph_launches;
    made.launches -= before.launches;
    made.uploads -= before.uploads;
    made.downloads -= before.downloads;
    made.waits -= before.waits;
    made.dry -= before.dry;
    numc_mcmc_free(mcmc);
    print_message("%ld graphs, %ld kernels, %ld uploads, %ld downloads, %ld waits, %ld of them for all\n", made.graph_launches, made.launches,
                  made.uploads, made.downloads, made.waits, made.dry);
    return made;
}

/* What runs of two lengths share, sending, compiling, recording, fetching, is not of the leapfrogs. */
static void a_leapfrog_is_one_graph(void **state)
{
    (void)state;
    numc_array *data[2];
    logistic_data(data);
    const fake_cuda small = asked(logistic, data, 50, 1, false), large = asked(logistic, data, 200, 1, false);
    const long leapfrogs = large.graph_launches - small.graph_launches, looks = leapfrogs / LOOK;
    assert_int_equal((small.graph_launches - 1 + 3) % LOOK, 0); /* one for the results to begin with; the first three are kernels, then one graph */
    assert_int_equal(leapfrogs % LOOK, 0);
    assert_true(looks >= 20);
    assert_int_equal(large.launches - small.launches, looks); /* the machines hear of a look */
    assert_int_equal(large.downloads - small.downloads, 2 * looks); /* progress and records */
    assert_int_equal(large.uploads, small.uploads);
    assert_int_equal(large.dry, small.dry); /* nothing is waited for before the next leapfrogs are in the queue */
}

/* What is stored of draws is another program, run for 32 draws of a chain at a time, behind leapfrogs and in front of others: nobody
 * waits for all that is in the queue, but at the end. */
static void storing_does_not_stop_the_leapfrogs(void **state)
{
    (void)state;
    numc_array *data[2];
    logistic_data(data);
    const fake_cuda small = asked(logistic, data, 20, 100, false), large = asked(logistic, data, 20, 420, false);
    const long stores = large.uploads - small.uploads;
    assert_in_range(stores, 320 / LOOK, 2 * 320 / LOOK); /* chains are not all as far */
    assert_int_equal(large.dry, small.dry);
}

static void a_small_density_is_one_kernel_a_look(void **state)
{
    (void)state;
    struct schools data = schools_data(context);
    const fake_cuda small = asked(eight_schools, &data, 50, 1, true), large = asked(eight_schools, &data, 200, 1, true);
    const long looks = large.launches - small.launches;
    assert_int_equal(large.graph_launches, 0);
    assert_true(looks >= 20);
    assert_int_equal(large.downloads - small.downloads, 2 * looks);
    assert_int_equal(large.uploads, small.uploads);
    assert_int_equal(large.dry, small.dry);
}

/* Each observation is an array of its own, more of them than the kernel with the density takes: they go apart. */
enum { SCALARS = 40 };
static void scalars(numc_run *run, void *user)
{
    numc_array *mu = numc_sample(run, "mu", numc_normal(run, 0, 5));
    for (int k = 0; k < SCALARS; k++) {
        char name[16];
        snprintf(name, sizeof name, "y%d", k);
        numc_observe(run, name, numc_normal(run, mu, 1), ((numc_array **)user)[k]);
    }
}

static void many_arrays_keep_the_density_apart(void **state)
{
    (void)state;
    numc_array *data[SCALARS];
    for (int k = 0; k < SCALARS; k++)
        data[k] = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(1), &(double){0.01 * k});
    const fake_cuda made = asked(scalars, data, 50, 10, false);
    assert_true(made.graph_launches > 0);
}

/* A product of matrices adds 60 terms in another order than a matrix and a vector: errors of 1e-14 in a gradient near 10, which the
 * path of a transition of some 10 leapfrogs stretches by less than 1e3. Ten draws stay on the device; three are looked at. */
static void draws_are_those_of_the_host(void **state)
{
    (void)state;
    numc_array *data[2];
    numc_mcmc *both[2];
    logistic_data(data);
    for (int by = 0; by < 2; by++) {
        both[by] = sampler(logistic, data, &(numc_mcmc_options){.warmup = NUMC_COUNT(0), .draws = 10, .chains = 3, .init_zero = true, .step_size = 0.1,
                                                                .max_tree_depth = 5, .no_adaptation = true,
                                                                .chain_method = by == 0 ? NUMC_CHAINS_SEQUENTIAL : NUMC_CHAINS_VECTORIZED});
        const long graphs = fake->graph_launches;
        run_ok(both[by], 8);
        assert_true(by == 0 || fake->graph_launches - graphs >= 2 * LOOK);
    }
    for (int32_t c = 0; c < 3; c++)
        for (int64_t i = 0; i < 3; i++) {
            assert_int_equal(numc_mcmc_statistics(both[0], c)[i].n_leapfrog, numc_mcmc_statistics(both[1], c)[i].n_leapfrog);
            for (int k = 0; k < 1 + COLUMNS; k++)
                ASSERT_NEAR(draw_of(both[1], c, i)[k], draw_of(both[0], c, i)[k], 1e-9);
        }
    numc_mcmc_free(both[0]);
    numc_mcmc_free(both[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_leapfrog_is_one_graph, open_context, close_context),
        cmocka_unit_test_setup_teardown(storing_does_not_stop_the_leapfrogs, open_context, close_context),
        cmocka_unit_test_setup_teardown(a_small_density_is_one_kernel_a_look, open_context, close_context),
        cmocka_unit_test_setup_teardown(many_arrays_keep_the_density_apart, open_context, close_context),
        cmocka_unit_test_setup_teardown(draws_are_those_of_the_host, open_context, close_context),
    };
    return cmocka_run_group_tests(tests, find_driver, forget_driver);
}
