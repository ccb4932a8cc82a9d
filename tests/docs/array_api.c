/* array_api.c - writes docs/array-api.md from the library itself: calls every function of the standard at every dtype on each
 * backend, asks what came out, what was recorded in a trace, and what fell back to the host. `array_api FILE` compares instead. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "numc/numc.h"

#include "../array/functions.h"

#define BACKENDS 2
#define DTYPES 13
static const char *const backends[BACKENDS] = {"ref", "cpu"};
static const numc_dtype dtypes[DTYPES] = {NUMC_BOOL,    NUMC_INT8,   NUMC_INT16,   NUMC_INT32,   NUMC_INT64,     NUMC_UINT8,     NUMC_UINT16,
                                          NUMC_UINT32,  NUMC_UINT64, NUMC_FLOAT32, NUMC_FLOAT64, NUMC_COMPLEX64, NUMC_COMPLEX128};

/* What the standard leaves open, or what a caller of C must know. */
static const struct {
    const char *name, *text;
} notes[] = {
    {"arange", "Exact for whole numbers; a default dtype of int64 if all three are whole by their C type. An integer dtype that cannot hold the elements is an error."},
    {"asarray", "An array or a number. Sequences and buffers: numc_from_host. Arrays are values, so there is no copy to ask for."},
    {"from_dlpack", "Versioned and legacy tensors (dlpack.h)."},
    {"empty", "Zeros."},
    {"empty_like", "Zeros."},
    {"linspace", "The last element is stop exactly. An integer dtype truncates."},
    {"full", "A fill value outside an integer dtype is an error; without a dtype the number's kind decides."},
    {"full_like", "A fill value outside an integer dtype is an error."},
    {"meshgrid", "`.matrix`: indexing \"ij\"."},
    {"astype", "Shown: to float32. Float to integer truncates and saturates, NaN gives 0; complex to real is an error, but to bool."},
    {"abs", "Of the most negative integer itself. Bools are counted in int64."},
    {"negative", "Integers wrap around. Bools are counted in int64."},
    {"floor_divide", "Of integers by 0: 0."},
    {"remainder", "Of integers by 0: 0. The sign is x2's."},
    {"pow", "Integers wrap around; their negative powers are truncated (0, but for 1 and -1)."},
    {"divide", "Integers are taken as the default float."},
    {"bitwise_left_shift", "A count that is negative or not below the width gives 0."},
    {"bitwise_right_shift", "A count that is negative or not below the width gives 0, or -1 of negative numbers."},
    {"clip", "Bounds are arrays or numbers; no bound is an infinity. min above max gives max. Bounds of other dtypes are promoted."},
    {"logical_and", "Numbers are true where not 0."},
    {"logical_not", "Numbers are true where not 0."},
    {"logical_or", "Numbers are true where not 0."},
    {"logical_xor", "Numbers are true where not 0."},
    {"real", "Of a concrete complex array a view; of other dtypes x itself."},
    {"imag", "Of a concrete complex array a view; of other dtypes zeros."},
    {"conj", "Of other dtypes x itself."},
    {"maximum", "NaN where either is NaN."},
    {"minimum", "NaN where either is NaN."},
    {"signbit", "Of integers: less than 0."},
    {"sign", "Of a complex number z / abs z."},
    {"take", "Any rank of indices; negative ones count from the end; out of bounds is an error, inside a trace it clamps."},
    {"take_along_axis", "Out of bounds is an error, inside a trace it clamps."},
    {"broadcast_arrays", "Each keeps its dtype."},
    {"concat", "NUMC_FLATTEN in place of an axis is the standard's None."},
    {"roll", "NUMC_FLATTEN in place of an axis is the standard's None; lists of shifts and axes."},
    {"repeat", "repeats may be an array: its result has a size that depends on values."},
    {"reshape", "A view where strides allow it, else a copy; since arrays are values nothing else tells them apart."},
    {"squeeze", "Without axes, every axis of size 1 goes."},
    {"argmax", "NaN counts as the extreme, the first one wins. Of nothing: an error."},
    {"argmin", "NaN counts as the extreme, the first one wins. Of nothing: an error."},
    {"max", "NaN where there is one. Of nothing: an error."},
    {"min", "NaN where there is one. Of nothing: an error."},
    {"nonzero", "Rank 0 is an error. Not inside a trace."},
    {"searchsorted", "Values of any rank, or a number. NaN is above all numbers."},
    {"where", "The condition must be bool. Both choices may be numbers."},
    {"isin", "Either operand may be a number. NaN is in no set."},
    {"unique_all", "Ascending; each NaN is a value of its own. Not inside a trace."},
    {"unique_counts", "As unique_all."},
    {"unique_inverse", "As unique_all."},
    {"unique_values", "As unique_all."},
    {"sort", "Stable always; NaN comes last in both directions."},
    {"argsort", "Stable always; NaN comes last in both directions."},
    {"sum", "A float sum has the same bits whatever the strides: reduced axes of a view that do not lie side by side are laid so first."},
    {"var", "Two passes; NaN where the divisor count - correction is not positive."},
    {"std", "As var."},
    {"mean", "Integers are taken as the default float; `.dtype` chooses another."},
    {"vecdot", "Conjugates x1."},
    {"cumulative_sum", "An axis is needed unless x has rank 1."},
    {"cumulative_prod", "An axis is needed unless x has rank 1."},
    {"diff", "Of bools: not_equal."},
    {"linalg_cholesky", "Reads one triangle. NaN where a matrix is not positive definite: never an error."},
    {"linalg_eig", "Complex whatever x is; NaN where there is no convergence."},
    {"linalg_eigvals", "As eig."},
    {"linalg_eigh", "Reads the lower triangle; values ascend."},
    {"linalg_solve", "Infinities and NaN of a singular matrix: never an error."},
    {"linalg_inv", "As solve."},
    {"linalg_matrix_power", "Integers stay integers for powers that are not negative."},
    {"linalg_outer", "Its C name is numc_outer."},
    {"fft_fft", "Of any length in O(n log n). Real numbers become complex; float32 is computed as such."},
    {"fft_ifft", "As fft."},
    {"fft_fftn", "Lengths without axes are those of the last axes. An axis given twice is transformed twice."},
    {"fft_ifftn", "As fftn."},
    {"fft_irfft", "The imaginary parts of the first term, and of an even length's last, are ignored."},
    {"fft_hfft", "As irfft."},
    {"fft_fftfreq", "A distance of 0 is an error."},
    {"fft_rfftfreq", "As fftfreq."},
};

static const char *note_of(const char *name)
{
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        if (strcmp(notes[i].name, name) == 0)
            return notes[i].text;
    }
    return "";
}

/* ---- text that grows ------------------------------------------------------------------------------------------------ */

static char *document;
static size_t used, capacity;

static void say(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char line[4096];
    int length = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    if (length < 0 || (size_t)length >= sizeof line)
        abort();
    if (used + (size_t)length + 1 > capacity) {
        capacity = 2 * capacity + (size_t)length + 65536;
        document = realloc(document, capacity);
        if (document == NULL)
            abort();
    }
    memcpy(document + used, line, (size_t)length + 1);
    used += (size_t)length;
}

/* ---- measuring ---------------------------------------------------------------------------------------------------------- */

typedef struct outcome {
    bool accepted, fell_back;
    uint64_t kernels;
    numc_dtype result;
} outcome;

typedef struct measured {
    outcome at[BACKENDS][DTYPES];
    char made_of[512];
    int primitives; /* that compute; 0: views and constants */
    bool traced;
    uint64_t kernels[BACKENDS]; /* of the call at the dtype that is traced */
} measured;

static given arguments(numc_context *context, numc_dtype dtype)
{
    static const int64_t spd[9] = {4, 1, 0, 1, 3, 1, 0, 1, 2};
    given g = {.context = context, .dtype = dtype};
    numc_array *count = numc_arange(context, NUMC_INT64, 1, 7, 1), *one = numc_ones(context, NUMC_INT64, NUMC_SHAPE(2, 3));
    g.x = numc_astype(numc_reshape(count, NUMC_SHAPE(2, 3)), dtype);
    g.y = numc_astype(numc_add(one, numc_remainder(numc_reshape(count, NUMC_SHAPE(2, 3)), 2)), dtype);
    g.line = numc_astype(numc_arange(context, NUMC_INT64, 1, 4, 1), dtype);
    g.square = numc_astype(numc_from_host(context, NUMC_INT64, NUMC_SHAPE(3, 3), spd), dtype);
    g.mask = numc_equal(numc_remainder(numc_reshape(count, NUMC_SHAPE(2, 3)), 2), 1);
    g.places = numc_from_host(context, NUMC_INT64, NUMC_SHAPE(2), ((const int64_t[]){2, 0}));
    if (numc_error_status(context) != NUMC_OK) {
        fprintf(stderr, "arguments: %s\n", numc_error_message(context));
        exit(EXIT_FAILURE);
    }
    return g;
}

static outcome try_call(numc_context *context, const function_row *row, numc_dtype dtype)
{
    outcome found = {.result = NUMC_DTYPE_DEFAULT};
    numc_scope(context) {
        given g = arguments(context, dtype);
        numc_statistics before, after;
        numc_statistics_get(context, &before);
        numc_array *y = row->call(&g);
        numc_statistics_get(context, &after);
        found.accepted = y != NULL && numc_error_status(context) == NUMC_OK;
        found.result = numc_array_dtype(y);
        found.kernels = after.kernels_run - before.kernels_run;
        found.fell_back = after.fallbacks > before.fallbacks;
        numc_status status = numc_error_status(context);
        if (status != NUMC_OK && status != NUMC_DTYPE && status != NUMC_UNSUPPORTED && status != NUMC_VALUE) {
            fprintf(stderr, "%s of %s: %s\n", row->name, numc_dtype_name(dtype), numc_error_message(context));
            exit(EXIT_FAILURE);
        }
        numc_error_clear(context);
    }
    return found;
}

static void traced_call(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                        int32_t output_count, void *user)
{
    (void)input_count;
    (void)output_count;
    void *const *both = user;
    const function_row *row = both[0];
    given g = *(const given *)both[1];
    g.context = context;
    g.x = inputs[0];
    g.y = inputs[1];
    g.line = inputs[2];
    g.square = inputs[3];
    outputs[0] = row->call(&g);
}

/* The primitives of a trace in order of appearance, each once: the words after '=' in the graph's text. */
static void read_trace(measured *m, char *text)
{
    static const char *const views[] = {"constant", "broadcast", "reshape", "permute", "slice", "flip", "return", NULL};
    size_t length = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        const char *word = strstr(line, "] = ");
        if (word == NULL)
            continue;
        word += 4;
        size_t size = strcspn(word, " \n");
        bool view = false;
        for (const char *const *v = views; *v != NULL; v++)
            view = view || (strlen(*v) == size && memcmp(*v, word, size) == 0);
        if (strncmp(word, "constant", 8) == 0)
            continue;
        m->primitives += !view;
        char name[64];
        snprintf(name, sizeof name, " %.*s ", (int)size, word);
        char known[520];
        snprintf(known, sizeof known, " %s ", m->made_of);
        if (strstr(known, name) == NULL && length + size + 2 < sizeof m->made_of)
            length += (size_t)snprintf(m->made_of + length, sizeof m->made_of - length, "%s%.*s", length > 0 ? " " : "", (int)size, word);
    }
}

static void trace_row(numc_context *context, const function_row *row, numc_dtype dtype, measured *m)
{
    static char text[1 << 17];
    if ((row->flags & (CREATES | VALUES)) != 0)
        return;
    numc_scope(context) {
        given g = arguments(context, dtype);
        const numc_array *inputs[4] = {g.x, g.y, g.line, g.square};
        void *both[2] = {(void *)(uintptr_t)row, &g};
        numc_function *f = numc_function_trace(context, traced_call, both, inputs, 4, 1);
        if (f == NULL) {
            fprintf(stderr, "%s traced: %s\n", row->name, numc_error_message(context));
            exit(EXIT_FAILURE);
        }
        numc_function_format(f, text, sizeof text);
        numc_function_free(f);
        m->traced = true;
        read_trace(m, text);
    }
}

/* ---- cells ------------------------------------------------------------------------------------------------------------- */

/* What dtypes first..last give: "same", one name, or one for each. */
static void results_text(const measured *m, int first, int last, char *text, size_t size)
{
    bool same = true, equal = true, none = true, all = true, component = true;
    numc_dtype result = NUMC_DTYPE_DEFAULT;
    for (int t = first; t <= last; t++) {
        const outcome *o = &m->at[0][t];
        none = none && !o->accepted;
        all = all && o->accepted;
        same = same && o->accepted && o->result == dtypes[t];
        component = component && o->accepted && o->result == numc_finfo(dtypes[t]).dtype && dtypes[t] != o->result;
        if (t == first)
            result = o->result;
        equal = equal && o->accepted && o->result == result;
    }
    if (none) {
        snprintf(text, size, "-");
    } else if (same) {
        snprintf(text, size, "same");
    } else if (component) {
        snprintf(text, size, "its parts'");
    } else if (equal) {
        snprintf(text, size, "%s", numc_dtype_name(result));
    } else {
        bool widened = all;
        for (int t = first; t <= last; t++)
            widened = widened && m->at[0][t].result == (dtypes[t] == NUMC_FLOAT32 ? NUMC_COMPLEX64 : NUMC_COMPLEX128);
        size_t length = 0;
        if (widened) {
            snprintf(text, size, "complex");
            return;
        }
        for (int t = first; t <= last; t++)
            length += (size_t)snprintf(text + length, size - length, "%s%s: %s", t > first ? ", " : "", numc_dtype_name(dtypes[t]),
                                       m->at[0][t].accepted ? numc_dtype_name(m->at[0][t].result) : "-");
    }
}

static void integers_text(const measured *m, char *text, size_t size)
{
    char one[256], two[256];
    results_text(m, 1, 4, one, sizeof one);
    results_text(m, 5, 8, two, sizeof two);
    snprintf(text, size, strcmp(one, two) == 0 ? "%s" : "%s / %s", one, two);
}

static void backend_text(const measured *m, const function_row *row, int b, char *text, size_t size)
{
    int accepted = 0, fallen = 0;
    char list[256] = "";
    size_t length = 0;
    for (int t = 0; t < DTYPES; t++) {
        accepted += m->at[b][t].accepted;
        if (m->at[b][t].accepted && m->at[b][t].fell_back) {
            fallen++;
            length += (size_t)snprintf(list + length, sizeof list - length, " %s", numc_dtype_name(dtypes[t]));
        }
    }
    const char *kind = (row->flags & CREATES) != 0                                ? "made"
                       : (!m->traced || m->primitives == 0) && m->kernels[b] == 0 ? "view"
                       : !m->traced || m->primitives > 1                          ? "composed"
                       : m->primitives == 0                                       ? "copy"
                                                                                  : "native";
    if (fallen == 0)
        snprintf(text, size, "%s", kind);
    else if (fallen == accepted)
        snprintf(text, size, "%s, host fallback", kind);
    else
        snprintf(text, size, "%s, host fallback for%s", kind, list);
}

/* ---- the page ----------------------------------------------------------------------------------------------------------- */

static void heading(const char *group)
{
    say("\n## %s\n\n| function | bool | integers | floats | complex | made of | %s | %s | notes |\n|---|---|---|---|---|---|---|---|---|\n",
        group, backends[0], backends[1]);
}

static void describe(numc_context *const *contexts, const function_row *row)
{
    measured m = {.primitives = 0};
    int chosen = -1;
    for (int t = 0; t < DTYPES; t++) {
        for (int b = 0; b < BACKENDS; b++)
            m.at[b][t] = try_call(contexts[b], row, dtypes[t]);
        if (m.at[0][t].accepted != m.at[1][t].accepted || m.at[0][t].result != m.at[1][t].result) {
            fprintf(stderr, "%s of %s: ref and cpu differ\n", row->name, numc_dtype_name(dtypes[t]));
            exit(EXIT_FAILURE);
        }
    }
    static const int preferred[] = {10, 4, 0, 12};
    if (strcmp(row->name, "real") == 0 || strcmp(row->name, "imag") == 0 || strcmp(row->name, "conj") == 0)
        chosen = 12; /* of others they are x itself or zeros */
    for (size_t i = 0; i < sizeof preferred / sizeof *preferred && chosen < 0; i++)
        chosen = m.at[0][preferred[i]].accepted ? preferred[i] : -1;
    if (chosen < 0) {
        fprintf(stderr, "%s takes no dtype\n", row->name);
        exit(EXIT_FAILURE);
    }
    for (int b = 0; b < BACKENDS; b++)
        m.kernels[b] = m.at[b][chosen].kernels;
    trace_row(contexts[0], row, dtypes[chosen], &m);
    char cells[4][512], where[BACKENDS][512];
    results_text(&m, 0, 0, cells[0], sizeof cells[0]);
    integers_text(&m, cells[1], sizeof cells[1]);
    if (strcmp(cells[0], "same") == 0 && strcmp(cells[1], "bool") == 0)
        snprintf(cells[0], sizeof cells[0], "bool");
    results_text(&m, 9, 10, cells[2], sizeof cells[2]);
    results_text(&m, 11, 12, cells[3], sizeof cells[3]);
    for (int b = 0; b < BACKENDS; b++)
        backend_text(&m, row, b, where[b], sizeof where[b]);
    bool linalg = strncmp(row->name, "linalg_", 7) == 0, fft = strncmp(row->name, "fft_", 4) == 0;
    const char *name = linalg ? row->name + 7 : fft ? row->name + 4 : row->name;
    say("| %s%s | %s | %s | %s | %s | %s | %s | %s | %s |\n", linalg ? "linalg." : fft ? "fft." : "", name, cells[0], cells[1], cells[2],
        cells[3], m.made_of, where[0], where[1], note_of(row->name));
}

static void page(numc_context *const *contexts)
{
    say("# The array API from C\n\n"
        "Made by `build/tests/docs/array_api > docs/array-api.md`, which calls every function at every dtype on each backend; a test "
        "compares this page with what it prints. Functions are the standard's, 2025.12, named `numc_NAME`, `numc_linalg_NAME` and "
        "`numc_fft_NAME`; the headers say how each is called.\n\n"
        "- The columns bool, integers, floats and complex tell the result's dtype for an x of such a dtype (of two arrays, both of "
        "it): *same* as x, the dtype named, *its parts'* (the real dtype of a complex one), *complex* (as wide as x), or `-`: not "
        "defined, NUMC_DTYPE. Where signed and unsigned integers differ, signed / unsigned.\n"
        "- *made of* lists the primitives that a trace of the function records (float64 where it is defined). A *native* function is "
        "one of them, with views and constants: one kernel or one call of the backend. A *composed* one is several. A *view* "
        "computes nothing; a *copy* only moves elements. *made*: from nothing, by the host or as a constant without memory.\n"
        "- *host fallback*: the backend has no slot for it, so that data go to the host and come back, counted in `numc_statistics`. "
        "cpu is shown with OpenBLAS and its LAPACK; without them products run on its own kernels and factorisations fall back.\n\n"
        "Choices where the standard leaves room:\n\n"
        "- An integer array with a float array takes the float's dtype; uint64 with a signed dtype is an error; a bool with a number "
        "takes the number's dtype, and arithmetic among bools is done in int64.\n"
        "- A C number takes the array's dtype; a fraction with an integer array gives the default float; a whole number that does "
        "not fit the dtype is an error. The default dtypes are float64 (float32 where the device has no float64), complex128, "
        "int64, and int64 for indices.\n"
        "- Functions defined for floats alone take integers and bools as the default float.\n"
        "- Arrays are values: whether a result shares memory cannot be observed, and no function has a `copy` or `out`. In-place "
        "operators are `numc_add_assign` and so on, and `numc_index_assign`; they keep dtype and shape and write in place only where "
        "nothing else can see it. An assigned array is converted as by astype; an assigned number must fit the dtype.\n"
        "- Slices clip as Python's do; an integer out of bounds is an error. Integer arrays may stand beside slices and new axes, "
        "with NumPy's placing of the axes; a mask must be the only term, of any rank up to x's, 0 included.\n"
        "- Kernels read views where they lie, whatever their strides. A view is first copied, row-major, by what works on its elements "
        "in that order where its axes are not one in memory: float sums and products (see sum), argmax and argmin without an axis, "
        "nonzero, masks, reshape; and by products and factorisations of a library that does not take its strides.\n"
        "- Ranks go to 32. Errors are statuses, not exceptions: NUMC_SHAPE, NUMC_INDEX, NUMC_DTYPE, NUMC_VALUE.\n");
    const char *group = "";
    for (size_t i = 0; i < FUNCTION_ROW_COUNT; i++) {
        const function_row *row = &function_rows[i];
        if (strcmp(row->group, "further") == 0)
            continue;
        if (strcmp(row->group, group) != 0)
            heading(group = row->group);
        describe(contexts, row);
    }
    say("\n## without arrays\n\n"
        "| standard | C | notes |\n|---|---|---|\n"
        "| broadcast_shapes | numc_broadcast_shapes | -1 where they do not broadcast |\n"
        "| can_cast | numc_can_cast | by the standard's table alone: no integer to float, no bool to number |\n"
        "| finfo, iinfo | numc_finfo, numc_iinfo | all zeros for another dtype |\n"
        "| isdtype | numc_isdtype | kinds are flags, a union is their sum |\n"
        "| result_type | numc_result_type | dtypes, arrays and numbers; numc_result_dtype for two dtypes |\n"
        "| e, inf, nan, newaxis, pi | NUMC_E, NUMC_INF, NUMC_NAN, NUMC_NEW, NUMC_PI | |\n"
        "| capabilities, default_device, default_dtypes, devices, dtypes | numc_info_capabilities and so on | a context has one device |\n"
        "| dtype, device, mT, ndim, shape, size, T | numc_array_dtype, numc_array_device, numc_matrix_transpose, numc_array_rank, "
        "numc_array_shape, numc_array_size, numc_matrix_transpose | |\n"
        "| to_device | numc_to_device | a copy in another context |\n"
        "| `__getitem__`, `__setitem__` | numc_index, numc_index_assign, numc_index_update | the last gives a new array |\n"
        "| `__bool__`, `__int__`, `__index__`, `__float__`, `__complex__` | numc_item_bool, numc_item_integer, numc_item, numc_item_complex | |\n"
        "| `__dlpack__`, `__dlpack_device__` | numc_to_dlpack, numc_to_dlpack_legacy | always (1, 0), the CPU |\n"
        "| `__add__` and so on | numc_add and so on; operators in numc.hpp | |\n"
        "| `__iadd__` and so on | numc_add_assign and so on, numc_matmul_assign | |\n");
}

static bool lacks_lapack(numc_context *context)
{
    numc_statistics before, after;
    given g = arguments(context, NUMC_FLOAT64);
    numc_statistics_get(context, &before);
    (void)numc_linalg_qr(g.square);
    numc_statistics_get(context, &after);
    return after.fallbacks > before.fallbacks;
}

/* The first line that differs, told; false where none does. */
static bool differs(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "%s cannot be read\n", path);
        return true;
    }
    const char *next = document;
    static char line[8192];
    int number = 0;
    bool different = false;
    while (!different && fgets(line, sizeof line, file) != NULL) {
        size_t length = strlen(line);
        number++;
        different = strncmp(next, line, length) != 0;
        if (different)
            fprintf(stderr, "%s:%d is\n%sbut the library gives\n%.*s\n", path, number, line, (int)strcspn(next, "\n"), next);
        else
            next += length;
    }
    if (!different && *next != '\0') {
        fprintf(stderr, "%s ends before\n%.200s\n", path, next);
        different = true;
    }
    fclose(file);
    return different;
}

int main(int argc, char **argv)
{
    numc_context *contexts[BACKENDS];
    for (int b = 0; b < BACKENDS; b++) {
        contexts[b] = numc_open(&(numc_options){.backend = backends[b], .threads = 1});
        if (contexts[b] == NULL || numc_info_default_device(contexts[b]) == NULL) {
            fprintf(stderr, "%s: %s\n", backends[b], numc_error_message(contexts[b]));
            return EXIT_FAILURE;
        }
    }
    bool skipped = lacks_lapack(contexts[1]);
    if (skipped) {
        fprintf(stderr, "cpu has no LAPACK here: the page is made with it\n");
    } else {
        page(contexts);
        if (argc < 2)
            fputs(document, stdout);
    }
    bool wrong = !skipped && argc > 1 && differs(argv[1]);
    for (int b = 0; b < BACKENDS; b++)
        numc_close(contexts[b]);
    free(document);
    return skipped ? 77 : wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
