/* device.h - internal: the backend floor as the floors below it see it: the core's opened device, memory and calls.
 *
 * Every slot of numc__device is non-NULL: the loader fills optional ones with host fallbacks that count and log. */
#ifndef NUMC_BACKEND_DEVICE_H
#define NUMC_BACKEND_DEVICE_H

#include "base/context.h"
#include "numc/backend.h"

/* What the rest of the library calls. `table` is the plugin's table with all holes filled, but for what is done without (slots.h). */
typedef struct numc_backend_device {
    numc_backend table;
    numc_device *device;
    numc_device_info info;
    numc_host host;
    numc_core *core;
    char *name;  /* "cpu:0" */
    char *path;  /* where the plugin came from; "built in" for ref */
    bool native_launch; /* the plugin has its own launch_prepare */
} numc_backend_device;

/* The core's device, opened at the first call (thread safe). NULL with the error set. */
numc_backend_device *numc__device(numc_context *context);

/* Turns a slot's status into the lane's error: uses the message the plugin left, prefixed with the operation's name. */
numc_status numc__device_check(numc_context *context, int32_t status, const char *operation);

/* The reference interpreter and scalar functions (backends/ref, built into the core). */
int32_t numc__ref_kernel_run(const numc_host *host, const numc_kernel_source *source,
                             const numc_kernel_arguments *arguments);
/* For CONVERT the dtype is (from << 8 | to). NULL where the operation does not admit the dtype. */
void (*numc__ref_scalar_function(uint32_t operation, uint32_t dtype))(void *result, const void *const *operands);
const numc_backend *numc__ref_query(uint32_t max_abi);

/* Kernel sources: verify (for debug builds and tests), print readably, hash and compare (for caches). */
numc_status numc__kernel_verify(numc_context *context, const numc_kernel_source *source);
struct numc_text;
void numc__kernel_print(struct numc_text *text, const numc_kernel_source *source);
/* Text around groups of `size` (a multiple of 8) iterations of one loop, outside all others and without loops inside: before each
 * group and after it, with the iterations' numbers in `first` and `last` (one past). parameters: ", type name, ..." The accesses
 * `locals` touch arrays g0, g1, .. of one group, which `declarations` declare, in place of p0, p1, .. */
typedef struct numc_kernel_groups {
    uint32_t loop;
    int64_t size;
    const char *parameters, *declarations, *before, *after;
    const int32_t *locals;
    int32_t local_count;
} numc_kernel_groups;

/* A kernel as a function NAME(p0, p1, ...) whose arguments point at the first element (offset included) of each access; extents,
 * strides and constants of `arguments` are written into it. It needs the scalar kernel, the prologue's two texts, and the
 * macro NUMC_E_KERNEL before it. In a device's dialect one work item runs it. groups: or NULL; its kernel has an access. False: a node
 * or an operation has no text. */
bool numc__kernel_text(struct numc_text *text, const numc_kernel_source *source, uint32_t dialect, const char *name,
                       const numc_kernel_arguments *arguments, const numc_kernel_groups *groups);
void numc__dialect_prologue(struct numc_text *text, uint32_t dialect); /* both texts */
const char *numc__dialect_global(uint32_t dialect);                    /* before a pointer to device memory */
extern const char *const numc__kernel_prologue[2]; /* C's, and what all dialects share */

/* Facts about scalar operations, from NUMC_SCALAR_TABLE. */
typedef enum numc_operand_rule {
    NUMC_OPERANDS_ANY, NUMC_OPERANDS_NUMERIC, NUMC_OPERANDS_REAL, NUMC_OPERANDS_FLOAT, NUMC_OPERANDS_INTEGRAL,
    NUMC_OPERANDS_BOOLEAN, NUMC_OPERANDS_SELECT, NUMC_OPERANDS_RANDOM
} numc_operand_rule;
typedef enum numc_result_rule { NUMC_RESULT_SAME, NUMC_RESULT_BOOL, NUMC_RESULT_NODE, NUMC_RESULT_UINT64 } numc_result_rule;
typedef struct numc_scalar_info {
    const char *name;
    uint8_t arity; /* 0: no such operation */
    uint8_t operands, result;
} numc_scalar_info;
const numc_scalar_info *numc__scalar_info(uint32_t operation); /* never NULL */
/* What a kernel's node may be. INTEGRAL admits bool as well, but for shifts; REAL is integers and real floats. */
bool numc__scalar_admits(uint32_t operation, numc_dtype dtype);

/* For `numc info`: everything found, loaded or refused. */
typedef struct numc_backend_report {
    char *name, *path, *version, *reason; /* reason: NULL when usable */
    int32_t device_count;
    numc_device_info *devices;
} numc_backend_report;
numc_status numc__backend_list(numc_context *context, numc_backend_report **reports, size_t *count);
void numc__backend_list_free(numc_context *context, numc_backend_report *reports, size_t count);

#endif
