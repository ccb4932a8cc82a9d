/* test_matrices.c - small matrices: the backend's order of summation is the textbook's (numc_device_info.ordered_products, 2), bit for
 * bit, and native code, which multiplies and factorises them by itself, has the interpreter's bits: all sizes to beyond its limit,
 * views turned over, batches, matrices that are singular or not positive definite, NaN, derivatives, vmap, float32. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "native/native.h"
#include "numc/numc.h"

enum { MOST = 33, OWN = 32, OUTPUTS = 21, INPUTS = 5, BATCH = 3 };

static double noise(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53 - 0.5;
}

/* ---- the textbook's loops ----------------------------------------------------------------------------------------------- */

static void book_product(int rows, int inner, int columns, const double *a, const double *b, double *c)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) {
            double sum = 0.0;
            for (int k = 0; k < inner; k++)
                sum += a[i * inner + k] * b[k * columns + j];
            c[i * columns + j] = sum;
        }
}

static void book_cholesky(int n, const double *a, double *l)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            l[i * n + j] = 0.0;
    for (int j = 0; j < n; j++)
        for (int i = j; i < n; i++) {
            double sum = a[i * n + j];
            for (int k = 0; k < j; k++)
                sum -= l[i * n + k] * l[j * n + k];
            l[i * n + j] = i == j ? sqrt(sum) : sum / l[j * n + j];
        }
}

static void book_solve(int n, int columns, const double *t, const double *b, double *x, bool upper, bool transpose, bool unit)
{
    bool upwards = upper != transpose;
    for (int step = 0; step < n; step++)
        for (int j = 0; j < columns; j++) {
            int i = upwards ? n - 1 - step : step;
            double sum = b[i * columns + j];
            for (int known = 0; known < step; known++) {
                int k = upwards ? n - 1 - known : known;
                sum -= t[transpose ? k * n + i : i * n + k] * x[k * columns + j];
            }
            x[i * columns + j] = unit ? sum : sum / t[i * n + i];
        }
}

static void expect_bits(numc_array *y, const double *right, int count, const char *what, int n)
{
    double values[MOST * MOST];
    assert_non_null(y);
    assert_int_equal(numc_to_host(y, NUMC_FLOAT64, values, (size_t)count * sizeof(double)), NUMC_OK);
    if (memcmp(values, right, (size_t)count * sizeof(double)) != 0)
        fail_msg("%s of size %d has other bits than the textbook's loops", what, n);
}

static void the_order_is_the_textbooks(void **unused)
{
    (void)unused;
    static double a[MOST * MOST], s[MOST * MOST], b[MOST * MOST], right[MOST * MOST], l[MOST * MOST], turned[MOST * MOST];
    uint64_t state = 11;
    numc_context *context = numc_open(NULL);
    assert_non_null(context);
    for (int n = 1; n <= OWN; n++)
        for (int columns = 1; columns <= OWN; columns += n % 3 + 1) {
            numc_scope(context)
            {
                for (int i = 0; i < n; i++) {
                    for (int j = 0; j < n; j++)
                        a[i * n + j] = noise(&state) + (i == j ? 2.0 : 0.0);
                    for (int j = 0; j < columns; j++)
                        b[i * columns + j] = noise(&state);
                }
                for (int i = 0; i < n; i++)
                    for (int j = 0; j < n; j++)
                        s[i * n + j] = 0.1 * exp(-0.1 * (i - j) * (i - j)) + (i == j ? 0.5 + 0.1 * i : 0.0);
                for (int i = 0; i < n * n; i++)
                    turned[i % n * n + i / n] = a[i];
                numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(n, n), a);
                numc_array *y = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(n, columns), b);
                if (columns > 1) { /* with a vector a row is summed in 8 lanes */
                    book_product(n, n, columns, a, b, right);
                    expect_bits(numc_matmul(x, y), right, n * columns, "a product", n);
                    book_product(n, n, columns, turned, b, right);
                    expect_bits(numc_matmul(numc_matrix_transpose(x), y), right, n * columns, "a product of a transposed matrix", n);
                }
                book_cholesky(n, s, l);
                expect_bits(numc_linalg_cholesky(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(n, n), s)), l, n * n, "a factor", n);
                for (int way = 0; way < 8; way++) {
                    const bool upper = way & 1, transpose = (way & 2) != 0, unit = (way & 4) != 0;
                    book_solve(n, columns, a, b, right, upper, transpose, unit);
                    expect_bits(numc_linalg_triangular_solve(x, y, .upper = upper, .transpose = transpose, .unit_diagonal = unit), right,
                                n * columns, "a solution", n);
                }
            }
        }
    numc_close(context);
}

/* ---- native code --------------------------------------------------------------------------------------------------------- */

typedef enum shape_of_it { PLAIN, GRADIENT, MAPPED, HALF } shape_of_it; /* HALF: float32 */
typedef struct form {
    int n;
    shape_of_it shape;
} form;

static const form forms[] = {
    {1, PLAIN},  {2, PLAIN},  {3, PLAIN},     {4, PLAIN},     {5, PLAIN},   {6, PLAIN},   {8, PLAIN},  {9, PLAIN},
    {11, PLAIN}, {16, PLAIN}, {17, PLAIN},    {31, PLAIN},  {32, PLAIN}, {33, PLAIN}, {3, HALF},
    {11, HALF},  {32, HALF},  {11, GRADIENT}, {33, GRADIENT}, {3, MAPPED}, {11, MAPPED},
};
enum { FORMS = sizeof forms / sizeof *forms };

/* in: A (.., n, n), S (.., n, n) symmetric, B (.., n, m), C (.., m, n), V (.., n, 1). */
static void algebra(numc_context *context, const numc_array *const *in, int32_t count, numc_array **out, int32_t outputs, void *user)
{
    const numc_array *a = in[0], *b = in[2], *c = in[3], *v = in[4];
    (void)context, (void)count, (void)outputs, (void)user;
    numc_array *at = numc_matrix_transpose(a), *vt = numc_matrix_transpose(v), *ct = numc_matrix_transpose(c);
    numc_array *l = numc_linalg_cholesky(in[1]);
    out[0] = numc_matmul(a, b);
    out[1] = numc_matmul(at, b);
    out[2] = numc_matmul(a, ct);
    out[3] = numc_matmul(c, at);
    out[4] = numc_matmul(a, v);
    out[5] = numc_matmul(at, v);
    out[6] = numc_matmul(vt, a);
    out[7] = numc_matmul(vt, at);
    out[8] = numc_matmul(vt, v);
    out[9] = numc_matmul(v, vt);
    out[10] = l;
    out[11] = numc_linalg_triangular_solve(l, b);
    out[12] = numc_linalg_triangular_solve(l, ct, .transpose = true);
    out[13] = numc_linalg_triangular_solve(a, b, .upper = true);
    out[14] = numc_linalg_triangular_solve(at, v, .upper = true, .transpose = true, .unit_diagonal = true);
    out[15] = numc_linalg_cho_solve(l, v);
    out[16] = numc_linalg_solve(a, b);
    out[17] = numc_linalg_det(a);
    out[18] = numc_linalg_inv(at);
    out[20] = numc_linalg_cho_inv(numc_flip(a, NUMC_AXES(-1, -2)));
    out[19] = numc_linalg_cholesky(numc_flip(in[1], NUMC_AXES(-1, -2)), .upper = true);
}

static void one_number(numc_context *context, const numc_array *const *in, int32_t count, numc_array **out, int32_t outputs, void *user)
{
    (void)outputs;
    numc_array *all[OUTPUTS];
    algebra(context, in, count, all, OUTPUTS, user);
    out[0] = numc_sum(numc_tanh(all[0]));
    for (int k = 1; k < OUTPUTS - 1; k++)
        out[0] = numc_add(out[0], numc_sum(numc_tanh(all[k])));
}

static int columns_of(int n)
{
    return 1 + 7 * n % OWN;
}

/* kind 1: of each batch the second has zeros on diagonals and is not positive definite, 2: NaN, 3: infinities. */
static void fill(double *values, int input, int kind, int rows, int columns)
{
    uint64_t state = (uint64_t)(input + 1);
    for (int m = 0; m < BATCH; m++)
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++) {
                double x = noise(&state) + (i == j && input == 0 ? 2.0 : 0.0);
                if (input == 1)
                    x = 0.1 * exp(-0.1 * (i - j) * (i - j)) + (i == j ? 0.5 + 0.1 * i + m : 0.0);
                if (kind != 0 && m == 1 && input <= 1 && i == j && i == rows / 2)
                    x = kind == 1 ? 0.0 : kind == 2 ? (double)NAN : (double)INFINITY;
                values[(m * rows + i) * columns + j] = x;
            }
}

static void make_inputs(numc_context *context, const form *f, int kind, numc_array **in)
{
    double values[BATCH * MOST * MOST];
    const int n = f->n, m = columns_of(n);
    const int rows[INPUTS] = {n, n, n, m, n}, columns[INPUTS] = {n, n, m, n, 1};
    for (int k = 0; k < INPUTS; k++) {
        fill(values, k, kind, rows[k], columns[k]);
        in[k] = f->shape == MAPPED && k >= 2
                    ? numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(rows[k], columns[k]), values)
                    : numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(BATCH, rows[k], columns[k]), values);
        if (f->shape == HALF)
            in[k] = numc_astype(in[k], NUMC_FLOAT32);
    }
}

static numc_function *function_of(numc_context *context, const form *f, int *outputs)
{
    numc_array *in[INPUTS], *one[INPUTS];
    make_inputs(context, f, 0, in);
    for (int k = 0; k < INPUTS; k++)
        one[k] = f->shape == MAPPED && k < 2 ? numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(f->n, f->n)) : in[k];
    *outputs = f->shape == GRADIENT ? 1 + INPUTS : OUTPUTS;
    numc_function *function = numc_function_trace(context, f->shape == GRADIENT ? one_number : algebra, NULL, (const numc_array *const *)one,
                                                  INPUTS, f->shape == GRADIENT ? 1 : OUTPUTS);
    if (f->shape == GRADIENT && function != NULL)
        function = numc_function_value_and_gradient(context, function);
    if (f->shape == MAPPED && function != NULL)
        function = numc_function_vmap(context, function, (const numc_array *const *)in, INPUTS,
                                      .in_axes = NUMC_AXES(0, 0, NUMC_UNMAPPED, NUMC_UNMAPPED, NUMC_UNMAPPED));
    if (function == NULL)
        fail_msg("size %d: %s", f->n, numc_error_message(context));
    return function;
}

/* Equal bits, or two NaN: which of two NaN an operation passes on is the processor's. */
static bool same(numc_dtype dtype, const char *a, const char *b, size_t size)
{
    const size_t bytes = dtype == NUMC_FLOAT32 ? 4 : 8;
    for (size_t at = 0; at < size; at += bytes) {
        double x = 0.0, y = 0.0;
        float x32 = 0.0f, y32 = 0.0f;
        (void)memcpy(bytes == 4 ? (void *)&x32 : (void *)&x, a + at, bytes);
        (void)memcpy(bytes == 4 ? (void *)&y32 : (void *)&y, b + at, bytes);
        if (memcmp(a + at, b + at, bytes) != 0 && !(isnan(x + (double)x32) && isnan(y + (double)y32)))
            return false;
    }
    return true;
}

static void native_code_has_the_bits(void **unused)
{
    (void)unused;
    numc_compiler compiler;
    char reason[NUMC_NATIVE_REASON];
    if (!numc__compiler_find(&compiler, reason))
        skip();
    for (int k = 0; k < FORMS; k++) {
        const form *f = &forms[k];
        char *bytes[4][OUTPUTS] = {{NULL}};
        for (int mode = 0; mode < 2; mode++) {
            const numc_options options = {.jit = mode == 0 ? NUMC_JIT_OFF : NUMC_JIT_ON};
            numc_context *context = numc_open(&options);
            int outputs = 0;
            numc_function *function = function_of(context, f, &outputs);
            for (int kind = 0; kind < 4; kind++) {
                numc_scope(context)
                {
                    numc_array *in[INPUTS], *result[OUTPUTS];
                    make_inputs(context, f, kind, in);
                    if (numc_function_call(context, function, (const numc_array *const *)in, INPUTS, result, outputs) != NUMC_OK)
                        fail_msg("size %d: %s", f->n, numc_error_message(context));
                    for (int i = 0; i < outputs; i++) {
                        numc_dtype dtype = numc_array_dtype(result[i]);
                        size_t size = (size_t)numc_array_size(result[i]) * numc_dtype_size(dtype);
                        char *now = malloc(size);
                        assert_non_null(now);
                        assert_int_equal(numc_to_host(result[i], dtype, now, size), NUMC_OK);
                        if (mode == 0) {
                            bytes[kind][i] = now;
                            continue;
                        }
                        if (!same(dtype, bytes[kind][i], now, size))
                            fail_msg("size %d, shape %d, inputs of kind %d: output %d of native code has other bits", f->n, (int)f->shape, kind, i);
                        free(now);
                    }
                }
            }
            numc_close(context);
        }
        for (int kind = 0; kind < 4; kind++)
            for (int i = 0; i < OUTPUTS; i++)
                free(bytes[kind][i]);
    }
}

/* Calls of slots in the text of a program of size n. */
static int calls_back(int n)
{
    char folder[] = "/tmp/numc-matrices-XXXXXX", path[400], text[1 << 18];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(setenv("NUMC_DUMP", folder, 1), 0);
    numc_context *context = numc_open(&(numc_options){.jit = NUMC_JIT_ON});
    int outputs = 0, count = 0;
    const form f = {n, PLAIN};
    numc_array *in[INPUTS], *result[OUTPUTS];
    numc_function *function = function_of(context, &f, &outputs);
    make_inputs(context, &f, 0, in);
    assert_int_equal(numc_function_call(context, function, (const numc_array *const *)in, INPUTS, result, outputs), NUMC_OK);
    numc_close(context);
    assert_int_equal(unsetenv("NUMC_DUMP"), 0);
    DIR *stages = opendir(folder);
    assert_non_null(stages);
    for (struct dirent *entry = readdir(stages); entry != NULL; entry = readdir(stages)) {
        const size_t length = strlen(entry->d_name);
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (file == NULL)
            continue;
        size_t size = fread(text, 1, sizeof text - 1, file);
        (void)fclose(file);
        (void)unlink(path);
        text[size] = '\0';
        bool native = length > 8 && strcmp(entry->d_name + length - 8, "native.c") == 0;
        for (const char *at = text; native && (at = strstr(at, "f->step(f->state")) != NULL; at++)
            count++;
    }
    (void)closedir(stages);
    (void)rmdir(folder);
    return count;
}

static void slots_are_not_called_back(void **unused)
{
    (void)unused;
    numc_compiler compiler;
    char reason[NUMC_NATIVE_REASON];
    if (!numc__compiler_find(&compiler, reason))
        skip();
    assert_int_equal(calls_back(11), 0);
    assert_true(calls_back(33) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_is_the_textbooks),
        cmocka_unit_test(native_code_has_the_bits),
        cmocka_unit_test(slots_are_not_called_back),
    };
    return cmocka_run_group_tests_name("small matrices", tests, NULL, NULL);
}
