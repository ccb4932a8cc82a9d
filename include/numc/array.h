/* array.h - for users: arrays, their creation, views, indexing and mathematics; names are the Python array API standard's.
 *
 * Arrays are values. A function returns a new array that belongs to the innermost scope of its lane (base.h), or NULL with
 * the error in the context; NULL operands pass through, so an expression needs one check at its end. A call that gets nothing
 * but NULL arrays and numbers has no context to report to: it returns NULL and sets no error. Operands of different
 * dtypes are promoted by the standard's table; an integer with a float takes the float's dtype; a C number takes the array's
 * dtype (a fraction with an integer array: the default float; a whole number that does not fit: an error), and so do arrays
 * made from C numbers alone. Where a call names an integer dtype (numc_full, numc_number, numc_arange, numc_index_update), a
 * C number that is not one of its values (a fraction, NaN, an infinity, out of range) is NUMC_VALUE. A bool with a number
 * takes the number's dtype; arithmetic among bools is done in int64. uint64
 * with a signed dtype is an error. Shapes broadcast; ranks go to 32. Unless said otherwise a function is
 * defined as in the standard, 2025.12. Products of
 * matrices, factorisations, solves and norms are in linalg.h, Fourier transforms in fft.h.
 *
 * Complex elements lie in memory as real part, imaginary part. A real operand with a complex one becomes complex; a complex C
 * number makes of a float32 array complex64, of other real ones complex as wide as the default float. What needs an order, or
 * whole numbers (less, maximum, sort, floor, remainder ...), is NUMC_DTYPE for complex; so is a conversion to a real dtype
 * other than bool: numc_real and numc_imag say which part is meant.
 *
 * Errors: NUMC_SHAPE (ranks, sizes), NUMC_INDEX (an axis or index out of bounds; negative ones count from the end),
 * NUMC_DTYPE (no common dtype, or not defined for it), NUMC_VALUE (a number out of range), NUMC_INVALID_ARGUMENT (NULL,
 * dead, options unknown), NUMC_MEMORY, and what the backend reports. Thread rule: an array is used like its lane, from one
 * thread at a time; lanes below the array's own may read it concurrently. */
#ifndef NUMC_ARRAY_H
#define NUMC_ARRAY_H

#include <stdio.h>

#include "numc/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct numc_array numc_array;

/* ---- arguments -------------------------------------------------------------------------------------------------------- */

/* An array or a number, by value; made by the macros below. */
typedef enum numc_operand_kind {
    NUMC_OPERAND_ARRAY, NUMC_OPERAND_REAL, NUMC_OPERAND_INTEGER, NUMC_OPERAND_BOOL, NUMC_OPERAND_COMPLEX,
    NUMC_OPERAND_UNSIGNED /* a whole number beyond int64: the bits of `integer` as a uint64 */
} numc_operand_kind;
typedef struct numc_operand {
    numc_operand_kind kind;
    union {
        const numc_array *array;
        double real;
        int64_t integer;
        double parts[2]; /* COMPLEX: real and imaginary */
    } value;
} numc_operand;

/* A complex number as a struct, for where <complex.h> is not; it is an operand as a double _Complex is. */
typedef struct numc_complex_number {
    double re, im;
} numc_complex_number;

static inline numc_operand numc_operand_array(const numc_array *array)
{
    numc_operand operand;
    operand.kind = NUMC_OPERAND_ARRAY;
    operand.value.array = array;
    return operand;
}
static inline numc_operand numc_operand_real(double real)
{
    numc_operand operand;
    operand.kind = NUMC_OPERAND_REAL;
    operand.value.real = real;
    return operand;
}
static inline numc_operand numc_operand_integer(int64_t integer)
{
    numc_operand operand;
    operand.kind = NUMC_OPERAND_INTEGER;
    operand.value.integer = integer;
    return operand;
}
static inline numc_operand numc_operand_unsigned(uint64_t value)
{
    numc_operand operand;
    operand.kind = value <= (uint64_t)INT64_MAX ? NUMC_OPERAND_INTEGER : NUMC_OPERAND_UNSIGNED;
    operand.value.integer = (int64_t)value;
    return operand;
}
static inline numc_operand numc_operand_bool(bool value)
{
    numc_operand operand;
    operand.kind = NUMC_OPERAND_BOOL;
    operand.value.integer = value;
    return operand;
}

static inline numc_operand numc_operand_parts(numc_complex_number number)
{
    numc_operand operand;
    operand.kind = NUMC_OPERAND_COMPLEX;
    operand.value.parts[0] = number.re;
    operand.value.parts[1] = number.im;
    return operand;
}
#ifndef __cplusplus
static inline numc_operand numc_operand_complex(double _Complex number)
{
    union {
        double _Complex number;
        double parts[2];
    } both = {number};
    return numc_operand_parts((numc_complex_number){both.parts[0], both.parts[1]});
}
#endif

/* A list of whole numbers: a shape, axes, repetitions. Zero {NULL, 0} is a 0-d shape, or "every axis" for axes. */
typedef struct numc_shape {
    const int64_t *values;
    int32_t count;
    bool given; /* tells an explicit empty list from none */
} numc_shape;
typedef numc_shape numc_axes;

/* The standard's constants; newaxis is NUMC_NEW. */
#define NUMC_E 2.718281828459045
#define NUMC_PI 3.141592653589793
#define NUMC_INF __builtin_inf()
#define NUMC_NAN __builtin_nan("")

/* In place of an axis: of the flattened arrays (numc_concat, numc_roll). */
#define NUMC_FLATTEN INT64_MIN

/* One axis; absent unless made by NUMC_AXIS: a bare number in its place is an error at run time, but for 0, which only
 * -Wmissing-braces sees. */
typedef struct numc_axis {
    int64_t value;
    bool given;
} numc_axis;

/* One term of an index expression. */
typedef enum numc_index_kind {
    NUMC_INDEX_ALL, NUMC_INDEX_AT, NUMC_INDEX_SLICE, NUMC_INDEX_NEW, NUMC_INDEX_ELLIPSIS, NUMC_INDEX_ARRAY
} numc_index_kind;
typedef struct numc_index_term {
    numc_index_kind kind;
    int64_t start, stop, step;   /* AT: start; SLICE: NUMC_END marks an open end, step 0 means 1 */
    const numc_array *array;     /* integers, or a mask */
} numc_index_term;
#define NUMC_END INT64_MIN

#ifndef __cplusplus
#define NUMC_SHAPE(...)                                                                            \
    ((numc_shape){(const int64_t[]){__VA_ARGS__},                                                  \
                  (int32_t)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), true})
#define NUMC_AXES(...) NUMC_SHAPE(__VA_ARGS__)
#define NUMC_NO_AXES ((numc_axes){NULL, 0, true})
#define NUMC_SCALAR ((numc_shape){NULL, 0, true})
#define NUMC_AXIS(axis) ((numc_axis){(axis), true})
#define NUMC_ALL ((numc_index_term){.kind = NUMC_INDEX_ALL})
#define NUMC_AT(index) ((numc_index_term){.kind = NUMC_INDEX_AT, .start = (index)})
#define NUMC_SLICE(start_, stop_) ((numc_index_term){.kind = NUMC_INDEX_SLICE, .start = (start_), .stop = (stop_), .step = 1})
#define NUMC_SLICE_STEP(start_, stop_, step_)                                                      \
    ((numc_index_term){.kind = NUMC_INDEX_SLICE, .start = (start_), .stop = (stop_), .step = (step_)})
#define NUMC_NEW ((numc_index_term){.kind = NUMC_INDEX_NEW})
#define NUMC_ELLIPSIS ((numc_index_term){.kind = NUMC_INDEX_ELLIPSIS})
#define NUMC_PICK(array_) ((numc_index_term){.kind = NUMC_INDEX_ARRAY, .array = (array_)})

/* The macro layer: each argument is evaluated once and wrapped once. A call with two numbers, or with a pointer that is not an
 * array, does not compile. It uses the statement expressions of GCC and Clang, so nesting does not multiply text. */
#define NUMC_IS_NUMBER_(x) _Generic((x), numc_array *: 0, const numc_array *: 0, default: 1)
#define NUMC_OPERAND_(x)                                                                           \
    _Generic((x),                                                                                  \
        numc_array *: numc_operand_array,                                                          \
        const numc_array *: numc_operand_array,                                                    \
        bool: numc_operand_bool,                                                                   \
        float: numc_operand_real,                                                                  \
        double: numc_operand_real,                                                                 \
        float _Complex: numc_operand_complex,                                                      \
        double _Complex: numc_operand_complex,                                                     \
        numc_complex_number: numc_operand_parts,                                                   \
        signed char: numc_operand_integer,                                                         \
        unsigned char: numc_operand_integer,                                                       \
        short: numc_operand_integer,                                                               \
        unsigned short: numc_operand_integer,                                                      \
        int: numc_operand_integer,                                                                 \
        unsigned int: numc_operand_integer,                                                        \
        long: numc_operand_integer,                                                                \
        unsigned long: numc_operand_unsigned,                                                      \
        long long: numc_operand_integer,                                                           \
        unsigned long long: numc_operand_unsigned)(x)
#define NUMC_OPERAND(x) NUMC_OPERAND_(x)
#define NUMC_BINARY__(function, x1, x2, left, right)                                               \
    __extension__({                                                                                \
        __auto_type left = (x1);                                                                   \
        __auto_type right = (x2);                                                                  \
        (void)sizeof(char[NUMC_IS_NUMBER_(left) && NUMC_IS_NUMBER_(right) ? -1 : 1]);              \
        (function)(NUMC_OPERAND_(left), NUMC_OPERAND_(right));                                     \
    })
#define NUMC_BINARY_(function, x1, x2, number)                                                     \
    NUMC_BINARY__(function, x1, x2, NUMC_JOIN(numc_left_, number), NUMC_JOIN(numc_right_, number))
#define NUMC_BINARY(function, x1, x2) NUMC_BINARY_(function, x1, x2, __COUNTER__)

#define NUMC_CONTEXT(where) _Generic((where), numc_context *: numc_context_self, numc_run *: numc_run_context)(where)
#endif
static inline numc_context *numc_context_self(numc_context *context)
{
    return context;
}
NUMC_API numc_context *numc_run_context(numc_run *run); /* the lane a run records in */

/* ---- what an array is ------------------------------------------------------------------------------------------------- */
NUMC_API numc_dtype numc_array_dtype(const numc_array *x);       /* NUMC_DTYPE_DEFAULT for NULL or dead */
NUMC_API int32_t numc_array_rank(const numc_array *x);           /* -1 for NULL or dead */
NUMC_API const int64_t *numc_array_shape(const numc_array *x);   /* rank numbers, valid while x is; NULL for rank 0 */
NUMC_API int64_t numc_array_size(const numc_array *x);           /* number of elements; -1 for NULL or dead */
NUMC_API bool numc_array_is_traced(const numc_array *x);         /* no value yet: part of a graph being recorded */
NUMC_API numc_context *numc_array_context(const numc_array *x);  /* the lane it belongs to */

/* A reference that outlives the scope; release gives it back. NULL passes through. */
NUMC_API numc_array *numc_keep(numc_array *x);
NUMC_API void numc_release(numc_array *x);
/* As numc_keep, but the scope lets go of x: numc_release ends it. What handles that free by themselves (array.hpp) hold. */
NUMC_API numc_array *numc_detach(numc_array *x);

/* Functions with optional arguments take a struct of options whose zeros are the defaults: numc_sort(x), numc_sort(x,
 * NUMC_AXIS(0), .descending = true). The macro of the function's name fills in `size`, so later versions can add fields at
 * the end; a NULL instead of options means the defaults. */

/* ---- to and from host memory -------------------------------------------------------------------------------------------- */
/* Copies row-major host data of that dtype (default: the default float). data may be NULL only for an empty array. */
NUMC_API numc_array *numc_from_host_(numc_context *context, numc_dtype dtype, numc_shape shape, const void *data);
/* Copies x, row-major and converted to dtype (default: x's), into `size` bytes of host memory; fails unless size is exactly
 * right. A traced array is an error that says how to stay inside the trace. */
NUMC_API numc_status numc_to_host(const numc_array *x, numc_dtype dtype, void *data, size_t size);
/* The value of an array with one element, converted. On a traced value: an error that names numc_where, numc_cond and
 * numc_scan. After an error: NaN, 0, false. */
NUMC_API double numc_item(const numc_array *x);
NUMC_API int64_t numc_item_integer(const numc_array *x);
NUMC_API bool numc_item_bool(const numc_array *x);
NUMC_API numc_complex_number numc_item_complex(const numc_array *x); /* after an error: NaN, NaN */
/* Text like NumPy's str: "[[1.  2.5]\n [3.  4. ]]", `.repr`: "array([[1. , 2.5],\n       [3. , 4. ]])"; 8 digits after the point, lines
 * of 75 columns, summarised beyond 1000 elements. A traced array: "(traced float64[2])". Returns the length needed (without
 * terminator), writes at most size. text may be NULL when size is 0: numc_array_format(x, text, size, .repr = true). */
typedef struct numc_format_options {
    size_t size;
    bool repr;
} numc_format_options;
NUMC_API size_t numc_array_format(const numc_array *x, char *text, size_t size, const numc_format_options *options);
/* The same text and a line break to a stream: numc_array_print(x, stdout). NUMC_IO where writing fails. */
NUMC_API numc_status numc_array_print(const numc_array *x, FILE *stream, const numc_format_options *options);
#ifndef __cplusplus
#define NUMC_FORMAT_OPTIONS_(...) &(numc_format_options){.size = sizeof(numc_format_options), __VA_ARGS__}
#define NUMC_ARRAY_FORMAT_(x, text, size_, ...) (numc_array_format)(x, text, size_, NUMC_FORMAT_OPTIONS_(__VA_ARGS__))
#define numc_array_format(x, text, ...) NUMC_ARRAY_FORMAT_(x, text, __VA_ARGS__, )
#define NUMC_ARRAY_PRINT_(x, stream, ...) (numc_array_print)(x, stream, NUMC_FORMAT_OPTIONS_(__VA_ARGS__))
#define numc_array_print(x, ...) NUMC_ARRAY_PRINT_(x, __VA_ARGS__, )
#endif

/* ---- creation ---------------------------------------------------------------------------------------------------- */
/* Constants of a shape hold no memory. dtype: NUMC_DTYPE_DEFAULT is the default float, for full and number what the number's
 * kind takes (bool, int64, the default float, complex as wide as that). In full the value may be an array that broadcasts to the shape. */
NUMC_API numc_array *numc_zeros_(numc_context *context, numc_dtype dtype, numc_shape shape);
NUMC_API numc_array *numc_ones_(numc_context *context, numc_dtype dtype, numc_shape shape);
NUMC_API numc_array *numc_empty_(numc_context *context, numc_dtype dtype, numc_shape shape); /* zeros */
NUMC_API numc_array *numc_full_(numc_context *context, numc_dtype dtype, numc_shape shape, numc_operand value);
NUMC_API numc_array *numc_number_(numc_context *context, numc_dtype dtype, numc_operand value); /* 0-d */
/* An array or a number as an array of dtype (default: its own, or what the number's kind takes as in full). Lists of numbers are
 * numc_from_host's. */
NUMC_API numc_array *numc_asarray_(numc_context *context, numc_dtype dtype, numc_operand value);
/* start + i step, i = 0 .. ceil((stop - start) / step) - 1, from numbers: whole ones without rounding, then converted to dtype
 * (default: int64 if all three are whole numbers by type, else the default float). An integer dtype must hold the elements as
 * they are: otherwise a VALUE error. */
NUMC_API numc_array *numc_arange_(numc_context *context, numc_dtype dtype, numc_operand start, numc_operand stop,
                                  numc_operand step);
/* (number): start + i (stop - start) / (number - 1), the last one stop exactly; `.open_end`: / number, stop left out. dtype:
 * default the default float; an integer dtype takes the values as numc_astype. start and stop are numbers, perhaps
 * complex: then the dtype is, and both parts go by themselves. */
typedef struct numc_linspace_options {
    size_t size;
    bool open_end;
} numc_linspace_options;
NUMC_API numc_array *numc_linspace_(numc_context *context, numc_dtype dtype, numc_operand start, numc_operand stop,
                                    int64_t number, const numc_linspace_options *options);
/* (rows, columns): one where column - row = diagonal, else zero. */
NUMC_API numc_array *numc_eye_(numc_context *context, numc_dtype dtype, int64_t rows, int64_t columns, int64_t diagonal);
/* x's shape: numc_zeros_like(x), numc_zeros_like(x, NUMC_INT32), numc_full_like(x, 3, .dtype = NUMC_INT32). */
typedef struct numc_like_options {
    size_t size;
    numc_dtype dtype; /* default: x's */
} numc_like_options;
NUMC_API numc_array *numc_zeros_like(const numc_array *x, const numc_like_options *options);
NUMC_API numc_array *numc_ones_like(const numc_array *x, const numc_like_options *options);
NUMC_API numc_array *numc_empty_like(const numc_array *x, const numc_like_options *options); /* zeros */
NUMC_API numc_array *numc_full_like_(const numc_array *x, numc_operand value, const numc_like_options *options);
/* x (..., M, N) with zero where column - row > diagonal (tril) or < diagonal (triu). */
NUMC_API numc_array *numc_tril(const numc_array *x, int64_t diagonal);
NUMC_API numc_array *numc_triu(const numc_array *x, int64_t diagonal);
#ifndef __cplusplus
#define numc_from_host(where, dtype, shape, ...) numc_from_host_(NUMC_CONTEXT(where), dtype, shape, __VA_ARGS__)
#define numc_zeros(where, dtype, shape) numc_zeros_(NUMC_CONTEXT(where), dtype, shape)
#define numc_ones(where, dtype, shape) numc_ones_(NUMC_CONTEXT(where), dtype, shape)
#define numc_empty(where, dtype, shape) numc_empty_(NUMC_CONTEXT(where), dtype, shape)
#define numc_full(where, dtype, shape, value) numc_full_(NUMC_CONTEXT(where), dtype, shape, NUMC_OPERAND(value))
#define numc_number(where, dtype, value) numc_number_(NUMC_CONTEXT(where), dtype, NUMC_OPERAND(value))
#define numc_asarray(where, dtype, value) numc_asarray_(NUMC_CONTEXT(where), dtype, NUMC_OPERAND(value))
#define numc_arange(where, dtype, start, stop, step)                                               \
    numc_arange_(NUMC_CONTEXT(where), dtype, NUMC_OPERAND(start), NUMC_OPERAND(stop), NUMC_OPERAND(step))
#define NUMC_LINSPACE_(where, dtype, start, stop, number, ...)                                     \
    numc_linspace_(NUMC_CONTEXT(where), dtype, NUMC_OPERAND(start), NUMC_OPERAND(stop), number,    \
                   &(numc_linspace_options){.size = sizeof(numc_linspace_options), __VA_ARGS__})
#define numc_linspace(where, dtype, start, stop, ...) NUMC_LINSPACE_(where, dtype, start, stop, __VA_ARGS__, )
#define numc_eye(where, dtype, rows, columns, diagonal) numc_eye_(NUMC_CONTEXT(where), dtype, rows, columns, diagonal)
#define numc_zeros_like(...) NUMC_OPTIONS_1_(numc_zeros_like, numc_like_options, __VA_ARGS__, )
#define numc_ones_like(...) NUMC_OPTIONS_1_(numc_ones_like, numc_like_options, __VA_ARGS__, )
#define numc_empty_like(...) NUMC_OPTIONS_1_(numc_empty_like, numc_like_options, __VA_ARGS__, )
#define NUMC_FULL_LIKE_(x, value, ...)                                                             \
    numc_full_like_(x, NUMC_OPERAND(value), &(numc_like_options){.size = sizeof(numc_like_options), __VA_ARGS__})
#define numc_full_like(x, ...) NUMC_FULL_LIKE_(x, __VA_ARGS__, )
#endif

/* ---- dtypes -------------------------------------------------------------------------------------------------------------- */
/* x converted: float to integer towards zero, saturating at the ends of the dtype, NaN to 0 (as numc_to_host and
 * numc_item_integer do); integer to integer wraps; nonzero is true to a bool. Complex converts to complex and bool alone.
 * Default: the default float. */
NUMC_API numc_array *numc_astype(const numc_array *x, numc_dtype dtype);
NUMC_API numc_dtype numc_result_dtype(numc_dtype a, numc_dtype b); /* promotion; NUMC_DTYPE_DEFAULT where there is none */
/* The dtype that these dtypes, arrays and numbers have in common, as an elementwise function would find it. One dtype or array at
 * least, else INVALID_ARGUMENT; NUMC_DTYPE where there is none. NUMC_DTYPE_DEFAULT after an error. */
NUMC_API numc_dtype numc_result_type(numc_context *context, const numc_dtype *dtypes, int32_t dtype_count,
                                     const numc_operand *operands, int32_t operand_count);
NUMC_API bool numc_can_cast(numc_dtype from, numc_dtype to);  /* within integers or within floats, nothing lost; to itself */
NUMC_API numc_dtype numc_default_float(numc_context *context); /* the widest real the device has */

/* Whether a dtype is of one of these kinds: numc_isdtype(dtype, NUMC_KIND_BOOL | NUMC_KINDS_INTEGRAL). False for no dtype. */
#define NUMC_KINDS_INTEGRAL (NUMC_KIND_SIGNED | NUMC_KIND_UNSIGNED)
#define NUMC_KINDS_NUMERIC (NUMC_KINDS_INTEGRAL | NUMC_KIND_REAL | NUMC_KIND_COMPLEX)
NUMC_API bool numc_isdtype(numc_dtype dtype, int32_t kinds);
/* What a float dtype holds, of a complex one its parts; what an integer dtype holds. All zeros for another dtype. */
typedef struct numc_float_limits {
    int32_t bits;
    double eps, max, min, smallest_normal; /* eps: from 1 to the next number */
    numc_dtype dtype;                      /* the real dtype they are of */
} numc_float_limits;
typedef struct numc_integer_limits {
    int32_t bits;
    uint64_t max;
    int64_t min;
    numc_dtype dtype;
} numc_integer_limits;
NUMC_API numc_float_limits numc_finfo(numc_dtype dtype);
NUMC_API numc_integer_limits numc_iinfo(numc_dtype dtype);

/* The standard's inspection calls. A context has one device: devices gives that one. */
typedef struct numc_capabilities {
    bool boolean_indexing, data_dependent_shapes;
    int32_t max_dimensions;
} numc_capabilities;
typedef struct numc_default_dtypes {
    numc_dtype real_floating, complex_floating, integral, indexing;
} numc_default_dtypes;
NUMC_API numc_capabilities numc_info_capabilities(void);
NUMC_API const char *numc_info_default_device(numc_context *context); /* "cpu:0", valid until the context closes; NULL after an error */
NUMC_API numc_default_dtypes numc_info_default_dtypes(numc_context *context);
/* Up to `capacity` names (valid as above) into names; returns how many there are, 0 after an error. */
NUMC_API int32_t numc_info_devices(numc_context *context, const char **names, int32_t capacity);
/* The dtypes of these kinds (0: every kind) that the device computes in, into dtypes[13]; returns how many. */
NUMC_API int32_t numc_info_dtypes(numc_context *context, int32_t kinds, numc_dtype *dtypes);
NUMC_API const char *numc_array_device(const numc_array *x); /* its context's device; NULL for NULL or dead */
/* x in the current scope of another context: a copy of its values, or, where it is the same core's, x itself. */
NUMC_API numc_array *numc_to_device_(const numc_array *x, numc_context *context);
#ifndef __cplusplus
#define numc_to_device(x, where) numc_to_device_(x, NUMC_CONTEXT(where))
#endif

/* ---- elementwise, one array ---------------------------------------------------------------------------------------------
 * The result has x's shape, and x's dtype for negative, abs, sign, positive, square, floor, ceil, trunc and round (half to
 * even); isnan, isinf, isfinite, signbit and logical_not give bool; bitwise_invert is for integers and bools. The others
 * take integers as the default float. Outside a domain the result is NaN or an infinity, never an error.
 * Complex x: abs is |x|, of the parts' dtype; sign x / |x|, 0 of 0; round rounds both parts; isnan and isinf hold of either part,
 * isfinite of both; floor, ceil, trunc and signbit are refused. The others are within a few eps of |result|, with the branch
 * cuts and special values of C99's annex G. */
#define NUMC_UNARY_FUNCTIONS(X)                                                                    \
    X(negative) X(abs) X(sign) X(positive) X(floor) X(ceil) X(trunc) X(round) X(sqrt) X(square)    \
    X(reciprocal) X(exp) X(expm1) X(log) X(log1p) X(log2) X(log10) X(sin) X(cos) X(tan) X(asin)    \
    X(acos) X(atan) X(sinh) X(cosh) X(tanh) X(asinh) X(acosh) X(atanh) X(isnan) X(isinf)           \
    X(isfinite) X(signbit) X(logical_not) X(bitwise_invert)
#define NUMC_DECLARE_UNARY(name) NUMC_API numc_array *numc_##name(const numc_array *x);
NUMC_UNARY_FUNCTIONS(NUMC_DECLARE_UNARY)

/* ---- elementwise, two operands of which one may be a number ---------------------------------------------------------------
 * The shape is the broadcast one; the dtype the promoted one for arithmetic, the default float or wider for divide, atan2,
 * hypot, logaddexp, copysign and nextafter, bool for comparisons and logical functions; bitwise functions are for integers
 * and bools. floor_divide rounds down and remainder has the sign of x2; of integers by 0 both are 0. Integers wrap around;
 * their negative powers are truncated (of 1 and -1 their own, of all others 0). A shift by the width or more, or by a
 * negative count, leaves 0, or -1 of a negative number shifted right. maximum and minimum give NaN where either is NaN, of
 * bools a bool. Complex: add, subtract, multiply, divide, equal, not_equal, the logical functions, and pow: e^(x2 log x1), or a
 * product where x2 is a whole C number, |x2| <= 64. An infinity times or over anything may be NaN, as NumPy's. */
#define NUMC_BINARY_FUNCTIONS(X)                                                                   \
    X(add) X(subtract) X(multiply) X(divide) X(floor_divide) X(remainder) X(pow) X(atan2) X(hypot) \
    X(logaddexp) X(maximum) X(minimum) X(copysign) X(nextafter) X(equal) X(not_equal) X(less)      \
    X(less_equal) X(greater) X(greater_equal) X(logical_and) X(logical_or) X(logical_xor)          \
    X(bitwise_and) X(bitwise_or) X(bitwise_xor) X(bitwise_left_shift) X(bitwise_right_shift)
#define NUMC_DECLARE_BINARY(name) NUMC_API numc_array *numc_##name(numc_operand x1, numc_operand x2);
NUMC_BINARY_FUNCTIONS(NUMC_DECLARE_BINARY)
#ifndef __cplusplus
#define numc_add(x1, x2) NUMC_BINARY(numc_add, x1, x2)
#define numc_subtract(x1, x2) NUMC_BINARY(numc_subtract, x1, x2)
#define numc_multiply(x1, x2) NUMC_BINARY(numc_multiply, x1, x2)
#define numc_divide(x1, x2) NUMC_BINARY(numc_divide, x1, x2)
#define numc_floor_divide(x1, x2) NUMC_BINARY(numc_floor_divide, x1, x2)
#define numc_remainder(x1, x2) NUMC_BINARY(numc_remainder, x1, x2)
#define numc_pow(x1, x2) NUMC_BINARY(numc_pow, x1, x2)
#define numc_atan2(x1, x2) NUMC_BINARY(numc_atan2, x1, x2)
#define numc_hypot(x1, x2) NUMC_BINARY(numc_hypot, x1, x2)
#define numc_logaddexp(x1, x2) NUMC_BINARY(numc_logaddexp, x1, x2)
#define numc_maximum(x1, x2) NUMC_BINARY(numc_maximum, x1, x2)
#define numc_minimum(x1, x2) NUMC_BINARY(numc_minimum, x1, x2)
#define numc_copysign(x1, x2) NUMC_BINARY(numc_copysign, x1, x2)
#define numc_nextafter(x1, x2) NUMC_BINARY(numc_nextafter, x1, x2)
#define numc_equal(x1, x2) NUMC_BINARY(numc_equal, x1, x2)
#define numc_not_equal(x1, x2) NUMC_BINARY(numc_not_equal, x1, x2)
#define numc_less(x1, x2) NUMC_BINARY(numc_less, x1, x2)
#define numc_less_equal(x1, x2) NUMC_BINARY(numc_less_equal, x1, x2)
#define numc_greater(x1, x2) NUMC_BINARY(numc_greater, x1, x2)
#define numc_greater_equal(x1, x2) NUMC_BINARY(numc_greater_equal, x1, x2)
#define numc_logical_and(x1, x2) NUMC_BINARY(numc_logical_and, x1, x2)
#define numc_logical_or(x1, x2) NUMC_BINARY(numc_logical_or, x1, x2)
#define numc_logical_xor(x1, x2) NUMC_BINARY(numc_logical_xor, x1, x2)
#define numc_bitwise_and(x1, x2) NUMC_BINARY(numc_bitwise_and, x1, x2)
#define numc_bitwise_or(x1, x2) NUMC_BINARY(numc_bitwise_or, x1, x2)
#define numc_bitwise_xor(x1, x2) NUMC_BINARY(numc_bitwise_xor, x1, x2)
#define numc_bitwise_left_shift(x1, x2) NUMC_BINARY(numc_bitwise_left_shift, x1, x2)
#define numc_bitwise_right_shift(x1, x2) NUMC_BINARY(numc_bitwise_right_shift, x1, x2)
#endif
/* The real and the imaginary part, views of complex x where it is concrete; of other numbers themselves and zeros. */
NUMC_API numc_array *numc_real(const numc_array *x);
NUMC_API numc_array *numc_imag(const numc_array *x);
NUMC_API numc_array *numc_conj(const numc_array *x); /* re - i im; other numbers themselves */
/* re + i im of real operands: complex64 where both are float32 (a C number takes the other's dtype), else complex128. */
NUMC_API numc_array *numc_complex(numc_operand re, numc_operand im);
#ifndef __cplusplus
#define numc_complex(re, im) NUMC_BINARY(numc_complex, re, im)
#endif
/* x1 where condition (a bool array; another dtype is an error) holds, else x2, all broadcast; x1 and x2 are arrays or numbers
 * (two numbers are allowed here: default dtypes). The gradient passes through the side that is taken alone. */
NUMC_API numc_array *numc_where_(const numc_array *condition, numc_operand x1, numc_operand x2);
/* minimum(maximum(x, min), max), broadcast; a bound is an array or a number. For no bound on a side pass -INFINITY or
 * INFINITY, which is also right for integers. */
NUMC_API numc_array *numc_clip_(const numc_array *x, numc_operand min, numc_operand max);
#ifndef __cplusplus
#define numc_where(condition, x1, x2) numc_where_(condition, NUMC_OPERAND(x1), NUMC_OPERAND(x2))
#define numc_clip(x, min, max) numc_clip_(x, NUMC_OPERAND(min), NUMC_OPERAND(max))
#endif

/* ---- shapes (views where the array is concrete; the dtype is x's) ------------------------------------------------------- */
NUMC_API numc_array *numc_reshape(const numc_array *x, numc_shape shape);      /* row-major; one -1 allowed */
NUMC_API numc_array *numc_broadcast_to(const numc_array *x, numc_shape shape); /* axes of size 1 and missing ones repeat */
NUMC_API numc_array *numc_permute_dims(const numc_array *x, numc_axes axes);   /* axis i is x's axes[i]; one per axis */
/* x with axis `source` at place `destination`, the others in order; with lists, numc_moveaxis(x, NUMC_AXES(0, 1),
 * NUMC_AXES(-1, 0)), source[i] at destination[i]. */
NUMC_API numc_array *numc_moveaxis(const numc_array *x, int64_t source, int64_t destination);
NUMC_API numc_array *numc_moveaxis_axes(const numc_array *x, numc_axes source, numc_axes destination);
/* Axes of size 1 put in, at these places of the result; taken out. */
NUMC_API numc_array *numc_expand_dims(const numc_array *x, numc_axes axes);
NUMC_API numc_array *numc_squeeze(const numc_array *x, numc_axes axes);           /* none given: every axis of size 1 */
NUMC_API numc_array *numc_flip(const numc_array *x, numc_axes axes);              /* reversed; none given: along every axis */
/* y[(i + shift) mod n] = x[i] along an axis, or along the flattened x (NUMC_FLATTEN), in x's shape. With lists, numc_roll(x,
 * NUMC_SHAPE(1, 2), NUMC_AXES(0, 1)): shifts[i] along axes[i]; a list of one shift serves every axis. */
NUMC_API numc_array *numc_roll(const numc_array *x, int64_t shift, int64_t axis);
NUMC_API numc_array *numc_roll_axes(const numc_array *x, numc_shape shifts, numc_axes axes);
/* `count` arrays end to end along an existing axis (other sizes equal), each flattened first with NUMC_FLATTEN, or along a new
 * one (shapes equal), promoted to one dtype. count must be positive. */
NUMC_API numc_array *numc_concat(const numc_array *const *arrays, int32_t count, int64_t axis);
NUMC_API numc_array *numc_stack(const numc_array *const *arrays, int32_t count, int64_t axis);
/* x as a whole repetitions[i] times along axis i, both counted from the right; each element `repeats` times, along an axis
 * or, with none, of the flattened x. Not a view. */
NUMC_API numc_array *numc_tile(const numc_array *x, numc_shape repetitions);
NUMC_API numc_array *numc_repeat(const numc_array *x, int64_t repeats, numc_axis axis);
/* The same with a number of its own for each element: repeats are integers, as many as the axis is long, or one. */
NUMC_API numc_array *numc_repeat_array(const numc_array *x, const numc_array *repeats, numc_axis axis);
#ifndef __cplusplus
#define numc_moveaxis(x, source, destination)                                                      \
    _Generic((source), numc_shape: numc_moveaxis_axes, default: (numc_moveaxis))(x, source, destination)
#define numc_roll(x, shift, axis) _Generic((shift), numc_shape: numc_roll_axes, default: (numc_roll))(x, shift, axis)
#define numc_repeat(x, repeats, axis)                                                              \
    _Generic((repeats), numc_array *: numc_repeat_array, const numc_array *: numc_repeat_array,    \
             default: (numc_repeat))(x, repeats, axis)
#endif
/* The common shape, into shape[32]; returns the rank, or -1 when they do not broadcast or are no shapes. */
NUMC_API int32_t numc_broadcast_shapes(const numc_shape *shapes, int32_t count, int64_t shape[32]);

/* The standard's functions that give several arrays write them to `results`, `count` of them: all, or after an error all NULL.
 * x[.., i, ..] for each i of axis, without that axis; count must be its size. */
NUMC_API numc_status numc_unstack(const numc_array *x, int64_t axis, numc_array **results, int32_t count);
/* Each array broadcast to the common shape, with its own dtype. */
NUMC_API numc_status numc_broadcast_arrays(const numc_array *const *arrays, int32_t count, numc_array **results);
/* 1-d arrays of sizes n1, n2, n3.. as coordinates of a grid of shape (n2, n1, n3, ..), `.matrix`: (n1, n2, n3, ..). */
typedef struct numc_meshgrid_options {
    size_t size;
    bool matrix; /* the standard's indexing "ij"; default "xy" */
} numc_meshgrid_options;
NUMC_API numc_status numc_meshgrid_(const numc_array *const *arrays, int32_t count, numc_array **results,
                                    const numc_meshgrid_options *options);
/* x[i + 1] - x[i] along an axis, n times over: numc_diff(x, NUMC_AXIS(0), .n = 2). Numbers; of bools: not_equal. prepend and
 * append have x's rank and its sizes but along the axis, and are promoted with x. */
typedef struct numc_diff_options {
    size_t size;
    numc_axis axis; /* default: -1 */
    int64_t n;      /* default: 1; a negative one is NUMC_VALUE */
    const numc_array *prepend, *append; /* put before and after x first */
} numc_diff_options;
NUMC_API numc_array *numc_diff(const numc_array *x, const numc_diff_options *options);
#ifndef __cplusplus
#define NUMC_MESHGRID_(arrays, count, results, ...) numc_meshgrid_(arrays, count, results, \
    &(numc_meshgrid_options){.size = sizeof(numc_meshgrid_options), __VA_ARGS__})
#define numc_meshgrid(...) NUMC_MESHGRID_(__VA_ARGS__, )
#define numc_diff(...) NUMC_OPTIONS_1_(numc_diff, numc_diff_options, __VA_ARGS__, )
#endif

/* ---- indexing ---------------------------------------------------------------------------------------------------- */
/* x[term, ...]: integers, slices, new axes, one ellipsis; a mask alone, or integer arrays (one per axis, broadcast
 * together) as NumPy. Slices clip as Python's do; an integer out of bounds is an error, in an array where its values are
 * known: inside a trace they clamp, and what an update or numc_scatter_add would write there is left out. A mask inside a trace must be a
 * constant of it. */
NUMC_API numc_array *numc_index_(const numc_array *x, const numc_index_term *terms, int32_t count);
/* x with x[terms] replaced by value (broadcast, converted to x's dtype): a new array. */
NUMC_API numc_array *numc_index_update_(const numc_array *x, numc_operand value, const numc_index_term *terms, int32_t count);
/* *x = updated array, in the current scope; writes in place when nothing else refers to *x or its memory, else copies. No
 * other array sees the write: another pointer to the old *x is then a dead array. */
NUMC_API numc_status numc_index_assign_(numc_array **x, numc_operand value, const numc_index_term *terms, int32_t count);
/* *x = *x + value and so on: dtype and shape stay (NUMC_DTYPE, NUMC_SHAPE otherwise); as numc_index_assign, in place when nothing
 * else refers to *x or its memory, and no other array sees the write. */
#define NUMC_IN_PLACE_FUNCTIONS(X)                                                                 \
    X(add) X(subtract) X(multiply) X(divide) X(floor_divide) X(remainder) X(pow) X(bitwise_and)    \
    X(bitwise_or) X(bitwise_xor) X(bitwise_left_shift) X(bitwise_right_shift)
#define NUMC_DECLARE_IN_PLACE(name) NUMC_API numc_status numc_##name##_assign_(numc_array **x, numc_operand value);
NUMC_IN_PLACE_FUNCTIONS(NUMC_DECLARE_IN_PLACE)
NUMC_API numc_status numc_matmul_assign(numc_array **x, const numc_array *value);
#ifndef __cplusplus
#define numc_add_assign(x, value) numc_add_assign_(x, NUMC_OPERAND(value))
#define numc_subtract_assign(x, value) numc_subtract_assign_(x, NUMC_OPERAND(value))
#define numc_multiply_assign(x, value) numc_multiply_assign_(x, NUMC_OPERAND(value))
#define numc_divide_assign(x, value) numc_divide_assign_(x, NUMC_OPERAND(value))
#define numc_floor_divide_assign(x, value) numc_floor_divide_assign_(x, NUMC_OPERAND(value))
#define numc_remainder_assign(x, value) numc_remainder_assign_(x, NUMC_OPERAND(value))
#define numc_pow_assign(x, value) numc_pow_assign_(x, NUMC_OPERAND(value))
#define numc_bitwise_and_assign(x, value) numc_bitwise_and_assign_(x, NUMC_OPERAND(value))
#define numc_bitwise_or_assign(x, value) numc_bitwise_or_assign_(x, NUMC_OPERAND(value))
#define numc_bitwise_xor_assign(x, value) numc_bitwise_xor_assign_(x, NUMC_OPERAND(value))
#define numc_bitwise_left_shift_assign(x, value) numc_bitwise_left_shift_assign_(x, NUMC_OPERAND(value))
#define numc_bitwise_right_shift_assign(x, value) numc_bitwise_right_shift_assign_(x, NUMC_OPERAND(value))
#endif
/* x with `axis` (needed unless x is 1-d) replaced by the axes of indices: y[.., j, ..] = x[.., indices[j], ..]. */
NUMC_API numc_array *numc_take_(const numc_array *x, const numc_array *indices, numc_axis axis);
/* y[.., i, ..] = x[.., indices[.., i, ..], ..]: ranks equal, other axes broadcast. Undoes argsort's order. */
NUMC_API numc_array *numc_take_along_axis(const numc_array *x, const numc_array *indices, int64_t axis);
/* y = x; y[.., indices[j], ..] += values[.., j, ..] along axis; indices is 1-d; repeated indices add up. */
NUMC_API numc_array *numc_scatter_add(const numc_array *x, const numc_array *indices, const numc_array *values, int64_t axis);
#ifndef __cplusplus
#define NUMC_TERMS_(...) (const numc_index_term[]){__VA_ARGS__}, \
    (int32_t)(sizeof((const numc_index_term[]){__VA_ARGS__}) / sizeof(numc_index_term))
#define numc_index(x, ...) numc_index_(x, NUMC_TERMS_(__VA_ARGS__))
#define numc_index_update(x, value, ...) numc_index_update_(x, NUMC_OPERAND(value), NUMC_TERMS_(__VA_ARGS__))
#define numc_index_assign(x, value, ...) numc_index_assign_(x, NUMC_OPERAND(value), NUMC_TERMS_(__VA_ARGS__))
#define NUMC_TAKE_(x, indices, axis_, ...) numc_take_(x, indices, axis_)
#define NUMC_NO_AXIS ((numc_axis){0, false})
#define numc_take(...) NUMC_TAKE_(__VA_ARGS__, NUMC_NO_AXIS, 0)
#endif

/* ---- reductions, scans, order --------------------------------------------------------------------------------------------
 * numc_sum(x), numc_sum(x, NUMC_AXES(-1)), numc_sum(x, NUMC_AXES(0, 1), .keepdims = true). sum and prod of integers are
 * int64 or uint64, of bools int64; max and min keep the dtype and give NaN where there is one; mean, var, std and logsumexp
 * take integers as the default float; all and any give bool, count_nonzero int64. Of nothing: sum 0, prod 1, all true, mean
 * NaN, logsumexp -inf; max, min, argmax and argmin are NUMC_VALUE. var is the mean square about the mean in two passes;
 * logsumexp is m + log sum exp(x - m), m = max x. Of complex numbers there are sum, prod, mean, all, any, count_nonzero. */
typedef struct numc_reduce_options {
    size_t size;
    numc_axes axes; /* default: every axis */
    bool keepdims;  /* reduced axes stay, with size 1 */
    numc_dtype dtype;  /* sum, prod, mean, var, std: x is converted to this dtype first; others refuse it */
    double correction; /* var, std: divisor is count - correction, NaN unless positive; others refuse it */
} numc_reduce_options;
#define NUMC_REDUCTION_FUNCTIONS(X)                                                                \
    X(sum) X(prod) X(max) X(min) X(mean) X(var) X(std) X(all) X(any) X(logsumexp) X(count_nonzero)
#define NUMC_DECLARE_REDUCTION(name)                                                               \
    NUMC_API numc_array *numc_##name(const numc_array *x, const numc_reduce_options *options);
NUMC_REDUCTION_FUNCTIONS(NUMC_DECLARE_REDUCTION)
#ifndef __cplusplus
#define NUMC_OPTIONS_(function, type, x, ...) (function)(x, &(type){.size = sizeof(type), __VA_ARGS__})
#define NUMC_OPTIONS_1_(function, type, ...) NUMC_OPTIONS_(function, type, __VA_ARGS__)
#define NUMC_REDUCE_1_(function, ...) NUMC_OPTIONS_1_(function, numc_reduce_options, __VA_ARGS__)
#define numc_sum(...) NUMC_REDUCE_1_(numc_sum, __VA_ARGS__, )
#define numc_prod(...) NUMC_REDUCE_1_(numc_prod, __VA_ARGS__, )
#define numc_max(...) NUMC_REDUCE_1_(numc_max, __VA_ARGS__, )
#define numc_min(...) NUMC_REDUCE_1_(numc_min, __VA_ARGS__, )
#define numc_mean(...) NUMC_REDUCE_1_(numc_mean, __VA_ARGS__, )
#define numc_var(...) NUMC_REDUCE_1_(numc_var, __VA_ARGS__, )
#define numc_std(...) NUMC_REDUCE_1_(numc_std, __VA_ARGS__, )
#define numc_all(...) NUMC_REDUCE_1_(numc_all, __VA_ARGS__, )
#define numc_any(...) NUMC_REDUCE_1_(numc_any, __VA_ARGS__, )
#define numc_logsumexp(...) NUMC_REDUCE_1_(numc_logsumexp, __VA_ARGS__, )
#define numc_count_nonzero(...) NUMC_REDUCE_1_(numc_count_nonzero, __VA_ARGS__, )
#endif

/* Where the extreme is first met (NaN counts as one), int64: numc_argmax(x, NUMC_AXIS(-1), .keepdims = true). */
typedef struct numc_argmax_options {
    size_t size;
    numc_axis axis; /* default: the flattened x */
    bool keepdims;
} numc_argmax_options;
NUMC_API numc_array *numc_argmax(const numc_array *x, const numc_argmax_options *options);
NUMC_API numc_array *numc_argmin(const numc_array *x, const numc_argmax_options *options);

/* y_i = x_0 + ... + x_i, or the product: numc_cumulative_sum(x, NUMC_AXIS(0), .include_initial = true). */
typedef struct numc_cumulative_options {
    size_t size;
    numc_axis axis;       /* needed unless x is 1-d */
    numc_dtype dtype;     /* accumulate in this dtype; default as sum */
    bool include_initial; /* one element more: 0 (sum) or 1 (prod) comes first */
} numc_cumulative_options;
NUMC_API numc_array *numc_cumulative_sum(const numc_array *x, const numc_cumulative_options *options);
NUMC_API numc_array *numc_cumulative_prod(const numc_array *x, const numc_cumulative_options *options);

/* Values in order along an axis; the int64 positions that put them there. NaN comes last in either direction. */
typedef struct numc_sort_options {
    size_t size;
    numc_axis axis; /* default: -1 */
    bool descending;
    bool unstable; /* equal elements may change places: a permission, without effect so far */
} numc_sort_options;
NUMC_API numc_array *numc_sort(const numc_array *x, const numc_sort_options *options);
NUMC_API numc_array *numc_argsort(const numc_array *x, const numc_sort_options *options);

/* The first i with values <= sorted[i], `.right`: values < sorted[i]; the size of `sorted` (1-d) where there is none.
 * int64, of the shape of values, an array or a number. */
typedef struct numc_searchsorted_options {
    size_t size;
    bool right;
    const numc_array *sorter; /* integers, of the shape of `sorted`, which is put in this order first (argsort's result) */
} numc_searchsorted_options;
NUMC_API numc_array *numc_searchsorted_(const numc_array *sorted, numc_operand values,
                                        const numc_searchsorted_options *options);
#ifndef __cplusplus
#define numc_argmax(...) NUMC_OPTIONS_1_(numc_argmax, numc_argmax_options, __VA_ARGS__, )
#define numc_argmin(...) NUMC_OPTIONS_1_(numc_argmin, numc_argmax_options, __VA_ARGS__, )
#define numc_cumulative_sum(...) NUMC_OPTIONS_1_(numc_cumulative_sum, numc_cumulative_options, __VA_ARGS__, )
#define numc_cumulative_prod(...) NUMC_OPTIONS_1_(numc_cumulative_prod, numc_cumulative_options, __VA_ARGS__, )
#define numc_sort(...) NUMC_OPTIONS_1_(numc_sort, numc_sort_options, __VA_ARGS__, )
#define numc_argsort(...) NUMC_OPTIONS_1_(numc_argsort, numc_sort_options, __VA_ARGS__, )
#define NUMC_SEARCHSORTED_(sorted, values, ...) numc_searchsorted_(sorted, NUMC_OPERAND(values), \
    &(numc_searchsorted_options){.size = sizeof(numc_searchsorted_options), __VA_ARGS__})
#define numc_searchsorted(...) NUMC_SEARCHSORTED_(__VA_ARGS__, )
#endif

/* ---- sets ----------------------------------------------------------------------------------------------------------
 * Equality is that of numc_equal: each NaN is a value of its own, -0 and 0 are one. Sizes that depend on values are
 * NUMC_TRACE inside a trace; numc_isin works there. */

/* The int64 positions (1-d) along each axis where x is not zero, row-major; count must be x's rank, which 0 is NUMC_SHAPE. */
NUMC_API numc_status numc_nonzero(const numc_array *x, numc_array **results, int32_t count);
/* The distinct values of x, increasing (complex ones by real part, then imaginary part; 1-d, x's dtype); where each is first met in the flattened x; which of them each
 * element is (x's shape); how often each is met. The last three are int64. What is not asked for, and all after an error: NULL. */
typedef struct numc_unique {
    numc_array *values, *indices, *inverse_indices, *counts;
} numc_unique;
NUMC_API numc_unique numc_unique_all(const numc_array *x);
NUMC_API numc_unique numc_unique_counts(const numc_array *x);  /* values, counts */
NUMC_API numc_unique numc_unique_inverse(const numc_array *x); /* values, inverse_indices */
NUMC_API numc_array *numc_unique_values(const numc_array *x);
/* Whether each element of x1 is one of x2, both promoted, one of them an array and the other perhaps a number: bool, of x1's
 * shape. */
typedef struct numc_isin_options {
    size_t size;
    bool invert; /* the opposite */
} numc_isin_options;
NUMC_API numc_array *numc_isin_(numc_operand x1, numc_operand x2, const numc_isin_options *options);
#ifndef __cplusplus
#define NUMC_ISIN_(x1, x2, ...) numc_isin_(NUMC_OPERAND(x1), NUMC_OPERAND(x2), &(numc_isin_options){.size = sizeof(numc_isin_options), __VA_ARGS__})
#define numc_isin(...) NUMC_ISIN_(__VA_ARGS__, )
#endif

/* x, as a constant to every derivative. */
NUMC_API numc_array *numc_stop_gradient(const numc_array *x);

#ifdef __cplusplus
}
#endif
#endif
