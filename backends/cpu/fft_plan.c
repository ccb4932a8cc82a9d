/* fft_plan.c - plans of Fourier transforms: factors, roots of unity, and the plans the device keeps: the last ones used, up to a
 * count and a size. Looking one up takes a short lock; building one holds it, so that two threads do not build the same. */
#include <pthread.h>
#include <string.h>

#include "fft.h"
#include "kernel/kernel.h"

enum {
    PRIME_MOST = NUMC_BLOCK_FFT_RADIX_MOST,
    SPLIT_FROM = 1 << 12, /* complex values: from here on passes over all of them leave the first-level cache */
    KEPT_MOST = 32
};
static const size_t KEPT_BYTES = (size_t)256 << 20, ROOM_BYTES = (size_t)128 << 20;
static const int64_t LENGTH_MOST = INT64_C(1) << 48;

struct numc_cpu_fft_plans {
    pthread_mutex_t lock;
    numc_cpu_fft_plan *kept[KEPT_MOST + 1];
    int32_t count;
    size_t bytes;
    uint64_t clock;
    void *room; /* the last working memory, up to ROOM_BYTES */
    size_t room_size;
};

/* ---- tables ---------------------------------------------------------------------------------------------------------------- */

/* Component i of a table, rounded from double. */
static void set(const numc_cpu_fft_plan *plan, void *table, int64_t i, double x)
{
    if (plan->dtype == NUMC_FLOAT64)
        ((double *)table)[i] = x;
    else
        ((float *)table)[i] = (float)x;
}

/* exp(-2 pi i k / n) at components i and i + apart */
static void set_root(const numc_cpu_fft_plan *plan, void *table, int64_t i, int64_t apart, int64_t k, int64_t n)
{
    const numc_k_root_pair root = numc_k_root(k % n, n);
    set(plan, table, i, root.re);
    set(plan, table, i + apart, -root.im);
}

/* Memory for `components`; the tables are cut from it with cut(). */
static bool reserve(const numc_host *host, numc_cpu_fft_plan *plan, int64_t components)
{
    plan->size = (size_t)components * (plan->dtype == NUMC_FLOAT64 ? 8 : 4) + 64;
    plan->memory = numc_cpu_allocate(host, plan->size);
    return plan->memory != NULL;
}

static void *cut(const numc_cpu_fft_plan *plan, int64_t *used, int64_t components)
{
    void *table = numc_cpu_fft_at(plan->memory, *used, plan->dtype);
    *used += components;
    return table;
}

static void destroy(const numc_host *host, numc_cpu_fft_plan *plan)
{
    if (plan == NULL)
        return;
    destroy(host, plan->first);
    destroy(host, plan->second);
    numc_cpu_free(host, plan->memory, plan->size);
    numc_cpu_free(host, plan, sizeof *plan);
}

static numc_cpu_fft_plan *create(numc_device *device, uint32_t dtype, int64_t n, numc_cpu_fft_kind kind)
{
    numc_cpu_fft_plan *plan = numc_cpu_allocate(device->host, sizeof *plan);
    if (plan != NULL) {
        memset(plan, 0, sizeof *plan);
        plan->kind = kind;
        plan->dtype = dtype;
        plan->n = n;
        plan->block = device->blocks->fft(dtype);
    }
    return plan;
}

/* The plan, or nothing when a part of it is missing. */
static numc_cpu_fft_plan *complete(const numc_host *host, numc_cpu_fft_plan *plan, bool ready)
{
    if (!ready) {
        destroy(host, plan);
        return NULL;
    }
    plan->total = sizeof *plan + plan->size + (plan->first != NULL ? plan->first->total : 0) +
                  (plan->second != NULL ? plan->second->total : 0);
    return plan;
}

/* ---- passes ------------------------------------------------------------------------------------------------------------------ */

static bool is_smooth(int64_t n, int64_t most)
{
    for (int64_t p = 2; p <= most && n > 1; ++p)
        while (n % p == 0)
            n /= p;
    return n == 1;
}

/* Radices: eights until fours are left, so that the first stride fills a vector; then the odd primes; a lone two last. */
static int32_t radices_of(int64_t n, int32_t *radices)
{
    int32_t count = 0, twos = 0;
    for (; n % 2 == 0; n /= 2)
        ++twos;
    int32_t eights = twos % 2 == 1 && twos >= 3 ? 1 : twos >= 6 ? 2 : 0;
    for (; eights > 0; --eights, twos -= 3)
        radices[count++] = 8;
    for (; twos >= 2; twos -= 2)
        radices[count++] = 4;
    for (int32_t p = PRIME_MOST; p >= 3; --p)
        for (; n % p == 0; n /= p)
            radices[count++] = p;
    if (twos > 0)
        radices[count++] = 2;
    return count;
}

static numc_cpu_fft_plan *plan_passes(numc_device *device, uint32_t dtype, int64_t n)
{
    numc_cpu_fft_plan *plan = create(device, dtype, n, NUMC_CPU_FFT_PASSES_ONLY);
    if (plan == NULL)
        return NULL;
    int32_t radices[NUMC_CPU_FFT_PASSES];
    plan->pass_count = radices_of(n, radices);
    int64_t room = 0, length = n, stride = 1, used = 0;
    for (int32_t i = 0; i < plan->pass_count; ++i) {
        const int64_t radix = radices[i];
        length /= radix;
        room += 2 * (radix - 1) * length * (stride < plan->block->lanes ? 1 + stride : 1) + 2 * radix;
        stride *= radix;
    }
    if (!reserve(device->host, plan, room))
        return complete(device->host, plan, false);
    length = n, stride = 1;
    for (int32_t i = 0; i < plan->pass_count; ++i) {
        const int64_t radix = radices[i], rest = length / radix;
        void *roots = cut(plan, &used, 2 * (radix - 1) * rest);
        for (int64_t p = 0; p < rest; ++p)
            for (int64_t j = 1; j < radix; ++j)
                set_root(plan, roots, 2 * ((radix - 1) * p + j - 1), 1, p * j, length);
        void *spread = NULL;
        if (stride < plan->block->lanes) {
            spread = cut(plan, &used, 2 * (radix - 1) * rest * stride);
            for (int64_t j = 1; j < radix; ++j)
                for (int64_t t = 0; t < rest * stride; ++t)
                    set_root(plan, spread, 2 * (j - 1) * rest * stride + t, rest * stride, t / stride * j, length);
        }
        void *table = cut(plan, &used, 2 * radix);
        for (int64_t k = 0; k < radix; ++k) {
            const numc_k_root_pair root = numc_k_root(k, radix);
            set(plan, table, 2 * k, root.re);
            set(plan, table, 2 * k + 1, root.im);
        }
        plan->passes[i] = (numc_block_fft_pass){(int32_t)radix, rest, roots, spread, table};
        plan->strides[i] = stride;
        length = rest;
        stride *= radix;
    }
    return complete(device->host, plan, true);
}

/* ---- long lines ------------------------------------------------------------------------------------------------------------------ */

/* n without primes above PRIME_MOST as rows times columns, the rows no fewer than the columns and as near as greed gets. */
static int64_t rows_of(int64_t n)
{
    int64_t best = n, rows = 1, rest = n;
    for (int64_t p = PRIME_MOST; p >= 2; --p)
        while (rest % p == 0 && rows * rows < n) {
            rows *= p;
            rest /= p;
        }
    best = rows;
    /* a divisor p of rows that the columns can do with */
    for (int64_t p = 2; p <= PRIME_MOST; ++p)
        while (best % p == 0 && (best / p) * (best / p) >= n)
            best /= p;
    return best;
}

static numc_cpu_fft_plan *plan_smooth(numc_device *device, uint32_t dtype, int64_t n)
{
    const int64_t rows = n >= SPLIT_FROM ? rows_of(n) : n;
    if (rows == n)
        return plan_passes(device, dtype, n);
    numc_cpu_fft_plan *plan = create(device, dtype, n, NUMC_CPU_FFT_SPLIT);
    if (plan == NULL)
        return NULL;
    plan->first = plan_passes(device, dtype, rows);
    plan->second = plan_passes(device, dtype, n / rows);
    for (plan->step = 1; plan->step * plan->step < n;)
        plan->step *= 2;
    const int64_t highs = n / plan->step + 1;
    if (plan->first == NULL || plan->second == NULL ||
        !reserve(device->host, plan, 2 * (plan->step + highs + rows * NUMC_CPU_FFT_COLUMNS)))
        return complete(device->host, plan, false);
    int64_t used = 0;
    void *low = cut(plan, &used, 2 * plan->step), *high = cut(plan, &used, 2 * highs);
    void *corner = cut(plan, &used, 2 * rows * NUMC_CPU_FFT_COLUMNS);
    for (int64_t k = 0; k < plan->step; ++k)
        set_root(plan, low, 2 * k, 1, k, n);
    for (int64_t k = 0; k < highs; ++k)
        set_root(plan, high, 2 * k, 1, k * plan->step, n);
    for (int64_t k = 0; k < rows; ++k)
        for (int64_t b = 0; b < NUMC_CPU_FFT_COLUMNS; ++b)
            set_root(plan, corner, 2 * k * NUMC_CPU_FFT_COLUMNS + b, NUMC_CPU_FFT_COLUMNS, k * b, n);
    plan->low = low;
    plan->high = high;
    plan->corner = corner;
    return complete(device->host, plan, true);
}

/* The cheapest length from `least` on with factors 2, 3 and 5, with few threes and fives. */
static int64_t convolution_length(int64_t least)
{
    int64_t best = 1;
    while (best < least)
        best *= 2;
    static const int64_t odds[] = {3, 5, 9, 15, 25, 27};
    for (size_t i = 0; i < sizeof odds / sizeof *odds; ++i) {
        int64_t length = odds[i];
        while (length < least)
            length *= 2;
        best = length % 16 == 0 && length < best ? length : best;
    }
    return best;
}

/* exp(-pi i k^2 / n) and the transform of what the line is convolved with, in double whatever the plan's dtype is. */
static bool fill_chirp(numc_device *device, const numc_cpu_fft_plan *plan, int64_t length, void *chirp, void *response)
{
    const numc_host *host = device->host;
    numc_cpu_fft_plan *wide = plan->dtype == NUMC_FLOAT64 ? plan->first : plan_smooth(device, NUMC_FLOAT64, length);
    const int64_t extra = wide != NULL ? numc_cpu_fft_extra(wide, 1, 1) : 0;
    const size_t size = (size_t)(4 * length + extra) * sizeof(double);
    double *x = wide != NULL ? numc_cpu_allocate(host, size) : NULL;
    if (x != NULL) {
        memset(x, 0, size);
        double *im = x + length;
        int64_t square = 0; /* k^2 mod 2 n */
        for (int64_t k = 0; k < plan->n; ++k) {
            const numc_k_root_pair root = numc_k_root(square, 2 * plan->n);
            set(plan, chirp, 2 * k, root.re);
            set(plan, chirp, 2 * k + 1, -root.im);
            const int64_t back = k > 0 ? length - k : 0;
            x[k] = x[back] = root.re / (double)length;
            im[k] = im[back] = root.im / (double)length;
            square = (square + 2 * k + 1) % (2 * plan->n);
        }
        const numc_cpu_fft_planes from = {x, im}, to = {x + 2 * length, x + 3 * length};
        const numc_cpu_fft_planes done = numc_cpu_fft_run(device, wide, 1, 1, from, to, x + 4 * length);
        for (int64_t k = 0; k < length; ++k) {
            set(plan, response, 2 * k, ((const double *)done.re)[k]);
            set(plan, response, 2 * k + 1, ((const double *)done.im)[k]);
        }
        numc_cpu_free(host, x, size);
    }
    if (wide != plan->first)
        destroy(host, wide);
    return x != NULL;
}

static numc_cpu_fft_plan *plan_complex(numc_device *device, uint32_t dtype, int64_t n)
{
    if (is_smooth(n, PRIME_MOST))
        return plan_smooth(device, dtype, n);
    numc_cpu_fft_plan *plan = create(device, dtype, n, NUMC_CPU_FFT_BLUESTEIN);
    if (plan == NULL)
        return NULL;
    const int64_t length = convolution_length(2 * n - 1);
    plan->first = plan_smooth(device, dtype, length);
    bool ready = plan->first != NULL && reserve(device->host, plan, 2 * (n + length));
    if (ready) {
        int64_t used = 0;
        void *chirp = cut(plan, &used, 2 * n), *response = cut(plan, &used, 2 * length);
        ready = fill_chirp(device, plan, length, chirp, response);
        plan->chirp = chirp;
        plan->response = response;
    }
    return complete(device->host, plan, ready);
}

static numc_cpu_fft_plan *plan_real(numc_device *device, uint32_t dtype, int64_t n)
{
    numc_cpu_fft_plan *plan = create(device, dtype, n, NUMC_CPU_FFT_REAL);
    if (plan == NULL)
        return NULL;
    plan->first = plan_complex(device, dtype, n % 2 == 0 ? n / 2 : n);
    bool ready = plan->first != NULL;
    if (ready && n % 2 == 0) {
        ready = reserve(device->host, plan, n);
        for (int64_t k = 0; ready && k < n / 2; ++k)
            set_root(plan, plan->memory, 2 * k, 1, k, n);
        plan->roots = plan->memory;
    }
    return complete(device->host, plan, ready);
}

/* ---- the plans a device keeps ------------------------------------------------------------------------------------------------------ */

int32_t numc_cpu_fft_plans_new(numc_device *device)
{
    numc_cpu_fft_plans *plans = numc_cpu_allocate(device->host, sizeof *plans);
    if (plans == NULL)
        return numc_cpu_fail(device->host, NUMC_MEMORY, "out of memory for a device");
    memset(plans, 0, sizeof *plans);
    if (pthread_mutex_init(&plans->lock, NULL) != 0) {
        numc_cpu_free(device->host, plans, sizeof *plans);
        return numc_cpu_fail(device->host, NUMC_MEMORY, "a lock could not be made");
    }
    device->fft_plans = plans;
    return NUMC_OK;
}

void numc_cpu_fft_plans_free(numc_device *device)
{
    numc_cpu_fft_plans *plans = device->fft_plans;
    if (plans == NULL)
        return;
    for (int32_t i = 0; i < plans->count; ++i)
        destroy(device->host, plans->kept[i]);
    numc_cpu_free(device->host, plans->room, plans->room_size);
    (void)pthread_mutex_destroy(&plans->lock);
    numc_cpu_free(device->host, plans, sizeof *plans);
    device->fft_plans = NULL;
}

/* Fresh pages cost as much as a long transform: the memory of the last one is kept. */
void *numc_cpu_fft_room_take(numc_device *device, size_t *size)
{
    numc_cpu_fft_plans *plans = device->fft_plans;
    void *room = NULL;
    (void)pthread_mutex_lock(&plans->lock);
    if (plans->room != NULL && plans->room_size >= *size) {
        room = plans->room;
        *size = plans->room_size;
        plans->room = NULL;
        plans->room_size = 0;
    }
    (void)pthread_mutex_unlock(&plans->lock);
    return room != NULL ? room : numc_cpu_allocate(device->host, *size);
}

void numc_cpu_fft_room_give(numc_device *device, void *room, size_t size)
{
    numc_cpu_fft_plans *plans = device->fft_plans;
    (void)pthread_mutex_lock(&plans->lock);
    if (size <= ROOM_BYTES && size > plans->room_size) { /* the larger one stays */
        void *other = plans->room;
        const size_t other_size = plans->room_size;
        plans->room = room;
        plans->room_size = size;
        room = other;
        size = other_size;
    }
    (void)pthread_mutex_unlock(&plans->lock);
    numc_cpu_free(device->host, room, size);
}

/* Drops what has waited longest until the rest is within bounds; who still uses a plan destroys it. */
static void make_room(const numc_host *host, numc_cpu_fft_plans *plans)
{
    while (plans->count > 1 && (plans->count > KEPT_MOST || plans->bytes > KEPT_BYTES)) {
        int32_t oldest = 0;
        for (int32_t i = 1; i < plans->count; ++i)
            if (plans->kept[i]->last_use < plans->kept[oldest]->last_use)
                oldest = i;
        numc_cpu_fft_plan *plan = plans->kept[oldest];
        plans->kept[oldest] = plans->kept[--plans->count];
        plans->bytes -= plan->total;
        plan->kept = false;
        if (plan->users == 0)
            destroy(host, plan);
    }
}

numc_cpu_fft_plan *numc_cpu_fft_plan_get(numc_device *device, uint32_t dtype, int64_t n, bool real)
{
    numc_cpu_fft_plans *plans = device->fft_plans;
    if (n > LENGTH_MOST)
        return NULL;
    (void)pthread_mutex_lock(&plans->lock);
    numc_cpu_fft_plan *plan = NULL;
    for (int32_t i = 0; i < plans->count && plan == NULL; ++i)
        if (plans->kept[i]->n == n && plans->kept[i]->dtype == dtype && plans->kept[i]->real == real)
            plan = plans->kept[i];
    const bool found = plan != NULL;
    if (!found)
        plan = real ? plan_real(device, dtype, n) : plan_complex(device, dtype, n);
    if (plan != NULL) {
        plan->users++;
        plan->last_use = ++plans->clock;
        if (!found) {
            plan->real = real;
            plan->kept = true;
            plans->kept[plans->count++] = plan;
            plans->bytes += plan->total;
            make_room(device->host, plans);
        }
    }
    (void)pthread_mutex_unlock(&plans->lock);
    return plan;
}

void numc_cpu_fft_plan_done(numc_device *device, numc_cpu_fft_plan *plan)
{
    numc_cpu_fft_plans *plans = device->fft_plans;
    (void)pthread_mutex_lock(&plans->lock);
    const bool last = --plan->users == 0 && !plan->kept;
    (void)pthread_mutex_unlock(&plans->lock);
    if (last)
        destroy(device->host, plan);
}
