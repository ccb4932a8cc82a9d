/* The Stan JSON reader: values, shapes and dtypes; every refusal with its place; truncation at every byte; a comma locale. */
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

#include "numc/io.h"

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

static numc_json *read_good(numc_context *context, const char *text)
{
    numc_json *json = NULL;
    numc_status status = numc_json_read_text(context, text, strlen(text), &json);
    if (status != NUMC_OK)
        fail_msg("%s", numc_error_message(context));
    return json;
}

/* Reading fails with the status, and the message holds every one of the words. */
static void read_bad(numc_context *context, const char *text, numc_status expected, const char *const *words)
{
    numc_json *json = (numc_json *)context; /* must be overwritten */
    numc_status status = numc_json_read_text(context, text, strlen(text), &json);
    assert_int_equal(status, expected);
    assert_null(json);
    for (; *words; words++)
        if (!strstr(numc_error_message(context), *words))
            fail_msg("'%s' is not in: %s", *words, numc_error_message(context));
    assert_null(strchr(numc_error_message(context), '\n'));
    numc_error_clear(context);
}
#define READ_BAD(context, text, status, ...) read_bad(context, text, status, (const char *const[]){__VA_ARGS__, NULL})

static void reads_numbers_and_arrays(void **state)
{
    numc_json *json = read_good(*state, "{\"N\": 3, \"x\": -2.5e-3, \"y\": [1, 2, -3], \"m\": [[1, 2.5], [3, 4], [5, 6]]}");
    numc_json_view view;
    assert_int_equal(numc_json_integer(json, "N"), 3);
    assert_true(numc_json_number(json, "N") == 3.0);
    assert_true(numc_json_number(json, "x") == -2.5e-3);
    assert_true(numc_json_values(json, "N", &view));
    assert_int_equal(view.rank, 0);
    assert_int_equal(view.count, 1);
    assert_true(numc_json_values(json, "y", &view));
    assert_int_equal(view.rank, 1);
    assert_int_equal(view.shape[0], 3);
    assert_null(view.reals);
    assert_int_equal(view.integers[2], -3);
    assert_true(numc_json_values(json, "m", &view)); /* one real number makes the whole array real; rows come first */
    assert_int_equal(view.rank, 2);
    assert_int_equal(view.shape[0], 3);
    assert_int_equal(view.shape[1], 2);
    assert_null(view.integers);
    static const double rows[] = {1, 2.5, 3, 4, 5, 6};
    assert_memory_equal(view.reals, rows, sizeof rows);
    assert_int_equal(numc_json_count(json), 4);
    assert_string_equal(numc_json_name(json, 0), "N");
    assert_string_equal(numc_json_name(json, 3), "m");
    assert_null(numc_json_name(json, 4));
    numc_json_free(json);
}

static void reads_values_json_cannot_write(void **state)
{
    numc_json *json = read_good(*state, "{\"a\": [1, \"NaN\", \"+inf\", \"-inf\", \"Infinity\", \"-Infinity\", \"Inf\", \"nan\"],"
                                        "\"b\": \"-INFINITY\"}");
    numc_json_view view;
    assert_true(numc_json_values(json, "a", &view));
    assert_int_equal(view.count, 8);
    assert_true(view.reals[0] == 1.0);
    assert_true(isnan(view.reals[1]) && isnan(view.reals[7]));
    assert_true(view.reals[2] == INFINITY && view.reals[3] == -INFINITY && view.reals[4] == INFINITY);
    assert_true(view.reals[5] == -INFINITY && view.reals[6] == INFINITY);
    assert_true(numc_json_number(json, "b") == -INFINITY);
    numc_json_free(json);
}

static void keeps_integers_exact(void **state)
{
    numc_json *json = read_good(*state, "{\"a\": [9223372036854775807, -9223372036854775808, 9007199254740993]}");
    numc_json_view view;
    assert_true(numc_json_values(json, "a", &view));
    assert_true(view.integers[0] == INT64_MAX && view.integers[1] == INT64_MIN);
    assert_true(view.integers[2] == INT64_C(9007199254740993));
    numc_json_free(json);
    READ_BAD(*state, "{\"a\":\n 9223372036854775808}", NUMC_PARSE, "line 2", "column", "integer");
}

static void reads_zero_sizes(void **state)
{
    numc_json *json = read_good(*state, "{\"a\": [], \"b\": [[], []], \"c\": [[[]]]}");
    numc_json_view view;
    assert_true(numc_json_values(json, "a", &view));
    assert_true(view.rank == 1 && view.shape[0] == 0 && view.count == 0 && !view.reals);
    assert_true(numc_json_values(json, "b", &view));
    assert_true(view.rank == 2 && view.shape[0] == 2 && view.shape[1] == 0);
    assert_true(numc_json_values(json, "c", &view));
    assert_true(view.rank == 3 && view.shape[0] == 1 && view.shape[1] == 1 && view.shape[2] == 0);
    numc_json_free(json);
}

static void grows_large_arrays(void **state)
{
    enum { COUNT = 20000 };
    char *text = malloc(COUNT * 8 + 32);
    assert_non_null(text);
    size_t used = (size_t)sprintf(text, "{\"a\": [0");
    for (int i = 1; i < COUNT; i++)
        used += (size_t)sprintf(text + used, ",%d%s", i, i == COUNT - 1 ? ".5" : ""); /* real only at the end */
    sprintf(text + used, "]}");
    numc_json *json = read_good(*state, text);
    numc_json_view view;
    assert_true(numc_json_values(json, "a", &view));
    assert_int_equal(view.shape[0], COUNT);
    for (int i = 0; i < COUNT - 1; i++)
        assert_true(view.reals[i] == (double)i);
    assert_true(view.reals[COUNT - 1] == COUNT - 0.5);
    numc_json_free(json);
    free(text);
}

static void reaches_into_objects(void **state)
{
    numc_json *json = read_good(*state, "{\"t\": {\"1\": 2, \"2\": [1.5]}, \"p\": {\"theta[1]\": {\"mean\": 4.5}}}");
    numc_json_view view;
    assert_int_equal(numc_json_integer(json, "t/1"), 2);
    assert_true(numc_json_values(json, "t/2", &view) && view.rank == 1);
    assert_true(numc_json_number(json, "p/theta[1]/mean") == 4.5);
    numc_json_free(json);
    READ_BAD(*state, "{\"a\": {\"b\": 1}, \"a/b\": 2}", NUMC_PARSE, "a/b");
}

static void makes_arrays(void **state)
{
    numc_context *context = *state;
    numc_json *json = read_good(context, "{\"N\": 3, \"m\": [[1, 2.5], [3, 4]], \"none\": [[], []]}");
    numc_scope(context)
    {
        numc_array *m = numc_json_array(json, "m"), *n = numc_json_array(json, "N"), *none = numc_json_array(json, "none");
        double values[4];
        assert_int_equal(numc_array_dtype(m), NUMC_FLOAT64);
        assert_int_equal(numc_array_rank(m), 2);
        assert_int_equal(numc_to_host(m, NUMC_FLOAT64, values, sizeof values), NUMC_OK);
        assert_true(values[0] == 1 && values[1] == 2.5 && values[2] == 3 && values[3] == 4);
        assert_int_equal(numc_array_dtype(n), NUMC_INT64);
        assert_int_equal(numc_array_rank(n), 0);
        assert_int_equal(numc_item_integer(n), 3);
        assert_int_equal(numc_array_size(none), 0);
        assert_int_equal(numc_array_shape(none)[0], 2);
        assert_int_equal(numc_error_status(context), NUMC_OK);
        assert_null(numc_json_array(json, "mm"));
        assert_non_null(strstr(numc_error_message(context), "did you mean 'm'"));
        numc_error_clear(context);
    }
    numc_json_free(json);
}

static void offers_the_nearest_name(void **state)
{
    numc_context *context = *state;
    numc_json *json = read_good(context, "{\"sigma\": 1, \"y\": [1.5], \"title\": \"schools\", \"mixed\": [1, null]}");
    numc_json_view view;
    assert_false(numc_json_values(json, "sgima", &view));
    assert_non_null(strstr(numc_error_message(context), "did you mean 'sigma'"));
    numc_error_clear(context);
    assert_false(numc_json_values(json, "completely_different", &view));
    assert_null(strstr(numc_error_message(context), "did you mean"));
    assert_int_equal(numc_error_status(context), NUMC_INVALID_ARGUMENT);
    numc_error_clear(context);
    assert_true(isnan(numc_json_number(json, "y")));
    assert_int_equal(numc_error_status(context), NUMC_SHAPE);
    numc_error_clear(context);
    assert_false(numc_json_values(json, "title", &view));
    assert_int_equal(numc_error_status(context), NUMC_DTYPE);
    assert_non_null(strstr(numc_error_message(context), "'title' holds text"));
    numc_error_clear(context);
    assert_false(numc_json_values(json, "mixed", &view));
    assert_non_null(strstr(numc_error_message(context), "null"));
    numc_error_clear(context);
    assert_true(numc_json_has(json, "title") && !numc_json_has(json, "sgima"));
    numc_json_free(json);
    json = read_good(context, "{\"n\": 2.0}");
    assert_int_equal(numc_json_integer(json, "n"), 0);
    assert_int_equal(numc_error_status(context), NUMC_DTYPE);
    numc_error_clear(context);
    numc_json_free(json);
}

static void refuses_ragged_arrays(void **state)
{
    READ_BAD(*state, "{\"y\": [[1, 2], [3]]}", NUMC_PARSE, "y[2] is an array of length 1", "length 2");
    READ_BAD(*state, "{\"y\": [[1, 2], 3]}", NUMC_PARSE, "y[2] is a number", "length 2");
    READ_BAD(*state, "{\"y\": [1, [2]]}", NUMC_PARSE, "y[2] is an array", "a number");
    READ_BAD(*state, "{\"y\": [[], [1]]}", NUMC_PARSE, "y[2] is an array of length 1", "length 0");
    READ_BAD(*state, "{\"y\": [[[1], [2]], [[3], [4, 5]]]}", NUMC_PARSE, "y[2][2] is an array of length 2");
    READ_BAD(*state, "{\"y\": [[[]], []]}", NUMC_PARSE, "y[2] is an array of length 0");
    READ_BAD(*state, "{\"t\": {\"1\": [[1], [1, 2]]}}", NUMC_PARSE, "t/1[2]");
}

static void refuses_duplicate_names(void **state)
{
    READ_BAD(*state, "{\"y\": 1,\n \"y\": 2}", NUMC_PARSE, "line 2", "column", "uplicate", "y");
}

static char *nested(const char *open, const char *close, size_t depth)
{
    size_t a = strlen(open), b = strlen(close);
    char *text = calloc(1, depth * (a + b) + 16);
    assert_non_null(text);
    strcpy(text, "{\"a\":");
    char *end = text + 5;
    for (size_t i = 0; i < depth; i++, end += a)
        memcpy(end, open, a);
    *end++ = '1';
    for (size_t i = 0; i < depth; i++, end += b)
        memcpy(end, close, b);
    *end = '}';
    return text;
}

static void refuses_deep_nesting(void **state)
{
    static const struct {
        const char *open, *close, *word;
        size_t depth;
    } table[] = {
        {"[", "]", "nested deeper than 32", 33},
        {"[", "]", "line 1", 1000000},
        {"{\"a\":", "}", "nested deeper than 32", 40},
        {"{\"a\":", "}", "line 1", 1000000},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *text = nested(table[i].open, table[i].close, table[i].depth);
        READ_BAD(*state, text, NUMC_PARSE, table[i].word);
        free(text);
    }
    char *text = nested("[", "]", 32);
    numc_json *json = read_good(*state, text);
    numc_json_view view;
    assert_true(numc_json_values(json, "a", &view) && view.rank == 32 && view.count == 1);
    numc_json_free(json);
    free(text);
}

static void refuses_other_texts(void **state)
{
    READ_BAD(*state, "", NUMC_PARSE, "line 1", "column");
    READ_BAD(*state, "[1, 2]", NUMC_PARSE, "object", "an array");
    READ_BAD(*state, "{\"a\": 01}", NUMC_PARSE, "line 1");
    READ_BAD(*state, "{\"a\": NaN}", NUMC_PARSE, "line 1");
    READ_BAD(*state, "{\"a\": 1} {", NUMC_PARSE, "line 1", "end of file");
    READ_BAD(*state, "{\"a\": 1e999}", NUMC_PARSE, "overflow");
    READ_BAD(*state, "{\"a\": 1,\n\n \"b\": @}", NUMC_PARSE, "line 3", "column 7");
    READ_BAD(*state, "{\"a\xff\": 1}", NUMC_PARSE, "line 1");
    READ_BAD(*state, "{\"\x01\": 1}", NUMC_PARSE, "line 1");
}

static const char sample[] = "{\n  \"N\": 3, \"y\": [1.5, -2e-3, \"NaN\"],\n  \"m\": [[1, 2], [3, 4]],\n"
                             "  \"empty\": [], \"s\": \"a \\u00e9 b\",\n  \"t\": {\"1\": true}\n}";

/* Every proper prefix is an error with line and column; every single changed byte is an error or a valid file, and the
 * sanitizers of the second build watch both. */
static void survives_truncation_and_damage(void **state)
{
    numc_context *context = *state;
    size_t size = sizeof sample - 1;
    numc_json *json = read_good(context, sample);
    numc_json_free(json);
    for (size_t length = 0; length < size; length++) {
        char *text = malloc(length + 1); /* exact, so that reading beyond is seen */
        assert_non_null(text);
        memcpy(text, sample, length);
        assert_int_equal(numc_json_read_text(context, text, length, &json), NUMC_PARSE);
        assert_null(json);
        assert_non_null(strstr(numc_error_message(context), "line "));
        assert_non_null(strstr(numc_error_message(context), "column "));
        assert_null(strchr(numc_error_message(context), '\n'));
        numc_error_clear(context);
        free(text);
    }
    static const char bytes[] = {'\0', '"', '[', ']', '{', '}', ',', ':', '0', '9', '-', '.', 'e', '\\', '\n', (char)0xff};
    char text[sizeof sample];
    for (size_t place = 0; place < size; place++) {
        for (size_t b = 0; b < sizeof bytes; b++) {
            memcpy(text, sample, sizeof sample);
            text[place] = bytes[b];
            numc_status status = numc_json_read_text(context, text, size, &json);
            assert_true(status == NUMC_OK || status == NUMC_PARSE);
            assert_true((status == NUMC_OK) == (json != NULL));
            numc_json_free(json);
            numc_error_clear(context);
        }
    }
}

static void reads_files(void **state)
{
    numc_context *context = *state;
    char path[] = "/tmp/numc-json-XXXXXX";
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    assert_true(write(handle, "\xef\xbb\xbf", 3) == 3); /* a byte order mark is skipped */
    assert_true(write(handle, sample, sizeof sample - 1) == (ssize_t)(sizeof sample - 1));
    numc_json *json;
    assert_int_equal(numc_json_read_file(context, path, &json), NUMC_OK);
    assert_int_equal(numc_json_integer(json, "N"), 3);
    numc_json_free(json);
    assert_int_equal(ftruncate(handle, 20), 0);
    close(handle);
    assert_int_equal(numc_json_read_file(context, path, &json), NUMC_PARSE);
    assert_null(json);
    assert_non_null(strstr(numc_error_message(context), path));
    assert_non_null(strstr(numc_error_message(context), "line 2"));
    unlink(path);
    assert_int_equal(numc_json_read_file(context, path, &json), NUMC_PARSE); /* refuses to start: an error is pending */
    numc_error_clear(context);
    assert_int_equal(numc_json_read_file(context, path, &json), NUMC_IO);
    assert_non_null(strstr(numc_error_message(context), "No such file"));
    numc_error_clear(context);
    assert_int_equal(numc_json_read_file(context, "/", &json), NUMC_IO);
    assert_non_null(strstr(numc_error_message(context), "directory"));
    numc_error_clear(context);
    assert_int_equal(numc_json_read_file(context, NULL, &json), NUMC_INVALID_ARGUMENT);
    numc_error_clear(context);
    assert_int_equal(numc_json_read_file(context, "/dev/zero", &json), NUMC_PARSE); /* endless, but no text */
    assert_non_null(strstr(numc_error_message(context), "byte 0 is zero"));
    numc_error_clear(context);
    numc_json_free(NULL);
}

static void reads_under_a_comma_locale(void **state)
{
    if (!setlocale(LC_ALL, "comma"))
        fail_msg("the locale made by tests/locale is not there: run through meson test");
    assert_string_equal(localeconv()->decimal_point, ",");
    numc_json *json = read_good(*state, "{\"x\": [0.1, 1234.5678, 1e-300]}");
    setlocale(LC_ALL, "C");
    numc_json_view view;
    assert_true(numc_json_values(json, "x", &view));
    assert_true(view.reals[0] == 0.1 && view.reals[1] == 1234.5678 && view.reals[2] == 1e-300);
    numc_json_free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_numbers_and_arrays),
        cmocka_unit_test(reads_values_json_cannot_write),
        cmocka_unit_test(keeps_integers_exact),
        cmocka_unit_test(reads_zero_sizes),
        cmocka_unit_test(grows_large_arrays),
        cmocka_unit_test(reaches_into_objects),
        cmocka_unit_test(makes_arrays),
        cmocka_unit_test(offers_the_nearest_name),
        cmocka_unit_test(refuses_ragged_arrays),
        cmocka_unit_test(refuses_duplicate_names),
        cmocka_unit_test(refuses_deep_nesting),
        cmocka_unit_test(refuses_other_texts),
        cmocka_unit_test(survives_truncation_and_damage),
        cmocka_unit_test(reads_files),
        cmocka_unit_test(reads_under_a_comma_locale),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
