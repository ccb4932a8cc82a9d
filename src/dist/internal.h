/* internal.h - internal: what constraints, bijectors and distributions are made of, for the files of src/dist and for src/model.
 *
 * All three are headers with plain pointers to arrays and to each other: what they point to lives at least as long, because
 * it is in the same scope, where objects are destroyed newest first and before the arrays, or in an outer one. */
#ifndef NUMC_DIST_INTERNAL_H
#define NUMC_DIST_INTERNAL_H

#include "array/internal.h"
#include "base/text.h"
#include "numc/dist.h"

#define NUMC_DIST_RANK 32

typedef struct numc_dist_object {
    numc_scoped scoped;
    numc_context *context;
    size_t bytes;
} numc_dist_object;

/* Zeroed, in the current scope of the lane; NULL with the error pending (also one that was pending before). */
void *numc__dist_object_new(numc_context *context, size_t bytes);

/* ---- constraints ------------------------------------------------------------------------------------------------------------ */
typedef struct numc_constraint_class {
    const char *name;
    const char *phrase; /* completes "x is not ..." */
    int32_t event_rank;
    bool discrete;
    /* bool, event axes reduced. `inside` is false for NaN. `outside` is true only where x has surely no density (not
     * inside, or infinite), so a NaN of x or of a bound passes on into the density; NULL: never. */
    numc_array *(*inside)(const numc_constraint *c, const numc_array *x);
    numc_array *(*outside)(const numc_constraint *c, const numc_array *x);
    bool (*admits)(double x);                                                /* `inside` of a host number; may be NULL */
    numc_operand (*feasible)(const numc_constraint *c, const numc_array *x); /* a point inside; broadcasts to x */
    numc_bijector *(*bijector)(const numc_constraint *c);                    /* NULL: there is none */
    /* For regions of vectors and matrices: says what is wrong with the point x[rows][columns] ("sums to 0.9, not 1"), or adds
     * nothing, then the phrase is used. NULL: the phrase. */
    void (*explain)(numc_text *text, const double *x, int64_t rows, int64_t columns);
} numc_constraint_class;

struct numc_constraint {
    numc_dist_object object;
    const numc_constraint_class *kind;
    int32_t event_rank;
    numc_array *lower, *upper;
    const char *bound_name;      /* of a single bound, in messages; may be NULL */
    const numc_constraint *base; /* independent, image */
    const numc_bijector *bijector; /* image */
    const numc_array *hidden;      /* masked */
};

numc_constraint *numc__constraint_between(numc_context *context, numc_array *lower, numc_array *upper, bool integer);
/* The points f(x) of x in `region`. */
numc_constraint *numc__constraint_image(const numc_constraint *region, const numc_bijector *bijector);
/* `region`, and anything where `hidden` (bool, broadcasting to the batch) is true. */
numc_constraint *numc__constraint_masked(const numc_constraint *region, const numc_array *hidden);
/* The name of the region that each entry, or what is not masked, lies in: for messages. */
const char *numc__constraint_inner_name(const numc_constraint *constraint);
/* NULL when nothing can be outside; else bool, event axes reduced. */
numc_array *numc__constraint_outside(const numc_constraint *constraint, const numc_array *x);
/* x with the points where `outside` holds replaced by one that is inside. */
numc_array *numc__constraint_repair(const numc_constraint *constraint, const numc_array *outside, const numc_array *x);
/* If x is concrete and not everywhere inside: VALUE, "WHERE: WHAT[i, j] = v is not PHRASE", with the bounds of the place, or what
 * is wrong with a vector or matrix. OK for a traced x. */
numc_status numc__constraint_require(const numc_constraint *constraint, const numc_array *x, const char *where, const char *what);

/* ---- bijectors --------------------------------------------------------------------------------------------------------------- */
typedef struct numc_bijector_class {
    const char *name;
    int32_t domain_rank, codomain_rank;
    numc_array *(*forward)(const numc_bijector *b, const numc_array *x);
    numc_array *(*backward)(const numc_bijector *b, const numc_array *y);
    /* Summed over the domain's event axes, or broadcasting to that; y = f(x). NULL: zero everywhere. */
    numc_array *(*log_det)(const numc_bijector *b, const numc_array *x, const numc_array *y);
    /* Event shapes, in place in shape[rank]; they return the new rank, -1 with the error set. NULL: the same. */
    int32_t (*forward_shape)(const numc_bijector *b, int64_t *shape, int32_t rank);
    int32_t (*backward_shape)(const numc_bijector *b, int64_t *shape, int32_t rank);
    numc_constraint *(*codomain)(const numc_bijector *b); /* image of the reals; NULL: the reals */
    /* Of one map; those made of others are asked part by part. */
    numc_direction direction;
    bool affine;      /* y = a + s x, s the `scale` (1 or -1 where there is none) */
    bool above, below; /* y > 0 and y < 1 are the ends of the codomain */
} numc_bijector_class;

struct numc_bijector {
    numc_dist_object object;
    const numc_bijector_class *kind;
    int32_t domain_rank, codomain_rank;
    numc_array *loc, *scale;
    const numc_bijector *base; /* inverse, independent */
    int32_t part_count;
    const numc_bijector **parts; /* compose: applied first to last */
};

bool numc__bijector_is_identity(const numc_bijector *bijector);
/* Whether y = a + s x, s constant along the value. */
bool numc__bijector_is_affine(const numc_bijector *bijector);
/* s^2 v of an affine one. */
numc_array *numc__bijector_spread(const numc_bijector *bijector, numc_array *v);
/* bool: where a map that is NUMC_DIRECTION_EITHER decreases. */
numc_array *numc__bijector_decreases(const numc_bijector *bijector);
/* A value on its way back through the parts of a monotone map of the line. `end`: where it was at or beyond an end of a
 * codomain (NULL: nowhere); x is a point inside there, and `low` tells whether that is the lower end, as seen from x. */
typedef struct numc_pulled {
    numc_array *x, *end, *low;
} numc_pulled;
numc_pulled numc__bijector_pull(const numc_bijector *bijector, const numc_array *y);
/* NULL without an error when log |det| is zero everywhere. y may be NULL. */
numc_array *numc__bijector_log_det(const numc_bijector *bijector, const numc_array *x, const numc_array *y);
numc_bijector *numc__bijector_simplex(numc_context *context);
numc_bijector *numc__bijector_ordered(numc_context *context);
numc_bijector *numc__bijector_positive_ordered(numc_context *context);
numc_bijector *numc__bijector_lower_cholesky(numc_context *context);
numc_bijector *numc__bijector_shift(numc_context *context, numc_array *loc);   /* loc + x */
numc_bijector *numc__bijector_reflect(numc_context *context, numc_array *loc); /* loc - x */
numc_bijector *numc__bijector_scale(numc_context *context, numc_array *loc, numc_array *scale);
numc_bijector *numc__bijector_independent(const numc_bijector *base, int32_t axes);

/* ---- distributions ----------------------------------------------------------------------------------------------------------- */
struct numc_distribution {
    numc_dist_object object;
    const numc_distribution_class *kind;
    void *user;
    /* Wrappers; `evaluate` is their log_prob, which hands `inside` on to the base. */
    numc_array *(*evaluate)(const numc_distribution *d, const numc_array *value, bool inside);
    const numc_distribution *base;
    const numc_bijector *bijector;
    const numc_constraint *region;
    numc_array *mask;
    int32_t axes;
    int32_t parameter_count;
    numc_array **parameters;
    int32_t batch_rank, event_rank;
    int64_t *shape; /* batch_rank + event_rank numbers */
    numc_dtype dtype;
};

/* The name of the distribution that is copied, masked, or has axes joined, for messages: a plate copies what the model says. */
const char *numc__distribution_inner_name(const numc_distribution *d);
/* log_prob of a value known to lie inside the support (a bijector's result, a checked constant): no selection is recorded. */
numc_array *numc__distribution_log_prob_inside(const numc_distribution *d, const numc_array *value);
/* The same without the checks of the value's shape; `inside` false: with the support. */
numc_array *numc__distribution_evaluate(const numc_distribution *d, const numc_array *value, bool inside);
/* Whether the class is one whose draws are whole numbers or booleans. */
bool numc__distribution_is_discrete(const numc_distribution *d);
numc_distribution *numc__distribution_make(numc_context *context, const numc_distribution_class *kind, numc_array *const *parameters,
                                           int32_t parameter_count, numc_shape batch, numc_shape event, numc_dtype dtype,
                                           void *user);

/* ---- helpers ------------------------------------------------------------------------------------------------------------------ */
/* A parameter as a real array: integers and bools become `dtype` (DEFAULT: the default float), a number a weak immediate. */
numc_array *numc__dist_real(numc_context *context, numc_operand operand, numc_dtype dtype);
/* Parameter i; where it is traced and outside its rule's region, NaN instead. For densities that are finite there. */
numc_array *numc__dist_guarded(const numc_distribution *d, int32_t i);
/* Sums the last `count` axes; x itself for 0. */
numc_array *numc__sum_last(const numc_array *x, int32_t count);
/* `count` new axes behind the others. */
numc_array *numc__expand_last(const numc_array *x, int32_t count);
static inline numc_shape numc__shape_of(const numc_array *x)
{
    return (numc_shape){x->rank > 0 ? x->shape : NULL, x->rank, true};
}
/* The shape of x without its last `count` axes. */
static inline numc_shape numc__batch_of(const numc_array *x, int32_t count)
{
    return (numc_shape){x->rank > count ? x->shape : NULL, x->rank > count ? x->rank - count : 0, true};
}
static inline numc_array *numc__parameter(const numc_distribution *d, int32_t i)
{
    return d->parameters[i];
}
bool numc__shape_is(const numc_array *x, int32_t rank, const int64_t *shape);

#endif
