/* diagnostics.h - internal: a workspace for many quantities of the same number of draws. */
#ifndef NUMC_INFER_DIAGNOSTICS_H
#define NUMC_INFER_DIAGNOSTICS_H

#include "base/context.h"
#include "numc/diagnostics.h"

typedef struct numc_ranked {
    double value;
    int64_t place; /* in the split draws; -1 for the middle draw that splitting leaves out */
} numc_ranked;

/* Buffers for one quantity of chains x draws; the scores table serves all quantities of that size. */
typedef struct numc_diagnostics {
    numc_context *context;
    int64_t chains, draws; /* as given */
    int64_t parts, half;   /* after splitting: 2 chains, draws / 2 */
    int64_t total, used;   /* chains * draws, parts * half */
    numc_draws view;
    bool finite, constant;
    double *split;       /* parts x half, the quantity itself */
    double *work;        /* parts x half, what an estimate is made of */
    double *score;       /* normal score of rank (i + 2) / 2, NaN until needed */
    double *correlation; /* half + 2 */
    double *fft;         /* made when first needed; fft_length complex numbers, twiddles, covariances */
    int64_t fft_length;
    numc_ranked *order, *spare; /* total each; order is sorted by value */
    size_t bytes;
    void *block;
} numc_diagnostics;

numc_status numc__diagnostics_begin(numc_diagnostics *w, numc_context *context, int64_t chains, int64_t draws);
/* Takes a quantity: splits, sorts, looks for values that are not finite. */
void numc__diagnostics_load(numc_diagnostics *w, const numc_draws *draws);
numc_status numc__diagnostics_summary(numc_diagnostics *w, numc_summary *summary);
void numc__diagnostics_end(numc_diagnostics *w);

#endif
