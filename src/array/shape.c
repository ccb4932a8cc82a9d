/* shape.c - functions that change shape: each a primitive with its attributes, or a short composition of such. */
#include <string.h>

#include "array/state.h"

/* ---- primitives with their attributes in place ------------------------------------------------------------------- */

static bool same_shape(const numc_array *x, int32_t rank, const int64_t *shape)
{
    return x->rank == rank && (rank == 0 || memcmp(x->shape, shape, (size_t)rank * sizeof *shape) == 0);
}

static numc_array *with_numbers(numc_context *context, int32_t primitive, const numc_array *x, int32_t count,
                                const int64_t *numbers)
{
    numc_attributes attributes = {.count = count, .numbers = numbers};
    numc_array *y = numc__bind1(context, primitive, &x, 1, &attributes);
    if (y != NULL)
        y->weak = x->weak;
    return y;
}

numc_array *numc__reshape(numc_context *context, const numc_array *x, int32_t rank, const int64_t *shape)
{
    if (x == NULL || same_shape(x, rank, shape))
        return (numc_array *)x;
    return with_numbers(context, NUMC_PRIMITIVE_RESHAPE, x, rank, shape);
}

numc_array *numc__broadcast_to(numc_context *context, const numc_array *x, int32_t rank, const int64_t *shape)
{
    if (x == NULL || same_shape(x, rank, shape))
        return (numc_array *)x;
    return with_numbers(context, NUMC_PRIMITIVE_BROADCAST, x, rank, shape);
}

numc_array *numc__permute(numc_context *context, const numc_array *x, const int32_t *axes)
{
    if (x == NULL)
        return NULL;
    int64_t numbers[NUMC_RANK_LIMIT];
    bool still = true;
    for (int32_t d = 0; d < x->rank; d++) {
        numbers[d] = axes[d];
        still = still && axes[d] == d;
    }
    return still ? (numc_array *)x : with_numbers(context, NUMC_PRIMITIVE_PERMUTE, x, x->rank, numbers);
}

numc_array *numc__slice(numc_context *context, const numc_array *x, const int64_t *start, const int64_t *count,
                        const int64_t *step)
{
    if (x == NULL)
        return NULL;
    int64_t numbers[3 * NUMC_RANK_LIMIT];
    int32_t rank = x->rank;
    bool whole = true;
    for (int32_t d = 0; d < rank; d++) {
        numbers[d] = start[d];
        numbers[rank + d] = count[d];
        numbers[2 * rank + d] = step[d];
        whole = whole && count[d] == x->shape[d] && (step[d] == 1 || count[d] <= 1);
    }
    return whole ? (numc_array *)x : with_numbers(context, NUMC_PRIMITIVE_SLICE, x, 3 * rank, numbers);
}

numc_array *numc__slice_axis(numc_context *context, const numc_array *x, int32_t axis, int64_t start, int64_t count, int64_t step)
{
    int64_t starts[NUMC_RANK_LIMIT] = {0}, counts[NUMC_RANK_LIMIT], steps[NUMC_RANK_LIMIT];
    if (x == NULL)
        return NULL;
    for (int32_t d = 0; d < x->rank; d++) {
        counts[d] = x->shape[d];
        steps[d] = 1;
    }
    starts[axis] = start;
    counts[axis] = count;
    steps[axis] = step;
    return numc__slice(context, x, starts, counts, steps);
}

numc_array *numc__flip(numc_context *context, const numc_array *x, const bool *axes)
{
    if (x == NULL)
        return NULL;
    int64_t numbers[NUMC_RANK_LIMIT];
    bool still = true;
    for (int32_t d = 0; d < x->rank; d++) {
        numbers[d] = axes[d] && x->shape[d] > 1;
        still = still && numbers[d] == 0;
    }
    return still ? (numc_array *)x : with_numbers(context, NUMC_PRIMITIVE_FLIP, x, x->rank, numbers);
}

numc_array *numc__iota(numc_context *context, numc_dtype dtype, int32_t rank, const int64_t *shape, int32_t axis)
{
    int64_t numbers[1 + NUMC_RANK_LIMIT] = {axis};
    for (int32_t d = 0; d < rank; d++)
        numbers[1 + d] = shape[d];
    numc_attributes attributes = {.count = 1 + rank, .numbers = numbers, .dtype = dtype};
    return numc__bind1(context, NUMC_PRIMITIVE_IOTA, NULL, 0, &attributes);
}

numc_array *numc__gather(numc_context *context, const numc_array *x, const numc_array *indices, int32_t axis)
{
    if (x == NULL || indices == NULL)
        return NULL;
    const numc_array *inputs[2] = {x, indices};
    int64_t number = axis;
    numc_attributes attributes = {.count = 1, .numbers = &number};
    return numc__bind1(context, NUMC_PRIMITIVE_GATHER, inputs, 2, &attributes);
}

numc_array *numc__stop(numc_context *context, const numc_array *x)
{
    return x == NULL ? NULL : with_numbers(context, NUMC_PRIMITIVE_STOP_GRADIENT, x, 0, NULL);
}

/* ---- public functions -------------------------------------------------------------------------------------------- */

/* A public function never hands its argument back: the caller's array and the result have lives of their own. */
static numc_array *own(numc_context *context, const numc_array *x, numc_array *y)
{
    return y != NULL && y == x ? numc__array_alias(context, x) : y;
}

static numc_context *lane_of(const numc_array *x, const char *name)
{
    return numc__lane_of(&x, 1, name);
}

static numc_status rank_fits(numc_context *context, const char *name, int64_t rank)
{
    NUMC_REQUIRE(context, rank <= NUMC_RANK_MAXIMUM, NUMC_SHAPE, "%s: rank %lld is beyond %d", name,
                 (long long)rank, NUMC_RANK_MAXIMUM);
    return NUMC_OK;
}

numc_array *numc_reshape(const numc_array *x, numc_shape shape)
{
    numc_context *context = lane_of(x, "numc_reshape");
    if (context == NULL || numc__shape_check(context, "numc_reshape", shape) != NUMC_OK)
        return NULL;
    int64_t sizes[NUMC_RANK_MAXIMUM], known = 1;
    int32_t open = -1;
    bool good = true;
    for (int32_t d = 0; d < shape.count; d++) {
        sizes[d] = shape.values[d];
        if (sizes[d] == -1) {
            good = good && open < 0;
            open = d;
        } else if (sizes[d] < 0) {
            good = false;
        } else if (sizes[d] == 0 || known <= x->size / sizes[d]) {
            known *= sizes[d];
        } else if (known != 0) {
            known = x->size + 1; /* more than there are */
        }
    }
    for (int32_t d = 0; d < shape.count; d++)
        known = sizes[d] == 0 ? 0 : known;
    if (open >= 0) {
        good = good && known > 0 && x->size % known == 0;
        sizes[open] = good ? x->size / known : 0;
    } else {
        good = good && known == x->size;
    }
    if (!good) {
        char from[256], to[256];
        numc__fail(context, NUMC_SHAPE, "numc_reshape: an array of shape %s and size %lld cannot take shape %s",
                   numc__shape_format(from, sizeof from, x->rank, x->shape), (long long)x->size,
                   numc__shape_format(to, sizeof to, shape.count, shape.values));
        return NULL;
    }
    return own(context, x, numc__reshape(context, x, shape.count, sizes));
}

numc_array *numc_broadcast_to(const numc_array *x, numc_shape shape)
{
    numc_context *context = lane_of(x, "numc_broadcast_to");
    if (context == NULL || numc__shape_check(context, "numc_broadcast_to", shape) != NUMC_OK)
        return NULL;
    int64_t result[NUMC_RANK_LIMIT];
    int32_t rank = 0;
    const int32_t ranks[2] = {x->rank, shape.count};
    const int64_t *const shapes[2] = {x->shape, shape.values};
    if (!numc__broadcast(2, ranks, shapes, &rank, result) || rank != shape.count
        || (rank > 0 && memcmp(result, shape.values, (size_t)rank * sizeof *result) != 0)) {
        char from[256], to[256];
        numc__fail(context, NUMC_SHAPE, "numc_broadcast_to: %s does not broadcast to %s",
                   numc__shape_format(from, sizeof from, x->rank, x->shape),
                   numc__shape_format(to, sizeof to, shape.count, shape.values));
        return NULL;
    }
    return own(context, x, numc__broadcast_to(context, x, shape.count, shape.values));
}

/* Distinct axes of an array of this rank as flags. */
static numc_status axes_flags(numc_context *context, const char *name, numc_axes axes, int32_t rank, bool *flags)
{
    memset(flags, 0, NUMC_RANK_LIMIT * sizeof *flags);
    NUMC_TRY(numc__list_check(context, name, axes));
    for (int32_t i = 0; i < axes.count; i++) {
        int32_t axis = numc__axis_normalize(context, name, axes.values[i], rank);
        if (axis < 0)
            return context->status;
        NUMC_REQUIRE(context, !flags[axis], NUMC_INVALID_ARGUMENT, "%s: axis %d is given twice", name, (int)axis);
        flags[axis] = true;
    }
    return NUMC_OK;
}

numc_array *numc_permute_dims(const numc_array *x, numc_axes axes)
{
    numc_context *context = lane_of(x, "numc_permute_dims");
    bool seen[NUMC_RANK_LIMIT];
    if (context == NULL || numc__list_check(context, "numc_permute_dims", axes) != NUMC_OK)
        return NULL;
    if (axes.count != x->rank) {
        numc__fail(context, NUMC_SHAPE, "numc_permute_dims: %d axes for an array of rank %d", (int)axes.count, (int)x->rank);
        return NULL;
    }
    if (axes_flags(context, "numc_permute_dims", axes, x->rank, seen) != NUMC_OK)
        return NULL;
    int32_t order[NUMC_RANK_LIMIT];
    for (int32_t d = 0; d < x->rank; d++)
        order[d] = (int32_t)(axes.values[d] < 0 ? axes.values[d] + x->rank : axes.values[d]);
    return own(context, x, numc__permute(context, x, order));
}

numc_array *numc_moveaxis_axes(const numc_array *x, numc_axes source, numc_axes destination)
{
    const char *name = "numc_moveaxis";
    numc_context *context = lane_of(x, name);
    bool moved[NUMC_RANK_LIMIT], taken[NUMC_RANK_LIMIT];
    if (context == NULL || axes_flags(context, name, source, x->rank, moved) != NUMC_OK
        || axes_flags(context, name, destination, x->rank, taken) != NUMC_OK)
        return NULL;
    if (source.count != destination.count) {
        numc__fail(context, NUMC_SHAPE, "%s: %d axes to %d places", name, (int)source.count, (int)destination.count);
        return NULL;
    }
    int32_t order[NUMC_RANK_LIMIT], next = 0;
    for (int32_t i = 0; i < source.count; i++) {
        int64_t from = source.values[i], to = destination.values[i];
        order[to < 0 ? to + x->rank : to] = (int32_t)(from < 0 ? from + x->rank : from);
    }
    for (int32_t d = 0; d < x->rank; d++) { /* the others in order, where there is room */
        if (taken[d])
            continue;
        while (moved[next])
            next++;
        order[d] = next++;
    }
    return own(context, x, numc__permute(context, x, order));
}

numc_array *(numc_moveaxis)(const numc_array *x, int64_t source, int64_t destination)
{
    return numc_moveaxis_axes(x, (numc_axes){&source, 1, true}, (numc_axes){&destination, 1, true});
}

numc_array *numc_expand_dims(const numc_array *x, numc_axes axes)
{
    numc_context *context = lane_of(x, "numc_expand_dims");
    bool added[NUMC_RANK_LIMIT];
    if (context == NULL || numc__list_check(context, "numc_expand_dims", axes) != NUMC_OK
        || rank_fits(context, "numc_expand_dims", (int64_t)x->rank + axes.count) != NUMC_OK)
        return NULL;
    int32_t rank = x->rank + axes.count;
    if (axes_flags(context, "numc_expand_dims", axes, rank, added) != NUMC_OK)
        return NULL;
    int64_t shape[NUMC_RANK_LIMIT];
    for (int32_t d = 0, k = 0; d < rank; d++)
        shape[d] = added[d] ? 1 : x->shape[k++];
    return own(context, x, numc__reshape(context, x, rank, shape));
}

numc_array *numc_squeeze(const numc_array *x, numc_axes axes)
{
    numc_context *context = lane_of(x, "numc_squeeze");
    bool gone[NUMC_RANK_LIMIT];
    if (context == NULL || axes_flags(context, "numc_squeeze", axes, x->rank, gone) != NUMC_OK)
        return NULL;
    bool every = axes.count == 0 && !axes.given; /* no axes: every axis of size 1 */
    int64_t shape[NUMC_RANK_LIMIT];
    int32_t rank = 0;
    for (int32_t d = 0; d < x->rank; d++) {
        if (gone[d] && x->shape[d] != 1) {
            numc__fail(context, NUMC_SHAPE, "numc_squeeze: axis %d has size %lld, not 1", (int)d, (long long)x->shape[d]);
            return NULL;
        }
        if (!gone[d] && !(every && x->shape[d] == 1))
            shape[rank++] = x->shape[d];
    }
    return own(context, x, numc__reshape(context, x, rank, shape));
}

numc_array *numc_flip(const numc_array *x, numc_axes axes)
{
    numc_context *context = lane_of(x, "numc_flip");
    bool turned[NUMC_RANK_LIMIT];
    if (context == NULL || axes_flags(context, "numc_flip", axes, x->rank, turned) != NUMC_OK)
        return NULL;
    for (int32_t d = 0; d < x->rank && axes.count == 0 && !axes.given; d++)
        turned[d] = true;
    return own(context, x, numc__flip(context, x, turned));
}

static const numc_array *turned_by(numc_context *context, const numc_array *x, int64_t shift, int32_t d)
{
    int64_t n = x->shape[d], turn = n == 0 ? 0 : shift % n, split = turn > 0 ? n - turn : -turn;
    if (split == 0)
        return x;
    const numc_array *parts[2] = {numc__slice_axis(context, x, d, split, n - split, 1), numc__slice_axis(context, x, d, 0, split, 1)};
    return numc_concat(parts, 2, d);
}

numc_array *(numc_roll)(const numc_array *x, int64_t shift, int64_t axis)
{
    numc_context *context = lane_of(x, "numc_roll");
    if (context == NULL)
        return NULL;
    const numc_array *y;
    if (axis == NUMC_FLATTEN) {
        y = numc__reshape(context, x, 1, &x->size);
        y = y == NULL ? NULL : turned_by(context, y, shift, 0);
        y = numc__reshape(context, y, x->rank, x->shape);
    } else {
        int32_t d = numc__axis_normalize(context, "numc_roll", axis, x->rank);
        y = d < 0 ? NULL : turned_by(context, x, shift, d);
    }
    return own(context, x, (numc_array *)y);
}

/* One axis after the other; an axis given twice is turned by both. */
numc_array *numc_roll_axes(const numc_array *x, numc_shape shifts, numc_axes axes)
{
    const char *name = "numc_roll";
    numc_context *context = lane_of(x, name);
    if (context == NULL || numc__list_check(context, name, shifts) != NUMC_OK || numc__list_check(context, name, axes) != NUMC_OK)
        return NULL;
    if (shifts.count != axes.count && (shifts.count != 1 || !axes.given)) {
        numc__fail(context, NUMC_SHAPE, "%s: %d shifts for %d axes", name, (int)shifts.count, (int)axes.count);
        return NULL;
    }
    if (numc__scope_enter(context, name) != NUMC_OK)
        return NULL;
    const numc_array *y = x;
    for (int32_t i = 0; i < axes.count && y != NULL; i++) {
        int32_t d = numc__axis_normalize(context, name, axes.values[i], x->rank);
        y = d < 0 ? NULL : turned_by(context, y, shifts.values[shifts.count == 1 ? 0 : i], d);
    }
    return numc__scope_leave(context, (numc_array *)y);
}

/* All but one axis agree. */
static numc_status concat_fits(numc_context *context, const numc_array *const *arrays, int32_t count, int32_t axis)
{
    for (int32_t i = 1; i < count; i++) {
        bool fits = arrays[i]->rank == arrays[0]->rank;
        for (int32_t d = 0; d < arrays[0]->rank && fits; d++)
            fits = d == axis || arrays[i]->shape[d] == arrays[0]->shape[d];
        char a[256], b[256];
        NUMC_REQUIRE(context, fits, NUMC_SHAPE, "numc_concat: the shapes %s and %s differ not only on axis %d",
                     numc__shape_format(a, sizeof a, arrays[0]->rank, arrays[0]->shape),
                     numc__shape_format(b, sizeof b, arrays[i]->rank, arrays[i]->shape), (int)axis);
    }
    return NUMC_OK;
}

static numc_array *concat_flat(numc_context *context, const numc_array *const *arrays, int32_t count)
{
    const numc_array **flat = numc__allocate(context, (size_t)count * sizeof *flat);
    numc_array *y = NULL;
    if (flat == NULL)
        return NULL;
    if (numc_scope_begin(context) == NUMC_OK) {
        for (int32_t i = 0; i < count; i++)
            flat[i] = numc__reshape(context, arrays[i], 1, &arrays[i]->size);
        y = numc__scope_leave(context, context->status == NUMC_OK ? numc_concat(flat, count, 0) : NULL);
    }
    numc__free(context, flat, (size_t)count * sizeof *flat);
    return y;
}

numc_array *numc_concat(const numc_array *const *arrays, int32_t count, int64_t axis)
{
    numc_context *context = arrays == NULL || count <= 0 ? NULL : numc__lane_of(arrays, count, "numc_concat");
    if (context == NULL)
        return NULL;
    if (axis == NUMC_FLATTEN)
        return concat_flat(context, arrays, count);
    int32_t d = numc__axis_normalize(context, "numc_concat", axis, arrays[0]->rank);
    if (d < 0 || concat_fits(context, arrays, count, d) != NUMC_OK)
        return NULL;
    numc_dtype dtype = NUMC_DTYPE_DEFAULT;
    bool weak = true;
    for (int32_t pass = 0; pass < 2 && dtype == NUMC_DTYPE_DEFAULT; pass++) { /* weak arrays have a say only among themselves */
        for (int32_t i = 0; i < count; i++) {
            if (arrays[i]->weak && pass == 0)
                continue;
            weak = weak && arrays[i]->weak;
            numc_dtype next = dtype == NUMC_DTYPE_DEFAULT ? arrays[i]->dtype : numc__promote(dtype, arrays[i]->dtype);
            if (next == NUMC_DTYPE_DEFAULT) {
                numc__fail(context, NUMC_DTYPE, "numc_concat: %s and %s have no common dtype", numc_dtype_name(dtype),
                           numc_dtype_name(arrays[i]->dtype));
                return NULL;
            }
            dtype = next;
        }
    }
    const numc_array *few[16], **converted = few;
    if (count > 16) {
        converted = numc__allocate(context, (size_t)count * sizeof *converted);
        if (converted == NULL)
            return NULL;
    }
    numc_array *y = NULL;
    if (numc__scope_enter(context, "numc_concat") == NUMC_OK) {
        bool good = true;
        for (int32_t i = 0; i < count && good; i++) {
            converted[i] = numc__convert(context, arrays[i], dtype);
            good = converted[i] != NULL;
        }
        int64_t number = d;
        numc_attributes attributes = {.count = 1, .numbers = &number};
        y = good ? numc__bind1(context, NUMC_PRIMITIVE_CONCAT, converted, count, &attributes) : NULL;
        y = numc__scope_leave(context, y);
    }
    if (converted != few)
        numc__free(context, converted, (size_t)count * sizeof *converted);
    if (y != NULL)
        y->weak = weak;
    return y;
}

numc_array *numc_stack(const numc_array *const *arrays, int32_t count, int64_t axis)
{
    numc_context *context = arrays == NULL || count <= 0 ? NULL : numc__lane_of(arrays, count, "numc_stack");
    if (context == NULL)
        return NULL;
    int32_t rank = arrays[0]->rank, d = numc__axis_normalize(context, "numc_stack", axis, rank + 1);
    if (d < 0 || rank_fits(context, "numc_stack", rank + 1) != NUMC_OK)
        return NULL;
    int64_t shape[NUMC_RANK_LIMIT];
    for (int32_t k = 0, i = 0; k <= rank; k++)
        shape[k] = k == d ? 1 : arrays[0]->shape[i++];
    const numc_array **lifted = numc__allocate(context, (size_t)count * sizeof *lifted);
    if (lifted == NULL)
        return NULL;
    for (int32_t i = 0; i < count; i++) {
        if (!same_shape(arrays[i], rank, arrays[0]->shape)) {
            char a[256], b[256];
            numc__fail(context, NUMC_SHAPE, "numc_stack: the shapes %s and %s differ",
                       numc__shape_format(a, sizeof a, rank, arrays[0]->shape),
                       numc__shape_format(b, sizeof b, arrays[i]->rank, arrays[i]->shape));
            break;
        }
        lifted[i] = numc__reshape(context, arrays[i], rank + 1, shape);
    }
    numc_array *y = context->status == NUMC_OK ? NUMC_AS_PART_OF(context, "numc_stack", numc_concat(lifted, count, d)) : NULL;
    numc__free(context, lifted, (size_t)count * sizeof *lifted);
    return y;
}

/* x of shape (.., n, ..) seen as (.., front, n, back, ..) with the new axes broadcast, then folded: front copies of the
 * whole, back copies of each element. */
static numc_array *multiply_axes(numc_context *context, const char *name, const numc_array *x, const int64_t *front,
                                 const int64_t *back)
{
    int64_t thin[3 * NUMC_RANK_LIMIT], wide[3 * NUMC_RANK_LIMIT], folded[NUMC_RANK_LIMIT];
    int32_t rank = 0;
    for (int32_t d = 0; d < x->rank; d++) {
        folded[d] = numc__size_multiply(numc__size_multiply(x->shape[d], front[d]), back[d]);
        if (folded[d] == INT64_MAX) {
            numc__fail(context, NUMC_MEMORY, "%s: %lld copies of axis %d of size %lld are too many", name,
                       (long long)numc__size_multiply(front[d], back[d]), (int)d, (long long)x->shape[d]);
            return NULL;
        }
        if (front[d] != 1) {
            thin[rank] = 1;
            wide[rank++] = front[d];
        }
        thin[rank] = wide[rank] = x->shape[d];
        rank++;
        if (back[d] != 1) {
            thin[rank] = 1;
            wide[rank++] = back[d];
        }
    }
    numc_array *y = numc__reshape(context, x, rank, thin);
    y = numc__broadcast_to(context, y, rank, wide);
    return numc__reshape(context, y, x->rank, folded);
}

numc_array *numc_tile(const numc_array *x, numc_shape repetitions)
{
    numc_context *context = lane_of(x, "numc_tile");
    if (context == NULL || numc__shape_check(context, "numc_tile", repetitions) != NUMC_OK)
        return NULL;
    int32_t rank = x->rank > repetitions.count ? x->rank : repetitions.count;
    int64_t shape[NUMC_RANK_LIMIT], front[NUMC_RANK_LIMIT], back[NUMC_RANK_LIMIT];
    for (int32_t d = 0; d < rank; d++) {
        int32_t i = d - (rank - x->rank), k = d - (rank - repetitions.count);
        shape[d] = i < 0 ? 1 : x->shape[i];
        front[d] = k < 0 ? 1 : repetitions.values[k];
        back[d] = 1;
        if (front[d] < 0) {
            numc__fail(context, NUMC_VALUE, "numc_tile: %lld repetitions", (long long)front[d]);
            return NULL;
        }
    }
    numc_array *y = numc__reshape(context, x, rank, shape);
    return y == NULL ? NULL : own(context, x, multiply_axes(context, "numc_tile", y, front, back));
}

static bool axis_absent(numc_context *context, const char *name, numc_axis axis)
{
    if (!axis.given && axis.value != 0)
        numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: a number where an axis belongs; write NUMC_AXIS(%lld)", name,
                   (long long)axis.value);
    return !axis.given;
}

numc_array *(numc_repeat)(const numc_array *x, int64_t repeats, numc_axis axis)
{
    numc_context *context = lane_of(x, "numc_repeat");
    if (context == NULL || (axis_absent(context, "numc_repeat", axis) && context->status != NUMC_OK))
        return NULL;
    if (repeats < 0) {
        numc__fail(context, NUMC_VALUE, "numc_repeat: %lld repeats", (long long)repeats);
        return NULL;
    }
    const numc_array *y = axis.given ? x : numc__reshape(context, x, 1, &x->size);
    int32_t d = y == NULL ? -1 : numc__axis_normalize(context, "numc_repeat", axis.given ? axis.value : 0, y->rank);
    if (d < 0)
        return NULL;
    int64_t front[NUMC_RANK_LIMIT], back[NUMC_RANK_LIMIT];
    for (int32_t k = 0; k < y->rank; k++)
        front[k] = back[k] = 1;
    back[d] = repeats;
    return own(context, x, multiply_axes(context, "numc_repeat", y, front, back));
}

/* Each element stands where the running count of repeats before it ends: source[j] = how many of the counts, summed up, are <= j. */
static numc_array *repeat_each(numc_context *context, const numc_array *x, const numc_array *repeats, int32_t d)
{
    const char *name = "numc_repeat";
    const numc_array *wide = numc__convert(context, repeats, NUMC_INT64);
    const numc_array *ends = wide == NULL || wide->size == 0 ? wide : numc_cumulative_sum(wide);
    int64_t total = 0, last = wide == NULL ? 0 : wide->size - 1, one = 1;
    if (ends == NULL)
        return NULL;
    if (wide->size > 0) {
        total = numc_item_integer(numc__slice(context, ends, &last, &one, &one));
        if (numc_item_integer(numc_min(wide)) < 0)
            numc__fail(context, NUMC_VALUE, "%s: a negative number of repeats", name);
        else if (numc_item_bool(numc_any(numc_less(ends, 0))) || total > INT64_C(1) << 46)
            numc__fail(context, NUMC_MEMORY, "%s: the repeats are too many", name);
    }
    if (context->status != NUMC_OK)
        return NULL;
    const numc_array *marks[3] = {numc__full(context, NUMC_INT64, 1, &total, 0), ends,
                                  numc__full(context, NUMC_INT64, 1, &wide->size, 1)};
    const int64_t numbers[2] = {0, 1};
    numc_attributes attributes = {.count = 2, .numbers = numbers};
    numc_array *steps = context->status != NUMC_OK ? NULL : numc__bind1(context, NUMC_PRIMITIVE_SCATTER, marks, 3, &attributes);
    return steps == NULL ? NULL : numc__gather(context, x, total == 0 ? steps : numc_cumulative_sum(steps), d);
}

numc_array *numc_repeat_array(const numc_array *x, const numc_array *repeats, numc_axis axis)
{
    const char *name = "numc_repeat";
    const numc_array *both[2] = {x, repeats};
    numc_context *context = numc__lane_of(both, 2, name);
    if (context == NULL || (axis_absent(context, name, axis) && context->status != NUMC_OK))
        return NULL;
    repeats = numc__array_value(repeats);
    if (repeats == NULL) {
        numc__fail(context, NUMC_TRACE, "%s: the size of the result depends on traced repeats; inside a trace they are constants, "
                   "unless in dynamic mode (numc_function_dynamic, numc_model_new_dynamic)", name);
        return NULL;
    }
    if ((numc_dtype_kind(repeats->dtype) & (NUMC_KIND_SIGNED | NUMC_KIND_UNSIGNED)) == 0 || repeats->rank > 1) {
        numc__fail(context, repeats->rank > 1 ? NUMC_SHAPE : NUMC_DTYPE, "%s: repeats of dtype %s and rank %d; integers in a list are wanted",
                   name, numc_dtype_name(repeats->dtype), (int)repeats->rank);
        return NULL;
    }
    int32_t d = axis.given ? numc__axis_normalize(context, name, axis.value, x->rank) : 0;
    if (d < 0)
        return NULL;
    int64_t n = axis.given ? x->shape[d] : x->size;
    if (repeats->rank == 0 || (repeats->size == 1 && n != 1)) {
        int64_t number = numc_item_integer(repeats);
        return context->status != NUMC_OK ? NULL : (numc_repeat)(x, number, axis);
    }
    if (repeats->size != n) {
        numc__fail(context, NUMC_SHAPE, "%s: %lld repeats for %lld elements", name, (long long)repeats->size, (long long)n);
        return NULL;
    }
    if (numc__scope_enter(context, name) != NUMC_OK)
        return NULL;
    const numc_array *line = axis.given ? x : numc__reshape(context, x, 1, &x->size);
    return numc__scope_leave(context, line == NULL ? NULL : repeat_each(context, line, repeats, d));
}

numc_array *numc_stop_gradient(const numc_array *x)
{
    numc_context *context = lane_of(x, "numc_stop_gradient");
    return context == NULL ? NULL : numc__stop(context, x);
}
