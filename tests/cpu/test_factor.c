/* test_factor.c - cpu's QR, eigenvalues and singular values: the cases of ../backend/factor_cases.h where LAPACK is found, the
 * failing of every allocation, and, in a run of its own, what is answered without LAPACK. */
#include "../backend/factor_cases.h"
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
    free_all(m);
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
    const char *library = getenv("NUMC_BLAS");
    if (library != NULL && strcmp(library, "off") == 0) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(without_lapack_they_are_unsupported)};
        return cmocka_run_group_tests_name("cpu_factor_without_blas", tests, set_up, tear_down);
    }
    const struct CMUnitTest tests[] = {FACTOR_TESTS, cmocka_unit_test(without_memory_they_say_so)};
    batch m[6];
    if (set_up(NULL) != 0)
        return 1;
    make_all(m);
    const bool absent = call(0, m) == NUMC_UNSUPPORTED;
    free_all(m);
    (void)tear_down(NULL);
    return absent ? 77 : cmocka_run_group_tests_name("cpu_factor", tests, set_up, tear_down); /* 77: skipped */
}
