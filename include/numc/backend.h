/* backend.h - for authors of backends: the contract between the host (libnumc) and a plugin.
 *
 * A plugin is a shared object that exports one symbol, numc_backend_query, and links nothing of libnumc's: what it needs
 * from the host comes as a table of functions when a device is opened. Tables and descriptors begin with their size, use
 * fixed-width types, and only grow at their ends. Status values are numc_status codes as int32_t. DEVICE says that the device is lost,
 * and is answered by whatever is asked of it from then on; after any other status (MEMORY; BACKEND for what else fails in a vendor's
 * library) it can be used as before. The host adds a sentence about that to the message.
 *
 * Required: devices, memory, kernels, matmul. Everything else is optional (NULL): the host then downloads the operands, runs
 * its reference code and uploads the result, which it counts, logs once per operation, and refuses if the user forbids it. */
#ifndef NUMC_BACKEND_H
#define NUMC_BACKEND_H

#include "numc/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NUMC_BACKEND_ABI 1u

/* ---- scalar operations ------------------------------------------------------------------------------------------------
 * X(code, NAME, name, arity, operands, result): the leaves of kernels, and the elementwise primitives of the array floor.
 * operands: which dtype kinds the operands may have (all operands have the node's dtype, exceptions noted);
 * result: SAME as the operands, BOOL, or a named rule. Codes never change. Definitions: the array API standard 2025.12 for
 * the names it has; otherwise the sentence beside the row. ref's implementation is the reference.
 * Integers wrap around in two's complement. Division by the integer 0: floor_divide and remainder give 0. A shift count outside
 * [0, width): left gives 0, right gives the sign (0 or -1). pow of integers with a negative exponent: the quotient truncated, 0
 * for base 0. maximum(x, y) is x when x > y or x is NaN, else y; minimum likewise. convert: integers to integers wrap, anything
 * to bool is x != 0, floats to integers truncate and saturate, NaN gives 0. Bools are one byte, 0 or 1. */
#define NUMC_SCALAR_TABLE(X)                                                                       \
    /* the result's dtype is the node's, the operand's is its register's */                        \
    X(1, CONVERT, convert, 1, ANY, NODE)                                                           \
    X(10, NEGATIVE, negative, 1, NUMERIC, SAME)                                                    \
    X(11, ABS, abs, 1, NUMERIC, SAME)                                                              \
    X(12, SIGN, sign, 1, NUMERIC, SAME)                                                            \
    X(13, FLOOR, floor, 1, FLOAT, SAME)                                                            \
    X(14, CEIL, ceil, 1, FLOAT, SAME)                                                              \
    X(15, TRUNC, trunc, 1, FLOAT, SAME)                                                            \
    X(16, ROUND, round, 1, FLOAT, SAME)                                                            \
    X(17, SQRT, sqrt, 1, FLOAT, SAME)                                                              \
    X(18, SQUARE, square, 1, NUMERIC, SAME)                                                        \
    X(19, RECIPROCAL, reciprocal, 1, FLOAT, SAME)                                                  \
    X(20, EXP, exp, 1, FLOAT, SAME)                                                                \
    X(21, EXPM1, expm1, 1, FLOAT, SAME)                                                            \
    X(22, LOG, log, 1, FLOAT, SAME)                                                                \
    X(23, LOG1P, log1p, 1, FLOAT, SAME)                                                            \
    X(24, LOG2, log2, 1, FLOAT, SAME)                                                              \
    X(25, LOG10, log10, 1, FLOAT, SAME)                                                            \
    X(26, SIN, sin, 1, FLOAT, SAME)                                                                \
    X(27, COS, cos, 1, FLOAT, SAME)                                                                \
    X(28, TAN, tan, 1, FLOAT, SAME)                                                                \
    X(29, ASIN, asin, 1, FLOAT, SAME)                                                              \
    X(30, ACOS, acos, 1, FLOAT, SAME)                                                              \
    X(31, ATAN, atan, 1, FLOAT, SAME)                                                              \
    X(32, SINH, sinh, 1, FLOAT, SAME)                                                              \
    X(33, COSH, cosh, 1, FLOAT, SAME)                                                              \
    X(34, TANH, tanh, 1, FLOAT, SAME)                                                              \
    X(35, ASINH, asinh, 1, FLOAT, SAME)                                                            \
    X(36, ACOSH, acosh, 1, FLOAT, SAME)                                                            \
    X(37, ATANH, atanh, 1, FLOAT, SAME)                                                            \
    X(38, ISNAN, isnan, 1, FLOAT, BOOL)                                                            \
    X(39, ISINF, isinf, 1, FLOAT, BOOL)                                                            \
    X(40, ISFINITE, isfinite, 1, FLOAT, BOOL)                                                      \
    X(41, SIGNBIT, signbit, 1, FLOAT, BOOL)                                                        \
    X(42, LOGICAL_NOT, logical_not, 1, BOOLEAN, BOOL)                                              \
    X(43, BITWISE_INVERT, bitwise_invert, 1, INTEGRAL, SAME)                                       \
    /* special functions: lgamma(x) = log|Gamma(x)|, digamma its derivative, trigamma the second */ \
    X(60, LGAMMA, lgamma, 1, FLOAT, SAME)                                                          \
    X(61, DIGAMMA, digamma, 1, FLOAT, SAME)                                                        \
    X(62, TRIGAMMA, trigamma, 1, FLOAT, SAME)                                                      \
    X(63, ERF, erf, 1, FLOAT, SAME)                                                                \
    X(64, ERFC, erfc, 1, FLOAT, SAME)                                                              \
    X(65, ERFINV, erfinv, 1, FLOAT, SAME)                                                          \
    /* standard normal distribution function, its logarithm, its inverse */                       \
    X(66, NDTR, ndtr, 1, FLOAT, SAME)                                                              \
    X(67, LOG_NDTR, log_ndtr, 1, FLOAT, SAME)                                                      \
    X(68, NDTRI, ndtri, 1, FLOAT, SAME)                                                            \
    /* 1/(1+exp(-x)); log(x/(1-x)); log(1+exp(x)); log(1-exp(x)) for x < 0 */                      \
    X(69, EXPIT, expit, 1, FLOAT, SAME)                                                            \
    X(70, LOGIT, logit, 1, FLOAT, SAME)                                                            \
    X(71, SOFTPLUS, softplus, 1, FLOAT, SAME)                                                      \
    X(72, LOG1MEXP, log1mexp, 1, FLOAT, SAME)                                                      \
    X(100, ADD, add, 2, NUMERIC, SAME)                                                             \
    X(101, SUBTRACT, subtract, 2, NUMERIC, SAME)                                                   \
    X(102, MULTIPLY, multiply, 2, NUMERIC, SAME)                                                   \
    X(103, DIVIDE, divide, 2, FLOAT, SAME)                                                         \
    X(104, FLOOR_DIVIDE, floor_divide, 2, REAL, SAME)                                              \
    X(105, REMAINDER, remainder, 2, REAL, SAME)                                                    \
    X(106, POW, pow, 2, NUMERIC, SAME)                                                             \
    X(107, ATAN2, atan2, 2, FLOAT, SAME)                                                           \
    X(108, HYPOT, hypot, 2, FLOAT, SAME)                                                           \
    X(109, LOGADDEXP, logaddexp, 2, FLOAT, SAME)                                                   \
    X(110, MAXIMUM, maximum, 2, REAL, SAME)                                                        \
    X(111, MINIMUM, minimum, 2, REAL, SAME)                                                        \
    X(112, COPYSIGN, copysign, 2, FLOAT, SAME)                                                     \
    X(113, NEXTAFTER, nextafter, 2, FLOAT, SAME)                                                   \
    X(114, EQUAL, equal, 2, ANY, BOOL)                                                             \
    X(115, NOT_EQUAL, not_equal, 2, ANY, BOOL)                                                     \
    X(116, LESS, less, 2, REAL, BOOL)                                                              \
    X(117, LESS_EQUAL, less_equal, 2, REAL, BOOL)                                                  \
    X(118, GREATER, greater, 2, REAL, BOOL)                                                        \
    X(119, GREATER_EQUAL, greater_equal, 2, REAL, BOOL)                                            \
    X(120, LOGICAL_AND, logical_and, 2, BOOLEAN, BOOL)                                             \
    X(121, LOGICAL_OR, logical_or, 2, BOOLEAN, BOOL)                                               \
    X(122, LOGICAL_XOR, logical_xor, 2, BOOLEAN, BOOL)                                             \
    X(123, BITWISE_AND, bitwise_and, 2, INTEGRAL, SAME)                                            \
    X(124, BITWISE_OR, bitwise_or, 2, INTEGRAL, SAME)                                              \
    X(125, BITWISE_XOR, bitwise_xor, 2, INTEGRAL, SAME)                                            \
    X(126, BITWISE_LEFT_SHIFT, bitwise_left_shift, 2, INTEGRAL, SAME)                              \
    X(127, BITWISE_RIGHT_SHIFT, bitwise_right_shift, 2, INTEGRAL, SAME)                            \
    /* x log y and x log1p y, 0 where x = 0 and y is not NaN */                                    \
    X(140, XLOGY, xlogy, 2, FLOAT, SAME)                                                           \
    X(141, XLOG1PY, xlog1py, 2, FLOAT, SAME)                                                       \
    /* polygamma(n, x): n-th derivative of digamma, n a non-negative whole number */               \
    X(142, POLYGAMMA, polygamma, 2, FLOAT, SAME)                                                   \
    /* log |B(a, b)| */                                                                            \
    X(143, BETALN, betaln, 2, FLOAT, SAME)                                                         \
    /* regularised incomplete gamma P(a, x), Q(a, x); dP/da; inverses of P and of Q in x */        \
    X(144, GAMMAINC, gammainc, 2, FLOAT, SAME)                                                     \
    X(145, GAMMAINCC, gammaincc, 2, FLOAT, SAME)                                                   \
    X(146, GAMMAINC_DA, gammainc_da, 2, FLOAT, SAME)                                               \
    X(147, GAMMAINCINV, gammaincinv, 2, FLOAT, SAME)                                               \
    X(148, GAMMAINCCINV, gammainccinv, 2, FLOAT, SAME)                                             \
    /* condition bool, then two operands of the node's dtype */                                    \
    X(200, WHERE, where, 3, SELECT, SAME)                                                          \
    /* a b + c rounded once */                                                                     \
    X(201, FMA, fma, 3, FLOAT, SAME)                                                               \
    /* regularised incomplete beta I_x(a, b) with operands (a, b, x); its derivatives in a and b; inverse in x */ \
    X(210, BETAINC, betainc, 3, FLOAT, SAME)                                                       \
    X(211, BETAINC_DA, betainc_da, 3, FLOAT, SAME)                                                 \
    X(212, BETAINC_DB, betainc_db, 3, FLOAT, SAME)                                                 \
    X(213, BETAINCINV, betaincinv, 3, FLOAT, SAME)                                                 \
    /* Threefry-2x32: (key uint64 = k0 << 32 | k1, counter uint64) -> out0 << 32 | out1 uint64 */  \
    X(230, RANDOM_BITS, random_bits, 2, RANDOM, UINT64)                                            \
    /* one draw per (key uint64, counter uint64, parameters float): results float of the node's dtype */ \
    X(231, RANDOM_NORMAL, random_normal, 2, RANDOM, NODE)                                          \
    X(232, RANDOM_EXPONENTIAL, random_exponential, 2, RANDOM, NODE)                                \
    X(233, RANDOM_GAMMA, random_gamma, 3, RANDOM, NODE)                                            \
    X(234, RANDOM_LOGGAMMA, random_loggamma, 3, RANDOM, NODE)                                      \
    X(235, RANDOM_POISSON, random_poisson, 3, RANDOM, NODE)                                        \
    X(236, RANDOM_BINOMIAL, random_binomial, 4, RANDOM, NODE)

typedef enum numc_scalar {
#define NUMC_X(code, upper, lower, arity, operands, result) NUMC_SCALAR_##upper = code,
    NUMC_SCALAR_TABLE(NUMC_X)
#undef NUMC_X
    NUMC_SCALAR_LIMIT = 256
} numc_scalar;

/* ---- kernels ------------------------------------------------------------------------------------------------------------
 * A kernel is a tree of loops written as a list of nodes in program order; a loop node is closed by its END node. Registers
 * are numbered, typed, assigned before use, each by exactly one node (a carried register by its CARRY, and its UPDATE); a
 * register assigned outside a loop is visible inside it, one assigned inside is not visible after END except as said below.
 *
 *   PARALLEL    iterations are independent.
 *   REDUCE      ACCUMULATE nodes directly inside combine one value per iteration; their registers hold the result after END.
 *               Order, for every backend that promises the same bits: with n iterations, lane l of 8 combines iterations
 *               i = l mod 8 in increasing i, starting from the operation's identity; the lanes combine as
 *               ((0+4)+(2+6)) + ((1+5)+(3+7)). Max and min combine as maximum(so far, next). Argmax and argmin of no iteration
 *               give 0.
 *   SEQUENTIAL  iterations in order. CARRY nodes before the loop start registers; UPDATE nodes inside give their values for the
 *               next iteration, all at once at the iteration's end; after END the registers hold the last values.
 *   WHILE       as SEQUENTIAL, without extent: a CONTINUE node directly inside ends the loop when its operand is false, before
 *               any later node of the body has run; the updates of that iteration do not happen.
 *
 * UPDATE nodes stand directly inside their loop, one for each carried register at most. A local array is private to an iteration
 * of the outermost loop; its content is undefined at the start of one. An extent below 0 counts as 0.
 *
 * A load or store of access a, in loops d = 0..depth-1 (outermost first) with indices i_d, touches the element
 *   offset(a) + sum_d stride(a, d) i_d + stride(a, depth_max) * index register (int64, when operands[0] (load) or
 *   operands[1] (store) is not negative and names one)
 * of its buffer. Extents, offsets, strides (in elements) and constants are run-time arguments.
 * Levels: 1 PARALLEL nests and one REDUCE innermost, one loop nest per kernel; 2 several loops in sequence and nested;
 * 3 SEQUENTIAL, WHILE, register extents and local arrays. */
typedef enum numc_node_kind {
    NUMC_NODE_PARALLEL = 1,  /* extent: index of a run-time extent, or operands[0] >= 0: an int64 register (level 3) */
    NUMC_NODE_REDUCE = 2,    /* likewise */
    NUMC_NODE_SEQUENTIAL = 3,
    NUMC_NODE_WHILE = 4,
    NUMC_NODE_END = 5,       /* extent: index of the loop node it closes */
    NUMC_NODE_SCALAR = 10,   /* result = operation(operands) */
    NUMC_NODE_CONSTANT = 11, /* result = constants[extent] */
    NUMC_NODE_INDEX = 12,    /* result (int64) = index of the enclosing loop at depth extent */
    NUMC_NODE_LOAD = 13,     /* result = access[extent] */
    NUMC_NODE_STORE = 14,    /* access[extent] = operands[0] */
    NUMC_NODE_ACCUMULATE = 15, /* result combines operands[0] by `operation`, a numc_reduction */
    NUMC_NODE_CARRY = 16,    /* result = operands[0], before the loop */
    NUMC_NODE_UPDATE = 17,   /* carried register result takes operands[0] at the end of the iteration */
    NUMC_NODE_CONTINUE = 18,
    NUMC_NODE_LOCAL_LOAD = 19, /* result = local[extent][operands[0]] */
    NUMC_NODE_LOCAL_STORE = 20 /* local[extent][operands[0]] = operands[1] */
} numc_node_kind;

typedef enum numc_reduction {
    NUMC_REDUCTION_SUM = 1,
    NUMC_REDUCTION_PROD = 2,
    NUMC_REDUCTION_MAX = 3, /* NaN wins; identity: lowest value of the dtype, -inf for floats */
    NUMC_REDUCTION_MIN = 4,
    NUMC_REDUCTION_ANY = 5, /* bool */
    NUMC_REDUCTION_ALL = 6, /* bool */
    NUMC_REDUCTION_ARGMAX = 7, /* result int64: first iteration that holds the extreme, a NaN counting as extreme */
    NUMC_REDUCTION_ARGMIN = 8
} numc_reduction;

typedef struct numc_kernel_node {
    uint32_t kind;      /* numc_node_kind */
    uint32_t operation; /* numc_scalar or numc_reduction */
    uint32_t dtype;     /* of the operation: operand dtype for SCALAR (result dtype where the table says NODE) */
    int32_t result;     /* register, or -1 */
    int32_t operands[4];
    int32_t extent;     /* see numc_node_kind */
    int32_t match;      /* loops: index of the END node; END: index of the loop */
} numc_kernel_node;

typedef enum numc_contiguity { /* along the innermost loop, a hint known when the kernel is built */
    NUMC_CONTIGUITY_ANY = 0,
    NUMC_CONTIGUITY_UNIT = 1,   /* stride 1 */
    NUMC_CONTIGUITY_UNIFORM = 2 /* stride 0 */
} numc_contiguity;

typedef struct numc_kernel_access {
    uint32_t buffer; /* which run-time buffer */
    uint32_t dtype;
    uint32_t writes; /* 0: loads, 1: stores */
    uint32_t contiguity;
} numc_kernel_access;

typedef struct numc_kernel_local {
    uint32_t dtype;
    uint32_t count;
} numc_kernel_local;

typedef struct numc_kernel_source {
    uint64_t size;
    uint32_t level;
    uint32_t node_count, register_count, access_count, local_count;
    uint32_t buffer_count, extent_count, constant_count;
    uint32_t depth; /* deepest nesting of loops */
    const numc_kernel_node *nodes;
    const uint32_t *register_dtypes;
    const numc_kernel_access *accesses;
    const numc_kernel_local *locals;
} numc_kernel_source;

typedef struct numc_kernel_arguments {
    void *const *buffers;     /* device memory, buffer_count; may lie in one allocation, but no element touched through one buffer is
                               * touched through another unless all its uses are loads */
    const int64_t *extents;   /* extent_count */
    const int64_t *offsets;   /* elements, access_count */
    const int64_t *strides;   /* elements, [access_count][depth + 1]: per loop depth, then the gathered index */
    const uint64_t *constants; /* constant_count; the value's bytes in its dtype from byte 0 */
} numc_kernel_arguments;

/* A strided array in device memory: element (i) is at memory + size * (offset + sum i_d strides_d). */
typedef struct numc_view {
    void *memory;
    int64_t offset; /* elements */
    uint32_t dtype;
    int32_t rank;
    const int64_t *shape;
    const int64_t *strides; /* elements; may be zero or negative for operands */
} numc_view;

/* ---- the host's functions ------------------------------------------------------------------------------------------------ */
typedef struct numc_host numc_host;
typedef void (*numc_host_task)(void *user, int64_t index);

typedef enum numc_dialect {
    NUMC_DIALECT_C = 1,
    NUMC_DIALECT_OPENCL = 2,
    NUMC_DIALECT_CUDA = 3,
    NUMC_DIALECT_GROUPS = 0x100, /* added to OPENCL or CUDA: see kernel_emit */
    NUMC_DIALECT_WORDS = 64      /* no dialect: the most words passed by value */
} numc_dialect;

struct numc_host {
    uint64_t size;
    uint32_t abi;
    uint32_t reserved;
    void *user; /* pass it back to every function here */
    void *(*allocate)(void *user, void *pointer, size_t old_size, size_t size); /* realloc-shaped */
    void (*log)(void *user, int32_t level, const char *line);
    /* Records the message of the error whose code the slot then returns; valid on the calling thread. Returns `status`. */
    int32_t (*error)(void *user, int32_t status, const char *message);
    int32_t (*thread_count)(void *user);
    void (*parallel_for)(void *user, int64_t count, numc_host_task body, void *task);
    /* Runs a kernel on host memory with the reference interpreter. */
    int32_t (*kernel_interpret)(void *user, const numc_kernel_source *source,
                                const numc_kernel_arguments *arguments);
    /* The reference implementation of one scalar operation at one dtype, or NULL: result and operands point to single values.
     * For CONVERT the dtype is (from << 8 | to). */
    void (*(*scalar_function)(void *user, uint32_t operation, uint32_t dtype))(void *result,
                                                                               const void *const *operands);
    /* Text of a kernel as one function `name` in a dialect, with the interpreter's bits when compiled without contraction. It
     * includes "kernel/kernel.h", the scalar kernel. Allocated by `allocate`; text_size counts the terminating zero. In C the
     * function takes the members of numc_kernel_arguments in their order.
     * In OpenCL C and CUDA C it takes the buffers as separate arguments, then the words: extents, offsets, strides and constants,
     * one array after the other, 64 bits each; by value in a struct where they are at most NUMC_DIALECT_WORDS, else as a pointer to
     * device memory. Parallel loops, each alone in the one around it, are one loop over all their iterations. Work items share
     * it, in one dimension, any number of them; a kernel that does not begin with such a loop runs on one. With
     * NUMC_DIALECT_GROUPS a work group of NUMC_E_GROUP items (a macro, a power of 2; 128 where it is not defined before the text) runs each of its
     * iterations, so that their product is the number of groups (1 without such loops), and the items share the parallel and
     * reduce loops directly inside: item i takes iterations i, i + NUMC_E_GROUP, ..., and what the items have combines by halves. All
     * else there is done by every item alike, so it may not read what the kernel stores; sequential and while loops do not
     * stand there, nor are there local arrays. */
    int32_t (*kernel_emit)(void *user, const numc_kernel_source *source, uint32_t dialect,
                           const char *name, char **text, uint64_t *text_size);
    /* Bytes kept between runs under a key, in the private folder of NUMC_CACHE: what compilers make, say. The key is all they depend
     * on. find: a copy, allocated by `allocate`, or NULL; put fails silently, as a cache may. */
    void *(*cache_find)(void *user, const char *key, uint64_t key_size, uint64_t *size);
    void (*cache_put)(void *user, const char *key, uint64_t key_size, const void *bytes, uint64_t size);
};

/* ---- the plugin's table -------------------------------------------------------------------------------------------------- */
/* The plugin's own, but its first member is the `const numc_host *` given to device_open, so that the host knows whose device
 * it sees when it fills in for a missing slot. The loader checks it. */
typedef struct numc_device numc_device;
typedef struct numc_kernel numc_kernel;
typedef struct numc_launch numc_launch;
typedef struct numc_routine numc_routine;
typedef struct numc_recording numc_recording;
typedef struct numc_transfer numc_transfer;

typedef struct numc_device_info {
    uint64_t size;
    char name[128];
    char driver[128];
    uint64_t memory_bytes; /* 0: unknown */
    uint32_t float64;      /* 1: supported */
    uint32_t unified;      /* 1: memory pointers are host pointers */
    uint32_t kernel_level; /* 1, 2 or 3 */
    uint32_t alignment;    /* of allocations, bytes */
    /* 1: matmul without accumulation, float32 or float64, rounds each product and each sum, in this order: a row-major matrix (unit
     * column step) times a vector of unit step sums each row in 8 lanes, element k in lane k mod 8, joined as sums of kernels
     * are; a transposed one (unit row step), of more than one row, times a vector adds its columns to 0 in turn. Programs in
     * native code then multiply by themselves.
     * 2: also, of float32 and float64 matrices of at most 32 rows and columns: other products add to 0 in the order of k (a vector times
     * a matrix counts as the transposed matrix times the vector); cholesky, triangular_solve and lu subtract products one by one,
     * in the order of k or, upwards, in that in which elements become known, and then divide; cholesky_inverse goes by the loops of
     * src/kernel/matrix.h. */
    uint32_t ordered_products;
    uint32_t dialect; /* numc_dialect of the text that routine_build takes; 0: none */
} numc_device_info;

/* A function of the host's own, run for each of `items` numbers. The text follows the scalar kernel (src/kernel/kernel.h), which the plugin
 * puts in front of it.
 * In OpenCL C and CUDA C an entry point whose parameters are the buffers (device memory), then items and the numbers, all int64; work items
 * are in one dimension, and may be more than `items`. In C, with the macro NUMC_KERNEL_ENTRIES defined in front: void name(void *const *buffers, const int64_t *numbers, int64_t item). */
typedef struct numc_routine_source {
    uint64_t size;
    const char *text;
    uint64_t text_size; /* without the terminating zero */
    const char *name;
    uint32_t buffer_count, number_count;
} numc_routine_source;

typedef struct numc_matmul_options { /* c = a b + (accumulate ? c : 0) on the last two axes; batch axes already broadcast */
    uint64_t size;
    uint32_t accumulate;
} numc_matmul_options;

typedef struct numc_backend {
    uint64_t size;
    uint32_t abi;           /* NUMC_BACKEND_ABI the plugin was built with */
    uint32_t reserved;
    const char *build_id;   /* text that identifies the build; compared only by experimental slots */
    const char *name;       /* "cpu" */
    const char *description;

    /* Devices: required. Listing allocates nothing on a device. */
    int32_t (*device_count)(const numc_host *host, int32_t *count);
    int32_t (*device_describe)(const numc_host *host, int32_t index, numc_device_info *info);
    int32_t (*device_open)(const numc_host *host, int32_t index, numc_device **device); /* host lives as long as device */
    void (*device_close)(numc_device *device);

    /* Memory: required. One in-order queue per device; upload and download return when the host memory may be reused. */
    int32_t (*memory_allocate)(numc_device *device, uint64_t bytes, void **memory);
    void (*memory_release)(numc_device *device, void *memory, uint64_t bytes);
    int32_t (*memory_upload)(numc_device *device, void *memory, uint64_t offset, const void *host, uint64_t bytes);
    int32_t (*memory_download)(numc_device *device, const void *memory, uint64_t offset, void *host, uint64_t bytes);
    int32_t (*memory_copy)(numc_device *device, void *to, uint64_t to_offset, const void *from,
                           uint64_t from_offset, uint64_t bytes);
    int32_t (*synchronize)(numc_device *device);

    /* Kernels: required. A kernel is immutable and may be run from several threads when the device says nothing else; a
     * build may copy what it needs, `source` is not kept. UNSUPPORTED from build: the host splits or falls back. */
    int32_t (*kernel_build)(numc_device *device, const numc_kernel_source *source, numc_kernel **kernel);
    int32_t (*kernel_run)(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *arguments);
    void (*kernel_release)(numc_device *device, numc_kernel *kernel);
    /* Optional as a group: a kernel with its arguments resolved once and run many times without allocating. A launch is
     * used by one thread at a time. */
    int32_t (*launch_prepare)(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *arguments,
                              numc_launch **launch);
    int32_t (*launch_run)(numc_device *device, numc_launch *launch);
    void (*launch_release)(numc_device *device, numc_launch *launch);

    /* Linear algebra. matmul: required. Others optional; views are batched over leading axes, outputs are row-major and
     * distinct from inputs. The status is OK when a matrix is not positive definite (cholesky: NaN in the lower triangle), or has
     * a zero on the diagonal (triangular_solve: all NaN; lu: left as a zero on U's diagonal). cholesky reads the lower triangle.
     * Complex dtypes: transposing does not conjugate, but where the comment says so; of a complex cholesky's diagonal the real
     * parts are read; lu's pivots are largest in |re| + |im|. */
    int32_t (*matmul)(numc_device *device, const numc_view *a, const numc_view *b, const numc_view *c,
                      const numc_matmul_options *options);
    /* a = l l', l' being the adjoint; l lower, its upper part zero */
    int32_t (*cholesky)(numc_device *device, const numc_view *a, const numc_view *l);
    /* x = inv(t) b, t lower (or upper) triangular, optionally with unit diagonal; transpose 1: inv(t transposed) b, 2: that of the
     * adjoint, transposed and conjugated */
    int32_t (*triangular_solve)(numc_device *device, const numc_view *t, const numc_view *b, const numc_view *x,
                                uint32_t upper, uint32_t transpose, uint32_t unit);
    /* P A = L U packed; permutation int32: row i of PA is row permutation[i] of A; sign: +1 or -1 (a's dtype, per matrix) */
    int32_t (*lu)(numc_device *device, const numc_view *a, const numc_view *lu, const numc_view *permutation,
                  const numc_view *sign);
    /* The next four: a float or complex dtype; "values" and s have the dtype of a's real parts. An infinity or NaN in what is
     * read of a matrix, or no convergence: the status is OK and all outputs of that matrix are NaN. Vectors are not unique:
     * any with a small residual will do.
     * qr: a (M, N); q (M, K) and r (K, N) with K = min(M, N), or the complete q (M, M), r (M, N). By reflections as LAPACK's: the
     * diagonal of r is real and may be negative, below it are zeros. */
    int32_t (*qr)(numc_device *device, const numc_view *a, const numc_view *q, const numc_view *r);
    /* eigh: a Hermitian, its lower triangle is read, and of its diagonal the real parts. values ascend; column i of vectors, which
     * are orthonormal, belongs to value i. vectors NULL: values only. */
    int32_t (*eigh)(numc_device *device, const numc_view *a, const numc_view *values, const numc_view *vectors);
    /* eig: values and vectors complex whatever a is, in no order; columns of length 1, the largest element of each real. vectors
     * NULL: values only. */
    int32_t (*eig)(numc_device *device, const numc_view *a, const numc_view *values, const numc_view *vectors);
    /* svd: a = u diag(s) vh; u (M, K) and vh (K, N), or the full u (M, M), vh (N, N): all orthonormal also where a is singular. s
     * descends. u and vh both NULL: values only. */
    int32_t (*svd)(numc_device *device, const numc_view *a, const numc_view *u, const numc_view *s, const numc_view *vh);

    /* Indexing and order: optional. Axis is non-negative. gather: y has the axes of `indices` (any integer dtype) in place of the
     * axis; an index outside the axis is clamped, and no memory outside x is touched. */
    int32_t (*gather)(numc_device *device, const numc_view *x, const numc_view *indices, int32_t axis, const numc_view *y);
    /* gather, scatter and cumulative sums and products take complex dtypes too.
     * y starts as x's copy (mode 0: set, 1: add); y[.., indices[j], ..] takes values[.., j, ..]; repeated indices in order;
     * an index outside the axis is dropped */
    int32_t (*scatter)(numc_device *device, const numc_view *y, const numc_view *indices, int32_t axis,
                       const numc_view *values, uint32_t mode);
    int32_t (*cumulative)(numc_device *device, const numc_view *x, int32_t axis, uint32_t reduction,
                          uint32_t reverse, const numc_view *y);
    /* values or indices (int64) may be NULL; NaN last; stable */
    int32_t (*sort)(numc_device *device, const numc_view *x, int32_t axis, uint32_t descending,
                    const numc_view *values, const numc_view *indices);
    int32_t (*search)(numc_device *device, const numc_view *sorted, const numc_view *values, uint32_t right,
                      const numc_view *indices);

    /* Fourier transform along one axis (non-negative), unscaled: y_k = sum_j x_j exp(direction 2 pi i j k / n); direction -1
     * forward, +1 backward; optional. n >= 1; the other extents are equal; x and y have one component dtype.
     *   complex to complex: both of length n.
     *   real to complex, forward: x of length n, y the first n/2+1 terms.
     *   complex to real, backward: y of length n, x the first n/2+1 terms; the others are their conjugates, and the imaginary
     *   parts of the first and (n even) of the last are ignored.
     * Any n takes time in O(n log n), with an error of O(eps log n) times the norm of the line. */
    int32_t (*fft)(numc_device *device, const numc_view *x, int32_t axis, int32_t direction, const numc_view *y);

    /* Whole programs: experimental until 1.0, offered only to a plugin with the host's own build id. */
    int32_t (*program_build)(numc_device *device, const void *graph, void **program);
    int32_t (*program_run)(numc_device *device, void *program, void *const *inputs, void *const *outputs);
    void (*program_release)(numc_device *device, void *program);

    /* Optional: the number of the device a user's text names ("0.1": second device of the first platform). Without it the text
     * is a number. */
    int32_t (*device_find)(const numc_host *host, const char *text, int32_t *index);

    /* Optional as a group, for devices that take text of the host's: state machines of samplers stay on the device with these. run
     * joins the queue; a routine is used by one thread at a time. */
    int32_t (*routine_build)(numc_device *device, const numc_routine_source *source, numc_routine **routine);
    int32_t (*routine_run)(numc_device *device, numc_routine *routine, void *const *buffers, const int64_t *numbers, int64_t items);
    void (*routine_release)(numc_device *device, numc_routine *routine);

    /* Optional as a group: a list of calls kept, to be given to the queue as one (a CUDA graph, say). Between begin and end nothing
     * runs of what the calling thread asks for by launch_run, kernel_run, routine_run, memory_copy and the slots of linear algebra,
     * indexing and order; other threads go on as ever. What cannot be kept (a transfer from or to the host, waiting) answers UNSUPPORTED, and
     * so does end then. end also ends a recording in which a call failed; `recording` is NULL unless it answers OK. The memory and the
     * launches that were named must outlive the recording, whose runs do as the calls did, with the same numbers as arguments. */
    int32_t (*recording_begin)(numc_device *device);
    int32_t (*recording_end)(numc_device *device, numc_recording **recording);
    int32_t (*recording_run)(numc_device *device, numc_recording *recording);
    void (*recording_release)(numc_device *device, numc_recording *recording);

    /* Optional, float32 and float64: w = inv(l l'), both its triangles, alike; the lower triangle of l is read. A zero or NaN on the
     * diagonal of l: all of w is NaN. */
    int32_t (*cholesky_inverse)(numc_device *device, const numc_view *l, const numc_view *w);

    /* Optional as a group: a download that is not waited for. begin puts it into the queue; end waits for it alone, and not for what
     * came behind it. `host` holds the bytes once end answered OK, and is left alone between the two; the transfer is over whatever end
     * answers. bytes > 0. */
    int32_t (*download_begin)(numc_device *device, const void *memory, uint64_t offset, void *host, uint64_t bytes,
                              numc_transfer **transfer);
    int32_t (*download_end)(numc_device *device, numc_transfer *transfer);

    /* Optional: what the device has counted. `size` is what the host knows of the struct; no byte beyond it is written, and it becomes what
     * the plugin knows of that. Any thread may ask, while others work. */
    int32_t (*device_statistics)(numc_device *device, numc_device_statistics *statistics);
} numc_backend;

/* The exported symbol. Returns a static table, or NULL when the plugin cannot speak any ABI up to max_abi. */
typedef const numc_backend *(*numc_backend_query_fn)(uint32_t max_abi);
#define NUMC_BACKEND_QUERY_NAME "numc_backend_query"

#ifdef __cplusplus
}
#endif
#endif
