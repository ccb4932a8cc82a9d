/* What a numc_mcmc has stored: draws by site and scalar, statistics, divergences, adaptation, and the summary table. */
#include <math.h>
#include <string.h>

#include "infer/diagnostics.h"
#include "infer/driver.h"

/* ---- counts ---- */

static bool is_chain(const numc_mcmc *mcmc, int32_t chain)
{
    return mcmc != NULL && chain >= 0 && chain < mcmc->chain_count;
}

int32_t numc_mcmc_chain_count(const numc_mcmc *mcmc)
{
    return mcmc == NULL ? 0 : mcmc->chain_count;
}

int32_t numc_mcmc_dimension(const numc_mcmc *mcmc)
{
    return mcmc == NULL ? 0 : mcmc->target.dimension;
}

int64_t numc_mcmc_draw_count(const numc_mcmc *mcmc, int32_t chain)
{
    if (mcmc == NULL || chain >= mcmc->chain_count)
        return 0;
    if (chain >= 0)
        return atomic_load(&mcmc->chains[chain].stored);
    int64_t least = INT64_MAX;
    for (int32_t c = 0; c < mcmc->chain_count; c++) {
        int64_t stored = atomic_load(&mcmc->chains[c].stored);
        least = stored < least ? stored : least;
    }
    return least;
}

int64_t numc_mcmc_warmup_count(const numc_mcmc *mcmc, int32_t chain)
{
    return is_chain(mcmc, chain) ? atomic_load(&mcmc->chains[chain].warm_stored) : 0;
}

/* ---- how it was made ---- */

numc_context *numc_mcmc_context(const numc_mcmc *mcmc)
{
    return mcmc == NULL ? NULL : mcmc->context;
}

numc_status numc_mcmc_options_get_sized(const numc_mcmc *mcmc, numc_mcmc_options *options, size_t size)
{
    if (mcmc == NULL || options == NULL)
        return NUMC_INVALID_ARGUMENT;
    memset(options, 0, size); /* a newer program's further options are 0 */
    memcpy(options, &mcmc->options, size < sizeof mcmc->options ? size : sizeof mcmc->options);
    return NUMC_OK;
}

uint64_t numc_mcmc_seed(const numc_mcmc *mcmc)
{
    return mcmc == NULL ? 0 : mcmc->seed;
}

double numc_mcmc_seconds(const numc_mcmc *mcmc, int32_t chain, bool warmup)
{
    return is_chain(mcmc, chain) ? atomic_load(&mcmc->chains[chain].seconds[warmup]) : 0;
}

/* ---- sites and scalars ---- */

int32_t numc_mcmc_site_count(const numc_mcmc *mcmc)
{
    return mcmc == NULL ? 0 : mcmc->target.site_count;
}

numc_status numc_mcmc_site_at(const numc_mcmc *mcmc, int32_t index, numc_mcmc_site *site)
{
    if (mcmc == NULL || site == NULL)
        return NUMC_INVALID_ARGUMENT;
    NUMC_REQUIRE(mcmc->context, index >= 0 && index < mcmc->target.site_count, NUMC_INDEX, "mcmc: site %d of %d", (int)index,
                 (int)mcmc->target.site_count);
    const numc_target_site *from = &mcmc->target.sites[index];
    *site = (numc_mcmc_site){.name = from->name, .rank = from->rank, .shape = from->shape, .size = from->size,
                             .deterministic = from->deterministic, .chains = mcmc->chain_count,
                             .draws = numc_mcmc_draw_count(mcmc, -1), .chain_stride = mcmc->capacity * mcmc->target.stored,
                             .draw_stride = mcmc->target.stored};
    if (mcmc->values != NULL)
        site->values = mcmc->values + mcmc->warm_rows * mcmc->target.stored + from->offset;
    return NUMC_OK;
}

numc_status numc_mcmc_site_find(const numc_mcmc *mcmc, const char *name, numc_mcmc_site *site)
{
    if (mcmc == NULL || site == NULL || name == NULL)
        return NUMC_INVALID_ARGUMENT;
    for (int32_t i = 0; i < mcmc->target.site_count; i++)
        if (strcmp(mcmc->target.sites[i].name, name) == 0)
            return numc_mcmc_site_at(mcmc, i, site);
    const char *nearest = NULL;
    const char **names = numc__allocate(mcmc->context, (size_t)mcmc->target.site_count * sizeof *names);
    if (names == NULL)
        return NUMC_MEMORY;
    for (int32_t i = 0; i < mcmc->target.site_count; i++)
        names[i] = mcmc->target.sites[i].name;
    nearest = numc__nearest_name(name, names, (size_t)mcmc->target.site_count);
    numc__free(mcmc->context, (void *)names, (size_t)mcmc->target.site_count * sizeof *names);
    return numc__fail(mcmc->context, NUMC_SITE, "mcmc: no site \"%s\"%s%s%s", name, nearest != NULL ? "; did you mean \"" : "",
                      nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
}

int64_t numc_mcmc_scalar_count(const numc_mcmc *mcmc)
{
    return mcmc == NULL ? 0 : mcmc->target.stored;
}

/* The site that holds a scalar: sites lie in the order of their offsets. */
static const numc_target_site *site_of(const numc_mcmc *mcmc, int64_t scalar)
{
    int32_t lo = 0, hi = mcmc->target.site_count;
    while (hi - lo > 1) {
        int32_t mid = lo + (hi - lo) / 2;
        if (mcmc->target.sites[mid].offset <= scalar)
            lo = mid;
        else
            hi = mid;
    }
    /* sites without elements share an offset with the next one; the last of them is found */
    return &mcmc->target.sites[lo];
}

size_t numc_mcmc_scalar_name(const numc_mcmc *mcmc, int64_t scalar, char *name, size_t size)
{
    if (name == NULL)
        size = 0;
    if (size > 0)
        name[0] = '\0';
    if (mcmc == NULL || scalar < 0 || scalar >= mcmc->target.stored)
        return 0;
    const numc_target_site *site = site_of(mcmc, scalar);
    char none[1], *to = size > 0 ? name : none;
    size_t room = size > 0 ? size : 1;
    size_t length = numc__format(to, room, "%s", site->name);
    if (site->rank == 0)
        return length;
    int64_t index = scalar - site->offset, stride = site->size;
    for (int32_t i = 0; i < site->rank; i++) {
        stride /= site->shape[i];
        size_t at = length < room ? length : room - 1;
        length += numc__format(to + at, room - at, "%c%lld%s", i == 0 ? '[' : ',', (long long)(index / stride),
                               i + 1 == site->rank ? "]" : "");
        index %= stride;
    }
    return length;
}

numc_status numc_mcmc_scalar_draws(const numc_mcmc *mcmc, int64_t scalar, numc_draws *draws)
{
    if (mcmc == NULL || draws == NULL)
        return NUMC_INVALID_ARGUMENT;
    NUMC_REQUIRE(mcmc->context, scalar >= 0 && scalar < mcmc->target.stored, NUMC_INDEX, "mcmc: scalar %lld of %lld",
                 (long long)scalar, (long long)mcmc->target.stored);
    *draws = (numc_draws){.chains = mcmc->chain_count, .draws = numc_mcmc_draw_count(mcmc, -1),
                          .chain_stride = mcmc->capacity * mcmc->target.stored, .draw_stride = mcmc->target.stored};
    if (mcmc->values != NULL)
        draws->values = mcmc->values + mcmc->warm_rows * mcmc->target.stored + scalar;
    return NUMC_OK;
}

const double *numc_mcmc_warmup_values(const numc_mcmc *mcmc, int32_t chain)
{
    if (!is_chain(mcmc, chain) || mcmc->values == NULL || mcmc->warm_rows == 0)
        return NULL;
    return mcmc->values + numc__mcmc_row(mcmc, chain, 0) * (size_t)mcmc->target.stored;
}

const numc_draw_statistics *numc_mcmc_statistics(const numc_mcmc *mcmc, int32_t chain)
{
    if (!is_chain(mcmc, chain) || mcmc->statistics == NULL)
        return NULL;
    return mcmc->statistics + numc__mcmc_row(mcmc, chain, mcmc->warm_rows);
}

const numc_draw_statistics *numc_mcmc_warmup_statistics(const numc_mcmc *mcmc, int32_t chain)
{
    if (!is_chain(mcmc, chain) || mcmc->statistics == NULL || mcmc->warm_rows == 0)
        return NULL;
    return mcmc->statistics + numc__mcmc_row(mcmc, chain, 0);
}

/* ---- divergences and adaptation ---- */

int64_t numc_mcmc_divergence_count(const numc_mcmc *mcmc, int32_t chain)
{
    if (is_chain(mcmc, chain))
        return atomic_load(&mcmc->chains[chain].divergences);
    int64_t sum = 0;
    for (int32_t c = 0; chain == -1 && mcmc != NULL && c < mcmc->chain_count; c++)
        sum += atomic_load(&mcmc->chains[c].divergences);
    return sum;
}

int64_t numc_mcmc_divergence_kept(const numc_mcmc *mcmc, int32_t chain)
{
    return is_chain(mcmc, chain) ? atomic_load(&mcmc->chains[chain].divergence_kept) : 0;
}

numc_status numc_mcmc_divergence_at(const numc_mcmc *mcmc, int32_t chain, int64_t index, numc_mcmc_divergence *divergence)
{
    if (mcmc == NULL || divergence == NULL)
        return NUMC_INVALID_ARGUMENT;
    NUMC_REQUIRE(mcmc->context, is_chain(mcmc, chain), NUMC_INDEX, "mcmc: chain %d of %d", (int)chain, (int)mcmc->chain_count);
    const numc_chain *from = &mcmc->chains[chain];
    int64_t kept = atomic_load(&from->divergence_kept);
    NUMC_REQUIRE(mcmc->context, index >= 0 && index < kept, NUMC_INDEX, "mcmc: divergence %lld of %lld kept", (long long)index,
                 (long long)kept);
    size_t dimension = (size_t)mcmc->target.dimension;
    const double *start = from->divergence_positions + (size_t)index * 2 * dimension;
    *divergence = (numc_mcmc_divergence){.transition = from->divergence_transition[index],
                                         .warmup = from->divergence_transition[index] < mcmc->warmup,
                                         .start = start, .end = start + dimension};
    return NUMC_OK;
}

double numc_mcmc_step_size(const numc_mcmc *mcmc, int32_t chain)
{
    if (!is_chain(mcmc, chain))
        return NAN;
    return atomic_load(&mcmc->chains[chain].step_size);
}

const double *numc_mcmc_inverse_metric(const numc_mcmc *mcmc, int32_t chain)
{
    bool any = is_chain(mcmc, chain) && !atomic_load(&mcmc->moving) && mcmc->ready && mcmc->kernel_metric != NUMC_K_METRIC_UNIT;
    return any ? mcmc->chains[chain].memory + mcmc->chains[chain].nuts.metric_at : NULL;
}

const double *numc_mcmc_position(const numc_mcmc *mcmc, int32_t chain)
{
    bool any = is_chain(mcmc, chain) && !atomic_load(&mcmc->moving) && mcmc->chains[chain].placed;
    return any ? mcmc->chains[chain].memory + numc_k_nuts_current(&mcmc->chains[chain].nuts) : NULL;
}

/* ---- values that are not finite ---- */

/* Number of kept draws with a value that is not finite; the first such site in the order of the sites goes to `first`. */
static int64_t count_not_finite(const numc_mcmc *mcmc, int32_t chain, int32_t *first)
{
    int64_t draws = atomic_load_explicit(&mcmc->chains[chain].stored, memory_order_acquire), count = 0;
    for (int64_t i = 0; i < draws; i++) {
        const double *values = mcmc->values + numc__mcmc_row(mcmc, chain, mcmc->warm_rows + i) * (size_t)mcmc->target.stored;
        int64_t at = 0;
        while (at < mcmc->target.stored && isfinite(values[at]))
            at++;
        if (at == mcmc->target.stored)
            continue;
        int32_t site = (int32_t)(site_of(mcmc, at) - mcmc->target.sites);
        *first = *first < 0 || site < *first ? site : *first;
        count++;
    }
    return count;
}

int64_t numc_mcmc_not_finite_count(const numc_mcmc *mcmc, int32_t chain)
{
    int32_t first = -1;
    int64_t sum = 0;
    if (is_chain(mcmc, chain))
        return count_not_finite(mcmc, chain, &first);
    for (int32_t c = 0; chain == -1 && mcmc != NULL && c < mcmc->chain_count; c++)
        sum += count_not_finite(mcmc, c, &first);
    return sum;
}

/* ---- summary ---- */

numc_status numc_mcmc_summary(const numc_mcmc *mcmc, int64_t first, int64_t count, numc_summary *rows)
{
    if (mcmc == NULL || (rows == NULL && count > 0))
        return NUMC_INVALID_ARGUMENT;
    NUMC_REQUIRE(mcmc->context, first >= 0 && count >= 0 && first <= mcmc->target.stored - count, NUMC_INDEX,
                 "mcmc: %lld scalars from %lld on, of %lld", (long long)count, (long long)first, (long long)mcmc->target.stored);
    int64_t draws = numc_mcmc_draw_count(mcmc, -1);
    NUMC_REQUIRE(mcmc->context, draws > 0 || count == 0, NUMC_STATE, "mcmc: there are no draws to summarise");
    if (count == 0)
        return NUMC_OK;
    numc_diagnostics w;
    NUMC_TRY(numc__diagnostics_begin(&w, mcmc->context, mcmc->chain_count, draws));
    numc_status status = NUMC_OK;
    for (int64_t i = 0; i < count && status == NUMC_OK; i++) {
        numc_draws view;
        status = numc_mcmc_scalar_draws(mcmc, first + i, &view);
        if (status == NUMC_OK) {
            numc__diagnostics_load(&w, &view);
            status = numc__diagnostics_summary(&w, &rows[i]);
        }
    }
    numc__diagnostics_end(&w);
    return status;
}

#define COLUMN 11

static void add_row(numc_text *text, const char *name, int width, const numc_summary *row)
{
    const struct {
        double value;
        const char *format;
    } cells[] = {{row->mean, "%.4g"}, {row->mcse, "%.2g"}, {row->sd, "%.4g"}, {row->q5, "%.4g"}, {row->q50, "%.4g"},
                 {row->q95, "%.4g"}, {row->ess_bulk, "%.0f"}, {row->ess_tail, "%.0f"}, {row->rhat, "%.4f"}};
    numc__text_add(text, "%-*s", width, name);
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        char number[NUMC_NUMBER_TEXT_SIZE];
        numc__format(number, sizeof number, cells[i].format, cells[i].value);
        numc__text_add(text, " %*s", COLUMN - 1, number);
    }
    numc__text_add(text, "\n");
}

static void add_not_finite(numc_text *text, const numc_mcmc *mcmc)
{
    int32_t first = -1;
    int64_t count = 0;
    for (int32_t c = 0; c < mcmc->chain_count; c++)
        count += count_not_finite(mcmc, c, &first);
    if (count == 0)
        return;
    const numc_target_site *site = &mcmc->target.sites[first];
    numc__text_add(text, "%lld draws hold values that are not finite, at \"%s\"%s\n", (long long)count, site->name,
                   site->deterministic ? "" : ": the posterior may be improper");
}

/* Far out (beyond 1e8, unconstrained) and with a gradient of exactly 0 there: nothing pulls the chain back. */
static void add_runaways(numc_text *text, const numc_mcmc *mcmc)
{
    for (int32_t i = 0; i < mcmc->target.dimension; i++)
        for (int32_t c = 0; c < mcmc->chain_count; c++) {
            const double *position = numc_mcmc_position(mcmc, c);
            if (position == NULL || !(fabs(position[i]) > 1e8) ||
                mcmc->chains[c].memory[numc_k_nuts_current_gradient(&mcmc->chains[c].nuts) + i] != 0)
                continue;
            char name[300] = "?";
            if (mcmc->target.coordinate != NULL)
                mcmc->target.coordinate(mcmc->target.user, i, name, sizeof name);
            numc__text_add(text, "chain %d went to %.3g in \"%s\", where the density is flat: the posterior is improper, or far "
                                 "wider than its starting points\n", (int)c, position[i], name);
            return;
        }
}

static void add_footer(numc_text *text, const numc_mcmc *mcmc)
{
    int64_t draws = numc_mcmc_draw_count(mcmc, -1), saturated = 0;
    double least = INFINITY;
    for (int32_t c = 0; c < mcmc->chain_count; c++) {
        double fraction = numc_diagnostic_ebfmi(&numc_mcmc_statistics(mcmc, c)->energy, draws,
                                                (int64_t)(sizeof(numc_draw_statistics) / sizeof(double)));
        least = fraction < least ? fraction : least;
        saturated += atomic_load(&mcmc->chains[c].saturated);
    }
    numc__text_add(text, "\n%d chains, %lld draws each; %lld divergences; ", (int)mcmc->chain_count, (long long)draws,
                   (long long)numc_mcmc_divergence_count(mcmc, -1));
    if (mcmc->options.algorithm == NUMC_ALGORITHM_NUTS)
        numc__text_add(text, "%lld draws at tree depth %d; ", (long long)saturated, (int)mcmc->options.max_tree_depth);
    if (mcmc->target.dimension > 0)
        numc__text_add(text, "E-BFMI at least %.2f\n", least);
    else
        numc__text_add(text, "the %s has nothing to sample\n", mcmc->target.noun);
    add_not_finite(text, mcmc);
    add_runaways(text, mcmc);
}

numc_status numc_mcmc_print_summary(const numc_mcmc *mcmc, FILE *file)
{
    static const char *const columns[] = {"mean", "mcse", "sd", "q5", "q50", "q95", "ess_bulk", "ess_tail", "rhat"};
    if (mcmc == NULL || file == NULL)
        return NUMC_INVALID_ARGUMENT;
    numc_context *context = mcmc->context;
    int64_t count = mcmc->target.stored;
    size_t width = 4, bytes = (size_t)count * sizeof(numc_summary);
    numc_summary *rows = numc__allocate(context, bytes);
    if (rows == NULL)
        return NUMC_MEMORY;
    numc_status status = numc_mcmc_summary(mcmc, 0, count, rows);
    if (status == NUMC_OK && numc_mcmc_draw_count(mcmc, -1) == 0)
        status = numc__fail(context, NUMC_STATE, "mcmc: there are no draws to summarise");
    if (status == NUMC_OK) {
        char name[256];
        numc_text text;
        for (int64_t i = 0; i < count; i++) {
            size_t length = numc_mcmc_scalar_name(mcmc, i, name, sizeof name);
            width = length > width ? length : width;
        }
        width = width < sizeof name - 1 ? width : sizeof name - 1;
        numc__text_begin(&text, context->core);
        numc__text_add(&text, "%-*s", (int)width, "name");
        for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
            numc__text_add(&text, " %*s", COLUMN - 1, columns[i]);
        numc__text_add(&text, "\n");
        for (int64_t i = 0; i < count; i++) {
            numc_mcmc_scalar_name(mcmc, i, name, sizeof name);
            add_row(&text, name, (int)width, &rows[i]);
        }
        add_footer(&text, mcmc);
        if (text.failed)
            status = numc__fail(context, NUMC_MEMORY, "out of memory: the summary of %lld scalars", (long long)count);
        else if (fwrite(text.data, 1, text.size, file) != text.size || fflush(file) != 0 || ferror(file))
            status = numc__fail(context, NUMC_IO, "the summary cannot be written");
        numc__text_end(&text);
    }
    numc__free(context, rows, bytes);
    return status;
}
