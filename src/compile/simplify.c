/* simplify.c - algebra on single applications: what can be replaced by an operand, a constant, or a cheaper application. */
#include "compile/ir.h"

#include <math.h>
#include <string.h>

/* The operand's value as a double when it is an immediate real float or integer. */
static bool immediate_number(const numc_ir *ir, int32_t value, double *number)
{
    const unsigned char *bytes = numc__ir_immediate(ir, value);
    if (bytes == NULL || (numc_dtype_kind(ir->values[value].type.dtype) & NUMC_KIND_COMPLEX) != 0)
        return false;
    numc__value_convert(NUMC_FLOAT64, number, ir->values[value].type.dtype, bytes);
    return true;
}

static bool is_number(const numc_ir *ir, int32_t value, double number)
{
    double x;
    return immediate_number(ir, value, &x) && x == number && signbit(x) == signbit(number);
}

static const numc_ir_node *made_by(const numc_ir *ir, int32_t value, int32_t primitive)
{
    int32_t n = ir->values[value].node;
    return n >= 0 && ir->nodes[n].primitive == primitive ? &ir->nodes[n] : NULL;
}

static bool is_float(const numc_type *type)
{
    return numc_dtype_kind(type->dtype) == NUMC_KIND_REAL;
}

static int32_t emit1(numc_ir *ir, int32_t primitive, int32_t input)
{
    return numc__ir_emit(ir, primitive, &input, 1, NULL);
}

static int32_t emit2(numc_ir *ir, int32_t primitive, int32_t a, int32_t b)
{
    int32_t inputs[2] = {a, b};
    return numc__ir_emit(ir, primitive, inputs, 2, NULL);
}

static int32_t splat(numc_ir *ir, const numc_type *like, double number)
{
    unsigned char bytes[16] = {0};
    numc__value_convert(like->dtype, bytes, NUMC_FLOAT64, &number);
    int32_t id = -1;
    if (numc_scope_begin(ir->context) != NUMC_OK) {
        ir->failed = true;
        return -1;
    }
    id = numc__ir_constant(ir, numc__array_new_immediate(ir->context, like->dtype, like->rank, like->shape, bytes));
    numc_scope_end(ir->context);
    return id;
}

int32_t numc__ir_shaped(numc_ir *ir, int32_t primitive, int32_t input, int32_t rank, const int64_t *shape)
{
    numc_attributes *attributes = numc__arena_allocate(&ir->arena, 1, sizeof *attributes);
    int64_t *numbers = numc__arena_allocate(&ir->arena, (size_t)rank, sizeof *numbers);
    if (attributes == NULL || numbers == NULL) {
        ir->failed = true;
        return -1;
    }
    if (rank > 0)
        memcpy(numbers, shape, (size_t)rank * sizeof *numbers);
    attributes->count = rank;
    attributes->numbers = numbers;
    return numc__ir_emit(ir, primitive, &input, 1, attributes);
}

/* 2^-100 < |c| < 2^100 and a power of two: products with it are exact but for overflow and subnormals. */
static bool is_power_of_two(double c)
{
    int exponent;
    return fabs(frexp(c, &exponent)) == 0.5 && exponent > -100 && exponent < 100;
}

/* (x c) d = x (c d) when one of the numbers is a power of two, and c d far from overflow and 0: 0 times an infinite c d would be NaN.
 * Not where x c may be infinite and x (c d) finite. */
static int32_t simplify_product(numc_ir *ir, int32_t product, int32_t number, const numc_type *type)
{
    const numc_ir_node *inner = made_by(ir, product, NUMC_SCALAR_MULTIPLY);
    double c, d;
    if (inner == NULL || !is_float(type) || !immediate_number(ir, number, &d))
        return -1;
    for (int k = 0; k < 2; k++)
        if (immediate_number(ir, inner->inputs[k], &c) && (is_power_of_two(c) || is_power_of_two(d)) &&
            fabs(c * d) > 0x1p-100 && fabs(c * d) < 0x1p100 && (fabs(c) <= 1 || fabs(d) >= 1))
            return emit2(ir, NUMC_SCALAR_MULTIPLY, inner->inputs[1 - k], splat(ir, &ir->values[number].type, c * d));
    return -1;
}

/* An array that is zero but for a block. */
static const numc_ir_node *zero_padded(const numc_ir *ir, int32_t value)
{
    const numc_ir_node *pad = made_by(ir, value, NUMC_PRIMITIVE_PAD);
    return pad != NULL && is_number(ir, pad->inputs[1], 0.0) ? pad : NULL;
}

/* The axis that alone tells two paddings apart, neither of which spreads elements along it; -1: there is none. */
static int32_t apart(const numc_ir *ir, const numc_ir_node *a, const numc_ir_node *b, int32_t rank)
{
    const int64_t *n = a->attributes->numbers, *m = b->attributes->numbers;
    const numc_type *x = &ir->values[a->inputs[0]].type, *y = &ir->values[b->inputs[0]].type;
    int32_t axis = -1;
    for (int32_t d = 0; d < rank; d++) {
        if (n[d] == m[d] && n[rank + d] == m[rank + d] && n[2 * rank + d] == m[2 * rank + d] && x->shape[d] == y->shape[d])
            continue;
        if (axis >= 0 || n[rank + d] != 0 || m[rank + d] != 0)
            return -1;
        axis = d;
    }
    return axis;
}

/* The sum of two zero-padded blocks that touch is their concatenation, padded: how the gradient of an array of which slices
 * were taken comes together. */
static int32_t simplify_blocks(numc_ir *ir, int32_t a, int32_t b)
{
    const numc_ir_node *low = zero_padded(ir, a), *high = zero_padded(ir, b);
    int32_t rank = ir->values[a].type.rank, axis = low == NULL || high == NULL ? -1 : apart(ir, low, high, rank);
    if (axis < 0)
        return -1;
    if (low->attributes->numbers[axis] > high->attributes->numbers[axis]) {
        const numc_ir_node *other = low;
        low = high;
        high = other;
    }
    if (low->attributes->numbers[axis] + ir->values[low->inputs[0]].type.shape[axis] != high->attributes->numbers[axis])
        return -1;
    numc_attributes *join = numc__arena_allocate(&ir->arena, 2, sizeof *join);
    int64_t *numbers = numc__arena_allocate(&ir->arena, 3 * (size_t)rank + 1, sizeof *numbers);
    if (join == NULL || numbers == NULL) {
        ir->failed = true;
        return -1;
    }
    memcpy(numbers, low->attributes->numbers, 3 * (size_t)rank * sizeof *numbers);
    numbers[2 * rank + axis] = high->attributes->numbers[2 * rank + axis];
    numbers[3 * rank] = axis;
    join[0] = (numc_attributes){.count = 1, .numbers = numbers + 3 * rank};
    join[1] = (numc_attributes){.count = 3 * rank, .numbers = numbers};
    int32_t zero = low->inputs[1], pieces[2] = {low->inputs[0], high->inputs[0]};
    int32_t inputs[2] = {numc__ir_emit(ir, NUMC_PRIMITIVE_CONCAT, pieces, 2, &join[0]), zero};
    return numc__ir_emit(ir, NUMC_PRIMITIVE_PAD, inputs, 2, &join[1]);
}

/* A zero-padded block, or several added up one after another. */
static bool is_blocks(const numc_ir *ir, int32_t value)
{
    for (;;) {
        const numc_ir_node *sum = made_by(ir, value, NUMC_SCALAR_ADD);
        if (sum == NULL)
            return zero_padded(ir, value) != NULL;
        bool last = zero_padded(ir, sum->inputs[1]) != NULL;
        if (!last && zero_padded(ir, sum->inputs[0]) == NULL)
            return false;
        value = sum->inputs[last ? 0 : 1];
    }
}

/* Sums of zero-padded blocks, and of such sums, are taken of the blocks. */
static int32_t simplify_padded_sum(numc_ir *ir, int32_t input, const numc_attributes *attributes)
{
    const numc_ir_node *sum = made_by(ir, input, NUMC_SCALAR_ADD), *pad = zero_padded(ir, input);
    if (sum != NULL) {
        int32_t terms[2] = {sum->inputs[0], sum->inputs[1]};
        if (!is_blocks(ir, input))
            return -1;
        for (int k = 0; k < 2; k++)
            terms[k] = numc__ir_emit(ir, NUMC_PRIMITIVE_REDUCE_SUM, &terms[k], 1, attributes);
        return ir->failed ? -1 : emit2(ir, NUMC_SCALAR_ADD, terms[0], terms[1]);
    }
    if (pad == NULL)
        return -1;
    int32_t rank = ir->values[input].type.rank, kept = 0, block = pad->inputs[0], zero = pad->inputs[1];
    const int64_t *from = pad->attributes->numbers;
    numc_attributes *rest = numc__arena_allocate(&ir->arena, 1, sizeof *rest);
    int64_t *numbers = numc__arena_allocate(&ir->arena, 3 * (size_t)rank, sizeof *numbers);
    if (rest == NULL || numbers == NULL) {
        ir->failed = true;
        return -1;
    }
    for (int32_t part = 0; part < 3; part++)
        for (int32_t d = 0; d < rank; d++) {
            bool summed = false;
            for (int32_t k = 0; k < attributes->count; k++)
                summed = summed || attributes->numbers[k] == d;
            if (!summed)
                numbers[kept++] = from[part * rank + d];
        }
    *rest = (numc_attributes){.count = kept, .numbers = numbers};
    int32_t inputs[2] = {numc__ir_emit(ir, NUMC_PRIMITIVE_REDUCE_SUM, &block, 1, attributes), zero};
    return ir->failed ? -1 : numc__ir_emit(ir, NUMC_PRIMITIVE_PAD, inputs, 2, rest);
}

static int32_t simplify_concat(numc_ir *ir, const int32_t *inputs, int32_t input_count, const numc_attributes *attributes)
{
    int32_t total = 0;
    bool nested = false;
    for (int32_t k = 0; k < input_count; k++) {
        const numc_ir_node *inner = made_by(ir, inputs[k], NUMC_PRIMITIVE_CONCAT);
        bool joins = inner != NULL && inner->attributes->numbers[0] == attributes->numbers[0];
        nested = nested || joins;
        total += joins ? inner->input_count : 1;
    }
    if (!nested)
        return -1;
    int32_t *flat = numc__arena_allocate(&ir->arena, (size_t)total, sizeof *flat), count = 0;
    if (flat == NULL) {
        ir->failed = true;
        return -1;
    }
    for (int32_t k = 0; k < input_count; k++) {
        const numc_ir_node *inner = made_by(ir, inputs[k], NUMC_PRIMITIVE_CONCAT);
        if (inner != NULL && inner->attributes->numbers[0] == attributes->numbers[0])
            for (int32_t j = 0; j < inner->input_count; j++)
                flat[count++] = inner->inputs[j];
        else
            flat[count++] = inputs[k];
    }
    return numc__ir_emit(ir, NUMC_PRIMITIVE_CONCAT, flat, total, attributes);
}

static int32_t simplify_arithmetic(numc_ir *ir, int32_t primitive, const int32_t *inputs, const numc_type *type)
{
    int32_t a = inputs[0], b = inputs[1];
    const numc_ir_node *negative_a = made_by(ir, a, NUMC_SCALAR_NEGATIVE);
    const numc_ir_node *negative_b = made_by(ir, b, NUMC_SCALAR_NEGATIVE);
    double c;
    switch (primitive) {
    case NUMC_SCALAR_ADD:
        if (negative_b != NULL)
            return emit2(ir, NUMC_SCALAR_SUBTRACT, a, negative_b->inputs[0]);
        if (negative_a != NULL)
            return emit2(ir, NUMC_SCALAR_SUBTRACT, b, negative_a->inputs[0]);
        return simplify_blocks(ir, a, b);
    case NUMC_SCALAR_SUBTRACT:
        if (is_number(ir, b, 0.0)) /* x - (+0) = x, also for x = -0 */
            return a;
        if (negative_b != NULL)
            return emit2(ir, NUMC_SCALAR_ADD, a, negative_b->inputs[0]);
        break;
    case NUMC_SCALAR_MULTIPLY:
        if (is_number(ir, b, 1.0))
            return a;
        if (is_number(ir, a, 1.0))
            return b;
        if (is_number(ir, b, -1.0))
            return emit1(ir, NUMC_SCALAR_NEGATIVE, a);
        if (is_number(ir, a, -1.0))
            return emit1(ir, NUMC_SCALAR_NEGATIVE, b);
        if (negative_a != NULL && negative_b != NULL)
            return emit2(ir, NUMC_SCALAR_MULTIPLY, negative_a->inputs[0], negative_b->inputs[0]);
        if (a == b)
            return emit1(ir, NUMC_SCALAR_SQUARE, a);
        if (made_by(ir, a, NUMC_SCALAR_MULTIPLY) != NULL)
            return simplify_product(ir, a, b, type);
        return simplify_product(ir, b, a, type);
    case NUMC_SCALAR_DIVIDE:
        if (is_number(ir, b, 1.0))
            return a;
        if (is_float(type) && immediate_number(ir, b, &c) && is_power_of_two(c))
            return emit2(ir, NUMC_SCALAR_MULTIPLY, a, splat(ir, &ir->values[b].type, 1.0 / c));
        if (is_number(ir, a, 1.0))
            return emit1(ir, NUMC_SCALAR_RECIPROCAL, b);
        break;
    case NUMC_SCALAR_POW:
        if (is_number(ir, b, 1.0))
            return a;
        if (is_number(ir, b, 2.0))
            return emit1(ir, NUMC_SCALAR_SQUARE, a);
        if (is_float(type) && is_number(ir, b, -1.0))
            return emit1(ir, NUMC_SCALAR_RECIPROCAL, a);
        break;
    case NUMC_SCALAR_LOGICAL_AND:
        if (is_number(ir, b, 1.0))
            return a;
        if (is_number(ir, a, 1.0))
            return b;
        break;
    case NUMC_SCALAR_LOGICAL_OR:
        if (is_number(ir, b, 0.0))
            return a;
        if (is_number(ir, a, 0.0))
            return b;
        break;
    default:
        break;
    }
    return -1;
}

/* An outer product, (m, 1) (1, n), is elementwise, so that it is never stored. Those of a batch may be summed: see below. */
static int32_t simplify_outer(numc_ir *ir, const int32_t *inputs, const numc_type *type)
{
    if (type->rank != 2 || ir->values[inputs[0]].type.shape[1] != 1 || !is_float(type))
        return -1;
    int32_t a = numc__ir_shaped(ir, NUMC_PRIMITIVE_BROADCAST, inputs[0], 2, type->shape);
    int32_t b = numc__ir_shaped(ir, NUMC_PRIMITIVE_BROADCAST, inputs[1], 2, type->shape);
    return ir->failed ? -1 : emit2(ir, NUMC_SCALAR_MULTIPLY, a, b);
}

/* The sum over a batch of outer products, (.., m, 1) (.., 1, n), is one product: (m, batch) (batch, n). */
static int32_t simplify_outer_sum(numc_ir *ir, int32_t input, const numc_attributes *attributes)
{
    const numc_ir_node *product = made_by(ir, input, NUMC_PRIMITIVE_MATMUL);
    const numc_type *type = &ir->values[input].type, *left = &ir->values[product->inputs[0]].type;
    int64_t batch = 1, m = type->shape[type->rank - 2], n = type->shape[type->rank - 1];
    int32_t operands[2] = {product->inputs[0], product->inputs[1]};
    if (attributes->count != type->rank - 2 || left->shape[left->rank - 1] != 1)
        return -1;
    for (int32_t d = 0; d < type->rank - 2; d++) {
        bool summed = false;
        for (int32_t k = 0; k < attributes->count; k++)
            summed = summed || attributes->numbers[k] == d;
        if (!summed)
            return -1;
        batch *= type->shape[d];
    }
    numc_attributes *turn = numc__arena_allocate(&ir->arena, 1, sizeof *turn);
    int64_t *axes = numc__arena_allocate(&ir->arena, 2, sizeof *axes);
    if (turn == NULL || axes == NULL) {
        ir->failed = true;
        return -1;
    }
    axes[0] = 1;
    *turn = (numc_attributes){.count = 2, .numbers = axes};
    operands[0] = numc__ir_shaped(ir, NUMC_PRIMITIVE_RESHAPE, operands[0], 2, (const int64_t[]){batch, m});
    operands[0] = operands[0] < 0 ? -1 : numc__ir_emit(ir, NUMC_PRIMITIVE_PERMUTE, operands, 1, turn);
    operands[1] = numc__ir_shaped(ir, NUMC_PRIMITIVE_RESHAPE, operands[1], 2, (const int64_t[]){batch, n});
    return ir->failed ? -1 : numc__ir_emit(ir, NUMC_PRIMITIVE_MATMUL, operands, 2, NULL);
}

/* The sum of a broadcast over axes that were broadcast: count times the operand. */
static int32_t simplify_sum(numc_ir *ir, int32_t input, const numc_attributes *attributes, const numc_type *type)
{
    const numc_ir_node *node = made_by(ir, input, NUMC_PRIMITIVE_BROADCAST);
    if (!is_float(type))
        return -1;
    if (made_by(ir, input, NUMC_SCALAR_NEGATIVE) != NULL) {
        int32_t terms = made_by(ir, input, NUMC_SCALAR_NEGATIVE)->inputs[0]; /* 0 - sum: a sum that vanishes is +0 either way */
        int32_t sum = numc__ir_emit(ir, NUMC_PRIMITIVE_REDUCE_SUM, &terms, 1, attributes);
        return sum < 0 ? -1 : emit2(ir, NUMC_SCALAR_SUBTRACT, splat(ir, type, 0.0), sum);
    }
    if (made_by(ir, input, NUMC_PRIMITIVE_MATMUL) != NULL)
        return simplify_outer_sum(ir, input, attributes);
    if (node == NULL)
        return simplify_padded_sum(ir, input, attributes);
    const numc_type *wide = &ir->values[input].type, *narrow = &ir->values[node->inputs[0]].type;
    int32_t lead = wide->rank - narrow->rank;
    double count = 1.0;
    for (int32_t k = 0; k < attributes->count; k++) {
        int64_t axis = attributes->numbers[k];
        bool copied = axis < lead || (narrow->shape[axis - lead] == 1 && wide->shape[axis] != 1);
        if (!copied || wide->shape[axis] == 0)
            return -1;
        count *= (double)wide->shape[axis];
    }
    /* What is left after the summed axes vanish is a broadcast of the operand with those axes squeezed out. */
    int64_t shape[NUMC_RANK_LIMIT];
    int32_t rank = 0;
    for (int32_t d = 0; d < narrow->rank; d++) {
        bool summed = false;
        for (int32_t k = 0; k < attributes->count; k++)
            summed = summed || attributes->numbers[k] == d + lead;
        if (!summed)
            shape[rank++] = narrow->shape[d];
    }
    int32_t value = numc__ir_shaped(ir, NUMC_PRIMITIVE_RESHAPE, node->inputs[0], rank, shape);
    if (value < 0)
        return -1;
    value = emit2(ir, NUMC_SCALAR_MULTIPLY, value, splat(ir, &ir->values[value].type, count));
    if (value < 0)
        return -1;
    value = emit2(ir, NUMC_SCALAR_ADD, value, splat(ir, &ir->values[value].type, 0.0)); /* as a sum of -0, which begins at +0 */
    return value < 0 ? -1 : numc__ir_shaped(ir, NUMC_PRIMITIVE_BROADCAST, value, type->rank, type->shape);
}

static int32_t simplify_permute(numc_ir *ir, int32_t input, const numc_attributes *attributes)
{
    bool identity = true;
    for (int32_t d = 0; d < attributes->count; d++)
        identity = identity && attributes->numbers[d] == d;
    if (identity)
        return input;
    const numc_ir_node *inner = made_by(ir, input, NUMC_PRIMITIVE_PERMUTE);
    if (inner == NULL)
        return -1;
    numc_attributes *composed = numc__arena_allocate(&ir->arena, 1, sizeof *composed);
    int64_t *axes = numc__arena_allocate(&ir->arena, (size_t)attributes->count, sizeof *axes);
    if (composed == NULL || axes == NULL) {
        ir->failed = true;
        return -1;
    }
    for (int32_t d = 0; d < attributes->count; d++)
        axes[d] = inner->attributes->numbers[attributes->numbers[d]];
    composed->count = attributes->count;
    composed->numbers = axes;
    return numc__ir_emit(ir, NUMC_PRIMITIVE_PERMUTE, inner->inputs, 1, composed);
}

static int32_t permuted(numc_ir *ir, int32_t input, int32_t count, const int64_t *axes)
{
    numc_attributes *attributes = numc__arena_allocate(&ir->arena, 1, sizeof *attributes);
    int64_t *numbers = numc__arena_allocate(&ir->arena, (size_t)count, sizeof *numbers);
    if (attributes == NULL || numbers == NULL) {
        ir->failed = true;
        return -1;
    }
    memcpy(numbers, axes, (size_t)count * sizeof *numbers);
    *attributes = (numc_attributes){.count = count, .numbers = numbers};
    return numc__ir_emit(ir, NUMC_PRIMITIVE_PERMUTE, &input, 1, attributes);
}

/* An elementwise operation on values that are turned alike is turned itself: what lies in one order is read in that order. Numbers
 * and broadcasts turn at no cost. */
static int32_t simplify_turned(numc_ir *ir, int32_t primitive, const int32_t *inputs, int32_t input_count,
                               const numc_attributes *attributes)
{
    int32_t turned[4] = {-1, -1, -1, -1};
    int64_t back[NUMC_RANK_LIMIT], shape[NUMC_RANK_LIMIT];
    const numc_attributes *turn = NULL;
    bool copies[2] = {false, false}; /* a broadcast that is turned, one that is not: turning both back and forth would not end */
    for (int32_t k = 0; k < input_count; k++) {
        const numc_ir_node *node = made_by(ir, inputs[k], NUMC_PRIMITIVE_PERMUTE);
        if (node != NULL && turn == NULL)
            turn = node->attributes;
        if (made_by(ir, node != NULL ? node->inputs[0] : inputs[k], NUMC_PRIMITIVE_BROADCAST) != NULL)
            copies[node == NULL] = true;
        if (node != NULL ? !numc__attributes_equal(turn, node->attributes)
                         : numc__ir_immediate(ir, inputs[k]) == NULL && made_by(ir, inputs[k], NUMC_PRIMITIVE_BROADCAST) == NULL)
            return -1;
    }
    if (turn == NULL || input_count > 4 || (copies[0] && copies[1]))
        return -1;
    int32_t rank = turn->count;
    for (int32_t d = 0; d < rank; d++) {
        back[turn->numbers[d]] = d;
        shape[turn->numbers[d]] = ir->values[inputs[0]].type.shape[d];
    }
    for (int32_t k = 0; k < input_count; k++) {
        const numc_ir_node *node = made_by(ir, inputs[k], NUMC_PRIMITIVE_PERMUTE);
        turned[k] = node != NULL                                 ? node->inputs[0]
                    : numc__ir_immediate(ir, inputs[k]) != NULL ? numc__ir_shaped(ir, NUMC_PRIMITIVE_RESHAPE, inputs[k], rank, shape)
                                                                : permuted(ir, inputs[k], rank, back);
        if (turned[k] < 0)
            return -1;
    }
    int32_t result = numc__ir_emit(ir, primitive, turned, input_count, attributes);
    return result < 0 ? -1 : permuted(ir, result, rank, turn->numbers);
}

/* A reduction of a turned value is one over the axes of the value itself. */
static int32_t simplify_turned_reduction(numc_ir *ir, int32_t primitive, int32_t input, const numc_attributes *attributes)
{
    const numc_ir_node *node = made_by(ir, input, NUMC_PRIMITIVE_PERMUTE);
    if (node == NULL)
        return -1;
    const int64_t *turn = node->attributes->numbers;
    int32_t rank = node->attributes->count, kept = 0, x = node->inputs[0];
    int64_t place[NUMC_RANK_LIMIT], axes[NUMC_RANK_LIMIT], position = 0;
    bool reduced[NUMC_RANK_LIMIT] = {false};
    numc_attributes *inner = numc__arena_allocate(&ir->arena, 1, sizeof *inner);
    int64_t *numbers = numc__arena_allocate(&ir->arena, (size_t)attributes->count, sizeof *numbers);
    if (inner == NULL || numbers == NULL) {
        ir->failed = true;
        return -1;
    }
    for (int32_t k = 0; k < attributes->count; k++)
        reduced[turn[attributes->numbers[k]]] = true;
    *inner = (numc_attributes){.count = 0, .numbers = numbers};
    for (int32_t d = 0; d < rank; d++) {
        if (reduced[d])
            numbers[inner->count++] = d;
        else
            place[d] = position++;
    }
    for (int32_t d = 0; d < rank; d++)
        if (!reduced[turn[d]])
            axes[kept++] = place[turn[d]];
    int32_t result = numc__ir_emit(ir, primitive, &x, 1, inner);
    return result < 0 ? -1 : permuted(ir, result, kept, axes);
}

/* An operand of a two-sided bound that is a number; the other one goes to `inner`. */
static bool bounded_by(const numc_ir *ir, int32_t value, int32_t primitive, int64_t *number, int32_t *inner)
{
    int32_t n = ir->values[value].node;
    if (n < 0 || ir->nodes[n].primitive != primitive)
        return false;
    for (int k = 0; k < 2; k++) {
        const unsigned char *bytes = numc__ir_immediate(ir, ir->nodes[n].inputs[k]);
        if (bytes == NULL || ir->values[ir->nodes[n].inputs[k]].type.dtype != NUMC_INT64)
            continue;
        memcpy(number, bytes, sizeof *number);
        *inner = ir->nodes[n].inputs[1 - k];
        return true;
    }
    return false;
}

/* What a value shows the elements of. */
static int32_t looked_at(const numc_ir *ir, int32_t value)
{
    for (int32_t n = ir->values[value].node; n >= 0; n = ir->values[value].node) {
        int32_t primitive = ir->nodes[n].primitive;
        if (primitive != NUMC_PRIMITIVE_RESHAPE && primitive != NUMC_PRIMITIVE_BROADCAST && primitive != NUMC_PRIMITIVE_SLICE &&
            primitive != NUMC_PRIMITIVE_PERMUTE && primitive != NUMC_PRIMITIVE_FLIP)
            break;
        value = ir->nodes[n].inputs[0];
    }
    return value;
}

bool numc__ir_bounded(const numc_ir *ir, int32_t indices, int64_t last)
{
    int64_t high, low;
    int32_t inner;
    return bounded_by(ir, looked_at(ir, indices), NUMC_SCALAR_MINIMUM, &high, &inner) && high <= last &&
           bounded_by(ir, looked_at(ir, inner), NUMC_SCALAR_MAXIMUM, &low, &inner) && low >= 0 && low <= last;
}

/* Indices that are data are brought into bounds where they are made, once per binding, and not at each look. */
static int32_t simplify_gather(numc_ir *ir, int32_t x, int32_t indices, const numc_attributes *attributes)
{
    const numc_ir_value *value = &ir->values[indices];
    int64_t last = ir->values[x].type.shape[attributes->numbers[0]] - 1;
    if (value->type.dtype == NUMC_UINT64 && last >= 0) { /* kernels index by int64, in which the largest would be negative */
        const numc_type type = value->type;
        numc_attributes *convert = numc__arena_allocate(&ir->arena, 1, sizeof *convert);
        if (convert == NULL) {
            ir->failed = true;
            return -1;
        }
        convert->dtype = NUMC_INT64;
        int32_t operands[2] = {x, emit2(ir, NUMC_SCALAR_MINIMUM, indices, splat(ir, &type, (double)last))};
        operands[1] = numc__ir_emit(ir, NUMC_SCALAR_CONVERT, &operands[1], 1, convert);
        return numc__ir_emit(ir, NUMC_PRIMITIVE_GATHER, operands, 2, attributes);
    }
    if (!value->data || value->constant != NULL || value->type.dtype != NUMC_INT64 || last < 0 ||
        numc__ir_bounded(ir, indices, last))
        return -1;
    const numc_type type = value->type;
    int32_t operands[2] = {x, emit2(ir, NUMC_SCALAR_MAXIMUM, indices, splat(ir, &type, 0.0))};
    operands[1] = emit2(ir, NUMC_SCALAR_MINIMUM, operands[1], splat(ir, &type, (double)last));
    if (operands[1] < 0 || !numc__ir_bounded(ir, operands[1], last)) /* emitted again it would come back here */
        return -1;
    return numc__ir_emit(ir, NUMC_PRIMITIVE_GATHER, operands, 2, attributes);
}

static int32_t simplify_one(numc_ir *ir, int32_t primitive, const int32_t *inputs, int32_t input_count,
                            const numc_attributes *attributes, const numc_type *type)
{
    int32_t a = input_count > 0 ? inputs[0] : -1;
    const numc_ir_node *inner;
    switch (primitive) {
    case NUMC_SCALAR_CONVERT:
        return ir->values[a].type.dtype == type->dtype ? a : -1;
    case NUMC_SCALAR_NEGATIVE:
        inner = made_by(ir, a, NUMC_SCALAR_NEGATIVE);
        return inner != NULL ? inner->inputs[0] : -1;
    case NUMC_SCALAR_WHERE: {
        const unsigned char *condition = numc__ir_immediate(ir, a);
        if (condition != NULL)
            return condition[0] != 0 ? inputs[1] : inputs[2];
        return inputs[1] == inputs[2] ? inputs[1] : -1;
    }
    case NUMC_PRIMITIVE_STOP_GRADIENT:
        return a;
    case NUMC_PRIMITIVE_REAL:
    case NUMC_PRIMITIVE_IMAG:
        inner = made_by(ir, a, NUMC_PRIMITIVE_COMPLEX);
        return inner != NULL ? inner->inputs[primitive == NUMC_PRIMITIVE_IMAG] : -1;
    case NUMC_PRIMITIVE_COMPLEX: {
        const numc_ir_node *re = made_by(ir, a, NUMC_PRIMITIVE_REAL), *im = made_by(ir, inputs[1], NUMC_PRIMITIVE_IMAG);
        return re != NULL && im != NULL && re->inputs[0] == im->inputs[0] ? re->inputs[0] : -1;
    }
    case NUMC_PRIMITIVE_BROADCAST:
        if (numc__type_same_shape(&ir->values[a].type, type))
            return a;
        inner = made_by(ir, a, NUMC_PRIMITIVE_BROADCAST);
        return inner != NULL ? numc__ir_shaped(ir, primitive, inner->inputs[0], type->rank, type->shape) : -1;
    case NUMC_PRIMITIVE_RESHAPE:
        if (numc__type_same_shape(&ir->values[a].type, type))
            return a;
        inner = made_by(ir, a, NUMC_PRIMITIVE_RESHAPE);
        return inner != NULL ? numc__ir_shaped(ir, primitive, inner->inputs[0], type->rank, type->shape) : -1;
    case NUMC_PRIMITIVE_CONCAT:
        return input_count == 1 ? a : simplify_concat(ir, inputs, input_count, attributes);
    case NUMC_PRIMITIVE_PAD:
        return numc__type_same_shape(&ir->values[a].type, type) ? a : -1;
    case NUMC_PRIMITIVE_GATHER:
        return simplify_gather(ir, a, inputs[1], attributes);
    case NUMC_PRIMITIVE_MATMUL:
        return simplify_outer(ir, inputs, type);
    case NUMC_PRIMITIVE_PERMUTE:
        return simplify_permute(ir, a, attributes);
    case NUMC_PRIMITIVE_ARGMAX:
    case NUMC_PRIMITIVE_ARGMIN:
        return ir->values[a].type.shape[attributes->numbers[0]] == 1 ? splat(ir, type, 0.0) : -1;
    case NUMC_PRIMITIVE_CUMULATIVE_SUM:
    case NUMC_PRIMITIVE_CUMULATIVE_PROD:
    case NUMC_PRIMITIVE_CUMULATIVE_MAX:
        return ir->values[a].type.shape[attributes->numbers[0]] == 1 ? a : -1;
    case NUMC_PRIMITIVE_REDUCE_SUM:
    case NUMC_PRIMITIVE_REDUCE_PROD:
    case NUMC_PRIMITIVE_REDUCE_MAX:
    case NUMC_PRIMITIVE_REDUCE_MIN:
    case NUMC_PRIMITIVE_REDUCE_ANY:
    case NUMC_PRIMITIVE_REDUCE_ALL: {
        int64_t elements = 1;
        for (int32_t k = 0; k < attributes->count; k++)
            elements *= ir->values[a].type.shape[attributes->numbers[k]];
        if (elements == 1)
            return numc__ir_shaped(ir, NUMC_PRIMITIVE_RESHAPE, a, type->rank, type->shape);
        if (made_by(ir, a, NUMC_PRIMITIVE_PERMUTE) != NULL)
            return simplify_turned_reduction(ir, primitive, a, attributes);
        return primitive == NUMC_PRIMITIVE_REDUCE_SUM ? simplify_sum(ir, a, attributes, type) : -1;
    }
    default:
        return numc__primitive_is_scalar(primitive) && input_count == 2
                   ? simplify_arithmetic(ir, primitive, inputs, type)
                   : -1;
    }
}

int32_t numc__simplify(numc_ir *ir, int32_t primitive, const int32_t *inputs, int32_t input_count,
                       const numc_attributes *attributes, const numc_type *type)
{
    int32_t result = simplify_one(ir, primitive, inputs, input_count, attributes, type);
    return result >= 0 || ir->failed || !numc__primitive_is_scalar(primitive)
               ? result
               : simplify_turned(ir, primitive, inputs, input_count, attributes);
}
