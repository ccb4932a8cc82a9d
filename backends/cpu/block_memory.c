/* block_memory.c - block functions that move values: contiguous, strided, by index; and the loop index itself. */
#include <string.h>

#include "block_template.h"

/* Copies of any size are memcpy; a few elements are moved one by one, which is quicker than the call. */
#define DEFINE_MEMORY(size_bytes, T)                                                               \
    static void copy_##size_bytes(size_t n, void *out, const void *in)                             \
    {                                                                                              \
        if (n > 32) {                                                                              \
            memcpy(out, in, n * sizeof(T));                                                        \
            return;                                                                                \
        }                                                                                          \
        T *r = out;                                                                                \
        const T *a = in;                                                                           \
        NUMC_BLOCK_LOOP                                                                            \
        for (size_t i = 0; i < n; ++i)                                                             \
            r[i] = a[i];                                                                           \
    }                                                                                              \
    static void fill_##size_bytes(size_t n, void *out, const void *value)                          \
    {                                                                                              \
        T *r = out;                                                                                \
        const T x = *(const T *)value;                                                             \
        NUMC_BLOCK_LOOP                                                                            \
        for (size_t i = 0; i < n; ++i)                                                             \
            r[i] = x;                                                                              \
    }                                                                                              \
    static void load_##size_bytes(size_t n, void *out, const void *in, int64_t step)               \
    {                                                                                              \
        T *r = out;                                                                                \
        const char *a = in;                                                                        \
        for (size_t i = 0; i < n; ++i, a += step)                                                  \
            r[i] = *(const T *)(const void *)a;                                                    \
    }                                                                                              \
    static void store_##size_bytes(size_t n, void *out, const void *in, int64_t step)              \
    {                                                                                              \
        char *r = out;                                                                             \
        const T *a = in;                                                                           \
        for (size_t i = 0; i < n; ++i, r += step)                                                  \
            *(T *)(void *)r = a[i];                                                                \
    }                                                                                              \
    static void load_indexed_##size_bytes(size_t n, void *out, const void *base, int64_t step,     \
                                          const int64_t *index, int64_t index_step)                \
    {                                                                                              \
        T *r = out;                                                                                \
        const char *a = base;                                                                      \
        for (size_t i = 0; i < n; ++i, a += step)                                                  \
            r[i] = *(const T *)(const void *)(a + index[i] * index_step);                          \
    }                                                                                              \
    static void store_indexed_##size_bytes(size_t n, void *base, const void *in, int64_t step,     \
                                           const int64_t *index, int64_t index_step)               \
    {                                                                                              \
        char *r = base;                                                                            \
        const T *a = in;                                                                           \
        for (size_t i = 0; i < n; ++i, r += step)                                                  \
            *(T *)(void *)(r + index[i] * index_step) = a[i];                                      \
    }
DEFINE_MEMORY(1, uint8_t)
DEFINE_MEMORY(2, uint16_t)
DEFINE_MEMORY(4, uint32_t)
DEFINE_MEMORY(8, uint64_t)

const numc_block_memory *NUMC_BLOCK(memory)(uint32_t size)
{
#define ROW(size)                                                                                  \
    [size] = {size, copy_##size, fill_##size, load_##size, store_##size, load_indexed_##size,      \
              store_indexed_##size}
    static const numc_block_memory rows[9] = {ROW(1), ROW(2), ROW(4), ROW(8)};
#undef ROW
    return size < 9 && rows[size].size != 0 ? &rows[size] : NULL;
}

void NUMC_BLOCK(iota)(size_t n, int64_t *out, int64_t first)
{
    NUMC_BLOCK_LOOP
    for (size_t i = 0; i < n; ++i)
        out[i] = first + (int64_t)i;
}
