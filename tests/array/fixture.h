/* fixture.h - for tests of arrays: a context per test, small deterministic data, host copies. */
#ifndef NUMC_TESTS_ARRAY_FIXTURE_H
#define NUMC_TESTS_ARRAY_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "numc/fft.h"
#include "numc/linalg.h"

/* The suite runs on ref, and again on each backend that NUMC_BACKEND names. */
static inline const char *test_backend(void)
{
    const char *name = getenv("NUMC_BACKEND");
    return name != NULL && name[0] != '\0' ? name : "ref";
}

static inline int open_context(void **state)
{
    numc_options options = {.backend = test_backend(), .threads = 2};
    *state = numc_open(&options);
    return *state == NULL || numc_error_status(*state) != NUMC_OK;
}

static inline int close_context(void **state)
{
    numc_close(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_context, close_context)

/* A failed expression shows its message. */
#define assert_ok(context)                                                                         \
    do {                                                                                           \
        if (numc_error_status(context) != NUMC_OK)                                                 \
            fail_msg("%s", numc_error_message(context));                                           \
    } while (0)

/* The pending error has this status and its message holds this text; it is cleared. */
#define assert_error(context, status, text)                                                        \
    do {                                                                                           \
        if (strstr(numc_error_message(context), text) == NULL)                                     \
            fail_msg("\"%s\" lacks \"%s\"", numc_error_message(context), text);                    \
        assert_int_equal(numc_error_status(context), status);                                      \
        numc_error_clear(context);                                                                 \
    } while (0)

/* A small generator of whole numbers: x <- x * 6364136223846793005 + 1442695040888963407 mod 2^64, the upper bits. */
static inline uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

/* The elements of x as doubles, row-major; freed by the caller. */
static inline double *values_of(const numc_array *x)
{
    int64_t size = numc_array_size(x);
    assert_true(size >= 0);
    double *values = malloc((size_t)(size > 0 ? size : 1) * sizeof *values);
    assert_non_null(values);
    numc_status status = numc_to_host(x, NUMC_FLOAT64, values, (size_t)size * sizeof *values);
    if (status != NUMC_OK)
        fail_msg("%s", numc_error_message(numc_array_context(x)));
    return values;
}

static inline void assert_shape(const numc_array *x, int32_t rank, const int64_t *shape)
{
    assert_int_equal(numc_array_rank(x), rank);
    for (int32_t d = 0; d < rank; d++)
        assert_int_equal(numc_array_shape(x)[d], shape[d]);
}

/* x equals `expected` element by element within |difference| <= tolerance (1 + |expected|); 0 means exactly. NaN equals NaN. */
static inline void assert_values_within(const numc_array *x, const double *expected, int64_t size, double tolerance,
                                        const char *what)
{
    if (x == NULL)
        fail_msg("%s: no array", what);
    assert_int_equal(numc_array_size(x), size);
    double *values = values_of(x);
    for (int64_t i = 0; i < size; i++) {
        bool same = values[i] == expected[i] || (isnan(values[i]) && isnan(expected[i]))
                    || fabs(values[i] - expected[i]) <= tolerance * (1 + fabs(expected[i]));
        if (!same)
            fail_msg("%s: element %lld is %.17g, expected %.17g", what, (long long)i, values[i], expected[i]);
    }
    free(values);
}

#define assert_values(x, ...)                                                                      \
    do {                                                                                           \
        const double expected_[] = {__VA_ARGS__};                                                  \
        assert_values_within(x, expected_, (int64_t)(sizeof expected_ / sizeof *expected_), 0, #x);\
    } while (0)

/* 0, 1, 2, ... of a dtype. */
static inline numc_array *counting(numc_context *context, numc_dtype dtype, numc_shape shape)
{
    int64_t size = 1;
    for (int32_t d = 0; d < shape.count; d++)
        size *= shape.values[d];
    return numc_reshape(numc_arange(context, dtype, 0, (double)size, 1), shape);
}

#endif
