/* test_kernels.c - single behaviours of the cpu backend's kernels: buffers read and written by one kernel, refusals, running out of
 * memory at every allocation, a failing run, memory and device slots. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "backend/build.h"
#include "plugin.h"

static plugin cpu;

static int32_t run(const numc_build *b, const numc_kernel_arguments *arguments)
{
    numc_kernel *kernel;
    int32_t status = cpu.table->kernel_build(cpu.device, &b->source, &kernel);
    if (status == NUMC_OK)
        status = cpu.table->kernel_run(cpu.device, kernel, arguments);
    if (status == NUMC_OK)
        cpu.table->kernel_release(cpu.device, kernel);
    return status;
}

enum { N = 1300 };

static void a_kernel_may_write_what_it_reads(void **state)
{
    (void)state;
    for (int64_t stride = 1; stride <= 2; stride++) {
        static double x[2 * N];
        for (int i = 0; i < 2 * N; i++)
            x[i] = i;
        numc_build b; /* x = x * x - x, in place */
        numc_build_begin(&b, 1);
        const int32_t in = numc_build_access(&b, 0, NUMC_FLOAT64, 0), out = numc_build_access(&b, 0, NUMC_FLOAT64, 1);
        numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
        const int32_t v = numc_build_load(&b, in, -1);
        numc_build_store(&b, out, numc_build_f64(&b, NUMC_SCALAR_SUBTRACT, numc_build_f64(&b, NUMC_SCALAR_MULTIPLY, v, v), v), -1);
        numc_build_end(&b);
        const int64_t n = N, offsets[2] = {0, 0}, strides[4] = {stride, 0, stride, 0};
        assert_int_equal(run(&b, &(numc_kernel_arguments){(void *[]){x}, &n, offsets, strides, NULL}), NUMC_OK);
        for (int i = 0; i < 2 * N; i++) {
            const double was = i;
            assert_true(x[i] == (i % stride == 0 && i / stride < N ? was * was - was : was));
        }
    }
}

static void an_iteration_reads_what_it_has_written(void **state)
{
    (void)state;
    static double x[N], y[N], z[N];
    for (int i = 0; i < N; i++)
        x[i] = i + 1;
    numc_build b; /* old = y; y = 2 x; z = y (new) + old */
    numc_build_begin(&b, 1);
    const int32_t in_x = numc_build_access(&b, 0, NUMC_FLOAT64, 0), in_y = numc_build_access(&b, 1, NUMC_FLOAT64, 0);
    const int32_t out_y = numc_build_access(&b, 1, NUMC_FLOAT64, 1), out_z = numc_build_access(&b, 2, NUMC_FLOAT64, 1);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
    const int32_t old = numc_build_load(&b, in_y, -1), v = numc_build_load(&b, in_x, -1);
    numc_build_store(&b, out_y, numc_build_f64(&b, NUMC_SCALAR_ADD, v, v), -1);
    const int32_t new = numc_build_load(&b, in_y, -1);
    numc_build_store(&b, out_z, numc_build_f64(&b, NUMC_SCALAR_ADD, new, old), -1);
    numc_build_end(&b);
    for (int i = 0; i < N; i++)
        y[i] = 1000 + i;
    const int64_t n = N, offsets[4] = {0}, strides[8] = {1, 0, 1, 0, 1, 0, 1, 0};
    assert_int_equal(run(&b, &(numc_kernel_arguments){(void *[]){x, y, z}, &n, offsets, strides, NULL}), NUMC_OK);
    for (int i = 0; i < N; i++) {
        assert_true(y[i] == 2.0 * (i + 1));
        assert_true(z[i] == 2.0 * (i + 1) + 1000 + i);
    }
}

static void two_stores_interleave_in_one_buffer(void **state)
{
    (void)state;
    static double x[N], y[2 * N];
    for (int i = 0; i < N; i++)
        x[i] = i;
    numc_build b; /* y[2 i] = -x, y[2 i + 1] = x * x */
    numc_build_begin(&b, 1);
    const int32_t in = numc_build_access(&b, 0, NUMC_FLOAT64, 0);
    const int32_t even = numc_build_access(&b, 1, NUMC_FLOAT64, 1), odd = numc_build_access(&b, 1, NUMC_FLOAT64, 1);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
    const int32_t v = numc_build_load(&b, in, -1);
    numc_build_store(&b, even, numc_build_f64(&b, NUMC_SCALAR_NEGATIVE, v, -1), -1);
    numc_build_store(&b, odd, numc_build_f64(&b, NUMC_SCALAR_SQUARE, v, -1), -1);
    numc_build_end(&b);
    const int64_t n = N, offsets[3] = {0, 0, 1}, strides[6] = {1, 0, 2, 0, 2, 0};
    assert_int_equal(run(&b, &(numc_kernel_arguments){(void *[]){x, y}, &n, offsets, strides, NULL}), NUMC_OK);
    for (int i = 0; i < N; i++) {
        assert_true(y[2 * i] == -(double)i);
        assert_true(y[2 * i + 1] == (double)i * i);
    }
}

/* One loop writes a buffer, the next reads it; then single values read the first element. */
static void later_loops_see_what_earlier_ones_wrote(void **state)
{
    (void)state;
    static double x[N], middle[N], total[2];
    for (int i = 0; i < N; i++)
        x[i] = i % 7;
    numc_build b;
    numc_build_begin(&b, 2);
    const int32_t in = numc_build_access(&b, 0, NUMC_FLOAT64, 0), to = numc_build_access(&b, 1, NUMC_FLOAT64, 1);
    const int32_t from = numc_build_access(&b, 1, NUMC_FLOAT64, 0), out = numc_build_access(&b, 2, NUMC_FLOAT64, 1);
    const int32_t first = numc_build_access(&b, 1, NUMC_FLOAT64, 0), out_first = numc_build_access(&b, 2, NUMC_FLOAT64, 1);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
    const int32_t v = numc_build_load(&b, in, -1);
    numc_build_store(&b, to, numc_build_f64(&b, NUMC_SCALAR_ADD, v, v), -1);
    numc_build_end(&b);
    numc_build_loop(&b, NUMC_NODE_REDUCE, 0, -1);
    const int32_t sum = numc_build_accumulate(&b, NUMC_REDUCTION_SUM, NUMC_FLOAT64, numc_build_load(&b, from, -1));
    numc_build_end(&b);
    numc_build_store(&b, out, sum, -1);
    numc_build_store(&b, out_first, numc_build_load(&b, first, -1), -1);
    const int64_t n = N, offsets[6] = {0, 0, 0, 0, 3, 1}, strides[12] = {1, 0, 1, 0, 1, 0};
    assert_int_equal(run(&b, &(numc_kernel_arguments){(void *[]){x, middle, total}, &n, offsets, strides, NULL}), NUMC_OK);
    double expected = 0;
    for (int i = 0; i < N; i++)
        expected += 2.0 * (i % 7);
    assert_true(total[0] == expected);
    assert_true(total[1] == 6.0);
}

/* The product is read after the carried register's next value is computed: it is the old one's all the same. */
static void a_product_keeps_the_carried_value_it_was_made_of(void **state)
{
    (void)state;
    enum { STEPS = 5 };
    double x[STEPS] = {1, 2, 3, 4, 5}, y[STEPS];
    numc_build b; /* c = 1, then c + 1; y = 10 c + x */
    numc_build_begin(&b, 3);
    const int32_t in = numc_build_access(&b, 0, NUMC_FLOAT64, 0), out = numc_build_access(&b, 1, NUMC_FLOAT64, 1);
    const int32_t one = numc_build_constant(&b, NUMC_FLOAT64), ten = numc_build_constant(&b, NUMC_FLOAT64);
    const int32_t carried = numc_build_carry(&b, one);
    numc_build_loop(&b, NUMC_NODE_SEQUENTIAL, 0, -1);
    const int32_t product = numc_build_f64(&b, NUMC_SCALAR_MULTIPLY, ten, carried);
    const int32_t next = numc_build_f64(&b, NUMC_SCALAR_ADD, carried, one);
    numc_build_store(&b, out, numc_build_f64(&b, NUMC_SCALAR_ADD, product, numc_build_load(&b, in, -1)), -1);
    numc_build_update(&b, carried, next);
    numc_build_end(&b);
    const int64_t n = STEPS, offsets[2] = {0}, strides[4] = {1, 0, 1, 0};
    const double values[] = {1.0, 10.0};
    uint64_t constants[2];
    memcpy(constants, values, sizeof constants);
    assert_int_equal(run(&b, &(numc_kernel_arguments){(void *[]){x, y}, &n, offsets, strides, constants}), NUMC_OK);
    for (int i = 0; i < STEPS; i++)
        assert_true(y[i] == 10.0 * (i + 1) + x[i]);
}

static void make_scan(numc_build *b)
{
    numc_build_begin(b, 3);
    const int32_t in = numc_build_access(b, 0, NUMC_FLOAT64, 0), out = numc_build_access(b, 1, NUMC_FLOAT64, 1);
    const int32_t local = numc_build_local(b, NUMC_FLOAT64, 4);
    numc_build_loop(b, NUMC_NODE_PARALLEL, 0, -1);
    const int32_t start = numc_build_load(b, in, -1), carried = numc_build_carry(b, start);
    numc_build_loop(b, NUMC_NODE_SEQUENTIAL, 1, -1);
    const int32_t k = numc_build_index(b, 1);
    numc_build_local_store(b, local, k, carried);
    numc_build_update(b, carried, numc_build_f64(b, NUMC_SCALAR_MULTIPLY, numc_build_local_load(b, local, k), start));
    numc_build_end(b);
    numc_build_store(b, out, carried, -1);
    numc_build_end(b);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    static double x[N], y[N];
    numc_build b;
    make_scan(&b);
    const int64_t extents[] = {N, 3}, offsets[2] = {0}, strides[6] = {1, 0, 0, 1, 0, 0};
    const numc_kernel_arguments arguments = {(void *[]){x, y}, extents, offsets, strides, NULL};
    const int64_t live = cpu.live;
    int failures = 0;
    for (bool done = false; !done; failures++) {
        cpu.calls = 0;
        cpu.fail_at = failures + 1;
        cpu.message[0] = '\0';
        numc_kernel *kernel;
        numc_launch *launch = NULL;
        int32_t status = cpu.table->kernel_build(cpu.device, &b.source, &kernel);
        if (status == NUMC_OK) {
            status = cpu.table->launch_prepare(cpu.device, kernel, &arguments, &launch);
            if (status == NUMC_OK)
                status = cpu.table->launch_run(cpu.device, launch);
            cpu.table->launch_release(cpu.device, launch);
            cpu.table->kernel_release(cpu.device, kernel);
        }
        done = status == NUMC_OK;
        if (!done) {
            assert_int_equal(status, NUMC_MEMORY);
            assert_true(cpu.message[0] != '\0');
        }
        assert_int_equal(cpu.live, live);
    }
    cpu.fail_at = 0;
    assert_true(failures >= 4); /* kernel, plan, blocks, launch; and the run that went well */
}

static void a_local_index_out_of_bounds_is_an_error(void **state)
{
    (void)state;
    static double x[N], y[N];
    for (int64_t n = 1; n <= N; n += N - 1) {
        numc_build b;
        make_scan(&b);
        const int64_t extents[] = {n, 5}, offsets[2] = {0}, strides[6] = {1, 0, 0, 1, 0, 0};
        const numc_kernel_arguments arguments = {(void *[]){x, y}, extents, offsets, strides, NULL};
        numc_kernel *kernel;
        numc_launch *launch;
        assert_int_equal(cpu.table->kernel_build(cpu.device, &b.source, &kernel), NUMC_OK);
        assert_int_equal(cpu.table->launch_prepare(cpu.device, kernel, &arguments, &launch), NUMC_OK);
        assert_int_equal(cpu.table->launch_run(cpu.device, launch), NUMC_INDEX);
        assert_int_equal(cpu.table->launch_run(cpu.device, launch), NUMC_STATE);
        cpu.table->launch_release(cpu.device, launch);
        cpu.table->kernel_release(cpu.device, kernel);
    }
}

/* Each change to a good kernel makes a bad one, which is refused with a message. */
static void malformed_kernels_are_refused(void **state)
{
    (void)state;
    const int64_t live = cpu.live;
    for (int change = 0; change < 12; change++) {
        numc_build b;
        make_scan(&b);
        numc_kernel_source *s = &b.source;
        switch (change) {
        case 0: b.nodes[0].extent = 9; break;                    /* no such extent */
        case 1: b.nodes[0].match = 3; break;                     /* not an END */
        case 2: b.nodes[1].extent = 7; break;                    /* no such access */
        case 3: b.accesses[0].buffer = 5; break;                 /* no such buffer */
        case 4: b.accesses[0].dtype = NUMC_FLOAT32; break;       /* not the register's dtype */
        case 5: b.dtypes[0] = NUMC_COMPLEX128; break;            /* not a dtype of kernels here */
        case 6: s->depth = 1; break;                             /* nested deeper than it says */
        case 7: b.nodes[2].kind = 99; break;                     /* no such node */
        case 8: b.nodes[2].result = 0; break;                    /* assigned twice */
        case 9: b.nodes[4].extent = 2; break;                    /* index of a loop that is not around */
        case 10: b.nodes[7].operation = 3; break;                /* no such operation */
        default: s->node_count--; break;                         /* a loop left open */
        }
        numc_kernel *kernel;
        cpu.message[0] = '\0';
        const int32_t status = cpu.table->kernel_build(cpu.device, s, &kernel);
        if (status != NUMC_INVALID_ARGUMENT && !(change == 5 && status == NUMC_UNSUPPORTED))
            fail_msg("change %d: status %d", change, status);
        assert_true(cpu.message[0] != '\0');
        assert_null(kernel);
        assert_int_equal(cpu.live, live);
    }
}

static void memory_is_aligned_and_copied(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0, 1, 63, 64, 65, 4096};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        void *a, *b;
        unsigned char host[4096], back[4096];
        assert_int_equal(cpu.table->memory_allocate(cpu.device, sizes[k], &a), NUMC_OK);
        assert_int_equal(cpu.table->memory_allocate(cpu.device, sizes[k], &b), NUMC_OK);
        assert_int_equal((uintptr_t)a % 64, 0);
        for (uint64_t i = 0; i < sizes[k]; i++)
            host[i] = (unsigned char)(i * 7);
        assert_int_equal(cpu.table->memory_upload(cpu.device, a, 0, host, sizes[k]), NUMC_OK);
        assert_int_equal(cpu.table->memory_copy(cpu.device, b, 0, a, 0, sizes[k]), NUMC_OK);
        assert_int_equal(cpu.table->synchronize(cpu.device), NUMC_OK);
        assert_int_equal(cpu.table->memory_download(cpu.device, b, 0, back, sizes[k]), NUMC_OK);
        assert_memory_equal(host, back, sizes[k]);
        cpu.table->memory_release(cpu.device, a, sizes[k]);
        cpu.table->memory_release(cpu.device, b, sizes[k]);
    }
    void *memory;
    assert_int_equal(cpu.table->memory_allocate(cpu.device, UINT64_MAX, &memory), NUMC_MEMORY);
    assert_null(memory);
}

static void there_is_one_device(void **state)
{
    (void)state;
    int32_t count;
    assert_int_equal(cpu.table->device_count(&cpu.host, &count), NUMC_OK);
    assert_int_equal(count, 1);
    numc_device_info info = {.size = sizeof info};
    assert_int_equal(cpu.table->device_describe(&cpu.host, 0, &info), NUMC_OK);
    assert_true(strlen(info.name) > 0 && strlen(info.name) < sizeof info.name);
    assert_int_equal(info.kernel_level, 3);
    assert_int_equal(cpu.table->device_describe(&cpu.host, 1, &info), NUMC_INDEX);
    numc_device *device;
    assert_int_equal(cpu.table->device_open(&cpu.host, 1, &device), NUMC_INDEX);
    assert_null(device);
}

static int set_up(void **state)
{
    (void)state;
    return plugin_open(&cpu);
}

static int tear_down(void **state)
{
    (void)state;
    plugin_close(&cpu);
    return cpu.live != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kernel_may_write_what_it_reads),
        cmocka_unit_test(an_iteration_reads_what_it_has_written),
        cmocka_unit_test(two_stores_interleave_in_one_buffer),
        cmocka_unit_test(later_loops_see_what_earlier_ones_wrote),
        cmocka_unit_test(a_product_keeps_the_carried_value_it_was_made_of),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_local_index_out_of_bounds_is_an_error),
        cmocka_unit_test(malformed_kernels_are_refused),
        cmocka_unit_test(memory_is_aligned_and_copied),
        cmocka_unit_test(there_is_one_device),
    };
    return cmocka_run_group_tests_name("cpu_kernels", tests, set_up, tear_down);
}
