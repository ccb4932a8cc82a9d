/* Random programs by the thousand: every way to run one agrees, derivatives agree (check.c says with what tolerance). Seeds are fixed:
 * a failure prints the program made as small as it goes, which `--file FILE` runs again (found.txt: those that once failed).
 *
 * Instrumented builds run a part of N.
 *
 *   test_programs [--from SEED] [--count N] [--check NAME] [--native] [--parts N] [--file FILE] [--print SEED] [--all] [--rows] */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "../base/effort.h"
#include "../base/need.h"
#include "program.h"

static uint64_t first_seed = 1;
static int program_total = 4000;
static const char *only, *file;
static bool native_only, every_check, more_only;
static int native_parts;

static numc_context *opened(const char *backend, numc_jit jit)
{
    numc_context *context = numc_open(&(numc_options){.backend = backend, .jit = jit, .threads = 1});
    if (numc_error_status(context) != NUMC_OK) {
        numc_close(context);
        return NULL;
    }
    numc_scope(context) { /* loads the backend */
        const double two[2] = {1.0, 2.0};
        (void)numc_item(numc_sum(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2), two)));
    }
    if (numc_error_status(context) != NUMC_OK) {
        numc_close(context);
        return NULL;
    }
    return context;
}

/* The other backend is NUMC_BACKEND's, or cpu. */
static void open_house(house *h, bool native)
{
    const char *named = getenv("NUMC_BACKEND");
    *h = (house){.reference = opened("ref", NUMC_JIT_OFF), .compiled = opened(named != NULL ? named : "cpu", NUMC_JIT_OFF)};
    assert_non_null(h->reference);
    if (h->compiled == NULL && named != NULL)
        fail_msg("the backend %s cannot be opened", named);
    if (h->compiled == NULL)
        h->compiled = h->reference;
    if (native) {
        h->native = opened("cpu", NUMC_JIT_OFF); /* the test has the code made */
        if (h->native == NULL)
            h->native = opened("ref", NUMC_JIT_OFF);
    }
}
static void close_house(house *h)
{
    if (h->compiled != h->reference)
        numc_close(h->compiled);
    numc_close(h->reference);
    numc_close(h->native);
}

typedef struct still {
    house *h;
    const check *check;
    int runs;
    char message[512];
} still;

static bool still_fails(const program *p, void *user)
{
    still *s = user;
    program *copy = malloc(sizeof *copy);
    if (copy == NULL)
        abort();
    memcpy(copy, p, sizeof *copy);
    if (++s->runs % 100 == 0) { /* functions are freed with their context */
        bool native = s->h->native != NULL;
        int32_t fault = s->h->fault;
        close_house(s->h);
        open_house(s->h, native);
        s->h->fault = fault;
    }
    char message[512];
    bool failed = s->check->run(s->h, copy, message, sizeof message) == VERDICT_FAIL;
    if (failed)
        memcpy(s->message, message, sizeof message);
    free(copy);
    return failed;
}

/* Prints what is left of a failing program; returns how many applications that is. */
static int report(house *h, const check *c, program *p, const char *message, bool quiet)
{
    still s = {.h = h, .check = c};
    snprintf(s.message, sizeof s.message, "%s", message);
    numc_context *own = opened("ref", NUMC_JIT_OFF);
    int tried = program_shrink(own, p, still_fails, &s, c->every == 0 ? 400 : 4000);
    numc_close(own);
    if (!quiet) {
        fprintf(stderr, "%s: %s\n(after %d smaller programs)\n", c->name, s.message, tried);
        program_print(stderr, p);
    }
    return program_applications(p);
}

/* ---- the tools ---------------------------------------------------------------------------------------------------------- */

static char *text_of(const program *p)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    program_print(stream, p);
    fclose(stream);
    bool comment = false; /* types: not known of a branch that is never traced */
    for (char *at = text; *at != '\0'; at++) {
        comment = *at == '#' || (comment && *at != '\n');
        if (comment)
            *at = ' ';
    }
    return text;
}

/* Texts without the blanks at the ends of their lines. */
static bool same_lines(const char *a, const char *b)
{
    for (;;) {
        while (*a == ' ')
            a++;
        while (*b == ' ')
            b++;
        if (*a != *b || *a == '\0')
            return *a == *b;
        a++, b++;
    }
}

static void texts_are_read_back(void **state)
{
    (void)state;
    numc_context *context = opened("ref", NUMC_JIT_OFF);
    program *p = malloc(sizeof *p), *again = malloc(sizeof *again);
    assert_true(p != NULL && again != NULL);
    for (uint64_t seed = 1; seed <= 200; seed++) {
        program_generate(context, p, seed);
        char *text = text_of(p);
        FILE *stream = fmemopen(text, strlen(text), "r");
        assert_non_null(stream);
        assert_true(program_read(stream, again));
        fclose(stream);
        char *second = text_of(again);
        if (!same_lines(text, second))
{
            fprintf(stderr, "%s", second);
            fail_msg("seed %llu is read back as this", (unsigned long long)seed);
        }
        free(text);
        free(second);
    }
    free(p);
    free(again);
    numc_close(context);
}

/* An operation that is off by a thousandth unless it runs plainly must be found, and what is left of the program be it and at most
 * two more. */
static void faults_are_found_and_made_small(void **state)
{
    (void)state;
    static const int32_t faults[] = {NUMC_SCALAR_TANH, NUMC_SCALAR_EXP, NUMC_SCALAR_MULTIPLY};
    const check *c = &checks[0];
    program *p = malloc(sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        house h;
        char message[512];
        open_house(&h, false);
        int found = 0;
        for (uint64_t seed = 1; found < 5; seed++) {
            assert_true(seed < 1000);
            h.fault = faults[i];
            program_generate(h.reference, p, seed);
            if (p->wild || c->run(&h, p, message, sizeof message) != VERDICT_FAIL)
                continue;
            found++;
            int left = report(&h, c, p, message, true);
            bool there = false;
            for (int32_t b = 0; b < p->block_count; b++) {
                for (int32_t k = 0; k < p->blocks[b].application_count; k++)
                    there = there || (p->blocks[b].applications[k].operation == OPERATION_SCALAR &&
                                      p->blocks[b].applications[k].numbers[0] == faults[i]);
            }
            if (left > 3 || !there) {
                program_print(stderr, p);
                fail_msg("seed %llu: %d applications are left", (unsigned long long)seed, left);
            }
        }
        close_house(&h);
    }
    free(p);
}

/* ---- tests -------------------------------------------------------------------------------------------------------------- */

static double tallies[16][4];

static void tell_failure(house *h, const check *c, const program *p, const char *message)
{
    fprintf(stderr, "seed %llu fails: %s: %s\n", (unsigned long long)p->seed, c->name, message);
    program *copy = malloc(sizeof *copy);
    if (copy == NULL)
        abort();
    memcpy(copy, p, sizeof *copy);
    (void)report(h, c, copy, message, false);
    free(copy);
}

/* As native code, so many in one object: a compiler that is started for each takes a second, for 64 not much more. */
enum { TOGETHER = 64 };
static int run_together(house *h, program *const *list, int count)
{
    const check *c = &checks[check_count - 1];
    verdict verdicts[TOGETHER];
    char messages[TOGETHER][512] = {{0}};
    int failures = 0;
    clock_t start = clock();
    if (count == 0)
        return 0;
    check_natives(h, list, count, every_check ? NATIVE_PARTS : native_parts, verdicts, messages);
    tallies[check_count - 1][3] += (double)(clock() - start) / CLOCKS_PER_SEC;
    for (int i = 0; i < count; i++) {
        tallies[check_count - 1][verdicts[i]]++;
        if (verdicts[i] == VERDICT_FAIL)
            tell_failure(h, c, list[i], messages[i]);
        failures += verdicts[i] == VERDICT_FAIL;
    }
    return failures;
}

static int run_checks(house *h, program *p)
{
    int failures = 0;
    for (int i = 0; i < check_count; i++) {
        const check *c = &checks[i];
        char message[512] = "";
        bool all = every_check;
        if ((only != NULL && strcmp(only, c->name) != 0) || c->every == 0)
            continue;
        if (c->every > 0 && p->seed % (uint64_t)c->every != 0 && !all)
            continue;
        clock_t start = clock();
        verdict v = c->run(h, p, message, sizeof message);
        tallies[i][v]++;
        tallies[i][3] += (double)(clock() - start) / CLOCKS_PER_SEC;
        if (v == VERDICT_FAIL) {
            tell_failure(h, c, p, message);
            failures++;
        }
    }
    return failures;
}

static void run_programs(const char *path)
{
    house h;
    if (native_only) {
        need_compiler();
        assert_int_equal(setenv("NUMC_CC_SECONDS", "600", 1), 0); /* of 64 programs the text is long */
    }
    program *list[TOGETHER] = {NULL};
    int together = 0;
    for (int i = 0; i < (native_only ? TOGETHER : 1); i++) {
        list[i] = malloc(sizeof *list[i]);
        assert_non_null(list[i]);
    }
    program *p = list[0];
    open_house(&h, native_only);
    assert_true(!native_only || h.native != NULL);
    int failures = 0;
    double applications = 0, making = 0;
    memset(tallies, 0, sizeof tallies);
    if (path != NULL) {
        FILE *stream = fopen(path, "r");
        every_check = true;
        assert_non_null(stream);
        while (program_read(stream, p)) {
            applications += program_applications(p);
            if (!native_only)
                failures += run_checks(&h, p);
            else if (++together == TOGETHER) {
                failures += run_together(&h, list, together);
                together = 0;
            }
            p = list[together];
        }
        failures += run_together(&h, list, together);
        together = 0;
        every_check = false;
        fclose(stream);
        assert_int_equal(p->seed, 0);
    }
    for (int i = 0; i < program_total && path == NULL; i++) {
        if (native_only ? together == TOGETHER : i % 100 == 99) {
            failures += run_together(&h, list, together);
            together = 0;
            close_house(&h);
            open_house(&h, native_only);
        }
        p = list[together];
        clock_t start = clock();
        program_generate(h.reference, p, first_seed + (uint64_t)i);
        making += (double)(clock() - start) / CLOCKS_PER_SEC;
        applications += program_applications(p);
        if (native_only)
            together++;
        else
            failures += run_checks(&h, p);
    }
    failures += run_together(&h, list, together);
    close_house(&h);
    for (int i = 0; i < TOGETHER; i++)
        free(list[i]);
    printf("%.1f applications a program, %.2f s to make them\n", applications / (program_total > 0 ? program_total : 1), making);
    for (int i = 0; i < check_count; i++)
        printf("%-20s %6.0f passed %6.0f failed %6.0f passed over  %6.2f s\n", checks[i].name, tallies[i][VERDICT_PASS], tallies[i][VERDICT_FAIL],
               tallies[i][VERDICT_SKIP], tallies[i][3]);
    assert_int_equal(failures, 0);
    /* most of what is passed over has no derivative (a while) or is not smooth: each check says something of a quarter, of 43% at least */
    for (int i = 0; i < check_count && path == NULL && program_total >= 1000 && !program_rows; i++)
        if (tallies[i][VERDICT_PASS] < 0.25 * (tallies[i][VERDICT_PASS] + tallies[i][VERDICT_SKIP]))
            fail_msg("%s passes over too many programs", checks[i].name);
}

static void programs_that_failed_once(void **state)
{
    (void)state;
    if (file == NULL)
        SKIP("no --file");
    run_programs(file);
}
static void programs_agree(void **state)
{
    (void)state;
    run_programs(NULL);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--from") == 0 && more)
            first_seed = strtoull(argv[++i], NULL, 10), more_only = true;
        else if (strcmp(argv[i], "--count") == 0 && more)
            program_total = atoi(argv[++i]);
        else if (strcmp(argv[i], "--check") == 0 && more)
            only = argv[++i];
        else if (strcmp(argv[i], "--file") == 0 && more)
            file = argv[++i];
        else if (strcmp(argv[i], "--native") == 0)
            native_only = true;
        else if (strcmp(argv[i], "--parts") == 0 && more)
            native_parts = atoi(argv[++i]);
        else if (strcmp(argv[i], "--rows") == 0)
            program_rows = true;
        else if (strcmp(argv[i], "--all") == 0)
            every_check = true;
        else if (strcmp(argv[i], "--print") == 0 && more) {
            program *p = malloc(sizeof *p);
            numc_context *context = opened("ref", NUMC_JIT_OFF);
            program_generate(context, p, strtoull(argv[++i], NULL, 10));
            program_print(stdout, p);
            free(p);
            numc_close(context);
            return 0;
        }
    }
    program_total = PART_OF(program_total);
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts_are_read_back), cmocka_unit_test(faults_are_found_and_made_small),
                                       cmocka_unit_test(programs_that_failed_once), cmocka_unit_test(programs_agree)};
    if (program_total == 0 || native_only || more_only || program_rows) {
        const struct CMUnitTest some[] = {cmocka_unit_test(programs_that_failed_once), cmocka_unit_test(programs_agree)};
        return cmocka_run_group_tests(some, NULL, NULL);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
