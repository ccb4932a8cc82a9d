/* kernel.c - kernels of the contract on a device: built when first run, in the form their extents ask for. A small one is a single
 * work item that runs the source as it stands; others are the parts of lower.c, each shared by work items, or by work groups where
 * there are few iterations with long reductions inside. */
#include <stdio.h>

#include "gpu/internal.h"
#include "gpu/lower.h"

/* A form of a part: its text in one of the two ways of sharing. */
typedef struct form {
    numc_gpu_module *module;
    void *kernel; /* used under the device's lock; launches have their own */
} form;

struct numc_kernel {
    numc_kernel_source source; /* with arrays of its own, in `plan`'s stead for the solo form */
    void *memory;
    size_t memory_size;
    numc_gpu_plan plan;
    form solo;
    form *forms; /* [part][items, groups] */
    pthread_mutex_t lock; /* of the forms while they are made */
};

/* One device kernel to be run, as the arguments decide. */
typedef struct stage {
    const numc_gpu_part *part; /* NULL: solo */
    form *form;
    uint64_t groups;
    uint32_t group;
} stage;

/* ---- building ------------------------------------------------------------------------------------------------------------ */

static bool copy_source(numc_device *device, numc_kernel *kernel, const numc_kernel_source *source)
{
    size_t nodes = source->node_count * sizeof *source->nodes, accesses = source->access_count * sizeof *source->accesses;
    size_t locals = source->local_count * sizeof *source->locals, registers = source->register_count * sizeof(uint32_t);
    kernel->memory_size = nodes + accesses + locals + registers;
    kernel->memory = numc_gpu_new(device, kernel->memory_size);
    if (kernel->memory == NULL)
        return false;
    char *next = kernel->memory;
    kernel->source = *source;
#define COPY(field, size)                                                                                              \
    kernel->source.field = (void *)next;                                                                               \
    if ((size) > 0)                                                                                                    \
        memcpy(next, source->field, (size));                                                                           \
    next += (size);
    COPY(nodes, nodes)
    COPY(accesses, accesses)
    COPY(locals, locals)
    COPY(register_dtypes, registers)
#undef COPY
    return true;
}

/* Functions of src/kernel that have no float32 form in narrow.h. */
static bool is_wide(uint32_t operation)
{
    static const uint16_t wide[] = {NUMC_SCALAR_POLYGAMMA, NUMC_SCALAR_BETALN, NUMC_SCALAR_GAMMAINC, NUMC_SCALAR_GAMMAINCC, NUMC_SCALAR_GAMMAINC_DA,
                                    NUMC_SCALAR_GAMMAINCINV, NUMC_SCALAR_GAMMAINCCINV, NUMC_SCALAR_BETAINC, NUMC_SCALAR_BETAINC_DA,
                                    NUMC_SCALAR_BETAINC_DB, NUMC_SCALAR_BETAINCINV, NUMC_SCALAR_RANDOM_GAMMA,
                                    NUMC_SCALAR_RANDOM_LOGGAMMA, NUMC_SCALAR_RANDOM_POISSON, NUMC_SCALAR_RANDOM_BINOMIAL};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (wide[i] == operation)
            return true;
    return false;
}

static bool needs_float64(const numc_kernel_source *source)
{
    for (uint32_t r = 0; r < source->register_count; r++)
        if (source->register_dtypes[r] == NUMC_FLOAT64)
            return true;
    for (uint32_t i = 0; i < source->node_count; i++)
        if (source->nodes[i].kind == NUMC_NODE_SCALAR && is_wide(source->nodes[i].operation))
            return true;
    return false;
}

/* Of a form's arguments at most: the buffers, scratch among them, and words or where they lie. */
static uint64_t argument_bytes(const numc_kernel_source *source)
{
    const uint32_t words = numc_gpu_word_count(source);
    return (source->buffer_count + UINT64_C(1)) * sizeof(void *) + (words <= NUMC_DIALECT_WORDS ? words : 1) * sizeof(int64_t);
}

int32_t numc_gpu_kernel_build(numc_device *device, const numc_kernel_source *source, numc_kernel **kernel)
{
    *kernel = NULL;
    if (device->facts.argument_bytes != 0 && argument_bytes(source) > device->facts.argument_bytes) {
        char message[256];
        (void)snprintf(message, sizeof message, "a kernel of %u arrays has more arguments than %s takes, which is %u bytes",
                       source->buffer_count, device->facts.name, device->facts.argument_bytes);
        return numc_gpu_fail(device, NUMC_UNSUPPORTED, message);
    }
    if (!device->facts.float64 && needs_float64(source)) {
        char message[256];
        (void)snprintf(message, sizeof message, "%s has no float64, in which this kernel computes", device->facts.name);
        return numc_gpu_fail(device, NUMC_UNSUPPORTED, message);
    }
    numc_kernel *made = numc_gpu_new(device, sizeof *made);
    if (made == NULL)
        return numc_gpu_fail(device, NUMC_MEMORY, "out of memory for a kernel");
    bool locked = pthread_mutex_init(&made->lock, NULL) == 0;
    bool good = locked && copy_source(device, made, source) && numc_gpu_plan_make(device->host, &made->source, &made->plan);
    if (good)
        made->forms = numc_gpu_new(device, 2 * made->plan.part_count * sizeof *made->forms);
    if (!good || made->forms == NULL) {
        if (made->plan.host != NULL)
            numc_gpu_plan_end(&made->plan);
        numc_gpu_delete(device, made->memory, made->memory_size);
        if (locked)
            (void)pthread_mutex_destroy(&made->lock);
        numc_gpu_delete(device, made, sizeof *made);
        return numc_gpu_fail(device, NUMC_MEMORY, "out of memory for a kernel");
    }
    *kernel = made;
    return NUMC_OK;
}

static void form_end(numc_device *device, form *f)
{
    if (f->kernel != NULL)
        device->runtime->kernel_free(device->machine, f->kernel);
    numc_gpu_module_drop(device, f->module);
}

void numc_gpu_kernel_release(numc_device *device, numc_kernel *kernel)
{
    if (kernel == NULL)
        return;
    form_end(device, &kernel->solo);
    for (uint32_t k = 0; k < 2 * kernel->plan.part_count; k++)
        form_end(device, &kernel->forms[k]);
    numc_gpu_delete(device, kernel->forms, 2 * kernel->plan.part_count * sizeof *kernel->forms);
    numc_gpu_plan_end(&kernel->plan);
    numc_gpu_delete(device, kernel->memory, kernel->memory_size);
    (void)pthread_mutex_destroy(&kernel->lock);
    numc_gpu_delete(device, kernel, sizeof *kernel);
}

/* The text of a form, noted: it is compiled when it is first run. */
static int32_t form_make(numc_device *device, form *f, const numc_kernel_source *source, bool groups)
{
    const numc_host *host = device->host;
    char *text;
    uint64_t size;
    uint32_t dialect = device->runtime->dialect | (groups ? (uint32_t)NUMC_DIALECT_GROUPS : 0u);
    int32_t status = host->kernel_emit(host->user, source, dialect, NUMC_GPU_ENTRY, &text, &size);
    if (status != NUMC_OK)
        return status;
    const char *from = strchr(text, '\n') + 1; /* the scalar kernel comes with every module */
    status = numc_gpu_module_note(device, from, strlen(from), &f->module);
    (void)host->allocate(host->user, text, size, 0);
    return status;
}

static int32_t form_get(numc_device *device, numc_kernel *kernel, form *f, const numc_kernel_source *source, bool groups)
{
    pthread_mutex_lock(&kernel->lock);
    int32_t status = f->module != NULL ? NUMC_OK : form_make(device, f, source, groups);
    pthread_mutex_unlock(&kernel->lock);
    return status;
}

/* ---- how it is run --------------------------------------------------------------------------------------------------------- */

static bool runs_solo(const numc_device *device, const numc_kernel *kernel, const numc_kernel_arguments *arguments)
{
    if (kernel->plan.whole)
        return false;
    return numc_gpu_work(&kernel->source, arguments->extents) <= 8 * device->solo;
}

/* The form of one part, and how many groups; groups 0: nothing to do. `words` has room for the part's. */
static int32_t stage_of(numc_device *device, numc_kernel *kernel, uint32_t number, const int64_t *words, stage *s)
{
    const numc_gpu_part *part = &kernel->plan.parts[number];
    bool groups = part->kind == NUMC_GPU_GROUP_OF_ONE || part->pieces;
    s->part = part;
    s->groups = 1;
    s->group = part->kind == NUMC_GPU_ONE ? 1 : device->group;
    if (part->kind == NUMC_GPU_FLAT) {
        int64_t inner, flat = numc_gpu_flat(part, words, &inner);
        int64_t wanted = (int64_t)device->facts.units * (device->facts.serial ? 4 : 512);
        if (part->groupable && !part->pieces)
            groups = inner >= 2 * NUMC_GPU_GROUP && flat < wanted && flat > 0;
        s->groups = groups ? (uint64_t)flat : numc_gpu_groups(device, flat);
        if (s->groups == 0)
            return NUMC_OK;
    }
    s->form = &kernel->forms[2 * number + (groups ? 1 : 0)];
    return form_get(device, kernel, s->form, &part->source, groups);
}

static int32_t set_all(numc_device *device, void *kernel, const numc_kernel_source *source, const int32_t *buffers,
                       const numc_kernel_arguments *arguments, void *scratch, const int64_t *words, void *words_memory)
{
    const numc_gpu_runtime *runtime = device->runtime;
    int32_t status = NUMC_OK;
    for (uint32_t b = 0; b < source->buffer_count && status == NUMC_OK; b++) {
        int32_t number = buffers != NULL ? buffers[b] : (int32_t)b;
        void *memory = number < 0 ? scratch : arguments->buffers[number];
        status = runtime->kernel_set_memory(device->machine, kernel, b, numc_gpu_raw(memory));
    }
    uint32_t count = numc_gpu_word_count(source);
    if (status != NUMC_OK)
        return status;
    if (words_memory != NULL)
        return runtime->kernel_set_memory(device->machine, kernel, source->buffer_count, numc_gpu_raw(words_memory));
    return runtime->kernel_set(device->machine, kernel, source->buffer_count, words, (count > 0 ? count : 1) * sizeof *words);
}

/* The words of a source as it stands. */
static void solo_words(const numc_kernel_source *s, const numc_kernel_arguments *arguments, int64_t *words)
{
    size_t strides = s->access_count * (size_t)(s->depth + 1);
    if (s->extent_count > 0)
        memcpy(words, arguments->extents, s->extent_count * sizeof *words);
    words += s->extent_count;
    if (s->access_count > 0) {
        memcpy(words, arguments->offsets, s->access_count * sizeof *words);
        memcpy(words + s->access_count, arguments->strides, strides * sizeof *words);
    }
    words += s->access_count + strides;
    if (s->constant_count > 0)
        memcpy(words, arguments->constants, s->constant_count * sizeof *words);
}

static uint32_t most_words(const numc_kernel *kernel)
{
    uint32_t most = numc_gpu_word_count(&kernel->source) + 1;
    for (uint32_t k = 0; k < kernel->plan.part_count; k++) {
        uint32_t count = numc_gpu_word_count(&kernel->plan.parts[k].source) + 1;
        most = count > most ? count : most;
    }
    return most;
}

/* Prepared when first run, so that what a gradient launches is known before any of it is compiled (module.c). */
struct numc_launch {
    size_t size;
    numc_kernel *kernel;
    numc_kernel_arguments arguments; /* copies, behind the stages */
    bool ready;
    uint32_t count;
    void *scratch;
    uint64_t scratch_bytes;
    struct {
        void *kernel; /* its own, with its arguments */
        void *words;
        uint64_t words_bytes, groups;
        uint32_t group;
    } stages[];
};

static int32_t words_to_device(numc_device *device, const int64_t *words, uint32_t count, void **memory)
{
    uint64_t bytes = count * sizeof *words;
    *memory = NULL;
    if (count <= NUMC_DIALECT_WORDS)
        return NUMC_OK;
    int32_t status = numc_gpu_memory_allocate(device, bytes, memory);
    if (status == NUMC_OK) {
        status = numc_gpu_memory_upload(device, *memory, 0, words, bytes);
        if (status != NUMC_OK)
            numc_gpu_memory_release(device, *memory, bytes);
    }
    return status;
}

static int32_t form_kernel(numc_device *device, numc_kernel *kernel, form *f)
{
    pthread_mutex_lock(&kernel->lock);
    int32_t status = f->kernel != NULL ? NUMC_OK : numc_gpu_kernel(device, f->module, NULL, &f->kernel);
    pthread_mutex_unlock(&kernel->lock);
    return status;
}

static int32_t run_now(numc_device *device, numc_kernel *kernel, const stage *s, const numc_kernel_source *source, const numc_kernel_arguments *arguments,
                       void *scratch, const int64_t *words)
{
    void *memory;
    uint32_t count = numc_gpu_word_count(source);
    int32_t status = form_kernel(device, kernel, s->form);
    if (status == NUMC_OK)
        status = words_to_device(device, words, count, &memory);
    if (status != NUMC_OK)
        return status;
    pthread_mutex_lock(&device->lock);
    status = set_all(device, s->form->kernel, source, s->part != NULL ? s->part->buffers : NULL, arguments, scratch, words, memory);
    if (status == NUMC_OK)
        status = device->runtime->kernel_enqueue(device->machine, s->form->kernel, s->groups, s->group);
    pthread_mutex_unlock(&device->lock);
    numc_gpu_count(&device->counts.launches, 1);
    if (memory != NULL)
        numc_gpu_memory_release(device, memory, count * sizeof *words);
    return status;
}

static int32_t keep(numc_device *device, numc_launch *launch, const stage *s, const numc_kernel_source *source,
                    const numc_kernel_arguments *arguments, const int64_t *words)
{
    uint32_t count = numc_gpu_word_count(source), at = launch->count;
    int32_t status = numc_gpu_kernel(device, s->form->module, NULL, &launch->stages[at].kernel);
    if (status != NUMC_OK)
        return status;
    launch->count++;
    launch->stages[at].groups = s->groups;
    launch->stages[at].group = s->group;
    launch->stages[at].words_bytes = count * sizeof *words;
    status = words_to_device(device, words, count, &launch->stages[at].words);
    if (status != NUMC_OK) {
        launch->stages[at].words = NULL;
        return status;
    }
    return set_all(device, launch->stages[at].kernel, source, s->part != NULL ? s->part->buffers : NULL, arguments, launch->scratch,
                   words, launch->stages[at].words);
}

typedef enum purpose { NOTE, KEEP, RUN } purpose;

static int32_t do_stage(numc_device *device, numc_kernel *kernel, const stage *s, const numc_kernel_source *source,
                        const numc_kernel_arguments *arguments, void *scratch, const int64_t *words, purpose what, numc_launch *launch)
{
    if (what == NOTE)
        return NUMC_OK;
    return what == KEEP ? keep(device, launch, s, source, arguments, words)
                        : run_now(device, kernel, s, source, arguments, scratch, words);
}

/* Every stage: its text is noted, it becomes a part of `launch`, or it runs. */
static int32_t each_stage(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *arguments, void *scratch,
                          purpose what, numc_launch *launch)
{
    int64_t few[192], *words = few;
    uint32_t room = most_words(kernel);
    stage s = {.groups = 1, .group = 1, .form = &kernel->solo};
    int32_t status = NUMC_OK;
    if (room > sizeof few / sizeof *few && (words = numc_gpu_new(device, room * sizeof *words)) == NULL)
        return numc_gpu_fail(device, NUMC_MEMORY, "out of memory for a launch");
    if (runs_solo(device, kernel, arguments)) {
        solo_words(&kernel->source, arguments, words);
        status = form_get(device, kernel, &kernel->solo, &kernel->source, false);
        if (status == NUMC_OK)
            status = do_stage(device, kernel, &s, &kernel->source, arguments, scratch, words, what, launch);
    } else {
        for (uint32_t k = 0; k < kernel->plan.part_count && status == NUMC_OK; k++) {
            const numc_gpu_part *part = &kernel->plan.parts[k];
            numc_gpu_words(&kernel->plan, part, arguments, words);
            status = stage_of(device, kernel, k, words, &s);
            if (status == NUMC_OK && s.groups > 0)
                status = do_stage(device, kernel, &s, &part->source, arguments, scratch, words, what, launch);
        }
    }
    if (words != few)
        numc_gpu_delete(device, words, room * sizeof *words);
    return status;
}

int32_t numc_gpu_kernel_run(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *arguments)
{
    void *scratch = NULL;
    uint64_t bytes = numc_gpu_scratch_bytes(&kernel->plan);
    int32_t status = bytes > 0 ? numc_gpu_memory_allocate(device, bytes, &scratch) : NUMC_OK;
    if (status != NUMC_OK)
        return status;
    if (kernel->plan.part_count > 1) /* compiled together */
        status = each_stage(device, kernel, arguments, scratch, NOTE, NULL);
    if (status == NUMC_OK)
        status = each_stage(device, kernel, arguments, scratch, RUN, NULL);
    if (scratch != NULL)
        numc_gpu_memory_release(device, scratch, bytes);
    return status;
}

/* ---- launches -------------------------------------------------------------------------------------------------------------- */

static void forget(numc_device *device, numc_launch *launch)
{
    for (uint32_t k = 0; k < launch->count; k++) {
        device->runtime->kernel_free(device->machine, launch->stages[k].kernel);
        if (launch->stages[k].words != NULL)
            numc_gpu_memory_release(device, launch->stages[k].words, launch->stages[k].words_bytes);
    }
    launch->count = 0;
}

void numc_gpu_launch_release(numc_device *device, numc_launch *launch)
{
    if (launch == NULL)
        return;
    forget(device, launch);
    if (launch->scratch != NULL)
        numc_gpu_memory_release(device, launch->scratch, launch->scratch_bytes);
    numc_gpu_delete(device, launch, launch->size);
}

static void *copied(char **next, const void *from, size_t bytes)
{
    void *to = *next;
    if (bytes > 0)
        memcpy(to, from, bytes);
    *next += bytes;
    return to;
}

int32_t numc_gpu_launch_prepare(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *arguments,
                                numc_launch **launch)
{
    const numc_kernel_source *s = &kernel->source;
    uint32_t stages = kernel->plan.part_count > 0 ? kernel->plan.part_count : 1;
    size_t front = sizeof(numc_launch) + stages * sizeof ((numc_launch *)0)->stages[0];
    size_t words = s->extent_count + (size_t)s->access_count * (s->depth + (size_t)2) + s->constant_count;
    size_t size = front + s->buffer_count * sizeof(void *) + words * sizeof(int64_t);
    *launch = NULL;
    numc_launch *made = numc_gpu_new(device, size);
    if (made == NULL)
        return numc_gpu_fail(device, NUMC_MEMORY, "out of memory for a launch");
    made->size = size;
    made->kernel = kernel;
    char *next = (char *)made + front;
    made->arguments.extents = copied(&next, arguments->extents, s->extent_count * sizeof(int64_t));
    made->arguments.offsets = copied(&next, arguments->offsets, s->access_count * sizeof(int64_t));
    made->arguments.strides = copied(&next, arguments->strides, (size_t)s->access_count * (s->depth + (size_t)1) * sizeof(int64_t));
    made->arguments.constants = copied(&next, arguments->constants, s->constant_count * sizeof(int64_t));
    made->arguments.buffers = copied(&next, arguments->buffers, s->buffer_count * sizeof(void *));
    made->scratch_bytes = numc_gpu_scratch_bytes(&kernel->plan);
    int32_t status = NUMC_OK;
    if (made->scratch_bytes > 0)
        status = numc_gpu_memory_allocate(device, made->scratch_bytes, &made->scratch);
    if (status == NUMC_OK)
        status = each_stage(device, kernel, &made->arguments, made->scratch, NOTE, NULL);
    if (status == NUMC_OK)
        *launch = made;
    else
        numc_gpu_launch_release(device, made);
    return status;
}

int32_t numc_gpu_launch_run(numc_device *device, numc_launch *launch)
{
    int32_t status = NUMC_OK;
    if (!launch->ready) {
        status = each_stage(device, launch->kernel, &launch->arguments, launch->scratch, KEEP, launch);
        launch->ready = status == NUMC_OK;
        if (!launch->ready)
            forget(device, launch);
    }
    for (uint32_t k = 0; k < launch->count && status == NUMC_OK; k++)
        status = device->runtime->kernel_enqueue(device->machine, launch->stages[k].kernel, launch->stages[k].groups,
                                                 launch->stages[k].group);
    numc_gpu_count(&device->counts.launches, launch->count);
    return status;
}
