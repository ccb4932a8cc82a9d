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
        T *restrict r = out;                                                                       \
        const char *a = in;                                                                        \
        const T *restrict whole = in;                                                              \
        if (step == 2 * (int64_t)sizeof(T)) {                                                      \
            for (size_t i = 0; i < n; ++i)                                                         \
                r[i] = whole[2 * i];                                                               \
            return;                                                                                \
        }                                                                                          \
        if (step == -(int64_t)sizeof(T)) {                                                         \
            whole -= n - (n > 0);                                                                  \
            for (size_t i = 0; i < n; ++i)                                                         \
                r[i] = whole[n - 1 - i];                                                           \
            return;                                                                                \
        }                                                                                          \
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
/* Turning: squares of four by four in vector registers, where the compiler has such vectors; the rest one by one. */
#define DEFINE_TURN(size_bytes, T, SQUARES)                                                        \
    static void turn_##size_bytes(size_t rows, size_t columns, void *out, int64_t out_step, const void *in, int64_t in_step) \
    {                                                                                              \
        size_t done_rows = 0, done_columns = 0;                                                    \
        SQUARES;                                                                                   \
        for (size_t k = 0; k < rows; ++k) {                                                        \
            size_t c = k < done_rows ? done_columns : 0;                                           \
            T *r = (void *)((char *)out + (int64_t)k * out_step);                                  \
            const char *a = (const char *)in + (int64_t)c * in_step;                               \
            for (; c < columns; ++c, a += in_step)                                                 \
                r[c] = ((const T *)(const void *)a)[k];                                            \
        }                                                                                          \
    }
#if defined(__clang__)
#define SHUFFLE(V, x, y, a, b, c, d) __builtin_shufflevector(x, y, a, b, c, d)
#elif defined(__GNUC__)
#define SHUFFLE(V, x, y, a, b, c, d) __builtin_shuffle(x, y, (V){a, b, c, d})
#endif
#if defined(__GNUC__)
#define DEFINE_SQUARE(size_bytes, T)                                                               \
    typedef T four_##size_bytes __attribute__((vector_size(4 * size_bytes)));                      \
    static inline void square_##size_bytes(char *out, int64_t out_step, const char *in, int64_t in_step) \
    {                                                                                              \
        typedef four_##size_bytes V;                                                               \
        V c0, c1, c2, c3;                                                                          \
        memcpy(&c0, in, sizeof c0);                                                                \
        memcpy(&c1, in + in_step, sizeof c1);                                                      \
        memcpy(&c2, in + 2 * in_step, sizeof c2);                                                  \
        memcpy(&c3, in + 3 * in_step, sizeof c3);                                                  \
        const V a = SHUFFLE(V, c0, c1, 0, 4, 2, 6), b = SHUFFLE(V, c0, c1, 1, 5, 3, 7);      \
        const V c = SHUFFLE(V, c2, c3, 0, 4, 2, 6), d = SHUFFLE(V, c2, c3, 1, 5, 3, 7);      \
        c0 = SHUFFLE(V, a, c, 0, 1, 4, 5);                                                      \
        c1 = SHUFFLE(V, b, d, 0, 1, 4, 5);                                                      \
        c2 = SHUFFLE(V, a, c, 2, 3, 6, 7);                                                      \
        c3 = SHUFFLE(V, b, d, 2, 3, 6, 7);                                                      \
        memcpy(out, &c0, sizeof c0);                                                               \
        memcpy(out + out_step, &c1, sizeof c1);                                                    \
        memcpy(out + 2 * out_step, &c2, sizeof c2);                                                \
        memcpy(out + 3 * out_step, &c3, sizeof c3);                                                \
    }
#define SQUARES(size_bytes)                                                                        \
    done_rows = rows & ~(size_t)3;                                                                 \
    done_columns = columns & ~(size_t)3;                                                           \
    for (size_t c = 0; c < done_columns; c += 4)                                                   \
        for (size_t k = 0; k < done_rows; k += 4)                                                  \
            square_##size_bytes((char *)out + (int64_t)k * out_step + c * size_bytes, out_step,    \
                                (const char *)in + (int64_t)c * in_step + k * size_bytes, in_step)
DEFINE_SQUARE(4, uint32_t)
DEFINE_SQUARE(8, uint64_t)
#else
#define SQUARES(size_bytes)
#endif
DEFINE_TURN(1, uint8_t, )
DEFINE_TURN(2, uint16_t, )
DEFINE_TURN(4, uint32_t, SQUARES(4))
DEFINE_TURN(8, uint64_t, SQUARES(8))

DEFINE_MEMORY(1, uint8_t)
DEFINE_MEMORY(2, uint16_t)
DEFINE_MEMORY(4, uint32_t)
DEFINE_MEMORY(8, uint64_t)

const numc_block_memory *NUMC_BLOCK(memory)(uint32_t size)
{
#define ROW(size)                                                                                  \
    [size] = {size, copy_##size, fill_##size, load_##size, store_##size, turn_##size, load_indexed_##size,      \
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
