/* numc.c - the `numc` command: what is installed here, and whether a backend keeps the contract. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/internal.h"
#include "tool.h"

/* The folder above the program's: build/tools/numc -> build, where the build puts backends; prefix/bin/numc -> prefix, so that an
 * installation that was moved finds its own. */
static bool build_folder(char *path, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    if (length <= 0 || (size_t)length >= size - 1)
        return false;
    path[length] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(path, '/');
        if (slash == NULL || slash == path)
            return false;
        *slash = '\0';
    }
    return true;
}

numc_context *tool_open(const char *backend)
{
    char folder[4096], path[16384];
    const char *given = numc__environment("NUMC_BACKEND_PATH");
    if (build_folder(folder, sizeof folder))
        (void)snprintf(path, sizeof path, "%s%s%s:%s/%s/numc", given != NULL ? given : "", given != NULL ? ":" : "", folder,
                       folder, NUMC_LIBRARY_FOLDER);
    else
        (void)snprintf(path, sizeof path, "%s", given != NULL ? given : "");
    numc_context *context = numc_open(&(numc_options){.backend = backend, .backend_path = path});
    if (context == NULL)
        fputs("numc: out of memory\n", stderr);
    return context;
}

static int tool_help(int count, char **words);

static const struct {
    const char *name, *synopsis, *text;
    int (*run)(int count, char **words);
} commands[] = {
    {"info", "", "backends found here and why others are refused, devices, environment variables", tool_info},
    {"check", "[--quiet] [--bits] [--dtype NAME] NAME",
     "compare a backend with the reference, operation by operation; --bits: mathematical functions bit for bit too; --dtype: only this one's; "
     "--slots [NAME]: the contract's slots, and which of them the backend has", tool_check},
    {"summary", "FILE.csv ...", "the table of stored chains (CmdStan CSV, one file per chain)", tool_summary},
    {"help", "", "this text", tool_help},
};

static int tool_help(int count, char **words)
{
    (void)count;
    (void)words;
    printf("numc %s\n", numc_version());
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        printf("  numc %-7s %-25s %s\n", commands[i].name, commands[i].synopsis, commands[i].text);
    return EXIT_SUCCESS;
}

int main(int count, char **words)
{
    const char *name = count < 2 ? "help" : words[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0) {
        printf("numc %s\n", numc_version());
        return EXIT_SUCCESS;
    }
    const char *names[sizeof commands / sizeof *commands];
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        names[i] = commands[i].name;
        if (strcmp(name, names[i]) == 0) {
            int status = commands[i].run(count - 2, words + 2);
            return fflush(stdout) != 0 && status == EXIT_SUCCESS ? EXIT_FAILURE : status;
        }
    }
    const char *nearest = numc__nearest_name(name, names, sizeof names / sizeof *names);
    fprintf(stderr, "numc: no command '%s'%s%s%s\n", name, nearest != NULL ? "; did you mean '" : "",
            nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "; see numc help");
    return 2;
}
