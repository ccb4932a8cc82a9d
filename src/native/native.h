/* native.h - internal: C text made into functions on this machine: found in a private cache, or compiled by the C compiler that is
 * there, and loaded. Asked for and forgotten: until the functions are there, and where there is no compiler, callers go on
 * without them.
 *
 * NUMC_JIT (or the option): auto, a worker thread makes them when they are asked for; on, they are made at once and a failure
 * is an error; off. Nothing is made in a setuid program. */
#ifndef NUMC_NATIVE_NATIVE_H
#define NUMC_NATIVE_NATIVE_H

#include "backend/store.h"
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
    bool required; /* the mode is on: nobody says that it will be interpreted */
    struct numc_native *next; /* in the queue */
} numc_native;

/* The mode for programs of this context: the option, else NUMC_JIT, else auto. */
numc_jit numc__native_mode(const numc_context *context);

void numc__native_begin(numc_native *native, numc_core *core, bool (*write)(void *user, numc_text *text), void *user);
/* Asks the worker; no allocation but for the first call of a core. Nothing happens when it was asked before. */
void numc__native_ask(numc_native *native);
/* Builds now. UNSUPPORTED with the reason. */
numc_status numc__native_build(numc_context *context, numc_native *native);
/* Waits until the worker has let go of it, which stops a compiler that runs for it, and unloads. */
void numc__native_end(numc_native *native);

/* ---- the parts ------------------------------------------------------------------------------------------------------- */

/* compiler.c: the C compiler of this machine. */
typedef struct numc_compiler {
    char path[NUMC_NATIVE_PATH]; /* absolute; "" when there is none */
    uint64_t size;
    int64_t modified;
    uint64_t flags; /* hashed */
    char machine[NUMC_NATIVE_REASON]; /* what -march=native depends on, hashed */
    double deadline;                  /* seconds it may take */
    bool named;                       /* by NUMC_CC */
} numc_compiler;
/* NUMC_CC (a path or a name), else cc, gcc, clang in PATH; NUMC_CC_SECONDS, else 60. False with the reason. */
bool numc__compiler_find(numc_compiler *compiler, char *reason);
double numc__native_now(void); /* seconds, monotonic */
/* Makes a shared object of what a program uses of libraries and the program. The compiler is ended at its deadline, when *stop
 * becomes true, and by the system when it writes a file larger than a store holds. False with the reason. */
bool numc__compiler_run(const numc_compiler *compiler, const char *library, const char *program, const char *output,
                        const _Atomic bool *stop, char *reason);

#endif
