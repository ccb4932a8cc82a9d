/* text.c - programs as text, to be read by people and read back: one line for each input, block and application.
 *
 *   program 17
 *   input v0 float64[2,3] = 0.5 -1 ...
 *   block 0 (v0)
 *     v1 = scalar:exp (v0)                                    # float64[2,3]
 *     v2 v3 = scan (v1 v0) [1 0 0 0 0] {1}                    # ...
 *     return v2 v3
 *   block 1 (v4 v5)
 *     ...
 *   end
 *
 * Round brackets hold operands, square ones numbers (what they are is told in run.c), "real" a fraction, braces blocks. */
#include "program.h"

static void print_type(FILE *stream, const value_type *type)
{
    fprintf(stream, "%s[", numc_dtype_name(type->dtype));
    for (int32_t i = 0; i < type->rank; i++)
        fprintf(stream, i == 0 ? "%lld" : ",%lld", (long long)type->shape[i]);
    fprintf(stream, "]");
}

void program_print(FILE *stream, const program *p)
{
    fprintf(stream, "program %llu%s\n", (unsigned long long)p->seed, p->wild ? " wild" : "");
    for (int32_t i = 0; i < p->blocks[0].parameter_count; i++) {
        const value_type *type = &p->types[p->blocks[0].parameters[i]];
        int64_t count = elements_of(type) * ((numc_dtype_kind(type->dtype) & NUMC_KIND_COMPLEX) != 0 ? 2 : 1);
        fprintf(stream, "input v%d ", p->blocks[0].parameters[i]);
        print_type(stream, type);
        fprintf(stream, " =");
        for (int64_t k = 0; k < count; k++)
            fprintf(stream, " %.17g", p->inputs[i][k]);
        fprintf(stream, "\n");
    }
    for (int32_t b = 0; b < p->block_count; b++) {
        const block *at = &p->blocks[b];
        fprintf(stream, "block %d (", b);
        for (int32_t i = 0; i < at->parameter_count; i++)
            fprintf(stream, i == 0 ? "v%d" : " v%d", at->parameters[i]);
        fprintf(stream, ")\n");
        for (int32_t i = 0; i < at->application_count; i++) {
            const application *a = &at->applications[i];
            int32_t first = 0;
            fprintf(stream, " ");
            for (int32_t k = 0; k < a->result_count; k++)
                fprintf(stream, " v%d", a->results[k]);
            fprintf(stream, " = %s", operation_name(a->operation));
            if (a->operation == OPERATION_SCALAR) {
                fprintf(stream, ":%s", numc__primitive_name((int32_t)a->numbers[0]));
                first = 1;
            }
            fprintf(stream, " (");
            for (int32_t k = 0; k < a->operand_count; k++)
                fprintf(stream, k == 0 ? "v%d" : " v%d", a->operands[k]);
            fprintf(stream, ")");
            if (a->number_count > first) {
                fprintf(stream, " [");
                for (int32_t k = first; k < a->number_count; k++)
                    fprintf(stream, k == first ? "%lld" : " %lld", (long long)a->numbers[k]);
                fprintf(stream, "]");
            }
            if (a->real != 0.0)
                fprintf(stream, " real %.17g", a->real);
            if (a->block_count > 0) {
                fprintf(stream, " {");
                for (int32_t k = 0; k < a->block_count; k++)
                    fprintf(stream, k == 0 ? "%d" : " %d", a->blocks[k]);
                fprintf(stream, "}");
            }
            fprintf(stream, "  #");
            for (int32_t k = 0; k < a->result_count; k++) {
                fprintf(stream, " ");
                print_type(stream, &p->types[a->results[k]]);
            }
            fprintf(stream, "\n");
        }
        fprintf(stream, "  return");
        for (int32_t i = 0; i < at->result_count; i++)
            fprintf(stream, " v%d", at->results[i]);
        fprintf(stream, "\n");
    }
    fprintf(stream, "end\n");
}

/* ---- reading ------------------------------------------------------------------------------------------------------------ */

typedef struct words {
    char *at;
} words;

static bool next_word(words *w, char *word, size_t size)
{
    while (*w->at == ' ' || *w->at == '\n' || *w->at == '\t')
        w->at++;
    if (*w->at == '\0' || *w->at == '#')
        return false;
    size_t n = 0;
    if (strchr("()[]{}", *w->at) != NULL) {
        word[n++] = *w->at++;
    } else {
        while (*w->at != '\0' && strchr(" \n\t()[]{}#", *w->at) == NULL) {
            if (n + 1 < size)
                word[n++] = *w->at;
            w->at++;
        }
    }
    word[n] = '\0';
    return true;
}

static int32_t value_id(program *p, const char *word)
{
    int32_t id = word[0] == 'v' ? (int32_t)strtol(word + 1, NULL, 10) : -1;
    if (id < 0 || id >= VALUES)
        return -1;
    if (p->value_count <= id)
        p->value_count = id + 1;
    return id;
}

static bool read_input(program *p, words *w)
{
    char word[64];
    block *top = &p->blocks[0];
    if (top->parameter_count >= INPUTS || !next_word(w, word, sizeof word))
        return false;
    int32_t id = value_id(p, word);
    if (id < 0 || !next_word(w, word, sizeof word))
        return false;
    value_type *type = &p->types[id];
    *type = (value_type){0};
    for (int d = 1; d < NUMC_DTYPE_COUNT; d++) {
        if (strcmp(numc_dtype_name((numc_dtype)d), word) == 0)
            type->dtype = (numc_dtype)d;
    }
    if (type->dtype == 0 || !next_word(w, word, sizeof word) || word[0] != '[')
        return false;
    while (next_word(w, word, sizeof word) && word[0] != ']') {
        for (char *at = word; *at != '\0' && type->rank < RANKS; at += *at == ',')
            type->shape[type->rank++] = strtoll(at, &at, 10);
    }
    if (!next_word(w, word, sizeof word))
        return false;
    int64_t count = 0;
    double *data = p->inputs[top->parameter_count];
    while (count < 2 * ELEMENTS && next_word(w, word, sizeof word))
        data[count++] = strtod(word, NULL);
    if (elements_of(type) > count)
        return false;
    top->parameters[top->parameter_count++] = id;
    return true;
}

static bool read_application(program *p, block *at, words *w)
{
    char word[64];
    if (at->application_count >= APPLICATIONS)
        return false;
    application *a = &at->applications[at->application_count];
    *a = (application){.operation = -1};
    while (next_word(w, word, sizeof word) && word[0] == 'v' && a->result_count < RESULTS)
        a->results[a->result_count++] = value_id(p, word);
    if (strcmp(word, "=") != 0 || !next_word(w, word, sizeof word))
        return false;
    if (strncmp(word, "scalar:", 7) == 0) {
        a->operation = OPERATION_SCALAR;
        a->number_count = 1;
        for (int32_t code = 1; code < NUMC_PRIMITIVE_STRUCTURAL; code++) {
            const char *name = numc__primitive_name(code);
            if (name != NULL && strcmp(name, word + 7) == 0)
                a->numbers[0] = code;
        }
        if (a->numbers[0] == 0)
            return false;
    }
    for (int32_t i = 0; i < OPERATION_COUNT && a->operation < 0; i++) {
        if (strcmp(operation_name(i), word) == 0)
            a->operation = i;
    }
    if (a->operation < 0)
        return false;
    char in = '\0';
    while (next_word(w, word, sizeof word)) {
        if (strchr("([{)]}", word[0]) != NULL)
            in = word[0];
        else if (in == '(' && a->operand_count < OPERANDS)
            a->operands[a->operand_count++] = value_id(p, word);
        else if (in == '[' && a->number_count < NUMBERS)
            a->numbers[a->number_count++] = strtoll(word, NULL, 10);
        else if (in == '{' && a->block_count < 3)
            a->blocks[a->block_count++] = (int32_t)strtol(word, NULL, 10);
        else if (strcmp(word, "real") == 0 && next_word(w, word, sizeof word))
            a->real = strtod(word, NULL);
        else
            return false;
    }
    at->application_count++;
    return true;
}

bool program_read(FILE *stream, program *p)
{
    static char line[65536];
    char word[64];
    block *at = NULL;
    bool begun = false;
    memset(p, 0, sizeof *p);
    while (fgets(line, sizeof line, stream) != NULL) {
        words w = {line};
        words again = w;
        if (!next_word(&w, word, sizeof word))
            continue;
        bool fine = true;
        if (strcmp(word, "program") == 0) {
            begun = next_word(&w, word, sizeof word);
            p->seed = strtoull(word, NULL, 10);
            p->wild = next_word(&w, word, sizeof word) && strcmp(word, "wild") == 0;
        } else if (!begun) {
            continue;
        } else if (strcmp(word, "input") == 0) {
            fine = read_input(p, &w);
        } else if (strcmp(word, "block") == 0) {
            fine = next_word(&w, word, sizeof word) && strtol(word, NULL, 10) == p->block_count && p->block_count < BLOCKS;
            if (fine)
                at = &p->blocks[p->block_count++];
            while (fine && p->block_count > 1 && next_word(&w, word, sizeof word)) {
                if (word[0] == 'v' && at->parameter_count < PARAMETERS)
                    at->parameters[at->parameter_count++] = value_id(p, word);
            }
        } else if (strcmp(word, "return") == 0) {
            while (at != NULL && next_word(&w, word, sizeof word) && at->result_count < RESULTS)
                at->results[at->result_count++] = value_id(p, word);
        } else if (strcmp(word, "end") == 0) {
            return true;
        } else {
            fine = at != NULL && read_application(p, at, &again);
        }
        if (!fine) {
            fprintf(stderr, "cannot read: %s", line);
            p->seed = 1;
            return false;
        }
    }
    p->seed = 0;
    return false;
}
