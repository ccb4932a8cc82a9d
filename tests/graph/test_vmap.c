/* Batching: the vmapped function against the loop of calls, for every primitive, every choice of mapped operands and axes, and
 * batches of no element. Run node by node the bits are the same, since each result is the same operations on the same numbers
 * in the same order (on ref; cpu's products of one larger matrix may round otherwise); compiled, sums of at most 24 products may be
 * taken in another order. The name of a backend may be given as an argument. */
#include "graph/batch.h"
#include "support.h"
#include "../base/effort.h"

#include "graph/function.h"
#include "numc/linalg.h"

#define MOST 4
#define BATCH 3

/* What operands hold. */
typedef enum kind { SPREAD, DEFINITE, INDEX, TRUTH, WHOLE, SORTED, KEY, UNIT } kind;

typedef struct batch_case {
    int32_t primitive;
    const char *name;
    int32_t inputs, outputs;
    numc_shape shapes[MOST];
    struct {
        kind kind;
        numc_dtype dtype; /* default: float64 */
    } operands[MOST];
    int32_t count;
    const int64_t *numbers;
    numc_trace_fn body; /* NULL: the primitive itself */
} batch_case;

BODY(positive_branch) { UNUSED(); out[0] = numc_log(in[0]); out[1] = numc_add(in[1], 1.0); }
BODY(negative_branch) { UNUSED(); out[0] = numc_multiply(in[0], in[2]); out[1] = numc_zeros_like(in[1]); }
BODY(cond_body) { UNUSED(); numc_cond(in[3], positive_branch, negative_branch, NULL, in, 3, out, 2); }
BODY(scan_step)
{
    UNUSED();
    const numc_array *scale = user;
    out[0] = numc_add(numc_multiply(in[0], scale), in[2]);
    out[1] = numc_add(in[1], 1);
    out[2] = numc_sin(out[0]);
    out[3] = numc_multiply(out[1], 2);
}
/* two carries, of which one counts steps whatever is mapped */
BODY(scan_body)
{
    UNUSED();
    const numc_array *carries[2] = {in[0], numc_zeros(context, NUMC_INT64, NUMC_SCALAR)};
    numc_scan(context, scan_step, (void *)(uintptr_t)in[2], carries, 2, in + 1, 1, out, 2);
}
BODY(scan_back_body)
{
    UNUSED();
    const numc_array *carries[2] = {in[0], numc_zeros(context, NUMC_INT64, NUMC_SCALAR)};
    numc_scan(context, scan_step, (void *)(uintptr_t)in[2], carries, 2, in + 1, 1, out, 2, .reverse = true);
}
BODY(iota_body) { UNUSED(); out[0] = numc_add(in[0], numc_arange(context, NUMC_FLOAT64, 0, 3, 1)); }

BODY(parts_body)
{
    UNUSED();
    numc_array *z = numc_complex(in[0], in[1]);
    z = numc_multiply(z, numc_conj(numc_add(z, 1.0)));
    out[0] = numc_real(z);
    out[1] = numc_imag(z);
}
/* Newton's root of in[0], until it moves little; in[1] is where it begins */
BODY(moves) { UNUSED(); out[0] = numc_greater(numc_abs(numc_subtract(in[0], in[1])), numc_multiply(in[0], 1e-12)); }
BODY(newton)
{
    UNUSED();
    out[0] = numc_multiply(numc_add(in[0], numc_divide((const numc_array *)user, in[0])), 0.5);
    out[1] = numc_add(in[0], 0.0);
    out[2] = numc_add(in[2], 1);
}
BODY(while_body)
{
    UNUSED();
    const numc_array *carries[3] = {in[1], numc_zeros_like(in[1]), numc_zeros(context, NUMC_INT64, NUMC_SCALAR)};
    numc_while(context, moves, newton, (void *)(uintptr_t)in[0], carries, 3, out);
}
/* as often for every element, whatever is mapped: carries are a count and a vector */
BODY(fewer) { UNUSED(); out[0] = numc_less(in[0], 3); }
BODY(turn) { UNUSED(); out[0] = numc_add(in[0], 1); out[1] = numc_multiply(in[1], (const numc_array *)user); }
BODY(while_count_body)
{
    UNUSED();
    const numc_array *carries[2] = {numc_zeros(context, NUMC_INT64, NUMC_SCALAR), in[0]};
    numc_while(context, fewer, turn, (void *)(uintptr_t)in[1], carries, 2, out);
}
BODY(two_results) { UNUSED(); out[0] = numc_multiply(in[0], numc_sum(in[1])); out[1] = numc_cos(in[1]); }
BODY(two_results_jvp)
{
    UNUSED();
    out[0] = numc_add(numc_multiply(in[4], numc_sum(in[1])), numc_multiply(in[0], numc_sum(in[5])));
    out[1] = numc_multiply(in[5], numc_negative(numc_sin(in[1])));
}
BODY(custom_body)
{
    UNUSED();
    numc_function *plain = numc_function_trace(context, two_results, NULL, in, 2, 2);
    numc_function_call(context, numc_function_custom_jvp(context, plain, two_results_jvp, NULL), in, 2, out, 2);
}
/* x (2), z (3) -> x sum z (2), all of z negative */
static numc_status scaled_by_sum(const numc_external_array *in, int32_t input_count, const numc_external_array *out,
                                 int32_t output_count, char *message, size_t message_size, void *user)
{
    (void)input_count, (void)output_count, (void)message, (void)message_size, (void)user;
    const double *x = in[0].data, *z = in[1].data;
    double *y = out[0].data;
    for (int i = 0; i < 2; i++)
        y[i] = x[i] * (z[0] + z[1] + z[2]);
    *(bool *)out[1].data = z[0] < 0 && z[1] < 0 && z[2] < 0;
    return NUMC_OK;
}
BODY(external_body)
{
    UNUSED();
    const numc_array_type types[2] = {{NUMC_FLOAT64, NUMC_SHAPE(2)}, {NUMC_FLOAT64, NUMC_SHAPE(3)}};
    const numc_array_type results[2] = {{NUMC_FLOAT64, NUMC_SHAPE(2)}, {NUMC_BOOL, {NULL, 0, true}}};
    numc_array *y[2] = {NULL, NULL};
    numc_function_call(context, numc_function_external(context, scaled_by_sum, NULL, types, 2, results, 2), in, 2, y, 2);
    out[0] = y[0];
    out[1] = numc_where(y[1], 1.0, 2.0);
}
BODY(pick_sin) { UNUSED(); out[0] = numc_sin(in[0]); }
BODY(pick_scale) { UNUSED(); out[0] = numc_multiply(in[0], numc_sum(in[1])); }
BODY(pick_none) { UNUSED(); out[0] = numc_zeros_like(in[0]); }
BODY(switch_body)
{
    UNUSED();
    const numc_trace_fn bodies[3] = {pick_sin, pick_scale, pick_none};
    numc_switch(in[2], bodies, 3, NULL, in, 2, out, 1);
}
BODY(fori_step) { UNUSED(); out[0] = numc_add(numc_multiply(in[1], 0.5), numc_multiply(in[0], (const numc_array *)user)); }
BODY(fori_body) { UNUSED(); numc_fori(context, 2, 6, fori_step, (void *)(uintptr_t)in[1], in, 1, out); }
BODY(fori_traced_body) { UNUSED(); numc_fori(context, 1, in[2], fori_step, (void *)(uintptr_t)in[1], in, 1, out); }
BODY(map_step) { UNUSED(); out[0] = numc_add(numc_sum(in[0]), in[1]); out[1] = numc_exp(in[1]); }
BODY(map_body) { UNUSED(); numc_map(context, map_step, NULL, in, 2, out, 2); }

BODY(eig_body)
{
    UNUSED();
    numc_array *y[2] = {NULL, NULL};
    numc__bind(context, NUMC_PRIMITIVE_EIG, in, 1, &(numc_attributes){.count = 1, .numbers = (const int64_t[]){1}}, y, 2);
    for (int k = 0; k < 2; k++) {
        out[2 * k] = numc_real(y[k]);
        out[2 * k + 1] = numc_imag(y[k]);
    }
}

/* both parts of every transform */
BODY(fft_body)
{
    UNUSED();
    const numc_array *z = numc_complex(in[0], in[1]);
    numc_attributes forward = {.count = 2, .numbers = (const int64_t[]){0, -1}}, real = {.count = 2, .numbers = (const int64_t[]){1, 4}};
    numc_attributes line = {.count = 1, .numbers = (const int64_t[]){0}};
    numc_array *y = numc__bind1(context, NUMC_PRIMITIVE_FFT, &z, 1, &forward), *h = numc__bind1(context, NUMC_PRIMITIVE_RFFT, in, 1, &line);
    out[0] = numc_add(numc_real(y), numc_multiply(numc_imag(y), 2.0));
    out[1] = numc_add(numc_real(h), numc_multiply(numc_imag(h), 2.0));
    out[2] = numc__bind1(context, NUMC_PRIMITIVE_IRFFT, &z, 1, &real);
}

#define S(...) {(const int64_t[]){__VA_ARGS__}, (int32_t)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), true}
#define S0 {NULL, 0, true}
#define N(...) (int32_t)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__}
#define P(name) NUMC_PRIMITIVE_##name
#define Z {SPREAD, NUMC_COMPLEX128}
static const batch_case cases[] = {
    {P(GATHER), "complex gather", 2, 1, {S(2, 4), S(3)}, {Z, {INDEX, NUMC_INT64}}, N(1), NULL},
    {P(SCATTER), "complex scatter", 3, 1, {S(3), S(4), S(4)}, {Z, {INDEX, NUMC_INT64}, Z}, N(0, 1), NULL},
    {P(PAD), "complex pad", 2, 1, {S(2, 3), S0}, {Z, Z}, N(1, 0, 2, 0, 0, 3), NULL},
    {P(MATMUL), "complex matmul", 2, 1, {S(2, 3), S(3, 4)}, {Z, Z}, 0, NULL, NULL},
    {P(TRIANGULAR_SOLVE), "complex solve", 2, 1, {S(3, 3), S(3, 2)}, {{DEFINITE, NUMC_COMPLEX128}, Z}, N(0, 0, 0), NULL},
    {P(COND), "complex cond", 4, 2, {S(3), S(2), S0, S0}, {Z, Z, Z, {TRUTH, NUMC_BOOL}}, 0, NULL, cond_body},
    {P(SCAN), "complex scan", 3, 4, {S(2), S(4, 2), S(2)}, {Z, Z, Z}, 0, NULL, scan_body},
    {P(WHILE), "complex while", 2, 2, {S(3), S(3)}, {Z, Z}, 0, NULL, while_count_body},
    {P(CUSTOM), "complex custom", 2, 2, {S(2), S(3)}, {Z, Z}, 0, NULL, custom_body},
    {P(IOTA), "iota", 1, 1, {S(3)}, {{SPREAD, 0}}, 0, NULL, iota_body},
    {P(BROADCAST), "broadcast", 1, 1, {S(3, 1)}, {{SPREAD, 0}}, N(2, 3, 4), NULL},
    {P(BROADCAST), "broadcast of a number", 1, 1, {S0}, {{SPREAD, 0}}, N(2, 3), NULL},
    {P(RESHAPE), "reshape", 1, 1, {S(3, 4)}, {{SPREAD, 0}}, N(2, 6), NULL},
    {P(PERMUTE), "permute", 1, 1, {S(2, 3, 2)}, {{SPREAD, 0}}, N(2, 0, 1), NULL},
    {P(SLICE), "slice", 1, 1, {S(3, 4)}, {{SPREAD, 0}}, N(1, 0, 2, 2, 1, 3), NULL},
    {P(FLIP), "flip", 1, 1, {S(3, 4)}, {{SPREAD, 0}}, N(0, 1), NULL},
    {P(PAD), "pad", 2, 1, {S(2, 3), S0}, {{SPREAD, 0}, {SPREAD, 0}}, N(1, 0, 2, 0, 0, 3), NULL},
    {P(CONCAT), "concat", 3, 1, {S(2, 1), S(2, 3), S(2, 2)}, {{SPREAD, 0}, {SPREAD, 0}, {SPREAD, 0}}, N(1), NULL},
    {P(GATHER), "gather", 2, 1, {S(2, 4, 3), S(2, 2)}, {{SPREAD, 0}, {INDEX, NUMC_INT64}}, N(1), NULL},
    {P(GATHER), "gather of one", 2, 1, {S(4), S0}, {{SPREAD, 0}, {INDEX, NUMC_INT8}}, N(0), NULL},
    {P(GATHER), "gather by uint64", 2, 1, {S(2, 4), S(3)}, {{WHOLE, NUMC_INT32}, {INDEX, NUMC_UINT64}}, N(1), NULL},
    {P(SCATTER), "scatter set", 3, 1, {S(2, 4, 2), S(4), S(2, 4, 2)}, {{SPREAD, 0}, {INDEX, NUMC_INT64}, {SPREAD, 0}}, N(1, 0), NULL},
    {P(SCATTER), "scatter add", 3, 1, {S(3), S(4), S(4)}, {{SPREAD, 0}, {INDEX, NUMC_INT16}, {SPREAD, 0}}, N(0, 1), NULL},
    {P(SCATTER), "scatter by uint64", 3, 1, {S(3), S(4), S(4)}, {{WHOLE, NUMC_INT64}, {INDEX, NUMC_UINT64}, {WHOLE, NUMC_INT64}}, N(0, 1), NULL},
    {P(REAL), "real", 2, 2, {S(2), S(2)}, {{SPREAD, 0}, {SPREAD, 0}}, 0, NULL, parts_body},
    {P(IMAG), "imag", 2, 2, {S(2), S(2)}, {{SPREAD, 0}, {SPREAD, 0}}, 0, NULL, parts_body},
    {P(COMPLEX), "complex", 2, 2, {S0, S0}, {{SPREAD, 0}, {SPREAD, 0}}, 0, NULL, parts_body},
    {P(REDUCE_SUM), "reduce_sum", 1, 1, {S(2, 3, 2)}, {{SPREAD, 0}}, N(0, 2), NULL},
    {P(REDUCE_SUM), "reduce_sum of all", 1, 1, {S(4, 5)}, {{SPREAD, 0}}, N(0, 1), NULL},
    {P(REDUCE_PROD), "reduce_prod", 1, 1, {S(2, 3, 2)}, {{SPREAD, 0}}, N(0, 2), NULL},
    {P(REDUCE_MAX), "reduce_max", 1, 1, {S(2, 3, 2)}, {{SPREAD, 0}}, N(1), NULL},
    {P(REDUCE_MIN), "reduce_min", 1, 1, {S(2, 3, 2)}, {{SPREAD, 0}}, N(1, 2), NULL},
    {P(REDUCE_ANY), "reduce_any", 1, 1, {S(2, 3)}, {{TRUTH, NUMC_BOOL}}, N(0), NULL},
    {P(REDUCE_ALL), "reduce_all", 1, 1, {S(2, 3)}, {{TRUTH, NUMC_BOOL}}, N(0), NULL},
    {P(ARGMAX), "argmax", 1, 1, {S(2, 4)}, {{SPREAD, 0}}, N(1), NULL},
    {P(ARGMIN), "argmin", 1, 1, {S(4, 2)}, {{SPREAD, 0}}, N(0), NULL},
    {P(CUMULATIVE_SUM), "cumulative_sum", 1, 1, {S(2, 4)}, {{SPREAD, 0}}, N(1, 0), NULL},
    {P(CUMULATIVE_SUM), "cumulative_sum back", 1, 1, {S(4)}, {{WHOLE, NUMC_INT64}}, N(0, 1), NULL},
    {P(CUMULATIVE_PROD), "cumulative_prod", 1, 1, {S(2, 4)}, {{SPREAD, 0}}, N(0, 1), NULL},
    {P(CUMULATIVE_MAX), "cumulative_max", 1, 1, {S(2, 4)}, {{SPREAD, 0}}, N(1, 1), NULL},
    {P(SORT), "sort", 1, 2, {S(2, 4)}, {{SPREAD, 0}}, N(1, 0), NULL},
    {P(SORT), "sort descending", 1, 2, {S(4, 2)}, {{SPREAD, 0}}, N(0, 1), NULL},
    {P(SEARCH), "search", 2, 1, {S(5), S(2, 3)}, {{SORTED, 0}, {SPREAD, 0}}, N(0), NULL},
    {P(SEARCH), "search right", 2, 1, {S(4), S(3)}, {{SORTED, NUMC_INT64}, {WHOLE, NUMC_INT64}}, N(1), NULL},
    {P(SEARCH), "search for one", 2, 1, {S(7), S0}, {{SORTED, 0}, {SPREAD, 0}}, N(1), NULL},
    {P(FFT), "fft", 2, 3, {S(5, 3), S(5, 3)}, {{SPREAD, 0}, {SPREAD, 0}}, 0, NULL, fft_body},
    {P(RFFT), "rfft", 2, 3, {S(4, 3), S(4, 3)}, {{SPREAD, 0}, {SPREAD, 0}}, 0, NULL, fft_body},
    {P(IRFFT), "irfft", 2, 3, {S(2, 3), S(2, 3)}, {{SPREAD, 0}, {SPREAD, 0}}, 0, NULL, fft_body},
    {P(MATMUL), "matmul", 2, 1, {S(2, 3), S(3, 4)}, {{SPREAD, 0}, {SPREAD, 0}}, 0, NULL, NULL},
    {P(MATMUL), "batched matmul", 2, 1, {S(2, 2, 3), S(2, 3, 4)}, {{SPREAD, 0}, {SPREAD, 0}}, 0, NULL, NULL},
    {P(MATMUL), "matrix by vector", 2, 1, {S(3, 3), S(3, 1)}, {{SPREAD, 0}, {SPREAD, 0}}, 0, NULL, NULL},
    {P(CHOLESKY), "cholesky", 1, 1, {S(3, 3)}, {{DEFINITE, 0}}, 0, NULL, NULL},
    {P(CHOLESKY_INVERSE), "cholesky inverse", 1, 1, {S(3, 3)}, {{DEFINITE, 0}}, 0, NULL, NULL},
    {P(TRIANGULAR_SOLVE), "solve lower", 2, 1, {S(3, 3), S(3, 2)}, {{DEFINITE, 0}, {SPREAD, 0}}, N(0, 0, 0), NULL},
    {P(TRIANGULAR_SOLVE), "solve upper transposed unit", 2, 1, {S(2, 3, 3), S(2, 3, 1)}, {{DEFINITE, 0}, {SPREAD, 0}}, N(1, 1, 1), NULL},
    {P(LU), "lu", 1, 3, {S(3, 3)}, {{DEFINITE, 0}}, 0, NULL, NULL},
    {P(QR), "qr", 1, 2, {S(4, 3)}, {{SPREAD, 0}}, N(0), NULL},
    {P(QR), "complete qr", 1, 2, {S(2, 4, 3)}, {{SPREAD, 0}}, N(1), NULL},
    {P(EIGH), "eigh", 1, 2, {S(3, 3)}, {{DEFINITE, 0}}, N(1), NULL},
    {P(EIGH), "eigvalsh", 1, 1, {S(2, 3, 3)}, {{DEFINITE, 0}}, N(0), NULL},
    {P(EIG), "eig", 1, 4, {S(3, 3)}, {{DEFINITE, 0}}, 0, NULL, eig_body},
    {P(SVD), "svd", 1, 3, {S(4, 3)}, {{SPREAD, 0}}, N(1), NULL},
    {P(SVD), "full svd", 1, 3, {S(2, 3, 4)}, {{SPREAD, 0}}, N(2), NULL},
    {P(SVD), "svdvals", 1, 1, {S(3, 4)}, {{SPREAD, 0}}, N(0), NULL},
    {P(STOP_GRADIENT), "stop_gradient", 1, 1, {S(2)}, {{SPREAD, 0}}, 0, NULL, NULL},
    {P(COND), "cond", 4, 2, {S(3), S(2), S0, S0}, {{UNIT, 0}, {SPREAD, 0}, {SPREAD, 0}, {TRUTH, NUMC_BOOL}}, 0, NULL, cond_body},
    {P(SCAN), "scan", 3, 4, {S(2), S(4, 2), S(2)}, {{SPREAD, 0}, {SPREAD, 0}, {SPREAD, 0}}, 0, NULL, scan_body},
    {P(SCAN), "scan back", 3, 4, {S0, S(4), S0}, {{SPREAD, 0}, {SPREAD, 0}, {SPREAD, 0}}, 0, NULL, scan_back_body},
    {P(WHILE), "while", 2, 3, {S0, S0}, {{UNIT, 0}, {UNIT, 0}}, 0, NULL, while_body},
    {P(WHILE), "while that counts", 2, 2, {S(3), S(3)}, {{SPREAD, 0}, {SPREAD, 0}}, 0, NULL, while_count_body},
    {P(EXTERNAL), "external", 2, 2, {S(2), S(3)}, {{SPREAD, 0}, {SPREAD, 0}}, 0, NULL, external_body},
    {P(CUSTOM), "custom", 2, 2, {S(2), S(3)}, {{SPREAD, 0}, {SPREAD, 0}}, 0, NULL, custom_body},
    {P(COND), "switch", 3, 1, {S(2), S(3), S0}, {{SPREAD, 0}, {SPREAD, 0}, {INDEX, NUMC_INT32}}, 0, NULL, switch_body},
    {P(SCAN), "fori", 2, 1, {S(2), S(2)}, {{SPREAD, 0}, {SPREAD, 0}}, 0, NULL, fori_body},
    {P(WHILE), "fori to a traced bound", 3, 1, {S(2), S(2), S0}, {{SPREAD, 0}, {SPREAD, 0}, {INDEX, NUMC_INT64}}, 0, NULL, fori_traced_body},
    {P(SCAN), "map", 2, 2, {S(3, 2), S(3)}, {{SPREAD, 0}, {SPREAD, 0}}, 0, NULL, map_body},
};

static void primitive_body(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                           int32_t output_count, void *user)
{
    const batch_case *c = user;
    numc_attributes attributes = {.count = c->count, .numbers = c->numbers};
    attributes.dtype = c->primitive == NUMC_SCALAR_CONVERT ? NUMC_INT32 : NUMC_FLOAT64;
    numc__bind(context, c->primitive, in, input_count, &attributes, out, output_count);
}

/* ---- operands ---------------------------------------------------------------------------------------------------- */

static double value_of(kind which, generator *g, const numc_shape *shape, int64_t i)
{
    switch (which) {
    case DEFINITE: { /* a dominant diagonal */
        int64_t n = shape->values[shape->count - 1];
        return 0.25 * draw_unit(g) + (i % n == i / n % n ? 3.0 : 0.0);
    }
    case INDEX: return draw_below(g, 8) - 2; /* some are out of bounds; as uint64 they are beyond it */
    case TRUTH: return draw_below(g, 2);
    case WHOLE: return draw_below(g, 9) - 4;
    case SORTED: return (double)i - 1.5; /* ascending */
    case KEY: return draw_below(g, 1 << 20);
    case UNIT: return 0.125 + 0.0625 * draw_below(g, 12);
    default: return 2.0 * draw_unit(g);
    }
}

/* An operand, `batch` of them along `axis` where that is given. */
static numc_array *operand(numc_context *context, const batch_case *c, int32_t k, bool mapped, int64_t axis, int64_t batch, generator *g)
{
    double data[256];
    int64_t shape[8] = {batch}, size = 1, total = 0;
    const numc_shape *s = &c->shapes[k];
    for (int32_t d = 0; d < s->count; d++) {
        shape[d + 1] = s->values[d];
        size *= s->values[d];
    }
    for (int64_t b = 0; b < (mapped ? batch : 1); b++) {
        for (int64_t i = 0; i < size; i++)
            data[total++] = value_of(c->operands[k].kind, g, s, i) + (c->operands[k].kind == SORTED ? 0.5 * (double)b : 0.0);
    }
    numc_dtype dtype = c->operands[k].dtype == 0 ? NUMC_FLOAT64 : c->operands[k].dtype;
    numc_array *x = reals(context, (numc_shape){mapped ? shape : shape + 1, s->count + mapped, true}, data);
    if (c->operands[k].kind == INDEX && dtype == NUMC_UINT64) /* -1 and -2 wrap to the largest */
        x = numc_astype(x, NUMC_INT64);
    bool both = numc_dtype_kind(dtype) == NUMC_KIND_COMPLEX;
    x = both ? numc_astype(numc_complex(x, numc_sin(x)), dtype) : numc_astype(x, dtype);
    return mapped ? numc_moveaxis(x, 0, axis) : x;
}

/* ---- comparison -------------------------------------------------------------------------------------------------- */

static numc_array *element(const numc_array *x, int64_t axis, int64_t b)
{
    numc_array *front = numc_moveaxis(x, axis, 0);
    return numc_index(front, NUMC_AT(b));
}

/* tolerance 0: the same bits, NaN equal to NaN. */
static void compare(const char *name, const char *how, const numc_array *got, const numc_array *wanted, double tolerance)
{
    numc_type type = numc__type_of(wanted), same = numc__type_of(got);
    if (!numc__type_equal(&type, &same)) {
        char a[96], b[96];
        numc__type_format(a, sizeof a, same.dtype, same.rank, same.shape);
        numc__type_format(b, sizeof b, type.dtype, type.rank, type.shape);
        fail_msg("%s, %s: %s instead of %s", name, how, a, b);
    }
    if (numc_dtype_kind(type.dtype) == NUMC_KIND_COMPLEX) {
        compare(name, how, numc_real(got), numc_real(wanted), tolerance);
        compare(name, how, numc_imag(got), numc_imag(wanted), tolerance);
        return;
    }
    double a[512], b[512], size = 1.0;
    int64_t n = type_size(&type);
    assert_true(n <= 512);
    assert_int_equal(numc_to_host(got, NUMC_FLOAT64, a, (size_t)n * sizeof *a), NUMC_OK);
    assert_int_equal(numc_to_host(wanted, NUMC_FLOAT64, b, (size_t)n * sizeof *b), NUMC_OK);
    for (int64_t i = 0; i < n; i++)
        size = isfinite(b[i]) ? fmax(size, fabs(b[i])) : size;
    for (int64_t i = 0; i < n; i++) {
        bool good = tolerance == 0.0 ? memcmp(&a[i], &b[i], sizeof a[i]) == 0 || (isnan(a[i]) && isnan(b[i]))
                                     : a[i] == b[i] || fabs(a[i] - b[i]) <= tolerance * size || (isnan(a[i]) && isnan(b[i]));
        if (!good)
            fail_msg("%s, %s: element %d is %.17g instead of %.17g", name, how, (int)i, a[i], b[i]);
    }
}

/* The vmapped function on x against f on each element. */
static void check_batch(numc_context *context, const char *name, numc_function *f, const numc_array *const *x, const int64_t *in_axes,
                        const int64_t *out_axes, int64_t batch, double tolerance)
{
    int32_t ins = numc_function_input_count(f), outs = numc_function_output_count(f);
    numc_function *v = numc_function_vmap(context, f, x, ins, .in_axes = {in_axes, ins, true}, .out_axes = {out_axes, outs, true});
    if (v == NULL)
        fail_msg("%s: %s", name, numc_error_message(context));
    assert_int_equal(numc__graph_verify(context, v->graph), NUMC_OK);
    numc_array *steps[16], *compiled[16];
    run_graph(context, v->graph, x, ins, steps);
    if (numc_function_call(context, v, x, ins, compiled, outs) != NUMC_OK)
        fail_msg("%s, compiled: %s", name, numc_error_message(context));
    for (int32_t i = 0; i < outs; i++) {
        compare(name, "compiled", compiled[i], steps[i], 48 * 0x1p-52); /* see above */
        if (numc_array_shape(steps[i])[out_axes[i] < 0 ? numc_array_rank(steps[i]) + out_axes[i] : out_axes[i]] != batch)
            fail_msg("%s: output %d has not the batch at its axis", name, (int)i);
    }
    for (int64_t b = 0; b < batch; b++) {
        numc_scope(context) {
            const numc_array *one[16];
            numc_array *y[16];
            for (int32_t i = 0; i < ins; i++)
                one[i] = in_axes[i] == NUMC_UNMAPPED ? x[i] : element(x[i], in_axes[i], b);
            run_graph(context, f->graph, one, ins, y);
            for (int32_t i = 0; i < outs; i++)
                compare(name, "batched", element(steps[i], out_axes[i], b), y[i], tolerance);
        }
    }
    ASSERT_FINE(context);
    numc_function_free(v);
}

static numc_function *function_of(numc_context *context, const batch_case *c, generator *g)
{
    const numc_array *examples[MOST];
    for (int32_t k = 0; k < c->inputs; k++)
        examples[k] = operand(context, c, k, false, 0, 1, g);
    numc_function *f = numc_function_trace(context, c->body != NULL ? c->body : primitive_body, (void *)(uintptr_t)c, examples,
                                           c->inputs, c->outputs);
    if (f == NULL)
        fail_msg("%s: %s", c->name, numc_error_message(context));
    return f;
}

/* products of at most 4 terms, solved for 3 unknowns at most */
static double exact(void)
{
    return strcmp(test_backend(), "ref") == 0 ? 0.0 : 32 * 0x1p-52;
}

/* Operand k is unmapped, or mapped at 0, at the end, or at 1: all combinations but the one without any. */
static void all_patterns(numc_context *context, const batch_case *c)
{
    generator g = {UINT64_C(4) + (uint64_t)c->primitive};
    numc_function *f = function_of(context, c, &g);
    int patterns = 1, turn = 0;
    for (int32_t k = 0; k < c->inputs; k++)
        patterns *= 4;
    for (int p = 1; p < patterns; p++) {
        int64_t in_axes[MOST], out_axes[MOST];
        bool good = true, any = false;
        for (int32_t k = 0, rest = p; k < c->inputs; k++, rest /= 4) {
            static const int64_t choices[4] = {NUMC_UNMAPPED, 0, -1, 1};
            in_axes[k] = choices[rest % 4];
            good = good && (in_axes[k] != 1 || c->shapes[k].count > 0);
            any = any || in_axes[k] != NUMC_UNMAPPED;
        }
        if (!good || !any)
            continue;
        for (int32_t i = 0; i < c->outputs; i++, turn++)
            out_axes[i] = turn % 3 == 0 ? 0 : turn % 3 == 1 ? -1 : numc__graph_output_type(f->graph, i)->rank > 0;
        numc_scope(context) {
            const numc_array *x[MOST];
            for (int32_t k = 0; k < c->inputs; k++)
                x[k] = operand(context, c, k, in_axes[k] != NUMC_UNMAPPED, in_axes[k], BATCH, &g);
            check_batch(context, c->name, f, x, in_axes, out_axes, BATCH, exact());
        }
    }
    /* a batch of nothing, and of one */
    for (int64_t batch = 0; batch < 2; batch++) {
        numc_scope(context) {
            const numc_array *x[MOST];
            int64_t axes[MOST] = {0}, out_axes[MOST] = {0};
            for (int32_t k = 0; k < c->inputs; k++)
                x[k] = operand(context, c, k, true, 0, batch, &g);
            check_batch(context, c->name, f, x, axes, out_axes, batch, exact());
            for (int32_t k = 1; k < c->inputs; k++) {
                axes[k] = NUMC_UNMAPPED;
                x[k] = operand(context, c, k, false, 0, batch, &g);
            }
            check_batch(context, c->name, f, x, axes, out_axes, batch, exact());
        }
    }
    numc_function_free(f);
}

static void structural_primitives(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (left_out((long)i))
            continue;
        numc_scope(context)
            all_patterns(context, &cases[i]);
    }
    numc_close(context);
}

/* ---- elementwise: every operation, from its row ------------------------------------------------------------------ */

static void elementwise_primitives(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    static const int32_t all[] = {
#define NUMC_X(code, upper, lower, arity, operands, result) NUMC_SCALAR_##upper,
        NUMC_SCALAR_TABLE(NUMC_X)
#undef NUMC_X
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const numc_scalar_info *info = numc__scalar_info((uint32_t)all[i]);
        if (left_out((long)i))
            continue;
        batch_case c = {.primitive = all[i], .name = info->name, .inputs = info->arity, .outputs = 1};
        for (int32_t k = 0; k < c.inputs; k++) {
            static const int64_t length = 2;
            c.shapes[k] = (numc_shape){&length, 1, true};
            c.operands[k].kind = UNIT;
            c.operands[k].dtype = NUMC_FLOAT64;
            if (info->operands == NUMC_OPERANDS_INTEGRAL) {
                c.operands[k].kind = WHOLE;
                c.operands[k].dtype = NUMC_INT64;
            } else if (info->operands == NUMC_OPERANDS_BOOLEAN || (info->operands == NUMC_OPERANDS_SELECT && k == 0)) {
                c.operands[k].kind = TRUTH;
                c.operands[k].dtype = NUMC_BOOL;
            } else if (info->operands == NUMC_OPERANDS_RANDOM && k < 2) {
                c.operands[k].kind = KEY;
                c.operands[k].dtype = NUMC_UINT64;
            }
        }
        numc_scope(context)
            all_patterns(context, &c);
    }
    numc_close(context);
}

static void every_primitive_has_a_rule_and_a_case(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    static const struct {
        int32_t primitive;
    } all[] = {
#define NUMC_X(upper, lower, inputs, outputs) {NUMC_PRIMITIVE_##upper},
        NUMC_STRUCTURAL_TABLE(NUMC_X)
#undef NUMC_X
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        bool found = false;
        if (numc__batch_rule_of(all[i].primitive) == NULL)
            fail_msg("%s has no batching rule", numc__primitive_name(all[i].primitive));
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
            found = found || cases[k].primitive == all[i].primitive;
        if (!found)
            fail_msg("%s has a batching rule and no case", numc__primitive_name(all[i].primitive));
    }
    assert_null(numc__batch_rule_of(0));
    assert_null(numc__batch_rule_of(NUMC_PRIMITIVE_LIMIT));
    numc_close(context);
}

/* ---- nesting ----------------------------------------------------------------------------------------------------- */

/* A log density of a parameter (2) given data (3, 2), a sequence (4) and a number. */
BODY(decay) { UNUSED(); out[0] = numc_add(numc_multiply(in[0], 0.5), numc_multiply(in[1], numc_tanh((const numc_array *)user))); out[1] = numc_square(out[0]); }
BODY(density)
{
    UNUSED();
    numc_array *mean = numc_matmul(in[1], in[0]);
    numc_array *scale = numc_exp(numc_sum(in[0]));
    const numc_array *start = numc_zeros(context, NUMC_FLOAT64, NUMC_SCALAR);
    numc_array *scanned[2];
    numc_scan(context, decay, scale, &start, 1, in + 2, 1, scanned, 1);
    numc_array *z = numc_divide(mean, numc_add(scale, numc_square(in[3])));
    out[0] = numc_subtract(numc_add(scanned[0], numc_sum(scanned[1])), numc_sum(numc_square(z)));
}
static const batch_case density_case = {0, "density", 4, 1, {S(2), S(3, 2), S(4), S0}, {{SPREAD, 0}, {SPREAD, 0}, {SPREAD, 0}, {SPREAD, 0}}, 0, NULL, density};

static void vmaps_nest_and_compose_with_derivatives(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        generator g = {11};
        numc_function *f = function_of(context, &density_case, &g);
        numc_function *gradient = numc_function_value_and_gradient(context, f);
        numc_function *forward = numc_function_jvp(context, gradient);
        numc_function *subjects[2] = {f, gradient};
        static const int64_t patterns[5][4] = {{0, NUMC_UNMAPPED, NUMC_UNMAPPED, NUMC_UNMAPPED}, {NUMC_UNMAPPED, 2, NUMC_UNMAPPED, NUMC_UNMAPPED},
            {-1, NUMC_UNMAPPED, 0, NUMC_UNMAPPED}, {0, 1, -1, 0}, {NUMC_UNMAPPED, NUMC_UNMAPPED, NUMC_UNMAPPED, 0}};
        for (int p = 0; p < 5; p++) {
            const numc_array *x[8];
            const int64_t zeros[16] = {0};
            int64_t axes[8];
            for (int32_t k = 0; k < 4; k++) {
                x[k] = operand(context, &density_case, k, patterns[p][k] != NUMC_UNMAPPED, patterns[p][k], BATCH, &g);
                x[k + 4] = numc_sin(x[k]);
                axes[k] = axes[k + 4] = patterns[p][k];
            }
            /* the products of all elements become one: sums of 3 products in the order of its kernel */
            for (int s = 0; s < 2; s++)
                check_batch(context, "vmap", subjects[s], x, axes, zeros, BATCH, 64 * 0x1p-52);
            check_batch(context, "vmap of jvp of grad", forward, x, axes, zeros, BATCH, 256 * 0x1p-52);
            /* vmap of vmap: the inner function maps the first input alone */
            numc_array *inner_examples[4];
            for (int32_t k = 0; k < 4; k++)
                inner_examples[k] = operand(context, &density_case, k, k == 0, 0, 2, &g);
            numc_function *inner = numc_function_vmap(context, f, (const numc_array *const *)inner_examples, 4,
                                                      .in_axes = NUMC_AXES(0, NUMC_UNMAPPED, NUMC_UNMAPPED, NUMC_UNMAPPED));
            ASSERT_FINE(context);
            numc_array *outer[4];
            for (int32_t k = 0; k < 4; k++) {
                numc_array *parts[BATCH];
                for (int b = 0; b < BATCH; b++)
                    parts[b] = operand(context, &density_case, k, k == 0, 0, 2, &g);
                outer[k] = patterns[p][k] == NUMC_UNMAPPED ? inner_examples[k] : numc_stack((const numc_array *const *)parts, BATCH, patterns[p][k] == -1 ? -1 : 0);
                axes[k] = patterns[p][k] == NUMC_UNMAPPED ? NUMC_UNMAPPED : patterns[p][k] == -1 ? -1 : 0;
            }
            check_batch(context, "vmap of vmap", inner, (const numc_array *const *)outer, axes, zeros, BATCH, 64 * 0x1p-52);
            numc_function_free(inner);
        }
    }
    numc_close(context);
}

/* The gradient of a sum over a batch is the batch of gradients, summed where an input is shared. */
BODY(batch_total)
{
    UNUSED();
    numc_array *y[1] = {NULL};
    numc_function_call(context, user, in, input_count, y, 1);
    out[0] = numc_sum(y[0]);
}
static void gradient_of_a_batch(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        generator g = {12};
        numc_function *f = function_of(context, &density_case, &g);
        const numc_array *x[4];
        for (int32_t k = 0; k < 4; k++)
            x[k] = operand(context, &density_case, k, k % 2 == 0, 0, BATCH, &g);
        const numc_axes axes = NUMC_AXES(0, NUMC_UNMAPPED, 0, NUMC_UNMAPPED);
        numc_function *batched = numc_function_vmap(context, f, x, 4, .in_axes = axes);
        numc_function *total = numc_function_trace(context, batch_total, batched, x, 4, 1);
        numc_function *outside = numc_function_value_and_gradient(context, total);
        numc_function *inside = numc_function_vmap(context, numc_function_value_and_gradient(context, f), x, 4, .in_axes = axes);
        ASSERT_FINE(context);
        numc_array *a[5], *b[5];
        assert_int_equal(numc_function_call(context, outside, x, 4, a, 5), NUMC_OK);
        assert_int_equal(numc_function_call(context, inside, x, 4, b, 5), NUMC_OK);
        for (int i = 0; i < 5; i++) /* sums of BATCH terms, each a few sums of 4 */
            compare("gradient", "of a batch", a[i], i == 1 || i == 3 ? b[i] : numc_sum(b[i], NUMC_AXES(0)), 256 * 0x1p-52);
        /* and once more: forward over that */
        check_graph(context, "grad of vmap", total->graph, x, 2);
    }
    numc_close(context);
}

/* ---- cond: nothing comes back from a branch that is not taken -------------------------------------------------------- */

BODY(log_branch) { UNUSED(); out[0] = numc_multiply(numc_log(in[0]), in[1]); }
BODY(root_branch) { UNUSED(); out[0] = numc_multiply(numc_sqrt(numc_negative(in[0])), in[1]); }
BODY(guarded) { UNUSED(); numc_cond(numc_greater(in[0], 0.0), log_branch, root_branch, NULL, in, 2, out, 1); }
static void a_branch_not_taken_gives_no_nan(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        const numc_array *x[3] = {reals(context, NUMC_SHAPE(4), DOUBLES(-4, 2, -1, 0.5)), reals(context, NUMC_SCALAR, DOUBLES(3)), NULL};
        const numc_array *one[2] = {reals(context, NUMC_SCALAR, DOUBLES(1)), x[1]};
        numc_function *f = numc_function_trace(context, guarded, NULL, one, 2, 1);
        numc_function *v = numc_function_vmap(context, f, x, 2, .in_axes = NUMC_AXES(0, NUMC_UNMAPPED));
        numc_function *backward = numc_function_vjp(context, v);
        ASSERT_FINE(context);
        x[2] = reals(context, NUMC_SHAPE(4), DOUBLES(1, 1, 1, 1));
        numc_array *y[3];
        for (int turn = 0; turn < 2; turn++) {
            if (turn == 0)
                run_graph(context, backward->graph, x, 3, y);
            else
                assert_int_equal(numc_function_call(context, backward, x, 3, y, 3), NUMC_OK);
            double slopes[4], shared = numc_item(y[2]);
            numc_to_host(y[1], NUMC_FLOAT64, slopes, sizeof slopes);
            /* -3 / (2 sqrt(-x)) and 3 / x; the shared factor's is the sum of the values: sqrt 4 + log 2 + sqrt 1 + log 0.5 = 3 */
            assert_true(slopes[0] == -0.75 && slopes[1] == 1.5 && slopes[2] == -1.5 && slopes[3] == 6.0);
            assert_true(fabs(shared - 3.0) <= 4 * 0x1p-52);
        }
        /* the numbers themselves cost nothing: both sides of the selection are one value */
        for (int32_t n = 0; n < v->graph->node_count; n++)
            assert_true(v->graph->nodes[n].primitive != NUMC_PRIMITIVE_COND);
    }
    numc_close(context);
}

/* ---- unmapped results, names, mistakes ----------------------------------------------------------------------------- */

BODY(two) { UNUSED(); out[0] = numc_add(in[0], in[1]); out[1] = numc_exp(in[1]); }
static void unmapped_results(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        const numc_array *one[2] = {reals(context, NUMC_SCALAR, DOUBLES(1)), reals(context, NUMC_SCALAR, DOUBLES(2))};
        const numc_array *x[2] = {reals(context, NUMC_SHAPE(3), DOUBLES(1, 2, 3)), one[1]};
        numc_function *f = numc_function_trace(context, two, NULL, one, 2, 2);
        numc_function *v = numc_function_vmap(context, f, x, 2, .in_axes = NUMC_AXES(0, NUMC_UNMAPPED), .out_axes = NUMC_AXES(0, NUMC_UNMAPPED));
        numc_array *y[2];
        assert_int_equal(numc_function_call(context, v, x, 2, y, 2), NUMC_OK);
        assert_int_equal(numc_array_rank(y[0]), 1);
        assert_int_equal(numc_array_rank(y[1]), 0);
        v = numc_function_vmap(context, f, x, 2, .in_axes = NUMC_AXES(0, NUMC_UNMAPPED));
        assert_int_equal(numc_function_call(context, v, x, 2, y, 2), NUMC_OK);
        assert_int_equal(numc_array_shape(y[1])[0], 3);
    }
    numc_close(context);
}

static void assert_refused(numc_context *context, const numc_function *v, numc_status status, const char *part)
{
    assert_null(v);
    assert_int_equal(numc_error_status(context), status);
    if (strstr(numc_error_message(context), part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", numc_error_message(context), part);
    numc_error_clear(context);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        const numc_array *one[2] = {reals(context, NUMC_SHAPE(2), DOUBLES(1, 2)), reals(context, NUMC_SHAPE(2), DOUBLES(2, 3))};
        const numc_array *x[2] = {numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(3, 2)), numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2, 4))};
        const numc_array *narrow[2] = {numc_astype(x[0], NUMC_FLOAT32), x[1]}, *missing[2] = {x[0], NULL};
        numc_function *f = numc_function_trace(context, two, NULL, one, 2, 2);
        assert_refused(context, numc_function_vmap(context, f, one, 2, .in_axes = NUMC_AXES(NUMC_UNMAPPED, NUMC_UNMAPPED)), NUMC_INVALID_ARGUMENT,
                       "no input is mapped");
        assert_refused(context, numc_function_vmap(context, f, x, 2, .in_axes = NUMC_AXES(0, 1)), NUMC_SHAPE,
                       "example 1 has 4 elements along its axis 1, the mapped ones before it have 3");
        assert_refused(context, numc_function_vmap(context, f, x, 2, .in_axes = NUMC_AXES(0, 2)), NUMC_INDEX, "axis 2 of input 1 is out of bounds");
        assert_refused(context, numc_function_vmap(context, f, x, 2, .in_axes = NUMC_AXES(-3, 1)), NUMC_INDEX, "axis -3 of input 0 is out of bounds");
        assert_refused(context, numc_function_vmap(context, f, x, 2, .in_axes = NUMC_AXES(0, NUMC_UNMAPPED)), NUMC_SHAPE,
                       "example 1, unmapped, is float64[2, 4]; the function takes float64[2]");
        assert_refused(context, numc_function_vmap(context, f, x, 2, .in_axes = NUMC_AXES(1, 1)), NUMC_SHAPE,
                       "example 0 is float64[3, 2]; the function takes float64[2], which has the batch at axis 1");
        assert_refused(context, numc_function_vmap(context, f, narrow, 2, .in_axes = NUMC_AXES(0, 1)), NUMC_DTYPE, "example 0 is float32[3, 2]");
        assert_refused(context, numc_function_vmap(context, f, missing, 2), NUMC_INVALID_ARGUMENT, "example 1 is NULL");
        assert_refused(context, numc_function_vmap(context, f, x, 2, .in_axes = NUMC_AXES(0)), NUMC_INVALID_ARGUMENT, "1 axes of inputs are given, the function has 2");
        x[1] = one[1];
        assert_refused(context, numc_function_vmap(context, f, x, 2, .in_axes = NUMC_AXES(0, NUMC_UNMAPPED), .out_axes = NUMC_AXES(2, 0)), NUMC_INDEX,
                       "axis 2 of output 0 is out of bounds");
        assert_refused(context, numc_function_vmap(context, f, x, 2, .in_axes = NUMC_AXES(0, NUMC_UNMAPPED), .out_axes = NUMC_AXES(NUMC_UNMAPPED, 0)),
                       NUMC_INVALID_ARGUMENT, "output 0 is another for each element of the batch");
        assert_refused(context, numc_function_vmap(context, NULL, x, 2), NUMC_INVALID_ARGUMENT, "NULL");
        assert_refused(context, numc_function_vmap(context, f, x, 1), NUMC_INVALID_ARGUMENT, "1 are given where it takes 2");
    }
    numc_close(context);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        test_backend_given = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_primitive_has_a_rule_and_a_case),
        cmocka_unit_test(structural_primitives),
        cmocka_unit_test(elementwise_primitives),
        cmocka_unit_test(vmaps_nest_and_compose_with_derivatives),
        cmocka_unit_test(gradient_of_a_batch),
        cmocka_unit_test(a_branch_not_taken_gives_no_nan),
        cmocka_unit_test(unmapped_results),
        cmocka_unit_test(mistakes_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
