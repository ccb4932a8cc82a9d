/* module.c - program text made into modules: what it needs of the scalar kernel and of the dialect's names in front, found again in
 * memory by the text, on disk by all that decides what comes out, and otherwise compiled. A module that is only noted is compiled when
 * its kernel is first asked for, in one program with all that wait then: the launches of a gradient cost one compilation. Also the
 * kernels of the fixed texts of this folder. */
#include <stdarg.h>
#include <stdio.h>

#include "gpu/internal.h"

/* The scalar kernel as text, and what devices without float64 have in its place, made by src/kernel/make_text.py. */
extern const char numc__kernel_library[], numc__kernel_narrow[];

static const char *library_of(const numc_device *device)
{
    return device->facts.float64 ? numc__kernel_library : numc__kernel_narrow;
}

/* ---- text that grows ---------------------------------------------------------------------------------------------------- */

void numc_gpu_text_add(numc_gpu_text *text, const char *more, size_t size)
{
    if (text->failed)
        return;
    if (text->size + size + 1 > text->capacity) {
        size_t capacity = 2 * (text->size + size) + 4096;
        const numc_host *host = text->device->host;
        char *grown = host->allocate(host->user, text->data, text->capacity, capacity);
        if (grown == NULL) {
            text->failed = true;
            return;
        }
        text->data = grown;
        text->capacity = capacity;
    }
    memcpy(text->data + text->size, more, size);
    text->size += size;
    text->data[text->size] = '\0';
}

void numc_gpu_text_format(numc_gpu_text *text, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof line)
        text->failed = true;
    else
        numc_gpu_text_add(text, line, (size_t)length);
}

void numc_gpu_text_end(numc_gpu_text *text)
{
    numc_gpu_delete(text->device, text->data, text->capacity);
    text->data = NULL;
    text->size = text->capacity = 0;
}

const char *numc_gpu_type(uint32_t dtype)
{
    static const char *const names[NUMC_DTYPE_COUNT] = {
        [NUMC_BOOL] = "numc_e_bool",     [NUMC_INT8] = "numc_e_int8",       [NUMC_INT16] = "numc_e_int16",
        [NUMC_INT32] = "numc_e_int32",   [NUMC_INT64] = "numc_e_int64",     [NUMC_UINT8] = "numc_e_uint8",
        [NUMC_UINT16] = "numc_e_uint16", [NUMC_UINT32] = "numc_e_uint32",   [NUMC_UINT64] = "numc_e_uint64",
        [NUMC_FLOAT32] = "numc_e_float32", [NUMC_FLOAT64] = "numc_e_float64",
    };
    return dtype < NUMC_DTYPE_COUNT && names[dtype] != NULL ? names[dtype] : "";
}

/* ---- programs ----------------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(const char *bytes, size_t size, uint64_t hash)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

#define HASH_START UINT64_C(0xcbf29ce484222325)

int32_t numc_gpu_modules_begin(numc_device *device)
{
    const numc_host *host = device->host;
    const numc_kernel_source nothing = {.size = sizeof nothing, .level = 1};
    char *emitted;
    uint64_t size;
    int32_t status = host->kernel_emit(host->user, &nothing, device->runtime->dialect, "numc_g_none", &emitted, &size);
    if (status != NUMC_OK)
        return status;
    const char *from = strchr(emitted, '\n') + 1, *end = from; /* behind the inclusion of the library, to the last #endif */
    for (const char *at = from; (at = strstr(at, "#endif\n")) != NULL;)
        end = at += strlen("#endif\n");
    size_t length = (size_t)(end - from);
    char *prologue = numc_gpu_new(device, length + 1);
    if (prologue != NULL) {
        memcpy(prologue, from, length);
        device->pieces = numc__pieces_new(host->allocate, host->user, (const char *const[]){library_of(device), prologue, NULL});
    }
    (void)host->allocate(host->user, emitted, size, 0);
    if (device->pieces == NULL) {
        numc_gpu_delete(device, prologue, length + 1);
        return numc_gpu_fail(device, NUMC_MEMORY, "out of memory for the text of programs");
    }
    device->prologue = prologue;
    device->prologue_size = length;
    return NUMC_OK;
}

void numc_gpu_modules_end(numc_device *device)
{
    numc__pieces_end(device->pieces);
    if (device->prologue != NULL)
        numc_gpu_delete(device, device->prologue, device->prologue_size + 1);
}

/* All that decides what a compiler makes of the text. */
static void add_key(numc_gpu_text *key, const numc_device *device, const char *text, size_t size)
{
    const numc_gpu_runtime *runtime = device->runtime;
    const char *library = library_of(device);
    size_t length = strlen(library);
    uint64_t hash = hash_of(device->prologue, device->prologue_size, hash_of(library, length, HASH_START));
    numc_gpu_text_format(key, "%s | %s | %s | %s | %s | %llx %zu\n", runtime->name, runtime->options, device->facts.name,
                         device->facts.driver, NUMC_BUILD_ID, (unsigned long long)hash, length + device->prologue_size);
    numc_gpu_text_add(key, text, size);
}

/* NULL: there is none. */
static void *read_from_disk(numc_device *device, const numc_gpu_text *key, uint64_t *size)
{
    const numc_host *host = device->host;
    bool has = host->size >= offsetof(numc_host, cache_put) + sizeof host->cache_put;
    return has && !key->failed ? host->cache_find(host->user, key->data, key->size, size) : NULL;
}

static void write_to_disk(numc_device *device, void *own, const numc_gpu_text *key)
{
    const numc_host *host = device->host;
    void *bytes;
    uint64_t size;
    if (host->size < offsetof(numc_host, cache_put) + sizeof host->cache_put || key->failed
        || device->runtime->module_binary(device->machine, own, &bytes, &size) != NUMC_OK)
        return;
    host->cache_put(host->user, key->data, key->size, bytes, size);
    (void)host->allocate(host->user, bytes, size, 0);
}

static void take(void *to, const char *text, size_t size)
{
    numc_gpu_text_add(to, text, size);
}

/* A program of its own from text; `building` is held. */
static int32_t make(numc_device *device, const char *text, size_t size, numc_gpu_program **program)
{
    numc_gpu_text key = {.device = device}, whole = {.device = device};
    uint64_t bytes = 0;
    *program = NULL;
    numc_gpu_program *made = numc_gpu_new(device, sizeof *made);
    if (made == NULL)
        return numc_gpu_fail(device, NUMC_MEMORY, "out of memory for a program");
    add_key(&key, device, text, size);
    void *binary = read_from_disk(device, &key, &bytes);
    int32_t status = NUMC_UNSUPPORTED;
    if (binary != NULL) {
        status = device->runtime->module_load(device->machine, binary, bytes, &made->own);
        (void)device->host->allocate(device->host->user, binary, bytes, 0);
    }
    bool loaded = status == NUMC_OK;
    if (!loaded) {
        numc_gpu_text_format(&whole, "#define NUMC_E_GROUP %d\n", NUMC_GPU_GROUP);
        whole.failed |= !numc__pieces_choose(device->pieces, text, size, take, &whole);
        numc_gpu_text_add(&whole, text, size);
        status = whole.failed ? numc_gpu_fail(device, NUMC_MEMORY, "out of memory for the text of a program")
                              : device->runtime->module_build(device->machine, whole.data, &made->own);
        if (status == NUMC_OK)
            write_to_disk(device, made->own, &key);
    }
    if (status == NUMC_OK) {
        numc_gpu_count(loaded ? &device->counts.programs_read : &device->counts.programs_built, 1);
        *program = made;
    } else
        numc_gpu_delete(device, made, sizeof *made);
    numc_gpu_text_end(&key);
    numc_gpu_text_end(&whole);
    return status;
}

/* ---- several kernels in one program ------------------------------------------------------------------------------------------ */

enum { TOGETHER = 64 }; /* kernels of one program at most */

/* A kernel's text under another name than NUMC_GPU_ENTRY. */
static void add_renamed(numc_gpu_text *text, const numc_gpu_module *module, const char *name)
{
    const char *at = module->text, *end = module->text + module->text_size;
    for (const char *found; (found = strstr(at, NUMC_GPU_ENTRY)) != NULL; at = found + strlen(NUMC_GPU_ENTRY)) {
        numc_gpu_text_add(text, at, (size_t)(found - at));
        numc_gpu_text_add(text, name, strlen(name));
    }
    numc_gpu_text_add(text, at, (size_t)(end - at));
}

/* Takes `module` and others that wait into `taken`, a reference each. */
static uint32_t take_waiting(numc_device *device, numc_gpu_module *module, numc_gpu_module **taken)
{
    uint32_t count = 0;
    pthread_mutex_lock(&device->lock);
    taken[count++] = module;
    module->references++;
    for (numc_gpu_module *m = device->waiting; m != NULL && !module->alone && count < TOGETHER; m = m->next_waiting)
        if (m != module && !m->alone) {
            taken[count++] = m;
            m->references++;
        }
    pthread_mutex_unlock(&device->lock);
    return count;
}

static void stop_waiting(numc_device *device, numc_gpu_module *module)
{
    for (numc_gpu_module **m = &device->waiting; *m != NULL; m = &(*m)->next_waiting)
        if (*m == module) {
            *m = module->next_waiting;
            return;
        }
}

/* What waits is compiled with `module`, oldest first, so that the same program asks for the same text again. Where that fails each goes
 * alone, so that an error is that of the kernel which has it. `building` is held. */
static int32_t build(numc_device *device, numc_gpu_module *module)
{
    numc_gpu_module *taken[TOGETHER];
    char names[TOGETHER][32];
    uint32_t count = take_waiting(device, module, taken);
    numc_gpu_program *program = NULL;
    numc_gpu_text text = {.device = device};
    for (uint32_t k = 0; k < count; k++) {
        (void)snprintf(names[k], sizeof names[k], count > 1 ? NUMC_GPU_ENTRY "_%u" : NUMC_GPU_ENTRY, (unsigned)k);
        add_renamed(&text, taken[count - 1 - k], names[k]);
    }
    int32_t status = text.failed ? numc_gpu_fail(device, NUMC_MEMORY, "out of memory for the text of a program")
                                 : make(device, text.data, text.size, &program);
    numc_gpu_text_end(&text);
    pthread_mutex_lock(&device->lock);
    for (uint32_t k = 0; k < count; k++) {
        numc_gpu_module *m = taken[count - 1 - k];
        if (status == NUMC_OK) {
            m->program = program;
            memcpy(m->entry, names[k], sizeof m->entry);
            program->references++;
            stop_waiting(device, m);
        } else
            m->alone = true;
    }
    pthread_mutex_unlock(&device->lock);
    for (uint32_t k = 0; k < count; k++)
        numc_gpu_module_drop(device, taken[k]);
    return status != NUMC_OK && count > 1 ? build(device, module) : status;
}

/* ---- modules ------------------------------------------------------------------------------------------------------------ */

/* The lock is held. */
static numc_gpu_module *find(numc_device *device, const char *text, size_t size, uint64_t hash)
{
    for (numc_gpu_module *m = device->modules[hash % NUMC_GPU_BUCKETS]; m != NULL; m = m->next)
        if (m->hash == hash && m->text_size == size && memcmp(m->text, text, size) == 0) {
            m->references++;
            return m;
        }
    return NULL;
}

static int32_t enter(numc_device *device, const char *text, size_t size, bool alone, numc_gpu_module **module)
{
    uint64_t hash = hash_of(text, size, HASH_START);
    numc_gpu_module *made = numc_gpu_new(device, sizeof *made);
    char *copy = made != NULL ? numc_gpu_new(device, size + 1) : NULL;
    if (copy == NULL) {
        numc_gpu_delete(device, made, sizeof *made);
        return numc_gpu_fail(device, NUMC_MEMORY, "out of memory for a program");
    }
    memcpy(copy, text, size);
    *made = (numc_gpu_module){.text = copy, .text_size = size, .hash = hash, .references = 1, .alone = alone};
    pthread_mutex_lock(&device->lock);
    *module = find(device, text, size, hash);
    bool first = *module == NULL;
    if (first) {
        made->next = device->modules[hash % NUMC_GPU_BUCKETS];
        device->modules[hash % NUMC_GPU_BUCKETS] = *module = made;
        made->next_waiting = device->waiting;
        device->waiting = made;
    }
    pthread_mutex_unlock(&device->lock);
    if (!first) {
        numc_gpu_delete(device, copy, size + 1);
        numc_gpu_delete(device, made, sizeof *made);
    }
    return NUMC_OK;
}

/* What stands in front of emitted kernels comes with every program. */
int32_t numc_gpu_module_note(numc_device *device, const char *text, size_t size, numc_gpu_module **module)
{
    size_t prologue = device->prologue_size;
    bool has = size > prologue && memcmp(text, device->prologue, prologue) == 0;
    return enter(device, has ? text + prologue : text, has ? size - prologue : size, false, module);
}

static int32_t ensure_built(numc_device *device, numc_gpu_module *module)
{
    pthread_mutex_lock(&device->building);
    int32_t status = module->program != NULL ? NUMC_OK : build(device, module);
    pthread_mutex_unlock(&device->building);
    return status;
}

int32_t numc_gpu_module_get(numc_device *device, const char *text, size_t size, numc_gpu_module **module)
{
    int32_t status = enter(device, text, size, true, module);
    if (status == NUMC_OK) {
        status = ensure_built(device, *module);
        if (status != NUMC_OK)
            numc_gpu_module_drop(device, *module);
    }
    if (status != NUMC_OK)
        *module = NULL;
    return status;
}

void numc_gpu_module_drop(numc_device *device, numc_gpu_module *module)
{
    if (module == NULL)
        return;
    pthread_mutex_lock(&device->lock);
    bool last = --module->references == 0;
    for (numc_gpu_module **m = &device->modules[module->hash % NUMC_GPU_BUCKETS]; last && *m != NULL; m = &(*m)->next)
        if (*m == module) {
            *m = module->next;
            break;
        }
    numc_gpu_program *program = last ? module->program : NULL;
    if (last)
        stop_waiting(device, module);
    bool end = program != NULL && --program->references == 0;
    pthread_mutex_unlock(&device->lock);
    if (end) {
        device->runtime->module_free(device->machine, program->own);
        numc_gpu_delete(device, program, sizeof *program);
    }
    if (last) {
        numc_gpu_delete(device, module->text, module->text_size + 1);
        numc_gpu_delete(device, module, sizeof *module);
    }
}

int32_t numc_gpu_kernel(numc_device *device, numc_gpu_module *module, const char *name, void **kernel)
{
    int32_t status = ensure_built(device, module);
    if (status != NUMC_OK)
        return status;
    return device->runtime->kernel_get(device->machine, module->program->own, name != NULL ? name : module->entry, kernel);
}

/* ---- fixed texts --------------------------------------------------------------------------------------------------------- */

/* What fixed texts are written in; NUMC_E_* are the prologue of an emitted kernel. INSIDE: functions that are given shared memory. PoCL takes
 * that for every group's own only where the kernel itself names it, and a function of its own may come to name it when it is optimised. */
static const char names_opencl[] =
    "#define KERNEL __kernel void\n#define GLOBAL __global\n#define LOCAL __local\n#define SHARED __local\n"
    "#define INSIDE static inline __attribute__((always_inline))\n";
static const char names_cuda[] =
    "#define KERNEL extern \"C\" __global__ void\n#define GLOBAL\n#define LOCAL\n#define SHARED __shared__\n"
    "#define INSIDE FN\n";
static const char names_shared[] =
    "typedef numc_k_i64 word;\n"
    "struct numc_g_words {\n    word w[64];\n};\n"
    "#define WORDS const struct numc_g_words words\n#define W(k) words.w[k]\n"
    "#define ITEM NUMC_E_ITEM\n#define NUMBER NUMC_E_NUMBER\n#define FIRST NUMC_E_FIRST\n#define STEP NUMC_E_STEP\n"
    "#define BARRIER NUMC_E_BARRIER\n#define GROUP NUMC_E_GROUP\n#define FN NUMC_KERNEL_FN\n";

int32_t numc_gpu_fixed_kernel(numc_device *device, const char *text, const char *defines, const char *name, void **kernel)
{
    char key[sizeof ((numc_gpu_fixed *)0)->name];
    int length = snprintf(key, sizeof key, "%s/%llx", name,
                          (unsigned long long)hash_of(defines, strlen(defines), hash_of(text, strlen(text), HASH_START)));
    if (length < 0 || (size_t)length >= sizeof key)
        return numc_gpu_fail(device, NUMC_INTERNAL, "the name of a kernel is too long");
    uint64_t bucket = hash_of(key, (size_t)length, HASH_START) % NUMC_GPU_BUCKETS;
    pthread_mutex_lock(&device->lock);
    numc_gpu_fixed *fixed = device->fixed[bucket];
    while (fixed != NULL && strcmp(fixed->name, key) != 0)
        fixed = fixed->next;
    pthread_mutex_unlock(&device->lock);
    if (fixed != NULL) {
        *kernel = fixed->kernel;
        return NUMC_OK;
    }
    numc_gpu_text whole = {.device = device};
    fixed = numc_gpu_new(device, sizeof *fixed);
    int32_t status = fixed == NULL ? numc_gpu_fail(device, NUMC_MEMORY, "out of memory for a kernel") : NUMC_OK;
    if (status == NUMC_OK) {
        const char *names = device->runtime->dialect == NUMC_DIALECT_CUDA ? names_cuda : names_opencl;
        numc_gpu_text_add(&whole, names, strlen(names));
        numc_gpu_text_add(&whole, names_shared, sizeof names_shared - 1);
        numc_gpu_text_add(&whole, defines, strlen(defines));
        numc_gpu_text_add(&whole, text, strlen(text));
        status = whole.failed ? numc_gpu_fail(device, NUMC_MEMORY, "out of memory for the text of a program")
                              : numc_gpu_module_get(device, whole.data, whole.size, &fixed->module);
    }
    if (status == NUMC_OK)
        status = numc_gpu_kernel(device, fixed->module, name, &fixed->kernel);
    numc_gpu_text_end(&whole);
    if (status != NUMC_OK) {
        if (fixed != NULL)
            numc_gpu_module_drop(device, fixed->module);
        numc_gpu_delete(device, fixed, sizeof *fixed);
        return status;
    }
    memcpy(fixed->name, key, (size_t)length + 1);
    pthread_mutex_lock(&device->lock); /* a second one of two threads stays too, unseen, until the device closes */
    fixed->next = device->fixed[bucket];
    device->fixed[bucket] = fixed;
    pthread_mutex_unlock(&device->lock);
    *kernel = fixed->kernel;
    return NUMC_OK;
}

int32_t numc_gpu_fixed_run(numc_device *device, void *kernel, const numc_view *const *views, uint32_t view_count,
                           const int64_t *words, uint32_t word_count, uint64_t groups, uint32_t group)
{
    const numc_gpu_runtime *runtime = device->runtime;
    int64_t all[NUMC_GPU_WORDS] = {0};
    if (groups == 0)
        return NUMC_OK;
    if (word_count > NUMC_GPU_WORDS)
        return numc_gpu_fail(device, NUMC_INTERNAL, "a kernel has too many words");
    memcpy(all, words, word_count * sizeof *all);
    int32_t status = NUMC_OK;
    pthread_mutex_lock(&device->lock);
    for (uint32_t k = 0; k < view_count && status == NUMC_OK; k++)
        status = runtime->kernel_set_memory(device->machine, kernel, k, numc_gpu_raw(views[k]->memory));
    if (status == NUMC_OK)
        status = runtime->kernel_set(device->machine, kernel, view_count, all, sizeof all);
    if (status == NUMC_OK)
        status = runtime->kernel_enqueue(device->machine, kernel, groups, group);
    pthread_mutex_unlock(&device->lock);
    numc_gpu_count(&device->counts.launches, 1);
    return status;
}

/* Enough to fill the device several times over; loops take the rest. */
uint64_t numc_gpu_groups(const numc_device *device, int64_t items)
{
    uint64_t wanted = items <= 0 ? 0 : ((uint64_t)items + NUMC_GPU_GROUP - 1) / NUMC_GPU_GROUP;
    uint64_t most = (uint64_t)(device->facts.units > 0 ? device->facts.units : 1) * 64;
    return wanted < most ? wanted : most;
}
