/* A sampler's draws through numc_mcmc_write_csv and back: every number, chain by chain; and what cannot be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "numc/io.h"

enum { CHAINS = 2, WARMUP = 60, DRAWS = 25, DIMENSION = 3 };

static numc_status normal(void *user, const double *position, double *log_density, double *gradient)
{
    (void)user;
    *log_density = 0;
    for (int i = 0; i < DIMENSION; i++) {
        *log_density -= 0.5 * position[i] * position[i] / (i + 1);
        gradient[i] = -position[i] / (i + 1);
    }
    return NUMC_OK;
}

typedef struct fixture {
    numc_context *context;
    char folder[32], prefix[64], path[80];
} fixture;

static int set_up(void **state)
{
    static fixture f;
    f.context = numc_open(&(numc_options){.backend = "ref"});
    strcpy(f.folder, "/tmp/numc-mcmc-csv-XXXXXX");
    if (!mkdtemp(f.folder) || !f.context)
        return -1;
    snprintf(f.prefix, sizeof f.prefix, "%s/normal", f.folder);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    numc_close(f->context);
    for (int c = 1; c <= CHAINS; c++) {
        snprintf(f->path, sizeof f->path, "%s_%d.csv", f->prefix, c);
        unlink(f->path);
    }
    return rmdir(f->folder);
}

static numc_mcmc *sampled(fixture *f, bool save_warmup)
{
    static const char *const names[] = {"alpha", "beta", "gamma"};
    numc_mcmc *mcmc = numc_mcmc_new_density(f->context, DIMENSION, normal, NULL,
                                            &(numc_mcmc_options){.chains = CHAINS, .warmup = WARMUP, .draws = DRAWS,
                                                                 .save_warmup = save_warmup, .names = names});
    if (!mcmc || numc_mcmc_run(mcmc, 5) != NUMC_OK)
        fail_msg("%s", numc_error_message(f->context));
    return mcmc;
}

static char *contents(fixture *f, int chain)
{
    snprintf(f->path, sizeof f->path, "%s_%d.csv", f->prefix, chain + 1);
    FILE *file = fopen(f->path, "rb");
    if (!file)
        fail_msg("%s is not there", f->path);
    char *text = calloc(1, 1 << 17);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 17) - 1, file) < (1 << 17) - 1);
    fclose(file);
    return text;
}

/* One line of comma-separated numbers; returns the start of the next line. */
static const char *row_of(const char *line, double *numbers, int count)
{
    for (int i = 0; i < count; i++) {
        char *end;
        numbers[i] = strtod(line, &end);
        assert_ptr_not_equal(end, line);
        assert_int_equal(*end, i == count - 1 ? '\n' : ',');
        line = end + 1;
    }
    return line;
}

static void check_row(const double *numbers, const numc_draw_statistics *statistics, const double *values)
{
    assert_true(numbers[0] == statistics->log_density && numbers[1] == statistics->accept_stat);
    assert_true(numbers[2] == statistics->step_size && numbers[3] == statistics->tree_depth);
    assert_true(numbers[4] == statistics->n_leapfrog && numbers[5] == statistics->divergent);
    assert_true(numbers[6] == statistics->energy);
    assert_memory_equal(numbers + 7, values, DIMENSION * sizeof *values);
}

static void draws_read_back(void **state)
{
    fixture *f = *state;
    for (int save_warmup = 0; save_warmup < 2; save_warmup++) {
        numc_mcmc *mcmc = sampled(f, save_warmup);
        assert_int_equal(numc_mcmc_write_csv(mcmc, f->prefix), NUMC_OK);
        for (int c = 0; c < CHAINS; c++) {
            char *text = contents(f, c), wanted[64];
            snprintf(wanted, sizeof wanted, "\n# id = %d%s\n", c + 1, c == 0 ? " (Default)" : "");
            assert_non_null(strstr(text, wanted));
            assert_non_null(strstr(text, "\n# model = normal\n"));
            assert_non_null(strstr(text, "\n#   seed = 5\n"));
            assert_non_null(strstr(text, "\n#     num_warmup = 60\n"));
            const char *line = strstr(text, "\nlp__,accept_stat__,stepsize__,treedepth__,n_leapfrog__,divergent__,energy__,"
                                            "alpha,beta,gamma\n");
            assert_non_null(line);
            line = strchr(line + 1, '\n') + 1;
            double numbers[7 + DIMENSION];
            for (int d = 0; save_warmup && d < WARMUP; d++) {
                line = row_of(line, numbers, 7 + DIMENSION);
                check_row(numbers, &numc_mcmc_warmup_statistics(mcmc, c)[d],
                          numc_mcmc_warmup_values(mcmc, c) + d * DIMENSION);
            }
            static const char adapted[] = "# Adaptation terminated\n# Step size = ";
            assert_memory_equal(line, adapted, sizeof adapted - 1);
            assert_true(strtod(line + sizeof adapted - 1, NULL) == numc_mcmc_step_size(mcmc, c));
            line = strstr(line, "\n# Diagonal elements of inverse mass matrix:\n# ");
            assert_non_null(line);
            line = strchr(line + 1, '\n') + 3;
            line = row_of(line, numbers, DIMENSION);
            assert_memory_equal(numbers, numc_mcmc_inverse_metric(mcmc, c), DIMENSION * sizeof *numbers);
            for (int d = 0; d < DRAWS; d++) {
                double values[DIMENSION];
                for (int i = 0; i < DIMENSION; i++) {
                    numc_draws draws;
                    assert_int_equal(numc_mcmc_scalar_draws(mcmc, i, &draws), NUMC_OK);
                    values[i] = draws.values[c * draws.chain_stride + d * draws.draw_stride];
                }
                line = row_of(line, numbers, 7 + DIMENSION);
                check_row(numbers, &numc_mcmc_statistics(mcmc, c)[d], values);
            }
            static const char times[] = "# \n#  Elapsed Time: ";
            assert_memory_equal(line, times, sizeof times - 1);
            free(text);
        }
        numc_mcmc_free(mcmc);
    }
}

static void says_what_cannot_be_written(void **state)
{
    fixture *f = *state;
    numc_mcmc *mcmc = sampled(f, false);
    assert_int_equal(numc_mcmc_write_csv(mcmc, "/no/such/folder/run"), NUMC_IO);
    assert_non_null(strstr(numc_error_message(f->context), "/no/such/folder/run_1.csv"));
    assert_int_equal(numc_mcmc_write_csv(mcmc, f->prefix), NUMC_IO); /* refuses to start: an error is pending */
    snprintf(f->path, sizeof f->path, "%s_1.csv", f->prefix);
    assert_int_equal(access(f->path, F_OK), -1);
    numc_error_clear(f->context);
    assert_int_equal(symlink("/dev/full", f->path), 0);
    assert_int_equal(numc_mcmc_write_csv(mcmc, f->prefix), NUMC_IO);
    assert_non_null(strstr(numc_error_message(f->context), f->path));
    assert_non_null(strstr(numc_error_message(f->context), "No space left"));
    numc_error_clear(f->context);
    unlink(f->path);
    assert_int_equal(numc_mcmc_write_csv(mcmc, NULL), NUMC_INVALID_ARGUMENT);
    numc_error_clear(f->context);
    assert_int_equal(numc_mcmc_write_csv(NULL, f->prefix), NUMC_INVALID_ARGUMENT);
}

/* Names whose columns a reader could not tell apart, or not read at all. */
static void says_which_name_is_no_column(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *names[DIMENSION];
        const char *message; /* NULL: written */
    } rows[] = {
        {{"alpha", "lp__", "gamma"}, "'lp__' ends in __"},
        {{"alpha", "beta", "__"}, "'__' ends in __"},
        {{"theta.1", "theta", "gamma"}, "'theta.1' reads as an element of 'theta'"},
        {{"theta", "beta", "theta.10.2"}, "'theta.10.2' reads as an element of 'theta'"},
        {{"na\xefve", "beta", "gamma"}, "'na?ve' (its other bytes as ?) is not UTF-8"},
        {{"a\xc0\xaf", "beta", "gamma"}, "is not UTF-8"},     /* two bytes for what one says */
        {{"a\xed\xa0\x80", "beta", "gamma"}, "is not UTF-8"}, /* half of a pair of UTF-16 */
        {{"a\xf4\x90\x80\x80", "b", "c"}, "is not UTF-8"},    /* above U+10FFFF */
        {{"a\xe2\x82", "beta", "gamma"}, "is not UTF-8"},     /* cut short */
        {{"theta.", "theta", "theta.x"}, NULL},
        {{"theta.1x", "theta", "theta_1"}, NULL},
        {{"\xce\xb1", "\xe2\x82\xac", "\xf0\x9d\x9b\xbc"}, NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        numc_mcmc *mcmc = numc_mcmc_new_density(f->context, DIMENSION, normal, NULL,
                                                &(numc_mcmc_options){.chains = 1, .names = rows[i].names});
        if (mcmc == NULL)
            fail_msg("row %zu: %s", i, numc_error_message(f->context));
        snprintf(f->path, sizeof f->path, "%s_1.csv", f->prefix);
        assert_int_equal(numc_mcmc_write_csv(mcmc, f->prefix), rows[i].message == NULL ? NUMC_OK : NUMC_IO);
        assert_int_equal(access(f->path, F_OK), rows[i].message == NULL ? 0 : -1);
        if (rows[i].message != NULL && strstr(numc_error_message(f->context), rows[i].message) == NULL)
            fail_msg("row %zu: %s", i, numc_error_message(f->context));
        numc_error_clear(f->context);
        unlink(f->path);
        numc_mcmc_free(mcmc);
    }
}

/* Before any run there are no draws and nothing adapted, and the file says so. */
static void writes_an_empty_run(void **state)
{
    fixture *f = *state;
    numc_mcmc *mcmc = numc_mcmc_new_density(f->context, DIMENSION, normal, NULL, &(numc_mcmc_options){.chains = 1});
    assert_int_equal(numc_mcmc_write_csv(mcmc, f->prefix), NUMC_OK);
    char *text = contents(f, 0);
    const char *line = strstr(text, "\nlp__,");
    assert_non_null(line);
    line = strchr(line + 1, '\n') + 1;
    assert_memory_equal(line, "# \n#  Elapsed Time: 0.000", 24);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(draws_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_what_cannot_be_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_which_name_is_no_column, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writes_an_empty_run, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
