/* vector.c - distributions of vectors: Dirichlet and multivariate normal. A covariance or precision is factored once, when the
 * distribution is made. Sources: Kotz, Balakrishnan and Johnson, Continuous Multivariate Distributions, 2nd ed., ch. 45, 49. */
#include <string.h>

#include "dist/internal.h"
#include "numc/linalg.h"
#include "numc/random.h"
#include "numc/special.h"

#define HALF_LOG_2PI 0.9189385332046727

static const numc_parameter_rule dirichlet_rules[] = {{"concentration", numc_constraint_positive_, 1}};
static const numc_parameter_rule normal_rules[] = {{"loc", NULL, 1}, {"scale_tril", numc_constraint_lower_cholesky_, 2}};
static const numc_parameter_rule precision_rules[] = {{"loc", NULL, 1}, {"precision_tril", numc_constraint_lower_cholesky_, 2}};

/* ---- Dirichlet: sum (a-1) log x + lgamma(sum a) - sum lgamma(a) ------------------------------------------------------------- */

static numc_constraint *simplex(const numc_distribution *d)
{
    return numc_constraint_simplex(d->object.context);
}

static numc_array *dirichlet_log_prob(const numc_distribution *d, const numc_array *x)
{
    numc_array *a = numc__dist_guarded(d, 0);
    numc_array *kernel = numc_sum(numc_special_xlogy(numc_subtract(a, 1), x), NUMC_AXES(-1));
    numc_array *total = numc_special_gammaln(numc_sum(a, NUMC_AXES(-1)));
    return numc_add(kernel, numc_subtract(total, numc_sum(numc_special_gammaln(a), NUMC_AXES(-1))));
}

static numc_array *dirichlet_sample(const numc_distribution *d, const numc_array *key, numc_shape shape)
{
    return numc_random_dirichlet(key, d->parameters[0], d->dtype, shape);
}

static numc_array *dirichlet_mean(const numc_distribution *d)
{
    numc_array *a = d->parameters[0];
    return numc_divide(a, numc_sum(a, NUMC_AXES(-1), .keepdims = true));
}

/* m (1-m) / (sum a + 1) */
static numc_array *dirichlet_variance(const numc_distribution *d)
{
    numc_array *mean = dirichlet_mean(d);
    numc_array *sum = numc_sum(d->parameters[0], NUMC_AXES(-1), .keepdims = true);
    return numc_divide(numc_multiply(mean, numc_subtract(1, mean)), numc_add(sum, 1));
}

static const numc_distribution_class class_dirichlet = {
    .size = sizeof(numc_distribution_class), .name = "dirichlet", .parameter_count = 1, .parameters = dirichlet_rules,
    .event_rank = 1, .support = simplex, .log_prob = dirichlet_log_prob, .sample = dirichlet_sample,
    .mean = dirichlet_mean, .variance = dirichlet_variance};

numc_distribution *numc_dirichlet(const numc_array *concentration)
{
    numc_context *context = numc__lane_of(&concentration, 1, "dirichlet");
    numc_operand parameter = numc_operand_array(concentration);
    return numc_distribution_new_(context, &class_dirichlet, &parameter, 1, NULL);
}

/* ---- multivariate normal ------------------------------------------------------------------------------------------------------------ */

static numc_constraint *real_vector(const numc_distribution *d)
{
    return numc_constraint_independent(numc_constraint_real(d->object.context), 1);
}

/* loc (..., D) and a matrix (..., D, D) */
static numc_status normal_event_shape(const numc_distribution *d, int64_t *shape)
{
    const numc_array *loc = d->parameters[0], *matrix = d->parameters[1];
    int64_t rows = matrix->shape[matrix->rank - 2], columns = matrix->shape[matrix->rank - 1];
    int64_t length = loc->shape[loc->rank - 1];
    if (rows != columns || length != rows)
        return numc__fail(d->object.context, NUMC_SHAPE, "%s: loc has %lld entries, the matrix %lld rows and %lld columns",
                          d->kind->name, (long long)length, (long long)rows, (long long)columns);
    *shape = rows;
    return NUMC_OK;
}

/* x (..., D) as (N, D) */
static numc_array *as_rows(const numc_array *x)
{
    int64_t n = x->shape[x->rank - 1], rows = 1;
    for (int32_t i = 0; i < x->rank - 1; i++)
        rows *= x->shape[i];
    return numc_reshape(x, NUMC_SHAPE(rows, n));
}

/* A matrix in the batch shape of the vectors x, and x in that of the matrix. */
static bool broadcast_pair(numc_array **matrix, numc_array **x)
{
    numc_shape shapes[2] = {numc__batch_of(*matrix, 2), numc__batch_of(*x, 1)};
    int64_t shape[NUMC_DIST_RANK + 2];
    int64_t n = (*x)->shape[(*x)->rank - 1];
    int32_t rank = numc_broadcast_shapes(shapes, 2, shape);
    if (rank < 0)
        return false;
    shape[rank] = n;
    if (!numc__shape_is(*x, rank + 1, shape))
        *x = numc_broadcast_to(*x, ((numc_shape){shape, rank + 1, true}));
    shape[rank + 1] = n;
    if (!numc__shape_is(*matrix, rank + 2, shape))
        *matrix = numc_broadcast_to(*matrix, ((numc_shape){shape, rank + 2, true}));
    return *x != NULL && *matrix != NULL;
}

/* A matrix and vectors in the dtype that both promote to: a solve takes one. */
static bool promote_pair(numc_array **matrix, numc_array **x)
{
    if (*matrix == NULL || *x == NULL)
        return false;
    numc_dtype dtype = numc_result_dtype((*matrix)->dtype, (*x)->dtype);
    if ((*matrix)->dtype != dtype)
        *matrix = numc_astype(*matrix, dtype);
    if ((*x)->dtype != dtype)
        *x = numc_astype(*x, dtype);
    return *matrix != NULL && *x != NULL;
}

/* inv(L) x for each vector x (..., D); `transpose`: inv(L') x. One matrix: one solve with all vectors as columns. */
static numc_array *solve_vectors(numc_array *matrix, numc_array *x, bool transpose)
{
    if (!promote_pair(&matrix, &x))
        return NULL;
    if (matrix->rank == 2) {
        numc_array *columns = numc_matrix_transpose(as_rows(x));
        numc_array *solved = numc_linalg_triangular_solve(matrix, columns, .transpose = transpose);
        return numc_reshape(numc_matrix_transpose(solved), numc__shape_of(x));
    }
    if (!broadcast_pair(&matrix, &x))
        return NULL;
    numc_array *solved = numc_linalg_triangular_solve(matrix, numc__expand_last(x, 1), .transpose = transpose);
    return numc_squeeze(solved, NUMC_AXES(-1));
}

/* A x for each vector x (..., D); `transpose`: A' x. */
static numc_array *multiply_vectors(numc_array *matrix, numc_array *x, bool transpose)
{
    if (matrix == NULL || x == NULL)
        return NULL;
    numc_array *factor = transpose ? matrix : numc_matrix_transpose(matrix);
    if (matrix->rank == 2)
        return numc_reshape(numc_matmul(as_rows(x), factor), numc__shape_of(x));
    if (factor == NULL || !broadcast_pair(&factor, &x))
        return NULL;
    numc_array *product = numc_matmul(numc_expand_dims(x, NUMC_AXES(-2)), factor);
    return numc_squeeze(product, NUMC_AXES(-2));
}

/* |inv(L) x|^2 + log det L L' for each vector x (..., D). One matrix: all vectors as columns. */
static numc_array *deviance(const numc_distribution *d, numc_array *x)
{
    numc_context *context = d->object.context;
    numc_array *matrix = d->parameters[1];
    if (!promote_pair(&matrix, &x))
        return NULL;
    if (matrix->rank == 2)
        return numc_reshape(numc__positive_deviance(context, matrix, numc_matrix_transpose(as_rows(x))), numc__batch_of(x, 1));
    if (!broadcast_pair(&matrix, &x))
        return NULL;
    return numc_squeeze(numc__positive_deviance(context, matrix, numc__expand_last(x, 1)), NUMC_AXES(-1));
}

/* -(|inv(L)(x - loc)|^2 + log det L L') / 2 - D/2 log(2 pi) */
static numc_array *multivariate_normal_log_prob(const numc_distribution *d, const numc_array *x)
{
    double constant = (double)d->shape[d->batch_rank] * HALF_LOG_2PI;
    return numc_subtract(numc_multiply(deviance(d, numc_subtract(x, d->parameters[0])), -0.5), constant);
}

/* With P = C C': (log det P - |C'(x - loc)|^2) / 2 - D/2 log(2 pi). Where P is at hand, |C' x|^2 = x' P x = 2 x' H x with the
 * triangle H of P that is read, so that nothing flows back through C. */
static numc_array *precision_log_prob(const numc_distribution *d, const numc_array *x)
{
    double constant = (double)d->shape[d->batch_rank] * HALF_LOG_2PI;
    const numc_array *precision = numc__positive_matrix(d->object.context, d->parameters[1]);
    numc_array *from = numc_subtract(x, d->parameters[0]), *square;
    if (precision != NULL)
        square = numc_multiply(numc_sum(numc_multiply(from, multiply_vectors(numc__lower_half(precision), from, false)), NUMC_AXES(-1)), 2);
    else
        square = numc_sum(numc_square(multiply_vectors(d->parameters[1], from, true)), NUMC_AXES(-1));
    numc_array *log_det = numc__positive_deviance(d->object.context, d->parameters[1], NULL);
    return numc_subtract(numc_multiply(numc_subtract(log_det, square), 0.5), constant);
}

static numc_array *standard_vectors(const numc_distribution *d, const numc_array *key, numc_shape shape)
{
    int64_t full[2 * NUMC_DIST_RANK];
    if (shape.count > 0)
        memcpy(full, shape.values, (size_t)shape.count * sizeof *full);
    full[shape.count] = d->shape[d->batch_rank];
    return numc_random_normal(key, d->dtype, (numc_shape){full, shape.count + 1, true});
}

static numc_array *multivariate_normal_sample(const numc_distribution *d, const numc_array *key, numc_shape shape)
{
    return numc_add(d->parameters[0], multiply_vectors(d->parameters[1], standard_vectors(d, key, shape), false));
}

static numc_array *precision_sample(const numc_distribution *d, const numc_array *key, numc_shape shape)
{
    return numc_add(d->parameters[0], solve_vectors(d->parameters[1], standard_vectors(d, key, shape), true));
}

static numc_array *normal_mean(const numc_distribution *d)
{
    return d->parameters[0];
}

/* The diagonal of L L' */
static numc_array *multivariate_normal_variance(const numc_distribution *d)
{
    return numc_sum(numc_square(d->parameters[1]), NUMC_AXES(-1));
}

static numc_array *precision_variance(const numc_distribution *d)
{
    return numc_diagonal(numc_linalg_cho_inv(d->parameters[1]));
}

static const numc_distribution_class class_multivariate_normal = {
    .size = sizeof(numc_distribution_class), .name = "multivariate_normal", .parameter_count = 2, .parameters = normal_rules,
    .event_rank = 1, .event_shape = normal_event_shape, .support = real_vector, .log_prob = multivariate_normal_log_prob,
    .sample = multivariate_normal_sample, .mean = normal_mean, .variance = multivariate_normal_variance};

static const numc_distribution_class class_multivariate_normal_precision = {
    .size = sizeof(numc_distribution_class), .name = "multivariate_normal_precision", .parameter_count = 2,
    .parameters = precision_rules, .event_rank = 1, .event_shape = normal_event_shape, .support = real_vector,
    .log_prob = precision_log_prob, .sample = precision_sample, .mean = normal_mean, .variance = precision_variance};

numc_distribution *numc_multivariate_normal_cholesky(const numc_array *loc, const numc_array *scale_tril)
{
    const numc_array *operands[2] = {loc, scale_tril};
    numc_context *context = numc__lane_of(operands, 2, "multivariate_normal");
    numc_operand parameters[2] = {numc_operand_array(loc), numc_operand_array(scale_tril)};
    return numc_distribution_new_(context, &class_multivariate_normal, parameters, 2, NULL);
}

/* A constant matrix must be positive definite; of a traced one the factor is NaN where it is not. */
static numc_distribution *from_matrix(const numc_distribution_class *kind, const numc_array *loc, const numc_array *matrix,
                                      const char *what)
{
    const numc_array *operands[2] = {loc, matrix};
    numc_context *context = numc__lane_of(operands, 2, "multivariate_normal");
    numc_array *real = context == NULL ? NULL : numc__dist_real(context, numc_operand_array(matrix), NUMC_DTYPE_DEFAULT);
    if (real == NULL)
        return NULL;
    if (real->rank < 2 || real->shape[real->rank - 1] != real->shape[real->rank - 2]) {
        numc__fail(context, NUMC_SHAPE, "multivariate_normal: %s is not a square matrix", what);
        return NULL;
    }
    numc_constraint *region = numc_constraint_positive_definite(context);
    if (region == NULL || numc__constraint_require(region, real, "multivariate_normal", what) != NUMC_OK)
        return NULL;
    numc_operand parameters[2] = {numc_operand_array(loc), numc_operand_array(numc_linalg_cholesky(real))};
    return parameters[1].value.array == NULL ? NULL : numc_distribution_new_(context, kind, parameters, 2, NULL);
}

numc_distribution *numc_multivariate_normal_covariance(const numc_array *loc, const numc_array *covariance)
{
    return from_matrix(&class_multivariate_normal, loc, covariance, "covariance");
}

numc_distribution *numc_multivariate_normal_precision(const numc_array *loc, const numc_array *precision)
{
    return from_matrix(&class_multivariate_normal_precision, loc, precision, "precision");
}
