/* test_clblast.c - products by CLBlast as it is installed, on the first OpenCL device, against ref: dtypes, transposes, rows with gaps,
 * batches, NaN, by its direct kernel and by way of copies; the same bits each time, alone and in a batch; two devices opened at once, and
 * one that is never closed. Arguments: dtypes; none: all. Each costs seconds of compilation the first time. Where CLBlast is not, the
 * products are looked at all the same, and the rest is skipped. */
#include <complex.h>
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include "numc/array.h"
#include "numc/linalg.h"

enum { MOST = 40000, COPIED = 81 }; /* elements; products from 81 cubed on by way of copies */

static const struct {
    const char *name;
    numc_dtype dtype;
    int precision; /* clblast_c.h */
} dtypes[] = {{"float32", NUMC_FLOAT32, 32}, {"float64", NUMC_FLOAT64, 64}};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

static bool wanted[DTYPES], absent;
static long counted; /* by the last device that was closed */
static numc_context *ref, *device;

static void hear(void *user, numc_log_level level, const char *text)
{
    (void)user, (void)level;
    const char *count = strstr(text, " matrix products by CLBlast");
    for (; count != NULL && count > text && count[-1] >= '0' && count[-1] <= '9';)
        count--;
    if (count != NULL)
        counted = strtol(count, NULL, 10);
    absent = absent || strstr(text, "CLBlast cannot be opened") != NULL;
}

static numc_context *opened(void)
{
    return numc_open(&(numc_options){.backend = "opencl", .log = hear, .log_level = NUMC_LOG_DEBUG});
}

/* Whole numbers from -5 to 5, with imaginary parts where the dtype has them. */
static numc_array *values(numc_context *c, numc_dtype dtype, numc_shape shape, int64_t seed)
{
    static double numbers[2 * MOST], parts[MOST];
    int64_t count = 1;
    for (int32_t d = 0; d < shape.count; d++)
        count *= shape.values[d];
    for (int64_t i = 0; i < count; i++) {
        parts[i] = (double)((i * 7919 + seed * 104729) % 1021 % 11 - 5);
        numbers[2 * i] = parts[i];
        numbers[2 * i + 1] = (double)((i * 6007 + seed * 1299709) % 997 % 11 - 5);
    }
    return numc_astype(dtype >= NUMC_COMPLEX64 ? numc_from_host(c, NUMC_COMPLEX128, shape, numbers) : numc_from_host(c, NUMC_FLOAT64, shape, parts),
                       dtype);
}

static size_t read(numc_context *c, numc_array *result, double complex *numbers)
{
    result = numc_astype(result, NUMC_COMPLEX128);
    if (result == NULL)
        fail_msg("%s", numc_error_message(c));
    const size_t count = (size_t)numc_array_size(result);
    assert_true(count <= MOST);
    assert_int_equal(numc_to_host(result, NUMC_COMPLEX128, numbers, count * sizeof *numbers), NUMC_OK);
    return count;
}

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

typedef numc_array *product(numc_context *c, numc_dtype t);

/* On the device as on ref. */
static void agree(product *of, numc_dtype dtype)
{
    static double complex expected[MOST], got[MOST];
    size_t count = 0;
    numc_scope(ref) count = read(ref, of(ref, dtype), expected);
    numc_scope(device) assert_int_equal(read(device, of(device, dtype), got), count);
    for (size_t i = 0; i < count; i++)
        if (!same(creal(expected[i]), creal(got[i])) || !same(cimag(expected[i]), cimag(got[i])))
            fail_msg("element %zu: %g + %gi instead of %g + %gi", i, creal(got[i]), cimag(got[i]), creal(expected[i]), cimag(expected[i]));
}

#define VALUES(seed, ...) values(c, t, NUMC_SHAPE(__VA_ARGS__), seed)
#define TURN(x) numc_matrix_transpose(x)

/* Below and above 81 cubed; sums of at most 97 products below 50, exact in any order. */
static numc_array *plain(numc_context *c, numc_dtype t) { return numc_matmul(VALUES(1, 70, 37), VALUES(2, 37, 53)); }
static numc_array *left(numc_context *c, numc_dtype t) { return numc_matmul(TURN(VALUES(3, 50, 61)), VALUES(4, 50, 67)); }
static numc_array *right(numc_context *c, numc_dtype t) { return numc_matmul(VALUES(5, 64, 64), TURN(VALUES(6, 64, 64))); }
static numc_array *both(numc_context *c, numc_dtype t) { return numc_matmul(TURN(VALUES(7, 49, 50)), TURN(VALUES(8, 51, 49))); }
static numc_array *plain_copied(numc_context *c, numc_dtype t) { return numc_matmul(VALUES(1, 96, 97), VALUES(2, 97, 95)); }
static numc_array *left_copied(numc_context *c, numc_dtype t) { return numc_matmul(TURN(VALUES(3, 90, 91)), VALUES(4, 90, 92)); }
static numc_array *right_copied(numc_context *c, numc_dtype t) { return numc_matmul(VALUES(5, 96, 96), TURN(VALUES(6, 96, 96))); }
static numc_array *both_copied(numc_context *c, numc_dtype t) { return numc_matmul(TURN(VALUES(7, 88, 89)), TURN(VALUES(8, 87, 88))); }
static numc_array *gaps(numc_context *c, numc_dtype t) /* offsets, and rows longer than the matrix */
{
    return numc_matmul(numc_index(VALUES(1, 70, 60), NUMC_SLICE(3, 66), NUMC_SLICE(5, 58)),
                       numc_index(VALUES(2, 60, 70), NUMC_SLICE(2, 55), NUMC_SLICE(1, 69)));
}
static numc_array *gaps_copied(numc_context *c, numc_dtype t)
{
    return numc_matmul(numc_index(VALUES(1, 110, 99), NUMC_SLICE(3, 106), NUMC_SLICE(5, 98)),
                       numc_index(VALUES(2, 100, 110), NUMC_SLICE(2, 95), NUMC_SLICE(1, 109)));
}
static numc_array *batch(numc_context *c, numc_dtype t) { return numc_matmul(VALUES(1, 3, 50, 49), VALUES(2, 3, 49, 51)); }
static numc_array *shared(numc_context *c, numc_dtype t) { return numc_matmul(VALUES(1, 50, 49), VALUES(2, 4, 49, 51)); }
static numc_array *batch_copied(numc_context *c, numc_dtype t) { return numc_matmul(VALUES(1, 3, 96, 96), VALUES(2, 96, 96)); }
static numc_array *not_numbers(numc_context *c, numc_dtype t) /* one element infinite: its row of the product is, but for 0 x inf */
{
    numc_array *rows = numc_equal(numc_expand_dims(numc_arange(c, NUMC_FLOAT64, 0, 50, 1), NUMC_AXES(-1)), 17.0);
    numc_array *columns = numc_equal(numc_arange(c, NUMC_FLOAT64, 0, 60, 1), 3.0);
    return numc_matmul(numc_astype(numc_where(numc_logical_and(rows, columns), (double)INFINITY, 1.0), t), VALUES(2, 60, 55));
}
static numc_array *not_numbers_copied(numc_context *c, numc_dtype t) /* in a row: nowhere else */
{
    numc_array *row = numc_equal(numc_arange(c, NUMC_FLOAT64, 0, 96, 1), 17.0);
    numc_array *x = numc_where(numc_expand_dims(row, NUMC_AXES(-1)), (double)NAN, numc_real(VALUES(1, 96, 90)));
    return numc_isnan(numc_matmul(numc_astype(x, t), VALUES(2, 90, 97)));
}

static product *const products[] = {plain, left, right, both, plain_copied, left_copied, right_copied, both_copied, gaps, gaps_copied,
                                    batch, shared, batch_copied, not_numbers, not_numbers_copied};
enum { PRODUCTS = sizeof products / sizeof *products, MATRICES = 12 + 3 + 4 + 3 }; /* fifteen, three of them of several matrices */

static void device_closed(void)
{
    counted = 0;
    numc_close(device);
    device = opened();
}

static void products_agree_with_ref(void **state)
{
    (void)state;
    long number = 0;
    for (int d = 0; d < DTYPES; d++)
        for (int i = 0; i < PRODUCTS && wanted[d]; i++)
            agree(products[i], dtypes[d].dtype);
    for (int d = 0; d < DTYPES; d++)
        number += wanted[d] ? MATRICES : 0;
    device_closed();
    assert_int_equal(counted, absent ? 0 : number);
}

/* CLBlast would make NaN of infinity + 0i. */
static void complex_products_are_made_here(void **state)
{
    (void)state;
    agree(plain, NUMC_COMPLEX64);
    agree(not_numbers, NUMC_COMPLEX64);
    device_closed();
    assert_int_equal(counted, 0);
}

/* c - a b of a factorisation by blocks, where c is accumulated to: diagonally dominant, condition below 4, so errors are a few n eps. */
static void factors_are_made_of_products(void **state)
{
    (void)state;
    enum { N = 260 };
    static double numbers[2][N * N];
    numc_context *const contexts[] = {ref, device};
    for (int k = 0; k < 2; k++) {
        numc_context *c = contexts[k];
        numc_scope(c)
        {
            numc_array *i = numc_arange(c, NUMC_FLOAT64, 0, N, 1), *j = numc_expand_dims(i, NUMC_AXES(-1));
            numc_array *m = numc_add(numc_exp(numc_negative(numc_abs(numc_subtract(i, j)))), numc_multiply(3.0, numc_eye(c, NUMC_FLOAT64, N, N, 0)));
            numc_array *l = numc_linalg_cholesky(m);
            if (l == NULL || numc_to_host(l, NUMC_FLOAT64, numbers[k], sizeof numbers[k]) != NUMC_OK)
                fail_msg("%s", numc_error_message(c));
        }
    }
    for (int i = 0; i < N * N; i++)
        assert_true(fabs(numbers[0][i] - numbers[1][i]) <= 1e-12);
    device_closed();
    assert_true(absent || !wanted[1] || counted > 0);
}

static numc_array *fractions(numc_context *c, numc_dtype t, int64_t seed, int64_t count, int64_t rows, int64_t columns)
{
    return numc_divide(VALUES(seed, count, rows, columns), 7.0);
}

/* The same call has the same bits, and so have the matrices of a batch one by one; below and above 81 cubed. */
static void bits_are_the_same_each_time(void **state)
{
    (void)state;
    static const int64_t sizes[] = {60, 96};
    static double complex whole[MOST], again[MOST], one[MOST];
    for (int d = 0; d < DTYPES; d++)
        for (int s = 0; s < 2 && wanted[d]; s++)
            numc_scope(device)
            {
                numc_context *c = device;
                const int64_t n = sizes[s];
                numc_array *a = fractions(c, dtypes[d].dtype, 1, 3, n, n), *b = fractions(c, dtypes[d].dtype, 2, 3, n, n);
                const size_t size = (size_t)(n * n);
                assert_int_equal(read(c, numc_matmul(a, b), whole), 3 * size);
                (void)read(c, numc_matmul(a, b), again);
                assert_memory_equal(whole, again, 3 * size * sizeof *whole);
                for (int64_t i = 0; i < 3; i++) {
                    assert_int_equal(read(c, numc_matmul(numc_index(a, NUMC_AT(i)), numc_index(b, NUMC_AT(i))), one), size);
                    assert_memory_equal(whole + (size_t)i * size, one, size * sizeof *one);
                }
            }
}

/* Devices of their own, opened, used and closed by two threads at once. */
static void *comes_and_goes(void *user)
{
    static const double expected = 96 * 2 * 3;
    for (int i = 0; i < 2; i++) {
        numc_context *c = opened();
        for (int k = 0; k < 10 && user != NULL; k++) {
            double sums[2] = {0, 0};
            numc_scope(c)
            {
                numc_array *a = numc_full(c, *(const numc_dtype *)user, NUMC_SHAPE(96, 96), 2.0);
                numc_array *p = numc_astype(numc_real(numc_matmul(a, numc_add(a, 1.0))), NUMC_FLOAT64);
                (void)numc_to_host(numc_min(p), NUMC_FLOAT64, &sums[0], sizeof *sums);
                (void)numc_to_host(numc_max(p), NUMC_FLOAT64, &sums[1], sizeof *sums);
            }
            if (sums[0] != expected || sums[1] != expected)
                user = NULL;
        }
        numc_close(c);
    }
    return user;
}

static void two_threads_have_devices_of_their_own(void **state)
{
    (void)state;
    int d = 0;
    while (!wanted[d])
        d++;
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, comes_and_goes, (void *)(uintptr_t)&dtypes[d].dtype), 0);
    for (int i = 0; i < 2; i++) {
        void *answer;
        assert_int_equal(pthread_join(threads[i], &answer), 0);
        assert_non_null(answer);
    }
    agree(plain, dtypes[d].dtype); /* the cache was cleared by others */
}

/* Lets CLBlast's products go by way of copies where they are small enough for a test. */
static bool copy_from(int side)
{
    void *loader = dlopen("libOpenCL.so.1", RTLD_NOW), *clblast = dlopen("libclblast.so.1", RTLD_NOW);
    void *symbols[3] = {loader == NULL ? NULL : dlsym(loader, "clGetPlatformIDs"), loader == NULL ? NULL : dlsym(loader, "clGetDeviceIDs"),
                        clblast == NULL ? NULL : dlsym(clblast, "CLBlastOverrideParameters")};
    __typeof__(clGetPlatformIDs) *get_platforms;
    __typeof__(clGetDeviceIDs) *get_devices;
    int (*override)(cl_device_id, const char *, int, size_t, const char **, const size_t *);
    if (symbols[0] == NULL || symbols[1] == NULL || symbols[2] == NULL)
        return false;
    memcpy(&get_platforms, &symbols[0], sizeof get_platforms);
    memcpy(&get_devices, &symbols[1], sizeof get_devices);
    memcpy(&override, &symbols[2], sizeof override);
    cl_platform_id platforms[8];
    cl_uint count = 0;
    bool good = get_platforms(8, platforms, &count) == CL_SUCCESS;
    for (cl_uint p = 0; p < count && p < 8 && good; p++) {
        cl_device_id devices[8];
        cl_uint number = 0;
        if (get_devices(platforms[p], CL_DEVICE_TYPE_ALL, 8, devices, &number) != CL_SUCCESS)
            continue;
        for (cl_uint i = 0; i < number && i < 8; i++)
            for (int d = 0; d < DTYPES; d++)
                good = good && override(devices[i], "GemmRoutine", dtypes[d].precision, 1, (const char *[]){"XGEMM_MIN_INDIRECT_SIZE"},
                                        (const size_t[]){(size_t)side}) == 0;
    }
    return good;
}

int main(int argc, char **argv)
{
    for (int d = 0; d < DTYPES; d++) {
        wanted[d] = argc < 2;
        for (int i = 1; i < argc; i++)
            wanted[d] = wanted[d] || strcmp(argv[i], dtypes[d].name) == 0;
    }
    setenv("NUMC_OPENCL_CLBLAST", "on", 1);
    ref = numc_open(&(numc_options){.backend = "ref"});
    device = opened();
    int status = 77;
    if (numc_from_host(device, NUMC_FLOAT64, NUMC_SHAPE(2), ((const double[]){1, 2})) == NULL) { /* the first that needs the device */
        status = numc_error_status(device) == NUMC_BACKEND ? 77 : 1;
        printf("%s: %s\n", status == 77 ? "skipped" : "failed", numc_error_message(device));
    } else {
        static numc_context *left_open; /* at the end of the process, with CLBlast's programs */
        const bool there = copy_from(COPIED);
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(products_agree_with_ref),
            cmocka_unit_test(complex_products_are_made_here),
            cmocka_unit_test(factors_are_made_of_products),
            cmocka_unit_test(bits_are_the_same_each_time),
            cmocka_unit_test(two_threads_have_devices_of_their_own),
        };
        status = cmocka_run_group_tests(tests, NULL, NULL);
        if (status == 0 && absent == there)
            status = 1;
        if (status == 0 && absent) {
            printf("skipped: CLBlast is not here (Debian: libclblast1)\n");
            status = 77;
        }
        if (status == 0) {
            left_open = opened();
            (void)numc_matmul(numc_ones(left_open, NUMC_FLOAT64, NUMC_SHAPE(64, 64)), numc_ones(left_open, NUMC_FLOAT64, NUMC_SHAPE(64, 64)));
        }
    }
    numc_close(ref);
    numc_close(device);
    return status;
}
