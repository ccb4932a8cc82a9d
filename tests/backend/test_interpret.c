/* test_interpret.c - the reference interpreter against loops written by hand, one node kind after the other. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/build.h"
#include "backend/device.h"

static numc_context *context;
static numc_backend_device *device;

static int set_up(void **state)
{
    (void)state;
    context = numc_open(&(numc_options){.backend = "ref"});
    device = numc__device(context);
    return device == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    numc_close(context);
    return 0;
}

/* Builds, runs once directly and once more as a launch: both write the same, so the outputs need no reset. */
static int32_t run(const numc_build *b, const numc_kernel_arguments *arguments)
{
    numc_kernel *kernel;
    if (numc__kernel_verify(context, &b->source) != NUMC_OK)
        print_error("%s\n", numc_error_message(context));
    assert_int_equal(numc_error_status(context), NUMC_OK);
    int32_t status = device->table.kernel_build(device->device, &b->source, &kernel);
    if (status != NUMC_OK)
        return status;
    status = device->table.kernel_run(device->device, kernel, arguments);
    numc_launch *launch;
    assert_int_equal(device->table.launch_prepare(device->device, kernel, arguments, &launch), NUMC_OK);
    assert_int_equal(device->table.launch_run(device->device, launch), status);
    assert_int_equal(device->table.launch_run(device->device, launch), status);
    device->table.launch_release(device->device, launch);
    device->table.kernel_release(device->device, kernel);
    return status;
}

static void parallel_loops_touch_strided_elements(void **state)
{
    (void)state;
    enum { ROWS = 3, COLUMNS = 4 };
    double x[ROWS * COLUMNS], y[COLUMNS], z[COLUMNS * ROWS];
    for (int i = 0; i < ROWS * COLUMNS; i++)
        x[i] = i + 0.5;
    for (int j = 0; j < COLUMNS; j++)
        y[j] = 10.0 * j;
    numc_build b; /* z[j][i] = x[i][j] * y[j] - 2, y reversed */
    numc_build_begin(&b, 1);
    int32_t in_x = numc_build_access(&b, 0, NUMC_FLOAT64, 0), in_y = numc_build_access(&b, 1, NUMC_FLOAT64, 0);
    int32_t out = numc_build_access(&b, 2, NUMC_FLOAT64, 1);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 1, -1);
    int32_t two = numc_build_constant(&b, NUMC_FLOAT64);
    int32_t product = numc_build_f64(&b, NUMC_SCALAR_MULTIPLY, numc_build_load(&b, in_x, -1), numc_build_load(&b, in_y, -1));
    numc_build_store(&b, out, numc_build_f64(&b, NUMC_SCALAR_SUBTRACT, product, two), -1);
    numc_build_end(&b);
    numc_build_end(&b);
    double constant = 2.0;
    uint64_t constants[1];
    memcpy(constants, &constant, 8);
    int32_t status = run(&b, &(numc_kernel_arguments){
        .buffers = (void *[]){x, y, z},
        .extents = (int64_t[]){ROWS, COLUMNS},
        .offsets = (int64_t[]){0, COLUMNS - 1, 0},
        .strides = (int64_t[]){COLUMNS, 1, 0, 0, -1, 0, 1, ROWS, 0},
        .constants = constants,
    });
    assert_int_equal(status, NUMC_OK);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
            assert_true(z[j * ROWS + i] == x[i * COLUMNS + j] * y[COLUMNS - 1 - j] - 2.0);
}

/* The order of backend.h, written out. */
static double lane_sum(const double *x, int64_t n)
{
    double lane[8] = {0};
    for (int64_t i = 0; i < n; i++)
        lane[i % 8] += x[i];
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

static void reductions_follow_the_lane_order(void **state)
{
    (void)state;
    enum { N = 1000 };
    double x[N], sum, most, least, product;
    int64_t where_most, where_least;
    for (int i = 0; i < N; i++)
        x[i] = sin(i * 1.7) * exp((i % 37) * 0.5);
    x[17] = x[401] = 3e9; /* ties: the first counts */
    numc_build b;
    numc_build_begin(&b, 1);
    int32_t in = numc_build_access(&b, 0, NUMC_FLOAT64, 0);
    int32_t outs[6];
    for (uint32_t k = 0; k < 6; k++)
        outs[k] = numc_build_access(&b, k + 1, k < 4 ? NUMC_FLOAT64 : NUMC_INT64, 1);
    numc_build_loop(&b, NUMC_NODE_REDUCE, 0, -1);
    int32_t value = numc_build_load(&b, in, -1);
    int32_t results[6];
    static const uint32_t reductions[6] = {NUMC_REDUCTION_SUM, NUMC_REDUCTION_PROD, NUMC_REDUCTION_MAX,
                                           NUMC_REDUCTION_MIN, NUMC_REDUCTION_ARGMAX, NUMC_REDUCTION_ARGMIN};
    for (int k = 0; k < 6; k++)
        results[k] = numc_build_accumulate(&b, reductions[k], NUMC_FLOAT64, value);
    numc_build_end(&b);
    for (int k = 0; k < 6; k++)
        numc_build_store(&b, outs[k], results[k], -1);
    for (int64_t n = 0; n <= N; n = n * 2 + 1) {
        int64_t strides[14] = {1, 0};
        int32_t status = run(&b, &(numc_kernel_arguments){
            .buffers = (void *[]){x, &sum, &product, &most, &least, &where_most, &where_least},
            .extents = &n,
            .offsets = (int64_t[7]){0},
            .strides = strides,
        });
        assert_int_equal(status, NUMC_OK);
        double expected = lane_sum(x, n);
        assert_memory_equal(&sum, &expected, 8);
        int64_t first_most = 0, first_least = 0;
        for (int64_t i = 1; i < n; i++) {
            first_most = x[i] > x[first_most] ? i : first_most;
            first_least = x[i] < x[first_least] ? i : first_least;
        }
        assert_int_equal(where_most, first_most);
        assert_int_equal(where_least, first_least);
        assert_true(n > 0 ? most == x[first_most] : most == -INFINITY);
        assert_true(n > 0 ? least == x[first_least] : least == INFINITY);
        assert_true(n > 0 || product == 1.0);
    }
}

static void nan_wins_extremes(void **state)
{
    (void)state;
    float x[] = {1, 5, NAN, 7, NAN, -3};
    float most;
    int64_t n = 6, where_most, where_least;
    numc_build b;
    numc_build_begin(&b, 1);
    int32_t in = numc_build_access(&b, 0, NUMC_FLOAT32, 0), out = numc_build_access(&b, 1, NUMC_FLOAT32, 1);
    int32_t out_most = numc_build_access(&b, 2, NUMC_INT64, 1), out_least = numc_build_access(&b, 3, NUMC_INT64, 1);
    numc_build_loop(&b, NUMC_NODE_REDUCE, 0, -1);
    int32_t value = numc_build_load(&b, in, -1);
    int32_t result = numc_build_accumulate(&b, NUMC_REDUCTION_MAX, NUMC_FLOAT32, value);
    int32_t at_most = numc_build_accumulate(&b, NUMC_REDUCTION_ARGMAX, NUMC_FLOAT32, value);
    int32_t at_least = numc_build_accumulate(&b, NUMC_REDUCTION_ARGMIN, NUMC_FLOAT32, value);
    numc_build_end(&b);
    numc_build_store(&b, out, result, -1);
    numc_build_store(&b, out_most, at_most, -1);
    numc_build_store(&b, out_least, at_least, -1);
    assert_int_equal(run(&b, &(numc_kernel_arguments){
                         .buffers = (void *[]){x, &most, &where_most, &where_least},
                         .extents = &n,
                         .offsets = (int64_t[4]){0},
                         .strides = (int64_t[8]){1},
                     }), NUMC_OK);
    assert_true(isnan(most));
    assert_int_equal(where_most, 2);
    assert_int_equal(where_least, 2);
}

static void reductions_nest_and_start_again(void **state)
{
    (void)state;
    enum { ROWS = 5, COLUMNS = 19 };
    double x[ROWS][COLUMNS], rows[ROWS], total;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
            x[i][j] = 1.0 / (1 + i + 3 * j);
    numc_build b; /* rows[i] = sum_j x[i][j]; total = sum_i rows[i]^2 */
    numc_build_begin(&b, 2);
    int32_t in = numc_build_access(&b, 0, NUMC_FLOAT64, 0), out_rows = numc_build_access(&b, 1, NUMC_FLOAT64, 1);
    int32_t out = numc_build_access(&b, 2, NUMC_FLOAT64, 1);
    numc_build_loop(&b, NUMC_NODE_REDUCE, 0, -1);
    numc_build_loop(&b, NUMC_NODE_REDUCE, 1, -1);
    int32_t row = numc_build_accumulate(&b, NUMC_REDUCTION_SUM, NUMC_FLOAT64, numc_build_load(&b, in, -1));
    numc_build_end(&b);
    numc_build_store(&b, out_rows, row, -1);
    int32_t sum = numc_build_accumulate(&b, NUMC_REDUCTION_SUM, NUMC_FLOAT64,
                                        numc_build_f64(&b, NUMC_SCALAR_SQUARE, row, -1));
    numc_build_end(&b);
    numc_build_store(&b, out, sum, -1);
    assert_int_equal(run(&b, &(numc_kernel_arguments){
                         .buffers = (void *[]){x, rows, &total},
                         .extents = (int64_t[]){ROWS, COLUMNS},
                         .offsets = (int64_t[3]){0},
                         .strides = (int64_t[]){COLUMNS, 1, 0, 1, 0, 0, 0, 0, 0},
                     }), NUMC_OK);
    double squares[ROWS];
    for (int i = 0; i < ROWS; i++) {
        assert_true(rows[i] == lane_sum(x[i], COLUMNS));
        squares[i] = rows[i] * rows[i];
    }
    assert_true(total == lane_sum(squares, ROWS));
}

static void carried_registers_change_all_at_once(void **state)
{
    (void)state;
    int64_t n = 10, out_values[2], one = 1, zero = 0;
    uint64_t constants[2] = {0};
    memcpy(&constants[0], &zero, 8);
    memcpy(&constants[1], &one, 8);
    numc_build b; /* Fibonacci: (a, b) <- (b, a + b); after n steps a = F(n), b = F(n + 1) */
    numc_build_begin(&b, 3);
    int32_t out_a = numc_build_access(&b, 0, NUMC_INT64, 1), out_b = numc_build_access(&b, 1, NUMC_INT64, 1);
    int32_t start_a = numc_build_constant(&b, NUMC_INT64), start_b = numc_build_constant(&b, NUMC_INT64);
    int32_t a = numc_build_carry(&b, start_a), c = numc_build_carry(&b, start_b);
    numc_build_loop(&b, NUMC_NODE_SEQUENTIAL, 0, -1);
    numc_build_update(&b, a, c);
    numc_build_update(&b, c, numc_build_scalar(&b, NUMC_SCALAR_ADD, NUMC_INT64, NUMC_INT64, a, c, -1, -1));
    numc_build_end(&b);
    numc_build_store(&b, out_a, a, -1);
    numc_build_store(&b, out_b, c, -1);
    assert_int_equal(run(&b, &(numc_kernel_arguments){
                         .buffers = (void *[]){&out_values[0], &out_values[1]},
                         .extents = &n,
                         .offsets = (int64_t[2]){0},
                         .strides = (int64_t[4]){0},
                         .constants = constants,
                     }), NUMC_OK);
    assert_int_equal(out_values[0], 55);
    assert_int_equal(out_values[1], 89);
}

static void while_ends_before_the_rest_of_its_body(void **state)
{
    (void)state;
    /* x <- x / 2 while x > 1, counting the steps; trace[i] = x is stored only when the test holds */
    double x0 = 100.0, half = 0.5, one = 1.0, last, trace[16] = {0};
    uint64_t constants[2];
    memcpy(&constants[0], &half, 8);
    memcpy(&constants[1], &one, 8);
    numc_build b;
    numc_build_begin(&b, 3);
    int32_t in = numc_build_access(&b, 0, NUMC_FLOAT64, 0), out = numc_build_access(&b, 1, NUMC_FLOAT64, 1);
    int32_t out_trace = numc_build_access(&b, 2, NUMC_FLOAT64, 1);
    int32_t factor = numc_build_constant(&b, NUMC_FLOAT64), limit = numc_build_constant(&b, NUMC_FLOAT64);
    int32_t x = numc_build_carry(&b, numc_build_load(&b, in, -1));
    numc_build_loop(&b, NUMC_NODE_WHILE, -1, -1);
    numc_build_update(&b, x, numc_build_f64(&b, NUMC_SCALAR_MULTIPLY, x, factor));
    numc_build_continue(&b, numc_build_scalar(&b, NUMC_SCALAR_GREATER, NUMC_FLOAT64, NUMC_BOOL, x, limit, -1, -1));
    numc_build_store(&b, out_trace, x, -1);
    numc_build_end(&b);
    numc_build_store(&b, out, x, -1);
    assert_int_equal(run(&b, &(numc_kernel_arguments){
                         .buffers = (void *[]){&x0, &last, trace},
                         .offsets = (int64_t[3]){0},
                         .strides = (int64_t[]){0, 0, 0, 0, 1, 0},
                         .constants = constants,
                     }), NUMC_OK);
    assert_true(last == 100.0 / 128);
    assert_true(trace[0] == 100.0 && trace[6] == 100.0 / 64 && trace[7] == 0.0);
}

static void registers_bound_loops_and_locals_hold_state(void **state)
{
    (void)state;
    /* out[i] = sum over j <= i of the running products kept in a local array: local[0] *= x[j] */
    enum { N = 6 };
    double x[N] = {2, 3, 0.5, 4, 1, 7}, out[N], one = 1.0;
    int64_t n = N;
    uint64_t constants[3] = {0, 0, 1};
    memcpy(&constants[1], &one, 8);
    numc_build b;
    numc_build_begin(&b, 3);
    int32_t in = numc_build_access(&b, 0, NUMC_FLOAT64, 0), to = numc_build_access(&b, 1, NUMC_FLOAT64, 1);
    int32_t local = numc_build_local(&b, NUMC_FLOAT64, 1);
    int32_t zero = numc_build_constant(&b, NUMC_INT64), unit = numc_build_constant(&b, NUMC_FLOAT64);
    int32_t step = numc_build_constant(&b, NUMC_INT64);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
    numc_build_local_store(&b, local, zero, unit);
    int32_t extent = numc_build_scalar(&b, NUMC_SCALAR_ADD, NUMC_INT64, NUMC_INT64, numc_build_index(&b, 0), step, -1, -1);
    numc_build_loop(&b, NUMC_NODE_REDUCE, -1, extent);
    int32_t product = numc_build_f64(&b, NUMC_SCALAR_MULTIPLY, numc_build_local_load(&b, local, zero),
                                     numc_build_load(&b, in, -1));
    numc_build_local_store(&b, local, zero, product);
    int32_t sum = numc_build_accumulate(&b, NUMC_REDUCTION_SUM, NUMC_FLOAT64, product);
    numc_build_end(&b);
    numc_build_store(&b, to, sum, -1);
    numc_build_end(&b);
    assert_int_equal(run(&b, &(numc_kernel_arguments){
                         .buffers = (void *[]){x, out},
                         .extents = &n,
                         .offsets = (int64_t[2]){0},
                         .strides = (int64_t[]){0, 1, 0, 1, 0, 0},
                         .constants = constants,
                     }), NUMC_OK);
    for (int i = 0; i < N; i++) {
        double running = 1.0, products[N];
        for (int j = 0; j <= i; j++)
            products[j] = running *= x[j];
        assert_true(out[i] == lane_sum(products, i + 1));
    }
}

static void loads_and_stores_gather(void **state)
{
    (void)state;
    float table[5] = {10, 11, 12, 13, 14}, out[10] = {0};
    int64_t index[4] = {4, 0, 2, 2}, n = 4;
    numc_build b; /* out[2 * index[i]] = table[index[i]] */
    numc_build_begin(&b, 3);
    int32_t in_index = numc_build_access(&b, 0, NUMC_INT64, 0), in = numc_build_access(&b, 1, NUMC_FLOAT32, 0);
    int32_t to = numc_build_access(&b, 2, NUMC_FLOAT32, 1);
    numc_build_loop(&b, NUMC_NODE_SEQUENTIAL, 0, -1);
    int32_t i = numc_build_load(&b, in_index, -1);
    numc_build_store(&b, to, numc_build_load(&b, in, i), i);
    numc_build_end(&b);
    assert_int_equal(run(&b, &(numc_kernel_arguments){
                         .buffers = (void *[]){index, table, out},
                         .extents = &n,
                         .offsets = (int64_t[3]){0},
                         .strides = (int64_t[]){1, 0, 0, 1, 0, 2},
                     }), NUMC_OK);
    assert_true(out[8] == 14.0F && out[0] == 10.0F && out[4] == 12.0F && out[2] == 0.0F);
}

static void a_local_index_out_of_bounds_is_an_error(void **state)
{
    (void)state;
    int64_t out;
    uint64_t constants[1] = {3};
    numc_build b;
    numc_build_begin(&b, 3);
    int32_t to = numc_build_access(&b, 0, NUMC_INT64, 1), local = numc_build_local(&b, NUMC_INT64, 3);
    numc_build_store(&b, to, numc_build_local_load(&b, local, numc_build_constant(&b, NUMC_INT64)), -1);
    int32_t status = run(&b, &(numc_kernel_arguments){
        .buffers = (void *[]){&out}, .offsets = (int64_t[1]){0}, .strides = (int64_t[1]){0}, .constants = constants});
    assert_int_equal(status, NUMC_INDEX);
    assert_int_equal(numc__device_check(context, status, "kernel"), NUMC_INDEX);
    assert_non_null(strstr(numc_error_message(context), "out of its bounds"));
    numc_error_clear(context);
}

static void conversion_takes_the_dtype_of_its_register(void **state)
{
    (void)state;
    double x[4] = {-1.9, 300.7, NAN, 2.5};
    int8_t out[4];
    int64_t n = 4;
    numc_build b;
    numc_build_begin(&b, 1);
    int32_t in = numc_build_access(&b, 0, NUMC_FLOAT64, 0), to = numc_build_access(&b, 1, NUMC_INT8, 1);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
    int32_t value = numc_build_load(&b, in, -1);
    numc_build_store(&b, to, numc_build_scalar(&b, NUMC_SCALAR_CONVERT, NUMC_INT8, NUMC_INT8, value, -1, -1, -1), -1);
    numc_build_end(&b);
    assert_int_equal(run(&b, &(numc_kernel_arguments){.buffers = (void *[]){x, out},
                                                      .extents = &n,
                                                      .offsets = (int64_t[2]){0},
                                                      .strides = (int64_t[]){1, 0, 1, 0}}), NUMC_OK);
    assert_int_equal(out[0], -1);
    assert_int_equal(out[1], 127);
    assert_int_equal(out[2], 0);
    assert_int_equal(out[3], 2);
}

static void malformed_kernels_are_refused(void **state)
{
    (void)state;
    numc_kernel *kernel;
    numc_build b;
    numc_build_begin(&b, 1);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1); /* left open */
    assert_int_equal(device->table.kernel_build(device->device, &b.source, &kernel), NUMC_INVALID_ARGUMENT);
    assert_null(kernel);
    numc_build_begin(&b, 1);
    int32_t x = numc_build_constant(&b, NUMC_INT32);
    (void)numc_build_scalar(&b, NUMC_SCALAR_EXP, NUMC_INT32, NUMC_INT32, x, -1, -1, -1);
    assert_int_equal(device->table.kernel_build(device->device, &b.source, &kernel), NUMC_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parallel_loops_touch_strided_elements),
        cmocka_unit_test(reductions_follow_the_lane_order),
        cmocka_unit_test(nan_wins_extremes),
        cmocka_unit_test(reductions_nest_and_start_again),
        cmocka_unit_test(carried_registers_change_all_at_once),
        cmocka_unit_test(while_ends_before_the_rest_of_its_body),
        cmocka_unit_test(registers_bound_loops_and_locals_hold_state),
        cmocka_unit_test(loads_and_stores_gather),
        cmocka_unit_test(a_local_index_out_of_bounds_is_an_error),
        cmocka_unit_test(conversion_takes_the_dtype_of_its_register),
        cmocka_unit_test(malformed_kernels_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
