/* Contexts: options, errors, lanes, scopes, slots, objects, log, statistics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/context.h"

/* ---- options ---- */

static void defaults(void **state)
{
    (void)state;
    numc_context *context = numc_open(NULL);
    assert_non_null(context);
    assert_int_equal(numc_error_status(context), NUMC_OK);
    assert_string_equal(numc_error_message(context), "");
    assert_true(context->core->threads >= 1);
    assert_null(context->core->backend_name);
    assert_false(context->core->forbid_fallback);
    numc_statistics statistics = {.arrays_made = 7};
    context->core->array_serial = 3;
    assert_int_equal(numc_statistics_get(context, &statistics), NUMC_OK);
    assert_int_equal(statistics.arrays_made, 3);
    assert_int_equal(statistics.bytes_peak, 0);
    assert_int_equal(numc_statistics_get(context, NULL), NUMC_INVALID_ARGUMENT);
    assert_int_equal(numc_statistics_get(NULL, &statistics), NUMC_INVALID_ARGUMENT);
    numc_close(context);
    numc_close(NULL);
}

static void options_are_copied(void **state)
{
    (void)state;
    char backend[] = "cuda:1", path[] = "/a:/b";
    numc_context *context = numc_open(
        &(numc_options){.backend = backend, .backend_path = path, .threads = 3, .forbid_fallback = true});
    memset(backend, 'x', sizeof backend - 1);
    memset(path, 'x', sizeof path - 1);
    assert_string_equal(context->core->backend_name, "cuda:1");
    assert_string_equal(context->core->backend_path, "/a:/b");
    assert_int_equal(context->core->threads, 3);
    assert_true(context->core->forbid_fallback);
    numc_close(context);
}

struct grown {
    numc_options known;
    unsigned char later[24];
};

static void options_grow_both_ways(void **state)
{
    (void)state;
    /* An older program: its struct ended after `backend`; what follows in memory is not read. */
    numc_options old = {.backend = "ref", .threads = -5};
    numc_context *context = numc_open_sized(&old, offsetof(numc_options, backend_path));
    assert_int_equal(numc_error_status(context), NUMC_OK);
    assert_string_equal(context->core->backend_name, "ref");
    numc_close(context);

    /* A newer program that leaves its new options at zero. */
    struct grown grown = {.known = {.threads = 2}};
    context = numc_open_sized(&grown.known, sizeof grown);
    assert_int_equal(numc_error_status(context), NUMC_OK);
    assert_int_equal(context->core->threads, 2);
    numc_close(context);

    /* A newer program that sets one. */
    grown.later[23] = 1;
    context = numc_open_sized(&grown.known, sizeof grown);
    assert_int_equal(numc_error_status(context), NUMC_INVALID_ARGUMENT);
    assert_non_null(strstr(numc_error_message(context), "numc_options"));
    numc_close(context);

    context = numc_open(NULL);
    struct {
        int a, b;
    } target = {9, 9};
    assert_int_equal(numc__options_copy(context, &target, sizeof target, NULL, 0, "x"), NUMC_OK);
    assert_int_equal(target.a | target.b, 0);
    assert_int_equal(numc__options_copy(context, &target, sizeof target, &(int){4}, sizeof(int), "x"), NUMC_OK);
    assert_int_equal(target.a, 4);
    assert_int_equal(target.b, 0);
    numc_close(context);
}

static void bad_options_leave_a_broken_context(void **state)
{
    (void)state;
    const numc_options bad[] = {{.threads = -1}, {.threads = 1000000}, {.log_level = (numc_log_level)9}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        numc_context *context = numc_open(&bad[i]);
        assert_non_null(context);
        assert_int_equal(numc_error_status(context), NUMC_INVALID_ARGUMENT);
        numc_error_clear(context); /* has no effect */
        assert_int_equal(numc_error_status(context), NUMC_INVALID_ARGUMENT);
        assert_int_not_equal(strlen(numc_error_message(context)), 0);
        assert_null(numc_lane(context));
        numc_close(context);
    }
}

/* ---- errors ---- */

static void first_error_stays(void **state)
{
    (void)state;
    numc_context *context = numc_open(NULL);
    assert_int_equal(numc_error_set(context, NUMC_SHAPE, "add: (%d) and (%d)", 3, 4), NUMC_SHAPE);
    assert_int_equal(numc_error_set(context, NUMC_VALUE, "later"), NUMC_SHAPE);
    assert_int_equal(numc__fail(context, NUMC_MEMORY, "later"), NUMC_SHAPE);
    assert_string_equal(numc_error_message(context), "add: (3) and (4)");
    assert_int_equal(numc_scope_begin(context), NUMC_SHAPE); /* what acts refuses to start */
    int ran = 0;
    numc_scope(context) ran++;
    assert_int_equal(ran, 0);
    assert_null(numc_lane(context));
    numc_error_clear(context);
    assert_int_equal(numc_error_status(context), NUMC_OK);
    assert_string_equal(numc_error_message(context), "");
    assert_int_equal(numc_error_set(context, NUMC_OK, "nothing"), NUMC_OK);
    assert_string_equal(numc_error_message(context), "");
    assert_int_equal(numc_error_set(context, NUMC_VALUE, NULL), NUMC_VALUE);
    assert_string_equal(numc_error_message(context), numc_status_sentence(NUMC_VALUE));
    numc_error_clear(context);
    const int32_t strange[] = {NUMC_INTERNAL + 1, 77, -3}; /* what a callback may answer keeps its number */
    for (size_t k = 0; k < 3; k++) {
        char text[64];
        (void)snprintf(text, sizeof text, "the callback failed (status %d)", (int)strange[k]);
        assert_true((int32_t)numc__fail(context, (numc_status)strange[k], "the callback failed") == strange[k]);
        assert_string_equal(numc_error_message(context), text);
        numc_error_clear(context);
    }
    numc_close(context);
}

static void messages_are_one_line_and_fit(void **state)
{
    (void)state;
    numc_context *context = numc_open(NULL);
    context->site = "theta";
    numc__fail(context, NUMC_SITE, "a\nb\tc\x7f%s", "d\r");
    assert_string_equal(numc_error_message(context), "site theta: a b c d ");
    context->site = NULL;
    numc_error_clear(context);

    char text[2 * NUMC_ERROR_MESSAGE_SIZE];
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    numc__fail(context, NUMC_VALUE, "%s", text);
    const char *message = numc_error_message(context);
    assert_int_equal(strlen(message), NUMC_ERROR_MESSAGE_SIZE - 1);
    assert_string_equal(message + NUMC_ERROR_MESSAGE_SIZE - 4, "...");
    assert_int_equal(message[NUMC_ERROR_MESSAGE_SIZE - 5], 'y');

    /* A message cut inside a three-byte letter loses the whole letter. */
    for (int shift = 0; shift < 3; shift++) {
        numc_error_clear(context);
        size_t length = (size_t)shift;
        memset(text, 'y', length);
        for (; length + 3 < sizeof text; length += 3)
            memcpy(text + length, "\xe2\x88\x9e", 3);
        text[length] = '\0';
        numc__fail(context, NUMC_VALUE, "%s", text);
        size_t kept = strlen(message) - 3;
        assert_string_equal(message + kept, "...");
        assert_int_equal((kept - (size_t)shift) % 3, 0);
    }

    /* A site name alone may fill the slot. */
    numc_error_clear(context);
    context->site = text;
    assert_int_equal(numc__fail(context, NUMC_SITE, "x"), NUMC_SITE);
    assert_true(strlen(message) < NUMC_ERROR_MESSAGE_SIZE);
    assert_string_equal(message + strlen(message) - 3, "...");
    numc_close(context);
}

static void null_contexts_are_out_of_memory(void **state)
{
    (void)state;
    assert_int_equal(numc_error_status(NULL), NUMC_MEMORY);
    assert_int_not_equal(strlen(numc_error_message(NULL)), 0);
    assert_int_equal(numc_error_set(NULL, NUMC_SHAPE, "x"), NUMC_MEMORY);
    numc_error_clear(NULL);
    assert_null(numc_lane(NULL));
    assert_int_equal(numc_scope_begin(NULL), NUMC_INVALID_ARGUMENT);
    numc_scope_end(NULL);
    assert_int_equal(numc__fail(NULL, NUMC_SHAPE, "x"), NUMC_SHAPE);
}

/* ---- log ---- */

struct lines {
    int count;
    numc_log_level level;
    char last[2048];
};

static void keep_line(void *user, numc_log_level level, const char *line)
{
    struct lines *lines = user;
    lines->count++;
    lines->level = level;
    snprintf(lines->last, sizeof lines->last, "%s", line);
}

static void log_obeys_its_level(void **state)
{
    (void)state;
    struct lines lines = {0};
    numc_context *context = numc_open(&(numc_options){.log = keep_line, .log_user = &lines});
    numc__log(context->core, NUMC_LOG_INFO, "unheard");
    assert_int_equal(lines.count, 0);
    numc__log(context->core, NUMC_LOG_WARNING, "two\nlines %d", 5);
    assert_int_equal(lines.count, 1);
    assert_int_equal(lines.level, NUMC_LOG_WARNING);
    assert_string_equal(lines.last, "two lines 5");
    numc__fail(context, NUMC_SHAPE, "seen");
    assert_int_equal(lines.count, 2);
    assert_int_equal(lines.level, NUMC_LOG_ERROR);
    assert_string_equal(lines.last, "shape: seen");
    numc_close(context);

    context = numc_open(&(numc_options){.log = keep_line, .log_user = &lines, .log_level = NUMC_LOG_DEBUG});
    numc__log(context->core, NUMC_LOG_DEBUG, "heard");
    assert_string_equal(lines.last, "heard");
    numc_close(context);
}

/* ---- order of destruction ---- */

static char story[256];

static void tell(const char *what)
{
    strcat(strcat(story, what), " ");
}

struct owned {
    numc_object object;
    numc_core *core;
    const char *name;
    numc_context *lane;  /* closed with it */
    struct owned *other; /* removed with it */
};

static void destroy_owned(numc_object *object)
{
    struct owned *owned = (struct owned *)(void *)object;
    numc__object_remove(owned->core, object);
    tell(owned->name);
    if (owned->other != NULL)
        numc__object_remove(owned->core, &owned->other->object);
    numc_close(owned->lane);
}

static void objects_die_newest_first(void **state)
{
    (void)state;
    story[0] = '\0';
    numc_context *context = numc_open(NULL);
    struct owned objects[6] = {0};
    const char *names[] = {"a", "b", "c", "d", "e", "f"};
    for (int i = 0; i < 6; i++) {
        objects[i] = (struct owned){.object.destroy = destroy_owned, .core = context->core, .name = names[i]};
        numc__object_add(context, &objects[i].object);
    }
    numc__object_remove(context->core, &objects[2].object);
    numc__object_remove(context->core, &objects[2].object); /* twice is no harm */
    numc__object_remove(context->core, &objects[5].object); /* the newest */
    numc__object_remove(context->core, &objects[0].object); /* the oldest */
    objects[4].lane = numc_lane(context);
    objects[4].other = &objects[3];
    numc_close(context);
    assert_string_equal(story, "e b ");
}

static void destroy_core_slot(numc_core *core, void *slot)
{
    assert_non_null(core);
    tell(slot);
}

static void destroy_lane_slot(numc_context *context, void *slot)
{
    assert_ptr_equal(context->scope, &context->root);
    tell(slot);
}

static void end_frame(numc_context *context, numc_scope_frame *frame)
{
    assert_ptr_equal(frame, context->scope);
    char text[32];
    snprintf(text, sizeof text, "%d:%d", (int)context->depth, (int)frame->number);
    tell(text);
}

static void close_goes_from_the_leaves_to_the_root(void **state)
{
    (void)state;
    story[0] = '\0';
    numc_context *context = numc_open(NULL);
    numc_context *lane = numc_lane(context), *deeper = numc_lane(lane);
    assert_int_equal(deeper->depth, 2);
    assert_ptr_equal(deeper->parent, lane);
    numc_core *core = context->core;
    static char device[] = "device", arrays[] = "arrays", slab[] = "slab", trace[] = "trace", sub[] = "sub";
    core->slots[NUMC_SLOT_DEVICE] = device;
    core->slot_destroy[NUMC_SLOT_DEVICE] = destroy_core_slot;
    core->slots[NUMC_SLOT_ARRAYS] = arrays;
    core->slot_destroy[NUMC_SLOT_ARRAYS] = destroy_core_slot;
    context->slots[NUMC_SLOT_ARRAYS] = slab;
    context->slot_destroy[NUMC_SLOT_ARRAYS] = destroy_lane_slot;
    context->slots[NUMC_SLOT_TRACE] = trace;
    context->slot_destroy[NUMC_SLOT_TRACE] = destroy_lane_slot;
    deeper->slots[NUMC_SLOT_ARRAYS] = sub;
    deeper->slot_destroy[NUMC_SLOT_ARRAYS] = destroy_lane_slot;
    numc__scope_end_register(context, end_frame);
    numc__scope_end_register(deeper, end_frame);
    numc_scope_begin(context);
    numc_scope_begin(context);
    numc_scope_begin(deeper);
    struct owned object = {.object.destroy = destroy_owned, .core = core, .name = "object"};
    numc__object_add(context, &object.object);
    struct owned lanes_own = {.object.destroy = destroy_owned, .core = core, .name = "of the lane"};
    numc__object_add(lane, &lanes_own.object);
    numc_close(lane); /* with what was made on it */
    assert_ptr_equal(deeper->parent, context); /* a lane outlives the one it was made from */
    numc_close(context);
    assert_string_equal(story, "of the lane object 2:1 2:0 sub 0:2 0:1 0:0 trace slab arrays device ");
}

/* ---- scopes ---- */

static void scopes_nest(void **state)
{
    (void)state;
    story[0] = '\0';
    numc_context *context = numc_open(NULL);
    numc__scope_end_register(context, end_frame);
    numc_scope(context) {
        assert_int_equal(context->scope->number, 1);
        numc_scope(context) {
            assert_int_equal(context->scope->number, 2);
        }
        for (int i = 0; i < 2; i++) {
            numc_scope(context) {
                if (i == 0)
                    break; /* leaves the scope, not the loop around it */
                tell("body");
            }
        }
    }
    assert_ptr_equal(context->scope, &context->root);
    assert_string_equal(story, "0:2 0:3 body 0:4 0:1 ");
    assert_int_equal(numc_error_status(context), NUMC_OK);
    numc_scope_end(context);
    assert_int_equal(numc_error_status(context), NUMC_STATE);
    numc_close(context);
}

static void an_error_in_a_scope_still_ends_it(void **state)
{
    (void)state;
    numc_context *context = numc_open(NULL);
    numc_scope(context) {
        numc_error_set(context, NUMC_VALUE, "inside");
    }
    assert_ptr_equal(context->scope, &context->root);
    assert_string_equal(numc_error_message(context), "inside");
    numc_close(context);
}

static void lanes_have_their_own_errors(void **state)
{
    (void)state;
    numc_context *context = numc_open(NULL);
    numc_context *lane = numc_lane(context);
    numc_error_set(lane, NUMC_VALUE, "in the lane");
    assert_int_equal(numc_error_status(context), NUMC_OK);
    assert_int_equal(numc__error_join(context, lane), NUMC_VALUE);
    assert_string_equal(numc_error_message(context), "in the lane");
    numc_error_clear(lane);
    numc_error_set(lane, NUMC_SHAPE, "second");
    assert_int_equal(numc__error_join(context, lane), NUMC_VALUE);
    assert_string_equal(numc_error_message(context), "in the lane");
    numc_close(lane);
    numc_close(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(options_are_copied),
        cmocka_unit_test(options_grow_both_ways),
        cmocka_unit_test(bad_options_leave_a_broken_context),
        cmocka_unit_test(first_error_stays),
        cmocka_unit_test(messages_are_one_line_and_fit),
        cmocka_unit_test(null_contexts_are_out_of_memory),
        cmocka_unit_test(log_obeys_its_level),
        cmocka_unit_test(objects_die_newest_first),
        cmocka_unit_test(close_goes_from_the_leaves_to_the_root),
        cmocka_unit_test(scopes_nest),
        cmocka_unit_test(an_error_in_a_scope_still_ends_it),
        cmocka_unit_test(lanes_have_their_own_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
