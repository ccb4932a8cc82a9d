/* test_pieces.c - what a program needs of the text in front of it, and no more, in its order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gpu/internal.h"

static void *allocate(void *user, void *pointer, uint64_t old_size, uint64_t size)
{
    (void)user, (void)old_size;
    if (size > 0)
        return realloc(pointer, (size_t)size);
    free(pointer);
    return NULL;
}

void numc_gpu_text_add(numc_gpu_text *text, const char *more, size_t size)
{
    assert_true(text->size + size < text->capacity);
    memcpy(text->data + text->size, more, size);
    text->data[text->size += size] = '\0';
}

static const char library[] =
    "#ifndef GUARD_H\n#define GUARD_H\n"
    "#if defined(THIS)\n#define FN static\n#else\n#define FN\n#endif\n"
    "#define ONE 1.0\n#define TWO \\\n(ONE+ONE)\n"
    "typedef struct pair{\ndouble high,low;\n}pair;\n"
    "FN double table[2][2]={\n{1,2},\n{3,4},\n};\n"
    "FN double first(double x)\n{\n#if defined(THIS)\nreturn x;\n#else\nreturn TWO;\n#endif\n}\n"
    "FN pair second(double x)\n{\nif(x>0x1first){\nx=0;\n}\npair p={first(x),table[0][1]};\nreturn p;\n}\n"
    "#define ROW_0 0\n#define ROW_1 1\n#define ROWS(n) ROW_##n\n"
    "#endif\n";
static const char prologue[] = "typedef double number;\n";

static void assert_pieces(const char *program, const char *expected)
{
    char memory[2048] = "";
    numc_host host = {.size = sizeof host, .allocate = allocate};
    numc_device device = {.host = &host};
    numc_gpu_text text = {.device = &device, .data = memory, .capacity = sizeof memory};
    numc_gpu_pieces *pieces = numc_gpu_pieces_new(&device, library, prologue);
    assert_non_null(pieces);
    numc_gpu_pieces_add(pieces, program, strlen(program), &text);
    assert_false(text.failed);
    assert_string_equal(memory, expected);
    numc_gpu_pieces_end(pieces);
}

#define FRONT "#ifndef GUARD_H\n#define GUARD_H\n#if defined(THIS)\n#define FN static\n#else\n#define FN\n#endif\n"

static void only_what_is_needed_is_there(void **state)
{
    (void)state;
    assert_pieces("no_first(firsts)", FRONT "#endif\n");
    assert_pieces("x = table[0][0];", FRONT "FN double table[2][2]={\n{1,2},\n{3,4},\n};\n#endif\n");
    assert_pieces("0x1ONE + TWO", FRONT "#define ONE 1.0\n#define TWO \\\n(ONE+ONE)\n#endif\n");
    assert_pieces("number x;", FRONT "#endif\ntypedef double number;\n");
    assert_pieces("first(x)", FRONT "#define ONE 1.0\n#define TWO \\\n(ONE+ONE)\n"
                              "FN double first(double x)\n{\n#if defined(THIS)\nreturn x;\n#else\nreturn TWO;\n#endif\n}\n#endif\n");
}

static void what_is_needed_needs_more(void **state)
{
    (void)state;
    char all[sizeof library];
    memcpy(all, library, sizeof library);
    *strstr(all, "#define ROW_0") = '\0';
    strcat(all, "#endif\n");
    assert_pieces("second(1)", all);
}

static void joined_words_stand_for_all_they_begin(void **state)
{
    (void)state;
    assert_pieces("ROWS(1)", FRONT "#define ROW_0 0\n#define ROW_1 1\n#define ROWS(n) ROW_##n\n#endif\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_needed_is_there),
        cmocka_unit_test(what_is_needed_needs_more),
        cmocka_unit_test(joined_words_stand_for_all_they_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
