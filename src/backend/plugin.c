/* plugin.c - where backends are looked for, and whether one file is a backend this library can use. */
#include <dirent.h>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/plugin.h"
#include "backend/slots.h"
#include "numc_build.h"

#define FILE_PREFIX "numc-"
#define FILE_SUFFIX ".so"

/* ---- directories --------------------------------------------------------------------------------------------------------- */

static numc_status add_directory(numc_context *context, numc_search *search, const char *path, size_t length)
{
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (length == 0 || path[0] != '/' || length >= NUMC_PATH_SIZE) /* never relative to the current directory */
        return NUMC_OK;
    char *copy = numc__allocate(context, length + 1);
    if (copy == NULL)
        return NUMC_MEMORY;
    memcpy(copy, path, length);
    copy[length] = '\0';
    bool known = search->count == NUMC_SEARCH_DIRECTORIES;
    for (size_t i = 0; i < search->count && !known; i++)
        known = strcmp(search->directories[i], copy) == 0;
    if (known)
        numc__free(context, copy, length + 1);
    else
        search->directories[search->count++] = copy;
    return NUMC_OK;
}

static numc_status add_list(numc_context *context, numc_search *search, const char *list)
{
    while (list != NULL && *list != '\0') {
        size_t length = strcspn(list, ":");
        NUMC_TRY(add_directory(context, search, list, length));
        list += length + (list[length] == ':');
    }
    return NUMC_OK;
}

/* The folder libnumc was loaded from. A relative name (a program found through the current directory) is not followed. */
static bool own_directory(char path[NUMC_PATH_SIZE])
{
    static const char anchor = 0;
    Dl_info info;
    if (dladdr(&anchor, &info) == 0 || info.dli_fname == NULL || info.dli_fname[0] != '/')
        return false;
    char *real = realpath(info.dli_fname, NULL);
    if (real == NULL)
        return false;
    char *slash = strrchr(real, '/');
    size_t length = slash == NULL || slash == real ? 1 : (size_t)(slash - real);
    bool fits = length < NUMC_PATH_SIZE;
    if (fits) {
        memcpy(path, real, length);
        path[length] = '\0';
    }
    free(real);
    return fits;
}

numc_status numc__search_begin(numc_context *context, numc_search *search)
{
    memset(search, 0, sizeof *search);
    const char *list = context->core->backend_path;
    NUMC_TRY(add_list(context, search, list != NULL ? list : numc__environment("NUMC_BACKEND_PATH")));
    char own[NUMC_PATH_SIZE], below[NUMC_PATH_SIZE];
    if (own_directory(own)) {
        NUMC_TRY(add_directory(context, search, own, strlen(own)));
        size_t length = numc__format(below, sizeof below, "%s/numc", own);
        if (length < sizeof below)
            NUMC_TRY(add_directory(context, search, below, length));
    }
    return add_directory(context, search, NUMC_PLUGIN_DIRECTORY, strlen(NUMC_PLUGIN_DIRECTORY));
}

void numc__search_end(numc_context *context, numc_search *search)
{
    for (size_t i = 0; i < search->count; i++)
        numc__string_free(context, search->directories[i]);
    search->count = 0;
}

bool numc__backend_name_ok(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    return length > 0 && length < NUMC_BACKEND_NAME_SIZE && name[length] == '\0';
}

bool numc__plugin_path(char path[NUMC_PATH_SIZE], const char *directory, const char *name)
{
    size_t length = numc__format(path, NUMC_PATH_SIZE, "%s%s" FILE_PREFIX "%s" FILE_SUFFIX, directory,
                                 strcmp(directory, "/") == 0 ? "" : "/", name);
    return length < NUMC_PATH_SIZE;
}

static int is_plugin(const struct dirent *entry)
{
    char name[NUMC_BACKEND_NAME_SIZE];
    size_t length = strlen(entry->d_name), ends = sizeof FILE_PREFIX - 1 + sizeof FILE_SUFFIX - 1;
    if (length <= ends || length - ends >= sizeof name ||
        strncmp(entry->d_name, FILE_PREFIX, sizeof FILE_PREFIX - 1) != 0 ||
        strcmp(entry->d_name + length - (sizeof FILE_SUFFIX - 1), FILE_SUFFIX) != 0)
        return 0;
    memcpy(name, entry->d_name + sizeof FILE_PREFIX - 1, length - ends);
    name[length - ends] = '\0';
    return numc__backend_name_ok(name);
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

void numc__plugin_scan(const char *directory, void (*found)(void *user, const char *name), void *user)
{
    struct dirent **entries;
    int count = scandir(directory, &entries, is_plugin, by_bytes);
    for (int i = 0; i < count; i++) {
        size_t length = strlen(entries[i]->d_name) - (sizeof FILE_SUFFIX - 1);
        entries[i]->d_name[length] = '\0';
        found(user, entries[i]->d_name + sizeof FILE_PREFIX - 1);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

const char *const numc__backend_known[] = {"ref", "cpu", "cuda", "opencl", NULL};

const char *numc__backend_hint(const char *name)
{
    static const struct {
        const char *name, *hint;
    } hints[] = {
        {"cpu", "it is built with `meson setup build -Dcpu=enabled`, which needs nothing beyond a C compiler "
                "(OpenBLAS is opened at run time)"},
        {"cuda", "it is built with `meson setup build -Dcuda=enabled`, which needs nothing beyond a C compiler (NVIDIA's libraries "
                 "are opened at run time)"},
        {"opencl", "it is built with `meson setup build -Dopencl=enabled`, which needs the OpenCL headers (CL/cl.h); the loader "
                   "libOpenCL.so.1 is opened at run time"},
    };
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
        if (strcmp(hints[i].name, name) == 0)
            return hints[i].hint;
    return NULL;
}

/* ---- one file ---------------------------------------------------------------------------------------------------- */

const numc_slot_info numc__slots[NUMC_SLOT_ROWS] = {
#define NUMC_X(slot, family, need, group, text) {#slot, #family, text, offsetof(numc_backend, slot), group, NUMC_NEED_##need},
    NUMC_SLOT_TABLE(NUMC_X)
#undef NUMC_X
};

bool numc__slot_present(const numc_backend *table, const numc_slot_info *slot)
{
    void (*function)(void);
    memcpy(&function, (const char *)table + slot->offset, sizeof function);
    return function != NULL;
}

/* "has only some of a, b, c" when the group of slots[first], its first row, is not whole. */
static bool group_is_whole(const numc_backend *table, size_t first, numc_text *reason)
{
    const uint32_t group = numc__slots[first].group;
    size_t rows = 0, present = 0;
    for (size_t i = first; i < NUMC_SLOT_ROWS; i++)
        if (numc__slots[i].group == group) {
            rows++;
            present += numc__slot_present(table, &numc__slots[i]);
        }
    if (present == 0 || present == rows)
        return true;
    const char *before = "has only some of ";
    for (size_t i = first; i < NUMC_SLOT_ROWS; i++)
        if (numc__slots[i].group == group) {
            numc__text_add(reason, "%s%s", before, numc__slots[i].name);
            before = ", ";
        }
    return false;
}

bool numc__plugin_check(const numc_backend *given, const char *name, numc_backend *table, numc_text *reason)
{
    enum { REQUIRED_SIZE = offsetof(numc_backend, matmul) + sizeof(void (*)(void)) };
    memset(table, 0, sizeof *table);
    if (given == NULL) {
        numc__text_add(reason, "speaks no ABI up to libnumc's, which is %u", NUMC_BACKEND_ABI);
        return false;
    }
    if (given->abi != NUMC_BACKEND_ABI) {
        numc__text_add(reason, "has ABI %u, libnumc has ABI %u", given->abi, NUMC_BACKEND_ABI);
        return false;
    }
    if (given->size < REQUIRED_SIZE) {
        numc__text_add(reason, "has a table of %llu bytes, libnumc needs at least %zu (its own has %zu)",
                       (unsigned long long)given->size, (size_t)REQUIRED_SIZE, sizeof *table);
        return false;
    }
    memcpy(table, given, given->size < sizeof *table ? (size_t)given->size : sizeof *table);
    bool good = true;
    for (size_t i = 0; i < NUMC_SLOT_ROWS; i++)
        if (numc__slots[i].need == NUMC_NEED_REQUIRED && !numc__slot_present(table, &numc__slots[i])) {
            numc__text_add(reason, "%s%s", good ? "lacks the required slots " : ", ", numc__slots[i].name);
            good = false;
        }
    for (size_t i = 0, seen = 0; i < NUMC_SLOT_ROWS && good; i++)
        if (numc__slots[i].group > seen) { /* groups are numbered in the order of their first rows */
            seen = numc__slots[i].group;
            good = group_is_whole(table, i, reason);
        }
    if (good && (table->name == NULL || !numc__backend_name_ok(table->name))) {
        numc__text_add(reason, "has no acceptable name");
        good = false;
    }
    if (good && name != NULL && strcmp(name, table->name) != 0) {
        numc__text_add(reason, "calls itself '%s'", table->name);
        good = false;
    }
    if (good && table->program_build != NULL &&
        (table->build_id == NULL || strcmp(table->build_id, NUMC_BUILD_ID) != 0)) {
        table->program_build = NULL; /* experimental slots are for plugins of exactly this build */
        table->program_run = NULL;
        table->program_release = NULL;
    }
    return good;
}

/* Whether an ELF file of this word size is as long as its headers say: mapping a truncated one ends the program with SIGBUS. Any
 * other file is left to dlopen, which refuses it in words. */
static bool is_whole(const char *path)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return true;
    ElfW(Ehdr) header;
    struct stat facts;
    bool whole = true;
    bool elf = fread(&header, sizeof header, 1, file) == 1 && memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
               header.e_ident[EI_CLASS] == (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32);
    if (elf && fstat(fileno(file), &facts) == 0 && S_ISREG(facts.st_mode)) {
        uint64_t size = (uint64_t)facts.st_size;
        whole = header.e_phentsize == sizeof(ElfW(Phdr)) && fseek(file, (long)header.e_phoff, SEEK_SET) == 0;
        for (uint32_t k = 0; whole && k < header.e_phnum; k++) {
            ElfW(Phdr) segment;
            whole = fread(&segment, sizeof segment, 1, file) == 1 && segment.p_offset <= size &&
                    segment.p_filesz <= size - segment.p_offset;
        }
    }
    fclose(file);
    return whole;
}

/* Never unmapped: kernels, messages and worker threads of the plugin may outlive the context. */
bool numc__plugin_load(const char *path, const char *name, numc_backend *table, numc_text *reason)
{
    if (!is_whole(path)) {
        numc__text_add(reason, "the file is truncated");
        return false;
    }
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (object == NULL) {
        const char *message = dlerror();
        numc__text_add(reason, "%s", message != NULL ? message : "could not be loaded");
        return false;
    }
    void *symbol = dlsym(object, NUMC_BACKEND_QUERY_NAME);
    if (symbol == NULL) {
        numc__text_add(reason, "exports no %s: it is no backend", NUMC_BACKEND_QUERY_NAME);
        return false;
    }
    numc_backend_query_fn query;
    memcpy(&query, &symbol, sizeof query);
    return numc__plugin_check(query(NUMC_BACKEND_ABI), name, table, reason);
}
