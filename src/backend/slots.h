/* slots.h - of src/backend: the slots of numc_backend as one table, in the struct's order: which are required, and what is done
 * without the others. The loader's checks, `numc check --slots`, docs/new-backend.md and tests come from it. */
#ifndef NUMC_BACKEND_SLOTS_H
#define NUMC_BACKEND_SLOTS_H

#include "backend/device.h"

typedef enum numc_slot_need {
    NUMC_NEED_REQUIRED, /* a table without it is refused */
    NUMC_NEED_HOST,     /* download, ref, upload; counted */
    NUMC_NEED_CORE,     /* the core does the same with required slots; not counted, since nothing crosses to the host */
    NUMC_NEED_NOTHING   /* it is done without */
} numc_slot_need;

/* X(slot, family, need, group, "what it does"): slots of one group, a number other than 0, are there together or not at all. */
#define NUMC_SLOT_TABLE(X)                                                                         \
    X(device_count, DEVICES, REQUIRED, 0, "how many devices")                                      \
    X(device_describe, DEVICES, REQUIRED, 0, "name, driver, memory, float64, kernel level")        \
    X(device_open, DEVICES, REQUIRED, 0, "a device with its in-order queue")                       \
    X(device_close, DEVICES, REQUIRED, 0, "its end")                                               \
    X(memory_allocate, MEMORY, REQUIRED, 0, "a buffer")                                            \
    X(memory_release, MEMORY, REQUIRED, 0, "its end")                                              \
    X(memory_upload, MEMORY, REQUIRED, 0, "host to device")                                        \
    X(memory_download, MEMORY, REQUIRED, 0, "device to host")                                      \
    X(memory_copy, MEMORY, REQUIRED, 0, "device to device")                                        \
    X(synchronize, MEMORY, REQUIRED, 0, "wait for the queue")                                      \
    X(kernel_build, KERNELS, REQUIRED, 0, "a tree of loops made runnable, or UNSUPPORTED")         \
    X(kernel_run, KERNELS, REQUIRED, 0, "with buffers, extents, strides, constants")               \
    X(kernel_release, KERNELS, REQUIRED, 0, "its end")                                             \
    X(launch_prepare, KERNELS, CORE, 1, "a kernel with its arguments resolved once")               \
    X(launch_run, KERNELS, CORE, 1, "run it again: what a gradient is made of")                    \
    X(launch_release, KERNELS, CORE, 1, "its end")                                                 \
    X(matmul, MATRICES, REQUIRED, 0, "c = a b (+ c), batched, any strides")                        \
    X(cholesky, MATRICES, HOST, 0, "a = l l'")                                                     \
    X(triangular_solve, MATRICES, HOST, 0, "inv(t) b")                                             \
    X(lu, MATRICES, HOST, 0, "P a = l u")                                                          \
    X(qr, MATRICES, HOST, 0, "a = q r")                                                            \
    X(eigh, MATRICES, HOST, 0, "of a Hermitian matrix")                                            \
    X(eig, MATRICES, HOST, 0, "of a general matrix")                                               \
    X(svd, MATRICES, HOST, 0, "a = u diag(s) vh")                                                  \
    X(gather, ORDER, HOST, 0, "elements by index")                                                 \
    X(scatter, ORDER, HOST, 0, "set or add by index, repeated indices in order")                   \
    X(cumulative, ORDER, HOST, 0, "running reductions")                                            \
    X(sort, ORDER, HOST, 0, "values, places, or both; stable")                                     \
    X(search, ORDER, HOST, 0, "places in a sorted line")                                           \
    X(fft, FOURIER, HOST, 0, "complex and real, along one axis")                                   \
    X(program_build, PROGRAMS, CORE, 2, "a whole graph made runnable (experimental)")              \
    X(program_run, PROGRAMS, CORE, 2, "run it")                                                    \
    X(program_release, PROGRAMS, CORE, 2, "its end")                                               \
    X(device_find, DEVICES, NOTHING, 0, "a device by a text other than its number")                \
    X(routine_build, PROGRAMS, NOTHING, 3, "a function given as text, run for many items")         \
    X(routine_run, PROGRAMS, NOTHING, 3, "run it: chains that stay on the device")                 \
    X(routine_release, PROGRAMS, NOTHING, 3, "its end")                                              \
    X(recording_begin, PROGRAMS, NOTHING, 4, "what follows is kept, not run")                      \
    X(recording_end, PROGRAMS, NOTHING, 4, "a list of calls to be given to the queue as one")      \
    X(recording_run, PROGRAMS, NOTHING, 4, "run it again")                                         \
    X(recording_release, PROGRAMS, NOTHING, 4, "its end")                                          \
    X(cholesky_inverse, MATRICES, HOST, 0, "inv(l l')")                                             \
    X(download_begin, MEMORY, NOTHING, 5, "device to host, not waited for")                        \
    X(download_end, MEMORY, NOTHING, 5, "waits for it")                                            \
    X(device_statistics, DEVICES, NOTHING, 0, "buffers, transfers and launches, counted")

typedef struct numc_slot_info {
    const char *name, *family, *text;
    size_t offset; /* in numc_backend */
    uint32_t group;
    numc_slot_need need;
} numc_slot_info;

enum {
#define NUMC_X(slot, family, need, group, text) NUMC_SLOT_ROW_##slot,
    NUMC_SLOT_TABLE(NUMC_X)
#undef NUMC_X
    NUMC_SLOT_ROWS
};
extern const numc_slot_info numc__slots[NUMC_SLOT_ROWS];

/* Whether a table has the slot (its size is the caller's care). */
bool numc__slot_present(const numc_backend *table, const numc_slot_info *slot);

#endif
