/* test_decompose.c - QR, Hermitian eigenvalues and singular values of a device backend by their residuals: the cases and bounds of
 * tests/backend/factor_cases.h. The name is the argument; without a device the test is skipped. */
#include <stdio.h>

#include "../backend/factor_cases.h"
#include "by_copies.h"

static const numc_backend by_device = {.qr = by_copies_qr, .eigh = by_copies_eigh, .eig = by_copies_eig, .svd = by_copies_svd};

int main(int count, char **arguments)
{
    numc_context *context = numc_open(&(numc_options){.backend = count > 1 ? arguments[1] : "opencl"});
    const struct CMUnitTest tests[] = {FACTOR_TESTS};
    by_copies = numc__device(context);
    table = &by_device;
    int status = 77;
    if (by_copies == NULL)
        printf("skipped: %s\n", numc_error_message(context));
    else
        status = cmocka_run_group_tests_name("gpu_decompose", tests, NULL, NULL);
    numc_close(context);
    return status;
}
