/* compiler.c - runs the machine's C compiler: found by absolute path, started without a shell, stopped at a deadline. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backend/internal.h"
#include "base/containers.h"
#include "native/native.h"

extern char **environ;

/* No contraction and no assumption about NaN, infinity or the sign of zero: the interpreter's bits. -O3 unrolls and peels the short
 * loops of small models: eight schools took 72 ns with it and takes 46, and the compiler half as long again; -O1 takes two thirds of the
 * time, but does not unroll loops over lanes: small regressions are five times slower. A second, narrower vector loop behind each loop
 * costs a fifth of the time and gains nothing. Straight code is not put into vectors: GCC 12 makes products beside a sum and a
 * difference, as of complex numbers, into one that rounds once (vfmaddsub), contraction or not; it gains nothing either. */
static const char *const flags[] = {"-x",           "c",      "-std=gnu11",           "-O2", "-ftree-vectorize",
                                    "-march=native", "-w",     "-ffp-contract=off",    "-fno-math-errno",
                                    "-fno-trapping-math", "-fPIC", "-shared",         "-fvisibility=hidden",
                                    "--param", "vect-epilogues-nomask=0", "-fno-tree-slp-vectorize", "-fno-asynchronous-unwind-tables",
#if UINTPTR_MAX > UINT32_MAX /* 64-bit arithmetic needs nothing of the compiler's; what is libc's is there where this is loaded */
                                    "-nostdlib",
#endif
};
/* For texts of more than this: passes left out that gain 3% on programs of a microsecond, and take a seventh of the time. */
enum { LARGE_TEXT = 40000 };
static const char *const large_flags[] = {"-fno-gcse", "-fno-schedule-insns2"};

/* ---- finding it ------------------------------------------------------------------------------------------------------ */

static bool is_program(const char *path, struct stat *facts)
{
    return stat(path, facts) == 0 && S_ISREG(facts->st_mode) && access(path, X_OK) == 0;
}

static bool find_in_path(const char *name, char *found, struct stat *facts)
{
    const char *list = numc__environment("PATH");
    if (list == NULL)
        list = "/usr/bin:/bin";
    while (*list != '\0') {
        size_t length = strcspn(list, ":");
        /* a relative folder of PATH is not looked into */
        if (list[0] == '/' && length + strlen(name) + 2 <= NUMC_NATIVE_PATH) {
            (void)numc__format(found, NUMC_NATIVE_PATH, "%.*s/%s", (int)length, list, name);
            if (is_program(found, facts))
                return true;
        }
        list += length + (list[length] == ':');
    }
    return false;
}

/* The lines of /proc/cpuinfo that tell what a processor can do, or the machine's name. */
static void describe_machine(char *text)
{
    static const char *const lines[] = {"vendor_id", "model", "stepping", "flags", "Features", "CPU part", "isa"};
    struct utsname name;
    uint64_t hash = 0;
    char buffer[16384];
    int file = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
    ssize_t size = file < 0 ? -1 : read(file, buffer, sizeof buffer - 1);
    if (file >= 0)
        (void)close(file);
    buffer[size > 0 ? size : 0] = '\0';
    for (const char *line = buffer; *line != '\0' && *line != '\n';) {
        size_t length = strcspn(line, "\n");
        for (size_t k = 0; k < sizeof lines / sizeof *lines; k++)
            if (strncmp(line, lines[k], strlen(lines[k])) == 0)
                hash = hash * UINT64_C(0x9e3779b97f4a7c15) + numc__hash_bytes(line, length);
        line += length + (line[length] == '\n');
    }
    (void)numc__format(text, NUMC_NATIVE_REASON, "%s %llx", uname(&name) == 0 ? name.machine : "unknown", (unsigned long long)hash);
}

bool numc__compiler_find(numc_compiler *compiler, char *reason)
{
    static const char *const names[] = {"cc", "gcc", "clang"};
    const char *wanted = numc__environment("NUMC_CC"), *seconds = numc__environment("NUMC_CC_SECONDS");
    struct stat facts;
    bool found = false;
    compiler->path[0] = '\0';
    compiler->named = wanted != NULL && wanted[0] != '\0';
    compiler->deadline = 60;
    if (seconds != NULL)
        (void)numc__read_double(seconds, strlen(seconds), &compiler->deadline);
    if (wanted != NULL && wanted[0] == '/') {
        found = strlen(wanted) < sizeof compiler->path && is_program(wanted, &facts);
        if (found)
            (void)numc__format(compiler->path, sizeof compiler->path, "%s", wanted);
    } else if (compiler->named) {
        found = strchr(wanted, '/') == NULL && find_in_path(wanted, compiler->path, &facts);
    } else {
        for (size_t k = 0; k < sizeof names / sizeof *names && !found; k++)
            found = find_in_path(names[k], compiler->path, &facts);
    }
    if (!found) {
        compiler->path[0] = '\0';
        if (compiler->named)
            (void)numc__format(reason, NUMC_NATIVE_REASON, "NUMC_CC is '%s'; there is no such program", wanted);
        else
            (void)numc__format(reason, NUMC_NATIVE_REASON, "there is no C compiler (cc, gcc, clang) in PATH");
        return false;
    }
    compiler->size = (uint64_t)facts.st_size;
    compiler->modified = (int64_t)facts.st_mtim.tv_sec * 1000000000 + (int64_t)facts.st_mtim.tv_nsec;
    compiler->flags = 0;
    for (size_t k = 0; k < sizeof flags / sizeof *flags; k++)
        compiler->flags = compiler->flags * UINT64_C(0x9e3779b97f4a7c15) + numc__hash_name(flags[k]);
    for (size_t k = 0; k < sizeof large_flags / sizeof *large_flags; k++)
        compiler->flags = compiler->flags * UINT64_C(0x9e3779b97f4a7c15) + numc__hash_name(large_flags[k]) + LARGE_TEXT;
    describe_machine(compiler->machine);
    return true;
}

enum { SAID = 128 }; /* bytes of a sentence about how it went */

/* ---- running it ------------------------------------------------------------------------------------------------------ */

double numc__native_now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* A file without name that holds the texts one after another, at its beginning; -1 when it cannot be written. */
static int file_of(const char *const *texts, const char *beside)
{
    char name[NUMC_NATIVE_PATH + 8];
    (void)numc__format(name, sizeof name, "%s.XXXXXX", beside);
    int file = mkostemp(name, O_CLOEXEC);
    if (file < 0)
        return -1;
    (void)unlink(name);
    for (; texts != NULL && *texts != NULL; texts++) {
        const char *from = *texts;
        for (size_t left = strlen(from); left > 0;) {
            ssize_t count = write(file, from, left);
            if (count < 0 && errno == EINTR)
                continue;
            if (count <= 0) {
                (void)close(file);
                return -1;
            }
            from += count;
            left -= (size_t)count;
        }
    }
    return lseek(file, 0, SEEK_SET) == 0 ? file : (close(file), -1);
}

static int start(const numc_compiler *compiler, bool large, const char *output, int in, int errors, pid_t *process)
{
    char *arguments[sizeof flags / sizeof *flags + sizeof large_flags / sizeof *large_flags + 6];
    size_t count = 0;
    arguments[count++] = (char *)(uintptr_t)compiler->path;
    for (size_t k = 0; k < sizeof flags / sizeof *flags; k++)
        arguments[count++] = (char *)(uintptr_t)flags[k];
    for (size_t k = 0; large && k < sizeof large_flags / sizeof *large_flags; k++)
        arguments[count++] = (char *)(uintptr_t)large_flags[k];
    arguments[count++] = (char *)(uintptr_t)"-o";
    arguments[count++] = (char *)(uintptr_t)output;
    arguments[count++] = (char *)(uintptr_t)"-";
    arguments[count++] = (char *)(uintptr_t)"-lm";
    arguments[count] = NULL;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    if (posix_spawn_file_actions_init(&files) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&files);
        return ENOMEM;
    }
    int failed = posix_spawn_file_actions_adddup2(&files, in, 0);
    failed |= posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    failed |= posix_spawn_file_actions_adddup2(&files, errors, 2);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    failed |= posix_spawn_file_actions_addclosefrom_np(&files, 3); /* files of the program that are not closed on exec */
#endif
    failed |= posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    failed |= posix_spawnattr_setpgroup(&attributes, 0); /* its children end with it */
    failed |= posix_spawnattr_setsigmask(&attributes, &none);
    int status = failed != 0 ? ENOMEM : posix_spawn(process, compiler->path, &files, &attributes, arguments, environ);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&files);
    return status;
}

/* How a process ended, as waitpid tells it. */
static bool ended_well(int status, char *said)
{
    if (WIFSIGNALED(status))
        (void)numc__format(said, SAID, "it was ended by signal %d", WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        (void)numc__format(said, SAID, "it failed with status %d", WEXITSTATUS(status));
    return !WIFSIGNALED(status) && WEXITSTATUS(status) == 0;
}

/* False with what is to be said. A compiler that is stopped may first remove its temporary files. The program may have told the system
 * to reap children by itself: then how it ended is not known, and the object that it left is looked at all the same. */
static bool await(pid_t process, double seconds, const _Atomic bool *stop, char *said)
{
    double end = numc__native_now() + seconds;
    bool late = false, killed = false;
    long pause = 500000;
    for (;;) {
        int status = 0;
        pid_t ended = waitpid(process, &status, WNOHANG);
        if (ended == process || (ended < 0 && errno != EINTR && (errno != ECHILD || kill(-process, 0) != 0))) {
            if (late)
                (void)kill(-process, SIGKILL); /* what it has started */
            return !late && (ended != process || ended_well(status, said));
        }
        if (!late && (atomic_load_explicit(stop, memory_order_relaxed) || numc__native_now() > end)) {
            late = true;
            (void)numc__format(said, SAID, "%s", atomic_load_explicit(stop, memory_order_relaxed) ? "it was stopped" : "it took too long");
            (void)kill(-process, SIGTERM);
            end = numc__native_now() + 0.5;
        } else if (late && !killed && numc__native_now() > end) {
            killed = true;
            (void)kill(-process, SIGKILL);
        }
        (void)nanosleep(&(struct timespec){0, pause}, NULL);
        pause = pause < 2000000 ? pause + pause / 4 : pause;
    }
}

bool numc__compiler_run(const numc_compiler *compiler, const char *library, const char *program, const char *output,
                        const _Atomic bool *stop, char *reason)
{
    const char *const texts[] = {library, program, NULL};
    int in = file_of(texts, output), errors = file_of(NULL, output);
    pid_t process = 0;
    bool good = false;
    char said[SAID] = "", first[200] = "";
    if (in < 0 || errors < 0) {
        (void)numc__format(said, SAID, "%s", strerror(errno));
    } else {
        int status = start(compiler, strlen(program) > LARGE_TEXT, output, in, errors, &process);
#if defined(__linux__)
        if (status == 0) /* no object is used beyond this; one that writes on and on is ended by a signal */
            (void)prlimit(process, RLIMIT_FSIZE, &(struct rlimit){NUMC_STORE_BYTES, NUMC_STORE_BYTES}, NULL);
#endif
        good = status == 0 && await(process, compiler->deadline, stop, said);
        if (status != 0)
            (void)numc__format(said, SAID, "%s", strerror(status));
        ssize_t size = good ? 0 : pread(errors, first, sizeof first - 1, 0);
        first[size > 0 ? size : 0] = '\0';
        first[strcspn(first, "\n")] = '\0';
    }
    if (in >= 0)
        (void)close(in);
    if (errors >= 0)
        (void)close(errors);
    if (!good)
        (void)numc__format(reason, NUMC_NATIVE_REASON, "%s: %s%s%s", compiler->path, said, first[0] != '\0' ? ": " : "", first);
    return good;
}
