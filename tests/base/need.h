/* need.h - for tests: what a machine may lack. A test that needs it is passed over, and says why. Include after cmocka.h. */
#ifndef NUMC_TESTS_NEED_H
#define NUMC_TESTS_NEED_H

#include "native/native.h"

#define SKIP(...)                                                                                  \
    do {                                                                                           \
        print_message("skipped: " __VA_ARGS__);                                                    \
        print_message("\n");                                                                       \
        skip();                                                                                    \
    } while (0)

static inline void need_compiler(void)
{
    numc_compiler compiler;
    char reason[NUMC_NATIVE_REASON];
    if (!numc__compiler_find(&compiler, reason))
        SKIP("%s", reason);
}

#endif
