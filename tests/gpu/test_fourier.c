/* test_fourier.c - Fourier transforms of a device backend against sums in long double, by the bound of tests/backend/fourier.h: lengths
 * for a work group and beyond it, in fours, other factors and by Bluestein's way, in every layout. The name is the argument; without a
 * device the test is skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "../backend/fourier.h"
#include "by_copies.h"

static const numc_backend table = {.fft = by_copies_fft};

static void compare(bool wide, fourier_kind kind, int64_t lines, int64_t n, fourier_layout layout)
{
    fourier_array x, y;
    fourier_pair(&x, &y, wide, kind, lines, n, layout);
    assert_int_equal(table.fft(NULL, &x.view, 1, fourier_direction(kind), &y.view), NUMC_OK);
    const double error = fourier_error(&x, &y, wide, kind, n);
    if (!(error <= 1.0))
        fail_msg("n %lld, kind %d, layout %d: %g times the bound", (long long)n, (int)kind, (int)layout, error);
    fourier_free(&x);
    fourier_free(&y);
}

static void in_a_group(void **state)
{
    (void)state;
    for (int64_t n = 1; n <= 40; n++)
        for (int kind = 0; kind < FOURIER_KINDS; kind++)
            for (int wide = 0; wide < 2; wide++)
                compare(wide != 0, (fourier_kind)kind, 1 + n % 5, n, (fourier_layout)(n % FOURIER_LAYOUTS));
    static const int64_t lengths[] = {64, 81, 97, 128, 143, 201, 243, 256, 359, 509, 512};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (int kind = 0; kind < FOURIER_KINDS; kind++)
            compare(kind % 2 == 0, (fourier_kind)kind, 1 + lengths[i] % 3, lengths[i], (fourier_layout)(i % FOURIER_LAYOUTS));
    compare(true, FOURIER_FORWARD, 1000, 8, FOURIER_LINES);
    compare(true, FOURIER_FROM_REAL, 300, 7, FOURIER_COLUMNS);
}

static void beyond_a_group(void **state)
{
    (void)state;
    static const int64_t lengths[] = {1021, 2048, 2310, 4093, 4096};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (int kind = 0; kind < FOURIER_KINDS; kind++)
            compare((i + (size_t)kind) % 2 == 0, (fourier_kind)kind, 1 + (int64_t)i % 2, lengths[i], (fourier_layout)(i % FOURIER_LAYOUTS));
}

static void long_lines_come_back(void **state)
{
    (void)state;
    static const int64_t lengths[] = {10007, 46080, 131072, 99991};
    int32_t status;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const double error = fourier_round_trip(&table, NULL, true, i % 2 != 0, 1, lengths[i], FOURIER_LINES, &status);
        assert_int_equal(status, NUMC_OK);
        assert_true(error <= 1.0);
    }
}

int main(int count, char **arguments)
{
    numc_context *context = numc_open(&(numc_options){.backend = count > 1 ? arguments[1] : "opencl", .forbid_fallback = true});
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_a_group),
        cmocka_unit_test(beyond_a_group),
        cmocka_unit_test(long_lines_come_back),
    };
    by_copies = numc__device(context);
    int status = 77;
    if (by_copies == NULL)
        printf("skipped: %s\n", numc_error_message(context));
    else
        status = cmocka_run_group_tests_name("gpu_fourier", tests, NULL, NULL);
    numc_close(context);
    return status;
}
