/* check.c - does a distribution agree with itself? For authors of distributions: each function is compared with the density, which
 * is integrated numerically, in the unconstrained variable u of its support, x = f(u). Nothing here is fast. */
#include <math.h>
#include <stdlib.h>

#include "base/text.h"
#include "dist/internal.h"
#include "numc/function.h"
#include "numc/random.h"

#define DRAWS 10000
#define GRID 4001         /* nodes of the trapezoidal rule */
#define REACH 4.5         /* u = centre + width sinh(pi/2 sinh t), |t| <= REACH: |u - centre| < 1e30 width */
#define HALF_PI 1.5707963267948966
#define PROBES 24         /* points where gradients are compared */
#define KS_LIMIT 3.0      /* sqrt(n) D: a right sampler exceeds it with probability 2 exp(-18) = 3e-8 */
#define SIGMA_LIMIT 8.0   /* of a mean of draws */
#define COUNT_LIMIT 1000000

typedef struct checker {
    const numc_distribution *d;
    numc_context *context;
    numc_array *key;
    numc_constraint *support;
    numc_bijector *bijector; /* NULL: none */
    numc_array *draws;       /* (DRAWS, batch, event); NULL: no sampler */
    int64_t batch;           /* elements of the batch shape */
    /* of scalar events: nodes[node * batch + b], and the probability each stands for */
    int64_t node_count;
    double *u, *x, *mass, *draw_u;
    size_t bytes_nodes, bytes_draws;
} checker;

static numc_status wrong(checker *c, const char *format, ...) NUMC_FORMAT(2, 3);
static numc_status wrong(checker *c, const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    numc__format_list(text, sizeof text, format, list);
    va_end(list);
    return numc__fail(c->context, NUMC_VALUE, "distribution %s: %s", c->d->kind->name, text);
}

/* x, or NULL without an error where the distribution has no such function. */
static numc_array *if_supported(checker *c, numc_array *x)
{
    if (x == NULL && c->context->status == NUMC_UNSUPPORTED)
        numc_error_clear(c->context);
    return x;
}

/* A new block of doubles with x's values broadcast to `size`; NULL with the error set. */
static double *downloaded(checker *c, const numc_array *x, int64_t size)
{
    if (x == NULL)
        return NULL;
    if (x->size != size) {
        wrong(c, "a function answers with %lld elements where %lld are due", (long long)x->size, (long long)size);
        return NULL;
    }
    size_t bytes = (size_t)size * sizeof(double);
    double *values = numc__allocate(c->context, bytes);
    if (values != NULL && numc_to_host(x, NUMC_FLOAT64, values, bytes) != NUMC_OK) {
        numc__free(c->context, values, bytes);
        return NULL;
    }
    return values;
}

/* (count, batch) */
static numc_shape rows_shape(const checker *c, int64_t count, int64_t storage[NUMC_DIST_RANK + 1])
{
    storage[0] = count;
    for (int32_t i = 0; i < c->d->batch_rank; i++)
        storage[i + 1] = c->d->shape[i];
    return (numc_shape){storage, c->d->batch_rank + 1, true};
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- draws and bijector ----------------------------------------------------------------------------------------------------------- */

static numc_status check_draws(checker *c)
{
    c->draws = if_supported(c, numc_distribution_sample(c->d, c->key, NUMC_SHAPE(DRAWS)));
    NUMC_TRY(c->context->status);
    if (c->draws == NULL)
        return NUMC_OK;
    bool inside = numc_item_bool(numc_all(numc_constraint_check(c->support, c->draws)));
    numc_array *log_prob = numc_distribution_log_prob_(c->d, numc_operand_array(c->draws));
    bool finite = numc_item_bool(numc_all(numc_greater(log_prob, -(double)INFINITY)));
    NUMC_TRY(c->context->status);
    if (!inside)
        return wrong(c, "draws lie outside the support (%s)", c->support->kind->name);
    if (!finite)
        return wrong(c, "the density of some draws is zero or NaN");
    return NUMC_OK;
}

/* Unconstrained points: those of the first draws, or standard normal ones. */
static numc_array *probes(checker *c)
{
    if (c->draws != NULL)
        return numc_bijector_backward(c->bijector, numc_index(c->draws, NUMC_SLICE(0, PROBES)));
    int64_t shape[2 * NUMC_DIST_RANK] = {PROBES};
    for (int32_t i = 0; i < c->d->batch_rank + c->d->event_rank; i++)
        shape[i + 1] = c->d->shape[i];
    int64_t back[NUMC_DIST_RANK];
    int32_t rank = numc_bijector_backward_shape(c->bijector, (numc_shape){shape, c->d->batch_rank + c->d->event_rank + 1, true}, back);
    return rank < 0 ? NULL : numc_random_normal(c->key, NUMC_FLOAT64, (numc_shape){back, rank, true});
}

static numc_status check_bijector(checker *c, const numc_array *u)
{
    numc_array *x = numc_bijector_forward(c->bijector, u);
    bool inside = numc_item_bool(numc_all(numc_constraint_check(c->support, x)));
    numc_array *gap = numc_abs(numc_subtract(numc_bijector_backward(c->bijector, x), u));
    numc_array *limit = numc_multiply(numc_add(numc_abs(u), 1), 1e-6);
    bool close = numc_item_bool(numc_all(numc_logical_or(numc_less(gap, limit), numc_greater(numc_abs(u), 15))));
    NUMC_TRY(c->context->status);
    if (!inside || !close)
        return wrong(c, "the bijector of its support does not %s", inside ? "go back to where it came from" : "stay inside");
    return NUMC_OK;
}

/* ---- gradient ------------------------------------------------------------------------------------------------------------------------ */

static numc_array *log_prob_at(const checker *c, const numc_array *u)
{
    return numc__distribution_log_prob_inside(c->d, numc_bijector_forward(c->bijector, u));
}

static void total_log_prob(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                           int32_t output_count, void *user)
{
    (void)context, (void)input_count, (void)output_count;
    outputs[0] = numc_sum(log_prob_at(user, inputs[0]));
}

/* Sum over all points but along one event coordinate: differences (f(u + h e) - f(u - h e)) / 2h at h and h/2, extrapolated. */
static numc_array *difference(const checker *c, const numc_array *u, const numc_array *direction)
{
    const double h = 1e-3;
    numc_array *slopes[2];
    for (int i = 0; i < 2; i++) {
        double step = i == 0 ? h : h / 2;
        numc_array *move = numc_multiply(direction, step);
        numc_array *change = numc_subtract(log_prob_at(c, numc_add(u, move)), log_prob_at(c, numc_subtract(u, move)));
        slopes[i] = numc_divide(change, 2 * step);
    }
    return numc_divide(numc_subtract(numc_multiply(slopes[1], 4), slopes[0]), 3);
}

static numc_status compare_gradient(checker *c, const numc_array *u, const numc_array *gradient)
{
    int32_t rank = c->bijector->domain_rank > c->d->event_rank ? c->bijector->domain_rank
                   : c->d->event_rank > 0                      ? u->rank - c->d->batch_rank - 1
                                                               : 0;
    int64_t entries = 1;
    for (int32_t i = 0; i < rank; i++)
        entries *= u->shape[u->rank - 1 - i];
    for (int64_t entry = 0; entry < entries && entry < 64; entry++) {
        numc_array *flat = numc_astype(numc_equal(numc_arange(c->context, NUMC_INT64, 0, (double)entries, 1), entry), NUMC_FLOAT64);
        numc_array *direction = numc_reshape(flat, ((numc_shape){u->shape + (u->rank - rank), rank, true}));
        numc_array *want = difference(c, u, direction);
        numc_array *got = numc__sum_last(numc_multiply(gradient, direction), rank);
        numc_array *gap = numc_abs(numc_subtract(got, want));
        /* differences lose about eps |log p| / h, and are off at a kink: a few of the points may be beside one */
        numc_array *size = numc_add(numc_add(numc_abs(want), numc_abs(log_prob_at(c, u))), 1);
        numc_array *off = numc_logical_and(numc_greater(gap, numc_multiply(size, 1e-6)), numc_isfinite(want));
        numc_array *bad = numc_logical_or(off, numc_logical_and(numc_isnan(got), numc_isfinite(want)));
        double share = numc_item(numc_mean(numc_astype(bad, NUMC_FLOAT64)));
        NUMC_TRY(c->context->status);
        if (share > 0.1)
            return wrong(c, "the gradient of log_prob differs from differences of it");
    }
    return NUMC_OK;
}

static numc_status check_gradient(checker *c, const numc_array *u)
{
    numc_array *outputs[2] = {NULL, NULL};
    numc_function *density = numc_function_trace(c->context, total_log_prob, c, &u, 1, 1);
    numc_function *both = density == NULL ? NULL : numc_function_value_and_gradient(c->context, density);
    numc_status status = c->context->status;
    if (both != NULL)
        status = numc_function_call(c->context, both, &u, 1, outputs, 2);
    if (status == NUMC_OK)
        status = compare_gradient(c, u, outputs[1]);
    numc_function_free(both);
    numc_function_free(density);
    return status;
}

/* ---- the density of scalar events on a grid --------------------------------------------------------------------------------------- */

static numc_status nodes_allocate(checker *c, int64_t count)
{
    c->node_count = count;
    c->bytes_nodes = (size_t)(count * c->batch) * sizeof(double);
    c->bytes_draws = (size_t)(DRAWS * c->batch) * sizeof(double);
    c->u = numc__allocate(c->context, c->bytes_nodes);
    c->x = numc__allocate(c->context, c->bytes_nodes);
    c->mass = numc__allocate(c->context, c->bytes_nodes);
    return c->context->status;
}

/* Columns of `draws` in order: draw_u[b * DRAWS + i]. */
static numc_status sort_draws(checker *c, const numc_array *values)
{
    double *rows = downloaded(c, values, DRAWS * c->batch);
    if (rows == NULL)
        return c->context->status;
    c->draw_u = numc__allocate(c->context, c->bytes_draws);
    for (int64_t b = 0; c->draw_u != NULL && b < c->batch; b++) {
        for (int64_t i = 0; i < DRAWS; i++)
            c->draw_u[b * DRAWS + i] = rows[i * c->batch + b];
        qsort(c->draw_u + b * DRAWS, DRAWS, sizeof *rows, ascending);
    }
    numc__free(c->context, rows, c->bytes_draws);
    return c->context->status;
}

/* mass = p(x(u)) |dx/du| du/dt h; u is spread around the middle of the draws. */
static numc_status spread_continuous(checker *c)
{
    NUMC_TRY(nodes_allocate(c, GRID));
    if (c->draws != NULL)
        NUMC_TRY(sort_draws(c, numc_bijector_backward(c->bijector, c->draws)));
    const double h = 2 * REACH / (GRID - 1);
    for (int64_t b = 0; b < c->batch; b++) {
        double centre = 0, width = 1;
        if (c->draw_u != NULL) {
            const double *sorted = c->draw_u + b * DRAWS;
            centre = sorted[DRAWS / 2];
            width = (sorted[3 * DRAWS / 4] - sorted[DRAWS / 4]) / 2;
            if (!(width > 0 && width < INFINITY && fabs(centre) < INFINITY))
                return wrong(c, "draws do not spread (batch element %lld)", (long long)b);
        }
        for (int64_t i = 0; i < GRID; i++) {
            double t = -REACH + h * (double)i, s = HALF_PI * sinh(t);
            c->u[i * c->batch + b] = centre + width * sinh(s);
            c->mass[i * c->batch + b] = width * cosh(s) * HALF_PI * cosh(t) * h;
        }
    }
    int64_t storage[NUMC_DIST_RANK + 1];
    numc_array *u = numc_from_host(c->context, NUMC_FLOAT64, rows_shape(c, GRID, storage), c->u);
    numc_array *x = numc_bijector_forward(c->bijector, u);
    numc_array *log_density = numc_add(numc_distribution_log_prob_(c->d, numc_operand_array(x)), numc_bijector_log_det(c->bijector, u, x));
    if (numc_to_host(x, NUMC_FLOAT64, c->x, c->bytes_nodes) != NUMC_OK)
        return c->context->status;
    double *logs = downloaded(c, log_density, GRID * c->batch);
    if (logs == NULL)
        return c->context->status;
    double lost = NAN;
    for (int64_t i = 0; i < GRID * c->batch; i++) { /* within a few widths of the centre no density is NaN */
        double t = -REACH + h * (double)(i / c->batch);
        if (logs[i] != logs[i] && fabs(t) < 1.5)
            lost = c->x[i];
    }
    for (int64_t i = 0; i < GRID * c->batch; i++) { /* where x has run into the end of its support, the integrand is no number */
        double p = fabs(c->u[i]) < INFINITY && logs[i] < 700 ? exp(logs[i]) * c->mass[i] : 0;
        c->mass[i] = p == p ? p : 0;
    }
    numc__free(c->context, logs, c->bytes_nodes);
    return lost == lost ? wrong(c, "log_prob is NaN at %g, inside the support", lost) : NUMC_OK;
}

/* Every whole number of the support, up to far beyond the draws where it has no end. */
static numc_status spread_discrete(checker *c)
{
    double low = 0, high = 1;
    bool boolean = c->support->kind->admits != NULL && !c->support->kind->admits(2);
    if (c->support->lower != NULL)
        low = numc_item(numc_min(c->support->lower));
    if (c->support->upper != NULL)
        high = numc_item(numc_max(c->support->upper));
    else if (!boolean)
        high = c->draws == NULL ? 5000 : 2 * numc_item(numc_astype(numc_max(c->draws), NUMC_FLOAT64)) + 200;
    NUMC_TRY(c->context->status);
    if (!(high - low < COUNT_LIMIT))
        return numc__fail(c->context, NUMC_UNSUPPORTED, "distribution %s: more than %d values to add up", c->d->kind->name, COUNT_LIMIT);
    NUMC_TRY(nodes_allocate(c, (int64_t)(high - low) + 1));
    if (c->draws != NULL)
        NUMC_TRY(sort_draws(c, c->draws));
    for (int64_t i = 0; i < c->node_count * c->batch; i++)
        c->u[i] = c->x[i] = low + (double)(i / c->batch);
    int64_t storage[NUMC_DIST_RANK + 1];
    numc_array *x = numc_from_host(c->context, NUMC_FLOAT64, rows_shape(c, c->node_count, storage), c->x);
    numc_array *p = numc_exp(numc_distribution_log_prob_(c->d, numc_operand_array(x)));
    if (p == NULL || numc_to_host(p, NUMC_FLOAT64, c->mass, c->bytes_nodes) != NUMC_OK)
        return c->context->status;
    return NUMC_OK;
}

static numc_status check_total(checker *c)
{
    for (int64_t b = 0; b < c->batch; b++) {
        double total = 0;
        for (int64_t i = 0; i < c->node_count; i++)
            total += c->mass[i * c->batch + b];
        if (!(fabs(total - 1) < 1e-4))
            return wrong(c, "the density %s to %.6g, not 1 (batch element %lld)", c->d->kind->discrete ? "sums" : "integrates", total,
                         (long long)b);
    }
    return NUMC_OK;
}

/* Kolmogorov and Smirnov's statistic of the sorted draws against the summed density; for whole numbers after each value. */
static numc_status check_sampler(checker *c, bool discrete)
{
    for (int64_t b = 0; c->draw_u != NULL && b < c->batch; b++) {
        const double *sorted = c->draw_u + b * DRAWS;
        double most = 0, below = 0;
        int64_t node = 0;
        for (int64_t i = 0; i < DRAWS; i++) {
            double u = sorted[i], F;
            if (discrete) {
                if (i + 1 < DRAWS && sorted[i + 1] == u)
                    continue;
                for (; node < c->node_count && c->u[node * c->batch + b] <= u; node++)
                    below += c->mass[node * c->batch + b];
                most = fmax(most, fabs(below - (double)(i + 1) / DRAWS));
                continue;
            }
            while (node + 1 < c->node_count && c->u[(node + 1) * c->batch + b] < u) {
                below += (c->mass[node * c->batch + b] + c->mass[(node + 1) * c->batch + b]) / 2;
                node++;
            }
            F = below;
            if (node + 1 < c->node_count) {
                double left = c->u[node * c->batch + b], right = c->u[(node + 1) * c->batch + b];
                F += fmax(0, fmin(1, (u - left) / (right - left))) *
                     (c->mass[node * c->batch + b] + c->mass[(node + 1) * c->batch + b]) / 2;
            }
            most = fmax(most, fmax(fabs(F - (double)i / DRAWS), fabs(F - (double)(i + 1) / DRAWS)));
        }
        if (!(sqrt((double)DRAWS) * most < KS_LIMIT))
            return wrong(c, "draws do not follow the density: sqrt(n) D = %.4g (batch element %lld)", sqrt((double)DRAWS) * most,
                         (long long)b);
    }
    return NUMC_OK;
}

static numc_status check_cdf(checker *c, bool discrete)
{
    int64_t storage[NUMC_DIST_RANK + 1];
    numc_array *x = numc_from_host(c->context, NUMC_FLOAT64, rows_shape(c, c->node_count, storage), c->x);
    numc_array *cdf = if_supported(c, numc_distribution_cdf_(c->d, numc_operand_array(x)));
    NUMC_TRY(c->context->status);
    if (cdf == NULL)
        return NUMC_OK;
    double *values = downloaded(c, cdf, c->node_count * c->batch);
    if (values == NULL)
        return c->context->status;
    numc_status status = NUMC_OK;
    for (int64_t b = 0; b < c->batch && status == NUMC_OK; b++) {
        double below = 0;
        bool falling = c->x[(c->node_count - 1) * c->batch + b] < c->x[b];
        for (int64_t i = 0; i < c->node_count && status == NUMC_OK; i++) {
            int64_t at = i * c->batch + b;
            double F = below + (discrete ? c->mass[at] : c->mass[at] / 2);
            double gap = fabs((falling ? 1 - F : F) - values[at]);
            below += c->mass[at];
            if (!(gap < 1e-3))
                status = wrong(c, "cdf(%g) = %.6g where the density adds up to %.6g (batch element %lld)", c->x[at], values[at],
                               falling ? 1 - F : F, (long long)b);
        }
    }
    numc__free(c->context, values, c->bytes_nodes);
    return status;
}

/* cdf(icdf(p)) = p; of counts, icdf(p) is the smallest k with cdf(k) >= p. */
static numc_status check_icdf(checker *c, bool discrete)
{
    static const double p[] = {0.01, 0.1, 0.37, 0.5, 0.81, 0.99};
    int64_t shape[NUMC_DIST_RANK + 1] = {6};
    for (int32_t i = 0; i < c->d->batch_rank; i++)
        shape[i + 1] = 1;
    numc_array *wanted = numc_reshape(numc_from_host(c->context, NUMC_FLOAT64, NUMC_SHAPE(6), p),
                                      ((numc_shape){shape, c->d->batch_rank + 1, true}));
    numc_array *x = if_supported(c, numc_distribution_icdf_(c->d, numc_operand_array(wanted)));
    NUMC_TRY(c->context->status);
    if (x == NULL)
        return NUMC_OK;
    numc_array *back = if_supported(c, numc_distribution_cdf_(c->d, numc_operand_array(x)));
    NUMC_TRY(c->context->status);
    if (back == NULL)
        return NUMC_OK;
    if (discrete) {
        numc_array *before = numc_distribution_cdf_(c->d, numc_operand_array(numc_subtract(x, 1)));
        numc_array *least = numc_logical_and(numc_greater_equal(back, wanted), numc_less(before, wanted));
        bool fine = numc_item_bool(numc_all(least));
        NUMC_TRY(c->context->status);
        return fine ? NUMC_OK : wrong(c, "icdf(p) is not the smallest value with cdf >= p");
    }
    bool close = numc_item_bool(numc_all(numc_less(numc_abs(numc_subtract(back, wanted)), 1e-6)));
    NUMC_TRY(c->context->status);
    return close ? NUMC_OK : wrong(c, "cdf(icdf(p)) is not p");
}

/* Moments against the integral. Infinite and undefined ones are not looked at. */
static numc_status compare_moments(checker *c, const double *mean, const double *variance)
{
    for (int64_t b = 0; b < c->batch; b++) {
        double first = 0, second = 0;
        for (int64_t i = 0; i < c->node_count; i++) {
            int64_t at = i * c->batch + b;
            first += c->mass[at] > 0 ? c->mass[at] * c->x[at] : 0;
        }
        for (int64_t i = 0; i < c->node_count; i++) {
            int64_t at = i * c->batch + b;
            second += c->mass[at] > 0 ? c->mass[at] * (c->x[at] - first) * (c->x[at] - first) : 0;
        }
        if (mean != NULL && fabs(mean[b]) < INFINITY && !(fabs(mean[b] - first) <= 1e-3 * (fabs(first) + sqrt(second))))
            return wrong(c, "mean is %.6g where the density gives %.6g (batch element %lld)", mean[b], first, (long long)b);
        if (variance != NULL && fabs(variance[b]) < INFINITY && !(fabs(variance[b] - second) <= 1e-2 * second))
            return wrong(c, "variance is %.6g where the density gives %.6g (batch element %lld)", variance[b], second, (long long)b);
    }
    return NUMC_OK;
}

static numc_status check_moments(checker *c)
{
    size_t bytes = (size_t)c->batch * sizeof(double);
    double *mean = downloaded(c, if_supported(c, numc_distribution_mean(c->d)), c->batch);
    double *variance = downloaded(c, if_supported(c, numc_distribution_variance(c->d)), c->batch);
    numc_status status = c->context->status == NUMC_OK ? compare_moments(c, mean, variance) : c->context->status;
    numc__free(c->context, mean, bytes);
    numc__free(c->context, variance, bytes);
    return status;
}

static numc_status check_scalar_event(checker *c)
{
    bool discrete = numc__distribution_is_discrete(c->d) || numc_constraint_is_discrete(c->support);
    if (!discrete && c->bijector == NULL)
        return NUMC_OK;
    NUMC_TRY(discrete ? spread_discrete(c) : spread_continuous(c));
    NUMC_TRY(check_total(c));
    NUMC_TRY(check_sampler(c, discrete));
    NUMC_TRY(check_cdf(c, discrete));
    NUMC_TRY(check_icdf(c, discrete));
    return check_moments(c);
}

/* ---- vectors and matrices: moments against draws ------------------------------------------------------------------------------------ */

static numc_status check_draw_moment(checker *c, numc_array *values, numc_array *want, const char *name)
{
    numc_array *mean = numc_mean(values, NUMC_AXES(0));
    numc_array *error = numc_sqrt(numc_divide(numc_var(values, NUMC_AXES(0)), (double)DRAWS));
    numc_array *limit = numc_add(numc_multiply(error, SIGMA_LIMIT), numc_multiply(numc_abs(want), 1e-12));
    numc_array *off = numc_logical_and(numc_greater(numc_abs(numc_subtract(mean, want)), limit), numc_isfinite(want));
    bool any = numc_item_bool(numc_any(off));
    NUMC_TRY(c->context->status);
    return any ? wrong(c, "%s is not that of its draws", name) : NUMC_OK;
}

static numc_status check_vector_moments(checker *c)
{
    if (c->draws == NULL)
        return NUMC_OK;
    numc_array *mean = if_supported(c, numc_distribution_mean(c->d));
    NUMC_TRY(c->context->status);
    if (mean == NULL)
        return NUMC_OK;
    numc_array *x = numc_astype(c->draws, NUMC_FLOAT64);
    NUMC_TRY(check_draw_moment(c, x, mean, "mean"));
    numc_array *variance = if_supported(c, numc_distribution_variance(c->d));
    NUMC_TRY(c->context->status);
    if (variance == NULL)
        return NUMC_OK;
    return check_draw_moment(c, numc_square(numc_subtract(x, mean)), variance, "variance");
}

static numc_status check_all(checker *c, uint64_t seed)
{
    c->key = numc_random_key(c->context, seed);
    c->support = numc_distribution_support(c->d);
    NUMC_TRY(c->context->status);
    if (c->support == NULL)
        return wrong(c, "it has no support");
    if (c->support->event_rank > c->d->event_rank)
        return wrong(c, "its support %s is of %d axes, its events of %d", c->support->kind->name, (int)c->support->event_rank,
                     (int)c->d->event_rank);
    if (!numc_constraint_is_discrete(c->support)) {
        c->bijector = numc_bijector_to(c->support);
        if (c->bijector == NULL && c->context->status == NUMC_UNSUPPORTED)
            numc_error_clear(c->context);
    }
    NUMC_TRY(check_draws(c));
    if (c->bijector != NULL) {
        numc_array *u = probes(c);
        if (u == NULL)
            return c->context->status;
        NUMC_TRY(check_bijector(c, u));
        NUMC_TRY(check_gradient(c, u));
    }
    return c->d->event_rank == 0 ? check_scalar_event(c) : check_vector_moments(c);
}

numc_status numc_distribution_check(const numc_distribution *d, uint64_t seed)
{
    if (d == NULL)
        return NUMC_INVALID_ARGUMENT;
    numc_context *context = d->object.context;
    NUMC_TRY(context->status);
    for (int32_t i = 0; i < d->parameter_count; i++) {
        if (numc_array_is_traced(d->parameters[i]))
            return numc__fail(context, NUMC_TRACE, "distribution_check: %s has traced parameters", d->kind->name);
    }
    checker c = {.d = d, .context = context, .batch = 1};
    for (int32_t i = 0; i < d->batch_rank; i++)
        c.batch *= d->shape[i];
    NUMC_TRY(numc_scope_begin(context));
    check_all(&c, seed);
    numc__free(context, c.u, c.bytes_nodes);
    numc__free(context, c.x, c.bytes_nodes);
    numc__free(context, c.mass, c.bytes_nodes);
    numc__free(context, c.draw_u, c.bytes_draws);
    numc_scope_end(context);
    return context->status;
}
