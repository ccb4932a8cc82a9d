/* fake.h - what tests see of the stand-in for NVIDIA's driver (fake_driver.c): its settings, and what it found. */
#ifndef NUMC_TESTS_CUDA_FAKE_H
#define NUMC_TESTS_CUDA_FAKE_H

#include <stddef.h>

typedef struct fake_cuda {
    /* settings */
    int devices, capability; /* 90: sm_90 */
    int init_result;         /* of cuInit */
    long fail_at;            /* the call of this number, from 0, fails; -1: none */
    int fail_with;
    size_t memory;           /* bytes of each device */
    /* findings */
    long calls;              /* that can fail */
    long contexts, streams, events, pinned, allocations, modules; /* alive */
    long graphs; /* alive */
    long loaded; /* modules, ever */
    long graph_launches, launches, uploads, downloads, copies, waits;
    long dry; /* waits after which the stream had nothing to do */
    size_t used;
    long mistakes; /* uses that the real driver answers with an error, a wait, or not at all */
    char mistake[256];
} fake_cuda;

#endif
