/* The version of the library that is running, which may be newer than the headers a program was built with. */
#include "numc/base.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

const char *numc_version(void)
{
    return TEXT(NUMC_VERSION_MAJOR) "." TEXT(NUMC_VERSION_MINOR) "." TEXT(NUMC_VERSION_PATCH);
}
