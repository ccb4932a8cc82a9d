/* test_native.c - native code of traced programs: the interpreter's bits, the swap while a program is used, compilers that are absent,
 * fail, crash or hang, and a cache that is damaged, open to others or shared. Skipped where there is no C compiler. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../base/sweep.h"
#include "native/native.h"
#include "numc/numc.h"

enum { N = 37, OUTPUTS = 7 };

static char folder[4096]; /* of this test, with a cache in it */
static numc_compiler compiler;

/* ---- programs -------------------------------------------------------------------------------------------------------- */

static void grow(numc_context *context, const numc_array *const *in, int32_t count, numc_array **out, int32_t outputs, void *user)
{
    (void)context, (void)count, (void)outputs, (void)user;
    out[0] = numc_add(numc_multiply(in[0], 0.9), numc_sin(in[1]));
    out[1] = numc_exp(numc_negative(out[0]));
}

/* A carry that is a vector: a body with a product of a matrix, which is a call back into the library. */
static void turn(numc_context *context, const numc_array *const *in, int32_t count, numc_array **out, int32_t outputs, void *user)
{
    (void)context, (void)count, (void)outputs;
    numc_array *a = numc_matmul((const numc_array *)user, in[0]);
    out[0] = numc_add(numc_tanh(a), numc_multiply(in[1], 0.125));
    out[1] = numc_logsumexp(out[0]);
}

static void larger(numc_context *context, const numc_array *const *in, int32_t count, numc_array **out, int32_t outputs, void *user)
{
    (void)context, (void)count, (void)outputs, (void)user;
    out[0] = numc_log1p(numc_square(in[0]));
}

static void smaller(numc_context *context, const numc_array *const *in, int32_t count, numc_array **out, int32_t outputs, void *user)
{
    (void)context, (void)count, (void)outputs, (void)user;
    out[0] = numc_divide(in[0], 3.0);
}

static void still_large(numc_context *context, const numc_array *const *in, int32_t count, numc_array **out, int32_t outputs, void *user)
{
    (void)context, (void)count, (void)outputs, (void)user;
    out[0] = numc_greater(numc_max(numc_abs(in[0])), 0.125);
}

/* Elementwise code, reductions of both extents, gathers, a scalar scan, a vector scan backwards, a branch, a while. */
static void everything(numc_context *context, const numc_array *const *in, int32_t count, numc_array **out, int32_t outputs,
                       void *user)
{
    (void)count, (void)outputs, (void)user;
    const numc_array *x = in[0], *m = in[1];
    numc_array *both[2], *branch[1];
    out[0] = numc_sum(numc_multiply(numc_special_gammaln(numc_add(numc_abs(x), 0.5)), numc_special_softplus(x)));
    out[1] = numc_add(numc_argmax(x), numc_count_nonzero(numc_greater(x, 0.25)));
    numc_array *start = numc_take(x, numc_arange(context, NUMC_INT64, 0, 3, 1), NUMC_AXIS(0));
    const numc_array *first[1] = {numc_sum(start)}, *sequence[1] = {x};
    if (numc_scan(context, grow, NULL, first, 1, sequence, 1, both, 1) != NUMC_OK)
        return;
    out[2] = numc_add(both[0], numc_sum(both[1]));
    const numc_array *carry[1] = {start};
    if (numc_scan(context, turn, (void *)(uintptr_t)m, carry, 1, sequence, 1, both, 1, .reverse = true) != NUMC_OK)
        return;
    out[3] = both[1];
    const numc_array *chosen[1] = {x};
    if (numc_cond(numc_greater(numc_sum(x), 0.0), larger, smaller, NULL, chosen, 1, branch, 1) != NUMC_OK)
        return;
    chosen[0] = branch[0];
    if (numc_while(context, still_large, smaller, NULL, chosen, 1, branch, .limit = 40) != NUMC_OK)
        return;
    out[4] = branch[0];
    out[5] = numc_max(numc_matmul(numc_reshape(numc_take(x, numc_arange(context, NUMC_INT64, 0, 36, 1), NUMC_AXIS(0)), NUMC_SHAPE(12, 3)), m),
                      NUMC_AXES(0));
    numc_array *columns = numc_multiply(numc_index(x, NUMC_ALL, NUMC_NEW), numc_index(m, NUMC_AT(0))); /* and bytes beside doubles in sums */
    numc_array *most = numc_equal(columns, numc_max(columns, NUMC_AXES(1), .keepdims = true));
    numc_array *share = numc_divide(numc_index(x, NUMC_ALL, NUMC_NEW), numc_sum(numc_astype(most, NUMC_FLOAT64), NUMC_AXES(1), .keepdims = true));
    numc_array *positive = numc_index(numc_greater(x, 0.0), NUMC_ALL, NUMC_NEW);
    out[6] = numc_sum(numc_where(numc_logical_and(most, positive), share, columns), NUMC_AXES(0));
}

typedef struct answer {
    double values[OUTPUTS][N];
    int64_t sizes[OUTPUTS];
} answer;

static numc_function *trace(numc_context *context, numc_array **inputs)
{
    double x[N], m[9];
    for (int i = 0; i < N; i++)
        x[i] = sin(1.7 * i) + 0.01 * i;
    for (int i = 0; i < 9; i++)
        m[i] = cos(2.3 * i);
    inputs[0] = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(N), x);
    inputs[1] = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3, 3), m);
    return numc_function_trace(context, everything, NULL, (const numc_array *const *)inputs, 2, OUTPUTS);
}

static numc_status call(numc_context *context, numc_function *function, numc_array **inputs, answer *a)
{
    memset(a, 0, sizeof *a);
    numc_scope(context)
    {
        numc_array *out[OUTPUTS];
        if (numc_function_call(context, function, (const numc_array *const *)inputs, 2, out, OUTPUTS) == NUMC_OK) {
            for (int k = 0; k < OUTPUTS; k++) {
                a->sizes[k] = numc_array_size(out[k]);
                assert_true(a->sizes[k] <= N);
                (void)numc_to_host(out[k], NUMC_FLOAT64, a->values[k], (size_t)a->sizes[k] * sizeof(double));
            }
        }
    }
    return numc_error_status(context);
}

static uint64_t native_programs(numc_context *context)
{
    numc_statistics statistics;
    assert_int_equal(numc_statistics_get(context, &statistics), NUMC_OK);
    return statistics.programs_native;
}

/* One call in a context of its own. */
static numc_status run(numc_jit jit, answer *a, uint64_t *programs, char *message)
{
    numc_options options = {.jit = jit};
    numc_context *context = numc_open(&options);
    numc_array *inputs[2];
    numc_function *function = trace(context, inputs);
    numc_status status = call(context, function, inputs, a);
    *programs = native_programs(context);
    if (message != NULL)
        snprintf(message, 1024, "%s", numc_error_message(context));
    numc_close(context);
    return status;
}

static void expect_native(const answer *right)
{
    answer a;
    uint64_t programs;
    char message[1024];
    if (run(NUMC_JIT_ON, &a, &programs, message) != NUMC_OK)
        fail_msg("%s", message);
    assert_int_equal(programs, 1);
    assert_memory_equal(&a, right, sizeof a);
}

static void expect_refused(const char *part)
{
    answer a;
    uint64_t programs;
    char message[1024];
    assert_int_equal(run(NUMC_JIT_ON, &a, &programs, message), NUMC_UNSUPPORTED);
    if (strstr(message, part) == NULL)
        fail_msg("the message lacks '%s': %s", part, message);
}

static void interpreted(answer *a)
{
    uint64_t programs;
    assert_int_equal(run(NUMC_JIT_OFF, a, &programs, NULL), NUMC_OK);
    assert_int_equal(programs, 0);
}

/* ---- files ----------------------------------------------------------------------------------------------------------- */

static void remove_all(const char *path)
{
    DIR *list = opendir(path);
    struct dirent *entry;
    char name[8192];
    while (list != NULL && (entry = readdir(list)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (entry->d_type == DT_DIR)
            remove_all(name);
        else
            (void)unlink(name);
    }
    if (list != NULL)
        closedir(list);
    (void)rmdir(path);
}

/* The objects in the cache; the path of the last one. */
static int objects(char *path)
{
    char cache[5000];
    snprintf(cache, sizeof cache, "%s/cache", folder);
    DIR *list = opendir(cache);
    struct dirent *entry;
    int count = 0;
    while (list != NULL && (entry = readdir(list)) != NULL) {
        if (strstr(entry->d_name, ".so") == NULL) {
            assert_true(entry->d_name[0] == '.'); /* nothing half written is left */
            continue;
        }
        snprintf(path, 8192, "%s/%s", cache, entry->d_name);
        count++;
    }
    if (list != NULL)
        closedir(list);
    return count;
}

static void use_compiler(const char *name, const char *script)
{
    char path[5000];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", script);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0700), 0);
    setenv("NUMC_CC", path, 1);
}

static int setup(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/numc-test-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(folder));
    char cache[5000];
    snprintf(cache, sizeof cache, "%s/cache", folder);
    setenv("NUMC_CACHE", cache, 1);
    unsetenv("NUMC_CC");
    unsetenv("NUMC_CC_SECONDS");
    unsetenv("NUMC_JIT");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    remove_all(folder);
    return 0;
}

/* ---- log ------------------------------------------------------------------------------------------------------------- */

struct noted {
    _Atomic int uncached, interpreted;
};

static void note(void *user, numc_log_level level, const char *line)
{
    struct noted *log = user;
    (void)level;
    log->uncached += strstr(line, "compiled code is not cached") != NULL;
    log->interpreted += strstr(line, "no native code, programs are interpreted") != NULL;
}

static double seconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- tests ----------------------------------------------------------------------------------------------------------- */

static void same_bits_and_cache(void **state)
{
    (void)state;
    answer right;
    char path[8192];
    interpreted(&right);
    expect_native(&right);
    assert_int_equal(objects(path), 1);
    use_compiler("never", "exit 1"); /* another compiler is another key */
    expect_refused("it failed");
    unsetenv("NUMC_CC");
    expect_native(&right);
    assert_int_equal(objects(path), 1);
}

static void damaged_objects_are_made_again(void **state)
{
    (void)state;
    answer right;
    char path[8192];
    struct stat facts;
    interpreted(&right);
    expect_native(&right);
    assert_int_equal(objects(path), 1);
    assert_int_equal(stat(path, &facts), 0);
    const off_t whole = facts.st_size, cuts[] = {0, whole - 1};
    for (size_t k = 0; k < sizeof cuts / sizeof *cuts; k++) {
        assert_int_equal(truncate(path, cuts[k]), 0);
        expect_native(&right);
        assert_int_equal(stat(path, &facts), 0);
        assert_int_equal(facts.st_size, whole);
    }
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, whole / 3, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, whole / 3, SEEK_SET), 0);
    fputc(byte ^ 1, file);
    assert_int_equal(fclose(file), 0);
    expect_native(&right);
}

/* What has an object's name and is none: the code is made anew, and where it cannot be kept it runs all the same. */
static void what_stands_in_the_way_is_passed_by(void **state)
{
    (void)state;
    answer right;
    char path[8192];
    struct stat facts;
    interpreted(&right);
    expect_native(&right);
    assert_int_equal(objects(path), 1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_native(&right);
    assert_int_equal(stat(path, &facts), 0);
    assert_true(S_ISDIR(facts.st_mode));
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0); /* opening it to read would wait for a writer */
    expect_native(&right);
    assert_int_equal(lstat(path, &facts), 0);
    assert_true(S_ISREG(facts.st_mode));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/dev/zero", path), 0);
    expect_native(&right);
    assert_int_equal(lstat(path, &facts), 0);
    assert_true(S_ISREG(facts.st_mode));
}

/* A file of some size and age in the cache. */
static void put_file(const char *name, off_t size, time_t age)
{
    char path[8192];
    snprintf(path, sizeof path, "%s/cache/%s", folder, name);
    int file = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, size), 0);
    const struct timespec times[2] = {{.tv_sec = time(NULL) - age}, {.tv_sec = time(NULL) - age}};
    assert_int_equal(futimens(file, times), 0);
    assert_int_equal(close(file), 0);
}

static bool has_file(const char *name)
{
    char path[8192];
    snprintf(path, sizeof path, "%s/cache/%s", folder, name);
    return access(path, F_OK) == 0;
}

/* 256 MB: the oldest objects go, and nothing else. */
static void the_cache_is_bounded(void **state)
{
    (void)state;
    answer right;
    char cache[5000];
    const off_t large = 120 << 20;
    snprintf(cache, sizeof cache, "%s/cache", folder);
    assert_int_equal(mkdir(cache, 0700), 0);
    put_file("1a-1.so", large, 400);
    put_file("2b-1.so", large, 300);
    put_file("3c-1.so", large, 200);
    put_file(".mine", 3 * large, 500);
    put_file("new-strays", 1000, 7200); /* of a process that died */
    put_file("new-recent", 1000, 60);
    interpreted(&right);
    expect_native(&right);
    assert_false(has_file("1a-1.so"));
    assert_true(has_file("2b-1.so") && has_file("3c-1.so") && has_file(".mine") && has_file("new-recent"));
    assert_false(has_file("new-strays"));
}

/* The folder is gone, or full, between two programs. */
static void a_cache_that_cannot_be_written(void **state)
{
    (void)state;
    answer right, a;
    char path[8192];
    struct noted log = {0};
    interpreted(&right);
    numc_options options = {.jit = NUMC_JIT_ON, .log = note, .log_user = &log, .log_level = NUMC_LOG_WARNING};
    numc_context *context = numc_open(&options);
    numc_array *inputs[2];
    for (int k = 0; k < 3; k++) {
        assert_int_equal(call(context, trace(context, inputs), inputs, &a), NUMC_OK);
        assert_memory_equal(&a, &right, sizeof a);
        assert_int_equal(native_programs(context), k + 1);
        assert_int_equal(objects(path), k == 0 ? 1 : 0);
        char cache[5000];
        snprintf(cache, sizeof cache, "%s/cache", folder);
        remove_all(cache);
    }
    assert_int_equal(log.uncached, 1);
    numc_close(context);
}

/* In the background, a compiler that fails is told once, and asked three times at most. */
static void failures_are_told_once(void **state)
{
    (void)state;
    answer right, a;
    char script[5100];
    struct noted log = {0};
    interpreted(&right);
    snprintf(script, sizeof script, "echo >> %s/asked; exit 1", folder);
    use_compiler("failing", script);
    numc_options options = {.jit = NUMC_JIT_AUTO, .log = note, .log_user = &log, .log_level = NUMC_LOG_WARNING};
    numc_context *context = numc_open(&options);
    bool is_ref = strcmp(getenv("NUMC_BACKEND"), "ref") == 0;
    for (int program = 0; program < 5; program++) {
        numc_array *inputs[2];
        numc_function *function = trace(context, inputs);
        for (int k = 0; k < 1100; k++)
            assert_int_equal(call(context, function, inputs, &a), NUMC_OK);
        assert_memory_equal(&a, &right, sizeof a);
        char path[5000];
        struct stat facts = {0};
        snprintf(path, sizeof path, "%s/asked", folder);
        off_t wanted = is_ref ? 0 : program < 3 ? program + 1 : 3; /* bytes: a line each time */
        double end = seconds() + 30;
        while ((stat(path, &facts) != 0 || facts.st_size < wanted) && wanted > 0 && seconds() < end)
            (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); /* programs are built in order: time for one more, which would be wrong */
        assert_true(stat(path, &facts) == 0 || wanted == 0);
        assert_int_equal(facts.st_size, wanted);
    }
    numc_close(context);
    assert_int_equal(log.interpreted, is_ref ? 0 : 1);
}

/* A compiler that writes on and on is ended by the system, and nothing of it stays. */
static void a_compiler_that_fills_the_disk(void **state)
{
    (void)state;
    char path[8192];
    use_compiler("filling", "while [ \"$1\" != -o ]; do shift; done; exec cat /dev/zero > \"$2\"");
    expect_refused("it was ended by signal 25");
    assert_int_equal(objects(path), 0);
    use_compiler("shouting", "exec cat /dev/zero >&2");
    expect_refused("it was ended by signal");
    assert_int_equal(objects(path), 0);
}

/* What a compiler leaves is kept only when it is an object with the functions in it. */
static void what_is_no_object_is_not_kept(void **state)
{
    (void)state;
    answer right;
    char path[8192], cache[5000];
    struct stat facts;
    char other[2 * sizeof folder];
    snprintf(other, sizeof other, "while [ \"$1\" != -o ]; do shift; done; echo 'int other;' | %s -shared -fPIC -x c -o \"$2\" -", compiler.path);
    const char *const scripts[][2] = {
        {"while [ \"$1\" != -o ]; do shift; done; echo garbage > \"$2\"", "cannot be loaded"},
        {"while [ \"$1\" != -o ]; do shift; done; head -c 4096 /bin/sh > \"$2\"", "cannot be loaded"},
        {other, "cannot be loaded"},
    };
    interpreted(&right);
    for (size_t k = 0; k < sizeof scripts / sizeof *scripts; k++) {
        use_compiler("garbage", scripts[k][0]);
        expect_refused(scripts[k][1]);
        assert_int_equal(objects(path), 0);
    }
    snprintf(cache, sizeof cache, "%s/cache", folder);
    assert_int_equal(stat(cache, &facts), 0); /* there was somewhere to keep it */
    unsetenv("NUMC_CC");
    expect_native(&right);
    assert_int_equal(objects(path), 1);
}

/* Calls `count` programs often enough that each is given to the compiler; what was logged of failures. */
static void run_in_background(int count, const answer *right, struct noted *log)
{
    numc_options options = {.jit = NUMC_JIT_AUTO, .log = note, .log_user = log, .log_level = NUMC_LOG_WARNING};
    numc_context *context = numc_open(&options);
    bool is_ref = strcmp(getenv("NUMC_BACKEND"), "ref") == 0;
    double end = seconds() + 30;
    answer a;
    for (int program = 0; program < count; program++) {
        numc_array *inputs[2];
        numc_function *function = trace(context, inputs);
        for (int k = 0; k < 1100; k++)
            assert_int_equal(call(context, function, inputs, &a), NUMC_OK);
        while (!is_ref && log->interpreted == 0 && seconds() < end)
            (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); /* the worker lets go before the next program asks */
        assert_int_equal(call(context, function, inputs, &a), NUMC_OK);
        assert_memory_equal(&a, right, sizeof a);
    }
    assert_int_equal(native_programs(context), 0);
    numc_close(context);
    assert_int_equal(log->interpreted, is_ref ? 0 : 1);
}

/* How often a compiler was asked that writes down its process and its child; the last of them. */
static int asked(long processes[2])
{
    char path[5000];
    int lines = 0;
    snprintf(path, sizeof path, "%s/asked", folder);
    FILE *file = fopen(path, "r");
    while (file != NULL && fscanf(file, "%ld %ld", &processes[0], &processes[1]) == 2)
        lines++;
    if (file != NULL)
        (void)fclose(file);
    return lines;
}

/* A process that has ended may wait for a parent to look at it. */
static bool is_running(long process)
{
    char path[64], state = 'R';
    snprintf(path, sizeof path, "/proc/%ld/stat", process);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return kill((pid_t)process, 0) == 0;
    bool read = fscanf(file, "%*d (%*[^)]) %c", &state) == 1;
    (void)fclose(file);
    return read && state != 'Z' && state != 'X';
}

/* One that hangs is ended at the deadline with all it started, also when it does not listen; it is not asked again, and told once. */
static void a_hanging_compiler_meets_its_deadline(void **state)
{
    (void)state;
    answer right;
    char script[5200];
    bool is_ref = strcmp(getenv("NUMC_BACKEND"), "ref") == 0;
    interpreted(&right);
    setenv("NUMC_CC_SECONDS", "0.25", 1);
    for (int deaf = 0; deaf < 2; deaf++) {
        snprintf(script, sizeof script, "%s sleep 1000 & echo $$ $! >> %s/asked; wait; sleep 1000",
                 deaf ? "trap '' TERM;" : "", folder);
        use_compiler("hanging", script);
        double begin = seconds();
        expect_refused("it took too long");
        assert_true(seconds() - begin > 0.25 && seconds() - begin < 30); /* by far less than the 1000 of the script */
        long processes[2];
        assert_int_equal(asked(processes), 1);
        for (int k = 0; k < 2; k++)
            while (is_running(processes[k]))
                assert_true(seconds() - begin < 30);
        struct noted log = {0};
        run_in_background(3, &right, &log);
        assert_int_equal(asked(processes), is_ref ? 1 : 2);
        snprintf(script, sizeof script, "%s/asked", folder);
        assert_int_equal(unlink(script), 0);
    }
}

/* A disk that is full is stood in for by a limit on the size of files: writes beyond it fail, as they do there. The text, the object,
 * and the object with its text behind it do not fit, in turn. Programs run, and it is told once. */
static void a_full_disk(void **state)
{
    (void)state;
    answer right;
    char path[8192];
    interpreted(&right);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct noted log = {0};
        (void)signal(SIGXFSZ, SIG_IGN);
        (void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, 4096});
        expect_refused(strerror(EFBIG)); /* failures end the child with another status */
        run_in_background(5, &right, &log);
        _exit(objects(path) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    char script[2 * sizeof folder];
    snprintf(script, sizeof script, "trap '' XFSZ; ulimit -f 1; exec %s \"$@\"", compiler.path);
    use_compiler("full", script);
    struct noted log = {0};
    expect_refused("it failed");
    run_in_background(5, &right, &log);
    assert_int_equal(objects(path), 0);
    unsetenv("NUMC_CC");
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static char bytes[100000];
        numc_store store;
        char reason[NUMC_NATIVE_REASON];
        numc_context *context = numc_open(NULL);
        bool good = context != NULL && numc__store_open(&store, reason) && signal(SIGXFSZ, SIG_IGN) != SIG_ERR
                    && setrlimit(RLIMIT_FSIZE, &(struct rlimit){sizeof bytes + 8, sizeof bytes + 8}) == 0
                    && !numc__store_write(context->core, &store, "the text", 8, bytes, sizeof bytes)
                    && numc__store_write(context->core, &store, "the text", 8, bytes, 1000);
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(objects(path), 1);
}

static void a_folder_open_to_others_is_not_used(void **state)
{
    (void)state;
    answer right;
    char cache[5000], path[8192];
    snprintf(cache, sizeof cache, "%s/cache", folder);
    assert_int_equal(mkdir(cache, 0755), 0);
    interpreted(&right);
    expect_native(&right);
    assert_int_equal(objects(path), 0);
    assert_int_equal(chmod(cache, 0700), 0);
    if (geteuid() == 0) { /* another's folder */
        assert_int_equal(chown(cache, 1, 1), 0);
        expect_native(&right);
        assert_int_equal(objects(path), 0);
        assert_int_equal(chown(cache, 0, 0), 0);
    }
    expect_native(&right);
    assert_int_equal(objects(path), 1);
}

/* In the background, where there is no compiler: one line, whatever the number of programs. */
static void an_absent_compiler_is_told_once(void **state)
{
    (void)state;
    answer right, a;
    struct noted log = {0};
    interpreted(&right);
    setenv("NUMC_CC", "/no/such/compiler", 1);
    numc_options options = {.jit = NUMC_JIT_AUTO, .log = note, .log_user = &log, .log_level = NUMC_LOG_WARNING};
    numc_context *context = numc_open(&options);
    bool is_ref = strcmp(getenv("NUMC_BACKEND"), "ref") == 0;
    double end = seconds() + 30;
    for (int program = 0; program < 2; program++) {
        numc_array *inputs[2];
        numc_function *function = trace(context, inputs);
        for (int k = 0; k < 1100; k++)
            assert_int_equal(call(context, function, inputs, &a), NUMC_OK);
        assert_memory_equal(&a, &right, sizeof a);
        while (!is_ref && log.interpreted == 0 && seconds() < end)
            (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); /* the worker looks at the second */
    }
    assert_int_equal(native_programs(context), 0);
    numc_close(context);
    assert_int_equal(log.interpreted, is_ref ? 0 : 1);
}

static void a_number(numc_run *run, void *user)
{
    (void)user;
    (void)numc_sample(run, "x", numc_normal(run, 0, 1));
}

/* Where native code is asked for nothing is interpreted, and no line says so, of no program: some are compiled in the background. */
static void what_is_required_is_not_said_to_be_interpreted(void **state)
{
    (void)state;
    struct noted log = {0};
    char script[5200];
    snprintf(script, sizeof script, "mkdir %s/first 2> /dev/null || sleep 2; exit 1", folder);
    use_compiler("slow", script); /* for the program in the background it has failed before it does for the other */
    numc_options options = {.jit = NUMC_JIT_ON, .log = note, .log_user = &log, .log_level = NUMC_LOG_WARNING};
    numc_context *context = numc_open(&options);
    assert_null(numc_mcmc_new(numc_model_new(context, a_number, NULL), NULL));
    assert_non_null(strstr(numc_error_message(context), "native code (NUMC_JIT=on): "));
    numc_close(context);
    assert_int_equal(log.interpreted, 0);
}

static void no_compiler(void **state)
{
    (void)state;
    setenv("NUMC_CC", "/no/such/compiler", 1);
    expect_refused("/no/such/compiler");
    setenv("NUMC_CC", "no-such-compiler", 1);
    expect_refused("no-such-compiler");
    use_compiler("crashing", "kill -SEGV $$");
    expect_refused("it was ended by signal 11");
    use_compiler("failing", "printf '\\033[31mno\\t\\a\\177' >&2; exit 3");
    expect_refused("it failed with status 3:  [31mno   ");
    use_compiler("empty", "exit 0"); /* leaves no object behind */
    expect_refused("cannot be loaded");
    use_compiler("talking", "echo 'kernel.c:1: no' >&2; exit 1");
    expect_refused("failed");
}

static void unknown_mode(void **state)
{
    (void)state;
    setenv("NUMC_JIT", "sometimes", 1);
    answer a;
    uint64_t programs;
    char message[1024];
    assert_int_equal(run(NUMC_JIT_DEFAULT, &a, &programs, message), NUMC_INVALID_ARGUMENT);
    assert_non_null(strstr(message, "NUMC_JIT is 'sometimes'; it can be 'auto', 'on' or 'off'"));
    unsetenv("NUMC_JIT");
    numc_options options = {.jit = (numc_jit)9};
    numc_context *context = numc_open(&options);
    assert_int_equal(numc_error_status(context), NUMC_INVALID_ARGUMENT);
    numc_close(context);
}

/* Called often, a function gets native code in the background and no caller sees when. ref never does by itself. */
static void swapped_in_while_used(void **state)
{
    (void)state;
    answer right, a;
    interpreted(&right);
    numc_context *context = numc_open(NULL);
    numc_array *inputs[2];
    numc_function *function = trace(context, inputs);
    bool is_ref = strcmp(getenv("NUMC_BACKEND"), "ref") == 0;
    double end = seconds() + 60;
    for (int k = 0; k < 1100 || (!is_ref && native_programs(context) == 0 && seconds() < end); k++) {
        assert_int_equal(call(context, function, inputs, &a), NUMC_OK);
        assert_memory_equal(&a, &right, sizeof a);
    }
    assert_int_equal(native_programs(context), is_ref ? 0 : 1);
    for (int k = 0; k < 10; k++) {
        assert_int_equal(call(context, function, inputs, &a), NUMC_OK);
        assert_memory_equal(&a, &right, sizeof a);
    }
    numc_close(context);
}

/* A compiler that hangs is stopped when its program ends, or the context does. */
static void a_hanging_compiler_is_stopped(void **state)
{
    (void)state;
    use_compiler("hanging", "sleep 1000");
    for (int free_first = 0; free_first < 2; free_first++) {
        numc_context *context = numc_open(NULL);
        numc_array *inputs[2];
        answer a;
        numc_function *function = trace(context, inputs);
        for (int k = 0; k < 1100; k++)
            assert_int_equal(call(context, function, inputs, &a), NUMC_OK);
        double begin = seconds();
        if (free_first)
            numc_function_free(function);
        numc_close(context);
        assert_true(seconds() - begin < 30); /* against the 60 seconds of the deadline; it takes some milliseconds */
    }
}

/* Processes that fill one cache at once. */
static void concurrent_processes(void **state)
{
    (void)state;
    answer right;
    char path[8192];
    interpreted(&right);
    pid_t children[3];
    for (int k = 0; k < 3; k++) {
        children[k] = fork();
        assert_true(children[k] >= 0);
        if (children[k] == 0) {
            answer a;
            uint64_t programs;
            bool good = run(NUMC_JIT_ON, &a, &programs, NULL) == NUMC_OK && programs == 1 && memcmp(&a, &right, sizeof a) == 0;
            _exit(good ? 0 : 1);
        }
    }
    for (int k = 0; k < 3; k++) {
        int status;
        assert_int_equal(waitpid(children[k], &status, 0), children[k]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    assert_int_equal(objects(path), 1);
}

static double body(numc_context *context, void *user)
{
    (void)user;
    numc_array *inputs[2];
    answer a;
    double sum = 0;
    numc_function *function = trace(context, inputs);
    if (function == NULL || call(context, function, inputs, &a) != NUMC_OK)
        return NAN;
    for (int k = 0; k < OUTPUTS; k++)
        for (int64_t i = 0; i < a.sizes[k]; i++)
            sum += a.values[k][i];
    return sum;
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    setenv("NUMC_JIT", "on", 1);
    sweep_allocations("native code", body, NULL, 30);
    unsetenv("NUMC_JIT");
}

int main(void)
{
    char reason[NUMC_NATIVE_REASON];
    if (!numc__compiler_find(&compiler, reason)) {
        printf("skipped: %s\n", reason);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(same_bits_and_cache, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_objects_are_made_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_open_to_others_is_not_used, setup, teardown),
        cmocka_unit_test_setup_teardown(what_stands_in_the_way_is_passed_by, setup, teardown),
        cmocka_unit_test_setup_teardown(the_cache_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cache_that_cannot_be_written, setup, teardown),
        cmocka_unit_test_setup_teardown(failures_are_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(an_absent_compiler_is_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_compiler_that_fills_the_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_object_is_not_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hanging_compiler_meets_its_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_required_is_not_said_to_be_interpreted, setup, teardown),
        cmocka_unit_test_setup_teardown(no_compiler, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_mode, setup, teardown),
        cmocka_unit_test_setup_teardown(swapped_in_while_used, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hanging_compiler_is_stopped, setup, teardown),
        cmocka_unit_test_setup_teardown(concurrent_processes, setup, teardown),
        cmocka_unit_test_setup_teardown(any_allocation_may_fail, setup, teardown),
    };
    return cmocka_run_group_tests_name("native", tests, NULL, NULL);
}
