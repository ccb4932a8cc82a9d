/* random.c - keys, bits and samplers on arrays. Everything here is a composition of primitives, so it can be traced; the draws
 * of one element are a function of the key, the element's row-major index and its parameters. */
#include "numc/random.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "random/internal.h"
#include "numc/special.h"

#define PI 3.141592653589793

/* One draw being made: the lane, the key packed as uint64 (first word high), the result's dtype and shape. */
typedef struct draw {
    numc_context *context;
    const char *name;
    numc_array *key; /* 0-d */
    numc_dtype dtype;
    numc_shape shape;
    int64_t size;
} draw;

static numc_array *packed_key(numc_context *context, const numc_array *key, const char *name)
{
    if (key->dtype != NUMC_UINT32 || key->rank != 1 || key->shape[0] != 2) {
        char type[128];
        numc__type_format(type, sizeof type, key->dtype, key->rank, key->shape);
        numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: a key is uint32[2], not %s", name, type);
        return NULL;
    }
    numc_array *words = numc_astype(key, NUMC_UINT64);
    return numc_bitwise_or(numc_bitwise_left_shift(numc_index(words, NUMC_AT(0)), 32), numc_index(words, NUMC_AT(1)));
}

/* The number of elements of a shape; -1 with SHAPE set. */
static int64_t shape_size(numc_context *context, const char *name, numc_shape shape)
{
    int64_t size = 1;
    bool empty = false;
    for (int32_t i = 0; i < shape.count; i++) {
        if (shape.values[i] < 0) {
            numc__fail(context, NUMC_SHAPE, "%s: axis %d of the shape is %lld", name, (int)i, (long long)shape.values[i]);
            return -1;
        }
        empty = empty || shape.values[i] == 0;
    }
    for (int32_t i = 0; i < shape.count && !empty; i++) {
        if (size > INT64_MAX / shape.values[i]) {
            numc__fail(context, NUMC_SHAPE, "%s: the shape has too many elements", name);
            return -1;
        }
        size *= shape.values[i];
    }
    return empty ? 0 : size;
}

/* kinds: what the dtype may be; `otherwise` is the default (DEFAULT: the default float). False with the error set. */
static bool draw_begin(draw *d, const char *name, const numc_array *key, numc_dtype dtype, numc_dtype otherwise,
                       unsigned kinds, numc_shape shape)
{
    d->context = numc__lane_of(&key, 1, name);
    d->name = name;
    if (d->context == NULL || numc__shape_check(d->context, name, shape) != NUMC_OK)
        return false;
    if (dtype == NUMC_DTYPE_DEFAULT)
        dtype = otherwise != NUMC_DTYPE_DEFAULT ? otherwise : numc_default_float(d->context);
    if ((numc_dtype_kind(dtype) & kinds) == 0) {
        numc__fail(d->context, NUMC_DTYPE, "%s: no draws of dtype %s", name, numc_dtype_name(dtype));
        return false;
    }
    d->dtype = dtype;
    d->shape = shape;
    d->shape.given = true;
    d->size = shape_size(d->context, name, shape);
    if (d->size < 0)
        return false;
    d->key = packed_key(d->context, key, name);
    return d->key != NULL;
}

static numc_array *counters(const draw *d)
{
    int64_t numbers[2] = {0, d->size};
    numc_attributes attributes = {.count = 2, .numbers = numbers, .dtype = NUMC_UINT64};
    numc_array *flat = numc__bind1(d->context, NUMC_PRIMITIVE_IOTA, NULL, 0, &attributes);
    return numc_reshape(flat, d->shape);
}

/* A parameter in the draw's dtype and shape. */
static numc_array *parameter(const draw *d, numc_operand operand)
{
    if (operand.kind == NUMC_OPERAND_INTEGER || operand.kind == NUMC_OPERAND_BOOL || operand.kind == NUMC_OPERAND_UNSIGNED)
        operand = numc_operand_real(numc__number_real(&operand));
    numc_array *x = operand.kind == NUMC_OPERAND_ARRAY
                        ? numc_astype(operand.value.array, d->dtype)
                        : numc_number_(d->context, d->dtype, operand);
    if (x == NULL)
        return NULL;
    bool fits = x->rank <= d->shape.count;
    for (int32_t i = 0; i < x->rank && fits; i++)
        fits = x->shape[i] == 1 || x->shape[i] == d->shape.values[d->shape.count - x->rank + i];
    if (!fits) {
        char from[256], to[256];
        numc__fail(d->context, NUMC_SHAPE, "%s: a parameter of shape %s does not broadcast to %s", d->name,
                   numc__shape_format(from, sizeof from, x->rank, x->shape),
                   numc__shape_format(to, sizeof to, d->shape.count, d->shape.values));
        return NULL;
    }
    return numc_broadcast_to(x, d->shape);
}

/* ---- parameters whose values are known: what a trace only meets later gives NaN, or the nearest that makes sense ---------- */

static bool is_known(numc_operand operand)
{
    return operand.kind != NUMC_OPERAND_ARRAY || !numc_array_is_traced(operand.value.array);
}

/* Whether every element of a bool array, made in a scope that ends here, is true; `what` is the complaint if not. */
static bool holds(const draw *d, const numc_array *truth, const char *what)
{
    bool all = numc_item_bool(numc_all(truth));
    numc_scope_end(d->context);
    if (d->context->status == NUMC_OK && !all)
        numc__fail(d->context, NUMC_VALUE, "%s: %s", d->name, what);
    return d->context->status == NUMC_OK;
}

/* low <= x <= high, and a whole number where asked; NaN is not. */
static bool within(const draw *d, numc_operand operand, double low, double high, bool whole, const char *what)
{
    if (d->context->status != NUMC_OK || !is_known(operand))
        return d->context->status == NUMC_OK;
    if (operand.kind == NUMC_OPERAND_COMPLEX) {
        numc__fail(d->context, NUMC_DTYPE, "%s: a parameter is a complex number", d->name);
        return false;
    }
    if (operand.kind != NUMC_OPERAND_ARRAY) {
        double x = numc__number_real(&operand);
        if (x >= low && x <= high && (!whole || floor(x) == x))
            return true;
        numc__fail(d->context, NUMC_VALUE, "%s: %s, not %g", d->name, what, x);
        return false;
    }
    if (numc__scope_enter(d->context, d->name) != NUMC_OK)
        return false;
    const numc_array *x = operand.value.array;
    if (numc_array_dtype(x) == NUMC_FLOAT32) { /* a bound becomes float32 and must not become infinite */
        low = low < -FLT_MAX ? -FLT_MAX : low;
        high = high > FLT_MAX ? FLT_MAX : high;
    }
    numc_array *truth = numc_logical_and(numc_greater_equal(x, low), numc_less_equal(x, high));
    return holds(d, whole ? numc_logical_and(truth, numc_equal(x, numc_floor(x))) : truth, what);
}

static bool is_probability(const draw *d, numc_operand operand)
{
    return within(d, operand, 0, 1, false, "the probability must be in [0, 1]");
}

/* One scalar sampler: key and counter per element, then the parameters. */
static numc_array *apply(const draw *d, int32_t primitive, numc_array *a, numc_array *b, int32_t parameter_count)
{
    const numc_array *inputs[4] = {numc_broadcast_to(d->key, d->shape), counters(d), a, b};
    for (int32_t i = 0; i < 2 + parameter_count; i++) {
        if (inputs[i] == NULL)
            return NULL;
    }
    numc_attributes attributes = {.dtype = d->dtype};
    return numc__bind1(d->context, primitive, inputs, 2 + parameter_count, &attributes);
}

static numc_array *bits64(const draw *d)
{
    draw bits = *d;
    bits.dtype = NUMC_UINT64;
    return apply(&bits, NUMC_SCALAR_RANDOM_BITS, NULL, NULL, 0);
}

/* The two words of a block, exclusive-or. */
static numc_array *bits32(const draw *d)
{
    numc_array *bits = bits64(d);
    return numc_astype(numc_bitwise_xor(numc_bitwise_right_shift(bits, 32), bits), NUMC_UINT32);
}

/* uint64 blocks as uint32[..., 2]: first word, second word. */
static numc_array *unpacked(const numc_array *blocks)
{
    const numc_array *words[2] = {numc_astype(numc_bitwise_right_shift(blocks, 32), NUMC_UINT32),
                                  numc_astype(blocks, NUMC_UINT32)};
    return words[0] == NULL || words[1] == NULL ? NULL : numc_stack(words, 2, -1);
}

/* [0, 1): the top 52 (float32: 23) bits below the binary point. */
static numc_array *unit(const draw *d)
{
    if (d->dtype == NUMC_FLOAT32)
        return numc_multiply(numc_astype(numc_bitwise_right_shift(bits32(d), 9), NUMC_FLOAT32), 0x1p-23);
    numc_array *u = numc_multiply(numc_astype(numc_bitwise_right_shift(bits64(d), 12), NUMC_FLOAT64), 0x1p-52);
    return d->dtype == NUMC_FLOAT64 ? u : numc_astype(u, d->dtype);
}

/* (0, 1): the least normal number stands for 0. */
static numc_array *open_unit(const draw *d)
{
    return numc_maximum(unit(d), d->dtype == NUMC_FLOAT32 ? 0x1p-126 : 0x1p-1022);
}

/* ---- keys and bits ----------------------------------------------------------------------------------------------- */

numc_array *numc_random_key_(numc_context *context, uint64_t seed)
{
    uint32_t words[2] = {(uint32_t)(seed >> 32), (uint32_t)seed};
    return numc_from_host(context, NUMC_UINT32, NUMC_SHAPE(2), words);
}

numc_array *numc_random_split(const numc_array *key, int64_t count)
{
    draw d;
    const numc_shape shape = {&count, 1, true}; /* alive as long as d */
    if (!draw_begin(&d, "numc_random_split", key, NUMC_UINT64, NUMC_UINT64, NUMC_KIND_UNSIGNED, shape))
        return NULL;
    return NUMC_AS_PART_OF(d.context, d.name, unpacked(bits64(&d)));
}

numc_array *numc_random_fold_in(const numc_array *key, uint32_t data)
{
    numc_context *context = numc__lane_of(&key, 1, "numc_random_fold_in");
    if (context == NULL)
        return NULL;
    const numc_array *inputs[2] = {packed_key(context, key, "numc_random_fold_in"),
                                   numc_number_(context, NUMC_UINT64, numc_operand_integer((int64_t)data))};
    if (inputs[0] == NULL || inputs[1] == NULL)
        return NULL;
    numc_attributes attributes = {.dtype = NUMC_UINT64};
    return unpacked(numc__bind1(context, NUMC_SCALAR_RANDOM_BITS, inputs, 2, &attributes));
}

numc_array *numc_random_bits(const numc_array *key, numc_dtype dtype, numc_shape shape)
{
    draw d;
    if (!draw_begin(&d, "numc_random_bits", key, dtype, NUMC_UINT32, NUMC_KIND_UNSIGNED, shape))
        return NULL;
    if (d.dtype == NUMC_UINT64)
        return NUMC_AS_PART_OF(d.context, d.name, bits64(&d));
    numc_array *bits = NUMC_AS_PART_OF(d.context, d.name, bits32(&d));
    return d.dtype == NUMC_UINT32 ? bits : numc_astype(bits, d.dtype);
}

/* ---- continuous draws -------------------------------------------------------------------------------------------- */

/* max(low, u (high - low) + low) */
static numc_array *uniform(const draw *begun, numc_operand low, numc_operand high)
{
    const draw d = *begun;
    bool zero = low.kind != NUMC_OPERAND_ARRAY && (low.kind == NUMC_OPERAND_REAL ? low.value.real == 0 : low.value.integer == 0);
    bool one = high.kind != NUMC_OPERAND_ARRAY && (high.kind == NUMC_OPERAND_REAL ? high.value.real == 1 : high.value.integer == 1);
    if (zero && one)
        return unit(&d);
    numc_array *least = parameter(&d, low);
    numc_array *span = numc_subtract(parameter(&d, high), least);
    return numc_maximum(least, numc_add(numc_multiply(unit(&d), span), least));
}

numc_array *numc__random_uniform(const numc_array *key, numc_dtype dtype, numc_shape shape, numc_operand low, numc_operand high)
{
    draw d;
    if (!draw_begin(&d, "numc_random_uniform", key, dtype, NUMC_DTYPE_DEFAULT, NUMC_KIND_REAL, shape))
        return NULL;
    return uniform(&d, low, high);
}

static bool is_ordered(const draw *d, numc_operand low, numc_operand high)
{
    static const char what[] = "low must not exceed high";
    if (!is_known(low) || !is_known(high))
        return true;
    if (high.kind == NUMC_OPERAND_COMPLEX)
        return within(d, high, 0, 0, false, what);
    if (low.kind != NUMC_OPERAND_ARRAY && high.kind != NUMC_OPERAND_ARRAY) {
        double most = numc__number_real(&high);
        return within(d, low, -DBL_MAX, most, false, what);
    }
    return numc__scope_enter(d->context, d->name) == NUMC_OK && holds(d, (numc_less_equal)(low, high), what);
}

numc_array *numc_random_uniform_(const numc_array *key, numc_dtype dtype, numc_shape shape, numc_operand low, numc_operand high)
{
    draw d;
    if (!draw_begin(&d, "numc_random_uniform", key, dtype, NUMC_DTYPE_DEFAULT, NUMC_KIND_REAL, shape)
        || !within(&d, low, -DBL_MAX, DBL_MAX, false, "low must be finite")
        || !within(&d, high, -DBL_MAX, DBL_MAX, false, "high must be finite") || !is_ordered(&d, low, high))
        return NULL;
    return NUMC_AS_PART_OF(d.context, d.name, uniform(&d, low, high));
}

/* X(name, formula over `d`): draws without parameters. */
#define STANDARD_DRAWS(X)                                                                          \
    X(normal, apply(&d, NUMC_SCALAR_RANDOM_NORMAL, NULL, NULL, 0))                                 \
    X(exponential, apply(&d, NUMC_SCALAR_RANDOM_EXPONENTIAL, NULL, NULL, 0))                       \
    X(cauchy, numc_tan(numc_multiply(numc_subtract(open_unit(&d), 0.5), PI)))                      \
    X(laplace, laplace(&d))                                                                        \
    X(logistic, numc_special_logit(open_unit(&d)))                                                 \
    X(gumbel, numc_negative(numc_log(numc_negative(numc_log(open_unit(&d))))))

/* sign(u) log1p(-|u|), u uniform in (-1, 1): the number after -1, then steps of 2^-51 (float32: 2^-22). */
static numc_array *laplace(const draw *d)
{
    double least = d->dtype == NUMC_FLOAT32 ? -0x1.fffffep-1 : -0x1.fffffffffffffp-1;
    numc_array *u = numc_maximum(numc_add(numc_multiply(unit(d), 2.0), least), least);
    return numc_multiply(numc_sign(u), numc_log1p(numc_negative(numc_abs(u))));
}

#define DEFINE_DRAW(name, formula)                                                                 \
    numc_array *numc_random_##name(const numc_array *key, numc_dtype dtype, numc_shape shape)      \
    {                                                                                              \
        draw d;                                                                                    \
        if (!draw_begin(&d, "numc_random_" #name, key, dtype, NUMC_DTYPE_DEFAULT, NUMC_KIND_REAL, shape)) \
            return NULL;                                                                           \
        return NUMC_AS_PART_OF(d.context, "numc_random_" #name, formula);                                        \
    }
STANDARD_DRAWS(DEFINE_DRAW)

/* X(name, PRIMITIVE): one parameter. */
#define PARAMETER_DRAWS(X) X(gamma, RANDOM_GAMMA) X(loggamma, RANDOM_LOGGAMMA) X(poisson, RANDOM_POISSON)
#define DEFINE_PARAMETER_DRAW(name, operation)                                                     \
    numc_array *numc_random_##name##_(const numc_array *key, numc_operand a, numc_dtype dtype, numc_shape shape) \
    {                                                                                              \
        draw d;                                                                                    \
        if (!draw_begin(&d, "numc_random_" #name, key, dtype, NUMC_DTYPE_DEFAULT, NUMC_KIND_REAL, shape)) \
            return NULL;                                                                           \
        return NUMC_AS_PART_OF(d.context, "numc_random_" #name, apply(&d, NUMC_SCALAR_##operation, parameter(&d, a), NULL, 1)); \
    }
PARAMETER_DRAWS(DEFINE_PARAMETER_DRAW)

static numc_array *binomial(const numc_array *key, numc_operand trials, numc_operand probability, numc_dtype dtype,
                            numc_shape shape, bool checked)
{
    draw d;
    if (!draw_begin(&d, "numc_random_binomial", key, dtype, NUMC_DTYPE_DEFAULT, NUMC_KIND_REAL, shape))
        return NULL;
    if (checked
        && (!within(&d, trials, 0, 0x1p53 - 1, true, "the trials must be whole numbers in [0, 2^53)")
            || !is_probability(&d, probability)))
        return NULL;
    return NUMC_AS_PART_OF(d.context, d.name,
                           apply(&d, NUMC_SCALAR_RANDOM_BINOMIAL, parameter(&d, trials), parameter(&d, probability), 2));
}

numc_array *numc_random_binomial_(const numc_array *key, numc_operand trials, numc_operand probability, numc_dtype dtype,
                                  numc_shape shape)
{
    return binomial(key, trials, probability, dtype, shape, true);
}

numc_array *numc__random_binomial(const numc_array *key, numc_operand trials, numc_operand probability, numc_dtype dtype,
                                  numc_shape shape)
{
    return binomial(key, trials, probability, dtype, shape, false);
}

/* expit(log G(a) - log G(b)): right also where both gammas underflow. */
numc_array *numc_random_beta_(const numc_array *key, numc_operand a, numc_operand b, numc_dtype dtype, numc_shape shape)
{
    draw d;
    if (!draw_begin(&d, "numc_random_beta", key, dtype, NUMC_DTYPE_DEFAULT, NUMC_KIND_REAL, shape))
        return NULL;
    const char *before = numc__operation_begin(d.context, d.name);
    numc_array *keys = numc_random_split(key, 2);
    numc_array *first = numc_random_loggamma_(numc_index(keys, NUMC_AT(0)), a, dtype, shape);
    numc_array *second = numc_random_loggamma_(numc_index(keys, NUMC_AT(1)), b, dtype, shape);
    numc_array *y = numc_special_expit(numc_subtract(first, second));
    numc__operation_end(d.context, before);
    return y;
}

/* z sqrt(h / G(h)), h = degrees / 2, the quotient taken as logarithms. */
numc_array *numc_random_student_t_(const numc_array *key, numc_operand degrees, numc_dtype dtype, numc_shape shape)
{
    draw d;
    if (!draw_begin(&d, "numc_random_student_t", key, dtype, NUMC_DTYPE_DEFAULT, NUMC_KIND_REAL, shape))
        return NULL;
    const char *before = numc__operation_begin(d.context, d.name);
    numc_array *keys = numc_random_split(key, 2);
    numc_array *half = numc_multiply(parameter(&d, degrees), 0.5);
    numc_array *z = numc_random_normal(numc_index(keys, NUMC_AT(0)), d.dtype, shape);
    numc_array *log_gamma = numc_random_loggamma_(numc_index(keys, NUMC_AT(1)), numc_operand_array(half), d.dtype, shape);
    numc_array *y = numc_multiply(z, numc_exp(numc_multiply(numc_subtract(numc_log(half), log_gamma), 0.5)));
    numc__operation_end(d.context, before);
    return y;
}

/* shape with the last axis of x behind it, in `extended`. False with the error set. */
static bool extend_shape(numc_context *context, const char *name, const numc_array *x, numc_shape shape,
                         int64_t extended[NUMC_RANK_LIMIT], numc_shape *result)
{
    if (numc__shape_check(context, name, shape) != NUMC_OK)
        return false;
    if (x->rank < 1) {
        numc__fail(context, NUMC_SHAPE, "%s: the parameter has no last axis", name);
        return false;
    }
    if (x->shape[x->rank - 1] == 0) {
        numc__fail(context, NUMC_VALUE, "%s: the last axis of the parameter is empty", name);
        return false;
    }
    if (shape.count > 0)
        memcpy(extended, shape.values, (size_t)shape.count * sizeof *extended);
    extended[shape.count] = x->shape[x->rank - 1];
    *result = (numc_shape){extended, shape.count + 1, true};
    return true;
}

/* Normalised gammas, the quotients taken as logarithms. */
numc_array *numc_random_dirichlet(const numc_array *key, const numc_array *concentration, numc_dtype dtype, numc_shape shape)
{
    const numc_array *operands[2] = {key, concentration};
    numc_context *context = numc__lane_of(operands, 2, "numc_random_dirichlet");
    int64_t extended[NUMC_RANK_LIMIT];
    numc_shape full;
    if (context == NULL || !extend_shape(context, "numc_random_dirichlet", concentration, shape, extended, &full))
        return NULL;
    draw d;
    if (!draw_begin(&d, "numc_random_dirichlet", key, dtype, NUMC_DTYPE_DEFAULT, NUMC_KIND_REAL, full))
        return NULL;
    return NUMC_AS_PART_OF(d.context, d.name,
                           numc_special_softmax(apply(&d, NUMC_SCALAR_RANDOM_LOGGAMMA, parameter(&d, numc_operand_array(concentration)),
                                                      NULL, 1), -1));
}

/* ---- discrete draws ---------------------------------------------------------------------------------------------- */

/* u < p */
static numc_array *bernoulli(const numc_array *key, numc_operand probability, numc_shape shape, bool checked)
{
    numc_dtype dtype = NUMC_DTYPE_DEFAULT;
    if (probability.kind == NUMC_OPERAND_ARRAY && numc_dtype_kind(numc_array_dtype(probability.value.array)) == NUMC_KIND_REAL)
        dtype = numc_array_dtype(probability.value.array);
    draw d;
    if (!draw_begin(&d, "numc_random_bernoulli", key, dtype, NUMC_DTYPE_DEFAULT, NUMC_KIND_REAL, shape))
        return NULL;
    if (checked && !is_probability(&d, probability))
        return NULL;
    return NUMC_AS_PART_OF(d.context, d.name, numc_less(unit(&d), parameter(&d, probability)));
}

numc_array *numc_random_bernoulli_(const numc_array *key, numc_operand probability, numc_shape shape)
{
    return bernoulli(key, probability, shape, true);
}

numc_array *numc__random_bernoulli(const numc_array *key, numc_operand probability, numc_shape shape)
{
    return bernoulli(key, probability, shape, false);
}

/* No logit is NaN, and one of each row is above -inf. */
static bool has_a_class(const draw *d, const numc_array *logits)
{
    if (numc_array_is_traced(logits))
        return true;
    if (numc__scope_enter(d->context, d->name) != NUMC_OK)
        return false;
    const numc_array *x = numc_astype(logits, d->dtype);
    numc_array *possible = numc_any(numc_greater(x, -(double)INFINITY), NUMC_AXES(-1), .keepdims = true);
    return holds(d, numc_logical_and(possible, numc_logical_not(numc_isnan(x))),
                 "of each row of logits one must be above -inf, and none NaN");
}

/* The argmax of logits + gumbel noise. */
static numc_array *categorical(const numc_array *key, const numc_array *logits, numc_shape shape, bool checked)
{
    const numc_array *operands[2] = {key, logits};
    numc_context *context = numc__lane_of(operands, 2, "numc_random_categorical");
    int64_t extended[NUMC_RANK_LIMIT];
    numc_shape full;
    if (context == NULL || !extend_shape(context, "numc_random_categorical", logits, shape, extended, &full))
        return NULL;
    numc_dtype dtype = numc_dtype_kind(logits->dtype) == NUMC_KIND_REAL ? logits->dtype : NUMC_DTYPE_DEFAULT;
    draw d;
    if (!draw_begin(&d, "numc_random_categorical", key, dtype, NUMC_DTYPE_DEFAULT, NUMC_KIND_REAL, full))
        return NULL;
    if (checked && !has_a_class(&d, logits))
        return NULL;
    const char *before = numc__operation_begin(d.context, d.name);
    numc_array *noise = numc_random_gumbel(key, d.dtype, full);
    numc_array *y = numc_argmax(numc_add(parameter(&d, numc_operand_array(logits)), noise), NUMC_AXIS(-1));
    numc__operation_end(d.context, before);
    return y;
}

numc_array *numc_random_categorical(const numc_array *key, const numc_array *logits, numc_shape shape)
{
    return categorical(key, logits, shape, true);
}

numc_array *numc__random_categorical(const numc_array *key, const numc_array *logits, numc_shape shape)
{
    return categorical(key, logits, shape, false);
}

/* Two words of n bits from split(key, 2), reduced together: low + (high 2^n + low) mod span, n the width of the dtype. */
numc_array *numc_random_randint(const numc_array *key, numc_dtype dtype, numc_shape shape, int64_t low, int64_t high)
{
    static const numc_dtype words[] = {[1] = NUMC_UINT8, [2] = NUMC_UINT16, [4] = NUMC_UINT32, [8] = NUMC_UINT64};
    draw d;
    if (!draw_begin(&d, "numc_random_randint", key, dtype, NUMC_INT64, NUMC_KIND_SIGNED | NUMC_KIND_UNSIGNED, shape))
        return NULL;
    bool is_signed = numc_dtype_kind(d.dtype) == NUMC_KIND_SIGNED;
    int width = 8 * (int)numc_dtype_size(d.dtype);
    int64_t most = width == 64 ? INT64_MAX : is_signed ? ((int64_t)1 << (width - 1)) - 1 : ((int64_t)1 << width) - 1;
    int64_t least = is_signed ? -most - 1 : 0;
    if (low >= high || low < least || high - 1 > most) {
        numc__fail(d.context, NUMC_VALUE, "numc_random_randint: [%lld, %lld) is not a range of %s", (long long)low,
                   (long long)high, numc_dtype_name(d.dtype));
        return NULL;
    }
    numc_dtype word = words[numc_dtype_size(d.dtype)];
    numc_array *keys = numc_random_split(key, 2);
    numc_array *lower = numc_random_bits(numc_index(keys, NUMC_AT(1)), word, shape);
    uint64_t mask = width == 64 ? UINT64_MAX : ((uint64_t)1 << width) - 1;
    uint64_t span = (uint64_t)high - (uint64_t)low;
    numc_array *offset = lower;
    if ((span & mask) != 0) {
        numc_array *upper = numc_random_bits(numc_index(keys, NUMC_AT(0)), word, shape);
        uint64_t multiplier = ((uint64_t)1 << (width / 2)) % span;
        multiplier = ((multiplier * multiplier) & mask) % span;
        uint64_t host[2] = {span, multiplier};
        numc_array *numbers = numc_astype(numc_from_host(d.context, NUMC_UINT64, NUMC_SHAPE(2), host), word);
        numc_array *modulus = numc_index(numbers, NUMC_AT(0));
        numc_array *scaled = numc_multiply(numc_remainder(upper, modulus), numc_index(numbers, NUMC_AT(1)));
        offset = numc_remainder(numc_add(scaled, numc_remainder(lower, modulus)), modulus);
    }
    uint64_t start = (uint64_t)low & mask;
    numc_array *base = numc_astype(numc_from_host(d.context, NUMC_UINT64, NUMC_SCALAR, &start), word);
    return numc_astype(numc_add(offset, base), d.dtype);
}
