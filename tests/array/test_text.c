/* test_text.c - arrays as text, against NumPy's own str and repr in text_table.h; short buffers, streams, what has no value. */
#include "fixture.h"

#include "numc/function.h"
#include "text_table.h"

static numc_array *row_array(numc_context *context, const struct text_row *row)
{
    numc_shape shape = {row->shape, row->rank, true};
    size_t count = 1, item = numc_dtype_size(row->dtype);
    for (int32_t d = 0; d < row->rank; d++)
        count *= (size_t)row->shape[d];
    if (row->bytes == NULL) {
        numc_array *step = numc_multiply(numc_arange(context, NUMC_FLOAT64, 0, (double)count, 1), row->step);
        return numc_reshape(numc_astype(numc_add(step, row->start), row->dtype), shape);
    }
    unsigned char *data = malloc(count * item + 1);
    assert_non_null(data);
    assert_int_equal(strlen(row->bytes), 2 * count * item);
    for (size_t i = 0; i < count * item; i++) {
        unsigned value = 0;
        assert_int_equal(sscanf(row->bytes + 2 * i, "%2x", &value), 1);
        data[i] = (unsigned char)value;
    }
    numc_array *x = numc_from_host(context, row->dtype, shape, data);
    free(data);
    return x;
}

static void texts_are_numpys(void **state)
{
    numc_context *context = *state;
    static char text[1 << 16];
    for (size_t i = 0; i < sizeof text_rows / sizeof *text_rows; i++) {
        const struct text_row *row = &text_rows[i];
        numc_scope(context) {
            numc_array *x = row_array(context, row);
            size_t length = numc_array_format(x, text, sizeof text);
            assert_ok(context);
            if (strcmp(text, row->str) != 0)
                fail_msg("row %zu: str is\n%s\nexpected\n%s", i, text, row->str);
            assert_int_equal(length, strlen(row->str));
            length = numc_array_format(x, text, sizeof text, .repr = true);
            if (strcmp(text, row->repr) != 0)
                fail_msg("row %zu: repr is\n%s\nexpected\n%s", i, text, row->repr);
            assert_int_equal(length, strlen(row->repr));
            assert_int_equal(numc_array_format(x, NULL, 0, .repr = true), length);
            /* a short buffer holds the beginning */
            for (size_t size = 1; size < 12; size++) {
                assert_int_equal(numc_array_format(x, text, size), strlen(row->str));
                size_t kept = strlen(row->str) < size ? strlen(row->str) : size - 1;
                assert_int_equal(strlen(text), kept);
                assert_memory_equal(text, row->str, kept);
            }
        }
    }
}

static void strided_views_print_alike(void **state)
{
    numc_context *context = *state;
    char text[256];
    numc_array *x = counting(context, NUMC_FLOAT32, NUMC_SHAPE(3, 2));
    numc_array_format(numc_flip(numc_matrix_transpose(x), NUMC_AXES(1)), text, sizeof text);
    assert_string_equal(text, "[[4. 2. 0.]\n [5. 3. 1.]]");
    numc_array_format(numc_broadcast_to(numc_arange(context, NUMC_INT8, 0, 2, 1), NUMC_SHAPE(2, 2)), text, sizeof text, .repr = true);
    assert_string_equal(text, "array([[0, 1],\n       [0, 1]], dtype=int8)");
}

static void printed_to_a_stream(void **state)
{
    numc_context *context = *state;
    FILE *file = tmpfile();
    assert_non_null(file);
    numc_array *x = counting(context, NUMC_INT64, NUMC_SHAPE(2, 2));
    assert_int_equal(numc_array_print(x, file), NUMC_OK);
    assert_int_equal(numc_array_print(x, file, .repr = true), NUMC_OK);
    char text[128] = {0};
    rewind(file);
    size_t length = fread(text, 1, sizeof text - 1, file);
    assert_string_equal(text, "[[0 1]\n [2 3]]\narray([[0, 1],\n       [2, 3]])\n");
    assert_int_equal(length, strlen(text));
    fclose(file);
    assert_int_equal(numc_array_print(NULL, stdout), NUMC_INVALID_ARGUMENT);
    assert_int_equal(numc_array_print(x, NULL), NUMC_INVALID_ARGUMENT);
    assert_error(context, NUMC_INVALID_ARGUMENT, "the stream is NULL");
    file = fopen("/dev/full", "w");
    if (file != NULL) { /* where there is such a file: a full disk */
        setvbuf(file, NULL, _IONBF, 0);
        assert_int_equal(numc_array_print(x, file), NUMC_IO);
        assert_error(context, NUMC_IO, "writing failed");
        fclose(file);
    }
    numc_array *gone = NULL;
    numc_scope(context) {
        gone = numc_add(x, 1);
    }
    assert_int_equal(numc_array_print(gone, stdout), NUMC_DEAD_ARRAY);
    assert_error(context, NUMC_DEAD_ARRAY, "array #");
    assert_int_equal(numc_array_format(gone, text, sizeof text), 12);
    assert_string_equal(text, "(dead array)");
    assert_int_equal((numc_array_format)(x, text, sizeof text, &(numc_format_options){.size = 5000}), 0);
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_array_format");
}

static void shown(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                  int32_t output_count, void *user)
{
    (void)context;
    (void)input_count;
    (void)output_count;
    numc_array_format(inputs[0], user, 64);
    outputs[0] = numc_negative(inputs[0]);
}

static void traced_arrays_have_types(void **state)
{
    numc_context *context = *state;
    char text[64] = {0};
    const numc_array *x = counting(context, NUMC_FLOAT64, NUMC_SHAPE(2, 2));
    numc_function *f = numc_function_trace(context, shown, text, &x, 1, 1);
    assert_ok(context);
    assert_string_equal(text, "(traced float64[2, 2])");
    numc_function_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(texts_are_numpys),
        TEST(strided_views_print_alike),
        TEST(printed_to_a_stream),
        TEST(traced_arrays_have_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
