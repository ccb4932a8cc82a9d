/* print.c - graphs, irs and execs as text, as each pass leaves them (NUMC_DUMP). */
#include "compile/parts.h"
#include "compile/stage.h"

/* ---- graphs and irs ------------------------------------------------------------------------------------------------------ */

void numc__print_graph(numc_text *text, const void *subject)
{
    numc__graph_print(text, ((const numc_program *)subject)->graph);
}

void numc__print_pairs(numc_text *text, const void *subject)
{
    const numc_ir *ir = subject;
    if (ir->paired)
        numc__graph_print(text, ir->graph);
}

static void print_value(numc_text *text, const numc_ir *ir, int32_t v)
{
    char type[256];
    const numc_type *t = &ir->values[v].type;
    numc__type_format(type, sizeof type, t->dtype, t->rank, t->shape);
    numc__text_add(text, "%%%d %s%s", v, type, ir->values[v].data ? " data" : "");
}

void numc__ir_print(numc_text *text, const numc_ir *ir)
{
    for (int32_t v = 0; v < ir->value_count; v++) {
        if (ir->values[v].input < 0 && ir->values[v].constant == NULL)
            continue;
        print_value(text, ir, v);
        if (ir->values[v].input >= 0)
            numc__text_add(text, " = input %d\n", ir->values[v].input);
        else
            numc__constant_print(text, ir->values[v].constant);
    }
    for (int32_t n = 0; n < ir->node_count; n++) {
        const numc_ir_node *node = &ir->nodes[n];
        for (int32_t k = 0; k < node->output_count; k++) {
            numc__text_add(text, k > 0 ? ", " : "");
            print_value(text, ir, node->first_output + k);
        }
        numc__text_add(text, " = %s", numc__primitive_name(node->primitive));
        for (int32_t k = 0; k < node->input_count; k++)
            numc__text_add(text, " %%%d", node->inputs[k]);
        numc__attributes_print(text, node->primitive, node->attributes, 8);
    }
    numc__text_add(text, "return");
    for (int32_t k = 0; k < ir->output_count; k++)
        numc__text_add(text, " %%%d", ir->outputs[k]);
    numc__text_add(text, "\n");
}

void numc__print_ir(numc_text *text, const void *subject)
{
    const numc_ir *ir = subject;
    numc__text_add(text, "%d applications, %d more were read by nothing\n", (int)ir->node_count, (int)ir->removed);
    numc__ir_print(text, ir);
}

/* ---- how values are had, and what is computed together -------------------------------------------------------------------- */

static void print_part(numc_text *text, const numc_lowering *l)
{
    numc__text_add(text, "part %d", (int)l->part);
    if (l->inside > 0)
        numc__text_add(text, ", a body in part %d", (int)l->inside);
    numc__text_add(text, ": %d values are given, %d are arrays, %d are wanted\n", (int)l->exec->input_count, (int)l->exec->external_count,
                   (int)l->exec->output_count);
}

static void print_numbers(numc_text *text, const int64_t *numbers, int32_t count)
{
    numc__text_add(text, "(");
    for (int32_t k = 0; k < count; k++)
        numc__text_add(text, "%s%lld", k > 0 ? ", " : "", (long long)numbers[k]);
    numc__text_add(text, ")");
}

static void print_typed(numc_text *text, const numc_ir *ir, int32_t v)
{
    char type[256];
    numc__type_format(type, sizeof type, ir->values[v].type.dtype, ir->values[v].type.rank, ir->values[v].type.shape);
    numc__text_add(text, "%%%d %s", v, type);
}

void numc__print_layout(numc_text *text, const void *subject)
{
    static const char *const roles[] = {"", "given", "look", "elementwise", "reduction", "assembled", "small", "slot"};
    numc_lowering *l = (numc_lowering *)(uintptr_t)subject;
    print_part(text, l);
    for (int32_t v = 0; v < l->ir->value_count; v++) {
        const numc_ir_value *value = &l->ir->values[v]; /* what is neither made nor an input was removed, or is a constant */
        if (l->roles[v] == NUMC_ROLE_NONE || (value->node < 0 && value->input < 0))
            continue;
        print_typed(text, l->ir, v);
        numc__text_add(text, ": %s", roles[l->roles[v]]);
        if (l->roles[v] == NUMC_ROLE_VIEW && !l->memory[v]) {
            numc_view_of view;
            numc__lower_view(l, v, &view);
            if (view.base == v)
                numc__text_add(text, " at the index %lld +", (long long)view.offset);
            else
                numc__text_add(text, " at %%%d, element %lld, strides", view.base, (long long)view.offset);
            numc__text_add(text, " ");
            print_numbers(text, view.strides, l->ir->values[v].type.rank);
        } else if (l->memory[v]) {
            numc__text_add(text, l->turned[v] ? ", has a place, its longest axis innermost" : ", has a place");
        }
        if (l->loop_class[v] > NUMC_FLAT)
            numc__text_add(text, ", loops of class %d", (int)l->loop_class[v]);
        numc__text_add(text, "\n");
    }
}

static void print_statement(numc_text *text, const numc_lowering *l, const numc_statement *statement)
{
    const numc_ir_node *node = statement->node >= 0 ? &l->ir->nodes[statement->node] : NULL;
    int32_t v = statement->value;
    switch (statement->kind) {
    case NUMC_STATEMENT_APPLY:
        numc__text_add(text, "    %%%d = %s", v, numc__primitive_name(node->primitive));
        for (int32_t k = 0; k < node->input_count; k++)
            numc__text_add(text, " %%%d", node->inputs[k]);
        numc__text_add(text, "%s", l->memory[v] ? ", has a place" : "");
        break;
    case NUMC_STATEMENT_COPY:
        numc__text_add(text, "    %%%d is written out", v);
        break;
    case NUMC_STATEMENT_FILL:
        numc__text_add(text, "    %%%d is filled with %%%d", node->first_output, v);
        break;
    case NUMC_STATEMENT_PIECE:
        numc__text_add(text, "    %%%d goes into %%%d at element %lld, strides ", v, node->first_output, (long long)statement->offset);
        print_numbers(text, statement->strides, l->ir->values[v].type.rank);
        break;
    }
    numc__text_add(text, "\n");
}

void numc__print_fusion(numc_text *text, const void *subject)
{
    const numc_lowering *l = subject;
    int32_t kernel = -1;
    print_part(text, l);
    for (int32_t k = 0; k < l->unit_count; k++) {
        const numc_unit *unit = &l->units[l->order[k]];
        if (unit->kind != NUMC_UNIT_SLOT && unit->kernel != kernel)
            numc__text_add(text, "kernel %d\n", (int)(kernel = unit->kernel));
        if (unit->kind == NUMC_UNIT_NEST) {
            numc__text_add(text, "  nest over ");
            print_numbers(text, unit->space.extents, unit->space.rank);
            if (unit->loop_class != NUMC_FLAT)
                numc__text_add(text, " of class %d", (int)unit->loop_class);
            numc__text_add(text, ", stage %d\n", (int)unit->stage);
            for (int32_t s = 0; s < unit->statement_count; s++)
                print_statement(text, l, &unit->statements[s]);
            continue;
        }
        const numc_ir_node *node = &l->ir->nodes[unit->node];
        numc__text_add(text, "%s%%%d = %s", unit->kind == NUMC_UNIT_SLOT ? "slot " : "  small ", node->first_output,
                       numc__primitive_name(node->primitive));
        for (int32_t j = 0; j < node->input_count; j++)
            numc__text_add(text, " %%%d", node->inputs[j]);
        numc__text_add(text, ", stage %d\n", (int)unit->stage);
    }
}

/* ---- the arena, and steps ------------------------------------------------------------------------------------------------- */

void numc__print_plan(numc_text *text, const void *subject)
{
    const numc_lowering *l = subject;
    const numc_exec *exec = l->exec;
    uint64_t sum = 0;
    print_part(text, l);
    for (int32_t v = 0; v < l->ir->value_count; v++) {
        const numc_place *place = &exec->places[v];
        if (place->kind != NUMC_PLACE_REGION || l->first[v] < 0)
            continue;
        sum += place->bytes;
        print_typed(text, l->ir, v);
        numc__text_add(text, ": %llu bytes at %llu, steps %d to %d\n", (unsigned long long)place->bytes, (unsigned long long)place->offset,
                       (int)l->first[v], (int)l->last[v]);
    }
    for (int32_t s = 0; s < exec->step_count; s++)
        for (int b = 0; b < 2; b++)
            if (exec->steps[s].bodies[b] != NULL && exec->device->info.unified != 0)
                numc__text_add(text, "body %d of step %d: %llu bytes at %llu\n", b, (int)s, (unsigned long long)exec->steps[s].bodies[b]->arena_bytes,
                               (unsigned long long)exec->steps[s].body_offsets[b]);
            else if (exec->steps[s].bodies[b] != NULL)
                numc__text_add(text, "body %d of step %d: %llu bytes in block %d\n", b, (int)s, (unsigned long long)exec->steps[s].bodies[b]->arena_bytes,
                               (int)numc__body_block(&exec->steps[s], b));
    for (int32_t k = 0; k < exec->block_count; k++)
        numc__text_add(text, "block %d of %llu bytes\n", (int)k, (unsigned long long)exec->blocks[k]);
    numc__text_add(text, "arena of %llu bytes, for values of %llu\n", (unsigned long long)exec->arena_bytes, (unsigned long long)sum);
}

static void print_view(numc_text *text, const numc_exec *exec, const numc_slot_view *view)
{
    static const char *const kinds[] = {"nowhere", "arena", "external", "constant"};
    const numc_place *place = &exec->places[view->value];
    char type[256];
    numc__type_format(type, sizeof type, view->dtype, view->rank, view->shape);
    numc__text_add(text, " %%%d %s (%s", view->value, type, kinds[place->kind]);
    if (place->kind == NUMC_PLACE_REGION)
        numc__text_add(text, " +%llu)", (unsigned long long)place->offset);
    else
        numc__text_add(text, " %d)", place->index);
}

void numc__exec_print(numc_text *text, const numc_exec *exec, int32_t indent)
{
    numc__text_add(text, "%*sarena %llu bytes, %d steps\n", indent, "", (unsigned long long)exec->arena_bytes, exec->step_count);
    for (int32_t s = 0; s < exec->step_count; s++) {
        const numc_step *step = &exec->steps[s];
        if (step->kind == NUMC_STEP_KERNEL) {
            numc__text_add(text, "%*sstep %d: kernel\n", indent, "", s);
            numc__kernel_print(text, &step->source);
            continue;
        }
        numc__text_add(text, "%*sstep %d: %s", indent, "", s, numc__primitive_name(step->primitive));
        for (int32_t k = 0; k < step->input_count; k++)
            print_view(text, exec, &step->inputs[k]);
        numc__text_add(text, " ->");
        for (int32_t k = 0; k < step->output_count; k++)
            print_view(text, exec, &step->outputs[k]);
        numc__text_add(text, "\n");
        for (int b = 0; b < 2; b++)
            if (step->bodies[b] != NULL)
                numc__exec_print(text, step->bodies[b], indent + 4);
    }
}
