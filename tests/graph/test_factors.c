/* test_factors.c - derivatives of what is composed of factorisations, where rules alone do not tell: pseudo-inverses, determinants of
 * singular matrices, norms; what degenerate matrices give; what is refused. */
#include "../base/failing.h"
#include "numc/linalg.h"
#include "support.h"

BODY(pinv) { UNUSED(); out[0] = numc_linalg_pinv(in[0]); }
BODY(pinv_of_product) { UNUSED(); out[0] = numc_linalg_pinv(numc_matmul(in[0], in[1]), .rtol = NUMC_OPERAND(1e-6)); }
BODY(pinv_within) { UNUSED(); out[0] = numc_linalg_pinv(in[0], .rtol = NUMC_OPERAND(numc_multiply(1e-3, numc_sum(numc_square(in[1]))))); }
BODY(det) { UNUSED(); out[0] = numc_linalg_det(in[0]); }
BODY(slogdet) { UNUSED(); out[0] = numc_linalg_slogdet(in[0]).logabsdet; }
BODY(inv) { UNUSED(); out[0] = numc_linalg_inv(in[0]); }
BODY(powers) { UNUSED(); out[0] = numc_linalg_matrix_power(in[0], -3); }
BODY(upper) { UNUSED(); out[0] = numc_linalg_cholesky(in[0], .upper = true); }
/* By the matrix (its lower triangle), to which the rules go around the factorisation; and by the factor, as L itself and as 1 L. */
BODY(cho_inv) { UNUSED(); out[0] = numc_linalg_cho_inv(numc_linalg_cholesky(in[0])); }
BODY(cho_solve)
{
    UNUSED();
    numc_array *l = numc_linalg_cholesky(in[0]);
    out[0] = numc_linalg_cho_solve(l, in[1]);
    out[1] = numc_sum(l);
}
BODY(deviance) { UNUSED(); out[0] = numc__positive_deviance(context, numc_linalg_cholesky(in[0]), in[1]); }
BODY(log_det_alone) { UNUSED(); out[0] = numc__positive_deviance(context, numc_linalg_cholesky(in[0]), NULL); }
BODY(by_factor)
{
    UNUSED();
    numc_array *l = numc_multiply(numc_linalg_cholesky(in[0]), 1.5);
    out[0] = numc_linalg_cho_inv(l);
    out[1] = numc_linalg_cho_solve(l, in[1]);
    out[2] = numc__positive_deviance(context, l, in[1]);
}
BODY(few_columns) { UNUSED(); out[0] = numc_matmul(numc_linalg_cholesky(in[0]), in[1]); }
BODY(norms)
{
    UNUSED();
    static const numc_matrix_order orders[] = {NUMC_ORDER_FROBENIUS, NUMC_ORDER_NUCLEAR, NUMC_ORDER_SPECTRAL, NUMC_ORDER_SPECTRAL_LEAST};
    for (int k = 0; k < 4; k++)
        out[k] = numc_linalg_matrix_norm(in[0], orders[k]);
    out[4] = numc_linalg_vector_norm(in[0], NUMC_AXES(-1));
}
/* U f(S) V^H does not depend on the signs of the vectors, but on those of each pair together. */
BODY(rebuilt)
{
    UNUSED();
    numc_svd f = numc_linalg_svd(in[0], .reduced = true);
    out[0] = numc_matmul(numc_multiply(f.u, numc_index(numc_log(f.s), NUMC_ELLIPSIS, NUMC_NEW, NUMC_ALL)), f.vh);
    numc_array *s = numc_matmul(numc_matrix_transpose(in[0]), in[0]);
    numc_eigh e = numc_linalg_eigh(s);
    numc_array *values = numc_index(numc_sin(e.values), NUMC_ELLIPSIS, NUMC_NEW, NUMC_ALL);
    out[1] = numc_matmul(numc_multiply(e.vectors, values), numc_matrix_transpose(e.vectors));
}

#define A23 {(const int64_t[]){2, 3}, 2, true}
#define A32 {(const int64_t[]){3, 2}, 2, true}
#define A31 {(const int64_t[]){3, 1}, 2, true}
#define A33 {(const int64_t[]){3, 3}, 2, true}
#define A43 {(const int64_t[]){4, 3}, 2, true}
#define A34 {(const int64_t[]){3, 4}, 2, true}
#define A42 {(const int64_t[]){4, 2}, 2, true}
#define A22 {(const int64_t[]){2, 2}, 2, true}

static const struct {
    const char *name;
    numc_trace_fn body;
    int32_t inputs, outputs;
    numc_shape shapes[2];
    double values[2][12];
    int order;
} cases[] = {
    {"pinv, tall", pinv, 1, 1, {A43}, {{2, 1, 0, -1, 3, 1, 0.5, 0, 2, 1, 1, -2}}, 3},
    {"pinv, a tolerance that is traced", pinv_within, 2, 1, {A22, A22}, {{2, 1, 0, -1}, {0.5, 0, 0, 0.5}}, 2},
    {"pinv, wide", pinv, 1, 1, {A34}, {{2, 1, 0, -1, 3, 1, 0.5, 0, 2, 1, 1, -2}}, 2},
    {"pinv, square", pinv, 1, 1, {A33}, {{2, 1, 0, -1, 3, 1, 0.5, 0, 2}}, 2},
    {"pinv, equal singular values", pinv, 1, 1, {A43}, {{2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0}}, 2},
    {"pinv, rank 2 of 3", pinv_of_product, 2, 1, {A42, A23}, {{2, 1, 0, -1, 1, 1, 0.5, 2}, {1, 0, 2, -1, 1, 1}}, 2},
    {"pinv, rank 2 of equal singular values", pinv_of_product, 2, 1, {A32, A23}, {{1, 0, 0, 1, 0, 0}, {1, 0, 0, 0, 1, 0}}, 2},
    {"det", det, 1, 1, {A33}, {{2, 1, 0, -1, 3, 1, 0.5, 0, 2}}, 2},
    {"det of rank 2", det, 1, 1, {A33}, {{1, 2, 3, 4, 5, 6, 7, 8, 9}}, 2},
    {"det of rank 1", det, 1, 1, {A22}, {{1, 2, 2, 4}}, 2},
    {"slogdet", slogdet, 1, 1, {A33}, {{2, 1, 0, -1, 3, 1, 0.5, 0, -2}}, 2},
    {"inv", inv, 1, 1, {A33}, {{2, 1, 0, -1, 3, 1, 0.5, 0, 2}}, 2},
    {"matrix_power", powers, 1, 1, {A22}, {{2, 1, 0.5, 3}}, 2},
    {"cholesky, upper", upper, 1, 1, {A33}, {{4, 1, 0.5, 9, 3, 1, 9, 9, 2}}, 2},
    {"cho_inv", cho_inv, 1, 1, {A33}, {{4, 99, 99, 1, 3, 99, 0.5, -1, 2}}, 2},
    {"cho_solve", cho_solve, 2, 2, {A33, A32}, {{4, 99, 99, 1, 3, 99, 0.5, -1, 2}, {1, -1, 2, 0.5, 0.25, 3}}, 2},
    {"log det and quadratic forms", deviance, 2, 1, {A33, A32}, {{4, 99, 99, 1, 3, 99, 0.5, -1, 2}, {1, -1, 2, 0.5, 0.25, 3}}, 3},
    {"log det", log_det_alone, 1, 1, {A33}, {{4, 99, 99, 1, 3, 99, 0.5, -1, 2}}, 3},
    {"by the factor", by_factor, 2, 3, {A33, A32}, {{4, 99, 99, 1, 3, 99, 0.5, -1, 2}, {1, -1, 2, 0.5, 0.25, 3}}, 2},
    {"cholesky, cotangent of few columns", few_columns, 2, 1, {A33, A31}, {{4, 99, 99, 1, 3, 99, 0.5, -1, 2}, {1, -1, 2}}, 2},
    {"norms", norms, 1, 5, {A34}, {{2, 1, 0.25, -1, 3, 1, 0.5, 0, 2, 1, 1, -2}}, 2},
    {"rebuilt", rebuilt, 1, 2, {A43}, {{2, 1, 0, -1, 3, 1, 0.5, 0, 2, 1, 1, -2}}, 2},
};

static void compositions(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        numc_scope(context) {
            const numc_array *x[2];
            for (int32_t k = 0; k < cases[i].inputs; k++)
                x[k] = reals(context, cases[i].shapes[k], cases[i].values[k]);
            check_body(context, cases[i].name, cases[i].body, NULL, x, cases[i].inputs, cases[i].outputs, cases[i].order);
        }
    }
    numc_close(context);
}

/* The gradient of the sum of all outputs (or of the one named), element by element. */
static void gradient_of(numc_context *context, numc_trace_fn body, numc_shape shape, const double *x, int32_t outputs, double *gradient)
{
    numc_scope(context) {
        const numc_array *in[8] = {reals(context, shape, x)};
        numc_graph *graph = trace_like(context, body, NULL, in, 1, outputs);
        assert_non_null(graph);
        numc_graph *backward = numc__graph_vjp(context, graph, NULL);
        ASSERT_FINE(context);
        for (int32_t k = 0; k < outputs; k++)
            in[1 + k] = numc_ones_(context, NUMC_FLOAT64, (numc_shape){numc__graph_output_type(graph, k)->shape, numc__graph_output_type(graph, k)->rank, true});
        numc_array *out[8];
        run_graph(context, backward, in, 1 + outputs, out);
        assert_int_equal(numc_to_host(out[outputs], NUMC_FLOAT64, gradient, (size_t)numc_array_size(out[outputs]) * sizeof *gradient), NUMC_OK);
        numc__graph_release(graph);
        numc__graph_release(backward);
    }
}

/* ---- complex matrices: inputs and outputs are real and imaginary parts ------------------------------------------------ */

static void parts(numc_array **out, const numc_array *x)
{
    out[0] = numc_real(x);
    out[1] = numc_imag(x);
}
static numc_array *joined(const numc_array *const *in)
{
    return numc_complex(in[0], in[1]);
}
static numc_array *adjoint(const numc_array *x)
{
    return numc_matrix_transpose(numc_conj(x));
}
static numc_array *scaled(const numc_array *x, const numc_array *columns)
{
    return numc_multiply(x, numc_index(columns, NUMC_ELLIPSIS, NUMC_NEW, NUMC_ALL));
}
static numc_array *size_of(const numc_array *x)
{
    return numc_add(numc_square(numc_real(x)), numc_square(numc_imag(x)));
}
BODY(complex_product) { UNUSED(); parts(out, numc_matmul(joined(in), adjoint(joined(in)))); }
BODY(complex_cholesky) { UNUSED(); parts(out, numc_linalg_cholesky(joined(in))); }
BODY(complex_qr)
{
    UNUSED();
    numc_qr f = numc_linalg_qr(joined(in));
    parts(out, f.q);
    parts(out + 2, f.r);
}
BODY(complex_eigh)
{
    UNUSED();
    numc_eigh f = numc_linalg_eigh(joined(in));
    parts(out, numc_matmul(scaled(f.vectors, numc_sin(f.values)), adjoint(f.vectors)));
    out[2] = f.values;
    out[3] = size_of(f.vectors);
}
BODY(complex_svd)
{
    UNUSED();
    numc_svd f = numc_linalg_svd(joined(in), .reduced = true);
    parts(out, numc_matmul(scaled(f.u, numc_log(f.s)), f.vh));
    out[2] = f.s;
    out[3] = numc_matmul(size_of(f.u), size_of(f.vh));
}
BODY(complex_norms)
{
    UNUSED();
    out[0] = numc_linalg_svdvals(joined(in));
    out[1] = numc_linalg_matrix_norm(joined(in));
    out[2] = numc_linalg_matrix_norm(joined(in), NUMC_ORDER_ROW);
    out[3] = numc_real(numc_vecdot(joined(in), numc_square(joined(in))));
}
BODY(complex_eig)
{
    UNUSED();
    numc_eig f = numc_linalg_eig(joined(in));
    parts(out, f.values);
    out[2] = size_of(f.vectors);
    out[3] = numc_real(numc_matmul(adjoint(f.vectors), numc_multiply(f.vectors, numc_square(numc_sum(size_of(f.vectors), NUMC_AXES(-1), .keepdims = true)))));
    out[3] = numc_diagonal(out[3]);
}
BODY(real_eig)
{
    UNUSED();
    numc_eig f = numc_linalg_eig(in[0]);
    parts(out, f.values);
    out[2] = size_of(f.vectors);
    out[3] = numc_imag(numc_linalg_eigvals(in[0]));
}
BODY(complex_pinv) { UNUSED(); parts(out, numc_linalg_pinv(joined(in))); }
BODY(complex_lu)
{
    UNUSED();
    const numc_array *x = joined(in);
    numc_array *f[3] = {NULL, NULL, NULL};
    if (x != NULL)
        numc__bind(context, NUMC_PRIMITIVE_LU, &x, 1, NULL, f, 3);
    parts(out, f[0]);
}
BODY(complex_solves)
{
    UNUSED();
    numc_array *x = joined(in);
    numc_slogdet f = numc_linalg_slogdet(x);
    parts(out, numc_add(numc_linalg_inv(x), numc_linalg_det(x)));
    parts(out + 2, numc_multiply(f.sign, f.logabsdet));
}
BODY(complex_cho_solve) { UNUSED(); parts(out, numc_linalg_cho_solve(numc_linalg_cholesky(joined(in)), joined(in))); }

static const struct {
    const char *name;
    numc_trace_fn body;
    int32_t inputs, outputs;
    numc_shape shape;
    double values[2][12];
} complex_cases[] = {
    {"complex product", complex_product, 2, 2, A32, {{2, 1, 0, -1, 3, 1}, {0.5, -1, 1, 0.25, -0.5, 2}}},
    {"complex cholesky", complex_cholesky, 2, 2, A33, {{4, 9, 9, 1, 3, 9, 0.5, 1, 5}, {9, 9, 9, -1, 9, 9, 0.25, 0.5, 9}}},
    {"complex cho_solve", complex_cho_solve, 2, 2, A22, {{4, 9, 1, 3}, {0.5, 9, -1, 0.25}}},
    {"complex qr", complex_qr, 2, 4, A43, {{2, 1, 0, -1, 3, 1, 0.5, 0, 2, 1, 1, -2}, {0.5, -1, 1, 0.25, -0.5, 2, 0, 1, 1, -2, 0.25, 1}}},
    {"complex qr, wide", complex_qr, 2, 4, A23, {{2, 1, 0, -1, 3, 1}, {0.5, -1, 1, 0.25, -0.5, 2}}},
    {"complex eigh", complex_eigh, 2, 4, A33, {{4, 9, 9, 1, -3, 9, 0.5, 1, 9}, {9, 9, 9, -1, 9, 9, 0.25, 0.5, 9}}},
    {"complex svd", complex_svd, 2, 4, A33, {{6, 1, 0, -1, 3, 1, 0.5, 0, 1}, {0.5, -1, 1, 0.25, -0.5, 0.5, 0, 1, 0.5}}},
    {"complex svd, tall", complex_svd, 2, 4, A42, {{6, 1, -1, 2, 0.5, 0, 1, 1}, {0.5, -1, 1, 0.25, -0.5, 0.5, 0, 1}}},
    {"complex svd, wide", complex_svd, 2, 4, A23, {{6, 1, -1, 2, 0.5, 3}, {0.5, -1, 1, 0.25, -0.5, 0.5}}},
    {"complex norms", complex_norms, 2, 4, A23, {{6, 1, -1, 2, 0.5, 3}, {0.5, -1, 1, 0.25, -0.5, 0.5}}},
    {"complex eig", complex_eig, 2, 4, A33, {{9, 1, 0.5, -1, 1, 1, 0.5, 0.25, -6}, {0.5, -1, 1, 0.25, 5, 0.5, 0, 1, -3}}},
    {"eig of a real matrix", real_eig, 1, 4, A33, {{12, 1, 0.5, -1, 1, 4, 0.5, -4, 1}}},
    {"complex pinv", complex_pinv, 2, 2, A32, {{2, 1, 0, -1, 3, 1}, {0.5, -1, 1, 0.25, -0.5, 2}}},
    {"complex lu", complex_lu, 2, 2, A33, {{1, 1, 0, -1, 3, 1, 0.5, 0, 1}, {0.5, -1, 1, 4, -0.5, 0.5, 0, 1, 3}}},
    {"complex solves", complex_solves, 2, 4, A33, {{1, 1, 0, -1, 3, 1, 0.5, 0, 1}, {0.5, -1, 1, 4, -0.5, 0.5, 0, 1, 3}}},
};

static void complex_matrices(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    for (size_t i = 0; i < sizeof complex_cases / sizeof *complex_cases; i++) {
        numc_scope(context) {
            const numc_array *x[2];
            for (int32_t k = 0; k < complex_cases[i].inputs; k++)
                x[k] = reals(context, complex_cases[i].shape, complex_cases[i].values[k]);
            check_body(context, complex_cases[i].name, complex_cases[i].body, NULL, x, complex_cases[i].inputs, complex_cases[i].outputs, 2);
        }
    }
    numc_close(context);
}

static const int64_t two[2] = {2, 2}, three[2] = {3, 3};

BODY(eigvalsh) { UNUSED(); out[0] = numc_linalg_eigvalsh(in[0]); }
BODY(eigenvectors) { UNUSED(); out[0] = numc_square(numc_linalg_eigh(in[0]).vectors); }
BODY(svdvals) { UNUSED(); out[0] = numc_linalg_svdvals(in[0]); }

/* What linalg.h says of equal and zero values. */
static void degenerate_matrices(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    double g[9];
    const double identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, zero[9] = {0}, equal[4] = {2, 0, 0, 2};
    /* the sum of the eigenvalues is the trace: its gradient is the identity, whatever basis was found, to rounding */
    gradient_of(context, eigvalsh, (numc_shape){three, 2, true}, identity, 1, g);
    for (int k = 0; k < 9; k++)
        assert_true(fabs(g[k] - identity[k]) <= 8 * 0x1p-52);
    gradient_of(context, eigenvectors, (numc_shape){two, 2, true}, equal, 1, g);
    assert_false(isfinite(g[0]) && isfinite(g[2]) && isfinite(g[3]));
    gradient_of(context, svdvals, (numc_shape){three, 2, true}, zero, 1, g);
    for (int k = 0; k < 9; k++) /* a subgradient of the nuclear norm: unitary, its elements at most 1 */
        assert_true(fabs(g[k]) <= 1 + 8 * 0x1p-52);
    /* the adjugate of a matrix of rank n - 1; of one whose only zero pivot comes first: not finite */
    const double singular[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, adjugate[9] = {-3, 6, -3, 6, -12, 6, -3, 6, -3};
    gradient_of(context, det, (numc_shape){three, 2, true}, singular, 1, g);
    for (int k = 0; k < 9; k++)
        assert_true(fabs(g[k] - adjugate[k]) <= 1e-13);
    const double early[4] = {0, 1, 0, 2};
    gradient_of(context, det, (numc_shape){two, 2, true}, early, 1, g);
    assert_false(isfinite(g[0]) && isfinite(g[1]) && isfinite(g[2]) && isfinite(g[3]));
    numc_close(context);
}

BODY(complete_qr) { UNUSED(); out[0] = numc_linalg_qr(numc_matrix_transpose(in[0]), .complete = true).r; }
BODY(full_svd) { UNUSED(); out[0] = numc_linalg_svd(in[0]).u; }

static void what_has_no_derivative_is_refused(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    static const struct {
        numc_trace_fn body;
        const char *says;
    } refused[] = {{complete_qr, "complete qr"}, {full_svd, "full svd"}};
    const double values[6] = {1, 2, 3, 4, 5, 7};
    for (int k = 0; k < 4; k++) {
        numc_scope(context) {
            const numc_array *in[1] = {reals(context, NUMC_SHAPE(2, 3), values)};
            numc_graph *graph = trace_like(context, refused[k / 2].body, NULL, in, 1, 1);
            assert_non_null(graph);
            assert_null(k % 2 == 0 ? numc__graph_vjp(context, graph, NULL) : numc__graph_jvp(context, graph, NULL));
            assert_int_equal(numc_error_status(context), NUMC_UNSUPPORTED);
            if (strstr(numc_error_message(context), refused[k / 2].says) == NULL)
                fail_msg("%s", numc_error_message(context));
            numc_error_clear(context);
            numc__graph_release(graph);
        }
    }
    numc_close(context);
}

/* ---- no elements ----------------------------------------------------------------------------------------------------- */

BODY(everything)
{
    UNUSED();
    const numc_array *x = in[0];
    numc_array *gram = numc_matmul(numc_matrix_transpose(x), x);
    out[0] = numc_linalg_qr(x).r;
    out[1] = numc_linalg_svd(x, .reduced = true).u;
    out[2] = numc_linalg_pinv(x);
    out[3] = numc_linalg_matrix_norm(x, NUMC_ORDER_SPECTRAL);
    out[4] = numc_linalg_eigh(gram).vectors;
    out[5] = numc_abs(numc_linalg_eigvals(gram));
    out[6] = numc_linalg_cholesky(gram);
    out[7] = numc_add(numc_linalg_det(gram), numc_linalg_slogdet(gram).logabsdet);
}
BODY(full)
{
    UNUSED();
    out[0] = numc_linalg_qr(in[0], .complete = true).q;
    out[1] = numc_linalg_svd(in[0]).u;
    out[2] = numc_linalg_svd(in[0]).vh;
}
BODY(total)
{
    UNUSED();
    numc_array *y[8];
    everything(context, in, 1, y, 8, NULL);
    out[0] = numc_sum(y[0]);
    for (int k = 1; k < 8; k++)
        out[0] = numc_add(out[0], numc_sum(y[k]));
}

/* Compiled, and with a gradient; what has no elements may have a factor that has. */
static void matrices_without_elements(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    static const int64_t shapes[][3] = {{2, 3, 0}, {2, 0, 0}, {0, 3, 3}, {0, 3, 2}, {0, 2, 3}, {2, 0, 3}};
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        numc_scope(context) {
            const int64_t *s = shapes[k];
            const numc_array *x[1] = {numc_zeros_(context, NUMC_FLOAT64, (numc_shape){s, 3, true})};
            numc_array *y[8];
            numc_function *f = numc_function_trace(context, everything, NULL, x, 1, 8);
            numc_function_call(context, f, x, 1, y, 8);
            numc_function *g = numc_function_value_and_gradient(context, numc_function_trace(context, total, NULL, x, 1, 1));
            numc_function_call(context, g, x, 1, y, 2);
            ASSERT_FINE(context);
            assert_int_equal(numc_array_size(y[1]), 0);
            if (s[2] == 0) /* determinants 1 of empty matrices */
                assert_true(numc_item(y[0]) == (double)s[0]);
            f = numc_function_trace(context, full, NULL, x, 1, 3);
            numc_function_call(context, f, x, 1, y, 3);
            ASSERT_FINE(context);
            for (int i = 0; i < 3; i++) { /* unitary of either size */
                int64_t n = i == 2 ? s[2] : s[1];
                numc_array *gap = numc_subtract(numc_matmul(y[i], numc_matrix_transpose(y[i])), numc_eye(context, NUMC_FLOAT64, n, n, 0));
                assert_true(numc_item(numc_sum(numc_abs(gap))) == 0);
            }
        }
    }
    numc_close(context);
}

/* ---- every allocation may fail ------------------------------------------------------------------------------------------ */

static void derive(failing *memory, numc_trace_fn body, numc_shape shape, const double *const *values, int32_t inputs, int32_t outputs)
{
    numc_context *context = numc_open(&(numc_options){.backend = "ref", .threads = 1, .allocate = failing_allocate, .allocate_user = memory});
    if (context == NULL)
        return;
    const numc_array *x[2] = {NULL, NULL};
    for (int32_t k = 0; k < inputs; k++)
        x[k] = reals(context, shape, values[k]);
    numc_function *f = numc_function_trace(context, body, NULL, x, inputs, outputs);
    numc_function *forward = numc_function_jvp(context, f), *backward = numc_function_vjp(context, f);
    if (!memory->failed) {
        ASSERT_FINE(context);
        assert_non_null(forward);
        assert_non_null(backward);
    } else if (forward == NULL || backward == NULL) {
        assert_int_equal(numc_error_status(context), NUMC_MEMORY);
    }
    numc_error_clear(context);
    numc_close(context);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    static const numc_trace_fn bodies[] = {pinv, complex_cholesky, complex_qr, complex_eigh, complex_svd, complex_eig, complex_lu,
                                           cho_inv, cho_solve, deviance};
    static const int32_t inputs[] = {1, 2, 2, 2, 2, 2, 2, 1, 2, 2}, outputs[] = {1, 2, 4, 4, 4, 4, 2, 1, 2, 1};
    static const double re[9] = {6, 1, 0, -1, 3, 1, 0.5, 0, 1}, im[9] = {0.5, -1, 1, 0.25, -0.5, 0.5, 0, 1, 0.5};
    const double *values[2] = {re, im};
    for (size_t k = 0; k < sizeof bodies / sizeof *bodies; k++) {
        long n = 0;
        for (;; n++) {
            failing memory = failing_at(n);
            derive(&memory, bodies[k], (numc_shape){three, 2, true}, values, inputs[k], outputs[k]);
            if (memory.blocks != 0 || memory.mistakes != 0)
                fail_msg("body %d, request %ld failing: %ld blocks left, %ld mistakes", (int)k, n, memory.blocks, memory.mistakes);
            if (!memory.failed)
                break;
        }
        assert_true(n * failing_every() > 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(compositions), cmocka_unit_test(complex_matrices), cmocka_unit_test(degenerate_matrices),
                                       cmocka_unit_test(what_has_no_derivative_is_refused), cmocka_unit_test(matrices_without_elements),
                                       cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
