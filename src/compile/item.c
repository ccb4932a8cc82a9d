/* item.c - an exec as text for one work item of a device: where a position's whole log density is a few thousand operations, a chain
 * computes it by itself, between the steps of its state machine. Kernels alone, of known extents. */
#include <string.h>

#include "backend/device.h"
#include "compile/exec.h"

/* Nodes run in all: beyond, a position is work for more than one item. */
enum { MOST_WORK = 1 << 14 };

/* Nodes that a kernel runs; more than MOST_WORK: too many, or a number that is not known. */
static int64_t work_of(const numc_step *step)
{
    const numc_kernel_source *source = &step->source;
    int64_t around[64] = {1}, all = 0;
    int depth = 0;
    for (uint32_t i = 0; i < source->node_count && all <= MOST_WORK; i++) {
        const numc_kernel_node *node = &source->nodes[i];
        if (node->kind == NUMC_NODE_END) {
            depth--;
        } else if (node->kind >= NUMC_NODE_PARALLEL && node->kind <= NUMC_NODE_WHILE) {
            if (node->kind == NUMC_NODE_WHILE || node->operands[0] >= 0 || depth == 63)
                return MOST_WORK + 1;
            const int64_t extent = step->extents[node->extent];
            if (extent > MOST_WORK)
                return MOST_WORK + 1;
            around[depth + 1] = around[depth] * (extent < 0 ? 0 : extent);
            depth++;
        } else {
            all += around[depth];
        }
    }
    return all;
}

/* The place's first element that the step's buffer begins at, as an access counts; its offset in elements of `dtype`. */
static void add_access(numc_text *text, const numc_exec *exec, numc_array *const *externals, const numc_step *step, uint32_t a,
                       const char *global)
{
    const numc_place *place = &step->buffers[step->source.accesses[a].buffer];
    const char *type = numc_dtype_name((numc_dtype)step->source.accesses[a].dtype);
    long long offset = (long long)step->offsets[a];
    if (place->kind == NUMC_PLACE_REGION) {
        numc__text_add(text, "(%snumc_e_%s *)arena + %lld", global, type, offset);
        return;
    }
    const numc_array *array = place->kind == NUMC_PLACE_EXTERNAL ? externals[place->index] : exec->constants[place->index];
    offset += (long long)array->offset * (numc__is_complex(array->dtype) ? 2 : 1);
    numc__text_add(text, "(%snumc_e_%s *)m%d + %lld", global, type,
                   (int)(place->kind == NUMC_PLACE_EXTERNAL ? place->index : exec->external_count + place->index), offset);
}

bool numc__exec_item(numc_text *text, const numc_exec *exec, numc_array *const *externals, uint32_t dialect)
{
    const char *global = numc__dialect_global(dialect);
    int64_t work = 0;
    for (int32_t s = 0; s < exec->step_count && work <= MOST_WORK; s++)
        work += exec->steps[s].kind == NUMC_STEP_KERNEL ? work_of(&exec->steps[s]) : MOST_WORK + 1;
    if (work > MOST_WORK)
        return false;
    numc__dialect_prologue(text, dialect);
    numc__text_add(text, "#define NUMC_E_KERNEL NUMC_KERNEL_FN\n");
    for (int32_t s = 0; s < exec->step_count; s++) {
        const numc_step *step = &exec->steps[s];
        const numc_kernel_arguments arguments = {.extents = step->extents, .strides = step->strides, .constants = step->constants,
                                                 .offsets = step->offsets};
        char name[40];
        (void)numc__format(name, sizeof name, "numc_item_%d", (int)s);
        if (!numc__kernel_text(text, &step->source, dialect, name, &arguments, NULL))
            return false;
    }
    numc__text_add(text, "NUMC_E_KERNEL void numc_item(%schar *arena", global);
    for (int32_t k = 0; k < exec->external_count + exec->constant_count; k++)
        numc__text_add(text, ", %schar *m%d", global, (int)k);
    numc__text_add(text, ")\n{\n");
    for (int32_t s = 0; s < exec->step_count; s++) {
        numc__text_add(text, "    numc_item_%d(", (int)s);
        for (uint32_t a = 0; a < exec->steps[s].source.access_count; a++) {
            numc__text_add(text, "%s", a > 0 ? ", " : "");
            add_access(text, exec, externals, &exec->steps[s], a, global);
        }
        numc__text_add(text, ");\n");
    }
    numc__text_add(text, "}\n");
    return !text->failed;
}
