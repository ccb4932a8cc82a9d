/* Trees of named arrays: order, replacing, mistakes; flattened and back, as inputs of functions; one vector and back, traced. */
#include "support.h"
#include "../base/sweep.h"

static numc_tree *parameters(numc_context *context)
{
    numc_tree *tree = numc_tree_new(context);
    numc_tree_set(tree, "scale", reals(context, NUMC_SCALAR, DOUBLES(2)));
    numc_tree_set(tree, "layer/weight", reals(context, NUMC_SHAPE(2, 2), DOUBLES(1, 2, 3, 4)));
    numc_tree_set(tree, "layer.b", numc_astype(reals(context, NUMC_SHAPE(1), DOUBLES(9)), NUMC_FLOAT32));
    numc_tree_set(tree, "layer/bias", reals(context, NUMC_SHAPE(2), DOUBLES(5, 6)));
    return tree;
}

static void leaves_in_order(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        numc_tree *tree = parameters(context);
        ASSERT_FINE(context);
        static const char *const paths[] = {"layer/bias", "layer/weight", "layer.b", "scale"};
        assert_int_equal(numc_tree_count(tree), 4);
        for (int32_t i = 0; i < 4; i++)
            assert_string_equal(numc_tree_path(tree, i), paths[i]);
        assert_null(numc_tree_path(tree, 4));
        assert_null(numc_tree_path(tree, -1));
        assert_true(numc_item(numc_tree_get(tree, "scale")) == 2.0);
        numc_tree_set(tree, "scale", reals(context, NUMC_SCALAR, DOUBLES(3)));
        assert_true(numc_tree_count(tree) == 4 && numc_item(numc_tree_get(tree, "scale")) == 3.0);
        assert_null(numc_tree_get(tree, "layer"));
        assert_error(context, NUMC_INVALID_ARGUMENT, "there is no 'layer'");
        const numc_array *x = numc_tree_get(tree, "scale");
        static const struct {
            const char *path, *part;
        } bad[] = {{"", "empty name"}, {"/a", "empty name"}, {"a/", "empty name"}, {"a//b", "empty name"},
                   {"layer", "there is 'layer/bias'"}, {"scale/x", "nothing under 'scale'"}, {"layer/bias/x", "nothing under 'layer/bias'"}};
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            assert_int_equal(numc_tree_set(tree, bad[i].path, x), NUMC_INVALID_ARGUMENT);
            assert_error(context, NUMC_INVALID_ARGUMENT, bad[i].part);
        }
        assert_int_equal(numc_tree_set(tree, "y", NULL), NUMC_INVALID_ARGUMENT);
        assert_error(context, NUMC_INVALID_ARGUMENT, "NULL");
        assert_int_equal(numc_tree_count(tree), 4);
        assert_int_equal(numc_tree_count(NULL), 0);
        /* many leaves, in any order */
        numc_tree *many = numc_tree_new(context);
        for (int i = 0; i < 100; i++) {
            char path[16];
            (void)snprintf(path, sizeof path, "n/%02d", i * 37 % 100);
            numc_tree_set(many, path, numc_full(context, NUMC_INT64, NUMC_SCALAR, i * 37 % 100));
        }
        for (int32_t i = 0; i < 100; i++)
            assert_true(numc_item_integer(numc_tree_get(many, numc_tree_path(many, i))) == i);
        /* arrays that died are found */
        numc_scope(context) {
            numc_tree_set(tree, "scale", numc_add(numc_tree_get(tree, "scale"), 1.0));
        }
        assert_null(numc_tree_get(tree, "scale"));
        assert_int_equal(numc_error_status(context), NUMC_DEAD_ARRAY);
        numc_error_clear(context);
    }
    ASSERT_FINE(context);
    numc_close(context);
}

BODY(doubled)
{
    (void)context, (void)output_count, (void)user;
    for (int32_t i = 0; i < input_count; i++)
        out[i] = numc_multiply(in[i], 2);
}

/* A function of a tree, as one of a vector */
BODY(of_vector)
{
    (void)context, (void)input_count, (void)output_count;
    numc_tree *tree = numc_tree_unravel(user, in[0]);
    out[0] = numc_sum(numc_multiply(numc_tree_get(tree, "scale"), numc_add(numc_tree_get(tree, "layer/weight"), numc_tree_get(tree, "layer/bias"))));
}

static void flattened_and_back(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    numc_scope(context) {
        numc_tree *tree = parameters(context);
        const numc_array *leaves[4];
        numc_array *results[4];
        assert_int_equal(numc_tree_flatten(tree, leaves, 4), NUMC_OK);
        numc_function *f = numc_function_trace(context, doubled, NULL, leaves, 4, 4);
        assert_int_equal(numc_function_call(context, f, leaves, 4, results, 4), NUMC_OK);
        numc_tree *twice = numc_tree_unflatten(tree, results, 4);
        ASSERT_FINE(context);
        assert_string_equal(numc_tree_path(twice, 2), "layer.b");
        assert_true(numc_item(numc_tree_get(twice, "layer.b")) == 18.0 && numc_item(numc_tree_get(twice, "scale")) == 4.0);
        numc_array *vector = numc_tree_ravel(tree);
        double got[8], wanted[8] = {5, 6, 1, 2, 3, 4, 9, 2};
        assert_int_equal(numc_to_host(vector, NUMC_FLOAT64, got, sizeof got), NUMC_OK);
        assert_memory_equal(got, wanted, sizeof got);
        numc_tree *again = numc_tree_unravel(tree, numc_multiply(vector, 3.0));
        assert_true(numc_array_dtype(numc_tree_get(again, "layer.b")) == NUMC_FLOAT32 && numc_item(numc_tree_get(again, "layer.b")) == 27.0);
        assert_true(numc_array_rank(numc_tree_get(again, "layer/weight")) == 2 && numc_item(numc_max(numc_tree_get(again, "layer/weight"))) == 12.0);
        const numc_array *x = vector;
        numc_function *g = numc_function_value_and_gradient(context, numc_function_trace(context, of_vector, tree, &x, 1, 1));
        numc_array *y[2];
        assert_int_equal(numc_function_call(context, g, &x, 1, y, 2), NUMC_OK);
        /* scale (sum of weights + 2 sum of bias) = 2 (10 + 22); its gradient, by bias, weight, b, scale */
        assert_true(numc_item(y[0]) == 64.0);
        const double slopes[8] = {4, 4, 2, 2, 2, 2, 0, 32};
        assert_int_equal(numc_to_host(y[1], NUMC_FLOAT64, got, sizeof got), NUMC_OK);
        assert_memory_equal(got, slopes, sizeof got);
        assert_int_equal(numc_tree_flatten(tree, leaves, 3), NUMC_INVALID_ARGUMENT);
        assert_error(context, NUMC_INVALID_ARGUMENT, "3 arrays for 4 leaves");
        results[1] = NULL;
        assert_null(numc_tree_unflatten(tree, results, 4));
        assert_error(context, NUMC_INVALID_ARGUMENT, "array 1, for 'layer/weight', is NULL");
        assert_null(numc_tree_unravel(tree, leaves[0]));
        numc_error_clear(context);
        assert_null(numc_tree_unravel(tree, numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(7))));
        assert_error(context, NUMC_SHAPE, "have 8 elements, the vector has shape [7]");
        assert_null(numc_tree_unravel(tree, NULL));
        assert_error(context, NUMC_INVALID_ARGUMENT, "the vector is NULL");
        numc_tree *empty = numc_tree_new(context);
        assert_true(numc_array_size(numc_tree_ravel(empty)) == 0);
        assert_int_equal(numc_tree_flatten(empty, NULL, 0), NUMC_OK);
        numc_tree_set(empty, "none", numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2, 0)));
        assert_true(numc_array_size(numc_tree_get(numc_tree_unravel(empty, numc_tree_ravel(empty)), "none")) == 0);
    }
    numc_context *other = open_tested();
    assert_int_equal(numc_tree_set(numc_tree_new(context), "x", numc_zeros(other, NUMC_FLOAT64, NUMC_SHAPE(2))), NUMC_STATE);
    assert_error(context, NUMC_STATE, "'x' is an array of another context");
    numc_close(other);
    ASSERT_FINE(context);
    numc_close(context);
}

static void pass(failing *memory)
{
    numc_context *context = numc_open(&(numc_options){.backend = "ref", .threads = 1, .allocate = failing_allocate, .allocate_user = memory});
    numc_scope(context) {
        numc_tree *tree = parameters(context), *back = numc_tree_unravel(tree, numc_tree_ravel(tree));
        assert_true(back != NULL || numc_error_status(context) == NUMC_MEMORY);
    }
    numc_close(context);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    sweep_passes(pass, 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_in_order),
        cmocka_unit_test(flattened_and_back),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
