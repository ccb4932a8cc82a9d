/* model.c - models as objects: callback, bindings, and whole runs under handlers. */
#include <string.h>

#include "model/internal.h"

static void model_destroy(numc_object *object)
{
    numc_model *model = (numc_model *)object;
    numc_core *core = model->core;
    for (int32_t k = 0; k < model->binding_count; k++) {
        numc_release(model->bindings[k].array);
        char *name = (char *)(uintptr_t)model->bindings[k].name;
        if (name != NULL)
            numc__core_free(core, name, strlen(name) + 1);
    }
    numc__program_cache_release(model->cache);
    numc__core_free(core, model->bindings, (size_t)model->binding_count * sizeof *model->bindings);
    numc__core_free(core, model, sizeof *model);
}

static numc_model *make(numc_context *context, numc_model_fn callback, void *user, numc_program_cache *cache)
{
    if (context == NULL || context->status != NUMC_OK)
        return NULL;
    if (callback == NULL) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "numc_model_new: the callback is NULL");
        return NULL;
    }
    numc_model *model = numc__allocate_zero(context, 1, sizeof *model);
    if (model == NULL)
        return NULL;
    model->object.destroy = model_destroy;
    model->core = context->core;
    model->context = context;
    model->callback = callback;
    model->user = user;
    model->cache = cache != NULL ? numc__program_cache_keep(cache) : numc__program_cache_new(context);
    if (model->cache == NULL) {
        numc__free(context, model, sizeof *model);
        return NULL;
    }
    numc__object_add(context, &model->object);
    return model;
}

numc_model *numc_model_new(numc_context *context, numc_model_fn callback, void *user)
{
    return make(context, callback, user, NULL);
}

numc_model *numc_model_new_dynamic(numc_context *context, numc_model_fn callback, void *user)
{
    numc_model *model = make(context, callback, user, NULL);
    if (model != NULL)
        model->dynamic = true;
    return model;
}

void numc_model_free(numc_model *model)
{
    if (model == NULL)
        return;
    if (atomic_load(&model->running) > 0) {
        numc__fail(model->context, NUMC_STATE, "numc_model_free: the model's callback is at work; free it when it has returned");
        return;
    }
    numc__object_remove(model->core, &model->object);
    model_destroy(&model->object);
}

numc_context *numc_model_context(const numc_model *model)
{
    return model == NULL ? NULL : model->context;
}

/* Puts a binding in a free place: the copy's array of bindings has room for it. */
static bool put_binding(numc_model *model, int32_t place, const char *name, const numc_array *array)
{
    size_t size = strlen(name) + 1;
    char *copy = numc__allocate(model->context, size);
    if (copy == NULL)
        return false;
    memcpy(copy, name, size);
    model->bindings[place].name = copy;
    model->bindings[place].array = numc_keep((numc_array *)(uintptr_t)array);
    return model->bindings[place].array != NULL;
}

/* With room at the end for a binding of `name`, which is left out, unless that is NULL. */
static numc_model *copy(const numc_model *model, const char *name)
{
    numc_context *context = model->context;
    numc_model *same = make(context, model->callback, model->user, model->cache);
    if (same == NULL)
        return NULL;
    same->dynamic = model->dynamic;
    int32_t count = name != NULL, place = 0;
    for (int32_t k = 0; k < model->binding_count; k++)
        count += name == NULL || strcmp(model->bindings[k].name, name) != 0;
    same->bindings = numc__allocate_zero(context, (size_t)count, sizeof *same->bindings);
    bool good = same->bindings != NULL;
    same->binding_count = good ? count : 0;
    for (int32_t k = 0; good && k < model->binding_count; k++)
        if (name == NULL || strcmp(model->bindings[k].name, name) != 0)
            good = put_binding(same, place++, model->bindings[k].name, model->bindings[k].array);
    if (good)
        return same;
    numc_model_free(same);
    return NULL;
}

numc_model *numc_model_bind(const numc_model *model, const char *name, const numc_array *array)
{
    if (model == NULL || model->context->status != NUMC_OK)
        return NULL;
    numc_context *context = model->context;
    if (name == NULL || array == NULL) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "numc_model_bind: the %s is NULL", name == NULL ? "name" : "array");
        return NULL;
    }
    if (numc__array_own(context, array, "numc_model_bind") != NUMC_OK)
        return NULL;
    if (array->content == NUMC_CONTENT_TRACED) {
        numc__fail(context, NUMC_TRACE, "numc_model_bind: the array for \"%s\" is traced", name);
        return NULL;
    }
    numc_model *bound = copy(model, name);
    if (bound == NULL || put_binding(bound, bound->binding_count - 1, name, array))
        return bound;
    numc_model_free(bound);
    return NULL;
}

numc_model *numc__model_copy(const numc_model *model)
{
    return copy(model, NULL);
}

/* "; \"x\" is bound to float64[5] in place of float64[8]" */
static void note_rebound(numc_run *run, const char *name, const numc_array *array, const numc_array *given)
{
    if (given == NULL || given->live != NUMC_ARRAY_LIVE ||
        (given->dtype == array->dtype && given->rank == array->rank &&
         memcmp(given->shape, array->shape, (size_t)given->rank * sizeof *given->shape) == 0))
        return;
    char is[120], was[120];
    size_t used = strlen(run->rebound);
    numc__type_format(is, sizeof is, array->dtype, array->rank, array->shape);
    numc__type_format(was, sizeof was, given->dtype, given->rank, given->shape);
    numc__format(run->rebound + used, sizeof run->rebound - used, "; \"%s\" is bound to %s in place of %s", name, is, was);
}

numc_array *numc__run_binding(numc_run *run, const char *name, const numc_array *given)
{
    const numc_model *model = run->model;
    for (int32_t k = 0; k < model->binding_count; k++)
        if (strcmp(model->bindings[k].name, name) == 0) {
            run->bindings_met++;
            note_rebound(run, name, model->bindings[k].array, given);
            return model->bindings[k].array;
        }
    return NULL;
}

/* After the callback: every binding has a place. */
static void check_bindings(numc_run *run)
{
    numc_context *context = run->context;
    const numc_model *model = run->model;
    if (context->status == NUMC_OK && run->bindings_met < model->binding_count) {
        for (int32_t k = 0; k < model->binding_count; k++)
            if (numc__map_find(&run->names, model->bindings[k].name) == NULL)
                numc__fail(context, NUMC_SITE, "numc_model_bind: the model has no data and no observation \"%s\"", model->bindings[k].name);
        numc__fail(context, NUMC_SITE, "numc_model_bind: a name that is bound is neither data nor an observation");
    }
}

/* ---- runs ---------------------------------------------------------------------------------------------------------------------------- */

static void run_end(numc_run *run)
{
    numc_core *core = run->context->core;
    for (size_t k = 0; k < run->plates.count; k++)
        numc__core_free(core, run->plates.items[k].name, strlen(run->plates.items[k].name) + 1);
    NUMC_LIST_END(core, &run->plates);
    NUMC_LIST_END(core, &run->plate_infos);
    NUMC_LIST_END(core, &run->handlers);
    numc__map_end(&run->names);
}

numc_status numc__run_execute(numc_context *context, const numc_model *model, const numc_handler *const *handlers,
                              int32_t handler_count, bool keep_scope)
{
    NUMC_TRY(context->status);
    NUMC_REQUIRE(context, handler_count >= 0 && (handlers != NULL || handler_count == 0), NUMC_INVALID_ARGUMENT,
                 "numc_model_run: a list of %d handlers at %s", handler_count, handlers == NULL ? "NULL" : "an address");
    numc_run run = {.context = context, .model = model};
    numc__map_begin(&run.names, context->core);
    if (!keep_scope && numc_scope_begin(context) != NUMC_OK)
        return context->status;
    bool ready = true;
    for (int32_t k = 0; k < handler_count && ready; k++)
        ready = numc_handler_push(&run, handlers[k]);
    if (ready) {
        atomic_fetch_add(&context->core->running, 1);
        _Atomic int64_t *running = &((numc_model *)(uintptr_t)model)->running;
        atomic_fetch_add(running, 1);
        context->running++;
        const char *operation = context->operation, *note = context->note;
        context->operation = NULL;
        context->note = run.rebound; /* an error that may come from a binding says so */
        model->callback(&run, model->user);
        context->operation = operation;
        context->note = note;
        context->running--;
        atomic_fetch_sub(running, 1);
        atomic_fetch_sub(&context->core->running, 1);
        if (run.plates.count > 0)
            numc__fail(context, NUMC_SITE, "plate %s left open: its body was left by break, goto or return",
                       run.plates.items[run.plates.count - 1].info.name);
        else if (run.open_names > 0)
            numc__fail(context, NUMC_SITE, "name %s left open: numc_name_end is missing", run.prefix);
        else if (run.handlers.count != (size_t)handler_count)
            numc__fail(context, NUMC_SITE, "a handler was left active: the body of numc_with was left by break, goto or return");
        else
            check_bindings(&run);
    }
    run_end(&run);
    if (!keep_scope)
        numc_scope_end(context);
    return context->status;
}

numc_status numc_model_run(numc_model *model, const numc_handler *const *handlers, int32_t handler_count)
{
    if (model == NULL)
        return NUMC_INVALID_ARGUMENT;
    return numc__run_execute(model->context, model, handlers, handler_count, false);
}

numc_context *numc_run_context(numc_run *run)
{
    return run == NULL ? NULL : run->context;
}

/* The outermost handler of numc_model_log_density: a latent that came this far has no value. */
static void lacking_process(numc_run *run, const numc_handler *self, numc_message *message)
{
    (void)self;
    if (message->kind == NUMC_SITE_SAMPLE && message->value == NULL && message->key == NULL)
        numc__fail(run->context, NUMC_SITE, "numc_model_log_density: the values lack it");
}

numc_array *numc_model_log_density(numc_model *model, const numc_named *values, int32_t count)
{
    if (model == NULL || model->context->status != NUMC_OK)
        return NULL;
    numc_context *context = model->context;
    if (count < 0 || (values == NULL && count > 0)) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "numc_model_log_density: a list of %d values at %s", count,
                   values == NULL ? "NULL" : "an address");
        return NULL;
    }
    numc_record *record = numc_record_new(context);
    if (record == NULL)
        return NULL;
    const struct numc_named_list list = {values, count};
    const numc_handler keep = numc_handler_record(record), substitute = numc_handler_substitute(&list);
    const numc_handler lacking = {.size = sizeof lacking, .name = "lacking", .process = lacking_process};
    const numc_handler *handlers[3] = {&lacking, &keep, &substitute};
    numc_array *density = NULL;
    if (numc__run_execute(context, model, handlers, 3, false) == NUMC_OK) {
        for (int32_t k = 0; k < count; k++)
            if (numc_record_find(record, values[k].name) == NULL) {
                numc__fail(context, NUMC_SITE, "numc_model_log_density: the model has no site \"%s\"", values[k].name);
                break;
            }
        density = numc_record_log_density(record);
    }
    numc_record_free(record);
    return density;
}
