/* emit_value.c - values of a kernel as text: scalar operations, conversions, and reductions by lanes or by the items of a group. */
#include "backend/emit.h"

#include <string.h>

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
    [NUMC_SCALAR_SQUARE] = {.exact = "NUMC_KERNEL_PRODUCT($0 * $0)", .is_signed = "(numc_k_u64)$0 * (numc_k_u64)$0", .is_unsigned = "$0 * $0"},
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
    [NUMC_SCALAR_MULTIPLY] = {.exact = "NUMC_KERNEL_PRODUCT($0 * $1)", .is_signed = "(numc_k_u64)$0 * (numc_k_u64)$1", .is_unsigned = "$0 * $1"},
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

bool numc__text_is_function(uint32_t operation)
{
    return operation < NUMC_SCALAR_LIMIT && operations[operation].wide != NULL && strncmp(operations[operation].wide, "numc_k_", 7) == 0;
}

void numc__text_shared(emitter *e, uint32_t operation)
{
    const char *template = operations[operation].wide;
    const int length = (int)strcspn(template, "(") - 7;
    const uint32_t arity = numc__scalar_info(operation)->arity;
    ADD(e, "#ifndef numc_e_%.*s\n#define numc_e_%.*s numc_e_%.*s\nstatic __attribute__((noinline)) double numc_e_%.*s(", length,
        template + 7, length, template + 7, length, template + 7, length, template + 7);
    for (uint32_t k = 0; k < arity; k++)
        ADD(e, "%sdouble x%u", k > 0 ? ", " : "", k);
    ADD(e, ")\n{\n    return ");
    for (const char *c = template; *c != '\0'; c++)
        ADD(e, "%c", *c == '$' ? 'x' : *c);
    ADD(e, ";\n}\n#endif\n");
}

/* NUMC_E_FMA and its like take the dtype as a suffix. */
static void add_template(emitter *e, const char *template, const char *const *operands, uint32_t dtype, uint32_t result)
{
    for (const char *c = template; *c != '\0'; c++) {
        if (*c == '$' && c[1] >= '0' && c[1] <= '3')
            ADD(e, "%s", operands[*++c - '0']);
        else if (*c == '$' && c[1] == 'T') {
            ADD(e, "numc_e_%s", dtype_name(result));
            c++;
        } else if (strncmp(c, "NUMC_E_", 7) == 0) {
            size_t length = strcspn(c, "(");
            ADD(e, "%.*s_%s", (int)length, c, dtype_name(dtype));
            c += length - 1;
        } else
            ADD(e, "%c", *c);
    }
}

/* The value of an operation on operands given as text, cast to the result's type. False: no text for it. */
bool numc__text_operation(emitter *e, uint32_t operation, uint32_t dtype, uint32_t result, const char *const *operands)
{
    const operation_text *texts = &operations[operation];
    numc_kind kind = kind_of(dtype);
    uint32_t arity = numc__scalar_info(operation)->arity;
    bool random = numc__scalar_info(operation)->operands == NUMC_OPERANDS_RANDOM;
    const char *template = NULL, *cast = "";
    if (operation == NUMC_SCALAR_WHERE) {
        ADD(e, "(%s ? %s : %s)", operands[0], operands[1], operands[2]);
        return true;
    }
    if (kind == NUMC_KIND_REAL) {
        template = texts->exact != NULL ? texts->exact : texts->wide;
        cast = texts->exact != NULL ? "" : "(double)";
    } else if (kind == NUMC_KIND_SIGNED) {
        template = texts->is_signed;
        cast = "(numc_k_i64)";
    } else if (kind == NUMC_KIND_UNSIGNED) {
        template = texts->is_unsigned;
        cast = "(numc_k_u64)";
    } else if (kind == NUMC_KIND_BOOL)
        template = texts->is_bool;
    if (template == NULL)
        return false;
    char widened[4][64];
    const char *with_casts[4] = {NULL};
    for (uint32_t k = 0; k < arity && k < 4; k++) {
        (void)numc__format(widened[k], sizeof widened[k], "%s%s", random ? "" : cast, operands[k]);
        with_casts[k] = widened[k];
    }
    ADD(e, "(numc_e_%s)(", dtype_name(result));
    if (e->calling) {
        ADD(e, "numc_e_%.*s(", (int)strcspn(template, "(") - 7, template + 7);
        for (uint32_t k = 0; k < arity; k++)
            ADD(e, "%s%s", k > 0 ? ", " : "", with_casts[k]);
        ADD(e, ")");
    } else {
        add_template(e, template, with_casts, dtype, result);
    }
    ADD(e, ")");
    return true;
}

void numc__text_conversion(emitter *e, uint32_t from, uint32_t to, const char *operand)
{
    const char *name = dtype_name(to);
    int bits = 8 * (int)numc_dtype_size((numc_dtype)to);
    bool to_signed = kind_of(to) == NUMC_KIND_SIGNED, to_unsigned = kind_of(to) == NUMC_KIND_UNSIGNED;
    if (to == NUMC_BOOL)
        ADD(e, "(numc_e_bool)(%s != 0)", operand);
    else if (kind_of(from) == NUMC_KIND_REAL && (to_signed || to_unsigned))
        ADD(e, "(numc_e_%s)numc_e_saturate%s((double)%s, %d)", name, to_signed ? "_signed" : "", operand, bits);
    else
        ADD(e, "(numc_e_%s)%s", name, operand);
}

/* A register's declaration up to the equals sign. */
void numc__text_declare(emitter *e, int32_t number)
{
    ADD(e, "const numc_e_%s r%d = ", dtype_name(e->source->register_dtypes[number]), (int)number);
}

void numc__text_identity(emitter *e, uint32_t reduction, uint32_t dtype)
{
    bool real = kind_of(dtype) == NUMC_KIND_REAL;
    int bits = 8 * (int)numc_dtype_size((numc_dtype)dtype);
    bool is_signed = kind_of(dtype) == NUMC_KIND_SIGNED;
    ADD(e, "(numc_e_%s)", dtype_name(dtype));
    if (reduction == NUMC_REDUCTION_PROD || reduction == NUMC_REDUCTION_ALL)
        ADD(e, "1");
    else if (reduction == NUMC_REDUCTION_MAX && real)
        ADD(e, "-NUMC_KERNEL_INFINITY");
    else if (reduction == NUMC_REDUCTION_MIN && real)
        ADD(e, "NUMC_KERNEL_INFINITY");
    else if (reduction == NUMC_REDUCTION_MAX && is_signed)
        ADD(e, "((numc_k_u64)1 << %d)", bits - 1);
    else if (reduction == NUMC_REDUCTION_MIN)
        ADD(e, "(~(numc_k_u64)0 >> %d)", 64 - bits + is_signed);
    else
        ADD(e, "0");
}

bool numc__text_is_argument(uint32_t reduction)
{
    return reduction == NUMC_REDUCTION_ARGMAX || reduction == NUMC_REDUCTION_ARGMIN;
}

/* The accumulators that stand directly in the loop at node `loop`, by calling `each`. */
bool numc__text_for_accumulators(emitter *e, uint32_t loop, bool (*each)(emitter *e, const numc_kernel_node *node))
{
    const numc_kernel_source *s = e->source;
    for (uint32_t i = loop + 1; i < (uint32_t)s->nodes[loop].match; i++) {
        if (is_loop(s->nodes[i].kind))
            i = (uint32_t)s->nodes[i].match;
        else if (s->nodes[i].kind == NUMC_NODE_ACCUMULATE && !each(e, &s->nodes[i]))
            return false;
    }
    return true;
}

/* In a loop shared by a group's items: a5 is what the item has so far, m5 where it found its extreme. */
bool numc__text_start_item(emitter *e, const numc_kernel_node *node)
{
    indent(e, 0);
    ADD(e, "numc_e_%s a%d = ", dtype_name(node->dtype), (int)node->result);
    numc__text_identity(e, node->operation, node->dtype);
    ADD(e, ";\n");
    if (numc__text_is_argument(node->operation)) {
        indent(e, 0);
        ADD(e, "numc_k_i64 m%d = -1;\n", (int)node->result);
    }
    return true;
}

static bool add_combine(emitter *e, const numc_kernel_node *node, const char *a, const char *b);
static void add_better(emitter *e, const numc_kernel_node *node, const char *a, const char *b);

/* The items' values by halves: item i takes in what item i + width has. */
bool numc__text_finish_item(emitter *e, const numc_kernel_node *node)
{
    int r = (int)node->result;
    bool argument = numc__text_is_argument(node->operation);
    char a[32], b[32];
    bool known = true;
    indent(e, 0);
    ADD(e, "NUMC_E_LOCAL numc_e_%s *const t%d = (NUMC_E_LOCAL numc_e_%s *)numc_e_shared;\n", dtype_name(node->dtype), r,
        dtype_name(node->dtype));
    indent(e, 0);
    ADD(e, "t%d[item] = a%d;\n", r, r);
    if (argument) {
        indent(e, 0);
        ADD(e, "numc_e_where[item] = m%d;\n", r);
    }
    indent(e, 0);
    ADD(e, "NUMC_E_BARRIER();\n");
    indent(e, 0);
    ADD(e, "for (int width = NUMC_E_GROUP / 2; width > 0; width /= 2) {\n");
    indent(e, 1);
    (void)numc__format(a, sizeof a, "t%d[item]", r);
    (void)numc__format(b, sizeof b, "t%d[item + width]", r);
    if (argument) {
        ADD(e, "if (item < width && numc_e_where[item + width] >= 0 && (numc_e_where[item] < 0 || ");
        add_better(e, node, b, a);
        ADD(e, " || (!");
        add_better(e, node, a, b);
        ADD(e, " && numc_e_where[item + width] < numc_e_where[item]))) {\n");
        indent(e, 2);
        ADD(e, "%s = %s;\n", a, b);
        indent(e, 2);
        ADD(e, "numc_e_where[item] = numc_e_where[item + width];\n");
        indent(e, 1);
        ADD(e, "}\n");
    } else {
        ADD(e, "if (item < width)\n");
        indent(e, 2);
        ADD(e, "%s = ", a);
        known = add_combine(e, node, a, b);
        ADD(e, ";\n");
    }
    indent(e, 1);
    ADD(e, "NUMC_E_BARRIER();\n");
    indent(e, 0);
    ADD(e, "}\n");
    indent(e, 0);
    numc__text_declare(e, node->result);
    if (argument)
        ADD(e, "numc_e_where[0] < 0 ? 0 : numc_e_where[0];\n");
    else
        ADD(e, "t%d[0];\n", r);
    indent(e, 0);
    ADD(e, "NUMC_E_BARRIER();\n");
    return known;
}

/* l5: the lanes of register 5; m5: where the extreme of a lane was found. */
bool numc__text_start_lanes(emitter *e, const numc_kernel_node *node)
{
    int r = (int)node->result;
    indent(e, 0);
    ADD(e, "numc_e_%s l%d[8];\n", dtype_name(node->dtype), r);
    if (numc__text_is_argument(node->operation)) {
        indent(e, 0);
        ADD(e, "numc_k_i64 m%d[8];\n", r);
    }
    indent(e, 0);
    ADD(e, "for (int lane = 0; lane < 8; lane++) {\n");
    indent(e, 1);
    ADD(e, "l%d[lane] = ", r);
    numc__text_identity(e, node->operation, node->dtype);
    ADD(e, ";\n");
    if (numc__text_is_argument(node->operation)) {
        indent(e, 1);
        ADD(e, "m%d[lane] = -1;\n", r);
    }
    indent(e, 0);
    ADD(e, "}\n");
    return true;
}

static bool add_combine(emitter *e, const numc_kernel_node *node, const char *a, const char *b)
{
    static const uint16_t operation[] = {
        [NUMC_REDUCTION_SUM] = NUMC_SCALAR_ADD,        [NUMC_REDUCTION_PROD] = NUMC_SCALAR_MULTIPLY,
        [NUMC_REDUCTION_MAX] = NUMC_SCALAR_MAXIMUM,    [NUMC_REDUCTION_MIN] = NUMC_SCALAR_MINIMUM,
        [NUMC_REDUCTION_ANY] = NUMC_SCALAR_LOGICAL_OR, [NUMC_REDUCTION_ALL] = NUMC_SCALAR_LOGICAL_AND,
    };
    const char *operands[2] = {a, b};
    return node->operation < sizeof operation / sizeof *operation && operation[node->operation] != 0 &&
           numc__text_operation(e, operation[node->operation], node->dtype, node->dtype, operands);
}

/* a is a better extreme than b: larger (smaller), or the first NaN. */
static void add_better(emitter *e, const numc_kernel_node *node, const char *a, const char *b)
{
    ADD(e, "(%s %c %s || (%s != %s && %s == %s))", a, node->operation == NUMC_REDUCTION_ARGMAX ? '>' : '<', b, a, a, b, b);
}

/* ((0+4)+(2+6)) + ((1+5)+(3+7)) */
bool numc__text_finish_lanes(emitter *e, const numc_kernel_node *node)
{
    static const uint8_t tree[][2] = {{0, 4}, {2, 6}, {0, 2}, {1, 5}, {3, 7}, {1, 3}, {0, 1}};
    int r = (int)node->result;
    char a[48], b[48];
    const char *strip = e->strip > 0 ? "[strip]" : "";
    if (!numc__text_is_argument(node->operation)) {
        for (size_t k = 0; k < sizeof tree / sizeof *tree; k++) {
            (void)numc__format(a, sizeof a, "l%d[%d]%s", r, tree[k][0], strip);
            (void)numc__format(b, sizeof b, "l%d[%d]%s", r, tree[k][1], strip);
            indent(e, 0);
            ADD(e, "%s = ", a);
            if (!add_combine(e, node, a, b))
                return false;
            ADD(e, ";\n");
        }
        indent(e, 0);
        numc__text_declare(e, node->result);
        ADD(e, "l%d[0]%s;\n", r, strip);
        return true;
    }
    indent(e, 0);
    ADD(e, "for (int lane = 1; lane < 8; lane++)\n");
    indent(e, 1);
    (void)numc__format(a, sizeof a, "l%d[lane]", r);
    (void)numc__format(b, sizeof b, "l%d[0]", r);
    ADD(e, "if (m%d[lane] >= 0 && (", r);
    add_better(e, node, a, b);
    ADD(e, " || (!");
    add_better(e, node, b, a);
    ADD(e, " && m%d[lane] < m%d[0]))) {\n", r, r);
    indent(e, 2);
    ADD(e, "%s = %s;\n", b, a);
    indent(e, 2);
    ADD(e, "m%d[0] = m%d[lane];\n", r, r);
    indent(e, 1);
    ADD(e, "}\n");
    indent(e, 0);
    numc__text_declare(e, node->result);
    ADD(e, "m%d[0] < 0 ? 0 : m%d[0];\n", r, r);
    return true;
}

bool numc__text_accumulate(emitter *e, const numc_kernel_node *node)
{
    char lane[64], value[32];
    int r = (int)node->result, depth = e->depth - 1;
    bool own = e->by_groups && depth == (int)e->flat_count; /* one accumulator for each item */
    if (own)
        (void)numc__format(lane, sizeof lane, "a%d", r);
    else
        (void)numc__format(lane, sizeof lane, "l%d[lane%d]%s", r, depth, e->strip > 0 ? "[strip]" : "");
    (void)numc__format(value, sizeof value, "r%d", (int)node->operands[0]);
    if (own && numc__text_is_argument(node->operation)) {
        ADD(e, "if (m%d < 0 || ", r);
        add_better(e, node, value, lane);
        ADD(e, ") {\n");
        indent(e, 1);
        ADD(e, "%s = %s;\n", lane, value);
        indent(e, 1);
        ADD(e, "m%d = i%d;\n", r, depth);
        indent(e, 0);
        ADD(e, "}\n");
        return true;
    }
    if (!numc__text_is_argument(node->operation)) {
        ADD(e, "%s = ", lane);
        bool known = add_combine(e, node, lane, value);
        ADD(e, ";\n");
        return known;
    }
    ADD(e, "if (m%d[lane%d] < 0 || ", r, depth);
    add_better(e, node, value, lane);
    ADD(e, ") {\n");
    indent(e, 1);
    ADD(e, "%s = %s;\n", lane, value);
    indent(e, 1);
    ADD(e, "m%d[lane%d] = i%d;\n", r, depth, depth);
    indent(e, 0);
    ADD(e, "}\n");
    return true;
}
