/* native.c - an exec as C text: a function for each exec, which calls the kernels one after another and runs branches and scans by
 * itself; what has no text (backend slots, but for those of small matrices) is a call back. The bits are the interpreter's. */
#include "compile/pass.h"

#include <string.h>

#include "backend/device.h"
#include "compile/matrix.h"

/* As numc_native_frame. */
static const char head[] = "typedef struct frame {\n"
                           "    char *arena;\n"
                           "    char *const *externals, *const *constants;\n"
                           "    const struct frame *const *bodies;\n"
                           "    int32_t (*step)(void *state, int32_t step);\n"
                           "    void (*lend)(void *state, int32_t input, void *memory, int64_t offset);\n"
                           "    void *state;\n"
                           "    void **lent;\n"
                           "} frame;\n"
                           "#define NUMC_E_KERNEL static inline __attribute__((always_inline))\n"
                           "#if defined(__GNUC__) && !defined(__clang__)\n"
                           "#define NUMC_E_INDEPENDENT _Pragma(\"GCC ivdep\")\n"
                           "#else\n"
                           "#define NUMC_E_INDEPENDENT\n"
                           "#endif\n";

int32_t numc__exec_number(numc_exec *exec, struct numc_native *native, int32_t count)
{
    exec->native = native;
    exec->number = count++;
    for (int32_t s = 0; s < exec->step_count; s++)
        for (int b = 0; b < 2; b++)
            if (exec->steps[s].bodies[b] != NULL)
                count = numc__exec_number(exec->steps[s].bodies[b], native, count);
    return count;
}

/* The first byte of a place: "f->arena + 64". */
static void add_place(numc_text *text, const char *frame, const numc_place *place)
{
    if (place->kind == NUMC_PLACE_REGION)
        numc__text_add(text, "%s->arena + %llu", frame, (unsigned long long)place->offset);
    else
        numc__text_add(text, "%s->%s[%d]", frame, place->kind == NUMC_PLACE_EXTERNAL ? "externals" : "constants", (int)place->index);
}

static void add_view(numc_text *text, const numc_exec *exec, const numc_slot_view *view)
{
    add_place(text, "f", &exec->places[view->value]);
    numc__text_add(text, " + %lld", (long long)view->offset * (long long)numc_dtype_size(view->dtype));
}

int32_t numc__native_lent(const numc_exec *exec, int32_t value)
{
    for (int32_t k = 0; exec->lent != NULL && k < exec->input_count; k++)
        if (exec->lent[k] && exec->inputs[k] == value)
            return k;
    return -1;
}

void numc__native_view(numc_text *text, const numc_exec *exec, const numc_slot_view *view)
{
    int32_t lent = numc__native_lent(exec, view->value);
    if (lent < 0)
        add_view(text, exec, view);
    else
        numc__text_add(text, "(const char *)f->lent[%d] + %lld", (int)lent,
                       (long long)view->offset * (long long)numc_dtype_size(view->dtype));
}

/* Whether a step that is called back reads the value. */
static bool slot_reads(const numc_exec *exec, int32_t value)
{
    numc_pass pass;
    for (int32_t s = 0; s < exec->step_count; s++) {
        const numc_step *step = &exec->steps[s];
        if (numc__pass_find(exec, s, &pass)) {
            s = pass.kernel + pass.sums;
            continue;
        }
        bool called = step->kind == NUMC_STEP_SLOT ? !numc__matrix_is_text(exec, s) : numc__exec_spreads(exec, step);
        for (int32_t k = 0; called && k < step->input_count; k++)
            if (step->inputs[k].value == value)
                return true;
    }
    return false;
}

/* ---- kernels --------------------------------------------------------------------------------------------------------- */

static bool add_kernel(numc_text *text, const numc_exec *exec, int32_t s, const numc_pass *pass, double runs)
{
    const numc_step *step = &exec->steps[s];
    const numc_kernel_arguments arguments = {.extents = step->extents, .strides = step->strides, .constants = step->constants,
                                             .offsets = pass != NULL ? NULL : step->offsets};
    char name[40];
    (void)numc__format(name, sizeof name, "k%d_%d", (int)exec->number, (int)s);
    return pass != NULL ? numc__pass_kernel(text, exec, pass, runs, name, &arguments)
                        : numc__kernel_text(text, &step->source, NUMC_DIALECT_C, name, &arguments, NULL);
}

/* The number of the sequence's element that is the value, where kernels alone read it: they look at it where it lies. -1. */
static int32_t looked_at(const numc_exec *exec, int32_t value)
{
    int32_t input = -1;
    for (int32_t k = exec->first_sequence; k < exec->first_sequence + exec->sequence_count; k++)
        if (exec->inputs[k] == value)
            input = k;
    for (int32_t k = 0; k < exec->output_count && input >= 0; k++)
        if (exec->outputs[k] == value)
            return -1;
    for (int32_t s = 0; s < exec->step_count && input >= 0; s++) {
        const numc_step *step = &exec->steps[s];
        for (uint32_t a = 0; step->kind == NUMC_STEP_KERNEL && a < step->source.access_count; a++)
            if (step->access_values[a] == value && step->source.accesses[a].writes)
                return -1;
        for (int32_t k = 0; step->kind != NUMC_STEP_KERNEL && k < step->input_count; k++)
            if (step->inputs[k].value == value)
                return -1;
    }
    return input;
}

/* Up to the last argument. */
static void add_kernel_call(numc_text *text, const numc_exec *exec, int32_t s)
{
    const numc_step *step = &exec->steps[s];
    numc__text_add(text, "    k%d_%d(", (int)exec->number, (int)s);
    for (uint32_t a = 0; a < step->source.access_count; a++) {
        numc_place place = step->buffers[step->source.accesses[a].buffer];
        numc_dtype dtype = (numc_dtype)step->source.accesses[a].dtype;
        int32_t sequence = looked_at(exec, step->access_values[a]);
        int64_t offset = step->offsets[a];
        numc__text_add(text, "%s(numc_e_%s *)(", a > 0 ? ", " : "", numc_dtype_name(dtype));
        if (sequence >= 0) {
            offset -= (int64_t)(place.offset / numc_dtype_size(dtype));
            numc__text_add(text, "f->lent[%d]", (int)sequence);
        } else {
            place.offset = 0; /* the access's offset counts from the arena's first byte */
            add_place(text, "f", &place);
        }
        numc__text_add(text, ") + %lld", (long long)offset);
    }
}

/* ---- control flow ---------------------------------------------------------------------------------------------------- */

/* memcpy between a view of the exec, `skip` (text) bytes into it, and a value of its body. */
static void add_copy(numc_text *text, const numc_exec *exec, const numc_slot_view *view, const char *skip, const numc_exec *body,
                     int32_t value, unsigned long long bytes, bool in)
{
    if (bytes == 0)
        return;
    numc__text_add(text, "        memcpy(");
    if (in)
        add_place(text, "b", &body->places[value]);
    else
        add_view(text, exec, view);
    numc__text_add(text, "%s, ", in ? "" : skip);
    if (in)
        numc__native_view(text, exec, view);
    else
        add_place(text, "b", &body->places[value]);
    numc__text_add(text, "%s, %llu);\n", in ? skip : "", bytes);
}

static void add_body_call(numc_text *text, const numc_exec *body)
{
    numc__text_add(text, "        if ((status = x%d(b)) != 0)\n            return status;\n", (int)body->number);
}

static void add_cond(numc_text *text, const numc_exec *exec, int32_t s)
{
    const numc_step *step = &exec->steps[s];
    for (int branch = 0; branch < 2; branch++) {
        const numc_exec *body = step->bodies[branch];
        if (branch == 0) {
            numc__text_add(text, "    if (*(const unsigned char *)(");
            add_view(text, exec, &step->inputs[0]);
            numc__text_add(text, ") != 0) {\n");
        } else {
            numc__text_add(text, "    } else {\n");
        }
        numc__text_add(text, "        const frame *const b = f->bodies[%d];\n", 2 * (int)s + branch);
        for (int32_t k = 1; k < step->input_count; k++)
            add_copy(text, exec, &step->inputs[k], "", body, body->inputs[k - 1], numc__slot_bytes(&step->inputs[k]), true);
        add_body_call(text, body);
        for (int32_t k = 0; k < step->output_count; k++)
            add_copy(text, exec, &step->outputs[k], "", body, body->outputs[k], numc__slot_bytes(&step->outputs[k]), false);
    }
    numc__text_add(text, "    }\n");
}

static void add_step(numc_text *text, int32_t s)
{
    numc__text_add(text, "    if ((status = f->step(f->state, %d)) != 0)\n        return status;\n", (int)s);
}

static void add_scan(numc_text *text, const numc_exec *exec, int32_t s)
{
    const numc_step *step = &exec->steps[s];
    if (numc__exec_spreads(exec, step)) { /* threads are the library's */
        add_step(text, s);
        return;
    }
    const numc_exec *body = step->bodies[0];
    const int64_t *n = step->attributes->numbers;
    int32_t carries = (int32_t)n[0], sequences = (int32_t)n[1];
    unsigned long long length = (unsigned long long)n[2];
    char skip[64];
    numc__text_add(text, "    {\n        const frame *const b = f->bodies[%d];\n", 2 * (int)s);
    for (int32_t k = 0; k < step->input_count; k++)
        if (k < carries || k >= carries + sequences)
            add_copy(text, exec, &step->inputs[k], "", body, body->inputs[k], numc__slot_bytes(&step->inputs[k]), true);
    numc__text_add(text, "        for (int64_t t = 0; t < %llull; t++) {\n", length);
    if (n[3] != 0)
        numc__text_add(text, "        const int64_t i = %llull - t;\n", length - 1);
    else
        numc__text_add(text, "        const int64_t i = t;\n");
    for (int32_t k = carries; k < carries + sequences && length > 0; k++) {
        unsigned long long bytes = numc__slot_bytes(&step->inputs[k]) / length;
        bool lent = body->lent != NULL && body->lent[k];
        if (lent || looked_at(body, body->inputs[k]) >= 0) {
            numc__text_add(text, "        b->lent[%d] = (char *)", (int)k);
            numc__native_view(text, exec, &step->inputs[k]);
            numc__text_add(text, " + i * %llu;\n", bytes);
            if (lent && slot_reads(body, body->inputs[k]))
                numc__text_add(text, "        b->lend(b->state, %d, b->lent[%d], 0);\n", (int)k, (int)k);
            continue;
        }
        (void)numc__format(skip, sizeof skip, " + i * %llu", bytes);
        add_copy(text, exec, &step->inputs[k], skip, body, body->inputs[k], bytes, true);
    }
    add_body_call(text, body);
    for (int32_t k = carries; k < step->output_count && length > 0; k++) {
        unsigned long long bytes = numc__slot_bytes(&step->outputs[k]) / length;
        (void)numc__format(skip, sizeof skip, " + i * %llu", bytes);
        add_copy(text, exec, &step->outputs[k], skip, body, body->outputs[k], bytes, false);
    }
    for (int32_t k = 0; k < carries; k++) {
        const numc_place *from = &body->places[body->outputs[k]], *to = &body->places[body->inputs[k]];
        if (from->bytes > 0)
            numc__text_add(text, "        memcpy(b->arena + %llu, b->arena + %llu, %llu);\n", (unsigned long long)to->offset,
                           (unsigned long long)from->offset, (unsigned long long)from->bytes);
    }
    numc__text_add(text, "        }\n");
    for (int32_t k = 0; k < carries; k++)
        add_copy(text, exec, &step->outputs[k], "", body, body->inputs[k], numc__slot_bytes(&step->outputs[k]), false);
    numc__text_add(text, "    }\n");
}

/* ---- execs ----------------------------------------------------------------------------------------------------------- */

/* runs: of the exec in one run of the program, at most. */
static bool add_exec(numc_text *text, const numc_exec *exec, double runs)
{
    numc_pass pass;
    for (int32_t s = 0; s < exec->step_count; s++) {
        const numc_step *step = &exec->steps[s];
        const double length = step->kind == NUMC_STEP_SCAN ? (double)step->attributes->numbers[2] : 1.0;
        for (int b = 0; b < 2; b++)
            if (step->bodies[b] != NULL && !add_exec(text, step->bodies[b], runs * length))
                return false;
        if (numc__pass_find(exec, s, &pass)) {
            if (!add_kernel(text, exec, pass.kernel, &pass, runs))
                return false;
            s = pass.kernel + pass.sums;
        } else if (step->kind == NUMC_STEP_KERNEL && !add_kernel(text, exec, s, NULL, runs)) {
            return false;
        } else if (numc__matrix_is_text(exec, s)) {
            numc__matrix_function(text, exec, s);
        }
    }
    numc__text_add(text, "static int32_t x%d(const frame *f)\n{\n    int32_t status = 0;\n    (void)f, (void)status;\n",
                   (int)exec->number);
    for (int32_t s = 0; s < exec->step_count; s++) {
        if (numc__pass_find(exec, s, &pass)) {
            numc__pass_call(text, exec, &pass, add_kernel_call);
            s = pass.kernel + pass.sums;
            continue;
        }
        switch (exec->steps[s].kind) {
        case NUMC_STEP_KERNEL:
            add_kernel_call(text, exec, s);
            numc__text_add(text, ");\n");
            break;
        case NUMC_STEP_COND: add_cond(text, exec, s); break;
        case NUMC_STEP_SCAN: add_scan(text, exec, s); break;
        default:
            if (numc__matrix_is_text(exec, s))
                numc__matrix_call(text, exec, s);
            else
                add_step(text, s);
            break;
        }
    }
    numc__text_add(text, "    return 0;\n}\n");
    return true;
}

bool numc__exec_text(numc_text *text, const numc_exec *const *execs, int32_t count, int32_t functions)
{
    numc__text_add(text, "%s", head);
    numc__pass_prologue(text, execs, count);
    for (int32_t k = 0; k < count; k++)
        if (!add_exec(text, execs[k], 1.0))
            return false;
    numc__text_add(text, "__attribute__((visibility(\"default\"))) int32_t (*const numc_native_functions[%d])(const frame *) = {\n",
                   (int)functions);
    for (int32_t k = 0; k < functions; k++)
        numc__text_add(text, "    x%d,\n", (int)k);
    numc__text_add(text, "};\n");
    return !text->failed;
}
