/* model.h - for users: models as C callbacks; sites, plates, and the handlers that give a run its meaning.
 *
 * A model is a callback that names its random quantities. What a site does - draw, look a value up, add to a density - is
 * decided by the handlers around the run, innermost first, through a message per site. Arrays made in a run belong to its
 * scope. A run and its arrays are used by the thread that runs the callback; several runs may execute concurrently. */
#ifndef NUMC_MODEL_H
#define NUMC_MODEL_H

#include "numc/dist.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct numc_model numc_model;
/* Called for every run; must not unwind. `user` is the pointer given to numc_model_new. */
typedef void (*numc_model_fn)(numc_run *run, void *user);

/* The callback is not called yet. Belongs to the context; NULL when out of memory. */
NUMC_API numc_model *numc_model_new(numc_context *context, numc_model_fn callback, void *user);
/* The same in dynamic mode: for a callback that decides in C by the values it has sampled (numc_item, a while loop). It is not traced
 * once and compiled: samplers and predictive draws run it at each evaluation, on the lane of the chain, where the arrays of its
 * sites have values, and differentiate the path it took. The same numbers as compiled up to rounding, in far more time:
 * a trace per gradient. Sites, shapes and their order must be the same each time, else the run ends with NUMC_TRACE naming the site.
 * It may leave numc_error_set(run, NUMC_REJECT, ...) for "no density here", or NUMC_STOP. Chains run it at once on several
 * threads, unless serial_callback is set: it makes arrays with its run (another context is NUMC_STATE), and takes care of what
 * else it writes to. A density that is not continuous where the path changes costs acceptance, as any other. */
NUMC_API numc_model *numc_model_new_dynamic(numc_context *context, numc_model_fn callback, void *user);
NUMC_API void numc_model_free(numc_model *model); /* NULL is accepted; samplers made of it keep what they need */
NUMC_API numc_context *numc_model_context(const numc_model *model); /* where it was made */
/* A new model in which numc_data or an observation `name` reads `array` instead (kept; a traced one is NUMC_TRACE).
 * Compiled programs are shared as long as shapes and dtypes agree. A run that has neither data nor an observation of that name is
 * NUMC_SITE; where the array has another shape or dtype than the callback's own, an error of shapes says so, with both. */
NUMC_API numc_model *numc_model_bind(const numc_model *model, const char *name, const numc_array *array);

/* ---- inside a callback ----------------------------------------------------------------------------------------------
 * Names are unique per run, without control characters, comma, quote or bracket: else NUMC_SITE. Each returns NULL once an
 * error is pending. */

/* A latent value, of shape batch + event, the batch expanded to the plates around it. A batch axis no plate covers is one of
 * its own; under numc_handler_validate it is an error. */
NUMC_API numc_array *numc_sample(numc_run *run, const char *name, const numc_distribution *distribution);
/* A NULL value is an error (a missing file, most likely). A constant observation outside the support is an error naming
 * site and value. A number, or one event, is observed for each element of the distribution; an array has all of them, along each plate
 * as many as it has, and along other axes the distribution may be the one that is spread: else NUMC_SHAPE, with both shapes.
 * Returns the value. */
NUMC_API numc_array *numc_observe_(numc_run *run, const char *name, const numc_distribution *distribution, numc_operand value);
/* Names a value computed from others, so that draws and records keep it. Returns the value. */
NUMC_API numc_array *numc_deterministic(numc_run *run, const char *name, const numc_array *value);
/* Adds the sum of log_weight to the log density. */
NUMC_API void numc_factor_(numc_run *run, const char *name, numc_operand log_weight);
/* Names an array the model reads, so that numc_model_bind can put another in its place. Returns the one in force. */
NUMC_API numc_array *numc_data(numc_run *run, const char *name, const numc_array *array);
#ifndef __cplusplus
#define numc_observe(run, name, distribution, value) numc_observe_(run, name, distribution, NUMC_OPERAND(value))
#define numc_factor(run, name, log_weight) numc_factor_(run, name, NUMC_OPERAND(log_weight))
#endif

/* Conditional independence over `size` elements along a batch axis: dim -1 is the rightmost; by default the first free one
 * from the right. Sites inside are expanded to the plate's size. The body runs once. Leaving it by break, goto or return is
 * the error "plate NAME left open". */
typedef struct numc_plate_frame {
    numc_run *run;
    int32_t number, state;
} numc_plate_frame;
NUMC_API numc_plate_frame numc_plate_begin(numc_run *run, const char *name, int64_t size, int32_t dim); /* dim 0: first free */
/* True once, for the body; then closes the plate. */
NUMC_API bool numc_plate_next(numc_plate_frame *frame);
#define numc_plate_at(run, name, size, dim)                                                        \
    for (numc_plate_frame NUMC_HERE(numc_plate_frame_) = numc_plate_begin(run, name, size, dim);   \
         numc_plate_next(&NUMC_HERE(numc_plate_frame_));)
#define numc_plate(run, name, size) numc_plate_at(run, name, size, 0)
/* Names inside are prefixed "name/". */
NUMC_API void numc_name_begin(numc_run *run, const char *name);
NUMC_API void numc_name_end(numc_run *run);

/* ---- handlers ---------------------------------------------------------------------------------------------------- */
typedef enum numc_site_kind {
    NUMC_SITE_SAMPLE = 1,
    NUMC_SITE_DETERMINISTIC = 2,
    NUMC_SITE_FACTOR = 3,
    NUMC_SITE_DATA = 4
} numc_site_kind;

typedef struct numc_plate_info {
    const char *name;
    int64_t size;
    int32_t dim; /* negative, from the right */
} numc_plate_info;

/* What a site asks and the handlers answer. Handlers are called innermost first with `process`, then, once the value stands,
 * outermost first with `finish`. A handler that sets `stop` hides the site from those outside it. If no handler gave a
 * value, the site draws one with `key` (an error when there is none: "no seed"). */
typedef struct numc_message {
    size_t size;
    numc_site_kind kind;
    const char *name;
    const numc_distribution *distribution; /* SAMPLE: already expanded to the plates; NULL in a finished record */
    numc_array *value;    /* SAMPLE: NULL until given; FACTOR: the log weight */
    bool observed;        /* value is data: it adds to the density and is not a latent */
    bool stop;
    numc_array *key;      /* for drawing; set by the seed handler */
    numc_array *mask;     /* bool, broadcast against the batch shape; NULL: all true */
    numc_array *scale;    /* factor on the log probability; NULL: one */
    numc_array *log_prob; /* set before `finish` when some handler asked for it; elementwise over the batch shape */
    bool wants_log_prob;  /* a handler sets it in `process` */
    const numc_plate_info *plates;
    int32_t plate_count;
    bool inside; /* value is known to lie in the support, so log_prob selects nothing; cleared by who puts in another value */
} numc_message;

/* Zero-initialise, then fill in; lives in the caller's memory while the handler is active. */
typedef struct numc_handler {
    size_t size; /* sizeof(numc_handler) */
    const char *name;
    void *user;
    void (*process)(numc_run *run, const struct numc_handler *handler, numc_message *message);
    void (*finish)(numc_run *run, const struct numc_handler *handler, numc_message *message);
} numc_handler;

/* Inside a callback: numc_with(run, &handler) { ... } nests. push is false with the error set: NULL, or of size 0; pop
 * takes off the innermost handler, which must be this one. */
NUMC_API bool numc_handler_push(numc_run *run, const numc_handler *handler);
NUMC_API void numc_handler_pop(numc_run *run, const numc_handler *handler);
#define numc_with(run, handler)                                                                    \
    for (numc_run *NUMC_HERE(numc_with_) = (run),                                                  \
                  *NUMC_HERE(numc_once_) = numc_handler_push(NUMC_HERE(numc_with_), (handler))     \
                                               ? NUMC_HERE(numc_with_)                             \
                                               : NULL;                                             \
         NUMC_HERE(numc_once_) != NULL;                                                            \
         numc_handler_pop(NUMC_HERE(numc_with_), (handler)), NUMC_HERE(numc_once_) = NULL)

typedef struct numc_named {
    const char *name;
    numc_array *array;
} numc_named;
typedef struct numc_record numc_record;

/* The ones built in. Pointers given are borrowed while the handler is in use. */
NUMC_API numc_handler numc_handler_seed(const numc_array *key);   /* a site's key: fold_in(key, hash of its full name) */
NUMC_API numc_handler numc_handler_record(numc_record *record);   /* keeps every site that reaches it */
NUMC_API numc_handler numc_handler_replay(const numc_record *record); /* latent sites take their recorded values */
struct numc_named_list {
    const numc_named *values;
    int32_t count;
};
NUMC_API numc_handler numc_handler_condition(const struct numc_named_list *values);  /* values become observations */
NUMC_API numc_handler numc_handler_substitute(const struct numc_named_list *values); /* values of latents, not observed */
/* Hides the named sites (array NULL) from the handlers outside; count 0: all. */
NUMC_API numc_handler numc_handler_block(const struct numc_named_list *names);
/* bool, against the batch shape: log probabilities count where true; masks combine by and. */
NUMC_API numc_handler numc_handler_mask(const numc_array *mask);
/* Log probabilities times scale > 0 (else NUMC_VALUE). */
NUMC_API numc_handler numc_handler_scale(const numc_array *scale);
/* Refuses what is most often a mistake: a batch axis of a distribution that no plate covers, and an observation with more axes
 * than its distribution. */
NUMC_API numc_handler numc_handler_validate(void);

/* ---- records and whole runs -------------------------------------------------------------------------------------- */
/* What the record handler fills with the finished messages of one run; meeting a site twice is NUMC_SITE. */
NUMC_API numc_record *numc_record_new(numc_context *context);
NUMC_API void numc_record_free(numc_record *record); /* NULL is accepted; else freed at numc_close */
NUMC_API int32_t numc_record_count(const numc_record *record);
NUMC_API const numc_message *numc_record_at(const numc_record *record, int32_t index); /* in execution order; arrays are kept */
NUMC_API const numc_message *numc_record_find(const numc_record *record, const char *name); /* full name; NULL: none */
/* Sum of all log probabilities and factors, 0-d. */
NUMC_API numc_array *numc_record_log_density(const numc_record *record);

/* Runs the model once under the handlers, outermost first, in a scope of its own. A latent site that gets no value and no
 * key is an error. */
NUMC_API numc_status numc_model_run(numc_model *model, const numc_handler *const *handlers, int32_t handler_count);
/* log p(values, data) at constrained values of all latent sites; 0-d array in the current scope. */
NUMC_API numc_array *numc_model_log_density(numc_model *model, const numc_named *values, int32_t count);

#ifdef __cplusplus
}
#endif
#endif
