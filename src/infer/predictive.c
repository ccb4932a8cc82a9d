/* Predictive draws and pointwise log-likelihoods: the model traced with its key, its latent values and its data as inputs,
 * compiled, and run for each draw; in dynamic mode its callback is. */
#include <string.h>

#include "base/containers.h"
#include "base/threads.h"
#include "dist/internal.h"
#include "graph/graph.h"
#include "infer/potential.h"
#include "infer/sites.h"
#include "infer/target.h"
#include "kernel/random.h"
#include "model/internal.h"
#include "numc/predictive.h"
#include "numc/random.h"

/* An input of the graph beside the key: data, or a latent's value from the posterior. */
typedef struct input {
    numc_array *data;      /* kept; NULL for a latent */
    numc_mcmc_site latent; /* where its values lie */
} input;

typedef struct output {
    char *name;
    bool deterministic;
    numc_array *value; /* kept while tracing */
    int32_t rank;
    int64_t shape[32];
    int64_t size, offset;
} output;

struct numc_predictive {
    numc_object object;
    numc_context *context;
    const numc_mcmc *posterior; /* looked at only while the object is made */
    bool log_likelihood;
    numc_dtype real;
    NUMC_LIST(input) inputs;
    NUMC_LIST(output) outputs;
    int64_t chains, draws, stored;
    double *values; /* (chain, draw, stored) */
    numc_trace *trace;
    numc_array *key;
    bool checking; /* the run that only looks for bad data */
    numc_binding *binding;
    const numc_model *dynamic; /* run for each draw instead; looked at only while the object is made */
    numc_k_key seed_key;
    struct worker *workers;
};

/* What a chain works with. */
typedef struct worker {
    numc_context *lane;
    numc_workspace *workspace;
    const void **inputs; /* key, then latents */
    void **outputs;
    float *narrow; /* where the device has no float64: latents, then outputs of one draw */
} worker;

/* ---- tracing ---- */

static bool traced(const numc_array *x)
{
    return numc_array_is_traced(x);
}

static numc_array *add_input(numc_predictive *p, const char *name, const numc_type *type, numc_array *data,
                             const numc_mcmc_site *latent)
{
    if (!NUMC_LIST_RESERVE(p->context->core, &p->inputs, 1)) {
        numc__fail(p->context, NUMC_MEMORY, "out of memory: the inputs of a model");
        return NULL;
    }
    numc_array *x = numc__trace_input(p->trace, type, name);
    if (x != NULL)
        p->inputs.items[p->inputs.count++] =
            (input){numc_keep(data), latent != NULL ? *latent : (numc_mcmc_site){.name = NULL}};
    return x;
}

static numc_array *data_input(numc_predictive *p, const numc_message *m)
{
    if (m->value == NULL || traced(m->value) || p->checking)
        return m->value;
    numc_type type = {numc_array_dtype(m->value), numc_array_rank(m->value), numc_array_shape(m->value)};
    return add_input(p, m->name, &type, m->value, NULL);
}

/* As the seed handler: fold_in of the hash of the site's full name. */
static numc_array *site_key(const numc_array *key, const char *name)
{
    uint64_t hash = numc__hash_name(name);
    return numc_random_fold_in(numc_random_fold_in(key, (uint32_t)(hash >> 32)), (uint32_t)hash);
}

/* The posterior's values of a latent site; false if it has no such site, or of another shape: then an error is set. */
static bool find_latent(const numc_predictive *p, numc_context *context, const numc_message *m, numc_mcmc_site *found)
{
    int32_t count = numc_mcmc_site_count(p->posterior);
    numc_mcmc_site site;
    for (int32_t i = 0; i < count; i++) {
        if (numc_mcmc_site_at(p->posterior, i, &site) != NUMC_OK || strcmp(site.name, m->name) != 0)
            continue;
        const numc_distribution *d = m->distribution; /* its shape: batch, then event */
        int32_t rank = d->batch_rank + d->event_rank;
        bool same = rank == site.rank && (rank == 0 || memcmp(site.shape, d->shape, (size_t)rank * sizeof *d->shape) == 0);
        char was[128], is[128];
        *found = site;
        return same || numc__fail(context, NUMC_SHAPE, "its shape in the posterior is %s, in the model %s",
                                  numc__shape_format(was, sizeof was, site.rank, site.shape),
                                  numc__shape_format(is, sizeof is, rank, d->shape)) == NUMC_OK;
    }
    return false;
}

/* The same as an input, or NULL. */
static numc_array *latent_input(numc_predictive *p, const numc_message *m)
{
    numc_mcmc_site site;
    if (!find_latent(p, p->context, m, &site))
        return NULL;
    numc_type type = {p->real, site.rank, site.shape};
    return numc_astype(add_input(p, m->name, &type, NULL, &site), numc_distribution_dtype(m->distribution));
}

static void process(numc_run *run, const numc_handler *handler, numc_message *m)
{
    numc_predictive *p = handler->user;
    (void)run;
    if (numc_error_status(p->context) != NUMC_OK)
        return;
    if (m->kind == NUMC_SITE_DATA) {
        m->value = data_input(p, m);
    } else if (m->kind == NUMC_SITE_SAMPLE && m->observed) {
        if (p->log_likelihood) {
            m->value = data_input(p, m);
            m->wants_log_prob = !p->checking;
        } else {
            m->value = NULL; /* drawn with the key once the handlers have answered */
            m->key = site_key(p->key, m->name);
        }
    } else if (m->kind == NUMC_SITE_SAMPLE && m->value == NULL) {
        m->value = latent_input(p, m);
        if (m->value == NULL && numc_error_status(p->context) == NUMC_OK)
            m->key = site_key(p->key, m->name);
    }
}

static bool is_output(const numc_predictive *p, const numc_message *m)
{
    bool drawn = m->kind == NUMC_SITE_SAMPLE && m->key != NULL;
    return p->log_likelihood ? m->kind == NUMC_SITE_SAMPLE && m->observed : drawn || m->kind == NUMC_SITE_DETERMINISTIC;
}

static void finish(numc_run *run, const numc_handler *handler, numc_message *m)
{
    numc_predictive *p = handler->user;
    (void)run;
    if (!is_output(p, m) || numc_error_status(p->context) != NUMC_OK)
        return;
    if (!NUMC_LIST_RESERVE(p->context->core, &p->outputs, 1)) {
        numc__fail(p->context, NUMC_MEMORY, "out of memory: the outputs of a model");
        return;
    }
    numc_array *value = p->log_likelihood ? m->log_prob : m->value;
    output o = {.deterministic = m->kind == NUMC_SITE_DETERMINISTIC, .value = numc_keep(numc_astype(value, p->real)),
                .name = numc__string_copy(p->context, m->name)};
    p->outputs.items[p->outputs.count++] = o;
}

static numc_status describe_outputs(numc_predictive *p)
{
    for (size_t i = 0; i < p->outputs.count; i++) {
        output *o = &p->outputs.items[i];
        o->rank = numc_array_rank(o->value);
        NUMC_REQUIRE(p->context, o->rank <= 32, NUMC_SHAPE, "site \"%s\" has rank %d", o->name, (int)o->rank);
        for (int32_t k = 0; k < o->rank; k++)
            o->shape[k] = numc_array_shape(o->value)[k];
        o->size = numc_array_size(o->value);
        o->offset = p->stored;
        p->stored += o->size;
    }
    return NUMC_OK;
}

/* As for samplers: one run with the data as they are, so that an index or a parameter among them is refused by name. */
static numc_status check_data(numc_predictive *p, numc_model *model)
{
    numc_type key_type = {NUMC_UINT32, 1, (const int64_t[]){2}};
    p->trace = numc__trace_begin(p->context);
    if (p->trace == NULL)
        return numc_error_status(p->context);
    p->key = numc__trace_input(p->trace, &key_type, "key");
    const numc_handler handler = {.size = sizeof handler, .name = "predict", .user = p, .process = process};
    const numc_handler *handlers[] = {&handler};
    p->checking = true;
    numc_status status = p->key == NULL ? numc_error_status(p->context) : numc_model_run(model, handlers, 1);
    p->checking = false;
    numc__trace_abandon(p->trace);
    p->trace = NULL;
    p->key = NULL;
    p->inputs.count = 0; /* latents only: no array is kept */
    return status;
}

static numc_status trace_model(numc_predictive *p, numc_model *model)
{
    numc_context *context = p->context;
    int64_t words[] = {2};
    numc_type key_type = {NUMC_UINT32, 1, words};
    p->trace = numc__trace_begin(context);
    if (p->trace == NULL)
        return numc_error_status(context);
    p->key = numc__trace_input(p->trace, &key_type, "key");
    numc_handler handler = {.size = sizeof handler, .name = "predict", .user = p, .process = process, .finish = finish};
    const numc_handler *handlers[] = {&handler};
    numc_status status = p->key == NULL ? numc_error_status(context) : numc_model_run(model, handlers, 1);
    if (status == NUMC_OK)
        status = describe_outputs(p);
    size_t count = p->outputs.count, inputs = 1 + p->inputs.count;
    numc_array **outputs = status == NUMC_OK && count > 0 ? numc__allocate(context, count * sizeof *outputs) : NULL;
    numc_graph *graph = NULL;
    if (outputs != NULL) {
        for (size_t i = 0; i < count; i++)
            outputs[i] = p->outputs.items[i].value;
        graph = numc__trace_finish(p->trace, outputs, (int32_t)count, NULL, NULL);
        numc__free(context, outputs, count * sizeof *outputs);
    } else {
        numc__trace_abandon(p->trace);
    }
    p->trace = NULL;
    p->key = NULL;
    for (size_t i = 0; i < count; i++) {
        numc_release(p->outputs.items[i].value);
        p->outputs.items[i].value = NULL;
    }
    const numc_array **data = graph != NULL ? numc__allocate_zero(context, inputs, sizeof *data) : NULL;
    if (data != NULL) {
        for (size_t i = 1; i < inputs; i++)
            data[i] = p->inputs.items[i - 1].data;
        p->binding = numc__graph_bind(context, model->cache, graph, data);
        numc__free(context, (void *)data, inputs * sizeof *data);
    } else if (graph != NULL) {
        numc__graph_release(graph);
    }
    return numc_error_status(context);
}

/* ---- dynamic mode ---- */

/* One run of the callback, for one draw. */
typedef struct passage {
    numc_predictive *p;
    numc_context *context;
    numc_trace *trace;
    numc_array *key;
    int64_t chain, draw;
    double *row;   /* NULL: the outputs are only looked at, and listed unless it is the run that checks the data */
    size_t place;  /* outputs so far */
    bool checking;
} passage;

static void dynamic_process(numc_run *run, const numc_handler *handler, numc_message *m)
{
    passage *r = handler->user;
    const numc_predictive *p = r->p;
    (void)run;
    if (numc_error_status(r->context) != NUMC_OK)
        return;
    bool observed = m->kind == NUMC_SITE_SAMPLE && m->observed;
    if (m->kind == NUMC_SITE_DATA || (observed && p->log_likelihood)) {
        if (!r->checking && m->value != NULL && !traced(m->value))
            m->value = numc__dynamic_input(r->trace, m->value, false);
        m->wants_log_prob = observed && !r->checking;
    } else if (m->kind == NUMC_SITE_SAMPLE && (observed || m->value == NULL)) {
        numc_mcmc_site site;
        m->value = NULL;
        if (!observed && find_latent(p, r->context, m, &site)) {
            const numc_type type = {p->real, site.rank, site.shape};
            const double *from = site.values + r->chain * site.chain_stride + r->draw * site.draw_stride;
            m->value = numc_astype(numc__dynamic_input(r->trace, numc__array_of_doubles(r->context, &type, site.size, from), false),
                                   numc_distribution_dtype(m->distribution));
        }
        if (m->value == NULL && numc_error_status(r->context) == NUMC_OK)
            m->key = site_key(r->key, m->name); /* drawn with it once the handlers have answered */
    }
}

static void list_output(passage *r, const numc_message *m, const numc_array *value)
{
    numc_predictive *p = r->p;
    if (!NUMC_LIST_RESERVE(p->context->core, &p->outputs, 1)) {
        numc__fail(p->context, NUMC_MEMORY, "out of memory: the outputs of a model");
        return;
    }
    output *o = &p->outputs.items[p->outputs.count];
    *o = (output){.deterministic = m->kind == NUMC_SITE_DETERMINISTIC, .rank = numc_array_rank(value), .size = numc_array_size(value),
                  .offset = p->stored};
    if (o->rank > 32) {
        numc__fail(p->context, NUMC_SHAPE, "its rank is %d", (int)o->rank);
        return;
    }
    for (int32_t k = 0; k < o->rank; k++)
        o->shape[k] = numc_array_shape(value)[k];
    o->name = numc__string_copy(p->context, m->name);
    if (o->name == NULL)
        return;
    p->stored += o->size;
    p->outputs.count++;
}

static void dynamic_finish(numc_run *run, const numc_handler *handler, numc_message *m)
{
    passage *r = handler->user;
    numc_predictive *p = r->p;
    (void)run;
    if (r->checking || !is_output(p, m) || numc_error_status(r->context) != NUMC_OK)
        return;
    const numc_array *value = numc_astype(p->log_likelihood ? m->log_prob : m->value, p->real);
    if (value == NULL)
        return;
    if (r->row == NULL) {
        list_output(r, m, value);
        return;
    }
    const output *o = r->place < p->outputs.count ? &p->outputs.items[r->place] : NULL;
    r->place++;
    bool same = o != NULL && strcmp(o->name, m->name) == 0 && o->rank == numc_array_rank(value);
    for (int32_t k = 0; same && k < o->rank; k++)
        same = o->shape[k] == numc_array_shape(value)[k];
    if (!same)
        numc__fail(r->context, NUMC_TRACE, "the model is not the same each time it runs: here was %s%s%s", o == NULL ? "nothing" : "\"",
                   o == NULL ? "" : o->name, o == NULL ? "" : strcmp(o->name, m->name) == 0 ? "\" of another shape" : "\"");
    else
        (void)numc_to_host(value, NUMC_FLOAT64, r->row + o->offset, (size_t)o->size * sizeof(double));
}

static numc_status dynamic_run(passage *r, const uint32_t words[2])
{
    numc_context *context = r->context, *before = numc__acting_begin(context);
    r->trace = numc__dynamic_begin(context);
    if (r->trace != NULL)
        r->key = numc__dynamic_input(r->trace, numc_from_host_(context, NUMC_UINT32, NUMC_SHAPE(2), words), false);
    const numc_handler handler = {.size = sizeof handler, .name = "predict", .user = r, .process = dynamic_process, .finish = dynamic_finish};
    const numc_handler *handlers[] = {&handler};
    if (r->key != NULL)
        (void)numc__run_execute(context, r->p->dynamic, handlers, 1, false);
    if (r->row != NULL && numc_error_status(context) == NUMC_OK && r->place < r->p->outputs.count)
        numc__fail(context, NUMC_TRACE, "the model is not the same each time it runs: \"%s\" is missing", r->p->outputs.items[r->place].name);
    numc__trace_abandon(r->trace);
    numc__acting_end(context, before);
    return numc_error_status(context);
}

/* A run that checks the data, and one that lists the outputs, with the first draw. */
static numc_status look(numc_predictive *p)
{
    numc_k_key key = numc_k_key_fold_in(p->seed_key.first, p->seed_key.second, 0);
    key = numc_k_key_fold_in(key.first, key.second, 0);
    const uint32_t words[2] = {key.first, key.second};
    passage check = {.p = p, .context = p->context, .checking = true}, list = {.p = p, .context = p->context};
    NUMC_TRY(dynamic_run(&check, words));
    return dynamic_run(&list, words);
}

/* ---- running ---- */

static size_t latent_numbers(const numc_predictive *p)
{
    int64_t sum = 0;
    for (size_t i = 0; i < p->inputs.count; i++)
        if (p->inputs.items[i].data == NULL)
            sum += p->inputs.items[i].latent.size;
    return (size_t)sum;
}

static size_t narrow_bytes(const numc_predictive *p)
{
    return (latent_numbers(p) + (size_t)p->stored) * sizeof(float);
}

/* One draw: key of the draw, the latents' values, the program, the outputs. */
static numc_status run_draw(numc_predictive *p, worker *w, int64_t chain, int64_t draw, numc_k_key chain_key)
{
    numc_k_key key = numc_k_key_fold_in(chain_key.first, chain_key.second, (numc_k_u64)draw);
    uint32_t words[2] = {key.first, key.second};
    if (p->dynamic != NULL) {
        passage r = {.p = p, .context = w->lane, .chain = chain, .draw = draw, .row = p->values + (chain * p->draws + draw) * p->stored};
        return dynamic_run(&r, words);
    }
    float *latents = w->narrow, *results = w->narrow != NULL ? w->narrow + latent_numbers(p) : NULL;
    size_t count = 0;
    w->inputs[count++] = words;
    for (size_t i = 0; i < p->inputs.count; i++) {
        const numc_mcmc_site *site = &p->inputs.items[i].latent;
        if (p->inputs.items[i].data != NULL)
            continue;
        const double *from = site->values + chain * site->chain_stride + draw * site->draw_stride;
        if (latents == NULL) {
            w->inputs[count++] = from;
            continue;
        }
        for (int64_t k = 0; k < site->size; k++)
            latents[k] = (float)from[k];
        w->inputs[count++] = latents;
        latents += site->size;
    }
    double *row = p->values + (chain * p->draws + draw) * p->stored;
    for (size_t i = 0; i < p->outputs.count; i++) {
        int64_t offset = p->outputs.items[i].offset;
        w->outputs[i] = results != NULL ? (void *)(results + offset) : (void *)(row + offset);
    }
    NUMC_TRY(numc__workspace_run(w->lane, w->workspace, w->inputs, w->outputs));
    for (int64_t k = 0; results != NULL && k < p->stored; k++)
        row[k] = (double)results[k];
    return NUMC_OK;
}

static void run_chain(void *user, int64_t chain)
{
    numc_predictive *p = user;
    worker *w = &p->workers[chain];
    numc_k_key key = numc_k_key_fold_in(p->seed_key.first, p->seed_key.second, (numc_k_u64)chain);
    for (int64_t draw = 0; draw < p->draws; draw++)
        if (run_draw(p, w, chain, draw, key) != NUMC_OK)
            return;
}

static numc_status open_workers(numc_predictive *p)
{
    numc_context *context = p->context;
    p->workers = numc__allocate_zero(context, (size_t)p->chains, sizeof *p->workers);
    for (int64_t c = 0; p->workers != NULL && c < p->chains; c++) {
        worker *w = &p->workers[c];
        w->lane = numc_lane(context);
        NUMC_REQUIRE(context, w->lane != NULL, NUMC_MEMORY, "out of memory: a lane");
        if (p->binding != NULL)
            w->workspace = numc__workspace_new(w->lane, p->binding);
        w->inputs = numc__allocate(context, (1 + p->inputs.count) * sizeof *w->inputs);
        w->outputs = numc__allocate(context, p->outputs.count * sizeof *w->outputs);
        if (p->real != NUMC_FLOAT64)
            w->narrow = numc__allocate(context, narrow_bytes(p));
        NUMC_TRY(numc__error_join(context, w->lane));
    }
    return numc_error_status(context);
}

static void close_workers(numc_predictive *p)
{
    numc_context *context = p->context;
    for (int64_t c = 0; p->workers != NULL && c < p->chains; c++) {
        worker *w = &p->workers[c];
        if (w->workspace != NULL)
            numc__workspace_free(w->workspace);
        numc__free(context, (void *)w->inputs, (1 + p->inputs.count) * sizeof *w->inputs);
        numc__free(context, w->outputs, p->outputs.count * sizeof *w->outputs);
        numc__free(context, w->narrow, narrow_bytes(p));
        numc_close(w->lane);
    }
    numc__free(context, p->workers, (size_t)p->chains * sizeof *p->workers);
    p->workers = NULL;
}

/* ---- the object ---- */

static void destroy(numc_object *object)
{
    numc_predictive *p = (numc_predictive *)(void *)object;
    numc_context *context = p->context;
    close_workers(p);
    for (size_t i = 0; i < p->inputs.count; i++)
        numc_release(p->inputs.items[i].data);
    for (size_t i = 0; i < p->outputs.count; i++) {
        numc_release(p->outputs.items[i].value);
        numc__string_free(context, p->outputs.items[i].name);
    }
    NUMC_LIST_END(context->core, &p->inputs);
    NUMC_LIST_END(context->core, &p->outputs);
    if (p->binding != NULL)
        numc__binding_release(p->binding);
    numc__free(context, p->values, (size_t)p->chains * (size_t)p->draws * (size_t)p->stored * sizeof *p->values);
    numc__free(context, p, sizeof *p);
}

static numc_status build(numc_predictive *p, numc_model *model, const numc_predictive_options *options, int32_t *threads)
{
    numc_context *context = p->context;
    NUMC_REQUIRE(context, options->draws >= 0 && options->threads >= 0, NUMC_INVALID_ARGUMENT,
                 "predictive options: draws or threads is negative");
    NUMC_REQUIRE(context, !options->log_likelihood || p->posterior != NULL, NUMC_INVALID_ARGUMENT,
                 "predictive options: a log-likelihood needs a posterior");
    NUMC_REQUIRE(context, p->posterior == NULL || numc_mcmc_draw_count(p->posterior, -1) > 0, NUMC_STATE,
                 "predictive: the posterior has no draws");
    p->log_likelihood = options->log_likelihood;
    p->real = numc_default_float(context);
    p->chains = p->posterior != NULL ? numc_mcmc_chain_count(p->posterior) : 1;
    p->draws = p->posterior != NULL ? numc_mcmc_draw_count(p->posterior, -1) : options->draws > 0 ? options->draws : 1000;
    *threads = options->threads > 0 ? options->threads : numc__thread_count(context->core);
    *threads = *threads > p->chains ? (int32_t)p->chains : *threads;
    p->dynamic = model->dynamic ? model : NULL;
    if (p->dynamic != NULL) {
        NUMC_TRY(look(p));
    } else {
        NUMC_TRY(check_data(p, model));
        NUMC_TRY(trace_model(p, model));
    }
    double wanted = (double)p->chains * (double)p->draws * (double)p->stored * sizeof(double);
    NUMC_REQUIRE(context, wanted < (double)(PTRDIFF_MAX / 2), NUMC_MEMORY, "out of memory: %lld draws of %lld numbers",
                 (long long)p->draws, (long long)p->stored);
    p->values = numc__allocate(context, (size_t)p->chains * (size_t)p->draws * (size_t)p->stored * sizeof *p->values);
    NUMC_TRY(numc_error_status(context));
    return p->outputs.count > 0 ? open_workers(p) : NUMC_OK;
}

numc_predictive *numc_predictive_new_sized(numc_model *model, const numc_mcmc *posterior, uint64_t seed,
                                           const numc_predictive_options *options, size_t size)
{
    numc_context *context = model == NULL ? NULL : numc_model_context(model);
    numc_predictive_options known;
    if (context == NULL || numc_error_status(context) != NUMC_OK ||
        numc__options_copy(context, &known, sizeof known, options, size, "numc_predictive_options") != NUMC_OK)
        return NULL;
    numc_predictive *p = numc__allocate_zero(context, 1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->context = context;
    p->posterior = posterior;
    p->seed_key = numc_k_key_from_seed(seed);
    p->object.destroy = destroy;
    int32_t threads = 1;
    numc_status status = build(p, model, &known, &threads);
    if (status == NUMC_OK && p->outputs.count > 0)
        numc__threads_run(context->core, threads, p->chains, run_chain, NULL, 50, p);
    for (int64_t c = 0; status == NUMC_OK && p->workers != NULL && c < p->chains; c++)
        status = numc__error_join(context, p->workers[c].lane);
    close_workers(p);
    p->posterior = NULL;
    p->dynamic = NULL;
    if (status != NUMC_OK) {
        destroy(&p->object);
        return NULL;
    }
    numc__object_add(context, &p->object);
    return p;
}

void numc_predictive_free(numc_predictive *predictive)
{
    if (predictive == NULL)
        return;
    numc__object_remove(predictive->context->core, &predictive->object);
    destroy(&predictive->object);
}

int32_t numc_predictive_site_count(const numc_predictive *predictive)
{
    return predictive == NULL ? 0 : (int32_t)predictive->outputs.count;
}

numc_status numc_predictive_site_at(const numc_predictive *predictive, int32_t index, numc_mcmc_site *site)
{
    if (predictive == NULL || site == NULL)
        return NUMC_INVALID_ARGUMENT;
    NUMC_REQUIRE(predictive->context, index >= 0 && (size_t)index < predictive->outputs.count, NUMC_INDEX,
                 "predictive: site %d of %zu", (int)index, predictive->outputs.count);
    const output *o = &predictive->outputs.items[index];
    *site = (numc_mcmc_site){.name = o->name, .rank = o->rank, .shape = o->shape, .size = o->size,
                             .deterministic = o->deterministic, .values = predictive->values + o->offset,
                             .chains = predictive->chains, .draws = predictive->draws,
                             .chain_stride = predictive->draws * predictive->stored, .draw_stride = predictive->stored};
    return NUMC_OK;
}

numc_status numc_predictive_site_find(const numc_predictive *predictive, const char *name, numc_mcmc_site *site)
{
    if (predictive == NULL || name == NULL || site == NULL)
        return NUMC_INVALID_ARGUMENT;
    for (size_t i = 0; i < predictive->outputs.count; i++)
        if (strcmp(predictive->outputs.items[i].name, name) == 0)
            return numc_predictive_site_at(predictive, (int32_t)i, site);
    return numc__fail(predictive->context, NUMC_SITE, "predictive: no site \"%s\"", name);
}
