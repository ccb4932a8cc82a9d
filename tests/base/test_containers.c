/* Lists and maps: growth, order, overflow, and every allocation failing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/containers.h"
#include "failing.h"

static void lists_grow(void **state)
{
    (void)state;
    failing memory = failing_at(-1);
    numc_context *context = numc_open(&(numc_options){.allocate = failing_allocate, .allocate_user = &memory});
    NUMC_LIST(int16_t) list = {0};
    for (int i = 0; i < 1000; i++) {
        assert_true(NUMC_LIST_RESERVE(context->core, &list, 1));
        list.items[list.count++] = (int16_t)i;
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(list.items[i], i);
    assert_true(memory.requests < 20);
    assert_false(NUMC_LIST_RESERVE(context->core, &list, SIZE_MAX));
    assert_false(NUMC_LIST_RESERVE(context->core, &list, SIZE_MAX / 2));
    memory.fail_at = memory.requests;
    assert_false(NUMC_LIST_RESERVE(context->core, &list, 5000));
    assert_int_equal(list.items[999], 999);
    NUMC_LIST_END(context->core, &list);
    assert_int_equal(list.capacity, 0);
    numc_close(context);
    assert_int_equal(memory.blocks, 0);
    assert_int_equal(memory.mistakes, 0);
}

static void maps_find_and_keep_order(void **state)
{
    (void)state;
    numc_context *context = numc_open(NULL);
    numc_map map;
    numc__map_begin(&map, context->core);
    assert_null(numc__map_find(&map, "theta"));
    char name[32];
    bool made;
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "site%d", i * 7919 % 2000);
        numc_map_entry *entry = numc__map_put(&map, name, &made);
        assert_true(made);
        entry->value.integer = i;
    }
    assert_int_equal(map.count, 2000);
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "site%d", i * 7919 % 2000);
        assert_string_equal(map.entries[i].name, name);
        assert_int_equal(numc__map_find(&map, name)->value.integer, i);
        assert_ptr_equal(numc__map_put(&map, name, &made), &map.entries[i]);
        assert_false(made);
    }
    assert_null(numc__map_find(&map, "site2000"));
    assert_null(numc__map_find(&map, ""));
    numc__map_put(&map, "", NULL)->value.pointer = &map;
    assert_ptr_equal(numc__map_find(&map, "")->value.pointer, &map);
    numc__map_end(&map);
    numc_close(context);
}

static void hashes_are_fnv_1a(void **state)
{
    (void)state;
    /* Published test vectors of FNV-1a, 64 bits. */
    assert_true(numc__hash_name("") == 0xcbf29ce484222325u);
    assert_true(numc__hash_name("a") == 0xaf63dc4c8601ec8cu);
    assert_true(numc__hash_name("foobar") == 0x85944171f73967e8u);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    long n = 0;
    for (;; n++) {
        failing memory = failing_at(n + 1); /* request 0 is the context */
        numc_context *context = numc_open(&(numc_options){.allocate = failing_allocate, .allocate_user = &memory});
        numc_map map;
        numc__map_begin(&map, context->core);
        int missing = 0;
        for (int i = 0; i < 30; i++) {
            char name[16];
            snprintf(name, sizeof name, "n%d", i);
            missing += numc__map_put(&map, name, NULL) == NULL;
        }
        assert_int_equal(missing, memory.failed);
        assert_int_equal(map.count, 30 - missing);
        numc__map_end(&map);
        numc_close(context);
        assert_int_equal(memory.blocks, 0);
        assert_int_equal(memory.mistakes, 0);
        if (!memory.failed)
            break;
    }
    assert_true(n > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_grow),
        cmocka_unit_test(maps_find_and_keep_order),
        cmocka_unit_test(hashes_are_fnv_1a),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
