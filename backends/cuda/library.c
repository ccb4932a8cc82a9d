/* library.c - opening CUDA's libraries. Each is looked for in the folders of NUMC_CUDA_PATH, then where the system looks, then where
 * the toolkit is usually installed. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "library.h"

typedef struct symbol {
    const char *name;
    size_t offset; /* in the table */
} symbol;

/* Appends to the reason, which is cut off when full. */
static void say(char *reason, size_t size, const char *a, const char *b, const char *c)
{
    size_t used = strlen(reason);
    (void)snprintf(reason + used, size - used, "%s%s%s", a, b, c);
}

/* A file that is there but cannot be opened says why. */
static void *open_at(const char *folder, size_t length, const char *below, const char *name, char *reason, size_t room)
{
    char path[4096];
    int size = snprintf(path, sizeof path, "%.*s%s/%s", (int)length, folder, below, name);
    if (size < 0 || (size_t)size >= sizeof path || access(path, F_OK) != 0)
        return NULL;
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    const char *message = object == NULL ? dlerror() : NULL;
    if (message != NULL)
        say(reason, room, message, "; ", "");
    return object;
}

/* The first of the names that can be opened; in the environment of a setuid program nothing is looked up. */
static void *find(const char *const *names, char *reason, size_t size)
{
    static const char *const usual[] = {"/usr/local/cuda/lib64", "/usr/local/cuda/lib", "/opt/cuda/lib64"};
    const char *list = secure_getenv("NUMC_CUDA_PATH");
    void *object = NULL;
    for (const char *at = list; at != NULL && *at != '\0' && object == NULL;) {
        size_t length = strcspn(at, ":");
        for (size_t i = 0; names[i] != NULL && object == NULL && at[0] == '/'; i++) {
            object = open_at(at, length, "", names[i], reason, size);
            if (object == NULL)
                object = open_at(at, length, "/lib64", names[i], reason, size);
            if (object == NULL)
                object = open_at(at, length, "/lib", names[i], reason, size);
        }
        at += length + (at[length] == ':');
    }
    for (size_t i = 0; names[i] != NULL && object == NULL; i++) {
        object = dlopen(names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (object == NULL) {
            const char *message = dlerror();
            say(reason, size, i == 0 ? "" : "; ", message != NULL ? message : names[i], "");
        }
    }
    for (size_t k = 0; k < sizeof usual / sizeof *usual && object == NULL; k++)
        for (size_t i = 0; names[i] != NULL && object == NULL; i++)
            object = open_at(usual[k], strlen(usual[k]), "", names[i], reason, size);
    return object;
}

static bool load(const char *what, const char *const *names, const symbol *symbols, size_t count, void *table, char *reason,
                 size_t size)
{
    reason[0] = '\0';
    say(reason, size, what, " cannot be opened: ", "");
    void *object = find(names, reason, size);
    if (object == NULL) {
        say(reason, size, " (NUMC_CUDA_PATH may name its folder)", "", "");
        return false;
    }
    reason[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        void *found = dlsym(object, symbols[i].name);
        if (found == NULL) {
            say(reason, size, what, " is too old: it lacks ", symbols[i].name);
            return false;
        }
        memcpy((char *)table + symbols[i].offset, &found, sizeof found);
    }
    return true;
}

#define LOADER(function, table, LIST, what, ...)                                                                       \
    bool function(table *functions, char *reason, size_t size)                                                         \
    {                                                                                                                  \
        typedef table owner;                                                                                           \
        static const char *const names[] = {__VA_ARGS__, NULL};                                                        \
        static const symbol symbols[] = {LIST(SYMBOL)};                                                                \
        return load(what, names, symbols, sizeof symbols / sizeof *symbols, functions, reason, size);                  \
    }
#define SYMBOL(result, name, arguments) {#name, offsetof(owner, name)},

LOADER(numc_cuda_load_driver, numc_cuda_driver, NUMC_CUDA_DRIVER, "the NVIDIA driver's library", "libcuda.so.1")
LOADER(numc_cuda_load_compiler, numc_cuda_compiler, NUMC_CUDA_COMPILER, "NVRTC, which compiles kernels,", "libnvrtc.so.13",
       "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so")
LOADER(numc_cuda_load_blas, numc_cuda_blas, NUMC_CUDA_BLAS, "cuBLAS", "libcublas.so.13", "libcublas.so.12", "libcublas.so.11")
LOADER(numc_cuda_load_solver, numc_cuda_solver, NUMC_CUDA_SOLVER, "cuSOLVER", "libcusolver.so.12", "libcusolver.so.11")
