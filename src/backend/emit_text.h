/* emit_text.h - internal to emit.c: the scalar operations as text, and what stands in front of a kernel in each dialect. */
#ifndef NUMC_BACKEND_EMIT_TEXT_H
#define NUMC_BACKEND_EMIT_TEXT_H

#include "numc/backend.h"

/* ---- scalar operations ----------------------------------------------------------------------------------------------
 * $0..$3 are operands, $T the result's type. exact: in the dtype's own arithmetic; wide: in double, rounded once to $T;
 * integers: operands are widened to 64 bits, signed or unsigned, and the result is cut. */
typedef struct operation_text {
    const char *exact, *wide, *is_signed, *is_unsigned, *is_bool;
} operation_text;

static const operation_text operations[NUMC_SCALAR_LIMIT] = {
    [NUMC_SCALAR_NEGATIVE] = {.exact = "-$0", .is_signed = "0 - (numc_k_u64)$0", .is_unsigned = "0 - $0"},
    [NUMC_SCALAR_ABS] = {.wide = "fabs($0)", .is_signed = "$0 < 0 ? 0 - (numc_k_u64)$0 : (numc_k_u64)$0", .is_unsigned = "$0"},
    [NUMC_SCALAR_SIGN] = {.exact = "$0 > 0 ? 1 : $0 < 0 ? -1 : $0 == 0 ? 0 : $0",
                          .is_signed = "($0 > 0) - ($0 < 0)",
                          .is_unsigned = "$0 > 0"},
    [NUMC_SCALAR_FLOOR] = {.wide = "floor($0)"},
    [NUMC_SCALAR_CEIL] = {.wide = "ceil($0)"},
    [NUMC_SCALAR_TRUNC] = {.wide = "trunc($0)"},
    [NUMC_SCALAR_ROUND] = {.wide = "rint($0)"},
    [NUMC_SCALAR_SQRT] = {.wide = "sqrt($0)"},
    [NUMC_SCALAR_SQUARE] = {.exact = "$0 * $0", .is_signed = "(numc_k_u64)$0 * (numc_k_u64)$0", .is_unsigned = "$0 * $0"},
    [NUMC_SCALAR_RECIPROCAL] = {.exact = "1 / $0"},
    [NUMC_SCALAR_EXP] = {.wide = "numc_k_exp($0)"},
    [NUMC_SCALAR_EXPM1] = {.wide = "numc_k_expm1($0)"},
    [NUMC_SCALAR_LOG] = {.wide = "numc_k_log($0)"},
    [NUMC_SCALAR_LOG1P] = {.wide = "numc_k_log1p($0)"},
    [NUMC_SCALAR_LOG2] = {.wide = "numc_k_log2($0)"},
    [NUMC_SCALAR_LOG10] = {.wide = "numc_k_log10($0)"},
    [NUMC_SCALAR_SIN] = {.wide = "numc_k_sin($0)"},
    [NUMC_SCALAR_COS] = {.wide = "numc_k_cos($0)"},
    [NUMC_SCALAR_TAN] = {.wide = "numc_k_tan($0)"},
    [NUMC_SCALAR_ASIN] = {.wide = "numc_k_asin($0)"},
    [NUMC_SCALAR_ACOS] = {.wide = "numc_k_acos($0)"},
    [NUMC_SCALAR_ATAN] = {.wide = "numc_k_atan($0)"},
    [NUMC_SCALAR_SINH] = {.wide = "numc_k_sinh($0)"},
    [NUMC_SCALAR_COSH] = {.wide = "numc_k_cosh($0)"},
    [NUMC_SCALAR_TANH] = {.wide = "numc_k_tanh($0)"},
    [NUMC_SCALAR_ASINH] = {.wide = "numc_k_asinh($0)"},
    [NUMC_SCALAR_ACOSH] = {.wide = "numc_k_acosh($0)"},
    [NUMC_SCALAR_ATANH] = {.wide = "numc_k_atanh($0)"},
    [NUMC_SCALAR_ISNAN] = {.exact = "$0 != $0"},
    [NUMC_SCALAR_ISINF] = {.exact = "$0 - $0 != $0 - $0 && $0 == $0"},
    [NUMC_SCALAR_ISFINITE] = {.exact = "$0 - $0 == $0 - $0"},
    [NUMC_SCALAR_SIGNBIT] = {.exact = "signbit($0) != 0"},
    [NUMC_SCALAR_LOGICAL_NOT] = {.is_bool = "$0 == 0"},
    [NUMC_SCALAR_BITWISE_INVERT] = {.is_signed = "~$0", .is_unsigned = "~$0", .is_bool = "$0 == 0"},
    [NUMC_SCALAR_LGAMMA] = {.wide = "numc_k_lgamma($0)"},
    [NUMC_SCALAR_DIGAMMA] = {.wide = "numc_k_digamma($0)"},
    [NUMC_SCALAR_TRIGAMMA] = {.wide = "numc_k_trigamma($0)"},
    [NUMC_SCALAR_ERF] = {.wide = "numc_k_erf($0)"},
    [NUMC_SCALAR_ERFC] = {.wide = "numc_k_erfc($0)"},
    [NUMC_SCALAR_ERFINV] = {.wide = "numc_k_erfinv($0)"},
    [NUMC_SCALAR_NDTR] = {.wide = "numc_k_ndtr($0)"},
    [NUMC_SCALAR_LOG_NDTR] = {.wide = "numc_k_log_ndtr($0)"},
    [NUMC_SCALAR_NDTRI] = {.wide = "numc_k_ndtri($0)"},
    [NUMC_SCALAR_EXPIT] = {.wide = "numc_k_expit($0)"},
    [NUMC_SCALAR_LOGIT] = {.wide = "numc_k_logit($0)"},
    [NUMC_SCALAR_SOFTPLUS] = {.wide = "numc_k_softplus($0)"},
    [NUMC_SCALAR_LOG1MEXP] = {.wide = "numc_k_log1mexp(-$0)"},
    [NUMC_SCALAR_ADD] = {.exact = "$0 + $1", .is_signed = "(numc_k_u64)$0 + (numc_k_u64)$1", .is_unsigned = "$0 + $1"},
    [NUMC_SCALAR_SUBTRACT] = {.exact = "$0 - $1", .is_signed = "(numc_k_u64)$0 - (numc_k_u64)$1", .is_unsigned = "$0 - $1"},
    [NUMC_SCALAR_MULTIPLY] = {.exact = "$0 * $1", .is_signed = "(numc_k_u64)$0 * (numc_k_u64)$1", .is_unsigned = "$0 * $1"},
    [NUMC_SCALAR_DIVIDE] = {.exact = "$0 / $1"},
    [NUMC_SCALAR_FLOOR_DIVIDE] = {.wide = "numc_e_floor_divide($0, $1)",
                                  .is_signed = "numc_e_floor_divide_signed($0, $1)",
                                  .is_unsigned = "$1 == 0 ? 0 : $0 / $1"},
    [NUMC_SCALAR_REMAINDER] = {.wide = "numc_e_remainder($0, $1)",
                               .is_signed = "numc_e_remainder_signed($0, $1)",
                               .is_unsigned = "$1 == 0 ? 0 : $0 % $1"},
    [NUMC_SCALAR_POW] = {.wide = "numc_k_pow($0, $1)", .is_signed = "numc_e_power_signed($0, $1)",
                         .is_unsigned = "numc_e_power($0, $1)"},
    [NUMC_SCALAR_ATAN2] = {.wide = "numc_k_atan2($0, $1)"},
    [NUMC_SCALAR_HYPOT] = {.wide = "numc_k_hypot($0, $1)"},
    [NUMC_SCALAR_LOGADDEXP] = {.wide = "numc_k_logaddexp($0, $1)"},
    [NUMC_SCALAR_MAXIMUM] = {.exact = "$0 > $1 || $0 != $0 ? $0 : $1", .is_signed = "$0 > $1 ? $0 : $1",
                             .is_unsigned = "$0 > $1 ? $0 : $1"},
    [NUMC_SCALAR_MINIMUM] = {.exact = "$0 < $1 || $0 != $0 ? $0 : $1", .is_signed = "$0 < $1 ? $0 : $1",
                             .is_unsigned = "$0 < $1 ? $0 : $1"},
    [NUMC_SCALAR_COPYSIGN] = {.wide = "copysign($0, $1)"},
    [NUMC_SCALAR_NEXTAFTER] = {.exact = "NUMC_E_NEXTAFTER($0, $1)"},
    [NUMC_SCALAR_EQUAL] = {.exact = "$0 == $1", .is_signed = "$0 == $1", .is_unsigned = "$0 == $1", .is_bool = "$0 == $1"},
    [NUMC_SCALAR_NOT_EQUAL] = {.exact = "$0 != $1", .is_signed = "$0 != $1", .is_unsigned = "$0 != $1", .is_bool = "$0 != $1"},
    [NUMC_SCALAR_LESS] = {.exact = "$0 < $1", .is_signed = "$0 < $1", .is_unsigned = "$0 < $1"},
    [NUMC_SCALAR_LESS_EQUAL] = {.exact = "$0 <= $1", .is_signed = "$0 <= $1", .is_unsigned = "$0 <= $1"},
    [NUMC_SCALAR_GREATER] = {.exact = "$0 > $1", .is_signed = "$0 > $1", .is_unsigned = "$0 > $1"},
    [NUMC_SCALAR_GREATER_EQUAL] = {.exact = "$0 >= $1", .is_signed = "$0 >= $1", .is_unsigned = "$0 >= $1"},
    [NUMC_SCALAR_LOGICAL_AND] = {.is_bool = "$0 & $1"},
    [NUMC_SCALAR_LOGICAL_OR] = {.is_bool = "$0 | $1"},
    [NUMC_SCALAR_LOGICAL_XOR] = {.is_bool = "$0 ^ $1"},
    [NUMC_SCALAR_BITWISE_AND] = {.is_signed = "$0 & $1", .is_unsigned = "$0 & $1", .is_bool = "$0 & $1"},
    [NUMC_SCALAR_BITWISE_OR] = {.is_signed = "$0 | $1", .is_unsigned = "$0 | $1", .is_bool = "$0 | $1"},
    [NUMC_SCALAR_BITWISE_XOR] = {.is_signed = "$0 ^ $1", .is_unsigned = "$0 ^ $1", .is_bool = "$0 ^ $1"},
    [NUMC_SCALAR_BITWISE_LEFT_SHIFT] =
        {.is_signed = "(numc_k_u64)$1 < 8 * sizeof($T) ? (numc_k_u64)$0 << $1 : 0",
         .is_unsigned = "$1 < 8 * sizeof($T) ? $0 << $1 : 0"},
    [NUMC_SCALAR_BITWISE_RIGHT_SHIFT] =
        {.is_signed = "(numc_k_u64)$1 < 8 * sizeof($T) ? $0 >> $1 : -(numc_k_i64)($0 < 0)",
         .is_unsigned = "$1 < 8 * sizeof($T) ? $0 >> $1 : 0"},
    [NUMC_SCALAR_XLOGY] = {.wide = "numc_k_xlogy($0, $1)"},
    [NUMC_SCALAR_XLOG1PY] = {.wide = "numc_k_xlog1py($0, $1)"},
    [NUMC_SCALAR_POLYGAMMA] = {.wide = "numc_k_polygamma($0, $1)"},
    [NUMC_SCALAR_BETALN] = {.wide = "numc_k_betaln($0, $1)"},
    [NUMC_SCALAR_GAMMAINC] = {.wide = "numc_k_gammainc($0, $1)"},
    [NUMC_SCALAR_GAMMAINCC] = {.wide = "numc_k_gammaincc($0, $1)"},
    [NUMC_SCALAR_GAMMAINC_DA] = {.wide = "numc_k_gammainc_da($0, $1)"},
    [NUMC_SCALAR_GAMMAINCINV] = {.wide = "numc_k_gammaincinv($0, $1)"},
    [NUMC_SCALAR_GAMMAINCCINV] = {.wide = "numc_k_gammainccinv($0, $1)"},
    [NUMC_SCALAR_FMA] = {.exact = "NUMC_E_FMA($0, $1, $2)"},
    [NUMC_SCALAR_BETAINC] = {.wide = "numc_k_betainc($0, $1, $2)"},
    [NUMC_SCALAR_BETAINC_DA] = {.wide = "numc_k_betainc_da($0, $1, $2)"},
    [NUMC_SCALAR_BETAINC_DB] = {.wide = "numc_k_betainc_db($0, $1, $2)"},
    [NUMC_SCALAR_BETAINCINV] = {.wide = "numc_k_betaincinv($0, $1, $2)"},
    [NUMC_SCALAR_RANDOM_BITS] = {.is_unsigned = "numc_k_bits64((numc_k_u32)($0 >> 32), (numc_k_u32)$0, $1)"},
    [NUMC_SCALAR_RANDOM_NORMAL] = {.exact = "NUMC_E_NORMAL((numc_k_u32)($0 >> 32), (numc_k_u32)$0, $1)"},
    [NUMC_SCALAR_RANDOM_EXPONENTIAL] = {.exact = "numc_k_sample_exponential((numc_k_u32)($0 >> 32), (numc_k_u32)$0, $1)"},
    [NUMC_SCALAR_RANDOM_GAMMA] = {.exact = "numc_k_sample_gamma((numc_k_u32)($0 >> 32), (numc_k_u32)$0, $1, (double)$2)"},
    [NUMC_SCALAR_RANDOM_LOGGAMMA] = {.exact = "numc_k_sample_log_gamma((numc_k_u32)($0 >> 32), (numc_k_u32)$0, $1, (double)$2)"},
    [NUMC_SCALAR_RANDOM_POISSON] = {.exact = "numc_k_sample_poisson((numc_k_u32)($0 >> 32), (numc_k_u32)$0, $1, (double)$2)"},
    [NUMC_SCALAR_RANDOM_BINOMIAL] =
        {.exact = "numc_k_sample_binomial((numc_k_u32)($0 >> 32), (numc_k_u32)$0, $1, (double)$2, (double)$3)"},
};

/* ---- dialects ---------------------------------------------------------------------------------------------------- */

static const char prologue_c[] =
    "#include \"kernel/kernel.h\"\n"
    "#ifndef NUMC_E_PROLOGUE\n"
    "#define NUMC_E_PROLOGUE\n"
    "typedef uint8_t numc_e_bool;\ntypedef int8_t numc_e_int8;\ntypedef int16_t numc_e_int16;\n"
    "typedef int32_t numc_e_int32;\ntypedef int64_t numc_e_int64;\ntypedef uint8_t numc_e_uint8;\n"
    "typedef uint16_t numc_e_uint16;\ntypedef uint32_t numc_e_uint32;\ntypedef uint64_t numc_e_uint64;\n"
    "#define NUMC_E_FMA_float32 fmaf\n#define NUMC_E_NEXTAFTER_float32 nextafterf\n";

static const char prologue_opencl[] =
    "#include \"kernel/kernel.h\"\n"
    "#ifndef NUMC_E_PROLOGUE\n"
    "#define NUMC_E_PROLOGUE\n"
    "typedef uchar numc_e_bool;\ntypedef char numc_e_int8;\ntypedef short numc_e_int16;\n"
    "typedef int numc_e_int32;\ntypedef long numc_e_int64;\ntypedef uchar numc_e_uint8;\n"
    "typedef ushort numc_e_uint16;\ntypedef uint numc_e_uint32;\ntypedef ulong numc_e_uint64;\n"
    "#define NUMC_E_FMA_float32 fma\n#define NUMC_E_NEXTAFTER_float32 nextafter\n"
    "#define NUMC_E_FIRST ((numc_k_i64)get_global_id(0))\n#define NUMC_E_STEP ((numc_k_i64)get_global_size(0))\n"
    "#define NUMC_E_ITEM ((int)get_local_id(0))\n#define NUMC_E_NUMBER ((numc_k_i64)get_group_id(0))\n"
    "#define NUMC_E_LOCAL __local\n#define NUMC_E_SHARED __local\n"
    "#define NUMC_E_BARRIER() barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)\n";

static const char prologue_cuda[] =
    "#include \"kernel/kernel.h\"\n"
    "#ifndef NUMC_E_PROLOGUE\n"
    "#define NUMC_E_PROLOGUE\n"
    "typedef unsigned char numc_e_bool;\ntypedef signed char numc_e_int8;\ntypedef short numc_e_int16;\n"
    "typedef int numc_e_int32;\ntypedef long long numc_e_int64;\ntypedef unsigned char numc_e_uint8;\n"
    "typedef unsigned short numc_e_uint16;\ntypedef unsigned int numc_e_uint32;\ntypedef unsigned long long numc_e_uint64;\n"
    "#define NUMC_E_FMA_float32 fmaf\n#define NUMC_E_NEXTAFTER_float32 nextafterf\n"
    "#define NUMC_E_FIRST ((numc_k_i64)blockIdx.x * blockDim.x + threadIdx.x)\n"
    "#define NUMC_E_STEP ((numc_k_i64)gridDim.x * blockDim.x)\n"
    "#define NUMC_E_ITEM ((int)threadIdx.x)\n#define NUMC_E_NUMBER ((numc_k_i64)blockIdx.x)\n"
    "#define NUMC_E_LOCAL\n#define NUMC_E_SHARED __shared__\n#define NUMC_E_BARRIER() __syncthreads()\n";

/* What every dialect shares: the helpers of backends/ref/scalar.c that are more than an expression. */
static const char prologue_shared[] =
    "typedef float numc_e_float32;\ntypedef double numc_e_float64;\n"
    "#ifndef NUMC_E_GROUP\n#define NUMC_E_GROUP 128\n#endif\n"
    "#define NUMC_E_FMA_float64 fma\n#define NUMC_E_NEXTAFTER_float64 nextafter\n"
    "#define NUMC_E_NORMAL_float64 numc_k_sample_normal\n#define NUMC_E_NORMAL_float32 numc_k_sample_normal32\n"
    "NUMC_KERNEL_FN numc_k_i64 numc_e_floor_divide_signed(numc_k_i64 a, numc_k_i64 b)\n"
    "{\n"
    "    if (b == 0 || b == -1)\n"
    "        return b == 0 ? 0 : (numc_k_i64)(0 - (numc_k_u64)a);\n"
    "    return a / b - (a % b != 0 && (a < 0) != (b < 0));\n"
    "}\n"
    "NUMC_KERNEL_FN numc_k_i64 numc_e_remainder_signed(numc_k_i64 a, numc_k_i64 b)\n"
    "{\n"
    "    numc_k_i64 rest;\n"
    "    if (b == 0 || b == -1)\n"
    "        return 0;\n"
    "    rest = a % b;\n"
    "    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;\n"
    "}\n"
    "NUMC_KERNEL_FN numc_k_u64 numc_e_power(numc_k_u64 base, numc_k_u64 exponent)\n"
    "{\n"
    "    numc_k_u64 result = 1;\n"
    "    for (; exponent != 0; exponent >>= 1) {\n"
    "        if (exponent & 1)\n"
    "            result *= base;\n"
    "        base *= base;\n"
    "    }\n"
    "    return result;\n"
    "}\n"
    "NUMC_KERNEL_FN numc_k_i64 numc_e_power_signed(numc_k_i64 base, numc_k_i64 exponent)\n"
    "{\n"
    "    if (exponent < 0)\n"
    "        return base == 1 ? 1 : base == -1 ? (exponent % 2 != 0 ? -1 : 1) : 0;\n"
    "    return (numc_k_i64)numc_e_power((numc_k_u64)base, (numc_k_u64)exponent);\n"
    "}\n"
    "NUMC_KERNEL_FN double numc_e_floor_divide(double a, double b)\n"
    "{\n"
    "    double rest, quotient, whole;\n"
    "    if (b == 0.0 || a - a != 0.0 || b - b != 0.0)\n"
    "        return a / b;\n"
    "    rest = fmod(a, b);\n"
    "    quotient = (a - rest) / b;\n"
    "    if (rest != 0.0 && (rest < 0.0) != (b < 0.0))\n"
    "        quotient -= 1.0;\n"
    "    if (quotient == 0.0)\n"
    "        return copysign(0.0, a / b);\n"
    "    whole = floor(quotient);\n"
    "    return quotient - whole > 0.5 ? whole + 1.0 : whole;\n"
    "}\n"
    "NUMC_KERNEL_FN double numc_e_remainder(double a, double b)\n"
    "{\n"
    "    double rest = fmod(a, b);\n"
    "    if (rest == 0.0)\n"
    "        return copysign(0.0, b);\n"
    "    return (rest < 0.0) != (b < 0.0) ? rest + b : rest;\n"
    "}\n"
    "NUMC_KERNEL_FN numc_k_i64 numc_e_saturate_signed(double x, int bits)\n"
    "{\n"
    "    double limit = numc_k_power_of_two((double)(bits - 1));\n"
    "    numc_k_u64 top = (numc_k_u64)1 << (bits - 1);\n"
    "    return x != x ? 0 : x <= -limit ? (numc_k_i64)(0 - top) : x >= limit ? (numc_k_i64)(top - 1) : (numc_k_i64)x;\n"
    "}\n"
    "NUMC_KERNEL_FN numc_k_u64 numc_e_saturate(double x, int bits)\n"
    "{\n"
    "    double limit = numc_k_power_of_two((double)bits);\n"
    "    return x != x || x <= 0.0 ? 0 : x >= limit ? ~(numc_k_u64)0 >> (64 - bits) : (numc_k_u64)x;\n"
    "}\n"
    "#endif\n";

#endif
