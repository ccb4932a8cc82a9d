/* emit.c - writes the scheduled units down as kernel sources and slot steps.
 *
 * Registers of one-element values stand outside all loops and are seen by every later nest of the kernel; everything else lives
 * in its nest. Loops that all accesses step through evenly are joined. */
#include "compile/emit.h"
#include "compile/stage.h"

#include <string.h>

numc_kernel_node *numc__emit_node(numc_emitter *e, numc_node_list *list, numc_node_kind kind)
{
    if (!numc__lower_grow(e->l, &list->items, sizeof *list->items, list->count, &list->capacity))
        return &e->unused_node;
    list->items[list->count] = (numc_kernel_node){.kind = kind, .result = -1, .operands = {-1, -1, -1, -1}, .match = -1};
    return &list->items[list->count++];
}

int32_t numc__emit_register(numc_emitter *e, numc_dtype dtype)
{
    if (!numc__lower_grow(e->l, &e->registers, sizeof *e->registers, e->register_count, &e->register_capacity))
        return 0;
    e->registers[e->register_count] = (uint32_t)dtype;
    return e->register_count++;
}

int32_t numc__emit_extent(numc_emitter *e, int64_t extent)
{
    if (!numc__lower_grow(e->l, &e->extents, sizeof *e->extents, e->extent_count, &e->extent_capacity))
        return 0;
    e->extents[e->extent_count] = extent;
    return e->extent_count++;
}

int32_t numc__emit_constant(numc_emitter *e, numc_dtype dtype, const void *bytes)
{
    if (!numc__lower_grow(e->l, &e->constants, sizeof *e->constants, e->constant_count, &e->constant_capacity))
        return 0;
    e->constants[e->constant_count] = 0;
    memcpy(&e->constants[e->constant_count], bytes, numc_dtype_size(dtype));
    numc_kernel_node *node = numc__emit_node(e, &e->top, NUMC_NODE_CONSTANT);
    node->dtype = (uint32_t)dtype;
    node->extent = e->constant_count++;
    return node->result = numc__emit_register(e, dtype);
}

int32_t numc__emit_integer(numc_emitter *e, int64_t value)
{
    return numc__emit_constant(e, NUMC_INT64, &value);
}

numc_emit_access *numc__emit_access(numc_emitter *e, int32_t value, bool writes, int64_t offset)
{
    if (!numc__lower_grow(e->l, &e->accesses, sizeof *e->accesses, e->access_count, &e->access_capacity))
        return &e->unused_access;
    numc_emit_access *a = &e->accesses[e->access_count++];
    memset(a, 0, sizeof *a);
    a->access.dtype = (uint32_t)numc__part_dtype(e->l->ir->values[value].type.dtype);
    a->access.writes = writes;
    a->value = value;
    a->offset = offset;
    return a;
}

int32_t numc__emit_operation(numc_emitter *e, numc_node_list *list, int32_t operation, numc_dtype dtype, numc_dtype result, int32_t a, int32_t b)
{
    numc_kernel_node *node = numc__emit_node(e, list, NUMC_NODE_SCALAR);
    node->operation = (uint32_t)operation;
    node->dtype = (uint32_t)dtype;
    node->operands[0] = a;
    node->operands[1] = b;
    int32_t r = numc__emit_register(e, result);
    node->result = r;
    return r;
}

int32_t numc__emit_converted(numc_emitter *e, numc_node_list *list, int32_t reg, numc_dtype to)
{
    if (e->l->failed || e->registers[reg] == (uint32_t)to)
        return reg;
    return numc__emit_operation(e, list, NUMC_SCALAR_CONVERT, to, to, reg, -1);
}

/* Per-axis strides of a full shape as strides of its space. */
static void to_space(const numc_type *type, const int64_t *strides, int64_t *result)
{
    int32_t axis = 0;
    for (int32_t d = 0; d < type->rank; d++)
        if (type->shape[d] != 1)
            result[axis++] = strides[d];
}

/* A complex value is no register: its parts are loaded where they are looked at. */
static bool in_register(const numc_lowering *l, int32_t base)
{
    return numc__lower_is_scalar(l, base) && !numc__is_complex(l->ir->values[base].type.dtype);
}

/* One element of `base` per point of the nest: strides by space axis. Of one element there is no other to step to: its strides are
 * 0, or of an axis without elements. */
static int32_t look(numc_emitter *e, int32_t base, int64_t offset, const int64_t *strides, int32_t rank)
{
    numc_lowering *l = e->l;
    numc_dtype dtype = numc__part_dtype(l->ir->values[base].type.dtype);
    bool uniform = true;
    for (int32_t d = 0; d < rank; d++)
        uniform = uniform && strides[d] == 0;
    if (numc__ir_immediate(l->ir, base) != NULL || in_register(l, base))
        return numc__emit_scalar_value(e, base);
    if (l->roles[base] == NUMC_ROLE_VIEW && !l->memory[base]) { /* iota: offset + sum stride x index */
        int32_t sum = numc__emit_integer(e, offset);
        for (int32_t d = 0; d < rank; d++) {
            if (strides[d] == 0)
                continue;
            if (e->fixed != NULL && e->fixed[d] >= 0) {
                if (e->fixed[d] > 0)
                    sum = numc__emit_operation(e, &e->body, NUMC_SCALAR_ADD, NUMC_INT64, NUMC_INT64,
                                               numc__emit_integer(e, strides[d] * e->fixed[d]), sum);
                continue;
            }
            e->indexed = true;
            numc_kernel_node *index = numc__emit_node(e, &e->body, NUMC_NODE_INDEX);
            index->dtype = NUMC_INT64;
            index->extent = d; /* becomes a depth when the nest is closed */
            int32_t term = index->result = numc__emit_register(e, NUMC_INT64);
            if (strides[d] != 1)
                term = numc__emit_operation(e, &e->body, NUMC_SCALAR_MULTIPLY, NUMC_INT64, NUMC_INT64, term, numc__emit_integer(e, strides[d]));
            sum = numc__emit_operation(e, &e->body, NUMC_SCALAR_ADD, NUMC_INT64, NUMC_INT64, term, sum);
        }
        return numc__emit_converted(e, uniform ? &e->top : &e->body, sum, dtype);
    }
    numc_emit_access *a = numc__emit_access(e, base, false, offset);
    for (int32_t d = 0; d < rank; d++)
        a->strides[d] = strides[d];
    numc_kernel_node *node = numc__emit_node(e, uniform ? &e->top : &e->body, NUMC_NODE_LOAD);
    node->dtype = (uint32_t)dtype;
    node->extent = e->access_count - 1;
    int32_t r = numc__emit_register(e, dtype);
    node->result = r;
    return r;
}

int32_t numc__emit_scalar_value(numc_emitter *e, int32_t value)
{
    numc_lowering *l = e->l;
    int32_t root = numc__lower_root(l, value);
    if (e->top_register[root] >= 0)
        return e->top_register[root];
    const unsigned char *bytes = numc__ir_immediate(l->ir, root);
    if (bytes != NULL)
        return e->top_register[root] = numc__emit_constant(e, l->ir->values[root].type.dtype, bytes);
    numc_view_of view;
    numc__lower_view(l, root, &view);
    if (view.base != root && in_register(l, view.base))
        return e->top_register[root] = numc__emit_scalar_value(e, view.base);
    if (view.base != root)
        return e->top_register[root] = look(e, view.base, view.offset, NULL, 0);
    numc__emit_access(e, root, false, 0); /* made by an earlier step */
    numc_kernel_node *node = numc__emit_node(e, &e->top, NUMC_NODE_LOAD);
    node->dtype = (uint32_t)l->ir->values[root].type.dtype;
    node->extent = e->access_count - 1;
    int32_t r = numc__emit_register(e, l->ir->values[root].type.dtype);
    node->result = r;
    return e->top_register[root] = r;
}

static int32_t operand(numc_emitter *e, int32_t value)
{
    numc_lowering *l = e->l;
    int32_t root = numc__lower_root(l, value);
    if (numc__lower_is_scalar(l, root) || numc__ir_immediate(l->ir, root) != NULL)
        return numc__emit_scalar_value(e, root);
    if (e->nest_register[root] >= 0)
        return e->nest_register[root];
    numc_view_of view;
    int64_t strides[NUMC_RANK_LIMIT];
    numc__lower_view(l, root, &view);
    to_space(&l->ir->values[root].type, view.strides, strides);
    return e->nest_register[root] = look(e, view.base, view.offset, strides, l->spaces[root].rank);
}

static void store(numc_emitter *e, numc_node_list *list, int32_t reg, int32_t target, int32_t access)
{
    numc_kernel_node *node = numc__emit_node(e, list, NUMC_NODE_STORE);
    node->dtype = (uint32_t)numc__part_dtype(e->l->ir->values[target].type.dtype);
    node->operands[0] = reg;
    node->extent = access;
}

void numc__emit_store(numc_emitter *e, numc_node_list *list, int32_t reg, int32_t target, int64_t offset, const int64_t *strides, int32_t rank)
{
    numc_emit_access *a = numc__emit_access(e, target, true, offset);
    for (int32_t d = 0; d < rank; d++)
        a->strides[d] = strides[d];
    store(e, list, reg, target, e->access_count - 1);
}

static void store_value(numc_emitter *e, int32_t reg, int32_t value)
{
    int64_t strides[NUMC_RANK_LIMIT], spaced[NUMC_RANK_LIMIT];
    numc__lower_strides(e->l, value, strides);
    to_space(&e->l->ir->values[value].type, strides, spaced);
    bool scalar = numc__lower_is_scalar(e->l, value);
    numc__emit_store(e, scalar ? &e->top : &e->body, reg, value, 0, spaced, e->l->spaces[value].rank);
}

/* ---- applications ---------------------------------------------------------------------------------------------------------------- */

static int32_t emit_gather(numc_emitter *e, const numc_ir_node *node)
{
    numc_lowering *l = e->l;
    int32_t v = node->first_output, x = node->inputs[0], indices = node->inputs[1];
    const numc_type *type = &l->ir->values[v].type, *xt = &l->ir->values[x].type, *it = &l->ir->values[indices].type;
    int64_t axis = node->attributes->numbers[0];
    bool scalar = numc__lower_is_scalar(l, v);
    numc_node_list *list = scalar ? &e->top : &e->body;
    numc_view_of xv, iv;
    numc__lower_view(l, x, &xv);
    int64_t full[NUMC_RANK_LIMIT] = {0}, strides[NUMC_RANK_LIMIT];
    int32_t index;
    int32_t index_root = numc__lower_root(l, indices);
    if (numc__lower_is_scalar(l, index_root)) {
        index = numc__emit_scalar_value(e, index_root);
    } else if (e->nest_register[index_root] >= 0 && l->spaces[indices].rank == l->spaces[v].rank) {
        index = e->nest_register[index_root];
    } else {
        numc__lower_view(l, indices, &iv);
        for (int32_t d = 0; d < it->rank; d++)
            full[axis + d] = iv.strides[d];
        to_space(type, full, strides);
        index = look(e, iv.base, iv.offset, strides, l->spaces[v].rank);
    }
    index = numc__emit_converted(e, list, index, NUMC_INT64);
    if (!numc__ir_bounded(l->ir, indices, xt->shape[axis] - 1)) {
        index = numc__emit_operation(e, list, NUMC_SCALAR_MAXIMUM, NUMC_INT64, NUMC_INT64, index, numc__emit_integer(e, 0));
        index = numc__emit_operation(e, list, NUMC_SCALAR_MINIMUM, NUMC_INT64, NUMC_INT64, index, numc__emit_integer(e, xt->shape[axis] - 1));
    }
    memset(full, 0, sizeof full);
    for (int32_t d = 0; d < xt->rank; d++) {
        if (d < axis)
            full[d] = xv.strides[d];
        else if (d > axis)
            full[d + it->rank - 1] = xv.strides[d];
    }
    to_space(type, full, strides);
    numc_emit_access *a = numc__emit_access(e, xv.base, false, xv.offset);
    for (int32_t d = 0; d < l->spaces[v].rank; d++)
        a->strides[d] = strides[d];
    a->gather = xv.strides[axis];
    numc_kernel_node *load = numc__emit_node(e, list, NUMC_NODE_LOAD);
    load->dtype = (uint32_t)type->dtype;
    load->extent = e->access_count - 1;
    load->operands[0] = index;
    int32_t r = numc__emit_register(e, type->dtype);
    load->result = r;
    return r;
}

int32_t numc__emit_application(numc_emitter *e, numc_node_list *list, const numc_ir *ir, const numc_ir_node *node, const int32_t *operands)
{
    const numc_scalar_info *info = numc__scalar_info((uint32_t)node->primitive);
    numc_dtype result = ir->values[node->first_output].type.dtype;
    numc_dtype dtype = info->result == NUMC_RESULT_NODE || info->result == NUMC_RESULT_UINT64
                           ? result
                           : ir->values[node->inputs[node->input_count - 1]].type.dtype;
    numc_kernel_node *scalar = numc__emit_node(e, list, NUMC_NODE_SCALAR);
    scalar->operation = (uint32_t)node->primitive;
    scalar->dtype = (uint32_t)dtype;
    for (int32_t k = 0; k < node->input_count; k++)
        scalar->operands[k] = operands[k];
    int32_t r = numc__emit_register(e, result);
    scalar->result = r;
    return r;
}

static int32_t apply_scalar(numc_emitter *e, const numc_ir_node *node)
{
    if (node->primitive == NUMC_PRIMITIVE_GATHER)
        return emit_gather(e, node);
    int32_t operands[4];
    for (int32_t k = 0; k < node->input_count; k++)
        operands[k] = operand(e, node->inputs[k]);
    bool scalar = numc__lower_is_scalar(e->l, node->first_output);
    return numc__emit_application(e, scalar ? &e->top : &e->body, e->l->ir, node, operands);
}

int32_t numc__emit_combined(numc_emitter *e, numc_node_list *list, int32_t operation, numc_dtype dtype, const int32_t *terms,
                            int64_t count)
{
    int32_t lanes[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
    for (int64_t k = 0; k < count; k++)
        lanes[k & 7] = lanes[k & 7] < 0 ? terms[k] : numc__emit_operation(e, list, operation, dtype, dtype, lanes[k & 7], terms[k]);
    for (int half = 4; half > 0; half /= 2)
        for (int k = 0; k < half; k++)
            if (lanes[k + half] >= 0)
                lanes[k] = numc__emit_operation(e, list, operation, dtype, dtype, lanes[k], lanes[k + half]);
    return lanes[0];
}

static uint32_t reduction_of(int32_t primitive)
{
    static const uint8_t reductions[] = {NUMC_REDUCTION_SUM, NUMC_REDUCTION_PROD, NUMC_REDUCTION_MAX, NUMC_REDUCTION_MIN,
                                         NUMC_REDUCTION_ANY, NUMC_REDUCTION_ALL,  NUMC_REDUCTION_ARGMAX, NUMC_REDUCTION_ARGMIN};
    return reductions[primitive - NUMC_PRIMITIVE_REDUCE_SUM];
}

/* ---- nests ------------------------------------------------------------------------------------------------------------------------ */

typedef struct loop {
    int64_t extent;
    int32_t axis; /* whose strides it steps by */
    bool reduces;
} loop;

/* Neighbours of one kind join when every access steps through them evenly; returns how many are left. */
static int32_t join(const numc_emitter *e, int32_t first_access, loop *loops, int32_t count)
{
    for (int32_t k = count - 2; k >= 0 && !e->indexed; k--) {
        loop *outer = &loops[k], *inner = &loops[k + 1];
        bool even = outer->reduces == inner->reduces;
        for (int32_t a = first_access; a < e->access_count && even; a++)
            even = e->accesses[a].strides[outer->axis] == e->accesses[a].strides[inner->axis] * inner->extent;
        if (!even)
            continue;
        inner->extent *= outer->extent;
        for (int32_t j = k; j + 1 < count; j++)
            loops[j] = loops[j + 1];
        count--;
    }
    return count;
}

/* Kept axes outside, reduced ones inside, joined where they can be. Loops too short for vectors do not stand innermost where a long
 * one could; so turned values lie, and then more of them may join. */
static int32_t find_loops(const numc_emitter *e, const numc_unit *unit, bool reduces, int32_t first_access, loop *loops)
{
    const bool full = reduces && unit->loop_class == NUMC_FLAT;
    const bool *reduced = !reduces || unit->loop_class == NUMC_FLAT ? NULL : e->l->classes[unit->loop_class - 1].reduced;
    int32_t count = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int32_t axis = 0; axis < unit->space.rank; axis++)
            if ((reduced != NULL && reduced[axis]) == (pass == 1) && (e->fixed == NULL || e->fixed[axis] < 0))
                loops[count++] = (loop){unit->space.extents[axis], axis, full || pass == 1};
    count = join(e, first_access, loops, count);
    int32_t first = count; /* of the loops of the innermost's kind */
    while (first > 0 && loops[first - 1].reduces == loops[count - 1].reduces)
        first--;
    int32_t longest = first;
    for (int32_t k = first + 1; k < count; k++)
        if (loops[k].extent >= loops[longest].extent)
            longest = k;
    if (count - first <= 1 || loops[count - 1].extent > NUMC_SHORT || loops[longest].extent < NUMC_LONG)
        return count;
    loop moved = loops[longest];
    for (int32_t k = longest; k + 1 < count; k++)
        loops[k] = loops[k + 1];
    loops[count - 1] = moved;
    return join(e, first_access, loops, count);
}

/* Reduced axes of few elements together are written out: loops of two or three iterations cost more than what they hold. */
static int64_t find_fixed(const numc_emitter *e, const numc_unit *unit, int64_t *fixed)
{
    enum { FEW = 4, SOME = 8, MANY = 16, MOST_STATEMENTS = 64 };
    const numc_lowering *l = e->l;
    const bool *reduced = unit->loop_class == NUMC_FLAT ? NULL : l->classes[unit->loop_class - 1].reduced;
    int64_t points = 1, kept = 1;
    bool reduces = false;
    for (int32_t s = 0; s < unit->statement_count; s++) {
        const numc_statement *statement = &unit->statements[s];
        if (statement->kind != NUMC_STATEMENT_APPLY || l->roles[statement->value] != NUMC_ROLE_REDUCE)
            continue;
        int32_t primitive = l->ir->nodes[statement->node].primitive;
        if (primitive == NUMC_PRIMITIVE_ARGMAX || primitive == NUMC_PRIMITIVE_ARGMIN)
            return 0;
        reduces = true;
    }
    for (int32_t axis = 0; axis < unit->space.rank; axis++) {
        bool vanishes = reduced == NULL || reduced[axis];
        *(vanishes ? &points : &kept) *= unit->space.extents[axis];
        fixed[axis] = vanishes ? 0 : -1;
    }
    bool few = points <= FEW || (points <= SOME && kept >= MANY);
    return reduces && points > 0 && few && points * unit->statement_count <= MOST_STATEMENTS ? points : 0;
}

/* Runs through a nest's statements once: at every point of its loops, or at one of those written out. */
static void emit_statements(numc_emitter *e, const numc_unit *unit, int32_t *reduced)
{
    numc_lowering *l = e->l;
    memset(e->nest_register, -1, (size_t)l->ir->value_count * sizeof *e->nest_register);
    for (int32_t s = 0; s < unit->statement_count && !l->failed; s++) {
        const numc_statement *statement = &unit->statements[s];
        const numc_ir_node *node = statement->node >= 0 ? &l->ir->nodes[statement->node] : NULL;
        int32_t v = statement->value, r;
        switch (statement->kind) {
        case NUMC_STATEMENT_APPLY:
            if (l->roles[v] == NUMC_ROLE_REDUCE) {
                reduced[s] = operand(e, node->inputs[0]);
                break;
            }
            r = apply_scalar(e, node);
            if (numc__lower_is_scalar(l, v))
                e->top_register[v] = r;
            else
                e->nest_register[v] = r;
            if (l->memory[v])
                store_value(e, r, v);
            break;
        case NUMC_STATEMENT_COPY:
            l->memory[v] = false;
            r = operand(e, v);
            l->memory[v] = true;
            store_value(e, r, v);
            break;
        case NUMC_STATEMENT_PIECE: {
            int64_t strides[NUMC_RANK_LIMIT];
            to_space(&l->ir->values[v].type, statement->strides, strides);
            r = operand(e, v);
            numc__emit_store(e, numc__lower_is_scalar(l, v) ? &e->top : &e->body, r, node->first_output, statement->offset, strides,
                             l->spaces[v].rank);
            break;
        }
        case NUMC_STATEMENT_FILL: {
            int64_t strides[NUMC_RANK_LIMIT], spaced[NUMC_RANK_LIMIT];
            int32_t target = node->first_output;
            numc__lower_strides(l, target, strides);
            to_space(&l->ir->values[target].type, strides, spaced);
            r = numc__emit_scalar_value(e, v);
            numc__emit_store(e, unit->space.rank == 0 ? &e->top : &e->body, r, target, 0, spaced, unit->space.rank);
            break;
        }
        }
    }
}

/* Where the result of the reduction in statement s goes, in the kept loops or outside all; -1: it stays in a register. */
static int32_t result_access(numc_emitter *e, const numc_unit *unit, int32_t s)
{
    numc_lowering *l = e->l;
    int32_t v = unit->statements[s].value;
    if (!l->memory[v])
        return -1;
    const numc_ir_node *node = &l->ir->nodes[unit->statements[s].node];
    const numc_type *from = &l->ir->values[node->inputs[0]].type;
    int64_t strides[NUMC_RANK_LIMIT];
    numc__lower_strides(l, v, strides);
    numc_emit_access *a = numc__emit_access(e, v, true, 0);
    int32_t axis = 0, kept_axis = 0;
    for (int32_t d = 0; d < from->rank; d++) {
        bool vanishes = false;
        for (int32_t j = 0; j < node->attributes->count; j++)
            vanishes = vanishes || node->attributes->numbers[j] == d;
        int64_t stride = vanishes ? 0 : strides[kept_axis++];
        if (from->shape[d] != 1)
            a->strides[axis++] = stride;
    }
    return e->access_count - 1;
}

static void emit_result(numc_emitter *e, const numc_unit *unit, int32_t s, int32_t r, int32_t access, numc_node_list *list)
{
    int32_t v = unit->statements[s].value;
    if (numc__lower_is_scalar(e->l, v))
        e->top_register[v] = r;
    if (access >= 0)
        store(e, list, r, v, access);
}

/* The statements at each point of the axes that are written out, and what is reduced over them. */
static void emit_points(numc_emitter *e, const numc_unit *unit, int64_t points, int64_t *fixed, int32_t *reduced)
{
    enum { MOST_POINTS = 8 };
    numc_lowering *l = e->l;
    int32_t statements = unit->statement_count, terms[MOST_POINTS];
    for (int64_t p = 0; p < points; p++) {
        int64_t rest = p;
        for (int32_t axis = unit->space.rank - 1; axis >= 0; axis--)
            if (fixed[axis] >= 0) {
                fixed[axis] = rest % unit->space.extents[axis];
                rest /= unit->space.extents[axis];
            }
        int32_t first = e->access_count;
        emit_statements(e, unit, &reduced[p * statements]);
        for (int32_t a = first; a < e->access_count && !l->failed; a++)
            for (int32_t axis = 0; axis < unit->space.rank; axis++)
                if (fixed[axis] > 0)
                    e->accesses[a].offset += e->accesses[a].strides[axis] * fixed[axis];
    }
    for (int32_t s = 0; s < statements && !l->failed; s++) {
        int32_t v = unit->statements[s].value;
        if (unit->statements[s].kind != NUMC_STATEMENT_APPLY || l->roles[v] != NUMC_ROLE_REDUCE)
            continue;
        static const uint8_t operations[] = {NUMC_SCALAR_ADD,     NUMC_SCALAR_MULTIPLY,   NUMC_SCALAR_MAXIMUM,
                                             NUMC_SCALAR_MINIMUM, NUMC_SCALAR_LOGICAL_OR, NUMC_SCALAR_LOGICAL_AND};
        for (int64_t p = 0; p < points; p++)
            terms[p] = reduced[p * statements + s];
        int32_t operation = operations[l->ir->nodes[unit->statements[s].node].primitive - NUMC_PRIMITIVE_REDUCE_SUM];
        bool loops = unit->loop_class != NUMC_FLAT;
        numc_node_list *list = loops ? &e->body : &e->top;
        if (!loops) { /* what leads to it stands there too */
            for (int32_t n = 0; n < e->body.count; n++)
                *numc__emit_node(e, &e->top, NUMC_NODE_SCALAR) = e->body.items[n];
            e->body.count = 0;
        }
        int32_t r = numc__emit_combined(e, list, operation, l->ir->values[v].type.dtype, terms, points);
        emit_result(e, unit, s, r, result_access(e, unit, s), list);
    }
}

static bool is_reduction(const numc_lowering *l, const numc_statement *statement)
{
    return statement->kind == NUMC_STATEMENT_APPLY && l->roles[statement->value] == NUMC_ROLE_REDUCE;
}

static void emit_nest(numc_emitter *e, const numc_unit *unit)
{
    numc_lowering *l = e->l;
    int32_t first_access = e->access_count;
    int64_t fixed[NUMC_RANK_LIMIT], points = find_fixed(e, unit, fixed);
    e->body.count = 0;
    e->indexed = false;
    int32_t reductions = 0;
    int32_t *values = numc__arena_allocate(l->arena, (size_t)((points > 0 ? points : 1) * unit->statement_count), sizeof *values);
    int32_t *results = numc__arena_allocate(l->arena, (size_t)unit->statement_count, sizeof *results);
    if (values == NULL || results == NULL) {
        l->failed = true;
        return;
    }
    e->fixed = points > 0 ? fixed : NULL;
    if (points > 0) {
        emit_points(e, unit, points, fixed, values);
    } else {
        emit_statements(e, unit, values); /* values: reduced operands */
        for (int32_t s = 0; s < unit->statement_count && !l->failed; s++)
            if (is_reduction(l, &unit->statements[s])) {
                results[s] = result_access(e, unit, s); /* before the loops are found: what joins, joins in it too */
                reductions++;
            }
    }
    if (l->failed)
        return;
    loop loops[NUMC_RANK_LIMIT];
    int32_t count = find_loops(e, unit, reductions > 0, first_access, loops);
    e->fixed = NULL;
    int32_t kept = 0;
    while (kept < count && !loops[kept].reduces)
        kept++;
    /* accumulators: one per reduction and reducing loop, innermost last */
    int32_t levels = count - kept;
    int32_t *accumulators = numc__arena_allocate(l->arena, (size_t)(unit->statement_count * (levels + 1)), sizeof *accumulators);
    if (accumulators == NULL) {
        l->failed = true;
        return;
    }
    int32_t opened[NUMC_RANK_LIMIT];
    for (int32_t k = 0; k < count; k++) {
        numc_kernel_node *open = numc__emit_node(e, &e->top, loops[k].reduces ? NUMC_NODE_REDUCE : NUMC_NODE_PARALLEL);
        open->extent = numc__emit_extent(e, loops[k].extent);
        opened[k] = e->top.count - 1;
    }
    for (int32_t n = 0; n < e->body.count; n++) {
        numc_kernel_node copy = e->body.items[n];
        if (copy.kind == NUMC_NODE_INDEX)
            for (int32_t k = 0; k < count; k++)
                if (loops[k].axis == copy.extent) {
                    copy.extent = k;
                    break;
                }
        *numc__emit_node(e, &e->top, NUMC_NODE_SCALAR) = copy;
    }
    for (int32_t k = count - 1; k >= 0 && !l->failed; k--) {
        if (loops[k].reduces) {
            for (int32_t s = 0; s < unit->statement_count; s++) {
                int32_t v = unit->statements[s].value;
                if (!is_reduction(l, &unit->statements[s]))
                    continue;
                const numc_ir_node *node = &l->ir->nodes[unit->statements[s].node];
                bool innermost = k == count - 1;
                numc_kernel_node *accumulate = numc__emit_node(e, &e->top, NUMC_NODE_ACCUMULATE);
                accumulate->operation = reduction_of(node->primitive);
                accumulate->dtype = (uint32_t)l->ir->values[node->inputs[0]].type.dtype;
                accumulate->operands[0] = innermost ? values[s] : accumulators[s * (levels + 1) + (k + 1 - kept)];
                int32_t r = numc__emit_register(e, l->ir->values[v].type.dtype);
                accumulate->result = r;
                accumulators[s * (levels + 1) + (k - kept)] = r;
            }
        }
        numc_kernel_node *end = numc__emit_node(e, &e->top, NUMC_NODE_END);
        end->extent = end->match = opened[k];
        e->top.items[opened[k]].match = e->top.count - 1;
        for (int32_t s = 0; k == kept && reductions > 0 && s < unit->statement_count; s++)
            if (is_reduction(l, &unit->statements[s]))
                emit_result(e, unit, s, accumulators[s * (levels + 1)], results[s], &e->top);
    }
    /* strides by axis become strides by depth; joined loops step by their inner axis */
    for (int32_t a = first_access; a < e->access_count; a++) {
        int64_t by_depth[NUMC_RANK_LIMIT] = {0};
        for (int32_t k = 0; k < count; k++)
            by_depth[k] = e->accesses[a].strides[loops[k].axis];
        memcpy(e->accesses[a].strides, by_depth, sizeof by_depth);
        int64_t inner = count == 0 ? 0 : by_depth[count - 1];
        e->accesses[a].access.contiguity = (uint32_t)(e->accesses[a].gather != 0 || count == 0 ? NUMC_CONTIGUITY_ANY
                                                      : inner == 1                            ? NUMC_CONTIGUITY_UNIT
                                                      : inner == 0                            ? NUMC_CONTIGUITY_UNIFORM
                                                                                              : NUMC_CONTIGUITY_ANY);
    }
    if (count > e->depth)
        e->depth = count;
    e->nests++;
    e->loops = e->loops || e->nests > 1 || levels > 1 || (levels > 0 && kept > 0 && reductions > 0 && count - kept > 1);
}

/* ---- steps -------------------------------------------------------------------------------------------------------------------------- */

static void finish_kernel(numc_emitter *e, numc_step *step)
{
    numc_lowering *l = e->l;
    numc_arena *arena = l->arena;
    size_t accesses = (size_t)e->access_count, depth = (size_t)e->depth + 1;
    numc_kernel_access *access_table = numc__arena_allocate(arena, accesses, sizeof *access_table);
    step->offsets = numc__arena_allocate(arena, accesses, sizeof *step->offsets);
    step->strides = numc__arena_allocate(arena, accesses * depth, sizeof *step->strides);
    step->access_values = numc__arena_allocate(arena, accesses, sizeof *step->access_values);
    if (access_table == NULL || step->offsets == NULL || step->strides == NULL || step->access_values == NULL) {
        l->failed = true;
        return;
    }
    for (int32_t a = 0; a < e->access_count; a++) {
        access_table[a] = e->accesses[a].access;
        step->offsets[a] = e->accesses[a].offset;
        step->access_values[a] = e->accesses[a].value;
        for (int32_t d = 0; d < e->depth; d++)
            step->strides[(size_t)a * depth + (size_t)d] = e->accesses[a].strides[d];
        step->strides[(size_t)a * depth + depth - 1] = e->accesses[a].gather;
    }
    step->kind = NUMC_STEP_KERNEL;
    step->extents = e->extents;
    step->constants = e->constants;
    step->source = (numc_kernel_source){
        .size = sizeof step->source,
        .level = e->sequential ? 3 : e->loops ? 2 : 1,
        .node_count = (uint32_t)e->top.count,
        .register_count = (uint32_t)e->register_count,
        .access_count = (uint32_t)e->access_count,
        .extent_count = (uint32_t)e->extent_count,
        .constant_count = (uint32_t)e->constant_count,
        .depth = (uint32_t)e->depth,
        .nodes = e->top.items,
        .register_dtypes = e->registers,
        .accesses = access_table,
    };
}

static void slot_view(numc_lowering *l, int32_t value, bool writes, numc_slot_view *slot)
{
    const numc_type *type = &l->ir->values[value].type;
    numc_view_of view = {.base = value};
    if (writes)
        numc__row_major(type, view.strides);
    else
        numc__lower_view(l, value, &view);
    slot->value = view.base;
    slot->dtype = type->dtype;
    slot->rank = type->rank;
    slot->offset = view.offset;
    slot->shape = numc__arena_allocate(l->arena, (size_t)type->rank, sizeof *slot->shape);
    slot->strides = numc__arena_allocate(l->arena, (size_t)type->rank, sizeof *slot->strides);
    if (slot->shape == NULL || slot->strides == NULL) {
        l->failed = true;
        return;
    }
    for (int32_t d = 0; d < type->rank; d++) {
        slot->shape[d] = type->shape[d];
        slot->strides[d] = view.strides[d];
    }
}

static void emit_slot(numc_lowering *l, const numc_unit *unit, numc_step *step)
{
    const numc_ir_node *node = &l->ir->nodes[unit->node];
    step->kind = node->primitive == NUMC_PRIMITIVE_COND    ? NUMC_STEP_COND
                 : node->primitive == NUMC_PRIMITIVE_SCAN  ? NUMC_STEP_SCAN
                 : node->primitive == NUMC_PRIMITIVE_WHILE ? NUMC_STEP_WHILE
                                                           : NUMC_STEP_SLOT;
    step->primitive = node->primitive;
    step->attributes = node->attributes;
    step->input_count = node->input_count;
    step->output_count = node->output_count;
    step->inputs = numc__arena_allocate(l->arena, (size_t)node->input_count, sizeof *step->inputs);
    step->outputs = numc__arena_allocate(l->arena, (size_t)node->output_count, sizeof *step->outputs);
    if (step->inputs == NULL || step->outputs == NULL) {
        l->failed = true;
        return;
    }
    for (int32_t k = 0; k < node->input_count; k++)
        slot_view(l, node->inputs[k], false, &step->inputs[k]);
    for (int32_t k = 0; k < node->output_count; k++)
        slot_view(l, node->first_output + k, true, &step->outputs[k]);
    for (int b = 0; b < 2 && step->kind != NUMC_STEP_SLOT && !l->failed; b++) {
        if (node->attributes->graphs[b] == NULL)
            continue;
        step->bodies[b] = numc__exec_body(l->context, node->attributes->graphs[b]);
        l->failed = step->bodies[b] == NULL;
        if (!l->failed && step->kind == NUMC_STEP_SCAN)
            l->failed = !numc__exec_lend(step->bodies[b], (int32_t)node->attributes->numbers[0], (int32_t)node->attributes->numbers[1]);
    }
}

bool numc__stage_kernels(numc_context *context, void *subject)
{
    numc_lowering *l = subject;
    (void)context;
    numc_exec *exec = l->exec;
    size_t values = (size_t)l->ir->value_count;
    exec->steps = numc__arena_allocate(l->arena, (size_t)l->unit_count, sizeof *exec->steps);
    int32_t *top = numc__arena_allocate(l->arena, values, sizeof *top);
    int32_t *nest = numc__arena_allocate(l->arena, values, sizeof *nest);
    if (exec->steps == NULL || top == NULL || nest == NULL) {
        l->failed = true;
        return false;
    }
    for (int32_t k = 0; k < l->unit_count && !l->failed;) {
        const numc_unit *unit = &l->units[l->order[k]];
        numc_step *step = &exec->steps[exec->step_count++];
        if (unit->kind == NUMC_UNIT_SLOT) {
            emit_slot(l, unit, step);
            k++;
            continue;
        }
        numc_emitter e = {.l = l, .top_register = top, .nest_register = nest};
        memset(top, -1, values * sizeof *top);
        int32_t kernel = unit->kernel;
        for (; k < l->unit_count && l->units[l->order[k]].kernel == kernel && !l->failed; k++) {
            unit = &l->units[l->order[k]];
            if (unit->kind == NUMC_UNIT_SMALL)
                numc__emit_small(&e, unit);
            else
                emit_nest(&e, unit);
        }
        if (!l->failed)
            finish_kernel(&e, step);
    }
    return !l->failed;
}
