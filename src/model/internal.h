/* internal.h - internal: the state of a run and of a model, as the files of this floor and the potential see them. */
#ifndef NUMC_MODEL_INTERNAL_H
#define NUMC_MODEL_INTERNAL_H

#include "array/internal.h"
#include "base/containers.h"
#include "compile/program.h"
#include "numc/model.h"

#define NUMC_SITE_NAME_SIZE 256

typedef struct numc_open_plate {
    numc_plate_info info;
    char *name; /* owned */
} numc_open_plate;

struct numc_run {
    numc_context *context;
    const numc_model *model;
    NUMC_LIST(const numc_handler *) handlers; /* outermost first */
    NUMC_LIST(numc_open_plate) plates;        /* outermost first */
    NUMC_LIST(numc_plate_info) plate_infos;   /* the same, as messages show them */
    char prefix[NUMC_SITE_NAME_SIZE];         /* of open names, "a/b/" */
    int32_t open_names;
    numc_map names; /* of the run's sites */
    int32_t bindings_met;
    char rebound[400]; /* what is bound to another shape or dtype than the callback has: for messages */
};

struct numc_model {
    numc_object object;
    numc_core *core;
    numc_context *context;
    numc_model_fn callback;
    void *user;
    bool dynamic; /* the callback runs at each evaluation */
    numc_named *bindings; /* names owned, arrays kept */
    int32_t binding_count;
    _Atomic int64_t running; /* runs of the callback at work: it cannot be freed */
    numc_program_cache *cache; /* shared with the models bound from this one */
};

/* Runs the callback on a lane under handlers, outermost first, in a scope of its own unless `keep_scope`. */
numc_status numc__run_execute(numc_context *context, const numc_model *model, const numc_handler *const *handlers,
                              int32_t handler_count, bool keep_scope);
/* The same model, for those who use it after the original may be freed. */
numc_model *numc__model_copy(const numc_model *model);
/* The array bound to a name by numc_model_bind, or NULL; `given`: what the callback has instead, or NULL. */
numc_array *numc__run_binding(numc_run *run, const char *name, const numc_array *given);

#endif
