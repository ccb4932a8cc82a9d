/* derivative.h - internal to src/graph: what jvp.c and vjp.c know of a primitive. A rule writes its result with the public array
 * functions on traced arrays, so the result is a graph over the same primitives and can be differentiated again.
 *
 * A zero tangent or cotangent is absent: a NULL pointer. A rule tells failure by its status, never by NULL alone. */
#ifndef NUMC_GRAPH_DERIVATIVE_H
#define NUMC_GRAPH_DERIVATIVE_H

#include "graph/build.h"

/* One application being differentiated. */
typedef struct numc_application {
    numc_context *context;
    int32_t primitive;
    const numc_attributes *attributes;
    const numc_array *const *x; /* operands */
    int32_t input_count;
    numc_array *const *y; /* results */
    int32_t output_count;
} numc_application;

typedef struct numc_rule {
    /* One of these three says what the derivative is. */
    const char *zero; /* why it is zero everywhere (or wherever it exists) */
    /* Elementwise: (d y / d operand k) d, computed so that a zero slope wins over an infinite one. Both modes follow. */
    numc_array *(*partial)(const numc_application *a, int32_t k, const numc_array *d);
    /* dy from dx; xbar (for the wanted operands) from ybar. */
    numc_status (*jvp)(const numc_application *a, const numc_array *const *dx, numc_array **dy);
    numc_status (*vjp)(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar);
    /* Elementwise: operands (bit k) in which the slope is zero, or does not exist here. */
    uint32_t zero_operands, missing_operands;
    const char *missing; /* why */
} numc_rule;

/* NULL when the table has no row. COND, SCAN and WHILE have rows whose functions stand below (control flow). */
const numc_rule *numc__rule_of(int32_t primitive);

/* The rules of the files beside this one, for the table in derivative.c. */
#define NUMC_RULE_FUNCTIONS(X)                                                                     \
    X(convert) X(broadcast) X(reshape) X(permute) X(slice) X(flip) X(pad) X(concat) X(gather) X(scatter)   \
    X(real) X(imag) X(complex)                                                                     \
    X(reduce_sum) X(reduce_prod) X(reduce_max) X(cumulative_sum) X(cumulative_prod) X(cumulative_max)        \
    X(fft) X(rfft) X(irfft)                                                                        \
    X(custom) X(external) X(sort) X(matmul) X(cholesky) X(cholesky_inverse) X(triangular_solve) X(lu) X(qr) X(eigh) X(eig) X(svd)
#define NUMC_DECLARE_RULE(name)                                                                    \
    numc_status numc__jvp_##name(const numc_application *a, const numc_array *const *dx, numc_array **dy); \
    numc_status numc__vjp_##name(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar);
NUMC_RULE_FUNCTIONS(NUMC_DECLARE_RULE)

/* ---- helpers of the rules ---------------------------------------------------------------------------------------- */
numc_array *numc__zeros_of(numc_context *context, const numc_type *type);
static inline numc_array *numc__zeros_as(numc_context *context, const numc_array *x)
{
    numc_type type = numc__type_of(x);
    return numc__zeros_of(context, &type);
}
/* One application of a structural primitive with `count` numbers. */
numc_array *numc__apply_numbers(numc_context *context, int32_t primitive, const numc_array *const *inputs,
                                int32_t input_count, const int64_t *numbers, int32_t count);
numc_array *numc__reshape_to(numc_context *context, const numc_array *x, int32_t rank, const int64_t *shape);
numc_array *numc__permute_by(numc_context *context, const numc_array *x, const int64_t *axes);
/* x[..., idx, ...] along an axis, element by element: idx (int64) has x's shape but for that axis; and its adjoint, which adds
 * `values` (idx's shape) into zeros of `type`. */
numc_array *numc__gather_along(numc_context *context, const numc_array *x, const numc_array *indices, int32_t axis);
numc_array *numc__scatter_along(numc_context *context, const numc_type *type, const numc_array *indices,
                                const numc_array *values, int32_t axis);

/* The rule of any primitive but those with steps: dy from dx, where there is a moving operand; xbar from ybar. */
numc_status numc__rule_forward(const numc_application *a, const numc_array *const *dx, numc_array **dy);
numc_status numc__rule_backward(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar);

/* ---- modes applied to arrays, inside a trace --------------------------------------------------------------------- */
/* Which outputs depend differentiably on the flagged inputs. */
numc_status numc__graph_activity(numc_context *context, const numc_graph *graph, const bool *inputs, bool *outputs);

/* y and dy (absent where zero) from x and dx (absent where zero). */
numc_status numc__jvp_apply(numc_context *context, const numc_graph *graph, const numc_array *const *x,
                            const numc_array *const *dx, numc_array **y, numc_array **dy);

/* Reverse mode in two steps; the tape is freed by the caller whatever happened. */
typedef struct numc_tape {
    numc_context *context;
    const numc_graph *graph;
    size_t size;
    void *block;
    numc_array **values, **cotangents; /* by value id */
    bool *active;                      /* by value id */
    numc_array ***residuals;           /* by node: what a scan stored, or NULL */
    const numc_array **operands;
    numc_array **results;
    bool *wanted;
} numc_tape;
numc_status numc__tape_forward(numc_tape *tape, numc_context *context, const numc_graph *graph,
                               const numc_array *const *x, const bool *active, numc_array **y);
numc_status numc__tape_backward(numc_tape *tape, const numc_array *const *ybar, numc_array **xbar);
void numc__tape_free(numc_tape *tape);

/* ---- control flow (rules_control.c) ------------------------------------------------------------------------------ */
/* y and dy together, so that nothing runs twice. */
numc_status numc__jvp_control(const numc_application *a, const numc_array *const *dx, numc_array **y, numc_array **dy);
/* Which outputs are active. */
numc_status numc__activity_control(numc_context *context, const numc_node *node, const bool *inputs, bool *outputs);
/* A scan that also stores the carries it had before each step: y, and `carries` arrays in residuals; where their bytes are limited
 * those before each segment, then those after the last: twice as many arrays. */
numc_status numc__scan_store(const numc_application *a, numc_array **y, numc_array **residuals);
numc_status numc__vjp_control(const numc_application *a, numc_array *const *residuals, const numc_array *const *ybar,
                              const bool *wanted, numc_array **xbar);

#endif
