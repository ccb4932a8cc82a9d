/* index.c - x[...]: integers, slices, new axes and an ellipsis are a region of the array; integer arrays and masks become one
 * gather (or scatter) on a flattened view. Updates are the same in reverse, and differentiable. */
#include <string.h>

#include "array/state.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NUMC_LITTLE_ENDIAN 1
#else
#define NUMC_LITTLE_ENDIAN 0
#endif

/* A list of terms without ellipsis, one for each axis of x plus the new axes. */
typedef struct parsed {
    numc_context *context;
    const char *name;
    const numc_array *x;
    numc_index_term terms[2 * NUMC_RANK_LIMIT];
    int32_t count;
    int32_t picks; /* integer arrays */
} parsed;

/* What integers, slices and new axes select: per axis of x an ascending part, perhaps turned, perhaps dropped. */
typedef struct region {
    int64_t start[NUMC_RANK_LIMIT], count[NUMC_RANK_LIMIT], step[NUMC_RANK_LIMIT];
    bool turned[NUMC_RANK_LIMIT];
    int64_t shape[NUMC_RANK_LIMIT]; /* of the result */
    int32_t rank;
    bool whole; /* every element of x, in place */
    bool empty;
} region;

static bool is_mask(const numc_index_term *term)
{
    return term->kind == NUMC_INDEX_ARRAY && term->array != NULL && term->array->dtype == NUMC_BOOL;
}

static bool is_integer(numc_dtype dtype)
{
    return (numc_dtype_kind(dtype) & (NUMC_KIND_SIGNED | NUMC_KIND_UNSIGNED)) != 0;
}

/* The lane of x, the arrays among the terms, and perhaps one value. */
static numc_context *lane_of(const char *name, const numc_array *x, const numc_index_term *terms, int32_t count,
                             const numc_operand *value)
{
    const numc_array *operands[NUMC_RANK_LIMIT + 2];
    int32_t used = 0;
    operands[used++] = x;
    if (terms == NULL && count > 0) {
        numc_context *context = numc__lane_of(operands, used, name);
        if (context != NULL)
            numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: %d terms are given, but no list of them", name, (int)count);
        return NULL;
    }
    for (int32_t i = 0; i < count && used <= NUMC_RANK_LIMIT; i++) {
        if (terms[i].kind == NUMC_INDEX_ARRAY)
            operands[used++] = terms[i].array;
    }
    if (value != NULL && value->kind == NUMC_OPERAND_ARRAY)
        operands[used++] = value->value.array;
    return numc__lane_of(operands, used, name);
}

static numc_status parse(parsed *p, numc_context *context, const char *name, const numc_array *x,
                         const numc_index_term *terms, int32_t count)
{
    *p = (parsed){.context = context, .name = name, .x = x};
    NUMC_REQUIRE(context, count >= 0 && count <= NUMC_RANK_LIMIT, NUMC_INDEX, "%s: %d terms", name, (int)count);
    int32_t axes = 0, ellipses = 0, added = 0, dropped = 0;
    for (int32_t i = 0; i < count; i++) {
        NUMC_REQUIRE(context, (uint32_t)terms[i].kind <= NUMC_INDEX_ARRAY, NUMC_INVALID_ARGUMENT,
                     "%s: term %d is of no known kind (%d)", name, (int)i + 1, (int)terms[i].kind);
        ellipses += terms[i].kind == NUMC_INDEX_ELLIPSIS;
        added += terms[i].kind == NUMC_INDEX_NEW;
        dropped += terms[i].kind == NUMC_INDEX_AT;
        axes += terms[i].kind != NUMC_INDEX_ELLIPSIS && terms[i].kind != NUMC_INDEX_NEW;
        p->picks += terms[i].kind == NUMC_INDEX_ARRAY;
        NUMC_REQUIRE(context, !is_mask(&terms[i]), NUMC_INDEX, "%s: a mask must be the only term", name);
        NUMC_REQUIRE(context, terms[i].kind != NUMC_INDEX_ARRAY || is_integer(terms[i].array->dtype), NUMC_DTYPE,
                     "%s: an index array must be of integers or bool, not %s", name,
                     numc_dtype_name(terms[i].array->dtype));
    }
    NUMC_REQUIRE(context, ellipses <= 1, NUMC_INDEX, "%s: more than one ellipsis", name);
    NUMC_REQUIRE(context, axes <= x->rank, NUMC_INDEX, "%s: %d indices for an array of rank %d", name, (int)axes,
                 (int)x->rank);
    NUMC_REQUIRE(context, x->rank + added - dropped <= NUMC_RANK_MAXIMUM, NUMC_SHAPE, "%s: rank %d is beyond %d", name,
                 (int)(x->rank + added - dropped), NUMC_RANK_MAXIMUM);
    const numc_index_term all = {.kind = NUMC_INDEX_ALL};
    for (int32_t i = 0; i <= count; i++) {
        if (i == count ? ellipses == 0 : terms[i].kind == NUMC_INDEX_ELLIPSIS) {
            for (int32_t k = axes; k < x->rank; k++)
                p->terms[p->count++] = all;
        } else if (i < count) {
            p->terms[p->count++] = terms[i];
        }
    }
    return NUMC_OK;
}

static numc_status at_axis(const parsed *p, int64_t index, int32_t axis, int64_t n, int64_t *at)
{
    NUMC_REQUIRE(p->context, index >= -n && index < n, NUMC_INDEX,
                 "%s: index %lld is out of bounds for axis %d of size %lld", p->name, (long long)index, (int)axis, (long long)n);
    *at = index < 0 ? index + n : index;
    return NUMC_OK;
}

/* Python's slices: ends clip, negative ones count from the end. */
static numc_status slice_axis(const parsed *p, const numc_index_term *term, int64_t n, region *r, int32_t axis)
{
    int64_t step = term->step == 0 ? 1 : term->step;
    NUMC_REQUIRE(p->context, step != INT64_MIN, NUMC_INDEX, "%s: a slice's step is out of range", p->name);
    int64_t lowest = step > 0 ? 0 : -1, highest = step > 0 ? n : n - 1;
    int64_t ends[2] = {term->start, term->stop};
    for (int k = 0; k < 2; k++) {
        if (ends[k] == NUMC_END)
            ends[k] = (k == 0) == (step > 0) ? lowest : highest;
        else if (ends[k] < 0)
            ends[k] = ends[k] + n < lowest ? lowest : ends[k] + n;
        else
            ends[k] = ends[k] > highest ? highest : ends[k];
    }
    int64_t span = step > 0 ? ends[1] - ends[0] : ends[0] - ends[1], size = step > 0 ? step : -step;
    int64_t count = span <= 0 ? 0 : (span - 1) / size + 1;
    r->count[axis] = count;
    r->step[axis] = count > 1 ? size : 1;
    r->start[axis] = count == 0 ? 0 : step > 0 ? ends[0] : ends[0] - (count - 1) * size;
    r->turned[axis] = step < 0 && count > 1;
    return NUMC_OK;
}

/* keep_picked: axes of integer arrays, and of integers beside such, stay whole. */
static numc_status find_region(const parsed *p, bool keep_picked, region *r)
{
    int32_t axis = 0;
    memset(r, 0, sizeof *r);
    r->whole = true;
    for (int32_t i = 0; i < p->count; i++) {
        const numc_index_term *term = &p->terms[i];
        int64_t n = term->kind == NUMC_INDEX_NEW ? 1 : p->x->shape[axis];
        if (term->kind == NUMC_INDEX_NEW) {
            r->shape[r->rank++] = 1;
            continue;
        }
        r->count[axis] = n;
        r->step[axis] = 1;
        if (term->kind == NUMC_INDEX_AT && !(keep_picked && p->picks > 0)) {
            NUMC_TRY(at_axis(p, term->start, axis, n, &r->start[axis]));
            r->count[axis] = 1;
        } else {
            if (term->kind == NUMC_INDEX_SLICE)
                NUMC_TRY(slice_axis(p, term, n, r, axis));
            r->shape[r->rank++] = r->count[axis];
        }
        r->whole = r->whole && r->count[axis] == n && !r->turned[axis];
        r->empty = r->empty || r->count[axis] == 0;
        axis++;
    }
    return NUMC_OK;
}

static numc_array *read_region(numc_context *context, const numc_array *x, const region *r)
{
    numc_array *y = numc__slice(context, x, r->start, r->count, r->step);
    y = numc__flip(context, y, r->turned);
    return numc__reshape(context, y, r->rank, r->shape);
}

/* Contiguous memory of an array that the host can read as it lies, with the queue run empty; NULL where that is not so. */
static const void *readable(numc_context *context, const numc_array *x)
{
    numc_backend_device *device = x->content == NUMC_CONTENT_BUFFER ? numc__array_device(context) : NULL;
    if (device == NULL || device->info.unified == 0 || !numc__array_is_contiguous(x)
        || device->table.synchronize(device->device) != NUMC_OK)
        return NULL;
    return (const char *)x->buffer->memory + (size_t)x->offset * numc_dtype_size(x->dtype);
}

/* The common case, seen without a copy: every index in [0, n). False: not so, or not known. */
static bool all_within(numc_context *context, const numc_array *indices, int64_t n)
{
    bool wide = indices->dtype == NUMC_INT64;
    const void *memory = wide || indices->dtype == NUMC_INT32 ? readable(context, indices) : NULL;
    const int64_t *long_values = memory;
    const int32_t *values = memory;
    uint64_t signs = 0; /* the sign bit of i and of n - 1 - i: set where i is outside */
    if (memory == NULL)
        return false;
    for (int64_t i = 0; wide && i < indices->size; i++)
        signs |= (uint64_t)long_values[i] | ((uint64_t)n - 1 - (uint64_t)long_values[i]);
    for (int64_t i = 0; !wide && i < indices->size; i++)
        signs |= (uint64_t)(int64_t)values[i] | ((uint64_t)n - 1 - (uint64_t)(int64_t)values[i]);
    return signs >> 63 == 0;
}

/* ---- integer arrays ---------------------------------------------------------------------------------------------- */

static numc_array *wrap_indices(numc_context *context, const char *name, const numc_array *indices, int64_t n, int32_t axis)
{
    if (indices == NULL)
        return NULL;
    if (!is_integer(indices->dtype)) {
        numc__fail(context, NUMC_DTYPE, "%s: indices must be integers, not %s", name, numc_dtype_name(indices->dtype));
        return NULL;
    }
    if (all_within(context, indices, n))
        return (numc_array *)indices;
    if (indices->dtype == NUMC_UINT64 && indices->content == NUMC_CONTENT_TRACED) /* from 2^63 on an int64 would be negative */
        return numc__convert(context, numc_minimum(indices, n), NUMC_INT64);
    bool is_unsigned = numc_dtype_kind(indices->dtype) == NUMC_KIND_UNSIGNED, negative = !is_unsigned;
    if (indices->content != NUMC_CONTENT_TRACED) {
        int64_t count = indices->content == NUMC_CONTENT_IMMEDIATE && indices->size > 0 ? 1 : indices->size;
        size_t bytes = (size_t)count * sizeof(int64_t);
        int64_t few[32], *values = few;
        negative = false;
        if (count > 32) {
            values = numc__allocate(context, bytes);
            if (values == NULL)
                return NULL;
        }
        numc_status status = NUMC_OK;
        if (count == 1 && indices->content == NUMC_CONTENT_IMMEDIATE)
            values[0] = numc__value_integer(indices->dtype, indices->immediate);
        else
            status = numc__read(indices, context, NUMC_INT64, values);
        for (int64_t i = 0; i < count && status == NUMC_OK; i++) {
            if (values[i] >= n || values[i] < (is_unsigned ? 0 : -n))
                status = numc__fail(context, NUMC_INDEX,
                                    is_unsigned ? "%s: index %llu is out of bounds for axis %d of size %lld"
                                                : "%s: index %lld is out of bounds for axis %d of size %lld",
                                    name, (long long)values[i], (int)axis, (long long)n);
            negative = negative || values[i] < 0;
        }
        if (values != few)
            numc__free(context, values, bytes);
        if (status != NUMC_OK)
            return NULL;
    }
    if (!negative)
        return (numc_array *)indices;
    const numc_array *wide = numc__convert(context, indices, NUMC_INT64);
    return numc_where(numc_less(wide, 0), numc_add(wide, n), wide);
}

/* A traced index of an axis that is to be flattened with others, inside the axis: beyond its end the flat one would be in another line. */
static numc_array *within_axis(const numc_array *index, int64_t n)
{
    return index == NULL || index->content != NUMC_CONTENT_TRACED ? (numc_array *)(uintptr_t)index : numc_clip(index, 0, n - 1);
}

/* The picked axes of an array y (what the region left): which they are, and one flat index into them laid first. */
typedef struct picking {
    int32_t axes[NUMC_RANK_LIMIT], count; /* of y, in order */
    int32_t order[NUMC_RANK_LIMIT];       /* picked axes first, then the others */
    int64_t flat_size;
    const numc_array *indices[NUMC_RANK_LIMIT]; /* int64, none negative, one per picked axis */
    const numc_array *flat; /* int64, broadcast shape of the index arrays */
    int32_t front;          /* where the picked axes stand in the result: axes before them */
} picking;

static numc_status find_picking(const parsed *p, const numc_array *y, picking *k)
{
    numc_context *context = p->context;
    int32_t axis = 0, first = -1, last = -1;
    memset(k, 0, sizeof *k);
    k->flat_size = 1;
    for (int32_t i = 0; i < p->count; i++) {
        const numc_index_term *term = &p->terms[i];
        if (term->kind == NUMC_INDEX_ARRAY || term->kind == NUMC_INDEX_AT) {
            const numc_array *index = term->array;
            int64_t n = y->shape[axis];
            if (term->kind == NUMC_INDEX_AT) {
                int64_t at = 0;
                NUMC_TRY(at_axis(p, term->start, axis, n, &at));
                index = numc_number_(context, NUMC_INT64, numc_operand_integer(at));
            }
            index = wrap_indices(context, p->name, index, n, axis);
            k->indices[k->count] = numc__convert(context, index, NUMC_INT64);
            if (k->indices[k->count] == NULL)
                return context->status;
            k->axes[k->count++] = axis;
            k->flat_size = numc__size_multiply(k->flat_size, n);
            NUMC_REQUIRE(context, k->flat_size < INT64_MAX, NUMC_SHAPE, "%s: the axes picked from are too large", p->name);
            first = first < 0 ? i : first;
            last = i;
        }
        axis++;
    }
    bool adjacent = last - first + 1 == k->count;
    k->front = adjacent ? k->axes[0] : 0;
    int32_t used = k->count, next = 0;
    memcpy(k->order, k->axes, sizeof k->axes);
    for (int32_t d = 0; d < y->rank; d++) {
        if (next < k->count && k->axes[next] == d)
            next++;
        else
            k->order[used++] = d;
    }
    return NUMC_OK;
}

/* The flat index, row-major over the picked axes. `drops`: one that is out of bounds stays so, for a scatter. */
static numc_status find_flat(numc_context *context, const numc_array *y, picking *k, bool drops)
{
    const numc_array *flat = k->indices[0], *outside = NULL;
    for (int32_t i = 0; i < k->count && k->count > 1; i++) {
        const numc_array *index = within_axis(k->indices[i], y->shape[k->axes[i]]);
        if (drops && index != k->indices[i]) {
            const numc_array *beyond = numc_not_equal(index, k->indices[i]);
            outside = outside == NULL ? beyond : numc_logical_or(outside, beyond);
        }
        flat = i == 0 ? index : numc_add(numc_multiply(flat, y->shape[k->axes[i]]), index);
    }
    k->flat = outside == NULL ? flat : numc_where(outside, k->flat_size, flat);
    return context->status;
}

/* Whether y has memory in which the picked axes are not one, so that flattening them would copy all of y. */
static bool picked_apart(const numc_array *y, const picking *k)
{
    bool apart = false;
    if (y->content != NUMC_CONTENT_BUFFER || y->size == 0)
        return false;
    for (int32_t i = 0; i < k->count; i++) {
        if (k->indices[i]->content == NUMC_CONTENT_TRACED)
            return false;
        if (i > 0)
            apart = apart || y->strides[k->axes[i - 1]] != y->strides[k->axes[i]] * y->shape[k->axes[i]];
    }
    return apart;
}

/* The same elements read where they lie: y with all places in memory that the picked axes span as its first axis, its other axes
 * as they are, and the flat index along it. No place outside y's own range of memory is reached. */
static numc_array *span_picked(numc_context *context, const numc_array *y, picking *k)
{
    int64_t shape[NUMC_RANK_LIMIT] = {1}, strides[NUMC_RANK_LIMIT] = {1}, low = 0;
    const numc_array *flat = NULL;
    for (int32_t i = 0; i < k->count; i++) {
        int64_t stride = y->strides[k->axes[i]], reach = stride * (y->shape[k->axes[i]] - 1);
        const numc_array *part = numc_multiply(k->indices[i], stride);
        shape[0] += reach < 0 ? -reach : reach;
        low += reach < 0 ? reach : 0;
        flat = i == 0 ? part : numc_add(flat, part);
    }
    k->flat = numc_subtract(flat, low);
    for (int32_t d = k->count; d < y->rank; d++) {
        shape[d - k->count + 1] = y->shape[k->order[d]];
        strides[d - k->count + 1] = y->strides[k->order[d]];
    }
    return k->flat == NULL ? NULL : numc__array_new_view(context, y, y->rank - k->count + 1, shape, strides, y->offset + low);
}

/* y with the picked axes first and flattened. */
static numc_array *flatten_picked(numc_context *context, const numc_array *y, const picking *k)
{
    numc_array *turned = numc__permute(context, y, k->order);
    int64_t shape[NUMC_RANK_LIMIT] = {k->flat_size};
    if (turned == NULL)
        return NULL;
    for (int32_t d = k->count; d < y->rank; d++)
        shape[d - k->count + 1] = turned->shape[d];
    return numc__reshape(context, turned, y->rank - k->count + 1, shape);
}

/* The first `moved` axes of z to stand behind `front` others (or back again). */
static numc_array *move_front(numc_context *context, const numc_array *z, int32_t moved, int32_t front, bool back)
{
    int32_t order[NUMC_RANK_LIMIT];
    if (z == NULL)
        return NULL;
    for (int32_t d = 0; d < z->rank; d++) {
        int32_t from = d < front ? d + moved : d < front + moved ? d - front : d;
        if (back)
            order[from] = d;
        else
            order[d] = from;
    }
    return numc__permute(context, z, order);
}

static numc_array *read_picked(const parsed *p, const region *r)
{
    numc_context *context = p->context;
    const numc_array *y = read_region(context, p->x, r);
    picking k;
    if (y == NULL || find_picking(p, y, &k) != NUMC_OK)
        return NULL;
    if (k.count == 1)
        return numc__gather(context, y, k.indices[0], k.axes[0]);
    const numc_array *rows = NULL;
    if (picked_apart(y, &k))
        rows = span_picked(context, y, &k);
    else if (find_flat(context, y, &k, false) == NUMC_OK)
        rows = flatten_picked(context, y, &k);
    return rows == NULL ? NULL : move_front(context, numc__gather(context, rows, k.flat, 0), k.flat->rank, k.front, false);
}

/* ---- masks ------------------------------------------------------------------------------------------------------- */

static numc_status mask_fits(numc_context *context, const char *name, const numc_array *x, const numc_array *mask)
{
    bool fits = mask->rank <= x->rank;
    for (int32_t d = 0; d < mask->rank && fits; d++)
        fits = mask->shape[d] == x->shape[d] || mask->shape[d] == 0;
    char a[256], b[256];
    NUMC_REQUIRE(context, fits, NUMC_INDEX, "%s: a mask of shape %s does not fit the leading axes of shape %s", name,
                 numc__shape_format(a, sizeof a, mask->rank, mask->shape), numc__shape_format(b, sizeof b, x->rank, x->shape));
    return NUMC_OK;
}

#define EACH_BYTE UINT64_C(0x0101010101010101)

static uint64_t eight_bytes(const unsigned char *mask)
{
    uint64_t word;
    memcpy(&word, mask, sizeof word);
    return word;
}

/* Of eight bytes each 1 where it was not 0. */
static uint64_t eight_bits(uint64_t word)
{
    word |= word >> 4 & 0x0f * EACH_BYTE;
    word |= word >> 2 & 0x03 * EACH_BYTE;
    return (word | (word >> 1 & EACH_BYTE)) & EACH_BYTE;
}

/* How many bytes are not 0; *plain: all of them are 0 or 1. */
static int64_t count_true(const unsigned char *mask, int64_t n, bool *plain)
{
    int64_t total = 0, i = 0;
    uint64_t seen = 0;
    while (n - i >= 8) { /* 255 words at most: no byte of the sum overflows */
        int64_t words = (n - i) / 8 < 255 ? (n - i) / 8 : 255;
        uint64_t sum = 0;
        for (int64_t k = 0; k < words; k++, i += 8) {
            uint64_t word = eight_bytes(mask + i);
            seen |= word;
            sum += word;
        }
        const uint64_t halves = UINT64_C(0x00ff00ff00ff00ff);
        total += (int64_t)(((sum & halves) + (sum >> 8 & halves)) * UINT64_C(0x0001000100010001) >> 48);
    }
    *plain = (seen & ~EACH_BYTE) == 0;
    if (!*plain) {
        total = 0;
        for (int64_t k = 0; k < i; k++)
            total += mask[k] != 0;
    }
    for (; i < n; i++)
        total += mask[i] != 0;
    return total;
}

/* The positions of true in host memory, of which there are `total`. Eight at a time are written from a table of the positions
 * within each pattern of eight, so that no branch depends on the mask; what is too much is written over by the next. */
static void write_positions(const unsigned char *mask, int64_t n, int64_t total, bool plain, int64_t *positions)
{
    int64_t i = 0, k = 0;
    if (NUMC_LITTLE_ENDIAN && n >= 16384) {
        int64_t table[256][8];
        unsigned char counts[256];
        for (unsigned pattern = 0; pattern < 256; pattern++) {
            unsigned char used = 0;
            for (int64_t bit = 0; bit < 8; bit++) {
                table[pattern][used] = bit; /* stays where the bit is set; one too many is written over */
                used = (unsigned char)(used + (pattern >> bit & 1));
            }
            for (unsigned j = used; j < 8; j++)
                table[pattern][j] = 0;
            counts[pattern] = used;
        }
        for (; n - i >= 8 && total - k >= 8; i += 8) {
            uint64_t word = eight_bytes(mask + i);
            /* the product brings bit 0 of byte b to bit 56 + b */
            unsigned pattern = (unsigned)((plain ? word : eight_bits(word)) * UINT64_C(0x0102040810204080) >> 56);
            int64_t *to = positions + k;
            const int64_t *from = table[pattern];
            for (int j = 0; j < 8; j++)
                to[j] = i + from[j];
            k += counts[pattern];
        }
    }
    for (; i < n && k < total; i++) {
        positions[k] = i;
        k += mask[i] != 0;
    }
}

/* Row-major positions of true. Where the host can read device memory they are written down; else the running count says where
 * each goes, the last count, read back, how many there are. */
numc_array *numc__mask_positions(numc_context *context, const char *name, const numc_array *mask)
{
    mask = numc__array_value(mask);
    if (mask == NULL) {
        numc__fail(context, NUMC_TRACE, "%s: the size of the result depends on a traced mask; inside a trace use numc_where, "
                   "or dynamic mode (numc_function_dynamic, numc_model_new_dynamic)", name);
        return NULL;
    }
    int64_t n = mask->size, first = 0;
    const numc_array *flat = numc__reshape(context, mask, 1, &n);
    if (flat == NULL || n == 0)
        return flat == NULL ? NULL : numc__full(context, NUMC_INT64, 1, &first, 0);
    const unsigned char *bytes = readable(context, flat);
    if (bytes != NULL) {
        bool plain;
        const int64_t count = count_true(bytes, n, &plain);
        numc_array *y = numc__array_new_buffer(context, NUMC_INT64, 1, &count);
        if (y != NULL)
            write_positions(bytes, n, count, plain, y->buffer->memory);
        return y;
    }
    numc_array *running = numc_cumulative_sum(flat);
    const int64_t last = n - 1, one = 1;
    int64_t total = numc_item_integer(numc__slice(context, running, &last, &one, &one));
    numc_array *where = numc_where(flat, numc_subtract(running, 1), total);
    const numc_array *inputs[3] = {numc__full(context, NUMC_INT64, 1, &total, 0), where, numc__iota(context, NUMC_INT64, 1, &n, 0)};
    const int64_t numbers[2] = {0, 0};
    numc_attributes attributes = {.count = 2, .numbers = numbers};
    return context->status != NUMC_OK ? NULL : numc__bind1(context, NUMC_PRIMITIVE_SCATTER, inputs, 3, &attributes);
}

/* x with the axes of the mask made one: all of x's, though an axis of size 0 of the mask selects nothing of it. */
static numc_array *flatten_masked(numc_context *context, const numc_array *x, const numc_array *mask)
{
    int64_t shape[NUMC_RANK_LIMIT] = {1};
    for (int32_t d = 0; d < x->rank; d++) {
        if (d < mask->rank)
            shape[0] *= x->shape[d];
        else
            shape[d - mask->rank + 1] = x->shape[d];
    }
    return numc__reshape(context, x, x->rank - mask->rank + 1, shape);
}

static numc_array *read_masked(numc_context *context, const char *name, const numc_array *x, const numc_array *mask)
{
    if (mask_fits(context, name, x, mask) != NUMC_OK)
        return NULL;
    numc_array *positions = numc__mask_positions(context, name, mask);
    return numc__gather(context, positions == NULL ? NULL : flatten_masked(context, x, mask), positions, 0);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* Inside a function ranks may pass what a public array has. */
static numc_array *of_rank(numc_context *context, const char *name, numc_array *y)
{
    if (y == NULL || y->rank <= NUMC_RANK_MAXIMUM)
        return y;
    numc__fail(context, NUMC_SHAPE, "%s: rank %d is beyond %d", name, (int)y->rank, NUMC_RANK_MAXIMUM);
    return NULL;
}

numc_array *numc_index_(const numc_array *x, const numc_index_term *terms, int32_t count)
{
    const char *name = "numc_index";
    numc_context *context = lane_of(name, x, terms, count, NULL);
    if (context == NULL || numc__scope_enter(context, name) != NUMC_OK)
        return NULL;
    numc_array *y = NULL;
    parsed p;
    region r;
    if (count == 1 && is_mask(&terms[0]))
        y = read_masked(context, name, x, terms[0].array);
    else if (parse(&p, context, name, x, terms, count) == NUMC_OK && find_region(&p, true, &r) == NUMC_OK)
        y = p.picks > 0 ? read_picked(&p, &r) : read_region(context, x, &r);
    return numc__scope_leave(context, of_rank(context, name, y));
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* The value as x's dtype and a shape that numc_index would give. */
static numc_array *fit_value(numc_context *context, const char *name, const numc_array *x, numc_operand value, int32_t rank,
                             const int64_t *shape)
{
    numc_array *v;
    if (value.kind == NUMC_OPERAND_ARRAY) {
        v = numc__convert(context, value.value.array, x->dtype);
    } else {
        v = numc__number_fits(context, name, x->dtype, &value) == NUMC_OK ? numc_number_(context, x->dtype, value) : NULL;
    }
    if (v == NULL)
        return NULL;
    bool fits = v->rank <= rank;
    for (int32_t d = 0; d < v->rank && fits; d++)
        fits = v->shape[d] == 1 || v->shape[d] == shape[rank - v->rank + d];
    if (!fits) {
        char a[256], b[256];
        numc__fail(context, NUMC_SHAPE, "%s: a value of shape %s does not broadcast to the part indexed, %s", name,
                   numc__shape_format(a, sizeof a, v->rank, v->shape), numc__shape_format(b, sizeof b, rank, shape));
        return NULL;
    }
    return numc__broadcast_to(context, v, rank, shape);
}

/* Where memory holds the region of x, laid out as y: offset and strides. */
static numc_kernel_operand region_target(const numc_array *y, const region *r, int64_t *strides)
{
    numc_kernel_operand to = numc__kernel_operand_of(y);
    for (int32_t d = 0; d < y->rank; d++) {
        to.offset += r->start[d] * y->strides[d];
        strides[d] = y->strides[d] * r->step[d];
    }
    to.strides = strides;
    return to;
}

static numc_status write_part(numc_context *context, const numc_array *y, const region *r, const numc_array *v)
{
    int64_t strides[NUMC_RANK_LIMIT];
    numc_kernel_operand to = region_target(y, r, strides), from = numc__kernel_operand_of(v);
    return numc__kernel_elementwise(context, 0, y->dtype, y->rank, r->count, &from, 1, &to);
}

/* v of the shape of numc_index's result, as the ascending part of x it replaces. */
static numc_array *region_value(numc_context *context, const numc_array *x, const region *r, const numc_array *v)
{
    v = numc__reshape(context, v, x->rank, r->count);
    return numc__flip(context, v, r->turned);
}

static numc_array *write_region(numc_context *context, const numc_array *x, const region *r, const numc_array *v)
{
    if (r->empty)
        return (numc_array *)x;
    const numc_array *part = region_value(context, x, r, v);
    if (part == NULL || r->whole)
        return (numc_array *)part;
    if (x->content != NUMC_CONTENT_TRACED && part->content != NUMC_CONTENT_TRACED) {
        numc_array *y = numc__array_new_buffer(context, x->dtype, x->rank, x->shape);
        if (y == NULL)
            return NULL;
        numc_kernel_operand from = numc__kernel_operand_of(x), to = numc__kernel_operand_of(y);
        if (numc__kernel_elementwise(context, 0, x->dtype, x->rank, x->shape, &from, 1, &to) != NUMC_OK
            || write_part(context, y, r, part) != NUMC_OK)
            return NULL;
        return y;
    }
    /* padded to the whole shape, and a mask padded alike says where it counts */
    int64_t numbers[3 * NUMC_RANK_LIMIT];
    for (int32_t d = 0; d < x->rank; d++) {
        numbers[d] = r->start[d];
        numbers[x->rank + d] = r->step[d] - 1;
        numbers[2 * x->rank + d] = x->shape[d] - (r->start[d] + (r->count[d] - 1) * r->step[d] + 1);
    }
    numc_attributes attributes = {.count = 3 * x->rank, .numbers = numbers};
    const numc_array *values[2] = {part, numc__full(context, x->dtype, 0, NULL, 0)};
    const numc_array *marks[2] = {numc__full(context, NUMC_BOOL, x->rank, r->count, 1), numc__full(context, NUMC_BOOL, 0, NULL, 0)};
    if (context->status != NUMC_OK)
        return NULL;
    numc_array *padded = numc__bind1(context, NUMC_PRIMITIVE_PAD, values, 2, &attributes);
    numc_array *mask = padded == NULL ? NULL : numc__bind1(context, NUMC_PRIMITIVE_PAD, marks, 2, &attributes);
    return mask == NULL ? NULL : numc_where(mask, padded, x);
}

/* target[flat[i]] = rows[i] along the first axis. */
numc_array *numc__scatter_rows(numc_context *context, const numc_array *target, const numc_array *flat, const numc_array *rows)
{
    const int64_t numbers[2] = {0, 0};
    const numc_array *inputs[3] = {target, flat, rows};
    numc_attributes attributes = {.count = 2, .numbers = numbers};
    if (target == NULL || flat == NULL || rows == NULL)
        return NULL;
    return numc__bind1(context, NUMC_PRIMITIVE_SCATTER, inputs, 3, &attributes);
}

/* y with its picked elements replaced; every other axis of y is whole. */
static numc_array *write_picked(const parsed *p, const numc_array *y, numc_operand value)
{
    numc_context *context = p->context;
    picking k;
    if (find_picking(p, y, &k) != NUMC_OK || find_flat(context, y, &k, true) != NUMC_OK)
        return NULL;
    /* the shape numc_index gives: the others, with the indices' shape at its place */
    int64_t shape[2 * NUMC_RANK_LIMIT], rows[NUMC_RANK_LIMIT], n = k.flat->size;
    int32_t rank = 0, others = y->rank - k.count, bound = k.flat->rank;
    if (bound + others > NUMC_RANK_MAXIMUM) {
        numc__fail(context, NUMC_SHAPE, "%s: rank %d is beyond %d", p->name, (int)(bound + others), NUMC_RANK_MAXIMUM);
        return NULL;
    }
    for (int32_t d = 0; d < k.front; d++)
        shape[rank++] = y->shape[k.order[k.count + d]];
    for (int32_t d = 0; d < bound; d++)
        shape[rank++] = k.flat->shape[d];
    for (int32_t d = k.front; d < others; d++)
        shape[rank++] = y->shape[k.order[k.count + d]];
    numc_array *v = move_front(context, fit_value(context, p->name, y, value, rank, shape), bound, k.front, true);
    rows[0] = n;
    for (int32_t d = 0; d < others; d++)
        rows[1 + d] = y->shape[k.order[k.count + d]];
    v = numc__reshape(context, v, others + 1, rows);
    numc_array *flat = numc__reshape(context, k.flat, 1, &n);
    numc_array *updated = numc__scatter_rows(context, flatten_picked(context, y, &k), flat, v);
    if (updated == NULL)
        return NULL;
    int64_t unfolded[NUMC_RANK_LIMIT];
    int32_t inverse[NUMC_RANK_LIMIT];
    for (int32_t d = 0; d < y->rank; d++) {
        unfolded[d] = y->shape[k.order[d]];
        inverse[k.order[d]] = d;
    }
    return numc__permute(context, numc__reshape(context, updated, y->rank, unfolded), inverse);
}

static numc_array *write_masked(numc_context *context, const char *name, const numc_array *x, const numc_array *mask,
                                numc_operand value)
{
    if (mask_fits(context, name, x, mask) != NUMC_OK)
        return NULL;
    const numc_array *v = value.kind == NUMC_OPERAND_ARRAY ? value.value.array : NULL;
    int32_t rest = x->rank - mask->rank;
    bool partial = false; /* axes of size 0 beside axes of x that have elements */
    for (int32_t d = 0; d < mask->rank; d++)
        partial = partial || mask->shape[d] != x->shape[d];
    if (!partial && (v == NULL || v->rank <= rest)) { /* the same for every true element: a choice, of fixed shape */
        int64_t wide[NUMC_RANK_LIMIT];
        for (int32_t d = 0; d < x->rank; d++)
            wide[d] = d < mask->rank ? x->shape[d] : 1;
        numc_array *all = fit_value(context, name, x, value, x->rank, x->shape);
        return numc_where(numc__reshape(context, mask, x->rank, wide), all, x);
    }
    numc_array *positions = numc__mask_positions(context, name, mask);
    if (positions == NULL)
        return NULL;
    int64_t shape[NUMC_RANK_LIMIT] = {positions->size};
    for (int32_t d = 0; d < rest; d++)
        shape[1 + d] = x->shape[mask->rank + d];
    numc_array *rows = fit_value(context, name, x, value, rest + 1, shape);
    numc_array *y = numc__scatter_rows(context, flatten_masked(context, x, mask), positions, rows);
    return numc__reshape(context, y, x->rank, x->shape);
}

static numc_array *update(numc_context *context, const char *name, const numc_array *x, numc_operand value,
                          const numc_index_term *terms, int32_t count)
{
    parsed p;
    region r;
    if (count == 1 && is_mask(&terms[0]))
        return write_masked(context, name, x, terms[0].array, value);
    if (parse(&p, context, name, x, terms, count) != NUMC_OK || find_region(&p, true, &r) != NUMC_OK)
        return NULL;
    if (p.picks == 0)
        return write_region(context, x, &r, fit_value(context, name, x, value, r.rank, r.shape));
    /* the region first, its picked elements replaced, then the region put back */
    const numc_array *y = read_region(context, x, &r);
    numc_array *replaced = y == NULL ? NULL : write_picked(&p, y, value);
    return replaced == NULL ? NULL : write_region(context, x, &r, replaced);
}

numc_array *numc_index_update_(const numc_array *x, numc_operand value, const numc_index_term *terms, int32_t count)
{
    const char *name = "numc_index_update";
    numc_context *context = lane_of(name, x, terms, count, &value);
    if (context == NULL || numc__scope_enter(context, name) != NUMC_OK)
        return NULL;
    return numc__scope_leave(context, update(context, name, x, value, terms, count));
}

bool numc__array_is_alone(numc_context *context, const numc_array *x)
{
    return x->content == NUMC_CONTENT_BUFFER && x->context == context && x->frame != NULL
           && atomic_load_explicit(&x->references, memory_order_acquire) == 1
           && atomic_load_explicit(&x->buffer->references, memory_order_acquire) == 1 && !x->buffer->shared
           && numc__array_is_contiguous(x);
}

numc_status numc_index_assign_(numc_array **x, numc_operand value, const numc_index_term *terms, int32_t count)
{
    const char *name = "numc_index_assign";
    numc_context *context = lane_of(name, x == NULL ? NULL : *x, terms, count, &value);
    if (x == NULL || *x == NULL)
        return NUMC_INVALID_ARGUMENT;
    if (context == NULL)
        return numc_error_status((*x)->context) != NUMC_OK ? numc_error_status((*x)->context) : NUMC_STATE;
    NUMC_TRY(numc__scope_enter(context, name));
    numc_array *y = NULL, *old = *x;
    bool basic = true, done = false;
    for (int32_t i = 0; i < count; i++)
        basic = basic && terms[i].kind != NUMC_INDEX_ARRAY;
    if (basic && numc__array_is_alone(context, old)) {
        parsed p;
        region r;
        numc_array *part = NULL;
        if (parse(&p, context, name, old, terms, count) == NUMC_OK && find_region(&p, true, &r) == NUMC_OK && !r.empty)
            part = region_value(context, old, &r, fit_value(context, name, old, value, r.rank, r.shape));
        /* a value that is a view of x is a second reference */
        if (part != NULL && part != old && part->content != NUMC_CONTENT_TRACED && numc__array_is_alone(context, old)) {
            done = true;
            if (write_part(context, old, &r, part) == NUMC_OK) {
                y = numc__array_alias(context, old);
                if (y != NULL)
                    numc__array_retire(old);
            }
        }
    }
    if (!done && context->status == NUMC_OK)
        y = update(context, name, old, value, terms, count);
    y = numc__scope_leave(context, y);
    if (y != NULL)
        *x = y;
    return context->status;
}

/* ---- take and scatter -------------------------------------------------------------------------------------------- */

numc_array *numc_take_(const numc_array *x, const numc_array *indices, numc_axis axis)
{
    const char *name = "numc_take";
    const numc_array *both[2] = {x, indices};
    numc_context *context = numc__lane_of(both, 2, name);
    if (context == NULL)
        return NULL;
    if (!axis.given && x->rank != 1) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "numc_take: an array of rank %d needs an axis", (int)x->rank);
        return NULL;
    }
    int32_t d = numc__axis_normalize(context, name, axis.given ? axis.value : 0, x->rank);
    if (d < 0 || numc__scope_enter(context, name) != NUMC_OK)
        return NULL;
    numc_array *at = wrap_indices(context, name, indices, x->shape[d], d);
    return numc__scope_leave(context, at == NULL ? NULL : of_rank(context, name, numc__gather(context, x, at, d)));
}

/* y[.., i, ..] = x[.., indices[.., i, ..], ..]: a gather from the flattened x by index * stride + the other axes' positions. */
numc_array *numc_take_along_axis(const numc_array *x, const numc_array *indices, int64_t axis)
{
    const char *name = "numc_take_along_axis";
    const numc_array *both[2] = {x, indices};
    numc_context *context = numc__lane_of(both, 2, name);
    if (context == NULL)
        return NULL;
    int32_t d = numc__axis_normalize(context, name, axis, x->rank), rank = x->rank;
    if (d < 0)
        return NULL;
    int64_t from[NUMC_RANK_LIMIT], to[NUMC_RANK_LIMIT];
    bool fits = indices->rank == rank;
    for (int32_t k = 0; k < rank && fits; k++) {
        int64_t a = x->shape[k], b = indices->shape[k];
        fits = k == d || a == b || a == 1 || b == 1;
        from[k] = k == d ? a : a == 1 ? b : a;
        to[k] = k == d ? b : from[k];
    }
    if (!fits) {
        char a[256], b[256];
        numc__fail(context, NUMC_SHAPE, "%s: indices of shape %s do not fit an array of shape %s", name,
                   numc__shape_format(a, sizeof a, indices->rank, indices->shape),
                   numc__shape_format(b, sizeof b, rank, x->shape));
        return NULL;
    }
    if (numc__scope_enter(context, name) != NUMC_OK)
        return NULL;
    numc_array *flat = NULL;
    const numc_array *at = wrap_indices(context, name, indices, x->shape[d], d);
    at = numc__broadcast_to(context, within_axis(numc__convert(context, at, NUMC_INT64), x->shape[d]), rank, to);
    const numc_array *wide = numc__broadcast_to(context, x, rank, from);
    int64_t stride = 1;
    for (int32_t k = rank - 1; k >= 0 && at != NULL && wide != NULL; k--) {
        if (from[k] != 1) {
            const numc_array *line = k == d ? at : numc__iota(context, NUMC_INT64, rank, to, k);
            numc_array *step = stride == 1 ? (numc_array *)line : numc_multiply(line, stride);
            flat = flat == NULL ? step : numc_add(flat, step);
        }
        stride = wide->size == 0 ? 0 : stride * from[k];
    }
    if (flat == NULL && at != NULL && wide != NULL) /* one element to take from */
        flat = numc__full(context, NUMC_INT64, rank, to, 0);
    numc_array *line = flat == NULL ? NULL : numc__reshape(context, wide, 1, &stride);
    return numc__scope_leave(context, numc__gather(context, line, flat, 0));
}

numc_array *numc_scatter_add(const numc_array *x, const numc_array *indices, const numc_array *values, int64_t axis)
{
    const char *name = "numc_scatter_add";
    const numc_array *all[3] = {x, indices, values};
    numc_context *context = numc__lane_of(all, 3, name);
    int32_t d = context == NULL ? -1 : numc__axis_normalize(context, name, axis, x->rank);
    if (d < 0)
        return NULL;
    numc_dtype dtype = numc__promote(x->dtype, values->dtype);
    if (dtype == NUMC_DTYPE_DEFAULT || indices->rank != 1) {
        numc__fail(context, dtype == NUMC_DTYPE_DEFAULT ? NUMC_DTYPE : NUMC_SHAPE,
                   "%s: %s and %s need a common dtype, and indices rank 1 (they have %d)", name, numc_dtype_name(x->dtype),
                   numc_dtype_name(values->dtype), (int)indices->rank);
        return NULL;
    }
    if (numc__scope_enter(context, name) != NUMC_OK)
        return NULL;
    int64_t shape[NUMC_RANK_LIMIT], number[2] = {d, 1};
    for (int32_t k = 0; k < x->rank; k++)
        shape[k] = k == d ? indices->shape[0] : x->shape[k];
    const numc_array *target = numc__convert(context, x, dtype);
    const numc_array *at = wrap_indices(context, name, indices, x->shape[d], d);
    const numc_array *v = target == NULL ? NULL : fit_value(context, name, target, numc_operand_array(values), x->rank, shape);
    const numc_array *inputs[3] = {target, at, v};
    numc_attributes attributes = {.count = 2, .numbers = number};
    numc_array *y = context->status != NUMC_OK ? NULL : numc__bind1(context, NUMC_PRIMITIVE_SCATTER, inputs, 3, &attributes);
    return numc__scope_leave(context, y);
}
