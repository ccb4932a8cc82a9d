/* bench.h - internal to numc-bench: the models measured, the counting of allocations, and what the commands share. */
#ifndef NUMC_BENCH_BENCH_H
#define NUMC_BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "infer/target.h"
#include "numc/numc.h"

/* A log density and its gradient at an unconstrained position, written by hand in C for the same data as the model's. */
typedef double (*bench_hand_fn)(void *data, const double *q, double *gradient);

typedef struct bench_model {
    const char *name;
    const char *what;      /* one line for the table */
    numc_model_fn callback;
    void *(*data_new)(void); /* simulates the data, the same numbers each time; NULL: out of memory; freed by free */
    void (*data_arrays)(numc_context *context, void *data); /* makes the arrays that the callback reads */
    bench_hand_fn hand;        /* or NULL */
    bench_hand_fn hand_single; /* another way to write it: one pass over the data; or NULL */
    bool (*hand_ready)(void);  /* NULL: always. False: what the hand-written one needs is not on this machine. */
} bench_model;

extern const bench_model bench_models[];
extern const int bench_model_count;

/* ---- hand.c: densities by hand; sizes as in models.c --------------------------------------------------------------------- */
typedef struct bench_schools {
    int count;
    const double *y, *sigma;
} bench_schools;
double bench_hand_schools(const bench_schools *s, const double *q, double *gradient);

typedef struct bench_logistic {
    int rows, columns;
    const double *x, *y; /* x row-major */
    double *scratch;     /* rows */
} bench_logistic;
double bench_hand_logistic(const bench_logistic *l, const double *q, double *gradient);        /* two passes, OpenBLAS */
double bench_hand_logistic_single(const bench_logistic *l, const double *q, double *gradient); /* one pass, own loops */
bool bench_blas_ready(void); /* opens OpenBLAS at the first call; one thread */

typedef struct bench_garch {
    int count;
    const double *y;
    double sigma1;
    double *scratch; /* count */
} bench_garch;
double bench_hand_garch(const bench_garch *g, const double *q, double *gradient);

typedef struct bench_ar {
    int count, order;
    const double *y;
} bench_ar;
double bench_hand_ar(const bench_ar *a, const double *q, double *gradient);

typedef struct bench_groups {
    int groups, rows;
    const int64_t *group;
    const double *y;
} bench_groups;
double bench_hand_groups(const bench_groups *g, const double *q, double *gradient);

typedef struct bench_mixture {
    int count;
    const double *y;
} bench_mixture;
double bench_hand_mixture(const bench_mixture *m, const double *q, double *gradient);

typedef struct bench_chain {
    int count;
    const double *y;
} bench_chain;
double bench_hand_chain(const bench_chain *c, const double *q, double *gradient);

/* ---- count.c ---------------------------------------------------------------------------------------------------------------- */
/* Calls of malloc, calloc, realloc, posix_memalign, aligned_alloc, memalign and mmap in this process so far; -1 where this build
 * cannot count them. */
int64_t bench_allocations(void);

/* ---- main.c ---------------------------------------------------------------------------------------------------------------- */
typedef struct bench_options {
    bool json;
    const char *model;   /* NULL: all */
    const char *backend; /* NULL: NUMC_BACKEND or the build's default */
    int rounds;          /* gradient: rounds of timing; sample: runs */
    int32_t chains, threads;
    int64_t draws;
    numc_jit jit;     /* gradient: DEFAULT is both, interpreted and native; sample: DEFAULT is NUMC_JIT, else auto */
    const char *only; /* array: one case; NULL: all */
    bool quick;       /* array: small arrays */
} bench_options;

double bench_now(void); /* nanoseconds, monotonic */
/* A context on the chosen backend, found in the build tree when nothing else is said. NULL after printing why not. */
numc_context *bench_open(const bench_options *options);
const char *bench_backend_name(numc_context *context);
bool bench_wanted(const bench_options *options, const bench_model *model);
static inline bool bench_fail(const char *what, const char *why) /* prints; false */
{
    fprintf(stderr, "numc-bench: %s: %s\n", what, why);
    return false;
}
int bench_compare_doubles(const void *a, const void *b);

int bench_gradient(const bench_options *options);
int bench_array(const bench_options *options);
bool bench_case_known(const char *name); /* of bench_array */
int bench_sample(const bench_options *options);
int bench_first(const bench_options *options); /* the child process of bench_sample that measures the start */


/* ---- numpy.c ---------------------------------------------------------------------------------------------------------------- */
typedef struct bench_numpy bench_numpy;
/* A Python with NumPy on the data of array.c, of side * side numbers and products of such a size; `narrow`: told to leave
 * AVX-512 alone. NUMC_BENCH_PYTHON names the interpreter, or is "off". NULL: there is none. */
bench_numpy *bench_numpy_start(int side, int product, int threads, bool narrow);
void bench_numpy_stop(bench_numpy *n);
const char *bench_numpy_version(const bench_numpy *n);
bool bench_numpy_is_wide(const bench_numpy *n); /* it uses AVX-512 */
double bench_numpy_time(bench_numpy *n, const char *expression, int64_t count); /* ns of one; negative: no answer */
/* The result's size, and elements i size / 16 of it (of the first result where there are several). */
bool bench_numpy_probe(bench_numpy *n, const char *expression, int64_t *size, double samples[16]);

#endif
