/* store.h - internal: files kept between runs, each with the text it was made of: shared objects of native code, programs of
 * devices. */
#ifndef NUMC_BACKEND_STORE_H
#define NUMC_BACKEND_STORE_H

#include "base/context.h"

enum {
    NUMC_NATIVE_PATH = 4096,
    NUMC_NATIVE_REASON = 512,
    NUMC_STORE_BYTES = 256 << 20 /* of all objects of a store, and of one file of a compiler */
};

typedef struct numc_store {
    char folder[NUMC_NATIVE_PATH]; /* "" when there is none that can be trusted */
    bool chosen;                   /* by NUMC_CACHE */
} numc_store;
/* NUMC_CACHE (an absolute folder), else numc in XDG_CACHE_HOME or in ~/.cache: made with mode 0700; one of another owner, or that
 * others may write or read, is not used. False with the reason. */
bool numc__store_open(numc_store *store, char *reason);
/* Logs the reason, the first of a core: a folder that was asked for is a warning. */
void numc__store_complain(numc_core *core, const numc_store *store, const char *reason);
/* The path of the object made of exactly this text, checked to be whole. */
bool numc__store_find(numc_core *core, const numc_store *store, const char *text, size_t size, char *path);
/* A new file name in the store (or in a new private folder of TMPDIR) to write an object to; then the object with its text put in its
 * place under its name, and the oldest removed beyond the limit of the store. */
bool numc__store_temporary(const numc_store *store, char *path, char *reason);
bool numc__store_put(numc_core *core, const numc_store *store, const char *text, size_t size, const char *temporary, char *path,
                     char *reason);
void numc__store_drop(const numc_store *store, const char *temporary); /* removes it, with the private folder if it has one */
/* What was kept under exactly this text, in memory of the core; NULL when there is nothing. */
void *numc__store_read(numc_core *core, const numc_store *store, const char *text, size_t size, uint64_t *bytes);
/* Keeps bytes under this text; false where it cannot. */
bool numc__store_write(numc_core *core, const numc_store *store, const char *text, size_t size, const void *bytes, uint64_t count);

#endif
