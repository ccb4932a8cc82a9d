/* device.c - `numc-bench device`: operations on a device beside its own copies and products and beside the cpu backend in the same
 * run, the size from which on it pays, and how all that was measured is shown. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/threads.h"
#include "device.h"

enum { LEAST_SIZE = 8, MOST_SIZE = 24, QUICK_SIZE = 10, SIZES = MOST_SIZE - LEAST_SIZE + 1, ROUNDS = 5, ROW = 256, SIDE = 16,
       MOST_ADDED = 24 }; /* of n numbers in n places: more in one place in less than one run of 10^15 */
enum { COPY_SIZE = 25, QUICK_COPY_SIZE = 18, PRODUCT_SIDE = 2048, QUICK_PRODUCT_SIDE = 64 };
#define ROUND_NS 3e6   /* a round of one side lasts about this long, or one call */
#define LONGEST_NS 5e8 /* larger sizes are left out once a call takes this long */

/* ---- operations ------------------------------------------------------------------------------------------------------------- */

/* Operands of n elements in all; which of them an operation has is its own business. */
typedef struct operands {
    numc_context *context;
    numc_dtype real;
    int64_t n;
    numc_array *a, *b, *at;
    void *memory; /* n elements of the host */
} operands;

#define RUN(name, expression)                                                                                              \
    static numc_array *name(const operands *o)                                                                             \
    {                                                                                                                      \
        return expression;                                                                                                 \
    }
RUN(run_add, numc_add(o->a, o->b))
RUN(run_exp, numc_exp(o->a))
RUN(run_sum, numc_sum(o->a))
RUN(run_matmul, numc_matmul(o->a, o->b))
RUN(run_sort, numc_sort(o->a))
RUN(run_gather, numc_take(o->a, o->at, NUMC_AXIS(0)))
RUN(run_scatter, numc_scatter_add(o->a, o->at, o->b, 0))
RUN(run_cholesky, numc_linalg_cholesky(o->a))
RUN(run_upload, numc_from_host(o->context, o->real, NUMC_SHAPE(o->n), o->memory))
static numc_array *run_download(const operands *o)
{
    return numc_to_host(o->a, o->real, o->memory, (size_t)o->n * (size_t)numc_dtype_size(o->real)) == NUMC_OK ? o->a : NULL;
}

/* Element i of array `number`, in (-1, 1): the same on both sides. */
static double element(uint64_t number, int64_t i)
{
    uint64_t z = ((number << 40) + (uint64_t)i + 1) * UINT64_C(0x9e3779b97f4a7c15); /* splitmix64's mixing */
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-52 - 1.0;
}

static numc_array *numbers(const operands *o, uint64_t number)
{
    for (int64_t i = 0; i < o->n; i++) {
        if (o->real == NUMC_FLOAT64)
            ((double *)o->memory)[i] = element(number, i);
        else
            ((float *)o->memory)[i] = (float)element(number, i);
    }
    return numc_from_host(o->context, o->real, NUMC_SHAPE(o->n), o->memory);
}

static bool make_pair(operands *o)
{
    o->a = numc_keep(numbers(o, 1));
    o->b = numc_keep(numbers(o, 2));
    return o->b != NULL;
}

static bool make_row(operands *o) /* (n / ROW, ROW) and (ROW) */
{
    o->a = numc_keep(numc_reshape(numbers(o, 1), NUMC_SHAPE(o->n / ROW, ROW)));
    o->b = numc_keep(numc_index(numbers(o, 2), NUMC_SLICE(0, ROW)));
    return o->b != NULL;
}

static bool make_square(operands *o) /* two square matrices of n elements */
{
    const int64_t side = (int64_t)llround(sqrt((double)o->n));
    o->a = numc_keep(numc_reshape(numbers(o, 1), NUMC_SHAPE(side, side)));
    o->b = numc_keep(numc_reshape(numbers(o, 2), NUMC_SHAPE(side, side)));
    return o->b != NULL;
}

static bool make_indexed(operands *o) /* indices anywhere, in no order */
{
    int64_t *at = malloc((size_t)o->n * sizeof *at);
    for (int64_t i = 0; at != NULL && i < o->n; i++)
        at[i] = (int64_t)((0.5 + 0.5 * element(3, i)) * (double)o->n);
    bool good = at != NULL && make_pair(o);
    o->at = good ? numc_keep(numc_from_host(o->context, NUMC_INT64, NUMC_SHAPE(o->n), at)) : NULL;
    free(at);
    return o->at != NULL;
}

static bool make_matrices(operands *o) /* n / SIDE^2 of them, A + A' + 4 SIDE I */
{
    numc_array *a = numc_reshape(numbers(o, 1), NUMC_SHAPE(o->n / (SIDE * SIDE), SIDE, SIDE));
    numc_array *diagonal = numc_multiply(numc_eye(o->context, o->real, SIDE, SIDE, 0), 4.0 * SIDE);
    o->a = numc_keep(numc_add(numc_add(a, numc_matrix_transpose(a)), diagonal));
    return o->a != NULL;
}

/* reals, indices: elements and int64 numbers per n that must be read or written; flops: factor * n^power; terms: factor * n^growth, see
 * tolerance(). */
static const struct operation {
    const char *name, *what;
    bool (*make)(operands *o);
    numc_array *(*run)(const operands *o);
    double reals, indices, flops, power, terms, growth;
    int step;       /* sizes are 2^LEAST_SIZE, then 2^step times the one before */
    bool streaming; /* of the goal */
    int transfer;   /* of array 1 or 2, which the cpu backend has none of to beat; 0: it computes */
} operations[] = {
    {"add", "x + y", make_pair, run_add, 3, 0, 0, 0, 0, 0, 1, true, 0},
    {"exp", "exp x", make_pair, run_exp, 2, 0, 0, 0, 64, 0, 1, false, 0},
    {"sum", "sum of x", make_pair, run_sum, 1, 0, 0, 0, 1, 1, 1, true, 0},
    {"add_row", "(n / 256, 256) + (256)", make_row, run_add, 2, 0, 0, 0, 0, 0, 1, true, 0},
    {"gemv", "(n / 256, 256) times (256)", make_row, run_matmul, 1, 0, 2, 1, ROW, 0, 1, false, 0},
    {"matmul", "product of two square matrices of n elements", make_square, run_matmul, 3, 0, 2, 1.5, 1, 0.5, 2, false, 0},
    {"sort", "sort x", make_pair, run_sort, 2, 0, 0, 0, 0, 0, 1, false, 0},
    {"gather", "x at n indices", make_indexed, run_gather, 2, 1, 0, 0, 0, 0, 1, false, 0},
    {"scatter_add", "n values added to x at n indices", make_indexed, run_scatter, 3, 1, 0, 0, MOST_ADDED, 0, 1, false, 0},
    {"cholesky_16", "n / 256 matrices of 16 x 16", make_matrices, run_cholesky, 2, 0, SIDE / 3.0, 1, 32 * SIDE, 0, 1, false, 0},
    {"upload", "n numbers to the device", make_pair, run_upload, 1, 0, 0, 0, 0, 0, 2, false, 2},
    {"download", "n numbers from the device", make_pair, run_download, 1, 0, 0, 0, 0, 0, 2, false, 1},
};
enum { OPERATIONS = sizeof operations / sizeof operations[0] };

static const char *const parts[] = {"gradients", "chains"};

bool bench_device_case_known(const char *name)
{
    for (int i = 0; i < OPERATIONS; i++)
        if (strcmp(operations[i].name, name) == 0)
            return true;
    return strcmp(name, parts[0]) == 0 || strcmp(name, parts[1]) == 0;
}

bool bench_device_wants(const bench_options *options, const char *name)
{
    return options->only == NULL || strcmp(options->only, name) == 0;
}

/* ---- measuring -------------------------------------------------------------------------------------------------------------- */

typedef struct operation_row {
    const struct operation *operation;
    int count;
    int64_t size[SIZES];
    double there[SIZES], host[SIZES]; /* ns of a call, the least of the rounds; NAN: not measured */
} operation_row;

static bool run_once(const struct operation *p, const operands *o)
{
    if (numc_scope_begin(o->context) != NUMC_OK)
        return false;
    const bool good = p->run(o) != NULL;
    numc_scope_end(o->context);
    return good;
}

/* Calls one after another, waited for at the end. */
static double time_calls(const struct operation *p, const operands *o, int64_t count)
{
    numc_backend_device *device = numc__device(o->context);
    double start = bench_now();
    for (int64_t i = 0; i < count; i++)
        if (!run_once(p, o))
            return (double)NAN;
    return device->table.synchronize(device->device) == NUMC_OK ? (bench_now() - start) / (double)count : (double)NAN;
}

/* A side is what a context is of: the device's or the host's. Kernels are made: results were compared. */
static bool measure_size(const struct operation *p, operands *sides, int count, double *least)
{
    int64_t calls[2];
    for (int s = 0; s < count; s++) {
        const double each = time_calls(p, &sides[s], 1);
        calls[s] = each >= ROUND_NS ? 1 : (int64_t)(ROUND_NS / each) + 1;
        least[s] = (double)INFINITY;
        if (isnan(each))
            return bench_fail(p->name, numc_error_message(sides[s].context));
    }
    for (int round = 0; round < ROUNDS && (round == 0 || fmax(least[0], count > 1 ? least[1] : 0) < LONGEST_NS); round++)
        for (int s = 0; s < count; s++)
            least[s] = fmin(least[s], time_calls(p, &sides[s], calls[s]));
    return isfinite(least[0]);
}

/* How far both sides' results may be apart. Terms of a sum are independent, in (-1, 1), of variance 1/3 at most, so in any order the
 * partial sum of j terms has variance j / 3, its rounding eps^2 / 12 of that, and all of k terms eps^2 k^2 / 72: a standard error of
 * 0.17 eps k for both sides together. 2 eps (k + 8), with 8 for the last rounding, is over 11 of those. Without terms results are the same bits.
 * exp: 64 units in the last place (kernel/narrow.h), of at most 2 eps. Cholesky factors of matrices with a diagonal from 62 to 66 and rows
 * that add up to 32 beside it at most: 17 eps of backward error, a condition below 4, and elements below 9. */
static double tolerance(const struct operation *p, const operands *o)
{
    const double eps = o->real == NUMC_FLOAT64 ? 0x1p-52 : 0x1p-23;
    return p->terms > 0 ? 2 * eps * (p->terms * pow((double)o->n, p->growth) + 8) : 0.0;
}

static double number_of(const operands *o, const void *numbers, int64_t i)
{
    return o->real == NUMC_FLOAT64 ? ((const double *)numbers)[i] : (double)((const float *)numbers)[i];
}

/* A result in new memory, *size numbers; NULL: it failed. */
static void *result_of(const struct operation *p, const operands *o, int64_t *size)
{
    if (numc_scope_begin(o->context) != NUMC_OK)
        return NULL;
    const size_t each = (size_t)numc_dtype_size(o->real);
    const numc_array *result = p->run(o);
    *size = result != NULL ? numc_array_size(result) : 0;
    void *values = malloc(((size_t)*size + 1) * each);
    if (values != NULL && p->run == run_download)
        memcpy(values, o->memory, (size_t)*size * each);
    else if (result == NULL || values == NULL || numc_to_host(result, o->real, values, (size_t)*size * each) != NUMC_OK) {
        free(values);
        values = NULL;
    }
    numc_scope_end(o->context);
    return values;
}

/* Not timed: what the device gives is what the cpu backend does, or was moved as it is. */
static bool agrees(const struct operation *p, const operands *sides, int count)
{
    void *values[2] = {NULL, NULL};
    int64_t sizes[2] = {0, 0};
    double most = 0.0;
    for (int s = 0; s < count; s++)
        values[s] = result_of(p, &sides[s], &sizes[s]);
    const bool good = values[0] != NULL && (count == 1 || (values[1] != NULL && sizes[0] == sizes[1]));
    for (int64_t i = 0; good && i < sizes[0]; i++) {
        const double moved = element((uint64_t)p->transfer, i);
        const double expected = count == 2 ? number_of(&sides[1], values[1], i) : sides[0].real == NUMC_FLOAT64 ? moved : (double)(float)moved;
        const double difference = fabs(number_of(&sides[0], values[0], i) - expected);
        most = difference <= most ? most : difference; /* NaN stays */
    }
    free(values[0]);
    free(values[1]);
    char why[128];
    snprintf(why, sizeof why, "n = %lld: the device's result is %.3g off, more than %.3g", (long long)sides[0].n, most, tolerance(p, &sides[0]));
    if (good && !(most <= tolerance(p, &sides[0])))
        return bench_fail(p->name, why);
    return good || bench_fail(p->name, "no results to compare");
}

/* On both sides, in a scope of each; to be closed whatever it says. */
static bool open_operands(const struct operation *p, numc_context *const *contexts, numc_dtype real, int64_t n, int count, operands *sides)
{
    bool good = true;
    for (int s = 0; s < count; s++) {
        sides[s] = (operands){.context = contexts[s], .real = real, .n = n, .memory = malloc((size_t)n * sizeof(double))};
        good = numc_scope_begin(contexts[s]) == NUMC_OK && sides[s].memory != NULL && good && p->make(&sides[s]);
        if (!good)
            bench_fail(p->name, sides[s].memory == NULL ? "out of memory" : numc_error_message(contexts[s]));
    }
    return good;
}

static void close_operands(operands *sides, int count)
{
    for (int s = 0; s < count; s++) {
        numc_scope_end(sides[s].context);
        numc_release(sides[s].a);
        numc_release(sides[s].b);
        numc_release(sides[s].at);
        free(sides[s].memory);
    }
}

static bool measure_operation(const bench_options *options, const struct operation *p, numc_context *const *contexts, numc_dtype real,
                              operation_row *r)
{
    const int most = options->quick ? QUICK_SIZE : MOST_SIZE, count = p->transfer != 0 ? 1 : 2;
    bool good = true;
    *r = (operation_row){.operation = p};
    for (int k = LEAST_SIZE; good && k <= most; k += p->step) {
        operands sides[2];
        double least[2] = {(double)NAN, (double)NAN};
        good = open_operands(p, contexts, real, INT64_C(1) << k, count, sides);
        good = good && agrees(p, sides, count) && measure_size(p, sides, count, least);
        close_operands(sides, count);
        if (good) {
            r->size[r->count] = INT64_C(1) << k;
            r->there[r->count] = least[0];
            r->host[r->count++] = least[1];
        }
        if (least[0] > LONGEST_NS || least[1] > LONGEST_NS)
            break;
    }
    return good;
}

/* The least size from which on the device is faster at all that were measured; 0: at none. */
static int64_t pays_from(const operation_row *r)
{
    int64_t from = 0;
    for (int i = r->count - 1; i >= 0 && r->there[i] < r->host[i]; i--)
        from = r->size[i];
    return from;
}

static uint64_t pattern(uint64_t i)
{
    return (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

/* Bytes per ns of the device's own copy, what is read and what is written counted; the least of some. NAN: it failed, said. */
static double copy_speed(const bench_options *options, numc_context *context)
{
    const numc_backend_device *device = numc__device(context);
    const uint64_t bytes = (uint64_t)1 << ((options->quick ? QUICK_COPY_SIZE : COPY_SIZE) + 3);
    void *from = NULL, *to = NULL;
    uint64_t *here = malloc(bytes), wrong = 0;
    double least = (double)INFINITY;
    bool good = here != NULL && device->table.memory_allocate(device->device, bytes, &from) == NUMC_OK;
    good = good && device->table.memory_allocate(device->device, bytes, &to) == NUMC_OK;
    for (uint64_t i = 0; good && i < bytes / sizeof *here; i++)
        here[i] = pattern(i);
    good = good && device->table.memory_upload(device->device, from, 0, here, bytes) == NUMC_OK;
    for (int round = -1; good && round < 2 * ROUNDS; round++) { /* the first is not counted: memory may be made by it */
        double start = bench_now();
        good = device->table.memory_copy(device->device, to, 0, from, 0, bytes) == NUMC_OK &&
               device->table.synchronize(device->device) == NUMC_OK;
        if (round >= 0)
            least = fmin(least, bench_now() - start);
    }
    if (good) {
        memset(here, 0, bytes);
        good = device->table.memory_download(device->device, to, 0, here, bytes) == NUMC_OK;
    }
    for (uint64_t i = 0; good && i < bytes / sizeof *here; i++)
        wrong += here[i] != pattern(i);
    if (to != NULL)
        device->table.memory_release(device->device, to, bytes);
    if (from != NULL)
        device->table.memory_release(device->device, from, bytes);
    free(here);
    if (!good || wrong > 0)
        bench_fail("copy", wrong > 0 ? "what the device copied differs" : "a call of the device failed");
    return good && wrong == 0 ? 2.0 * (double)bytes / least : (double)NAN;
}

/* Flops per ns of a product of large square matrices; NAN likewise. */
static double product_speed(const bench_options *options, numc_context *const *contexts, numc_dtype real)
{
    const int64_t side = options->quick ? QUICK_PRODUCT_SIDE : PRODUCT_SIDE;
    static const struct operation product = {.name = "product", .make = make_square, .run = run_matmul, .terms = 1, .growth = 0.5};
    operands sides[2];
    double least = (double)NAN;
    bool good = open_operands(&product, contexts, real, side * side, 2, sides);
    good = good && agrees(&product, sides, 2) && measure_size(&product, sides, 1, &least);
    close_operands(sides, 2);
    return good ? 2.0 * pow((double)side, 3) / least : (double)NAN;
}

/* ---- showing ---------------------------------------------------------------------------------------------------------------- */

typedef struct figures {
    const bench_options *options;
    const numc_backend_device *device;
    const char *backend;
    numc_device_info info;
    char date[32], host[128];
    int32_t threads;
    numc_dtype real;
    double copy, product;
    operation_row operations[OPERATIONS];
    int operation_count, gradient_count, chain_count;
    bench_device_gradient gradients[BENCH_DEVICE_MODELS];
    bench_device_chains chains[BENCH_DEVICE_MODELS * BENCH_CHAIN_COUNTS];
    bench_numpyro numpyro;
} figures;

/* What a driver calls its device may hold anything. */
static void print_text(const char *name, const char *text)
{
    printf("\"%s\": \"", name);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            printf("\\u%04x", (unsigned)(unsigned char)*text);
        else
            putchar(*text);
    }
    putchar('"');
}

static void print_number(const char *name, double value)
{
    if (isfinite(value))
        printf(", \"%s\": %.6g", name, value);
    else
        printf(", \"%s\": null", name);
}

/* In a table. */
static void print_cell(int width, int digits, double value)
{
    if (isfinite(value))
        printf(" %*.*f", width, digits, value);
    else
        printf(" %*s", width, "-");
}

static void print_why(const char *why)
{
    fputs(", ", stdout);
    if (*why == '\0')
        fputs("\"why\": null", stdout);
    else
        print_text("why", why);
}

static double bytes_of(const figures *f, const operation_row *r, int i)
{
    return (r->operation->reals * (f->real == NUMC_FLOAT64 ? 8 : 4) + 8 * r->operation->indices) * (double)r->size[i];
}

/* Of a copy's speed, at the largest size. */
static double copy_part(const figures *f, const operation_row *r)
{
    const int last = r->count - 1;
    return bytes_of(f, r, last) / r->there[last] / f->copy;
}

static double product_part(const figures *f, const operation_row *r)
{
    const int last = r->count - 1;
    return r->operation->flops > 0 ? r->operation->flops * pow((double)r->size[last], r->operation->power) / r->there[last] / f->product
                                   : (double)NAN;
}

static void print_operation(const figures *f, const operation_row *r, bool first)
{
    const int64_t from = r->operation->transfer != 0 ? 0 : pays_from(r);
    const int last = r->count - 1;
    if (!f->options->json) {
        printf("%-12s %9lld", r->operation->name, (long long)r->size[last]);
        print_cell(12, 2, 1e-3 * r->there[last]);
        print_cell(12, 2, 1e-3 * r->host[last]);
        print_cell(8, 3, copy_part(f, r));
        print_cell(8, 3, product_part(f, r));
        if (from > 0)
            printf(" %9lld\n", (long long)from);
        else
            printf(" %9s\n", r->operation->transfer != 0 ? "-" : "nowhere");
        return;
    }
    printf("%s\n  {", first ? "" : ",");
    print_text("operation", r->operation->name);
    fputs(", ", stdout);
    print_text("what", r->operation->what);
    print_number("bytes_per_second", 1e9 * bytes_of(f, r, last) / r->there[last]);
    print_number("copy_part", copy_part(f, r));
    print_number("product_part", product_part(f, r));
    print_number("pays_from", from > 0 ? (double)from : (double)NAN);
    fputs(", \"sizes\": [", stdout);
    for (int i = 0; i < r->count; i++) {
        printf("%s{\"n\": %lld", i == 0 ? "" : ", ", (long long)r->size[i]);
        print_number("device_ns", r->there[i]);
        print_number("cpu_ns", r->host[i]);
        putchar('}');
    }
    fputs("]}", stdout);
}

static void print_gradient(const figures *f, const bench_device_gradient *r, bool first)
{
    if (!f->options->json) {
        const double cells[] = {1e-3 * r->there, 1e-3 * r->resident, 1e-3 * r->host, r->host / r->resident, r->resident / r->read};
        printf("%-16s %6d", r->model->name, (int)r->dimension);
        for (int i = 0; i < 5; i++)
            print_cell(i < 3 ? 12 : 10, 2, cells[i]);
        printf("  %s\n", r->why);
        return;
    }
    printf("%s\n  {", first ? "" : ",");
    print_text("model", r->model->name);
    printf(", \"D\": %d, \"rows\": %d, \"columns\": %d", (int)r->dimension, (int)r->model->rows, (int)r->model->columns);
    print_number("device_ns", r->there);
    print_number("device_launch_ns", r->resident);
    print_number("cpu_ns", r->host);
    print_number("read_ns", r->read);
    print_number("read_ratio", r->resident / r->read);
    print_why(r->why);
    putchar('}');
}

static void print_chains(const figures *f, const bench_device_chains *r, bool first)
{
    if (!f->options->json) {
        const double cells[] = {r->there, r->host, r->there_leapfrogs, r->host_leapfrogs};
        printf("%-16s %6d %6lld", r->model->name, (int)r->chains, (long long)r->draws);
        for (int i = 0; i < 4; i++)
            print_cell(14, 1, cells[i]);
        printf("  %s\n", r->why);
        return;
    }
    printf("%s\n  {", first ? "" : ",");
    print_text("model", r->model->name);
    printf(", \"chains\": %d, \"draws\": %lld", (int)r->chains, (long long)r->draws);
    print_number("draws_per_second", r->there);
    print_number("leapfrogs_per_second", r->there_leapfrogs);
    print_number("cpu_draws_per_second", r->host);
    print_number("cpu_leapfrogs_per_second", r->host_leapfrogs);
    print_why(r->why);
    putchar('}');
}

static void print_goal(const figures *f, const char *what, double bound, bool at_least, double measured, const char *why, bool first)
{
    const bool met = at_least ? measured >= bound : measured <= bound;
    if (!f->options->json) {
        printf("%-66s %s %5g ", what, at_least ? ">=" : "<=", bound);
        if (isfinite(measured))
            printf("%9.3g %s\n", measured, met ? "yes" : "NO");
        else
            printf("%9s %s\n", "-", why);
        return;
    }
    printf("%s\n  {", first ? "" : ",");
    print_text("goal", what);
    printf(", \"bound\": \"%s %g\"", at_least ? ">=" : "<=", bound);
    print_number("measured", measured);
    printf(", \"met\": %s", !isfinite(measured) ? "null" : met ? "true" : "false");
    print_why(isfinite(measured) ? "" : why);
    putchar('}');
}

static void print_goals(const figures *f)
{
    double streaming = (double)INFINITY, read = (double)NAN, chains = (double)NAN;
    const char *why = "the model was not measured";
    for (int i = 0; i < f->operation_count; i++)
        if (f->operations[i].operation->streaming)
            streaming = fmin(streaming, copy_part(f, &f->operations[i]));
    for (int i = 0; i < f->gradient_count; i++)
        if (strcmp(f->gradients[i].model->name, "logistic_large") == 0) {
            read = f->gradients[i].resident / f->gradients[i].read;
            why = f->gradients[i].why;
        }
    for (int i = 0; i < f->chain_count; i++)
        if (strcmp(f->chains[i].model->name, "eight_schools") == 0 && f->chains[i].chains == 4096)
            chains = f->chains[i].there / f->numpyro.draws_per_second;
    print_goal(f, "streaming operations (add, sum, add_row), of the speed of a copy", 0.75, true, streaming,
               "no streaming operation was measured", true);
    print_goal(f, "gradient of logistic 1e6 x 100, of one read of X at that speed", 1.3, false, read, why, false);
    print_goal(f, "4096 chains of eight schools, draws per second of NumPyro's", 50, true, chains,
               *f->numpyro.why != '\0' ? f->numpyro.why : "4096 chains were not measured", false);
}

/* From `begin` to the end of a part: rows of a list. */
static void open_part(const figures *f, const char *name, const char *columns, bool first)
{
    if (f->options->json)
        printf("%s\"%s\": [", first ? "" : "\n], ", name);
    else
        printf("\n%s\n", columns);
}

static void print_head(const figures *f)
{
    if (!f->options->json) {
        printf("%s: %s (%s), %.1f GiB, %s; %s; libnumc %s\n", f->backend, f->info.name, f->info.driver,
               (double)f->info.memory_bytes / (double)(1 << 30), f->real == NUMC_FLOAT64 ? "float64" : "float32", f->date,
               f->device->table.build_id);
        printf("beside cpu: %s, %d threads\ncopy %.2f GB/s (read and written), product %.2f Gflop/s\n", f->host, (int)f->threads, f->copy,
               f->product);
        return;
    }
    printf("{\"device\": {");
    print_text("backend", f->backend);
    fputs(", ", stdout);
    print_text("name", f->info.name);
    fputs(", ", stdout);
    print_text("driver", f->info.driver);
    printf(", \"memory_bytes\": %llu, \"dtype\": \"%s\"}, \"date\": \"%s\", ", (unsigned long long)f->info.memory_bytes,
           f->real == NUMC_FLOAT64 ? "float64" : "float32", f->date);
    print_text("library", f->device->table.build_id);
    fputs(", \"cpu\": {", stdout);
    print_text("name", f->host);
    printf(", \"threads\": %d}", (int)f->threads);
    print_number("copy_bytes_per_second", 1e9 * f->copy);
    print_number("product_flops_per_second", 1e9 * f->product);
    fputs(",\n", stdout);
}

static void print_figures(const figures *f)
{
    print_head(f);
    open_part(f, "operations", "operation            n    device us       cpu us  of copy of prod. pays from", true);
    for (int i = 0; i < f->operation_count; i++)
        print_operation(f, &f->operations[i], i == 0);
    open_part(f, "gradients", "gradient              D    device us    launch us       cpu us cpu/launch   of read", false);
    for (int i = 0; i < f->gradient_count; i++)
        print_gradient(f, &f->gradients[i], i == 0);
    open_part(f, "chains", "chains of          chains  draws        draws/s    cpu draws/s    leapfrogs/s cpu leapfrogs/s", false);
    for (int i = 0; i < f->chain_count; i++)
        print_chains(f, &f->chains[i], i == 0);
    open_part(f, "goals", "goal", false);
    print_goals(f);
    if (!f->options->json)
        return;
    fputs("\n], \"numpyro\": ", stdout);
    if (isnan(f->numpyro.draws_per_second)) {
        fputs("null}\n", stdout);
        return;
    }
    putchar('{');
    print_text("version", f->numpyro.version);
    fputs(", ", stdout);
    print_text("device", f->numpyro.device);
    print_number("draws_per_second", f->numpyro.draws_per_second);
    fputs("}}\n", stdout);
}

/* ---- the command ------------------------------------------------------------------------------------------------------------ */

/* The backend that is named, else the first with a device of its own that opens. */
static numc_context *open_device(bench_options *options)
{
    static const char *const names[] = {"cuda", "opencl"};
    const char *named = options->backend != NULL ? options->backend : getenv("NUMC_BACKEND");
    numc_context *context = NULL;
    if (named != NULL && *named != '\0') {
        context = bench_open(options);
    } else {
        char whys[2][BENCH_WHY];
        for (size_t i = 0; context == NULL && i < sizeof names / sizeof names[0]; i++) {
            options->backend = names[i];
            context = bench_try(options, whys[i], sizeof whys[i]);
        }
        for (size_t i = 0; context == NULL && i < sizeof names / sizeof names[0]; i++)
            bench_fail(names[i], whys[i]);
        if (context == NULL)
            bench_fail("device", "no device here");
    }
    if (context != NULL && numc__device(context)->info.unified != 0) {
        fprintf(stderr, "numc-bench: device: %s computes in the host's memory: it is what a device is compared with, not one itself "
                        "(--backend opencl or cuda)\n", bench_backend_name(context));
        numc_close(context);
        return NULL;
    }
    return context;
}

static bool measure_all(figures *f, bench_sides *sides, numc_context **contexts)
{
    bool good = true;
    f->copy = copy_speed(f->options, contexts[0]);
    f->product = product_speed(f->options, contexts, f->real);
    sides->copy = f->copy;
    good = !isnan(f->copy) && !isnan(f->product);
    for (int i = 0; good && i < OPERATIONS; i++)
        if (bench_device_wants(f->options, operations[i].name))
            good = measure_operation(f->options, &operations[i], contexts, f->real, &f->operations[f->operation_count++]);
    if (good && bench_device_wants(f->options, parts[0])) {
        f->gradient_count = bench_device_gradients(sides, f->gradients);
        good = f->gradient_count >= 0;
    }
    if (good && bench_device_wants(f->options, parts[1])) {
        f->chain_count = bench_device_chain_rows(sides, f->chains);
        good = f->chain_count >= 0;
        bench_device_numpyro(f->options->quick, &f->numpyro);
    }
    return good;
}

int bench_device(const bench_options *options)
{
    static figures f;
    bench_options one = *options;
    bench_sides sides = {.options = &one, .host = *options};
    numc_context *contexts[2] = {open_device(&one), NULL};
    time_t now = time(NULL);
    struct tm utc;
    if (contexts[0] == NULL)
        return 1;
    sides.host.backend = "cpu";
    contexts[1] = bench_open(&sides.host);
    f = (figures){.options = options, .device = numc__device(contexts[0]), .numpyro = {.draws_per_second = (double)NAN, .why = "no chains were measured"}};
    bool good = contexts[1] != NULL;
    if (good) {
        f.backend = bench_backend_name(contexts[0]);
        one.backend = f.backend;
        sides.info = f.info = f.device->info;
        f.real = f.info.float64 != 0 ? NUMC_FLOAT64 : NUMC_FLOAT32;
        f.threads = numc__thread_count(contexts[1]->core);
        snprintf(f.host, sizeof f.host, "%s", numc__device(contexts[1])->info.name);
        if (gmtime_r(&now, &utc) == NULL || strftime(f.date, sizeof f.date, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
            f.date[0] = '\0';
        good = measure_all(&f, &sides, contexts);
    }
    if (good)
        print_figures(&f);
    for (int s = 0; s < 2; s++)
        if (contexts[s] != NULL)
            numc_close(contexts[s]);
    return good ? 0 : 1;
}
