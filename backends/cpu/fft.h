/* fft.h - internal to the cpu backend: Fourier transforms. fft_plan.c makes plans, which hold everything that depends on the length
 * alone and never change, and keeps the last ones; fft.c runs them on the lines of views.
 *
 * A plan works on *planes*: real and imaginary parts in arrays of their own, element k of lane b at [k lanes + b]. */
#ifndef NUMC_CPU_FFT_H
#define NUMC_CPU_FFT_H

#include "cpu.h"

enum { NUMC_CPU_FFT_PASSES = 64, NUMC_CPU_FFT_COLUMNS = 16 };

typedef enum numc_cpu_fft_kind {
    NUMC_CPU_FFT_PASSES_ONLY,
    NUMC_CPU_FFT_SPLIT,     /* n = rows columns, both transformed in pieces that stay in the cache */
    NUMC_CPU_FFT_BLUESTEIN, /* a convolution of a length without large primes */
    NUMC_CPU_FFT_REAL       /* real lines of n through complex ones of n / 2, or of n where n is odd */
} numc_cpu_fft_kind;

typedef struct numc_cpu_fft_plan numc_cpu_fft_plan;
struct numc_cpu_fft_plan {
    numc_cpu_fft_kind kind;
    uint32_t dtype; /* of the components */
    int64_t n;
    const numc_block_fft *block;
    numc_cpu_fft_plan *first, *second; /* SPLIT: of rows, of columns; the others: of what they go through */
    int32_t pass_count;
    numc_block_fft_pass passes[NUMC_CPU_FFT_PASSES];
    int64_t strides[NUMC_CPU_FFT_PASSES];
    /* SPLIT: w = exp(-2 pi i / n): w^k, k < step; w^(k step); w^(k b) for k < rows, b < COLUMNS, as [k][re, im][b] */
    int64_t step;
    const void *low, *high, *corner;
    /* BLUESTEIN: exp(-pi i k^2 / n), and its conjugate's transform divided by the length; REAL with n even: exp(-2 pi i k / n) */
    const void *chirp, *response, *roots;
    void *memory; /* of the tables */
    size_t size, total; /* total: with the plans below */
    /* of the cache */
    int64_t users;
    uint64_t last_use;
    bool real, kept;
};

typedef struct numc_cpu_fft_planes {
    void *re, *im;
} numc_cpu_fft_planes;

int32_t numc_cpu_fft_plans_new(numc_device *device);
void numc_cpu_fft_plans_free(numc_device *device);
/* The plan for complex lines of n, or for real ones; NULL when out of memory. Held until it is given back. */
numc_cpu_fft_plan *numc_cpu_fft_plan_get(numc_device *device, uint32_t dtype, int64_t n, bool real);
void numc_cpu_fft_plan_done(numc_device *device, numc_cpu_fft_plan *plan);

/* Working memory of `size` bytes, or more, which `size` then says; NULL when out of memory. */
void *numc_cpu_fft_room_take(numc_device *device, size_t *size);
void numc_cpu_fft_room_give(numc_device *device, void *room, size_t size);

/* Components of room beside x and y that a run needs. shares: how many may work at once. */
int64_t numc_cpu_fft_extra(const numc_cpu_fft_plan *plan, int64_t lanes, int64_t shares);
/* Forward transform of x, whose planes y equals in size; the result is in the one that is returned, the other is lost. SPLIT
 * plans, and those that go through one, take one lane, and share their work out when shares > 1. */
numc_cpu_fft_planes numc_cpu_fft_run(const numc_device *device, const numc_cpu_fft_plan *plan, int64_t lanes, int64_t shares,
                                     numc_cpu_fft_planes x, numc_cpu_fft_planes y, void *extra);
/* Lanes are taken together, and shared out by the caller; else by the plan. */
static inline bool numc_cpu_fft_is_small(const numc_cpu_fft_plan *plan)
{
    while (plan->kind == NUMC_CPU_FFT_BLUESTEIN || plan->kind == NUMC_CPU_FFT_REAL)
        plan = plan->first;
    return plan->kind == NUMC_CPU_FFT_PASSES_ONLY;
}

int32_t numc_cpu_fft(numc_device *device, const numc_view *x, int32_t axis, int32_t direction, const numc_view *y);

static inline void *numc_cpu_fft_at(const void *base, int64_t components, uint32_t dtype)
{
    return (char *)(uintptr_t)base + components * (dtype == NUMC_FLOAT64 ? 8 : 4);
}

#endif
