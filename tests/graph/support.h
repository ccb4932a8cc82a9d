/* support.h - for the graph tests: a context on the backend under test, arrays from lists, graphs from callbacks, and the derivative check.
 *
 * The check compares, for random directions d and cotangents w drawn from a fixed seed:
 *   forward: jvp(x; d) with central differences D(h) = (f(x + h d) - f(x - h d)) / 2h at h, h/2, h/4, extrapolated twice;
 *   reverse: <w, jvp(x; d)> with <vjp(x; w), d>, which differ by rounding only;
 *   and does the same to the vjp graph as a function of (x, w) while order > 1. */
#ifndef NUMC_TESTS_GRAPH_SUPPORT_H
#define NUMC_TESTS_GRAPH_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "graph/derivative.h"
#include "numc/function.h"

static const char *test_backend_given; /* by a test's argument */

/* The one given, else that of NUMC_BACKEND, else ref. */
static inline const char *test_backend(void)
{
    const char *name = test_backend_given != NULL ? test_backend_given : getenv("NUMC_BACKEND");
    return name != NULL && name[0] != '\0' ? name : "ref";
}

static inline numc_context *open_tested(void)
{
    numc_context *context = numc_open(&(numc_options){.backend = test_backend()});
    assert_non_null(context);
    assert_string_equal(numc_error_message(context), "");
    return context;
}

#define ASSERT_FINE(context)                                                                       \
    do {                                                                                           \
        if (numc_error_status(context) != NUMC_OK)                                                 \
            fail_msg("%s", numc_error_message(context));                                           \
    } while (0)

/* An error of this status whose message has this part; it is cleared. */
static inline void assert_error(numc_context *context, numc_status status, const char *part)
{
    assert_int_equal(numc_error_status(context), status);
    if (strstr(numc_error_message(context), part) == NULL)
        fail_msg("'%s' does not say '%s'", numc_error_message(context), part);
    numc_error_clear(context);
}

/* The head of a callback that is traced; a file that names them otherwise defines BODY_NAME before it includes this one. */
#ifndef BODY_NAME
#define BODY_NAME(name) name
#endif
#define BODY(name)                                                                                 \
    static void BODY_NAME(name)(numc_context *context, const numc_array *const *in, int32_t input_count, \
                                numc_array **out, int32_t output_count, void *user)
#define UNUSED() (void)context, (void)in, (void)input_count, (void)out, (void)output_count, (void)user

#define DOUBLES(...) (const double[]){__VA_ARGS__}
/* A float64 array of the given shape. */
static inline numc_array *reals(numc_context *context, numc_shape shape, const double *data)
{
    return numc_from_host_(context, NUMC_FLOAT64, shape, data);
}

static inline numc_graph *trace_like(numc_context *context, numc_trace_fn body, void *user,
                                     const numc_array *const *examples, int32_t inputs, int32_t outputs)
{
    numc_array *in[16], *out[16] = {NULL};
    numc_trace *trace = numc__trace_begin(context);
    if (trace == NULL)
        return NULL;
    for (int32_t i = 0; i < inputs; i++) {
        numc_type type = numc__type_of(examples[i]);
        in[i] = numc__trace_input(trace, &type, NULL);
    }
    body(context, (const numc_array *const *)in, inputs, out, outputs, user);
    return numc__trace_finish(trace, out, outputs, NULL, NULL);
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

typedef struct generator {
    uint64_t state;
} generator;
static inline uint64_t draw(generator *g)
{
    g->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = g->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
static inline double draw_unit(generator *g) /* in +-(0.25, 1) */
{
    double u = (double)(draw(g) >> 11) * 0x1p-53;
    return (0.25 + 0.75 * u) * ((draw(g) & 1) ? 1.0 : -1.0);
}
static inline int draw_below(generator *g, int n)
{
    return (int)(draw(g) % (uint64_t)n);
}

static inline int64_t type_size(const numc_type *type)
{
    int64_t size = 1;
    for (int32_t i = 0; i < type->rank; i++)
        size *= type->shape[i];
    return size;
}
static inline bool is_float(const numc_type *type)
{
    return numc__differentiable(type->dtype);
}
static inline int64_t float_inputs(const numc_graph *graph)
{
    int64_t n = 0;
    for (int32_t i = 0; i < graph->input_count; i++)
        n += is_float(numc__graph_input_type(graph, i)) ? type_size(numc__graph_input_type(graph, i)) : 0;
    return n;
}
static inline int64_t float_outputs(const numc_graph *graph)
{
    int64_t n = 0;
    for (int32_t i = 0; i < graph->output_count; i++)
        n += is_float(numc__graph_output_type(graph, i)) ? type_size(numc__graph_output_type(graph, i)) : 0;
    return n;
}

static inline void run_graph(numc_context *context, const numc_graph *graph, const numc_array *const *x, int32_t count,
                             numc_array **y)
{
    numc__graph_apply(context, graph, x, count, y, graph->output_count);
    ASSERT_FINE(context);
}

/* y = all float outputs at x + h d, where d covers all float inputs. */
static inline void evaluate(numc_context *context, const numc_graph *graph, const numc_array *const *x, double h,
                            const double *d, double *y)
{
    numc_scope(context) {
        numc_array *moved[32], *out[32];
        int64_t at = 0;
        for (int32_t i = 0; i < graph->input_count; i++) {
            moved[i] = (numc_array *)(uintptr_t)x[i];
            numc_type type = numc__type_of(x[i]);
            if (!is_float(&type))
                continue;
            int64_t size = type_size(&type);
            double *data = malloc((size_t)(size > 0 ? size : 1) * sizeof *data);
            assert_int_equal(numc_to_host(x[i], NUMC_FLOAT64, data, (size_t)size * sizeof *data), NUMC_OK);
            for (int64_t k = 0; k < size; k++)
                data[k] += h * d[at + k];
            at += size;
            moved[i] = numc_from_host_(context, type.dtype, (numc_shape){type.shape, type.rank, true}, data);
            free(data);
        }
        run_graph(context, graph, (const numc_array *const *)moved, graph->input_count, out);
        at = 0;
        for (int32_t i = 0; i < graph->output_count; i++) {
            if (!is_float(numc__graph_output_type(graph, i)))
                continue;
            int64_t size = type_size(numc__graph_output_type(graph, i));
            assert_int_equal(numc_to_host(out[i], NUMC_FLOAT64, y + at, (size_t)size * sizeof *y), NUMC_OK);
            at += size;
        }
    }
}

/* (x, directions split as arrays of the float types) -> all float outputs of `derived`, from output `skip` on. */
static inline void run_derived(numc_context *context, const numc_graph *derived, const numc_array *const *x, int32_t count,
                               const double *d, int32_t skip, double *result)
{
    numc_scope(context) {
        const numc_array *in[64];
        numc_array *out[64];
        int64_t at = 0;
        for (int32_t i = 0; i < derived->input_count; i++) {
            if (i < count) {
                in[i] = x[i];
                continue;
            }
            const numc_type *type = numc__graph_input_type(derived, i);
            in[i] = numc_astype(reals(context, (numc_shape){type->shape, type->rank, true}, d + at), type->dtype);
            at += type_size(type);
        }
        run_graph(context, derived, in, derived->input_count, out);
        at = 0;
        for (int32_t i = skip; i < derived->output_count; i++) {
            int64_t size = type_size(numc__graph_output_type(derived, i));
            assert_int_equal(numc_to_host(out[i], NUMC_FLOAT64, result + at, (size_t)size * sizeof *result), NUMC_OK);
            at += size;
        }
    }
}

/* ---- the check --------------------------------------------------------------------------------------------------- */

#define STEP 0x1p-6

static inline void compare_difference(const char *name, const double *const *y, const double *dy, int64_t m)
{
    /* y[2k], y[2k+1]: f at +- STEP 2^-k. Each D(h) = f' + c2 h^2 + c4 h^4 + ...; R removes c2, the last step c4. What is left
     * is bounded by the last correction |R2 - R1|, by 30 h^6 for the next term, and by 1e-14 |f| / (h / 4): rounding and
     * an error of about 50 ulp of f itself. */
    for (int64_t i = 0; i < m; i++) {
        double d[3], size = fmax(1.0, fabs(dy[i]));
        for (int k = 0; k < 3; k++) {
            d[k] = (y[2 * k][i] - y[2 * k + 1][i]) / (2.0 * ldexp(STEP, -k));
            size = fmax(size, fabs(y[2 * k][i]));
        }
        double r1 = (4.0 * d[1] - d[0]) / 3.0, r2 = (4.0 * d[2] - d[1]) / 3.0;
        double best = (16.0 * r2 - r1) / 15.0;
        double h6 = STEP * STEP * STEP * STEP * STEP * STEP;
        double tolerance = fabs(r2 - r1) + 30.0 * h6 * size + 1e-14 * size / (STEP / 4.0);
        if (tolerance > 1e-5 * size)
            fail_msg("%s: output %d: differences do not converge: %.17g %.17g", name, (int)i, r1, r2);
        if (!(fabs(best - dy[i]) <= tolerance))
            fail_msg("%s: output %d: forward mode gives %.17g, differences %.17g, tolerance %.3g", name, (int)i, dy[i],
                     best, tolerance);
    }
}

static inline void check_graph(numc_context *context, const char *name, const numc_graph *graph,
                               const numc_array *const *x, int order)
{
    int64_t n = float_inputs(graph), m = float_outputs(graph);
    generator g = {UINT64_C(20261122) + (uint64_t)order};
    double *d = malloc((size_t)(n + 1) * sizeof *d), *w = malloc((size_t)(m + 1) * sizeof *w);
    double *dy = malloc((size_t)(m + 1) * sizeof *dy), *xbar = malloc((size_t)(n + 1) * sizeof *xbar);
    for (int64_t i = 0; i < n; i++)
        d[i] = draw_unit(&g);
    for (int64_t i = 0; i < m; i++)
        w[i] = draw_unit(&g);
    int32_t ins = graph->input_count;

    numc_graph *forward = numc__graph_jvp(context, graph, NULL);
    if (forward == NULL)
        fail_msg("%s: jvp: %s", name, numc_error_message(context));
    assert_int_equal(numc__graph_verify(context, forward), NUMC_OK);
    run_derived(context, forward, x, ins, d, graph->output_count, dy);
    double *y[6];
    for (int k = 0; k < 6; k++) {
        y[k] = malloc((size_t)(m + 1) * sizeof **y);
        evaluate(context, graph, x, ldexp(k % 2 == 0 ? STEP : -STEP, -(k / 2)), d, y[k]);
    }
    compare_difference(name, (const double *const *)y, dy, m);
    for (int k = 0; k < 6; k++)
        free(y[k]);
    numc__graph_release(forward);

    numc_graph *backward = numc__graph_vjp(context, graph, NULL);
    if (backward == NULL)
        fail_msg("%s: vjp: %s", name, numc_error_message(context));
    assert_int_equal(numc__graph_verify(context, backward), NUMC_OK);
    run_derived(context, backward, x, ins, w, graph->output_count, xbar);
    double left = 0.0, right = 0.0, size = 0.0;
    for (int64_t i = 0; i < m; i++) {
        left += w[i] * dy[i];
        size += fabs(w[i] * dy[i]);
    }
    for (int64_t i = 0; i < n; i++) {
        right += xbar[i] * d[i];
        size += fabs(xbar[i] * d[i]);
    }
    /* both sides are sums of the same products in another order, each term exact to some tens of roundings */
    if (!(fabs(left - right) <= 1e-12 * fmax(size, 1e-3)))
        fail_msg("%s: <w, jvp> = %.17g but <vjp, d> = %.17g", name, left, right);

    if (order > 1) {
        char deeper[128];
        snprintf(deeper, sizeof deeper, "%s'", name);
        numc_scope(context) {
            const numc_array *in[64];
            int64_t at = 0;
            for (int32_t i = 0; i < backward->input_count; i++) {
                const numc_type *type = numc__graph_input_type(backward, i);
                in[i] = i < ins ? x[i] : reals(context, (numc_shape){type->shape, type->rank, true}, w + at);
                at += i < ins ? 0 : type_size(type);
            }
            check_graph(context, deeper, backward, in, order - 1);
        }
    }
    numc__graph_release(backward);
    free(d);
    free(w);
    free(dy);
    free(xbar);
}

/* Traces, verifies, and checks the derivatives at x up to the order. */
static inline void check_body(numc_context *context, const char *name, numc_trace_fn body, void *user,
                              const numc_array *const *x, int32_t inputs, int32_t outputs, int order)
{
    ASSERT_FINE(context);
    numc_graph *graph = trace_like(context, body, user, x, inputs, outputs);
    if (graph == NULL)
        fail_msg("%s: trace: %s", name, numc_error_message(context));
    assert_int_equal(numc__graph_verify(context, graph), NUMC_OK);
    check_graph(context, name, graph, x, order);
    numc__graph_release(graph);
}

#endif
