/* Chains that stay on the device: their state machines, what their warm-up has learnt, positions and draws lie in its memory. A
 * leapfrog is a launch of kernel/chains.h and one of the model's program, put into the queue without waiting, and as one where the
 * device keeps lists of calls (a CUDA graph); where a position's density is little work both are one kernel, a work item for each chain,
 * that makes NUMC_LOOK leapfrogs. The host looks after so many, and where the device can download beside its work, while it makes the next
 * ones: it takes the finished transitions, stores them as any other (chain.c), and fetches the states when all is done or the run is
 * halted. How much a look downloads is fixed before its leapfrogs begin, by what the looks before it found: chains that have more to
 * write wait for the next, so there is never a second download. The text is the host's own state machine and warm-up, so draws have
 * the bits of chains that it moves. Starting points, of which most are found at the first try, are looked for by the host
 * (lockstep.c); so is a warm-up with a dense metric beyond MOST_DENSE coordinates, whose factorisation is no work for one work item. */
#include <string.h>

#include "array/internal.h"
#include "backend/internal.h"
#include "compile/program.h"
#include "infer/driver.h"
#include "kernel/chains.h"

enum { MOST_DENSE = 64, LEAST_RECORDS = 4, FIRST_RECORDS = 8 };
#define RECORD_BYTES ((uint64_t)64 << 20) /* of all chains, but for LEAST_RECORDS */

extern const char numc__chains_text[];

typedef struct block {
    void *memory;
    uint64_t bytes;
} block;

/* What the host looks at: copies of the chains' progress and records after so many leapfrogs. Two, for one is read while the other is on
 * its way. */
typedef struct look {
    numc_k_chain_progress *progress; /* (width) */
    double *records;                 /* (width, room) */
    int64_t room;
    numc_transfer *transfers[2];     /* under way, of progress and records; NULL: none */
} look;

struct numc_resident {
    numc_lockstep *group;
    numc_context *lane;
    numc_backend_device *device;
    numc_routine *step;
    numc_batch_place positions, results;
    bool loops; /* `step` is the density too, and all leapfrogs of a look */
    numc_item_text item;
    block arenas_there; /* of the items */
    block schedule_there, chains_there, progress_there, memory_there, records_there;
    numc_k_chain *chains;            /* (width) */
    int64_t *taken;                  /* (width): where a look's next record lies */
    look looks[2];
    int look_count;                  /* 1 where each download is waited for */
    int64_t longest, most, room;     /* doubles: of a record; of a chain's, at most and in the next look */
};

static numc_status allocate_there(numc_resident *r, block *b, size_t count, size_t size)
{
    uint64_t bytes = (uint64_t)count * size;
    NUMC_TRY(numc__device_check(r->lane, r->device->table.memory_allocate(r->device->device, bytes, &b->memory), "chains"));
    b->bytes = bytes;
    numc__count_live(r->lane->core, bytes);
    return NUMC_OK;
}

static void release_there(numc_resident *r, block *b)
{
    if (b->bytes == 0)
        return;
    r->device->table.memory_release(r->device->device, b->memory, b->bytes);
    atomic_fetch_sub_explicit(&r->lane->core->bytes_live, b->bytes, memory_order_relaxed);
}

static numc_status upload(numc_resident *r, const block *to, uint64_t offset, const void *from, uint64_t bytes)
{
    atomic_fetch_add_explicit(&r->lane->core->bytes_uploaded, bytes, memory_order_relaxed);
    return numc__device_check(r->lane, r->device->table.memory_upload(r->device->device, to->memory, offset, from, bytes), "upload");
}

static numc_status download(numc_resident *r, const block *from, uint64_t offset, void *to, uint64_t bytes)
{
    atomic_fetch_add_explicit(&r->lane->core->bytes_downloaded, bytes, memory_order_relaxed);
    return numc__device_check(r->lane, r->device->table.memory_download(r->device->device, from->memory, offset, to, bytes),
                              "download");
}

/* The loop that follows the density's text: results are made where the machines read them. A chain whose position is wanted when a
 * look ends is evaluated at the beginning of the next. */
static void add_loop(const numc_resident *r, numc_text *text, uint32_t dialect)
{
    const numc_item_text *item = &r->item;
    const char *global = numc__dialect_global(dialect);
    numc__text_add(text, "NUMC_K_CHAINS_ENTRY numc_chains_loop(NUMC_K_CHAINS_PARAMETERS, %schar *arenas", global);
    for (int32_t k = 0; k < item->memory_count; k++)
        numc__text_add(text, ", %schar *m%d", global, (int)k);
    numc__text_add(text, ", NUMC_K_CHAINS_NUMBER_PARAMETERS, numc_k_i64 steps)\n{\n"
                         "    const numc_k_chains all = NUMC_K_CHAINS_GATHERED;\n"
                         "    const numc_k_i64 chain = NUMC_K_CHAINS_ITEM;\n"
                         "    if (chain >= items)\n        return;\n"
                         "    numc_k_chain_progress p = progress[chain];\n"
                         "    numc_k_chain c = chains[chain];\n");
    numc__text_add(text, "    %schar *arena = arenas + chain * %llu;\n", global, (unsigned long long)item->arena_bytes);
    numc__text_add(text, "    %sdouble *q = (%sdouble *)(arena + %llu), *value = (%sdouble *)(arena + %llu), *gradient = (%sdouble *)(arena + %llu);\n",
                   global, global, (unsigned long long)item->input, global, (unsigned long long)item->outputs[0], global,
                   (unsigned long long)item->outputs[1]);
    numc__text_add(text, "    const int d = c.nuts.dimension;\n"
                         "    %sdouble *result = (%sdouble *)all.results + chain * (1 + d);\n"
                         "    numc_k_chains_look(&all, chain, &p);\n"
                         "    for (numc_k_i64 step = 0; step < steps; step++) {\n"
                         "        if (p.wants == NUMC_K_NUTS_EVALUATE) {\n"
                         "            for (int i = 0; i < d; i++)\n"
                         "                q[i] = all.positions[chain * d + i];\n"
                         "            numc_item(arena", global, global);
    for (int32_t k = 0; k < item->memory_count; k++)
        numc__text_add(text, ", m%d", (int)k);
    numc__text_add(text, ");\n"
                         "            result[0] = value[0];\n"
                         "            for (int i = 0; i < d; i++)\n"
                         "                result[1 + i] = gradient[i];\n"
                         "        }\n"
                         "        numc_k_chains_move(&all, chain, &c, &p);\n"
                         "        if (p.wants != NUMC_K_NUTS_EVALUATE)\n"
                         "            break;\n"
                         "    }\n"
                         "    chains[chain] = c;\n"
                         "    progress[chain] = p;\n"
                         "}\n");
}

/* Both in one kernel, where that can be; NUMC_UNSUPPORTED where not. A device that does not compile it keeps them apart. */
static numc_status build_loop(numc_resident *r)
{
    const numc_target *target = &r->group->mcmc->target;
    const uint32_t dialect = r->device->info.dialect;
    numc_text text;
    numc__text_begin(&text, r->lane->core);
    numc__text_add(&text, "%s\n", numc__chains_text);
    numc_status status = NUMC_UNSUPPORTED;
    if (dialect != NUMC_DIALECT_C && target->chain_item != NULL &&
        target->chain_item(target->user, r->group->mcmc->chains[r->group->first].state, dialect, &text, &r->item)) {
        add_loop(r, &text, dialect);
        const numc_routine_source source = {.size = sizeof source, .text = text.data, .text_size = text.size, .name = "numc_chains_loop",
                                            .buffer_count = NUMC_K_CHAINS_BUFFERS + 1 + (uint32_t)r->item.memory_count,
                                            .number_count = NUMC_K_CHAINS_NUMBERS + 1};
        if (!text.failed)
            status = (numc_status)r->device->table.routine_build(r->device->device, &source, &r->step);
    }
    if (text.failed)
        status = numc__fail(r->lane, NUMC_MEMORY, "out of memory for the text of chains");
    else if (status == NUMC_MEMORY)
        status = numc__device_check(r->lane, (int32_t)status, "chains");
    else if (status != NUMC_OK)
        status = NUMC_UNSUPPORTED;
    numc__text_end(&text);
    r->loops = status == NUMC_OK;
    if (!r->loops)
        r->step = NULL;
    return status;
}

static numc_status build_step(numc_resident *r)
{
    const numc_routine_source source = {.size = sizeof source, .text = numc__chains_text, .text_size = strlen(numc__chains_text),
                                        .name = "numc_chains_step", .buffer_count = NUMC_K_CHAINS_BUFFERS,
                                        .number_count = NUMC_K_CHAINS_NUMBERS};
    int32_t built = r->device->table.routine_build(r->device->device, &source, &r->step);
    if (built != NUMC_OK)
        r->step = NULL;
    return built == NUMC_UNSUPPORTED ? NUMC_UNSUPPORTED : numc__device_check(r->lane, built, "chains");
}

/* Of all chains. */
static size_t record_bytes(const numc_resident *r, int64_t room)
{
    return (size_t)room * (size_t)r->group->width * sizeof(double);
}

/* For as many doubles as a look had, a quarter more, and two records of any kind. Stays where it is enough and not far too much, since a
 * download of a new size takes new memory. */
static void set_room(numc_resident *r, int64_t had)
{
    const int64_t wanted = had + had / 4 + 2 * r->longest, room = wanted < r->most ? wanted : r->most;
    if (room > r->room || room < r->room / 2)
        r->room = room;
}

numc_resident *numc__resident_new(numc_lockstep *group)
{
    numc_mcmc *mcmc = group->mcmc;
    const numc_target *target = &mcmc->target;
    numc_context *context = mcmc->context;
    numc_backend_device *device = group->batch == NULL || target->batch_device == NULL ? NULL : numc__device(context);
    numc_batch_place positions, results;
    if (device == NULL || device->table.routine_build == NULL || device->info.dialect == 0 || device->info.float64 == 0 ||
        !target->batch_device(target->user, group->batch, &positions, &results))
        return NULL;
    numc_resident *r = numc__allocate_zero(context, 1, sizeof *r);
    if (r == NULL)
        return NULL;
    size_t width = (size_t)group->width;
    const int64_t longest = numc_k_record_doubles(target->dimension, 1), least = LEAST_RECORDS * longest, all = NUMC_LOOK * longest;
    const int64_t fit = (int64_t)(RECORD_BYTES / (width * sizeof(double)));
    *r = (numc_resident){.group = group, .lane = mcmc->chains[group->first].lane, .device = device, .positions = positions,
                         .results = results, .look_count = device->table.download_begin != NULL ? 2 : 1, .longest = longest,
                         .most = fit < least ? least : fit > all ? all : fit};
    set_room(r, FIRST_RECORDS * longest);
    r->chains = numc__allocate_zero(context, width, sizeof *r->chains);
    r->taken = numc__allocate_zero(context, width, sizeof *r->taken);
    for (look *l = r->looks; l < r->looks + r->look_count; l++) {
        l->progress = numc__allocate_zero(context, width, sizeof *l->progress);
        l->records = numc__allocate(context, record_bytes(r, r->most));
    }
    numc_status status = numc_error_status(context);
    if (status == NUMC_OK && (status = build_loop(r)) == NUMC_UNSUPPORTED)
        status = build_step(r);
    if (status == NUMC_OK && r->loops)
        status = allocate_there(r, &r->arenas_there, width, (size_t)r->item.arena_bytes);
    if (status == NUMC_OK)
        status = allocate_there(r, &r->schedule_there, 1, sizeof mcmc->schedule);
    if (status == NUMC_OK)
        status = upload(r, &r->schedule_there, 0, &mcmc->schedule, sizeof mcmc->schedule);
    if (status == NUMC_OK)
        status = allocate_there(r, &r->chains_there, width, sizeof *r->chains);
    if (status == NUMC_OK)
        status = allocate_there(r, &r->progress_there, width, sizeof(numc_k_chain_progress));
    if (status == NUMC_OK)
        status = allocate_there(r, &r->memory_there, width, numc__mcmc_chain_bytes(mcmc));
    if (status == NUMC_OK)
        status = allocate_there(r, &r->records_there, 1, record_bytes(r, r->most));
    if (status == NUMC_OK)
        return r;
    numc__error_join(context, r->lane);
    numc_error_clear(r->lane);
    numc__resident_free(r);
    return NULL;
}

void numc__resident_free(numc_resident *r)
{
    if (r == NULL)
        return;
    numc_context *context = r->group->mcmc->context;
    size_t width = (size_t)r->group->width;
    if (r->step != NULL)
        r->device->table.routine_release(r->device->device, r->step);
    release_there(r, &r->arenas_there);
    release_there(r, &r->schedule_there);
    release_there(r, &r->chains_there);
    release_there(r, &r->progress_there);
    release_there(r, &r->memory_there);
    release_there(r, &r->records_there);
    numc__free(context, r->chains, width * sizeof *r->chains);
    numc__free(context, r->taken, width * sizeof *r->taken);
    for (look *l = r->looks; l < r->looks + r->look_count; l++) {
        numc__free(context, l->progress, width * sizeof *l->progress);
        numc__free(context, l->records, record_bytes(r, r->most));
    }
    numc__free(context, r, sizeof *r);
}

bool numc__resident_loops(const numc_resident *resident)
{
    return resident->loops;
}

bool numc__resident_ready(const numc_lockstep *group)
{
    const numc_mcmc *mcmc = group->mcmc;
    bool large = mcmc->kernel_metric == NUMC_K_METRIC_DENSE && mcmc->target.dimension > MOST_DENSE;
    for (int32_t k = 0; k < group->count; k++) {
        const numc_chain *chain = &mcmc->chains[group->first + k];
        if (!chain->placed || (large && chain->transition < mcmc->schedule.warmup))
            return false;
    }
    return true;
}

/* States, and the results that chains in the middle of a transition wait for. Places that no chain has are like the first chain at
 * rest. */
static numc_status send(numc_resident *r)
{
    numc_lockstep *group = r->group;
    numc_mcmc *mcmc = group->mcmc;
    size_t bytes = numc__mcmc_chain_bytes(mcmc), dimension = (size_t)mcmc->target.dimension;
    for (int32_t k = 0; k < group->width; k++) {
        numc_chain *chain = &mcmc->chains[group->first + (k < group->count ? k : 0)];
        bool moves = k < group->count && chain->stage != NUMC_CHAIN_RESTS;
        r->chains[k] = (numc_k_chain){chain->nuts, chain->warmup};
        r->looks[0].progress[k] = (numc_k_chain_progress){.transition = chain->transition,
                                                 .until = k < group->count ? chain->until : chain->transition,
                                                 .wants = moves ? NUMC_K_NUTS_EVALUATE : NUMC_K_NUTS_DONE};
        memcpy(group->positions + (size_t)k * dimension,
               chain->memory + (moves ? chain->nuts.position_at : numc_k_nuts_current(&chain->nuts)), dimension * sizeof(double));
        NUMC_TRY(upload(r, &r->memory_there, (uint64_t)k * bytes, chain->memory, bytes));
    }
    group->positions_filled = true;
    NUMC_TRY(upload(r, &r->chains_there, 0, r->chains, r->chains_there.bytes));
    NUMC_TRY(upload(r, &r->progress_there, 0, r->looks[0].progress, r->progress_there.bytes));
    const block positions = {.memory = r->positions.memory};
    NUMC_TRY(upload(r, &positions, (uint64_t)r->positions.offset * sizeof(double), group->positions,
                    (uint64_t)group->width * dimension * sizeof(double)));
    return r->loops ? NUMC_OK : mcmc->target.batch_launch(mcmc->target.user, group->batch, NULL);
}

static numc_status fetch(numc_resident *r)
{
    numc_lockstep *group = r->group;
    numc_mcmc *mcmc = group->mcmc;
    size_t bytes = numc__mcmc_chain_bytes(mcmc);
    NUMC_TRY(download(r, &r->chains_there, 0, r->chains, r->chains_there.bytes));
    NUMC_TRY(download(r, &r->progress_there, 0, r->looks[0].progress, r->progress_there.bytes));
    for (int32_t k = 0; k < group->count; k++) {
        numc_chain *chain = &mcmc->chains[group->first + k];
        NUMC_TRY(download(r, &r->memory_there, (uint64_t)k * bytes, chain->memory, bytes));
        chain->nuts = r->chains[k].nuts;
        chain->warmup = r->chains[k].warmup;
        chain->warmup.failed = 0; /* look() has said it */
        chain->stage = r->looks[0].progress[k].wants != NUMC_K_NUTS_EVALUATE     ? NUMC_CHAIN_RESTS
                       : chain->nuts.kind == NUMC_K_NUTS_PROBE ? NUMC_CHAIN_SEARCHES : NUMC_CHAIN_MOVES;
    }
    return NUMC_OK;
}

/* A launch of the machines. room 0: a leapfrog, where they are apart. */
static numc_status run_step(numc_resident *r, int64_t room)
{
    const numc_lockstep *group = r->group;
    const numc_mcmc *mcmc = group->mcmc;
    void *buffers[NUMC_K_CHAINS_BUFFERS + 1 + NUMC_ITEM_MEMORIES] = {r->schedule_there.memory, r->chains_there.memory, r->progress_there.memory,
                                                  r->memory_there.memory, r->positions.memory, r->results.memory,
                                                  r->records_there.memory, r->arenas_there.memory};
    const int64_t numbers[NUMC_K_CHAINS_NUMBERS + 1] = {(int64_t)(numc__mcmc_chain_bytes(mcmc) / sizeof(double)),
                                                        (int64_t)numc__mcmc_state_doubles(mcmc), r->positions.offset, r->results.offset,
                                                        room, NUMC_LOOK};
    if (r->loops) /* else the item was refused, and tells nothing */
        memcpy(&buffers[NUMC_K_CHAINS_BUFFERS + 1], r->item.memories, (size_t)r->item.memory_count * sizeof *buffers);
    return numc__device_check(r->lane, r->device->table.routine_run(r->device->device, r->step, buffers, numbers, group->width), "chains");
}

static numc_status move_all(void *resident)
{
    return run_step(resident, 0);
}

/* Those between two looks. Apart, the machines move first, on results that lie there; then the density is evaluated at what they want. */
static numc_status leapfrogs(numc_resident *r)
{
    const numc_target *target = &r->group->mcmc->target;
    const numc_calls machines = {move_all, r};
    numc_status status = run_step(r, r->room);
    for (int i = 0; i < NUMC_LOOK && !r->loops && status == NUMC_OK; i++)
        status = target->batch_launch(target->user, r->group->batch, &machines);
    return status;
}

static numc_status take_record(numc_chain *chain, const double *record)
{
    const double *position = record + NUMC_K_RECORD_POSITION;
    int32_t dimension = chain->mcmc->target.dimension;
    const numc_transition t = {
        .position = position, .start = position + dimension, .end = position + 2 * (int64_t)dimension,
        .statistics = {.log_density = record[NUMC_K_RECORD_LOG_DENSITY], .accept_stat = record[NUMC_K_RECORD_ACCEPT],
                       .step_size = record[NUMC_K_RECORD_STEP], .energy = record[NUMC_K_RECORD_ENERGY],
                       .tree_depth = (int32_t)record[NUMC_K_RECORD_DEPTH],
                       .n_leapfrog = (int32_t)record[NUMC_K_RECORD_LEAPFROGS],
                       .divergent = record[NUMC_K_RECORD_DIVERGENT] != 0}};
    chain->nuts.step_size = record[NUMC_K_RECORD_NEXT_STEP];
    numc_status status = numc__chain_moved(chain, &t, false);
    if (status != NUMC_OK)
        numc__chain_end(chain, status);
    return status;
}

/* Begins to download what the leapfrogs now in the queue will have written. */
static numc_status look_begin(numc_resident *r, look *l)
{
    const numc_backend *table = &r->device->table;
    const uint64_t bytes = record_bytes(r, r->room);
    l->room = r->room;
    if (r->look_count < 2) {
        NUMC_TRY(download(r, &r->progress_there, 0, l->progress, r->progress_there.bytes));
        return download(r, &r->records_there, 0, l->records, bytes);
    }
    atomic_fetch_add_explicit(&r->lane->core->bytes_downloaded, r->progress_there.bytes + bytes, memory_order_relaxed);
    NUMC_TRY(numc__device_check(r->lane, table->download_begin(r->device->device, r->progress_there.memory, 0, l->progress,
                                                               r->progress_there.bytes, &l->transfers[0]), "download"));
    return numc__device_check(r->lane, table->download_begin(r->device->device, r->records_there.memory, 0, l->records, bytes,
                                                             &l->transfers[1]), "download");
}

/* Both copies are here, as far as they are under way. */
static numc_status look_wait(numc_resident *r, look *l)
{
    numc_status status = NUMC_OK;
    for (int k = 0; k < 2; k++) {
        if (l->transfers[k] == NULL)
            continue;
        numc_status ended = numc__device_check(r->lane, r->device->table.download_end(r->device->device, l->transfers[k]), "download");
        status = status == NUMC_OK ? ended : status;
        l->transfers[k] = NULL;
    }
    return status;
}

/* What the chains have written down in a look's leapfrogs; *live: how many go on. */
static numc_status look_end(numc_resident *r, look *l, int32_t *live)
{
    numc_lockstep *group = r->group;
    numc_mcmc *mcmc = group->mcmc;
    int64_t most = 0;
    NUMC_TRY(look_wait(r, l));
    for (int32_t k = 0; k < group->width; k++) {
        r->taken[k] = k * l->room;
        most = l->progress[k].at - r->taken[k] > most ? l->progress[k].at - r->taken[k] : most;
    }
    set_room(r, most);
    numc_status status = NUMC_OK;
    for (bool any = true; any;) { /* one of each chain: their draws are stored together */
        any = false;
        for (int32_t k = 0; k < group->count; k++) {
            numc_chain *chain = &mcmc->chains[group->first + k];
            const double *record = l->records + r->taken[k];
            if (r->taken[k] >= l->progress[k].at || chain->status != NUMC_OK)
                continue;
            r->taken[k] += numc_k_record_doubles(mcmc->target.dimension, record[NUMC_K_RECORD_DIVERGENT] != 0);
            any = true;
            numc_status taken = take_record(chain, record);
            status = status == NUMC_OK ? taken : status; /* the other chains' draws are kept */
        }
    }
    *live = 0;
    for (int32_t k = 0; k < group->count; k++) {
        numc_chain *chain = &mcmc->chains[group->first + k];
        *live += l->progress[k].transition < l->progress[k].until && l->progress[k].failed == 0;
        if (l->progress[k].failed == 0 || chain->status != NUMC_OK)
            continue;
        chain->warmup.failed = l->progress[k].failed;
        numc_status failed = numc__chain_failed(chain);
        numc__chain_end(chain, failed);
        status = status == NUMC_OK ? failed : status;
    }
    return status;
}

static void share_time(numc_lockstep *group, double *since)
{
    double now = numc__mcmc_seconds_now(), share = (now - *since) / group->count;
    for (int32_t k = 0; k < group->count; k++) {
        numc_chain *chain = &group->mcmc->chains[group->first + k];
        numc__chain_spend(chain, chain->transition < group->mcmc->warmup, share);
    }
    *since = now;
}

numc_status numc__resident_run(numc_lockstep *group)
{
    numc_mcmc *mcmc = group->mcmc;
    numc_resident *r = group->resident;
    double since = numc__mcmc_seconds_now();
    int32_t live = 1;
    look *now = &r->looks[0], *before = NULL; /* begun, and not yet taken */
    numc_status status = send(r);
    if (status != NUMC_OK) /* the states here are as they were */
        return status;
    while (status == NUMC_OK && live > 0 && !numc__mcmc_halted(mcmc)) {
        status = leapfrogs(r);
        numc_status looked = status == NUMC_OK || status == NUMC_REJECT ? look_begin(r, now) : NUMC_OK;
        look *ready = r->look_count < 2 ? now : before;
        before = now;
        if (looked == NUMC_OK && ready != NULL)
            looked = look_end(r, ready, &live);
        before = ready == before ? NULL : before;
        status = looked != NUMC_OK ? looked : status;
        now = &r->looks[(now - r->looks + 1) % r->look_count];
        share_time(group, &since);
    }
    if (before != NULL) {
        numc_status looked = status == NUMC_OK || status == NUMC_REJECT ? look_end(r, before, &live) : NUMC_OK;
        status = looked != NUMC_OK ? looked : status;
    }
    for (int k = 0; k < r->look_count; k++)
        (void)look_wait(r, &r->looks[k]); /* after an error */
    numc_status fetched = fetch(r);
    status = status == NUMC_OK ? fetched : status;
    return status == NUMC_OK && live > 0 ? NUMC_CANCELLED : status;
}
