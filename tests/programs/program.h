/* program.h - for the tests of random programs: a program as data, so that it can be made from a seed, printed, read back, run in
 * several ways, and made smaller while it still fails.
 *
 * A program is a list of blocks; block 0 is the program, the others are bodies of its control flow and functions. A block has
 * parameters, applications of operations to values, and results. Values are numbered through the whole program; a body may
 * use values of the blocks around it, except where its operation makes a function of it (call). */
#ifndef NUMC_TESTS_PROGRAMS_PROGRAM_H
#define NUMC_TESTS_PROGRAMS_PROGRAM_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/function.h"
#include "numc/fft.h"
#include "numc/linalg.h"
#include "numc/random.h"
#include "numc/special.h"

#define RANKS 4
#define ELEMENTS 160  /* of any value, at most */
#define OPERANDS 6
#define NUMBERS 8
#define RESULTS 5
#define PARAMETERS 6
#define APPLICATIONS 24 /* of a block */
#define BLOCKS 20
#define VALUES 320
#define INPUTS 5

typedef struct value_type {
    numc_dtype dtype;
    int32_t rank;
    int64_t shape[RANKS];
} value_type;

/* X(NAME, name): what the numbers are stands beside its function in run.c. */
#define OPERATION_TABLE(X)                                                                         \
    X(SCALAR, scalar) X(CONSTANT, constant) X(IOTA, iota) X(ASTYPE, astype) X(RESHAPE, reshape)    \
    X(BROADCAST, broadcast_to) X(PERMUTE, permute_dims) X(EXPAND, expand_dims) X(SQUEEZE, squeeze) X(FLIP, flip)   \
    X(ROLL, roll) X(REPEAT, repeat) X(SLICE, slice) X(AT, at) X(PAD, pad) X(CONCAT, concat) X(STACK, stack)        \
    X(TAKE, take) X(TAKE_ALONG, take_along_axis) X(SCATTER_ADD, scatter_add) X(SCATTER_SET, scatter_set)          \
    X(UPDATE, update) X(DIAGONAL, diagonal) X(DIAG, diag) X(TRIANGLE, triangle) X(CLIP, clip) X(REDUCE, reduce)   \
    X(ARGUMENT, argument) X(CUMULATIVE, cumulative) X(SORT, sort) X(ARGSORT, argsort) X(SEARCH, searchsorted)     \
    X(MATMUL, matmul) X(VECDOT, vecdot) X(OUTER, outer) X(CHOLESKY, cholesky) X(TRIANGULAR, triangular_solve)     \
    X(SOLVE, solve) X(INVERSE, inverse) X(CHO_INV, cho_inv) X(DETERMINANT, determinant) X(EIGENVALUES, eigenvalues)    \
    X(FOURIER, fourier) X(PARTS, parts) X(RANDOM, random) X(POLYGAMMA, polygamma) X(STOP, stop_gradient)          \
    X(COND, cond) X(SWITCH, switch) X(SCAN, scan) X(MAP, map) X(WHILE, while) X(FORI, fori) X(CALL, call)         \
    X(EXTERNAL, external)

typedef enum program_operation {
#define NUMC_X(upper, lower) OPERATION_##upper,
    OPERATION_TABLE(NUMC_X)
#undef NUMC_X
    OPERATION_COUNT
} program_operation;

typedef struct application {
    int32_t operation;
    int32_t operand_count, operands[OPERANDS];
    int32_t number_count;
    int64_t numbers[NUMBERS];
    double real;
    int32_t block_count, blocks[3];
    int32_t result_count, results[RESULTS];
} application;

typedef struct block {
    int32_t parameter_count, parameters[PARAMETERS];
    int32_t application_count;
    application applications[APPLICATIONS];
    int32_t result_count, results[RESULTS];
} block;

typedef struct program {
    uint64_t seed;
    bool wild; /* values at the edges: infinities, NaN, zeros, whatever comes of them */
    int32_t block_count;
    block blocks[BLOCKS];
    int32_t value_count;
    value_type types[VALUES]; /* of inputs always; of others once the program has been traced */
    double inputs[INPUTS][2 * ELEMENTS]; /* by parameter of block 0; complex ones as pairs */
} program;

/* ---- numbers from a seed (splitmix64) ---------------------------------------------------------------------------- */
typedef struct generator {
    uint64_t state;
} generator;
static inline uint64_t draw(generator *g)
{
    g->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = g->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
static inline double draw_unit(generator *g) /* [0, 1) */
{
    return (double)(draw(g) >> 11) * 0x1p-53;
}
static inline int draw_below(generator *g, int n)
{
    return n <= 0 ? 0 : (int)(draw(g) % (uint64_t)n);
}

/* ---- run.c: a program on arrays ------------------------------------------------------------------------------------ */
/* How it runs. `plain` works control flow out by itself, with loops in C over concrete arrays: what the library's is held to. Else
 * the library's control flow is used, with arrays that may be traced. */
typedef struct machine {
    numc_context *context;
    program *of;             /* types are written where `record` */
    bool plain, record;
    int32_t fault;           /* a scalar code whose results are wrong unless `plain`: what tests of this test plant; 0: none */
    const numc_array *values[VALUES];
} machine;
void machine_run(machine *m, int32_t block, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                 int32_t output_count);
bool machine_apply(machine *m, const application *a); /* false: an error is in the context */
const char *operation_name(int32_t operation);
value_type type_of(const numc_array *x);
int64_t elements_of(const value_type *type);
/* The inputs of a program, element `which` of a batch (0: its own) with numbers of its own. */
const numc_array *program_input(numc_context *context, const program *p, int32_t input, int which);
/* A traced function of it; NULL with the error in the context. Types are recorded in p where `record`. */
numc_function *program_function(numc_context *context, program *p, bool record, int32_t fault);
/* The same in dynamic mode; the machine lives as long as the function. */
numc_function *program_dynamic(numc_context *context, program *p, machine *m, bool plain);
int32_t program_applications(const program *p); /* of all blocks */
bool program_uses(const program *p, int32_t operation);

/* ---- generate.c, text.c, shrink.c ---------------------------------------------------------------------------------- */
/* context: one of the reference backend. program_rows: programs about a matrix of 64 to 80 rows and two columns. */
extern bool program_rows;
void program_generate(numc_context *context, program *p, uint64_t seed);
void program_clean(program *p); /* drops what no result needs */
void program_print(FILE *stream, const program *p);
bool program_read(FILE *stream, program *p); /* the next one; false at the end, or with a message on stderr and `p->seed` set to 1 */

typedef bool (*program_fails)(const program *p, void *user);
/* Makes p smaller for as long as `fails` holds; returns how many candidates were tried. context: to trace candidates in. */
int program_shrink(numc_context *context, program *p, program_fails fails, void *user, int limit);

/* ---- oracle.c: a graph node by node --------------------------------------------------------------------------------- */
/* Values of all outputs in one list of doubles: complex ones as pairs. The caller frees. */
typedef struct number_list {
    int64_t count;
    double *values;
    double *eps;    /* of the dtype of each; 0 of integers and bools */
    int32_t *output; /* which output each is of */
} number_list;
bool numbers_of(number_list *n, const numc_array *const *arrays, int32_t count); /* false: an error is in the context */
void numbers_free(number_list *n);
/* Node by node at once, control flow by loops in C. With noise, each result of arithmetic, and each term of a sum, is off by up to
 * 4 eps: how far the outputs move says how far rounding can move them. */
bool graph_evaluate(numc_context *context, const numc_graph *graph, const numc_array *const *inputs, numc_array **outputs,
                    generator *noise);
/* The greatest distance of `runs` noisy runs from one without noise, in the places of the numbers `of`; NaN where a result changes between finite and not, or is an integer that
 * changes. */
bool graph_spread(numc_context *context, const numc_graph *graph, const numc_array *const *inputs, const number_list *of, int runs,
                  uint64_t seed, double *spread);

/* ---- check.c ----------------------------------------------------------------------------------------------------------- */
typedef struct house {
    numc_context *reference, *compiled; /* compiled: cpu where there is one, interpreted */
    numc_context *native;               /* of whose programs native code is made, many in one object; NULL: none is */
    int32_t fault;
} house;
typedef enum verdict { VERDICT_PASS, VERDICT_FAIL, VERDICT_SKIP } verdict;
typedef struct check {
    const char *name;
    verdict (*run)(const house *h, program *p, char *message, size_t size);
    int every; /* of so many programs one; 0: native only */
} check;
/* Programs as native code of one object, `parts` of each: itself, its vjp, vmap of that; 0: of each the first, of each fourth the second,
 * of each eighth all. */
enum { NATIVE_PARTS = 3 };
void check_natives(const house *h, program *const *list, int count, int parts, verdict *verdicts, char (*messages)[512]);
extern const check checks[];
extern const int check_count;

#endif
