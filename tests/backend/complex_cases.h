/* complex_cases.h - complex matrices in products, Cholesky, triangular solves and LU, and complex elements moved and accumulated along
 * an axis, of the backend that factor_cases.h names; included after it.
 *
 * Products by the textbook bound, (k + 4) eps sum |a||b| (a complex product has two roundings more than a real one); factorisations
 * by residuals, as in factor_cases.h. */
#ifndef NUMC_TESTS_COMPLEX_CASES_H
#define NUMC_TESTS_COMPLEX_CASES_H

#include "factor_cases.h"

static const uint32_t complex_dtypes[] = {NUMC_COMPLEX128, NUMC_COMPLEX64};

static double epsilon_of(uint32_t dtype)
{
    return is_single(dtype) ? (double)FLT_EPSILON : DBL_EPSILON;
}

static void assert_complex_product(uint32_t dtype, int64_t rows, int64_t inner, int64_t columns, int la, int lb, bool adds)
{
    batch a, b, c, start;
    make(&a, dtype, 3, 2, rows, inner, la);
    make(&b, dtype, 3, 2, inner, columns, lb);
    make(&c, dtype, 3, 2, rows, columns, ROWS);
    make(&start, dtype, 3, 2, rows, columns, ROWS);
    fill(&a, RANDOM, false);
    fill(&b, RANDOM, false);
    fill(&start, RANDOM, false);
    for (int64_t n = 0; n < 2; n++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++)
                set(&c, n, i, j, get(&start, n, i, j));
    const numc_matmul_options options = {.size = sizeof options, .accumulate = adds};
    assert_int_equal(table->matmul(device, &a.view, &b.view, &c.view, &options), NUMC_OK);
    for (int64_t n = 0; n < 2; n++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++) {
                number sum = adds ? get(&start, n, i, j) : 0.0;
                double size = cabs(sum);
                for (int64_t k = 0; k < inner; k++) {
                    const number term = get(&a, n, i, k) * get(&b, n, k, j);
                    sum += term;
                    size += cabs(term);
                }
                assert_true(cabs(get(&c, n, i, j) - sum) <= (double)(inner + 4) * epsilon_of(dtype) * size);
            }
    free(a.memory);
    free(b.memory);
    free(c.memory);
    free(start.memory);
}

static void complex_products_are_sums(void **state)
{
    (void)state;
    static const int64_t extents[][3] = {{0, 3, 2}, {3, 0, 2}, {3, 2, 0}, {1, 1, 1}, {2, 3, 4}, {5, 1, 7}, {1, 20, 1},
                                         {20, 1, 20}, {17, 18, 19}, {40, 30, 1}, {1, 60, 70}, {33, 65, 34}};
    for (size_t d = 0; d < 2; d++)
        for (size_t e = 0; e < sizeof extents / sizeof *extents; e++)
            for (int layout = 0; layout < LAYOUTS * LAYOUTS; layout++)
                assert_complex_product(complex_dtypes[d], extents[e][0], extents[e][1], extents[e][2], layout % LAYOUTS,
                                       layout / LAYOUTS, layout % 2 != 0);
    assert_complex_product(NUMC_COMPLEX128, 530, 47, 45, COLUMNS, ROWS, true); /* in shares */
    assert_complex_product(NUMC_COMPLEX64, 530, 47, 45, ROWS, GAPS, false);
}

/* Hermitian with 2n on the diagonal: positive definite, condition number below 4. */
static void fill_positive(const batch *a)
{
    fill(a, RANDOM, true);
    for (int64_t n = 0; n < a->shape[0]; n++)
        for (int64_t i = 0; i < a->shape[1]; i++)
            set(a, n, i, i, 2.0 * (double)a->shape[1]);
}

static void complex_cholesky_multiplies_back(void **state)
{
    (void)state;
    for (size_t d = 0; d < 2; d++)
        for (int64_t size = 0; size < 40; size += size < 6 ? 1 : 11)
            for (int layout = 0; layout < LAYOUTS; layout++) {
                batch a, l;
                make(&a, complex_dtypes[d], 3, 3, size, size, layout);
                make(&l, complex_dtypes[d], 3, 3, size, size, ROWS);
                fill_positive(&a);
                if (size > 0)
                    set(&a, 1, size / 2, size / 2, layout % 2 == 0 ? -1.0 : (double)NAN); /* not positive definite */
                for (int64_t i = 0; i < size; i++)
                    for (int64_t j = i + 1; j < size; j++)
                        set(&a, 0, i, j, NAN); /* not read */
                assert_int_equal(table->cholesky(device, &a.view, &l.view), NUMC_OK);
                for (int64_t n = 0; n < 3; n++)
                    for (int64_t i = 0; i < size; i++)
                        for (int64_t j = 0; j < size; j++) {
                            const number value = get(&l, n, i, j);
                            number sum = 0.0;
                            assert_true(j <= i || value == 0.0);
                            if (n == 1)
                                assert_true(j > i || isnan(creal(value)));
                            if (n == 1 || j > i)
                                continue;
                            for (int64_t k = 0; k <= j; k++)
                                sum += get(&l, n, i, k) * conj(get(&l, n, j, k));
                            assert_true(cabs(sum - get(&a, n, i, j)) <= bound(complex_dtypes[d], size, size) * 2.0 * (double)size);
                            assert_true(i != j || (cimag(value) == 0.0 && creal(value) > 0.0));
                        }
                free(a.memory);
                free(l.memory);
            }
}

static void complex_triangles_are_solved_in_every_variant(void **state)
{
    (void)state;
    for (size_t d = 0; d < 2; d++)
        for (uint32_t variant = 0; variant < 12; variant++)
            for (int64_t size = 0; size < 25; size += size < 4 ? 1 : 10)
                for (int layout = 0; layout < LAYOUTS; layout++) {
                    const bool upper = variant % 2 != 0, unit = variant % 4 >= 2;
                    const uint32_t turn = variant / 4;
                    const int64_t columns = (int64_t)layout;
                    batch t, b, x;
                    make(&t, complex_dtypes[d], 3, 2, size, size, layout);
                    make(&b, complex_dtypes[d], 3, 2, size, columns, (layout + 1) % LAYOUTS);
                    make(&x, complex_dtypes[d], 3, 2, size, columns, ROWS);
                    fill(&t, RANDOM, false);
                    fill(&b, RANDOM, false);
                    for (int64_t n = 0; n < 2; n++)
                        for (int64_t i = 0; i < size; i++) {
                            for (int64_t j = 0; j < size; j++)
                                set(&t, n, i, j, over(get(&t, n, i, j), (double)size)); /* well conditioned, unit or not */
                            set(&t, n, i, i, get(&t, n, i, i) + number_of(2.0, 1.0));
                        }
                    assert_int_equal(table->triangular_solve(device, &t.view, &b.view, &x.view, upper, turn, unit), NUMC_OK);
                    for (int64_t n = 0; n < 2; n++)
                        for (int64_t i = 0; i < size; i++)
                            for (int64_t j = 0; j < columns; j++) {
                                number sum = 0.0;
                                double scale = 0.0;
                                for (int64_t k = 0; k < size; k++) {
                                    const int64_t row = turn != 0 ? k : i, column = turn != 0 ? i : k;
                                    number entry = get(&t, n, row, column);
                                    if (row == column && unit)
                                        entry = 1.0;
                                    else if (upper ? column < row : column > row)
                                        entry = 0.0;
                                    const number term = (turn == 2 ? conj(entry) : entry) * get(&x, n, k, j);
                                    sum += term;
                                    scale += cabs(term);
                                }
                                /* Higham (2002), theorem 8.5: a residual of n eps |T||x|, complex arithmetic 4 times that */
                                assert_true(cabs(sum - get(&b, n, i, j)) <=
                                            4.0 * (double)(size + 1) * epsilon_of(complex_dtypes[d]) * scale);
                            }
                    if (size > 0 && !unit && columns > 0) {
                        set(&t, 1, size / 2, size / 2, 0.0);
                        assert_int_equal(table->triangular_solve(device, &t.view, &b.view, &x.view, upper, turn, unit), NUMC_OK);
                        assert_true(isnan(creal(get(&x, 1, 0, 0))) && isnan(creal(get(&x, 1, size - 1, columns - 1))));
                        assert_true(isfinite(creal(get(&x, 0, 0, 0))));
                    }
                    free(t.memory);
                    free(b.memory);
                    free(x.memory);
                }
}

static void complex_lu_multiplies_back(void **state)
{
    (void)state;
    static const int64_t extents[][2] = {{0, 0}, {1, 1}, {2, 2}, {5, 5}, {3, 6}, {6, 3}, {25, 25}};
    for (size_t d = 0; d < 2; d++)
        for (size_t e = 0; e < sizeof extents / sizeof *extents; e++)
            for (int k = 0; k < 4; k++) {
                const int64_t rows = extents[e][0], columns = extents[e][1];
                static const kind kinds[] = {RANDOM, ZERO, RANK_ONE, IDENTITY};
                batch a, lu, sign;
                make(&a, complex_dtypes[d], 3, 2, rows, columns, (int)((e + (size_t)k) % LAYOUTS));
                make(&lu, complex_dtypes[d], 3, 2, rows, columns, ROWS);
                make(&sign, complex_dtypes[d], 2, 2, 1, 1, ROWS);
                int32_t *order = calloc((size_t)(2 * rows + 1), sizeof *order);
                assert_non_null(order);
                const int64_t order_shape[] = {2, rows}, order_strides[] = {rows, 1};
                const numc_view permutation = {order, 0, NUMC_INT32, 2, order_shape, order_strides};
                sign.view.rank = 1;
                fill(&a, kinds[k], false);
                assert_int_equal(table->lu(device, &a.view, &lu.view, &permutation, &sign.view), NUMC_OK);
                for (int64_t n = 0; n < 2; n++) {
                    const int32_t *p = order + n * rows;
                    int inversions = 0;
                    for (int64_t i = 0; i < rows; i++) {
                        for (int64_t j = 0; j < i; j++)
                            inversions += p[j] > p[i];
                        for (int64_t j = 0; j < columns; j++) {
                            number sum = 0.0;
                            double scale = cabs(get(&a, n, p[i], j));
                            for (int64_t l = 0; l <= i && l <= j; l++) {
                                const number term = (l == i ? 1.0 : get(&lu, n, i, l)) * get(&lu, n, l, j);
                                sum += term;
                                scale += cabs(term);
                            }
                            /* Higham (2002), theorem 9.3, complex arithmetic 4 times that; |l| <= sqrt 2 by its pivots */
                            assert_true(cabs(sum - get(&a, n, p[i], j)) <=
                                        4.0 * (double)(rows + 1) * epsilon_of(complex_dtypes[d]) * scale);
                            assert_true(j >= i || cabs(get(&lu, n, i, j)) <= 1.415);
                        }
                    }
                    assert_true(get(&sign, n, 0, 0) == (inversions % 2 != 0 ? -1.0 : 1.0));
                }
                free(a.memory);
                free(lu.memory);
                free(sign.memory);
                free(order);
            }
}

static void complex_elements_are_moved_and_accumulated(void **state)
{
    (void)state;
    enum { N = 9, M = 3 };
    for (size_t d = 0; d < 2; d++)
        for (int layout = 0; layout < LAYOUTS; layout++)
            for (int32_t axis = 1; axis < 3; axis++) {
                batch x, y, z;
                const int64_t rows = axis == 1 ? N : M, columns = axis == 1 ? M : N;
                make(&x, complex_dtypes[d], 3, 2, rows, columns, layout);
                make(&y, complex_dtypes[d], 3, 2, rows, columns, ROWS);
                make(&z, complex_dtypes[d], 3, 2, rows, columns, ROWS);
                fill(&x, RANDOM, false);
                int64_t index[N] = {3, 0, 8, 8, -4, 12, 1, 7, 3}, one = 1, length = axis == 1 ? rows : columns;
                const numc_view indices = {index, 0, NUMC_INT64, 1, &length, &one};
                assert_int_equal(table->gather(device, &x.view, &indices, axis, &y.view), NUMC_OK);
                memset(z.memory, 0, 2 * N * M * numc_dtype_size((numc_dtype)complex_dtypes[d]));
                for (int64_t n = 0; n < 2; n++)
                    for (int64_t i = 0; i < rows; i++)
                        for (int64_t j = 0; j < columns; j++) {
                            const int64_t along = axis == 1 ? i : j, at = index[along] < 0 ? 0 : index[along] > 8 ? 8 : index[along];
                            assert_true(get(&y, n, i, j) == get(&x, n, axis == 1 ? at : i, axis == 1 ? j : at));
                            set(&z, n, i, j, 1.0);
                        }
                assert_int_equal(table->scatter(device, &z.view, &indices, axis, &x.view, 1), NUMC_OK);
                for (int64_t n = 0; n < 2; n++)
                    for (int64_t other = 0; other < M; other++)
                        for (int64_t at = 0; at < N; at++) {
                            number sum = 1.0;
                            for (int64_t p = 0; p < N; p++)
                                if (index[p] == at) {
                                    const number term = get(&x, n, axis == 1 ? p : other, axis == 1 ? other : p);
                                    sum = is_single(complex_dtypes[d]) ? (number)(float complex)(sum + term) : sum + term;
                                }
                            assert_true(get(&z, n, axis == 1 ? at : other, axis == 1 ? other : at) == sum);
                        }
                assert_int_equal(table->scatter(device, &z.view, &indices, axis, &x.view, 0), NUMC_OK);
                assert_true(get(&z, 1, axis == 1 ? 8 : 0, axis == 1 ? 0 : 8) == get(&x, 1, axis == 1 ? 3 : 0, axis == 1 ? 0 : 3));
                for (uint32_t how = 0; how < 4; how++) {
                    const uint32_t reduction = how / 2 == 0 ? NUMC_REDUCTION_SUM : NUMC_REDUCTION_PROD, reverse = how % 2;
                    assert_int_equal(table->cumulative(device, &x.view, axis, reduction, reverse, &y.view), NUMC_OK);
                    for (int64_t n = 0; n < 2; n++)
                        for (int64_t other = 0; other < M; other++) {
                            number total = reduction == NUMC_REDUCTION_SUM ? 0.0 : 1.0;
                            double size = 0.0;
                            for (int64_t step = 0; step < N; step++) {
                                const int64_t at = reverse ? N - 1 - step : step;
                                const number value = get(&x, n, axis == 1 ? at : other, axis == 1 ? other : at);
                                total = reduction == NUMC_REDUCTION_SUM ? total + value : total * value;
                                size += reduction == NUMC_REDUCTION_SUM ? cabs(value) : 0.0;
                                const double scale = reduction == NUMC_REDUCTION_SUM ? size : cabs(total);
                                /* one rounding per sum; four of a complex product, by Higham (2002), lemma 3.5 */
                                assert_true(cabs(get(&y, n, axis == 1 ? at : other, axis == 1 ? other : at) - total) <=
                                            4.0 * (double)(step + 1) * epsilon_of(complex_dtypes[d]) * scale);
                            }
                        }
                }
                assert_int_equal(table->cumulative(device, &x.view, axis, NUMC_REDUCTION_MAX, 0, &y.view), NUMC_UNSUPPORTED);
                assert_true(table->sort(device, &x.view, axis, 0, &y.view, NULL) != NUMC_OK); /* complex numbers have no order */
                free(x.memory);
                free(y.memory);
                free(z.memory);
            }
}

#define COMPLEX_FACTOR_TESTS                                                                       \
    cmocka_unit_test(complex_cholesky_multiplies_back), cmocka_unit_test(complex_triangles_are_solved_in_every_variant), \
        cmocka_unit_test(complex_lu_multiplies_back)
#define COMPLEX_TESTS                                                                              \
    cmocka_unit_test(complex_products_are_sums), cmocka_unit_test(complex_elements_are_moved_and_accumulated)

#endif
