/* What a user's first program looks like: it is built against an installed libnumc with pkg-config alone. */
#include <stdio.h>

#include <numc/base.h>

int main(void)
{
    numc_context *context = numc_open(NULL);
    numc_status status = numc_error_status(context);
    if (status != NUMC_OK)
        fprintf(stderr, "%s\n", numc_error_message(context));
    else
        printf("numc %s\n", numc_version());
    numc_close(context);
    return status != NUMC_OK;
}
