/* A model as a target: its callback is traced once with unconstrained values at the latent sites; the log density with the
 * Jacobians, its gradient, and the stored values become programs of the flat unconstrained position q.
 *
 *   sites graph    (x_1.., data..) -> (log density, log_prob of each site.., value of each latent and deterministic..)
 *   density        (q, data..) -> (log density, gradient), x_k = q[offset_k : offset_k + size_k] in execution order, row-major
 *   stored values  (q, data..) -> value of each latent and deterministic
 *   site check     (q, data..) -> log_prob of each site; made only to explain why a point has no density */
#include <string.h>

#include "base/containers.h"
#include "backend/internal.h"
#include "compile/program.h"
#include "infer/batch.h"
#include "infer/driver.h"
#include "infer/potential.h"
#include "infer/sites.h"
#include "infer/target.h"
#include "model/internal.h"

/* An input of the sites graph: an unconstrained latent (offset >= 0) or data. Arrays are kept. */
typedef struct input {
    numc_array *traced;
    numc_array *data;
    int64_t offset, size;
} input;

typedef struct potential {
    numc_context *context;
    numc_dtype real; /* of q and the density */
    int32_t dimension;
    NUMC_LIST(input) inputs;
    int32_t data_count;
    numc_sites sites;
    numc_graph *graph; /* the sites graph */
    numc_binding *density, *values;
    numc_batch_program *batch; /* both for vectorised chains, or NULL */
    numc_program_cache *cache; /* the model's */
    int64_t next_offset; /* while tracing */
    numc_trace *trace;
    numc_array *jacobian;
    bool checking; /* the run that only looks for bad data */
    size_t repeated; /* how many statements of that run the trace has met again */
} potential;

/* What a chain runs the programs with. */
typedef struct chain_state {
    numc_context *lane;
    numc_workspace *density, *values;
    float *narrow; /* float32 devices: q, then gradient and log density, or stored values */
    size_t narrow_bytes;
    void **outputs;
    size_t output_bytes;
} chain_state;

/* ---- tracing ---- */

static numc_type type_of(const numc_array *x)
{
    return (numc_type){numc_array_dtype(x), numc_array_rank(x), numc_array_shape(x)};
}

static numc_array *trace_one(potential *p, const numc_type *type, const char *name, numc_array *data, int64_t offset, int64_t size)
{
    if (!NUMC_LIST_RESERVE(p->context->core, &p->inputs, 1)) {
        numc__fail(p->context, NUMC_MEMORY, "out of memory: the inputs of a model");
        return NULL;
    }
    numc_array *traced = numc_keep(numc__trace_input(p->trace, type, name));
    if (traced == NULL)
        return NULL;
    p->inputs.items[p->inputs.count++] = (input){traced, numc_keep(data), offset, size};
    return traced;
}

/* A latent: y = f(x) for a traced x, where f maps the real line to the support; keeps the sum of log |det df/dx|. */
static numc_status trace_latent(potential *p, numc_message *m)
{
    numc_context *context = p->context;
    numc_bijector *bijector;
    int64_t shape[32], size;
    numc_type type = {p->real, 0, shape};
    NUMC_TRY(numc__latent_shape(context, m, p->next_offset, &bijector, &type.rank, shape, &size));
    numc_array *x = trace_one(p, &type, m->name, NULL, p->next_offset, size);
    p->next_offset += size;
    numc_array *y = numc_bijector_forward(bijector, x);
    numc_array *jacobian = numc_sum(numc_bijector_log_det(bijector, x, y));
    NUMC_TRY(numc_error_status(context));
    if (p->jacobian != NULL) {
        numc_array *sum = numc_add(p->jacobian, jacobian);
        numc_release(p->jacobian);
        jacobian = sum;
    }
    p->jacobian = numc_keep(jacobian);
    m->value = y;
    m->inside = true;
    return numc_error_status(context);
}

static void process(numc_run *run, const numc_handler *handler, numc_message *m)
{
    potential *p = handler->user;
    (void)run;
    if (numc_error_status(p->context) != NUMC_OK)
        return;
    if ((p->checking ? numc__statement_note(p->context, &p->sites, m) : numc__statement_repeat(p->context, &p->sites, p->repeated++, m)) !=
        NUMC_OK)
        return;
    bool data = m->kind == NUMC_SITE_DATA || (m->kind == NUMC_SITE_SAMPLE && m->observed);
    if (data && p->checking)
        return;
    if (data && m->value != NULL && !numc_array_is_traced(m->value)) {
        numc_type type = type_of(m->value);
        m->value = trace_one(p, &type, m->name, m->value, -1, 0);
        p->data_count++;
    } else if (m->kind == NUMC_SITE_SAMPLE && m->value == NULL) {
        (void)trace_latent(p, m);
    }
    if (!p->checking && (m->kind == NUMC_SITE_SAMPLE || m->kind == NUMC_SITE_FACTOR))
        m->wants_log_prob = true;
}

static void forget_inputs(potential *p)
{
    for (size_t i = 0; i < p->inputs.count; i++) {
        numc_release(p->inputs.items[i].traced);
        numc_release(p->inputs.items[i].data);
    }
    p->inputs.count = 0;
    p->data_count = 0;
    p->next_offset = 0;
    numc_release(p->jacobian);
    p->jacobian = NULL;
}

/* Runs the callback once with the data as they are and only the latents traced: a parameter or an observation that does not
 * depend on a latent then has a value, and a bad one is refused by name. In the trace proper the data are inputs. */
static numc_status check_data(potential *p, numc_model *model)
{
    p->trace = numc__trace_begin(p->context);
    if (p->trace == NULL)
        return numc_error_status(p->context);
    const numc_handler free_latents = {.size = sizeof free_latents, .name = "unconstrain", .user = p, .process = process};
    const numc_handler *handlers[] = {&free_latents};
    p->checking = true;
    numc_status status = numc_model_run(model, handlers, 1);
    p->checking = false;
    numc__trace_abandon(p->trace);
    p->trace = NULL;
    forget_inputs(p);
    return status;
}

/* Reads the record: which sites there are, what is stored; lists the outputs of the sites graph. */
static numc_status list_sites(potential *p, numc_record *record, numc_array **outputs)
{
    numc_context *context = p->context;
    int32_t count = numc_record_count(record), logs = 0, values = 0;
    size_t next_input = 0;
    if (!NUMC_LIST_RESERVE(context->core, &p->sites.list, (size_t)count))
        return numc__fail(context, NUMC_MEMORY, "out of memory: %d sites", (int)count);
    numc_array **stored = outputs + 1 + count; /* packed behind the log_probs below */
    for (int32_t i = 0; i < count; i++) {
        const numc_message *m = numc_record_at(record, i);
        numc_model_site s = {.kind = m->kind, .observed = m->observed, .stored = -1, .log_prob = -1};
        bool latent = m->kind == NUMC_SITE_SAMPLE && !m->observed;
        if (m->log_prob != NULL || m->kind == NUMC_SITE_FACTOR) {
            outputs[1 + logs] = numc_sum(m->log_prob != NULL ? m->log_prob : m->value);
            s.log_prob = logs++;
        }
        if (latent || m->kind == NUMC_SITE_DETERMINISTIC) {
            numc_kind kind = numc_dtype_kind(numc_array_dtype(m->value));
            NUMC_REQUIRE(context, !(kind & NUMC_KIND_COMPLEX), NUMC_UNSUPPORTED, "site \"%s\" is complex", m->name);
            stored[values] = numc_astype(m->value, p->real);
            s.stored = values++;
        }
        if (latent) {
            while (next_input < p->inputs.count && p->inputs.items[next_input].offset < 0)
                next_input++;
            if (next_input < p->inputs.count) {
                s.offset = p->inputs.items[next_input].offset;
                s.size = p->inputs.items[next_input].size;
                next_input++;
            }
        }
        s.name = numc__string_copy(context, m->name);
        p->sites.list.items[p->sites.list.count++] = s;
        NUMC_TRY(numc_error_status(context));
    }
    memmove(outputs + 1 + logs, stored, (size_t)values * sizeof *outputs);
    p->sites.log_prob_count = logs;
    p->sites.stored_count = values;
    return NUMC_OK;
}

static numc_status trace_model(potential *p, numc_model *model)
{
    numc_context *context = p->context;
    numc_record *record = numc_record_new(context);
    p->trace = record == NULL ? NULL : numc__trace_begin(context);
    if (p->trace == NULL) {
        numc_record_free(record);
        return numc_error_status(context);
    }
    numc_handler keep = numc_handler_record(record);
    numc_handler free_latents = {.size = sizeof free_latents, .name = "unconstrain", .user = p, .process = process};
    const numc_handler *handlers[] = {&keep, &free_latents};
    numc_status status = numc_model_run(model, handlers, 2);
    if (status == NUMC_OK)
        status = numc__statements_all(context, &p->sites, p->repeated);
    numc_array **outputs = NULL;
    size_t bytes = 0;
    if (status == NUMC_OK) {
        bytes = (1 + 2 * (size_t)numc_record_count(record)) * sizeof(numc_array *);
        outputs = numc__allocate_zero(context, 1, bytes);
        status = outputs == NULL ? NUMC_MEMORY : list_sites(p, record, outputs);
    }
    if (status == NUMC_OK) {
        numc_array *total = numc_record_log_density(record);
        if (p->jacobian != NULL)
            total = numc_add(total, p->jacobian);
        outputs[0] = numc_astype(total, p->real);
        status = numc_error_status(context);
    }
    if (status == NUMC_OK)
        status = numc__sites_describe(context, &p->sites, (const numc_array *const *)outputs + 1 + p->sites.log_prob_count);
    if (status == NUMC_OK) {
        p->dimension = (int32_t)p->next_offset;
        p->graph = numc__trace_finish(p->trace, outputs, 1 + p->sites.log_prob_count + p->sites.stored_count, NULL, NULL);
        status = numc_error_status(context);
    } else {
        numc__trace_abandon(p->trace);
    }
    p->trace = NULL;
    numc_release(p->jacobian);
    p->jacobian = NULL;
    for (size_t i = 0; i < p->inputs.count; i++) {
        numc_release(p->inputs.items[i].traced);
        p->inputs.items[i].traced = NULL;
    }
    numc__free(context, outputs, bytes);
    numc_record_free(record);
    return status;
}

/* A third run, recorded as the second was: a callback that depends on a counter, a clock or a generator of its own would be
 * compiled as whatever it happened to be. */
static numc_status check_again(potential *p, numc_model *model)
{
    numc_context *context = p->context;
    potential again = {.context = context, .real = p->real};
    again.sites.statements.items = p->sites.statements.items; /* lent */
    again.sites.statements.count = p->sites.statements.count;
    numc_status status = trace_model(&again, model);
    char text[400];
    if (status == NUMC_OK && !numc__graph_same(context, p->graph, again.graph, text, sizeof text)) {
        status = numc_error_status(context);
        if (status == NUMC_OK)
            status = numc__fail(context, NUMC_TRACE, "the model is not the same each time it runs: %s", text);
    }
    again.sites.statements.items = NULL;
    again.sites.statements.count = 0;
    forget_inputs(&again);
    NUMC_LIST_END(context->core, &again.inputs);
    numc__sites_end(context, &again.sites);
    if (again.graph != NULL)
        numc__graph_release(again.graph);
    numc__statements_forget(context, &p->sites);
    return status;
}

/* ---- programs ---- */

/* (q, data..) -> outputs first .. first + count - 1 of the sites graph. */
static numc_graph *flat_graph(potential *p, int32_t first, int32_t count)
{
    numc_context *context = p->context;
    numc_trace *trace = numc__trace_begin(context);
    if (trace == NULL)
        return NULL;
    int32_t all = 1 + p->sites.log_prob_count + p->sites.stored_count;
    int64_t flat[] = {p->dimension};
    numc_type type = {p->real, 1, flat};
    numc_array *q = numc__trace_input(trace, &type, "q");
    size_t input_bytes = p->inputs.count * sizeof(numc_array *), output_bytes = (size_t)all * sizeof(numc_array *);
    const numc_array **inputs = numc__allocate(context, input_bytes);
    numc_array **outputs = numc__allocate_zero(context, 1, output_bytes);
    for (size_t i = 0; numc_error_status(context) == NUMC_OK && i < p->inputs.count; i++) {
        const input *from = &p->inputs.items[i];
        const numc_value *value = &p->graph->values[i];
        if (from->offset < 0)
            inputs[i] = numc__trace_input(trace, &value->type, value->name);
        else
            inputs[i] = numc_reshape(numc_index(q, NUMC_SLICE(from->offset, from->offset + from->size)),
                                     (numc_shape){value->type.shape, value->type.rank, true});
    }
    numc_graph *graph = NULL;
    if (numc_error_status(context) == NUMC_OK &&
        numc__graph_apply(context, p->graph, inputs, (int32_t)p->inputs.count, outputs, all) == NUMC_OK)
        graph = numc__trace_finish(trace, outputs + first, count, NULL, NULL);
    else
        numc__trace_abandon(trace);
    numc__free(context, (void *)inputs, input_bytes);
    numc__free(context, outputs, output_bytes);
    return graph;
}

static numc_binding *bind_graph(numc_context *context, numc_program_cache *cache, numc_graph *graph,
                                const numc_array *const *data, bool later)
{
    if (graph == NULL)
        return NULL;
    size_t inputs = (size_t)graph->input_count;
    bool *flags = numc__allocate_zero(context, inputs, sizeof *flags);
    const numc_array **bound = numc__allocate_zero(context, inputs, sizeof *bound);
    numc_binding *binding = NULL;
    if (flags != NULL && bound != NULL) {
        int32_t count = 0;
        for (size_t i = 0; i < inputs; i++) {
            flags[i] = data[i] != NULL;
            if (flags[i])
                bound[count++] = data[i];
        }
        numc_program *program = numc__program_shared(context, cache, graph, &(numc_program_options){.data = flags, .later = later});
        if (program != NULL) {
            binding = numc__binding_new(context, program, bound, count);
            numc__program_release(program);
        }
    }
    numc__graph_release(graph);
    numc__free(context, flags, inputs * sizeof *flags);
    numc__free(context, (void *)bound, inputs * sizeof *bound);
    return binding;
}

numc_binding *numc__graph_bind(numc_context *context, numc_program_cache *cache, numc_graph *graph,
                               const numc_array *const *data)
{
    return bind_graph(context, cache, graph, data, false);
}

/* The data of a graph of (q, data..), freed by the caller; NULL: no memory. */
static const numc_array **data_of(const potential *p, size_t *inputs)
{
    *inputs = 1 + (size_t)p->data_count;
    const numc_array **data = numc__allocate_zero(p->context, *inputs, sizeof *data);
    size_t count = 1;
    for (size_t i = 0; data != NULL && i < p->inputs.count; i++)
        if (p->inputs.items[i].offset < 0)
            data[count++] = p->inputs.items[i].data;
    return data;
}

/* A graph of (q, data..), compiled and bound to the data. */
static numc_binding *compile(potential *p, numc_graph *graph, bool later)
{
    numc_context *context = p->context;
    size_t inputs;
    const numc_array **data = data_of(p, &inputs);
    if (data == NULL) {
        if (graph != NULL)
            numc__graph_release(graph);
        return NULL;
    }
    numc_binding *binding = bind_graph(context, p->cache, graph, data, later);
    numc__free(context, (void *)data, inputs * sizeof *data);
    return binding;
}

/* (q, data..) -> (log density, gradient) */
static numc_graph *gradient_graph(potential *p)
{
    numc_context *context = p->context;
    size_t inputs = 1 + (size_t)p->data_count;
    numc_graph *density = flat_graph(p, 0, 1);
    if (density == NULL)
        return NULL;
    bool *active = numc__allocate_zero(context, inputs, sizeof *active);
    numc_graph *both = NULL;
    if (active != NULL) {
        active[0] = true;
        both = numc__graph_value_and_gradient(context, density, active);
        numc__free(context, active, inputs * sizeof *active);
    }
    numc__graph_release(density);
    return both;
}

static numc_graph *values_graph(potential *p)
{
    return flat_graph(p, 1 + p->sites.log_prob_count, p->sites.stored_count);
}

/* The stored values, which are wanted once per draw, get their native code beside that of the density. */
static numc_status compile_all(potential *p)
{
    numc_context *context = p->context;
    p->values = compile(p, values_graph(p), true);
    NUMC_TRY(numc_error_status(context));
    p->density = compile(p, gradient_graph(p), false);
    return numc_error_status(context);
}

/* Each call for a device is a way there and back: several draws of a chain are stored in one, while they are few bytes. With as many as the
 * leapfrogs of a look there is no more than one such call a look. */
static int32_t stores_of(const potential *p, int32_t width)
{
    enum { MOST = NUMC_LOOK, BYTES = 16 << 20 };
    const int64_t fit = BYTES / (width * (p->dimension + p->sites.stored) * (int64_t)sizeof(double));
    return numc__device(p->context)->info.unified != 0 || fit < 1 ? 1 : fit > MOST ? MOST : (int32_t)fit;
}

static numc_status batch_prepare(void *user, int32_t width, int32_t *stores)
{
    potential *p = user;
    size_t inputs;
    numc_graph *density = gradient_graph(p), *values = density == NULL ? NULL : values_graph(p);
    const numc_array **data = values == NULL ? NULL : data_of(p, &inputs);
    if (data == NULL) {
        if (density != NULL)
            numc__graph_release(density);
        if (values != NULL)
            numc__graph_release(values);
        return numc_error_status(p->context);
    }
    *stores = stores_of(p, width);
    const numc_batch_source source = {.cache = p->cache, .real = p->real, .width = width, .stores = *stores, .dimension = p->dimension,
                                      .site_count = p->sites.stored_count, .sites = p->sites.stored_sites, .data = data};
    p->batch = numc__batch_program_new(p->context, &source, density, values);
    numc__free(p->context, (void *)data, inputs * sizeof *data);
    return numc_error_status(p->context);
}

/* ---- the target ---- */

static void chain_close(void *user, numc_context *lane, void *chain)
{
    chain_state *s = chain;
    (void)user;
    if (s == NULL)
        return;
    numc__workspace_free(s->density);
    numc__workspace_free(s->values);
    numc__free(lane, s->narrow, s->narrow_bytes);
    numc__free(lane, s->outputs, s->output_bytes);
    numc__free(lane, s, sizeof *s);
}

static numc_status chain_open(void *user, numc_context *lane, void **chain)
{
    potential *p = user;
    chain_state *s = numc__allocate_zero(lane, 1, sizeof *s);
    if (s == NULL)
        return NUMC_MEMORY;
    s->lane = lane;
    s->output_bytes = (size_t)(p->sites.stored_count + 1) * sizeof *s->outputs;
    s->outputs = numc__allocate(lane, s->output_bytes);
    s->density = numc__workspace_new(lane, p->density);
    s->values = numc_error_status(lane) == NUMC_OK ? numc__workspace_new(lane, p->values) : NULL;
    if (p->real != NUMC_FLOAT64) {
        size_t most = (size_t)p->dimension + 1 > (size_t)p->sites.stored ? (size_t)p->dimension + 1 : (size_t)p->sites.stored;
        s->narrow_bytes = ((size_t)p->dimension + most) * sizeof(float);
        s->narrow = numc__allocate(lane, s->narrow_bytes);
    }
    numc_status status = numc_error_status(lane);
    if (status != NUMC_OK) {
        chain_close(user, lane, s);
        return status;
    }
    *chain = s;
    return NUMC_OK;
}

static const void *position_input(const potential *p, const chain_state *s, const double *position)
{
    if (s->narrow == NULL)
        return position;
    for (int32_t i = 0; i < p->dimension; i++)
        s->narrow[i] = (float)position[i];
    return s->narrow;
}

static numc_status evaluate(void *user, void *chain, const double *position, double *log_density, double *gradient)
{
    const potential *p = user;
    chain_state *s = chain;
    const void *inputs[] = {position_input(p, s, position)};
    float *out = s->narrow != NULL ? s->narrow + p->dimension : NULL;
    void *outputs[] = {out != NULL ? (void *)out : log_density, out != NULL ? (void *)(out + 1) : gradient};
    numc_status status = numc__workspace_run(s->lane, s->density, inputs, outputs);
    if (status == NUMC_CANCELLED)
        numc_error_clear(s->lane);
    NUMC_TRY(status);
    if (out != NULL) {
        *log_density = (double)out[0];
        for (int32_t i = 0; i < p->dimension; i++)
            gradient[i] = (double)out[1 + i];
    }
    return NUMC_OK;
}

static bool chain_item(void *user, void *chain, uint32_t dialect, numc_text *text, numc_item_text *item)
{
    const chain_state *s = chain;
    return ((const potential *)user)->real == NUMC_FLOAT64 && numc__workspace_item(s->density, dialect, text, item);
}

static numc_status store(void *user, void *chain, numc_context *lane, const double *position, double *values)
{
    const potential *p = user;
    chain_state *s = chain;
    const void *inputs[] = {position_input(p, s, position)};
    float *out = s->narrow != NULL ? s->narrow + p->dimension : NULL;
    if (p->sites.stored_count == 0)
        return NUMC_OK;
    for (int32_t i = 0; i < p->sites.stored_count; i++) {
        int64_t offset = p->sites.stored_sites[i].offset;
        s->outputs[i] = out != NULL ? (void *)(out + offset) : (void *)(values + offset);
    }
    NUMC_TRY(numc__workspace_run(lane, s->values, inputs, s->outputs));
    for (int64_t i = 0; out != NULL && i < p->sites.stored; i++)
        values[i] = (double)out[i];
    return NUMC_OK;
}

static numc_status batch_open(void *user, numc_context *lane, void **batch)
{
    const potential *p = user;
    return numc__batch_open(p->batch, lane, batch);
}

static void batch_close(void *user, numc_context *lane, void *batch)
{
    (void)user;
    numc__batch_close(lane, batch);
}

static numc_status batch_evaluate(void *user, void *batch, const double *positions, numc_batch_results *results)
{
    (void)user;
    return numc__batch_evaluate(batch, positions, results);
}

static numc_status batch_store(void *user, void *batch, const double *positions, double *const *rows)
{
    (void)user;
    return numc__batch_store(batch, positions, rows);
}

static void memory(void *user, uint64_t *chain, uint64_t *shared)
{
    const potential *p = user;
    *chain = numc__program_bytes(numc__binding_program(p->density)) + numc__program_bytes(numc__binding_program(p->values));
    *shared = numc__binding_bytes(p->density) + numc__binding_bytes(p->values);
}

static numc_workspace *product(void *user, numc_context *lane)
{
    potential *p = user;
    numc_context *context = p->context;
    size_t inputs = 2 + (size_t)p->data_count, count = 1;
    bool *active = numc__allocate_zero(context, inputs, sizeof *active);
    const numc_array **data = numc__allocate_zero(context, inputs, sizeof *data);
    numc_graph *density = flat_graph(p, 0, 1), *gradient = NULL, *both = NULL;
    if (active != NULL && data != NULL && density != NULL) {
        active[0] = true;
        gradient = numc__graph_value_and_gradient(context, density, active);
        both = gradient == NULL ? NULL : numc__graph_jvp(context, gradient, active); /* (q, data.., v) */
        for (size_t i = 0; i < p->inputs.count; i++)
            if (p->inputs.items[i].offset < 0)
                data[count++] = p->inputs.items[i].data;
    }
    numc_binding *binding = both == NULL ? NULL : numc__graph_bind(context, p->cache, both, data);
    numc_workspace *workspace = binding == NULL ? NULL : numc__workspace_new(lane, binding);
    if (binding != NULL)
        numc__binding_release(binding); /* the workspace keeps it */
    if (gradient != NULL)
        numc__graph_release(gradient);
    if (density != NULL)
        numc__graph_release(density);
    numc__free(context, active, inputs * sizeof *active);
    numc__free(context, (void *)data, inputs * sizeof *data);
    return workspace;
}

static numc_status batch_send(void *user, void *batch, const double *positions)
{
    (void)user;
    return numc__batch_send(batch, positions);
}

static bool batch_device(void *user, void *batch, numc_batch_place *positions, numc_batch_place *results)
{
    (void)user;
    return numc__batch_device(batch, positions, results);
}

static numc_status batch_launch(void *user, void *batch, const numc_calls *before)
{
    (void)user;
    return numc__batch_launch(batch, before);
}

/* log_prob of every site at a position, into `log_probs` (float64). */
static numc_status check_sites(potential *p, chain_state *s, numc_context *lane, const double *position, double *log_probs)
{
    numc_binding *check = compile(p, flat_graph(p, 1, p->sites.log_prob_count), true);
    numc_workspace *workspace = check == NULL ? NULL : numc__workspace_new(lane, check);
    if (workspace == NULL) {
        if (check != NULL)
            numc__binding_release(check);
        return numc_error_status(lane);
    }
    const void *inputs[] = {position_input(p, s, position)};
    size_t count = (size_t)p->sites.log_prob_count;
    float *narrow = s->narrow == NULL ? NULL : numc__allocate(lane, count * sizeof *narrow);
    void **outputs = numc__allocate(lane, count * sizeof *outputs);
    numc_status status = numc_error_status(lane);
    if (status == NUMC_OK) {
        for (size_t i = 0; i < count; i++)
            outputs[i] = narrow != NULL ? (void *)(narrow + i) : (void *)(log_probs + i);
        status = numc__workspace_run(lane, workspace, inputs, outputs);
        for (size_t i = 0; narrow != NULL && i < count; i++)
            log_probs[i] = (double)narrow[i];
    }
    numc__free(lane, narrow, count * sizeof *narrow);
    numc__free(lane, outputs, count * sizeof *outputs);
    numc__workspace_free(workspace);
    numc__binding_release(check);
    return status;
}

static void explain(void *user, void *chain, numc_context *lane, const double *position, numc_text *text)
{
    potential *p = user;
    chain_state *s = chain;
    size_t logs = (size_t)p->sites.log_prob_count, total = logs + (size_t)p->sites.stored + (size_t)p->dimension;
    double *log_probs = numc__allocate(lane, total * sizeof *log_probs), *values = log_probs + logs;
    if (log_probs == NULL)
        return;
    double log_density, *gradient = values + p->sites.stored;
    if (evaluate(user, chain, position, &log_density, gradient) == NUMC_OK && store(user, chain, lane, position, values) == NUMC_OK &&
        check_sites(p, s, lane, position, log_probs) == NUMC_OK)
        numc__sites_explain(&p->sites, log_probs, values, gradient, text);
    numc__free(lane, log_probs, total * sizeof *log_probs);
}

static void coordinate(void *user, int32_t index, char *name, size_t size)
{
    const potential *p = user;
    numc__sites_coordinate(&p->sites, index, name, size);
}

static void destroy(void *user, numc_context *context)
{
    potential *p = user;
    numc__sites_end(context, &p->sites);
    for (size_t i = 0; i < p->inputs.count; i++)
        numc_release(p->inputs.items[i].data);
    NUMC_LIST_END(context->core, &p->inputs);
    if (p->density != NULL)
        numc__binding_release(p->density);
    if (p->values != NULL)
        numc__binding_release(p->values);
    numc__batch_program_free(p->batch, context);
    if (p->graph != NULL)
        numc__graph_release(p->graph);
    numc__program_cache_release(p->cache);
    numc__free(context, p, sizeof *p);
}

numc_mcmc *numc_mcmc_new_sized(numc_model *model, const numc_mcmc_options *options, size_t size)
{
    numc_context *context = model == NULL ? NULL : numc_model_context(model);
    if (context == NULL || numc_error_status(context) != NUMC_OK)
        return NULL;
    numc_mcmc_options known;
    if (numc__options_copy(context, &known, sizeof known, options, size, "numc_mcmc_options") != NUMC_OK)
        return NULL;
    if (known.names != NULL) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "mcmc options: names are for densities, a model has its own");
        return NULL;
    }
    numc_target dynamic;
    if (model->dynamic)
        return numc__dynamic_target(context, model, &dynamic) == NUMC_OK ? numc__mcmc_new(context, &dynamic, options, size) : NULL;
    potential *p = numc__allocate_zero(context, 1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->context = context;
    p->real = numc_default_float(context);
    p->cache = numc__program_cache_keep(model->cache);
    if (numc_error_status(context) != NUMC_OK || check_data(p, model) != NUMC_OK || trace_model(p, model) != NUMC_OK ||
        check_again(p, model) != NUMC_OK || compile_all(p) != NUMC_OK) {
        destroy(p, context);
        return NULL;
    }
    numc_target target = {.user = p, .dimension = p->dimension, .stored = p->sites.stored, .site_count = p->sites.stored_count,
                          .sites = p->sites.stored_sites, .noun = "model", .chain_open = chain_open, .chain_close = chain_close, .chain_item = chain_item,
                          .evaluate = evaluate, .store = store, .batch_prepare = batch_prepare, .batch_open = batch_open,
                          .batch_close = batch_close, .batch_evaluate = batch_evaluate, .batch_store = batch_store,
                          .batch_send = numc__device(context)->info.unified != 0 ? NULL : batch_send,
                          .batch_device = batch_device, .batch_launch = batch_launch,
                          .batch_chains = numc__device(context)->info.unified != 0 ? NUMC_BATCH_CHAINS : 0, .explain = explain,
                          .coordinate = coordinate, .memory = memory, .product = product, .destroy = destroy};
    return numc__mcmc_new(context, &target, options, size);
}
