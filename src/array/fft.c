/* fft.c - the standard's Fourier transforms, from the primitives fft, rfft and irfft along one axis: lengths, axes, norms. */
#include <math.h>
#include <string.h>

#include "array/state.h"
#include "numc/fft.h"

/* ---- one axis ---------------------------------------------------------------------------------------------------- */

static numc_array *apply(numc_context *context, int32_t primitive, const numc_array *x, int32_t count, const int64_t *numbers)
{
    numc_attributes attributes = {.count = count, .numbers = numbers};
    return x == NULL ? NULL : numc__bind1(context, primitive, &x, 1, &attributes);
}

/* x cut to n along the axis, or with zeros up to n. */
static numc_array *resized(numc_context *context, const numc_array *x, int32_t axis, int64_t n)
{
    if (x == NULL || x->shape[axis] == n)
        return (numc_array *)x;
    int64_t numbers[3 * NUMC_RANK_LIMIT] = {0};
    if (x->shape[axis] > n) {
        int64_t *count = numbers + x->rank, *step = count + x->rank;
        for (int32_t d = 0; d < x->rank; d++) {
            count[d] = d == axis ? n : x->shape[d];
            step[d] = 1;
        }
        return numc__slice(context, x, numbers, count, step);
    }
    numbers[2 * x->rank + axis] = n - x->shape[axis];
    numc_attributes attributes = {.count = 3 * x->rank, .numbers = numbers};
    const numc_array *inputs[2] = {x, numc__full(context, x->dtype, 0, NULL, 0)};
    return inputs[1] == NULL ? NULL : numc__bind1(context, NUMC_PRIMITIVE_PAD, inputs, 2, &attributes);
}

static numc_array *along(numc_context *context, const numc_array *x, int32_t axis, int64_t n, int64_t direction)
{
    const int64_t numbers[2] = {axis, direction};
    return apply(context, NUMC_PRIMITIVE_FFT, resized(context, x, axis, n), 2, numbers);
}

static numc_array *from_real(numc_context *context, const numc_array *x, int32_t axis, int64_t n)
{
    const int64_t number = axis;
    return apply(context, NUMC_PRIMITIVE_RFFT, resized(context, x, axis, n), 1, &number);
}

static numc_array *to_real(numc_context *context, const numc_array *x, int32_t axis, int64_t n)
{
    const int64_t numbers[2] = {axis, n};
    return apply(context, NUMC_PRIMITIVE_IRFFT, resized(context, x, axis, n / 2 + 1), 2, numbers);
}

/* ---- what all of them do ------------------------------------------------------------------------------------------- */

static numc_array *as_complex(numc_context *context, const numc_array *x)
{
    if (numc__is_complex(x->dtype))
        return (numc_array *)x;
    bool is_real = numc_dtype_kind(x->dtype) == NUMC_KIND_REAL;
    return numc__convert(context, x, numc__complex_dtype(is_real ? x->dtype : numc_default_float(context)));
}

static numc_array *as_real(numc_context *context, const char *name, const numc_array *x)
{
    if (numc__is_complex(x->dtype)) {
        numc__fail(context, NUMC_DTYPE, "%s: the array must be real, not %s", name, numc_dtype_name(x->dtype));
        return NULL;
    }
    bool is_real = numc_dtype_kind(x->dtype) == NUMC_KIND_REAL;
    return is_real ? (numc_array *)x : numc__convert(context, x, numc_default_float(context));
}

/* y divided as the norm says: both parts of a complex y, so that an infinite part leaves the other alone. */
static numc_array *scaled(numc_context *context, numc_array *y, numc_fft_norm norm, bool forward, double n)
{
    if (y == NULL || norm == (forward ? NUMC_FFT_BACKWARD : NUMC_FFT_FORWARD) || n == 1)
        return y;
    numc_operand operands[2] = {{.kind = NUMC_OPERAND_ARRAY}, numc_operand_real(norm == NUMC_FFT_ORTHO ? sqrt(n) : n)};
    if (!numc__is_complex(y->dtype)) {
        operands[0].value.array = y;
        return numc__elementwise("numc_fft", NUMC_SCALAR_DIVIDE, operands, 2, true);
    }
    if (y->content == NUMC_CONTENT_BUFFER) {
        operands[0].value.array = numc__array_parts(context, y);
        numc_array *parts = numc__elementwise("numc_fft", NUMC_SCALAR_DIVIDE, operands, 2, true);
        return parts == NULL ? NULL : numc__array_joined(context, parts);
    }
    numc_array *re = numc_real(y), *im = numc_imag(y);
    return numc__complex_of(context, (numc_divide)(numc_operand_array(re), operands[1]),
                            (numc_divide)(numc_operand_array(im), operands[1]));
}

static numc_status norm_check(numc_context *context, const char *name, numc_fft_norm norm)
{
    NUMC_REQUIRE(context, (int32_t)norm >= 0 && (int32_t)norm <= (int32_t)NUMC_FFT_FORWARD, NUMC_INVALID_ARGUMENT,
                 "%s: norm %d is none of numc_fft_norm", name, (int)norm);
    return NUMC_OK;
}

static numc_status length_check(numc_context *context, const char *name, int64_t n)
{
    NUMC_REQUIRE(context, n >= 1, NUMC_VALUE, "%s: the length n is %lld, not 1 at least", name, (long long)n);
    return NUMC_OK;
}

static numc_context *enter(const char *name, const numc_array *x)
{
    numc_context *context = numc__lane_of(&x, 1, name);
    if (context == NULL)
        return NULL;
    if (x->rank == 0) {
        numc__fail(context, NUMC_SHAPE, "%s: a 0-d array has no axis", name);
        return NULL;
    }
    return numc__scope_enter(context, name) == NUMC_OK ? context : NULL;
}

typedef enum transform { COMPLEX, FROM_REAL, TO_REAL } transform;

/* What n is when it is not given. */
static int64_t length_of(const numc_array *x, int32_t axis, transform kind)
{
    return kind == TO_REAL ? 2 * (x->shape[axis] - 1) : x->shape[axis];
}

/* ---- lines ----------------------------------------------------------------------------------------------------------- */

/* Hermitian lines: the real transform of the other direction, of or to the conjugate. */
typedef struct line_function {
    const char *name;
    transform kind;
    bool forward, conjugate;
} line_function;

static numc_array *line(const line_function *f, const numc_array *x, const numc_fft_options *options)
{
    numc_context *context = enter(f->name, x);
    if (context == NULL)
        return NULL;
    numc_fft_options known;
    numc_array *y = NULL;
    int32_t axis = -1;
    if (numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, f->name) == NUMC_OK
        && norm_check(context, f->name, known.norm) == NUMC_OK) {
        if (!known.axis.given && known.axis.value != 0)
            numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: a number where an axis belongs; write NUMC_AXIS(%lld)", f->name,
                       (long long)known.axis.value);
        else if (!known.n.given && known.n.value != 0)
            numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: a number where a length belongs; write NUMC_LENGTH(%lld)", f->name,
                       (long long)known.n.value);
        else
            axis = numc__axis_normalize(context, f->name, known.axis.given ? known.axis.value : -1, x->rank);
    }
    if (axis >= 0) {
        int64_t n = known.n.given ? known.n.value : length_of(x, axis, f->kind);
        const numc_array *z = length_check(context, f->name, n) != NUMC_OK ? NULL
                              : f->kind == FROM_REAL                        ? as_real(context, f->name, x)
                                                                            : as_complex(context, x);
        if (z != NULL && f->conjugate && f->kind == TO_REAL)
            z = numc_conj(z);
        if (z != NULL)
            y = f->kind == COMPLEX     ? along(context, z, axis, n, f->forward ? -1 : 1)
                : f->kind == FROM_REAL ? from_real(context, z, axis, n)
                                       : to_real(context, z, axis, n);
        if (y != NULL && f->conjugate && f->kind == FROM_REAL)
            y = numc_conj(y);
        y = scaled(context, y, known.norm, f->forward, (double)n);
    }
    return numc__scope_leave(context, y);
}

#define LINE(name, ...)                                                                            \
    numc_array *(numc_fft_##name)(const numc_array *x, const numc_fft_options *options)            \
    {                                                                                              \
        static const line_function function = {"numc_fft_" #name, __VA_ARGS__};                    \
        return line(&function, x, options);                                                        \
    }
LINE(fft, COMPLEX, true, false)
LINE(ifft, COMPLEX, false, false)
LINE(rfft, FROM_REAL, true, false)
LINE(irfft, TO_REAL, false, false)
LINE(hfft, TO_REAL, true, true)
LINE(ihfft, FROM_REAL, false, true)

/* ---- several axes ---------------------------------------------------------------------------------------------------- */

typedef struct lines {
    int32_t count, axes[NUMC_RANK_LIMIT];
    int64_t n[NUMC_RANK_LIMIT];
    double product;
} lines;

static numc_status lines_of(numc_context *context, const char *name, const numc_array *x, const numc_fftn_options *options,
                            transform kind, lines *l)
{
    bool all = !options->axes.given && options->axes.count == 0, sized = options->s.given || options->s.count > 0;
    NUMC_TRY(norm_check(context, name, options->norm));
    NUMC_TRY(numc__list_check(context, name, options->axes));
    NUMC_TRY(numc__list_check(context, name, options->s));
    l->count = !all ? options->axes.count : sized ? options->s.count : x->rank;
    NUMC_REQUIRE(context, l->count <= (all ? x->rank : NUMC_RANK_LIMIT), NUMC_SHAPE, "%s: %d axes of an array of rank %d", name,
                 (int)l->count, (int)x->rank);
    NUMC_REQUIRE(context, !sized || options->s.count == l->count, NUMC_SHAPE, "%s: %d lengths for %d axes", name,
                 (int)options->s.count, (int)l->count);
    NUMC_REQUIRE(context, l->count > 0 || kind == COMPLEX, NUMC_INVALID_ARGUMENT, "%s: there is no axis to transform", name);
    l->product = 1;
    for (int32_t i = 0; i < l->count; i++) {
        l->axes[i] = all ? x->rank - l->count + i : numc__axis_normalize(context, name, options->axes.values[i], x->rank);
        if (l->axes[i] < 0)
            return context->status;
        bool own = !sized || options->s.values[i] == -1;
        l->n[i] = own ? length_of(x, l->axes[i], i == l->count - 1 ? kind : COMPLEX) : options->s.values[i];
        NUMC_TRY(length_check(context, name, l->n[i]));
        l->product *= (double)l->n[i];
    }
    return NUMC_OK;
}

static numc_array *box(const char *name, transform kind, bool forward, const numc_array *x, const numc_fftn_options *options)
{
    numc_context *context = enter(name, x);
    if (context == NULL)
        return NULL;
    numc_fftn_options known;
    numc_array *y = NULL;
    lines l = {.product = 1};
    if (numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) == NUMC_OK
        && lines_of(context, name, x, &known, kind, &l) == NUMC_OK) {
        y = kind == FROM_REAL ? as_real(context, name, x) : as_complex(context, x);
        int32_t last = l.count - 1, others = kind == COMPLEX ? l.count : last;
        if (kind == FROM_REAL)
            y = from_real(context, y, l.axes[last], l.n[last]);
        for (int32_t i = others - 1; i >= 0; i--)
            y = along(context, y, l.axes[i], l.n[i], forward ? -1 : 1);
        if (kind == TO_REAL)
            y = to_real(context, y, l.axes[last], l.n[last]);
        if (y == x) /* no axes */
            y = numc__array_alias(context, x);
        y = scaled(context, y, known.norm, forward, l.product);
    }
    return numc__scope_leave(context, y);
}

#define BOX(name, kind, forward)                                                                   \
    numc_array *(numc_fft_##name)(const numc_array *x, const numc_fftn_options *options)           \
    {                                                                                              \
        return box("numc_fft_" #name, kind, forward, x, options);                                  \
    }
BOX(fftn, COMPLEX, true)
BOX(ifftn, COMPLEX, false)
BOX(rfftn, FROM_REAL, true)
BOX(irfftn, TO_REAL, false)

/* ---- frequencies ----------------------------------------------------------------------------------------------------- */

static numc_array *frequencies(numc_context *context, const char *name, numc_dtype dtype, int64_t n, double d, bool half)
{
    if (context == NULL || context->status != NUMC_OK || length_check(context, name, n) != NUMC_OK)
        return NULL;
    if (!(isfinite(d) && d != 0)) {
        numc__fail(context, NUMC_VALUE, "%s: the distance d must be finite and not 0", name);
        return NULL;
    }
    if (dtype == NUMC_DTYPE_DEFAULT)
        dtype = numc_default_float(context);
    if (dtype != NUMC_DTYPE_DEFAULT && numc_dtype_kind(dtype) != NUMC_KIND_REAL)
        numc__fail(context, NUMC_DTYPE, "%s: the dtype must be real floating, not %s", name, numc_dtype_name(dtype));
    if (context->status != NUMC_OK)
        return NULL;
    const int64_t count = half ? n / 2 + 1 : n;
    const size_t item = numc_dtype_size(dtype);
    unsigned char *values = count > (int64_t)(SIZE_MAX / 16) ? NULL : numc__allocate(context, (size_t)count * item);
    if (values == NULL) {
        numc__fail(context, NUMC_MEMORY, "%s: out of memory for %lld frequencies", name, (long long)count);
        return NULL;
    }
    for (int64_t k = 0; k < count; k++) {
        const double value = (double)(half || k <= (n - 1) / 2 ? k : k - n) / ((double)n * d);
        numc__value_convert(dtype, values + (size_t)k * item, NUMC_FLOAT64, &value);
    }
    numc_array *y = numc_from_host_(context, dtype, (numc_shape){&count, 1, true}, values);
    numc__free(context, values, (size_t)count * item);
    return y;
}

numc_array *numc_fft_fftfreq_(numc_context *context, numc_dtype dtype, int64_t n, double d)
{
    return frequencies(context, "numc_fft_fftfreq", dtype, n, d, false);
}

numc_array *numc_fft_rfftfreq_(numc_context *context, numc_dtype dtype, int64_t n, double d)
{
    return frequencies(context, "numc_fft_rfftfreq", dtype, n, d, true);
}

static numc_array *shifted(const char *name, const numc_array *x, numc_axes axes, bool back)
{
    numc_context *context = numc__lane_of(&x, 1, name);
    if (context == NULL || numc__list_check(context, name, axes) != NUMC_OK)
        return NULL;
    bool all = !axes.given && axes.count == 0;
    int64_t every[NUMC_RANK_LIMIT], shifts[NUMC_RANK_LIMIT];
    int32_t count = all ? x->rank : axes.count;
    if (count > NUMC_RANK_LIMIT) {
        numc__fail(context, NUMC_SHAPE, "%s: %d axes of an array of rank %d", name, (int)count, (int)x->rank);
        return NULL;
    }
    for (int32_t i = 0; i < count; i++) {
        int32_t d = all ? i : numc__axis_normalize(context, name, axes.values[i], x->rank);
        if (d < 0)
            return NULL;
        every[i] = d;
        shifts[i] = back ? -(x->shape[d] / 2) : x->shape[d] / 2;
    }
    return numc_roll_axes(x, (numc_shape){shifts, count, true}, (numc_axes){every, count, true});
}

numc_array *numc_fft_fftshift(const numc_array *x, numc_axes axes)
{
    return shifted("numc_fft_fftshift", x, axes, false);
}

numc_array *numc_fft_ifftshift(const numc_array *x, numc_axes axes)
{
    return shifted("numc_fft_ifftshift", x, axes, true);
}
