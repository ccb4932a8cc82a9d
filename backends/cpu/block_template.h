/* block_template.h - internal to the cpu backend: what block functions are made with. Each macro defines functions named
 * NAME(x) = x followed by the suffix of the dtype at hand, and rows of the table found by operation. */
#ifndef NUMC_CPU_BLOCK_TEMPLATE_H
#define NUMC_CPU_BLOCK_TEMPLATE_H

#include "block.h"

#define PASTE_(a, b) a##_##b
#define PASTE(a, b) PASTE_(a, b)
#define NAME(x) PASTE(x, SUFFIX)

#define UNUSED_AFTER_1 (void)pb, (void)pc, (void)pd
#define UNUSED_AFTER_2 (void)pc, (void)pd
#define UNUSED_AFTER_3 (void)pd
#define BLOCK_PARAMETERS                                                                           \
    size_t n, void *out, const void *pa, const void *pb, const void *pc, const void *pd

/* x: the operand as T; the formula gives an R. */
#define DEFINE_UNARY(name, T, R, formula)                                                          \
    static void name(BLOCK_PARAMETERS)                                                             \
    {                                                                                              \
        const T *a = pa;                                                                           \
        R *r = out;                                                                                \
        UNUSED_AFTER_1;                                                                            \
        NUMC_BLOCK_LOOP                                                                            \
        for (size_t i = 0; i < n; ++i) {                                                           \
            T x = a[i];                                                                            \
            r[i] = (R)(formula);                                                                   \
        }                                                                                          \
    }

/* x, y: the operands. Three functions: both arrays, the first single, the second single. */
#define DEFINE_BINARY_(name, T, R, take_x, take_y, formula, loop)                                  \
    static void name(BLOCK_PARAMETERS)                                                             \
    {                                                                                              \
        const T *a = pa, *b = pb;                                                                  \
        const T a0 = n > 0 ? a[0] : 0, b0 = n > 0 ? b[0] : 0;                                      \
        R *r = out;                                                                                \
        (void)a0, (void)b0;                                                                        \
        UNUSED_AFTER_2;                                                                            \
        loop                                                                                       \
        for (size_t i = 0; i < n; ++i) {                                                           \
            T x = take_x, y = take_y;                                                              \
            r[i] = (R)(formula);                                                                   \
        }                                                                                          \
    }
#define DEFINE_BINARY(name, T, R, formula)                                                         \
    DEFINE_BINARY_(PASTE(name, vv), T, R, a[i], b[i], formula, NUMC_BLOCK_LOOP)                                     \
    DEFINE_BINARY_(PASTE(name, sv), T, R, a0, b[i], formula, NUMC_BLOCK_LOOP)                                       \
    DEFINE_BINARY_(PASTE(name, vs), T, R, a[i], b0, formula, NUMC_BLOCK_LOOP)
/* Only for arrays: operations so long that spreading a single operand out costs nothing beside them. */
#define DEFINE_BINARY_LONG(name, T, R, formula) DEFINE_BINARY_(name, T, R, a[i], b[i], formula, )

#define DEFINE_WHERE_(name, T, take_x, take_y)                                                     \
    static void name(BLOCK_PARAMETERS)                                                             \
    {                                                                                              \
        const uint8_t *a = pa;                                                                     \
        const T *b = pb, *c = pc;                                                                  \
        const T b0 = n > 0 ? b[0] : 0, c0 = n > 0 ? c[0] : 0;                                      \
        T *r = out;                                                                                \
        (void)b0, (void)c0;                                                                        \
        UNUSED_AFTER_3;                                                                            \
        NUMC_BLOCK_LOOP                                                                            \
        for (size_t i = 0; i < n; ++i) {                                                           \
            T x = take_x, y = take_y;                                                              \
            r[i] = a[i] ? x : y;                                                                   \
        }                                                                                          \
    }
#define DEFINE_WHERE(name, T)                                                                      \
    DEFINE_WHERE_(PASTE(name, vv), T, b[i], c[i])                                                  \
    DEFINE_WHERE_(PASTE(name, sv), T, b0, c[i])                                                    \
    DEFINE_WHERE_(PASTE(name, vs), T, b[i], c0)                                                    \
    DEFINE_WHERE_(PASTE(name, ss), T, b0, c0)

#define DEFINE_TERNARY_LONG(name, T, R, formula)                                                   \
    static void name(BLOCK_PARAMETERS)                                                             \
    {                                                                                              \
        const T *a = pa, *b = pb, *c = pc;                                                         \
        R *r = out;                                                                                \
        UNUSED_AFTER_3;                                                                            \
        for (size_t i = 0; i < n; ++i) {                                                           \
            T x = a[i], y = b[i], z = c[i];                                                        \
            r[i] = (R)(formula);                                                                   \
        }                                                                                          \
    }

#define ROW_1(OPERATION, name) {NUMC_SCALAR_##OPERATION, DTYPE, {name, NULL, NULL, NULL}}
#define ROW_2(OPERATION, name)                                                                     \
    {NUMC_SCALAR_##OPERATION, DTYPE, {PASTE(name, vv), PASTE(name, sv), PASTE(name, vs), NULL}}
#define ROW_WHERE(name)                                                                            \
    {NUMC_SCALAR_WHERE, DTYPE,                                                                     \
     {PASTE(name, vv), PASTE(name, sv), PASTE(name, vs), PASTE(name, ss)}}

#endif
