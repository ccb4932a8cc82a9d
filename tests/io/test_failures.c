/* test_failures.c - every allocation of the JSON reader, Jansson's included, and of the CSV writer may fail: MEMORY and a message,
 * nothing left, and the next call works. One exception is not ours to mend: where Jansson's lexer cannot copy a string, Jansson
 * reports a fault of the text at that place (status PARSE), which only a failed request of Jansson's own may give.
 *
 * libnumc_io allocates with malloc, so its objects are linked with malloc and its kin wrapped; Jansson is given the same. */
#include <jansson.h>
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

static long fail_at = -1; /* the request, from 0 since it was armed, that fails; negative: none */
static long requests, blocks;
static bool failed, failed_in_jansson;

static bool refused(void)
{
    if (requests++ != fail_at)
        return false;
    failed = true;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *pointer, size_t size);
void __real_free(void *pointer);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *pointer, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *pointer);

static void *counted(void *block)
{
    blocks += block != NULL;
    return block;
}

void *__wrap_malloc(size_t size)
{
    return refused() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refused() ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *pointer, size_t size)
{
    if (refused())
        return NULL;
    return pointer == NULL ? counted(__real_realloc(pointer, size)) : __real_realloc(pointer, size);
}

char *__wrap_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = __wrap_malloc(size);
    return copy == NULL ? NULL : memcpy(copy, text, size);
}

void __wrap_free(void *pointer)
{
    blocks -= pointer != NULL;
    __real_free(pointer);
}

static void *jansson_malloc(size_t size)
{
    void *block = __wrap_malloc(size);
    if (block == NULL)
        failed_in_jansson = true;
    return block;
}

/* Runs body with each request failing in turn. The body returns its status, with nothing of its own alive. */
typedef numc_status body_fn(numc_context *context);

static numc_context *context_of_its_own(void)
{
    numc_context *context = numc_open(&(numc_options){.backend = "ref", .threads = 1});
    assert_int_equal(numc_error_status(context), NUMC_OK);
    return context;
}

/* Closes the context. */
static void sweep(numc_context *context, body_fn *body, long at_least)
{
    requests = 0;
    assert_int_equal(body(context), NUMC_OK); /* what is made once is made */
    const long all = requests;
    long n = 0, told = 0;
    for (;; n += n < 200 || n > all - 200 ? 1 : 61) { /* between them lie thousands of numbers, one like the other */
        long before = blocks;
        requests = 0;
        failed = failed_in_jansson = false;
        fail_at = n;
        numc_status status = body(context);
        fail_at = -1;
        if (blocks != before)
            fail_msg("request %ld failing: %ld blocks left", n, blocks - before);
        if (!failed) {
            assert_int_equal(status, NUMC_OK);
            break;
        }
        if (status != NUMC_OK) {
            bool memory = status == NUMC_MEMORY && strstr(numc_error_message(context), "out of memory") != NULL;
            if (numc_error_status(context) != status || !(memory || (status == NUMC_PARSE && failed_in_jansson)))
                fail_msg("request %ld failing: %s: %s", n, numc_status_name(status), numc_error_message(context));
            told += memory;
            numc_error_clear(context);
        }
        before = blocks;
        if (body(context) != NUMC_OK)
            fail_msg("after request %ld failed: %s", n, numc_error_message(context));
        assert_int_equal(blocks, before);
    }
    if (told < at_least)
        fail_msg("only %ld of %ld failures were told", told, n);
    numc_close(context);
}

/* ---- JSON ---- */

static char folder[32], prefix[64], path[80];

/* An object in an object, both dtypes, integers that turn out to be reals, ranks 0 to 3, names that are not found. */
static const char text[] = "{\"N\": 3, \"y\": [1, 2, 3.5, \"nan\"], \"group\": {\"x\": [[1, 2], [3, 4]], \"deep\": {\"z\": [[[0.5]]]}},"
                           " \"name\": \"text\", \"empty\": [], \"sigma\": 1e-3}";

static numc_status use(numc_context *context, numc_json *json)
{
    numc_json_view view;
    double sum = 0;
    if (numc_json_count(json) >= 7 && numc_json_values(json, "group/x", &view) && view.integers != NULL)
        sum += (double)view.integers[3];
    sum += numc_json_number(json, "N") + (double)numc_json_integer(json, "N");
    if (numc_error_status(context) == NUMC_OK && sum != 4 + 3 + 3)
        fail_msg("the values are not those of the file");
    /* a name that is not there: its neighbour is looked for, and a message is written, with or without */
    assert_true(numc_json_number(json, "sigmo") != 0);
    assert_int_equal(numc_error_status(context), NUMC_INVALID_ARGUMENT);
    assert_non_null(strstr(numc_error_message(context), "there is no 'sigmo'"));
    numc_error_clear(context);
    return NUMC_OK;
}

static numc_status read_text(numc_context *context)
{
    numc_json *json = NULL;
    numc_status status = numc_json_read_text(context, text, sizeof text - 1, &json);
    if (status == NUMC_OK)
        status = use(context, json);
    else
        assert_null(json);
    numc_json_free(json);
    return status;
}

static numc_status read_file(numc_context *context)
{
    numc_json *json = NULL;
    numc_status status = numc_json_read_file(context, path, &json);
    if (status == NUMC_OK)
        status = use(context, json);
    else
        assert_null(json);
    numc_json_free(json);
    return status;
}

static void json_allocations_may_fail(void **state)
{
    (void)state;
    json_set_alloc_funcs(jansson_malloc, __wrap_free);
    sweep(context_of_its_own(), read_text, 40);
    snprintf(path, sizeof path, "%s/data.json", folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    /* larger than the first buffer of the reader and of an array: both grow */
    fprintf(file, "%.*s, \"long\": [0", (int)sizeof text - 2, text);
    for (int i = 1; i < 4200; i++)
        fprintf(file, ",%16d", i % 10);
    fprintf(file, "]}");
    assert_int_equal(fclose(file), 0);
    sweep(context_of_its_own(), read_file, 40);
    assert_int_equal(unlink(path), 0);
}

/* ---- CSV ---- */

static numc_status normal(void *user, const double *position, double *log_density, double *gradient)
{
    (void)user;
    *log_density = 0;
    for (int i = 0; i < 2; i++) {
        *log_density -= 0.5 * position[i] * position[i];
        gradient[i] = -position[i];
    }
    return NUMC_OK;
}

static numc_mcmc *sampled;

static numc_status write_csv(numc_context *context)
{
    (void)context;
    return numc_mcmc_write_csv(sampled, prefix);
}

static void csv_allocations_may_fail(void **state)
{
    (void)state;
    numc_context *context = context_of_its_own();
    sampled = numc_mcmc_new_density(context, 2, normal, NULL,
                                    &(numc_mcmc_options){.chains = 2, .warmup = 30, .draws = 10, .save_warmup = true});
    assert_int_equal(numc_mcmc_run(sampled, 5), NUMC_OK);
    sweep(context, write_csv, 5);
    for (int chain = 1; chain <= 2; chain++) {
        snprintf(path, sizeof path, "%s_%d.csv", prefix, chain);
        assert_int_equal(unlink(path), 0);
    }
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/numc-failures-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(prefix, sizeof prefix, "%s/normal", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_allocations_may_fail),
        cmocka_unit_test(csv_allocations_may_fail),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
