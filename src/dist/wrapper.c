/* wrapper.c - distributions made of others (independent, expanded, masked, transformed), and the two that are only a region or a
 * point: improper_uniform and delta. Their shapes are set here, so they do not pass through numc_distribution_new_. */
#include <math.h>
#include <string.h>

#include "dist/internal.h"

static numc_array *base_mean(const numc_distribution *d)
{
    return numc_distribution_mean(d->base);
}

static numc_array *base_variance(const numc_distribution *d)
{
    return numc_distribution_variance(d->base);
}

static numc_constraint *base_support(const numc_distribution *d)
{
    return numc_distribution_support(d->base);
}

/* The base's draws of a batch shape at least its own. */
static numc_array *base_sample(const numc_distribution *d, const numc_array *key, numc_shape shape)
{
    if (d->base->kind->sample != NULL)
        return d->base->kind->sample(d->base, key, shape);
    numc__fail(d->object.context, NUMC_UNSUPPORTED, "distribution %s has no sample", d->base->kind->name);
    return NULL;
}

static numc_array *base_cdf(const numc_distribution *d, const numc_array *value)
{
    return numc_distribution_cdf_(d->base, numc_operand_array(value));
}

static numc_array *base_icdf(const numc_distribution *d, const numc_array *probability)
{
    return numc_distribution_icdf_(d->base, numc_operand_array(probability));
}

/* Wrappers answer by `evaluate`; the class's function is there for callers that hold only the class. */
static numc_array *wrapper_log_prob(const numc_distribution *d, const numc_array *value)
{
    return d->evaluate(d, value, true);
}

static numc_distribution *wrap(const numc_distribution_class *kind, const numc_distribution *base, const int64_t *shape,
                               int32_t batch_rank, int32_t event_rank,
                               numc_array *(*evaluate)(const numc_distribution *d, const numc_array *value, bool inside))
{
    numc_distribution *d = numc__distribution_make(base->object.context, kind, NULL, 0, (numc_shape){shape, batch_rank, true},
                                                   (numc_shape){shape + batch_rank, event_rank, true}, base->dtype, NULL);
    if (d != NULL) {
        d->base = base;
        d->evaluate = evaluate;
    }
    return d;
}

/* ---- independent: the last batch axes join the event ------------------------------------------------------------------------ */

static numc_array *independent_evaluate(const numc_distribution *d, const numc_array *value, bool inside)
{
    return numc__sum_last(numc__distribution_evaluate(d->base, value, inside), d->axes);
}

static numc_array *independent_sample(const numc_distribution *d, const numc_array *key, numc_shape shape)
{
    int64_t full[2 * NUMC_DIST_RANK];
    if (shape.count > 0)
        memcpy(full, shape.values, (size_t)shape.count * sizeof *full);
    memcpy(full + shape.count, d->shape + d->batch_rank, (size_t)d->axes * sizeof *full);
    return base_sample(d, key, (numc_shape){full, shape.count + d->axes, true});
}

static numc_constraint *independent_support(const numc_distribution *d)
{
    return numc_constraint_independent(numc_distribution_support(d->base), d->axes);
}

static const numc_distribution_class class_independent = {
    .size = sizeof(numc_distribution_class), .name = "independent", .log_prob = wrapper_log_prob,
    .support = independent_support, .sample = independent_sample, .mean = base_mean, .variance = base_variance};

numc_distribution *numc_independent(const numc_distribution *base, int32_t axes)
{
    if (base == NULL)
        return NULL;
    if (axes < 0 || axes > base->batch_rank) {
        numc__fail(base->object.context, NUMC_SHAPE, "independent: %d axes of the batch of %s, which has %d", (int)axes,
                   base->kind->name, (int)base->batch_rank);
        return NULL;
    }
    if (axes == 0)
        return (numc_distribution *)(uintptr_t)base;
    numc_distribution *d = wrap(&class_independent, base, base->shape, base->batch_rank - axes, base->event_rank + axes,
                                independent_evaluate);
    if (d != NULL)
        d->axes = axes;
    return d;
}

/* ---- expanded: independent copies along new or broadcast batch axes ---------------------------------------------------------- */

static numc_array *expanded_evaluate(const numc_distribution *d, const numc_array *value, bool inside)
{
    return numc__distribution_evaluate(d->base, value, inside);
}

static const numc_distribution_class class_expanded = {
    .size = sizeof(numc_distribution_class), .name = "expanded", .log_prob = wrapper_log_prob, .support = base_support,
    .sample = base_sample, .mean = base_mean, .variance = base_variance, .cdf = base_cdf, .icdf = base_icdf};

numc_distribution *numc_expanded(const numc_distribution *base, numc_shape batch_shape)
{
    if (base == NULL || numc__shape_check(base->object.context, "expanded", batch_shape) != NUMC_OK)
        return NULL;
    numc_shape shapes[2] = {{base->shape, base->batch_rank, true}, batch_shape};
    int64_t shape[2 * NUMC_DIST_RANK];
    int32_t rank = batch_shape.count > NUMC_DIST_RANK ? -1 : numc_broadcast_shapes(shapes, 2, shape);
    bool fits = rank == batch_shape.count;
    for (int32_t i = 0; fits && i < rank; i++)
        fits = shape[i] == batch_shape.values[i];
    if (!fits) {
        char from[160], to[160];
        numc__type_format(from, sizeof from, base->dtype, base->batch_rank, base->shape);
        numc__type_format(to, sizeof to, base->dtype, batch_shape.count, batch_shape.values);
        numc__fail(base->object.context, NUMC_SHAPE, "expanded: the batch %s of %s does not expand to %s", from,
                   base->kind->name, to);
        return NULL;
    }
    if (rank == base->batch_rank && (rank == 0 || memcmp(shape, base->shape, (size_t)rank * sizeof *shape) == 0))
        return (numc_distribution *)(uintptr_t)base;
    if (base->event_rank > 0)
        memcpy(shape + rank, base->shape + base->batch_rank, (size_t)base->event_rank * sizeof *shape);
    return wrap(&class_expanded, base, shape, rank, base->event_rank, expanded_evaluate);
}

/* ---- masked: log_prob is 0 where the mask is false ----------------------------------------------------------------------------- */

/* The density sees a value inside the support where it does not count: missing data may be NaN. */
static numc_array *masked_evaluate(const numc_distribution *d, const numc_array *value, bool inside)
{
    numc_constraint *support = numc_distribution_support(d->base);
    numc_array *hidden = numc_logical_not(d->mask);
    if (support == NULL || hidden == NULL)
        return NULL;
    numc_array *safe = numc_where_(numc__expand_last(hidden, d->event_rank), support->kind->feasible(support, value),
                                   numc_operand_array(value));
    return safe == NULL ? NULL : numc_where(hidden, 0.0, numc__distribution_evaluate(d->base, safe, inside));
}

static numc_constraint *masked_support(const numc_distribution *d)
{
    return numc__constraint_masked(numc_distribution_support(d->base), numc_logical_not(d->mask));
}

static const numc_distribution_class class_masked = {
    .size = sizeof(numc_distribution_class), .name = "masked", .log_prob = wrapper_log_prob, .support = masked_support,
    .sample = base_sample, .mean = base_mean, .variance = base_variance, .cdf = base_cdf, .icdf = base_icdf};

numc_distribution *numc_masked(const numc_distribution *base, const numc_array *mask)
{
    if (base == NULL)
        return NULL;
    numc_context *context = base->object.context;
    if (numc__lane_of(&mask, 1, "masked") == NULL)
        return NULL;
    if (mask->dtype != NUMC_BOOL) {
        numc__fail(context, NUMC_DTYPE, "masked: the mask is %s, not bool", numc_dtype_name(mask->dtype));
        return NULL;
    }
    numc_shape shapes[2] = {{base->shape, base->batch_rank, true}, numc__shape_of(mask)};
    int64_t shape[2 * NUMC_DIST_RANK];
    int32_t rank = numc_broadcast_shapes(shapes, 2, shape);
    if (rank < 0) {
        numc__fail(context, NUMC_SHAPE, "masked: the mask does not broadcast with the batch of %s", base->kind->name);
        return NULL;
    }
    if (base->event_rank > 0)
        memcpy(shape + rank, base->shape + base->batch_rank, (size_t)base->event_rank * sizeof *shape);
    numc_distribution *d = wrap(&class_masked, base, shape, rank, base->event_rank, masked_evaluate);
    if (d != NULL)
        d->mask = (numc_array *)(uintptr_t)mask;
    return d;
}

const char *numc__distribution_inner_name(const numc_distribution *d)
{
    while (d != NULL && (d->kind == &class_independent || d->kind == &class_expanded || d->kind == &class_masked))
        d = d->base;
    return numc_distribution_name(d);
}

/* ---- transformed: y = f(x), log p(y) = log p(x) - log |det df/dx| -------------------------------------------------------------- */

static numc_array *transformed_evaluate(const numc_distribution *d, const numc_array *value, bool inside)
{
    numc_array *outside = NULL;
    const numc_array *y = value;
    if (!inside) {
        numc_constraint *support = numc_distribution_support(d);
        if (support == NULL)
            return NULL;
        outside = numc__constraint_outside(support, value);
        if (outside != NULL)
            y = numc__constraint_repair(support, outside, value);
    }
    numc_array *x = numc_bijector_backward(d->bijector, y);
    if (x == NULL)
        return NULL;
    numc_array *log_prob = numc__distribution_evaluate(d->base, x, true);
    numc_array *log_det = numc__bijector_log_det(d->bijector, x, y);
    if (log_det != NULL)
        log_prob = numc_subtract(log_prob, numc__sum_last(log_det, d->base->event_rank - d->bijector->domain_rank));
    else if (d->object.context->status != NUMC_OK)
        return NULL;
    return outside == NULL ? log_prob : numc_where(outside, -(double)INFINITY, log_prob);
}

static numc_array *transformed_sample(const numc_distribution *d, const numc_array *key, numc_shape shape)
{
    return numc_bijector_forward(d->bijector, base_sample(d, key, shape));
}

static numc_constraint *transformed_support(const numc_distribution *d)
{
    return numc__constraint_image(numc_distribution_support(d->base), d->bijector);
}

static numc_array *transformed_lacks(const numc_distribution *d, const char *function, const char *reason)
{
    numc__fail(d->object.context, NUMC_UNSUPPORTED, "distribution transformed has no %s: bijector %s of %s is not %s", function,
               d->bijector->kind->name, d->base->kind->name, reason);
    return NULL;
}

static numc_array *transformed_mean(const numc_distribution *d)
{
    if (!numc__bijector_is_affine(d->bijector))
        return transformed_lacks(d, "mean", "affine");
    return numc_bijector_forward(d->bijector, numc_distribution_mean(d->base));
}

static numc_array *transformed_variance(const numc_distribution *d)
{
    if (!numc__bijector_is_affine(d->bijector))
        return transformed_lacks(d, "variance", "affine");
    return numc__bijector_spread(d->bijector, numc_distribution_variance(d->base));
}

/* NONE with the error set where there is no distribution function. */
static numc_direction direction_for(const numc_distribution *d, const char *function)
{
    numc_direction direction = d->event_rank == 0 ? numc_bijector_direction(d->bijector) : NUMC_DIRECTION_NONE;
    if (direction == NUMC_DIRECTION_NONE && d->object.context->status == NUMC_OK)
        transformed_lacks(d, function, "a monotone map of the line");
    return direction;
}

/* What belongs to p where the map decreases: 1 - p. */
static numc_array *reversed(const numc_distribution *d, numc_direction direction, const numc_array *p)
{
    if (direction == NUMC_DIRECTION_INCREASING)
        return (numc_array *)(uintptr_t)p;
    numc_array *rest = numc_subtract(1, p);
    return direction == NUMC_DIRECTION_DECREASING ? rest : numc_where(numc__bijector_decreases(d->bijector), rest, p);
}

static const numc_distribution_class class_delta;

/* F(f^-1(y)), or 1 - F where f decreases: then P(Y <= y) = P(X >= f^-1(y)), the same for a base without atoms. */
static numc_array *transformed_cdf(const numc_distribution *d, const numc_array *y)
{
    numc_direction direction = direction_for(d, "cdf");
    if (direction == NUMC_DIRECTION_NONE)
        return NULL;
    const numc_distribution *root = d;
    while (root->base != NULL)
        root = root->base;
    if (root->kind == &class_delta && direction != NUMC_DIRECTION_INCREASING)
        return transformed_lacks(d, "cdf", "increasing");
    numc_pulled pulled = numc__bijector_pull(d->bijector, y);
    numc_array *F = numc_distribution_cdf_(d->base, numc_operand_array(pulled.x));
    if (pulled.end != NULL)
        F = numc_where(pulled.end, numc_where(pulled.low, 0.0, 1.0), F);
    return F == NULL ? NULL : reversed(d, direction, F);
}

static numc_array *transformed_icdf(const numc_distribution *d, const numc_array *p)
{
    numc_direction direction = direction_for(d, "icdf");
    if (direction == NUMC_DIRECTION_NONE)
        return NULL;
    return numc_bijector_forward(d->bijector, base_icdf(d, reversed(d, direction, p)));
}

static const numc_distribution_class class_transformed = {
    .size = sizeof(numc_distribution_class), .name = "transformed", .log_prob = wrapper_log_prob,
    .support = transformed_support, .sample = transformed_sample, .mean = transformed_mean,
    .variance = transformed_variance, .cdf = transformed_cdf, .icdf = transformed_icdf};

numc_distribution *numc_transformed(const numc_distribution *base, const numc_bijector *bijector)
{
    if (base == NULL || bijector == NULL)
        return NULL;
    numc_context *context = base->object.context;
    if (numc__distribution_is_discrete(base)) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "transformed: %s is discrete", base->kind->name);
        return NULL;
    }
    if (bijector->domain_rank > base->event_rank)
        base = numc_independent(base, bijector->domain_rank - base->event_rank);
    if (base == NULL)
        return NULL;
    int64_t shape[NUMC_DIST_RANK];
    int32_t rank = numc_bijector_forward_shape(bijector, (numc_shape){base->shape, base->batch_rank + base->event_rank, true}, shape);
    int32_t event_rank = base->event_rank + bijector->codomain_rank - bijector->domain_rank;
    if (rank < 0)
        return NULL;
    numc_distribution *d = wrap(&class_transformed, base, shape, rank - event_rank, event_rank, transformed_evaluate);
    if (d != NULL)
        d->bijector = bijector;
    return d;
}

/* ---- a point ---------------------------------------------------------------------------------------------------------------------- */

static numc_array *delta_log_prob(const numc_distribution *d, const numc_array *x)
{
    numc_array *zero = numc_where(numc_equal(x, d->parameters[0]), 0.0, -(double)INFINITY);
    return numc__sum_last(zero, d->event_rank);
}

static numc_array *delta_sample(const numc_distribution *d, const numc_array *key, numc_shape shape)
{
    int64_t full[2 * NUMC_DIST_RANK];
    (void)key;
    if (shape.count > 0)
        memcpy(full, shape.values, (size_t)shape.count * sizeof *full);
    if (d->event_rank > 0)
        memcpy(full + shape.count, d->shape + d->batch_rank, (size_t)d->event_rank * sizeof *full);
    return numc_broadcast_to(d->parameters[0], ((numc_shape){full, shape.count + d->event_rank, true}));
}

static numc_array *delta_mean(const numc_distribution *d)
{
    return d->parameters[0];
}

static numc_array *delta_variance(const numc_distribution *d)
{
    return numc_zeros_like(d->parameters[0]);
}

static numc_array *delta_cdf(const numc_distribution *d, const numc_array *x)
{
    if (d->event_rank > 0) {
        numc__fail(d->object.context, NUMC_UNSUPPORTED, "distribution delta has no cdf of vectors");
        return NULL;
    }
    return numc_where(numc_greater_equal(x, d->parameters[0]), 1.0, 0.0);
}

static const numc_parameter_rule delta_rules[] = {{"value", NULL, 0}};
static const numc_distribution_class class_delta = {
    .size = sizeof(numc_distribution_class), .name = "delta", .parameter_count = 1, .parameters = delta_rules,
    .log_prob = delta_log_prob, .sample = delta_sample, .mean = delta_mean, .variance = delta_variance, .cdf = delta_cdf};

numc_distribution *numc_delta_(numc_context *context, numc_operand value, int32_t event_rank)
{
    numc_array *x = value.kind == NUMC_OPERAND_ARRAY && value.value.array != NULL &&
                            numc_dtype_kind(numc_array_dtype(value.value.array)) != NUMC_KIND_BOOL
                        ? (numc_array *)(uintptr_t)value.value.array
                        : numc__dist_real(context, value, NUMC_DTYPE_DEFAULT);
    if (x == NULL || numc__lane_of((const numc_array *const *)&x, 1, "delta") == NULL)
        return NULL;
    if (event_rank < 0 || event_rank > x->rank) {
        numc__fail(context, NUMC_SHAPE, "delta: an event of %d axes from a value of %d", (int)event_rank, (int)x->rank);
        return NULL;
    }
    numc_shape event = {x->shape + (x->rank - event_rank), event_rank, true};
    return numc__distribution_make(context, &class_delta, &x, 1, numc__batch_of(x, event_rank), event, x->dtype, NULL);
}

/* ---- a region ---------------------------------------------------------------------------------------------------------------------- */

static numc_array *improper_log_prob(const numc_distribution *d, const numc_array *x)
{
    numc_dtype dtype = numc_dtype_kind(x->dtype) == NUMC_KIND_REAL ? x->dtype : d->dtype;
    return numc_zeros(d->object.context, dtype, numc__batch_of(x, d->event_rank));
}

static numc_constraint *region_support(const numc_distribution *d)
{
    return (numc_constraint *)(uintptr_t)d->region;
}

static const numc_distribution_class class_improper_uniform = {
    .size = sizeof(numc_distribution_class), .name = "improper_uniform", .log_prob = improper_log_prob,
    .support = region_support};

numc_distribution *numc_improper_uniform(const numc_constraint *support, numc_shape shape)
{
    if (support == NULL)
        return NULL;
    numc_context *context = support->object.context;
    if (numc__shape_check(context, "improper_uniform", shape) != NUMC_OK)
        return NULL;
    bool valid = shape.count >= support->event_rank && shape.count <= NUMC_DIST_RANK;
    for (int32_t i = 0; valid && i < shape.count; i++)
        valid = shape.values[i] >= 0;
    if (!valid) {
        numc__fail(context, NUMC_SHAPE, "improper_uniform: a point of %s has %d axes, the shape %d (none below 0)",
                   support->kind->name, (int)support->event_rank, (int)shape.count);
        return NULL;
    }
    int32_t batch_rank = shape.count - support->event_rank;
    numc_dtype dtype = numc_constraint_is_discrete(support) ? NUMC_INT64 : numc_default_float(context);
    numc_distribution *d = numc__distribution_make(context, &class_improper_uniform, NULL, 0,
                                                   (numc_shape){shape.values, batch_rank, true},
                                                   (numc_shape){shape.values + batch_rank, support->event_rank, true}, dtype, NULL);
    if (d != NULL)
        d->region = support;
    return d;
}
