/* context.h - internal: the shared core and its lanes, as every floor sees them.
 *
 * Floors above base hang their own state on the core and on a lane through `attach` slots, so that base knows no arrays. */
#ifndef NUMC_BASE_CONTEXT_H
#define NUMC_BASE_CONTEXT_H

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>

#include "numc/base.h"

#define NUMC_ERROR_MESSAGE_SIZE 1024

typedef struct numc_core numc_core;
typedef struct numc_scope_frame numc_scope_frame;
struct numc_array;

/* State another floor keeps with the core or a lane: made lazily, destroyed at close in reverse order of the enum. */
typedef enum numc_slot {
    NUMC_SLOT_DEVICE,  /* src/backend: opened device, registry, kernel caches */
    NUMC_SLOT_THREADS, /* src/base/threads: worker pool */
    NUMC_SLOT_ARRAYS,  /* src/array: buffer pool (core), header slab (lane) */
    NUMC_SLOT_TRACE,   /* src/graph: current recorder (lane) */
    NUMC_SLOT_NATIVE,  /* src/native: the compiler's worker (core) */
    NUMC_SLOT_OBJECTS, /* models, samplers, programs to free at close (core) */
    NUMC_SLOT_COUNT
} numc_slot; /* DEVICE and ARRAYS are destroyed when nothing holds the core any more, the others at close */

/* Anything else that lives as long as a scope (distributions, constraints): destroyed newest first, before the arrays. */
typedef struct numc_scoped {
    struct numc_scoped *next;
    void (*destroy)(numc_context *context, struct numc_scoped *object);
} numc_scoped;
void numc__scoped_add(numc_context *context, numc_scoped *object);
void numc__scoped_end(numc_context *context, struct numc_scope_frame *frame); /* ends them all */

/* A scope is a list of arrays; src/array links its headers here and is called when the scope ends. */
struct numc_scope_frame {
    numc_scope_frame *outer;
    struct numc_array *first;
    numc_scoped *objects;
    uint64_t number; /* 0 for the root, then 1, 2, ... in the order of beginning on this lane */
    const char *operation; /* the lane's when it began, and again when it has ended */
};
typedef void (*numc_scope_end_fn)(numc_context *context, numc_scope_frame *frame);

struct numc_core {
    numc_allocate_fn allocate;
    void *allocate_user;
    numc_log_fn log;
    void *log_user;
    numc_log_level log_level;
    int32_t threads;
    _Atomic int32_t crew; /* threads of numc__threads_run at work: the pool leaves them their processors */
    bool forbid_fallback;
    numc_jit jit;
    char *backend_name, *backend_path; /* copies of the options; NULL: environment */
    pthread_mutex_t lock;              /* for the other floors: guards slots and caches; base takes it nowhere */
    pthread_mutex_t base_lock;         /* for src/base: lanes, objects, making the pool; only the allocator is called under it */
    bool closing;                      /* set by numc_close: no new pool is made */
    void *slots[NUMC_SLOT_COUNT];
    void (*slot_destroy[NUMC_SLOT_COUNT])(numc_core *core, void *slot);
    void (*slot_close[NUMC_SLOT_COUNT])(numc_core *core, void *slot); /* or NULL: at numc_close, before slot_destroy */
    void (*device_statistics)(numc_core *core, numc_device_statistics *statistics); /* of src/backend, where a device is open */
    numc_context *first_lane; /* the lane numc_open returned */
    numc_context *lanes;      /* all others, linked by next_lane */
    _Atomic uint64_t array_serial, arrays_live, bytes_live, bytes_peak;
    _Atomic int64_t holds;   /* 1 while open, and 1 for each export (array/dlpack.c): device memory lives until it is 0 */
    _Atomic int64_t acting;  /* threads between numc__acting_begin and _end */
    _Atomic int64_t running; /* callbacks (of models, of traces) and samplers at work: the first lane cannot be closed */
    _Atomic uint64_t programs_dumped; /* NUMC_DUMP (compile/stage.c) */
    _Atomic bool dump_failed, cache_failed; /* told once */
    _Atomic uint64_t kernels_built, kernels_run, fallbacks, programs_native, bytes_downloaded, bytes_uploaded;
};

struct numc_context {
    numc_core *core;
    numc_context *parent, *next_lane, *previous_lane;
    int64_t children; /* lanes whose parent this is */
    int32_t depth; /* 0 for the first lane */
    int32_t running; /* callbacks at work on it: it cannot be closed */
    numc_status status;
    char message[NUMC_ERROR_MESSAGE_SIZE];
    const char *site; /* name of the model site being made; numc__fail puts it before a message; NULL outside */
    /* The public function at work where it is made of others: messages begin with its name, not with theirs. NULL outside, and in
     * callbacks, which are the user's own text. Static. */
    const char *operation;
    const char *note; /* what stands behind a message about a shape, a dtype or an index; NULL: nothing */
    numc_scope_frame *scope; /* innermost; never NULL: at the bottom it is &root */
    numc_scope_end_fn scope_end; /* NULL until src/array registers it */
    void *slots[NUMC_SLOT_COUNT];
    void (*slot_destroy[NUMC_SLOT_COUNT])(numc_context *context, void *slot);
    numc_scope_frame root;         /* arrays made outside any scope: they die with the lane */
    numc_scope_frame *spare_scope; /* ended frames, used again: a scope in a loop allocates once */
    uint64_t scope_serial;         /* scopes begun on this lane */
    bool broken;                   /* numc_open failed: the error stays, whatever is cleared */
    bool (*cancelled)(const void *user); /* or NULL: once true, loops that may never end give up (numc__check_cancelled) */
    const void *cancelled_user;
    /* src/compile: where the stages of the program that is being made are written, or NULL; and for tests, what is called when a pass
     * has run and its result has not been looked at. */
    struct numc_dump *dump;
    void (*stage_hook)(void *user, const char *stage, void *subject);
    void *stage_user;
};

/* For src/array, when it attaches to a lane: `end` is called once for each frame that ends, innermost first, and for the root
 * at close, before the lane's slots are destroyed. */
void numc__scope_end_register(numc_context *context, numc_scope_end_fn end);

/* numc_scope_begin for a public function that is made of others: until the scope ends errors begin with its name, unless it is
 * itself part of one. The second pair is for functions without a scope: begin returns what end takes back. */
numc_status numc__scope_enter(numc_context *context, const char *name);
static inline const char *numc__operation_begin(numc_context *context, const char *name)
{
    const char *before = context->operation;
    context->operation = before != NULL ? before : name;
    return before;
}
static inline void numc__operation_end(numc_context *context, const char *before)
{
    context->operation = before;
}

/* The value of `expression`, computed as part of the function `name`. They do not nest. */
#define NUMC_AS_PART_OF(context, name, expression)                                                 \
    __extension__({                                                                                \
        numc_context *numc_part_context_ = (context);                                              \
        const char *numc_part_before_ = numc__operation_begin(numc_part_context_, name);           \
        __typeof__(expression) numc_part_value_ = (expression);                                    \
        numc__operation_end(numc_part_context_, numc_part_before_);                                \
        numc_part_value_;                                                                          \
    })

/* Memory: sizes are remembered by the caller. NULL with NUMC_MEMORY set on the lane (the _core forms set no error). A size of
 * 0 gives a block that holds nothing and is freed as any other, so NULL always means failure; freeing NULL is allowed. */
void *numc__allocate(numc_context *context, size_t size);
void *numc__allocate_zero(numc_context *context, size_t count, size_t size); /* overflow checked */
void *numc__reallocate(numc_context *context, void *pointer, size_t old_size, size_t size);
/* Room in a list for `more` items after its `count`: `list` is the address of the pointer to the items, which at least double. */
numc_status numc__grow(numc_context *context, void *list, size_t item, int32_t count, int32_t more, int32_t *capacity);
void numc__free(numc_context *context, void *pointer, size_t size);
void *numc__core_allocate(numc_core *core, size_t size);
void *numc__core_reallocate(numc_core *core, void *pointer, size_t old_size, size_t size);
void numc__core_free(numc_core *core, void *pointer, size_t size);
char *numc__string_copy(numc_context *context, const char *text); /* freed with numc__string_free */
void numc__string_free(numc_context *context, char *text);

/* Whether a number that a callback or a plugin answered is a row of the table of statuses. */
static inline bool numc__status_known(int32_t status)
{
    return status >= NUMC_OK && status <= NUMC_INTERNAL;
}

/* The first error stays. Returns the pending status. One line: control characters become spaces, a message that is too long
 * ends in "...". Formats are those of numc__format_list (text.h): the usual ones, and %g that no locale changes. The site being
 * made is put in front ("site theta: ..."), so callers do not name it. A status outside the table is told by its number at the end. A NULL context is allowed and records nothing. */
numc_status numc__fail(numc_context *context, numc_status status, const char *format, ...)
    NUMC_FORMAT(3, 4);
numc_status numc__fail_list(numc_context *context, numc_status status, const char *format, va_list list)
    NUMC_FORMAT(3, 0);
/* Copies a child's pending error to the parent (first one stays). */
numc_status numc__error_join(numc_context *to, const numc_context *from);
void numc__log(numc_core *core, numc_log_level level, const char *format, ...) NUMC_FORMAT(3, 4);

/* The lane on which this thread runs a callback that others may be running on theirs (dynamic mode): while that lasts, what
 * the callback does with arrays of the lanes above is done on it, since those belong to other threads. begin returns what
 * was acting before, for end. The one thing the library keeps with a thread. */
numc_context *numc__acting_begin(numc_context *lane);
void numc__acting_end(numc_context *lane, numc_context *before);
numc_context *numc__acting_find(numc_context *lane);
/* `lane`, or the one below it that acts on this thread. */
static inline numc_context *numc__acting_lane(numc_context *lane)
{
    return atomic_load_explicit(&lane->core->acting, memory_order_relaxed) == 0 ? lane : numc__acting_find(lane);
}
/* CANCELLED once the run that the lane works for has been cancelled. */
static inline numc_status numc__check_cancelled(numc_context *lane)
{
    if (lane->cancelled == NULL || !lane->cancelled(lane->cancelled_user))
        return NUMC_OK;
    return numc__fail(lane, NUMC_CANCELLED, "cancelled");
}

/* Objects owned by the context: destroyed at numc_close, newest first, before lanes and slots, unless removed before.
 * `destroy` may remove itself (no effect), remove or destroy other objects, and close lanes. */
typedef struct numc_object numc_object;
struct numc_object {
    numc_object *previous, *next;
    void (*destroy)(numc_object *object);
    numc_context *lane; /* that it was made on; it ends with it */
};
void numc__object_add(numc_context *lane, numc_object *object);
void numc__object_remove(numc_core *core, numc_object *object);

/* What outlives numc_close keeps the core, its allocator and device memory; no lane. The last one to let go ends them. From
 * any thread; hold only while the context is open or another hold is there. */
void numc__core_hold(numc_core *core);
void numc__core_let_go(numc_core *core);

/* Options growth: copies min(size, full) bytes over zeroed `target`; fails with INVALID_ARGUMENT if the tail beyond
 * `full` holds a non-zero byte (an option this library does not know), or if `size` is beyond the limit: no options grow so
 * far, so it is not a size and nothing is read by it. */
#define NUMC_OPTIONS_LIMIT 4096
numc_status numc__options_copy(numc_context *context, void *target, size_t full, const void *source,
                               size_t size, const char *what);

/* The nearest of `count` names to `name` by edit distance, or NULL when none is near. For error messages. */
const char *numc__nearest_name(const char *name, const char *const *names, size_t count);

/* Check macros: "return if failed" and "fail unless". */
#define NUMC_TRY(expression)                                                                       \
    do {                                                                                           \
        numc_status numc_try_ = (expression);                                                      \
        if (numc_try_ != NUMC_OK)                                                                  \
            return numc_try_;                                                                      \
    } while (0)
#define NUMC_REQUIRE(context, condition, status, ...)                                              \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return numc__fail((context), (status), __VA_ARGS__);                                   \
    } while (0)

#endif
