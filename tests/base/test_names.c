/* The nearest known name, as offered by messages about an unknown one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/context.h"

static const char *const backends[] = {"ref", "cpu", "cuda", "opencl", NULL, ""};
static const char *const dtypes[] = {"float32", "float64", "int32"};
#define NEAREST(name, names) numc__nearest_name(name, names, sizeof names / sizeof *names)

static void near_names_are_found(void **state)
{
    (void)state;
    assert_string_equal(NEAREST("cpu", backends), "cpu");
    assert_string_equal(NEAREST("CPU", backends), "cpu");
    assert_string_equal(NEAREST("cpi", backends), "cpu");
    assert_string_equal(NEAREST("cdua", backends), "cuda"); /* a swap is one edit */
    assert_string_equal(NEAREST("openlc", backends), "opencl");
    assert_string_equal(NEAREST("opncl", backends), "opencl");
    assert_string_equal(NEAREST("float23", dtypes), "float32");
    assert_string_equal(NEAREST("float", dtypes), "float32"); /* two equally near: the first */
}

static void far_names_are_not(void **state)
{
    (void)state;
    assert_null(NEAREST("tpu2", backends));
    assert_null(NEAREST("metal", backends));
    assert_null(NEAREST("", backends));
    assert_null(NEAREST("x", backends));
    assert_null(numc__nearest_name(NULL, backends, 2));
    assert_null(numc__nearest_name("cpu", NULL, 0));
    char longest[65 + 1];
    memset(longest, 'a', sizeof longest);
    longest[65] = '\0';
    const char *const itself[] = {longest};
    assert_null(numc__nearest_name(longest, itself, 1)); /* beyond 64 letters nothing is compared */
    assert_ptr_equal(numc__nearest_name(longest + 1, (const char *const[]){longest + 1}, 1), longest + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_names_are_found),
        cmocka_unit_test(far_names_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
