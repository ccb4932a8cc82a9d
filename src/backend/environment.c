/* environment.c - the environment variables of the library and its backends: one table of names and of what each may say, looked at
 * when a device is opened. What a value means is read where it is used; that a file or a folder is there is found out there too. */
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "backend/internal.h"
#include "base/number.h"

const char *numc__environment_if(bool trusted, const char *name)
{
    return trusted ? getenv(name) : NULL;
}

const char *numc__environment(const char *name)
{
    return numc__environment_if(getauxval(AT_SECURE) == 0, name);
}

/* ---- what a value may look like besides the words in quotes ---------------------------------------------------------------- */

static bool is_anything(const char *value)
{
    (void)value;
    return true;
}

static bool is_absolute(const char *value)
{
    return value[0] == '/';
}

static bool is_program(const char *value)
{
    return value[0] == '/' || strchr(value, '/') == NULL;
}

static bool are_folders(const char *value)
{
    if (value[strspn(value, ":")] == '\0')
        return false;
    for (;; value++) {
        if (*value != '/' && *value != ':' && *value != '\0')
            return false;
        value += strcspn(value, ":");
        if (*value == '\0')
            return true;
    }
}

static bool is_count(const char *value)
{
    int64_t number;
    return numc__read_integer(value, strlen(value), &number) == strlen(value) && number >= 0;
}

static bool is_duration(const char *value)
{
    double seconds;
    return numc__read_double(value, strlen(value), &seconds) == strlen(value) && seconds > 0;
}

/* In the order in which docs/environment.md tells them; the third column is its second, quotes for its code marks (a test compares). */
const numc_variable numc__variables[] = {
    {"NUMC_BACKEND", is_anything, "'ref', 'cpu', 'name:device' or '/absolute/path.so'"}, /* refused by the loader, which knows more */
    {"NUMC_BACKEND_PATH", are_folders, "absolute folders, separated by colons"},
    {"NUMC_FALLBACK", NULL, "'allow' or 'error'"},
    {"NUMC_BLAS", is_absolute, "'off' or '/absolute/path.so'"},
    {"NUMC_CUDA_PATH", are_folders, "absolute folders, separated by colons"},
    {"NUMC_JIT", NULL, "'auto', 'on' or 'off'"},
    {"NUMC_CC", is_program, "a program's name or '/absolute/path'"},
    {"NUMC_CC_SECONDS", is_duration, "a number above 0"},
    {"NUMC_CACHE", is_absolute, "'/absolute/folder'"},
    {"NUMC_DUMP", is_absolute, "'/absolute/folder'"},
    {"NUMC_VERIFY", NULL, "'0' or '1'"},
    {"NUMC_GPU_SOLO", is_count, "a whole number, 0 or more"},
    {"NUMC_OPENCL_FLOAT64", NULL, "'0' or '1'"},
    {"NUMC_OPENCL_CLBLAST", NULL, "'on' or 'off'"},
    {NULL, NULL, NULL},
};

/* Whether 'value' stands in the text with its quotes. */
static bool is_named(const char *text, const char *value)
{
    size_t length = strlen(value);
    for (const char *at = text; strchr(value, '\'') == NULL && (at = strstr(at, value)) != NULL; at++)
        if (at > text && at[-1] == '\'' && at[length] == '\'')
            return true;
    return false;
}

bool numc__variable_good(const numc_variable *variable, const char *value)
{
    return value == NULL || value[0] == '\0' || is_named(variable->values, value)
           || (variable->form != NULL && variable->form(value));
}

/* A field of numc_options that was set stands above its variable. */
static bool is_overridden(const numc_core *core, const char *name)
{
    return (core->jit != NUMC_JIT_DEFAULT && strcmp(name, "NUMC_JIT") == 0)
           || (core->backend_path != NULL && strcmp(name, "NUMC_BACKEND_PATH") == 0)
           || (core->forbid_fallback && strcmp(name, "NUMC_FALLBACK") == 0);
}

numc_status numc__environment_check(numc_context *context)
{
    for (const numc_variable *variable = numc__variables; variable->name != NULL; variable++) {
        const char *value = numc__environment(variable->name);
        if (numc__variable_good(variable, value) || is_overridden(context->core, variable->name))
            continue;
        if (variable->form != are_folders)
            return numc__fail(context, NUMC_INVALID_ARGUMENT, "%s is '%s'; it can be %s", variable->name, value, variable->values);
        numc__log(context->core, NUMC_LOG_WARNING, "%s is '%s'; it can be %s: what else is in it is ignored", variable->name, value,
                  variable->values);
    }
    return NUMC_OK;
}
