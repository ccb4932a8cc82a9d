/* fuse.c - decides what is computed together: stages, nests, and their order.
 *
 * The stage of an application is the longest chain of crossings that leads to it, where a crossing is an operand that cannot
 * be taken from a register of the same nest (another space, a reduction's result, a look through strides, a slot's output).
 * Applications of one space, loop class and stage therefore never depend on each other through memory and form one nest. */
#include "compile/lower.h"
#include "compile/stage.h"

/* ---- stages and units, producers first ------------------------------------------------------------------------------------------ */

static int32_t unit_new(numc_lowering *l, numc_unit_kind kind, const numc_space *space, int32_t loop_class, int32_t stage)
{
    if (!numc__lower_grow(l, &l->units, sizeof *l->units, l->unit_count, &l->unit_capacity))
        return -1;
    l->units[l->unit_count] = (numc_unit){.kind = kind, .space = space == NULL ? (numc_space){0, NULL} : *space,
                                          .loop_class = loop_class, .stage = stage, .node = -1, .kernel = -1};
    return l->unit_count++;
}

static int32_t nest_for(numc_lowering *l, const numc_space *space, int32_t loop_class, int32_t stage)
{
    for (int32_t u = 0; u < l->unit_count; u++)
        if (l->units[u].kind == NUMC_UNIT_NEST && l->units[u].stage == stage && l->units[u].loop_class == loop_class &&
            numc__same_space(&l->units[u].space, space))
            return u;
    return unit_new(l, NUMC_UNIT_NEST, space, loop_class, stage);
}

static numc_statement *statement_new(numc_lowering *l, int32_t unit, numc_statement_kind kind, int32_t node, int32_t value)
{
    if (unit < 0)
        return NULL;
    numc_unit *u = &l->units[unit];
    if (!numc__lower_grow(l, &u->statements, sizeof *u->statements, u->statement_count, &u->statement_capacity))
        return NULL;
    u->statements[u->statement_count] = (numc_statement){.kind = kind, .node = node, .value = value};
    return &u->statements[u->statement_count++];
}

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* The stage a value is ready at when read through memory or as a scalar: one after its maker's, 0 when given. */
static int32_t crossing_stage(numc_lowering *l, int32_t value)
{
    numc_view_of view;
    numc__lower_view(l, value, &view);
    if (l->roles[view.base] == NUMC_ROLE_GIVEN || (l->roles[view.base] == NUMC_ROLE_VIEW && !l->memory[view.base]))
        return 0;
    return l->stage[view.base] + 1;
}

/* The stage at which `value` can be had in a nest of this space and class. */
static int32_t operand_stage(numc_lowering *l, int32_t value, const numc_space *space, int32_t loop_class)
{
    int32_t root = numc__lower_root(l, value);
    if (numc__same_space(&l->spaces[root], space) && l->roles[root] == NUMC_ROLE_SCALAR && l->loop_class[root] == loop_class)
        return l->stage[root];
    return crossing_stage(l, value);
}

static void assemble(numc_lowering *l, int32_t n)
{
    const numc_ir_node *node = &l->ir->nodes[n];
    int32_t v = node->first_output;
    const numc_type *type = &l->ir->values[v].type;
    int64_t strides[NUMC_RANK_LIMIT];
    numc__lower_strides(l, v, strides);
    int32_t floor_stage = 0, stage = 0, pieces = node->input_count;
    const int64_t *numbers = node->attributes->numbers;
    if (node->primitive == NUMC_PRIMITIVE_PAD) {
        pieces = 1;
        floor_stage = operand_stage(l, node->inputs[1], &(numc_space){0, NULL}, NUMC_FLAT);
        floor_stage = larger(floor_stage, crossing_stage(l, node->inputs[1]));
        int32_t unit = nest_for(l, &l->spaces[v], NUMC_FLAT, floor_stage);
        statement_new(l, unit, NUMC_STATEMENT_FILL, n, node->inputs[1]);
        l->stage[v] = stage = floor_stage;
        l->unit_of[v] = unit;
        floor_stage++;
    }
    int64_t start = 0;
    for (int32_t k = 0; k < pieces && !l->failed; k++) {
        int32_t input = node->inputs[k];
        const numc_type *piece = &l->ir->values[input].type;
        if (numc__type_size(piece) == 0)
            continue;
        int32_t ready = larger(floor_stage, operand_stage(l, input, &l->spaces[input], NUMC_FLAT));
        int32_t unit = nest_for(l, &l->spaces[input], NUMC_FLAT, ready);
        numc_statement *statement = statement_new(l, unit, NUMC_STATEMENT_PIECE, n, input);
        int64_t *steps = numc__lower_allocate(l, (size_t)type->rank, sizeof *steps);
        if (statement == NULL || steps == NULL)
            return;
        statement->strides = steps;
        for (int32_t d = 0; d < type->rank; d++)
            steps[d] = strides[d];
        if (node->primitive == NUMC_PRIMITIVE_CONCAT) {
            statement->offset = start * strides[numbers[0]];
            start += piece->shape[numbers[0]];
        } else if (node->primitive == NUMC_PRIMITIVE_COMPLEX) { /* in parts */
            statement->offset = k;
            for (int32_t d = 0; d < type->rank; d++)
                steps[d] *= 2;
        } else {
            for (int32_t d = 0; d < type->rank; d++) {
                statement->offset += numbers[d] * strides[d];
                steps[d] *= numbers[type->rank + d] + 1;
            }
        }
        if (ready >= stage) {
            stage = ready;
            l->unit_of[v] = unit;
        }
    }
    l->stage[v] = stage;
}

static void copy_views(numc_lowering *l, int32_t node)
{
    int32_t v = l->ir->nodes[node].first_output;
    if (l->roles[v] != NUMC_ROLE_VIEW || !l->memory[v])
        return;
    l->memory[v] = false; /* look through it once more */
    int32_t stage = operand_stage(l, v, &l->spaces[v], NUMC_FLAT);
    l->memory[v] = true;
    l->stage[v] = stage;
    l->unit_of[v] = nest_for(l, &l->spaces[v], NUMC_FLAT, stage);
    statement_new(l, l->unit_of[v], NUMC_STATEMENT_COPY, -1, v);
}

static void find_units(numc_lowering *l)
{
    numc_ir *ir = l->ir;
    for (int32_t n = 0; n < ir->node_count && !l->failed; n++) {
        if (!l->needed[n])
            continue;
        const numc_ir_node *node = &ir->nodes[n];
        int32_t v = node->first_output, stage = 0;
        switch (l->roles[v]) {
        case NUMC_ROLE_VIEW:
            copy_views(l, n);
            continue;
        case NUMC_ROLE_SCALAR:
        case NUMC_ROLE_REDUCE: {
            const numc_space *space = &l->spaces[l->roles[v] == NUMC_ROLE_REDUCE ? node->inputs[0] : v];
            for (int32_t k = 0; k < node->input_count; k++) {
                bool gathered = node->primitive == NUMC_PRIMITIVE_GATHER && k == 0;
                stage = larger(stage, gathered ? crossing_stage(l, node->inputs[k])
                                               : operand_stage(l, node->inputs[k], space, l->loop_class[v]));
            }
            int32_t unit = nest_for(l, space, l->loop_class[v], stage);
            statement_new(l, unit, NUMC_STATEMENT_APPLY, n, v);
            l->stage[v] = stage;
            l->unit_of[v] = unit;
            continue;
        }
        case NUMC_ROLE_ASSEMBLE:
            assemble(l, n);
            continue;
        default:
            break;
        }
        for (int32_t k = 0; k < node->input_count; k++)
            stage = larger(stage, crossing_stage(l, node->inputs[k]));
        int32_t unit = unit_new(l, l->roles[v] == NUMC_ROLE_SMALL ? NUMC_UNIT_SMALL : NUMC_UNIT_SLOT, NULL, NUMC_FLAT, stage);
        if (unit < 0)
            return;
        l->units[unit].node = n;
        for (int32_t k = 0; k < node->output_count; k++) {
            l->stage[v + k] = stage;
            l->unit_of[v + k] = unit;
        }
    }
}

/* An elementwise value read by a nest it is not part of is written out by its own. */
static void place_crossings(numc_lowering *l)
{
    for (int32_t u = 0; u < l->unit_count; u++) {
        for (int32_t s = 0; s < l->units[u].statement_count; s++) {
            const numc_statement *statement = &l->units[u].statements[s];
            const numc_ir_node *node = statement->kind == NUMC_STATEMENT_APPLY ? &l->ir->nodes[statement->node] : NULL;
            int32_t count = node != NULL ? node->input_count : 1;
            for (int32_t k = 0; k < count; k++) {
                int32_t value = node != NULL ? node->inputs[k] : statement->value;
                if (l->roles[value] == NUMC_ROLE_VIEW && l->memory[value])
                    continue;
                int32_t root = numc__lower_root(l, value);
                if (l->roles[root] == NUMC_ROLE_SCALAR && l->unit_of[root] != u && !numc__lower_is_scalar(l, root))
                    l->memory[root] = true;
            }
        }
    }
}

/* ---- order: kernels take every nest that is ready; slots run between them ------------------------------------------------- */

/* Every fill and piece of an assembled value is written; fills_only: what a piece must wait for. */
static bool assembled(const numc_lowering *l, int32_t node, bool fills_only)
{
    for (int32_t u = 0; u < l->unit_count; u++) {
        if (l->units[u].done)
            continue;
        for (int32_t s = 0; s < l->units[u].statement_count; s++) {
            const numc_statement *statement = &l->units[u].statements[s];
            if (statement->node == node && (statement->kind == NUMC_STATEMENT_FILL ||
                                            (statement->kind == NUMC_STATEMENT_PIECE && !fills_only)))
                return false;
        }
    }
    return true;
}

static bool made(const numc_lowering *l, int32_t value, int32_t unit)
{
    if (l->roles[value] == NUMC_ROLE_ASSEMBLE)
        return assembled(l, l->ir->values[value].node, false);
    int32_t maker = l->unit_of[value];
    return maker < 0 || maker == unit || l->units[maker].done;
}

static bool value_ready(numc_lowering *l, int32_t value, int32_t unit)
{
    numc_view_of view;
    numc__lower_view(l, value, &view);
    return made(l, view.base, unit) && made(l, numc__lower_root(l, value), unit);
}

static bool unit_ready(numc_lowering *l, int32_t u)
{
    const numc_unit *unit = &l->units[u];
    if (unit->kind != NUMC_UNIT_NEST) {
        const numc_ir_node *node = &l->ir->nodes[unit->node];
        for (int32_t k = 0; k < node->input_count; k++)
            if (!value_ready(l, node->inputs[k], u))
                return false;
        return true;
    }
    for (int32_t s = 0; s < unit->statement_count; s++) {
        const numc_statement *statement = &unit->statements[s];
        if (statement->kind == NUMC_STATEMENT_APPLY) {
            const numc_ir_node *node = &l->ir->nodes[statement->node];
            for (int32_t k = 0; k < node->input_count; k++)
                if (!value_ready(l, node->inputs[k], u))
                    return false;
        } else {
            bool kept = l->memory[statement->value];
            if (statement->kind == NUMC_STATEMENT_COPY)
                l->memory[statement->value] = false;
            bool ready = value_ready(l, statement->value, u);
            l->memory[statement->value] = kept;
            if (!ready || (statement->kind == NUMC_STATEMENT_PIECE && !assembled(l, statement->node, true)))
                return false;
        }
    }
    return true;
}

static void schedule(numc_lowering *l)
{
    int32_t *by_stage = numc__lower_allocate(l, (size_t)l->unit_count, sizeof *by_stage);
    l->order = numc__lower_allocate(l, (size_t)l->unit_count, sizeof *l->order);
    if (by_stage == NULL || l->order == NULL)
        return;
    int32_t count = 0, highest = 0;
    for (int32_t u = 0; u < l->unit_count; u++)
        highest = larger(highest, l->units[u].stage);
    for (int32_t stage = 0; stage <= highest; stage++)
        for (int32_t u = 0; u < l->unit_count; u++)
            if (l->units[u].stage == stage)
                by_stage[count++] = u;
    int32_t placed = 0, kernel = 0;
    while (placed < l->unit_count && !l->failed) {
        int32_t before = placed;
        bool open = false;
        for (bool more = true; more;) { /* a kernel */
            more = false;
            for (int32_t k = 0; k < count; k++) {
                int32_t u = by_stage[k];
                if (l->units[u].done || l->units[u].kind == NUMC_UNIT_SLOT || !unit_ready(l, u))
                    continue;
                l->units[u].done = more = open = true;
                l->units[u].kernel = kernel;
                l->order[placed++] = u;
                if (!l->one_kernel)
                    kernel++;
            }
        }
        if (open && l->one_kernel)
            kernel++;
        for (int32_t k = 0; k < count; k++) {
            int32_t u = by_stage[k];
            if (!l->units[u].done && l->units[u].kind == NUMC_UNIT_SLOT && unit_ready(l, u)) {
                l->order[placed++] = u;
                l->units[u].done = true;
            }
        }
        if (placed == before) {
            numc__fail(l->context, NUMC_INTERNAL, "compile: the program's steps depend on each other in a circle");
            l->failed = true;
        }
    }
}

/* A scalar made in one kernel and read in another step needs a place of its own. */
static void place_shared_scalars(numc_lowering *l)
{
    for (int32_t u = 0; u < l->unit_count; u++) {
        const numc_unit *unit = &l->units[u];
        int32_t statements = unit->kind == NUMC_UNIT_NEST ? unit->statement_count : 1;
        for (int32_t s = 0; s < statements; s++) {
            const numc_statement *statement = unit->kind == NUMC_UNIT_NEST ? &unit->statements[s] : NULL;
            int32_t single = statement != NULL ? statement->value : -1;
            const int32_t *inputs = &single;
            int32_t count = 1;
            if (statement == NULL || statement->kind == NUMC_STATEMENT_APPLY) {
                const numc_ir_node *node = &l->ir->nodes[statement != NULL ? statement->node : unit->node];
                inputs = node->inputs;
                count = node->input_count;
            }
            for (int32_t k = 0; k < count; k++) {
                numc_view_of view;
                bool copied = statement != NULL && statement->kind == NUMC_STATEMENT_COPY;
                if (copied) /* reads what the view it writes out looks at */
                    l->memory[inputs[k]] = false;
                numc__lower_view(l, inputs[k], &view);
                if (copied)
                    l->memory[inputs[k]] = true;
                int32_t maker = l->unit_of[view.base];
                if (maker >= 0 && (l->units[maker].kernel != unit->kernel || unit->kernel < 0) && maker != u &&
                    l->roles[view.base] != NUMC_ROLE_VIEW)
                    l->memory[view.base] = true;
            }
        }
    }
}

bool numc__stage_fusion(numc_context *context, void *subject)
{
    numc_lowering *l = subject;
    (void)context;
    find_units(l);
    if (!l->failed)
        place_crossings(l);
    if (!l->failed)
        schedule(l);
    if (!l->failed)
        place_shared_scalars(l);
    return !l->failed;
}
