/* test_views.c - every function of the standard over views: negative, zero and overlapping strides, steps and offsets, constants
 * without memory, rank 0, empty axes, rank 32. What a view gives is what its row-major copy gives, eager and traced, and
 * elementwise functions and reductions run the same kernels over both: nothing is copied first. */
#include "fixture.h"

#include "functions.h"
#include "../base/effort.h"
#include "numc/function.h"

static const numc_dtype dtypes[] = {NUMC_BOOL,   NUMC_INT8,   NUMC_INT16,   NUMC_INT32,   NUMC_INT64, NUMC_UINT8,
                                    NUMC_UINT16, NUMC_UINT32, NUMC_UINT64, NUMC_FLOAT32, NUMC_FLOAT64,
                                    NUMC_COMPLEX64, NUMC_COMPLEX128};
#define DTYPE_COUNT (sizeof dtypes / sizeof *dtypes)

static numc_array *copied(const numc_array *x)
{
    size_t bytes = (size_t)numc_array_size(x) * numc_dtype_size(numc_array_dtype(x));
    unsigned char *data = malloc(bytes + 1);
    assert_non_null(data);
    assert_int_equal(numc_to_host(x, numc_array_dtype(x), data, bytes), NUMC_OK);
    numc_array *y = numc_from_host(numc_array_context(x), numc_array_dtype(x),
                                   ((numc_shape){numc_array_shape(x), numc_array_rank(x), true}), data);
    free(data);
    return y;
}

/* ---- views ----------------------------------------------------------------------------------------------------------- */

static void leave_tensor(DLManagedTensorVersioned *tensor)
{
    free(tensor->dl_tensor.data);
    free(tensor->dl_tensor.shape);
    free(tensor);
}

/* (2, 3, 4) with strides (1, 2, 1): windows that share elements. */
static numc_array *overlapping(numc_context *context, numc_dtype dtype)
{
    const int64_t layout[6] = {2, 3, 4, 1, 2, 1};
    size_t item = numc_dtype_size(dtype), count = 9;
    DLManagedTensorVersioned *tensor = calloc(1, sizeof *tensor);
    int64_t *numbers = malloc(sizeof layout);
    unsigned char *data = aligned_alloc(64, 192);
    assert_true(tensor != NULL && numbers != NULL && data != NULL);
    memcpy(numbers, layout, sizeof layout);
    assert_int_equal(numc_to_host(numc_arange(context, NUMC_INT64, 0, 9, 1), dtype, data, count * item), NUMC_OK);
    static const uint8_t codes[] = {0, kDLBool, kDLInt, kDLInt, kDLInt, kDLInt, kDLUInt, kDLUInt, kDLUInt, kDLUInt, kDLFloat, kDLFloat,
                                    kDLComplex, kDLComplex};
    tensor->version = (DLPackVersion){1, 1};
    tensor->deleter = leave_tensor;
    tensor->dl_tensor = (DLTensor){.data = data, .device = {kDLCPU, 0}, .ndim = 3, .shape = numbers, .strides = numbers + 3,
                                   .dtype = {codes[dtype], (uint8_t)(8 * item), 1}};
    return numc_from_dlpack(context, tensor);
}

enum { LAYOUTS = 14 };
static const char *const layout_names[LAYOUTS] = {
    "row-major", "backwards", "transposed", "broadcast",  "stepped", "overlapping", "constant",
    "rank 0",    "rank 1",    "empty last", "empty only", "one element", "constant of rank 0", "broadcast and backwards",
};

static numc_array *layout(numc_context *context, numc_dtype dtype, int which)
{
    numc_array *base = numc_remainder(numc_arange(context, NUMC_INT64, 1, 25, 1), 11);
    numc_array *x = numc_reshape(numc_astype(base, dtype), NUMC_SHAPE(2, 3, 4));
    numc_array *large = numc_reshape(numc_astype(numc_remainder(numc_arange(context, NUMC_INT64, 0, 240, 1), 13), dtype), NUMC_SHAPE(5, 6, 8));
    switch (which) {
    case 0: return x;
    case 1: return numc_flip(x, (numc_axes){0});
    case 2: return numc_permute_dims(numc_reshape(x, NUMC_SHAPE(4, 3, 2)), NUMC_AXES(2, 1, 0));
    case 3: return numc_broadcast_to(numc_reshape(numc_index(x, NUMC_AT(1), NUMC_ALL, NUMC_AT(2)), NUMC_SHAPE(3, 1)), NUMC_SHAPE(2, 3, 4));
    case 4: return numc_index(large, NUMC_SLICE_STEP(1, 4, 2), NUMC_SLICE_STEP(5, NUMC_END, -2), NUMC_SLICE_STEP(1, 8, 2));
    case 5: return overlapping(context, dtype);
    case 6: return numc_full(context, dtype, NUMC_SHAPE(2, 3, 4), 1);
    case 7: return numc_index(x, NUMC_AT(1), NUMC_AT(2), NUMC_AT(-1));
    case 8: return numc_index(x, NUMC_AT(1), NUMC_SLICE_STEP(NUMC_END, NUMC_END, -1), NUMC_AT(3));
    case 9: return numc_index(x, NUMC_ALL, NUMC_ALL, NUMC_SLICE(2, 2));
    case 10: return numc_index(x, NUMC_AT(0), NUMC_SLICE(1, 1), NUMC_AT(0));
    case 11: return numc_index(x, NUMC_SLICE(1, 2), NUMC_SLICE(2, 3), NUMC_SLICE(3, 4));
    case 12: return numc_full(context, dtype, NUMC_SCALAR, 1);
    default: return numc_flip(numc_broadcast_to(numc_index(x, NUMC_AT(0), NUMC_AT(1)), NUMC_SHAPE(2, 3, 4)), (numc_axes){0});
    }
}

/* ---- one call ---------------------------------------------------------------------------------------------------------- */

static given around(numc_context *context, numc_dtype dtype, const numc_array *x, const numc_array *y)
{
    given g = {.context = context, .dtype = dtype, .x = x, .y = y};
    const int64_t *shape = numc_array_shape(x);
    int32_t rank = numc_array_rank(x);
    int64_t last = rank > 0 ? shape[rank - 1] : 0;
    g.line = numc_astype(numc_arange(context, NUMC_INT64, 0, 4, 1), dtype);
    g.square = numc_reshape(numc_astype(numc_arange(context, NUMC_INT64, 1, 10, 1), dtype), NUMC_SHAPE(3, 3));
    numc_array *count = numc_reshape(numc_arange(context, NUMC_INT64, 0, numc_array_size(x), 1), ((numc_shape){shape, rank, true}));
    g.mask = numc_equal(numc_remainder(count, 2), 0);
    const int64_t ends[3] = {-1, 0, -last};
    g.places = numc_from_host(context, NUMC_INT64, NUMC_SHAPE(last > 0 ? 3 : 0), ends);
    return g;
}

/* Whether a row can be called on an x of this type. */
static bool applies(const function_row *row, const numc_array *x)
{
    int32_t rank = numc_array_rank(x);
    if ((row->flags & (CREATES | LINE | SQUARE)) != 0)
        return false;
    if (((row->flags & AXIS) != 0 && rank < 1) || ((row->flags & MATRICES) != 0 && rank < 2))
        return false;
    if ((row->flags & NONEMPTY) != 0 && numc_array_size(x) == 0)
        return false;
    return true;
}

/* Bits, but for NaN; with a tolerance relative to the value for sums whose order may differ. */
static void assert_same(const numc_array *a, const numc_array *b, double tolerance, const char *what)
{
    assert_true(a != NULL && b != NULL);
    if (numc_array_dtype(a) != numc_array_dtype(b) || numc_array_rank(a) != numc_array_rank(b))
        fail_msg("%s: types differ: %s of rank %d and %s of rank %d", what, numc_dtype_name(numc_array_dtype(a)), numc_array_rank(a),
                 numc_dtype_name(numc_array_dtype(b)), numc_array_rank(b));
    for (int32_t d = 0; d < numc_array_rank(a); d++) {
        if (numc_array_shape(a)[d] != numc_array_shape(b)[d])
            fail_msg("%s: axis %d has size %lld, not %lld", what, d, (long long)numc_array_shape(a)[d], (long long)numc_array_shape(b)[d]);
    }
    if (numc_isdtype(numc_array_dtype(a), NUMC_KIND_COMPLEX)) { /* a part may be small beside the other: both against the modulus */
        numc_array *size = numc_abs(b), *apart = numc_abs(numc_subtract(a, b));
        double *p = values_of(size), *q = values_of(apart);
        for (int64_t i = 0; i < numc_array_size(a); i++) {
            if (!(q[i] <= tolerance * p[i] || q[i] == 0 || isnan(p[i]) || isinf(p[i])))
                fail_msg("%s: element %lld is %.17g away from one of size %.17g", what, (long long)i, q[i], p[i]);
        }
        free(p);
        free(q);
        return;
    }
    double *p = values_of(a), *q = values_of(b);
    for (int64_t i = 0; i < numc_array_size(a); i++) {
        if (!(p[i] == q[i] || (isnan(p[i]) && isnan(q[i])) || fabs(p[i] - q[i]) <= tolerance * fabs(q[i])))
            fail_msg("%s: element %lld is %.17g, not %.17g", what, (long long)i, p[i], q[i]);
    }
    free(p);
    free(q);
}

static void traced_call(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                        int32_t output_count, void *user)
{
    (void)input_count;
    (void)output_count;
    const void *const *both = user;
    const function_row *row = both[0];
    given g = *(const given *)both[1];
    g.context = context;
    g.x = inputs[0];
    g.y = inputs[1];
    outputs[0] = row->call(&g);
}

static double eps_of(numc_dtype dtype)
{
    return dtype == NUMC_FLOAT32 || dtype == NUMC_COMPLEX64 ? ldexp(1, -23) : ldexp(1, -52);
}

static bool is_group(const function_row *row, const char *name)
{
    return strcmp(row->group, name) == 0;
}

static void one_call(numc_context *context, const function_row *row, const given *view, const given *copy, bool kernels, const char *what)
{
    numc_statistics before, between, after;
    numc_statistics_get(context, &before);
    numc_array *a = row->call(view);
    numc_statistics_get(context, &between);
    numc_status status = numc_error_status(context);
    numc_error_clear(context);
    numc_array *b = row->call(copy);
    numc_statistics_get(context, &after);
    if (numc_error_status(context) != status)
        fail_msg("%s: status %d, of the copy %d (%s)", what, status, numc_error_status(context), numc_error_message(context));
    if (status != NUMC_OK) {
        if (status != NUMC_DTYPE)
            fail_msg("%s: %s", what, numc_error_message(context));
        numc_error_clear(context);
        return;
    }
    /* products by BLAS: three or four terms of one sign, each sum within 4 eps of the true one */
    double tolerance = (row->flags & APART) != 0 ? 8 * eps_of(numc_array_dtype(b)) : 0;
    assert_same(a, b, tolerance, what);
    uint64_t first = between.kernels_run - before.kernels_run, second = after.kernels_run - between.kernels_run;
    if (kernels && numc_array_size(copy->x) > 1 && first > second) /* one number of the host is a constant: no kernel */
        fail_msg("%s: %llu kernels over the view, %llu over its copy", what, (unsigned long long)first, (unsigned long long)second);
    if (kernels && between.bytes_downloaded != before.bytes_downloaded)
        fail_msg("%s: the view was read back", what);
    if ((row->flags & VALUES) != 0)
        return;
    /* traced and compiled: the same primitives in the same order, sums of squares and the like possibly fused; 16 roundings */
    const numc_array *inputs[2] = {view->x, view->y};
    const void *both[2] = {row, view};
    numc_function *f = numc_function_trace(context, traced_call, both, inputs, 2, 1);
    numc_array *t = NULL;
    if (f == NULL || numc_function_call(context, f, inputs, 2, &t, 1) != NUMC_OK)
        fail_msg("%s, traced: %s", what, numc_error_message(context));
    char traced[160];
    snprintf(traced, sizeof traced, "%s, traced", what);
    assert_same(t, a, numc_isdtype(numc_array_dtype(a), NUMC_KIND_REAL | NUMC_KIND_COMPLEX) ? 16 * eps_of(numc_array_dtype(a)) : 0, traced);
    numc_function_free(f);
}

/* Where one case in 7 is looked at, one in 49 of these: every function with two to four of its pairs of dtype and layout. */
static bool is_left_out(size_t dtype, size_t layout, size_t function)
{
    return left_out((long)(dtype + layout + function)) || left_out((long)(dtype + 2 * layout));
}

static void views_are_their_copies(void **state)
{
    numc_context *context = *state;
    for (size_t t = 0; t < DTYPE_COUNT; t++) {
        for (int k = 0; k < LAYOUTS; k++) {
            for (size_t i = 0; i < FUNCTION_ROW_COUNT; i++) {
                const function_row *row = &function_rows[i];
                if (is_left_out(t, (size_t)k, i))
                    continue;
                numc_scope(context) {
                    numc_array *x = layout(context, dtypes[t], k), *w = copied(x);
                    assert_ok(context);
                    if (applies(row, x)) {
                        given view = around(context, dtypes[t], x, x), copy = view;
                        copy.x = copy.y = w;
                        assert_ok(context);
                        char what[128];
                        snprintf(what, sizeof what, "%s, %s, %s", row->name, numc_dtype_name(dtypes[t]), layout_names[k]);
                        one_call(context, row, &view, &copy, is_group(row, "elementwise"), what);
                    }
                }
            }
        }
    }
}

/* A symmetric positive definite (3, 3) in five ways to lie in memory. */
static numc_array *square_layout(numc_context *context, numc_dtype dtype, int which)
{
    static const int64_t values[9] = {6, 1, 2, 1, 5, 0, 2, 0, 4};
    numc_array *x = numc_astype(numc_from_host(context, NUMC_INT64, NUMC_SHAPE(3, 3), values), dtype);
    numc_array *room = numc_zeros(context, dtype, NUMC_SHAPE(7, 8));
    switch (which) {
    case 0: return numc_matrix_transpose(x);
    case 1: return numc_flip(x, (numc_axes){0});
    case 2: return numc_index(numc_index_update(room, x, NUMC_SLICE_STEP(1, 7, 2), NUMC_SLICE_STEP(0, 6, 2)), NUMC_SLICE_STEP(1, 7, 2), NUMC_SLICE_STEP(0, 6, 2));
    case 3: return numc_index(numc_index_update(room, x, NUMC_SLICE(2, 5), NUMC_SLICE(3, 6)), NUMC_SLICE(2, 5), NUMC_SLICE(3, 6));
    default: return numc_broadcast_to(numc_multiply(numc_astype(numc_eye(context, NUMC_INT64, 3, 3, 0), dtype), numc_number(context, dtype, 2)), NUMC_SHAPE(2, 3, 3));
    }
}

/* Linear algebra over strided and repeated matrices: the same as over their copies. Where a library is called with strides it may
 * group its sums otherwise: entries up to 10, a dozen operations each, differ by at most 1000 eps of the largest. */
static void matrices_as_views(void **state)
{
    numc_context *context = *state;
    for (size_t t = 0; t < DTYPE_COUNT; t++) {
        for (int k = 0; k < 5; k++) {
            for (size_t i = 0; i < FUNCTION_ROW_COUNT; i++) {
                const function_row *row = &function_rows[i];
                if ((row->flags & SQUARE) == 0 || dtypes[t] == NUMC_BOOL || is_left_out(t, (size_t)k, i)) /* of bools it is singular */
                    continue;
                numc_scope(context) {
                    given view = {.context = context, .dtype = dtypes[t], .square = square_layout(context, dtypes[t], k)};
                    given copy = view;
                    copy.square = copied(view.square);
                    assert_ok(context);
                    numc_array *a = row->call(&view);
                    numc_status status = numc_error_status(context);
                    numc_error_clear(context);
                    numc_array *b = row->call(&copy);
                    char what[128];
                    snprintf(what, sizeof what, "%s, %s, matrices %d", row->name, numc_dtype_name(dtypes[t]), k);
                    if (numc_error_status(context) != status || (status != NUMC_OK && status != NUMC_DTYPE && status != NUMC_SHAPE))
                        fail_msg("%s: status %d and %d: %s", what, status, numc_error_status(context), numc_error_message(context));
                    numc_error_clear(context);
                    if (status == NUMC_OK && numc_isdtype(numc_array_dtype(a), NUMC_KINDS_INTEGRAL)) {
                        assert_same(a, b, 0, what);
                    } else if (status == NUMC_OK) {
                        assert_int_equal(numc_array_dtype(a), numc_array_dtype(b));
                        double apart = numc_item(numc_max(numc_abs(numc_subtract(a, b)))), size = numc_item(numc_max(numc_abs(b)));
                        assert_ok(context);
                        if (!(apart <= 1000 * eps_of(numc_array_dtype(b)) * size))
                            fail_msg("%s: %.17g apart, the largest is %.17g", what, apart, size);
                    }
                }
            }
        }
    }
}

/* A reduction of a strided view reads it where it lies: one kernel along axes that lie side by side, else a second one over
 * what the first leaves; the memory in use does not grow by a copy. (Sums and products of floats along axes that do not lie
 * side by side are laid so first: two kernels as well.) */
static void reductions_read_views(void **state)
{
    numc_context *context = *state;
    static const int64_t lists[][3] = {{0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}, {0, 1, 2}};
    static const int32_t counts[] = {1, 1, 1, 2, 2, 2, 3};
    for (int k = 0; k < LAYOUTS; k++) {
        numc_array *x = layout(context, NUMC_FLOAT64, k), *w = copied(x);
        for (int i = 0; i < 7 && numc_array_rank(x) == 3 && numc_array_size(x) > 0; i++) {
            const numc_axes axes = {lists[i], counts[i], true};
            numc_statistics before, after;
            numc_statistics_get(context, &before);
            numc_array *a = numc_sum(x, axes);
            numc_statistics_get(context, &after);
            assert_ok(context);
            uint64_t kernels = after.kernels_run - before.kernels_run;
            bool simple = counts[i] == 1 || (k < 2 && counts[i] == 3);
            if (kernels > (simple ? 1 : 2))
                fail_msg("%s, axes %d: %llu kernels", layout_names[k], i, (unsigned long long)kernels);
            assert_true(after.bytes_downloaded == before.bytes_downloaded && after.bytes_uploaded == before.bytes_uploaded);
            assert_same(a, numc_sum(w, axes), 0, layout_names[k]); /* small whole numbers: exact */
            assert_same(numc_max(numc_negative(x), axes), numc_max(numc_negative(w), axes), 0, layout_names[k]);
            assert_same(numc_prod(numc_astype(x, NUMC_INT32), axes), numc_prod(numc_astype(w, NUMC_INT32), axes), 0, layout_names[k]);
            assert_same(numc_all(numc_greater(x, 1), axes), numc_all(numc_greater(w, 1), axes), 0, layout_names[k]);
        }
    }
    /* 32 MiB backwards and transposed: no second buffer of that size is ever made */
    numc_array *large = numc_flip(numc_matrix_transpose(numc_reshape(numc_add(numc_arange(context, NUMC_FLOAT32, 0, 1 << 23, 1), 0), NUMC_SHAPE(1 << 11, 1 << 12))), NUMC_AXES(0));
    numc_statistics before, after;
    numc_statistics_get(context, &before);
    assert_values(numc_max(large), (1 << 23) - 1);
    assert_values(numc_max(numc_index(large, NUMC_SLICE(1, NUMC_END), NUMC_SLICE_STEP(NUMC_END, NUMC_END, -2))), (1 << 23) - 2);
    numc_statistics_get(context, &after);
    assert_true(after.bytes_live < before.bytes_live + (1 << 20));
}

/* The same elements in rank 32, axes of size 1 between those of x: what a function gives there is what it gives in rank 3. */
static const int64_t wide_axes[3] = {0, 13, 31};

static numc_array *widened(const numc_array *x)
{
    int64_t shape[32];
    for (int d = 0; d < 32; d++)
        shape[d] = 1;
    for (int d = 0; d < 3; d++)
        shape[wide_axes[d]] = numc_array_shape(x)[d];
    return numc_reshape(x, (numc_shape){shape, 32, true});
}

static void assert_wide(const numc_array *wide, const numc_array *narrow, const char *what)
{
    if (wide == NULL || narrow == NULL)
        fail_msg("%s: no array", what);
    assert_same(numc_reshape(wide, ((numc_shape){numc_array_shape(narrow), numc_array_rank(narrow), true})), narrow, 0, what);
}

#define WIDE(rank_, wide_, narrow_)                                                                \
    do {                                                                                           \
        numc_array *result_ = wide_;                                                               \
        assert_ok(context);                                                                        \
        assert_int_equal(numc_array_rank(result_), rank_);                                         \
        assert_wide(result_, narrow_, #wide_);                                                     \
    } while (0)

static void rank_thirty_two(void **state)
{
    numc_context *context = *state;
    for (int k = 0; k < 6; k++) {
        numc_array *x = layout(context, NUMC_INT32, k), *w = widened(x);
        const int64_t *shape = numc_array_shape(w);
        int64_t order[32];
        for (int d = 0; d < 32; d++)
            order[d] = 31 - d;
        WIDE(32, numc_flip(w, (numc_axes){0}), numc_flip(x, (numc_axes){0}));
        WIDE(32, numc_flip(w, NUMC_AXES(13, -1)), numc_flip(x, NUMC_AXES(1, 2)));
        WIDE(32, numc_permute_dims(w, ((numc_axes){order, 32, true})), numc_permute_dims(x, NUMC_AXES(2, 1, 0)));
        WIDE(32, numc_matrix_transpose(w), numc_reshape(x, NUMC_SHAPE(2, 3, 4)));
        WIDE(32, numc_moveaxis(w, 0, 31), numc_permute_dims(x, NUMC_AXES(1, 2, 0)));
        WIDE(32, numc_moveaxis(w, NUMC_AXES(31, 0), NUMC_AXES(0, 1)), numc_permute_dims(x, NUMC_AXES(2, 0, 1)));
        WIDE(32, numc_roll(w, 2, 31), numc_roll(x, 2, 2));
        WIDE(32, numc_roll(w, NUMC_SHAPE(1, -1), NUMC_AXES(0, 13)), numc_roll(x, NUMC_SHAPE(1, -1), NUMC_AXES(0, 1)));
        WIDE(32, numc_roll(w, 5, NUMC_FLATTEN), numc_roll(x, 5, NUMC_FLATTEN));
        WIDE(32, numc_concat((const numc_array *[]){w, w}, 2, 13), numc_concat((const numc_array *[]){x, x}, 2, 1));
        WIDE(1, numc_concat((const numc_array *[]){w, w}, 2, NUMC_FLATTEN), numc_concat((const numc_array *[]){x, x}, 2, NUMC_FLATTEN));
        numc_array *w31 = numc_squeeze(w, NUMC_AXES(5));
        WIDE(31, w31, x);
        WIDE(32, numc_stack((const numc_array *[]){w31, w31}, 2, 0), numc_stack((const numc_array *[]){x, x}, 2, 0));
        WIDE(32, numc_stack((const numc_array *[]){w31, w31}, 2, -1), numc_stack((const numc_array *[]){x, x}, 2, -1));
        WIDE(32, numc_expand_dims(w31, NUMC_AXES(31)), x);
        WIDE(31, numc_index(w, NUMC_AT(1)), numc_index(x, NUMC_AT(1)));
        WIDE(32, numc_index(w, NUMC_ELLIPSIS, NUMC_SLICE_STEP(NUMC_END, NUMC_END, -2)), numc_index(x, NUMC_ELLIPSIS, NUMC_SLICE_STEP(NUMC_END, NUMC_END, -2)));
        WIDE(32, numc_index(w31, NUMC_NEW, NUMC_ELLIPSIS, NUMC_AT(2), NUMC_NEW), numc_index(x, NUMC_ELLIPSIS, NUMC_AT(2)));
        WIDE(32, numc_repeat(w, 2, NUMC_AXIS(13)), numc_repeat(x, 2, NUMC_AXIS(1)));
        const int64_t each[4] = {1, 0, 2, 1};
        numc_array *repeats = numc_from_host(context, NUMC_INT64, NUMC_SHAPE(4), each);
        WIDE(32, numc_repeat(w, repeats, NUMC_AXIS(31)), numc_repeat(x, repeats, NUMC_AXIS(2)));
        int64_t times[32];
        for (int d = 0; d < 32; d++)
            times[d] = d == 0 || d == 31 ? 2 : 1;
        WIDE(32, numc_tile(w, ((numc_shape){times, 32, true})), numc_tile(x, NUMC_SHAPE(2, 1, 2)));
        WIDE(32, numc_broadcast_to(numc_index(w, NUMC_SLICE(0, 1)), ((numc_shape){shape, 32, true})),
             numc_broadcast_to(numc_index(x, NUMC_SLICE(0, 1)), NUMC_SHAPE(2, 3, 4)));
        WIDE(32, numc_take(w, repeats, NUMC_AXIS(31)), numc_take(x, repeats, NUMC_AXIS(2)));
        numc_array *along = numc_argsort(w), *across = numc_argsort(x);
        WIDE(32, along, across);
        WIDE(32, numc_take_along_axis(w, along, -1), numc_sort(x));
        WIDE(32, numc_sort(w, NUMC_AXIS(13), .descending = true), numc_sort(x, NUMC_AXIS(1), .descending = true));
        WIDE(32, numc_cumulative_sum(w, NUMC_AXIS(0), .include_initial = true), numc_cumulative_sum(x, NUMC_AXIS(0), .include_initial = true));
        WIDE(32, numc_sum(w, NUMC_AXES(0, 31), .keepdims = true), numc_sum(x, NUMC_AXES(0, 2)));
        WIDE(31, numc_max(w, NUMC_AXES(13)), numc_max(x, NUMC_AXES(1)));
        WIDE(31, numc_argmin(w, NUMC_AXIS(31)), numc_argmin(x, NUMC_AXIS(2)));
        WIDE(0, numc_mean(w), numc_mean(x));
        WIDE(32, numc_var(w, NUMC_AXES(31), .keepdims = true), numc_var(x, NUMC_AXES(2)));
        WIDE(32, numc_diff(w), numc_diff(x));
        WIDE(32, numc_add(w, numc_flip(w, NUMC_AXES(0))), numc_add(x, numc_flip(x, NUMC_AXES(0))));
        WIDE(32, numc_where(numc_greater(w, 3), w, 0), numc_where(numc_greater(x, 3), x, 0));
        WIDE(32, numc_tril(w, 0), numc_where(numc_equal(numc_arange(context, NUMC_INT32, 0, 4, 1), 0), x, 0));
        WIDE(1, numc_index(w, NUMC_PICK(numc_greater(w, 3))), numc_index(x, NUMC_PICK(numc_greater(x, 3))));
        WIDE(32, numc_index_update(w, 7, NUMC_AT(0)), numc_index_update(x, 7, NUMC_AT(0)));
        WIDE(1, numc_unique_values(w), numc_unique_values(x));
        WIDE(32, numc_isin(w, numc_index(x, NUMC_AT(0), NUMC_AT(0))), numc_isin(x, numc_index(x, NUMC_AT(0), NUMC_AT(0))));
        WIDE(32, numc_searchsorted(numc_arange(context, NUMC_INT32, 0, 9, 1), w), numc_searchsorted(numc_arange(context, NUMC_INT32, 0, 9, 1), x));
        numc_array *at[32], *parts[4], *both[2];
        assert_int_equal(numc_nonzero(w, at, 32), NUMC_OK);
        for (int d = 0; d < 3; d++) {
            numc_array *narrow[3];
            assert_int_equal(numc_nonzero(x, narrow, 3), NUMC_OK);
            assert_same(at[wide_axes[d]], narrow[d], 0, "nonzero");
        }
        assert_int_equal(numc_unstack(w, 31, parts, 4), NUMC_OK);
        assert_wide(parts[2], numc_index(x, NUMC_ELLIPSIS, NUMC_AT(2)), "unstack");
        assert_int_equal(numc_broadcast_arrays((const numc_array *[]){w, repeats}, 2, both), NUMC_OK);
        assert_int_equal(numc_array_rank(both[1]), 32);
        assert_wide(both[0], x, "broadcast_arrays");
        numc_array *grid[32];
        const numc_array *lines[32];
        for (int d = 0; d < 32; d++)
            lines[d] = d < 2 ? numc_arange(context, NUMC_INT32, 0, 2 + d, 1) : numc_ones(context, NUMC_INT32, NUMC_SHAPE(1));
        assert_int_equal(numc_meshgrid(lines, 32, grid), NUMC_OK);
        assert_int_equal(numc_array_rank(grid[31]), 32);
        assert_wide(grid[0], numc_broadcast_to(lines[0], NUMC_SHAPE(3, 2)), "meshgrid");
        assert_ok(context);
        assert_null(numc_expand_dims(w, NUMC_AXES(0)));
        assert_error(context, NUMC_SHAPE, "rank 33");
        assert_null(numc_stack((const numc_array *[]){w, w}, 2, 0));
        assert_error(context, NUMC_SHAPE, "rank 33");
        assert_null(numc_index(w, NUMC_NEW));
        assert_error(context, NUMC_SHAPE, "rank 33");
        numc_array *square = numc_zeros(context, NUMC_INT64, NUMC_SHAPE(1, 1));
        assert_null(numc_take(w, square, NUMC_AXIS(0)));
        assert_error(context, NUMC_SHAPE, "rank 33");
        assert_null(numc_index(w, NUMC_PICK(square)));
        assert_error(context, NUMC_SHAPE, "rank 33");
        assert_null(numc_index(w, NUMC_PICK(numc_number(context, NUMC_BOOL, (bool)1))));
        assert_error(context, NUMC_SHAPE, "rank 33");
    }
}

/* What has no elements still has a shape; sums and products have their values of nothing. */
static void empty_axes(void **state)
{
    numc_context *context = *state;
    numc_array *x = numc_zeros(context, NUMC_FLOAT32, NUMC_SHAPE(2, 0, 3));
    assert_values(numc_sum(x), 0);
    assert_values(numc_prod(x), 1);
    assert_values(numc_all(x), 1);
    assert_values(numc_any(x), 0);
    assert_values(numc_mean(x), NAN);
    assert_values(numc_var(x), NAN);
    assert_values(numc_std(x, .correction = -1), 0);
    assert_values(numc_sum(x, NUMC_AXES(0, 1)), 0, 0, 0);
    assert_values(numc_prod(x, NUMC_AXES(1), .keepdims = true), 1, 1, 1, 1, 1, 1);
    assert_shape(numc_max(x, NUMC_AXES(0)), 2, (const int64_t[]){0, 3});
    assert_shape(numc_argmax(x, NUMC_AXIS(2)), 2, (const int64_t[]){2, 0});
    assert_shape(numc_cumulative_sum(x, NUMC_AXIS(1), .include_initial = true), 3, (const int64_t[]){2, 1, 3});
    assert_shape(numc_sort(x, NUMC_AXIS(1)), 3, (const int64_t[]){2, 0, 3});
    assert_shape(numc_diff(x, NUMC_AXIS(1)), 3, (const int64_t[]){2, 0, 3});
    assert_shape(numc_take(x, numc_zeros(context, NUMC_INT64, NUMC_SHAPE(0)), NUMC_AXIS(1)), 3, (const int64_t[]){2, 0, 3});
    assert_shape(numc_index(x, NUMC_AT(1), NUMC_NEW), 3, (const int64_t[]){1, 0, 3});
    assert_shape(numc_reshape(x, NUMC_SHAPE(0, 7)), 2, (const int64_t[]){0, 7});
    assert_shape(numc_tile(x, NUMC_SHAPE(2, 1, 0)), 3, (const int64_t[]){4, 0, 0});
    assert_shape(numc_repeat(x, 2, NUMC_NO_AXIS), 1, (const int64_t[]){0});
    assert_shape(numc_searchsorted(numc_zeros(context, NUMC_FLOAT32, NUMC_SHAPE(0)), numc_ones(context, NUMC_FLOAT32, NUMC_SHAPE(2))), 1, (const int64_t[]){2});
    assert_values(numc_searchsorted(numc_zeros(context, NUMC_FLOAT32, NUMC_SHAPE(0)), 1.5), 0);
    assert_values(numc_isin(numc_ones(context, NUMC_INT8, NUMC_SHAPE(2)), numc_zeros(context, NUMC_INT8, NUMC_SHAPE(0))), 0, 0);
    numc_unique u = numc_unique_all(x);
    assert_shape(u.values, 1, (const int64_t[]){0});
    assert_shape(u.inverse_indices, 3, (const int64_t[]){2, 0, 3});
    assert_ok(context);
    assert_null(numc_max(x));
    assert_error(context, NUMC_VALUE, "is empty");
    assert_null(numc_argmin(x, NUMC_AXIS(1)));
    assert_error(context, NUMC_VALUE, "is empty");
    assert_null(numc_take(x, numc_zeros(context, NUMC_INT64, NUMC_SHAPE(1)), NUMC_AXIS(1)));
    assert_error(context, NUMC_INDEX, "out of bounds");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(views_are_their_copies),
        TEST(matrices_as_views),
        TEST(reductions_read_views),
        TEST(rank_thirty_two),
        TEST(empty_axes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
