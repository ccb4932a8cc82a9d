/* A model's programs over several positions: vmap of the graphs of one position, compiled once for a number of rows. */
#include "infer/batch.h"

#include <string.h>

#include "backend/internal.h"
#include "compile/rows.h"
#include "infer/potential.h"

struct numc_batch_program {
    numc_dtype real;
    int32_t width, stores, dimension, site_count;
    int64_t stored;
    const numc_target_site *sites;
    bool packed; /* memory is not the host's: each program has one output, (width, numbers) */
    numc_binding *density, *values; /* values: NULL when nothing is stored */
};

/* What one thread runs them with. */
typedef struct batch {
    const numc_batch_program *program;
    numc_context *lane;
    numc_workspace *density, *values;
    double *results;    /* (width, 1 + dimension): packed or narrow results */
    double *stored;     /* (width, stored): likewise */
    numc_transfer *sent; /* what comes into `stored`, or NULL */
    float *narrow;      /* positions, then results of either program, where the device has no float64 */
    void **outputs;     /* of values */
    size_t result_bytes, stored_bytes, narrow_bytes, output_bytes;
} batch;

/* ---- programs ---- */

/* One output (width, numbers): each row of every output one after another. Takes the graph. */
static numc_graph *pack(numc_context *context, numc_graph *graph, int64_t width)
{
    numc_trace *trace = numc__trace_begin(context);
    size_t inputs = (size_t)graph->input_count, outputs = (size_t)graph->output_count;
    const numc_array **x = numc__allocate_zero(context, inputs, sizeof *x);
    numc_array **y = numc__allocate_zero(context, outputs, sizeof *y);
    numc_graph *packed = NULL;
    if (trace != NULL && x != NULL && y != NULL) {
        for (size_t i = 0; i < inputs; i++)
            x[i] = numc__trace_input(trace, &graph->values[i].type, graph->values[i].name);
        numc_array *all = NULL;
        if (numc_error_status(context) == NUMC_OK &&
            numc__graph_apply(context, graph, x, graph->input_count, y, graph->output_count) == NUMC_OK) {
            for (size_t i = 0; i < outputs; i++)
                y[i] = numc_reshape(y[i], NUMC_SHAPE(width, width == 0 ? 0 : numc_array_size(y[i]) / width));
            all = numc_concat((const numc_array *const *)y, graph->output_count, 1);
        }
        if (numc_error_status(context) == NUMC_OK)
            packed = numc__trace_finish(trace, &all, 1, NULL, NULL);
        else
            numc__trace_abandon(trace);
    } else if (trace != NULL) {
        numc__trace_abandon(trace);
    }
    numc__free(context, (void *)x, inputs * sizeof *x);
    numc__free(context, (void *)y, outputs * sizeof *y);
    numc__graph_release(graph);
    return packed;
}

/* The same by blocks of rows, where there is a large matrix: a block is then met by all positions while it is in the cache, and what
 * is computed of it stays there. Takes the graph. */
static numc_graph *blocked(numc_context *context, const numc_batch_source *source, numc_graph *graph)
{
    size_t inputs = (size_t)graph->input_count;
    bool *fixed = numc__allocate_zero(context, inputs, sizeof *fixed);
    numc_graph *result = NULL;
    for (size_t i = 0; fixed != NULL && i < inputs; i++)
        fixed[i] = source->data[i] != NULL;
    if (fixed != NULL)
        result = numc__graph_rows(context, graph, fixed);
    numc__free(context, fixed, inputs * sizeof *fixed);
    numc__graph_release(graph);
    return result;
}

/* Takes the graph. */
static numc_binding *compile(numc_context *context, const numc_batch_source *source, int64_t width, numc_graph *graph, bool packed)
{
    if ((graph = blocked(context, source, graph)) == NULL)
        return NULL;
    size_t axes = (size_t)graph->input_count + (size_t)graph->output_count;
    int32_t *in_axes = numc__allocate_zero(context, axes, sizeof *in_axes);
    numc_graph *rows = NULL;
    if (in_axes != NULL) {
        for (int32_t i = 1; i < graph->input_count; i++)
            in_axes[i] = -1;
        rows = numc__graph_vmap(context, graph, width, in_axes, in_axes + graph->input_count);
    }
    numc__free(context, in_axes, axes * sizeof *in_axes);
    numc__graph_release(graph);
    if (rows != NULL && packed)
        rows = pack(context, rows, width);
    return numc__graph_bind(context, source->cache, rows, source->data);
}

numc_batch_program *numc__batch_program_new(numc_context *context, const numc_batch_source *source, numc_graph *density,
                                            numc_graph *values)
{
    numc_backend_device *device = numc__device(context);
    numc_batch_program *program = device == NULL ? NULL : numc__allocate_zero(context, 1, sizeof *program);
    if (program != NULL) {
        *program = (numc_batch_program){.real = source->real, .width = source->width, .stores = source->stores, .dimension = source->dimension,
                                        .site_count = source->site_count, .sites = source->sites,
                                        .packed = device->info.unified == 0};
        for (int32_t i = 0; i < source->site_count; i++)
            program->stored += source->sites[i].size;
        program->density = compile(context, source, source->width, numc__graph_keep(density), program->packed);
        if (numc_error_status(context) == NUMC_OK && program->stored > 0)
            program->values = compile(context, source, (int64_t)source->stores * source->width, numc__graph_keep(values), program->packed);
    }
    numc__graph_release(density);
    numc__graph_release(values);
    if (program != NULL && numc_error_status(context) != NUMC_OK) {
        numc__batch_program_free(program, context);
        program = NULL;
    }
    return program;
}

void numc__batch_program_free(numc_batch_program *program, numc_context *context)
{
    if (program == NULL)
        return;
    if (program->density != NULL)
        numc__binding_release(program->density);
    if (program->values != NULL)
        numc__binding_release(program->values);
    numc__free(context, program, sizeof *program);
}

/* ---- workspaces ---- */

/* What was sent is here, or not on its way any more. */
static numc_status arrive(batch *b)
{
    numc_backend_device *device = numc__device(b->lane);
    numc_transfer *sent = b->sent;
    b->sent = NULL;
    return numc__device_check(b->lane, device->table.download_end(device->device, sent), "download");
}

void numc__batch_close(numc_context *lane, void *user)
{
    batch *b = user;
    if (b == NULL)
        return;
    if (b->sent != NULL)
        (void)arrive(b);
    numc__workspace_free(b->density);
    numc__workspace_free(b->values);
    numc__free(lane, b->results, b->result_bytes);
    numc__free(lane, b->stored, b->stored_bytes);
    numc__free(lane, b->narrow, b->narrow_bytes);
    numc__free(lane, (void *)b->outputs, b->output_bytes);
    numc__free(lane, b, sizeof *b);
}

numc_status numc__batch_open(const numc_batch_program *program, numc_context *lane, void **opened)
{
    batch *b = numc__allocate_zero(lane, 1, sizeof *b);
    if (b == NULL)
        return NUMC_MEMORY;
    size_t width = (size_t)program->width, draws = width * (size_t)program->stores;
    size_t row = (size_t)program->dimension + 1, stored = (size_t)program->stored;
    b->program = program;
    b->lane = lane;
    b->density = numc__workspace_new(lane, program->density);
    if (program->values != NULL && numc_error_status(lane) == NUMC_OK)
        b->values = numc__workspace_new(lane, program->values);
    b->output_bytes = ((size_t)program->site_count + 1) * sizeof *b->outputs;
    b->outputs = numc__allocate_zero(lane, 1, b->output_bytes);
    if (program->packed || program->real != NUMC_FLOAT64) {
        b->result_bytes = width * row * sizeof(double);
        b->results = numc__allocate(lane, b->result_bytes);
        b->stored_bytes = draws * stored * sizeof(double);
        b->stored = numc__allocate(lane, b->stored_bytes);
    }
    if (program->real != NUMC_FLOAT64) {
        b->narrow_bytes = draws * (row - 1 + (row > stored ? row : stored)) * sizeof(float);
        b->narrow = numc__allocate(lane, b->narrow_bytes);
    }
    numc_status status = numc_error_status(lane);
    if (status != NUMC_OK) {
        numc__batch_close(lane, b);
        return status;
    }
    *opened = b;
    return NUMC_OK;
}

/* Runs a program of which all results together are `numbers` per row; to: where they go, packed or one output after another;
 * NULL: they stay in the workspace. offsets: numbers per row in front of each output. */
static numc_status run(batch *b, numc_workspace *workspace, const double *positions, double *to, size_t numbers, int32_t outputs)
{
    const numc_batch_program *p = b->program;
    size_t width = (size_t)p->width * (workspace == b->values ? (size_t)p->stores : 1), dimension = (size_t)p->dimension;
    const void *inputs[] = {positions};
    if (b->narrow == NULL) {
        for (int32_t i = 0; i < outputs; i++)
            b->outputs[i] = NULL;
        if (p->packed)
            b->outputs[0] = to;
        return numc__workspace_run(b->lane, workspace, inputs, b->outputs);
    }
    float *out = b->narrow + width * dimension;
    for (size_t i = 0; i < width * dimension; i++)
        b->narrow[i] = (float)positions[i];
    inputs[0] = b->narrow;
    size_t before = 0;
    for (int32_t i = 0; i < outputs; i++) { /* only packed where there is but one */
        b->outputs[i] = out + width * before;
        before += workspace == b->density ? (i == 0 ? 1 : dimension) : (size_t)p->sites[i].size;
    }
    NUMC_TRY(numc__workspace_run(b->lane, workspace, inputs, b->outputs));
    for (size_t i = 0; i < width * numbers; i++)
        to[i] = (double)out[i];
    return NUMC_OK;
}

numc_status numc__batch_evaluate(void *user, const double *positions, numc_batch_results *results)
{
    batch *b = user;
    const numc_batch_program *p = b->program;
    int64_t row = (int64_t)p->dimension + 1;
    NUMC_TRY(run(b, b->density, positions, b->results, (size_t)row, p->packed ? 1 : 2));
    if (p->packed)
        *results = (numc_batch_results){b->results, b->results + 1, row, row};
    else if (b->results != NULL)
        *results = (numc_batch_results){b->results, b->results + p->width, 1, p->dimension};
    else
        *results = (numc_batch_results){numc__workspace_output(b->density, 0), numc__workspace_output(b->density, 1), 1, p->dimension};
    return NUMC_OK;
}

numc_status numc__batch_send(void *user, const double *positions)
{
    batch *b = user;
    numc_backend_device *device = numc__device(b->lane);
    const void *inputs[] = {positions};
    uint64_t offset;
    if (b->values == NULL || !b->program->packed || b->narrow != NULL || device->table.download_begin == NULL)
        return NUMC_UNSUPPORTED;
    NUMC_TRY(numc__workspace_send(b->lane, b->values, inputs));
    const void *memory = numc__workspace_memory(b->values, true, 0, &offset);
    atomic_fetch_add_explicit(&b->lane->core->bytes_downloaded, b->stored_bytes, memory_order_relaxed);
    return numc__device_check(b->lane, device->table.download_begin(device->device, memory, offset, b->stored, b->stored_bytes, &b->sent),
                              "download");
}

numc_status numc__batch_store(void *user, const double *positions, double *const *rows)
{
    batch *b = user;
    const numc_batch_program *p = b->program;
    size_t draws = (size_t)p->width * (size_t)p->stores, stored = (size_t)p->stored;
    if (b->values == NULL)
        return NUMC_OK;
    NUMC_TRY(b->sent != NULL ? arrive(b) : run(b, b->values, positions, b->stored, stored, p->packed ? 1 : p->site_count));
    for (int32_t i = 0; i < p->site_count; i++) {
        size_t offset = (size_t)p->sites[i].offset, size = (size_t)p->sites[i].size;
        const double *from = p->packed            ? b->stored + offset
                             : b->stored != NULL ? b->stored + draws * offset
                                                 : numc__workspace_output(b->values, i);
        for (size_t k = 0; k < draws; k++)
            if (rows[k] != NULL)
                memcpy(rows[k] + offset, from + k * (p->packed ? stored : size), size * sizeof *from);
    }
    return NUMC_OK;
}

static numc_batch_place place_of(const numc_workspace *workspace, bool output)
{
    uint64_t offset;
    void *memory = numc__workspace_memory(workspace, output, 0, &offset);
    return (numc_batch_place){memory, (int64_t)(offset / sizeof(double))};
}

bool numc__batch_device(void *user, numc_batch_place *positions, numc_batch_place *results)
{
    const batch *b = user;
    if (!b->program->packed || b->program->real != NUMC_FLOAT64)
        return false;
    *positions = place_of(b->density, false);
    *results = place_of(b->density, true);
    return true;
}

numc_status numc__batch_launch(void *user, const numc_calls *before)
{
    batch *b = user;
    return numc__workspace_launch(b->lane, b->density, before);
}
