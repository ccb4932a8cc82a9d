/* internal.h - internal: the array header, its three kinds of content, and the one door every array function ends in. */
#ifndef NUMC_ARRAY_INTERNAL_H
#define NUMC_ARRAY_INTERNAL_H

#include "array/primitive.h"
#include "backend/device.h"
#include "base/context.h"

/* A block of device memory, shared by views; counted atomically because lanes share it. */
typedef struct numc_buffer {
    numc_core *core;
    void *memory;
    uint64_t bytes; /* what was allocated: at least what was asked */
    _Atomic int64_t references;
    uint32_t size_class;      /* of the pool (buffer.c) */
    struct numc_array_core *pool;
    struct numc_buffer *next; /* in the pool */
    void (*foreign_release)(void *user); /* not NULL: memory of another owner, given back by this once, never pooled */
    void *foreign_user;
    bool shared; /* others may read the memory, or it may not be written: never written in place */
} numc_buffer;

typedef enum numc_content {
    NUMC_CONTENT_BUFFER,    /* strided view of a device buffer */
    NUMC_CONTENT_IMMEDIATE, /* every element has one host-known value (numbers, zeros, full): no memory; strides are 0 */
    NUMC_CONTENT_TRACED     /* a value of a graph being recorded; strides are 0 */
} numc_content;

typedef struct numc_trace numc_trace; /* src/graph: a recorder */

#define NUMC_INLINE_RANK 4
#define NUMC_SITE_SIZE 32
struct numc_array {
    uint32_t live; /* NUMC_ARRAY_LIVE while usable; a dead header waits in quarantine before it is used again */
    _Atomic uint32_t references; /* of the scope (1) and of numc_keep */
    uint64_t serial;
    numc_context *context; /* the lane it belongs to */
    int32_t primitive;     /* that made it, for messages; 0: data or a number */
    numc_content content;
    numc_dtype dtype;
    int32_t rank;
    bool weak; /* made from a C number: takes the other operand's dtype */
    uint8_t death; /* numc_death, once dead */
    int64_t inline_shape[NUMC_INLINE_RANK], inline_strides[NUMC_INLINE_RANK];
    int64_t *shape, *strides; /* the inline ones or an allocation of 2 rank */
    int64_t size, offset;     /* elements */
    numc_buffer *buffer;
    _Alignas(16) unsigned char immediate[16];
    numc_trace *trace;
    int32_t value; /* id in the trace's graph */
    struct numc_array *concrete; /* dynamic mode: the value of a traced array, which the trace's scope holds; it may be of a trace around */
    char site[NUMC_SITE_SIZE]; /* the model site that was being made, cut to fit; "" outside */
    numc_scope_frame *frame; /* NULL once its scope ended and only numc_keep holds it (then listed by the core) */
    struct numc_array *previous, *next; /* in the frame, in the core's list of kept arrays, or in quarantine */
};
#define NUMC_ARRAY_LIVE 0x6e756d63u
#define NUMC_ARRAY_DEAD 0x64656164u
typedef enum numc_death { NUMC_DEATH_SCOPE, NUMC_DEATH_RELEASE, NUMC_DEATH_ASSIGN, NUMC_DEATH_TRACE } numc_death;

/* That an array is live and belongs to the core of this context: DEAD_ARRAY, or STATE for one of another context. */
numc_status numc__array_own(numc_context *context, const numc_array *x, const char *operation);

/* The lane of an application: the deepest of the operands' lanes; operands of unrelated lanes are an error. Checks that each
 * operand is live (naming the dead one: "array #412 (multiply, site theta) died with its scope"). NULL with the error set,
 * or NULL quietly when an operand is NULL and an error is pending. */
numc_context *numc__lane_of(const numc_array *const *operands, int32_t count, const char *operation);

/* The one door. Inputs of one lane; traced inputs: recorded through the trace floor's hook; else run at once. Outputs belong to
 * the current scope. On failure outputs are NULL and the status is returned. */
numc_status numc__bind(numc_context *context, int32_t primitive, const numc_array *const *inputs, int32_t input_count,
                       const numc_attributes *attributes, numc_array **outputs, int32_t output_capacity);
/* One-output convenience; NULL on failure. */
numc_array *numc__bind1(numc_context *context, int32_t primitive, const numc_array *const *inputs, int32_t input_count,
                        const numc_attributes *attributes);

/* The type of numc_trace_fn (function.h). */
typedef void (*numc_body)(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                          int32_t output_count, void *user);

typedef struct numc_inference numc_inference; /* infer.h */

/* The graph floor registers how traced applications are recorded, what types control flow has, and how it runs on concrete arrays. */
typedef struct numc_trace_hooks {
    numc_status (*record)(numc_context *context, int32_t primitive, const numc_array *const *inputs, int32_t input_count,
                          const numc_attributes *attributes, numc_array **outputs, int32_t output_capacity);
    numc_status (*run_control)(numc_context *context, int32_t primitive, const numc_array *const *inputs,
                               int32_t input_count, const numc_attributes *attributes, numc_array **outputs,
                               int32_t output_capacity);
    /* One array made by `body` from the inputs, whose derivative is what `jvp` makes of inputs, result, and the tangents of
     * float inputs, as numc_function_custom_jvp has it: for compositions with a better derivative than their parts'. */
    numc_array *(*custom)(numc_context *context, numc_body body, numc_body jvp, void *user, const numc_array *const *inputs,
                          int32_t input_count);
    /* Operand k of the application of `primitive` that made x; NULL where x is not traced, was made otherwise, or on error. */
    const numc_array *(*operand)(numc_context *context, const numc_array *x, int32_t primitive, int32_t k);
    /* The types of what COND, SCAN, WHILE, CUSTOM and EXTERNAL make. */
    numc_status (*infer)(numc_inference *f);
} numc_trace_hooks;
const numc_trace_hooks *numc__trace_hooks(void); /* defined in src/graph: a static const table */

/* Through a lower Cholesky factor l of a = l l' (positive.c): log det a, (..); with a right side b of the same batch axes, not NULL, that
 * plus b' inv(a) b of each of its columns, (.., K). positive_matrix: a, whose lower triangle counts, where l is real, traced and what
 * numc_linalg_cholesky made of it, else NULL. There derivatives go by a and not by l, which takes n^3 for inv(a) instead of 13/3 n^3. */
numc_array *numc__positive_deviance(numc_context *context, const numc_array *l, const numc_array *b);
const numc_array *numc__positive_matrix(numc_context *context, const numc_array *l);
/* The lower triangle with its diagonal halved, h: the symmetric matrix of which it is read is h + h'. */
numc_array *numc__lower_half(const numc_array *x);

/* Headers. New arrays join the lane's innermost scope. */
numc_array *numc__array_new(numc_context *context, numc_dtype dtype, int32_t rank, const int64_t *shape);
numc_status numc__array_check(const numc_array *x, numc_context *context, const char *operation); /* live and untied */
/* Device memory taken, for bytes_live and bytes_peak; what is given back is subtracted from core->bytes_live. */
void numc__count_live(numc_core *core, uint64_t bytes);
numc_array *numc__array_new_buffer(numc_context *context, numc_dtype dtype, int32_t rank, const int64_t *shape);
numc_array *numc__array_new_view(numc_context *context, const numc_array *x, int32_t rank, const int64_t *shape,
                                 const int64_t *strides, int64_t offset);
/* Concrete complex x: a view of its real (0) or imaginary (1) part; of both, with one axis of size 2 more at the end. */
numc_array *numc__array_part(numc_context *context, const numc_array *x, int which);
numc_array *numc__array_parts(numc_context *context, const numc_array *x);
/* Concrete real x [..., 2], not immediate, as complex [...]: another header of its memory where that is laid out so. */
numc_array *numc__array_joined(numc_context *context, const numc_array *x);
numc_array *numc__array_new_immediate(numc_context *context, numc_dtype dtype, int32_t rank, const int64_t *shape,
                                      const void *value);
numc_array *numc__array_new_traced(numc_context *context, numc_trace *trace, int32_t value, const numc_type *type);
/* The value behind an array: itself, or what a traced one stands for in dynamic mode; NULL where it has none. */
static inline const numc_array *numc__array_value(const numc_array *x)
{
    while (x != NULL && x->content == NUMC_CONTENT_TRACED)
        x = x->concrete != NULL && x->concrete->live == NUMC_ARRAY_LIVE ? x->concrete : NULL;
    return x;
}
/* Another header for the same value: what an identity returns. */
numc_array *numc__array_alias(numc_context *context, const numc_array *x);
/* Hands an array of an inner scope of the lane to an outer one. */
void numc__array_move(numc_array *x, numc_scope_frame *frame);
/* For the end of a trace: its arrays that numc_keep still holds become dead; scopes see to the others. */
void numc__array_trace_end(numc_context *context, const numc_trace *trace);
/* "array #412 (multiply, site theta)" */
void numc__array_describe(char *text, size_t size, const numc_array *x);
bool numc__array_is_contiguous(const numc_array *x);
/* x as a buffer, row-major contiguous (x itself when it is). */
numc_array *numc__array_contiguous(numc_context *context, const numc_array *x);
/* Buffers from the core's caching pool; `bytes` 0 is allowed. Release may be called from any thread. */
numc_buffer *numc__buffer_new(numc_context *context, uint64_t bytes);
void numc__buffer_release(numc_buffer *buffer);
/* Memory of another owner on a unified device, one reference; `release` is called once, by whichever thread drops the last,
 * with no lock held. NULL with MEMORY set: `release` was not called. */
numc_buffer *numc__buffer_foreign(numc_context *context, void *memory, bool shared, void (*release)(void *user), void *user);
/* "float64[3, 4]" */
void numc__type_format(char *text, size_t size, numc_dtype dtype, int32_t rank, const int64_t *shape);

/* The device, found without a lock once the lane has used it. NULL with the error set. */
numc_backend_device *numc__array_device(numc_context *context);

/* Conversions of one host value between dtypes, as backend.h tells them: floats to integers truncate and saturate, NaN gives 0. */
void numc__value_convert(numc_dtype to, void *target, numc_dtype from, const void *source);

/* The dtype of the parts of a complex dtype, other dtypes themselves; and the complex dtype of such parts. */
static inline numc_dtype numc__part_dtype(numc_dtype dtype)
{
    return dtype == NUMC_COMPLEX64 ? NUMC_FLOAT32 : dtype == NUMC_COMPLEX128 ? NUMC_FLOAT64 : dtype;
}
static inline numc_dtype numc__complex_dtype(numc_dtype part)
{
    return part == NUMC_FLOAT32 ? NUMC_COMPLEX64 : NUMC_COMPLEX128;
}
static inline bool numc__is_complex(numc_dtype dtype)
{
    return dtype == NUMC_COMPLEX64 || dtype == NUMC_COMPLEX128;
}

/* A real number of a call as a double: not an array, not a complex number. */
static inline double numc__number_real(const numc_operand *number)
{
    return number->kind == NUMC_OPERAND_REAL       ? number->value.real
           : number->kind == NUMC_OPERAND_UNSIGNED ? (double)(uint64_t)number->value.integer
                                                   : (double)number->value.integer;
}

/* Promotion as array.h tells it; NUMC_DTYPE_DEFAULT where there is none. */
numc_dtype numc__promote(numc_dtype a, numc_dtype b);
/* Python-like text of a shape: "[3, 4]". Returns text. */
const char *numc__shape_format(char *text, size_t size, int32_t rank, const int64_t *shape);
/* A list of a call: its count is not negative and its values are there; INVALID_ARGUMENT naming the function otherwise. */
numc_status numc__list_check(numc_context *context, const char *name, numc_shape list);
/* The same of a shape, and at most NUMC_RANK_MAXIMUM axes. */
numc_status numc__shape_check(numc_context *context, const char *name, numc_shape shape);
/* An axis in [-rank, rank) made non-negative; -1 with an INDEX error naming the function. */
int32_t numc__axis_normalize(numc_context *context, const char *name, int64_t axis, int32_t rank);

/* An operand as an array of the lane: numbers become weak immediates. `other` guides the dtype of a number. */
numc_array *numc__operand_array(numc_context *context, numc_operand operand, const numc_array *other);

/* Promotes and broadcasts operands to one dtype and shape: what every elementwise function does first. */
numc_status numc__prepare_elementwise(numc_context *context, const char *name, numc_operand *operands, int32_t count,
                                      bool to_float, const numc_array **arrays);
/* The elementwise door used by array.h, special.h, random.h: operands promoted (to_float: integers become the default float),
 * broadcast, bound. Floors that add scalar primitives call only this. */
numc_array *numc__elementwise(const char *name, int32_t primitive, const numc_operand *operands, int32_t count, bool to_float);

#endif
