/* report.c - everything found, loaded or refused: what `numc info` prints. */
#include <string.h>
#include <unistd.h>

#include "backend/plugin.h"
#include "numc_build.h"

typedef struct report_list {
    numc_context *context;
    numc_backend_report *reports;
    size_t count, capacity;
    const char *directory; /* being scanned */
} report_list;

static numc_backend_report *report_add(report_list *list, const char *name, const char *path)
{
    numc_context *context = list->context;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 8 : 2 * list->capacity, size = sizeof *list->reports;
        numc_backend_report *grown = numc__reallocate(context, list->reports, list->capacity * size, capacity * size);
        if (grown == NULL)
            return NULL;
        list->reports = grown;
        list->capacity = capacity;
    }
    numc_backend_report *report = &list->reports[list->count];
    memset(report, 0, sizeof *report);
    report->name = numc__string_copy(context, name);
    report->path = path != NULL ? numc__string_copy(context, path) : NULL;
    list->count++;
    return context->status == NUMC_OK ? report : NULL;
}

static void refuse(numc_context *context, numc_backend_report *report, const char *reason)
{
    report->reason = numc__string_copy(context, reason[0] != '\0' ? reason : "it gave no reason");
}

/* Devices of a usable table; a backend without one is refused. */
static void describe(numc_context *context, numc_backend_state *state, numc_backend_report *report)
{
    const numc_backend *plugin = &state->plugin;
    char message[NUMC_PLUGIN_MESSAGE_SIZE];
    report->version = numc__string_copy(context, plugin->build_id != NULL ? plugin->build_id : "");
    int32_t count = 0, status = plugin->device_count(&state->open.host, &count);
    if (status != NUMC_OK || count <= 0) {
        numc__host_message(state, status, message, sizeof message);
        refuse(context, report, message[0] != '\0' ? message : "found no device on this machine");
        return;
    }
    report->devices = numc__allocate_zero(context, (size_t)count, sizeof *report->devices);
    if (report->devices == NULL)
        return;
    report->device_count = count;
    for (int32_t i = 0; i < count && report->reason == NULL; i++) {
        report->devices[i].size = sizeof report->devices[i];
        status = plugin->device_describe(&state->open.host, i, &report->devices[i]);
        if (status != NUMC_OK) {
            numc__host_message(state, status, message, sizeof message);
            refuse(context, report, message);
        }
    }
}

static void look(report_list *list, const char *name, const char *path, bool any_name)
{
    numc_context *context = list->context;
    numc_backend_report *report = report_add(list, name, path);
    numc_backend_state *state = report != NULL ? numc__state_new(context) : NULL;
    if (state == NULL)
        return;
    numc_text reason;
    numc__text_begin(&reason, context->core);
    if (strcmp(path, "built in") == 0) {
        state->plugin = *numc__ref_query(NUMC_BACKEND_ABI);
        describe(context, state, report);
    } else if (numc__plugin_load(path, any_name ? NULL : name, &state->plugin, &reason))
        describe(context, state, report);
    else
        refuse(context, report, reason.failed ? "out of memory" : reason.data);
    numc__text_end(&reason);
    numc__state_free(context->core, state);
}

static bool listed(const report_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->reports[i].name, name) == 0 && list->reports[i].reason == NULL)
            return true;
    return false;
}

static void found(void *user, const char *name)
{
    report_list *list = user;
    char path[NUMC_PATH_SIZE];
    if (list->context->status == NUMC_OK && !listed(list, name) && numc__plugin_path(path, list->directory, name))
        look(list, name, path, false);
}

static bool reported(const report_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->reports[i].name, name) == 0)
            return true;
    return false;
}

numc_status numc__backend_list(numc_context *context, numc_backend_report **reports, size_t *count)
{
    report_list list = {.context = context};
    numc_search search = {.count = 0};
    *reports = NULL;
    *count = 0;
    NUMC_TRY(context->status);
    look(&list, "ref", "built in", false);
    const char *asked = context->core->backend_name != NULL ? context->core->backend_name
                                                            : numc__environment("NUMC_BACKEND");
    if (asked != NULL && asked[0] == '/' && access(asked, F_OK) == 0)
        look(&list, asked, asked, true);
    if (context->status == NUMC_OK && numc__search_begin(context, &search) == NUMC_OK)
        for (size_t i = 0; i < search.count && context->status == NUMC_OK; i++) {
            list.directory = search.directories[i];
            numc__plugin_scan(list.directory, found, &list);
        }
    numc__search_end(context, &search);
    for (size_t i = 0; numc__backend_known[i] != NULL && context->status == NUMC_OK; i++) {
        const char *name = numc__backend_known[i];
        if (reported(&list, name))
            continue;
        numc_backend_report *report = report_add(&list, name, NULL);
        if (report != NULL) {
            numc_text reason;
            numc__text_begin(&reason, context->core);
            numc__text_add(&reason, "not built here: %s", numc__backend_hint(name));
            refuse(context, report, reason.failed ? "out of memory" : reason.data);
            numc__text_end(&reason);
        }
    }
    /* the capacity is not kept by the caller: give the rest back */
    if (context->status == NUMC_OK && list.count < list.capacity) {
        numc_backend_report *exact = numc__reallocate(context, list.reports, list.capacity * sizeof *list.reports,
                                                      list.count * sizeof *list.reports);
        if (exact != NULL) {
            list.reports = exact;
            list.capacity = list.count;
        }
    }
    if (context->status != NUMC_OK) {
        size_t filled = list.count;
        list.count = list.capacity;
        if (filled < list.capacity)
            memset(&list.reports[filled], 0, (list.capacity - filled) * sizeof *list.reports);
        numc__backend_list_free(context, list.reports, list.count);
        return context->status;
    }
    *reports = list.reports;
    *count = list.count;
    return NUMC_OK;
}

void numc__backend_list_free(numc_context *context, numc_backend_report *reports, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        numc_backend_report *report = &reports[i];
        numc__string_free(context, report->name);
        numc__string_free(context, report->path);
        numc__string_free(context, report->version);
        numc__string_free(context, report->reason);
        numc__free(context, report->devices, (size_t)report->device_count * sizeof *report->devices);
    }
    numc__free(context, reports, count * sizeof *reports);
}
