/* print.c - graphs as text: one line per value, attributes by name, sub-graphs indented under their node. */
#include <string.h>

#include "graph/build.h"

/* How the numbers of a primitive are laid out: names in order. A plain name takes one number; name* takes the rest; names with ^
 * share the rest in equal parts. Primitives that are not here have no numbers. */
static const struct {
    int32_t primitive;
    const char *layout;
} layouts[] = {
    {NUMC_PRIMITIVE_IOTA, "axis shape*"},
    {NUMC_PRIMITIVE_BROADCAST, "shape*"},
    {NUMC_PRIMITIVE_RESHAPE, "shape*"},
    {NUMC_PRIMITIVE_PERMUTE, "axes*"},
    {NUMC_PRIMITIVE_SLICE, "start^ count^ step^"},
    {NUMC_PRIMITIVE_FLIP, "flipped*"},
    {NUMC_PRIMITIVE_PAD, "low^ interior^ high^"},
    {NUMC_PRIMITIVE_CONCAT, "axis"},
    {NUMC_PRIMITIVE_GATHER, "axis"},
    {NUMC_PRIMITIVE_SCATTER, "axis add"},
    {NUMC_PRIMITIVE_REDUCE_SUM, "axes*"},
    {NUMC_PRIMITIVE_REDUCE_PROD, "axes*"},
    {NUMC_PRIMITIVE_REDUCE_MAX, "axes*"},
    {NUMC_PRIMITIVE_REDUCE_MIN, "axes*"},
    {NUMC_PRIMITIVE_REDUCE_ANY, "axes*"},
    {NUMC_PRIMITIVE_REDUCE_ALL, "axes*"},
    {NUMC_PRIMITIVE_ARGMAX, "axis"},
    {NUMC_PRIMITIVE_ARGMIN, "axis"},
    {NUMC_PRIMITIVE_CUMULATIVE_SUM, "axis reverse"},
    {NUMC_PRIMITIVE_CUMULATIVE_PROD, "axis reverse"},
    {NUMC_PRIMITIVE_CUMULATIVE_MAX, "axis reverse"},
    {NUMC_PRIMITIVE_SORT, "axis descending"},
    {NUMC_PRIMITIVE_SEARCH, "right"},
    {NUMC_PRIMITIVE_FFT, "axis direction"},
    {NUMC_PRIMITIVE_RFFT, "axis"},
    {NUMC_PRIMITIVE_IRFFT, "axis n"},
    {NUMC_PRIMITIVE_TRIANGULAR_SOLVE, "upper transpose unit"},
    {NUMC_PRIMITIVE_QR, "complete"},
    {NUMC_PRIMITIVE_EIGH, "vectors"},
    {NUMC_PRIMITIVE_EIG, "vectors"},
    {NUMC_PRIMITIVE_SVD, "mode"},
    {NUMC_PRIMITIVE_SCAN, "carries sequences length reverse whole limit"},
    {NUMC_PRIMITIVE_WHILE, "carries limit"},
    {NUMC_PRIMITIVE_CUSTOM, "reverse"},
};

static const char *layout_of(int32_t primitive)
{
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        if (layouts[i].primitive == primitive)
            return layouts[i].layout;
    }
    return "";
}

static void print_list(numc_text *text, const int64_t *numbers, int32_t count)
{
    numc__text_add(text, "[");
    for (int32_t i = 0; i < count; i++)
        numc__text_add(text, i == 0 ? "%lld" : ", %lld", (long long)numbers[i]);
    numc__text_add(text, "]");
}

static void print_type(numc_text *text, const numc_type *type)
{
    numc__text_add(text, "%s", numc_dtype_name(type->dtype));
    print_list(text, type->shape, type->rank);
}

static void print_attributes(numc_text *text, int32_t primitive, const numc_attributes *attributes)
{
    if (primitive == NUMC_PRIMITIVE_EXTERNAL) { /* addresses are another in each run */
        numc__text_add(text, " batch=%lld", (long long)attributes->numbers[2]);
        return;
    }
    const char *at = layout_of(primitive);
    int32_t shared = 0, used = 0;
    for (const char *c = at; *c != '\0'; c++)
        shared += *c == '^';
    while (*at != '\0') {
        size_t length = strcspn(at, " *^");
        char kind = at[length];
        int32_t left = attributes->count - used;
        int32_t take = kind == '*' ? left : kind == '^' ? attributes->count / shared : 1;
        if (take > left)
            take = left;
        if (kind != '*' && kind != '^' && take == 0) /* the last ones may be left out */
            break;
        numc__text_add(text, " %.*s=", (int)length, at);
        if (kind == '*' || kind == '^')
            print_list(text, attributes->numbers + used, take);
        else if (take == 1)
            numc__text_add(text, "%lld", (long long)attributes->numbers[used]);
        used += take;
        at += length + (kind == '*' || kind == '^');
        at += *at == ' ';
    }
    if (attributes->dtype != NUMC_DTYPE_DEFAULT)
        numc__text_add(text, " dtype=%s", numc_dtype_name(attributes->dtype));
}

/* The value of an immediate; the content of a buffer is not read back for a print. */
static void print_constant(numc_text *text, const numc_array *x)
{
    if (x->content != NUMC_CONTENT_IMMEDIATE) {
        numc__text_add(text, "constant");
        return;
    }
    numc__text_add(text, "constant ");
    numc_kind kind = numc_dtype_kind(x->dtype);
    if (kind == NUMC_KIND_REAL) {
        double value;
        numc__value_convert(NUMC_FLOAT64, &value, x->dtype, x->immediate);
        numc__text_add_double(text, value);
    } else if (kind == NUMC_KIND_UNSIGNED) {
        uint64_t value;
        numc__value_convert(NUMC_UINT64, &value, x->dtype, x->immediate);
        numc__text_add(text, "%llu", (unsigned long long)value);
    } else if (kind == NUMC_KIND_SIGNED) {
        int64_t value;
        numc__value_convert(NUMC_INT64, &value, x->dtype, x->immediate);
        numc__text_add(text, "%lld", (long long)value);
    } else if (kind == NUMC_KIND_BOOL) {
        numc__text_add(text, x->immediate[0] != 0 ? "true" : "false");
    } else {
        double parts[2];
        numc__value_convert(NUMC_COMPLEX128, parts, x->dtype, x->immediate);
        numc__text_add_double(text, parts[0]);
        numc__text_add(text, parts[1] < 0 ? "" : "+");
        numc__text_add_double(text, parts[1]);
        numc__text_add(text, "j");
    }
}

static void print_values(numc_text *text, const numc_graph *graph, int32_t first, int32_t count)
{
    for (int32_t i = first; i < first + count; i++) {
        numc__text_add(text, i == first ? "%%%d " : ", %%%d ", i);
        print_type(text, &graph->values[i].type);
    }
}

void numc__constant_print(numc_text *text, const numc_array *constant)
{
    numc__text_add(text, " = ");
    print_constant(text, constant);
    numc__text_add(text, "\n");
}

static void print_graph(numc_text *text, const numc_graph *graph, int indent)
{
    numc__text_add(text, "%*s(", indent, "");
    for (int32_t i = 0; i < graph->input_count; i++) {
        numc__text_add(text, i == 0 ? "%%%d " : ", %%%d ", i);
        print_type(text, &graph->values[i].type);
        if (graph->values[i].name != NULL)
            numc__text_add(text, " %s", graph->values[i].name);
    }
    numc__text_add(text, ") {\n");
    int32_t next = graph->input_count;
    for (int32_t n = 0; n <= graph->node_count; n++) {
        const numc_node *node = n < graph->node_count ? &graph->nodes[n] : NULL;
        for (int32_t end = node != NULL ? node->first_output : graph->value_count; next < end; next++) {
            numc__text_add(text, "%*s", indent + 4, "");
            print_values(text, graph, next, 1);
            if (graph->values[next].constant == NULL) { /* an output of a dynamic function: of types alone */
                numc__text_add(text, "\n");
                continue;
            }
            numc__constant_print(text, graph->values[next].constant);
        }
        if (node == NULL)
            break;
        next += node->output_count;
        numc__text_add(text, "%*s", indent + 4, "");
        print_values(text, graph, node->first_output, node->output_count);
        numc__text_add(text, " = %s", numc__primitive_name(node->primitive));
        for (int32_t k = 0; k < node->input_count; k++)
            numc__text_add(text, " %%%d", node->inputs[k]);
        print_attributes(text, node->primitive, &node->attributes);
        if (node->site != NULL)
            numc__text_add(text, "   ; site %s", node->site);
        numc__text_add(text, "\n");
        for (int i = 0; i < 2; i++) {
            if (node->attributes.graphs[i] != NULL)
                print_graph(text, node->attributes.graphs[i], indent + 8);
        }
    }
    numc__text_add(text, "%*sreturn", indent + 4, "");
    for (int32_t i = 0; i < graph->output_count; i++)
        numc__text_add(text, " %%%d", graph->outputs[i]);
    numc__text_add(text, "\n%*s}\n", indent, "");
}

void numc__attributes_print(numc_text *text, int32_t primitive, const numc_attributes *attributes, int indent)
{
    print_attributes(text, primitive, attributes);
    numc__text_add(text, "\n");
    for (int i = 0; i < 2; i++) {
        if (attributes->graphs[i] != NULL)
            print_graph(text, attributes->graphs[i], indent);
    }
}

void numc__graph_print(numc_text *text, const numc_graph *graph)
{
    print_graph(text, graph, 0);
}
