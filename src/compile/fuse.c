/* fuse.c - decides what is computed together: roles and places of values, stages, nests, and their order.
 *
 * The stage of an application is the longest chain of crossings that leads to it, where a crossing is an operand that cannot
 * be taken from a register of the same nest (another space, a reduction's result, a look through strides, a slot's output).
 * Applications of one space, loop class and stage therefore never depend on each other through memory and form one nest. */
#include "compile/lower.h"

#include <string.h>

static void *allocate(numc_lowering *l, size_t count, size_t size)
{
    void *memory = l->failed ? NULL : numc__arena_allocate(l->arena, count, size);
    if (memory == NULL)
        l->failed = true;
    return memory;
}

static bool same_space(const numc_space *a, const numc_space *b)
{
    return a->rank == b->rank &&
           (a->rank == 0 || memcmp(a->extents, b->extents, (size_t)a->rank * sizeof *a->extents) == 0);
}

bool numc__lower_is_scalar(const numc_lowering *l, int32_t value)
{
    return l->spaces[value].rank == 0;
}

static bool is_view_primitive(int32_t primitive)
{
    return primitive == NUMC_PRIMITIVE_BROADCAST || primitive == NUMC_PRIMITIVE_RESHAPE ||
           primitive == NUMC_PRIMITIVE_PERMUTE || primitive == NUMC_PRIMITIVE_SLICE ||
           primitive == NUMC_PRIMITIVE_FLIP || primitive == NUMC_PRIMITIVE_IOTA ||
           primitive == NUMC_PRIMITIVE_REAL || primitive == NUMC_PRIMITIVE_IMAG;
}

int32_t numc__lower_root(const numc_lowering *l, int32_t value)
{
    for (;;) {
        const numc_ir_node *node = l->roles[value] == NUMC_ROLE_VIEW ? numc__lower_node(l, value) : NULL;
        if (node == NULL || l->memory[value] ||
            (node->primitive != NUMC_PRIMITIVE_RESHAPE && node->primitive != NUMC_PRIMITIVE_BROADCAST) ||
            !same_space(&l->spaces[value], &l->spaces[node->inputs[0]]))
            return value;
        value = node->inputs[0];
    }
}

/* ---- views ------------------------------------------------------------------------------------------------------------------------ */

static void row_major(const numc_type *type, int64_t *strides)
{
    int64_t stride = 1;
    for (int32_t d = type->rank - 1; d >= 0; d--) {
        strides[d] = stride;
        stride *= type->shape[d];
    }
}

static bool is_row_major(const numc_type *type, const int64_t *strides)
{
    int64_t stride = 1;
    for (int32_t d = type->rank - 1; d >= 0; d--) {
        if (type->shape[d] != 1 && strides[d] != stride)
            return false;
        stride *= type->shape[d];
    }
    return true;
}

static void place(numc_lowering *l, int32_t value)
{
    if (l->memory[value] || l->roles[value] == NUMC_ROLE_GIVEN)
        return;
    l->memory[value] = true;
    l->loop_class[value] = NUMC_FLAT;
    if (l->roles[value] == NUMC_ROLE_VIEW) {
        numc_view_of view; /* its base, in turn */
        l->memory[value] = false;
        numc__lower_view(l, value, &view);
        l->memory[value] = true;
    }
}

/* A reshape as a re-reading of strides: drops and adds axes of size one, or any reshape of a row-major block, or a splat. */
static bool reshape_strides(const numc_type *from, const int64_t *strides, const numc_type *to, int64_t *result)
{
    bool splat = true;
    for (int32_t d = 0; d < from->rank; d++)
        splat = splat && (from->shape[d] == 1 || strides[d] == 0);
    if (splat) {
        for (int32_t d = 0; d < to->rank; d++)
            result[d] = 0;
        return true;
    }
    int32_t d = 0, e = 0;
    bool squeeze = true;
    for (;;) {
        while (d < from->rank && from->shape[d] == 1)
            d++;
        while (e < to->rank && to->shape[e] == 1)
            result[e++] = 0;
        if (d == from->rank || e == to->rank)
            break;
        if (from->shape[d] != to->shape[e]) {
            squeeze = false;
            break;
        }
        result[e++] = strides[d++];
    }
    if (squeeze && d == from->rank && e == to->rank)
        return true;
    if (!is_row_major(from, strides))
        return false;
    row_major(to, result);
    return true;
}

void numc__lower_view(numc_lowering *l, int32_t value, numc_view_of *view)
{
    const numc_type *type = &l->ir->values[value].type;
    const numc_ir_node *node = l->roles[value] == NUMC_ROLE_VIEW && !l->memory[value] ? numc__lower_node(l, value) : NULL;
    if (node == NULL) {
        view->base = value;
        view->offset = 0;
        row_major(type, view->strides);
        if (numc__ir_immediate(l->ir, value) != NULL)
            memset(view->strides, 0, sizeof view->strides);
        else if (l->placing && l->roles[value] != NUMC_ROLE_GIVEN && !(numc__lower_is_scalar(l, value) && l->roles[value] != NUMC_ROLE_SLOT &&
                                                         l->roles[value] != NUMC_ROLE_ASSEMBLE))
            place(l, value);
        return;
    }
    const int64_t *numbers = node->attributes->numbers;
    if (node->primitive == NUMC_PRIMITIVE_IOTA) {
        view->base = value;
        view->offset = 0;
        for (int32_t d = 0; d < type->rank; d++)
            view->strides[d] = d == numbers[0];
        return;
    }
    int32_t input = node->inputs[0];
    const numc_type *from = &l->ir->values[input].type;
    numc_view_of inner;
    numc__lower_view(l, input, &inner);
    view->base = inner.base;
    view->offset = inner.offset;
    switch (node->primitive) {
    case NUMC_PRIMITIVE_BROADCAST:
        for (int32_t d = 0; d < type->rank; d++) {
            int32_t e = d - (type->rank - from->rank);
            view->strides[d] = e < 0 || from->shape[e] == 1 ? 0 : inner.strides[e];
        }
        break;
    case NUMC_PRIMITIVE_PERMUTE:
        for (int32_t d = 0; d < type->rank; d++)
            view->strides[d] = inner.strides[numbers[d]];
        break;
    case NUMC_PRIMITIVE_SLICE:
        for (int32_t d = 0; d < type->rank; d++) {
            view->offset += numbers[d] * inner.strides[d];
            view->strides[d] = inner.strides[d] * numbers[2 * type->rank + d];
        }
        break;
    case NUMC_PRIMITIVE_FLIP:
        for (int32_t d = 0; d < type->rank; d++) {
            view->strides[d] = numbers[d] != 0 ? -inner.strides[d] : inner.strides[d];
            if (numbers[d] != 0 && from->shape[d] > 0)
                view->offset += (from->shape[d] - 1) * inner.strides[d];
        }
        break;
    case NUMC_PRIMITIVE_REAL:
    case NUMC_PRIMITIVE_IMAG: /* offsets and strides in parts */
        view->offset = 2 * inner.offset + (node->primitive == NUMC_PRIMITIVE_IMAG);
        for (int32_t d = 0; d < type->rank; d++)
            view->strides[d] = 2 * inner.strides[d];
        break;
    default: /* RESHAPE */
        if (!reshape_strides(from, inner.strides, type, view->strides)) {
            if (l->placing)
                place(l, input); /* written out in its own order first */
            view->base = input;
            view->offset = 0;
            row_major(type, view->strides);
        }
        break;
    }
}

/* ---- roles ------------------------------------------------------------------------------------------------------------------------- */

static bool is_reduction(int32_t primitive)
{
    return primitive >= NUMC_PRIMITIVE_REDUCE_SUM && primitive <= NUMC_PRIMITIVE_ARGMIN;
}

static numc_role role_of(numc_lowering *l, int32_t n)
{
    const numc_ir_node *node = &l->ir->nodes[n];
    if (is_view_primitive(node->primitive))
        return NUMC_ROLE_VIEW;
    if (numc__primitive_is_scalar(node->primitive) || node->primitive == NUMC_PRIMITIVE_GATHER)
        return NUMC_ROLE_SCALAR;
    if (is_reduction(node->primitive))
        return NUMC_ROLE_REDUCE;
    if (node->primitive == NUMC_PRIMITIVE_CONCAT || node->primitive == NUMC_PRIMITIVE_PAD ||
        node->primitive == NUMC_PRIMITIVE_COMPLEX)
        return NUMC_ROLE_ASSEMBLE;
    if ((l->small[n] = numc__small_new(l, node)) != NULL)
        return NUMC_ROLE_SMALL;
    return NUMC_ROLE_SLOT;
}

static void find_spaces(numc_lowering *l)
{
    for (int32_t v = 0; v < l->ir->value_count && !l->failed; v++) {
        const numc_type *type = &l->ir->values[v].type;
        int64_t *extents = allocate(l, (size_t)type->rank, sizeof *extents);
        if (extents == NULL)
            return;
        int32_t rank = 0;
        for (int32_t d = 0; d < type->rank; d++)
            if (type->shape[d] != 1)
                extents[rank++] = type->shape[d];
        l->spaces[v] = (numc_space){rank, extents};
    }
}

static void find_roles(numc_lowering *l, const int32_t *outputs, int32_t output_count)
{
    numc_ir *ir = l->ir;
    bool *live = allocate(l, (size_t)ir->value_count, sizeof *live);
    if (live == NULL)
        return;
    for (int32_t k = 0; k < output_count; k++)
        live[outputs[k]] = l->output[outputs[k]] = true;
    for (int32_t n = ir->node_count - 1; n >= 0; n--) {
        const numc_ir_node *node = &ir->nodes[n];
        bool used = false;
        for (int32_t k = 0; k < node->output_count; k++) {
            int32_t v = node->first_output + k;
            used = used || (live[v] && l->external[v] < 0);
        }
        if (!used)
            continue;
        l->needed[n] = true;
        for (int32_t k = 0; k < node->input_count; k++)
            live[node->inputs[k]] = true;
    }
    for (int32_t v = 0; v < ir->value_count && !l->failed; v++) {
        int32_t n = ir->values[v].node;
        l->loop_class[v] = -1;
        l->unit_of[v] = -1;
        if (l->external[v] >= 0 || n < 0)
            l->roles[v] = NUMC_ROLE_GIVEN;
        else if (l->needed[n])
            l->roles[v] = ir->nodes[n].first_output == v ? role_of(l, n) : l->roles[ir->nodes[n].first_output];
    }
}

/* ---- loop classes and places, consumers first ------------------------------------------------------------------------------- */

static int32_t reduce_class(numc_lowering *l, const numc_ir_node *node)
{
    int32_t input = node->inputs[0];
    const numc_type *type = &l->ir->values[input].type;
    numc_reduce_class wanted = {.space = l->spaces[input]};
    int32_t axis = 0;
    bool full = true;
    for (int32_t d = 0; d < type->rank; d++) {
        if (type->shape[d] == 1)
            continue;
        for (int32_t k = 0; k < node->attributes->count; k++)
            if (node->attributes->numbers[k] == d)
                wanted.reduced[axis] = true;
        full = full && wanted.reduced[axis];
        axis++;
    }
    if (full)
        return NUMC_FLAT;
    for (int32_t k = 0; k < l->class_count; k++)
        if (same_space(&l->classes[k].space, &wanted.space) &&
            memcmp(l->classes[k].reduced, wanted.reduced, sizeof wanted.reduced) == 0)
            return k + 1;
    if (l->class_count == l->class_capacity) {
        int32_t capacity = l->class_capacity == 0 ? 16 : 2 * l->class_capacity;
        numc_reduce_class *classes = allocate(l, (size_t)capacity, sizeof *classes);
        if (classes == NULL)
            return NUMC_FLAT;
        if (l->class_count > 0)
            memcpy(classes, l->classes, (size_t)l->class_count * sizeof *classes);
        l->classes = classes;
        l->class_capacity = capacity;
    }
    l->classes[l->class_count] = wanted;
    return ++l->class_count;
}

/* A consumer that could take the value from a register of a nest of class `wanted`. */
static void use_pointwise(numc_lowering *l, int32_t value, int32_t wanted)
{
    int32_t root = numc__lower_root(l, value);
    if (l->roles[root] == NUMC_ROLE_SCALAR) {
        if (l->loop_class[root] < 0)
            l->loop_class[root] = wanted;
        else if (l->loop_class[root] != wanted) {
            l->loop_class[root] = NUMC_FLAT;
            if (wanted != NUMC_FLAT)
                l->memory[root] = true;
        }
    } else if (l->roles[root] != NUMC_ROLE_GIVEN) {
        numc_view_of view;
        numc__lower_view(l, root, &view);
    }
}

static void use_through_memory(numc_lowering *l, int32_t value)
{
    numc_view_of view;
    numc__lower_view(l, value, &view);
    if (l->roles[view.base] == NUMC_ROLE_VIEW || numc__ir_immediate(l->ir, view.base) != NULL)
        place(l, value); /* a slot reads memory: not an index, not a number */
    else if (l->roles[view.base] != NUMC_ROLE_GIVEN)
        place(l, view.base);
}

static bool is_sequence(const numc_ir_node *node, int32_t k)
{
    return node->primitive == NUMC_PRIMITIVE_SCAN && k >= node->attributes->numbers[0]
           && k < node->attributes->numbers[0] + node->attributes->numbers[1];
}

/* A look at a placed value that steps through it in order; places what it looks at. */
static bool in_order(numc_lowering *l, int32_t value)
{
    numc_view_of view;
    numc__lower_view(l, value, &view);
    return is_row_major(&l->ir->values[value].type, view.strides)
           && (l->roles[view.base] == NUMC_ROLE_GIVEN || l->memory[view.base]);
}

/* A reshape that re-read the strides of a splat, or of a block in order, may find other strides once a view before it was placed
 * for another reader: then its operand is written out too, also where the reshape is, since that copies what it looks at.
 * Likewise a sequence whose steps lay in order, before what it looks at was written out in another one. */
static void settle_views(numc_lowering *l)
{
    for (bool changed = true; changed && !l->failed;) {
        changed = false;
        for (int32_t n = l->ir->node_count - 1; n >= 0; n--) {
            const numc_ir_node *node = &l->ir->nodes[n];
            int32_t v = node->first_output;
            for (int32_t k = 0; l->needed[n] && l->roles[v] == NUMC_ROLE_SLOT && k < node->input_count; k++) {
                if (!is_sequence(node, k) || l->memory[node->inputs[k]] || l->roles[node->inputs[k]] == NUMC_ROLE_GIVEN ||
                    in_order(l, node->inputs[k]))
                    continue;
                place(l, node->inputs[k]);
                changed = true;
            }
            if (!l->needed[n] || node->primitive != NUMC_PRIMITIVE_RESHAPE || l->roles[v] != NUMC_ROLE_VIEW)
                continue;
            int32_t input = node->inputs[0];
            numc_view_of inner;
            int64_t strides[NUMC_RANK_LIMIT];
            l->placing = false;
            numc__lower_view(l, input, &inner);
            l->placing = true;
            if (reshape_strides(&l->ir->values[input].type, inner.strides, &l->ir->values[v].type, strides) || l->memory[input])
                continue;
            place(l, input);
            changed = true;
        }
    }
}

/* One element stays in a register, but for what a scan stacks and reads step by step; its constants are read by its body's own
 * strides: they have to lie in order. */
static void place_small(numc_lowering *l, int32_t n)
{
    const numc_ir_node *node = &l->ir->nodes[n];
    bool batch = numc__small_has_batch(l->small[n]), scan = node->primitive == NUMC_PRIMITIVE_SCAN;
    int64_t carries = scan ? node->attributes->numbers[0] : node->output_count;
    for (int32_t k = 0; k < node->output_count; k++)
        if (!numc__lower_is_scalar(l, node->first_output + k) || k >= carries || batch)
            l->memory[node->first_output + k] = true;
    for (int32_t k = 0; k < node->input_count; k++) {
        int32_t input = node->inputs[k];
        bool constant = scan && k >= carries + node->attributes->numbers[1];
        if (numc__lower_is_scalar(l, input) && !is_sequence(node, k)) {
            numc_view_of view;
            numc__lower_view(l, input, &view);
        } else if (numc__ir_immediate(l->ir, input) == NULL) {
            if (constant)
                place(l, input);
            else
                use_through_memory(l, input);
        }
    }
}

static void find_places(numc_lowering *l)
{
    numc_ir *ir = l->ir;
    l->placing = true;
    for (int32_t n = ir->node_count - 1; n >= 0 && !l->failed; n--) {
        if (!l->needed[n])
            continue;
        const numc_ir_node *node = &ir->nodes[n];
        int32_t v = node->first_output;
        for (int32_t k = 0; k < node->output_count; k++)
            if (l->output[v + k])
                place(l, v + k);
        switch (l->roles[v]) {
        case NUMC_ROLE_SCALAR: {
            if (l->loop_class[v] < 0 || numc__lower_is_scalar(l, v))
                l->loop_class[v] = NUMC_FLAT;
            if (l->loop_class[v] != NUMC_FLAT && l->memory[v])
                l->loop_class[v] = NUMC_FLAT;
            for (int32_t k = 0; k < node->input_count; k++) {
                int32_t input = node->inputs[k];
                numc_view_of view;
                if (node->primitive == NUMC_PRIMITIVE_GATHER && k == 0) {
                    use_through_memory(l, input);
                } else if (same_space(&l->spaces[input], &l->spaces[v])) {
                    use_pointwise(l, input, l->loop_class[v]);
                } else {
                    numc__lower_view(l, input, &view);
                }
            }
            break;
        }
        case NUMC_ROLE_REDUCE:
            l->loop_class[v] = reduce_class(l, node);
            if (!numc__lower_is_scalar(l, v))
                l->memory[v] = true;
            use_pointwise(l, node->inputs[0], l->loop_class[v]);
            break;
        case NUMC_ROLE_ASSEMBLE:
            l->memory[v] = true;
            for (int32_t k = 0; k < node->input_count; k++)
                use_pointwise(l, node->inputs[k], NUMC_FLAT);
            break;
        case NUMC_ROLE_SMALL:
            place_small(l, n);
            break;
        case NUMC_ROLE_SLOT:
            for (int32_t k = 0; k < node->output_count; k++)
                l->memory[v + k] = true;
            for (int32_t k = 0; k < node->input_count; k++) {
                if (is_sequence(node, k) && in_order(l, node->inputs[k]))
                    continue; /* its steps are read where they lie */
                if (numc__primitive_is_control(node->primitive) ||
                    (node->primitive == NUMC_PRIMITIVE_SCATTER && k == 0))
                    place(l, node->inputs[k]); /* copied whole: has to lie in order */
                else
                    use_through_memory(l, node->inputs[k]);
            }
            break;
        default:
            break;
        }
    }
    settle_views(l);
    l->placing = false;
}

/* ---- stages and units, producers first ------------------------------------------------------------------------------------------ */

static int32_t unit_new(numc_lowering *l, numc_unit_kind kind, const numc_space *space, int32_t loop_class, int32_t stage)
{
    if (l->unit_count == l->unit_capacity) {
        int32_t capacity = l->unit_capacity == 0 ? 32 : 2 * l->unit_capacity;
        numc_unit *units = allocate(l, (size_t)capacity, sizeof *units);
        if (units == NULL)
            return -1;
        if (l->unit_count > 0)
            memcpy(units, l->units, (size_t)l->unit_count * sizeof *units);
        l->units = units;
        l->unit_capacity = capacity;
    }
    l->units[l->unit_count] = (numc_unit){.kind = kind, .space = space == NULL ? (numc_space){0, NULL} : *space,
                                          .loop_class = loop_class, .stage = stage, .node = -1, .kernel = -1};
    return l->unit_count++;
}

static int32_t nest_for(numc_lowering *l, const numc_space *space, int32_t loop_class, int32_t stage)
{
    for (int32_t u = 0; u < l->unit_count; u++)
        if (l->units[u].kind == NUMC_UNIT_NEST && l->units[u].stage == stage && l->units[u].loop_class == loop_class &&
            same_space(&l->units[u].space, space))
            return u;
    return unit_new(l, NUMC_UNIT_NEST, space, loop_class, stage);
}

static numc_statement *statement_new(numc_lowering *l, int32_t unit, numc_statement_kind kind, int32_t node, int32_t value)
{
    if (unit < 0 || l->failed)
        return NULL;
    numc_unit *u = &l->units[unit];
    if (u->statement_count == u->statement_capacity) {
        int32_t capacity = u->statement_capacity == 0 ? 8 : 2 * u->statement_capacity;
        numc_statement *statements = allocate(l, (size_t)capacity, sizeof *statements);
        if (statements == NULL)
            return NULL;
        if (u->statement_count > 0)
            memcpy(statements, u->statements, (size_t)u->statement_count * sizeof *statements);
        u->statements = statements;
        u->statement_capacity = capacity;
    }
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
    if (same_space(&l->spaces[root], space) && l->roles[root] == NUMC_ROLE_SCALAR && l->loop_class[root] == loop_class)
        return l->stage[root];
    return crossing_stage(l, value);
}

static void assemble(numc_lowering *l, int32_t n)
{
    const numc_ir_node *node = &l->ir->nodes[n];
    int32_t v = node->first_output;
    const numc_type *type = &l->ir->values[v].type;
    int64_t strides[NUMC_RANK_LIMIT];
    row_major(type, strides);
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
        int64_t *steps = allocate(l, (size_t)type->rank, sizeof *steps);
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
    int32_t *by_stage = allocate(l, (size_t)l->unit_count, sizeof *by_stage);
    l->order = allocate(l, (size_t)l->unit_count, sizeof *l->order);
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

void numc__fuse(numc_lowering *l, const int32_t *outputs, int32_t output_count)
{
    find_spaces(l);
    if (!l->failed)
        find_roles(l, outputs, output_count);
    if (!l->failed)
        find_places(l);
    if (!l->failed)
        find_units(l);
    if (!l->failed)
        place_crossings(l);
    if (!l->failed)
        schedule(l);
    if (!l->failed)
        place_shared_scalars(l);
}
