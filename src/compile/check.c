/* check.c - whether what a pass leaves behind is sound: irs, layouts, nests and their order, the arena. */
#include "compile/parts.h"
#include "compile/stage.h"

#include <string.h>

#include "backend/internal.h"

numc_status numc__check_graph(numc_context *context, const void *subject)
{
    return numc__graph_verify(context, ((const numc_program *)subject)->graph);
}

numc_status numc__check_ir_graph(numc_context *context, const void *subject)
{
    return numc__graph_verify(context, ((const numc_ir *)subject)->graph);
}

/* ---- irs: every operand is made before it is read, and every type is what its primitive makes of them ------------------------ */

static numc_status verify_node(numc_context *context, const numc_ir *ir, int32_t n, numc_type *inputs, numc_type *outputs,
                               int64_t (*shapes)[NUMC_RANK_LIMIT])
{
    const numc_ir_node *node = &ir->nodes[n];
    const char *name = numc__primitive_name(node->primitive);
    bool data = true;
    for (int32_t k = 0; k < node->input_count; k++) {
        int32_t v = node->inputs[k];
        NUMC_REQUIRE(context, v >= 0 && v < ir->value_count, NUMC_INTERNAL, "broken ir: node %d (%s) reads %%%d", n, name, v);
        const numc_ir_value *value = &ir->values[v];
        NUMC_REQUIRE(context, value->input >= 0 || value->constant != NULL || (value->node >= 0 && value->node < n), NUMC_INTERNAL,
                     "broken ir: node %d (%s) reads %%%d, which is not made before it", n, name, v);
        inputs[k] = value->type;
        data = data && value->data;
    }
    int32_t count = 0;
    NUMC_TRY(numc__primitive_infer(context, node->primitive, inputs, node->input_count, node->attributes, outputs, shapes,
                                   node->output_count, &count));
    NUMC_REQUIRE(context, count == node->output_count, NUMC_INTERNAL, "broken ir: node %d (%s) has %d outputs, not %d", n, name,
                 node->output_count, count);
    for (int32_t k = 0; k < count; k++) {
        const numc_ir_value *value = &ir->values[node->first_output + k];
        NUMC_REQUIRE(context,
                     value->node == n && value->type.dtype == outputs[k].dtype && numc__type_same_shape(&value->type, &outputs[k]),
                     NUMC_INTERNAL, "broken ir: %%%d is not what node %d (%s) makes", node->first_output + k, n, name);
        NUMC_REQUIRE(context, value->data == data, NUMC_INTERNAL, "broken ir: node %d (%s) says %s depends on data alone", n, name,
                     data ? "not that it" : "that it");
    }
    return NUMC_OK;
}

numc_status numc__check_ir(numc_context *context, const void *subject)
{
    const numc_ir *ir = subject;
    size_t ins = 1, outs = 1;
    for (int32_t n = 0; n < ir->node_count; n++) {
        ins = (size_t)ir->nodes[n].input_count > ins ? (size_t)ir->nodes[n].input_count : ins;
        outs = (size_t)ir->nodes[n].output_count > outs ? (size_t)ir->nodes[n].output_count : outs;
    }
    size_t size = outs * sizeof(int64_t[NUMC_RANK_LIMIT]) + (ins + outs) * sizeof(numc_type);
    int64_t(*shapes)[NUMC_RANK_LIMIT] = numc__allocate_zero(context, 1, size);
    if (shapes == NULL)
        return context->status;
    numc_type *types = (numc_type *)(void *)(shapes + outs);
    numc_status status = NUMC_OK;
    for (int32_t n = 0; n < ir->node_count && status == NUMC_OK; n++)
        status = verify_node(context, ir, n, types, types + ins, shapes);
    for (int32_t k = 0; k < ir->output_count && status == NUMC_OK; k++) {
        int32_t v = ir->outputs[k];
        if (v < 0 || v >= ir->value_count || ir->values[v].node < 0)
            status = numc__fail(context, NUMC_INTERNAL, "broken ir: output %d, %%%d, is made by no node", k, v);
        for (int32_t j = 0; j < k && status == NUMC_OK; j++) /* steps write where it lies */
            if (ir->outputs[j] == v)
                status = numc__fail(context, NUMC_INTERNAL, "broken ir: outputs %d and %d are both %%%d", j, k, v);
    }
    numc__free(context, shapes, size);
    return status;
}

/* And no application is left that nothing reads. */
numc_status numc__check_dead(numc_context *context, const void *subject)
{
    const numc_ir *ir = subject;
    NUMC_TRY(numc__check_ir(context, subject));
    size_t size = (size_t)ir->value_count;
    bool *read = numc__allocate_zero(context, size, sizeof *read);
    if (read == NULL)
        return context->status;
    for (int32_t k = 0; k < ir->output_count; k++)
        read[ir->outputs[k]] = true;
    for (int32_t n = ir->node_count - 1; n >= 0 && context->status == NUMC_OK; n--) {
        const numc_ir_node *node = &ir->nodes[n];
        bool used = false;
        for (int32_t k = 0; k < node->output_count; k++)
            used = used || read[node->first_output + k];
        if (!used)
            (void)numc__fail(context, NUMC_INTERNAL, "broken ir: nothing reads what node %d (%s) makes", n, numc__primitive_name(node->primitive));
        for (int32_t k = 0; k < node->input_count; k++)
            read[node->inputs[k]] = true;
    }
    numc__free(context, read, size * sizeof *read);
    return context->status;
}

/* ---- layout: looks stay within what they look at, and what slots copy whole lies in order ------------------------------------- */

static numc_status check_look(numc_context *context, numc_lowering *l, int32_t value, const char *reader)
{
    const numc_type *type = &l->ir->values[value].type;
    numc_view_of view;
    if (numc__type_size(type) == 0)
        return NUMC_OK;
    numc__lower_view(l, value, &view);
    const numc_ir_value *base = &l->ir->values[view.base];
    if (numc__ir_immediate(l->ir, view.base) != NULL)
        return NUMC_OK;
    bool index = l->roles[view.base] == NUMC_ROLE_VIEW && !l->memory[view.base];
    NUMC_REQUIRE(context, l->roles[view.base] != NUMC_ROLE_NONE && (!index || numc__lower_node(l, view.base)->primitive == NUMC_PRIMITIVE_IOTA),
                 NUMC_INTERNAL, "broken layout: %s reads %%%d through %%%d, which is no place", reader, value, view.base);
    int64_t low = view.offset, high = view.offset, size = numc__type_size(&base->type);
    if (numc__is_complex(base->type.dtype) && !numc__is_complex(type->dtype))
        size *= 2;
    for (int32_t d = 0; d < type->rank; d++) {
        int64_t reach = (type->shape[d] - 1) * view.strides[d];
        low += reach < 0 ? reach : 0;
        high += reach > 0 ? reach : 0;
    }
    NUMC_REQUIRE(context, low >= 0 && high < size, NUMC_INTERNAL, "broken layout: %s looks at elements %lld to %lld of %%%d, which has %lld", reader,
                 (long long)low, (long long)high, view.base, (long long)size);
    return NUMC_OK;
}

numc_status numc__check_layout(numc_context *context, const void *subject)
{
    numc_lowering *l = (numc_lowering *)(uintptr_t)subject;
    for (int32_t n = 0; n < l->ir->node_count; n++) {
        const numc_ir_node *node = &l->ir->nodes[n];
        int32_t v = node->first_output;
        if (!l->needed[n])
            continue;
        const char *name = numc__primitive_name(node->primitive);
        NUMC_REQUIRE(context, l->roles[v] != NUMC_ROLE_NONE && l->roles[v] != NUMC_ROLE_GIVEN, NUMC_INTERNAL,
                     "broken layout: %%%d, made by %s, has no role", v, name);
        for (int32_t k = 0; k < node->input_count; k++) {
            numc_view_of view;
            NUMC_TRY(check_look(context, l, node->inputs[k], name));
            numc__lower_view(l, node->inputs[k], &view);
            NUMC_REQUIRE(context, l->roles[v] != NUMC_ROLE_SLOT || !l->turned[view.base], NUMC_INTERNAL,
                         "broken layout: %%%d, which %s takes, does not lie in order", view.base, name);
        }
        for (int32_t k = 0; k < node->output_count; k++)
            NUMC_REQUIRE(context, !l->turned[v + k] || !(l->output[v + k] || l->roles[v] == NUMC_ROLE_SLOT || l->roles[v] == NUMC_ROLE_SMALL),
                         NUMC_INTERNAL, "broken layout: %%%d, made by %s, does not lie in order", v + k, name);
        for (int32_t k = 0; k < node->output_count; k++)
            NUMC_REQUIRE(context, l->memory[v + k] || (l->roles[v] != NUMC_ROLE_SLOT && l->roles[v] != NUMC_ROLE_ASSEMBLE && !l->output[v + k]),
                         NUMC_INTERNAL, "broken layout: %%%d, made by %s, has no place", v + k, name);
    }
    return NUMC_OK;
}

/* ---- fusion: each application stands in one nest, and after what it reads ------------------------------------------------------ */

typedef struct order {
    numc_lowering *l;
    int32_t *times;    /* per node: how often it is applied, or a piece of it written */
    int32_t *copies;   /* per value */
    int32_t *position; /* per unit, in the order */
    int32_t *line;     /* per value: the statement of its unit that makes it, or -1 */
} order;

static numc_status count_statements(numc_context *context, const order *o)
{
    const numc_lowering *l = o->l;
    for (int32_t u = 0; u < l->unit_count; u++) {
        const numc_unit *unit = &l->units[u];
        if (unit->kind != NUMC_UNIT_NEST)
            o->times[unit->node]++;
        for (int32_t s = 0; s < unit->statement_count && unit->kind == NUMC_UNIT_NEST; s++) {
            const numc_statement *statement = &unit->statements[s];
            int32_t space = statement->value;
            if (statement->kind == NUMC_STATEMENT_COPY)
                o->copies[statement->value]++;
            else
                o->times[statement->node]++;
            if (statement->kind == NUMC_STATEMENT_APPLY && l->roles[statement->value] == NUMC_ROLE_REDUCE)
                space = l->ir->nodes[statement->node].inputs[0];
            else if (statement->kind == NUMC_STATEMENT_FILL)
                space = l->ir->nodes[statement->node].first_output;
            NUMC_REQUIRE(context, numc__same_space(&l->spaces[space], &unit->space), NUMC_INTERNAL, "broken fusion: %%%d stands in a nest of other loops",
                         statement->value);
            if (statement->kind == NUMC_STATEMENT_APPLY || statement->kind == NUMC_STATEMENT_COPY)
                o->line[statement->value] = s;
        }
    }
    for (int32_t n = 0; n < l->ir->node_count; n++) {
        const numc_ir_node *node = &l->ir->nodes[n];
        int32_t v = node->first_output, wanted = 1;
        numc_role role = l->needed[n] ? l->roles[v] : NUMC_ROLE_NONE;
        if (role == NUMC_ROLE_NONE || role == NUMC_ROLE_VIEW)
            wanted = 0;
        if (role == NUMC_ROLE_ASSEMBLE) {
            bool pad = node->primitive == NUMC_PRIMITIVE_PAD;
            wanted = pad;
            for (int32_t k = 0; k < (pad ? 1 : node->input_count); k++)
                wanted += numc__type_size(&l->ir->values[node->inputs[k]].type) > 0;
        }
        NUMC_REQUIRE(context, o->times[n] == wanted, NUMC_INTERNAL, "broken fusion: %s, which makes %%%d, is done %d times, not %d",
                     numc__primitive_name(node->primitive), v, o->times[n], wanted);
        wanted = role == NUMC_ROLE_VIEW && l->memory[v];
        NUMC_REQUIRE(context, o->copies[v] == wanted, NUMC_INTERNAL, "broken fusion: %%%d is written out %d times, not %d", v, o->copies[v], wanted);
    }
    return NUMC_OK;
}

/* Whether `value` is there when statement s (or all) of unit u runs. */
static numc_status check_read(numc_context *context, const order *o, int32_t value, int32_t u, int32_t s)
{
    numc_lowering *l = o->l;
    const numc_unit *unit = &l->units[u];
    int32_t root = numc__lower_root(l, value);
    numc_view_of view;
    if (numc__type_size(&l->ir->values[value].type) == 0)
        return NUMC_OK;
    numc__lower_view(l, value, &view);
    int32_t base = unit->kind == NUMC_UNIT_NEST && l->roles[root] == NUMC_ROLE_SCALAR && l->unit_of[root] == u ? root : view.base;
    if (l->roles[base] == NUMC_ROLE_GIVEN || (l->roles[base] == NUMC_ROLE_VIEW && !l->memory[base]))
        return NUMC_OK;
    if (l->roles[base] == NUMC_ROLE_ASSEMBLE) {
        for (int32_t k = 0; k < l->unit_count; k++)
            for (int32_t j = 0; j < l->units[k].statement_count; j++)
                NUMC_REQUIRE(context, l->units[k].statements[j].node != l->ir->values[base].node || o->position[k] < o->position[u], NUMC_INTERNAL,
                             "broken fusion: %%%d is read before it is put together", base);
        return NUMC_OK;
    }
    int32_t maker = l->unit_of[base];
    bool before = maker >= 0 && (maker == u ? o->line[base] >= 0 && o->line[base] < s : o->position[maker] < o->position[u]);
    NUMC_REQUIRE(context, before, NUMC_INTERNAL, "broken fusion: %%%d is read before it is made", base);
    bool registered = maker == u || (numc__lower_is_scalar(l, base) && unit->kernel >= 0 && l->units[maker].kernel == unit->kernel);
    NUMC_REQUIRE(context, l->memory[base] || registered, NUMC_INTERNAL, "broken fusion: %%%d is read by another nest, and has no place", base);
    return NUMC_OK;
}

static numc_status check_order(numc_context *context, const order *o)
{
    numc_lowering *l = o->l;
    int32_t kernel = -1;
    for (int32_t u = 0; u < l->unit_count; u++)
        o->position[u] = -1;
    for (int32_t k = 0; k < l->unit_count; k++) {
        int32_t u = l->order[k];
        NUMC_REQUIRE(context, u >= 0 && u < l->unit_count && o->position[u] < 0, NUMC_INTERNAL, "broken fusion: unit %d has not one place in the order", u);
        o->position[u] = k;
        if (l->units[u].kind == NUMC_UNIT_SLOT)
            continue;
        NUMC_REQUIRE(context, l->units[u].kernel >= kernel, NUMC_INTERNAL, "broken fusion: kernel %d comes after kernel %d", l->units[u].kernel, kernel);
        kernel = l->units[u].kernel;
    }
    for (int32_t u = 0; u < l->unit_count; u++) {
        const numc_unit *unit = &l->units[u];
        const numc_ir_node *whole = unit->kind == NUMC_UNIT_NEST ? NULL : &l->ir->nodes[unit->node];
        for (int32_t k = 0; whole != NULL && k < whole->input_count; k++)
            NUMC_TRY(check_read(context, o, whole->inputs[k], u, 0));
        for (int32_t s = 0; whole == NULL && s < unit->statement_count; s++) {
            const numc_statement *statement = &unit->statements[s];
            const numc_ir_node *node = statement->kind == NUMC_STATEMENT_APPLY ? &l->ir->nodes[statement->node] : NULL;
            bool copies = statement->kind == NUMC_STATEMENT_COPY;
            if (copies) /* reads what it looks at */
                l->memory[statement->value] = false;
            numc_status status = NUMC_OK;
            for (int32_t k = 0; k < (node != NULL ? node->input_count : 1) && status == NUMC_OK; k++)
                status = check_read(context, o, node != NULL ? node->inputs[k] : statement->value, u, s);
            if (copies)
                l->memory[statement->value] = true;
            NUMC_TRY(status);
        }
    }
    return NUMC_OK;
}

numc_status numc__check_fusion(numc_context *context, const void *subject)
{
    numc_lowering *l = (numc_lowering *)(uintptr_t)subject;
    NUMC_TRY(numc__check_layout(context, subject)); /* with the places that fusion has added */
    size_t values = (size_t)l->ir->value_count, nodes = (size_t)l->ir->node_count, count = 2 * values + nodes + (size_t)l->unit_count;
    int32_t *block = numc__allocate_zero(context, count, sizeof *block);
    if (block == NULL)
        return context->status;
    order o = {.l = l, .copies = block, .line = block + values, .times = block + 2 * values, .position = block + 2 * values + nodes};
    memset(o.line, -1, values * sizeof *o.line);
    numc_status status = count_statements(context, &o);
    if (status == NUMC_OK)
        status = check_order(context, &o);
    numc__free(context, block, count * sizeof *block);
    return status;
}

/* ---- plan: the steps are walked, and what is read must be as it was written ---------------------------------------------------- */

typedef struct memory {
    const numc_exec *exec;
    bool *whole; /* per value with a region: written, and nothing over it since */
    int32_t *regions, region_count;
} memory;

/* Bytes [offset, offset + bytes) get something else than what values other than `but` have there. */
static void overwrite(memory *m, uint64_t offset, uint64_t bytes, int32_t but)
{
    for (int32_t k = 0; k < m->region_count; k++) {
        const numc_place *place = &m->exec->places[m->regions[k]];
        if (m->regions[k] != but && offset < place->offset + place->bytes && place->offset < offset + bytes)
            m->whole[m->regions[k]] = false;
    }
}

static numc_status check_written(numc_context *context, memory *m, int32_t value, int32_t step)
{
    const numc_place *place = &m->exec->places[value];
    NUMC_REQUIRE(context, place->kind == NUMC_PLACE_REGION, NUMC_INTERNAL, "broken plan: step %d writes %%%d, which is not of the arena", step, value);
    overwrite(m, place->offset, place->bytes, value);
    m->whole[value] = true;
    return NUMC_OK;
}

static numc_status check_whole(numc_context *context, const memory *m, int32_t value, int32_t step)
{
    const numc_place *place = &m->exec->places[value];
    NUMC_REQUIRE(context, place->kind != NUMC_PLACE_NONE, NUMC_INTERNAL, "broken plan: step %d reads %%%d, which is nowhere", step, value);
    NUMC_REQUIRE(context, place->kind != NUMC_PLACE_REGION || place->bytes == 0 || m->whole[value], NUMC_INTERNAL,
                 "broken plan: step %d reads %%%d, which is not written yet, or written over", step, value);
    return NUMC_OK;
}

/* Access a of a kernel, in loops of these extents, stays in its value. Where a loop's length or the element is known only when the kernel
 * runs, nothing can be said. */
static numc_status check_reach(numc_context *context, const numc_exec *exec, int32_t s, uint32_t a, const int64_t *extents, uint32_t depth)
{
    const numc_step *step = &exec->steps[s];
    const int64_t *strides = &step->strides[(size_t)a * (step->source.depth + 1)];
    const int32_t v = step->access_values[a];
    const numc_type *type = &exec->ir->values[v].type;
    const size_t size = numc_dtype_size((numc_dtype)step->source.accesses[a].dtype); /* of a part, where the value is complex */
    const numc_place *place = &exec->places[v];
    int64_t first = step->offsets[a] - (int64_t)(place->kind == NUMC_PLACE_REGION ? place->offset / size : 0), last = first;
    if (strides[step->source.depth] != 0)
        return NUMC_OK;
    for (uint32_t d = 0; d < depth; d++) {
        if (extents[d] == 0 || (extents[d] < 0 && strides[d] != 0)) /* no turn; not known */
            return NUMC_OK;
        *(strides[d] < 0 ? &first : &last) += strides[d] * (extents[d] - 1);
    }
    NUMC_REQUIRE(context, first >= 0 && last < (int64_t)(numc_dtype_size(type->dtype) / size) * numc__type_size(type), NUMC_INTERNAL,
                 "broken plan: access %d of step %d goes from element %lld to %lld of %%%d", (int)a, s, (long long)first, (long long)last, v);
    return NUMC_OK;
}

static numc_status check_reaches(numc_context *context, const numc_exec *exec, int32_t s)
{
    const numc_step *step = &exec->steps[s];
    int64_t extents[NUMC_RANK_LIMIT];
    uint32_t depth = 0;
    for (uint32_t n = 0; n < step->source.node_count; n++) {
        const numc_kernel_node *node = &step->source.nodes[n];
        if (node->kind == NUMC_NODE_LOAD || node->kind == NUMC_NODE_STORE)
            NUMC_TRY(check_reach(context, exec, s, (uint32_t)node->extent, extents, depth));
        else if (node->kind == NUMC_NODE_END)
            depth--;
        else if (node->kind >= NUMC_NODE_PARALLEL && node->kind <= NUMC_NODE_WHILE)
            extents[depth++] = node->kind == NUMC_NODE_WHILE || node->operands[0] >= 0 ? -1 : step->extents[node->extent];
    }
    return NUMC_OK;
}

static numc_status check_step(numc_context *context, memory *m, int32_t s)
{
    const numc_exec *exec = m->exec;
    const numc_step *step = &exec->steps[s];
    if (step->kind == NUMC_STEP_KERNEL) {
        NUMC_TRY(numc__kernel_verify(context, &step->source));
        for (int writes = 1; writes >= 0; writes--) /* a nest may read what an earlier one of the kernel wrote */
            for (uint32_t a = 0; a < step->source.access_count; a++) {
                int32_t v = step->access_values[a];
                const numc_place *place = &exec->places[v], *buffer = &step->buffers[step->source.accesses[a].buffer];
                NUMC_REQUIRE(context, place->kind == buffer->kind && place->index == buffer->index && place->offset == buffer->offset, NUMC_INTERNAL,
                             "broken plan: step %d looks for %%%d where it is not", s, v);
                if (step->source.accesses[a].writes == (uint32_t)writes)
                    NUMC_TRY(writes ? check_written(context, m, v, s) : check_whole(context, m, v, s));
            }
        for (uint32_t a = 0; a < step->source.access_count; a++) /* of one step nothing lies over another */
            NUMC_TRY(check_whole(context, m, step->access_values[a], s));
        return check_reaches(context, exec, s);
    }
    for (int32_t k = 0; k < step->input_count; k++)
        NUMC_TRY(check_whole(context, m, step->inputs[k].value, s));
    for (int32_t k = 0; k < step->output_count; k++)
        NUMC_TRY(check_written(context, m, step->outputs[k].value, s));
    for (int b = 0; b < 2 && exec->device->info.unified == 0; b++) {
        const numc_exec *body = step->bodies[b];
        for (int32_t k = -1; body != NULL && k < body->block_count; k++) {
            int32_t block = k < 0 ? numc__body_block(step, b) : k;
            NUMC_REQUIRE(context, block < exec->block_count && exec->blocks[block] >= (k < 0 ? body->arena_bytes : body->blocks[k]), NUMC_INTERNAL,
                         "broken plan: body %d of step %d is larger than its block", b, s);
        }
    }
    uint64_t ends[2] = {0, 0};
    for (int b = 0; b < 2 && exec->device->info.unified != 0; b++) {
        if (step->bodies[b] == NULL)
            continue;
        ends[b] = step->body_offsets[b] + step->bodies[b]->arena_bytes;
        NUMC_REQUIRE(context, step->body_offsets[b] % 64 == 0 && ends[b] <= exec->arena_bytes, NUMC_INTERNAL,
                     "broken plan: body %d of step %d is not aligned, or beyond the arena", b, s);
        overwrite(m, step->body_offsets[b], step->bodies[b]->arena_bytes, -1);
    }
    NUMC_REQUIRE(context, step->kind != NUMC_STEP_WHILE || ends[0] <= step->body_offsets[1] || ends[1] <= step->body_offsets[0], NUMC_INTERNAL,
                 "broken plan: condition and body of step %d lie over each other", s);
    for (int32_t k = 0; k < step->input_count; k++) /* a body may run more than once */
        NUMC_TRY(check_whole(context, m, step->inputs[k].value, s));
    for (int32_t k = 0; k < step->output_count; k++)
        NUMC_TRY(check_whole(context, m, step->outputs[k].value, s));
    return NUMC_OK;
}

static numc_status check_steps(numc_context *context, memory *m)
{
    const numc_exec *exec = m->exec;
    for (int32_t v = 0; v < exec->ir->value_count; v++) {
        const numc_place *place = &exec->places[v];
        if (place->kind != NUMC_PLACE_REGION)
            continue;
        m->regions[m->region_count++] = v;
        NUMC_REQUIRE(context, place->offset % 64 == 0 && place->offset + place->bytes <= exec->arena_bytes, NUMC_INTERNAL,
                     "broken plan: %%%d is not aligned, or beyond the arena", v);
    }
    for (int32_t k = 0; k < exec->input_count; k++)
        NUMC_TRY(check_written(context, m, exec->inputs[k], -1));
    for (int32_t s = 0; s < exec->step_count; s++)
        NUMC_TRY(check_step(context, m, s));
    for (int32_t k = 0; k < exec->input_count; k++) /* the caller may not write them again */
        NUMC_TRY(check_whole(context, m, exec->inputs[k], exec->step_count));
    for (int32_t k = 0; k < exec->output_count; k++)
        NUMC_TRY(check_whole(context, m, exec->outputs[k], exec->step_count));
    return NUMC_OK;
}

numc_status numc__check_plan(numc_context *context, const void *subject)
{
    const numc_exec *exec = ((const numc_lowering *)subject)->exec;
    size_t values = (size_t)exec->ir->value_count, size = values * (sizeof(int32_t) + sizeof(bool));
    int32_t *block = numc__allocate_zero(context, 1, size);
    if (block == NULL)
        return context->status;
    memory m = {.exec = exec, .regions = block, .whole = (bool *)(void *)(block + values)};
    numc_status status = check_steps(context, &m);
    numc__free(context, block, size);
    return status;
}
