/* stage.c - the compiler: one table of passes, the walk over it, and the files of NUMC_DUMP.
 *
 * Inlining, folding, simplification and sharing are functions of their own, but one walk: each application is looked at as it is
 * appended, with operands that are through it, so that one walk reaches what separate passes would have to be repeated for, and
 * nothing that is thrown away is ever made. Their files say what each of them did, application by application. Layout stands before fusion: whether
 * an operand is a register or a look through strides decides which nests there are. */
#include "compile/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/internal.h"

static const struct row {
    numc_level level;
    numc_stage file;
    const char *name;
    numc_stage_run_fn *run;
    numc_stage_check_fn *check;
    numc_stage_print_fn *print;
} rows[] = {
    {NUMC_LEVEL_PROGRAM, NUMC_STAGE_TRACED, "traced", NULL, numc__check_graph, numc__print_graph},
    {NUMC_LEVEL_PROGRAM, NUMC_STAGE_ROWS, "rows", numc__stage_rows, numc__check_graph, numc__print_graph},
    {NUMC_LEVEL_PROGRAM, NUMC_STAGE_NONE, "rewrite", numc__stage_rewrite, NULL, NULL}, /* the passes of an ir */
    {NUMC_LEVEL_PROGRAM, NUMC_STAGE_PROLOGUE, "prologue", numc__stage_prologue, numc__check_prologue, numc__print_prologue},
    {NUMC_LEVEL_PROGRAM, NUMC_STAGE_PROGRAM, "program", numc__stage_lower, NULL, numc__print_program}, /* the passes of execs */
    {NUMC_LEVEL_PROGRAM, NUMC_STAGE_NATIVE, "native", numc__stage_native, NULL, numc__print_native},

    {NUMC_LEVEL_IR, NUMC_STAGE_PAIRS, "pairs", numc__stage_pairs, numc__check_ir_graph, numc__print_pairs},
    {NUMC_LEVEL_IR, NUMC_STAGE_INLINE, "inline", numc__stage_inline, numc__check_ir, NULL}, /* with the next three; they tell line by line */
    {NUMC_LEVEL_IR, NUMC_STAGE_FOLD, "fold", NULL, NULL, NULL},
    {NUMC_LEVEL_IR, NUMC_STAGE_SIMPLIFY, "simplify", NULL, NULL, NULL},
    {NUMC_LEVEL_IR, NUMC_STAGE_SHARE, "share", NULL, NULL, NULL},
    {NUMC_LEVEL_IR, NUMC_STAGE_DEAD, "dead-code", numc__stage_dead, numc__check_dead, numc__print_ir},

    {NUMC_LEVEL_EXEC, NUMC_STAGE_LAYOUT, "layout", numc__stage_layout, numc__check_layout, numc__print_layout},
    {NUMC_LEVEL_EXEC, NUMC_STAGE_FUSION, "fusion", numc__stage_fusion, numc__check_fusion, numc__print_fusion},
    {NUMC_LEVEL_EXEC, NUMC_STAGE_NONE, "kernels", numc__stage_kernels, NULL, NULL},
    {NUMC_LEVEL_EXEC, NUMC_STAGE_PLAN, "plan", numc__stage_plan, numc__check_plan, numc__print_plan},
    {NUMC_LEVEL_EXEC, NUMC_STAGE_NONE, "build", numc__stage_build, NULL, NULL},
};

/* ---- files --------------------------------------------------------------------------------------------------------------- */

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
    dump->before = context->dump;
    dump->wanted = folder != NULL && folder[0] != '\0';
    context->dump = NULL;
    if (!dump->wanted)
        return;
    if (folder[0] != '/' || strlen(folder) + 80 > sizeof dump->folder)
        complain(dump, folder, "its path is too long");
    else if (stat(folder, &facts) != 0)
        complain(dump, folder, strerror(errno));
    else if (!S_ISDIR(facts.st_mode))
        complain(dump, folder, "not a folder");
    if (!dump->wanted)
        return;
    (void)numc__format(dump->folder, sizeof dump->folder, "%s", folder);
    dump->program = atomic_fetch_add_explicit(&context->core->programs_dumped, 1, memory_order_relaxed);
    dump->graphs = dump->parts = dump->inside = 0;
    for (int k = 0; k < NUMC_STAGE_COUNT; k++) {
        dump->files[k] = -1;
        numc__text_begin(&dump->texts[k], context->core);
    }
    context->dump = dump;
}

static int open_file(numc_dump *dump, const struct row *row, char *path, size_t size)
{
    enum { TRIES = 10000 }; /* programs of other contexts of this process: the first file of one decides */
    bool first = row->file == NUMC_STAGE_TRACED;
    for (int k = 0; k < (first ? TRIES : 1); k++, dump->program++) {
        (void)numc__format(path, size, "%s/%ld-%04llu-%02d-%s.%s", dump->folder, (long)getpid(), (unsigned long long)dump->program,
                           (int)row->file, row->name, row->file == NUMC_STAGE_NATIVE ? "c" : "txt");
        int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (file >= 0 || !first || errno != EEXIST)
            return file;
    }
    return -1;
}

static void write_out(numc_dump *dump, const struct row *row)
{
    numc_text *text = &dump->texts[row->file];
    char path[NUMC_DUMP_PATH] = "";
    if (dump->wanted && text->size > 0 && !text->failed) {
        int *file = &dump->files[row->file];
        if (*file < 0)
            *file = open_file(dump, row, path, sizeof path);
        const char *from = text->data;
        for (size_t left = text->size; left > 0;) {
            ssize_t written = *file < 0 ? -1 : write(*file, from, left);
            if (written < 0 && *file >= 0 && errno == EINTR)
                continue;
            if (written <= 0) {
                complain(dump, path[0] != '\0' ? path : dump->folder, strerror(errno));
                break;
            }
            from += written;
            left -= (size_t)written;
        }
    }
    numc__text_end(text);
    numc__text_begin(text, dump->core);
}

static void flush(numc_dump *dump)
{
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        if (rows[k].file != NUMC_STAGE_NONE)
            write_out(dump, &rows[k]);
}

void numc__dump_end(numc_dump *dump, numc_context *context)
{
    if (context->dump == dump) {
        flush(dump);
        for (int k = 0; k < NUMC_STAGE_COUNT; k++) {
            numc__text_end(&dump->texts[k]);
            if (dump->files[k] >= 0 && close(dump->files[k]) != 0)
                complain(dump, dump->folder, strerror(errno));
        }
    }
    context->dump = dump->before;
}

/* ---- the walk ------------------------------------------------------------------------------------------------------------ */

static bool verifies(void)
{
#ifdef NDEBUG
    const char *text = numc__environment("NUMC_VERIFY");
    return text != NULL && strcmp(text, "1") == 0;
#else
    return true;
#endif
}

bool numc__stages_run(numc_context *context, numc_level level, void *subject)
{
    const bool check = verifies();
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        const struct row *row = &rows[k];
        if (row->level != level)
            continue;
        if (row->run != NULL && !row->run(context, subject))
            return false;
        if (context->stage_hook != NULL)
            context->stage_hook(context->stage_user, row->name, subject);
        if (row->print != NULL && context->dump != NULL) {
            row->print(&context->dump->texts[row->file], subject);
            flush(context->dump);
        }
        if (check && row->check != NULL && row->check(context, subject) != NUMC_OK)
            return false;
    }
    return true;
}
