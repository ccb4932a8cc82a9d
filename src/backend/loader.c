/* loader.c - which backend a context gets: the option, NUMC_BACKEND or the build's default; found, checked and opened, or
 * refused with everything a reader needs to mend it. Nothing is ever replaced silently by another backend. */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "backend/plugin.h"
#include "numc_build.h"

/* "cpu", "cuda:0", "opencl:0.1", "/abs/path.so", "/abs/path.so:1" taken apart. */
typedef struct choice {
    const char *text, *origin; /* what was asked for, and where */
    char name[NUMC_BACKEND_NAME_SIZE];
    char path[NUMC_PATH_SIZE]; /* "" unless a path was given */
    char device[32];
} choice;

static bool is_device_text(const char *text)
{
    size_t length = strspn(text, "0123456789.");
    return length > 0 && length < sizeof((choice *)NULL)->device && text[length] == '\0';
}

static numc_status choose(numc_context *context, choice *c)
{
    const char *environment = numc__environment("NUMC_BACKEND");
    memset(c, 0, sizeof *c);
    c->text = context->core->backend_name;
    c->origin = "the backend option";
    if (c->text == NULL || c->text[0] == '\0') {
        c->text = environment;
        c->origin = "NUMC_BACKEND";
    }
    if (c->text == NULL || c->text[0] == '\0') {
        c->text = NUMC_DEFAULT_BACKEND;
        c->origin = "this build's default";
    }
    const char *colon = strrchr(c->text, ':');
    size_t length = strlen(c->text);
    if (colon != NULL && (c->text[0] != '/' || is_device_text(colon + 1))) {
        NUMC_REQUIRE(context, is_device_text(colon + 1), NUMC_BACKEND,
                     "%s '%s': what follows the colon is not a device number such as 0 or 0.1", c->origin, c->text);
        (void)numc__format(c->device, sizeof c->device, "%s", colon + 1);
        length = (size_t)(colon - c->text);
    }
    if (c->text[0] == '/') {
        NUMC_REQUIRE(context, length < sizeof c->path, NUMC_BACKEND, "%s: the path is too long", c->origin);
        memcpy(c->path, c->text, length);
        return NUMC_OK;
    }
    NUMC_REQUIRE(context, memchr(c->text, '/', length) == NULL, NUMC_BACKEND,
                 "%s '%s': a path must be absolute", c->origin, c->text);
    if (length < sizeof c->name)
        memcpy(c->name, c->text, length);
    NUMC_REQUIRE(context, numc__backend_name_ok(c->name), NUMC_BACKEND,
                 "%s '%s': a backend's name is made of a-z 0-9 _ -", c->origin, c->text);
    return NUMC_OK;
}

/* ---- refusals ------------------------------------------------------------------------------------------------------------ */

typedef struct name_list {
    char names[32][NUMC_BACKEND_NAME_SIZE];
    const char *pointers[32];
    size_t count;
} name_list;

static void name_add(void *user, const char *name)
{
    name_list *list = user;
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->names[i], name) == 0)
            return;
    if (list->count == sizeof list->names / sizeof *list->names)
        return;
    (void)numc__format(list->names[list->count], sizeof list->names[0], "%s", name);
    list->pointers[list->count] = list->names[list->count];
    list->count++;
}

/* "backend 'cup' (NUMC_BACKEND) is not here: no numc-cup.so in /a, /b; did you mean 'cpu'?; found here: ref, cpu" */
static numc_status refuse_unknown(numc_context *context, const choice *c, const numc_search *search, const char *reasons)
{
    name_list here = {.count = 0}, known;
    name_add(&here, "ref");
    for (size_t i = 0; i < search->count; i++)
        numc__plugin_scan(search->directories[i], name_add, &here);
    known = here;
    for (size_t i = 0; numc__backend_known[i] != NULL; i++)
        name_add(&known, numc__backend_known[i]);
    for (size_t i = 0; i < known.count; i++)
        known.pointers[i] = known.names[i];
    const char *hint = numc__backend_hint(c->name);
    const char *nearest = hint != NULL ? NULL : numc__nearest_name(c->name, known.pointers, known.count);

    numc_text text;
    numc__text_begin(&text, context->core);
    numc__text_add(&text, "backend '%s' (%s) cannot be used", c->name, c->origin);
    if (reasons[0] != '\0')
        numc__text_add(&text, ": %s", reasons);
    else if (hint != NULL)
        numc__text_add(&text, ": not built here: %s", hint);
    if (nearest != NULL && strcmp(nearest, c->name) != 0)
        numc__text_add(&text, "; did you mean '%s'?", nearest);
    numc__text_add(&text, "; found here:");
    for (size_t i = 0; i < here.count; i++)
        numc__text_add(&text, "%s %s", i > 0 ? "," : "", here.names[i]);
    numc__text_add(&text, "; searched for numc-%s.so:", c->name);
    for (size_t i = 0; i < search->count; i++)
        numc__text_add(&text, "%s %s", i > 0 ? "," : "", search->directories[i]);
    numc_status status = text.failed ? numc__fail(context, NUMC_MEMORY, "out of memory while backend '%s' was refused", c->name)
                                     : numc__fail(context, NUMC_BACKEND, "%s", text.data);
    numc__text_end(&text);
    return status;
}

/* ---- finding ------------------------------------------------------------------------------------------------------------- */

static numc_status find_by_path(numc_context *context, numc_backend_state *state, const choice *c)
{
    numc_text reason;
    numc__text_begin(&reason, context->core);
    if (access(c->path, F_OK) != 0)
        numc__fail(context, NUMC_BACKEND, "backend %s (%s) cannot be used: there is no such file", c->path, c->origin);
    else if (!numc__plugin_load(c->path, NULL, &state->plugin, &reason))
        numc__fail(context, reason.failed ? NUMC_MEMORY : NUMC_BACKEND, "backend %s (%s) cannot be used: %s", c->path,
                   c->origin, reason.failed ? "out of memory" : reason.data);
    else
        state->open.path = numc__string_copy(context, c->path);
    numc__text_end(&reason);
    return context->status;
}

/* The first file that can be used; the reasons of those before it go to the log. */
static numc_status find_by_name(numc_context *context, numc_backend_state *state, const choice *c)
{
    numc_search search;
    numc_text reasons;
    numc__text_begin(&reasons, context->core);
    numc_status status = numc__search_begin(context, &search);
    for (size_t i = 0; i < search.count && status == NUMC_OK && state->open.path == NULL; i++) {
        char path[NUMC_PATH_SIZE];
        if (!numc__plugin_path(path, search.directories[i], c->name) || access(path, F_OK) != 0)
            continue;
        numc__text_add(&reasons, "%s%s: ", reasons.size > 0 ? "; " : "", path);
        if (numc__plugin_load(path, c->name, &state->plugin, &reasons)) {
            state->open.path = numc__string_copy(context, path);
            status = context->status;
        } else if (!reasons.failed)
            numc__log(context->core, NUMC_LOG_WARNING, "%s", reasons.data);
    }
    if (status == NUMC_OK && state->open.path == NULL)
        status = refuse_unknown(context, c, &search, reasons.size > 0 && !reasons.failed ? reasons.data : "");
    numc__text_end(&reasons);
    numc__search_end(context, &search);
    return status;
}

/* ---- opening ------------------------------------------------------------------------------------------------------------- */

/* A plugin's refusal at opening: its message, or the status's sentence. */
static numc_status refuse_device(numc_context *context, numc_backend_state *state, int32_t status, const char *what)
{
    char message[NUMC_PLUGIN_MESSAGE_SIZE];
    numc__host_message(state, status, message, sizeof message);
    return numc__fail(context, status == NUMC_MEMORY ? NUMC_MEMORY : NUMC_BACKEND, "backend '%s' (%s) %s: %s",
                      state->plugin.name, state->open.path, what,
                      message[0] != '\0'             ? message
                      : numc__status_known(status) ? numc_status_sentence((numc_status)status)
                                                   : "it gave no reason");
}

static numc_status device_number(numc_context *context, numc_backend_state *state, const choice *c, int32_t *number)
{
    const numc_backend *plugin = &state->plugin;
    int32_t count = 0;
    *number = 0;
    int32_t status = plugin->device_count(&state->open.host, &count);
    if (status != NUMC_OK)
        return refuse_device(context, state, status, "could not count its devices");
    NUMC_REQUIRE(context, count > 0, NUMC_BACKEND, "backend '%s' (%s) found no device on this machine", plugin->name,
                 state->open.path);
    if (c->device[0] == '\0')
        return NUMC_OK;
    if (plugin->device_find != NULL) {
        status = plugin->device_find(&state->open.host, c->device, number);
        if (status != NUMC_OK)
            return refuse_device(context, state, status, "does not have the device asked for");
    } else {
        int64_t value = -1;
        size_t length = strlen(c->device);
        bool whole = strchr(c->device, '.') == NULL && numc__read_integer(c->device, length, &value) == length;
        *number = whole && value >= 0 && value <= INT32_MAX ? (int32_t)value : -1;
    }
    NUMC_REQUIRE(context, *number >= 0 && *number < count, NUMC_BACKEND,
                 "backend '%s' has no device %s; it has %d, numbered from 0", plugin->name, c->device, (int)count);
    return NUMC_OK;
}

numc_status numc__backend_open(numc_context *context, numc_backend_state *state)
{
    choice c;
    int32_t number;
    const char *rule = numc__environment("NUMC_FALLBACK");
    NUMC_TRY(numc__environment_check(context));
    state->forbid_fallback = context->core->forbid_fallback || (rule != NULL && strcmp(rule, "error") == 0);
    NUMC_TRY(choose(context, &c));
    if (c.path[0] != '\0')
        NUMC_TRY(find_by_path(context, state, &c));
    else if (strcmp(c.name, "ref") == 0) {
        state->plugin = *numc__ref_query(NUMC_BACKEND_ABI);
        state->open.path = numc__string_copy(context, "built in");
    } else
        NUMC_TRY(find_by_name(context, state, &c));
    NUMC_TRY(context->status);
    NUMC_TRY(device_number(context, state, &c, &number));

    char name[NUMC_BACKEND_NAME_SIZE + 16];
    (void)numc__format(name, sizeof name, "%s:%d", state->plugin.name, (int)number);
    state->open.name = numc__string_copy(context, name);
    NUMC_TRY(context->status);
    state->open.info.size = sizeof state->open.info;
    int32_t status = state->plugin.device_describe(&state->open.host, number, &state->open.info);
    if (status != NUMC_OK)
        return refuse_device(context, state, status, "could not describe its device");
    status = state->plugin.device_open(&state->open.host, number, &state->open.device);
    if (status != NUMC_OK) {
        state->open.device = NULL;
        return refuse_device(context, state, status, "could not open its device");
    }
    const numc_host *first = NULL;
    if (state->open.device != NULL)
        memcpy(&first, state->open.device, sizeof first);
    NUMC_REQUIRE(context, first == &state->open.host, NUMC_BACKEND,
                 "backend '%s' (%s) breaks the contract: its numc_device does not begin with the host's table",
                 state->plugin.name, state->open.path);
    NUMC_REQUIRE(context, state->open.info.kernel_level >= 1 && state->open.info.kernel_level <= 3, NUMC_BACKEND,
                 "backend '%s' (%s) breaks the contract: its kernel level is %u, not 1, 2 or 3", state->plugin.name,
                 state->open.path, state->open.info.kernel_level);
    return NUMC_OK;
}
