/* What a warm-up learns by: dual averaging, the step size search, the metric, the schedule of windows. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "infer/adaptation.h"

static void close_to(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance * (1 + fabs(b))))
        fail_msg("%.17g instead of %.17g", a, b);
}

/* For a constant acceptance a the averaged error is (target - a) t/(t + t0) in closed form, so
 * log eps_t = mu - sqrt(t)/gamma (target - a) t/(t + t0), and the final value is the weighted sum of these. */
static void dual_averaging_in_closed_form(void **state)
{
    (void)state;
    const double accepts[] = {0.3, 0.95, 0.8, 1.7};
    for (int k = 0; k < 4; k++) {
        numc_k_averaging a = {.target = 0.8, .gamma = 0.05, .t0 = 10, .kappa = 0.75};
        double accept = fmin(1, accepts[k]), mu = log(10 * 0.25), log_steps[60];
        numc_k_averaging_restart(&a, 0.25);
        for (int t = 1; t <= 60; t++) {
            log_steps[t - 1] = mu - sqrt(t) / 0.05 * (0.8 - accept) * t / (t + 10);
            close_to(numc_k_averaging_update(&a, accepts[k]), exp(log_steps[t - 1]), 1e-12);
        }
        double expected = 0;
        for (int t = 1; t <= 60; t++) {
            double weight = pow(t, -0.75);
            for (int later = t + 1; later <= 60; later++)
                weight *= 1 - pow(later, -0.75);
            expected += weight * log_steps[t - 1];
        }
        close_to(numc_k_averaging_final(&a), exp(expected), 1e-12);
    }
}

static void step_search(void **state)
{
    (void)state;
    numc_k_search s;
    assert_false(numc_k_search_begin(&s, 0));
    assert_false(numc_k_search_begin(&s, NAN));
    assert_false(numc_k_search_begin(&s, 2e7));
    /* acceptance 0.8 means an error of log 0.8 = -0.223 */
    assert_true(numc_k_search_begin(&s, 1));
    assert_int_equal(numc_k_search_feed(&s, -0.1), NUMC_K_SEARCH_GOES_ON); /* upwards; first answer only sets this */
    assert_true(s.step == 1);
    assert_int_equal(numc_k_search_feed(&s, -0.1), NUMC_K_SEARCH_GOES_ON);
    assert_int_equal(numc_k_search_feed(&s, 0.3), NUMC_K_SEARCH_GOES_ON);
    assert_true(s.step == 4);
    assert_int_equal(numc_k_search_feed(&s, -0.3), NUMC_K_SEARCH_DONE);
    assert_true(s.step == 4);
    assert_true(numc_k_search_begin(&s, 1));
    assert_int_equal(numc_k_search_feed(&s, -INFINITY), NUMC_K_SEARCH_GOES_ON); /* downwards */
    assert_int_equal(numc_k_search_feed(&s, -5), NUMC_K_SEARCH_GOES_ON);
    assert_int_equal(numc_k_search_feed(&s, -0.2), NUMC_K_SEARCH_DONE);
    assert_true(s.step == 0.5);
    int last = NUMC_K_SEARCH_GOES_ON;
    assert_true(numc_k_search_begin(&s, 1));
    for (int i = 0; i < 100 && last == NUMC_K_SEARCH_GOES_ON; i++)
        last = numc_k_search_feed(&s, 0);
    assert_int_equal(last, NUMC_K_SEARCH_TOO_LARGE);
    last = NUMC_K_SEARCH_GOES_ON;
    assert_true(numc_k_search_begin(&s, 1));
    for (int i = 0; i < 2000 && last == NUMC_K_SEARCH_GOES_ON; i++)
        last = numc_k_search_feed(&s, -1e9);
    assert_int_equal(last, NUMC_K_SEARCH_TOO_SMALL);
}

/* Ends of the metric windows. From 150 on as Stan's (1000: updates after 99, 149, 249, 449, 949), with the exceptions
 * adaptation.h names. */
static void schedule_table(void **state)
{
    (void)state;
    static const struct {
        int64_t warmup, first;
        int count;
        int64_t ends[6];
    } table[] = {
        {0, 0, 0, {0}},
        {19, 19, 0, {0}},
        {20, 3, 1, {14}},
        {60, 9, 1, {44}},
        {100, 15, 2, {34, 74}},
        {149, 22, 2, {51, 111}},
        {150, 75, 1, {99}},
        {151, 75, 1, {100}},
        {174, 75, 1, {123}},
        {175, 75, 2, {99, 124}},
        {199, 75, 2, {99, 148}},
        {200, 75, 2, {99, 149}},
        {500, 75, 4, {99, 149, 249, 449}},
        {1000, 75, 5, {99, 149, 249, 449, 949}},
    };
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        numc_k_schedule s;
        numc__schedule_make(&s, table[k].warmup, 75, 50, 25);
        if (s.first != table[k].first || s.count != table[k].count)
            fail_msg("warmup %d: first %d, %d windows", (int)table[k].warmup, (int)s.first, (int)s.count);
        for (int i = 0; i < s.count; i++)
            assert_int_equal(s.ends[i], table[k].ends[i]);
    }
    /* whatever is asked: windows follow each other and lie inside */
    for (int64_t warmup = 0; warmup < 700; warmup += 7)
        for (int64_t init = 0; init < 90; init += 13)
            for (int64_t window = 1; window < 60; window += 17) {
                numc_k_schedule s;
                numc__schedule_make(&s, warmup, init, 2 * init, window);
                int64_t before = s.first - 1;
                for (int i = 0; i < s.count; i++) {
                    assert_true(s.ends[i] > before && s.ends[i] < warmup);
                    before = s.ends[i];
                }
                assert_true(warmup < 20 || s.count > 0);
            }
}

/* Against the covariance in two passes, regularised as stated; W before is 7 I. */
static void metric_estimate(void **state)
{
    (void)state;
    const int counts[] = {0, 1, 2, 25};
    for (int kind = NUMC_K_METRIC_DIAGONAL; kind <= NUMC_K_METRIC_DENSE; kind++)
        for (int c = 0; c < 4; c++) {
            enum { n = 3 };
            double memory[n * 2 + n * n], region[2 * n * n] = {0}, x[25][n], mean[n] = {0};
            int count = counts[c];
            assert_true((size_t)numc_k_estimate_doubles(n, kind) <= sizeof memory / sizeof *memory);
            numc_k_estimate_clear(memory, n, kind);
            for (int i = 0; i < count; i++) {
                for (int k = 0; k < n; k++)
                    x[i][k] = 1e3 + sin(1.0 + i * (k + 1)) * (k + 1) + 0.5 * cos(2.0 * i);
                numc_k_estimate_add(memory, n, kind, i + 1, x[i]);
            }
            for (int k = 0; k < n; k++)
                region[kind == NUMC_K_METRIC_DENSE ? k * n + k : k] = 7;
            numc_k_estimate_write(memory, n, kind, count, region);
            for (int i = 0; i < count; i++)
                for (int k = 0; k < n; k++)
                    mean[k] += x[i][k] / count;
            for (int a = 0; a < n; a++)
                for (int b = 0; b < n; b++) {
                    double s = 0;
                    for (int i = 0; i < count; i++)
                        s += (x[i][a] - mean[a]) * (x[i][b] - mean[b]);
                    s = count > 1 ? s / (count - 1) : a == b ? 7 : 0;
                    double w = s;
                    if (count > 0)
                        w = count / (count + 5.0) * s + (a == b ? 1e-3 * 5 / (count + 5.0) : 0);
                    /* values of 1e3 leave 1e3 eps in a deviation */
                    if (kind == NUMC_K_METRIC_DENSE)
                        close_to(region[a * n + b], w, 1e-11);
                    else if (a == b)
                        close_to(region[a], w, 1e-11);
                }
            /* 2 draws span one direction of 3: only the regularisation makes the dense metric definite */
            assert_true(numc_k_metric_complete(region, n, kind));
            if (kind == NUMC_K_METRIC_DIAGONAL) {
                for (int a = 0; a < n; a++)
                    close_to(region[n + a] * region[n + a] * region[a], 1, 1e-15);
                continue;
            }
            const double *l = region + n * n;
            for (int a = 0; a < n; a++)
                for (int b = 0; b < n; b++) {
                    double s = 0;
                    for (int k = 0; k < n; k++)
                        s += l[a * n + k] * l[b * n + k];
                    close_to(s, region[a * n + b], 1e-14);
                    assert_true(b <= a || l[a * n + b] == 0);
                }
        }
}

static void bad_metrics_are_refused(void **state)
{
    (void)state;
    double diagonal[4] = {1, 0}, infinite[4] = {1, INFINITY}, dense[8] = {1, 2, 2, 1};
    assert_false(numc_k_metric_complete(diagonal, 2, NUMC_K_METRIC_DIAGONAL));
    assert_false(numc_k_metric_complete(infinite, 2, NUMC_K_METRIC_DIAGONAL));
    assert_false(numc_k_metric_complete(dense, 2, NUMC_K_METRIC_DENSE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dual_averaging_in_closed_form),
        cmocka_unit_test(step_search),
        cmocka_unit_test(schedule_table),
        cmocka_unit_test(metric_estimate),
        cmocka_unit_test(bad_metrics_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
