/* test_factor.c - ref's QR, eigenvalues and singular values: the cases of factor_cases.h. */
#include "factor_cases.h"

static numc_context *context;

static int set_up(void **state)
{
    (void)state;
    context = numc_open(&(numc_options){.backend = "ref"});
    const numc_backend_device *d = numc__device(context);
    if (d == NULL)
        return 1;
    table = &d->table;
    device = d->device;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    numc_close(context);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {FACTOR_TESTS};
    return cmocka_run_group_tests_name("backend_factor", tests, set_up, tear_down);
}
