/* state.h - internal to src/array: what the array floor keeps with the core and with a lane, and the calls between its files. */
#ifndef NUMC_ARRAY_STATE_H
#define NUMC_ARRAY_STATE_H

#include "array/internal.h"

#define NUMC_QUARANTINE 4096 /* dead headers wait until so many others died after them */
#define NUMC_BLOCK_HEADERS 64
#define NUMC_POOL_CLASSES 168    /* four per doubling from 64 bytes */
#define NUMC_MAGAZINE_CLASSES 40 /* of these (to 64 KiB) a lane keeps a few buffers without a lock */
#define NUMC_MAGAZINE_COUNT 16
#define NUMC_POOL_LIMIT ((uint64_t)256 << 20) /* bytes kept for reuse per core */
#define NUMC_KERNEL_BUCKETS 512
#define NUMC_RANK_MAXIMUM 32 /* of a public array; primitives may use twice that inside a function */

typedef struct numc_header_block {
    struct numc_header_block *next;
    numc_array headers[NUMC_BLOCK_HEADERS];
} numc_header_block;

/* A first-in first-out list through numc_array.next. */
typedef struct numc_header_queue {
    numc_array *first, *last;
    int64_t count;
} numc_header_queue;

typedef struct numc_kernel_entry {
    uint64_t key;
    numc_kernel *kernel;
    struct numc_kernel_entry *next;
    uint32_t constant_count; /* of the expansion of a complex operation; they follow the operands' */
    uint64_t constants[];
} numc_kernel_entry;

typedef struct numc_array_core {
    numc_core *core;
    pthread_mutex_t lock;
    numc_header_block *blocks;  /* all of them, freed at close */
    numc_header_queue dead;     /* released headers, and those of closed lanes */
    numc_array *kept;           /* whose scope ended while numc_keep held them */
    numc_buffer *pool[NUMC_POOL_CLASSES];
    uint64_t pool_bytes;
    _Atomic(numc_backend_device *) device;
    _Atomic(numc_kernel_entry *) kernels[NUMC_KERNEL_BUCKETS]; /* read without the lock; entries are only added */
} numc_array_core;

typedef struct numc_array_lane {
    numc_array_core *shared;
    numc_header_queue dead;
    numc_header_block *block; /* being handed out */
    int32_t block_used;
    uint8_t magazine_count[NUMC_MAGAZINE_CLASSES];
    numc_buffer *magazine[NUMC_MAGAZINE_CLASSES];
} numc_array_lane;

/* buffer.c: release by the lane's own thread, which may keep the buffer in its magazine. */
void numc__buffer_release_lane(numc_array_lane *lane, numc_buffer *buffer);
void numc__buffer_lane_end(numc_array_lane *lane); /* empties the magazine into the pool */
void numc__buffer_core_end(numc_array_core *shared);

/* kernel.c: an operand of a kernel, ready for its arguments. */
typedef struct numc_kernel_operand {
    numc_dtype dtype;
    bool immediate;
    const unsigned char *value; /* immediate: the value's bytes */
    void *memory;
    int64_t offset;
    const int64_t *strides; /* rank of the shape it is run with */
} numc_kernel_operand;

/* result = operation(operands), element by element over `shape`; the result is written where `result` says. operation
 * 0 copies its one operand. */
numc_status numc__kernel_elementwise(numc_context *context, uint32_t operation, numc_dtype dtype, int32_t rank,
                                     const int64_t *shape, const numc_kernel_operand *operands, int32_t count,
                                     const numc_kernel_operand *result);
/* result[outer] = reduction over n (stride) of operand. */
numc_status numc__kernel_reduce(numc_context *context, uint32_t reduction, int32_t rank, const int64_t *shape,
                                const numc_kernel_operand *operand, int64_t n, int64_t stride,
                                const numc_kernel_operand *result);
/* memory[i] = i for 0 <= i < n, in dtype. */
numc_status numc__kernel_iota(numc_context *context, numc_dtype dtype, int64_t n, void *memory);
void numc__kernel_core_end(numc_array_core *shared);
numc_kernel_operand numc__kernel_operand_of(const numc_array *x);

/* Ends the innermost scope and hands y to the one outside; an array that was not made in it stays where it is, and another
 * header of its value is given instead. */
numc_array *numc__scope_leave(numc_context *context, numc_array *y);
/* An array whose buffer went on to another header: only for one in a scope of its own lane, not kept. */
void numc__array_retire(numc_array *x);

/* value.c: host values. */
/* A number in an integer dtype: whole and in its range, or VALUE naming the function and the number. Every number fits a complex dtype
 * or bool, every real one a float. */
numc_status numc__number_fits(numc_context *context, const char *name, numc_dtype dtype, const numc_operand *number);
void numc__value_number(numc_dtype dtype, void *target, const numc_operand *number);
double numc__value_real(numc_dtype dtype, const void *source);
int64_t numc__value_integer(numc_dtype dtype, const void *source);
void numc__convert_many(numc_dtype to, void *target, numc_dtype from, const void *source, size_t count);

/* complex.c: one operation on complex numbers on the host; false when it cannot. dtype: the node's, or complex of CONVERT to
 * bool. re and im as one array; and what the standard's functions are for concrete or traced complex x. */
bool numc__complex_fold(uint32_t operation, numc_dtype dtype, const numc_kernel_operand *operands, int32_t count, void *value);
numc_array *numc__complex_of(numc_context *context, const numc_array *re, const numc_array *im);
numc_array *numc__complex_abs(const numc_array *x);
numc_array *numc__complex_sign(const numc_array *x);
/* x^n for a whole number |n| <= 64 as a product; NULL without an error for another exponent. */
numc_array *numc__complex_power(const numc_array *x, numc_operand exponent);
numc_array *numc__complex_round(const numc_array *x);
numc_array *numc__complex_test(const numc_array *x, numc_array *(*test)(const numc_array *), bool of_both);

/* elementwise.c */
/* Whether the elementwise primitive takes operands of this dtype: that of a node, or a complex one. */
bool numc__elementwise_admits(uint32_t operation, numc_dtype dtype);
numc_array *numc__convert(numc_context *context, const numc_array *x, numc_dtype dtype); /* alias when equal */
/* The same, but DTYPE naming the function where complex would become real. */
numc_array *numc__cast(numc_context *context, const char *name, const numc_array *x, numc_dtype dtype);
/* A constant of x's shape or any other. */
numc_array *numc__full(numc_context *context, numc_dtype dtype, int32_t rank, const int64_t *shape, double value);
/* a b of two sizes, INT64_MAX beyond it. */
static inline int64_t numc__size_multiply(int64_t a, int64_t b)
{
    return a != 0 && b > INT64_MAX / a ? INT64_MAX : a * b;
}
/* The shape several shapes broadcast to; false when they do not. */
bool numc__broadcast(int32_t count, const int32_t *ranks, const int64_t *const *shapes, int32_t *rank, int64_t *shape);

/* index.c: the row-major positions of true, int64, rank 1. A traced mask is an error. */
numc_array *numc__mask_positions(numc_context *context, const char *name, const numc_array *mask);
/* target with rows in place of those that `at` (int64, rank 1) names, along the first axis. */
numc_array *numc__scatter_rows(numc_context *context, const numc_array *target, const numc_array *at, const numc_array *rows);

/* shape.c: primitives with their attributes in place; each returns a new array or NULL. */
numc_array *numc__reshape(numc_context *context, const numc_array *x, int32_t rank, const int64_t *shape);
numc_array *numc__broadcast_to(numc_context *context, const numc_array *x, int32_t rank, const int64_t *shape);
numc_array *numc__permute(numc_context *context, const numc_array *x, const int32_t *axes);
numc_array *numc__slice(numc_context *context, const numc_array *x, const int64_t *start, const int64_t *count,
                        const int64_t *step);
/* `count` elements of one axis, from `start` by `step`; NULL passes through. */
numc_array *numc__slice_axis(numc_context *context, const numc_array *x, int32_t axis, int64_t start, int64_t count, int64_t step);
numc_array *numc__flip(numc_context *context, const numc_array *x, const bool *axes);
numc_array *numc__iota(numc_context *context, numc_dtype dtype, int32_t rank, const int64_t *shape, int32_t axis);
numc_array *numc__gather(numc_context *context, const numc_array *x, const numc_array *indices, int32_t axis);
numc_array *numc__stop(numc_context *context, const numc_array *x);

/* index.c: whether nobody else can see a write into x: one header without numc_keep, no view, every element its own. */
bool numc__array_is_alone(numc_context *context, const numc_array *x);

/* host.c: x converted to dtype into host memory of x's size; no header is made, so another lane's array may be read. */
numc_status numc__read(const numc_array *x, numc_context *errors, numc_dtype dtype, void *data);
/* Row-major copy, converted to dtype, of x's elements in host memory of which x->offset counts; x may be a bare description. */
void numc__copy_strided(const numc_array *x, const unsigned char *memory, numc_dtype dtype, unsigned char *target);

#endif
