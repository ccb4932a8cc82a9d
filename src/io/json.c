/* Stan JSON files read into host arrays by name. The text is parsed by Jansson; shapes, dtypes, names and errors are ours.
 *
 * The tree is flattened once: every number and every array of numbers becomes one entry with a path ("y", or
 * "parameters/theta[1]/mean" inside objects), and Jansson's tree is freed. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "numc/io.h"

enum {
    RANK_LIMIT = 32,        /* arrays nested deeper are refused */
    OBJECT_LIMIT = 32,      /* objects nested deeper are refused */
    NEAR_TEXT = 48,         /* what is quoted of a file or a name in a message */
    LEAVES_SMALL = 4096     /* first buffer of an array whose size is not known */
};

typedef struct numc_json_entry {
    char *name;
    size_t order;        /* place in the file */
    const char *problem; /* why this is not a numeric array; NULL when it is */
    bool real;           /* float64; else int64 */
    int32_t rank;
    int64_t *shape;
    int64_t count;
    void *data;
} numc_json_entry;

struct numc_json {
    numc_context *context;
    char *source;             /* the file's name, for messages */
    numc_json_entry *entries; /* sorted by name */
    size_t *by_order;
    size_t count, capacity;
};

static numc_status no_memory(const numc_json *json)
{
    return numc_error_set(json->context, NUMC_MEMORY, "%s: out of memory", json->source);
}

/* A copy of text that is fit for a one-line message: control characters become '?', long text is cut. */
static const char *quotable(char *buffer, size_t size, const char *text)
{
    size_t length = 0;
    for (; text[length] != '\0' && length + 4 < size; length++) {
        unsigned char c = (unsigned char)text[length];
        buffer[length] = c < 0x20 || c == 0x7f ? '?' : text[length];
    }
    if (text[length] != '\0') {
        memcpy(buffer + length, "...", 3);
        length += 3;
    }
    buffer[length] = '\0';
    return buffer;
}

/* The path of an element for messages: "y[3][1]", with 1-based places as in Stan. */
static const char *element_path(char *buffer, size_t size, const char *name, const int64_t *place,
                                int32_t depth)
{
    char short_name[NEAR_TEXT];
    int used = snprintf(buffer, size, "%s", quotable(short_name, sizeof short_name, name));
    for (int32_t d = 0; d < depth && used > 0 && (size_t)used < size; d++)
        used += snprintf(buffer + used, size - (size_t)used, "[%lld]", (long long)place[d] + 1);
    return buffer;
}

/* The texts that stand for values JSON cannot write: sign and letter case are free. */
static bool special_value(const char *text, double *value)
{
    static const struct {
        const char *text;
        double value;
    } table[] = {{"nan", NAN}, {"inf", INFINITY}, {"infinity", INFINITY}};
    bool negative = *text == '-';
    const char *word = *text == '-' || *text == '+' ? text + 1 : text;
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        size_t i = 0;
        while (word[i] != '\0' && (word[i] | 0x20) == table[t].text[i])
            i++;
        if (word[i] == '\0' && table[t].text[i] == '\0') {
            *value = negative ? -table[t].value : table[t].value;
            return true;
        }
    }
    return false;
}

static const char *kind_of(const json_t *value)
{
    static const char *const kinds[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array",   [JSON_STRING] = "text",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a number",    [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };
    return kinds[json_typeof(value)];
}

/* ---- arrays of numbers ---------------------------------------------------------------------------------------------- */

typedef struct leaves {
    numc_json *json;
    const char *name;
    const char *problem; /* not numeric after all */
    bool real;
    int32_t rank; /* of the first leaf or empty array met, which every other must equal */
    int64_t shape[RANK_LIMIT], place[RANK_LIMIT];
    union {
        int64_t integer;
        double real;
    } *values;
    int64_t count, capacity;
} leaves;

static numc_status ragged(leaves *all, int32_t depth, const char *found, const char *expected,
                          int64_t length)
{
    char path[512], text[96];
    if (length >= 0)
        snprintf(text, sizeof text, "an array of length %lld", (long long)length);
    else
        snprintf(text, sizeof text, "%s", expected);
    return numc_error_set(all->json->context, NUMC_PARSE, "%s: %s is %s where %s is expected: ragged arrays are refused",
                          all->json->source, element_path(path, sizeof path, all->name, all->place, depth), found, text);
}

static numc_status add_leaf(leaves *all, const json_t *value)
{
    if (all->count == all->capacity) {
        int64_t capacity = all->capacity ? 2 * all->capacity : LEAVES_SMALL;
        void *grown = realloc(all->values, (size_t)capacity * sizeof *all->values);
        if (!grown)
            return no_memory(all->json);
        all->values = grown;
        all->capacity = capacity;
    }
    double real;
    if (json_is_integer(value) && !all->real) {
        all->values[all->count++].integer = json_integer_value(value);
        return NUMC_OK;
    }
    if (json_is_number(value))
        real = json_number_value(value);
    else if (json_is_string(value) && special_value(json_string_value(value), &real))
        ;
    else {
        all->problem = kind_of(value);
        return NUMC_OK;
    }
    if (!all->real) { /* the first real number: what came before becomes real too */
        all->real = true;
        for (int64_t i = 0; i < all->count; i++)
            all->values[i].real = (double)all->values[i].integer;
    }
    all->values[all->count++].real = real;
    return NUMC_OK;
}

static numc_status collect(leaves *all, const json_t *value, int32_t depth)
{
    if (!json_is_array(value)) {
        if (all->rank < 0)
            all->rank = depth;
        if (depth != all->rank)
            return ragged(all, depth, kind_of(value), NULL, all->shape[depth]);
        return add_leaf(all, value);
    }
    int64_t length = (int64_t)json_array_size(value);
    if (all->rank >= 0 && depth >= all->rank)
        return ragged(all, depth, "an array", "a number", -1);
    if (depth == RANK_LIMIT) {
        char path[512];
        return numc_error_set(all->json->context, NUMC_PARSE, "%s: %s: arrays are nested deeper than %d", all->json->source,
                              element_path(path, sizeof path, all->name, all->place, 0), RANK_LIMIT);
    }
    if (all->shape[depth] < 0)
        all->shape[depth] = length;
    if (all->shape[depth] != length) {
        char found[64];
        snprintf(found, sizeof found, "an array of length %lld", (long long)length);
        return ragged(all, depth, found, NULL, all->shape[depth]);
    }
    if (length == 0 && all->rank < 0)
        all->rank = depth + 1;
    for (int64_t i = 0; i < length && !all->problem; i++) {
        all->place[depth] = i;
        numc_status status = collect(all, json_array_get(value, (size_t)i), depth + 1);
        if (status != NUMC_OK)
            return status;
    }
    return NUMC_OK;
}

/* ---- entries -------------------------------------------------------------------------------------------------------- */

static numc_status add_entry(numc_json *json, const char *name, const json_t *value)
{
    leaves all = {.json = json, .name = name, .rank = -1};
    for (int32_t d = 0; d < RANK_LIMIT; d++)
        all.shape[d] = -1;
    numc_status status = collect(&all, value, 0);
    if (status == NUMC_OK && json->count == json->capacity) {
        size_t capacity = json->capacity ? 2 * json->capacity : 16;
        numc_json_entry *grown = realloc(json->entries, capacity * sizeof *grown);
        if (grown) {
            json->entries = grown;
            json->capacity = capacity;
        } else {
            status = no_memory(json);
        }
    }
    char *copy = status == NUMC_OK ? strdup(name) : NULL;
    int64_t *shape = copy ? malloc((size_t)(all.rank + 1) * sizeof *shape) : NULL;
    if (status == NUMC_OK && !shape)
        status = no_memory(json);
    if (status != NUMC_OK) {
        free(copy);
        free(all.values);
        return status;
    }
    memcpy(shape, all.shape, (size_t)all.rank * sizeof *shape);
    json->entries[json->count] = (numc_json_entry){
        .name = copy,
        .order = json->count,
        .problem = all.problem,
        .real = all.real,
        .rank = all.rank,
        .shape = shape,
        .count = all.count,
        .data = all.values,
    };
    json->count++;
    return NUMC_OK;
}

/* Walks objects; path is the joined name of the object, "" at the top. */
static numc_status add_object(numc_json *json, json_t *object, const char *path, int depth)
{
    if (depth == OBJECT_LIMIT) {
        char near[NEAR_TEXT];
        return numc_error_set(json->context, NUMC_PARSE, "%s: objects are nested deeper than %d at %s", json->source,
                              OBJECT_LIMIT, quotable(near, sizeof near, path));
    }
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        size_t size = strlen(path) + strlen(key) + 2;
        char *name = malloc(size);
        if (!name)
            return no_memory(json);
        snprintf(name, size, "%s%s%s", path, *path ? "/" : "", key);
        numc_status status = json_is_object(value) ? add_object(json, value, name, depth + 1) : add_entry(json, name, value);
        free(name);
        if (status != NUMC_OK)
            return status;
    }
    return NUMC_OK;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const numc_json_entry *)left)->name, ((const numc_json_entry *)right)->name);
}

static numc_status sort_entries(numc_json *json)
{
    if (json->count == 0)
        return NUMC_OK;
    qsort(json->entries, json->count, sizeof *json->entries, by_name);
    json->by_order = malloc(json->count * sizeof *json->by_order);
    if (!json->by_order)
        return no_memory(json);
    for (size_t i = 0; i < json->count; i++) {
        json->by_order[json->entries[i].order] = i;
        if (i > 0 && strcmp(json->entries[i - 1].name, json->entries[i].name) == 0) {
            char near[NEAR_TEXT];
            return numc_error_set(json->context, NUMC_PARSE, "%s: two values are called '%s'", json->source,
                                  quotable(near, sizeof near, json->entries[i].name));
        }
    }
    return NUMC_OK;
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

static numc_status parse(numc_json *json, const char *text, size_t size)
{
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
        text += 3;
        size -= 3;
    }
    json_error_t error = {.line = 0};
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        /* Jansson says nothing of most allocations that fail, but of every fault of the text it does. */
        if (json_error_code(&error) == json_error_out_of_memory || error.text[0] == '\0')
            return no_memory(json);
        char near[sizeof error.text + 4];
        return numc_error_set(json->context, NUMC_PARSE, "%s: line %d, column %d: %s", json->source, error.line,
                              error.column, quotable(near, sizeof near, error.text));
    }
    numc_status status;
    if (json_is_object(root))
        status = add_object(json, root, "", 0);
    else
        status = numc_error_set(json->context, NUMC_PARSE, "%s: line 1, column 1: an object of named values is expected, not %s",
                                json->source, kind_of(root));
    json_decref(root);
    return status == NUMC_OK ? sort_entries(json) : status;
}

static numc_status begin(numc_context *context, const char *source, numc_json **out)
{
    if (!context)
        return NUMC_INVALID_ARGUMENT;
    numc_status pending = numc_error_status(context);
    if (!out)
        return numc_error_set(context, NUMC_INVALID_ARGUMENT, "numc_json_read: out is NULL");
    *out = NULL;
    if (pending != NUMC_OK)
        return pending;
    numc_json *json = calloc(1, sizeof *json);
    if (json)
        json->source = strdup(source);
    if (!json || !json->source) {
        free(json);
        return numc_error_set(context, NUMC_MEMORY, "%s: out of memory", source);
    }
    json->context = context;
    *out = json;
    return NUMC_OK;
}

static numc_status finish(numc_status status, numc_json **out)
{
    if (status != NUMC_OK) {
        numc_json_free(*out);
        *out = NULL;
    }
    return status;
}

numc_status numc_json_read_text(numc_context *context, const char *text, size_t size, numc_json **out)
{
    numc_status status = begin(context, "JSON text", out);
    if (status != NUMC_OK)
        return status;
    if (!text)
        status = numc_error_set(context, NUMC_INVALID_ARGUMENT, "numc_json_read_text: text is NULL");
    else
        status = parse(*out, text, size);
    return finish(status, out);
}

/* The whole file; *text is freed by the caller whatever is returned. */
#define NUMC_JSON_BYTES ((size_t)1 << 32)

static numc_status read_whole(numc_json *json, FILE *file, char **text, size_t *size)
{
    size_t capacity = 0;
    for (;;) {
        if (*size == capacity) {
            capacity = capacity ? 2 * capacity : 1 << 16;
            char *grown = realloc(*text, capacity);
            if (!grown)
                return no_memory(json);
            *text = grown;
        }
        errno = 0;
        size_t got = fread(*text + *size, 1, capacity - *size, file);
        const char *zero = memchr(*text + *size, '\0', got); /* never in JSON: a device or another kind of file, perhaps endless */
        if (zero != NULL)
            return numc_error_set(json->context, NUMC_PARSE, "%s: byte %zu is zero: this is not a text", json->source,
                                  (size_t)(zero - *text));
        *size += got;
        if (*size > NUMC_JSON_BYTES)
            return numc_error_set(json->context, NUMC_IO, "%s: longer than %zu bytes", json->source, (size_t)NUMC_JSON_BYTES);
        if (got == 0 && ferror(file))
            return numc_error_set(json->context, NUMC_IO, "%s: cannot be read: %s", json->source, strerror(errno));
        if (got == 0)
            return NUMC_OK;
    }
}

numc_status numc_json_read_file(numc_context *context, const char *path, numc_json **out)
{
    numc_status status = begin(context, path ? path : "(no file)", out);
    if (status != NUMC_OK)
        return status;
    FILE *file = path ? fopen(path, "rbe") : NULL;
    if (!path) {
        status = numc_error_set(context, NUMC_INVALID_ARGUMENT, "numc_json_read_file: path is NULL");
    } else if (!file) {
        status = numc_error_set(context, NUMC_IO, "%s: cannot be opened: %s", path, strerror(errno));
    } else {
        char *text = NULL;
        size_t size = 0;
        status = read_whole(*out, file, &text, &size);
        fclose(file);
        if (status == NUMC_OK)
            status = parse(*out, text, size);
        free(text);
    }
    return finish(status, out);
}

void numc_json_free(numc_json *json)
{
    if (!json)
        return;
    for (size_t i = 0; i < json->count; i++) {
        free(json->entries[i].name);
        free(json->entries[i].shape);
        free(json->entries[i].data);
    }
    free(json->entries);
    free(json->by_order);
    free(json->source);
    free(json);
}

/* ---- asking --------------------------------------------------------------------------------------------------------- */

static const numc_json_entry *lookup(const numc_json *json, const char *name)
{
    if (!json || !name || json->count == 0)
        return NULL;
    union {     /* bsearch takes an entry; only its name is looked at */
        const char *constant;
        char *name;
    } key = {.constant = name};
    numc_json_entry wanted = {.name = key.name};
    return bsearch(&wanted, json->entries, json->count, sizeof wanted, by_name);
}

/* The entry whose name is nearest to one that is not there; NULL when none is near. */
static const char *nearest(const numc_json *json, const char *name)
{
    const char **names = malloc((json->count + 1) * sizeof *names);
    if (!names)
        return NULL;
    for (size_t i = 0; i < json->count; i++)
        names[i] = json->entries[i].name;
    const char *found = numc__nearest_name(name, names, json->count);
    free(names);
    return found;
}

static const numc_json_entry *find(const numc_json *json, const char *name)
{
    if (!json)
        return NULL;
    if (!name) {
        numc_error_set(json->context, NUMC_INVALID_ARGUMENT, "%s: asked for a value without a name", json->source);
        return NULL;
    }
    const numc_json_entry *entry = lookup(json, name);
    char asked[NEAR_TEXT], near[NEAR_TEXT];
    if (!entry) {
        const char *offer = nearest(json, name);
        quotable(asked, sizeof asked, name);
        if (offer)
            numc_error_set(json->context, NUMC_INVALID_ARGUMENT, "%s: there is no '%s'; did you mean '%s'?", json->source,
                           asked, quotable(near, sizeof near, offer));
        else
            numc_error_set(json->context, NUMC_INVALID_ARGUMENT, "%s: there is no '%s'", json->source, asked);
        return NULL;
    }
    if (entry->problem) {
        numc_error_set(json->context, NUMC_DTYPE, "%s: '%s' holds %s, not only numbers", json->source,
                       quotable(asked, sizeof asked, name), entry->problem);
        return NULL;
    }
    return entry;
}

size_t numc_json_count(const numc_json *json)
{
    return json ? json->count : 0;
}

const char *numc_json_name(const numc_json *json, size_t index)
{
    return json && index < json->count ? json->entries[json->by_order[index]].name : NULL;
}

bool numc_json_has(const numc_json *json, const char *name)
{
    return lookup(json, name) != NULL;
}

bool numc_json_values(const numc_json *json, const char *name, numc_json_view *view)
{
    const numc_json_entry *entry = find(json, name);
    if (!entry || !view)
        return false;
    *view = (numc_json_view){
        .rank = entry->rank,
        .shape = entry->shape,
        .count = entry->count,
        .integers = entry->real ? NULL : entry->data,
        .reals = entry->real ? entry->data : NULL,
    };
    return true;
}

numc_array *numc_json_array(const numc_json *json, const char *name)
{
    const numc_json_entry *entry = find(json, name);
    if (!entry)
        return NULL;
    numc_shape shape = {entry->shape, entry->rank, true};
    return numc_from_host_(json->context, entry->real ? NUMC_FLOAT64 : NUMC_INT64, shape, entry->data);
}

static const numc_json_entry *find_scalar(const numc_json *json, const char *name)
{
    const numc_json_entry *entry = find(json, name);
    if (!entry || entry->rank == 0)
        return entry;
    char asked[NEAR_TEXT];
    numc_error_set(json->context, NUMC_SHAPE, "%s: '%s' is an array of rank %d where one number is wanted", json->source,
                   quotable(asked, sizeof asked, name), (int)entry->rank);
    return NULL;
}

double numc_json_number(const numc_json *json, const char *name)
{
    const numc_json_entry *entry = find_scalar(json, name);
    if (!entry)
        return NAN;
    return entry->real ? *(const double *)entry->data : (double)*(const int64_t *)entry->data;
}

int64_t numc_json_integer(const numc_json *json, const char *name)
{
    const numc_json_entry *entry = find_scalar(json, name);
    if (!entry)
        return 0;
    if (entry->real) {
        char asked[NEAR_TEXT];
        numc_error_set(json->context, NUMC_DTYPE, "%s: '%s' is a real number where an integer is wanted", json->source,
                       quotable(asked, sizeof asked, name));
        return 0;
    }
    return *(const int64_t *)entry->data;
}
