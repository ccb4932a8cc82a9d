/* summary.c - `numc summary FILE...`: the summary table of chains stored in CmdStan's CSV dialect, one file per chain; libnumc's
 * own files and those of other programs that write it. Rows before "# Adaptation terminated" are warm-up and left out. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "numc/diagnostics.h"
#include "tool.h"

typedef struct chain {
    char *header;    /* the names, commas replaced by ends */
    size_t header_size;
    char **names;
    size_t columns;
    double *values; /* [rows][columns] */
    size_t rows, capacity;
} chain;

static int complain(const char *path, size_t line, const char *what)
{
    if (line > 0)
        fprintf(stderr, "numc summary: %s:%zu: %s\n", path, line, what);
    else
        fprintf(stderr, "numc summary: %s: %s\n", path, what);
    return EXIT_FAILURE;
}

static void chain_end(chain *c)
{
    free(c->header);
    free(c->names);
    free(c->values);
}

static int read_header(chain *c, const char *path, size_t number, const char *line, size_t length)
{
    c->header = malloc(length + 1);
    c->columns = 1;
    for (size_t i = 0; i < length; i++)
        c->columns += line[i] == ',';
    c->names = malloc(c->columns * sizeof *c->names);
    if (c->header == NULL || c->names == NULL)
        return complain(path, number, "out of memory");
    memcpy(c->header, line, length);
    c->header[length] = '\0';
    c->header_size = length;
    char *at = c->header;
    for (size_t k = 0; k < c->columns; k++) {
        c->names[k] = at;
        at += strcspn(at, ",");
        *at++ = '\0';
        if (c->names[k][0] == '\0')
            return complain(path, number, "a column has no name");
    }
    return EXIT_SUCCESS;
}

static int read_row(chain *c, const char *path, size_t number, const char *line, size_t length)
{
    if (c->rows == c->capacity) {
        size_t capacity = c->capacity == 0 ? 1024 : 2 * c->capacity;
        double *grown = capacity > SIZE_MAX / sizeof(double) / c->columns
                            ? NULL
                            : realloc(c->values, capacity * c->columns * sizeof *grown);
        if (grown == NULL)
            return complain(path, number, "out of memory");
        c->values = grown;
        c->capacity = capacity;
    }
    const char *end = line + length;
    for (size_t k = 0; k < c->columns; k++) {
        size_t used = numc__read_double(line, (size_t)(end - line), &c->values[c->rows * c->columns + k]);
        if (used == 0)
            return complain(path, number, "a number is missing or not well formed");
        line += used;
        if (k + 1 < c->columns ? line == end || *line != ',' : line != end)
            return complain(path, number, "the row does not have as many numbers as the header has names");
        line++;
    }
    c->rows++;
    return EXIT_SUCCESS;
}

static int read_chain(chain *c, const char *path)
{
    memset(c, 0, sizeof *c);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return complain(path, 0, strerror(errno));
    char *line = NULL;
    size_t room = 0, number = 0;
    int status = EXIT_SUCCESS;
    for (ssize_t got; status == EXIT_SUCCESS && (got = getline(&line, &room, file)) >= 0;) {
        size_t length = (size_t)got;
        number++;
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
            length--;
        if (strlen(line) < length)
            status = complain(path, number, "the line holds a zero byte");
        else if (length > 0 && line[0] == '#') {
            if (strncmp(line, "# Adaptation terminated", 23) == 0)
                c->rows = 0; /* what came before was warm-up */
        } else if (length > 0)
            status = c->header == NULL ? read_header(c, path, number, line, length) : read_row(c, path, number, line, length);
    }
    if (status == EXIT_SUCCESS && ferror(file))
        status = complain(path, 0, strerror(errno));
    if (status == EXIT_SUCCESS && (c->header == NULL || c->rows == 0))
        status = complain(path, 0, "there are no draws");
    free(line);
    fclose(file);
    return status;
}

/* The sampler's columns end in two underscores; of them only the log density is summarised. */
static bool is_shown(const char *name)
{
    size_t length = strlen(name);
    return strcmp(name, "lp__") == 0 || length < 2 || strcmp(name + length - 2, "__") != 0;
}

static int64_t column_of(const chain *c, const char *name)
{
    for (size_t k = 0; k < c->columns; k++)
        if (strcmp(c->names[k], name) == 0)
            return (int64_t)k;
    return -1;
}

static void print_cell(double value, const char *format)
{
    char number[NUMC_NUMBER_TEXT_SIZE];
    (void)numc__format(number, sizeof number, format, value);
    printf(" %10s", number);
}

static int print_table(numc_context *context, const chain *chains, size_t count)
{
    const chain *first = &chains[0];
    size_t draws = first->rows, width = 4;
    for (size_t i = 0; i < count; i++)
        draws = chains[i].rows < draws ? chains[i].rows : draws;
    for (size_t k = 0; k < first->columns; k++) {
        size_t length = strlen(first->names[k]);
        width = is_shown(first->names[k]) && length > width ? length : width;
    }
    double *values = malloc(count * draws * sizeof *values);
    if (values == NULL)
        return complain("the table", 0, "out of memory");
    printf("%-*s %10s %10s %10s %10s %10s %10s %10s %10s %10s\n", (int)width, "name", "mean", "mcse", "sd", "q5", "q50", "q95",
           "ess_bulk", "ess_tail", "rhat");
    numc_status status = NUMC_OK;
    for (size_t k = 0; k < first->columns && status == NUMC_OK; k++) {
        if (!is_shown(first->names[k]))
            continue;
        for (size_t i = 0; i < count; i++)
            for (size_t d = 0; d < draws; d++)
                values[i * draws + d] = chains[i].values[d * first->columns + k];
        numc_draws view = {values, (int64_t)count, (int64_t)draws, (int64_t)draws, 1};
        numc_summary row;
        status = numc_diagnostic_summary(context, &view, &row);
        if (status != NUMC_OK)
            break;
        printf("%-*s", (int)width, first->names[k]);
        print_cell(row.mean, "%.4g");
        print_cell(row.mcse, "%.2g");
        print_cell(row.sd, "%.4g");
        print_cell(row.q5, "%.4g");
        print_cell(row.q50, "%.4g");
        print_cell(row.q95, "%.4g");
        print_cell(row.ess_bulk, "%.0f");
        print_cell(row.ess_tail, "%.0f");
        print_cell(row.rhat, "%.4f");
        printf("\n");
    }
    free(values);
    if (status != NUMC_OK)
        return complain("the table", 0, numc_error_message(context));
    int64_t divergent = column_of(first, "divergent__"), energy = column_of(first, "energy__");
    double divergences = 0.0, least = INFINITY;
    for (size_t i = 0; i < count; i++) {
        for (size_t d = 0; d < draws && divergent >= 0; d++)
            divergences += chains[i].values[d * first->columns + (size_t)divergent];
        if (energy >= 0)
            least = fmin(least, numc_diagnostic_ebfmi(&chains[i].values[energy], (int64_t)draws, (int64_t)first->columns));
    }
    printf("\n%zu chains, %zu draws each", count, draws);
    if (divergent >= 0)
        printf("; %.0f divergences", divergences);
    if (energy >= 0) {
        char number[NUMC_NUMBER_TEXT_SIZE];
        (void)numc__format(number, sizeof number, "%.2f", least);
        printf("; E-BFMI at least %s", number);
    }
    printf("\n");
    return EXIT_SUCCESS;
}

int tool_summary(int count, char **words)
{
    if (count == 0) {
        fputs("usage: numc summary FILE.csv ... (one file per chain)\n", stderr);
        return 2;
    }
    chain *chains = calloc((size_t)count, sizeof *chains);
    numc_context *context = tool_open("ref"); /* for memory and messages; no device is opened */
    int status = chains != NULL && context != NULL ? EXIT_SUCCESS : complain("the table", 0, "out of memory");
    for (int i = 0; i < count && status == EXIT_SUCCESS; i++) {
        status = read_chain(&chains[i], words[i]);
        bool same = status != EXIT_SUCCESS || chains[i].columns == chains[0].columns;
        for (size_t k = 0; status == EXIT_SUCCESS && same && k < chains[i].columns; k++)
            same = strcmp(chains[i].names[k], chains[0].names[k]) == 0;
        if (!same)
            status = complain(words[i], 0, "its columns are not those of the first file");
    }
    if (status == EXIT_SUCCESS)
        status = print_table(context, chains, (size_t)count);
    for (int i = 0; i < count && chains != NULL; i++)
        chain_end(&chains[i]);
    free(chains);
    numc_close(context);
    return status;
}
