/* create.c - arrays from nothing: constants without memory, ranges, diagonals and triangles. */
#include <math.h>
#include <string.h>

#include "array/state.h"

static numc_status checked(numc_context *context, const char *name, numc_shape shape)
{
    if (context == NULL)
        return NUMC_INVALID_ARGUMENT;
    NUMC_TRY(context->status);
    NUMC_TRY(numc__shape_check(context, name, shape));
    for (int32_t d = 0; d < shape.count; d++) {
        char text[256];
        NUMC_REQUIRE(context, shape.values[d] >= 0, NUMC_SHAPE, "%s: shape %s has a negative size", name,
                     numc__shape_format(text, sizeof text, shape.count, shape.values));
    }
    return NUMC_OK;
}

/* A number of a call as an array: the dtype given, or the one the number's kind takes by default. */
static numc_array *number_array(numc_context *context, const char *name, numc_dtype dtype, numc_shape shape,
                                numc_operand value, bool weak)
{
    if (checked(context, name, shape) != NUMC_OK)
        return NULL;
    if (value.kind == NUMC_OPERAND_ARRAY) {
        const numc_array *x = value.value.array;
        numc_context *lane = numc__lane_of(&x, 1, name);
        if (lane == NULL || lane->core != context->core) {
            numc__fail(context, lane == NULL ? NUMC_INVALID_ARGUMENT : NUMC_STATE, "%s: the value is %s", name,
                       x == NULL      ? "NULL"
                       : lane == NULL ? "dead"
                                      : "an array of another context; numc_to_device copies it");
            return NULL;
        }
        numc_array *y = numc__cast(lane, name, x, dtype == NUMC_DTYPE_DEFAULT ? x->dtype : dtype);
        return y == NULL ? NULL : numc_broadcast_to(y, shape);
    }
    bool chosen = dtype == NUMC_DTYPE_DEFAULT;
    weak = weak && chosen;
    if (dtype == NUMC_DTYPE_DEFAULT)
        dtype = value.kind == NUMC_OPERAND_BOOL      ? NUMC_BOOL
                : value.kind == NUMC_OPERAND_INTEGER ? NUMC_INT64
                : value.kind == NUMC_OPERAND_UNSIGNED ? NUMC_UINT64
                                                      : numc_default_float(context);
    if (value.kind == NUMC_OPERAND_COMPLEX && (dtype == NUMC_FLOAT32 || dtype == NUMC_FLOAT64) && chosen)
        dtype = numc__complex_dtype(dtype);
    if (dtype == NUMC_DTYPE_DEFAULT)
        return NULL;
    if (numc__number_fits(context, name, dtype, &value) != NUMC_OK)
        return NULL;
    _Alignas(16) unsigned char bytes[16] = {0};
    numc__value_number(dtype, bytes, &value);
    numc_array *x = numc__array_new_immediate(context, dtype, shape.count, shape.values, bytes);
    if (x != NULL)
        x->weak = weak;
    return x;
}

static numc_array *constant(numc_context *context, const char *name, numc_dtype dtype, numc_shape shape, int64_t value)
{
    if (checked(context, name, shape) != NUMC_OK)
        return NULL;
    if (dtype == NUMC_DTYPE_DEFAULT)
        dtype = numc_default_float(context);
    return dtype == NUMC_DTYPE_DEFAULT ? NULL : number_array(context, name, dtype, shape, numc_operand_integer(value), false);
}

numc_array *numc__full(numc_context *context, numc_dtype dtype, int32_t rank, const int64_t *shape, double value)
{
    numc_operand number = numc_operand_real(value);
    _Alignas(16) unsigned char bytes[16] = {0};
    numc__value_number(dtype, bytes, &number);
    return numc__array_new_immediate(context, dtype, rank, shape, bytes);
}

numc_array *numc_zeros_(numc_context *context, numc_dtype dtype, numc_shape shape)
{
    return constant(context, "numc_zeros", dtype, shape, 0);
}

numc_array *numc_ones_(numc_context *context, numc_dtype dtype, numc_shape shape)
{
    return constant(context, "numc_ones", dtype, shape, 1);
}

numc_array *numc_empty_(numc_context *context, numc_dtype dtype, numc_shape shape)
{
    return constant(context, "numc_empty", dtype, shape, 0);
}

numc_array *numc_full_(numc_context *context, numc_dtype dtype, numc_shape shape, numc_operand value)
{
    return number_array(context, "numc_full", dtype, shape, value, false);
}

numc_array *numc_number_(numc_context *context, numc_dtype dtype, numc_operand value)
{
    return number_array(context, "numc_number", dtype, (numc_shape){NULL, 0, true}, value, true);
}

static numc_array *like(const char *name, const numc_array *x, numc_operand value, const numc_like_options *options)
{
    numc_context *context = numc__lane_of(&x, 1, name);
    numc_like_options known;
    if (context == NULL
        || numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) != NUMC_OK)
        return NULL;
    numc_dtype dtype = known.dtype == NUMC_DTYPE_DEFAULT ? x->dtype : known.dtype;
    return number_array(context, name, dtype, (numc_shape){x->shape, x->rank, true}, value, false);
}

numc_array *(numc_zeros_like)(const numc_array *x, const numc_like_options *options)
{
    return like("numc_zeros_like", x, numc_operand_integer(0), options);
}

numc_array *(numc_ones_like)(const numc_array *x, const numc_like_options *options)
{
    return like("numc_ones_like", x, numc_operand_integer(1), options);
}

numc_array *(numc_empty_like)(const numc_array *x, const numc_like_options *options)
{
    return like("numc_empty_like", x, numc_operand_integer(0), options);
}

numc_array *numc_full_like_(const numc_array *x, numc_operand value, const numc_like_options *options)
{
    return like("numc_full_like", x, value, options);
}

numc_array *numc_asarray_(numc_context *context, numc_dtype dtype, numc_operand value)
{
    if (value.kind != NUMC_OPERAND_ARRAY)
        return number_array(context, "numc_asarray", dtype, (numc_shape){NULL, 0, true}, value, true);
    const numc_array *x = value.value.array;
    numc_context *lane = numc__lane_of(&x, 1, "numc_asarray");
    return lane == NULL ? NULL : numc_astype(x, dtype == NUMC_DTYPE_DEFAULT ? x->dtype : dtype);
}

/* Values made on the host: start + i step in double, the last one `last` when `closed`; or, `whole`, first +
 * i by in int64, exactly. */
typedef struct ramp {
    bool whole, closed;
    double start, step, last;
    int64_t first, by;
} ramp;

/* A piece at a time in int64 or double, converted where the dtype is another. */
static void fill_ramp(numc_dtype dtype, const ramp *r, int64_t count, unsigned char *values)
{
    enum { PIECE = 256 };
    const numc_dtype own = r->whole ? NUMC_INT64 : NUMC_FLOAT64;
    size_t item = numc_dtype_size(dtype);
    for (int64_t first = 0; first < count; first += PIECE) {
        int64_t n = count - first < PIECE ? count - first : PIECE;
        union {
            int64_t whole[PIECE];
            double real[PIECE];
        } piece;
        if (r->whole) {
            for (int64_t i = 0; i < n; i++)
                piece.whole[i] = (int64_t)((uint64_t)r->first + (uint64_t)(first + i) * (uint64_t)r->by);
        } else {
            for (int64_t i = 0; i < n; i++)
                piece.real[i] = r->start + (double)(first + i) * r->step;
            if (r->closed && first + n == count)
                piece.real[n - 1] = r->last;
        }
        if (dtype == own)
            memcpy(values + (size_t)first * item, &piece, (size_t)n * item);
        else
            numc__convert_many(dtype, values + (size_t)first * item, own, &piece, (size_t)n);
    }
}

static numc_array *run_ramp(numc_context *context, const char *name, numc_dtype dtype, const ramp *r, int64_t count)
{
    size_t item = numc_dtype_size(dtype);
    if (item == 0) {
        numc__fail(context, NUMC_DTYPE, "%s: no dtype (%d)", name, (int)dtype);
        return NULL;
    }
    if (count > ((int64_t)1 << 46) / (int64_t)item) {
        numc__fail(context, NUMC_MEMORY, "%s: %lld elements are too many", name, (long long)count);
        return NULL;
    }
    size_t bytes = (size_t)count * item;
    numc_backend_device *device = numc__array_device(context);
    if (device == NULL)
        return NULL;
    if (device->info.unified != 0 && count > 0) { /* made in place; a reused buffer may still be read by queued work */
        numc_array *y = numc__array_new_buffer(context, dtype, 1, &count);
        if (y == NULL || numc__device_check(context, device->table.synchronize(device->device), name) != NUMC_OK)
            return NULL;
        fill_ramp(dtype, r, count, y->buffer->memory);
        return y;
    }
    unsigned char *values = numc__allocate(context, bytes);
    if (values == NULL)
        return NULL;
    fill_ramp(dtype, r, count, values);
    numc_array *x = numc_from_host_(context, dtype, (numc_shape){&count, 1, true}, values);
    numc__free(context, values, bytes);
    return x;
}

/* A number of a call that takes no arrays there. */
static numc_status number_of(numc_context *context, const char *name, numc_operand operand, double *real)
{
    NUMC_REQUIRE(context, operand.kind != NUMC_OPERAND_ARRAY, NUMC_INVALID_ARGUMENT, "%s: an array where a number belongs", name);
    NUMC_REQUIRE(context, operand.kind != NUMC_OPERAND_COMPLEX, NUMC_DTYPE, "%s: complex numbers make no range", name);
    *real = numc__number_real(&operand);
    return NUMC_OK;
}

static numc_status step_fits(numc_context *context, const char *name, double start, double stop, double step, double count)
{
    NUMC_REQUIRE(context, isfinite(start) && isfinite(stop) && isfinite(step) && step != 0 && count < 4e18, NUMC_VALUE,
                 "%s: start %g, stop %g, step %g make no range", name, start, stop, step);
    return NUMC_OK;
}

numc_array *numc_arange_(numc_context *context, numc_dtype dtype, numc_operand start, numc_operand stop, numc_operand step)
{
    const char *name = "numc_arange";
    ramp r = {.whole = start.kind != NUMC_OPERAND_REAL && stop.kind != NUMC_OPERAND_REAL && step.kind != NUMC_OPERAND_REAL};
    double end = 0;
    if (context == NULL || context->status != NUMC_OK || number_of(context, name, start, &r.start) != NUMC_OK
        || number_of(context, name, stop, &end) != NUMC_OK || number_of(context, name, step, &r.step) != NUMC_OK)
        return NULL;
    /* beyond int64 whole numbers are counted in uint64, or, for floats, as doubles */
    bool natural = start.kind == NUMC_OPERAND_UNSIGNED || stop.kind == NUMC_OPERAND_UNSIGNED || step.kind == NUMC_OPERAND_UNSIGNED;
    if (dtype == NUMC_DTYPE_DEFAULT)
        dtype = r.whole ? (natural ? NUMC_UINT64 : NUMC_INT64) : numc_default_float(context);
    const bool integral = r.whole && numc_isdtype(dtype, NUMC_KINDS_INTEGRAL);
    if (natural)
        r.whole = integral && r.start >= 0 && end >= 0;
    if (numc__is_complex(dtype)) {
        numc__fail(context, NUMC_DTYPE, "%s: %s has no order", name, numc_dtype_name(dtype));
        return NULL;
    }
    int64_t count = 0;
    numc_operand first = start, last = start;
    if (r.whole) {
        if (step_fits(context, name, r.start, end, r.step, 0) != NUMC_OK)
            return NULL;
        r.first = start.value.integer;
        r.by = step.value.integer;
        uint64_t a = (uint64_t)r.first, b = (uint64_t)stop.value.integer; /* their distance is below 2^64 */
        bool less = natural ? a < b : r.first < stop.value.integer, up = r.by > 0 || step.kind == NUMC_OPERAND_UNSIGNED, some = a != b && less == up;
        uint64_t size = up ? (uint64_t)r.by : 0 - (uint64_t)r.by, steps = some ? ((up ? b - a : a - b) - 1) / size : 0;
        count = !some ? 0 : steps >= INT64_MAX ? INT64_MAX : (int64_t)steps + 1;
        const uint64_t final = a + steps * (uint64_t)r.by;
        first = natural ? numc_operand_unsigned(a) : numc_operand_integer(r.first);
        last = natural ? numc_operand_unsigned(final) : numc_operand_integer((int64_t)final);
    } else {
        double number = ceil((end - r.start) / r.step);
        if (step_fits(context, name, r.start, end, r.step, number) != NUMC_OK)
            return NULL;
        count = number > 0 ? (int64_t)number : 0;
        if (count > 0 && integral) { /* the distance of a negative number from one beyond int64 is beyond uint64 */
            numc__fail(context, NUMC_VALUE, "%s: negative numbers and numbers beyond int64 make no range of %s", name, numc_dtype_name(dtype));
            return NULL;
        }
        first = numc_operand_real(r.start);
        last = numc_operand_real(r.start + (double)(count - 1) * r.step);
    }
    const numc_operand by = numc_operand_real(r.step); /* integers: no element is rounded or wraps */
    if (count > 0
        && ((!r.whole && floor(r.step) != r.step && numc__number_fits(context, name, dtype, &by) != NUMC_OK)
            || numc__number_fits(context, name, dtype, &first) != NUMC_OK
            || numc__number_fits(context, name, dtype, &last) != NUMC_OK))
        return NULL;
    return run_ramp(context, name, dtype, &r, count);
}

static double part_of(numc_operand number, int which)
{
    if (number.kind == NUMC_OPERAND_COMPLEX)
        return number.value.parts[which];
    return which != 0 ? 0.0 : numc__number_real(&number);
}

/* Both parts by themselves. */
static numc_array *complex_linspace(numc_context *context, numc_dtype dtype, numc_operand start, numc_operand stop,
                                    int64_t number, const numc_linspace_options *options)
{
    if (context == NULL || context->status != NUMC_OK)
        return NULL;
    if (dtype != NUMC_DTYPE_DEFAULT && !numc__is_complex(dtype)) {
        numc__fail(context, NUMC_DTYPE, "numc_linspace: complex numbers do not convert to %s", numc_dtype_name(dtype));
        return NULL;
    }
    if (start.kind == NUMC_OPERAND_ARRAY || stop.kind == NUMC_OPERAND_ARRAY) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "numc_linspace: an array where a number belongs");
        return NULL;
    }
    if (numc_scope_begin(context) != NUMC_OK)
        return NULL;
    numc_array *parts[2];
    for (int which = 0; which < 2; which++)
        parts[which] = numc_linspace_(context, numc__part_dtype(dtype), numc_operand_real(part_of(start, which)),
                                      numc_operand_real(part_of(stop, which)), number, options);
    return numc__scope_leave(context, numc__complex_of(context, parts[0], parts[1]));
}

numc_array *numc_linspace_(numc_context *context, numc_dtype dtype, numc_operand start, numc_operand stop, int64_t number,
                           const numc_linspace_options *options)
{
    const char *name = "numc_linspace";
    if (start.kind == NUMC_OPERAND_COMPLEX || stop.kind == NUMC_OPERAND_COMPLEX)
        return complex_linspace(context, dtype, start, stop, number, options);
    ramp r = {.whole = false};
    if (context == NULL || context->status != NUMC_OK || number_of(context, name, start, &r.start) != NUMC_OK
        || number_of(context, name, stop, &r.last) != NUMC_OK)
        return NULL;
    if (number < 0) {
        numc__fail(context, NUMC_VALUE, "%s: %lld points", name, (long long)number);
        return NULL;
    }
    numc_linspace_options known;
    if (numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) != NUMC_OK)
        return NULL;
    if (dtype == NUMC_DTYPE_DEFAULT)
        dtype = numc_default_float(context);
    int64_t steps = known.open_end ? number : number - 1;
    r.step = steps > 0 ? (r.last - r.start) / (double)steps : 0;
    if (!isfinite(r.step) && isfinite(r.last) && isfinite(r.start)) /* the distance overflows, its parts do not */
        r.step = r.last / (double)steps - r.start / (double)steps;
    r.closed = !known.open_end && number > 1;
    return run_ramp(context, name, dtype, &r, number);
}

/* A diagonal as far out as any that meets no element: no sum with it overflows. */
static int64_t near_diagonal(int64_t rows, int64_t columns, int64_t diagonal)
{
    return diagonal < -rows ? -rows : diagonal > columns ? columns : diagonal;
}

/* bool[..., rows, columns]: column - row <= diagonal (or equal to it). */
static numc_array *band(numc_context *context, int64_t rows, int64_t columns, int64_t diagonal, bool equal)
{
    const int64_t shape[2] = {rows, columns};
    numc_array *row = numc__iota(context, NUMC_INT64, 2, shape, 0);
    numc_array *column = numc__iota(context, NUMC_INT64, 2, shape, 1);
    numc_array *shifted = numc_add(row, diagonal);
    return equal ? numc_equal(column, shifted) : numc_less_equal(column, shifted);
}

numc_array *numc_eye_(numc_context *context, numc_dtype dtype, int64_t rows, int64_t columns, int64_t diagonal)
{
    if (context == NULL || context->status != NUMC_OK)
        return NULL;
    if (rows < 0 || columns < 0) {
        numc__fail(context, NUMC_SHAPE, "numc_eye: %lld rows and %lld columns", (long long)rows, (long long)columns);
        return NULL;
    }
    if (dtype == NUMC_DTYPE_DEFAULT)
        dtype = numc_default_float(context);
    if (numc__size_multiply(rows, columns) > ((int64_t)1 << 46) / (int64_t)sizeof(int64_t)) { /* positions are int64 */
        numc__fail(context, NUMC_MEMORY, "numc_eye: %lld rows and %lld columns are too large", (long long)rows,
                   (long long)columns);
        return NULL;
    }
    if (dtype == NUMC_DTYPE_DEFAULT || numc_scope_begin(context) != NUMC_OK)
        return NULL;
    numc_array *y = numc_astype(band(context, rows, columns, near_diagonal(rows, columns, diagonal), true), dtype);
    return numc__scope_leave(context, y);
}

static numc_array *triangle(const char *name, const numc_array *x, int64_t diagonal, bool lower)
{
    numc_context *context = numc__lane_of(&x, 1, name);
    if (context == NULL)
        return NULL;
    if (x->rank < 2) {
        numc__fail(context, NUMC_SHAPE, "%s: the array has rank %d, not 2 at least", name, (int)x->rank);
        return NULL;
    }
    if (numc__scope_enter(context, name) != NUMC_OK)
        return NULL;
    /* the upper triangle from diagonal k is what the lower one up to k - 1 leaves */
    int64_t rows = x->shape[x->rank - 2], columns = x->shape[x->rank - 1];
    diagonal = near_diagonal(rows, columns, diagonal);
    numc_array *mask = band(context, rows, columns, lower ? diagonal : diagonal - 1, false);
    numc_array *zero = numc__full(context, x->dtype, 0, NULL, 0);
    numc_array *y = lower ? numc_where(mask, x, zero) : numc_where(mask, zero, x);
    return numc__scope_leave(context, y);
}

numc_array *numc_tril(const numc_array *x, int64_t diagonal)
{
    return triangle("numc_tril", x, diagonal, true);
}

numc_array *numc_triu(const numc_array *x, int64_t diagonal)
{
    return triangle("numc_triu", x, diagonal, false);
}
