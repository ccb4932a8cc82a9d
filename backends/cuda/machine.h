/* machine.h - of backends/cuda: an opened device, as its files share it. */
#ifndef NUMC_BACKENDS_CUDA_MACHINE_H
#define NUMC_BACKENDS_CUDA_MACHINE_H

#include <pthread.h>
#include <stdatomic.h>

#include "gpu/gpu.h"
#include "library.h"

enum { NUMC_CUDA_MESSAGE = 512, NUMC_CUDA_STAGES = 4, NUMC_CUDA_STAGE_BYTES = 1 << 20 };

/* A piece of pinned host memory, through which transfers go, so that they are asynchronous whatever memory the caller has. */
typedef struct numc_cuda_stage {
    unsigned char *memory;
    void *event;    /* after its last transfer */
    uint64_t used;  /* bytes handed to the stream since the event was last waited for */
    bool recorded;
} numc_cuda_stage;

/* A download that nobody waits for yet: pinned memory of its own, kept for the next one. */
typedef struct numc_cuda_read {
    unsigned char *memory;
    uint64_t room, bytes;
    void *event, *to;
    struct numc_cuda_read *next; /* of those that are free */
} numc_cuda_read;

/* cuBLAS and cuSOLVER, opened when the first large product or factorisation comes. */
typedef struct numc_cuda_vendor {
    pthread_mutex_t lock; /* their handles are one thread's at a time */
    numc_cuda_blas blas;
    numc_cuda_solver solver;
    void *blas_handle, *solver_handle;
    numc_cuda_address blas_workspace, solver_workspaces[48]; /* the last one is used */
    uint32_t solver_count;
    uint64_t solver_bytes; /* of the last one */
    void *blas_stream, *solver_stream; /* those the handles were given last */
    bool blas_asked, solver_asked;
} numc_cuda_vendor;

typedef struct numc_cuda_machine {
    const numc_host *host;
    numc_cuda_driver cu;
    numc_cuda_compiler rtc;
    char name[160];        /* "cuda device 0 (NVIDIA ...)": in messages */
    char target[48];       /* the compiler's option for this device */
    bool binary;           /* the target is the device's own code, not PTX */
    int device;
    void *context, *stream;
    void *capture;              /* a second stream, whose calls become graphs; made when first needed */
    pthread_mutex_t record_lock; /* held from begin to end by the thread that records */
    atomic_uintptr_t recorder;   /* that thread, or 0 */
    atomic_int lost;       /* the error after which the context cannot be used, or 0 */
    pthread_mutex_t upload_lock, download_lock;
    numc_cuda_stage upload[NUMC_CUDA_STAGES], download[2];
    numc_cuda_read *reads; /* free ones; under download_lock */
    uint32_t stage;        /* of upload: which is being filled */
    numc_cuda_vendor vendor;
} numc_cuda_machine;

/* Makes the device's context the calling thread's. OK, or an error: then leave must not be called. */
int32_t numc_cuda_enter(numc_cuda_machine *m);
void numc_cuda_leave(numc_cuda_machine *m);

/* Where what the calling thread enqueues goes. */
void *numc_cuda_stream(numc_cuda_machine *m);

/* The status of a driver's result, with a message that says what failed, and how: DEVICE when the context is lost. */
int32_t numc_cuda_check(numc_cuda_machine *m, int result, const char *what);
int32_t numc_cuda_fail(const numc_host *host, numc_status status, const char *message);

/* vendor.c */
int32_t numc_cuda_gemm(void *machine, const numc_gpu_product *product, void *room);
int32_t numc_cuda_potrf(void *machine, uint32_t dtype, int64_t n, void *a, int64_t a_offset, int64_t a_row, void *info,
                        uint64_t info_offset);
void numc_cuda_vendor_end(numc_cuda_machine *m); /* in the context, the stream empty */

#endif
