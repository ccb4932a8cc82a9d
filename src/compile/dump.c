/* dump.c - the stages of programs as text files (NUMC_DUMP), an ir as text, and whether it is sound. */
#include "compile/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/internal.h"

/* ---- files --------------------------------------------------------------------------------------------------------- */

/* The first reason of a core is logged, others are not. */
static void complain(numc_dump *dump, const char *path, const char *reason)
{
    dump->wanted = false;
    if (!atomic_exchange_explicit(&dump->core->dump_failed, true, memory_order_relaxed))
        numc__log(dump->core, NUMC_LOG_WARNING, "NUMC_DUMP: %s: %s", path, reason);
}

void numc__dump_begin(numc_dump *dump, numc_context *context)
{
    const char *folder = numc__environment("NUMC_DUMP");
    struct stat facts;
    dump->core = context->core;
    dump->wanted = folder != NULL && folder[0] != '\0';
    if (!dump->wanted)
        return;
    if (folder[0] != '/' || strlen(folder) + 80 > sizeof dump->folder)
        complain(dump, folder, "not the whole path of a folder");
    else if (stat(folder, &facts) != 0)
        complain(dump, folder, strerror(errno));
    else if (!S_ISDIR(facts.st_mode))
        complain(dump, folder, "not a folder");
    else
        (void)numc__format(dump->folder, sizeof dump->folder, "%s", folder);
    if (dump->wanted)
        dump->program = atomic_fetch_add_explicit(&context->core->programs_dumped, 1, memory_order_relaxed);
}

static bool write_all(int file, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(file, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        data += written;
        size -= (size_t)written;
    }
    return true;
}

void numc__dump_text(numc_dump *dump, int stage, const char *name, const char *suffix, const numc_text *text)
{
    if (!dump->wanted || text->failed)
        return;
    char path[NUMC_DUMP_PATH];
    int file = -1;
    enum { TRIES = 10000 }; /* programs of other contexts of this process */
    for (int k = 0; k < TRIES && file < 0; k++, dump->program += file < 0 && stage == 1) {
        (void)numc__format(path, sizeof path, "%s/%ld-%04llu-%d-%s.%s", dump->folder, (long)getpid(),
                           (unsigned long long)dump->program, stage, name, suffix);
        file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (file < 0 && (errno != EEXIST || stage != 1))
            break;
    }
    if (file < 0) {
        complain(dump, path, strerror(errno));
        return;
    }
    bool good = write_all(file, text->data, text->size);
    const char *reason = good ? "" : strerror(errno);
    if (close(file) != 0 && good) {
        good = false;
        reason = strerror(errno);
    }
    if (!good)
        complain(dump, path, reason);
}

void numc__dump_graph(numc_dump *dump, int stage, const char *name, const numc_graph *graph)
{
    if (!dump->wanted)
        return;
    numc_text text;
    numc__text_begin(&text, dump->core);
    numc__graph_print(&text, graph);
    numc__dump_text(dump, stage, name, "txt", &text);
    numc__text_end(&text);
}

void numc__dump_ir(numc_dump *dump, int stage, const char *name, const numc_ir *ir)
{
    if (!dump->wanted)
        return;
    numc_text text;
    numc__text_begin(&text, dump->core);
    numc__ir_print(&text, ir);
    numc__dump_text(dump, stage, name, "txt", &text);
    numc__text_end(&text);
}

/* ---- an ir --------------------------------------------------------------------------------------------------------- */

static void print_value(numc_text *text, const numc_ir *ir, int32_t v)
{
    char type[256];
    const numc_type *t = &ir->values[v].type;
    numc__type_format(type, sizeof type, t->dtype, t->rank, t->shape);
    numc__text_add(text, "%%%d %s%s", v, type, ir->values[v].data ? " data" : "");
}

void numc__ir_print(numc_text *text, const numc_ir *ir)
{
    for (int32_t v = 0; v < ir->value_count; v++) {
        if (ir->values[v].input < 0 && ir->values[v].constant == NULL)
            continue;
        print_value(text, ir, v);
        if (ir->values[v].input >= 0)
            numc__text_add(text, " = input %d\n", ir->values[v].input);
        else
            numc__constant_print(text, ir->values[v].constant);
    }
    for (int32_t n = 0; n < ir->node_count; n++) {
        const numc_ir_node *node = &ir->nodes[n];
        for (int32_t k = 0; k < node->output_count; k++) {
            numc__text_add(text, k > 0 ? ", " : "");
            print_value(text, ir, node->first_output + k);
        }
        numc__text_add(text, " = %s", numc__primitive_name(node->primitive));
        for (int32_t k = 0; k < node->input_count; k++)
            numc__text_add(text, " %%%d", node->inputs[k]);
        numc__attributes_print(text, node->primitive, node->attributes, 8);
    }
    numc__text_add(text, "return");
    for (int32_t k = 0; k < ir->output_count; k++)
        numc__text_add(text, " %%%d", ir->outputs[k]);
    numc__text_add(text, "\n");
}

static numc_status verify_node(numc_context *context, const numc_ir *ir, int32_t n, numc_type *inputs, numc_type *outputs,
                               int64_t (*shapes)[NUMC_RANK_LIMIT])
{
    const numc_ir_node *node = &ir->nodes[n];
    const char *name = numc__primitive_name(node->primitive);
    for (int32_t k = 0; k < node->input_count; k++) {
        int32_t v = node->inputs[k];
        NUMC_REQUIRE(context, v >= 0 && v < ir->value_count, NUMC_INTERNAL, "broken ir: node %d (%s) reads %%%d", n, name, v);
        const numc_ir_value *value = &ir->values[v];
        NUMC_REQUIRE(context, value->input >= 0 || value->constant != NULL || (value->node >= 0 && value->node < n), NUMC_INTERNAL,
                     "broken ir: node %d (%s) reads %%%d, which is not made before it", n, name, v);
        inputs[k] = value->type;
    }
    int32_t count = 0;
    NUMC_TRY(numc__primitive_infer(context, node->primitive, inputs, node->input_count, node->attributes, outputs, shapes,
                                   node->output_count, &count));
    NUMC_REQUIRE(context, count == node->output_count, NUMC_INTERNAL, "broken ir: node %d (%s) has %d outputs, not %d", n, name,
                 node->output_count, count);
    for (int32_t k = 0; k < count; k++) {
        const numc_ir_value *value = &ir->values[node->first_output + k];
        NUMC_REQUIRE(context,
                     value->node == n && value->type.dtype == outputs[k].dtype && numc__type_same_shape(&value->type, &outputs[k]),
                     NUMC_INTERNAL, "broken ir: %%%d is not what node %d (%s) makes", node->first_output + k, n, name);
    }
    return NUMC_OK;
}

numc_status numc__ir_verify(numc_context *context, const numc_ir *ir)
{
    size_t ins = 1, outs = 1;
    for (int32_t n = 0; n < ir->node_count; n++) {
        ins = (size_t)ir->nodes[n].input_count > ins ? (size_t)ir->nodes[n].input_count : ins;
        outs = (size_t)ir->nodes[n].output_count > outs ? (size_t)ir->nodes[n].output_count : outs;
    }
    size_t size = outs * sizeof(int64_t[NUMC_RANK_LIMIT]) + (ins + outs) * sizeof(numc_type);
    int64_t(*shapes)[NUMC_RANK_LIMIT] = numc__allocate_zero(context, 1, size);
    if (shapes == NULL)
        return context->status;
    numc_type *types = (numc_type *)(void *)(shapes + outs);
    numc_status status = NUMC_OK;
    for (int32_t n = 0; n < ir->node_count && status == NUMC_OK; n++)
        status = verify_node(context, ir, n, types, types + ins, shapes);
    for (int32_t k = 0; k < ir->output_count && status == NUMC_OK; k++) {
        const numc_ir_value *value = &ir->values[ir->outputs[k]];
        if (value->node < 0)
            status = numc__fail(context, NUMC_INTERNAL, "broken ir: output %d, %%%d, is made by no node", k, ir->outputs[k]);
    }
    numc__free(context, shapes, size);
    return status;
}
