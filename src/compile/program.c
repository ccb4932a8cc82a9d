/* program.c - programs, bindings and workspaces: what depends on data alone runs once per binding, the rest on every call. */
#include "compile/program.h"

#include <string.h>

#include "compile/parts.h"
#include "compile/rows.h"
#include "compile/stage.h"

/* Native code is asked for after so many runs of a workspace, or calls of a function. */
enum { NATIVE_AFTER = 1024 };

struct numc_binding {
    numc_program *program;
    _Atomic int64_t references;
    numc_array **externals; /* data, then the frontier */
    int32_t external_count;
};

struct numc_workspace {
    numc_binding *binding;
    numc_exec_state *state;
    int32_t runs; /* up to NATIVE_AFTER */
};

/* ---- passes ---------------------------------------------------------------------------------------------------------------------------- */

bool numc__stage_rows(numc_context *context, void *subject)
{
    numc_program *program = subject;
    numc_graph *blocked = numc__graph_rows(context, program->graph, program->data);
    if (blocked == NULL)
        return false;
    numc__graph_release(program->graph);
    program->graph = blocked;
    return true;
}

bool numc__stage_rewrite(numc_context *context, void *subject)
{
    numc_program *program = subject;
    program->ir = numc__ir_new(context, program->graph, program->data);
    return program->ir != NULL;
}

bool numc__stage_lower(numc_context *context, void *subject)
{
    numc_program *program = subject;
    if (program->frontier_count > 0) {
        program->prologue = numc__exec_new(context, program->ir, program->external, program->data_count, NULL, 0, program->frontier,
                                           program->frontier_count);
        if (program->prologue == NULL)
            return false;
    }
    for (int32_t k = 0; k < program->frontier_count; k++)
        program->external[program->frontier[k]] = program->data_count + k;
    program->body = numc__exec_new(context, program->ir, program->external, program->data_count + program->frontier_count,
                                   program->free_values, program->free_count, program->ir->outputs, program->ir->output_count);
    return program->body != NULL;
}

static bool write_native(void *user, numc_text *text)
{
    const numc_program *program = user;
    const numc_exec *body = program->body;
    return numc__exec_text(text, &body, 1, program->native_count);
}

/* Where arrays are host memory; but ref, which defines what is right, is compiled only when that is asked for. */
bool numc__stage_native(numc_context *context, void *subject)
{
    numc_program *program = subject;
    const numc_jit mode = numc__native_mode(context);
    const numc_backend_device *device = program->body->device;
    if (mode == NUMC_JIT_OFF || device->info.unified == 0 || (mode == NUMC_JIT_AUTO && strncmp(device->name, "ref", 3) == 0))
        return true;
    numc__native_begin(&program->native, program->core, write_native, program);
    program->native_count = numc__exec_number(program->body, &program->native, 0);
    program->native.required = mode == NUMC_JIT_ON;
    if (mode == NUMC_JIT_ON && !program->later)
        return numc__native_build(context, &program->native) == NUMC_OK;
    if (mode == NUMC_JIT_ON)
        numc__native_ask(&program->native);
    return true;
}

numc_program *numc__program_new(numc_context *context, numc_graph *graph, const numc_program_options *options)
{
    if (context == NULL || graph == NULL || context->status != NUMC_OK)
        return NULL;
    numc_program *program = numc__allocate_zero(context, 1, sizeof *program);
    if (program == NULL)
        return NULL;
    program->core = context->core;
    program->references = 1;
    program->call = options == NULL;
    program->data = options != NULL ? options->data : NULL;
    program->later = options != NULL && options->later;
    program->graph = numc__graph_keep(graph);
    numc__arena_begin(&program->arena, context);
    numc_dump dump;
    numc__dump_begin(&dump, context);
    bool good = numc__stages_run(context, NUMC_LEVEL_PROGRAM, program);
    numc__dump_end(&dump, context);
    numc__graph_release(program->graph);
    program->graph = NULL;
    program->data = NULL;
    if (good)
        return program;
    numc__program_release(program);
    return NULL;
}

numc_program *numc__program_keep(numc_program *program)
{
    atomic_fetch_add(&program->references, 1);
    return program;
}

void numc__program_release(numc_program *program)
{
    if (program == NULL || atomic_fetch_sub(&program->references, 1) != 1)
        return;
    numc__native_end(&program->native);
    numc__exec_free(program->prologue);
    numc__exec_free(program->body);
    numc__ir_free(program->ir);
    numc__arena_free(&program->arena);
    numc__core_free(program->core, program, sizeof *program);
}

/* ---- bindings ------------------------------------------------------------------------------------------------------------------------ */

static numc_status check_input(numc_context *context, const numc_program *program, int32_t input, const numc_array *array)
{
    if (array == NULL)
        return numc__fail(context, NUMC_INVALID_ARGUMENT, "program: input %d is NULL", input);
    const numc_type *type = &program->ir->values[program->ir->inputs[input]].type;
    if (array->live != NUMC_ARRAY_LIVE)
        return numc__fail(context, NUMC_DEAD_ARRAY, "program: input %d died with its scope", input);
    if (array->content == NUMC_CONTENT_TRACED)
        return numc__fail(context, NUMC_TRACE, "program: input %d is traced", input);
    if (array->dtype != type->dtype || !numc__type_same_shape(type, &(numc_type){array->dtype, array->rank, array->shape})) {
        char is[128], wanted[128];
        numc__type_format(is, sizeof is, array->dtype, array->rank, array->shape);
        numc__type_format(wanted, sizeof wanted, type->dtype, type->rank, type->shape);
        return numc__fail(context, NUMC_SHAPE, "program: input %d is %s, it was traced as %s", input, is, wanted);
    }
    return NUMC_OK;
}

static void *place_memory(const numc_exec_state *state, const numc_exec *exec, int32_t value, uint64_t *offset)
{
    *offset = exec->places[value].offset;
    return numc__exec_memory(state);
}

/* A new array with the value of an exec's output. */
static numc_array *copy_output(numc_context *context, const numc_exec *exec, const numc_exec_state *state, int32_t value)
{
    const numc_type *type = &exec->ir->values[value].type;
    numc_array *array = numc__array_new_buffer(context, type->dtype, type->rank, type->shape);
    if (array == NULL)
        return NULL;
    uint64_t offset, bytes = exec->places[value].bytes;
    void *memory = place_memory(state, exec, value, &offset);
    if (bytes > 0) {
        int32_t status = exec->device->table.memory_copy(exec->device->device, array->buffer->memory,
                                                         (uint64_t)array->offset * numc_dtype_size(type->dtype), memory, offset,
                                                         bytes);
        if (numc__device_check(context, status, "copy") != NUMC_OK)
            return NULL;
    }
    return array;
}

static numc_status bind(numc_context *context, numc_binding *binding, const numc_array *const *data)
{
    numc_program *program = binding->program;
    for (int32_t k = 0; k < program->data_count; k++) {
        NUMC_TRY(check_input(context, program, program->data_inputs[k], data[k]));
        binding->externals[k] = numc_keep(numc__array_contiguous(context, data[k]));
        if (binding->externals[k] == NULL)
            return context->status;
    }
    if (program->prologue == NULL)
        return NUMC_OK;
    numc_exec_state *state = numc__exec_state_new(context, program->prologue, binding->externals);
    if (state == NULL)
        return context->status;
    numc_status status = numc__exec_run(context, state);
    for (int32_t k = 0; status == NUMC_OK && k < program->frontier_count; k++) {
        numc_array *value = numc_keep(copy_output(context, program->prologue, state, program->frontier[k]));
        binding->externals[program->data_count + k] = value;
        if (value == NULL)
            status = context->status;
    }
    numc__exec_state_free(state);
    return status;
}

numc_binding *numc__binding_new(numc_context *context, numc_program *program, const numc_array *const *data, int32_t data_count)
{
    if (context == NULL || program == NULL || context->status != NUMC_OK)
        return NULL;
    if (data_count != program->data_count) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "program: %d data arrays are bound, it has %d", data_count, program->data_count);
        return NULL;
    }
    numc_binding *binding = numc__allocate_zero(context, 1, sizeof *binding);
    if (binding == NULL)
        return NULL;
    binding->references = 1;
    binding->program = program;
    atomic_fetch_add(&program->references, 1);
    binding->external_count = program->data_count + program->frontier_count;
    binding->externals = numc__allocate_zero(context, (size_t)binding->external_count, sizeof(numc_array *));
    if (binding->externals == NULL || numc_scope_begin(context) != NUMC_OK) {
        numc__binding_release(binding);
        return NULL;
    }
    numc_status status = bind(context, binding, data);
    numc_scope_end(context);
    if (status != NUMC_OK) {
        numc__binding_release(binding);
        return NULL;
    }
    return binding;
}

numc_binding *numc__binding_keep(numc_binding *binding)
{
    atomic_fetch_add(&binding->references, 1);
    return binding;
}

void numc__binding_release(numc_binding *binding)
{
    if (binding == NULL || atomic_fetch_sub(&binding->references, 1) != 1)
        return;
    numc_core *core = binding->program->core;
    if (binding->externals != NULL) {
        for (int32_t k = 0; k < binding->external_count; k++)
            numc_release(binding->externals[k]);
        numc__core_free(core, binding->externals, (size_t)binding->external_count * sizeof(numc_array *));
    }
    numc__program_release(binding->program);
    numc__core_free(core, binding, sizeof *binding);
}

/* ---- workspaces ---------------------------------------------------------------------------------------------------------------------- */

numc_workspace *numc__workspace_new(numc_context *context, numc_binding *binding)
{
    if (context == NULL || binding == NULL || context->status != NUMC_OK)
        return NULL;
    numc_workspace *workspace = numc__allocate_zero(context, 1, sizeof *workspace);
    if (workspace == NULL)
        return NULL;
    workspace->binding = numc__binding_keep(binding);
    workspace->state = numc__exec_state_new(context, binding->program->body, binding->externals);
    if (workspace->state == NULL) {
        numc__workspace_free(workspace);
        return NULL;
    }
    return workspace;
}

void numc__workspace_free(numc_workspace *workspace)
{
    if (workspace == NULL)
        return;
    numc_core *core = workspace->binding->program->core;
    numc__exec_state_free(workspace->state);
    numc__binding_release(workspace->binding);
    numc__core_free(core, workspace, sizeof *workspace);
}

void *numc__workspace_output(const numc_workspace *workspace, int32_t output)
{
    const numc_exec *exec = workspace->binding->program->body;
    uint64_t offset;
    char *memory = place_memory(workspace->state, exec, exec->outputs[output], &offset);
    return exec->device->info.unified != 0 ? memory + offset : NULL;
}

void *numc__workspace_memory(const numc_workspace *workspace, bool output, int32_t k, uint64_t *offset)
{
    const numc_exec *exec = workspace->binding->program->body;
    return place_memory(workspace->state, exec, output ? exec->outputs[k] : exec->inputs[k], offset);
}

bool numc__workspace_item(const numc_workspace *workspace, uint32_t dialect, numc_text *text, numc_item_text *item)
{
    const numc_binding *binding = workspace->binding;
    const numc_exec *exec = binding->program->body;
    const int32_t memories = binding->external_count + exec->constant_count;
    if (exec->input_count != 1 || exec->output_count != 2 || memories > NUMC_ITEM_MEMORIES)
        return false;
    *item = (numc_item_text){.arena_bytes = (exec->arena_bytes + 63) / 64 * 64, .memory_count = memories};
    for (int32_t k = 0; k < item->memory_count; k++)
        item->memories[k] = (k < binding->external_count ? binding->externals[k] : exec->constants[k - binding->external_count])->buffer->memory;
    item->input = exec->places[exec->inputs[0]].offset;
    item->outputs[0] = exec->places[exec->outputs[0]].offset;
    item->outputs[1] = exec->places[exec->outputs[1]].offset;
    return numc__exec_item(text, exec, binding->externals, dialect);
}

numc_status numc__workspace_launch(numc_context *context, numc_workspace *workspace, const numc_calls *before)
{
    return numc__exec_repeat(context, workspace->state, before);
}

numc_status numc__workspace_send(numc_context *context, numc_workspace *workspace, const void *const *inputs)
{
    numc_program *program = workspace->binding->program;
    const numc_exec *exec = program->body;
    const numc_backend *table = &exec->device->table;
    numc_device *device = exec->device->device;
    char *memory = numc__exec_memory(workspace->state);
    if (workspace->runs < NATIVE_AFTER && ++workspace->runs == NATIVE_AFTER)
        numc__native_ask(&program->native);
    bool shared = exec->device->info.unified != 0;
    for (int32_t k = 0; inputs != NULL && k < exec->input_count; k++) {
        const numc_place *place = &exec->places[exec->inputs[k]];
        if (inputs[k] == NULL || place->bytes == 0)
            continue;
        if (shared)
            memcpy(memory + place->offset, inputs[k], place->bytes);
        else
            NUMC_TRY(numc__device_check(context, table->memory_upload(device, memory, place->offset, inputs[k], place->bytes),
                                        "upload"));
        if (!shared)
            atomic_fetch_add_explicit(&context->core->bytes_uploaded, place->bytes, memory_order_relaxed);
    }
    return numc__exec_repeat(context, workspace->state, NULL);
}

numc_status numc__workspace_run(numc_context *context, numc_workspace *workspace, const void *const *inputs, void *const *outputs)
{
    const numc_exec *exec = workspace->binding->program->body;
    const numc_backend *table = &exec->device->table;
    numc_device *device = exec->device->device;
    char *memory = numc__exec_memory(workspace->state);
    const bool shared = exec->device->info.unified != 0;
    NUMC_TRY(numc__workspace_send(context, workspace, inputs));
    if (!shared)
        NUMC_TRY(numc__device_check(context, table->synchronize(device), "synchronize"));
    for (int32_t k = 0; outputs != NULL && k < exec->output_count; k++) {
        const numc_place *place = &exec->places[exec->outputs[k]];
        if (outputs[k] == NULL || place->bytes == 0)
            continue;
        if (shared)
            memcpy(outputs[k], memory + place->offset, place->bytes);
        else
            NUMC_TRY(numc__device_check(context, table->memory_download(device, memory, place->offset, outputs[k], place->bytes),
                                        "download"));
        if (!shared)
            atomic_fetch_add_explicit(&context->core->bytes_downloaded, place->bytes, memory_order_relaxed);
    }
    return NUMC_OK;
}

/* ---- one call on arrays -------------------------------------------------------------------------------------------------------------- */

static numc_status call(numc_context *context, numc_program *program, const numc_array *const *inputs, numc_array **arrays,
                        numc_array **outputs)
{
    const numc_exec *exec = program->body;
    if (atomic_fetch_add_explicit(&program->calls, 1, memory_order_relaxed) == NATIVE_AFTER)
        numc__native_ask(&program->native);
    for (int32_t k = 0; k < program->data_count; k++) {
        NUMC_TRY(check_input(context, program, k, inputs[k]));
        arrays[k] = numc__array_contiguous(context, inputs[k]);
        if (arrays[k] == NULL)
            return context->status;
    }
    numc_exec_state *state = numc__exec_state_new(context, exec, arrays);
    if (state == NULL)
        return context->status;
    numc_status status = numc__exec_run(context, state);
    for (int32_t k = 0; status == NUMC_OK && k < exec->output_count; k++) {
        outputs[k] = copy_output(context, exec, state, exec->outputs[k]);
        if (outputs[k] == NULL)
            status = context->status;
    }
    numc__exec_state_free(state);
    return status;
}

numc_status numc__program_call(numc_context *context, numc_program *program, const numc_array *const *inputs,
                               int32_t input_count, numc_array **outputs, int32_t output_count)
{
    for (int32_t k = 0; k < output_count; k++)
        outputs[k] = NULL;
    NUMC_TRY(context->status);
    NUMC_REQUIRE(context, program->call && input_count == program->data_count && output_count == program->body->output_count,
                 NUMC_INVALID_ARGUMENT, "program: called with %d inputs and %d outputs, it has %d and %d", input_count,
                 output_count, program->data_count, program->body->output_count);
    numc_array **arrays = numc__allocate_zero(context, (size_t)input_count, sizeof *arrays);
    if (arrays == NULL)
        return context->status;
    numc_status status = call(context, program, inputs, arrays, outputs);
    for (int32_t k = 0; status != NUMC_OK && k < output_count; k++)
        outputs[k] = NULL;
    numc__free(context, arrays, (size_t)input_count * sizeof *arrays);
    return status;
}

/* ---- facts ------------------------------------------------------------------------------------------------------------------------------ */

void numc__print_program(numc_text *text, const void *subject)
{
    numc__text_add(text, "%llu bytes of memory beside inputs and outputs\n", (unsigned long long)numc__program_bytes(subject));
    numc__program_print(text, subject);
}

void numc__print_native(numc_text *text, const void *subject)
{
    const numc_program *program = subject;
    numc_text whole; /* or nothing: some programs have no text */
    numc__text_begin(&whole, program->core);
    if (program->native_count > 0 && write_native((void *)(uintptr_t)program, &whole))
        numc__text_add_bytes(text, whole.data, whole.size);
    numc__text_end(&whole);
}

void numc__program_print(numc_text *text, const numc_program *program)
{
    numc__text_add(text, "program: %d inputs, %d of them data, %d values from the prologue, %d outputs\n",
                   program->ir->input_count, program->data_count, program->frontier_count, program->ir->output_count);
    if (program->prologue != NULL) {
        numc__text_add(text, "prologue\n");
        numc__exec_print(text, program->prologue, 2);
    }
    numc__text_add(text, "body\n");
    numc__exec_print(text, program->body, 2);
}

uint64_t numc__binding_bytes(const numc_binding *binding)
{
    uint64_t bytes = 0;
    for (int32_t k = binding->program->data_count; k < binding->external_count; k++)
        bytes += (uint64_t)numc_array_size(binding->externals[k]) * numc_dtype_size(numc_array_dtype(binding->externals[k]));
    return bytes;
}

const numc_program *numc__binding_program(const numc_binding *binding)
{
    return binding->program;
}

uint64_t numc__program_bytes(const numc_program *program)
{
    return numc__exec_bytes(program->body, program->core->threads);
}
