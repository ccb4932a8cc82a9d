/* test_order.c - gather, scatter, cumulative, sort and search of the cpu backend against the reference, on random views of all
 * dtypes: results agree to the bit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "plugin.h"

static plugin cpu;
static const numc_backend *ref;
static numc_device *ref_device;
static rng r = {77};

enum { BYTES = 96 * 1024, RANK = 5 };
static unsigned char input[BYTES], numbers[BYTES], expected[BYTES], found[BYTES];

typedef struct shaped {
    numc_view view;
    int64_t shape[RANK], strides[RANK];
} shaped;

/* Row-major, or with the axes in another order, or with gaps. */
static void lay_out(shaped *s, void *memory, uint32_t dtype, int32_t rank, const int64_t *shape, int layout)
{
    int order[RANK];
    for (int d = 0; d < rank; d++) {
        order[d] = d;
        s->shape[d] = shape[d];
    }
    if (layout == 1)
        for (int d = rank - 1; d > 0; d--) {
            const int64_t e = rng_below(&r, d + 1);
            const int swap = order[d];
            order[d] = order[e];
            order[e] = swap;
        }
    int64_t stride = layout == 2 ? 2 : 1;
    for (int d = rank - 1; d >= 0; d--) {
        s->strides[order[d]] = stride;
        stride *= shape[order[d]];
    }
    s->view = (numc_view){memory, 3, dtype, rank, s->shape, s->strides};
}

static void fill(unsigned char *memory, uint32_t dtype, bool few)
{
    const int64_t size = (int64_t)numc_dtype_size((numc_dtype)dtype);
    for (int64_t i = 0; i < BYTES / size; i++) {
        const int64_t k = rng_below(&r, few ? 9 : 1 << 20) - (few ? 4 : 1 << 19);
        const double x = k == 4 ? (double)NAN : k == 3 ? -0.0 : k == 2 ? 0.0 : (double)k * 0.37;
        const float x32 = (float)x;
        switch (dtype) {
        case NUMC_FLOAT64: memcpy(memory + i * 8, &x, 8); break;
        case NUMC_FLOAT32: memcpy(memory + i * 4, &x32, 4); break;
        case NUMC_BOOL: memory[i] = (unsigned char)(k & 1); break;
        default: memcpy(memory + i * size, &k, (size_t)size); break;
        }
    }
}

/* Equal bytes, or both NaN. */
static bool same(uint32_t dtype)
{
    const int64_t size = (int64_t)numc_dtype_size((numc_dtype)dtype);
    for (int64_t i = 0; i < BYTES / size; i++) {
        if (memcmp(expected + i * size, found + i * size, (size_t)size) == 0)
            continue;
        double a = 0, b = 0;
        float a32 = 0, b32 = 0;
        if (dtype == NUMC_FLOAT64) {
            memcpy(&a, expected + i * 8, 8);
            memcpy(&b, found + i * 8, 8);
        } else if (dtype == NUMC_FLOAT32) {
            memcpy(&a32, expected + i * 4, 4);
            memcpy(&b32, found + i * 4, 4);
            a = (double)a32;
            b = (double)b32;
        }
        if (a == a || b == b)
            return false;
    }
    return true;
}

static void random_shape(int32_t rank, int64_t *shape)
{
    for (int32_t d = 0; d < rank; d++)
        shape[d] = rng_below(&r, 6) + (rng_below(&r, 12) != 0);
}

static void start_outputs(uint32_t dtype)
{
    fill(expected, dtype, true);
    memcpy(found, expected, BYTES);
}

static void check_gather_and_scatter(uint32_t dtype, uint32_t index_dtype)
{
    int64_t shape[RANK], index_shape[RANK], y_shape[RANK];
    const int32_t rank = 1 + (int32_t)rng_below(&r, 3), index_rank = (int32_t)rng_below(&r, 3);
    const int32_t axis = (int32_t)rng_below(&r, rank), y_rank = rank - 1 + index_rank;
    random_shape(rank, shape);
    random_shape(index_rank, index_shape);
    for (int32_t d = 0; d < y_rank; d++)
        y_shape[d] = d < axis ? shape[d] : d < axis + index_rank ? index_shape[d - axis] : shape[d - index_rank + 1];
    shaped x, y, indices;
    fill(input, dtype, false);
    fill(numbers, index_dtype, true); /* -4 to 4: some lie outside */
    lay_out(&indices, numbers, index_dtype, index_rank, index_shape, (int)rng_below(&r, 3));
    lay_out(&x, input, dtype, rank, shape, (int)rng_below(&r, 3));
    lay_out(&y, expected, dtype, y_rank, y_shape, (int)rng_below(&r, 3));
    start_outputs(dtype);
    const int32_t status = ref->gather(ref_device, &x.view, &indices.view, axis, &y.view);
    y.view.memory = found;
    assert_int_equal(cpu.table->gather(cpu.device, &x.view, &indices.view, axis, &y.view), status);
    assert_true(same(dtype));

    for (uint32_t mode = 0; mode < 2; mode++) {
        lay_out(&y, input, dtype, y_rank, y_shape, (int)rng_below(&r, 3));
        lay_out(&x, expected, dtype, rank, shape, (int)rng_below(&r, 3));
        start_outputs(dtype);
        const int32_t wanted = ref->scatter(ref_device, &x.view, &indices.view, axis, &y.view, mode);
        x.view.memory = found;
        assert_int_equal(cpu.table->scatter(cpu.device, &x.view, &indices.view, axis, &y.view, mode), wanted);
        assert_true(same(dtype));
    }
}

static void gather_and_scatter_agree(void **state)
{
    (void)state;
    for (int k = 0; k < 8; k++)
        for (uint32_t dtype = NUMC_BOOL; dtype <= NUMC_FLOAT64; dtype++)
            check_gather_and_scatter(dtype, NUMC_INT8 + (uint32_t)rng_below(&r, 8));
}

static void lines_agree(void **state)
{
    (void)state;
    for (int k = 0; k < 6; k++)
        for (uint32_t dtype = NUMC_BOOL; dtype <= NUMC_FLOAT64; dtype++) {
            int64_t shape[RANK];
            const int32_t rank = 1 + (int32_t)rng_below(&r, 3), axis = (int32_t)rng_below(&r, rank);
            random_shape(rank, shape);
            shaped x, y;
            fill(input, dtype, rng_below(&r, 2) == 0);
            lay_out(&x, input, dtype, rank, shape, (int)rng_below(&r, 3));
            lay_out(&y, expected, dtype, rank, shape, (int)rng_below(&r, 3));
            for (uint32_t reduction = NUMC_REDUCTION_SUM; reduction <= NUMC_REDUCTION_ANY; reduction++)
                for (uint32_t reverse = 0; reverse < 2; reverse++) {
                    start_outputs(dtype);
                    y.view.memory = expected;
                    const int32_t status = ref->cumulative(ref_device, &x.view, axis, reduction, reverse, &y.view);
                    y.view.memory = found;
                    assert_int_equal(cpu.table->cumulative(cpu.device, &x.view, axis, reduction, reverse, &y.view), status);
                    assert_true(same(dtype));
                }
        }
}

static void check_sort(uint32_t dtype, int32_t rank, const int64_t *shape, int32_t axis, uint32_t descending, bool few)
{
    shaped x, values, indices;
    fill(input, dtype, few);
    lay_out(&x, input, dtype, rank, shape, (int)rng_below(&r, 3));
    lay_out(&values, expected, dtype, rank, shape, 0);
    lay_out(&indices, expected, NUMC_INT64, rank, shape, 0);
    start_outputs(dtype);
    assert_int_equal(ref->sort(ref_device, &x.view, axis, descending, &values.view, NULL), NUMC_OK);
    values.view.memory = found;
    assert_int_equal(cpu.table->sort(cpu.device, &x.view, axis, descending, &values.view, NULL), NUMC_OK);
    assert_true(same(dtype));
    start_outputs(NUMC_INT64);
    assert_int_equal(ref->sort(ref_device, &x.view, axis, descending, NULL, &indices.view), NUMC_OK);
    indices.view.memory = found;
    assert_int_equal(cpu.table->sort(cpu.device, &x.view, axis, descending, NULL, &indices.view), NUMC_OK);
    assert_true(same(NUMC_INT64));
}

static void sorts_agree(void **state)
{
    (void)state;
    for (uint32_t dtype = NUMC_BOOL; dtype <= NUMC_FLOAT64; dtype++)
        for (uint32_t descending = 0; descending < 2; descending++)
            for (int few = 0; few < 2; few++) {
                static const int64_t lengths[] = {1, 2, 15, 16, 17, 100, 1000, 5000};
                for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++)
                    check_sort(dtype, 1, &lengths[k], 0, descending, few != 0);
                for (int k = 0; k < 5; k++) {
                    int64_t shape[RANK];
                    random_shape(3, shape);
                    check_sort(dtype, 3, shape, (int32_t)rng_below(&r, 3), descending, few != 0);
                }
            }
}

/* Long enough to be shared out; indices outside are clamped, the last share is short. */
static void long_gathers_are_shared_out(void **state)
{
    (void)state;
    enum { N = (1 << 17) + 77, EXTENT = 1000 };
    static float x[EXTENT], y[N];
    static int32_t at[N];
    for (int32_t i = 0; i < EXTENT; i++)
        x[i] = (float)i;
    for (int i = 0; i < N; i++)
        at[i] = (int32_t)rng_below(&r, EXTENT + 20) - 10;
    const int64_t extent = EXTENT, n = N, one = 1, back = -1;
    const numc_view from = {x, 0, NUMC_FLOAT32, 1, &extent, &one}, indices = {at, 0, NUMC_INT32, 1, &n, &one};
    const numc_view to = {y, N - 1, NUMC_FLOAT32, 1, &n, &back};
    assert_int_equal(cpu.table->gather(cpu.device, &from, &indices, 0, &to), NUMC_OK);
    for (int i = 0; i < N; i++)
        assert_true(y[N - 1 - i] == (float)(at[i] < 0 ? 0 : at[i] >= EXTENT ? EXTENT - 1 : at[i]));
}

/* Values that differ in their lowest bits alone, but for one or two far away: the highest bits decide hardly anything. */
static void close_values_and_positions_are_sorted(void **state)
{
    (void)state;
    const int64_t n = 5000;
    for (uint32_t descending = 0; descending < 2; descending++)
        for (int turn = 0; turn < 4; turn++) {
            shaped x, values, indices;
            lay_out(&x, input, NUMC_FLOAT64, 1, &n, 0);
            lay_out(&values, expected, NUMC_FLOAT64, 1, &n, 0);
            lay_out(&indices, expected + BYTES / 2, NUMC_INT64, 1, &n, 0);
            for (int64_t i = 0; i < BYTES / 8; i++) {
                const int64_t k = rng_below(&r, turn == 0 ? 4 : 1 << 20);
                double v = 1.0 + (double)k * 0x1p-52;
                if (turn > 1 && i % 997 == 5)
                    v = turn == 2 ? -1e300 : (double)NAN;
                memcpy(input + i * 8, &v, 8);
            }
            start_outputs(NUMC_INT64);
            assert_int_equal(ref->sort(ref_device, &x.view, 0, descending, &values.view, &indices.view), NUMC_OK);
            values.view.memory = found;
            indices.view.memory = found + BYTES / 2;
            assert_int_equal(cpu.table->sort(cpu.device, &x.view, 0, descending, &values.view, &indices.view), NUMC_OK);
            assert_true(same(NUMC_FLOAT64));
            start_outputs(NUMC_FLOAT64);
            values.view.memory = expected;
            assert_int_equal(ref->sort(ref_device, &x.view, 0, descending, &values.view, NULL), NUMC_OK);
            values.view.memory = found;
            assert_int_equal(cpu.table->sort(cpu.device, &x.view, 0, descending, &values.view, NULL), NUMC_OK);
            assert_true(same(NUMC_FLOAT64));
        }
}

static void searches_agree(void **state)
{
    (void)state;
    static unsigned char sorted[BYTES];
    for (uint32_t dtype = NUMC_BOOL; dtype <= NUMC_FLOAT64; dtype++)
        for (int64_t n = 0; n < 60; n += 7)
            for (uint32_t right = 0; right < 2; right++) {
                shaped x, s, values, indices;
                int64_t shape[RANK];
                fill(input, dtype, true);
                lay_out(&x, input, dtype, 1, &n, 0);
                lay_out(&s, sorted, dtype, 1, &n, 0);
                assert_int_equal(ref->sort(ref_device, &x.view, 0, 0, &s.view, NULL), NUMC_OK);
                random_shape(2, shape);
                fill(numbers, dtype, true);
                lay_out(&values, numbers, dtype, 2, shape, (int)rng_below(&r, 3));
                lay_out(&indices, expected, NUMC_INT64, 2, shape, 0);
                start_outputs(NUMC_INT64);
                assert_int_equal(ref->search(ref_device, &s.view, &values.view, right, &indices.view), NUMC_OK);
                indices.view.memory = found;
                assert_int_equal(cpu.table->search(cpu.device, &s.view, &values.view, right, &indices.view), NUMC_OK);
                assert_true(same(NUMC_INT64));
            }
}

static void views_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    const int64_t three = 3, four = 4;
    shaped x, y, indices;
    lay_out(&x, input, NUMC_FLOAT64, 1, &three, 0);
    lay_out(&y, found, NUMC_FLOAT32, 1, &four, 0);
    lay_out(&indices, numbers, NUMC_FLOAT64, 1, &four, 0);
    assert_int_equal(cpu.table->gather(cpu.device, &x.view, &indices.view, 0, &y.view), NUMC_INVALID_ARGUMENT);
    assert_int_equal(cpu.table->sort(cpu.device, &x.view, 1, 0, NULL, NULL), NUMC_INVALID_ARGUMENT);
    assert_int_equal(cpu.table->cumulative(cpu.device, &x.view, 0, NUMC_REDUCTION_SUM, 0, &y.view), NUMC_INVALID_ARGUMENT);
    assert_int_equal(cpu.table->search(cpu.device, &x.view, &y.view, 0, &indices.view), NUMC_INVALID_ARGUMENT);
    assert_true(cpu.message[0] != '\0');
}

static int set_up(void **state)
{
    (void)state;
    ref = numc__ref_query(NUMC_BACKEND_ABI);
    return plugin_open(&cpu) || ref->device_open(&cpu.host, 0, &ref_device) != NUMC_OK;
}

static int tear_down(void **state)
{
    (void)state;
    ref->device_close(ref_device);
    plugin_close(&cpu);
    return cpu.live != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gather_and_scatter_agree),
        cmocka_unit_test(lines_agree),
        cmocka_unit_test(sorts_agree), cmocka_unit_test(close_values_and_positions_are_sorted),
        cmocka_unit_test(long_gathers_are_shared_out),
        cmocka_unit_test(searches_agree),
        cmocka_unit_test(views_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests_name("cpu_order", tests, set_up, tear_down);
}
