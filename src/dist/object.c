/* object.c - distributions as immutable objects of a scope: made from a class and its parameters, with what every distribution
 * answers. The support is kept here: a class's log_prob sees only values inside it. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "dist/internal.h"

static void object_destroy(numc_context *context, numc_scoped *scoped)
{
    numc_dist_object *object = (numc_dist_object *)(void *)scoped;
    numc__free(context, object, object->bytes);
}

void *numc__dist_object_new(numc_context *context, size_t bytes)
{
    if (context == NULL || context->status != NUMC_OK)
        return NULL;
    numc_dist_object *object = numc__allocate_zero(context, 1, bytes);
    if (object == NULL)
        return NULL;
    object->scoped.destroy = object_destroy;
    object->context = context;
    object->bytes = bytes;
    numc__scoped_add(context, &object->scoped);
    return object;
}

/* ---- helpers --------------------------------------------------------------------------------------------------------------------- */

numc_array *numc__dist_real(numc_context *context, numc_operand operand, numc_dtype dtype)
{
    if (operand.kind != NUMC_OPERAND_ARRAY) {
        if (operand.kind == NUMC_OPERAND_COMPLEX) {
            numc__fail(context, NUMC_DTYPE, "a parameter is a complex number");
            return NULL;
        }
        return numc__operand_array(context, numc_operand_real(numc__number_real(&operand)), NULL);
    }
    const numc_array *x = operand.value.array;
    if (numc__lane_of(&x, 1, "a parameter") == NULL) {
        if (x == NULL)
            numc__fail(context, NUMC_INVALID_ARGUMENT, "a parameter is NULL");
        return NULL;
    }
    if (numc_dtype_kind(x->dtype) == NUMC_KIND_COMPLEX) {
        numc__fail(context, NUMC_DTYPE, "a parameter is %s", numc_dtype_name(x->dtype));
        return NULL;
    }
    if (numc_dtype_kind(x->dtype) == NUMC_KIND_REAL)
        return (numc_array *)(uintptr_t)x;
    return numc_astype(x, dtype != NUMC_DTYPE_DEFAULT ? dtype : numc_default_float(context));
}

numc_array *numc__dist_guarded(const numc_distribution *d, int32_t i)
{
    numc_array *x = d->parameters[i];
    const numc_parameter_rule *rule = &d->kind->parameters[i];
    if (!numc_array_is_traced(x) || rule->constraint == NULL)
        return x;
    numc_constraint *region = rule->constraint(d->object.context);
    numc_array *outside = region == NULL ? NULL : numc__constraint_outside(region, x);
    if (outside == NULL)
        return x;
    return numc_where(numc__expand_last(outside, region->event_rank), (double)NAN, x);
}

numc_array *numc__sum_last(const numc_array *x, int32_t count)
{
    static const int64_t last[NUMC_DIST_RANK] = {-1,  -2,  -3,  -4,  -5,  -6,  -7,  -8,  -9,  -10, -11,
                                                 -12, -13, -14, -15, -16, -17, -18, -19, -20, -21, -22,
                                                 -23, -24, -25, -26, -27, -28, -29, -30, -31, -32};
    if (count == 0)
        return (numc_array *)(uintptr_t)x;
    return numc_sum(x, ((numc_axes){last, count, true}));
}

numc_array *numc__expand_last(const numc_array *x, int32_t count)
{
    int64_t shape[2 * NUMC_DIST_RANK];
    if (count == 0 || x == NULL)
        return (numc_array *)(uintptr_t)x;
    if (x->rank > 0)
        memcpy(shape, x->shape, (size_t)x->rank * sizeof *shape);
    for (int32_t i = 0; i < count; i++)
        shape[x->rank + i] = 1;
    return numc_reshape(x, ((numc_shape){shape, x->rank + count, true}));
}

bool numc__shape_is(const numc_array *x, int32_t rank, const int64_t *shape)
{
    return x->rank == rank && (rank == 0 || memcmp(x->shape, shape, (size_t)rank * sizeof *shape) == 0);
}

/* ---- making ------------------------------------------------------------------------------------------------------------------------ */

numc_distribution *numc__distribution_make(numc_context *context, const numc_distribution_class *kind, numc_array *const *parameters,
                                           int32_t parameter_count, numc_shape batch, numc_shape event, numc_dtype dtype,
                                           void *user)
{
    size_t arrays = (size_t)parameter_count * sizeof(numc_array *);
    size_t numbers = (size_t)(batch.count + event.count) * sizeof(int64_t);
    numc_distribution *d = numc__dist_object_new(context, sizeof *d + arrays + numbers);
    if (d == NULL)
        return NULL;
    d->kind = kind;
    d->user = user;
    d->parameter_count = parameter_count;
    d->shape = (int64_t *)(void *)(d + 1);
    d->parameters = (numc_array **)(void *)(d->shape + batch.count + event.count);
    d->batch_rank = batch.count;
    d->event_rank = event.count;
    d->dtype = dtype;
    if (parameter_count > 0)
        memcpy(d->parameters, parameters, arrays);
    if (batch.count > 0)
        memcpy(d->shape, batch.values, (size_t)batch.count * sizeof *d->shape);
    if (event.count > 0 && event.values != NULL)
        memcpy(d->shape + batch.count, event.values, (size_t)event.count * sizeof *d->shape);
    return d;
}

/* The dtype of whole-number parameters: that of the others where they have one. */
static numc_dtype float_dtype(numc_context *context, const numc_operand *parameters, int32_t count)
{
    numc_dtype dtype = NUMC_DTYPE_DEFAULT;
    for (int32_t i = 0; i < count; i++) {
        if (parameters[i].kind != NUMC_OPERAND_ARRAY)
            continue;
        const numc_array *x = parameters[i].value.array;
        numc_dtype own = numc_array_dtype(x);
        if (numc_dtype_kind(own) == NUMC_KIND_REAL && !x->weak)
            dtype = dtype == NUMC_DTYPE_DEFAULT ? own : numc_result_dtype(dtype, own);
    }
    return dtype != NUMC_DTYPE_DEFAULT ? dtype : numc_default_float(context);
}

static bool check_class(numc_context *context, const numc_distribution_class *kind, int32_t parameter_count)
{
    if (kind == NULL || kind->size < sizeof *kind || kind->name == NULL || kind->log_prob == NULL ||
        kind->parameter_count < 0 || kind->event_rank < 0 || kind->event_rank > NUMC_DIST_RANK ||
        (kind->parameter_count > 0 && kind->parameters == NULL)) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "distribution_new: the class %s is not complete (size, name, log_prob, parameters)",
                   kind == NULL || kind->name == NULL ? "?" : kind->name);
        return false;
    }
    if (parameter_count != kind->parameter_count) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: %d parameters are needed, %d are given", kind->name,
                   (int)kind->parameter_count, (int)parameter_count);
        return false;
    }
    return true;
}

/* One parameter: real, with the axes its rule needs, inside its region if it is constant. */
static numc_array *admitted(numc_context *context, const numc_distribution_class *kind, int32_t i, numc_operand operand,
                            numc_dtype dtype)
{
    const numc_parameter_rule *rule = &kind->parameters[i];
    if (operand.kind == NUMC_OPERAND_ARRAY && operand.value.array == NULL) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: %s is NULL", kind->name, rule->name);
        return NULL;
    }
    numc_array *x = numc__dist_real(context, operand, dtype);
    if (x == NULL)
        return NULL;
    if (x->rank < rule->event_rank) {
        numc__fail(context, NUMC_SHAPE, "%s: %s needs %d axes, it has %d", kind->name, rule->name, (int)rule->event_rank,
                   (int)x->rank);
        return NULL;
    }
    if (numc_array_is_traced(x))
        return x;
    numc_constraint *region = rule->constraint != NULL ? rule->constraint(context) : numc_constraint_real(context);
    if (region == NULL || numc__constraint_require(region, x, kind->name, rule->name) != NUMC_OK)
        return NULL;
    return x;
}

#define PARAMETER_LIMIT 16

numc_distribution *numc_distribution_new_(numc_context *context, const numc_distribution_class *kind,
                                          const numc_operand *parameters, int32_t parameter_count, void *user)
{
    if (context == NULL || context->status != NUMC_OK || !check_class(context, kind, parameter_count))
        return NULL;
    if (parameter_count > PARAMETER_LIMIT) {
        numc__fail(context, NUMC_UNSUPPORTED, "%s: more than %d parameters", kind->name, PARAMETER_LIMIT);
        return NULL;
    }
    numc_array *arrays[PARAMETER_LIMIT];
    numc_shape shapes[PARAMETER_LIMIT];
    numc_dtype dtype = float_dtype(context, parameters, parameter_count);
    for (int32_t i = 0; i < parameter_count; i++) {
        arrays[i] = admitted(context, kind, i, parameters[i], dtype);
        if (arrays[i] == NULL)
            return NULL;
        shapes[i] = numc__batch_of(arrays[i], kind->parameters[i].event_rank);
    }
    int64_t batch[NUMC_DIST_RANK];
    int32_t batch_rank = parameter_count > 0 ? numc_broadcast_shapes(shapes, parameter_count, batch) : 0;
    if (batch_rank < 0) {
        numc__fail(context, NUMC_SHAPE, "%s: the shapes of its parameters do not broadcast", kind->name);
        return NULL;
    }
    if (kind->value_dtype != NUMC_DTYPE_DEFAULT)
        dtype = kind->value_dtype;
    else if (kind->discrete)
        dtype = NUMC_INT64;
    numc_shape event = {NULL, kind->event_rank, true};
    if (kind->event_rank > 0 && kind->event_shape == NULL) {
        if (parameter_count < 1 || arrays[0]->rank < kind->event_rank) {
            numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: the class does not tell the event shape", kind->name);
            return NULL;
        }
        event.values = arrays[0]->shape + (arrays[0]->rank - kind->event_rank);
    }
    numc_distribution *d = numc__distribution_make(context, kind, arrays, parameter_count,
                                                   (numc_shape){batch, batch_rank, true}, event, dtype, user);
    if (d != NULL && kind->event_rank > 0 && kind->event_shape != NULL) {
        numc_status status = kind->event_shape(d, d->shape + d->batch_rank);
        if (status != NUMC_OK) {
            numc__fail(context, status, "%s: its event has no shape", kind->name);
            return NULL;
        }
    }
    return d;
}

/* ---- what every distribution answers ----------------------------------------------------------------------------------------------- */

const char *numc_distribution_name(const numc_distribution *d)
{
    return d == NULL ? "none" : d->kind->name;
}

numc_shape numc_distribution_batch_shape(const numc_distribution *d)
{
    return d == NULL ? (numc_shape){NULL, 0, false} : (numc_shape){d->shape, d->batch_rank, true};
}

numc_shape numc_distribution_event_shape(const numc_distribution *d)
{
    return d == NULL ? (numc_shape){NULL, 0, false} : (numc_shape){d->shape + d->batch_rank, d->event_rank, true};
}

numc_dtype numc_distribution_dtype(const numc_distribution *d)
{
    return d == NULL ? NUMC_DTYPE_DEFAULT : d->dtype;
}

numc_array *numc_distribution_parameter(const numc_distribution *d, int32_t index)
{
    if (d == NULL)
        return NULL;
    if (index < 0 || index >= d->parameter_count) {
        numc__fail(d->object.context, NUMC_INVALID_ARGUMENT, "%s has %d parameters, not a number %d", d->kind->name,
                   (int)d->parameter_count, (int)index);
        return NULL;
    }
    return d->parameters[index];
}

void *numc_distribution_user(const numc_distribution *d)
{
    return d == NULL ? NULL : d->user;
}

numc_context *numc_distribution_context(const numc_distribution *d)
{
    return d == NULL ? NULL : d->object.context;
}

bool numc__distribution_is_discrete(const numc_distribution *d)
{
    while (d->base != NULL)
        d = d->base;
    return d->kind->discrete;
}

numc_constraint *numc_distribution_support(const numc_distribution *d)
{
    if (d == NULL)
        return NULL;
    if (d->kind->support != NULL)
        return d->kind->support(d);
    return numc_constraint_independent(numc_constraint_real(d->object.context), d->event_rank);
}

static void *unsupported(const numc_distribution *d, const char *function)
{
    numc__fail(d->object.context, NUMC_UNSUPPORTED, "distribution %s has no %s", d->kind->name, function);
    return NULL;
}

/* x with shape sample + batch + event; SHAPE where a class gave something that does not broadcast to it. */
static numc_array *in_shape(numc_array *x, const int64_t *shape, int32_t rank)
{
    if (x == NULL || numc__shape_is(x, rank, shape))
        return x;
    return numc_broadcast_to(x, ((numc_shape){shape, rank, true}));
}

numc_array *numc_distribution_sample(const numc_distribution *d, const numc_array *key, numc_shape sample_shape)
{
    if (d == NULL || numc__lane_of(&key, 1, "distribution_sample") == NULL)
        return NULL;
    numc_context *context = d->object.context;
    if (d->kind->sample == NULL)
        return unsupported(d, "sample");
    if (numc__shape_check(context, "distribution_sample", sample_shape) != NUMC_OK)
        return NULL;
    int32_t rank = sample_shape.count + d->batch_rank;
    int64_t shape[2 * NUMC_DIST_RANK];
    if (rank + d->event_rank > NUMC_DIST_RANK) {
        numc__fail(context, NUMC_SHAPE, "%s: a draw would have more than %d axes", d->kind->name, NUMC_DIST_RANK);
        return NULL;
    }
    if (sample_shape.count > 0)
        memcpy(shape, sample_shape.values, (size_t)sample_shape.count * sizeof *shape);
    if (d->batch_rank + d->event_rank > 0)
        memcpy(shape + sample_shape.count, d->shape, (size_t)(d->batch_rank + d->event_rank) * sizeof *shape);
    numc_array *x = d->kind->sample(d, key, (numc_shape){shape, rank, true});
    if (x != NULL && !numc__shape_is(x, rank + d->event_rank, shape)) {
        char got[160], want[160];
        numc__type_format(got, sizeof got, x->dtype, x->rank, x->shape);
        numc__type_format(want, sizeof want, d->dtype, rank + d->event_rank, shape);
        numc__fail(context, NUMC_SHAPE, "%s: its sampler gave %s where %s was asked", d->kind->name, got, want);
        return NULL;
    }
    if (x != NULL && x->dtype != d->dtype)
        x = numc_astype(x, d->dtype);
    return x;
}

numc_array *numc__distribution_evaluate(const numc_distribution *d, const numc_array *value, bool inside)
{
    numc_array *outside = NULL;
    const numc_array *safe = value;
    numc_array *log_prob;
    if (d->evaluate != NULL) {
        log_prob = d->evaluate(d, value, inside);
    } else {
        if (!inside && d->kind->support != NULL) {
            numc_constraint *support = d->kind->support(d);
            if (support == NULL)
                return NULL;
            outside = numc__constraint_outside(support, value);
            if (outside != NULL)
                safe = numc__constraint_repair(support, outside, value);
            if (safe == NULL || d->object.context->status != NUMC_OK)
                return NULL;
        }
        log_prob = d->kind->log_prob(d, safe);
        if (outside != NULL)
            log_prob = numc_where(outside, -(double)INFINITY, log_prob);
    }
    if (log_prob == NULL)
        return NULL;
    numc_shape shapes[2] = {numc__batch_of(value, d->event_rank), {d->shape, d->batch_rank, true}};
    int64_t shape[NUMC_DIST_RANK];
    int32_t rank = numc_broadcast_shapes(shapes, 2, shape);
    return in_shape(log_prob, shape, rank);
}

/* Whether value's shape ends in the event shape and the rest broadcasts with the batch shape. */
static bool value_fits(const numc_distribution *d, const numc_array *value)
{
    const int64_t *event = d->shape + d->batch_rank;
    bool fits = value->rank >= d->event_rank;
    for (int32_t i = 0; fits && i < d->event_rank; i++)
        fits = value->shape[value->rank - d->event_rank + i] == event[i];
    numc_shape shapes[2] = {numc__batch_of(value, d->event_rank), {d->shape, d->batch_rank, true}};
    int64_t shape[NUMC_DIST_RANK];
    if (fits && numc_broadcast_shapes(shapes, 2, shape) >= 0)
        return true;
    char got[160], batch[160], events[160];
    numc__type_format(got, sizeof got, value->dtype, value->rank, value->shape);
    numc__type_format(batch, sizeof batch, d->dtype, d->batch_rank, d->shape);
    numc__type_format(events, sizeof events, d->dtype, d->event_rank, event);
    numc__fail(d->object.context, NUMC_SHAPE, "%s: the value %s does not fit batch %s, event %s",
               numc__distribution_inner_name(d), got, batch, events);
    return false;
}

/* An operand as a value: booleans as whole numbers, a number as a weak constant. */
static const numc_array *value_of(const numc_distribution *d, numc_operand value, const char *name)
{
    numc_context *context = d->object.context;
    if (value.kind != NUMC_OPERAND_ARRAY) {
        if (value.kind == NUMC_OPERAND_COMPLEX) {
            numc__fail(context, NUMC_DTYPE, "%s: the value is a complex number", name);
            return NULL;
        }
        return numc__operand_array(context, numc_operand_real(numc__number_real(&value)), NULL);
    }
    const numc_array *x = value.value.array;
    if (numc__lane_of(&x, 1, name) == NULL)
        return NULL;
    if (numc__is_complex(x->dtype)) {
        numc__fail(context, NUMC_DTYPE, "%s: the value is %s", name, numc_dtype_name(x->dtype));
        return NULL;
    }
    return x->dtype == NUMC_BOOL ? numc_astype(x, NUMC_INT64) : x;
}

static numc_array *checked_log_prob(const numc_distribution *d, numc_operand value, bool inside)
{
    if (d == NULL)
        return NULL;
    const numc_array *x = value_of(d, value, "distribution_log_prob");
    if (x == NULL || !value_fits(d, x))
        return NULL;
    return numc__distribution_evaluate(d, x, inside);
}

numc_array *numc_distribution_log_prob_(const numc_distribution *d, numc_operand value)
{
    return checked_log_prob(d, value, false);
}

numc_array *numc__distribution_log_prob_inside(const numc_distribution *d, const numc_array *value)
{
    return checked_log_prob(d, numc_operand_array(value), true);
}

static numc_array *moment(const numc_distribution *d, numc_array *(*function)(const numc_distribution *d), const char *name)
{
    if (function == NULL)
        return unsupported(d, name);
    return in_shape(function(d), d->shape, d->batch_rank + d->event_rank);
}

numc_array *numc_distribution_mean(const numc_distribution *d)
{
    return d == NULL ? NULL : moment(d, d->kind->mean, "mean");
}

numc_array *numc_distribution_variance(const numc_distribution *d)
{
    return d == NULL ? NULL : moment(d, d->kind->variance, "variance");
}

static numc_array *in_batch(const numc_distribution *d, const numc_array *value, numc_array *result)
{
    numc_shape shapes[2] = {numc__shape_of(value), {d->shape, d->batch_rank, true}};
    int64_t shape[NUMC_DIST_RANK];
    return in_shape(result, shape, numc_broadcast_shapes(shapes, 2, shape));
}

numc_array *numc_distribution_cdf_(const numc_distribution *d, numc_operand value)
{
    if (d == NULL)
        return NULL;
    if (d->kind->cdf == NULL)
        return unsupported(d, "cdf");
    const numc_array *x = value_of(d, value, "distribution_cdf");
    if (x == NULL || !value_fits(d, x))
        return NULL;
    return in_batch(d, x, d->kind->cdf(d, x));
}

/* NaN outside [0, 1]; the class sees probabilities. */
numc_array *numc_distribution_icdf_(const numc_distribution *d, numc_operand probability)
{
    if (d == NULL)
        return NULL;
    if (d->kind->icdf == NULL)
        return unsupported(d, "icdf");
    const numc_array *p = value_of(d, probability, "distribution_icdf");
    if (p == NULL || !value_fits(d, p))
        return NULL;
    numc_array *outside = numc_logical_or(numc_less(p, 0), numc_greater(p, 1));
    numc_array *safe = numc_where(outside, 0.5, p);
    return safe == NULL ? NULL : in_batch(d, p, numc_where(outside, (double)NAN, d->kind->icdf(d, safe)));
}
