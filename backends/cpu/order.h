/* order.h - internal to the cpu backend: indexing and order along one axis. */
#ifndef NUMC_CPU_ORDER_H
#define NUMC_CPU_ORDER_H

#include "cpu.h"

int32_t numc_cpu_gather(numc_device *device, const numc_view *x, const numc_view *indices, int32_t axis, const numc_view *y);
int32_t numc_cpu_scatter(numc_device *device, const numc_view *y, const numc_view *indices, int32_t axis,
                         const numc_view *values, uint32_t mode);
int32_t numc_cpu_cumulative(numc_device *device, const numc_view *x, int32_t axis, uint32_t reduction, uint32_t reverse,
                            const numc_view *y);
int32_t numc_cpu_sort(numc_device *device, const numc_view *x, int32_t axis, uint32_t descending, const numc_view *values,
                      const numc_view *indices);
int32_t numc_cpu_search(numc_device *device, const numc_view *sorted, const numc_view *values, uint32_t right,
                        const numc_view *indices);

/* Lines along one axis: how many, and the element where one begins. */
int64_t numc_cpu_line_count(const numc_view *view, int32_t axis);
int64_t numc_cpu_line_start(const numc_view *view, int32_t axis, int64_t number);

#endif
