/* fft.c - runs plans of Fourier transforms: passes, long lines in pieces, convolutions, and the lines of views, taken a vector's
 * width at a time. Bits depend neither on the number of threads nor on which lines run together. */
#include <string.h>

#include "fft.h"

enum {
    SHARE_FROM = 1 << 15,   /* complex values: below, waking threads costs more than it gains */
    INSIDE_FROM = 1 << 16,  /* the same for a part of one line among many */
    LANE_VALUES = 512,      /* short lines run together up to so many values */
    STACK_BYTES = 16 << 10, /* of working memory; more is allocated */
    LANES_MOST = 256
};

typedef numc_cpu_fft_planes planes;

static planes planes_at(const void *base, int64_t components, int64_t size, uint32_t dtype)
{
    return (planes){numc_cpu_fft_at(base, components, dtype), numc_cpu_fft_at(base, components + size, dtype)};
}

static planes exchanged(planes x)
{
    return (planes){x.im, x.re};
}

/* ---- plans ------------------------------------------------------------------------------------------------------------------------ */

static int64_t longer(const numc_cpu_fft_plan *plan)
{
    return plan->first->n > plan->second->n ? plan->first->n : plan->second->n;
}

int64_t numc_cpu_fft_extra(const numc_cpu_fft_plan *plan, int64_t lanes, int64_t shares)
{
    switch (plan->kind) {
    case NUMC_CPU_FFT_SPLIT: return shares * (4 * longer(plan) * NUMC_CPU_FFT_COLUMNS + 2 * plan->first->n);
    case NUMC_CPU_FFT_BLUESTEIN: return 4 * plan->first->n * lanes + numc_cpu_fft_extra(plan->first, lanes, shares);
    case NUMC_CPU_FFT_REAL: return numc_cpu_fft_extra(plan->first, lanes, shares);
    case NUMC_CPU_FFT_PASSES_ONLY: break;
    }
    return 0;
}

static planes run_passes(const numc_cpu_fft_plan *plan, int64_t lanes, planes x, planes y)
{
    for (int32_t i = 0; i < plan->pass_count; ++i) {
        plan->block->pass(&plan->passes[i], plan->strides[i] * lanes, x.re, x.im, y.re, y.im);
        const planes swap = x;
        x = y;
        y = swap;
    }
    return x;
}

/* With n = rows columns, j = j1 columns + j2 and k = k2 rows + k1:
 *   X_k = sum_j2 w_columns^(j2 k2) [ w_n^(j2 k1) sum_j1 w_rows^(j1 k1) x_j ].
 * The inner sums run over blocks of columns from x to y, the outer ones over blocks of rows from y to x. */
typedef struct split_work {
    const numc_cpu_fft_plan *plan;
    planes x, y;
    void *extra;
    int64_t extra_each, blocks, shares;
    bool inner;
} split_work;

/* w_n^(column k1) for all k1, as (re, im) */
static void column_roots(const numc_cpu_fft_plan *plan, int64_t column, void *to)
{
    const int64_t mask = plan->step - 1;
    int32_t shift = 0;
    while (INT64_C(1) << shift < plan->step)
        ++shift;
#define COLUMN_ROOTS(T)                                                                            \
    do {                                                                                           \
        const T *low = plan->low, *high = plan->high;                                              \
        T *u = to;                                                                                 \
        for (int64_t k = 0, t = 0; k < plan->first->n; ++k, t += column) {                         \
            const T *a = low + 2 * (t & mask), *b = high + 2 * (t >> shift);                       \
            u[2 * k] = a[0] * b[0] - a[1] * b[1];                                                  \
            u[2 * k + 1] = a[0] * b[1] + a[1] * b[0];                                              \
        }                                                                                          \
    } while (0)
    if (plan->dtype == NUMC_FLOAT64)
        COLUMN_ROOTS(double);
    else
        COLUMN_ROOTS(float);
#undef COLUMN_ROOTS
}

static void split_block(const split_work *w, int64_t number, void *memory)
{
    enum { B = NUMC_CPU_FFT_COLUMNS };
    const numc_cpu_fft_plan *plan = w->plan, *sub = w->inner ? plan->first : plan->second;
    const uint32_t dtype = plan->dtype;
    const int64_t rows = plan->first->n, columns = plan->second->n, across = w->inner ? columns : rows;
    const int64_t at = number * B, count = across - at < B ? across - at : B;
    const planes a = planes_at(memory, 0, sub->n * B, dtype), b = planes_at(memory, 2 * sub->n * B, sub->n * B, dtype);
    const planes from = w->inner ? w->x : w->y;
    const int64_t element = w->inner ? columns : 1, line = w->inner ? 1 : columns;
    const void *lines[B] = {NULL};
    /* the imaginary parts lie a fixed way behind the real ones */
    const int64_t size = dtype == NUMC_FLOAT64 ? 8 : 4, apart = ((const char *)from.im - (const char *)from.re) / size;
    for (int64_t l = 0; l < count; ++l)
        lines[l] = numc_cpu_fft_at(from.re, (at + l) * line, dtype);
    plan->block->take(sub->n, B, lines, element, apart, a.re, a.im);
    const planes done = run_passes(sub, B, a, b);
    if (w->inner) {
        void *roots = numc_cpu_fft_at(memory, 4 * longer(plan) * B, dtype);
        column_roots(plan, at, roots);
        plan->block->twist(rows, B, count, roots, plan->corner, done.re, done.im, columns,
                           numc_cpu_fft_at(w->y.re, at, dtype), numc_cpu_fft_at(w->y.im, at, dtype));
        return;
    }
    for (int64_t k = 0; k < columns; ++k) {
        const size_t bytes = (size_t)(count * size);
        memcpy(numc_cpu_fft_at(w->x.re, k * rows + at, dtype), numc_cpu_fft_at(done.re, k * B, dtype), bytes);
        memcpy(numc_cpu_fft_at(w->x.im, k * rows + at, dtype), numc_cpu_fft_at(done.im, k * B, dtype), bytes);
    }
}

static void split_share(void *user, int64_t share)
{
    const split_work *w = user;
    void *memory = numc_cpu_fft_at(w->extra, share * w->extra_each, w->plan->dtype);
    for (int64_t number = share * w->blocks / w->shares; number < (share + 1) * w->blocks / w->shares; ++number)
        split_block(w, number, memory);
}

static planes run_split(const numc_device *device, const numc_cpu_fft_plan *plan, int64_t shares, planes x, planes y, void *extra)
{
    split_work w = {.plan = plan, .x = x, .y = y, .extra = extra, .extra_each = numc_cpu_fft_extra(plan, 1, 1), .shares = shares};
    for (int pass = 0; pass < 2; ++pass) {
        w.inner = pass == 0;
        w.blocks = ((w.inner ? plan->second->n : plan->first->n) + NUMC_CPU_FFT_COLUMNS - 1) / NUMC_CPU_FFT_COLUMNS;
        if (shares > 1)
            device->host->parallel_for(device->host->user, shares, split_share, &w);
        else
            split_share(&w, 0);
    }
    return x;
}

/* jk = (j^2 + k^2 - (k-j)^2) / 2 makes the transform a convolution with exp(pi i k^2 / n). */
static planes run_bluestein(const numc_device *device, const numc_cpu_fft_plan *plan, int64_t lanes, int64_t shares, planes x,
                            void *extra)
{
    const int64_t length = plan->first->n, size = length * lanes;
    const numc_block_fft *block = plan->block;
    planes a = planes_at(extra, 0, size, plan->dtype), b = planes_at(extra, 2 * size, size, plan->dtype);
    void *rest = numc_cpu_fft_at(extra, 4 * size, plan->dtype);
    block->multiply(length, plan->n, lanes, plan->chirp, x.re, x.im, a.re, a.im);
    planes done = numc_cpu_fft_run(device, plan->first, lanes, shares, a, b, rest);
    block->multiply(length, length, lanes, plan->response, done.re, done.im, done.re, done.im);
    const planes other = done.re == a.re ? b : a;
    done = exchanged(numc_cpu_fft_run(device, plan->first, lanes, shares, exchanged(done), exchanged(other), rest));
    block->multiply(plan->n, plan->n, lanes, plan->chirp, done.re, done.im, x.re, x.im);
    return x;
}

planes numc_cpu_fft_run(const numc_device *device, const numc_cpu_fft_plan *plan, int64_t lanes, int64_t shares, planes x,
                        planes y, void *extra)
{
    if (plan->kind == NUMC_CPU_FFT_SPLIT)
        return run_split(device, plan, shares, x, y, extra);
    if (plan->kind == NUMC_CPU_FFT_BLUESTEIN)
        return run_bluestein(device, plan, lanes, shares, x, extra);
    return run_passes(plan, lanes, x, y);
}

/* ---- lines of views ------------------------------------------------------------------------------------------------------------------ */

typedef struct fft_work {
    const numc_device *device;
    const numc_cpu_fft_plan *plan;
    const numc_view *x, *y;
    int32_t axis;
    bool forward, from_real, to_real;
    uint32_t dtype;
    int64_t n, lanes, lines, groups, shares, plan_shares;
    int64_t room, room_each; /* components: of one of the two pairs of planes; of a share */
    void *memory;
} fft_work;

/* Line `number` of a view, the axis left out; parts: components per element. */
static void *line_of(const numc_view *view, int32_t axis, int64_t number, int64_t parts, uint32_t dtype)
{
    int64_t element = view->offset;
    for (int32_t d = view->rank - 1; d >= 0; --d) {
        if (d == axis)
            continue;
        element += number % view->shape[d] * view->strides[d];
        number /= view->shape[d];
    }
    return numc_cpu_fft_at(view->memory, element * parts, dtype);
}

/* Long lines move in shares too. */
typedef struct move_work {
    const fft_work *w;
    int64_t n, lanes, step, second;
    const void *const *from; /* else to */
    void *const *to;
    planes p;
} move_work;

static void move_share(void *user, int64_t share)
{
    const move_work *m = user;
    const uint32_t dtype = m->w->dtype;
    const int64_t first = share * m->n / m->w->plan_shares, count = (share + 1) * m->n / m->w->plan_shares - first;
    void *re = numc_cpu_fft_at(m->p.re, first, dtype), *im = numc_cpu_fft_at(m->p.im, first, dtype);
    if (m->from != NULL) {
        const void *line = numc_cpu_fft_at(m->from[0], first * m->step, dtype);
        m->w->plan->block->take(count, 1, &line, m->step, m->second, re, im);
    } else {
        void *line = numc_cpu_fft_at(m->to[0], first * m->step, dtype);
        m->w->plan->block->put(count, 1, &line, m->step, m->second, re, im);
    }
}

static void move(move_work m)
{
    const numc_host *host = m.w->device->host;
    if (m.lanes == 1 && m.w->plan_shares > 1)
        host->parallel_for(host->user, m.w->plan_shares, move_share, &m);
    else if (m.from != NULL)
        m.w->plan->block->take(m.n, m.lanes, m.from, m.step, m.second, m.p.re, m.p.im);
    else
        m.w->plan->block->put(m.n, m.lanes, m.to, m.step, m.second, m.p.re, m.p.im);
}

static void take(const fft_work *w, int64_t n, int64_t lanes, const void *const *from, int64_t step, int64_t second, planes p)
{
    move((move_work){w, n, lanes, step, second, from, NULL, p});
}

static void put(const fft_work *w, int64_t n, int64_t lanes, void *const *to, int64_t step, int64_t second, planes p)
{
    move((move_work){w, n, lanes, step, second, NULL, to, p});
}

static void run_group(const fft_work *w, int64_t first, int64_t count, void *memory)
{
    const numc_cpu_fft_plan *plan = w->plan, *inner = plan->kind == NUMC_CPU_FFT_REAL ? plan->first : plan;
    const numc_block_fft *block = plan->block;
    const uint32_t dtype = w->dtype;
    const int64_t width = block->lanes, lanes = count == 1 ? 1 : (count + width - 1) / width * width;
    const int64_t step_x = w->x->strides[w->axis], step_y = w->y->strides[w->axis], n = w->n;
    const bool packed = (w->from_real || w->to_real) && n % 2 == 0;
    const void *from[LANES_MOST];
    void *to[LANES_MOST];
    for (int64_t b = 0; b < lanes; ++b) {
        from[b] = b < count ? line_of(w->x, w->axis, first + b, w->from_real ? 1 : 2, dtype) : NULL;
        to[b] = b < count ? line_of(w->y, w->axis, first + b, w->to_real ? 1 : 2, dtype) : NULL;
    }
    planes x = planes_at(memory, 0, w->room / 2, dtype), y = planes_at(memory, w->room, w->room / 2, dtype);
    void *extra = numc_cpu_fft_at(memory, 2 * w->room, dtype);
    if (packed && w->from_real) {
        take(w, n / 2, lanes, from, 2 * step_x, step_x, x);
    } else if (w->from_real) {
        take(w, n, lanes, from, step_x, NUMC_BLOCK_FFT_ALONE, x);
    } else if (packed) {
        take(w, n / 2 + 1, lanes, from, 2 * step_x, 1, y);
        block->tangle(n / 2, lanes, plan->roots, y.re, y.im, x.re, x.im);
    } else if (w->to_real) {
        take(w, n / 2 + 1, lanes, from, 2 * step_x, 1, x);
        block->mirror(n, lanes, x.re, x.im);
    } else {
        take(w, n, lanes, from, 2 * step_x, 1, x);
    }
    /* backward: real and imaginary parts exchanged before and after */
    if (!w->forward)
        x = exchanged(x), y = exchanged(y);
    planes done = numc_cpu_fft_run(w->device, inner, lanes, w->plan_shares, x, y, extra);
    planes other = done.re == x.re ? y : x;
    if (!w->forward)
        done = exchanged(done), other = exchanged(other);
    if (packed && w->to_real) {
        put(w, n / 2, lanes, to, 2 * step_y, step_y, done);
    } else if (w->to_real) {
        put(w, n, lanes, to, step_y, NUMC_BLOCK_FFT_ALONE, done);
    } else if (packed) {
        block->untangle(n / 2, lanes, plan->roots, done.re, done.im, other.re, other.im);
        put(w, n / 2 + 1, lanes, to, 2 * step_y, 1, other);
    } else {
        put(w, w->from_real ? n / 2 + 1 : n, lanes, to, 2 * step_y, 1, done);
    }
}

static void run_share(void *user, int64_t share)
{
    const fft_work *w = user;
    void *memory = numc_cpu_fft_at(w->memory, share * w->room_each, w->dtype);
    for (int64_t g = share * w->groups / w->shares; g < (share + 1) * w->groups / w->shares; ++g) {
        const int64_t first = g * w->lanes, left = w->lines - first;
        run_group(w, first, left < w->lanes ? left : w->lanes, memory);
    }
}

static uint32_t component_of(uint32_t dtype)
{
    return dtype == NUMC_COMPLEX64 || dtype == NUMC_FLOAT32     ? (uint32_t)NUMC_FLOAT32
           : dtype == NUMC_COMPLEX128 || dtype == NUMC_FLOAT64 ? (uint32_t)NUMC_FLOAT64
                                                               : 0;
}

static int32_t run_lines(numc_device *device, fft_work *w)
{
    const numc_host *host = device->host;
    const int64_t threads = host->thread_count(host->user);
    const bool small = numc_cpu_fft_is_small(w->plan);
    const int64_t width = w->plan->block->lanes, transformed = w->plan->kind == NUMC_CPU_FFT_REAL ? w->plan->first->n : w->n;
    w->lanes = w->lines;
    if (!small)
        w->lanes = 1;
    else if (w->lines > width) { /* whole vectors: several for short lines */
        const int64_t most = LANE_VALUES / (w->n * width);
        w->lanes = width * (most < 1 ? 1 : most > LANES_MOST / width ? LANES_MOST / width : most);
    }
    w->groups = (w->lines + w->lanes - 1) / w->lanes;
    const bool worth = threads > 1 && (double)w->n * (double)w->lines >= SHARE_FROM;
    const bool inside = !small && (w->n >= INSIDE_FROM || w->lines < threads); /* a line's own work is shared out */
    w->plan_shares = inside && worth ? threads : 1;
    w->shares = !inside && worth ? (threads < w->groups ? threads : w->groups) : 1;
    const int64_t most_lanes = w->lanes == 1 ? 1 : (w->lanes + width - 1) / width * width;
    w->room = 2 * (transformed + 1) * most_lanes;
    w->room_each = (2 * w->room + numc_cpu_fft_extra(w->plan, most_lanes, w->plan_shares) + 15) / 16 * 16;
    const double bytes = (double)w->room_each * (double)w->shares * 8.0;
    if (bytes > 0x1p60)
        return numc_cpu_fail(host, NUMC_MEMORY, "out of memory for a Fourier transform");
    size_t size = (size_t)(w->room_each * w->shares) * (w->dtype == NUMC_FLOAT64 ? 8 : 4);
    _Alignas(64) unsigned char stack[STACK_BYTES];
    w->memory = size <= sizeof stack ? stack : numc_cpu_fft_room_take(device, &size);
    if (w->memory == NULL)
        return numc_cpu_fail(host, NUMC_MEMORY, "out of memory for a Fourier transform");
    if (w->shares > 1)
        host->parallel_for(host->user, w->shares, run_share, w);
    else
        run_share(w, 0);
    if (w->memory != stack)
        numc_cpu_fft_room_give(device, w->memory, size);
    return NUMC_OK;
}

int32_t numc_cpu_fft(numc_device *device, const numc_view *x, int32_t axis, int32_t direction, const numc_view *y)
{
    const numc_host *host = device->host;
    fft_work w = {.device = device, .x = x, .y = y, .axis = axis, .forward = direction < 0, .dtype = component_of(x->dtype)};
    w.from_real = x->dtype == w.dtype;
    w.to_real = y->dtype == w.dtype;
    if (w.dtype == 0 || component_of(y->dtype) != w.dtype || (w.from_real && (w.to_real || !w.forward)) ||
        (w.to_real && w.forward))
        return numc_cpu_fail(host, NUMC_UNSUPPORTED, "fft: dtypes not supported");
    bool fits = axis >= 0 && axis < x->rank && x->rank == y->rank;
    w.lines = 1;
    for (int32_t d = 0; fits && d < x->rank; ++d) {
        fits = d == axis || x->shape[d] == y->shape[d];
        w.lines *= d == axis ? 1 : x->shape[d];
    }
    if (fits) {
        w.n = w.to_real ? y->shape[axis] : x->shape[axis];
        const int64_t terms = w.from_real || w.to_real ? w.n / 2 + 1 : w.n;
        fits = w.n >= 1 && (w.to_real ? x : y)->shape[axis] == terms;
    }
    if (!fits)
        return numc_cpu_fail(host, NUMC_INVALID_ARGUMENT, "fft: views do not fit");
    if (w.lines == 0)
        return NUMC_OK;
    numc_cpu_fft_plan *plan = numc_cpu_fft_plan_get(device, w.dtype, w.n, w.from_real || w.to_real);
    if (plan == NULL)
        return numc_cpu_fail(host, NUMC_MEMORY, "out of memory for a Fourier transform");
    w.plan = plan;
    const int32_t status = run_lines(device, &w);
    numc_cpu_fft_plan_done(device, plan);
    return status;
}
