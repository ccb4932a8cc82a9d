/* workspace.c - runs an exec: an arena, launches prepared once, views resolved once, and the loops of general scans. Nothing here
 * allocates after numc__exec_state_new. */
#include "compile/exec.h"
#include "compile/program.h"

#include <string.h>

#include "base/threads.h"
#include "graph/external.h"

enum { LEAST_ARENA = 64 };

/* A slot's look at a lent input. */
typedef struct loan {
    int32_t input;
    int64_t offset; /* of the look */
    numc_view *view;
} loan;

typedef struct step_state {
    numc_launch *launch;
    numc_view *views; /* inputs, then outputs */
    numc_exec_state *bodies[2];
    numc_exec_state **spread; /* of a scan whose iterations run on several threads: a body each */
    int32_t spread_count;
    bool empty; /* every output has no element */
    numc_external_array *hosts; /* EXTERNAL: the views in host memory */
} step_state;

struct numc_exec_state {
    const numc_exec *exec;
    numc_backend_device *device;
    void *memory;
    uint64_t bytes; /* of memory; 0: it is part of the parent's, or one of its blocks */
    void **blocks;  /* root: the exec's */
    int32_t blocks_made;
    step_state *steps;
    numc_arena arena;
    loan *loans;
    int32_t loan_count;
    numc_native_frame frame;
    numc_exec_state *root;  /* the state of the whole program */
    numc_context *context;  /* root: the lane that runs it */
    struct kept {           /* root: runs by themselves, and runs behind other calls */
        numc_recording *recording; /* the calls of a run, kept by the device */
        int32_t runs;       /* until it is recorded; -1: it will not be */
    } kept[2];
};

void *numc__exec_memory(const numc_exec_state *state)
{
    return state->memory;
}

/* *offset counts elements of `dtype`, which of complex arrays may be their parts. */
static void *memory_of(const numc_exec_state *state, const numc_place *place, numc_array *const *externals, numc_dtype dtype,
                       int64_t *offset)
{
    const numc_array *array;
    switch (place->kind) {
    case NUMC_PLACE_REGION:
        *offset = 0;
        return state->memory;
    case NUMC_PLACE_EXTERNAL:
        array = externals[place->index];
        break;
    default:
        array = state->exec->constants[place->index];
        break;
    }
    *offset = array->offset * (numc__is_complex(array->dtype) && !numc__is_complex(dtype) ? 2 : 1);
    return array->buffer->memory;
}

static numc_status prepare_kernel(numc_context *context, numc_exec_state *state, const numc_step *step, step_state *s,
                                  numc_array *const *externals)
{
    uint32_t buffers = step->source.buffer_count, accesses = step->source.access_count;
    void **memory = numc__arena_allocate(&state->arena, buffers, sizeof *memory);
    int64_t *shift = numc__arena_allocate(&state->arena, buffers, sizeof *shift);
    int64_t *offsets = numc__arena_allocate(&state->arena, accesses, sizeof *offsets);
    if (memory == NULL || shift == NULL || offsets == NULL)
        return context->status;
    for (uint32_t b = 0; b < buffers; b++)
        memory[b] = memory_of(state, &step->buffers[b], externals, NUMC_DTYPE_DEFAULT, &shift[b]);
    for (uint32_t a = 0; a < accesses; a++)
        offsets[a] = step->offsets[a] + shift[step->source.accesses[a].buffer];
    numc_kernel_arguments arguments = {.buffers = memory, .extents = step->extents, .offsets = offsets,
                                       .strides = step->strides, .constants = step->constants};
    int32_t status = state->device->table.launch_prepare(state->device->device, step->kernel, &arguments, &s->launch);
    if (status != NUMC_OK)
        s->launch = NULL;
    return numc__device_check(context, status, "launch_prepare");
}

static numc_exec_state *state_new(numc_context *context, const numc_exec *exec, numc_array *const *externals,
                                  numc_exec_state *root, void *memory);

static uint64_t view_bytes(const numc_view *view)
{
    uint64_t bytes = numc_dtype_size((numc_dtype)view->dtype);
    for (int32_t d = 0; d < view->rank; d++)
        bytes *= (uint64_t)view->shape[d];
    return bytes;
}

/* The views lie in order; where memory is the device's they have copies here. */
static numc_status prepare_external(numc_context *context, numc_exec_state *state, step_state *s, int32_t count)
{
    s->hosts = numc__arena_allocate(&state->arena, (size_t)count, sizeof *s->hosts);
    if (s->hosts == NULL)
        return context->status;
    for (int32_t k = 0; k < count; k++) {
        const numc_view *view = &s->views[k];
        void *data = state->device->info.unified != 0
                         ? (char *)view->memory + (uint64_t)view->offset * numc_dtype_size((numc_dtype)view->dtype)
                         : numc__arena_allocate(&state->arena, 1, view_bytes(view));
        if (data == NULL)
            return context->status;
        s->hosts[k] = (numc_external_array){(numc_dtype)view->dtype, view->rank, view->shape, data};
    }
    return NUMC_OK;
}

static void *body_memory(const numc_exec_state *state, const numc_step *step, int b)
{
    return state->device->info.unified != 0 ? (char *)state->memory + step->body_offsets[b] : state->root->blocks[numc__body_block(step, b)];
}

static int64_t spread_of(const numc_exec *exec, const numc_step *step, int64_t threads)
{
    if (threads < 2 || !numc__exec_spreads(exec, step))
        return 0;
    return threads < step->attributes->numbers[2] ? threads : step->attributes->numbers[2];
}

static numc_status prepare_slot(numc_context *context, numc_exec_state *state, const numc_step *step, step_state *s,
                                numc_array *const *externals)
{
    int32_t count = step->input_count + step->output_count;
    s->views = numc__arena_allocate(&state->arena, (size_t)count, sizeof *s->views);
    if (s->views == NULL)
        return context->status;
    s->empty = true;
    for (int32_t k = 0; k < count; k++) {
        const numc_slot_view *view = k < step->input_count ? &step->inputs[k] : &step->outputs[k - step->input_count];
        const numc_place *place = &state->exec->places[view->value];
        if (place->kind == NUMC_PLACE_NONE)
            return numc__fail(context, NUMC_INTERNAL, "compile: an operand of %s has no place",
                              numc__primitive_name(step->primitive));
        int64_t shift = 0, size = 1;
        void *memory = memory_of(state, place, externals, view->dtype, &shift);
        if (place->kind == NUMC_PLACE_REGION)
            shift = (int64_t)(place->offset / numc_dtype_size(view->dtype));
        s->views[k] = (numc_view){.memory = memory, .offset = view->offset + shift, .dtype = (uint32_t)view->dtype,
                                  .rank = view->rank, .shape = view->shape, .strides = view->strides};
        for (int32_t d = 0; d < view->rank; d++)
            size *= view->shape[d];
        if (k >= step->input_count && size > 0)
            s->empty = false;
    }
    if (step->primitive == NUMC_PRIMITIVE_EXTERNAL)
        NUMC_TRY(prepare_external(context, state, s, count));
    for (int b = 0; b < 2; b++)
        if (step->bodies[b] != NULL &&
            (s->bodies[b] = state_new(context, step->bodies[b], NULL, state->root, body_memory(state, step, b))) == NULL)
            return context->status;
    const int64_t threads = spread_of(state->exec, step, context->core->threads);
    if (threads == 0)
        return NUMC_OK;
    s->spread = numc__arena_allocate(&state->arena, (size_t)threads, sizeof(numc_exec_state *));
    for (; s->spread != NULL && s->spread_count < threads; s->spread_count++)
        if ((s->spread[s->spread_count] = state_new(context, step->bodies[0], NULL, NULL, NULL)) == NULL)
            return context->status;
    return context->status;
}

/* As state_new allocates. */
static uint64_t bytes_of(const numc_exec *exec, int64_t threads, bool within)
{
    uint64_t bytes = within ? 0 : exec->arena_bytes > 0 ? exec->arena_bytes : LEAST_ARENA;
    for (int32_t k = 0; k < exec->block_count && !within; k++)
        bytes += exec->blocks[k];
    for (int32_t s = 0; s < exec->step_count; s++) {
        const numc_step *step = &exec->steps[s];
        for (int b = 0; b < 2; b++)
            if (step->bodies[b] != NULL)
                bytes += bytes_of(step->bodies[b], threads, true);
        bytes += (uint64_t)spread_of(exec, step, threads) * (step->bodies[0] == NULL ? 0 : bytes_of(step->bodies[0], threads, false));
        const bool copies = exec->device->info.unified == 0 && step->primitive == NUMC_PRIMITIVE_EXTERNAL;
        for (int32_t k = 0; copies && k < step->input_count + step->output_count; k++)
            bytes += numc__slot_bytes(k < step->input_count ? &step->inputs[k] : &step->outputs[k - step->input_count]);
    }
    return bytes;
}

uint64_t numc__exec_bytes(const numc_exec *exec, int64_t threads)
{
    return bytes_of(exec, threads, false);
}

static int32_t run_step(void *user, int32_t number);

static void lend(void *user, int32_t input, void *memory, int64_t offset)
{
    numc_exec_state *state = user;
    for (int32_t k = 0; k < state->loan_count; k++) {
        if (state->loans[k].input != input)
            continue;
        state->loans[k].view->memory = memory;
        state->loans[k].view->offset = state->loans[k].offset + offset;
    }
}

static numc_status prepare_loans(numc_context *context, numc_exec_state *state)
{
    const numc_exec *exec = state->exec;
    for (int pass = 0; pass < 2 && exec->lent != NULL; pass++) { /* counts, then fills */
        int32_t count = 0;
        for (int32_t s = 0; s < exec->step_count; s++) {
            const numc_step *step = &exec->steps[s];
            for (int32_t k = 0; step->kind != NUMC_STEP_KERNEL && k < step->input_count; k++) {
                for (int32_t i = 0; i < exec->input_count && numc__exec_takes_loans(step, k); i++) {
                    if (!exec->lent[i] || exec->inputs[i] != step->inputs[k].value)
                        continue;
                    if (pass == 1)
                        state->loans[count] = (loan){i, step->inputs[k].offset, &state->steps[s].views[k]};
                    count++;
                }
            }
        }
        if (pass == 0 && (state->loans = numc__arena_allocate(&state->arena, (size_t)count, sizeof *state->loans)) == NULL)
            return context->status;
        state->loan_count = count;
    }
    return NUMC_OK;
}

static char **first_elements(numc_exec_state *state, numc_array *const *arrays, int32_t count)
{
    char **memory = numc__arena_allocate(&state->arena, (size_t)count, sizeof *memory);
    for (int32_t k = 0; memory != NULL && k < count; k++)
        memory[k] = (char *)arrays[k]->buffer->memory + (uint64_t)arrays[k]->offset * numc_dtype_size(arrays[k]->dtype);
    return memory;
}

static numc_status prepare_native(numc_context *context, numc_exec_state *state, numc_array *const *externals)
{
    const numc_exec *exec = state->exec;
    if (exec->native == NULL)
        return NUMC_OK;
    const numc_native_frame **bodies = numc__arena_allocate(&state->arena, 2 * (size_t)exec->step_count, sizeof *bodies);
    state->frame.arena = state->memory;
    state->frame.externals = first_elements(state, externals, externals == NULL ? 0 : exec->external_count);
    state->frame.constants = first_elements(state, exec->constants, exec->constant_count);
    state->frame.bodies = bodies;
    state->frame.step = run_step;
    state->frame.lend = lend;
    state->frame.state = state;
    state->frame.lent = exec->lent == NULL ? NULL : numc__arena_allocate(&state->arena, (size_t)exec->input_count, sizeof(void *));
    if (bodies == NULL || (exec->lent != NULL && state->frame.lent == NULL) || state->frame.externals == NULL || state->frame.constants == NULL)
        return context->status;
    for (int32_t s = 0; s < exec->step_count; s++)
        for (int b = 0; b < 2; b++)
            if (state->steps[s].bodies[b] != NULL)
                bodies[2 * s + b] = &state->steps[s].bodies[b]->frame;
    return NUMC_OK;
}

numc_exec_state *numc__exec_state_new(numc_context *context, const numc_exec *exec, numc_array *const *externals)
{
    return state_new(context, exec, externals, NULL, NULL);
}

static numc_status allocate_counted(numc_context *context, const numc_backend_device *device, uint64_t bytes, void **memory)
{
    *memory = NULL;
    NUMC_TRY(numc__device_check(context, device->table.memory_allocate(device->device, bytes, memory), "workspace"));
    numc__count_live(context->core, bytes);
    return NUMC_OK;
}

/* The arena, and the blocks. */
static numc_status allocate_memory(numc_context *context, numc_exec_state *state)
{
    const numc_exec *exec = state->exec;
    uint64_t bytes = exec->arena_bytes > 0 ? exec->arena_bytes : LEAST_ARENA;
    NUMC_TRY(allocate_counted(context, state->device, bytes, &state->memory));
    state->bytes = bytes;
    state->blocks = numc__arena_allocate(&state->arena, (size_t)exec->block_count, sizeof *state->blocks);
    for (; state->blocks != NULL && state->blocks_made < exec->block_count; state->blocks_made++)
        NUMC_TRY(allocate_counted(context, state->device, exec->blocks[state->blocks_made], &state->blocks[state->blocks_made]));
    return context->status;
}

/* memory: the arena; NULL: the state takes its own. */
static numc_exec_state *state_new(numc_context *context, const numc_exec *exec, numc_array *const *externals,
                                  numc_exec_state *root, void *memory)
{
    numc_backend_device *device = numc__device(context);
    if (device == NULL)
        return NULL;
    numc_exec_state *state = numc__allocate_zero(context, 1, sizeof *state);
    if (state == NULL)
        return NULL;
    state->exec = exec;
    state->device = device;
    state->root = root != NULL ? root : state;
    numc__arena_begin(&state->arena, context);
    state->steps = numc__arena_allocate(&state->arena, (size_t)exec->step_count, sizeof *state->steps);
    if (state->steps == NULL)
        goto fail;
    state->memory = memory;
    if (memory == NULL && allocate_memory(context, state) != NUMC_OK)
        goto fail;
    for (int32_t k = 0; k < exec->step_count; k++) {
        const numc_step *step = &exec->steps[k];
        numc_status prepared = step->kind == NUMC_STEP_KERNEL
                                   ? prepare_kernel(context, state, step, &state->steps[k], externals)
                                   : prepare_slot(context, state, step, &state->steps[k], externals);
        if (prepared != NUMC_OK)
            goto fail;
    }
    if (prepare_loans(context, state) != NUMC_OK || prepare_native(context, state, externals) != NUMC_OK)
        goto fail;
    return state;
fail:
    numc__exec_state_free(state);
    return NULL;
}

void numc__exec_state_free(numc_exec_state *state)
{
    if (state == NULL)
        return;
    numc_device *device = state->device->device;
    for (int k = 0; k < 2; k++)
        if (state->kept[k].recording != NULL)
            state->device->table.recording_release(device, state->kept[k].recording);
    for (int32_t k = 0; state->steps != NULL && k < state->exec->step_count; k++) {
        if (state->steps[k].launch != NULL)
            state->device->table.launch_release(device, state->steps[k].launch);
        for (int32_t t = 0; t < state->steps[k].spread_count; t++)
            numc__exec_state_free(state->steps[k].spread[t]);
        numc__exec_state_free(state->steps[k].bodies[0]);
        numc__exec_state_free(state->steps[k].bodies[1]);
    }
    numc_core *core = state->arena.core;
    for (int32_t k = -1; state->bytes > 0 && k < state->blocks_made; k++) {
        uint64_t bytes = k < 0 ? state->bytes : state->exec->blocks[k];
        state->device->table.memory_release(device, k < 0 ? state->memory : state->blocks[k], bytes);
        atomic_fetch_sub_explicit(&core->bytes_live, bytes, memory_order_relaxed);
    }
    numc__arena_free(&state->arena);
    numc__core_free(core, state, sizeof *state);
}

/* ---- slots ---------------------------------------------------------------------------------------------------------------------------- */

static int32_t call_slot(numc_exec_state *state, const numc_step *step, const numc_view *in, const numc_view *out)
{
    const numc_backend *table = &state->device->table;
    numc_device *device = state->device->device;
    const int64_t *n = step->attributes->numbers;
    static const numc_matmul_options multiply = {.size = sizeof(numc_matmul_options)};
    switch (step->primitive) {
    case NUMC_PRIMITIVE_MATMUL:
        return table->matmul(device, &in[0], &in[1], &out[0], &multiply);
    case NUMC_PRIMITIVE_CHOLESKY:
        return table->cholesky(device, &in[0], &out[0]);
    case NUMC_PRIMITIVE_CHOLESKY_INVERSE:
        return table->cholesky_inverse(device, &in[0], &out[0]);
    case NUMC_PRIMITIVE_TRIANGULAR_SOLVE:
        return table->triangular_solve(device, &in[0], &in[1], &out[0], (uint32_t)n[0], (uint32_t)n[1], (uint32_t)n[2]);
    case NUMC_PRIMITIVE_LU:
        return table->lu(device, &in[0], &out[0], &out[1], &out[2]);
    case NUMC_PRIMITIVE_QR:
        return table->qr(device, &in[0], &out[0], &out[1]);
    case NUMC_PRIMITIVE_EIGH:
        return table->eigh(device, &in[0], &out[0], step->output_count == 1 ? NULL : &out[1]);
    case NUMC_PRIMITIVE_EIG:
        return table->eig(device, &in[0], &out[0], step->output_count == 1 ? NULL : &out[1]);
    case NUMC_PRIMITIVE_SVD:
        return step->output_count == 1 ? table->svd(device, &in[0], NULL, &out[0], NULL)
                                       : table->svd(device, &in[0], &out[0], &out[1], &out[2]);
    case NUMC_PRIMITIVE_CUMULATIVE_SUM:
        return table->cumulative(device, &in[0], (int32_t)n[0], NUMC_REDUCTION_SUM, (uint32_t)n[1], &out[0]);
    case NUMC_PRIMITIVE_CUMULATIVE_PROD:
        return table->cumulative(device, &in[0], (int32_t)n[0], NUMC_REDUCTION_PROD, (uint32_t)n[1], &out[0]);
    case NUMC_PRIMITIVE_CUMULATIVE_MAX:
        return table->cumulative(device, &in[0], (int32_t)n[0], NUMC_REDUCTION_MAX, (uint32_t)n[1], &out[0]);
    case NUMC_PRIMITIVE_SORT:
        return table->sort(device, &in[0], (int32_t)n[0], (uint32_t)n[1], &out[0], &out[1]);
    case NUMC_PRIMITIVE_SEARCH:
        return table->search(device, &in[0], &in[1], (uint32_t)n[0], &out[0]);
    case NUMC_PRIMITIVE_FFT:
    case NUMC_PRIMITIVE_RFFT:
    case NUMC_PRIMITIVE_IRFFT:
        return table->fft(device, &in[0], (int32_t)n[0], numc__fft_direction(step->primitive, n), &out[0]);
    case NUMC_PRIMITIVE_SCATTER: { /* the target starts as x: places the copy, then the values */
        const numc_view *x = &in[0];
        int64_t size = 1;
        for (int32_t d = 0; d < x->rank; d++)
            size *= x->shape[d];
        uint64_t item = numc_dtype_size((numc_dtype)x->dtype);
        int32_t status = table->memory_copy(device, out[0].memory, (uint64_t)out[0].offset * item, x->memory,
                                            (uint64_t)x->offset * item, (uint64_t)size * item);
        return status != NUMC_OK ? status
                                 : table->scatter(device, &out[0], &in[1], (int32_t)n[0], &in[2], (uint32_t)n[1]);
    }
    default:
        return NUMC_INTERNAL;
    }
}

/* ---- control flow ------------------------------------------------------------------------------------------------------------------ */

static int32_t copy_in(numc_exec_state *state, numc_exec_state *body, int32_t input, const numc_view *from, uint64_t skip,
                       uint64_t bytes)
{
    const numc_place *place = &body->exec->places[body->exec->inputs[input]];
    uint64_t item = numc_dtype_size((numc_dtype)from->dtype);
    return state->device->table.memory_copy(state->device->device, body->memory, place->offset, from->memory,
                                            (uint64_t)from->offset * item + skip, bytes);
}

static int32_t copy_out(numc_exec_state *state, const numc_exec_state *body, int32_t output, const numc_view *to, uint64_t skip,
                        uint64_t bytes)
{
    const numc_place *place = &body->exec->places[body->exec->outputs[output]];
    uint64_t item = numc_dtype_size((numc_dtype)to->dtype);
    return state->device->table.memory_copy(state->device->device, to->memory, (uint64_t)to->offset * item + skip, body->memory,
                                            place->offset, bytes);
}

static int32_t copy_carry(numc_exec_state *state, const numc_exec_state *from, int32_t output, numc_exec_state *to, int32_t input)
{
    const numc_place *source = &from->exec->places[from->exec->outputs[output]];
    const numc_place *target = &to->exec->places[to->exec->inputs[input]];
    return state->device->table.memory_copy(state->device->device, to->memory, target->offset, from->memory, source->offset,
                                            source->bytes);
}

/* The carry that would enter the next step. */
static int32_t carry_out(numc_exec_state *state, const numc_exec_state *body, int32_t input, const numc_view *to)
{
    const numc_place *last = &body->exec->places[body->exec->inputs[input]];
    return state->device->table.memory_copy(state->device->device, to->memory,
                                            (uint64_t)to->offset * numc_dtype_size((numc_dtype)to->dtype), body->memory,
                                            last->offset, last->bytes);
}

/* An iteration on another thread has no lane: whoever waits for it tells the error. */
static numc_status check(numc_context *context, int32_t status, const char *what)
{
    return context == NULL ? (numc_status)status : numc__device_check(context, status, what);
}

#define NUMC_STEP_TRY(expression)                                                                  \
    do {                                                                                           \
        int32_t status_ = (expression);                                                            \
        if (status_ != NUMC_OK)                                                                    \
            return check(context, status_, numc__primitive_name(step->primitive));                 \
    } while (0)

static numc_status run_cond(numc_context *context, numc_exec_state *state, const numc_step *step, step_state *s)
{
    unsigned char predicate = 0;
    const numc_view *views = s->views;
    NUMC_STEP_TRY(state->device->table.memory_download(state->device->device, views[0].memory, (uint64_t)views[0].offset,
                                                       &predicate, 1));
    numc_exec_state *body = s->bodies[predicate != 0 ? 0 : 1];
    for (int32_t k = 1; k < step->input_count; k++)
        NUMC_STEP_TRY(copy_in(state, body, k - 1, &views[k], 0, view_bytes(&views[k])));
    NUMC_TRY(numc__exec_run(context, body));
    for (int32_t k = 0; k < step->output_count; k++) {
        const numc_view *to = &views[step->input_count + k];
        NUMC_STEP_TRY(copy_out(state, body, k, to, 0, view_bytes(to)));
    }
    return NUMC_OK;
}

/* The body's inputs that are the same in every iteration, or in the first. */
static numc_status enter_scan(numc_context *context, numc_exec_state *state, const numc_step *step, const step_state *s,
                              numc_exec_state *body)
{
    const int64_t *n = step->attributes->numbers;
    for (int32_t k = 0; k < step->input_count; k++)
        if (k < n[0] || k >= n[0] + n[1])
            NUMC_STEP_TRY(copy_in(state, body, k, &s->views[k], 0, view_bytes(&s->views[k])));
    return NUMC_OK;
}

static numc_status iterate(numc_context *context, numc_exec_state *state, const numc_step *step, const step_state *s,
                           numc_exec_state *body, int64_t t)
{
    const int64_t *n = step->attributes->numbers;
    int32_t carries = (int32_t)n[0], sequences = (int32_t)n[1];
    int64_t length = n[2];
    const numc_view *in = s->views, *out = in + step->input_count;
    uint64_t i = (uint64_t)(n[3] != 0 ? length - 1 - t : t);
    for (int32_t k = carries; k < carries + sequences; k++) {
        uint64_t bytes = view_bytes(&in[k]) / (uint64_t)length, size = numc_dtype_size((numc_dtype)in[k].dtype);
        if (body->exec->lent != NULL && body->exec->lent[k])
            lend(body, k, in[k].memory, in[k].offset + (int64_t)(i * bytes / size));
        else
            NUMC_STEP_TRY(copy_in(state, body, k, &in[k], i * bytes, bytes));
        if (body->frame.lent != NULL) /* the body may be native by now */
            body->frame.lent[k] = (char *)in[k].memory + (uint64_t)in[k].offset * size + i * bytes;
    }
    NUMC_TRY(numc__exec_run(context, body));
    for (int32_t k = carries; k < step->output_count; k++) {
        uint64_t bytes = view_bytes(&out[k]) / (uint64_t)length;
        NUMC_STEP_TRY(copy_out(state, body, k, &out[k], i * bytes, bytes));
    }
    for (int32_t k = 0; k < carries; k++) /* outputs have regions of their own, so no carry is read after it is written */
        NUMC_STEP_TRY(copy_carry(state, body, k, body, k));
    return NUMC_OK;
}

typedef struct spread_task {
    numc_exec_state *state;
    const numc_step *step;
    step_state *s;
    _Atomic int64_t next;     /* iteration that nobody has taken */
    _Atomic int32_t status;   /* of one that failed */
} spread_task;

/* Without a lane: it belongs to the caller's thread. */
static void run_spread(void *user, int64_t number)
{
    spread_task *task = user;
    numc_exec_state *body = task->s->spread[number];
    numc_status status = enter_scan(NULL, task->state, task->step, task->s, body);
    for (;;) {
        int64_t t = atomic_fetch_add_explicit(&task->next, 1, memory_order_relaxed);
        if (t >= task->step->attributes->numbers[2] || status != NUMC_OK)
            break;
        status = iterate(NULL, task->state, task->step, task->s, body, t);
    }
    if (status != NUMC_OK)
        atomic_store_explicit(&task->status, (int32_t)status, memory_order_relaxed);
}

static numc_status run_scan(numc_context *context, numc_exec_state *state, const numc_step *step, step_state *s)
{
    const int64_t *n = step->attributes->numbers;
    numc_exec_state *body = s->bodies[0];
    if (s->spread_count > 0) {
        spread_task task = {.state = state, .step = step, .s = s};
        numc__parallel_for(state->arena.core, s->spread_count, run_spread, &task);
        NUMC_STEP_TRY(atomic_load_explicit(&task.status, memory_order_relaxed));
        return NUMC_OK;
    }
    NUMC_TRY(enter_scan(context, state, step, s, body));
    for (int64_t t = 0; t < n[2]; t++)
        NUMC_TRY(iterate(context, state, step, s, body, t));
    for (int32_t k = 0; k < n[0]; k++)
        NUMC_STEP_TRY(carry_out(state, body, k, &s->views[step->input_count + k]));
    return NUMC_OK;
}

static numc_status run_while(numc_context *context, numc_exec_state *state, const numc_step *step, step_state *s)
{
    int32_t carries = (int32_t)step->attributes->numbers[0];
    int64_t limit = step->attributes->numbers[1];
    numc_exec_state *condition = s->bodies[0], *body = s->bodies[1];
    const numc_view *in = s->views, *out = in + step->input_count;
    const numc_place *truth = &condition->exec->places[condition->exec->outputs[0]];
    for (int32_t k = 0; k < step->input_count; k++) {
        NUMC_STEP_TRY(copy_in(state, condition, k, &in[k], 0, view_bytes(&in[k])));
        NUMC_STEP_TRY(copy_in(state, body, k, &in[k], 0, view_bytes(&in[k])));
    }
    for (int64_t t = 0;; t++) {
        unsigned char more = 0;
        NUMC_TRY(numc__check_cancelled(context));
        NUMC_TRY(numc__exec_run(context, condition));
        NUMC_STEP_TRY(state->device->table.memory_download(state->device->device, condition->memory, truth->offset, &more, 1));
        if (more == 0)
            break;
        NUMC_REQUIRE(context, limit == 0 || t < limit, NUMC_VALUE, "numc_while: the condition still holds after %lld steps, its limit",
                     (long long)limit);
        NUMC_TRY(numc__exec_run(context, body));
        for (int32_t k = 0; k < carries; k++) {
            NUMC_STEP_TRY(copy_carry(state, body, k, condition, k));
            NUMC_STEP_TRY(copy_carry(state, body, k, body, k));
        }
    }
    for (int32_t k = 0; k < carries; k++)
        NUMC_STEP_TRY(carry_out(state, body, k, &out[k]));
    return NUMC_OK;
}

static numc_status run_external(numc_context *context, numc_exec_state *state, const numc_step *step, step_state *s)
{
    const numc_backend *table = &state->device->table;
    numc_device *device = state->device->device;
    bool apart = state->device->info.unified == 0;
    for (int32_t k = 0; k < step->input_count; k++) {
        const numc_view *view = &s->views[k];
        uint64_t offset = (uint64_t)view->offset * numc_dtype_size((numc_dtype)view->dtype);
        if (apart)
            NUMC_STEP_TRY(table->memory_download(device, view->memory, offset, s->hosts[k].data, view_bytes(view)));
        else /* a loan moves from step to step */
            s->hosts[k].data = (char *)view->memory + offset;
    }
    NUMC_TRY(numc__external_call(context, step->attributes->numbers, s->hosts, step->input_count, step->output_count));
    for (int32_t k = step->input_count; k < step->input_count + step->output_count && apart; k++) {
        const numc_view *view = &s->views[k];
        uint64_t offset = (uint64_t)view->offset * numc_dtype_size((numc_dtype)view->dtype);
        NUMC_STEP_TRY(table->memory_upload(device, view->memory, offset, s->hosts[k].data, view_bytes(view)));
    }
    return NUMC_OK;
}

static numc_status exec_step(numc_context *context, numc_exec_state *state, int32_t k)
{
    const numc_step *step = &state->exec->steps[k];
    step_state *s = &state->steps[k];
    int32_t status;
    switch (step->kind) {
    case NUMC_STEP_KERNEL:
        status = state->device->table.launch_run(state->device->device, s->launch);
        return status == NUMC_OK ? NUMC_OK : check(context, status, "kernel");
    case NUMC_STEP_SLOT:
        if (step->primitive == NUMC_PRIMITIVE_EXTERNAL)
            return s->empty ? NUMC_OK : run_external(context, state, step, s);
        status = s->empty ? NUMC_OK : call_slot(state, step, s->views, s->views + step->input_count);
        return status == NUMC_OK ? NUMC_OK : check(context, status, numc__primitive_name(step->primitive));
    case NUMC_STEP_COND: return run_cond(context, state, step, s);
    case NUMC_STEP_WHILE: return run_while(context, state, step, s);
    default: return run_scan(context, state, step, s);
    }
}

static int32_t run_step(void *user, int32_t number)
{
    numc_exec_state *state = user;
    return (int32_t)exec_step(state->root->context, state, number);
}

numc_status numc__exec_run(numc_context *context, numc_exec_state *state)
{
    const numc_exec *exec = state->exec;
    const numc_native_function *functions =
        exec->native == NULL ? NULL : atomic_load_explicit(&exec->native->functions, memory_order_acquire);
    if (functions != NULL) {
        state->root->context = context;
        return (numc_status)functions[exec->number](&state->frame);
    }
    for (int32_t k = 0; k < exec->step_count; k++)
        NUMC_TRY(exec_step(context, state, k));
    return NUMC_OK;
}

/* ---- runs kept by the device --------------------------------------------------------------------------------------------------------- */

enum { RECORD_AFTER = 3, MOST_CALLS = 16384 };

/* How many calls a run makes; more than MOST_CALLS when it cannot be kept, or should not. */
static int64_t count_calls(const numc_exec *exec)
{
    int64_t calls = 0;
    for (int32_t k = 0; k < exec->step_count && calls <= MOST_CALLS; k++) {
        const numc_step *step = &exec->steps[k];
        if (step->kind == NUMC_STEP_SCAN) {
            const int64_t length = step->attributes->numbers[2], copies = step->input_count + step->output_count;
            const int64_t each = count_calls(step->bodies[0]) + copies;
            calls += length > MOST_CALLS || each > MOST_CALLS ? MOST_CALLS + 1 : copies + length * each;
        } else if (step->kind == NUMC_STEP_KERNEL || (step->kind == NUMC_STEP_SLOT && step->primitive != NUMC_PRIMITIVE_EXTERNAL))
            calls++;
        else
            return MOST_CALLS + 1;
    }
    return calls;
}

static numc_status run_behind(numc_context *context, numc_exec_state *state, const numc_calls *before)
{
    if (before != NULL)
        NUMC_TRY(before->make(before->user));
    return numc__exec_run(context, state);
}

/* The steps are walked once more with the device keeping what they ask for. A failure is no error: they go on being run. */
static void record(numc_context *context, numc_exec_state *state, const numc_calls *before, struct kept *kept)
{
    const numc_backend *table = &state->device->table;
    numc_device *device = state->device->device;
    const int64_t calls = count_calls(state->exec) + (before != NULL);
    kept->runs = -1;
    if (calls < 2 || calls > MOST_CALLS)
        return;
    int32_t status = table->recording_begin(device);
    if (status == NUMC_UNSUPPORTED) /* a device that keeps no calls */
        return;
    if (status == NUMC_OK) {
        const numc_status walked = run_behind(context, state, before);
        status = table->recording_end(device, &kept->recording);
        if (walked != NUMC_OK && kept->recording != NULL) {
            table->recording_release(device, kept->recording);
            kept->recording = NULL;
        }
    }
    if (status != NUMC_OK) {
        (void)numc__device_check(context, status, "recording"); /* takes the message */
        kept->recording = NULL;
    }
    numc_error_clear(context);
}

numc_status numc__exec_repeat(numc_context *context, numc_exec_state *state, const numc_calls *before)
{
    const numc_backend *table = &state->device->table;
    struct kept *kept = &state->kept[before != NULL];
    if (kept->recording == NULL && kept->runs >= 0 && table->recording_begin != NULL && kept->runs++ == RECORD_AFTER)
        record(context, state, before, kept);
    if (kept->recording == NULL)
        return run_behind(context, state, before);
    return numc__device_check(context, table->recording_run(state->device->device, kept->recording), "recorded calls");
}
