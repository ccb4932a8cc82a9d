/* main.c - numc-bench: the command line, and what its commands share. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend/internal.h"
#include "bench.h"

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

int bench_compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bool bench_wanted(const bench_options *options, const bench_model *model)
{
    return options->model == NULL ? model->folder == NULL && !model->large : strcmp(options->model, model->name) == 0;
}

/* The folder above the program's: the build tree keeps its backends there. */
static const char *build_folder(char *path, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    if (length <= 0)
        return NULL;
    path[length] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(path, '/');
        if (slash == NULL)
            return NULL;
        *slash = '\0';
    }
    return path;
}

numc_context *bench_open(const bench_options *options)
{
    char path[4096];
    numc_options how = {.backend = options->backend, .threads = options->threads, .jit = options->jit};
    const char *named = getenv("NUMC_BACKEND_PATH");
    if (named == NULL || *named == '\0')
        how.backend_path = build_folder(path, sizeof path);
    numc_context *context = numc_open(&how);
    if (numc_error_status(context) == NUMC_OK)
        (void)numc__device(context);
    if (numc_error_status(context) == NUMC_OK)
        return context;
    bench_fail("open", numc_error_message(context));
    numc_close(context);
    return NULL;
}

const char *bench_backend_name(numc_context *context)
{
    return numc__device(context)->table.name;
}

static int usage(FILE *file, int status)
{
    fputs("usage: numc-bench gradient|array|sample|chains|dynamic|first [options]\n"
          "  gradient        time of one gradient, beside the same written by hand; what it costs to make; goals\n"
          "  array           array functions beside NumPy, copies of memory and OpenBLAS; one and two threads\n"
          "  sample          gradients, seconds, effective samples per second, time to the first draw\n"
          "  chains          4 to 1024 chains on one thread, by themselves and vectorised (--quick: 3 chains)\n"
          "  dynamic         gradients in dynamic mode beside compiled ones (interpreted, unless --jit on)\n"
          "  first           time to the first draw by part, of this process\n"
          "options:\n"
          "  --json          one JSON object instead of a table\n"
          "  --model NAME    one model\n"
          "  --backend NAME  as NUMC_BACKEND\n"
          "  --rounds N      gradient: rounds of timing (101; array: 25); sample: runs, of which the median is shown (1)\n"
          "  --jit on|off    gradient: off leaves native code out; sample: as NUMC_JIT (auto)\n"
          "  --posteriors FOLDER   where the data of posteriordb are (NUMC_POSTERIORDB)\n"
          "  --chains N --draws N   sample: 4 chains of 1000 draws after as many of warm-up\n"
          "  --quick         gradient: one round, no large models, native code of the first alone; array: small arrays\n"
          "  --case NAME --threads N   array: one case; so many threads\n"
          "models:\n", file);
    const bench_model *model;
    for (int k = 0; (model = bench_model_at(k)) != NULL; k++)
        fprintf(file, "  %-43s %s\n", model->name, model->what);
    return status;
}

static bool read_count(const char *text, long most, long *value)
{
    char *end;
    *value = strtol(text, &end, 10);
    return end != text && *end == '\0' && *value > 0 && *value <= most;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const bench_options *options);
    } commands[] = {{"gradient", bench_gradient}, {"array", bench_array}, {"sample", bench_sample}, {"chains", bench_chains}, {"dynamic", bench_dynamic}, {"first", bench_first}};
    bench_options options = {.chains = 4, .draws = 1000};
    if (argc < 2)
        return usage(stderr, 2);
    if (strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    for (int i = 2; i < argc; i++) {
        long number = 0;
        if (strcmp(argv[i], "--json") == 0) {
            options.json = true;
            continue;
        }
        if (strcmp(argv[i], "--quick") == 0) {
            options.quick = true;
            continue;
        }
        if (i + 1 == argc)
            return usage(stderr, 2);
        const char *name = argv[i], *value = argv[++i];
        if (strcmp(name, "--model") == 0)
            options.model = value;
        else if (strcmp(name, "--backend") == 0)
            options.backend = value;
        else if (strcmp(name, "--rounds") == 0 && read_count(value, 1000, &number))
            options.rounds = (int)number;
        else if (strcmp(name, "--chains") == 0 && read_count(value, 1000, &number))
            options.chains = (int32_t)number;
        else if (strcmp(name, "--draws") == 0 && read_count(value, 1000000, &number))
            options.draws = number;
        else if (strcmp(name, "--threads") == 0 && read_count(value, 64, &number))
            options.threads = (int32_t)number;
        else if (strcmp(name, "--jit") == 0 && (strcmp(value, "on") == 0 || strcmp(value, "off") == 0))
            options.jit = strcmp(value, "on") == 0 ? NUMC_JIT_ON : NUMC_JIT_OFF;
        else if (strcmp(name, "--posteriors") == 0)
            bench_posteriors_folder = value;
        else if (strcmp(name, "--case") == 0 && bench_case_known(value))
            options.only = value;
        else
            return usage(stderr, 2);
    }
    bool known = options.model == NULL;
    const bench_model *model;
    for (int k = 0; !known && (model = bench_model_at(k)) != NULL; k++)
        known = strcmp(options.model, model->name) == 0;
    for (size_t k = 0; known && k < sizeof commands / sizeof commands[0]; k++)
        if (strcmp(argv[1], commands[k].name) == 0) {
            int status = commands[k].run(&options);
            if (fflush(stdout) != 0 || ferror(stdout)) {
                fprintf(stderr, "numc-bench: the figures could not be written\n");
                return 1;
            }
            return status;
        }
    return usage(stderr, 2);
}
