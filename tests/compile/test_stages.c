/* test_stages.c - the passes of the compiler: NUMC_DUMP writes a file for each stage of each program, and only where the folder is
 * there; what a pass leaves behind broken, its verifier finds. */
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

#include "compile/parts.h"
#include "compile/stage.h"
#include "numc/numc.h"

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
    assert_int_equal(files_ending("-01-traced.txt", "exp"), 4);
    assert_int_equal(files_ending("-02-rows.txt", "exp"), 4);
    assert_int_equal(files_ending("-03-pairs.txt", "exp"), 2);
    assert_int_equal(files_ending("-08-dead-code.txt", " = input 0"), 4);
    assert_int_equal(files_ending("-13-program.txt", "bytes of memory"), 4);
    assert_int_equal(files_ending("-14-native.c", "numc"), 0); /* ref is not compiled unless it is told so */
    numc_context *context = numc_open(&(numc_options){.backend = "ref", .jit = NUMC_JIT_ON, .log = count_warnings, .log_level = NUMC_LOG_WARNING});
    static const double values[3] = {1, 2, 3};
    const numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), values);
    numc_array *y = NULL;
    bool compiled = numc_function_call(context, numc_function_trace(context, halves, NULL, &x, 1, 1), &x, 1, &y, 1) == NUMC_OK;
    numc_close(context);
    assert_int_equal(files_ending("-14-native.c", "numc_native_functions"), compiled ? 1 : 0);
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
    const char *bad[2] = {missing, file};
    for (int i = 0; i < 2; i++) {
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
    assert_int_equal(numc__check_ir(context, ir), NUMC_OK);
    assert_true(ir->node_count >= 3);
    int32_t *operand = &ir->nodes[0].inputs[0], right = *operand;
    const struct {
        int32_t value;
        const char *part;
    } wrong[3] = {{-1, "reads %-1"}, {ir->value_count, "reads %"}, {ir->nodes[2].first_output, "not made before"}};
    for (int i = 0; i < 3; i++) {
        *operand = wrong[i].value;
        assert_int_equal(numc__check_ir(context, ir), NUMC_INTERNAL);
        assert_non_null(strstr(numc_error_message(context), wrong[i].part));
        numc_error_clear(context);
        *operand = right;
    }
    numc_dtype dtype = ir->values[ir->nodes[1].first_output].type.dtype;
    ir->values[ir->nodes[1].first_output].type.dtype = NUMC_INT32;
    assert_int_equal(numc__check_ir(context, ir), NUMC_INTERNAL);
    numc_error_clear(context);
    ir->values[ir->nodes[1].first_output].type.dtype = dtype;
    assert_int_equal(numc__check_ir(context, ir), NUMC_OK);
    numc__ir_free(ir);
    numc__graph_release(graph);
    numc_close(context);
}

/* ---- damage: a pass is run, then what it made is broken in one way -------------------------------------------------------------- */

enum { ROWS = 40, COLUMNS = 6, MOST_INPUTS = 3 };

/* A sum that is made once, a reduction over one axis, an assembled value, a transposed factor, a scan that is not small, a while. */
static void halve_all(numc_context *context, const numc_array *const *in, int32_t count, numc_array **out, int32_t outputs, void *user)
{
    (void)context, (void)count, (void)outputs, (void)user;
    out[0] = numc_multiply(in[0], 0.5);
}

static void some_large(numc_context *context, const numc_array *const *in, int32_t count, numc_array **out, int32_t outputs, void *user)
{
    (void)context, (void)count, (void)outputs, (void)user;
    out[0] = numc_greater(numc_max(numc_abs(in[0])), 0.125);
}

static void mix(numc_context *context, const numc_array *const *in, int32_t count, numc_array **out, int32_t outputs, void *user)
{
    (void)context, (void)count, (void)outputs;
    out[0] = numc_tanh(numc_add(numc_matmul((const numc_array *)user, in[0]), in[1]));
    out[1] = numc_sum(out[0]);
}

static numc_array *rich(numc_context *context, const numc_array *x, const numc_array *b, const numc_array *square)
{
    numc_array *fixed = numc_special_gammaln(numc_add(numc_square(x), 1.5));
    numc_array *z = numc_matmul(x, b), *r = numc_exp(numc_negative(numc_square(z)));
    numc_array *columns = numc_sum(numc_multiply(fixed, numc_index(r, NUMC_ALL, NUMC_NEW)), NUMC_AXES(0));
    numc_array *together = numc_concat(((const numc_array *[]){numc_matmul(numc_matrix_transpose(x), r), columns, b}), 3, 0);
    const numc_array *carry[1] = {r}, *sequence[1] = {numc_matrix_transpose(numc_sin(x))};
    numc_array *both[2] = {NULL, NULL}, *last[1] = {NULL};
    if (numc_scan(context, mix, (void *)(uintptr_t)square, carry, 1, sequence, 1, both, 1) != NUMC_OK)
        return NULL;
    carry[0] = numc_multiply(together, 2.0);
    if (numc_while(context, some_large, halve_all, NULL, carry, 1, last, .limit = 60) != NUMC_OK)
        return NULL;
    return numc_add(numc_add(numc_sum(last[0]), numc_sum(both[0])), numc_add(numc_sum(both[1]), numc_mean(fixed)));
}

static const int64_t shapes[MOST_INPUTS][2] = {{ROWS, COLUMNS}, {COLUMNS}, {ROWS, ROWS}};
static const int32_t ranks[MOST_INPUTS] = {2, 1, 2};

static numc_graph *rich_graph(numc_context *context)
{
    numc_trace *trace = numc__trace_begin(context);
    numc_array *in[MOST_INPUTS], *y;
    for (int k = 0; k < MOST_INPUTS; k++)
        in[k] = numc__trace_input(trace, &(numc_type){NUMC_FLOAT64, ranks[k], shapes[k]}, NULL);
    y = rich(context, in[0], in[1], in[2]);
    return numc__trace_finish(trace, &y, 1, NULL, NULL);
}

/* One way to break something; `count` says how often there was something to break. */
typedef struct damage damage;
struct damage {
    const char *stage;
    bool (*break_it)(void *subject);
    const char *told;
    int count;
};

static void break_once(void *user, const char *stage, void *subject)
{
    damage *d = user;
    if (d->count == 0 && strcmp(stage, d->stage) == 0 && d->break_it(subject))
        d->count++;
}

static bool wrong_type(void *subject)
{
    numc_ir *ir = subject;
    ir->values[ir->nodes[ir->node_count - 1].first_output].type.dtype = NUMC_INT32;
    return true;
}

static bool wrong_order(void *subject)
{
    numc_ir *ir = subject;
    for (int32_t n = 0; n + 1 < ir->node_count; n++) {
        numc_ir_node *node = &ir->nodes[n];
        if (node->input_count == 0)
            continue;
        node->inputs[0] = ir->nodes[ir->node_count - 1].first_output;
        return true;
    }
    return false;
}

static bool data_that_is_none(void *subject)
{
    numc_ir *ir = subject;
    for (int32_t n = 0; n < ir->node_count; n++) {
        numc_ir_value *value = &ir->values[ir->nodes[n].first_output];
        if (value->data)
            continue;
        value->data = true;
        return true;
    }
    return false;
}

static bool one_output_twice(void *subject)
{
    numc_ir *ir = subject;
    int32_t *twice = numc__arena_allocate(&ir->arena, 2, sizeof *twice);
    twice[0] = twice[1] = ir->outputs[0];
    ir->outputs = twice;
    ir->output_count = 2;
    return true;
}

static bool unread_node(void *subject)
{
    numc_ir *ir = subject;
    return numc__ir_append(ir, NUMC_SCALAR_NEGATIVE, &ir->outputs[0], 1, &(numc_attributes){0}) >= 0;
}

/* The last value that the prologue hands over becomes one that depends on a free input. */
static bool free_value_handed(void *subject)
{
    numc_program *program = subject;
    if (program->frontier_count == 0)
        return false;
    for (int32_t n = 0; n < program->ir->node_count; n++) {
        int32_t v = program->ir->nodes[n].first_output;
        if (!program->ir->values[v].data) {
            program->frontier[program->frontier_count - 1] = v;
            return true;
        }
    }
    return false;
}

static bool data_input_unbound(void *subject)
{
    numc_program *program = subject;
    program->external[program->ir->inputs[0]] = -1;
    return true;
}

static bool value_handed_twice(void *subject)
{
    numc_program *program = subject;
    program->frontier[program->frontier_count] = program->frontier[0];
    return program->frontier_count++ > 0;
}

static bool value_handed_for_nothing(void *subject)
{
    numc_program *program = subject;
    for (int32_t n = 0; n < program->ir->node_count; n++) {
        int32_t v = program->ir->nodes[n].first_output;
        bool handed = !program->ir->values[v].data;
        for (int32_t k = 0; k < program->frontier_count; k++)
            handed = handed || program->frontier[k] == v;
        if (handed)
            continue;
        program->frontier[program->frontier_count++] = v;
        return true;
    }
    return false;
}

/* A turned matrix whose columns are taken for rows. */
static bool look_beyond(void *subject)
{
    numc_lowering *l = subject;
    for (int32_t v = 0; v < l->ir->value_count; v++) {
        const numc_ir_node *node = l->roles[v] == NUMC_ROLE_VIEW && !l->memory[v] ? numc__lower_node(l, v) : NULL;
        if (node == NULL || node->primitive != NUMC_PRIMITIVE_PERMUTE)
            continue;
        int64_t *numbers = (int64_t *)(uintptr_t)node->attributes->numbers;
        if (node->attributes->count != 2 || l->ir->values[v].type.shape[0] == l->ir->values[v].type.shape[1])
            continue;
        numbers[0] = numbers[1] = 0; /* both by the stride of the rows */
        return true;
    }
    return false;
}

static bool slot_without_place(void *subject)
{
    numc_lowering *l = subject;
    for (int32_t v = 0; v < l->ir->value_count; v++) {
        if (l->roles[v] != NUMC_ROLE_SLOT)
            continue;
        l->memory[v] = false;
        return true;
    }
    return false;
}

static bool slot_turned(void *subject)
{
    numc_lowering *l = subject;
    for (int32_t v = 0; v < l->ir->value_count; v++) {
        if (l->roles[v] != NUMC_ROLE_SLOT)
            continue;
        l->turned[v] = true;
        return true;
    }
    return false;
}

static numc_unit *nest_of(numc_lowering *l, int32_t least, numc_statement_kind kind)
{
    for (int32_t u = 0; u < l->unit_count; u++)
        for (int32_t s = 0; s < l->units[u].statement_count && l->units[u].statement_count >= least; s++)
            if (l->units[u].statements[s].kind == kind)
                return &l->units[u];
    return NULL;
}

static bool lost_statement(void *subject)
{
    numc_unit *unit = nest_of(subject, 1, NUMC_STATEMENT_APPLY);
    if (unit != NULL)
        unit->statement_count--;
    return unit != NULL;
}

static bool lost_piece(void *subject)
{
    numc_unit *unit = nest_of(subject, 1, NUMC_STATEMENT_PIECE);
    for (int32_t s = 0; unit != NULL && s < unit->statement_count; s++)
        if (unit->statements[s].kind == NUMC_STATEMENT_PIECE) {
            unit->statements[s] = unit->statements[--unit->statement_count];
            return true;
        }
    return false;
}

static bool statement_twice(void *subject)
{
    numc_unit *unit = nest_of(subject, 2, NUMC_STATEMENT_APPLY);
    if (unit != NULL)
        unit->statements[unit->statement_count - 1] = unit->statements[0];
    return unit != NULL;
}

/* The statements of a nest in which one reads what the one before it makes, the other way round. */
static bool statements_turned(void *subject)
{
    numc_lowering *l = subject;
    for (int32_t u = 0; u < l->unit_count; u++)
        for (int32_t s = 0; s + 1 < l->units[u].statement_count; s++) {
            numc_statement *first = &l->units[u].statements[s], *second = first + 1, kept = *first;
            if (first->kind != NUMC_STATEMENT_APPLY || second->kind != NUMC_STATEMENT_APPLY ||
                l->ir->nodes[second->node].inputs[0] != first->value)
                continue;
            *first = *second;
            *second = kept;
            return true;
        }
    return false;
}

static bool units_turned(void *subject)
{
    numc_lowering *l = subject;
    if (l->unit_count < 2)
        return false;
    int32_t first = l->order[0];
    l->order[0] = l->order[l->unit_count - 1];
    l->order[l->unit_count - 1] = first;
    return true;
}

static bool unit_twice(void *subject)
{
    numc_lowering *l = subject;
    if (l->unit_count < 2)
        return false;
    l->order[1] = l->order[0];
    return true;
}

/* An elementwise value with a place that a nest of other loops reads loses it. */
static bool place_lost(void *subject)
{
    numc_lowering *l = subject;
    for (int32_t n = 0; n < l->ir->node_count; n++) {
        const numc_ir_node *node = &l->ir->nodes[n];
        if (!l->needed[n] || l->roles[node->first_output] != NUMC_ROLE_REDUCE || numc__lower_is_scalar(l, node->first_output))
            continue;
        l->memory[node->first_output] = false;
        return true;
    }
    return false;
}

static bool other_loops(void *subject)
{
    numc_lowering *l = subject;
    for (int32_t u = 0; u < l->unit_count; u++)
        if (l->units[u].kind == NUMC_UNIT_NEST && l->units[u].space.rank > 0) {
            l->units[u].space.rank--;
            return true;
        }
    return false;
}

static numc_step *step_of(numc_lowering *l, numc_step_kind kind)
{
    for (int32_t s = 0; s < l->exec->step_count; s++)
        if (l->exec->steps[s].kind == kind)
            return &l->exec->steps[s];
    return NULL;
}

static bool operand_of_none(void *subject)
{
    numc_step *step = step_of(subject, NUMC_STEP_KERNEL);
    for (uint32_t k = 0; step != NULL && k < step->source.node_count; k++) {
        numc_kernel_node *node = (numc_kernel_node *)(uintptr_t)&step->source.nodes[k];
        if (node->kind != NUMC_NODE_SCALAR)
            continue;
        node->operands[0] = (int32_t)step->source.register_count;
        return true;
    }
    return false;
}

static bool loop_left_open(void *subject)
{
    numc_step *step = step_of(subject, NUMC_STEP_KERNEL);
    if (step == NULL || step->source.nodes[step->source.node_count - 1].kind != NUMC_NODE_END)
        return false;
    step->source.node_count--;
    return true;
}

/* On a device with memory apart. */
static bool block_too_small(void *subject)
{
    numc_lowering *l = subject;
    numc_step *step = step_of(l, NUMC_STEP_SCAN);
    if (step == NULL || step->bodies[0]->arena_bytes == 0)
        return false;
    l->exec->blocks[numc__body_block(step, 0)] = step->bodies[0]->arena_bytes - 1;
    return true;
}

static bool block_that_is_not(void *subject)
{
    numc_lowering *l = subject;
    if (step_of(l, NUMC_STEP_WHILE) == NULL)
        return false;
    l->exec->block_count--;
    return true;
}

/* A value of the arena that a later step reads goes where another is. */
static bool regions_together(void *subject)
{
    numc_lowering *l = subject;
    for (int32_t v = 0; v < l->ir->value_count; v++)
        for (int32_t w = 0; w < v; w++) {
            numc_place *a = &l->exec->places[v], *b = &l->exec->places[w];
            if (a->kind != NUMC_PLACE_REGION || b->kind != NUMC_PLACE_REGION || a->bytes == 0 || b->bytes == 0 || l->first[v] > l->last[w] ||
                l->first[w] > l->last[v])
                continue;
            a->offset = b->offset;
            for (int32_t s = 0; s < l->exec->step_count; s++) { /* the kernels too: they are told where it is */
                numc_step *step = &l->exec->steps[s];
                for (uint32_t k = 0; step->kind == NUMC_STEP_KERNEL && k < step->source.access_count; k++)
                    if (step->access_values[k] == v)
                        step->buffers[step->source.accesses[k].buffer].offset = b->offset;
            }
            return true;
        }
    return false;
}

static numc_place *region(numc_lowering *l)
{
    for (int32_t v = 0; v < l->ir->value_count; v++)
        if (l->exec->places[v].kind == NUMC_PLACE_REGION && l->exec->places[v].bytes > 0)
            return &l->exec->places[v];
    return NULL;
}

static bool region_askew(void *subject)
{
    numc_place *place = region(subject);
    if (place != NULL)
        place->offset += 8;
    return place != NULL;
}

static bool region_beyond(void *subject)
{
    numc_lowering *l = subject;
    numc_place *place = region(l);
    if (place != NULL)
        place->offset = (l->exec->arena_bytes + 63) / 64 * 64;
    return place != NULL;
}

static bool body_over_values(void *subject)
{
    numc_lowering *l = subject;
    for (int32_t s = 0; s < l->exec->step_count; s++) {
        numc_step *step = &l->exec->steps[s];
        if (step->kind != NUMC_STEP_SCAN || l->exec->places[step->outputs[0].value].kind != NUMC_PLACE_REGION)
            continue;
        step->body_offsets[0] = l->exec->places[step->outputs[0].value].offset;
        return true;
    }
    return false;
}

static bool body_beyond(void *subject)
{
    numc_lowering *l = subject;
    for (int32_t s = 0; s < l->exec->step_count; s++)
        if (l->exec->steps[s].kind == NUMC_STEP_WHILE) {
            l->exec->steps[s].body_offsets[1] = (l->exec->arena_bytes + 63) / 64 * 64;
            return true;
        }
    return false;
}

static bool while_over_itself(void *subject)
{
    numc_lowering *l = subject;
    for (int32_t s = 0; s < l->exec->step_count; s++)
        if (l->exec->steps[s].kind == NUMC_STEP_WHILE) {
            l->exec->steps[s].body_offsets[1] = l->exec->steps[s].body_offsets[0];
            return true;
        }
    return false;
}

static bool kernel_reads_elsewhere(void *subject)
{
    numc_lowering *l = subject;
    for (int32_t s = 0; s < l->exec->step_count; s++)
        if (l->exec->steps[s].kind == NUMC_STEP_KERNEL && l->exec->steps[s].source.buffer_count > 0) {
            l->exec->steps[s].buffers[0].offset += 64;
            return true;
        }
    return false;
}

/* A store steps by one more than its value has room for. */
static bool kernel_steps_too_far(void *subject)
{
    numc_lowering *l = subject;
    for (int32_t s = 0; s < l->exec->step_count; s++) {
        numc_step *step = &l->exec->steps[s];
        for (uint32_t a = 0; step->kind == NUMC_STEP_KERNEL && a < step->source.access_count; a++) {
            int64_t *stride = &step->strides[a * (step->source.depth + 1)];
            if (!step->source.accesses[a].writes || *stride == 0)
                continue;
            *stride += 1;
            return true;
        }
    }
    return false;
}

static bool steps_turned(void *subject)
{
    numc_lowering *l = subject;
    if (l->exec->step_count < 2)
        return false;
    numc_step first = l->exec->steps[0];
    l->exec->steps[0] = l->exec->steps[l->exec->step_count - 1];
    l->exec->steps[l->exec->step_count - 1] = first;
    return true;
}

static numc_status make_rich(numc_context *context)
{
    static const bool data[MOST_INPUTS] = {true, false, true};
    numc_graph *graph = rich_graph(context);
    assert_non_null(graph);
    numc_program *program = numc__program_new(context, graph, &(numc_program_options){.data = data});
    numc_status status = numc_error_status(context);
    assert_true((program != NULL) == (status == NUMC_OK));
    numc__program_release(program);
    numc__graph_release(graph);
    return status;
}

static void find_all(numc_context *context, damage *all, size_t count)
{
    assert_int_equal(unsetenv("NUMC_DUMP"), 0);
    assert_int_equal(setenv("NUMC_VERIFY", "1", 1), 0); /* for builds without assertions */
    assert_int_equal(make_rich(context), NUMC_OK);
    for (size_t k = 0; k < count; k++) {
        context->stage_hook = break_once;
        context->stage_user = &all[k];
        numc_status status = make_rich(context);
        context->stage_hook = NULL;
        if (all[k].count != 1 || status != NUMC_INTERNAL || strstr(numc_error_message(context), all[k].told) == NULL)
            fail_msg("damage %zu after %s (%d): %s", k, all[k].stage, all[k].count, numc_error_message(context));
        numc_error_clear(context);
        assert_int_equal(make_rich(context), NUMC_OK);
    }
    numc_close(context);
    assert_int_equal(unsetenv("NUMC_VERIFY"), 0);
}

static void damage_is_found(void **state)
{
    (void)state;
    damage all[] = {
        {"inline", wrong_type, "broken ir", 0},
        {"inline", wrong_order, "not made before", 0},
        {"inline", data_that_is_none, "depends on data alone", 0},
        {"inline", one_output_twice, "are both", 0},
        {"dead-code", wrong_type, "broken ir", 0},
        {"dead-code", unread_node, "nothing reads", 0},
        {"prologue", free_value_handed, "not data", 0},
        {"prologue", data_input_unbound, "which nothing gives it", 0},
        {"prologue", value_handed_twice, "handed over twice", 0},
        {"prologue", value_handed_for_nothing, "nothing reads it", 0},
        {"layout", look_beyond, "broken layout", 0},
        {"layout", slot_without_place, "has no place", 0},
        {"layout", slot_turned, "does not lie in order", 0},
        {"fusion", lost_statement, "is done 0 times, not 1", 0},
        {"fusion", lost_piece, "times, not 3", 0},
        {"fusion", statement_twice, "is done", 0},
        {"fusion", statements_turned, "is read before it is made", 0},
        {"fusion", units_turned, "broken fusion", 0},
        {"fusion", unit_twice, "has not one place", 0},
        {"fusion", place_lost, "has no place", 0},
        {"fusion", other_loops, "other loops", 0},
        {"plan", operand_of_none, "kernel node", 0},
        {"plan", loop_left_open, "the loop and its end do not match", 0},
        {"plan", regions_together, "written over", 0},
        {"plan", region_askew, "is not aligned", 0},
        {"plan", region_beyond, "beyond the arena", 0},
        {"plan", body_over_values, "written over", 0},
        {"plan", body_beyond, "beyond the arena", 0},
        {"plan", while_over_itself, "lie over each other", 0},
        {"plan", kernel_reads_elsewhere, "where it is not", 0},
        {"plan", kernel_steps_too_far, "goes from element", 0},
        {"plan", steps_turned, "not written yet", 0},
    };
    find_all(open_logged(), all, sizeof all / sizeof *all);
}

/* There bodies have blocks of their own: one that is too small for a body, or for what a body in it takes, is found. */
static void damage_is_found_where_memory_is_apart(void **state)
{
    (void)state;
    damage all[] = {{"plan", block_too_small, "is larger than its block", 0}, {"plan", block_that_is_not, "is larger than its block", 0}};
    const numc_options options = {.backend = "good", .backend_path = getenv("NUMC_STUBS"), .log = count_warnings,
                                  .log_level = NUMC_LOG_WARNING};
    find_all(numc_open(&options), all, sizeof all / sizeof *all);
}

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/numc-dump-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static void clear_folder(void)
{
    DIR *directory = opendir(folder);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            (void)unlink(path);
    }
    if (directory != NULL)
        (void)closedir(directory);
}

static int remove_folder(void **state)
{
    (void)state;
    clear_folder();
    return rmdir(folder);
}

/* ---- what each stage writes of programs made for it ------------------------------------------------------------------------------ */

static void shifted_rule(numc_context *context, const numc_array *const *in, int32_t count, numc_array **out, int32_t outputs, void *user)
{
    (void)context, (void)count, (void)outputs, (void)user;
    out[0] = numc_add(in[3], in[4]);
}

static void shifted(numc_context *context, const numc_array *const *in, int32_t count, numc_array **out, int32_t outputs, void *user)
{
    (void)context, (void)count, (void)outputs, (void)user;
    out[0] = numc_add(in[0], numc_exp(in[1]));
}

/* A function with a derivative of its own at a number; an exponential of data; the same sine twice; a factor of one; a cosine that is
 * selected by nobody; a column of sums. */
static numc_array *of_all_passes(numc_context *context, numc_array *const *in)
{
    const numc_array *arguments[2] = {in[0], numc_full(context, NUMC_FLOAT64, NUMC_SHAPE(4, 3), 2.0)};
    numc_function *own = numc_function_custom_jvp(context, numc_function_trace(context, shifted, NULL, arguments, 2, 1), shifted_rule, NULL);
    numc_array *y = NULL;
    if (numc_function_call(context, own, arguments, 2, &y, 1) != NUMC_OK)
        return NULL;
    numc_array *twice = numc_multiply(numc_add(numc_sin(y), numc_sin(y)), 1.0);
    numc_array *chosen = numc_where(numc_full(context, NUMC_BOOL, NUMC_SHAPE(4, 3), 1), twice, numc_cos(y));
    numc_array *rows = numc_sum(numc_multiply(chosen, numc_exp(in[1])), NUMC_AXES(1), .keepdims = true);
    return numc_sum(numc_multiply(numc_matrix_transpose(chosen), numc_matrix_transpose(rows)));
}

static numc_array *of_pairs(numc_context *context, numc_array *const *in)
{
    (void)context;
    return numc_real(numc_sum(numc_square(numc_complex(in[0], in[1]))));
}

/* X^T f(X b) of a matrix beyond the cache. */
static numc_array *of_rows(numc_context *context, numc_array *const *in)
{
    (void)context;
    numc_array *r = numc_exp(numc_negative(numc_matmul(in[0], in[1])));
    return numc_sum(numc_matmul(numc_matrix_transpose(in[0]), r));
}

static const struct {
    numc_array *(*program)(numc_context *context, numc_array *const *in);
    numc_type types[2];
    bool data[2];
    const char *rows[14][2]; /* a file, and what it says */
} told[] = {
    {of_all_passes, {{NUMC_FLOAT64, 2, (const int64_t[]){4, 3}}, {NUMC_FLOAT64, 2, (const int64_t[]){4, 3}}}, {false, true},
     {{"-01-traced.txt", "= custom %0 %2"},
      {"-04-inline.txt", "custom %0 %2 is %6 = add %0 %5\n"},
      {"-05-fold.txt", "exp %2 is %5 = constant 7.389"},
      {"-06-simplify.txt", "where %4 %8 %9 is %8 = add %7 %7\n"},
      {"-07-share.txt", "sin %6 is %7 = sin %6\n"},
      {"-08-dead-code.txt", "12 applications, 3 more were read by nothing\n"},
      {"-09-prologue.txt", "1 values are computed once\n%10 float64[4, 3] = exp %1, 96 bytes\n"},
      {"-10-layout.txt", "%8 float64[4, 3]: elementwise, has a place\n%10 float64[4, 3]: given\n"}, /* %9 was removed */
      {"-10-layout.txt", "%17 float64[4, 3]: look at %12, element 0, strides (1, 0)\n"},
      {"-11-fusion.txt", "nest over (4, 3) of class 1, stage 1\n    %11 = multiply %8 %10\n    %12 = reduce_sum %11, has a place\n"},
      {"-12-plan.txt", "%8 float64[4, 3]: 96 bytes at 128, steps 0 to 0\n%12 float64[4]: 32 bytes at 256, steps 0 to 0\n"},
      {"-13-program.txt", "prologue\n"}}},
    {of_pairs, {{NUMC_FLOAT64, 1, (const int64_t[]){3}}, {NUMC_FLOAT64, 1, (const int64_t[]){3}}}, {false, false},
     {{"-01-traced.txt", "complex128[3] = square"}, {"-03-pairs.txt", "%3 float64[3] = subtract %0 %1\n    %4 float64[3] = multiply %3 %2\n"}}},
    {of_rows, {{NUMC_FLOAT64, 2, (const int64_t[]){60000, 50}}, {NUMC_FLOAT64, 1, (const int64_t[]){50}}}, {true, false},
     {{"-01-traced.txt", "matmul %7 %8"}, {"-02-rows.txt", "= scan %2 %0 %1 carries=1"}, {"-02-rows.txt", "= permute %1 axes=[1, 0]"}}},
};

static void each_stage_tells_what_it_did(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof told / sizeof *told; k++) {
        assert_int_equal(unsetenv("NUMC_DUMP"), 0);
        clear_folder();
        numc_context *context = open_logged();
        numc_trace *trace = numc__trace_begin(context);
        numc_array *in[2];
        for (int i = 0; i < 2; i++)
            in[i] = numc__trace_input(trace, &told[k].types[i], NULL);
        numc_array *y = told[k].program(context, in);
        numc_graph *graph = numc__trace_finish(trace, &y, 1, NULL, NULL);
        assert_non_null(graph);
        assert_int_equal(setenv("NUMC_DUMP", folder, 1), 0);
        numc_program *program = numc__program_new(context, graph, &(numc_program_options){.data = told[k].data});
        assert_non_null(program);
        for (int r = 0; r < 14 && told[k].rows[r][0] != NULL; r++)
            assert_int_equal(files_ending(told[k].rows[r][0], told[k].rows[r][1]), 1);
        numc__program_release(program);
        numc__graph_release(graph);
        numc_close(context);
    }
    assert_int_equal(unsetenv("NUMC_DUMP"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_stage_is_a_file),
        cmocka_unit_test(a_bad_folder_is_logged_once),
        cmocka_unit_test(a_broken_ir_is_found),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(damage_is_found_where_memory_is_apart),
        cmocka_unit_test(each_stage_tells_what_it_did),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
