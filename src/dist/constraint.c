/* constraint.c - regions of space: membership, a point inside, and the bijector from the real line. One static table each. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "dist/internal.h"
#include "numc/linalg.h"

#define TOLERANCE 1e-6 /* of the sum of a simplex and of symmetry: room for data printed in single precision */

static numc_constraint *new_constraint(numc_context *context, const numc_constraint_class *kind)
{
    numc_constraint *c = numc__dist_object_new(context, sizeof *c);
    if (c != NULL) {
        c->kind = kind;
        c->event_rank = kind->event_rank;
    }
    return c;
}

static numc_array *axis_any(const numc_array *x, int32_t rank)
{
    static const int64_t last[] = {-1, -2};
    return numc_any(x, ((numc_axes){last, rank, true}));
}

static numc_array *last_any(const numc_array *x)
{
    return axis_any(x, 1);
}

static numc_array *last_all(const numc_array *x)
{
    return numc_all(x, NUMC_AXES(-1));
}

static numc_array *all_but_first(const numc_array *x)
{
    return numc_index(x, NUMC_ELLIPSIS, NUMC_SLICE(1, NUMC_END));
}

static numc_array *all_but_last(const numc_array *x)
{
    return numc_index(x, NUMC_ELLIPSIS, NUMC_SLICE(0, -1));
}

static numc_array *first_alone(const numc_array *x)
{
    return numc_index(x, NUMC_ELLIPSIS, NUMC_SLICE(0, 1));
}

/* x[K] as 0, 1, ..., K-1 in x's dtype */
static numc_array *positions(const numc_array *x, double start)
{
    return numc_arange(x->context, x->dtype, start, start + (double)x->shape[x->rank - 1], 1);
}

/* No density has mass at infinity, and formulas may have inf - inf there; for `outside` alone: a parameter may be infinite. */
static numc_array *or_infinite(const numc_array *x, numc_array *outside)
{
    return numc_dtype_kind(x->dtype) == NUMC_KIND_REAL ? numc_logical_or(outside, numc_isinf(x)) : outside;
}

/* Neither infinity nor NaN is a whole number. */
static numc_array *fractional(const numc_array *x)
{
    return numc_dtype_kind(x->dtype) == NUMC_KIND_REAL ? numc_not_equal(numc_subtract(x, numc_floor(x)), 0) : NULL;
}

static numc_array *either(numc_array *a, numc_array *b)
{
    return b == NULL ? a : numc_logical_or(a, b);
}

/* ---- regions of the line, elementwise ---------------------------------------------------------------------------------------- */
/* X(name, inside, outside, admits, feasible): formulas over x, c->lower, c->upper. */
#define LINE_REGIONS(X)                                                                                                    \
    X(positive, numc_greater(x, 0), or_infinite(x, numc_less_equal(x, 0)), v > 0, numc_operand_integer(1))                  \
    X(nonnegative, numc_greater_equal(x, 0), numc_less(x, 0), v >= 0, numc_operand_integer(1))                              \
    X(unit_interval, numc_logical_and(numc_greater_equal(x, 0), numc_less_equal(x, 1)),                                    \
      numc_logical_or(numc_less(x, 0), numc_greater(x, 1)), v >= 0 && v <= 1, numc_operand_real(0.5))                      \
    X(boolean, numc_logical_or(numc_equal(x, 0), numc_equal(x, 1)),                                                        \
      numc_logical_and(numc_not_equal(x, 0), numc_not_equal(x, 1)), v == 0 || v == 1, numc_operand_integer(0))             \
    X(nonnegative_integer, numc_logical_not(nonnegative_integer_outside(c, x)),                                            \
      either(numc_less(x, 0), fractional(x)), v >= 0 && v - floor(v) == 0, numc_operand_integer(0))
/* X(name, inside, outside, feasible): bounds are arrays. NaN is outside an interval, where a density may not look at x. */
#define BOUNDED_REGIONS(X)                                                                                                 \
    X(greater_than, numc_greater(x, c->lower), numc_less_equal(x, c->lower), numc_add(c->lower, 1))                        \
    X(less_than, numc_less(x, c->upper), numc_greater_equal(x, c->upper), numc_subtract(c->upper, 1))                      \
    X(interval, numc_logical_and(numc_greater_equal(x, c->lower), numc_less_equal(x, c->upper)),                           \
      numc_logical_or(numc_logical_or(numc_less(x, c->lower), numc_greater(x, c->upper)), numc_not_equal(x, x)),           \
      numc_multiply(numc_add(c->lower, c->upper), 0.5))                                                                    \
    X(integer_interval, numc_logical_not(integer_interval_outside(c, x)),                                                  \
      either(numc_logical_or(numc_less(x, c->lower), numc_greater(x, c->upper)), fractional(x)),                           \
      numc_astype(c->lower, x->dtype))

#define DECLARE_OUTSIDE(name) static numc_array *name##_outside(const numc_constraint *c, const numc_array *x);
DECLARE_OUTSIDE(nonnegative_integer)
DECLARE_OUTSIDE(integer_interval)

#define DEFINE_LINE_REGION(name, inside_formula, outside_formula, admits_formula, feasible_operand)  \
    static numc_array *name##_inside(const numc_constraint *c, const numc_array *x)                \
    {                                                                                              \
        (void)c;                                                                                   \
        return inside_formula;                                                                     \
    }                                                                                              \
    static numc_array *name##_outside(const numc_constraint *c, const numc_array *x)               \
    {                                                                                              \
        (void)c;                                                                                   \
        return outside_formula;                                                                    \
    }                                                                                              \
    static bool name##_admits(double v)                                                            \
    {                                                                                              \
        return admits_formula;                                                                     \
    }                                                                                              \
    static numc_operand name##_feasible(const numc_constraint *c, const numc_array *x)             \
    {                                                                                              \
        (void)c, (void)x;                                                                          \
        return feasible_operand;                                                                   \
    }
LINE_REGIONS(DEFINE_LINE_REGION)

#define DEFINE_BOUNDED_REGION(name, inside_formula, outside_formula, feasible_formula)             \
    static numc_array *name##_inside(const numc_constraint *c, const numc_array *x)                \
    {                                                                                              \
        return inside_formula;                                                                     \
    }                                                                                              \
    static numc_array *name##_outside(const numc_constraint *c, const numc_array *x)               \
    {                                                                                              \
        return outside_formula;                                                                    \
    }                                                                                              \
    static numc_operand name##_feasible(const numc_constraint *c, const numc_array *x)             \
    {                                                                                              \
        (void)x;                                                                                   \
        return numc_operand_array(feasible_formula);                                               \
    }
BOUNDED_REGIONS(DEFINE_BOUNDED_REGION)

static numc_array *real_inside(const numc_constraint *c, const numc_array *x)
{
    (void)c;
    return numc_dtype_kind(x->dtype) == NUMC_KIND_REAL ? numc_isfinite(x) : numc_equal(x, x);
}

static bool real_admits(double v)
{
    return v - v == 0;
}

static numc_operand zero_feasible(const numc_constraint *c, const numc_array *x)
{
    (void)c, (void)x;
    return numc_operand_integer(0);
}

/* ---- regions of vectors and matrices ---------------------------------------------------------------------------------------- */

static numc_array *simplex_outside(const numc_constraint *c, const numc_array *x)
{
    (void)c;
    numc_array *gap = numc_abs(numc_subtract(numc_sum(x, NUMC_AXES(-1)), 1));
    return numc_logical_or(last_any(numc_less(x, 0)), numc_greater(gap, TOLERANCE));
}

static numc_array *simplex_inside(const numc_constraint *c, const numc_array *x)
{
    (void)c;
    numc_array *gap = numc_abs(numc_subtract(numc_sum(x, NUMC_AXES(-1)), 1));
    return numc_logical_and(last_all(numc_greater_equal(x, 0)), numc_less_equal(gap, TOLERANCE));
}

static numc_operand simplex_feasible(const numc_constraint *c, const numc_array *x)
{
    (void)c;
    return numc_operand_real(1.0 / (double)x->shape[x->rank - 1]);
}

static numc_array *ordered_outside(const numc_constraint *c, const numc_array *x)
{
    (void)c;
    return last_any(numc_less_equal(all_but_first(x), all_but_last(x)));
}

static numc_array *ordered_inside(const numc_constraint *c, const numc_array *x)
{
    (void)c;
    return last_all(numc_greater(all_but_first(x), all_but_last(x)));
}

static numc_operand ordered_feasible(const numc_constraint *c, const numc_array *x)
{
    (void)c;
    return numc_operand_array(positions(x, 1));
}

static numc_array *positive_ordered_outside(const numc_constraint *c, const numc_array *x)
{
    return numc_logical_or(ordered_outside(c, x), last_any(numc_less_equal(first_alone(x), 0)));
}

static numc_array *positive_ordered_inside(const numc_constraint *c, const numc_array *x)
{
    return numc_logical_and(ordered_inside(c, x), last_all(numc_greater(first_alone(x), 0)));
}

static numc_array *lower_cholesky_outside(const numc_constraint *c, const numc_array *x)
{
    (void)c;
    return numc_logical_or(axis_any(numc_not_equal(numc_triu(x, 1), 0), 2), last_any(numc_less_equal(numc_diagonal(x), 0)));
}

static numc_array *lower_cholesky_inside(const numc_constraint *c, const numc_array *x)
{
    (void)c;
    numc_array *upper = axis_any(numc_not_equal(numc_triu(x, 1), 0), 2);
    numc_array *whole = numc_equal(numc_tril(x, 0), numc_tril(x, 0)); /* no NaN */
    numc_array *lower = numc_all(whole, NUMC_AXES(-1, -2));
    return numc_logical_and(numc_logical_and(numc_logical_not(upper), lower), last_all(numc_greater(numc_diagonal(x), 0)));
}

static numc_array *positive_definite_inside(const numc_constraint *c, const numc_array *x)
{
    (void)c;
    numc_array *most = numc_max(numc_abs(x), NUMC_AXES(-1, -2), .keepdims = true);
    numc_array *gap = numc_abs(numc_subtract(x, numc_matrix_transpose(x)));
    numc_array *symmetric = numc_all(numc_less_equal(gap, numc_multiply(most, TOLERANCE)), NUMC_AXES(-1, -2));
    return numc_logical_and(symmetric, last_all(numc_greater(numc_diagonal(numc_linalg_cholesky(x)), 0)));
}

static numc_array *positive_definite_outside(const numc_constraint *c, const numc_array *x)
{
    return numc_logical_not(positive_definite_inside(c, x));
}

static numc_operand matrix_feasible(const numc_constraint *c, const numc_array *x)
{
    (void)c;
    int64_t n = x->shape[x->rank - 1];
    return numc_operand_array(numc_eye(x->context, x->dtype, n, n, 0));
}

/* ---- what is wrong with a point, for messages ----------------------------------------------------------------------------------- */

static void simplex_explain(numc_text *text, const double *x, int64_t rows, int64_t columns)
{
    double sum = 0;
    (void)rows;
    for (int64_t i = 0; i < columns; i++) {
        if (!(x[i] >= 0)) {
            numc__text_add(text, "has the entry %g at %lld: none may be below 0", x[i], (long long)i);
            return;
        }
        sum += x[i];
    }
    numc__text_add(text, "sums to %.9g, not 1", sum);
}

static void ordered_explain(numc_text *text, const double *x, int64_t rows, int64_t columns)
{
    (void)rows;
    for (int64_t i = 0; i + 1 < columns; i++) {
        if (!(x[i + 1] > x[i])) {
            numc__text_add(text, "is not increasing: %g at %lld, then %g", x[i], (long long)i, x[i + 1]);
            return;
        }
    }
}

static void positive_ordered_explain(numc_text *text, const double *x, int64_t rows, int64_t columns)
{
    if (columns > 0 && !(x[0] > 0))
        numc__text_add(text, "is not positive: it begins with %g", x[0]);
    else
        ordered_explain(text, x, rows, columns);
}

static void lower_cholesky_explain(numc_text *text, const double *x, int64_t rows, int64_t columns)
{
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) {
            double v = x[i * columns + j];
            const char *wrong = j > i && v != 0 ? "is not lower triangular" : j == i && !(v > 0) ? "has a diagonal that is not positive"
                                : v != v        ? "is not all numbers" : NULL;
            if (wrong != NULL) {
                numc__text_add(text, "%s: %g at (%lld, %lld)", wrong, v, (long long)i, (long long)j);
                return;
            }
        }
    }
}

static void positive_definite_explain(numc_text *text, const double *x, int64_t rows, int64_t columns)
{
    double most = 0;
    for (int64_t i = 0; i < rows * columns; i++)
        most = fmax(most, fabs(x[i]));
    for (int64_t i = 0; i < rows && rows == columns; i++) {
        for (int64_t j = i + 1; j < columns; j++) {
            double upper = x[i * columns + j], lower = x[j * columns + i];
            if (!(fabs(upper - lower) <= most * TOLERANCE)) {
                numc__text_add(text, "is not symmetric at (%lld, %lld): %g and %g", (long long)i, (long long)j, upper, lower);
                return;
            }
        }
    }
    numc__text_add(text, "is not positive definite");
}

/* ---- the bijector of each region --------------------------------------------------------------------------------------------- */

static numc_bijector *real_bijector(const numc_constraint *c)
{
    return numc_bijector_identity(c->object.context);
}

static numc_bijector *exp_bijector(const numc_constraint *c)
{
    return numc_bijector_exp(c->object.context);
}

static numc_bijector *sigmoid_bijector(const numc_constraint *c)
{
    return numc_bijector_sigmoid(c->object.context);
}

static numc_bijector *then(const numc_bijector *first, const numc_bijector *second)
{
    const numc_bijector *parts[2] = {first, second};
    return numc_bijector_compose(parts, 2);
}

static numc_bijector *greater_than_bijector(const numc_constraint *c)
{
    return then(numc_bijector_exp(c->object.context), numc__bijector_shift(c->object.context, c->lower));
}

static numc_bijector *less_than_bijector(const numc_constraint *c)
{
    return then(numc_bijector_exp(c->object.context), numc__bijector_reflect(c->object.context, c->upper));
}

static numc_bijector *interval_bijector(const numc_constraint *c)
{
    numc_array *width = numc_subtract(c->upper, c->lower);
    return then(numc_bijector_sigmoid(c->object.context), numc__bijector_scale(c->object.context, c->lower, width));
}

#define VECTOR_BIJECTOR(name)                                                                      \
    static numc_bijector *name##_bijector(const numc_constraint *c)                                \
    {                                                                                              \
        return numc__bijector_##name(c->object.context);                                           \
    }
VECTOR_BIJECTOR(simplex)
VECTOR_BIJECTOR(ordered)
VECTOR_BIJECTOR(positive_ordered)
VECTOR_BIJECTOR(lower_cholesky)

/* X(name, phrase, event rank, discrete, outside, admits, feasible, bijector, explain) */
#define CONSTRAINTS(X)                                                                                                     \
    X(real, "finite", 0, false, NULL, real_admits, zero_feasible, real_bijector, NULL)                                     \
    X(positive, "positive", 0, false, positive_outside, positive_admits, positive_feasible, exp_bijector, NULL)            \
    X(nonnegative, "at least 0", 0, false, nonnegative_outside, nonnegative_admits, nonnegative_feasible, exp_bijector,   \
      NULL)                                                                                                                \
    X(unit_interval, "in [0, 1]", 0, false, unit_interval_outside, unit_interval_admits, unit_interval_feasible,           \
      sigmoid_bijector, NULL)                                                                                              \
    X(greater_than, "above", 0, false, greater_than_outside, NULL, greater_than_feasible, greater_than_bijector, NULL)     \
    X(less_than, "below", 0, false, less_than_outside, NULL, less_than_feasible, less_than_bijector, NULL)                 \
    X(interval, "in", 0, false, interval_outside, NULL, interval_feasible, interval_bijector, NULL)                        \
    X(simplex, "on the simplex (no entry below 0, sum 1)", 1, false, simplex_outside, NULL, simplex_feasible,              \
      simplex_bijector, simplex_explain)                                                                                   \
    X(ordered, "increasing", 1, false, ordered_outside, NULL, ordered_feasible, ordered_bijector, ordered_explain)         \
    X(positive_ordered, "positive and increasing", 1, false, positive_ordered_outside, NULL, ordered_feasible,             \
      positive_ordered_bijector, positive_ordered_explain)                                                                 \
    X(lower_cholesky, "lower triangular with a positive diagonal", 2, false, lower_cholesky_outside, NULL, matrix_feasible, \
      lower_cholesky_bijector, lower_cholesky_explain)                                                                     \
    X(positive_definite, "symmetric and positive definite", 2, false, positive_definite_outside, NULL, matrix_feasible,    \
      NULL, positive_definite_explain)                                                                                     \
    X(boolean, "0 or 1", 0, true, boolean_outside, boolean_admits, boolean_feasible, NULL, NULL)                           \
    X(integer_interval, "a whole number in", 0, true, integer_interval_outside, NULL, integer_interval_feasible, NULL, NULL) \
    X(nonnegative_integer, "a whole number, 0 or more", 0, true, nonnegative_integer_outside, nonnegative_integer_admits,  \
      nonnegative_integer_feasible, NULL, NULL)

#define DEFINE_CLASS(name_, phrase_, rank_, discrete_, outside_, admits_, feasible_, bijector_, explain_) \
    static const numc_constraint_class class_##name_ = {                                           \
        .name = #name_, .phrase = phrase_, .event_rank = rank_, .discrete = discrete_, .inside = name_##_inside, \
        .outside = outside_, .admits = admits_, .feasible = feasible_, .bijector = bijector_, \
        .explain = explain_};
CONSTRAINTS(DEFINE_CLASS)

#define PLAIN_CONSTRAINTS(X)                                                                       \
    X(real) X(positive) X(nonnegative) X(unit_interval) X(simplex) X(ordered) X(positive_ordered)  \
    X(lower_cholesky) X(positive_definite) X(boolean) X(nonnegative_integer)
#define DEFINE_PLAIN(name)                                                                         \
    numc_constraint *numc_constraint_##name##_(numc_context *context)                              \
    {                                                                                              \
        return new_constraint(context, &class_##name);                                       \
    }
PLAIN_CONSTRAINTS(DEFINE_PLAIN)

static numc_constraint *bounded(numc_context *context, const numc_constraint_class *kind, const numc_operand *lower,
                                const numc_operand *upper)
{
    numc_constraint *c = new_constraint(context, kind);
    if (c == NULL)
        return NULL;
    if (lower != NULL && (c->lower = numc__dist_real(context, *lower, NUMC_DTYPE_DEFAULT)) == NULL)
        return NULL;
    if (upper != NULL && (c->upper = numc__dist_real(context, *upper, NUMC_DTYPE_DEFAULT)) == NULL)
        return NULL;
    return c;
}

numc_constraint *numc_constraint_greater_than_(numc_context *context, numc_operand lower)
{
    return bounded(context, &class_greater_than, &lower, NULL);
}

numc_constraint *numc_constraint_less_than_(numc_context *context, numc_operand upper)
{
    return bounded(context, &class_less_than, NULL, &upper);
}

/* Constant bounds must be in order: an empty interval is a mistake that would only show as a density of zero. */
static numc_constraint *in_order(numc_constraint *c, bool equal_allowed)
{
    if (c == NULL || numc_array_is_traced(c->lower) || numc_array_is_traced(c->upper))
        return c;
    bool fine = numc_item_bool(numc_all(equal_allowed ? numc_less_equal(c->lower, c->upper) : numc_less(c->lower, c->upper)));
    numc_context *context = c->object.context;
    if (context->status != NUMC_OK)
        return NULL;
    if (fine)
        return c;
    if (c->lower->size == 1 && c->upper->size == 1)
        numc__fail(context, NUMC_VALUE, "%s: the lower bound %g is not below the upper bound %g", c->kind->name,
                   numc_item(c->lower), numc_item(c->upper));
    else
        numc__fail(context, NUMC_VALUE, "%s: a lower bound is not below its upper bound", c->kind->name);
    return NULL;
}

/* For bounds that are known to be in order, or whose order is not looked at. */
numc_constraint *numc__constraint_between(numc_context *context, numc_array *lower, numc_array *upper, bool integer)
{
    numc_operand bounds[2] = {numc_operand_array(lower), numc_operand_array(upper)};
    return bounded(context, integer ? &class_integer_interval : &class_interval, &bounds[0], &bounds[1]);
}

numc_constraint *numc_constraint_interval_(numc_context *context, numc_operand lower, numc_operand upper)
{
    return in_order(bounded(context, &class_interval, &lower, &upper), false);
}

numc_constraint *numc_constraint_integer_interval_(numc_context *context, numc_operand lower, numc_operand upper)
{
    return in_order(bounded(context, &class_integer_interval, &lower, &upper), true);
}

/* ---- regions made of others --------------------------------------------------------------------------------------------------- */

static numc_axes last_axes(int64_t storage[NUMC_DIST_RANK], int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        storage[i] = -1 - i;
    return (numc_axes){storage, count, true};
}

static numc_array *independent_inside(const numc_constraint *c, const numc_array *x)
{
    int64_t storage[NUMC_DIST_RANK];
    return numc_all(numc_constraint_check(c->base, x), last_axes(storage, c->event_rank - c->base->event_rank));
}

static numc_array *independent_outside(const numc_constraint *c, const numc_array *x)
{
    int64_t storage[NUMC_DIST_RANK];
    numc_array *outside = numc__constraint_outside(c->base, x);
    return outside == NULL ? NULL : numc_any(outside, last_axes(storage, c->event_rank - c->base->event_rank));
}

static numc_operand base_feasible(const numc_constraint *c, const numc_array *x)
{
    return c->base->kind->feasible(c->base, x);
}

static numc_bijector *independent_bijector(const numc_constraint *c)
{
    return numc__bijector_independent(numc_bijector_to(c->base), c->event_rank - c->base->event_rank);
}

static const numc_constraint_class class_independent = {
    .name = "independent", .phrase = "inside its region", .inside = independent_inside,
    .outside = independent_outside, .feasible = base_feasible, .bijector = independent_bijector};

numc_constraint *numc_constraint_independent(numc_constraint *base, int32_t event_rank)
{
    if (base == NULL)
        return NULL;
    numc_context *context = base->object.context;
    if (event_rank < 0 || base->event_rank + event_rank > NUMC_DIST_RANK) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "constraint_independent: %d axes cannot join the event", (int)event_rank);
        return NULL;
    }
    if (event_rank == 0)
        return base;
    numc_constraint *c = new_constraint(context, &class_independent);
    if (c == NULL)
        return NULL;
    c->base = base;
    c->event_rank = base->event_rank + event_rank;
    return c;
}

/* Image of a region R under f, where f is onto a region C: y in C and f^-1(y) in R. */
static numc_array *image_inside(const numc_constraint *c, const numc_array *y)
{
    numc_array *back = numc_constraint_check(c->base, numc_bijector_backward(c->bijector, y));
    if (c->bijector->kind->codomain == NULL)
        return back;
    return numc_logical_and(back, numc_constraint_check(c->bijector->kind->codomain(c->bijector), y));
}

static numc_array *image_outside(const numc_constraint *c, const numc_array *y)
{
    if (c->bijector->kind->codomain == NULL)
        return numc__constraint_outside(c->base, numc_bijector_backward(c->bijector, y));
    const numc_constraint *onto = c->bijector->kind->codomain(c->bijector);
    if (onto == NULL)
        return NULL;
    numc_array *out = numc__constraint_outside(onto, y);
    if (out == NULL)
        return numc__constraint_outside(c->base, numc_bijector_backward(c->bijector, y));
    numc_array *back = numc_bijector_backward(c->bijector, numc__constraint_repair(onto, out, y));
    return either(out, numc__constraint_outside(c->base, back));
}

static numc_operand image_feasible(const numc_constraint *c, const numc_array *y)
{
    int64_t shape[NUMC_DIST_RANK];
    int32_t rank = numc_bijector_backward_shape(c->bijector, numc__shape_of(y), shape);
    numc_array *x = rank < 0 ? NULL : numc_zeros(c->object.context, y->dtype, ((numc_shape){shape, rank, true}));
    if (x == NULL)
        return numc_operand_array(NULL);
    numc_array *inside = numc_add(x, numc_where_(numc_equal(x, x), base_feasible(c, x), numc_operand_real(0)));
    return numc_operand_array(numc_bijector_forward(c->bijector, inside));
}

static numc_bijector *image_bijector(const numc_constraint *c)
{
    return then(numc_bijector_to(c->base), c->bijector);
}

static const numc_constraint_class class_image = {
    .name = "image", .phrase = "inside its region", .inside = image_inside, .outside = image_outside,
    .feasible = image_feasible, .bijector = image_bijector};

/* Every value of the right shape is inside: nothing to check. */
static bool is_everything(const numc_constraint *constraint)
{
    while (constraint->kind == &class_independent)
        constraint = constraint->base;
    return constraint->kind == &class_real;
}

numc_constraint *numc__constraint_image(const numc_constraint *region, const numc_bijector *bijector)
{
    if (region == NULL || bijector == NULL)
        return NULL;
    numc_context *context = region->object.context;
    if (bijector->part_count > 0) {
        const numc_constraint *image = region;
        for (int32_t i = 0; i < bijector->part_count; i++)
            image = numc__constraint_image(image, bijector->parts[i]);
        return (numc_constraint *)(uintptr_t)image;
    }
    int32_t rank = region->event_rank > bijector->domain_rank ? region->event_rank : bijector->domain_rank;
    rank += bijector->codomain_rank - bijector->domain_rank;
    if (is_everything(region)) {
        numc_constraint *onto = bijector->kind->codomain != NULL ? bijector->kind->codomain(bijector)
                                                                 : numc_constraint_real(context);
        return onto == NULL ? NULL : numc_constraint_independent(onto, rank - onto->event_rank);
    }
    if (numc__bijector_is_identity(bijector))
        return (numc_constraint *)(uintptr_t)region;
    numc_constraint *c = new_constraint(context, &class_image);
    if (c == NULL)
        return NULL;
    c->base = region;
    c->bijector = bijector;
    c->event_rank = rank;
    return c;
}

static numc_array *masked_inside(const numc_constraint *c, const numc_array *x)
{
    return numc_logical_or(numc_constraint_check(c->base, x), c->hidden);
}

static numc_array *masked_outside(const numc_constraint *c, const numc_array *x)
{
    numc_array *outside = numc__constraint_outside(c->base, x);
    return outside == NULL ? NULL : numc_logical_and(outside, numc_logical_not(c->hidden));
}

static numc_bijector *base_bijector(const numc_constraint *c)
{
    return numc_bijector_to(c->base);
}

static const numc_constraint_class class_masked = {
    .name = "masked", .phrase = "inside its region", .inside = masked_inside, .outside = masked_outside,
    .feasible = base_feasible, .bijector = base_bijector};

numc_constraint *numc__constraint_masked(const numc_constraint *region, const numc_array *hidden)
{
    numc_constraint *c = region == NULL || hidden == NULL ? NULL : new_constraint(region->object.context, &class_masked);
    if (c == NULL)
        return NULL;
    c->base = region;
    c->hidden = hidden;
    c->event_rank = region->event_rank;
    return c;
}

/* ---- what every constraint answers ---------------------------------------------------------------------------------------------- */

int32_t numc_constraint_event_rank(const numc_constraint *constraint)
{
    return constraint == NULL ? -1 : constraint->event_rank;
}

bool numc_constraint_is_discrete(const numc_constraint *constraint)
{
    while (constraint != NULL && constraint->base != NULL)
        constraint = constraint->base;
    return constraint != NULL && constraint->kind->discrete;
}

const char *numc_constraint_name(const numc_constraint *constraint)
{
    return constraint == NULL ? "none" : constraint->kind->name;
}

const char *numc__constraint_inner_name(const numc_constraint *constraint)
{
    while (constraint != NULL && (constraint->kind == &class_independent || constraint->kind == &class_masked))
        constraint = constraint->base;
    return numc_constraint_name(constraint);
}

/* Whether x has the axes an event needs. */
static bool admits_shape(const numc_constraint *constraint, const numc_array *x)
{
    if (x->rank >= constraint->event_rank)
        return true;
    numc__fail(x->context, NUMC_SHAPE, "constraint %s: a point has %d axes, the value %d", constraint->kind->name,
               (int)constraint->event_rank, (int)x->rank);
    return false;
}

static const numc_array *comparable(const numc_array *x)
{
    return x->dtype == NUMC_BOOL ? numc_astype(x, NUMC_INT64) : x;
}

numc_array *numc_constraint_check(const numc_constraint *constraint, const numc_array *value)
{
    if (constraint == NULL || numc__lane_of(&value, 1, "constraint_check") == NULL || !admits_shape(constraint, value))
        return NULL;
    const numc_array *x = comparable(value);
    return x == NULL ? NULL : constraint->kind->inside(constraint, x);
}

numc_array *numc__constraint_outside(const numc_constraint *constraint, const numc_array *x)
{
    if (constraint->kind->outside == NULL || x == NULL || !admits_shape(constraint, x))
        return NULL;
    return constraint->kind->outside(constraint, x);
}

numc_array *numc__constraint_repair(const numc_constraint *constraint, const numc_array *outside, const numc_array *x)
{
    if (outside == NULL || x == NULL)
        return NULL;
    return numc_where_(numc__expand_last(outside, constraint->event_rank), constraint->kind->feasible(constraint, x),
                       numc_operand_array(x));
}

/* The entry of x that belongs to row-major place `position` of a shape that x broadcasts to; its index in x. */
static int64_t entry_place(const numc_array *x, const numc_array *whole, int64_t position, int64_t index[NUMC_DIST_RANK])
{
    int64_t place = 0, stride = 1;
    for (int32_t i = 1; i <= x->rank && i <= whole->rank && i <= NUMC_DIST_RANK; i++) {
        int64_t extent = x->shape[x->rank - i], along = position % whole->shape[whole->rank - i];
        position /= whole->shape[whole->rank - i];
        index[x->rank - i] = extent == 1 ? 0 : along;
        place += index[x->rank - i] * stride;
        stride *= extent;
    }
    return place;
}

static double entry_value(const numc_array *x, const numc_array *whole, int64_t position)
{
    int64_t index[NUMC_DIST_RANK], place = entry_place(x, whole, position, index);
    return numc_item(numc_astype(numc_index(numc_reshape(x, NUMC_SHAPE(-1)), NUMC_AT(place)), NUMC_FLOAT64));
}

/* "NAME[2, 0]" */
static void add_entry(numc_text *text, const char *name, const numc_array *x, const numc_array *whole, int64_t position)
{
    int64_t index[NUMC_DIST_RANK];
    entry_place(x, whole, position, index);
    numc__text_add(text, "%s", name);
    for (int32_t i = 0; i < x->rank && i < NUMC_DIST_RANK; i++)
        numc__text_add(text, "%s%lld%s", i == 0 ? "[" : ", ", (long long)index[i], i == x->rank - 1 ? "]" : "");
}

/* "above low = 2", "in [0, 1]" */
static void add_bounds(numc_text *text, const numc_constraint *c, const numc_array *good, int64_t position)
{
    numc__text_add(text, "%s ", c->kind->phrase);
    if (c->lower != NULL && c->upper != NULL) {
        numc__text_add(text, "[%g, %g]", entry_value(c->lower, good, position), entry_value(c->upper, good, position));
        return;
    }
    const numc_array *bound = c->lower == NULL ? c->upper : c->lower;
    if (c->bound_name != NULL) {
        add_entry(text, c->bound_name, bound, good, position);
        numc__text_add(text, " = ");
    }
    numc__text_add(text, "%g", entry_value(bound, good, position));
}

/* What is wrong with the event at `position` of the batch. */
static void add_reason(numc_text *text, const numc_constraint *c, const numc_array *x, const numc_array *good, int64_t position)
{
    numc_context *context = c->object.context;
    int64_t columns = x->shape[x->rank - 1], rows = c->event_rank == 2 ? x->shape[x->rank - 2] : 1;
    size_t before, bytes = (size_t)(rows * columns) * sizeof(double);
    numc__text_add(text, " ");
    before = text->size;
    if (c->kind->explain != NULL && c->event_rank <= 2 && bytes > 0 && x->size == good->size * rows * columns) {
        numc_array *events = numc_reshape(x, NUMC_SHAPE(-1, rows * columns));
        double *values = numc__allocate(context, bytes);
        if (values == NULL)
            return;
        if (numc_to_host(numc_index(events, NUMC_AT(position)), NUMC_FLOAT64, values, bytes) == NUMC_OK)
            c->kind->explain(text, values, rows, columns);
        numc__free(context, values, bytes);
    }
    if (text->size == before)
        numc__text_add(text, "is not %s", c->kind->phrase);
}

static numc_status report(const numc_constraint *constraint, const numc_array *x, const numc_array *good,
                          const char *where, const char *what)
{
    numc_context *context = constraint->object.context;
    if (constraint->kind == &class_independent) {
        good = numc_constraint_check(constraint->base, x);
        return good == NULL ? context->status : report(constraint->base, x, good, where, what);
    }
    size_t bytes = (size_t)good->size;
    bool *flags = numc__allocate(context, bytes);
    if (flags == NULL)
        return context->status;
    int64_t position = 0;
    if (numc_to_host(good, NUMC_BOOL, flags, bytes) == NUMC_OK) {
        while (position < good->size - 1 && flags[position])
            position++;
    }
    numc__free(context, flags, bytes);
    NUMC_TRY(context->status);
    numc_text text;
    numc__text_begin(&text, context->core);
    numc__text_add(&text, "%s: ", where);
    if (constraint->event_rank > 0) {
        add_entry(&text, what, good, good, position);
        add_reason(&text, constraint, x, good, position);
    } else {
        add_entry(&text, what, x, good, position);
        numc__text_add(&text, " = %g is not ", entry_value(x, good, position));
        if (constraint->lower != NULL || constraint->upper != NULL)
            add_bounds(&text, constraint, good, position);
        else
            numc__text_add(&text, "%s", constraint->kind->phrase);
    }
    if (context->status == NUMC_OK)
        numc__fail(context, text.failed ? NUMC_MEMORY : NUMC_VALUE, "%s", text.failed ? what : text.data);
    numc__text_end(&text);
    return context->status;
}

numc_status numc__constraint_require(const numc_constraint *constraint, const numc_array *x, const char *where, const char *what)
{
    numc_context *context = constraint->object.context;
    if (numc_array_is_traced(x) || x->size == 0 ||
        (constraint->lower != NULL && numc_array_is_traced(constraint->lower)) ||
        (constraint->upper != NULL && numc_array_is_traced(constraint->upper)))
        return context->status;
    if (x->content == NUMC_CONTENT_IMMEDIATE && constraint->kind->admits != NULL) {
        double v;
        numc__value_convert(NUMC_FLOAT64, &v, x->dtype, x->immediate);
        if (constraint->kind->admits(v))
            return context->status;
        return numc__fail(context, NUMC_VALUE, "%s: %s = %g is not %s", where, what, v, constraint->kind->phrase);
    }
    numc_array *good = numc_constraint_check(constraint, x);
    if (good == NULL)
        return context->status;
    bool fine = numc_item_bool(numc_all(good));
    NUMC_TRY(context->status);
    return fine ? NUMC_OK : report(constraint, x, good, where, what);
}
