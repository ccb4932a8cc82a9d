/* factor.c - QR, eigenvalues and singular values by the LAPACK in OpenBLAS, one matrix of the batch after the other. Without it
 * these slots are unsupported: the host then uses its own.
 *
 * A matrix is copied by columns into work memory, looked through for what is not finite (which LAPACK may answer by never
 * ending, and the contract by NaN), factorised there, and copied out; any strides, therefore. */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "blas.h"
#include "linalg.h"

/* The sizes of LAPACK's work memory are ints and grow as 2 n^2. */
enum { MOST = 20000 };

typedef struct factor {
    const numc_host *host;
    const numc_cpu_lapack *lapack;
    int64_t size, part; /* bytes of an element and of a component */
    int32_t batch;
    int m, n, least, leading; /* leading: of the matrix in work memory */
    int64_t count;
    char *memory, *next;
    size_t bytes;
} factor;

static uint32_t component(uint32_t dtype)
{
    return dtype == NUMC_COMPLEX64 ? NUMC_FLOAT32 : dtype == NUMC_COMPLEX128 ? NUMC_FLOAT64 : dtype;
}

static uint32_t complex_of(uint32_t dtype)
{
    return dtype == NUMC_FLOAT32 ? NUMC_COMPLEX64 : dtype == NUMC_FLOAT64 ? NUMC_COMPLEX128 : dtype;
}

static bool is_complex(const factor *f)
{
    return f->size != f->part;
}

/* An output: a's leading axes, and `axes` more of these extents. */
static bool fits(const numc_view *view, const numc_view *a, uint32_t dtype, int32_t axes, int64_t rows, int64_t columns)
{
    const int32_t batch = a->rank - 2;
    if (view->rank != batch + axes || view->dtype != dtype || view->shape[batch] != rows ||
        (axes > 1 && view->shape[batch + 1] != columns))
        return false;
    for (int32_t d = 0; d < batch; ++d)
        if (view->shape[d] != a->shape[d])
            return false;
    return true;
}

static int32_t misfit(numc_device *device, const char *message)
{
    return numc_cpu_fail(device->host, NUMC_INVALID_ARGUMENT, message);
}

static int32_t admit(numc_device *device, const numc_view *a, bool square)
{
    if (a->rank < 2 || (square && a->shape[a->rank - 1] != a->shape[a->rank - 2]))
        return misfit(device, "a factorisation needs (square) matrices");
    if (a->dtype < NUMC_FLOAT32 || a->dtype > NUMC_COMPLEX128)
        return numc_cpu_fail(device->host, NUMC_UNSUPPORTED, "factorisations need a float or complex dtype");
    return NUMC_OK;
}

/* After the shapes were found to fit: what LAPACK needs. */
static int32_t begin(factor *f, numc_device *device, const numc_view *a)
{
    memset(f, 0, sizeof *f);
    f->host = device->host;
    f->batch = a->rank - 2;
    const int64_t m = a->shape[f->batch], n = a->shape[f->batch + 1], least = m < n ? m : n, most = m < n ? n : m;
    if (least > MOST || most > INT_MAX / 2)
        return numc_cpu_fail(device->host, NUMC_UNSUPPORTED, "a matrix is too large for LAPACK");
    f->lapack = numc_cpu_lapack_get(device, a->dtype);
    if (f->lapack == NULL)
        return numc_cpu_fail(device->host, NUMC_UNSUPPORTED, "no LAPACK was found");
    f->size = (int64_t)numc_cpu_view_size(a->dtype);
    f->part = (int64_t)numc_cpu_view_size(component(a->dtype));
    f->m = (int)m;
    f->n = (int)n;
    f->least = (int)least;
    f->leading = m > 0 ? (int)m : 1;
    f->count = numc_cpu_count(a, f->batch);
    return NUMC_OK;
}

/* ---- work memory ---------------------------------------------------------------------------------------------------------- */

/* The answer of a query: a number in the matrix's dtype, rounded up because a float32 cannot hold every int. */
typedef union answer {
    float float32;
    double float64;
    double pair[2];
} answer;

static int work_size(const factor *f, const answer *a)
{
    const double size = f->part == 4 ? (double)a->float32 * (1.0 + 2.0 * (double)FLT_EPSILON) : a->float64;
    return size < 1.0 ? 1 : size > INT_MAX - 1 ? INT_MAX - 1 : (int)ceil(size);
}

enum { PIECES = 8 };

/* One allocation cut into pieces of these sizes. */
static int32_t get_memory(factor *f, const int64_t *bytes, size_t count, void **pieces)
{
    size_t total = 0;
    for (size_t i = 0; i < count; ++i)
        total += ((size_t)bytes[i] + 63) & ~(size_t)63;
    f->bytes = total;
    f->memory = numc_cpu_allocate(f->host, total);
    if (f->memory == NULL)
        return numc_cpu_fail(f->host, NUMC_MEMORY, "out of memory for a factorisation");
    char *next = f->memory;
    for (size_t i = 0; i < count; ++i) {
        pieces[i] = next;
        next += ((size_t)bytes[i] + 63) & ~(size_t)63;
    }
    return NUMC_OK;
}

static void end(factor *f)
{
    numc_cpu_free(f->host, f->memory, f->bytes);
}

/* ---- in and out ----------------------------------------------------------------------------------------------------------- */

static bool finite_part(const factor *f, const char *at)
{
    return f->part == 8 ? isfinite(*(const double *)(const void *)at) : isfinite(*(const float *)(const void *)at);
}

/* A matrix by columns; false where an element is not finite. lower: of a Hermitian matrix that triangle alone, zeros above, and no
 * imaginary parts on the diagonal. */
static bool load(const factor *f, const numc_view *a, int64_t entry, char *to, bool lower)
{
    const char *from = numc_cpu_entry(a, f->batch, entry);
    const int64_t row = a->strides[f->batch], column = a->strides[f->batch + 1];
    bool good = true;
    numc_cpu_copy_matrix(f->n, f->m, f->size, from, column, row, to, f->leading, 1);
    for (int64_t j = 0; j < f->n; ++j) {
        char *x = to + j * f->leading * f->size;
        if (lower) {
            memset(x, 0, (size_t)(j * f->size));
            if (is_complex(f))
                memset(x + j * f->size + f->part, 0, (size_t)f->part);
        }
        for (int64_t i = lower ? j * f->size : 0; i < f->m * f->size; i += f->part)
            good = finite_part(f, x + i) && good;
    }
    return good;
}

/* Columns of work memory into a view. */
static void store(const factor *f, const char *from, int64_t leading, const numc_view *to, int64_t entry)
{
    const int32_t b = f->batch;
    numc_cpu_copy_matrix(to->shape[b], to->shape[b + 1], (int64_t)numc_cpu_view_size(to->dtype), from, 1, leading,
                         numc_cpu_entry(to, b, entry), to->strides[b], to->strides[b + 1]);
}

static void store_values(const factor *f, const char *from, const numc_view *to, int64_t entry)
{
    numc_cpu_copy_matrix(to->shape[f->batch], 1, (int64_t)numc_cpu_view_size(to->dtype), from, 1, 1,
                         numc_cpu_entry(to, f->batch, entry), to->strides[f->batch], 1);
}

/* Every component of one matrix or vector of an output; on_diagonal: that, and 0 elsewhere. */
static void fill(const factor *f, const numc_view *to, int64_t entry, double value, bool on_diagonal)
{
    if (to == NULL)
        return;
    const int64_t size = (int64_t)numc_cpu_view_size(to->dtype), b = f->batch;
    const bool is_matrix = to->rank > b + 1;
    for (int64_t i = 0; i < to->shape[b]; ++i)
        for (int64_t j = 0; j < (is_matrix ? to->shape[b + 1] : 1); ++j) {
            char *at = numc_cpu_entry(to, f->batch, entry) +
                       (i * to->strides[b] + (is_matrix ? j * to->strides[b + 1] : 0)) * size;
            for (int64_t k = 0; k < size; k += f->part) {
                const double x = !on_diagonal || (i == j && k == 0) ? value : 0.0;
                if (f->part == 8)
                    *(double *)(void *)(at + k) = x;
                else
                    *(float *)(void *)(at + k) = (float)x;
            }
        }
}

/* ---- slots ---------------------------------------------------------------------------------------------------------------- */

int32_t numc_cpu_qr(numc_device *device, const numc_view *a, const numc_view *q, const numc_view *r)
{
    const int32_t batch = a->rank - 2;
    int32_t status = admit(device, a, false);
    if (status != NUMC_OK)
        return status;
    const int64_t rows = a->shape[batch], least = rows < a->shape[batch + 1] ? rows : a->shape[batch + 1];
    if (q->rank != a->rank || (q->shape[batch + 1] != least && q->shape[batch + 1] != rows) ||
        !fits(q, a, a->dtype, 2, rows, q->shape[batch + 1]) ||
        !fits(r, a, a->dtype, 2, q->shape[batch + 1], a->shape[batch + 1]))
        return misfit(device, "qr: views do not fit");
    factor f;
    status = begin(&f, device, a);
    if (status != NUMC_OK)
        return status;
    if (q->shape[batch + 1] > INT_MAX / 2)
        return numc_cpu_fail(device->host, NUMC_UNSUPPORTED, "a matrix is too large for LAPACK");
    const int middle = (int)q->shape[batch + 1], wide = f.n > middle ? f.n : middle, ask = -1;
    answer one = {0}, two = {0}, nothing = {0};
    int info = 0;
    if (f.least > 0) {
        f.lapack->geqrf(&f.m, &f.n, &nothing, &f.leading, &nothing, &one, &ask, &info);
        f.lapack->orgqr(&f.m, &middle, &f.least, &nothing, &f.leading, &nothing, &two, &ask, &info);
    }
    const int first = work_size(&f, &one), second = work_size(&f, &two), work = first > second ? first : second;
    void *piece[PIECES];
    const int64_t sizes[] = {(int64_t)f.leading * wide * f.size, f.least * f.size, work * f.size};
    status = get_memory(&f, sizes, 3, piece);
    for (int64_t entry = 0; status == NUMC_OK && entry < f.count; ++entry) {
        if (f.least == 0) { /* q is the identity, r has no elements or is 0 x n */
            fill(&f, q, entry, 1.0, true);
            continue;
        }
        if (!load(&f, a, entry, piece[0], false)) {
            fill(&f, q, entry, (double)NAN, false);
            fill(&f, r, entry, (double)NAN, false);
            continue;
        }
        f.lapack->geqrf(&f.m, &f.n, piece[0], &f.leading, piece[1], piece[2], &work, &info);
        fill(&f, r, entry, 0.0, false);
        char *to = numc_cpu_entry(r, batch, entry);
        for (int64_t j = 0; j < f.n; ++j)
            numc_cpu_copy_matrix(j < f.least ? j + 1 : f.least, 1, f.size, (char *)piece[0] + j * f.leading * f.size, 1, 1,
                                 to + j * r->strides[batch + 1] * f.size, r->strides[batch], 1);
        f.lapack->orgqr(&f.m, &middle, &f.least, piece[0], &f.leading, piece[1], piece[2], &work, &info);
        store(&f, piece[0], f.leading, q, entry);
    }
    end(&f);
    return status;
}

int32_t numc_cpu_eigh(numc_device *device, const numc_view *a, const numc_view *values, const numc_view *vectors)
{
    const int32_t batch = a->rank - 2;
    int32_t status = admit(device, a, true);
    if (status != NUMC_OK)
        return status;
    if (!fits(values, a, component(a->dtype), 1, a->shape[batch], 0) ||
        (vectors != NULL && !fits(vectors, a, a->dtype, 2, a->shape[batch], a->shape[batch])))
        return misfit(device, "eigh: views do not fit");
    factor f;
    status = begin(&f, device, a);
    if (status != NUMC_OK || f.n == 0)
        return status;
    const char *job = vectors != NULL ? "V" : "N";
    const int ask = -1;
    answer size = {0}, real = {0}, nothing = {0};
    int info = 0, integers = 1;
    if (is_complex(&f))
        f.lapack->heevd(job, "L", &f.n, &nothing, &f.leading, &nothing, &size, &ask, &real, &ask, &integers, &ask, &info, 1, 1);
    else
        f.lapack->syevd(job, "L", &f.n, &nothing, &f.leading, &nothing, &size, &ask, &integers, &ask, &info, 1, 1);
    const int work = work_size(&f, &size), reals = work_size(&f, &real);
    void *piece[PIECES];
    const int64_t sizes[] = {(int64_t)f.n * f.n * f.size, f.n * f.part, work * f.size, reals * f.part,
                             integers * (int64_t)sizeof(int)};
    status = get_memory(&f, sizes, 5, piece);
    for (int64_t entry = 0; status == NUMC_OK && entry < f.count; ++entry) {
        bool good = load(&f, a, entry, piece[0], true);
        if (good && is_complex(&f))
            f.lapack->heevd(job, "L", &f.n, piece[0], &f.leading, piece[1], piece[2], &work, piece[3], &reals, piece[4],
                            &integers, &info, 1, 1);
        else if (good)
            f.lapack->syevd(job, "L", &f.n, piece[0], &f.leading, piece[1], piece[2], &work, piece[4], &integers, &info, 1, 1);
        if (!good || info != 0) {
            fill(&f, values, entry, (double)NAN, false);
            fill(&f, vectors, entry, (double)NAN, false);
            continue;
        }
        store_values(&f, piece[1], values, entry);
        if (vectors != NULL)
            store(&f, piece[0], f.leading, vectors, entry);
    }
    end(&f);
    return status;
}

static double part_at(const factor *f, const char *from, int64_t i)
{
    return f->part == 8 ? ((const double *)(const void *)from)[i] : (double)((const float *)(const void *)from)[i];
}

static void put_pair(const factor *f, char *to, double re, double im)
{
    if (f->part == 8) {
        ((double *)(void *)to)[0] = re;
        ((double *)(void *)to)[1] = im;
    } else {
        ((float *)(void *)to)[0] = (float)re;
        ((float *)(void *)to)[1] = (float)im;
    }
}

/* A real matrix's eigenvalues come as real and imaginary parts, conjugate ones side by side, positive imaginary part first; the
 * vectors of such a pair are columns j plus and minus i times column j + 1. */
static void store_pairs(const factor *f, const char *re, const char *im, const char *columns, const numc_view *values,
                        const numc_view *vectors, int64_t entry)
{
    const int32_t b = f->batch;
    char *value = numc_cpu_entry(values, b, entry);
    for (int64_t j = 0; j < f->n; ++j) {
        const double imaginary = part_at(f, im, j);
        put_pair(f, value + j * values->strides[b] * 2 * f->part, part_at(f, re, j), imaginary);
        if (vectors == NULL)
            continue;
        const int64_t first = imaginary < 0.0 ? j - 1 : j;
        char *to = numc_cpu_entry(vectors, b, entry) + j * vectors->strides[b + 1] * 2 * f->part;
        for (int64_t i = 0; i < f->n; ++i) {
            const double y = imaginary == 0.0 ? 0.0 : part_at(f, columns, (first + 1) * f->n + i);
            put_pair(f, to + i * vectors->strides[b] * 2 * f->part, part_at(f, columns, first * f->n + i),
                     imaginary < 0.0 ? -y : y);
        }
    }
}

int32_t numc_cpu_eig(numc_device *device, const numc_view *a, const numc_view *values, const numc_view *vectors)
{
    const int32_t batch = a->rank - 2;
    const uint32_t dtype = complex_of(a->dtype);
    int32_t status = admit(device, a, true);
    if (status != NUMC_OK)
        return status;
    if (!fits(values, a, dtype, 1, a->shape[batch], 0) ||
        (vectors != NULL && !fits(vectors, a, dtype, 2, a->shape[batch], a->shape[batch])))
        return misfit(device, "eig: views do not fit");
    factor f;
    status = begin(&f, device, a);
    if (status != NUMC_OK || f.n == 0)
        return status;
    const char *job = vectors != NULL ? "V" : "N";
    const int ask = -1, one = 1;
    answer size = {0}, nothing = {0};
    int info = 0;
    if (is_complex(&f))
        f.lapack->complex_geev("N", job, &f.n, &nothing, &f.leading, &nothing, &nothing, &one, &nothing, &f.leading, &size,
                               &ask, &nothing, &info, 1, 1);
    else
        f.lapack->real_geev("N", job, &f.n, &nothing, &f.leading, &nothing, &nothing, &nothing, &one, &nothing, &f.leading,
                            &size, &ask, &info, 1, 1);
    const int work = work_size(&f, &size);
    void *piece[PIECES];
    const int64_t n = f.n, matrix = n * n * f.size;
    const int64_t sizes[] = {matrix, vectors != NULL ? matrix : f.size, 2 * n * f.part, n * f.part, work * f.size, 2 * n * f.part,
                             2 * f.part};
    status = get_memory(&f, sizes, 7, piece);
    for (int64_t entry = 0; status == NUMC_OK && entry < f.count; ++entry) {
        const bool good = load(&f, a, entry, piece[0], false);
        if (good && is_complex(&f))
            f.lapack->complex_geev("N", job, &f.n, piece[0], &f.leading, piece[2], piece[6], &one, piece[1], &f.leading,
                                   piece[4], &work, piece[5], &info, 1, 1);
        else if (good)
            f.lapack->real_geev("N", job, &f.n, piece[0], &f.leading, piece[2], piece[3], piece[6], &one, piece[1],
                                &f.leading, piece[4], &work, &info, 1, 1);
        if (!good || info != 0) {
            fill(&f, values, entry, (double)NAN, false);
            fill(&f, vectors, entry, (double)NAN, false);
        } else if (is_complex(&f)) {
            store_values(&f, piece[2], values, entry);
            if (vectors != NULL)
                store(&f, piece[1], f.leading, vectors, entry);
        } else
            store_pairs(&f, piece[2], piece[3], piece[1], values, vectors, entry);
    }
    end(&f);
    return status;
}

int32_t numc_cpu_svd(numc_device *device, const numc_view *a, const numc_view *u, const numc_view *s, const numc_view *vh)
{
    const int32_t batch = a->rank - 2;
    int32_t status = admit(device, a, false);
    if (status != NUMC_OK)
        return status;
    if ((u != NULL) != (vh != NULL))
        return misfit(device, "svd: views do not fit");
    const int64_t m = a->shape[batch], n = a->shape[batch + 1], least = m < n ? m : n;
    const bool full = u != NULL && fits(u, a, a->dtype, 2, m, m) && fits(vh, a, a->dtype, 2, n, n);
    if (!fits(s, a, component(a->dtype), 1, least, 0) ||
        (u != NULL && !full && (!fits(u, a, a->dtype, 2, m, least) || !fits(vh, a, a->dtype, 2, least, n))))
        return misfit(device, "svd: views do not fit");
    factor f;
    status = begin(&f, device, a);
    if (status != NUMC_OK)
        return status;
    const char *job = u == NULL ? "N" : full ? "A" : "S";
    const int ask = -1, rows = u == NULL || f.least == 0 ? 1 : full ? f.n : f.least, columns = full ? f.m : f.least;
    answer size = {0}, nothing = {0};
    int info = 0, integer = 0;
    if (f.least > 0 && is_complex(&f))
        f.lapack->complex_gesdd(job, &f.m, &f.n, &nothing, &f.leading, &nothing, &nothing, &f.leading, &nothing, &rows, &size,
                                &ask, &nothing, &integer, &info, 1);
    else if (f.least > 0)
        f.lapack->real_gesdd(job, &f.m, &f.n, &nothing, &f.leading, &nothing, &nothing, &f.leading, &nothing, &rows, &size,
                             &ask, &integer, &info, 1);
    const int work = work_size(&f, &size);
    const int64_t k = least, most = m < n ? n : m, narrow = 5 * k + 7, wide = 2 * most + 2 * k + 1;
    const int64_t reals = !is_complex(&f) ? 1 : u == NULL ? 7 * k + 1 : k * (narrow > wide ? narrow : wide) + 1;
    void *piece[PIECES];
    const int64_t sizes[] = {m * n * f.size, k * f.part, u != NULL ? f.leading * columns * f.size : f.size,
                             u != NULL ? rows * n * f.size : f.size, work * f.size, reals * f.part,
                             (8 * k + 1) * (int64_t)sizeof(int)};
    status = get_memory(&f, sizes, 7, piece);
    for (int64_t entry = 0; status == NUMC_OK && entry < f.count; ++entry) {
        if (f.least == 0) {
            fill(&f, u, entry, 1.0, true);
            fill(&f, vh, entry, 1.0, true);
            continue;
        }
        const bool good = load(&f, a, entry, piece[0], false);
        if (good && is_complex(&f))
            f.lapack->complex_gesdd(job, &f.m, &f.n, piece[0], &f.leading, piece[1], piece[2], &f.leading, piece[3], &rows,
                                    piece[4], &work, piece[5], piece[6], &info, 1);
        else if (good)
            f.lapack->real_gesdd(job, &f.m, &f.n, piece[0], &f.leading, piece[1], piece[2], &f.leading, piece[3], &rows,
                                 piece[4], &work, piece[6], &info, 1);
        if (!good || info != 0) {
            fill(&f, s, entry, (double)NAN, false);
            fill(&f, u, entry, (double)NAN, false);
            fill(&f, vh, entry, (double)NAN, false);
            continue;
        }
        store_values(&f, piece[1], s, entry);
        if (u != NULL) {
            store(&f, piece[2], f.leading, u, entry);
            store(&f, piece[3], rows, vh, entry);
        }
    }
    end(&f);
    return status;
}
