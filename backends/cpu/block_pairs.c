/* block_pairs.c - block functions of two float64 operations at once: (a first b) second c, each rounded on its own, so the bits are
 * those of the two one after the other; what lies between them stays in a register instead of a block. */
#include "block_template.h"

/* The first operation, with its operands arrays or single values. */
#define FIRSTS(X, next, take)                                                                      \
    X(ADD_VV, add_vv, a[i] + b[i], next, take)                                                     \
    X(ADD_VS, add_vs, a[i] + b0, next, take)                                                       \
    X(SUBTRACT_VV, subtract_vv, a[i] - b[i], next, take)                                           \
    X(SUBTRACT_VS, subtract_vs, a[i] - b0, next, take)                                             \
    X(SUBTRACT_SV, subtract_sv, a0 - b[i], next, take)                                             \
    X(MULTIPLY_VV, multiply_vv, a[i] *b[i], next, take)                                            \
    X(MULTIPLY_VS, multiply_vs, a[i] *b0, next, take)                                              \
    X(SQUARE, square, a[i] *a[i], next, take)

#define DEFINE_PAIR(name, first, second, take_c)                                                   \
    static void name(BLOCK_PARAMETERS)                                                             \
    {                                                                                              \
        const double *a = pa, *b = pb, *c = pc;                                                    \
        const double a0 = n > 0 ? a[0] : 0, b0 = n > 0 ? b[0] : 0, c0 = n > 0 ? c[0] : 0;          \
        double *r = out;                                                                           \
        (void)a0, (void)b0, (void)c0, (void)pd;                                                    \
        NUMC_BLOCK_LOOP                                                                            \
        for (size_t i = 0; i < n; ++i) {                                                           \
            const double x = first, y = take_c;                                                    \
            r[i] = second;                                                                         \
        }                                                                                          \
    }
#define DEFINE_FIRST(FORM, name, first, next, take)                                                \
    DEFINE_PAIR(PASTE(name, add_##next), first, x + y, take)                                       \
    DEFINE_PAIR(PASTE(name, multiply_##next), first, x *y, take)                                   \
    DEFINE_PAIR(PASTE(name, subtract_##next), first, x - y, take)                                  \
    DEFINE_PAIR(PASTE(name, from_##next), first, y - x, take)
FIRSTS(DEFINE_FIRST, v, c[i])
FIRSTS(DEFINE_FIRST, s, c0)

numc_block_fn NUMC_BLOCK(pair)(numc_block_first first, numc_block_second second, bool single)
{
#define ROW(FORM, name, formula, next, take)                                                       \
    [NUMC_BLOCK_FIRST_##FORM] = {PASTE(name, add_##next), PASTE(name, multiply_##next),            \
                                 PASTE(name, subtract_##next), PASTE(name, from_##next)},
    static const numc_block_fn arrays[][4] = {FIRSTS(ROW, v, )};
    static const numc_block_fn singles[][4] = {FIRSTS(ROW, s, )};
#undef ROW
    return single ? singles[first][second] : arrays[first][second];
}
