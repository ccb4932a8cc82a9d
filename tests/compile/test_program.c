/* test_program.c - compiled programs against the same graph applied node by node: fusion, views, reductions, scans, slots,
 * prologue and binding, and random programs from a seeded generator. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../base/effort.h"
#include "compile/program.h"
#include "numc/function.h"
#include "numc/linalg.h"

typedef numc_array *(*body_fn)(numc_context *context, numc_array *const *x);

static uint64_t state;
static double uniform(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) * 0x1p-53;
}

static numc_array *random_array(numc_context *context, int32_t rank, const int64_t *shape)
{
    double values[4096];
    int64_t size = 1;
    for (int32_t d = 0; d < rank; d++)
        size *= shape[d];
    for (int64_t i = 0; i < size; i++)
        values[i] = 0.25 + 1.5 * uniform();
    return numc_from_host_(context, NUMC_FLOAT64, (numc_shape){shape, rank, true}, values);
}

static numc_graph *trace(numc_context *context, body_fn body, numc_array *const *inputs, int32_t count)
{
    numc_array *traced[8];
    numc_trace *trace = numc__trace_begin(context);
    for (int32_t k = 0; k < count; k++)
        traced[k] = numc__trace_input(trace, &(numc_type){inputs[k]->dtype, inputs[k]->rank, inputs[k]->shape}, NULL);
    numc_array *result = body(context, traced);
    if (result == NULL)
        fail_msg("trace: %s", numc_error_message(context));
    numc_graph *graph = numc__trace_finish(trace, &result, 1, NULL, NULL);
    if (graph == NULL)
        fail_msg("trace: %s", numc_error_message(context));
    return graph;
}

/* Two arrays agree to `ulps` of the larger magnitude; summation order is all that may differ. */
static void assert_close(numc_context *context, const numc_array *a, const numc_array *b, double tolerance, const char *what)
{
    if (a == NULL || b == NULL)
        fail_msg("%s: %s", what, numc_error_message(context));
    int64_t n = numc_array_size(a);
    assert_int_equal(n, numc_array_size(b));
    assert_int_equal(numc_array_dtype(a), numc_array_dtype(b));
    double *x = malloc((size_t)(n + 1) * sizeof *x), *y = malloc((size_t)(n + 1) * sizeof *y);
    if (numc_to_host(a, NUMC_FLOAT64, x, (size_t)n * sizeof *x) != NUMC_OK ||
        numc_to_host(b, NUMC_FLOAT64, y, (size_t)n * sizeof *y) != NUMC_OK)
        fail_msg("%s: %s", what, numc_error_message(context));
    for (int64_t i = 0; i < n; i++)
        if (!((isfinite(x[i]) && fabs(x[i] - y[i]) <= tolerance * (1.0 + fabs(x[i]))) || (isnan(x[i]) && isnan(y[i])) || x[i] == y[i]))
            fail_msg("%s: element %lld is %.17g compiled, %.17g applied", what, (long long)i, x[i], y[i]);
    free(x);
    free(y);
}

static void check_graph(numc_context *context, numc_graph *graph, numc_array *const *inputs, int32_t count, const char *what)
{
    enum { OUTPUTS = 8 };
    numc_array *compiled[OUTPUTS], *applied[OUTPUTS];
    int32_t outputs = graph->output_count;
    const numc_array *const *in = (const numc_array *const *)inputs;
    assert_true(outputs <= OUTPUTS);
    numc_program *program = numc__program_new(context, graph, NULL);
    if (program == NULL)
        fail_msg("%s: %s", what, numc_error_message(context));
    if (numc__program_call(context, program, in, count, compiled, outputs) != NUMC_OK ||
        numc__graph_apply(context, graph, in, count, applied, outputs) != NUMC_OK)
        fail_msg("%s: %s", what, numc_error_message(context));
    for (int32_t k = 0; k < outputs; k++)
        assert_close(context, compiled[k], applied[k], 1e-12, what); /* sums of < 4096 terms below 4: 4096 eps, with room for conditioning */
    numc__program_release(program);
}

/* The function and, for a 0-d float result, its gradient and the gradient's gradient. */
static void check(numc_context *context, body_fn body, numc_array *const *inputs, int32_t count, const char *what)
{
    numc_scope(context) {
        numc_graph *graph = trace(context, body, inputs, count);
        check_graph(context, graph, inputs, count, what);
        const numc_type *type = &graph->values[graph->outputs[0]].type;
        if (type->rank == 0 && type->dtype == NUMC_FLOAT64) {
            numc_graph *gradient = numc__graph_value_and_gradient(context, graph, NULL);
            if (gradient == NULL)
                fail_msg("%s: %s", what, numc_error_message(context));
            check_graph(context, gradient, inputs, count, what);
            numc__graph_release(gradient);
        }
        numc__graph_release(graph);
    }
    if (numc_error_status(context) != NUMC_OK)
        fail_msg("%s: %s", what, numc_error_message(context));
}

static numc_array *elementwise(numc_context *context, numc_array *const *x)
{
    (void)context;
    return numc_add(numc_multiply(numc_exp(numc_negative(x[0])), 2.0), numc_divide(x[1], numc_add(x[0], 1.0)));
}

static numc_array *quadratic(numc_context *context, numc_array *const *x)
{
    (void)context;
    numc_array *z = numc_divide(numc_subtract(x[0], x[1]), numc_exp(x[2]));
    return numc_sum(numc_subtract(numc_multiply(-0.5, numc_square(z)), x[2]));
}

static numc_array *normalised(numc_context *context, numc_array *const *x)
{
    (void)context;
    numc_array *top = numc_max(x[0], NUMC_AXES(-1), .keepdims = true);
    numc_array *e = numc_exp(numc_subtract(x[0], top));
    return numc_divide(e, numc_sum(e, NUMC_AXES(-1), .keepdims = true));
}

static numc_array *both_axes(numc_context *context, numc_array *const *x)
{
    (void)context;
    numc_array *s = numc_log(x[0]);
    numc_array *rows = numc_sum(s, NUMC_AXES(0)), *columns = numc_sum(s, NUMC_AXES(1));
    return numc_add(numc_sum(numc_square(rows)), numc_sum(numc_exp(numc_multiply(0.1, columns))));
}

static numc_array *views(numc_context *context, numc_array *const *x)
{
    (void)context;
    numc_array *t = numc_matrix_transpose(numc_square(x[0]));
    numc_array *part = numc_index(t, NUMC_SLICE(1, 3), NUMC_SLICE_STEP(NUMC_END, NUMC_END, -1));
    numc_array *flat = numc_reshape(part, NUMC_SHAPE(-1));
    return numc_sum(numc_multiply(flat, numc_arange(context, NUMC_FLOAT64, 0.0, (double)numc_array_size(flat), 1.0)));
}

/* Three numbers beside each of a long vector: they lie with the long axis innermost, but for what is reshaped or multiplied. */
static numc_array *few_columns(numc_context *context, numc_array *const *x)
{
    static const double slopes[3] = {-0.5, 0.25, 1.5};
    numc_array *slope = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), slopes);
    numc_array *t = numc_multiply(numc_index(x[0], NUMC_ALL, NUMC_NEW), slope), *most = numc_max(t, NUMC_AXES(1), .keepdims = true);
    numc_array *e = numc_exp(numc_subtract(t, most)), *part = numc_divide(e, numc_sum(e, NUMC_AXES(1), .keepdims = true));
    numc_array *later = numc_index(part, NUMC_SLICE(1, NUMC_END), NUMC_SLICE_STEP(NUMC_END, NUMC_END, -1));
    numc_array *both = numc_multiply(later, numc_index(part, NUMC_SLICE(0, -1), NUMC_ALL));
    return numc_add(numc_sum(numc_multiply(numc_sum(both, NUMC_AXES(0)), slope)), numc_sum(numc_multiply(numc_sum(most), numc_square(part))));
}

static numc_array *few_columns_reshaped(numc_context *context, numc_array *const *x)
{
    numc_array *t = numc_exp(numc_multiply(numc_index(x[0], NUMC_ALL, NUMC_NEW), numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(3))));
    numc_array *flat = numc_reshape(numc_square(t), NUMC_SHAPE(-1));
    return numc_add(numc_sum(numc_multiply(flat, numc_flip(flat, NUMC_AXES(0)))), numc_sum(numc_sum(t, NUMC_AXES(0))));
}

static numc_array *regression(numc_context *context, numc_array *const *x)
{
    (void)context;
    numc_array *r = numc_subtract(numc_matmul(x[0], x[1]), x[2]);
    return numc_multiply(-0.5, numc_sum(numc_square(r)));
}

static numc_array *pieces(numc_context *context, numc_array *const *x)
{
    (void)context;
    const numc_array *parts[3] = {numc_exp(x[0]), x[1], numc_multiply(x[0], x[1])};
    numc_array *c = numc_concat(parts, 3, 0);
    return numc_sum(numc_multiply(c, numc_flip(c, NUMC_AXES(0))));
}

static numc_array *indexed(numc_context *context, numc_array *const *x)
{
    const int64_t group[6] = {0, 2, 1, 1, 3, 0};
    numc_array *index = numc_from_host(context, NUMC_INT64, NUMC_SHAPE(6), group);
    return numc_sum(numc_square(numc_subtract(numc_take(x[0], index, NUMC_AXIS(0)), 0.5)));
}

static void scan_step(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                      int32_t output_count, void *user)
{
    (void)context;
    (void)input_count;
    (void)output_count;
    const numc_array *coefficient = user;
    out[0] = numc_add(numc_multiply(coefficient, in[0]), numc_square(in[1]));
    out[1] = numc_log(out[0]);
}

static numc_array *scanned(numc_context *context, numc_array *const *x)
{
    const numc_array *carries[1] = {numc_index(x[0], NUMC_AT(0))}, *sequences[1] = {x[1]};
    numc_array *out[2];
    numc_array *coefficient = numc_multiply(0.5, numc_index(x[0], NUMC_AT(1)));
    if (numc_scan(context, scan_step, coefficient, carries, 1, sequences, 1, out, 1) != NUMC_OK)
        return NULL;
    return numc_add(out[0], numc_sum(out[1]));
}

/* One body with every kind of part that is taken out of a scan, or stays in it: carries that recur (0), take sums (1), give
 * differences (2), stay (3), follow a sequence (4), and count (5); what is stacked is recurring, known before, computed after,
 * the same at each step, a sequence itself, and gathered by a known and by a recurring index. */
static void parts_step(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                       int32_t output_count, void *user)
{
    (void)context;
    (void)input_count;
    (void)output_count;
    const numc_array *const *outer = user; /* vector, scalar, whole numbers */
    numc_array *ahead = numc_exp(numc_multiply(0.1, numc_add(in[6], outer[1])));
    out[0] = numc_add(numc_multiply(0.5, in[0]), ahead);
    out[1] = numc_add(numc_sin(in[0]), in[1]);
    out[2] = numc_subtract(in[2], numc_multiply(ahead, in[3]));
    out[3] = numc_multiply(in[3], 1.0);
    out[4] = numc_multiply(in[6], 1.0);
    out[5] = numc_remainder(numc_add(in[5], in[7]), 4);
    out[6] = numc_log(numc_add(numc_square(out[0]), in[4]));
    out[7] = ahead;
    out[8] = numc_multiply(outer[1], in[3]);
    out[9] = numc_take(outer[0], in[7], NUMC_AXIS(0));
    out[10] = numc_take(outer[0], in[5], NUMC_AXIS(0));
    out[11] = numc_multiply(in[6], 1.0);
    out[12] = numc_multiply(in[0], 1.0);
}

static numc_array *parts(numc_array *const *x, bool reverse, int64_t length)
{
    const int64_t steps[7] = {2, 0, 3, 1, 1, 2, 0};
    numc_context *context = numc__lane_of((const numc_array *const *)x, 1, "parts");
    const numc_array *outer[3] = {x[0], numc_index(x[0], NUMC_AT(1)), NULL};
    numc_array *index = numc_index(numc_from_host(context, NUMC_INT64, NUMC_SHAPE(7), steps), NUMC_SLICE(0, length));
    const numc_array *carries[6] = {numc_index(x[0], NUMC_AT(0)), numc_index(x[0], NUMC_AT(1)), numc_index(x[0], NUMC_AT(2)),
                                    numc_index(x[0], NUMC_AT(3)), numc_index(x[0], NUMC_AT(0)),
                                    numc_number(context, NUMC_INT64, 1)};
    const numc_array *sequences[2] = {numc_index(x[1], NUMC_SLICE(0, length)), index};
    numc_array *out[13], *total = NULL;
    if (numc_scan(context, parts_step, outer, carries, 6, sequences, 2, out, 7, .reverse = reverse) != NUMC_OK)
        return NULL;
    for (int k = 0; k < 13; k++) {
        numc_array *weight = numc_add(numc_arange(context, NUMC_FLOAT64, 0.0, (double)length, 1.0), 1.0 + 0.1 * k);
        numc_array *part = k < 6 ? numc_multiply(out[k], 0.3 + 0.1 * k) : numc_sum(numc_multiply(out[k], weight));
        total = total == NULL ? part : numc_add(total, part);
    }
    return total;
}

static numc_array *parts_forwards(numc_context *context, numc_array *const *x)
{
    (void)context;
    return parts(x, false, 7);
}

static numc_array *parts_backwards(numc_context *context, numc_array *const *x)
{
    (void)context;
    return parts(x, true, 7);
}

static numc_array *parts_short(numc_context *context, numc_array *const *x)
{
    (void)context;
    return parts(x, false, 2);
}

static void ones_step(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                      int32_t output_count, void *user)
{
    (void)context;
    (void)input_count;
    (void)output_count;
    const numc_array *scale = user;
    out[0] = numc_add(numc_tanh(in[0]), numc_multiply(scale, in[2]));
    out[1] = numc_add(in[1], numc_square(in[2]));
    out[2] = numc_multiply(in[0], in[2]);
}

/* Everything of one element has shape (1, 1). */
static numc_array *scanned_ones(numc_context *context, numc_array *const *x)
{
    (void)context;
    numc_array *start = numc_reshape(numc_index(x[0], NUMC_AT(0)), NUMC_SHAPE(1, 1));
    numc_array *scale = numc_reshape(numc_index(x[0], NUMC_AT(2)), NUMC_SHAPE(1, 1));
    const numc_array *carries[2] = {start, start}, *sequences[1] = {numc_reshape(x[1], NUMC_SHAPE(7, 1, 1))};
    numc_array *out[3];
    if (numc_scan(context, ones_step, scale, carries, 2, sequences, 1, out, 1) != NUMC_OK)
        return NULL;
    return numc_add(numc_add(numc_sum(out[0]), numc_sum(out[1])), numc_sum(out[2]));
}

/* Vectors and matrices per step: every application that can be made for all steps at once, before and after a recurrence. */
struct step_data {
    const numc_array *table, *weights;
    bool sorts;
};

static void batched_step(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                         int32_t output_count, void *user)
{
    (void)input_count;
    (void)output_count;
    const struct step_data *d = user;
    const numc_array *before = in[0], *total = in[1], *x = in[2], *m = in[3], *index = in[4];
    const int64_t picked[3] = {4, 0, 2};
    numc_array *a = numc_index(x, NUMC_SLICE(1, 4)), *b = numc_flip(a, NUMC_AXES(0));
    numc_array *t = numc_matrix_transpose(m);
    const numc_array *parts[3] = {a, d->weights, b};
    numc_array *joined = numc_take(numc_concat(parts, 3, 0), numc_from_host(context, NUMC_INT64, NUMC_SHAPE(3), picked), NUMC_AXIS(0));
    numc_array *rows = numc_take(d->table, index, NUMC_AXIS(0)); /* (2, 3) */
    numc_array *columns = numc_take(d->table, index, NUMC_AXIS(1)); /* (3, 2) */
    numc_array *spread = numc_add(numc_matmul(m, t), numc_eye(context, NUMC_FLOAT64, 3, 3, 0));
    numc_array *factor = numc_linalg_cholesky(spread);
    numc_array *column = numc_reshape(joined, NUMC_SHAPE(3, 1));
    numc_array *solved = numc_linalg_triangular_solve(factor, column);
    numc_array *known = numc_sum(t, NUMC_AXES(0)), *largest = numc_max(m, NUMC_AXES(1));
    numc_array *over_rows = numc_sum(rows, NUMC_AXES(0)), *over_columns = numc_sum(columns, NUMC_AXES(1));
    known = numc_add(numc_add(known, largest), numc_add(numc_cumulative_sum(b, NUMC_AXIS(0)), numc_reshape(solved, NUMC_SHAPE(3))));
    known = numc_add(known, numc_add(over_rows, over_columns));
    known = numc_add(known, numc_matmul(d->table, d->sorts ? numc_sort(a) : a));
    out[0] = numc_tanh(numc_add(numc_multiply(0.3, numc_matmul(m, before)), numc_multiply(0.1, known)));
    out[1] = numc_add(total, numc_multiply(numc_exp(out[0]), joined));
    out[2] = numc_outer(out[0], numc_broadcast_to(numc_reshape(numc_index(x, NUMC_AT(0)), NUMC_SHAPE(1)), NUMC_SHAPE(2)));
    out[3] = numc_multiply(known, d->weights);
    out[4] = numc_matmul(numc_matmul(d->table, t), numc_square(before));
}

static numc_array *batches(numc_array *const *x, bool sorts, bool reverse)
{
    const int64_t steps[12] = {2, 0, 1, 1, 0, 2, 2, 1, 0, 0, 1, 2};
    numc_context *context = numc__lane_of((const numc_array *const *)x, 1, "batches");
    numc_array *start = numc_index(x[0], NUMC_AT(0), NUMC_SLICE(0, 3));
    numc_array *table = numc_index(x[0], NUMC_SLICE(0, 3), NUMC_SLICE(1, 4));
    struct step_data d = {table, numc_index(x[0], NUMC_AT(3), NUMC_SLICE(0, 3)), sorts};
    numc_array *matrices = numc_multiply(numc_reshape(x[1], NUMC_SHAPE(6, 1, 4)), numc_reshape(x[1], NUMC_SHAPE(6, 4, 1)));
    matrices = numc_index(matrices, NUMC_ALL, NUMC_SLICE(0, 3), NUMC_SLICE(1, 4));
    const numc_array *carries[2] = {start, start};
    const numc_array *sequences[3] = {x[1], matrices, numc_from_host(context, NUMC_INT64, NUMC_SHAPE(6, 2), steps)};
    numc_array *out[5], *sum = NULL;
    if (numc_scan(context, batched_step, &d, carries, 2, sequences, 3, out, 3, .reverse = reverse) != NUMC_OK)
        return NULL;
    for (int k = 0; k < 5; k++) {
        numc_array *part = numc_multiply(numc_sum(numc_square(out[k])), 0.2 + 0.1 * k);
        sum = sum == NULL ? part : numc_add(sum, part);
    }
    return sum;
}

static numc_array *batches_forwards(numc_context *context, numc_array *const *x)
{
    (void)context;
    return batches(x, false, false);
}

static numc_array *batches_backwards(numc_context *context, numc_array *const *x)
{
    (void)context;
    return batches(x, false, true);
}

/* The order of a vector cannot be found for all steps at once: the scan stands. */
static numc_array *batches_sorted(numc_context *context, numc_array *const *x)
{
    (void)context;
    return batches(x, true, false);
}

static void vector_step(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                        int32_t output_count, void *user)
{
    (void)context;
    (void)input_count;
    (void)output_count;
    numc_array *matrix = user;
    out[0] = numc_tanh(numc_add(numc_matmul(matrix, in[0]), in[1]));
    out[1] = numc_sum(out[0]);
}

static numc_array *vector_scan(numc_context *context, numc_array *const *x)
{
    const numc_array *carries[1] = {x[1]}, *sequences[1] = {x[2]};
    numc_array *out[2];
    if (numc_scan(context, vector_step, x[0], carries, 1, sequences, 1, out, 1) != NUMC_OK)
        return NULL;
    return numc_add(numc_sum(numc_square(out[0])), numc_sum(out[1]));
}

static void double_it(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                      int32_t output_count, void *user)
{
    (void)context;
    (void)input_count;
    (void)output_count;
    (void)user;
    out[0] = numc_multiply(in[0], 2.0);
}

static void square_it(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                      int32_t output_count, void *user)
{
    (void)context;
    (void)input_count;
    (void)output_count;
    (void)user;
    out[0] = numc_square(in[0]);
}

static numc_array *branch(numc_context *context, numc_array *const *x)
{
    (void)context;
    const numc_array *in[1] = {x[0]};
    numc_array *out[1];
    numc_array *predicate = numc_greater(numc_sum(x[1]), 4.0);
    if (numc_cond(predicate, double_it, square_it, NULL, in, 1, out, 1) != NUMC_OK)
        return NULL;
    return numc_sum(out[0]);
}

static numc_array *gaussian(numc_context *context, numc_array *const *x)
{
    numc_array *d = numc_subtract(numc_index(x[0], NUMC_ALL, NUMC_NEW), numc_index(x[0], NUMC_NEW, NUMC_ALL));
    numc_array *k = numc_add(numc_exp(numc_multiply(-0.5, numc_square(d))), numc_eye(context, NUMC_FLOAT64, 5, 5, 0));
    numc_array *l = numc_linalg_cholesky(k);
    numc_array *a = numc_linalg_triangular_solve(l, numc_index(x[1], NUMC_ALL, NUMC_NEW));
    return numc_subtract(numc_multiply(-0.5, numc_sum(numc_square(a))), numc_sum(numc_log(numc_diagonal(l))));
}

static numc_array *scalars(numc_context *context, numc_array *const *x)
{
    (void)context;
    numc_array *m = numc_mean(x[0]);
    numc_array *s = numc_exp(numc_multiply(m, 0.25));
    numc_array *v = numc_sum(numc_multiply(x[0], s));
    return numc_multiply(v, numc_add(m, numc_sqrt(v)));
}

/* The two numbers together are infinite; with an element they are not. */
static numc_array *large_numbers(numc_context *context, numc_array *const *x)
{
    (void)context;
    return numc_multiply(numc_multiply(x[0], 1e308), 2.0);
}

static void test_forms(void **unused)
{
    (void)unused;
    numc_context *context = numc_open(NULL);
    assert_int_equal(numc_error_status(context), NUMC_OK);
    state = 1;
    numc_array *v7 = random_array(context, 1, (int64_t[]){7}), *w7 = random_array(context, 1, (int64_t[]){7});
    numc_array *s = random_array(context, 0, NULL), *m = random_array(context, 2, (int64_t[]){5, 4});
    numc_array *v4 = random_array(context, 1, (int64_t[]){4}), *v5 = random_array(context, 1, (int64_t[]){5});
    numc_array *square = random_array(context, 2, (int64_t[]){4, 4}), *rows = random_array(context, 2, (int64_t[]){6, 4});
    numc_array *long_vector = random_array(context, 1, (int64_t[]){3000});
    numc_array *w5 = random_array(context, 1, (int64_t[]){5});
    check(context, elementwise, (numc_array *[]){v7, w7}, 2, "elementwise");
    check(context, elementwise, (numc_array *[]){m, v4}, 2, "elementwise broadcast");
    check(context, elementwise, (numc_array *[]){s, s}, 2, "elementwise 0-d");
    check(context, quadratic, (numc_array *[]){v7, s, s}, 3, "quadratic");
    check(context, quadratic, (numc_array *[]){long_vector, s, s}, 3, "quadratic, long");
    check(context, normalised, (numc_array *[]){m}, 1, "normalised");
    check(context, both_axes, (numc_array *[]){m}, 1, "both axes");
    check(context, views, (numc_array *[]){m}, 1, "views");
    check(context, few_columns, (numc_array *[]){long_vector}, 1, "few columns");
    check(context, few_columns_reshaped, (numc_array *[]){long_vector}, 1, "few columns, reshaped");
    check(context, regression, (numc_array *[]){m, v4, v5}, 3, "regression");
    check(context, pieces, (numc_array *[]){v7, w7}, 2, "pieces");
    check(context, indexed, (numc_array *[]){v4}, 1, "indexed");
    check(context, scanned, (numc_array *[]){v4, v7}, 2, "scan of scalars");
    check(context, parts_forwards, (numc_array *[]){v4, v7}, 2, "parts of a scan");
    check(context, parts_backwards, (numc_array *[]){v4, v7}, 2, "parts of a reversed scan");
    check(context, parts_short, (numc_array *[]){v4, v7}, 2, "parts of a short scan");
    check(context, scanned_ones, (numc_array *[]){v4, v7}, 2, "scan of one-element arrays");
    check(context, batches_forwards, (numc_array *[]){square, rows}, 2, "batches of a scan");
    check(context, batches_backwards, (numc_array *[]){square, rows}, 2, "batches of a reversed scan");
    check(context, batches_sorted, (numc_array *[]){square, rows}, 2, "scan that sorts");
    check(context, vector_scan, (numc_array *[]){square, v4, rows}, 3, "scan of vectors");
    check(context, branch, (numc_array *[]){v4, v5}, 2, "cond");
    check(context, branch, (numc_array *[]){v4, s}, 2, "cond, other branch");
    check(context, gaussian, (numc_array *[]){v5, w5}, 2, "gaussian process");
    check(context, scalars, (numc_array *[]){v7}, 1, "scalars between nests");
    numc_array *few = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), ((const double[]){0.0, 0.25, -1e-10}));
    check(context, large_numbers, (numc_array *[]){few}, 1, "products of large numbers");
    numc_close(context);
}

/* ---- data, prologue, binding, workspace -------------------------------------------------------------------------------------- */

static numc_array *with_data(numc_context *context, numc_array *const *x)
{
    (void)context;
    numc_array *constant = numc_sum(numc_log(x[1])); /* the prologue's */
    numc_array *z = numc_multiply(x[0], numc_square(x[1]));
    return numc_subtract(numc_sum(z), constant);
}

static void test_workspace(void **unused)
{
    (void)unused;
    numc_context *context = numc_open(NULL);
    state = 2;
    numc_array *x = random_array(context, 1, (int64_t[]){7}), *y = random_array(context, 1, (int64_t[]){7});
    numc_graph *graph = trace(context, with_data, (numc_array *[]){x, y}, 2);
    const bool active[2] = {true, false};
    numc_graph *gradient = numc__graph_value_and_gradient(context, graph, active);
    const bool data[2] = {false, true};
    numc_program *program = numc__program_new(context, gradient, &(numc_program_options){.data = data});
    if (program == NULL)
        fail_msg("%s", numc_error_message(context));
    const numc_array *bound[1] = {y};
    numc_binding *binding = numc__binding_new(context, program, bound, 1);
    if (binding == NULL)
        fail_msg("%s", numc_error_message(context));
    numc_workspace *workspace = numc__workspace_new(context, binding);
    if (workspace == NULL)
        fail_msg("%s", numc_error_message(context));
    double hx[7], hy[7], value, slope[7];
    assert_int_equal(numc_to_host(y, NUMC_FLOAT64, hy, sizeof hy), NUMC_OK);
    for (int round = 0; round < 3; round++) {
        double expected = 0.0;
        for (int i = 0; i < 7; i++)
            hx[i] = uniform();
        for (int i = 0; i < 7; i++)
            expected += hx[i] * hy[i] * hy[i] - log(hy[i]);
        const void *inputs[1] = {hx};
        void *outputs[2] = {&value, slope};
        if (numc__workspace_run(context, workspace, inputs, outputs) != NUMC_OK)
            fail_msg("%s", numc_error_message(context));
        assert_true(fabs(value - expected) <= 1e-13 * 7); /* 14 roundings of terms below 4 */
        for (int i = 0; i < 7; i++)
            assert_true(slope[i] == hy[i] * hy[i]);
    }
    const numc_array *wrong[1] = {numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(8))};
    assert_null(numc__binding_new(context, program, wrong, 1));
    assert_int_equal(numc_error_status(context), NUMC_SHAPE);
    assert_non_null(strstr(numc_error_message(context), "float64[8]"));
    numc_error_clear(context);
    numc__workspace_free(workspace);
    numc__binding_release(binding);
    numc__program_release(program);
    numc__graph_release(gradient);
    numc__graph_release(graph);
    numc_close(context);
}

/* ---- random programs ---------------------------------------------------------------------------------------------------------------- */

static int below(int n)
{
    return (int)(uniform() * n);
}

/* A chain of random applications over a pool of values of shapes (), (3), (4), (3, 4); every step keeps magnitudes moderate. */
static numc_array *random_program(numc_context *context, numc_array *const *x)
{
    numc_array *pool[40];
    int count = 0;
    for (int k = 0; k < 4; k++)
        pool[count++] = x[k];
    int steps = 6 + below(18);
    for (int k = 0; k < steps; k++) {
        numc_array *a = pool[below(count)], *b = pool[below(count)];
        numc_array *r = NULL;
        int32_t rank = numc_array_rank(a);
        const int64_t *shape = numc_array_shape(a);
        switch (below(14)) {
        case 0: r = numc_tanh(a); break;
        case 1: r = numc_exp(numc_negative(numc_abs(a))); break;
        case 2: r = numc_sqrt(numc_add(numc_square(a), 1.0)); break;
        case 3: r = numc_sum(a); break;
        case 4: r = rank > 0 ? numc_mean(a, NUMC_AXES(-1)) : numc_negative(a); break;
        case 5: r = rank == 2 ? numc_sum(a, NUMC_AXES(0)) : numc_cos(a); break;
        case 6: r = rank == 2 ? numc_reshape(numc_matrix_transpose(a), NUMC_SHAPE(shape[0], shape[1])) : numc_flip(a, (numc_axes){0}); break;
        case 7: r = rank > 0 ? numc_index(a, NUMC_ELLIPSIS, NUMC_SLICE_STEP(NUMC_END, NUMC_END, -1)) : numc_sin(a); break;
        case 8: r = numc_where(numc_less(a, 0.5), numc_square(a), numc_multiply(0.5, a)); break;
        case 9: r = rank > 0 ? numc_max(a, NUMC_AXES(-1)) : numc_log(numc_add(numc_square(a), 1.0)); break;
        case 10: r = rank > 0 && shape[rank - 1] == 4 ? numc_cumulative_sum(a, NUMC_AXIS(-1)) : numc_expm1(numc_tanh(a)); break;
        case 11: r = rank == 2 ? numc_matmul(a, numc_matrix_transpose(a)) : numc_add(a, a); break;
        default: {
            int64_t out[32];
            const numc_shape shapes[2] = {{shape, rank, true}, {numc_array_shape(b), numc_array_rank(b), true}};
            if (numc_broadcast_shapes(shapes, 2, out) < 0)
                break;
            r = below(2) ? numc_multiply(numc_tanh(a), b) : numc_subtract(a, b);
            break;
        }
        }
        if (numc_error_status(context) != NUMC_OK)
            return NULL;
        if (r != NULL && count < 40)
            pool[count++] = numc_tanh(r);
    }
    numc_array *total = numc_sum(pool[count - 1]);
    for (int k = 0; k < count - 1; k += 3)
        total = numc_add(total, numc_mean(pool[k]));
    return total;
}

static void test_random(void **unused)
{
    (void)unused;
    numc_context *context = numc_open(NULL);
    for (uint64_t seed = 0; seed < (uint64_t)part_of(300); seed++) {
        char what[64];
        snprintf(what, sizeof what, "random program %llu", (unsigned long long)seed);
        numc_scope(context) {
            state = 77 + seed * 1000003;
            numc_array *x[4] = {random_array(context, 0, NULL), random_array(context, 1, (int64_t[]){3}),
                                random_array(context, 1, (int64_t[]){4}), random_array(context, 2, (int64_t[]){3, 4})};
            check(context, random_program, x, 4, what);
        }
        if (numc_error_status(context) != NUMC_OK) /* a scope does not begin while an error is pending */
            fail_msg("%s: %s", what, numc_error_message(context));
    }
    numc_close(context);
}

/* What becomes infinite on the way stays so, though the two numbers that follow each other are one in the end. */
static numc_array *up_and_down(numc_context *context, numc_array *const *x)
{
    (void)context;
    numc_array *up = numc_multiply(x[0], 0x1p60);
    return numc_add(numc_multiply(up, 0x1p-60), numc_divide(numc_multiply(x[0], -0x1p60), 0x1p60));
}

static numc_array *down_and_up(numc_context *context, numc_array *const *x)
{
    (void)context;
    return numc_multiply(numc_multiply(-0.5, x[0]), 2.0);
}

/* A sum that vanishes is +0, however its terms are written: 1 / it is +inf. */
static numc_array *vanishing_sums(numc_context *context, numc_array *const *x)
{
    const int64_t shape[] = {3};
    numc_array *zero = numc_broadcast_to(numc_multiply(-0.0, numc_sum(numc_abs(x[0]))), (numc_shape){shape, 1, true});
    (void)context;
    return numc_add(numc_divide(1.0, numc_sum(numc_negative(x[0]))), numc_divide(1.0, numc_sum(zero)));
}

static void test_edges(void **unused)
{
    (void)unused;
    static const double edges[] = {0.0, -0.0, 1.0, 1e300, -1e300, 1e-300, INFINITY, -INFINITY, NAN};
    numc_context *context = numc_open(NULL);
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(9), edges);
    check(context, up_and_down, &x, 1, "up and down");
    check(context, down_and_up, &x, 1, "down and up");
    static const double opposite[] = {1.0, -1.0};
    numc_array *y = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2), opposite);
    check(context, vanishing_sums, &y, 1, "sums that vanish");
    numc_close(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_workspace),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
