/* infer_control.c - output types of what has graphs of its own: control flow, functions with a derivative of their own; and of functions
 * in C. */
#include <string.h>

#include "array/infer.h"
#include "graph/build.h"

static bool same_type(const numc_type *a, const numc_type *b)
{
    return a->dtype == b->dtype && numc__type_same_shape(a, b);
}

static numc_status rule_cond(numc_inference *f)
{
    NUMC_NEED(f->attributes != NULL && f->attributes->graphs[0] != NULL && f->attributes->graphs[1] != NULL, NUMC_INTERNAL,
         "it needs two graphs");
    NUMC_NEED(f->input_count >= 1 && f->inputs[0].rank == 0 && f->inputs[0].dtype == NUMC_BOOL, NUMC_DTYPE,
         "the predicate must be a 0-d bool");
    const numc_graph *yes = f->attributes->graphs[0], *no = f->attributes->graphs[1];
    for (int32_t k = 0; k < 2; k++) {
        const numc_graph *graph = f->attributes->graphs[k];
        NUMC_NEED(graph->input_count == f->input_count - 1, NUMC_INTERNAL, "a branch takes %d operands, %d are given",
             (int)graph->input_count, (int)f->input_count - 1);
        for (int32_t i = 0; i < graph->input_count; i++)
            NUMC_NEED(same_type(numc__graph_input_type(graph, i), &f->inputs[i + 1]), NUMC_SHAPE,
                 "operand %d is not of the type the branch was traced with", (int)i + 1);
    }
    NUMC_NEED(yes->output_count == no->output_count, NUMC_SHAPE, "the branches give %d and %d results", (int)yes->output_count,
         (int)no->output_count);
    for (int32_t i = 0; i < yes->output_count; i++) {
        const numc_type *a = numc__graph_output_type(yes, i), *b = numc__graph_output_type(no, i);
        char left[128], right[128];
        numc__type_format(left, sizeof left, a->dtype, a->rank, a->shape);
        numc__type_format(right, sizeof right, b->dtype, b->rank, b->shape);
        NUMC_NEED(same_type(a, b), NUMC_SHAPE, "result %d is %s in one branch and %s in the other", (int)i + 1, left, right);
        NUMC_TRY(numc__infer_output(f, a->dtype, a->rank, a->shape));
    }
    return NUMC_OK;
}

static numc_status rule_scan(numc_inference *f)
{
    NUMC_NEED(f->attributes != NULL && f->attributes->graphs[0] != NULL && f->attributes->count >= 4 && f->attributes->count <= NUMC_SCAN_NUMBERS,
         NUMC_INTERNAL, "it needs a graph and four to six numbers");
    const numc_graph *graph = f->attributes->graphs[0];
    int64_t carries = f->attributes->numbers[0], sequences = f->attributes->numbers[1], length = f->attributes->numbers[2];
    NUMC_NEED(carries >= 0 && sequences >= 0 && length >= 0 && carries + sequences <= f->input_count
             && graph->input_count == f->input_count && carries <= graph->output_count,
         NUMC_INTERNAL, "the body takes %d inputs, %d are given", (int)graph->input_count, (int)f->input_count);
    for (int32_t i = 0; i < f->input_count; i++) {
        const numc_type *body = numc__graph_input_type(graph, i), *x = &f->inputs[i];
        bool sequence = i >= carries && i < carries + sequences;
        bool fits = sequence ? x->rank == body->rank + 1 && x->shape[0] == length && x->dtype == body->dtype
                                   && numc__type_same_shape(&(numc_type){x->dtype, x->rank - 1, x->shape + 1}, body)
                             : same_type(body, x);
        NUMC_NEED(fits, NUMC_SHAPE, "input %d is not of the type the body was traced with", (int)i + 1);
    }
    for (int32_t i = 0; i < graph->output_count; i++) {
        const numc_type *y = numc__graph_output_type(graph, i);
        if (i < carries) {
            char before[128], after[128];
            numc__type_format(before, sizeof before, f->inputs[i].dtype, f->inputs[i].rank, f->inputs[i].shape);
            numc__type_format(after, sizeof after, y->dtype, y->rank, y->shape);
            NUMC_NEED(same_type(y, &f->inputs[i]), NUMC_SHAPE, "carry %d is %s before the step and %s after it", (int)i + 1,
                 before, after);
            NUMC_TRY(numc__infer_output(f, y->dtype, y->rank, y->shape));
        } else {
            int64_t shape[NUMC_RANK_LIMIT + 1] = {length};
            if (y->rank > 0)
                memcpy(shape + 1, y->shape, (size_t)y->rank * sizeof *shape);
            NUMC_TRY(numc__infer_output(f, y->dtype, y->rank + 1, shape));
        }
    }
    return NUMC_OK;
}

static numc_status rule_while(numc_inference *f)
{
    NUMC_NEED(f->attributes != NULL && f->attributes->graphs[0] != NULL && f->attributes->graphs[1] != NULL
             && f->attributes->count == 2, NUMC_INTERNAL, "it needs two graphs and two numbers");
    const numc_graph *condition = f->attributes->graphs[0], *step = f->attributes->graphs[1];
    int64_t carries = f->attributes->numbers[0];
    NUMC_NEED(carries >= 0 && carries <= f->input_count && condition->input_count == f->input_count
             && step->input_count == f->input_count && condition->output_count == 1 && step->output_count == carries,
         NUMC_INTERNAL, "the condition takes %d inputs and the step %d, %d are given", (int)condition->input_count,
         (int)step->input_count, (int)f->input_count);
    const numc_type *truth = numc__graph_output_type(condition, 0);
    NUMC_NEED(truth->dtype == NUMC_BOOL && truth->rank == 0, NUMC_DTYPE, "the condition must be a 0-d bool");
    for (int32_t i = 0; i < f->input_count; i++) {
        const numc_type *x = &f->inputs[i];
        NUMC_NEED(same_type(numc__graph_input_type(condition, i), x) && same_type(numc__graph_input_type(step, i), x), NUMC_SHAPE,
             "input %d is not of the type the step was traced with", (int)i + 1);
    }
    for (int32_t i = 0; i < carries; i++) {
        const numc_type *y = numc__graph_output_type(step, i);
        char before[128], after[128];
        numc__type_format(before, sizeof before, f->inputs[i].dtype, f->inputs[i].rank, f->inputs[i].shape);
        numc__type_format(after, sizeof after, y->dtype, y->rank, y->shape);
        NUMC_NEED(same_type(y, &f->inputs[i]), NUMC_SHAPE, "carry %d is %s before the step and %s after it", (int)i + 1, before, after);
        NUMC_TRY(numc__infer_output(f, y->dtype, y->rank, y->shape));
    }
    return NUMC_OK;
}

/* The rule's types: x..., y..., tangents of the float inputs to those of the float outputs, or the other way round. */
static numc_status rule_custom(numc_inference *f)
{
    NUMC_NEED(f->attributes != NULL && f->attributes->graphs[0] != NULL && f->attributes->graphs[1] != NULL
             && f->attributes->count == 1, NUMC_INTERNAL, "it needs two graphs and one number");
    const numc_graph *function = f->attributes->graphs[0], *derivative = f->attributes->graphs[1];
    bool reverse = f->attributes->numbers[0] != 0;
    NUMC_NEED(function->input_count == f->input_count, NUMC_INTERNAL, "the function takes %d operands", (int)function->input_count);
    int32_t ins = function->input_count, outs = function->output_count, at = 0, result = 0;
    for (int part = 0; part < 4; part++) {
        bool of_input = part == 0 || part == (reverse ? 3 : 2);
        for (int32_t i = 0; i < (of_input ? ins : outs); i++) {
            const numc_type *type = of_input ? numc__graph_input_type(function, i) : numc__graph_output_type(function, i);
            if (part >= 2 && !numc__differentiable(type->dtype))
                continue;
            if (part == 3)
                NUMC_NEED(result < derivative->output_count && same_type(numc__graph_output_type(derivative, result), type), NUMC_SHAPE,
                     "result %d of its derivative has another type", (int)result + 1);
            else
                NUMC_NEED(at < derivative->input_count && same_type(numc__graph_input_type(derivative, at), type), NUMC_SHAPE,
                     "input %d of its derivative has another type", (int)at + 1);
            at += part < 3;
            result += part == 3;
        }
    }
    NUMC_NEED(at == derivative->input_count && result == derivative->output_count, NUMC_INTERNAL, "its derivative has too many values");
    for (int32_t i = 0; i < ins; i++)
        NUMC_NEED(same_type(numc__graph_input_type(function, i), &f->inputs[i]), NUMC_SHAPE,
             "operand %d is not of the type the function was traced with", (int)i + 1);
    for (int32_t i = 0; i < outs; i++) {
        const numc_type *y = numc__graph_output_type(function, i);
        NUMC_TRY(numc__infer_output(f, y->dtype, y->rank, y->shape));
    }
    return NUMC_OK;
}

/* Of one element, after the axes of the batch, in which all operands agree. */
static numc_status rule_external(numc_inference *f)
{
    const int64_t *n = f->attributes == NULL ? NULL : f->attributes->numbers;
    NUMC_NEED(n != NULL && f->attributes->count >= 4 && f->input_count >= 1 && n[2] >= 0 && n[3] >= 0, NUMC_INTERNAL,
         "it needs an operand and four numbers");
    for (int32_t i = 0; i < f->input_count; i++) {
        NUMC_NEED(f->inputs[i].rank >= n[2], NUMC_INTERNAL, "operand %d has no batch", (int)i + 1);
        for (int64_t d = 0; d < n[2]; d++)
            NUMC_NEED(f->inputs[i].shape[d] == f->inputs[0].shape[d], NUMC_INTERNAL, "operand %d has another batch", (int)i + 1);
    }
    int32_t at = 4;
    for (int64_t k = 0; k < n[3]; k++) {
        int64_t shape[NUMC_RANK_LIMIT];
        NUMC_NEED(at + 2 <= f->attributes->count && n[2] + n[at + 1] <= NUMC_RANK_LIMIT && at + 2 + n[at + 1] <= f->attributes->count,
             NUMC_SHAPE, "a result of rank %lld", (long long)(n[2] + n[at + 1]));
        for (int64_t d = 0; d < n[2]; d++)
            shape[d] = f->inputs[0].shape[d];
        for (int64_t d = 0; d < n[at + 1]; d++)
            shape[n[2] + d] = n[at + 2 + d];
        NUMC_TRY(numc__infer_output(f, (numc_dtype)n[at], (int32_t)(n[2] + n[at + 1]), shape));
        at += 2 + (int32_t)n[at + 1];
    }
    return NUMC_OK;
}

numc_status numc__infer_control(numc_inference *f)
{
    switch (f->primitive) {
    case NUMC_PRIMITIVE_COND: return rule_cond(f);
    case NUMC_PRIMITIVE_SCAN: return rule_scan(f);
    case NUMC_PRIMITIVE_WHILE: return rule_while(f);
    case NUMC_PRIMITIVE_CUSTOM: return rule_custom(f);
    default: return rule_external(f);
    }
}
