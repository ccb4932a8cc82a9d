/* dump.h - internal to src/compile: the stages of a program as text files, for whoever sets NUMC_DUMP; and the check of an ir. */
#ifndef NUMC_COMPILE_DUMP_H
#define NUMC_COMPILE_DUMP_H

#include "compile/ir.h"

enum { NUMC_DUMP_PATH = 1024 };
typedef struct numc_dump {
    numc_core *core;
    bool wanted;
    uint64_t program;
    char folder[NUMC_DUMP_PATH];
} numc_dump;

/* Whether stages are wanted: NUMC_DUMP names a folder that is there, by its whole path. What is wrong with it is logged once. */
void numc__dump_begin(numc_dump *dump, numc_context *context);
/* FOLDER/PROCESS-PROGRAM-STAGE-NAME.txt (or .c), never over a file that is there. */
void numc__dump_text(numc_dump *dump, int stage, const char *name, const char *suffix, const numc_text *text);
void numc__dump_graph(numc_dump *dump, int stage, const char *name, const numc_graph *graph);
void numc__dump_ir(numc_dump *dump, int stage, const char *name, const numc_ir *ir);

void numc__ir_print(numc_text *text, const numc_ir *ir);
/* Every operand is made before it is read, and every type is what its primitive makes of them. NUMC_INTERNAL says where not. */
numc_status numc__ir_verify(numc_context *context, const numc_ir *ir);

#endif
