/* posteriors.c - the reference posteriors as measured models: the callbacks of tests/posteriors/models, and the same data read for the
 * gradients written by hand. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

const char *bench_posteriors_folder;

#ifndef NUMC_BENCH_POSTERIORS

const bench_model bench_posteriors[] = {{.name = NULL}};
const int bench_posterior_count = 0;

bool bench_posteriors_found(void)
{
    fprintf(stderr, "numc-bench: no rows of posteriordb: this build has no libnumc_io (Jansson), which reads its data\n");
    return false;
}

#else

#include "posterior.h"

enum { MOST_BLOCKS = 16 };

typedef struct data {
    const bench_model *model;
    const posterior *of;
    union {
        bench_schools schools;
        bench_garch garch;
        bench_ar ar;
        bench_mixture mixture;
        bench_linear linear;
        bench_drive drive;
        bench_volterra volterra;
        bench_counts counts;
    } hand;
    double *blocks[MOST_BLOCKS]; /* owned */
    int block_count;
    bool failed;
} data;

/* ---- reading ----------------------------------------------------------------------------------------------------------------- */

static double *block(data *d, size_t count)
{
    double *values = d->block_count < MOST_BLOCKS ? calloc(count + 1, sizeof *values) : NULL;
    if (values == NULL)
        d->failed = true;
    else
        d->blocks[d->block_count++] = values;
    return values;
}

/* A field as doubles, row-major; its length, or that of its first axis. NULL: there is no memory, or no such field. */
static double *field(data *d, const numc_json *json, const char *name, int *rows)
{
    numc_json_view view;
    double *values = numc_json_values(json, name, &view) ? block(d, (size_t)view.count) : NULL;
    d->failed = d->failed || values == NULL;
    for (int64_t i = 0; values != NULL && i < view.count; i++)
        values[i] = view.integers != NULL ? (double)view.integers[i] : view.reals[i];
    if (values != NULL && rows != NULL)
        *rows = (int)view.shape[0];
    return values;
}

static void read_schools(data *d, const numc_json *json)
{
    bench_schools *s = &d->hand.schools;
    s->y = field(d, json, "y", &s->count);
    s->sigma = field(d, json, "sigma", NULL);
}

static void read_ar(data *d, const numc_json *json)
{
    d->hand.ar.order = 5;
    d->hand.ar.y = field(d, json, "y", &d->hand.ar.count);
}

static void read_garch(data *d, const numc_json *json)
{
    bench_garch *g = &d->hand.garch;
    g->y = field(d, json, "y", &g->count);
    g->sigma1 = numc_json_number(json, "sigma1");
    g->scratch = block(d, (size_t)g->count);
}

static void read_mixture(data *d, const numc_json *json)
{
    d->hand.mixture.y = field(d, json, "y", &d->hand.mixture.count);
}

static void read_drive(data *d, const numc_json *json)
{
    bench_drive *h = &d->hand.drive;
    h->u = field(d, json, "u", &h->count);
    h->v = field(d, json, "v", NULL);
    h->normal = numc_json_has(json, "tau");
    const double *alpha = field(d, json, "alpha", NULL);
    size_t count = (size_t)h->count;
    double *scratch = block(d, 5 * count);
    if (d->failed)
        return;
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 2; k++)
            h->alpha[i][k] = alpha[2 * i + k];
        h->log_beta[i] = lgamma(h->alpha[i][0] + h->alpha[i][1]) - lgamma(h->alpha[i][0]) - lgamma(h->alpha[i][1]);
        h->sd[i] = h->normal ? numc_json_number(json, i == 0 ? "tau" : "rho") : 0.0;
    }
    h->alphas = (double(*)[2])scratch;
    h->emissions = (double(*)[2])(scratch + 2 * count);
    h->scales = scratch + 4 * count;
}

static void read_volterra(data *d, const numc_json *json)
{
    bench_volterra *v = &d->hand.volterra;
    v->steps = 5;
    v->times = field(d, json, "ts", &v->count);
    v->first = field(d, json, "y_init", NULL);
    double *logs = field(d, json, "y", NULL);
    size_t count = (size_t)v->count;
    double *scratch = block(d, count * (8 * (size_t)v->steps + 2));
    if (d->failed)
        return;
    for (size_t i = 0; i < 2 * count; i++)
        logs[i] = log(logs[i]);
    v->logs = logs;
    v->ends = (double(*)[2])scratch;
    v->points = (double(*)[4][2])(scratch + 2 * count);
}

static void read_counts(data *d, const numc_json *json)
{
    bench_counts *c = &d->hand.counts;
    c->x = field(d, json, "x", &c->count);
    c->k = field(d, json, "k", NULL);
    for (int i = 0; !d->failed && i < c->count; i++)
        c->log_factorial[i] = lgamma(c->k[i] + 1.0);
}

/* ---- linear regressions ---------------------------------------------------------------------------------------------------- */

static void read_blr(data *d, const numc_json *json)
{
    enum { COLUMNS = 5 };
    bench_linear *l = &d->hand.linear;
    *l = (bench_linear){.columns = COLUMNS, .intercept = -1, .slopes = 1, .slope_sd = 10.0, .scale_prior = BENCH_HALF_NORMAL, .scale = 10.0};
    l->y = field(d, json, "y", &l->rows);
    const double *x = field(d, json, "X", NULL);
    l->x = block(d, (size_t)l->rows * COLUMNS);
    for (int i = 0; !d->failed && i < l->rows; i++)
        for (int k = 0; k < COLUMNS; k++)
            l->x[k * l->rows + i] = x[i * COLUMNS + k];
}

static void centre(double *column, int rows, bool standard)
{
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < rows; i++)
        sum += column[i];
    for (int i = 0; i < rows; i++) {
        column[i] -= sum / rows;
        squares += column[i] * column[i];
    }
    for (int i = 0; standard && i < rows; i++) /* by twice the standard deviation */
        column[i] /= 2.0 * sqrt(squares / (rows - 1));
}

static void read_diamonds(data *d, const numc_json *json)
{
    enum { COLUMNS = 24 };
    bench_linear *l = &d->hand.linear;
    *l = (bench_linear){.columns = COLUMNS, .intercept = COLUMNS, .sigma = COLUMNS + 1, .slope_sd = 1.0, .intercept_mean = 8.0,
                        .intercept_sd = 10.0, .intercept_student = true, .scale_prior = BENCH_STUDENT, .scale = 10.0};
    l->y = field(d, json, "Y", &l->rows);
    const double *x = field(d, json, "X", NULL);
    l->x = block(d, (size_t)l->rows * COLUMNS);
    for (int k = 0; !d->failed && k < COLUMNS; k++) {
        for (int i = 0; i < l->rows; i++)
            l->x[k * l->rows + i] = x[i * (COLUMNS + 1) + k + 1];
        centre(l->x + k * l->rows, l->rows, false);
    }
}

static void read_kilpisjarvi(data *d, const numc_json *json)
{
    bench_linear *l = &d->hand.linear;
    *l = (bench_linear){.columns = 1, .slopes = 1, .sigma = 2};
    l->y = field(d, json, "y", &l->rows);
    l->x = field(d, json, "x", NULL);
    l->intercept_mean = numc_json_number(json, "pmualpha");
    l->intercept_sd = numc_json_number(json, "psalpha");
    l->slope_mean = numc_json_number(json, "pmubeta");
    l->slope_sd = numc_json_number(json, "psbeta");
}

static void read_nes(data *d, const numc_json *json)
{
    static const char *const fields[] = {"real_ideo", "race_adj", "age_discrete", "age_discrete", "age_discrete", "educ1", "gender", "income"};
    enum { COLUMNS = sizeof fields / sizeof fields[0] };
    bench_linear *l = &d->hand.linear;
    *l = (bench_linear){.columns = COLUMNS, .slopes = 1, .sigma = COLUMNS + 1};
    l->y = field(d, json, "partyid7", &l->rows);
    l->x = block(d, (size_t)l->rows * COLUMNS);
    for (int k = 0; k < COLUMNS && !d->failed; k++) {
        const double *column = field(d, json, fields[k], NULL);
        for (int i = 0; column != NULL && i < l->rows; i++)
            l->x[k * l->rows + i] = k >= 2 && k <= 4 ? column[i] == (double)k : column[i];
    }
}

/* Columns h, q, their product x and the levels 2, 3, 4 of work, as the posterior has them. */
static void read_kidscore(data *d, const numc_json *json)
{
    static const struct {
        const char *name, *terms;
        char origin; /* 'r'aw, 'm'eans, 'p'oints, 's'tandard */
        bool flat;
    } variants[] = {{"kidscore_momhs", "h", 'r', false},          {"kidscore_momiq", "q", 'r', false},
                    {"kidscore_momhsiq", "hq", 'r', false},       {"kidscore_interaction", "hqx", 'r', false},
                    {"kidscore_interaction_c", "hqx", 'm', true}, {"kidscore_interaction_c2", "hqx", 'p', true},
                    {"kidscore_interaction_z", "hqx", 's', true}, {"kidscore_mom_work", "www", 'r', true}};
    size_t v = 0;
    while (v + 1 < sizeof variants / sizeof variants[0] && strcmp(strchr(d->of->folder, '-') + 1, variants[v].name) != 0)
        v++;
    int columns = (int)strlen(variants[v].terms);
    bench_linear *l = &d->hand.linear;
    *l = (bench_linear){.columns = columns, .slopes = 1, .sigma = columns + 1,
                        .scale_prior = variants[v].flat ? BENCH_FLAT : BENCH_HALF_CAUCHY, .scale = 2.5};
    l->y = field(d, json, "kid_score", &l->rows);
    double *h = field(d, json, "mom_hs", NULL), *q = field(d, json, "mom_iq", NULL);
    const double *work = numc_json_has(json, "mom_work") ? field(d, json, "mom_work", NULL) : NULL;
    l->x = block(d, (size_t)l->rows * (size_t)columns);
    if (d->failed)
        return;
    if (variants[v].origin == 'm' || variants[v].origin == 's') {
        centre(h, l->rows, variants[v].origin == 's');
        centre(q, l->rows, variants[v].origin == 's');
    }
    for (int i = 0; i < l->rows; i++) {
        double shift = variants[v].origin == 'p' ? 1.0 : 0.0;
        h[i] -= 0.5 * shift;
        q[i] -= 100.0 * shift;
        for (int k = 0; k < columns; k++) {
            char term = variants[v].terms[k];
            l->x[k * l->rows + i] = term == 'h' ? h[i] : term == 'q' ? q[i] : term == 'x' ? h[i] * q[i] : work[i] == (double)(k + 2);
        }
    }
}

/* ---- the models ---------------------------------------------------------------------------------------------------------------- */

#define HAND(function, member)                                                                     \
    static double hand_##member(void *user, const double *q, double *gradient)                     \
    {                                                                                              \
        return function(&((data *)user)->hand.member, q, gradient);                                \
    }
HAND(bench_hand_schools, schools)
HAND(bench_hand_garch, garch)
HAND(bench_hand_ar, ar)
HAND(bench_hand_mixture, mixture)
HAND(bench_hand_linear, linear)
HAND(bench_hand_drive, drive)
HAND(bench_hand_volterra, volterra)
HAND(bench_hand_counts, counts)

typedef void (*read_fn)(data *d, const numc_json *json);
static read_fn reader_of(const char *folder)
{
    static const struct {
        const char *part;
        read_fn read;
    } readers[] = {{"eight_schools", read_schools}, {"arK", read_ar},         {"garch", read_garch},     {"hmm_drive", read_drive},
                   {"gauss_mix", read_mixture},     {"lotka", read_volterra}, {"gp_pois", read_counts},  {"blr", read_blr},
                   {"diamonds", read_diamonds},     {"nes", read_nes},        {"kidscore", read_kidscore}, {"kilpisjarvi", read_kilpisjarvi}};
    for (size_t k = 0; k < sizeof readers / sizeof readers[0]; k++)
        if (strstr(folder, readers[k].part) != NULL)
            return readers[k].read;
    return NULL;
}

/* data.json of a posterior. NULL with the reason in the context. */
static numc_json *open_json(numc_context *context, const posterior *p)
{
    char path[4096];
    numc_json *json = NULL;
    posterior_path(path, sizeof path, bench_posteriors_folder, p, "data.json");
    return numc_json_read_file(context, path, &json) == NUMC_OK ? json : NULL;
}

bool bench_posteriors_found(void)
{
    char path[4096];
    posterior_path(path, sizeof path, bench_posteriors_folder, posterior_at(0), "data.json");
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fprintf(stderr, "numc-bench: no rows of posteriordb: there is no %s (--posteriors FOLDER, NUMC_POSTERIORDB)\n", path);
    else
        fclose(file);
    return file != NULL;
}

static void free_data(void *user)
{
    data *d = user;
    for (int k = 0; k < d->block_count; k++)
        free(d->blocks[k]);
    free(d);
}

static void *new_data(const bench_model *model)
{
    data *d = calloc(1, sizeof *d);
    numc_context *context = numc_open(&(numc_options){.backend = "ref"}); /* for the messages of the reader */
    if (d != NULL) {
        d->model = model;
        d->of = posterior_find(model->folder);
        numc_json *json = open_json(context, d->of);
        if (json != NULL)
            reader_of(model->folder)(d, json);
        if (json == NULL || d->failed) {
            (void)bench_fail(model->name, numc_error_status(context) != NUMC_OK ? numc_error_message(context) : "out of memory");
            free_data(d);
            d = NULL;
        }
        numc_json_free(json);
    }
    numc_close(context);
    return d;
}

static void *make_arrays(numc_context *context, void *user)
{
    const posterior *p = ((data *)user)->of;
    numc_json *json = open_json(context, p);
    if (json != NULL)
        p->prepare(context, json, p->data);
    numc_json_free(json);
    return p->data;
}

/* The callback is the posterior's, found when its data are: the table is constant. */
static void run_posterior(numc_run *run, void *user)
{
    for (int k = 0; k < POSTERIOR_COUNT; k++) {
        const posterior *p = posterior_at(k);
        if (p->data == user) {
            p->model(run, user);
            return;
        }
    }
}

#define POSTERIOR(folder_, hand_, rows_, ...)                                                                                       \
    {.name = folder_, .folder = folder_, .what = "posteriordb", .callback = run_posterior, .data_new = new_data,                     \
     .data_free = free_data, .data_arrays = make_arrays, .hand = hand_, .rows = rows_, __VA_ARGS__}
const bench_model bench_posteriors[] = {
    POSTERIOR("eight_schools-eight_schools_noncentered", hand_schools, 8, .stan_median = 737, .stan_least = 580),
    POSTERIOR("arK-arK", hand_ar, 200, .goal = 1.5, .stan_median = 34700, .stan_least = 18900),
    POSTERIOR("garch-garch11", hand_garch, 200, .goal = 1.5, .stan_median = 17700, .stan_least = 14500),
    POSTERIOR("bball_drive_event_0-hmm_drive_0", hand_drive, 416, .goal = 1.5),
    POSTERIOR("bball_drive_event_1-hmm_drive_1", hand_drive, 416, .goal = 1.5),
    POSTERIOR("low_dim_gauss_mix-low_dim_gauss_mix", hand_mixture, 1000, .goal = 1.5, .stan_median = 243000, .stan_least = 181000),
    POSTERIOR("hudson_lynx_hare-lotka_volterra", hand_volterra, 20, .stan_median = 180000, .stan_least = 97600),
    POSTERIOR("gp_pois_regr-gp_pois_regr", hand_counts, 11, .stan_median = 6860, .stan_least = 4990),
    POSTERIOR("sblrc-blr", hand_linear, 100, .columns = 5),
    POSTERIOR("sblri-blr", hand_linear, 100, .columns = 5),
    POSTERIOR("kilpisjarvi_mod-kilpisjarvi", hand_linear, 62, .columns = 1),
    POSTERIOR("kidiq-kidscore_momhs", hand_linear, 434, .columns = 1),
    POSTERIOR("kidiq-kidscore_momiq", hand_linear, 434, .columns = 1, .stan_median = 6880, .stan_least = 5170),
    POSTERIOR("kidiq-kidscore_momhsiq", hand_linear, 434, .columns = 2),
    POSTERIOR("kidiq-kidscore_interaction", hand_linear, 434, .columns = 3),
    POSTERIOR("kidiq_with_mom_work-kidscore_interaction_c", hand_linear, 434, .columns = 3),
    POSTERIOR("kidiq_with_mom_work-kidscore_interaction_c2", hand_linear, 434, .columns = 3),
    POSTERIOR("kidiq_with_mom_work-kidscore_interaction_z", hand_linear, 434, .columns = 3),
    POSTERIOR("kidiq_with_mom_work-kidscore_mom_work", hand_linear, 434, .columns = 3),
    POSTERIOR("nes1972-nes", hand_linear, 1330, .columns = 8),
    POSTERIOR("nes1976-nes", hand_linear, 1184, .columns = 8),
    POSTERIOR("nes1980-nes", hand_linear, 701, .columns = 8),
    POSTERIOR("nes1984-nes", hand_linear, 1226, .columns = 8),
    POSTERIOR("nes1988-nes", hand_linear, 1113, .columns = 8),
    POSTERIOR("nes1992-nes", hand_linear, 1350, .columns = 8),
    POSTERIOR("nes1996-nes", hand_linear, 1043, .columns = 8),
    POSTERIOR("nes2000-nes", hand_linear, 476, .columns = 8),
    POSTERIOR("diamonds-diamonds", hand_linear, 5000, .columns = 24, .stan_median = 49100, .stan_least = 41200),
};
const int bench_posterior_count = (int)(sizeof bench_posteriors / sizeof bench_posteriors[0]);

#endif
