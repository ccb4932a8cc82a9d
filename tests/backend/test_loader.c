/* test_loader.c - which backend a context gets, and what it says when it gets none: one stub plugin per flaw. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../base/failing.h"
#include "backend/device.h"
#include "backend/plugin.h"
#include "backend/slots.h"
#include "numc_build.h"

static const char *stubs; /* the folder of the stub plugins */

static int set_up(void **state)
{
    (void)state;
    stubs = getenv("NUMC_STUBS");
    return stubs == NULL;
}

static int clean(void **state)
{
    (void)state;
    unsetenv("NUMC_BACKEND");
    unsetenv("NUMC_FALLBACK");
    setenv("NUMC_BACKEND_PATH", stubs, 1);
    return 0;
}

/* Opens `backend` (NULL: what the environment says), expects its device, closes. */
static void opens(const char *backend, const char *device_name)
{
    numc_context *context = numc_open(&(numc_options){.backend = backend});
    numc_backend_device *device = numc__device(context);
    if (device == NULL)
        print_error("%s\n", numc_error_message(context));
    assert_non_null(device);
    assert_string_equal(device->name, device_name);
    assert_ptr_equal(numc__device(context), device);
    numc_close(context);
}

/* Expects a refusal whose message holds every one of the NULL-ended texts. */
static void refuses(const char *backend, ...)
{
    numc_context *context = numc_open(&(numc_options){.backend = backend});
    assert_null(numc__device(context));
    assert_int_not_equal(numc_error_status(context), NUMC_OK);
    const char *message = numc_error_message(context);
    va_list list;
    va_start(list, backend);
    for (const char *part; (part = va_arg(list, const char *)) != NULL;)
        if (strstr(message, part) == NULL) {
            print_error("'%s' is not in: %s\n", part, message);
            fail();
        }
    va_end(list);
    numc_close(context);
}

static void ref_is_built_in(void **state)
{
    (void)state;
    opens("ref", "ref:0");
    opens("ref:0", "ref:0");
}

/* Each variable of the table: what it cannot say, and what it can. No value that tests set by themselves is among those. */
static const struct {
    const char *name, *bad[4], *good[4];
} values[] = {
    {"NUMC_FALLBACK", {"never", "Error"}, {"allow", "error"}},
    {"NUMC_BLAS", {"none", "libopenblas.so.0", "off'"}, {"off", "/no/such.so"}},
    {"NUMC_JIT", {"yes", "aut", "o"}, {"auto", "on", "off"}},
    {"NUMC_CC", {"bin/cc", "./cc"}, {"no-such-compiler", "/no/such/compiler"}},
    {"NUMC_CC_SECONDS", {"soon", "0", "-1", "1s"}, {"0.5", "1e2"}},
    {"NUMC_CACHE", {"cache", "~/cache"}, {"/no/such/folder"}},
    {"NUMC_DUMP", {"dump"}, {"/no/such/folder"}},
    {"NUMC_VERIFY", {"yes", "2", "01"}, {"0", "1"}},
    {"NUMC_GPU_SOLO", {"many", "-1", "1.5", "12x"}, {"0", "4096"}},
    {"NUMC_OPENCL_FLOAT64", {"off", "00"}, {"0", "1"}},
};

static void each_variable_is_held_to_what_it_can_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const char *was = getenv(values[i].name);
        char *before = was != NULL ? strdup(was) : NULL, said[128];
        for (int k = 0; k < 4 && values[i].bad[k] != NULL; k++) {
            setenv(values[i].name, values[i].bad[k], 1);
            (void)snprintf(said, sizeof said, "%s is '%s'; it can be ", values[i].name, values[i].bad[k]);
            refuses("ref", said, NULL);
        }
        for (int k = 0; k < 4 && values[i].good[k] != NULL; k++) {
            setenv(values[i].name, values[i].good[k], 1);
            opens("ref", "ref:0");
        }
        setenv(values[i].name, "", 1); /* empty is unset */
        opens("ref", "ref:0");
        if (before != NULL)
            setenv(values[i].name, before, 1);
        else
            unsetenv(values[i].name);
        free(before);
    }
    setenv("NUMC_FALLBACK", "never", 1); /* what an option says anyway is not asked */
    numc_context *context = numc_open(&(numc_options){.backend = "ref", .forbid_fallback = true});
    assert_non_null(numc__device(context));
    numc_close(context);
    unsetenv("NUMC_FALLBACK");
}

static void note_ignored(void *user, numc_log_level level, const char *line)
{
    *(int *)user += level == NUMC_LOG_WARNING && strstr(line, "absolute folders, separated by colons") != NULL
                    && (strstr(line, " is '/tmp:stubs'") != NULL || strstr(line, " is ':::'") != NULL);
}

/* What is no folder in a list of folders is ignored, in a setuid program's interest; once a context it is told. */
static void a_relative_folder_in_a_list_is_told(void **state)
{
    (void)state;
    int told = 0;
    setenv("NUMC_BACKEND_PATH", "/tmp:stubs", 1);
    setenv("NUMC_CUDA_PATH", "/tmp:stubs", 1);
    numc_context *context = numc_open(&(numc_options){.backend = "ref", .log = note_ignored, .log_user = &told});
    assert_non_null(numc__device(context));
    numc_close(context);
    assert_int_equal(told, 2);
    setenv("NUMC_CUDA_PATH", "/tmp::/usr:", 1);
    setenv("NUMC_BACKEND_PATH", "/tmp", 1);
    context = numc_open(&(numc_options){.backend = "ref", .log = note_ignored, .log_user = &told});
    assert_non_null(numc__device(context));
    numc_close(context);
    assert_int_equal(told, 2);
    setenv("NUMC_CUDA_PATH", ":::", 1); /* no folder at all */
    context = numc_open(&(numc_options){.backend = "ref", .log = note_ignored, .log_user = &told});
    assert_non_null(numc__device(context));
    numc_close(context);
    assert_int_equal(told, 3);
    unsetenv("NUMC_CUDA_PATH");
}

static void option_comes_before_environment(void **state)
{
    (void)state;
    setenv("NUMC_BACKEND", "good:1", 1);
    opens(NULL, "good:1");
    opens("ref", "ref:0");
    setenv("NUMC_BACKEND", "", 1); /* empty is unset */
    setenv("NUMC_BACKEND_PATH", "", 1);
    numc_context *context = numc_open(&(numc_options){.backend_path = stubs, .backend = "good"});
    assert_non_null(numc__device(context));
    numc_close(context);
}

static void an_absolute_path_names_a_file(void **state)
{
    (void)state;
    char path[4096];
    unsetenv("NUMC_BACKEND_PATH");
    (void)snprintf(path, sizeof path, "%s/numc-good.so", stubs);
    opens(path, "good:0");
    (void)snprintf(path, sizeof path, "%s/numc-good.so:1", stubs);
    opens(path, "good:1");
    (void)snprintf(path, sizeof path, "%s/numc-misnamed.so", stubs); /* a path says what is meant, whatever its name */
    opens(path, "another:0");
    refuses("/nowhere/numc-good.so", "/nowhere/numc-good.so", "no such file", NULL);
    refuses("relative/numc-good.so", "must be absolute", NULL);
    refuses("./numc-good.so", "must be absolute", NULL);
}

static void the_current_directory_is_never_searched(void **state)
{
    (void)state;
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(stubs), 0);
    setenv("NUMC_BACKEND_PATH", ".:", 1);
    refuses("good", "'good'", "cannot be used", NULL);
    assert_int_equal(chdir(here), 0);
}

static void an_unknown_name_is_told_all_that_is_known(void **state)
{
    (void)state;
    refuses("goood", "backend 'goood'", "the backend option", "did you mean 'good'?", "numc-goood.so", stubs,
            NUMC_PLUGIN_DIRECTORY, NULL);
    setenv("NUMC_BACKEND", "rfe", 1);
    refuses(NULL, "NUMC_BACKEND", "did you mean 'ref'?", NULL);
    refuses("opencl:0.1", "not built here", NULL);
    refuses("../good", "must be absolute", NULL);
    refuses("Good", "made of a-z", NULL);
    refuses("good:first", "not a device number", NULL);
}

static void device_numbers_are_checked(void **state)
{
    (void)state;
    opens("good:1", "good:1");
    refuses("good:2", "has no device 2", "it has 2", NULL);
    refuses("good:0.1", "has no device 0.1", NULL);
    refuses("nodevice", "found no device", NULL);
}

static void each_flaw_has_its_message(void **state)
{
    (void)state;
    refuses("wrongabi", "numc-wrongabi.so", "ABI 99", "libnumc has ABI 1", NULL);
    refuses("missing", "lacks the required slots", "synchronize", "matmul", NULL);
    refuses("tooold", "libnumc needs at least", NULL);
    refuses("nosymbol", "exports no numc_backend_query", NULL);
    refuses("text", "numc-text.so", NULL);
    refuses("speaksnone", "speaks no ABI", NULL);
    refuses("halflaunch", "only some of launch_prepare, launch_run, launch_release", NULL);
    refuses("misnamed", "calls itself 'another'", NULL);
    refuses("failopen", "could not open its device", "the stub is out of order", NULL);
    refuses("nohost", "does not begin with the host's table", NULL);
}

static void an_older_or_newer_table_is_accepted(void **state)
{
    (void)state;
    opens("old", "old:0");
    opens("newer", "newer:0"); /* what this host does not know is left alone */
    numc_context *context = numc_open(&(numc_options){.backend = "old"});
    const numc_backend_device *device = numc__device(context);
    assert_non_null(device);
    assert_false(device->native_launch);
    assert_non_null(device->table.sort); /* filled by the host */
    assert_non_null(device->table.program_build);
    numc_close(context);
}

/* The rows are the struct's slots, all of them and in its order; what a row says is done without it, is done. */
static void every_slot_has_its_row(void **state)
{
    (void)state;
    size_t at = offsetof(numc_backend, device_count);
    for (size_t i = 0; i < NUMC_SLOT_ROWS; i++) {
        assert_int_equal(numc__slots[i].offset, at);
        at += sizeof(void (*)(void));
    }
    assert_int_equal(at, sizeof(numc_backend));
    numc_context *context = numc_open(&(numc_options){.backend = "good"});
    numc_backend_device *device = numc__device(context);
    assert_non_null(device);
    const numc_backend *plugin = &((numc_backend_state *)device)->plugin;
    for (size_t i = 0; i < NUMC_SLOT_ROWS; i++) {
        const numc_slot_info *slot = &numc__slots[i];
        assert_int_equal(numc__slot_present(plugin, slot), slot->need == NUMC_NEED_REQUIRED);
        assert_int_equal(numc__slot_present(&device->table, slot), slot->need != NUMC_NEED_NOTHING);
    }
    numc_close(context);
}

static void experimental_slots_need_the_same_build(void **state)
{
    (void)state;
    numc_context *context = numc_open(&(numc_options){.backend = "ref"});
    numc_backend_device *device = numc__device(context);
    numc_backend given = *numc__ref_query(1), table;
    numc_text reason;
    numc__text_begin(&reason, device->core);
    given.program_build = device->table.program_build;
    given.program_run = device->table.program_run;
    given.program_release = device->table.program_release;
    given.build_id = "another build";
    assert_true(numc__plugin_check(&given, "ref", &table, &reason));
    assert_null(table.program_build);
    given.build_id = NUMC_BUILD_ID;
    assert_true(numc__plugin_check(&given, "ref", &table, &reason));
    assert_non_null(table.program_build);
    numc__text_end(&reason);
    numc_close(context);
}

static void fallback_rule_is_checked(void **state)
{
    (void)state;
    setenv("NUMC_FALLBACK", "eror", 1);
    refuses("ref", "NUMC_FALLBACK is 'eror'", NULL);
    setenv("NUMC_FALLBACK", "allow", 1);
    opens("ref", "ref:0");
}

static void the_environment_of_a_setuid_program_is_ignored(void **state)
{
    (void)state;
    setenv("NUMC_BACKEND", "good", 1);
    assert_string_equal(numc__environment_if(true, "NUMC_BACKEND"), "good");
    assert_null(numc__environment_if(false, "NUMC_BACKEND"));
    assert_string_equal(numc__environment("NUMC_BACKEND"), "good");
}

static void the_report_lists_usable_and_refused(void **state)
{
    (void)state;
    numc_context *context = numc_open(NULL);
    numc_backend_report *reports;
    size_t count;
    assert_int_equal(numc__backend_list(context, &reports, &count), NUMC_OK);
    int seen = 0;
    for (size_t i = 0; i < count; i++) {
        const numc_backend_report *r = &reports[i];
        if (strcmp(r->name, "ref") == 0) {
            assert_null(r->reason);
            assert_string_equal(r->path, "built in");
            assert_int_equal(r->device_count, 1);
            seen |= 1;
        } else if (strcmp(r->name, "good") == 0) {
            assert_null(r->reason);
            assert_string_equal(r->version, "stub 7");
            assert_int_equal(r->device_count, 2);
            assert_string_equal(r->devices[1].name, "stub device 1");
            seen |= 2;
        } else if (strcmp(r->name, "wrongabi") == 0) {
            assert_non_null(strstr(r->reason, "ABI 99"));
            seen |= 4;
        } else if (strcmp(r->name, "opencl") == 0) {
            assert_null(r->path);
            assert_non_null(strstr(r->reason, "not built here"));
            seen |= 8;
        }
    }
    assert_int_equal(seen, 15);
    numc__backend_list_free(context, reports, count);
    assert_int_equal(numc_error_status(context), NUMC_OK);
    numc_close(context);
}

/* ---- every allocation may fail ----------------------------------------------------------------------------------- */

static void the_nth_allocation_may_fail(void **state)
{
    (void)state;
    static const char *const backends[] = {"ref", "good", "wrongabi", "goood", "failopen"};
    for (size_t k = 0; k < sizeof backends / sizeof *backends; k++)
        for (long n = 0;; n++) {
            failing f = failing_at(n);
            numc_context *context = numc_open(
                &(numc_options){.backend = backends[k], .allocate = failing_allocate, .allocate_user = &f});
            if (context != NULL) {
                numc_backend_device *device = numc__device(context);
                assert_true((device != NULL) == (numc_error_status(context) == NUMC_OK));
                numc_error_clear(context);
                numc_backend_report *reports;
                size_t count;
                if (numc__backend_list(context, &reports, &count) == NUMC_OK)
                    numc__backend_list_free(context, reports, count);
                numc_close(context);
            }
            assert_int_equal(f.blocks, 0);
            assert_int_equal(f.mistakes, 0);
            if (!f.failed)
                break;
            assert_true(n < 2000);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ref_is_built_in, clean),
        cmocka_unit_test_setup(each_variable_is_held_to_what_it_can_say, clean),
        cmocka_unit_test_setup(a_relative_folder_in_a_list_is_told, clean),
        cmocka_unit_test_setup(option_comes_before_environment, clean),
        cmocka_unit_test_setup(an_absolute_path_names_a_file, clean),
        cmocka_unit_test_setup(the_current_directory_is_never_searched, clean),
        cmocka_unit_test_setup(an_unknown_name_is_told_all_that_is_known, clean),
        cmocka_unit_test_setup(device_numbers_are_checked, clean),
        cmocka_unit_test_setup(each_flaw_has_its_message, clean),
        cmocka_unit_test_setup(an_older_or_newer_table_is_accepted, clean),
        cmocka_unit_test_setup(every_slot_has_its_row, clean),
        cmocka_unit_test_setup(experimental_slots_need_the_same_build, clean),
        cmocka_unit_test_setup(fallback_rule_is_checked, clean),
        cmocka_unit_test_setup(the_environment_of_a_setuid_program_is_ignored, clean),
        cmocka_unit_test_setup(the_report_lists_usable_and_refused, clean),
        cmocka_unit_test_setup(the_nth_allocation_may_fail, clean),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
