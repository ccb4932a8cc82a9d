/* compare.c - two recordings of one callback: the first application in which they differ, in words. Constants are compared by value. */
#include <string.h>

#include "graph/build.h"

#define ELEMENTS ((int64_t)1 << 16) /* of constants that are looked at; larger ones count as the same */

typedef struct numc_comparison {
    numc_context *context;
    char *text;
    size_t size;
} comparison;

static bool same_bytes(const comparison *c, const numc_array *a, const numc_array *b)
{
    size_t bytes = (size_t)a->size * numc_dtype_size(a->dtype);
    unsigned char *both = numc__allocate(c->context, 2 * bytes);
    bool same = both != NULL && numc_to_host(a, a->dtype, both, bytes) == NUMC_OK && numc_to_host(b, b->dtype, both + bytes, bytes) == NUMC_OK &&
                memcmp(both, both + bytes, bytes) == 0;
    numc__free(c->context, both, 2 * bytes);
    return same;
}

static bool same_constant(const comparison *c, const numc_array *a, const numc_array *b)
{
    if (a == b || a->size == 0 || a->size > ELEMENTS)
        return true;
    if (a->content == NUMC_CONTENT_IMMEDIATE && b->content == NUMC_CONTENT_IMMEDIATE)
        return memcmp(a->immediate, b->immediate, numc_dtype_size(a->dtype)) == 0;
    bool one = a->content == b->content && a->buffer == b->buffer && a->offset == b->offset &&
               memcmp(a->strides, b->strides, (size_t)a->rank * sizeof *a->strides) == 0;
    return one || same_bytes(c, a, b);
}

static void brief(const comparison *c, const numc_array *x, char *text, size_t size)
{
    if (x->content == NUMC_CONTENT_IMMEDIATE)
        x = numc__array_new_immediate(c->context, x->dtype, 0, NULL, x->immediate);
    if (x == NULL || x->size == 1)
        (void)(numc_array_format)(x, text, size, NULL);
    else
        numc__type_format(text, size, x->dtype, x->rank, x->shape);
}

static bool differ(const comparison *c, const numc_node *node, const char *was, const char *is)
{
    numc__format(c->text, c->size, "%s%s%s%s: %s, then %s", node->site != NULL ? "at site " : "", node->site != NULL ? node->site : "",
                 node->site != NULL ? " " : "", numc__primitive_name(node->primitive), was, is);
    return false;
}

static bool same_graphs(const comparison *c, const numc_graph *a, const numc_graph *b);

static bool same_nodes(const comparison *c, const numc_graph *a, const numc_graph *b, int32_t n)
{
    const numc_node *x = &a->nodes[n], *y = &b->nodes[n];
    char was[160], is[160];
    if (x->primitive != y->primitive || x->input_count != y->input_count)
        return differ(c, x, numc__primitive_name(x->primitive), numc__primitive_name(y->primitive));
    for (int32_t k = 0; k < x->input_count; k++) {
        const numc_value *v = &a->values[x->inputs[k]], *w = &b->values[y->inputs[k]];
        if (!numc__type_equal(&v->type, &w->type)) {
            numc__type_format(was, sizeof was, v->type.dtype, v->type.rank, v->type.shape);
            numc__type_format(is, sizeof is, w->type.dtype, w->type.rank, w->type.shape);
            return differ(c, x, was, is);
        }
        if ((v->constant == NULL) != (w->constant == NULL) || (v->constant == NULL && x->inputs[k] != y->inputs[k]))
            return differ(c, x, "of one value", "of another");
        if (v->constant != NULL && !same_constant(c, v->constant, w->constant)) {
            brief(c, v->constant, was, sizeof was);
            brief(c, w->constant, is, sizeof is);
            return differ(c, x, was, strcmp(was, is) != 0 ? is : "with other values");
        }
    }
    const numc_attributes *p = &x->attributes, *q = &y->attributes;
    if (p->count != q->count || p->dtype != q->dtype || memcmp(p->numbers, q->numbers, (size_t)p->count * sizeof *p->numbers) != 0)
        return differ(c, x, "with some axes, sizes or dtype", "with others");
    return same_graphs(c, p->graphs[0], q->graphs[0]) && same_graphs(c, p->graphs[1], q->graphs[1]);
}

static bool same_graphs(const comparison *c, const numc_graph *a, const numc_graph *b)
{
    if (a == b)
        return true;
    if (a == NULL || b == NULL)
        return false;
    int32_t count = a->node_count < b->node_count ? a->node_count : b->node_count;
    for (int32_t n = 0; n < count; n++)
        if (!same_nodes(c, a, b, n))
            return false;
    if (a->node_count != b->node_count) {
        const numc_node *more = a->node_count > count ? &a->nodes[count] : &b->nodes[count];
        return differ(c, more, a->node_count > count ? "there" : "missing", a->node_count > count ? "missing" : "there");
    }
    for (int32_t i = 0; i < a->output_count; i++) {
        const numc_value *v = &a->values[a->outputs[i]], *w = &b->values[b->outputs[i]];
        bool same = v->constant != NULL && w->constant != NULL ? same_constant(c, v->constant, w->constant) : a->outputs[i] == b->outputs[i];
        if (!same) {
            numc__format(c->text, c->size, "result %d: one value, then another", (int)i);
            return false;
        }
    }
    return true;
}

bool numc__graph_same(numc_context *context, const numc_graph *a, const numc_graph *b, char *text, size_t size)
{
    const comparison c = {context, text, size};
    numc__format(text, size, "%s", "");
    return same_graphs(&c, a, b);
}
