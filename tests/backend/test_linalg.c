/* test_linalg.c - ref's matrices and everything along one axis, against definitions written out; views are strided on purpose. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/device.h"

static numc_context *context;
static numc_backend_device *d;

static int set_up(void **state)
{
    (void)state;
    context = numc_open(&(numc_options){.backend = "ref"});
    d = numc__device(context);
    return d == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    numc_close(context);
    return 0;
}

static numc_view view(void *memory, uint32_t dtype, int32_t rank, const int64_t *shape, const int64_t *strides)
{
    return (numc_view){.memory = memory, .dtype = dtype, .rank = rank, .shape = shape, .strides = strides};
}

static void matmul_takes_batches_transposes_and_adds(void **state)
{
    (void)state;
    enum { B = 2, N = 3, K = 4, M = 5 };
    double a[B * N * K], b[M * K], c[B * N * M], start[B * N * M];
    for (int i = 0; i < B * N * K; i++)
        a[i] = sin(i + 1.0);
    for (int i = 0; i < M * K; i++)
        b[i] = cos(3.0 * i);
    for (int i = 0; i < B * N * M; i++)
        start[i] = c[i] = i;
    int64_t a_shape[] = {B, N, K}, a_strides[] = {N * K, K, 1};
    int64_t b_shape[] = {B, K, M}, b_strides[] = {0, 1, K}; /* b transposed, the same for each batch */
    int64_t c_shape[] = {B, N, M}, c_strides[] = {N * M, M, 1};
    numc_view va = view(a, NUMC_FLOAT64, 3, a_shape, a_strides), vb = view(b, NUMC_FLOAT64, 3, b_shape, b_strides);
    numc_view vc = view(c, NUMC_FLOAT64, 3, c_shape, c_strides);
    numc_matmul_options options = {.size = sizeof options, .accumulate = 1};
    assert_int_equal(d->table.matmul(d->device, &va, &vb, &vc, &options), NUMC_OK);
    for (int n = 0; n < B; n++)
        for (int i = 0; i < N; i++)
            for (int j = 0; j < M; j++) {
                double sum = start[n * N * M + i * M + j];
                for (int k = 0; k < K; k++)
                    sum += a[n * N * K + i * K + k] * b[j * K + k];
                assert_true(c[n * N * M + i * M + j] == sum); /* the same order of additions */
            }
}

/* Whatever the strides, the same bits: a row-major and a transposed copy of b. */
static void matmul_does_not_depend_on_strides(void **state)
{
    (void)state;
    enum { N = 7, K = 11, M = 6 };
    double a[N * K], b[K * M], transposed[M * K], c[N * M], other[N * M];
    for (int i = 0; i < N * K; i++)
        a[i] = exp(sin(i));
    for (int k = 0; k < K; k++)
        for (int j = 0; j < M; j++)
            b[k * M + j] = transposed[j * K + k] = cos(k * 1.1 - j);
    int64_t as[] = {N, K}, at[] = {K, 1}, bs[] = {K, M}, bt[] = {M, 1}, tt[] = {1, K}, cs[] = {N, M}, ct[] = {M, 1};
    numc_view va = view(a, NUMC_FLOAT64, 2, as, at), vb = view(b, NUMC_FLOAT64, 2, bs, bt);
    numc_view vt = view(transposed, NUMC_FLOAT64, 2, bs, tt), vc = view(c, NUMC_FLOAT64, 2, cs, ct);
    numc_view vo = view(other, NUMC_FLOAT64, 2, cs, ct);
    assert_int_equal(d->table.matmul(d->device, &va, &vb, &vc, NULL), NUMC_OK);
    assert_int_equal(d->table.matmul(d->device, &va, &vt, &vo, NULL), NUMC_OK);
    assert_memory_equal(c, other, sizeof c);
}

static void matmul_of_nothing_is_zero_and_integers_wrap(void **state)
{
    (void)state;
    double c[4] = {1, 2, 3, 4};
    int64_t as[] = {2, 0}, at[] = {0, 1}, bs[] = {0, 2}, bt[] = {2, 1}, cs[] = {2, 2}, ct[] = {2, 1};
    numc_view va = view(c, NUMC_FLOAT64, 2, as, at), vb = view(c, NUMC_FLOAT64, 2, bs, bt);
    numc_view vc = view(c, NUMC_FLOAT64, 2, cs, ct);
    assert_int_equal(d->table.matmul(d->device, &va, &vb, &vc, NULL), NUMC_OK);
    assert_true(c[0] == 0 && c[3] == 0);
    uint8_t x[1] = {200}, y[1] = {3}, z[1] = {0};
    int64_t one[] = {1, 1};
    numc_view vx = view(x, NUMC_UINT8, 2, one, one), vy = view(y, NUMC_UINT8, 2, one, one);
    numc_view vz = view(z, NUMC_UINT8, 2, one, one);
    assert_int_equal(d->table.matmul(d->device, &vx, &vy, &vz, NULL), NUMC_OK);
    assert_int_equal(z[0], 600 % 256);
}

/* A well conditioned symmetric matrix, condition number below 10, so that residuals stay within n eps times 10. */
static void fill_positive(double *a, int n)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            a[i * n + j] = (i == j ? n : 0) + cos(i - j);
}

static void cholesky_multiplies_back(void **state)
{
    (void)state;
    enum { N = 6 };
    double a[2 * N * N], l[2 * N * N];
    fill_positive(a, N);
    fill_positive(a + N * N, N);
    a[N * N] = -1.0; /* the second is not positive definite */
    for (int i = 0; i < N; i++)
        for (int j = i + 1; j < N; j++)
            a[i * N + j] = NAN; /* the upper triangle is not read */
    int64_t shape[] = {2, N, N}, strides[] = {N * N, N, 1};
    numc_view va = view(a, NUMC_FLOAT64, 3, shape, strides), vl = view(l, NUMC_FLOAT64, 3, shape, strides);
    assert_int_equal(d->table.cholesky(d->device, &va, &vl), NUMC_OK);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            assert_true(j <= i || l[i * N + j] == 0.0);
            assert_true(j > i ? l[N * N + i * N + j] == 0.0 : isnan(l[N * N + i * N + j]));
            double sum = 0;
            for (int k = 0; k <= j && j <= i; k++)
                sum += l[i * N + k] * l[j * N + k];
            assert_true(j > i || fabs(sum - a[i * N + j]) <= 10 * N * 2.3e-16 * N);
        }
}

static void triangular_solve_inverts_every_variant(void **state)
{
    (void)state;
    enum { N = 5, M = 3 };
    double t[N * N], b[N * M], x[N * M];
    for (int i = 0; i < N * N; i++)
        t[i] = 0.3 * sin(i) + (i % (N + 1) == 0 ? 2.0 : 0.0);
    for (int i = 0; i < N * M; i++)
        b[i] = cos(i);
    int64_t ts[] = {N, N}, tt[] = {N, 1}, bs[] = {N, M}, bt[] = {M, 1};
    numc_view vt = view(t, NUMC_FLOAT64, 2, ts, tt), vb = view(b, NUMC_FLOAT64, 2, bs, bt);
    numc_view vx = view(x, NUMC_FLOAT64, 2, bs, bt);
    for (uint32_t variant = 0; variant < 8; variant++) {
        uint32_t upper = variant & 1, transpose = variant >> 1 & 1, unit = variant >> 2;
        assert_int_equal(d->table.triangular_solve(d->device, &vt, &vb, &vx, upper, transpose, unit), NUMC_OK);
        for (int i = 0; i < N; i++)
            for (int j = 0; j < M; j++) {
                double sum = 0;
                for (int k = 0; k < N; k++) {
                    int row = transpose ? k : i, column = transpose ? i : k;
                    bool inside = upper ? column >= row : column <= row;
                    double entry = row == column && unit ? 1.0 : inside ? t[row * N + column] : 0.0;
                    sum += entry * x[k * M + j];
                }
                assert_true(fabs(sum - b[i * M + j]) < 50 * 2.3e-16); /* |t| |x| is below 10 here */
            }
    }
    t[N + 1] = 0.0;
    assert_int_equal(d->table.triangular_solve(d->device, &vt, &vb, &vx, 0, 0, 0), NUMC_OK);
    assert_true(isnan(x[0]) && isnan(x[N * M - 1]));
}

static void lu_multiplies_back_with_its_permutation(void **state)
{
    (void)state;
    enum { N = 5 };
    double a[N * N], lu[N * N], sign;
    int32_t order[N];
    for (int i = 0; i < N * N; i++)
        a[i] = sin(7.0 * i + 1);
    int64_t shape[] = {N, N}, strides[] = {N, 1}, one[] = {1};
    numc_view va = view(a, NUMC_FLOAT64, 2, shape, strides), vl = view(lu, NUMC_FLOAT64, 2, shape, strides);
    numc_view vp = view(order, NUMC_INT32, 1, shape, one), vs = view(&sign, NUMC_FLOAT64, 0, NULL, NULL);
    assert_int_equal(d->table.lu(d->device, &va, &vl, &vp, &vs), NUMC_OK);
    int inversions = 0;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < i; j++) {
            inversions += order[j] > order[i];
            assert_true(fabs(lu[i * N + j]) <= 1.0); /* partial pivoting */
        }
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int k = 0; k <= i && k <= j; k++)
                sum += (k == i ? 1.0 : lu[i * N + k]) * lu[k * N + j];
            assert_true(fabs(sum - a[order[i] * N + j]) < N * N * 2.3e-16 * 4); /* growth below 4 here */
        }
    }
    assert_true(sign == (inversions % 2 != 0 ? -1.0 : 1.0));
    for (int i = 0; i < N; i++)
        a[i * N] = 0.0; /* singular: OK, with a zero on U's diagonal */
    assert_int_equal(d->table.lu(d->device, &va, &vl, &vp, &vs), NUMC_OK);
    assert_true(lu[0] == 0.0);
}

static void gather_takes_and_clamps(void **state)
{
    (void)state;
    int16_t x[2 * 3 * 2], y[2 * 4 * 2];
    for (int i = 0; i < 12; i++)
        x[i] = (int16_t)i;
    int32_t index[4] = {2, 0, -5, 99};
    int64_t xs[] = {2, 3, 2}, xt[] = {6, 2, 1}, is[] = {4}, it[] = {1}, ys[] = {2, 4, 2}, yt[] = {8, 2, 1};
    numc_view vx = view(x, NUMC_INT16, 3, xs, xt), vi = view(index, NUMC_INT32, 1, is, it);
    numc_view vy = view(y, NUMC_INT16, 3, ys, yt);
    assert_int_equal(d->table.gather(d->device, &vx, &vi, 1, &vy), NUMC_OK);
    static const int at[4] = {2, 0, 0, 2};
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 4; j++)
            for (int k = 0; k < 2; k++)
                assert_int_equal(y[i * 8 + j * 2 + k], i * 6 + at[j] * 2 + k);
    uint64_t large[4] = {0, UINT64_C(1) << 63, (UINT64_C(1) << 63) + 1, UINT64_MAX};
    numc_view vl = view(large, NUMC_UINT64, 1, is, it);
    assert_int_equal(d->table.gather(d->device, &vx, &vl, 1, &vy), NUMC_OK);
    for (int j = 0; j < 4; j++)
        assert_int_equal(y[j * 2], large[j] == 0 ? 0 : 4);
    int16_t set[2 * 3 * 2] = {0}; /* a scatter drops them */
    numc_view vs = view(set, NUMC_INT16, 3, xs, xt);
    assert_int_equal(d->table.scatter(d->device, &vs, &vl, 1, &vy, 1), NUMC_OK);
    for (int e = 0; e < 12; e++)
        assert_int_equal(set[e], e / 2 % 3 == 0 ? x[e] : 0);
    int64_t empty[] = {2, 0, 2};
    vx.shape = empty;
    assert_int_equal(d->table.gather(d->device, &vx, &vi, 1, &vy), NUMC_INDEX);
}

static void gather_with_an_index_matrix_replaces_the_axis(void **state)
{
    (void)state;
    double x[5] = {10, 11, 12, 13, 14}, y[4];
    int64_t index[4] = {4, 3, 3, 0};
    int64_t xs[] = {5}, xt[] = {1}, is[] = {2, 2}, it[] = {1, 2}; /* transposed indices */
    int64_t yt[] = {2, 1};
    numc_view vx = view(x, NUMC_FLOAT64, 1, xs, xt), vi = view(index, NUMC_INT64, 2, is, it);
    numc_view vy = view(y, NUMC_FLOAT64, 2, is, yt);
    assert_int_equal(d->table.gather(d->device, &vx, &vi, 0, &vy), NUMC_OK);
    assert_true(y[0] == 14 && y[1] == 13 && y[2] == 13 && y[3] == 10);
}

static void scatter_sets_in_order_and_adds(void **state)
{
    (void)state;
    double y[3] = {1, 2, 3};
    const double values[4] = {10, 20, 30, 40};
    int64_t index[4] = {1, 1, 0, 1};
    int64_t ys[] = {3}, yt[] = {1}, is[] = {4};
    numc_view vy = view(y, NUMC_FLOAT64, 1, ys, yt), vi = view(index, NUMC_INT64, 1, is, yt);
    double given[4];
    memcpy(given, values, sizeof given);
    numc_view vv = view(given, NUMC_FLOAT64, 1, is, yt);
    assert_int_equal(d->table.scatter(d->device, &vy, &vi, 0, &vv, 0), NUMC_OK);
    assert_true(y[0] == 30 && y[1] == 40 && y[2] == 3);
    assert_int_equal(d->table.scatter(d->device, &vy, &vi, 0, &vv, 1), NUMC_OK);
    assert_true(y[0] == 60 && y[1] == 110 && y[2] == 3);
}

static void cumulative_runs_along_any_axis_both_ways(void **state)
{
    (void)state;
    int32_t x[6] = {1, 2, 3, 4, 5, 6}, y[6];
    int64_t shape[] = {2, 3}, strides[] = {3, 1};
    numc_view vx = view(x, NUMC_INT32, 2, shape, strides), vy = view(y, NUMC_INT32, 2, shape, strides);
    assert_int_equal(d->table.cumulative(d->device, &vx, 1, NUMC_REDUCTION_SUM, 0, &vy), NUMC_OK);
    assert_memory_equal(y, ((int32_t[]){1, 3, 6, 4, 9, 15}), sizeof y);
    assert_int_equal(d->table.cumulative(d->device, &vx, 0, NUMC_REDUCTION_PROD, 1, &vy), NUMC_OK);
    assert_memory_equal(y, ((int32_t[]){4, 10, 18, 4, 5, 6}), sizeof y);
    assert_int_equal(d->table.cumulative(d->device, &vx, 1, NUMC_REDUCTION_ARGMAX, 0, &vy), NUMC_UNSUPPORTED);
}

static void sort_is_stable_with_nan_last(void **state)
{
    (void)state;
    double x[8] = {3, NAN, -0.0, 0.0, -INFINITY, 3, NAN, 1}, y[8];
    int64_t order[8], shape[] = {8}, one[] = {1};
    numc_view vx = view(x, NUMC_FLOAT64, 1, shape, one), vy = view(y, NUMC_FLOAT64, 1, shape, one);
    numc_view vo = view(order, NUMC_INT64, 1, shape, one);
    assert_int_equal(d->table.sort(d->device, &vx, 0, 0, &vy, &vo), NUMC_OK);
    assert_memory_equal(order, ((int64_t[]){4, 2, 3, 7, 0, 5, 1, 6}), sizeof order);
    assert_true(y[0] == -INFINITY && y[5] == 3 && isnan(y[6]) && isnan(y[7]));
    assert_int_equal(d->table.sort(d->device, &vx, 0, 1, NULL, &vo), NUMC_OK);
    assert_memory_equal(order, ((int64_t[]){0, 5, 7, 2, 3, 4, 1, 6}), sizeof order);
}

static void sort_knows_every_dtype(void **state)
{
    (void)state;
    uint64_t storage[5], sorted[5];
    int64_t order[5], shape[] = {5}, one[] = {1};
    static const int values[5] = {1, 0, 3, -2, 2}; /* -2 is the largest of an unsigned dtype */
    for (uint32_t dtype = NUMC_INT8; dtype <= NUMC_FLOAT64; dtype++) {
        size_t size = numc_dtype_size((numc_dtype)dtype);
        bool is_unsigned = numc_dtype_kind((numc_dtype)dtype) == NUMC_KIND_UNSIGNED;
        for (size_t i = 0; i < 5; i++) {
            int64_t value = values[i];
            void (*convert)(void *, const void *const *) =
                numc__ref_scalar_function(NUMC_SCALAR_CONVERT, (uint32_t)NUMC_INT64 << 8 | dtype);
            convert((char *)storage + i * size, (const void *[]){&value});
        }
        numc_view vx = view(storage, dtype, 1, shape, one), vy = view(sorted, dtype, 1, shape, one);
        numc_view vo = view(order, NUMC_INT64, 1, shape, one);
        assert_int_equal(d->table.sort(d->device, &vx, 0, 0, &vy, &vo), NUMC_OK);
        const int64_t with_sign[5] = {3, 1, 0, 4, 2}, without[5] = {1, 0, 4, 2, 3};
        assert_memory_equal(order, is_unsigned ? without : with_sign, sizeof order);
        for (size_t i = 0; i < 5; i++)
            assert_memory_equal((char *)sorted + i * size, (char *)storage + (size_t)order[i] * size, size);
    }
}

static void search_counts_smaller_elements(void **state)
{
    (void)state;
    float sorted[5] = {1, 2, 2, 2, 5}, values[4] = {2, 0, 7, NAN};
    int64_t found[4], ss[] = {5}, vs[] = {4}, one[] = {1};
    numc_view va = view(sorted, NUMC_FLOAT32, 1, ss, one), vb = view(values, NUMC_FLOAT32, 1, vs, one);
    numc_view vf = view(found, NUMC_INT64, 1, vs, one);
    assert_int_equal(d->table.search(d->device, &va, &vb, 0, &vf), NUMC_OK);
    assert_memory_equal(found, ((int64_t[]){1, 0, 5, 5}), sizeof found);
    assert_int_equal(d->table.search(d->device, &va, &vb, 1, &vf), NUMC_OK);
    assert_memory_equal(found, ((int64_t[]){4, 0, 5, 5}), sizeof found);
}

static void memory_is_aligned(void **state)
{
    (void)state;
    for (uint64_t bytes = 0; bytes < 200; bytes += 33) {
        void *memory;
        assert_int_equal(d->table.memory_allocate(d->device, bytes, &memory), NUMC_OK);
        assert_int_equal((uintptr_t)memory % d->info.alignment, 0);
        d->table.memory_release(d->device, memory, bytes);
    }
    void *memory;
    assert_int_equal(d->table.memory_allocate(d->device, UINT64_MAX - 5, &memory), NUMC_MEMORY);
    assert_null(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matmul_takes_batches_transposes_and_adds),
        cmocka_unit_test(matmul_does_not_depend_on_strides),
        cmocka_unit_test(matmul_of_nothing_is_zero_and_integers_wrap),
        cmocka_unit_test(cholesky_multiplies_back),
        cmocka_unit_test(triangular_solve_inverts_every_variant),
        cmocka_unit_test(lu_multiplies_back_with_its_permutation),
        cmocka_unit_test(gather_takes_and_clamps),
        cmocka_unit_test(gather_with_an_index_matrix_replaces_the_axis),
        cmocka_unit_test(scatter_sets_in_order_and_adds),
        cmocka_unit_test(cumulative_runs_along_any_axis_both_ways),
        cmocka_unit_test(sort_is_stable_with_nan_last),
        cmocka_unit_test(sort_knows_every_dtype),
        cmocka_unit_test(search_counts_smaller_elements),
        cmocka_unit_test(memory_is_aligned),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
