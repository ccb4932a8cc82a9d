/* posterior.c - samples a posterior and compares every parameter's mean and sd with the reference's.
 *
 * Reference and sample are independent, so |mine - reference| / sqrt(mcse_mine^2 + mcse_reference^2) is about standard normal. The
 * bound 4.5 is passed by chance with probability 7e-6 per comparison, 3e-3 over the about 460 comparisons of the folder; seeds
 * are fixed, so a run repeats.
 *
 * A chain that mixes badly widens its own tolerance, so the effective sample size has a floor: a tenth of the draws, 400 of 4000.
 * That is the least at which R-hat and mcse may be relied on (Vehtari et al. 2021, section 4: 50 for each of 8 half chains), and it
 * holds the mean's error to sd / 20. The least of these posteriors' is 886 of 4000 (kilpisjarvi), and such an estimate has an error
 * of about a tenth. */
#include "posterior.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../base/effort.h"

static const posterior *tested;
static int64_t factor = 1; /* of the draws */
static bool vectorized;
static double starts[4 * 16]; /* of four chains, where the posterior names a centre */

/* Within 1/2 of the centre, evenly spread. */
static const double *spread_starts(void)
{
    if (tested->centre == NULL)
        return NULL;
    assert_true(tested->dimension <= 16);
    for (int i = 0; i < 4 * tested->dimension; i++) {
        const double turns = 0.6180339887498949 * i; /* multiples of the golden ratio, modulo one */
        starts[i] = tested->centre[i % tested->dimension] - 0.5 + (turns - (double)(int)turns);
    }
    return starts;
}

static numc_model *open_model(numc_context *context)
{
    char path[4096];
    numc_json *json = NULL;
    posterior_path(path, sizeof path, NULL, tested, "data.json");
    if (numc_json_read_file(context, path, &json) == NUMC_OK)
        tested->prepare(context, json, tested->data);
    numc_json_free(json);
    numc_model *model = numc_model_new(context, tested->model, tested->data);
    if (model == NULL)
        fail_msg("%s", numc_error_message(context));
    return model;
}

/* "theta[3]" of the reference is element 2 of site theta. */
static int64_t scalar_of(const numc_mcmc *mcmc, const char *reference)
{
    char wanted[256], name[256];
    const char *bracket = strchr(reference, '[');
    if (bracket == NULL)
        snprintf(wanted, sizeof wanted, "%s", reference);
    else
        snprintf(wanted, sizeof wanted, "%.*s[%d]", (int)(bracket - reference), reference, atoi(bracket + 1) - 1);
    for (int64_t k = 0; k < numc_mcmc_scalar_count(mcmc); k++) {
        numc_mcmc_scalar_name(mcmc, k, name, sizeof name);
        if (strcmp(name, wanted) == 0)
            return k;
    }
    fail_msg("the model has no %s", wanted);
    return -1;
}

static void compare(const char *name, const char *what, double mine, double error, double reference, double reference_error)
{
    double z = (mine - reference) / sqrt(error * error + reference_error * reference_error);
    if (!(fabs(z) <= 4.5))
        fail_msg("%s of %s: %.6g (mcse %.2g), reference %.6g (mcse %.2g): %.1f errors apart", what, name, mine, error, reference,
                 reference_error, z);
}

static void test_moments(void **unused)
{
    (void)unused;
    STATISTICS();
    char path[4096];
    json_error_t json_error;
    numc_context *context = numc_open(NULL);
    if (numc_error_status(context) != NUMC_OK)
        fail_msg("%s", numc_error_message(context));
    numc_model *model = open_model(context);
    numc_mcmc_options options = {.draws = 1000 * factor, .init_positions = spread_starts(),
                                 .chain_method = vectorized ? NUMC_CHAINS_VECTORIZED : NUMC_CHAINS_PARALLEL};
    numc_mcmc *mcmc = numc_mcmc_new(model, &options);
    if (mcmc == NULL || numc_mcmc_run(mcmc, 20261122) != NUMC_OK)
        fail_msg("%s", numc_error_message(context));
    posterior_path(path, sizeof path, NULL, tested, "reference.json");
    json_t *root = json_load_file(path, 0, &json_error);
    assert_non_null(root);
    const char *name;
    json_t *entry;
    int compared = 0;
    json_object_foreach(json_object_get(root, "parameters"), name, entry) {
        int64_t scalar = scalar_of(mcmc, name);
        numc_summary row;
        numc_draws draws;
        double sd_error;
        assert_int_equal(numc_mcmc_summary(mcmc, scalar, 1, &row), NUMC_OK);
        assert_int_equal(numc_mcmc_scalar_draws(mcmc, scalar, &draws), NUMC_OK);
        assert_int_equal(numc_diagnostic_mcse_sd(context, &draws, &sd_error), NUMC_OK);
        compare(name, "mean", row.mean, row.mcse, json_number_value(json_object_get(entry, "mean")),
                json_number_value(json_object_get(entry, "mcse_mean")));
        compare(name, "sd", row.sd, sd_error, json_number_value(json_object_get(entry, "sd")),
                json_number_value(json_object_get(entry, "mcse_sd")));
        if (!(row.rhat < 1.02)) /* 4 chains of 1000 draws: R-hat of a converged run stays below 1.01 but for rare exceptions */
            fail_msg("%s: R-hat is %.4f", name, row.rhat);
        const double least = 0.1 * (double)(draws.chains * draws.draws);
        if (!(row.ess_bulk > least && row.ess_tail > least))
            fail_msg("%s: ess_bulk %.0f, ess_tail %.0f: less than %.0f", name, row.ess_bulk, row.ess_tail, least);
        compared++;
    }
    json_decref(root);
    assert_true(compared > 0);
    numc_close(context);
}

/* Native code is for memory of the host. */
static bool on_a_device(void)
{
    const char *backend = getenv("NUMC_BACKEND");
    return backend != NULL && (strncmp(backend, "opencl", 6) == 0 || strncmp(backend, "cuda", 4) == 0);
}

/* The draws are the same bits for 1, 2 and 4 threads, and with native code (the last round, where there is a
 * compiler). */
static void test_threads(void **unused)
{
    (void)unused;
    double *first = NULL;
    size_t size = 0;
    for (int32_t threads = 1; threads <= (on_a_device() ? 4 : 8); threads *= 2) {
        numc_options how = {.jit = threads < 8 ? NUMC_JIT_OFF : NUMC_JIT_ON};
        numc_context *context = numc_open(&how);
        numc_model *model = open_model(context);
        numc_mcmc_options options = {.warmup = 100, .draws = 50, .threads = threads, .init_positions = spread_starts(),
                                     .chain_method = vectorized ? NUMC_CHAINS_VECTORIZED : NUMC_CHAINS_PARALLEL, .batch = 2};
        numc_mcmc *mcmc = numc_mcmc_new(model, &options);
        if (mcmc == NULL || numc_mcmc_run(mcmc, 7) != NUMC_OK) {
            if (threads == 8 && strstr(numc_error_message(context), "no C compiler") != NULL) {
                numc_close(context);
                break;
            }
            fail_msg("%s", numc_error_message(context));
        }
        if (threads == 8) {
            numc_statistics statistics;
            assert_int_equal(numc_statistics_get(context, &statistics), NUMC_OK);
            assert_true(statistics.programs_native > 0);
        }
        for (int32_t s = 0; s < numc_mcmc_site_count(mcmc); s++) {
            numc_mcmc_site site;
            assert_int_equal(numc_mcmc_site_at(mcmc, s, &site), NUMC_OK);
            if (s == 0 && first == NULL) {
                size = 0;
                for (int32_t k = 0; k < numc_mcmc_site_count(mcmc); k++) {
                    numc_mcmc_site other;
                    assert_int_equal(numc_mcmc_site_at(mcmc, k, &other), NUMC_OK);
                    size += (size_t)(other.chains * other.draws * other.size);
                }
                first = calloc(size, sizeof *first);
                assert_non_null(first);
            }
        }
        size_t at = 0;
        for (int32_t s = 0; s < numc_mcmc_site_count(mcmc); s++) {
            numc_mcmc_site site;
            assert_int_equal(numc_mcmc_site_at(mcmc, s, &site), NUMC_OK);
            for (int64_t c = 0; c < site.chains; c++)
                for (int64_t d = 0; d < site.draws; d++)
                    for (int64_t i = 0; i < site.size; i++, at++) {
                        double value = site.values[c * site.chain_stride + d * site.draw_stride + i];
                        if (threads == 1)
                            first[at] = value;
                        else if (memcmp(&first[at], &value, sizeof value) != 0)
                            fail_msg("%s, chain %lld, draw %lld: %.17g on 1 thread, %.17g on %d", site.name, (long long)c,
                                     (long long)d, first[at], value, threads);
                    }
        }
        assert_int_equal(at, size);
        numc_close(context);
    }
    free(first);
}

/* FOLDER [--long] [--vectorized]: five times the draws; the chains in one program, two at a time where threads are tested. */
int main(int argc, char **argv)
{
    tested = argc > 1 ? posterior_find(argv[1]) : NULL;
    if (tested == NULL) {
        fprintf(stderr, "the first argument is one of\n");
        for (int k = 0; k < POSTERIOR_COUNT; k++)
            fprintf(stderr, "  %s\n", posterior_at(k)->folder);
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        vectorized = vectorized || strcmp(argv[i], "--vectorized") == 0;
        factor = strcmp(argv[i], "--long") == 0 ? 5 : factor;
    }
    char path[4096];
    posterior_path(path, sizeof path, NULL, tested, "data.json");
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        printf("skipped: no posteriordb at %s (set NUMC_POSTERIORDB)\n", path);
        return 77;
    }
    fclose(file);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests_name(tested->folder, tests, NULL, NULL);
}
