/* check_kernels.c - the rows of `numc check` for kernels: every scalar operation and dtype, layouts, reductions, loop trees. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static int32_t run_kernel(const side *s, const numc_build *b, const numc_kernel_arguments *arguments, operand *operands,
                          size_t count, bool as_launch)
{
    const numc_backend *t = &s->device->table;
    void *memory[MOST_BUFFERS] = {NULL};
    int32_t status = check_upload(s, operands, count, memory);
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
    status = check_download(s, operands, count, memory, status);
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
        ready = check_operand_new(&copies[k], operands[k].dtype, operands[k].count, operands[k].written) && ready &&
                operands[k].data != NULL;
        if (ready)
            memcpy(copies[k].data, operands[k].data, check_operand_bytes(&operands[k]));
    }
    if (ready) {
        uint64_t before = check_fallbacks(&c->tested);
        int32_t expected = run_kernel(&c->reference, b, arguments, operands, count, false);
        int32_t status = run_kernel(&c->tested, b, arguments, copies, count, strcmp(slot, "launch") == 0);
        if (expected != NUMC_OK) {
            (void)numc__device_check(c->reference.context, expected, "reference");
            check_row(c, slot, what, "wrong", numc_error_message(c->reference.context));
            numc_error_clear(c->reference.context);
        } else
            check_judge(c, slot, what, before, status, operands, copies, count, tolerance);
    } else
        check_row(c, slot, what, "wrong", "out of memory");
    for (size_t k = 0; k < count; k++) {
        free(operands[k].data);
        free(copies[k].data);
    }
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
        if (check_operand_new(&operands[k], type, N, false))
            check_fill(c, &operands[k], (domain)rule->domains[k]);
        b.accesses[k].contiguity = NUMC_CONTIGUITY_UNIT;
    }
    int32_t out = numc_build_access(&b, info->arity, result, 1);
    b.accesses[out].contiguity = NUMC_CONTIGUITY_UNIT;
    (void)check_operand_new(&operands[info->arity], result, N, true);
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
    bool integer = numc_dtype_kind((numc_dtype)dtype) != NUMC_KIND_REAL, draws = info->operands == NUMC_OPERANDS_RANDOM;
    double allowed = rule->ulp;
    if (!c->tested.device->info.float64 && (allowed > 0.0 || draws)) /* float32 throughout: near zeros nothing is more exact */
        allowed = COMPOSED_ULP;
    check_kernel(c, "kernel", what, &b,
                 &(numc_kernel_arguments){.extents = &extent, .offsets = offsets, .strides = strides}, operands,
                 info->arity + (size_t)1, integer || c->bits ? 0.0 : allowed);
}

void check_operations(checker *c)
{
    for (uint32_t operation = 0; operation < NUMC_SCALAR_LIMIT; operation++)
        for (uint32_t dtype = NUMC_BOOL; dtype <= NUMC_FLOAT64; dtype++) {
            if (!numc__scalar_admits(operation, (numc_dtype)dtype))
                continue;
            if (c->only != 0 && c->only != dtype)
                continue;
            if (!check_usable(c, dtype)) {
                check_row(c, "kernel", numc__scalar_info(operation)->name, "skipped", "the device has no float64");
                continue;
            }
            if (operation != NUMC_SCALAR_CONVERT)
                check_operation(c, operation, dtype, 0);
            else
                for (uint32_t from = NUMC_BOOL; from <= NUMC_FLOAT64; from++)
                    if (check_usable(c, from))
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
        if (check_operand_new(&operands[k], dtype, ROOM, k == 2) && k < 2)
            check_fill(c, &operands[k], DOMAIN_ALL);
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
    /* a backend may add in an order of its own; and where there is no float64, which float32 sums are taken in elsewhere, each addition
     * rounds */
    bool additive = dtype >= NUMC_FLOAT32 && (reduction == NUMC_REDUCTION_SUM || reduction == NUMC_REDUCTION_PROD);
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
    if (check_operand_new(&operands[0], dtype, ROWS * n * step + 1, false))
        /* terms of one sign where sums are judged by ulp: those of both may end anywhere near zero, however they are added */
        check_fill(c, &operands[0], reduction == NUMC_REDUCTION_SUM && additive && !c->bits ? DOMAIN_SHAPE : DOMAIN_SMALL);
    (void)check_operand_new(&operands[1], result, ROWS, true);
    char what[80];
    (void)snprintf(what, sizeof what, "%s %s of %lld%s", reduction_names[reduction], numc_dtype_name((numc_dtype)dtype),
                   (long long)n, step == 1 ? "" : ", strided");
    check_kernel(c, "kernel", what, &b,
                 &(numc_kernel_arguments){.extents = (int64_t[]){ROWS, n},
                                          .offsets = (int64_t[]){0, 0},
                                          .strides = (int64_t[]){n * step, step, 0, 1, 0, 0}},
                 operands, 2, c->bits || !additive ? 0.0 : c->tested.device->info.float64 || n < 64 ? 64.0 : (double)n);
}

static void check_reductions(checker *c)
{
    static const int64_t lengths[] = {0, 1, 7, 8, 9, 100, 4099};
    for (uint32_t reduction = NUMC_REDUCTION_SUM; reduction <= NUMC_REDUCTION_ARGMIN; reduction++)
        for (uint32_t dtype = NUMC_BOOL; dtype <= NUMC_FLOAT64; dtype++) {
            bool logical = reduction == NUMC_REDUCTION_ANY || reduction == NUMC_REDUCTION_ALL;
            if (logical != (dtype == NUMC_BOOL) || !check_usable(c, dtype))
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
    if (check_operand_new(&operands[0], NUMC_FLOAT64, N, false))
        check_fill(c, &operands[0], DOMAIN_SMALL);
    (void)check_operand_new(&operands[1], NUMC_FLOAT64, N, true);
    (void)check_operand_new(&operands[2], NUMC_FLOAT64, 1, true);
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
    if (check_operand_new(&operands[0], NUMC_FLOAT64, ROWS * COLUMNS, false))
        check_fill(c, &operands[0], DOMAIN_SMALL);
    if (check_operand_new(&operands[1], NUMC_INT64, ROWS, false))
        for (int i = 0; i < ROWS; i++)
            ((int64_t *)operands[1].data)[i] = (int64_t)(check_next(c) % COLUMNS);
    (void)check_operand_new(&operands[2], NUMC_FLOAT64, 1, true);
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
    if (check_operand_new(&operands[0], NUMC_FLOAT64, CHAINS * N, false))
        check_fill(c, &operands[0], DOMAIN_SMALL);
    (void)check_operand_new(&operands[1], NUMC_FLOAT64, CHAINS * N, true);
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
    if (check_operand_new(&operands[0], NUMC_FLOAT64, N, false))
        check_fill(c, &operands[0], DOMAIN_SHAPE);
    (void)check_operand_new(&operands[1], NUMC_FLOAT64, N, true);
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
    if (check_operand_new(&operands[0], NUMC_FLOAT64, ROWS * COLUMNS, false))
        check_fill(c, &operands[0], DOMAIN_SMALL);
    (void)check_operand_new(&operands[1], NUMC_FLOAT64, ROWS * COLUMNS, true);
    check_kernel(c, "kernel", "level 3: local array, register extent", &b,
                 &(numc_kernel_arguments){.extents = (int64_t[]){ROWS, COLUMNS},
                                          .offsets = (int64_t[2]){0},
                                          .strides = (int64_t[]){COLUMNS, 1, 0, 0, COLUMNS, 1, 0, 0},
                                          .constants = words},
                 operands, 2, 0.0);
}

void check_kernels(checker *c)
{
    static const uint32_t dtypes[] = {NUMC_INT8, NUMC_INT64, NUMC_FLOAT32, NUMC_FLOAT64};
    for (size_t l = 0; l < sizeof layouts / sizeof *layouts; l++)
        for (size_t k = 0; k < sizeof dtypes / sizeof *dtypes; k++)
            if (check_usable(c, dtypes[k]))
                check_layout(c, &layouts[l], dtypes[k]);
    check_reductions(c);
    if (!check_usable(c, NUMC_FLOAT64))
        return;
    check_several_loops(c, "kernel");
    check_nested_reductions(c);
    check_sequential(c);
    check_while(c);
    check_locals(c);
    check_several_loops(c, "launch");
}
