/* sites.h - internal: the sites of a model as a target sees them, whichever way its density is computed. */
#ifndef NUMC_INFER_SITES_H
#define NUMC_INFER_SITES_H

#include "base/containers.h"
#include "infer/target.h"
#include "model/internal.h"

/* A site of the run. */
typedef struct numc_model_site {
    char *name;
    numc_site_kind kind;
    bool observed;
    int32_t stored;       /* index among what is stored, or -1 */
    int32_t log_prob;     /* index among the log_probs, or -1 */
    int64_t offset, size; /* latents: in q */
} numc_model_site;

/* What a run of the callback said: the next run must say the same. */
typedef struct numc_statement {
    char *name;
    numc_site_kind kind;
    bool observed;
    int32_t rank;
    int64_t shape[NUMC_RANK_LIMIT];
} numc_statement;

typedef struct numc_sites {
    NUMC_LIST(numc_model_site) list;
    int32_t stored_count, log_prob_count;
    int64_t stored; /* doubles per draw */
    numc_target_site *stored_sites;
    int64_t *stored_shapes;
    size_t stored_shape_count;
    NUMC_LIST(numc_statement) statements; /* of the first run */
} numc_sites;

/* The first run: its statements, one after another. A later one: statement `place` must be the same, and in the end all were
 * met; else NUMC_TRACE with both. */
numc_status numc__statement_note(numc_context *context, numc_sites *sites, const numc_message *m);
numc_status numc__statement_repeat(numc_context *context, const numc_sites *sites, size_t place, const numc_message *m);
numc_status numc__statements_all(numc_context *context, const numc_sites *sites, size_t repeated);
void numc__statements_forget(numc_context *context, numc_sites *sites);
/* The map from the real line to the support of a latent site, and the shape of its free values; `offset` of them came before. */
numc_status numc__latent_shape(numc_context *context, const numc_message *m, int64_t offset, numc_bijector **bijector, int32_t *rank,
                               int64_t *shape, int64_t *size);
/* A concrete float array of `size` numbers, of one element without device memory; zeros where `from` is NULL. */
numc_array *numc__array_of_doubles(numc_context *context, const numc_type *type, int64_t size, const double *from);
/* Shapes and offsets of what is stored; values[i]: an array like that of which stored is i. */
numc_status numc__sites_describe(numc_context *context, numc_sites *sites, const numc_array *const *values);
/* "; site "tau" has log probability -inf, with tau = 0": the first site without a finite log probability or gradient, and the latent
 * values. */
void numc__sites_explain(const numc_sites *sites, const double *log_probs, const double *values, const double *gradient, numc_text *text);
void numc__sites_coordinate(const numc_sites *sites, int32_t index, char *name, size_t size);
void numc__sites_end(numc_context *context, numc_sites *sites);

/* dynamic.c: a model whose callback runs at each evaluation. The target is filled in, or an error set. */
numc_status numc__dynamic_target(numc_context *context, const numc_model *model, numc_target *target);

#endif
