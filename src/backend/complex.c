/* complex.c - the expansions of complex operations into real ones. */
#include "backend/complex.h"

#include <math.h>

typedef numc_expansion E;
typedef numc_parts Z;
typedef int32_t R;

static R op1(E *e, uint32_t operation, R x)
{
    return e->apply(e, operation, e->part, 1, &x);
}

static R op2(E *e, uint32_t operation, R x, R y)
{
    return e->apply(e, operation, e->part, 2, (const R[]){x, y});
}

static R both(E *e, R a, R b)
{
    return e->apply(e, NUMC_SCALAR_LOGICAL_AND, NUMC_BOOL, 2, (const R[]){a, b});
}

static R either(E *e, R a, R b)
{
    return e->apply(e, NUMC_SCALAR_LOGICAL_OR, NUMC_BOOL, 2, (const R[]){a, b});
}

static R choose(E *e, R condition, R yes, R no)
{
    return yes == no ? yes : e->apply(e, NUMC_SCALAR_WHERE, e->part, 3, (const R[]){condition, yes, no});
}

static R number(E *e, double value)
{
    return e->constant(e, value);
}

#define ADD(x, y) op2(e, NUMC_SCALAR_ADD, x, y)
#define SUB(x, y) op2(e, NUMC_SCALAR_SUBTRACT, x, y)
#define MUL(x, y) op2(e, NUMC_SCALAR_MULTIPLY, x, y)
#define NEG(x) op1(e, NUMC_SCALAR_NEGATIVE, x)

static Z negative(E *e, const Z *z)
{
    return (Z){NEG(z->re), NEG(z->im)};
}

static Z add(E *e, const Z *z)
{
    return (Z){ADD(z[0].re, z[1].re), ADD(z[0].im, z[1].im)};
}

static Z subtract(E *e, const Z *z)
{
    return (Z){SUB(z[0].re, z[1].re), SUB(z[0].im, z[1].im)};
}

/* (a + ib)(c + id) = (ac - bd) + i (ad + bc) */
static Z multiply(E *e, const Z *z)
{
    R a = z[0].re, b = z[0].im, c = z[1].re, d = z[1].im;
    return (Z){SUB(MUL(a, c), MUL(b, d)), ADD(MUL(a, d), MUL(b, c))};
}

static Z equal(E *e, const Z *z)
{
    return (Z){both(e, op2(e, NUMC_SCALAR_EQUAL, z[0].re, z[1].re), op2(e, NUMC_SCALAR_EQUAL, z[0].im, z[1].im)), -1};
}

static Z not_equal(E *e, const Z *z)
{
    return (Z){either(e, op2(e, NUMC_SCALAR_NOT_EQUAL, z[0].re, z[1].re), op2(e, NUMC_SCALAR_NOT_EQUAL, z[0].im, z[1].im)), -1};
}

static Z where(E *e, const Z *z)
{
    return (Z){choose(e, z[0].re, z[1].re, z[2].re), choose(e, z[0].re, z[1].im, z[2].im)};
}

static Z to_bool(E *e, const Z *z)
{
    R zero = number(e, 0);
    return not_equal(e, (const Z[]){z[0], {zero, zero}});
}

static Z (*const expansions[NUMC_SCALAR_LIMIT])(E *e, const Z *z) = {
    [NUMC_SCALAR_CONVERT] = to_bool,
    [NUMC_SCALAR_NEGATIVE] = negative,
    [NUMC_SCALAR_ADD] = add,
    [NUMC_SCALAR_SUBTRACT] = subtract,
    [NUMC_SCALAR_MULTIPLY] = multiply,
    [NUMC_SCALAR_EQUAL] = equal,
    [NUMC_SCALAR_NOT_EQUAL] = not_equal,
    [NUMC_SCALAR_WHERE] = where,
};

bool numc__complex_admits(uint32_t operation)
{
    return operation < NUMC_SCALAR_LIMIT && expansions[operation] != NULL;
}

numc_parts numc__complex_expand(numc_expansion *builder, uint32_t operation, const numc_parts *operands)
{
    return expansions[operation](builder, operands);
}
