/* another_loader.h - for tests of backends/opencl compiled with another dlopen and dlsym (test_dlopen and test_dlsym, which the test
 * defines): the library's real functions, those of the test in their place, and what the host was told. */
#ifndef NUMC_TESTS_GPU_ANOTHER_LOADER_H
#define NUMC_TESTS_GPU_ANOTHER_LOADER_H

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "opencl/machine.h"

static const numc_gpu_runtime *const opencl = &numc_gpu_runtime_here;
static char message[4096];
static void *library; /* OpenCL's */

void *test_dlopen(const char *name, int flags);
void *test_dlsym(void *object, const char *name);

typedef void function(void);
#define REAL(name) ((__typeof__(&name))real(#name))

static inline function *real(const char *name)
{
    void *symbol = dlsym(library, name);
    function *found;
    assert_non_null(symbol);
    memcpy(&found, &symbol, sizeof found);
    return found;
}

typedef struct in_place {
    const char *name;
    function *own;
} in_place;

/* The test's function of this name, else `symbol`. */
static inline void *or_own(void *symbol, const char *name, const in_place *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0)
            memcpy(&symbol, &list[i].own, sizeof symbol);
    return symbol;
}

static inline int32_t host_error(void *user, int32_t status, const char *text)
{
    (void)user;
    (void)snprintf(message, sizeof message, "%s", text);
    return status;
}

static inline void holds(const char *whole, const char *part)
{
    if (strstr(whole, part) == NULL)
        fail_msg("'%s' is not in: %s", part, whole);
}

/* Said where there is none: the test is skipped. */
static inline bool has_device(const numc_host *host)
{
    int32_t count = 0;
    if (opencl->device_count(host, &count) == NUMC_OK && count > 0)
        return true;
    printf("skipped: %s\n", message[0] != '\0' ? message : "there is no OpenCL device here");
    return false;
}

#endif
