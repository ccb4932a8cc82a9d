/* test_dlpack.c - arrays as DLPack tensors and back: round trips, strides, who frees what and when, refusals, failing
 * allocations, threads. */
#include <pthread.h>
#include <stdatomic.h>

#include "fixture.h"

#include "../base/device.h"
#include "../base/failing.h"
#include "../base/need.h"
#include "numc/dlpack.h"
#include "numc/function.h"

/* ---- a producer: counts its deleter's calls --------------------------------------------------------------------------- */

typedef struct producer {
    DLManagedTensorVersioned tensor;
    DLManagedTensor legacy;
    int64_t shape[33], strides[33];
    _Atomic int deleted;
} producer;

static void count_versioned(DLManagedTensorVersioned *self)
{
    atomic_fetch_add(&((producer *)self->manager_ctx)->deleted, 1);
}

static void count_legacy(DLManagedTensor *self)
{
    atomic_fetch_add(&((producer *)self->manager_ctx)->deleted, 1);
}

/* A row-major 2 by 3 float64 tensor over data[6]. */
static void produce(producer *p, double *data)
{
    memset(p, 0, sizeof *p);
    p->shape[0] = 2;
    p->shape[1] = 3;
    p->strides[0] = 3;
    p->strides[1] = 1;
    p->tensor.version.major = 1;
    p->tensor.version.minor = 1;
    p->tensor.manager_ctx = p;
    p->tensor.deleter = count_versioned;
    DLTensor *t = &p->tensor.dl_tensor;
    t->data = data;
    t->device.device_type = kDLCPU;
    t->ndim = 2;
    t->dtype = (DLDataType){kDLFloat, 64, 1};
    t->shape = p->shape;
    t->strides = p->strides;
}

static DLManagedTensor *as_legacy(producer *p)
{
    p->legacy = (DLManagedTensor){p->tensor.dl_tensor, p, count_legacy};
    return &p->legacy;
}

/* The ways to copy, but NEVER where memory cannot be shared (memory_of_a_device_is_copied). */
static int last_copy(numc_context *context)
{
    return is_apart(context) ? NUMC_DLPACK_COPY_ALWAYS : NUMC_DLPACK_COPY_NEVER;
}

static void need_shared(numc_context *context)
{
    if (is_apart(context))
        SKIP("the device's memory is not the host's: nothing is shared");
}

/* ---- export ------------------------------------------------------------------------------------------------------ */

static void every_dtype_goes_out_and_back(void **state)
{
    static const DLDataType types[NUMC_DTYPE_COUNT] = {
        [NUMC_BOOL] = {6, 8, 1},    [NUMC_INT8] = {0, 8, 1},    [NUMC_INT16] = {0, 16, 1},   [NUMC_INT32] = {0, 32, 1},
        [NUMC_INT64] = {0, 64, 1},  [NUMC_UINT8] = {1, 8, 1},   [NUMC_UINT16] = {1, 16, 1},  [NUMC_UINT32] = {1, 32, 1},
        [NUMC_UINT64] = {1, 64, 1}, [NUMC_FLOAT32] = {2, 32, 1}, [NUMC_FLOAT64] = {2, 64, 1},
    };
    numc_context *context = *state;
    for (int d = NUMC_BOOL; d <= NUMC_FLOAT64; d++) {
        double expected[6];
        for (int i = 0; i < 6; i++)
            expected[i] = d == NUMC_BOOL ? i % 2 : i;
        numc_array *numbers = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3), expected);
        numc_array *x = numc_astype(numbers, (numc_dtype)d);
        for (int copy = NUMC_DLPACK_COPY_AUTOMATIC; copy <= last_copy(context); copy++) {
            numc_dlpack_options options = {.size = sizeof options, .copy = (numc_dlpack_copy)copy};
            DLManagedTensorVersioned *tensor;
            assert_int_equal(numc_to_dlpack(x, &options, &tensor), NUMC_OK);
            bool copied = copy == NUMC_DLPACK_COPY_ALWAYS || is_apart(context);
            assert_int_equal(tensor->version.major, 1);
            assert_int_equal(tensor->flags, copied ? DLPACK_FLAG_BITMASK_IS_COPIED : DLPACK_FLAG_BITMASK_READ_ONLY);
            assert_memory_equal(&tensor->dl_tensor.dtype, &types[d], sizeof types[d]);
            assert_int_equal(tensor->dl_tensor.ndim, 2);
            assert_int_equal(tensor->dl_tensor.strides[0], 3);
            assert_int_equal(tensor->dl_tensor.strides[1], 1);
            assert_int_equal(tensor->dl_tensor.device.device_type, kDLCPU);
            if (copied)
                assert_int_equal((uintptr_t)tensor->dl_tensor.data % 64, 0);
            numc_array *y = numc_from_dlpack(context, tensor, .copy = (numc_dlpack_copy)copy);
            assert_ok(context);
            assert_int_equal(numc_array_dtype(y), d);
            assert_shape(y, 2, (const int64_t[]){2, 3});
            assert_values_within(y, expected, 6, 0, numc_dtype_name((numc_dtype)d));

            DLManagedTensor *legacy;
            assert_int_equal(numc_to_dlpack_legacy(x, &options, &legacy), NUMC_OK);
            y = numc_from_dlpack_legacy(context, legacy, .copy = (numc_dlpack_copy)copy);
            assert_ok(context);
            assert_values_within(y, expected, 6, 0, numc_dtype_name((numc_dtype)d));
        }
    }
}

static void views_keep_their_strides(void **state)
{
    numc_context *context = *state;
    need_shared(context);
    numc_array *x = counting(context, NUMC_FLOAT64, NUMC_SHAPE(3, 4));
    DLManagedTensorVersioned *whole, *part;
    assert_int_equal(numc_to_dlpack(x, NULL, &whole), NUMC_OK);
    const double *base = whole->dl_tensor.data;

    /* x[::-1, 1::2]^T: element (i, j) is x[2 - j, 1 + 2 i] */
    numc_array *view = numc_matrix_transpose(numc_flip(numc_index(x, NUMC_ALL, NUMC_SLICE_STEP(1, NUMC_END, 2)), NUMC_AXES(0)));
    assert_int_equal(numc_to_dlpack(view, NULL, &part), NUMC_OK);
    const DLTensor *t = &part->dl_tensor;
    assert_int_equal(t->shape[0], 2);
    assert_int_equal(t->shape[1], 3);
    assert_int_equal(t->strides[0], 2);
    assert_int_equal(t->strides[1], -4);
    const double *first = (const double *)((const char *)t->data + t->byte_offset);
    assert_ptr_equal(first, base + 9); /* the same memory */
    numc_array *back = numc_from_dlpack(context, part, .copy = NUMC_DLPACK_COPY_NEVER);
    assert_values(back, 9, 5, 1, 11, 7, 3);
    numc_array *sums = numc_sum(back, NUMC_AXES(0)); /* a kernel over the strides */
    assert_values(sums, 20, 12, 4);

    assert_int_equal(numc_to_dlpack(view, NULL, &part), NUMC_OK);
    back = numc_from_dlpack(context, part, .copy = NUMC_DLPACK_COPY_ALWAYS);
    assert_values(back, 9, 5, 1, 11, 7, 3);

    numc_array *repeated = numc_broadcast_to(numc_index(x, NUMC_AT(1)), NUMC_SHAPE(2, 4));
    assert_int_equal(numc_to_dlpack(repeated, NULL, &part), NUMC_OK);
    assert_int_equal(part->dl_tensor.strides[0], 0);
    back = numc_from_dlpack(context, part);
    assert_values(back, 4, 5, 6, 7, 4, 5, 6, 7);
    numc_array *old = back;
    assert_int_equal(numc_index_assign(&back, -1, NUMC_AT(0), NUMC_AT(0)), NUMC_OK);
    assert_values(back, -1, 5, 6, 7, 4, 5, 6, 7);
    assert_values(old, 4, 5, 6, 7, 4, 5, 6, 7);
    whole->deleter(whole);
    assert_ok(context);
}

static void constants_and_empty_arrays(void **state)
{
    numc_context *context = *state;
    numc_dlpack_options never = {.size = sizeof never, .copy = NUMC_DLPACK_COPY_NEVER};
    DLManagedTensorVersioned *tensor = (void *)1;
    numc_array *constant = numc_full(context, NUMC_INT16, NUMC_SHAPE(2, 2), 7);
    /* there is no memory to copy: the tensor's is the first */
    assert_int_equal(numc_to_dlpack(constant, &never, &tensor), NUMC_OK);
    assert_int_equal(tensor->flags, DLPACK_FLAG_BITMASK_READ_ONLY);
    for (int i = 0; i < 4; i++)
        assert_int_equal(((int16_t *)tensor->dl_tensor.data)[i], 7);
    tensor->deleter(tensor);
    assert_int_equal(numc_to_dlpack(constant, NULL, &tensor), NUMC_OK);
    assert_int_equal(tensor->flags, DLPACK_FLAG_BITMASK_IS_COPIED);
    for (int i = 0; i < 4; i++)
        assert_int_equal(((int16_t *)tensor->dl_tensor.data)[i], 7);
    tensor->deleter(tensor);

    /* rank 0 has pointers to read nothing from */
    assert_int_equal(numc_to_dlpack(numc_full(context, NUMC_FLOAT64, NUMC_SCALAR, 2.5), NULL, &tensor), NUMC_OK);
    assert_int_equal(tensor->dl_tensor.ndim, 0);
    assert_non_null(tensor->dl_tensor.shape);
    assert_non_null(tensor->dl_tensor.strides);
    numc_array *back = numc_from_dlpack(context, tensor);
    assert_int_equal(numc_array_rank(back), 0);
    assert_true(numc_item(back) == 2.5);

    numc_array *empty = numc_zeros(context, NUMC_FLOAT32, NUMC_SHAPE(3, 0, 5));
    assert_int_equal(numc_to_dlpack(empty, &never, &tensor), NUMC_OK);
    assert_null(tensor->dl_tensor.data);
    assert_int_equal(tensor->dl_tensor.shape[2], 5);
    back = numc_from_dlpack(context, tensor, .copy = NUMC_DLPACK_COPY_NEVER);
    assert_shape(back, 3, (const int64_t[]){3, 0, 5});
    assert_int_equal(numc_array_dtype(back), NUMC_FLOAT32);
    assert_ok(context);
}

static numc_status traced_status;
static void export_inside(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                          int32_t output_count, void *user)
{
    (void)input_count;
    (void)output_count;
    (void)user;
    DLManagedTensorVersioned *tensor;
    traced_status = numc_to_dlpack(inputs[0], NULL, &tensor);
    assert_null(tensor);
    numc_error_clear(context);
    outputs[0] = numc_add(inputs[0], 1);
}

static void export_is_refused(void **state)
{
    numc_context *context = *state;
    DLManagedTensorVersioned *tensor = (void *)1;
    DLManagedTensor *legacy = (void *)1;
    assert_int_equal(numc_to_dlpack(NULL, NULL, &tensor), NUMC_INVALID_ARGUMENT);
    assert_null(tensor);
    assert_int_equal(numc_to_dlpack_legacy(NULL, NULL, &legacy), NUMC_INVALID_ARGUMENT);
    assert_null(legacy);
    numc_array *x = counting(context, NUMC_FLOAT64, NUMC_SHAPE(3)), *dead = NULL;
    assert_int_equal(numc_to_dlpack(x, NULL, NULL), NUMC_INVALID_ARGUMENT);
    assert_error(context, NUMC_INVALID_ARGUMENT, "out is NULL");
    numc_dlpack_options options = {.size = sizeof options, .copy = (numc_dlpack_copy)3};
    assert_int_equal(numc_to_dlpack(x, &options, &tensor), NUMC_INVALID_ARGUMENT);
    assert_error(context, NUMC_INVALID_ARGUMENT, "not a way to copy");
    numc_scope(context) dead = numc_add(x, 1);
    assert_int_equal(numc_to_dlpack(dead, NULL, &tensor), NUMC_DEAD_ARRAY);
    assert_error(context, NUMC_DEAD_ARRAY, "died with its scope");
    traced_status = NUMC_OK;
    const numc_array *inputs[1] = {x};
    numc_function_free(numc_function_trace(context, export_inside, NULL, inputs, 1, 1));
    numc_error_clear(context);
    assert_int_equal(traced_status, NUMC_TRACE);
}

/* ---- lifetime of exports ----------------------------------------------------------------------------------------------- */

static void *delete_elsewhere(void *tensor)
{
    DLManagedTensorVersioned *t = tensor;
    t->deleter(t);
    return NULL;
}

static void exports_outlive_scope_lane_and_context(void **state)
{
    (void)state;
    for (int copy = NUMC_DLPACK_COPY_AUTOMATIC; copy <= NUMC_DLPACK_COPY_ALWAYS; copy++) {
        failing f = failing_at(-1);
        numc_options options = {.backend = test_backend(), .allocate = failing_allocate, .allocate_user = &f, .threads = 2};
        numc_context *context = numc_open(&options), *lane = numc_lane(context);
        assert_ok(context);
        numc_dlpack_options ways = {.size = sizeof ways, .copy = (numc_dlpack_copy)copy};
        DLManagedTensorVersioned *tensors[2];
        numc_context *lanes[2] = {context, lane};
        for (int k = 0; k < 2; k++) {
            numc_scope(lanes[k])
            {
                numc_array *x = counting(lanes[k], NUMC_FLOAT64, NUMC_SHAPE(100));
                assert_int_equal(numc_to_dlpack(x, &ways, &tensors[k]), NUMC_OK);
            }
            for (int i = 0; i < 50; i++) /* would get the memory, were it free */
                numc_scope(lanes[k]) assert_non_null(numc_add(counting(lanes[k], NUMC_FLOAT64, NUMC_SHAPE(100)), 1000));
        }
        /* an array made of an export and never released: it ends with the context, not the context with it */
        DLManagedTensorVersioned *loop;
        assert_int_equal(numc_to_dlpack(counting(context, NUMC_FLOAT64, NUMC_SHAPE(9)), &ways, &loop), NUMC_OK);
        assert_non_null(numc_keep(numc_from_dlpack(context, loop)));
        numc_close(lane);
        numc_close(context);
        assert_true(f.blocks > 0);
        for (int k = 0; k < 2; k++) {
            for (int i = 0; i < 100; i++)
                assert_true(((const double *)tensors[k]->dl_tensor.data)[i] == i);
        }
        pthread_t threads[2];
        for (int k = 0; k < 2; k++)
            assert_int_equal(pthread_create(&threads[k], NULL, delete_elsewhere, tensors[k]), 0);
        for (int k = 0; k < 2; k++)
            assert_int_equal(pthread_join(threads[k], NULL), 0);
        assert_int_equal(f.blocks, 0);
        assert_int_equal(f.mistakes, 0);
    }
}

/* Exports ended by other threads while the lane goes on making and ending arrays. */
static void deleters_run_beside_the_lane(void **state)
{
    numc_context *context = *state;
    numc_statistics before, after;
    numc_statistics_get(context, &before);
    for (int round = 0; round < 20; round++) {
        pthread_t threads[4];
        numc_scope(context)
        {
            numc_array *x = counting(context, NUMC_FLOAT64, NUMC_SHAPE(64));
            for (int k = 0; k < 4; k++) {
                DLManagedTensorVersioned *tensor;
                assert_int_equal(numc_to_dlpack(x, NULL, &tensor), NUMC_OK);
                assert_int_equal(pthread_create(&threads[k], NULL, delete_elsewhere, tensor), 0);
            }
        }
        for (int i = 0; i < 10; i++)
            numc_scope(context) assert_true(numc_item(numc_sum(counting(context, NUMC_FLOAT64, NUMC_SHAPE(64)))) == 2016);
        for (int k = 0; k < 4; k++)
            assert_int_equal(pthread_join(threads[k], NULL), 0);
    }
    numc_statistics_get(context, &after);
    assert_int_equal(after.bytes_live, before.bytes_live);
}

/* ---- import ------------------------------------------------------------------------------------------------------ */

static void imports_share_memory_until_the_last_reference(void **state)
{
    numc_context *context = *state;
    need_shared(context);
    double data[6] = {0, 1, 2, 3, 4, 5};
    producer p;
    numc_array *kept = NULL;
    produce(&p, data);
    numc_scope(context)
    {
        numc_array *x = numc_from_dlpack(context, &p.tensor);
        kept = numc_keep(numc_index(x, NUMC_AT(1)));
        assert_ok(context);
    }
    assert_int_equal(p.deleted, 0);
    assert_values(kept, 3, 4, 5);
    DLManagedTensorVersioned *again; /* and out once more: the same memory */
    assert_int_equal(numc_to_dlpack(kept, NULL, &again), NUMC_OK);
    assert_ptr_equal(again->dl_tensor.data, data + 3);
    numc_release(kept);
    assert_int_equal(p.deleted, 0);
    again->deleter(again);
    assert_int_equal(p.deleted, 1);

    produce(&p, data);
    numc_scope(context)
    {
        assert_values(numc_from_dlpack(context, &p.tensor, .copy = NUMC_DLPACK_COPY_ALWAYS), 0, 1, 2, 3, 4, 5);
        assert_int_equal(p.deleted, 1);
    }
    assert_int_equal(p.deleted, 1);

    produce(&p, data);
    numc_scope(context)
    {
        assert_values(numc_from_dlpack_legacy(context, as_legacy(&p), .copy = NUMC_DLPACK_COPY_NEVER), 0, 1, 2, 3, 4, 5);
        assert_int_equal(p.deleted, 0);
    }
    assert_int_equal(p.deleted, 1);

    produce(&p, data);
    p.tensor.deleter = NULL; /* nothing to call */
    numc_scope(context) assert_non_null(numc_from_dlpack(context, &p.tensor));
    assert_ok(context);
}

static void imports_end_with_the_context(void **state)
{
    (void)state;
    double data[6] = {0};
    producer p, q;
    produce(&p, data);
    produce(&q, data);
    numc_options options = {.backend = test_backend(), .threads = 1};
    numc_context *context = numc_open(&options);
    assert_non_null(numc_from_dlpack(context, &p.tensor));
    assert_non_null(numc_keep(numc_from_dlpack(context, &q.tensor)));
    numc_close(context);
    assert_int_equal(p.deleted, 1);
    assert_int_equal(q.deleted, 1);
}

static void imports_of_any_layout(void **state)
{
    numc_context *context = *state;
    double data[12], expected[6] = {11, 9, 7, 5, 3, 1};
    for (int i = 0; i < 12; i++)
        data[i] = i;
    for (int copy = NUMC_DLPACK_COPY_AUTOMATIC; copy <= last_copy(context); copy++) {
        producer p;
        produce(&p, data);
        p.tensor.dl_tensor.byte_offset = 11 * sizeof(double);
        p.strides[0] = -6;
        p.strides[1] = -2;
        numc_scope(context)
        {
            numc_array *x = numc_from_dlpack(context, &p.tensor, .copy = (numc_dlpack_copy)copy);
            assert_ok(context);
            assert_values_within(x, expected, 6, 0, "negative strides");
            assert_values(numc_sum(x, NUMC_AXES(1)), 27, 9);
        }
        assert_int_equal(p.deleted, 1);
        produce(&p, data + 1);
        p.tensor.dl_tensor.strides = NULL;
        numc_scope(context) assert_values(numc_from_dlpack(context, &p.tensor, .copy = (numc_dlpack_copy)copy), 1, 2, 3, 4, 5, 6);
        assert_int_equal(p.deleted, 1);
        produce(&p, data); /* the stride of an axis of size 1 is of no account */
        p.shape[0] = 1;
        p.strides[0] = INT64_MIN;
        numc_scope(context) assert_values(numc_from_dlpack(context, &p.tensor, .copy = (numc_dlpack_copy)copy), 0, 1, 2);
        assert_int_equal(p.deleted, 1);
    }

    /* not aligned to the element: copied, or refused */
    unsigned char *bytes = malloc(8 * sizeof(double));
    assert_non_null(bytes);
    memcpy(bytes + 1, data, 6 * sizeof(double));
    producer p;
    produce(&p, (double *)(void *)bytes);
    p.tensor.dl_tensor.byte_offset = 1;
    numc_array *x = numc_from_dlpack(context, &p.tensor);
    assert_int_equal(p.deleted, 1);
    assert_values(x, 0, 1, 2, 3, 4, 5);
    produce(&p, (double *)(void *)bytes);
    p.tensor.dl_tensor.byte_offset = 1;
    assert_null(numc_from_dlpack(context, &p.tensor, .copy = NUMC_DLPACK_COPY_NEVER));
    assert_error(context, NUMC_UNSUPPORTED, "not aligned");
    assert_int_equal(p.deleted, 1);
    free(bytes);
}

static void foreign_memory_is_written_only_when_given(void **state)
{
    static const struct {
        uint64_t flags;
        bool written;
    } cases[] = {
        {0, false},
        {DLPACK_FLAG_BITMASK_READ_ONLY, false},
        {DLPACK_FLAG_BITMASK_READ_ONLY | DLPACK_FLAG_BITMASK_IS_COPIED, false},
        {DLPACK_FLAG_BITMASK_IS_COPIED, true},
    };
    numc_context *context = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double data[6] = {0, 1, 2, 3, 4, 5};
        producer p;
        produce(&p, data);
        p.tensor.flags = cases[i].flags;
        numc_scope(context)
        {
            numc_array *x = numc_from_dlpack(context, &p.tensor);
            assert_int_equal(numc_index_assign(&x, 9, NUMC_AT(0), NUMC_AT(1)), NUMC_OK);
            assert_values(x, 0, 9, 2, 3, 4, 5);
            assert_true(data[1] == (cases[i].written && !is_apart(context) ? 9 : 1));
        }
        assert_int_equal(p.deleted, 1);
    }
    /* nor is an array written while an export shares its memory */
    numc_array *x = counting(context, NUMC_FLOAT64, NUMC_SHAPE(4));
    DLManagedTensorVersioned *tensor;
    assert_int_equal(numc_to_dlpack(x, NULL, &tensor), NUMC_OK);
    assert_int_equal(numc_index_assign(&x, 9, NUMC_AT(1)), NUMC_OK);
    assert_values(x, 0, 9, 2, 3);
    assert_true(((double *)tensor->dl_tensor.data)[1] == 1);
    tensor->deleter(tensor);
    assert_ok(context);
}

typedef void (*spoil)(producer *p);
static void wrong_major(producer *p) { p->tensor.version.major = 2; }
static void old_major(producer *p) { p->tensor.version.major = 0; }
static void on_cuda(producer *p) { p->tensor.dl_tensor.device.device_type = kDLCUDA; }
static void two_lanes(producer *p) { p->tensor.dl_tensor.dtype.lanes = 2; }
static void no_lanes(producer *p) { p->tensor.dl_tensor.dtype.lanes = 0; }
static void half(producer *p) { p->tensor.dl_tensor.dtype.bits = 16; }
static void brain(producer *p) { p->tensor.dl_tensor.dtype.code = 4; }
static void complex_number(producer *p) { p->tensor.dl_tensor.dtype.code = kDLComplex, p->tensor.dl_tensor.dtype.bits = 32; }
static void no_data(producer *p) { p->tensor.dl_tensor.data = NULL; }
static void no_shape(producer *p) { p->tensor.dl_tensor.shape = NULL; }
static void negative_rank(producer *p) { p->tensor.dl_tensor.ndim = -1; }
static void rank_33(producer *p) { p->tensor.dl_tensor.ndim = 33; }
static void negative_size(producer *p) { p->shape[1] = -3; }
static void too_many(producer *p) { p->shape[0] = p->shape[1] = INT64_MAX; }
static void too_many_bytes(producer *p) { p->shape[0] = 1; p->shape[1] = INT64_MAX / 4; }
static void too_large(producer *p) { p->shape[0] = p->shape[1] = INT64_C(1) << 24; p->strides[0] = p->strides[1] = 0; }
static void far_stride(producer *p) { p->strides[1] = INT64_MAX; }
static void near_stride(producer *p) { p->strides[0] = INT64_MIN; }
static void far_offset(producer *p) { p->tensor.dl_tensor.byte_offset = UINT64_MAX; }
static void before_memory(producer *p) { p->strides[0] = -(INT64_MAX / 16); p->strides[1] = 0; p->shape[0] = 2; }

static const struct {
    const char *name;
    spoil spoil;
    numc_status status;
    bool legacy; /* the older form has the same fault */
} refusals[] = {
    {"wrong_major", wrong_major, NUMC_UNSUPPORTED, false},
    {"old_major", old_major, NUMC_UNSUPPORTED, false},
    {"on_cuda", on_cuda, NUMC_UNSUPPORTED, true},
    {"two_lanes", two_lanes, NUMC_DTYPE, true},
    {"no_lanes", no_lanes, NUMC_DTYPE, true},
    {"half", half, NUMC_DTYPE, true},
    {"brain", brain, NUMC_DTYPE, true},
    {"complex_number", complex_number, NUMC_DTYPE, true},
    {"no_data", no_data, NUMC_INVALID_ARGUMENT, true},
    {"no_shape", no_shape, NUMC_INVALID_ARGUMENT, true},
    {"negative_rank", negative_rank, NUMC_SHAPE, true},
    {"rank_33", rank_33, NUMC_SHAPE, true},
    {"negative_size", negative_size, NUMC_SHAPE, true},
    {"too_many", too_many, NUMC_MEMORY, true},
    {"too_many_bytes", too_many_bytes, NUMC_MEMORY, true},
    {"too_large", too_large, NUMC_MEMORY, true},
    {"far_stride", far_stride, NUMC_MEMORY, true},
    {"near_stride", near_stride, NUMC_MEMORY, true},
    {"far_offset", far_offset, NUMC_MEMORY, true},
    {"before_memory", before_memory, NUMC_MEMORY, true},
};

static void refusals_delete_once(void **state)
{
    numc_context *context = *state;
    double data[6] = {0};
    producer p;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        for (int copy = NUMC_DLPACK_COPY_AUTOMATIC; copy <= NUMC_DLPACK_COPY_NEVER; copy++) {
            for (int legacy = 0; legacy <= refusals[i].legacy; legacy++) {
                produce(&p, data);
                refusals[i].spoil(&p);
                numc_array *x = legacy ? numc_from_dlpack_legacy(context, as_legacy(&p), .copy = (numc_dlpack_copy)copy)
                                       : numc_from_dlpack(context, &p.tensor, .copy = (numc_dlpack_copy)copy);
                /* that it is not to be copied is told before what a copy would take */
                bool apart = refusals[i].spoil == too_large && copy == NUMC_DLPACK_COPY_NEVER && is_apart(context);
                numc_status expected = apart ? NUMC_UNSUPPORTED : refusals[i].status;
                if (x != NULL || numc_error_status(context) != expected || p.deleted != 1)
                    fail_msg("%s: %s, \"%s\", deleted %d times", refusals[i].name,
                             numc_status_name(numc_error_status(context)), numc_error_message(context), (int)p.deleted);
                numc_error_clear(context);
            }
        }
    }
    produce(&p, data);
    assert_null(numc_from_dlpack(context, &p.tensor, .copy = (numc_dlpack_copy)-1));
    assert_error(context, NUMC_INVALID_ARGUMENT, "not a way to copy");
    assert_int_equal(p.deleted, 1);
    produce(&p, data);
    numc_error_set(context, NUMC_VALUE, "pending");
    assert_null(numc_from_dlpack(context, &p.tensor));
    assert_error(context, NUMC_VALUE, "pending");
    assert_int_equal(p.deleted, 1);
    produce(&p, data);
    assert_null(numc_from_dlpack_(NULL, &p.tensor, NULL));
    assert_int_equal(p.deleted, 1);
    produce(&p, data);
    assert_null(numc_from_dlpack_legacy_(NULL, as_legacy(&p), NULL));
    assert_int_equal(p.deleted, 1);
    assert_null(numc_from_dlpack(context, NULL));
    assert_error(context, NUMC_INVALID_ARGUMENT, "tensor is NULL");
    assert_null(numc_from_dlpack_legacy(context, NULL));
    assert_error(context, NUMC_INVALID_ARGUMENT, "tensor is NULL");
    /* an empty tensor needs no memory and shares none */
    produce(&p, NULL);
    p.shape[0] = 0;
    assert_shape(numc_from_dlpack(context, &p.tensor), 2, (const int64_t[]){0, 3});
    assert_int_equal(p.deleted, 1);
    assert_ok(context);
}

/* ---- devices with memory of their own --------------------------------------------------------------------------------- */

static void memory_of_a_device_is_copied(void **state)
{
    numc_context *context = *state;
    if (!is_apart(context))
        SKIP("the device computes in host memory");
    numc_dlpack_options never = {.size = sizeof never, .copy = NUMC_DLPACK_COPY_NEVER};
    numc_array *x = counting(context, NUMC_FLOAT64, NUMC_SHAPE(3, 4));
    DLManagedTensorVersioned *tensor = (void *)1;
    DLManagedTensor *legacy = (void *)1;
    assert_int_equal(numc_to_dlpack(x, &never, &tensor), NUMC_UNSUPPORTED);
    assert_null(tensor);
    assert_error(context, NUMC_UNSUPPORTED, "has no host memory to share, and copy is NEVER");
    assert_int_equal(numc_to_dlpack_legacy(x, &never, &legacy), NUMC_UNSUPPORTED);
    assert_null(legacy);
    assert_error(context, NUMC_UNSUPPORTED, "has no host memory to share, and copy is NEVER");

    /* a view comes out in order: x[::-1, 1::2]^T */
    numc_array *view = numc_matrix_transpose(numc_flip(numc_index(x, NUMC_ALL, NUMC_SLICE_STEP(1, NUMC_END, 2)), NUMC_AXES(0)));
    static const double expected[6] = {9, 5, 1, 11, 7, 3};
    assert_int_equal(numc_to_dlpack(view, NULL, &tensor), NUMC_OK);
    assert_int_equal(tensor->flags, DLPACK_FLAG_BITMASK_IS_COPIED);
    assert_int_equal(tensor->dl_tensor.device.device_type, kDLCPU);
    assert_int_equal(tensor->dl_tensor.shape[0], 2);
    assert_int_equal(tensor->dl_tensor.strides[0], 3);
    assert_int_equal(tensor->dl_tensor.strides[1], 1);
    assert_memory_equal(tensor->dl_tensor.data, expected, sizeof expected);
    ((double *)tensor->dl_tensor.data)[0] = -1; /* the consumer's own */
    assert_values_within(view, expected, 6, 0, "the array of a copy that was written");
    tensor->deleter(tensor);

    /* and a tensor is done with at once, whoever else had it */
    double data[6] = {0, 1, 2, 3, 4, 5};
    producer p;
    for (int form = 0; form < 2; form++) {
        produce(&p, data);
        p.tensor.flags = DLPACK_FLAG_BITMASK_IS_COPIED;
        numc_array *y = form == 0 ? numc_from_dlpack(context, &p.tensor) : numc_from_dlpack_legacy(context, as_legacy(&p));
        assert_int_equal(p.deleted, 1);
        data[1] = 7;
        assert_values(y, 0, 1, 2, 3, 4, 5);
        data[1] = 1;
        produce(&p, data);
        y = form == 0 ? numc_from_dlpack(context, &p.tensor, .copy = NUMC_DLPACK_COPY_NEVER)
                      : numc_from_dlpack_legacy(context, as_legacy(&p), .copy = NUMC_DLPACK_COPY_NEVER);
        assert_null(y);
        assert_error(context, NUMC_UNSUPPORTED, "the device cannot compute in this memory, and copy is NEVER");
        assert_int_equal(p.deleted, 1);
    }
    assert_ok(context);
}

/* ---- failing allocations ------------------------------------------------------------------------------------------------ */

static void allocations_may_fail(void **state)
{
    (void)state;
    long told = 0;
    for (int copy = NUMC_DLPACK_COPY_AUTOMATIC; copy <= NUMC_DLPACK_COPY_ALWAYS; copy++) {
        for (long n = 0;; n++) {
            double data[6] = {0, 1, 2, 3, 4, 5};
            producer p;
            produce(&p, data);
            p.tensor.dl_tensor.ndim = 6; /* beyond what a header holds by itself */
            for (int d = 2; d < 6; d++)
                p.shape[d] = p.strides[d] = 1;
            p.strides[0] = 1; /* not contiguous: a copy needs a block in between */
            p.strides[1] = 2;
            failing f = failing_at(n);
            numc_options options = {.backend = test_backend(), .allocate = failing_allocate, .allocate_user = &f, .threads = 1};
            numc_context *context = numc_open(&options);
            DLManagedTensorVersioned *tensor = NULL;
            bool offered = false;
            if (context != NULL && numc_error_status(context) == NUMC_OK) {
                offered = true;
                numc_dlpack_options ways = {.size = sizeof ways, .copy = (numc_dlpack_copy)copy};
                numc_array *x = numc_from_dlpack_(context, &p.tensor, &ways);
                if (x == NULL)
                    assert_int_equal(p.deleted, 1);
                numc_status status = numc_to_dlpack(x, &ways, &tensor);
                assert_int_equal(status == NUMC_OK, tensor != NULL);
                if (tensor == NULL) {
                    assert_true(f.failed);
                    assert_int_equal(numc_error_status(context), NUMC_MEMORY);
                    told++;
                }
            }
            numc_close(context);
            if (tensor != NULL) {
                const double *first = tensor->dl_tensor.data;
                const int64_t *strides = tensor->dl_tensor.strides;
                for (int64_t i = 0; i < 6; i++)
                    assert_true(first[i / 3 * strides[0] + i % 3 * strides[1]] == data[i / 3 + i % 3 * 2]);
                tensor->deleter(tensor);
            }
            assert_int_equal(p.deleted, offered);
            assert_int_equal(f.blocks, 0);
            assert_int_equal(f.mistakes, 0);
            if (!f.failed)
                break;
            assert_true(n < 5000);
        }
    }
    assert_true(told >= 7 / failing_every());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_dtype_goes_out_and_back),
        TEST(views_keep_their_strides),
        TEST(constants_and_empty_arrays),
        TEST(export_is_refused),
        cmocka_unit_test(exports_outlive_scope_lane_and_context),
        TEST(deleters_run_beside_the_lane),
        TEST(imports_share_memory_until_the_last_reference),
        cmocka_unit_test(imports_end_with_the_context),
        TEST(imports_of_any_layout),
        TEST(foreign_memory_is_written_only_when_given),
        TEST(refusals_delete_once),
        TEST(memory_of_a_device_is_copied),
        cmocka_unit_test(allocations_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
