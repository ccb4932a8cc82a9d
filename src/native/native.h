/* native.h - internal: C text made into functions on this machine: found in a private cache, or compiled by the C compiler that is
 * there, and loaded. Asked for and forgotten: until the functions are there, and where there is no compiler, callers go on
 * without them.
 *
 * NUMC_JIT (or the option): auto, a worker thread makes them when they are asked for; on, they are made at once and a failure
 * is an error; off. Nothing is made in a setuid program. */
#ifndef NUMC_NATIVE_NATIVE_H
#define NUMC_NATIVE_NATIVE_H

#include "base/text.h"

/* What a unit of native code exports under the name numc_native_functions: a table whose meaning is the caller's. */
typedef struct numc_native_frame numc_native_frame;
typedef int32_t (*numc_native_function)(const numc_native_frame *frame);

/* A unit: text to be made into functions. `write` gives the text, at the time it is needed and on the thread that builds; false: there
 * is none (or no memory). The owner sees `functions` change from NULL to the table at some time, once. */
typedef struct numc_native {
    numc_core *core;
    bool (*write)(void *user, numc_text *text);
    void *user;
    _Atomic(const numc_native_function *) functions;
    void *object; /* dlopen's */
    _Atomic bool asked, cancelled;
    struct numc_native *next; /* in the queue */
} numc_native;

/* The mode for programs of this context: the option, else NUMC_JIT, else auto. VALUE for another text. */
numc_status numc__native_mode(numc_context *context, numc_jit *mode);

void numc__native_begin(numc_native *native, numc_core *core, bool (*write)(void *user, numc_text *text), void *user);
/* Asks the worker; no allocation but for the first call of a core. Nothing happens when it was asked before. */
void numc__native_ask(numc_native *native);
/* Builds now. UNSUPPORTED with the reason. */
numc_status numc__native_build(numc_context *context, numc_native *native);
/* Waits until the worker has let go of it, which stops a compiler that runs for it, and unloads. */
void numc__native_end(numc_native *native);

/* ---- the parts ------------------------------------------------------------------------------------------------------- */

enum {
    NUMC_NATIVE_PATH = 4096,
    NUMC_NATIVE_REASON = 512,
    NUMC_STORE_BYTES = 64 << 20 /* of all objects of a store, and of one file of a compiler */
};

/* compiler.c: the C compiler of this machine. */
typedef struct numc_compiler {
    char path[NUMC_NATIVE_PATH]; /* absolute; "" when there is none */
    uint64_t size;
    int64_t modified;
    uint64_t flags; /* hashed */
    char machine[NUMC_NATIVE_REASON]; /* what -march=native depends on, hashed */
} numc_compiler;
/* NUMC_CC (a path or a name), else cc, gcc, clang in PATH. False with the reason. */
bool numc__compiler_find(numc_compiler *compiler, char *reason);
double numc__native_now(void); /* seconds, monotonic */
/* Makes a shared object of a library of functions and a program that uses some. The compiler is ended after `seconds`, when *stop becomes true, and by the system when it writes a
 * file larger than a store holds. False with the reason. */
bool numc__compiler_run(const numc_compiler *compiler, const char *library, const char *program, const char *output, double seconds,
                        const _Atomic bool *stop, char *reason);

/* store.c: shared objects on disk, each with the text it was made of. */
typedef struct numc_store {
    char folder[NUMC_NATIVE_PATH]; /* "" when there is none that can be trusted */
} numc_store;
/* NUMC_CACHE (an absolute folder), else numc in XDG_CACHE_HOME or in ~/.cache: made with mode 0700; one of another owner, or that
 * others may write or read, is not used. False with the reason. */
bool numc__store_open(numc_store *store, char *reason);
/* The path of the object made of exactly this text, checked to be whole. */
bool numc__store_find(numc_core *core, const numc_store *store, const char *text, size_t size, char *path);
/* A new file name in the store (or in a new private folder of TMPDIR) to write an object to; then the object with its text put in its
 * place under its name, and the oldest removed beyond the limit of the store. */
bool numc__store_temporary(const numc_store *store, char *path, char *reason);
bool numc__store_put(numc_core *core, const numc_store *store, const char *text, size_t size, const char *temporary, char *path,
                     char *reason);
void numc__store_drop(const numc_store *store, const char *temporary); /* removes it, with the private folder if it has one */

#endif
