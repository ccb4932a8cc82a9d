/* cuda.c - the CUDA runtime of backends/gpu: the driver's devices, one stream per opened device in its primary context, transfers
 * through pinned memory, programs compiled by NVRTC.
 *
 * A call makes the context current on its thread and puts back what was current before, so that a program's own use of CUDA is
 * not disturbed. Errors after which a context cannot be used ("sticky" ones: an illegal address, a launch that failed) are
 * remembered: later calls say so and touch nothing. */
#include <stdio.h>
#include <string.h>

#include "machine.h"

enum { ARGUMENT_BYTES = 4096 }; /* of a launch; later drivers take more on some devices */

int32_t numc_cuda_fail(const numc_host *host, numc_status status, const char *message)
{
    return host->error(host->user, (int32_t)status, message);
}

static void *new_zeroed(const numc_host *host, size_t size)
{
    void *memory = host->allocate(host->user, NULL, 0, size);
    if (memory != NULL)
        memset(memory, 0, size);
    return memory;
}

static void drop(const numc_host *host, void *memory, size_t size)
{
    if (memory != NULL)
        (void)host->allocate(host->user, memory, size, 0);
}

/* ---- errors -------------------------------------------------------------------------------------------------------------- */

/* The results after which the driver refuses everything else in this context, and in this process on this device. */
static bool is_final(int result)
{
    switch (result) {
    case 3:   /* NOT_INITIALIZED: a forked child */
    case 4:   /* DEINITIALIZED */
    case 46:  /* DEVICE_UNAVAILABLE */
    case 214: /* ECC_UNCORRECTABLE */
    case 220: /* NVLINK_UNCORRECTABLE */
    case 700: /* ILLEGAL_ADDRESS */
    case 702: /* LAUNCH_TIMEOUT */
    case 709: /* CONTEXT_IS_DESTROYED */
    case 710: /* ASSERT */
    case 714: /* HARDWARE_STACK_ERROR */
    case 715: /* ILLEGAL_INSTRUCTION */
    case 716: /* MISALIGNED_ADDRESS */
    case 717: /* INVALID_ADDRESS_SPACE */
    case 718: /* INVALID_PC */
    case 719: /* LAUNCH_FAILED */
    case 999: /* UNKNOWN */ return true;
    default: return false;
    }
}

/* "CUDA_ERROR_OUT_OF_MEMORY (out of memory)" */
static void name_error(const numc_cuda_driver *cu, int result, char *text, size_t size)
{
    const char *name = NULL, *sentence = NULL;
    (void)cu->cuGetErrorName(result, &name);
    (void)cu->cuGetErrorString(result, &sentence);
    if (name == NULL)
        (void)snprintf(text, size, "error %d", result);
    else
        (void)snprintf(text, size, "%s (%s)", name, sentence != NULL ? sentence : "without a word");
}

/* What the host cannot know. */
static const char lost_text[] = "another context on this device needs a new process";

int32_t numc_cuda_check(numc_cuda_machine *m, int result, const char *what)
{
    if (result == 0)
        return NUMC_OK;
    char name[160], message[NUMC_CUDA_MESSAGE];
    const bool final = is_final(result);
    if (final)
        atomic_store(&m->lost, result);
    name_error(&m->cu, result, name, sizeof name);
    (void)snprintf(message, sizeof message, "%s: %s: %s%s%s", m->name, what, name, final ? "; " : "", final ? lost_text : "");
    return numc_cuda_fail(m->host, final ? NUMC_DEVICE : result == NUMC_CUDA_OUT_OF_MEMORY ? NUMC_MEMORY : NUMC_BACKEND, message);
}

int32_t numc_cuda_enter(numc_cuda_machine *m)
{
    const int lost = atomic_load(&m->lost);
    if (lost == 0)
        return numc_cuda_check(m, m->cu.cuCtxPushCurrent_v2(m->context), "making the context current");
    char name[160], message[NUMC_CUDA_MESSAGE];
    name_error(&m->cu, lost, name, sizeof name);
    (void)snprintf(message, sizeof message, "%s: lost after %s; %s", m->name, name, lost_text);
    return numc_cuda_fail(m->host, NUMC_DEVICE, message);
}

void numc_cuda_leave(numc_cuda_machine *m)
{
    void *popped;
    (void)m->cu.cuCtxPopCurrent_v2(&popped);
}

static bool records(numc_cuda_machine *m)
{
    return atomic_load(&m->recorder) == (uintptr_t)pthread_self();
}

void *numc_cuda_stream(numc_cuda_machine *m)
{
    return records(m) ? m->capture : m->stream;
}

static int32_t cannot_record(numc_cuda_machine *m, const char *what)
{
    char message[NUMC_CUDA_MESSAGE];
    (void)snprintf(message, sizeof message, "%s: %s cannot be recorded", m->name, what);
    return numc_cuda_fail(m->host, NUMC_UNSUPPORTED, message);
}

/* ---- devices ------------------------------------------------------------------------------------------------------------- */

/* The driver, initialised. An error says what is missing. */
static int32_t start(const numc_host *host, numc_cuda_driver *cu, int *count)
{
    char message[NUMC_CUDA_MESSAGE], name[160];
    *count = 0;
    if (!numc_cuda_load_driver(cu, message, sizeof message))
        return numc_cuda_fail(host, NUMC_BACKEND, message);
    int result = cu->cuInit(0);
    if (result == 0)
        result = cu->cuDeviceGetCount(count);
    if (result == 0 && *count > 0)
        return NUMC_OK;
    if (result == 0)
        result = NUMC_CUDA_NO_DEVICE;
    name_error(cu, result, name, sizeof name);
    (void)snprintf(message, sizeof message, "the NVIDIA driver is here, but it gives no device: %s", name);
    *count = 0;
    return numc_cuda_fail(host, NUMC_BACKEND, message);
}

static int32_t device_count(const numc_host *host, int32_t *count)
{
    numc_cuda_driver cu;
    int found;
    int32_t status = start(host, &cu, &found);
    *count = found;
    return status;
}

static uint32_t attribute_of(const numc_cuda_driver *cu, int device, int attribute)
{
    int value = 0;
    return cu->cuDeviceGetAttribute(&value, attribute, device) == 0 && value > 0 ? (uint32_t)value : 0;
}

static int32_t device_facts(const numc_host *host, int32_t index, numc_gpu_facts *facts)
{
    numc_cuda_driver cu;
    numc_cuda_compiler rtc;
    int count, device, version = 0, major = 0, minor = 0;
    size_t bytes = 0;
    char name[100] = "", reason[NUMC_CUDA_MESSAGE];
    memset(facts, 0, sizeof *facts);
    int32_t status = start(host, &cu, &count);
    if (status != NUMC_OK)
        return status;
    if (index < 0 || index >= count || cu.cuDeviceGet(&device, index) != 0) {
        (void)snprintf(reason, sizeof reason, "there is no CUDA device %d; there are %d, numbered from 0", (int)index, count);
        return numc_cuda_fail(host, NUMC_INDEX, reason);
    }
    (void)cu.cuDeviceGetName(name, (int)sizeof name, device);
    name[sizeof name - 1] = '\0';
    (void)cu.cuDriverGetVersion(&version);
    (void)cu.cuDeviceTotalMem_v2(&bytes, device);
    const uint32_t capability = 10 * attribute_of(&cu, device, NUMC_CUDA_ATTRIBUTE_MAJOR) +
                                attribute_of(&cu, device, NUMC_CUDA_ATTRIBUTE_MINOR);
    (void)snprintf(facts->name, sizeof facts->name, "%s, sm_%u", name, capability);
    if (numc_cuda_load_compiler(&rtc, reason, sizeof reason) && rtc.nvrtcVersion(&major, &minor) == 0)
        (void)snprintf(facts->driver, sizeof facts->driver, "CUDA %d.%d, NVRTC %d.%d", version / 1000, version % 1000 / 10, major, minor);
    else
        (void)snprintf(facts->driver, sizeof facts->driver, "CUDA %d.%d, but NVRTC is missing", version / 1000, version % 1000 / 10);
    facts->memory_bytes = bytes;
    facts->float64 = 1;
    facts->units = attribute_of(&cu, device, NUMC_CUDA_ATTRIBUTE_UNITS);
    /* a thread has at most 255 of a multiprocessor's 65536 registers: groups of 256 always fit */
    const uint32_t most = attribute_of(&cu, device, NUMC_CUDA_ATTRIBUTE_GROUP);
    facts->group_limit = most < 256 ? most : 256;
    facts->local_bytes = attribute_of(&cu, device, NUMC_CUDA_ATTRIBUTE_SHARED);
    facts->alignment = 256;
    facts->argument_bytes = ARGUMENT_BYTES;
    return NUMC_OK;
}

/* The newest target the compiler knows that runs on the device: its own code, or PTX, which the driver translates, of the nearest
 * older one. */
static int32_t choose_target(numc_cuda_machine *m)
{
    enum { MOST = 64 };
    int count = 0, known[MOST], best = 0;
    const int own = (int)(10 * attribute_of(&m->cu, m->device, NUMC_CUDA_ATTRIBUTE_MAJOR) +
                          attribute_of(&m->cu, m->device, NUMC_CUDA_ATTRIBUTE_MINOR));
    if (m->rtc.nvrtcGetNumSupportedArchs(&count) == 0 && count > 0 && count <= MOST && m->rtc.nvrtcGetSupportedArchs(known) == 0)
        for (int i = 0; i < count; i++)
            if (known[i] <= own && known[i] > best)
                best = known[i];
    if (best == 0) {
        char message[NUMC_CUDA_MESSAGE];
        (void)snprintf(message, sizeof message, "%s: this NVRTC compiles for no target that runs on the device (sm_%d)", m->name, own);
        return numc_cuda_fail(m->host, NUMC_BACKEND, message);
    }
    m->binary = best == own;
    (void)snprintf(m->target, sizeof m->target, "--gpu-architecture=%s_%d", m->binary ? "sm" : "compute", best);
    return NUMC_OK;
}

static void close_machine(void *opened)
{
    numc_cuda_machine *m = opened;
    if (m == NULL)
        return;
    /* of a lost context nothing can be given back, but the context itself */
    if (m->context != NULL && atomic_load(&m->lost) == 0 && m->cu.cuCtxPushCurrent_v2(m->context) == 0) {
        if (m->stream != NULL) {
            (void)m->cu.cuStreamSynchronize(m->stream);
            (void)m->cu.cuStreamDestroy_v2(m->stream);
        }
        if (m->capture != NULL)
            (void)m->cu.cuStreamDestroy_v2(m->capture);
        numc_cuda_vendor_end(m);
        numc_cuda_stage *stages[] = {m->upload, m->download};
        const uint32_t counts[] = {NUMC_CUDA_STAGES, 2};
        for (int k = 0; k < 2; k++)
            for (uint32_t i = 0; i < counts[k]; i++) {
                if (stages[k][i].event != NULL)
                    (void)m->cu.cuEventDestroy_v2(stages[k][i].event);
                if (stages[k][i].memory != NULL)
                    (void)m->cu.cuMemFreeHost(stages[k][i].memory);
            }
        for (numc_cuda_read *r = m->reads; r != NULL; r = r->next) {
            (void)m->cu.cuEventDestroy_v2(r->event);
            (void)m->cu.cuMemFreeHost(r->memory);
        }
        numc_cuda_leave(m);
    }
    for (numc_cuda_read *r = m->reads, *next; r != NULL; r = next) {
        next = r->next;
        drop(m->host, r, sizeof *r);
    }
    if (m->context != NULL)
        (void)m->cu.cuDevicePrimaryCtxRelease_v2(m->device);
    (void)pthread_mutex_destroy(&m->record_lock);
    (void)pthread_mutex_destroy(&m->vendor.lock);
    (void)pthread_mutex_destroy(&m->download_lock);
    (void)pthread_mutex_destroy(&m->upload_lock);
    drop(m->host, m, sizeof *m);
}

/* Locks and libraries: what does not touch the device. */
static int32_t prepare(numc_cuda_machine *m, int32_t index)
{
    char name[100] = "", message[NUMC_CUDA_MESSAGE];
    int count;
    int32_t status = start(m->host, &m->cu, &count);
    if (status == NUMC_OK && (index < 0 || index >= count || m->cu.cuDeviceGet(&m->device, index) != 0))
        status = numc_cuda_fail(m->host, NUMC_INDEX, "there is no CUDA device of that number");
    if (status != NUMC_OK)
        return status;
    (void)m->cu.cuDeviceGetName(name, (int)sizeof name, m->device);
    name[sizeof name - 1] = '\0';
    (void)snprintf(m->name, sizeof m->name, "CUDA device %d (%s)", (int)index, name);
    if (!numc_cuda_load_compiler(&m->rtc, message, sizeof message))
        return numc_cuda_fail(m->host, NUMC_BACKEND, message);
    return choose_target(m);
}

static int32_t open_machine(const numc_host *host, int32_t index, void **opened)
{
    *opened = NULL;
    numc_cuda_machine *m = new_zeroed(host, sizeof *m);
    if (m == NULL)
        return numc_cuda_fail(host, NUMC_MEMORY, "out of memory for a device");
    m->host = host;
    pthread_mutex_t *const locks[] = {&m->upload_lock, &m->download_lock, &m->vendor.lock, &m->record_lock};
    for (size_t i = 0; i < sizeof locks / sizeof *locks; i++)
        if (pthread_mutex_init(locks[i], NULL) != 0) {
            while (i-- > 0)
                (void)pthread_mutex_destroy(locks[i]);
            drop(host, m, sizeof *m);
            return numc_cuda_fail(host, NUMC_MEMORY, "a lock could not be made");
        }
    int32_t status = prepare(m, index);
    if (status == NUMC_OK) {
        status = numc_cuda_check(m, m->cu.cuDevicePrimaryCtxRetain(&m->context, m->device), "opening the device");
        if (status != NUMC_OK)
            m->context = NULL;
    }
    if (status == NUMC_OK)
        status = numc_cuda_enter(m);
    if (status == NUMC_OK) {
        status = numc_cuda_check(m, m->cu.cuStreamCreate(&m->stream, NUMC_CUDA_STREAM_NON_BLOCKING), "making a stream");
        if (status != NUMC_OK)
            m->stream = NULL;
        numc_cuda_leave(m);
    }
    if (status == NUMC_OK)
        *opened = m;
    else
        close_machine(m);
    return status;
}

/* ---- memory -------------------------------------------------------------------------------------------------------------- */

static numc_cuda_address address_of(const void *raw, uint64_t offset)
{
    return (numc_cuda_address)(uintptr_t)raw + offset;
}

static int32_t allocate(void *opened, uint64_t bytes, void **raw)
{
    numc_cuda_machine *m = opened;
    numc_cuda_address address = 0;
    *raw = NULL;
    int32_t status = numc_cuda_enter(m);
    if (status != NUMC_OK)
        return status;
    const int result = m->cu.cuMemAlloc_v2(&address, bytes > 0 ? (size_t)bytes : 1);
    if (result == NUMC_CUDA_OUT_OF_MEMORY) {
        char what[160];
        size_t available = 0, total = 0;
        (void)m->cu.cuMemGetInfo_v2(&available, &total);
        (void)snprintf(what, sizeof what, "allocating %llu bytes (%llu of %llu are free)", (unsigned long long)bytes,
                       (unsigned long long)available, (unsigned long long)total);
        status = numc_cuda_check(m, result, what);
    } else
        status = numc_cuda_check(m, result, "allocating memory");
    numc_cuda_leave(m);
    if (status == NUMC_OK)
        *raw = (void *)(uintptr_t)address;
    return status;
}

/* What the stream still does with the memory is done first. */
static void release(void *opened, void *raw)
{
    numc_cuda_machine *m = opened;
    if (raw == NULL || atomic_load(&m->lost) != 0 || m->cu.cuCtxPushCurrent_v2(m->context) != 0)
        return;
    (void)m->cu.cuStreamSynchronize(m->stream);
    (void)m->cu.cuMemFree_v2(address_of(raw, 0));
    numc_cuda_leave(m);
}

/* Pinned memory and an event, made when a stage is first used. */
static int32_t stage_ready(numc_cuda_machine *m, numc_cuda_stage *stage)
{
    int32_t status = NUMC_OK;
    if (stage->memory == NULL) {
        void *memory = NULL;
        status = numc_cuda_check(m, m->cu.cuMemHostAlloc(&memory, NUMC_CUDA_STAGE_BYTES, 0), "allocating pinned memory");
        if (status == NUMC_OK)
            stage->memory = memory;
    }
    if (status == NUMC_OK && stage->event == NULL) {
        void *event = NULL;
        status = numc_cuda_check(m, m->cu.cuEventCreate(&event, NUMC_CUDA_EVENT_DISABLE_TIMING), "making an event");
        if (status == NUMC_OK)
            stage->event = event;
    }
    return status;
}

/* The next free piece of pinned memory: of the stage that is being filled, or of the next one, once its transfers are done. */
static int32_t stage_next(numc_cuda_machine *m, numc_cuda_stage **stage)
{
    numc_cuda_stage *s = &m->upload[m->stage];
    int32_t status = stage_ready(m, s);
    if (status == NUMC_OK && s->used == NUMC_CUDA_STAGE_BYTES) {
        status = numc_cuda_check(m, m->cu.cuEventRecord(s->event, m->stream), "recording an event");
        if (status != NUMC_OK)
            return status;
        s->recorded = true;
        m->stage = (m->stage + 1) % NUMC_CUDA_STAGES;
        s = &m->upload[m->stage];
        status = stage_ready(m, s);
        if (status == NUMC_OK && s->recorded) {
            status = numc_cuda_check(m, m->cu.cuEventSynchronize(s->event), "waiting for an upload");
            s->recorded = status != NUMC_OK;
        }
        if (status == NUMC_OK)
            s->used = 0;
    }
    *stage = s;
    return status;
}

/* Copied to pinned memory and handed to the stream: returns without waiting until all stages are full. */
static int32_t upload(void *opened, void *raw, uint64_t offset, const void *from, uint64_t bytes)
{
    numc_cuda_machine *m = opened;
    if (records(m))
        return cannot_record(m, "an upload");
    int32_t status = numc_cuda_enter(m);
    if (status != NUMC_OK)
        return status;
    pthread_mutex_lock(&m->upload_lock);
    for (uint64_t done = 0; done < bytes && status == NUMC_OK;) {
        numc_cuda_stage *stage;
        status = stage_next(m, &stage);
        if (status != NUMC_OK)
            break;
        const uint64_t room = NUMC_CUDA_STAGE_BYTES - stage->used, rest = bytes - done, part = rest < room ? rest : room;
        memcpy(stage->memory + stage->used, (const unsigned char *)from + done, (size_t)part);
        status = numc_cuda_check(m, m->cu.cuMemcpyHtoDAsync_v2(address_of(raw, offset + done), stage->memory + stage->used,
                                                               (size_t)part, m->stream), "uploading");
        const uint64_t used = stage->used + (part + 63) / 64 * 64;
        stage->used = used < NUMC_CUDA_STAGE_BYTES ? used : NUMC_CUDA_STAGE_BYTES;
        done += part;
    }
    pthread_mutex_unlock(&m->upload_lock);
    numc_cuda_leave(m);
    return status;
}

/* Two pieces of pinned memory in turn: one is filled while the other is copied out. */
static int32_t download(void *opened, const void *raw, uint64_t offset, void *to, uint64_t bytes)
{
    numc_cuda_machine *m = opened;
    if (records(m))
        return cannot_record(m, "a download");
    int32_t status = numc_cuda_enter(m);
    if (status != NUMC_OK)
        return status;
    pthread_mutex_lock(&m->download_lock);
    const uint64_t pieces = (bytes + NUMC_CUDA_STAGE_BYTES - 1) / NUMC_CUDA_STAGE_BYTES;
    for (uint64_t i = 0; i <= pieces && status == NUMC_OK; i++) {
        if (i < pieces) { /* piece i to its stage */
            numc_cuda_stage *stage = &m->download[i % 2];
            const uint64_t at = i * NUMC_CUDA_STAGE_BYTES, rest = bytes - at;
            stage->used = rest < NUMC_CUDA_STAGE_BYTES ? rest : NUMC_CUDA_STAGE_BYTES;
            status = stage_ready(m, stage);
            if (status == NUMC_OK)
                status = numc_cuda_check(m, m->cu.cuMemcpyDtoHAsync_v2(stage->memory, address_of(raw, offset + at),
                                                                       (size_t)stage->used, m->stream), "downloading");
            if (status == NUMC_OK)
                status = numc_cuda_check(m, m->cu.cuEventRecord(stage->event, m->stream), "recording an event");
        }
        if (i > 0 && status == NUMC_OK) { /* piece i - 1 to the caller */
            const numc_cuda_stage *stage = &m->download[(i - 1) % 2];
            status = numc_cuda_check(m, m->cu.cuEventSynchronize(stage->event), "waiting for a download");
            if (status == NUMC_OK)
                memcpy((unsigned char *)to + (i - 1) * NUMC_CUDA_STAGE_BYTES, stage->memory, (size_t)stage->used);
        }
    }
    pthread_mutex_unlock(&m->download_lock);
    numc_cuda_leave(m);
    return status;
}

static void read_free(numc_cuda_machine *m, numc_cuda_read *r)
{
    if (r->event != NULL)
        (void)m->cu.cuEventDestroy_v2(r->event);
    if (r->memory != NULL)
        (void)m->cu.cuMemFreeHost(r->memory);
    drop(m->host, r, sizeof *r);
}

/* A free one with room for the bytes, or a new one. */
static int32_t read_get(numc_cuda_machine *m, uint64_t bytes, numc_cuda_read **read)
{
    pthread_mutex_lock(&m->download_lock);
    numc_cuda_read **at = &m->reads;
    while (*at != NULL && (*at)->room < bytes)
        at = &(*at)->next;
    numc_cuda_read *r = *at;
    if (r != NULL)
        *at = r->next;
    pthread_mutex_unlock(&m->download_lock);
    if (r == NULL && (r = new_zeroed(m->host, sizeof *r)) == NULL)
        return numc_cuda_fail(m->host, NUMC_MEMORY, "out of memory for a download");
    int32_t status = NUMC_OK;
    if (r->memory == NULL) {
        void *memory = NULL;
        status = numc_cuda_check(m, m->cu.cuMemHostAlloc(&memory, (size_t)bytes, 0), "allocating pinned memory");
        r->memory = status == NUMC_OK ? memory : NULL;
        r->room = bytes;
    }
    if (status == NUMC_OK && r->event == NULL)
        status = numc_cuda_check(m, m->cu.cuEventCreate(&r->event, NUMC_CUDA_EVENT_DISABLE_TIMING), "making an event");
    if (status != NUMC_OK)
        read_free(m, r);
    else
        *read = r;
    return status;
}

static int32_t read_begin(void *opened, const void *raw, uint64_t offset, void *to, uint64_t bytes, void **ticket)
{
    numc_cuda_machine *m = opened;
    numc_cuda_read *r = NULL;
    if (records(m))
        return cannot_record(m, "a download");
    int32_t status = numc_cuda_enter(m);
    if (status != NUMC_OK)
        return status;
    status = read_get(m, bytes, &r);
    if (status == NUMC_OK) {
        r->to = to;
        r->bytes = bytes;
        status = numc_cuda_check(m, m->cu.cuMemcpyDtoHAsync_v2(r->memory, address_of(raw, offset), (size_t)bytes, m->stream), "downloading");
        if (status == NUMC_OK)
            status = numc_cuda_check(m, m->cu.cuEventRecord(r->event, m->stream), "recording an event");
        if (status != NUMC_OK)
            read_free(m, r);
    }
    numc_cuda_leave(m);
    *ticket = status == NUMC_OK ? r : NULL;
    return status;
}

static int32_t read_end(void *opened, void *ticket)
{
    numc_cuda_machine *m = opened;
    numc_cuda_read *r = ticket;
    int32_t status = numc_cuda_enter(m);
    if (status == NUMC_OK) {
        status = numc_cuda_check(m, m->cu.cuEventSynchronize(r->event), "waiting for a download");
        if (status == NUMC_OK)
            memcpy(r->to, r->memory, (size_t)r->bytes);
        numc_cuda_leave(m);
    }
    pthread_mutex_lock(&m->download_lock); /* closing frees it */
    r->next = m->reads;
    m->reads = r;
    pthread_mutex_unlock(&m->download_lock);
    return status;
}

static int32_t copy(void *opened, void *to, uint64_t to_offset, const void *from, uint64_t from_offset, uint64_t bytes)
{
    numc_cuda_machine *m = opened;
    int32_t status = numc_cuda_enter(m);
    if (status != NUMC_OK)
        return status;
    if (bytes > 0)
        status = numc_cuda_check(m, m->cu.cuMemcpyDtoDAsync_v2(address_of(to, to_offset), address_of(from, from_offset),
                                                               (size_t)bytes, numc_cuda_stream(m)), "copying");
    numc_cuda_leave(m);
    return status;
}

static int32_t synchronize(void *opened)
{
    numc_cuda_machine *m = opened;
    if (records(m))
        return cannot_record(m, "waiting");
    int32_t status = numc_cuda_enter(m);
    if (status != NUMC_OK)
        return status;
    status = numc_cuda_check(m, m->cu.cuStreamSynchronize(m->stream), "waiting for the stream");
    numc_cuda_leave(m);
    return status;
}

/* ---- modules ------------------------------------------------------------------------------------------------------------- */

/* No contraction; division, roots and small numbers of float32 as the standard has them, which are the compiler's defaults, said
 * here so that they are part of what the cache knows. */
#define OPTIONS "--fmad=false", "--prec-div=true", "--prec-sqrt=true", "--ftz=false", "--disable-warnings"
#define OPTIONS_TEXT "--fmad=false --prec-div=true --prec-sqrt=true --ftz=false"

typedef struct cuda_module {
    void *handle;
    char *image; /* device code, or PTX with its zero */
    size_t size;
} cuda_module;

static void module_free(void *opened, void *module)
{
    numc_cuda_machine *m = opened;
    cuda_module *made = module;
    if (made == NULL)
        return;
    if (made->handle != NULL && atomic_load(&m->lost) == 0 && m->cu.cuCtxPushCurrent_v2(m->context) == 0) {
        (void)m->cu.cuStreamSynchronize(m->stream); /* its kernels may still be in the queue */
        (void)m->cu.cuModuleUnload(made->handle);
        numc_cuda_leave(m);
    }
    drop(m->host, made->image, made->size);
    drop(m->host, made, sizeof *made);
}

/* A module of `size` bytes to be filled in. */
static cuda_module *module_new(numc_cuda_machine *m, uint64_t size)
{
    cuda_module *made = new_zeroed(m->host, sizeof *made);
    if (made == NULL)
        return NULL;
    made->size = (size_t)size;
    made->image = size > 0 && size <= SIZE_MAX ? new_zeroed(m->host, (size_t)size) : NULL;
    if (made->image == NULL) {
        drop(m->host, made, sizeof *made);
        return NULL;
    }
    return made;
}

/* Hands the image to the driver; a failure frees the module. */
static int32_t module_start(numc_cuda_machine *m, cuda_module *made, void **module)
{
    int32_t status = numc_cuda_enter(m);
    if (status == NUMC_OK) {
        status = numc_cuda_check(m, m->cu.cuModuleLoadData(&made->handle, made->image), "loading a program");
        if (status != NUMC_OK)
            made->handle = NULL;
        numc_cuda_leave(m);
    }
    if (status == NUMC_OK)
        *module = made;
    else
        module_free(m, made);
    return status;
}

/* The compiler's complaint, as much of it as a message holds. */
static int32_t compiler_failed(numc_cuda_machine *m, void *program, int result)
{
    char message[NUMC_CUDA_MESSAGE];
    size_t size = 0;
    char *log = NULL;
    if (program != NULL && m->rtc.nvrtcGetProgramLogSize(program, &size) == 0 && size > 1)
        log = new_zeroed(m->host, size);
    if (log != NULL && m->rtc.nvrtcGetProgramLog(program, log) == 0)
        log[size - 1] = '\0';
    (void)snprintf(message, sizeof message, "NVRTC could not compile a program (%s, %s): %s", m->target,
                   m->rtc.nvrtcGetErrorString(result), log != NULL ? log : "it left no log");
    drop(m->host, log, size);
    return numc_cuda_fail(m->host, NUMC_BACKEND, message);
}

static int32_t module_build(void *opened, const char *text, void **module)
{
    numc_cuda_machine *m = opened;
    const char *const options[] = {m->target, OPTIONS};
    void *program = NULL;
    cuda_module *made = NULL;
    size_t size = 0;
    *module = NULL;
    int result = m->rtc.nvrtcCreateProgram(&program, text, "numc.cu", 0, NULL, NULL);
    if (result != 0)
        return compiler_failed(m, NULL, result);
    int32_t status = NUMC_OK;
    result = m->rtc.nvrtcCompileProgram(program, (int)(sizeof options / sizeof *options), options);
    if (result == 0)
        result = m->binary ? m->rtc.nvrtcGetCUBINSize(program, &size) : m->rtc.nvrtcGetPTXSize(program, &size);
    if (result != 0 || size == 0)
        status = compiler_failed(m, program, result);
    if (status == NUMC_OK) {
        made = module_new(m, size);
        if (made == NULL)
            status = numc_cuda_fail(m->host, NUMC_MEMORY, "out of memory on the host for a program");
    }
    if (status == NUMC_OK) {
        result = m->binary ? m->rtc.nvrtcGetCUBIN(program, made->image) : m->rtc.nvrtcGetPTX(program, made->image);
        if (result != 0) {
            status = compiler_failed(m, program, result);
            module_free(m, made);
        }
    }
    (void)m->rtc.nvrtcDestroyProgram(&program);
    return status == NUMC_OK ? module_start(m, made, module) : status;
}

static int32_t module_binary(void *opened, void *module, void **bytes, uint64_t *size)
{
    numc_cuda_machine *m = opened;
    const cuda_module *made = module;
    *size = 0;
    *bytes = new_zeroed(m->host, made->size);
    if (*bytes == NULL)
        return numc_cuda_fail(m->host, NUMC_MEMORY, "out of memory on the host for a program");
    memcpy(*bytes, made->image, made->size);
    *size = made->size;
    return NUMC_OK;
}

static int32_t module_load(void *opened, const void *bytes, uint64_t size, void **module)
{
    numc_cuda_machine *m = opened;
    *module = NULL;
    if (size == 0 || (!m->binary && ((const char *)bytes)[size - 1] != '\0'))
        return numc_cuda_fail(m->host, NUMC_BACKEND, "a stored program is not whole");
    cuda_module *made = module_new(m, size);
    if (made == NULL)
        return numc_cuda_fail(m->host, NUMC_MEMORY, "out of memory on the host for a program");
    memcpy(made->image, bytes, (size_t)size);
    return module_start(m, made, module);
}

/* ---- kernels ------------------------------------------------------------------------------------------------------------- */

typedef struct argument {
    uint64_t here;  /* a value of up to 8 bytes */
    void *elsewhere; /* a longer one */
    size_t size;     /* 0: not set */
} argument;

typedef struct cuda_kernel {
    void *function;
    argument *arguments;
    void **pointers; /* for the launch: where each argument lies */
    uint32_t count, capacity;
} cuda_kernel;

static int32_t kernel_get(void *opened, void *module, const char *name, void **kernel)
{
    numc_cuda_machine *m = opened;
    *kernel = NULL;
    cuda_kernel *made = new_zeroed(m->host, sizeof *made);
    if (made == NULL)
        return numc_cuda_fail(m->host, NUMC_MEMORY, "out of memory on the host for a kernel");
    int32_t status = numc_cuda_enter(m);
    if (status == NUMC_OK) {
        char what[160];
        (void)snprintf(what, sizeof what, "finding the kernel %s", name);
        status = numc_cuda_check(m, m->cu.cuModuleGetFunction(&made->function, ((cuda_module *)module)->handle, name), what);
        numc_cuda_leave(m);
    }
    if (status == NUMC_OK)
        *kernel = made;
    else
        drop(m->host, made, sizeof *made);
    return status;
}

static bool kernel_grow(numc_cuda_machine *m, cuda_kernel *kernel, uint32_t count)
{
    uint32_t capacity = kernel->capacity == 0 ? 8 : kernel->capacity;
    while (capacity < count)
        capacity *= 2;
    argument *arguments = new_zeroed(m->host, capacity * sizeof *arguments);
    void **pointers = new_zeroed(m->host, capacity * sizeof *pointers);
    if (arguments == NULL || pointers == NULL) {
        drop(m->host, arguments, capacity * sizeof *arguments);
        drop(m->host, pointers, capacity * sizeof *pointers);
        return false;
    }
    if (kernel->count > 0)
        memcpy(arguments, kernel->arguments, kernel->count * sizeof *arguments);
    drop(m->host, kernel->arguments, kernel->capacity * sizeof *arguments);
    drop(m->host, kernel->pointers, kernel->capacity * sizeof *pointers);
    kernel->arguments = arguments;
    kernel->pointers = pointers;
    kernel->capacity = capacity;
    for (uint32_t i = 0; i < capacity; i++)
        pointers[i] = arguments[i].elsewhere != NULL ? arguments[i].elsewhere : (void *)&arguments[i].here;
    return true;
}

static int32_t kernel_set(void *opened, void *kernel, uint32_t index, const void *value, uint64_t size)
{
    numc_cuda_machine *m = opened;
    cuda_kernel *k = kernel;
    if (index >= ARGUMENT_BYTES || size == 0 || size > ARGUMENT_BYTES)
        return numc_cuda_fail(m->host, NUMC_UNSUPPORTED, "an argument of a kernel is too large");
    if (index >= k->capacity && !kernel_grow(m, k, index + 1))
        return numc_cuda_fail(m->host, NUMC_MEMORY, "out of memory on the host for a kernel");
    argument *a = &k->arguments[index];
    if (a->elsewhere != NULL && a->size != size) {
        drop(m->host, a->elsewhere, a->size);
        *a = (argument){.size = 0};
    }
    if (size > sizeof a->here && a->elsewhere == NULL) {
        a->elsewhere = new_zeroed(m->host, (size_t)size);
        if (a->elsewhere == NULL)
            return numc_cuda_fail(m->host, NUMC_MEMORY, "out of memory on the host for a kernel");
    }
    k->pointers[index] = a->elsewhere != NULL ? a->elsewhere : (void *)&a->here;
    memcpy(k->pointers[index], value, (size_t)size);
    a->size = (size_t)size;
    if (k->count <= index)
        k->count = index + 1;
    return NUMC_OK;
}

static int32_t kernel_set_memory(void *opened, void *kernel, uint32_t index, void *raw)
{
    const numc_cuda_address address = address_of(raw, 0);
    return kernel_set(opened, kernel, index, &address, sizeof address);
}

static int32_t kernel_enqueue(void *opened, void *kernel, uint64_t groups, uint32_t group)
{
    numc_cuda_machine *m = opened;
    cuda_kernel *k = kernel;
    for (uint32_t i = 0; i < k->count; i++)
        if (k->arguments[i].size == 0)
            return numc_cuda_fail(m->host, NUMC_INTERNAL, "a kernel was run before all its arguments were set");
    if (groups == 0 || groups > 0x7fffffff)
        return numc_cuda_fail(m->host, NUMC_UNSUPPORTED, "a kernel was run with no groups, or with more than 2^31 - 1");
    int32_t status = numc_cuda_enter(m);
    if (status != NUMC_OK)
        return status;
    status = numc_cuda_check(m, m->cu.cuLaunchKernel(k->function, (unsigned int)groups, 1, 1, group, 1, 1, 0, numc_cuda_stream(m), k->pointers,
                                                     NULL), "launching a kernel");
    numc_cuda_leave(m);
    return status;
}

static void kernel_free(void *opened, void *kernel)
{
    numc_cuda_machine *m = opened;
    cuda_kernel *k = kernel;
    if (k == NULL)
        return;
    for (uint32_t i = 0; i < k->count; i++)
        drop(m->host, k->arguments[i].elsewhere, k->arguments[i].size);
    drop(m->host, k->arguments, k->capacity * sizeof *k->arguments);
    drop(m->host, k->pointers, k->capacity * sizeof *k->pointers);
    drop(m->host, k, sizeof *k);
}

/* ---- recordings: CUDA graphs ---------------------------------------------------------------------------------------------- */

/* The thread's calls go to a second stream that captures them, so that the device's queue and other threads are not touched. */
static int32_t record_begin(void *opened)
{
    numc_cuda_machine *m = opened;
    if (records(m))
        return numc_cuda_fail(m->host, NUMC_STATE, "a recording is begun in a recording");
    int32_t status = numc_cuda_enter(m);
    if (status != NUMC_OK)
        return status;
    pthread_mutex_lock(&m->record_lock);
    if (m->capture == NULL) {
        void *stream = NULL;
        status = numc_cuda_check(m, m->cu.cuStreamCreate(&stream, NUMC_CUDA_STREAM_NON_BLOCKING), "making a stream");
        if (status == NUMC_OK)
            m->capture = stream;
    }
    if (status == NUMC_OK)
        status = numc_cuda_check(m, m->cu.cuStreamBeginCapture_v2(m->capture, NUMC_CUDA_CAPTURE_RELAXED), "beginning a graph");
    if (status == NUMC_OK)
        atomic_store(&m->recorder, (uintptr_t)pthread_self());
    else
        pthread_mutex_unlock(&m->record_lock);
    numc_cuda_leave(m);
    return status;
}

/* An ending must end the capture whatever has happened in it. */
static int32_t record_end(void *opened, void **recording)
{
    numc_cuda_machine *m = opened;
    void *graph = NULL, *executable = NULL;
    *recording = NULL;
    if (!records(m))
        return numc_cuda_fail(m->host, NUMC_STATE, "a recording is ended that was not begun");
    int32_t status = numc_cuda_enter(m);
    if (status == NUMC_OK) {
        status = numc_cuda_check(m, m->cu.cuStreamEndCapture(m->capture, &graph), "ending a graph");
        if (status == NUMC_OK && graph != NULL)
            status = numc_cuda_check(m, m->cu.cuGraphInstantiateWithFlags(&executable, graph, 0), "making a graph");
        if (graph != NULL)
            (void)m->cu.cuGraphDestroy(graph);
        numc_cuda_leave(m);
    }
    atomic_store(&m->recorder, (uintptr_t)0);
    pthread_mutex_unlock(&m->record_lock);
    if (status == NUMC_OK)
        *recording = executable;
    return status;
}

static int32_t record_run(void *opened, void *recording)
{
    numc_cuda_machine *m = opened;
    if (records(m))
        return cannot_record(m, "a recording");
    int32_t status = numc_cuda_enter(m);
    if (status != NUMC_OK)
        return status;
    status = numc_cuda_check(m, m->cu.cuGraphLaunch(recording, m->stream), "launching a graph");
    numc_cuda_leave(m);
    return status;
}

static void record_free(void *opened, void *recording)
{
    numc_cuda_machine *m = opened;
    if (recording == NULL || atomic_load(&m->lost) != 0 || m->cu.cuCtxPushCurrent_v2(m->context) != 0)
        return;
    (void)m->cu.cuStreamSynchronize(m->stream);
    (void)m->cu.cuGraphExecDestroy(recording);
    numc_cuda_leave(m);
}

/* ---- the plugin ---------------------------------------------------------------------------------------------------------- */

const numc_gpu_runtime numc_gpu_runtime_here = {
    .name = "cuda",
    .dialect = NUMC_DIALECT_CUDA,
    .options = OPTIONS_TEXT,
    .device_count = device_count,
    .device_facts = device_facts,
    .open = open_machine,
    .close = close_machine,
    .allocate = allocate,
    .free = release,
    .upload = upload,
    .download = download,
    .read_begin = read_begin,
    .read_end = read_end,
    .copy = copy,
    .synchronize = synchronize,
    .module_build = module_build,
    .module_binary = module_binary,
    .module_load = module_load,
    .module_free = module_free,
    .kernel_get = kernel_get,
    .kernel_set_memory = kernel_set_memory,
    .kernel_set = kernel_set,
    .kernel_enqueue = kernel_enqueue,
    .kernel_free = kernel_free,
    .gemm = numc_cuda_gemm,
    .potrf = numc_cuda_potrf,
    .record_begin = record_begin,
    .record_end = record_end,
    .record_run = record_run,
    .record_free = record_free,
};
