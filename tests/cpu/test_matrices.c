/* test_matrices.c - products, Cholesky, triangular solves and LU at many sizes, layouts and batches. Products are compared with a
 * sum in float64 (long double for float64) by the textbook bound |error| <= (k + 2) eps sum |a||b|; factorisations by their
 * residuals with the bounds of Higham (2002), theorems 8.5, 9.3 and 10.3, times 4. The meson file runs this once with
 * OpenBLAS where it is found and once without. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "plugin.h"

static plugin cpu;
static rng random_state = {20261122};

enum { MOST = 160, AREA = 300 * 300 * 2 };
static double memory[4][AREA];

static double unit(void)
{
    return 2.0 * rng_unit(&random_state) - 1.0;
}

typedef struct matrix {
    numc_view view;
    int64_t shape[3], strides[3];
} matrix;

/* layout 0: rows contiguous, 1: columns contiguous, 2: rows with a gap, 3: every second element */
static void make(matrix *m, void *at, uint32_t dtype, int64_t batch, int64_t rows, int64_t columns, int layout)
{
    m->shape[0] = batch;
    m->shape[1] = rows;
    m->shape[2] = columns;
    m->strides[1] = layout == 1 ? 1 : layout == 2 ? columns + 3 : layout == 3 ? 2 * columns : columns;
    m->strides[2] = layout == 1 ? rows : layout == 3 ? 2 : 1;
    m->strides[0] = layout == 2 ? rows * (columns + 3) : (layout == 3 ? 2 : 1) * rows * columns;
    m->view = (numc_view){at, 1, dtype, 3, m->shape, m->strides};
}

static double get(const matrix *m, int64_t n, int64_t i, int64_t j)
{
    const int64_t at = 1 + n * m->strides[0] + i * m->strides[1] + j * m->strides[2];
    return m->view.dtype == NUMC_FLOAT64 ? ((double *)m->view.memory)[at] : (double)((float *)m->view.memory)[at];
}

static void set(matrix *m, int64_t n, int64_t i, int64_t j, double x)
{
    const int64_t at = 1 + n * m->strides[0] + i * m->strides[1] + j * m->strides[2];
    if (m->view.dtype == NUMC_FLOAT64)
        ((double *)m->view.memory)[at] = x;
    else
        ((float *)m->view.memory)[at] = (float)x;
}

static void randomise(matrix *m)
{
    for (int64_t n = 0; n < m->shape[0]; n++)
        for (int64_t i = 0; i < m->shape[1]; i++)
            for (int64_t j = 0; j < m->shape[2]; j++)
                set(m, n, i, j, unit());
}

static double epsilon(uint32_t dtype)
{
    return dtype == NUMC_FLOAT64 ? DBL_EPSILON : (double)FLT_EPSILON;
}

static void product(uint32_t dtype, int64_t batch, int64_t rows, int64_t inner, int64_t columns, int la, int lb,
                    uint32_t accumulate)
{
    matrix a, b, c;
    make(&a, memory[0], dtype, batch, rows, inner, la);
    make(&b, memory[1], dtype, batch, inner, columns, lb);
    make(&c, memory[2], dtype, batch, rows, columns, 0);
    randomise(&a);
    randomise(&b);
    randomise(&c);
    if (!accumulate) /* what was there must not matter */
        for (int64_t i = 0; i < rows && columns > 0; i++)
            set(&c, 0, i, 0, (double)NAN);
    memcpy(memory[3], memory[2], sizeof memory[3]);
    matrix before;
    make(&before, memory[3], dtype, batch, rows, columns, 0);
    const numc_matmul_options options = {sizeof options, accumulate};
    assert_int_equal(cpu.table->matmul(cpu.device, &a.view, &b.view, &c.view, &options), NUMC_OK);
    for (int64_t n = 0; n < batch; n++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++) {
                long double sum = accumulate ? (long double)get(&before, n, i, j) : 0.0L;
                double scale = fabs((double)sum);
                for (int64_t k = 0; k < inner; k++) {
                    sum += (long double)get(&a, n, i, k) * (long double)get(&b, n, k, j);
                    scale += fabs(get(&a, n, i, k) * get(&b, n, k, j));
                }
                const double error = fabs(get(&c, n, i, j) - (double)sum);
                if (!(error <= (double)(inner + 2) * epsilon(dtype) * scale))
                    fail_msg("%lld x %lld x %lld, layouts %d %d: error %g at %lld %lld", (long long)rows, (long long)inner,
                             (long long)columns, la, lb, error, (long long)i, (long long)j);
            }
}

static void products_are_sums(void **state)
{
    (void)state;
    static const int64_t sizes[][3] = {{1, 1, 1},   {3, 2, 5},    {4, 8, 8},    {7, 13, 9},   {5, 0, 4},    {1, 100, 30},
                                       {30, 100, 1}, {31, 7, 1},  {1, 7, 31},   {100, 3, 1},  {3, 100, 1},  {16, 16, 16},
                                       {33, 47, 29}, {60, 5, 70}, {70, 90, 80}, {1, 60, 60},  {60, 60, 2},  {20, 1, 20},
                                       {0, 3, 3},   {130, 130, 3}, {2, 129, 140}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int la = 0; la < 4; la++)
            for (int lb = 0; lb < 4; lb++)
                for (uint32_t accumulate = 0; accumulate < 2; accumulate++) {
                    product(NUMC_FLOAT64, 1 + (int64_t)(s % 2), sizes[s][0], sizes[s][1], sizes[s][2], la, lb, accumulate);
                    product(NUMC_FLOAT32, 2, sizes[s][0], sizes[s][1], sizes[s][2], la, lb, accumulate);
                }
}

/* Small sums in increasing k are the reference's to the bit, in own loops, apart from dot products. */
static void products_split_over_threads_keep_their_bits(void **state)
{
    (void)state;
    enum { ROWS = 700, INNER = 90, COLUMNS = 80 };
    static double a[ROWS * INNER], b[INNER * COLUMNS], one[ROWS * COLUMNS], two[ROWS * COLUMNS];
    for (int i = 0; i < ROWS * INNER; i++)
        a[i] = unit();
    for (int i = 0; i < INNER * COLUMNS; i++)
        b[i] = unit();
    int64_t sa[] = {ROWS, INNER}, ta[] = {INNER, 1}, sb[] = {INNER, COLUMNS}, tb[] = {COLUMNS, 1}, sc[] = {ROWS, COLUMNS};
    numc_view va = {a, 0, NUMC_FLOAT64, 2, sa, ta}, vb = {b, 0, NUMC_FLOAT64, 2, sb, tb};
    numc_view vc = {one, 0, NUMC_FLOAT64, 2, sc, tb};
    assert_int_equal(cpu.table->matmul(cpu.device, &va, &vb, &vc, NULL), NUMC_OK);
    cpu.threads = 4;
    vc.memory = two;
    assert_int_equal(cpu.table->matmul(cpu.device, &va, &vb, &vc, NULL), NUMC_OK);
    cpu.threads = 1;
    assert_memory_equal(one, two, sizeof one);
}

static void integer_products_wrap(void **state)
{
    (void)state;
    int32_t a[] = {1 << 30, 3, -5, 7}, b[] = {4, 1, 1, 1}, c[4];
    int64_t shape[] = {2, 2}, strides[] = {2, 1};
    numc_view va = {a, 0, NUMC_INT32, 2, shape, strides}, vb = {b, 0, NUMC_INT32, 2, shape, strides};
    numc_view vc = {c, 0, NUMC_INT32, 2, shape, strides};
    assert_int_equal(cpu.table->matmul(cpu.device, &va, &vb, &vc, NULL), NUMC_OK);
    assert_int_equal(c[0], 3); /* 2^32 + 3 */
    assert_int_equal(c[1], (1 << 30) + 3);
    assert_int_equal(c[2], -13);
    assert_int_equal(c[3], 2);
    numc_view wrong = {c, 0, NUMC_BOOL, 2, shape, strides};
    assert_int_equal(cpu.table->matmul(cpu.device, &wrong, &wrong, &wrong, NULL), NUMC_UNSUPPORTED);
}

/* a = g g' + n I */
static void make_positive(matrix *a, int64_t batch, int64_t n)
{
    static double g[MOST * MOST];
    for (int64_t number = 0; number < batch; number++) {
        for (int64_t i = 0; i < n * n; i++)
            g[i] = unit();
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) {
                double sum = i == j ? (double)n : 0.0;
                for (int64_t k = 0; k < n; k++)
                    sum += g[i * n + k] * g[j * n + k];
                set(a, number, i, j, sum);
            }
    }
}

static void cholesky_multiplies_back(void **state)
{
    (void)state;
    static const int64_t sizes[] = {0, 1, 2, 3, 5, 8, 11, 17, 40, 97, 130};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int layout = 0; layout < 3; layout++)
            for (uint32_t dtype = NUMC_FLOAT32; dtype <= NUMC_FLOAT64; dtype++) {
                const int64_t n = sizes[s], batch = n > 50 ? 1 : 2;
                matrix a, l;
                make(&a, memory[0], dtype, batch, n, n, layout);
                make(&l, memory[1], dtype, batch, n, n, 0);
                make_positive(&a, batch, n);
                for (int64_t i = 0; i < n; i++)
                    for (int64_t j = i + 1; j < n; j++)
                        set(&a, 0, i, j, (double)NAN); /* only the lower triangle is read */
                assert_int_equal(cpu.table->cholesky(cpu.device, &a.view, &l.view), NUMC_OK);
                for (int64_t number = 0; number < batch; number++)
                    for (int64_t i = 0; i < n; i++)
                        for (int64_t j = 0; j < n; j++) {
                            if (j > i) {
                                assert_true(get(&l, number, i, j) == 0.0);
                                continue;
                            }
                            double sum = 0.0, scale = 0.0;
                            for (int64_t k = 0; k <= j; k++) {
                                sum += get(&l, number, i, k) * get(&l, number, j, k);
                                scale += fabs(get(&l, number, i, k) * get(&l, number, j, k));
                            }
                            assert_true(fabs(sum - get(&a, number, i, j)) <= 4 * (double)(n + 1) * epsilon(dtype) * scale);
                        }
            }
}

static void cholesky_of_an_indefinite_matrix_is_nan(void **state)
{
    (void)state;
    static const int64_t sizes[] = {1, 2, 9, 110};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const int64_t n = sizes[s];
        matrix a, l;
        make(&a, memory[0], NUMC_FLOAT64, 2, n, n, 0);
        make(&l, memory[1], NUMC_FLOAT64, 2, n, n, 0);
        make_positive(&a, 2, n);
        set(&a, 0, n - 1, n - 1, -1.0);
        assert_int_equal(cpu.table->cholesky(cpu.device, &a.view, &l.view), NUMC_OK);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) {
                assert_true(j > i ? get(&l, 0, i, j) == 0.0 : isnan(get(&l, 0, i, j)));
                assert_true(isfinite(get(&l, 1, i, j))); /* the other batch entry is untouched by it */
            }
    }
}

/* W L L' = I to the rounding of both products: sizes around a leaf of the recursion and beyond what OpenBLAS is opened for. */
static void an_inverse_from_its_factor_multiplies_back(void **state)
{
    (void)state;
    static const int64_t sizes[] = {0, 1, 2, 5, 31, 32, 33, 40, 65, 97, 130};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int layout = 0; layout < 3; layout++)
            for (uint32_t dtype = NUMC_FLOAT32; dtype <= NUMC_FLOAT64; dtype++) {
                const int64_t n = sizes[s], batch = n > 50 ? 1 : 2;
                matrix l, w;
                make(&l, memory[0], dtype, batch, n, n, layout);
                make(&w, memory[1], dtype, batch, n, n, 0);
                randomise(&l);
                for (int64_t number = 0; number < batch; number++)
                    for (int64_t i = 0; i < n; i++)
                        for (int64_t j = 0; j < n; j++)
                            set(&l, number, i, j, j > i ? (double)NAN : i == j ? 2.0 : get(&l, number, i, j) / (double)n);
                assert_int_equal(cpu.table->cholesky_inverse(cpu.device, &l.view, &w.view), NUMC_OK);
                for (int64_t number = 0; number < batch; number++)
                    for (int64_t i = 0; i < n; i++)
                        for (int64_t j = 0; j < n; j++) {
                            assert_true(get(&w, number, i, j) == get(&w, number, j, i));
                            double sum = i == j ? -1.0 : 0.0; /* L and its inverse: condition below 9 */
                            for (int64_t k = 0; k < n; k++) {
                                double a = 0.0;
                                for (int64_t m = 0; m <= (k < j ? k : j); m++)
                                    a += get(&l, number, k, m) * get(&l, number, j, m);
                                sum += get(&w, number, i, k) * a;
                            }
                            assert_true(fabs(sum) <= 81 * 4 * (double)(n + 1) * epsilon(dtype));
                        }
                if (n > 0) {
                    set(&l, 0, n - 1, n - 1, n % 2 != 0 ? 0.0 : (double)NAN);
                    assert_int_equal(cpu.table->cholesky_inverse(cpu.device, &l.view, &w.view), NUMC_OK);
                    assert_true(isnan(get(&w, 0, 0, n - 1)) && isnan(get(&w, 0, n - 1, 0)) && isnan(get(&w, 0, 0, 0)));
                    assert_true(batch == 1 || isfinite(get(&w, 1, 0, 0)));
                }
            }
}

static void triangular_solves_have_small_residuals(void **state)
{
    (void)state;
    static const int64_t sizes[][2] = {{1, 1}, {2, 1}, {7, 1}, {11, 3}, {40, 1}, {40, 9}, {120, 1}, {120, 5}, {3, 0}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (uint32_t flags = 0; flags < 8; flags++)
            for (int layout = 0; layout < 4; layout++)
                for (uint32_t dtype = NUMC_FLOAT32; dtype <= NUMC_FLOAT64; dtype++) {
                    const uint32_t upper = flags & 1, transpose = flags >> 1 & 1, one = flags >> 2;
                    const int64_t n = sizes[s][0], columns = sizes[s][1];
                    matrix t, b, x;
                    make(&t, memory[0], dtype, 2, n, n, layout);
                    make(&b, memory[1], dtype, 2, n, columns, (layout + 1) % 4);
                    make(&x, memory[2], dtype, 2, n, columns, 0);
                    randomise(&t);
                    randomise(&b);
                    for (int64_t number = 0; number < 2; number++)
                        for (int64_t i = 0; i < n; i++)
                            for (int64_t j = 0; j < n; j++) /* well conditioned: the solution stays of the size of b */
                                set(&t, number, i, j, i == j ? 1.5 + 0.5 * unit() : get(&t, number, i, j) / (double)n);
                    assert_int_equal(cpu.table->triangular_solve(cpu.device, &t.view, &b.view, &x.view, upper, transpose, one),
                                     NUMC_OK);
                    for (int64_t number = 0; number < 2; number++)
                        for (int64_t i = 0; i < n; i++)
                            for (int64_t j = 0; j < columns; j++) {
                                double sum = 0.0, scale = 0.0;
                                for (int64_t k = 0; k < n; k++) {
                                    const bool inside = (upper != transpose) ? k >= i : k <= i;
                                    const double factor = k == i && one ? 1.0
                                                          : !inside ? 0.0
                                                          : transpose ? get(&t, number, k, i)
                                                                      : get(&t, number, i, k);
                                    sum += factor * get(&x, number, k, j);
                                    scale += fabs(factor * get(&x, number, k, j));
                                }
                                scale += fabs(get(&b, number, i, j));
                                if (!(fabs(sum - get(&b, number, i, j)) <= 4 * (double)(n + 1) * epsilon(dtype) * scale))
                                    fail_msg("n %lld, columns %lld, flags %u, layout %d", (long long)n, (long long)columns,
                                             flags, layout);
                            }
                }
}

static void a_singular_triangle_gives_nan(void **state)
{
    (void)state;
    matrix t, b, x;
    make(&t, memory[0], NUMC_FLOAT64, 2, 3, 3, 0);
    make(&b, memory[1], NUMC_FLOAT64, 2, 3, 1, 0);
    make(&x, memory[2], NUMC_FLOAT64, 2, 3, 1, 0);
    randomise(&t);
    randomise(&b);
    set(&t, 1, 2, 2, 0.0);
    assert_int_equal(cpu.table->triangular_solve(cpu.device, &t.view, &b.view, &x.view, 0, 0, 0), NUMC_OK);
    for (int64_t i = 0; i < 3; i++) {
        assert_true(isfinite(get(&x, 0, i, 0)));
        assert_true(isnan(get(&x, 1, i, 0)));
    }
}

static void lu_multiplies_back(void **state)
{
    (void)state;
    static const int64_t sizes[] = {1, 2, 3, 8, 23, 96, 97, 120};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int layout = 0; layout < 4; layout++)
            for (uint32_t dtype = NUMC_FLOAT32; dtype <= NUMC_FLOAT64; dtype++) {
                const int64_t n = sizes[s];
                matrix a, lu;
                int32_t order[2 * MOST];
                double signs[2] = {0, 0};
                make(&a, memory[0], dtype, 2, n, n, layout);
                make(&lu, memory[1], dtype, 2, n, n, 0);
                randomise(&a);
                int64_t order_shape[] = {2, n}, order_strides[] = {n, 1}, sign_shape[] = {2}, sign_strides[] = {1};
                numc_view permutation = {order, 0, NUMC_INT32, 2, order_shape, order_strides};
                numc_view sign = {signs, 0, dtype, 1, sign_shape, sign_strides};
                assert_int_equal(cpu.table->lu(cpu.device, &a.view, &lu.view, &permutation, &sign), NUMC_OK);
                for (int64_t number = 0; number < 2; number++) {
                    const int32_t *p = order + number * n;
                    int parity = 1;
                    for (int64_t i = 0; i < n; i++)
                        for (int64_t j = 0; j < i; j++) {
                            assert_true(p[i] != p[j] && p[i] >= 0 && p[i] < n);
                            parity = p[j] > p[i] ? -parity : parity;
                        }
                    const double found = dtype == NUMC_FLOAT64 ? signs[number] : (double)((float *)signs)[number];
                    assert_true(found == parity);
                    for (int64_t i = 0; i < n; i++)
                        for (int64_t j = 0; j < n; j++) {
                            double sum = 0.0, scale = 0.0;
                            for (int64_t k = 0; k <= (i < j ? i : j); k++) {
                                const double term = (k == i ? 1.0 : get(&lu, number, i, k)) * get(&lu, number, k, j);
                                sum += term;
                                scale += fabs(term);
                            }
                            assert_true(fabs(sum - get(&a, number, p[i], j)) <= 4 * (double)(n + 1) * epsilon(dtype) * scale);
                        }
                }
            }
}

/* A NaN spreads to the last row; whatever is in the matrix, the order is a permutation. Small and large sizes alike. */
static void lu_of_what_is_not_finite_keeps_its_permutation(void **state)
{
    (void)state;
    static const int64_t sizes[] = {5, 130};
    for (size_t s = 0; s < 2; s++)
        for (int all = 0; all < 3; all++) {
            const int64_t n = sizes[s], order_shape[] = {1, n}, order_strides[] = {n, 1}, sign_shape[] = {1}, sign_strides[] = {1};
            matrix a, lu;
            int32_t order[MOST];
            bool seen[MOST] = {false};
            double sign = 0.0;
            make(&a, memory[0], NUMC_FLOAT64, 1, n, n, 0);
            make(&lu, memory[1], NUMC_FLOAT64, 1, n, n, 0);
            randomise(&a);
            for (int64_t i = 0; i < n; i++)
                for (int64_t j = 0; j < n; j++)
                    if (all == 0 || (i == n / 2 && j == 1))
                        set(&a, 0, i, j, all == 2 ? (double)INFINITY : (double)NAN);
            const numc_view permutation = {order, 0, NUMC_INT32, 2, order_shape, order_strides};
            const numc_view signs = {&sign, 0, NUMC_FLOAT64, 1, sign_shape, sign_strides};
            assert_int_equal(cpu.table->lu(cpu.device, &a.view, &lu.view, &permutation, &signs), NUMC_OK);
            for (int64_t i = 0; i < n; i++) {
                assert_true(order[i] >= 0 && order[i] < n && !seen[order[i]]);
                seen[order[i]] = true;
            }
            assert_true(fabs(sign) == 1.0 && (all == 2 || isnan(get(&lu, 0, n - 1, n - 1)))); /* x / inf is 0 */
        }
}

static int set_up(void **state)
{
    (void)state;
    return plugin_open(&cpu);
}

static int tear_down(void **state)
{
    (void)state;
    plugin_close(&cpu);
    return cpu.live != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_sums),
        cmocka_unit_test(products_split_over_threads_keep_their_bits),
        cmocka_unit_test(integer_products_wrap),
        cmocka_unit_test(cholesky_multiplies_back),
        cmocka_unit_test(cholesky_of_an_indefinite_matrix_is_nan),
        cmocka_unit_test(an_inverse_from_its_factor_multiplies_back),
        cmocka_unit_test(triangular_solves_have_small_residuals),
        cmocka_unit_test(a_singular_triangle_gives_nan),
        cmocka_unit_test(lu_multiplies_back),
        cmocka_unit_test(lu_of_what_is_not_finite_keeps_its_permutation),
    };
    return cmocka_run_group_tests_name("cpu_matrices", tests, set_up, tear_down);
}
