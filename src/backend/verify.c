/* verify.c - holds a kernel source to the rules of numc/backend.h: for tests, debug builds, and whoever writes a compiler pass.
 * The first broken rule is the error: NUMC_INTERNAL, with the number and kind of the node. */
#include <string.h>

#include "backend/device.h"

enum { NOT_YET = -2, OUTSIDE = -1 };

/* Where a register may be read: OUTSIDE everywhere, else while the loop node is open. */
typedef struct verifier {
    numc_context *context;
    const numc_kernel_source *source;
    int32_t *scope;       /* by register: loop node, OUTSIDE or NOT_YET */
    unsigned char *state; /* by register: 1 carried, 2 updated; then by node: 1 open */
    unsigned char *open;
    int32_t *outer; /* by loop node: the loop around it */
    int32_t current, depth;
    uint32_t node;
} verifier;

enum { STATE_CARRIED = 1, STATE_UPDATED = 2 };

static const char *kind_name(uint32_t kind)
{
    static const char *const names[] = {
        [NUMC_NODE_PARALLEL] = "parallel",     [NUMC_NODE_REDUCE] = "reduce",
        [NUMC_NODE_SEQUENTIAL] = "sequential", [NUMC_NODE_WHILE] = "while",
        [NUMC_NODE_END] = "end",               [NUMC_NODE_SCALAR] = "scalar",
        [NUMC_NODE_CONSTANT] = "constant",     [NUMC_NODE_INDEX] = "index",
        [NUMC_NODE_LOAD] = "load",             [NUMC_NODE_STORE] = "store",
        [NUMC_NODE_ACCUMULATE] = "accumulate", [NUMC_NODE_CARRY] = "carry",
        [NUMC_NODE_UPDATE] = "update",         [NUMC_NODE_CONTINUE] = "continue",
        [NUMC_NODE_LOCAL_LOAD] = "local load", [NUMC_NODE_LOCAL_STORE] = "local store",
    };
    return kind < sizeof names / sizeof *names && names[kind] != NULL ? names[kind] : "unknown";
}

/* "kernel node 7 (load): ..." */
#define RULE(v, condition, text)                                                                   \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return broken((v), (text));                                                            \
    } while (0)

static numc_status broken(const verifier *v, const char *text)
{
    return numc__fail(v->context, NUMC_INTERNAL, "kernel node %u (%s): %s", v->node,
                      kind_name(v->source->nodes[v->node].kind), text);
}

static bool is_loop(uint32_t kind)
{
    return kind >= NUMC_NODE_PARALLEL && kind <= NUMC_NODE_WHILE;
}

static bool known_dtype(uint32_t dtype)
{
    return dtype >= NUMC_BOOL && dtype <= NUMC_FLOAT64;
}

/* A register read here, with the dtype it must have (0: any). */
static numc_status reads(const verifier *v, int32_t number, uint32_t dtype)
{
    RULE(v, number >= 0 && (uint32_t)number < v->source->register_count, "an operand is not a register");
    int32_t scope = v->scope[number];
    RULE(v, scope != NOT_YET, "an operand is read before it is assigned");
    RULE(v, scope == OUTSIDE || v->open[scope], "an operand was assigned inside a loop that has ended");
    RULE(v, dtype == 0 || v->source->register_dtypes[number] == dtype, "an operand has the wrong dtype");
    return NUMC_OK;
}

static numc_status assigns_in(verifier *v, int32_t number, uint32_t dtype, int32_t scope)
{
    RULE(v, number >= 0 && (uint32_t)number < v->source->register_count, "the result is not a register");
    RULE(v, v->scope[number] == NOT_YET, "the result's register is assigned twice");
    RULE(v, v->source->register_dtypes[number] == dtype, "the result's register has the wrong dtype");
    v->scope[number] = scope;
    return NUMC_OK;
}

static numc_status assigns(verifier *v, int32_t number, uint32_t dtype)
{
    return assigns_in(v, number, dtype, v->current);
}

static uint32_t current_kind(const verifier *v)
{
    return v->current < 0 ? 0 : v->source->nodes[v->current].kind;
}

static numc_status verify_loop(verifier *v, const numc_kernel_node *node)
{
    const numc_kernel_source *s = v->source;
    RULE(v, node->match > (int32_t)v->node && (uint32_t)node->match < s->node_count &&
                s->nodes[node->match].kind == NUMC_NODE_END && s->nodes[node->match].match == (int32_t)v->node,
         "the loop and its end do not match");
    RULE(v, s->level >= 3 || node->kind == NUMC_NODE_PARALLEL || node->kind == NUMC_NODE_REDUCE,
         "the loop needs level 3");
    if (node->kind != NUMC_NODE_WHILE) {
        if (node->operands[0] >= 0) {
            RULE(v, s->level >= 3, "an extent in a register needs level 3");
            NUMC_TRY(reads(v, node->operands[0], NUMC_INT64));
        } else
            RULE(v, node->extent >= 0 && (uint32_t)node->extent < s->extent_count, "the loop names no extent");
    }
    v->outer[v->node] = v->current;
    v->open[v->node] = 1;
    v->current = (int32_t)v->node;
    v->depth++;
    RULE(v, (uint32_t)v->depth <= s->depth, "the loop is deeper than the kernel says");
    return NUMC_OK;
}

/* What a loop's accumulators leave behind becomes readable in the loop around it. */
static numc_status verify_end(verifier *v, const numc_kernel_node *node)
{
    const numc_kernel_source *s = v->source;
    RULE(v, v->current >= 0 && node->match == v->current && node->extent == v->current, "the end closes no open loop");
    int32_t ended = v->current, outer = v->outer[ended];
    v->open[ended] = 0;
    v->current = outer;
    v->depth--;
    for (uint32_t i = (uint32_t)ended + 1; i < v->node; i++) {
        if (is_loop(s->nodes[i].kind)) {
            i = (uint32_t)s->nodes[i].match;
            continue;
        }
        if (s->nodes[i].kind == NUMC_NODE_ACCUMULATE) {
            const numc_kernel_node *a = &s->nodes[i];
            bool argument = a->operation == NUMC_REDUCTION_ARGMAX || a->operation == NUMC_REDUCTION_ARGMIN;
            NUMC_TRY(assigns_in(v, a->result, argument ? (uint32_t)NUMC_INT64 : a->dtype, outer));
        }
    }
    return NUMC_OK;
}

static numc_status verify_scalar(verifier *v, const numc_kernel_node *node)
{
    const numc_scalar_info *info = numc__scalar_info(node->operation);
    RULE(v, info->arity > 0, "the operation is unknown");
    RULE(v, known_dtype(node->dtype) && numc__scalar_admits(node->operation, (numc_dtype)node->dtype),
         "the operation does not admit the dtype");
    for (uint32_t k = 0; k < info->arity; k++) {
        uint32_t dtype = node->dtype;
        if (node->operation == NUMC_SCALAR_CONVERT)
            dtype = 0;
        else if (info->operands == NUMC_OPERANDS_RANDOM && k < 2)
            dtype = NUMC_UINT64;
        else if (info->operands == NUMC_OPERANDS_SELECT && k == 0)
            dtype = NUMC_BOOL;
        NUMC_TRY(reads(v, node->operands[k], dtype));
    }
    return assigns(v, node->result, info->result == NUMC_RESULT_BOOL     ? (uint32_t)NUMC_BOOL
                                    : info->result == NUMC_RESULT_UINT64 ? (uint32_t)NUMC_UINT64
                                                                         : node->dtype);
}

static numc_status verify_access(verifier *v, const numc_kernel_node *node)
{
    const numc_kernel_source *s = v->source;
    bool is_load = node->kind == NUMC_NODE_LOAD;
    int32_t gathered = node->operands[is_load ? 0 : 1];
    RULE(v, node->extent >= 0 && (uint32_t)node->extent < s->access_count, "there is no such access");
    const numc_kernel_access *access = &s->accesses[node->extent];
    RULE(v, access->buffer < s->buffer_count, "the access names no buffer");
    RULE(v, known_dtype(access->dtype), "the access has no acceptable dtype");
    RULE(v, (access->writes != 0) == !is_load, is_load ? "a load of an access that stores" : "a store to an access that loads");
    if (gathered >= 0)
        NUMC_TRY(reads(v, gathered, NUMC_INT64));
    return is_load ? assigns(v, node->result, access->dtype) : reads(v, node->operands[0], access->dtype);
}

static numc_status verify_accumulate(verifier *v, const numc_kernel_node *node)
{
    RULE(v, current_kind(v) == NUMC_NODE_REDUCE, "it does not stand directly in a reduce loop");
    RULE(v, node->operation >= NUMC_REDUCTION_SUM && node->operation <= NUMC_REDUCTION_ARGMIN, "the reduction is unknown");
    bool logical = node->operation == NUMC_REDUCTION_ANY || node->operation == NUMC_REDUCTION_ALL;
    RULE(v, known_dtype(node->dtype) && logical == (node->dtype == NUMC_BOOL), "the reduction does not admit the dtype");
    return reads(v, node->operands[0], node->dtype);
}

static numc_status verify_local(verifier *v, const numc_kernel_node *node)
{
    const numc_kernel_source *s = v->source;
    RULE(v, s->level >= 3, "local arrays need level 3");
    RULE(v, node->extent >= 0 && (uint32_t)node->extent < s->local_count, "there is no such local array");
    uint32_t dtype = s->locals[node->extent].dtype;
    RULE(v, known_dtype(dtype), "the local array has no acceptable dtype");
    NUMC_TRY(reads(v, node->operands[0], NUMC_INT64));
    return node->kind == NUMC_NODE_LOCAL_LOAD ? assigns(v, node->result, dtype) : reads(v, node->operands[1], dtype);
}

static numc_status verify_node(verifier *v, const numc_kernel_node *node)
{
    const numc_kernel_source *s = v->source;
    switch (node->kind) {
    case NUMC_NODE_PARALLEL:
    case NUMC_NODE_REDUCE:
    case NUMC_NODE_SEQUENTIAL:
    case NUMC_NODE_WHILE: return verify_loop(v, node);
    case NUMC_NODE_END: return verify_end(v, node);
    case NUMC_NODE_SCALAR: return verify_scalar(v, node);
    case NUMC_NODE_CONSTANT:
        RULE(v, node->extent >= 0 && (uint32_t)node->extent < s->constant_count, "there is no such constant");
        RULE(v, node->result >= 0 && (uint32_t)node->result < s->register_count, "the result is not a register");
        return assigns(v, node->result, s->register_dtypes[node->result]);
    case NUMC_NODE_INDEX:
        RULE(v, node->extent >= 0 && node->extent < v->depth, "there is no loop at that depth");
        return assigns(v, node->result, NUMC_INT64);
    case NUMC_NODE_LOAD:
    case NUMC_NODE_STORE: return verify_access(v, node);
    case NUMC_NODE_ACCUMULATE: return verify_accumulate(v, node);
    case NUMC_NODE_CARRY:
        RULE(v, s->level >= 3, "carried registers need level 3");
        NUMC_TRY(reads(v, node->operands[0], 0));
        NUMC_TRY(assigns(v, node->result, s->register_dtypes[node->operands[0]]));
        v->state[node->result] = STATE_CARRIED;
        return NUMC_OK;
    case NUMC_NODE_UPDATE:
        RULE(v, current_kind(v) == NUMC_NODE_SEQUENTIAL || current_kind(v) == NUMC_NODE_WHILE,
             "it does not stand directly in a sequential or while loop");
        NUMC_TRY(reads(v, node->result, 0));
        RULE(v, (v->state[node->result] & STATE_CARRIED) != 0, "it updates a register that is not carried");
        RULE(v, (v->state[node->result] & STATE_UPDATED) == 0, "the carried register is updated twice");
        RULE(v, v->scope[node->result] != v->current, "the carried register starts inside the loop");
        v->state[node->result] |= STATE_UPDATED;
        return reads(v, node->operands[0], s->register_dtypes[node->result]);
    case NUMC_NODE_CONTINUE:
        RULE(v, current_kind(v) == NUMC_NODE_WHILE, "it does not stand directly in a while loop");
        return reads(v, node->operands[0], NUMC_BOOL);
    case NUMC_NODE_LOCAL_LOAD:
    case NUMC_NODE_LOCAL_STORE: return verify_local(v, node);
    default: return broken(v, "the kind is unknown");
    }
}

/* Level 1: one nest, nothing inside a reduce loop, so every loop holds one other at most. */
static numc_status verify_level_1(verifier *v)
{
    const numc_kernel_source *s = v->source;
    for (int64_t loop = -1; loop < (int64_t)s->node_count; loop++) {
        if (loop >= 0 && !is_loop(s->nodes[loop].kind))
            continue;
        uint32_t inside = 0, end = loop < 0 ? s->node_count : (uint32_t)s->nodes[loop].match;
        for (uint32_t i = (uint32_t)(loop + 1); i < end; i++)
            if (is_loop(s->nodes[i].kind)) {
                v->node = i;
                RULE(v, inside++ == 0, "a second loop beside another needs level 2");
                RULE(v, loop < 0 || s->nodes[loop].kind != NUMC_NODE_REDUCE, "a loop inside a reduce loop needs level 2");
                i = (uint32_t)s->nodes[i].match;
            }
    }
    return NUMC_OK;
}

static numc_status verify_source(verifier *v)
{
    const numc_kernel_source *s = v->source;
    for (uint32_t i = 0; i < s->register_count; i++) {
        v->scope[i] = NOT_YET;
        NUMC_REQUIRE(v->context, known_dtype(s->register_dtypes[i]), NUMC_INTERNAL,
                     "kernel register %u has no acceptable dtype", i);
    }
    for (v->node = 0; v->node < s->node_count; v->node++)
        NUMC_TRY(verify_node(v, &s->nodes[v->node]));
    NUMC_REQUIRE(v->context, v->current < 0, NUMC_INTERNAL, "kernel: a loop is left open");
    return s->level == 1 ? verify_level_1(v) : NUMC_OK;
}

numc_status numc__kernel_verify(numc_context *context, const numc_kernel_source *source)
{
    NUMC_TRY(context->status);
    NUMC_REQUIRE(context, source->size >= sizeof *source && source->level >= 1 && source->level <= 3, NUMC_INTERNAL,
                 "kernel: its size is %llu and its level %u", (unsigned long long)source->size, source->level);
    size_t size = (size_t)source->register_count * (sizeof(int32_t) + 1) + (size_t)source->node_count * (sizeof(int32_t) + 1);
    int32_t *memory = numc__allocate_zero(context, size, 1);
    if (memory == NULL)
        return NUMC_MEMORY;
    verifier v = {.context = context, .source = source, .scope = memory, .current = -1};
    v.outer = v.scope + source->register_count;
    v.state = (unsigned char *)(v.outer + source->node_count);
    v.open = v.state + source->register_count;
    numc_status status = verify_source(&v);
    numc__free(context, memory, size);
    return status;
}
