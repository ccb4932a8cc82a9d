/* generate.c - a random program from a seed. Each application is run at once on example values, and kept where it is no error and
 * its result is of a size and, in programs that are not wild, of a magnitude to go on with: so log gets positive numbers mostly. */
#include "program.h"

typedef struct maker {
    numc_context *context;
    program *p;
    generator g;
    machine m; /* plain; holds the example of each value */
    int loops;     /* of 100 applications so many are control flow */
    int64_t square; /* every extent of the inputs but the first of three is this; 0: any */
} maker;

bool program_rows = false;

typedef struct pool {
    int32_t count, values[VALUES], own; /* own: the first that belongs to the block itself */
} pool;

enum { REAL = 1, INTEGER = 2, TRUTH = 4, COMPLEX = 8, NUMBER = REAL | INTEGER };

static int kind_of(numc_dtype dtype)
{
    int32_t kind = (int32_t)numc_dtype_kind(dtype);
    return kind == NUMC_KIND_BOOL ? TRUTH : kind == NUMC_KIND_REAL ? REAL : kind == NUMC_KIND_COMPLEX ? COMPLEX : INTEGER;
}

/* A value of one of these kinds whose rank is in [least, most]; -1: there is none. Late ones more often. */
static int32_t pick(maker *k, const pool *from, int kinds, int least, int most)
{
    for (int attempt = 0; attempt < 24; attempt++) {
        bool late = draw_below(&k->g, 2) == 0 && from->count > 5;
        int32_t id = from->values[late ? from->count - 1 - draw_below(&k->g, 5) : draw_below(&k->g, from->count)];
        const value_type *type = &k->p->types[id];
        if ((kind_of(type->dtype) & kinds) != 0 && type->rank >= least && type->rank <= most)
            return id;
    }
    return -1;
}

static int64_t axis_of(maker *k, int32_t id)
{
    return draw_below(&k->g, k->p->types[id].rank);
}

static bool acceptable(maker *k, const numc_array *x)
{
    value_type type = type_of(x);
    if (type.rank < 0 || type.rank > 3 || elements_of(&type) > ELEMENTS)
        return false;
    if (k->p->wild) /* of complex numbers infinity times anything may be NaN or not */
        return kind_of(type.dtype) != COMPLEX;
    double data[2 * ELEMENTS];
    bool is_complex = kind_of(type.dtype) == COMPLEX;
    int64_t size = elements_of(&type) * (is_complex ? 2 : 1);
    if (numc_to_host(x, is_complex ? NUMC_COMPLEX128 : NUMC_FLOAT64, data, (size_t)size * sizeof *data) != NUMC_OK)
        return false;
    double limit = kind_of(type.dtype) == INTEGER ? 1e6 : 1e3;
    for (int64_t i = 0; i < size; i++) {
        if (!(fabs(data[i]) <= limit))
            return false;
    }
    return true;
}

/* Appends an application with `results` results; false, and nothing has changed, where it does not work. */
static bool append(maker *k, int32_t b, pool *to, application *a, int32_t results)
{
    program *p = k->p;
    block *at = &p->blocks[b];
    if (at->application_count >= APPLICATIONS || p->value_count + results > VALUES || to->count + results > VALUES)
        return false;
    a->result_count = results;
    for (int32_t i = 0; i < results; i++)
        a->results[i] = p->value_count + i;
    for (int32_t i = 0; i < a->operand_count; i++) {
        if (a->operands[i] < 0)
            return false;
    }
    bool fine = machine_apply(&k->m, a);
    for (int32_t i = 0; i < results && fine; i++)
        fine = acceptable(k, k->m.values[a->results[i]]);
    if (numc_error_status(k->context) != NUMC_OK)
        numc_error_clear(k->context);
    if (!fine)
        return false;
    at->applications[at->application_count++] = *a;
    p->value_count += results;
    for (int32_t i = 0; i < results; i++)
        to->values[to->count++] = a->results[i];
    return true;
}

/* One application of one result; -1 where it does not work. */
static int32_t emit(maker *k, int32_t b, pool *to, int32_t operation, const int32_t *operands, int32_t operand_count,
                    const int64_t *numbers, int32_t number_count, double real)
{
    application a = {.operation = operation, .operand_count = operand_count, .number_count = number_count, .real = real};
    for (int32_t i = 0; i < operand_count; i++)
        a.operands[i] = operands[i];
    for (int32_t i = 0; i < number_count; i++)
        a.numbers[i] = numbers[i];
    return append(k, b, to, &a, 1) ? to->values[to->count - 1] : -1;
}
#define IDS(...) (const int32_t[]){__VA_ARGS__}, (int32_t)(sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))
#define LIST(...) (const int64_t[]){__VA_ARGS__}, (int32_t)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
#define NONE NULL, 0

static int32_t scalar1(maker *k, int32_t b, pool *to, int64_t code, int32_t x)
{
    return emit(k, b, to, OPERATION_SCALAR, IDS(x), LIST(code), 0);
}
static int32_t scalar2(maker *k, int32_t b, pool *to, int64_t code, int32_t x, int32_t y)
{
    return emit(k, b, to, OPERATION_SCALAR, IDS(x, y), LIST(code), 0);
}

/* ---- operations of the table of scalars ----------------------------------------------------------------------------- */

typedef struct row {
    int64_t code;
    int arity;
    const char *operands;
} row;
static const row rows[] = {
#define NUMC_X(code, upper, lower, arity, operands, result) {code, arity, #operands},
    NUMC_SCALAR_TABLE(NUMC_X)
#undef NUMC_X
};
#define ROWS ((int)(sizeof rows / sizeof *rows))

static int kinds_of(const char *operands)
{
    static const struct {
        const char *name;
        int kinds;
    } table[] = {{"ANY", 15}, {"NUMERIC", NUMBER | COMPLEX}, {"FLOAT", REAL | COMPLEX}, {"BOOLEAN", TRUTH}, {"INTEGRAL", INTEGER}, {"REAL", NUMBER}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(table[i].name, operands) == 0)
            return table[i].kinds;
    }
    return 0;
}

static bool add_scalar(maker *k, int32_t b, pool *to)
{
    static const int64_t common[] = {NUMC_SCALAR_ADD, NUMC_SCALAR_SUBTRACT, NUMC_SCALAR_MULTIPLY, NUMC_SCALAR_DIVIDE, NUMC_SCALAR_SIN,
                                     NUMC_SCALAR_EXP, NUMC_SCALAR_LOG, NUMC_SCALAR_TANH, NUMC_SCALAR_SQUARE, NUMC_SCALAR_WHERE,
                                     NUMC_SCALAR_MAXIMUM, NUMC_SCALAR_LESS, NUMC_SCALAR_NEGATIVE, NUMC_SCALAR_SQRT, NUMC_SCALAR_POW,
                                     NUMC_SCALAR_EXPIT, NUMC_SCALAR_SOFTPLUS, NUMC_SCALAR_RECIPROCAL, NUMC_SCALAR_ABS};
    const row *r = &rows[draw_below(&k->g, ROWS)];
    if (draw_below(&k->g, 2) == 0) {
        int64_t code = common[draw_below(&k->g, (int)(sizeof common / sizeof *common))];
        for (int i = 0; i < ROWS; i++)
            r = rows[i].code == code ? &rows[i] : r;
    }
    if (strcmp(r->operands, "RANDOM") == 0 || r->code == NUMC_SCALAR_CONVERT || r->code == NUMC_SCALAR_POLYGAMMA)
        return false;
    bool select = strcmp(r->operands, "SELECT") == 0;
    int kinds = select ? 15 : kinds_of(r->operands);
    int32_t x[3];
    for (int attempt = 0; attempt < 4; attempt++) {
        for (int i = 0; i < r->arity; i++) {
            x[i] = pick(k, to, select && i == 0 ? TRUTH : kinds, 0, 3);
            if (x[i] < 0)
                return false;
        }
        if (emit(k, b, to, OPERATION_SCALAR, x, r->arity, LIST(r->code), 0) >= 0)
            return true;
        /* into (0, 1), where most functions are defined */
        if (kind_of(k->p->types[x[0]].dtype) == REAL && r->arity == 1) {
            int32_t y = scalar1(k, b, to, NUMC_SCALAR_EXPIT, x[0]);
            return y >= 0 && scalar1(k, b, to, r->code, y) >= 0;
        }
    }
    return false;
}

/* ---- movement ------------------------------------------------------------------------------------------------------- */

static bool add_shape(maker *k, int32_t b, pool *to)
{
    generator *g = &k->g;
    int32_t x = pick(k, to, 15, draw_below(g, 8) == 0 ? 0 : 1, 3);
    if (x < 0)
        return false;
    value_type type = k->p->types[x];
    int64_t axis = axis_of(k, x), n = type.rank > 0 ? type.shape[axis] : 1;
    switch (draw_below(g, 18)) {
    case 0: return emit(k, b, to, OPERATION_RESHAPE, IDS(x), LIST(-1), 0) >= 0;
    case 1: {
        int64_t divisor = 2 + draw_below(g, 4);
        return emit(k, b, to, OPERATION_RESHAPE, IDS(x), LIST(divisor, -1), 0) >= 0;
    }
    case 2: { /* axes put together */
        if (type.rank < 2)
            return emit(k, b, to, OPERATION_EXPAND, IDS(x), LIST(draw_below(g, type.rank + 1)), 0) >= 0;
        return type.rank == 3 ? emit(k, b, to, OPERATION_RESHAPE, IDS(x), LIST(type.shape[0], -1), 0) >= 0
                              : emit(k, b, to, OPERATION_RESHAPE, IDS(x), LIST(type.shape[1], type.shape[0]), 0) >= 0;
    }
    case 3: {
        int64_t shape[RANKS];
        if (type.rank >= 3)
            return false;
        shape[0] = 1 + draw_below(g, 4);
        for (int32_t i = 0; i < type.rank; i++)
            shape[1 + i] = type.shape[i] == 1 ? 1 + draw_below(g, 3) : type.shape[i];
        return emit(k, b, to, OPERATION_BROADCAST, IDS(x), shape, type.rank + 1, 0) >= 0;
    }
    case 4:
    case 5: {
        int64_t axes[RANKS];
        int shift = 1 + draw_below(g, 2);
        bool swap = draw_below(g, 2) == 0 && type.rank == 3;
        for (int32_t i = 0; i < type.rank; i++)
            axes[i] = (i + shift) % type.rank;
        if (swap) {
            axes[0] = 1, axes[1] = 0, axes[2] = 2;
        }
        return emit(k, b, to, OPERATION_PERMUTE, IDS(x), axes, type.rank, 0) >= 0;
    }
    case 6: return emit(k, b, to, OPERATION_EXPAND, IDS(x), LIST(draw_below(g, type.rank + 1)), 0) >= 0;
    case 7: return n == 1 && emit(k, b, to, OPERATION_SQUEEZE, IDS(x), LIST(axis), 0) >= 0;
    case 8: return emit(k, b, to, OPERATION_FLIP, IDS(x), LIST(axis), 0) >= 0;
    case 9: return emit(k, b, to, OPERATION_ROLL, IDS(x), LIST(draw_below(g, 7) - 3, axis), 0) >= 0;
    case 10: return emit(k, b, to, OPERATION_REPEAT, IDS(x), LIST(1 + draw_below(g, 3), axis), 0) >= 0;
    case 11:
    case 12: {
        int64_t start = draw_below(g, (int)n + 1), step = 1 + draw_below(g, 3);
        bool back = draw_below(g, 4) == 0;
        return emit(k, b, to, OPERATION_SLICE, IDS(x),
                    LIST(axis, back ? n - 1 : start / 2, back ? NUMC_END : n - draw_below(g, 2), back ? -step : step), 0) >= 0;
    }
    case 13: return n > 0 && emit(k, b, to, OPERATION_AT, IDS(x), LIST(axis, draw_below(g, (int)n)), 0) >= 0;
    case 14: {
        int32_t y = pick(k, to, kind_of(type.dtype), 0, 0);
        if (y >= 0 && k->p->types[y].dtype != type.dtype)
            y = emit(k, b, to, OPERATION_ASTYPE, IDS(y), LIST(type.dtype), 0);
        return emit(k, b, to, OPERATION_PAD, IDS(x, y), LIST(axis, draw_below(g, 3), draw_below(g, 2), draw_below(g, 3)), 0) >= 0;
    }
    case 15:
    case 16: {
        int count = 2 + draw_below(g, 2), operation = draw_below(g, 2) == 0 ? OPERATION_CONCAT : OPERATION_STACK;
        int32_t list[3];
        for (int i = 0; i < count; i++)
            list[i] = i == 0 ? x : draw_below(g, 3) == 0 ? x : pick(k, to, 15, type.rank, type.rank);
        if (emit(k, b, to, operation, list, count, LIST(axis), 0) >= 0)
            return true;
        list[1] = list[2] = x;
        return emit(k, b, to, operation, list, count, LIST(axis), 0) >= 0;
    }
    default: {
        static const numc_dtype dtypes[] = {NUMC_FLOAT64, NUMC_FLOAT64, NUMC_FLOAT32, NUMC_INT64, NUMC_INT32, NUMC_BOOL, NUMC_COMPLEX128,
                                            NUMC_UINT8, NUMC_INT16, NUMC_COMPLEX64};
        return emit(k, b, to, OPERATION_ASTYPE, IDS(x), LIST(dtypes[draw_below(g, 10)]), 0) >= 0;
    }
    }
}

static bool add_index(maker *k, int32_t b, pool *to)
{
    generator *g = &k->g;
    int32_t x = pick(k, to, 15, 1, 3), i = pick(k, to, NUMBER, 0, 2);
    if (x < 0)
        return false;
    int64_t axis = axis_of(k, x);
    switch (draw_below(g, 7)) {
    case 0:
    case 1: return emit(k, b, to, OPERATION_TAKE, IDS(x, i), LIST(axis), 0) >= 0;
    case 2: return emit(k, b, to, OPERATION_TAKE_ALONG, IDS(x, pick(k, to, NUMBER, k->p->types[x].rank, k->p->types[x].rank)), LIST(axis), 0) >= 0;
    case 3: { /* take, then add it back elsewhere */
        int32_t places = pick(k, to, NUMBER, 1, 1);
        int32_t y = places < 0 ? -1 : emit(k, b, to, OPERATION_TAKE, IDS(x, places), LIST(axis), 0);
        int32_t z = y < 0 ? -1 : emit(k, b, to, OPERATION_ROLL, IDS(places), LIST(1, 0), 0);
        return emit(k, b, to, OPERATION_SCATTER_ADD, IDS(x, z, y), LIST(axis), 0) >= 0;
    }
    case 4: {
        int32_t places = pick(k, to, NUMBER, 1, 1);
        int32_t y = places < 0 ? -1 : emit(k, b, to, OPERATION_TAKE, IDS(x, places), LIST(0), 0);
        int32_t z = y < 0 ? -1 : emit(k, b, to, OPERATION_FLIP, IDS(places), LIST(0), 0);
        return emit(k, b, to, OPERATION_SCATTER_SET, IDS(x, z, y), NONE, 0) >= 0;
    }
    case 5: {
        int64_t start = draw_below(g, 2), step = 1 + draw_below(g, 2);
        return emit(k, b, to, OPERATION_UPDATE, IDS(x, pick(k, to, kind_of(k->p->types[x].dtype), 0, 1)), LIST(start, NUMC_END, step), 0) >= 0;
    }
    default: return emit(k, b, to, OPERATION_SEARCH, IDS(pick(k, to, REAL, 1, 1), pick(k, to, REAL, 0, 2)), LIST(draw_below(g, 2)), 0) >= 0;
    }
}

/* ---- reductions, order, linear algebra -------------------------------------------------------------------------------- */

static bool add_reduction(maker *k, int32_t b, pool *to)
{
    generator *g = &k->g;
    int32_t x = pick(k, to, draw_below(g, 4) == 0 ? 15 : REAL, draw_below(g, 8) == 0 ? 0 : 1, 3);
    if (x < 0)
        return false;
    int32_t rank = k->p->types[x].rank;
    int64_t axis = axis_of(k, x);
    int choice = draw_below(g, 14);
    if (choice < 8) {
        int64_t numbers[NUMBERS] = {draw_below(g, 10), draw_below(g, 3) == 0};
        int32_t count = 2;
        if (k->p->wild && numbers[0] == 1) /* in one order a product overflows, in another it meets its zero first */
            numbers[0] = 0;
        for (int32_t i = 0; i < rank; i++) {
            if (draw_below(g, 2) == 0)
                numbers[count++] = draw_below(g, 4) == 0 ? i - rank : i;
        }
        return emit(k, b, to, OPERATION_REDUCE, IDS(x), numbers, count, 0) >= 0;
    }
    if (rank == 0)
        return false;
    switch (choice) {
    case 8: return emit(k, b, to, OPERATION_ARGUMENT, IDS(x), LIST(draw_below(g, 2), axis, draw_below(g, 2)), 0) >= 0;
    case 9:
    case 10:
    case 11: return emit(k, b, to, OPERATION_CUMULATIVE, IDS(x), LIST(draw_below(g, 4), axis), 0) >= 0;
    case 12: return emit(k, b, to, OPERATION_SORT, IDS(x), LIST(axis, draw_below(g, 2)), 0) >= 0;
    default: return emit(k, b, to, OPERATION_ARGSORT, IDS(x), LIST(axis, draw_below(g, 2)), 0) >= 0;
    }
}

static bool add_linear(maker *k, int32_t b, pool *to)
{
    generator *g = &k->g;
    int32_t x = pick(k, to, draw_below(g, 8) == 0 ? NUMBER | COMPLEX : REAL, 1, 3), y = pick(k, to, NUMBER, 1, 3);
    int32_t matrix = pick(k, to, REAL, 2, 3);
    if (program_rows && draw_below(g, 2) == 0) { /* X y, or X^T y */
        int32_t turned = draw_below(g, 2) == 0 ? emit(k, b, to, OPERATION_PERMUTE, IDS(to->values[0]), LIST(1, 0), 0) : to->values[0];
        return turned >= 0 && emit(k, b, to, OPERATION_MATMUL, IDS(turned, y), NONE, 0) >= 0;
    }
    /* where infinities go in a factorisation, and what overflows on the way in a product, is not told */
    switch (k->p->wild ? 4 + draw_below(g, 4) : draw_below(g, 16)) {
    case 0:
    case 1:
    case 2: { /* against its own transpose where nothing fits */
        if (emit(k, b, to, OPERATION_MATMUL, IDS(x, y), NONE, 0) >= 0)
            return true;
        if (matrix < 0 || k->p->types[matrix].rank != 2)
            return false;
        int32_t turned = emit(k, b, to, OPERATION_PERMUTE, IDS(matrix), LIST(1, 0), 0);
        return emit(k, b, to, OPERATION_MATMUL, IDS(turned, matrix), NONE, 0) >= 0;
    }
    case 3: return emit(k, b, to, OPERATION_VECDOT, IDS(x, y), NONE, 0) >= 0 || emit(k, b, to, OPERATION_VECDOT, IDS(x, x), NONE, 0) >= 0;
    case 4: return emit(k, b, to, OPERATION_OUTER, IDS(pick(k, to, NUMBER, 1, 1), pick(k, to, REAL, 1, 1)), NONE, 0) >= 0;
    case 5: return emit(k, b, to, OPERATION_DIAGONAL, IDS(matrix), LIST(draw_below(g, 3) - 1), 0) >= 0;
    case 6: return emit(k, b, to, OPERATION_DIAG, IDS(pick(k, to, 15, 1, 2)), NONE, 0) >= 0;
    case 7: return emit(k, b, to, OPERATION_TRIANGLE, IDS(pick(k, to, 15, 2, 3)), LIST(draw_below(g, 2), draw_below(g, 3) - 1), 0) >= 0;
    case 8: return emit(k, b, to, OPERATION_CHOLESKY, IDS(matrix), LIST(draw_below(g, 2)), 0) >= 0;
    case 9: return emit(k, b, to, matrix % 2 != 0 ? OPERATION_CHO_INV : OPERATION_INVERSE, IDS(matrix), NONE, 0) >= 0;
    case 10: return emit(k, b, to, OPERATION_DETERMINANT, IDS(matrix), LIST(draw_below(g, 4) != 0), 0) >= 0;
    case 11: return !k->p->wild && emit(k, b, to, OPERATION_EIGENVALUES, IDS(matrix), LIST(draw_below(g, 2)), 0) >= 0;
    case 12: return emit(k, b, to, OPERATION_CLIP, IDS(pick(k, to, NUMBER, 0, 3)), NONE, 0.5 + draw_unit(g)) >= 0;
    default: {
        if (matrix < 0)
            return false;
        int32_t right = pick(k, to, REAL, 2, 3);
        int operation = draw_below(g, 2) == 0 ? OPERATION_SOLVE : OPERATION_TRIANGULAR;
        int64_t numbers[3] = {draw_below(g, 2), draw_below(g, 2), draw_below(g, 2)};
        int32_t count = operation == OPERATION_SOLVE ? 1 : 3;
        return emit(k, b, to, operation, IDS(matrix, right), numbers, count, 0) >= 0 ||
               emit(k, b, to, operation, IDS(matrix, matrix), numbers, count, 0) >= 0;
    }
    }
}

static bool add_other(maker *k, int32_t b, pool *to)
{
    generator *g = &k->g;
    switch (draw_below(g, 11)) {
    case 0: {
        static const numc_dtype dtypes[] = {NUMC_FLOAT64, NUMC_FLOAT64, NUMC_FLOAT32, NUMC_INT64, NUMC_INT32};
        int64_t numbers[4] = {dtypes[draw_below(g, 5)], 1 + draw_below(g, 4), 1 + draw_below(g, 4)};
        static const double values[] = {0.0, 1.0, -1.0, 0.5, 2.0, 3.0, 0x1p-9};
        return emit(k, b, to, OPERATION_CONSTANT, NONE, numbers, 1 + draw_below(g, 3), numbers[0] == NUMC_INT64 || numbers[0] == NUMC_INT32 ? 2.0 : values[draw_below(g, 7)]) >= 0;
    }
    case 1: return emit(k, b, to, OPERATION_IOTA, NONE, LIST(draw_below(g, 2) == 0 ? NUMC_FLOAT64 : NUMC_INT64, 1 + draw_below(g, 6)), 0) >= 0;
    case 2:
    case 3: {
        int32_t i = pick(k, to, INTEGER, 0, 0);
        if (i < 0) {
            int32_t x = pick(k, to, NUMBER, 1, 3);
            i = x < 0 ? -1 : emit(k, b, to, OPERATION_REDUCE, IDS(x), LIST(9, 0), 0);
        }
        int kind = draw_below(g, 5);
        int64_t numbers[3] = {kind, 1 + draw_below(g, 4), 1 + draw_below(g, 3)};
        int32_t rank = draw_below(g, 3);
        return kind == 3 ? emit(k, b, to, OPERATION_RANDOM, IDS(i, pick(k, to, REAL, 0, rank)), numbers, 1 + rank, 0) >= 0
                         : emit(k, b, to, OPERATION_RANDOM, IDS(i), numbers, 1 + rank, 0) >= 0;
    }
    case 4: return emit(k, b, to, OPERATION_POLYGAMMA, IDS(pick(k, to, REAL, 0, 2)), LIST(draw_below(g, 3)), 0) >= 0;
    case 5: return emit(k, b, to, OPERATION_STOP, IDS(pick(k, to, REAL, 0, 3)), NONE, 0) >= 0;
    case 6: {
        int32_t x = pick(k, to, REAL | COMPLEX, 1, 2);
        if (x < 0 || k->p->wild) /* where infinities go in a transform is not told */
            return false;
        int which = kind_of(k->p->types[x].dtype) == COMPLEX ? 1 + draw_below(g, 2) : 0;
        return emit(k, b, to, OPERATION_FOURIER, IDS(x), LIST(which, axis_of(k, x)), 0) >= 0;
    }
    case 7: return emit(k, b, to, OPERATION_PARTS, IDS(pick(k, to, COMPLEX, 0, 3)), LIST(draw_below(g, 3)), 0) >= 0;
    case 8: {
        int32_t x = pick(k, to, REAL, 0, 3);
        return emit(k, b, to, OPERATION_PARTS, IDS(x, draw_below(g, 2) == 0 ? x : pick(k, to, REAL, 0, 2)), LIST(3), 0) >= 0;
    }
    case 9: return emit(k, b, to, OPERATION_EXTERNAL, IDS(pick(k, to, REAL, 0, 2)), NONE, 0) >= 0;
    default: return emit(k, b, to, OPERATION_CLIP, IDS(pick(k, to, NUMBER, 0, 3)), NONE, 0.5 + draw_unit(g)) >= 0;
    }
}

/* ---- control flow ----------------------------------------------------------------------------------------------------- */

static void fill(maker *k, int32_t b, pool *to, int depth, int count);

static int32_t begin_block(maker *k)
{
    if (k->p->block_count >= BLOCKS)
        return -1;
    k->p->blocks[k->p->block_count] = (block){0};
    return k->p->block_count++;
}

/* A parameter with an example value; false where there is no room. */
static bool parameter(maker *k, int32_t b, pool *inside, const numc_array *example)
{
    program *p = k->p;
    block *at = &p->blocks[b];
    if (p->value_count >= VALUES || inside->count >= VALUES || example == NULL || at->parameter_count >= PARAMETERS)
        return false;
    int32_t id = p->value_count++;
    k->m.values[id] = example;
    p->types[id] = type_of(example);
    at->parameters[at->parameter_count++] = id;
    inside->values[inside->count++] = id;
    return true;
}

static bool same_type(const value_type *a, const value_type *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank)
        return false;
    for (int32_t i = 0; i < a->rank; i++) {
        if (a->shape[i] != b->shape[i])
            return false;
    }
    return true;
}

/* A value of this type, made of what is there; -1: none. `carry`: a value that it should stay close to, or -1. */
static int32_t fit(maker *k, int32_t b, pool *inside, value_type type, int32_t carry)
{
    generator *g = &k->g;
    int32_t found = -1, candidates = 0;
    int32_t first = draw_below(g, 6) == 0 ? 0 : inside->own; /* sometimes one of the surrounding code */
    for (int32_t i = first; i < inside->count; i++) {
        if (same_type(&k->p->types[inside->values[i]], &type) && draw_below(g, ++candidates) == 0)
            found = inside->values[i];
    }
    if (found < 0 || draw_below(g, 3) == 0) {
        int32_t x = pick(k, inside, kind_of(type.dtype) == COMPLEX ? 15 : NUMBER | TRUTH, 0, 3);
        if (x < 0)
            return -1;
        if (k->p->types[x].rank > 0)
            x = emit(k, b, inside, OPERATION_REDUCE, IDS(x), LIST(0, 0), 0);
        if (x >= 0 && kind_of(type.dtype) == REAL)
            x = scalar1(k, b, inside, NUMC_SCALAR_TANH, x);
        if (x >= 0)
            x = emit(k, b, inside, OPERATION_ASTYPE, IDS(x), LIST(type.dtype), 0);
        if (x >= 0 && type.rank > 0)
            x = emit(k, b, inside, OPERATION_BROADCAST, IDS(x), type.shape, type.rank, 0);
        found = x >= 0 ? x : found;
    }
    if (found >= 0 && carry >= 0 && kind_of(type.dtype) == REAL && draw_below(g, 3) != 0) {
        int32_t half = emit(k, b, inside, OPERATION_CONSTANT, NONE, LIST(type.dtype), 0.5);
        int32_t kept = half < 0 ? -1 : scalar2(k, b, inside, NUMC_SCALAR_MULTIPLY, carry, half);
        int32_t near = kept < 0 ? -1 : scalar1(k, b, inside, NUMC_SCALAR_SIN, found);
        int32_t sum = near < 0 ? -1 : scalar2(k, b, inside, NUMC_SCALAR_ADD, kept, near);
        if (sum >= 0)
            found = sum;
    }
    return found;
}

static int32_t truth(maker *k, int32_t b, pool *to)
{
    int32_t x = pick(k, to, TRUTH, 0, 0);
    if (x >= 0 && draw_below(&k->g, 2) == 0)
        return x;
    x = pick(k, to, REAL, 0, 3);
    if (x >= 0 && k->p->types[x].rank > 0)
        x = emit(k, b, to, OPERATION_REDUCE, IDS(x), LIST(4, 0), 0);
    int32_t y = x < 0 ? -1 : emit(k, b, to, OPERATION_CONSTANT, NONE, LIST(NUMC_FLOAT64), 0.125 * (double)(draw_below(&k->g, 9) - 4));
    return y < 0 ? -1 : scalar2(k, b, to, NUMC_SCALAR_LESS, x, y);
}

static int32_t whole_number(maker *k, int32_t b, pool *to)
{
    int32_t x = pick(k, to, INTEGER, 0, 0);
    if (x >= 0 && draw_below(&k->g, 2) == 0)
        return x;
    x = pick(k, to, REAL, 0, 3);
    if (x >= 0 && k->p->types[x].rank > 0)
        x = emit(k, b, to, OPERATION_REDUCE, IDS(x), LIST(0, 0), 0);
    int32_t y = x < 0 ? -1 : emit(k, b, to, OPERATION_CONSTANT, NONE, LIST(NUMC_FLOAT64), 3.7);
    y = y < 0 ? -1 : scalar2(k, b, to, NUMC_SCALAR_MULTIPLY, x, y);
    return y < 0 ? -1 : emit(k, b, to, OPERATION_ASTYPE, IDS(y), LIST(NUMC_INT64), 0);
}

static const numc_array *first_of(maker *k, int32_t id)
{
    value_type type = k->p->types[id];
    if (type.rank < 1)
        return NULL;
    if (type.shape[0] == 0)
        return numc_zeros(k->context, type.dtype, ((numc_shape){type.shape + 1, type.rank - 1, true}));
    numc_index_term terms[RANKS] = {{.kind = NUMC_INDEX_AT}};
    for (int32_t i = 1; i < type.rank; i++)
        terms[i].kind = NUMC_INDEX_ALL;
    return numc_index_(k->m.values[id], terms, type.rank);
}

static bool branches(maker *k, int32_t b, pool *to, int depth)
{
    generator *g = &k->g;
    bool cond = draw_below(g, 2) == 0;
    application a = {.operation = cond ? OPERATION_COND : OPERATION_SWITCH};
    a.operands[a.operand_count++] = cond ? truth(k, b, to) : whole_number(k, b, to);
    for (int count = draw_below(g, 3); count > 0; count--)
        a.operands[a.operand_count++] = pick(k, to, 15, 0, 3);
    for (int32_t i = 0; i < a.operand_count; i++) {
        if (a.operands[i] < 0)
            return false;
    }
    int32_t results = 1 + draw_below(g, 2);
    value_type types[2];
    a.block_count = cond ? 2 : 1 + draw_below(g, 3);
    for (int32_t j = 0; j < a.block_count; j++) {
        int32_t inner = begin_block(k);
        if (inner < 0)
            return false;
        a.blocks[j] = inner;
        pool inside = *to;
        inside.own = inside.count;
        for (int32_t i = 1; i < a.operand_count; i++) {
            if (!parameter(k, inner, &inside, k->m.values[a.operands[i]]))
                return false;
        }
        fill(k, inner, &inside, depth + 1, 1 + draw_below(g, 4));
        for (int32_t i = 0; i < results; i++) {
            int32_t id = -1;
            if (j == 0) {
                id = pick(k, &inside, 15, 0, 3);
                if (id < 0)
                    return false;
                types[i] = k->p->types[id];
            } else {
                id = fit(k, inner, &inside, types[i], -1);
            }
            if (id < 0)
                return false;
            k->p->blocks[inner].results[k->p->blocks[inner].result_count++] = id;
        }
    }
    return append(k, b, to, &a, results);
}

static bool loop(maker *k, int32_t b, pool *to, int depth)
{
    generator *g = &k->g;
    static const int operations[] = {OPERATION_SCAN, OPERATION_SCAN, OPERATION_SCAN, OPERATION_MAP, OPERATION_WHILE, OPERATION_FORI, OPERATION_FORI};
    application a = {.operation = operations[draw_below(g, 7)]};
    int32_t inner = begin_block(k);
    if (inner < 0)
        return false;
    a.block_count = 1;
    a.blocks[0] = inner;
    pool inside = *to;
    inside.own = inside.count;
    int32_t carries = a.operation == OPERATION_MAP ? 0 : 1 + draw_below(g, 2), sequences = 0;
    if (a.operation == OPERATION_WHILE)
        a.operands[a.operand_count++] = whole_number(k, b, to);
    if (a.operation == OPERATION_FORI && !parameter(k, inner, &inside, numc_number(k->context, NUMC_FLOAT64, 1.0)))
        return false;
    int32_t first = k->p->blocks[inner].parameter_count;
    for (int32_t i = 0; i < carries; i++) {
        int32_t id = pick(k, to, draw_below(g, 4) == 0 ? 15 : REAL, 0, 2);
        if (id < 0 || !parameter(k, inner, &inside, k->m.values[id]))
            return false;
        a.operands[a.operand_count++] = id;
    }
    if (a.operation == OPERATION_SCAN || a.operation == OPERATION_MAP) {
        sequences = a.operation == OPERATION_MAP ? 1 + draw_below(g, 2) : draw_below(g, 3);
        int64_t length = -1;
        for (int32_t i = 0, tries = 0; i < sequences && tries < 16; tries++) {
            int32_t id = pick(k, to, draw_below(g, 4) == 0 ? 15 : REAL, 1, 3);
            if (id < 0 || (length >= 0 && k->p->types[id].shape[0] != length))
                continue;
            if (!parameter(k, inner, &inside, first_of(k, id)))
                return false;
            length = k->p->types[id].shape[0];
            a.operands[a.operand_count++] = id;
            i++;
        }
        sequences = a.operand_count - carries;
        if (a.operation == OPERATION_MAP && sequences == 0)
            return false;
    }
    fill(k, inner, &inside, depth + 1, 1 + draw_below(g, 5));
    block *body = &k->p->blocks[inner];
    for (int32_t i = 0; i < carries; i++) {
        int32_t carry = body->parameters[first + i], id = fit(k, inner, &inside, k->p->types[carry], carry);
        if (id < 0)
            return false;
        body->results[body->result_count++] = id;
    }
    if (a.operation == OPERATION_SCAN || a.operation == OPERATION_MAP) {
        for (int count = a.operation == OPERATION_MAP ? 1 + draw_below(g, 2) : draw_below(g, 3); count > 0; count--) {
            int32_t id = pick(k, &inside, 15, 0, 2);
            if (id < 0)
                return false;
            body->results[body->result_count++] = id;
        }
    }
    if (a.operation == OPERATION_SCAN) {
        static const int64_t bytes[] = {0, 0, 0, 64, 1};
        a.number_count = 5;
        a.numbers[0] = carries;
        a.numbers[1] = draw_below(g, 3) == 0;
        a.numbers[2] = sequences == 0 ? draw_below(g, 6) : 0;
        a.numbers[3] = draw_below(g, 3) == 0 ? 1 + draw_below(g, 4) : 0;
        a.numbers[4] = bytes[draw_below(g, 5)];
        if (sequences == 0 && a.numbers[2] == 0)
            a.numbers[2] = 3;
    } else if (a.operation == OPERATION_WHILE) {
        a.number_count = 1;
        a.numbers[0] = draw_below(g, 2) == 0 ? 0 : 40;
        if (draw_below(g, 3) == 0) {
            int32_t condition = begin_block(k);
            if (condition < 0)
                return false;
            pool more = *to;
            more.own = more.count;
            for (int32_t i = 0; i < carries; i++) {
                if (!parameter(k, condition, &more, k->m.values[body->parameters[i]]))
                    return false;
            }
            fill(k, condition, &more, depth + 1, draw_below(g, 2));
            int32_t id = truth(k, condition, &more);
            if (id < 0)
                return false;
            k->p->blocks[condition].results[k->p->blocks[condition].result_count++] = id;
            a.blocks[a.block_count++] = condition;
        }
    } else if (a.operation == OPERATION_FORI) {
        a.number_count = 3;
        a.numbers[0] = draw_below(g, 3) - 1;
        a.numbers[1] = a.numbers[0] + draw_below(g, 5);
        a.numbers[2] = draw_below(g, 5) == 0;
        if (a.numbers[2] != 0)
            a.operands[a.operand_count++] = whole_number(k, b, to);
    }
    return append(k, b, to, &a, body->result_count);
}

static bool function(maker *k, int32_t b, pool *to, int depth)
{
    generator *g = &k->g;
    application a = {.operation = OPERATION_CALL, .block_count = 1, .number_count = 1};
    a.numbers[0] = draw_below(g, 5);
    int32_t inner = begin_block(k);
    if (inner < 0)
        return false;
    a.blocks[0] = inner;
    pool inside = {0};
    bool batched = a.numbers[0] == 4;
    for (int count = 1 + draw_below(g, 2); count > 0; count--) {
        int32_t id = pick(k, to, draw_below(g, 4) == 0 ? 15 : REAL, batched ? 1 : 0, 3);
        if (id < 0 || (batched && k->p->types[id].shape[0] == 0))
            return false;
        if (batched && a.operand_count > 0 && k->p->types[id].shape[0] != k->p->types[a.operands[0]].shape[0])
            continue;
        if (!parameter(k, inner, &inside, batched ? first_of(k, id) : k->m.values[id]))
            return false;
        a.operands[a.operand_count++] = id;
    }
    fill(k, inner, &inside, depth + 1, 1 + draw_below(g, 5));
    block *body = &k->p->blocks[inner];
    for (int count = 1 + draw_below(g, 2); count > 0; count--) {
        int32_t id = pick(k, &inside, 15, 0, 2);
        if (id < 0)
            return false;
        body->results[body->result_count++] = id;
    }
    return append(k, b, to, &a, body->result_count);
}

/* `count` applications more, or fewer where they do not come about. */
static void fill(maker *k, int32_t b, pool *to, int depth, int count)
{
    int32_t until = k->p->blocks[b].application_count + count;
    for (int attempt = 0; attempt < 6 * count && k->p->blocks[b].application_count < until; attempt++) {
        int choice = draw_below(&k->g, 100);
        if (choice < k->loops)
            choice = 85 + draw_below(&k->g, 15);
        else
            choice = draw_below(&k->g, 85);
        if (choice < 38)
            (void)add_scalar(k, b, to);
        else if (choice < 54)
            (void)add_shape(k, b, to);
        else if (choice < 60)
            (void)add_index(k, b, to);
        else if (choice < 71)
            (void)add_reduction(k, b, to);
        else if (choice < 79 || ((k->square > 0 || program_rows) && choice < 82))
            (void)add_linear(k, b, to);
        else if (choice < 85)
            (void)add_other(k, b, to);
        else if (depth < 3) {
            int32_t blocks = k->p->block_count, values = k->p->value_count;
            bool made = choice < 88 ? branches(k, b, to, depth) : choice < 96 ? loop(k, b, to, depth) : function(k, b, to, depth);
            if (!made) {
                /* what was appended to this block on the way may stay: it does not refer to the blocks dropped */
                k->p->block_count = blocks;
                (void)values;
            }
        }
    }
}

/* ---- the whole --------------------------------------------------------------------------------------------------------- */

static void random_input(maker *k, int32_t input)
{
    generator *g = &k->g;
    program *p = k->p;
    static const numc_dtype dtypes[] = {NUMC_FLOAT64, NUMC_FLOAT64, NUMC_FLOAT64, NUMC_FLOAT64, NUMC_FLOAT64, NUMC_FLOAT64,
                                        NUMC_FLOAT32, NUMC_INT64, NUMC_BOOL, NUMC_COMPLEX128, NUMC_INT32, NUMC_FLOAT64};
    static const int64_t extents[] = {3, 3, 3, 3, 2, 2, 4, 4, 1, 5, 9, 17};
    static const double edges[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 1e300, 5e-324, 1.0, -1.0, 0.5, 1e-300, 3e38};
    value_type type = {.dtype = input == 0 ? NUMC_FLOAT64 : dtypes[draw_below(g, p->wild ? 9 : 12)], .rank = draw_below(g, 8) == 0 ? 3 : draw_below(g, 3)};
    for (int32_t i = 0; i < type.rank; i++)
        type.shape[i] = k->square > 0 ? k->square : type.rank == 3 ? 1 + draw_below(g, 3) : extents[draw_below(g, 12)];
    if (k->square > 0 && draw_below(g, 3) == 0) { /* a sequence of these */
        type.rank = type.rank < 3 ? type.rank + 1 : 3;
        type.shape[2] = type.shape[1] = k->square;
        type.shape[0] = 5;
    }
    if (draw_below(g, 60) == 0 && type.rank > 0)
        type.shape[0] = 0;
    while (elements_of(&type) > 40)
        type.shape[type.rank - 1] = 2;
    if (program_rows) { /* X, b and r of a regression; numbers */
        int64_t many = 64 + (int64_t)(p->seed % 17);
        static const int32_t ranks[] = {2, 1, 1, 0};
        int which = input < 3 ? input : draw_below(g, 4);
        type = (value_type){.dtype = NUMC_FLOAT64, .rank = ranks[which]};
        type.shape[0] = which == 1 ? 2 : many;
        type.shape[1] = 2;
    }
    for (int64_t i = 0; i < 2 * ELEMENTS; i++) {
        double u = draw_unit(g), x = (0.25 + 1.5 * u) * (draw_below(g, 2) == 0 ? 1.0 : -1.0);
        if (p->wild && draw_below(g, 3) == 0)
            x = edges[draw_below(g, 12)];
        if (kind_of(type.dtype) == INTEGER)
            x = p->wild && draw_below(g, 4) == 0 ? 2147483647.0 * (draw_below(g, 2) == 0 ? 1 : -1) : (double)(draw_below(g, 9) - 3);
        if (type.dtype == NUMC_BOOL)
            x = draw_below(g, 2);
        if (type.dtype == NUMC_FLOAT32)
            x = (double)(float)x;
        p->inputs[input][i] = x;
    }
    int32_t id = p->value_count++;
    p->types[id] = type;
    p->blocks[0].parameters[p->blocks[0].parameter_count++] = id;
}

void program_generate(numc_context *context, program *p, uint64_t seed)
{
    maker *k = calloc(1, sizeof *k);
    if (k == NULL)
        abort();
    memset(p, 0, sizeof *p);
    k->context = context;
    k->p = p;
    k->g.state = seed * UINT64_C(0x632be59bd9b4e019) + 1;
    k->m = (machine){.context = context, .of = p, .plain = true, .record = true};
    /* every fourth program is made of loops, every fifth of small square matrices, as models of states are */
    k->loops = seed % 4 == 1 ? 45 : 15;
    k->square = seed % 5 == 2 ? 2 + (int64_t)(seed / 5 % 2) : 0;
    p->seed = seed;
    p->wild = seed % 8 == 7;
    p->block_count = 1;
    numc_scope(context) {
        pool to = {0};
        int inputs = program_rows ? 3 + draw_below(&k->g, INPUTS - 2) : 1 + draw_below(&k->g, INPUTS - 1);
        for (int32_t i = 0; i < inputs; i++) {
            random_input(k, i);
            to.values[to.count++] = p->blocks[0].parameters[i];
            k->m.values[to.values[i]] = program_input(context, p, i, 0);
        }
        if (program_rows) {
            int32_t product = emit(k, 0, &to, OPERATION_MATMUL, IDS(to.values[0], to.values[1]), NONE, 0);
            (void)scalar1(k, 0, &to, NUMC_SCALAR_TANH, product);
        }
        fill(k, 0, &to, 0, 4 + draw_below(&k->g, 12));
        /* results: what nothing uses, late ones first; and one more */
        bool used[VALUES] = {false};
        for (int32_t b = 0; b < p->block_count; b++) {
            for (int32_t i = 0; i < p->blocks[b].application_count; i++) {
                const application *a = &p->blocks[b].applications[i];
                for (int32_t j = 0; j < a->operand_count; j++)
                    used[a->operands[j]] = true;
            }
            for (int32_t i = 0; i < p->blocks[b].result_count && b > 0; i++)
                used[p->blocks[b].results[i]] = true;
        }
        block *top = &p->blocks[0];
        for (int32_t i = to.count - 1; i >= inputs && top->result_count < RESULTS - 1; i--) {
            if (!used[to.values[i]])
                top->results[top->result_count++] = to.values[i];
        }
        top->results[top->result_count++] = to.values[draw_below(&k->g, to.count)];
    }
    free(k);
    program_clean(p);
}

/* ---- what nothing needs ------------------------------------------------------------------------------------------------ */

static void need(program *p, int32_t b, bool *needed, bool *blocks)
{
    block *at = &p->blocks[b];
    blocks[b] = true;
    for (int32_t i = 0; i < at->result_count; i++)
        needed[at->results[i]] = true;
    for (int32_t i = at->application_count - 1; i >= 0; i--) {
        application *a = &at->applications[i];
        bool any = false;
        for (int32_t k = 0; k < a->result_count; k++)
            any = any || needed[a->results[k]];
        if (!any)
            continue;
        for (int32_t k = 0; k < a->operand_count; k++)
            needed[a->operands[k]] = true;
        for (int32_t k = 0; k < a->block_count; k++)
            need(p, a->blocks[k], needed, blocks);
    }
}

void program_clean(program *p)
{
    bool needed[VALUES] = {false}, blocks[BLOCKS] = {false};
    need(p, 0, needed, blocks);
    int32_t place[BLOCKS] = {0}, kept = 0;
    for (int32_t b = 0; b < p->block_count; b++) {
        if (blocks[b])
            place[b] = kept++;
    }
    for (int32_t b = 0; b < p->block_count; b++) {
        if (!blocks[b])
            continue;
        block *at = &p->blocks[b];
        int32_t count = 0;
        for (int32_t i = 0; i < at->application_count; i++) {
            application *a = &at->applications[i];
            bool any = false;
            for (int32_t k = 0; k < a->result_count; k++)
                any = any || needed[a->results[k]];
            if (!any)
                continue;
            for (int32_t k = 0; k < a->block_count; k++)
                a->blocks[k] = place[a->blocks[k]];
            at->applications[count++] = *a;
        }
        at->application_count = count;
        if (place[b] != b)
            p->blocks[place[b]] = *at;
    }
    p->block_count = kept;
    block *top = &p->blocks[0];
    int32_t inputs = 0;
    for (int32_t i = 0; i < top->parameter_count; i++) {
        if (!needed[top->parameters[i]] && !(i == top->parameter_count - 1 && inputs == 0))
            continue;
        if (inputs != i)
            memcpy(p->inputs[inputs], p->inputs[i], sizeof p->inputs[i]);
        top->parameters[inputs++] = top->parameters[i];
    }
    top->parameter_count = inputs;
}
