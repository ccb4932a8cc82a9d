/* device.h - internal to `numc-bench device`: a device beside the cpu backend. device.c measures operations and shows all figures,
 * device_models.c gradients, chains and the comparison with NumPyro. */
#ifndef NUMC_BENCH_DEVICE_H
#define NUMC_BENCH_DEVICE_H

#include "backend/internal.h"
#include "bench.h"

enum { BENCH_DEVICE_MODELS = 4, BENCH_CHAIN_COUNTS = 8, BENCH_WHY = 256 };

/* Nanoseconds; NAN: not measured, `why` says why not. */
typedef struct bench_device_gradient {
    const bench_model *model;
    int32_t dimension;
    double there;    /* a position up, the log density and its gradient down, waited for */
    double resident; /* one of a row of launches on what lies there, as sampling does it */
    double host;     /* the cpu backend's, all its threads, native code where there is a compiler */
    double read;     /* one read of the model's matrix at the speed of the device's copy; NAN without one */
    char why[BENCH_WHY];
} bench_device_gradient;

typedef struct bench_device_chains {
    const bench_model *model;
    int32_t chains;
    int64_t draws; /* per chain in the timed run */
    double there, host; /* draws of all chains per second */
    double there_leapfrogs, host_leapfrogs; /* per second */
    char why[BENCH_WHY];
} bench_device_chains;

typedef struct bench_numpyro {
    char version[64], device[128];
    double draws_per_second; /* NAN: not measured */
    char why[BENCH_WHY];
} bench_numpyro;

/* Both sides of a comparison. */
typedef struct bench_sides {
    const bench_options *options; /* of the device's context */
    bench_options host;           /* of the cpu backend's */
    numc_device_info info;
    double copy; /* bytes per ns, read and written bytes counted */
} bench_sides;

bool bench_device_wants(const bench_options *options, const char *name); /* a row, by --case */
int bench_device_gradients(const bench_sides *sides, bench_device_gradient *rows);  /* how many rows; -1: failed, said */
int bench_device_chain_rows(const bench_sides *sides, bench_device_chains *rows); /* likewise */
/* 4096 chains of eight schools, draws after the warm-up; `quick`: only looks whether it is there. */
void bench_device_numpyro(bool quick, bench_numpyro *result);

#endif
