/* manipulate.c - the standard's functions over several arrays or several results: unstack, broadcast_arrays, meshgrid; and diff.
 * Compositions of the primitives of shape.c. */
#include <string.h>

#include "array/state.h"

/* Where x gives no lane: the status of the lane that was told of it. A dead header still names its lane. */
static numc_status no_lane(const numc_array *x)
{
    if (x == NULL)
        return NUMC_INVALID_ARGUMENT;
    return x->context->status != NUMC_OK ? x->context->status : NUMC_STATE;
}

static void forget(numc_array **results, int32_t count)
{
    for (int32_t i = 0; results != NULL && i < count; i++)
        results[i] = NULL;
}

/* An array made in the function's own scope, or another header of one that was not, handed to the scope outside. */
static numc_array *hand_out(numc_context *context, numc_array *y)
{
    if (y != NULL && y->frame != context->scope)
        y = numc__array_alias(context, y);
    numc__array_move(y, context->scope->outer);
    return y;
}

static numc_status finish(numc_context *context, numc_array **results, int32_t count)
{
    numc_scope_end(context);
    if (context->status != NUMC_OK)
        forget(results, count);
    return context->status;
}

numc_status numc_unstack(const numc_array *x, int64_t axis, numc_array **results, int32_t count)
{
    const char *name = "numc_unstack";
    forget(results, count);
    numc_context *context = numc__lane_of(&x, 1, name);
    if (context == NULL)
        return no_lane(x);
    int32_t d = numc__axis_normalize(context, name, axis, x->rank);
    if (d < 0)
        return context->status;
    NUMC_REQUIRE(context, count == x->shape[d], NUMC_SHAPE, "%s: %d results for axis %d of size %lld", name, (int)count, (int)d,
                 (long long)x->shape[d]);
    NUMC_REQUIRE(context, count == 0 || results != NULL, NUMC_INVALID_ARGUMENT, "%s: no place for the results", name);
    int64_t shape[NUMC_RANK_LIMIT];
    for (int32_t i = 0, k = 0; i < x->rank; i++) {
        if (i != d)
            shape[k++] = x->shape[i];
    }
    NUMC_TRY(numc__scope_enter(context, name));
    for (int32_t i = 0; i < count && context->status == NUMC_OK; i++)
        results[i] = hand_out(context, numc__reshape(context, numc__slice_axis(context, x, d, i, 1, 1), x->rank - 1, shape));
    return finish(context, results, count);
}

/* The lane of a list of arrays, which may be empty: then NULL with status OK. */
static numc_status list_lane(const char *name, const numc_array *const *arrays, int32_t count, numc_array **results,
                             numc_context **context)
{
    *context = NULL;
    forget(results, count);
    if (count == 0)
        return NUMC_OK;
    if (count < 0 || arrays == NULL)
        return NUMC_INVALID_ARGUMENT;
    *context = numc__lane_of(arrays, count, name);
    for (int32_t i = 0; *context == NULL && i < count; i++) {
        if (arrays[i] != NULL || i == count - 1)
            return no_lane(arrays[i]);
    }
    NUMC_REQUIRE(*context, results != NULL, NUMC_INVALID_ARGUMENT, "%s: no place for the results", name);
    return NUMC_OK;
}

numc_status numc_broadcast_arrays(const numc_array *const *arrays, int32_t count, numc_array **results)
{
    const char *name = "numc_broadcast_arrays";
    numc_context *context;
    NUMC_TRY(list_lane(name, arrays, count, results, &context));
    if (context == NULL)
        return NUMC_OK;
    int64_t shape[NUMC_RANK_LIMIT], next[NUMC_RANK_LIMIT];
    int32_t rank = 0;
    for (int32_t i = 0; i < count; i++) {
        const int32_t ranks[2] = {rank, arrays[i]->rank};
        const int64_t *const shapes[2] = {shape, arrays[i]->shape};
        int32_t next_rank;
        if (!numc__broadcast(2, ranks, shapes, &next_rank, next)) {
            char a[256], b[256];
            return numc__fail(context, NUMC_SHAPE, "%s: the shapes %s and %s do not broadcast", name,
                              numc__shape_format(a, sizeof a, rank, shape),
                              numc__shape_format(b, sizeof b, arrays[i]->rank, arrays[i]->shape));
        }
        rank = next_rank;
        memcpy(shape, next, (size_t)rank * sizeof *shape);
    }
    NUMC_TRY(numc__scope_enter(context, name));
    for (int32_t i = 0; i < count && context->status == NUMC_OK; i++)
        results[i] = hand_out(context, numc__broadcast_to(context, arrays[i], rank, shape));
    return finish(context, results, count);
}

numc_status numc_meshgrid_(const numc_array *const *arrays, int32_t count, numc_array **results,
                           const numc_meshgrid_options *options)
{
    const char *name = "numc_meshgrid";
    numc_context *context;
    numc_meshgrid_options known;
    NUMC_TRY(list_lane(name, arrays, count, results, &context));
    if (context == NULL)
        return NUMC_OK;
    NUMC_TRY(numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name));
    NUMC_REQUIRE(context, count <= NUMC_RANK_MAXIMUM, NUMC_SHAPE, "%s: a grid of %d axes; %d are the most", name, (int)count,
                 NUMC_RANK_MAXIMUM);
    bool swap = !known.matrix && count > 1; /* the first two axes change places */
    int64_t shape[NUMC_RANK_MAXIMUM], thin[NUMC_RANK_MAXIMUM];
    for (int32_t i = 0; i < count; i++) {
        NUMC_REQUIRE(context, arrays[i]->rank == 1, NUMC_SHAPE, "%s: array %d has rank %d, not 1", name, (int)i,
                     (int)arrays[i]->rank);
        shape[swap && i < 2 ? 1 - i : i] = arrays[i]->size;
        thin[i] = 1;
    }
    NUMC_TRY(numc__scope_enter(context, name));
    for (int32_t i = 0; i < count && context->status == NUMC_OK; i++) {
        int32_t d = swap && i < 2 ? 1 - i : i;
        thin[d] = arrays[i]->size;
        results[i] = hand_out(context, numc__broadcast_to(context, numc__reshape(context, arrays[i], count, thin), count, shape));
        thin[d] = 1;
    }
    return finish(context, results, count);
}

numc_array *(numc_diff)(const numc_array *x, const numc_diff_options *options)
{
    const char *name = "numc_diff";
    numc_context *context = numc__lane_of(&x, 1, name);
    numc_diff_options known;
    if (context == NULL
        || numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) != NUMC_OK)
        return NULL;
    const numc_array *parts[3];
    int32_t count = 0;
    if (known.prepend != NULL)
        parts[count++] = known.prepend;
    parts[count++] = x;
    if (known.append != NULL)
        parts[count++] = known.append;
    context = numc__lane_of(parts, count, name);
    if (context == NULL)
        return NULL;
    if (known.n < 0 || (!known.axis.given && known.axis.value != 0)) {
        numc__fail(context, known.n < 0 ? NUMC_VALUE : NUMC_INVALID_ARGUMENT,
                   known.n < 0 ? "%s: %lld differences" : "%s: a number where an axis belongs; write NUMC_AXIS(%lld)", name,
                   (long long)(known.n < 0 ? known.n : known.axis.value));
        return NULL;
    }
    int32_t d = numc__axis_normalize(context, name, known.axis.given ? known.axis.value : -1, x->rank);
    if (d < 0 || numc__scope_enter(context, name) != NUMC_OK)
        return NULL;
    const numc_array *y = count == 1 ? x : numc_concat(parts, count, d);
    for (int64_t left = known.n == 0 ? 1 : known.n; y != NULL && left > 0 && y->shape[d] > 0; left--) {
        int64_t n = y->shape[d] - 1;
        const numc_array *low = numc__slice_axis(context, y, d, 0, n, 1), *high = numc__slice_axis(context, y, d, n == 0 ? 0 : 1, n, 1);
        y = y->dtype == NUMC_BOOL ? numc_not_equal(high, low) : numc_subtract(high, low);
    }
    return numc__scope_leave(context, (numc_array *)y);
}
