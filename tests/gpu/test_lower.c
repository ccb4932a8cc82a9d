/* test_lower.c - the parts a kernel is taken apart into, run by the reference interpreter one after the other, against the kernel run
 * as a whole. No device is needed. Integers and what is only moved agree exactly; sums are of whole numbers, so they do too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/build.h"
#include "backend/device.h"
#include "gpu/lower.h"

enum { N = 10007, BUFFERS = 6 };

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

/* Runs both; the buffers (doubles, N each) must be equal after it. Returns how many parts there were. */
static uint32_t compare(numc_build *b, const int64_t *extents, const int64_t *offsets, const int64_t *strides,
                        const uint64_t *constants)
{
    static double whole[BUFFERS][N], apart[BUFFERS][N];
    static uint64_t scratch[NUMC_GPU_CHUNKS * 16];
    assert_int_equal(numc__kernel_verify(context, &b->source), NUMC_OK);
    void *a[BUFFERS], *p[BUFFERS];
    for (size_t k = 0; k < BUFFERS; k++) {
        a[k] = whole[k];
        p[k] = apart[k];
        for (int64_t i = 0; i < N; i++)
            whole[k][i] = apart[k][i] = (double)((i * 7919 + (int64_t)k * 104729) % 1021 - 510);
    }
    memset(scratch, 0xff, sizeof scratch);
    const numc_kernel_arguments arguments = {a, extents, offsets, strides, constants};
    assert_int_equal(device->host.kernel_interpret(device->host.user, &b->source, &arguments), NUMC_OK);
    numc_gpu_plan plan;
    assert_true(numc_gpu_plan_make(&device->host, &b->source, &plan));
    assert_true(numc_gpu_scratch_bytes(&plan) <= sizeof scratch);
    for (uint32_t k = 0; k < plan.part_count; k++) {
        const numc_gpu_part *part = &plan.parts[k];
        const numc_kernel_source *s = &part->source;
        assert_int_equal(numc__kernel_verify(context, s), NUMC_OK);
        int64_t words[512];
        void *buffers[BUFFERS + 1];
        assert_true(numc_gpu_word_count(s) <= sizeof words / sizeof *words);
        numc_gpu_words(&plan, part, &arguments, words);
        for (uint32_t i = 0; i < s->buffer_count; i++)
            buffers[i] = part->buffers[i] < 0 ? (void *)scratch : p[part->buffers[i]];
        const numc_kernel_arguments own = {buffers, words, words + s->extent_count, words + s->extent_count + s->access_count,
                                           (const uint64_t *)(words + s->extent_count + s->access_count * (s->depth + 2))};
        assert_int_equal(device->host.kernel_interpret(device->host.user, s, &own), NUMC_OK);
    }
    for (size_t k = 0; k < BUFFERS; k++)
        assert_memory_equal(whole[k], apart[k], sizeof whole[k]);
    uint32_t count = plan.part_count;
    numc_gpu_plan_end(&plan);
    return count;
}

/* A mean, then deviations from it, then their sum of squares: numbers pass between the nests. */
static void sums_pass_between_nests(void **state)
{
    (void)state;
    for (int64_t n = 0; n <= N; n += n == 0 ? 1 : n == 1 ? 4095 : n == 4096 ? 1 : N - 4097) {
        numc_build b;
        numc_build_begin(&b, 3);
        (void)numc_build_access(&b, 0, NUMC_FLOAT64, 0);
        (void)numc_build_access(&b, 1, NUMC_FLOAT64, 1);
        (void)numc_build_access(&b, 2, NUMC_FLOAT64, 1);
        (void)numc_build_access(&b, 3, NUMC_FLOAT64, 1);
        numc_build_loop(&b, NUMC_NODE_REDUCE, 0, -1);
        int32_t sum = numc_build_accumulate(&b, NUMC_REDUCTION_SUM, NUMC_FLOAT64, numc_build_load(&b, 0, -1));
        numc_build_end(&b);
        int32_t half = numc_build_f64(&b, NUMC_SCALAR_SUBTRACT, sum, sum); /* 0, but nobody knows */
        int32_t root = numc_build_f64(&b, NUMC_SCALAR_EXP, half, -1);
        numc_build_store(&b, 2, root, -1);
        numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
        int32_t moved = numc_build_f64(&b, NUMC_SCALAR_SUBTRACT, numc_build_load(&b, 0, -1), root);
        numc_build_store(&b, 1, numc_build_f64(&b, NUMC_SCALAR_ADD, moved, sum), -1);
        numc_build_end(&b);
        numc_build_loop(&b, NUMC_NODE_REDUCE, 0, -1);
        int32_t again = numc_build_f64(&b, NUMC_SCALAR_SUBTRACT, numc_build_load(&b, 0, -1), root);
        int32_t squares = numc_build_accumulate(&b, NUMC_REDUCTION_SUM, NUMC_FLOAT64, numc_build_f64(&b, NUMC_SCALAR_MULTIPLY, again, again));
        int32_t where = numc_build_accumulate(&b, NUMC_REDUCTION_ARGMAX, NUMC_FLOAT64, again);
        numc_build_end(&b);
        int32_t place = numc_build_f64(&b, NUMC_SCALAR_CONVERT, where, -1);
        numc_build_store(&b, 3, numc_build_f64(&b, NUMC_SCALAR_ADD, squares, place), -1);
        const int64_t extents[] = {n}, offsets[] = {0, 0, 0, 0}, strides[] = {1, 0, 1, 0, 0, 0, 0, 0};
        assert_int_equal(compare(&b, extents, offsets, strides, NULL), 5);
    }
}

/* Rows of a matrix with a reduction inside, then a sequential loop over what they left, then what it carried. */
static void loops_of_every_kind(void **state)
{
    (void)state;
    numc_build b;
    numc_build_begin(&b, 3);
    (void)numc_build_access(&b, 0, NUMC_FLOAT64, 0);
    (void)numc_build_access(&b, 1, NUMC_FLOAT64, 1);
    (void)numc_build_access(&b, 1, NUMC_FLOAT64, 0);
    (void)numc_build_access(&b, 2, NUMC_FLOAT64, 1);
    (void)numc_build_access(&b, 3, NUMC_FLOAT64, 1);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
    numc_build_loop(&b, NUMC_NODE_REDUCE, 1, -1);
    int32_t row = numc_build_accumulate(&b, NUMC_REDUCTION_MAX, NUMC_FLOAT64, numc_build_load(&b, 0, -1));
    numc_build_end(&b);
    numc_build_store(&b, 1, row, -1);
    numc_build_end(&b);
    int32_t start = numc_build_constant(&b, NUMC_FLOAT64);
    int32_t carried = numc_build_carry(&b, start);
    numc_build_loop(&b, NUMC_NODE_SEQUENTIAL, 0, -1);
    int32_t next = numc_build_f64(&b, NUMC_SCALAR_ADD, carried, numc_build_load(&b, 2, -1));
    numc_build_store(&b, 3, next, -1);
    numc_build_update(&b, carried, next);
    numc_build_end(&b);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 1, -1);
    numc_build_store(&b, 4, numc_build_f64(&b, NUMC_SCALAR_MULTIPLY, carried, numc_build_load(&b, 0, -1)), -1);
    numc_build_end(&b);
    numc_build_end(&b);
    const double first = 3.0;
    uint64_t constants[1];
    memcpy(constants, &first, sizeof first);
    const int64_t extents[] = {90, 100}, offsets[] = {7, 0, 0, 0, 0};
    const int64_t strides[] = {100, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 90, 0};
    assert_int_equal(compare(&b, extents, offsets, strides, constants), 3);
}

/* What is read before it is overwritten at the top, and a nest between. */
static void memory_keeps_its_order(void **state)
{
    (void)state;
    numc_build b;
    numc_build_begin(&b, 3);
    (void)numc_build_access(&b, 0, NUMC_FLOAT64, 0);
    (void)numc_build_access(&b, 0, NUMC_FLOAT64, 1);
    (void)numc_build_access(&b, 1, NUMC_FLOAT64, 1);
    int32_t old = numc_build_load(&b, 0, -1);
    numc_build_loop(&b, NUMC_NODE_REDUCE, 0, -1);
    int32_t sum = numc_build_accumulate(&b, NUMC_REDUCTION_SUM, NUMC_FLOAT64, numc_build_load(&b, 0, -1));
    numc_build_end(&b);
    numc_build_store(&b, 1, sum, -1);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
    numc_build_store(&b, 2, numc_build_f64(&b, NUMC_SCALAR_ADD, numc_build_load(&b, 0, -1), old), -1);
    numc_build_end(&b);
    const int64_t extents[] = {5000}, offsets[] = {0, 0, 0}, strides[] = {1, 0, 0, 0, 1, 0};
    (void)compare(&b, extents, offsets, strides, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_pass_between_nests),
        cmocka_unit_test(loops_of_every_kind),
        cmocka_unit_test(memory_keeps_its_order),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
