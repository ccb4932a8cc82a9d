/* oracle.c - a graph worked out node by node, its control flow by loops in C: what compiled programs are held to. With noise it
 * says how far rounding may move a result: each result of arithmetic is multiplied by 1 + 4 eps u, u in [-1, 1], and so is each
 * term of what adds up many, since those may be taken in another order, and each constant that is no round number. */
#include "program.h"

static bool is_float(numc_dtype dtype)
{
    return (numc_dtype_kind(dtype) & (NUMC_KIND_REAL | NUMC_KIND_COMPLEX)) != 0;
}
static bool is_complex(numc_dtype dtype)
{
    return (numc_dtype_kind(dtype) & NUMC_KIND_COMPLEX) != 0;
}
static double eps_of(numc_dtype dtype)
{
    return !is_float(dtype) ? 0.0 : dtype == NUMC_FLOAT32 || dtype == NUMC_COMPLEX64 ? 0x1p-23 : 0x1p-52;
}

bool numbers_of(number_list *n, const numc_array *const *arrays, int32_t count)
{
    *n = (number_list){0};
    int64_t total = 0;
    for (int32_t i = 0; i < count; i++)
        total += numc_array_size(arrays[i]) * (is_complex(numc_array_dtype(arrays[i])) ? 2 : 1);
    n->values = calloc((size_t)total + 1, sizeof *n->values);
    n->eps = calloc((size_t)total + 1, sizeof *n->eps);
    n->output = calloc((size_t)total + 1, sizeof *n->output);
    if (n->values == NULL || n->eps == NULL || n->output == NULL)
        abort();
    for (int32_t i = 0; i < count; i++) {
        numc_dtype dtype = numc_array_dtype(arrays[i]);
        int64_t size = numc_array_size(arrays[i]) * (is_complex(dtype) ? 2 : 1);
        if (numc_to_host(arrays[i], is_complex(dtype) ? NUMC_COMPLEX128 : NUMC_FLOAT64, n->values + n->count,
                         (size_t)size * sizeof *n->values) != NUMC_OK)
            return false;
        for (int64_t k = 0; k < size; k++) {
            n->eps[n->count] = eps_of(dtype);
            n->output[n->count++] = i;
        }
    }
    return true;
}

void numbers_free(number_list *n)
{
    free(n->values);
    free(n->eps);
    free(n->output);
    *n = (number_list){0};
}

/* `computed`: of a constant, which may have been computed while tracing: round numbers stay as they are. `sums`: of a sum, whose zeros
 * have any sign. */
static const numc_array *noisy(numc_context *context, const numc_array *x, generator *noise, bool computed, bool sums)
{
    numc_dtype dtype = numc_array_dtype(x);
    if (noise == NULL || !is_float(dtype))
        return x;
    bool pairs = is_complex(dtype);
    int64_t size = numc_array_size(x) * (pairs ? 2 : 1);
    double *data = malloc(((size_t)size + 1) * sizeof *data);
    if (data == NULL)
        abort();
    const numc_array *y = NULL;
    if (numc_to_host(x, pairs ? NUMC_COMPLEX128 : NUMC_FLOAT64, data, (size_t)size * sizeof *data) == NUMC_OK) {
        for (int64_t i = 0; i < size; i++) {
            double u = 2.0 * draw_unit(noise) - 1.0, other = data[i ^ 1];
            /* a part of a complex number is as exact as the other one, not as itself */
            double scale = pairs && isfinite(other) && isfinite(data[i]) ? hypot(data[i], other) : data[i];
            bool round = computed && ldexp(data[i], 16) == rint(ldexp(data[i], 16));
            if (data[i] == 0.0 && sums)
                data[i] = u < 0.0 ? -0.0 : 0.0;
            if (isfinite(scale) && !(pairs && data[i] == 0.0) && !round)
                data[i] = data[i] + 4.0 * eps_of(dtype) * u * scale;
        }
        y = numc_astype(numc_from_host_(context, pairs ? NUMC_COMPLEX128 : NUMC_FLOAT64,
                                        (numc_shape){numc_array_shape(x), numc_array_rank(x), true}, data), dtype);
    }
    free(data);
    return y;
}

/* What rounds nothing: its results are its operands', or whole numbers. */
static bool is_exact(int32_t primitive)
{
    switch (primitive) {
    case NUMC_SCALAR_NEGATIVE: case NUMC_SCALAR_ABS: case NUMC_SCALAR_SIGN: case NUMC_SCALAR_FLOOR: case NUMC_SCALAR_CEIL:
    case NUMC_SCALAR_TRUNC: case NUMC_SCALAR_ROUND: case NUMC_SCALAR_MAXIMUM: case NUMC_SCALAR_MINIMUM: case NUMC_SCALAR_COPYSIGN:
    case NUMC_SCALAR_WHERE: case NUMC_SCALAR_FLOOR_DIVIDE: case NUMC_PRIMITIVE_IOTA:
    case NUMC_PRIMITIVE_BROADCAST: case NUMC_PRIMITIVE_RESHAPE: case NUMC_PRIMITIVE_PERMUTE: case NUMC_PRIMITIVE_SLICE:
    case NUMC_PRIMITIVE_FLIP: case NUMC_PRIMITIVE_PAD: case NUMC_PRIMITIVE_CONCAT: case NUMC_PRIMITIVE_GATHER:
    case NUMC_PRIMITIVE_REAL: case NUMC_PRIMITIVE_IMAG: case NUMC_PRIMITIVE_COMPLEX: case NUMC_PRIMITIVE_REDUCE_MAX:
    case NUMC_PRIMITIVE_REDUCE_MIN: case NUMC_PRIMITIVE_CUMULATIVE_MAX: case NUMC_PRIMITIVE_SORT: case NUMC_PRIMITIVE_STOP_GRADIENT:
        return true;
    default:
        return numc__primitive_is_control(primitive) && primitive != NUMC_PRIMITIVE_EXTERNAL;
    }
}
/* What adds up many terms, in an order that is not told. */
static bool adds_up(int32_t primitive)
{
    switch (primitive) {
    case NUMC_PRIMITIVE_REDUCE_SUM: case NUMC_PRIMITIVE_REDUCE_PROD: case NUMC_PRIMITIVE_CUMULATIVE_SUM:
    case NUMC_PRIMITIVE_CUMULATIVE_PROD: case NUMC_PRIMITIVE_SCATTER: case NUMC_PRIMITIVE_MATMUL: case NUMC_PRIMITIVE_CHOLESKY: case NUMC_PRIMITIVE_CHOLESKY_INVERSE:
    case NUMC_PRIMITIVE_TRIANGULAR_SOLVE: case NUMC_PRIMITIVE_LU: case NUMC_PRIMITIVE_QR: case NUMC_PRIMITIVE_EIGH:
    case NUMC_PRIMITIVE_EIG: case NUMC_PRIMITIVE_SVD: case NUMC_PRIMITIVE_FFT: case NUMC_PRIMITIVE_RFFT: case NUMC_PRIMITIVE_IRFFT:
        return true;
    default:
        return false;
    }
}

static const numc_array *slice_of(const numc_array *x, int64_t i)
{
    numc_index_term terms[NUMC_RANK_LIMIT] = {{.kind = NUMC_INDEX_AT, .start = i}};
    int32_t rank = numc_array_rank(x);
    for (int32_t k = 1; k < rank; k++)
        terms[k].kind = NUMC_INDEX_ALL;
    return numc_index_(x, terms, rank);
}

static bool evaluate_scan(numc_context *context, const numc_node *node, const numc_array *const *x, numc_array **y, generator *noise)
{
    const int64_t *n = node->attributes.numbers;
    const numc_graph *step = node->attributes.graphs[0];
    int64_t carries = n[0], sequences = n[1], length = n[2];
    int64_t stacks = node->output_count - carries, constants = node->input_count - carries - sequences;
    const numc_array **in = calloc((size_t)node->input_count + 1, sizeof *in);
    numc_array **out = calloc((size_t)node->output_count + 1, sizeof *out);
    const numc_array **made = calloc((size_t)(stacks * length) + 1, sizeof *made);
    if (in == NULL || out == NULL || made == NULL)
        abort();
    bool fine = true;
    for (int64_t k = 0; k < node->input_count; k++)
        in[k] = x[k];
    for (int64_t k = 0; k < constants; k++)
        in[carries + sequences + k] = x[carries + sequences + k];
    for (int64_t i = 0; i < length && fine; i++) {
        int64_t at = n[3] != 0 ? length - 1 - i : i;
        for (int64_t k = 0; k < sequences; k++)
            in[carries + k] = slice_of(x[carries + k], at);
        fine = graph_evaluate(context, step, in, out, noise);
        for (int64_t k = 0; k < node->output_count; k++) {
            if (k < carries)
                in[k] = out[k];
            else
                made[(k - carries) * length + at] = out[k];
        }
    }
    for (int64_t k = 0; k < node->output_count && fine; k++) {
        const numc_type *type = numc__graph_output_type(step, (int32_t)k);
        if (k < carries) {
            y[k] = (numc_array *)(uintptr_t)in[k];
        } else if (length > 0) {
            y[k] = numc_stack(made + (k - carries) * length, (int32_t)length, 0);
        } else {
            int64_t shape[NUMC_RANK_LIMIT] = {0};
            for (int32_t d = 0; d < type->rank; d++)
                shape[1 + d] = type->shape[d];
            y[k] = numc_zeros(context, type->dtype, ((numc_shape){shape, type->rank + 1, true}));
        }
    }
    free(in);
    free(out);
    free(made);
    return fine;
}

static bool evaluate_while(numc_context *context, const numc_node *node, const numc_array *const *x, numc_array **y, generator *noise)
{
    int64_t carries = node->attributes.numbers[0];
    const numc_array **in = calloc((size_t)node->input_count + 1, sizeof *in);
    numc_array **out = calloc((size_t)carries + 1, sizeof *out);
    if (in == NULL || out == NULL)
        abort();
    bool fine = true;
    for (int32_t k = 0; k < node->input_count; k++)
        in[k] = x[k];
    for (int64_t steps = 0; fine && steps < 1000; steps++) {
        numc_array *goes_on = NULL;
        fine = graph_evaluate(context, node->attributes.graphs[0], in, &goes_on, noise);
        if (!fine || !numc_item_bool(goes_on))
            break;
        fine = graph_evaluate(context, node->attributes.graphs[1], in, out, noise);
        for (int64_t k = 0; k < carries; k++)
            in[k] = out[k];
    }
    for (int64_t k = 0; k < carries; k++)
        y[k] = (numc_array *)(uintptr_t)in[k];
    free(in);
    free(out);
    return fine;
}

static bool evaluate_node(numc_context *context, const numc_node *node, const numc_array *const *x, numc_array **y, generator *noise)
{
    switch (node->primitive) {
    case NUMC_PRIMITIVE_COND:
        return graph_evaluate(context, node->attributes.graphs[numc_item_bool(x[0]) ? 0 : 1], x + 1, y, noise);
    case NUMC_PRIMITIVE_CUSTOM: return graph_evaluate(context, node->attributes.graphs[0], x, y, noise);
    case NUMC_PRIMITIVE_SCAN: return evaluate_scan(context, node, x, y, noise);
    case NUMC_PRIMITIVE_WHILE: return evaluate_while(context, node, x, y, noise);
    default: break;
    }
    const numc_array *terms[64];
    if (noise != NULL && adds_up(node->primitive) && node->input_count <= 64) {
        for (int32_t k = 0; k < node->input_count; k++)
            terms[k] = noisy(context, x[k], noise, false, false);
        x = terms;
    }
    bool fine = numc__bind(context, node->primitive, x, node->input_count, &node->attributes, y, node->output_count) == NUMC_OK;
    bool triangular = node->primitive == NUMC_PRIMITIVE_LU; /* its further outputs are whole numbers as floats */
    for (int32_t k = 0; k < node->output_count && fine && !is_exact(node->primitive) && !(triangular && k > 0); k++)
        y[k] = (numc_array *)(uintptr_t)noisy(context, y[k], noise, false, adds_up(node->primitive));
    return fine;
}

bool graph_evaluate(numc_context *context, const numc_graph *graph, const numc_array *const *inputs, numc_array **outputs,
                    generator *noise)
{
    const numc_array **values = calloc((size_t)graph->value_count + 1, sizeof *values);
    size_t width = numc__graph_width(graph);
    const numc_array **x = calloc(width + 1, sizeof *x);
    numc_array **y = calloc(width + 1, sizeof *y);
    if (values == NULL || x == NULL || y == NULL)
        abort();
    for (int32_t i = 0; i < graph->value_count; i++)
        values[i] = i < graph->input_count ? inputs[i] : graph->values[i].constant;
    for (int32_t i = graph->input_count; i < graph->value_count && noise != NULL; i++)
        values[i] = values[i] == NULL ? NULL : noisy(context, numc__constant_on(context, values[i]), noise, true, false);
    bool fine = numc_error_status(context) == NUMC_OK;
    for (int32_t n = 0; n < graph->node_count && fine; n++) {
        const numc_node *node = &graph->nodes[n];
        for (int32_t k = 0; k < node->input_count; k++)
            x[k] = values[node->inputs[k]];
        memset(y, 0, width * sizeof *y);
        fine = evaluate_node(context, node, x, y, noise) && numc_error_status(context) == NUMC_OK;
        for (int32_t k = 0; k < node->output_count && fine; k++)
            values[node->first_output + k] = y[k];
    }
    for (int32_t i = 0; i < graph->output_count; i++)
        outputs[i] = fine ? (numc_array *)(uintptr_t)values[graph->outputs[i]] : NULL;
    free(values);
    free(x);
    free(y);
    return fine;
}

bool graph_spread(numc_context *context, const numc_graph *graph, const numc_array *const *inputs, const number_list *of, int runs,
                  uint64_t seed, double *spread)
{
    generator noise = {seed};
    number_list still = {0}; /* without noise */
    numc_array **out = calloc((size_t)graph->output_count + 1, sizeof *out);
    bool fine = true;
    if (out == NULL)
        abort();
    for (int64_t i = 0; i < of->count; i++)
        spread[i] = 0.0;
    for (int r = -1; r < runs && fine; r++) {
        numc_scope(context) {
            number_list n = {0};
            fine = graph_evaluate(context, graph, inputs, out, r < 0 ? NULL : &noise) &&
                   numbers_of(&n, (const numc_array *const *)out, graph->output_count) && n.count == of->count;
            for (int64_t i = 0; i < of->count && fine && r >= 0; i++) {
                double a = still.values[i], b = n.values[i];
                bool same = a == b || (isnan(a) && isnan(b));
                if (of->eps[i] == 0.0 ? !same : isfinite(a) != isfinite(b) || (!isfinite(a) && !same))
                    spread[i] = NAN;
                else if (!same && !isnan(spread[i]))
                    spread[i] = fmax(spread[i], fabs(a - b));
            }
            if (r < 0)
                still = n;
            else
                numbers_free(&n);
        }
    }
    numbers_free(&still);
    free(out);
    return fine;
}
