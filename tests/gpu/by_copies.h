/* by_copies.h - slots of a device for tests whose views lie in host memory: everything a view spans goes there, and comes back. */
#ifndef NUMC_TESTS_GPU_BY_COPIES_H
#define NUMC_TESTS_GPU_BY_COPIES_H

#include "backend/device.h"

static numc_backend_device *by_copies; /* the device behind */

enum { BY_COPIES_VIEWS = 4 };

/* Bytes from the start of the view's memory to its last element; 1 where there is none. */
static inline uint64_t by_copies_span(const numc_view *view)
{
    int64_t last = view->offset;
    for (int32_t d = 0; d < view->rank; d++)
        if (view->shape[d] == 0)
            return 1;
    for (int32_t d = 0; d < view->rank; d++)
        if (view->strides[d] > 0)
            last += (view->shape[d] - 1) * view->strides[d];
    return (uint64_t)(last + 1) * numc_dtype_size((numc_dtype)view->dtype);
}

/* views[0] is read, the others, where they are not NULL, are written. */
static inline int32_t by_copies_run(const numc_view *const *views, int count, int32_t (*call)(const numc_view *const *views, const int32_t *how),
                                    const int32_t *how)
{
    const numc_backend *t = &by_copies->table;
    numc_device *d = by_copies->device;
    numc_view there[BY_COPIES_VIEWS] = {{0}};
    const numc_view *given[BY_COPIES_VIEWS] = {NULL};
    int32_t status = NUMC_OK;
    for (int v = 0; v < count && status == NUMC_OK; v++) {
        if (views[v] == NULL)
            continue;
        there[v] = *views[v];
        there[v].memory = NULL;
        status = t->memory_allocate(d, by_copies_span(views[v]), &there[v].memory);
        if (status == NUMC_OK)
            status = t->memory_upload(d, there[v].memory, 0, views[v]->memory, by_copies_span(views[v]));
        given[v] = &there[v];
    }
    if (status == NUMC_OK)
        status = call(given, how);
    for (int v = 0; v < count; v++) {
        if (there[v].memory == NULL)
            continue;
        if (status == NUMC_OK && v > 0)
            status = t->memory_download(d, there[v].memory, 0, views[v]->memory, by_copies_span(views[v]));
        t->memory_release(d, there[v].memory, by_copies_span(views[v]));
    }
    return status;
}

static inline int32_t by_copies_call_fft(const numc_view *const *v, const int32_t *how)
{
    return by_copies->table.fft(by_copies->device, v[0], how[0], how[1], v[1]);
}
static inline int32_t by_copies_call_qr(const numc_view *const *v, const int32_t *how)
{
    (void)how;
    return by_copies->table.qr(by_copies->device, v[0], v[1], v[2]);
}
static inline int32_t by_copies_call_eigh(const numc_view *const *v, const int32_t *how)
{
    (void)how;
    return by_copies->table.eigh(by_copies->device, v[0], v[1], v[2]);
}
static inline int32_t by_copies_call_eig(const numc_view *const *v, const int32_t *how)
{
    (void)how;
    return by_copies->table.eig(by_copies->device, v[0], v[1], v[2]);
}
static inline int32_t by_copies_call_svd(const numc_view *const *v, const int32_t *how)
{
    (void)how;
    return by_copies->table.svd(by_copies->device, v[0], v[1], v[2], v[3]);
}

static inline int32_t by_copies_fft(numc_device *none, const numc_view *x, int32_t axis, int32_t direction, const numc_view *y)
{
    (void)none;
    return by_copies_run((const numc_view *[]){x, y}, 2, by_copies_call_fft, (const int32_t[]){axis, direction});
}
static inline int32_t by_copies_qr(numc_device *none, const numc_view *a, const numc_view *q, const numc_view *r)
{
    (void)none;
    return by_copies_run((const numc_view *[]){a, q, r}, 3, by_copies_call_qr, NULL);
}
static inline int32_t by_copies_eigh(numc_device *none, const numc_view *a, const numc_view *values, const numc_view *vectors)
{
    (void)none;
    return by_copies_run((const numc_view *[]){a, values, vectors}, 3, by_copies_call_eigh, NULL);
}
static inline int32_t by_copies_eig(numc_device *none, const numc_view *a, const numc_view *values, const numc_view *vectors)
{
    (void)none;
    return by_copies_run((const numc_view *[]){a, values, vectors}, 3, by_copies_call_eig, NULL);
}
static inline int32_t by_copies_svd(numc_device *none, const numc_view *a, const numc_view *u, const numc_view *s, const numc_view *vh)
{
    (void)none;
    return by_copies_run((const numc_view *[]){a, u, s, vh}, 4, by_copies_call_svd, NULL);
}

#endif
