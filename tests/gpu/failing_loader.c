/* failing_loader.c - makes of the opencl backend's objects, compiled with another dlopen and dlsym, a plugin whose device has as many buffers
 * as a test says. */
#include <dlfcn.h>
#include <string.h>

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include "failing_loader.h"

void *test_dlopen(const char *name, int flags);
void *test_dlsym(void *object, const char *name);

__attribute__((visibility("default"))) device_buffers numc_test_buffers = {.granted = -1};

static cl_mem (*create)(cl_context, cl_mem_flags, size_t, void *, cl_int *);

static cl_mem create_or_fail(cl_context context, cl_mem_flags flags, size_t size, void *from, cl_int *error)
{
    const long number = atomic_fetch_add(&numc_test_buffers.asked, 1), granted = atomic_load(&numc_test_buffers.granted);
    if (granted < 0 || number < granted)
        return create(context, flags, size, from, error);
    *error = CL_MEM_OBJECT_ALLOCATION_FAILURE;
    return NULL;
}

void *test_dlopen(const char *name, int flags)
{
    return dlopen(name, flags);
}

void *test_dlsym(void *object, const char *name)
{
    void *symbol = dlsym(object, name);
    if (symbol != NULL && strcmp(name, "clCreateBuffer") == 0) {
        memcpy(&create, &symbol, sizeof symbol);
        cl_mem (*own)(cl_context, cl_mem_flags, size_t, void *, cl_int *) = create_or_fail;
        memcpy(&symbol, &own, sizeof symbol);
    }
    return symbol;
}
