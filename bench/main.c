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

numc_context *bench_try(const bench_options *options, char *why, size_t size)
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
    snprintf(why, size, "%s", numc_error_message(context));
    numc_close(context);
    return NULL;
}

numc_context *bench_open(const bench_options *options)
{
    char why[1024];
    numc_context *context = bench_try(options, why, sizeof why);
    if (context == NULL)
        bench_fail("open", why);
    return context;
}

const char *bench_backend_name(numc_context *context)
{
    return numc__device(context)->table.name;
}

/* ---- the command line ----------------------------------------------------------------------------------------------------- */

/* Options, as bits of those that a command knows. */
enum { JSON = 1, QUICK = 2, MODEL = 4, BACKEND = 8, ROUNDS = 16, CHAINS = 32, DRAWS = 64, THREADS = 128, JIT = 256, POSTERIORS = 512, CASE = 1024 };

static const struct command {
    const char *name;
    int (*run)(const bench_options *options);
    int knows;
    const char *what;
    bool (*case_known)(const char *name);
} commands[] = {
    {"gradient", bench_gradient, JSON | QUICK | MODEL | BACKEND | ROUNDS | JIT | POSTERIORS,
     "time of one gradient, beside the same written by hand; what it costs to make; goals", NULL},
    {"array", bench_array, JSON | QUICK | BACKEND | ROUNDS | THREADS | CASE,
     "array functions beside NumPy, copies of memory and OpenBLAS; one and two threads", bench_case_known},
    {"sample", bench_sample, JSON | MODEL | BACKEND | ROUNDS | CHAINS | DRAWS | JIT,
     "gradients, seconds, effective samples per second, time to the first draw", NULL},
    {"chains", bench_chains, JSON | QUICK | MODEL | BACKEND | ROUNDS | JIT,
     "4 to 1024 chains on one thread, by themselves and vectorised", NULL},
    {"device", bench_device, JSON | QUICK | MODEL | BACKEND | CASE,
     "a device beside its own copies and products and the cpu backend; 1 to 16384 chains; goals", bench_device_case_known},
    {"dynamic", bench_dynamic, JSON | QUICK | MODEL | BACKEND | ROUNDS | JIT,
     "gradients in dynamic mode beside compiled ones (interpreted, unless --jit on)", NULL},
    {"first", bench_first, JSON | MODEL | BACKEND | JIT, "time to the first draw by part, of this process", NULL},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static const struct option {
    const char *name, *value; /* value NULL: none is given */
    int bit;
    const char *what;
} known_options[] = {
    {"--json", NULL, JSON, "one JSON object instead of a table"},
    {"--quick", NULL, QUICK, "one round, small arrays, few chains, no large models, native code of the first model alone"},
    {"--model", "NAME", MODEL, "one model"},
    {"--backend", "NAME", BACKEND, "as NUMC_BACKEND"},
    {"--rounds", "N", ROUNDS, "rounds of timing (gradient 101, array 25, chains 3); sample: runs, of which the median is shown (1)"},
    {"--jit", "on|off", JIT, "as NUMC_JIT; gradient: off leaves native code out"},
    {"--posteriors", "FOLDER", POSTERIORS, "where the data of posteriordb are (NUMC_POSTERIORDB)"},
    {"--chains", "N", CHAINS, "4"},
    {"--draws", "N", DRAWS, "1000, after as many of warm-up"},
    {"--threads", "N", THREADS, "so many threads"},
    {"--case", "NAME", CASE, "one row of array; an operation of device, or its gradients or chains"},
};
enum { OPTIONS = sizeof known_options / sizeof known_options[0] };

static int usage(FILE *file, int status)
{
    fputs("usage: numc-bench COMMAND [options]\n", file);
    for (int k = 0; k < COMMANDS; k++) {
        fprintf(file, "  %-10s %s\n            ", commands[k].name, commands[k].what);
        for (int i = 0; i < OPTIONS; i++)
            if ((commands[k].knows & known_options[i].bit) != 0)
                fprintf(file, "%s%s%s", known_options[i].name, known_options[i].value != NULL ? " " : "",
                        known_options[i].value != NULL ? known_options[i].value : ""), fputs(" ", file);
        fputs("\n", file);
    }
    fputs("options:\n", file);
    for (int i = 0; i < OPTIONS; i++)
        fprintf(file, "  %-13s %s\n", known_options[i].name, known_options[i].what);
    fputs("models:\n", file);
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

static bool model_known(const char *name)
{
    const bench_model *model;
    for (int k = 0; (model = bench_model_at(k)) != NULL; k++)
        if (strcmp(name, model->name) == 0)
            return true;
    return false;
}

/* False: the value is none of the option's. */
static bool take(const struct command *command, int bit, const char *value, bench_options *options)
{
    long number = 0;
    switch (bit) {
    case JSON: options->json = true; return true;
    case QUICK: options->quick = true; return true;
    case MODEL: options->model = value; return model_known(value);
    case BACKEND: options->backend = value; return true;
    case ROUNDS: return read_count(value, 1000, &number) && (options->rounds = (int)number) > 0;
    case CHAINS: return read_count(value, 1000, &number) && (options->chains = (int32_t)number) > 0;
    case DRAWS: return read_count(value, 1000000, &number) && (options->draws = number) > 0;
    case THREADS: return read_count(value, 64, &number) && (options->threads = (int32_t)number) > 0;
    case JIT: options->jit = strcmp(value, "on") == 0 ? NUMC_JIT_ON : NUMC_JIT_OFF; return strcmp(value, "on") == 0 || strcmp(value, "off") == 0;
    case POSTERIORS: bench_posteriors_folder = value; return true;
    default: options->only = value; return command->case_known(value);
    }
}

int main(int argc, char **argv)
{
    bench_options options = {.chains = 4, .draws = 1000};
    const struct command *command = NULL;
    if (argc >= 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    for (int k = 0; argc >= 2 && k < COMMANDS; k++)
        if (strcmp(argv[1], commands[k].name) == 0)
            command = &commands[k];
    if (command == NULL)
        return usage(stderr, 2);
    for (int i = 2; i < argc; i++) {
        const struct option *o = NULL;
        for (int k = 0; k < OPTIONS; k++)
            if (strcmp(argv[i], known_options[k].name) == 0 && (command->knows & known_options[k].bit) != 0)
                o = &known_options[k];
        if (o == NULL) {
            fprintf(stderr, "numc-bench: %s does not know %s (numc-bench --help)\n", command->name, argv[i]);
            return 2;
        }
        if (o->value != NULL && ++i == argc) {
            fprintf(stderr, "numc-bench: %s %s is missing\n", o->name, o->value);
            return 2;
        }
        if (!take(command, o->bit, argv[i], &options)) {
            fprintf(stderr, "numc-bench: %s: %s is not one that %s takes (numc-bench --help)\n", o->name, argv[i], command->name);
            return 2;
        }
    }
    int status = command->run(&options);
    if (fflush(stdout) != 0 || ferror(stdout))
        return bench_fail("output", "the figures could not be written"), 1;
    return status;
}
