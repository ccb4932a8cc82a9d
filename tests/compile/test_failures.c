/* test_failures.c - every allocation of compiling may fail: passes, prologue, binding, workspace and calls, over products,
 * factorisations, reductions, a scan, indexing, and the gradient of them all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../base/sweep.h"
#include "compile/program.h"
#include "numc/function.h"
#include "numc/linalg.h"

typedef numc_array *body_fn(numc_context *context, numc_array *const *x);

/* Inputs: data [4, 3] and [4], then weights [3] and a positive scalar. */
static numc_array *regression(numc_context *context, numc_array *const *x)
{
    (void)context;
    numc_array *centred = numc_subtract(x[0], numc_mean(x[0], NUMC_AXES(0))); /* the prologue's */
    numc_array *z = numc_divide(numc_subtract(x[1], numc_matmul(centred, x[2])), x[3]);
    return numc_subtract(numc_multiply(-0.5, numc_sum(numc_square(z))), numc_multiply(4, numc_log(x[3])));
}

static numc_array *process(numc_context *context, numc_array *const *x)
{
    numc_array *column = numc_index(x[0], NUMC_ALL, NUMC_AT(1));
    numc_array *distance = numc_subtract(numc_index(column, NUMC_ALL, NUMC_NEW), numc_index(column, NUMC_NEW, NUMC_ALL));
    numc_array *kernel = numc_add(numc_exp(numc_negative(numc_divide(numc_square(distance), x[3]))),
                                  numc_eye(context, NUMC_FLOAT64, 4, 4, 0));
    numc_array *l = numc_linalg_cholesky(kernel);
    numc_array *z = numc_linalg_triangular_solve(l, x[1]);
    return numc_subtract(numc_multiply(-0.5, numc_sum(numc_square(z))), numc_add(numc_sum(numc_log(numc_diagonal(l))), numc_max(x[2])));
}

static void step(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count,
                 void *user)
{
    (void)context, (void)input_count, (void)output_count;
    out[0] = numc_add(numc_multiply(in[0], numc_tanh((const numc_array *)user)), numc_square(in[1]));
    out[1] = numc_log(numc_add(out[0], 1.0));
}

static numc_array *recurrence(numc_context *context, numc_array *const *x)
{
    const numc_array *start = numc_square(numc_index(x[2], NUMC_AT(0))), *sequence = x[1];
    numc_array *scanned[2] = {NULL, NULL};
    if (numc_scan(context, step, x[3], &start, 1, &sequence, 1, scanned, 1) != NUMC_OK)
        return NULL;
    numc_array *both = numc_where(numc_less(scanned[1], 1.0), scanned[1], numc_sqrt(scanned[1]));
    return numc_add(numc_sum(numc_multiply(both, numc_cumulative_sum(x[1]))), numc_add(scanned[0], numc_sum(x[2])));
}

/* Short vectors and small matrices in a scan, one read by an index. */
static void chain_step(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                       int32_t output_count, void *user)
{
    (void)context, (void)input_count, (void)output_count;
    numc_array *const *x = user;
    numc_array *l = numc_linalg_cholesky(numc_add(numc_outer(in[0], in[0]), numc_eye(context, NUMC_FLOAT64, 3, 3, 0)));
    numc_array *row = numc_take(x[0], numc_astype(in[1], NUMC_INT64), NUMC_AXIS(0));
    out[0] = numc_multiply(numc_index(l, NUMC_AT(2)), row);
    out[1] = numc_sum(out[0]);
}

static numc_array *chain(numc_context *context, numc_array *const *x)
{
    const numc_array *start = x[2], *sequence = x[1];
    numc_array *scanned[2] = {NULL, NULL};
    if (numc_scan(context, chain_step, (void *)(uintptr_t)x, &start, 1, &sequence, 1, scanned, 1) != NUMC_OK)
        return NULL;
    return numc_add(numc_sum(scanned[1]), numc_sum(scanned[0]));
}

static numc_graph *traced(numc_context *context, body_fn *body, numc_array *const *x)
{
    numc_array *inputs[4];
    numc_trace *trace = numc__trace_begin(context);
    if (trace == NULL)
        return NULL;
    for (int k = 0; k < 4; k++)
        inputs[k] = numc__trace_input(trace, &(numc_type){x[k]->dtype, x[k]->rank, x[k]->shape}, NULL);
    numc_array *result = body(context, inputs);
    return numc__trace_finish(trace, &result, 1, NULL, NULL);
}

/* `copies` of the data, one below another. */
static bool make_inputs(numc_context *context, int64_t copies, numc_array **x)
{
    static const double rows[12] = {1, 0.5, -1, 2, -0.25, 0.5, 0, 1.5, 1, -1, 2.5, 0.25}, y[4] = {0.5, -0.25, 1, 0.75};
    static const double weights[3] = {0.25, -0.5, 1}, scale = 0.75;
    x[0] = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(4, 3), rows);
    x[1] = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(4), y);
    x[2] = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), weights);
    x[3] = numc_from_host(context, NUMC_FLOAT64, NUMC_SCALAR, &scale);
    if (copies > 1) {
        x[0] = numc_tile(x[0], NUMC_SHAPE(copies, 1));
        x[1] = numc_tile(x[1], NUMC_SHAPE(copies));
    }
    return numc_error_status(context) == NUMC_OK;
}

typedef struct subject {
    const char *name;
    body_fn *body;
    int64_t copies;
} subject;
/* The last one is blocks of rows and a rest, when its data are bound, with the copy of rows.c that this is built with. */
static const subject subjects[] = {
    {"regression", regression, 1}, {"process", process, 1}, {"recurrence", recurrence, 1}, {"chain", chain, 1}, {"rows", regression, 701}};

/* Data bound once, then host-side runs. */
static double bound(numc_context *context, void *user)
{
    const subject *s = user;
    static const bool data[4] = {true, true, false, false}, active[4] = {false, false, true, true};
    numc_array *x[4];
    if (!make_inputs(context, s->copies, x))
        return NAN;
    double total = NAN, value = 0, slope[3] = {0}, last = 0;
    numc_graph *graph = traced(context, s->body, x);
    numc_graph *gradient = graph == NULL ? NULL : numc__graph_value_and_gradient(context, graph, active);
    numc_program *program = gradient == NULL ? NULL : numc__program_new(context, gradient, &(numc_program_options){.data = data});
    numc_binding *binding = program == NULL ? NULL : numc__binding_new(context, program, (const numc_array *const *)x, 2);
    numc_workspace *workspace = binding == NULL ? NULL : numc__workspace_new(context, binding);
    if (workspace != NULL) {
        static const double weights[3] = {0.5, 0.25, -1}, scale = 1.25;
        const void *inputs[2] = {weights, &scale};
        void *outputs[3] = {&value, slope, &last};
        if (numc__workspace_run(context, workspace, inputs, outputs) == NUMC_OK)
            total = value + slope[0] + 2 * slope[1] + 3 * slope[2] + 5 * last;
    }
    assert_true(workspace != NULL || numc_error_status(context) != NUMC_OK);
    numc__workspace_free(workspace);
    numc__binding_release(binding);
    numc__program_release(program);
    numc__graph_release(gradient);
    numc__graph_release(graph);
    return total;
}

/* Called on arrays, no data. */
static double called(numc_context *context, void *user)
{
    const subject *s = user;
    numc_array *x[4], *y[5] = {NULL};
    if (!make_inputs(context, s->copies, x))
        return NAN;
    double total = NAN;
    numc_graph *graph = traced(context, s->body, x);
    numc_graph *gradient = graph == NULL ? NULL : numc__graph_value_and_gradient(context, graph, NULL);
    numc_program *program = gradient == NULL ? NULL : numc__program_new(context, gradient, NULL);
    if (program != NULL && numc__program_call(context, program, (const numc_array *const *)x, 4, y, 5) == NUMC_OK) {
        total = 0;
        for (int k = 0; k < 5; k++)
            total += (k + 1) * numc_item(numc_sum(y[k]));
    }
    numc__program_release(program);
    numc__graph_release(gradient);
    numc__graph_release(graph);
    return total;
}

static void bound_programs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        subject s = subjects[i];
        sweep_allocations(s.name, bound, &s, 100);
    }
}

static void called_programs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        subject s = subjects[i];
        sweep_allocations(s.name, called, &s, 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bound_programs), cmocka_unit_test(called_programs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
