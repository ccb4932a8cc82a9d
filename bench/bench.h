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

typedef struct bench_model bench_model;
struct bench_model {
    const char *name;
    const char *what;      /* one line for the table */
    numc_model_fn callback;
    /* Simulates the data, the same numbers each time, or reads them; NULL: out of memory. Freed by data_free. */
    void *(*data_new)(const bench_model *model);
    void (*data_free)(void *data);
    /* Makes the arrays that the callback reads, of this context, and says what the callback is given. */
    void *(*data_arrays)(numc_context *context, void *data);
    bench_hand_fn hand;        /* or NULL */
    bench_hand_fn hand_single; /* another way to write it: one pass over the data; or NULL */
    bool (*hand_ready)(void);  /* NULL: always. False: what the hand-written one needs is not on this machine. */
    /* What no way of computing it can do without, alone: reading the data once, the calls of LAPACK and BLAS; or NULL. */
    double (*floor)(void *data, const double *q);
    int32_t rows, columns; /* of the data; columns is 0 where rows are numbers */
    /* Stan's gradient, measured elsewhere (README): the least median and the least time of three versions, ns; 0: not measured. */
    double stan_median, stan_least;
    double goal;  /* times what is written by hand that native code may take; 0: none. Interpreted: 4 times that. */
    bool large;   /* left out of what samples all models, and of --quick */
    bool device;  /* and of all commands but `device` that do not name it */
    const char *folder; /* of posteriordb; NULL: simulated */
};

const bench_model *bench_model_at(int index); /* NULL: there are no more */
extern const bench_model bench_simulated[], bench_posteriors[];
extern const int bench_simulated_count, bench_posterior_count; /* the latter 0 where libnumc_io is not built */

/* Where the posteriors' data are: --posteriors, else NUMC_POSTERIORDB, else beside the project. The first prints why they
 * cannot be read. */
bool bench_posteriors_found(void);
extern const char *bench_posteriors_folder; /* set by --posteriors */

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
enum { BENCH_CLASSES = 4 };
double bench_hand_softmax(const bench_logistic *l, const double *q, double *gradient); /* y: classes 0 .. 3 */
double bench_hand_firth(const bench_logistic *l, const double *q, double *gradient);   /* 20 columns */
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
double bench_hand_chain(const bench_chain *c, const double *q, double *gradient); /* BENCH_STATES states, at most 1024 steps */
enum { BENCH_STATES = 4 };

typedef struct bench_process {
    int count;
    const double *x, *y;
    double *kernel, *inverse, *solved; /* count * count each; count */
} bench_process;
double bench_hand_process(const bench_process *p, const double *q, double *gradient); /* LAPACK */
double bench_process_calls(const bench_process *p); /* its calls of LAPACK alone, on the matrix of the evaluation before */
bool bench_lapack_ready(void); /* OpenBLAS, as below */
double bench_read(const double *x, size_t count); /* reads memory once: a sum */

/* ---- hand_posteriors.c ----------------------------------------------------------------------------------------------------------- */
typedef enum bench_scale { BENCH_FLAT, BENCH_HALF_NORMAL, BENCH_HALF_CAUCHY, BENCH_STUDENT } bench_scale;
typedef struct bench_linear {
    int rows, columns;
    double *x, *y; /* x column by column */
    int intercept, slopes, sigma; /* where in q; no intercept: -1 */
    double intercept_mean, intercept_sd, slope_mean, slope_sd; /* normal priors; sd 0: flat */
    bool intercept_student;       /* the prior is Student's t with 3 degrees of freedom instead */
    bench_scale scale_prior;      /* of sigma; the t has 3 degrees of freedom */
    double scale;
} bench_linear;
double bench_hand_linear(const bench_linear *l, const double *q, double *gradient);

typedef struct bench_drive {
    int count;
    bool normal; /* emissions; else exponential */
    const double *u, *v;
    double alpha[2][2], log_beta[2], sd[2]; /* Dirichlet priors, with the log of their constants; of u and v */
    double (*alphas)[2], (*emissions)[2], *scales; /* count each */
} bench_drive;
double bench_hand_drive(const bench_drive *d, const double *q, double *gradient);

typedef struct bench_volterra {
    int count, steps; /* intervals, and Runge-Kutta steps in each */
    const double *times, *first, *logs; /* count, 2, count x 2 */
    double (*points)[4][2], (*ends)[2]; /* count * steps, count */
} bench_volterra;
double bench_hand_volterra(const bench_volterra *v, const double *q, double *gradient);

typedef struct bench_counts {
    int count; /* at most 16 */
    const double *x, *k;
    double log_factorial[16];
} bench_counts;
double bench_hand_counts(const bench_counts *c, const double *q, double *gradient);

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
    const char *only; /* array, device: one case; NULL: all */
    bool quick;       /* array, device: small arrays; gradient: one round, no large models, native code for the first alone */
} bench_options;

double bench_now(void); /* nanoseconds, monotonic */
/* A context on the chosen backend, found in the build tree when nothing else is said. NULL after printing why not. */
numc_context *bench_open(const bench_options *options);
numc_context *bench_try(const bench_options *options, char *why, size_t size); /* says there why not */
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
int bench_chains(const bench_options *options);
int bench_device(const bench_options *options);
bool bench_device_case_known(const char *name); /* of bench_device */
int bench_dynamic(const bench_options *options);
int bench_first(const bench_options *options); /* the child process of bench_sample that measures the start */

/* ---- chains.c --------------------------------------------------------------------------------------------------------------- */
enum { BENCH_PILOT_DEPTH = 8, BENCH_PILOT_TRANSITIONS = 220 };
/* What a short run of four chains arrived at: chains that start there move alike, however they are moved. Times in ns. */
typedef struct bench_pilot {
    double step_size, leapfrogs, gradient; /* leapfrogs per transition */
    double *metric, *positions; /* (dimension), (chains, dimension): to be freed, also after a failure */
} bench_pilot;
bool bench_fly_ahead(numc_model *model, int32_t most_chains, bench_pilot *p); /* false: the context's error */

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
