/* factor.c - QR, Hermitian and general eigenvalues, singular values; batched over leading axes, any strides, every float and
 * complex dtype.
 *
 * One algorithm each, in complex float64 whatever the dtype: real input keeps zero imaginary parts through reflections and
 * rotations, so nothing is written twice. Slow and plain: the definition other backends are compared with. Errors are a
 * modest multiple of n eps times the norm of the matrix. */
#include <complex.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "ref/ref.h"

typedef double complex number;

/* re + i im, exactly: not every compiler has C11's macro for it. */
static number number_of(double re, double im)
{
    const union {
        double parts[2];
        number value;
    } made = {{re, im}};
    return made.value;
}

/* Stored by columns, without gaps. */
typedef struct matrix {
    number *at;
    int64_t rows, columns;
} matrix;
#define E(m, i, j) ((m).at[(j) * (m).rows + (i)])

enum { ITERATIONS = 60, SWEEPS = 60 }; /* per eigenvalue, and in all; 2 or 3, and 6 to 10, are usual */

/* ---- views --------------------------------------------------------------------------------------------------------------- */

static number get(const numc_view *view, int64_t position)
{
    const void *at = numc_ref_at(view, position);
    switch (view->dtype) {
    case NUMC_FLOAT32: return *(const float *)at;
    case NUMC_FLOAT64: return *(const double *)at;
    case NUMC_COMPLEX64: return number_of(((const float *)at)[0], ((const float *)at)[1]);
    default: return number_of(((const double *)at)[0], ((const double *)at)[1]);
    }
}

static void put(const numc_view *view, int64_t position, number value)
{
    void *at = numc_ref_at(view, position);
    switch (view->dtype) {
    case NUMC_FLOAT32: *(float *)at = (float)creal(value); break;
    case NUMC_FLOAT64: *(double *)at = creal(value); break;
    case NUMC_COMPLEX64:
        ((float *)at)[0] = (float)creal(value);
        ((float *)at)[1] = (float)cimag(value);
        break;
    default:
        ((double *)at)[0] = creal(value);
        ((double *)at)[1] = cimag(value);
        break;
    }
}

static int64_t element(const numc_view *view, int32_t batch, int64_t entry, int64_t i, int64_t j)
{
    return numc_ref_position(view, batch, entry) + i * view->strides[batch] + j * view->strides[batch + 1];
}

static bool is_finite(number x)
{
    return isfinite(creal(x)) && isfinite(cimag(x));
}

static number scaled(number x, int exponent)
{
    return number_of(scalbn(creal(x), exponent), scalbn(cimag(x), exponent));
}

static double square(number x)
{
    return creal(x) * creal(x) + cimag(x) * cimag(x);
}

/* Larger of |re| and |im|. */
static double size_of(number x)
{
    return fmax(fabs(creal(x)), fabs(cimag(x)));
}

/* A matrix of the batch; false where an element is not finite. */
static bool load(matrix m, const numc_view *a, int32_t batch, int64_t entry)
{
    bool good = true;
    for (int64_t j = 0; j < m.columns; j++)
        for (int64_t i = 0; i < m.rows; i++) {
            E(m, i, j) = get(a, element(a, batch, entry, i, j));
            good = good && is_finite(E(m, i, j));
        }
    return good;
}

/* m into a view of its shape; `times` 2^exponent. */
static void store(matrix m, const numc_view *to, int32_t batch, int64_t entry, int exponent)
{
    for (int64_t i = 0; i < to->shape[batch]; i++)
        for (int64_t j = 0; j < to->shape[batch + 1]; j++)
            put(to, element(to, batch, entry, i, j), scaled(E(m, i, j), exponent));
}

static void fill_nan(const numc_view *to, int32_t batch, int64_t entry)
{
    if (to == NULL)
        return;
    int32_t axes = to->rank - batch;
    int64_t columns = axes > 1 ? to->shape[batch + 1] : 1;
    for (int64_t i = 0; i < to->shape[batch]; i++)
        for (int64_t j = 0; j < columns; j++)
            put(to, numc_ref_position(to, batch, entry) + i * to->strides[batch] + (axes > 1 ? j * to->strides[batch + 1] : 0),
                number_of(NAN, to->dtype >= NUMC_COMPLEX64 ? NAN : 0.0));
}

/* Brings the largest part near 1, by 2^-exponent; returns the exponent. */
static int scale(matrix m)
{
    double largest = 0.0;
    int exponent = 0;
    for (int64_t i = 0; i < m.rows * m.columns; i++)
        largest = fmax(largest, size_of(m.at[i]));
    if (largest == 0.0)
        return 0;
    (void)frexp(largest, &exponent);
    for (int64_t i = 0; i < m.rows * m.columns; i++)
        m.at[i] = scaled(m.at[i], -exponent);
    return exponent;
}

static void identity(matrix m)
{
    for (int64_t j = 0; j < m.columns; j++)
        for (int64_t i = 0; i < m.rows; i++)
            E(m, i, j) = i == j;
}

/* ---- reflections --------------------------------------------------------------------------------------------------------- */

/* H = I - tau v v' with v[0] = 1 such that H' x = beta e_0, beta real and of the sign opposite to re x[0]; v takes x's place.
 * x is scaled, so that columns of any size are treated alike. tau = 0 where x is a real multiple of e_0. */
static number reflector(number *x, int64_t n, double *beta)
{
    double rest = fabs(cimag(x[0])), sum = 0.0;
    int exponent;
    for (int64_t i = 1; i < n; i++)
        rest = fmax(rest, size_of(x[i]));
    *beta = creal(x[0]);
    if (rest == 0.0) {
        x[0] = 1.0;
        return 0.0;
    }
    (void)frexp(fmax(rest, fabs(creal(x[0]))), &exponent);
    for (int64_t i = 0; i < n; i++) {
        x[i] = scaled(x[i], -exponent);
        sum += square(x[i]);
    }
    double length = copysign(sqrt(sum), -creal(x[0]));
    number first = x[0], pivot = first - length;
    for (int64_t i = 1; i < n; i++)
        x[i] /= pivot;
    x[0] = 1.0;
    *beta = scalbn(length, exponent);
    return (length - first) / length;
}

/* (I - tau v v') m, on rows from `row` and columns from `column`. */
static void reflect_rows(matrix m, int64_t row, int64_t column, const number *v, number tau)
{
    int64_t n = m.rows - row;
    if (tau == 0.0)
        return;
    for (int64_t j = column; j < m.columns; j++) {
        number *x = &E(m, row, j), sum = 0.0;
        for (int64_t i = 0; i < n; i++)
            sum += conj(v[i]) * x[i];
        sum *= tau;
        for (int64_t i = 0; i < n; i++)
            x[i] -= v[i] * sum;
    }
}

/* m (I - tau v v'), on rows from `row` and columns from `column`. */
static void reflect_columns(matrix m, int64_t row, int64_t column, const number *v, number tau)
{
    int64_t n = m.columns - column;
    if (tau == 0.0)
        return;
    for (int64_t i = row; i < m.rows; i++) {
        number sum = 0.0;
        for (int64_t j = 0; j < n; j++)
            sum += E(m, i, column + j) * v[j];
        sum *= tau;
        for (int64_t j = 0; j < n; j++)
            E(m, i, column + j) -= sum * conj(v[j]);
    }
}

/* ---- QR ------------------------------------------------------------------------------------------------------------------ */

/* m becomes R above its diagonal, the diagonal in beta, and the v_k below: A = H_0 H_1 .. R. */
static void qr_reduce(matrix m, number *tau, double *beta)
{
    for (int64_t k = 0; k < m.rows && k < m.columns; k++) {
        tau[k] = reflector(&E(m, k, k), m.rows - k, &beta[k]);
        reflect_rows(m, k, k + 1, &E(m, k, k), conj(tau[k]));
    }
}

/* q = the first columns of H_0 H_1 ... */
static void qr_expand(matrix m, const number *tau, matrix q)
{
    identity(q);
    for (int64_t k = (m.rows < m.columns ? m.rows : m.columns) - 1; k >= 0; k--)
        reflect_rows(q, k, k, &E(m, k, k), tau[k]);
}

/* ---- symmetric tridiagonal matrices -------------------------------------------------------------------------------------- */

/* a = Q T Q', T real: d its diagonal, e what is beside it. q may have no columns: not wanted. */
static void tridiagonalise(matrix a, double *d, double *e, number *tau, matrix q)
{
    int64_t n = a.rows;
    for (int64_t k = 0; k < n; k++) {
        d[k] = creal(E(a, k, k));
        if (k + 1 == n)
            break;
        number *v = &E(a, k + 1, k);
        tau[k] = reflector(v, n - k - 1, &e[k]);
        reflect_rows(a, k + 1, k + 1, v, conj(tau[k]));
        reflect_columns(a, k + 1, k + 1, v, tau[k]);
    }
    identity(q);
    for (int64_t k = n - 2; k >= 0 && q.columns > 0; k--)
        reflect_rows(q, k + 1, k + 1, &E(a, k + 1, k), tau[k]);
}

/* Implicit QR with Wilkinson's shift (Golub and Van Loan, 8.3.2): rotations in the planes (k, k + 1) chase the entry that the first
 * one makes off the band. d becomes the eigenvalues, in no order; q is multiplied by the rotations. */
static bool tridiagonal_qr(int64_t n, double *d, double *e, matrix q)
{
    int64_t budget = ITERATIONS * n;
    for (int64_t high = n - 1; high > 0;) {
        int64_t low = high;
        while (low > 0 && fabs(e[low - 1]) > DBL_EPSILON * (fabs(d[low - 1]) + fabs(d[low])) + DBL_MIN)
            low--;
        if (low > 0)
            e[low - 1] = 0.0;
        if (low == high) {
            high--;
            continue;
        }
        if (budget-- == 0)
            return false;
        double half = (d[high - 1] - d[high]) / 2.0, corner = e[high - 1];
        double shift = d[high] - corner * (corner / (half + copysign(hypot(half, corner), half)));
        double x = d[low] - shift, z = e[low];
        for (int64_t k = low; k < high; k++) {
            double r = hypot(x, z), c = r == 0.0 ? 1.0 : x / r, s = r == 0.0 ? 0.0 : z / r;
            double a = d[k], b = e[k], f = d[k + 1];
            if (k > low)
                e[k - 1] = r;
            d[k] = c * c * a + 2.0 * c * s * b + s * s * f;
            d[k + 1] = s * s * a - 2.0 * c * s * b + c * c * f;
            e[k] = c * s * (f - a) + (c * c - s * s) * b;
            if (k + 1 < high) {
                x = e[k];
                z = s * e[k + 1];
                e[k + 1] *= c;
            }
            for (int64_t i = 0; q.columns > 0 && i < n; i++) {
                number left = E(q, i, k), right = E(q, i, k + 1);
                E(q, i, k) = c * left + s * right;
                E(q, i, k + 1) = c * right - s * left;
            }
        }
    }
    return true;
}

/* order: 0 .. n - 1 so that values ascend (times sign), equal ones in place. Insertion: n is small, or the rest costs more. */
static void sort_order(const double *values, double sign, int64_t *order, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t k = i;
        for (; k > 0 && sign * values[order[k - 1]] > sign * values[i]; k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
}

/* ---- general eigenvalues ------------------------------------------------------------------------------------------------- */

/* a = Z H Z', H upper Hessenberg, in a's place. */
static void hessenberg(matrix a, number *tau, matrix z)
{
    int64_t n = a.rows;
    double beta;
    for (int64_t k = 0; k + 2 < n; k++) {
        number *v = &E(a, k + 1, k);
        tau[k] = reflector(v, n - k - 1, &beta);
        reflect_rows(a, k + 1, k + 1, v, conj(tau[k]));
        reflect_columns(a, 0, k + 1, v, tau[k]);
        tau[n + k] = beta;
    }
    identity(z);
    for (int64_t k = n - 3; k >= 0; k--) {
        number *v = &E(a, k + 1, k);
        if (z.columns > 0)
            reflect_rows(z, k + 1, k + 1, v, tau[k]);
        v[0] = tau[n + k];
        for (int64_t i = 1; i < n - k - 1; i++)
            v[i] = 0.0;
    }
}

/* Single-shift QR: H becomes upper triangular, H <- G H G' for rotations G = [c s; -s' c] of rows k, k + 1, c real, with which
 * z G' accumulates. The shift is the eigenvalue of the last two rows and columns that is nearer to their corner; every tenth
 * time another one, which breaks cycles. */
static bool hessenberg_qr(matrix h, matrix z)
{
    int64_t n = h.rows, budget = ITERATIONS * n, stuck = 0;
    for (int64_t high = n - 1; high > 0;) {
        int64_t low = high;
        while (low > 0) {
            double around = size_of(E(h, low - 1, low - 1)) + size_of(E(h, low, low));
            if (size_of(E(h, low, low - 1)) <= DBL_EPSILON * around + DBL_MIN / DBL_EPSILON)
                break;
            low--;
        }
        if (low > 0)
            E(h, low, low - 1) = 0.0;
        if (low == high) {
            high--;
            stuck = 0;
            continue;
        }
        if (budget-- == 0)
            return false;
        number corner = E(h, high, high), side = E(h, high, high - 1) * E(h, high - 1, high), shift = corner;
        number half = (E(h, high - 1, high - 1) - corner) / 2.0, root = csqrt(half * half + side);
        if (creal(half) * creal(root) + cimag(half) * cimag(root) < 0.0)
            root = -root;
        if (side != 0.0)
            shift = corner - side / (half + root);
        if (++stuck % 10 == 0)
            shift = corner + 0.75 * cabs(E(h, high, high - 1));
        number x = E(h, low, low) - shift, y = E(h, low + 1, low);
        for (int64_t k = low; k < high; k++) {
            double length = hypot(cabs(x), cabs(y)), c = 1.0;
            number s = 0.0;
            if (length > 0.0 && x == 0.0) {
                c = 0.0;
                s = conj(y) / cabs(y);
            } else if (length > 0.0) {
                c = cabs(x) / length;
                s = x / cabs(x) * (conj(y) / length);
            }
            for (int64_t j = k > low ? k - 1 : low; j < n; j++) {
                number above = E(h, k, j), below = E(h, k + 1, j);
                E(h, k, j) = c * above + s * below;
                E(h, k + 1, j) = c * below - conj(s) * above;
            }
            for (int64_t i = 0; i <= (k + 2 < high ? k + 2 : high); i++) {
                number left = E(h, i, k), right = E(h, i, k + 1);
                E(h, i, k) = c * left + conj(s) * right;
                E(h, i, k + 1) = c * right - s * left;
            }
            for (int64_t i = 0; z.columns > 0 && i < n; i++) {
                number left = E(z, i, k), right = E(z, i, k + 1);
                E(z, i, k) = c * left + conj(s) * right;
                E(z, i, k + 1) = c * right - s * left;
            }
            if (k > low)
                E(h, k + 1, k - 1) = 0.0;
            if (k + 1 < high) {
                x = E(h, k + 1, k);
                y = E(h, k + 2, k);
            }
        }
    }
    return true;
}

/* Column k of `vectors`: z x with (T - t_kk) x = 0, x_k = 1, norm 1 and its largest element real. A difference of eigenvalues
 * below eps |T| counts as that: where eigenvectors are missing, the one there is comes out again. */
static void triangular_vectors(matrix t, matrix z, number *x, matrix vectors)
{
    int64_t n = t.rows;
    double norm = 0.0;
    for (int64_t i = 0; i < n * n; i++)
        norm = fmax(norm, size_of(t.at[i]));
    double least = fmax(DBL_EPSILON * norm, DBL_MIN / DBL_EPSILON);
    for (int64_t k = 0; k < n; k++) {
        x[k] = 1.0;
        for (int64_t i = k - 1; i >= 0; i--) {
            number sum = E(t, i, k) * x[k], apart = E(t, k, k) - E(t, i, i);
            for (int64_t j = i + 1; j < k; j++)
                sum += E(t, i, j) * x[j];
            if (size_of(apart) < least)
                apart = least;
            x[i] = sum / apart;
            if (size_of(x[i]) > 0x1p300)
                for (int64_t j = i; j <= k; j++)
                    x[j] = scaled(x[j], -600);
        }
        double largest = 0.0, sum = 0.0;
        int exponent;
        number turn = 1.0;
        for (int64_t j = 0; j <= k; j++)
            largest = fmax(largest, size_of(x[j]));
        (void)frexp(largest, &exponent);
        for (int64_t i = 0; i < n; i++) {
            number value = 0.0;
            for (int64_t j = 0; j <= k; j++)
                value += E(z, i, j) * scaled(x[j], -exponent);
            E(vectors, i, k) = value;
            sum += square(value);
        }
        largest = 0.0;
        for (int64_t i = 0; i < n; i++)
            if (square(E(vectors, i, k)) > largest) {
                largest = square(E(vectors, i, k));
                turn = conj(E(vectors, i, k)) / sqrt(largest);
            }
        for (int64_t i = 0; i < n; i++)
            E(vectors, i, k) *= turn / sqrt(sum);
    }
}

/* ---- singular values ----------------------------------------------------------------------------------------------------- */

static double length_of(const number *x, int64_t n)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += square(x[i]);
    return sqrt(sum);
}

/* Columns of w shorter than this, beside a largest element near 1, count as zero: rounding leaves such where the rank is less, and
 * to turn them on would never end. */
#define NOTHING 1e-30

/* One-sided Jacobi (Hestenes): rotates pairs of columns of w, and of v, until the columns of w = a v are orthogonal to
 * (8 + sqrt(rows)) eps of their lengths. */
static bool orthogonalise(matrix w, matrix v)
{
    const double tolerance = (8.0 + sqrt((double)w.rows)) * DBL_EPSILON;
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        bool turned = false;
        for (int64_t p = 0; p < w.columns; p++)
            for (int64_t q = p + 1; q < w.columns; q++) {
                number *x = &E(w, 0, p), *y = &E(w, 0, q), inner = 0.0;
                double left = 0.0, right = 0.0;
                for (int64_t i = 0; i < w.rows; i++) {
                    left += square(x[i]);
                    right += square(y[i]);
                    inner += conj(x[i]) * y[i];
                }
                double size = cabs(inner);
                if (size <= tolerance * sqrt(left) * sqrt(right) || fmin(left, right) < NOTHING * NOTHING)
                    continue;
                turned = true;
                double zeta = (right - left) / (2.0 * size), t = copysign(1.0, zeta) / (fabs(zeta) + hypot(1.0, zeta));
                double c = 1.0 / hypot(1.0, t), s = c * t;
                number phase = conj(inner) / size;
                for (int64_t i = 0; i < w.rows; i++) {
                    number one = x[i], two = phase * y[i];
                    x[i] = c * one - s * two;
                    y[i] = s * one + c * two;
                }
                for (int64_t i = 0; i < v.rows; i++) {
                    number one = E(v, i, p), two = phase * E(v, i, q);
                    E(v, i, p) = c * one - s * two;
                    E(v, i, q) = s * one + c * two;
                }
            }
        if (!turned)
            return true;
    }
    return false;
}

/* ---- work memory --------------------------------------------------------------------------------------------------------- */

typedef struct work {
    const numc_host *host;
    char *memory, *next;
    size_t size;
} work;

/* Room for `count` numbers, taken in pieces by take(). */
static int32_t work_open(work *w, const numc_host *host, int64_t count)
{
    *w = (work){.host = host, .size = (size_t)count * sizeof(number)};
    w->memory = w->next = numc_ref_allocate(host, w->size);
    return w->memory != NULL ? NUMC_OK : numc_ref_fail(host, NUMC_MEMORY, "out of memory for a factorisation");
}

static void *take(work *w, int64_t count)
{
    void *at = w->next;
    w->next += (size_t)count * sizeof(number);
    return at;
}

static matrix take_matrix(work *w, int64_t rows, int64_t columns)
{
    return (matrix){take(w, rows * columns), rows, columns};
}

static void work_close(work *w)
{
    numc_ref_free(w->host, w->memory, w->size);
}

static uint32_t component(uint32_t dtype)
{
    return dtype == NUMC_COMPLEX64 ? NUMC_FLOAT32 : dtype == NUMC_COMPLEX128 ? NUMC_FLOAT64 : dtype;
}

static uint32_t complex_of(uint32_t dtype)
{
    return dtype == NUMC_FLOAT32 ? NUMC_COMPLEX64 : dtype == NUMC_FLOAT64 ? NUMC_COMPLEX128 : dtype;
}

/* An output of the batch's leading axes, of `axes` more with these extents. */
static bool fits(const numc_view *view, const numc_view *a, uint32_t dtype, int32_t axes, int64_t rows, int64_t columns)
{
    int32_t batch = a->rank - 2;
    if (view->rank != batch + axes || view->dtype != dtype || view->shape[batch] != rows ||
        (axes > 1 && view->shape[batch + 1] != columns))
        return false;
    for (int32_t d = 0; d < batch; d++)
        if (view->shape[d] != a->shape[d])
            return false;
    return true;
}

static int32_t admit(numc_device *device, const numc_view *a, bool square)
{
    if (a->rank < 2 || (square && a->shape[a->rank - 1] != a->shape[a->rank - 2]))
        return numc_ref_fail(device->host, NUMC_INVALID_ARGUMENT, "a factorisation needs (square) matrices");
    if (a->dtype < NUMC_FLOAT32 || a->dtype > NUMC_COMPLEX128)
        return numc_ref_fail(device->host, NUMC_UNSUPPORTED, "factorisations need a float or complex dtype");
    return NUMC_OK;
}

static int32_t misfit(numc_device *device, const char *message)
{
    return numc_ref_fail(device->host, NUMC_INVALID_ARGUMENT, message);
}

/* ---- slots --------------------------------------------------------------------------------------------------------------- */

int32_t numc_ref_qr(numc_device *device, const numc_view *a, const numc_view *q, const numc_view *r)
{
    int32_t status = admit(device, a, false), batch = a->rank - 2;
    if (status != NUMC_OK)
        return status;
    int64_t m = a->shape[batch], n = a->shape[batch + 1], least = m < n ? m : n;
    int64_t middle = q->rank == a->rank ? q->shape[batch + 1] : -1;
    if ((middle != least && middle != m) || !fits(q, a, a->dtype, 2, m, middle) || !fits(r, a, a->dtype, 2, middle, n))
        return misfit(device, "qr: views do not fit");
    work w;
    status = work_open(&w, device->host, m * n + m * middle + 2 * least);
    if (status != NUMC_OK)
        return status;
    matrix x = take_matrix(&w, m, n), y = take_matrix(&w, m, middle);
    number *tau = take(&w, least);
    double *beta = take(&w, least);
    int64_t count = numc_ref_count(a, batch);
    for (int64_t entry = 0; entry < count; entry++) {
        if (!load(x, a, batch, entry)) {
            fill_nan(q, batch, entry);
            fill_nan(r, batch, entry);
            continue;
        }
        qr_reduce(x, tau, beta);
        qr_expand(x, tau, y);
        store(y, q, batch, entry, 0);
        for (int64_t i = 0; i < middle; i++)
            for (int64_t j = 0; j < n; j++)
                put(r, element(r, batch, entry, i, j), j < i ? 0.0 : j == i ? beta[i] : E(x, i, j));
    }
    work_close(&w);
    return NUMC_OK;
}

int32_t numc_ref_eigh(numc_device *device, const numc_view *a, const numc_view *values, const numc_view *vectors)
{
    int32_t status = admit(device, a, true), batch = a->rank - 2;
    if (status != NUMC_OK)
        return status;
    int64_t n = a->shape[batch];
    if (!fits(values, a, component(a->dtype), 1, n, 0) || (vectors != NULL && !fits(vectors, a, a->dtype, 2, n, n)))
        return misfit(device, "eigh: views do not fit");
    work w;
    status = work_open(&w, device->host, 2 * n * n + 4 * n);
    if (status != NUMC_OK)
        return status;
    matrix x = take_matrix(&w, n, n), q = take_matrix(&w, n, n);
    number *tau = take(&w, n);
    double *d = take(&w, n), *e = take(&w, n);
    int64_t *order = take(&w, n), count = numc_ref_count(a, batch);
    q.columns = vectors != NULL ? n : 0;
    for (int64_t entry = 0; entry < count; entry++) {
        bool good = true;
        for (int64_t j = 0; j < n; j++)
            for (int64_t i = j; i < n; i++) {
                number value = get(a, element(a, batch, entry, i, j));
                good = good && (i == j ? isfinite(creal(value)) : is_finite(value));
                E(x, i, j) = i == j ? creal(value) : value;
                E(x, j, i) = conj(E(x, i, j));
            }
        int exponent = good ? scale(x) : 0;
        if (good) {
            tridiagonalise(x, d, e, tau, q);
            good = tridiagonal_qr(n, d, e, q);
        }
        if (!good) {
            fill_nan(values, batch, entry);
            fill_nan(vectors, batch, entry);
            continue;
        }
        sort_order(d, 1.0, order, n);
        for (int64_t k = 0; k < n; k++) {
            put(values, numc_ref_position(values, batch, entry) + k * values->strides[batch], scalbn(d[order[k]], exponent));
            for (int64_t i = 0; vectors != NULL && i < n; i++)
                put(vectors, element(vectors, batch, entry, i, k), E(q, i, order[k]));
        }
    }
    work_close(&w);
    return NUMC_OK;
}

int32_t numc_ref_eig(numc_device *device, const numc_view *a, const numc_view *values, const numc_view *vectors)
{
    int32_t status = admit(device, a, true), batch = a->rank - 2;
    if (status != NUMC_OK)
        return status;
    int64_t n = a->shape[batch];
    uint32_t dtype = complex_of(a->dtype);
    if (!fits(values, a, dtype, 1, n, 0) || (vectors != NULL && !fits(vectors, a, dtype, 2, n, n)))
        return misfit(device, "eig: views do not fit");
    work w;
    status = work_open(&w, device->host, 3 * n * n + 3 * n);
    if (status != NUMC_OK)
        return status;
    matrix x = take_matrix(&w, n, n), z = take_matrix(&w, n, n), y = take_matrix(&w, n, n);
    number *tau = take(&w, 2 * n), *column = take(&w, n);
    int64_t count = numc_ref_count(a, batch);
    z.columns = vectors != NULL ? n : 0;
    for (int64_t entry = 0; entry < count; entry++) {
        bool good = load(x, a, batch, entry);
        int exponent = good ? scale(x) : 0;
        if (good) {
            hessenberg(x, tau, z);
            good = hessenberg_qr(x, z);
        }
        if (!good) {
            fill_nan(values, batch, entry);
            fill_nan(vectors, batch, entry);
            continue;
        }
        for (int64_t k = 0; k < n; k++)
            put(values, numc_ref_position(values, batch, entry) + k * values->strides[batch], scaled(E(x, k, k), exponent));
        if (vectors != NULL) {
            triangular_vectors(x, z, column, y);
            store(y, vectors, batch, entry, 0);
        }
    }
    work_close(&w);
    return NUMC_OK;
}

int32_t numc_ref_svd(numc_device *device, const numc_view *a, const numc_view *u, const numc_view *s, const numc_view *vh)
{
    int32_t status = admit(device, a, false), batch = a->rank - 2;
    if (status != NUMC_OK)
        return status;
    int64_t m = a->shape[batch], n = a->shape[batch + 1], k = m < n ? m : n, most = m < n ? n : m;
    bool vectors = u != NULL;
    bool full = vectors && vh != NULL && m != n && fits(u, a, a->dtype, 2, m, m) && fits(vh, a, a->dtype, 2, n, n);
    if (vectors != (vh != NULL) || !fits(s, a, component(a->dtype), 1, k, 0))
        return misfit(device, "svd: views do not fit");
    if (vectors && (!fits(u, a, a->dtype, 2, m, full ? m : k) || !fits(vh, a, a->dtype, 2, full ? n : k, n)))
        return misfit(device, "svd: views do not fit");
    work w;
    status = work_open(&w, device->host, 2 * most * k + k * k + 4 * k + (full ? most * most : most * k));
    if (status != NUMC_OK)
        return status;
    /* tall: the matrix itself, or its adjoint; x v = (sorted columns) s */
    matrix x = take_matrix(&w, most, k), v = take_matrix(&w, k, k), sorted = take_matrix(&w, most, k);
    matrix side = take_matrix(&w, most, full ? most : k);
    number *tau = take(&w, k);
    double *beta = take(&w, k), *lengths = take(&w, k);
    int64_t *order = take(&w, k), count = numc_ref_count(a, batch);
    v.rows = vectors ? k : 0;
    for (int64_t entry = 0; entry < count; entry++) {
        bool good = true;
        for (int64_t j = 0; j < k; j++)
            for (int64_t i = 0; i < most; i++) {
                number value = get(a, m < n ? element(a, batch, entry, j, i) : element(a, batch, entry, i, j));
                good = good && is_finite(value);
                E(x, i, j) = m < n ? conj(value) : value;
            }
        int exponent = good ? scale(x) : 0;
        identity(v);
        if (!good || !orthogonalise(x, v)) {
            fill_nan(s, batch, entry);
            fill_nan(u, batch, entry);
            fill_nan(vh, batch, entry);
            continue;
        }
        for (int64_t j = 0; j < k; j++)
            lengths[j] = length_of(&E(x, 0, j), most);
        sort_order(lengths, -1.0, order, k);
        int64_t rank = 0;
        for (int64_t j = 0; j < k; j++) {
            double length = lengths[order[j]];
            put(s, numc_ref_position(s, batch, entry) + j * s->strides[batch], scalbn(length, exponent));
            if (length < NOTHING)
                continue;
            rank++;
            for (int64_t i = 0; i < most; i++)
                E(sorted, i, j) = E(x, i, order[j]) / length;
        }
        if (!vectors)
            continue;
        if (rank < side.columns) { /* the missing columns: those of Q beyond the rank's */
            matrix part = {x.at, most, rank};
            memcpy(part.at, sorted.at, (size_t)(most * rank) * sizeof(number));
            qr_reduce(part, tau, beta);
            qr_expand(part, tau, side);
        }
        memcpy(side.at, sorted.at, (size_t)(most * rank) * sizeof(number));
        for (int64_t i = 0; i < most; i++)
            for (int64_t j = 0; j < side.columns; j++) {
                if (m < n)
                    put(vh, element(vh, batch, entry, j, i), conj(E(side, i, j)));
                else
                    put(u, element(u, batch, entry, i, j), E(side, i, j));
            }
        for (int64_t i = 0; i < k; i++)
            for (int64_t j = 0; j < k; j++) {
                if (m < n)
                    put(u, element(u, batch, entry, i, j), E(v, i, order[j]));
                else
                    put(vh, element(vh, batch, entry, j, i), conj(E(v, i, order[j])));
            }
    }
    work_close(&w);
    return NUMC_OK;
}
