/* tree.c - trees of named arrays: a sorted list of paths and arrays, flattened, put together again, and laid out as one vector. */
#include <string.h>

#include "graph/derivative.h"
#include "numc/function.h"

typedef struct leaf {
    char *path;
    const numc_array *value;
} leaf;

struct numc_tree {
    numc_scoped scoped;
    numc_context *context;
    leaf *leaves;
    int32_t count, capacity;
};

/* ---- making -------------------------------------------------------------------------------------------------------- */

static void destroy(numc_context *context, numc_scoped *scoped)
{
    numc_tree *tree = (numc_tree *)(void *)scoped;
    for (int32_t i = 0; i < tree->count; i++)
        numc__string_free(context, tree->leaves[i].path);
    numc__free(context, tree->leaves, (size_t)tree->capacity * sizeof *tree->leaves);
    numc__free(context, tree, sizeof *tree);
}

numc_tree *numc_tree_new(numc_context *context)
{
    if (context == NULL || context->status != NUMC_OK)
        return NULL;
    numc_tree *tree = numc__allocate_zero(context, 1, sizeof *tree);
    if (tree == NULL)
        return NULL;
    tree->scoped.destroy = destroy;
    tree->context = context;
    numc__scoped_add(context, &tree->scoped);
    return tree;
}

/* The end of a name is before every character, so that what lies under one name stays together. */
static int compare(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b)
        a++, b++;
    int x = *a == '/' ? 1 : *a == '\0' ? 0 : (unsigned char)*a + 2, y = *b == '/' ? 1 : *b == '\0' ? 0 : (unsigned char)*b + 2;
    return x - y;
}

/* Where a path is, or belongs. */
static int32_t find(const numc_tree *tree, const char *path, bool *found)
{
    int32_t low = 0, high = tree->count;
    *found = false;
    while (low < high && !*found) {
        int32_t middle = low + (high - low) / 2;
        int order = compare(tree->leaves[middle].path, path);
        if (order == 0)
            *found = true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return *found ? high : low;
}

static bool under(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && path[length] == '/';
}

static numc_status check_path(numc_context *context, const numc_tree *tree, const char *path, int32_t at)
{
    bool good = path[0] != '\0';
    for (const char *c = path; good && *c != '\0'; c++)
        good = *c != '/' || (c != path && c[1] != '/' && c[1] != '\0');
    NUMC_REQUIRE(context, good, NUMC_INVALID_ARGUMENT, "numc_tree_set: '%s' has an empty name", path);
    NUMC_REQUIRE(context, at == tree->count || !under(tree->leaves[at].path, path), NUMC_INVALID_ARGUMENT,
                 "numc_tree_set: '%s' cannot be a leaf, there is '%s'", path, tree->leaves[at].path);
    for (int32_t i = 0; i < at; i++)
        NUMC_REQUIRE(context, !under(path, tree->leaves[i].path), NUMC_INVALID_ARGUMENT,
                     "numc_tree_set: there is nothing under '%s', which is a leaf: '%s'", tree->leaves[i].path, path);
    return NUMC_OK;
}

static numc_status insert(numc_context *context, numc_tree *tree, int32_t at, const char *path, const numc_array *value)
{
    NUMC_TRY(numc__grow(context, &tree->leaves, sizeof *tree->leaves, tree->count, 1, &tree->capacity));
    char *copy = numc__string_copy(context, path);
    if (copy == NULL)
        return context->status;
    memmove(tree->leaves + at + 1, tree->leaves + at, (size_t)(tree->count - at) * sizeof *tree->leaves);
    tree->leaves[at] = (leaf){copy, value};
    tree->count++;
    return NUMC_OK;
}

numc_status numc_tree_set(numc_tree *tree, const char *path, const numc_array *value)
{
    if (tree == NULL)
        return NUMC_INVALID_ARGUMENT;
    numc_context *context = tree->context;
    NUMC_TRY(context->status);
    NUMC_REQUIRE(context, path != NULL && value != NULL, NUMC_INVALID_ARGUMENT, "numc_tree_set: the path or the array is NULL");
    NUMC_TRY(numc__array_check(value, context, "numc_tree_set"));
    NUMC_REQUIRE(context, value->context->core == context->core, NUMC_STATE,
                 "numc_tree_set: '%s' is an array of another context; numc_to_device copies it", path);
    bool found;
    int32_t at = find(tree, path, &found);
    if (found) {
        tree->leaves[at].value = value;
        return NUMC_OK;
    }
    NUMC_TRY(check_path(context, tree, path, at));
    return insert(context, tree, at, path, value);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

numc_array *numc_tree_get(const numc_tree *tree, const char *path)
{
    if (tree == NULL || tree->context->status != NUMC_OK)
        return NULL;
    bool found = false;
    int32_t at = path == NULL ? 0 : find(tree, path, &found);
    if (!found) {
        numc__fail(tree->context, NUMC_INVALID_ARGUMENT, "numc_tree_get: there is no '%s'", path == NULL ? "NULL" : path);
        return NULL;
    }
    const numc_array *value = tree->leaves[at].value;
    return numc__array_check(value, tree->context, "numc_tree_get") != NUMC_OK ? NULL : (numc_array *)(uintptr_t)value;
}

int32_t numc_tree_count(const numc_tree *tree)
{
    return tree == NULL ? 0 : tree->count;
}

const char *numc_tree_path(const numc_tree *tree, int32_t index)
{
    return tree == NULL || index < 0 || index >= tree->count ? NULL : tree->leaves[index].path;
}

static numc_status check_count(const numc_tree *tree, const char *name, const void *leaves, int32_t count)
{
    numc_context *context = tree->context;
    NUMC_TRY(context->status);
    NUMC_REQUIRE(context, count == tree->count && (leaves != NULL || count == 0), NUMC_INVALID_ARGUMENT,
                 "%s: the list is NULL, or has %d arrays for %d leaves", name, count, tree->count);
    return NUMC_OK;
}

numc_status numc_tree_flatten(const numc_tree *tree, const numc_array **leaves, int32_t count)
{
    for (int32_t i = 0; leaves != NULL && i < count; i++)
        leaves[i] = NULL;
    if (tree == NULL)
        return NUMC_INVALID_ARGUMENT;
    NUMC_TRY(check_count(tree, "numc_tree_flatten", leaves, count));
    for (int32_t i = 0; i < count; i++) {
        NUMC_TRY(numc__array_check(tree->leaves[i].value, tree->context, "numc_tree_flatten"));
        leaves[i] = tree->leaves[i].value;
    }
    return NUMC_OK;
}

numc_tree *numc_tree_unflatten(const numc_tree *like, numc_array *const *leaves, int32_t count)
{
    if (like == NULL || check_count(like, "numc_tree_unflatten", leaves, count) != NUMC_OK)
        return NULL;
    numc_tree *tree = numc_tree_new(like->context);
    for (int32_t i = 0; tree != NULL && i < count; i++) {
        if (leaves[i] == NULL) {
            numc__fail(like->context, NUMC_INVALID_ARGUMENT, "numc_tree_unflatten: array %d, for '%s', is NULL", i, like->leaves[i].path);
            return NULL;
        }
        if (numc__array_check(leaves[i], like->context, "numc_tree_unflatten") != NUMC_OK ||
            insert(like->context, tree, i, like->leaves[i].path, leaves[i]) != NUMC_OK)
            return NULL;
    }
    return tree;
}

/* ---- one vector ------------------------------------------------------------------------------------------------------ */

numc_array *numc_tree_ravel(const numc_tree *tree)
{
    if (tree == NULL || tree->context->status != NUMC_OK)
        return NULL;
    numc_context *context = tree->context;
    if (tree->count == 0)
        return numc_zeros_(context, numc_default_float(context), (numc_shape){(const int64_t[]){0}, 1, true});
    size_t size = (size_t)tree->count * sizeof(numc_array *);
    const numc_array **rows = numc__allocate_zero(context, 1, size);
    if (rows == NULL)
        return NULL;
    const char *before = numc__operation_begin(context, "numc_tree_ravel");
    const int64_t whole = -1;
    for (int32_t i = 0; i < tree->count && context->status == NUMC_OK; i++) {
        const numc_array *x = tree->leaves[i].value;
        if (numc__array_check(x, context, "numc_tree_ravel") == NUMC_OK)
            rows[i] = x->size == 0 ? numc_reshape(x, ((numc_shape){(const int64_t[]){0}, 1, true}))
                                   : numc_reshape(x, ((numc_shape){&whole, 1, true}));
    }
    numc_array *result = context->status != NUMC_OK ? NULL : numc_concat(rows, tree->count, 0);
    numc__operation_end(context, before);
    numc__free(context, rows, size);
    return result;
}

numc_tree *numc_tree_unravel(const numc_tree *like, const numc_array *vector)
{
    if (like == NULL || like->context->status != NUMC_OK)
        return NULL;
    numc_context *context = like->context;
    int64_t total = 0, start = 0;
    for (int32_t i = 0; i < like->count; i++) {
        if (numc__array_check(like->leaves[i].value, context, "numc_tree_unravel") != NUMC_OK)
            return NULL;
        total += like->leaves[i].value->size;
    }
    if (vector == NULL || numc__array_check(vector, context, "numc_tree_unravel") != NUMC_OK) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "numc_tree_unravel: the vector is NULL");
        return NULL;
    }
    if (vector->rank != 1 || vector->shape[0] != total) {
        char shape[256];
        numc__fail(context, NUMC_SHAPE, "numc_tree_unravel: the leaves have %lld elements, the vector has shape %s",
                   (long long)total, numc__shape_format(shape, sizeof shape, vector->rank, vector->shape));
        return NULL;
    }
    numc_tree *tree = numc_tree_new(context);
    for (int32_t i = 0; tree != NULL && i < like->count; i++) {
        const numc_array *x = like->leaves[i].value;
        const int64_t numbers[3] = {start, x->size, 1};
        numc_array *part = numc__apply_numbers(context, NUMC_PRIMITIVE_SLICE, &vector, 1, numbers, 3);
        part = part == NULL ? NULL : numc__reshape_to(context, part, x->rank, x->shape);
        part = part == NULL || part->dtype == x->dtype ? part : numc_astype(part, x->dtype);
        if (part == NULL || insert(context, tree, i, like->leaves[i].path, part) != NUMC_OK)
            return NULL;
        start += x->size;
    }
    return tree;
}
