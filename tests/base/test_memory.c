/* Allocation: overflow, empty blocks, and every allocation failing around open, lane, scope and close. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/context.h"
#include "failing.h"

static numc_context *open_failing(failing *state)
{
    return numc_open(&(numc_options){.backend = "ref",
                                     .backend_path = "/nowhere",
                                     .allocate = failing_allocate,
                                     .allocate_user = state});
}

static void impossible_sizes_fail(void **state)
{
    (void)state;
    numc_context *context = numc_open(NULL);
    assert_null(numc__allocate_zero(context, SIZE_MAX / 4, 8));
    assert_int_equal(numc_error_status(context), NUMC_MEMORY);
    numc_error_clear(context);
    assert_null(numc__allocate(context, SIZE_MAX));
    assert_int_equal(numc_error_status(context), NUMC_MEMORY);
    assert_null(numc__core_allocate(context->core, SIZE_MAX - 1));
    numc_close(context);
}

static void blocks_grow_and_empty_blocks_are_blocks(void **state)
{
    (void)state;
    failing memory = failing_at(-1);
    numc_context *context = open_failing(&memory);
    long before = memory.blocks;
    unsigned char *bytes = numc__allocate(context, 0);
    assert_non_null(bytes);
    bytes = numc__reallocate(context, bytes, 0, 3);
    memcpy(bytes, "abc", 3);
    bytes = numc__reallocate(context, bytes, 3, 5000);
    assert_memory_equal(bytes, "abc", 3);
    bytes = numc__reallocate(context, bytes, 5000, 0);
    assert_non_null(bytes);
    numc__free(context, bytes, 0);
    uint64_t *zeros = numc__allocate_zero(context, 7, sizeof *zeros);
    for (int i = 0; i < 7; i++)
        assert_int_equal(zeros[i], 0);
    numc__free(context, zeros, 7 * sizeof *zeros);
    numc__free(context, NULL, 12);
    numc__string_free(context, NULL);
    numc__string_free(context, numc__string_copy(context, ""));
    numc__string_free(context, numc__string_copy(context, "theta"));
    assert_int_equal(memory.blocks, before);
    numc_close(context);
    assert_int_equal(memory.blocks, 0);
    assert_int_equal(memory.mistakes, 0);
}

/* The whole life of a context; whether each step worked is up to the allocator. */
static void life(failing *memory)
{
    numc_context *context = open_failing(memory);
    if (context == NULL) {
        assert_int_equal(numc_error_status(context), NUMC_MEMORY);
        assert_true(memory->failed);
        return;
    }
    numc_context *lane = numc_lane(context);
    numc_context *deeper = numc_lane(lane);
    numc_scope(context) {
        numc_scope(context) {
            assert_int_equal(numc_error_status(context), NUMC_OK);
        }
    }
    if (lane != NULL && numc_scope_begin(lane) == NUMC_OK) {
        numc__string_free(lane, numc__string_copy(lane, "left open"));
        numc_status began = numc_scope_begin(lane);
        assert_int_equal(began, numc_error_status(lane));
    }
    if (memory->failed) {
        numc_status first = numc_error_status(context), second = lane == NULL ? NUMC_OK : numc_error_status(lane);
        assert_true(first == NUMC_MEMORY || second == NUMC_MEMORY);
        assert_non_null(strstr(numc_error_message(first == NUMC_MEMORY ? context : lane), "out of memory"));
    }
    numc_close(deeper);
    numc_close(context); /* the other lane goes with it */
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    long n = 0;
    for (;; n++) {
        failing memory = failing_at(n);
        life(&memory);
        assert_int_equal(memory.blocks, 0);
        assert_int_equal(memory.mistakes, 0);
        if (!memory.failed)
            break;
    }
    assert_int_equal(n, 10); /* context, 2 options, 2 lanes, 2 frames, 2 frames and a string of the lane: all hit */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_sizes_fail),
        cmocka_unit_test(blocks_grow_and_empty_blocks_are_blocks),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
