/* linalg.h - internal to the cpu backend: products and factorisations, own loops and OpenBLAS. */
#ifndef NUMC_CPU_LINALG_H
#define NUMC_CPU_LINALG_H

#include "cpu.h"

int32_t numc_cpu_linalg_open(numc_device *device); /* opens no library yet */
void numc_cpu_linalg_close(numc_device *device);

int32_t numc_cpu_matmul(numc_device *device, const numc_view *a, const numc_view *b, const numc_view *c,
                        const numc_matmul_options *options);

#endif
