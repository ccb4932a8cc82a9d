/* base.h - for users: status codes, contexts and lanes, errors, scopes, allocation, log.
 *
 * A context is a shared core (device, allocator, caches) seen through a lane: a scope stack, an error slot and scratch
 * memory that belong to one thread at a time. numc_open makes the first lane; numc_lane makes one for another thread. */
#ifndef NUMC_BASE_H
#define NUMC_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define NUMC_API __declspec(dllexport)
#else
#define NUMC_API __attribute__((visibility("default")))
#endif
#if defined(__GNUC__)
#define NUMC_MUST_CHECK __attribute__((warn_unused_result))
#define NUMC_FORMAT(text, first) __attribute__((format(printf, text, first)))
#else
#define NUMC_MUST_CHECK
#define NUMC_FORMAT(text, first)
#endif

#define NUMC_VERSION_MAJOR 0
#define NUMC_VERSION_MINOR 1
#define NUMC_VERSION_PATCH 0

/* One table: code, name, sentence. Codes never change their number. */
#define NUMC_STATUS_TABLE(X)                                                                       \
    X(0, OK, "no error")                                                                           \
    X(1, REJECT, "the density is zero here: the point is rejected, the run goes on")               \
    X(2, STOP, "a callback asked the run to stop")                                                 \
    X(3, CANCELLED, "the run was cancelled")                                                       \
    X(4, INVALID_ARGUMENT, "an argument is not acceptable")                                        \
    X(5, SHAPE, "shapes do not fit")                                                               \
    X(6, DTYPE, "a dtype is not acceptable here")                                                  \
    X(7, VALUE, "a value is outside its domain")                                                   \
    X(8, INDEX, "an index is out of bounds")                                                       \
    X(9, MEMORY, "out of memory")                                                                  \
    X(10, DEAD_ARRAY, "an array was used after its scope ended")                                   \
    X(11, STATE, "the call does not fit the state of the object")                                  \
    X(12, UNSUPPORTED, "the operation is not supported")                                           \
    X(13, BACKEND, "a backend could not be used")                                                  \
    /* the context can be closed, and nothing else; after any other status it can be used on */    \
    X(14, DEVICE, "a device is lost")                                                              \
    X(15, TRACE, "the operation cannot be traced")                                                 \
    X(16, SITE, "a model site is not well formed")                                                 \
    X(17, SUPPORT, "a value is outside the support of its distribution")                           \
    X(18, IO, "reading or writing failed")                                                         \
    X(19, PARSE, "the text is not well formed")                                                    \
    X(20, INITIALIZATION, "no acceptable starting point was found")                                \
    X(21, INTERNAL, "an internal check failed")

typedef enum numc_status {
#define NUMC_X(code, name, sentence) NUMC_##name = code,
    NUMC_STATUS_TABLE(NUMC_X)
#undef NUMC_X
} numc_status;

/* The lower-case name of a status ("shape"), and its sentence. Static strings; "unknown" for a number outside the table. */
NUMC_API const char *numc_status_name(numc_status status);
NUMC_API const char *numc_status_sentence(numc_status status);
NUMC_API const char *numc_version(void); /* "0.1.0" */

/* dtypes: code, name, element size in bytes, kind. Zero means "the default" wherever a dtype is an option. */
#define NUMC_DTYPE_TABLE(X)                                                                        \
    X(1, BOOL, bool, 1, NUMC_KIND_BOOL)                                                            \
    X(2, INT8, int8, 1, NUMC_KIND_SIGNED)                                                          \
    X(3, INT16, int16, 2, NUMC_KIND_SIGNED)                                                        \
    X(4, INT32, int32, 4, NUMC_KIND_SIGNED)                                                        \
    X(5, INT64, int64, 8, NUMC_KIND_SIGNED)                                                        \
    X(6, UINT8, uint8, 1, NUMC_KIND_UNSIGNED)                                                      \
    X(7, UINT16, uint16, 2, NUMC_KIND_UNSIGNED)                                                    \
    X(8, UINT32, uint32, 4, NUMC_KIND_UNSIGNED)                                                    \
    X(9, UINT64, uint64, 8, NUMC_KIND_UNSIGNED)                                                    \
    X(10, FLOAT32, float32, 4, NUMC_KIND_REAL)                                                     \
    X(11, FLOAT64, float64, 8, NUMC_KIND_REAL)                                                     \
    X(12, COMPLEX64, complex64, 8, NUMC_KIND_COMPLEX)                                              \
    X(13, COMPLEX128, complex128, 16, NUMC_KIND_COMPLEX)

typedef enum numc_kind {
    NUMC_KIND_NONE = 0,
    NUMC_KIND_BOOL = 1,
    NUMC_KIND_SIGNED = 2,
    NUMC_KIND_UNSIGNED = 4,
    NUMC_KIND_REAL = 8,
    NUMC_KIND_COMPLEX = 16
} numc_kind;

typedef enum numc_dtype {
    NUMC_DTYPE_DEFAULT = 0,
#define NUMC_X(code, upper, lower, size, kind) NUMC_##upper = code,
    NUMC_DTYPE_TABLE(NUMC_X)
#undef NUMC_X
    NUMC_DTYPE_COUNT = 14
} numc_dtype;

NUMC_API const char *numc_dtype_name(numc_dtype dtype); /* "float64"; "default" for zero; static */
NUMC_API size_t numc_dtype_size(numc_dtype dtype);      /* bytes per element; 0 for zero or unknown */
NUMC_API numc_kind numc_dtype_kind(numc_dtype dtype);

typedef struct numc_context numc_context; /* one lane: use it from one thread at a time */
typedef struct numc_run numc_run;         /* one execution of a model callback (model.h) */

typedef enum numc_log_level {
    NUMC_LOG_NONE = 0,
    NUMC_LOG_ERROR = 1,
    NUMC_LOG_WARNING = 2,
    NUMC_LOG_INFO = 3,
    NUMC_LOG_DEBUG = 4
} numc_log_level;

/* realloc-shaped: size 0 frees and returns NULL; NULL from a non-zero size means out of memory. Must be thread safe.
 * Results are aligned to 16 bytes at least. old_size is the size the block was asked with. */
typedef void *(*numc_allocate_fn)(void *user, void *pointer, size_t old_size, size_t size);
/* May be called from any thread that uses the context; one line without newline. */
typedef void (*numc_log_fn)(void *user, numc_log_level level, const char *line);

/* Native code of traced programs, made by the C compiler of the machine: AUTO, in the background, once a program has run often, and
 * interpreted until it is there; ON, at once, and not to get it is an error; OFF. Results are the same bits. */
typedef enum numc_jit { NUMC_JIT_DEFAULT = 0, NUMC_JIT_AUTO = 1, NUMC_JIT_ON = 2, NUMC_JIT_OFF = 3 } numc_jit;

/* Zero is the default of every field. As all options of the library: a shorter struct of an older header is taken for one with
 * zeros at its end; bytes beyond those known must be zero, and a size beyond 4096 is an error. */
typedef struct numc_options {
    const char *backend; /* overrides NUMC_BACKEND: "cpu", "ref", "cuda:0", "opencl:0.1", "/abs/path.so" */
    const char *backend_path; /* overrides NUMC_BACKEND_PATH: colon-separated directories */
    numc_allocate_fn allocate; /* default: the C library's allocator */
    void *allocate_user;
    numc_log_fn log; /* default: no log; the library never prints */
    void *log_user;
    numc_log_level log_level; /* default: NUMC_LOG_WARNING when log is set */
    int32_t threads;          /* worker threads for large operations; default: one per core */
    bool forbid_fallback;     /* as NUMC_FALLBACK=error: a host fallback is an error instead */
    numc_jit jit;             /* default: NUMC_JIT (auto, on, off), else auto */
} numc_options;

/* Opens a context. The backend is loaded at the first operation, and one that cannot be loaded is the error of that operation.
 * Never NULL except when not even the context could be allocated; when something else failed, the context
 * carries the error (numc_error_status) and can only be asked about it and closed. options may be NULL. */
NUMC_API numc_context *numc_open_sized(const numc_options *options, size_t size);
static inline numc_context *numc_open(const numc_options *options)
{
    return numc_open_sized(options, sizeof(numc_options));
}

/* Closes a lane and frees the models, samplers, records and functions made on it. For the first lane: frees everything made from
 * the context but memory that exports still hold (dlpack.h); every other lane must be closed before, or is closed with it.
 * Inside a callback of a model or a trace it does nothing but set the error STATE; while a sampler of the context runs, or a
 * callback on another lane, nothing but log. NULL is accepted. */
NUMC_API void numc_close(numc_context *context);

/* A further lane of the same core, for use by one other thread. Arrays of `context` may be read through the new lane while
 * `context` is not being used to end them; a result belongs to the deeper lane of its operands. NULL when out of memory. */
NUMC_API numc_context *numc_lane(numc_context *context);

/* The first error since the last clear: status, one-line message ("" when none). The message lives until the next
 * clear or close of this lane. For NULL, which numc_open returns without memory: NUMC_MEMORY and a static message. The
 * error of a context that failed to open is not cleared. */
NUMC_API numc_status numc_error_status(const numc_context *context);
NUMC_API const char *numc_error_message(const numc_context *context);
NUMC_API void numc_error_clear(numc_context *context);
/* Records an error if none is pending (the first one stays); returns the status that is pending afterwards.
 * For callbacks and extensions. */
NUMC_API numc_status numc_error_set(numc_context *context, numc_status status, const char *format, ...)
    NUMC_FORMAT(3, 4);

/* Scopes. An array belongs to the innermost scope open when it was made and dies with it; numc_keep (array.h) takes a
 * reference that outlives the scope. numc_scope(context) { ... } nests; leaving the body by break is allowed, by goto or
 * return is not (the scope then stays open until an outer one ends). */
NUMC_API numc_status numc_scope_begin(numc_context *context);
NUMC_API void numc_scope_end(numc_context *context);

/* Names that a macro makes for itself carry its line, so that nesting shadows nothing. */
#define NUMC_JOIN_(a, b) a##b
#define NUMC_JOIN(a, b) NUMC_JOIN_(a, b)
#define NUMC_HERE(name) NUMC_JOIN(name, __LINE__)

#define numc_scope(context)                                                                        \
    for (numc_context *NUMC_HERE(numc_scope_) = (context),                                         \
                      *NUMC_HERE(numc_open_) = numc_scope_begin(NUMC_HERE(numc_scope_)) == NUMC_OK \
                                                   ? NUMC_HERE(numc_scope_)                        \
                                                   : NULL;                                         \
         NUMC_HERE(numc_open_) != NULL;                                                            \
         numc_scope_end(NUMC_HERE(numc_scope_)), NUMC_HERE(numc_open_) = NULL)                     \
        for (int NUMC_HERE(numc_pass_) = 1; NUMC_HERE(numc_pass_); NUMC_HERE(numc_pass_) = 0)

/* What the backend of a device counts, since the device was opened (numc/backend.h, device_statistics). */
typedef struct numc_device_statistics {
    uint64_t size; /* bytes of this struct that are known; 0, and all else with it: the backend counts nothing (ref and cpu, whose memory
                    * is the host's), or no device is open yet */
    uint64_t allocations, from_pool;           /* buffers given; those of them that its pool had kept. Arrays that died leave theirs to the
                                                * next of the size, on any backend: these are not asked for again */
    uint64_t bytes_live, bytes_peak;           /* of buffers in use: now, at most */
    uint64_t bytes_kept;                       /* by the pool, for the next who asks */
    uint64_t uploads, bytes_uploaded;          /* host to device */
    uint64_t downloads, bytes_downloaded;      /* device to host */
    uint64_t copies;                           /* within the device */
    uint64_t launches, recordings_run;         /* kernels given to its queue, or put into a list; lists given to it */
    uint64_t programs_built, programs_read;    /* compiled; taken from the files of NUMC_CACHE */
} numc_device_statistics;

/* Counters of a context since it was opened; all lanes together. Transfers here are those that the library asked for, of the whole life
 * of the context; `device` has what the backend did for them. */
typedef struct numc_statistics {
    uint64_t arrays_live, arrays_made;
    uint64_t bytes_live, bytes_peak; /* device buffers */
    uint64_t kernels_built, kernels_run;
    uint64_t fallbacks;           /* operations that ran on the host because the backend lacks them */
    uint64_t bytes_downloaded, bytes_uploaded;
    uint64_t programs_native; /* traced programs that got native code */
    numc_device_statistics device;
} numc_statistics;
/* Fills `size` bytes of it: an older header's struct is shorter. INVALID_ARGUMENT for NULL; no error is set. */
NUMC_API numc_status numc_statistics_get_sized(const numc_context *context, numc_statistics *statistics, size_t size);
static inline numc_status numc_statistics_get(const numc_context *context, numc_statistics *statistics)
{
    return numc_statistics_get_sized(context, statistics, sizeof(numc_statistics));
}

#ifdef __cplusplus
}
#endif
#endif
