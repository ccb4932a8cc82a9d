/* test_fft.c - ref's Fourier transforms against sums in long double; what they refuse; lengths that only O(n log n) reaches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "backend/device.h"
#include "fourier.h"

static numc_context *context;
static numc_backend_device *d;

static int set_up(void **state)
{
    (void)state;
    context = numc_open(&(numc_options){.backend = "ref"});
    d = numc__device(context);
    return d == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    numc_close(context);
    return 0;
}

static void compare(bool wide, fourier_kind kind, int64_t lines, int64_t n, fourier_layout layout)
{
    fourier_array x, y;
    fourier_pair(&x, &y, wide, kind, lines, n, layout);
    assert_int_equal(d->table.fft(d->device, &x.view, 1, fourier_direction(kind), &y.view), NUMC_OK);
    const double error = fourier_error(&x, &y, wide, kind, n);
    if (!(error <= 1.0))
        fail_msg("n %lld, kind %d, layout %d: %g times the bound", (long long)n, (int)kind, (int)layout, error);
    fourier_free(&x);
    fourier_free(&y);
}

static void transforms_are_sums(void **state)
{
    (void)state;
    for (int64_t n = 1; n <= 70; n++)
        for (int kind = 0; kind < FOURIER_KINDS; kind++)
            for (int wide = 0; wide < 2; wide++)
                compare(wide != 0, (fourier_kind)kind, 2, n, (fourier_layout)(n % FOURIER_LAYOUTS));
    static const int64_t lengths[] = {81, 97, 128, 143, 243, 359, 512, 625, 1000, 1009, 1024, 2310};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (int kind = 0; kind < FOURIER_KINDS; kind++)
            compare(kind % 2 == 0, (fourier_kind)kind, 1, lengths[i], FOURIER_LINES);
    compare(true, FOURIER_FORWARD, 1, 4096, FOURIER_LINES);
    compare(false, FOURIER_FROM_REAL, 1, 4093, FOURIER_LINES);
}

static void long_lines_come_back(void **state)
{
    (void)state;
    static const int64_t lengths[] = {10007, 46080, 131072, 99991};
    int32_t status;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const double error = fourier_round_trip(&d->table, d->device, true, i % 2 != 0, 1, lengths[i], FOURIER_LINES, &status);
        assert_int_equal(status, NUMC_OK);
        assert_true(error <= 1.0);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    double memory[2][64] = {{0}};
    int64_t four[] = {4}, three[] = {3}, none[] = {0}, one[] = {1}, two[] = {2, 4}, steps[] = {4, 1}, empty[] = {0, 4};
    numc_view c4 = {memory[0], 0, NUMC_COMPLEX128, 1, four, one}, c3 = {memory[1], 0, NUMC_COMPLEX128, 1, three, one};
    numc_view r4 = {memory[0], 0, NUMC_FLOAT64, 1, four, one}, f3 = {memory[1], 0, NUMC_COMPLEX64, 1, three, one};
    numc_view c0 = {memory[0], 0, NUMC_COMPLEX128, 1, none, one}, i4 = {memory[0], 0, NUMC_INT64, 1, four, one};
    numc_view c24 = {memory[0], 0, NUMC_COMPLEX128, 2, two, steps}, c04 = {memory[1], 0, NUMC_COMPLEX128, 2, empty, steps};
    const numc_backend *t = &d->table;
    assert_int_equal(t->fft(d->device, &c4, 0, -1, &c3), NUMC_INVALID_ARGUMENT);
    assert_int_equal(t->fft(d->device, &c4, 1, -1, &c4), NUMC_INVALID_ARGUMENT);
    assert_int_equal(t->fft(d->device, &c0, 0, -1, &c0), NUMC_INVALID_ARGUMENT);
    assert_int_equal(t->fft(d->device, &c24, 0, -1, &c4), NUMC_INVALID_ARGUMENT);
    assert_int_equal(t->fft(d->device, &c24, 1, -1, &c04), NUMC_INVALID_ARGUMENT);
    assert_int_equal(t->fft(d->device, &r4, 0, 1, &c3), NUMC_UNSUPPORTED);
    assert_int_equal(t->fft(d->device, &r4, 0, -1, &f3), NUMC_UNSUPPORTED);
    assert_int_equal(t->fft(d->device, &r4, 0, -1, &r4), NUMC_UNSUPPORTED);
    assert_int_equal(t->fft(d->device, &i4, 0, -1, &c3), NUMC_UNSUPPORTED);
    assert_int_equal(t->fft(d->device, &c3, 0, -1, &r4), NUMC_UNSUPPORTED);
    assert_int_equal(t->fft(d->device, &r4, 0, -1, &c3), NUMC_OK);
    assert_int_equal(t->fft(d->device, &c04, 1, -1, &c04), NUMC_OK); /* no lines */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transforms_are_sums),
        cmocka_unit_test(long_lines_come_back),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests_name("backend_fft", tests, set_up, tear_down);
}
