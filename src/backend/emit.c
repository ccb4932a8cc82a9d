/* emit.c - a kernel as text: one function in C99, OpenCL C or CUDA C, with the bits of the reference interpreter (arithmetic in
 * the interpreter's order, transcendental functions from src/kernel; compile without contraction).
 *
 * The text includes "kernel/kernel.h", the scalar kernel; a compiler without files is given its text under that name. Registers
 * become constants of the block they are assigned in, so the scopes of a kernel are those of the language. In C the function is
 *     void NAME(void *const *buffers, const i64 *extents, const i64 *offsets, const i64 *strides, const u64 *constants)
 * with the members of numc_kernel_arguments. In the GPU dialects the buffers are separate arguments and numc/backend.h says how work
 * items share the loops. */
#include "backend/emit.h"

#include <string.h>

#include "backend/emit_text.h"

static const dialect dialects[] = {
    [NUMC_DIALECT_C] = {prologue_c, "void", "", "restrict ", false, "ll"},
    [NUMC_DIALECT_OPENCL] = {prologue_opencl, "__kernel void", "__global ", "restrict ", true, "l"},
    [NUMC_DIALECT_CUDA] = {prologue_cuda, "extern \"C\" __global__ void", "", "__restrict__ ", true, "ll"},
};

/* One of the numbers a launch brings: extents, offsets, strides, constants, which are one array in the GPU dialects. */
typedef enum word { WORD_EXTENT, WORD_OFFSET, WORD_STRIDE, WORD_CONSTANT } word;

static uint32_t word_count(const numc_kernel_source *s)
{
    return s->extent_count + s->access_count * (s->depth + 2) + s->constant_count;
}

static void format_word(const emitter *e, char *text, size_t size, word kind, uint32_t number)
{
    static const char *const names[] = {"extents", "offsets", "strides", "constants"};
    const numc_kernel_source *s = e->source;
    const uint32_t first[] = {0, s->extent_count, s->extent_count + s->access_count,
                              s->extent_count + s->access_count * (s->depth + 2)};
    if (e->devices)
        (void)numc__format(text, size, "%s[%u]", e->by_value ? "words.w" : "words", first[kind] + number);
    else
        (void)numc__format(text, size, "%s[%u]", names[kind], number);
}

/* The loop around a node holds no other: then the access's hint about the innermost loop is about this one. */
static bool in_innermost(const emitter *e, uint32_t number)
{
    const numc_kernel_source *s = e->source;
    uint32_t i = number;
    while (i < s->node_count && s->nodes[i].kind != NUMC_NODE_END) {
        if (is_loop(s->nodes[i].kind))
            return false;
        i++;
    }
    if (i == s->node_count)
        return false;
    for (uint32_t k = (uint32_t)s->nodes[i].match + 1; k < i; k++)
        if (is_loop(s->nodes[k].kind))
            return false;
    return true;
}

static void add_stride(emitter *e, int32_t access, int d, char letter, int number)
{
    if (e->known == NULL) {
        ADD(e, " + s%d_%d * %c%d", (int)access, d, letter, number);
        return;
    }
    int64_t stride = e->known->strides[access * ((int32_t)e->source->depth + 1) + d];
    if (stride == 1)
        ADD(e, " + %c%d", letter, number);
    else if (stride != 0)
        ADD(e, " + %lld%s * %c%d", (long long)stride, e->dialect->literal, letter, number);
}

/* The access whose pointer serves this one too: the first one of the buffer and dtype, where offsets are known. */
static uint32_t leader(const emitter *e, uint32_t access)
{
    const numc_kernel_source *s = e->source;
    for (uint32_t a = 0; e->known != NULL && e->known->offsets != NULL && a < access; a++)
        if (s->accesses[a].buffer == s->accesses[access].buffer && s->accesses[a].dtype == s->accesses[access].dtype)
            return a;
    return access;
}

/* p2[s2_0 * i0 + i1 + s2_2 * r7] */
static void add_element(emitter *e, uint32_t number, int32_t access, int32_t gathered)
{
    uint32_t hint = in_innermost(e, number) ? e->source->accesses[access].contiguity : (uint32_t)NUMC_CONTIGUITY_ANY;
    uint32_t pointer = leader(e, (uint32_t)access);
    for (int32_t k = 0; e->groups != NULL && k < e->groups->local_count; k++)
        if (e->groups->locals[k] == access) {
            ADD(e, "g%d[i0 - first]", (int)access);
            return;
        }
    ADD(e, "p%u[%lld", pointer,
        pointer == (uint32_t)access ? 0ll : (long long)(e->known->offsets[access] - e->known->offsets[pointer]));
    for (int d = 0; d < e->depth; d++) {
        bool inner = d == e->depth - 1;
        if (inner && hint == NUMC_CONTIGUITY_UNIFORM)
            continue;
        if (inner && hint == NUMC_CONTIGUITY_UNIT)
            ADD(e, " + i%d", d);
        else
            add_stride(e, access, d, 'i', d);
    }
    if (gathered >= 0)
        add_stride(e, access, (int)e->source->depth, 'r', (int)gathered);
    ADD(e, "]");
}

static bool add_nodes(emitter *e, uint32_t from, uint32_t to);
static bool add_loop(emitter *e, uint32_t loop);
static bool add_node(emitter *e, uint32_t number);

static void add_updates(emitter *e, uint32_t loop)
{
    const numc_kernel_source *s = e->source;
    for (uint32_t i = loop + 1; i < (uint32_t)s->nodes[loop].match; i++) {
        if (is_loop(s->nodes[i].kind))
            i = (uint32_t)s->nodes[i].match;
        else if (s->nodes[i].kind == NUMC_NODE_UPDATE) {
            indent(e, 0);
            ADD(e, "r%d = u%u;\n", (int)s->nodes[i].result, i);
        }
    }
}

static bool holds_loop(const numc_kernel_source *s, uint32_t loop)
{
    for (uint32_t i = loop + 1; i < (uint32_t)s->nodes[loop].match; i++)
        if (is_loop(s->nodes[i].kind))
            return true;
    return false;
}

/* A load of bytes that lie in a row: where eight iterations stand side by side, of one word. Compilers that choose their vectors by
 * the narrowest type find none of eight iterations for a byte beside a double. */
static bool is_byte(const emitter *e, const numc_kernel_node *node)
{
    if (node->kind != NUMC_NODE_LOAD || e->source->register_dtypes[node->result] != NUMC_BOOL || node->operands[0] >= 0 || e->known == NULL ||
        e->devices || e->item || e->strip > 0)
        return false;
    for (int32_t k = 0; e->groups != NULL && k < e->groups->local_count; k++)
        if (e->groups->locals[k] == node->extent)
            return false;
    return e->known->strides[node->extent * ((int32_t)e->source->depth + 1) + e->depth - 1] == 1;
}

/* The first of eight iterations side by side. */
static const char *eight(const emitter *e, uint32_t loop)
{
    return e->groups != NULL && e->groups->loop == loop ? "first + block" : "block";
}

/* The bytes of eight iterations. */
static void add_words(emitter *e, uint32_t loop)
{
    const numc_kernel_source *s = e->source;
    e->depth++;
    for (uint32_t i = loop + 1, first = 1; i < (uint32_t)s->nodes[loop].match; i++) {
        const numc_kernel_node *node = &s->nodes[i];
        if (!is_byte(e, node))
            continue;
        indent(e, -1);
        if (first == 1) {
            ADD(e, "const numc_k_i64 i%d = %s;\n", e->depth - 1, eight(e, loop));
            indent(e, -1);
        }
        first = 0;
        ADD(e, "numc_k_u64 w%d;\n", (int)node->result);
        indent(e, -1);
        ADD(e, "memcpy(&w%d, &", (int)node->result);
        add_element(e, i, node->extent, -1);
        ADD(e, ", 8);\n");
    }
    e->depth--;
}

static bool add_body(emitter *e, uint32_t loop)
{
    e->depth++;
    bool known = add_nodes(e, loop + 1, (uint32_t)e->source->nodes[loop].match);
    add_updates(e, loop);
    e->depth--;
    indent(e, 0);
    ADD(e, "}\n");
    return known;
}

/* `for` over groups of iterations [first, last) with the caller's text before and after each; add_group_end closes it. */
static void add_group_begin(emitter *e, const char *extent)
{
    ADD(e, "%s", e->groups->declarations);
    indent(e, 0);
    ADD(e, "for (numc_k_i64 first = 0, last; first < %s; first = last) {\n", extent);
    indent(e, 0);
    ADD(e, "last = first + %lldll < %s ? first + %lldll : %s;\n%s", (long long)e->groups->size, extent, (long long)e->groups->size,
        extent, e->groups->before);
}

static void add_group_end(emitter *e)
{
    ADD(e, "%s", e->groups->after);
    indent(e, 0);
    ADD(e, "}\n");
}

/* Before the innermost of parallel loops, and a reduce loop's lanes: no iteration reads what another writes. A compiler cannot see
 * that of many pointers into one arena, and does not look at more than some ten pairs; then it would use no vectors. */
static void add_independent(emitter *e, uint32_t loop)
{
    const numc_kernel_source *s = e->source;
    if (e->known == NULL || e->item || s->nodes[loop].kind == NUMC_NODE_SEQUENTIAL)
        return;
    for (uint32_t i = loop + 1; i < (uint32_t)s->nodes[loop].match; i++) {
        const numc_kernel_node *node = &s->nodes[i];
        if (is_loop(node->kind) || node->kind == NUMC_NODE_LOCAL_LOAD || node->kind == NUMC_NODE_LOCAL_STORE
            || (node->kind == NUMC_NODE_STORE && node->operands[1] >= 0))
            return;
    }
    indent(e, 0);
    ADD(e, "NUMC_E_INDEPENDENT\n");
}

/* ---- loops beside each other --------------------------------------------------------------------------------------------- */

static bool uses(const numc_kernel_source *s, uint32_t from, uint32_t to, int32_t reg)
{
    for (uint32_t i = from; i < to; i++)
        for (int k = 0; k < 4; k++)
            if (s->nodes[i].operands[k] == reg)
                return true;
    return false;
}

/* The one loop that a parallel loop of known length holds beside straight code, where the parallel loop's iterations are better
 * taken side by side: a sequential one, or a reduction whose operands lie in order along the parallel loop; 0: there is none. */
static uint32_t loop_for_strips(const emitter *e, uint32_t loop)
{
    const numc_kernel_source *s = e->source;
    uint32_t found = 0, end = (uint32_t)s->nodes[loop].match;
    int32_t in_order = 0;
    if (e->known == NULL || e->item || e->groups != NULL || s->nodes[loop].operands[0] >= 0 || e->known->extents[s->nodes[loop].extent] < 4)
        return 0;
    for (uint32_t i = loop + 1; i < end; i++) {
        const numc_kernel_node *node = &s->nodes[i];
        bool inner = node->kind == NUMC_NODE_SEQUENTIAL || node->kind == NUMC_NODE_REDUCE;
        if (node->kind == NUMC_NODE_LOCAL_LOAD || node->kind == NUMC_NODE_LOCAL_STORE || (node->kind == NUMC_NODE_ACCUMULATE && numc__text_is_argument(node->operation)) ||
            (is_loop(node->kind) && (!inner || found != 0 || node->operands[0] >= 0)))
            return 0;
        if (is_loop(node->kind))
            found = i;
        if (found == 0 || i > (uint32_t)s->nodes[found].match || (node->kind != NUMC_NODE_LOAD && node->kind != NUMC_NODE_STORE))
            continue;
        const int64_t *strides = &e->known->strides[node->extent * ((int32_t)s->depth + 1) + e->depth];
        in_order += (strides[0] == 1) - (strides[1] == 1);
    }
    return found != 0 && s->nodes[found].kind == NUMC_NODE_REDUCE && in_order <= 0 ? 0 : found;
}

/* Straight code of a strip, before, in or behind the inner loop: what it takes from the code before that, then the nodes. */
static bool add_strip_part(emitter *e, uint32_t loop, uint32_t inner, uint32_t from, uint32_t to)
{
    const numc_kernel_source *s = e->source;
    const uint32_t end = (uint32_t)s->nodes[loop].match;
    const int depth = e->depth;
    const bool before = to <= inner, inside = from == inner + 1;
    bool known = true;
    if (before && from == to)
        return true;
    e->depth = depth + 1 + inside;
    if (inside && s->nodes[inner].kind == NUMC_NODE_REDUCE) {
        indent(e, 0);
        ADD(e, "const int lane%d = (int)(i%d & 7);\n", depth + 1, depth + 1);
    }
    indent(e, 0);
    ADD(e, "NUMC_E_INDEPENDENT\n");
    indent(e, 0);
    ADD(e, "for (int strip = 0; strip < %d; strip++) {\n", e->strip);
    indent(e, 1);
    ADD(e, "const numc_k_i64 i%d = at%u + strip;\n", depth, loop);
    for (uint32_t i = loop + 1; !before && i < inner; i++)
        if (s->nodes[i].result >= 0 && uses(s, from, to, s->nodes[i].result)) {
            indent(e, 1);
            numc__text_declare(e, s->nodes[i].result);
            ADD(e, "a%d[strip];\n", (int)s->nodes[i].result);
        }
    for (uint32_t i = inner + 1; !before && !inside && i < (uint32_t)s->nodes[inner].match; i++)
        known = known && (s->nodes[i].kind != NUMC_NODE_ACCUMULATE || numc__text_finish_lanes(e, &s->nodes[i]));
    for (uint32_t i = from; known && i < to; i++) {
        const numc_kernel_node *node = &s->nodes[i];
        known = add_node(e, i);
        if (before && node->result >= 0 && (node->kind == NUMC_NODE_CARRY || uses(s, inner, end, node->result))) {
            indent(e, 1);
            ADD(e, "a%d[strip] = r%d;\n", (int)node->result, (int)node->result);
        }
    }
    for (uint32_t i = from; inside && i < to; i++)
        if (s->nodes[i].kind == NUMC_NODE_UPDATE) {
            indent(e, 1);
            ADD(e, "a%d[strip] = u%u;\n", (int)s->nodes[i].result, i);
        }
    indent(e, 0);
    ADD(e, "}\n");
    e->depth = depth;
    return known;
}

/* A parallel loop around one other goes by strips of iterations, which take each turn of that side by side, in vectors; what they
 * carry and sum up lies in small arrays. Iterations beyond the last whole strip follow one by one: *done of them are in strips. */
static bool add_strips(emitter *e, uint32_t loop, int64_t *done)
{
    const numc_kernel_source *s = e->source;
    uint32_t inner = loop_for_strips(e, loop), end = (uint32_t)s->nodes[loop].match;
    *done = 0;
    if (inner == 0)
        return true;
    int64_t extent = e->known->extents[s->nodes[loop].extent];
    int d = e->depth;
    e->strip = extent < 8 ? 4 : extent < 16 ? 8 : 16;
    *done = extent - extent % e->strip;
    indent(e, 0);
    ADD(e, "for (numc_k_i64 at%u = 0; at%u < %lldll; at%u += %d) {\n", loop, loop, (long long)*done, loop, e->strip);
    for (uint32_t i = loop + 1; i < inner; i++)
        if (s->nodes[i].result >= 0 && (s->nodes[i].kind == NUMC_NODE_CARRY || uses(s, inner, end, s->nodes[i].result))) {
            indent(e, 1);
            ADD(e, "numc_e_%s a%d[%d];\n", dtype_name(s->register_dtypes[s->nodes[i].result]), (int)s->nodes[i].result, e->strip);
        }
    for (uint32_t i = inner + 1; i < (uint32_t)s->nodes[inner].match; i++)
        if (s->nodes[i].kind == NUMC_NODE_ACCUMULATE) {
            indent(e, 1);
            ADD(e, "numc_e_%s l%d[8][%d];\n", dtype_name(s->nodes[i].dtype), (int)s->nodes[i].result, e->strip);
            indent(e, 1);
            ADD(e, "for (int lane = 0; lane < 8; lane++)\n");
            indent(e, 2);
            ADD(e, "for (int strip = 0; strip < %d; strip++)\n", e->strip);
            indent(e, 3);
            ADD(e, "l%d[lane][strip] = ", (int)s->nodes[i].result);
            numc__text_identity(e, s->nodes[i].operation, s->nodes[i].dtype);
            ADD(e, ";\n");
        }
    bool known = add_strip_part(e, loop, inner, loop + 1, inner);
    indent(e, 1);
    ADD(e, "for (numc_k_i64 i%d = 0; i%d < %lldll; i%d++) {\n", d + 1, d + 1, (long long)e->known->extents[s->nodes[inner].extent], d + 1);
    known = known && add_strip_part(e, loop, inner, inner + 1, (uint32_t)s->nodes[inner].match);
    indent(e, 1);
    ADD(e, "}\n");
    known = known && add_strip_part(e, loop, inner, (uint32_t)s->nodes[inner].match + 1, end);
    indent(e, 0);
    ADD(e, "}\n");
    e->strip = 0;
    return known;
}

/* A loop whose iterations the items of a group take in turn. What it stores may be read by other items after it. */
static bool add_shared_loop(emitter *e, uint32_t loop, const char *extent)
{
    int d = e->depth;
    bool reduces = e->source->nodes[loop].kind == NUMC_NODE_REDUCE, known = true;
    if (reduces)
        known = numc__text_for_accumulators(e, loop, numc__text_start_item);
    indent(e, 0);
    ADD(e, "for (numc_k_i64 i%d = item, n%d = %s; i%d < n%d; i%d += NUMC_E_GROUP) {\n", d, d, extent, d, d, d);
    e->grouped = false;
    known = add_body(e, loop) && known;
    e->grouped = true;
    if (reduces)
        return numc__text_for_accumulators(e, loop, numc__text_finish_item) && known;
    indent(e, 0);
    ADD(e, "NUMC_E_BARRIER();\n");
    return known;
}

/* The flattened loops: their indices from one number, then the nodes between them, which have no effects. */
static bool add_flat_level(emitter *e, uint32_t level)
{
    const numc_kernel_source *s = e->source;
    bool innermost = level + 1 == e->flat_count, known = true;
    uint32_t loop = e->flat[level];
    e->depth = (int)level + 1;
    for (uint32_t i = loop + 1; known && i < (uint32_t)s->nodes[loop].match; i++) {
        if (is_loop(s->nodes[i].kind)) {
            known = innermost ? add_loop(e, i) : add_flat_level(e, level + 1);
            i = (uint32_t)s->nodes[i].match;
        } else
            known = add_node(e, i);
    }
    e->depth = (int)level;
    return known;
}

static bool add_flat(emitter *e)
{
    char extent[32];
    ADD(e, "    numc_k_i64 all = 1;\n");
    for (uint32_t k = 0; k < e->flat_count; k++) {
        format_word(e, extent, sizeof extent, WORD_EXTENT, (uint32_t)e->source->nodes[e->flat[k]].extent);
        ADD(e, "    const numc_k_i64 n%u = %s < 0 ? 0 : %s;\n    all *= n%u;\n", k, extent, extent, k);
    }
    if (e->by_groups)
        ADD(e, "    const numc_k_i64 flat = NUMC_E_NUMBER;\n    {\n");
    else
        ADD(e, "    for (numc_k_i64 flat = NUMC_E_FIRST; flat < all; flat += NUMC_E_STEP) {\n");
    if (e->flat_count == 1)
        ADD(e, "        const numc_k_i64 i0 = flat;\n");
    else {
        for (uint32_t k = 0; k < e->flat_count; k++)
            ADD(e, "        numc_k_i64 i%u;\n", k);
        ADD(e, "        if (all <= 0x7fffffff) {\n            numc_k_u32 rest = (numc_k_u32)flat;\n");
        for (uint32_t k = e->flat_count; k-- > 1;)
            ADD(e, "            i%u = rest %% (numc_k_u32)n%u;\n            rest /= (numc_k_u32)n%u;\n", k, k, k);
        ADD(e, "            i0 = rest;\n        } else {\n            numc_k_i64 rest = flat;\n");
        for (uint32_t k = e->flat_count; k-- > 1;)
            ADD(e, "            i%u = rest %% n%u;\n            rest /= n%u;\n", k, k, k);
        ADD(e, "            i0 = rest;\n        }\n");
    }
    bool known = add_flat_level(e, 0);
    ADD(e, "    }\n");
    return known;
}

/* A reduce loop without loops inside is written twice: whole blocks of 8, whose lanes a compiler can put in vectors, and the
 * rest. The order of the additions in a lane is the same. */
static bool add_loop(emitter *e, uint32_t loop)
{
    const numc_kernel_node *node = &e->source->nodes[loop];
    int d = e->depth;
    char extent[32];
    bool known = true;
    if (node->kind == NUMC_NODE_WHILE) {
        indent(e, 0);
        ADD(e, "for (numc_k_i64 i%d = 0;; i%d++) {\n", d, d);
        return add_body(e, loop);
    }
    if (node->operands[0] >= 0)
        (void)numc__format(extent, sizeof extent, "r%d", (int)node->operands[0]);
    else if (e->known != NULL)
        (void)numc__format(extent, sizeof extent, "%lld%s", (long long)e->known->extents[node->extent], e->dialect->literal);
    else
        format_word(e, extent, sizeof extent, WORD_EXTENT, (uint32_t)node->extent);
    if (e->grouped && (node->kind == NUMC_NODE_PARALLEL || node->kind == NUMC_NODE_REDUCE))
        return add_shared_loop(e, loop, extent);
    if (node->kind != NUMC_NODE_REDUCE) {
        if (e->groups != NULL && e->groups->loop == loop) {
            add_group_begin(e, extent);
            add_independent(e, loop);
            indent(e, 0);
            ADD(e, "for (numc_k_i64 i%d = first; i%d < last; i%d++) {\n", d, d, d);
            known = add_body(e, loop);
            add_group_end(e);
            return known;
        }
        int64_t done = 0;
        if (node->kind == NUMC_NODE_PARALLEL && !add_strips(e, loop, &done))
            return false;
        if (done > 0 && done == e->known->extents[node->extent])
            return true;
        add_independent(e, loop);
        indent(e, 0);
        ADD(e, "for (numc_k_i64 i%d = %lld, n%d = %s; i%d < n%d; i%d++) {\n", d, (long long)done, d, extent, d, d, d);
        return add_body(e, loop);
    }
    known = numc__text_for_accumulators(e, loop, numc__text_start_lanes);
    if (!holds_loop(e->source, loop)) {
        bool grouped = e->groups != NULL && e->groups->loop == loop;
        const bool constant = e->known != NULL && node->operands[0] < 0;
        const int64_t length = constant ? e->known->extents[node->extent] : 0;
        char whole[32];
        (void)numc__format(whole, sizeof whole, "whole%d_%u", d, loop);
        indent(e, 0);
        ADD(e, "const numc_k_i64 n%d_%u = %s, %s = n%d_%u < 8 ? 0 : n%d_%u & ~(numc_k_i64)7;\n", d, loop, extent, whole, d, loop, d,
            loop);
        if (grouped) /* blocks are counted from the group's first: then a compiler sees that its arrays are not the lanes */
            add_group_begin(e, extent);
        if (!constant || length >= 8) {
            indent(e, 0);
            ADD(e, "for (numc_k_i64 block = 0; block < %s; block += 8) {\n", grouped ? "(last & ~(numc_k_i64)7) - first" : whole);
            add_words(e, loop);
            add_independent(e, loop);
            indent(e, 0);
            ADD(e, "for (int lane%d = 0; lane%d < 8; lane%d++) {\n", d, d, d);
            indent(e, 1);
            ADD(e, "const numc_k_i64 i%d = %s + lane%d;\n", d, eight(e, loop), d);
            e->lanes = eight(e, loop);
            known = add_body(e, loop) && known;
            e->lanes = NULL;
            indent(e, 0);
            ADD(e, "}\n");
        }
        if (!constant || length % 8 != 0) {
            /* At most 7, as a compiler sees: LLVM 15 made a loop over 32 lanes of it, and from its reading of 32 bytes where the lanes have 8 or
             * 16 it took (MemoryDependenceAnalysis keeps one size for each pointer) that the last lanes written are not read behind it. */
            indent(e, 0);
            ADD(e, "for (int lane%d = 0; lane%d < (int)(%s & 7); lane%d++) {\n", d, d, grouped ? "last" : extent, d);
            indent(e, 1);
            ADD(e, "const numc_k_i64 i%d = %s + lane%d;\n", d, grouped ? "(last & ~(numc_k_i64)7)" : whole, d);
            known = add_body(e, loop) && known;
        }
        if (grouped)
            add_group_end(e);
    } else {
        indent(e, 0);
        ADD(e, "for (numc_k_i64 i%d = 0, n%d = %s; i%d < n%d; i%d++) {\n", d, d, extent, d, d, d);
        indent(e, 1);
        ADD(e, "const int lane%d = (int)(i%d & 7);\n", d, d);
        known = add_body(e, loop) && known;
    }
    return numc__text_for_accumulators(e, loop, numc__text_finish_lanes) && known;
}

static bool add_node(emitter *e, uint32_t number)
{
    const numc_kernel_source *s = e->source;
    const numc_kernel_node *node = &s->nodes[number];
    int r = (int)node->result, x = (int)node->operands[0];
    indent(e, 0);
    switch (node->kind) {
    case NUMC_NODE_SCALAR: {
        char names[4][16];
        const char *operands[4];
        for (int k = 0; k < 4; k++) {
            (void)numc__format(names[k], sizeof names[k], "r%d", (int)node->operands[k]);
            operands[k] = names[k];
        }
        numc__text_declare(e, node->result);
        bool known = true;
        if (node->operation == NUMC_SCALAR_CONVERT)
            numc__text_conversion(e, s->register_dtypes[x], node->dtype, operands[0]);
        else if (node->operation < NUMC_SCALAR_LIMIT) {
            e->calling = e->depth == 0 && e->calls[node->operation];
            known = numc__text_operation(e, node->operation, node->dtype, s->register_dtypes[r], operands);
            e->calling = false;
        } else
            known = false;
        ADD(e, ";\n");
        return known;
    }
    case NUMC_NODE_CONSTANT: { /* the value's bytes come first: on a little-endian machine its low bits */
        uint32_t dtype = s->register_dtypes[r];
        char bits[40];
        if (e->known != NULL)
            (void)numc__format(bits, sizeof bits, "0x%llxu%s", (unsigned long long)e->known->constants[node->extent], e->dialect->literal);
        else
            format_word(e, bits, sizeof bits, WORD_CONSTANT, (uint32_t)node->extent);
        numc__text_declare(e, node->result);
        if (dtype == NUMC_FLOAT64)
            ADD(e, "numc_k_from_bits(%s);\n", bits);
        else if (dtype == NUMC_FLOAT32)
            ADD(e, "numc_k_from_bits32((numc_k_u32)%s);\n", bits);
        else
            ADD(e, "(numc_e_%s)%s;\n", dtype_name(dtype), bits);
        return true;
    }
    case NUMC_NODE_INDEX:
        numc__text_declare(e, node->result);
        ADD(e, "i%d;\n", (int)node->extent);
        return true;
    case NUMC_NODE_LOAD:
        numc__text_declare(e, node->result);
        if (e->lanes != NULL && is_byte(e, node)) {
            ADD(e, "(numc_e_bool)NUMC_E_BYTE(w%d, (numc_k_u64)(i%d - (%s)));\n", r, e->depth - 1, e->lanes);
            return true;
        }
        add_element(e, number, node->extent, node->operands[0]);
        ADD(e, (e->devices || e->item) && s->register_dtypes[r] == NUMC_BOOL ? " != 0;\n" : ";\n"); /* a user's masks may hold other bytes */
        return true;
    case NUMC_NODE_STORE:
        if (e->grouped) {
            ADD(e, "if (item == 0)\n");
            indent(e, 1);
        }
        add_element(e, number, node->extent, node->operands[1]);
        ADD(e, " = r%d;\n", x);
        return true;
    case NUMC_NODE_ACCUMULATE: return numc__text_accumulate(e, node);
    case NUMC_NODE_CARRY: ADD(e, "numc_e_%s r%d = r%d;\n", dtype_name(s->register_dtypes[r]), r, x); return true;
    case NUMC_NODE_UPDATE: ADD(e, "const numc_e_%s u%u = r%d;\n", dtype_name(s->register_dtypes[r]), number, x); return true;
    case NUMC_NODE_CONTINUE: ADD(e, "if (!r%d)\n", x); indent(e, 1); ADD(e, "break;\n"); return true;
    case NUMC_NODE_LOCAL_LOAD:
        numc__text_declare(e, node->result);
        ADD(e, "local%d[r%d];\n", (int)node->extent, x);
        return true;
    case NUMC_NODE_LOCAL_STORE: ADD(e, "local%d[r%d] = r%d;\n", (int)node->extent, x, (int)node->operands[1]); return true;
    default: return false;
    }
}

/* A function of src/kernel of single values: not in a loop that compilers put in vectors themselves. */
static bool is_call(const emitter *e, const numc_kernel_node *node, uint32_t number)
{
    const numc_kernel_source *s = e->source;
    if (node->kind != NUMC_NODE_SCALAR || !numc__text_is_function(node->operation))
        return false;
    uint32_t i = number;
    while (i < s->node_count && s->nodes[i].kind != NUMC_NODE_END)
        i = is_loop(s->nodes[i].kind) ? (uint32_t)s->nodes[i].match + 1 : i + 1;
    if (i == s->node_count)
        return true;
    uint32_t around = s->nodes[s->nodes[i].match].kind;
    return around == NUMC_NODE_SEQUENTIAL || around == NUMC_NODE_WHILE;
}

/* A function that stands often where nothing makes a vector of it is compiled once; where a call would be felt (1.5% of a microsecond for
 * four), a copy each. */
static void find_calls(emitter *e)
{
    enum { OFTEN = 3, LARGE = 400 };
    const numc_kernel_source *s = e->source;
    uint8_t counts[NUMC_SCALAR_LIMIT] = {0};
    for (uint32_t i = 0; s->node_count > LARGE && !e->item && i < s->node_count; i++) {
        const numc_kernel_node *node = &s->nodes[i];
        if (is_loop(node->kind))
            i = (uint32_t)node->match;
        else if (is_call(e, node, i) && node->dtype == NUMC_FLOAT64 && counts[node->operation] < OFTEN)
            e->calls[node->operation] = ++counts[node->operation] == OFTEN;
    }
    for (uint32_t k = 0; k < NUMC_SCALAR_LIMIT; k++)
        if (e->calls[k])
            numc__text_shared(e, k);
}

/* Nodes from `from` on that call one function side by side, as a loop of known length that a compiler puts in vectors; the length
 * is filled up to fours with the first operands. Returns how many, or 0. */
static uint32_t add_calls(emitter *e, uint32_t from, uint32_t to, bool *known)
{
    const numc_kernel_source *s = e->source;
    const numc_kernel_node *first = &s->nodes[from];
    if (e->known == NULL || e->item || e->strip > 0 || !is_call(e, first, from))
        return 0;
    uint32_t count = 1;
    for (; from + count < to; count++) {
        const numc_kernel_node *node = &s->nodes[from + count];
        bool fits = node->kind == NUMC_NODE_SCALAR && node->operation == first->operation && node->dtype == first->dtype;
        for (int k = 0; fits && k < 4; k++)
            for (uint32_t j = from; j < from + count; j++)
                fits = fits && node->operands[k] != s->nodes[j].result;
        if (!fits)
            break;
    }
    if (count < 2)
        return 0;
    const char *type = dtype_name(first->dtype);
    uint32_t arity = numc__scalar_info(first->operation)->arity, filled = (count + 3) & ~3u;
    char names[4][32];
    const char *operands[4] = {names[0], names[1], names[2], names[3]};
    for (uint32_t k = 0; k < arity; k++) {
        indent(e, 0);
        ADD(e, "numc_e_%s c%u_%u[%u] = {", type, from, k, filled);
        for (uint32_t j = 0; j < filled; j++)
            ADD(e, "%sr%d", j > 0 ? ", " : "", (int)s->nodes[j < count ? from + j : from].operands[k]);
        ADD(e, "};\n");
        (void)numc__format(names[k], sizeof names[k], "c%u_%u[call]", from, k);
    }
    indent(e, 0);
    ADD(e, "for (int call = 0; call < %u; call++)\n", filled);
    indent(e, 1);
    ADD(e, "c%u_0[call] = ", from);
    *known = numc__text_operation(e, first->operation, first->dtype, first->dtype, operands);
    ADD(e, ";\n");
    for (uint32_t j = 0; j < count; j++) {
        indent(e, 0);
        numc__text_declare(e, s->nodes[from + j].result);
        ADD(e, "c%u_0[%u];\n", from, j);
    }
    return count;
}

static bool add_nodes(emitter *e, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        bool known = true;
        uint32_t calls = add_calls(e, i, to, &known);
        if (!known)
            return false;
        if (calls > 0) {
            i += calls - 1;
            continue;
        }
        if (is_loop(e->source->nodes[i].kind)) {
            if (!(e->flat_count > 0 && i == e->flat[0] ? add_flat(e) : add_loop(e, i)))
                return false;
            i = (uint32_t)e->source->nodes[i].match;
        } else if (!add_node(e, i))
            return false;
    }
    return true;
}

/* restrict: no other pointer into the buffer writes what is touched through this one, nor the other way round. */
static bool alone(const emitter *e, uint32_t pointer)
{
    const numc_kernel_source *s = e->source;
    bool others = false, writes = false;
    for (uint32_t a = 0; a < s->access_count; a++)
        if (s->accesses[a].buffer == s->accesses[pointer].buffer) {
            others = others || leader(e, a) != pointer;
            writes = writes || s->accesses[a].writes != 0;
        }
    return !others || !writes;
}

/* The pointers of the accesses as arguments, each at its first element; several accesses of a buffer go by one of them. What no
 * other one writes to is `restrict`, which compilers believe of arguments alone. */
static void add_known_head(emitter *e, const char *name)
{
    const numc_kernel_source *s = e->source;
    ADD(e, "NUMC_E_KERNEL void %s(", name);
    for (uint32_t a = 0; a < s->access_count; a++) {
        bool leads = leader(e, a) == a, writes = false;
        for (uint32_t b = a; b < s->access_count; b++)
            writes = writes || (leader(e, b) == a && s->accesses[b].writes != 0);
        ADD(e, "%s%s%snumc_e_%s *%sp%u", a > 0 ? ", " : "", e->dialect->global, writes ? "" : "const ", dtype_name(s->accesses[a].dtype),
            leads && alone(e, a) ? e->dialect->restricted : "", a);
    }
    ADD(e, "%s)\n{\n", e->groups != NULL ? e->groups->parameters : s->access_count > 0 ? "" : "void");
}

static void add_locals(emitter *e)
{
    const numc_kernel_source *s = e->source;
    for (uint32_t l = 0; l < s->local_count; l++)
        ADD(e, "    numc_e_%s local%u[%u];\n", dtype_name(s->locals[l].dtype), l, s->locals[l].count > 0 ? s->locals[l].count : 1);
}

static void add_pointers(emitter *e)
{
    const numc_kernel_source *s = e->source;
    const dialect *d = e->dialect;
    char text[40];
    for (uint32_t a = 0; a < s->access_count; a++) {
        const numc_kernel_access *access = &s->accesses[a];
        const char *constant = access->writes ? "" : "const ", *type = dtype_name(access->dtype);
        format_word(e, text, sizeof text, WORD_OFFSET, a);
        ADD(e, "    %s%snumc_e_%s *%sconst p%u = (%s%snumc_e_%s *)", d->global, constant, type, alone(e, a) ? d->restricted : "", a,
            d->global, constant, type);
        ADD(e, e->devices ? "b%u" : "buffers[%u]", access->buffer);
        ADD(e, " + %s;\n", text);
        for (uint32_t k = 0; k <= s->depth; k++) {
            format_word(e, text, sizeof text, WORD_STRIDE, a * (s->depth + 1) + k);
            ADD(e, "    const numc_k_i64 s%u_%u = %s;\n    (void)s%u_%u;\n", a, k, text, a, k);
        }
    }
}

static void add_head(emitter *e, const char *name)
{
    const numc_kernel_source *s = e->source;
    const dialect *d = e->dialect;
    ADD(e, "%s%s", d->prologue, prologue_shared);
    if (!e->devices) {
        ADD(e, "%s %s(void *const *buffers, const numc_k_i64 *extents, const numc_k_i64 *offsets, const numc_k_i64 *strides, "
               "const numc_k_u64 *constants)\n{\n", d->entry, name);
        add_pointers(e);
        add_locals(e);
        ADD(e, "    (void)extents, (void)offsets, (void)strides, (void)constants;\n"); /* what a kernel does not use */
        return;
    }
    uint32_t words = word_count(s);
    e->by_value = words <= NUMC_DIALECT_WORDS;
    if (e->by_value)
        ADD(e, "struct %s_words {\n    numc_k_i64 w[%u];\n};\n", name, words > 0 ? words : 1);
    ADD(e, "%s %s(", d->entry, name);
    for (uint32_t b = 0; b < s->buffer_count; b++)
        ADD(e, "%svoid *b%u, ", d->global, b);
    if (e->by_value)
        ADD(e, "const struct %s_words words)\n{\n", name);
    else
        ADD(e, "%sconst numc_k_i64 *words)\n{\n", d->global);
    if (e->by_groups)
        ADD(e, "    NUMC_E_SHARED numc_k_u64 numc_e_shared[NUMC_E_GROUP];\n    NUMC_E_SHARED numc_k_i64 numc_e_where[NUMC_E_GROUP];\n"
               "    const int item = NUMC_E_ITEM;\n");
    else if (e->flat_count == 0)
        ADD(e, "    if (NUMC_E_FIRST != 0)\n        return;\n");
    add_pointers(e);
    add_locals(e);
}

/* Nodes without effects: what every item may do for itself. */
static bool is_pure(uint32_t kind)
{
    return kind == NUMC_NODE_SCALAR || kind == NUMC_NODE_CONSTANT || kind == NUMC_NODE_INDEX || kind == NUMC_NODE_LOAD;
}

/* The only loop directly in [from, to), when all beside it is pure: its node; else to. */
static uint32_t only_loop(const numc_kernel_source *s, uint32_t from, uint32_t to, bool pure)
{
    uint32_t found = to;
    for (uint32_t i = from; i < to; i++) {
        if (is_loop(s->nodes[i].kind)) {
            if (found != to)
                return to;
            found = i;
            i = (uint32_t)s->nodes[i].match;
        } else if (pure && !is_pure(s->nodes[i].kind))
            return to;
    }
    return found;
}

/* The parallel loops, each alone in the one around it, that work items share: from the outermost inwards. A local array belongs to
 * an iteration of the outermost loop. */
static void find_flat(emitter *e)
{
    const numc_kernel_source *s = e->source;
    uint32_t from = 0, to = s->node_count;
    while (e->flat_count < NUMC_EMIT_FLAT && (s->local_count == 0 || e->flat_count == 0)) {
        uint32_t loop = only_loop(s, from, to, true);
        if (loop == to || s->nodes[loop].kind != NUMC_NODE_PARALLEL || s->nodes[loop].operands[0] >= 0)
            return;
        e->flat[e->flat_count++] = loop;
        from = loop + 1;
        to = (uint32_t)s->nodes[loop].match;
    }
}

static bool is_identifier(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return length > 0 && length < 64 && name[length] == '\0' && !(name[0] >= '0' && name[0] <= '9');
}

/* Without the inclusion of the kernel, whose text is already there. */
const char *const numc__kernel_prologue[2] = {prologue_c + sizeof "#include \"kernel/kernel.h\"\n" - 1, prologue_shared};

bool numc__kernel_text(numc_text *text, const numc_kernel_source *source, uint32_t chosen, const char *name,
                       const numc_kernel_arguments *arguments, const numc_kernel_groups *groups)
{
    emitter e = {.text = text, .source = source, .dialect = &dialects[chosen], .known = arguments, .groups = groups,
                 .item = chosen != NUMC_DIALECT_C};
    find_calls(&e);
    add_known_head(&e, name);
    add_locals(&e);
    bool complete = add_nodes(&e, 0, source->node_count);
    ADD(&e, "}\n");
    return complete;
}

void numc__dialect_prologue(numc_text *text, uint32_t chosen)
{
    numc__text_add(text, "%s%s", dialects[chosen].prologue + sizeof "#include \"kernel/kernel.h\"\n" - 1, prologue_shared);
}

const char *numc__dialect_global(uint32_t chosen)
{
    return dialects[chosen].global;
}

int32_t numc__kernel_emit(void *user, const numc_kernel_source *source, uint32_t chosen, const char *name, char **text,
                          uint64_t *text_size)
{
    numc_backend_state *state = user;
    const numc_host *host = &state->open.host;
    *text = NULL;
    *text_size = 0;
    bool groups = (chosen & NUMC_DIALECT_GROUPS) != 0;
    chosen &= ~(uint32_t)NUMC_DIALECT_GROUPS;
    if (chosen < NUMC_DIALECT_C || chosen > NUMC_DIALECT_CUDA || (groups && chosen == NUMC_DIALECT_C) || !is_identifier(name))
        return host->error(user, NUMC_INVALID_ARGUMENT, "kernel_emit: the dialect is unknown or the name is no identifier");
    numc_text buffer;
    numc__text_begin(&buffer, state->open.core);
    emitter e = {.text = &buffer, .source = source, .dialect = &dialects[chosen]};
    e.devices = e.dialect->separate_buffers;
    e.by_groups = e.grouped = groups;
    if (e.devices)
        find_flat(&e);
    add_head(&e, name);
    bool known = add_nodes(&e, 0, source->node_count);
    ADD(&e, "}\n");
    int32_t status = NUMC_OK;
    if (buffer.failed)
        status = host->error(user, NUMC_MEMORY, "kernel_emit: out of memory");
    else if (!known)
        status = host->error(user, NUMC_UNSUPPORTED, "kernel_emit: the kernel holds a node or an operation without text");
    else {
        *text = numc__core_allocate(state->open.core, buffer.size + 1);
        if (*text == NULL)
            status = host->error(user, NUMC_MEMORY, "kernel_emit: out of memory");
        else {
            memcpy(*text, buffer.data, buffer.size + 1);
            *text_size = buffer.size + 1;
        }
    }
    numc__text_end(&buffer);
    return status;
}
