/* stage.h - internal to src/compile: the passes of the compiler, with what looks at the result of each and what writes it down. */
#ifndef NUMC_COMPILE_STAGE_H
#define NUMC_COMPILE_STAGE_H

#include "compile/lower.h"

/* The files of NUMC_DUMP: FOLDER/PROCESS-PROGRAM-STAGE-NAME.txt. Their numbers do not change. */
typedef enum numc_stage {
    NUMC_STAGE_NONE, /* has no file */
    NUMC_STAGE_TRACED, NUMC_STAGE_ROWS, NUMC_STAGE_PAIRS, NUMC_STAGE_INLINE, NUMC_STAGE_FOLD, NUMC_STAGE_SIMPLIFY, NUMC_STAGE_SHARE,
    NUMC_STAGE_DEAD, NUMC_STAGE_PROLOGUE, NUMC_STAGE_LAYOUT, NUMC_STAGE_FUSION, NUMC_STAGE_PLAN, NUMC_STAGE_PROGRAM,
    NUMC_STAGE_NATIVE, NUMC_STAGE_COUNT
} numc_stage;

/* What a list of passes works on: a program (parts.h), an ir that is made of a graph, an exec that is made of an ir (a numc_lowering).
 * Bodies of control flow pass through the last two lists themselves. */
typedef enum numc_level { NUMC_LEVEL_PROGRAM, NUMC_LEVEL_IR, NUMC_LEVEL_EXEC } numc_level;

/* Runs the passes of a level on their subject. False: the lane's error is set, by a pass, or by its verifier: INTERNAL, "broken ..".
 * Verifiers run in builds with assertions, and in others where NUMC_VERIFY is 1. */
bool numc__stages_run(numc_context *context, numc_level level, void *subject);

/* ---- texts -------------------------------------------------------------------------------------------------------------- */
enum { NUMC_DUMP_PATH = 1024 };
typedef struct numc_dump {
    numc_core *core;
    struct numc_dump *before; /* the lane's, when this one began */
    bool wanted;
    uint64_t program;
    char folder[NUMC_DUMP_PATH];
    int files[NUMC_STAGE_COUNT]; /* -1 until something is written */
    numc_text texts[NUMC_STAGE_COUNT]; /* what is not yet written */
    int32_t graphs, parts, inside; /* numbers given to irs and execs; the exec that is made */
} numc_dump;

/* Between the two the lane's passes write to the files. NUMC_DUMP names a folder that is there, by its whole path; what is wrong with it is
 * logged once. No file that is there is written over. */
void numc__dump_begin(numc_dump *dump, numc_context *context);
void numc__dump_end(numc_dump *dump, numc_context *context);
/* Where a stage is told of; NULL where nobody wants to know. */
static inline numc_text *numc__dump_text(const numc_context *context, numc_stage stage)
{
    return context->dump == NULL || stage == NUMC_STAGE_NONE ? NULL : &context->dump->texts[stage];
}
void numc__ir_print(numc_text *text, const numc_ir *ir);

/* ---- the passes (stage.c has their table) ----------------------------------------------------------------------------------- */
typedef bool numc_stage_run_fn(numc_context *context, void *subject);
typedef numc_status numc_stage_check_fn(numc_context *context, const void *subject);
typedef void numc_stage_print_fn(numc_text *text, const void *subject);

numc_stage_run_fn numc__stage_rows, numc__stage_rewrite, numc__stage_prologue, numc__stage_lower, numc__stage_native; /* program */
numc_stage_run_fn numc__stage_pairs, numc__stage_inline, numc__stage_dead;                                             /* ir */
numc_stage_run_fn numc__stage_layout, numc__stage_fusion, numc__stage_kernels, numc__stage_plan, numc__stage_build;    /* exec */

numc_stage_check_fn numc__check_graph, numc__check_prologue, numc__check_ir_graph, numc__check_ir, numc__check_dead;
numc_stage_check_fn numc__check_layout, numc__check_fusion, numc__check_plan;

numc_stage_print_fn numc__print_graph, numc__print_prologue, numc__print_program, numc__print_native, numc__print_pairs, numc__print_ir;
numc_stage_print_fn numc__print_layout, numc__print_fusion, numc__print_plan;

#endif
