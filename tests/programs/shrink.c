/* shrink.c - a failing program made smaller, one change at a time, for as long as it fails: fewer results, a value replaced by an
 * operand, a constant or an input, bodies in place of their loops, smaller extents, rounder inputs. */
#include "program.h"

typedef struct shrinker {
    numc_context *context;
    program *best, *candidate;
    program_fails fails;
    void *user;
    int tried, limit;
} shrinker;

static bool same_text(const program *a, const program *b)
{
    char *text[2] = {NULL, NULL};
    size_t size[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        FILE *stream = open_memstream(&text[i], &size[i]);
        if (stream == NULL)
            abort();
        program_print(stream, i == 0 ? a : b);
        fclose(stream);
    }
    bool same = size[0] == size[1] && memcmp(text[0], text[1], size[0]) == 0;
    free(text[0]);
    free(text[1]);
    return same;
}

/* Whether the candidate is a program at all (its types are then known), another than the best, and fails. */
static bool accept(shrinker *s)
{
    if (s->tried >= s->limit)
        return false;
    s->tried++;
    program_clean(s->candidate);
    if (s->candidate->blocks[0].parameter_count == 0 || s->candidate->blocks[0].result_count == 0)
        return false;
    bool fine = false;
    numc_scope(s->context) {
        numc_function *f = program_function(s->context, s->candidate, true, 0);
        fine = f != NULL && numc_error_status(s->context) == NUMC_OK;
        numc_function_free(f);
    }
    numc_error_clear(s->context);
    for (int32_t i = 0; i < s->candidate->value_count && fine; i++)
        fine = elements_of(&s->candidate->types[i]) <= ELEMENTS;
    if (!fine || same_text(s->candidate, s->best) || !s->fails(s->candidate, s->user))
        return false;
    memcpy(s->best, s->candidate, sizeof *s->best);
    return true;
}

static void begin(shrinker *s)
{
    memcpy(s->candidate, s->best, sizeof *s->best);
}

static void replace_value(program *p, int32_t from, int32_t to)
{
    for (int32_t b = 0; b < p->block_count; b++) {
        block *at = &p->blocks[b];
        for (int32_t i = 0; i < at->application_count; i++) {
            for (int32_t k = 0; k < at->applications[i].operand_count; k++) {
                if (at->applications[i].operands[k] == from)
                    at->applications[i].operands[k] = to;
            }
        }
        for (int32_t i = 0; i < at->result_count; i++) {
            if (at->results[i] == from)
                at->results[i] = to;
        }
    }
}

static bool drop_results(shrinker *s)
{
    bool any = false;
    for (int32_t i = s->best->blocks[0].result_count - 1; i >= 0 && s->best->blocks[0].result_count > 1; i--) {
        if (i >= s->best->blocks[0].result_count)
            continue;
        begin(s);
        block *top = &s->candidate->blocks[0];
        for (int32_t k = i; k + 1 < top->result_count; k++)
            top->results[k] = top->results[k + 1];
        top->result_count--;
        any = accept(s) || any;
    }
    return any;
}

/* A result that is an operand of what made the present result. */
static bool earlier_results(shrinker *s)
{
    block *top = &s->best->blocks[0];
    for (int32_t r = 0; r < top->result_count; r++) {
        for (int32_t i = 0; i < top->application_count; i++) {
            const application *a = &top->applications[i];
            for (int32_t q = 0; q < a->result_count; q++) {
                for (int32_t k = 0; k < a->operand_count && a->results[q] == top->results[r]; k++) {
                    begin(s);
                    s->candidate->blocks[0].results[r] = a->operands[k];
                    if (accept(s))
                        return true;
                }
            }
        }
    }
    return false;
}

static bool same_type(const value_type *a, const value_type *b)
{
    bool same = a->dtype == b->dtype && a->rank == b->rank;
    for (int32_t i = 0; i < a->rank && same; i++)
        same = a->shape[i] == b->shape[i];
    return same;
}

/* Each result of each application: an operand or a parameter of its type, a constant, an input of the program. */
static bool simpler_values(shrinker *s)
{
    for (int32_t b = 0; b < s->best->block_count; b++) {
        for (int32_t i = s->best->blocks[b].application_count - 1; i >= 0; i--) {
            if (b >= s->best->block_count || i >= s->best->blocks[b].application_count)
                continue;
            const application a = s->best->blocks[b].applications[i];
            for (int32_t q = 0; q < a.result_count; q++) {
                value_type type = s->best->types[a.results[q]];
                for (int32_t k = 0; k < a.operand_count; k++) {
                    if (!same_type(&type, &s->best->types[a.operands[k]]))
                        continue;
                    begin(s);
                    replace_value(s->candidate, a.results[q], a.operands[k]);
                    if (accept(s))
                        return true;
                }
                for (int32_t k = 0; k < s->best->blocks[b].parameter_count; k++) {
                    int32_t id = s->best->blocks[b].parameters[k];
                    if (!same_type(&type, &s->best->types[id]))
                        continue;
                    begin(s);
                    replace_value(s->candidate, a.results[q], id);
                    if (accept(s))
                        return true;
                }
                block *top = &s->best->blocks[0];
                if (top->parameter_count < INPUTS && s->best->value_count < VALUES) {
                    begin(s);
                    program *p = s->candidate;
                    int32_t id = p->value_count++;
                    p->types[id] = type;
                    for (int64_t e = 0; e < 2 * ELEMENTS; e++)
                        p->inputs[p->blocks[0].parameter_count][e] = type.dtype == NUMC_BOOL ? (double)(e % 2) : 1.0 + (double)(e % 3) / 2.0;
                    p->blocks[0].parameters[p->blocks[0].parameter_count++] = id;
                    replace_value(p, a.results[q], id);
                    if (accept(s))
                        return true;
                }
                if (a.operation != OPERATION_CONSTANT && type.rank + 1 <= NUMBERS && a.result_count == 1) {
                    begin(s);
                    application *c = &s->candidate->blocks[b].applications[i];
                    *c = (application){.operation = OPERATION_CONSTANT, .number_count = 1 + type.rank, .real = 1.0, .result_count = 1};
                    c->numbers[0] = type.dtype;
                    for (int32_t d = 0; d < type.rank; d++)
                        c->numbers[1 + d] = type.shape[d];
                    c->results[0] = a.results[0];
                    if (accept(s))
                        return true;
                }
            }
        }
    }
    return false;
}

/* A body in place of the application that has it, its parameters replaced by operands (of sequences the type differs: then the
 * candidate is no program). Also: fewer carries, stacked results, operands; kinds and options at zero. */
static bool inlined(shrinker *s)
{
    for (int32_t b = 0; b < s->best->block_count; b++) {
        for (int32_t i = 0; i < s->best->blocks[b].application_count; i++) {
            const application a = s->best->blocks[b].applications[i];
            for (int32_t j = 0; j < a.block_count; j++) {
                const block inner = s->best->blocks[a.blocks[j]];
                int32_t skip = a.operation == OPERATION_COND || a.operation == OPERATION_SWITCH || a.operation == OPERATION_WHILE ? 1 : 0;
                int32_t lead = a.operation == OPERATION_FORI ? 1 : 0;
                begin(s);
                program *p = s->candidate;
                block *at = &p->blocks[b];
                if (at->application_count - 1 + inner.application_count > APPLICATIONS || inner.result_count < a.result_count)
                    continue;
                memmove(&at->applications[i + inner.application_count], &at->applications[i + 1],
                        (size_t)(at->application_count - i - 1) * sizeof *at->applications);
                memcpy(&at->applications[i], inner.applications, (size_t)inner.application_count * sizeof *at->applications);
                at->application_count += inner.application_count - 1;
                for (int32_t k = 0; k < a.result_count; k++)
                    replace_value(p, a.results[k], inner.results[k]);
                for (int32_t k = lead; k < inner.parameter_count && skip + k - lead < a.operand_count; k++)
                    replace_value(p, inner.parameters[k], a.operands[skip + k - lead]);
                if (accept(s))
                    return true;
            }
            for (int32_t k = 0; k < a.number_count; k++) {
                int64_t smaller[2] = {0, a.numbers[k] > 0 ? a.numbers[k] - 1 : a.numbers[k] + 1};
                for (int32_t c = 0; c < 2; c++) {
                    bool may = a.operation == OPERATION_SCAN ? k > 0 : a.operation != OPERATION_SCALAR && k >= (a.operation == OPERATION_CONSTANT ? 1 : 0) && (a.operation != OPERATION_FORI || k < 2);
                    if (!may || a.numbers[k] == 0 || smaller[c] == a.numbers[k])
                        continue;
                    begin(s);
                    s->candidate->blocks[b].applications[i].numbers[k] = smaller[c];
                    if (accept(s))
                        return true;
                }
            }
            for (int32_t q = 0; q < a.result_count && a.block_count == 1; q++) { /* a result that nothing uses, and its carry */
                int32_t carries = a.operation == OPERATION_SCAN ? (int32_t)a.numbers[0]
                                  : a.operation == OPERATION_WHILE || a.operation == OPERATION_FORI ? a.result_count : 0;
                begin(s);
                program *p = s->candidate;
                application *c = &p->blocks[b].applications[i];
                block *inner = &p->blocks[c->blocks[0]];
                if (inner->result_count != c->result_count || c->result_count < 2)
                    break;
                for (int32_t k = q; k + 1 < c->result_count; k++) {
                    c->results[k] = c->results[k + 1];
                    inner->results[k] = inner->results[k + 1];
                }
                c->result_count--, inner->result_count--;
                if (q < carries) {
                    int32_t operand = q + (a.operation == OPERATION_WHILE ? 1 : 0), lead = q + (a.operation == OPERATION_FORI ? 1 : 0);
                    for (int32_t k = operand; k + 1 < c->operand_count; k++)
                        c->operands[k] = c->operands[k + 1];
                    c->operand_count--;
                    replace_value(p, inner->parameters[lead], a.operands[operand]); /* what is left of it: the start */
                    for (int32_t k = lead; k + 1 < inner->parameter_count; k++)
                        inner->parameters[k] = inner->parameters[k + 1];
                    inner->parameter_count--;
                    c->numbers[0] -= a.operation == OPERATION_SCAN;
                }
                if (accept(s))
                    return true;
            }
            if (a.operation == OPERATION_FORI && a.numbers[2] != 0) { /* a bound that is known */
                begin(s);
                application *c = &s->candidate->blocks[b].applications[i];
                c->numbers[2] = 0;
                c->operand_count--;
                if (accept(s))
                    return true;
            }
            int32_t first = a.operation == OPERATION_SCAN ? (int32_t)a.numbers[0] : a.operation == OPERATION_MAP || a.operation == OPERATION_CALL ? 0
                            : a.operation == OPERATION_COND || a.operation == OPERATION_SWITCH ? 1 : a.operand_count;
            for (int32_t k = first; k < a.operand_count && a.block_count > 0; k++) { /* an operand that its bodies do not use */
                begin(s);
                application *c = &s->candidate->blocks[b].applications[i];
                for (int32_t q = k; q + 1 < c->operand_count; q++)
                    c->operands[q] = c->operands[q + 1];
                c->operand_count--;
                bool fine = true;
                for (int32_t j = 0; j < c->block_count; j++) {
                    block *inner = &s->candidate->blocks[c->blocks[j]];
                    int32_t place = k - (a.operation == OPERATION_COND || a.operation == OPERATION_SWITCH ? 1 : 0);
                    fine = fine && place < inner->parameter_count;
                    for (int32_t q = place; fine && q + 1 < inner->parameter_count; q++)
                        inner->parameters[q] = inner->parameters[q + 1];
                    inner->parameter_count -= fine;
                }
                if (fine && accept(s))
                    return true;
            }
        }
    }
    return false;
}

/* One extent of the inputs made smaller, wherever it stands; numbers of applications that may stand for it too. */
static bool smaller_extents(shrinker *s)
{
    int64_t seen[32];
    int count = 0;
    for (int32_t i = 0; i < s->best->blocks[0].parameter_count; i++) {
        const value_type *type = &s->best->types[s->best->blocks[0].parameters[i]];
        for (int32_t d = 0; d < type->rank && count < 32; d++)
            seen[count++] = type->shape[d];
    }
    for (int c = 0; c < count; c++) {
        int64_t options[3] = {1, seen[c] / 2, seen[c] - 1};
        for (int o = 0; o < 6; o++) {
            int64_t to = options[o % 3];
            if (to <= 0 || to >= seen[c])
                continue;
            begin(s);
            program *p = s->candidate;
            for (int32_t i = 0; i < p->blocks[0].parameter_count; i++) {
                value_type *type = &p->types[p->blocks[0].parameters[i]];
                for (int32_t d = 0; d < type->rank; d++)
                    type->shape[d] = type->shape[d] == seen[c] ? to : type->shape[d];
            }
            for (int32_t b = 0; b < p->block_count && o < 3; b++) {
                for (int32_t i = 0; i < p->blocks[b].application_count; i++) {
                    application *a = &p->blocks[b].applications[i];
                    bool shapes = a->operation == OPERATION_RESHAPE || a->operation == OPERATION_BROADCAST || a->operation == OPERATION_CONSTANT ||
                                  a->operation == OPERATION_IOTA || a->operation == OPERATION_RANDOM;
                    int32_t first = a->operation == OPERATION_RESHAPE || a->operation == OPERATION_BROADCAST ? 0 : 1;
                    for (int32_t k = first; k < a->number_count && shapes; k++)
                        a->numbers[k] = a->numbers[k] == seen[c] ? to : a->numbers[k];
                }
            }
            if (accept(s))
                return true;
        }
    }
    return false;
}

/* Inputs, the simplest first. */
static const double simple[] = {0.0, 1.0, 2.0, 0.5};
#define SIMPLE ((int)(sizeof simple / sizeof *simple))
static int roundness(double x)
{
    int c = 0;
    while (c < SIMPLE && x != simple[c])
        c++;
    return c;
}

static bool rounder_inputs(shrinker *s)
{
    for (int32_t i = 0; i < s->best->blocks[0].parameter_count; i++) {
        const value_type *type = &s->best->types[s->best->blocks[0].parameters[i]];
        int64_t size = elements_of(type) * ((numc_dtype_kind(type->dtype) & NUMC_KIND_COMPLEX) != 0 ? 2 : 1);
        for (int64_t e = -1; e < size; e++) { /* -1: all of them */
            int64_t from = e < 0 ? 0 : e, to = e < 0 ? size : e + 1;
            for (int c = 0; c < (type->dtype == NUMC_BOOL ? 2 : SIMPLE); c++) {
                int64_t before = 0;
                for (int64_t q = from; q < to; q++)
                    before += roundness(s->best->inputs[i][q]);
                if (c * (to - from) >= before)
                    break;
                begin(s);
                for (int64_t q = from; q < to; q++)
                    s->candidate->inputs[i][q] = simple[c];
                if (accept(s))
                    return true;
            }
        }
    }
    for (int32_t i = 0; i < s->best->blocks[0].parameter_count; i++) { /* two inputs that may be one */
        for (int32_t k = 0; k < i; k++) {
            int32_t x = s->best->blocks[0].parameters[i], y = s->best->blocks[0].parameters[k];
            if (!same_type(&s->best->types[x], &s->best->types[y]))
                continue;
            begin(s);
            replace_value(s->candidate, x, y);
            if (accept(s))
                return true;
        }
    }
    return false;
}

int program_shrink(numc_context *context, program *p, program_fails fails, void *user, int limit)
{
    shrinker s = {.context = context, .best = p, .candidate = calloc(1, sizeof *p), .fails = fails, .user = user, .limit = limit};
    if (s.candidate == NULL)
        abort();
    bool smaller = true;
    while (smaller && s.tried < limit) {
        smaller = drop_results(&s);
        smaller = earlier_results(&s) || smaller;
        smaller = simpler_values(&s) || smaller;
        smaller = inlined(&s) || smaller;
        smaller = smaller_extents(&s) || smaller;
        if (!smaller)
            smaller = rounder_inputs(&s);
    }
    free(s.candidate);
    return s.tried;
}
