/* test_remainders.c - reductions on a device, of every short length, with the element that decides at every place and of every width:
 * eight lanes and what is left over of eight are where a compiler that vectorises may go wrong (LLVM 15 did, for elements of one and two
 * bytes, where the first of those left over was the largest). The backend's name is the argument; without a device the test is skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "numc/array.h"

enum { LINES = 20, ROWS = 40 };

static numc_context *device;

static numc_array *largest(const numc_array *x) { return numc_max(x, NUMC_AXES(-1)); }
static numc_array *least(const numc_array *x) { return numc_min(x, NUMC_AXES(-1)); }
static numc_array *total(const numc_array *x) { return numc_sum(x, NUMC_AXES(-1), .dtype = numc_array_dtype(x)); }
static numc_array *product(const numc_array *x) { return numc_prod(x, NUMC_AXES(-1), .dtype = numc_array_dtype(x)); }
static numc_array *some(const numc_array *x) { return numc_any(x, NUMC_AXES(-1)); }
static numc_array *every(const numc_array *x) { return numc_all(x, NUMC_AXES(-1)); }

/* All elements are `blank` but one, which is `other` and what comes out. */
static const struct reduction {
    const char *name;
    numc_array *(*of)(const numc_array *x);
    int blank, other;
} reductions[] = {
    {"max", largest, 0, 1}, {"min", least, 1, 0}, {"sum", total, 0, 1}, {"prod", product, 1, 3}, {"any", some, 0, 1}, {"all", every, 1, 0},
};
static const numc_dtype dtypes[] = {NUMC_BOOL, NUMC_INT8, NUMC_UINT16, NUMC_INT32, NUMC_INT64, NUMC_FLOAT32, NUMC_FLOAT64};

/* A row for each place of the element that decides: one reduction of (n, n), and of each row by itself. */
static void check(const struct reduction *r, numc_dtype dtype, int n, bool lines)
{
    int numbers[ROWS * ROWS], results[ROWS];
    for (int i = 0; i < n * n; i++)
        numbers[i] = i % (n + 1) == 0 ? r->other : r->blank;
    numc_scope(device)
    {
        numc_array *x = numc_astype(numc_from_host(device, NUMC_INT32, NUMC_SHAPE(n, n), numbers), dtype);
        if (lines) {
            for (int k = 0; k < n; k++)
                results[k] = (int)numc_item(r->of(numc_index(x, NUMC_AT(k))));
        } else {
            (void)numc_to_host(numc_astype(r->of(x), NUMC_INT32), NUMC_INT32, results, (size_t)n * sizeof *results);
        }
        if (numc_error_status(device) != NUMC_OK)
            fail_msg("%s of %s: %s", r->name, numc_dtype_name(dtype), numc_error_message(device));
    }
    for (int k = 0; k < n; k++)
        if (results[k] != r->other)
            fail_msg("%s of %d %s%s: %d instead of %d, which is element %d", r->name, n, numc_dtype_name(dtype), lines ? "" : " in each row",
                     results[k], r->other, k);
}

static void every_place_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof reductions / sizeof *reductions; i++)
        for (size_t t = 0; t < sizeof dtypes / sizeof *dtypes; t++) {
            const bool truths = reductions[i].of == some || reductions[i].of == every;
            if (dtypes[t] == NUMC_BOOL && !truths)
                continue;
            for (int n = 1; n <= ROWS; n++)
                check(&reductions[i], dtypes[t], n, false);
            for (int n = 1; n <= LINES; n++)
                check(&reductions[i], dtypes[t], n, true);
        }
}

int main(int count, char **words)
{
    if (count != 2) {
        fprintf(stderr, "usage: %s BACKEND\n", words[0]);
        return 2;
    }
    device = numc_open(&(numc_options){.backend = words[1]});
    int status;
    if (numc_zeros(device, NUMC_FLOAT64, NUMC_SHAPE(2)) == NULL) { /* the first that needs the device */
        bool absent = numc_error_status(device) == NUMC_BACKEND;
        printf("%s: %s\n", absent ? "skipped" : "failed", numc_error_message(device));
        status = absent ? 77 : 1;
    } else {
        const struct CMUnitTest tests[] = {cmocka_unit_test(every_place_counts)};
        status = cmocka_run_group_tests(tests, NULL, NULL);
    }
    numc_close(device);
    return status;
}
