/* special.c - special functions of arrays: each is one scalar primitive, or a composition of a few. */
#include "numc/special.h"

#include "array/internal.h"

#define UNARY(name, operation)                                                                     \
    numc_array *numc_special_##name(const numc_array *x)                                           \
    {                                                                                              \
        numc_operand operands[1] = {numc_operand_array(x)};                                        \
        return numc__elementwise("numc_special_" #name, NUMC_SCALAR_##operation, operands, 1, true);    \
    }
#define BINARY(name, operation)                                                                    \
    numc_array *numc_special_##name##_(numc_operand x, numc_operand y)                             \
    {                                                                                              \
        numc_operand operands[2] = {x, y};                                                         \
        return numc__elementwise("numc_special_" #name, NUMC_SCALAR_##operation, operands, 2, true);    \
    }
#define TERNARY(name, operation)                                                                   \
    numc_array *numc_special_##name##_(numc_operand a, numc_operand b, numc_operand x)             \
    {                                                                                              \
        numc_operand operands[3] = {a, b, x};                                                      \
        return numc__elementwise("numc_special_" #name, NUMC_SCALAR_##operation, operands, 3, true);    \
    }

UNARY(gammaln, LGAMMA)
UNARY(digamma, DIGAMMA)
UNARY(trigamma, TRIGAMMA)
UNARY(erf, ERF)
UNARY(erfc, ERFC)
UNARY(erfinv, ERFINV)
UNARY(ndtr, NDTR)
UNARY(log_ndtr, LOG_NDTR)
UNARY(ndtri, NDTRI)
UNARY(expit, EXPIT)
UNARY(logit, LOGIT)
UNARY(softplus, SOFTPLUS)
UNARY(log1mexp, LOG1MEXP)
BINARY(xlogy, XLOGY)
BINARY(xlog1py, XLOG1PY)
BINARY(betaln, BETALN)
BINARY(gammainc, GAMMAINC)
BINARY(gammaincc, GAMMAINCC)
BINARY(gammaincinv, GAMMAINCINV)
BINARY(gammainccinv, GAMMAINCCINV)
TERNARY(betainc, BETAINC)
TERNARY(betaincinv, BETAINCINV)

/* log expit(x) = -softplus(-x) */
numc_array *numc_special_log_expit(const numc_array *x)
{
    numc_operand operands[1] = {numc_operand_array(x)};
    operands[0].value.array = numc__elementwise("numc_special_log_expit", NUMC_SCALAR_NEGATIVE, operands, 1, true);
    const numc_array *y = numc__elementwise("numc_special_log_expit", NUMC_SCALAR_SOFTPLUS, operands, 1, true);
    return y == NULL ? NULL : NUMC_AS_PART_OF(y->context, "numc_special_log_expit", numc_negative(y));
}

numc_array *numc_special_polygamma(int64_t n, const numc_array *x)
{
    numc_context *context = numc__lane_of(&x, 1, "numc_special_polygamma");
    if (context == NULL)
        return NULL;
    if (n < 0 || n > 100) {
        numc__fail(context, NUMC_VALUE, "numc_special_polygamma: the order %lld is not in 0..100", (long long)n);
        return NULL;
    }
    if (n == 0)
        return NUMC_AS_PART_OF(context, "numc_special_polygamma", numc_special_digamma(x));
    if (n == 1)
        return NUMC_AS_PART_OF(context, "numc_special_polygamma", numc_special_trigamma(x));
    numc_operand operands[2] = {numc_operand_real((double)n), numc_operand_array(x)};
    return numc__elementwise("numc_special_polygamma", NUMC_SCALAR_POLYGAMMA, operands, 2, true);
}

#define MOST_DIMENSIONS (1 << 24)
/* log Gamma_d(a) = d (d-1)/4 log pi + sum_{j < d} log Gamma(a - j/2), a > (d-1)/2 */
numc_array *numc_special_multigammaln(const numc_array *a, int64_t d)
{
    const double log_pi = 1.1447298858494002;
    numc_context *context = numc__lane_of(&a, 1, "numc_special_multigammaln");
    if (context == NULL)
        return NULL;
    if (d < 1 || d > MOST_DIMENSIONS) {
        numc__fail(context, NUMC_VALUE, "numc_special_multigammaln: the dimension %lld is not in 1..%d", (long long)d,
                   MOST_DIMENSIONS);
        return NULL;
    }
    numc_operand operand = numc_operand_array(a);
    const numc_array *real;
    if (numc__prepare_elementwise(context, "numc_special_multigammaln", &operand, 1, true, &real) != NUMC_OK)
        return NULL;
    const char *before = numc__operation_begin(context, "numc_special_multigammaln");
    numc_array *halves = numc_multiply(numc_arange(context, numc_array_dtype(real), 0, (double)d, 1), 0.5);
    numc_array *terms = numc_special_gammaln(numc_subtract(numc_expand_dims(real, NUMC_AXES(-1)), halves));
    numc_array *y = numc_add(numc_sum(terms, NUMC_AXES(-1)), 0.25 * (double)d * ((double)d - 1) * log_pi);
    numc__operation_end(context, before);
    return y;
}

/* x less its maximum along the axis, an infinite maximum counting as 0. The shift cancels, so no gradient passes it. */
static numc_array *shifted(const numc_array *x, int64_t axis)
{
    numc_array *most = numc_max(numc_stop_gradient(x), NUMC_AXES(axis), .keepdims = true);
    return numc_subtract(x, numc_where(numc_isfinite(most), most, 0.0));
}

/* x as float, where it has the axis and something to normalise along it. */
static const numc_array *as_real(const numc_array *x, int64_t axis, const char *name)
{
    numc_context *context = numc__lane_of(&x, 1, name);
    numc_operand operand = numc_operand_array(x);
    const numc_array *real = NULL;
    int32_t d = context == NULL ? -1 : numc__axis_normalize(context, name, axis, x->rank);
    if (d < 0)
        return NULL;
    if (x->shape[d] == 0) {
        char type[256];
        numc__type_format(type, sizeof type, x->dtype, x->rank, x->shape);
        numc__fail(context, NUMC_VALUE, "%s: axis %d of %s is empty", name, (int)d, type);
        return NULL;
    }
    if (numc__prepare_elementwise(context, name, &operand, 1, true, &real) != NUMC_OK)
        return NULL;
    return real;
}

numc_array *numc_special_softmax(const numc_array *x, int64_t axis)
{
    const numc_array *real = as_real(x, axis, "numc_special_softmax");
    if (real == NULL)
        return NULL;
    const char *before = numc__operation_begin(real->context, "numc_special_softmax");
    numc_array *powers = numc_exp(shifted(real, axis));
    numc_array *y = numc_divide(powers, numc_sum(powers, NUMC_AXES(axis), .keepdims = true));
    numc__operation_end(real->context, before);
    return y;
}

numc_array *numc_special_log_softmax(const numc_array *x, int64_t axis)
{
    const numc_array *real = as_real(x, axis, "numc_special_log_softmax");
    if (real == NULL)
        return NULL;
    const char *before = numc__operation_begin(real->context, "numc_special_log_softmax");
    numc_array *rest = shifted(real, axis);
    numc_array *y = numc_subtract(rest, numc_log(numc_sum(numc_exp(rest), NUMC_AXES(axis), .keepdims = true)));
    numc__operation_end(real->context, before);
    return y;
}
