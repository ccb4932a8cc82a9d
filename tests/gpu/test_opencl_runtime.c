/* test_opencl_runtime.c - the runtime of backends/opencl with an OpenCL loader that can be told to fail: what is said when the loader
 * is missing, when memory runs out, when the device is lost; that PoCL's programs are built with our declarations and without them
 * where that fails; and that other drivers' programs come back from their binaries. Without a device: skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "another_loader.h"

/* What the loader does next. */
static struct {
    bool missing;         /* it is not there */
    bool other;           /* the platform is not PoCL */
    bool guard_fails;     /* programs with our declarations do not build */
    cl_int buffer, kernel, finish; /* errors of clCreateBuffer, clEnqueueNDRangeKernel, clFinish */
} now;
static int guarded, unguarded;

static void *host_allocate(void *user, void *pointer, uint64_t old_size, uint64_t size)
{
    (void)user, (void)old_size;
    if (size == 0) {
        free(pointer);
        return NULL;
    }
    assert_null(pointer);
    return malloc(size);
}

static int log_lines;
static void host_log(void *user, int32_t level, const char *line)
{
    (void)user, (void)level;
    log_lines += strstr(line, "PoCL's header is read from now on") != NULL;
}

static const numc_host host = {.size = sizeof host, .abi = NUMC_BACKEND_ABI, .allocate = host_allocate, .error = host_error, .log = host_log};

/* ---- the loader: opencl.c is compiled with these in place of dlopen and dlsym ---------------------------------------------- */

static cl_int platform_info(cl_platform_id platform, cl_platform_info what, size_t size, void *value, size_t *used)
{
    if (!now.other || what != CL_PLATFORM_NAME)
        return REAL(clGetPlatformInfo)(platform, what, size, value, used);
    (void)snprintf(value, size, "Another Platform");
    return CL_SUCCESS;
}

static cl_int build_program(cl_program program, cl_uint count, const cl_device_id *devices, const char *options,
                            void(CL_CALLBACK *done)(cl_program, void *), void *user)
{
    bool guard = options != NULL && strstr(options, "_OPENCL_H_") != NULL;
    guarded += guard;
    unguarded += !guard;
    if (guard && now.guard_fails)
        return CL_BUILD_PROGRAM_FAILURE;
    return REAL(clBuildProgram)(program, count, devices, options, done, user);
}

static cl_mem create_buffer(cl_context context, cl_mem_flags flags, size_t size, void *from, cl_int *error)
{
    if (now.buffer == CL_SUCCESS)
        return REAL(clCreateBuffer)(context, flags, size, from, error);
    *error = now.buffer;
    return NULL;
}

static cl_int enqueue(cl_command_queue queue, cl_kernel kernel, cl_uint axes, const size_t *offset, const size_t *global,
                      const size_t *local, cl_uint count, const cl_event *events, cl_event *event)
{
    if (now.kernel == CL_SUCCESS)
        return REAL(clEnqueueNDRangeKernel)(queue, kernel, axes, offset, global, local, count, events, event);
    return now.kernel;
}

static cl_int finish(cl_command_queue queue)
{
    return now.finish == CL_SUCCESS ? REAL(clFinish)(queue) : now.finish;
}

void *test_dlopen(const char *name, int flags)
{
    if (now.missing)
        return dlopen("/nowhere/libOpenCL.so.1", flags); /* which sets dlerror */
    return library = dlopen(name, flags);
}

void *test_dlsym(void *object, const char *name)
{
    static const in_place own[] = {
        {"clGetPlatformInfo", (function *)platform_info}, {"clBuildProgram", (function *)build_program},
        {"clCreateBuffer", (function *)create_buffer},    {"clEnqueueNDRangeKernel", (function *)enqueue},
        {"clFinish", (function *)finish},
    };
    return or_own(dlsym(object, name), name, own, sizeof own / sizeof *own);
}

/* ---- tests ------------------------------------------------------------------------------------------------------------------ */

static int begin(void **state)
{
    (void)state;
    memset(&now, 0, sizeof now);
    message[0] = '\0';
    guarded = unguarded = 0;
    return 0;
}

static const char text[] = "__kernel void answer(__global int *x) { x[get_global_id(0)] = 42 + (int)floor(0.5); }\n";

/* Runs the module's kernel on two items of new memory. */
static int32_t run(void *machine, void *module, int32_t *answers)
{
    void *memory = NULL, *kernel = NULL;
    int32_t status = opencl->allocate(machine, 2 * sizeof *answers, &memory);
    if (status == NUMC_OK)
        status = opencl->kernel_get(machine, module, "answer", &kernel);
    if (status == NUMC_OK)
        status = opencl->kernel_set_memory(machine, kernel, 0, memory);
    if (status == NUMC_OK)
        status = opencl->kernel_enqueue(machine, kernel, 2, 1);
    if (status == NUMC_OK)
        status = opencl->download(machine, memory, 0, answers, 2 * sizeof *answers);
    if (kernel != NULL)
        opencl->kernel_free(machine, kernel);
    if (memory != NULL)
        opencl->free(machine, memory);
    return status;
}

static void a_missing_loader_is_said(void **state)
{
    (void)state;
    int32_t count = -1;
    now.missing = true;
    assert_int_equal(opencl->device_count(&host, &count), NUMC_BACKEND);
    holds(message, "the OpenCL loader libOpenCL.so.1 cannot be opened (");
    assert_int_equal(count, 0);
}

static void no_memory_leaves_the_context(void **state)
{
    (void)state;
    void *machine, *memory;
    assert_int_equal(opencl->open(&host, 0, &machine), NUMC_OK);
    static const cl_int errors[] = {CL_MEM_OBJECT_ALLOCATION_FAILURE, CL_OUT_OF_RESOURCES, CL_OUT_OF_HOST_MEMORY};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        now.buffer = errors[i];
        assert_int_equal(opencl->allocate(machine, 1024, &memory), NUMC_MEMORY);
        assert_null(memory);
        holds(message, "allocating memory");
        now.buffer = CL_SUCCESS;
        assert_int_equal(opencl->allocate(machine, 1024, &memory), NUMC_OK);
        opencl->free(machine, memory);
    }
    opencl->close(machine);
}

static void a_lost_device_is_said(void **state)
{
    (void)state;
    void *machine, *module, *memory;
    int32_t answers[2] = {0, 0};
    assert_int_equal(opencl->open(&host, 0, &machine), NUMC_OK);
    assert_int_equal(opencl->module_build(machine, text, &module), NUMC_OK);
    now.kernel = CL_INVALID_WORK_GROUP_SIZE; /* a mistake, not a loss */
    assert_int_equal(run(machine, module, answers), NUMC_BACKEND);
    holds(message, "running a kernel on ");
    holds(message, "invalid work group size");
    now.kernel = CL_OUT_OF_RESOURCES; /* which drivers say of a device that is gone, too */
    now.finish = CL_INVALID_COMMAND_QUEUE;
    assert_int_equal(run(machine, module, answers), NUMC_DEVICE);
    holds(message, "out of resources");
    assert_int_equal(opencl->synchronize(machine), NUMC_DEVICE);
    holds(message, "waiting for the queue");
    now.buffer = CL_MEM_OBJECT_ALLOCATION_FAILURE; /* nor is it memory that lacks then */
    assert_int_equal(opencl->allocate(machine, 1024, &memory), NUMC_DEVICE);
    now.kernel = now.finish = now.buffer = CL_SUCCESS;
    opencl->module_free(machine, module);
    opencl->close(machine);
}

static void programs_are_built_and_come_back(void **state)
{
    (void)state;
    void *machine, *module, *again, *bytes = NULL;
    uint64_t size = 0;
    int32_t answers[2] = {0, 0};
    now.other = true; /* a driver that keeps nothing itself */
    assert_int_equal(opencl->open(&host, 0, &machine), NUMC_OK);
    assert_int_equal(opencl->module_build(machine, text, &module), NUMC_OK);
    assert_int_equal(guarded, 0);
    assert_int_equal(opencl->module_binary(machine, module, &bytes, &size), NUMC_OK);
    assert_true(bytes != NULL && size > 0);
    assert_int_equal(opencl->module_load(machine, bytes, size, &again), NUMC_OK);
    assert_int_equal(run(machine, again, answers), NUMC_OK);
    assert_true(answers[0] == 42 && answers[1] == 42);
    opencl->module_free(machine, again);
    opencl->module_free(machine, module);
    host_allocate(NULL, bytes, size, 0);
    assert_int_not_equal(opencl->module_build(machine, "__kernel void answer(__global int *x) { x = nothing; }\n", &module), NUMC_OK);
    holds(message, "a program cannot be built for ");
    opencl->close(machine);
}

static void pocl_needs_no_header(void **state)
{
    (void)state;
    char name[128] = "";
    int32_t count;
    numc_gpu_facts facts;
    void *machine, *module, *bytes = NULL;
    uint64_t size = 0;
    int32_t answers[2] = {0, 0};
    assert_int_equal(opencl->device_count(&host, &count), NUMC_OK);
    assert_int_equal(opencl->device_facts(&host, 0, &facts), NUMC_OK);
    (void)snprintf(name, sizeof name, "%s", facts.driver);
    if (strncmp(name, "Portable Computing Language", 27) != 0) {
        print_message("the first device is not PoCL's\n");
        skip();
    }
    for (int fails = 0; fails < 2; fails++) {
        guarded = unguarded = log_lines = 0;
        now.guard_fails = fails != 0;
        assert_int_equal(opencl->open(&host, 0, &machine), NUMC_OK);
        assert_int_equal(opencl->module_build(machine, text, &module), NUMC_OK);
        assert_true(guarded == 1 && unguarded == fails && log_lines == fails);
        assert_int_equal(run(machine, module, answers), NUMC_OK);
        assert_int_equal(answers[1], 42);
        assert_int_equal(opencl->module_binary(machine, module, &bytes, &size), NUMC_UNSUPPORTED);
        opencl->module_free(machine, module);
        assert_int_equal(opencl->module_build(machine, text, &module), NUMC_OK); /* what failed once is not tried again */
        assert_int_equal(guarded, 2 - fails);
        opencl->module_free(machine, module);
        opencl->close(machine);
    }
}

int main(void)
{
    if (!has_device(&host))
        return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_missing_loader_is_said, begin),
        cmocka_unit_test_setup(no_memory_leaves_the_context, begin),
        cmocka_unit_test_setup(a_lost_device_is_said, begin),
        cmocka_unit_test_setup(programs_are_built_and_come_back, begin),
        cmocka_unit_test_setup(pocl_needs_no_header, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
