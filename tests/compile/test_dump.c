/* NUMC_DUMP: a file for each stage of each program, and only where the folder is there; the verifier of irs. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "compile/dump.h"
#include "compile/program.h"
#include "numc/function.h"

static char folder[64];
static int warnings;

static void count_warnings(void *user, numc_log_level level, const char *message)
{
    (void)user;
    if (level <= NUMC_LOG_WARNING && strstr(message, "NUMC_DUMP") != NULL)
        warnings++;
}

static numc_context *open_logged(void)
{
    numc_options options = {.backend = "ref", .log = count_warnings, .log_level = NUMC_LOG_WARNING};
    numc_context *context = numc_open(&options);
    assert_non_null(context);
    return context;
}

static void halves(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count,
                   void *user)
{
    (void)context, (void)input_count, (void)output_count;
    const numc_array *x = user != NULL ? numc_real(numc_square(numc_complex(in[0], numc_sin(in[0])))) : in[0];
    out[0] = numc_sum(numc_multiply(numc_exp(x), 0.5));
}

static void run(numc_context *context, void *complex)
{
    static const double values[3] = {1, 2, 3};
    const numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), values);
    numc_function *f = numc_function_trace(context, halves, complex, &x, 1, 1);
    numc_array *y = NULL;
    if (numc_function_call(context, f, &x, 1, &y, 1) != NUMC_OK)
        fail_msg("%s", numc_error_message(context));
}

/* Files whose name ends so; `part` must be in each. */
static int files_ending(const char *end, const char *part)
{
    int count = 0;
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        size_t length = strlen(entry->d_name), tail = strlen(end);
        if (length < tail || strcmp(entry->d_name + length - tail, end) != 0)
            continue;
        char path[512], text[8192];
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        (void)fclose(file);
        if (strstr(text, part) == NULL)
            fail_msg("%s does not say '%s':\n%s", entry->d_name, part, text);
        count++;
    }
    (void)closedir(directory);
    return count;
}

static void each_stage_is_a_file(void **state)
{
    (void)state;
    assert_int_equal(setenv("NUMC_DUMP", folder, 1), 0);
    for (int i = 0; i < 2; i++) { /* the second context's programs have names of their own */
        numc_context *context = open_logged();
        run(context, NULL);
        run(context, folder);
        numc_close(context);
    }
    assert_int_equal(files_ending("-1-traced.txt", "exp"), 4);
    assert_int_equal(files_ending("-2-rows.txt", "exp"), 4);
    assert_int_equal(files_ending("-3-pairs.txt", "exp"), 2);
    assert_int_equal(files_ending("-4-rewritten.txt", " = input 0"), 4);
    assert_int_equal(files_ending("-5-program.txt", "bytes of memory"), 4);
    assert_int_equal(files_ending("-6-native.c", "numc"), 0); /* ref is not compiled unless it is told so */
    numc_context *context = numc_open(&(numc_options){.backend = "ref", .jit = NUMC_JIT_ON, .log = count_warnings, .log_level = NUMC_LOG_WARNING});
    static const double values[3] = {1, 2, 3};
    const numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), values);
    numc_array *y = NULL;
    bool compiled = numc_function_call(context, numc_function_trace(context, halves, NULL, &x, 1, 1), &x, 1, &y, 1) == NUMC_OK;
    numc_close(context);
    assert_int_equal(files_ending("-6-native.c", "numc_native_functions"), compiled ? 1 : 0);
    assert_int_equal(warnings, 0);
}

static void a_bad_folder_is_logged_once(void **state)
{
    (void)state;
    char missing[96], file[96];
    (void)snprintf(missing, sizeof missing, "%s/none", folder);
    (void)snprintf(file, sizeof file, "%s/file", folder);
    FILE *made = fopen(file, "w");
    assert_non_null(made);
    (void)fclose(made);
    const char *bad[3] = {"relative", missing, file};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(setenv("NUMC_DUMP", bad[i], 1), 0);
        warnings = 0;
        numc_context *context = open_logged();
        run(context, NULL);
        run(context, folder);
        numc_close(context);
        assert_int_equal(warnings, 1);
    }
    assert_int_equal(setenv("NUMC_DUMP", "", 1), 0);
    warnings = 0;
    numc_context *context = open_logged();
    run(context, NULL);
    numc_close(context);
    assert_int_equal(warnings, 0);
}

static void a_broken_ir_is_found(void **state)
{
    (void)state;
    assert_int_equal(unsetenv("NUMC_DUMP"), 0);
    numc_context *context = open_logged();
    numc_trace *trace = numc__trace_begin(context);
    static const int64_t shape[1] = {3};
    numc_array *x = numc__trace_input(trace, &(numc_type){NUMC_FLOAT64, 1, shape}, NULL);
    numc_array *y = numc_multiply(numc_exp(x), numc_sin(x));
    numc_graph *graph = numc__trace_finish(trace, &y, 1, NULL, NULL);
    assert_non_null(graph);
    numc_ir *ir = numc__ir_new(context, graph, NULL);
    assert_non_null(ir);
    assert_int_equal(numc__ir_verify(context, ir), NUMC_OK);
    assert_true(ir->node_count >= 3);
    int32_t *operand = &ir->nodes[0].inputs[0], right = *operand;
    const struct {
        int32_t value;
        const char *part;
    } wrong[3] = {{-1, "reads %-1"}, {ir->value_count, "reads %"}, {ir->nodes[2].first_output, "not made before"}};
    for (int i = 0; i < 3; i++) {
        *operand = wrong[i].value;
        assert_int_equal(numc__ir_verify(context, ir), NUMC_INTERNAL);
        assert_non_null(strstr(numc_error_message(context), wrong[i].part));
        numc_error_clear(context);
        *operand = right;
    }
    numc_dtype dtype = ir->values[ir->nodes[1].first_output].type.dtype;
    ir->values[ir->nodes[1].first_output].type.dtype = NUMC_INT32;
    assert_int_equal(numc__ir_verify(context, ir), NUMC_INTERNAL);
    numc_error_clear(context);
    ir->values[ir->nodes[1].first_output].type.dtype = dtype;
    assert_int_equal(numc__ir_verify(context, ir), NUMC_OK);
    numc__ir_free(ir);
    numc__graph_release(graph);
    numc_close(context);
}

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/numc-dump-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    DIR *directory = opendir(folder);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            (void)unlink(path);
    }
    if (directory != NULL)
        (void)closedir(directory);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_stage_is_a_file),
        cmocka_unit_test(a_bad_folder_is_logged_once),
        cmocka_unit_test(a_broken_ir_is_found),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
