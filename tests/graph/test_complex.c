/* Complex values in graphs: derivatives of every holomorphic operation against differences, JAX's convention for gradients,
 * programs with complex inputs, constants, carries and outputs against the graph run node by node, batches, and every
 * allocation failing. */
#include "support.h"

#include <complex.h>

#include "../base/failing.h"
#include "graph/function.h"
#include "numc/linalg.h"

/* CMPLX and CMPLXL, which not every compiler has with every C library. */
static double _Complex joined(double re, double im)
{
    union {
        double parts[2];
        double _Complex number;
    } both = {{re, im}};
    return both.number;
}

static numc_context *open_backend(void)
{
    const char *name = getenv("NUMC_BACKEND");
    numc_context *context = numc_open(&(numc_options){.backend = name != NULL && name[0] != '\0' ? name : "ref"});
    assert_non_null(context);
    assert_string_equal(numc_error_message(context), "");
    return context;
}

static numc_array *complexes(numc_context *context, numc_shape shape, uint64_t seed)
{
    double data[128];
    generator g = {seed};
    int64_t size = 2;
    for (int32_t d = 0; d < shape.count; d++)
        size *= shape.values[d];
    for (int64_t i = 0; i < size; i++)
        data[i] = draw_unit(&g);
    return numc_from_host(context, NUMC_COMPLEX128, shape, data);
}

/* ---- derivatives ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    numc_array *(*function)(const numc_array *);
} functions[] = {
    {"negative", numc_negative}, {"sqrt", numc_sqrt},   {"square", numc_square}, {"reciprocal", numc_reciprocal},
    {"exp", numc_exp},           {"expm1", numc_expm1}, {"log", numc_log},       {"log1p", numc_log1p},
    {"log2", numc_log2},         {"log10", numc_log10}, {"sin", numc_sin},       {"cos", numc_cos},
    {"tan", numc_tan},           {"asin", numc_asin},   {"acos", numc_acos},     {"atan", numc_atan},
    {"sinh", numc_sinh},         {"cosh", numc_cosh},   {"tanh", numc_tanh},     {"asinh", numc_asinh},
    {"acosh", numc_acosh},       {"atanh", numc_atanh}, {"abs", numc_abs},       {"sign", numc_sign},
    {"conj", numc_conj},
};

BODY(one_function)
{
    UNUSED();
    size_t which = *(const size_t *)user;
    numc_array *y = functions[which].function(numc_complex(in[0], in[1]));
    out[0] = numc_add(numc_real(y), numc_multiply(numc_imag(y), 2.0));
}

/* Points in each quadrant, off the axes and so off the branch cuts, some distance from poles and branch points: differences
 * take steps. */
static const double points[2][5] = {{0.75, -0.75, -0.375, 1.5, 3.0}, {0.5, 0.625, -0.75, -1.125, 2.0}};

static void functions_have_their_derivatives(void **state)
{
    (void)state;
    numc_context *context = open_backend();
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        numc_scope(context) {
            const numc_array *x[2] = {reals(context, NUMC_SHAPE(5), points[0]), reals(context, NUMC_SHAPE(5), points[1])};
            check_body(context, functions[i].name, one_function, &i, x, 2, 1, 2);
        }
    }
    numc_close(context);
}

static numc_array *first_of(const numc_array *const *in) { return numc_complex(in[0], in[1]); }
static numc_array *second_of(const numc_array *const *in)
{
    return numc_complex(numc_flip(in[1], NUMC_AXES(0)), numc_add(in[0], 0.125));
}
static void put(numc_array **out, const numc_array *z)
{
    out[0] = numc_subtract(numc_real(z), numc_multiply(numc_imag(z), 3.0));
}
BODY(multiplied) { UNUSED(); put(out, numc_multiply(first_of(in), second_of(in))); }
BODY(divided) { UNUSED(); put(out, numc_divide(first_of(in), second_of(in))); }
BODY(raised) { UNUSED(); put(out, numc_pow(first_of(in), second_of(in))); }
BODY(raised_real) { UNUSED(); put(out, numc_pow(first_of(in), 2.5)); }
BODY(raised_complex) { UNUSED(); put(out, numc_pow(first_of(in), 0.5 - 1.5 * I)); }
BODY(raised_whole) { UNUSED(); put(out, numc_pow(first_of(in), -3)); }
BODY(chosen) { UNUSED(); put(out, numc_where(numc_greater(in[0], 0.0), numc_square(first_of(in)), second_of(in))); }
BODY(widened) { UNUSED(); put(out, numc_multiply(numc_astype(in[0], NUMC_COMPLEX128), numc_astype(numc_square(first_of(in)), NUMC_COMPLEX128))); }
BODY(multiplied_all) { UNUSED(); put(out, numc_prod(first_of(in))); }
BODY(multiplied_on) { UNUSED(); put(out, numc_cumulative_prod(first_of(in))); }
BODY(added_on) { UNUSED(); put(out, numc_square(numc_cumulative_sum(first_of(in)))); }
BODY(outer_products) { UNUSED(); put(out, numc_matmul(numc_reshape(first_of(in), NUMC_SHAPE(5, 1)), numc_reshape(second_of(in), NUMC_SHAPE(1, 5)))); }
BODY(dots) { UNUSED(); put(out, numc_vecdot(first_of(in), second_of(in))); }
BODY(turned) { UNUSED(); put(out, numc_square(numc_flip(numc_concat((const numc_array *[]){first_of(in), second_of(in)}, 2, 0), NUMC_AXES(0)))); }
BODY(gathered)
{
    UNUSED();
    numc_array *indices = numc_from_host(context, NUMC_INT64, NUMC_SHAPE(4), ((const int64_t[]){4, 1, 1, 3}));
    put(out, numc_square(numc_scatter_add(first_of(in), indices, numc_square(numc_take(second_of(in), indices)), 0)));
}
BODY(step)
{
    UNUSED();
    out[0] = numc_add(numc_multiply(in[0], 0.5 + 0.25 * I), numc_sin(in[1]));
    out[1] = numc_multiply(out[0], numc_conj(in[1]));
}
BODY(scanned)
{
    UNUSED();
    const numc_array *carry = numc_index(second_of(in), NUMC_AT(1)), *sequence = first_of(in);
    numc_array *y[2];
    numc_scan(context, step, NULL, &carry, 1, &sequence, 1, y, 1);
    put(out, numc_add(y[1], y[0]));
}
BODY(branch_one) { UNUSED(); out[0] = numc_exp(in[0]); }
BODY(branch_two) { UNUSED(); out[0] = numc_square(in[0]); }
BODY(branched)
{
    UNUSED();
    const numc_array *z = first_of(in);
    numc_array *y[1];
    numc_cond(numc_greater(numc_sum(in[0]), 0.0), branch_one, branch_two, NULL, &z, 1, y, 1);
    put(out, y[0]);
}

static const struct {
    const char *name;
    numc_trace_fn body;
} bodies[] = {
#define ROW(name) {#name, name}
    ROW(multiplied), ROW(divided), ROW(raised), ROW(raised_real), ROW(raised_complex), ROW(raised_whole), ROW(chosen),
    ROW(widened), ROW(multiplied_all), ROW(multiplied_on), ROW(added_on), ROW(outer_products), ROW(dots), ROW(turned),
    ROW(gathered), ROW(scanned), ROW(branched),
};

static void compositions_have_their_derivatives(void **state)
{
    (void)state;
    numc_context *context = open_backend();
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        numc_scope(context) {
            const numc_array *x[2] = {reals(context, NUMC_SHAPE(5), points[0]), reals(context, NUMC_SHAPE(5), points[1])};
            check_body(context, bodies[i].name, bodies[i].body, NULL, x, 2, 1, 2);
        }
    }
    numc_close(context);
}

/* ---- gradients of complex inputs --------------------------------------------------------------------------------- */

static double _Complex item(const numc_array *x)
{
    numc_complex_number z = numc_item_complex(x);
    return joined(z.re, z.im);
}

BODY(squared_size) { UNUSED(); out[0] = numc_square(numc_abs(numc_exp(in[0]))); }
BODY(real_part) { UNUSED(); out[0] = numc_real(numc_sin(in[0])); }
BODY(imaginary_part) { UNUSED(); out[0] = numc_imag(numc_sin(in[0])); }
BODY(of_real) { UNUSED(); out[0] = numc_real(numc_multiply(numc_exp(numc_multiply(in[0], 1.0 * I)), 2.0 - 1.0 * I)); }

/* df/dx - i df/dy: of |e^z|^2 = e^(2x) it is 2 e^(2x); of Re f it is f', of Im f -i f'; of a real input it is real. */
static void gradients_follow_the_convention(void **state)
{
    (void)state;
    numc_context *context = open_backend();
    const double _Complex z = 0.75 - 0.5 * I;
    const numc_array *x = numc_number(context, NUMC_DTYPE_DEFAULT, z), *r = numc_number(context, NUMC_DTYPE_DEFAULT, 0.3);
    static const struct {
        numc_trace_fn body;
        bool of_real;
    } cases[] = {{squared_size, false}, {real_part, false}, {imaginary_part, false}, {of_real, true}};
    const double _Complex wanted[] = {2 * exp(2 * 0.75), ccos(z), -I * ccos(z), creal(I * cexp(0.3 * I) * (2.0 - 1.0 * I))};
    for (int i = 0; i < 4; i++) {
        const numc_array *at = cases[i].of_real ? r : x;
        numc_function *f = numc_function_trace(context, cases[i].body, NULL, &at, 1, 1);
        numc_function *g = numc_function_value_and_gradient(context, f);
        numc_array *y[2];
        numc_function_call(context, g, &at, 1, y, 2);
        ASSERT_FINE(context);
        assert_int_equal(numc_array_dtype(y[0]), NUMC_FLOAT64);
        assert_int_equal(numc_array_dtype(y[1]), cases[i].of_real ? NUMC_FLOAT64 : NUMC_COMPLEX128);
        assert_true(cabs(item(y[1]) - wanted[i]) <= 16 * 0x1p-52 * cabs(wanted[i])); /* a dozen operations */
        numc_function_free(f);
        numc_function_free(g);
    }
    numc_function *f = numc_function_trace(context, branch_one, NULL, &x, 1, 1);
    assert_null(numc_function_value_and_gradient(context, f));
    assert_int_equal(numc_error_status(context), NUMC_SHAPE);
    assert_non_null(strstr(numc_error_message(context), "complex128"));
    numc_error_clear(context);
    numc_close(context);
}

/* ---- programs ---------------------------------------------------------------------------------------------------- */

BODY(chain)
{
    UNUSED();
    numc_array *z = numc_tanh(numc_divide(numc_multiply(in[0], in[1]), numc_add(in[0], 2.0)));
    out[0] = numc_add(z, numc_multiply(numc_conj(in[1]), numc_abs(in[0])));
    out[1] = numc_sum(numc_multiply(z, out[0]), NUMC_AXES(0));
}
BODY(passed_on) { UNUSED(); out[0] = numc_positive(in[0]); out[1] = numc_positive(in[0]); }
BODY(constant)
{
    UNUSED();
    static const double data[] = {1, 2, 3, -4, 0.5, 0, 0, 1, -1, -1, 2, 0.25, 1, 1};
    numc_array *table = numc_from_host(context, NUMC_COMPLEX128, NUMC_SHAPE(7), data);
    out[0] = numc_multiply(in[0], numc_index(table, NUMC_SLICE_STEP(0, 6, 2)));
    out[1] = numc_conj(numc_index(table, NUMC_SLICE(0, 3)));
}
BODY(number) { UNUSED(); out[0] = numc_full(context, NUMC_DTYPE_DEFAULT, NUMC_SHAPE(2), 1.0 * I); out[1] = numc_add(numc_sum(in[0]), 1.0 - 1.0 * I); }
BODY(moves)
{
    UNUSED();
    numc_array *t = numc_matrix_transpose(in[0]);
    out[0] = numc_concat((const numc_array *[]){numc_flip(t, NUMC_AXES(1)), numc_tril(t, 0)}, 2, 1);
    out[1] = numc_cumulative_sum(numc_reshape(numc_add(t, numc_index(t, NUMC_ALL, NUMC_SLICE(1, 2))), NUMC_SHAPE(-1)));
}
BODY(halves)
{
    UNUSED();
    numc_array *single = numc_astype(in[0], NUMC_COMPLEX64);
    out[0] = numc_multiply(single, 0.5 + 0.5 * I);
    out[1] = numc_astype(numc_subtract(in[0], numc_astype(single, NUMC_COMPLEX128)), NUMC_BOOL);
}
BODY(slots)
{
    UNUSED();
    numc_array *h = numc_add(in[0], numc_conj(numc_matrix_transpose(in[0])));
    out[0] = numc_linalg_eigvalsh(h);
    out[1] = numc_linalg_solve(numc_exp(in[0]), numc_matmul(in[0], numc_index(in[0], NUMC_ALL, NUMC_SLICE(0, 2))));
}
BODY(scalar_step)
{
    UNUSED();
    out[0] = numc_add(numc_multiply(in[0], in[1]), 0.5 * I);
    out[1] = numc_abs(out[0]);
}
BODY(scalar_scan)
{
    UNUSED();
    const numc_array *start = numc_index(in[0], NUMC_AT(0));
    numc_scan(context, scalar_step, NULL, &start, 1, in, 1, out, 1);
}
BODY(vector_step)
{
    UNUSED();
    const numc_array *turn = user;
    out[0] = numc_add(numc_roll(numc_multiply(in[0], turn), 1, 0), in[1]);
    out[1] = numc_square(out[0]);
}
BODY(vector_scan)
{
    UNUSED();
    const numc_array *start = numc_index(in[0], NUMC_AT(0));
    numc_scan(context, vector_step, numc_index(in[1], NUMC_AT(1)), &start, 1, in, 1, out, 1, .reverse = true);
}
BODY(either)
{
    UNUSED();
    numc_cond(numc_greater(numc_real(numc_sum(in[0])), numc_real(numc_sum(in[1]))), branch_one, branch_two, NULL, in, 1, out, 1);
    out[1] = numc_multiply(out[0], 1.0 * I);
}
BODY(picked)
{
    UNUSED();
    numc_array *indices = numc_astype(numc_floor(numc_multiply(numc_abs(in[0]), 2.0)), NUMC_INT64);
    out[0] = numc_take(in[1], indices);
    out[1] = numc_scatter_add(in[1], indices, in[0], 0);
}

BODY(inside) { UNUSED(); out[0] = numc_less(numc_sum(numc_abs(in[0])), 40.0); }
BODY(iterate) { UNUSED(); out[0] = numc_add(numc_multiply(in[0], 1.5 + 0.5 * I), 0.25); out[1] = numc_add(in[1], 1); }
BODY(while_small)
{
    UNUSED();
    const numc_array *carries[2] = {in[0], numc_zeros(context, NUMC_INT64, NUMC_SCALAR)};
    numc_while(context, inside, iterate, NULL, carries, 2, out);
}
BODY(forward_rule) { UNUSED(); out[0] = numc_multiply(numc_multiply(in[2], 3.0), in[1]); }

#define S(...) {(const int64_t[]){__VA_ARGS__}, (int32_t)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), true}
static const struct {
    const char *name;
    numc_trace_fn body;
    int32_t inputs;
    numc_shape shapes[2];
} programs[] = {
    {"chain", chain, 2, {S(3, 4), S(4)}},   {"empty chain", chain, 2, {S(3, 0), S(0)}}, {"passed on", passed_on, 1, {S(2, 3)}},
    {"constant", constant, 1, {S(3)}},      {"number", number, 1, {S(3)}},             {"moves", moves, 1, {S(3, 4)}},
    {"halves", halves, 1, {S(5)}},          {"slots", slots, 1, {S(3, 3)}},            {"scalar scan", scalar_scan, 1, {S(6)}},
    {"vector scan", vector_scan, 2, {S(4, 3), S(2, 3)}}, {"either", either, 2, {S(3), S(3)}}, {"picked", picked, 2, {S(4), S(3)}},
};

/* |a - b| <= tolerance times the largest |b| or 1, and the same types. */
static void compare(const char *name, const numc_array *a, const numc_array *b, double tolerance)
{
    numc_type x = numc__type_of(a), y = numc__type_of(b);
    if (!numc__type_equal(&x, &y))
        fail_msg("%s: another type", name);
    double p[128], q[128], most = 1;
    size_t size = (size_t)numc_array_size(a);
    assert_true(2 * size <= 128);
    assert_int_equal(numc_to_host(a, NUMC_COMPLEX128, p, 2 * size * sizeof *p), NUMC_OK);
    assert_int_equal(numc_to_host(b, NUMC_COMPLEX128, q, 2 * size * sizeof *q), NUMC_OK);
    for (size_t i = 0; i < 2 * size; i++)
        most = fmax(most, fabs(q[i]));
    for (size_t i = 0; i < 2 * size; i++)
        if (!(fabs(p[i] - q[i]) <= tolerance * most))
            fail_msg("%s: element %d is %.17g instead of %.17g", name, (int)(i / 2), p[i], q[i]);
}

/* The function compiled, its graph node by node, and the same for its derivatives. Order of operations may differ by fusion in
 * sums of at most 12 terms and by simplification: a few dozen roundings. */
static void programs_give_what_graphs_give(void **state)
{
    (void)state;
    numc_context *context = open_backend();
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        numc_scope(context) {
            const numc_array *x[4];
            for (int32_t k = 0; k < programs[i].inputs; k++)
                x[k] = complexes(context, programs[i].shapes[k], 3 + i + 10 * (size_t)k);
            int32_t n = programs[i].inputs;
            numc_function *f = numc_function_trace(context, programs[i].body, NULL, x, n, 2);
            if (f == NULL)
                fail_msg("%s: %s", programs[i].name, numc_error_message(context));
            numc_array *compiled[4], *steps[4];
            if (numc_function_call(context, f, x, n, compiled, 2) != NUMC_OK)
                fail_msg("%s: %s", programs[i].name, numc_error_message(context));
            numc__graph_apply(context, f->graph, x, n, steps, 2);
            ASSERT_FINE(context);
            for (int k = 0; k < 2; k++)
                compare(programs[i].name, compiled[k], steps[k], 64 * 0x1p-52);
            numc_function *g = numc_function_vjp(context, f);
            if (g == NULL)
                fail_msg("%s: %s", programs[i].name, numc_error_message(context));
            int32_t cotangents = 0;
            for (int k = 0; k < 2; k++)
                if (numc__differentiable(compiled[k]->dtype))
                    x[n + cotangents++] = numc_multiply(numc_add(compiled[k], 0.25), 0.5);
            if (numc_function_call(context, g, x, n + cotangents, compiled, 2 + n) != NUMC_OK)
                fail_msg("%s, backwards: %s", programs[i].name, numc_error_message(context));
            numc__graph_apply(context, g->graph, x, n + cotangents, steps, 2 + n);
            ASSERT_FINE(context);
            for (int k = 0; k < 2 + n; k++)
                compare(programs[i].name, compiled[k], steps[k], 256 * 0x1p-52);
            numc_function_free(f);
            numc_function_free(g);
        }
    }
    numc_close(context);
}

/* A while, which has no reverse mode, forwards; and a derivative of one's own. */
static void loops_and_derivatives_of_ones_own(void **state)
{
    (void)state;
    numc_context *context = open_backend();
    const numc_array *z = complexes(context, NUMC_SHAPE(3), 8), *dz = complexes(context, NUMC_SHAPE(3), 9);
    numc_function *f = numc_function_trace(context, while_small, NULL, &z, 1, 2), *g = numc_function_jvp(context, f);
    numc_array *y[3], *direct[2];
    numc_function_call(context, g, (const numc_array *[]){z, dz}, 2, y, 3);
    while_small(context, &z, 1, direct, 2, NULL);
    ASSERT_FINE(context);
    int64_t steps = numc_item_integer(y[1]);
    assert_true(steps > 3 && steps == numc_item_integer(direct[1]));
    compare("while", y[0], direct[0], 64 * 0x1p-52);
    numc_array *factor = numc_pow(numc_number(context, NUMC_DTYPE_DEFAULT, 1.5 + 0.5 * I), (int)steps); /* linear in z */
    compare("while's tangent", y[2], numc_multiply(factor, dz), 64 * 0x1p-52);
    numc_function_free(f);
    numc_function_free(g);

    f = numc_function_trace(context, branch_one, NULL, &z, 1, 1); /* e^z, whose derivative is said to be 3 e^z */
    numc_function *own = numc_function_custom_jvp(context, f, forward_rule, NULL);
    g = numc_function_vjp(context, own);
    numc_function_call(context, g, (const numc_array *[]){z, dz}, 2, y, 2);
    ASSERT_FINE(context);
    compare("a derivative of one's own", y[1], numc_multiply(numc_multiply(numc_exp(z), dz), 3.0), 16 * 0x1p-52);
    numc_function_free(f);
    numc_function_free(own);
    numc_function_free(g);
    numc_close(context);
}

/* Inputs that are views: turned, offset, repeated. */
static void inputs_may_be_views(void **state)
{
    (void)state;
    numc_context *context = open_backend();
    numc_array *base = complexes(context, NUMC_SHAPE(5, 6), 9);
    numc_array *view = numc_index(numc_matrix_transpose(base), NUMC_SLICE_STEP(1, 4, 1), NUMC_SLICE_STEP(NUMC_END, 0, -1));
    numc_array *row = numc_broadcast_to(numc_index(base, NUMC_AT(2), NUMC_AT(3)), NUMC_SHAPE(4));
    const numc_array *x[2] = {view, row};
    numc_function *f = numc_function_trace(context, chain, NULL, x, 2, 2);
    numc_array *compiled[2], *direct[2];
    numc_function_call(context, f, x, 2, compiled, 2);
    chain(context, x, 2, direct, 2, NULL);
    ASSERT_FINE(context);
    compare("views", compiled[0], direct[0], 64 * 0x1p-52);
    compare("views", compiled[1], direct[1], 64 * 0x1p-52);
    numc_function_free(f);
    numc_close(context);
}

static void batches_are_loops(void **state)
{
    (void)state;
    numc_context *context = open_backend();
    static const numc_trace_fn batched[] = {chain, vector_scan, slots};
    const numc_shape shapes[][2] = {{S(3, 4), S(4)}, {S(4, 3), S(2, 3)}, {S(3, 3), S(1)}};
    for (int i = 0; i < 3; i++) {
        numc_scope(context) {
            int32_t n = i == 2 ? 1 : 2;
            const numc_array *one[2], *many[2];
            for (int32_t k = 0; k < n; k++) {
                one[k] = complexes(context, shapes[i][k], (uint64_t)k);
                numc_array *second = complexes(context, shapes[i][k], 50 + (uint64_t)k);
                many[k] = numc_stack((const numc_array *[]){one[k], second}, 2, 0);
            }
            numc_function *f = numc_function_trace(context, batched[i], NULL, one, n, 2);
            numc_function *v = numc_function_vmap(context, f, many, n);
            numc_array *all[2], *y[2];
            if (v == NULL || numc_function_call(context, v, many, n, all, 2) != NUMC_OK)
                fail_msg("batch %d: %s", i, numc_error_message(context));
            for (int b = 0; b < 2; b++) {
                for (int32_t k = 0; k < n; k++)
                    one[k] = numc_index(many[k], NUMC_AT(b));
                numc_function_call(context, f, one, n, y, 2);
                ASSERT_FINE(context);
                for (int k = 0; k < 2; k++)
                    compare("batch", numc_index(all[k], NUMC_AT(b)), y[k], 64 * 0x1p-52);
            }
            numc_function_free(f);
            numc_function_free(v);
        }
    }
    numc_close(context);
}

/* ---- failures ---------------------------------------------------------------------------------------------------- */

BODY(everything)
{
    UNUSED();
    numc_array *y[2], *z[1];
    const numc_array *start = numc_index(in[0], NUMC_AT(0)), *table = numc_full(context, NUMC_COMPLEX128, NUMC_SHAPE(3), 2.0 * I);
    numc_scan(context, vector_step, (void *)(uintptr_t)table, &start, 1, in, 1, y, 1);
    const numc_array *branch = y[1];
    numc_cond(numc_greater(numc_abs(numc_sum(in[0])), 0.0), branch_one, branch_two, NULL, &branch, 1, z, 1);
    out[0] = numc_real(numc_sum(numc_multiply(z[0], in[0])));
}

static double gradient_size(numc_context *context)
{
    const numc_array *x = complexes(context, NUMC_SHAPE(3, 3), 4);
    numc_function *f = numc_function_trace(context, everything, NULL, &x, 1, 1);
    numc_function *g = numc_function_value_and_gradient(context, f);
    numc_array *y[2] = {NULL, NULL};
    numc_function_call(context, g, &x, 1, y, 2);
    double size = numc_item(numc_sum(numc_abs(y[1])));
    numc_function_free(f);
    numc_function_free(g);
    return size;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    double right = NAN;
    long told = 0;
    for (long n = -1;; n += n < 200 ? 1 : 7) { /* all of the first 200, every 7th after */
        failing f = failing_at(n);
        numc_options options = {.backend = "ref", .allocate = failing_allocate, .allocate_user = &f, .threads = 1};
        numc_context *context = numc_open(&options);
        if (context != NULL && numc_error_status(context) == NUMC_OK) {
            double size = NAN;
            numc_scope(context) size = gradient_size(context);
            if (numc_error_status(context) != NUMC_OK) {
                assert_true(f.failed && numc_error_status(context) == NUMC_MEMORY);
                assert_true(isnan(size));
                told++;
                numc_error_clear(context);
                numc_scope(context) size = gradient_size(context);
                ASSERT_FINE(context);
            }
            right = n < 0 ? size : right;
            assert_true(size == right);
        }
        numc_close(context);
        assert_int_equal(f.blocks, 0);
        assert_int_equal(f.mistakes, 0);
        if (n >= 0 && !f.failed)
            break;
    }
    assert_true(told > 100 / failing_every());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_have_their_derivatives),
        cmocka_unit_test(compositions_have_their_derivatives),
        cmocka_unit_test(gradients_follow_the_convention),
        cmocka_unit_test(programs_give_what_graphs_give),
        cmocka_unit_test(loops_and_derivatives_of_ones_own),
        cmocka_unit_test(inputs_may_be_views),
        cmocka_unit_test(batches_are_loops),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
