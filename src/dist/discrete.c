/* discrete.c - distributions of counts and classes. Values may be any real or integer dtype; draws are int64.
 * Sources: Johnson, Kemp and Kotz, Univariate Discrete Distributions, 3rd ed. (binomial ch. 3, Poisson 4). */
#include <math.h>
#include <string.h>

#include "dist/formulas.h"
#include "numc/function.h"
#include "numc/special.h"
#include "random/internal.h"

static const numc_parameter_rule bernoulli_rules[] = {{"probability", numc_constraint_unit_interval_, 0}};
static const numc_parameter_rule bernoulli_logits_rules[] = {{"logits", NULL, 0}};
static const numc_parameter_rule binomial_rules[] = {{"trials", numc_constraint_nonnegative_integer_, 0},
                                                     {"probability", numc_constraint_unit_interval_, 0}};
static const numc_parameter_rule binomial_logits_rules[] = {{"trials", numc_constraint_nonnegative_integer_, 0},
                                                            {"logits", NULL, 0}};
static const numc_parameter_rule poisson_rules[] = {{"rate", numc_constraint_nonnegative_, 0}};
static const numc_parameter_rule poisson_log_rules[] = {{"log_rate", NULL, 0}};
static const numc_parameter_rule categorical_rules[] = {{"probabilities", numc_constraint_simplex_, 1}};
static const numc_parameter_rule categorical_logits_rules[] = {{"logits", NULL, 1}};

static numc_array *number(const numc_distribution *d, double value)
{
    return numc__operand_array(d->object.context, numc_operand_real(value), NULL);
}

SUPPORT(boolean, numc_constraint_boolean(d->object.context))
SUPPORT(counts, numc_constraint_nonnegative_integer(d->object.context))
SUPPORT(up_to_trials, numc__constraint_between(d->object.context, number(d, 0), FIRST, true))
SUPPORT(classes, numc__constraint_between(d->object.context, number(d, 0),
                                          number(d, (double)(FIRST->shape[FIRST->rank - 1] - 1)), true))

/* A count in the dtype of the parameters. */
static const numc_array *count_of(const numc_distribution *d, const numc_array *x)
{
    return numc_dtype_kind(x->dtype) == NUMC_KIND_REAL ? x : numc_astype(x, FIRST->dtype);
}

/* ---- Bernoulli --------------------------------------------------------------------------------------------------------------------- */

/* A selection, not y log p: probabilities 0 and 1 are allowed. */
static numc_array *bernoulli_log_prob(const numc_distribution *d, const numc_array *y)
{
    numc_array *p = numc__dist_guarded(d, 0);
    return numc_where(numc_not_equal(y, 0), numc_log(p), numc_log1p(numc_negative(p)));
}

/* -log(1 + exp((1-2y) l)) */
static numc_array *bernoulli_logits_log_prob(const numc_distribution *d, const numc_array *y)
{
    numc_array *sign = numc_subtract(1, numc_multiply(count_of(d, y), 2));
    return numc_negative(numc_special_softplus(numc_multiply(sign, FIRST)));
}

static numc_array *bernoulli_cdf_of(const numc_array *y, const numc_array *failure)
{
    numc_array *below_one = numc_where(numc_less(y, 1), failure, 1.0);
    return numc_where(numc_less(y, 0), 0.0, below_one);
}

static numc_array *bernoulli_cdf(const numc_distribution *d, const numc_array *y)
{
    return bernoulli_cdf_of(y, numc_subtract(1, FIRST));
}

static numc_array *bernoulli_logits_cdf(const numc_distribution *d, const numc_array *y)
{
    return bernoulli_cdf_of(y, numc_special_expit(numc_negative(FIRST)));
}

/* The smallest y with F(y) >= p */
static numc_array *bernoulli_icdf(const numc_distribution *d, const numc_array *p)
{
    return numc_where(numc_less_equal(p, numc_subtract(1, FIRST)), 0.0, 1.0);
}

static numc_array *bernoulli_logits_icdf(const numc_distribution *d, const numc_array *p)
{
    return numc_where(numc_less_equal(p, numc_special_expit(numc_negative(FIRST))), 0.0, 1.0);
}

MOMENT(bernoulli_mean, FIRST)
MOMENT(bernoulli_variance, numc_multiply(FIRST, numc_subtract(1, FIRST)))
MOMENT(bernoulli_logits_mean, numc_special_expit(FIRST))
MOMENT(bernoulli_logits_variance, numc_multiply(numc_special_expit(FIRST), numc_special_expit(numc_negative(FIRST))))
SAMPLER(bernoulli_sample, numc__random_bernoulli(key, numc_operand_array(FIRST), shape))
SAMPLER(bernoulli_logits_sample, numc__random_bernoulli(key, numc_operand_array(numc_special_expit(FIRST)), shape))

/* ---- the inverse of a distribution function of counts ------------------------------------------------------------------------------
 * The smallest k with F(k) >= p, by halving [low, high] with F(high) >= p. Bernstein's inequality bounds both tails: beyond
 * mean +- (t/3 + sqrt(t^2/9 + 2 t variance)) lies less than exp(-t); t = 750 is below the smallest double. The bracket's width
 * is then under 2^40 for every variance below 1e20, where doubles no longer hold all counts. */
#define TAIL 750.0
#define HALVINGS 41

typedef numc_array *count_cdf(const numc_distribution *d, const numc_array *k);
typedef struct search {
    const numc_distribution *d;
    const numc_array *p;
    count_cdf *cdf;
} search;

static void halve(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                  int32_t output_count, void *user)
{
    const search *s = user;
    (void)context, (void)input_count, (void)output_count;
    const numc_array *low = inputs[0], *high = inputs[1]; /* F(high) >= p, F(low - 1) < p */
    numc_array *middle = numc_floor(numc_multiply(numc_add(low, high), 0.5));
    numc_array *enough = middle == NULL ? NULL : numc_greater_equal(s->cdf(s->d, middle), s->p);
    outputs[0] = numc_where(enough, low, numc_minimum(numc_add(middle, 1), high));
    outputs[1] = numc_where(enough, middle, high);
}

static numc_array *searched(const numc_distribution *d, const numc_array *p, numc_array *mean, numc_array *variance,
                            numc_array *most, count_cdf *cdf)
{
    numc_array *reach = numc_add(numc_sqrt(numc_add(numc_multiply(variance, 2 * TAIL), TAIL * TAIL / 9)), TAIL / 3);
    numc_array *low = numc_maximum(numc_floor(numc_subtract(mean, reach)), 0);
    numc_array *high = numc_ceil(numc_add(mean, reach));
    if (most != NULL)
        high = numc_minimum(high, most);
    numc_array *zero = numc_multiply(numc_zeros_like(p), numc_zeros_like(high)); /* the shape and dtype of the answer */
    const numc_array *bracket[2] = {numc_add(low, zero), numc_add(high, zero)};
    search s = {d, p, cdf};
    numc_array *found[2];
    if (bracket[0] == NULL || bracket[1] == NULL ||
        numc_scan(d->object.context, halve, &s, bracket, 2, NULL, 0, found, 0, .length = HALVINGS) != NUMC_OK)
        return NULL;
    numc_array *last = most != NULL ? numc_add(most, zero) : numc_full_like(zero, (double)INFINITY);
    numc_array *k = numc_where(numc_equal(p, 1), last, found[1]);
    k = numc_where(numc_equal(p, 0), 0.0, k);
    return numc_stop_gradient(numc_where(numc_not_equal(p, p), (double)NAN, k));
}

/* ---- binomial: log C(n, k) + k log p + (n-k) log(1-p); log C(n, k) = -log(n+1) - log B(n-k+1, k+1) ------------------------- */

static numc_array *log_choose(const numc_array *n, const numc_array *k)
{
    numc_array *beta = numc_special_betaln(numc_add(numc_subtract(n, k), 1), numc_add(k, 1));
    return numc_negative(numc_add(numc_log(numc_add(n, 1)), beta)); /* at k = 0 and n exactly 0 */
}

static numc_array *binomial_log_prob(const numc_distribution *d, const numc_array *y)
{
    const numc_array *k = count_of(d, y);
    numc_array *n = FIRST, *p = numc__dist_guarded(d, 1);
    numc_array *kernel = numc_add(numc_special_xlogy(k, p), numc_special_xlog1py(numc_subtract(n, k), numc_negative(p)));
    return numc_add(kernel, log_choose(n, k));
}

/* k l - n log(1 + exp l) + log C(n, k) */
static numc_array *binomial_logits_log_prob(const numc_distribution *d, const numc_array *y)
{
    const numc_array *k = count_of(d, y);
    numc_array *n = FIRST, *l = SECOND;
    numc_array *kernel = numc_subtract(numc_multiply(k, l), numc_multiply(n, numc_special_softplus(l)));
    return numc_add(kernel, log_choose(n, k));
}

/* I_{1-p}(n-k, k+1) for 0 <= k < n */
static numc_array *binomial_cdf_of(const numc_distribution *d, const numc_array *y, const numc_array *failure)
{
    const numc_array *real = count_of(d, y);
    if (real == NULL)
        return NULL;
    numc_array *k = numc_floor(real), *n = FIRST;
    numc_array *below = numc_less(k, 0), *all = numc_greater_equal(k, n);
    numc_array *edge = numc_logical_or(below, all);
    numc_array *first = numc_where(edge, 1.0, numc_subtract(n, k));
    numc_array *second = numc_where(edge, 1.0, numc_add(k, 1));
    return numc_where(below, 0.0, numc_where(all, 1.0, numc_special_betainc(first, second, failure)));
}

static numc_array *binomial_cdf(const numc_distribution *d, const numc_array *y)
{
    return binomial_cdf_of(d, y, numc_subtract(1, SECOND));
}

static numc_array *binomial_logits_cdf(const numc_distribution *d, const numc_array *y)
{
    return binomial_cdf_of(d, y, numc_special_expit(numc_negative(SECOND)));
}

MOMENT(binomial_mean, numc_multiply(FIRST, SECOND))
MOMENT(binomial_variance, numc_multiply(binomial_mean(d), numc_subtract(1, SECOND)))
MOMENT(binomial_logits_mean, numc_multiply(FIRST, numc_special_expit(SECOND)))
MOMENT(binomial_logits_variance, numc_multiply(binomial_logits_mean(d), numc_special_expit(numc_negative(SECOND))))
static numc_array *binomial_icdf(const numc_distribution *d, const numc_array *p)
{
    return searched(d, p, binomial_mean(d), binomial_variance(d), FIRST, binomial_cdf);
}

static numc_array *binomial_logits_icdf(const numc_distribution *d, const numc_array *p)
{
    return searched(d, p, binomial_logits_mean(d), binomial_logits_variance(d), FIRST, binomial_logits_cdf);
}

SAMPLER(binomial_sample,
        numc__random_binomial(key, numc_operand_array(FIRST), numc_operand_array(SECOND), FIRST->dtype, shape))
SAMPLER(binomial_logits_sample,
        numc__random_binomial(key, numc_operand_array(FIRST), numc_operand_array(numc_special_expit(SECOND)), FIRST->dtype, shape))

/* ---- Poisson: k log r - r - log k! -------------------------------------------------------------------------------------------------- */

static numc_array *log_factorial(const numc_array *k)
{
    return numc_special_gammaln(numc_add(k, 1));
}

static numc_array *poisson_log_prob(const numc_distribution *d, const numc_array *y)
{
    const numc_array *k = count_of(d, y);
    numc_array *rate = numc__dist_guarded(d, 0);
    return numc_subtract(numc_subtract(numc_special_xlogy(k, rate), rate), log_factorial(k));
}

static numc_array *poisson_log_log_prob(const numc_distribution *d, const numc_array *y)
{
    const numc_array *k = count_of(d, y);
    return numc_subtract(numc_subtract(numc_multiply(k, FIRST), numc_exp(FIRST)), log_factorial(k));
}

/* Q(k+1, r) */
static numc_array *poisson_cdf_of(const numc_distribution *d, const numc_array *y, const numc_array *rate)
{
    const numc_array *real = count_of(d, y);
    if (real == NULL)
        return NULL;
    numc_array *k = numc_floor(real);
    numc_array *below = numc_less(k, 0);
    return numc_where(below, 0.0, numc_special_gammaincc(numc_where(below, 1.0, numc_add(k, 1)), rate));
}

static numc_array *poisson_cdf(const numc_distribution *d, const numc_array *y)
{
    return poisson_cdf_of(d, y, FIRST);
}

static numc_array *poisson_log_cdf(const numc_distribution *d, const numc_array *y)
{
    return poisson_cdf_of(d, y, numc_exp(FIRST));
}

MOMENT(poisson_mean, FIRST)
MOMENT(poisson_log_mean, numc_exp(FIRST))
static numc_array *poisson_icdf(const numc_distribution *d, const numc_array *p)
{
    return searched(d, p, FIRST, FIRST, NULL, poisson_cdf);
}

static numc_array *poisson_log_icdf(const numc_distribution *d, const numc_array *p)
{
    return searched(d, p, numc_exp(FIRST), numc_exp(FIRST), NULL, poisson_log_cdf);
}

SAMPLER(poisson_sample, numc_random_poisson(key, FIRST, FIRST->dtype, shape))
SAMPLER(poisson_log_sample, numc_random_poisson(key, numc_exp(FIRST), FIRST->dtype, shape))

/* ---- categorical -------------------------------------------------------------------------------------------------------------------- */

/* table[..., y] over the last axis, batch axes broadcast */
static numc_array *entry(const numc_array *table, const numc_array *y)
{
    numc_array *index = y == NULL ? NULL : numc_astype(y, NUMC_INT64);
    if (table == NULL || index == NULL)
        return NULL;
    if (table->rank == 1)
        return numc_take(table, index, NUMC_AXIS(0));
    numc_shape shapes[2] = {numc__batch_of(table, 1), numc__shape_of(index)};
    int64_t shape[NUMC_DIST_RANK + 1];
    int32_t rank = numc_broadcast_shapes(shapes, 2, shape);
    if (rank < 0)
        return NULL;
    numc_array *places = numc__expand_last(numc_broadcast_to(index, ((numc_shape){shape, rank, true})), 1);
    shape[rank] = table->shape[table->rank - 1];
    numc_array *rows = numc_broadcast_to(table, ((numc_shape){shape, rank + 1, true}));
    return numc_squeeze(numc_take_along_axis(rows, places, -1), NUMC_AXES(-1));
}

static numc_array *categorical_log_prob(const numc_distribution *d, const numc_array *y)
{
    return numc_log(entry(FIRST, y));
}

static numc_array *categorical_logits_log_prob(const numc_distribution *d, const numc_array *y)
{
    return entry(numc_special_log_softmax(FIRST, -1), y);
}

/* Of the class's number k = 0, ..., K-1. */
static numc_array *class_numbers(const numc_array *probabilities)
{
    if (probabilities == NULL)
        return NULL;
    return numc_arange(probabilities->context, probabilities->dtype, 0, (double)probabilities->shape[probabilities->rank - 1], 1);
}

static numc_array *class_mean(const numc_array *probabilities, bool keep)
{
    return numc_sum(numc_multiply(probabilities, class_numbers(probabilities)), NUMC_AXES(-1), .keepdims = keep);
}

static numc_array *class_variance(const numc_array *probabilities)
{
    numc_array *gap = numc_subtract(class_numbers(probabilities), class_mean(probabilities, true));
    return numc_sum(numc_multiply(probabilities, numc_square(gap)), NUMC_AXES(-1));
}

/* p_0 + ... + p_y; exactly 1 from the last class on. */
static numc_array *class_cdf(const numc_distribution *d, const numc_array *probabilities, const numc_array *y)
{
    const numc_array *real = count_of(d, y);
    if (real == NULL || probabilities == NULL)
        return NULL;
    int64_t last = probabilities->shape[probabilities->rank - 1] - 1;
    numc_array *k = numc_floor(real);
    numc_array *below = numc_less(k, 0), *all = numc_greater_equal(k, (double)last), *unknown = numc_not_equal(k, k);
    numc_array *place = numc_where(numc_logical_or(numc_logical_or(below, all), unknown), 0.0, k);
    numc_array *sum = entry(numc_cumulative_sum(probabilities, NUMC_AXIS(-1)), place);
    numc_array *F = numc_where(below, 0.0, numc_where(all, 1.0, sum));
    return numc_where(unknown, (double)NAN, F);
}

/* The number of classes whose cumulative probability is below p, the last one apart. */
static numc_array *class_icdf(const numc_array *probabilities, const numc_array *p)
{
    if (probabilities == NULL || p == NULL)
        return NULL;
    numc_array *sums = numc_index(numc_cumulative_sum(probabilities, NUMC_AXIS(-1)), NUMC_ELLIPSIS, NUMC_SLICE(0, -1));
    numc_array *smaller = numc_less(sums, numc__expand_last(p, 1));
    numc_array *count = numc_sum(numc_where(smaller, 1.0, numc_zeros_like(sums)), NUMC_AXES(-1));
    return numc_where(numc_not_equal(p, p), (double)NAN, count);
}

static numc_array *softmax_of(const numc_distribution *d)
{
    return numc_special_softmax(FIRST, -1);
}

#define CATEGORICAL(name, probabilities)                                                           \
    static numc_array *name##_cdf(const numc_distribution *d, const numc_array *y)                 \
    {                                                                                              \
        return class_cdf(d, probabilities, y);                                                     \
    }                                                                                              \
    static numc_array *name##_icdf(const numc_distribution *d, const numc_array *p)                \
    {                                                                                              \
        return class_icdf(probabilities, p);                                                       \
    }                                                                                              \
    MOMENT(name##_mean, class_mean(probabilities, false))                                          \
    MOMENT(name##_variance, class_variance(probabilities))
CATEGORICAL(categorical, FIRST)
CATEGORICAL(categorical_logits, softmax_of(d))

SAMPLER(categorical_sample, numc__random_categorical(key, numc_log(FIRST), shape))
SAMPLER(categorical_logits_sample, numc__random_categorical(key, FIRST, shape))

#define CLASS(name_, support_, mean_, variance_, icdf_)                                            \
    static const numc_distribution_class class_##name_ = {                                         \
        .size = sizeof(numc_distribution_class), .name = #name_,                                   \
        .parameter_count = (int32_t)(sizeof name_##_rules / sizeof *name_##_rules),                \
        .parameters = name_##_rules, .discrete = true, .support = support_, .log_prob = name_##_log_prob, \
        .sample = name_##_sample, .mean = mean_, .variance = variance_, .cdf = name_##_cdf, .icdf = icdf_};
CLASS(bernoulli, boolean, bernoulli_mean, bernoulli_variance, bernoulli_icdf)
CLASS(bernoulli_logits, boolean, bernoulli_logits_mean, bernoulli_logits_variance, bernoulli_logits_icdf)
CLASS(binomial, up_to_trials, binomial_mean, binomial_variance, binomial_icdf)
CLASS(binomial_logits, up_to_trials, binomial_logits_mean, binomial_logits_variance, binomial_logits_icdf)
CLASS(poisson, counts, poisson_mean, poisson_mean, poisson_icdf)
CLASS(poisson_log, counts, poisson_log_mean, poisson_log_mean, poisson_log_icdf)
CLASS(categorical, classes, categorical_mean, categorical_variance, categorical_icdf)
CLASS(categorical_logits, classes, categorical_logits_mean, categorical_logits_variance, categorical_logits_icdf)

#define MAKE_VECTOR(name)                                                                          \
    numc_distribution *numc_##name(const numc_array *vector)                                       \
    {                                                                                              \
        numc_context *context = numc__lane_of(&vector, 1, #name);                                  \
        numc_operand parameter = numc_operand_array(vector);                                       \
        return numc_distribution_new_(context, &class_##name, &parameter, 1, NULL);                \
    }
MAKE_1(bernoulli)
MAKE_1(bernoulli_logits)
MAKE_1(poisson)
MAKE_1(poisson_log)
MAKE_2(binomial)
MAKE_2(binomial_logits)
MAKE_VECTOR(categorical)
MAKE_VECTOR(categorical_logits)
