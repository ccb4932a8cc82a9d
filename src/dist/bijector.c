/* bijector.c - smooth invertible maps with log |det J|, each one static table. No formula subtracts two infinite terms or
 * multiplies zero by infinity where the result is finite, so gradients hold no NaN. */
#include <string.h>

#include "dist/internal.h"
#include "numc/special.h"

static numc_bijector *bijector_new(numc_context *context, const numc_bijector_class *kind, int32_t part_count)
{
    size_t parts = (size_t)part_count * sizeof(const numc_bijector *);
    numc_bijector *b = numc__dist_object_new(context, sizeof *b + parts);
    if (b == NULL)
        return NULL;
    b->kind = kind;
    b->domain_rank = kind->domain_rank;
    b->codomain_rank = kind->codomain_rank;
    b->part_count = part_count;
    b->parts = (const numc_bijector **)(void *)(b + 1);
    return b;
}

/* ---- maps of the line ---------------------------------------------------------------------------------------------------------- */
/* X(name, forward, backward, log_det): formulas over b, x and y. */
#define LINE_MAPS(X)                                                                                                       \
    X(exp, numc_exp(x), numc_log(y), numc_positive(x))                                                                     \
    /* log s(x) s(-x) */                                                                                                   \
    X(sigmoid, numc_special_expit(x), numc_special_logit(y), numc_subtract(x, numc_multiply(numc_special_softplus(x), 2)))  \
    /* log(exp(y) - 1) = y + log(1 - exp(-y)); d/dx = s(x) */                                                              \
    X(softplus, numc_special_softplus(x), numc_add(y, numc_special_log1mexp(numc_negative(y))),                            \
      numc_special_log_expit(x))                                                                                           \
    X(affine, numc_add(b->loc, numc_multiply(b->scale, x)), numc_divide(numc_subtract(y, b->loc), b->scale),               \
      numc_log(numc_abs(b->scale)))
/* X(name, forward, backward): log |det| = 0. */
#define VOLUME_PRESERVING_MAPS(X)                                                                  \
    X(identity, numc_positive(x), numc_positive(y))                                                \
    X(shift, numc_add(b->loc, x), numc_subtract(y, b->loc))                                        \
    X(reflect, numc_subtract(b->loc, x), numc_subtract(b->loc, y))

#define DEFINE_MAP(name, forward_formula, backward_formula)                                        \
    static numc_array *name##_forward(const numc_bijector *b, const numc_array *x)                 \
    {                                                                                              \
        (void)b;                                                                                   \
        return forward_formula;                                                                    \
    }                                                                                              \
    static numc_array *name##_backward(const numc_bijector *b, const numc_array *y)                \
    {                                                                                              \
        (void)b;                                                                                   \
        return backward_formula;                                                                   \
    }
VOLUME_PRESERVING_MAPS(DEFINE_MAP)
#define DEFINE_LINE_MAP(name, forward_formula, backward_formula, log_det_formula)                  \
    DEFINE_MAP(name, forward_formula, backward_formula)                                            \
    static numc_array *name##_log_det(const numc_bijector *b, const numc_array *x, const numc_array *y) \
    {                                                                                              \
        (void)b, (void)x, (void)y;                                                                 \
        return log_det_formula;                                                                    \
    }
LINE_MAPS(DEFINE_LINE_MAP)

/* x with the shapes of the parameters broadcast in */
static int32_t located_forward_shape(const numc_bijector *b, int64_t *shape, int32_t rank)
{
    numc_shape shapes[3] = {{shape, rank, true}, numc__shape_of(b->loc), {NULL, 0, true}};
    int64_t result[NUMC_DIST_RANK];
    if (b->scale != NULL)
        shapes[2] = numc__shape_of(b->scale);
    rank = numc_broadcast_shapes(shapes, 3, result);
    if (rank < 0)
        numc__fail(b->object.context, NUMC_SHAPE, "bijector %s: its parameters do not broadcast with the value", b->kind->name);
    else
        memcpy(shape, result, (size_t)rank * sizeof *shape);
    return rank;
}

static numc_constraint *onto_positive(const numc_bijector *b)
{
    return numc_constraint_positive(b->object.context);
}

static numc_constraint *onto_unit_interval(const numc_bijector *b)
{
    return numc_constraint_unit_interval(b->object.context);
}

/* ---- the simplex: stick breaking -------------------------------------------------------------------------------------------------
 * u_k = x_k - log(K - k), k = 1..K-1 (so that x = 0 maps to 1/K each: Stan reference manual, "Unit simplex"); z_k = s(u_k) is the
 * share of what is left; y_k = z_k prod_{j<k} (1 - z_j), y_K = prod (1 - z_j). In logarithms, c_k = sum_{j<k} log(1 - z_j):
 * log y_k = log z_k + c_k, and |det J| = prod z_k (1 - z_k) exp(c_k). */

static numc_array *stick_offsets(numc_context *context, numc_dtype dtype, int64_t k)
{
    /* log(K-1), ..., log(1) */
    return numc_log(numc_arange(context, dtype, (double)k - 1, 0, -1));
}

/* log(1 - z) = -softplus(u), and log z = u - softplus(u) */
typedef struct sticks {
    numc_array *log_rest, *log_share, *before; /* before: c_k, k = 1..K-1 */
    numc_array *after;                         /* c_{k+1} */
} sticks;

static sticks sticks_of(const numc_array *x)
{
    sticks s = {0};
    numc_array *u = numc_subtract(x, stick_offsets(x->context, x->dtype, x->shape[x->rank - 1] + 1));
    numc_array *most = numc_special_softplus(u);
    s.log_rest = numc_negative(most);
    s.log_share = numc_subtract(u, most);
    s.after = numc_cumulative_sum(s.log_rest, NUMC_AXIS(-1));
    s.before = numc_subtract(s.after, s.log_rest);
    return s;
}

static numc_array *simplex_forward(const numc_bijector *b, const numc_array *x)
{
    (void)b;
    if (x->shape[x->rank - 1] == 0)
        return numc_exp(numc_sum(x, NUMC_AXES(-1), .keepdims = true));
    sticks s = sticks_of(x);
    const numc_array *parts[2] = {numc_add(s.log_share, s.before),
                                  numc_index(s.after, NUMC_ELLIPSIS, NUMC_SLICE(-1, NUMC_END))};
    return parts[0] == NULL || parts[1] == NULL ? NULL : numc_exp(numc_concat(parts, 2, -1));
}

/* logit z_k = log y_k - log(y_{k+1} + ... + y_K): nothing cancels. */
static numc_array *simplex_backward(const numc_bijector *b, const numc_array *y)
{
    (void)b;
    numc_array *left = numc_flip(numc_cumulative_sum(numc_flip(y, NUMC_AXES(-1)), NUMC_AXIS(-1)), NUMC_AXES(-1));
    numc_array *u = numc_subtract(numc_log(numc_index(y, NUMC_ELLIPSIS, NUMC_SLICE(0, -1))),
                                  numc_log(numc_index(left, NUMC_ELLIPSIS, NUMC_SLICE(1, NUMC_END))));
    return numc_add(u, stick_offsets(y->context, y->dtype, y->shape[y->rank - 1]));
}

static numc_array *simplex_log_det(const numc_bijector *b, const numc_array *x, const numc_array *y)
{
    (void)b, (void)y;
    sticks s = sticks_of(x);
    return numc_sum(numc_add(s.log_share, s.after), NUMC_AXES(-1));
}

static int32_t simplex_forward_shape(const numc_bijector *b, int64_t *shape, int32_t rank)
{
    (void)b;
    shape[rank - 1] += 1;
    return rank;
}

static int32_t simplex_backward_shape(const numc_bijector *b, int64_t *shape, int32_t rank)
{
    if (shape[rank - 1] < 1) {
        numc__fail(b->object.context, NUMC_SHAPE, "bijector simplex: a simplex has at least one entry");
        return -1;
    }
    shape[rank - 1] -= 1;
    return rank;
}

static numc_constraint *onto_simplex(const numc_bijector *b)
{
    return numc_constraint_simplex(b->object.context);
}

/* ---- increasing vectors: x_1, x_1 + exp(x_2), ... and the same from exp(x_1) --------------------------------------------------- */

static numc_array *tail_of(const numc_array *x)
{
    return numc_index(x, NUMC_ELLIPSIS, NUMC_SLICE(1, NUMC_END));
}

static numc_array *head_and(const numc_array *head, const numc_array *tail)
{
    const numc_array *parts[2] = {numc_index(head, NUMC_ELLIPSIS, NUMC_SLICE(0, 1)), tail};
    return parts[0] == NULL || tail == NULL ? NULL : numc_concat(parts, 2, -1);
}

static numc_array *steps_of(const numc_array *y)
{
    return numc_subtract(tail_of(y), numc_index(y, NUMC_ELLIPSIS, NUMC_SLICE(0, -1)));
}

static numc_array *ordered_forward(const numc_bijector *b, const numc_array *x)
{
    (void)b;
    return numc_cumulative_sum(head_and(x, numc_exp(tail_of(x))), NUMC_AXIS(-1));
}

static numc_array *ordered_backward(const numc_bijector *b, const numc_array *y)
{
    (void)b;
    return head_and(y, numc_log(steps_of(y)));
}

static numc_array *ordered_log_det(const numc_bijector *b, const numc_array *x, const numc_array *y)
{
    (void)b, (void)y;
    return numc_sum(tail_of(x), NUMC_AXES(-1));
}

static numc_array *positive_ordered_forward(const numc_bijector *b, const numc_array *x)
{
    (void)b;
    return numc_cumulative_sum(numc_exp(x), NUMC_AXIS(-1));
}

static numc_array *positive_ordered_backward(const numc_bijector *b, const numc_array *y)
{
    (void)b;
    return numc_log(head_and(y, steps_of(y)));
}

static numc_array *positive_ordered_log_det(const numc_bijector *b, const numc_array *x, const numc_array *y)
{
    (void)b, (void)y;
    return numc_sum(x, NUMC_AXES(-1));
}

static numc_constraint *onto_ordered(const numc_bijector *b)
{
    return numc_constraint_ordered(b->object.context);
}

static numc_constraint *onto_positive_ordered(const numc_bijector *b)
{
    return numc_constraint_positive_ordered(b->object.context);
}

/* ---- lower Cholesky factors: the lower triangle row by row, exp on the diagonal -------------------------------------------------- */

/* n with n (n+1)/2 == count, or -1 */
static int64_t triangle_side(int64_t count)
{
    int64_t n = 0;
    while (n * (n + 1) / 2 < count)
        n++;
    return n * (n + 1) / 2 == count ? n : -1;
}

/* Whether entry i of the packed triangle is on the diagonal. */
static numc_array *diagonal_entries(numc_context *context, int64_t n)
{
    int64_t count = n * (n + 1) / 2;
    bool *flags = numc__allocate_zero(context, (size_t)count, sizeof *flags);
    if (flags == NULL)
        return NULL;
    for (int64_t row = 0; row < n; row++)
        flags[row * (row + 1) / 2 + row] = true;
    numc_array *result = numc_from_host(context, NUMC_BOOL, NUMC_SHAPE(count), flags);
    numc__free(context, flags, (size_t)count * sizeof *flags);
    return result;
}

/* packed: for the entries of the triangle, their place in the flattened matrix. Else, for each place of the matrix, its
 * entry in the triangle, `count` above the diagonal. */
static numc_array *triangle_places(numc_context *context, int64_t n, bool packed)
{
    int64_t count = n * (n + 1) / 2, size = packed ? count : n * n;
    int64_t *places = numc__allocate_zero(context, (size_t)size, sizeof *places);
    if (places == NULL)
        return NULL;
    for (int64_t row = 0; row < n; row++) {
        for (int64_t column = 0; column < n; column++) {
            int64_t entry = row * (row + 1) / 2 + column;
            if (packed && column <= row)
                places[entry] = row * n + column;
            else if (!packed)
                places[row * n + column] = column <= row ? entry : count;
        }
    }
    numc_array *result = numc_from_host(context, NUMC_INT64, NUMC_SHAPE(size), places);
    numc__free(context, places, (size_t)size * sizeof *places);
    return result;
}

/* x (..., n) reshaped to batch + (rows, columns), or batch + (rows) when columns < 0 */
static numc_array *reshape_last(const numc_array *x, int32_t dropped, int64_t rows, int64_t columns)
{
    int64_t shape[NUMC_DIST_RANK + 2];
    if (x == NULL)
        return NULL;
    int32_t rank = x->rank - dropped;
    if (rank > 0)
        memcpy(shape, x->shape, (size_t)rank * sizeof *shape);
    shape[rank++] = rows;
    if (columns >= 0)
        shape[rank++] = columns;
    return numc_reshape(x, ((numc_shape){shape, rank, true}));
}

static numc_array *lower_cholesky_forward(const numc_bijector *b, const numc_array *x)
{
    numc_context *context = b->object.context;
    int64_t n = triangle_side(x->shape[x->rank - 1]);
    if (n < 0) {
        numc__fail(context, NUMC_SHAPE, "bijector lower_cholesky: %lld numbers do not fill a triangle",
                   (long long)x->shape[x->rank - 1]);
        return NULL;
    }
    if (n == 0)
        return reshape_last(x, 1, 0, 0);
    numc_array *diagonal = diagonal_entries(context, n);
    /* exp sees zeros off the diagonal, where its overflow would put 0 x inf into the gradient */
    numc_array *entries = numc_where(diagonal, numc_exp(numc_where(diagonal, x, 0)), x);
    const numc_array *parts[2] = {entries, numc_index(numc_zeros_like(x), NUMC_ELLIPSIS, NUMC_SLICE(0, 1))};
    if (parts[0] == NULL || parts[1] == NULL)
        return NULL;
    numc_array *flat = numc_take(numc_concat(parts, 2, -1), triangle_places(context, n, false), NUMC_AXIS(-1));
    return reshape_last(flat, 1, n, n);
}

static numc_array *lower_cholesky_backward(const numc_bijector *b, const numc_array *y)
{
    numc_context *context = b->object.context;
    int64_t n = y->shape[y->rank - 1];
    numc_array *diagonal = diagonal_entries(context, n);
    numc_array *flat = numc_take(reshape_last(y, 2, n * n, -1), triangle_places(context, n, true), NUMC_AXIS(-1));
    return numc_where(diagonal, numc_log(numc_where(diagonal, flat, 1)), flat);
}

static numc_array *lower_cholesky_log_det(const numc_bijector *b, const numc_array *x, const numc_array *y)
{
    (void)y;
    int64_t n = triangle_side(x->shape[x->rank - 1]);
    return numc_sum(numc_where(diagonal_entries(b->object.context, n), x, 0), NUMC_AXES(-1));
}

static int32_t lower_cholesky_forward_shape(const numc_bijector *b, int64_t *shape, int32_t rank)
{
    int64_t n = triangle_side(shape[rank - 1]);
    if (n < 0 || rank >= NUMC_DIST_RANK) {
        numc__fail(b->object.context, NUMC_SHAPE, "bijector lower_cholesky: %lld numbers do not fill a triangle",
                   (long long)shape[rank - 1]);
        return -1;
    }
    shape[rank - 1] = n;
    shape[rank] = n;
    return rank + 1;
}

static int32_t lower_cholesky_backward_shape(const numc_bijector *b, int64_t *shape, int32_t rank)
{
    int64_t n = shape[rank - 1];
    if (shape[rank - 2] != n) {
        numc__fail(b->object.context, NUMC_SHAPE, "bijector lower_cholesky: a matrix of %lld rows and %lld columns",
                   (long long)shape[rank - 2], (long long)n);
        return -1;
    }
    shape[rank - 2] = n * (n + 1) / 2;
    return rank - 1;
}

static numc_constraint *onto_lower_cholesky(const numc_bijector *b)
{
    return numc_constraint_lower_cholesky(b->object.context);
}

/* ---- maps made of others ----------------------------------------------------------------------------------------------------------- */

static numc_array *compose_forward(const numc_bijector *b, const numc_array *x)
{
    const numc_array *y = x;
    numc_array *next = NULL;
    for (int32_t i = 0; i < b->part_count; i++)
        y = next = numc_bijector_forward(b->parts[i], y);
    return next;
}

static numc_array *compose_backward(const numc_bijector *b, const numc_array *y)
{
    const numc_array *x = y;
    numc_array *next = NULL;
    for (int32_t i = b->part_count - 1; i >= 0; i--)
        x = next = numc_bijector_backward(b->parts[i], x);
    return next;
}

static numc_array *compose_log_det(const numc_bijector *b, const numc_array *x, const numc_array *y)
{
    numc_array *sum = NULL;
    int32_t event_rank = b->domain_rank;
    for (int32_t i = 0; i < b->part_count; i++) {
        const numc_bijector *part = b->parts[i];
        const numc_array *next = i == b->part_count - 1 ? y : numc_bijector_forward(part, x);
        if (next == NULL)
            return NULL;
        numc_array *term = numc__bijector_log_det(part, x, next);
        if (term == NULL && b->object.context->status != NUMC_OK)
            return NULL;
        if (term != NULL) {
            term = numc__sum_last(term, event_rank - part->domain_rank);
            sum = sum == NULL ? term : numc_add(sum, term);
        }
        event_rank += part->codomain_rank - part->domain_rank;
        x = next;
    }
    return sum;
}

static int32_t compose_forward_shape(const numc_bijector *b, int64_t *shape, int32_t rank)
{
    for (int32_t i = 0; i < b->part_count && rank >= 0; i++)
        rank = numc_bijector_forward_shape(b->parts[i], (numc_shape){shape, rank, true}, shape);
    return rank;
}

static int32_t compose_backward_shape(const numc_bijector *b, int64_t *shape, int32_t rank)
{
    for (int32_t i = b->part_count - 1; i >= 0 && rank >= 0; i--)
        rank = numc_bijector_backward_shape(b->parts[i], (numc_shape){shape, rank, true}, shape);
    return rank;
}

static numc_array *inverse_forward(const numc_bijector *b, const numc_array *x)
{
    return numc_bijector_backward(b->base, x);
}

static numc_array *inverse_backward(const numc_bijector *b, const numc_array *y)
{
    return numc_bijector_forward(b->base, y);
}

static numc_array *inverse_log_det(const numc_bijector *b, const numc_array *x, const numc_array *y)
{
    numc_array *log_det = numc__bijector_log_det(b->base, y, x);
    return log_det == NULL ? NULL : numc_negative(log_det);
}

static int32_t inverse_forward_shape(const numc_bijector *b, int64_t *shape, int32_t rank)
{
    return numc_bijector_backward_shape(b->base, (numc_shape){shape, rank, true}, shape);
}

static int32_t inverse_backward_shape(const numc_bijector *b, int64_t *shape, int32_t rank)
{
    return numc_bijector_forward_shape(b->base, (numc_shape){shape, rank, true}, shape);
}

static numc_array *independent_forward(const numc_bijector *b, const numc_array *x)
{
    return numc_bijector_forward(b->base, x);
}

static numc_array *independent_backward(const numc_bijector *b, const numc_array *y)
{
    return numc_bijector_backward(b->base, y);
}

static numc_array *independent_log_det(const numc_bijector *b, const numc_array *x, const numc_array *y)
{
    numc_array *log_det = numc__bijector_log_det(b->base, x, y);
    return log_det == NULL ? NULL : numc__sum_last(log_det, b->domain_rank - b->base->domain_rank);
}

static numc_constraint *onto_independent(const numc_bijector *b)
{
    numc_context *context = b->object.context;
    numc_constraint *onto = b->base->kind->codomain != NULL ? b->base->kind->codomain(b->base) : numc_constraint_real(context);
    return onto == NULL ? NULL : numc_constraint_independent(onto, b->codomain_rank - onto->event_rank);
}

/* ---- the tables --------------------------------------------------------------------------------------------------------------------- */
/* X(name, domain rank, codomain rank, log_det, forward shape, backward shape, codomain, direction, affine, ends at 0, at 1) */
#define BIJECTORS(X)                                                                               \
    X(identity, 0, 0, NULL, NULL, NULL, NULL, INCREASING, true, false, false)                      \
    X(shift, 0, 0, NULL, located_forward_shape, NULL, NULL, INCREASING, true, false, false)        \
    X(reflect, 0, 0, NULL, located_forward_shape, NULL, NULL, DECREASING, true, false, false)      \
    X(affine, 0, 0, affine_log_det, located_forward_shape, NULL, NULL, EITHER, true, false, false) \
    X(exp, 0, 0, exp_log_det, NULL, NULL, onto_positive, INCREASING, false, true, false)           \
    X(sigmoid, 0, 0, sigmoid_log_det, NULL, NULL, onto_unit_interval, INCREASING, false, true, true) \
    X(softplus, 0, 0, softplus_log_det, NULL, NULL, onto_positive, INCREASING, false, true, false) \
    X(simplex, 1, 1, simplex_log_det, simplex_forward_shape, simplex_backward_shape, onto_simplex, NONE, \
      false, false, false)                                                                         \
    X(ordered, 1, 1, ordered_log_det, NULL, NULL, onto_ordered, NONE, false, false, false)         \
    X(positive_ordered, 1, 1, positive_ordered_log_det, NULL, NULL, onto_positive_ordered, NONE, false, false, false) \
    X(lower_cholesky, 1, 2, lower_cholesky_log_det, lower_cholesky_forward_shape, lower_cholesky_backward_shape, \
      onto_lower_cholesky, NONE, false, false, false)                                              \
    X(compose, 0, 0, compose_log_det, compose_forward_shape, compose_backward_shape, NULL, NONE,   \
      false, false, false)                                                                         \
    X(inverse, 0, 0, inverse_log_det, inverse_forward_shape, inverse_backward_shape, NULL, NONE,   \
      false, false, false)                                                                         \
    X(independent, 0, 0, independent_log_det, inverse_backward_shape, inverse_forward_shape, onto_independent, NONE, \
      false, false, false)

#define DEFINE_CLASS(name_, domain_, codomain_, log_det_, forward_shape_, backward_shape_, onto_, direction_, affine_, above_, \
                     below_)                                                                       \
    static const numc_bijector_class class_##name_ = {                                             \
        .name = #name_, .domain_rank = domain_, .codomain_rank = codomain_, .forward = name_##_forward, \
        .backward = name_##_backward, .log_det = log_det_, .forward_shape = forward_shape_,        \
        .backward_shape = backward_shape_, .codomain = onto_, .direction = NUMC_DIRECTION_##direction_, .affine = affine_, \
        .above = above_, .below = below_};
BIJECTORS(DEFINE_CLASS)

#define DEFINE_PUBLIC(name)                                                                        \
    numc_bijector *numc_bijector_##name##_(numc_context *context)                                  \
    {                                                                                              \
        return bijector_new(context, &class_##name, 0);                                            \
    }
DEFINE_PUBLIC(identity)
DEFINE_PUBLIC(exp)
DEFINE_PUBLIC(sigmoid)
DEFINE_PUBLIC(softplus)
#define DEFINE_INTERNAL(name)                                                                      \
    numc_bijector *numc__bijector_##name(numc_context *context)                                    \
    {                                                                                              \
        return bijector_new(context, &class_##name, 0);                                            \
    }
DEFINE_INTERNAL(simplex)
DEFINE_INTERNAL(ordered)
DEFINE_INTERNAL(positive_ordered)
DEFINE_INTERNAL(lower_cholesky)

static numc_bijector *located(numc_context *context, const numc_bijector_class *kind, numc_array *loc, numc_array *scale)
{
    numc_bijector *b = loc == NULL ? NULL : bijector_new(context, kind, 0);
    if (b == NULL)
        return NULL;
    b->loc = loc;
    b->scale = scale;
    return b;
}

numc_bijector *numc__bijector_shift(numc_context *context, numc_array *loc)
{
    return located(context, &class_shift, loc, NULL);
}

numc_bijector *numc__bijector_reflect(numc_context *context, numc_array *loc)
{
    return located(context, &class_reflect, loc, NULL);
}

numc_bijector *numc__bijector_scale(numc_context *context, numc_array *loc, numc_array *scale)
{
    return scale == NULL ? NULL : located(context, &class_affine, loc, scale);
}

numc_bijector *numc_bijector_affine_(numc_context *context, numc_operand loc, numc_operand scale)
{
    numc_array *s = numc__dist_real(context, scale, NUMC_DTYPE_DEFAULT);
    if (s != NULL && !numc_array_is_traced(s) && s->size > 0) {
        bool zero = numc_item_bool(numc_any(numc_equal(s, 0)));
        if (zero)
            numc__fail(context, NUMC_VALUE, "bijector affine: scale is 0");
        if (context->status != NUMC_OK)
            return NULL;
    }
    return numc__bijector_scale(context, numc__dist_real(context, loc, NUMC_DTYPE_DEFAULT), s);
}

numc_bijector *numc_bijector_to(const numc_constraint *constraint)
{
    if (constraint == NULL)
        return NULL;
    if (constraint->kind->bijector == NULL) {
        numc__fail(constraint->object.context, NUMC_UNSUPPORTED, "constraint %s has no bijector from the reals",
                   constraint->kind->name);
        return NULL;
    }
    return constraint->kind->bijector(constraint);
}

/* The event ranks of a chain: walking back from the last part, each needs its own axes and those the later ones need. */
numc_bijector *numc_bijector_compose(const numc_bijector *const *parts, int32_t count)
{
    if (parts == NULL || count < 1)
        return NULL;
    for (int32_t i = 0; i < count; i++) {
        if (parts[i] == NULL)
            return NULL;
    }
    if (count == 1)
        return (numc_bijector *)(uintptr_t)parts[0];
    numc_bijector *b = bijector_new(parts[0]->object.context, &class_compose, count);
    if (b == NULL)
        return NULL;
    memcpy(b->parts, parts, (size_t)count * sizeof *parts);
    int32_t rank = parts[count - 1]->domain_rank;
    for (int32_t i = count - 2; i >= 0; i--) {
        rank += parts[i]->domain_rank - parts[i]->codomain_rank;
        rank = rank > parts[i]->domain_rank ? rank : parts[i]->domain_rank;
    }
    b->domain_rank = b->codomain_rank = rank;
    for (int32_t i = 0; i < count; i++)
        b->codomain_rank += parts[i]->codomain_rank - parts[i]->domain_rank;
    return b;
}

numc_bijector *numc_bijector_inverse(const numc_bijector *bijector)
{
    if (bijector == NULL)
        return NULL;
    if (bijector->kind == &class_inverse)
        return (numc_bijector *)(uintptr_t)bijector->base;
    numc_bijector *b = bijector_new(bijector->object.context, &class_inverse, 0);
    if (b == NULL)
        return NULL;
    b->base = bijector;
    b->domain_rank = bijector->codomain_rank;
    b->codomain_rank = bijector->domain_rank;
    return b;
}

numc_bijector *numc__bijector_independent(const numc_bijector *base, int32_t axes)
{
    numc_bijector *b = base == NULL ? NULL : bijector_new(base->object.context, &class_independent, 0);
    if (b == NULL)
        return NULL;
    b->base = base;
    b->domain_rank = base->domain_rank + axes;
    b->codomain_rank = base->codomain_rank + axes;
    return b;
}

bool numc__bijector_is_identity(const numc_bijector *bijector)
{
    while (bijector->kind == &class_independent)
        bijector = bijector->base;
    return bijector->kind == &class_identity;
}

/* ---- monotone and affine maps of the line --------------------------------------------------------------------------------------- */

/* Of one part: an affine map goes the way of its scale, which may differ between elements or not be known yet. */
static numc_direction leaf_direction(const numc_bijector *b)
{
    if (b->kind->direction != NUMC_DIRECTION_EITHER || numc_array_is_traced(b->scale) || b->scale->size == 0)
        return b->kind->direction;
    bool up = numc_item_bool(numc_all(numc_greater(b->scale, 0)));
    bool down = numc_item_bool(numc_all(numc_less(b->scale, 0)));
    return up ? NUMC_DIRECTION_INCREASING : down ? NUMC_DIRECTION_DECREASING : NUMC_DIRECTION_EITHER;
}

numc_direction numc_bijector_direction(const numc_bijector *bijector)
{
    if (bijector == NULL || bijector->domain_rank > 0 || bijector->codomain_rank > 0)
        return NUMC_DIRECTION_NONE;
    if (bijector->kind == &class_inverse)
        return numc_bijector_direction(bijector->base);
    if (bijector->part_count == 0)
        return leaf_direction(bijector);
    bool down = false, either = false;
    for (int32_t i = 0; i < bijector->part_count; i++) {
        numc_direction part = numc_bijector_direction(bijector->parts[i]);
        if (part == NUMC_DIRECTION_NONE)
            return part;
        either = either || part == NUMC_DIRECTION_EITHER;
        down = down != (part == NUMC_DIRECTION_DECREASING);
    }
    return either ? NUMC_DIRECTION_EITHER : down ? NUMC_DIRECTION_DECREASING : NUMC_DIRECTION_INCREASING;
}

static numc_array *flipped(numc_array *flags, numc_direction direction, const numc_bijector *b)
{
    if (direction == NUMC_DIRECTION_INCREASING)
        return flags;
    return direction == NUMC_DIRECTION_DECREASING ? numc_logical_not(flags) : numc_logical_xor(flags, numc_less(b->scale, 0));
}

static numc_array *decreases_after(const numc_bijector *b, numc_array *flags)
{
    if (b->kind == &class_inverse)
        return decreases_after(b->base, flags);
    if (b->part_count == 0)
        return flipped(flags, leaf_direction(b), b);
    for (int32_t i = 0; i < b->part_count; i++)
        flags = decreases_after(b->parts[i], flags);
    return flags;
}

numc_array *numc__bijector_decreases(const numc_bijector *bijector)
{
    return decreases_after(bijector, numc_zeros(bijector->object.context, NUMC_BOOL, NUMC_SCALAR));
}

static numc_array *joined(numc_array *a, numc_array *b)
{
    return a == NULL ? b : numc_logical_or(a, b);
}

/* Selections stand on the value, so that no logarithm of a point outside gets into a gradient. */
static void pull(const numc_bijector *b, bool inverted, numc_pulled *p)
{
    if (b->kind == &class_inverse) {
        pull(b->base, !inverted, p);
        return;
    }
    for (int32_t i = 0; i < b->part_count; i++)
        pull(b->parts[inverted ? i : b->part_count - 1 - i], inverted, p);
    if (b->part_count > 0 || p->x == NULL)
        return;
    if (!inverted && b->kind->above) {
        numc_array *low = numc_less_equal(p->x, 0);
        numc_array *end = b->kind->below ? numc_logical_or(low, numc_greater_equal(p->x, 1)) : low;
        p->x = numc_where(end, 0.5, p->x);
        p->low = p->end == NULL ? low : numc_where(p->end, p->low, low);
        p->end = joined(p->end, end);
    }
    p->x = inverted ? numc_bijector_forward(b, p->x) : numc_bijector_backward(b, p->x);
    if (p->low != NULL)
        p->low = flipped(p->low, leaf_direction(b), b);
}

numc_pulled numc__bijector_pull(const numc_bijector *bijector, const numc_array *y)
{
    numc_pulled pulled = {(numc_array *)(uintptr_t)y, NULL, NULL};
    pull(bijector, false, &pulled);
    return pulled;
}

bool numc__bijector_is_affine(const numc_bijector *bijector)
{
    if (bijector->base != NULL)
        return numc__bijector_is_affine(bijector->base);
    bool affine = bijector->kind->affine;
    for (int32_t i = 0; i < bijector->part_count; i++) {
        affine = numc__bijector_is_affine(bijector->parts[i]);
        if (!affine)
            break;
    }
    return affine;
}

static numc_array *spread(const numc_bijector *b, bool inverted, numc_array *v)
{
    if (b->base != NULL)
        return spread(b->base, inverted != (b->kind == &class_inverse), v);
    for (int32_t i = 0; i < b->part_count; i++)
        v = spread(b->parts[i], inverted, v);
    if (b->scale == NULL)
        return v;
    return inverted ? numc_divide(v, numc_square(b->scale)) : numc_multiply(v, numc_square(b->scale));
}

numc_array *numc__bijector_spread(const numc_bijector *bijector, numc_array *v)
{
    return spread(bijector, false, v);
}

/* ---- what every bijector answers ---------------------------------------------------------------------------------------------------- */

/* A real operand with the axes of one point, in `real`; false with the error set. */
static bool prepare(const numc_bijector *b, const char *name, const numc_array *x, int32_t rank, const numc_array **real)
{
    numc_context *context = numc__lane_of(&x, 1, name);
    numc_operand operand = numc_operand_array(x);
    if (context == NULL || b == NULL || numc__prepare_elementwise(context, name, &operand, 1, true, real) != NUMC_OK)
        return false;
    if (numc__is_complex((*real)->dtype)) {
        numc__fail(context, NUMC_DTYPE, "%s: %s is of real numbers, not %s", name, b->kind->name, numc_dtype_name((*real)->dtype));
        return false;
    }
    if ((*real)->rank >= rank)
        return true;
    numc__fail(context, NUMC_SHAPE, "%s: %s needs %d axes, the value has %d", name, b->kind->name, (int)rank, (int)(*real)->rank);
    return false;
}

numc_array *numc_bijector_forward(const numc_bijector *bijector, const numc_array *x)
{
    const numc_array *real;
    if (bijector == NULL || !prepare(bijector, "bijector_forward", x, bijector->domain_rank, &real))
        return NULL;
    return bijector->kind->forward(bijector, real);
}

numc_array *numc_bijector_backward(const numc_bijector *bijector, const numc_array *y)
{
    const numc_array *real;
    if (bijector == NULL || !prepare(bijector, "bijector_backward", y, bijector->codomain_rank, &real))
        return NULL;
    return bijector->kind->backward(bijector, real);
}

numc_array *numc__bijector_log_det(const numc_bijector *bijector, const numc_array *x, const numc_array *y)
{
    if (bijector->kind->log_det == NULL)
        return NULL;
    if (y == NULL && (bijector->kind == &class_compose || bijector->kind == &class_inverse || bijector->base != NULL))
        y = numc_bijector_forward(bijector, x);
    numc_array *log_det = bijector->kind->log_det(bijector, x, y);
    if (log_det == NULL)
        return NULL;
    /* a constant determinant counts once for every point */
    numc_shape shapes[2] = {numc__batch_of(x, bijector->domain_rank), numc__shape_of(log_det)};
    int64_t shape[NUMC_DIST_RANK];
    int32_t rank = numc_broadcast_shapes(shapes, 2, shape);
    if (rank < 0 || numc__shape_is(log_det, rank, shape))
        return log_det;
    return numc_broadcast_to(log_det, ((numc_shape){shape, rank, true}));
}

numc_array *numc_bijector_log_det(const numc_bijector *bijector, const numc_array *x, const numc_array *y)
{
    const numc_array *real;
    if (bijector == NULL || !prepare(bijector, "bijector_log_det", x, bijector->domain_rank, &real))
        return NULL;
    numc_array *log_det = numc__bijector_log_det(bijector, real, y);
    if (log_det != NULL || real->context->status != NUMC_OK)
        return log_det;
    return numc_zeros(real->context, real->dtype, numc__batch_of(real, bijector->domain_rank));
}

static int32_t map_shape(const numc_bijector *b, numc_shape shape, int64_t out[32], int32_t rank_needed,
                         int32_t (*map)(const numc_bijector *b, int64_t *shape, int32_t rank), const char *name)
{
    if (numc__shape_check(b->object.context, name, shape) != NUMC_OK)
        return -1;
    if (out == NULL) {
        numc__fail(b->object.context, NUMC_INVALID_ARGUMENT, "%s: there is no room for the result", name);
        return -1;
    }
    if (shape.count > NUMC_DIST_RANK || shape.count < rank_needed) {
        numc__fail(b->object.context, NUMC_SHAPE, "%s: %s does not take %d axes", name, b->kind->name, (int)shape.count);
        return -1;
    }
    if (shape.count > 0)
        memmove(out, shape.values, (size_t)shape.count * sizeof *out);
    return map == NULL ? shape.count : map(b, out, shape.count);
}

int32_t numc_bijector_backward_shape(const numc_bijector *bijector, numc_shape shape, int64_t out[32])
{
    if (bijector == NULL)
        return -1;
    return map_shape(bijector, shape, out, bijector->codomain_rank, bijector->kind->backward_shape, "bijector_backward_shape");
}

int32_t numc_bijector_forward_shape(const numc_bijector *bijector, numc_shape shape, int64_t out[32])
{
    if (bijector == NULL)
        return -1;
    return map_shape(bijector, shape, out, bijector->domain_rank, bijector->kind->forward_shape, "bijector_forward_shape");
}
