/* print.c - a kernel as readable text, one node a line. */
#include "backend/device.h"
#include "base/text.h"

static const char *const reductions[] = {"?", "sum", "prod", "max", "min", "any", "all", "argmax", "argmin"};

static const char *dtype_of(const numc_kernel_source *source, int32_t number)
{
    return number >= 0 && (uint32_t)number < source->register_count
               ? numc_dtype_name((numc_dtype)source->register_dtypes[number])
               : "?";
}

static void indent(numc_text *text, int depth)
{
    for (int i = 0; i <= depth; i++)
        numc__text_add(text, "  ");
}

static void print_loop(numc_text *text, const numc_kernel_node *node, const char *kind, int depth)
{
    if (node->kind == NUMC_NODE_WHILE)
        numc__text_add(text, "while i%d {\n", depth);
    else if (node->operands[0] >= 0)
        numc__text_add(text, "%s i%d < r%d {\n", kind, depth, (int)node->operands[0]);
    else
        numc__text_add(text, "%s i%d < n%d {\n", kind, depth, (int)node->extent);
}

/* "a2[r5]" */
static void print_access(numc_text *text, const numc_kernel_node *node, int32_t gathered)
{
    numc__text_add(text, "a%d", (int)node->extent);
    if (gathered >= 0)
        numc__text_add(text, "[r%d]", (int)gathered);
}

static void print_node(numc_text *text, const numc_kernel_source *source, const numc_kernel_node *node, int depth)
{
    int r = (int)node->result, x = (int)node->operands[0];
    switch (node->kind) {
    case NUMC_NODE_PARALLEL: print_loop(text, node, "parallel", depth); return;
    case NUMC_NODE_REDUCE: print_loop(text, node, "reduce", depth); return;
    case NUMC_NODE_SEQUENTIAL: print_loop(text, node, "sequential", depth); return;
    case NUMC_NODE_WHILE: print_loop(text, node, "while", depth); return;
    case NUMC_NODE_END: numc__text_add(text, "}\n"); return;
    case NUMC_NODE_STORE:
        numc__text_add(text, "store ");
        print_access(text, node, node->operands[1]);
        numc__text_add(text, " = r%d\n", x);
        return;
    case NUMC_NODE_UPDATE: numc__text_add(text, "next r%d = r%d\n", r, x); return;
    case NUMC_NODE_CONTINUE: numc__text_add(text, "continue if r%d\n", x); return;
    case NUMC_NODE_LOCAL_STORE:
        numc__text_add(text, "local%d[r%d] = r%d\n", (int)node->extent, x, (int)node->operands[1]);
        return;
    default: break;
    }
    numc__text_add(text, "r%d: %s = ", r, dtype_of(source, node->result));
    switch (node->kind) {
    case NUMC_NODE_SCALAR: {
        const numc_scalar_info *info = numc__scalar_info(node->operation);
        numc__text_add(text, "%s", info->name);
        for (unsigned k = 0; k < info->arity; k++)
            numc__text_add(text, " r%d", (int)node->operands[k]);
        break;
    }
    case NUMC_NODE_CONSTANT: numc__text_add(text, "constant k%d", (int)node->extent); break;
    case NUMC_NODE_INDEX: numc__text_add(text, "index i%d", (int)node->extent); break;
    case NUMC_NODE_LOAD:
        numc__text_add(text, "load ");
        print_access(text, node, node->operands[0]);
        break;
    case NUMC_NODE_ACCUMULATE:
        numc__text_add(text, "%s of r%d",
                       reductions[node->operation < sizeof reductions / sizeof *reductions ? node->operation : 0], x);
        break;
    case NUMC_NODE_CARRY: numc__text_add(text, "carry r%d", x); break;
    case NUMC_NODE_LOCAL_LOAD: numc__text_add(text, "local%d[r%d]", (int)node->extent, x); break;
    default: numc__text_add(text, "node of unknown kind %u", node->kind); break;
    }
    numc__text_add(text, "\n");
}

void numc__kernel_print(numc_text *text, const numc_kernel_source *source)
{
    static const char *const contiguity[] = {"", ", unit stride", ", uniform"};
    numc__text_add(text, "kernel level %u: %u buffers, %u extents, %u constants, depth %u\n", source->level,
                   source->buffer_count, source->extent_count, source->constant_count, source->depth);
    for (uint32_t a = 0; a < source->access_count; a++) {
        const numc_kernel_access *access = &source->accesses[a];
        numc__text_add(text, "  a%u: %s %s buffer %u%s\n", a, numc_dtype_name((numc_dtype)access->dtype),
                       access->writes ? "stored in" : "loaded from", access->buffer,
                       contiguity[access->contiguity < 3 ? access->contiguity : 0]);
    }
    for (uint32_t l = 0; l < source->local_count; l++)
        numc__text_add(text, "  local%u: %s[%u]\n", l, numc_dtype_name((numc_dtype)source->locals[l].dtype),
                       source->locals[l].count);
    int depth = 0;
    for (uint32_t i = 0; i < source->node_count; i++) {
        const numc_kernel_node *node = &source->nodes[i];
        depth -= node->kind == NUMC_NODE_END && depth > 0;
        indent(text, depth);
        print_node(text, source, node, depth);
        depth += node->kind >= NUMC_NODE_PARALLEL && node->kind <= NUMC_NODE_WHILE;
    }
}
