/* record.c - lists of calls kept by the runtime, to be run again as one. The blocks that slots take from the pool while a list is made
 * belong to it until its end: its runs use them. */
#include "gpu/internal.h"

struct numc_recording {
    void *own; /* the runtime's */
    numc_gpu_block *held;
};

bool numc_gpu_records(numc_device *device)
{
    return atomic_load(&device->recorder) == (uintptr_t)pthread_self();
}

/* A block given back earlier in the same list is free again there: its calls run in their order. */
numc_gpu_block *numc_gpu_record_take(numc_device *device, uint64_t capacity)
{
    for (numc_gpu_block **at = &device->recording->held; *at != NULL; at = &(*at)->next)
        if ((*at)->bytes >= capacity && (*at)->bytes / 2 <= capacity) {
            numc_gpu_block *block = *at;
            *at = block->next;
            return block;
        }
    return NULL;
}

void numc_gpu_record_keep(numc_device *device, numc_gpu_block *block)
{
    block->next = device->recording->held;
    device->recording->held = block;
}

static void recording_end(numc_device *device, numc_recording *recording)
{
    while (recording->held != NULL) {
        numc_gpu_block *block = recording->held;
        recording->held = block->next;
        numc_gpu_count(&device->counts.bytes_live, block->bytes); /* release takes it off again */
        numc_gpu_memory_release(device, block, block->bytes);
    }
    numc_gpu_delete(device, recording, sizeof *recording);
}

int32_t numc_gpu_recording_begin(numc_device *device)
{
    const numc_gpu_runtime *runtime = device->runtime;
    if (runtime->record_begin == NULL)
        return NUMC_UNSUPPORTED;
    numc_recording *made = numc_gpu_new(device, sizeof *made);
    if (made == NULL)
        return numc_gpu_fail(device, NUMC_MEMORY, "out of memory on the host for a recording");
    int32_t status = runtime->record_begin(device->machine); /* from here to its end no other thread gets so far */
    if (status == NUMC_OK) {
        device->recording = made;
        atomic_store(&device->recorder, (uintptr_t)pthread_self());
    } else
        numc_gpu_delete(device, made, sizeof *made);
    return status;
}

int32_t numc_gpu_recording_end(numc_device *device, numc_recording **recording)
{
    *recording = NULL;
    if (!numc_gpu_records(device))
        return numc_gpu_fail(device, NUMC_STATE, "a recording is ended that was not begun");
    numc_recording *made = device->recording;
    atomic_store(&device->recorder, (uintptr_t)0);
    device->recording = NULL;
    int32_t status = device->runtime->record_end(device->machine, &made->own);
    if (status == NUMC_OK)
        *recording = made;
    else
        recording_end(device, made);
    return status;
}

int32_t numc_gpu_recording_run(numc_device *device, numc_recording *recording)
{
    numc_gpu_count(&device->counts.recordings_run, 1);
    return device->runtime->record_run(device->machine, recording->own);
}

void numc_gpu_recording_release(numc_device *device, numc_recording *recording)
{
    if (recording == NULL)
        return;
    device->runtime->record_free(device->machine, recording->own);
    recording_end(device, recording);
}
