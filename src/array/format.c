/* format.c - arrays as text that looks like NumPy's str and repr: one format for all elements shown, nested brackets, long lines
 * wrapped, large arrays summarised. */
#include <math.h>
#include <string.h>

#include "array/state.h"
#include "base/text.h"

#define EDGE 3       /* elements shown at either end of a long axis */
#define SUMMARY 1000 /* arrays with more elements are summarised */
#define PRECISION 8  /* digits after the point, at most */
#define LINE 75      /* columns */
#define WORD 96      /* an element: two numbers of a complex one, each below 40 */

/* ---- decimal digits ---------------------------------------------------------------------------------------------- */

/* |x| = 0.d1 d2 d3 ... x 10^point; the last digit is not 0, but for zero itself: "0", point 1. */
typedef struct decimal {
    char digits[24];
    int count, point;
} decimal;

static void read_digits(decimal *d, const char *text)
{
    bool seen_point = false;
    d->count = d->point = 0;
    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text == '.') {
            seen_point = true;
        } else if (*text >= '0' && *text <= '9') {
            if (d->count > 0 || *text != '0') { /* zeros in front only move the point */
                if (d->count < (int)sizeof d->digits)
                    d->digits[d->count++] = *text;
                d->point += !seen_point;
            } else {
                d->point -= seen_point;
            }
        }
    }
    if (*text == 'e') {
        int64_t exponent = 0;
        (void)numc__read_integer(text + 1, strlen(text + 1), &exponent);
        d->point += (int)exponent;
    }
    while (d->count > 0 && d->digits[d->count - 1] == '0')
        d->count--;
    if (d->count == 0) {
        d->digits[d->count++] = '0';
        d->point = 1;
    }
}

static bool reads_back(const char *text, float value)
{
    double back = 0;
    (void)numc__read_double(text, strlen(text), &back);
    return (float)back == value;
}

/* The fewest digits that read back. Of a float32: nine are always enough; where the interval around a power of two is lopsided,
 * the number above the nearest one may be the shorter that reads back, so that one is tried too. */
static void shortest(decimal *d, double x, bool single)
{
    char text[NUMC_NUMBER_TEXT_SIZE];
    x = fabs(x);
    if (!single || x == 0) {
        numc__write_double(text, x);
        read_digits(d, text);
        return;
    }
    for (int n = 1; n <= 9; n++) {
        numc__write_double_digits(text, x, n);
        read_digits(d, text);
        if (reads_back(text, (float)x))
            return;
        decimal up = *d;
        while (up.count < n)
            up.digits[up.count++] = '0';
        int last = n - 1;
        while (last >= 0 && up.digits[last] == '9')
            up.digits[last--] = '0';
        if (last < 0)
            continue;
        up.digits[last]++;
        up.count = last + 1;
        numc__format(text, sizeof text, "0.%.*se%d", up.count, up.digits, up.point);
        if (reads_back(text, (float)x)) {
            *d = up;
            return;
        }
    }
}

/* At most PRECISION digits after the point, of the positional form or (scientific) of one digit before it: rounded from the exact
 * value, half to even, where the shortest has more. */
static void cut(decimal *d, double x, bool single, bool scientific)
{
    shortest(d, x, single);
    if (d->count - (scientific ? 1 : d->point) > PRECISION) {
        char text[WORD];
        numc__format(text, sizeof text, scientific ? "%.8e" : "%.8f", fabs(x));
        read_digits(d, text);
    }
}

static int fraction_length(const decimal *d, bool scientific)
{
    int length = d->count - (scientific ? 1 : d->point);
    return length > 0 ? length : 0;
}

/* "12.5" of the digits, "12." without a fraction. Returns the length; `point` says where the '.' is. */
static size_t positional(char *text, const decimal *d, size_t *point)
{
    size_t used = 0;
    if (d->point <= 0)
        text[used++] = '0';
    for (int i = 0; i < d->point; i++)
        text[used++] = i < d->count ? d->digits[i] : '0';
    *point = used;
    text[used++] = '.';
    for (int i = d->point; i < 0; i++)
        text[used++] = '0';
    for (int i = d->point > 0 ? d->point : 0; i < d->count; i++)
        text[used++] = d->digits[i];
    text[used] = '\0';
    return used;
}

static int exponent_of(const decimal *d)
{
    return d->point - 1;
}

/* "e+05": the sign always, two digits at least or `size` of them. */
static size_t write_exponent(char *text, int exponent, int size)
{
    return numc__format(text, 16, "e%c%0*d", exponent < 0 ? '-' : '+', size, exponent < 0 ? -exponent : exponent);
}

/* ---- one number ---------------------------------------------------------------------------------------------------- */

/* How NumPy writes one float: positional for 1e-4 <= |x| < 1e16, the shortest digits. `bare`: "1" and not "1.0". */
static size_t write_scalar(char *text, double x, bool single, bool plus, bool bare)
{
    size_t used = 0, point;
    if (signbit(x) && !isnan(x))
        text[used++] = '-';
    else if (plus)
        text[used++] = '+';
    if (!isfinite(x))
        return used + numc__format(text + used, 8, isnan(x) ? "nan" : "inf");
    decimal d;
    shortest(&d, x, single);
    double size = fabs(x);
    if (size == 0 || (size < 1e16 && size >= 1e-4)) {
        used += positional(text + used, &d, &point);
        if (text[used - 1] == '.') {
            if (bare)
                used--;
            else
                text[used++] = '0';
        }
    } else {
        text[used++] = d.digits[0];
        if (d.count > 1)
            text[used++] = '.';
        for (int i = 1; i < d.count; i++)
            text[used++] = d.digits[i];
        used += write_exponent(text + used, exponent_of(&d), 2);
    }
    text[used] = '\0';
    return used;
}

/* What all floats of an array have in common. */
typedef struct float_format {
    bool single, plus; /* plus: positive numbers have a sign */
    bool scientific, no_finite;
    bool odd, odd_negative; /* NaN or infinities; a negative infinity */
    double least, most;     /* of the absolute values but 0 */
    int left, right;        /* characters before the point, after it */
    int precision, exponent_size;
} float_format;

static void survey(float_format *f, double x)
{
    if (!isfinite(x)) {
        f->odd = true;
        f->odd_negative = f->odd_negative || (isinf(x) && x < 0);
        return;
    }
    f->no_finite = false;
    x = fabs(x);
    if (x != 0) {
        f->least = x < f->least ? x : f->least;
        f->most = x > f->most ? x : f->most;
    }
}

static void choose(float_format *f)
{
    if (f->most == 0)
        return;
    bool apart = f->single ? (float)f->most / (float)f->least > 1000 : f->most / f->least > 1000;
    f->scientific = f->most >= 1e8 || f->least < 0.0001 || apart;
}

static void measure(float_format *f, double x)
{
    if (!isfinite(x))
        return;
    decimal d;
    cut(&d, x, f->single, f->scientific);
    int fraction = fraction_length(&d, f->scientific);
    int left = (f->scientific || d.point < 1 ? 1 : d.point) + (signbit(x) || f->plus);
    f->left = left > f->left ? left : f->left;
    f->precision = fraction > f->precision ? fraction : f->precision;
    int exponent = exponent_of(&d);
    if (exponent >= 100 || exponent <= -100)
        f->exponent_size = 3;
}

static void settle(float_format *f)
{
    f->right = f->scientific ? f->exponent_size + 2 + f->precision : f->precision;
    if (f->odd) {
        int room = f->right + 1, nan = 3 - room, inf = 3 + (f->plus || f->odd_negative) - room;
        f->left = nan > f->left ? nan : f->left;
        f->left = inf > f->left ? inf : f->left;
    }
}

static size_t write_float(char *text, const float_format *f, double x)
{
    char plain[WORD];
    size_t length = 0, point = 0, used = 0;
    if (signbit(x) && !isnan(x))
        plain[length++] = '-';
    else if (f->plus)
        plain[length++] = '+';
    if (!isfinite(x)) {
        length += numc__format(plain + length, 8, isnan(x) ? "nan" : "inf");
        for (int i = (int)length; i < f->left + f->right + 1; i++)
            text[used++] = ' ';
        memcpy(text + used, plain, length);
        return used + length;
    }
    decimal d;
    cut(&d, x, f->single, f->scientific);
    if (f->scientific) { /* what the shortest lacks of the digits all others have is taken from the exact value */
        if (d.count - 1 < f->precision && x != 0) {
            numc__format(text, WORD, "%.*e", f->precision, fabs(x));
            read_digits(&d, text);
        }
        plain[length++] = d.digits[0];
        point = length;
        plain[length++] = '.';
        for (int i = 1; i <= f->precision; i++)
            plain[length++] = i < d.count ? d.digits[i] : '0';
        length += write_exponent(plain + length, exponent_of(&d), f->exponent_size);
    } else {
        if (d.count < d.point) { /* nor are digits before the point left to the shortest: float32 from 2^26 */
            numc__format(text, WORD, "%.0f", fabs(x));
            read_digits(&d, text);
        }
        size_t sign = length;
        length += positional(plain + length, &d, &point);
        point += sign;
    }
    for (int i = (int)point; i < f->left; i++)
        text[used++] = ' ';
    memcpy(text + used, plain, length);
    used += length;
    for (int i = (int)(length - point) - 1; i < f->right; i++)
        text[used++] = ' ';
    return used;
}

/* ---- one element --------------------------------------------------------------------------------------------------- */

typedef struct printer {
    char *text;
    size_t size, used; /* used counts what does not fit as well */
    size_t spaces;     /* not written yet: they vanish at the end of a line that is wrapped */
    int64_t column, last_line; /* column: as the wrapping counts it; last_line: characters since the last line break */
    const numc_array *x;
    const unsigned char *next; /* of the elements shown, row-major */
    bool summarised, is_complex, commas;
    float_format parts[2];
    size_t width; /* of integers */
} printer;

static void put_raw(printer *p, char c)
{
    if (p->used + 1 < p->size)
        p->text[p->used] = c;
    p->used++;
    p->last_line = c == '\n' ? 0 : p->last_line + 1;
}

static void put(printer *p, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == ' ') {
            p->spaces++;
            continue;
        }
        for (; p->spaces > 0; p->spaces--)
            put_raw(p, ' ');
        put_raw(p, text[i]);
    }
}

static void put_spaces(printer *p, int64_t count)
{
    p->spaces += (size_t)(count > 0 ? count : 0);
}

static bool is_float(numc_dtype dtype)
{
    return (numc_dtype_kind(dtype) & (NUMC_KIND_REAL | NUMC_KIND_COMPLEX)) != 0;
}

static bool is_single(numc_dtype dtype)
{
    return dtype == NUMC_FLOAT32 || dtype == NUMC_COMPLEX64;
}

static double float_part(numc_dtype dtype, const unsigned char *value, int part)
{
    if (is_single(dtype)) {
        float single;
        memcpy(&single, value + (size_t)part * sizeof single, sizeof single);
        return (double)single;
    }
    double real;
    memcpy(&real, value + (size_t)part * sizeof real, sizeof real);
    return real;
}

static size_t write_integer(char *text, numc_dtype dtype, const unsigned char *value)
{
    if (numc_dtype_kind(dtype) == NUMC_KIND_UNSIGNED)
        return numc__format(text, WORD, "%llu", (unsigned long long)numc__value_integer(dtype, value));
    return numc__write_integer(text, numc__value_integer(dtype, value));
}

/* The element of an array, as wide as all others. */
static size_t write_word(const printer *p, char text[WORD], const unsigned char *value)
{
    numc_dtype dtype = p->x->dtype;
    if (dtype == NUMC_BOOL)
        return numc__format(text, WORD, p->x->rank > 0 ? "%5s" : "%s", *value != 0 ? "True" : "False");
    if (!is_float(dtype)) {
        char plain[WORD];
        size_t length = write_integer(plain, dtype, value);
        return numc__format(text, WORD, "%*s", (int)(p->width > length ? p->width : length), plain);
    }
    size_t used = write_float(text, &p->parts[0], float_part(dtype, value, 0));
    if (p->is_complex) { /* the j stands before the spaces at the end */
        size_t length = used + write_float(text + used, &p->parts[1], float_part(dtype, value, 1)), end = length;
        while (text[end - 1] == ' ')
            end--;
        memmove(text + end + 1, text + end, length - end);
        text[end] = 'j';
        used = length + 1;
    }
    return used;
}

/* The one element of an array of rank 0, as NumPy's scalars are written. */
static size_t write_alone(const printer *p, char text[WORD], const unsigned char *value)
{
    numc_dtype dtype = p->x->dtype;
    bool single = is_single(dtype);
    if (!is_float(dtype))
        return write_word(p, text, value);
    if (!p->is_complex)
        return write_scalar(text, float_part(dtype, value, 0), single, false, false);
    double re = float_part(dtype, value, 0), im = float_part(dtype, value, 1);
    bool imaginary = re == 0 && !signbit(re);
    size_t used = 0;
    if (!imaginary) {
        text[used++] = '(';
        used += write_scalar(text + used, re, single, false, true);
    }
    used += write_scalar(text + used, im, single, !imaginary, true);
    text[used++] = 'j';
    if (!imaginary)
        text[used++] = ')';
    return used;
}

static void find_format(printer *p, const unsigned char *values, int64_t count)
{
    numc_dtype dtype = p->x->dtype;
    size_t item = numc_dtype_size(dtype);
    if (!is_float(dtype)) {
        char text[WORD];
        for (int64_t i = 0; i < count && dtype != NUMC_BOOL; i++) {
            size_t length = write_integer(text, dtype, values + (size_t)i * item);
            p->width = length > p->width ? length : p->width;
        }
        return;
    }
    for (int part = 0; part < (p->is_complex ? 2 : 1); part++) {
        float_format *f = &p->parts[part];
        *f = (float_format){.single = is_single(dtype), .plus = part == 1, .least = INFINITY, .no_finite = true, .exponent_size = 2};
        for (int64_t i = 0; i < count; i++)
            survey(f, float_part(dtype, values + (size_t)i * item, part));
        choose(f);
        for (int64_t i = 0; i < count; i++)
            measure(f, float_part(dtype, values + (size_t)i * item, part));
        settle(f);
    }
}

/* ---- brackets and lines ---------------------------------------------------------------------------------------------- */

static bool is_cut(const printer *p, int32_t axis)
{
    return p->summarised && p->x->shape[axis] > 2 * EDGE;
}

/* The elements shown of x, from `axis` on and at `offset`, to *target: the edges of each long axis. Nothing else is read, so a
 * view may be larger than any memory. */
static numc_status read_shown(const printer *p, int32_t axis, int64_t offset, unsigned char **target)
{
    const numc_array *x = p->x;
    bool cut_here = is_cut(p, axis);
    for (int part = 0; part < (cut_here ? 2 : 1); part++) {
        int64_t count = cut_here ? EDGE : x->shape[axis], first = part == 0 ? 0 : x->shape[axis] - EDGE;
        int64_t start = offset + first * x->strides[axis];
        for (int64_t i = 0; i < count && axis + 1 < x->rank; i++)
            NUMC_TRY(read_shown(p, axis + 1, start + i * x->strides[axis], target));
        if (axis + 1 < x->rank)
            continue;
        numc_array line = {.context = x->context, .content = x->content, .dtype = x->dtype, .rank = 1, .size = count};
        line.shape = &count;
        line.strides = x->strides + axis;
        line.offset = start;
        line.buffer = x->buffer;
        memcpy(line.immediate, x->immediate, sizeof line.immediate);
        NUMC_TRY(numc__read(&line, x->context, x->dtype, *target));
        *target += (size_t)count * numc_dtype_size(x->dtype);
    }
    return NUMC_OK;
}

/* The next word of a line that begins after `indent` spaces: on a new line where it passes `width`, unless it is the first. */
static void extend(printer *p, const char *word, size_t length, int64_t width, int64_t indent)
{
    if (p->column + (int64_t)length > width && p->column > indent) {
        p->spaces = 0;
        put_raw(p, '\n');
        put_spaces(p, indent);
        p->column = indent;
    }
    put(p, word, length);
    p->column += (int64_t)length;
}

/* Elements along the last axis are words; rows along the others stand on lines of their own, with one empty line more for each
 * axis. `indent`: columns in front of the bracket's content. */
static void print_axis(printer *p, int32_t axis, int64_t indent, int64_t width)
{
    const numc_array *x = p->x;
    int64_t n = x->shape[axis];
    bool last = axis == x->rank - 1;
    put(p, "[", 1);
    p->column = last ? indent : p->column;
    for (int64_t i = 0; i < n; i++) {
        bool gap = is_cut(p, axis) && i == EDGE;
        if (last) {
            char word[WORD];
            size_t length = 3;
            if (gap) {
                memcpy(word, "...", 3);
            } else {
                length = write_word(p, word, p->next);
                p->next += numc_dtype_size(x->dtype);
            }
            extend(p, word, length, width - 1, indent);
            if (i < n - 1) {
                put(p, ", ", p->commas ? 2 : 0);
                put(p, " ", p->commas ? 0 : 1);
                p->column += p->commas ? 2 : 1;
            }
        } else {
            if (gap)
                put(p, "...", 3);
            else
                print_axis(p, axis + 1, indent + 1, width - 1);
            if (i < n - 1) {
                put(p, ",", p->commas ? 1 : 0);
                for (int32_t d = axis; d < x->rank - 1; d++) {
                    p->spaces = 0;
                    put_raw(p, '\n');
                }
                put_spaces(p, indent);
            }
        }
        if (gap)
            i = n - EDGE - 1;
    }
    put(p, "]", 1);
}

static void put_text(printer *p, const char *text)
{
    put(p, text, strlen(text));
}

/* repr: array(...), the dtype where the text does not tell it, the shape of what has no elements. */
static void print_array(printer *p, const unsigned char *values, bool repr)
{
    const numc_array *x = p->x;
    bool implied = x->size > 0 && (x->dtype == NUMC_BOOL || x->dtype == NUMC_INT64 || x->dtype == NUMC_FLOAT64 || x->dtype == NUMC_COMPLEX128);
    int64_t indent = 0;
    p->commas = repr;
    p->next = values;
    if (repr) {
        put_text(p, "array(");
        indent = 6;
    }
    if (x->size == 0) {
        char shape[256];
        put_text(p, "[]");
        if (repr && x->rank != 1) {
            numc__shape_format(shape, sizeof shape, x->rank, x->shape);
            shape[0] = '(';
            shape[strlen(shape) - 1] = ')';
            put_text(p, ", shape=");
            put_text(p, shape);
        }
    } else if (x->rank == 0) {
        char word[WORD];
        put(p, word, repr ? write_word(p, word, values) : write_alone(p, word, values));
    } else {
        print_axis(p, 0, indent + 1, repr ? LINE - 1 : LINE);
    }
    if (!repr)
        return;
    put_text(p, implied ? ")" : ",");
    if (implied)
        return;
    const char *name = numc_dtype_name(x->dtype);
    if (p->last_line + (int64_t)strlen(name) + 7 + 1 > LINE) {
        put_raw(p, '\n');
        put_spaces(p, indent);
    } else {
        put_spaces(p, 1);
    }
    put_text(p, "dtype=");
    put_text(p, name);
    put_text(p, ")");
}

static void print_values(printer *p, bool repr)
{
    const numc_array *x = p->x;
    p->summarised = x->size > SUMMARY;
    p->is_complex = numc_dtype_kind(x->dtype) == NUMC_KIND_COMPLEX;
    int64_t count = x->size == 0 ? 0 : 1; /* at most 6 along each axis of those cut */
    for (int32_t d = 0; d < x->rank; d++)
        count *= is_cut(p, d) ? 2 * EDGE : x->size == 0 ? 1 : x->shape[d];
    if (p->summarised && count > (int64_t)1 << 32) {
        numc__fail(x->context, NUMC_MEMORY, "numc_array_format: the edges of rank %d have %lld elements, too many for a text", (int)x->rank,
                   (long long)count);
        return;
    }
    size_t bytes = (size_t)count * numc_dtype_size(x->dtype);
    unsigned char *values = numc__allocate(x->context, bytes > 0 ? bytes : 1), *target = values;
    if (values == NULL)
        return;
    if (x->size == 0
        || (p->summarised ? read_shown(p, 0, x->offset, &target) : numc__read(x, x->context, x->dtype, values)) == NUMC_OK) {
        find_format(p, values, count);
        print_array(p, values, repr);
    }
    numc__free(x->context, values, bytes > 0 ? bytes : 1);
}

size_t (numc_array_format)(const numc_array *x, char *text, size_t size, const numc_format_options *options)
{
    const char *name = "numc_array_format";
    printer p = {.text = text, .size = size, .x = x};
    bool live = x != NULL && x->live == NUMC_ARRAY_LIVE;
    numc_format_options known = {.size = sizeof known};
    if (text == NULL && size > 0) {
        if (live)
            numc__fail(x->context, NUMC_INVALID_ARGUMENT, "%s: text is NULL, its size is %zu", name, size);
        return 0;
    }
    if (live && options != NULL
        && numc__options_copy(x->context, &known, sizeof known, options, options->size, name) != NUMC_OK) {
        if (size > 0)
            text[0] = '\0';
        return 0;
    }
    if (!live) {
        put_text(&p, x == NULL ? "(no array)" : "(dead array)");
    } else if (numc__array_value(x) == NULL) {
        char type[256];
        numc__type_format(type, sizeof type, x->dtype, x->rank, x->shape);
        put_text(&p, "(traced ");
        put_text(&p, type);
        put_text(&p, ")");
    } else {
        p.x = numc__array_value(x);
        print_values(&p, known.repr);
    }
    if (size > 0)
        text[p.used < size ? p.used : size - 1] = '\0';
    return p.used;
}

numc_status (numc_array_print)(const numc_array *x, FILE *stream, const numc_format_options *options)
{
    if (x == NULL || x->live != NUMC_ARRAY_LIVE) {
        const numc_array *both[1] = {x};
        numc_context *context = x == NULL ? NULL : numc__lane_of(both, 1, "numc_array_print");
        (void)context;
        return x == NULL ? NUMC_INVALID_ARGUMENT : x->context->status != NUMC_OK ? x->context->status : NUMC_STATE;
    }
    NUMC_TRY(x->context->status);
    NUMC_REQUIRE(x->context, stream != NULL, NUMC_INVALID_ARGUMENT, "numc_array_print: the stream is NULL");
    size_t length = (numc_array_format)(x, NULL, 0, options);
    NUMC_TRY(x->context->status);
    char *text = numc__allocate(x->context, length + 2);
    if (text == NULL)
        return x->context->status;
    (void)(numc_array_format)(x, text, length + 1, options);
    text[length] = '\n';
    bool written = fwrite(text, 1, length + 1, stream) == length + 1;
    numc__free(x->context, text, length + 2);
    NUMC_REQUIRE(x->context, written, NUMC_IO, "numc_array_print: writing failed");
    return x->context->status;
}
