/* block_arithmetic.c - block functions that any instruction set computes with the same bits: arithmetic, comparison, selection,
 * logic, conversion, at every dtype. Functions of src/kernel are in block_math.c. */
#include <math.h>
#include <string.h>

#include "block_template.h"

#define T int8_t
#define U uint32_t
#define SIGNED 1
#define SUFFIX i8
#define DTYPE NUMC_INT8
#include "block_integer.h"

#define T int16_t
#define U uint32_t
#define SIGNED 1
#define SUFFIX i16
#define DTYPE NUMC_INT16
#include "block_integer.h"

#define T int32_t
#define U uint32_t
#define SIGNED 1
#define SUFFIX i32
#define DTYPE NUMC_INT32
#include "block_integer.h"

#define T int64_t
#define U uint64_t
#define SIGNED 1
#define SUFFIX i64
#define DTYPE NUMC_INT64
#include "block_integer.h"

#define T uint8_t
#define U uint32_t
#define SIGNED 0
#define SUFFIX u8
#define DTYPE NUMC_UINT8
#include "block_integer.h"

#define T uint16_t
#define U uint32_t
#define SIGNED 0
#define SUFFIX u16
#define DTYPE NUMC_UINT16
#include "block_integer.h"

#define T uint32_t
#define U uint32_t
#define SIGNED 0
#define SUFFIX u32
#define DTYPE NUMC_UINT32
#include "block_integer.h"

#define T uint64_t
#define U uint64_t
#define SIGNED 0
#define SUFFIX u64
#define DTYPE NUMC_UINT64
#include "block_integer.h"

#define T float
#define SUFFIX f32
#define DTYPE NUMC_FLOAT32
#define BITS uint32_t
#define SIGN_BIT UINT32_C(0x80000000)
#define F(name) name##f
#include "block_real.h"

#define T double
#define SUFFIX f64
#define DTYPE NUMC_FLOAT64
#define BITS uint64_t
#define SIGN_BIT UINT64_C(0x8000000000000000)
#define F(name) name
#include "block_real.h"

#define SUFFIX b8
#define DTYPE NUMC_BOOL
DEFINE_UNARY(NAME(not), uint8_t, uint8_t, x == 0)
DEFINE_BINARY(NAME(and), uint8_t, uint8_t, x & y)
DEFINE_BINARY(NAME(or), uint8_t, uint8_t, x | y)
DEFINE_BINARY(NAME(xor), uint8_t, uint8_t, x ^ y)
DEFINE_BINARY(NAME(equal), uint8_t, uint8_t, x == y)
static const numc_block_row NAME(rows)[] = {
    ROW_1(LOGICAL_NOT, NAME(not)),      ROW_1(BITWISE_INVERT, NAME(not)),
    ROW_2(LOGICAL_AND, NAME(and)),      ROW_2(BITWISE_AND, NAME(and)),
    ROW_2(LOGICAL_OR, NAME(or)),        ROW_2(BITWISE_OR, NAME(or)),
    ROW_2(LOGICAL_XOR, NAME(xor)),      ROW_2(BITWISE_XOR, NAME(xor)),
    ROW_2(NOT_EQUAL, NAME(xor)),        ROW_2(EQUAL, NAME(equal)),
    ROW_WHERE(where_u8),
};
#undef SUFFIX
#undef DTYPE

numc_block_rows NUMC_BLOCK(arithmetic)(uint32_t dtype)
{
#define CASE(DTYPE, rows) [DTYPE] = {rows, sizeof rows / sizeof rows[0]}
    static const numc_block_rows all[NUMC_DTYPE_COUNT] = {
        CASE(NUMC_BOOL, rows_b8),    CASE(NUMC_INT8, rows_i8),     CASE(NUMC_INT16, rows_i16),
        CASE(NUMC_INT32, rows_i32),    CASE(NUMC_INT64, rows_i64),   CASE(NUMC_UINT8, rows_u8),
        CASE(NUMC_UINT16, rows_u16),   CASE(NUMC_UINT32, rows_u32),  CASE(NUMC_UINT64, rows_u64),
        CASE(NUMC_FLOAT32, rows_f32),  CASE(NUMC_FLOAT64, rows_f64),
    };
#undef CASE
    return dtype < NUMC_DTYPE_COUNT ? all[dtype] : all[0];
}

/* ---- conversion: integers wrap; to bool is x != 0; floats to integers truncate, saturate, NaN gives 0 --------------------- */

#define FROM_INTEGER(type, low, high, least, most) (type) x
/* low: the least value, exact in double; high: one past the greatest. */
#define FROM_REAL(type, low, high, least, most)                                                    \
    (x != x ? (type)0 : (double)x <= (low) ? (least) : (double)x >= (high) ? (most) : (type)x)
/* The same where both ends are exact in double and in int32: cut to them first, NaN to 0 by its bits, so that every value may
 * be converted, many at once. */
static inline double cut(double x, double least, double most)
{
    double y = x > least ? x : least;
    y = y < most ? y : most;
    uint64_t bits;
    memcpy(&bits, &y, sizeof bits);
    bits &= x == x ? ~UINT64_C(0) : 0;
    memcpy(&y, &bits, sizeof y);
    return y;
}
#define FROM_REAL_NARROW(type, least, most) (type)(int32_t)cut((double)x, (double)(least), (double)(most))
#define FROM_INTEGER_NARROW(type, least, most) (type) x

#define CONVERT_FROM(suffix, S, FROM, NARROW)                                                              \
    DEFINE_UNARY(suffix##_to_bool, S, uint8_t, x != 0)                                             \
    DEFINE_UNARY(suffix##_to_i8, S, int8_t, NARROW(int8_t, INT8_MIN, INT8_MAX))       \
    DEFINE_UNARY(suffix##_to_i16, S, int16_t, NARROW(int16_t, INT16_MIN, INT16_MAX)) \
    DEFINE_UNARY(suffix##_to_i32, S, int32_t, NARROW(int32_t, INT32_MIN, INT32_MAX)) \
    DEFINE_UNARY(suffix##_to_i64, S, int64_t, FROM(int64_t, -0x1p63, 0x1p63, INT64_MIN, INT64_MAX)) \
    DEFINE_UNARY(suffix##_to_u8, S, uint8_t, NARROW(uint8_t, 0, UINT8_MAX))              \
    DEFINE_UNARY(suffix##_to_u16, S, uint16_t, NARROW(uint16_t, 0, UINT16_MAX))         \
    DEFINE_UNARY(suffix##_to_u32, S, uint32_t, FROM(uint32_t, 0.0, 0x1p32, 0, UINT32_MAX))         \
    DEFINE_UNARY(suffix##_to_u64, S, uint64_t, FROM(uint64_t, 0.0, 0x1p64, 0, UINT64_MAX))         \
    DEFINE_UNARY(suffix##_to_f32, S, float, x)                                                     \
    DEFINE_UNARY(suffix##_to_f64, S, double, x)
CONVERT_FROM(bool, uint8_t, FROM_INTEGER, FROM_INTEGER_NARROW)
CONVERT_FROM(i8, int8_t, FROM_INTEGER, FROM_INTEGER_NARROW)
CONVERT_FROM(i16, int16_t, FROM_INTEGER, FROM_INTEGER_NARROW)
CONVERT_FROM(i32, int32_t, FROM_INTEGER, FROM_INTEGER_NARROW)
CONVERT_FROM(i64, int64_t, FROM_INTEGER, FROM_INTEGER_NARROW)
CONVERT_FROM(u8, uint8_t, FROM_INTEGER, FROM_INTEGER_NARROW)
CONVERT_FROM(u16, uint16_t, FROM_INTEGER, FROM_INTEGER_NARROW)
CONVERT_FROM(u32, uint32_t, FROM_INTEGER, FROM_INTEGER_NARROW)
CONVERT_FROM(u64, uint64_t, FROM_INTEGER, FROM_INTEGER_NARROW)
CONVERT_FROM(f32, float, FROM_REAL, FROM_REAL_NARROW)
CONVERT_FROM(f64, double, FROM_REAL, FROM_REAL_NARROW)

numc_block_fn NUMC_BLOCK(convert)(uint32_t to, uint32_t from)
{
#define ROW(DTYPE, suffix)                                                                         \
    [DTYPE] = {                                                                                    \
        [NUMC_BOOL] = suffix##_to_bool,     [NUMC_INT8] = suffix##_to_i8,                          \
        [NUMC_INT16] = suffix##_to_i16,     [NUMC_INT32] = suffix##_to_i32,                        \
        [NUMC_INT64] = suffix##_to_i64,     [NUMC_UINT8] = suffix##_to_u8,                         \
        [NUMC_UINT16] = suffix##_to_u16,    [NUMC_UINT32] = suffix##_to_u32,                       \
        [NUMC_UINT64] = suffix##_to_u64,    [NUMC_FLOAT32] = suffix##_to_f32,                      \
        [NUMC_FLOAT64] = suffix##_to_f64,                                                          \
    }
    static const numc_block_fn all[NUMC_DTYPE_COUNT][NUMC_DTYPE_COUNT] = {
        ROW(NUMC_BOOL, bool),   ROW(NUMC_INT8, i8),     ROW(NUMC_INT16, i16),   ROW(NUMC_INT32, i32),
        ROW(NUMC_INT64, i64),   ROW(NUMC_UINT8, u8),    ROW(NUMC_UINT16, u16),  ROW(NUMC_UINT32, u32),
        ROW(NUMC_UINT64, u64),  ROW(NUMC_FLOAT32, f32), ROW(NUMC_FLOAT64, f64),
    };
#undef ROW
    return to < NUMC_DTYPE_COUNT && from < NUMC_DTYPE_COUNT ? all[from][to] : NULL;
}
