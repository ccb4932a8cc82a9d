/* fft.h - for users: Fourier transforms; names are the array API standard's. What array.h says of arrays, dtypes, options and
 * errors holds here too.
 *
 * Forward, y_k = sum_j x_j exp(-2 pi i j k / n); backward with exp(+2 pi i j k / n). Any length takes time in O(n log n), with an
 * error of O(eps log n) times the norm of the line, eps that of the dtype. A real operand of a function of
 * complex numbers becomes complex (float32 complex64; integers and bool as the default float); a complex operand of rfft, rfftn or
 * ihfft is NUMC_DTYPE. A 0-d array, an axis that is not there, or a length below 1 is an error; an empty batch is not. Of a line that
 * holds NaN or an infinity each element has NaN or an infinity in its real or its imaginary part; which, depends on the backend. */
#ifndef NUMC_FFT_H
#define NUMC_FFT_H

#include "numc/array.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where the result is divided by n, the product of the lengths: after backward transforms; after both by sqrt n; after forward
 * ones. */
typedef enum numc_fft_norm { NUMC_FFT_BACKWARD, NUMC_FFT_ORTHO, NUMC_FFT_FORWARD } numc_fft_norm;

/* A length, made by NUMC_LENGTH; absent: that of the axis. */
typedef struct numc_length {
    int64_t value;
    bool given;
} numc_length;

/* numc_fft_fft(x, NUMC_AXIS(0), .n = NUMC_LENGTH(64), .norm = NUMC_FFT_ORTHO) */
typedef struct numc_fft_options {
    size_t size;
    numc_axis axis; /* default: the last */
    numc_length n;  /* the axis is cut to it, or gets zeros at its end */
    numc_fft_norm norm;
} numc_fft_options;

/* numc_fft_fftn(x, NUMC_AXES(0, 1), .s = NUMC_SHAPE(64, -1)) */
typedef struct numc_fftn_options {
    size_t size;
    numc_axes axes; /* default: every axis, or with s as many of the last; one that is given twice is transformed twice */
    numc_shape s;   /* lengths along the axes; -1: that of the axis */
    numc_fft_norm norm;
} numc_fftn_options;

NUMC_API numc_array *numc_fft_fft(const numc_array *x, const numc_fft_options *options);
NUMC_API numc_array *numc_fft_ifft(const numc_array *x, const numc_fft_options *options); /* backward */
NUMC_API numc_array *numc_fft_fftn(const numc_array *x, const numc_fftn_options *options);
NUMC_API numc_array *numc_fft_ifftn(const numc_array *x, const numc_fftn_options *options);
/* Real lines of n to the first n/2+1 terms, the others being their conjugates; and back, where n is 2 (m - 1) of m terms unless
 * given, and the imaginary parts of the first term, and for even n of the last, are ignored. rfftn: along the last of the axes;
 * complex transforms along the others. */
NUMC_API numc_array *numc_fft_rfft(const numc_array *x, const numc_fft_options *options);
NUMC_API numc_array *numc_fft_irfft(const numc_array *x, const numc_fft_options *options);
NUMC_API numc_array *numc_fft_rfftn(const numc_array *x, const numc_fftn_options *options);
NUMC_API numc_array *numc_fft_irfftn(const numc_array *x, const numc_fftn_options *options);
/* Forward of a signal given by the first n/2+1 terms, the others being their conjugates: real, n as in irfft; and back. */
NUMC_API numc_array *numc_fft_hfft(const numc_array *x, const numc_fft_options *options);
NUMC_API numc_array *numc_fft_ihfft(const numc_array *x, const numc_fft_options *options);

/* The frequencies of n terms of samples a distance d apart: k / (n d) for k = 0 .. (n-1)/2, then -(n/2) .. -1; of the real
 * transform k = 0 .. n/2. dtype is real floating, default the default float; n >= 1, d finite and not 0 (NUMC_VALUE). */
NUMC_API numc_array *numc_fft_fftfreq_(numc_context *context, numc_dtype dtype, int64_t n, double d);
NUMC_API numc_array *numc_fft_rfftfreq_(numc_context *context, numc_dtype dtype, int64_t n, double d);
/* x with frequency 0 moved from the start of the axes to place size / 2, and back. Default: every axis. */
NUMC_API numc_array *numc_fft_fftshift(const numc_array *x, numc_axes axes);
NUMC_API numc_array *numc_fft_ifftshift(const numc_array *x, numc_axes axes);

#ifndef __cplusplus
#define NUMC_LENGTH(n) ((numc_length){(n), true})
#define numc_fft_fft(...) NUMC_OPTIONS_1_(numc_fft_fft, numc_fft_options, __VA_ARGS__, )
#define numc_fft_ifft(...) NUMC_OPTIONS_1_(numc_fft_ifft, numc_fft_options, __VA_ARGS__, )
#define numc_fft_fftn(...) NUMC_OPTIONS_1_(numc_fft_fftn, numc_fftn_options, __VA_ARGS__, )
#define numc_fft_ifftn(...) NUMC_OPTIONS_1_(numc_fft_ifftn, numc_fftn_options, __VA_ARGS__, )
#define numc_fft_rfft(...) NUMC_OPTIONS_1_(numc_fft_rfft, numc_fft_options, __VA_ARGS__, )
#define numc_fft_irfft(...) NUMC_OPTIONS_1_(numc_fft_irfft, numc_fft_options, __VA_ARGS__, )
#define numc_fft_rfftn(...) NUMC_OPTIONS_1_(numc_fft_rfftn, numc_fftn_options, __VA_ARGS__, )
#define numc_fft_irfftn(...) NUMC_OPTIONS_1_(numc_fft_irfftn, numc_fftn_options, __VA_ARGS__, )
#define numc_fft_hfft(...) NUMC_OPTIONS_1_(numc_fft_hfft, numc_fft_options, __VA_ARGS__, )
#define numc_fft_ihfft(...) NUMC_OPTIONS_1_(numc_fft_ihfft, numc_fft_options, __VA_ARGS__, )
#define numc_fft_fftfreq(where, dtype, n, d) numc_fft_fftfreq_(NUMC_CONTEXT(where), dtype, n, d)
#define numc_fft_rfftfreq(where, dtype, n, d) numc_fft_rfftfreq_(NUMC_CONTEXT(where), dtype, n, d)
#endif

#ifdef __cplusplus
}
#endif
#endif
