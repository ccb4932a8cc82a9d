/* test_runtime.c - the cuda backend's runtime over stand-ins for NVIDIA's libraries: what it says where something is missing, that
 * transfers and launches keep their order though nothing waits, that arguments are those of the launch, that each driver call
 * and each allocation may fail, and what is said of a lost device. No figure here is a real device's. */
#include <complex.h>
#include <dlfcn.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../base/need.h"
#include "fake.h"
#include "gpu/gpu.h"

static const numc_gpu_runtime *const cuda = &numc_gpu_runtime_here;
static fake_cuda *fake;
static const char *folder; /* of the stand-ins */

/* ---- the host ------------------------------------------------------------------------------------------------------------ */

static char message[1024];
static long blocks, allocations, fail_allocation = -1, lines;

static void *host_allocate(void *user, void *pointer, size_t old_size, size_t size)
{
    (void)user;
    (void)old_size;
    if (size == 0) {
        blocks -= pointer != NULL;
        free(pointer);
        return NULL;
    }
    assert_null(pointer);
    if (allocations++ == fail_allocation)
        return NULL;
    blocks++;
    return malloc(size);
}

static void host_log(void *user, int32_t level, const char *line)
{
    (void)user;
    (void)level;
    assert_non_null(line);
    lines++;
}

static int32_t host_error(void *user, int32_t status, const char *text)
{
    (void)user;
    (void)snprintf(message, sizeof message, "%s", text);
    return status;
}

static const numc_host host = {.size = sizeof host, .abi = NUMC_BACKEND_ABI, .allocate = host_allocate, .log = host_log,
                               .error = host_error};

static void said(const char *text)
{
    if (strstr(message, text) == NULL) {
        print_error("'%s' is not in: %s\n", text, message);
        fail();
    }
}

static int find_folder(void **state)
{
    (void)state;
    folder = getenv("NUMC_FAKE_CUDA");
    return folder == NULL;
}

static int set_up(void **state)
{
    char path[4096];
    if (find_folder(state) != 0)
        return 1;
    (void)snprintf(path, sizeof path, "%s/driver/libcuda.so.1", folder);
    void *driver = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    fake = driver != NULL ? dlsym(driver, "fake") : NULL;
    return fake == NULL;
}

static int clean(void **state)
{
    (void)state;
    char path[8192];
    message[0] = '\0';
    (void)snprintf(path, sizeof path, "%s/driver:%s", folder, folder);
    setenv("NUMC_CUDA_PATH", path, 1);
    if (fake == NULL)
        return 0;
    fake->devices = 2;
    fake->capability = 90;
    fake->init_result = 0;
    fake->fail_at = fail_allocation = -1;
    fake->memory = (size_t)1 << 30;
    fake->calls = allocations = lines = 0;
    fake->launches = fake->uploads = fake->downloads = fake->waits = fake->graph_launches = 0;
    return 0;
}

/* Nothing is left, and nothing was done that a device would punish. */
static void nothing_left(void)
{
    assert_int_equal(blocks, 0);
    if (fake == NULL)
        return;
    if (fake->mistakes > 0)
        print_error("%s\n", fake->mistake);
    assert_int_equal(fake->mistakes, 0);
    assert_int_equal(fake->contexts, 0);
    assert_int_equal(fake->streams, 0);
    assert_int_equal(fake->events, 0);
    assert_int_equal(fake->pinned, 0);
    assert_int_equal(fake->allocations, 0);
    assert_int_equal(fake->modules, 0);
    assert_int_equal(fake->graphs, 0);
}

static void *opened(int32_t index)
{
    void *machine = NULL;
    int32_t status = cuda->open(&host, index, &machine);
    if (status != NUMC_OK)
        print_error("%s\n", message);
    assert_int_equal(status, NUMC_OK);
    return machine;
}

/* ---- what is missing ----------------------------------------------------------------------------------------------------- */

static bool is_here(const char *library)
{
    unsetenv("NUMC_CUDA_PATH");
    void *object = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
    if (object != NULL)
        dlclose(object);
    return object != NULL;
}

static void without_a_driver_the_reason_is_said(void **state)
{
    (void)state;
    int32_t count = 7;
    char path[4096];
    if (is_here("libcuda.so.1"))
        SKIP("this machine has a driver");
    assert_int_equal(cuda->device_count(&host, &count), NUMC_BACKEND);
    assert_int_equal(count, 0);
    said("the NVIDIA driver's library cannot be opened");
    said("libcuda.so.1");
    said("NUMC_CUDA_PATH");
    /* a file of that name that is no library */
    (void)snprintf(path, sizeof path, "%s/broken", folder);
    assert_true(mkdir(path, 0700) == 0 || access(path, F_OK) == 0);
    setenv("NUMC_CUDA_PATH", path, 1);
    (void)snprintf(path, sizeof path, "%s/broken/libcuda.so.1", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("not a library\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(cuda->device_count(&host, &count), NUMC_BACKEND);
    said("broken/libcuda.so.1");
    setenv("NUMC_CUDA_PATH", "relative:", 1); /* never relative to the current folder */
    assert_int_equal(cuda->device_count(&host, &count), NUMC_BACKEND);
    nothing_left();
}

static void a_driver_without_devices_says_so(void **state)
{
    (void)state;
    int32_t count = 7;
    numc_gpu_facts facts;
    void *machine;
    fake->devices = 0;
    assert_int_equal(cuda->device_count(&host, &count), NUMC_BACKEND);
    assert_int_equal(count, 0);
    said("CUDA_ERROR_NO_DEVICE (no CUDA-capable device is detected)");
    fake->init_result = 803;
    fake->devices = 1;
    assert_int_equal(cuda->device_count(&host, &count), NUMC_BACKEND);
    said("error 803");
    assert_int_equal(cuda->device_facts(&host, 0, &facts), NUMC_BACKEND);
    assert_int_equal(cuda->open(&host, 0, &machine), NUMC_BACKEND);
    assert_null(machine);
    nothing_left();
}

static void without_a_compiler_the_reason_is_said(void **state)
{
    (void)state;
    char path[4096];
    numc_gpu_facts facts;
    void *machine;
    if (is_here("libnvrtc.so.13") || is_here("libnvrtc.so.12") || is_here("libnvrtc.so.11.2") || is_here("libnvrtc.so"))
        SKIP("this machine has NVRTC");
    (void)snprintf(path, sizeof path, "%s/driver", folder);
    setenv("NUMC_CUDA_PATH", path, 1);
    assert_int_equal(cuda->device_facts(&host, 0, &facts), NUMC_OK);
    assert_string_equal(facts.driver, "CUDA 12.4, but NVRTC is missing");
    assert_int_equal(cuda->open(&host, 0, &machine), NUMC_BACKEND);
    said("NVRTC, which compiles kernels, cannot be opened");
    said("libnvrtc.so.12");
    nothing_left();
}

static void devices_are_described(void **state)
{
    (void)state;
    numc_gpu_facts facts;
    int32_t count = 0;
    assert_int_equal(cuda->device_count(&host, &count), NUMC_OK);
    assert_int_equal(count, 2);
    assert_int_equal(cuda->device_facts(&host, 1, &facts), NUMC_OK);
    assert_string_equal(facts.name, "Stand-in 1, sm_90");
    assert_string_equal(facts.driver, "CUDA 12.4, NVRTC 0.1");
    assert_int_equal(facts.memory_bytes, (uint64_t)1 << 30);
    assert_int_equal(facts.group_limit, 256);
    assert_int_equal(facts.units, 4);
    assert_int_equal(facts.local_bytes, 49152);
    assert_int_equal(cuda->device_facts(&host, 2, &facts), NUMC_INDEX);
    said("there is no CUDA device 2; there are 2");
    assert_int_equal(fake->contexts, 0); /* listing opens nothing */
    nothing_left();
}

static void targets_fit_the_device(void **state)
{
    (void)state;
    void *machine;
    fake->capability = 75;
    assert_int_equal(cuda->open(&host, 0, &machine), NUMC_BACKEND);
    said("compiles for no target that runs on the device (sm_75)");
    nothing_left();
}

/* ---- memory -------------------------------------------------------------------------------------------------------------- */

static void fill(unsigned char *bytes, size_t count, unsigned int seed)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (unsigned char)((i * 2654435761u + seed) >> 13);
}

static void transfers_keep_every_byte(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (9 << 20) + 5};
    enum { MOST = (9 << 20) + 5, OFFSET = 12 };
    unsigned char *in = malloc(MOST), *out = malloc(MOST);
    void *m = opened(0), *a, *b;
    assert_int_equal(cuda->allocate(m, MOST + OFFSET, &a), NUMC_OK);
    assert_int_equal(cuda->allocate(m, MOST + OFFSET, &b), NUMC_OK);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        fill(in, sizes[k], (unsigned int)k);
        memset(out, 0, MOST);
        assert_int_equal(cuda->upload(m, a, OFFSET, in, sizes[k]), NUMC_OK);
        unsigned char first = sizes[k] > 0 ? in[0] : 0;
        memset(in, 0x77, sizes[k]); /* the memory is ours again when upload returns */
        assert_int_equal(cuda->copy(m, b, 4, a, OFFSET, sizes[k]), NUMC_OK);
        assert_int_equal(cuda->download(m, b, 4, out, sizes[k]), NUMC_OK);
        fill(in, sizes[k], (unsigned int)k);
        assert_true(sizes[k] == 0 || first == in[0]);
        assert_memory_equal(out, in, sizes[k]);
    }
    cuda->free(m, a);
    cuda->free(m, b);
    cuda->close(m);
    free(in);
    free(out);
    nothing_left();
}

/* Small uploads do not wait; many of them use the pinned memory again only when it is free. */
static void uploads_do_not_wait(void **state)
{
    (void)state;
    enum { COUNT = 100000, SIZE = 72 };
    void *m = opened(0), *a;
    unsigned char bytes[SIZE];
    assert_int_equal(cuda->allocate(m, (uint64_t)COUNT * SIZE, &a), NUMC_OK);
    for (unsigned int i = 0; i < COUNT; i++) {
        fill(bytes, SIZE, i);
        assert_int_equal(cuda->upload(m, a, (uint64_t)i * SIZE, bytes, SIZE), NUMC_OK);
        if (i < 1000)
            assert_int_equal(fake->waits, 0);
    }
    assert_true(fake->waits > 0 && fake->waits < 20); /* 128 bytes each: 12.8 MB through 4 MB */
    unsigned char *out = malloc((size_t)COUNT * SIZE);
    assert_int_equal(cuda->download(m, a, 0, out, (uint64_t)COUNT * SIZE), NUMC_OK);
    for (unsigned int i = 0; i < COUNT; i++) {
        fill(bytes, SIZE, i);
        assert_memory_equal(out + (size_t)i * SIZE, bytes, SIZE);
    }
    free(out);
    cuda->free(m, a);
    cuda->close(m);
    nothing_left();
}

static void out_of_memory_can_be_survived(void **state)
{
    (void)state;
    void *m = opened(0), *a, *b;
    fake->memory = 1 << 20;
    assert_int_equal(cuda->allocate(m, 1 << 19, &a), NUMC_OK);
    assert_int_equal(cuda->allocate(m, 1 << 20, &b), NUMC_MEMORY);
    said("CUDA device 0 (Stand-in 0): allocating 1048576 bytes (524288 of 1048576 are free): CUDA_ERROR_OUT_OF_MEMORY");
    cuda->free(m, a);
    assert_int_equal(cuda->allocate(m, 1 << 20, &b), NUMC_OK);
    cuda->free(m, b);
    cuda->close(m);
    nothing_left();
}

static void a_lost_device_is_said_and_left_alone(void **state)
{
    (void)state;
    void *m = opened(0), *other = opened(1), *a;
    unsigned char byte = 1;
    assert_int_equal(cuda->allocate(m, 64, &a), NUMC_OK);
    fake->fail_at = fake->calls; /* the wait */
    fake->fail_with = 700;
    assert_int_equal(cuda->synchronize(m), NUMC_DEVICE);
    said("waiting for the stream: CUDA_ERROR_ILLEGAL_ADDRESS (an illegal memory access was encountered)");
    said("another context on this device needs a new process");
    const long calls = fake->calls;
    assert_int_equal(cuda->upload(m, a, 0, &byte, 1), NUMC_DEVICE);
    said("lost after CUDA_ERROR_ILLEGAL_ADDRESS");
    assert_int_equal(cuda->allocate(m, 64, &a), NUMC_DEVICE);
    assert_int_equal(fake->calls, calls); /* the driver was not asked */
    cuda->close(m);
    cuda->close(other);
    assert_int_equal(fake->mistakes, 0);
    assert_int_equal(fake->contexts, 0);
    assert_int_equal(blocks, 0);
    fake->streams = fake->allocations = 0; /* went with the context */
    fake->used = 0;
}

/* ---- kernels ------------------------------------------------------------------------------------------------------------- */

static const char text[] =
    "struct words { long long first[40]; };\n"
    "extern \"C\" __global__ void scale(double *y, const double *x, double factor, long long count, words w)\n"
    "{\n"
    "    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;\n"
    "    if (i < count)\n"
    "        y[i] = factor * x[i] + (double)w.first[39];\n"
    "}\n"
    "extern \"C\" __global__ void reverse(double *x)\n" /* within a group, through shared memory */
    "{\n"
    "    __shared__ double held[64];\n"
    "    held[threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];\n"
    "    __syncthreads();\n"
    "    x[blockIdx.x * blockDim.x + threadIdx.x] = held[blockDim.x - 1 - threadIdx.x];\n"
    "}\n";

typedef struct words {
    int64_t first[40];
} words;

static int32_t set_scale(void *m, void *kernel, void *y, void *x, double factor, int64_t count, int64_t last)
{
    words w = {{0}};
    w.first[39] = last;
    int32_t status = cuda->kernel_set_memory(m, kernel, 0, y);
    if (status == NUMC_OK)
        status = cuda->kernel_set_memory(m, kernel, 1, x);
    if (status == NUMC_OK)
        status = cuda->kernel_set(m, kernel, 2, &factor, sizeof factor);
    if (status == NUMC_OK)
        status = cuda->kernel_set(m, kernel, 3, &count, sizeof count);
    if (status == NUMC_OK)
        status = cuda->kernel_set(m, kernel, 4, &w, sizeof w);
    return status;
}

static void kernels_run_with_the_arguments_of_their_launch(void **state)
{
    (void)state;
    enum { N = 100 };
    double in[N], out[N];
    void *m = opened(0), *x, *y, *module, *scale, *reverse;
    for (int i = 0; i < N; i++)
        in[i] = i;
    assert_int_equal(cuda->allocate(m, sizeof in, &x), NUMC_OK);
    assert_int_equal(cuda->allocate(m, sizeof in, &y), NUMC_OK);
    assert_int_equal(cuda->module_build(m, text, &module), NUMC_OK);
    assert_int_equal(cuda->kernel_get(m, module, "scale", &scale), NUMC_OK);
    assert_int_equal(cuda->kernel_get(m, module, "reverse", &reverse), NUMC_OK);
    assert_int_equal(cuda->kernel_enqueue(m, scale, 0, 64), NUMC_UNSUPPORTED);
    assert_int_equal(cuda->upload(m, x, 0, in, sizeof in), NUMC_OK);
    assert_int_equal(set_scale(m, scale, y, x, 2.0, N, 5), NUMC_OK);
    assert_int_equal(cuda->kernel_enqueue(m, scale, 2, 64), NUMC_OK);
    assert_int_equal(set_scale(m, scale, x, y, 3.0, 10, 7), NUMC_OK); /* the first launch has not run yet */
    assert_int_equal(cuda->kernel_enqueue(m, scale, 1, 64), NUMC_OK);
    assert_int_equal(fake->waits, 0);
    assert_int_equal(cuda->download(m, x, 0, out, sizeof out), NUMC_OK);
    for (int i = 0; i < N; i++)
        assert_true(out[i] == (i < 10 ? 3.0 * (2.0 * i + 5.0) + 7.0 : i));
    words w = {{0}};
    assert_int_equal(cuda->kernel_set(m, reverse, 1, &w, sizeof w), NUMC_OK);
    assert_int_equal(cuda->kernel_enqueue(m, reverse, 1, 50), NUMC_INTERNAL);
    said("before all its arguments were set");
    cuda->kernel_free(m, scale);
    cuda->kernel_free(m, reverse);
    cuda->module_free(m, module);
    cuda->free(m, x);
    cuda->free(m, y);
    cuda->close(m);
    nothing_left();
}

/* Calls between begin and end do not run; the recording runs them in their order, each time with the arguments they had. */
static void recordings_run_what_was_asked_for(void **state)
{
    (void)state;
    enum { N = 100 };
    double in[N], out[N];
    void *m = opened(0), *x, *y, *module, *scale, *recording, *none;
    for (int i = 0; i < N; i++)
        in[i] = i;
    assert_int_equal(cuda->allocate(m, sizeof in, &x), NUMC_OK);
    assert_int_equal(cuda->allocate(m, sizeof in, &y), NUMC_OK);
    assert_int_equal(cuda->module_build(m, text, &module), NUMC_OK);
    assert_int_equal(cuda->kernel_get(m, module, "scale", &scale), NUMC_OK);
    assert_int_equal(cuda->upload(m, x, 0, in, sizeof in), NUMC_OK);
    assert_int_equal(cuda->record_end(m, &none), NUMC_STATE);
    assert_int_equal(cuda->record_begin(m), NUMC_OK);
    assert_int_equal(cuda->record_begin(m), NUMC_STATE);
    assert_int_equal(set_scale(m, scale, y, x, 2.0, N, 1), NUMC_OK);
    assert_int_equal(cuda->kernel_enqueue(m, scale, 2, 64), NUMC_OK); /* y = 2 x + 1 */
    assert_int_equal(cuda->copy(m, x, 0, y, 0, sizeof in), NUMC_OK);
    assert_int_equal(cuda->upload(m, x, 0, in, sizeof in), NUMC_UNSUPPORTED);
    assert_int_equal(cuda->download(m, x, 0, out, sizeof out), NUMC_UNSUPPORTED);
    said("a download cannot be recorded");
    assert_int_equal(cuda->synchronize(m), NUMC_UNSUPPORTED);
    assert_int_equal(cuda->record_end(m, &recording), NUMC_OK);
    assert_int_equal(set_scale(m, scale, y, x, 99.0, N, 99), NUMC_OK); /* the recording has its own arguments */
    assert_int_equal(cuda->download(m, x, 0, out, sizeof out), NUMC_OK);
    assert_memory_equal(out, in, sizeof in); /* nothing has run */
    for (int k = 0; k < 3; k++)
        assert_int_equal(cuda->record_run(m, recording), NUMC_OK);
    assert_int_equal(fake->graph_launches, 3);
    assert_int_equal(cuda->download(m, x, 0, out, sizeof out), NUMC_OK);
    for (int i = 0; i < N; i++)
        assert_true(out[i] == 8.0 * i + 7.0);
    cuda->record_free(m, recording);
    cuda->kernel_free(m, scale);
    cuda->module_free(m, module);
    cuda->free(m, x);
    cuda->free(m, y);
    cuda->close(m);
    nothing_left();
}

static void modules_come_back_from_their_binary(void **state)
{
    (void)state;
    for (int capability = 90; capability <= 100; capability += 10) { /* device code; text for the driver to translate */
        double in[64], out[64];
        void *bytes, *module, *again, *reverse, *x;
        uint64_t size;
        fake->capability = capability;
        void *m = opened(0);
        assert_int_equal(cuda->module_build(m, text, &module), NUMC_OK);
        assert_int_equal(cuda->module_binary(m, module, &bytes, &size), NUMC_OK);
        assert_true(size > 100);
        cuda->module_free(m, module);
        assert_int_equal(cuda->module_load(m, bytes, size, &again), NUMC_OK);
        assert_int_equal(cuda->kernel_get(m, again, "reverse", &reverse), NUMC_OK);
        assert_int_equal(cuda->kernel_get(m, again, "revers", &module), NUMC_BACKEND);
        said("finding the kernel revers: CUDA_ERROR_NOT_FOUND");
        for (int i = 0; i < 64; i++)
            in[i] = i;
        assert_int_equal(cuda->allocate(m, sizeof in, &x), NUMC_OK);
        assert_int_equal(cuda->upload(m, x, 0, in, sizeof in), NUMC_OK);
        assert_int_equal(cuda->kernel_set_memory(m, reverse, 0, x), NUMC_OK);
        assert_int_equal(cuda->kernel_enqueue(m, reverse, 2, 32), NUMC_OK);
        assert_int_equal(cuda->download(m, x, 0, out, sizeof out), NUMC_OK);
        for (int i = 0; i < 64; i++)
            assert_true(out[i] == i / 32 * 32 + 31 - i % 32);
        cuda->kernel_free(m, reverse);
        cuda->module_free(m, again);
        cuda->free(m, x);
        memset(bytes, 'x', 64);
        assert_int_equal(cuda->module_load(m, bytes, 64, &again), NUMC_BACKEND);
        host.allocate(host.user, bytes, (size_t)size, 0);
        cuda->close(m);
        nothing_left();
    }
}

static void a_program_that_does_not_compile_says_why(void **state)
{
    (void)state;
    void *m = opened(0), *module;
    assert_int_equal(cuda->module_build(m, "extern \"C\" __global__ void f(double *x) { x[0] = nonsense; }\n", &module), NUMC_BACKEND);
    said("NVRTC could not compile a program");
    said("nonsense");
    cuda->close(m);
    nothing_left();
}

/* ---- the vendor's libraries ---------------------------------------------------------------------------------------------- */

/* Row-major products against their definition: each dtype, transposition, leading dimensions with room, a batch, accumulation. */
static void products_are_row_major(void **state)
{
    (void)state;
    enum { M = 3, N = 5, K = 4, BATCH = 2, ROOM = 2, MOST = 64 };
    static const uint32_t dtypes[] = {NUMC_FLOAT32, NUMC_FLOAT64, NUMC_COMPLEX64, NUMC_COMPLEX128};
    void *m = opened(0), *memory[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(cuda->allocate(m, MOST * 16, &memory[i]), NUMC_OK);
    for (int which = 0; which < 4; which++)
        for (uint32_t turn = 0; turn < 8; turn++) {
            const bool ta = (turn & 1) != 0, tb = (turn & 2) != 0, accumulate = (turn & 4) != 0;
            const int parts = which >= 2 ? 2 : 1;
            const int a_row = (ta ? M : K) + ROOM, b_row = (tb ? K : N) + ROOM, c_row = N + ROOM;
            const int steps[3] = {(ta ? K : M) * a_row, (tb ? N : K) * b_row, M * c_row};
            double complex host_values[3][MOST];
            char bytes[MOST * 16];
            for (int i = 0; i < 3; i++) {
                for (int e = 0; e < MOST; e++) {
                    const double re = (e * 7 + i * 3) % 11 - 5, im = parts == 2 ? (e * 5 + i) % 7 - 3 : 0; /* exact in float32 */
                    host_values[i][e] = re + im * I;
                    for (int p = 0; p < parts; p++) {
                        const double value = p == 0 ? re : im;
                        if (which % 2 == 0)
                            ((float *)(void *)bytes)[e * parts + p] = (float)value;
                        else
                            ((double *)(void *)bytes)[e * parts + p] = value;
                    }
                }
                assert_int_equal(cuda->upload(m, memory[i], 0, bytes, sizeof bytes), NUMC_OK);
            }
            assert_true(1 + BATCH * steps[0] <= MOST && 2 + BATCH * steps[1] <= MOST && 3 + BATCH * steps[2] <= MOST);
            assert_int_equal(cuda->gemm(m, &(numc_gpu_product){dtypes[which], ta, tb, accumulate, M, N, K, BATCH,
                                                               {memory[0], 1, a_row, steps[0]}, {memory[1], 2, b_row, steps[1]},
                                                               {memory[2], 3, c_row, steps[2]}}, NULL), NUMC_OK);
            assert_int_equal(cuda->download(m, memory[2], 0, bytes, sizeof bytes), NUMC_OK);
            for (int s = 0; s < BATCH; s++)
                for (int i = 0; i < M; i++)
                    for (int j = 0; j < N; j++) {
                        const int at = 3 + s * steps[2] + i * c_row + j;
                        double complex expected = accumulate ? host_values[2][at] : 0;
                        for (int k = 0; k < K; k++)
                            expected += host_values[0][1 + s * steps[0] + (ta ? k * a_row + i : i * a_row + k)] *
                                        host_values[1][2 + s * steps[1] + (tb ? j * b_row + k : k * b_row + j)];
                        for (int p = 0; p < parts; p++) {
                            const double got = which % 2 == 0 ? (double)((float *)(void *)bytes)[at * parts + p]
                                                              : ((double *)(void *)bytes)[at * parts + p];
                            assert_true(got == (p == 0 ? creal(expected) : cimag(expected)));
                        }
                    }
        }
    numc_gpu_product one = {NUMC_INT32, 0, 0, 0, 1, 1, 1, 1, {memory[0], 0, 1, 1}, {memory[1], 0, 1, 1}, {memory[2], 0, 1, 1}};
    assert_int_equal(cuda->gemm(m, &one, NULL), NUMC_UNSUPPORTED);
    one.dtype = NUMC_FLOAT64;
    one.m = (int64_t)1 << 40;
    assert_int_equal(cuda->gemm(m, &one, NULL), NUMC_UNSUPPORTED);
    for (int i = 0; i < 3; i++)
        cuda->free(m, memory[i]);
    cuda->close(m);
    nothing_left();
}

/* l l* = a from a's lower triangle, by rows; the rest is not read. Integers, whose roots are exact. */
static void factors_are_row_major(void **state)
{
    (void)state;
    enum { N = 3, ROW = 4 };
    static const double complex l[N][N] = {{2, 0, 0}, {1 + 2 * I, 3, 0}, {-1, 2 - I, 1}};
    void *m = opened(0), *a, *info;
    assert_int_equal(cuda->allocate(m, 1024, &a), NUMC_OK);
    assert_int_equal(cuda->allocate(m, 64, &info), NUMC_OK);
    for (int which = 0; which < 4; which++) {
        static const uint32_t dtypes[] = {NUMC_FLOAT32, NUMC_FLOAT64, NUMC_COMPLEX64, NUMC_COMPLEX128};
        const int parts = which >= 2 ? 2 : 1;
        double numbers[2 * N * ROW];
        float narrow[2 * N * ROW];
        for (int i = 0; i < N; i++)
            for (int j = 0; j < ROW; j++) {
                double complex sum = j > i ? 99 : 0;
                for (int k = 0; k < N && j <= i; k++)
                    sum += parts == 2 ? l[i][k] * conj(l[j][k]) : creal(l[i][k]) * creal(l[j][k]);
                for (int p = 0; p < parts; p++)
                    numbers[(i * ROW + j) * parts + p] = p == 0 ? creal(sum) : cimag(sum);
            }
        for (int i = 0; i < N * ROW * parts; i++)
            narrow[i] = (float)numbers[i];
        const void *bytes = which % 2 == 0 ? (void *)narrow : numbers;
        const size_t size = (which % 2 == 0 ? 4u : 8u) * (size_t)(N * ROW * parts);
        int32_t outcome = 7;
        assert_int_equal(cuda->upload(m, a, 0, bytes, size), NUMC_OK);
        assert_int_equal(cuda->potrf(m, dtypes[which], N, a, 0, ROW, info, 12), NUMC_OK);
        assert_int_equal(cuda->download(m, info, 12, &outcome, sizeof outcome), NUMC_OK);
        assert_int_equal(outcome, 0);
        assert_int_equal(cuda->download(m, a, 0, which % 2 == 0 ? (void *)narrow : numbers, size), NUMC_OK);
        for (int i = 0; i < N; i++)
            for (int j = 0; j <= i; j++)
                for (int p = 0; p < parts; p++) {
                    const int at = (i * ROW + j) * parts + p;
                    assert_true((which % 2 == 0 ? (double)narrow[at] : numbers[at]) == (p == 0 ? creal(l[i][j]) : cimag(l[i][j])));
                }
    }
    const double bad[4] = {1, 0, 2, 1}; /* not positive definite */
    int32_t outcome = 0;
    assert_int_equal(cuda->upload(m, a, 0, bad, sizeof bad), NUMC_OK);
    assert_int_equal(cuda->potrf(m, NUMC_FLOAT64, 2, a, 0, 2, info, 0), NUMC_OK);
    assert_int_equal(cuda->download(m, info, 0, &outcome, sizeof outcome), NUMC_OK);
    assert_int_equal(outcome, 2);
    cuda->free(m, a);
    cuda->free(m, info);
    cuda->close(m);
    nothing_left();
}

/* ---- everything may fail ------------------------------------------------------------------------------------------------- */

/* A session that uses everything; stops at the first failure. True when all went well. */
static bool session(const void *image, uint64_t size)
{
    enum { N = 140000, COUNT = 1000 }; /* more than one stage; few enough that many sessions are quick */
    static double in[N], out[N];
    void *m, *x = NULL, *y = NULL, *info = NULL, *module = NULL, *scale = NULL, *bytes = NULL;
    uint64_t length = 0;
    if (cuda->open(&host, 0, &m) != NUMC_OK)
        return false;
    for (int i = 0; i < N; i++)
        in[i] = i;
    bool good = cuda->allocate(m, sizeof in, &x) == NUMC_OK && cuda->allocate(m, sizeof in, &y) == NUMC_OK &&
                cuda->allocate(m, 4, &info) == NUMC_OK && cuda->upload(m, x, 0, in, sizeof in) == NUMC_OK &&
                cuda->module_load(m, image, size, &module) == NUMC_OK && cuda->kernel_get(m, module, "scale", &scale) == NUMC_OK &&
                set_scale(m, scale, y, x, 2.0, COUNT, 1) == NUMC_OK && cuda->kernel_enqueue(m, scale, (COUNT + 63) / 64, 64) == NUMC_OK &&
                cuda->copy(m, x, 0, y, 0, sizeof in) == NUMC_OK && cuda->download(m, x, 0, out, sizeof out) == NUMC_OK &&
                cuda->synchronize(m) == NUMC_OK && cuda->module_binary(m, module, &bytes, &length) == NUMC_OK;
    void *recording = NULL;
    if (good && cuda->record_begin(m) == NUMC_OK) {
        good = cuda->copy(m, y, 0, x, 0, 8) == NUMC_OK;
        good = cuda->record_end(m, &recording) == NUMC_OK && good && cuda->record_run(m, recording) == NUMC_OK;
    } else
        good = false;
    if (recording != NULL)
        cuda->record_free(m, recording);
    const numc_gpu_product small = {NUMC_FLOAT64, 0, 0, 0, 2, 2, 2, 1, {x, 0, 2, 4}, {x, 8, 2, 4}, {y, 0, 2, 4}};
    const int32_t product = good ? cuda->gemm(m, &small, NULL) : NUMC_OK;
    const int32_t factor = good ? cuda->potrf(m, NUMC_FLOAT64, 1, x, 1, 1, info, 0) : NUMC_OK;
    good = good && (product == NUMC_OK || product == NUMC_UNSUPPORTED) && (factor == NUMC_OK || factor == NUMC_UNSUPPORTED);
    for (int i = 0; i < COUNT && good; i++)
        assert_true(out[i] == 2.0 * i + 1.0);
    if (bytes != NULL)
        host.allocate(host.user, bytes, (size_t)length, 0);
    if (scale != NULL)
        cuda->kernel_free(m, scale);
    if (module != NULL)
        cuda->module_free(m, module);
    if (x != NULL)
        cuda->free(m, x);
    if (y != NULL)
        cuda->free(m, y);
    if (info != NULL)
        cuda->free(m, info);
    cuda->close(m);
    return good;
}

static void each_call_and_each_allocation_may_fail(void **state)
{
    (void)state;
    void *m = opened(0), *module, *image;
    uint64_t size;
    assert_int_equal(cuda->module_build(m, text, &module), NUMC_OK);
    assert_int_equal(cuda->module_binary(m, module, &image, &size), NUMC_OK);
    cuda->module_free(m, module);
    cuda->close(m);
    const long held = blocks;
    blocks = 0;
    static const int results[] = {1, 2, 701};
    for (size_t k = 0; k < sizeof results / sizeof *results; k++)
        for (long n = 0;; n++) {
            clean(NULL);
            fake->fail_at = n;
            fake->fail_with = results[k];
            const bool good = session(image, size);
            const bool failed = fake->calls > n;
            fake->fail_at = -1;
            assert_true(good || message[0] != '\0');
            nothing_left();
            if (!failed) {
                assert_true(good);
                break;
            }
            assert_true(n < 1000);
        }
    for (long n = 0;; n++) {
        clean(NULL);
        fail_allocation = n;
        const bool good = session(image, size);
        assert_true(good || message[0] != '\0');
        nothing_left();
        if (allocations <= n) {
            assert_true(good);
            break;
        }
        assert_true(n < 1000);
    }
    blocks = held;
    host.allocate(host.user, image, (size_t)size, 0);
    nothing_left();
}

/* With the argument "missing" what is tested in a process that has no stand-in loaded: a library that is, is found by its name. */
int main(int count, char **arguments)
{
    const struct CMUnitTest missing[] = {
        cmocka_unit_test_setup(without_a_driver_the_reason_is_said, clean),
        cmocka_unit_test_setup(without_a_compiler_the_reason_is_said, clean),
    };
    if (count == 2 && strcmp(arguments[1], "missing") == 0) {
        if (getenv("LD_LIBRARY_PATH") != NULL) { /* the test's own, which finds the stand-ins: begin again without */
            unsetenv("LD_LIBRARY_PATH");
            execv("/proc/self/exe", arguments);
        }
        return cmocka_run_group_tests(missing, find_folder, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_driver_without_devices_says_so, clean),
        cmocka_unit_test_setup(devices_are_described, clean),
        cmocka_unit_test_setup(targets_fit_the_device, clean),
        cmocka_unit_test_setup(transfers_keep_every_byte, clean),
        cmocka_unit_test_setup(uploads_do_not_wait, clean),
        cmocka_unit_test_setup(out_of_memory_can_be_survived, clean),
        cmocka_unit_test_setup(kernels_run_with_the_arguments_of_their_launch, clean),
        cmocka_unit_test_setup(recordings_run_what_was_asked_for, clean),
        cmocka_unit_test_setup(modules_come_back_from_their_binary, clean),
        cmocka_unit_test_setup(a_program_that_does_not_compile_says_why, clean),
        cmocka_unit_test_setup(products_are_row_major, clean),
        cmocka_unit_test_setup(factors_are_row_major, clean),
        cmocka_unit_test_setup(each_call_and_each_allocation_may_fail, clean),
        cmocka_unit_test_setup(a_lost_device_is_said_and_left_alone, clean),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
