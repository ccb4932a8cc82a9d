/* complex.c - the expansions of complex operations into real ones. Finite results are within a few roundings of |result|, without
 * overflow or underflow in between; branch cuts, signs of zeros and special values are those of C99's annex G, but for products
 * and quotients with infinite operands, which are left as NaN. */
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

/* A number that depends on the parts' dtype. */
static R wide(E *e, double float64, double float32)
{
    return e->constant(e, e->part == NUMC_FLOAT32 ? float32 : float64);
}

#define ADD(x, y) op2(e, NUMC_SCALAR_ADD, x, y)
#define SUB(x, y) op2(e, NUMC_SCALAR_SUBTRACT, x, y)
#define MUL(x, y) op2(e, NUMC_SCALAR_MULTIPLY, x, y)
#define DIV(x, y) op2(e, NUMC_SCALAR_DIVIDE, x, y)
#define NEG(x) op1(e, NUMC_SCALAR_NEGATIVE, x)
#define ABS(x) op1(e, NUMC_SCALAR_ABS, x)
#define MAX(x, y) op2(e, NUMC_SCALAR_MAXIMUM, x, y)
#define HYPOT(x, y) op2(e, NUMC_SCALAR_HYPOT, x, y)
#define ATAN2(y, x) op2(e, NUMC_SCALAR_ATAN2, y, x)
#define COPYSIGN(x, y) op2(e, NUMC_SCALAR_COPYSIGN, x, y)
#define LESS(x, y) op2(e, NUMC_SCALAR_LESS, x, y)
#define EQUAL(x, y) op2(e, NUMC_SCALAR_EQUAL, x, y)
#define IS(test, x) op1(e, NUMC_SCALAR_##test, x)
#define F(function, x) op1(e, NUMC_SCALAR_##function, x)
#define N(value) number(e, value)
#define LN2 0.693147180559945309417
#define HALF_PI 1.570796326794896619231

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

/* (x - y)(x + y) + 2 i x y */
static Z square(E *e, const Z *z)
{
    R xy = MUL(z->re, z->im);
    return (Z){MUL(SUB(z->re, z->im), ADD(z->re, z->im)), ADD(xy, xy)};
}

/* Smith's quotient with the parts of dividend and divisor scaled by powers of two, so that nothing in between overflows or is
 * rounded as a subnormal: with q the larger part of the divisor, r = smaller / q and g = 1 + r^2,
 * (n1 + n2 r) / (q g) and so on. Divided by 0: infinities and NaN as the parts of the dividend over 0. */
static Z divide(E *e, const Z *z)
{
    R a = z[0].re, b = z[0].im, c = z[1].re, d = z[1].im, one = N(1), half = N(0.5), up = wide(e, 0x1p108, 0x1p48);
    R ac = ABS(c), ad = ABS(d);
    R swap = LESS(ac, ad), q = choose(e, swap, d, c), small = choose(e, swap, c, d);
    R zero = EQUAL(q, N(0));
    R r = choose(e, zero, N(0), DIV(small, q));
    q = choose(e, zero, ABS(q), q);
    R above = LESS(one, MAX(ABS(a), ABS(b))), below = LESS(one, ABS(q));
    R over = choose(e, above, half, up), under = choose(e, below, half, up);
    a = MUL(a, over);
    b = MUL(b, over);
    R n1 = choose(e, swap, b, a), n2 = choose(e, swap, a, b);
    R re = ADD(n1, MUL(n2, r));            /* a + b r, or b + a r */
    R im = SUB(n2, MUL(n1, r));            /* b - a r, or a - b r with the other sign */
    im = choose(e, swap, NEG(im), im);
    R by = MUL(MUL(q, under), ADD(one, MUL(r, r)));
    R back = DIV(under, over);
    return (Z){MUL(DIV(re, by), back), MUL(DIV(im, by), back)};
}

static Z reciprocal(E *e, const Z *z)
{
    return divide(e, (const Z[]){{N(1), N(0)}, *z});
}

/* Kahan's square root without scaling: u = sqrt(2 (|x| + |z|)); u / 2 and y / u are the parts for x >= 0. */
static Z plain_sqrt(E *e, R x, R y)
{
    R u = F(SQRT, MUL(N(2), ADD(ABS(x), HYPOT(x, y))));
    R t = MUL(u, N(0.5)), other = choose(e, EQUAL(u, N(0)), y, DIV(y, u));
    R left = LESS(x, N(0));
    return (Z){choose(e, left, ABS(other), t), choose(e, left, COPYSIGN(t, y), other)};
}

static Z square_root(E *e, const Z *z)
{
    R x = z->re, y = z->im, m = MAX(ABS(x), ABS(y)), one = N(1);
    R large = LESS(wide(e, 0x1p1020, 0x1p124), m), tiny = LESS(m, wide(e, 0x1p-900, 0x1p-60));
    R scale = choose(e, large, N(0x1p-4), choose(e, tiny, wide(e, 0x1p108, 0x1p48), one));
    R back = choose(e, large, N(4), choose(e, tiny, wide(e, 0x1p-54, 0x1p-24), one));
    Z w = plain_sqrt(e, MUL(x, scale), MUL(y, scale));
    R infinite = IS(ISINF, y);
    return (Z){choose(e, infinite, ABS(y), MUL(w.re, back)), choose(e, infinite, y, MUL(w.im, back))};
}

/* log |z|; near |z| = 1 from |z|^2 - 1 = (m - 1)(m + 1) + n^2, m and n the larger and smaller part. */
static R log_abs(E *e, R x, R y)
{
    R ax = ABS(x), ay = ABS(y), m = MAX(ax, ay), n = op2(e, NUMC_SCALAR_MINIMUM, ax, ay), one = N(1);
    R large = LESS(wide(e, 0x1p1000, 0x1p120), m), tiny = LESS(m, wide(e, 0x1p-900, 0x1p-60));
    R scale = choose(e, large, N(0x1p-4), choose(e, tiny, wide(e, 0x1p108, 0x1p48), one));
    R shift = choose(e, large, N(4 * LN2), choose(e, tiny, wide(e, -108 * LN2, -48 * LN2), N(0)));
    R h = HYPOT(MUL(x, scale), MUL(y, scale));
    R near = both(e, LESS(N(0.5), h), LESS(h, N(2)));
    R excess = ADD(MUL(SUB(m, one), ADD(m, one)), MUL(n, n));
    return choose(e, near, MUL(N(0.5), F(LOG1P, excess)), ADD(F(LOG, h), shift));
}

static Z logarithm(E *e, const Z *z)
{
    return (Z){log_abs(e, z->re, z->im), ATAN2(z->im, z->re)};
}

static Z log_2(E *e, const Z *z)
{
    Z w = logarithm(e, z);
    R factor = N(1.442695040888963407360);
    return (Z){MUL(w.re, factor), MUL(w.im, factor)};
}

static Z log_10(E *e, const Z *z)
{
    Z w = logarithm(e, z);
    R factor = N(0.434294481903251827651);
    return (Z){MUL(w.re, factor), MUL(w.im, factor)};
}

/* log(1 + z); for small z from |1 + z|^2 - 1 = x (2 + x) + y^2 */
static Z log_1p(E *e, const Z *z)
{
    R x = z->re, y = z->im, more = ADD(N(1), x);
    R close = F(LOG1P, ADD(MUL(x, ADD(N(2), x)), MUL(y, y)));
    R small = LESS(HYPOT(x, y), N(0.5));
    return (Z){choose(e, small, MUL(N(0.5), close), log_abs(e, more, y)), ATAN2(y, more)};
}

/* Where e^x overflows, e^(x - 709) is taken (88 in float32) and e^709 multiplied last. */
static R exponent_limit(E *e)
{
    return wide(e, 709, 88);
}

static R exponent_rest(E *e, R beyond)
{
    return choose(e, beyond, wide(e, 8.2184074615549721892e307, 1.6516362549940018555e38), N(1));
}

/* e^x (cos y + i sin y) */
static Z exponential(E *e, const Z *z)
{
    R x = z->re, y = z->im, limit = exponent_limit(e), beyond = LESS(limit, x), rest = exponent_rest(e, beyond);
    R r = F(EXP, choose(e, beyond, SUB(x, limit), x));
    R re = MUL(MUL(r, F(COS, y)), rest), im = MUL(MUL(r, F(SIN, y)), rest);
    R wild = both(e, IS(ISINF, x), e->apply(e, NUMC_SCALAR_LOGICAL_NOT, NUMC_BOOL, 1, (const R[]){IS(ISFINITE, y)}));
    R zero = N(0), falls = both(e, wild, LESS(x, zero));
    re = choose(e, wild, choose(e, falls, zero, x), re);
    im = choose(e, falls, COPYSIGN(zero, y), im);
    return (Z){re, choose(e, EQUAL(y, zero), y, im)};
}

/* expm1(x) cos y - 2 sin^2(y / 2) + i e^x sin y; away from 0 e^z - 1. The standard's real part of 0 is +0. */
static Z exp_m1(E *e, const Z *z)
{
    R x = z->re, y = z->im, s = F(SIN, MUL(y, N(0.5)));
    Z w = exponential(e, z);
    R close = SUB(MUL(F(EXPM1, x), F(COS, y)), MUL(N(2), MUL(s, s)));
    R re = choose(e, LESS(ABS(x), N(1)), close, SUB(w.re, N(1)));
    return (Z){choose(e, EQUAL(re, N(0)), N(0), re), w.im};
}

/* sinh and cosh of x without overflow but for a factor, `rest`. */
typedef struct hyperbolic {
    R sinh, cosh, rest, sin, cos;
    R wild; /* y is not finite */
} hyperbolic;

static hyperbolic hyperbolic_of(E *e, R x, R y)
{
    R ax = ABS(x), limit = exponent_limit(e), beyond = LESS(limit, ax);
    R r = MUL(F(EXP, SUB(ax, limit)), N(0.5));
    hyperbolic h = {.rest = exponent_rest(e, beyond), .sin = F(SIN, y), .cos = F(COS, y)};
    h.sinh = choose(e, beyond, COPYSIGN(r, x), F(SINH, x));
    h.cosh = choose(e, beyond, r, F(COSH, x));
    h.wild = e->apply(e, NUMC_SCALAR_LOGICAL_NOT, NUMC_BOOL, 1, (const R[]){IS(ISFINITE, y)});
    return h;
}

/* sinh x cos y + i cosh x sin y */
static Z sinus_h(E *e, const Z *z)
{
    R x = z->re, y = z->im, zero = N(0);
    hyperbolic h = hyperbolic_of(e, x, y);
    R re = MUL(MUL(h.sinh, h.cos), h.rest), im = MUL(MUL(h.cosh, h.sin), h.rest);
    R known = both(e, h.wild, either(e, EQUAL(x, zero), IS(ISINF, x)));
    return (Z){choose(e, known, x, re), choose(e, EQUAL(y, zero), y, im)};
}

/* cosh x cos y + i sinh x sin y */
static Z cosinus_h(E *e, const Z *z)
{
    R x = z->re, y = z->im, zero = N(0);
    hyperbolic h = hyperbolic_of(e, x, y);
    R re = MUL(MUL(h.cosh, h.cos), h.rest), im = MUL(MUL(h.sinh, h.sin), h.rest);
    re = choose(e, both(e, h.wild, IS(ISINF, x)), ABS(x), re);
    im = choose(e, both(e, h.wild, EQUAL(x, zero)), x, im);
    return (Z){re, choose(e, EQUAL(y, zero), MUL(y, COPYSIGN(N(1), x)), im)};
}

/* (sinh x cosh x + i sin y cos y) / (sinh^2 x + cos^2 y); where tanh x is 1, 1 + 4 i sin y cos y e^(-2 |x|). */
static Z tangens_h(E *e, const Z *z)
{
    R x = z->re, y = z->im, zero = N(0), ax = ABS(x), s = F(SIN, y), c = F(COS, y);
    R sh = F(SINH, x), below = ADD(MUL(sh, sh), MUL(c, c)), sc = MUL(s, c);
    R wild = e->apply(e, NUMC_SCALAR_LOGICAL_NOT, NUMC_BOOL, 1, (const R[]){IS(ISFINITE, y)});
    R far = both(e, LESS(wide(e, 20, 10), ax), either(e, IS(ISFINITE, y), IS(ISINF, x)));
    R re = choose(e, far, COPYSIGN(N(1), x), DIV(MUL(sh, F(COSH, x)), below));
    R im = choose(e, far, MUL(MUL(N(4), sc), F(EXP, MUL(N(-2), ax))), DIV(sc, below));
    re = choose(e, both(e, wild, EQUAL(x, zero)), x, re);
    im = choose(e, IS(ISINF, x), COPYSIGN(zero, y), im); /* the standard; C99 has the sign of sin 2y */
    return (Z){re, choose(e, EQUAL(y, zero), y, im)};
}

/* The inverse functions after Kahan (1987), by sqrt(1 - z) and sqrt(1 + z); where |z| is so large that 1 is lost beside z^2,
 * by log |2 z|. */
static R beyond_one(E *e, R x, R y)
{
    return LESS(wide(e, 0x1p30, 0x1p14), HYPOT(x, y));
}

static R log_twice(E *e, R x, R y)
{
    return ADD(log_abs(e, x, y), N(LN2));
}

static Z arc_sin(E *e, const Z *z)
{
    R x = z->re, y = z->im, one = N(1);
    Z p = plain_sqrt(e, SUB(one, x), NEG(y)), q = plain_sqrt(e, ADD(one, x), y);
    R far = beyond_one(e, x, y);
    R re = ATAN2(x, choose(e, far, ABS(y), SUB(MUL(p.re, q.re), MUL(p.im, q.im))));
    R im = F(ASINH, SUB(MUL(p.re, q.im), MUL(p.im, q.re)));
    return (Z){choose(e, EQUAL(x, N(0)), x, re), choose(e, far, COPYSIGN(log_twice(e, x, y), y), im)};
}

static Z arc_cos(E *e, const Z *z)
{
    R x = z->re, y = z->im, one = N(1);
    Z p = plain_sqrt(e, SUB(one, x), NEG(y)), q = plain_sqrt(e, ADD(one, x), y);
    R far = beyond_one(e, x, y);
    R re = choose(e, far, ATAN2(ABS(y), x), MUL(N(2), ATAN2(p.re, q.re)));
    R im = F(ASINH, SUB(MUL(q.re, p.im), MUL(q.im, p.re)));
    re = choose(e, both(e, EQUAL(x, N(0)), IS(ISNAN, y)), N(HALF_PI), re);
    return (Z){re, choose(e, far, NEG(COPYSIGN(log_twice(e, x, y), y)), im)};
}

static Z arc_cosh(E *e, const Z *z)
{
    R x = z->re, y = z->im, one = N(1);
    Z p = plain_sqrt(e, SUB(x, one), y), q = plain_sqrt(e, ADD(x, one), y);
    R far = beyond_one(e, x, y);
    R re = F(ASINH, ADD(MUL(p.re, q.re), MUL(p.im, q.im)));
    R im = choose(e, far, ATAN2(y, x), MUL(N(2), ATAN2(p.im, q.re)));
    im = choose(e, both(e, EQUAL(x, N(0)), IS(ISNAN, y)), N(HALF_PI), im);
    return (Z){choose(e, far, log_twice(e, x, y), re), im};
}

/* log1p(4 |x| / ((1 - |x|)^2 + y^2)) / 4 with x's sign, + i atan2(2 y, (1 - |x|)(1 + |x|) - y^2) / 2; for x = 1 the first is
 * log(|2 + i y| / |y|) / 2, and for large z the value is 1 / z beside i pi / 2. */
static Z arc_tanh(E *e, const Z *z)
{
    R x = z->re, y = z->im, ax = ABS(x), one = N(1), zero = N(0), less = SUB(one, ax), yy = MUL(y, y), h = HYPOT(x, y);
    R far = LESS(wide(e, 0x1p60, 0x1p28), h);
    R usual = MUL(N(0.25), F(LOG1P, DIV(MUL(N(4), ax), ADD(MUL(less, less), yy))));
    R pole = MUL(N(0.5), SUB(F(LOG, HYPOT(N(2), y)), F(LOG, ABS(y))));
    R outer = choose(e, IS(ISINF, h), zero, DIV(DIV(ax, h), h));
    R re = COPYSIGN(choose(e, far, outer, choose(e, EQUAL(ax, one), pole, usual)), x);
    R im = MUL(N(0.5), ATAN2(MUL(N(2), y), SUB(MUL(less, ADD(one, ax)), yy)));
    R right = choose(e, IS(ISNAN, y), y, COPYSIGN(N(HALF_PI), y));
    return (Z){choose(e, EQUAL(x, zero), x, re), choose(e, far, right, im)};
}

/* With z' = i conj(z) = y + i x: sinh z' = i conj(sin z), cosh z' = conj(cos z), and so on. */
static Z turned(Z z)
{
    return (Z){z.im, z.re};
}

static Z through(E *e, Z (*function)(E *, const Z *), const Z *z)
{
    Z w = turned(*z);
    return turned(function(e, &w));
}

static Z sinus(E *e, const Z *z)
{
    return through(e, sinus_h, z);
}

static Z cosinus(E *e, const Z *z)
{
    Z w = turned(*z), y = cosinus_h(e, &w);
    return (Z){y.re, NEG(y.im)};
}

static Z tangens(E *e, const Z *z)
{
    return through(e, tangens_h, z);
}

static Z arc_sinh(E *e, const Z *z)
{
    return through(e, arc_sin, z);
}

static Z arc_tan(E *e, const Z *z)
{
    return through(e, arc_tanh, z);
}

/* e^(w log z); z^0 = 1, 0^w = 0 for real w > 0 and else NaN. */
static Z power(E *e, const Z *z)
{
    R zero = N(0), one = N(1), nan = N((double)NAN);
    Z l = logarithm(e, z), product = multiply(e, (const Z[]){z[1], l}), y = exponential(e, &product);
    R flat = both(e, EQUAL(z[1].re, zero), EQUAL(z[1].im, zero)), origin = both(e, EQUAL(z->re, zero), EQUAL(z->im, zero));
    R known = choose(e, both(e, LESS(zero, z[1].re), EQUAL(z[1].im, zero)), zero, nan);
    return (Z){choose(e, flat, one, choose(e, origin, known, y.re)), choose(e, flat, zero, choose(e, origin, known, y.im))};
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
    [NUMC_SCALAR_SQRT] = square_root,
    [NUMC_SCALAR_SQUARE] = square,
    [NUMC_SCALAR_RECIPROCAL] = reciprocal,
    [NUMC_SCALAR_EXP] = exponential,
    [NUMC_SCALAR_EXPM1] = exp_m1,
    [NUMC_SCALAR_LOG] = logarithm,
    [NUMC_SCALAR_LOG1P] = log_1p,
    [NUMC_SCALAR_LOG2] = log_2,
    [NUMC_SCALAR_LOG10] = log_10,
    [NUMC_SCALAR_SIN] = sinus,
    [NUMC_SCALAR_COS] = cosinus,
    [NUMC_SCALAR_TAN] = tangens,
    [NUMC_SCALAR_ASIN] = arc_sin,
    [NUMC_SCALAR_ACOS] = arc_cos,
    [NUMC_SCALAR_ATAN] = arc_tan,
    [NUMC_SCALAR_SINH] = sinus_h,
    [NUMC_SCALAR_COSH] = cosinus_h,
    [NUMC_SCALAR_TANH] = tangens_h,
    [NUMC_SCALAR_ASINH] = arc_sinh,
    [NUMC_SCALAR_ACOSH] = arc_cosh,
    [NUMC_SCALAR_ATANH] = arc_tanh,
    [NUMC_SCALAR_ADD] = add,
    [NUMC_SCALAR_SUBTRACT] = subtract,
    [NUMC_SCALAR_MULTIPLY] = multiply,
    [NUMC_SCALAR_DIVIDE] = divide,
    [NUMC_SCALAR_POW] = power,
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
