/* block_fft.c - the loops of Fourier transforms at float32 and float64: passes, and what stands before and after them. The same
 * line gives the same bits alone or among others, and in both sets of block functions. */
#include <string.h>

#include "block_template.h"

#if defined(__AVX2__)
enum { VECTOR_BYTES = 32 };
#else
enum { VECTOR_BYTES = 16 };
#endif
typedef double vector_f64 __attribute__((vector_size(VECTOR_BYTES)));
typedef float vector_f32 __attribute__((vector_size(VECTOR_BYTES)));
/* In memory: aligned as one value is. */
typedef double near_f64 __attribute__((vector_size(VECTOR_BYTES), aligned(8), may_alias));
typedef float near_f32 __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));

#define T double
#define V vector_f64
#define U near_f64
#define LANES (VECTOR_BYTES / 8)
#define SUFFIX f64
#include "block_fft.h"
#undef V
#undef U
#undef LANES
#undef SUFFIX
#define V double
#define U double
#define LANES 1
#define SUFFIX f64_single
#include "block_fft.h"
#undef T
#undef V
#undef U
#undef LANES
#undef SUFFIX

#define T float
#define V vector_f32
#define U near_f32
#define LANES (VECTOR_BYTES / 4)
#define SUFFIX f32
#include "block_fft.h"
#undef V
#undef U
#undef LANES
#undef SUFFIX
#define V float
#define U float
#define LANES 1
#define SUFFIX f32_single
#include "block_fft.h"
#undef T
#undef V
#undef U
#undef LANES
#undef SUFFIX

/* For k in [first, end) and every lane: `body`, with the root (wr, wi) of k, here = k lanes + b and there = (mirror - k) lanes + b. */
#define EACH(T, first, end, mirror, ...)                                                           \
    if (lanes == 1) {                                                                              \
        NUMC_BLOCK_LOOP                                                                            \
        for (int64_t k = (first); k < (end); ++k) {                                                \
            const T wr = root[2 * k], wi = root[2 * k + 1];                                        \
            const int64_t here = k, there = (mirror) - k;                                          \
            (void)there;                                                                           \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    } else {                                                                                       \
        for (int64_t k = (first); k < (end); ++k) {                                                \
            const T wr = root[2 * k], wi = root[2 * k + 1];                                        \
            NUMC_BLOCK_LOOP                                                                        \
            for (int64_t b = 0; b < lanes; ++b) {                                                  \
                const int64_t here = k * lanes + b, there = ((mirror) - k) * lanes + b;            \
                (void)there;                                                                       \
                __VA_ARGS__                                                                        \
            }                                                                                      \
        }                                                                                          \
    }

enum { CHUNK = 64 };

/* How many components apart all lanes lie, 0 where they do not, or some are missing. */
static int64_t lanes_apart(int64_t lanes, const void *const *lines, size_t size)
{
    const char *const *at = (const char *const *)lines;
    if (lanes < 2 || at[0] == NULL || at[1] == NULL)
        return 0;
    const int64_t bytes = at[1] - at[0];
    for (int64_t b = 2; b < lanes; ++b)
        if (at[b] == NULL || at[b] - at[b - 1] != bytes)
            return 0;
    return bytes % (int64_t)size == 0 ? bytes / (int64_t)size : 0;
}

/* The loops that the compiler can see through. Lanes b < lanes of element k lie at [k lanes + b]; lines[b] is NULL for a lane that
 * only fills the vector. Memory outside is walked in steps of components. */
#define DEFINE_FFT(T, SUFFIX, WIDTH)                                                               \
    static void pass_any_##SUFFIX(const numc_block_fft_pass *pass, int64_t stride, const void *xr, const void *xi, void *yr, \
                                  void *yi)                                                        \
    {                                                                                              \
        if (stride >= (WIDTH) || (stride * pass->rest >= (WIDTH) && pass->spread != NULL))         \
            pass_##SUFFIX(pass, stride, xr, xi, yr, yi);                                           \
        else                                                                                       \
            pass_##SUFFIX##_single(pass, stride, xr, xi, yr, yi);                                  \
    }                                                                                              \
    static void take_##SUFFIX(int64_t n, int64_t lanes, const void *const *lines, int64_t step, int64_t second, void *to_re,  \
                              void *to_im)                                                         \
    {                                                                                              \
        T *restrict re = to_re;                                                                    \
        T *restrict im = to_im;                                                                    \
        if (lanes == 1 && step == 2 && second == 1) {                                              \
            const T *restrict x = lines[0];                                                        \
            for (int64_t k = 0; k < n; ++k) {                                                      \
                re[k] = x[2 * k];                                                                  \
                im[k] = x[2 * k + 1];                                                              \
            }                                                                                      \
            return;                                                                                \
        }                                                                                          \
        const int64_t apart = lanes_apart(lanes, lines, sizeof(T));                                \
        if (apart == 1 || apart == 2) { /* side by side: element by element, all lanes at once */  \
            const T *restrict x = lines[0];                                                        \
            for (int64_t k = 0; k < n; ++k, x += step, re += lanes, im += lanes) {                 \
                if (apart == 2)                                                                    \
                    for (int64_t b = 0; b < lanes; ++b)                                            \
                        re[b] = x[2 * b];                                                          \
                else                                                                               \
                    for (int64_t b = 0; b < lanes; ++b)                                            \
                        re[b] = x[b];                                                              \
                const T *restrict z = second == NUMC_BLOCK_FFT_ALONE ? x : x + second;             \
                if (second == NUMC_BLOCK_FFT_ALONE)                                                \
                    memset(im, 0, (size_t)lanes * sizeof(T));                                      \
                else if (apart == 2)                                                               \
                    for (int64_t b = 0; b < lanes; ++b)                                            \
                        im[b] = z[2 * b];                                                          \
                else                                                                               \
                    for (int64_t b = 0; b < lanes; ++b)                                            \
                        im[b] = z[b];                                                              \
            }                                                                                      \
            return;                                                                                \
        }                                                                                          \
        for (int64_t first = 0; first < n; first += CHUNK) /* what is written stays in the cache */ \
            for (int64_t b = 0; b < lanes; ++b) {                                                  \
                const T *restrict x = lines[b];                                                    \
                const int64_t end = n - first < CHUNK ? n : first + CHUNK;                         \
                if (x == NULL)                                                                     \
                    for (int64_t k = first; k < end; ++k)                                          \
                        re[k * lanes + b] = im[k * lanes + b] = 0;                                 \
                else if (second == NUMC_BLOCK_FFT_ALONE)                                           \
                    for (int64_t k = first; k < end; ++k) {                                        \
                        re[k * lanes + b] = x[k * step];                                           \
                        im[k * lanes + b] = 0;                                                     \
                    }                                                                              \
                else                                                                               \
                    for (int64_t k = first; k < end; ++k) {                                        \
                        re[k * lanes + b] = x[k * step];                                           \
                        im[k * lanes + b] = x[k * step + second];                                  \
                    }                                                                              \
            }                                                                                      \
    }                                                                                              \
    static void put_##SUFFIX(int64_t n, int64_t lanes, void *const *lines, int64_t step, int64_t second, const void *from_re, \
                             const void *from_im)                                                  \
    {                                                                                              \
        const T *restrict re = from_re;                                                            \
        const T *restrict im = from_im;                                                            \
        if (lanes == 1 && step == 2 && second == 1) {                                              \
            T *restrict y = lines[0];                                                              \
            for (int64_t k = 0; k < n; ++k) {                                                      \
                y[2 * k] = re[k];                                                                  \
                y[2 * k + 1] = im[k];                                                              \
            }                                                                                      \
            return;                                                                                \
        }                                                                                          \
        const int64_t apart = lanes_apart(lanes, (const void *const *)lines, sizeof(T));           \
        if (apart == 2 && second == 1) {                                                           \
            T *restrict y = lines[0];                                                              \
            for (int64_t k = 0; k < n; ++k, y += step, re += lanes, im += lanes)                   \
                for (int64_t b = 0; b < lanes; ++b) {                                              \
                    y[2 * b] = re[b];                                                              \
                    y[2 * b + 1] = im[b];                                                          \
                }                                                                                  \
            return;                                                                                \
        }                                                                                          \
        for (int64_t first = 0; first < n; first += CHUNK)                                         \
            for (int64_t b = 0; b < lanes; ++b) {                                                  \
                T *restrict y = lines[b];                                                          \
                const int64_t end = n - first < CHUNK ? n : first + CHUNK;                         \
                if (y == NULL)                                                                     \
                    continue;                                                                      \
                if (second == NUMC_BLOCK_FFT_ALONE)                                                \
                    for (int64_t k = first; k < end; ++k)                                          \
                        y[k * step] = re[k * lanes + b];                                           \
                else                                                                               \
                    for (int64_t k = first; k < end; ++k) {                                        \
                        y[k * step] = re[k * lanes + b];                                           \
                        y[k * step + second] = im[k * lanes + b];                                  \
                    }                                                                              \
            }                                                                                      \
    }                                                                                              \
    /* z = 0 beyond `given` elements; x may be z */                                                \
    static void multiply_##SUFFIX(int64_t n, int64_t given, int64_t lanes, const void *w, const void *x_re, const void *x_im, \
                                  void *z_re, void *z_im)                                          \
    {                                                                                              \
        const T *root = w, *xr = x_re, *xi = x_im;                                                 \
        T *zr = z_re, *zi = z_im;                                                                  \
        EACH(T, 0, given, 0,                                                                       \
             const T ar = xr[here], ai = xi[here];                                                 \
             zr[here] = ar * wr - ai * wi;                                                         \
             zi[here] = ar * wi + ai * wr;)                                                        \
        for (int64_t b = given * lanes; b < n * lanes; ++b)                                        \
            zr[b] = zi[b] = 0;                                                                     \
    }                                                                                              \
    /* y = z u_k t[k][b]: u the roots of a block of columns, t those within it */                  \
    static void twist_##SUFFIX(int64_t n, int64_t lanes, int64_t count, const void *u_, const void *t_, const void *z_re,     \
                               const void *z_im, int64_t row, void *y_re, void *y_im)              \
    {                                                                                              \
        const T *restrict u = u_, *restrict t = t_, *restrict zr = z_re, *restrict zi = z_im;      \
        T *restrict yr = y_re, *restrict yi = y_im;                                                \
        for (int64_t k = 0; k < n; ++k) {                                                          \
            const T ur = u[2 * k], ui = u[2 * k + 1];                                              \
            const T *restrict tr = t + 2 * k * lanes, *restrict ti = tr + lanes;                   \
            NUMC_BLOCK_LOOP                                                                        \
            for (int64_t b = 0; b < count; ++b) {                                                  \
                const T wr = ur * tr[b] - ui * ti[b], wi = ur * ti[b] + ui * tr[b];                \
                const T ar = zr[k * lanes + b], ai = zi[k * lanes + b];                            \
                yr[k * row + b] = ar * wr - ai * wi;                                               \
                yi[k * row + b] = ar * wi + ai * wr;                                               \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    /* y_k = (z_k + conj z_(h-k)) / 2 - i w^k (z_k - conj z_(h-k)) / 2, k = 0 .. h, z_h = z_0, w = exp(-pi i / h) */          \
    static void untangle_##SUFFIX(int64_t h, int64_t lanes, const void *w, const void *z_re, const void *z_im, void *y_re,    \
                                  void *y_im)                                                      \
    {                                                                                              \
        const T *restrict root = w, *restrict zr = z_re, *restrict zi = z_im;                      \
        T *restrict yr = y_re, *restrict yi = y_im;                                                \
        for (int64_t b = 0; b < lanes; ++b) {                                                      \
            yr[b] = zr[b] + zi[b];                                                                 \
            yr[h * lanes + b] = zr[b] - zi[b];                                                     \
            yi[b] = yi[h * lanes + b] = 0;                                                         \
        }                                                                                          \
        const T half = (T)0.5;                                                                     \
        EACH(T, 1, h, h,                                                                           \
             const T er = half * (zr[here] + zr[there]), ei = half * (zi[here] - zi[there]);       \
             const T or = half * (zi[here] + zi[there]), oi = half * (zr[there] - zr[here]);       \
             yr[here] = er + (or * wr - oi * wi);                                                  \
             yi[here] = ei + (or * wi + oi * wr);)                                                 \
    }                                                                                              \
    /* z_k = (x_k + conj x_(h-k)) + i w^-k (x_k - conj x_(h-k)), k = 0 .. h - 1; x_0 and x_h count as real */                 \
    static void tangle_##SUFFIX(int64_t h, int64_t lanes, const void *w, const void *x_re, const void *x_im, void *z_re,      \
                                void *z_im)                                                        \
    {                                                                                              \
        const T *restrict root = w, *restrict xr = x_re, *restrict xi = x_im;                      \
        T *restrict zr = z_re, *restrict zi = z_im;                                                \
        for (int64_t b = 0; b < lanes; ++b) {                                                      \
            zr[b] = xr[b] + xr[h * lanes + b];                                                     \
            zi[b] = xr[b] - xr[h * lanes + b];                                                     \
        }                                                                                          \
        EACH(T, 1, h, h,                                                                           \
             const T er = xr[here] + xr[there], ei = xi[here] - xi[there];                         \
             const T dr = xr[here] - xr[there], di = xi[here] + xi[there];                         \
             const T or = dr * wr + di * wi, oi = di * wr - dr * wi;                               \
             zr[here] = er - oi;                                                                   \
             zi[here] = ei + or;)                                                                  \
    }                                                                                              \
    /* x_(n-k) = conj x_k from the first n/2 + 1 terms; n odd; x_0 counts as real */               \
    static void mirror_##SUFFIX(int64_t n, int64_t lanes, void *x_re, void *x_im)                  \
    {                                                                                              \
        T *xr = x_re, *xi = x_im;                                                                  \
        for (int64_t b = 0; b < lanes; ++b)                                                        \
            xi[b] = 0;                                                                             \
        for (int64_t k = 1; k <= n / 2; ++k)                                                       \
            for (int64_t b = 0; b < lanes; ++b) {                                                  \
                xr[(n - k) * lanes + b] = xr[k * lanes + b];                                       \
                xi[(n - k) * lanes + b] = -xi[k * lanes + b];                                      \
            }                                                                                      \
    }                                                                                              \
    static const numc_block_fft fft_##SUFFIX = {                                                   \
        WIDTH, pass_any_##SUFFIX, take_##SUFFIX, put_##SUFFIX, multiply_##SUFFIX, twist_##SUFFIX, untangle_##SUFFIX, \
        mirror_##SUFFIX, tangle_##SUFFIX};
DEFINE_FFT(double, f64, VECTOR_BYTES / 8)
DEFINE_FFT(float, f32, VECTOR_BYTES / 4)

const numc_block_fft *NUMC_BLOCK(fft)(uint32_t dtype)
{
    return dtype == NUMC_FLOAT64 ? &fft_f64 : dtype == NUMC_FLOAT32 ? &fft_f32 : NULL;
}
