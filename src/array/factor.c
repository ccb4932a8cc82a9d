/* factor.c - factorisations: Cholesky, QR, of eigenvalues, of singular values; and the rank, which those tell. */
#include "array/matrix.h"

static numc_status factor(numc_context *context, int32_t primitive, const numc_array *x, int64_t number, numc_array **results,
                          int32_t count)
{
    const numc_attributes attributes = {.count = 1, .numbers = &number};
    if (x == NULL)
        return context->status;
    return numc__bind(context, primitive, &x, 1, &attributes, results, count);
}

numc_array *(numc_linalg_cholesky)(const numc_array *x, const numc_cholesky_options *options)
{
    const char *name = "numc_linalg_cholesky";
    numc_context *context = numc__matrix_enter(name, x, x);
    if (context == NULL)
        return NULL;
    numc_cholesky_options known;
    numc_array *y = NULL;
    if (numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) == NUMC_OK
        && numc__matrix_square(context, name, x) == NUMC_OK) {
        const numc_array *a = numc__matrix_float(context, x);
        if (known.upper) /* the lower triangle of x^H is the upper one of x */
            a = numc__matrix_adjoint(a);
        y = a == NULL ? NULL : numc__bind1(context, NUMC_PRIMITIVE_CHOLESKY, &a, 1, NULL);
        if (known.upper)
            y = numc__matrix_adjoint(y);
    }
    return numc__scope_leave(context, y);
}

numc_qr (numc_linalg_qr)(const numc_array *x, const numc_qr_options *options)
{
    const char *name = "numc_linalg_qr";
    numc_array *y[2] = {NULL, NULL};
    numc_context *context = numc__matrix_enter(name, x, x);
    if (context != NULL) {
        numc_qr_options known;
        if (numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) == NUMC_OK
            && numc__matrix_check(context, name, x) == NUMC_OK)
            factor(context, NUMC_PRIMITIVE_QR, numc__matrix_float(context, x), known.complete, y, 2);
        numc__matrix_leave(context, y, 2);
    }
    return (numc_qr){y[0], y[1]};
}

/* ---- eigenvalues ------------------------------------------------------------------------------------------------- */

static bool eigen(const char *name, int32_t primitive, const numc_array *x, bool vectors, numc_array **y)
{
    y[0] = y[1] = NULL;
    numc_context *context = numc__matrix_enter(name, x, x);
    if (context == NULL)
        return false;
    if (numc__matrix_square(context, name, x) == NUMC_OK)
        factor(context, primitive, numc__matrix_float(context, x), vectors, y, vectors ? 2 : 1);
    return numc__matrix_leave(context, y, vectors ? 2 : 1);
}

numc_eigh numc_linalg_eigh(const numc_array *x)
{
    numc_array *y[2];
    eigen("numc_linalg_eigh", NUMC_PRIMITIVE_EIGH, x, true, y);
    return (numc_eigh){y[0], y[1]};
}

numc_array *numc_linalg_eigvalsh(const numc_array *x)
{
    numc_array *y[2];
    eigen("numc_linalg_eigvalsh", NUMC_PRIMITIVE_EIGH, x, false, y);
    return y[0];
}

numc_eig numc_linalg_eig(const numc_array *x)
{
    numc_array *y[2];
    eigen("numc_linalg_eig", NUMC_PRIMITIVE_EIG, x, true, y);
    return (numc_eig){y[0], y[1]};
}

numc_array *numc_linalg_eigvals(const numc_array *x)
{
    numc_array *y[2];
    eigen("numc_linalg_eigvals", NUMC_PRIMITIVE_EIG, x, false, y);
    return y[0];
}

/* ---- singular values --------------------------------------------------------------------------------------------- */

numc_svd (numc_linalg_svd)(const numc_array *x, const numc_svd_options *options)
{
    const char *name = "numc_linalg_svd";
    numc_array *y[3] = {NULL, NULL, NULL};
    numc_context *context = numc__matrix_enter(name, x, x);
    if (context != NULL) {
        numc_svd_options known;
        if (numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) == NUMC_OK
            && numc__matrix_check(context, name, x) == NUMC_OK)
            factor(context, NUMC_PRIMITIVE_SVD, numc__matrix_float(context, x), known.reduced ? 1 : 2, y, 3);
        numc__matrix_leave(context, y, 3);
    }
    return (numc_svd){y[0], y[1], y[2]};
}

numc_array *numc_linalg_svdvals(const numc_array *x)
{
    const char *name = "numc_linalg_svdvals";
    numc_context *context = numc__matrix_enter(name, x, x);
    if (context == NULL)
        return NULL;
    numc_array *y = NULL;
    if (numc__matrix_check(context, name, x) == NUMC_OK)
        factor(context, NUMC_PRIMITIVE_SVD, numc__matrix_float(context, x), 0, &y, 1);
    return numc__scope_leave(context, y);
}

/* How many singular values are above rtol times the largest; none of NaN is. */
static numc_array *rank(numc_context *context, const char *name, const numc_array *x, numc_operand rtol)
{
    if (numc__matrix_check(context, name, x) != NUMC_OK)
        return NULL;
    const numc_array *a = numc__matrix_float(context, x), *tolerance = a == NULL ? NULL : numc__matrix_rtol(context, name, rtol, a);
    numc_array *s = tolerance == NULL ? NULL : numc_linalg_svdvals(a);
    if (s == NULL)
        return NULL;
    if (s->shape[s->rank - 1] == 0)
        return numc_count_nonzero(s, NUMC_AXES(-1));
    numc_array *above = numc_greater(s, numc_multiply(tolerance, numc_index(s, NUMC_ELLIPSIS, NUMC_SLICE(0, 1))));
    return numc_count_nonzero(above, NUMC_AXES(-1));
}

numc_array *(numc_linalg_matrix_rank)(const numc_array *x, const numc_rtol_options *options)
{
    const char *name = "numc_linalg_matrix_rank";
    numc_context *context = numc__matrix_enter(name, x, x);
    if (context == NULL)
        return NULL;
    numc_rtol_options known;
    numc_array *y = NULL;
    if (numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) == NUMC_OK)
        y = rank(context, name, x, known.rtol);
    return numc__scope_leave(context, y);
}
