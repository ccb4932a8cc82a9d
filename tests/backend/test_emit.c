/* test_emit.c - emitted C, compiled and run, against the interpreter, bit for bit: every scalar operation at every dtype, every
 * reduction, and kernels with every kind of node. Skipped where there is no C compiler. */
#include <dlfcn.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../base/need.h"
#include "backend/build.h"
#include "backend/device.h"

enum { CASES = 700, BUFFERS = 6 };

typedef struct buffer {
    uint32_t dtype;
    int64_t count;
    int64_t below; /* > 0: whole numbers in [0, below) */
    bool written;
} buffer;

typedef struct sample {
    char what[64];
    numc_build build;
    int64_t extents[3], offsets[8], strides[40];
    uint64_t constants[4];
    buffer buffers[BUFFERS];
} sample;

typedef void (*emitted)(void *const *, const int64_t *, const int64_t *, const int64_t *, const uint64_t *);

static numc_context *context;
static numc_backend_device *device;
static sample *samples;
static size_t sample_count;
static void *object; /* of all samples */
static uint64_t generator = 20261122;

static uint64_t next(void)
{
    uint64_t z = generator += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void fill(void *memory, const buffer *b)
{
    static const double special[] = {0.0, -0.0, 1.0, -1.0, INFINITY, -INFINITY, NAN, 1e-310, 1e300, 2.5, -2.5, 1e10};
    size_t size = numc_dtype_size((numc_dtype)b->dtype);
    for (int64_t i = 0; i < b->count; i++) {
        uint64_t bits = next();
        double real = (double)(bits >> 11) * 0x1p-53;
        real = i % 4 == 3 ? 20.0 * real - 10.0 : i % 4 == 1 ? 3.0 * real : real;
        if (i < (int64_t)(sizeof special / sizeof *special))
            real = special[i];
        if (i % 3 == 0)
            bits %= 11;
        if (b->below > 0)
            bits %= (uint64_t)b->below;
        char *at = (char *)memory + (size_t)i * size;
        float narrow = (float)real;
        if (b->dtype == NUMC_FLOAT64)
            memcpy(at, &real, 8);
        else if (b->dtype == NUMC_FLOAT32)
            memcpy(at, &narrow, 4);
        else if (b->dtype == NUMC_BOOL)
            *at = (char)(bits & 1);
        else
            memcpy(at, &bits, size);
    }
}

static sample *sample_new(const char *what, const char *detail, uint32_t level)
{
    assert_true(sample_count < CASES);
    sample *s = &samples[sample_count++];
    (void)snprintf(s->what, sizeof s->what, "%s %s", what, detail);
    numc_build_begin(&s->build, level);
    return s;
}

/* An access of a buffer with its strides; row is depth + 1 long. */
static int32_t access_of(sample *s, uint32_t number, uint32_t dtype, int64_t count, bool written, uint32_t contiguity)
{
    s->buffers[number].dtype = dtype;
    s->buffers[number].count = count;
    s->buffers[number].written |= written;
    int32_t access = numc_build_access(&s->build, number, dtype, written);
    s->build.accesses[access].contiguity = contiguity;
    return access;
}

static void add_operation(uint32_t operation, uint32_t dtype, uint32_t from)
{
    enum { N = 67 };
    const numc_scalar_info *info = numc__scalar_info(operation);
    char detail[40];
    (void)snprintf(detail, sizeof detail, "%s %s", numc_dtype_name((numc_dtype)dtype), from != 0 ? numc_dtype_name((numc_dtype)from) : "");
    sample *s = sample_new(info->name, detail, 1);
    int32_t registers[4] = {-1, -1, -1, -1};
    uint32_t result = info->result == NUMC_RESULT_BOOL ? (uint32_t)NUMC_BOOL : dtype;
    for (uint32_t k = 0; k < info->arity; k++) {
        uint32_t type = from != 0 ? from : dtype;
        if (info->operands == NUMC_OPERANDS_RANDOM && k < 2)
            type = NUMC_UINT64;
        if (operation == NUMC_SCALAR_WHERE && k == 0)
            type = NUMC_BOOL;
        (void)access_of(s, k, type, N, false, NUMC_CONTIGUITY_UNIT);
        s->strides[2 * k] = 1;
    }
    int32_t out = access_of(s, info->arity, result, N, true, NUMC_CONTIGUITY_ANY);
    s->strides[2 * info->arity] = 1;
    s->extents[0] = N;
    numc_build_loop(&s->build, NUMC_NODE_PARALLEL, 0, -1);
    for (uint32_t k = 0; k < info->arity; k++)
        registers[k] = numc_build_load(&s->build, (int32_t)k, -1);
    numc_build_store(&s->build, out,
                     numc_build_scalar(&s->build, operation, dtype, result, registers[0], registers[1], registers[2], registers[3]),
                     -1);
    numc_build_end(&s->build);
}

static void add_reduction(uint32_t reduction, uint32_t dtype, int64_t n)
{
    static const char *const names[] = {"", "sum", "prod", "max", "min", "any", "all", "argmax", "argmin"};
    bool argument = reduction >= NUMC_REDUCTION_ARGMAX;
    sample *s = sample_new(names[reduction], numc_dtype_name((numc_dtype)dtype), 1);
    int32_t in = access_of(s, 0, dtype, 3 * n + 1, false, n % 2 != 0 ? NUMC_CONTIGUITY_UNIT : NUMC_CONTIGUITY_ANY);
    int32_t out = access_of(s, 1, argument ? (uint32_t)NUMC_INT64 : dtype, 3, true, NUMC_CONTIGUITY_ANY);
    numc_build_loop(&s->build, NUMC_NODE_PARALLEL, 0, -1);
    numc_build_loop(&s->build, NUMC_NODE_REDUCE, 1, -1);
    int32_t value = numc_build_accumulate(&s->build, reduction, dtype, numc_build_load(&s->build, in, -1));
    numc_build_end(&s->build);
    numc_build_store(&s->build, out, value, -1);
    numc_build_end(&s->build);
    memcpy(s->extents, (int64_t[]){3, n}, 16);
    memcpy(s->strides, (int64_t[]){n, 1, 0, 1, 0, 0}, 48);
}

/* A reduction whose body reduces, loads through a gathered index and a uniform operand, and feeds a second loop. */
static void add_nested(void)
{
    enum { ROWS = 21, COLUMNS = 13 };
    sample *s = sample_new("nested", "reductions", 2);
    numc_build *b = &s->build;
    int32_t x = access_of(s, 0, NUMC_FLOAT64, ROWS * COLUMNS, false, NUMC_CONTIGUITY_UNIT);
    int32_t index = access_of(s, 1, NUMC_INT64, ROWS, false, NUMC_CONTIGUITY_ANY);
    int32_t gathered = access_of(s, 0, NUMC_FLOAT64, ROWS * COLUMNS, false, NUMC_CONTIGUITY_ANY);
    int32_t y = access_of(s, 2, NUMC_FLOAT64, ROWS, true, NUMC_CONTIGUITY_ANY);
    int32_t scale = access_of(s, 3, NUMC_FLOAT64, 1, false, NUMC_CONTIGUITY_UNIFORM);
    s->buffers[1].below = COLUMNS;
    numc_build_loop(b, NUMC_NODE_REDUCE, 0, -1);
    numc_build_loop(b, NUMC_NODE_REDUCE, 1, -1);
    int32_t most = numc_build_accumulate(b, NUMC_REDUCTION_MAX, NUMC_FLOAT64, numc_build_load(b, x, -1));
    numc_build_end(b);
    numc_build_loop(b, NUMC_NODE_REDUCE, 1, -1);
    int32_t e = numc_build_f64(b, NUMC_SCALAR_EXP, numc_build_f64(b, NUMC_SCALAR_SUBTRACT, numc_build_load(b, x, -1), most), -1);
    int32_t sum = numc_build_accumulate(b, NUMC_REDUCTION_SUM, NUMC_FLOAT64,
                                        numc_build_f64(b, NUMC_SCALAR_MULTIPLY, e, numc_build_load(b, scale, -1)));
    numc_build_end(b);
    int32_t picked = numc_build_load(b, gathered, numc_build_load(b, index, -1));
    int32_t value = numc_build_f64(b, NUMC_SCALAR_SUBTRACT, numc_build_f64(b, NUMC_SCALAR_LOG, sum, -1), picked);
    int32_t total = numc_build_accumulate(b, NUMC_REDUCTION_SUM, NUMC_FLOAT64, value);
    numc_build_end(b);
    numc_build_loop(b, NUMC_NODE_PARALLEL, 0, -1);
    int32_t i = numc_build_scalar(b, NUMC_SCALAR_CONVERT, NUMC_FLOAT64, NUMC_FLOAT64, numc_build_index(b, 0), -1, -1, -1);
    numc_build_store(b, y, numc_build_f64(b, NUMC_SCALAR_ADD, total, i), -1);
    numc_build_end(b);
    memcpy(s->extents, (int64_t[]){ROWS, COLUMNS}, 16);
    memcpy(s->strides, (int64_t[]){COLUMNS, 1, 0, 1, 0, 0, COLUMNS, 0, 1, 1, 0, 0, 0, 0, 0}, 15 * 8);
}

/* Carried registers, a while loop inside, a local array, an extent in a register, constants of three dtypes. */
static void add_sequential(void)
{
    enum { CHAINS = 4, N = 9 };
    sample *s = sample_new("sequential", "with while and local", 3);
    numc_build *b = &s->build;
    int32_t x = access_of(s, 0, NUMC_FLOAT64, CHAINS * N, false, NUMC_CONTIGUITY_ANY);
    int32_t y = access_of(s, 1, NUMC_FLOAT64, CHAINS * N, true, NUMC_CONTIGUITY_ANY);
    int32_t z = access_of(s, 2, NUMC_INT32, CHAINS, true, NUMC_CONTIGUITY_ANY);
    int32_t local = numc_build_local(b, NUMC_FLOAT64, N);
    int32_t half = numc_build_constant(b, NUMC_FLOAT64), one = numc_build_constant(b, NUMC_INT64);
    int32_t start = numc_build_constant(b, NUMC_INT32), narrow = numc_build_constant(b, NUMC_FLOAT32);
    double half_value = 0.5;
    int32_t start_value = -3;
    float narrow_value = 8.5F;
    memcpy(&s->constants[0], &half_value, 8);
    s->constants[1] = 1;
    memcpy(&s->constants[2], &start_value, 4);
    memcpy(&s->constants[3], &narrow_value, 4);
    numc_build_loop(b, NUMC_NODE_PARALLEL, 0, -1);
    int32_t a = numc_build_carry(b, half), count = numc_build_carry(b, start);
    int32_t limit = numc_build_scalar(b, NUMC_SCALAR_CONVERT, NUMC_FLOAT64, NUMC_FLOAT64, narrow, -1, -1, -1);
    numc_build_loop(b, NUMC_NODE_SEQUENTIAL, 1, -1);
    int32_t j = numc_build_index(b, 1);
    numc_build_local_store(b, local, j, a);
    int32_t shrinking = numc_build_carry(b, numc_build_f64(b, NUMC_SCALAR_ABS, numc_build_load(b, x, -1), -1));
    numc_build_loop(b, NUMC_NODE_WHILE, -1, -1);
    int32_t big = numc_build_scalar(b, NUMC_SCALAR_GREATER, NUMC_FLOAT64, NUMC_BOOL, shrinking, limit, -1, -1);
    int32_t finite = numc_build_scalar(b, NUMC_SCALAR_ISFINITE, NUMC_FLOAT64, NUMC_BOOL, shrinking, -1, -1, -1);
    numc_build_continue(b, numc_build_scalar(b, NUMC_SCALAR_LOGICAL_AND, NUMC_BOOL, NUMC_BOOL, big, finite, -1, -1));
    numc_build_update(b, shrinking, numc_build_f64(b, NUMC_SCALAR_MULTIPLY, shrinking, half));
    numc_build_end(b);
    int32_t length = numc_build_scalar(b, NUMC_SCALAR_ADD, NUMC_INT64, NUMC_INT64, j, one, -1, -1);
    numc_build_loop(b, NUMC_NODE_REDUCE, -1, length);
    int32_t sum = numc_build_accumulate(b, NUMC_REDUCTION_SUM, NUMC_FLOAT64, numc_build_local_load(b, local, numc_build_index(b, 2)));
    numc_build_end(b);
    int32_t value = numc_build_f64(b, NUMC_SCALAR_ADD, numc_build_f64(b, NUMC_SCALAR_MULTIPLY, sum, half), shrinking);
    numc_build_store(b, y, value, -1);
    numc_build_update(b, a, value);
    numc_build_update(b, count, numc_build_scalar(b, NUMC_SCALAR_SUBTRACT, NUMC_INT32, NUMC_INT32, start, count, -1, -1));
    numc_build_end(b);
    numc_build_store(b, z, count, -1);
    numc_build_end(b);
    memcpy(s->extents, (int64_t[]){CHAINS, N}, 16);
    memcpy(s->strides, (int64_t[]){N, 1, 0, 0, N, 1, 0, 0, 1, 0, 0, 0}, 96);
}

/* In place: one buffer loaded and stored, so that no pointer may claim it alone. */
static void add_in_place(void)
{
    enum { N = 40 };
    sample *s = sample_new("in place", "", 3);
    int32_t x = access_of(s, 0, NUMC_FLOAT32, N + 1, false, NUMC_CONTIGUITY_UNIT);
    int32_t y = access_of(s, 0, NUMC_FLOAT32, N + 1, true, NUMC_CONTIGUITY_UNIT);
    s->offsets[1] = 1;
    numc_build_loop(&s->build, NUMC_NODE_SEQUENTIAL, 0, -1); /* y[i + 1] = -y[i] */
    int32_t value = numc_build_load(&s->build, x, -1);
    numc_build_store(&s->build, y, numc_build_scalar(&s->build, NUMC_SCALAR_NEGATIVE, NUMC_FLOAT32, NUMC_FLOAT32, value, -1, -1, -1), -1);
    numc_build_end(&s->build);
    s->extents[0] = N;
    s->strides[0] = s->strides[2] = 1;
}

static void make_samples(void)
{
    for (uint32_t operation = 0; operation < NUMC_SCALAR_LIMIT; operation++)
        for (uint32_t dtype = NUMC_BOOL; dtype <= NUMC_FLOAT64; dtype++) {
            if (!numc__scalar_admits(operation, (numc_dtype)dtype))
                continue;
            if (operation != NUMC_SCALAR_CONVERT)
                add_operation(operation, dtype, 0);
            else
                for (uint32_t from = NUMC_BOOL; from <= NUMC_FLOAT64; from++)
                    add_operation(operation, dtype, from);
        }
    static const int64_t lengths[] = {0, 5, 8, 27};
    for (uint32_t reduction = NUMC_REDUCTION_SUM; reduction <= NUMC_REDUCTION_ARGMIN; reduction++)
        for (uint32_t dtype = NUMC_BOOL; dtype <= NUMC_FLOAT64; dtype++) {
            bool logical = reduction == NUMC_REDUCTION_ANY || reduction == NUMC_REDUCTION_ALL;
            static const bool taken[NUMC_DTYPE_COUNT] = {[NUMC_INT8] = 1, [NUMC_UINT16] = 1, [NUMC_INT64] = 1, [NUMC_UINT64] = 1,
                                                         [NUMC_FLOAT32] = 1, [NUMC_FLOAT64] = 1};
            if (logical ? dtype != NUMC_BOOL : !taken[dtype])
                continue;
            for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++)
                add_reduction(reduction, dtype, lengths[k]);
        }
    add_nested();
    add_sequential();
    add_in_place();
}

/* Emits every sample into one file, compiles it; NULL when there is no compiler. */
static void *compile(void)
{
    const char *root = getenv("NUMC_SOURCE_ROOT"), *compiler = getenv("NUMC_TEST_CC");
    char folder[] = "/tmp/numc-emit-XXXXXX", path[64], command[4096];
    if (compiler == NULL || compiler[0] == '\0')
        compiler = "cc";
    (void)snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", compiler);
    if (root == NULL || system(command) != 0)
        return NULL;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/all.c", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t k = 0; k < sample_count; k++) {
        char name[32], *text;
        uint64_t size;
        (void)snprintf(name, sizeof name, "kernel_%zu", k);
        int32_t status = device->host.kernel_emit(device->host.user, &samples[k].build.source, NUMC_DIALECT_C, name, &text, &size);
        if (status != NUMC_OK)
            print_error("%s was not emitted\n", samples[k].what);
        assert_int_equal(status, NUMC_OK);
        assert_int_equal(strlen(text) + 1, size);
        assert_int_equal(fwrite(text, 1, size - 1, file), size - 1);
        (void)device->host.allocate(device->host.user, text, size, 0);
    }
    assert_int_equal(fclose(file), 0);
    (void)snprintf(command, sizeof command,
                   "%s -std=c99 -pedantic -Werror -O1 -ffp-contract=off -fno-math-errno -fPIC -shared -I%s/src -o %s/all.so %s -lm",
                   compiler, root, folder, path);
    int status = system(command);
    (void)snprintf(path, sizeof path, "%s/all.so", folder);
    void *loaded = status == 0 ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (loaded == NULL)
        print_error("%s\n%s\n", command, status == 0 ? dlerror() : "the compiler failed");
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    assert_non_null(loaded);
    return loaded;
}

static int set_up(void **state)
{
    (void)state;
    context = numc_open(&(numc_options){.backend = "ref"});
    device = numc__device(context);
    samples = calloc(CASES, sizeof *samples);
    if (device == NULL || samples == NULL)
        return 1;
    make_samples();
    object = compile();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(samples);
    numc_close(context);
    return 0;
}

/* Equal bits, or two NaNs. */
static bool same(uint32_t dtype, const void *a, const void *b)
{
    double x = 0.0, y = 0.0;
    float fx, fy;
    if (dtype == NUMC_FLOAT64) {
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
    } else if (dtype == NUMC_FLOAT32) {
        memcpy(&fx, a, 4);
        memcpy(&fy, b, 4);
        x = fx;
        y = fy;
    }
    return memcmp(a, b, numc_dtype_size((numc_dtype)dtype)) == 0 || (isnan(x) && isnan(y));
}

static void emitted_c_has_the_interpreters_bits(void **state)
{
    (void)state;
    if (object == NULL)
        SKIP("there is no C compiler (NUMC_TEST_CC, cc), or NUMC_SOURCE_ROOT is not set");
    size_t different = 0;
    for (size_t k = 0; k < sample_count; k++) {
        sample *s = &samples[k];
        void *interpreted[BUFFERS] = {NULL}, *native[BUFFERS] = {NULL};
        for (uint32_t i = 0; i < s->build.source.buffer_count; i++) {
            size_t bytes = (size_t)s->buffers[i].count * numc_dtype_size((numc_dtype)s->buffers[i].dtype);
            interpreted[i] = calloc(1, bytes + 8);
            native[i] = calloc(1, bytes + 8);
            fill(interpreted[i], &s->buffers[i]);
            memcpy(native[i], interpreted[i], bytes);
        }
        numc_kernel_arguments arguments = {interpreted, s->extents, s->offsets, s->strides, s->constants};
        assert_int_equal(numc__kernel_verify(context, &s->build.source), NUMC_OK);
        assert_int_equal(device->host.kernel_interpret(device->host.user, &s->build.source, &arguments), NUMC_OK);
        char name[32];
        emitted run;
        (void)snprintf(name, sizeof name, "kernel_%zu", k);
        void *symbol = dlsym(object, name);
        assert_non_null(symbol);
        memcpy(&run, &symbol, sizeof run);
        run(native, s->extents, s->offsets, s->strides, s->constants);
        for (uint32_t i = 0; i < s->build.source.buffer_count; i++) {
            size_t size = numc_dtype_size((numc_dtype)s->buffers[i].dtype);
            for (int64_t j = 0; j < s->buffers[i].count; j++)
                if (!same(s->buffers[i].dtype, (char *)interpreted[i] + (size_t)j * size, (char *)native[i] + (size_t)j * size)) {
                    print_error("%s: element %lld of buffer %u differs\n", s->what, (long long)j, i);
                    different++;
                    break;
                }
            free(interpreted[i]);
            free(native[i]);
        }
    }
    assert_int_equal(different, 0);
}

/* tests/gpu runs them on a device; here what differs is looked at. */
static void gpu_dialects_share_the_loops(void **state)
{
    (void)state;
    const sample *flat = &samples[0], *nested = &samples[sample_count - 3];
    char *text;
    uint64_t size;
    assert_int_equal(device->host.kernel_emit(device->host.user, &flat->build.source, NUMC_DIALECT_OPENCL, "f", &text, &size), NUMC_OK);
    assert_non_null(strstr(text, "__kernel void f(__global void *b0, __global void *b1, const struct f_words words)"));
    assert_non_null(strstr(text, "for (numc_k_i64 flat = NUMC_E_FIRST; flat < all; flat += NUMC_E_STEP)"));
    assert_null(strstr(text, "stdint"));
    (void)device->host.allocate(device->host.user, text, size, 0);
    assert_int_equal(device->host.kernel_emit(device->host.user, &nested->build.source, NUMC_DIALECT_CUDA, "g", &text, &size), NUMC_OK);
    assert_non_null(strstr(text, "extern \"C\" __global__ void g(void *b0, "));
    assert_non_null(strstr(text, "if (NUMC_E_FIRST != 0)\n        return;"));
    (void)device->host.allocate(device->host.user, text, size, 0);
    assert_int_equal(device->host.kernel_emit(device->host.user, &flat->build.source, NUMC_DIALECT_CUDA | NUMC_DIALECT_GROUPS, "h",
                                              &text, &size), NUMC_OK);
    assert_non_null(strstr(text, "const numc_k_i64 flat = NUMC_E_NUMBER;"));
    (void)device->host.allocate(device->host.user, text, size, 0);
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    char *text;
    uint64_t size;
    const numc_kernel_source *source = &samples[0].build.source;
    assert_int_equal(device->host.kernel_emit(device->host.user, source, 9, "f", &text, &size), NUMC_INVALID_ARGUMENT);
    assert_int_equal(device->host.kernel_emit(device->host.user, source, NUMC_DIALECT_C | NUMC_DIALECT_GROUPS, "f", &text, &size),
                     NUMC_INVALID_ARGUMENT);
    assert_int_equal(device->host.kernel_emit(device->host.user, source, NUMC_DIALECT_C, "f(){} g", &text, &size),
                     NUMC_INVALID_ARGUMENT);
    assert_null(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(emitted_c_has_the_interpreters_bits),
        cmocka_unit_test(gpu_dialects_share_the_loops),
        cmocka_unit_test(bad_requests_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
