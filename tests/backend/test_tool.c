/* test_tool.c - the numc command: what it prints and how it exits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char output[1 << 20];

/* Runs the tool with its standard error in the output; returns its exit status. */
static int run(const char *arguments)
{
    char command[8192];
    (void)snprintf(command, sizeof command, "'%s' %s 2>&1", getenv("NUMC_TOOL"), arguments);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t size = fread(output, 1, sizeof output - 1, pipe);
    output[size] = '\0';
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void expect(const char *text)
{
    if (strstr(output, text) == NULL) {
        print_error("'%s' is not in:\n%s\n", text, output);
        fail();
    }
}

static int set_up(void **state)
{
    (void)state;
    setenv("NUMC_BACKEND_PATH", getenv("NUMC_STUBS"), 1);
    setenv("NUMC_BACKEND", "ref", 1);
    return 0;
}

static void info_lists_backends_reasons_and_environment(void **state)
{
    (void)state;
    assert_int_equal(run("info"), 0);
    expect("NUMC_BACKEND         ref");
    expect("reference interpreter");
    expect("numc-good.so  [stub 7]");
    expect("device 1: stub device 1");
    expect("has ABI 99, libnumc has ABI 1");
    expect("lacks the required slots");
    expect("\n  cuda "); /* with its devices, what it lacks, or how it is built */
    expect("a context opened here uses ref:0");
}

static void info_fails_when_the_environment_asks_for_nothing_usable(void **state)
{
    (void)state;
    setenv("NUMC_BACKEND", "wrongabi", 1);
    assert_int_equal(run("info"), 1);
    expect("a context opened here fails: backend 'wrongabi' (NUMC_BACKEND)");
    setenv("NUMC_BACKEND", "ref", 1);
    setenv("NUMC_GPU_SOLO", "many", 1);
    assert_int_equal(run("info"), 1);
    expect("NUMC_GPU_SOLO        many; it can be a whole number, 0 or more");
    expect("a context opened here fails: NUMC_GPU_SOLO is 'many'");
    unsetenv("NUMC_GPU_SOLO");
}

static void check_passes_the_reference_itself(void **state)
{
    (void)state;
    assert_int_equal(run("check ref"), 0);
    expect("exp float64");
    expect("level 3: while");
    expect(" 0 fall back to the host, 0 wrong");
}

static void check_tells_fallbacks_from_errors(void **state)
{
    (void)state;
    assert_int_equal(run("check --quiet good"), 0);
    expect("falls back");
    expect(" 0 wrong");
    assert_int_equal(run("check --quiet wrong"), 1);
    expect("matmul           float64 40x50 50x60                          wrong      ");
    expect("ulp, allowed");
}

static void check_lists_slots(void **state)
{
    (void)state;
    assert_int_equal(run("check --slots"), 0);
    expect("| matrices | `matmul` | c = a b (+ c), batched, any strides | required |\n");
    assert_int_equal(run("check --slots good"), 0);
    expect("`matmul` | c = a b (+ c), batched, any strides | required | yes |\n");
    expect("`fft` | complex and real, along one axis | the host, on copies | no |\n");
    assert_int_equal(run("check --slots goood"), 2);
    expect("did you mean 'good'?");
}

static void check_says_why_a_backend_cannot_be_checked(void **state)
{
    (void)state;
    assert_int_equal(run("check goood"), 2);
    expect("did you mean 'good'?");
    assert_int_equal(run("check failopen"), 2);
    expect("the stub is out of order");
}

static void wrong_words_are_refused(void **state)
{
    (void)state;
    assert_int_equal(run("chekc"), 2);
    expect("did you mean 'check'?");
    assert_int_equal(run("check"), 2);
    assert_int_equal(run("check --dtype float99 ref"), 2);
    expect("--dtype float99 is none of bool, int8,");
    assert_int_equal(run("info now"), 2);
    assert_int_equal(run("help"), 0);
    expect("numc check");
}

/* ---- summary ----------------------------------------------------------------------------------------------------- */

static void write_file(char path[64], const char *text)
{
    memcpy(path, "/tmp/numc-summary-XXXXXX", 25);
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    FILE *file = fdopen(descriptor, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Four draws 1 2 3 4 in each of two chains: mean 2.5, sd sqrt(10 / 7) = 1.195; the two rows of warm-up would move both. */
static void summary_reads_chains_and_leaves_out_warmup(void **state)
{
    (void)state;
    static const char text[] = "# model = m\nlp__,divergent__,energy__,x.1\n-1,0,1,100\n-1,1,1,200\n"
                               "# Adaptation terminated\n# Step size = 0.5\n"
                               "-1,0,1,1\n-2,1,3,2\n-3,0,2,3\n-4,0,5,4\n# \n";
    char a[64], b[64], arguments[256];
    write_file(a, text);
    write_file(b, text);
    (void)snprintf(arguments, sizeof arguments, "summary %s %s", a, b);
    assert_int_equal(run(arguments), 0);
    expect("name       mean       mcse         sd");
    expect("x.1         2.5 ");
    expect(" 1.195 ");
    expect("lp__       -2.5 ");
    expect("2 chains, 4 draws each; 2 divergences; E-BFMI at least ");
    assert_null(strstr(output, "energy__"));
    remove(a);
    remove(b);
}

static void summary_refuses_files_that_are_not_chains(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "there are no draws"},
        {"x,y\n", "there are no draws"},
        {"x,y\n1,2\n1\n", ":3: the row does not have as many numbers"},
        {"x,y\n1,2,3\n", ":2: the row does not have as many numbers"},
        {"x,y\n1,two\n", ":2: a number is missing"},
        {"x,,y\n1,2,3\n", ":1: a column has no name"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[64], arguments[128];
        write_file(path, rows[i].text);
        (void)snprintf(arguments, sizeof arguments, "summary %s", path);
        assert_int_equal(run(arguments), 1);
        expect(rows[i].message);
        remove(path);
    }
    char a[64], b[64], arguments[256];
    write_file(a, "x\n1\n");
    write_file(b, "y\n1\n");
    (void)snprintf(arguments, sizeof arguments, "summary %s %s", a, b);
    assert_int_equal(run(arguments), 1);
    expect("its columns are not those of the first file");
    remove(a);
    remove(b);
    assert_int_equal(run("summary /nowhere/at/all.csv"), 1);
    assert_int_equal(run("summary"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(info_lists_backends_reasons_and_environment),
        cmocka_unit_test(info_fails_when_the_environment_asks_for_nothing_usable),
        cmocka_unit_test(check_passes_the_reference_itself),
        cmocka_unit_test(check_tells_fallbacks_from_errors),
        cmocka_unit_test(check_lists_slots),
        cmocka_unit_test(check_says_why_a_backend_cannot_be_checked),
        cmocka_unit_test(summary_reads_chains_and_leaves_out_warmup),
        cmocka_unit_test(summary_refuses_files_that_are_not_chains),
        cmocka_unit_test(wrong_words_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
