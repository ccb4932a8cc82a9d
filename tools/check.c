/* check.c - `numc check NAME`: a row per slot, operation and dtype, the backend against ref through the same table: ok, falls
 * back to the host, or wrong and by how much.
 *
 * Tolerances are in ULP of the result's dtype and belong to the operation. 0 where the contract fixes the bits: arithmetic,
 * comparisons, integers, conversions, random draws, reductions, order. For the others the sum of two errors: of ref (DESIGN's
 * accuracy) and of a backend as good. With --bits they are 0 too, as the backends of this tree promise. For matrices, steps of
 * the largest element of the result: n and the condition number bound any order of summation. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/internal.h"
#include "backend/slots.h"
#include "check.h"

/* ---- inputs ----------------------------------------------------------------------------------------------------------------- */

/* splitmix64: fixed seed, the same inputs in every run. */
uint64_t check_next(checker *c)
{
    uint64_t z = c->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

double check_uniform(checker *c)
{
    return (double)(check_next(c) >> 11) * 0x1p-53;
}

static double value_in(checker *c, domain d, int64_t i)
{
    static const double special[] = {0.0, -0.0, 1.0, -1.0, 0.5, INFINITY, -INFINITY, NAN, 1e-300, -1e-310, 1e300, 700.0,
                                     -745.0, 0x1p-1074, 2.5, -2.5, 3.5, DBL_MAX, -DBL_MAX, 1e-5, 100.0};
    double u = check_uniform(c);
    switch (d) {
    case DOMAIN_UNIT: return i == 0 ? 0.0 : i == 1 ? 1.0 : i % 5 == 0 ? exp(-30.0 * u) : u;
    case DOMAIN_SHAPE: return 0.05 * exp(7.6 * u);
    case DOMAIN_ORDER: return floor(6.0 * u);
    case DOMAIN_SMALL: return 16.0 * u - 8.0;
    case DOMAIN_ALL: break;
    }
    if (i < (int64_t)(sizeof special / sizeof *special))
        return special[i];
    double magnitude = i % 3 == 0 ? exp(1400.0 * (u - 0.5)) : exp(12.0 * (u - 0.5));
    return check_next(c) % 2 != 0 ? magnitude : -magnitude;
}

void check_put(uint32_t dtype, void *to, double real, uint64_t bits)
{
    numc_dtype known = (numc_dtype)dtype;
    switch (numc_dtype_kind(known)) {
    case NUMC_KIND_REAL:
        if (dtype == NUMC_FLOAT32) {
            float narrow = (float)real;
            memcpy(to, &narrow, sizeof narrow);
        } else
            memcpy(to, &real, sizeof real);
        break;
    case NUMC_KIND_BOOL: *(uint8_t *)to = bits & 1; break;
    default: memcpy(to, &bits, numc_dtype_size(known)); break;
    }
}

/* Random elements; integers: any bits, every third small, so that division, shifts and powers see both. */
void check_fill(checker *c, operand *o, domain d)
{
    size_t size = numc_dtype_size((numc_dtype)o->dtype);
    for (int64_t i = 0; i < o->count; i++) {
        uint64_t bits = check_next(c);
        if (i % 3 == 0 || d != DOMAIN_ALL)
            bits = bits % 19 - (numc_dtype_kind((numc_dtype)o->dtype) == NUMC_KIND_SIGNED && d == DOMAIN_ALL ? 9 : 0);
        check_put(o->dtype, (char *)o->data + (size_t)i * size, value_in(c, d, i), bits);
    }
}

bool check_operand_new(operand *o, uint32_t dtype, int64_t count, bool written)
{
    size_t bytes = (size_t)(count > 0 ? count : 1) * numc_dtype_size((numc_dtype)dtype);
    *o = (operand){dtype, count, malloc(bytes), written};
    if (o->data != NULL)
        memset(o->data, written ? 0x5a : 0, bytes);
    return o->data != NULL;
}

size_t check_operand_bytes(const operand *o)
{
    return (size_t)o->count * numc_dtype_size((numc_dtype)o->dtype);
}

/* ---- outcomes ---------------------------------------------------------------------------------------------------------------- */

uint64_t check_fallbacks(const side *s)
{
    return atomic_load_explicit(&s->device->core->fallbacks, memory_order_relaxed);
}

void check_row(checker *c, const char *slot, const char *what, const char *result, const char *detail)
{
    bool is_ok = strcmp(result, "ok") == 0;
    c->ok += is_ok;
    c->fallback += strcmp(result, "falls back") == 0;
    c->wrong += strcmp(result, "wrong") == 0;
    c->skipped += strcmp(result, "skipped") == 0;
    if (!c->quiet || !is_ok)
        printf("%-16s %-44s %-10s %s\n", slot, what, result, detail);
}

/* Distance of two floats in steps of their dtype; 0 for two NaNs and for zeros of either sign, infinite for one NaN. */
static double ulp_distance(uint32_t dtype, const void *a, const void *b)
{
    double x, y;
    int64_t i, j;
    if (dtype == NUMC_FLOAT32) {
        float fx, fy;
        int32_t si, sj;
        memcpy(&fx, a, 4);
        memcpy(&fy, b, 4);
        memcpy(&si, a, 4);
        memcpy(&sj, b, 4);
        x = fx;
        y = fy;
        i = si < 0 ? (int64_t)INT32_MIN - si : si;
        j = sj < 0 ? (int64_t)INT32_MIN - sj : sj;
    } else {
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        memcpy(&i, a, 8);
        memcpy(&j, b, 8);
        i = i < 0 ? INT64_MIN - i : i;
        j = j < 0 ? INT64_MIN - j : j;
    }
    if (isnan(x) || isnan(y))
        return isnan(x) && isnan(y) ? 0.0 : INFINITY;
    return (double)(i > j ? (uint64_t)i - (uint64_t)j : (uint64_t)j - (uint64_t)i);
}

/* Worst difference; exact: NaN payloads apart, the bits must agree. */
static double difference(const operand *expected, const operand *got, double tolerance, int64_t *where)
{
    size_t size = numc_dtype_size((numc_dtype)expected->dtype);
    bool is_real = numc_dtype_kind((numc_dtype)expected->dtype) == NUMC_KIND_REAL;
    double worst = 0.0;
    for (int64_t i = 0; i < expected->count; i++) {
        const char *a = (const char *)expected->data + (size_t)i * size, *b = (const char *)got->data + (size_t)i * size;
        if (memcmp(a, b, size) == 0)
            continue;
        double distance = INFINITY;
        if (is_real) {
            distance = ulp_distance(expected->dtype, a, b);
            if (tolerance == 0.0 && distance == 0.0) {
                double x = 0.0;
                float narrow;
                if (size == 4) {
                    memcpy(&narrow, a, 4);
                    x = narrow;
                } else
                    memcpy(&x, a, 8);
                distance = isnan(x) ? 0.0 : 1.0; /* zeros of different sign */
            }
        }
        if (distance > worst) {
            worst = distance;
            *where = i;
        }
    }
    return worst;
}

static void print_element(char *text, size_t size, const operand *o, int64_t i)
{
    double real = 0.0;
    float narrow;
    uint64_t bits = 0;
    size_t bytes = numc_dtype_size((numc_dtype)o->dtype);
    const char *at = (const char *)o->data + (size_t)i * bytes;
    if (o->dtype == NUMC_FLOAT32) {
        memcpy(&narrow, at, 4);
        real = narrow;
    } else if (o->dtype == NUMC_FLOAT64)
        memcpy(&real, at, 8);
    memcpy(&bits, at, bytes);
    if (numc_dtype_kind((numc_dtype)o->dtype) == NUMC_KIND_REAL)
        (void)snprintf(text, size, "%.17g", real);
    else
        (void)snprintf(text, size, "0x%llx", (unsigned long long)bits);
}

/* Prints the row of one comparison. */
void check_judge(checker *c, const char *slot, const char *what, uint64_t fallbacks_before, int32_t status,
                  const operand *expected, const operand *got, size_t count, double tolerance)
{
    char detail[256] = "";
    if (status != NUMC_OK) {
        (void)numc__device_check(c->tested.context, status, slot);
        (void)snprintf(detail, sizeof detail, "%s", numc_error_message(c->tested.context));
        numc_error_clear(c->tested.context);
        check_row(c, slot, what, "wrong", detail);
        return;
    }
    double worst = 0.0;
    for (size_t k = 0; k < count; k++) {
        int64_t where = -1;
        double distance = expected[k].written ? difference(&expected[k], &got[k], tolerance, &where) : 0.0;
        if (distance > worst) {
            char a[40], b[40];
            worst = distance;
            print_element(a, sizeof a, &expected[k], where);
            print_element(b, sizeof b, &got[k], where);
            (void)snprintf(detail, sizeof detail, "element %lld: %s instead of %s", (long long)where, b, a);
        }
    }
    char full[320];
    if (worst > tolerance) {
        (void)snprintf(full, sizeof full, "%.3g ulp, allowed %g; %s", worst, tolerance, detail);
        check_row(c, slot, what, "wrong", full);
        return;
    }
    full[0] = '\0';
    if (tolerance > 0.0)
        (void)snprintf(full, sizeof full, "%.3g ulp, allowed %g", worst, tolerance);
    check_row(c, slot, what, check_fallbacks(&c->tested) > fallbacks_before ? "falls back" : "ok", full);
}

/* ---- running ------------------------------------------------------------------------------------------------------------------- */

/* Operands to device memory; true when all arrived. */
int32_t check_upload(const side *s, operand *operands, size_t count, void **memory)
{
    const numc_backend *t = &s->device->table;
    for (size_t k = 0; k < count; k++) {
        size_t bytes = check_operand_bytes(&operands[k]);
        int32_t status = t->memory_allocate(s->device->device, bytes, &memory[k]);
        if (status == NUMC_OK)
            status = t->memory_upload(s->device->device, memory[k], 0, operands[k].data, bytes);
        if (status != NUMC_OK)
            return status;
    }
    return NUMC_OK;
}

int32_t check_download(const side *s, operand *operands, size_t count, void **memory, int32_t status)
{
    const numc_backend *t = &s->device->table;
    for (size_t k = 0; k < count; k++) {
        if (memory[k] == NULL)
            continue;
        if (status == NUMC_OK && operands[k].written)
            status = t->memory_download(s->device->device, memory[k], 0, operands[k].data, check_operand_bytes(&operands[k]));
        t->memory_release(s->device->device, memory[k], check_operand_bytes(&operands[k]));
    }
    return status;
}

bool check_usable(const checker *c, uint32_t dtype)
{
    return (dtype != NUMC_FLOAT64 || c->tested.device->info.float64) && (c->only == 0 || c->only == dtype);
}

/* ---- slots on views ------------------------------------------------------------------------------------------------------------------- */

enum { VIEWS = 4, RANKS = 3 };
typedef struct view_case {
    const char *slot, *name;
    size_t count;
    struct {
        uint32_t dtype;
        int32_t rank;
        int64_t shape[RANKS], strides[RANKS];
        bool written;
    } views[VIEWS];
    int32_t (*call)(const numc_backend *table, numc_device *device, const numc_view *v, uint32_t how);
    uint32_t how;
    double tolerance;
} view_case;

static int32_t call_matmul(const numc_backend *t, numc_device *d, const numc_view *v, uint32_t how)
{
    numc_matmul_options options = {.size = sizeof options, .accumulate = how};
    return t->matmul(d, &v[0], &v[1], &v[2], &options);
}
static int32_t call_cholesky(const numc_backend *t, numc_device *d, const numc_view *v, uint32_t how)
{
    (void)how;
    return t->cholesky(d, &v[0], &v[1]);
}
static int32_t call_inverse(const numc_backend *t, numc_device *d, const numc_view *v, uint32_t how)
{
    (void)how;
    return t->cholesky_inverse(d, &v[0], &v[1]);
}
static int32_t call_triangular(const numc_backend *t, numc_device *d, const numc_view *v, uint32_t how)
{
    return t->triangular_solve(d, &v[0], &v[1], &v[2], how & 1, how >> 1, 0);
}
static int32_t call_lu(const numc_backend *t, numc_device *d, const numc_view *v, uint32_t how)
{
    (void)how;
    return t->lu(d, &v[0], &v[1], &v[2], &v[3]);
}
static int32_t call_gather(const numc_backend *t, numc_device *d, const numc_view *v, uint32_t how)
{
    return t->gather(d, &v[0], &v[1], (int32_t)how, &v[2]);
}
static int32_t call_scatter(const numc_backend *t, numc_device *d, const numc_view *v, uint32_t how)
{
    return t->scatter(d, &v[0], &v[1], 0, &v[2], how);
}
static int32_t call_cumulative(const numc_backend *t, numc_device *d, const numc_view *v, uint32_t how)
{
    return t->cumulative(d, &v[0], 1, how >> 1, how & 1, &v[1]);
}
static int32_t call_sort(const numc_backend *t, numc_device *d, const numc_view *v, uint32_t how)
{
    return t->sort(d, &v[0], 1, how, &v[1], &v[2]);
}
static int32_t call_search(const numc_backend *t, numc_device *d, const numc_view *v, uint32_t how)
{
    numc_view sorted = v[0];
    return t->search(d, &sorted, &v[1], how, &v[2]);
}

static int32_t call_fft(const numc_backend *t, numc_device *d, const numc_view *v, uint32_t how)
{
    return t->fft(d, &v[0], (int32_t)how & 1, how & 2 ? 1 : -1, &v[1]);
}

#define F64 NUMC_FLOAT64
#define F32 NUMC_FLOAT32
#define C128 NUMC_COMPLEX128
#define C64 NUMC_COMPLEX64
#define I64 NUMC_INT64
/* Matrices are n + noise on the diagonal (fill_for), so that factorisations are well conditioned and pivots are not close. */
static const view_case view_cases[] = {
    {"matmul", "float64 40x50 50x60", 3, {{F64, 2, {40, 50}, {50, 1}, 0}, {F64, 2, {50, 60}, {60, 1}, 0}, {F64, 2, {40, 60}, {60, 1}, 1}}, call_matmul, 0, 64},
    {"matmul", "float64 transposed operands, adding", 3, {{F64, 2, {40, 50}, {1, 40}, 0}, {F64, 2, {50, 60}, {1, 50}, 0}, {F64, 2, {40, 60}, {60, 1}, 1}}, call_matmul, 1, 64},
    {"matmul", "float64 batched, one operand shared", 3, {{F64, 3, {3, 5, 6}, {30, 6, 1}, 0}, {F64, 3, {3, 6, 7}, {0, 7, 1}, 0}, {F64, 3, {3, 5, 7}, {35, 7, 1}, 1}}, call_matmul, 0, 64},
    {"matmul", "float64 matrix and vector", 3, {{F64, 2, {200, 30}, {30, 1}, 0}, {F64, 2, {30, 1}, {1, 1}, 0}, {F64, 2, {200, 1}, {1, 1}, 1}}, call_matmul, 0, 64},
    {"matmul", "float64 vector and matrix, adding", 3, {{F64, 2, {1, 200}, {200, 1}, 0}, {F64, 2, {200, 30}, {30, 1}, 0}, {F64, 2, {1, 30}, {30, 1}, 1}}, call_matmul, 1, 256},
    {"matmul", "float64 without inner extent", 3, {{F64, 2, {4, 0}, {1, 1}, 0}, {F64, 2, {0, 5}, {5, 1}, 0}, {F64, 2, {4, 5}, {5, 1}, 1}}, call_matmul, 0, 0},
    {"matmul", "float64 without rows", 3, {{F64, 2, {0, 4}, {4, 1}, 0}, {F64, 2, {4, 5}, {5, 1}, 0}, {F64, 2, {0, 5}, {5, 1}, 1}}, call_matmul, 0, 0},
    {"matmul", "float32 40x50 50x60", 3, {{F32, 2, {40, 50}, {50, 1}, 0}, {F32, 2, {50, 60}, {60, 1}, 0}, {F32, 2, {40, 60}, {60, 1}, 1}}, call_matmul, 0, 64},
    {"matmul", "int64", 3, {{I64, 2, {9, 8}, {8, 1}, 0}, {I64, 2, {8, 7}, {7, 1}, 0}, {I64, 2, {9, 7}, {7, 1}, 1}}, call_matmul, 0, 0},
    {"matmul", "int32, adding", 3, {{NUMC_INT32, 2, {9, 8}, {8, 1}, 0}, {NUMC_INT32, 2, {8, 7}, {7, 1}, 0}, {NUMC_INT32, 2, {9, 7}, {7, 1}, 1}}, call_matmul, 1, 0},
    {"matmul", "complex128 40x50 50x60", 3, {{C128, 2, {40, 50}, {50, 1}, 0}, {C128, 2, {50, 60}, {60, 1}, 0}, {C128, 2, {40, 60}, {60, 1}, 1}}, call_matmul, 0, 128},
    {"matmul", "complex128 transposed operands, adding", 3, {{C128, 2, {4, 5}, {1, 4}, 0}, {C128, 2, {5, 6}, {1, 5}, 0}, {C128, 2, {4, 6}, {6, 1}, 1}}, call_matmul, 1, 128},
    {"matmul", "complex64 batched", 3, {{C64, 3, {3, 5, 6}, {30, 6, 1}, 0}, {C64, 3, {3, 6, 7}, {0, 7, 1}, 0}, {C64, 3, {3, 5, 7}, {35, 7, 1}, 1}}, call_matmul, 0, 128},
    {"cholesky", "float64 8x8", 2, {{F64, 2, {8, 8}, {8, 1}, 0}, {F64, 2, {8, 8}, {8, 1}, 1}}, call_cholesky, 0, 64},
    {"cholesky", "float64 3 of 50x50", 2, {{F64, 3, {3, 50, 50}, {2500, 50, 1}, 0}, {F64, 3, {3, 50, 50}, {2500, 50, 1}, 1}}, call_cholesky, 0, 256},
    {"cholesky", "float64 2 of 300x300", 2, {{F64, 3, {2, 300, 300}, {90000, 300, 1}, 0}, {F64, 3, {2, 300, 300}, {90000, 300, 1}, 1}}, call_cholesky, 0, 2048},
    {"cholesky", "complex64 300x300", 2, {{C64, 2, {300, 300}, {300, 1}, 0}, {C64, 2, {300, 300}, {300, 1}, 1}}, call_cholesky, 0, 2048},
    {"cholesky", "float32 8x8", 2, {{F32, 2, {8, 8}, {8, 1}, 0}, {F32, 2, {8, 8}, {8, 1}, 1}}, call_cholesky, 0, 64},
    {"cholesky", "complex128 8x8", 2, {{C128, 2, {8, 8}, {8, 1}, 0}, {C128, 2, {8, 8}, {8, 1}, 1}}, call_cholesky, 0, 128},
    {"cholesky", "complex64 2 of 8x8", 2, {{C64, 3, {2, 8, 8}, {64, 8, 1}, 0}, {C64, 3, {2, 8, 8}, {64, 8, 1}, 1}}, call_cholesky, 0, 128},
    {"cholesky_inverse", "float64 8x8", 2, {{F64, 2, {8, 8}, {8, 1}, 0}, {F64, 2, {8, 8}, {8, 1}, 1}}, call_inverse, 0, 64},
    {"cholesky_inverse", "float64 3 of 50x50, transposed", 2, {{F64, 3, {3, 50, 50}, {2500, 1, 50}, 0}, {F64, 3, {3, 50, 50}, {2500, 50, 1}, 1}}, call_inverse, 0, 256},
    {"cholesky_inverse", "float32 8x8", 2, {{F32, 2, {8, 8}, {8, 1}, 0}, {F32, 2, {8, 8}, {8, 1}, 1}}, call_inverse, 0, 64},
    {"cholesky_inverse", "float64 2 of 300x300, transposed", 2, {{F64, 3, {2, 300, 300}, {90000, 1, 300}, 0}, {F64, 3, {2, 300, 300}, {90000, 300, 1}, 1}}, call_inverse, 0, 4096},
    {"triangular_solve", "float64 lower", 3, {{F64, 2, {20, 20}, {20, 1}, 0}, {F64, 2, {20, 3}, {3, 1}, 0}, {F64, 2, {20, 3}, {3, 1}, 1}}, call_triangular, 0, 256},
    {"triangular_solve", "float64 upper", 3, {{F64, 2, {20, 20}, {20, 1}, 0}, {F64, 2, {20, 3}, {3, 1}, 0}, {F64, 2, {20, 3}, {3, 1}, 1}}, call_triangular, 1, 256},
    {"triangular_solve", "float64 lower transposed", 3, {{F64, 2, {20, 20}, {20, 1}, 0}, {F64, 2, {20, 3}, {3, 1}, 0}, {F64, 2, {20, 3}, {3, 1}, 1}}, call_triangular, 2, 256},
    {"triangular_solve", "float64 upper transposed", 3, {{F64, 2, {20, 20}, {20, 1}, 0}, {F64, 2, {20, 3}, {3, 1}, 0}, {F64, 2, {20, 3}, {3, 1}, 1}}, call_triangular, 3, 256},
    {"triangular_solve", "float64 batched, one matrix", 3, {{F64, 3, {4, 6, 6}, {0, 6, 1}, 0}, {F64, 3, {4, 6, 2}, {12, 2, 1}, 0}, {F64, 3, {4, 6, 2}, {12, 2, 1}, 1}}, call_triangular, 0, 256},
    {"triangular_solve", "float32 lower", 3, {{F32, 2, {20, 20}, {20, 1}, 0}, {F32, 2, {20, 3}, {3, 1}, 0}, {F32, 2, {20, 3}, {3, 1}, 1}}, call_triangular, 0, 256},
    {"triangular_solve", "complex128 lower", 3, {{C128, 2, {20, 20}, {20, 1}, 0}, {C128, 2, {20, 3}, {3, 1}, 0}, {C128, 2, {20, 3}, {3, 1}, 1}}, call_triangular, 0, 512},
    {"triangular_solve", "complex128 upper transposed", 3, {{C128, 2, {20, 20}, {20, 1}, 0}, {C128, 2, {20, 3}, {3, 1}, 0}, {C128, 2, {20, 3}, {3, 1}, 1}}, call_triangular, 3, 512},
    {"triangular_solve", "complex128 lower, adjoint", 3, {{C128, 2, {20, 20}, {20, 1}, 0}, {C128, 2, {20, 3}, {3, 1}, 0}, {C128, 2, {20, 3}, {3, 1}, 1}}, call_triangular, 4, 512},
    {"triangular_solve", "complex64 lower", 3, {{C64, 2, {20, 20}, {20, 1}, 0}, {C64, 2, {20, 3}, {3, 1}, 0}, {C64, 2, {20, 3}, {3, 1}, 1}}, call_triangular, 0, 512},
    {"triangular_solve", "float64 lower 300x300, 70 columns", 3, {{F64, 2, {300, 300}, {300, 1}, 0}, {F64, 2, {300, 70}, {70, 1}, 0}, {F64, 2, {300, 70}, {70, 1}, 1}}, call_triangular, 0, 4096},
    {"triangular_solve", "float64 upper 300x300, 1 column", 3, {{F64, 2, {300, 300}, {300, 1}, 0}, {F64, 2, {300, 1}, {1, 1}, 0}, {F64, 2, {300, 1}, {1, 1}, 1}}, call_triangular, 1, 4096},
    {"triangular_solve", "float64 lower 300x300 transposed", 3, {{F64, 2, {300, 300}, {300, 1}, 0}, {F64, 2, {300, 5}, {5, 1}, 0}, {F64, 2, {300, 5}, {5, 1}, 1}}, call_triangular, 2, 4096},
    {"triangular_solve", "float64 upper 300x300 transposed", 3, {{F64, 2, {300, 300}, {300, 1}, 0}, {F64, 2, {300, 40}, {40, 1}, 0}, {F64, 2, {300, 40}, {40, 1}, 1}}, call_triangular, 3, 4096},
    {"triangular_solve", "complex128 lower 300x300, adjoint", 3, {{C128, 2, {300, 300}, {300, 1}, 0}, {C128, 2, {300, 30}, {30, 1}, 0}, {C128, 2, {300, 30}, {30, 1}, 1}}, call_triangular, 4, 8192},
    {"triangular_solve", "complex64 upper 300x300, adjoint", 3, {{C64, 2, {300, 300}, {300, 1}, 0}, {C64, 2, {300, 3}, {3, 1}, 0}, {C64, 2, {300, 3}, {3, 1}, 1}}, call_triangular, 5, 8192},
    {"triangular_solve", "float64 batched, one matrix of 260x260", 3, {{F64, 3, {3, 260, 260}, {0, 260, 1}, 0}, {F64, 3, {3, 260, 20}, {5200, 20, 1}, 0}, {F64, 3, {3, 260, 20}, {5200, 20, 1}, 1}}, call_triangular, 0, 4096},
    {"lu", "complex128 20x20", 4, {{C128, 2, {20, 20}, {20, 1}, 0}, {C128, 2, {20, 20}, {20, 1}, 1}, {NUMC_INT32, 1, {20}, {1}, 1}, {C128, 0, {0}, {0}, 1}}, call_lu, 0, 512},
    {"lu", "complex64 2 of 5x5", 4, {{C64, 3, {2, 5, 5}, {25, 5, 1}, 0}, {C64, 3, {2, 5, 5}, {25, 5, 1}, 1}, {NUMC_INT32, 2, {2, 5}, {5, 1}, 1}, {C64, 1, {2}, {1}, 1}}, call_lu, 0, 512},
    {"lu", "float64 20x20", 4, {{F64, 2, {20, 20}, {20, 1}, 0}, {F64, 2, {20, 20}, {20, 1}, 1}, {NUMC_INT32, 1, {20}, {1}, 1}, {F64, 0, {0}, {0}, 1}}, call_lu, 0, 256},
    {"lu", "float64 2 of 5x5", 4, {{F64, 3, {2, 5, 5}, {25, 5, 1}, 0}, {F64, 3, {2, 5, 5}, {25, 5, 1}, 1}, {NUMC_INT32, 2, {2, 5}, {5, 1}, 1}, {F64, 1, {2}, {1}, 1}}, call_lu, 0, 256},
    {"lu", "float32 20x20", 4, {{F32, 2, {20, 20}, {20, 1}, 0}, {F32, 2, {20, 20}, {20, 1}, 1}, {NUMC_INT32, 1, {20}, {1}, 1}, {F32, 0, {0}, {0}, 1}}, call_lu, 0, 256},
    {"lu", "float64 300x420", 4, {{F64, 2, {300, 420}, {420, 1}, 0}, {F64, 2, {300, 420}, {420, 1}, 1}, {NUMC_INT32, 1, {300}, {1}, 1}, {F64, 0, {0}, {0}, 1}}, call_lu, 0, 1048576},
    {"lu", "float64 420x300", 4, {{F64, 2, {420, 300}, {300, 1}, 0}, {F64, 2, {420, 300}, {300, 1}, 1}, {NUMC_INT32, 1, {420}, {1}, 1}, {F64, 0, {0}, {0}, 1}}, call_lu, 0, 1048576},
    {"lu", "complex128 280x300", 4, {{C128, 2, {280, 300}, {300, 1}, 0}, {C128, 2, {280, 300}, {300, 1}, 1}, {NUMC_INT32, 1, {280}, {1}, 1}, {C128, 0, {0}, {0}, 1}}, call_lu, 0, 1048576},
    {"lu", "float64 2 of 300x300", 4, {{F64, 3, {2, 300, 300}, {90000, 300, 1}, 0}, {F64, 3, {2, 300, 300}, {90000, 300, 1}, 1}, {NUMC_INT32, 2, {2, 300}, {300, 1}, 1}, {F64, 1, {2}, {1}, 1}}, call_lu, 0, 4096},
    {"gather", "float64 rows", 3, {{F64, 2, {19, 4}, {4, 1}, 0}, {I64, 1, {30}, {1}, 0}, {F64, 2, {30, 4}, {4, 1}, 1}}, call_gather, 0, 0},
    {"gather", "int32 columns, int32 indices", 3, {{NUMC_INT32, 2, {4, 19}, {1, 4}, 0}, {NUMC_INT32, 1, {30}, {1}, 0}, {NUMC_INT32, 2, {4, 30}, {30, 1}, 1}}, call_gather, 1, 0},
    {"gather", "float64 rows, uint64 indices", 3, {{F64, 2, {19, 4}, {4, 1}, 0}, {NUMC_UINT64, 1, {30}, {1}, 0}, {F64, 2, {30, 4}, {4, 1}, 1}}, call_gather, 0, 0},
    {"gather", "complex128 rows", 3, {{C128, 2, {19, 4}, {4, 1}, 0}, {I64, 1, {30}, {1}, 0}, {C128, 2, {30, 4}, {4, 1}, 1}}, call_gather, 0, 0},
    {"gather", "complex64 columns", 3, {{C64, 2, {4, 19}, {1, 4}, 0}, {I64, 1, {30}, {1}, 0}, {C64, 2, {4, 30}, {30, 1}, 1}}, call_gather, 1, 0},
    {"scatter", "complex128 set", 3, {{C128, 2, {19, 4}, {4, 1}, 1}, {I64, 1, {30}, {1}, 0}, {C128, 2, {30, 4}, {4, 1}, 0}}, call_scatter, 0, 0},
    {"scatter", "complex128 add", 3, {{C128, 2, {19, 4}, {4, 1}, 1}, {I64, 1, {30}, {1}, 0}, {C128, 2, {30, 4}, {4, 1}, 0}}, call_scatter, 1, 0},
    {"scatter", "complex64 add", 3, {{C64, 2, {19, 4}, {4, 1}, 1}, {I64, 1, {30}, {1}, 0}, {C64, 2, {30, 4}, {4, 1}, 0}}, call_scatter, 1, 0},
    {"scatter", "float64 set", 3, {{F64, 2, {19, 4}, {4, 1}, 1}, {I64, 1, {30}, {1}, 0}, {F64, 2, {30, 4}, {4, 1}, 0}}, call_scatter, 0, 0},
    {"scatter", "float64 add", 3, {{F64, 2, {19, 4}, {4, 1}, 1}, {I64, 1, {30}, {1}, 0}, {F64, 2, {30, 4}, {4, 1}, 0}}, call_scatter, 1, 0},
    {"scatter", "float64 set, uint64 indices", 3, {{F64, 2, {19, 4}, {4, 1}, 1}, {NUMC_UINT64, 1, {30}, {1}, 0}, {F64, 2, {30, 4}, {4, 1}, 0}}, call_scatter, 0, 0},
    {"scatter", "int64 add", 3, {{I64, 2, {19, 4}, {4, 1}, 1}, {I64, 1, {30}, {1}, 0}, {I64, 2, {30, 4}, {4, 1}, 0}}, call_scatter, 1, 0},
    {"cumulative", "sum float64", 2, {{F64, 3, {2, 50, 3}, {150, 3, 1}, 0}, {F64, 3, {2, 50, 3}, {150, 3, 1}, 1}}, call_cumulative, NUMC_REDUCTION_SUM << 1, 64},
    {"cumulative", "sum float64 reversed", 2, {{F64, 2, {3, 50}, {50, 1}, 0}, {F64, 2, {3, 50}, {50, 1}, 1}}, call_cumulative, NUMC_REDUCTION_SUM << 1 | 1, 64},
    {"cumulative", "sum complex128", 2, {{C128, 2, {3, 50}, {50, 1}, 0}, {C128, 2, {3, 50}, {50, 1}, 1}}, call_cumulative, NUMC_REDUCTION_SUM << 1, 64},
    {"cumulative", "product complex64 reversed", 2, {{C64, 2, {3, 50}, {50, 1}, 0}, {C64, 2, {3, 50}, {50, 1}, 1}}, call_cumulative, NUMC_REDUCTION_PROD << 1 | 1, 256},
    {"cumulative", "sum int64", 2, {{I64, 2, {3, 50}, {50, 1}, 0}, {I64, 2, {3, 50}, {50, 1}, 1}}, call_cumulative, NUMC_REDUCTION_SUM << 1, 0},
    {"cumulative", "max float64", 2, {{F64, 2, {3, 50}, {50, 1}, 0}, {F64, 2, {3, 50}, {50, 1}, 1}}, call_cumulative, NUMC_REDUCTION_MAX << 1, 0},
    {"sort", "float64", 3, {{F64, 2, {3, 100}, {100, 1}, 0}, {F64, 2, {3, 100}, {100, 1}, 1}, {I64, 2, {3, 100}, {100, 1}, 1}}, call_sort, 0, 0},
    {"sort", "float32 descending", 3, {{F32, 2, {3, 100}, {100, 1}, 0}, {F32, 2, {3, 100}, {100, 1}, 1}, {I64, 2, {3, 100}, {100, 1}, 1}}, call_sort, 1, 0},
    {"sort", "int64 strided", 3, {{I64, 2, {3, 100}, {1, 3}, 0}, {I64, 2, {3, 100}, {100, 1}, 1}, {I64, 2, {3, 100}, {100, 1}, 1}}, call_sort, 0, 0},
    {"search", "float64 left", 3, {{F64, 1, {40}, {1}, 0}, {F64, 1, {60}, {1}, 0}, {I64, 1, {60}, {1}, 1}}, call_search, 0, 0},
    {"search", "float64 right", 3, {{F64, 1, {40}, {1}, 0}, {F64, 1, {60}, {1}, 0}, {I64, 1, {60}, {1}, 1}}, call_search, 1, 0},
    /* two errors of 8 eps (log2 n + 2) of the result's norm, which is at most sqrt(n) times its largest element */
    {"fft", "complex128 forward", 2, {{C128, 2, {3, 60}, {60, 1}, 0}, {C128, 2, {3, 60}, {60, 1}, 1}}, call_fft, 1, 1536},
    {"fft", "complex128 backward, prime length", 2, {{C128, 2, {3, 101}, {101, 1}, 0}, {C128, 2, {3, 101}, {101, 1}, 1}}, call_fft, 3, 1536},
    {"fft", "complex128 along the first axis", 2, {{C128, 2, {60, 5}, {1, 60}, 0}, {C128, 2, {60, 5}, {5, 1}, 1}}, call_fft, 0, 1536},
    {"fft", "complex64 forward", 2, {{C64, 2, {3, 60}, {60, 1}, 0}, {C64, 2, {3, 60}, {60, 1}, 1}}, call_fft, 1, 1536},
    {"fft", "float64 to complex128", 2, {{F64, 2, {3, 60}, {60, 1}, 0}, {C128, 2, {3, 31}, {31, 1}, 1}}, call_fft, 1, 1536},
    {"fft", "float64 to complex128, odd length", 2, {{F64, 2, {3, 45}, {45, 1}, 0}, {C128, 2, {3, 23}, {23, 1}, 1}}, call_fft, 1, 1536},
    {"fft", "complex128 to float64", 2, {{C128, 2, {3, 31}, {31, 1}, 0}, {F64, 2, {3, 60}, {60, 1}, 1}}, call_fft, 3, 1536},
    {"fft", "complex128 to float64, odd length", 2, {{C128, 2, {3, 23}, {23, 1}, 0}, {F64, 2, {3, 45}, {45, 1}, 1}}, call_fft, 3, 1536},
    {"fft", "float32 to complex64", 2, {{F32, 2, {3, 60}, {60, 1}, 0}, {C64, 2, {3, 31}, {31, 1}, 1}}, call_fft, 1, 1536},
    {"fft", "complex64 to float32", 2, {{C64, 2, {3, 31}, {31, 1}, 0}, {F32, 2, {3, 60}, {60, 1}, 1}}, call_fft, 3, 1536},
};

/* Elements a view may touch. */
static int64_t room_of(const view_case *v, size_t k)
{
    int64_t last = 0;
    for (int32_t d = 0; d < v->views[k].rank; d++) {
        if (v->views[k].shape[d] == 0)
            return 0;
        last += (v->views[k].shape[d] - 1) * v->views[k].strides[d];
    }
    return last + 1;
}

static void fill_for(checker *c, const view_case *v, size_t k, operand *o)
{
    bool square = v->views[k].rank >= 2 && v->views[k].shape[v->views[k].rank - 1] == v->views[k].shape[v->views[k].rank - 2];
    bool factor = strncmp(v->slot, "cholesky", strlen("cholesky")) == 0 || strcmp(v->slot, "triangular_solve") == 0 || strcmp(v->slot, "lu") == 0;
    bool ties = strcmp(v->slot, "sort") == 0 || strcmp(v->slot, "search") == 0;
    bool pairs = o->dtype != v->views[k].dtype; /* a complex view is given as its real and imaginary parts */
    size_t size = numc_dtype_size((numc_dtype)v->views[k].dtype);
    check_fill(c, o, strcmp(v->slot, "sort") == 0 || o->dtype == NUMC_UINT64 ? DOMAIN_ALL : DOMAIN_SMALL); /* indices from 2^63 on too */
    if (factor && square) { /* symmetric or Hermitian noise in (-1, 1) around n on the diagonal */
        int64_t n = v->views[k].shape[v->views[k].rank - 1], matrices = n > 0 ? o->count / (n * n) / (pairs ? 2 : 1) : 0;
        for (int64_t m = 0; m < matrices; m++)
            for (int64_t i = 0; i < n; i++)
                for (int64_t j = 0; j <= i; j++) {
                    double value = 2.0 * check_uniform(c) - 1.0 + (i == j ? (double)n : 0.0);
                    char *one = (char *)o->data + (size_t)(m * n * n + i * n + j) * size;
                    char *other = (char *)o->data + (size_t)(m * n * n + j * n + i) * size;
                    check_put(o->dtype, one, value, 0);
                    check_put(o->dtype, other, value, 0);
                    if (pairs) {
                        value = i == j ? 0.0 : 2.0 * check_uniform(c) - 1.0;
                        check_put(o->dtype, other + size / 2, -value, 0);
                        check_put(o->dtype, one + size / 2, value, 0);
                    }
                }
    }
    if (ties && numc_dtype_kind((numc_dtype)o->dtype) == NUMC_KIND_REAL)
        for (int64_t i = 0; i < o->count; i++)
            if (strcmp(v->slot, "search") == 0 || i % 4 == 0) /* search: sorted, with repetitions */
                check_put(o->dtype, (char *)o->data + (size_t)i * size, (double)(k == 0 ? i / 3 : (int64_t)(check_next(c) % 20)), 0);
}

static int32_t run_views(const side *s, const view_case *v, operand *operands)
{
    void *memory[VIEWS] = {NULL};
    numc_view views[VIEWS];
    int32_t status = check_upload(s, operands, v->count, memory);
    for (size_t k = 0; k < v->count; k++)
        views[k] = (numc_view){.memory = memory[k],
                               .dtype = v->views[k].dtype,
                               .rank = v->views[k].rank,
                               .shape = v->views[k].shape,
                               .strides = v->views[k].strides};
    if (status == NUMC_OK)
        status = v->call(&s->device->table, s->device->device, views, v->how);
    return check_download(s, operands, v->count, memory, status);
}

/* Floating results of sums may cancel, so their tolerance counts steps at the size of the largest element of the result. */
static void coarsen(const view_case *v, operand *expected, operand *got)
{
    if (v->tolerance == 0.0)
        return;
    for (size_t k = 0; k < v->count; k++) {
        if (!expected[k].written || numc_dtype_kind((numc_dtype)expected[k].dtype) != NUMC_KIND_REAL)
            continue;
        bool narrow = expected[k].dtype == NUMC_FLOAT32;
        double most = 0.0;
        for (int64_t i = 0; i < expected[k].count; i++) {
            double value = narrow ? (double)((float *)expected[k].data)[i] : ((double *)expected[k].data)[i];
            most = fabs(value) > most ? fabs(value) : most;
        }
        for (int64_t i = 0; i < expected[k].count; i++) {
            double a = narrow ? (double)((float *)expected[k].data)[i] : ((double *)expected[k].data)[i];
            double b = narrow ? (double)((float *)got[k].data)[i] : ((double *)got[k].data)[i];
            if (!(fabs(a - b) <= v->tolerance * most * (narrow ? (double)FLT_EPSILON : DBL_EPSILON)))
                continue; /* left as it is: judged in steps of its own size */
            if (narrow)
                ((float *)got[k].data)[i] = ((float *)expected[k].data)[i];
            else
                ((double *)got[k].data)[i] = ((double *)expected[k].data)[i];
        }
    }
}

/* A complex operand is filled, moved and judged as twice as many components. */
static uint32_t component_of(uint32_t dtype)
{
    return dtype == NUMC_COMPLEX128 ? (uint32_t)NUMC_FLOAT64 : dtype == NUMC_COMPLEX64 ? (uint32_t)NUMC_FLOAT32 : dtype;
}

static void check_views(checker *c, const view_case *v)
{
    operand expected[VIEWS], got[VIEWS];
    bool ready = true, possible = true;
    if (c->only != 0 && c->only != component_of(v->views[0].dtype))
        return;
    for (size_t k = 0; k < v->count; k++) {
        const uint32_t dtype = component_of(v->views[k].dtype);
        int64_t room = room_of(v, k) * (dtype == v->views[k].dtype ? 1 : 2);
        ready = check_operand_new(&expected[k], dtype, room, v->views[k].written) && ready;
        ready = check_operand_new(&got[k], dtype, room, v->views[k].written) && ready;
        possible = possible && (dtype != NUMC_FLOAT64 || c->tested.device->info.float64);
    }
    for (size_t k = 0; ready && k < v->count; k++) {
        fill_for(c, v, k, &expected[k]);
        memcpy(got[k].data, expected[k].data, check_operand_bytes(&expected[k]));
    }
    if (!ready)
        check_row(c, v->slot, v->name, "wrong", "out of memory");
    else if (!possible)
        check_row(c, v->slot, v->name, "skipped", "the device has no float64");
    else {
        uint64_t before = check_fallbacks(&c->tested);
        (void)run_views(&c->reference, v, expected);
        int32_t status = run_views(&c->tested, v, got);
        if (status == NUMC_OK)
            coarsen(v, expected, got);
        check_judge(c, v->slot, v->name, before, status, expected, got, v->count, 0.0);
    }
    for (size_t k = 0; k < v->count; k++) {
        free(expected[k].data);
        free(got[k].data);
    }
}

/* ---- memory ------------------------------------------------------------------------------------------------------------------------------ */

static void check_memory(checker *c)
{
    enum { BYTES = 1000 };
    const numc_backend *t = &c->tested.device->table;
    numc_device *d = c->tested.device->device;
    unsigned char in[BYTES], out[BYTES];
    void *a = NULL, *b = NULL;
    for (size_t i = 0; i < BYTES; i++)
        in[i] = (unsigned char)check_next(c);
    int32_t status = t->memory_allocate(d, BYTES, &a);
    if (status == NUMC_OK)
        status = t->memory_allocate(d, BYTES, &b);
    if (status == NUMC_OK)
        status = t->memory_upload(d, a, 0, in, BYTES);
    if (status == NUMC_OK)
        status = t->memory_upload(d, b, 0, in, BYTES);
    if (status == NUMC_OK)
        status = t->memory_copy(d, b, 17, a, 501, 300);
    if (status == NUMC_OK)
        status = t->memory_download(d, b, 3, out, BYTES - 3);
    if (status == NUMC_OK)
        status = t->synchronize(d);
    bool same = status == NUMC_OK;
    for (size_t i = 3; same && i < BYTES; i++)
        same = out[i - 3] == (i >= 17 && i < 317 ? in[i - 17 + 501] : in[i]);
    if (a != NULL)
        t->memory_release(d, a, BYTES);
    if (b != NULL)
        t->memory_release(d, b, BYTES);
    check_row(c, "memory", "upload, copy and download at offsets", same ? "ok" : "wrong", same ? "" : "bytes differ or a call failed");
    status = t->memory_allocate(d, 0, &a);
    if (status == NUMC_OK)
        t->memory_release(d, a, 0);
    check_row(c, "memory", "an empty allocation", status == NUMC_OK ? "ok" : "wrong", "");
}

/* Copies kept as a list: nothing moves until it runs, and each run moves what is there then. A backend may keep none. */
static void check_recording(checker *c)
{
    enum { BYTES = 256 };
    const numc_backend *t = &c->tested.device->table;
    numc_device *d = c->tested.device->device;
    unsigned char in[BYTES], out[BYTES], before[BYTES];
    void *memory[3] = {NULL, NULL, NULL};
    numc_recording *recording = NULL;
    if (t->recording_begin == NULL)
        return;
    int32_t status = NUMC_OK;
    memset(before, 7, sizeof before);
    for (int k = 0; k < 3 && status == NUMC_OK; k++)
        status = t->memory_allocate(d, BYTES, &memory[k]);
    if (status == NUMC_OK)
        status = t->memory_upload(d, memory[2], 0, before, BYTES);
    if (status == NUMC_OK)
        status = t->recording_begin(d);
    const bool keeps = status != NUMC_UNSUPPORTED;
    if (status == NUMC_OK) {
        status = t->memory_copy(d, memory[1], 0, memory[0], 0, BYTES);
        if (status == NUMC_OK)
            status = t->memory_copy(d, memory[2], 0, memory[1], 0, BYTES);
        const int32_t ended = t->recording_end(d, &recording);
        status = status == NUMC_OK ? ended : status;
    }
    if (status == NUMC_OK)
        status = t->memory_download(d, memory[2], 0, out, BYTES);
    bool same = status == NUMC_OK && memcmp(out, before, BYTES) == 0;
    for (int round = 0; round < 2 && same; round++) {
        for (size_t i = 0; i < BYTES; i++)
            in[i] = (unsigned char)check_next(c);
        status = t->memory_upload(d, memory[0], 0, in, BYTES);
        if (status == NUMC_OK)
            status = t->recording_run(d, recording);
        if (status == NUMC_OK)
            status = t->memory_download(d, memory[2], 0, out, BYTES);
        same = status == NUMC_OK && memcmp(in, out, BYTES) == 0;
    }
    if (recording != NULL)
        t->recording_release(d, recording);
    for (int k = 0; k < 3; k++)
        if (memory[k] != NULL)
            t->memory_release(d, memory[k], BYTES);
    if (keeps)
        check_row(c, "recording", "copies kept as a list, run twice", same ? "ok" : "wrong", same ? "" : "bytes differ or a call failed");
}

/* Each count goes up by what is done between two looks, and by nothing else. A backend may count nothing. */
static void check_statistics(checker *c)
{
    enum { BYTES = 4096 };
    const numc_backend *t = &c->tested.device->table;
    numc_device *d = c->tested.device->device;
    unsigned char bytes[BYTES] = {0};
    void *memory = NULL;
    numc_device_statistics before = {.size = sizeof before}, held = before, after = before;
    if (t->device_statistics == NULL)
        return;
    int32_t status = t->device_statistics(d, &before);
    if (status == NUMC_OK)
        status = t->memory_allocate(d, BYTES, &memory);
    for (int k = 0; k < 2 && status == NUMC_OK; k++)
        status = t->memory_upload(d, memory, 0, bytes, BYTES);
    if (status == NUMC_OK)
        status = t->memory_copy(d, memory, 0, memory, BYTES / 2, BYTES / 2);
    if (status == NUMC_OK)
        status = t->memory_download(d, memory, 8, bytes, BYTES - 8);
    if (status == NUMC_OK)
        status = t->device_statistics(d, &held);
    if (memory != NULL)
        t->memory_release(d, memory, BYTES);
    if (status == NUMC_OK)
        status = t->device_statistics(d, &after);
    /* what an older plugin does not know is 0 before and after */
    const bool same = status == NUMC_OK && after.size <= sizeof after && held.allocations == before.allocations + 1 &&
                      held.bytes_live >= before.bytes_live + BYTES && held.bytes_peak >= held.bytes_live &&
                      after.bytes_live == before.bytes_live && held.uploads == before.uploads + 2 && held.copies == before.copies + 1 &&
                      held.bytes_uploaded == before.bytes_uploaded + (uint64_t)2 * BYTES && held.downloads == before.downloads + 1 &&
                      held.bytes_downloaded == before.bytes_downloaded + BYTES - 8 && after.launches == before.launches;
    check_row(c, "device_statistics", "a buffer, transfers and a copy, counted", same ? "ok" : "wrong", same ? "" : "a count is another, or a call failed");
}

/* Two downloads under way at once, and a later upload over what they read. */
static void check_transfers(checker *c)
{
    enum { BYTES = 4096 };
    const numc_backend *t = &c->tested.device->table;
    numc_device *d = c->tested.device->device;
    unsigned char in[BYTES], later[BYTES], out[2][BYTES];
    void *memory = NULL;
    numc_transfer *transfers[2] = {NULL, NULL};
    if (t->download_begin == NULL)
        return;
    for (size_t i = 0; i < BYTES; i++)
        in[i] = (unsigned char)check_next(c);
    memset(later, 7, sizeof later);
    int32_t status = t->memory_allocate(d, BYTES, &memory);
    if (status == NUMC_OK)
        status = t->memory_upload(d, memory, 0, in, BYTES);
    for (int k = 0; k < 2 && status == NUMC_OK; k++)
        status = t->download_begin(d, memory, (uint64_t)k * 24, out[k], BYTES - 24, &transfers[k]);
    if (status == NUMC_OK)
        status = t->memory_upload(d, memory, 0, later, BYTES);
    for (int k = 1; k >= 0; k--)
        if (transfers[k] != NULL && t->download_end(d, transfers[k]) != NUMC_OK)
            status = NUMC_BACKEND;
    const bool same = status == NUMC_OK && memcmp(in, out[0], BYTES - 24) == 0 && memcmp(in + 24, out[1], BYTES - 24) == 0;
    if (memory != NULL)
        t->memory_release(d, memory, BYTES);
    check_row(c, "memory", "downloads not waited for", same ? "ok" : "wrong", same ? "" : "bytes differ or a call failed");
}

/* `numc check --slots [NAME]`: the contract's slots as rows of Markdown; with a name, whether that backend fills them. */
static int print_slots(const char *name)
{
    static const char *const without[] = {
        [NUMC_NEED_REQUIRED] = "required", [NUMC_NEED_HOST] = "the host, on copies", [NUMC_NEED_CORE] = "the core, by other slots",
        [NUMC_NEED_NOTHING] = "done without"};
    const numc_backend *table = NULL;
    numc_context *context = NULL;
    if (name != NULL) {
        context = tool_open(name);
        numc_backend_device *device = numc__device(context);
        if (device == NULL) {
            fprintf(stderr, "numc check: %s\n", context != NULL ? numc_error_message(context) : "out of memory");
            numc_close(context);
            return 2;
        }
        table = &((const numc_backend_state *)device)->plugin;
    }
    printf("| family | slot | what it does | without it |%s%s%s\n", name != NULL ? " " : "", name != NULL ? name : "",
           name != NULL ? " |" : "");
    printf("|---|---|---|---|%s\n", name != NULL ? "---|" : "");
    for (size_t i = 0; i < NUMC_SLOT_ROWS; i++) {
        const numc_slot_info *slot = &numc__slots[i];
        printf("| ");
        for (const char *c = slot->family; *c != '\0'; c++)
            putchar(*c - 'A' + 'a');
        printf(" | `%s` | %s | %s |", slot->name, slot->text, without[slot->need]);
        if (table != NULL)
            printf(" %s |", numc__slot_present(table, slot) ? "yes" : "no");
        putchar('\n');
    }
    numc_close(context);
    return EXIT_SUCCESS;
}

/* What the device has counted on the way, where it counts. */
static void print_counts(const checker *c)
{
    numc_statistics s;
    if (c->quiet || numc_statistics_get(c->tested.context, &s) != NUMC_OK || s.device.size == 0)
        return;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {{"buffers", s.device.allocations}, {"of them from the pool", s.device.from_pool}, {"bytes at most", s.device.bytes_peak},
                {"bytes kept", s.device.bytes_kept}, {"uploads", s.device.uploads}, {"downloads", s.device.downloads},
                {"copies", s.device.copies}, {"launches", s.device.launches}, {"lists run", s.device.recordings_run},
                {"programs built", s.device.programs_built}, {"programs read", s.device.programs_read}};
    printf("\nthe device counted");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        printf("%s %llu %s", i > 0 ? "," : "", (unsigned long long)rows[i].value, rows[i].name);
    putchar('\n');
}

static int check_usage(void)
{
    fputs("usage: numc check [--quiet] [--bits] [--dtype NAME] NAME\n       numc check --slots [NAME]\n", stderr);
    return 2;
}

int tool_check(int count, char **words)
{
    checker c = {.state = 20261122};
    const char *name = NULL;
    bool slots = false;
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "--quiet") == 0)
            c.quiet = true;
        else if (strcmp(words[i], "--bits") == 0)
            c.bits = true;
        else if (strcmp(words[i], "--slots") == 0)
            slots = true;
        else if (strcmp(words[i], "--dtype") == 0 && i + 1 < count) {
            for (uint32_t dtype = NUMC_BOOL; dtype <= NUMC_FLOAT64; dtype++)
                if (strcmp(words[i + 1], numc_dtype_name((numc_dtype)dtype)) == 0)
                    c.only = dtype;
            if (c.only == 0) {
                fprintf(stderr, "numc check: --dtype %s is none of", words[i + 1]);
                for (uint32_t dtype = NUMC_BOOL; dtype <= NUMC_FLOAT64; dtype++)
                    fprintf(stderr, "%s %s", dtype == NUMC_BOOL ? "" : ",", numc_dtype_name((numc_dtype)dtype));
                fputc('\n', stderr);
                return 2;
            }
            i++;
        } else if (words[i][0] == '-' || name != NULL)
            return check_usage();
        else
            name = words[i];
    }
    if (slots)
        return print_slots(name);
    if (name == NULL)
        return check_usage();
    c.tested.context = tool_open(name);
    c.reference.context = tool_open("ref");
    int status = 2;
    if (c.tested.context != NULL && c.reference.context != NULL) {
        c.tested.device = numc__device(c.tested.context);
        c.reference.device = numc__device(c.reference.context);
        if (c.tested.device == NULL)
            fprintf(stderr, "numc check: %s\n", numc_error_message(c.tested.context));
        else if (c.reference.device == NULL)
            fprintf(stderr, "numc check: %s\n", numc_error_message(c.reference.context));
        else {
            printf("%s: %s (%s), kernels to level %u, from %s\n\n", c.tested.device->name, c.tested.device->info.name,
                   c.tested.device->info.driver, c.tested.device->info.kernel_level, c.tested.device->path);
            check_memory(&c);
            check_recording(&c);
            check_transfers(&c);
            check_statistics(&c);
            check_operations(&c);
            check_kernels(&c);
            check_routines(&c);
            for (size_t i = 0; i < sizeof view_cases / sizeof *view_cases; i++)
                check_views(&c, &view_cases[i]);
            check_factors(&c);
            print_counts(&c);
            printf("\n%zu ok, %zu fall back to the host, %zu wrong, %zu skipped\n", c.ok, c.fallback, c.wrong, c.skipped);
            status = c.wrong > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        }
    }
    numc_close(c.tested.context);
    numc_close(c.reference.context);
    return status;
}
