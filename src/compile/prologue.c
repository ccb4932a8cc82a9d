/* prologue.c - splits a program in two: what depends on data alone is computed once for each binding, and handed to the body. */
#include <string.h>

#include "compile/parts.h"
#include "compile/stage.h"

static bool is_cheap(int32_t primitive)
{
    return primitive == NUMC_PRIMITIVE_BROADCAST || primitive == NUMC_PRIMITIVE_RESHAPE || primitive == NUMC_PRIMITIVE_PERMUTE ||
           primitive == NUMC_PRIMITIVE_SLICE || primitive == NUMC_PRIMITIVE_FLIP || primitive == NUMC_PRIMITIVE_IOTA;
}

/* Marks what the body needs: values computed from data alone become the frontier, but for looks at other values, which cost
 * nothing to repeat, and the program's outputs. */
static bool split(numc_program *program)
{
    numc_ir *ir = program->ir;
    bool *needed = numc__arena_allocate(&program->arena, (size_t)ir->value_count, sizeof *needed);
    if (needed == NULL)
        return false;
    for (int32_t k = 0; k < ir->output_count; k++)
        needed[ir->outputs[k]] = true;
    for (int32_t n = ir->node_count - 1; n >= 0; n--) {
        const numc_ir_node *node = &ir->nodes[n];
        bool used = false, output = false;
        for (int32_t k = 0; k < node->output_count; k++) {
            used = used || needed[node->first_output + k];
            for (int32_t j = 0; j < ir->output_count; j++)
                output = output || ir->outputs[j] == node->first_output + k;
        }
        if (!used)
            continue;
        bool data = ir->values[node->first_output].data;
        bool written = node->primitive == NUMC_SCALAR_CONVERT && ir->values[node->inputs[0]].constant != NULL;
        if (data && !output && !is_cheap(node->primitive) && node->input_count > 0 && !written) {
            for (int32_t k = 0; k < node->output_count; k++)
                if (needed[node->first_output + k])
                    program->frontier[program->frontier_count++] = node->first_output + k;
            continue;
        }
        for (int32_t k = 0; k < node->input_count; k++)
            needed[node->inputs[k]] = true;
    }
    return true;
}

bool numc__stage_prologue(numc_context *context, void *subject)
{
    numc_program *program = subject;
    numc_ir *ir = program->ir;
    size_t inputs = (size_t)ir->input_count, values = (size_t)ir->value_count;
    (void)context;
    program->external = numc__arena_allocate(&program->arena, values, sizeof *program->external);
    program->frontier = numc__arena_allocate(&program->arena, values, sizeof *program->frontier);
    program->free_values = numc__arena_allocate(&program->arena, inputs, sizeof *program->free_values);
    program->data_inputs = numc__arena_allocate(&program->arena, inputs, sizeof *program->data_inputs);
    program->free_inputs = numc__arena_allocate(&program->arena, inputs, sizeof *program->free_inputs);
    if (program->external == NULL || program->frontier == NULL || program->free_values == NULL || program->data_inputs == NULL ||
        program->free_inputs == NULL)
        return false;
    memset(program->external, -1, values * sizeof *program->external);
    for (int32_t k = 0; k < ir->input_count; k++) {
        if (program->call || (program->data != NULL && program->data[k])) {
            program->external[ir->inputs[k]] = program->data_count;
            program->data_inputs[program->data_count++] = k;
        } else {
            program->free_values[program->free_count] = ir->inputs[k];
            program->free_inputs[program->free_count++] = k;
        }
    }
    return program->call || split(program);
}

/* ---- whether it is sound --------------------------------------------------------------------------------------------------- */

enum { FREE = 1, HANDED = 2, READ = 4 }; /* depends on a free input; is of the frontier; is read by the part that is looked at */

/* Marks what leads to the values that are READ, and stops at those that are handed over where `stop`. Every end is a constant, an input
 * that is bound or written, or an application without operands. */
static numc_status follow(numc_context *context, const numc_program *program, uint8_t *marks, bool stop, const char *part)
{
    const numc_ir *ir = program->ir;
    for (int32_t v = ir->value_count - 1; v >= 0; v--) { /* operands have smaller numbers */
        const numc_ir_value *value = &ir->values[v];
        if ((marks[v] & READ) == 0 || (stop && (marks[v] & HANDED) != 0) || value->constant != NULL)
            continue;
        NUMC_REQUIRE(context, stop || (marks[v] & FREE) == 0, NUMC_INTERNAL, "broken prologue: it reads %%%d, which depends on an input that is not data", v);
        if (value->node < 0) {
            bool bound = program->external[v] >= 0 && program->external[v] < program->data_count;
            for (int32_t k = 0; k < program->free_count && stop; k++)
                bound = bound || program->free_values[k] == v;
            NUMC_REQUIRE(context, bound, NUMC_INTERNAL, "broken prologue: the %s reads %%%d, which nothing gives it", part, v);
            continue;
        }
        const numc_ir_node *node = &ir->nodes[value->node];
        for (int32_t k = 0; k < node->input_count; k++)
            marks[node->inputs[k]] |= READ;
    }
    return NUMC_OK;
}

static numc_status check(numc_context *context, const numc_program *program, uint8_t *marks)
{
    const numc_ir *ir = program->ir;
    for (int32_t k = 0; k < program->free_count; k++)
        marks[program->free_values[k]] |= FREE;
    for (int32_t n = 0; n < ir->node_count; n++) {
        const numc_ir_node *node = &ir->nodes[n];
        for (int32_t k = 0; k < node->input_count; k++)
            for (int32_t j = 0; j < node->output_count; j++)
                marks[node->first_output + j] |= marks[node->inputs[k]] & FREE;
    }
    for (int32_t k = 0; k < program->frontier_count; k++) {
        int32_t v = program->frontier[k];
        NUMC_REQUIRE(context, ir->values[v].node >= 0 && (marks[v] & HANDED) == 0, NUMC_INTERNAL,
                     "broken prologue: %%%d is handed over twice, or made by nothing", v);
        marks[v] |= HANDED | READ;
    }
    NUMC_TRY(follow(context, program, marks, false, "prologue"));
    for (int32_t v = 0; v < ir->value_count; v++)
        marks[v] &= (uint8_t)~READ;
    for (int32_t k = 0; k < ir->output_count; k++)
        marks[ir->outputs[k]] |= READ;
    NUMC_TRY(follow(context, program, marks, true, "body"));
    for (int32_t k = 0; k < program->frontier_count; k++)
        NUMC_REQUIRE(context, (marks[program->frontier[k]] & READ) != 0, NUMC_INTERNAL,
                     "broken prologue: %%%d is handed over, and nothing reads it", program->frontier[k]);
    return NUMC_OK;
}

numc_status numc__check_prologue(numc_context *context, const void *subject)
{
    const numc_program *program = subject;
    size_t size = (size_t)program->ir->value_count;
    uint8_t *marks = numc__allocate_zero(context, size, sizeof *marks);
    if (marks == NULL)
        return context->status;
    numc_status status = check(context, program, marks);
    numc__free(context, marks, size * sizeof *marks);
    return status;
}

void numc__print_prologue(numc_text *text, const void *subject)
{
    const numc_program *program = subject;
    const numc_ir *ir = program->ir;
    numc__text_add(text, "%d inputs are data, %d are given at each run; %d values are computed once\n", (int)program->data_count,
                   (int)program->free_count, (int)program->frontier_count);
    for (int32_t k = 0; k < program->frontier_count; k++) {
        int32_t v = program->frontier[k];
        const numc_type *type = &ir->values[v].type;
        const numc_ir_node *node = &ir->nodes[ir->values[v].node];
        char written[256];
        numc__type_format(written, sizeof written, type->dtype, type->rank, type->shape);
        numc__text_add(text, "%%%d %s = %s", v, written, numc__primitive_name(node->primitive));
        for (int32_t j = 0; j < node->input_count; j++)
            numc__text_add(text, " %%%d", node->inputs[j]);
        numc__text_add(text, ", %llu bytes\n", (unsigned long long)numc__type_size(type) * numc_dtype_size(type->dtype));
    }
}
