/* test_fft.c - the standard's Fourier transforms against sums in long double: lengths, axes, norms, dtypes, layouts, edge cases,
 * errors; inside compiled functions too. The slot beneath has tests of its own for accuracy at every length.
 *
 * Tolerance: 8 eps (log2 n + 2) of the 2-norm (tests/backend/fourier.h), and 3 eps for norms and the last rounding. Several axes
 * add their bounds, which is within the same formula for the product of the lengths. */
#include "fixture.h"

#include <complex.h>
#include <float.h>
#include <pthread.h>

#include "numc/fft.h"
#include "numc/function.h"

enum { MOST = 512 };

/* The elements of x as complex numbers; freed by the caller. */
static double complex *numbers_of(const numc_array *x)
{
    int64_t size = numc_array_size(x);
    if (size < 0)
        fail_msg("no array");
    double complex *values = calloc((size_t)size + 1, sizeof *values);
    assert_non_null(values);
    if (numc_to_host(x, NUMC_COMPLEX128, values, (size_t)size * sizeof *values) != NUMC_OK)
        fail_msg("%s", numc_error_message(numc_array_context(x)));
    return values;
}

static double bound(numc_dtype dtype, int64_t n)
{
    bool wide = dtype == NUMC_FLOAT64 || dtype == NUMC_COMPLEX128;
    return (wide ? DBL_EPSILON : (double)FLT_EPSILON) * (8 * (log2((double)n) + 2) + 3);
}

/* y, of that dtype, is `expected` within the bound for transforms of n values. */
static void assert_spectrum(const numc_array *y, numc_dtype dtype, const double complex *expected, int64_t size, int64_t n,
                            const char *what)
{
    if (y == NULL)
        fail_msg("%s: no array", what);
    assert_int_equal(numc_array_dtype(y), dtype);
    assert_int_equal(numc_array_size(y), size);
    double complex *values = numbers_of(y);
    double error = 0, norm = 0;
    for (int64_t i = 0; i < size; i++) {
        error += pow(cabs(values[i] - expected[i]), 2);
        norm += pow(cabs(expected[i]), 2);
    }
    if (!(sqrt(error) <= bound(dtype, n) * sqrt(norm)))
        fail_msg("%s: error %g, norm %g", what, sqrt(error), sqrt(norm));
    free(values);
}

/* out_k = sum_j in_j exp(sign 2 pi i j k / n); in has `given` terms, the others are 0; in and out in steps. */
static void sums(const double complex *in, int64_t given, int64_t n, int sign, int64_t step, double complex *out)
{
    double complex line[MOST];
    const long double turn = sign * 8.0L * atanl(1.0L) / (long double)n;
    for (int64_t k = 0; k < n; k++) {
        long double re = 0, im = 0;
        for (int64_t j = 0; j < n && j < given; j++) {
            const long double angle = turn * (long double)(j * k % n), c = cosl(angle), s = sinl(angle);
            const long double a = (long double)creal(in[j * step]), b = (long double)cimag(in[j * step]);
            re += a * c - b * s;
            im += a * s + b * c;
        }
        line[k] = (double)re + (double)im * I;
    }
    for (int64_t k = 0; k < n; k++)
        out[k * step] = line[k];
}

static uint64_t seed = 29;

static double unit(void)
{
    return (double)next_random(&seed) / 0x1p30 - 1.0;
}

static numc_array *signal_of(numc_context *context, numc_dtype dtype, numc_shape shape)
{
    double values[2 * MOST];
    int64_t size = 1;
    for (int32_t d = 0; d < shape.count; d++)
        size *= shape.values[d];
    for (int64_t i = 0; i < 2 * size; i++)
        values[i] = unit();
    bool is_complex = dtype == NUMC_COMPLEX64 || dtype == NUMC_COMPLEX128;
    return numc_astype(numc_from_host(context, is_complex ? NUMC_COMPLEX128 : NUMC_FLOAT64, shape, values), dtype);
}

static numc_dtype complex_of(numc_dtype dtype)
{
    return dtype == NUMC_FLOAT32 || dtype == NUMC_COMPLEX64 ? NUMC_COMPLEX64 : NUMC_COMPLEX128;
}

static numc_dtype real_of(numc_dtype dtype)
{
    return dtype == NUMC_FLOAT32 || dtype == NUMC_COMPLEX64 ? NUMC_FLOAT32 : NUMC_FLOAT64;
}

/* What a forward or backward transform is divided by. */
static double divisor(numc_fft_norm norm, bool forward, double n)
{
    return norm == NUMC_FFT_ORTHO ? sqrt(n) : norm == (forward ? NUMC_FFT_FORWARD : NUMC_FFT_BACKWARD) ? n : 1;
}

/* All six functions of lines on x [m]: with n terms of the line, three norms. */
static void check_lines(numc_context *context, numc_dtype dtype, int64_t m, int64_t n)
{
    double complex expected[MOST], half[MOST], *values;
    numc_length length = NUMC_LENGTH(n);
    for (int norm = 0; norm < 3; norm++)
        numc_scope(context) {
            const numc_fft_norm how = (numc_fft_norm)norm;
            const numc_array *x = signal_of(context, dtype, NUMC_SHAPE(m));
            values = numbers_of(x);
            for (int sign = -1; sign <= 1; sign += 2) {
                sums(values, m, n, sign, 1, expected);
                for (int64_t k = 0; k < n; k++)
                    expected[k] /= divisor(how, sign < 0, (double)n);
                const numc_array *y = sign < 0 ? numc_fft_fft(x, .n = length, .norm = how) : numc_fft_ifft(x, .n = length, .norm = how);
                assert_spectrum(y, complex_of(dtype), expected, n, n, sign < 0 ? "fft" : "ifft");
                if (dtype == NUMC_COMPLEX64 || dtype == NUMC_COMPLEX128)
                    continue;
                y = sign < 0 ? numc_fft_rfft(x, .n = length, .norm = how) : numc_fft_ihfft(x, .n = length, .norm = how);
                assert_spectrum(y, complex_of(dtype), expected, n / 2 + 1, n, sign < 0 ? "rfft" : "ihfft");
            }
            /* Hermitian: the terms after n/2 are conjugates, what must be real is taken so */
            for (int64_t k = 0; k < n; k++) {
                int64_t at = k <= n / 2 ? k : n - k;
                half[k] = at >= m ? 0 : k <= n / 2 ? values[at] : conj(values[at]);
                if (k == 0 || 2 * k == n)
                    half[k] = creal(half[k]);
            }
            for (int sign = -1; sign <= 1; sign += 2) {
                sums(half, n, n, sign, 1, expected);
                for (int64_t k = 0; k < n; k++)
                    expected[k] = creal(expected[k]) / divisor(how, sign < 0, (double)n);
                const numc_array *y = sign < 0 ? numc_fft_hfft(x, .n = length, .norm = how) : numc_fft_irfft(x, .n = length, .norm = how);
                assert_spectrum(y, real_of(dtype), expected, n, n, sign < 0 ? "hfft" : "irfft");
            }
            free(values);
        }
    assert_ok(context);
}

static void lines_are_sums(void **state)
{
    numc_context *context = *state;
    static const numc_dtype dtypes[] = {NUMC_FLOAT32, NUMC_FLOAT64, NUMC_COMPLEX64, NUMC_COMPLEX128};
    static const int64_t cases[][2] = {{1, 1}, {2, 2}, {3, 3}, {8, 8}, {7, 7}, {12, 12}, {60, 60}, {67, 67}, {5, 8}, {5, 9},
                                       {9, 5}, {9, 4}, {1, 6}, {6, 1}, {2, 3}, {128, 100}};
    for (size_t d = 0; d < 4; d++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            check_lines(context, dtypes[d], cases[i][0], cases[i][1]);
}

static void default_lengths_are_those_of_the_axis(void **state)
{
    numc_context *context = *state;
    numc_array *x = signal_of(context, NUMC_FLOAT64, NUMC_SHAPE(2, 6, 3));
    assert_shape(numc_fft_fft(x), 3, (const int64_t[]){2, 6, 3});
    assert_shape(numc_fft_rfft(x, NUMC_AXIS(1)), 3, (const int64_t[]){2, 4, 3});
    assert_shape(numc_fft_irfft(x), 3, (const int64_t[]){2, 6, 4});
    assert_shape(numc_fft_irfft(x, NUMC_AXIS(-2), .n = NUMC_LENGTH(11)), 3, (const int64_t[]){2, 11, 3});
    assert_shape(numc_fft_hfft(x, NUMC_AXIS(0)), 3, (const int64_t[]){2, 6, 3});
    assert_shape(numc_fft_ihfft(x, NUMC_AXIS(0)), 3, (const int64_t[]){2, 6, 3});
    assert_shape(numc_fft_fftn(x, .s = NUMC_SHAPE(5, -1)), 3, (const int64_t[]){2, 5, 3});
    assert_shape(numc_fft_rfftn(x), 3, (const int64_t[]){2, 6, 2});
    assert_shape(numc_fft_rfftn(x, NUMC_AXES(0, 1)), 3, (const int64_t[]){2, 4, 3});
    assert_shape(numc_fft_irfftn(x), 3, (const int64_t[]){2, 6, 4});
    assert_shape(numc_fft_irfftn(x, NUMC_AXES(2, 1), .s = NUMC_SHAPE(7, 9)), 3, (const int64_t[]){2, 9, 7});
    assert_ok(context);
    assert_int_equal(numc_array_dtype((numc_fft_fft)(x, NULL)), NUMC_COMPLEX128);
    assert_int_equal(numc_array_dtype((numc_fft_irfftn)(x, NULL)), NUMC_FLOAT64);
    /* integers and bool as the default float */
    assert_int_equal(numc_array_dtype(numc_fft_fft(numc_ones(context, NUMC_INT8, NUMC_SHAPE(4)))), NUMC_COMPLEX128);
    assert_int_equal(numc_array_dtype(numc_fft_rfft(numc_ones(context, NUMC_BOOL, NUMC_SHAPE(4)))), NUMC_COMPLEX128);
    assert_values(numc_real(numc_fft_rfft(numc_ones(context, NUMC_INT64, NUMC_SHAPE(4)))), 4, 0, 0);
    assert_ok(context);
}

/* The same through any layout of memory: transposed, flipped, every second, broadcast, a constant. */
static void layouts_do_not_matter(void **state)
{
    numc_context *context = *state;
    double complex expected[MOST];
    numc_array *x = signal_of(context, NUMC_COMPLEX128, NUMC_SHAPE(6, 10));
    numc_array *views[] = {x, numc_matrix_transpose(x), numc_flip(x, NUMC_AXES(0, 1)),
                           numc_index(x, NUMC_SLICE_STEP(0, 6, 2), NUMC_SLICE_STEP(1, 10, 3)),
                           numc_broadcast_to(numc_index(x, NUMC_AT(2)), NUMC_SHAPE(3, 10)),
                           numc_broadcast_to(numc_index(x, NUMC_ALL, NUMC_SLICE(0, 1)), NUMC_SHAPE(6, 7)),
                           numc_full(context, NUMC_COMPLEX128, NUMC_SHAPE(3, 5), 0.5)};
    for (size_t v = 0; v < sizeof views / sizeof *views; v++) {
        const int64_t *shape = numc_array_shape(views[v]);
        for (int axis = 0; axis < 2; axis++) {
            double complex *values = numbers_of(views[v]);
            const int64_t n = shape[axis], step = axis == 0 ? shape[1] : 1, lines = shape[1 - axis];
            for (int64_t i = 0; i < lines; i++)
                sums(values + i * (axis == 0 ? 1 : shape[1]), n, n, -1, step, expected + i * (axis == 0 ? 1 : shape[1]));
            assert_spectrum(numc_fft_fft(views[v], NUMC_AXIS(axis)), NUMC_COMPLEX128, expected, shape[0] * shape[1], n, "layout");
            free(values);
        }
    }
    assert_ok(context);
}

static void boxes_are_lines_along_every_axis(void **state)
{
    numc_context *context = *state;
    enum { A = 3, B = 4, C = 5 };
    double complex expected[A * B * C];
    for (int norm = 0; norm < 3; norm++)
        for (int sign = -1; sign <= 1; sign += 2) {
            const numc_fft_norm how = (numc_fft_norm)norm;
            numc_array *x = signal_of(context, NUMC_COMPLEX128, NUMC_SHAPE(A, B, C));
            double complex *values = numbers_of(x);
            memcpy(expected, values, sizeof expected);
            for (int i = 0; i < B * C; i++)
                sums(expected + i, A, A, sign, B * C, expected + i);
            for (int i = 0; i < A * B; i++)
                sums(expected + i * C, C, C, sign, 1, expected + i * C);
            for (int i = 0; i < A * B * C; i++)
                expected[i] /= divisor(how, sign < 0, A * C);
            const numc_array *y = sign < 0 ? numc_fft_fftn(x, NUMC_AXES(0, -1), .norm = how)
                                           : numc_fft_ifftn(x, NUMC_AXES(0, -1), .norm = how);
            assert_spectrum(y, NUMC_COMPLEX128, expected, A * B * C, A * C, "two axes");
            for (int a = 0; a < A; a++)
                for (int c = 0; c < C; c++)
                    sums(expected + a * B * C + c, B, B, sign, C, expected + a * B * C + c);
            for (int i = 0; i < A * B * C; i++)
                expected[i] *= divisor(how, sign < 0, A * C) / divisor(how, sign < 0, A * B * C);
            y = sign < 0 ? numc_fft_fftn(x, .norm = how) : numc_fft_ifftn(x, .norm = how);
            assert_spectrum(y, NUMC_COMPLEX128, expected, A * B * C, A * B * C, "every axis");
            free(values);
        }
    assert_ok(context);
}

static void real_boxes_are_halves_of_complex_ones(void **state)
{
    numc_context *context = *state;
    for (int64_t last = 4; last <= 5; last++) {
        numc_array *x = signal_of(context, NUMC_FLOAT64, NUMC_SHAPE(3, 6, last));
        const int64_t half = last / 2 + 1;
        double complex *expected =
            numbers_of(numc_index(numc_fft_fftn(x, .norm = NUMC_FFT_ORTHO), NUMC_ELLIPSIS, NUMC_SLICE(0, half)));
        numc_array *y = numc_fft_rfftn(x, .norm = NUMC_FFT_ORTHO);
        assert_spectrum(y, NUMC_COMPLEX128, expected, 18 * half, 18 * last, "rfftn");
        free(expected);
        expected = numbers_of(x);
        const numc_array *z = numc_fft_irfftn(y, NUMC_AXES(0, 1, 2), .s = NUMC_SHAPE(3, 6, last), .norm = NUMC_FFT_ORTHO);
        assert_spectrum(z, NUMC_FLOAT64, expected, 18 * last, 18 * 18 * last * last, "irfftn");
        /* the other axis real: another half of the same terms */
        free(expected);
        numc_array *front = numc_index(numc_fft_fftn(x, NUMC_AXES(0, 1)), NUMC_ALL, NUMC_SLICE(0, 4));
        expected = numbers_of(front);
        assert_spectrum(numc_fft_rfftn(x, NUMC_AXES(0, 1)), NUMC_COMPLEX128, expected, 12 * last, 18, "rfftn of two axes");
        free(expected);
    }
    /* cut and padded along both axes: as one after the other */
    numc_array *x = signal_of(context, NUMC_FLOAT64, NUMC_SHAPE(5, 6));
    numc_array *lines = numc_fft_fft(numc_fft_rfft(x, .n = NUMC_LENGTH(9)), NUMC_AXIS(0), .n = NUMC_LENGTH(3));
    double complex *expected = numbers_of(lines);
    assert_spectrum(numc_fft_rfftn(x, .s = NUMC_SHAPE(3, 9)), NUMC_COMPLEX128, expected, 15, 27, "cut and padded");
    free(expected);
    assert_ok(context);
}

static void round_trips_come_back(void **state)
{
    numc_context *context = *state;
    numc_array *x = signal_of(context, NUMC_COMPLEX64, NUMC_SHAPE(3, 20)), *r = signal_of(context, NUMC_FLOAT32, NUMC_SHAPE(3, 21));
    double complex *complex_values = numbers_of(x), *real_values = numbers_of(r);
    for (int norm = 0; norm < 3; norm++) {
        const numc_fft_norm how = (numc_fft_norm)norm;
        assert_spectrum(numc_fft_ifft(numc_fft_fft(x, .norm = how), .norm = how), NUMC_COMPLEX64, complex_values, 60, 400, "ifft of fft");
        assert_spectrum(numc_fft_irfft(numc_fft_rfft(r, .norm = how), .n = NUMC_LENGTH(21), .norm = how), NUMC_FLOAT32, real_values, 63,
                        441, "irfft of rfft");
        assert_spectrum(numc_fft_hfft(numc_fft_ihfft(r, .norm = how), .n = NUMC_LENGTH(21), .norm = how), NUMC_FLOAT32, real_values, 63,
                        441, "hfft of ihfft");
    }
    free(complex_values);
    free(real_values);
    assert_ok(context);
}

/* Scaling touches both parts alone: inf + 0i divided by n is not inf + NaN i. */
static void infinities_stay_in_their_part(void **state)
{
    numc_context *context = *state;
    double values[2] = {INFINITY, 0};
    numc_array *x = numc_from_host(context, NUMC_COMPLEX128, NUMC_SHAPE(1), values);
    numc_complex_number y = numc_item_complex(numc_fft_ifft(x));
    assert_true(y.re == (double)INFINITY && y.im == 0);
    y = numc_item_complex(numc_index(numc_fft_ifft(x, .n = NUMC_LENGTH(2)), NUMC_AT(0)));
    assert_true(y.re == (double)INFINITY);
    numc_array *nothing = numc_fft_fft(numc_from_host(context, NUMC_COMPLEX128, NUMC_SHAPE(3), (double[6]){NAN}));
    double *parts = values_of(numc_real(nothing));
    assert_true(isnan(parts[0]) && isnan(parts[1]) && isnan(parts[2]));
    free(parts);
    assert_ok(context);
}

static void frequencies_and_shifts(void **state)
{
    numc_context *context = *state;
    assert_values(numc_fft_fftfreq(context, 0, 4, 0.5), 0, 0.5, -1, -0.5);
    assert_values(numc_fft_fftfreq(context, NUMC_FLOAT32, 5, 0.2f * 5), 0, (double)0.2f, (double)0.4f, (double)-0.4f, (double)-0.2f);
    assert_values(numc_fft_fftfreq(context, NUMC_FLOAT64, 1, 2), 0);
    assert_values(numc_fft_fftfreq(context, NUMC_FLOAT64, 2, -1), 0, 0.5);
    assert_values(numc_fft_rfftfreq(context, 0, 4, 0.5), 0, 0.5, 1);
    assert_values(numc_fft_rfftfreq(context, 0, 5, 0.2), 0, 1, 2);
    assert_int_equal(numc_array_dtype(numc_fft_rfftfreq(context, NUMC_FLOAT32, 4, 1)), NUMC_FLOAT32);
    numc_array *x = counting(context, NUMC_INT32, NUMC_SHAPE(5)), *y = counting(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3));
    assert_values(numc_fft_fftshift(x, (numc_axes){0}), 3, 4, 0, 1, 2);
    assert_values(numc_fft_ifftshift(x, (numc_axes){0}), 2, 3, 4, 0, 1);
    assert_values(numc_fft_fftshift(y, (numc_axes){0}), 5, 3, 4, 2, 0, 1);
    assert_values(numc_fft_fftshift(y, NUMC_AXES(1)), 2, 0, 1, 5, 3, 4);
    assert_values(numc_fft_ifftshift(y, NUMC_AXES(-2)), 3, 4, 5, 0, 1, 2);
    assert_values(numc_fft_ifftshift(numc_fft_fftshift(y, (numc_axes){0}), (numc_axes){0}), 0, 1, 2, 3, 4, 5);
    assert_values(numc_fft_fftshift(y, NUMC_NO_AXES), 0, 1, 2, 3, 4, 5);
    assert_ok(context);
    assert_null(numc_fft_fftfreq(context, 0, 0, 1));
    assert_error(context, NUMC_VALUE, "numc_fft_fftfreq: the length n is 0, not 1 at least");
    assert_null(numc_fft_rfftfreq(context, 0, 3, 0));
    assert_error(context, NUMC_VALUE, "numc_fft_rfftfreq: the distance d");
    assert_null(numc_fft_fftfreq(context, NUMC_INT32, 3, 1));
    assert_error(context, NUMC_DTYPE, "not int32");
    assert_null(numc_fft_fftshift(y, NUMC_AXES(2)));
    assert_error(context, NUMC_INDEX, "numc_fft_fftshift");
}

static void nothing_is_transformed_too(void **state)
{
    numc_context *context = *state;
    numc_array *none = numc_zeros(context, NUMC_FLOAT32, NUMC_SHAPE(0, 6));
    assert_shape(numc_fft_fft(none), 2, (const int64_t[]){0, 6});
    assert_shape(numc_fft_rfft(none, .norm = NUMC_FFT_ORTHO), 2, (const int64_t[]){0, 4});
    assert_shape(numc_fft_irfft(none, .n = NUMC_LENGTH(9)), 2, (const int64_t[]){0, 9});
    assert_shape(numc_fft_fftn(none, NUMC_AXES(1)), 2, (const int64_t[]){0, 6});
    assert_shape(numc_fft_rfft(none, NUMC_AXIS(0), .n = NUMC_LENGTH(4)), 2, (const int64_t[]){3, 6}); /* zeros alone */
    assert_int_equal(numc_array_dtype(numc_fft_fft(none)), NUMC_COMPLEX64);
    numc_array *x = signal_of(context, NUMC_COMPLEX128, NUMC_SHAPE(4));
    double complex *same = numbers_of(x);
    assert_spectrum(numc_fft_fftn(x, NUMC_NO_AXES), NUMC_COMPLEX128, same, 4, 1, "no axes");
    free(same);
    assert_ok(context);
}

static void what_cannot_be_transformed_is_refused(void **state)
{
    numc_context *context = *state;
    numc_array *x = signal_of(context, NUMC_FLOAT64, NUMC_SHAPE(3, 4)), *z = signal_of(context, NUMC_COMPLEX64, NUMC_SHAPE(3, 4));
    numc_array *number = numc_number(context, NUMC_FLOAT64, 1.5), *none = numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2, 0));
#define REFUSED(call, status, text)                                                                \
    do {                                                                                           \
        assert_null(call);                                                                         \
        assert_error(context, status, text);                                                       \
    } while (0)
    REFUSED(numc_fft_fft(number), NUMC_SHAPE, "numc_fft_fft: a 0-d array has no axis");
    REFUSED(numc_fft_irfftn(number), NUMC_SHAPE, "numc_fft_irfftn: a 0-d array has no axis");
    REFUSED(numc_fft_fft(x, .n = NUMC_LENGTH(0)), NUMC_VALUE, "numc_fft_fft: the length n is 0, not 1 at least");
    REFUSED(numc_fft_rfft(none), NUMC_VALUE, "numc_fft_rfft: the length n is 0");
    REFUSED(numc_fft_irfft(x, NUMC_AXIS(1), .n = NUMC_LENGTH(-3)), NUMC_VALUE, "n is -3");
    REFUSED(numc_fft_irfft(numc_index(x, NUMC_ALL, NUMC_SLICE(0, 1))), NUMC_VALUE, "n is 0");
    REFUSED(numc_fft_fftn(x, .s = NUMC_SHAPE(3, 0)), NUMC_VALUE, "numc_fft_fftn: the length n is 0");
    REFUSED(numc_fft_fftn(x, .s = NUMC_SHAPE(3, -2)), NUMC_VALUE, "n is -2");
    REFUSED(numc_fft_fft(x, NUMC_AXIS(2)), NUMC_INDEX, "numc_fft_fft");
    REFUSED(numc_fft_fftn(x, NUMC_AXES(0, -3)), NUMC_INDEX, "numc_fft_fftn");
    REFUSED(numc_fft_fftn(x, NUMC_AXES(0), .s = NUMC_SHAPE(3, 4)), NUMC_SHAPE, "numc_fft_fftn: 2 lengths for 1 axes");
    REFUSED(numc_fft_fftn(x, .s = NUMC_SHAPE(3, 4, 5)), NUMC_SHAPE, "numc_fft_fftn: 3 axes of an array of rank 2");
    REFUSED(numc_fft_rfftn(x, NUMC_NO_AXES), NUMC_INVALID_ARGUMENT, "numc_fft_rfftn: there is no axis");
    REFUSED(numc_fft_rfft(z), NUMC_DTYPE, "numc_fft_rfft: the array must be real, not complex64");
    REFUSED(numc_fft_ihfft(z), NUMC_DTYPE, "numc_fft_ihfft: the array must be real");
    REFUSED(numc_fft_rfftn(z), NUMC_DTYPE, "numc_fft_rfftn: the array must be real");
    REFUSED(numc_fft_fft(x, .norm = (numc_fft_norm)3), NUMC_INVALID_ARGUMENT, "numc_fft_fft: norm 3");
    REFUSED(numc_fft_fft(x, .n = {5, false}), NUMC_INVALID_ARGUMENT, "write NUMC_LENGTH(5)");
    REFUSED(numc_fft_fft(x, .axis = {1, false}), NUMC_INVALID_ARGUMENT, "write NUMC_AXIS(1)");
    assert_null(numc_fft_fft(NULL));
    numc_error_clear(context);
}

/* Compiled: the same numbers, since the slots are the same; scaling rounds once in both. */
static void trace(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count,
                  void *user)
{
    (void)context, (void)input_count, (void)output_count, (void)user;
    numc_array *y = numc_fft_fftn(numc_fft_ifft(in[0], NUMC_AXIS(0), .n = NUMC_LENGTH(5)), .norm = NUMC_FFT_FORWARD);
    numc_array *h = numc_fft_rfft(in[1], .n = NUMC_LENGTH(9), .norm = NUMC_FFT_ORTHO);
    out[0] = numc_multiply(y, y);
    out[1] = h;
    out[2] = numc_fft_irfft(numc_multiply(h, numc_conj(h)), .n = NUMC_LENGTH(7));
    out[3] = numc_fft_hfft(numc_fft_fftshift(y, (numc_axes){0}), NUMC_AXIS(0));
    out[4] = numc_fft_ihfft(numc_matrix_transpose(in[1]));
}

static void compiled_functions_give_the_same(void **state)
{
    numc_context *context = *state;
    const numc_array *in[2] = {signal_of(context, NUMC_COMPLEX128, NUMC_SHAPE(4, 6)), signal_of(context, NUMC_FLOAT32, NUMC_SHAPE(3, 8))};
    numc_array *eager[5], *traced[5];
    trace(context, in, 2, eager, 5, NULL);
    assert_ok(context);
    numc_function *function = numc_function_trace(context, trace, NULL, in, 2, 5);
    numc_function_call(context, function, in, 2, traced, 5);
    assert_ok(context);
    for (int i = 0; i < 5; i++) {
        double complex *expected = numbers_of(eager[i]);
        assert_int_equal(numc_array_rank(traced[i]), numc_array_rank(eager[i]));
        assert_spectrum(traced[i], numc_array_dtype(eager[i]), expected, numc_array_size(eager[i]), 64, "compiled");
        free(expected);
    }
    numc_function_free(function);
}

/* Lanes of one device share its plans: more lengths than it keeps, in another order in each thread. */
enum { THREADS = 4, LENGTHS = 60 };
typedef struct worker {
    numc_context *lane;
    int first;
    double worst; /* of a round trip, over the bound */
    numc_status status;
} worker;

static void *transform_many(void *user)
{
    worker *w = user;
    double x[2 * LENGTHS], y[2 * LENGTHS];
    for (int i = 0; i < LENGTHS; i++) {
        const int64_t n = 1 + (w->first + (w->first % 2 != 0 ? i : LENGTHS - i)) % LENGTHS;
        double error = 0, norm = 0;
        for (int64_t k = 0; k < 2 * n; k++)
            x[k] = cos(0.7 * (double)(k * k));
        numc_scope(w->lane) {
            const numc_array *given = numc_from_host(w->lane, NUMC_COMPLEX128, NUMC_SHAPE(n), x);
            (void)numc_to_host(numc_fft_ifft(numc_fft_fft(given)), NUMC_COMPLEX128, y, (size_t)n * 2 * sizeof *y);
        }
        for (int64_t k = 0; k < 2 * n; k++) {
            error += (x[k] - y[k]) * (x[k] - y[k]);
            norm += x[k] * x[k];
        }
        const double ratio = sqrt(error / norm) / (2 * bound(NUMC_FLOAT64, n));
        w->worst = !(ratio <= w->worst) ? ratio : w->worst;
    }
    w->status = numc_error_status(w->lane);
    return NULL;
}

static void lanes_share_plans(void **state)
{
    numc_context *context = *state;
    worker workers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){.lane = numc_lane(context), .first = 17 * i};
        assert_non_null(workers[i].lane);
        assert_int_equal(pthread_create(&threads[i], NULL, transform_many, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(workers[i].status, NUMC_OK);
        assert_true(workers[i].worst <= 1.0);
        numc_close(workers[i].lane);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_are_sums),
        TEST(default_lengths_are_those_of_the_axis),
        TEST(layouts_do_not_matter),
        TEST(boxes_are_lines_along_every_axis),
        TEST(real_boxes_are_halves_of_complex_ones),
        TEST(round_trips_come_back),
        TEST(infinities_stay_in_their_part),
        TEST(frequencies_and_shifts),
        TEST(nothing_is_transformed_too),
        TEST(what_cannot_be_transformed_is_refused),
        TEST(compiled_functions_give_the_same),
        TEST(lanes_share_plans),
    };
    return cmocka_run_group_tests_name("array_fft", tests, NULL, NULL);
}
