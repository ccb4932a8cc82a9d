/* bind.c - the one door: an application with a traced operand is recorded, any other runs at once on the device. Views, folding
 * of immediates and empty arrays are settled here; kernels and the backend's slots do the rest. */
#include <string.h>

#include "array/eager.h"

static const numc_attributes no_attributes = {0};

static numc_status materialize(numc_context *context, const numc_array *x, numc_array *target)
{
    const numc_kernel_operand from = numc__kernel_operand_of(x), to = numc__kernel_operand_of(target);
    return numc__kernel_elementwise(context, 0, x->dtype, x->rank, x->shape, &from, 1, &to);
}

numc_array *numc__array_contiguous(numc_context *context, const numc_array *x)
{
    if (numc__array_is_contiguous(x))
        return (numc_array *)x;
    numc_array *y = numc__array_new_buffer(context, x->dtype, x->rank, x->shape);
    if (y == NULL || materialize(context, x, y) != NUMC_OK)
        return NULL;
    y->primitive = x->primitive;
    return y;
}

static numc_array *broadcast_view(numc_context *context, const numc_array *x, int32_t rank, const int64_t *shape)
{
    int64_t strides[NUMC_RANK_LIMIT];
    int32_t lead = rank - x->rank;
    for (int32_t d = 0; d < rank; d++)
        strides[d] = d < lead || x->shape[d - lead] != shape[d] ? 0 : x->strides[d - lead];
    return numc__array_new_view(context, x, rank, shape, strides, x->offset);
}

static numc_array *zeros(numc_context *context, const numc_type *type)
{
    static const unsigned char zero[16] = {0};
    return numc__array_new_immediate(context, type->dtype, type->rank, type->shape, zero);
}

static bool is_empty(const numc_type *type)
{
    for (int32_t d = 0; d < type->rank; d++) {
        if (type->shape[d] == 0)
            return true;
    }
    return false;
}

/* ---- elementwise ------------------------------------------------------------------------------------------------- */

/* All operands hold one value: the reference function gives the result's. False when it has none for this dtype. */
static bool fold(uint32_t operation, numc_dtype dtype, const numc_kernel_operand *operands, int32_t count, void *value)
{
    if (operation == NUMC_SCALAR_CONVERT) {
        numc__value_convert(dtype, value, operands[0].dtype, operands[0].value);
        return true;
    }
    if (numc__is_complex(dtype))
        return numc__complex_fold(operation, dtype, operands, count, value);
    void (*function)(void *, const void *const *) = numc__ref_scalar_function(operation, (uint32_t)dtype);
    if (function == NULL)
        return false;
    _Alignas(16) unsigned char values[4][16];
    const void *pointers[4];
    for (int32_t i = 0; i < count; i++) {
        memcpy(values[i], operands[i].value, sizeof values[i]);
        pointers[i] = values[i];
    }
    function(value, pointers);
    return true;
}

numc_array *numc__eager_scalar(numc_context *context, uint32_t operation, numc_dtype dtype, numc_dtype result, int32_t rank,
                               const int64_t *shape, const numc_kernel_operand *operands, int32_t count)
{
    bool constant = true;
    for (int32_t i = 0; i < count; i++)
        constant = constant && operands[i].immediate;
    numc_type type = {result, rank, shape};
    numc_array *y = NULL;
    _Alignas(16) unsigned char value[16] = {0};
    if (constant && fold(operation, operation == NUMC_SCALAR_CONVERT ? result : dtype, operands, count, value)) {
        y = numc__array_new_immediate(context, result, rank, shape, value);
    } else if (is_empty(&type)) {
        y = zeros(context, &type);
    } else if (constant) {
        numc_array *one = numc__array_new_buffer(context, result, 0, NULL);
        if (one == NULL)
            return NULL;
        numc_kernel_operand target = numc__kernel_operand_of(one);
        if (numc__kernel_elementwise(context, operation, dtype, 0, NULL, operands, count, &target) == NUMC_OK)
            y = broadcast_view(context, one, rank, shape);
    } else {
        y = numc__array_new_buffer(context, result, rank, shape);
        if (y == NULL)
            return NULL;
        numc_kernel_operand target = numc__kernel_operand_of(y);
        if (numc__kernel_elementwise(context, operation, dtype, rank, shape, operands, count, &target) != NUMC_OK)
            return NULL;
    }
    if (y != NULL)
        y->primitive = (int32_t)operation;
    return y;
}

/* ---- structural primitives --------------------------------------------------------------------------------------- */

typedef struct call {
    numc_context *context;
    int32_t primitive;
    const numc_array *const *inputs;
    int32_t input_count;
    const numc_attributes *attributes;
    const numc_type *types; /* of the outputs */
    numc_array **outputs;
} call;

static numc_status done(call *c, numc_array *y)
{
    c->outputs[0] = y;
    return y == NULL ? c->context->status : NUMC_OK;
}

static numc_backend_device *device_of(call *c)
{
    return numc__array_device(c->context);
}

/* What a slot takes. An immediate becomes one element with strides 0. */
static numc_status view_of(numc_context *context, const numc_array *x, numc_view *view)
{
    numc_buffer *buffer = x->buffer;
    int64_t offset = x->offset;
    if (x->content == NUMC_CONTENT_IMMEDIATE) {
        numc_array *one = numc__array_new_buffer(context, x->dtype, 0, NULL);
        if (one == NULL)
            return context->status;
        numc_kernel_operand from = numc__kernel_operand_of(x), to = numc__kernel_operand_of(one);
        NUMC_TRY(numc__kernel_elementwise(context, 0, x->dtype, 0, NULL, &from, 1, &to));
        buffer = one->buffer;
        offset = 0;
    }
    *view = (numc_view){buffer->memory, offset, (uint32_t)x->dtype, x->rank, x->shape, x->strides};
    return NUMC_OK;
}

/* A new output as a view; an output without elements is settled by the caller. */
static numc_status output_view(call *c, int32_t i, numc_view *view)
{
    const numc_type *type = &c->types[i];
    c->outputs[i] = numc__array_new_buffer(c->context, type->dtype, type->rank, type->shape);
    if (c->outputs[i] == NULL)
        return c->context->status;
    return view_of(c->context, c->outputs[i], view);
}

static numc_status finish(call *c, int32_t status)
{
    return numc__device_check(c->context, status, numc__primitive_name(c->primitive));
}

static numc_status run_alias(call *c)
{
    return done(c, numc__array_alias(c->context, c->inputs[0]));
}

static numc_status run_iota(call *c)
{
    const numc_type *type = c->types;
    int64_t axis = c->attributes->numbers[0], n = type->shape[axis];
    if (is_empty(type) || n == 1)
        return done(c, zeros(c->context, type));
    numc_array *line = numc__array_new_buffer(c->context, type->dtype, 1, &n);
    if (line == NULL)
        return c->context->status;
    NUMC_TRY(numc__kernel_iota(c->context, type->dtype, n, line->buffer->memory));
    int64_t strides[NUMC_RANK_LIMIT] = {0};
    strides[axis] = 1;
    return done(c, numc__array_new_view(c->context, line, type->rank, type->shape, strides, 0));
}

static numc_status run_broadcast(call *c)
{
    return done(c, broadcast_view(c->context, c->inputs[0], c->types->rank, c->types->shape));
}

/* Strides under which x, without copying, has another shape of the same size: groups of axes with equal products are matched;
 * inside a group of x each axis must step over the next ones exactly. */
static bool reshape_strides(const numc_array *x, int32_t rank, const int64_t *shape, int64_t *strides)
{
    int64_t old_shape[NUMC_RANK_LIMIT], old_strides[NUMC_RANK_LIMIT];
    int32_t old_rank = 0;
    for (int32_t d = 0; d < x->rank; d++) {
        if (x->shape[d] != 1) {
            old_shape[old_rank] = x->shape[d];
            old_strides[old_rank++] = x->strides[d];
        }
    }
    int32_t i = 0, j = 0;
    while (i < old_rank && j < rank) {
        int32_t i_end = i + 1, j_end = j + 1;
        int64_t old_size = old_shape[i], new_size = shape[j];
        while (old_size != new_size) {
            if (new_size < old_size)
                new_size *= shape[j_end++];
            else
                old_size *= old_shape[i_end++];
        }
        for (int32_t k = i; k + 1 < i_end; k++) {
            if (old_strides[k] != old_strides[k + 1] * old_shape[k + 1])
                return false;
        }
        strides[j_end - 1] = old_strides[i_end - 1];
        for (int32_t k = j_end - 1; k > j; k--)
            strides[k - 1] = strides[k] * shape[k];
        i = i_end;
        j = j_end;
    }
    for (; j < rank; j++) /* axes of size 1 at the end */
        strides[j] = 1;
    return true;
}

static numc_status run_reshape(call *c)
{
    const numc_array *x = c->inputs[0];
    int64_t strides[NUMC_RANK_LIMIT] = {0};
    if (x->content == NUMC_CONTENT_BUFFER && x->size > 0 && !reshape_strides(x, c->types->rank, c->types->shape, strides)) {
        x = numc__array_contiguous(c->context, x);
        if (x == NULL)
            return c->context->status;
        (void)reshape_strides(x, c->types->rank, c->types->shape, strides);
    }
    return done(c, numc__array_new_view(c->context, x, c->types->rank, c->types->shape, strides, x->offset));
}

static numc_status run_permute(call *c)
{
    const numc_array *x = c->inputs[0];
    int64_t strides[NUMC_RANK_LIMIT];
    for (int32_t d = 0; d < x->rank; d++)
        strides[d] = x->strides[c->attributes->numbers[d]];
    return done(c, numc__array_new_view(c->context, x, c->types->rank, c->types->shape, strides, x->offset));
}

static numc_status run_slice(call *c)
{
    const numc_array *x = c->inputs[0];
    const int64_t *start = c->attributes->numbers, *step = start + 2 * x->rank;
    int64_t strides[NUMC_RANK_LIMIT], offset = x->offset;
    for (int32_t d = 0; d < x->rank; d++) {
        offset += c->types->shape[d] > 0 ? start[d] * x->strides[d] : 0;
        strides[d] = x->strides[d] * step[d];
    }
    return done(c, numc__array_new_view(c->context, x, c->types->rank, c->types->shape, strides, offset));
}

static numc_status run_flip(call *c)
{
    const numc_array *x = c->inputs[0];
    int64_t strides[NUMC_RANK_LIMIT], offset = x->offset;
    for (int32_t d = 0; d < x->rank; d++) {
        bool turned = c->attributes->numbers[d] != 0 && x->shape[d] > 1;
        offset += turned ? (x->shape[d] - 1) * x->strides[d] : 0;
        strides[d] = turned ? -x->strides[d] : x->strides[d];
    }
    return done(c, numc__array_new_view(c->context, x, c->types->rank, c->types->shape, strides, offset));
}

static numc_status run_pad(call *c)
{
    const numc_array *x = c->inputs[0], *value = c->inputs[1];
    const numc_type *type = c->types;
    if (is_empty(type))
        return done(c, zeros(c->context, type));
    numc_view view;
    NUMC_TRY(output_view(c, 0, &view));
    static const int64_t still[NUMC_RANK_LIMIT] = {0};
    numc_kernel_operand to = numc__kernel_operand_of(c->outputs[0]), from = numc__kernel_operand_of(value);
    from.strides = still;
    NUMC_TRY(numc__kernel_elementwise(c->context, 0, type->dtype, type->rank, type->shape, &from, 1, &to));
    if (x->size == 0)
        return NUMC_OK;
    int64_t strides[NUMC_RANK_LIMIT];
    const int64_t *low = c->attributes->numbers, *interior = low + x->rank;
    for (int32_t d = 0; d < x->rank; d++) {
        to.offset += low[d] * view.strides[d];
        strides[d] = view.strides[d] * (interior[d] + 1);
    }
    to.strides = strides;
    from = numc__kernel_operand_of(x);
    return numc__kernel_elementwise(c->context, 0, type->dtype, x->rank, x->shape, &from, 1, &to);
}

static numc_status run_concat(call *c)
{
    const numc_type *type = c->types;
    if (is_empty(type))
        return done(c, zeros(c->context, type));
    int64_t axis = c->attributes->numbers[0];
    numc_view view;
    NUMC_TRY(output_view(c, 0, &view));
    numc_kernel_operand to = numc__kernel_operand_of(c->outputs[0]);
    for (int32_t i = 0; i < c->input_count; i++) {
        const numc_array *x = c->inputs[i];
        numc_kernel_operand from = numc__kernel_operand_of(x);
        NUMC_TRY(numc__kernel_elementwise(c->context, 0, type->dtype, x->rank, x->shape, &from, 1, &to));
        to.offset += x->shape[axis] * view.strides[axis];
    }
    return NUMC_OK;
}

static numc_status run_gather(call *c)
{
    const numc_array *x = c->inputs[0], *indices = c->inputs[1];
    const numc_type *type = c->types;
    int32_t axis = (int32_t)c->attributes->numbers[0];
    if (is_empty(type))
        return done(c, zeros(c->context, type));
    if (x->content == NUMC_CONTENT_IMMEDIATE)
        return done(c, numc__array_new_view(c->context, x, type->rank, type->shape, NULL, 0));
    if (indices->content == NUMC_CONTENT_IMMEDIATE) { /* one position: a view */
        int64_t at = numc__value_integer(indices->dtype, indices->immediate), n = x->shape[axis];
        if (numc_dtype_kind(indices->dtype) == NUMC_KIND_UNSIGNED && at < 0) /* above 2^63 */
            at = n - 1;
        at = at < 0 ? 0 : at >= n ? n - 1 : at;
        int64_t strides[NUMC_RANK_LIMIT] = {0};
        for (int32_t d = 0; d < axis; d++)
            strides[d] = x->strides[d];
        for (int32_t d = axis + 1; d < x->rank; d++)
            strides[d - 1 + indices->rank] = x->strides[d];
        return done(c, numc__array_new_view(c->context, x, type->rank, type->shape, strides,
                                            x->offset + at * x->strides[axis]));
    }
    numc_backend_device *device = device_of(c);
    numc_view from, at, to;
    NUMC_TRY(view_of(c->context, x, &from));
    NUMC_TRY(view_of(c->context, indices, &at));
    NUMC_TRY(output_view(c, 0, &to));
    return finish(c, device->table.gather(device->device, &from, &at, axis, &to));
}

static numc_status run_scatter(call *c)
{
    const numc_array *x = c->inputs[0], *values = c->inputs[2];
    if (values->size == 0 || x->size == 0)
        return run_alias(c);
    numc_backend_device *device = numc__array_device(c->context);
    numc_view at, from, to;
    NUMC_TRY(device == NULL ? c->context->status : NUMC_OK);
    NUMC_TRY(output_view(c, 0, &to));
    NUMC_TRY(materialize(c->context, x, c->outputs[0]));
    NUMC_TRY(view_of(c->context, c->inputs[1], &at));
    NUMC_TRY(view_of(c->context, values, &from));
    return finish(c, device->table.scatter(device->device, &to, &at, (int32_t)c->attributes->numbers[0], &from,
                                           (uint32_t)c->attributes->numbers[1]));
}

static uint32_t reduction_of(int32_t primitive)
{
    static const uint8_t reductions[NUMC_PRIMITIVE_LIMIT - NUMC_PRIMITIVE_STRUCTURAL] = {
        [NUMC_PRIMITIVE_REDUCE_SUM - NUMC_PRIMITIVE_STRUCTURAL] = NUMC_REDUCTION_SUM,
        [NUMC_PRIMITIVE_REDUCE_PROD - NUMC_PRIMITIVE_STRUCTURAL] = NUMC_REDUCTION_PROD,
        [NUMC_PRIMITIVE_REDUCE_MAX - NUMC_PRIMITIVE_STRUCTURAL] = NUMC_REDUCTION_MAX,
        [NUMC_PRIMITIVE_REDUCE_MIN - NUMC_PRIMITIVE_STRUCTURAL] = NUMC_REDUCTION_MIN,
        [NUMC_PRIMITIVE_REDUCE_ANY - NUMC_PRIMITIVE_STRUCTURAL] = NUMC_REDUCTION_ANY,
        [NUMC_PRIMITIVE_REDUCE_ALL - NUMC_PRIMITIVE_STRUCTURAL] = NUMC_REDUCTION_ALL,
        [NUMC_PRIMITIVE_ARGMAX - NUMC_PRIMITIVE_STRUCTURAL] = NUMC_REDUCTION_ARGMAX,
        [NUMC_PRIMITIVE_ARGMIN - NUMC_PRIMITIVE_STRUCTURAL] = NUMC_REDUCTION_ARGMIN,
        [NUMC_PRIMITIVE_CUMULATIVE_SUM - NUMC_PRIMITIVE_STRUCTURAL] = NUMC_REDUCTION_SUM,
        [NUMC_PRIMITIVE_CUMULATIVE_PROD - NUMC_PRIMITIVE_STRUCTURAL] = NUMC_REDUCTION_PROD,
        [NUMC_PRIMITIVE_CUMULATIVE_MAX - NUMC_PRIMITIVE_STRUCTURAL] = NUMC_REDUCTION_MAX,
    };
    return reductions[primitive - NUMC_PRIMITIVE_STRUCTURAL];
}

/* A reduction of n equal values, where one value tells: an integer sum and product wrap. */
static bool reduce_immediate(uint32_t reduction, const numc_array *x, int64_t n, unsigned char *value)
{
    numc_dtype dtype = x->dtype;
    const unsigned char *source = x->immediate;
    numc_operand number = numc_operand_integer(reduction == NUMC_REDUCTION_PROD || reduction == NUMC_REDUCTION_ALL);
    if (n == 0) { /* extremes of nothing were refused */
        numc__value_number(dtype, value, &number);
        return true;
    }
    bool is_real = numc_dtype_kind(dtype) == NUMC_KIND_REAL;
    switch (reduction) {
    case NUMC_REDUCTION_SUM:
        if (is_real) {
            double sum = numc__value_real(dtype, source) * (double)n;
            numc__value_convert(dtype, value, NUMC_FLOAT64, &sum);
        } else {
            int64_t sum = (int64_t)((uint64_t)numc__value_integer(dtype, source) * (uint64_t)n);
            numc__value_convert(dtype, value, NUMC_INT64, &sum);
        }
        return true;
    case NUMC_REDUCTION_PROD: {
        double factor = numc__value_real(dtype, source);
        if (n > 1 && factor != 0 && factor != 1)
            return false;
        break;
    }
    case NUMC_REDUCTION_ARGMAX:
    case NUMC_REDUCTION_ARGMIN:
        memset(value, 0, 16);
        return true;
    default:
        break;
    }
    memcpy(value, source, 16);
    return true;
}

static numc_status run_by_parts(call *c);

/* Runs of equal steps among the reduced axes, in the order of memory: largest stride first, none negative. */
typedef struct stretch {
    int64_t n, stride;
} stretch;

static int32_t find_stretches(const numc_array *x, uint64_t reduced, stretch *runs, int64_t *offset)
{
    stretch axes[NUMC_RANK_LIMIT];
    int32_t count = 0, used = 0;
    *offset = x->offset;
    for (int32_t d = 0; d < x->rank; d++) {
        if ((reduced >> d & 1) == 0 || x->shape[d] == 1)
            continue;
        stretch axis = {x->shape[d], x->strides[d]};
        if (axis.stride < 0) {
            *offset += (axis.n - 1) * axis.stride;
            axis.stride = -axis.stride;
        }
        int32_t at = count++;
        for (; at > 0 && axes[at - 1].stride < axis.stride; at--)
            axes[at] = axes[at - 1];
        axes[at] = axis;
    }
    for (int32_t i = 0; i < count; i++) {
        if (used > 0 && runs[used - 1].stride == axes[i].n * axes[i].stride)
            runs[used - 1] = (stretch){runs[used - 1].n * axes[i].n, axes[i].stride};
        else
            runs[used++] = axes[i];
    }
    return used;
}

/* Axes that do not lie side by side: the elements are read where they are, along the run that is closest in memory, and what
 * that leaves is reduced once more. For results that no order changes: positions count in logical order, and the sums and
 * products of floats keep the bits that the same elements give row-major. */
static numc_status reduce_apart(call *c, uint32_t reduction, uint64_t reduced, const int64_t *kept_strides)
{
    const numc_array *x = c->inputs[0];
    const numc_type *type = c->types;
    stretch runs[NUMC_RANK_LIMIT];
    numc_kernel_operand from = numc__kernel_operand_of(x);
    int32_t count = find_stretches(x, reduced, runs, &from.offset), rank = type->rank;
    int64_t shape[2 * NUMC_RANK_LIMIT], strides[2 * NUMC_RANK_LIMIT], left = 1;
    for (int32_t d = 0; d < rank; d++) {
        shape[d] = type->shape[d];
        strides[d] = kept_strides[d];
    }
    for (int32_t i = 0; i < count - 1; i++) {
        shape[rank] = runs[i].n;
        strides[rank++] = runs[i].stride;
        left *= runs[i].n;
    }
    from.strides = strides;
    numc_view view;
    NUMC_TRY(output_view(c, 0, &view));
    numc_kernel_operand to = numc__kernel_operand_of(c->outputs[0]);
    const stretch last = runs[count - 1];
    if (count == 1)
        return numc__kernel_reduce(c->context, reduction, rank, shape, &from, last.n, last.stride, &to);
    numc_array *partial = numc__array_new_buffer(c->context, type->dtype, rank, shape);
    if (partial == NULL)
        return c->context->status;
    numc_kernel_operand between = numc__kernel_operand_of(partial);
    NUMC_TRY(numc__kernel_reduce(c->context, reduction, rank, shape, &from, last.n, last.stride, &between));
    return numc__kernel_reduce(c->context, reduction, type->rank, type->shape, &between, left, 1, &to);
}

static numc_status run_reduce(call *c)
{
    const numc_array *x = c->inputs[0];
    const numc_type *type = c->types;
    uint32_t reduction = reduction_of(c->primitive);
    if (is_empty(type) || (numc__is_complex(type->dtype) && x->size == 0))
        return done(c, zeros(c->context, type));
    if (numc__is_complex(type->dtype))
        return run_by_parts(c);
    uint64_t reduced = 0;
    for (int32_t i = 0; i < c->attributes->count; i++)
        reduced |= (uint64_t)1 << c->attributes->numbers[i];
    int64_t n = 1, stride = 0, kept_strides[NUMC_RANK_LIMIT];
    int32_t kept = 0;
    bool joined = true, first = true;
    for (int32_t d = 0; d < x->rank; d++) {
        if ((reduced >> d & 1) == 0) {
            kept_strides[kept++] = x->strides[d];
        } else if (x->shape[d] != 1) {
            joined = joined && (first || stride == x->strides[d] * x->shape[d]);
            first = false;
            stride = x->strides[d];
            n *= x->shape[d];
        }
    }
    _Alignas(16) unsigned char value[16] = {0};
    if (x->content == NUMC_CONTENT_IMMEDIATE || n == 0) {
        if (reduce_immediate(reduction, x, n, value))
            return done(c, numc__array_new_immediate(c->context, type->dtype, type->rank, type->shape, value));
    } else if (n == 1) {
        if (type->dtype != x->dtype || reduction >= NUMC_REDUCTION_ARGMAX)
            return done(c, zeros(c->context, type));
        return done(c, numc__array_new_view(c->context, x, type->rank, type->shape, kept_strides, x->offset));
    }
    bool ordered = reduction >= NUMC_REDUCTION_ARGMAX
                   || ((reduction == NUMC_REDUCTION_SUM || reduction == NUMC_REDUCTION_PROD)
                       && numc_dtype_kind(type->dtype) == NUMC_KIND_REAL);
    if (!joined && !ordered && x->content == NUMC_CONTENT_BUFFER)
        return reduce_apart(c, reduction, reduced, kept_strides);
    numc_kernel_operand from;
    if (!joined || x->content == NUMC_CONTENT_IMMEDIATE) {
        /* reduced axes last, in order, side by side: the reduction runs over them row-major */
        int64_t shape[NUMC_RANK_LIMIT], strides[NUMC_RANK_LIMIT];
        int32_t rank = 0;
        for (int32_t pass = 0; pass < 2; pass++) {
            for (int32_t d = 0; d < x->rank; d++) {
                if ((reduced >> d & 1) == (uint64_t)pass) {
                    shape[rank] = x->shape[d];
                    strides[rank++] = x->strides[d];
                }
            }
        }
        numc_array *turned = numc__array_new_view(c->context, x, rank, shape, strides, x->offset);
        numc_array *packed = turned == NULL ? NULL : numc__array_contiguous(c->context, turned);
        if (packed == NULL)
            return c->context->status;
        from = numc__kernel_operand_of(packed);
        stride = 1;
    } else {
        from = numc__kernel_operand_of(x);
        from.strides = kept_strides;
    }
    numc_view view;
    NUMC_TRY(output_view(c, 0, &view));
    numc_kernel_operand to = numc__kernel_operand_of(c->outputs[0]);
    return numc__kernel_reduce(c->context, reduction, type->rank, type->shape, &from, n, stride, &to);
}

/* The device, the operand and the result of a slot that takes one of each. */
static numc_status one_to_one(call *c, numc_backend_device **device, numc_view *from, numc_view *to)
{
    *device = numc__array_device(c->context);
    NUMC_TRY(*device == NULL ? c->context->status : NUMC_OK);
    NUMC_TRY(view_of(c->context, c->inputs[0], from));
    return output_view(c, 0, to);
}

static numc_status run_cumulative(call *c)
{
    numc_backend_device *device;
    numc_view from, to;
    if (is_empty(c->types))
        return done(c, zeros(c->context, c->types));
    NUMC_TRY(one_to_one(c, &device, &from, &to));
    return finish(c, device->table.cumulative(device->device, &from, (int32_t)c->attributes->numbers[0],
                                              reduction_of(c->primitive), (uint32_t)c->attributes->numbers[1], &to));
}

static numc_status run_sort(call *c)
{
    if (is_empty(c->types)) {
        c->outputs[1] = zeros(c->context, &c->types[1]);
        return done(c, c->outputs[1] == NULL ? NULL : zeros(c->context, c->types));
    }
    numc_backend_device *device = numc__array_device(c->context);
    numc_view from, views[2];
    NUMC_TRY(device == NULL ? c->context->status : NUMC_OK);
    NUMC_TRY(view_of(c->context, c->inputs[0], &from));
    bool wanted[2];
    for (int32_t i = 0; i < 2; i++) {
        wanted[i] = c->attributes->count < 3 || c->attributes->numbers[2] == i;
        if (wanted[i])
            NUMC_TRY(output_view(c, i, &views[i]));
        else if ((c->outputs[i] = zeros(c->context, &c->types[i])) == NULL)
            return c->context->status;
    }
    return finish(c, device->table.sort(device->device, &from, (int32_t)c->attributes->numbers[0],
                                        (uint32_t)c->attributes->numbers[1], wanted[0] ? &views[0] : NULL,
                                        wanted[1] ? &views[1] : NULL));
}

static numc_status run_search(call *c)
{
    if (is_empty(c->types) || c->inputs[0]->size == 0)
        return done(c, zeros(c->context, c->types));
    numc_backend_device *device = numc__array_device(c->context);
    numc_view sorted, values, to;
    NUMC_TRY(device == NULL ? c->context->status : NUMC_OK);
    NUMC_TRY(view_of(c->context, c->inputs[0], &sorted));
    NUMC_TRY(view_of(c->context, c->inputs[1], &values));
    NUMC_TRY(output_view(c, 0, &to));
    return finish(c, device->table.search(device->device, &sorted, &values, (uint32_t)c->attributes->numbers[0], &to));
}

/* Matrices for the library slots: immediates are written out, since those slots are tuned for real strides. */
static numc_status matrix_of(call *c, int32_t i, numc_view *view)
{
    const numc_array *x = c->inputs[i];
    if (x->content == NUMC_CONTENT_IMMEDIATE)
        x = numc__array_contiguous(c->context, x);
    return x == NULL ? c->context->status : view_of(c->context, x, view);
}

static numc_status run_matmul(call *c)
{
    const numc_array *a = c->inputs[0];
    if (is_empty(c->types) || a->shape[a->rank - 1] == 0)
        return done(c, zeros(c->context, c->types));
    numc_backend_device *device = numc__array_device(c->context);
    numc_view left, right, to;
    NUMC_TRY(device == NULL ? c->context->status : NUMC_OK);
    NUMC_TRY(matrix_of(c, 0, &left));
    NUMC_TRY(matrix_of(c, 1, &right));
    NUMC_TRY(output_view(c, 0, &to));
    numc_matmul_options options = {.size = sizeof options};
    return finish(c, device->table.matmul(device->device, &left, &right, &to, &options));
}

/* CHOLESKY, CHOLESKY_INVERSE */
static numc_status run_cholesky(call *c)
{
    if (is_empty(c->types))
        return done(c, zeros(c->context, c->types));
    numc_backend_device *device = numc__array_device(c->context);
    numc_view from, to;
    NUMC_TRY(device == NULL ? c->context->status : NUMC_OK);
    NUMC_TRY(matrix_of(c, 0, &from));
    NUMC_TRY(output_view(c, 0, &to));
    const numc_backend *table = &device->table;
    return finish(c, (c->primitive == NUMC_PRIMITIVE_CHOLESKY ? table->cholesky : table->cholesky_inverse)(device->device, &from, &to));
}

static numc_status run_triangular_solve(call *c)
{
    if (is_empty(c->types))
        return done(c, zeros(c->context, c->types));
    numc_backend_device *device = numc__array_device(c->context);
    const int64_t *numbers = c->attributes->numbers;
    numc_view t, b, x;
    NUMC_TRY(device == NULL ? c->context->status : NUMC_OK);
    NUMC_TRY(matrix_of(c, 0, &t));
    NUMC_TRY(matrix_of(c, 1, &b));
    NUMC_TRY(output_view(c, 0, &x));
    return finish(c, device->table.triangular_solve(device->device, &t, &b, &x, numbers[0] != 0, numbers[1] != 0,
                                                    numbers[2] != 0));
}

static numc_status run_lu(call *c)
{
    if (is_empty(&c->types[0])) { /* no rows: the sign of the empty permutation is 1 */
        _Alignas(16) unsigned char one[16];
        numc_operand number = numc_operand_integer(1);
        numc__value_number(c->types[2].dtype, one, &number);
        c->outputs[1] = zeros(c->context, &c->types[1]);
        c->outputs[2] = numc__array_new_immediate(c->context, c->types[2].dtype, c->types[2].rank, c->types[2].shape, one);
        return done(c, zeros(c->context, &c->types[0]));
    }
    numc_backend_device *device = numc__array_device(c->context);
    numc_view from, packed, permutation, sign;
    NUMC_TRY(device == NULL ? c->context->status : NUMC_OK);
    NUMC_TRY(matrix_of(c, 0, &from));
    NUMC_TRY(output_view(c, 0, &packed));
    NUMC_TRY(output_view(c, 1, &permutation));
    NUMC_TRY(output_view(c, 2, &sign));
    return finish(c, device->table.lu(device->device, &from, &packed, &permutation, &sign));
}

/* QR, EIGH, EIG, SVD: which of the views the slot takes are there depends on how many results are asked for. */
static numc_status run_factor(call *c)
{
    int32_t count = c->primitive == NUMC_PRIMITIVE_QR ? 2 : c->attributes->numbers[0] == 0 ? 1 : 2;
    if (c->primitive == NUMC_PRIMITIVE_SVD && count == 2)
        count = 3;
    bool nothing = true;
    for (int32_t i = 0; i < count; i++)
        nothing = nothing && is_empty(&c->types[i]);
    if (nothing) {
        for (int32_t i = 0; i < count; i++)
            c->outputs[i] = zeros(c->context, &c->types[i]);
        return c->context->status;
    }
    numc_backend_device *device = numc__array_device(c->context);
    numc_view x, y[3];
    NUMC_TRY(device == NULL ? c->context->status : NUMC_OK);
    NUMC_TRY(matrix_of(c, 0, &x));
    for (int32_t i = 0; i < count; i++)
        NUMC_TRY(output_view(c, i, &y[i]));
    const numc_backend *table = &device->table;
    switch (c->primitive) {
    case NUMC_PRIMITIVE_QR:
        return finish(c, table->qr(device->device, &x, &y[0], &y[1]));
    case NUMC_PRIMITIVE_EIGH:
        return finish(c, table->eigh(device->device, &x, &y[0], count == 1 ? NULL : &y[1]));
    case NUMC_PRIMITIVE_EIG:
        return finish(c, table->eig(device->device, &x, &y[0], count == 1 ? NULL : &y[1]));
    default:
        return finish(c, count == 1 ? table->svd(device->device, &x, NULL, &y[0], NULL)
                                    : table->svd(device->device, &x, &y[0], &y[1], &y[2]));
    }
}

static numc_status run_fft(call *c)
{
    numc_backend_device *device;
    numc_view from, to;
    if (is_empty(c->types))
        return done(c, zeros(c->context, c->types));
    NUMC_TRY(one_to_one(c, &device, &from, &to));
    return finish(c, device->table.fft(device->device, &from, (int32_t)c->attributes->numbers[0],
                                       numc__fft_direction(c->primitive, c->attributes->numbers), &to));
}

/* ---- complex ----------------------------------------------------------------------------------------------------- */

static numc_status run_part(call *c)
{
    return done(c, numc__array_part(c->context, c->inputs[0], c->primitive == NUMC_PRIMITIVE_IMAG));
}

static numc_status run_complex(call *c)
{
    const numc_array *re = c->inputs[0], *im = c->inputs[1];
    const numc_type *type = c->types;
    if (is_empty(type))
        return done(c, zeros(c->context, type));
    if (re->content == NUMC_CONTENT_IMMEDIATE && im->content == NUMC_CONTENT_IMMEDIATE) {
        _Alignas(16) unsigned char value[16];
        size_t item = numc_dtype_size(re->dtype);
        memcpy(value, re->immediate, item);
        memcpy(value + item, im->immediate, item);
        return done(c, numc__array_new_immediate(c->context, type->dtype, type->rank, type->shape, value));
    }
    numc_array *y = numc__array_new_buffer(c->context, type->dtype, type->rank, type->shape);
    for (int which = 0; which < 2 && y != NULL; which++) {
        numc_array *half = numc__array_part(c->context, y, which);
        if (half == NULL)
            return c->context->status;
        const numc_array *x = c->inputs[which];
        const numc_kernel_operand from = numc__kernel_operand_of(x), to = numc__kernel_operand_of(half);
        NUMC_TRY(numc__kernel_elementwise(c->context, 0, x->dtype, x->rank, x->shape, &from, 1, &to));
    }
    return done(c, y);
}

/* A sum is that of both parts: the primitive again, on a real array with one axis more at the end. */
static numc_status run_by_parts(call *c)
{
    if (is_empty(c->types))
        return done(c, zeros(c->context, c->types));
    const numc_array *x = numc__array_parts(c->context, c->inputs[0]);
    numc_array *y = x == NULL ? NULL : numc__bind1(c->context, c->primitive, &x, 1, c->attributes);
    return done(c, y == NULL ? NULL : numc__array_joined(c->context, y));
}

typedef numc_status (*runner)(call *c);
#define ROW(NAME) [NUMC_PRIMITIVE_##NAME - NUMC_PRIMITIVE_STRUCTURAL]
static const runner runners[NUMC_PRIMITIVE_LIMIT - NUMC_PRIMITIVE_STRUCTURAL] = {
    ROW(IOTA) = run_iota,
    ROW(BROADCAST) = run_broadcast,
    ROW(RESHAPE) = run_reshape,
    ROW(PERMUTE) = run_permute,
    ROW(SLICE) = run_slice,
    ROW(FLIP) = run_flip,
    ROW(PAD) = run_pad,
    ROW(CONCAT) = run_concat,
    ROW(GATHER) = run_gather,
    ROW(SCATTER) = run_scatter,
    ROW(REAL) = run_part,
    ROW(IMAG) = run_part,
    ROW(COMPLEX) = run_complex,
    ROW(REDUCE_SUM) = run_reduce,
    ROW(REDUCE_PROD) = run_reduce,
    ROW(REDUCE_MAX) = run_reduce,
    ROW(REDUCE_MIN) = run_reduce,
    ROW(REDUCE_ANY) = run_reduce,
    ROW(REDUCE_ALL) = run_reduce,
    ROW(ARGMAX) = run_reduce,
    ROW(ARGMIN) = run_reduce,
    ROW(CUMULATIVE_SUM) = run_cumulative,
    ROW(CUMULATIVE_PROD) = run_cumulative,
    ROW(CUMULATIVE_MAX) = run_cumulative,
    ROW(SORT) = run_sort,
    ROW(SEARCH) = run_search,
    ROW(FFT) = run_fft,
    ROW(RFFT) = run_fft,
    ROW(IRFFT) = run_fft,
    ROW(MATMUL) = run_matmul,
    ROW(CHOLESKY) = run_cholesky,
    ROW(CHOLESKY_INVERSE) = run_cholesky,
    ROW(TRIANGULAR_SOLVE) = run_triangular_solve,
    ROW(LU) = run_lu,
    ROW(QR) = run_factor,
    ROW(EIGH) = run_factor,
    ROW(EIG) = run_factor,
    ROW(SVD) = run_factor,
    ROW(STOP_GRADIENT) = run_alias,
};

/* ---- the door ---------------------------------------------------------------------------------------------------- */

#define EAGER_OUTPUTS 4
#define EAGER_INPUTS 16

static numc_status run_structural(call *c, int32_t output_capacity)
{
    numc_context *context = c->context;
    numc_type few[EAGER_INPUTS] = {{NUMC_DTYPE_DEFAULT, 0, NULL}}, *inputs = few;
    if (c->input_count > EAGER_INPUTS) {
        inputs = numc__allocate(context, (size_t)c->input_count * sizeof *inputs);
        if (inputs == NULL)
            return context->status;
    }
    for (int32_t i = 0; i < c->input_count; i++)
        inputs[i] = (numc_type){c->inputs[i]->dtype, c->inputs[i]->rank, c->inputs[i]->shape};
    numc_type types[EAGER_OUTPUTS];
    int64_t shapes[EAGER_OUTPUTS][NUMC_RANK_LIMIT];
    int32_t count = 0, capacity = output_capacity < EAGER_OUTPUTS ? output_capacity : EAGER_OUTPUTS;
    numc_status status = numc__primitive_infer(context, c->primitive, inputs, c->input_count, c->attributes, types, shapes,
                                               capacity, &count);
    if (inputs != few)
        numc__free(context, inputs, (size_t)c->input_count * sizeof *inputs);
    NUMC_TRY(status);
    c->types = types;
    status = runners[c->primitive - NUMC_PRIMITIVE_STRUCTURAL](c);
    if (status == NUMC_OK)
        status = context->status;
    for (int32_t i = 0; i < count; i++) {
        if (status != NUMC_OK)
            c->outputs[i] = NULL; /* what was made dies with the scope */
        else
            c->outputs[i]->primitive = c->primitive;
    }
    return status;
}

static numc_status run_scalar(numc_context *context, int32_t primitive, const numc_array *const *inputs, int32_t count,
                              const numc_attributes *attributes, numc_array **outputs)
{
    numc_type types[4], output;
    int64_t shape[1][NUMC_RANK_LIMIT];
    int32_t output_count;
    numc_kernel_operand operands[4];
    NUMC_REQUIRE(context, count <= 4, NUMC_INTERNAL, "%s takes at most 4 operands", numc__primitive_name(primitive));
    for (int32_t i = 0; i < count; i++) {
        types[i] = (numc_type){inputs[i]->dtype, inputs[i]->rank, inputs[i]->shape};
        operands[i] = numc__kernel_operand_of(inputs[i]);
    }
    NUMC_TRY(numc__primitive_infer(context, primitive, types, count, attributes, &output, shape, 1, &output_count));
    const numc_scalar_info *info = numc__scalar_info((uint32_t)primitive);
    numc_dtype dtype = info->result == NUMC_RESULT_BOOL ? types[count - 1].dtype : output.dtype;
    if (primitive == NUMC_SCALAR_CONVERT && output.dtype == NUMC_BOOL && numc__is_complex(types[0].dtype))
        dtype = types[0].dtype;
    outputs[0] = numc__eager_scalar(context, (uint32_t)primitive, dtype, output.dtype, output.rank, output.shape, operands,
                                    count);
    return outputs[0] == NULL ? context->status : NUMC_OK;
}

numc_status numc__bind(numc_context *context, int32_t primitive, const numc_array *const *inputs, int32_t input_count,
                       const numc_attributes *attributes, numc_array **outputs, int32_t output_capacity)
{
    for (int32_t i = 0; i < output_capacity; i++)
        outputs[i] = NULL;
    NUMC_TRY(context->status);
    bool traced = false;
    for (int32_t i = 0; i < input_count; i++) {
        NUMC_REQUIRE(context, inputs[i] != NULL, NUMC_INVALID_ARGUMENT, "%s: operand %d is NULL",
                     numc__primitive_name(primitive), (int)i + 1);
        NUMC_TRY(numc__array_check(inputs[i], context, numc__primitive_name(primitive)));
        traced = traced || inputs[i]->content == NUMC_CONTENT_TRACED;
    }
    if (attributes == NULL)
        attributes = &no_attributes;
    if (traced)
        return numc__trace_hooks()->record(context, primitive, inputs, input_count, attributes, outputs, output_capacity);
    NUMC_REQUIRE(context, output_capacity >= 1, NUMC_INTERNAL, "%s: no room for a result", numc__primitive_name(primitive));
    if (numc__primitive_is_scalar(primitive))
        return run_scalar(context, primitive, inputs, input_count, attributes, outputs);
    if (numc__primitive_is_control(primitive))
        return numc__trace_hooks()->run_control(context, primitive, inputs, input_count, attributes, outputs, output_capacity);
    call c = {context, primitive, inputs, input_count, attributes, NULL, outputs};
    return run_structural(&c, output_capacity);
}

numc_array *numc__bind1(numc_context *context, int32_t primitive, const numc_array *const *inputs, int32_t input_count,
                        const numc_attributes *attributes)
{
    numc_array *output = NULL;
    return numc__bind(context, primitive, inputs, input_count, attributes, &output, 1) == NUMC_OK ? output : NULL;
}
