/* Writes one chain as a CSV file as CmdStan's `sample` method does: configuration as comments, the header, adaptation's result
 * as comments, one row per draw, elapsed times as comments.
 *
 * Layout: CmdStan User's Guide, "Stan CSV File Format"; column-major order of a site's elements, 1-based, joined by dots. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/number.h"
#include "io/csv.h"

/* The version of CmdStan whose dialect this is; readers look at it. */
enum { DIALECT_MAJOR = 2, DIALECT_MINOR = 33, DIALECT_PATCH = 0 };
enum { SITE_RANK_LIMIT = 32 };

typedef struct writer {
    FILE *file;
    int error; /* errno of the first failure */
} writer;

static void put(writer *out, const char *text, size_t size)
{
    if (out->error)
        return;
    errno = 0;
    if (fwrite(text, 1, size, out->file) != size)
        out->error = errno ? errno : EIO;
}

static void put_text(writer *out, const char *text)
{
    put(out, text, strlen(text));
}

static void put_real(writer *out, double value)
{
    char text[NUMC_NUMBER_TEXT_SIZE];
    put(out, text, numc__write_double(text, value));
}

static void put_integer(writer *out, int64_t value)
{
    char text[NUMC_NUMBER_TEXT_SIZE];
    put(out, text, numc__write_integer(text, value));
}

/* "# <indent>key = value", with CmdStan's mark where the value is its default. */
static void put_key(writer *out, int indent, const char *key)
{
    static const char spaces[] = "            ";
    put_text(out, "# ");
    put(out, spaces, (size_t)(2 * indent));
    put_text(out, key);
}

static void put_heading(writer *out, int indent, const char *key)
{
    put_key(out, indent, key);
    put_text(out, "\n");
}

static void put_word(writer *out, int indent, const char *key, const char *value, const char *standard)
{
    put_key(out, indent, key);
    put_text(out, " = ");
    put_text(out, value);
    put_text(out, standard && strcmp(value, standard) == 0 ? " (Default)\n" : "\n");
}

static void put_count(writer *out, int indent, const char *key, int64_t value, int64_t standard)
{
    put_key(out, indent, key);
    put_text(out, " = ");
    put_integer(out, value);
    put_text(out, value == standard ? " (Default)\n" : "\n");
}

static void put_number(writer *out, int indent, const char *key, double value, double standard)
{
    put_key(out, indent, key);
    put_text(out, " = ");
    put_real(out, value);
    put_text(out, value == standard ? " (Default)\n" : "\n");
}

static const char *const metric_names[] = {
    [NUMC_METRIC_DIAGONAL] = "diag_e", [NUMC_METRIC_DENSE] = "dense_e", [NUMC_METRIC_UNIT] = "unit_e"};

static void put_configuration(writer *out, const char *path, const numc_csv_chain *chain)
{
    put_count(out, 0, "stan_version_major", DIALECT_MAJOR, -1);
    put_count(out, 0, "stan_version_minor", DIALECT_MINOR, -1);
    put_count(out, 0, "stan_version_patch", DIALECT_PATCH, -1);
    put_word(out, 0, "writer", "libnumc", NULL);
    put_word(out, 0, "writer_version", numc_version(), NULL);
    put_word(out, 0, "model", chain->model, NULL);
    put_word(out, 0, "method", "sample", "sample");
    put_heading(out, 1, "sample");
    put_count(out, 2, "num_samples", chain->draws, 1000);
    put_count(out, 2, "num_warmup", chain->warmup, 1000);
    put_count(out, 2, "save_warmup", chain->save_warmup, 0);
    put_count(out, 2, "thin", chain->thin, 1);
    put_heading(out, 2, "adapt");
    put_count(out, 3, "engaged", chain->adapted, 1);
    put_number(out, 3, "gamma", chain->gamma, 0.05);
    put_number(out, 3, "delta", chain->delta, 0.8);
    put_number(out, 3, "kappa", chain->kappa, 0.75);
    put_number(out, 3, "t0", chain->t0, 10);
    put_count(out, 3, "init_buffer", chain->init_buffer, 75);
    put_count(out, 3, "term_buffer", chain->term_buffer, 50);
    put_count(out, 3, "window", chain->window, 25);
    put_word(out, 2, "algorithm", "hmc", "hmc");
    put_heading(out, 3, "hmc");
    put_word(out, 4, "engine", chain->nuts ? "nuts" : "static", "nuts");
    if (chain->nuts) {
        put_heading(out, 5, "nuts");
        put_count(out, 6, "max_depth", chain->max_depth, 10);
    } else {
        put_heading(out, 5, "static");
        put_number(out, 6, "int_time", chain->int_time, -1);
    }
    put_word(out, 4, "metric", metric_names[chain->metric], "diag_e");
    put_word(out, 4, "metric_file", "", "");
    put_number(out, 4, "stepsize", chain->initial_stepsize, 1);
    put_number(out, 4, "stepsize_jitter", chain->jitter, 0);
    put_count(out, 2, "num_chains", chain->chains, 1);
    put_count(out, 0, "id", chain->id, 1);
    put_heading(out, 0, "data");
    put_word(out, 1, "file", "", "");
    put_number(out, 0, "init", chain->init_radius, 2);
    put_heading(out, 0, "random");
    put_key(out, 1, "seed = ");
    char seed[32];
    put(out, seed, (size_t)snprintf(seed, sizeof seed, "%" PRIu64 "\n", chain->seed));
    put_heading(out, 0, "output");
    put_word(out, 1, "file", path, NULL);
    put_count(out, 0, "num_threads", chain->threads, 1);
}

/* The next index in column-major order: the first one runs fastest. */
static void advance(const numc_csv_site *site, int64_t *index)
{
    for (int32_t d = 0; d < site->rank; d++) {
        if (++index[d] < site->shape[d])
            return;
        index[d] = 0;
    }
}

static int64_t size_of(const numc_csv_site *site)
{
    int64_t size = 1;
    for (int32_t d = 0; d < site->rank; d++)
        size *= site->shape[d];
    return size;
}

/* The header line, and where each column lies among a draw's row-major values. */
static void put_header(writer *out, const numc_csv_chain *chain, int64_t *place)
{
    put_text(out, chain->nuts ? "lp__,accept_stat__,stepsize__,treedepth__,n_leapfrog__,divergent__,energy__"
                              : "lp__,accept_stat__,stepsize__,int_time__,energy__");
    int64_t first = 0;
    for (int32_t s = 0; s < chain->site_count; s++) {
        const numc_csv_site *site = &chain->sites[s];
        int64_t index[SITE_RANK_LIMIT] = {0}, size = size_of(site);
        for (int64_t i = 0; i < size; i++) {
            put_text(out, ",");
            put_text(out, site->name);
            int64_t offset = 0;
            for (int32_t d = 0; d < site->rank; d++) {
                put_text(out, ".");
                put_integer(out, index[d] + 1);
                offset = offset * site->shape[d] + index[d];
            }
            *place++ = first + offset;
            advance(site, index);
        }
        first += size;
    }
    put_text(out, "\n");
}

static void put_adaptation(writer *out, const numc_csv_chain *chain)
{
    static const char *const headings[] = {
        [NUMC_METRIC_DIAGONAL] = "\n# Diagonal elements of inverse mass matrix:\n",
        [NUMC_METRIC_DENSE] = "\n# Elements of inverse mass matrix:\n",
        [NUMC_METRIC_UNIT] = "\n# No free parameters for unit metric\n"};
    put_text(out, "# Adaptation terminated\n# Step size = ");
    put_real(out, chain->stepsize);
    put_text(out, headings[chain->metric]);
    int64_t rows = chain->metric == NUMC_METRIC_DENSE ? chain->dimension : chain->metric == NUMC_METRIC_DIAGONAL;
    for (int64_t r = 0; r < rows; r++) {
        put_text(out, "# ");
        for (int64_t d = 0; d < chain->dimension; d++) {
            if (d > 0)
                put_text(out, ", ");
            put_real(out, chain->inverse_metric[r * chain->dimension + d]);
        }
        put_text(out, "\n");
    }
}

static void put_row(writer *out, const numc_csv_chain *chain, const numc_draw_statistics *draw, const double *values,
                    const int64_t *place)
{
    put_real(out, draw->log_density);
    put_text(out, ",");
    put_real(out, draw->accept_stat);
    put_text(out, ",");
    put_real(out, draw->step_size);
    put_text(out, ",");
    if (chain->nuts) {
        put_integer(out, draw->tree_depth);
        put_text(out, ",");
        put_integer(out, draw->n_leapfrog);
        put_text(out, draw->divergent ? ",1," : ",0,");
    } else {
        put_real(out, draw->step_size * draw->n_leapfrog);
        put_text(out, ",");
    }
    put_real(out, draw->energy);
    for (int64_t i = 0; i < chain->value_count; i++) {
        put_text(out, ",");
        put_real(out, values[place[i]]);
    }
    put_text(out, "\n");
}

static void put_rows(writer *out, const numc_csv_chain *chain, bool warmup, double *values, const int64_t *place)
{
    int64_t rows = warmup ? chain->warmup_rows : chain->rows;
    for (int64_t row = 0; row < rows && !out->error; row++) {
        numc_draw_statistics draw;
        chain->read(chain->user, warmup, row, &draw, values);
        put_row(out, chain, &draw, values, place);
    }
}

/* Seconds in thousandths, as CmdStan writes them; printf would ask the locale for a decimal point. */
static void put_seconds(writer *out, const char *before, double seconds, const char *after)
{
    double milliseconds = seconds > 0 ? nearbyint(fmin(seconds, 9e12) * 1000) : 0;
    int64_t whole = (int64_t)milliseconds;
    char text[64];
    int size = snprintf(text, sizeof text, "%" PRId64 ".%03d", whole / 1000, (int)(whole % 1000));
    put_text(out, before);
    put(out, text, (size_t)size);
    put_text(out, after);
}

static void put_times(writer *out, const numc_csv_chain *chain)
{
    put_text(out, "# \n");
    put_seconds(out, "#  Elapsed Time: ", chain->warmup_seconds, " seconds (Warm-up)\n");
    put_seconds(out, "#                ", chain->sampling_seconds, " seconds (Sampling)\n");
    put_seconds(out, "#                ", chain->warmup_seconds + chain->sampling_seconds, " seconds (Total)\n");
    put_text(out, "# \n");
}

/* Bytes of the UTF-8 sequence at `text`, 0 where there is none (Unicode 15, table 3-7). */
static size_t sequence(const unsigned char *text)
{
    static const struct {
        unsigned char first, last, low, high; /* of the first byte, of the second */
        size_t size;
    } rows[] = {{0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
                {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
                {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        if (text[0] < rows[r].first || text[0] > rows[r].last)
            continue;
        for (size_t i = 1; i < rows[r].size; i++)
            if (text[i] < (i == 1 ? rows[r].low : 0x80) || text[i] > (i == 1 ? rows[r].high : 0xbf))
                return 0;
        return rows[r].size;
    }
    return 0;
}

static bool is_utf8(const char *name)
{
    const unsigned char *at = (const unsigned char *)name;
    while (*at != '\0') {
        size_t size = sequence(at);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

/* What stands behind `name` in `longer` reads as indices of it: ".2", ".1.3". */
static bool is_element(const char *longer, const char *name)
{
    size_t size = strlen(name);
    if (strncmp(longer, name, size) != 0 || longer[size] != '.')
        return false;
    const char *rest = longer + size;
    while (rest[0] == '.' && rest[1] >= '0' && rest[1] <= '9')
        rest += 1 + strspn(rest + 1, "0123456789");
    return *rest == '\0';
}

/* Columns are told apart by their names alone, and readers take those that end in "__" for the sampler's. */
static numc_status check_sites(numc_context *context, const char *path, const numc_csv_chain *chain)
{
    for (int32_t s = 0; s < chain->site_count; s++) {
        const numc_csv_site *site = &chain->sites[s];
        const char *name = site->name;
        size_t size = strlen(name);
        if (!is_utf8(name)) {
            char shown[64];
            snprintf(shown, sizeof shown, "%s", name);
            for (char *c = shown; *c != '\0'; c++)
                *c = (unsigned char)*c < 0x80 ? *c : '?';
            return numc_error_set(context, NUMC_IO, "%s: the name '%s' (its other bytes as ?) is not UTF-8", path, shown);
        }
        if (strpbrk(name, ",\"\n\r#"))
            return numc_error_set(context, NUMC_IO, "%s: the name '%s' cannot be a CSV column", path, name);
        if (size >= 2 && strcmp(name + size - 2, "__") == 0)
            return numc_error_set(context, NUMC_IO, "%s: the name '%s' ends in __, as only the sampler's own columns may", path, name);
        if (site->rank > SITE_RANK_LIMIT)
            return numc_error_set(context, NUMC_IO, "%s: '%s' has rank %d; at most %d can be written", path, name,
                                  (int)site->rank, SITE_RANK_LIMIT);
        for (int32_t other = 0; other < chain->site_count; other++)
            if (is_element(name, chain->sites[other].name))
                return numc_error_set(context, NUMC_IO, "%s: the name '%s' reads as an element of '%s'", path, name,
                                      chain->sites[other].name);
    }
    return NUMC_OK;
}

numc_status numc__csv_write(numc_context *context, const char *path, const numc_csv_chain *chain)
{
    numc_status status = check_sites(context, path, chain);
    if (status != NUMC_OK)
        return status;
    size_t count = (size_t)chain->value_count;
    double *values = malloc((count + 1) * sizeof *values);
    int64_t *place = malloc((count + 1) * sizeof *place);
    if (!values || !place) {
        free(values);
        free(place);
        return numc_error_set(context, NUMC_MEMORY, "%s: out of memory", path);
    }
    writer out = {.file = fopen(path, "wbe")};
    if (!out.file) {
        status = numc_error_set(context, NUMC_IO, "%s: cannot be opened for writing: %s", path, strerror(errno));
        free(values);
        free(place);
        return status;
    }
    put_configuration(&out, path, chain);
    put_header(&out, chain, place);
    put_rows(&out, chain, true, values, place);
    if (chain->adapted)
        put_adaptation(&out, chain);
    put_rows(&out, chain, false, values, place);
    put_times(&out, chain);
    free(values);
    free(place);

    struct stat about;
    bool ordinary = fstat(fileno(out.file), &about) == 0 && S_ISREG(about.st_mode);
    errno = 0;
    if (fclose(out.file) != 0 && !out.error) /* the last block is written here */
        out.error = errno ? errno : EIO;
    if (out.error) {
        if (ordinary)
            unlink(path);
        return numc_error_set(context, NUMC_IO, "%s: cannot be written: %s", path, strerror(out.error));
    }
    return NUMC_OK;
}
