/* Derivatives of every primitive of the table: forward against differences, reverse against forward, second order where it
 * exists; and the places where a factor of the slope is not finite. */
#define BODY_NAME(name) body_##name
#include "support.h"

/* ---- one case per primitive -------------------------------------------------------------------------------------- */

#define POINTS 4
/* Elementwise: operands by position; `fixed` are not differentiated (bit k), order is how many derivatives exist. */
typedef struct scalar_case {
    int32_t code, operands;
    double x[3][POINTS];
    int order;
    uint32_t fixed;
} scalar_case;

static const scalar_case scalar_cases[] = {
    {NUMC_SCALAR_NEGATIVE, 1, {{-1.5, 0.0, 0.5, 2}}, 2, 0},
    {NUMC_SCALAR_ABS, 1, {{-1.5, -0.5, 0.5, 2}}, 2, 0},
    {NUMC_SCALAR_SQRT, 1, {{0.25, 1, 2, 9}}, 2, 0},
    {NUMC_SCALAR_SQUARE, 1, {{-1.5, 0, 0.5, 2}}, 2, 0},
    {NUMC_SCALAR_RECIPROCAL, 1, {{-1.5, -0.5, 0.5, 2}}, 2, 0},
    {NUMC_SCALAR_EXP, 1, {{-3, 0, 0.5, 2}}, 2, 0},
    {NUMC_SCALAR_EXPM1, 1, {{-3, 0, 0.5, 2}}, 2, 0},
    {NUMC_SCALAR_LOG, 1, {{0.25, 1, 2, 9}}, 2, 0},
    {NUMC_SCALAR_LOG1P, 1, {{-0.5, 0, 0.5, 9}}, 2, 0},
    {NUMC_SCALAR_LOG2, 1, {{0.25, 1, 2, 9}}, 2, 0},
    {NUMC_SCALAR_LOG10, 1, {{0.25, 1, 2, 9}}, 2, 0},
    {NUMC_SCALAR_SIN, 1, {{-3, 0, 0.5, 2}}, 2, 0},
    {NUMC_SCALAR_COS, 1, {{-3, 0, 0.5, 2}}, 2, 0},
    {NUMC_SCALAR_TAN, 1, {{-1, 0, 0.5, 2.5}}, 2, 0},
    {NUMC_SCALAR_ASIN, 1, {{-0.5, 0, 0.25, 0.625}}, 2, 0},
    {NUMC_SCALAR_ACOS, 1, {{-0.5, 0, 0.25, 0.625}}, 2, 0},
    {NUMC_SCALAR_ATAN, 1, {{-3, 0, 0.5, 2}}, 2, 0},
    {NUMC_SCALAR_SINH, 1, {{-3, 0, 0.5, 2}}, 2, 0},
    {NUMC_SCALAR_COSH, 1, {{-3, 0, 0.5, 2}}, 2, 0},
    {NUMC_SCALAR_TANH, 1, {{-3, 0, 0.5, 2}}, 2, 0},
    {NUMC_SCALAR_ASINH, 1, {{-3, 0, 0.5, 2}}, 2, 0},
    {NUMC_SCALAR_ACOSH, 1, {{1.5, 2, 3, 9}}, 2, 0},
    {NUMC_SCALAR_ATANH, 1, {{-0.5, 0, 0.25, 0.625}}, 2, 0},
    {NUMC_SCALAR_LGAMMA, 1, {{-0.5, 0.5, 2, 9}}, 2, 0},
    {NUMC_SCALAR_DIGAMMA, 1, {{0.5, 1, 2, 9}}, 2, 0},
    {NUMC_SCALAR_TRIGAMMA, 1, {{0.5, 1, 2, 9}}, 2, 0},
    {NUMC_SCALAR_ERF, 1, {{-1.5, 0, 0.5, 2}}, 2, 0},
    {NUMC_SCALAR_ERFC, 1, {{-1.5, 0, 0.5, 2}}, 2, 0},
    {NUMC_SCALAR_ERFINV, 1, {{-0.5, 0, 0.25, 0.625}}, 2, 0},
    {NUMC_SCALAR_NDTR, 1, {{-1.5, 0, 0.5, 2}}, 2, 0},
    {NUMC_SCALAR_LOG_NDTR, 1, {{-3, 0, 0.5, 2}}, 2, 0},
    {NUMC_SCALAR_NDTRI, 1, {{0.25, 0.5, 0.625, 0.75}}, 2, 0},
    {NUMC_SCALAR_EXPIT, 1, {{-3, 0, 0.5, 2}}, 2, 0},
    {NUMC_SCALAR_LOGIT, 1, {{0.25, 0.5, 0.625, 0.75}}, 2, 0},
    {NUMC_SCALAR_SOFTPLUS, 1, {{-3, 0, 0.5, 2}}, 2, 0},
    {NUMC_SCALAR_LOG1MEXP, 1, {{-3, -1, -0.5, -0.25}}, 2, 0},
    {NUMC_SCALAR_ADD, 2, {{-1, 0, 0.5, 2}, {2, 3, -1, 0}}, 2, 0},
    {NUMC_SCALAR_SUBTRACT, 2, {{-1, 0, 0.5, 2}, {2, 3, -1, 0}}, 2, 0},
    {NUMC_SCALAR_MULTIPLY, 2, {{-1, 0, 0.5, 2}, {2, 3, -1, 0}}, 2, 0},
    {NUMC_SCALAR_DIVIDE, 2, {{-1, 0, 0.5, 2}, {2, 3, -1, 0.5}}, 2, 0},
    {NUMC_SCALAR_REMAINDER, 2, {{-1, 0.5, 7.5, 2.25}, {2, 3, -2, 0.875}}, 1, 0},
    {NUMC_SCALAR_POW, 2, {{0.5, 1, 2, 3}, {2, 3, -1, 0.5}}, 2, 0},
    {NUMC_SCALAR_ATAN2, 2, {{-1, 0.5, 0.5, 2}, {2, 3, -1, 0.5}}, 2, 0},
    {NUMC_SCALAR_HYPOT, 2, {{-1, 0.5, 0.5, 2}, {2, 3, -1, 0.5}}, 2, 0},
    {NUMC_SCALAR_LOGADDEXP, 2, {{-1, 0.5, 0.5, 20}, {2, 3, -1, 0.5}}, 2, 0},
    {NUMC_SCALAR_MAXIMUM, 2, {{-1, 0.5, 0.5, 2}, {2, 3, -1, 0.5}}, 2, 0},
    {NUMC_SCALAR_MINIMUM, 2, {{-1, 0.5, 0.5, 2}, {2, 3, -1, 0.5}}, 2, 0},
    {NUMC_SCALAR_COPYSIGN, 2, {{-1, 0.5, 0.5, 2}, {2, 3, -1, 0.5}}, 2, 0},
    {NUMC_SCALAR_NEXTAFTER, 2, {{-1, 0.5, 0.5, 2}, {2, 3, -1, 0.5}}, 1, 0},
    {NUMC_SCALAR_XLOGY, 2, {{-1, 0, 0.5, 2}, {2, 3, 1, 0.5}}, 2, 0},
    {NUMC_SCALAR_XLOG1PY, 2, {{-1, 0, 0.5, 2}, {2, 3, 1, -0.5}}, 2, 0},
    {NUMC_SCALAR_POLYGAMMA, 2, {{1, 2, 3, 1}, {2, 3, 1.5, 0.75}}, 2, 1},
    {NUMC_SCALAR_BETALN, 2, {{0.5, 1, 2, 3}, {2, 3, 1, 0.5}}, 2, 0},
    {NUMC_SCALAR_GAMMAINC, 2, {{0.75, 1, 2, 3}, {2, 3, 1, 0.5}}, 1, 0},
    {NUMC_SCALAR_GAMMAINCC, 2, {{0.75, 1, 2, 3}, {2, 3, 1, 0.5}}, 1, 0},
    {NUMC_SCALAR_GAMMAINC_DA, 2, {{0.75, 1, 2, 3}, {2, 3, 1, 0.5}}, 1, 1},
    {NUMC_SCALAR_GAMMAINCINV, 2, {{0.75, 1, 2, 3}, {0.25, 0.5, 0.625, 0.75}}, 1, 0},
    {NUMC_SCALAR_GAMMAINCCINV, 2, {{0.75, 1, 2, 3}, {0.25, 0.5, 0.625, 0.75}}, 1, 0},
    {NUMC_SCALAR_FMA, 3, {{-1, 0, 0.5, 2}, {2, 3, -1, 0}, {1, 2, 3, -4}}, 2, 0},
    {NUMC_SCALAR_BETAINC, 3, {{0.75, 1, 2, 3}, {2, 3, 1, 0.75}, {0.25, 0.5, 0.625, 0.75}}, 1, 0},
    {NUMC_SCALAR_BETAINC_DA, 3, {{0.75, 1, 2, 3}, {2, 3, 1, 0.75}, {0.25, 0.5, 0.625, 0.75}}, 1, 3},
    {NUMC_SCALAR_BETAINC_DB, 3, {{0.75, 1, 2, 3}, {2, 3, 1, 0.75}, {0.25, 0.5, 0.625, 0.75}}, 1, 3},
    {NUMC_SCALAR_BETAINCINV, 3, {{0.75, 1, 2, 3}, {2, 3, 1, 0.75}, {0.25, 0.5, 0.625, 0.75}}, 1, 0},
};

static numc_array *apply_scalar(numc_context *context, const scalar_case *c, const numc_array *const *in)
{
    const numc_array *operands[3];
    for (int32_t k = 0, next = 0; k < c->operands; k++)
        operands[k] = (c->fixed >> k & 1u) != 0 ? reals(context, NUMC_SHAPE(POINTS), c->x[k]) : in[next++];
    return numc__bind1(context, c->code, operands, c->operands, NULL);
}

static void scalar_body(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                        int32_t output_count, void *user)
{
    (void)input_count, (void)output_count;
    out[0] = apply_scalar(context, user, in);
}

static void elementwise_primitives(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    for (size_t i = 0; i < sizeof scalar_cases / sizeof *scalar_cases; i++) {
        const scalar_case *c = &scalar_cases[i];
        numc_scope(context) {
            const numc_array *x[3];
            int32_t count = 0;
            for (int32_t k = 0; k < c->operands; k++) {
                if ((c->fixed >> k & 1u) == 0)
                    x[count++] = reals(context, NUMC_SHAPE(POINTS), c->x[k]);
            }
            check_body(context, numc__primitive_name(c->code), scalar_body, (void *)(uintptr_t)c, x, count, 1, c->order);
        }
    }
    numc_close(context);
}

/* The rest: bodies over up to three arrays. */
typedef struct body_case {
    int32_t primitive;
    const char *name;
    numc_trace_fn body;
    int32_t inputs, outputs;
    numc_shape shapes[3];
    int order;
    int data; /* which data: 0 spread values, 1 with zeros, 2 positive definite */
} body_case;

static numc_array *bind_numbers(numc_context *context, int32_t primitive, const numc_array *const *in, int32_t count,
                                int32_t numbers, const int64_t *list)
{
    numc_attributes attributes = {.count = numbers, .numbers = list};
    return numc__bind1(context, primitive, in, count, &attributes);
}
#define NUMBERS(...) (int32_t)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__}
#define ONE(primitive, ...) UNUSED(); out[0] = bind_numbers(context, NUMC_PRIMITIVE_##primitive, in, input_count, NUMBERS(__VA_ARGS__));
/* so that the operation's rule sees a cotangent that varies: outputs are multiplied by themselves where asked */
#define SQUARED() out[0] = numc_multiply(out[0], out[0]);

BODY(convert) { UNUSED(); numc_attributes to = {.dtype = NUMC_FLOAT64}; out[0] = numc__bind1(context, NUMC_SCALAR_CONVERT, in, 1, &to); SQUARED() }
BODY(where)
{
    UNUSED();
    bool truths[3] = {true, false, true};
    const numc_array *condition = numc_from_host(context, NUMC_BOOL, NUMC_SHAPE(3), truths);
    out[0] = numc__bind1(context, NUMC_SCALAR_WHERE, (const numc_array *[]){condition, in[0], in[1]}, 3, NULL);
    SQUARED()
}
BODY(broadcast) { ONE(BROADCAST, 2, 3, 4) SQUARED() }
BODY(broadcast_ones) { ONE(BROADCAST, 2, 1, 4) SQUARED() }
BODY(powers)
{
    UNUSED();
    numc_array *squares = numc_pow(in[0], 2.0), *first = numc_pow(in[0], 1.0), *none = numc_pow(in[0], 0.0);
    out[0] = numc_add(numc_multiply(numc_pow(in[0], 3.0), squares), numc_multiply(first, none));
}
BODY(reshape) { ONE(RESHAPE, 2, 6) SQUARED() }
BODY(permute) { ONE(PERMUTE, 2, 0, 1) SQUARED() }
BODY(slice) { ONE(SLICE, 1, 0, 2, 2, 1, 3) SQUARED() }
BODY(slice_none) { ONE(SLICE, 1, 0, 0, 2, 1, 3) SQUARED() }
BODY(flip) { ONE(FLIP, 0, 1) SQUARED() }
BODY(pad) { ONE(PAD, 1, 0, 2, 0, 0, 3) SQUARED() }
BODY(concat) { ONE(CONCAT, 1) SQUARED() }
BODY(gather)
{
    UNUSED();
    const int64_t picks[4] = {3, 0, 0, 9}; /* 9 is clamped to the last */
    const numc_array *indices = numc_from_host(context, NUMC_INT64, NUMC_SHAPE(2, 2), picks);
    out[0] = bind_numbers(context, NUMC_PRIMITIVE_GATHER, (const numc_array *[]){in[0], indices}, 2, NUMBERS(1));
    SQUARED()
}
static void scatter(numc_context *context, const numc_array *const *in, numc_array **out, int64_t add)
{
    const int64_t picks[4] = {3, 0, 0, 9}; /* 9 is dropped; 0 is written twice */
    const numc_array *indices = numc_from_host(context, NUMC_INT64, NUMC_SHAPE(4), picks);
    out[0] = bind_numbers(context, NUMC_PRIMITIVE_SCATTER, (const numc_array *[]){in[0], indices, in[1]}, 3, NUMBERS(1, add));
    SQUARED()
}
BODY(scatter_set) { UNUSED(); scatter(context, in, out, 0); }
BODY(scatter_add) { UNUSED(); scatter(context, in, out, 1); }
BODY(reduce_sum) { ONE(REDUCE_SUM, 0, 2) SQUARED() }
BODY(reduce_prod) { ONE(REDUCE_PROD, 0, 2) }
BODY(reduce_max) { ONE(REDUCE_MAX, 0, 2) SQUARED() }
BODY(reduce_min) { ONE(REDUCE_MIN, 0, 2) SQUARED() }
BODY(cumulative_sum) { ONE(CUMULATIVE_SUM, 1, 0) SQUARED() }
BODY(cumulative_sum_back) { ONE(CUMULATIVE_SUM, 1, 1) SQUARED() }
BODY(cumulative_prod) { ONE(CUMULATIVE_PROD, 1, 0) }
BODY(cumulative_prod_back) { ONE(CUMULATIVE_PROD, 0, 1) }
BODY(cumulative_max) { ONE(CUMULATIVE_MAX, 1, 0) SQUARED() }
BODY(cumulative_max_back) { ONE(CUMULATIVE_MAX, 1, 1) SQUARED() }
static void sort_body(numc_context *context, const numc_array *const *in, numc_array **out, int64_t axis, int64_t descending)
{
    numc_attributes attributes = {.count = 2, .numbers = (const int64_t[]){axis, descending}};
    numc__bind(context, NUMC_PRIMITIVE_SORT, in, 1, &attributes, out, 2);
    out[0] = numc_multiply(out[0], numc_cumulative_sum(out[0], NUMC_AXIS(axis)));
}
BODY(sort) { UNUSED(); sort_body(context, in, out, 1, 0); }
BODY(sort_down) { UNUSED(); sort_body(context, in, out, 0, 1); }
/* complex in and out: in[0] + i in[1], then something of both parts */
static void transform_parts(numc_context *context, int32_t primitive, const numc_array *const *in, numc_array **out, int32_t count,
                            const int64_t *list)
{
    numc_array *z = primitive == NUMC_PRIMITIVE_RFFT ? (numc_array *)(uintptr_t)in[0] : numc_complex(in[0], in[1]);
    numc_array *y = bind_numbers(context, primitive, (const numc_array *[]){z}, 1, count, list);
    if (primitive == NUMC_PRIMITIVE_IRFFT)
        out[0] = numc_multiply(y, y);
    else
        out[0] = numc_multiply(numc_real(y), numc_add(numc_imag(y), 1.0));
}
BODY(fft) { UNUSED(); transform_parts(context, NUMC_PRIMITIVE_FFT, in, out, NUMBERS(1, -1)); }
BODY(fft_back) { UNUSED(); transform_parts(context, NUMC_PRIMITIVE_FFT, in, out, NUMBERS(0, 1)); }
BODY(rfft) { UNUSED(); transform_parts(context, NUMC_PRIMITIVE_RFFT, in, out, NUMBERS(1)); }
BODY(irfft_even) { UNUSED(); transform_parts(context, NUMC_PRIMITIVE_IRFFT, in, out, NUMBERS(1, 4)); }
BODY(irfft_odd) { UNUSED(); transform_parts(context, NUMC_PRIMITIVE_IRFFT, in, out, NUMBERS(0, 5)); }
BODY(matmul) { UNUSED(); out[0] = numc__bind1(context, NUMC_PRIMITIVE_MATMUL, in, 2, NULL); SQUARED() }
BODY(cholesky) { UNUSED(); out[0] = numc__bind1(context, NUMC_PRIMITIVE_CHOLESKY, in, 1, NULL); SQUARED() }
BODY(cholesky_inverse) { UNUSED(); out[0] = numc__bind1(context, NUMC_PRIMITIVE_CHOLESKY_INVERSE, in, 1, NULL); SQUARED() }
BODY(solve_lower) { ONE(TRIANGULAR_SOLVE, 0, 0, 0) SQUARED() }
BODY(solve_lower_t) { ONE(TRIANGULAR_SOLVE, 0, 1, 0) SQUARED() }
BODY(solve_upper) { ONE(TRIANGULAR_SOLVE, 1, 0, 0) SQUARED() }
BODY(solve_upper_t_unit) { ONE(TRIANGULAR_SOLVE, 1, 1, 1) SQUARED() }
BODY(lu)
{
    UNUSED();
    numc__bind(context, NUMC_PRIMITIVE_LU, in, 1, NULL, out, 3);
    SQUARED()
}
BODY(qr)
{
    UNUSED();
    numc__bind(context, NUMC_PRIMITIVE_QR, in, 1, &(numc_attributes){.count = 1, .numbers = (const int64_t[]){0}}, out, 2);
}
static void factor_body(numc_context *context, int32_t primitive, int64_t number, const numc_array *const *in, numc_array **out,
                        int32_t count)
{
    numc__bind(context, primitive, in, 1, &(numc_attributes){.count = 1, .numbers = &number}, out, count);
    for (int32_t i = 0; i < count; i++) /* signs of vectors are no function */
        out[i] = numc_multiply(out[i], out[i]);
}
BODY(eigvalsh) { UNUSED(); factor_body(context, NUMC_PRIMITIVE_EIGH, 0, in, out, 1); }
BODY(eigh) { UNUSED(); factor_body(context, NUMC_PRIMITIVE_EIGH, 1, in, out, 2); }
BODY(eig)
{
    UNUSED();
    numc_array *y[2] = {NULL, NULL};
    numc__bind(context, NUMC_PRIMITIVE_EIG, in, 1, &(numc_attributes){.count = 1, .numbers = (const int64_t[]){1}}, y, 2);
    out[0] = numc_real(y[0]);
    out[1] = numc_imag(y[0]);
    out[2] = numc_square(numc_real(y[1]));
}
BODY(svdvals) { UNUSED(); factor_body(context, NUMC_PRIMITIVE_SVD, 0, in, out, 1); }
BODY(svd) { UNUSED(); factor_body(context, NUMC_PRIMITIVE_SVD, 1, in, out, 3); }
static void add_times(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                      int32_t output_count, void *user)
{
    UNUSED();
    out[0] = numc_add(numc_multiply(in[0], in[1]), 1.0);
}
static void divide_by(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                      int32_t output_count, void *user)
{
    UNUSED();
    out[0] = numc_divide(in[0], numc_add(numc_square(in[1]), 1.0));
}
BODY(cond)
{
    UNUSED();
    numc_array *yes[1], *no[1];
    numc_array *positive = numc_greater(numc_sum(in[0]), 0.0);
    numc_cond(positive, add_times, divide_by, NULL, in, 2, yes, 1);
    numc_cond(numc_logical_not(positive), add_times, divide_by, NULL, in, 2, no, 1);
    out[0] = numc_multiply(yes[0], no[0]);
}
BODY(parts)
{
    UNUSED();
    numc_array *z = numc_complex(in[0], numc_sin(in[1]));
    z = numc_multiply(numc_multiply(z, z), numc_conj(numc_add(z, 0.5)));
    out[0] = numc_add(numc_real(z), numc_multiply(numc_imag(z), 3.0));
}
BODY(scan_step)
{
    UNUSED();
    out[0] = numc_add(numc_multiply(in[0], numc_sin(in[1])), in[1]);
    out[1] = numc_square(out[0]);
}
BODY(scan)
{
    UNUSED();
    numc_scan(context, body_scan_step, NULL, in, 1, in + 1, 1, out, 1);
}
BODY(scan_back)
{
    UNUSED();
    numc_scan(context, body_scan_step, NULL, in, 1, in + 1, 1, out, 1, .reverse = true);
}

/* x sin y with its derivative written by hand */
BODY(x_sin_y) { UNUSED(); out[0] = numc_multiply(in[0], numc_sin(in[1])); }
BODY(x_sin_y_jvp)
{
    UNUSED();
    out[0] = numc_add(numc_multiply(in[3], numc_sin(in[1])), numc_multiply(in[4], numc_multiply(in[0], numc_cos(in[1]))));
}
BODY(custom)
{
    UNUSED();
    numc_function *plain = numc_function_trace(context, body_x_sin_y, NULL, in, 2, 1);
    numc_function *f = numc_function_custom_jvp(context, plain, body_x_sin_y_jvp, NULL);
    numc_function_call(context, f, in, 2, out, 1);
    SQUARED()
}

#define S(...) {(const int64_t[]){__VA_ARGS__}, (int32_t)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), true}
#define S0 {NULL, 0, true}
static const body_case body_cases[] = {
    {NUMC_SCALAR_CONVERT, "convert", body_convert, 1, 1, {S(3)}, 2, 0},
    {NUMC_SCALAR_POW, "constant powers", body_powers, 1, 1, {S(3)}, 3, 1},
    {NUMC_SCALAR_WHERE, "where", body_where, 2, 1, {S(3), S(3)}, 2, 0},
    {NUMC_PRIMITIVE_BROADCAST, "broadcast", body_broadcast, 1, 1, {S(3, 1)}, 2, 0},
    {NUMC_PRIMITIVE_BROADCAST, "broadcast of ones", body_broadcast_ones, 1, 1, {S(1, 1)}, 2, 0},
    {NUMC_PRIMITIVE_RESHAPE, "reshape", body_reshape, 1, 1, {S(3, 4)}, 2, 0},
    {NUMC_PRIMITIVE_PERMUTE, "permute", body_permute, 1, 1, {S(2, 3, 2)}, 2, 0},
    {NUMC_PRIMITIVE_SLICE, "slice", body_slice, 1, 1, {S(3, 4)}, 2, 0},
    {NUMC_PRIMITIVE_SLICE, "empty slice", body_slice_none, 1, 1, {S(3, 4)}, 1, 0},
    {NUMC_PRIMITIVE_FLIP, "flip", body_flip, 1, 1, {S(3, 4)}, 2, 0},
    {NUMC_PRIMITIVE_PAD, "pad", body_pad, 2, 1, {S(2, 3), S0}, 2, 0},
    {NUMC_PRIMITIVE_CONCAT, "concat", body_concat, 3, 1, {S(2, 1), S(2, 3), S(2, 2)}, 2, 0},
    {NUMC_PRIMITIVE_GATHER, "gather", body_gather, 1, 1, {S(2, 4, 2)}, 2, 0},
    {NUMC_PRIMITIVE_SCATTER, "scatter set", body_scatter_set, 2, 1, {S(2, 4, 2), S(2, 4, 2)}, 2, 0},
    {NUMC_PRIMITIVE_SCATTER, "scatter add", body_scatter_add, 2, 1, {S(2, 4, 2), S(2, 4, 2)}, 2, 0},
    {NUMC_PRIMITIVE_REAL, "real", body_parts, 2, 1, {S(3), S(3)}, 2, 0},
    {NUMC_PRIMITIVE_IMAG, "imag", body_parts, 2, 1, {S(3), S(3)}, 2, 0},
    {NUMC_PRIMITIVE_COMPLEX, "complex", body_parts, 2, 1, {S(3), S(3)}, 2, 0},
    {NUMC_PRIMITIVE_REDUCE_SUM, "reduce_sum", body_reduce_sum, 1, 1, {S(2, 3, 2)}, 2, 0},
    {NUMC_PRIMITIVE_REDUCE_PROD, "reduce_prod", body_reduce_prod, 1, 1, {S(2, 3, 2)}, 2, 0},
    {NUMC_PRIMITIVE_REDUCE_PROD, "reduce_prod with zeros", body_reduce_prod, 1, 1, {S(2, 3, 2)}, 3, 1},
    {NUMC_PRIMITIVE_REDUCE_MAX, "reduce_max", body_reduce_max, 1, 1, {S(2, 3, 2)}, 2, 0},
    {NUMC_PRIMITIVE_REDUCE_MIN, "reduce_min", body_reduce_min, 1, 1, {S(2, 3, 2)}, 2, 0},
    {NUMC_PRIMITIVE_CUMULATIVE_SUM, "cumulative_sum", body_cumulative_sum, 1, 1, {S(2, 4)}, 2, 0},
    {NUMC_PRIMITIVE_CUMULATIVE_SUM, "cumulative_sum reverse", body_cumulative_sum_back, 1, 1, {S(2, 4)}, 2, 0},
    {NUMC_PRIMITIVE_CUMULATIVE_PROD, "cumulative_prod", body_cumulative_prod, 1, 1, {S(2, 4)}, 2, 1},
    {NUMC_PRIMITIVE_CUMULATIVE_PROD, "cumulative_prod reverse", body_cumulative_prod_back, 1, 1, {S(3, 2)}, 2, 1},
    {NUMC_PRIMITIVE_CUMULATIVE_MAX, "cumulative_max", body_cumulative_max, 1, 1, {S(2, 4)}, 2, 0},
    {NUMC_PRIMITIVE_CUMULATIVE_MAX, "cumulative_max reverse", body_cumulative_max_back, 1, 1, {S(2, 4)}, 2, 0},
    {NUMC_PRIMITIVE_SORT, "sort", body_sort, 1, 2, {S(2, 4)}, 2, 0},
    {NUMC_PRIMITIVE_SORT, "sort descending", body_sort_down, 1, 2, {S(4, 2)}, 2, 0},
    {NUMC_PRIMITIVE_FFT, "fft", body_fft, 2, 1, {S(2, 5), S(2, 5)}, 2, 0},
    {NUMC_PRIMITIVE_FFT, "fft back", body_fft_back, 2, 1, {S(4, 2), S(4, 2)}, 2, 0},
    {NUMC_PRIMITIVE_RFFT, "rfft even", body_rfft, 1, 1, {S(2, 6)}, 2, 0},
    {NUMC_PRIMITIVE_RFFT, "rfft odd", body_rfft, 1, 1, {S(2, 5)}, 2, 0},
    {NUMC_PRIMITIVE_IRFFT, "irfft even", body_irfft_even, 2, 1, {S(2, 3), S(2, 3)}, 2, 0},
    {NUMC_PRIMITIVE_IRFFT, "irfft odd", body_irfft_odd, 2, 1, {S(3, 2), S(3, 2)}, 2, 0},
    {NUMC_PRIMITIVE_MATMUL, "matmul", body_matmul, 2, 1, {S(2, 2, 3), S(2, 3, 2)}, 2, 0},
    {NUMC_PRIMITIVE_CHOLESKY, "cholesky", body_cholesky, 1, 1, {S(2, 3, 3)}, 2, 2},
    {NUMC_PRIMITIVE_CHOLESKY_INVERSE, "cholesky inverse", body_cholesky_inverse, 1, 1, {S(2, 3, 3)}, 2, 2},
    {NUMC_PRIMITIVE_TRIANGULAR_SOLVE, "solve lower", body_solve_lower, 2, 1, {S(2, 3, 3), S(2, 3, 2)}, 2, 2},
    {NUMC_PRIMITIVE_TRIANGULAR_SOLVE, "solve lower transposed", body_solve_lower_t, 2, 1, {S(3, 3), S(3, 2)}, 2, 2},
    {NUMC_PRIMITIVE_TRIANGULAR_SOLVE, "solve upper", body_solve_upper, 2, 1, {S(3, 3), S(3, 2)}, 2, 2},
    {NUMC_PRIMITIVE_TRIANGULAR_SOLVE, "solve upper transposed unit", body_solve_upper_t_unit, 2, 1, {S(3, 3), S(3, 2)}, 2, 0},
    {NUMC_PRIMITIVE_LU, "lu", body_lu, 1, 3, {S(2, 3, 3)}, 2, 3},
    {NUMC_PRIMITIVE_QR, "qr", body_qr, 1, 2, {S(2, 4, 3)}, 2, 2},
    {NUMC_PRIMITIVE_QR, "square qr", body_qr, 1, 2, {S(3, 3)}, 2, 2},
    {NUMC_PRIMITIVE_QR, "wide qr", body_qr, 1, 2, {S(2, 2, 4)}, 2, 2},
    {NUMC_PRIMITIVE_EIGH, "eigvalsh", body_eigvalsh, 1, 1, {S(2, 3, 3)}, 2, 4},
    {NUMC_PRIMITIVE_EIGH, "eigh", body_eigh, 1, 2, {S(3, 3)}, 2, 4},
    {NUMC_PRIMITIVE_EIG, "eig", body_eig, 1, 3, {S(2, 3, 3)}, 2, 4},
    {NUMC_PRIMITIVE_SVD, "svdvals", body_svdvals, 1, 1, {S(3, 4)}, 2, 4},
    {NUMC_PRIMITIVE_SVD, "square svd", body_svd, 1, 3, {S(3, 3)}, 2, 4},
    {NUMC_PRIMITIVE_SVD, "tall svd", body_svd, 1, 3, {S(2, 4, 3)}, 2, 4},
    {NUMC_PRIMITIVE_SVD, "wide svd", body_svd, 1, 3, {S(3, 4)}, 1, 4},
    {NUMC_PRIMITIVE_COND, "cond", body_cond, 2, 1, {S(3), S(3)}, 2, 0},
    {NUMC_PRIMITIVE_SCAN, "scan", body_scan, 2, 2, {S(2), S(4, 2)}, 2, 0},
    {NUMC_PRIMITIVE_CUSTOM, "custom", body_custom, 2, 1, {S(3), S(3)}, 2, 0},
    {NUMC_PRIMITIVE_SCAN, "scan reverse", body_scan_back, 2, 2, {S(2), S(4, 2)}, 2, 0},
};

/* Distinct values in +-(0.25, 2), well apart so that no order changes within the steps of a difference. */
static numc_array *spread_values(numc_context *context, const numc_shape *shape, int kind, int which)
{
    double data[32];
    int64_t size = 1;
    for (int32_t i = 0; i < shape->count; i++)
        size *= shape->values[i];
    for (int64_t i = 0; i < size; i++) {
        int64_t place = (7 * i + 3 * which) % 13; /* a permutation of 0..12, plus an offset per turn */
        data[i] = 0.25 + 0.125 * (double)place + 0.03125 * (double)which;
        if ((i + which) % 3 == 1)
            data[i] = -data[i];
        if (kind == 1 && i % 4 == 2)
            data[i] = 0.0;
    }
    int64_t n = shape->count >= 2 ? shape->values[shape->count - 1] : 0;
    /* a dominant diagonal; for lu on scrambled rows, so that its permutation is not the identity */
    int64_t m = shape->count >= 2 ? shape->values[shape->count - 2] : 0;
    for (int64_t i = 0; kind >= 2 && which == 0 && i < size; i++) {
        int64_t row = i / n % m, column = i % n;
        if (kind == 4) /* eigenvalues and singular values about 3 apart */
            data[i] = 0.25 * data[i] + (column == row ? 3.0 * (double)(row + 1) : 0.0);
        else if (column == (kind == 3 ? (row + 1) % n : row))
            data[i] += 4.0;
    }
    return reals(context, *shape, data);
}

static void structural_primitives(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    for (size_t i = 0; i < sizeof body_cases / sizeof *body_cases; i++) {
        const body_case *c = &body_cases[i];
        numc_scope(context) {
            const numc_array *x[3];
            for (int32_t k = 0; k < c->inputs; k++)
                x[k] = spread_values(context, &c->shapes[k], c->data, k);
            check_body(context, c->name, c->body, NULL, x, c->inputs, c->outputs, c->order);
        }
    }
    numc_close(context);
}

/* ---- the table is complete --------------------------------------------------------------------------------------- */

static bool graph_has(const numc_graph *graph, int32_t primitive)
{
    for (int32_t i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i].primitive == primitive)
            return true;
    }
    return false;
}

static bool has_case(numc_context *context, int32_t primitive)
{
    for (size_t i = 0; i < sizeof scalar_cases / sizeof *scalar_cases; i++) {
        if (scalar_cases[i].code == primitive)
            return true;
    }
    for (size_t i = 0; i < sizeof body_cases / sizeof *body_cases; i++) {
        const body_case *c = &body_cases[i];
        if (c->primitive != primitive)
            continue;
        bool found = false;
        numc_scope(context) {
            const numc_array *x[3];
            for (int32_t k = 0; k < c->inputs; k++)
                x[k] = spread_values(context, &c->shapes[k], c->data, k);
            numc_graph *graph = trace_like(context, c->body, NULL, x, c->inputs, c->outputs);
            ASSERT_FINE(context);
            found = graph_has(graph, primitive);
            numc__graph_release(graph);
        }
        if (found)
            return true;
    }
    /* the draws have tests of their own below; a while has no reverse mode, its forward mode is in test_loops.c; a function in C
     * has what derivatives it is given, in test_external.c */
    return primitive == NUMC_SCALAR_RANDOM_GAMMA || primitive == NUMC_SCALAR_RANDOM_LOGGAMMA || primitive == NUMC_PRIMITIVE_WHILE ||
           primitive == NUMC_PRIMITIVE_EXTERNAL;
}

static void every_primitive_has_a_rule_and_a_case(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    static const int32_t all[] = {
#define NUMC_X(code, upper, lower, arity, operands, result) NUMC_SCALAR_##upper,
        NUMC_SCALAR_TABLE(NUMC_X)
#undef NUMC_X
#define NUMC_X(upper, lower, inputs, outputs) NUMC_PRIMITIVE_##upper,
        NUMC_STRUCTURAL_TABLE(NUMC_X)
#undef NUMC_X
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const numc_rule *rule = numc__rule_of(all[i]);
        const char *name = numc__primitive_name(all[i]);
        if (rule == NULL)
            fail_msg("%s has neither a derivative rule nor a reason", name);
        if (rule->zero != NULL) {
            assert_true(rule->partial == NULL && rule->jvp == NULL && rule->vjp == NULL && strlen(rule->zero) > 8);
            continue;
        }
        assert_true((rule->partial != NULL) != (rule->jvp != NULL && rule->vjp != NULL));
        assert_true(rule->missing_operands == 0 || rule->missing != NULL);
        if (!has_case(context, all[i]))
            fail_msg("%s has a derivative rule and no test case", name);
    }
    assert_null(numc__rule_of(0));
    assert_null(numc__rule_of(NUMC_PRIMITIVE_LIMIT));
    numc_close(context);
}

/* ---- single values ----------------------------------------------------------------------------------------------- */

/* Gradient of the sum of a one-operation body at given points; other operands may be fixed. */
static void gradient_of(numc_context *context, numc_trace_fn body, void *user, const numc_array *const *x, int32_t inputs,
                        double *result)
{
    numc_graph *graph = trace_like(context, body, user, x, inputs, 1);
    ASSERT_FINE(context);
    numc_graph *gradient = numc__graph_value_and_gradient(context, graph, NULL);
    ASSERT_FINE(context);
    numc_array *out[8];
    run_graph(context, gradient, x, inputs, out);
    for (int32_t i = 0, at = 0; i < inputs; i++) {
        numc_type type = numc__type_of(x[i]);
        assert_int_equal(numc_to_host(out[1 + i], NUMC_FLOAT64, result + at, (size_t)type_size(&type) * sizeof(double)), NUMC_OK);
        at += (int32_t)type_size(&type);
    }
    numc__graph_release(graph);
    numc__graph_release(gradient);
}

typedef struct edge {
    int32_t code;
    double x[3];
    double slope[3];
} edge;
#define INF INFINITY
static const edge edges[] = {
    {NUMC_SCALAR_ABS, {0.0}, {0.0}},
    {NUMC_SCALAR_SQRT, {0.0}, {INF}},
    {NUMC_SCALAR_TANH, {1000.0}, {0.0}},
    {NUMC_SCALAR_TANH, {-1000.0}, {0.0}},
    {NUMC_SCALAR_TANH, {0.0}, {1.0}},
    {NUMC_SCALAR_EXPIT, {-800.0}, {0.0}},
    {NUMC_SCALAR_EXPIT, {800.0}, {0.0}},
    {NUMC_SCALAR_SOFTPLUS, {800.0}, {1.0}},
    {NUMC_SCALAR_LOG_NDTR, {-1e10}, {1e10}},
    {NUMC_SCALAR_LOG_NDTR, {40.0}, {0.0}},
    {NUMC_SCALAR_POW, {0.0, 2.0}, {0.0, 0.0}},
    {NUMC_SCALAR_POW, {0.0, 1.0}, {1.0, 0.0}},
    {NUMC_SCALAR_POW, {0.0, 0.0}, {0.0, 0.0}},
    {NUMC_SCALAR_HYPOT, {0.0, 0.0}, {0.0, 0.0}},
    {NUMC_SCALAR_ATAN2, {0.0, 0.0}, {0.0, 0.0}},
    {NUMC_SCALAR_LOGADDEXP, {-INF, -INF}, {0.5, 0.5}},
    {NUMC_SCALAR_LOGADDEXP, {-INF, 1.0}, {0.0, 1.0}},
    {NUMC_SCALAR_LOGADDEXP, {2.0, 2.0}, {0.5, 0.5}},
    {NUMC_SCALAR_MAXIMUM, {2.0, 2.0}, {0.5, 0.5}},
    {NUMC_SCALAR_MINIMUM, {2.0, 2.0}, {0.5, 0.5}},
    {NUMC_SCALAR_XLOGY, {0.0, 0.0}, {0.0, 0.0}},
    {NUMC_SCALAR_XLOGY, {0.0, 1.0}, {0.0, 0.0}},
    {NUMC_SCALAR_XLOG1PY, {0.0, -1.0}, {0.0, 0.0}},
    {NUMC_SCALAR_GAMMAINC, {2.0, 0.0}, {0.0, 0.0}},
    {NUMC_SCALAR_GAMMAINC, {1.0, 0.0}, {0.0, 1.0}},
};

static void edge_body(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                      int32_t output_count, void *user)
{
    (void)output_count;
    const edge *e = user;
    out[0] = numc__bind1(context, e->code, in, input_count, NULL);
}

static void slopes_where_a_factor_is_not_finite(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        const edge *e = &edges[i];
        int32_t arity = e->code < 100 ? 1 : 2;
        numc_scope(context) {
            const numc_array *x[3];
            double slope[3];
            for (int32_t k = 0; k < arity; k++)
                x[k] = reals(context, NUMC_SCALAR, &e->x[k]);
            gradient_of(context, edge_body, (void *)(uintptr_t)e, x, arity, slope);
            for (int32_t k = 0; k < arity; k++) {
                /* one to a few roundings, except for log_ndtr's four terms */
                if (!(slope[k] == e->slope[k] || fabs(slope[k] - e->slope[k]) <= 1e-14 * fabs(e->slope[k])))
                    fail_msg("%s at (%g, %g), operand %d: slope %.17g instead of %g", numc__primitive_name(e->code), e->x[0],
                             e->x[1], k, slope[k], e->slope[k]);
            }
        }
    }
    numc_close(context);
}

/* phi / Phi at -1000 and -30 against the continued fraction of Mills' ratio, which is far from either formula. */
BODY(log_ndtr) { UNUSED(); out[0] = numc__bind1(context, NUMC_SCALAR_LOG_NDTR, in, 1, NULL); }
static void slope_of_log_ndtr_far_out(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const double points[4] = {-30, -99.9, -100.1, -1000};
    for (int i = 0; i < 4; i++) {
        numc_scope(context) {
            const numc_array *x = reals(context, NUMC_SCALAR, &points[i]);
            double slope, t = -points[i], fraction = t;
            gradient_of(context, body_log_ndtr, NULL, &x, 1, &slope);
            for (int k = 60; k > 0; k--) /* t + 1/(t + 2/(t + 3/(t + ...))) */
                fraction = t + k / fraction;
            /* the direct form cancels exponents of size t^2 / 2 */
            double tolerance = (t < 100 ? t * t : 8.0) * 0x1p-52 * 4.0;
            if (!(fabs(slope / fraction - 1.0) <= tolerance))
                fail_msg("at %g: %.17g instead of %.17g", points[i], slope, fraction);
        }
    }
    numc_close(context);
}

BODY(sum_max) { UNUSED(); out[0] = numc_max(in[0]); }
BODY(sum_min) { UNUSED(); out[0] = numc_min(in[0]); }
static void ties_share(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x = reals(context, NUMC_SHAPE(4), DOUBLES(3, 1, 3, 1));
    double slope[4];
    gradient_of(context, body_sum_max, NULL, &x, 1, slope);
    assert_true(slope[0] == 0.5 && slope[1] == 0.0 && slope[2] == 0.5 && slope[3] == 0.0);
    gradient_of(context, body_sum_min, NULL, &x, 1, slope);
    assert_true(slope[0] == 0.0 && slope[1] == 0.5 && slope[2] == 0.0 && slope[3] == 0.5);
    numc_close(context);
}

BODY(stopped) { UNUSED(); out[0] = numc_sum(numc_multiply(numc_stop_gradient(in[0]), in[0])); }
static void stop_gradient_stops(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x = reals(context, NUMC_SHAPE(2), DOUBLES(3, 5));
    double slope[2];
    gradient_of(context, body_stopped, NULL, &x, 1, slope);
    assert_true(slope[0] == 3.0 && slope[1] == 5.0);
    numc_close(context);
}

/* Piecewise constant operations have a zero derivative in both modes, and integers no derivative at all. */
BODY(flat)
{
    UNUSED();
    const numc_array *x = in[0];
    numc_array *parts[] = {
        numc_sign(x), numc_floor(x), numc_ceil(x), numc_trunc(x), numc_round(x), numc_floor_divide(x, 0.75),
        numc_where(numc_less(x, 0.5), 1.0, 2.0), numc_astype(numc_astype(x, NUMC_INT64), NUMC_FLOAT64),
        numc_astype(numc_argmax(x, NUMC_AXIS(0)), NUMC_FLOAT64), numc_astype(numc_isfinite(x), NUMC_FLOAT64),
    };
    out[0] = NULL;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        out[0] = i == 0 ? numc_sum(parts[i]) : numc_add(out[0], numc_sum(parts[i]));
}
static void flat_operations_have_no_slope(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x = reals(context, NUMC_SHAPE(3), DOUBLES(-1.25, 0.375, 2.625));
    check_body(context, "flat", body_flat, NULL, &x, 1, 1, 2);
    double slope[3];
    gradient_of(context, body_flat, NULL, &x, 1, slope);
    assert_true(slope[0] == 0.0 && slope[1] == 0.0 && slope[2] == 0.0);
    numc_close(context);
}

BODY(narrow) { UNUSED(); out[0] = numc_square(numc_astype(in[0], NUMC_FLOAT32)); }
static void conversion_takes_the_cotangent_back_to_its_dtype(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x = reals(context, NUMC_SHAPE(2), DOUBLES(0.5, 3));
    numc_graph *graph = trace_like(context, body_narrow, NULL, &x, 1, 1);
    numc_graph *backward = numc__graph_vjp(context, graph, NULL);
    assert_non_null(backward);
    assert_int_equal(numc__graph_input_type(backward, 1)->dtype, NUMC_FLOAT32);
    assert_int_equal(numc__graph_output_type(backward, 1)->dtype, NUMC_FLOAT64);
    double bar[2];
    run_derived(context, backward, &x, 1, DOUBLES(1, 2), 1, bar);
    assert_true(bar[0] == 1.0 && bar[1] == 12.0);
    numc__graph_release(graph);
    numc__graph_release(backward);
    numc_close(context);
}

/* ---- draws ------------------------------------------------------------------------------------------------------- */

/* With u = P(a, g) held, g = P^-1(a, u): the slope is the difference quotient of the quantile, whatever the sampler did. */
#define DRAWS 6
static const numc_array *draw_keys(numc_context *context, bool counter)
{
    uint64_t values[DRAWS];
    for (uint64_t i = 0; i < DRAWS; i++)
        values[i] = counter ? i : UINT64_C(0x0123456789abcdef);
    return numc_from_host(context, NUMC_UINT64, NUMC_SHAPE(DRAWS), values);
}
static numc_array *draw_with(numc_context *context, int32_t code, const numc_array *a)
{
    numc_attributes attributes = {.dtype = NUMC_FLOAT64};
    return numc__bind1(context, code, (const numc_array *[]){draw_keys(context, false), draw_keys(context, true), a}, 3, &attributes);
}
BODY(gamma) { UNUSED(); out[0] = draw_with(context, NUMC_SCALAR_RANDOM_GAMMA, in[0]); }
BODY(loggamma) { UNUSED(); out[0] = draw_with(context, NUMC_SCALAR_RANDOM_LOGGAMMA, in[0]); }

static double quantile(numc_context *context, double a, double u)
{
    double g = NAN;
    numc_scope(context) {
        const numc_array *x[2] = {reals(context, NUMC_SCALAR, &a), reals(context, NUMC_SCALAR, &u)};
        g = numc_item(numc__bind1(context, NUMC_SCALAR_GAMMAINCINV, x, 2, NULL));
    }
    return g;
}

static void gamma_draws_move_with_their_shape(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const double shapes[DRAWS] = {0.4, 0.75, 1.0, 2.5, 10.0, 40.0};
    const numc_array *a = reals(context, NUMC_SHAPE(DRAWS), shapes);
    for (int log_form = 0; log_form < 2; log_form++) {
        numc_graph *graph = trace_like(context, log_form ? body_loggamma : body_gamma, NULL, &a, 1, 1);
        numc_graph *forward = numc__graph_jvp(context, graph, NULL), *backward = numc__graph_vjp(context, graph, NULL);
        ASSERT_FINE(context);
        double y[DRAWS], dy[DRAWS], bar[DRAWS], ones[DRAWS] = {1, 1, 1, 1, 1, 1};
        evaluate(context, graph, &a, 0.0, ones, y);
        run_derived(context, forward, &a, 1, ones, 1, dy);
        run_derived(context, backward, &a, 1, ones, 1, bar);
        for (int i = 0; i < DRAWS; i++) {
            double g = log_form ? exp(y[i]) : y[i];
            const numc_array *x[2] = {reals(context, NUMC_SCALAR, &shapes[i]), reals(context, NUMC_SCALAR, &g)};
            double u = numc_item(numc__bind1(context, NUMC_SCALAR_GAMMAINC, x, 2, NULL));
            double h = shapes[i] * 0x1p-8;
            double wide = (quantile(context, shapes[i] + h, u) - quantile(context, shapes[i] - h, u)) / (2 * h);
            double near = (quantile(context, shapes[i] + h / 2, u) - quantile(context, shapes[i] - h / 2, u)) / h;
            double slope = (4 * near - wide) / 3, tolerance = fabs(near - wide) * 0.01 + 1e-9 * fabs(slope);
            if (log_form) {
                slope /= g;
                tolerance /= g;
            }
            /* h^4 left of the extrapolation, and the quantile's own 1e-12 over h */
            if (!(fabs(dy[i] - slope) <= tolerance) || dy[i] != bar[i])
                fail_msg("a %g, draw %.17g: slopes %.17g, %.17g, difference %.17g", shapes[i], y[i], dy[i], bar[i], slope);
        }
        numc__graph_release(graph);
        numc__graph_release(forward);
        numc__graph_release(backward);
    }
    numc_close(context);
}

/* A tiny shape, whose draws underflow: dl/da = (digamma(a + 1) - l) / a there. */
static void loggamma_draws_of_a_tiny_shape(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const double shapes[DRAWS] = {1e-3, 1e-3, 1e-3, 1e-3, 1e-4, 1e-4};
    const numc_array *a = reals(context, NUMC_SHAPE(DRAWS), shapes);
    numc_graph *graph = trace_like(context, body_loggamma, NULL, &a, 1, 1);
    numc_graph *forward = numc__graph_jvp(context, graph, NULL);
    ASSERT_FINE(context);
    double l[DRAWS], dl[DRAWS], ones[DRAWS] = {1, 1, 1, 1, 1, 1};
    evaluate(context, graph, &a, 0.0, ones, l);
    run_derived(context, forward, &a, 1, ones, 1, dl);
    int far = 0;
    for (int i = 0; i < DRAWS; i++) {
        if (l[i] > -37)
            continue;
        far++;
        /* digamma(1 + a) = -gamma + pi^2/6 a - ..., next term 1.2 a^2 <= 1.2e-6, against l of at least 37 */
        double digamma = -0.57721566490153286 + 1.6449340668482264 * shapes[i];
        assert_true(fabs(dl[i] * shapes[i] / (digamma - l[i]) - 1.0) <= 1e-7);
    }
    assert_true(far >= 4);
    numc__graph_release(graph);
    numc__graph_release(forward);
    numc_close(context);
}

/* ---- what has no derivative -------------------------------------------------------------------------------------- */

BODY(gammainc) { UNUSED(); out[0] = numc__bind1(context, NUMC_SCALAR_GAMMAINC, in, 2, NULL); }
BODY(polygamma) { UNUSED(); out[0] = numc__bind1(context, NUMC_SCALAR_POLYGAMMA, in, 2, NULL); }
static void missing_derivatives_say_why(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    const numc_array *x[2] = {reals(context, NUMC_SCALAR, DOUBLES(2)), reals(context, NUMC_SCALAR, DOUBLES(1))};
    numc_graph *graph = trace_like(context, body_gammainc, NULL, x, 2, 1);
    numc_graph *once = numc__graph_value_and_gradient(context, graph, NULL);
    ASSERT_FINE(context);
    assert_null(numc__graph_vjp(context, once, NULL));
    assert_int_equal(numc_error_status(context), NUMC_UNSUPPORTED);
    assert_non_null(strstr(numc_error_message(context), "gammainc_da in operand 1"));
    assert_non_null(strstr(numc_error_message(context), "shape parameter"));
    numc_error_clear(context);
    assert_null(numc__graph_jvp(context, once, NULL));
    assert_int_equal(numc_error_status(context), NUMC_UNSUPPORTED);
    numc_error_clear(context);
    /* in x alone it exists */
    numc_graph *twice = numc__graph_vjp(context, once, (const bool[]){false, true});
    ASSERT_FINE(context);
    numc__graph_release(twice);
    numc__graph_release(once);
    numc__graph_release(graph);
    graph = trace_like(context, body_polygamma, NULL, x, 2, 1);
    assert_null(numc__graph_vjp(context, graph, NULL));
    assert_non_null(strstr(numc_error_message(context), "the order is a whole number"));
    numc_error_clear(context);
    numc__graph_release(graph);
    numc_close(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_primitive_has_a_rule_and_a_case),
        cmocka_unit_test(elementwise_primitives),
        cmocka_unit_test(structural_primitives),
        cmocka_unit_test(slopes_where_a_factor_is_not_finite),
        cmocka_unit_test(slope_of_log_ndtr_far_out),
        cmocka_unit_test(ties_share),
        cmocka_unit_test(stop_gradient_stops),
        cmocka_unit_test(flat_operations_have_no_slope),
        cmocka_unit_test(conversion_takes_the_cotangent_back_to_its_dtype),
        cmocka_unit_test(gamma_draws_move_with_their_shape),
        cmocka_unit_test(loggamma_draws_of_a_tiny_shape),
        cmocka_unit_test(missing_derivatives_say_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
