/* small_write.c - writes what small.c found small: registers for elements, one operation after another, and the loops around. */
#include "compile/small.h"

#include <math.h>
#include <string.h>

typedef struct small_number {
    numc_dtype dtype;
    uint64_t bits;
    int32_t reg;
} small_number;

typedef struct writer {
    numc_emitter *e;
    numc_lowering *l;
    const numc_ir_node *node; /* of the ir */
    numc_small *small;
    const numc_ir *ir;        /* whose applications are written: the body, or the ir itself */
    numc_node_list *list;     /* where they go */
    numc_node_list *lane;     /* in the batch's loop, outside the sequential one; else at the top */
    int32_t **registers;      /* scan: per body value, per element, or NULL; else per operand */
    small_number *numbers;
    int32_t number_count, number_capacity;
    int32_t depth;            /* of loops around `list` */
    int64_t (*strides)[NUMC_RANK_LIMIT]; /* algebra: per operand, by loop */
    bool inner[NUMC_RANK_LIMIT];         /* algebra: axes that are written out; the others are loops */
} writer;

static int32_t *register_set(writer *w, int64_t count)
{
    int32_t *set = w->l->failed ? NULL : numc__arena_allocate(w->l->arena, (size_t)count, sizeof *set);
    if (set == NULL) {
        w->l->failed = true;
        return NULL;
    }
    memset(set, -1, (size_t)count * sizeof *set);
    return set;
}

/* A constant, once for each value. */
static int32_t number_bytes(writer *w, numc_dtype dtype, const void *bytes)
{
    uint64_t bits = 0;
    memcpy(&bits, bytes, numc_dtype_size(dtype));
    for (int32_t k = 0; k < w->number_count; k++)
        if (w->numbers[k].dtype == dtype && w->numbers[k].bits == bits)
            return w->numbers[k].reg;
    int32_t reg = numc__emit_constant(w->e, dtype, bytes);
    if (!numc__lower_grow(w->l, &w->numbers, sizeof *w->numbers, w->number_count, &w->number_capacity))
        return reg;
    w->numbers[w->number_count++] = (small_number){dtype, bits, reg};
    return reg;
}

static int32_t number_of(writer *w, numc_dtype dtype, double value)
{
    unsigned char bytes[16] = {0};
    numc__value_convert(dtype, bytes, NUMC_FLOAT64, &value);
    return number_bytes(w, dtype, bytes);
}

static int32_t operation(writer *w, int32_t operation, numc_dtype dtype, numc_dtype result, int32_t a, int32_t b)
{
    return numc__emit_operation(w->e, w->list, operation, dtype, result, a, b);
}

static int32_t select_of(writer *w, numc_dtype dtype, int32_t condition, int32_t yes, int32_t no)
{
    numc_kernel_node *node = numc__emit_node(w->e, w->list, NUMC_NODE_SCALAR);
    node->operation = NUMC_SCALAR_WHERE;
    node->dtype = (uint32_t)dtype;
    node->operands[0] = condition;
    node->operands[1] = yes;
    node->operands[2] = no;
    int32_t reg = numc__emit_register(w->e, dtype);
    node->result = reg;
    return reg;
}

static int32_t load(writer *w, numc_node_list *list, numc_dtype dtype, int32_t index)
{
    int32_t access = w->e->access_count - 1;
    numc_kernel_node *node = numc__emit_node(w->e, list, NUMC_NODE_LOAD);
    node->dtype = (uint32_t)dtype;
    node->extent = access;
    node->operands[0] = index;
    int32_t reg = numc__emit_register(w->e, dtype);
    node->result = reg;
    return reg;
}

static void hint(numc_emit_access *a, int32_t depth)
{
    int64_t inner = depth == 0 ? 0 : a->strides[depth - 1];
    a->access.contiguity = (uint32_t)(a->gather != 0 || depth == 0 ? NUMC_CONTIGUITY_ANY
                                      : inner == 1                 ? NUMC_CONTIGUITY_UNIT
                                      : inner == 0                 ? NUMC_CONTIGUITY_UNIFORM
                                                                   : NUMC_CONTIGUITY_ANY);
}

/* How memory holds one step of an input of the scan. */
static const int64_t *step_strides(writer *w, int32_t k, numc_view_of *view)
{
    numc__lower_view(w->l, w->node->inputs[k], view);
    return view->strides + (k >= w->small->carries && k < w->small->carries + w->small->sequences);
}

static bool in_order(writer *w, int32_t k)
{
    const numc_type *type = &w->ir->values[w->ir->inputs[k]].type;
    numc_view_of view;
    const int64_t *strides = step_strides(w, k, &view);
    int64_t next = 1;
    for (int32_t axis = type->rank - 1; axis >= 0; axis--) {
        if (type->shape[axis] != 1 && strides[axis] != next)
            return false;
        next *= type->shape[axis];
    }
    return true;
}

/* What lies `offset` elements behind the first of input k of the scan at a step, in the batch `lane` apart; index: a register,
 * or -1, that moves it by `gather`. */
static int32_t load_input(writer *w, int32_t k, int64_t offset, int64_t lane, int32_t index, int64_t gather)
{
    const numc_small *s = w->small;
    bool sequence = k >= s->carries && k < s->carries + s->sequences, inside = sequence || index >= 0;
    numc_view_of view;
    (void)step_strides(w, k, &view);
    int64_t step = sequence ? view.strides[0] : 0;
    int32_t around = s->lanes > 0; /* loops around the sequential one */
    if (sequence && s->reverse)
        offset += (s->length - 1) * step;
    numc_emit_access *a = numc__emit_access(w->e, view.base, false, view.offset + offset);
    a->strides[0] = lane;
    a->strides[around] = s->reverse ? -step : step;
    a->gather = gather;
    hint(a, inside ? around + 1 : lane != 0 ? around : 0);
    return load(w, inside ? w->list : lane != 0 ? w->lane : &w->e->top, s->body->values[s->body->inputs[k]].type.dtype, index);
}

static int32_t load_element(writer *w, int32_t k, int64_t index)
{
    int32_t v = w->ir->inputs[k];
    const numc_type *type = &w->ir->values[v].type;
    numc_view_of view;
    const int64_t *strides = step_strides(w, k, &view);
    int64_t at[NUMC_RANK_LIMIT], offset = 0;
    numc__small_unravel(type, index, at);
    for (int32_t d = 0; d < type->rank; d++)
        offset += at[d] * strides[d];
    return load_input(w, k, offset, w->small->laned[v] ? strides[0] : 0, -1, 0);
}

/* The register of an element of a body value. */
static int32_t element(writer *w, int32_t v, int64_t index)
{
    const numc_ir *body = w->ir;
    numc_small *s = w->small;
    for (;;) {
        const unsigned char *bytes = numc__ir_immediate(body, v);
        if (w->l->failed)
            return 0;
        if (bytes != NULL)
            return number_bytes(w, body->values[v].type.dtype, bytes);
        int32_t n = body->values[v].node;
        const numc_ir_node *node = n >= 0 ? &body->nodes[n] : NULL;
        if (node != NULL && node->primitive == NUMC_PRIMITIVE_IOTA) {
            int64_t at[NUMC_RANK_LIMIT];
            numc__small_unravel(&body->values[v].type, index, at);
            return number_of(w, body->values[v].type.dtype, (double)at[node->attributes->numbers[0]]);
        }
        if (node != NULL && numc__small_is_move(body, node)) {
            v = numc__small_moved_from(body, node, &index);
            continue;
        }
        int32_t input = body->values[v].input, carries = s->carries;
        bool few = numc__small_elements(s, v) <= NUMC_SMALL_ELEMENTS;
        if (input < carries || (few && w->registers[v] != NULL && w->registers[v][index] >= 0))
            return w->registers[v][index];
        int32_t outer = w->node->inputs[input];
        bool scalar = numc__lower_is_scalar(w->l, outer) && input >= carries + s->sequences;
        int32_t reg = scalar || numc__ir_immediate(w->l->ir, outer) != NULL
                          ? numc__emit_scalar_value(w->e, outer)
                          : load_element(w, input, index);
        if (few && w->registers[v] == NULL)
            w->registers[v] = register_set(w, numc__small_elements(s, v));
        if (few && !w->l->failed)
            w->registers[v][index] = reg;
        return reg;
    }
}

/* Element `index` of operand k of an application. */
static int32_t operand(writer *w, const numc_ir_node *node, int32_t k, int64_t index)
{
    if (w->small->body != NULL)
        return element(w, node->inputs[k], index);
    if (w->registers[k][index] >= 0 || w->l->failed)
        return w->registers[k][index];
    const numc_type *type = &w->ir->values[node->inputs[k]].type;
    numc_view_of view;
    numc__lower_view(w->l, node->inputs[k], &view);
    int64_t rest = index;
    for (int32_t d = type->rank - 1; d >= 0; d--)
        if (w->inner[d]) {
            view.offset += rest % type->shape[d] * view.strides[d];
            rest /= type->shape[d];
        }
    numc_emit_access *a = numc__emit_access(w->e, view.base, false, view.offset);
    memcpy(a->strides, w->strides[k], (size_t)w->depth * sizeof *a->strides);
    hint(a, w->depth);
    return w->registers[k][index] = load(w, w->list, type->dtype, -1);
}

/* ---- applications ------------------------------------------------------------------------------------------------------------ */

static int32_t either(writer *w, int32_t code, numc_dtype dtype, int32_t a, int32_t b)
{
    return a < 0 ? b : b < 0 ? a : operation(w, code, dtype, dtype, a, b);
}

static const struct {
    int32_t primitive, code;
    double identity;
} reductions[] = {
    {NUMC_PRIMITIVE_REDUCE_SUM, NUMC_SCALAR_ADD, 0.0},        {NUMC_PRIMITIVE_REDUCE_PROD, NUMC_SCALAR_MULTIPLY, 1.0},
    {NUMC_PRIMITIVE_REDUCE_MAX, NUMC_SCALAR_MAXIMUM, 0.0},    {NUMC_PRIMITIVE_REDUCE_MIN, NUMC_SCALAR_MINIMUM, 0.0},
    {NUMC_PRIMITIVE_REDUCE_ANY, NUMC_SCALAR_LOGICAL_OR, 0.0}, {NUMC_PRIMITIVE_REDUCE_ALL, NUMC_SCALAR_LOGICAL_AND, 1.0},
    {NUMC_PRIMITIVE_CUMULATIVE_SUM, NUMC_SCALAR_ADD, 0.0},    {NUMC_PRIMITIVE_CUMULATIVE_PROD, NUMC_SCALAR_MULTIPLY, 1.0},
    {NUMC_PRIMITIVE_CUMULATIVE_MAX, NUMC_SCALAR_MAXIMUM, 0.0},
};

static void write_reduction(writer *w, const numc_ir_node *node, int32_t *out, int64_t count)
{
    const numc_type *from = &w->ir->values[node->inputs[0]].type, *to = &w->ir->values[node->first_output].type;
    int32_t terms[NUMC_SMALL_ELEMENTS];
    size_t row = 0;
    while (reductions[row].primitive != node->primitive)
        row++;
    bool reduced[NUMC_RANK_LIMIT] = {false};
    int64_t terms_each = 1, at[NUMC_RANK_LIMIT], source[NUMC_RANK_LIMIT];
    for (int32_t k = 0; k < node->attributes->count; k++) {
        reduced[node->attributes->numbers[k]] = true;
        terms_each *= from->shape[node->attributes->numbers[k]];
    }
    for (int64_t i = 0; i < count; i++) {
        numc__small_unravel(to, i, at);
        for (int64_t j = 0; j < terms_each && j < NUMC_SMALL_ELEMENTS; j++) {
            int64_t rest = j;
            int32_t kept = to->rank;
            for (int32_t d = from->rank - 1; d >= 0; d--) {
                source[d] = reduced[d] ? rest % from->shape[d] : at[--kept];
                if (reduced[d])
                    rest /= from->shape[d];
            }
            terms[j] = operand(w, node, 0, numc__small_ravel(from, source));
        }
        out[i] = terms_each > 0 ? numc__emit_combined(w->e, w->list, reductions[row].code, to->dtype, terms, terms_each)
                            : number_of(w, to->dtype, reductions[row].identity);
    }
}

static void write_cumulative(writer *w, const numc_ir_node *node, int32_t *out, int64_t count)
{
    const numc_type *type = &w->ir->values[node->first_output].type;
    int32_t axis = (int32_t)node->attributes->numbers[0];
    bool reverse = node->attributes->numbers[1] != 0;
    size_t row = 0;
    while (reductions[row].primitive != node->primitive)
        row++;
    int64_t step = 1;
    for (int32_t d = axis + 1; d < type->rank && w->small->body != NULL; d++)
        step *= type->shape[d];
    int64_t extent = type->shape[axis];
    for (int64_t j = 0; j < count; j++) {
        int64_t i = reverse ? count - 1 - j : j, c = i / step % extent;
        bool first = reverse ? c == extent - 1 : c == 0;
        int32_t x = operand(w, node, 0, i);
        out[i] = first ? x : operation(w, reductions[row].code, type->dtype, type->dtype, out[reverse ? i + step : i - step], x);
    }
}

/* (.., m, k) (.., k, n) */
static void write_matmul(writer *w, const numc_ir_node *node, int32_t *out, int64_t count)
{
    const numc_type *a = &w->ir->values[node->inputs[0]].type, *type = &w->ir->values[node->first_output].type;
    int64_t m = type->shape[type->rank - 2], n = type->shape[type->rank - 1], inner = a->shape[a->rank - 1];
    int32_t terms[NUMC_SMALL_ELEMENTS];
    for (int64_t i = 0; i < count; i++) {
        int64_t batch = i / (m * n), row = i / n % m, column = i % n;
        for (int64_t k = 0; k < inner && k < NUMC_SMALL_ELEMENTS; k++) {
            int32_t left = operand(w, node, 0, (batch * m + row) * inner + k);
            int32_t right = operand(w, node, 1, (batch * inner + k) * n + column);
            terms[k] = operation(w, NUMC_SCALAR_MULTIPLY, type->dtype, type->dtype, left, right);
        }
        out[i] = inner > 0 ? numc__emit_combined(w->e, w->list, NUMC_SCALAR_ADD, type->dtype, terms, inner) : number_of(w, type->dtype, 0.0);
    }
}

static int32_t and_of(writer *w, int32_t a, int32_t b)
{
    return either(w, NUMC_SCALAR_LOGICAL_AND, NUMC_BOOL, a, b);
}

/* a = l l' from the lower triangle of a; where a pivot is not positive and finite, the lower triangle of l is NaN. */
static void write_cholesky(writer *w, const numc_ir_node *node, int32_t *out, int64_t count)
{
    const numc_type *type = &w->ir->values[node->first_output].type;
    numc_dtype t = type->dtype;
    int64_t n = type->shape[type->rank - 1];
    for (int64_t first = 0; first < count; first += n * n) {
        int32_t *l = out + first, good = -1;
        for (int64_t j = 0; j < n; j++)
            for (int64_t i = 0; i < n; i++) {
                if (i < j) {
                    l[i * n + j] = number_of(w, t, 0.0);
                    continue;
                }
                int32_t sum = operand(w, node, 0, first + i * n + j);
                for (int64_t k = 0; k < j; k++)
                    sum = operation(w, NUMC_SCALAR_SUBTRACT, t, t, sum,
                                    operation(w, NUMC_SCALAR_MULTIPLY, t, t, l[i * n + k], l[j * n + k]));
                if (i == j) {
                    good = and_of(w, good, operation(w, NUMC_SCALAR_GREATER, t, NUMC_BOOL, sum, number_of(w, t, 0.0)));
                    good = and_of(w, good, operation(w, NUMC_SCALAR_LESS, t, NUMC_BOOL, sum, number_of(w, t, (double)INFINITY)));
                    sum = operation(w, NUMC_SCALAR_SQRT, t, t, sum, -1);
                } else {
                    sum = operation(w, NUMC_SCALAR_DIVIDE, t, t, sum, l[j * n + j]);
                }
                l[i * n + j] = sum;
            }
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j <= i; j++)
                l[i * n + j] = select_of(w, t, good, l[i * n + j], number_of(w, t, (double)NAN));
    }
}

/* With x = inv(l): x' x. A zero or NaN on the diagonal: all of it is NaN. */
static void write_cholesky_inverse(writer *w, const numc_ir_node *node, int32_t *out, int64_t count)
{
    const numc_type *type = &w->ir->values[node->first_output].type;
    numc_dtype t = type->dtype;
    int64_t n = type->shape[type->rank - 1];
    int32_t x[NUMC_SMALL_ELEMENTS], nan = number_of(w, t, (double)NAN);
    for (int64_t first = 0; first < count && n * n <= NUMC_SMALL_ELEMENTS; first += n * n) {
        int32_t good = -1;
        for (int64_t i = 0; i < n; i++) {
            int32_t pivot = operand(w, node, 0, first + i * (n + 1)), size = operation(w, NUMC_SCALAR_ABS, t, t, pivot, -1);
            good = and_of(w, good, operation(w, NUMC_SCALAR_GREATER, t, NUMC_BOOL, size, number_of(w, t, 0.0)));
            x[i * n + i] = operation(w, NUMC_SCALAR_RECIPROCAL, t, t, pivot, -1);
            for (int64_t j = 0; j < i; j++) {
                int32_t sum = -1;
                for (int64_t k = j; k < i; k++) {
                    int32_t term = operation(w, NUMC_SCALAR_MULTIPLY, t, t, operand(w, node, 0, first + i * n + k), x[k * n + j]);
                    sum = sum < 0 ? operation(w, NUMC_SCALAR_NEGATIVE, t, t, term, -1) : operation(w, NUMC_SCALAR_SUBTRACT, t, t, sum, term);
                }
                x[i * n + j] = operation(w, NUMC_SCALAR_MULTIPLY, t, t, sum, x[i * n + i]);
            }
        }
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j <= i; j++) {
                int32_t sum = -1;
                for (int64_t k = i; k < n; k++) {
                    int32_t term = operation(w, NUMC_SCALAR_MULTIPLY, t, t, x[k * n + i], x[k * n + j]);
                    sum = sum < 0 ? term : operation(w, NUMC_SCALAR_ADD, t, t, sum, term);
                }
                out[first + i * n + j] = out[first + j * n + i] = select_of(w, t, good, sum, nan);
            }
    }
}

/* t x = b; a zero on the diagonal: all of x is NaN. */
static void write_triangular_solve(writer *w, const numc_ir_node *node, int32_t *out, int64_t count)
{
    const numc_type *type = &w->ir->values[node->first_output].type;
    const int64_t *numbers = node->attributes->numbers;
    numc_dtype t = type->dtype;
    int64_t n = type->shape[type->rank - 2], columns = type->shape[type->rank - 1], size = n * columns;
    bool transpose = numbers[1] != 0, backward = (numbers[0] != 0) != transpose, unit = numbers[2] != 0;
    int32_t zero = number_of(w, t, 0.0), nan = number_of(w, t, (double)NAN);
    for (int64_t first = 0; first < count; first += size) {
        int64_t matrix = size == 0 ? 0 : first / size * n * n;
        int32_t *x = out + first, good = -1;
        for (int64_t i = 0; i < n && !unit; i++)
            good = and_of(w, good, operation(w, NUMC_SCALAR_NOT_EQUAL, t, NUMC_BOOL, operand(w, node, 0, matrix + i * (n + 1)), zero));
        for (int64_t step = 0; step < n; step++) {
            int64_t i = backward ? n - 1 - step : step;
            for (int64_t j = 0; j < columns; j++) {
                int32_t sum = operand(w, node, 1, first + i * columns + j);
                for (int64_t known = 0; known < step; known++) {
                    int64_t k = backward ? n - 1 - known : known;
                    int32_t factor = operand(w, node, 0, matrix + (transpose ? k * n + i : i * n + k));
                    sum = operation(w, NUMC_SCALAR_SUBTRACT, t, t, sum,
                                    operation(w, NUMC_SCALAR_MULTIPLY, t, t, factor, x[k * columns + j]));
                }
                x[i * columns + j] = unit ? sum : operation(w, NUMC_SCALAR_DIVIDE, t, t, sum, operand(w, node, 0, matrix + i * (n + 1)));
            }
        }
        for (int64_t i = 0; i < size && !unit; i++)
            x[i] = select_of(w, t, good, x[i], nan);
    }
}

/* x[.., index, ..]: a load where x lies in memory, else a choice among registers. An index beyond the ends is the end's. */
static void write_gather(writer *w, const numc_ir_node *node, int32_t *out, int64_t count)
{
    numc_small *s = w->small;
    const numc_ir *body = w->ir;
    int32_t v = node->first_output, x = node->inputs[0], indices = node->inputs[1];
    const numc_type *to = &body->values[v].type, *xt = &body->values[x].type, *it = &body->values[indices].type;
    int32_t axis = (int32_t)node->attributes->numbers[0], known = -1, index = -1;
    int64_t extent = xt->shape[axis], at[NUMC_RANK_LIMIT], where[NUMC_RANK_LIMIT];
    numc_view_of view;
    int32_t input = numc__small_looked_at(s, x, &view);
    int32_t outer = input < 0 ? -1 : w->node->inputs[input];
    bool memory = input >= s->carries && numc__ir_immediate(w->l->ir, outer) == NULL && !numc__lower_is_scalar(w->l, outer) &&
                  in_order(w, input);
    bool bounded = numc__ir_bounded(body, indices, extent - 1);
    for (int64_t i = 0; i < count && !w->l->failed; i++) {
        numc__small_unravel(to, i, at);
        int32_t reg = operand(w, node, 1, numc__small_ravel(it, at + axis));
        if (reg != known) {
            known = reg;
            index = numc__emit_converted(w->e, w->list, reg, NUMC_INT64);
            if (memory && !bounded) {
                index = operation(w, NUMC_SCALAR_MAXIMUM, NUMC_INT64, NUMC_INT64, index, number_of(w, NUMC_INT64, 0.0));
                index = operation(w, NUMC_SCALAR_MINIMUM, NUMC_INT64, NUMC_INT64, index, number_of(w, NUMC_INT64, (double)(extent - 1)));
            }
        }
        for (int32_t d = 0; d < xt->rank; d++)
            where[d] = d < axis ? at[d] : d == axis ? 0 : at[d + it->rank - 1];
        if (memory) {
            int64_t offset = view.offset;
            for (int32_t d = 0; d < xt->rank; d++)
                offset += where[d] * view.strides[d];
            out[i] = load_input(w, input, offset, s->laned[x] ? view.strides[0] : 0, index, view.strides[axis]);
            continue;
        }
        out[i] = operand(w, node, 0, numc__small_ravel(xt, where));
        for (int64_t j = 1; j < extent; j++) {
            where[axis] = j;
            int32_t reached = operation(w, NUMC_SCALAR_GREATER_EQUAL, NUMC_INT64, NUMC_BOOL, index, number_of(w, NUMC_INT64, (double)j));
            out[i] = select_of(w, to->dtype, reached, operand(w, node, 0, numc__small_ravel(xt, where)), out[i]);
        }
    }
}

/* x with values set or added where the indices say, one after another; an index out of bounds meets no element. */
static void write_scatter(writer *w, const numc_ir_node *node, int32_t *out, int64_t count)
{
    const numc_ir *body = w->ir;
    const numc_type *type = &body->values[node->first_output].type, *vt = &body->values[node->inputs[2]].type;
    int32_t axis = (int32_t)node->attributes->numbers[0];
    bool adds = node->attributes->numbers[1] != 0;
    int64_t values = body->values[node->inputs[1]].type.shape[0], at[NUMC_RANK_LIMIT];
    for (int64_t i = 0; i < count; i++)
        out[i] = operand(w, node, 0, i);
    for (int64_t k = 0; k < values; k++) {
        int32_t index = numc__emit_converted(w->e, w->list, operand(w, node, 1, k), NUMC_INT64);
        for (int64_t i = 0; i < count && !w->l->failed; i++) {
            numc__small_unravel(type, i, at);
            int32_t meets = operation(w, NUMC_SCALAR_EQUAL, NUMC_INT64, NUMC_BOOL, index, number_of(w, NUMC_INT64, (double)at[axis]));
            at[axis] = k;
            int32_t value = operand(w, node, 2, numc__small_ravel(vt, at));
            if (adds)
                value = operation(w, NUMC_SCALAR_ADD, type->dtype, type->dtype, out[i], value);
            out[i] = select_of(w, type->dtype, meets, value, out[i]);
        }
    }
}

/* Equal operands give one register: what was broadcast is computed once. */
static void write_elementwise(writer *w, const numc_ir_node *node, int32_t *out, int64_t count)
{
    int32_t operands[NUMC_SMALL_ELEMENTS][4];
    for (int64_t i = 0; i < count && i < NUMC_SMALL_ELEMENTS && !w->l->failed; i++)
        for (int32_t k = 0; k < 4; k++)
            operands[i][k] = k < node->input_count ? operand(w, node, k, i) : -1;
    for (int64_t i = 0; i < count && i < NUMC_SMALL_ELEMENTS && !w->l->failed; i++) { /* side by side: one step may take them all */
        for (int64_t j = 0; j < i && out[i] < 0; j++)
            if (memcmp(operands[j], operands[i], sizeof operands[j]) == 0)
                out[i] = out[j];
        if (out[i] < 0)
            out[i] = numc__emit_application(w->e, w->list, w->ir, node, operands[i]);
    }
}

static void write_application(writer *w, const numc_ir_node *node, int32_t *out, int64_t count)
{
    if (numc__primitive_is_scalar(node->primitive)) {
        write_elementwise(w, node, out, count);
        return;
    }
    switch (node->primitive) {
    case NUMC_PRIMITIVE_MATMUL: write_matmul(w, node, out, count); break;
    case NUMC_PRIMITIVE_CHOLESKY: write_cholesky(w, node, out, count); break;
    case NUMC_PRIMITIVE_CHOLESKY_INVERSE: write_cholesky_inverse(w, node, out, count); break;
    case NUMC_PRIMITIVE_TRIANGULAR_SOLVE: write_triangular_solve(w, node, out, count); break;
    case NUMC_PRIMITIVE_GATHER: write_gather(w, node, out, count); break;
    case NUMC_PRIMITIVE_SCATTER: write_scatter(w, node, out, count); break;
    case NUMC_PRIMITIVE_CUMULATIVE_SUM:
    case NUMC_PRIMITIVE_CUMULATIVE_PROD:
    case NUMC_PRIMITIVE_CUMULATIVE_MAX: write_cumulative(w, node, out, count); break;
    default: write_reduction(w, node, out, count); break;
    }
}

/* ---- loops -------------------------------------------------------------------------------------------------------------------- */

static int32_t open_loop(numc_emitter *e, numc_node_kind kind, int64_t extent)
{
    int32_t at = numc__emit_extent(e, extent);
    numc__emit_node(e, &e->top, kind)->extent = at;
    return e->top.count - 1;
}

static void close_loop(numc_emitter *e, int32_t opened)
{
    numc_kernel_node *end = numc__emit_node(e, &e->top, NUMC_NODE_END);
    end->extent = end->match = opened;
    if (!e->l->failed)
        e->top.items[opened].match = e->top.count - 1;
}

static void append(numc_emitter *e, const numc_node_list *list)
{
    for (int32_t n = 0; n < list->count; n++)
        *numc__emit_node(e, &e->top, NUMC_NODE_SCALAR) = list->items[n];
}

/* A store of an element of a scan's result: at every step, `step` elements apart, or after the last one. */
static void store(writer *w, numc_node_list *list, int32_t reg, int32_t target, int64_t offset, int64_t lane, bool inside, int64_t step)
{
    numc_emit_access *a = numc__emit_access(w->e, target, true, offset);
    int32_t access = w->e->access_count - 1, around = w->small->lanes > 0;
    a->strides[0] = lane;
    if (inside)
        a->strides[around] = step;
    hint(a, around + inside);
    numc_kernel_node *node = numc__emit_node(w->e, list, NUMC_NODE_STORE);
    node->dtype = (uint32_t)w->l->ir->values[target].type.dtype;
    node->operands[0] = reg;
    node->extent = access;
}

static void write_carries(writer *w)
{
    const numc_small *s = w->small;
    const numc_ir *body = s->body;
    for (int32_t k = 0; k < s->carries && !w->l->failed; k++) {
        int32_t v = body->inputs[k], outer = w->node->inputs[k];
        int64_t count = numc__small_elements(s, v);
        bool one = numc__ir_immediate(w->l->ir, outer) != NULL || numc__lower_is_scalar(w->l, outer);
        int32_t *starts = register_set(w, count);
        w->registers[v] = register_set(w, count);
        for (int64_t i = 0; i < count && !w->l->failed; i++)
            starts[i] = one ? numc__emit_scalar_value(w->e, outer) : load_element(w, k, i);
        for (int64_t i = 0; i < count && !w->l->failed; i++) {
            numc_kernel_node *carry = numc__emit_node(w->e, w->lane, NUMC_NODE_CARRY);
            carry->dtype = (uint32_t)body->values[v].type.dtype;
            carry->operands[0] = starts[i];
            int32_t reg = numc__emit_register(w->e, body->values[v].type.dtype);
            carry->result = reg;
            w->registers[v][i] = reg;
        }
    }
}

static void write_body(writer *w)
{
    const numc_small *s = w->small;
    const numc_ir *body = s->body;
    for (int32_t n = 0; n < body->node_count && !w->l->failed; n++) {
        const numc_ir_node *node = &body->nodes[n];
        int32_t v = node->first_output;
        if (numc__small_is_move(body, node) || node->primitive == NUMC_PRIMITIVE_IOTA)
            continue;
        int64_t count = numc__small_elements(s, v);
        w->registers[v] = register_set(w, count);
        if (!w->l->failed)
            write_application(w, node, w->registers[v], count);
    }
    for (int32_t k = s->carries; k < body->output_count; k++) {
        int32_t v = body->outputs[k], target = w->node->first_output + k;
        int64_t count = numc__small_elements(s, v), size = numc__type_size(&body->values[v].type), lane = s->laned[v] ? count : 0;
        for (int64_t i = 0; i < count && !w->l->failed; i++)
            store(w, w->list, element(w, v, i), target, i + (s->reverse ? (s->length - 1) * size : 0), lane, true,
                  s->reverse ? -size : size);
    }
}

static void write_scan(writer *w)
{
    numc_emitter *e = w->e;
    const numc_small *s = w->small;
    const numc_ir *body = s->body;
    numc_node_list lane = {NULL, 0, 0}, updates = {NULL, 0, 0};
    int32_t opened[2] = {-1, -1};
    e->body.count = 0;
    w->ir = body;
    w->list = &e->body;
    w->lane = s->lanes > 0 ? &lane : &e->top;
    w->registers = numc__arena_allocate(w->l->arena, (size_t)body->value_count, sizeof *w->registers);
    if (w->registers == NULL) {
        w->l->failed = true;
        return;
    }
    write_carries(w);
    write_body(w);
    for (int32_t k = 0; k < s->carries && !w->l->failed; k++) {
        int32_t v = body->inputs[k];
        for (int64_t i = 0; i < numc__small_elements(s, v) && !w->l->failed; i++) {
            int32_t next = element(w, body->outputs[k], i);
            numc_kernel_node *update = numc__emit_node(e, &updates, NUMC_NODE_UPDATE);
            update->dtype = (uint32_t)body->values[v].type.dtype;
            update->result = w->registers[v][i];
            update->operands[0] = next;
        }
    }
    if (w->l->failed)
        return;
    if (s->lanes > 0) {
        opened[0] = open_loop(e, NUMC_NODE_PARALLEL, s->lanes);
        append(e, &lane);
    }
    opened[1] = open_loop(e, NUMC_NODE_SEQUENTIAL, s->length);
    append(e, &e->body);
    append(e, &updates);
    close_loop(e, opened[1]);
    int32_t depth = s->lanes > 0;
    if (e->depth < depth + 1)
        e->depth = depth + 1;
    for (int32_t k = 0; k < s->carries && !w->l->failed; k++) {
        int32_t v = body->inputs[k], target = w->node->first_output + k;
        int64_t count = numc__small_elements(s, v);
        if (numc__lower_is_scalar(w->l, target) && s->lanes == 0)
            e->top_register[target] = w->registers[v][0];
        for (int64_t i = 0; i < count && w->l->memory[target]; i++)
            store(w, &e->top, w->registers[v][i], target, i, s->laned[v] ? count : 0, false, 0);
    }
    if (s->lanes > 0)
        close_loop(e, opened[0]);
    e->sequential = true;
}

/* Axes that are not written out, as loops, neighbours joined where every operand steps through them evenly; their number. target:
 * strides of the result by loop, elements: by the axes written out. */
static int32_t find_loops(writer *w, int64_t *extents, int64_t *target)
{
    const numc_type *out = &w->ir->values[w->node->first_output].type;
    int32_t operands = w->node->input_count, count = 0;
    int64_t stride = 1;
    numc_view_of view;
    for (int32_t d = out->rank - 1; d >= 0; d--) { /* innermost first */
        int64_t steps[2] = {0, 0};
        bool even = count > 0 && stride == target[count - 1] * extents[count - 1];
        for (int32_t k = 0; k < operands && !w->inner[d]; k++) {
            numc__lower_view(w->l, w->node->inputs[k], &view);
            steps[k] = view.strides[d];
            even = even && steps[k] == w->strides[k][count - 1] * extents[count - 1];
        }
        if (out->shape[d] != 1 && !w->inner[d]) {
            if (even) {
                extents[count - 1] *= out->shape[d];
            } else {
                extents[count] = out->shape[d];
                target[count] = stride;
                for (int32_t k = 0; k < operands; k++)
                    w->strides[k][count] = steps[k];
                count++;
            }
        }
        stride *= out->shape[d];
    }
    for (int32_t a = 0, b = count - 1; a < b; a++, b--) { /* outermost first */
        int64_t swap = extents[a];
        extents[a] = extents[b];
        extents[b] = swap;
        swap = target[a];
        target[a] = target[b];
        target[b] = swap;
        for (int32_t k = 0; k < operands; k++) {
            swap = w->strides[k][a];
            w->strides[k][a] = w->strides[k][b];
            w->strides[k][b] = swap;
        }
    }
    return count;
}

static void write_algebra(writer *w)
{
    numc_emitter *e = w->e;
    const numc_ir_node *node = w->node;
    const numc_type *out = &w->l->ir->values[node->first_output].type;
    int64_t extents[NUMC_RANK_LIMIT], target[NUMC_RANK_LIMIT], strides[2][NUMC_RANK_LIMIT];
    int32_t *registers[2] = {NULL, NULL}, opened[NUMC_RANK_LIMIT];
    int64_t count = 1, step = 1; /* elements written out; of the result between them, cumulative */
    bool cumulative = numc__small_is_cumulative(node->primitive);
    for (int32_t d = 0; d < out->rank; d++) {
        w->inner[d] = cumulative ? d == node->attributes->numbers[0] : d >= out->rank - 2;
        count *= w->inner[d] ? out->shape[d] : 1;
        step *= cumulative && d > node->attributes->numbers[0] ? out->shape[d] : 1;
    }
    w->ir = w->l->ir;
    w->strides = strides;
    w->registers = registers;
    w->depth = find_loops(w, extents, target);
    e->body.count = 0;
    w->list = w->depth > 0 ? &e->body : &e->top;
    for (int32_t k = 0; k < node->input_count; k++) {
        const numc_type *type = &w->ir->values[node->inputs[k]].type;
        registers[k] = register_set(w, cumulative ? count : type->shape[type->rank - 2] * type->shape[type->rank - 1]);
        if (!w->l->failed && numc__lower_is_scalar(w->l, node->inputs[k]))
            registers[k][0] = numc__emit_scalar_value(e, node->inputs[k]);
    }
    int32_t *result = register_set(w, count);
    if (w->l->failed)
        return;
    write_application(w, node, result, count);
    if (w->depth == 0 && count == 1)
        e->top_register[node->first_output] = result[0];
    for (int64_t i = 0; i < count && w->l->memory[node->first_output]; i++) {
        numc_emit_access *a = numc__emit_access(e, node->first_output, true, i * step);
        int32_t access = e->access_count - 1;
        memcpy(a->strides, target, (size_t)w->depth * sizeof *target);
        hint(a, w->depth);
        numc_kernel_node *write = numc__emit_node(e, w->list, NUMC_NODE_STORE);
        write->dtype = (uint32_t)out->dtype;
        write->operands[0] = result[i];
        write->extent = access;
    }
    e->loops = true;
    if (w->depth == 0)
        return;
    for (int32_t k = 0; k < w->depth; k++)
        opened[k] = open_loop(e, NUMC_NODE_PARALLEL, extents[k]);
    append(e, &e->body);
    for (int32_t k = w->depth - 1; k >= 0; k--)
        close_loop(e, opened[k]);
    if (e->depth < w->depth)
        e->depth = w->depth;
    e->nests++;
}

void numc__emit_small(numc_emitter *e, const numc_unit *unit)
{
    writer w = {.e = e, .l = e->l, .node = &e->l->ir->nodes[unit->node], .small = e->l->small[unit->node]};
    if (w.small->body != NULL)
        write_scan(&w);
    else
        write_algebra(&w);
}
