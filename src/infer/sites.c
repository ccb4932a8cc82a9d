/* Sites of a model: what a first run said of them, what is stored of them, and how they are spoken of. */
#include "infer/sites.h"

#include <math.h>
#include <string.h>

#include "dist/internal.h"

/* ---- statements ---- */

void numc__statements_forget(numc_context *context, numc_sites *sites)
{
    for (size_t i = 0; i < sites->statements.count; i++)
        numc__string_free(context, sites->statements.items[i].name);
    NUMC_LIST_END(context->core, &sites->statements);
}

static void describe(const numc_statement *s, char *text, size_t size)
{
    static const char *const kinds[] = {[NUMC_SITE_SAMPLE] = "sampled", [NUMC_SITE_DETERMINISTIC] = "deterministic",
                                        [NUMC_SITE_FACTOR] = "factor", [NUMC_SITE_DATA] = "data"};
    size_t at = numc__format(text, size, "%s \"%s\" of shape (", s->observed ? "observed" : kinds[s->kind], s->name);
    for (int32_t i = 0; i < s->rank && at + 24 < size; i++)
        at += numc__format(text + at, size - at, "%s%lld", i > 0 ? ", " : "", (long long)s->shape[i]);
    if (at + 2 < size)
        numc__format(text + at, size - at, ")");
}

static bool same_statement(const numc_statement *a, const numc_statement *b)
{
    return strcmp(a->name, b->name) == 0 && a->kind == b->kind && a->observed == b->observed && a->rank == b->rank &&
           memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

static void add_axes(numc_statement *s, numc_shape shape)
{
    for (int32_t i = 0; i < shape.count && s->rank < NUMC_RANK_LIMIT; i++)
        s->shape[s->rank++] = shape.values[i];
}

/* The name is the message's. */
static void statement_of(const numc_message *m, numc_statement *s)
{
    s->name = (char *)(uintptr_t)m->name;
    s->kind = m->kind;
    s->observed = m->observed;
    s->rank = 0;
    if (m->kind == NUMC_SITE_SAMPLE && m->value == NULL) {
        add_axes(s, numc_distribution_batch_shape(m->distribution));
        add_axes(s, numc_distribution_event_shape(m->distribution));
    } else if (m->value != NULL) {
        add_axes(s, (numc_shape){numc_array_shape(m->value), numc_array_rank(m->value), true});
    }
}

numc_status numc__statement_note(numc_context *context, numc_sites *sites, const numc_message *m)
{
    if (!NUMC_LIST_RESERVE(context->core, &sites->statements, 1))
        return numc__fail(context, NUMC_MEMORY, "out of memory: the sites of a model");
    numc_statement *s = &sites->statements.items[sites->statements.count];
    statement_of(m, s);
    s->name = numc__string_copy(context, m->name);
    if (s->name != NULL)
        sites->statements.count++;
    return numc_error_status(context);
}

numc_status numc__statement_repeat(numc_context *context, const numc_sites *sites, size_t place, const numc_message *m)
{
    numc_statement s;
    statement_of(m, &s);
    const numc_statement *first = place < sites->statements.count ? &sites->statements.items[place] : NULL;
    if (first != NULL && same_statement(first, &s))
        return NUMC_OK;
    char was[400] = "nothing", is[400];
    if (first != NULL)
        describe(first, was, sizeof was);
    describe(&s, is, sizeof is);
    return numc__fail(context, NUMC_TRACE, "the model is not the same each time it runs: statement %zu was %s, then %s", place + 1, was, is);
}

numc_status numc__statements_all(numc_context *context, const numc_sites *sites, size_t repeated)
{
    if (repeated >= sites->statements.count)
        return NUMC_OK;
    char was[400];
    describe(&sites->statements.items[repeated], was, sizeof was);
    return numc__fail(context, NUMC_TRACE, "the model is not the same each time it runs: statement %zu was %s, then missing", repeated + 1, was);
}

/* ---- latents ---- */

numc_status numc__latent_shape(numc_context *context, const numc_message *m, int64_t offset, numc_bijector **bijector, int32_t *rank,
                               int64_t *shape, int64_t *size)
{
    const numc_distribution *d = m->distribution;
    numc_constraint *support = numc_distribution_support(d);
    NUMC_TRY(numc_error_status(context));
    if (numc_constraint_is_discrete(support))
        return numc__fail(context, NUMC_SITE,
                          "%s is discrete: HMC and NUTS move real numbers; observe it or sum it out",
                          numc__distribution_inner_name(d));
    NUMC_REQUIRE(context, strcmp(numc__distribution_inner_name(d), "delta") != 0, NUMC_SITE,
                 "a delta has nothing to sample: use numc_deterministic for its value");
    *bijector = numc_bijector_to(support);
    NUMC_TRY(numc_error_status(context));
    NUMC_REQUIRE(context, *bijector != NULL, NUMC_UNSUPPORTED, "no map from the real line to the support (%s) of %s",
                 numc__constraint_inner_name(support), numc__distribution_inner_name(d));
    numc_shape batch = numc_distribution_batch_shape(d), event = numc_distribution_event_shape(d);
    int64_t bound[32];
    NUMC_REQUIRE(context, batch.count + event.count <= 32, NUMC_SHAPE, "its rank is %d",
                 (int)(batch.count + event.count));
    for (int32_t i = 0; i < batch.count; i++)
        bound[i] = batch.values[i];
    for (int32_t i = 0; i < event.count; i++)
        bound[batch.count + i] = event.values[i];
    *rank = numc_bijector_backward_shape(*bijector, (numc_shape){bound, batch.count + event.count, true}, shape);
    NUMC_TRY(numc_error_status(context));
    *size = 1;
    for (int32_t i = 0; i < *rank; i++)
        *size *= shape[i];
    NUMC_REQUIRE(context, *size <= INT32_MAX - offset, NUMC_SHAPE, "more than 2^31 latent numbers");
    return NUMC_OK;
}

numc_array *numc__array_of_doubles(numc_context *context, const numc_type *type, int64_t size, const double *from)
{
    if (from == NULL || size <= 1) {
        _Alignas(16) unsigned char value[16] = {0};
        double number = from == NULL || size == 0 ? 0 : *from;
        float narrow = (float)number;
        if (type->dtype == NUMC_FLOAT64)
            memcpy(value, &number, sizeof number);
        else
            memcpy(value, &narrow, sizeof narrow);
        return numc__array_new_immediate(context, type->dtype, type->rank, type->shape, value);
    }
    const numc_shape shape = {type->shape, type->rank, true};
    if (type->dtype == NUMC_FLOAT64)
        return numc_from_host_(context, NUMC_FLOAT64, shape, from);
    float *narrow = numc__allocate(context, (size_t)size * sizeof *narrow);
    if (narrow == NULL)
        return NULL;
    for (int64_t i = 0; i < size; i++)
        narrow[i] = (float)from[i];
    numc_array *x = numc_from_host_(context, NUMC_FLOAT32, shape, narrow);
    numc__free(context, narrow, (size_t)size * sizeof *narrow);
    return x;
}

/* ---- what is stored ---- */

numc_status numc__sites_describe(numc_context *context, numc_sites *sites, const numc_array *const *values)
{
    for (int32_t i = 0; i < sites->stored_count; i++)
        sites->stored_shape_count += (size_t)numc_array_rank(values[i]);
    sites->stored_sites = numc__allocate_zero(context, (size_t)sites->stored_count, sizeof *sites->stored_sites);
    sites->stored_shapes = numc__allocate_zero(context, sites->stored_shape_count, sizeof *sites->stored_shapes);
    NUMC_TRY(numc_error_status(context));
    int64_t *shape = sites->stored_shapes;
    for (size_t i = 0; i < sites->list.count; i++) {
        const numc_model_site *s = &sites->list.items[i];
        if (s->stored < 0)
            continue;
        const numc_array *value = values[s->stored];
        int32_t rank = numc_array_rank(value);
        sites->stored_sites[s->stored] = (numc_target_site){.name = s->name, .rank = rank, .shape = shape, .offset = sites->stored,
                                                            .size = numc_array_size(value),
                                                            .deterministic = s->kind == NUMC_SITE_DETERMINISTIC};
        for (int32_t k = 0; k < rank; k++)
            *shape++ = numc_array_shape(value)[k];
        sites->stored += numc_array_size(value);
    }
    return NUMC_OK;
}

void numc__sites_end(numc_context *context, numc_sites *sites)
{
    numc__statements_forget(context, sites);
    for (size_t i = 0; i < sites->list.count; i++)
        numc__string_free(context, sites->list.items[i].name);
    NUMC_LIST_END(context->core, &sites->list);
    numc__free(context, sites->stored_sites, (size_t)sites->stored_count * sizeof *sites->stored_sites);
    numc__free(context, sites->stored_shapes, sites->stored_shape_count * sizeof *sites->stored_shapes);
}

/* ---- in words ---- */

static void add_value(const numc_sites *sites, const numc_model_site *s, const double *values, numc_text *text)
{
    const numc_target_site *stored = &sites->stored_sites[s->stored];
    numc__text_add(text, " %s = ", s->name);
    if (stored->rank > 0)
        numc__text_add(text, "[");
    for (int64_t i = 0; i < stored->size && i < 4; i++) {
        if (i > 0)
            numc__text_add(text, ", ");
        numc__text_add_double(text, values[stored->offset + i]);
    }
    if (stored->rank > 0)
        numc__text_add(text, stored->size > 4 ? ", ...]" : "]");
}

void numc__sites_explain(const numc_sites *sites, const double *log_probs, const double *values, const double *gradient, numc_text *text)
{
    const numc_model_site *failing = NULL, *all = sites->list.items;
    for (size_t i = 0; i < sites->list.count && failing == NULL; i++)
        if (all[i].log_prob >= 0 && !isfinite(log_probs[all[i].log_prob]))
            failing = &all[i];
    if (failing != NULL) {
        numc__text_add(text, "; site \"%s\"%s has log probability ", failing->name, failing->observed ? " (observed)" : "");
        numc__text_add_double(text, log_probs[failing->log_prob]);
    }
    for (size_t i = 0; i < sites->list.count && failing == NULL; i++) {
        const numc_model_site *c = &all[i];
        for (int64_t k = 0; k < c->size && failing == NULL; k++)
            if (!isfinite(gradient[c->offset + k]))
                failing = c;
        if (failing != NULL)
            numc__text_add(text, "; that is site \"%s\"", c->name);
    }
    bool first = true;
    int shown = 0;
    if (failing != NULL && failing->stored >= 0) {
        numc__text_add(text, ", with");
        add_value(sites, failing, values, text);
        first = false;
    }
    for (size_t i = 0; i < sites->list.count && shown < 6; i++) {
        const numc_model_site *c = &all[i];
        if (c == failing || c->kind != NUMC_SITE_SAMPLE || c->observed || c->stored < 0)
            continue;
        numc__text_add(text, first ? ", with" : ",");
        add_value(sites, c, values, text);
        first = false;
        shown++;
    }
}

void numc__sites_coordinate(const numc_sites *sites, int32_t index, char *name, size_t size)
{
    for (size_t i = 0; i < sites->list.count; i++) {
        const numc_model_site *s = &sites->list.items[i];
        if (s->kind == NUMC_SITE_SAMPLE && !s->observed && index >= s->offset && index < s->offset + s->size)
            numc__format(name, size, "%s", s->name);
    }
}
