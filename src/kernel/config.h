/*
 * What the scalar kernel needs from its language: function and table qualifiers, integer types, bit casts, and the
 * few operations every target rounds exactly. The kernel is one text for C99, OpenCL C and CUDA C; each macro may be
 * defined before this header is read. All functions compute in double; compile with contraction off
 * (-ffp-contract=off, or #pragma OPENCL FP_CONTRACT OFF, or --fmad=false), so that every machine gives the same bits.
 * A float32 result is the double result rounded once: (float)numc_k_exp((double)x).
 */
#ifndef NUMC_KERNEL_CONFIG_H
#define NUMC_KERNEL_CONFIG_H

#if defined(__OPENCL_VERSION__) || defined(__OPENCL_C_VERSION__)
#define NUMC_KERNEL_OPENCL 1
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#pragma OPENCL FP_CONTRACT OFF
typedef uint numc_k_u32;
typedef ulong numc_k_u64;
typedef long numc_k_i64;
#define NUMC_KERNEL_U64(x) x##UL
#elif defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define NUMC_KERNEL_CUDA 1
typedef unsigned int numc_k_u32;
typedef unsigned long long numc_k_u64;
typedef long long numc_k_i64;
#define NUMC_KERNEL_U64(x) x##ULL
#elif defined(NUMC_KERNEL_BARE) /* GCC or Clang, which takes longer to read its headers than to compile a small program */
typedef __UINT8_TYPE__ uint8_t;
typedef __UINT16_TYPE__ uint16_t;
typedef __UINT32_TYPE__ uint32_t;
typedef __UINT64_TYPE__ uint64_t;
typedef __INT8_TYPE__ int8_t;
typedef __INT16_TYPE__ int16_t;
typedef __INT32_TYPE__ int32_t;
typedef __INT64_TYPE__ int64_t;
typedef __SIZE_TYPE__ size_t;
typedef uint32_t numc_k_u32;
typedef uint64_t numc_k_u64;
typedef int64_t numc_k_i64;
#define NUMC_KERNEL_U64(x) x##ULL
#define memcpy __builtin_memcpy
#define memset __builtin_memset
#define sqrt __builtin_sqrt
#define fabs __builtin_fabs
#define floor __builtin_floor
#define ceil __builtin_ceil
#define trunc __builtin_trunc
#define rint __builtin_rint
#define fmod __builtin_fmod
#define fma __builtin_fma
#define fmaf __builtin_fmaf
#define copysign __builtin_copysign
#define nextafter __builtin_nextafter
#define nextafterf __builtin_nextafterf
#define signbit __builtin_signbit
#define NAN __builtin_nanf("")
#else
#include <stdint.h>
#include <string.h>
#include <math.h>
typedef uint32_t numc_k_u32;
typedef uint64_t numc_k_u64;
typedef int64_t numc_k_i64;
#define NUMC_KERNEL_U64(x) UINT64_C(x)
#endif

#ifndef NUMC_KERNEL_FN
#if defined(NUMC_KERNEL_OPENCL)
#define NUMC_KERNEL_FN static inline
#elif defined(NUMC_KERNEL_CUDA)
#define NUMC_KERNEL_FN static __device__ __forceinline__
#elif defined(__GNUC__)
/* A loop over a function is vectorised only if nothing in it stays a call. */
#define NUMC_KERNEL_FN static inline __attribute__((always_inline))
#else
#define NUMC_KERNEL_FN static inline
#endif
#endif

/* Long functions that gain nothing from being inlined at every call. */
#ifndef NUMC_KERNEL_FN_LARGE
#if defined(NUMC_KERNEL_CUDA)
#define NUMC_KERNEL_FN_LARGE static __device__ __noinline__
#else
#define NUMC_KERNEL_FN_LARGE static inline
#endif
#endif

#ifndef NUMC_KERNEL_TABLE
#if defined(NUMC_KERNEL_OPENCL)
#define NUMC_KERNEL_TABLE __constant const
#elif defined(NUMC_KERNEL_CUDA)
#define NUMC_KERNEL_TABLE static __constant__ const
#else
#define NUMC_KERNEL_TABLE static const
#endif
#endif

/* Exactly rounded and native on every target; none of them may become a call that rounds differently. */
#ifndef NUMC_KERNEL_SQRT
#define NUMC_KERNEL_SQRT(x) sqrt(x)
#endif
#ifndef NUMC_KERNEL_ABS
#define NUMC_KERNEL_ABS(x) fabs(x)
#endif
#ifndef NUMC_KERNEL_FLOOR
#define NUMC_KERNEL_FLOOR(x) floor(x)
#endif

NUMC_KERNEL_FN numc_k_u64 numc_k_to_bits(double x)
{
#if defined(NUMC_KERNEL_OPENCL)
    return as_ulong(x);
#elif defined(NUMC_KERNEL_CUDA)
    return (numc_k_u64)__double_as_longlong(x);
#else
    numc_k_u64 bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
#endif
}

NUMC_KERNEL_FN double numc_k_from_bits(numc_k_u64 bits)
{
#if defined(NUMC_KERNEL_OPENCL)
    return as_double(bits);
#elif defined(NUMC_KERNEL_CUDA)
    return __longlong_as_double((long long)bits);
#else
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
#endif
}

NUMC_KERNEL_FN float numc_k_from_bits32(numc_k_u32 bits)
{
#if defined(NUMC_KERNEL_OPENCL)
    return as_float(bits);
#elif defined(NUMC_KERNEL_CUDA)
    return __uint_as_float(bits);
#else
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
#endif
}

#define NUMC_KERNEL_INFINITY numc_k_from_bits(NUMC_KERNEL_U64(0x7ff0000000000000))
#define NUMC_KERNEL_NAN numc_k_from_bits(NUMC_KERNEL_U64(0x7ff8000000000000))
#define NUMC_KERNEL_PI 0x1.921fb54442d18p+1
#define NUMC_KERNEL_LN2 0x1.62e42fefa39efp-1
#define NUMC_KERNEL_SQRT2 0x1.6a09e667f3bcdp+0
#define NUMC_KERNEL_INV_SQRT2 0x1.6a09e667f3bcdp-1
#define NUMC_KERNEL_INV_SQRT_PI 0x1.20dd750429b6dp-1

/* Adding this to |x| < 2^51 leaves the nearest integer (ties to even) in the low bits of the sum. */
#define NUMC_KERNEL_ROUNDER 0x1.8p52

/* x with the low 27 bits of its significand cleared, so that products of two such numbers are exact. */
NUMC_KERNEL_FN double numc_k_high_part(double x)
{
    return numc_k_from_bits(numc_k_to_bits(x) & NUMC_KERNEL_U64(0xfffffffff8000000));
}

NUMC_KERNEL_FN double numc_k_copy_sign(double magnitude, double sign)
{
    return numc_k_from_bits((numc_k_to_bits(magnitude) & NUMC_KERNEL_U64(0x7fffffffffffffff)) |
                            (numc_k_to_bits(sign) & NUMC_KERNEL_U64(0x8000000000000000)));
}

#include "coefficients.h"

#endif
