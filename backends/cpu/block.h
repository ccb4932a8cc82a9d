/* block.h - internal to the cpu backend: block functions, the loops over one operation, and how they are found.
 *
 * A block function computes n results. Its operands are arrays of n values, or, by variant, single values. `out` may be one
 * of the operands exactly, never overlap one partly. The same element gives the same bits at every position and length.
 * The files block_*.c are compiled once for the plain machine and once for AVX2; one of the tables is picked at run time. */
#ifndef NUMC_CPU_BLOCK_H
#define NUMC_CPU_BLOCK_H

#include <stdbool.h>

#include "numc/backend.h"

typedef void (*numc_block_fn)(size_t n, void *out, const void *a, const void *b, const void *c, const void *d);

/* Variants of a row. One operand: [0]. Two: [0] both arrays, [1] the first single, [2] the second single. WHERE:
 * [0] all arrays, [1] the first value single, [2] the second, [3] both. NULL: the planner spreads single operands out. */
typedef struct numc_block_row {
    uint16_t operation;
    uint16_t dtype;
    numc_block_fn variants[4];
} numc_block_row;

/* A reduction at a dtype. The state is 8 lanes of the dtype (ARGMAX, ARGMIN: numc_block_extreme). */
typedef struct numc_block_reduction {
    uint16_t reduction;
    uint16_t dtype;
    uint32_t lane_size;
    union {
        double real64;
        float real32;
        uint64_t integer;
        unsigned char bytes[8];
    } identity;
    /* lanes[i mod 8] combined with a[i]; a starts at an iteration that is a multiple of 8 */
    void (*accumulate)(size_t n, void *lanes, const void *a);
    /* lanes joined by ((0+4)+(2+6)) + ((1+5)+(3+7)) */
    void (*finish)(void *out, const void *lanes);
    /* identity, accumulate and finish at once */
    void (*whole)(size_t n, void *out, const void *a);
    /* out = a combined with b, elementwise */
    numc_block_fn combine;
    /* out combined with a, then with the rows `step` bytes on, elementwise: four of them */
    void (*combine_4)(size_t n, void *out, const void *a, int64_t step);
} numc_block_reduction;

/* State of ARGMAX and ARGMIN: index -1 before the first iteration. */
typedef struct numc_block_extreme {
    int64_t index;
    union {
        uint64_t integer;
        double real64;
        float real32;
        unsigned char bytes[8];
    } value;
} numc_block_extreme;

typedef struct numc_block_argument {
    uint16_t reduction;
    uint16_t dtype;
    void (*accumulate)(size_t n, numc_block_extreme *state, const void *a, int64_t first);
} numc_block_argument;

/* Movement by element size; steps are in bytes. */
typedef struct numc_block_memory {
    uint32_t size;
    void (*copy)(size_t n, void *out, const void *in);
    void (*fill)(size_t n, void *out, const void *value);
    void (*load)(size_t n, void *out, const void *in, int64_t step);
    void (*store)(size_t n, void *out, const void *in, int64_t step);
    /* out[r][c] = in[c][r]: rows of `out` are out_step apart, columns of `in` in_step */
    void (*turn)(size_t rows, size_t columns, void *out, int64_t out_step, const void *in, int64_t in_step);
    /* element i is at base + i step + index[i] index_step */
    void (*load_indexed)(size_t n, void *out, const void *base, int64_t step, const int64_t *index,
                         int64_t index_step);
    void (*store_indexed)(size_t n, void *base, const void *in, int64_t step, const int64_t *index,
                          int64_t index_step);
} numc_block_memory;

/* Two float64 operations at once; block_pairs.c. V: an array, S: a single value. FROM: c minus the first's result. */
typedef enum numc_block_first {
    NUMC_BLOCK_FIRST_ADD_VV, NUMC_BLOCK_FIRST_ADD_VS, NUMC_BLOCK_FIRST_SUBTRACT_VV, NUMC_BLOCK_FIRST_SUBTRACT_VS,
    NUMC_BLOCK_FIRST_SUBTRACT_SV, NUMC_BLOCK_FIRST_MULTIPLY_VV, NUMC_BLOCK_FIRST_MULTIPLY_VS, NUMC_BLOCK_FIRST_SQUARE
} numc_block_first;
typedef enum numc_block_second {
    NUMC_BLOCK_SECOND_ADD, NUMC_BLOCK_SECOND_MULTIPLY, NUMC_BLOCK_SECOND_SUBTRACT, NUMC_BLOCK_SECOND_FROM
} numc_block_second;

/* c (+)= a b: a is rows x inner, b inner x columns; strides in elements. */
typedef struct numc_block_product {
    const void *a, *b;
    void *c;
    int64_t rows, inner, columns;
    int64_t a_row, a_column, b_row, b_column, c_row, c_column;
    int accumulate;
} numc_block_product;

/* Which triangle of a square matrix becomes the other: the lower one, or the upper. */
typedef enum numc_block_mirror { NUMC_MIRROR_UP, NUMC_MIRROR_DOWN } numc_block_mirror;

/* Matrix loops at one dtype; block_matrix.h describes them. */
typedef struct numc_block_matrix {
    void (*rows)(int64_t rows, int64_t inner, const void *a, int64_t a_row, const void *x, void *y, int64_t y_step,
                 int accumulate);
    void (*columns)(int64_t inner, int64_t columns, const void *a, int64_t a_row, const void *x, int64_t x_step, void *y,
                    int accumulate);
    void (*product)(const numc_block_product *product);
    void (*cholesky)(int64_t n, const void *a, int64_t a_row, int64_t a_column, void *l, int64_t l_row);
    void (*triangular)(int64_t n, int64_t columns, const void *t, int64_t t_row, int64_t t_column, void *x, int64_t x_row,
                       int upwards, int unit);
    /* n <= small, out of place, with NaN where the diagonal has a zero */
    void (*small_triangular)(int64_t n, int64_t columns, const void *t, int64_t t_row, int64_t t_column, const void *b, int64_t b_row,
                             int64_t b_column, void *x, int64_t x_row, int upwards, int unit);
    int64_t small;
    int (*invert_begin)(int64_t n, const void *l, int64_t l_row, int64_t l_column, void *x, int64_t x_row);
    void (*invert_triangle)(int64_t n, void *x, int64_t x_row);
    void (*gram)(int64_t n, void *x, int64_t x_row);
    void (*mirror)(int64_t n, void *x, int64_t x_row, numc_block_mirror way);
    int (*lu)(int64_t rows, int64_t columns, void *m, int64_t m_row, int32_t *order, int64_t order_step);
} numc_block_matrix;

/* One pass of a Fourier transform; block_fft.h describes it. */
enum { NUMC_BLOCK_FFT_RADIX_MOST = 31 };
#define NUMC_BLOCK_FFT_ALONE INT64_MIN /* for `second` below: there is no imaginary part */
typedef struct numc_block_fft_pass {
    int32_t radix;
    int64_t rest;
    const void *roots;  /* w^(p j) as (re, im), [rest][radix - 1] */
    const void *spread; /* the same by t = q + stride p, [radix - 1][re, im][stride rest], for a stride below a vector; or NULL */
    const void *table;  /* odd radices from 7: cos, sin of 2 pi k / radix */
} numc_block_fft_pass;

/* Fourier transforms at one component type; block_fft.c describes the functions. */
typedef struct numc_block_fft {
    int64_t lanes; /* of a vector */
    void (*pass)(const numc_block_fft_pass *pass, int64_t stride, const void *xr, const void *xi, void *yr, void *yi);
    void (*take)(int64_t n, int64_t lanes, const void *const *lines, int64_t step, int64_t second, void *re, void *im);
    void (*put)(int64_t n, int64_t lanes, void *const *lines, int64_t step, int64_t second, const void *re, const void *im);
    void (*multiply)(int64_t n, int64_t given, int64_t lanes, const void *w, const void *xr, const void *xi, void *zr, void *zi);
    void (*twist)(int64_t n, int64_t lanes, int64_t count, const void *u, const void *t, const void *zr, const void *zi,
                  int64_t row, void *yr, void *yi);
    void (*untangle)(int64_t h, int64_t lanes, const void *w, const void *zr, const void *zi, void *yr, void *yi);
    void (*mirror)(int64_t n, int64_t lanes, void *xr, void *xi);
    void (*tangle)(int64_t h, int64_t lanes, const void *w, const void *xr, const void *xi, void *zr, void *zi);
} numc_block_fft;

typedef struct numc_block_rows {
    const numc_block_row *rows;
    size_t count;
} numc_block_rows;

typedef struct numc_blocks {
    const char *name;
    numc_block_rows (*arithmetic)(uint32_t dtype);
    numc_block_rows (*mathematics)(uint32_t dtype);
    numc_block_fn (*convert)(uint32_t to, uint32_t from);
    const numc_block_reduction *(*reduction)(uint32_t reduction, uint32_t dtype);
    const numc_block_argument *(*argument)(uint32_t reduction, uint32_t dtype);
    const numc_block_memory *(*memory)(uint32_t size);
    void (*iota)(size_t n, int64_t *out, int64_t first);
    const numc_block_matrix *(*matrix)(uint32_t dtype);
    numc_block_fn (*pair)(numc_block_first first, numc_block_second second, bool single);
    const numc_block_fft *(*fft)(uint32_t dtype);
} numc_blocks;

const numc_blocks *numc_cpu_blocks_plain(void);
const numc_blocks *numc_cpu_blocks_avx2(void);

#ifndef NUMC_BLOCK_SET
#define NUMC_BLOCK_SET plain
#endif
#define NUMC_BLOCK_JOIN_(name, set) numc_cpu_##name##_##set
#define NUMC_BLOCK_JOIN(name, set) NUMC_BLOCK_JOIN_(name, set)
#define NUMC_BLOCK(name) NUMC_BLOCK_JOIN(name, NUMC_BLOCK_SET)

numc_block_rows NUMC_BLOCK(arithmetic)(uint32_t dtype);
numc_block_rows NUMC_BLOCK(mathematics)(uint32_t dtype);
numc_block_fn NUMC_BLOCK(convert)(uint32_t to, uint32_t from);
const numc_block_reduction *NUMC_BLOCK(reduction)(uint32_t reduction, uint32_t dtype);
const numc_block_argument *NUMC_BLOCK(argument)(uint32_t reduction, uint32_t dtype);
const numc_block_memory *NUMC_BLOCK(memory)(uint32_t size);
void NUMC_BLOCK(iota)(size_t n, int64_t *out, int64_t first);
const numc_block_matrix *NUMC_BLOCK(matrix)(uint32_t dtype);
const numc_block_fft *NUMC_BLOCK(fft)(uint32_t dtype);
numc_block_fn NUMC_BLOCK(pair)(numc_block_first first, numc_block_second second, bool single);

/* Of src/kernel/matrix.h: a compiler unrolls loops of constant length by itself, or is told to. */
#define INLINE static inline __attribute__((always_inline, unused))
#if defined(__clang__)
#define UNROLL
#define ROLL
#else
#define UNROLL _Pragma("GCC unroll 16")
#define ROLL _Pragma("GCC unroll 1")
#endif
#define INDEPENDENT NUMC_BLOCK_LOOP

/* Before a loop whose iterations touch only their own elements. */
#if defined(__clang__)
#define NUMC_BLOCK_LOOP _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define NUMC_BLOCK_LOOP _Pragma("GCC ivdep")
#else
#define NUMC_BLOCK_LOOP
#endif

#endif
