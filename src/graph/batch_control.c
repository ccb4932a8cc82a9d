/* batch_control.c - batching rules of control flow: the batched cond with one predicate is a cond, the batched scan a
 * scan, the batched while a while. */
#include "graph/batch.h"

#include <string.h>

/* ---- which results are mapped ------------------------------------------------------------------------------------ */

static numc_status cond_flags(numc_context *context, const numc_attributes *attributes, const bool *mapped, bool *mapped_y)
{
    int32_t count = attributes->graphs[0]->output_count;
    if (mapped[0])
        return NUMC_OK; /* all, as they stand */
    bool *other = numc__allocate(context, (size_t)count * sizeof *other);
    if (other == NULL)
        return context->status;
    numc_status status = numc__batch_flags(context, attributes->graphs[0], mapped + 1, mapped_y);
    if (status == NUMC_OK)
        status = numc__batch_flags(context, attributes->graphs[1], mapped + 1, other);
    for (int32_t i = 0; i < count && status == NUMC_OK; i++)
        mapped_y[i] = mapped_y[i] || other[i];
    numc__free(context, other, (size_t)count * sizeof *other);
    return status;
}

/* mapped[] of a scan's inputs, closed under the step: a carry is mapped when it starts so or becomes so. */
static numc_status scan_flags(numc_context *context, const numc_attributes *attributes, bool *mapped, bool *mapped_y)
{
    int32_t carries = (int32_t)attributes->numbers[0];
    for (bool changed = true; changed;) {
        NUMC_TRY(numc__batch_flags(context, attributes->graphs[0], mapped, mapped_y));
        changed = false;
        for (int32_t k = 0; k < carries; k++) {
            changed = changed || (mapped_y[k] && !mapped[k]);
            mapped[k] = mapped_y[k] = mapped[k] || mapped_y[k];
        }
    }
    return NUMC_OK;
}

/* The same of a while; `each`: elements end at steps of their own, and then all carries are mapped. */
static numc_status while_flags(numc_context *context, const numc_attributes *attributes, bool *mapped, bool *mapped_y, bool *each)
{
    int32_t carries = (int32_t)attributes->numbers[0];
    for (bool changed = true; changed;) {
        NUMC_TRY(numc__batch_flags(context, attributes->graphs[0], mapped, each));
        NUMC_TRY(numc__batch_flags(context, attributes->graphs[1], mapped, mapped_y));
        changed = false;
        for (int32_t k = 0; k < carries; k++) {
            bool now = mapped[k] || mapped_y[k] || *each;
            changed = changed || now != mapped[k];
            mapped[k] = mapped_y[k] = now;
        }
    }
    return NUMC_OK;
}

numc_status numc__batch_flags_control(numc_context *context, const numc_node *node, const bool *mapped, bool *mapped_y)
{
    if (node->primitive == NUMC_PRIMITIVE_COND)
        return cond_flags(context, &node->attributes, mapped, mapped_y);
    size_t count = (size_t)node->input_count;
    bool *flags = numc__allocate(context, count * sizeof *flags);
    if (flags == NULL)
        return context->status;
    memcpy(flags, mapped, count * sizeof *flags);
    bool each;
    numc_status status = node->primitive == NUMC_PRIMITIVE_WHILE ? while_flags(context, &node->attributes, flags, mapped_y, &each)
                                                                 : scan_flags(context, &node->attributes, flags, mapped_y);
    numc__free(context, flags, count * sizeof *flags);
    return status;
}

/* ---- cond -------------------------------------------------------------------------------------------------------- */

static numc_status cond_one(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    numc_context *context = b->context;
    numc_attributes attributes = {0};
    numc_status status = cond_flags(context, b->attributes, b->mapped, mapped_y);
    for (int i = 0; i < 2 && status == NUMC_OK; i++) {
        attributes.graphs[i] = numc__batch_graph(context, b->attributes->graphs[i], b->size, b->mapped + 1, mapped_y);
        status = context->status;
    }
    if (status == NUMC_OK)
        status = numc__bind(context, b->primitive, b->x, b->input_count, &attributes, y, b->output_count);
    numc__graph_release(attributes.graphs[0]);
    numc__graph_release(attributes.graphs[1]);
    return status;
}

/* mask [B] over the shape of x [B, ...]. */
static numc_array *mask_like(numc_context *context, const numc_array *mask, const numc_array *x)
{
    int64_t shape[NUMC_RANK_LIMIT];
    if (mask == NULL || x == NULL)
        return NULL;
    for (int32_t d = 0; d < x->rank; d++)
        shape[d] = d == 0 ? x->shape[0] : 1;
    const numc_array *column = numc__reshape_to(context, mask, x->rank, shape);
    return numc__apply_numbers(context, NUMC_PRIMITIVE_BROADCAST, &column, 1, x->shape, x->rank);
}

static numc_array *select_by(numc_context *context, const numc_array *mask, const numc_array *yes, const numc_array *no)
{
    numc_array *over = mask_like(context, mask, yes);
    if (over == NULL || no == NULL)
        return NULL;
    return numc__bind1(context, NUMC_SCALAR_WHERE, (const numc_array *[]){over, yes, no}, 3, NULL);
}

/* One branch for all elements, with operands that are x for those that take it (mask is `sense`) and stop_gradient(x) for the
 * others: the same values, but what comes back from elements that do not take the branch, NaN too, is dropped before it can be
 * added to anything. So an operand that is a float gets the batch even if it is the same for all. */
static numc_status cond_branch(const numc_batching *b, const numc_graph *graph, bool sense, const numc_array **x, bool *mapped,
                               numc_array **y, bool *mapped_y)
{
    numc_context *context = b->context;
    for (int32_t k = 1; k < b->input_count; k++) {
        x[k - 1] = b->x[k];
        mapped[k - 1] = b->mapped[k];
        if (!numc__differentiable(b->x[k]->dtype))
            continue;
        const numc_array *own = numc__batch_operand(b, k);
        const numc_array *still = own == NULL ? NULL : numc__bind1(context, NUMC_PRIMITIVE_STOP_GRADIENT, &own, 1, NULL);
        x[k - 1] = select_by(context, b->x[0], sense ? own : still, sense ? still : own);
        mapped[k - 1] = true;
        NUMC_TRY(context->status);
    }
    NUMC_TRY(numc__batch_apply(context, graph, b->size, x, mapped, y, mapped_y));
    for (int32_t i = 0; i < graph->output_count; i++) {
        if (!mapped_y[i])
            y[i] = numc__batch_spread(context, b->size, y[i]);
    }
    return context->status;
}

/* A predicate for each element: both branches, and a selection. */
static numc_status cond_each(const numc_batching *b, numc_array **y)
{
    numc_context *context = b->context;
    size_t ins = (size_t)b->input_count, outs = (size_t)b->output_count;
    size_t size = (ins + 2 * outs) * sizeof(void *) + (ins + outs) * sizeof(bool);
    const numc_array **x = numc__allocate_zero(context, 1, size);
    if (x == NULL)
        return context->status;
    numc_array **yes = (numc_array **)(uintptr_t)(x + ins), **no = yes + outs;
    bool *mapped = (bool *)(void *)(no + outs), *mapped_y = mapped + ins;
    numc_status status = cond_branch(b, b->attributes->graphs[0], true, x, mapped, yes, mapped_y);
    if (status == NUMC_OK)
        status = cond_branch(b, b->attributes->graphs[1], false, x, mapped, no, mapped_y);
    for (int32_t i = 0; i < b->output_count && status == NUMC_OK; i++) {
        y[i] = select_by(context, b->x[0], yes[i], no[i]);
        status = context->status;
    }
    numc__free(context, x, size);
    return status;
}

numc_status numc__batch_cond(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    return b->mapped[0] ? cond_each(b, y) : cond_one(b, y, mapped_y);
}

/* ---- scan -------------------------------------------------------------------------------------------------------- */

numc_status numc__batch_scan(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    numc_context *context = b->context;
    const int64_t *numbers = b->attributes->numbers;
    int32_t carries = (int32_t)numbers[0], sequences = (int32_t)numbers[1];
    size_t ins = (size_t)b->input_count, size = ins * (sizeof(void *) + sizeof(bool));
    const numc_array **x = numc__allocate_zero(context, 1, size);
    if (x == NULL)
        return context->status;
    bool *mapped = (bool *)(void *)(x + ins);
    memcpy(mapped, b->mapped, ins * sizeof *mapped);
    numc_attributes attributes = *b->attributes;
    attributes.graphs[0] = NULL;
    numc_status status = scan_flags(context, b->attributes, mapped, mapped_y);
    for (int32_t k = 0; k < b->input_count && status == NUMC_OK; k++) {
        x[k] = mapped[k] ? numc__batch_operand(b, k) : b->x[k];
        if (mapped[k] && k >= carries && k < carries + sequences) /* steps first, then the batch */
            x[k] = numc__batch_move(context, x[k], 1, 0);
        status = context->status;
    }
    if (status == NUMC_OK) {
        attributes.graphs[0] = numc__batch_graph(context, b->attributes->graphs[0], b->size, mapped, mapped_y);
        status = context->status;
    }
    if (status == NUMC_OK)
        status = numc__bind(context, b->primitive, x, b->input_count, &attributes, y, b->output_count);
    for (int32_t i = carries; i < b->output_count && status == NUMC_OK; i++) {
        if (mapped_y[i])
            y[i] = numc__batch_move(context, y[i], 1, 0);
        status = context->status;
    }
    numc__graph_release(attributes.graphs[0]);
    numc__free(context, x, size);
    return status;
}

/* ---- while ------------------------------------------------------------------------------------------------------- */

/* Where elements end at steps of their own. `condition`: whether any element goes on; else the step, which changes the carries
 * of those that do. */
static numc_graph *while_each(const numc_batching *b, const bool *mapped, bool condition, numc_array **block, bool *flags)
{
    numc_context *context = b->context;
    const numc_graph *test = b->attributes->graphs[0], *step = b->attributes->graphs[1];
    int32_t carries = (int32_t)b->attributes->numbers[0], count = condition ? 1 : carries;
    numc_array **x = block, **y = x + b->input_count, *more = NULL;
    bool is_mapped;
    numc_trace *trace = numc__trace_begin(context);
    if (trace == NULL)
        return NULL;
    for (int32_t i = 0; i < b->input_count; i++)
        x[i] = numc__batch_input(trace, context, &test->values[i].type, b->size, mapped[i] ? 0 : -1, NULL);
    numc_status status = numc__batch_apply(context, test, b->size, (const numc_array *const *)x, mapped, &more, &is_mapped);
    if (status == NUMC_OK && condition) {
        const int64_t axis = 0;
        y[0] = numc__apply_numbers(context, NUMC_PRIMITIVE_REDUCE_ANY, (const numc_array *[]){more}, 1, &axis, 1);
        status = context->status;
    } else if (status == NUMC_OK) {
        status = numc__batch_apply(context, step, b->size, (const numc_array *const *)x, mapped, y, flags);
        for (int32_t k = 0; k < carries && status == NUMC_OK; k++) {
            if (!flags[k])
                y[k] = numc__batch_spread(context, b->size, y[k]);
            y[k] = select_by(context, more, y[k], x[k]);
            status = context->status;
        }
    }
    if (status != NUMC_OK) {
        numc__trace_abandon(trace);
        return NULL;
    }
    return numc__trace_finish(trace, y, count, NULL, NULL);
}

numc_status numc__batch_while(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    numc_context *context = b->context;
    int32_t carries = (int32_t)b->attributes->numbers[0];
    size_t ins = (size_t)b->input_count, outs = (size_t)carries + 1, pointers = 2 * ins + outs;
    size_t size = pointers * sizeof(void *) + (ins + outs) * sizeof(bool);
    const numc_array **x = numc__allocate_zero(context, 1, size);
    if (x == NULL)
        return context->status;
    numc_array **block = (numc_array **)(uintptr_t)(x + ins);
    bool *mapped = (bool *)(void *)(x + pointers), *flags = mapped + ins, each = false;
    static const bool one = false;
    memcpy(mapped, b->mapped, ins * sizeof *mapped);
    numc_attributes attributes = *b->attributes;
    attributes.graphs[0] = attributes.graphs[1] = NULL;
    numc_status status = while_flags(context, b->attributes, mapped, mapped_y, &each);
    for (int32_t k = 0; k < b->input_count && status == NUMC_OK; k++) {
        x[k] = mapped[k] ? numc__batch_operand(b, k) : b->x[k];
        status = context->status;
    }
    for (int i = 0; i < 2 && status == NUMC_OK; i++) {
        attributes.graphs[i] = each ? while_each(b, mapped, i == 0, block, flags)
                                    : numc__batch_graph(context, b->attributes->graphs[i], b->size, mapped, i == 0 ? &one : mapped_y);
        status = context->status;
    }
    if (status == NUMC_OK)
        status = numc__bind(context, b->primitive, x, b->input_count, &attributes, y, b->output_count);
    numc__graph_release(attributes.graphs[0]);
    numc__graph_release(attributes.graphs[1]);
    numc__free(context, x, size);
    return status;
}
