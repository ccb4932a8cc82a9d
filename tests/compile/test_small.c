/* test_small.c - small values in registers: scans over numbers, short vectors and small matrices, batches of them, and algebra on
 * small matrices become kernels and give what the graph gives node by node; derivatives and batches of each too, and native code
 * has the interpreter's bits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compile/program.h"
#include "../base/effort.h"
#include "../base/need.h"
#include "graph/function.h"
#include "numc/numc.h"

/* A (3, 3), V (3), Y (9, 3), S (), I (9) whole numbers from -1 to 4, W (20), T (5), M (20, 3, 3), P (3, 3) positive definite. */
enum { A, V, Y, S, I, W, T, M, P, INPUTS };
enum { STEPS = 9, BATCH = 20, MOST_OUTPUTS = 4 };

typedef struct form {
    const char *name;
    void (*body)(numc_context *context, const numc_array *const *in, numc_array **out);
    int outputs;
    bool batched;  /* is also tried under vmap, four at a time */
    bool steps;    /* some scan or slot stays a step of its own */
    double scale;  /* of the tolerance: how far rounding is carried on */
} form;

static numc_array *scanned(numc_context *context, numc_trace_fn step, const numc_array *const *in, const numc_array *carry,
                           const numc_array *sequence, numc_array **stacked, bool reverse)
{
    numc_array *out[2] = {NULL, NULL};
    if (numc_scan(context, step, (void *)(uintptr_t)in, &carry, 1, &sequence, 1, out, stacked != NULL, .reverse = reverse) != NUMC_OK)
        return NULL;
    if (stacked != NULL)
        *stacked = out[1];
    return out[0];
}

#define STEP(name)                                                                                 \
    static void name(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,  \
                     int32_t output_count, void *user)
#define UNUSED (void)context, (void)input_count, (void)output_count, (void)user
#define OUTER ((const numc_array *const *)user)

/* ---- scans ---------------------------------------------------------------------------------------------------------------- */

STEP(logarithms_step)
{
    UNUSED;
    numc_array *paths = numc_add(numc_index(in[0], NUMC_ALL, NUMC_NEW), OUTER[A]);
    out[0] = numc_add(numc_logsumexp(paths, NUMC_AXES(0)), in[1]);
}
static void logarithms(numc_context *context, const numc_array *const *in, numc_array **out)
{
    out[0] = numc_logsumexp(scanned(context, logarithms_step, in, in[V], in[Y], NULL, false));
}

STEP(scaled_step)
{
    UNUSED;
    numc_array *joint = numc_multiply(numc_matmul(in[0], numc_exp(OUTER[A])), numc_exp(in[1]));
    out[1] = numc_sum(joint);
    out[0] = numc_divide(joint, out[1]);
}
static void scaled(numc_context *context, const numc_array *const *in, numc_array **out)
{
    numc_array *totals = NULL;
    out[1] = scanned(context, scaled_step, in, numc_exp(in[V]), in[Y], &totals, false);
    out[0] = numc_sum(numc_log(totals));
}
static void scaled_backwards(numc_context *context, const numc_array *const *in, numc_array **out)
{
    numc_array *totals = NULL;
    out[1] = scanned(context, scaled_step, in, numc_exp(in[V]), in[Y], &totals, true);
    out[0] = numc_sum(numc_log(totals));
    out[2] = totals;
}
static void scaled_in_float32(numc_context *context, const numc_array *const *in, numc_array **out)
{
    const numc_array *single[INPUTS] = {NULL};
    single[A] = numc_astype(in[A], NUMC_FLOAT32);
    numc_array *totals = NULL;
    out[0] = scanned(context, scaled_step, single, numc_astype(in[V], NUMC_FLOAT32), numc_astype(in[Y], NUMC_FLOAT32), &totals, false);
    out[1] = totals;
}

/* A row by an index of the step, an element of the carry by another one, which runs over the ends. */
STEP(indices_step)
{
    UNUSED;
    numc_array *row = numc_take(OUTER[A], numc_clip(in[1], 0, 2), NUMC_AXIS(0));
    numc_array *at = numc_remainder(numc_add(in[1], 4), 3);
    out[1] = numc_multiply(numc_take(in[0], numc_reshape(at, NUMC_SHAPE(1)), NUMC_AXIS(0)), OUTER[S]);
    out[0] = numc_tanh(numc_add(numc_multiply(in[0], row), out[1]));
}
static void indices(numc_context *context, const numc_array *const *in, numc_array **out)
{
    numc_array *picked = NULL;
    out[0] = numc_sum(scanned(context, indices_step, in, in[V], in[I], &picked, false));
    out[1] = picked;
}

/* Counts where indices fall; what falls outside is dropped. */
STEP(counts_step)
{
    UNUSED;
    const numc_array *values[1] = {numc_multiply(OUTER[S], numc_add(numc_sum(in[0]), 1.0))};
    out[0] = numc_scatter_add(numc_multiply(in[0], 0.5), numc_reshape(in[1], NUMC_SHAPE(1)), numc_reshape(values[0], NUMC_SHAPE(1)), 0);
}
static void counts(numc_context *context, const numc_array *const *in, numc_array **out)
{
    out[0] = numc_sum(numc_multiply(scanned(context, counts_step, in, in[V], in[I], NULL, true), in[V]));
}

/* The last three observations as the carry, and moves of all kinds. */
STEP(moves_step)
{
    UNUSED;
    const numc_array *lags[2] = {numc_reshape(numc_sum(in[1]), NUMC_SHAPE(1)), numc_index(in[0], NUMC_SLICE(0, 2))};
    numc_array *turned = numc_cumulative_sum(numc_flip(in[0], NUMC_AXES(0))), *table = numc_reshape(numc_outer(turned, in[1]), NUMC_SHAPE(9));
    out[0] = numc_concat(lags, 2, 0);
    out[1] = numc_multiply(numc_index(numc_matrix_transpose(numc_reshape(table, NUMC_SHAPE(3, 3))), NUMC_AT(1)),
                           numc_arange(context, NUMC_FLOAT64, 0, 3, 1));
}
static void moves(numc_context *context, const numc_array *const *in, numc_array **out)
{
    numc_array *stacked = NULL;
    out[0] = numc_sum(numc_multiply(scanned(context, moves_step, in, in[V], in[Y], &stacked, false), in[V]));
    out[1] = stacked;
}

STEP(reductions_step)
{
    UNUSED;
    numc_array *table = numc_add(numc_index(in[0], NUMC_ALL, NUMC_NEW), in[1]);
    numc_array *some = numc_any(numc_greater(table, 0.7), NUMC_AXES(1)), *all = numc_all(numc_greater(table, -5.0));
    out[0] = numc_where(some, numc_multiply(numc_max(table, NUMC_AXES(1)), 0.3), numc_min(table, NUMC_AXES(0)));
    out[1] = numc_where(all, numc_prod(table, NUMC_AXES(0)), 0.0);
}
static void reductions(numc_context *context, const numc_array *const *in, numc_array **out)
{
    numc_array *stacked = NULL;
    out[0] = numc_sum(scanned(context, reductions_step, in, in[V], in[Y], &stacked, false));
    out[1] = stacked;
}

/* A Kalman filter's covariance: P' = A P A^T + C C^T / 4, observed through its factor. */
STEP(filter_step)
{
    UNUSED;
    numc_array *a = numc_multiply(OUTER[A], 0.4);
    numc_array *p = numc_add(numc_matmul(numc_matmul(a, in[0]), numc_matrix_transpose(a)), numc_multiply(OUTER[P], 0.25));
    numc_array *l = numc_linalg_cholesky(p), *z = numc_linalg_triangular_solve(l, in[1]);
    out[0] = p;
    out[1] = numc_add(numc_sum(numc_square(z)), numc_multiply(2.0, numc_sum(numc_log(numc_diagonal(l)))));
}
static void filter(numc_context *context, const numc_array *const *in, numc_array **out)
{
    numc_array *terms = NULL;
    out[1] = scanned(context, filter_step, in, in[P], in[Y], &terms, false);
    out[0] = numc_sum(terms);
}

/* ---- batches -------------------------------------------------------------------------------------------------------------- */

/* A recurrence for each of twenty series: their own coefficient, a table read by the step, a common observation. */
STEP(series_step)
{
    UNUSED;
    numc_array *entry = numc_take(OUTER[T], numc_clip(in[1], 0, 4), NUMC_AXIS(0));
    out[0] = numc_sqrt(numc_add(numc_square(numc_add(numc_multiply(in[0], OUTER[W]), entry)), 0.1));
    out[1] = numc_multiply(out[0], numc_add(OUTER[W], entry));
}
static void series(numc_context *context, const numc_array *const *in, numc_array **out)
{
    numc_array *stacked = NULL;
    out[0] = numc_sum(scanned(context, series_step, in, in[W], in[I], &stacked, false));
    out[1] = stacked;
}
static void series_backwards(numc_context *context, const numc_array *const *in, numc_array **out)
{
    numc_array *stacked = NULL;
    out[1] = scanned(context, series_step, in, numc_square(in[W]), in[I], &stacked, true);
    out[0] = numc_sum(numc_square(stacked));
}

/* Twenty states of three numbers each, through matrices of their own. */
STEP(matrices_step)
{
    UNUSED;
    numc_array *x = numc_matmul(OUTER[M], numc_index(in[0], NUMC_ALL, NUMC_ALL, NUMC_NEW));
    numc_array *y = numc_index(x, NUMC_ALL, NUMC_ALL, NUMC_AT(0));
    out[0] = numc_tanh(numc_add(y, in[1]));
    out[1] = numc_logsumexp(y, NUMC_AXES(1));
}
static void matrices(numc_context *context, const numc_array *const *in, numc_array **out)
{
    numc_array *stacked = NULL, *start = numc_index(in[M], NUMC_ALL, NUMC_AT(1));
    out[0] = numc_sum(scanned(context, matrices_step, in, start, in[Y], &stacked, false));
    out[1] = stacked;
}

/* ---- algebra outside scans ------------------------------------------------------------------------------------------------- */

static void algebra(numc_context *context, const numc_array *const *in, numc_array **out)
{
    (void)context;
    numc_array *l = numc_linalg_cholesky(in[P]), *b = numc_matmul(in[A], numc_matrix_transpose(l));
    numc_array *x = numc_linalg_triangular_solve(l, b), *u = numc_linalg_triangular_solve(numc_matrix_transpose(l), in[V], .upper = true);
    out[0] = numc_add(numc_sum(numc_square(x)), numc_sum(numc_log(numc_diagonal(l))));
    out[1] = u;
    out[2] = numc_cumulative_sum(in[A], NUMC_AXIS(0));
}
static void many(numc_context *context, const numc_array *const *in, numc_array **out)
{
    (void)context;
    numc_array *m = numc_matmul(in[M], numc_matrix_transpose(in[M]));
    numc_array *l = numc_linalg_cholesky(numc_add(m, in[P]));
    numc_array *x = numc_linalg_triangular_solve(l, numc_matrix_transpose(in[M]));
    out[0] = numc_add(numc_sum(numc_square(x)), numc_sum(numc_log(numc_add(numc_abs(l), 1.0))));
    out[1] = numc_cumulative_prod(in[M], NUMC_AXIS(1));
}
/* Not positive definite, and singular: NaN where the contract says so, in some of a batch. */
static void broken(numc_context *context, const numc_array *const *in, numc_array **out)
{
    (void)context;
    numc_array *signs = numc_reshape(numc_sign(in[W]), NUMC_SHAPE(BATCH, 1, 1));
    numc_array *l = numc_linalg_cholesky(numc_multiply(in[P], signs));
    out[0] = numc_where(numc_isnan(l), 7.0, l);
    numc_array *t = numc_multiply(in[P], numc_where(numc_greater(signs, 0.0), 1.0, 0.0));
    numc_array *x = numc_linalg_triangular_solve(numc_index(t, NUMC_SLICE(0, 8)), numc_index(in[M], NUMC_SLICE(0, 8)));
    out[1] = numc_where(numc_isnan(x), 7.0, x);
}
/* Gradients of elements and slices add up as padded blocks; small axes beside a long one. */
static void pieces(numc_context *context, const numc_array *const *in, numc_array **out)
{
    (void)context;
    numc_array *sum = numc_multiply(in[S], 0.0);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            sum = numc_add(sum, numc_multiply(numc_index(in[A], NUMC_AT(i), NUMC_AT(j)),
                                              numc_sum(numc_index(in[M], NUMC_ALL, NUMC_AT(j), NUMC_AT(i)))));
    numc_array *w = numc_exp(numc_multiply(in[M], numc_reshape(in[W], NUMC_SHAPE(BATCH, 1, 1))));
    numc_array *rows = numc_sum(w, NUMC_AXES(2)), *share = numc_divide(w, numc_index(rows, NUMC_ALL, NUMC_ALL, NUMC_NEW));
    out[0] = numc_add(sum, numc_sum(numc_square(numc_max(share, NUMC_AXES(1)))));
    out[1] = numc_sum(share, NUMC_AXES(0, 2));
    out[2] = numc_any(numc_greater(share, 0.5), NUMC_AXES(1, 2));
}
/* Larger than what is written out; outer products that are summed are one of those. */
static void large(numc_context *context, const numc_array *const *in, numc_array **out)
{
    (void)context;
    numc_array *x = numc_outer(in[W], in[W]);
    numc_array *column = numc_index(in[M], NUMC_ALL, NUMC_ALL, NUMC_SLICE(0, 1)), *row = numc_index(in[M], NUMC_ALL, NUMC_SLICE(1, 2));
    out[0] = numc_sum(numc_matmul(x, x));
    out[1] = numc_sum(numc_matmul(column, row), NUMC_AXES(0));
}

static const form forms[] = {
    {"logarithms", logarithms, 1, true, false, 1},
    {"scaled", scaled, 2, true, false, 1},
    {"scaled backwards", scaled_backwards, 3, true, false, 1},
    {"scaled, float32", scaled_in_float32, 2, false, false, 0x1p29},
    {"indices", indices, 2, true, false, 1},
    {"counts", counts, 1, false, false, 1},
    {"moves", moves, 2, true, false, 1},
    {"reductions", reductions, 2, true, false, 1},
    {"filter", filter, 2, false, false, 100},
    {"series", series, 2, false, false, 1},
    {"series backwards", series_backwards, 2, false, false, 1},
    {"matrices", matrices, 2, false, false, 1},
    {"algebra", algebra, 3, true, false, 10},
    {"many", many, 2, false, false, 100},
    {"broken", broken, 2, false, false, 10},
    {"pieces", pieces, 3, false, false, 1},
    {"large", large, 2, false, true, 1},
};
enum { FORMS = sizeof forms / sizeof *forms };

/* ---- what is compared ------------------------------------------------------------------------------------------------------ */

static void trace_form(numc_context *context, const numc_array *const *in, int32_t count, numc_array **out, int32_t outputs, void *user)
{
    (void)count, (void)outputs;
    ((const form *)user)->body(context, in, out);
}

static double noise(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53 - 0.5;
}

static numc_array *filled(numc_context *context, numc_shape shape, int64_t size, double scale, double shift, uint64_t *state)
{
    double values[BATCH * 9];
    for (int64_t i = 0; i < size; i++)
        values[i] = shift + scale * noise(state);
    return numc_from_host_(context, NUMC_FLOAT64, shape, values);
}

static void make_inputs(numc_context *context, numc_array **in)
{
    uint64_t state = 5;
    in[A] = filled(context, NUMC_SHAPE(3, 3), 9, 1.6, 0.1, &state);
    in[V] = filled(context, NUMC_SHAPE(3), 3, 1.5, 0.2, &state);
    in[Y] = filled(context, NUMC_SHAPE(STEPS, 3), STEPS * 3, 2.0, 0.1, &state);
    in[S] = numc_sum(filled(context, NUMC_SHAPE(1), 1, 0.3, 0.7, &state));
    in[I] = numc_astype(numc_floor(filled(context, NUMC_SHAPE(STEPS), STEPS, 5.99, 2.0, &state)), NUMC_INT64);
    in[W] = filled(context, NUMC_SHAPE(BATCH), BATCH, 1.2, 0.1, &state);
    in[T] = filled(context, NUMC_SHAPE(5), 5, 1.0, 0.6, &state);
    in[M] = filled(context, NUMC_SHAPE(BATCH, 3, 3), BATCH * 9, 1.4, 0.2, &state);
    numc_array *c = filled(context, NUMC_SHAPE(3, 3), 9, 1.0, 0.1, &state);
    in[P] = numc_add(numc_matmul(c, numc_matrix_transpose(c)), numc_multiply(numc_eye(context, NUMC_FLOAT64, 3, 3, 0), 0.8));
}

/* Variants: the function, its value and gradient, and both for four inputs at a time. */
enum { VALUE, GRADIENT, BATCHED, BATCHED_GRADIENT, HESSIAN_PRODUCT, VARIANTS };
static const char *const variant_names[] = {"value", "gradient", "batched", "batched gradient", "gradient of the gradient"};

static bool differentiable(const form *f)
{
    return f->body != scaled_in_float32 && f->body != broken;
}

static bool has_variant(const form *f, int variant)
{
    bool gradient = variant == GRADIENT || variant == BATCHED_GRADIENT || variant == HESSIAN_PRODUCT;
    return (!gradient || differentiable(f)) && (f->batched || (variant != BATCHED && variant != BATCHED_GRADIENT));
}

/* sum of the squares of the gradient in A, V, W, M: its gradient is a Hessian-vector product. */
static void squared_gradient(numc_context *context, const numc_array *const *in, int32_t count, numc_array **out, int32_t outputs, void *user)
{
    const numc_graph *gradient = user;
    numc_array *parts[MOST_OUTPUTS + 5] = {NULL};
    (void)outputs;
    if (numc__graph_apply(context, gradient, in, count, parts, gradient->output_count) != NUMC_OK)
        return;
    out[0] = parts[0];
    for (int32_t k = gradient->output_count - 5; k < gradient->output_count; k++)
        out[0] = numc_add(out[0], numc_sum(numc_square(parts[k])));
}

static numc_graph *gradient_of(numc_context *context, const numc_graph *graph)
{
    const bool active[INPUTS] = {[A] = true, [V] = true, [S] = true, [W] = true, [M] = true};
    return numc__graph_value_and_gradient(context, graph, active);
}

static void first_only(numc_context *context, const numc_array *const *in, int32_t count, numc_array **out, int32_t outputs, void *user)
{
    numc_array *all[MOST_OUTPUTS] = {NULL};
    (void)count, (void)outputs;
    ((const form *)user)->body(context, in, all);
    out[0] = all[0];
}

static numc_graph *graph_of(numc_context *context, const form *f, int variant, numc_array **in)
{
    bool gradient = variant == GRADIENT || variant == BATCHED_GRADIENT || variant == HESSIAN_PRODUCT;
    make_inputs(context, in);
    numc_function *function = numc_function_trace(context, gradient ? first_only : trace_form, (void *)(uintptr_t)f,
                                                  (const numc_array *const *)in, INPUTS, gradient ? 1 : f->outputs);
    if (function == NULL)
        fail_msg("%s: %s", f->name, numc_error_message(context));
    numc_graph *graph = gradient ? gradient_of(context, function->graph) : numc__graph_keep(function->graph);
    if (graph == NULL)
        fail_msg("%s: %s", f->name, numc_error_message(context));
    if (variant == HESSIAN_PRODUCT) {
        numc_function *squares = numc_function_trace(context, squared_gradient, graph, (const numc_array *const *)in, INPUTS, 1);
        numc_graph *second = squares == NULL ? NULL : gradient_of(context, squares->graph);
        numc__graph_release(graph);
        graph = second;
    }
    if (variant == BATCHED || variant == BATCHED_GRADIENT) {
        int32_t in_axes[INPUTS], out_axes[MOST_OUTPUTS + INPUTS] = {0};
        for (int k = 0; k < INPUTS; k++)
            in_axes[k] = k == V || k == Y ? 0 : -1;
        numc_graph *batch = numc__graph_vmap(context, graph, 4, in_axes, out_axes);
        numc__graph_release(graph);
        graph = batch;
        const numc_array *copies[4];
        for (int k = 0; k < 2; k++) {
            for (int j = 0; j < 4; j++)
                copies[j] = numc_multiply(in[k == 0 ? V : Y], 1.0 + 0.1 * j);
            in[k == 0 ? V : Y] = numc_stack(copies, 4, 0);
        }
    }
    if (graph == NULL)
        fail_msg("%s, %s: %s", f->name, variant_names[variant], numc_error_message(context));
    return graph;
}

/* Sums of some tens of terms of order 1 over nine steps that shrink errors or carry them on by factors of order 1: 1e3 eps of the
 * largest element leaves a factor of ten and more, and any wrong element differs by 1e-3 and more. */
static void compare(numc_context *context, const form *f, int variant, int32_t output, const numc_array *a, const numc_array *b)
{
    if (a == NULL || b == NULL)
        fail_msg("%s, %s: %s", f->name, variant_names[variant], numc_error_message(context));
    if (numc_array_dtype(a) == NUMC_BOOL) {
        if (numc_item(numc_all(numc_equal(a, b))) == 0)
            fail_msg("%s, %s: output %d has another truth", f->name, variant_names[variant], (int)output);
        return;
    }
    double difference = numc_item(numc_max(numc_abs(numc_subtract(a, b)))), size = numc_item(numc_max(numc_abs(b)));
    double most = variant == HESSIAN_PRODUCT ? 1e4 : 1e3;
    if (!(difference <= most * f->scale * 0x1p-52 * (1.0 + size)))
        fail_msg("%s, %s: output %d differs by %g, the largest element is %g", f->name, variant_names[variant], (int)output, difference,
                 size);
}

/* Steps that are no kernels. */
static int steps_of(const numc_context *context, const numc_program *program)
{
    numc_text text;
    int count = 0;
    numc__text_begin(&text, context->core);
    numc__program_print(&text, program);
    assert_false(text.failed);
    for (const char *at = text.data; (at = strstr(at, "step ")) != NULL; at++)
        count += strstr(at, ": kernel") == NULL || strchr(at, '\n') < strstr(at, ": kernel");
    numc__text_end(&text);
    return count;
}

static void small_values_give_what_the_graph_gives(void **unused)
{
    (void)unused;
    for (int k = 0; k < FORMS; k++)
        for (int variant = 0; variant < VARIANTS; variant++) {
            const form *f = &forms[k];
            if (!has_variant(f, variant) || left_out(k * VARIANTS + variant))
                continue;
            numc_context *context = numc_open(NULL);
            numc_array *in[INPUTS], *right[16] = {NULL}, *compiled[16] = {NULL};
            numc_graph *graph = graph_of(context, f, variant, in);
            int32_t outputs = graph->output_count;
            if (numc__graph_apply(context, graph, (const numc_array *const *)in, INPUTS, right, outputs) != NUMC_OK)
                fail_msg("%s: %s", f->name, numc_error_message(context));
            numc_program *program = numc__program_new(context, graph, NULL);
            if (program == NULL ||
                numc__program_call(context, program, (const numc_array *const *)in, INPUTS, compiled, outputs) != NUMC_OK)
                fail_msg("%s, %s: %s", f->name, variant_names[variant], numc_error_message(context));
            if (variant <= GRADIENT && (steps_of(context, program) > 0) != f->steps)
                fail_msg("%s, %s: %d steps are no kernels", f->name, variant_names[variant], steps_of(context, program));
            for (int32_t i = 0; i < outputs; i++)
                compare(context, f, variant, i, compiled[i], right[i]);
            numc__program_release(program);
            numc__graph_release(graph);
            numc_close(context);
        }
}

static void native_code_has_the_bits(void **unused)
{
    (void)unused;
    need_compiler();
    for (int k = 0; k < FORMS; k++)
        for (int variant = 0; variant <= GRADIENT; variant++) {
            const form *f = &forms[k];
            char *bytes[2][16] = {{NULL}};
            if (!has_variant(f, variant) || left_out(k * VARIANTS + variant))
                continue;
            for (int mode = 0; mode < 2; mode++) {
                const numc_options options = {.jit = mode == 0 ? NUMC_JIT_OFF : NUMC_JIT_ON};
                numc_context *context = numc_open(&options);
                numc_array *in[INPUTS], *result[16] = {NULL};
                numc_graph *graph = graph_of(context, f, variant, in);
                numc_program *program = numc__program_new(context, graph, NULL);
                if (program == NULL || numc__program_call(context, program, (const numc_array *const *)in, INPUTS, result,
                                                          graph->output_count) != NUMC_OK)
                    fail_msg("%s: %s", f->name, numc_error_message(context));
                for (int32_t i = 0; i < graph->output_count; i++) {
                    numc_dtype dtype = numc_array_dtype(result[i]);
                    size_t size = (size_t)numc_array_size(result[i]) * numc_dtype_size(dtype);
                    bytes[mode][i] = malloc(size);
                    assert_non_null(bytes[mode][i]);
                    assert_int_equal(numc_to_host(result[i], dtype, bytes[mode][i], size), NUMC_OK);
                    if (mode == 1 && memcmp(bytes[0][i], bytes[1][i], size) != 0)
                        fail_msg("%s, %s: output %d of native code has other bits", f->name, variant_names[variant], (int)i);
                }
                numc__program_release(program);
                numc__graph_release(graph);
                numc_close(context);
            }
            for (int i = 0; i < 16; i++) {
                free(bytes[0][i]);
                free(bytes[1][i]);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_values_give_what_the_graph_gives),
        cmocka_unit_test(native_code_has_the_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
