/* The CmdStan CSV writer on a chain made up here: the dialect line by line, column-major order, round trip of every number,
 * a comma locale, and paths that cannot be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/csv.h"

static int open_context(void **state)
{
    *state = numc_open(&(numc_options){.backend = "ref"});
    return *state && numc_error_status(*state) == NUMC_OK ? 0 : -1;
}

static int close_context(void **state)
{
    numc_close(*state);
    return 0;
}

static const int64_t matrix_shape[] = {2, 3}, vector_shape[] = {2}, empty_shape[] = {0};
static const numc_csv_site sites[] = {
    {"mu", 0, NULL}, {"a", 2, matrix_shape}, {"nothing", 1, empty_shape}, {"school/z", 1, vector_shape}};
enum { VALUES = 9, DRAWS = 3 };

/* Values that short decimals cannot hold, and values no number can. */
static double value_at(int64_t draw, int64_t i)
{
    if (draw == 2)
        return i == 0 ? NAN : i == 1 ? INFINITY : i == 2 ? -INFINITY : -0.0;
    return (double)(i + 1) / 3.0 * (draw == 0 ? 1 : 1e-300);
}

static void read_draw(void *user, bool warmup, int64_t draw, numc_draw_statistics *statistics, double *values)
{
    (void)user;
    *statistics = (numc_draw_statistics){.log_density = warmup ? 100 : -1.0 / 3 - (double)draw, .accept_stat = 0.75,
                                         .step_size = 0.5, .energy = 2.5, .tree_depth = 3, .n_leapfrog = 7,
                                         .divergent = draw == 1};
    for (int64_t i = 0; i < VALUES; i++)
        values[i] = value_at(draw, i);
}

static const double metric[] = {0.1, 2, 0.5, 4};

static numc_csv_chain chain_of(numc_metric_kind kind)
{
    return (numc_csv_chain){
        .model = "eight_schools", .id = 2, .seed = 18446744073709551615u, .chains = 4, .threads = 2,
        .draws = DRAWS, .rows = DRAWS, .warmup = 1000, .thin = 1, .delta = 0.8, .gamma = 0.05, .kappa = 0.75, .t0 = 10,
        .init_buffer = 75, .term_buffer = 50, .window = 25, .adapted = true, .nuts = true, .max_depth = 10,
        .metric = kind, .initial_stepsize = 1, .init_radius = 2, .stepsize = 0.5, .dimension = 2,
        .inverse_metric = metric, .warmup_seconds = 1.2344, .sampling_seconds = 0.0004,
        .sites = sites, .site_count = 4, .value_count = VALUES, .read = read_draw};
}

static char *contents(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = calloc(1, 1 << 16);
    assert_non_null(text);
    size_t size = fread(text, 1, (1 << 16) - 1, file);
    assert_true(size > 0 && size < (1 << 16) - 1);
    fclose(file);
    return text;
}

static char *written(numc_context *context, const numc_csv_chain *chain)
{
    char path[] = "/tmp/numc-csv-XXXXXX";
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    close(handle);
    if (numc__csv_write(context, path, chain) != NUMC_OK)
        fail_msg("%s", numc_error_message(context));
    char *text = contents(path);
    unlink(path);
    return text;
}

static void has_line(const char *text, const char *line)
{
    size_t size = strlen(line);
    for (const char *at = text; (at = strstr(at, line)) != NULL; at++)
        if ((at == text || at[-1] == '\n') && at[size] == '\n')
            return;
    fail_msg("no line '%s' in:\n%s", line, text);
}

/* Where the row-major element of each column stands: a.1.1 a.2.1 a.1.2 a.2.2 a.1.3 a.2.3 of a 2 x 3 matrix after mu. */
static const int64_t order[VALUES] = {0, 1, 4, 2, 5, 3, 6, 7, 8};

static void numbers_read_back(const char *text)
{
    const char *row = strstr(text, "\n-0.333");
    assert_non_null(row);
    row++;
    for (int64_t draw = 0; draw < DRAWS; draw++) {
        double numbers[7 + VALUES];
        for (int i = 0; i < 7 + VALUES; i++) {
            char *end;
            numbers[i] = strtod(row, &end); /* of this program's C locale */
            assert_ptr_not_equal(end, row);
            assert_int_equal(*end, i == 6 + VALUES ? '\n' : ',');
            row = end + 1;
        }
        assert_true(numbers[0] == -1.0 / 3 - (double)draw && numbers[1] == 0.75 && numbers[2] == 0.5);
        assert_true(numbers[3] == 3 && numbers[4] == 7 && numbers[5] == (draw == 1) && numbers[6] == 2.5);
        for (int i = 0; i < VALUES; i++) {
            double expected = value_at(draw, order[i]);
            assert_true(isnan(expected) ? isnan(numbers[7 + i]) : numbers[7 + i] == expected);
        }
    }
    assert_int_equal(*row, '#');
}

static void writes_the_dialect(void **state)
{
    numc_csv_chain chain = chain_of(NUMC_METRIC_DIAGONAL);
    char *text = written(*state, &chain);
    static const char *const lines[] = {
        "# model = eight_schools", "# method = sample (Default)", "#   sample", "#     num_samples = 3",
        "#     num_warmup = 1000 (Default)", "#     save_warmup = 0 (Default)", "#     thin = 1 (Default)", "#     adapt",
        "#       engaged = 1 (Default)", "#       gamma = 0.05 (Default)", "#       delta = 0.8 (Default)",
        "#     algorithm = hmc (Default)", "#         engine = nuts (Default)", "#             max_depth = 10 (Default)",
        "#         metric = diag_e (Default)", "#     num_chains = 4", "# id = 2", "#   seed = 18446744073709551615",
        ("lp__,accept_stat__,stepsize__,treedepth__,n_leapfrog__,divergent__,energy__,"
         "mu,a.1.1,a.2.1,a.1.2,a.2.2,a.1.3,a.2.3,school/z.1,school/z.2"),
        "# Adaptation terminated", "# Step size = 0.5", "# Diagonal elements of inverse mass matrix:", "# 0.1, 2",
        "#  Elapsed Time: 1.234 seconds (Warm-up)", "#                0.000 seconds (Sampling)"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        has_line(text, lines[i]);
    /* The header stands directly before the adaptation's result, and that directly before the first draw. */
    const char *header = strstr(text, "\nlp__"), *adaptation = strstr(text, "\n# Adaptation"), *draw = strstr(text, "\n-0.333");
    assert_true(header && adaptation && draw);
    assert_ptr_equal(strchr(header + 1, '\n'), adaptation);
    assert_ptr_equal(strstr(adaptation, "\n# 0.1, 2") + strlen("\n# 0.1, 2"), draw);
    free(text);
}

static void writes_a_dense_metric(void **state)
{
    numc_csv_chain chain = chain_of(NUMC_METRIC_DENSE);
    char *text = written(*state, &chain);
    has_line(text, "#         metric = dense_e");
    has_line(text, "# Elements of inverse mass matrix:");
    has_line(text, "# 0.1, 2");
    has_line(text, "# 0.5, 4");
    free(text);
    chain.adapted = false;
    text = written(*state, &chain);
    assert_null(strstr(text, "Adaptation terminated"));
    has_line(text, "#       engaged = 0");
    free(text);
    chain = chain_of(NUMC_METRIC_UNIT);
    text = written(*state, &chain);
    has_line(text, "#         metric = unit_e");
    has_line(text, "# No free parameters for unit metric");
    assert_null(strstr(text, "mass matrix"));
    free(text);
}

/* Saved warm-up draws stand between the header and the result of adaptation. */
static void writes_warmup_draws(void **state)
{
    numc_csv_chain chain = chain_of(NUMC_METRIC_DIAGONAL);
    chain.save_warmup = true;
    chain.warmup_rows = 2;
    char *text = written(*state, &chain);
    has_line(text, "#     save_warmup = 1");
    const char *first = strstr(text, "\n100,"), *adaptation = strstr(text, "\n# Adaptation");
    assert_true(first && adaptation && first < adaptation);
    const char *second = strstr(first + 1, "\n100,");
    assert_true(second && second < adaptation && !strstr(second + 1, "\n100,"));
    numbers_read_back(text);
    free(text);
}

static void writes_static_hmc(void **state)
{
    numc_csv_chain chain = chain_of(NUMC_METRIC_DIAGONAL);
    chain.nuts = false;
    chain.int_time = 6.25;
    char *text = written(*state, &chain);
    has_line(text, "#         engine = static");
    has_line(text, "#             int_time = 6.25");
    assert_non_null(strstr(text, "\nlp__,accept_stat__,stepsize__,int_time__,energy__,mu,"));
    assert_non_null(strstr(text, ",0.75,0.5,3.5,2.5,")); /* 7 leapfrogs of 0.5 */
    free(text);
}

static void numbers_survive(void **state)
{
    numc_csv_chain chain = chain_of(NUMC_METRIC_DIAGONAL);
    char *text = written(*state, &chain);
    numbers_read_back(text);
    free(text);
}

static void numbers_survive_a_comma_locale(void **state)
{
    if (!setlocale(LC_ALL, "comma"))
        fail_msg("the locale made by tests/locale is not there: run through meson test");
    numc_csv_chain chain = chain_of(NUMC_METRIC_DIAGONAL);
    char *text = written(*state, &chain);
    setlocale(LC_ALL, "C");
    numbers_read_back(text);
    has_line(text, "#       gamma = 0.05 (Default)");
    has_line(text, "#  Elapsed Time: 1.234 seconds (Warm-up)");
    free(text);
}

static void refuse(numc_context *context, const char *path, const numc_csv_chain *chain, const char *word)
{
    assert_int_equal(numc__csv_write(context, path, chain), NUMC_IO);
    if (!strstr(numc_error_message(context), path) || !strstr(numc_error_message(context), word))
        fail_msg("'%s' or '%s' is not in: %s", path, word, numc_error_message(context));
    numc_error_clear(context);
}

static void names_paths_it_cannot_write(void **state)
{
    numc_csv_chain chain = chain_of(NUMC_METRIC_DIAGONAL);
    refuse(*state, "/no/such/folder/chain_1.csv", &chain, "No such file");
    refuse(*state, "/dev/full", &chain, "No space left");
    assert_int_equal(access("/dev/full", F_OK), 0); /* what is not an ordinary file is not removed */
    refuse(*state, "/tmp", &chain, "directory");
    static const numc_csv_site odd[] = {{"a,b", 0, NULL}};
    chain.sites = odd;
    chain.site_count = 1;
    refuse(*state, "/tmp/numc-never-written.csv", &chain, "a,b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_dialect),
        cmocka_unit_test(writes_a_dense_metric),
        cmocka_unit_test(writes_warmup_draws),
        cmocka_unit_test(writes_static_hmc),
        cmocka_unit_test(numbers_survive),
        cmocka_unit_test(numbers_survive_a_comma_locale),
        cmocka_unit_test(names_paths_it_cannot_write),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
