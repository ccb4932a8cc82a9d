/* test_rows.c - one pass over a large matrix: programs that read X in X b and in X^T r become a scan over blocks of rows and give
 * what the graph gives node by node; programs that must not, do not. Built with a copy of rows.c for which a sixteenth of the bytes is
 * large; parts have the 1 MB from which they are spread over threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../base/effort.h"
#define SWEEP_THREADS 2
#include "../base/sweep.h"
#include "compile/program.h"
#include "compile/rows.h"
#include "graph/function.h"
#include "native/native.h"
#include "numc/numc.h"

/* X is (N, D), beyond the least size; b (D), s (), y (N), g (N) whole numbers below 5, m (D, 3). */
enum { X, B, S, Y, G, M, INPUTS };
typedef struct form {
    const char *name;
    int64_t rows, columns;
    numc_dtype dtype;
    void (*body)(numc_context *context, const numc_array *const *in, numc_array **out);
    int outputs;
    bool gradient; /* of output 0 in b and s, instead of the outputs */
    int scans;     /* how many the graph gets */
} form;

static numc_array *linear(const numc_array *const *in)
{
    return numc_add(numc_matmul(in[X], in[B]), in[S]);
}

static void logistic(numc_context *context, const numc_array *const *in, numc_array **out)
{
    (void)context;
    numc_array *eta = linear(in);
    out[0] = numc_add(numc_sum(numc_subtract(numc_multiply(in[Y], eta), numc_special_softplus(eta))), numc_sum(numc_square(in[B])));
}

/* A table read by an index of the row, a matrix of right sides, a weight for each row. */
static void several(numc_context *context, const numc_array *const *in, numc_array **out)
{
    (void)context;
    numc_array *effects = numc_take(numc_multiply(in[B], in[S]), in[G], NUMC_AXIS(0));
    numc_array *all = numc_tanh(numc_matmul(in[X], numc_multiply(in[M], in[S])));
    numc_array *r = numc_subtract(numc_add(linear(in), effects), numc_add(in[Y], numc_sum(all, NUMC_AXES(-1))));
    out[0] = numc_sum(numc_multiply(numc_square(r), numc_exp(numc_negative(in[Y]))));
}

/* Rows are needed one by one after the pass, and a second pass depends on the first. */
static void two_stages(numc_context *context, const numc_array *const *in, numc_array **out)
{
    (void)context;
    numc_array *eta = numc_sin(linear(in)), *xt = numc_matrix_transpose(in[X]);
    numc_array *first = numc_matmul(xt, eta);
    out[0] = eta;
    out[1] = first;
    out[2] = numc_matmul(xt, numc_tanh(numc_matmul(in[X], numc_multiply(first, 1e-3))));
    out[3] = numc_max(eta);
}

/* exp(eta - max eta): what the second product reads waits for all rows. */
static void softmax(numc_context *context, const numc_array *const *in, numc_array **out)
{
    (void)context;
    numc_array *eta = linear(in), *w = numc_exp(numc_subtract(eta, numc_max(eta)));
    out[0] = numc_matmul(numc_matrix_transpose(in[X]), numc_divide(w, numc_sum(w)));
}

/* X is square: nothing else with as many elements is taken for rows. */
static void square(numc_context *context, const numc_array *const *in, numc_array **out)
{
    (void)context;
    numc_array *r = numc_multiply(numc_matmul(in[X], in[B]), numc_add(in[B], in[Y]));
    out[0] = numc_matmul(numc_matrix_transpose(in[X]), r);
    out[1] = numc_sum(r);
}

static void hessian_product(numc_context *context, const numc_array *const *in, numc_array **out)
{
    (void)context;
    numc_array *w = numc_special_expit(linear(in)), *v = numc_matmul(in[X], numc_cos(in[B]));
    out[0] = numc_matmul(numc_matrix_transpose(in[X]), numc_multiply(numc_multiply(w, numc_subtract(1.0, w)), v));
}

/* log sum exp of each row of several products, whose largest element has its gradient stopped. */
static void classes(numc_context *context, const numc_array *const *in, numc_array **out)
{
    (void)context;
    numc_array *all = numc_add(numc_matmul(in[X], numc_multiply(in[M], in[S])), numc_expand_dims(linear(in), NUMC_AXES(-1)));
    out[0] = numc_sum(numc_subtract(numc_logsumexp(all, NUMC_AXES(-1)), numc_multiply(in[Y], linear(in))));
}

/* X^T diag(w) X */
static void weighted_gram(numc_context *context, const numc_array *const *in, numc_array **out)
{
    (void)context;
    numc_array *p = numc_special_expit(linear(in)), *w = numc_multiply(p, numc_subtract(1.0, p));
    out[0] = numc_matmul(numc_matrix_transpose(in[X]), numc_multiply(numc_expand_dims(w, NUMC_AXES(-1)), in[X]));
}

/* log det X^T diag(w) X: its derivative is by rows too, and waits for all of them. */
static void determinant(numc_context *context, const numc_array *const *in, numc_array **out)
{
    numc_array *gram = NULL;
    weighted_gram(context, in, &gram);
    out[0] = numc_subtract(numc_sum(numc_log(numc_linalg_diagonal(numc_linalg_cholesky(gram), 0))), numc_sum(numc_special_softplus(linear(in))));
}

/* No matrix is multiplied: sums over long data, the same in every run. */
static void long_data(numc_context *context, const numc_array *const *in, numc_array **out)
{
    (void)context;
    numc_array *r = numc_subtract(in[Y], numc_multiply(in[S], numc_sum(in[B])));
    out[0] = numc_sum(numc_log1p(numc_square(r)));
}

/* Something that is not a sum is made of each row. */
static void long_data_kept(numc_context *context, const numc_array *const *in, numc_array **out)
{
    (void)context;
    out[0] = numc_sum(numc_exp(numc_multiply(in[Y], in[S])));
    out[1] = numc_sin(numc_multiply(in[Y], in[S]));
}

static void once(numc_context *context, const numc_array *const *in, numc_array **out)
{
    (void)context;
    out[0] = numc_sum(numc_exp(numc_negative(numc_square(linear(in)))));
}

static const form forms[] = {
    {"logistic, blocks without a rest", 400, 25, NUMC_FLOAT64, logistic, 1, true, 1},
    {"logistic, a rest", 409, 25, NUMC_FLOAT64, logistic, 1, true, 2},
    {"logistic, float32", 1009, 20, NUMC_FLOAT32, logistic, 1, true, 2},
    {"logistic, rows longer than a block", 70, 1301, NUMC_FLOAT64, logistic, 1, true, 2},
    {"logistic, too small", 200, 25, NUMC_FLOAT64, logistic, 1, true, 0},
    {"logistic, narrow", 163, 24, NUMC_FLOAT64, logistic, 1, true, 0}, /* sums beside the products of the rows behind */
    {"logistic, narrow, a vector and a number left", 81, 21, NUMC_FLOAT64, logistic, 1, true, 0},
    {"logistic, narrow, less than a vector", 42, 3, NUMC_FLOAT64, logistic, 1, true, 0},
    {"logistic, narrow, float32", 203, 20, NUMC_FLOAT32, logistic, 1, true, 0},
    {"several", 409, 25, NUMC_FLOAT64, several, 1, true, 2},
    {"two stages", 409, 25, NUMC_FLOAT64, two_stages, 4, false, 4},
    {"softmax", 409, 25, NUMC_FLOAT64, softmax, 1, false, 0},
    {"square", 104, 104, NUMC_FLOAT64, square, 2, false, 1},
    {"classes", 409, 25, NUMC_FLOAT64, classes, 1, true, 2},
    {"classes, parts", 9001, 15, NUMC_FLOAT64, classes, 1, true, 2},
    {"weighted Gram", 409, 25, NUMC_FLOAT64, weighted_gram, 1, false, 2},
    {"long data", 37511, 1, NUMC_FLOAT64, long_data, 1, true, 2},
    {"long data, kept", 37511, 1, NUMC_FLOAT64, long_data_kept, 2, false, 0},
    {"long data, too short", 3761, 1, NUMC_FLOAT64, long_data, 1, true, 0},
    {"Hessian-vector product", 400, 25, NUMC_FLOAT64, hessian_product, 1, false, 1},
    {"logistic, 7 columns", 1259, 7, NUMC_FLOAT64, logistic, 1, true, 2},
    {"logistic, 20 columns", 521, 20, NUMC_FLOAT64, logistic, 1, true, 2},
    {"logistic, 69 columns", 131, 69, NUMC_FLOAT64, logistic, 1, true, 2},
    {"logistic, 13 columns, float32", 1877, 13, NUMC_FLOAT32, logistic, 1, true, 2},
    {"logistic, parts", 5501, 25, NUMC_FLOAT64, logistic, 1, true, 2},
    {"logistic, parts without a rest", 16384, 9, NUMC_FLOAT64, logistic, 1, true, 1},
    {"several, parts, float32", 18013, 15, NUMC_FLOAT32, several, 1, true, 2},
    {"two stages, parts", 9001, 15, NUMC_FLOAT64, two_stages, 4, false, 4},
    {"determinant", 521, 20, NUMC_FLOAT64, determinant, 1, true, 4},
    {"determinant, parts", 5003, 28, NUMC_FLOAT64, determinant, 1, true, 4},
    {"read once", 409, 25, NUMC_FLOAT64, once, 1, false, 0},
};

static void trace_body(numc_context *context, const numc_array *const *in, int32_t count, numc_array **out, int32_t outputs, void *user)
{
    (void)count, (void)outputs;
    ((const form *)user)->body(context, in, out);
}

static double noise(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53 - 0.5;
}

static numc_array *filled(numc_context *context, numc_dtype dtype, int32_t rank, const int64_t *shape, double scale, uint64_t *state)
{
    int64_t size = rank < 1 ? 1 : rank < 2 ? shape[0] : shape[0] * shape[1];
    double *values = malloc((size_t)size * sizeof *values);
    assert_non_null(values);
    for (int64_t i = 0; i < size; i++)
        values[i] = scale * noise(state);
    numc_array *x = numc_astype(numc_from_host(context, NUMC_FLOAT64, ((numc_shape){shape, rank, true}), values), dtype);
    free(values);
    return x;
}

static numc_graph *graph_of(numc_context *context, const form *f, numc_array **in)
{
    uint64_t state = 11;
    const int64_t wide[2] = {f->rows, f->columns}, right[2] = {f->columns, 3};
    in[X] = filled(context, f->dtype, 2, wide, 1.0, &state);
    in[B] = filled(context, f->dtype, 1, &f->columns, 0.3, &state);
    in[S] = filled(context, f->dtype, 0, NULL, 1.0, &state);
    in[Y] = filled(context, f->dtype, 1, &f->rows, 2.0, &state);
    in[G] = numc_astype(numc_add(filled(context, NUMC_FLOAT64, 1, &f->rows, 4.99, &state), 2.5), NUMC_INT64);
    in[M] = filled(context, f->dtype, 2, right, 0.2, &state);
    numc_function *function = numc_function_trace(context, trace_body, (void *)(uintptr_t)f, (const numc_array *const *)in, INPUTS,
                                                  f->outputs);
    if (function == NULL)
        fail_msg("%s: %s", f->name, numc_error_message(context));
    const bool active[INPUTS] = {[B] = true, [S] = true};
    return f->gradient ? numc__graph_value_and_gradient(context, function->graph, active) : numc__graph_keep(function->graph);
}

static int scans(const numc_graph *graph)
{
    int count = 0;
    for (int32_t n = 0; n < graph->node_count; n++)
        count += graph->nodes[n].primitive == NUMC_PRIMITIVE_SCAN;
    return count;
}

/* Sums of at most 37511 terms of order 1, in another order: the difference is below n eps sum |terms|, in practice below
 * sqrt(n) eps times it; 50 sqrt(37511) eps < 1e4 eps of the largest element is far from both and finds every missing row. */
static void compare(numc_context *context, const char *name, const numc_array *a, const numc_array *b)
{
    if (a == NULL || b == NULL)
        fail_msg("%s: %s", name, numc_error_message(context));
    double eps = numc_array_dtype(a) == NUMC_FLOAT32 ? 0x1p-23 : 0x1p-52;
    double difference = numc_item(numc_max(numc_abs(numc_subtract(a, b)))), size = numc_item(numc_max(numc_abs(b)));
    if (!(difference <= 1e4 * eps * (1.0 + size)))
        fail_msg("%s: the blocks give a difference of %g, the largest element is %g", name, difference, size);
}

static void blocks_give_what_the_graph_gives(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
        const form *f = &forms[k];
        if (left_out((long)k))
            continue;
        numc_context *context = numc_open(NULL);
        numc_array *in[INPUTS], *right[8] = {NULL}, *compiled[8] = {NULL};
        const bool fixed[INPUTS] = {[X] = true, [Y] = true, [G] = true};
        numc_graph *graph = graph_of(context, f, in);
        if (graph == NULL)
            fail_msg("%s: %s", f->name, numc_error_message(context));
        numc_graph *blocked = numc__graph_rows(context, graph, fixed);
        if (blocked == NULL || numc__graph_verify(context, blocked) != NUMC_OK)
            fail_msg("%s: %s", f->name, numc_error_message(context));
        if (scans(blocked) != f->scans)
            fail_msg("%s: %d scans, not %d", f->name, scans(blocked), f->scans);
        assert_true(f->scans > 0 || blocked == graph);
        int32_t outputs = graph->output_count;
        if (numc__graph_apply(context, graph, (const numc_array *const *)in, INPUTS, right, outputs) != NUMC_OK)
            fail_msg("%s: %s", f->name, numc_error_message(context));
        numc_program *program = numc__program_new(context, blocked, NULL);
        if (program == NULL
            || numc__program_call(context, program, (const numc_array *const *)in, INPUTS, compiled, outputs) != NUMC_OK)
            fail_msg("%s: %s", f->name, numc_error_message(context));
        for (int32_t i = 0; i < outputs; i++)
            compare(context, f->name, compiled[i], right[i]);
        numc__program_release(program);
        numc__graph_release(blocked);
        numc__graph_release(graph);
        numc_close(context);
    }
}

/* The same bits from the interpreter and, where there is a compiler, from native code, on any number of threads. */
static void bits_are_the_same_everywhere(void **unused)
{
    (void)unused;
    static const struct {
        numc_jit jit;
        int32_t threads;
    } ways[] = {{NUMC_JIT_OFF, 1}, {NUMC_JIT_ON, 1}, {NUMC_JIT_OFF, 2}, {NUMC_JIT_ON, 3}, {NUMC_JIT_OFF, 4}, {NUMC_JIT_ON, 2}};
    numc_compiler compiler;
    char reason[NUMC_NATIVE_REASON];
    bool compiles = numc__compiler_find(&compiler, reason);
    for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
        const form *f = &forms[k];
        if (left_out((long)k))
            continue;
        char *first[8] = {NULL};
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
            if (ways[w].jit == NUMC_JIT_ON && !compiles)
                continue;
            const numc_options options = {.jit = ways[w].jit, .threads = ways[w].threads};
            numc_context *context = numc_open(&options);
            numc_array *in[INPUTS], *result[8] = {NULL};
            numc_graph *graph = graph_of(context, f, in);
            const bool fixed[INPUTS] = {[X] = true, [Y] = true, [G] = true};
            numc_graph *blocked = graph == NULL ? NULL : numc__graph_rows(context, graph, fixed);
            numc_program *program = blocked == NULL ? NULL : numc__program_new(context, blocked, NULL);
            if (program == NULL
                || numc__program_call(context, program, (const numc_array *const *)in, INPUTS, result, graph->output_count) != NUMC_OK)
                fail_msg("%s: %s", f->name, numc_error_message(context));
            for (int32_t i = 0; i < graph->output_count; i++) {
                size_t size = (size_t)numc_array_size(result[i]) * numc_dtype_size(f->dtype);
                char *bytes = malloc(size);
                assert_non_null(bytes);
                assert_int_equal(numc_to_host(result[i], f->dtype, bytes, size), NUMC_OK);
                if (w > 0 && memcmp(first[i], bytes, size) != 0)
                    fail_msg("%s: output %d has other bits in way %d", f->name, (int)i, (int)w);
                if (w == 0)
                    first[i] = bytes;
                else
                    free(bytes);
            }
            numc__program_release(program);
            numc__graph_release(blocked);
            numc__graph_release(graph);
            numc_close(context);
        }
        for (int i = 0; i < 8; i++)
            free(first[i]);
    }
}

/* Parts on two threads, bound to data; NAN where an allocation failed. */
static double run_parts(numc_context *context, void *user)
{
    const form *f = user;
    const bool fixed[INPUTS] = {[X] = true, [Y] = true, [G] = true};
    uint64_t state = 11;
    const int64_t shapes[INPUTS][2] = {{f->rows, f->columns}, {f->columns}, {0}, {f->rows}, {f->rows}, {f->columns, 3}};
    static const int32_t ranks[INPUTS] = {2, 1, 0, 1, 1, 2};
    numc_array *in[INPUTS];
    for (int k = 0; k < INPUTS; k++) /* ones, but for a few: made anew hundreds of times */
        in[k] = k == G ? numc_zeros(context, NUMC_INT64, NUMC_SHAPE(f->rows))
                       : numc_full(context, f->dtype, ((numc_shape){shapes[k], ranks[k], true}), noise(&state));
    if (numc_error_status(context) != NUMC_OK)
        return NAN;
    double value = NAN, total = NAN, s = 0.25, *b = calloc((size_t)f->columns * 8, sizeof *b);
    numc_function *function = numc_function_trace(context, trace_body, user, (const numc_array *const *)in, INPUTS, f->outputs);
    const bool active[INPUTS] = {[B] = true, [S] = true};
    numc_graph *graph = function == NULL ? NULL : numc__graph_value_and_gradient(context, function->graph, active);
    const numc_program_options options = {.data = fixed};
    numc_program *program = graph == NULL ? NULL : numc__program_new(context, graph, &options);
    const numc_array *data[3] = {in[X], in[Y], in[G]};
    numc_binding *binding = program == NULL ? NULL : numc__binding_new(context, program, data, 3);
    numc_workspace *workspace = binding == NULL ? NULL : numc__workspace_new(context, binding);
    if (workspace != NULL) {
        double slope = 0, *m = b + f->columns, *gradient = b + 5 * f->columns;
        const void *inputs[3] = {b, &s, m};
        void *outputs[3] = {&value, gradient, &slope};
        if (numc__workspace_run(context, workspace, inputs, outputs) == NUMC_OK)
            total = value + slope + gradient[0];
    }
    assert_true(workspace != NULL || numc_error_status(context) != NUMC_OK);
    free(b);
    numc__workspace_free(workspace);
    numc__binding_release(binding);
    numc__program_release(program);
    numc__graph_release(graph);
    return total;
}

static void every_allocation_may_fail(void **unused)
{
    (void)unused;
    form f = {"parts", 5501, 25, NUMC_FLOAT64, logistic, 1, true, 2};
    sweep_allocations(f.name, run_parts, &f, 100);
}

/* Bound to its data, as a sampler runs it, twice with other parameters: nothing of the first run is left in the second. */
static void bound_programs_start_anew(void **unused)
{
    (void)unused;
    const form *f = &forms[1];
    numc_context *context = numc_open(NULL);
    numc_array *in[INPUTS], *data[3];
    const bool fixed[INPUTS] = {[X] = true, [Y] = true, [G] = true};
    numc_graph *graph = graph_of(context, f, in);
    const numc_program_options options = {.data = fixed};
    numc_program *program = numc__program_new(context, graph, &options);
    data[0] = in[X], data[1] = in[Y], data[2] = in[G];
    numc_binding *binding = numc__binding_new(context, program, (const numc_array *const *)data, 3);
    numc_workspace *workspace = numc__workspace_new(context, binding);
    if (workspace == NULL)
        fail_msg("%s", numc_error_message(context));
    double *b = calloc(2 * (size_t)f->columns, sizeof *b), first = 0, value = 0, s = 0.25, m[3 * 128] = {0}, gradient[2];
    assert_non_null(b);
    for (int run = 0; run < 3; run++) {
        for (int64_t i = 0; i < f->columns; i++)
            b[i] = run == 1 ? 0.01 * (double)i : 0.02;
        const void *inputs[3] = {b, &s, m};
        void *outputs[3] = {&value, b + f->columns, gradient};
        if (numc__workspace_run(context, workspace, inputs, outputs) != NUMC_OK)
            fail_msg("%s", numc_error_message(context));
        if (run == 0)
            first = value;
        assert_true(run == 1 ? value != first : value == first);
    }
    free(b);
    numc__workspace_free(workspace);
    numc__binding_release(binding);
    numc__program_release(program);
    numc__graph_release(graph);
    numc_close(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_give_what_the_graph_gives),
        cmocka_unit_test(bits_are_the_same_everywhere),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(bound_programs_start_anew),
    };
    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
