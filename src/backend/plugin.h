/* plugin.h - of src/backend: where backends are looked for, and what one file says. */
#ifndef NUMC_BACKEND_PLUGIN_H
#define NUMC_BACKEND_PLUGIN_H

#include "backend/internal.h"
#include "base/text.h"

enum { NUMC_SEARCH_DIRECTORIES = 64, NUMC_PATH_SIZE = 4096, NUMC_BACKEND_NAME_SIZE = 64 };

/* The directories, in the order they are searched; absolute paths without duplicates. */
typedef struct numc_search {
    char *directories[NUMC_SEARCH_DIRECTORIES];
    size_t count;
} numc_search;
numc_status numc__search_begin(numc_context *context, numc_search *search);
void numc__search_end(numc_context *context, numc_search *search);

/* Loads the shared object and copies its table, zero-extended, to `table`. False with the reason added to `reason`.
 * `name`: what the table must call itself; NULL: anything. */
bool numc__plugin_load(const char *path, const char *name, numc_backend *table, numc_text *reason);

/* What is wrong with a table as a plugin returned it; true and `table` filled when nothing is. For tests too. */
bool numc__plugin_check(const numc_backend *given, const char *name, numc_backend *table, numc_text *reason);

/* The file of backend `name` in a directory; false when the path is too long. */
bool numc__plugin_path(char path[NUMC_PATH_SIZE], const char *directory, const char *name);

/* A backend's name is 1 to 63 of a-z 0-9 _ -. */
bool numc__backend_name_ok(const char *name);

/* The names of the plugin files in a directory, sorted, each once; calls `found` for each. */
void numc__plugin_scan(const char *directory, void (*found)(void *user, const char *name), void *user);

/* How a backend this library comes with, but this build has not, is built; NULL for other names. */
const char *numc__backend_hint(const char *name);
extern const char *const numc__backend_known[]; /* NULL at the end */

#endif
