/* Statuses and dtypes: what the tables say, and what a number outside them gets. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "numc/base.h"

static void names_follow_the_table(void **state)
{
    (void)state;
    int next = 0;
#define NUMC_X(code, name, sentence)                                                               \
    {                                                                                              \
        char lower[64];                                                                            \
        size_t length = strlen(#name);                                                             \
        for (size_t i = 0; i <= length; i++)                                                       \
            lower[i] = (char)tolower(#name[i]);                                                    \
        assert_string_equal(numc_status_name(NUMC_##name), lower);                                 \
        assert_string_equal(numc_status_sentence(NUMC_##name), sentence);                          \
        assert_int_equal(code, next++);                                                            \
    }
    NUMC_STATUS_TABLE(NUMC_X)
#undef NUMC_X
    assert_string_equal(numc_status_name((numc_status)next), "unknown");
    assert_string_equal(numc_status_name((numc_status)-1), "unknown");
    assert_string_equal(numc_status_sentence((numc_status)next), "unknown status");
}

static void dtypes_follow_the_table(void **state)
{
    (void)state;
    assert_string_equal(numc_dtype_name(NUMC_FLOAT64), "float64");
    assert_string_equal(numc_dtype_name(NUMC_BOOL), "bool");
    assert_string_equal(numc_dtype_name(NUMC_DTYPE_DEFAULT), "default");
    assert_string_equal(numc_dtype_name((numc_dtype)99), "unknown");
    assert_string_equal(numc_dtype_name((numc_dtype)-1), "unknown");
    assert_int_equal(numc_dtype_size(NUMC_FLOAT64), sizeof(double));
    assert_int_equal(numc_dtype_size(NUMC_COMPLEX128), 2 * sizeof(double));
    assert_int_equal(numc_dtype_size(NUMC_DTYPE_DEFAULT), 0);
    assert_int_equal(numc_dtype_size((numc_dtype)14), 0);
    assert_int_equal(numc_dtype_kind(NUMC_UINT8), NUMC_KIND_UNSIGNED);
    assert_int_equal(numc_dtype_kind((numc_dtype)14), NUMC_KIND_NONE);
}

static void version_is_the_headers(void **state)
{
    (void)state;
    char text[64];
    snprintf(text, sizeof text, "%d.%d.%d", NUMC_VERSION_MAJOR, NUMC_VERSION_MINOR, NUMC_VERSION_PATCH);
    assert_string_equal(numc_version(), text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_follow_the_table),
        cmocka_unit_test(dtypes_follow_the_table),
        cmocka_unit_test(version_is_the_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
