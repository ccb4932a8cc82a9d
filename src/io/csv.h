/* csv.h - internal: one chain as a file in the CSV dialect of CmdStan, from a neutral description of the chain. */
#ifndef NUMC_IO_CSV_H
#define NUMC_IO_CSV_H

#include "numc/mcmc.h"

typedef struct numc_csv_site {
    const char *name;
    int32_t rank;
    const int64_t *shape;
} numc_csv_site;

/* The comment block before the header says how the chain was made, in CmdStan's words. */
typedef struct numc_csv_chain {
    const char *model; /* for the comment `model =` */
    int64_t id;        /* 1-based */
    uint64_t seed;
    int64_t chains, threads;
    int64_t draws, warmup, thin; /* as asked for, for the comments */
    int64_t warmup_rows, rows;   /* as they are: the draws to write, those of the warm-up first */
    bool save_warmup;
    double delta, gamma, kappa, t0;
    int64_t init_buffer, term_buffer, window;
    bool adapted;        /* warm-up adapted something: the trailer of adaptation is written */
    bool nuts;           /* else static HMC */
    int64_t max_depth;   /* NUTS */
    double int_time;     /* static HMC: integration time */
    numc_metric_kind metric;
    double initial_stepsize, jitter, init_radius;
    double stepsize; /* after adaptation */
    int64_t dimension;
    const double *inverse_metric; /* dimension numbers, or dimension x dimension for a dense metric, row-major */
    double warmup_seconds, sampling_seconds;
    const numc_csv_site *sites;
    int32_t site_count;
    int64_t value_count; /* sum of the sites' sizes */
    /* Fills one draw: `values` site after site, row-major within a site. */
    void (*read)(void *user, bool warmup, int64_t row, numc_draw_statistics *statistics, double *values);
    void *user;
} numc_csv_chain;

/* Writes the file. NUMC_IO with the path and the system's reason when it cannot be written whole; what was written is then
 * removed. Numbers are the shortest text that reads back to the same double, whatever the locale. */
numc_status numc__csv_write(numc_context *context, const char *path, const numc_csv_chain *chain);

#endif
