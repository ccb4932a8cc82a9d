/* device.h - for tests: whether the device that a context computes on has memory of its own, which the host cannot look at. Links internals. */
#ifndef NUMC_TESTS_DEVICE_H
#define NUMC_TESTS_DEVICE_H

#include "backend/internal.h"

static inline bool is_apart(numc_context *context)
{
    const numc_backend_device *device = numc__device(context);
    assert_non_null(device);
    return device->info.unified == 0;
}

#endif
