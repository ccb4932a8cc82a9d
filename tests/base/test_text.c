/* Formatting and growing texts; the same under a locale with a decimal comma. */
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "failing.h"
#include "need.h"

static void assert_format(const char *expected, const char *format, ...)
{
    char text[256], shorter[8];
    va_list list;
    va_start(list, format);
    size_t length = numc__format_list(text, sizeof text, format, list);
    va_end(list);
    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(expected));
    va_start(list, format);
    assert_int_equal(numc__format_list(shorter, sizeof shorter, format, list), length);
    va_end(list);
    assert_true(strlen(shorter) < sizeof shorter);
    assert_memory_equal(shorter, expected, strlen(shorter));
}

/* The same call to snprintf and to ours. */
#define SAME(...)                                                                                  \
    do {                                                                                           \
        char expected[256];                                                                        \
        snprintf(expected, sizeof expected, __VA_ARGS__);                                          \
        assert_format(expected, __VA_ARGS__);                                                      \
    } while (0)

static void formats_are_those_of_printf(void **state)
{
    (void)state;
    static int shared;
    SAME("plain");
    SAME("%%");
    SAME("%d %i %u", -5, 7, 4000000000u);
    SAME("%5d|%-5d|%05d|%+d|% d", 42, 42, 42, 42, 42);
    SAME("%.4d|%8.4d|%-8.4d|%.0d", -42, 42, 42, 0);
    SAME("%*d|%-*d|%*d", 6, 1, 6, 2, -6, 3);
    SAME("%hhd %hd %ld %lld %zd %jd %td", (signed char)-1, (short)-2, -3l, -4ll, (ptrdiff_t)-5, (intmax_t)-6, (ptrdiff_t)7);
    SAME("%hhu %hu %lu %llu %zu %ju", (unsigned char)255, (unsigned short)65535, 3ul, 4ull, (size_t)5, (uintmax_t)6);
    SAME("%" PRId64 " %" PRIu64 " %" PRIx64, INT64_MIN, UINT64_MAX, UINT64_MAX);
    SAME("%x %X %#x %#X %08x %#010x %o %#o", 255, 255, 255, 255, 255, 255, 8, 8);
    SAME("%s|%10s|%-10s|%.2s|%10.1s", "abc", "abc", "abc", "abc", "abc");
    SAME("%.*s", 3, "abcdef");
    SAME("%c%c|%3c|%-3c|", 'a', 'b', 'c', 'd');
    SAME("%p", (void *)&shared);
    SAME("%.3f|%8.2f|%-8.2f|%08.2f|%+.1f|% .1f", 3.14159, -2.5, 2.5, -2.5, 1.25, 1.35);
    SAME("%f|%.0f|%.0f|%.0f|%.1f|%.10f", 0.0, 0.5, 1.5, 99.5, 0.05, 1e-11);
    SAME("%.2f|%.2f|%.2f", 0.005, 0.995, 9.999);
    SAME("%.3g|%.3g|%.17g|%8.3g|%08.3g", 123.45, 0.00012345, 0.1, -1.5, -1.5);
    SAME("%f|%6.1f|%-6.1f|%06.1f|%+f", INFINITY, -INFINITY, INFINITY, INFINITY, INFINITY);
    SAME("%5.1f", (double)NAN);
    assert_format("1.5 0.1 1e-300 -0 nan inf", "%g %g %g %g %g %g", 1.5, 0.1, 1e-300, -0.0, -NAN, INFINITY);
    assert_format("1.235e-7", "%.3e", 1.2346e-7);
    assert_format("0x1.8p+1", "%a", 3.0);
    assert_format("(null)", "%s", (const char *)NULL);
    /* A conversion that is not ours stops the reading of arguments; nothing is written through any. */
    int untouched = 5;
    const char *foreign = "%d %n %d";
    assert_format("1 %n %d", foreign, 1, &untouched, 2);
    assert_int_equal(untouched, 5);
    const char *cut = "%";
    assert_format("%", cut);
}

static void texts_grow(void **state)
{
    (void)state;
    failing memory = failing_at(-1);
    numc_context *context = numc_open(&(numc_options){.allocate = failing_allocate, .allocate_user = &memory});
    numc_text text;
    numc__text_begin(&text, context->core);
    char expected[8192];
    size_t size = 0;
    for (int i = 0; i < 500; i++) {
        numc__text_add(&text, "%d,", i * i);
        size += (size_t)snprintf(expected + size, sizeof expected - size, "%d,", i * i);
        assert_int_equal(strlen(text.data), text.size);
    }
    numc__text_add_double(&text, 0.1);
    numc__text_add_bytes(&text, "xyz", 2);
    strcpy(expected + size, "0.1xy");
    assert_string_equal(text.data, expected);
    assert_false(text.failed);
    numc__text_end(&text);

    /* A failing allocation keeps what was there and stays failed. */
    for (long n = 0;; n++) {
        memory.fail_at = memory.requests + n;
        memory.failed = 0;
        numc__text_begin(&text, context->core);
        for (int i = 0; i < 100; i++)
            numc__text_add(&text, "%s", "0123456789");
        assert_int_equal(text.failed, memory.failed);
        assert_int_equal(text.size % 10, 0);
        assert_true(text.data == NULL ? text.size == 0 : strlen(text.data) == text.size);
        numc__text_end(&text);
        if (!memory.failed)
            break;
        assert_true(n < 10);
    }
    numc_close(context);
    assert_int_equal(memory.blocks, 0);
    assert_int_equal(memory.mistakes, 0);
}

/* Makes de_DE in a folder of our own, since few machines have it. */
static bool make_comma_locale(const char *folder)
{
    char target[300];
    snprintf(target, sizeof target, "%s/numc_comma", folder);
    pid_t child = fork();
    if (child == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL || freopen("/dev/null", "w", stdout) == NULL)
            _exit(126);
        execlp("localedef", "localedef", "-i", "de_DE", "-f", "UTF-8", target, (char *)NULL);
        _exit(127);
    }
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return false;
    setenv("LOCPATH", folder, 1);
    return setlocale(LC_ALL, "numc_comma") != NULL;
}

static void a_comma_locale_changes_nothing(void **state)
{
    (void)state;
    char folder[] = "/tmp/numc-locale-XXXXXX", command[400], text[128];
    assert_non_null(mkdtemp(folder));
    bool made = make_comma_locale(folder);
    snprintf(text, sizeof text, "%.1f", 1.5);
    bool comma = made && strcmp(text, "1,5") == 0;
    if (comma) {
        numc_context *context = numc_open(NULL);
        numc_text out;
        numc__text_begin(&out, context->core);
        numc__text_add(&out, "%g %.2f %.3e %.17g %d %zu ", 1.5, 1234567.25, 1234.5, 0.1, 1234567, (size_t)7654321);
        numc__text_add_double(&out, -1e-7 / 4);
        assert_string_equal(out.data, "1.5 1234567.25 1.234e3 0.10000000000000001 1234567 7654321 -2.5e-8");
        numc__text_end(&out);
        numc__fail(context, NUMC_VALUE, "sigma is %g", -1.5);
        assert_string_equal(numc_error_message(context), "sigma is -1.5");
        numc_close(context);
        double value = 0;
        assert_int_equal(numc__read_double("2.5", 3, &value), 3);
        assert_true(value == 2.5);
        assert_int_equal(numc__read_double("2,5", 3, &value), 1);
    }
    setlocale(LC_ALL, "C");
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
    if (!comma) {
        SKIP("no locale with a decimal comma could be made here (localedef -i de_DE)");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_those_of_printf),
        cmocka_unit_test(texts_grow),
        cmocka_unit_test(a_comma_locale_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
