/* failing_loader.h - what failing_loader.c and test_gpu_memory.c share. */
#ifndef NUMC_TESTS_GPU_FAILING_LOADER_H
#define NUMC_TESTS_GPU_FAILING_LOADER_H

#include <stdatomic.h>

/* Buffers from the granted-th on (from 0) cannot be made; negative: all can. */
typedef struct device_buffers {
    _Atomic long asked, granted;
} device_buffers;

#endif
