/* dlpack.h - for users: arrays to and from other libraries as DLPack tensors (version 1), without copying host memory.
 *
 * Not part of numc.h, since it declares DLPack's own names. A program that has its own dlpack.h (1.0 or newer) may include it
 * before this header, whose declarations then give way; included later, the other header finds itself already there, and
 * the names are those below.
 *
 * Arrays are values: memory that is shared, either way, must not be written while the other side has it. bools are bytes of
 * 0 or 1. */
#ifndef NUMC_DLPACK_H
#define NUMC_DLPACK_H

#include "numc/array.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(DLPACK_DLPACK_H_)
#if !defined(DLPACK_MAJOR_VERSION) || DLPACK_MAJOR_VERSION != 1
#error "numc/dlpack.h needs version 1 of DLPack: the dlpack.h included before it is another"
#endif
#else
#define DLPACK_DLPACK_H_
#define DLPACK_MAJOR_VERSION 1
#define DLPACK_MINOR_VERSION 1

#define DLPACK_FLAG_BITMASK_READ_ONLY (UINT64_C(1) << 0) /* the consumer must not write */
#define DLPACK_FLAG_BITMASK_IS_COPIED (UINT64_C(1) << 1) /* made for the consumer: nobody else has the memory */

typedef struct DLPackVersion {
    uint32_t major, minor; /* another major: nothing but the deleter may be used */
} DLPackVersion;

typedef enum DLDeviceType {
    kDLCPU = 1,
    kDLCUDA = 2,
    kDLCUDAHost = 3,
    kDLOpenCL = 4,
    kDLVulkan = 7,
    kDLMetal = 8,
    kDLVPI = 9,
    kDLROCM = 10,
    kDLCUDAManaged = 13,
    kDLOneAPI = 14
} DLDeviceType;

typedef struct DLDevice {
    DLDeviceType device_type;
    int32_t device_id; /* 0 for the CPU */
} DLDevice;

typedef enum DLDataTypeCode { kDLInt = 0, kDLUInt = 1, kDLFloat = 2, kDLComplex = 5, kDLBool = 6 } DLDataTypeCode;

typedef struct DLDataType {
    uint8_t code, bits; /* a DLDataTypeCode; bits of one lane, 8 for a bool */
    uint16_t lanes;     /* numbers per element: 1 but for vector types */
} DLDataType;

typedef struct DLTensor {
    void *data; /* NULL where there are no elements */
    DLDevice device;
    int32_t ndim;
    DLDataType dtype;
    int64_t *shape;
    int64_t *strides; /* in elements; NULL: row-major without gaps */
    uint64_t byte_offset; /* from data to the first element */
} DLTensor;

/* The form before version 1: no version, no flags. */
typedef struct DLManagedTensor {
    DLTensor dl_tensor;
    void *manager_ctx;
    void (*deleter)(struct DLManagedTensor *self); /* called once, by whoever had it last; may be NULL */
} DLManagedTensor;

typedef struct DLManagedTensorVersioned {
    DLPackVersion version;
    void *manager_ctx;
    void (*deleter)(struct DLManagedTensorVersioned *self);
    uint64_t flags;
    DLTensor dl_tensor;
} DLManagedTensorVersioned;
#endif

typedef enum numc_dlpack_copy {
    NUMC_DLPACK_COPY_AUTOMATIC = 0, /* shared where it can be, else copied */
    NUMC_DLPACK_COPY_ALWAYS = 1,
    NUMC_DLPACK_COPY_NEVER = 2 /* UNSUPPORTED where memory cannot be shared */
} numc_dlpack_copy;

typedef struct numc_dlpack_options {
    size_t size; /* sizeof(numc_dlpack_options) */
    numc_dlpack_copy copy;
} numc_dlpack_options;

/* x as a tensor on the CPU, into *out (NULL after an error); options may be NULL. Shared memory has the flag READ_ONLY and x's
 * strides, which may be zero or negative; a copy is row-major and has IS_COPIED. Constants without memory of their own (a
 * number, zeros, full) get memory for the tensor, which NUMC_DLPACK_COPY_NEVER allows since there is none to copy; arrays of
 * devices with memory apart are always copied. A traced array is NUMC_TRACE.
 * The consumer calls the deleter once, from any thread, at any time: the memory lives until then, after its scope and
 * after numc_close too, which leaves the memory, its backend and the allocator of numc_options at work for it. */
NUMC_API numc_status numc_to_dlpack(const numc_array *x, const numc_dlpack_options *options, DLManagedTensorVersioned **out);
/* The same in the form before version 1, which cannot say READ_ONLY: for a consumer that writes, ask for a copy. */
NUMC_API numc_status numc_to_dlpack_legacy(const numc_array *x, const numc_dlpack_options *options, DLManagedTensor **out);

/* A tensor as an array of the innermost scope. It is taken over in any case: its deleter is called once, at once after an error
 * or a copy, else when the last array that shares the memory is gone, by the thread that ends it; the deleter must not use
 * the context. Memory is shared where the device computes in host memory and the data are aligned to the element size.
 * numc_index_assign writes into shared memory only with IS_COPIED and without READ_ONLY, else it copies.
 * INVALID_ARGUMENT: tensor, shape or data NULL; UNSUPPORTED: another major version, a device that is not the CPU; DTYPE: lanes,
 * codes or bits that are no dtype; SHAPE: rank or sizes; MEMORY: sizes or strides that overflow. */
NUMC_API numc_array *numc_from_dlpack_(numc_context *context, DLManagedTensorVersioned *tensor,
                                       const numc_dlpack_options *options);
NUMC_API numc_array *numc_from_dlpack_legacy_(numc_context *context, DLManagedTensor *tensor,
                                              const numc_dlpack_options *options);
#ifndef __cplusplus
/* numc_from_dlpack(context, tensor, .copy = NUMC_DLPACK_COPY_ALWAYS) */
#define NUMC_FROM_DLPACK_(function, where, tensor, ...)                                            \
    function(NUMC_CONTEXT(where), tensor, &(numc_dlpack_options){.size = sizeof(numc_dlpack_options), __VA_ARGS__})
#define NUMC_FROM_DLPACK_1_(function, where, ...) NUMC_FROM_DLPACK_(function, where, __VA_ARGS__)
#define numc_from_dlpack(where, ...) NUMC_FROM_DLPACK_1_(numc_from_dlpack_, where, __VA_ARGS__, )
#define numc_from_dlpack_legacy(where, ...) NUMC_FROM_DLPACK_1_(numc_from_dlpack_legacy_, where, __VA_ARGS__, )
#endif

#ifdef __cplusplus
}
#endif
#endif
