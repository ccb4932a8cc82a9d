/* test_factor.c - ref's factorisations, and all it does with complex numbers: the cases of factor_cases.h and complex_cases.h. */
#include "complex_cases.h"

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
    const struct CMUnitTest tests[] = {FACTOR_TESTS, COMPLEX_FACTOR_TESTS, COMPLEX_TESTS};
    return cmocka_run_group_tests_name("backend_factor", tests, set_up, tear_down);
}
