/* routine.c - functions of the host's own text: a module, one entry point, its arguments set before each run. */
#include "gpu/internal.h"

enum { GROUP = 32 }; /* few items with much to do each: spread over the multiprocessors */

struct numc_routine {
    numc_gpu_module *module;
    void *kernel;
    uint32_t buffers, numbers;
};

int32_t numc_gpu_routine_build(numc_device *device, const numc_routine_source *source, numc_routine **routine)
{
    numc_routine *r = numc_gpu_new(device, sizeof *r);
    if (r == NULL)
        return numc_gpu_fail(device, NUMC_MEMORY, "out of memory for a routine");
    r->buffers = source->buffer_count;
    r->numbers = source->number_count;
    int32_t status = numc_gpu_module_get(device, source->text, source->text_size, &r->module);
    if (status == NUMC_OK)
        status = numc_gpu_kernel(device, r->module, source->name, &r->kernel);
    if (status != NUMC_OK) {
        numc_gpu_routine_release(device, r);
        return status;
    }
    *routine = r;
    return NUMC_OK;
}

int32_t numc_gpu_routine_run(numc_device *device, numc_routine *routine, void *const *buffers, const int64_t *numbers, int64_t items)
{
    const numc_gpu_runtime *runtime = device->runtime;
    int32_t status = NUMC_OK;
    if (items <= 0)
        return NUMC_OK;
    for (uint32_t b = 0; b < routine->buffers && status == NUMC_OK; b++)
        status = runtime->kernel_set_memory(device->machine, routine->kernel, b, numc_gpu_raw(buffers[b]));
    if (status == NUMC_OK)
        status = runtime->kernel_set(device->machine, routine->kernel, routine->buffers, &items, sizeof items);
    for (uint32_t k = 0; k < routine->numbers && status == NUMC_OK; k++)
        status = runtime->kernel_set(device->machine, routine->kernel, routine->buffers + 1 + k, &numbers[k], sizeof numbers[k]);
    if (status == NUMC_OK)
        status = runtime->kernel_enqueue(device->machine, routine->kernel, ((uint64_t)items + GROUP - 1) / GROUP, GROUP);
    numc_gpu_count(&device->counts.launches, 1);
    return status;
}

void numc_gpu_routine_release(numc_device *device, numc_routine *routine)
{
    if (routine == NULL)
        return;
    if (routine->kernel != NULL)
        device->runtime->kernel_free(device->machine, routine->kernel);
    numc_gpu_module_drop(device, routine->module);
    numc_gpu_delete(device, routine, sizeof *routine);
}
