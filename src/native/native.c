/* native.c - units of native code: a queue, one worker thread per core that serves it, and the loading of what was built. */
#include "native/native.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <elf.h>
#include <link.h>
#endif

#include "backend/device.h"
#include "backend/internal.h"
#include "base/containers.h"
#include "base/threads.h"
#include "kernel/pieces.h"
#include "numc_build.h"

extern const char numc__kernel_bare[]; /* the text of src/kernel (make_text.py) */

enum { LIBRARIES = 3 };

/* What programs may use, NULL behind the last. */
static void list_libraries(const char *libraries[LIBRARIES + 1])
{
    libraries[0] = numc__kernel_bare;
    libraries[1] = numc__kernel_prologue[0];
    libraries[2] = numc__kernel_prologue[1];
    libraries[LIBRARIES] = NULL;
}

enum { MOST_FAILURES = 3 }; /* one after another, until a core asks no more; one that takes too long is enough */

/* What a core keeps: the compiler and the store, looked for once, and the worker. */
typedef struct workshop {
    numc_core *core;
    pthread_mutex_t mutex;
    pthread_cond_t work, done;
    pthread_t thread;
    pid_t process; /* that made it: in a child after fork there is no worker, and its locks are as fork found them */
    bool started, quit;
    numc_native *first, *last, *current; /* queue; what the worker builds */
    bool looked, usable; /* compiler and store were looked for; by the first who builds, under `build` */
    pthread_mutex_t build;
    numc_compiler compiler;
    numc_store store;
    char reason[NUMC_NATIVE_REASON]; /* why not usable */
    _Atomic int failures;            /* of the compiler, one after another */
    _Atomic bool reported;           /* a failure was logged: one line is enough */
} workshop;

numc_jit numc__native_mode(const numc_context *context)
{
    static const char *const names[] = {[NUMC_JIT_ON] = "on", [NUMC_JIT_OFF] = "off"};
    const char *text = numc__environment("NUMC_JIT");
    if (context->core->jit != NUMC_JIT_DEFAULT)
        return context->core->jit;
    for (int k = NUMC_JIT_ON; text != NULL && k <= NUMC_JIT_OFF; k++)
        if (strcmp(text, names[k]) == 0)
            return (numc_jit)k;
    return NUMC_JIT_AUTO;
}

/* ---- building ------------------------------------------------------------------------------------------------------------ */

/* Compiler and store; once, and only by who holds `build`. */
static bool look(workshop *shop)
{
    char reason[NUMC_NATIVE_REASON] = "";
    if (shop->looked)
        return shop->usable;
    shop->looked = true;
    shop->usable = numc__compiler_find(&shop->compiler, shop->reason);
    if (shop->usable && !numc__store_open(&shop->store, reason))
        numc__store_complain(shop->core, &shop->store, reason);
    return shop->usable;
}

/* What an object depends on besides its text: a comment at the text's beginning. */
static void write_head(const workshop *shop, numc_text *text)
{
    const char *libraries[LIBRARIES + 1];
    uint64_t hash = 0;
    list_libraries(libraries);
    for (int k = 0; k < LIBRARIES; k++)
        hash = hash * UINT64_C(0x9e3779b97f4a7c15) + numc__hash_name(libraries[k]);
    numc__text_add(text, "/* numc %s %s; kernel %llx; compiler %llx %llu %lld; flags %llx; machine %s */\n", numc_version(), NUMC_BUILD_ID,
                   (unsigned long long)hash, (unsigned long long)numc__hash_name(shop->compiler.path),
                   (unsigned long long)shop->compiler.size, (long long)shop->compiler.modified,
                   (unsigned long long)shop->compiler.flags, shop->compiler.machine);
}

/* An object that was cut off is mapped beyond its end by the loader, which ends the process. */
static bool is_cut(const char *path)
{
    bool whole = false;
#if defined(__linux__)
    ElfW(Ehdr) head;
    ElfW(Phdr) part;
    struct stat facts;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    whole = file >= 0 && fstat(file, &facts) == 0 && pread(file, &head, sizeof head, 0) == (ssize_t)sizeof head
            && memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 && head.e_phentsize == sizeof part;
    for (int k = 0; whole && k < head.e_phnum; k++)
        whole = pread(file, &part, sizeof part, (off_t)head.e_phoff + k * (off_t)sizeof part) == (ssize_t)sizeof part
                && part.p_filesz <= (uint64_t)facts.st_size && part.p_offset <= (uint64_t)facts.st_size - part.p_filesz;
    if (file >= 0)
        (void)close(file);
#else
    (void)path;
    whole = true;
#endif
    return !whole;
}

static bool load(numc_native *native, const char *path, char *reason)
{
    if (is_cut(path)) {
        (void)numc__format(reason, NUMC_NATIVE_REASON, "%s cannot be loaded: it is no whole object", path);
        return false;
    }
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const numc_native_function *functions = object == NULL ? NULL : dlsym(object, "numc_native_functions");
    if (functions == NULL) {
        const char *said = dlerror();
        (void)numc__format(reason, NUMC_NATIVE_REASON, "%s cannot be loaded: %s", path, said != NULL ? said : "no table in it");
        if (object != NULL)
            (void)dlclose(object);
        return false;
    }
    native->object = object;
    atomic_fetch_add(&native->core->programs_native, 1);
    atomic_store_explicit(&native->functions, functions, memory_order_release);
    return true;
}

static void *allocate(void *user, void *pointer, size_t old_size, size_t size)
{
    if (size > 0)
        return numc__core_reallocate(user, pointer, old_size, size);
    numc__core_free(user, pointer, old_size);
    return NULL;
}

static void take(void *to, const char *text, size_t size)
{
    numc__text_add_bytes(to, text, size);
}

/* The object is loaded from where the compiler wrote it: only what turned out to be one is kept in the store. */
static bool compile(workshop *shop, numc_native *native, const numc_text *text, char *reason)
{
    const char *libraries[LIBRARIES + 1];
    const numc_store nowhere = {.folder = ""};
    const numc_store *store = &shop->store;
    char temporary[NUMC_NATIVE_PATH], path[NUMC_NATIVE_PATH];
    if (atomic_load(&shop->failures) >= MOST_FAILURES) {
        (void)numc__format(reason, NUMC_NATIVE_REASON, "%s failed %d times or took too long, and is not asked again",
                           shop->compiler.path, MOST_FAILURES);
        return false;
    }
    if (!numc__store_temporary(store, temporary, reason)) {
        numc__store_complain(shop->core, &shop->store, reason);
        store = &nowhere;
        if (shop->store.folder[0] == '\0' || !numc__store_temporary(store, temporary, reason))
            return false;
    }
    double start = numc__native_now();
    numc_text used;
    numc__text_begin(&used, shop->core);
    list_libraries(libraries);
    numc_pieces *pieces = numc__pieces_new(allocate, shop->core, libraries);
    bool good = pieces != NULL && numc__pieces_choose(pieces, text->data, text->size, take, &used) && !used.failed;
    numc__pieces_end(pieces);
    if (good)
        good = numc__compiler_run(&shop->compiler, used.data, text->data, temporary, &native->cancelled, reason);
    else
        (void)numc__format(reason, NUMC_NATIVE_REASON, "out of memory");
    numc__text_end(&used);
    good = good && load(native, temporary, reason);
    if (good && !numc__store_put(shop->core, store, text->data, text->size, temporary, path, reason))
        numc__store_complain(shop->core, &shop->store, reason);
    if (good)
        atomic_store(&shop->failures, 0);
    else if (!atomic_load(&native->cancelled))
        (void)atomic_fetch_add(&shop->failures, numc__native_now() - start > shop->compiler.deadline ? MOST_FAILURES : 1);
    numc__store_drop(store, temporary);
    return good;
}

static numc_status build(workshop *shop, numc_native *native, char *reason)
{
    numc_status status = NUMC_UNSUPPORTED;
    numc_text text;
    char path[NUMC_NATIVE_PATH];
    pthread_mutex_lock(&shop->build);
    bool good = look(shop);
    pthread_mutex_unlock(&shop->build); /* a core's worker and its caller may each build a program */
    if (!good)
        (void)numc__format(reason, NUMC_NATIVE_REASON, "%s", shop->reason);
    numc__text_begin(&text, shop->core);
    if (good) {
        write_head(shop, &text);
        good = native->write(native->user, &text) && !text.failed;
        if (!good)
            (void)numc__format(reason, NUMC_NATIVE_REASON, text.failed ? "out of memory" : "the program has no text");
        status = text.failed ? NUMC_MEMORY : status;
    }
    if (good && !(numc__store_find(shop->core, &shop->store, text.data, text.size, path) && load(native, path, reason)))
        good = compile(shop, native, &text, reason);
    numc__text_end(&text);
    return good ? NUMC_OK : status;
}

/* ---- the worker ---------------------------------------------------------------------------------------------------------- */

static void *serve(void *user)
{
    workshop *shop = user;
    pthread_mutex_lock(&shop->mutex);
    for (;;) {
        numc_native *native = shop->first;
        if (shop->quit)
            break;
        if (native == NULL) {
            pthread_cond_wait(&shop->work, &shop->mutex);
            continue;
        }
        shop->first = native->next;
        shop->current = native;
        pthread_mutex_unlock(&shop->mutex);
        char reason[NUMC_NATIVE_REASON] = "";
        if (build(shop, native, reason) != NUMC_OK && !atomic_load(&native->cancelled) && !atomic_exchange(&shop->reported, true))
            numc__log(shop->core, shop->usable || shop->compiler.named || native->required ? NUMC_LOG_WARNING : NUMC_LOG_INFO,
                      native->required ? "no native code of a program (NUMC_JIT=on): %s"
                                       : "no native code, programs are interpreted: %s", reason);
        pthread_mutex_lock(&shop->mutex);
        shop->current = NULL;
        pthread_cond_broadcast(&shop->done);
    }
    pthread_mutex_unlock(&shop->mutex);
    return NULL;
}

static void shop_free(numc_core *core, workshop *shop)
{
    pthread_cond_destroy(&shop->done);
    pthread_cond_destroy(&shop->work);
    pthread_mutex_destroy(&shop->build);
    pthread_mutex_destroy(&shop->mutex);
    numc__core_free(core, shop, sizeof *shop);
}

static void shop_destroy(numc_core *core, void *slot)
{
    workshop *shop = slot;
    if (shop->process != getpid()) {
        numc__core_free(core, shop, sizeof *shop);
        return;
    }
    pthread_mutex_lock(&shop->mutex);
    shop->quit = true;
    if (shop->current != NULL)
        atomic_store(&shop->current->cancelled, true);
    pthread_cond_broadcast(&shop->work);
    pthread_mutex_unlock(&shop->mutex);
    if (shop->started)
        pthread_join(shop->thread, NULL);
    shop_free(core, shop);
}

static workshop *shop_of(numc_core *core)
{
    workshop *shop = __atomic_load_n(&core->slots[NUMC_SLOT_NATIVE], __ATOMIC_ACQUIRE);
    if (shop != NULL)
        return shop;
    shop = numc__core_allocate(core, sizeof *shop);
    if (shop == NULL)
        return NULL;
    memset(shop, 0, sizeof *shop);
    shop->core = core;
    shop->process = getpid();
    if (pthread_mutex_init(&shop->mutex, NULL) != 0 || pthread_mutex_init(&shop->build, NULL) != 0
        || pthread_cond_init(&shop->work, NULL) != 0 || pthread_cond_init(&shop->done, NULL) != 0) {
        numc__core_free(core, shop, sizeof *shop); /* on the systems we know these calls do not fail */
        return NULL;
    }
    pthread_mutex_lock(&core->lock);
    workshop *first = core->slots[NUMC_SLOT_NATIVE];
    if (first == NULL) {
        core->slot_destroy[NUMC_SLOT_NATIVE] = shop_destroy;
        __atomic_store_n(&core->slots[NUMC_SLOT_NATIVE], (void *)shop, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&core->lock);
    if (first != NULL)
        shop_free(core, shop);
    return first != NULL ? first : shop;
}

/* ---- units --------------------------------------------------------------------------------------------------------------- */

void numc__native_begin(numc_native *native, numc_core *core, bool (*write)(void *user, numc_text *text), void *user)
{
    memset(native, 0, sizeof *native);
    native->core = core;
    native->write = write;
    native->user = user;
}

void numc__native_ask(numc_native *native)
{
    if (native->core == NULL || atomic_exchange(&native->asked, true))
        return;
    workshop *shop = shop_of(native->core);
    if (shop == NULL || shop->process != getpid())
        return;
    pthread_mutex_lock(&shop->mutex);
    if (!shop->started && !shop->quit)
        shop->started = numc__thread_start(&shop->thread, serve, shop) == 0;
    if (shop->started) {
        native->next = NULL;
        if (shop->first == NULL)
            shop->first = native;
        else
            shop->last->next = native;
        shop->last = native;
        pthread_cond_signal(&shop->work);
    }
    pthread_mutex_unlock(&shop->mutex);
}

numc_status numc__native_build(numc_context *context, numc_native *native)
{
    char reason[NUMC_NATIVE_REASON] = "";
    atomic_store(&native->asked, true);
    workshop *shop = shop_of(context->core);
    NUMC_REQUIRE(context, shop != NULL, NUMC_MEMORY, "native code: out of memory");
    numc_status status = build(shop, native, reason);
    return status == NUMC_OK ? NUMC_OK : numc__fail(context, status, "native code (NUMC_JIT=on): %s", reason);
}

void numc__native_end(numc_native *native)
{
    if (native->core == NULL)
        return;
    workshop *shop = atomic_load(&native->asked) ? __atomic_load_n(&native->core->slots[NUMC_SLOT_NATIVE], __ATOMIC_ACQUIRE) : NULL;
    if (shop != NULL && shop->process == getpid()) {
        atomic_store(&native->cancelled, true);
        pthread_mutex_lock(&shop->mutex);
        for (numc_native **link = &shop->first, *before = NULL; *link != NULL; before = *link, link = &(*link)->next) {
            if (*link == native) {
                *link = native->next;
                if (shop->last == native)
                    shop->last = before;
                break;
            }
        }
        while (shop->current == native)
            pthread_cond_wait(&shop->done, &shop->mutex);
        pthread_mutex_unlock(&shop->mutex);
    }
    if (native->object != NULL)
        (void)dlclose(native->object);
    native->object = NULL;
    atomic_store(&native->functions, NULL);
}
