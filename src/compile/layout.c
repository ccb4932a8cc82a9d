/* layout.c - decides how each value is had: elements in memory in their own order, numbers in registers, or looks at another value
 * through strides, which cost nothing. A transposed factor is a look too: slots take strides, and only what they copy whole has
 * to lie in order. What only loops write and read, and has a last axis too short for vectors beside a long one, is turned: it lies
 * with the longest axis innermost, as the loops over it stand. Loop classes come with it, since a value that is partly reduced by one reader and not by another needs a place.
 *
 * It stands before fusion, which asks whether an operand can be a register; fusion adds places for what crosses from nest to nest. */
#include "compile/lower.h"
#include "compile/stage.h"

#include <string.h>

void *numc__lower_allocate(numc_lowering *l, size_t count, size_t size)
{
    void *memory = l->failed ? NULL : numc__arena_allocate(l->arena, count, size);
    if (memory == NULL)
        l->failed = true;
    return memory;
}

bool numc__lower_grow(numc_lowering *l, void *list, size_t item, int32_t count, int32_t *capacity)
{
    l->failed = l->failed || !numc__arena_grow(l->arena, list, item, count, capacity);
    return !l->failed;
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
            !numc__same_space(&l->spaces[value], &l->spaces[node->inputs[0]]))
            return value;
        value = node->inputs[0];
    }
}

/* ---- views ------------------------------------------------------------------------------------------------------------------------ */

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
    numc__row_major(to, result);
    return true;
}

void numc__lower_view(numc_lowering *l, int32_t value, numc_view_of *view)
{
    const numc_type *type = &l->ir->values[value].type;
    const numc_ir_node *node = l->roles[value] == NUMC_ROLE_VIEW && !l->memory[value] ? numc__lower_node(l, value) : NULL;
    if (node == NULL) {
        view->base = value;
        view->offset = 0;
        numc__lower_strides(l, value, view->strides);
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
            numc__row_major(type, view->strides);
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
        int64_t *extents = numc__lower_allocate(l, (size_t)type->rank, sizeof *extents);
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
    bool *live = numc__lower_allocate(l, (size_t)ir->value_count, sizeof *live);
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
        if (numc__same_space(&l->classes[k].space, &wanted.space) &&
            memcmp(l->classes[k].reduced, wanted.reduced, sizeof wanted.reduced) == 0)
            return k + 1;
    if (!numc__lower_grow(l, &l->classes, sizeof *l->classes, l->class_count, &l->class_capacity))
        return NUMC_FLAT;
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
                } else if (numc__same_space(&l->spaces[input], &l->spaces[v])) {
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

/* ---- turned values --------------------------------------------------------------------------------------------------------------- */

/* Loops over it would stand with the longest axis innermost, were their accesses not even. */
static bool turns(const numc_space *space)
{
    bool longer = false;
    for (int32_t d = 0; d + 1 < space->rank; d++)
        longer = longer || space->extents[d] >= NUMC_LONG;
    return longer && space->extents[space->rank - 1] > 1 && space->extents[space->rank - 1] <= NUMC_SHORT;
}

/* Marks what has to lie in its own order: outputs, what slots take, constants of small scans, and what is reshaped to another space. */
static void find_ordered(numc_lowering *l, bool *ordered)
{
    for (int32_t n = l->ir->node_count - 1; n >= 0; n--) {
        const numc_ir_node *node = &l->ir->nodes[n];
        int32_t v = node->first_output;
        if (!l->needed[n])
            continue;
        bool made = l->roles[v] == NUMC_ROLE_SLOT || l->roles[v] == NUMC_ROLE_SMALL, scan = node->primitive == NUMC_PRIMITIVE_SCAN;
        for (int32_t k = 0; k < node->output_count; k++)
            ordered[v + k] = ordered[v + k] || l->output[v + k] || made;
        for (int32_t k = 0; k < node->input_count; k++) {
            int32_t input = node->inputs[k];
            bool own = l->roles[v] == NUMC_ROLE_SLOT ||
                       (l->roles[v] == NUMC_ROLE_SMALL && scan && k >= node->attributes->numbers[0] + node->attributes->numbers[1]) ||
                       (l->roles[v] == NUMC_ROLE_VIEW && ordered[v]) ||
                       (node->primitive == NUMC_PRIMITIVE_RESHAPE && !numc__same_space(&l->spaces[input], &l->spaces[v]));
            ordered[input] = ordered[input] || own || l->roles[input] == NUMC_ROLE_GIVEN;
        }
    }
}

/* Values of one space turn together or not at all: one that has to lie in order, or is given, keeps the others in order, so that the
 * loops over them join. */
static void find_turned(numc_lowering *l)
{
    const size_t count = (size_t)l->ir->value_count;
    bool *ordered = numc__lower_allocate(l, count, sizeof *ordered);
    const numc_space **kept = numc__lower_allocate(l, count, sizeof *kept);
    int32_t kept_count = 0;
    if (ordered == NULL || kept == NULL)
        return;
    find_ordered(l, ordered);
    for (int pass = 0; pass < 2; pass++) /* what keeps others in order; then the others */
        for (int32_t v = 0; v < l->ir->value_count; v++) {
            const numc_space *space = &l->spaces[v];
            if (!turns(space) || l->roles[v] == NUMC_ROLE_NONE || l->roles[v] == NUMC_ROLE_VIEW || numc__ir_immediate(l->ir, v) != NULL)
                continue;
            bool own = ordered[v] || numc__is_complex(l->ir->values[v].type.dtype);
            for (int32_t k = 0; k < kept_count && !own; k++)
                own = numc__same_space(kept[k], space);
            if (pass == 0 && own)
                kept[kept_count++] = space;
            else if (pass == 1)
                l->turned[v] = !own && l->roles[v] != NUMC_ROLE_GIVEN;
        }
}

bool numc__stage_layout(numc_context *context, void *subject)
{
    numc_lowering *l = subject;
    (void)context;
    find_spaces(l);
    if (!l->failed)
        find_roles(l, l->exec->outputs, l->exec->output_count);
    if (!l->failed)
        find_turned(l);
    if (!l->failed)
        find_places(l);
    return !l->failed;
}
