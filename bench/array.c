/* array.c - `numc-bench array`: array functions called from C, beside NumPy on the same data and beside a floor of the machine
 * (a copy of memory, OpenBLAS called directly, the contiguous form of the same operation), all in turn, round by round. */
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backend/internal.h"
#include "base/threads.h"
#include "bench.h"

enum { SIDE = 1000, QUICK_SIDE = 40, PRODUCT = 1000, QUICK_PRODUCT = 24, BATCH = 1000, ROUNDS = 25, MOST_ROUNDS = 1000 };
#define ROUND_NS 4e6    /* a round of one way lasts about this long, or one run */
#define AGREEMENT 1e-9  /* relative, of at least 1: sums of 1e6 terms in two orders differ by about 1e-12 */

typedef struct subject {
    numc_context *context;
    numc_array *x, *y, *p, *w, *k, *at, *mask, *j, *xf, *yf, *A, *B, *row, *column, *P, *Q, *x16, *y16;
    numc_array *S[3], *V[3]; /* a batch of positive definite matrices, and right sides for them */
    double *from, *to; /* memory of our own for copies, SIDE^2, and for products */
    int side, product, threads;
} subject;

/* ---- what is run ------------------------------------------------------------------------------------------------------------ */

#define RUN(name, expression)                                                                      \
    static numc_array *name(const subject *s)                                                      \
    {                                                                                              \
        return expression;                                                                         \
    }
RUN(run_add_16, numc_add(s->x16, s->y16))
RUN(run_add, numc_add(s->x, s->y))
RUN(run_add_number, numc_add(s->x, 1.5))
RUN(run_add_f32, numc_add(s->xf, s->yf))
RUN(run_negative, numc_negative(s->x))
RUN(run_add_matrix, numc_add(s->A, s->B))
RUN(run_exp, numc_exp(s->x))
RUN(run_log, numc_log(s->p))
RUN(run_sin, numc_sin(s->x))
RUN(run_sqrt, numc_sqrt(s->p))
RUN(run_sum, numc_sum(s->x))
RUN(run_sum_0, numc_sum(s->A, NUMC_AXES(0)))
RUN(run_sum_1, numc_sum(s->A, NUMC_AXES(1)))
RUN(run_max, numc_max(s->x))
RUN(run_argmax, numc_argmax(s->x))
RUN(run_matmul, numc_matmul(s->P, s->Q))
RUN(run_strided, numc_add(numc_index(s->w, NUMC_SLICE_STEP(0, NUMC_END, 2)), numc_index(s->w, NUMC_SLICE_STEP(1, NUMC_END, 2))))
RUN(run_reversed, numc_add(numc_index(s->x, NUMC_SLICE_STEP(NUMC_END, NUMC_END, -1)), s->y))
RUN(run_row, numc_add(s->A, s->row))
RUN(run_column, numc_add(s->A, s->column))
RUN(run_transposed, numc_add(numc_matrix_transpose(s->A), s->B))
RUN(run_transposed_negative, numc_negative(numc_matrix_transpose(s->A)))
RUN(run_sort, numc_sort(s->x))
RUN(run_sort_integers, numc_sort(s->j))
RUN(run_argsort, numc_argsort(s->x))
RUN(run_unique, numc_unique_values(s->x))
RUN(run_unique_few, numc_unique_values(s->k))
RUN(run_take, numc_take(s->x, s->at, NUMC_AXIS(0)))
RUN(run_where, numc_where(s->mask, s->x, s->y))
RUN(run_less, numc_less(s->x, s->y))
RUN(run_mask, numc_index(s->x, NUMC_PICK(s->mask)))
RUN(run_cumulative, numc_cumulative_sum(s->x))
RUN(run_cholesky_4, numc_linalg_cholesky(s->S[0]))
RUN(run_cholesky_11, numc_linalg_cholesky(s->S[1]))
RUN(run_cholesky_32, numc_linalg_cholesky(s->S[2]))
RUN(run_product_11, numc_matmul(s->S[1], s->S[1]))
RUN(run_solve_4, numc_linalg_cho_solve(numc_linalg_cholesky(s->S[0]), s->V[0]))
RUN(run_solve_11, numc_linalg_cho_solve(numc_linalg_cholesky(s->S[1]), s->V[1]))
RUN(run_solve_32, numc_linalg_cho_solve(numc_linalg_cholesky(s->S[2]), s->V[2]))
RUN(run_fft_rows, numc_real(numc_fft_ifft(numc_fft_fft(s->A))))
RUN(run_rfft, numc_fft_irfft(numc_fft_rfft(s->x)))

static numc_array *run_nonzero(const subject *s)
{
    numc_array *results[1] = {NULL};
    return numc_nonzero(s->mask, results, 1) == NUMC_OK ? results[0] : NULL;
}

typedef enum beside { ALONE, COPIES, BLAS, CONTIGUOUS } beside;
static const char *const beside_names[] = {"", "1.5 copies", "OpenBLAS", "contiguous"};

/* What is asked for: NONE; at most so many ns; at most so many times the other way; at least so many times as fast as NumPy. */
typedef enum goal { NONE, MOST_NS, MOST_OTHER, NUMPY, NUMPY_AVX2 } goal;

static const struct bench_case {
    const char *name;
    numc_array *(*run)(const subject *s);
    const char *python;
    beside other;
    numc_array *(*contiguous)(const subject *s);
    goal goal;
    double limit;
} cases[] = {
    {"add_16", run_add_16, "np.add(x16, y16)", ALONE, NULL, MOST_NS, 200.0},
    {"add", run_add, "np.add(x, y)", COPIES, NULL, MOST_OTHER, 1.1},
    {"add_number", run_add_number, "np.add(x, 1.5)", ALONE, NULL, NUMPY, 1.0},
    {"add_float32", run_add_f32, "np.add(xf, yf)", ALONE, NULL, NUMPY, 1.0},
    {"less", run_less, "np.less(x, y)", ALONE, NULL, NUMPY, 1.0},
    {"exp", run_exp, "np.exp(x)", ALONE, NULL, NUMPY_AVX2, 2.0},
    {"log", run_log, "np.log(p)", ALONE, NULL, NUMPY_AVX2, 2.0},
    {"sin", run_sin, "np.sin(x)", ALONE, NULL, NUMPY_AVX2, 2.0},
    {"sqrt", run_sqrt, "np.sqrt(p)", ALONE, NULL, NUMPY, 1.0},
    {"sum", run_sum, "np.sum(x)", ALONE, NULL, NUMPY, 1.0},
    {"sum_axis_0", run_sum_0, "np.sum(A, axis=0)", ALONE, NULL, NUMPY, 1.0},
    {"sum_axis_1", run_sum_1, "np.sum(A, axis=1)", ALONE, NULL, NUMPY, 1.0},
    {"max", run_max, "np.max(x)", ALONE, NULL, NUMPY, 1.0},
    {"argmax", run_argmax, "np.argmax(x)", ALONE, NULL, NUMPY, 1.0},
    {"matmul", run_matmul, "np.matmul(P, Q)", BLAS, NULL, MOST_OTHER, 1.03},
    {"add_strided", run_strided, "np.add(w[::2], w[1::2])", CONTIGUOUS, run_add, MOST_OTHER, 1.5},
    {"add_reversed", run_reversed, "np.add(x[::-1], y)", CONTIGUOUS, run_add, MOST_OTHER, 1.5},
    {"add_row", run_row, "np.add(A, row)", CONTIGUOUS, run_add_matrix, MOST_OTHER, 1.5},
    {"add_column", run_column, "np.add(A, column)", CONTIGUOUS, run_add_matrix, MOST_OTHER, 1.5},
    {"add_transposed", run_transposed, "np.add(A.T, B)", CONTIGUOUS, run_add_matrix, MOST_OTHER, 1.5},
    {"negative_transposed", run_transposed_negative, "np.negative(A.T, order='C')", CONTIGUOUS, run_negative, MOST_OTHER, 1.5},
    {"sort", run_sort, "np.sort(x)", ALONE, NULL, NUMPY, 1.0},
    {"sort_integers", run_sort_integers, "np.sort(j)", ALONE, NULL, NUMPY, 1.0},
    {"argsort", run_argsort, "np.argsort(x, kind='stable')", ALONE, NULL, NUMPY, 1.0},
    {"unique", run_unique, "np.unique(x)", ALONE, NULL, NUMPY, 1.0},
    {"unique_few", run_unique_few, "np.unique(k)", ALONE, NULL, NUMPY, 1.0},
    {"take", run_take, "np.take(x, at)", ALONE, NULL, NUMPY, 1.0},
    {"where", run_where, "np.where(mask, x, y)", ALONE, NULL, NUMPY, 1.0},
    {"mask", run_mask, "x[mask]", ALONE, NULL, NUMPY, 1.0},
    {"nonzero", run_nonzero, "np.nonzero(mask)", ALONE, NULL, NUMPY, 1.0},
    {"cumulative_sum", run_cumulative, "np.cumsum(x)", ALONE, NULL, NUMPY, 1.0},
    {"cholesky_4", run_cholesky_4, "np.linalg.cholesky(S[0])", ALONE, NULL, NUMPY, 1.0},
    {"cholesky_11", run_cholesky_11, "np.linalg.cholesky(S[1])", ALONE, NULL, NUMPY, 1.0},
    {"cholesky_32", run_cholesky_32, "np.linalg.cholesky(S[2])", ALONE, NULL, NUMPY, 1.0},
    {"product_11", run_product_11, "np.matmul(S[1], S[1])", ALONE, NULL, NUMPY, 1.0},
    {"solve_4", run_solve_4, "np.linalg.solve(S[0], V[0])", ALONE, NULL, NUMPY, 1.0},
    {"solve_11", run_solve_11, "np.linalg.solve(S[1], V[1])", ALONE, NULL, NUMPY, 1.0},
    {"solve_32", run_solve_32, "np.linalg.solve(S[2], V[2])", ALONE, NULL, NUMPY, 1.0},
    {"fft_rows", run_fft_rows, "np.fft.ifft(np.fft.fft(A)).real", ALONE, NULL, NONE, 0.0},
    {"rfft", run_rfft, "np.fft.irfft(np.fft.rfft(x))", ALONE, NULL, NONE, 0.0},
};
enum { CASES = sizeof cases / sizeof cases[0] };

bool bench_case_known(const char *name)
{
    for (int i = 0; i < CASES; i++)
        if (strcmp(cases[i].name, name) == 0)
            return true;
    return false;
}

/* ---- the same data as NumPy's (numpy.c) ------------------------------------------------------------------------------------- */

static double uniform(uint64_t number, int64_t i)
{
    uint64_t z = ((number << 32) + (uint64_t)i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static numc_array *make(subject *s, double *scratch, uint64_t number, int64_t count, double factor, double shift)
{
    for (int64_t i = 0; i < count; i++)
        scratch[i] = uniform(number, i) * factor + shift;
    return numc_keep(numc_from_host(s->context, NUMC_FLOAT64, NUMC_SHAPE(count), scratch));
}

/* Zeroed memory for the copies, in large pages where the machine gives them, as NumPy's and the backend's large arrays are. */
static double *room(size_t bytes)
{
    enum { LARGE_PAGE = 2 << 20 };
    const size_t whole = (bytes + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
    void *memory = NULL;
    if (posix_memalign(&memory, LARGE_PAGE, whole) != 0)
        return NULL;
#if defined(MADV_HUGEPAGE)
    (void)madvise(memory, whole, MADV_HUGEPAGE);
#endif
    memset(memory, 0, whole);
    return memory;
}

static bool subject_make(subject *s)
{
    static const int64_t sizes[3] = {4, 11, 32};
    const int64_t side = s->side, n = side * side, m = s->product, least = BATCH * 32 * 32;
    const int64_t most = 2 * n > m * m ? (2 * n > least ? 2 * n : least) : m * m > least ? m * m : least;
    s->from = room((size_t)most * sizeof(double));
    s->to = room((size_t)most * sizeof(double));
    if (s->from == NULL || s->to == NULL || numc_scope_begin(s->context) != NUMC_OK)
        return false;
    double *t = s->from;
    s->x = make(s, t, 0, n, 20.0, -10.0);
    s->y = make(s, t, 1, n, 20.0, -10.0);
    s->p = make(s, t, 2, n, 100.0, 0.001);
    s->w = make(s, t, 3, 2 * n, 1.0, 0.0);
    s->k = numc_keep(numc_astype(make(s, t, 4, n, 1000.0, 0.0), NUMC_INT64));
    s->at = numc_keep(numc_astype(make(s, t, 5, n, (double)n, 0.0), NUMC_INT64));
    s->mask = numc_keep(numc_less(make(s, t, 6, n, 1.0, 0.0), 0.5));
    s->j = numc_keep(numc_astype(make(s, t, 7, n, 1e15, 0.0), NUMC_INT64));
    s->xf = numc_keep(numc_astype(s->x, NUMC_FLOAT32));
    s->yf = numc_keep(numc_astype(s->y, NUMC_FLOAT32));
    s->A = numc_keep(numc_reshape(s->x, NUMC_SHAPE(side, side)));
    s->B = numc_keep(numc_reshape(s->y, NUMC_SHAPE(side, side)));
    s->row = numc_keep(numc_index(s->x, NUMC_SLICE(0, side)));
    s->column = numc_keep(numc_reshape(s->row, NUMC_SHAPE(side, 1)));
    s->P = numc_keep(numc_reshape(make(s, t, 8, m * m, 1.0, 0.0), NUMC_SHAPE(m, m)));
    s->Q = numc_keep(numc_reshape(make(s, t, 9, m * m, 1.0, 0.0), NUMC_SHAPE(m, m)));
    for (int k = 0; k < 3; k++) { /* c + c' + 3 n of elements of (0, 1): the diagonal outweighs its row */
        const int64_t z = sizes[k], side_z = z * z;
        numc_array *c = numc_reshape(make(s, t, 10, BATCH * side_z, 1.0, 0.0), NUMC_SHAPE(BATCH, z, z));
        s->S[k] = numc_keep(numc_add(numc_add(c, numc_matrix_transpose(c)), numc_multiply(numc_eye(s->context, NUMC_FLOAT64, z, z, 0), 3.0 * (double)z)));
        s->V[k] = numc_keep(numc_reshape(make(s, t, 11, BATCH * z, 1.0, 0.0), NUMC_SHAPE(BATCH, z, 1)));
    }
    s->x16 = make(s, t, 0, 16, 20.0, -10.0);
    s->y16 = make(s, t, 1, 16, 20.0, -10.0);
    numc_scope_end(s->context);
    return numc_error_status(s->context) == NUMC_OK;
}

/* ---- the other ways --------------------------------------------------------------------------------------------------------- */

static void copy_part(void *user, int64_t part)
{
    const subject *s = user;
    const size_t n = (size_t)s->side * (size_t)s->side * 3 / 2; /* as many bytes as an addition reads and writes */
    const size_t share = n / (size_t)s->threads;
    const size_t first = share * (size_t)part, count = part + 1 == s->threads ? n - first : share;
    memcpy(s->to + first, s->from + first, count * sizeof(double));
}

typedef void (*gemm_fn)(int order, int ta, int tb, int m, int n, int k, double alpha, const double *a, int lda, const double *b,
                        int ldb, double beta, double *c, int ldc);
static gemm_fn gemm;
static void (*blas_threads)(int count);

/* The library that the loader finds by name, as NumPy's would be. */
static bool blas_ready(void)
{
    static const char *const names[] = {"libopenblas.so.0", "libopenblas.so", "libopenblas_serial.so.0"};
    for (size_t i = 0; gemm == NULL && i < sizeof names / sizeof names[0]; i++) {
        void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        void *product = library == NULL ? NULL : dlsym(library, "cblas_dgemm");
        void *threads = library == NULL ? NULL : dlsym(library, "openblas_set_num_threads");
        if (product != NULL && threads != NULL) {
            memcpy(&gemm, &product, sizeof gemm);
            memcpy(&blas_threads, &threads, sizeof blas_threads);
        }
    }
    return gemm != NULL;
}

static void run_other(subject *s, beside other)
{
    const int m = s->product;
    if (other == COPIES)
        numc__parallel_for(s->context->core, s->threads, copy_part, s);
    else
        gemm(101, 111, 111, m, m, m, 1.0, s->from, m, s->from, m, 0.0, s->to, m);
}

/* ---- measuring -------------------------------------------------------------------------------------------------------------- */

typedef enum way { BY_NUMC, BY_OTHER, BY_NUMPY, BY_NUMPY_AVX2, WAYS } way;

typedef struct setting {
    subject *s;
    bench_numpy *numpy, *narrow; /* NULL: not there */
    int rounds;
} setting;

typedef struct row {
    double median[WAYS], least[WAYS]; /* NAN: not measured */
} row;

static bool run_numc(const subject *s, numc_array *(*run)(const subject *))
{
    if (numc_scope_begin(s->context) != NUMC_OK)
        return false;
    const bool good = run(s) != NULL;
    numc_scope_end(s->context);
    return good;
}

static double time_batch(const setting *t, const struct bench_case *c, way by, int64_t count)
{
    subject *s = t->s;
    if (by == BY_NUMPY || by == BY_NUMPY_AVX2) {
        const double ns = bench_numpy_time(by == BY_NUMPY ? t->numpy : t->narrow, c->python, count);
        return ns < 0.0 ? (double)NAN : ns;
    }
    numc_backend_device *device = numc__device(s->context);
    const bool ours = by == BY_NUMC || c->other == CONTIGUOUS;
    if (by == BY_OTHER && c->other == BLAS)
        blas_threads(s->threads);
    double start = bench_now();
    for (int64_t i = count > 1 ? -1 : 0; i < count; i++) { /* the first of several is not timed: it finds the others' data in the cache */
        if (i == 0)
            start = bench_now();
        if (!ours)
            run_other(s, c->other);
        else if (!run_numc(s, by == BY_NUMC ? c->run : c->contiguous))
            return (double)NAN;
    }
    if (ours && device->table.synchronize(device->device) != NUMC_OK)
        return (double)NAN;
    const double each = (bench_now() - start) / (double)count;
    if (by == BY_OTHER && c->other == BLAS)
        blas_threads(1); /* what the cpu backend asks of the same library */
    return each;
}

static int64_t batch_size(const setting *t, const struct bench_case *c, way by)
{
    int64_t count = 1;
    for (;;) {
        const double each = fmin(time_batch(t, c, by, count), time_batch(t, c, by, count));
        if (isnan(each) || each * (double)count >= ROUND_NS / 4.0)
            return isnan(each) || each >= ROUND_NS ? 1 : (int64_t)(ROUND_NS / each) + 1;
        count *= 4;
    }
}

/* The sizes, and 16 elements spread over the results, are the same in NumPy. */
static bool agrees(const setting *t, const struct bench_case *c)
{
    subject *s = t->s;
    double theirs[16] = {0}, tolerance = strcmp(c->name, "add_float32") == 0 ? 1e-6 : AGREEMENT;
    int64_t size = 0;
    if (!bench_numpy_probe(t->numpy, c->python, &size, theirs))
        return bench_fail(c->name, "NumPy gave no answer");
    if (numc_scope_begin(s->context) != NUMC_OK)
        return false;
    const numc_array *result = c->run(s);
    const bool fits = numc_array_size(result) == size;
    double *values = fits ? malloc(((size_t)size + 1) * sizeof *values) : NULL;
    bool good = values != NULL && numc_to_host(result, NUMC_FLOAT64, values, (size_t)size * sizeof *values) == NUMC_OK;
    for (int i = 0; good && i < 16 && size > 0; i++) {
        const double mine = values[(int64_t)i * size / 16];
        good = fabs(mine - theirs[i]) <= tolerance * fmax(1.0, fabs(theirs[i]));
        if (!good)
            fprintf(stderr, "numc-bench: %s: element %d of %lld is %.17g, NumPy's %.17g\n", c->name, (int)((int64_t)i * size / 16),
                    (long long)size, mine, theirs[i]);
    }
    free(values);
    numc_scope_end(s->context);
    if (numc_error_status(s->context) != NUMC_OK)
        return bench_fail(c->name, numc_error_message(s->context));
    return good || bench_fail(c->name, fits ? "differs from NumPy" : "the result has another size than NumPy's");
}

static bool measure(const setting *t, const struct bench_case *c, row *r)
{
    double times[WAYS][MOST_ROUNDS];
    int64_t counts[WAYS] = {0};
    const bool has[WAYS] = {true, c->other != ALONE && (c->other != BLAS || blas_ready()), t->numpy != NULL, t->narrow != NULL};
    if (t->numpy != NULL && !agrees(t, c))
        return false;
    for (way w = BY_NUMC; w < WAYS; w++)
        counts[w] = has[w] ? batch_size(t, c, w) : 0;
    for (int k = 0; k < t->rounds; k++) /* interleaved: what slows the machine down meets all of them */
        for (way w = BY_NUMC; w < WAYS; w++)
            if (has[w])
                times[w][k] = time_batch(t, c, w, counts[w]);
    for (way w = BY_NUMC; w < WAYS; w++) {
        if (has[w])
            qsort(times[w], (size_t)t->rounds, sizeof times[w][0], bench_compare_doubles);
        r->median[w] = has[w] ? times[w][t->rounds / 2] : (double)NAN;
        r->least[w] = has[w] ? times[w][0] : (double)NAN;
        if (has[w] && isnan(r->median[w]))
            return bench_fail(c->name, w == BY_NUMC ? numc_error_message(t->s->context) : "the other way failed");
    }
    return true;
}

/* ---- printing --------------------------------------------------------------------------------------------------------------- */

static double numpy_ratio(const row *r, bool narrow) /* how many times as fast as NumPy */
{
    const double other = narrow && !isnan(r->least[BY_NUMPY_AVX2]) ? r->least[BY_NUMPY_AVX2] : r->least[BY_NUMPY];
    return other / r->least[BY_NUMC];
}

/* 1: met, 0: not, -1: no goal, or nothing to compare with. */
static int is_met(const struct bench_case *c, const row *r)
{
    double value = 0.0;
    switch (c->goal) {
    case MOST_NS: return r->least[BY_NUMC] <= c->limit;
    case MOST_OTHER: value = r->least[BY_OTHER] / r->least[BY_NUMC] * c->limit; break;
    case NUMPY: value = numpy_ratio(r, false) / c->limit; break;
    case NUMPY_AVX2: value = numpy_ratio(r, true) / c->limit; break;
    default: return -1;
    }
    return isnan(value) ? -1 : value >= 1.0;
}

static void print_number(const char *name, double value)
{
    if (isnan(value))
        printf(", \"%s\": null", name);
    else
        printf(", \"%s\": %.3f", name, value);
}

static void print_goal(char *text, size_t size, const struct bench_case *c)
{
    if (c->goal == NONE)
        *text = '\0';
    else if (c->goal == MOST_NS)
        snprintf(text, size, "<= %g ns", c->limit);
    else
        snprintf(text, size, "%s %g times %s", c->goal == MOST_OTHER ? "<=" : ">=", c->limit,
                 c->goal == MOST_OTHER ? beside_names[c->other] : c->goal == NUMPY ? "NumPy" : "NumPy on AVX2");
}

static void print_row(const bench_options *options, const struct bench_case *c, int threads, const row *r, bool first)
{
    static const char *const verdicts[] = {"null", "false", "true"}, *const words[] = {"-", "no", "yes"};
    char text[64];
    print_goal(text, sizeof text, c);
    const int met = is_met(c, r);
    if (options->json) {
        printf("%s\n  {\"case\": \"%s\", \"threads\": %d", first ? "" : ",", c->name, threads);
        print_number("ns_min", r->least[BY_NUMC]);
        print_number("ns_median", r->median[BY_NUMC]);
        printf(", \"other\": %s%s%s", c->other == ALONE ? "null" : "\"", c->other == ALONE ? "" : beside_names[c->other],
               c->other == ALONE ? "" : "\"");
        print_number("other_ns_min", r->least[BY_OTHER]);
        print_number("other_ns_median", r->median[BY_OTHER]);
        print_number("numpy_ns_min", r->least[BY_NUMPY]);
        print_number("numpy_ns_median", r->median[BY_NUMPY]);
        print_number("numpy_avx2_ns_min", r->least[BY_NUMPY_AVX2]);
        print_number("numpy_avx2_ns_median", r->median[BY_NUMPY_AVX2]);
        print_number("numpy_ratio", numpy_ratio(r, false));
        print_number("numpy_avx2_ratio", isnan(r->least[BY_NUMPY_AVX2]) ? (double)NAN : numpy_ratio(r, true));
        print_number("other_ratio", r->least[BY_NUMC] / r->least[BY_OTHER]);
        printf(", \"goal\": \"%s\", \"met\": %s}", text, verdicts[met + 1]);
        return;
    }
    printf("%-20s %d", c->name, threads);
    for (way w = BY_NUMC; w < WAYS; w++) {
        if (isnan(r->least[w]))
            printf(" %11s %11s", "-", "-");
        else
            printf(" %11.1f %11.1f", r->least[w] / (r->least[BY_NUMC] > 1e4 ? 1e3 : 1.0),
                   r->median[w] / (r->least[BY_NUMC] > 1e4 ? 1e3 : 1.0));
    }
    printf(" %s", r->least[BY_NUMC] > 1e4 ? "us" : "ns");
    const double ratios[] = {r->least[BY_NUMC] / r->least[BY_OTHER], numpy_ratio(r, false), numpy_ratio(r, true)};
    for (size_t i = 0; i < sizeof ratios / sizeof ratios[0]; i++) {
        if (isnan(ratios[i]))
            printf(" %6s", "-");
        else
            printf(" %6.2f", ratios[i]);
    }
    printf("  %-30s %s\n", text, words[met + 1]);
}

static int run_setting(const bench_options *options, int threads, bool *first)
{
    bench_options with = *options;
    with.threads = threads;
    numc_context *context = bench_open(&with);
    if (context == NULL)
        return 1;
    subject s = {.context = context, .side = options->quick ? QUICK_SIDE : SIDE, .threads = threads,
                 .product = options->quick ? QUICK_PRODUCT : PRODUCT};
    setting t = {.s = &s, .rounds = options->rounds > 0 ? options->rounds : ROUNDS};
    int failures = 0;
    if (!subject_make(&s)) {
        failures = 1;
        bench_fail("data", numc_error_status(context) == NUMC_OK ? "out of memory" : numc_error_message(context));
    } else {
        t.numpy = bench_numpy_start(s.side, s.product, threads, false);
        if (t.numpy == NULL)
            fprintf(stderr, "numc-bench: no python3 with NumPy here: nothing is compared with it\n");
        else if (bench_numpy_is_wide(t.numpy))
            t.narrow = bench_numpy_start(s.side, s.product, threads, true);
    }
    if (*first && options->json) {
        printf("{\"backend\": \"%s\", \"n\": %lld, \"product\": %d, \"rounds\": %d, \"numpy\": %s%s%s, \"rows\": [",
               bench_backend_name(context), (long long)s.side * s.side, s.product, t.rounds, t.numpy == NULL ? "null" : "\"",
               t.numpy == NULL ? "" : bench_numpy_version(t.numpy), t.numpy == NULL ? "" : "\"");
    } else if (*first) {
        printf("%s backend, NumPy %s%s\n", bench_backend_name(context), t.numpy == NULL ? "absent" : bench_numpy_version(t.numpy),
               t.narrow != NULL ? " (as it is, and kept to AVX2)" : "");
        printf("%-20s %s %11s %11s %11s %11s %11s %11s %11s %11s    %6s %6s %6s  %-30s met\n", "case", "t", "least", "median", "other",
               "median", "NumPy", "median", "NumPy AVX2", "median", "/other", "NumPy/", "AVX2/", "goal");
    }
    bool opened = *first;
    for (int i = 0; failures == 0 && i < CASES; i++) {
        row r;
        if (options->only != NULL && strcmp(options->only, cases[i].name) != 0)
            continue;
        if (!measure(&t, &cases[i], &r)) {
            failures++;
            break;
        }
        print_row(options, &cases[i], threads, &r, opened);
        opened = false;
        fflush(stdout);
    }
    *first = false;
    bench_numpy_stop(t.numpy);
    bench_numpy_stop(t.narrow);
    free(s.from);
    free(s.to);
    numc_close(context);
    return failures;
}

int bench_array(const bench_options *options)
{
    bool first = true;
    int failures = 0;
    if (options->threads > 0)
        failures = run_setting(options, options->threads, &first);
    else
        for (int threads = 1; threads <= 2 && failures == 0; threads++)
            failures = run_setting(options, threads, &first);
    if (options->json)
        printf("\n]}\n");
    return failures > 0;
}
