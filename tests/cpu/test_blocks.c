/* test_blocks.c - the block functions compiled for the plain machine and for AVX2 give the same bits: every operation, variant, dtype
 * and length, reductions, and matrix loops; and an element's bits do not depend on where in a block it stands. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cpu/block.h"
#include "plugin.h"

enum { N = 75 };
static const numc_blocks *plain, *avx2;
static rng r = {4711};
static unsigned char inputs[4][N * 8], one[N * 8], two[N * 8];

static void fill(unsigned char *memory, uint32_t dtype, int64_t n)
{
    static const double special[] = {0.0, -0.0, (double)INFINITY, -(double)INFINITY, (double)NAN, 1e300, -1e-310, 710.0};
    const size_t size = numc_dtype_size((numc_dtype)dtype);
    for (int64_t i = 0; i < n; i++) {
        const double x = i % 11 == 3 ? special[rng_below(&r, 8)] : ldexp(rng_unit(&r) - 0.4, (int)rng_below(&r, 12) - 3);
        const float x32 = (float)x;
        const int64_t k = rng_below(&r, 21) - 10;
        if (dtype == NUMC_FLOAT64)
            memcpy(memory + i * 8, &x, 8);
        else if (dtype == NUMC_FLOAT32)
            memcpy(memory + i * 4, &x32, 4);
        else if (dtype == NUMC_BOOL)
            memory[i] = (unsigned char)(k & 1);
        else
            memcpy(memory + (size_t)i * size, &k, size);
    }
}

/* Equal bytes, or both NaN. */
static bool same(uint32_t dtype, const void *x, const void *y, size_t n)
{
    const size_t size = numc_dtype_size((numc_dtype)dtype);
    for (size_t i = 0; i < n; i++) {
        const char *p = (const char *)x + i * size, *q = (const char *)y + i * size;
        if (memcmp(p, q, size) == 0)
            continue;
        double a = 0, b = 0;
        float a32 = 0, b32 = 0;
        if (dtype == NUMC_FLOAT64) {
            memcpy(&a, p, 8);
            memcpy(&b, q, 8);
        } else if (dtype == NUMC_FLOAT32) {
            memcpy(&a32, p, 4);
            memcpy(&b32, q, 4);
            a = (double)a32;
            b = (double)b32;
        }
        if (a == a || b == b)
            return false;
    }
    return true;
}

/* A comparison writes bools whatever the row's dtype: bytes beyond the results stay zero on both sides. */
static void compare_rows(numc_block_rows rows, numc_block_rows other, uint32_t dtype)
{
    assert_int_equal(rows.count, other.count);
    for (size_t k = 0; k < rows.count; k++) {
        assert_int_equal(rows.rows[k].operation, other.rows[k].operation);
        const bool selects = rows.rows[k].operation == NUMC_SCALAR_WHERE;
        fill(inputs[0], selects ? (uint32_t)NUMC_BOOL : dtype, N);
        for (int o = 1; o < 4; o++)
            fill(inputs[o], dtype, N);
        if (rows.rows[k].operation >= NUMC_SCALAR_RANDOM_BITS) /* key and counter */
            for (int o = 0; o < 2; o++)
                fill(inputs[o], NUMC_UINT64, N);
        for (int v = 0; v < 4; v++) {
            if (rows.rows[k].variants[v] == NULL)
                continue;
            for (size_t n = 0; n <= N; n++) {
                memset(one, 0, sizeof one);
                memset(two, 0, sizeof two);
                rows.rows[k].variants[v](n, one, inputs[0], inputs[1], inputs[2], inputs[3]);
                other.rows[k].variants[v](n, two, inputs[0], inputs[1], inputs[2], inputs[3]);
                if (!same(dtype, one, two, N))
                    fail_msg("operation %u, dtype %u, variant %d, length %zu", rows.rows[k].operation, dtype, v, n);
            }
        }
    }
}

static void operations_give_the_same_bits(void **state)
{
    (void)state;
    for (uint32_t dtype = NUMC_BOOL; dtype <= NUMC_FLOAT64; dtype++) {
        compare_rows(plain->arithmetic(dtype), avx2->arithmetic(dtype), dtype);
        compare_rows(plain->mathematics(dtype), avx2->mathematics(dtype), dtype);
        for (uint32_t to = NUMC_BOOL; to <= NUMC_FLOAT64; to++) {
            fill(inputs[0], dtype, N);
            memset(one, 0, sizeof one);
            memset(two, 0, sizeof two);
            plain->convert(to, dtype)(N, one, inputs[0], NULL, NULL, NULL);
            avx2->convert(to, dtype)(N, two, inputs[0], NULL, NULL, NULL);
            assert_true(same(to, one, two, N));
        }
    }
}

/* Both against the two operations one after the other. */
static void pairs_are_two_operations(void **state)
{
    (void)state;
    for (int o = 0; o < 3; o++)
        fill(inputs[o], NUMC_FLOAT64, N);
    for (int first = NUMC_BLOCK_FIRST_ADD_VV; first <= NUMC_BLOCK_FIRST_SQUARE; first++)
        for (int second = NUMC_BLOCK_SECOND_ADD; second <= NUMC_BLOCK_SECOND_FROM; second++)
            for (int single = 0; single < 2; single++)
                for (size_t n = 0; n <= N; n++) {
                    const double *a = (const double *)(const void *)inputs[0], *b = (const double *)(const void *)inputs[1];
                    const double *c = (const double *)(const void *)inputs[2];
                    double expected[N];
                    for (size_t i = 0; i < n; i++) {
                        const double z = single ? c[0] : c[i];
                        double x = 0;
                        switch (first) {
                        case NUMC_BLOCK_FIRST_ADD_VV: x = a[i] + b[i]; break;
                        case NUMC_BLOCK_FIRST_ADD_VS: x = a[i] + b[0]; break;
                        case NUMC_BLOCK_FIRST_SUBTRACT_VV: x = a[i] - b[i]; break;
                        case NUMC_BLOCK_FIRST_SUBTRACT_VS: x = a[i] - b[0]; break;
                        case NUMC_BLOCK_FIRST_SUBTRACT_SV: x = a[0] - b[i]; break;
                        case NUMC_BLOCK_FIRST_MULTIPLY_VV: x = a[i] * b[i]; break;
                        case NUMC_BLOCK_FIRST_MULTIPLY_VS: x = a[i] * b[0]; break;
                        default: x = a[i] * a[i]; break;
                        }
                        expected[i] = second == NUMC_BLOCK_SECOND_ADD        ? x + z
                                      : second == NUMC_BLOCK_SECOND_MULTIPLY ? x * z
                                      : second == NUMC_BLOCK_SECOND_SUBTRACT ? x - z
                                                                             : z - x;
                    }
                    plain->pair((numc_block_first)first, (numc_block_second)second, single != 0)(n, one, a, b, c, NULL);
                    avx2->pair((numc_block_first)first, (numc_block_second)second, single != 0)(n, two, a, b, c, NULL);
                    assert_true(same(NUMC_FLOAT64, expected, one, n) && same(NUMC_FLOAT64, expected, two, n));
                }
}

static void position_does_not_matter(void **state)
{
    (void)state;
    for (uint32_t dtype = NUMC_FLOAT32; dtype <= NUMC_FLOAT64; dtype++) {
        const numc_block_rows rows = avx2->mathematics(dtype);
        const size_t size = numc_dtype_size((numc_dtype)dtype);
        for (size_t k = 0; k < rows.count; k++) {
            if (rows.rows[k].operation >= NUMC_SCALAR_RANDOM_BITS)
                continue; /* their operands have another size; test_operations.c has them at all lengths */
            fill(inputs[0], dtype, N);
            fill(inputs[1], dtype, N);
            rows.rows[k].variants[0](N, one, inputs[0], inputs[1], NULL, NULL);
            for (size_t i = 0; i < N; i++)
                rows.rows[k].variants[0](1, two + i * size, inputs[0] + i * size, inputs[1] + i * size, NULL, NULL);
            assert_true(same(dtype, one, two, N));
        }
    }
}

static void reductions_give_the_same_bits(void **state)
{
    (void)state;
    for (uint32_t dtype = NUMC_BOOL; dtype <= NUMC_FLOAT64; dtype++)
        for (uint32_t reduction = NUMC_REDUCTION_SUM; reduction <= NUMC_REDUCTION_ARGMIN; reduction++) {
            const numc_block_reduction *p = plain->reduction(reduction, dtype), *q = avx2->reduction(reduction, dtype);
            const numc_block_argument *u = plain->argument(reduction, dtype), *v = avx2->argument(reduction, dtype);
            assert_true((p == NULL) == (q == NULL) && (u == NULL) == (v == NULL));
            for (size_t n = 0; n <= N; n++) {
                fill(inputs[0], dtype, N);
                if (p != NULL) {
                    p->whole(n, one, inputs[0]);
                    q->whole(n, two, inputs[0]);
                    assert_true(same(dtype, one, two, 1));
                    unsigned char lanes[64]; /* in two pieces, cut at a multiple of 8 */
                    for (size_t l = 0; l < 8; l++)
                        memcpy(lanes + l * q->lane_size, &q->identity, q->lane_size);
                    q->accumulate(n / 8 * 4 / 8 * 8, lanes, inputs[0]);
                    const size_t cut = n / 8 * 4 / 8 * 8;
                    q->accumulate(n - cut, lanes, inputs[0] + cut * q->lane_size);
                    q->finish(two, lanes);
                    assert_true(same(dtype, one, two, 1));
                }
                if (u != NULL) {
                    numc_block_extreme a = {.index = -1}, b = {.index = -1};
                    u->accumulate(n, &a, inputs[0], 100);
                    v->accumulate(n, &b, inputs[0], 100);
                    assert_true(a.index == b.index);
                }
            }
        }
}

static void matrices_give_the_same_bits(void **state)
{
    (void)state;
    enum { MOST = 37 };
    static double a[MOST * MOST], b[MOST * MOST], c[2][MOST * MOST];
    for (uint32_t dtype = NUMC_FLOAT32; dtype <= NUMC_FLOAT64; dtype++) {
        const numc_block_matrix *m[2] = {plain->matrix(dtype), avx2->matrix(dtype)};
        const bool wide = dtype == NUMC_FLOAT64;
        for (int64_t n = 1; n <= MOST; n += n < 12 ? 1 : 5) {
            for (int64_t i = 0; i < MOST * MOST; i++) {
                const double x = rng_unit(&r) - 0.5 + (i % (n + 1) == 0 ? 20.0 : 0.0), y = rng_unit(&r) - 0.5;
                if (wide) {
                    a[i] = x;
                    b[i] = y;
                } else {
                    ((float *)a)[i] = (float)x;
                    ((float *)b)[i] = (float)y;
                }
            }
            const int64_t other = MOST / n;
            for (int kind = 0; kind < 6; kind++) {
                int32_t order[2][MOST];
                for (int set = 0; set < 2; set++) {
                    memcpy(c[set], b, sizeof b);
                    numc_block_product p = {a, b, c[set], n, other, n, other, 1, n, 1, n, 1, 1};
                    switch (kind) {
                    case 0: m[set]->rows(other, n, a, n, b, c[set], 1, 0); break;
                    case 1: m[set]->columns(other, n, a, n, b, 1, c[set], 1); break;
                    case 2: m[set]->product(&p); break;
                    case 3: (void)m[set]->cholesky(n, a, n, 1, c[set], n); break;
                    case 4: m[set]->triangular(n, other, a, n, 1, c[set], other, n % 2 == 0, 0); break;
                    default:
                        memcpy(c[set], a, sizeof a);
                        (void)m[set]->lu(n, n, c[set], n, order[set], 1);
                        break;
                    }
                }
                if (!same(dtype, c[0], c[1], wide ? MOST * MOST : 2 * MOST * MOST))
                    fail_msg("matrix function %d, dtype %u, size %lld", kind, dtype, (long long)n);
            }
        }
    }
}

static int set_up(void **state)
{
    (void)state;
    plain = numc_cpu_blocks_plain();
    avx2 = numc_cpu_blocks_avx2();
    return 0;
}

int main(void)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
        printf("1..0 # SKIP this processor has no AVX2\n");
        return 77; /* meson: skipped */
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_give_the_same_bits),
        cmocka_unit_test(pairs_are_two_operations),
        cmocka_unit_test(position_does_not_matter),
        cmocka_unit_test(reductions_give_the_same_bits),
        cmocka_unit_test(matrices_give_the_same_bits),
    };
    return cmocka_run_group_tests_name("cpu_blocks", tests, set_up, NULL);
}
