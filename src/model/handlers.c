/* handlers.c - the built-in handlers: each is two small functions over a message. Records keep what passes through them. */
#include <string.h>

#include "model/internal.h"
#include "numc/random.h"

static numc_handler handler(const char *name, const void *user,
                            void (*process)(numc_run *, const struct numc_handler *, numc_message *),
                            void (*finish)(numc_run *, const struct numc_handler *, numc_message *))
{
    return (numc_handler){.size = sizeof(numc_handler), .name = name, .user = (void *)(uintptr_t)user, .process = process,
                          .finish = finish};
}

static numc_array *find(const struct numc_named_list *list, const char *name)
{
    for (int32_t k = 0; k < list->count; k++)
        if (strcmp(list->values[k].name, name) == 0)
            return list->values[k].array;
    return NULL;
}

/* ---- seed ---------------------------------------------------------------------------------------------------------------------------- */

static void seed_process(numc_run *run, const numc_handler *self, numc_message *message)
{
    (void)run;
    if (message->kind == NUMC_SITE_SAMPLE && message->value == NULL && message->key == NULL) {
        uint64_t hash = numc__hash_name(message->name);
        message->key = numc_random_fold_in(numc_random_fold_in(self->user, (uint32_t)(hash >> 32)), (uint32_t)hash);
    }
}

numc_handler numc_handler_seed(const numc_array *key)
{
    return handler("seed", key, seed_process, NULL);
}

/* ---- substitute, condition, replay, block ---------------------------------------------------------------------------------------- */

static void substitute_process(numc_run *run, const numc_handler *self, numc_message *message)
{
    (void)run;
    if (message->kind != NUMC_SITE_SAMPLE || message->observed)
        return;
    numc_array *value = find(self->user, message->name);
    if (value != NULL)
        message->value = value;
}

numc_handler numc_handler_substitute(const struct numc_named_list *values)
{
    return handler("substitute", values, substitute_process, NULL);
}

static void condition_process(numc_run *run, const numc_handler *self, numc_message *message)
{
    (void)run;
    if (message->kind != NUMC_SITE_SAMPLE)
        return;
    numc_array *value = find(self->user, message->name);
    if (value != NULL) {
        message->value = value;
        message->observed = true;
    }
}

numc_handler numc_handler_condition(const struct numc_named_list *values)
{
    return handler("condition", values, condition_process, NULL);
}

static void replay_process(numc_run *run, const numc_handler *self, numc_message *message)
{
    (void)run;
    if (message->kind != NUMC_SITE_SAMPLE || message->observed || message->value != NULL)
        return;
    const numc_message *recorded = numc_record_find(self->user, message->name);
    if (recorded != NULL && recorded->kind == NUMC_SITE_SAMPLE)
        message->value = recorded->value;
}

numc_handler numc_handler_replay(const numc_record *record)
{
    return handler("replay", record, replay_process, NULL);
}

static void block_process(numc_run *run, const numc_handler *self, numc_message *message)
{
    (void)run;
    const struct numc_named_list *names = self->user;
    message->stop = names->count == 0;
    for (int32_t k = 0; k < names->count; k++)
        if (strcmp(names->values[k].name, message->name) == 0)
            message->stop = true;
}

numc_handler numc_handler_block(const struct numc_named_list *names)
{
    return handler("block", names, block_process, NULL);
}

/* ---- mask, scale ---------------------------------------------------------------------------------------------------------------------- */

static bool is_weighed(const numc_message *message)
{
    return message->kind == NUMC_SITE_SAMPLE || message->kind == NUMC_SITE_FACTOR;
}

static void mask_process(numc_run *run, const numc_handler *self, numc_message *message)
{
    (void)run;
    numc_array *mask = self->user;
    if (is_weighed(message))
        message->mask = message->mask == NULL
                            ? mask
                            : (numc_logical_and)(numc_operand_array(message->mask), numc_operand_array(mask));
}

numc_handler numc_handler_mask(const numc_array *mask)
{
    return handler("mask", mask, mask_process, NULL);
}

static void scale_process(numc_run *run, const numc_handler *self, numc_message *message)
{
    numc_array *scale = self->user;
    if (!is_weighed(message))
        return;
    if (scale != NULL && scale->content != NUMC_CONTENT_TRACED) {
        numc_array *positive = (numc_all)((numc_greater)(numc_operand_array(scale), numc_operand_integer(0)), NULL);
        if (positive != NULL && !numc_item_bool(positive)) {
            numc__fail(run->context, NUMC_VALUE, "the scale handler's factor is not positive");
            return;
        }
    }
    message->scale = message->scale == NULL
                         ? scale
                         : (numc_multiply)(numc_operand_array(message->scale), numc_operand_array(scale));
}

numc_handler numc_handler_scale(const numc_array *scale)
{
    return handler("scale", scale, scale_process, NULL);
}

/* ---- validate ------------------------------------------------------------------------------------------------------------------------ */

static void validate_process(numc_run *run, const numc_handler *self, numc_message *message)
{
    (void)self;
    if (message->kind != NUMC_SITE_SAMPLE)
        return;
    const numc_shape batch = numc_distribution_batch_shape(message->distribution);
    const numc_shape event = numc_distribution_event_shape(message->distribution);
    for (int32_t d = 0; d < batch.count; d++) {
        bool covered = batch.values[d] == 1;
        for (int32_t k = 0; k < message->plate_count; k++)
            covered = covered || message->plates[k].dim == d - batch.count;
        if (!covered) {
            numc__fail(run->context, NUMC_SITE, "no plate covers batch axis %d (size %lld) of its distribution", d - batch.count,
                       (long long)batch.values[d]);
            return;
        }
    }
    if (message->observed && message->value != NULL && message->value->rank > batch.count + event.count)
        numc__fail(run->context, NUMC_SITE, "the observation has %d axes, its distribution %d", message->value->rank,
                   batch.count + event.count);
}

numc_handler numc_handler_validate(void)
{
    return handler("validate", NULL, validate_process, NULL);
}

/* ---- record ---------------------------------------------------------------------------------------------------------------------------- */

struct numc_record {
    numc_object object;
    numc_core *core;
    numc_context *context;
    NUMC_LIST(numc_message) sites;
    numc_map index; /* name -> position; owns the names */
};

static void release_site(numc_core *core, numc_message *site)
{
    numc_release(site->value);
    numc_release(site->mask);
    numc_release(site->scale);
    numc_release(site->log_prob);
    numc_release(site->key);
    for (int32_t k = 0; k < site->plate_count; k++) {
        char *name = (char *)(uintptr_t)site->plates[k].name;
        if (name != NULL)
            numc__core_free(core, name, strlen(name) + 1);
    }
    numc__core_free(core, (void *)(uintptr_t)site->plates, (size_t)site->plate_count * sizeof *site->plates);
}

static void record_destroy(numc_object *object)
{
    numc_record *record = (numc_record *)object;
    numc_core *core = record->core;
    for (size_t k = 0; k < record->sites.count; k++)
        release_site(core, &record->sites.items[k]);
    NUMC_LIST_END(core, &record->sites);
    numc__map_end(&record->index);
    numc__core_free(core, record, sizeof *record);
}

numc_record *numc_record_new(numc_context *context)
{
    if (context == NULL || context->status != NUMC_OK)
        return NULL;
    numc_record *record = numc__allocate_zero(context, 1, sizeof *record);
    if (record == NULL)
        return NULL;
    record->object.destroy = record_destroy;
    record->core = context->core;
    record->context = context;
    numc__map_begin(&record->index, context->core);
    numc__object_add(context, &record->object);
    return record;
}

void numc_record_free(numc_record *record)
{
    if (record == NULL)
        return;
    numc__object_remove(record->core, &record->object);
    record_destroy(&record->object);
}

static void record_process(numc_run *run, const numc_handler *self, numc_message *message)
{
    (void)run;
    (void)self;
    message->wants_log_prob = true;
}

static bool copy_plates(numc_core *core, numc_message *site, const numc_message *message)
{
    site->plates = NULL;
    site->plate_count = 0;
    if (message->plate_count == 0)
        return true;
    size_t count = (size_t)message->plate_count;
    numc_plate_info *plates = numc__core_allocate(core, count * sizeof *plates);
    if (plates == NULL)
        return false;
    memset(plates, 0, count * sizeof *plates);
    site->plates = plates;
    site->plate_count = message->plate_count;
    for (size_t k = 0; k < count; k++) {
        size_t bytes = strlen(message->plates[k].name) + 1;
        char *name = numc__core_allocate(core, bytes);
        plates[k] = message->plates[k];
        plates[k].name = name;
        if (name == NULL)
            return false;
        memcpy(name, message->plates[k].name, bytes);
    }
    return true;
}

static void record_finish(numc_run *run, const numc_handler *self, numc_message *message)
{
    numc_record *record = self->user;
    numc_core *core = record->core;
    bool made = false;
    numc_map_entry *entry = numc__map_put(&record->index, message->name, &made);
    if (entry == NULL || (made && !NUMC_LIST_RESERVE(core, &record->sites, 1))) {
        numc__fail(run->context, NUMC_MEMORY, "out of memory for the record");
        return;
    }
    if (!made) {
        numc__fail(run->context, NUMC_SITE, "the record already has a site \"%s\": a record is for one run", message->name);
        return;
    }
    entry->value.integer = (int64_t)record->sites.count;
    numc_message *site = &record->sites.items[record->sites.count++];
    *site = *message;
    site->name = entry->name;
    site->distribution = NULL; /* it dies with the run's scope */
    site->value = numc_keep(message->value);
    site->mask = numc_keep(message->mask);
    site->scale = numc_keep(message->scale);
    site->log_prob = numc_keep(message->log_prob);
    site->key = numc_keep(message->key);
    if (!copy_plates(core, site, message))
        numc__fail(run->context, NUMC_MEMORY, "out of memory for the record");
}

numc_handler numc_handler_record(numc_record *record)
{
    return handler("record", record, record_process, record_finish);
}

int32_t numc_record_count(const numc_record *record)
{
    return record == NULL ? 0 : (int32_t)record->sites.count;
}

const numc_message *numc_record_at(const numc_record *record, int32_t index)
{
    return record != NULL && index >= 0 && (size_t)index < record->sites.count ? &record->sites.items[index] : NULL;
}

const numc_message *numc_record_find(const numc_record *record, const char *name)
{
    const numc_map_entry *entry = record == NULL || name == NULL ? NULL : numc__map_find(&record->index, name);
    return entry == NULL ? NULL : &record->sites.items[entry->value.integer];
}

numc_array *numc_record_log_density(const numc_record *record)
{
    if (record == NULL)
        return NULL;
    numc_context *context = record->context;
    numc_array *sum = NULL;
    for (size_t k = 0; k < record->sites.count; k++) {
        if (record->sites.items[k].log_prob == NULL)
            continue;
        numc_array *term = (numc_sum)(record->sites.items[k].log_prob, NULL);
        sum = sum == NULL ? term : (numc_add)(numc_operand_array(sum), numc_operand_array(term));
    }
    return sum != NULL || context->status != NUMC_OK
               ? sum
               : numc_number_(context, numc_default_float(context), numc_operand_real(0.0));
}
