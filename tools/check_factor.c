/* check_factor.c - the rows of `numc check` for factorisations whose results are not unique: QR, eigenvalues, singular values. They
 * are judged by residuals, not by comparing elements: the largest of |A - Q R|, |A V - V D|, |A - U S V'| in the Frobenius norm, and
 * of the distance of Q'Q and its like from 1, in units of max(M, N) eps |A| (or max(M, N) eps). Values alone are compared with
 * ref's, those of eig by their sum. Allowed is 30, as in LAPACK's own tests: ten times what stable algorithms show. */
#include <complex.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

typedef double complex number;
enum { ALLOWED = 30, PARTS = 4, BATCH = 2 };

typedef enum factor { QR, EIGH, EIG, SVD } factor;
typedef struct factor_case {
    factor slot;
    const char *name;
    int64_t rows, columns;
    bool vectors, full; /* full: complete q, full u and vh */
} factor_case;

static const char *const slots[] = {[QR] = "qr", [EIGH] = "eigh", [EIG] = "eig", [SVD] = "svd"};
static const factor_case cases[] = {
    {QR, "9x5", 9, 5, true, false},         {QR, "5x9", 5, 9, true, false},       {QR, "9x5 complete", 9, 5, true, true},
    {EIGH, "12x12", 12, 12, true, false},   {EIGH, "12x12 values", 12, 12, false, false},
    {EIG, "12x12", 12, 12, true, false},    {EIG, "12x12 values", 12, 12, false, false},
    {SVD, "9x5", 9, 5, true, false},        {SVD, "5x9 full", 5, 9, true, true},  {SVD, "9x5 values", 9, 5, false, false},
};

static uint32_t component(uint32_t dtype)
{
    return dtype == NUMC_COMPLEX64 ? NUMC_FLOAT32 : dtype == NUMC_COMPLEX128 ? NUMC_FLOAT64 : dtype;
}

static uint32_t complex_of(uint32_t dtype)
{
    return dtype == NUMC_FLOAT32 ? NUMC_COMPLEX64 : dtype == NUMC_FLOAT64 ? NUMC_COMPLEX128 : dtype;
}

static number at(const operand *o, int64_t i)
{
    const float *narrow = o->data;
    const double *wide = o->data;
    switch (o->dtype) {
    case NUMC_FLOAT32: return narrow[i];
    case NUMC_FLOAT64: return wide[i];
    case NUMC_COMPLEX64: return (double)narrow[2 * i] + (double)narrow[2 * i + 1] * I;
    default: return wide[2 * i] + wide[2 * i + 1] * I;
    }
}

/* One slot's call: a, then up to three outputs; which of them are matrices, and how large. */
typedef struct shapes {
    int64_t shape[PARTS][3], strides[PARTS][3];
    uint32_t dtype[PARTS];
    int32_t rank[PARTS];
    size_t count;
} shapes;

static void add(shapes *s, uint32_t dtype, int64_t rows, int64_t columns)
{
    const size_t k = s->count++;
    s->dtype[k] = dtype;
    s->rank[k] = columns < 0 ? 2 : 3;
    s->shape[k][0] = BATCH;
    s->shape[k][1] = rows;
    s->shape[k][2] = columns;
    s->strides[k][0] = rows * (columns < 0 ? 1 : columns);
    s->strides[k][1] = columns < 0 ? 1 : columns;
    s->strides[k][2] = 1;
}

static shapes shapes_of(const factor_case *f, uint32_t dtype)
{
    const int64_t m = f->rows, n = f->columns, least = m < n ? m : n;
    shapes s = {.count = 0};
    add(&s, dtype, m, n);
    switch (f->slot) {
    case QR:
        add(&s, dtype, m, f->full ? m : least);
        add(&s, dtype, f->full ? m : least, n);
        break;
    case EIGH:
    case EIG:
        add(&s, f->slot == EIG ? complex_of(dtype) : component(dtype), n, -1);
        if (f->vectors)
            add(&s, f->slot == EIG ? complex_of(dtype) : dtype, n, n);
        break;
    default:
        add(&s, component(dtype), least, -1);
        if (f->vectors) {
            add(&s, dtype, m, f->full ? m : least);
            add(&s, dtype, f->full ? n : least, n);
        }
        break;
    }
    return s;
}

static int32_t run(const side *s, const factor_case *f, const shapes *parts, operand *operands)
{
    const numc_backend *t = &s->device->table;
    numc_device *d = s->device->device;
    void *memory[PARTS] = {NULL};
    numc_view v[PARTS];
    int32_t status = check_upload(s, operands, parts->count, memory);
    for (size_t k = 0; k < parts->count; k++)
        v[k] = (numc_view){memory[k], 0, parts->dtype[k], parts->rank[k], parts->shape[k], parts->strides[k]};
    if (status == NUMC_OK)
        switch (f->slot) {
        case QR: status = t->qr(d, &v[0], &v[1], &v[2]); break;
        case EIGH: status = t->eigh(d, &v[0], &v[1], f->vectors ? &v[2] : NULL); break;
        case EIG: status = t->eig(d, &v[0], &v[1], f->vectors ? &v[2] : NULL); break;
        default: status = t->svd(d, &v[0], f->vectors ? &v[2] : NULL, &v[1], f->vectors ? &v[3] : NULL); break;
        }
    return check_download(s, operands, parts->count, memory, status);
}

/* A NaN is the largest. */
static double larger(double a, double b)
{
    return isnan(a) || a >= b ? a : b;
}

/* |X'X - 1| (or |XX' - 1|) of one matrix of the batch. */
static double off_orthonormal(const operand *o, const int64_t *shape, int64_t entry, bool by_rows)
{
    const int64_t rows = shape[1], columns = shape[2], from = entry * rows * columns;
    const int64_t count = by_rows ? rows : columns, length = by_rows ? columns : rows;
    double sum = 0.0;
    for (int64_t p = 0; p < count; p++)
        for (int64_t q = 0; q < count; q++) {
            number inner = p == q ? -1.0 : 0.0;
            for (int64_t i = 0; i < length; i++)
                inner += by_rows ? at(o, from + p * columns + i) * conj(at(o, from + q * columns + i))
                                 : conj(at(o, from + i * columns + p)) * at(o, from + i * columns + q);
            sum += creal(inner * conj(inner));
        }
    return sqrt(sum);
}

/* |A - X Y| with X's columns times d where that is given; or, where y is NULL, |A X - X D|. */
static double off_product(const operand *a, const operand *x, int64_t x_columns, const operand *y, const operand *d,
                          int64_t d_count, int64_t rows, int64_t columns, int64_t entry)
{
    double sum = 0.0;
    const int64_t a_from = entry * rows * columns, x_from = entry * rows * x_columns;
    const int64_t middle = d != NULL ? d_count : x_columns;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            number value;
            if (y == NULL) {
                value = -at(x, x_from + i * columns + j) * at(d, entry * d_count + j);
                for (int64_t l = 0; l < columns; l++)
                    value += at(a, a_from + i * columns + l) * at(x, x_from + l * columns + j);
            } else {
                value = -at(a, a_from + i * columns + j);
                for (int64_t l = 0; l < middle; l++)
                    value += at(x, x_from + i * x_columns + l) * (d != NULL ? at(d, entry * d_count + l) : 1.0) *
                             at(y, entry * (y->count / BATCH) + l * columns + j);
            }
            sum += creal(value * conj(value));
        }
    return sqrt(sum);
}

/* The largest error over the batch, in the units of the file's first comment. */
static double error_of(const factor_case *f, const shapes *parts, const operand *got, const operand *expected)
{
    const int64_t m = f->rows, n = f->columns, most = m > n ? m : n;
    const double eps = component(parts->dtype[0]) == NUMC_FLOAT32 ? (double)FLT_EPSILON : DBL_EPSILON;
    double worst = 0.0;
    for (int64_t entry = 0; entry < BATCH; entry++) {
        const int64_t values = parts->shape[1][1];
        double size = 0.0, product = 0.0, orthonormal = 0.0;
        for (int64_t i = 0; i < m * n; i++)
            size += creal(at(&got[0], entry * m * n + i) * conj(at(&got[0], entry * m * n + i)));
        size = sqrt(size);
        if (f->slot == QR) {
            orthonormal = off_orthonormal(&got[1], parts->shape[1], entry, false);
            product = off_product(&got[0], &got[1], parts->shape[1][2], &got[2], NULL, 0, m, n, entry);
        } else if (!f->vectors && f->slot == EIG) {
            number trace = 0.0;
            for (int64_t i = 0; i < n; i++)
                trace += at(&got[1], entry * n + i) - at(&got[0], entry * n * n + i * n + i);
            product = cabs(trace);
        } else if (!f->vectors) {
            for (int64_t i = 0; i < values; i++) {
                const double apart = cabs(at(&got[1], entry * values + i) - at(&expected[1], entry * values + i));
                product = larger(product, apart);
            }
        } else if (f->slot == SVD) {
            orthonormal = off_orthonormal(&got[2], parts->shape[2], entry, false) +
                          off_orthonormal(&got[3], parts->shape[3], entry, true);
            product = off_product(&got[0], &got[2], parts->shape[2][2], &got[3], &got[1], values, m, n, entry);
        } else {
            orthonormal = f->slot == EIGH ? off_orthonormal(&got[2], parts->shape[2], entry, false) : 0.0;
            product = off_product(&got[0], &got[2], n, NULL, &got[1], n, n, n, entry);
        }
        const double unit = (double)most * eps, one = product / (unit * size), two = orthonormal / unit;
        worst = larger(worst, larger(one, two));
    }
    return worst;
}

/* Elements in (-1, 1), both parts; Hermitian for eigh. */
static void fill_matrix(checker *c, const factor_case *f, operand *o)
{
    const int64_t m = f->rows, n = f->columns, parts = o->dtype >= NUMC_COMPLEX64 ? 2 : 1;
    const uint32_t dtype = component(o->dtype);
    const int64_t size = (int64_t)numc_dtype_size((numc_dtype)dtype);
    for (int64_t entry = 0; entry < BATCH; entry++)
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++)
                for (int64_t k = 0; k < parts; k++) {
                    const double value = 2.0 * check_uniform(c) - 1.0;
                    char *here = (char *)o->data + ((entry * m * n + i * n + j) * parts + k) * size;
                    if (f->slot != EIGH || j <= i)
                        check_put(dtype, here, i == j && k == 1 && f->slot == EIGH ? 0.0 : value, 0);
                    if (f->slot == EIGH && j < i)
                        check_put(dtype, (char *)o->data + ((entry * m * n + j * n + i) * parts + k) * size,
                                  k == 1 ? -value : value, 0);
                }
}

static void check_factor(checker *c, const factor_case *f, uint32_t dtype)
{
    const char *slot = slots[f->slot];
    char what[64], detail[128];
    (void)snprintf(what, sizeof what, "%s 2 of %s", numc_dtype_name((numc_dtype)dtype), f->name);
    if (c->only != 0 && c->only != component(dtype))
        return;
    if (!check_usable(c, component(dtype))) {
        check_row(c, slot, what, "skipped", "the device has no float64");
        return;
    }
    const shapes parts = shapes_of(f, dtype);
    operand got[PARTS] = {{0}}, expected[PARTS] = {{0}};
    bool ready = true;
    for (size_t k = 0; k < parts.count; k++) {
        const int64_t count = BATCH * parts.strides[k][0];
        ready = check_operand_new(&got[k], parts.dtype[k], count, k > 0) && ready;
        ready = check_operand_new(&expected[k], parts.dtype[k], count, k > 0) && ready;
    }
    if (ready) {
        fill_matrix(c, f, &got[0]);
        memcpy(expected[0].data, got[0].data, check_operand_bytes(&got[0]));
        const uint64_t before = check_fallbacks(&c->tested);
        (void)run(&c->reference, f, &parts, expected);
        const int32_t status = run(&c->tested, f, &parts, got);
        if (status != NUMC_OK) {
            (void)numc__device_check(c->tested.context, status, slot);
            check_row(c, slot, what, "wrong", numc_error_message(c->tested.context));
            numc_error_clear(c->tested.context);
        } else {
            const double worst = error_of(f, &parts, got, expected);
            (void)snprintf(detail, sizeof detail, "error of %.2g in units of n eps, allowed %d", worst, (int)ALLOWED);
            check_row(c, slot, what,
                      !(worst <= ALLOWED) ? "wrong" : check_fallbacks(&c->tested) > before ? "falls back" : "ok", detail);
        }
    } else
        check_row(c, slot, what, "wrong", "out of memory");
    for (size_t k = 0; k < parts.count; k++) {
        free(got[k].data);
        free(expected[k].data);
    }
}

void check_factors(checker *c)
{
    static const uint32_t dtypes[] = {NUMC_FLOAT64, NUMC_FLOAT32, NUMC_COMPLEX128, NUMC_COMPLEX64};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++)
            check_factor(c, &cases[i], dtypes[d]);
}
