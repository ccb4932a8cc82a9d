/* block_fft.h - the loops of Fourier transforms at one type. block_fft.c includes it with T the component, V a vector of LANES of
 * them (or T itself with LANES 1), U the same aligned as T is, and SUFFIX.
 *
 * Real and imaginary parts lie in arrays of their own. A pass of radix r of Stockham's self-sorting transform, with stride s
 * and rest m, takes s transforms of length r m apart into s r of length m:
 *   y[q + s (r p + j)] = w^(p j) sum_i x[q + s (p + m i)] exp(-2 pi i i j / r),  w = exp(-2 pi i / (r m)), p < m, q < s.
 * Where s fills a vector, lanes run along q; they run over q and p together where it does not. */

/* a += exp(-2 pi i / 3) and so on: y_j from x_i in place. */
static inline __attribute__((always_inline)) void NAME(butterfly_2)(V *re, V *im)
{
    const V ar = re[0], ai = im[0];
    re[0] = ar + re[1], im[0] = ai + im[1];
    re[1] = ar - re[1], im[1] = ai - im[1];
}

static inline __attribute__((always_inline)) void NAME(butterfly_3)(V *re, V *im)
{
    const T half = (T)0.5, root = (T)0x1.bb67ae8584caap-1; /* sin(2 pi / 3) */
    const V sr = re[1] + re[2], si = im[1] + im[2];
    const V dr = (re[1] - re[2]) * root, di = (im[1] - im[2]) * root;
    const V cr = re[0] - sr * half, ci = im[0] - si * half;
    re[0] += sr, im[0] += si;
    re[1] = cr + di, im[1] = ci - dr;
    re[2] = cr - di, im[2] = ci + dr;
}

static inline __attribute__((always_inline)) void NAME(butterfly_4)(V *re, V *im)
{
    const V ar = re[0] + re[2], ai = im[0] + im[2], br = re[0] - re[2], bi = im[0] - im[2];
    const V cr = re[1] + re[3], ci = im[1] + im[3], dr = re[1] - re[3], di = im[1] - im[3];
    re[0] = ar + cr, im[0] = ai + ci;
    re[1] = br + di, im[1] = bi - dr;
    re[2] = ar - cr, im[2] = ai - ci;
    re[3] = br - di, im[3] = bi + dr;
}

static inline __attribute__((always_inline)) void NAME(butterfly_5)(V *re, V *im)
{
    const T c1 = (T)0x1.3c6ef372fe950p-2, c2 = (T)-0x1.9e3779b97f4a8p-1; /* cos(2 pi / 5), cos(4 pi / 5) */
    const T s1 = (T)0x1.e6f0e134454ffp-1, s2 = (T)0x1.2cf2304755a5ep-1;  /* sin */
    const V pr = re[1] + re[4], pi = im[1] + im[4], qr = re[2] + re[3], qi = im[2] + im[3];
    const V ur = re[1] - re[4], ui = im[1] - im[4], vr = re[2] - re[3], vi = im[2] - im[3];
    const V ar = re[0] + (pr * c1 + qr * c2), ai = im[0] + (pi * c1 + qi * c2);
    const V br = re[0] + (pr * c2 + qr * c1), bi = im[0] + (pi * c2 + qi * c1);
    const V cr = ur * s1 + vr * s2, ci = ui * s1 + vi * s2, dr = ur * s2 - vr * s1, di = ui * s2 - vi * s1;
    re[0] += pr + qr, im[0] += pi + qi;
    re[1] = ar + ci, im[1] = ai - cr;
    re[4] = ar - ci, im[4] = ai + cr;
    re[2] = br + di, im[2] = bi - dr;
    re[3] = br - di, im[3] = bi + dr;
}

static inline __attribute__((always_inline)) void NAME(butterfly_8)(V *re, V *im)
{
    const T root = (T)0x1.6a09e667f3bcdp-1; /* sqrt(1/2) */
    V er[4] = {re[0], re[2], re[4], re[6]}, ei[4] = {im[0], im[2], im[4], im[6]};
    V or[4] = {re[1], re[3], re[5], re[7]}, oi[4] = {im[1], im[3], im[5], im[7]};
    NAME(butterfly_4)(er, ei);
    NAME(butterfly_4)(or, oi);
    const V tr = (or[1] + oi[1]) * root, ti = (oi[1] - or[1]) * root;
    const V ur = (oi[3] - or[3]) * root, ui = (or[3] + oi[3]) * root;
    re[0] = er[0] + or[0], im[0] = ei[0] + oi[0];
    re[4] = er[0] - or[0], im[4] = ei[0] - oi[0];
    re[1] = er[1] + tr, im[1] = ei[1] + ti;
    re[5] = er[1] - tr, im[5] = ei[1] - ti;
    re[2] = er[2] + oi[2], im[2] = ei[2] - or[2];
    re[6] = er[2] - oi[2], im[6] = ei[2] + or[2];
    re[3] = er[3] + ur, im[3] = ei[3] - ui;
    re[7] = er[3] - ur, im[7] = ei[3] + ui;
}

/* Any odd radix: x_j + x_(r-j) meets the cosines and x_j - x_(r-j) the sines. table: cos, sin of 2 pi k / r, k < r. */
static inline __attribute__((always_inline)) void NAME(butterfly_odd)(int32_t radix, const T *table, V *re, V *im)
{
    const int32_t half = radix / 2;
    V sr[NUMC_BLOCK_FFT_RADIX_MOST / 2], si[NUMC_BLOCK_FFT_RADIX_MOST / 2];
    V dr[NUMC_BLOCK_FFT_RADIX_MOST / 2], di[NUMC_BLOCK_FFT_RADIX_MOST / 2];
    const V first_r = re[0], first_i = im[0];
    for (int32_t j = 1; j <= half; ++j) {
        sr[j - 1] = re[j] + re[radix - j], si[j - 1] = im[j] + im[radix - j];
        dr[j - 1] = re[j] - re[radix - j], di[j - 1] = im[j] - im[radix - j];
        re[0] += sr[j - 1], im[0] += si[j - 1];
    }
    for (int32_t k = 1; k <= half; ++k) {
        V ar = first_r, ai = first_i, br = dr[0] * table[2 * k + 1], bi = di[0] * table[2 * k + 1];
        for (int32_t j = 1, at = k; j <= half; ++j) {
            ar += sr[j - 1] * table[2 * at], ai += si[j - 1] * table[2 * at];
            if (j > 1)
                br += dr[j - 1] * table[2 * at + 1], bi += di[j - 1] * table[2 * at + 1];
            at = at + k >= radix ? at + k - radix : at + k;
        }
        re[k] = ar + bi, im[k] = ai - br;
        re[radix - k] = ar - bi, im[radix - k] = ai + br;
    }
}

static inline __attribute__((always_inline)) void NAME(butterfly)(int32_t radix, const T *table, V *re, V *im)
{
    switch (radix) {
    case 2: NAME(butterfly_2)(re, im); break;
    case 3: NAME(butterfly_3)(re, im); break;
    case 4: NAME(butterfly_4)(re, im); break;
    case 5: NAME(butterfly_5)(re, im); break;
    case 8: NAME(butterfly_8)(re, im); break;
    default: NAME(butterfly_odd)(radix, table, re, im); break;
    }
}

/* Lanes along q: one root for all of them. The last vector may overlap the one before: it writes the same values again. */
static inline __attribute__((always_inline)) void NAME(along)(int32_t radix, const numc_block_fft_pass *pass, int64_t stride,
                                                              const T *restrict xr, const T *restrict xi, T *restrict yr,
                                                              T *restrict yi)
{
    const int64_t rest = pass->rest, gap = stride * rest;
    const T *table = pass->table;
    for (int64_t p = 0; p < rest; ++p) {
        const T *w = (const T *)pass->roots + 2 * (radix - 1) * p;
        for (int64_t q = 0;; q += LANES) {
            if (q + LANES > stride) {
                if (q >= stride)
                    break;
                q = stride - LANES;
            }
            V re[NUMC_BLOCK_FFT_RADIX_MOST], im[NUMC_BLOCK_FFT_RADIX_MOST];
            const int64_t from = q + stride * p, to = q + stride * radix * p;
            re[0] = *(const U *)(xr + from);
            im[0] = *(const U *)(xi + from);
            for (int32_t i = 1; i < radix; ++i) {
                re[i] = *(const U *)(xr + from + gap * i);
                im[i] = *(const U *)(xi + from + gap * i);
            }
            NAME(butterfly)(radix, table, re, im);
            *(U *)(yr + to) = re[0];
            *(U *)(yi + to) = im[0];
            for (int32_t j = 1; j < radix; ++j) {
                if (rest > 1) {
                    const V ar = re[j], ai = im[j];
                    re[j] = ar * w[2 * j - 2] - ai * w[2 * j - 1];
                    im[j] = ar * w[2 * j - 1] + ai * w[2 * j - 2];
                }
                *(U *)(yr + to + stride * j) = re[j];
                *(U *)(yi + to + stride * j) = im[j];
            }
        }
    }
}

/* Lanes over t = q + stride p: each its own root, results one by one. */
static inline __attribute__((always_inline)) void NAME(across)(int32_t radix, const numc_block_fft_pass *pass, int64_t stride,
                                                               const T *restrict xr, const T *restrict xi, T *restrict yr,
                                                               T *restrict yi)
{
    const int64_t rest = pass->rest, gap = stride * rest;
    const T *table = pass->table;
    for (int64_t t = 0;; t += LANES) {
        if (t + LANES > gap) {
            if (t >= gap)
                break;
            t = gap - LANES;
        }
        V re[NUMC_BLOCK_FFT_RADIX_MOST], im[NUMC_BLOCK_FFT_RADIX_MOST];
        re[0] = *(const U *)(xr + t);
        im[0] = *(const U *)(xi + t);
        for (int32_t i = 1; i < radix; ++i) {
            re[i] = *(const U *)(xr + t + gap * i);
            im[i] = *(const U *)(xi + t + gap * i);
        }
        NAME(butterfly)(radix, table, re, im);
        const T *w = (const T *)pass->spread + t;
        T outr[NUMC_BLOCK_FFT_RADIX_MOST][LANES], outi[NUMC_BLOCK_FFT_RADIX_MOST][LANES];
        *(U *)outr[0] = re[0];
        *(U *)outi[0] = im[0];
        for (int32_t j = 1; j < radix; ++j, w += 2 * gap) {
            if (rest > 1) {
                const V wr = *(const U *)w, wi = *(const U *)(w + gap), ar = re[j], ai = im[j];
                re[j] = ar * wr - ai * wi;
                im[j] = ar * wi + ai * wr;
            }
            *(U *)outr[j] = re[j];
            *(U *)outi[j] = im[j];
        }
        int64_t p = t / stride, q = t - p * stride;
        for (int32_t l = 0; l < LANES; ++l) {
            const int64_t to = q + stride * radix * p;
            for (int32_t j = 0; j < radix; ++j) {
                yr[to + stride * j] = outr[j][l];
                yi[to + stride * j] = outi[j][l];
            }
            if (++q == stride)
                q = 0, ++p;
        }
    }
}

#define CASE(radix, length)                                                                        \
    case radix:                                                                                    \
        if (stride >= LANES)                                                                       \
            NAME(along)(length, pass, stride, xr, xi, yr, yi);                                     \
        else                                                                                       \
            NAME(across)(length, pass, stride, xr, xi, yr, yi);                                    \
        break;
/* stride rest >= LANES */
static void NAME(pass)(const numc_block_fft_pass *pass, int64_t stride, const void *xr, const void *xi, void *yr, void *yi)
{
    switch (pass->radix) {
        CASE(2, 2)
        CASE(3, 3)
        CASE(4, 4)
        CASE(5, 5)
        CASE(7, 7)
        CASE(8, 8)
    default:
        if (stride >= LANES)
            NAME(along)(pass->radix, pass, stride, xr, xi, yr, yi);
        else
            NAME(across)(pass->radix, pass, stride, xr, xi, yr, yi);
        break;
    }
}
#undef CASE
