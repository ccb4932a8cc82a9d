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
    uint64_t bytes;
    _Atomic int64_t references;
} numc_buffer;

typedef enum numc_content {
    NUMC_CONTENT_BUFFER,    /* strided view of a device buffer */
    NUMC_CONTENT_IMMEDIATE, /* every element has one host-known value (numbers, zeros, full): no memory */
    NUMC_CONTENT_TRACED     /* a value of a graph being recorded */
} numc_content;

typedef struct numc_trace numc_trace; /* src/graph: a recorder */

#define NUMC_INLINE_RANK 4
struct numc_array {
    uint32_t live; /* NUMC_ARRAY_LIVE while usable; a dead header waits in quarantine before it is used again */
    uint32_t references; /* of scope (1) and numc_keep */
    uint64_t serial;
    numc_context *context; /* the lane it belongs to */
    int32_t primitive;     /* that made it, for messages */
    numc_content content;
    numc_dtype dtype;
    int32_t rank;
    bool weak; /* made from a C number: takes the other operand's dtype */
    int64_t inline_shape[NUMC_INLINE_RANK], inline_strides[NUMC_INLINE_RANK];
    int64_t *shape, *strides; /* the inline ones or an allocation of 2 rank */
    int64_t size, offset;     /* elements */
    numc_buffer *buffer;
    unsigned char immediate[16];
    numc_trace *trace;
    int32_t value; /* id in the trace's graph */
    numc_scope_frame *frame;
    struct numc_array *previous, *next; /* in the frame */
};
#define NUMC_ARRAY_LIVE 0x6e756d63u

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

/* The graph floor registers how traced applications are recorded, and how COND and SCAN run on concrete arrays. */
typedef struct numc_trace_hooks {
    numc_status (*record)(numc_context *context, int32_t primitive, const numc_array *const *inputs, int32_t input_count,
                          const numc_attributes *attributes, numc_array **outputs, int32_t output_capacity);
    numc_status (*run_control)(numc_context *context, int32_t primitive, const numc_array *const *inputs,
                               int32_t input_count, const numc_attributes *attributes, numc_array **outputs,
                               int32_t output_capacity);
} numc_trace_hooks;
const numc_trace_hooks *numc__trace_hooks(void); /* defined in src/graph: a static const table */

/* Headers. New arrays join the lane's innermost scope. */
numc_array *numc__array_new(numc_context *context, numc_dtype dtype, int32_t rank, const int64_t *shape);
numc_array *numc__array_new_buffer(numc_context *context, numc_dtype dtype, int32_t rank, const int64_t *shape);
numc_array *numc__array_new_view(numc_context *context, const numc_array *x, int32_t rank, const int64_t *shape,
                                 const int64_t *strides, int64_t offset);
numc_array *numc__array_new_immediate(numc_context *context, numc_dtype dtype, int32_t rank, const int64_t *shape,
                                      const void *value);
numc_array *numc__array_new_traced(numc_context *context, numc_trace *trace, int32_t value, const numc_type *type);
bool numc__array_is_contiguous(const numc_array *x);
/* x as a buffer, row-major contiguous (x itself when it is). */
numc_array *numc__array_contiguous(numc_context *context, const numc_array *x);
/* Buffers from the core's caching pool. */
numc_buffer *numc__buffer_new(numc_context *context, uint64_t bytes);
void numc__buffer_release(numc_buffer *buffer);
/* "float64[3, 4]" */
void numc__type_format(char *text, size_t size, numc_dtype dtype, int32_t rank, const int64_t *shape);

/* Conversions of one host value between dtypes, exact where representable (float to integer truncates). */
void numc__value_convert(numc_dtype to, void *target, numc_dtype from, const void *source);

/* An operand as an array of the lane: numbers become weak immediates. `other` guides the dtype of a number. */
numc_array *numc__operand_array(numc_context *context, numc_operand operand, const numc_array *other);

/* Promotes and broadcasts operands to one dtype and shape: what every elementwise function does first. */
numc_status numc__prepare_elementwise(numc_context *context, const char *name, numc_operand *operands, int32_t count,
                                      bool to_float, const numc_array **arrays);
/* The elementwise door used by array.h, special.h, random.h: operands promoted (to_float: integers become the default float),
 * broadcast, bound. Floors that add scalar primitives call only this. */
numc_array *numc__elementwise(const char *name, int32_t primitive, const numc_operand *operands, int32_t count, bool to_float);

#endif
