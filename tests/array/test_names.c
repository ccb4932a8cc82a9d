/* Errors begin with the name of the function that was called, not of one that it is made of: every row of the table of functions with
 * arguments that do not fit, and functions of the other headers. */
#include "fixture.h"
#include "functions.h"
#include "numc/function.h"
#include "numc/random.h"
#include "numc/special.h"

/* What a row writes down: its calls are those that errors may name. */
#define TEXT_OF(name, flags, expression) #expression,
#define TEXT_OF_UNARY(name) "numc_" #name "(x)",
#define TEXT_OF_BINARY(name) "numc_" #name "(x, y)",
static const char *const texts[] = {
    CREATION_ROWS(TEXT_OF) DTYPE_ROWS(TEXT_OF) NUMC_UNARY_FUNCTIONS(TEXT_OF_UNARY) NUMC_BINARY_FUNCTIONS(TEXT_OF_BINARY)
    ELEMENTWISE_OTHER_ROWS(TEXT_OF) INDEXING_ROWS(TEXT_OF) LINEAR_ROWS(TEXT_OF) MANIPULATION_ROWS(TEXT_OF) SEARCHING_ROWS(TEXT_OF)
    SET_ROWS(TEXT_OF) SORTING_ROWS(TEXT_OF) STATISTICAL_ROWS(TEXT_OF) UTILITY_ROWS(TEXT_OF) LINALG_ROWS(TEXT_OF) FFT_ROWS(TEXT_OF)
    FURTHER_ROWS(TEXT_OF)
};
_Static_assert(sizeof texts / sizeof *texts == FUNCTION_ROW_COUNT, "a text per row");

/* "numc_diff: ..." and "numc_floor is not ..." begin with a name; NULL: the message has none. */
static const char *name_of(const char *message, char name[64])
{
    size_t length = strcspn(message, ": ");
    if (strncmp(message, "numc_", 5) != 0 || length >= 64 || (message[length] != ':' && strncmp(message + length, " is not ", 8) != 0))
        return NULL;
    memcpy(name, message, length);
    name[length] = '\0';
    return name;
}

/* The helpers of functions.h by the function they call. */
static bool calls(const char *text, const char *name)
{
    static const char *const helpers[][2] = {{"first_unstacked(", "numc_unstack"}, {"first_broadcast(", "numc_broadcast_arrays"},
                                             {"first_meshed(", "numc_meshgrid"}, {"first_nonzero(", "numc_nonzero"},
                                             {"through_dlpack(", "numc_to_dlpack"}};
    char call[72];
    snprintf(call, sizeof call, "%s(", name);
    if (strstr(text, call) != NULL)
        return true;
    for (size_t i = 0; i < sizeof helpers / sizeof *helpers; i++)
        if (strstr(text, helpers[i][0]) != NULL && strcmp(name, helpers[i][1]) == 0)
            return true;
    return false;
}

static const numc_array *hostile(numc_context *context, int which)
{
    static const double numbers[24] = {1, -2, 3, 0.5, 7, -1, 2, 2, 9, 4, 1, 1, 3};
    static const numc_dtype dtypes[] = {NUMC_FLOAT64, NUMC_BOOL, NUMC_INT8, NUMC_UINT64, NUMC_COMPLEX128};
    static const int64_t shapes[][3] = {{0}, {4}, {2, 3}, {3, 3}, {2, 3, 4}, {0}, {0, 3}, {3, 0}};
    static const int32_t ranks[] = {0, 1, 2, 2, 3, 1, 2, 2};
    enum { DTYPES = 5, SHAPES = 8 };
    if (which >= DTYPES * SHAPES)
        return NULL;
    int shape = which / DTYPES;
    int64_t size = 1;
    for (int32_t d = 0; d < ranks[shape]; d++)
        size *= shapes[shape][d];
    assert_true(size <= 24);
    return numc_astype(numc_from_host(context, NUMC_FLOAT64, ((numc_shape){shapes[shape], ranks[shape], true}), numbers),
                       dtypes[which % DTYPES]);
}

static void rows_name_what_was_called(void **state)
{
    numc_context *context = *state;
    int errors = 0, wrong = 0;
    for (size_t r = 0; r < FUNCTION_ROW_COUNT; r++) {
        for (int a = 0;; a++) {
            assert_int_equal(numc_scope_begin(context), NUMC_OK);
            const numc_array *x = hostile(context, a);
            for (int b = 0; x != NULL && b < 40; b += 1 + (a + b) % 4) {
                const numc_array *y = hostile(context, b);
                given g = {context, numc_array_dtype(x), x, y, a % 2 == 0 ? x : y, b % 2 == 0 ? x : y, y, b % 3 == 0 ? x : y};
                char name[64];
                int32_t rank = numc_array_rank(x);
                if (rank == 0 && strstr(texts[r], "_shape(x)") != NULL) /* held_shape looks at the last axis */
                    continue;
                if ((rank == 0 || numc_array_rank(y) == 0) && strstr(texts[r], "first_unstacked") != NULL)
                    continue;
                numc_array *z = function_rows[r].call(&g);
                if (numc_error_status(context) == NUMC_OK)
                    continue;
                assert_null(z);
                errors++;
                if (name_of(numc_error_message(context), name) == NULL || !calls(texts[r], name)) {
                    print_message("%s: \"%s\"\n", texts[r], numc_error_message(context));
                    wrong++;
                }
                numc_error_clear(context);
            }
            numc_scope_end(context);
            if (x == NULL)
                break;
        }
    }
    assert_true(errors > 1000);
    assert_int_equal(wrong, 0);
}

/* ---- functions of the other headers ---------------------------------------------------------------------------------------- */

typedef struct things {
    numc_context *c;
    const numc_array *x, *row, *z, *key, *number; /* (2, 3), (4), complex (2, 3), a key, 0-d */
    numc_array *out[4];
} things;

static void grows(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count, void *user)
{
    (void)context, (void)input_count, (void)output_count, (void)user;
    out[0] = numc_stack((const numc_array *[]){in[input_count - 1], in[input_count - 1]}, 2, 0);
}

static void wrong_inside(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count,
                         void *user)
{
    (void)output_count, (void)user;
    out[0] = numc_add(in[input_count - 1], numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(7, 7, 7)));
}

static numc_function *no_scalar(const things *t)
{
    return numc_function_trace(t->c, grows, NULL, &t->x, 1, 1);
}

static numc_tree *odd_tree(const things *t)
{
    numc_tree *tree = numc_tree_new(t->c);
    (void)numc_tree_set(tree, "a", numc_astype(t->row, NUMC_UINT64));
    (void)numc_tree_set(tree, "b", numc_astype(t->row, NUMC_INT8));
    return tree;
}

#define CASES(X)                                                                                   \
    X(numc_special_softmax, numc_special_softmax(t->x, 2))                                         \
    X(numc_special_softmax, numc_special_softmax(t->z, 0))                                         \
    X(numc_special_log_softmax, numc_special_log_softmax(t->z, 0))                                 \
    X(numc_special_log_expit, numc_special_log_expit(t->z))                                        \
    X(numc_special_polygamma, numc_special_polygamma(0, t->z))                                     \
    X(numc_special_polygamma, numc_special_polygamma(1, t->z))                                     \
    X(numc_special_multigammaln, numc_special_multigammaln(t->z, 2))                               \
    X(numc_special_xlogy, numc_special_xlogy(t->x, t->row))                                        \
    X(numc_special_betainc, numc_special_betainc(t->x, t->row, 0.5))                               \
    X(numc_random_beta, numc_random_beta_(t->key, numc_operand_array(t->row), numc_operand_real(1), NUMC_FLOAT64, NUMC_SHAPE(3))) \
    X(numc_random_student_t, numc_random_student_t_(t->key, numc_operand_array(t->row), NUMC_FLOAT64, NUMC_SHAPE(3)))           \
    X(numc_random_student_t, numc_random_student_t_(t->key, numc_operand_array(t->z), NUMC_FLOAT64, NUMC_SHAPE(3)))             \
    X(numc_random_gamma, numc_random_gamma_(t->key, numc_operand_array(t->z), NUMC_FLOAT64, NUMC_SHAPE(2, 3)))                  \
    X(numc_random_poisson, numc_random_poisson_(t->key, numc_operand_array(t->row), NUMC_FLOAT64, NUMC_SHAPE(3)))               \
    X(numc_random_binomial, numc_random_binomial_(t->key, numc_operand_integer(3), numc_operand_array(t->z), NUMC_FLOAT64, NUMC_SHAPE(2, 3))) \
    X(numc_random_bernoulli, numc_random_bernoulli_(t->key, numc_operand_array(t->x), NUMC_SHAPE(2, 3)))                        \
    X(numc_random_uniform, numc_random_uniform_(t->key, NUMC_FLOAT64, NUMC_SHAPE(3), numc_operand_array(t->z), numc_operand_real(1))) \
    X(numc_random_dirichlet, numc_random_dirichlet(t->key, t->number, NUMC_FLOAT64, NUMC_SHAPE(3)))                             \
    X(numc_random_categorical, numc_random_categorical(t->key, t->z, NUMC_SHAPE(2)))               \
    X(numc_random_split, numc_random_split(t->x, 2))                                               \
    X(numc_random_fold_in, numc_random_fold_in(t->x, 2))                                           \
    X(numc_random_normal, numc_random_normal(t->x, NUMC_FLOAT64, NUMC_SHAPE(2)))                   \
    X(numc_diff, numc_diff(t->x, .prepend = t->row))                                               \
    X(numc_searchsorted, numc_searchsorted(t->row, t->x, .sorter = numc_reshape(t->x, NUMC_SHAPE(6))))  \
    X(numc_stack, numc_stack((const numc_array *[]){t->x, t->row}, 2, 0))                          \
    X(numc_stack, numc_stack((const numc_array *[]){numc_astype(t->row, NUMC_UINT64), numc_astype(t->row, NUMC_INT8)}, 2, 0))  \
    X(numc_tree_ravel, numc_tree_ravel(odd_tree(t)))                                               \
    X(numc_map, (numc_map(t->c, grows, NULL, &t->number, 1, t->out, 1), NULL))                     \
    X(numc_map, (numc_map(t->c, grows, NULL, (const numc_array *[]){t->x, t->row}, 2, t->out, 1), NULL))    \
    X(numc_fori, (numc_fori(t->c, 0, 3, grows, NULL, &t->x, 1, t->out), NULL))                     \
    X(numc_fori, (numc_fori(t->c, 0.5, 3, grows, NULL, &t->x, 1, t->out), NULL))                   \
    X(numc_scan, (numc_scan(t->c, grows, NULL, &t->x, 1, NULL, 0, t->out, 0, .length = 3), NULL))  \
    X(numc_while, (numc_while(t->c, grows, grows, NULL, &t->x, 1, t->out), NULL))                  \
    X(numc_add, (numc_map(t->c, wrong_inside, NULL, &t->x, 1, t->out, 1), NULL))                   \
    X(numc_add, (numc_fori(t->c, 0, 3, wrong_inside, NULL, &t->x, 1, t->out), NULL))               \
    X(numc_function_value_and_gradient, (numc_function_value_and_gradient(t->c, no_scalar(t)), NULL))  \
    X(numc_function_value_and_gradient, (numc_function_value_and_gradient(t->c, NULL), NULL))      \
    X(numc_function_hessian, (numc_function_hessian(t->c, no_scalar(t)), NULL))                    \
    X(numc_function_hvp, (numc_function_hvp(t->c, no_scalar(t)), NULL))                            \
    X(numc_function_call, (numc_function_call(t->c, no_scalar(t), &t->row, 1, t->out, 1), NULL))   \
    X(numc_function_call, (numc_function_call(t->c, no_scalar(t), &t->x, 1, t->out, 2), NULL))

static void others_name_what_was_called(void **state)
{
    static const double numbers[6] = {1, -2, 3, 0.5, 7, -1};
    numc_context *context = *state;
    things all = {.c = context, .x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3), numbers),
                    .row = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(4), numbers), .key = numc_random_key(context, 1),
                    .number = numc_from_host(context, NUMC_FLOAT64, NUMC_SCALAR, numbers)};
    all.z = numc_astype(all.x, NUMC_COMPLEX128);
    things *t = &all;
    int wrong = 0;
    assert_ok(context);
#define CHECK(wanted, expression)                                                                  \
    do {                                                                                           \
        char name[64];                                                                             \
        numc_array *y = expression;                                                                \
        assert_null(y);                                                                            \
        if (name_of(numc_error_message(context), name) == NULL || strcmp(name, #wanted) != 0) {    \
            print_message("%s: \"%s\"\n", #expression, numc_error_message(context));               \
            wrong++;                                                                               \
        }                                                                                          \
        numc_error_clear(context);                                                                 \
    } while (0);
    CASES(CHECK)
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_name_what_was_called),
        TEST(others_name_what_was_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
