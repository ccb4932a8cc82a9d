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

#include "backend/build.h"
#include "tool.h"

/* exp and its like; special functions of one argument; incomplete gamma and beta, 50 eps each; kernels that compose some. */
enum { LIBRARY_ULP = 4, SPECIAL_ULP = 16, INCOMPLETE_ULP = 100, COMPOSED_ULP = 64, MOST_BUFFERS = 10 };

typedef struct side {
    numc_context *context;
    numc_backend_device *device;
} side;

typedef struct checker {
    side tested, reference;
    bool quiet, bits;
    size_t ok, fallback, wrong, skipped;
    uint64_t state; /* of the generator of inputs */
} checker;

/* One operand or result of a check in host memory. */
typedef struct operand {
    uint32_t dtype;
    int64_t count;
    void *data;
    bool written;
} operand;

/* ---- inputs ----------------------------------------------------------------------------------------------------------------- */

/* splitmix64: fixed seed, the same inputs in every run. */
static uint64_t next(checker *c)
{
    uint64_t z = c->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double uniform(checker *c)
{
    return (double)(next(c) >> 11) * 0x1p-53;
}

typedef enum domain {
    DOMAIN_ALL,   /* every finite magnitude, zeros, infinities, NaN */
    DOMAIN_UNIT,  /* [0, 1], edges included */
    DOMAIN_SHAPE, /* positive, 0.05 to 100 */
    DOMAIN_ORDER, /* 0 to 5, whole */
    DOMAIN_SMALL  /* |x| up to 8: sums and products stay finite */
} domain;

static double value_in(checker *c, domain d, int64_t i)
{
    static const double special[] = {0.0, -0.0, 1.0, -1.0, 0.5, INFINITY, -INFINITY, NAN, 1e-300, -1e-310, 1e300, 700.0,
                                     -745.0, 0x1p-1074, 2.5, -2.5, 3.5, DBL_MAX, -DBL_MAX, 1e-5, 100.0};
    double u = uniform(c);
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
    return next(c) % 2 != 0 ? magnitude : -magnitude;
}

static void put(uint32_t dtype, void *to, double real, uint64_t bits)
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
static void fill(checker *c, operand *o, domain d)
{
    size_t size = numc_dtype_size((numc_dtype)o->dtype);
    for (int64_t i = 0; i < o->count; i++) {
        uint64_t bits = next(c);
        if (i % 3 == 0 || d != DOMAIN_ALL)
            bits = bits % 19 - (numc_dtype_kind((numc_dtype)o->dtype) == NUMC_KIND_SIGNED && d == DOMAIN_ALL ? 9 : 0);
        put(o->dtype, (char *)o->data + (size_t)i * size, value_in(c, d, i), bits);
    }
}

static bool operand_new(operand *o, uint32_t dtype, int64_t count, bool written)
{
    size_t bytes = (size_t)(count > 0 ? count : 1) * numc_dtype_size((numc_dtype)dtype);
    *o = (operand){dtype, count, malloc(bytes), written};
    if (o->data != NULL)
        memset(o->data, written ? 0x5a : 0, bytes);
    return o->data != NULL;
}

static size_t operand_bytes(const operand *o)
{
    return (size_t)o->count * numc_dtype_size((numc_dtype)o->dtype);
}

/* ---- outcomes ---------------------------------------------------------------------------------------------------------------- */

static uint64_t fallbacks(const side *s)
{
    return atomic_load_explicit(&s->device->core->fallbacks, memory_order_relaxed);
}

static void row(checker *c, const char *slot, const char *what, const char *result, const char *detail)
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
static void judge(checker *c, const char *slot, const char *what, uint64_t fallbacks_before, int32_t status,
                  const operand *expected, const operand *got, size_t count, double tolerance)
{
    char detail[256] = "";
    if (status != NUMC_OK) {
        (void)numc__device_check(c->tested.context, status, slot);
        (void)snprintf(detail, sizeof detail, "%s", numc_error_message(c->tested.context));
        numc_error_clear(c->tested.context);
        row(c, slot, what, "wrong", detail);
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
        row(c, slot, what, "wrong", full);
        return;
    }
    full[0] = '\0';
    if (tolerance > 0.0)
        (void)snprintf(full, sizeof full, "%.3g ulp, allowed %g", worst, tolerance);
    row(c, slot, what, fallbacks(&c->tested) > fallbacks_before ? "falls back" : "ok", full);
}

/* ---- running ------------------------------------------------------------------------------------------------------------------- */

/* Operands to device memory; true when all arrived. */
static int32_t upload_all(const side *s, operand *operands, size_t count, void **memory)
{
    const numc_backend *t = &s->device->table;
    for (size_t k = 0; k < count; k++) {
        size_t bytes = operand_bytes(&operands[k]);
        int32_t status = t->memory_allocate(s->device->device, bytes, &memory[k]);
        if (status == NUMC_OK)
            status = t->memory_upload(s->device->device, memory[k], 0, operands[k].data, bytes);
        if (status != NUMC_OK)
            return status;
    }
    return NUMC_OK;
}

static int32_t download_all(const side *s, operand *operands, size_t count, void **memory, int32_t status)
{
    const numc_backend *t = &s->device->table;
    for (size_t k = 0; k < count; k++) {
        if (memory[k] == NULL)
            continue;
        if (status == NUMC_OK && operands[k].written)
            status = t->memory_download(s->device->device, memory[k], 0, operands[k].data, operand_bytes(&operands[k]));
        t->memory_release(s->device->device, memory[k], operand_bytes(&operands[k]));
    }
    return status;
}

static int32_t run_kernel(const side *s, const numc_build *b, const numc_kernel_arguments *arguments, operand *operands,
                          size_t count, bool as_launch)
{
    const numc_backend *t = &s->device->table;
    void *memory[MOST_BUFFERS] = {NULL};
    int32_t status = upload_all(s, operands, count, memory);
    numc_kernel_arguments full = *arguments;
    full.buffers = memory;
    numc_kernel *kernel = NULL;
    numc_launch *launch = NULL;
    if (status == NUMC_OK)
        status = t->kernel_build(s->device->device, &b->source, &kernel);
    if (status == NUMC_OK && !as_launch)
        status = t->kernel_run(s->device->device, kernel, &full);
    if (status == NUMC_OK && as_launch) {
        status = t->launch_prepare(s->device->device, kernel, &full, &launch);
        for (int round = 0; round < 2 && status == NUMC_OK; round++)
            status = t->launch_run(s->device->device, launch);
        if (launch != NULL)
            t->launch_release(s->device->device, launch);
    }
    status = download_all(s, operands, count, memory, status);
    if (kernel != NULL)
        t->kernel_release(s->device->device, kernel);
    return status;
}

/* Runs on both sides and prints the row. Takes the operands' memory. */
static void check_kernel(checker *c, const char *slot, const char *what, const numc_build *b,
                         const numc_kernel_arguments *arguments, operand *operands, size_t count, double tolerance)
{
    operand copies[MOST_BUFFERS];
    bool ready = true;
    for (size_t k = 0; k < count; k++) {
        ready = operand_new(&copies[k], operands[k].dtype, operands[k].count, operands[k].written) && ready &&
                operands[k].data != NULL;
        if (ready)
            memcpy(copies[k].data, operands[k].data, operand_bytes(&operands[k]));
    }
    if (ready) {
        uint64_t before = fallbacks(&c->tested);
        int32_t expected = run_kernel(&c->reference, b, arguments, operands, count, false);
        int32_t status = run_kernel(&c->tested, b, arguments, copies, count, strcmp(slot, "launch") == 0);
        if (expected != NUMC_OK) {
            (void)numc__device_check(c->reference.context, expected, "reference");
            row(c, slot, what, "wrong", numc_error_message(c->reference.context));
            numc_error_clear(c->reference.context);
        } else
            judge(c, slot, what, before, status, operands, copies, count, tolerance);
    } else
        row(c, slot, what, "wrong", "out of memory");
    for (size_t k = 0; k < count; k++) {
        free(operands[k].data);
        free(copies[k].data);
    }
}

static bool usable(const checker *c, uint32_t dtype)
{
    return dtype != NUMC_FLOAT64 || c->tested.device->info.float64;
}

/* ---- scalar operations ---------------------------------------------------------------------------------------------------------- */

typedef struct operation_rule {
    uint16_t operation;
    uint8_t ulp;
    uint8_t domains[4]; /* of each operand */
} operation_rule;

/* Operations not listed: exact, operands from everywhere. */
static const operation_rule rules[] = {
    {NUMC_SCALAR_EXP, LIBRARY_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_EXPM1, LIBRARY_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_LOG, LIBRARY_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_LOG1P, LIBRARY_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_LOG2, LIBRARY_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_LOG10, LIBRARY_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_SIN, LIBRARY_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_COS, LIBRARY_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_TAN, LIBRARY_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_ATAN, LIBRARY_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_SINH, LIBRARY_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_COSH, LIBRARY_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_TANH, LIBRARY_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_ASINH, LIBRARY_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_ACOSH, LIBRARY_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_ATANH, LIBRARY_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_ASIN, LIBRARY_ULP, {DOMAIN_UNIT}},
    {NUMC_SCALAR_ACOS, LIBRARY_ULP, {DOMAIN_UNIT}},
    {NUMC_SCALAR_ATAN2, LIBRARY_ULP, {DOMAIN_ALL, DOMAIN_ALL}},
    {NUMC_SCALAR_HYPOT, LIBRARY_ULP, {DOMAIN_ALL, DOMAIN_ALL}},
    {NUMC_SCALAR_POW, LIBRARY_ULP, {DOMAIN_ALL, DOMAIN_ALL}},
    {NUMC_SCALAR_LGAMMA, SPECIAL_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_DIGAMMA, SPECIAL_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_TRIGAMMA, SPECIAL_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_ERF, SPECIAL_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_ERFC, SPECIAL_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_NDTR, SPECIAL_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_LOG_NDTR, SPECIAL_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_EXPIT, SPECIAL_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_SOFTPLUS, SPECIAL_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_LOG1MEXP, SPECIAL_ULP, {DOMAIN_ALL}},
    {NUMC_SCALAR_ERFINV, SPECIAL_ULP, {DOMAIN_UNIT}},
    {NUMC_SCALAR_NDTRI, SPECIAL_ULP, {DOMAIN_UNIT}},
    {NUMC_SCALAR_LOGIT, SPECIAL_ULP, {DOMAIN_UNIT}},
    {NUMC_SCALAR_LOGADDEXP, SPECIAL_ULP, {DOMAIN_ALL, DOMAIN_ALL}},
    {NUMC_SCALAR_XLOGY, SPECIAL_ULP, {DOMAIN_ALL, DOMAIN_ALL}},
    {NUMC_SCALAR_XLOG1PY, SPECIAL_ULP, {DOMAIN_ALL, DOMAIN_ALL}},
    {NUMC_SCALAR_POLYGAMMA, SPECIAL_ULP, {DOMAIN_ORDER, DOMAIN_SHAPE}},
    {NUMC_SCALAR_BETALN, SPECIAL_ULP, {DOMAIN_SHAPE, DOMAIN_SHAPE}},
    {NUMC_SCALAR_GAMMAINC, INCOMPLETE_ULP, {DOMAIN_SHAPE, DOMAIN_SHAPE}},
    {NUMC_SCALAR_GAMMAINCC, INCOMPLETE_ULP, {DOMAIN_SHAPE, DOMAIN_SHAPE}},
    {NUMC_SCALAR_GAMMAINC_DA, INCOMPLETE_ULP, {DOMAIN_SHAPE, DOMAIN_SHAPE}},
    {NUMC_SCALAR_GAMMAINCINV, INCOMPLETE_ULP, {DOMAIN_SHAPE, DOMAIN_UNIT}},
    {NUMC_SCALAR_GAMMAINCCINV, INCOMPLETE_ULP, {DOMAIN_SHAPE, DOMAIN_UNIT}},
    {NUMC_SCALAR_BETAINC, INCOMPLETE_ULP, {DOMAIN_SHAPE, DOMAIN_SHAPE, DOMAIN_UNIT}},
    {NUMC_SCALAR_BETAINC_DA, INCOMPLETE_ULP, {DOMAIN_SHAPE, DOMAIN_SHAPE, DOMAIN_UNIT}},
    {NUMC_SCALAR_BETAINC_DB, INCOMPLETE_ULP, {DOMAIN_SHAPE, DOMAIN_SHAPE, DOMAIN_UNIT}},
    {NUMC_SCALAR_BETAINCINV, INCOMPLETE_ULP, {DOMAIN_SHAPE, DOMAIN_SHAPE, DOMAIN_UNIT}},
    {NUMC_SCALAR_RANDOM_GAMMA, 0, {DOMAIN_ALL, DOMAIN_ALL, DOMAIN_SHAPE}},
    {NUMC_SCALAR_RANDOM_LOGGAMMA, 0, {DOMAIN_ALL, DOMAIN_ALL, DOMAIN_SHAPE}},
    {NUMC_SCALAR_RANDOM_POISSON, 0, {DOMAIN_ALL, DOMAIN_ALL, DOMAIN_SHAPE}},
    {NUMC_SCALAR_RANDOM_BINOMIAL, 0, {DOMAIN_ALL, DOMAIN_ALL, DOMAIN_ORDER, DOMAIN_UNIT}},
};

static const operation_rule *rule_of(uint32_t operation)
{
    static const operation_rule exact = {0, 0, {DOMAIN_ALL}};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].operation == operation)
            return &rules[i];
    return &exact;
}

static uint32_t operand_dtype(uint32_t operation, uint32_t dtype, uint32_t number)
{
    if (numc__scalar_info(operation)->operands == NUMC_OPERANDS_RANDOM && number < 2)
        return NUMC_UINT64;
    return operation == NUMC_SCALAR_WHERE && number == 0 ? (uint32_t)NUMC_BOOL : dtype;
}

/* y[i] = operation(x[i], ...), one contiguous loop; `from`: CONVERT's operand dtype. */
static void check_operation(checker *c, uint32_t operation, uint32_t dtype, uint32_t from)
{
    enum { N = 333 }; /* no multiple of a vector or block length */
    const numc_scalar_info *info = numc__scalar_info(operation);
    const operation_rule *rule = rule_of(operation);
    operand operands[5];
    int32_t registers[4] = {-1, -1, -1, -1};
    int64_t strides[10], offsets[5] = {0}, extent = N;
    numc_build b;
    numc_build_begin(&b, 1);
    uint32_t result = info->result == NUMC_RESULT_BOOL ? (uint32_t)NUMC_BOOL : dtype;
    for (uint32_t k = 0; k < info->arity; k++) {
        uint32_t type = operation == NUMC_SCALAR_CONVERT ? from : operand_dtype(operation, dtype, k);
        (void)numc_build_access(&b, k, type, 0);
        if (operand_new(&operands[k], type, N, false))
            fill(c, &operands[k], (domain)rule->domains[k]);
        b.accesses[k].contiguity = NUMC_CONTIGUITY_UNIT;
    }
    int32_t out = numc_build_access(&b, info->arity, result, 1);
    b.accesses[out].contiguity = NUMC_CONTIGUITY_UNIT;
    (void)operand_new(&operands[info->arity], result, N, true);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
    for (uint32_t k = 0; k < info->arity; k++)
        registers[k] = numc_build_load(&b, (int32_t)k, -1);
    int32_t value = numc_build_scalar(&b, operation, dtype, result, registers[0], registers[1], registers[2], registers[3]);
    numc_build_store(&b, out, value, -1);
    numc_build_end(&b);
    for (size_t k = 0; k < 10; k++)
        strides[k] = k % 2 == 0;
    char what[64];
    if (operation == NUMC_SCALAR_CONVERT)
        (void)snprintf(what, sizeof what, "convert %s to %s", numc_dtype_name((numc_dtype)from),
                       numc_dtype_name((numc_dtype)dtype));
    else
        (void)snprintf(what, sizeof what, "%s %s", info->name, numc_dtype_name((numc_dtype)dtype));
    bool integer = numc_dtype_kind((numc_dtype)dtype) != NUMC_KIND_REAL;
    check_kernel(c, "kernel", what, &b,
                 &(numc_kernel_arguments){.extents = &extent, .offsets = offsets, .strides = strides}, operands,
                 info->arity + (size_t)1, integer || c->bits ? 0.0 : rule->ulp);
}

static void check_operations(checker *c)
{
    for (uint32_t operation = 0; operation < NUMC_SCALAR_LIMIT; operation++)
        for (uint32_t dtype = NUMC_BOOL; dtype <= NUMC_FLOAT64; dtype++) {
            if (!numc__scalar_admits(operation, (numc_dtype)dtype))
                continue;
            if (!usable(c, dtype)) {
                row(c, "kernel", numc__scalar_info(operation)->name, "skipped", "the device has no float64");
                continue;
            }
            if (operation != NUMC_SCALAR_CONVERT)
                check_operation(c, operation, dtype, 0);
            else
                for (uint32_t from = NUMC_BOOL; from <= NUMC_FLOAT64; from++)
                    if (usable(c, from))
                        check_operation(c, operation, dtype, from);
        }
}

/* ---- layouts --------------------------------------------------------------------------------------------------------------------- */

typedef struct layout {
    const char *name;
    uint32_t rank;
    int64_t extents[3], x_strides[3], y_strides[3], z_strides[3];
    int64_t x_offset, y_offset;
} layout;

static const layout layouts[] = {
    {"one element", 1, {1}, {1}, {1}, {1}, 0, 0},
    {"no element", 1, {0}, {1}, {1}, {1}, 0, 0},
    {"no row", 2, {0, 5}, {5, 1}, {5, 1}, {5, 1}, 0, 0},
    {"contiguous, with offset", 1, {777}, {1}, {1}, {1}, 3, 11},
    {"strided", 1, {100}, {7}, {3}, {2}, 1, 0},
    {"backwards", 1, {100}, {-1}, {-2}, {1}, 99, 300},
    {"uniform operand", 1, {500}, {0}, {1}, {1}, 5, 0},
    {"row and column", 2, {37, 41}, {0, 1}, {1, 0}, {41, 1}, 0, 0},
    {"transposed", 2, {29, 31}, {1, 29}, {31, 1}, {31, 1}, 0, 0},
    {"three axes, middle reversed", 3, {5, 6, 7}, {42, -7, 1}, {1, 5, 30}, {42, 7, 1}, 35, 0},
};

/* z = x - y over a layout; contiguity hints say what is true of the innermost loop. */
static void check_layout(checker *c, const layout *l, uint32_t dtype)
{
    enum { ROOM = 2000 };
    operand operands[3];
    int64_t offsets[3] = {l->x_offset, l->y_offset, 0}, strides[3 * 4] = {0};
    const int64_t *rows[3] = {l->x_strides, l->y_strides, l->z_strides};
    numc_build b;
    numc_build_begin(&b, 1);
    for (uint32_t k = 0; k < 3; k++) {
        int32_t access = numc_build_access(&b, k, dtype, k == 2);
        int64_t inner = rows[k][l->rank - 1];
        b.accesses[access].contiguity = inner == 1   ? NUMC_CONTIGUITY_UNIT
                                        : inner == 0 ? NUMC_CONTIGUITY_UNIFORM
                                                     : NUMC_CONTIGUITY_ANY;
        if (operand_new(&operands[k], dtype, ROOM, k == 2) && k < 2)
            fill(c, &operands[k], DOMAIN_ALL);
        for (uint32_t r = 0; r < l->rank; r++)
            strides[k * (l->rank + 1) + r] = rows[k][r];
    }
    for (uint32_t r = 0; r < l->rank; r++)
        numc_build_loop(&b, NUMC_NODE_PARALLEL, (int32_t)r, -1);
    int32_t x = numc_build_load(&b, 0, -1), y = numc_build_load(&b, 1, -1);
    numc_build_store(&b, 2, numc_build_scalar(&b, NUMC_SCALAR_SUBTRACT, dtype, dtype, x, y, -1, -1), -1);
    for (uint32_t r = 0; r < l->rank; r++)
        numc_build_end(&b);
    char what[80];
    (void)snprintf(what, sizeof what, "%s %s", l->name, numc_dtype_name((numc_dtype)dtype));
    check_kernel(c, "kernel", what, &b,
                 &(numc_kernel_arguments){.extents = l->extents, .offsets = offsets, .strides = strides}, operands, 3, 0.0);
}

/* ---- reductions ------------------------------------------------------------------------------------------------------------------- */

static const char *const reduction_names[] = {"", "sum", "prod", "max", "min", "any", "all", "argmax", "argmin"};

/* y[i] = reduction over j of x[i, j] for 3 rows; columns: contiguous or with stride 3. */
static void check_reduction(checker *c, uint32_t reduction, uint32_t dtype, int64_t n, int64_t step)
{
    enum { ROWS = 3 };
    operand operands[2];
    bool argument = reduction == NUMC_REDUCTION_ARGMAX || reduction == NUMC_REDUCTION_ARGMIN;
    uint32_t result = argument ? (uint32_t)NUMC_INT64 : dtype;
    numc_build b;
    numc_build_begin(&b, 1);
    (void)numc_build_access(&b, 0, dtype, 0);
    (void)numc_build_access(&b, 1, result, 1);
    b.accesses[0].contiguity = step == 1 ? NUMC_CONTIGUITY_UNIT : NUMC_CONTIGUITY_ANY;
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
    numc_build_loop(&b, NUMC_NODE_REDUCE, 1, -1);
    int32_t value = numc_build_accumulate(&b, reduction, dtype, numc_build_load(&b, 0, -1));
    numc_build_end(&b);
    numc_build_store(&b, 1, value, -1);
    numc_build_end(&b);
    if (operand_new(&operands[0], dtype, ROWS * n * step + 1, false))
        fill(c, &operands[0], DOMAIN_SMALL);
    (void)operand_new(&operands[1], result, ROWS, true);
    char what[80];
    (void)snprintf(what, sizeof what, "%s %s of %lld%s", reduction_names[reduction], numc_dtype_name((numc_dtype)dtype),
                   (long long)n, step == 1 ? "" : ", strided");
    check_kernel(c, "kernel", what, &b,
                 &(numc_kernel_arguments){.extents = (int64_t[]){ROWS, n},
                                          .offsets = (int64_t[]){0, 0},
                                          .strides = (int64_t[]){n * step, step, 0, 1, 0, 0}},
                 operands, 2, 0.0);
}

static void check_reductions(checker *c)
{
    static const int64_t lengths[] = {0, 1, 7, 8, 9, 100, 4099};
    for (uint32_t reduction = NUMC_REDUCTION_SUM; reduction <= NUMC_REDUCTION_ARGMIN; reduction++)
        for (uint32_t dtype = NUMC_BOOL; dtype <= NUMC_FLOAT64; dtype++) {
            bool logical = reduction == NUMC_REDUCTION_ANY || reduction == NUMC_REDUCTION_ALL;
            if (logical != (dtype == NUMC_BOOL) || !usable(c, dtype))
                continue;
            for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++)
                check_reduction(c, reduction, dtype, lengths[k], 1);
            check_reduction(c, reduction, dtype, 100, 3);
        }
}

/* ---- kernels of every level --------------------------------------------------------------------------------------------------------- */

/* One regression step: mean and variance of rows, then a second loop over the same data that needs them (level 2). */
static void check_several_loops(checker *c, const char *slot)
{
    enum { N = 1000 };
    operand operands[3];
    numc_build b;
    numc_build_begin(&b, 2);
    int32_t x = numc_build_access(&b, 0, NUMC_FLOAT64, 0), y = numc_build_access(&b, 1, NUMC_FLOAT64, 1);
    int32_t total = numc_build_access(&b, 2, NUMC_FLOAT64, 1), again = numc_build_access(&b, 0, NUMC_FLOAT64, 0);
    numc_build_loop(&b, NUMC_NODE_REDUCE, 0, -1);
    int32_t value = numc_build_load(&b, x, -1);
    int32_t sum = numc_build_accumulate(&b, NUMC_REDUCTION_SUM, NUMC_FLOAT64, value);
    int32_t squares = numc_build_accumulate(&b, NUMC_REDUCTION_SUM, NUMC_FLOAT64, numc_build_f64(&b, NUMC_SCALAR_SQUARE, value, -1));
    numc_build_end(&b);
    numc_build_store(&b, total, squares, -1);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
    int32_t shifted = numc_build_f64(&b, NUMC_SCALAR_SUBTRACT, numc_build_load(&b, again, -1), sum);
    numc_build_store(&b, y, numc_build_f64(&b, NUMC_SCALAR_TANH, numc_build_f64(&b, NUMC_SCALAR_DIVIDE, shifted, squares), -1), -1);
    numc_build_end(&b);
    if (operand_new(&operands[0], NUMC_FLOAT64, N, false))
        fill(c, &operands[0], DOMAIN_SMALL);
    (void)operand_new(&operands[1], NUMC_FLOAT64, N, true);
    (void)operand_new(&operands[2], NUMC_FLOAT64, 1, true);
    check_kernel(c, slot, "level 2: a reduction, then a loop that uses it", &b,
                 &(numc_kernel_arguments){.extents = (int64_t[]){N},
                                          .offsets = (int64_t[4]){0},
                                          .strides = (int64_t[]){1, 0, 1, 0, 0, 0, 1, 0}},
                 operands, 3, c->bits ? 0.0 : COMPOSED_ULP);
}

/* logsumexp of each row of a matrix, weighted by a gathered column (level 2). */
static void check_nested_reductions(checker *c)
{
    enum { ROWS = 23, COLUMNS = 19 };
    operand operands[3];
    numc_build b;
    numc_build_begin(&b, 2);
    int32_t x = numc_build_access(&b, 0, NUMC_FLOAT64, 0), index = numc_build_access(&b, 1, NUMC_INT64, 0);
    int32_t gathered = numc_build_access(&b, 0, NUMC_FLOAT64, 0), y = numc_build_access(&b, 2, NUMC_FLOAT64, 1);
    numc_build_loop(&b, NUMC_NODE_REDUCE, 0, -1);
    numc_build_loop(&b, NUMC_NODE_REDUCE, 1, -1);
    int32_t most = numc_build_accumulate(&b, NUMC_REDUCTION_MAX, NUMC_FLOAT64, numc_build_load(&b, x, -1));
    numc_build_end(&b);
    numc_build_loop(&b, NUMC_NODE_REDUCE, 1, -1);
    int32_t e = numc_build_f64(&b, NUMC_SCALAR_EXP, numc_build_f64(&b, NUMC_SCALAR_SUBTRACT, numc_build_load(&b, x, -1), most), -1);
    int32_t sum = numc_build_accumulate(&b, NUMC_REDUCTION_SUM, NUMC_FLOAT64, e);
    numc_build_end(&b);
    int32_t row_value = numc_build_f64(&b, NUMC_SCALAR_ADD, numc_build_f64(&b, NUMC_SCALAR_LOG, sum, -1), most);
    int32_t picked = numc_build_load(&b, gathered, numc_build_load(&b, index, -1));
    int32_t loss = numc_build_accumulate(&b, NUMC_REDUCTION_SUM, NUMC_FLOAT64, numc_build_f64(&b, NUMC_SCALAR_SUBTRACT, row_value, picked));
    numc_build_end(&b);
    numc_build_store(&b, y, loss, -1);
    if (operand_new(&operands[0], NUMC_FLOAT64, ROWS * COLUMNS, false))
        fill(c, &operands[0], DOMAIN_SMALL);
    if (operand_new(&operands[1], NUMC_INT64, ROWS, false))
        for (int i = 0; i < ROWS; i++)
            ((int64_t *)operands[1].data)[i] = (int64_t)(next(c) % COLUMNS);
    (void)operand_new(&operands[2], NUMC_FLOAT64, 1, true);
    check_kernel(c, "kernel", "level 2: nested reductions and a gather", &b,
                 &(numc_kernel_arguments){.extents = (int64_t[]){ROWS, COLUMNS},
                                          .offsets = (int64_t[4]){0},
                                          .strides = (int64_t[]){COLUMNS, 1, 0, 1, 0, 0, COLUMNS, 0, 1, 0, 0, 0}},
                 operands, 3, c->bits ? 0.0 : COMPOSED_ULP);
}

/* GARCH(1,1)'s recursion in each of several parallel chains (level 3). */
static void check_sequential(checker *c)
{
    enum { CHAINS = 5, N = 200 };
    operand operands[2];
    double constants[3] = {0.5, 0.3, 0.4};
    uint64_t words[3];
    memcpy(words, constants, sizeof words);
    numc_build b;
    numc_build_begin(&b, 3);
    int32_t x = numc_build_access(&b, 0, NUMC_FLOAT64, 0), y = numc_build_access(&b, 1, NUMC_FLOAT64, 1);
    int32_t k0 = numc_build_constant(&b, NUMC_FLOAT64), k1 = numc_build_constant(&b, NUMC_FLOAT64);
    int32_t k2 = numc_build_constant(&b, NUMC_FLOAT64);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
    int32_t variance = numc_build_carry(&b, k0);
    numc_build_loop(&b, NUMC_NODE_SEQUENTIAL, 1, -1);
    int32_t square = numc_build_f64(&b, NUMC_SCALAR_SQUARE, numc_build_load(&b, x, -1), -1);
    int32_t a = numc_build_f64(&b, NUMC_SCALAR_MULTIPLY, k1, square);
    int32_t d = numc_build_f64(&b, NUMC_SCALAR_MULTIPLY, k2, variance);
    int32_t new_variance = numc_build_f64(&b, NUMC_SCALAR_ADD, k0, numc_build_f64(&b, NUMC_SCALAR_ADD, a, d));
    numc_build_store(&b, y, numc_build_f64(&b, NUMC_SCALAR_LOG, new_variance, -1), -1);
    numc_build_update(&b, variance, new_variance);
    numc_build_end(&b);
    numc_build_end(&b);
    if (operand_new(&operands[0], NUMC_FLOAT64, CHAINS * N, false))
        fill(c, &operands[0], DOMAIN_SMALL);
    (void)operand_new(&operands[1], NUMC_FLOAT64, CHAINS * N, true);
    check_kernel(c, "kernel", "level 3: a sequential recursion", &b,
                 &(numc_kernel_arguments){.extents = (int64_t[]){CHAINS, N},
                                          .offsets = (int64_t[2]){0},
                                          .strides = (int64_t[]){N, 1, 0, 1, CHAINS, 0},
                                          .constants = words},
                 operands, 2, c->bits ? 0.0 : COMPOSED_ULP);
}

/* Newton's square root until it stands still, in each parallel element (level 3). */
static void check_while(checker *c)
{
    enum { N = 50 };
    operand operands[2];
    double constants[2] = {0.5, 1e-12};
    uint64_t words[2];
    memcpy(words, constants, sizeof words);
    numc_build b;
    numc_build_begin(&b, 3);
    int32_t x = numc_build_access(&b, 0, NUMC_FLOAT64, 0), y = numc_build_access(&b, 1, NUMC_FLOAT64, 1);
    int32_t half = numc_build_constant(&b, NUMC_FLOAT64), limit = numc_build_constant(&b, NUMC_FLOAT64);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
    int32_t target = numc_build_load(&b, x, -1);
    int32_t root = numc_build_carry(&b, target);
    numc_build_loop(&b, NUMC_NODE_WHILE, -1, -1);
    int32_t quotient = numc_build_f64(&b, NUMC_SCALAR_DIVIDE, target, root);
    int32_t better = numc_build_f64(&b, NUMC_SCALAR_MULTIPLY, half, numc_build_f64(&b, NUMC_SCALAR_ADD, root, quotient));
    int32_t change = numc_build_f64(&b, NUMC_SCALAR_ABS, numc_build_f64(&b, NUMC_SCALAR_SUBTRACT, better, root), -1);
    numc_build_continue(&b, numc_build_scalar(&b, NUMC_SCALAR_GREATER, NUMC_FLOAT64, NUMC_BOOL, change, limit, -1, -1));
    numc_build_update(&b, root, better);
    numc_build_end(&b);
    numc_build_store(&b, y, root, -1);
    numc_build_end(&b);
    if (operand_new(&operands[0], NUMC_FLOAT64, N, false))
        fill(c, &operands[0], DOMAIN_SHAPE);
    (void)operand_new(&operands[1], NUMC_FLOAT64, N, true);
    check_kernel(c, "kernel", "level 3: while", &b,
                 &(numc_kernel_arguments){.extents = (int64_t[]){N},
                                          .offsets = (int64_t[2]){0},
                                          .strides = (int64_t[]){1, 0, 0, 1, 0, 0},
                                          .constants = words},
                 operands, 2, 0.0);
}

/* Prefix products of each row in a local array, by loops whose extent is a register (level 3). */
static void check_locals(checker *c)
{
    enum { ROWS = 7, COLUMNS = 9 };
    operand operands[2];
    uint64_t words[1] = {1};
    numc_build b;
    numc_build_begin(&b, 3);
    int32_t x = numc_build_access(&b, 0, NUMC_FLOAT64, 0), y = numc_build_access(&b, 1, NUMC_FLOAT64, 1);
    int32_t local = numc_build_local(&b, NUMC_FLOAT64, COLUMNS);
    int32_t one = numc_build_constant(&b, NUMC_INT64);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
    numc_build_loop(&b, NUMC_NODE_SEQUENTIAL, 1, -1);
    int32_t j = numc_build_index(&b, 1);
    numc_build_local_store(&b, local, j, numc_build_load(&b, x, -1));
    int32_t length = numc_build_scalar(&b, NUMC_SCALAR_ADD, NUMC_INT64, NUMC_INT64, j, one, -1, -1);
    numc_build_loop(&b, NUMC_NODE_REDUCE, -1, length);
    int32_t product = numc_build_accumulate(&b, NUMC_REDUCTION_PROD, NUMC_FLOAT64,
                                            numc_build_local_load(&b, local, numc_build_index(&b, 2)));
    numc_build_end(&b);
    numc_build_store(&b, y, product, -1);
    numc_build_end(&b);
    numc_build_end(&b);
    if (operand_new(&operands[0], NUMC_FLOAT64, ROWS * COLUMNS, false))
        fill(c, &operands[0], DOMAIN_SMALL);
    (void)operand_new(&operands[1], NUMC_FLOAT64, ROWS * COLUMNS, true);
    check_kernel(c, "kernel", "level 3: local array, register extent", &b,
                 &(numc_kernel_arguments){.extents = (int64_t[]){ROWS, COLUMNS},
                                          .offsets = (int64_t[2]){0},
                                          .strides = (int64_t[]){COLUMNS, 1, 0, 0, COLUMNS, 1, 0, 0},
                                          .constants = words},
                 operands, 2, 0.0);
}

static void check_kernels(checker *c)
{
    static const uint32_t dtypes[] = {NUMC_INT8, NUMC_INT64, NUMC_FLOAT32, NUMC_FLOAT64};
    for (size_t l = 0; l < sizeof layouts / sizeof *layouts; l++)
        for (size_t k = 0; k < sizeof dtypes / sizeof *dtypes; k++)
            if (usable(c, dtypes[k]))
                check_layout(c, &layouts[l], dtypes[k]);
    check_reductions(c);
    if (!usable(c, NUMC_FLOAT64))
        return;
    check_several_loops(c, "kernel");
    check_nested_reductions(c);
    check_sequential(c);
    check_while(c);
    check_locals(c);
    check_several_loops(c, "launch");
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
static int32_t call_triangular(const numc_backend *t, numc_device *d, const numc_view *v, uint32_t how)
{
    return t->triangular_solve(d, &v[0], &v[1], &v[2], how & 1, how >> 1 & 1, how >> 2);
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

#define F64 NUMC_FLOAT64
#define F32 NUMC_FLOAT32
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
    {"cholesky", "float64 8x8", 2, {{F64, 2, {8, 8}, {8, 1}, 0}, {F64, 2, {8, 8}, {8, 1}, 1}}, call_cholesky, 0, 64},
    {"cholesky", "float64 3 of 50x50", 2, {{F64, 3, {3, 50, 50}, {2500, 50, 1}, 0}, {F64, 3, {3, 50, 50}, {2500, 50, 1}, 1}}, call_cholesky, 0, 256},
    {"cholesky", "float32 8x8", 2, {{F32, 2, {8, 8}, {8, 1}, 0}, {F32, 2, {8, 8}, {8, 1}, 1}}, call_cholesky, 0, 64},
    {"triangular_solve", "float64 lower", 3, {{F64, 2, {20, 20}, {20, 1}, 0}, {F64, 2, {20, 3}, {3, 1}, 0}, {F64, 2, {20, 3}, {3, 1}, 1}}, call_triangular, 0, 256},
    {"triangular_solve", "float64 upper", 3, {{F64, 2, {20, 20}, {20, 1}, 0}, {F64, 2, {20, 3}, {3, 1}, 0}, {F64, 2, {20, 3}, {3, 1}, 1}}, call_triangular, 1, 256},
    {"triangular_solve", "float64 lower transposed", 3, {{F64, 2, {20, 20}, {20, 1}, 0}, {F64, 2, {20, 3}, {3, 1}, 0}, {F64, 2, {20, 3}, {3, 1}, 1}}, call_triangular, 2, 256},
    {"triangular_solve", "float64 upper transposed", 3, {{F64, 2, {20, 20}, {20, 1}, 0}, {F64, 2, {20, 3}, {3, 1}, 0}, {F64, 2, {20, 3}, {3, 1}, 1}}, call_triangular, 3, 256},
    {"triangular_solve", "float64 batched, one matrix", 3, {{F64, 3, {4, 6, 6}, {0, 6, 1}, 0}, {F64, 3, {4, 6, 2}, {12, 2, 1}, 0}, {F64, 3, {4, 6, 2}, {12, 2, 1}, 1}}, call_triangular, 0, 256},
    {"triangular_solve", "float32 lower", 3, {{F32, 2, {20, 20}, {20, 1}, 0}, {F32, 2, {20, 3}, {3, 1}, 0}, {F32, 2, {20, 3}, {3, 1}, 1}}, call_triangular, 0, 256},
    {"lu", "float64 20x20", 4, {{F64, 2, {20, 20}, {20, 1}, 0}, {F64, 2, {20, 20}, {20, 1}, 1}, {NUMC_INT32, 1, {20}, {1}, 1}, {F64, 0, {0}, {0}, 1}}, call_lu, 0, 256},
    {"lu", "float64 2 of 5x5", 4, {{F64, 3, {2, 5, 5}, {25, 5, 1}, 0}, {F64, 3, {2, 5, 5}, {25, 5, 1}, 1}, {NUMC_INT32, 2, {2, 5}, {5, 1}, 1}, {F64, 1, {2}, {1}, 1}}, call_lu, 0, 256},
    {"lu", "float32 20x20", 4, {{F32, 2, {20, 20}, {20, 1}, 0}, {F32, 2, {20, 20}, {20, 1}, 1}, {NUMC_INT32, 1, {20}, {1}, 1}, {F32, 0, {0}, {0}, 1}}, call_lu, 0, 256},
    {"gather", "float64 rows", 3, {{F64, 2, {19, 4}, {4, 1}, 0}, {I64, 1, {30}, {1}, 0}, {F64, 2, {30, 4}, {4, 1}, 1}}, call_gather, 0, 0},
    {"gather", "int32 columns, int32 indices", 3, {{NUMC_INT32, 2, {4, 19}, {1, 4}, 0}, {NUMC_INT32, 1, {30}, {1}, 0}, {NUMC_INT32, 2, {4, 30}, {30, 1}, 1}}, call_gather, 1, 0},
    {"scatter", "float64 set", 3, {{F64, 2, {19, 4}, {4, 1}, 1}, {I64, 1, {30}, {1}, 0}, {F64, 2, {30, 4}, {4, 1}, 0}}, call_scatter, 0, 0},
    {"scatter", "float64 add", 3, {{F64, 2, {19, 4}, {4, 1}, 1}, {I64, 1, {30}, {1}, 0}, {F64, 2, {30, 4}, {4, 1}, 0}}, call_scatter, 1, 0},
    {"scatter", "int64 add", 3, {{I64, 2, {19, 4}, {4, 1}, 1}, {I64, 1, {30}, {1}, 0}, {I64, 2, {30, 4}, {4, 1}, 0}}, call_scatter, 1, 0},
    {"cumulative", "sum float64", 2, {{F64, 3, {2, 50, 3}, {150, 3, 1}, 0}, {F64, 3, {2, 50, 3}, {150, 3, 1}, 1}}, call_cumulative, NUMC_REDUCTION_SUM << 1, 64},
    {"cumulative", "sum float64 reversed", 2, {{F64, 2, {3, 50}, {50, 1}, 0}, {F64, 2, {3, 50}, {50, 1}, 1}}, call_cumulative, NUMC_REDUCTION_SUM << 1 | 1, 64},
    {"cumulative", "sum int64", 2, {{I64, 2, {3, 50}, {50, 1}, 0}, {I64, 2, {3, 50}, {50, 1}, 1}}, call_cumulative, NUMC_REDUCTION_SUM << 1, 0},
    {"cumulative", "max float64", 2, {{F64, 2, {3, 50}, {50, 1}, 0}, {F64, 2, {3, 50}, {50, 1}, 1}}, call_cumulative, NUMC_REDUCTION_MAX << 1, 0},
    {"sort", "float64", 3, {{F64, 2, {3, 100}, {100, 1}, 0}, {F64, 2, {3, 100}, {100, 1}, 1}, {I64, 2, {3, 100}, {100, 1}, 1}}, call_sort, 0, 0},
    {"sort", "float32 descending", 3, {{F32, 2, {3, 100}, {100, 1}, 0}, {F32, 2, {3, 100}, {100, 1}, 1}, {I64, 2, {3, 100}, {100, 1}, 1}}, call_sort, 1, 0},
    {"sort", "int64 strided", 3, {{I64, 2, {3, 100}, {1, 3}, 0}, {I64, 2, {3, 100}, {100, 1}, 1}, {I64, 2, {3, 100}, {100, 1}, 1}}, call_sort, 0, 0},
    {"search", "float64 left", 3, {{F64, 1, {40}, {1}, 0}, {F64, 1, {60}, {1}, 0}, {I64, 1, {60}, {1}, 1}}, call_search, 0, 0},
    {"search", "float64 right", 3, {{F64, 1, {40}, {1}, 0}, {F64, 1, {60}, {1}, 0}, {I64, 1, {60}, {1}, 1}}, call_search, 1, 0},
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
    bool factor = strcmp(v->slot, "cholesky") == 0 || strcmp(v->slot, "triangular_solve") == 0 || strcmp(v->slot, "lu") == 0;
    bool ties = strcmp(v->slot, "sort") == 0 || strcmp(v->slot, "search") == 0;
    size_t size = numc_dtype_size((numc_dtype)o->dtype);
    fill(c, o, strcmp(v->slot, "sort") == 0 ? DOMAIN_ALL : DOMAIN_SMALL);
    if (factor && square) { /* symmetric noise in (-1, 1) around n on the diagonal */
        int64_t n = v->views[k].shape[v->views[k].rank - 1], matrices = n > 0 ? o->count / (n * n) : 0;
        for (int64_t m = 0; m < matrices; m++)
            for (int64_t i = 0; i < n; i++)
                for (int64_t j = 0; j <= i; j++) {
                    double value = 2.0 * uniform(c) - 1.0 + (i == j ? (double)n : 0.0);
                    put(o->dtype, (char *)o->data + (size_t)(m * n * n + i * n + j) * size, value, 0);
                    put(o->dtype, (char *)o->data + (size_t)(m * n * n + j * n + i) * size, value, 0);
                }
    }
    if (ties && numc_dtype_kind((numc_dtype)o->dtype) == NUMC_KIND_REAL)
        for (int64_t i = 0; i < o->count; i++)
            if (strcmp(v->slot, "search") == 0 || i % 4 == 0) /* search: sorted, with repetitions */
                put(o->dtype, (char *)o->data + (size_t)i * size, (double)(k == 0 ? i / 3 : (int64_t)(next(c) % 20)), 0);
}

static int32_t run_views(const side *s, const view_case *v, operand *operands)
{
    void *memory[VIEWS] = {NULL};
    numc_view views[VIEWS];
    int32_t status = upload_all(s, operands, v->count, memory);
    for (size_t k = 0; k < v->count; k++)
        views[k] = (numc_view){.memory = memory[k],
                               .dtype = v->views[k].dtype,
                               .rank = v->views[k].rank,
                               .shape = v->views[k].shape,
                               .strides = v->views[k].strides};
    if (status == NUMC_OK)
        status = v->call(&s->device->table, s->device->device, views, v->how);
    return download_all(s, operands, v->count, memory, status);
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

static void check_views(checker *c, const view_case *v)
{
    operand expected[VIEWS], got[VIEWS];
    bool ready = true, possible = true;
    for (size_t k = 0; k < v->count; k++) {
        int64_t room = room_of(v, k);
        ready = operand_new(&expected[k], v->views[k].dtype, room, v->views[k].written) && ready;
        ready = operand_new(&got[k], v->views[k].dtype, room, v->views[k].written) && ready;
        possible = possible && usable(c, v->views[k].dtype);
    }
    for (size_t k = 0; ready && k < v->count; k++) {
        fill_for(c, v, k, &expected[k]);
        memcpy(got[k].data, expected[k].data, operand_bytes(&expected[k]));
    }
    if (!ready)
        row(c, v->slot, v->name, "wrong", "out of memory");
    else if (!possible)
        row(c, v->slot, v->name, "skipped", "the device has no float64");
    else {
        uint64_t before = fallbacks(&c->tested);
        (void)run_views(&c->reference, v, expected);
        int32_t status = run_views(&c->tested, v, got);
        if (status == NUMC_OK)
            coarsen(v, expected, got);
        judge(c, v->slot, v->name, before, status, expected, got, v->count, 0.0);
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
        in[i] = (unsigned char)next(c);
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
    row(c, "memory", "upload, copy and download at offsets", same ? "ok" : "wrong", same ? "" : "bytes differ or a call failed");
    status = t->memory_allocate(d, 0, &a);
    if (status == NUMC_OK)
        t->memory_release(d, a, 0);
    row(c, "memory", "an empty allocation", status == NUMC_OK ? "ok" : "wrong", "");
}

int tool_check(int count, char **words)
{
    checker c = {.state = 20261122};
    const char *name = NULL;
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "--quiet") == 0)
            c.quiet = true;
        else if (strcmp(words[i], "--bits") == 0)
            c.bits = true;
        else if (words[i][0] == '-' || name != NULL) {
            fputs("usage: numc check [--quiet] [--bits] NAME\n", stderr);
            return 2;
        } else
            name = words[i];
    }
    if (name == NULL) {
        fputs("usage: numc check [--quiet] [--bits] NAME\n", stderr);
        return 2;
    }
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
            check_operations(&c);
            check_kernels(&c);
            for (size_t i = 0; i < sizeof view_cases / sizeof *view_cases; i++)
                check_views(&c, &view_cases[i]);
            printf("\n%zu ok, %zu fall back to the host, %zu wrong, %zu skipped\n", c.ok, c.fallback, c.wrong, c.skipped);
            status = c.wrong > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        }
    }
    numc_close(c.tested.context);
    numc_close(c.reference.context);
    return status;
}
