/* small.c - what has small axes, element by element in registers: scans whose values are numbers, short vectors or small
 * matrices become one sequential loop, products and factorisations of small matrices straight code. Neither calls back a backend.
 *
 * A value of a scan's body is a set of registers, one for each element. Broadcasts, slices, concatenations and other moves
 * are other names of registers; reductions and products are sums in the order of 8 lanes (numc/backend.h), a carry of three
 * numbers is three carried registers, a row of a sequence three loads. Where every carry has one first axis that nothing mixes, a
 * batch, that axis is a parallel loop around the sequential one, and "element" means one of the others. The sign of a sum of
 * zeros may differ from that of a reduction's, which starts from +0. */
#include "compile/small.h"

#include <string.h>

enum {
    MOST_OPERATIONS = 1024,  /* of a body, those on numbers apart: they are all written out */
    MOST_CHOICES = 32,       /* of a gather from registers */
    LEAST_LANES = 8,         /* a batch below this is written out where that fits */
    MOST_SIZE = 8,           /* of matrices outside scans */
    MOST_PRODUCTS = 160      /* of such an operation */
};

/* ---- index maps ------------------------------------------------------------------------------------------------------------ */

void numc__small_unravel(const numc_type *type, int64_t index, int64_t *coordinates)
{
    for (int32_t d = type->rank - 1; d >= 0; d--) {
        coordinates[d] = index % type->shape[d];
        index /= type->shape[d];
    }
}

int64_t numc__small_ravel(const numc_type *type, const int64_t *coordinates)
{
    int64_t index = 0;
    for (int32_t d = 0; d < type->rank; d++)
        index = index * type->shape[d] + coordinates[d];
    return index;
}

bool numc__small_is_move(const numc_ir *ir, const numc_ir_node *node)
{
    switch (node->primitive) {
    case NUMC_PRIMITIVE_BROADCAST:
    case NUMC_PRIMITIVE_RESHAPE:
    case NUMC_PRIMITIVE_PERMUTE:
    case NUMC_PRIMITIVE_SLICE:
    case NUMC_PRIMITIVE_FLIP:
    case NUMC_PRIMITIVE_PAD:
    case NUMC_PRIMITIVE_CONCAT: return true;
    case NUMC_SCALAR_CONVERT: return ir->values[node->first_output].type.dtype == ir->values[node->inputs[0]].type.dtype;
    default: return false;
    }
}

int32_t numc__small_moved_from(const numc_ir *ir, const numc_ir_node *node, int64_t *index)
{
    const numc_type *to = &ir->values[node->first_output].type, *from = &ir->values[node->inputs[0]].type;
    const int64_t *n = node->attributes->numbers;
    int64_t at[NUMC_RANK_LIMIT], source[NUMC_RANK_LIMIT];
    if (node->primitive == NUMC_PRIMITIVE_RESHAPE || node->primitive == NUMC_SCALAR_CONVERT)
        return node->inputs[0];
    numc__small_unravel(to, *index, at);
    if (node->primitive == NUMC_PRIMITIVE_CONCAT) {
        int32_t k = 0;
        for (; at[n[0]] >= ir->values[node->inputs[k]].type.shape[n[0]]; k++)
            at[n[0]] -= ir->values[node->inputs[k]].type.shape[n[0]];
        *index = numc__small_ravel(&ir->values[node->inputs[k]].type, at);
        return node->inputs[k];
    }
    for (int32_t d = 0; d < from->rank; d++) {
        int64_t c = at[to->rank - from->rank + d];
        switch (node->primitive) {
        case NUMC_PRIMITIVE_BROADCAST: source[d] = from->shape[d] == 1 ? 0 : c; break;
        case NUMC_PRIMITIVE_PERMUTE: source[n[d]] = c; break;
        case NUMC_PRIMITIVE_SLICE: source[d] = n[d] + c * n[2 * from->rank + d]; break;
        case NUMC_PRIMITIVE_FLIP: source[d] = n[d] != 0 ? from->shape[d] - 1 - c : c; break;
        default: /* PAD */
            c -= n[d];
            if (c < 0 || c % (n[from->rank + d] + 1) != 0 || c / (n[from->rank + d] + 1) >= from->shape[d]) {
                *index = 0;
                return node->inputs[1];
            }
            source[d] = c / (n[from->rank + d] + 1);
            break;
        }
    }
    *index = numc__small_ravel(from, source);
    return node->inputs[0];
}

/* ---- is it small? ------------------------------------------------------------------------------------------------------------ */

static int64_t size_of(const numc_ir *ir, int32_t v)
{
    return numc__type_size(&ir->values[v].type);
}

int64_t numc__small_elements(const numc_small *s, int32_t v)
{
    int64_t size = size_of(s->body, v);
    return s->laned[v] ? size / s->lanes : size;
}

/* The axis of the input that the output's first one comes from, when that is its own first axis and whole: the batch passes. */
static bool passes_batch(const numc_ir *ir, const numc_ir_node *node, int32_t k)
{
    const numc_type *to = &ir->values[node->first_output].type, *from = &ir->values[node->inputs[k]].type;
    const int64_t *n = node->attributes->numbers;
    if (to->rank == 0 || from->rank == 0 || to->shape[0] != from->shape[0])
        return false;
    if (numc__primitive_is_scalar(node->primitive))
        return true;
    switch (node->primitive) {
    case NUMC_PRIMITIVE_BROADCAST: return to->rank == from->rank;
    case NUMC_PRIMITIVE_RESHAPE: return true;
    case NUMC_PRIMITIVE_PERMUTE: return n[0] == 0;
    case NUMC_PRIMITIVE_SLICE: return n[2 * from->rank] == 1;
    case NUMC_PRIMITIVE_FLIP: return n[0] == 0;
    case NUMC_PRIMITIVE_PAD: return k == 0 && n[from->rank] == 0;
    case NUMC_PRIMITIVE_CONCAT: return n[0] != 0;
    case NUMC_PRIMITIVE_CUMULATIVE_SUM:
    case NUMC_PRIMITIVE_CUMULATIVE_PROD:
    case NUMC_PRIMITIVE_CUMULATIVE_MAX: return n[0] != 0;
    case NUMC_PRIMITIVE_GATHER: return k == 0 ? n[0] != 0 : n[0] == 0;
    case NUMC_PRIMITIVE_SCATTER: return k != 1 && n[0] != 0;
    case NUMC_PRIMITIVE_MATMUL:
    case NUMC_PRIMITIVE_CHOLESKY:
    case NUMC_PRIMITIVE_CHOLESKY_INVERSE:
    case NUMC_PRIMITIVE_TRIANGULAR_SOLVE: return to->rank > 2;
    case NUMC_PRIMITIVE_REDUCE_SUM:
    case NUMC_PRIMITIVE_REDUCE_PROD:
    case NUMC_PRIMITIVE_REDUCE_MAX:
    case NUMC_PRIMITIVE_REDUCE_MIN:
    case NUMC_PRIMITIVE_REDUCE_ANY:
    case NUMC_PRIMITIVE_REDUCE_ALL:
        for (int32_t j = 0; j < node->attributes->count; j++)
            if (n[j] == 0)
                return false;
        return true;
    default: return false;
    }
}

/* The operand may do without a batch although the output has one: it is then the same in every lane. */
static bool may_be_uniform(const numc_ir *ir, const numc_ir_node *node, int32_t k)
{
    const numc_type *to = &ir->values[node->first_output].type, *from = &ir->values[node->inputs[k]].type;
    if (numc__ir_immediate(ir, node->inputs[k]) != NULL)
        return true;
    switch (node->primitive) {
    case NUMC_PRIMITIVE_BROADCAST: return from->rank < to->rank || from->shape[0] == 1;
    case NUMC_PRIMITIVE_PAD: return k == 1;
    case NUMC_PRIMITIVE_GATHER: return k == 0 ? node->attributes->numbers[0] == 0 : node->attributes->numbers[0] != 0;
    case NUMC_PRIMITIVE_SCATTER: return k == 1;
    default: return false;
    }
}

/* Which values have the batch, from the carries on, to and fro; false where something mixes it, or it is no batch. */
static bool find_lanes(numc_small *s, int64_t lanes)
{
    const numc_ir *body = s->body;
    int32_t values = body->value_count;
    s->lanes = lanes;
    memset(s->laned, 0, (size_t)values * sizeof *s->laned);
    for (int32_t k = 0; k < s->carries; k++) {
        const numc_type *type = &body->values[body->inputs[k]].type;
        if (type->rank > 0 && type->shape[0] != lanes)
            return false;
        s->laned[body->inputs[k]] = s->laned[body->outputs[k]] = type->rank > 0;
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (int32_t m = 0; m < 2 * body->node_count; m++) {
            bool back = m >= body->node_count;
            const numc_ir_node *node = &body->nodes[back ? 2 * body->node_count - 1 - m : m];
            int32_t out = node->first_output;
            for (int32_t k = 0; k < node->input_count; k++) {
                int32_t in = node->inputs[k];
                if (s->laned[in] == s->laned[out] || numc__ir_immediate(body, in) != NULL)
                    continue;
                if (!passes_batch(body, node, k) || (s->laned[out] && may_be_uniform(body, node, k)))
                    continue;
                s->laned[in] = s->laned[out] = changed = true;
            }
        }
    }
    for (int32_t n = 0; n < body->node_count; n++) {
        const numc_ir_node *node = &body->nodes[n];
        bool out = s->laned[node->first_output];
        if (out && body->values[node->first_output].type.shape[0] != lanes)
            return false;
        if (node->primitive == NUMC_PRIMITIVE_IOTA && out && node->attributes->numbers[0] == 0)
            return false;
        if (node->primitive == NUMC_PRIMITIVE_GATHER && s->laned[node->inputs[0]] && s->laned[node->inputs[1]])
            return false;
        for (int32_t k = 0; k < node->input_count; k++) {
            bool in = s->laned[node->inputs[k]];
            if (in ? !(out && passes_batch(body, node, k)) : out && !may_be_uniform(body, node, k))
                return false;
        }
    }
    for (int32_t k = 0; k < s->carries; k++) {
        bool immediate = numc__ir_immediate(body, body->outputs[k]) != NULL;
        if (s->laned[body->inputs[k]] != s->laned[body->outputs[k]] && !immediate)
            return false;
    }
    return true;
}

/* Operations that the application is written out in; -1: not at all. */
static int64_t operations_of(const numc_small *s, const numc_ir_node *node)
{
    const numc_ir *body = s->body;
    int32_t out = node->first_output, x = node->input_count > 0 ? node->inputs[0] : -1;
    int64_t count = numc__small_elements(s, out);
    const numc_type *type = x < 0 ? NULL : &body->values[x].type;
    if (numc__is_complex(body->values[out].type.dtype) || (type != NULL && numc__is_complex(type->dtype)))
        return -1;
    if (numc__small_is_move(body, node) || node->primitive == NUMC_PRIMITIVE_IOTA)
        return 0;
    if (numc__primitive_is_scalar(node->primitive))
        return count;
    switch (node->primitive) {
    case NUMC_PRIMITIVE_GATHER: {
        int64_t choices = type->shape[node->attributes->numbers[0]];
        return choices == 0 ? -1 : count * (choices > MOST_CHOICES ? 3 : 2 * choices);
    }
    case NUMC_PRIMITIVE_SCATTER: return count * 2 * body->values[node->inputs[1]].type.shape[0];
    case NUMC_PRIMITIVE_CUMULATIVE_SUM:
    case NUMC_PRIMITIVE_CUMULATIVE_PROD:
    case NUMC_PRIMITIVE_CUMULATIVE_MAX: return count;
    case NUMC_PRIMITIVE_REDUCE_SUM:
    case NUMC_PRIMITIVE_REDUCE_PROD:
    case NUMC_PRIMITIVE_REDUCE_MAX:
    case NUMC_PRIMITIVE_REDUCE_MIN:
    case NUMC_PRIMITIVE_REDUCE_ANY:
    case NUMC_PRIMITIVE_REDUCE_ALL: return numc__small_elements(s, x);
    case NUMC_PRIMITIVE_MATMUL: return 2 * count * type->shape[type->rank - 1];
    case NUMC_PRIMITIVE_CHOLESKY:
    case NUMC_PRIMITIVE_CHOLESKY_INVERSE:
    case NUMC_PRIMITIVE_TRIANGULAR_SOLVE: return count * (type->shape[type->rank - 1] + 1);
    default: return -1;
    }
}

int32_t numc__small_looked_at(numc_small *s, int32_t v, numc_view_of *view)
{
    numc__lower_view(&s->inner, v, view);
    return s->body->values[view->base].input;
}

/* A constant in memory, of which the ir around knows nothing. */
static bool is_array(const numc_ir *ir, int32_t v)
{
    return ir->values[v].constant != NULL && numc__ir_immediate(ir, v) == NULL;
}

/* Every value has few elements, but for inputs that are read by an index or an element here and there. */
static bool fits(numc_small *s)
{
    const numc_ir *body = s->body;
    int64_t operations = 0;
    for (int32_t k = 0; k < body->input_count; k++)
        if (numc__small_elements(s, body->inputs[k]) > (k < s->carries + s->sequences ? (int64_t)NUMC_SMALL_ELEMENTS : (int64_t)1 << 40))
            return false;
    for (int32_t k = 0; k < body->output_count; k++)
        if (numc__small_elements(s, body->outputs[k]) > NUMC_SMALL_ELEMENTS || is_array(body, body->outputs[k]))
            return false;
    for (int32_t n = 0; n < body->node_count; n++) {
        const numc_ir_node *node = &body->nodes[n];
        for (int32_t k = 0; k < node->input_count; k++)
            if (is_array(body, node->inputs[k]))
                return false;
        int64_t count = operations_of(s, node);
        if (count < 0 || (operations += count > 1 ? count : 0) > MOST_OPERATIONS)
            return false;
        if (numc__small_is_move(body, node))
            continue;
        for (int32_t k = 0; k < node->output_count; k++)
            if (numc__small_elements(s, node->first_output + k) > NUMC_SMALL_ELEMENTS)
                return false;
        bool gather = node->primitive == NUMC_PRIMITIVE_GATHER;
        for (int32_t k = 0; k < node->input_count; k++) {
            numc_view_of view;
            if (gather && k == 0 && numc__small_looked_at(s, node->inputs[0], &view) >= s->carries)
                continue;
            if (numc__small_elements(s, node->inputs[k]) > NUMC_SMALL_ELEMENTS && numc__ir_immediate(body, node->inputs[k]) == NULL)
                return false;
            if (gather && k == 0 && body->values[node->inputs[0]].type.shape[node->attributes->numbers[0]] > MOST_CHOICES)
                return false;
        }
    }
    return true;
}

static bool begin_inner(numc_lowering *l, numc_small *s)
{
    const numc_ir *body = s->body;
    size_t values = (size_t)body->value_count;
    s->inner = (numc_lowering){.context = l->context, .ir = s->body, .arena = l->arena};
    s->inner.roles = numc__arena_allocate(l->arena, values, sizeof *s->inner.roles);
    s->inner.memory = numc__arena_allocate(l->arena, values, sizeof *s->inner.memory);
    s->inner.needed = numc__arena_allocate(l->arena, (size_t)body->node_count, sizeof *s->inner.needed);
    s->laned = numc__arena_allocate(l->arena, values, sizeof *s->laned);
    if (s->inner.roles == NULL || s->inner.memory == NULL || s->inner.needed == NULL || s->laned == NULL)
        return false;
    for (int32_t v = 0; v < body->value_count; v++) {
        int32_t n = body->values[v].node;
        const numc_ir_node *node = n >= 0 ? &body->nodes[n] : NULL;
        bool view = node != NULL && numc__small_is_move(body, node) && node->primitive != NUMC_SCALAR_CONVERT &&
                    node->primitive != NUMC_PRIMITIVE_PAD && node->primitive != NUMC_PRIMITIVE_CONCAT;
        if (node != NULL)
            s->inner.needed[n] = true;
        s->inner.roles[v] = node == NULL ? NUMC_ROLE_GIVEN : view ? NUMC_ROLE_VIEW : NUMC_ROLE_SCALAR;
    }
    return true;
}

static bool scan_is_small(numc_small *s)
{
    int64_t lanes = 0;
    for (int32_t k = 0; k < s->carries && lanes == 0; k++) {
        const numc_type *type = &s->body->values[s->body->inputs[k]].type;
        lanes = type->rank > 0 ? type->shape[0] : 0;
    }
    if (lanes >= LEAST_LANES && find_lanes(s, lanes) && fits(s))
        return true;
    memset(s->laned, 0, (size_t)s->body->value_count * sizeof *s->laned);
    s->lanes = 0;
    if (fits(s))
        return true;
    return lanes > 1 && find_lanes(s, lanes) && fits(s);
}

bool numc__small_is_cumulative(int32_t primitive)
{
    return primitive == NUMC_PRIMITIVE_CUMULATIVE_SUM || primitive == NUMC_PRIMITIVE_CUMULATIVE_PROD ||
           primitive == NUMC_PRIMITIVE_CUMULATIVE_MAX;
}

static bool algebra_is_small(const numc_lowering *l, const numc_ir_node *node)
{
    const numc_ir *ir = l->ir;
    if (numc__small_is_cumulative(node->primitive)) {
        const numc_type *type = &ir->values[node->first_output].type;
        return l->one_kernel && !numc__is_complex(type->dtype) && size_of(ir, node->first_output) > 0 &&
               type->shape[node->attributes->numbers[0]] <= MOST_SIZE;
    }
    if (node->primitive != NUMC_PRIMITIVE_MATMUL && node->primitive != NUMC_PRIMITIVE_CHOLESKY &&
        node->primitive != NUMC_PRIMITIVE_CHOLESKY_INVERSE && node->primitive != NUMC_PRIMITIVE_TRIANGULAR_SOLVE)
        return false;
    const numc_type *a = &ir->values[node->inputs[0]].type, *out = &ir->values[node->first_output].type;
    int64_t rows = out->shape[out->rank - 2], columns = out->shape[out->rank - 1], inner = a->shape[a->rank - 1];
    return l->one_kernel && out->dtype == NUMC_FLOAT64 && size_of(ir, node->first_output) > 0 && inner > 0 &&
           rows <= MOST_SIZE && columns <= MOST_SIZE && inner <= MOST_SIZE && rows * columns * inner <= MOST_PRODUCTS;
}

numc_small *numc__small_new(numc_lowering *l, const numc_ir_node *node)
{
    bool scan = node->primitive == NUMC_PRIMITIVE_SCAN;
    if (scan ? !l->sequential : !algebra_is_small(l, node))
        return NULL;
    numc_small *s = numc__arena_allocate(l->arena, 1, sizeof *s);
    if (s == NULL) {
        l->failed = true;
        return NULL;
    }
    s->attributes = node->attributes;
    if (!scan)
        return s;
    const int64_t *numbers = node->attributes->numbers;
    s->carries = (int32_t)numbers[0];
    s->sequences = (int32_t)numbers[1];
    s->length = numbers[2];
    s->reverse = numbers[3] != 0;
    s->body = numc__ir_new(l->context, node->attributes->graphs[0], NULL);
    if (s->body == NULL || !begin_inner(l, s))
        l->failed = true;
    else if (scan_is_small(s))
        return s;
    numc__small_free(s);
    return NULL;
}

void numc__small_free(numc_small *small)
{
    if (small != NULL)
        numc__ir_free(small->body);
}

bool numc__small_has_batch(const numc_small *small)
{
    return small->lanes > 0;
}
