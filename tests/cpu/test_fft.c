/* test_fft.c - Fourier transforms of the cpu backend against sums in long double: every small length, lengths with large primes,
 * lines that are long, many, strided; the same bits alone, together and on threads; plans that are kept, and memory that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../backend/fourier.h"
#include "plugin.h"

static plugin cpu;

static void compare(bool wide, fourier_kind kind, int64_t lines, int64_t n, fourier_layout layout)
{
    fourier_array x, y;
    fourier_pair(&x, &y, wide, kind, lines, n, layout);
    assert_int_equal(cpu.table->fft(cpu.device, &x.view, 1, fourier_direction(kind), &y.view), NUMC_OK);
    const double error = fourier_error(&x, &y, wide, kind, n);
    if (!(error <= 1.0))
        fail_msg("n %lld, %lld lines, kind %d, layout %d, wide %d: %g times the bound", (long long)n, (long long)lines, (int)kind,
                 (int)layout, (int)wide, error);
    fourier_free(&x);
    fourier_free(&y);
}

static void transforms_are_sums(void **state)
{
    (void)state;
    static const int64_t lines[] = {1, 3, 11};
    for (int64_t n = 1; n <= 70; n++)
        for (int kind = 0; kind < FOURIER_KINDS; kind++)
            for (int wide = 0; wide < 2; wide++)
                for (size_t l = 0; l < 3; l++)
                    compare(wide != 0, (fourier_kind)kind, lines[l], n, (fourier_layout)((n + (int64_t)l) % FOURIER_LAYOUTS));
}

static void longer_transforms_are_sums(void **state)
{
    (void)state;
    static const int64_t lengths[] = {81,  96,  97,  100, 121, 127,  128,  143,  169,  243,  256,  289,  343,  359, 361,
                                      512, 529, 625, 720, 961, 1000, 1009, 1024, 1331, 1536, 2048, 2187, 2310};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (int kind = 0; kind < FOURIER_KINDS; kind++)
            for (int wide = 0; wide < 2; wide++)
                compare(wide != 0, (fourier_kind)kind, 1 + (int64_t)(i + (size_t)kind) % 2, lengths[i],
                        (fourier_layout)(i % FOURIER_LAYOUTS));
    compare(true, FOURIER_FORWARD, 1, 4096, FOURIER_LINES);
    compare(false, FOURIER_FORWARD, 1, 4096, FOURIER_LINES);
    compare(true, FOURIER_BACKWARD, 1, 10007, FOURIER_LINES);
    compare(false, FOURIER_FROM_REAL, 1, 4099, FOURIER_LINES);
}

/* Both ways through pieces (from 2^12), convolutions of pieces, and 2^20 with a prime beside it: only O(n log n) gets there. */
static void long_lines_come_back(void **state)
{
    (void)state;
    static const int64_t lengths[] = {10007, 32768, 46080, 65537, 98304, 131071, 200000, 823543, 999983, 1048576};
    int32_t status;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (int kind = 0; kind < 4; kind++) {
            if (lengths[i] > 200000 && kind != (int)(i % 4))
                continue;
            const double error = fourier_round_trip(cpu.table, cpu.device, kind % 2 == 0, kind / 2 != 0, kind == 0 ? 2 : 1,
                                                    lengths[i], (fourier_layout)(kind % FOURIER_LAYOUTS), &status);
            assert_int_equal(status, NUMC_OK);
            if (!(error <= 1.0))
                fail_msg("n %lld, kind %d: %g times the bound", (long long)lengths[i], kind, error);
        }
}

/* A long line against the reference on some of its terms: pieces in the wrong order would come back too. */
static void long_lines_have_the_right_terms(void **state)
{
    (void)state;
    static const int64_t lengths[] = {5000, 32768, 65537};
    for (size_t i = 0; i < 3; i++) {
        const int64_t n = lengths[i];
        fourier_array x, y;
        fourier_pair(&x, &y, true, FOURIER_FORWARD, 1, n, FOURIER_LINES);
        assert_int_equal(cpu.table->fft(cpu.device, &x.view, 1, -1, &y.view), NUMC_OK);
        const long double turn = -8.0L * atanl(1.0L) / (long double)n;
        for (int64_t k = 1; k < n; k += n / 37) {
            long double re = 0, im = 0, norm = 0;
            for (int64_t j = 0; j < n; j++) {
                const long double angle = turn * (long double)(j * k % n), c = cosl(angle), s = sinl(angle);
                const long double a = (long double)fourier_get(&x, 0, j, 0), b = (long double)fourier_get(&x, 0, j, 1);
                re += a * c - b * s;
                im += a * s + b * c;
                norm += a * a + b * b;
            }
            /* sqrt(n) |x| is the norm of y, which bounds one term's error too */
            const double off = hypot((double)re - fourier_get(&y, 0, k, 0), (double)im - fourier_get(&y, 0, k, 1));
            assert_true(off <= fourier_bound(true, n) * sqrt((double)n) * (double)sqrtl(norm));
        }
        fourier_free(&x);
        fourier_free(&y);
    }
}

/* lanes[b] of many lines, and every line alone */
static void bits_do_not_depend_on_company(void **state)
{
    (void)state;
    static const int64_t lengths[] = {1, 2, 3, 4, 5, 6, 8, 9, 12, 15, 16, 21, 27, 32, 37, 49, 60, 64, 100, 101, 128, 333, 1000, 4096, 4100};
    enum { LINES = 21 };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (int kind = 0; kind < FOURIER_KINDS; kind++)
            for (int wide = 0; wide < 2; wide++) {
                fourier_array x, y;
                fourier_pair(&x, &y, wide != 0, (fourier_kind)kind, LINES, lengths[i], FOURIER_LINES);
                const int32_t direction = fourier_direction((fourier_kind)kind);
                assert_int_equal(cpu.table->fft(cpu.device, &x.view, 1, direction, &y.view), NUMC_OK);
                void *alone = malloc(y.bytes), *together = y.view.memory;
                assert_non_null(alone);
                memcpy(alone, together, y.bytes);
                y.view.memory = alone;
                x.shape[0] = y.shape[0] = 1;
                const int64_t from = x.view.offset, to = y.view.offset;
                for (int64_t line = 0; line < LINES; line++) {
                    x.view.offset = from + line * x.strides[0];
                    y.view.offset = to + line * y.strides[0];
                    assert_int_equal(cpu.table->fft(cpu.device, &x.view, 1, direction, &y.view), NUMC_OK);
                }
                assert_memory_equal(alone, together, y.bytes);
                y.view.memory = together;
                free(alone);
                fourier_free(&x);
                fourier_free(&y);
            }
}

static void bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    static const int64_t cases[][2] = {{1, 32768}, {1, 46080}, {1, 40009}, {300, 128}, {40, 1009}, {1, 65536}, {3, 50000}, {9, 8192}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < FOURIER_KINDS; kind++) {
            fourier_array x, y;
            fourier_pair(&x, &y, i % 2 == 0, (fourier_kind)kind, cases[i][0], cases[i][1], FOURIER_LINES);
            const int32_t direction = fourier_direction((fourier_kind)kind);
            assert_int_equal(cpu.table->fft(cpu.device, &x.view, 1, direction, &y.view), NUMC_OK);
            void *one = malloc(y.bytes);
            assert_non_null(one);
            memcpy(one, y.view.memory, y.bytes);
            cpu.threads = 3;
            assert_int_equal(cpu.table->fft(cpu.device, &x.view, 1, direction, &y.view), NUMC_OK);
            cpu.threads = 1;
            assert_memory_equal(one, y.view.memory, y.bytes);
            free(one);
            fourier_free(&x);
            fourier_free(&y);
        }
}

static void an_operand_may_be_read_more_than_once(void **state)
{
    (void)state;
    double x[10], y[3][10];
    for (int i = 0; i < 10; i++)
        x[i] = fourier_random();
    int64_t shape[] = {3, 5}, from[] = {0, 1}, to[] = {5, 1};
    numc_view vx = {x, 0, NUMC_COMPLEX128, 2, shape, from}, vy = {y, 0, NUMC_COMPLEX128, 2, shape, to};
    assert_int_equal(cpu.table->fft(cpu.device, &vx, 1, -1, &vy), NUMC_OK);
    assert_memory_equal(y[0], y[1], sizeof y[0]);
    assert_memory_equal(y[0], y[2], sizeof y[0]);
    from[1] = 0; /* five times one number: all of it in the first term */
    assert_int_equal(cpu.table->fft(cpu.device, &vx, 1, -1, &vy), NUMC_OK);
    assert_true(fabs(y[2][0] - 5 * x[0]) <= 8 * DBL_EPSILON && fabs(y[2][1] - 5 * x[1]) <= 8 * DBL_EPSILON);
    for (int i = 2; i < 10; i++)
        assert_true(fabs(y[2][i]) <= 8 * DBL_EPSILON);
}

/* Real lines of one number, which are taken in pairs, as everything between. */
static void a_constant_is_its_first_term(void **state)
{
    (void)state;
    for (int64_t n = 1; n <= 40; n++) {
        double x = 1.5, y[2 * 21];
        int64_t terms = n / 2 + 1, still = 0, one = 1;
        numc_view vx = {&x, 0, NUMC_FLOAT64, 1, &n, &still}, vy = {y, 0, NUMC_COMPLEX128, 1, &terms, &one};
        assert_int_equal(cpu.table->fft(cpu.device, &vx, 0, -1, &vy), NUMC_OK);
        for (int64_t i = 0; i < 2 * terms; i++) /* the norm is 1.5 n */
            assert_true(fabs(y[i] - (i == 0 ? 1.5 * (double)n : 0)) <= fourier_bound(true, n) * 1.5 * (double)n);
    }
}

static void plans_are_kept_within_bounds(void **state)
{
    (void)state;
    enum { PLANS_MOST = 33, BLOCKS_MOST = 8 }; /* a plan, those below it, and their tables */
    double x[2 * 400], y[2 * 400];
    memset(x, 0, sizeof x);
    for (int64_t n = 1; n <= 400; n++) {
        int64_t one = 1;
        numc_view vx = {x, 0, NUMC_COMPLEX128, 1, &n, &one}, vy = {y, 0, NUMC_COMPLEX128, 1, &n, &one};
        assert_int_equal(cpu.table->fft(cpu.device, &vx, 0, -1, &vy), NUMC_OK);
        assert_true(cpu.live <= 16 + PLANS_MOST * BLOCKS_MOST);
    }
    const int64_t calls = cpu.calls;
    int64_t n = 400, one = 1;
    numc_view vx = {x, 0, NUMC_COMPLEX128, 1, &n, &one}, vy = {y, 0, NUMC_COMPLEX128, 1, &n, &one};
    assert_int_equal(cpu.table->fft(cpu.device, &vx, 0, -1, &vy), NUMC_OK);
    assert_true(cpu.calls - calls <= 1); /* working memory at most: the plan was there */
}

/* What it left behind shows when the group ends. */
static void memory_that_fails_is_reported(void **state)
{
    (void)state;
    static const int64_t lengths[] = {12, 211, 1000, 20011, 32770, 40000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (int kind = 0; kind < FOURIER_KINDS; kind += 2) {
            fourier_array x, y;
            fourier_pair(&x, &y, false, (fourier_kind)kind, 3, lengths[i] + kind, FOURIER_LINES);
            int32_t status = NUMC_MEMORY;
            for (int64_t nth = 1; status != NUMC_OK; nth++) {
                cpu.fail_at = cpu.calls + nth;
                status = cpu.table->fft(cpu.device, &x.view, 1, -1, &y.view);
                cpu.fail_at = 0;
                assert_true(status == NUMC_OK || status == NUMC_MEMORY);
                assert_true(nth < 100);
            }
            if (lengths[i] < 2000)
                assert_true(fourier_error(&x, &y, false, (fourier_kind)kind, lengths[i] + kind) <= 1.0);
            fourier_free(&x);
            fourier_free(&y);
        }
}

static int set_up(void **state)
{
    (void)state;
    return plugin_open(&cpu);
}

static int tear_down(void **state)
{
    (void)state;
    plugin_close(&cpu);
    return cpu.live != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transforms_are_sums),
        cmocka_unit_test(longer_transforms_are_sums),
        cmocka_unit_test(long_lines_come_back),
        cmocka_unit_test(long_lines_have_the_right_terms),
        cmocka_unit_test(bits_do_not_depend_on_company),
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(an_operand_may_be_read_more_than_once),
        cmocka_unit_test(a_constant_is_its_first_term),
        cmocka_unit_test(plans_are_kept_within_bounds),
        cmocka_unit_test(memory_that_fails_is_reported),
    };
    return cmocka_run_group_tests_name("cpu_fft", tests, set_up, tear_down);
}
