/* count.c - counts what the process asks of the C library's allocator and of mmap, by defining the functions here, where the
 * loader finds them before the C library's, for the plugins too. A sanitizer has such functions of its own: then nothing is
 * counted. */
#undef _FILE_OFFSET_BITS /* else mmap below would be given the name mmap64 */

#include "bench.h"

#ifndef NUMC_BENCH_COUNT

int64_t bench_allocations(void)
{
    return -1;
}

#else

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>

static _Atomic int64_t calls;

int64_t bench_allocations(void)
{
    return atomic_load_explicit(&calls, memory_order_relaxed);
}

static void count(void)
{
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
}

/* dlsym may allocate before the real functions are known: that little comes from here and is never given back. */
static _Alignas(16) char early[1 << 14];
static _Atomic size_t early_used;

static bool is_early(const void *pointer)
{
    return (const char *)pointer >= early && (const char *)pointer < early + sizeof early;
}

static void *early_allocate(size_t size)
{
    size_t rounded = (size + 15u) & ~(size_t)15u;
    size_t at = atomic_fetch_add(&early_used, rounded);
    return at + rounded <= sizeof early ? early + at : NULL; /* static memory: zero */
}

/* The C library's function of that name; `looking` while dlsym runs. */
static _Thread_local bool looking;

static void *real(_Atomic(void *) *known, const char *name)
{
    void *function = atomic_load_explicit(known, memory_order_acquire);
    if (function != NULL || looking)
        return function;
    looking = true;
    function = dlsym(RTLD_NEXT, name);
    looking = false;
    atomic_store_explicit(known, function, memory_order_release);
    return function;
}

/* `function`: the C library's, where `found` is not NULL. ISO C has no conversion from an object pointer to a function's. */
#define FIND(declaration, name)                                                                    \
    static _Atomic(void *) known;                                                                  \
    void *found = real(&known, name);                                                              \
    declaration;                                                                                   \
    memcpy(&function, &found, sizeof function)

void *malloc(size_t size);
void *calloc(size_t number, size_t size);
void *realloc(void *pointer, size_t size);
void free(void *pointer);
void *memalign(size_t alignment, size_t size);
void *aligned_alloc(size_t alignment, size_t size);
int posix_memalign(void **result, size_t alignment, size_t size);

void *malloc(size_t size)
{
    FIND(void *(*function)(size_t), "malloc");
    count();
    return found == NULL ? early_allocate(size) : function(size);
}

void *calloc(size_t number, size_t size)
{
    FIND(void *(*function)(size_t, size_t), "calloc");
    count();
    return found == NULL ? early_allocate(number * size) : function(number, size);
}

void free(void *pointer)
{
    FIND(void (*function)(void *), "free");
    if (pointer != NULL && found != NULL && !is_early(pointer))
        function(pointer);
}

void *realloc(void *pointer, size_t size)
{
    if (is_early(pointer)) {
        void *copy = malloc(size);
        size_t left = (size_t)(early + sizeof early - (char *)pointer);
        if (copy != NULL)
            memcpy(copy, pointer, size < left ? size : left);
        return copy;
    }
    FIND(void *(*function)(void *, size_t), "realloc");
    count();
    return found == NULL ? early_allocate(size) : function(pointer, size);
}

void *memalign(size_t alignment, size_t size)
{
    FIND(void *(*function)(size_t, size_t), "memalign");
    count();
    return found == NULL ? NULL : function(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    FIND(void *(*function)(size_t, size_t), "aligned_alloc");
    count();
    return found == NULL ? NULL : function(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size)
{
    FIND(int (*function)(void **, size_t, size_t), "posix_memalign");
    count();
    return found == NULL ? ENOMEM : function(result, alignment, size);
}

void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset)
{
    FIND(void *(*function)(void *, size_t, int, int, int, off_t), "mmap");
    count();
    return found == NULL ? MAP_FAILED : function(address, length, protection, flags, file, offset);
}

void *mmap64(void *address, size_t length, int protection, int flags, int file, off64_t offset)
{
    FIND(void *(*function)(void *, size_t, int, int, int, off64_t), "mmap64");
    count();
    return found == NULL ? MAP_FAILED : function(address, length, protection, flags, file, offset);
}

#endif
