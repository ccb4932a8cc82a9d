/*
 * The kernel's functions by arity, for whoever generates tables, op lists or source text from them:
 * X(name, function). All take and return double.
 */
#ifndef NUMC_KERNEL_TABLE_H
#define NUMC_KERNEL_TABLE_H

/* Without branches: a loop over these is vectorised by the compiler. */
#define NUMC_KERNEL_VECTOR_UNARY(X)  \
    X(exp, numc_k_exp)               \
    X(exp2, numc_k_exp2)             \
    X(expm1, numc_k_expm1)           \
    X(log, numc_k_log)               \
    X(log1p, numc_k_log1p)           \
    X(log2, numc_k_log2)             \
    X(log10, numc_k_log10)           \
    X(asin, numc_k_asin)             \
    X(acos, numc_k_acos)             \
    X(atan, numc_k_atan)             \
    X(sinh, numc_k_sinh)             \
    X(cosh, numc_k_cosh)             \
    X(tanh, numc_k_tanh)             \
    X(asinh, numc_k_asinh)           \
    X(acosh, numc_k_acosh)           \
    X(atanh, numc_k_atanh)           \
    X(expit, numc_k_expit)           \
    X(logit, numc_k_logit)           \
    X(softplus, numc_k_softplus)     \
    X(log_expit, numc_k_log_expit)   \
    X(log1mexp, numc_k_log1mexp)

#define NUMC_KERNEL_SCALAR_UNARY(X)  \
    X(sin, numc_k_sin)               \
    X(cos, numc_k_cos)               \
    X(tan, numc_k_tan)               \
    X(sinpi, numc_k_sinpi)           \
    X(cospi, numc_k_cospi)           \
    X(tanpi, numc_k_tanpi)           \
    X(lgamma, numc_k_lgamma)         \
    X(digamma, numc_k_digamma)       \
    X(trigamma, numc_k_trigamma)     \
    X(erf, numc_k_erf)               \
    X(erfc, numc_k_erfc)             \
    X(erfcx, numc_k_erfcx)           \
    X(erfinv, numc_k_erfinv)         \
    X(erfcinv, numc_k_erfcinv)       \
    X(ndtr, numc_k_ndtr)             \
    X(log_ndtr, numc_k_log_ndtr)     \
    X(ndtri, numc_k_ndtri)

#define NUMC_KERNEL_UNARY(X) NUMC_KERNEL_VECTOR_UNARY(X) NUMC_KERNEL_SCALAR_UNARY(X)

#define NUMC_KERNEL_VECTOR_BINARY(X) \
    X(pow, numc_k_pow)               \
    X(atan2, numc_k_atan2)           \
    X(hypot, numc_k_hypot)           \
    X(logaddexp, numc_k_logaddexp)   \
    X(xlogy, numc_k_xlogy)           \
    X(xlog1py, numc_k_xlog1py)

#define NUMC_KERNEL_SCALAR_BINARY(X) \
    X(polygamma, numc_k_polygamma)   \
    X(betaln, numc_k_betaln)         \
    X(gammainc, numc_k_gammainc)     \
    X(gammaincc, numc_k_gammaincc)   \
    X(gammainc_da, numc_k_gammainc_da)     \
    X(gammaincinv, numc_k_gammaincinv)     \
    X(gammainccinv, numc_k_gammainccinv)

#define NUMC_KERNEL_BINARY(X) NUMC_KERNEL_VECTOR_BINARY(X) NUMC_KERNEL_SCALAR_BINARY(X)

#define NUMC_KERNEL_TERNARY(X)       \
    X(betainc, numc_k_betainc)       \
    X(betaincc, numc_k_betaincc)     \
    X(betainc_da, numc_k_betainc_da) \
    X(betainc_db, numc_k_betainc_db) \
    X(betaincinv, numc_k_betaincinv)

/* Draws: X(name, function) with (key word 0, key word 1, index) before the double parameters. */
#define NUMC_KERNEL_SAMPLE_0(X)                  \
    X(uniform, numc_k_sample_uniform)            \
    X(normal, numc_k_sample_normal)              \
    X(exponential, numc_k_sample_exponential)    \
    X(gumbel, numc_k_sample_gumbel)              \
    X(laplace, numc_k_sample_laplace)            \
    X(logistic, numc_k_sample_logistic)          \
    X(cauchy, numc_k_sample_cauchy)

#define NUMC_KERNEL_SAMPLE_1(X)                  \
    X(bernoulli, numc_k_sample_bernoulli)        \
    X(geometric, numc_k_sample_geometric)        \
    X(gamma, numc_k_sample_gamma)                \
    X(log_gamma, numc_k_sample_log_gamma)        \
    X(student_t, numc_k_sample_student_t)        \
    X(poisson, numc_k_sample_poisson)

#define NUMC_KERNEL_SAMPLE_2(X)                  \
    X(uniform_between, numc_k_sample_uniform_between) \
    X(beta, numc_k_sample_beta)                  \
    X(binomial, numc_k_sample_binomial)

#endif
