/* gradient.h - internal to `numc-bench gradient`: what is measured of a model (gradient.c), and how it is shown (goals.c). */
#ifndef NUMC_BENCH_GRADIENT_H
#define NUMC_BENCH_GRADIENT_H

#include "bench.h"

typedef enum bench_way {
    BENCH_INTERPRETED, BENCH_NATIVE, BENCH_HAND, BENCH_SINGLE, BENCH_FLOOR,
    BENCH_PRODUCT, /* the gradient and the Hessian's product with a vector, native where there is a compiler */
    BENCH_WAYS
} bench_way;

/* Nanoseconds; NAN: not measured. */
typedef struct bench_row {
    const bench_model *model;
    char backend[64];
    int32_t dimension;
    double median[BENCH_WAYS], least[BENCH_WAYS];
    double error;       /* of the interpreted gradient against those by hand, relative */
    double allocations; /* per gradient, of both modes together; -1: not counted */
    double compile;     /* to trace, differentiate and compile all programs of the model, interpreted */
    double cold, cached; /* the same with native code, the cache empty, and filled */
    double cold_processor; /* processor time of compilers for the cold one, ns: what a busy machine does not change */
    uint64_t chain_bytes, shared_bytes;
} bench_row;

/* Eight schools, 4 x (1000 + 1000), one thread. */
typedef struct bench_sampling {
    double gradients, interpreted, native, automatic; /* automatic: native code is made meanwhile, the cache empty at the first run */
    double overhead; /* processor time per gradient outside it: a density by hand is sampled, and its time subtracted */
} bench_sampling;

void bench_print_begin(const bench_options *options);
void bench_print_row(const bench_options *options, const bench_row *r, bool first);
/* What the table says about the goals. sampling: NULL where it was not measured. */
void bench_print_end(const bench_options *options, const bench_row *rows, int count, const bench_sampling *sampling);

#endif
