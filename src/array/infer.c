/* infer.c - output types of every primitive: shape and dtype rules, with errors that name the primitive and its operands. */
#include <stdarg.h>
#include <string.h>

#include "array/infer.h"
#include "array/state.h"
#include "base/text.h"

static const struct {
    const char *name;
    int32_t inputs, outputs;
} structural[] = {
#define NUMC_X(upper, lower, inputs_, outputs_) [NUMC_PRIMITIVE_##upper - NUMC_PRIMITIVE_STRUCTURAL] = {#lower, inputs_, outputs_},
    NUMC_STRUCTURAL_TABLE(NUMC_X)
#undef NUMC_X
};

const char *numc__primitive_name(int32_t primitive)
{
    if (numc__primitive_is_scalar(primitive)) {
        const numc_scalar_info *info = numc__scalar_info((uint32_t)primitive);
        return info->arity > 0 ? info->name : "unknown";
    }
    if (primitive > NUMC_PRIMITIVE_STRUCTURAL && primitive < NUMC_PRIMITIVE_LIMIT)
        return structural[primitive - NUMC_PRIMITIVE_STRUCTURAL].name;
    return "unknown";
}

/* "reduce_sum(float64[3, 4]): " and the reason. */
numc_status numc__infer_refuse(numc_inference *f, numc_status status, const char *format, ...)
{
    char types[600], reason[320];
    size_t used = 0;
    types[0] = '\0';
    for (int32_t i = 0; i < f->input_count && used < sizeof types; i++) {
        char one[256];
        numc__type_format(one, sizeof one, f->inputs[i].dtype, f->inputs[i].rank, f->inputs[i].shape);
        used += numc__format(types + used, sizeof types - used, i == 0 ? "%s" : ", %s", one);
    }
    va_list list;
    va_start(list, format);
    numc__format_list(reason, sizeof reason, format, list);
    va_end(list);
    return numc__fail(f->context, status, "%s(%s): %s", numc__primitive_name(f->primitive), types, reason);
}

numc_status numc__infer_output(numc_inference *f, numc_dtype dtype, int32_t rank, const int64_t *shape)
{
    if (rank > NUMC_RANK_LIMIT)
        return numc__infer_refuse(f, NUMC_SHAPE, "a result of rank %d is beyond %d", (int)rank, NUMC_RANK_LIMIT);
    int32_t i = f->output_count;
    if (i >= f->capacity)
        return numc__infer_refuse(f, NUMC_INTERNAL, "room for %d results only", (int)f->capacity);
    if (rank > 0)
        memmove(f->shapes[i], shape, (size_t)rank * sizeof *shape);
    f->outputs[i] = (numc_type){dtype, rank, f->shapes[i]};
    f->output_count++;
    return NUMC_OK;
}

static bool is_float(numc_dtype dtype)
{
    return (numc_dtype_kind(dtype) & (NUMC_KIND_REAL | NUMC_KIND_COMPLEX)) != 0;
}

static bool is_integer(numc_dtype dtype)
{
    return (numc_dtype_kind(dtype) & (NUMC_KIND_SIGNED | NUMC_KIND_UNSIGNED)) != 0;
}

static bool is_real(numc_dtype dtype)
{
    return is_integer(dtype) || numc_dtype_kind(dtype) == NUMC_KIND_REAL;
}

static numc_status rule_scalar(numc_inference *f)
{
    const numc_scalar_info *info = numc__scalar_info((uint32_t)f->primitive);
    NUMC_NEED(info->arity > 0, NUMC_INTERNAL, "there is no such operation");
    NUMC_NEED(f->input_count == info->arity, NUMC_INTERNAL, "it takes %d operands", (int)info->arity);
    const numc_type *x = f->inputs;
    for (int32_t i = 1; i < f->input_count; i++)
        NUMC_NEED(numc__type_same_shape(&x[0], &x[i]), NUMC_SHAPE, "the shapes differ");
    numc_dtype dtype = x[f->input_count - 1].dtype;
    if (info->operands == NUMC_OPERANDS_RANDOM) {
        NUMC_NEED(x[0].dtype == NUMC_UINT64 && x[1].dtype == NUMC_UINT64, NUMC_DTYPE, "key and counter must be uint64");
        dtype = info->result == NUMC_RESULT_UINT64 ? NUMC_UINT64
                : f->attributes != NULL            ? f->attributes->dtype
                                                   : NUMC_DTYPE_DEFAULT;
        NUMC_NEED(dtype == NUMC_UINT64 || numc_dtype_kind(dtype) == NUMC_KIND_REAL, NUMC_DTYPE,
             "the result must be real, not %s", numc_dtype_name(dtype));
        for (int32_t i = 2; i < f->input_count; i++)
            NUMC_NEED(x[i].dtype == dtype, NUMC_DTYPE, "the parameters must be %s", numc_dtype_name(dtype));
        return numc__infer_output(f, dtype, x[0].rank, x[0].shape);
    }
    if (f->primitive == NUMC_SCALAR_CONVERT) {
        dtype = f->attributes != NULL ? f->attributes->dtype : NUMC_DTYPE_DEFAULT;
        NUMC_NEED(numc_dtype_size(dtype) > 0, NUMC_DTYPE, "there is no dtype to convert to");
        NUMC_NEED(!numc__is_complex(x[0].dtype) || numc__is_complex(dtype) || dtype == NUMC_BOOL, NUMC_DTYPE,
             "complex does not become %s; take its real or imaginary part", numc_dtype_name(dtype));
        return numc__infer_output(f, dtype, x[0].rank, x[0].shape);
    }
    int32_t first = 0;
    if (info->operands == NUMC_OPERANDS_SELECT) {
        NUMC_NEED(x[0].dtype == NUMC_BOOL, NUMC_DTYPE, "the condition must be bool");
        first = 1;
    }
    for (int32_t i = first; i < f->input_count; i++)
        NUMC_NEED(x[i].dtype == dtype, NUMC_DTYPE, "the dtypes differ");
    NUMC_NEED(numc__elementwise_admits((uint32_t)f->primitive, dtype), NUMC_DTYPE, "it is not defined for %s", numc_dtype_name(dtype));
    return numc__infer_output(f, info->result == NUMC_RESULT_BOOL ? NUMC_BOOL : dtype, x[0].rank, x[0].shape);
}

static numc_status rule_iota(numc_inference *f)
{
    NUMC_NEED(f->attributes != NULL && f->attributes->count >= 2, NUMC_INTERNAL, "it needs an axis and a shape");
    int32_t rank = f->attributes->count - 1;
    NUMC_NEED(f->attributes->numbers[0] >= 0 && f->attributes->numbers[0] < rank, NUMC_INDEX, "the axis is outside the shape");
    NUMC_NEED(is_real(f->attributes->dtype), NUMC_DTYPE, "it is not defined for %s", numc_dtype_name(f->attributes->dtype));
    return numc__infer_output(f, f->attributes->dtype, rank, f->attributes->numbers + 1);
}

static numc_status rule_broadcast(numc_inference *f)
{
    const numc_type *x = f->inputs;
    int32_t rank = f->attributes != NULL ? f->attributes->count : -1;
    NUMC_NEED(rank >= x->rank, NUMC_SHAPE, "the result has fewer axes");
    const int64_t *shape = f->attributes->numbers;
    char text[256];
    for (int32_t d = 0; d < x->rank; d++) {
        int64_t n = shape[rank - x->rank + d];
        NUMC_NEED(x->shape[d] == n || x->shape[d] == 1, NUMC_SHAPE, "it does not broadcast to %s",
             numc__shape_format(text, sizeof text, rank, shape));
    }
    return numc__infer_output(f, x->dtype, rank, shape);
}

/* The product of the sizes; -1 beyond 2^62. */
static int64_t volume(int32_t rank, const int64_t *shape)
{
    int64_t size = 1;
    for (int32_t d = 0; d < rank; d++) {
        if (shape[d] == 0)
            return 0;
    }
    for (int32_t d = 0; d < rank; d++) {
        if (size > ((int64_t)1 << 62) / shape[d])
            return -1;
        size *= shape[d];
    }
    return size;
}

static numc_status rule_reshape(numc_inference *f)
{
    const numc_type *x = f->inputs;
    NUMC_NEED(f->attributes != NULL, NUMC_INTERNAL, "it needs a shape");
    char text[256];
    for (int32_t d = 0; d < f->attributes->count; d++)
        NUMC_NEED(f->attributes->numbers[d] >= 0, NUMC_SHAPE, "the shape %s has a negative size",
             numc__shape_format(text, sizeof text, f->attributes->count, f->attributes->numbers));
    NUMC_NEED(volume(f->attributes->count, f->attributes->numbers) == volume(x->rank, x->shape), NUMC_SHAPE,
         "it does not have the size of %s",
         numc__shape_format(text, sizeof text, f->attributes->count, f->attributes->numbers));
    return numc__infer_output(f, x->dtype, f->attributes->count, f->attributes->numbers);
}

static numc_status rule_permute(numc_inference *f)
{
    const numc_type *x = f->inputs;
    NUMC_NEED_NUMBERS(x->rank);
    uint64_t seen = 0;
    int64_t shape[NUMC_RANK_LIMIT];
    for (int32_t d = 0; d < x->rank; d++) {
        int64_t axis = f->attributes->numbers[d];
        NUMC_NEED(axis >= 0 && axis < x->rank && (seen >> axis & 1) == 0, NUMC_SHAPE, "its axes are not a permutation");
        seen |= (uint64_t)1 << axis;
        shape[d] = x->shape[axis];
    }
    return numc__infer_output(f, x->dtype, x->rank, shape);
}

static numc_status rule_slice(numc_inference *f)
{
    const numc_type *x = f->inputs;
    int32_t rank = x->rank;
    NUMC_NEED_NUMBERS(3 * rank);
    const int64_t *start = f->attributes->numbers, *count = start + rank, *step = count + rank;
    for (int32_t d = 0; d < rank; d++) {
        bool inside = step[d] >= 1 && count[d] >= 0 && start[d] >= 0
                      && (count[d] == 0 ? start[d] <= x->shape[d]
                                        : start[d] < x->shape[d] && (count[d] - 1) <= (x->shape[d] - 1 - start[d]) / step[d]);
        NUMC_NEED(inside, NUMC_INDEX, "start %lld, count %lld, step %lld leave axis %d", (long long)start[d],
             (long long)count[d], (long long)step[d], (int)d);
    }
    return numc__infer_output(f, x->dtype, rank, count);
}

static numc_status rule_flip(numc_inference *f)
{
    NUMC_NEED_NUMBERS(f->inputs->rank);
    return numc__infer_output(f, f->inputs->dtype, f->inputs->rank, f->inputs->shape);
}

static numc_status rule_same(numc_inference *f)
{
    return numc__infer_output(f, f->inputs->dtype, f->inputs->rank, f->inputs->shape);
}

static numc_status rule_part(numc_inference *f)
{
    const numc_type *x = f->inputs;
    NUMC_NEED(numc__is_complex(x->dtype), NUMC_DTYPE, "it is not defined for %s", numc_dtype_name(x->dtype));
    return numc__infer_output(f, numc__part_dtype(x->dtype), x->rank, x->shape);
}

static numc_status rule_complex(numc_inference *f)
{
    const numc_type *x = f->inputs;
    NUMC_NEED(numc_dtype_kind(x->dtype) == NUMC_KIND_REAL && x[0].dtype == x[1].dtype, NUMC_DTYPE, "both must be of one real dtype");
    NUMC_NEED(numc__type_same_shape(&x[0], &x[1]), NUMC_SHAPE, "the shapes differ");
    return numc__infer_output(f, numc__complex_dtype(x->dtype), x->rank, x->shape);
}

static numc_status rule_pad(numc_inference *f)
{
    const numc_type *x = f->inputs;
    int32_t rank = x->rank;
    NUMC_NEED_NUMBERS(3 * rank);
    NUMC_NEED(x[1].rank == 0 && x[1].dtype == x->dtype, NUMC_DTYPE, "the padding must be 0-d and of the same dtype");
    const int64_t *low = f->attributes->numbers, *interior = low + rank, *high = interior + rank;
    int64_t shape[NUMC_RANK_LIMIT];
    for (int32_t d = 0; d < rank; d++) {
        NUMC_NEED(low[d] >= 0 && interior[d] >= 0 && high[d] >= 0, NUMC_SHAPE, "the widths must not be negative");
        shape[d] = low[d] + high[d] + x->shape[d] + (x->shape[d] > 1 ? (x->shape[d] - 1) * interior[d] : 0);
    }
    return numc__infer_output(f, x->dtype, rank, shape);
}

static numc_status rule_concat(numc_inference *f)
{
    const numc_type *x = f->inputs;
    NUMC_NEED_NUMBERS(1);
    NUMC_NEED(f->input_count >= 1, NUMC_INVALID_ARGUMENT, "there is nothing to concatenate");
    int64_t axis = f->attributes->numbers[0], shape[NUMC_RANK_LIMIT];
    NUMC_NEED(axis >= 0 && axis < x->rank, NUMC_INDEX, "axis %lld is out of bounds", (long long)axis);
    for (int32_t d = 0; d < x->rank; d++)
        shape[d] = x->shape[d];
    for (int32_t i = 1; i < f->input_count; i++) {
        NUMC_NEED(x[i].dtype == x->dtype, NUMC_DTYPE, "the dtypes differ");
        NUMC_NEED(x[i].rank == x->rank, NUMC_SHAPE, "the ranks differ");
        for (int32_t d = 0; d < x->rank; d++)
            NUMC_NEED(d == axis || x[i].shape[d] == x->shape[d], NUMC_SHAPE, "sizes differ on axis %d, not only on axis %lld",
                 (int)d, (long long)axis);
        NUMC_NEED(shape[axis] <= INT64_MAX - x[i].shape[axis], NUMC_SHAPE, "axis %lld is too large", (long long)axis);
        shape[axis] += x[i].shape[axis];
    }
    return numc__infer_output(f, x->dtype, x->rank, shape);
}

static numc_status rule_gather(numc_inference *f)
{
    const numc_type *x = f->inputs, *indices = x + 1;
    NUMC_NEED_NUMBERS(1);
    int64_t axis = f->attributes->numbers[0], shape[2 * NUMC_RANK_LIMIT];
    NUMC_NEED(axis >= 0 && axis < x->rank, NUMC_INDEX, "axis %lld is out of bounds", (long long)axis);
    NUMC_NEED(is_integer(indices->dtype), NUMC_DTYPE, "the indices must be integers");
    int32_t rank = 0;
    for (int32_t d = 0; d < axis; d++)
        shape[rank++] = x->shape[d];
    for (int32_t d = 0; d < indices->rank; d++)
        shape[rank++] = indices->shape[d];
    for (int32_t d = (int32_t)axis + 1; d < x->rank; d++)
        shape[rank++] = x->shape[d];
    NUMC_NEED(x->shape[axis] > 0 || volume(rank, shape) == 0, NUMC_INDEX, "there is nothing to pick from on axis %lld",
         (long long)axis);
    return numc__infer_output(f, x->dtype, rank, shape);
}

static numc_status rule_scatter(numc_inference *f)
{
    const numc_type *x = f->inputs, *indices = x + 1, *values = x + 2;
    NUMC_NEED_NUMBERS(2);
    int64_t axis = f->attributes->numbers[0];
    NUMC_NEED(axis >= 0 && axis < x->rank, NUMC_INDEX, "axis %lld is out of bounds", (long long)axis);
    NUMC_NEED(is_integer(indices->dtype), NUMC_DTYPE, "the indices must be integers");
    NUMC_NEED(indices->rank == 1, NUMC_SHAPE, "the indices must have rank 1");
    NUMC_NEED(values->dtype == x->dtype, NUMC_DTYPE, "the values must be %s", numc_dtype_name(x->dtype));
    NUMC_NEED(f->attributes->numbers[1] == 0 || is_real(x->dtype) || numc__is_complex(x->dtype), NUMC_DTYPE,
              "%s does not add up", numc_dtype_name(x->dtype));
    NUMC_NEED(values->rank == x->rank, NUMC_SHAPE, "the values must have the rank of the array");
    for (int32_t d = 0; d < x->rank; d++)
        NUMC_NEED(values->shape[d] == (d == axis ? indices->shape[0] : x->shape[d]), NUMC_SHAPE,
             "the values do not fit the array and its indices on axis %d", (int)d);
    return numc__infer_output(f, x->dtype, x->rank, x->shape);
}

static numc_status rule_reduce(numc_inference *f)
{
    const numc_type *x = f->inputs;
    bool logical = f->primitive == NUMC_PRIMITIVE_REDUCE_ANY || f->primitive == NUMC_PRIMITIVE_REDUCE_ALL;
    bool argument = f->primitive == NUMC_PRIMITIVE_ARGMAX || f->primitive == NUMC_PRIMITIVE_ARGMIN;
    bool extreme = argument || f->primitive == NUMC_PRIMITIVE_REDUCE_MAX || f->primitive == NUMC_PRIMITIVE_REDUCE_MIN;
    NUMC_NEED(f->attributes != NULL, NUMC_INTERNAL, "it needs axes");
    NUMC_NEED(!argument || f->attributes->count == 1, NUMC_INTERNAL, "it needs one axis");
    bool adds = f->primitive == NUMC_PRIMITIVE_REDUCE_SUM;
    NUMC_NEED(logical ? x->dtype == NUMC_BOOL : is_real(x->dtype) || (adds && numc__is_complex(x->dtype)), NUMC_DTYPE,
         "it is not defined for %s", numc_dtype_name(x->dtype));
    uint64_t reduced = 0;
    for (int32_t i = 0; i < f->attributes->count; i++) {
        int64_t axis = f->attributes->numbers[i];
        NUMC_NEED(axis >= 0 && axis < x->rank, NUMC_INDEX, "axis %lld is out of bounds", (long long)axis);
        NUMC_NEED((reduced >> axis & 1) == 0, NUMC_INVALID_ARGUMENT, "axis %lld is given twice", (long long)axis);
        reduced |= (uint64_t)1 << axis;
    }
    int64_t shape[NUMC_RANK_LIMIT];
    int32_t rank = 0, empty = -1;
    for (int32_t d = 0; d < x->rank; d++) {
        if ((reduced >> d & 1) == 0)
            shape[rank++] = x->shape[d];
        else if (x->shape[d] == 0)
            empty = d;
    }
    NUMC_NEED(!extreme || empty < 0 || volume(rank, shape) == 0, NUMC_VALUE,
         "axis %d is empty, and this reduction has no identity", (int)empty);
    return numc__infer_output(f, argument ? NUMC_INT64 : x->dtype, rank, shape);
}

static numc_status rule_cumulative(numc_inference *f)
{
    const numc_type *x = f->inputs;
    if (f->primitive != NUMC_PRIMITIVE_SORT || f->attributes->count != 3)
        NUMC_NEED_NUMBERS(2);
    NUMC_NEED(f->attributes->numbers[0] >= 0 && f->attributes->numbers[0] < x->rank, NUMC_INDEX, "axis %lld is out of bounds",
         (long long)f->attributes->numbers[0]);
    bool adds = f->primitive == NUMC_PRIMITIVE_CUMULATIVE_SUM;
    NUMC_NEED(is_real(x->dtype) || (adds && numc__is_complex(x->dtype)), NUMC_DTYPE, "it is not defined for %s",
         numc_dtype_name(x->dtype));
    NUMC_TRY(numc__infer_output(f, x->dtype, x->rank, x->shape));
    return f->primitive == NUMC_PRIMITIVE_SORT ? numc__infer_output(f, NUMC_INT64, x->rank, x->shape) : NUMC_OK;
}

static numc_status rule_search(numc_inference *f)
{
    const numc_type *x = f->inputs;
    NUMC_NEED_NUMBERS(1);
    NUMC_NEED(x[0].rank == 1, NUMC_SHAPE, "the sorted array must have rank 1");
    NUMC_NEED(x[0].dtype == x[1].dtype && is_real(x[0].dtype), NUMC_DTYPE, "both must be of one real dtype");
    return numc__infer_output(f, NUMC_INT64, x[1].rank, x[1].shape);
}

/* Leading axes of two operands whose last two axes are matrices. */
static numc_status equal_batch(numc_inference *f)
{
    const numc_type *a = f->inputs, *b = a + 1;
    NUMC_NEED(a->rank >= 2 && b->rank >= 2, NUMC_SHAPE, "both must have rank 2 at least");
    NUMC_NEED(a->rank == b->rank, NUMC_SHAPE, "the ranks differ");
    for (int32_t d = 0; d < a->rank - 2; d++)
        NUMC_NEED(a->shape[d] == b->shape[d], NUMC_SHAPE, "the batch axes differ");
    return NUMC_OK;
}

static numc_status rule_matmul(numc_inference *f)
{
    const numc_type *a = f->inputs, *b = a + 1;
    NUMC_TRY(equal_batch(f));
    NUMC_NEED(a->dtype == b->dtype && (is_integer(a->dtype) || is_float(a->dtype)), NUMC_DTYPE,
         "both must be of one numeric dtype");
    int64_t inner = a->shape[a->rank - 1], rows = b->shape[b->rank - 2], shape[NUMC_RANK_LIMIT];
    NUMC_NEED(inner == rows, NUMC_SHAPE, "the inner sizes %lld and %lld differ", (long long)inner, (long long)rows);
    for (int32_t d = 0; d < a->rank; d++)
        shape[d] = a->shape[d];
    shape[a->rank - 1] = b->shape[b->rank - 1];
    return numc__infer_output(f, a->dtype, a->rank, shape);
}

static numc_status square(numc_inference *f)
{
    const numc_type *x = f->inputs;
    NUMC_NEED(x->rank >= 2 && x->shape[x->rank - 1] == x->shape[x->rank - 2], NUMC_SHAPE,
         "the last two axes must be a square matrix");
    NUMC_NEED(is_float(x->dtype), NUMC_DTYPE, "it is not defined for %s", numc_dtype_name(x->dtype));
    return NUMC_OK;
}

static numc_status rule_cholesky(numc_inference *f)
{
    NUMC_TRY(square(f));
    return rule_same(f);
}

static numc_status rule_cholesky_inverse(numc_inference *f)
{
    NUMC_TRY(square(f));
    NUMC_NEED(numc_dtype_kind(f->inputs[0].dtype) == NUMC_KIND_REAL, NUMC_DTYPE, "it is not defined for %s", numc_dtype_name(f->inputs[0].dtype));
    return rule_same(f);
}

static numc_status rule_triangular_solve(numc_inference *f)
{
    const numc_type *t = f->inputs, *b = t + 1;
    NUMC_NEED_NUMBERS(3);
    NUMC_TRY(square(f));
    NUMC_TRY(equal_batch(f));
    NUMC_NEED(t->dtype == b->dtype, NUMC_DTYPE, "the dtypes differ");
    NUMC_NEED(t->shape[t->rank - 1] == b->shape[b->rank - 2], NUMC_SHAPE, "the matrix has %lld rows, the right side %lld",
         (long long)t->shape[t->rank - 1], (long long)b->shape[b->rank - 2]);
    return numc__infer_output(f, b->dtype, b->rank, b->shape);
}

static numc_status rule_lu(numc_inference *f)
{
    const numc_type *x = f->inputs;
    NUMC_TRY(square(f));
    NUMC_TRY(rule_same(f));
    NUMC_TRY(numc__infer_output(f, NUMC_INT32, x->rank - 1, x->shape));
    return numc__infer_output(f, x->dtype, x->rank - 2, x->shape);
}

/* A matrix of floats; K = min(M, N) of its sizes. */
static numc_status matrix(numc_inference *f, int64_t *rows, int64_t *columns, int64_t *least)
{
    const numc_type *x = f->inputs;
    NUMC_NEED(x->rank >= 2, NUMC_SHAPE, "the array has rank %d, not 2 at least", (int)x->rank);
    NUMC_NEED(is_float(x->dtype), NUMC_DTYPE, "it is not defined for %s", numc_dtype_name(x->dtype));
    *rows = x->shape[x->rank - 2];
    *columns = x->shape[x->rank - 1];
    *least = *rows < *columns ? *rows : *columns;
    return NUMC_OK;
}

/* The input's batch axes, then a matrix, or a vector when columns < 0. */
static numc_status output_matrix(numc_inference *f, numc_dtype dtype, int64_t rows, int64_t columns)
{
    const numc_type *x = f->inputs;
    int64_t shape[NUMC_RANK_LIMIT];
    for (int32_t d = 0; d < x->rank - 2; d++)
        shape[d] = x->shape[d];
    shape[x->rank - 2] = rows;
    shape[x->rank - 1] = columns;
    return numc__infer_output(f, dtype, columns < 0 ? x->rank - 1 : x->rank, shape);
}

static numc_status rule_qr(numc_inference *f)
{
    int64_t m, n, k;
    NUMC_NEED_NUMBERS(1);
    NUMC_TRY(matrix(f, &m, &n, &k));
    bool complete = f->attributes->numbers[0] != 0;
    NUMC_TRY(output_matrix(f, f->inputs->dtype, m, complete ? m : k));
    return output_matrix(f, f->inputs->dtype, complete ? m : k, n);
}

static numc_status rule_eigen(numc_inference *f)
{
    NUMC_NEED_NUMBERS(1);
    NUMC_TRY(square(f));
    numc_dtype real = numc__part_dtype(f->inputs->dtype), dtype = f->inputs->dtype;
    bool hermitian = f->primitive == NUMC_PRIMITIVE_EIGH;
    if (!hermitian)
        dtype = numc__complex_dtype(real);
    int64_t n = f->inputs->shape[f->inputs->rank - 1];
    NUMC_TRY(output_matrix(f, hermitian ? real : dtype, n, -1));
    return f->attributes->numbers[0] == 0 ? NUMC_OK : output_matrix(f, dtype, n, n);
}

static numc_status rule_svd(numc_inference *f)
{
    int64_t m, n, k;
    NUMC_NEED_NUMBERS(1);
    NUMC_TRY(matrix(f, &m, &n, &k));
    int64_t mode = f->attributes->numbers[0];
    numc_dtype dtype = f->inputs->dtype;
    NUMC_NEED(mode >= 0 && mode <= 2, NUMC_INTERNAL, "%lld is no mode", (long long)mode);
    if (mode > 0)
        NUMC_TRY(output_matrix(f, dtype, m, mode == 2 ? m : k));
    NUMC_TRY(output_matrix(f, numc__part_dtype(dtype), k, -1));
    return mode == 0 ? NUMC_OK : output_matrix(f, dtype, mode == 2 ? n : k, n);
}

static numc_status rule_fft(numc_inference *f)
{
    const numc_type *x = f->inputs;
    bool from_real = f->primitive == NUMC_PRIMITIVE_RFFT, to_real = f->primitive == NUMC_PRIMITIVE_IRFFT;
    NUMC_NEED_NUMBERS(from_real ? 1 : 2);
    int64_t axis = f->attributes->numbers[0], shape[NUMC_RANK_LIMIT];
    NUMC_NEED(axis >= 0 && axis < x->rank, NUMC_INDEX, "axis %lld is out of bounds", (long long)axis);
    NUMC_NEED(from_real ? numc_dtype_kind(x->dtype) == NUMC_KIND_REAL : numc__is_complex(x->dtype), NUMC_DTYPE,
         "it is not defined for %s", numc_dtype_name(x->dtype));
    int64_t n = to_real ? f->attributes->numbers[1] : x->shape[axis];
    NUMC_NEED(n >= 1, NUMC_VALUE, "the length n is %lld, not 1 at least", (long long)n);
    NUMC_NEED(!to_real || x->shape[axis] == n / 2 + 1, NUMC_SHAPE, "a length n of %lld takes %lld terms", (long long)n,
         (long long)(n / 2 + 1));
    NUMC_NEED(from_real || to_real || f->attributes->numbers[1] == 1 || f->attributes->numbers[1] == -1, NUMC_INTERNAL,
         "the direction is neither -1 nor 1");
    for (int32_t d = 0; d < x->rank; d++)
        shape[d] = d != axis ? x->shape[d] : from_real ? n / 2 + 1 : n;
    return numc__infer_output(f, from_real ? numc__complex_dtype(x->dtype) : to_real ? numc__part_dtype(x->dtype) : x->dtype, x->rank, shape);
}

/* What has graphs among its attributes, or calls what the graph floor knows. */
static numc_status rule_control(numc_inference *f)
{
    return numc__trace_hooks()->infer(f);
}

typedef numc_status (*rule)(numc_inference *f);
#define ROW(NAME) [NUMC_PRIMITIVE_##NAME - NUMC_PRIMITIVE_STRUCTURAL]
static const rule rules[NUMC_PRIMITIVE_LIMIT - NUMC_PRIMITIVE_STRUCTURAL] = {
    ROW(IOTA) = rule_iota,
    ROW(BROADCAST) = rule_broadcast,
    ROW(RESHAPE) = rule_reshape,
    ROW(PERMUTE) = rule_permute,
    ROW(SLICE) = rule_slice,
    ROW(FLIP) = rule_flip,
    ROW(PAD) = rule_pad,
    ROW(CONCAT) = rule_concat,
    ROW(GATHER) = rule_gather,
    ROW(SCATTER) = rule_scatter,
    ROW(REAL) = rule_part,
    ROW(IMAG) = rule_part,
    ROW(COMPLEX) = rule_complex,
    ROW(REDUCE_SUM) = rule_reduce,
    ROW(REDUCE_PROD) = rule_reduce,
    ROW(REDUCE_MAX) = rule_reduce,
    ROW(REDUCE_MIN) = rule_reduce,
    ROW(REDUCE_ANY) = rule_reduce,
    ROW(REDUCE_ALL) = rule_reduce,
    ROW(ARGMAX) = rule_reduce,
    ROW(ARGMIN) = rule_reduce,
    ROW(CUMULATIVE_SUM) = rule_cumulative,
    ROW(CUMULATIVE_PROD) = rule_cumulative,
    ROW(CUMULATIVE_MAX) = rule_cumulative,
    ROW(SORT) = rule_cumulative,
    ROW(SEARCH) = rule_search,
    ROW(FFT) = rule_fft,
    ROW(RFFT) = rule_fft,
    ROW(IRFFT) = rule_fft,
    ROW(MATMUL) = rule_matmul,
    ROW(CHOLESKY) = rule_cholesky,
    ROW(CHOLESKY_INVERSE) = rule_cholesky_inverse,
    ROW(TRIANGULAR_SOLVE) = rule_triangular_solve,
    ROW(LU) = rule_lu,
    ROW(QR) = rule_qr,
    ROW(EIGH) = rule_eigen,
    ROW(EIG) = rule_eigen,
    ROW(SVD) = rule_svd,
    ROW(STOP_GRADIENT) = rule_same,
    ROW(COND) = rule_control,
    ROW(SCAN) = rule_control,
    ROW(WHILE) = rule_control,
    ROW(CUSTOM) = rule_control,
    ROW(EXTERNAL) = rule_control,
};

numc_status numc__primitive_infer(numc_context *context, int32_t primitive, const numc_type *inputs,
                                  int32_t input_count, const numc_attributes *attributes, numc_type *outputs,
                                  int64_t (*shapes)[NUMC_RANK_LIMIT], int32_t output_capacity, int32_t *output_count)
{
    numc_inference f = {context, primitive, inputs, input_count, attributes, outputs, shapes, output_capacity, 0};
    *output_count = 0;
    if (numc__primitive_is_scalar(primitive)) {
        NUMC_TRY(rule_scalar(&f));
    } else {
        NUMC_REQUIRE(context, primitive > NUMC_PRIMITIVE_STRUCTURAL && primitive < NUMC_PRIMITIVE_LIMIT, NUMC_INTERNAL,
                     "%d is not a primitive", (int)primitive);
        int32_t row = primitive - NUMC_PRIMITIVE_STRUCTURAL;
        if (structural[row].inputs >= 0 && structural[row].inputs != input_count)
            return numc__infer_refuse(&f, NUMC_INTERNAL, "it takes %d operands", (int)structural[row].inputs);
        NUMC_TRY(rules[row](&f));
    }
    *output_count = f.output_count;
    return NUMC_OK;
}
