/* fft.c - Fourier transforms by the textbook: recursive mixed radix, decimation in time; a length with a prime factor above 64
 * goes through Bluestein's convolution of a power of two. All in double, one line at a time. */
#include <string.h>

#include "kernel/kernel.h"
#include "ref/ref.h"

enum { PRIME_MOST = 64, FACTORS_MOST = 64 };

typedef struct pair {
    double re, im;
} pair;

static pair times(pair a, pair b)
{
    return (pair){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* How lines of n are transformed: roots[k] = exp(-2 pi i k / length). length is n, or Bluestein's power of two. */
typedef struct method {
    int64_t n, length;
    int32_t factors[FACTORS_MOST];
    pair *roots;
    pair *chirp; /* Bluestein: exp(-pi i k^2 / n), k < n, and the transform of its conjugate's convolution; else NULL */
    pair *response;
    pair *line, *result; /* length each */
    pair *block;
    size_t size;
} method;

/* out[k] = sum_j in[j step] roots[(j k root_step) mod length], for `count` terms whose factors start at `factor`. */
static void transform(const method *m, int64_t count, int64_t step, int64_t root_step, const int32_t *factor, const pair *in,
                      pair *out)
{
    if (count == 1) {
        *out = *in;
        return;
    }
    const int64_t radix = *factor, part = count / radix;
    for (int64_t j = 0; j < radix; j++)
        transform(m, part, step * radix, root_step * radix, factor + 1, in + j * step, out + j * part);
    for (int64_t k = 0; k < part; k++) {
        if (radix == 2) {
            const pair a = out[k], b = times(out[part + k], m->roots[k * root_step]);
            out[k] = (pair){a.re + b.re, a.im + b.im};
            out[part + k] = (pair){a.re - b.re, a.im - b.im};
            continue;
        }
        pair turned[PRIME_MOST];
        for (int64_t j = 0; j < radix; j++)
            turned[j] = times(out[j * part + k], m->roots[j * k * root_step]);
        for (int64_t q = 0; q < radix; q++) {
            pair sum = turned[0];
            for (int64_t j = 1; j < radix; j++) {
                pair term = times(turned[j], m->roots[j * q % radix * part * root_step]);
                sum.re += term.re;
                sum.im += term.im;
            }
            out[q * part + k] = sum;
        }
    }
}

/* sum_j x_j w^(jk) = c_k sum_j (x_j c_j) conj(c_(k-j)) with c_k = exp(-pi i k^2 / n), for jk = (j^2 + k^2 - (k-j)^2) / 2. The
 * inverse transform is the forward one with real and imaginary parts exchanged. */
static void bluestein(const method *m)
{
    for (int64_t k = 0; k < m->length; k++)
        m->line[k] = k < m->n ? times(m->line[k], m->chirp[k]) : (pair){0, 0};
    transform(m, m->length, 1, 1, m->factors, m->line, m->result);
    for (int64_t k = 0; k < m->length; k++) {
        const pair product = times(m->result[k], m->response[k]);
        m->line[k] = (pair){product.im, product.re};
    }
    transform(m, m->length, 1, 1, m->factors, m->line, m->result);
    for (int64_t k = 0; k < m->n; k++)
        m->result[k] = times((pair){m->result[k].im, m->result[k].re}, m->chirp[k]);
}

/* From m->line to m->result. direction +1: the conjugate's conjugate. */
static void run(const method *m, int32_t direction)
{
    if (direction > 0)
        for (int64_t k = 0; k < m->n; k++)
            m->line[k].im = -m->line[k].im;
    if (m->chirp != NULL)
        bluestein(m);
    else
        transform(m, m->n, 1, 1, m->factors, m->line, m->result);
    if (direction > 0)
        for (int64_t k = 0; k < m->n; k++)
            m->result[k].im = -m->result[k].im;
}

static bool begin(const numc_host *host, method *m, int64_t n)
{
    *m = (method){.n = n, .length = n};
    int64_t rest = n;
    int32_t count = 0;
    for (int32_t p = 2; p <= PRIME_MOST && rest > 1; p++)
        for (; rest % p == 0; rest /= p)
            m->factors[count++] = p;
    const bool direct = rest == 1;
    if (!direct) {
        if (n > INT64_C(1) << 48)
            return false;
        for (m->length = 1, count = 0; m->length < 2 * n - 1; m->length *= 2)
            m->factors[count++] = 2;
    }
    const uint64_t items = 3 * (uint64_t)m->length + (direct ? 0 : (uint64_t)m->length + (uint64_t)n);
    if ((uint64_t)n > UINT64_C(1) << 48 || items > SIZE_MAX / sizeof(pair))
        return false;
    m->size = (size_t)items * sizeof(pair);
    m->block = numc_ref_allocate(host, m->size);
    if (m->block == NULL)
        return false;
    m->roots = m->block;
    m->line = m->roots + m->length;
    m->result = m->line + m->length;
    for (int64_t k = 0; k < m->length; k++) {
        const numc_k_root_pair root = numc_k_root(k, m->length);
        m->roots[k] = (pair){root.re, -root.im};
    }
    if (direct)
        return true;
    m->response = m->result + m->length;
    m->chirp = m->response + m->length;
    memset(m->line, 0, (size_t)m->length * sizeof(pair));
    int64_t square = 0; /* k^2 mod 2 n */
    for (int64_t k = 0; k < n; k++) {
        const numc_k_root_pair root = numc_k_root(square, 2 * n);
        m->chirp[k] = (pair){root.re, -root.im};
        m->line[k] = (pair){root.re / (double)m->length, root.im / (double)m->length};
        if (k > 0)
            m->line[m->length - k] = m->line[k];
        square = (square + 2 * k + 1) % (2 * n);
    }
    transform(m, m->length, 1, 1, m->factors, m->line, m->response);
    return true;
}

/* ---- lines of views ---------------------------------------------------------------------------------------------------------- */

static uint32_t component_of(uint32_t dtype)
{
    return dtype == NUMC_COMPLEX64 || dtype == NUMC_FLOAT32     ? (uint32_t)NUMC_FLOAT32
           : dtype == NUMC_COMPLEX128 || dtype == NUMC_FLOAT64 ? (uint32_t)NUMC_FLOAT64
                                                               : 0;
}

/* A view's line seen as components: `parts` per element. */
typedef struct strip {
    void *memory;
    bool wide;
    int32_t parts;
    int64_t start, step; /* components */
} strip;

static double get(const strip *s, int64_t i, int32_t part)
{
    const int64_t at = s->start + i * s->step + part;
    return s->wide ? ((const double *)s->memory)[at] : (double)((const float *)s->memory)[at];
}

static void put(const strip *s, int64_t i, int32_t part, double x)
{
    const int64_t at = s->start + i * s->step + part;
    if (s->wide)
        ((double *)s->memory)[at] = x;
    else
        ((float *)s->memory)[at] = (float)x;
}

static strip strip_of(const numc_view *view, int32_t axis, int64_t number)
{
    const int32_t parts = view->dtype == NUMC_COMPLEX64 || view->dtype == NUMC_COMPLEX128 ? 2 : 1;
    int64_t position = view->offset;
    for (int32_t d = view->rank - 1; d >= 0; d--) {
        if (d == axis)
            continue;
        position += number % view->shape[d] * view->strides[d];
        number /= view->shape[d];
    }
    return (strip){view->memory, component_of(view->dtype) == NUMC_FLOAT64, parts, position * parts, view->strides[axis] * parts};
}

int32_t numc_ref_fft(numc_device *device, const numc_view *x, int32_t axis, int32_t direction, const numc_view *y)
{
    const numc_host *host = device->host;
    const uint32_t component = component_of(x->dtype);
    if (component == 0 || component != component_of(y->dtype) ||
        (x->dtype == component && (y->dtype == component || direction > 0)) || (y->dtype == component && direction < 0))
        return numc_ref_fail(host, NUMC_UNSUPPORTED, "fft: dtypes not supported");
    if (axis < 0 || axis >= x->rank || x->rank != y->rank)
        return numc_ref_fail(host, NUMC_INVALID_ARGUMENT, "fft: views do not fit");
    const bool from_real = x->dtype == component, to_real = y->dtype == component;
    const int64_t n = to_real ? y->shape[axis] : x->shape[axis];
    const int64_t terms = from_real || to_real ? n / 2 + 1 : n;
    bool fits = n >= 1 && (from_real ? y : x)->shape[axis] == terms && (to_real || from_real || y->shape[axis] == n);
    int64_t lines = 1;
    for (int32_t d = 0; d < x->rank; d++) {
        fits = fits && (d == axis || x->shape[d] == y->shape[d]);
        lines *= d == axis ? 1 : x->shape[d];
    }
    if (!fits)
        return numc_ref_fail(host, NUMC_INVALID_ARGUMENT, "fft: views do not fit");
    if (lines == 0)
        return NUMC_OK;
    method m;
    if (!begin(host, &m, n))
        return numc_ref_fail(host, NUMC_MEMORY, "out of memory for a Fourier transform");
    for (int64_t number = 0; number < lines; number++) {
        const strip from = strip_of(x, axis, number), to = strip_of(y, axis, number);
        const int64_t given = to_real ? terms : n;
        for (int64_t k = 0; k < given; k++)
            m.line[k] = (pair){get(&from, k, 0), from_real ? 0.0 : get(&from, k, 1)};
        if (to_real) { /* the other half is the conjugate; what must be real is */
            m.line[0].im = 0.0;
            if (n % 2 == 0)
                m.line[n / 2].im = 0.0;
            for (int64_t k = terms; k < n; k++)
                m.line[k] = (pair){m.line[n - k].re, -m.line[n - k].im};
        }
        run(&m, direction);
        const int64_t wanted = from_real ? terms : n;
        for (int64_t k = 0; k < wanted; k++) {
            put(&to, k, 0, m.result[k].re);
            if (!to_real)
                put(&to, k, 1, m.result[k].im);
        }
    }
    numc_ref_free(host, m.block, m.size);
    return NUMC_OK;
}
