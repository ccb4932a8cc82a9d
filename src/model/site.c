/* site.c - the statements of a model callback: each makes a message, sends it through the handlers, and returns its value. */
#include <string.h>

#include "base/text.h"
#include "dist/internal.h"
#include "model/internal.h"

/* ---- names -------------------------------------------------------------------------------------------------------------------------- */

static bool acceptable(const char *name)
{
    if (*name == '\0')
        return false;
    for (const char *c = name; *c != '\0'; c++) {
        const unsigned char byte = (unsigned char)*c, next = (unsigned char)c[1];
        if (byte < 0x20 || byte == 0x7f || strchr(",\"'[]", *c) != NULL || (byte == 0xc2 && next >= 0x80 && next < 0xa0) /* U+0080 to U+009F */
            || (byte == 0xe2 && next == 0x80 && ((unsigned char)c[2] & 0xfe) == 0xa8)) /* separators of lines and of paragraphs */
            return false;
    }
    return true;
}

static bool prefixed(numc_run *run, const char *name, const char *what, char full[NUMC_SITE_NAME_SIZE])
{
    if (name == NULL || !acceptable(name)) {
        numc__fail(run->context, NUMC_SITE,
                   "a %s's name is %s: names are not empty and hold no control characters, comma, quote or bracket", what,
                   name == NULL ? "NULL" : *name == '\0' ? "empty" : "not acceptable");
        return false;
    }
    size_t prefix = strlen(run->prefix), size = strlen(name);
    if (prefix + size >= NUMC_SITE_NAME_SIZE) {
        numc__fail(run->context, NUMC_SITE, "the name of %s \"%.40s...\" is longer than %d bytes", what, name,
                   NUMC_SITE_NAME_SIZE - 1);
        return false;
    }
    memcpy(full, run->prefix, prefix);
    memcpy(full + prefix, name, size + 1);
    return true;
}

enum { NAME_SITE = 1, NAME_PLATE = 2 }; /* what a name of the run belongs to */

static const char *enter_name(numc_run *run, const char *name, const char *what)
{
    char full[NUMC_SITE_NAME_SIZE];
    if (run == NULL || run->context->status != NUMC_OK || !prefixed(run, name, what, full))
        return NULL;
    bool made = false;
    numc_map_entry *entry = numc__map_put(&run->names, full, &made);
    if (entry == NULL) {
        numc__fail(run->context, NUMC_MEMORY, "out of memory for the name of %s %s", what, full);
        return NULL;
    }
    if (!made) {
        numc__fail(run->context, NUMC_SITE,
                   entry->value.integer == NAME_PLATE ? "there are a plate and a site named \"%s\" in one run"
                                                      : "there are two sites named \"%s\" in one run",
                   full);
        return NULL;
    }
    entry->value.integer = NAME_SITE;
    return entry->name;
}

void numc_name_begin(numc_run *run, const char *name)
{
    char full[NUMC_SITE_NAME_SIZE];
    if (run == NULL || run->context->status != NUMC_OK || !prefixed(run, name, "name scope", full))
        return;
    size_t size = strlen(full);
    if (size + 1 >= NUMC_SITE_NAME_SIZE) {
        numc__fail(run->context, NUMC_SITE, "name scopes are nested too deep at \"%.40s...\"", full);
        return;
    }
    memcpy(run->prefix, full, size);
    run->prefix[size] = '/';
    run->prefix[size + 1] = '\0';
    run->open_names++;
}

void numc_name_end(numc_run *run)
{
    if (run == NULL || run->open_names == 0) {
        if (run != NULL)
            numc__fail(run->context, NUMC_STATE, "numc_name_end: no name is open");
        return;
    }
    size_t size = strlen(run->prefix) - 1; /* the last '/' */
    while (size > 0 && run->prefix[size - 1] != '/')
        size--;
    run->prefix[size] = '\0';
    run->open_names--;
}

/* ---- plates ------------------------------------------------------------------------------------------------------------------------- */

enum { PLATE_WAITING = 0, PLATE_OPEN = 1, PLATE_DONE = 2 };

numc_plate_frame numc_plate_begin(numc_run *run, const char *name, int64_t size, int32_t dim)
{
    numc_plate_frame frame = {run, -1, PLATE_DONE};
    char full[NUMC_SITE_NAME_SIZE];
    if (run == NULL || run->context->status != NUMC_OK || !prefixed(run, name, "plate", full))
        return frame;
    numc_context *context = run->context;
    if (size < 0) {
        numc__fail(context, NUMC_VALUE, "plate %s: its size is %lld", full, (long long)size);
        return frame;
    }
    if (dim > 0) {
        numc__fail(context, NUMC_VALUE, "plate %s: its dim is %d; dims are negative, counted from the right", full, dim);
        return frame;
    }
    for (size_t k = 0; k < run->plates.count; k++) {
        if (strcmp(run->plates.items[k].name, full) == 0) {
            numc__fail(context, NUMC_SITE, "plate %s is opened inside itself", full);
            return frame;
        }
        if (dim != 0 && run->plates.items[k].info.dim == dim) {
            numc__fail(context, NUMC_SITE, "plate %s: dim %d is taken by plate %s", full, dim, run->plates.items[k].name);
            return frame;
        }
    }
    bool made = false;
    numc_map_entry *entry = numc__map_put(&run->names, full, &made);
    if (entry == NULL || (!made && entry->value.integer != NAME_PLATE)) {
        numc__fail(context, entry == NULL ? NUMC_MEMORY : NUMC_SITE,
                   entry == NULL ? "out of memory for plate %s" : "there are a plate and a site named \"%s\" in one run", full);
        return frame;
    }
    entry->value.integer = NAME_PLATE;
    for (int32_t candidate = -1; dim == 0; candidate--) {
        bool taken = false;
        for (size_t k = 0; k < run->plates.count; k++)
            taken = taken || run->plates.items[k].info.dim == candidate;
        if (!taken)
            dim = candidate;
    }
    numc_core *core = context->core;
    size_t bytes = strlen(full) + 1;
    char *copy = numc__allocate(context, bytes);
    if (copy == NULL)
        return frame;
    memcpy(copy, full, bytes);
    if (!NUMC_LIST_RESERVE(core, &run->plates, 1) || !NUMC_LIST_RESERVE(core, &run->plate_infos, 1)) {
        numc__core_free(core, copy, bytes);
        numc__fail(context, NUMC_MEMORY, "out of memory for plate %s", full);
        return frame;
    }
    frame.number = (int32_t)run->plates.count;
    frame.state = PLATE_WAITING;
    const numc_plate_info info = {copy, size, dim};
    run->plates.items[run->plates.count++] = (numc_open_plate){info, copy};
    run->plate_infos.items[run->plate_infos.count++] = info;
    return frame;
}

bool numc_plate_next(numc_plate_frame *frame)
{
    if (frame == NULL)
        return false;
    if (frame->state == PLATE_WAITING) {
        frame->state = PLATE_OPEN;
        return true;
    }
    if (frame->state == PLATE_DONE)
        return false;
    frame->state = PLATE_DONE;
    numc_run *run = frame->run;
    if (run->plates.count == 0 || frame->number != (int32_t)run->plates.count - 1) {
        const char *inner = run->plates.count > 0 ? run->plates.items[run->plates.count - 1].name : "?";
        numc__fail(run->context, NUMC_SITE, "plate %s left open: its body was left by break, goto or return", inner);
        return false;
    }
    numc_open_plate *plate = &run->plates.items[--run->plates.count];
    run->plate_infos.count--;
    numc__core_free(run->context->core, plate->name, strlen(plate->name) + 1);
    return false;
}

static const numc_distribution *expand_to_plates(numc_run *run, const char *site, const numc_distribution *distribution)
{
    if (run->plates.count == 0)
        return distribution;
    const numc_shape batch = numc_distribution_batch_shape(distribution);
    int32_t rank = batch.count;
    for (size_t k = 0; k < run->plates.count; k++)
        if (-run->plates.items[k].info.dim > rank)
            rank = -run->plates.items[k].info.dim;
    if (rank > 32) {
        numc__fail(run->context, NUMC_SITE, "site %s: plates and batch shape have %d axes, more than 32", site, rank);
        return NULL;
    }
    int64_t shape[NUMC_RANK_LIMIT];
    bool same = rank == batch.count;
    for (int32_t d = 0; d < rank; d++)
        shape[d] = d < rank - batch.count ? 1 : batch.values[d - (rank - batch.count)];
    for (size_t k = 0; k < run->plates.count; k++) {
        const numc_plate_info *plate = &run->plates.items[k].info;
        int64_t *extent = &shape[rank + plate->dim];
        if (*extent == plate->size)
            continue;
        if (*extent != 1) {
            numc__fail(run->context, NUMC_SHAPE,
                       "site %s: batch axis %d of its distribution has size %lld, plate %s has size %lld: they do not broadcast",
                       site, plate->dim, (long long)*extent, plate->name, (long long)plate->size);
            return NULL;
        }
        *extent = plate->size;
        same = false;
    }
    return same ? distribution : numc_expanded(distribution, (numc_shape){shape, rank, true});
}

/* ---- sending --------------------------------------------------------------------------------------------------------------------------- */

bool numc_handler_push(numc_run *run, const numc_handler *handler)
{
    if (run == NULL || run->context->status != NUMC_OK)
        return false;
    if (handler == NULL || handler->size == 0) {
        numc__fail(run->context, NUMC_INVALID_ARGUMENT, "numc_with: the handler %s", handler == NULL ? "is NULL" : "has size 0");
        return false;
    }
    if (!NUMC_LIST_RESERVE(run->context->core, &run->handlers, 1)) {
        numc__fail(run->context, NUMC_MEMORY, "out of memory for handler %s", handler->name);
        return false;
    }
    run->handlers.items[run->handlers.count++] = handler;
    return true;
}

void numc_handler_pop(numc_run *run, const numc_handler *handler)
{
    if (run == NULL)
        return;
    if (run->handlers.count == 0 || run->handlers.items[run->handlers.count - 1] != handler) {
        numc__fail(run->context, NUMC_SITE, "handlers end in the wrong order");
        return;
    }
    run->handlers.count--;
}

/* What is masked is selected away at the inputs, so that a hidden NaN reaches no gradient. */
static const numc_distribution *under_mask(const numc_message *message)
{
    return message->mask == NULL ? message->distribution : numc_masked(message->distribution, message->mask);
}

static numc_array *log_prob_of(const numc_message *message)
{
    numc_array *log_prob = message->value;
    if (message->kind == NUMC_SITE_SAMPLE) {
        const numc_distribution *d = under_mask(message);
        log_prob = message->inside ? numc__distribution_log_prob_inside(d, message->value)
                                   : numc_distribution_log_prob_(d, numc_operand_array(message->value));
    } else if (message->mask != NULL) {
        log_prob = numc_where_(message->mask, numc_operand_array(log_prob), numc_operand_real(0.0));
    }
    if (message->scale != NULL)
        log_prob = (numc_multiply)(numc_operand_array(log_prob), numc_operand_array(message->scale));
    return log_prob;
}

/* A constant observation is checked against a support that is constant too: where a bound depends on a latent value, the value
 * is outside for some of its values only, and the density says so. True when the value was found inside. */
static bool check_support(numc_run *run, const numc_distribution *distribution, const numc_array *value)
{
    numc_context *context = run->context;
    bool checked = false;
    if (value->content == NUMC_CONTENT_TRACED || numc_scope_begin(context) != NUMC_OK)
        return false;
    const numc_constraint *support = numc_distribution_support(distribution);
    numc_array *inside = numc_constraint_check(support, value);
    if (inside != NULL && inside->content != NUMC_CONTENT_TRACED) {
        numc_array *all = (numc_all)(inside, NULL);
        checked = all != NULL;
        if (all != NULL && !numc_item_bool(all) && context->status == NUMC_OK) {
            numc_array *first = numc_argmin(numc_astype(inside, NUMC_INT32));
            int64_t at = first != NULL ? numc_item_integer(first) : 0;
            char place[48];
            numc__format(place, sizeof place, "'s event %lld", (long long)at);
            if (numc_constraint_event_rank(support) == 0) {
                numc_array *flat = numc_reshape(numc_broadcast_to(value, (numc_shape){inside->shape, inside->rank, true}),
                                                (numc_shape){(const int64_t[]){-1}, 1, true});
                const numc_index_term term = {.kind = NUMC_INDEX_AT, .start = at};
                numc_array *bad = numc_index_(flat, &term, 1);
                if (bad != NULL)
                    numc__format(place, sizeof place, " %g (element %lld)", numc_item(bad), (long long)at);
            }
            numc__fail(context, NUMC_SUPPORT, "the observation%s is outside the support (%s) of %s", place,
                       numc__constraint_inner_name(support), numc__distribution_inner_name(distribution));
        }
    }
    numc_scope_end(context);
    return checked && context->status == NUMC_OK;
}

/* The value of a site must broadcast with its distribution; that of a latent may not be larger than it. An observation is not
 * spread: one number (or event) stands for all elements, else it has each of them, along a plate as many as that. */
static bool check_shape(numc_run *run, const numc_message *message)
{
    const numc_shape batch = numc_distribution_batch_shape(message->distribution);
    const numc_shape event = numc_distribution_event_shape(message->distribution);
    int64_t shape[NUMC_RANK_LIMIT], broadcast[32];
    int32_t rank = batch.count + event.count;
    for (int32_t d = 0; d < rank; d++)
        shape[d] = d < batch.count ? batch.values[d] : event.values[d - batch.count];
    const numc_array *value = message->value;
    const numc_shape shapes[2] = {{shape, rank, true}, {value->shape, value->rank, true}};
    int32_t common = numc_broadcast_shapes(shapes, 2, broadcast);
    bool fits = common >= 0;
    if (fits && !message->observed) {
        fits = common == rank;
        for (int32_t d = 0; fits && d < rank; d++)
            fits = broadcast[d] == shape[d];
    } else if (fits && value->rank > event.count) {
        fits = common == value->rank;
        for (int32_t d = 0; fits && d < common; d++)
            fits = broadcast[d] == value->shape[d];
        for (int32_t k = 0; fits && k < message->plate_count; k++)
            fits = value->shape[value->rank - event.count + message->plates[k].dim] == message->plates[k].size;
    }
    if (!fits) {
        char is[128], wanted[128];
        numc__type_format(is, sizeof is, value->dtype, value->rank, value->shape);
        numc__type_format(wanted, sizeof wanted, numc_distribution_dtype(message->distribution), rank, shape);
        numc__fail(run->context, NUMC_SHAPE, "the %s is %s, its distribution %s: they do not %s",
                   message->observed ? "observation" : "value", is, wanted, common < 0 ? "broadcast" : "agree");
    }
    return fits;
}

/* given: the observation as it came, which a handler may have made an input of a trace. */
static numc_status send(numc_run *run, numc_message *message, const numc_array *given)
{
    numc_context *context = run->context;
    const char *outer = context->site;
    context->site = message->name;
    size_t inner = run->handlers.count, reached = inner;
    while (reached > 0 && !message->stop && context->status == NUMC_OK) {
        const numc_handler *handler = run->handlers.items[--reached];
        if (handler->process != NULL)
            handler->process(run, handler, message);
    }
    if (context->status == NUMC_OK && message->kind == NUMC_SITE_SAMPLE && message->value == NULL) {
        if (message->key == NULL)
            numc__fail(context, NUMC_SITE, "it has no value: none was supplied, and there is no seed (numc_handler_seed) to draw one");
        else
            message->value = numc_distribution_sample(message->distribution, message->key, NUMC_SCALAR);
    }
    if (context->status == NUMC_OK && message->kind == NUMC_SITE_SAMPLE && check_shape(run, message) && message->observed) {
        const numc_array *value = message->value->content == NUMC_CONTENT_TRACED && given != NULL ? given : message->value;
        message->inside = check_support(run, under_mask(message), value);
    }
    if (context->status == NUMC_OK && message->wants_log_prob &&
        (message->kind == NUMC_SITE_SAMPLE || message->kind == NUMC_SITE_FACTOR))
        message->log_prob = log_prob_of(message);
    for (size_t k = reached; k < inner && context->status == NUMC_OK; k++) {
        const numc_handler *handler = run->handlers.items[k];
        if (handler->finish != NULL)
            handler->finish(run, handler, message);
    }
    context->site = outer;
    return context->status;
}

static numc_message message_for(numc_run *run, numc_site_kind kind, const char *name)
{
    return (numc_message){.size = sizeof(numc_message), .kind = kind, .name = name, .plates = run->plate_infos.items,
                          .plate_count = (int32_t)run->plate_infos.count};
}

/* ---- sites ------------------------------------------------------------------------------------------------------------------------------ */

/* The error of a distribution that could not be made names the site it was meant for. */
static void name_site(numc_run *run, const char *name, const numc_distribution *distribution)
{
    if (run == NULL || name == NULL || distribution != NULL || strncmp(run->context->message, "site ", 5) == 0)
        return;
    numc_status status = run->context->status;
    if (status != NUMC_VALUE && status != NUMC_SHAPE && status != NUMC_DTYPE)
        return;
    char message[NUMC_ERROR_MESSAGE_SIZE];
    memcpy(message, run->context->message, sizeof message);
    numc_error_clear(run->context);
    numc__fail(run->context, status, "site %s%s: %s", run->prefix, name, message);
}

numc_array *numc_sample(numc_run *run, const char *name, const numc_distribution *distribution)
{
    name_site(run, name, distribution);
    const char *full = enter_name(run, name, "sample site");
    if (full == NULL)
        return NULL;
    if (distribution == NULL) {
        numc__fail(run->context, NUMC_INVALID_ARGUMENT, "sample site %s: its distribution is NULL", full);
        return NULL;
    }
    numc_message message = message_for(run, NUMC_SITE_SAMPLE, full);
    message.distribution = expand_to_plates(run, full, distribution);
    if (message.distribution == NULL || send(run, &message, NULL) != NUMC_OK)
        return NULL;
    return message.value;
}

numc_array *numc_observe_(numc_run *run, const char *name, const numc_distribution *distribution, numc_operand value)
{
    name_site(run, name, distribution);
    const char *full = enter_name(run, name, "observed site");
    if (full == NULL)
        return NULL;
    numc_context *context = run->context;
    if (distribution == NULL) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "observed site %s: its distribution is NULL", full);
        return NULL;
    }
    numc_array *bound = numc__run_binding(run, full, value.kind == NUMC_OPERAND_ARRAY ? value.value.array : NULL);
    if (bound != NULL)
        value = numc_operand_array(bound);
    if (value.kind == NUMC_OPERAND_ARRAY && value.value.array == NULL) {
        numc__fail(context, NUMC_SITE, "observed site %s: the observation is NULL (was its data read?)", full);
        return NULL;
    }
    if (value.kind == NUMC_OPERAND_ARRAY && numc__array_own(context, value.value.array, full) != NUMC_OK)
        return NULL;
    numc_message message = message_for(run, NUMC_SITE_SAMPLE, full);
    message.observed = true;
    message.distribution = expand_to_plates(run, full, distribution);
    if (message.distribution == NULL)
        return NULL;
    numc_dtype dtype = numc_distribution_dtype(message.distribution);
    if (value.kind == NUMC_OPERAND_REAL && numc_dtype_kind(dtype) != NUMC_KIND_REAL)
        dtype = NUMC_DTYPE_DEFAULT; /* 2.5 as a count is outside the support, which says more than that it is no int64 */
    message.value = value.kind == NUMC_OPERAND_ARRAY ? (numc_array *)(uintptr_t)value.value.array
                                                     : numc_number_(context, dtype, value);
    if (message.value == NULL)
        return NULL;
    if (numc__is_complex(numc_array_dtype(message.value))) {
        numc__fail(context, NUMC_DTYPE, "observed site %s: the value is %s", full, numc_dtype_name(numc_array_dtype(message.value)));
        return NULL;
    }
    return send(run, &message, message.value) == NUMC_OK ? message.value : NULL;
}

static numc_array *plain_site(numc_run *run, numc_site_kind kind, const char *name, const char *what, numc_array *value)
{
    const char *full = enter_name(run, name, what);
    if (full == NULL)
        return NULL;
    if (kind == NUMC_SITE_DATA) {
        numc_array *bound = numc__run_binding(run, full, value);
        if (bound != NULL)
            value = bound;
    }
    if (value == NULL) {
        numc__fail(run->context, NUMC_SITE, "%s %s is NULL", what, full);
        return NULL;
    }
    if (numc__array_own(run->context, value, full) != NUMC_OK)
        return NULL;
    if (kind == NUMC_SITE_FACTOR && numc__is_complex(numc_array_dtype(value))) {
        numc__fail(run->context, NUMC_DTYPE, "factor %s is complex", full);
        return NULL;
    }
    numc_message message = message_for(run, kind, full);
    message.value = value;
    return send(run, &message, NULL) == NUMC_OK ? message.value : NULL;
}

numc_array *numc_deterministic(numc_run *run, const char *name, const numc_array *value)
{
    return plain_site(run, NUMC_SITE_DETERMINISTIC, name, "deterministic", (numc_array *)(uintptr_t)value);
}

numc_array *numc_data(numc_run *run, const char *name, const numc_array *array)
{
    return plain_site(run, NUMC_SITE_DATA, name, "data", (numc_array *)(uintptr_t)array);
}

void numc_factor_(numc_run *run, const char *name, numc_operand log_weight)
{
    if (run == NULL || run->context->status != NUMC_OK)
        return;
    numc_array *value = log_weight.kind == NUMC_OPERAND_ARRAY
                            ? (numc_array *)(uintptr_t)log_weight.value.array
                            : numc_number_(run->context, numc_default_float(run->context), log_weight);
    plain_site(run, NUMC_SITE_FACTOR, name, "factor", value);
}
