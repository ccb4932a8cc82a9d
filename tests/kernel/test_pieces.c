/* test_pieces.c - what a program needs of the text in front of it, and no more, in its order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/pieces.h"

typedef struct memory {
    long blocks, requests, fail_at;
} memory;

static void *allocate(void *user, void *pointer, size_t old_size, size_t size)
{
    memory *m = user;
    (void)old_size;
    if (size > 0 && m->requests++ == m->fail_at)
        return NULL;
    m->blocks += (pointer == NULL) - (size == 0);
    if (size > 0)
        return realloc(pointer, size);
    free(pointer);
    return NULL;
}

static void take(void *to, const char *text, size_t size)
{
    strncat(to, text, size);
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
    char chosen[2048] = "";
    memory m = {.fail_at = -1};
    numc_pieces *pieces = numc__pieces_new(allocate, &m, (const char *const[]){library, prologue, NULL});
    assert_non_null(pieces);
    assert_true(numc__pieces_choose(pieces, program, strlen(program), take, chosen));
    assert_string_equal(chosen, expected);
    numc__pieces_end(pieces);
    assert_int_equal(m.blocks, 0);
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

static void memory_may_end(void **state)
{
    (void)state;
    long fail_at = 0;
    for (bool whole = false; !whole; fail_at++) {
        char chosen[2048] = "";
        memory m = {.fail_at = fail_at};
        numc_pieces *pieces = numc__pieces_new(allocate, &m, (const char *const[]){library, prologue, NULL});
        whole = pieces != NULL && numc__pieces_choose(pieces, "ROWS(1)", 7, take, chosen);
        assert_true(whole == (chosen[0] != '\0'));
        numc__pieces_end(pieces);
        assert_int_equal(m.blocks, 0);
    }
    assert_int_equal(fail_at, 4); /* the pieces, their list, and the choice may fail */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_needed_is_there),
        cmocka_unit_test(what_is_needed_needs_more),
        cmocka_unit_test(joined_words_stand_for_all_they_begin),
        cmocka_unit_test(memory_may_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
