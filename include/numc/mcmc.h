/* mcmc.h - for users: Markov chain Monte Carlo by HMC and NUTS over a model or over a density of one's own.
 *
 * A numc_mcmc owns chains, their adaptation and their draws. It is used from one thread at a time (numc_mcmc_cancel excepted);
 * inside a run its chains work on threads of their own. Draws depend on seed, options, target and build, never on the
 * number of threads. Positions are unconstrained; draws hold what the target stores: a model's constrained values and
 * deterministics, a density's position. */
#ifndef NUMC_MCMC_H
#define NUMC_MCMC_H

#include <stdio.h>

#include "numc/base.h"
#include "numc/diagnostics.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct numc_model numc_model; /* model.h */
typedef struct numc_mcmc numc_mcmc;

/* log density (up to a constant) and gradient at a position of the given dimension, on the whole of R^D. NUMC_OK; NUMC_REJECT
 * where the density is zero or cannot be computed (the outputs are not read); NUMC_STOP to end the run, keeping its draws; any
 * other status ends it as an error. A log density that is not finite counts as a rejection. Must not unwind. Called from
 * several threads at once unless serial_callback is set. */
typedef numc_status (*numc_density_fn)(void *user, const double *position, double *log_density, double *gradient);

/* A number of things where 0 means "the default": write NUMC_COUNT(0) for none. NUMC_COUNT(n) may look at n twice. */
typedef int64_t numc_count;
#define NUMC_COUNT(n) ((int64_t)(n) < 0 ? (int64_t)(n) : INT64_MIN + (int64_t)(n))

typedef enum numc_mcmc_algorithm {
    NUMC_ALGORITHM_NUTS = 0, /* multinomial NUTS with the generalised turning test (Betancourt 2017) */
    NUMC_ALGORITHM_HMC = 1   /* a fixed number of leapfrogs and a Metropolis decision */
} numc_mcmc_algorithm;

typedef enum numc_metric_kind {
    NUMC_METRIC_DIAGONAL = 0, /* variances of the warm-up's draws, shrunk */
    NUMC_METRIC_DENSE = 1,    /* their covariance matrix, shrunk */
    NUMC_METRIC_UNIT = 2      /* 1, never adapted */
} numc_metric_kind;

/* How chains are moved. A chain's random numbers are the same for each method. */
typedef enum numc_chain_method {
    NUMC_CHAINS_PARALLEL = 0,   /* each on a thread of its own, as far as there are threads */
    NUMC_CHAINS_SEQUENTIAL = 1, /* one after another, on one thread; draws have the bits of PARALLEL */
    /* Many chains per call: the positions that `batch` chains want next are evaluated together, by the model's program over a
     * batch, so that products of a matrix and a vector become products of matrices, and a device has work enough. A chain goes on
     * to its next draw at once, whatever the others do. The draws of the first transitions are those of PARALLEL up to rounding
     * (bit for bit where the model is elementwise); then they part, as any two computations of a chaotic path. They depend on
     * `batch`, which gives the call its shape, and not on threads, which share the batches out. A density of one's own is
     * evaluated for one position after another, with the bits of PARALLEL.
     * On a device with memory of its own that takes programs as text, chains stay there from their starting points on, warm-up and
     * all (with a dense metric of more than 64 coordinates from the warm-up's end on): what numc_mcmc_cancel and callbacks ask
     * for is then seen every 32 leapfrogs, and draws are stored, and given to callbacks, up to 64 of a chain later. The draws are the same. */
    NUMC_CHAINS_VECTORIZED = 2
} numc_chain_method;

/* One kept draw's statistics. energy: -log density + kinetic energy. accept_stat: mean acceptance probability over the
 * trajectory. tree_depth: completed doublings (NUTS). */
typedef struct numc_draw_statistics {
    double log_density, accept_stat, step_size, energy;
    int32_t tree_depth, n_leapfrog;
    bool divergent;
} numc_draw_statistics;

/* Borrowed for the time of the call. */
typedef struct numc_mcmc_progress {
    int32_t chains;
    int64_t warmup, total; /* transitions per chain */
    const int64_t *done;   /* transitions done, per chain */
    int64_t divergences;   /* so far after the warm-up, of all chains: numc_mcmc_divergence_count */
    int64_t warmup_divergences; /* so far in the warm-up */
    double seconds;        /* since the run began */
    bool finished;         /* the last call of a run */
} numc_mcmc_progress;

typedef struct numc_mcmc_draw {
    int32_t chain;
    int64_t draw; /* from 0; warm-up draws are counted apart */
    bool warmup;
    const double *values; /* as stored */
    int64_t value_count;
    const numc_draw_statistics *statistics;
} numc_mcmc_draw;

/* Both run on the thread that called numc_mcmc_run and answer NUMC_OK to go on or NUMC_STOP to end the run. Then no more draws are given in
 * this run, nor after numc_mcmc_free; those that chains have stored meanwhile are kept, and are the first of the next run. progress is told of
 * the end once in any case.
 *
 * From them, while the run is in progress: everything that reads the sampler may be called; it shows the draws made so far, and
 * pointers to draws and statistics hold until the run ends. numc_mcmc_inverse_metric and numc_mcmc_position are NULL while chains
 * are at work. numc_mcmc_run and numc_mcmc_step answer NUMC_STATE. numc_mcmc_free ends the run and frees when it returns. A
 * density, which may run on any thread, may call numc_mcmc_cancel, numc_mcmc_free and the functions that count (but
 * not_finite_count). numc_close of the context does nothing but log an error while a sampler of it runs. */
typedef numc_status (*numc_mcmc_progress_fn)(void *user, const numc_mcmc_progress *progress);
typedef numc_status (*numc_mcmc_draw_fn)(void *user, const numc_mcmc_draw *draw);

/* Warm-up. The step size is adapted throughout by dual averaging, starting from a search. The metric is estimated in
 * windows that double: with the defaults 75 transitions before them, 50 after, the first of 25 (1000: ends of 25, 50, 100,
 * 200, 500 draws; Stan's rule). Where these do not fit (20 to 149 transitions) 15% come before and 25% after, and the
 * middle is one window, or two of one and two thirds from 45 on. A last window shorter than the first is joined to the one
 * before. Below 20 only the step size is adapted.
 *
 * Zero is the default of every field. */
typedef struct numc_mcmc_options {
    int32_t chains;    /* 4 */
    numc_count warmup; /* 1000 transitions that adapt step size and metric */
    numc_count draws;  /* 1000 kept per chain */
    int32_t thin;      /* 1: keep every thin-th transition */
    numc_mcmc_algorithm algorithm;
    numc_metric_kind metric;
    int32_t max_tree_depth;   /* NUTS: 10, at most 20 */
    int32_t trajectory_steps; /* HMC: leapfrogs per transition; 0: trajectory_length / step size */
    double trajectory_length; /* HMC: 2 pi */
    double target_accept;     /* 0.8; 0 < target < 1 */
    double step_size;         /* 1: where the search for the first step size starts; the step size without adaptation */
    double step_jitter;       /* 0 <= jitter <= 1: each transition's step is multiplied by 1 + jitter uniform(-1, 1) */
    double init_radius;       /* 2: starts uniform in (-radius, radius) per coordinate, up to 100 tries */
    bool init_zero;           /* start at 0 instead */
    const double *init_positions; /* (chains, dimension), unconstrained, instead; read by numc_mcmc_new */
    const double *init_metric;    /* inverse metric: (dimension) or, dense, (dimension, dimension); default 1; read at once */
    bool no_adaptation;           /* warm-up keeps step size and metric as given */
    bool save_warmup;
    numc_count adapt_init, adapt_term, adapt_window; /* 75, 50, 25: first, last and first metric window of the warm-up */
    double adapt_gamma, adapt_t0, adapt_kappa;       /* 0.05, 10, 0.75: dual averaging */
    int32_t threads;                                 /* one per chain (or batch of them), at most one per core */
    bool serial_callback;                            /* never evaluate the density on two threads at once */
    numc_mcmc_progress_fn progress;
    void *progress_user;
    numc_mcmc_draw_fn draw;
    void *draw_user;
    int32_t interval; /* milliseconds between calls of progress and draw: 50 */
    const char *const *names; /* density: a name per coordinate; default q[0], q[1], ... */
    numc_chain_method chain_method;
    int32_t batch; /* VECTORIZED: chains per call, at most; 0: 64 where memory is the host's, all on a device of its own */
} numc_mcmc_options;

/* NULL with an error pending on the context. options may be NULL. The result belongs to the context. A model's callback runs
 * three times here, to check the data, to be traced and compiled, and to see whether it does the same each time, and is not called again:
 * other sites, shapes, operations or constants than before are NUMC_TRACE, naming the place. In dynamic mode it runs twice here, and
 * then for each gradient and each draw that is kept, on the lane of the chain. A discrete latent site is an error. A target
 * without latent numbers is allowed: each transition evaluates it once and all draws are alike. */
NUMC_API numc_mcmc *numc_mcmc_new_sized(numc_model *model, const numc_mcmc_options *options, size_t size);
static inline numc_mcmc *numc_mcmc_new(numc_model *model, const numc_mcmc_options *options)
{
    return numc_mcmc_new_sized(model, options, sizeof(numc_mcmc_options));
}
/* The same over a density of one's own of `dimension` unconstrained coordinates; `user` is passed on to it. */
NUMC_API numc_mcmc *numc_mcmc_new_density_sized(numc_context *context, int32_t dimension, numc_density_fn density, void *user,
                                                const numc_mcmc_options *options, size_t size);
static inline numc_mcmc *numc_mcmc_new_density(numc_context *context, int32_t dimension, numc_density_fn density, void *user,
                                               const numc_mcmc_options *options)
{
    return numc_mcmc_new_density_sized(context, dimension, density, user, options, sizeof(numc_mcmc_options));
}
/* Bytes of memory that running takes at most, known before it runs. Any thread that may use `mcmc`. */
typedef struct numc_mcmc_memory {
    uint64_t chain;  /* for each chain: values of its programs, the sampler's state; not what a density of one's own takes. Chains that
                      * share a program take about as much. */
    uint64_t shared; /* once: what the programs have computed from the data, which is there already */
    uint64_t draws;  /* once: draws and statistics of all chains, as many as the options ask for */
} numc_mcmc_memory;
NUMC_API numc_status numc_mcmc_memory_get(const numc_mcmc *mcmc, numc_mcmc_memory *memory); /* NULL: NUMC_INVALID_ARGUMENT */
/* NULL is accepted; what is not freed is freed at numc_close. From a callback of a run of `mcmc` itself it cancels that run
 * (unless it is over) and `mcmc` is freed as the run returns. */
NUMC_API void numc_mcmc_free(numc_mcmc *mcmc);

/* Warms up and draws. Called again it goes on: first with what a cancelled, stopped or failed run left undone, then with
 * `draws` more draws per chain; with the same seed the result is that of one longer run, bit for bit. NUMC_OK; NUMC_STOP and
 * NUMC_CANCELLED leave no error pending; otherwise the first failing chain's error is pending. Draws made so far are kept.
 * While a run or step of the same sampler is in progress, from a callback or another thread: NUMC_STATE; the context is not
 * touched then, no error is pending, a line goes to the log ("already running"), and the first run goes on unharmed. */
NUMC_API numc_status numc_mcmc_run(numc_mcmc *mcmc, uint64_t seed);
/* One transition (of the warm-up, while it lasts) of one chain, or of all for chain -1, on the calling thread. */
NUMC_API numc_status numc_mcmc_step(numc_mcmc *mcmc, uint64_t seed, int32_t chain);
/* Ends the run in progress, or the next one when none is, within one gradient. Safe from any thread and signal handler. */
NUMC_API void numc_mcmc_cancel(numc_mcmc *mcmc);

/* ---- draws -----------------------------------------------------------------------------------------------------------------
 * All pointers below are borrowed and hold until the next run, step or free. Statuses: NUMC_INDEX for a chain, site, scalar or
 * divergence that there is not, NUMC_INVALID_ARGUMENT for NULL; functions that return numbers or pointers then give 0, NaN
 * or NULL. */

NUMC_API int32_t numc_mcmc_chain_count(const numc_mcmc *mcmc);
NUMC_API int32_t numc_mcmc_dimension(const numc_mcmc *mcmc); /* unconstrained coordinates */
NUMC_API int64_t numc_mcmc_draw_count(const numc_mcmc *mcmc, int32_t chain); /* -1: the least of all chains */
NUMC_API int64_t numc_mcmc_warmup_count(const numc_mcmc *mcmc, int32_t chain); /* saved warm-up draws */

/* One named quantity of the target: values[chain * chain_stride + draw * draw_stride + i], i row-major in shape. */
typedef struct numc_mcmc_site {
    const char *name;
    int32_t rank;
    const int64_t *shape;
    int64_t size;
    bool deterministic; /* computed from other sites */
    const double *values;
    int64_t chains, draws; /* draws: the least of all chains */
    int64_t chain_stride, draw_stride;
} numc_mcmc_site;
NUMC_API int32_t numc_mcmc_site_count(const numc_mcmc *mcmc); /* in the order of the model's run */
NUMC_API numc_status numc_mcmc_site_at(const numc_mcmc *mcmc, int32_t index, numc_mcmc_site *site);
NUMC_API numc_status numc_mcmc_site_find(const numc_mcmc *mcmc, const char *name, numc_mcmc_site *site);

/* Scalars: all elements of all sites in order, named as in the summary ("mu", "theta[3]", "L[1,0]"). */
NUMC_API int64_t numc_mcmc_scalar_count(const numc_mcmc *mcmc);
/* Writes the name, cut off to `size` with its final NUL; returns the whole length without NUL. `name` may be NULL. */
NUMC_API size_t numc_mcmc_scalar_name(const numc_mcmc *mcmc, int64_t scalar, char *name, size_t size);
/* One scalar's draws of all chains, as the functions of diagnostics.h take them. */
NUMC_API numc_status numc_mcmc_scalar_draws(const numc_mcmc *mcmc, int64_t scalar, numc_draws *draws);
/* The saved warm-up draws of one chain, (warmup_count, scalar_count), or NULL. */
NUMC_API const double *numc_mcmc_warmup_values(const numc_mcmc *mcmc, int32_t chain);

/* Statistics of the kept draws of a chain, draw_count or warmup_count of them. */
NUMC_API const numc_draw_statistics *numc_mcmc_statistics(const numc_mcmc *mcmc, int32_t chain);
NUMC_API const numc_draw_statistics *numc_mcmc_warmup_statistics(const numc_mcmc *mcmc, int32_t chain);

/* A leapfrog whose energy error passed 1000 or that met a rejected point: unconstrained positions before and after it. */
typedef struct numc_mcmc_divergence {
    int64_t transition; /* from 0, warm-up included */
    bool warmup;
    const double *start, *end; /* (dimension) each */
} numc_mcmc_divergence;
/* Number of divergent transitions of a chain, or of all for -1, after the warm-up. */
NUMC_API int64_t numc_mcmc_divergence_count(const numc_mcmc *mcmc, int32_t chain);
/* Number of kept draws of a chain, or of all for -1, that hold a value that is not finite. */
NUMC_API int64_t numc_mcmc_not_finite_count(const numc_mcmc *mcmc, int32_t chain);
/* Divergences kept with positions, warm-up included: the first ones of a chain, as many as fit in about 4 MB, at most 1000. */
NUMC_API int64_t numc_mcmc_divergence_kept(const numc_mcmc *mcmc, int32_t chain);
NUMC_API numc_status numc_mcmc_divergence_at(const numc_mcmc *mcmc, int32_t chain, int64_t index,
                                             numc_mcmc_divergence *divergence);

/* How the chains are made: the options with every default filled in; counts are plain numbers, and pointers to arrays are
 * NULL. The seed is the last run's. Seconds are a chain's own, in transitions of the warm-up or after it; of vectorised
 * chains, its share. */
NUMC_API numc_context *numc_mcmc_context(const numc_mcmc *mcmc);
NUMC_API numc_status numc_mcmc_options_get_sized(const numc_mcmc *mcmc, numc_mcmc_options *options, size_t size);
static inline numc_status numc_mcmc_options_get(const numc_mcmc *mcmc, numc_mcmc_options *options)
{
    return numc_mcmc_options_get_sized(mcmc, options, sizeof(numc_mcmc_options));
}
NUMC_API uint64_t numc_mcmc_seed(const numc_mcmc *mcmc);
NUMC_API double numc_mcmc_seconds(const numc_mcmc *mcmc, int32_t chain, bool warmup);

/* What adaptation arrived at: the step size; the inverse metric (dimension, or dimension^2 for a dense one; NULL for a unit
 * metric); the current unconstrained position (NULL before the first transition). The last two are NULL while chains are at
 * work. */
NUMC_API double numc_mcmc_step_size(const numc_mcmc *mcmc, int32_t chain);
NUMC_API const double *numc_mcmc_inverse_metric(const numc_mcmc *mcmc, int32_t chain);
NUMC_API const double *numc_mcmc_position(const numc_mcmc *mcmc, int32_t chain);

/* Rows of the summary for `count` scalars from `first` (rows: count of them); NUMC_STATE before the first draw. */
NUMC_API numc_status numc_mcmc_summary(const numc_mcmc *mcmc, int64_t first, int64_t count, numc_summary *rows);
/* A header line, one line per scalar: name mean mcse sd q5 q50 q95 ess_bulk ess_tail rhat; then, after an empty line, chains,
 * draws, divergences, transitions that reached max_tree_depth and the least energy fraction (E-BFMI); then, if there are any, the
 * number of draws that hold values that are not finite, and a chain that ran away to where the density is flat. NUMC_IO when the
 * file does not take it. */
NUMC_API numc_status numc_mcmc_print_summary(const numc_mcmc *mcmc, FILE *file);

#ifdef __cplusplus
}
#endif
#endif
