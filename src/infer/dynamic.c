/* A model in dynamic mode as a target: its callback runs at each evaluation, on the chain's lane, with latents that have values; the
 * path it takes is differentiated at once. Every run must make the statements of the first. */
#include <math.h>
#include <string.h>

#include "graph/graph.h"
#include "infer/driver.h"
#include "infer/sites.h"

typedef struct dynamic {
    numc_context *context;
    numc_model *model; /* of its own */
    numc_dtype real;
    int32_t dimension;
    int32_t inputs; /* of the trace, at most: one per statement */
    numc_sites sites;
} dynamic;

/* What one run of the callback is for, and what it leaves in the trace's scope. */
typedef struct passage {
    dynamic *d;
    numc_context *context;
    numc_trace *trace;
    const double *position; /* NULL: zeros */
    bool checking;          /* the first run: data have values, so that bad ones are refused, and statements are noted */
    bool listing;           /* the second: sites are listed */
    size_t place;           /* statements so far */
    int32_t input_count, log_prob_count, stored_count;
    int64_t offset;
    numc_array *total, *jacobian;
    int64_t *offsets, *sizes; /* by input: in q; -1: data */
    numc_array **gradients;   /* by input */
    numc_array **log_probs, **stored; /* NULL: not asked for */
} passage;

/* What a chain works with: lists as long as there are statements. */
typedef struct chain_state {
    numc_context *lane;
    int64_t *offsets, *sizes;
    numc_array **gradients, **log_probs, **stored;
    size_t bytes;
} chain_state;

/* ---- one run ---- */

static void add_input(passage *r, int64_t offset, int64_t size)
{
    if (r->offsets != NULL) {
        r->offsets[r->input_count] = offset;
        r->sizes[r->input_count] = size;
    }
    r->input_count++;
}

/* a + b, where a may be NULL yet, kept by the trace's scope. */
static numc_array *sum_of(passage *r, numc_array *a, numc_array *b)
{
    return numc__dynamic_hold(r->trace, a == NULL ? b : numc_add(a, b));
}

static void latent(passage *r, numc_message *m)
{
    numc_context *context = r->context;
    numc_bijector *bijector;
    int64_t shape[32], size;
    numc_type type = {r->d->real, 0, shape};
    if (numc__latent_shape(context, m, r->offset, &bijector, &type.rank, shape, &size) != NUMC_OK)
        return;
    numc_array *x = numc__dynamic_input(r->trace, numc__array_of_doubles(context, &type, size, r->position == NULL ? NULL : r->position + r->offset), true);
    add_input(r, r->offset, size);
    r->offset += size;
    numc_array *y = numc_bijector_forward(bijector, x);
    r->jacobian = sum_of(r, r->jacobian, numc_sum(numc_bijector_log_det(bijector, x, y)));
    m->value = y;
    m->inside = true;
}

static void process(numc_run *run, const numc_handler *handler, numc_message *m)
{
    passage *r = handler->user;
    (void)run;
    if (numc_error_status(r->context) != NUMC_OK)
        return;
    if ((r->checking ? numc__statement_note(r->context, &r->d->sites, m)
                     : numc__statement_repeat(r->context, &r->d->sites, r->place, m)) != NUMC_OK)
        return;
    r->place++;
    bool data = m->kind == NUMC_SITE_DATA || (m->kind == NUMC_SITE_SAMPLE && m->observed);
    if (data && !r->checking && m->value != NULL && !numc_array_is_traced(m->value)) {
        m->value = numc__dynamic_input(r->trace, m->value, false);
        add_input(r, -1, 0);
    } else if (!data && m->kind == NUMC_SITE_SAMPLE && m->value == NULL) {
        latent(r, m);
    }
    m->wants_log_prob = !r->checking && (m->kind == NUMC_SITE_SAMPLE || m->kind == NUMC_SITE_FACTOR);
}

/* The second run: what there is. */
static void list_site(passage *r, const numc_message *m, bool stored)
{
    numc_context *context = r->context;
    numc_sites *sites = &r->d->sites;
    numc_model_site s = {.kind = m->kind, .observed = m->observed, .log_prob = m->log_prob != NULL ? r->log_prob_count : -1,
                         .stored = stored ? r->stored_count : -1};
    if (m->kind == NUMC_SITE_SAMPLE && !m->observed && r->input_count > 0) {
        s.offset = r->offsets[r->input_count - 1];
        s.size = r->sizes[r->input_count - 1];
    }
    if (!NUMC_LIST_RESERVE(context->core, &sites->list, 1)) {
        numc__fail(context, NUMC_MEMORY, "out of memory: the sites of a model");
        return;
    }
    s.name = numc__string_copy(context, m->name);
    sites->list.items[sites->list.count++] = s;
}

static void finish(numc_run *run, const numc_handler *handler, numc_message *m)
{
    passage *r = handler->user;
    (void)run;
    if (r->checking || numc_error_status(r->context) != NUMC_OK)
        return;
    bool stored = (m->kind == NUMC_SITE_SAMPLE && !m->observed) || m->kind == NUMC_SITE_DETERMINISTIC;
    if (stored && (numc_dtype_kind(numc_array_dtype(m->value)) & NUMC_KIND_COMPLEX) != 0) {
        numc__fail(r->context, NUMC_UNSUPPORTED, "it is complex");
        return;
    }
    if (r->listing)
        list_site(r, m, stored);
    if (stored && r->stored != NULL)
        r->stored[r->stored_count] = numc__dynamic_hold(r->trace, numc_astype(m->value, r->d->real));
    r->stored_count += stored;
    if (m->log_prob == NULL)
        return;
    numc_array *term = numc_sum(m->log_prob);
    if (r->log_probs != NULL)
        r->log_probs[r->log_prob_count] = numc__dynamic_hold(r->trace, term);
    r->log_prob_count++;
    r->total = sum_of(r, r->total, term);
}

/* Runs the callback; the trace is left open for what is to be read from it, and ended by leave. */
static numc_status enter(passage *r)
{
    numc_context *context = r->context;
    r->trace = numc__dynamic_begin(context);
    if (r->trace == NULL)
        return numc_error_status(context);
    const numc_handler handler = {.size = sizeof handler, .name = "unconstrain", .user = r, .process = process, .finish = finish};
    const numc_handler *handlers[] = {&handler};
    NUMC_TRY(numc__run_execute(context, r->d->model, handlers, 1, false));
    if (!r->checking)
        NUMC_TRY(numc__statements_all(context, &r->d->sites, r->place));
    if (r->total == NULL)
        r->total = numc_zeros_(context, r->d->real, NUMC_SCALAR);
    if (r->jacobian != NULL)
        r->total = numc_add(r->total, r->jacobian);
    r->total = numc_astype(r->total, r->d->real);
    return numc_error_status(context);
}

/* A callback may answer REJECT or STOP with numc_error_set; those and a cancelled run are answers, not errors. */
static numc_status leave(passage *r, numc_status status)
{
    numc__trace_abandon(r->trace);
    if (status == NUMC_REJECT || status == NUMC_STOP || status == NUMC_CANCELLED)
        numc_error_clear(r->context);
    return status;
}

/* ---- the target ---- */

static passage passage_of(dynamic *d, const chain_state *s, numc_context *lane, const double *position)
{
    return (passage){.d = d, .context = lane, .position = position, .offsets = s->offsets, .sizes = s->sizes, .gradients = s->gradients};
}

static numc_status read_gradient(passage *r, double *gradient)
{
    const numc_array *total = r->total, *one = numc_ones_(r->context, r->d->real, NUMC_SCALAR);
    NUMC_TRY(numc_error_status(r->context));
    NUMC_TRY(numc__dynamic_backward(r->trace, &total, &one, 1, r->gradients));
    for (int32_t i = 0; i < r->input_count; i++) {
        double *to = gradient + r->offsets[i];
        if (r->offsets[i] < 0)
            continue;
        if (r->gradients[i] == NULL)
            memset(to, 0, (size_t)r->sizes[i] * sizeof *to);
        else
            NUMC_TRY(numc_to_host(r->gradients[i], NUMC_FLOAT64, to, (size_t)r->sizes[i] * sizeof *to));
    }
    return NUMC_OK;
}

static numc_status evaluate(void *user, void *chain, const double *position, double *log_density, double *gradient)
{
    dynamic *d = user;
    chain_state *s = chain;
    numc_context *lane = s->lane, *before = numc__acting_begin(lane);
    passage r = passage_of(d, s, lane, position);
    numc_status status = enter(&r);
    if (status == NUMC_OK) {
        *log_density = numc_item(r.total);
        status = read_gradient(&r, gradient);
    }
    status = leave(&r, status);
    numc__acting_end(lane, before);
    return status;
}

/* Stored values, and log_prob of each site where log_probs is not NULL. */
static numc_status read_values(dynamic *d, chain_state *s, numc_context *lane, const double *position, double *values, double *log_probs)
{
    numc_context *before = numc__acting_begin(lane);
    bool (*cancelled)(const void *) = lane->cancelled;
    lane->cancelled = NULL; /* the path was taken before, so it ends; a draw is stored whole */
    passage r = passage_of(d, s, lane, position);
    r.stored = s->stored;
    r.log_probs = s->log_probs;
    numc_status status = enter(&r);
    for (int32_t i = 0; i < d->sites.stored_count && status == NUMC_OK; i++) {
        const numc_target_site *site = &d->sites.stored_sites[i];
        status = numc_to_host(s->stored[i], NUMC_FLOAT64, values + site->offset, (size_t)site->size * sizeof *values);
    }
    for (int32_t i = 0; i < d->sites.log_prob_count && status == NUMC_OK && log_probs != NULL; i++)
        log_probs[i] = numc_item(s->log_probs[i]);
    status = leave(&r, status);
    lane->cancelled = cancelled;
    numc__acting_end(lane, before);
    return status;
}

static numc_status store(void *user, void *chain, numc_context *lane, const double *position, double *values)
{
    return read_values(user, chain, lane, position, values, NULL);
}

static void explain(void *user, void *chain, numc_context *context, const double *position, numc_text *text)
{
    dynamic *d = user;
    chain_state s = *(chain_state *)chain;
    s.lane = context;
    size_t logs = (size_t)d->sites.log_prob_count, total = logs + (size_t)d->sites.stored + (size_t)d->dimension;
    double *log_probs = numc__allocate(context, total * sizeof *log_probs), *values = log_probs + logs, log_density;
    if (log_probs == NULL)
        return;
    double *gradient = values + d->sites.stored;
    if (evaluate(d, &s, position, &log_density, gradient) == NUMC_OK && read_values(d, &s, context, position, values, log_probs) == NUMC_OK)
        numc__sites_explain(&d->sites, log_probs, values, gradient, text);
    numc__free(context, log_probs, total * sizeof *log_probs);
}

static void coordinate(void *user, int32_t index, char *name, size_t size)
{
    const dynamic *d = user;
    numc__sites_coordinate(&d->sites, index, name, size);
}

static void chain_close(void *user, numc_context *lane, void *chain)
{
    (void)user;
    if (chain != NULL)
        numc__free(lane, chain, ((chain_state *)chain)->bytes);
}

static numc_status chain_open(void *user, numc_context *lane, void **chain)
{
    const dynamic *d = user;
    size_t count = (size_t)d->inputs + 1;
    size_t bytes = sizeof(chain_state) + count * (2 * sizeof(int64_t) + 3 * sizeof(numc_array *));
    chain_state *s = numc__allocate_zero(lane, 1, bytes);
    if (s == NULL)
        return NUMC_MEMORY;
    s->lane = lane;
    s->bytes = bytes;
    s->offsets = (int64_t *)(void *)(s + 1);
    s->sizes = s->offsets + count;
    s->gradients = (numc_array **)(void *)(s->sizes + count);
    s->log_probs = s->gradients + count;
    s->stored = s->log_probs + count;
    *chain = s;
    return NUMC_OK;
}

static void destroy(void *user, numc_context *context)
{
    dynamic *d = user;
    numc__sites_end(context, &d->sites);
    numc_model_free(d->model);
    numc__free(context, d, sizeof *d);
}

/* Two runs at 0: the first with data that have values, to refuse bad ones by name; the second lists the sites. */
static numc_status look(dynamic *d)
{
    numc_context *context = d->context;
    passage first = {.d = d, .context = context, .checking = true};
    NUMC_TRY(leave(&first, enter(&first)));
    d->inputs = (int32_t)d->sites.statements.count;
    void *chain = NULL;
    NUMC_TRY(chain_open(d, context, &chain));
    chain_state *s = chain;
    passage second = passage_of(d, s, context, NULL);
    second.listing = true;
    second.stored = s->stored;
    numc_status status = enter(&second);
    d->sites.stored_count = status == NUMC_OK ? second.stored_count : 0;
    d->sites.log_prob_count = second.log_prob_count;
    d->dimension = (int32_t)second.offset;
    if (status == NUMC_OK)
        status = numc__sites_describe(context, &d->sites, (const numc_array *const *)s->stored);
    status = leave(&second, status);
    chain_close(d, context, chain);
    return status;
}

numc_status numc__dynamic_target(numc_context *context, const numc_model *model, numc_target *target)
{
    dynamic *d = numc__allocate_zero(context, 1, sizeof *d);
    if (d == NULL)
        return numc_error_status(context);
    d->context = context;
    d->real = numc_default_float(context);
    d->model = numc_error_status(context) == NUMC_OK ? numc__model_copy(model) : NULL;
    numc_status status = d->model == NULL ? numc_error_status(context) : look(d);
    if (status == NUMC_REJECT || status == NUMC_STOP || status == NUMC_CANCELLED)
        status = numc__fail(context, NUMC_INITIALIZATION, "the model's callback answered %s at 0, where its sites are looked for",
                            numc_status_name(status));
    if (status != NUMC_OK) {
        destroy(d, context);
        return status;
    }
    *target = (numc_target){.user = d, .dimension = d->dimension, .stored = d->sites.stored, .site_count = d->sites.stored_count,
                            .sites = d->sites.stored_sites, .noun = "model", .chain_open = chain_open, .chain_close = chain_close,
                            .evaluate = evaluate, .store = store, .explain = explain, .coordinate = coordinate, .destroy = destroy};
    return NUMC_OK;
}
