/* machine.h - of backends/opencl: an opened device, as its files share it. */
#ifndef NUMC_BACKENDS_OPENCL_MACHINE_H
#define NUMC_BACKENDS_OPENCL_MACHINE_H

#include <stdbool.h>

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include "gpu/gpu.h"

/* The loader's functions that are called here. */
#define NUMC_OPENCL_FUNCTIONS(X)                                                                                       \
    X(clGetPlatformIDs) X(clGetPlatformInfo) X(clGetDeviceIDs) X(clGetDeviceInfo) X(clCreateContext) X(clReleaseContext)      \
    X(clCreateCommandQueue) X(clReleaseCommandQueue) X(clCreateBuffer) X(clReleaseMemObject) X(clEnqueueReadBuffer)            \
    X(clEnqueueWriteBuffer) X(clEnqueueCopyBuffer) X(clFinish) X(clFlush) X(clCreateProgramWithSource)                         \
    X(clCreateProgramWithBinary) X(clBuildProgram) X(clGetProgramBuildInfo) X(clGetProgramInfo) X(clReleaseProgram)            \
    X(clCreateKernel) X(clReleaseKernel) X(clSetKernelArg) X(clEnqueueNDRangeKernel)  \
    X(clWaitForEvents) X(clReleaseEvent)

typedef struct numc_opencl_functions {
#define X(name) __typeof__(name) *name;
    NUMC_OPENCL_FUNCTIONS(X)
#undef X
} numc_opencl_functions;

/* CLBlast's functions that are called here; clblast_c.h is not needed. Its enumerations are ints. */
#define NUMC_CLBLAST_GEMM(number)                                                                                      \
    (int layout, int transpose_a, int transpose_b, size_t m, size_t n, size_t k, number alpha, cl_mem a, size_t a_offset, size_t a_row, \
     cl_mem b, size_t b_offset, size_t b_row, number beta, cl_mem c, size_t c_offset, size_t c_row, cl_command_queue *queue,            \
     cl_event *event, cl_mem room)
#define NUMC_CLBLAST_ROOM                                                                                              \
    (int layout, int transpose_a, int transpose_b, size_t m, size_t n, size_t k, size_t a_offset, size_t a_row, size_t b_offset,        \
     size_t b_row, size_t c_offset, size_t c_row, cl_command_queue *queue, size_t *bytes)
#define NUMC_CLBLAST_FUNCTIONS(X)                                                                                      \
    X(CLBlastSgemmWithTempBuffer, NUMC_CLBLAST_GEMM(float)) X(CLBlastDgemmWithTempBuffer, NUMC_CLBLAST_GEMM(double))                    \
    X(CLBlastSGemmTempBufferSize, NUMC_CLBLAST_ROOM) X(CLBlastDGemmTempBufferSize, NUMC_CLBLAST_ROOM) X(CLBlastClearCache, (void))

/* CLBlast as one device has it, under vendor.c's lock. */
typedef struct numc_opencl_vendor {
    double least;         /* m n k of the smallest product that is its */
    bool asked, open;     /* the library was looked for; it is there */
    uint8_t trials[2][2][2][2]; /* how they ended, by dtype, transposes, and whether by way of copies */
    uint64_t products;
#define X(name, arguments) int(*name) arguments;
    NUMC_CLBLAST_FUNCTIONS(X)
#undef X
} numc_opencl_vendor;

typedef struct numc_opencl_machine {
    const numc_host *host;
    numc_opencl_functions cl;
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;
    char name[128];
    bool float64;
    bool keeps_programs; /* the driver has a disk cache of its own: see `is_pocl` */
    bool declares;       /* and takes our declarations for those of all OpenCL */
    numc_opencl_vendor vendor;
} numc_opencl_machine;

/* OK, or the message: what failed, and how `who` says it did. A queue that does not even finish is lost. */
int32_t numc_opencl_check(numc_opencl_machine *m, const char *who, cl_int error, const char *what);

/* vendor.c */
void numc_opencl_vendor_begin(numc_opencl_machine *m, const numc_gpu_facts *facts);
void numc_opencl_vendor_end(numc_opencl_machine *m); /* the queue empty, before the context goes */
int32_t numc_opencl_gemm_room(void *machine, const numc_gpu_product *product, uint64_t *bytes);
int32_t numc_opencl_gemm(void *machine, const numc_gpu_product *product, void *room);

#endif
