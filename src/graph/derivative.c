/* derivative.c - the table of derivative rules, one row per primitive, and the partial derivatives of the elementwise ones.
 *
 * A partial is (d y / d operand k) d as an expression in the operands x, x1, x2 and the result y. Where the function is finite
 * but a factor of its slope is not (x log y at 0, pow at 0, hypot at 0 ...), the operand is replaced before the factor is
 * computed, so that neither this derivative nor the next one holds 0 times infinity. */
#include <math.h>

#include "graph/derivative.h"

#define LN2 0.693147180559945309417
#define LN10 2.302585092994045684018
#define SQRT_2PI 2.506628274631000502416
#define SQRT_PI 1.772453850905516027298

/* ---- special functions have no public name on this floor --------------------------------------------------------- */

static numc_array *special_1(int32_t code, const numc_array *x)
{
    numc_operand operand = numc_operand_array(x);
    return numc__elementwise(numc__primitive_name(code), code, &operand, 1, true);
}

static numc_array *special_2(int32_t code, numc_operand x, const numc_array *x1)
{
    numc_operand operands[2] = {x, numc_operand_array(x1)};
    return numc__elementwise(numc__primitive_name(code), code, operands, 2, true);
}

static numc_array *special_3(int32_t code, const numc_array *x, const numc_array *x1, const numc_array *x2)
{
    numc_operand operands[3] = {numc_operand_array(x), numc_operand_array(x1), numc_operand_array(x2)};
    return numc__elementwise(numc__primitive_name(code), code, operands, 3, true);
}

#define A(x) numc_operand_array(x)
#define LGAMMA(x) special_1(NUMC_SCALAR_LGAMMA, x)
#define DIGAMMA(x) special_1(NUMC_SCALAR_DIGAMMA, x)
#define EXPIT(x) special_1(NUMC_SCALAR_EXPIT, x)
#define XLOGY(x, y) special_2(NUMC_SCALAR_XLOGY, A(x), y)
#define XLOG1PY(x, y) special_2(NUMC_SCALAR_XLOG1PY, A(x), y)

/* Density of Gamma(a, 1) at x, and of Beta(a, b) at x. */
static numc_array *gamma_density(const numc_array *a, const numc_array *x)
{
    return numc_exp(numc_subtract(numc_subtract(XLOGY(numc_subtract(a, 1.0), x), x), LGAMMA(a)));
}

static numc_array *beta_density(const numc_array *a, const numc_array *b, const numc_array *x)
{
    numc_array *powers = numc_add(XLOGY(numc_subtract(a, 1.0), x), XLOG1PY(numc_subtract(b, 1.0), numc_negative(x)));
    return numc_exp(numc_subtract(powers, special_2(NUMC_SCALAR_BETALN, A(a), b)));
}

/* Standard normal density. */
static numc_array *normal_density(const numc_array *x)
{
    return numc_multiply(numc_exp(numc_multiply(numc_square(x), -0.5)), 1.0 / SQRT_2PI);
}

/* x with `value` put where condition holds. */
static numc_array *put(const numc_array *condition, double value, const numc_array *x)
{
    return numc_where(condition, value, x);
}

/* ---- partials ---------------------------------------------------------------------------------------------------- */

#define PARTIAL(name, ...)                                                                         \
    static numc_array *d_##name(const numc_application *a, int32_t k, const numc_array *d)         \
    {                                                                                              \
        const numc_array *x = a->x[0], *x1 = a->input_count > 1 ? a->x[1] : NULL;                  \
        const numc_array *x2 = a->input_count > 2 ? a->x[2] : NULL, *y = a->y[0];                  \
        (void)k, (void)d, (void)x, (void)x1, (void)x2, (void)y;                                    \
        __VA_ARGS__                                                                                \
    }
#define MINUS(x) numc_negative(x)
#define SAME(x) ((numc_array *)(uintptr_t)(x))

PARTIAL(negative, return MINUS(d);)
PARTIAL(abs, return numc_multiply(d, numc_sign(x));)
PARTIAL(sqrt, return numc_divide(d, numc_multiply(y, 2.0));)
PARTIAL(square, return numc_multiply(d, numc_multiply(x, 2.0));)
PARTIAL(reciprocal, return MINUS(numc_multiply(d, numc_square(y)));)
PARTIAL(exp, return numc_multiply(d, y);)
PARTIAL(expm1, return numc_multiply(d, numc_exp(x));)
PARTIAL(log, return numc_divide(d, x);)
PARTIAL(log1p, return numc_divide(d, numc_add(x, 1.0));)
PARTIAL(log2, return numc_divide(d, numc_multiply(x, LN2));)
PARTIAL(log10, return numc_divide(d, numc_multiply(x, LN10));)
PARTIAL(sin, return numc_multiply(d, numc_cos(x));)
PARTIAL(cos, return MINUS(numc_multiply(d, numc_sin(x)));)
PARTIAL(tan, return numc_multiply(d, numc_add(numc_square(y), 1.0));)
/* sqrt(1 - x^2); of complex x by roots of both factors, on the branch of asin, and on its cut the side that the sign of a zero
 * imaginary part says: x + 1 would lose that, x - (-1) does not */
static numc_array *root_of_factors(const numc_array *x)
{
    if (numc__is_complex(x->dtype))
        return numc_multiply(numc_sqrt(MINUS(numc_subtract(x, 1.0))), numc_sqrt(numc_subtract(x, -1.0)));
    return numc_sqrt(numc_multiply(numc_subtract(1.0, x), numc_add(x, 1.0)));
}
PARTIAL(asin, return numc_divide(d, root_of_factors(x));)
PARTIAL(acos, return MINUS(numc_divide(d, root_of_factors(x)));)
PARTIAL(atan, return numc_divide(d, numc_add(numc_square(x), 1.0));)
PARTIAL(sinh, return numc_multiply(d, numc_cosh(x));)
PARTIAL(cosh, return numc_multiply(d, numc_sinh(x));)
/* not 1 - y^2, which loses its digits where y is near 1, nor 1 / cosh^2, whose own derivatives under- and overflow: with
 * w = e^(-2 x) or e^(2 x), whichever is small, 4 w / (1 + w)^2 */
PARTIAL(tanh,
    numc_array *below = numc__is_complex(x->dtype) ? numc_real(x) : SAME(x);
    numc_array *w = numc_exp(numc_multiply(numc_where(numc_less(below, 0.0), x, MINUS(x)), 2.0));
    return numc_multiply(d, numc_divide(numc_multiply(w, 4.0), numc_square(numc_add(w, 1.0))));)
PARTIAL(asinh,
    if (numc__is_complex(x->dtype))
        return numc_divide(d, root_of_factors(numc_complex(MINUS(numc_imag(x)), numc_real(x))));
    return numc_divide(d, numc_hypot(x, 1.0));)
/* of complex x, the root of the product is another branch than the product of the roots */
PARTIAL(acosh,
    if (numc__is_complex(x->dtype))
        return numc_divide(d, numc_multiply(numc_sqrt(numc_subtract(x, 1.0)), numc_sqrt(numc_subtract(x, -1.0))));
    return numc_divide(d, numc_sqrt(numc_multiply(numc_subtract(x, 1.0), numc_add(x, 1.0))));)
PARTIAL(atanh, return numc_divide(d, numc_multiply(numc_subtract(1.0, x), numc_add(x, 1.0)));)
PARTIAL(lgamma, return numc_multiply(d, DIGAMMA(x));)
PARTIAL(digamma, return numc_multiply(d, special_1(NUMC_SCALAR_TRIGAMMA, x));)
PARTIAL(trigamma, return numc_multiply(d, special_2(NUMC_SCALAR_POLYGAMMA, numc_operand_real(2.0), x));)
PARTIAL(polygamma, return numc_multiply(d, special_2(NUMC_SCALAR_POLYGAMMA, A(numc_add(x, 1.0)), x1));)
PARTIAL(erf, return numc_multiply(d, numc_multiply(numc_exp(MINUS(numc_square(x))), 2.0 / SQRT_PI));)
PARTIAL(erfc, return numc_multiply(d, numc_multiply(numc_exp(MINUS(numc_square(x))), -2.0 / SQRT_PI));)
PARTIAL(erfinv, return numc_multiply(d, numc_multiply(numc_exp(numc_square(y)), SQRT_PI / 2.0));)
PARTIAL(ndtr, return numc_multiply(d, normal_density(x));)
PARTIAL(ndtri, return numc_multiply(d, numc_multiply(numc_exp(numc_multiply(numc_square(y), 0.5)), SQRT_2PI));)

/* phi / Phi. Below -100 the exponents cancel, and phi / Phi = -x / (1 - 1/x^2 + 3/x^4 - 15/x^6 + 105/x^8 - ...), whose next term
 * is less than 1e-16 there. */
PARTIAL(log_ndtr,
    numc_array *far = numc_less(x, -100.0);
    numc_array *near = put(far, 0.0, x);
    numc_array *tail = numc_where(far, x, -100.0);
    numc_array *direct = numc_exp(numc_subtract(numc_multiply(numc_square(near), -0.5), put(far, 0.0, y)));
    numc_array *z = numc_square(numc_reciprocal(tail));
    numc_array *series = numc_subtract(15.0, numc_multiply(z, 105.0));
    series = numc_subtract(3.0, numc_multiply(z, series));
    series = numc_subtract(1.0, numc_multiply(z, series));
    series = numc_subtract(1.0, numc_multiply(z, series));
    numc_array *slope = numc_where(far, numc_divide(MINUS(tail), series), numc_multiply(direct, 1.0 / SQRT_2PI));
    return numc_multiply(d, slope);)
/* not y (1 - y), which loses its digits where y is near 1 */
PARTIAL(expit, return numc_multiply(d, numc_multiply(y, EXPIT(MINUS(x))));)
PARTIAL(logit, return numc_divide(d, numc_multiply(x, numc_subtract(1.0, x)));)
PARTIAL(softplus, return numc_multiply(d, EXPIT(x));)
PARTIAL(log1mexp, return MINUS(numc_divide(d, numc_expm1(MINUS(x))));)

PARTIAL(add, return SAME(d);)
PARTIAL(subtract, return k == 0 ? SAME(d) : MINUS(d);)
PARTIAL(multiply, return numc_multiply(d, k == 0 ? x1 : x);)
PARTIAL(divide, return k == 0 ? numc_divide(d, x1) : MINUS(numc_multiply(numc_divide(d, x1), y));)
PARTIAL(remainder, return k == 0 ? SAME(d) : MINUS(numc_multiply(d, numc_floor_divide(x, x1)));)
/* The one number a concrete operand holds everywhere. */
static bool known(const numc_array *x, double *value)
{
    if (x->content != NUMC_CONTENT_IMMEDIATE)
        return false;
    if (numc__is_complex(x->dtype)) { /* a real one */
        double parts[2];
        numc__value_convert(NUMC_COMPLEX128, parts, x->dtype, x->immediate);
        *value = parts[0];
        return parts[1] == 0.0;
    }
    numc__value_convert(NUMC_FLOAT64, value, x->dtype, x->immediate);
    return true;
}

/* x^0 is 1 for every x; 0^x1 is 0 for every x1 > 0 */
PARTIAL(pow,
    double power;
    if (k == 0 && known(x1, &power) && power != 0.0) {
        numc_array *rest = power == 1.0 ? NULL : power == 2.0 ? SAME(x) : numc_pow(x, power - 1.0);
        return rest == NULL ? SAME(d) : numc_multiply(d, numc_multiply(rest, power));
    }
    numc_array *zero = numc_equal(x, 0.0);
    if (k == 0) {
        numc_array *flat = numc_logical_and(zero, numc_equal(x1, 0.0));
        return numc_multiply(d, numc_multiply(x1, numc_pow(x, put(flat, 0.0, numc_subtract(x1, 1.0)))));
    }
    return numc_multiply(d, numc_multiply(numc_log(put(zero, 1.0, x)), y));)
PARTIAL(atan2,
    numc_array *r = numc_hypot(x, x1);
    r = put(numc_equal(r, 0.0), 1.0, r);
    numc_array *slope = numc_divide(numc_divide(k == 0 ? x1 : x, r), r);
    return numc_multiply(d, k == 0 ? slope : MINUS(slope));)
PARTIAL(hypot, return numc_multiply(d, numc_divide(k == 0 ? x : x1, put(numc_equal(y, 0.0), 1.0, y)));)
/* weights expit(+-(x - x1)); equal operands (both -inf too) share */
PARTIAL(logaddexp,
    numc_array *difference = put(numc_equal(x, x1), 0.0, k == 0 ? numc_subtract(x, x1) : numc_subtract(x1, x));
    return numc_multiply(d, EXPIT(difference));)
/* equal operands share */
PARTIAL(maximum,
    numc_array *wins = k == 0 ? numc_greater(x, x1) : numc_greater(x1, x);
    return numc_where(wins, d, numc_where(numc_equal(x, x1), numc_multiply(d, 0.5), 0.0));)
PARTIAL(minimum,
    numc_array *wins = k == 0 ? numc_less(x, x1) : numc_less(x1, x);
    return numc_where(wins, d, numc_where(numc_equal(x, x1), numc_multiply(d, 0.5), 0.0));)
PARTIAL(copysign, return numc_where(numc_equal(numc_signbit(x), numc_signbit(x1)), d, MINUS(d));)
PARTIAL(nextafter, return SAME(d);)
/* where the slope of x log y in x is infinite (y = 0) and the value 0 (x = 0), it is taken as 0 */
PARTIAL(xlogy,
    numc_array *safe = put(numc_logical_and(numc_equal(x, 0.0), numc_equal(x1, 0.0)), 1.0, x1);
    return numc_multiply(d, k == 0 ? numc_log(safe) : numc_divide(x, safe));)
PARTIAL(xlog1py,
    numc_array *safe = put(numc_logical_and(numc_equal(x, 0.0), numc_equal(x1, -1.0)), 0.0, x1);
    return numc_multiply(d, k == 0 ? numc_log1p(safe) : numc_divide(x, numc_add(safe, 1.0)));)
PARTIAL(betaln, return numc_multiply(d, numc_subtract(DIGAMMA(k == 0 ? x : x1), DIGAMMA(numc_add(x, x1))));)
PARTIAL(gammainc,
    return numc_multiply(d, k == 0 ? special_2(NUMC_SCALAR_GAMMAINC_DA, A(x), x1) : gamma_density(x, x1));)
PARTIAL(gammaincc,
    return MINUS(numc_multiply(d, k == 0 ? special_2(NUMC_SCALAR_GAMMAINC_DA, A(x), x1) : gamma_density(x, x1)));)
/* d/da of the density: density (log x - digamma a) */
PARTIAL(gammainc_da,
    numc_array *density = gamma_density(x, x1);
    return numc_multiply(d, numc_subtract(XLOGY(density, x1), numc_multiply(density, DIGAMMA(x))));)
/* P(a, y) = p: dy = (dp - dP/da da) / density */
PARTIAL(gammaincinv,
    numc_array *density = gamma_density(x, y);
    if (k == 1)
        return numc_divide(d, density);
    return MINUS(numc_divide(numc_multiply(d, special_2(NUMC_SCALAR_GAMMAINC_DA, A(x), y)), density));)
/* Q(a, y) = q: dy = -(dq + dP/da da) / density */
PARTIAL(gammainccinv,
    numc_array *density = gamma_density(x, y);
    return MINUS(numc_divide(k == 1 ? SAME(d) : numc_multiply(d, special_2(NUMC_SCALAR_GAMMAINC_DA, A(x), y)), density));)
PARTIAL(where, return k == 1 ? numc_where(x, d, 0.0) : numc_where(x, 0.0, d);)
PARTIAL(fma, return k == 2 ? SAME(d) : numc_multiply(d, k == 0 ? x1 : x);)
PARTIAL(betainc,
    return numc_multiply(d, k == 0   ? special_3(NUMC_SCALAR_BETAINC_DA, x, x1, x2)
                            : k == 1 ? special_3(NUMC_SCALAR_BETAINC_DB, x, x1, x2)
                                     : beta_density(x, x1, x2));)
PARTIAL(betainc_da,
    numc_array *density = beta_density(x, x1, x2);
    numc_array *shift = numc_subtract(DIGAMMA(x), DIGAMMA(numc_add(x, x1)));
    return numc_multiply(d, numc_subtract(XLOGY(density, x2), numc_multiply(density, shift)));)
PARTIAL(betainc_db,
    numc_array *density = beta_density(x, x1, x2);
    numc_array *shift = numc_subtract(DIGAMMA(x1), DIGAMMA(numc_add(x, x1)));
    return numc_multiply(d, numc_subtract(XLOG1PY(density, MINUS(x2)), numc_multiply(density, shift)));)
PARTIAL(betaincinv,
    numc_array *density = beta_density(x, x1, y);
    if (k == 2)
        return numc_divide(d, density);
    int32_t code = k == 0 ? NUMC_SCALAR_BETAINC_DA : NUMC_SCALAR_BETAINC_DB;
    return MINUS(numc_divide(numc_multiply(d, special_3(code, x, x1, y)), density));)

/* Implicit reparameterisation of l = log g, g ~ Gamma(a): dl/da = -(dP/da) / (density in l), density exp(a l - e^l - lgamma a).
 * For e^l under 1e-16 the leading term of the series of P, e^(a l) / Gamma(a + 1), is exact to rounding and gives
 * (digamma(a + 1) - l) / a, however small a is. */
static numc_array *log_gamma_slope(const numc_array *a, const numc_array *l)
{
    numc_array *small = numc_less(l, -37.0);
    numc_array *bulk = put(small, 0.0, l), *g = numc_exp(bulk);
    numc_array *log_density = numc_subtract(numc_subtract(numc_multiply(a, bulk), g), LGAMMA(a));
    numc_array *usual = MINUS(numc_divide(special_2(NUMC_SCALAR_GAMMAINC_DA, A(a), g), numc_exp(log_density)));
    numc_array *tiny = numc_where(small, l, -37.0);
    numc_array *leading = numc_divide(numc_subtract(DIGAMMA(numc_add(a, 1.0)), tiny), a);
    return numc_where(small, leading, usual);
}
PARTIAL(random_loggamma, return numc_multiply(d, log_gamma_slope(x2, y));)
/* dg/da = g dl/da; a draw that underflowed to 0 does not move */
PARTIAL(random_gamma,
    numc_array *zero = numc_equal(y, 0.0);
    return numc_multiply(d, numc_multiply(y, log_gamma_slope(x2, numc_log(put(zero, 1.0, y)))));)

/* ---- the table --------------------------------------------------------------------------------------------------- */

#define ZERO_STEP "piecewise constant"
#define ZERO_BOOL "its values are truth values"
#define ZERO_WHOLE "its values are whole numbers"
#define ZERO_KEY "it depends on a key and a counter alone"
#define SHAPE_TWICE "a second derivative of the incomplete gamma and beta functions in a shape parameter has no implementation"

#define ELEMENTWISE(upper, lower) [NUMC_SCALAR_##upper] = {.partial = d_##lower}
#define FLAT(upper, why) [NUMC_SCALAR_##upper] = {.zero = (why)}
#define STRUCTURAL(upper, lower)                                                                   \
    [NUMC_PRIMITIVE_##upper] = {.jvp = numc__jvp_##lower, .vjp = numc__vjp_##lower}
#define FLAT_STRUCTURAL(upper, why) [NUMC_PRIMITIVE_##upper] = {.zero = (why)}

/* Control flow is recognised before their row is called; the row says that there are rules. */
static numc_status never_jvp(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    (void)dx, (void)dy;
    return numc__fail(a->context, NUMC_INTERNAL, "control flow was differentiated as an ordinary primitive");
}
static numc_status never_vjp(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)ybar, (void)wanted, (void)xbar;
    return never_jvp(a, NULL, NULL);
}

static const numc_rule rules[NUMC_PRIMITIVE_LIMIT] = {
    [NUMC_SCALAR_CONVERT] = {.jvp = numc__jvp_convert, .vjp = numc__vjp_convert},
    ELEMENTWISE(NEGATIVE, negative), ELEMENTWISE(ABS, abs), FLAT(SIGN, ZERO_STEP), FLAT(FLOOR, ZERO_STEP),
    FLAT(CEIL, ZERO_STEP), FLAT(TRUNC, ZERO_STEP), FLAT(ROUND, ZERO_STEP), ELEMENTWISE(SQRT, sqrt),
    ELEMENTWISE(SQUARE, square), ELEMENTWISE(RECIPROCAL, reciprocal), ELEMENTWISE(EXP, exp), ELEMENTWISE(EXPM1, expm1),
    ELEMENTWISE(LOG, log), ELEMENTWISE(LOG1P, log1p), ELEMENTWISE(LOG2, log2), ELEMENTWISE(LOG10, log10),
    ELEMENTWISE(SIN, sin), ELEMENTWISE(COS, cos), ELEMENTWISE(TAN, tan), ELEMENTWISE(ASIN, asin),
    ELEMENTWISE(ACOS, acos), ELEMENTWISE(ATAN, atan), ELEMENTWISE(SINH, sinh), ELEMENTWISE(COSH, cosh),
    ELEMENTWISE(TANH, tanh), ELEMENTWISE(ASINH, asinh), ELEMENTWISE(ACOSH, acosh), ELEMENTWISE(ATANH, atanh),
    FLAT(ISNAN, ZERO_BOOL), FLAT(ISINF, ZERO_BOOL), FLAT(ISFINITE, ZERO_BOOL), FLAT(SIGNBIT, ZERO_BOOL),
    FLAT(LOGICAL_NOT, ZERO_BOOL), FLAT(BITWISE_INVERT, ZERO_WHOLE),
    ELEMENTWISE(LGAMMA, lgamma), ELEMENTWISE(DIGAMMA, digamma), ELEMENTWISE(TRIGAMMA, trigamma), ELEMENTWISE(ERF, erf),
    ELEMENTWISE(ERFC, erfc), ELEMENTWISE(ERFINV, erfinv), ELEMENTWISE(NDTR, ndtr), ELEMENTWISE(LOG_NDTR, log_ndtr),
    ELEMENTWISE(NDTRI, ndtri), ELEMENTWISE(EXPIT, expit), ELEMENTWISE(LOGIT, logit), ELEMENTWISE(SOFTPLUS, softplus),
    ELEMENTWISE(LOG1MEXP, log1mexp),
    ELEMENTWISE(ADD, add), ELEMENTWISE(SUBTRACT, subtract), ELEMENTWISE(MULTIPLY, multiply), ELEMENTWISE(DIVIDE, divide),
    FLAT(FLOOR_DIVIDE, ZERO_STEP), ELEMENTWISE(REMAINDER, remainder), ELEMENTWISE(POW, pow), ELEMENTWISE(ATAN2, atan2),
    ELEMENTWISE(HYPOT, hypot), ELEMENTWISE(LOGADDEXP, logaddexp), ELEMENTWISE(MAXIMUM, maximum),
    ELEMENTWISE(MINIMUM, minimum),
    [NUMC_SCALAR_COPYSIGN] = {.partial = d_copysign, .zero_operands = 2},
    [NUMC_SCALAR_NEXTAFTER] = {.partial = d_nextafter, .zero_operands = 2},
    FLAT(EQUAL, ZERO_BOOL), FLAT(NOT_EQUAL, ZERO_BOOL), FLAT(LESS, ZERO_BOOL), FLAT(LESS_EQUAL, ZERO_BOOL),
    FLAT(GREATER, ZERO_BOOL), FLAT(GREATER_EQUAL, ZERO_BOOL), FLAT(LOGICAL_AND, ZERO_BOOL), FLAT(LOGICAL_OR, ZERO_BOOL),
    FLAT(LOGICAL_XOR, ZERO_BOOL), FLAT(BITWISE_AND, ZERO_WHOLE), FLAT(BITWISE_OR, ZERO_WHOLE),
    FLAT(BITWISE_XOR, ZERO_WHOLE), FLAT(BITWISE_LEFT_SHIFT, ZERO_WHOLE), FLAT(BITWISE_RIGHT_SHIFT, ZERO_WHOLE),
    ELEMENTWISE(XLOGY, xlogy), ELEMENTWISE(XLOG1PY, xlog1py),
    [NUMC_SCALAR_POLYGAMMA] = {.partial = d_polygamma, .missing_operands = 1, .missing = "the order is a whole number"},
    ELEMENTWISE(BETALN, betaln), ELEMENTWISE(GAMMAINC, gammainc), ELEMENTWISE(GAMMAINCC, gammaincc),
    [NUMC_SCALAR_GAMMAINC_DA] = {.partial = d_gammainc_da, .missing_operands = 1, .missing = SHAPE_TWICE},
    ELEMENTWISE(GAMMAINCINV, gammaincinv), ELEMENTWISE(GAMMAINCCINV, gammainccinv),
    ELEMENTWISE(WHERE, where), ELEMENTWISE(FMA, fma),
    ELEMENTWISE(BETAINC, betainc),
    [NUMC_SCALAR_BETAINC_DA] = {.partial = d_betainc_da, .missing_operands = 3, .missing = SHAPE_TWICE},
    [NUMC_SCALAR_BETAINC_DB] = {.partial = d_betainc_db, .missing_operands = 3, .missing = SHAPE_TWICE},
    ELEMENTWISE(BETAINCINV, betaincinv),
    FLAT(RANDOM_BITS, ZERO_KEY), FLAT(RANDOM_NORMAL, ZERO_KEY), FLAT(RANDOM_EXPONENTIAL, ZERO_KEY),
    ELEMENTWISE(RANDOM_GAMMA, random_gamma), ELEMENTWISE(RANDOM_LOGGAMMA, random_loggamma),
    FLAT(RANDOM_POISSON, ZERO_WHOLE), FLAT(RANDOM_BINOMIAL, ZERO_WHOLE),

    FLAT_STRUCTURAL(IOTA, "it has no operand"), STRUCTURAL(BROADCAST, broadcast), STRUCTURAL(RESHAPE, reshape),
    STRUCTURAL(PERMUTE, permute), STRUCTURAL(SLICE, slice), STRUCTURAL(FLIP, flip), STRUCTURAL(PAD, pad),
    STRUCTURAL(CONCAT, concat), STRUCTURAL(GATHER, gather), STRUCTURAL(SCATTER, scatter),
    STRUCTURAL(REAL, real), STRUCTURAL(IMAG, imag), STRUCTURAL(COMPLEX, complex),
    STRUCTURAL(REDUCE_SUM, reduce_sum), STRUCTURAL(REDUCE_PROD, reduce_prod), STRUCTURAL(REDUCE_MAX, reduce_max),
    STRUCTURAL(REDUCE_MIN, reduce_max), FLAT_STRUCTURAL(REDUCE_ANY, ZERO_BOOL), FLAT_STRUCTURAL(REDUCE_ALL, ZERO_BOOL),
    FLAT_STRUCTURAL(ARGMAX, ZERO_WHOLE), FLAT_STRUCTURAL(ARGMIN, ZERO_WHOLE),
    STRUCTURAL(CUMULATIVE_SUM, cumulative_sum), STRUCTURAL(CUMULATIVE_PROD, cumulative_prod),
    STRUCTURAL(CUMULATIVE_MAX, cumulative_max), STRUCTURAL(SORT, sort), FLAT_STRUCTURAL(SEARCH, ZERO_WHOLE),
    STRUCTURAL(FFT, fft), STRUCTURAL(RFFT, rfft), STRUCTURAL(IRFFT, irfft),
    STRUCTURAL(MATMUL, matmul), STRUCTURAL(CHOLESKY, cholesky),
    STRUCTURAL(CHOLESKY_INVERSE, cholesky_inverse), STRUCTURAL(TRIANGULAR_SOLVE, triangular_solve),
    STRUCTURAL(LU, lu), STRUCTURAL(QR, qr), STRUCTURAL(EIGH, eigh), STRUCTURAL(EIG, eig), STRUCTURAL(SVD, svd),
    FLAT_STRUCTURAL(STOP_GRADIENT, "that is what it is for"),
    [NUMC_PRIMITIVE_COND] = {.jvp = never_jvp, .vjp = never_vjp},
    [NUMC_PRIMITIVE_SCAN] = {.jvp = never_jvp, .vjp = never_vjp},
    [NUMC_PRIMITIVE_WHILE] = {.jvp = never_jvp, .vjp = never_vjp},
    STRUCTURAL(CUSTOM, custom), STRUCTURAL(EXTERNAL, external),
};

const numc_rule *numc__rule_of(int32_t primitive)
{
    if (primitive <= 0 || primitive >= NUMC_PRIMITIVE_LIMIT)
        return NULL;
    const numc_rule *rule = &rules[primitive];
    return rule->zero != NULL || rule->partial != NULL || rule->jvp != NULL ? rule : NULL;
}
