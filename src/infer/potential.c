/* A model as a target: its callback is traced once with unconstrained values at the latent sites; the log density with the
 * Jacobians, its gradient, and the stored values become programs of the flat unconstrained position q.
 *
 *   sites graph    (x_1.., data..) -> (log density, log_prob of each site.., value of each latent and deterministic..)
 *   density        (q, data..) -> (log density, gradient), x_k = q[offset_k : offset_k + size_k] in execution order, row-major
 *   stored values  (q, data..) -> value of each latent and deterministic
 *   site check     (q, data..) -> log_prob of each site; made only to explain why a point has no density */
#include <math.h>
#include <string.h>

#include "base/containers.h"
#include "backend/internal.h"
#include "compile/program.h"
#include "infer/batch.h"
#include "infer/driver.h"
#include "infer/potential.h"
#include "infer/target.h"
#include "model/internal.h"

/* An input of the sites graph: an unconstrained latent (offset >= 0) or data. Arrays are kept. */
typedef struct input {
    numc_array *traced;
    numc_array *data;
    int64_t offset, size;
} input;

/* A site of the run. */
typedef struct site {
    char *name;
    numc_site_kind kind;
    bool observed;
    int32_t stored;   /* index among what is stored, or -1 */
    int32_t log_prob; /* index among the log_probs, or -1 */
    int64_t offset, size; /* latents: in q */
} site;

/* What a run of the callback said: the next run must say the same. */
typedef struct statement {
    char *name;
    numc_site_kind kind;
    bool observed;
    int32_t rank;
    int64_t shape[NUMC_RANK_LIMIT];
} statement;

typedef struct potential {
    numc_context *context;
    numc_dtype real; /* of q and the density */
    int32_t dimension;
    int64_t stored;
    NUMC_LIST(input) inputs;
    NUMC_LIST(site) sites;
    int32_t stored_count, log_prob_count, data_count;
    numc_target_site *stored_sites;
    int64_t *stored_shapes;
    size_t stored_shape_count;
    numc_graph *graph; /* the sites graph */
    numc_binding *density, *values;
    numc_batch_program *batch; /* both for vectorised chains, or NULL */
    numc_program_cache *cache; /* the model's */
    int64_t next_offset; /* while tracing */
    numc_trace *trace;
    numc_array *jacobian;
    bool checking; /* the run that only looks for bad data */
    NUMC_LIST(statement) statements; /* of that run */
    size_t repeated;                 /* how many of them the trace has met again */
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
    const numc_distribution *d = m->distribution;
    numc_constraint *support = numc_distribution_support(d);
    NUMC_TRY(numc_error_status(context));
    if (numc_constraint_is_discrete(support))
        return numc__fail(context, NUMC_SITE,
                          "%s is discrete: HMC and NUTS move real numbers; observe it or sum it out",
                          numc_distribution_name(d));
    NUMC_REQUIRE(context, strcmp(numc_distribution_name(d), "delta") != 0, NUMC_SITE,
                 "a delta has nothing to sample: use numc_deterministic for its value");
    numc_bijector *bijector = numc_bijector_to(support);
    NUMC_TRY(numc_error_status(context));
    NUMC_REQUIRE(context, bijector != NULL, NUMC_UNSUPPORTED, "no map from the real line to the support (%s) of %s",
                 numc_constraint_name(support), numc_distribution_name(d));
    numc_shape batch = numc_distribution_batch_shape(d), event = numc_distribution_event_shape(d);
    int64_t shape[32], free_shape[32], size = 1;
    NUMC_REQUIRE(context, batch.count + event.count <= 32, NUMC_SHAPE, "its rank is %d",
                 (int)(batch.count + event.count));
    for (int32_t i = 0; i < batch.count; i++)
        shape[i] = batch.values[i];
    for (int32_t i = 0; i < event.count; i++)
        shape[batch.count + i] = event.values[i];
    int32_t rank = numc_bijector_backward_shape(bijector, (numc_shape){shape, batch.count + event.count, true}, free_shape);
    NUMC_TRY(numc_error_status(context));
    for (int32_t i = 0; i < rank; i++)
        size *= free_shape[i];
    NUMC_REQUIRE(context, size <= INT32_MAX - p->next_offset, NUMC_SHAPE, "more than 2^31 latent numbers");
    numc_type type = {p->real, rank, free_shape};
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

static void forget_statements(potential *p)
{
    for (size_t i = 0; i < p->statements.count; i++)
        numc__string_free(p->context, p->statements.items[i].name);
    NUMC_LIST_END(p->context->core, &p->statements);
}

static void describe(const statement *s, char *text, size_t size)
{
    static const char *const kinds[] = {[NUMC_SITE_SAMPLE] = "sampled", [NUMC_SITE_DETERMINISTIC] = "deterministic",
                                        [NUMC_SITE_FACTOR] = "factor", [NUMC_SITE_DATA] = "data"};
    size_t at = numc__format(text, size, "%s \"%s\" of shape (", s->observed ? "observed" : kinds[s->kind], s->name);
    for (int32_t i = 0; i < s->rank && at + 24 < size; i++)
        at += numc__format(text + at, size - at, "%s%lld", i > 0 ? ", " : "", (long long)s->shape[i]);
    if (at + 2 < size)
        numc__format(text + at, size - at, ")");
}

static bool same_statement(const statement *a, const statement *b)
{
    return strcmp(a->name, b->name) == 0 && a->kind == b->kind && a->observed == b->observed && a->rank == b->rank &&
           memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

/* The callback runs twice (check_data, trace_model): the first run's statements are noted, the second's compared with them. */
static void note_statement(potential *p, const numc_message *m)
{
    numc_context *context = p->context;
    statement s = {.kind = m->kind, .observed = m->observed};
    if (m->kind == NUMC_SITE_SAMPLE && m->value == NULL) {
        numc_shape batch = numc_distribution_batch_shape(m->distribution), event = numc_distribution_event_shape(m->distribution);
        for (int32_t i = 0; i < batch.count && s.rank < NUMC_RANK_LIMIT; i++)
            s.shape[s.rank++] = batch.values[i];
        for (int32_t i = 0; i < event.count && s.rank < NUMC_RANK_LIMIT; i++)
            s.shape[s.rank++] = event.values[i];
    } else if (m->value != NULL) {
        s.rank = numc_array_rank(m->value);
        if (s.rank > 0)
            memcpy(s.shape, numc_array_shape(m->value), (size_t)s.rank * sizeof *s.shape);
    }
    if (p->checking) {
        if (!NUMC_LIST_RESERVE(context->core, &p->statements, 1)) {
            numc__fail(context, NUMC_MEMORY, "out of memory: the sites of a model");
            return;
        }
        s.name = numc__string_copy(context, m->name);
        if (s.name != NULL)
            p->statements.items[p->statements.count++] = s;
        return;
    }
    char was[400] = "nothing", is[400];
    s.name = (char *)(uintptr_t)m->name;
    size_t place = p->repeated++;
    if (place < p->statements.count && same_statement(&p->statements.items[place], &s))
        return;
    if (place < p->statements.count)
        describe(&p->statements.items[place], was, sizeof was);
    describe(&s, is, sizeof is);
    numc__fail(context, NUMC_TRACE, "the model is not the same each time it runs: statement %zu was %s, then %s", place + 1, was,
               is);
}

static void process(numc_run *run, const numc_handler *handler, numc_message *m)
{
    potential *p = handler->user;
    (void)run;
    if (numc_error_status(p->context) != NUMC_OK)
        return;
    note_statement(p, m);
    if (numc_error_status(p->context) != NUMC_OK)
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
    if (!NUMC_LIST_RESERVE(context->core, &p->sites, (size_t)count))
        return numc__fail(context, NUMC_MEMORY, "out of memory: %d sites", (int)count);
    numc_array **stored = outputs + 1 + count; /* packed behind the log_probs below */
    for (int32_t i = 0; i < count; i++) {
        const numc_message *m = numc_record_at(record, i);
        site s = {.kind = m->kind, .observed = m->observed, .stored = -1, .log_prob = -1};
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
        p->sites.items[p->sites.count++] = s;
        NUMC_TRY(numc_error_status(context));
    }
    memmove(outputs + 1 + logs, stored, (size_t)values * sizeof *outputs);
    p->log_prob_count = logs;
    p->stored_count = values;
    return NUMC_OK;
}

/* Names, shapes and offsets of what is stored. */
static numc_status describe_stored(potential *p, numc_array *const *values)
{
    numc_context *context = p->context;
    for (int32_t i = 0; i < p->stored_count; i++)
        p->stored_shape_count += (size_t)numc_array_rank(values[i]);
    p->stored_sites = numc__allocate_zero(context, (size_t)p->stored_count, sizeof *p->stored_sites);
    p->stored_shapes = numc__allocate_zero(context, p->stored_shape_count, sizeof *p->stored_shapes);
    NUMC_TRY(numc_error_status(context));
    int64_t *shape = p->stored_shapes;
    for (size_t i = 0; i < p->sites.count; i++) {
        const site *s = &p->sites.items[i];
        if (s->stored < 0)
            continue;
        const numc_array *value = values[s->stored];
        int32_t rank = numc_array_rank(value);
        p->stored_sites[s->stored] = (numc_target_site){.name = s->name, .rank = rank, .shape = shape, .offset = p->stored,
                                                        .size = numc_array_size(value),
                                                        .deterministic = s->kind == NUMC_SITE_DETERMINISTIC};
        for (int32_t k = 0; k < rank; k++)
            *shape++ = numc_array_shape(value)[k];
        p->stored += numc_array_size(value);
    }
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
    if (status == NUMC_OK && p->repeated < p->statements.count) {
        char was[400];
        describe(&p->statements.items[p->repeated], was, sizeof was);
        status = numc__fail(context, NUMC_TRACE, "the model is not the same each time it runs: statement %zu was %s, then missing",
                            p->repeated + 1, was);
    }
    forget_statements(p);
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
        status = describe_stored(p, outputs + 1 + p->log_prob_count);
    if (status == NUMC_OK) {
        p->dimension = (int32_t)p->next_offset;
        p->graph = numc__trace_finish(p->trace, outputs, 1 + p->log_prob_count + p->stored_count, NULL, NULL);
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

/* ---- programs ---- */

/* (q, data..) -> outputs first .. first + count - 1 of the sites graph. */
static numc_graph *flat_graph(potential *p, int32_t first, int32_t count)
{
    numc_context *context = p->context;
    numc_trace *trace = numc__trace_begin(context);
    if (trace == NULL)
        return NULL;
    int32_t all = 1 + p->log_prob_count + p->stored_count;
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

numc_binding *numc__graph_bind(numc_context *context, numc_program_cache *cache, numc_graph *graph,
                               const numc_array *const *data)
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
        numc_program *program = numc__program_shared(context, cache, graph, &(numc_program_options){.data = flags});
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
static numc_binding *compile(potential *p, numc_graph *graph)
{
    numc_context *context = p->context;
    size_t inputs;
    const numc_array **data = data_of(p, &inputs);
    if (data == NULL) {
        if (graph != NULL)
            numc__graph_release(graph);
        return NULL;
    }
    numc_binding *binding = numc__graph_bind(context, p->cache, graph, data);
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
    return flat_graph(p, 1 + p->log_prob_count, p->stored_count);
}

static numc_status compile_all(potential *p)
{
    numc_context *context = p->context;
    p->density = compile(p, gradient_graph(p));
    NUMC_TRY(numc_error_status(context));
    p->values = compile(p, values_graph(p));
    return numc_error_status(context);
}

static numc_status batch_prepare(void *user, int32_t width)
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
    const numc_batch_source source = {.cache = p->cache, .real = p->real, .width = width, .dimension = p->dimension,
                                      .site_count = p->stored_count, .sites = p->stored_sites, .data = data};
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
    s->output_bytes = (size_t)(p->stored_count + 1) * sizeof *s->outputs;
    s->outputs = numc__allocate(lane, s->output_bytes);
    s->density = numc__workspace_new(lane, p->density);
    s->values = numc_error_status(lane) == NUMC_OK ? numc__workspace_new(lane, p->values) : NULL;
    if (p->real != NUMC_FLOAT64) {
        size_t most = (size_t)p->dimension + 1 > (size_t)p->stored ? (size_t)p->dimension + 1 : (size_t)p->stored;
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
    NUMC_TRY(numc__workspace_run(s->lane, s->density, inputs, outputs));
    if (out != NULL) {
        *log_density = (double)out[0];
        for (int32_t i = 0; i < p->dimension; i++)
            gradient[i] = (double)out[1 + i];
    }
    return NUMC_OK;
}

static numc_status store(void *user, void *chain, numc_context *lane, const double *position, double *values)
{
    const potential *p = user;
    chain_state *s = chain;
    const void *inputs[] = {position_input(p, s, position)};
    float *out = s->narrow != NULL ? s->narrow + p->dimension : NULL;
    if (p->stored_count == 0)
        return NUMC_OK;
    for (int32_t i = 0; i < p->stored_count; i++) {
        int64_t offset = p->stored_sites[i].offset;
        s->outputs[i] = out != NULL ? (void *)(out + offset) : (void *)(values + offset);
    }
    NUMC_TRY(numc__workspace_run(lane, s->values, inputs, s->outputs));
    for (int64_t i = 0; out != NULL && i < p->stored; i++)
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

/* log_prob of every site at a position, into `log_probs` (float64). */
static numc_status check_sites(potential *p, chain_state *s, numc_context *lane, const double *position, double *log_probs)
{
    numc_binding *check = compile(p, flat_graph(p, 1, p->log_prob_count));
    numc_workspace *workspace = check == NULL ? NULL : numc__workspace_new(lane, check);
    if (workspace == NULL) {
        if (check != NULL)
            numc__binding_release(check);
        return numc_error_status(lane);
    }
    const void *inputs[] = {position_input(p, s, position)};
    size_t count = (size_t)p->log_prob_count;
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

static void add_value(const potential *p, const site *s, const double *values, numc_text *text)
{
    const numc_target_site *stored = &p->stored_sites[s->stored];
    numc__text_add(text, " %s = ", s->name);
    if (stored->rank > 0)
        numc__text_add(text, "[");
    for (int64_t i = 0; i < stored->size && i < 4; i++) {
        if (i > 0)
            numc__text_add(text, ", ");
        numc__text_add_double(text, values[stored->offset + i]);
    }
    if (stored->rank > 0)
        numc__text_add(text, stored->size > 4 ? ", ...]" : "]");
}

/* "; site "tau": log probability -inf, tau = 0" - the first site without a finite log probability, and the latent values. */
static void explain(void *user, void *chain, numc_context *lane, const double *position, numc_text *text)
{
    potential *p = user;
    chain_state *s = chain;
    size_t logs = (size_t)p->log_prob_count, total = logs + (size_t)p->stored + (size_t)p->dimension;
    double *log_probs = numc__allocate(lane, total * sizeof *log_probs), *values = log_probs + logs;
    if (log_probs == NULL)
        return;
    double log_density, *gradient = values + p->stored;
    const site *failing = NULL;
    if (evaluate(user, chain, position, &log_density, gradient) == NUMC_OK && store(user, chain, lane, position, values) == NUMC_OK &&
        check_sites(p, s, lane, position, log_probs) == NUMC_OK) {
        for (size_t i = 0; i < p->sites.count && failing == NULL; i++)
            if (p->sites.items[i].log_prob >= 0 && !isfinite(log_probs[p->sites.items[i].log_prob]))
                failing = &p->sites.items[i];
        if (failing != NULL) {
            numc__text_add(text, "; site \"%s\"%s has log probability ", failing->name, failing->observed ? " (observed)" : "");
            numc__text_add_double(text, log_probs[failing->log_prob]);
        }
        for (size_t i = 0; i < p->sites.count && failing == NULL; i++) {
            const site *c = &p->sites.items[i];
            for (int64_t k = 0; k < c->size && failing == NULL; k++)
                if (!isfinite(gradient[c->offset + k]))
                    failing = c;
            if (failing != NULL)
                numc__text_add(text, "; that is site \"%s\"", c->name);
        }
        bool first = true;
        int shown = 0;
        if (failing != NULL && failing->stored >= 0) {
            numc__text_add(text, ", with");
            add_value(p, failing, values, text);
            first = false;
        }
        for (size_t i = 0; i < p->sites.count && shown < 6; i++) {
            const site *c = &p->sites.items[i];
            if (c == failing || c->kind != NUMC_SITE_SAMPLE || c->observed || c->stored < 0)
                continue;
            numc__text_add(text, first ? ", with" : ",");
            add_value(p, c, values, text);
            first = false;
            shown++;
        }
    }
    numc__free(lane, log_probs, total * sizeof *log_probs);
}

static void coordinate(void *user, int32_t index, char *name, size_t size)
{
    const potential *p = user;
    for (size_t i = 0; i < p->sites.count; i++) {
        const site *s = &p->sites.items[i];
        if (s->kind == NUMC_SITE_SAMPLE && !s->observed && index >= s->offset && index < s->offset + s->size)
            numc__format(name, size, "%s", s->name);
    }
}

static void destroy(void *user, numc_context *context)
{
    potential *p = user;
    forget_statements(p);
    for (size_t i = 0; i < p->inputs.count; i++)
        numc_release(p->inputs.items[i].data);
    for (size_t i = 0; i < p->sites.count; i++)
        numc__string_free(context, p->sites.items[i].name);
    NUMC_LIST_END(context->core, &p->inputs);
    NUMC_LIST_END(context->core, &p->sites);
    numc__free(context, p->stored_sites, (size_t)p->stored_count * sizeof *p->stored_sites);
    numc__free(context, p->stored_shapes, p->stored_shape_count * sizeof *p->stored_shapes);
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
    potential *p = numc__allocate_zero(context, 1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->context = context;
    p->real = numc_default_float(context);
    p->cache = numc__program_cache_keep(model->cache);
    if (numc_error_status(context) != NUMC_OK || check_data(p, model) != NUMC_OK || trace_model(p, model) != NUMC_OK ||
        compile_all(p) != NUMC_OK) {
        destroy(p, context);
        return NULL;
    }
    numc_target target = {.user = p, .dimension = p->dimension, .stored = p->stored, .site_count = p->stored_count,
                          .sites = p->stored_sites, .noun = "model", .chain_open = chain_open, .chain_close = chain_close,
                          .evaluate = evaluate, .store = store, .batch_prepare = batch_prepare, .batch_open = batch_open,
                          .batch_close = batch_close, .batch_evaluate = batch_evaluate, .batch_store = batch_store,
                          .batch_chains = numc__device(context)->info.unified != 0 ? NUMC_BATCH_CHAINS : 0, .explain = explain,
                          .coordinate = coordinate, .memory = memory, .product = product, .destroy = destroy};
    return numc__mcmc_new(context, &target, options, size);
}
