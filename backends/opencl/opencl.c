/* opencl.c - the OpenCL runtime of backends/gpu: platforms and devices through the ICD loader (opened when first asked for), OpenCL
 * 1.2, one in-order queue per opened device, programs from text. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

/* ---- the loader -------------------------------------------------------------------------------------------------------- */

typedef numc_opencl_functions functions;
typedef numc_opencl_machine machine;

enum { DEVICES = 64, MESSAGE = 4096 };

static int32_t fail(const numc_host *host, numc_status status, const char *message)
{
    return host->error(host->user, (int32_t)status, message);
}

/* The loader stays open: it keeps threads and drivers of its own. */
static int32_t load(const numc_host *host, functions *cl)
{
    char message[512];
    void *object = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (object == NULL) {
        const char *reason = dlerror();
        (void)snprintf(message, sizeof message, "the OpenCL loader libOpenCL.so.1 cannot be opened (%s)",
                       reason != NULL ? reason : "no reason given");
        return fail(host, NUMC_BACKEND, message);
    }
    void *symbol;
#define X(name)                                                                                                        \
    symbol = dlsym(object, #name);                                                                                     \
    if (symbol == NULL)                                                                                                \
        return fail(host, NUMC_BACKEND, "the OpenCL loader libOpenCL.so.1 lacks " #name " (OpenCL 1.2)");               \
    memcpy(&cl->name, &symbol, sizeof symbol);
    NUMC_OPENCL_FUNCTIONS(X)
#undef X
    return NUMC_OK;
}

/* ---- devices ----------------------------------------------------------------------------------------------------------- */

typedef struct listing {
    cl_device_id devices[DEVICES];
    cl_platform_id platforms[DEVICES];
    int32_t platform[DEVICES], number[DEVICES]; /* "platform.number" is the device's text */
    int32_t count;
} listing;

/* OpenCL 1.2 or later: "OpenCL 1.1 ..." is too old. */
static bool is_recent(const functions *cl, cl_device_id device)
{
    char version[128] = "";
    (void)cl->clGetDeviceInfo(device, CL_DEVICE_VERSION, sizeof version - 1, version, NULL);
    int major = 0, minor = 0;
    return sscanf(version, "OpenCL %d.%d", &major, &minor) == 2 && (major > 1 || minor >= 2);
}

/* Platforms in the loader's order, of each all devices that can compile. No platform at all: none, without an error. */
static int32_t list(const numc_host *host, functions *cl, listing *l)
{
    memset(l, 0, sizeof *l);
    int32_t status = load(host, cl);
    if (status != NUMC_OK)
        return status;
    cl_platform_id platforms[DEVICES];
    cl_uint platform_count = 0;
    if (cl->clGetPlatformIDs(DEVICES, platforms, &platform_count) != CL_SUCCESS)
        return NUMC_OK;
    for (cl_uint p = 0; p < platform_count && p < DEVICES; p++) {
        cl_device_id devices[DEVICES];
        cl_uint count = 0;
        if (cl->clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, DEVICES, devices, &count) != CL_SUCCESS)
            continue;
        for (cl_uint d = 0; d < count && d < DEVICES && l->count < DEVICES; d++) {
            cl_bool compiles = CL_FALSE;
            (void)cl->clGetDeviceInfo(devices[d], CL_DEVICE_COMPILER_AVAILABLE, sizeof compiles, &compiles, NULL);
            if (!compiles || !is_recent(cl, devices[d]))
                continue;
            l->devices[l->count] = devices[d];
            l->platforms[l->count] = platforms[p];
            l->platform[l->count] = (int32_t)p;
            l->number[l->count++] = (int32_t)d;
        }
    }
    return NUMC_OK;
}

static int32_t device_count(const numc_host *host, int32_t *count)
{
    functions cl;
    listing l;
    int32_t status = list(host, &cl, &l);
    *count = l.count;
    return status;
}

static int32_t listed(const numc_host *host, int32_t index, functions *cl, listing *l)
{
    int32_t status = list(host, cl, l);
    if (status == NUMC_OK && (index < 0 || index >= l->count))
        status = fail(host, NUMC_BACKEND, l->count == 0 ? "no OpenCL 1.2 device on this machine" : "no OpenCL device of that number");
    return status;
}

/* "0.1": second device of the first platform; "1": second of all. */
static int32_t device_find(const numc_host *host, const char *text, int32_t *index)
{
    functions cl;
    listing l;
    int32_t status = list(host, &cl, &l);
    if (status != NUMC_OK)
        return status;
    int platform = -1, number = -1, length = 0;
    *index = -1;
    if (sscanf(text, "%d.%d%n", &platform, &number, &length) == 2 && text[length] == '\0') {
        for (int32_t i = 0; i < l.count; i++)
            if (l.platform[i] == platform && l.number[i] == number)
                *index = i;
    } else if (sscanf(text, "%d%n", &number, &length) == 1 && text[length] == '\0' && number >= 0 && number < l.count)
        *index = number;
    if (*index >= 0)
        return NUMC_OK;
    char message[MESSAGE];
    size_t used = (size_t)snprintf(message, sizeof message, "the OpenCL devices here are");
    for (int32_t i = 0; i < l.count && used < sizeof message - 200; i++) {
        char name[128] = "";
        (void)cl.clGetDeviceInfo(l.devices[i], CL_DEVICE_NAME, sizeof name - 1, name, NULL);
        used += (size_t)snprintf(message + used, sizeof message - used, "%s %d.%d (%s)", i > 0 ? "," : "", (int)l.platform[i],
                                 (int)l.number[i], name);
    }
    return fail(host, NUMC_BACKEND, l.count > 0 ? message : "no OpenCL 1.2 device on this machine");
}

static uint64_t number_of(const functions *cl, cl_device_id device, cl_device_info what)
{
    unsigned char bytes[8] = {0};
    size_t size = 0;
    if (cl->clGetDeviceInfo(device, what, sizeof bytes, bytes, &size) != CL_SUCCESS)
        return 0;
    if (size == sizeof(cl_uint)) {
        cl_uint value;
        memcpy(&value, bytes, sizeof value);
        return value;
    }
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

/* PoCL keeps every kernel it has compiled on disk and finds it by the program's text, while a binary makes it compile each
 * kernel once more, for groups of any size. */
static bool is_pocl(const functions *cl, cl_platform_id platform)
{
    char name[128] = "";
    (void)cl->clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name - 1, name, NULL);
    return strcmp(name, "Portable Computing Language") == 0;
}

static void facts_of(const functions *cl, cl_device_id device, cl_platform_id platform, numc_gpu_facts *facts)
{
    char version[128] = "", vendor[128] = "";
    memset(facts, 0, sizeof *facts);
    (void)cl->clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof facts->name - 1, facts->name, NULL);
    (void)cl->clGetDeviceInfo(device, CL_DRIVER_VERSION, sizeof version - 1, version, NULL);
    (void)cl->clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof vendor - 1, vendor, NULL);
    (void)snprintf(facts->driver, sizeof facts->driver, "%.60s %.60s", vendor, version);
    facts->memory_bytes = number_of(cl, device, CL_DEVICE_GLOBAL_MEM_SIZE);
    facts->allocation_limit = number_of(cl, device, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
    const char *narrow = secure_getenv("NUMC_OPENCL_FLOAT64"); /* 0: do as if the device had none, for tests */
    facts->float64 = number_of(cl, device, CL_DEVICE_DOUBLE_FP_CONFIG) != 0 && (narrow == NULL || strcmp(narrow, "0") != 0);
    facts->units = (uint32_t)number_of(cl, device, CL_DEVICE_MAX_COMPUTE_UNITS);
    facts->group_limit = (uint32_t)number_of(cl, device, CL_DEVICE_MAX_WORK_GROUP_SIZE);
    facts->local_bytes = (uint32_t)number_of(cl, device, CL_DEVICE_LOCAL_MEM_SIZE);
    facts->alignment = (uint32_t)number_of(cl, device, CL_DEVICE_MEM_BASE_ADDR_ALIGN) / 8;
    facts->argument_bytes = (uint32_t)number_of(cl, device, CL_DEVICE_MAX_PARAMETER_SIZE);
    facts->serial = (number_of(cl, device, CL_DEVICE_TYPE) & CL_DEVICE_TYPE_CPU) != 0;
}

static int32_t device_facts(const numc_host *host, int32_t index, numc_gpu_facts *facts)
{
    functions cl;
    listing l;
    int32_t status = listed(host, index, &cl, &l);
    if (status == NUMC_OK)
        facts_of(&cl, l.devices[index], l.platforms[index], facts);
    return status;
}

/* ---- errors ------------------------------------------------------------------------------------------------------------ */

static const char *error_name(cl_int error)
{
    static const struct {
        cl_int error;
        const char *name;
    } names[] = {
        {CL_DEVICE_NOT_FOUND, "device not found"},
        {CL_DEVICE_NOT_AVAILABLE, "device not available"},
        {CL_COMPILER_NOT_AVAILABLE, "compiler not available"},
        {CL_MEM_OBJECT_ALLOCATION_FAILURE, "memory object allocation failure"},
        {CL_OUT_OF_RESOURCES, "out of resources"},
        {CL_OUT_OF_HOST_MEMORY, "out of host memory"},
        {CL_BUILD_PROGRAM_FAILURE, "build program failure"},
        {CL_INVALID_VALUE, "invalid value"},
        {CL_INVALID_CONTEXT, "invalid context"},
        {CL_INVALID_COMMAND_QUEUE, "invalid command queue"},
        {CL_INVALID_MEM_OBJECT, "invalid memory object"},
        {CL_INVALID_BINARY, "invalid binary"},
        {CL_INVALID_KERNEL_NAME, "invalid kernel name"},
        {CL_INVALID_KERNEL_ARGS, "invalid kernel arguments"},
        {CL_INVALID_ARG_SIZE, "invalid argument size"},
        {CL_INVALID_WORK_GROUP_SIZE, "invalid work group size"},
        {CL_INVALID_BUFFER_SIZE, "invalid buffer size"},
        {-2039, "an exception that it did not expect"}, /* CLBlast's own, whose others are OpenCL's */
        {-2040, "an error of no known kind"},
        {-2041, "no parameters for this device"},
        {-2046, "too little local memory"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].error == error)
            return names[i].name;
    return "error";
}

int32_t numc_opencl_check(machine *m, const char *who, cl_int error, const char *what)
{
    if (error == CL_SUCCESS)
        return NUMC_OK;
    bool memory = error == CL_MEM_OBJECT_ALLOCATION_FAILURE || error == CL_OUT_OF_HOST_MEMORY || error == CL_OUT_OF_RESOURCES
                  || error == CL_INVALID_BUFFER_SIZE;
    bool lost = m->queue == NULL || m->cl.clFinish(m->queue) != CL_SUCCESS;
    char message[512];
    (void)snprintf(message, sizeof message, "%s on %s: %s says %s (%d)", what, m->name, who, error_name(error), (int)error);
    return fail(m->host, lost ? NUMC_DEVICE : memory ? NUMC_MEMORY : NUMC_BACKEND, message);
}

static int32_t check(machine *m, cl_int error, const char *what)
{
    return numc_opencl_check(m, "OpenCL", error, what);
}

/* ---- opening ----------------------------------------------------------------------------------------------------------- */

static void close_machine(void *opened)
{
    machine *m = opened;
    if (m == NULL)
        return;
    if (m->queue != NULL) {
        (void)m->cl.clFinish(m->queue);
        numc_opencl_vendor_end(m);
        (void)m->cl.clReleaseCommandQueue(m->queue);
    }
    if (m->context != NULL)
        (void)m->cl.clReleaseContext(m->context);
    (void)m->host->allocate(m->host->user, m, sizeof *m, 0);
}

static int32_t open_machine(const numc_host *host, int32_t index, void **opened)
{
    functions cl;
    listing l;
    *opened = NULL;
    int32_t status = listed(host, index, &cl, &l);
    if (status != NUMC_OK)
        return status;
    machine *m = host->allocate(host->user, NULL, 0, sizeof *m);
    if (m == NULL)
        return fail(host, NUMC_MEMORY, "out of memory for a device");
    *m = (machine){.host = host, .cl = cl, .device = l.devices[index]};
    numc_gpu_facts facts;
    facts_of(&cl, m->device, l.platforms[index], &facts);
    m->keeps_programs = is_pocl(&cl, l.platforms[index]);
    m->float64 = facts.float64 != 0;
    m->declares = m->keeps_programs;
    numc_opencl_vendor_begin(m, &facts);
    (void)cl.clGetDeviceInfo(m->device, CL_DEVICE_NAME, sizeof m->name - 1, m->name, NULL);
    cl_int error;
    m->context = cl.clCreateContext(NULL, 1, &m->device, NULL, NULL, &error);
    if (error == CL_SUCCESS)
        m->queue = cl.clCreateCommandQueue(m->context, m->device, 0, &error);
    if (error != CL_SUCCESS) {
        char message[256];
        (void)snprintf(message, sizeof message, "%s cannot be opened: OpenCL says %s (%d)", m->name, error_name(error), (int)error);
        close_machine(m);
        return fail(host, NUMC_BACKEND, message);
    }
    *opened = m;
    return NUMC_OK;
}

/* ---- memory ------------------------------------------------------------------------------------------------------------ */

static int32_t allocate(void *opened, uint64_t bytes, void **raw)
{
    machine *m = opened;
    cl_int error;
    *raw = m->cl.clCreateBuffer(m->context, CL_MEM_READ_WRITE, (size_t)bytes, NULL, &error);
    if (error != CL_SUCCESS)
        *raw = NULL;
    return check(m, error, "allocating memory");
}

static void release(void *opened, void *raw)
{
    machine *m = opened;
    (void)m->cl.clReleaseMemObject(raw);
}

static int32_t upload(void *opened, void *raw, uint64_t offset, const void *from, uint64_t bytes)
{
    machine *m = opened;
    return check(m, m->cl.clEnqueueWriteBuffer(m->queue, raw, CL_TRUE, (size_t)offset, (size_t)bytes, from, 0, NULL, NULL), "upload");
}

static int32_t download(void *opened, const void *raw, uint64_t offset, void *to, uint64_t bytes)
{
    machine *m = opened;
    cl_mem memory;
    memcpy(&memory, &raw, sizeof memory);
    return check(m, m->cl.clEnqueueReadBuffer(m->queue, memory, CL_TRUE, (size_t)offset, (size_t)bytes, to, 0, NULL, NULL),
                 "download");
}

/* The ticket is the event. */
static int32_t read_begin(void *opened, const void *raw, uint64_t offset, void *to, uint64_t bytes, void **ticket)
{
    machine *m = opened;
    cl_mem memory;
    cl_event event = NULL;
    memcpy(&memory, &raw, sizeof memory);
    int32_t status = check(m, m->cl.clEnqueueReadBuffer(m->queue, memory, CL_FALSE, (size_t)offset, (size_t)bytes, to, 0, NULL, &event),
                           "download");
    if (status == NUMC_OK)
        status = check(m, m->cl.clFlush(m->queue), "flush");
    *ticket = event;
    return status;
}

static int32_t read_end(void *opened, void *ticket)
{
    machine *m = opened;
    cl_event event = ticket;
    int32_t status = check(m, m->cl.clWaitForEvents(1, &event), "download");
    (void)m->cl.clReleaseEvent(event);
    return status;
}

static int32_t copy(void *opened, void *to, uint64_t to_offset, const void *from, uint64_t from_offset, uint64_t bytes)
{
    machine *m = opened;
    cl_mem source;
    memcpy(&source, &from, sizeof source);
    return check(m, m->cl.clEnqueueCopyBuffer(m->queue, source, to, (size_t)from_offset, (size_t)to_offset, (size_t)bytes, 0, NULL,
                                              NULL), "copy");
}

static int32_t synchronize(void *opened)
{
    machine *m = opened;
    return check(m, m->cl.clFinish(m->queue), "waiting for the queue");
}

/* ---- modules ----------------------------------------------------------------------------------------------------------- */

static const char options[] = "-cl-std=CL1.2 -w";

enum { OPTIONS = 160 };

/* Divisions and roots of float32 are not rounded correctly on every device: that option is refused there. Without float64 no
 * literal is a double, on devices that have one and are told not to use it too. */
static void write_options(const machine *m, const char *more, char *text)
{
    bool exact = (number_of(&m->cl, m->device, CL_DEVICE_SINGLE_FP_CONFIG) & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0;
    (void)snprintf(text, OPTIONS, "%s%s%s%s", options, exact ? " -cl-fp32-correctly-rounded-divide-sqrt" : "",
                   m->float64 ? "" : " -cl-single-precision-constant", more);
}

static int32_t build_failed(machine *m, cl_program program, cl_int error)
{
    char message[MESSAGE];
    size_t used = (size_t)snprintf(message, sizeof message, "a program cannot be built for %s: OpenCL says %s (%d). ", m->name,
                                   error_name(error), (int)error);
    size_t size = 0;
    (void)m->cl.clGetProgramBuildInfo(program, m->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &size);
    char *log = size > 0 ? m->host->allocate(m->host->user, NULL, 0, size) : NULL;
    if (log != NULL) {
        if (m->cl.clGetProgramBuildInfo(program, m->device, CL_PROGRAM_BUILD_LOG, size, log, NULL) == CL_SUCCESS)
            (void)snprintf(message + used, sizeof message - used, "%.*s", (int)(size < MESSAGE ? size : MESSAGE), log);
        (void)m->host->allocate(m->host->user, log, size, 0);
    }
    return fail(m->host, NUMC_BACKEND, message);
}

static int32_t build(machine *m, cl_program program, void **module)
{
    char text[OPTIONS];
    write_options(m, "", text);
    cl_int error = m->cl.clBuildProgram(program, 1, &m->device, text, NULL, NULL);
    if (error == CL_SUCCESS) {
        *module = program;
        return NUMC_OK;
    }
    int32_t status = build_failed(m, program, error);
    (void)m->cl.clReleaseProgram(program);
    return status;
}

/* The functions of OpenCL C that our text calls: of every dialect, and of a device without double, where float32 functions stand for
 * the scalar kernel's. Reading the declarations of all of them, which PoCL puts before every program, takes six times as long as the
 * program; the macro of that header's guard leaves them out. */
#define ONES(X) X(sqrt) X(fabs) X(floor) X(ceil) X(trunc) X(rint)
#define TWOS(X) X(fmod) X(copysign) X(nextafter)
#define NARROW_ONES(X) X(exp) X(expm1) X(log) X(log1p) X(log2) X(log10) X(sin) X(cos) X(tan) X(asin) X(acos) X(atan) X(sinh) X(cosh) \
    X(tanh) X(asinh) X(acosh) X(atanh) X(lgamma) X(erf) X(erfc)
#define NARROW_TWOS(X) X(pow) X(atan2) X(hypot)
#define INDEX(name) "size_t NUMC_DECLARED " #name "(uint);\n"
#define FLOAT_ONE(name) "float NUMC_DECLARED " #name "(float);\n"
#define FLOAT_TWO(name) "float NUMC_DECLARED " #name "(float, float);\n"
#define DOUBLE_ONE(name) "double NUMC_DECLARED " #name "(double);\n"
#define DOUBLE_TWO(name) "double NUMC_DECLARED " #name "(double, double);\n"
#define DECLARED                                                                                                       \
    "#define NUMC_DECLARED __attribute__((overloadable, const))\n"                                                     \
    INDEX(get_global_id) INDEX(get_global_size) INDEX(get_local_id) INDEX(get_group_id) ONES(FLOAT_ONE) TWOS(FLOAT_TWO) \
    "int NUMC_DECLARED signbit(float);\n"                                                                              \
    "float NUMC_DECLARED fma(float, float, float);\n"                                                                  \
    "void __attribute__((overloadable, convergent)) barrier(uint);\n"
static const char declarations[] = DECLARED ONES(DOUBLE_ONE) TWOS(DOUBLE_TWO) "int NUMC_DECLARED signbit(double);\n"
    "double NUMC_DECLARED fma(double, double, double);\n";
static const char narrow_declarations[] = DECLARED NARROW_ONES(FLOAT_ONE) NARROW_TWOS(FLOAT_TWO)
    "float NUMC_DECLARED ldexp(float, int);\n";

/* NULL where PoCL is not as it was: then its own header is read, by this machine from now on. */
static cl_program build_declared(machine *m, const char *text)
{
    const char *texts[] = {m->float64 ? declarations : narrow_declarations, text};
    char with_guard[OPTIONS];
    cl_int error;
    cl_program program = m->cl.clCreateProgramWithSource(m->context, 2, texts, NULL, &error);
    if (error != CL_SUCCESS)
        return NULL;
    write_options(m, " -D_OPENCL_H_", with_guard);
    if (m->cl.clBuildProgram(program, 1, &m->device, with_guard, NULL, NULL) == CL_SUCCESS)
        return program;
    (void)m->cl.clReleaseProgram(program);
    __atomic_store_n(&m->declares, false, __ATOMIC_RELAXED);
    m->host->log(m->host->user, NUMC_LOG_DEBUG, "a program needs more of OpenCL's functions than are declared here: PoCL's header is read from now on");
    return NULL;
}

static int32_t module_build(void *opened, const char *text, void **module)
{
    machine *m = opened;
    cl_int error;
    *module = __atomic_load_n(&m->declares, __ATOMIC_RELAXED) ? build_declared(m, text) : NULL;
    if (*module != NULL)
        return NUMC_OK;
    cl_program program = m->cl.clCreateProgramWithSource(m->context, 1, &text, NULL, &error);
    return error != CL_SUCCESS ? check(m, error, "making a program") : build(m, program, module);
}

static int32_t module_load(void *opened, const void *bytes, uint64_t size, void **module)
{
    machine *m = opened;
    cl_int error, state = CL_SUCCESS;
    const unsigned char *binary = bytes;
    size_t length = (size_t)size;
    *module = NULL;
    cl_program program = m->cl.clCreateProgramWithBinary(m->context, 1, &m->device, &length, &binary, &state, &error);
    if (error != CL_SUCCESS)
        return check(m, error, "loading a program");
    return build(m, program, module);
}

static int32_t module_binary(void *opened, void *module, void **bytes, uint64_t *size)
{
    machine *m = opened;
    size_t length = 0;
    *bytes = NULL;
    *size = 0;
    if (m->keeps_programs)
        return NUMC_UNSUPPORTED;
    if (m->cl.clGetProgramInfo(module, CL_PROGRAM_BINARY_SIZES, sizeof length, &length, NULL) != CL_SUCCESS || length == 0)
        return fail(m->host, NUMC_UNSUPPORTED, "the driver gives no binaries");
    unsigned char *binary = m->host->allocate(m->host->user, NULL, 0, length);
    if (binary == NULL)
        return fail(m->host, NUMC_MEMORY, "out of memory for a binary");
    if (m->cl.clGetProgramInfo(module, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL) != CL_SUCCESS) {
        (void)m->host->allocate(m->host->user, binary, length, 0);
        return fail(m->host, NUMC_UNSUPPORTED, "the driver gives no binaries");
    }
    *bytes = binary;
    *size = length;
    return NUMC_OK;
}

static void module_free(void *opened, void *module)
{
    machine *m = opened;
    (void)m->cl.clReleaseProgram(module);
}

/* ---- kernels ----------------------------------------------------------------------------------------------------------- */

static int32_t kernel_get(void *opened, void *module, const char *name, void **kernel)
{
    machine *m = opened;
    cl_int error;
    *kernel = m->cl.clCreateKernel(module, name, &error);
    return check(m, error, "making a kernel");
}

static int32_t kernel_set(void *opened, void *kernel, uint32_t index, const void *value, uint64_t size)
{
    machine *m = opened;
    cl_int error = m->cl.clSetKernelArg(kernel, index, (size_t)size, value);
    return error == CL_SUCCESS ? NUMC_OK : check(m, error, "setting an argument of a kernel");
}

static int32_t kernel_set_memory(void *opened, void *kernel, uint32_t index, void *raw)
{
    return kernel_set(opened, kernel, index, &raw, sizeof raw);
}

static int32_t kernel_enqueue(void *opened, void *kernel, uint64_t groups, uint32_t group)
{
    machine *m = opened;
    size_t global = (size_t)groups * group, local = group;
    cl_int error = m->cl.clEnqueueNDRangeKernel(m->queue, kernel, 1, NULL, &global, &local, 0, NULL, NULL);
    return error == CL_SUCCESS ? NUMC_OK : check(m, error, "running a kernel");
}

static void kernel_free(void *opened, void *kernel)
{
    machine *m = opened;
    (void)m->cl.clReleaseKernel(kernel);
}

/* ---- the plugin -------------------------------------------------------------------------------------------------------- */

const numc_gpu_runtime numc_gpu_runtime_here = {
    .name = "opencl",
    .dialect = NUMC_DIALECT_OPENCL,
    .options = options,
    .device_count = device_count,
    .device_facts = device_facts,
    .device_find = device_find,
    .open = open_machine,
    .close = close_machine,
    .allocate = allocate,
    .free = release,
    .upload = upload,
    .download = download,
    .read_begin = read_begin,
    .read_end = read_end,
    .copy = copy,
    .synchronize = synchronize,
    .module_build = module_build,
    .module_binary = module_binary,
    .module_load = module_load,
    .module_free = module_free,
    .kernel_get = kernel_get,
    .kernel_set_memory = kernel_set_memory,
    .kernel_set = kernel_set,
    .kernel_enqueue = kernel_enqueue,
    .kernel_free = kernel_free,
    .gemm_room = numc_opencl_gemm_room,
    .gemm = numc_opencl_gemm,
};

static const numc_backend table = NUMC_GPU_TABLE("opencl", "devices through the OpenCL loader");

NUMC_GPU_EXPORT const numc_backend *numc_backend_query(uint32_t max_abi)
{
    return max_abi >= NUMC_BACKEND_ABI ? &table : NULL;
}
