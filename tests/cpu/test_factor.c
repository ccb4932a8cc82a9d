/* test_factor.c - cpu's factorisations, and all it does with complex numbers: the cases of ../backend/factor_cases.h and
 * complex_cases.h, and the failing of every allocation. Without OpenBLAS (also in a run of its own, with NUMC_BLAS=off) the
 * factorisations are unsupported; the rest is done all the same. */
#include "../backend/complex_cases.h"
#include "plugin.h"

static plugin cpu;

static int set_up(void **state)
{
    (void)state;
    if (plugin_open(&cpu) != 0)
        return 1;
    table = cpu.table;
    device = cpu.device;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    plugin_close(&cpu);
    return cpu.live != 0;
}

/* The status of each of the four slots, in turn. */
static int32_t call(int slot, batch *m)
{
    switch (slot) {
    case 0: return table->qr(device, &m[0].view, &m[1].view, &m[2].view);
    case 1: return table->eigh(device, &m[0].view, &m[3].view, &m[1].view);
    case 2: return table->eig(device, &m[0].view, &m[4].view, &m[5].view);
    default: return table->svd(device, &m[0].view, &m[1].view, &m[3].view, &m[2].view);
    }
}

static void make_all(batch *m)
{
    for (int i = 0; i < 3; i++)
        make(&m[i], NUMC_FLOAT64, 3, 2, 3, 3, ROWS);
    make(&m[3], NUMC_FLOAT64, 2, 2, 3, 1, ROWS);
    make(&m[4], NUMC_COMPLEX128, 2, 2, 3, 1, ROWS);
    make(&m[5], NUMC_COMPLEX128, 3, 2, 3, 3, ROWS);
    fill(&m[0], RANDOM, true);
}

static void free_all(batch *m)
{
    for (int i = 0; i < 6; i++)
        free(m[i].memory);
}

static void without_lapack_they_are_unsupported(void **state)
{
    (void)state;
    batch m[6];
    make_all(m);
    for (int slot = 0; slot < 4; slot++)
        assert_int_equal(call(slot, m), NUMC_UNSUPPORTED);
    for (int i = 0; i < 3; i++) {
        free(m[i].memory);
        make(&m[i], NUMC_COMPLEX64, 3, 2, 3, 3, ROWS);
    }
    assert_int_equal(table->cholesky(device, &m[0].view, &m[1].view), NUMC_UNSUPPORTED);
    assert_int_equal(table->triangular_solve(device, &m[0].view, &m[1].view, &m[2].view, 0, 0, 0), NUMC_UNSUPPORTED);
    free_all(m);
}

/* LAPACK's blocked ways, and trees of divide and conquer, begin at about 32 and 64. */
static void blocked_sizes_too(void **state)
{
    (void)state;
    for (size_t d = 0; d < DTYPES; d++) {
        assert_qr(dtypes[d], 1, 150, 70, RANDOM, COLUMNS, d % 2 != 0);
        assert_eigh(dtypes[d], 1, 110, d % 2 != 0 ? RANDOM : REPEATED, ROWS);
        assert_eig(dtypes[d], 1, 90, RANDOM, BACKWARDS);
        assert_svd(dtypes[d], 1, 70, 150, d % 2 != 0 ? RANK_ONE : RANDOM, ROWS, d < 2);
    }
}

static void without_memory_they_say_so(void **state)
{
    (void)state;
    batch m[6];
    make_all(m);
    for (int slot = 0; slot < 4; slot++) {
        cpu.calls = 0;
        cpu.fail_at = 1;
        assert_int_equal(call(slot, m), NUMC_MEMORY);
        assert_non_null(strstr(cpu.message, "memory"));
        cpu.fail_at = 0;
        assert_int_equal(call(slot, m), NUMC_OK);
        assert_int_equal(cpu.calls, 2); /* one allocation whatever the batch */
    }
    free_all(m);
}

int main(void)
{
    const struct CMUnitTest with[] = {FACTOR_TESTS, COMPLEX_FACTOR_TESTS, COMPLEX_TESTS,
                                      cmocka_unit_test(blocked_sizes_too), cmocka_unit_test(without_memory_they_say_so)};
    const struct CMUnitTest without[] = {cmocka_unit_test(without_lapack_they_are_unsupported), COMPLEX_TESTS};
    batch m[6];
    if (set_up(NULL) != 0)
        return 1;
    make_all(m);
    const bool absent = call(0, m) == NUMC_UNSUPPORTED;
    free_all(m);
    (void)tear_down(NULL);
    return absent ? cmocka_run_group_tests_name("cpu_factor_without_blas", without, set_up, tear_down)
                  : cmocka_run_group_tests_name("cpu_factor", with, set_up, tear_down);
}
