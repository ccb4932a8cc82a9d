/* special.h - for users: special functions of arrays, all differentiable where a rule is stated.
 *
 * Operands broadcast; integers become the default float. Accuracy (float64): <= 4 ULP, or 1e-15 absolute near zeros, for
 * the one-argument functions; <= 50 eps for incomplete gamma and beta with parameters up to 1e4, 1e-12 relative in the tails;
 * derivatives in shape parameters 1e-10. float32: computed in float64 and rounded. Definitions: NIST DLMF chapters 5, 7, 8. */
#ifndef NUMC_SPECIAL_H
#define NUMC_SPECIAL_H

#include "numc/array.h"

#ifdef __cplusplus
extern "C" {
#endif

NUMC_API numc_array *numc_special_gammaln(const numc_array *x);  /* log |Gamma(x)|; DLMF 5.2 */
NUMC_API numc_array *numc_special_digamma(const numc_array *x);  /* DLMF 5.2.2 */
NUMC_API numc_array *numc_special_trigamma(const numc_array *x); /* DLMF 5.15 */
NUMC_API numc_array *numc_special_erf(const numc_array *x);      /* DLMF 7.2.1 */
NUMC_API numc_array *numc_special_erfc(const numc_array *x);
NUMC_API numc_array *numc_special_erfinv(const numc_array *x);
NUMC_API numc_array *numc_special_ndtr(const numc_array *x);     /* standard normal distribution function */
NUMC_API numc_array *numc_special_log_ndtr(const numc_array *x); /* its logarithm, accurate in the left tail */
NUMC_API numc_array *numc_special_ndtri(const numc_array *x);    /* its inverse */
NUMC_API numc_array *numc_special_expit(const numc_array *x);    /* 1 / (1 + exp(-x)) */
NUMC_API numc_array *numc_special_logit(const numc_array *x);    /* log(x / (1 - x)) */
NUMC_API numc_array *numc_special_softplus(const numc_array *x); /* log(1 + exp(x)) */
NUMC_API numc_array *numc_special_log_expit(const numc_array *x); /* -softplus(-x) */
NUMC_API numc_array *numc_special_log1mexp(const numc_array *x); /* log(1 - exp(x)), x < 0 */
NUMC_API numc_array *numc_special_xlogy_(numc_operand x, numc_operand y);   /* x log y; 0 at x = 0 */
NUMC_API numc_array *numc_special_xlog1py_(numc_operand x, numc_operand y); /* x log(1 + y); 0 at x = 0 */
NUMC_API numc_array *numc_special_polygamma(int64_t n, const numc_array *x); /* DLMF 5.15.1 */
NUMC_API numc_array *numc_special_betaln_(numc_operand a, numc_operand b);   /* DLMF 5.12.1 */
NUMC_API numc_array *numc_special_gammainc_(numc_operand a, numc_operand x);  /* P(a, x); DLMF 8.2.4 */
NUMC_API numc_array *numc_special_gammaincc_(numc_operand a, numc_operand x); /* Q(a, x) */
NUMC_API numc_array *numc_special_gammaincinv_(numc_operand a, numc_operand p); /* x with P(a, x) = p */
NUMC_API numc_array *numc_special_gammainccinv_(numc_operand a, numc_operand q); /* x with Q(a, x) = q */
NUMC_API numc_array *numc_special_betainc_(numc_operand a, numc_operand b, numc_operand x);    /* I_x(a, b); DLMF 8.17.2 */
NUMC_API numc_array *numc_special_betaincinv_(numc_operand a, numc_operand b, numc_operand p); /* x with I_x(a, b) = p */
NUMC_API numc_array *numc_special_multigammaln(const numc_array *a, int64_t d); /* DLMF 35.3.4 */
NUMC_API numc_array *numc_special_softmax(const numc_array *x, int64_t axis);
NUMC_API numc_array *numc_special_log_softmax(const numc_array *x, int64_t axis);
#ifndef __cplusplus
#define numc_special_xlogy(x, y) NUMC_BINARY(numc_special_xlogy_, x, y)
#define numc_special_xlog1py(x, y) NUMC_BINARY(numc_special_xlog1py_, x, y)
#define numc_special_betaln(a, b) NUMC_BINARY(numc_special_betaln_, a, b)
#define numc_special_gammainc(a, x) NUMC_BINARY(numc_special_gammainc_, a, x)
#define numc_special_gammaincc(a, x) NUMC_BINARY(numc_special_gammaincc_, a, x)
#define numc_special_gammaincinv(a, p) NUMC_BINARY(numc_special_gammaincinv_, a, p)
#define numc_special_gammainccinv(a, q) NUMC_BINARY(numc_special_gammainccinv_, a, q)
/* of three operands at least one must be an array: a missing context is an error of the call */
#define numc_special_betainc(a, b, x) numc_special_betainc_(NUMC_OPERAND(a), NUMC_OPERAND(b), NUMC_OPERAND(x))
#define numc_special_betaincinv(a, b, p) numc_special_betaincinv_(NUMC_OPERAND(a), NUMC_OPERAND(b), NUMC_OPERAND(p))
#endif

#ifdef __cplusplus
}
#endif
#endif
