/* check_routine.c - the row of `numc check` for routines: the samplers' state machines (src/kernel/chains.h) given to the device as text,
 * moved beside the same ones here, on a standard normal whose density is computed here; every record must have the same bits. Where the
 * device keeps lists of calls, half of the leapfrogs are runs of such a list. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "kernel/chains.h"

extern const char numc__chains_text[];

enum { CHAINS = 5, DIMENSION = 3, DEPTH = 4, STEPS = 48, BUFFERS = NUMC_K_CHAINS_BUFFERS, ROOM = NUMC_K_CHAINS_NUMBERS - 1 };

/* One side's memory, in the order of the routine's buffers. */
enum { SCHEDULE, STATES, PROGRESS, MEMORY, POSITIONS, RESULTS, RECORDS };
typedef struct machines {
    size_t doubles, state_doubles, sizes[BUFFERS];
    void *memory[BUFFERS];
} machines;

static void evaluate(const machines *m)
{
    const double *positions = m->memory[POSITIONS];
    double *results = m->memory[RESULTS];
    for (int c = 0; c < CHAINS; c++) {
        double *result = results + c * (1 + DIMENSION);
        result[0] = 0;
        for (int i = 0; i < DIMENSION; i++) {
            double q = positions[c * DIMENSION + i];
            result[0] -= 0.5 * q * q;
            result[1 + i] = -q;
        }
    }
}

/* Chains that search for a step size first, and learn from their first transitions. */
static bool machines_new(machines *m)
{
    m->state_doubles = (size_t)numc_k_nuts_doubles(DIMENSION, DEPTH, NUMC_K_METRIC_DIAGONAL);
    m->doubles = m->state_doubles + (size_t)numc_k_estimate_doubles(DIMENSION, NUMC_K_METRIC_DIAGONAL);
    const size_t sizes[BUFFERS] = {sizeof(numc_k_schedule), CHAINS * sizeof(numc_k_chain), CHAINS * sizeof(numc_k_chain_progress),
                                   CHAINS * m->doubles * sizeof(double), CHAINS * DIMENSION * sizeof(double),
                                   CHAINS * (1 + DIMENSION) * sizeof(double),
                                   STEPS * CHAINS * (size_t)numc_k_record_doubles(DIMENSION, 1) * sizeof(double)};
    bool good = true;
    for (int b = 0; b < BUFFERS; b++) {
        m->sizes[b] = sizes[b];
        m->memory[b] = calloc(1, sizes[b]);
        good = good && m->memory[b] != NULL;
    }
    if (good)
        *(numc_k_schedule *)m->memory[SCHEDULE] = (numc_k_schedule){.warmup = 6, .first = 1, .ends = {4}, .count = 1, .kind = NUMC_K_NUTS_TREE};
    for (int c = 0; good && c < CHAINS; c++) {
        numc_k_chain *chain = (numc_k_chain *)m->memory[STATES] + c;
        numc_k_nuts *s = &chain->nuts;
        double *own = (double *)m->memory[MEMORY] + (size_t)c * m->doubles;
        numc_k_nuts_setup(s, DIMENSION, DEPTH, NUMC_K_METRIC_DIAGONAL, numc_k_nuts_fold(numc_k_key_from_seed(1), (numc_k_u64)c));
        for (int i = 0; i < 2 * DIMENSION; i++)
            own[i] = 1; /* W and 1/sqrt(W) */
        numc_k_nuts_begin(s, own, NUMC_K_NUTS_PLACE, 0, 0);
        double log_density = 0;
        for (int i = 0; i < DIMENSION; i++) {
            own[s->position_at + i] = 0.5 * c - 0.25 * i;
            own[s->gradient_at + i] = -own[s->position_at + i];
            log_density -= 0.5 * own[s->position_at + i] * own[s->position_at + i];
        }
        numc_k_nuts_advance(s, own, log_density);
        s->step_size = 0.25 + 0.1 * c;
        s->jitter = 0.5;
        chain->warmup = (numc_k_warmup){.averaging = {.target = 0.8, .gamma = 0.05, .t0 = 10, .kappa = 0.75}, .searches = 1};
        numc_k_averaging_restart(&chain->warmup.averaging, s->step_size);
        ((numc_k_chain_progress *)m->memory[PROGRESS])[c].until = 12;
    }
    return good;
}

static void machines_free(machines *m)
{
    for (int b = 0; b < BUFFERS; b++)
        free(m->memory[b]);
}

/* room 0: a leapfrog. */
static void move_here(machines *m, int64_t room)
{
    const numc_k_chains all = {m->memory[SCHEDULE], m->memory[STATES], m->memory[PROGRESS], m->memory[MEMORY], m->memory[POSITIONS],
                               m->memory[RESULTS], m->memory[RECORDS], (numc_k_i64)m->doubles, (numc_k_i64)m->state_doubles, room};
    for (int64_t c = 0; c < CHAINS; c++)
        numc_k_chains_step(&all, c);
}

/* A leapfrog as a list of calls; none where the device keeps none. */
static int32_t keep_leapfrog(const side *s, numc_routine *routine, void *const *there, const int64_t *numbers, numc_recording **kept)
{
    const numc_backend *t = &s->device->table;
    numc_device *device = s->device->device;
    int32_t status = t->recording_begin != NULL ? t->recording_begin(device) : NUMC_UNSUPPORTED;
    if (status != NUMC_OK)
        return status == NUMC_UNSUPPORTED ? NUMC_OK : status;
    status = t->routine_run(device, routine, there, numbers, CHAINS);
    const int32_t ended = t->recording_end(device, kept);
    return status == NUMC_OK ? ended : status;
}

/* All leapfrogs on the device; what it has in the end comes back into m. numbers: of a leapfrog. */
static int32_t move_there(const side *s, machines *m, int64_t *numbers, int64_t room)
{
    const numc_backend *t = &s->device->table;
    numc_device *device = s->device->device;
    const numc_routine_source source = {.size = sizeof source, .text = numc__chains_text, .text_size = strlen(numc__chains_text),
                                        .name = "numc_chains_step", .buffer_count = BUFFERS, .number_count = NUMC_K_CHAINS_NUMBERS};
    void *there[BUFFERS] = {NULL};
    numc_routine *routine = NULL;
    numc_recording *kept = NULL;
    int32_t status = t->routine_build(device, &source, &routine);
    int made = 0;
    for (; made < BUFFERS && status == NUMC_OK; made += status == NUMC_OK) {
        status = t->memory_allocate(device, m->sizes[made], &there[made]);
        if (status == NUMC_OK && (status = t->memory_upload(device, there[made], 0, m->memory[made], m->sizes[made])) != NUMC_OK)
            t->memory_release(device, there[made], m->sizes[made]);
    }
    numbers[ROOM] = room;
    if (status == NUMC_OK)
        status = t->routine_run(device, routine, there, numbers, CHAINS);
    numbers[ROOM] = 0;
    for (int i = 0; i < STEPS && status == NUMC_OK; i++) {
        if (i == STEPS / 2)
            status = keep_leapfrog(s, routine, there, numbers, &kept);
        if (status == NUMC_OK)
            status = kept != NULL ? t->recording_run(device, kept) : t->routine_run(device, routine, there, numbers, CHAINS);
        if (status == NUMC_OK)
            status = t->memory_download(device, there[POSITIONS], 0, m->memory[POSITIONS], m->sizes[POSITIONS]);
        evaluate(m);
        if (status == NUMC_OK)
            status = t->memory_upload(device, there[RESULTS], 0, m->memory[RESULTS], m->sizes[RESULTS]);
    }
    for (int b = 0; b < made && status == NUMC_OK; b++)
        status = t->memory_download(device, there[b], 0, m->memory[b], m->sizes[b]);
    if (kept != NULL)
        t->recording_release(device, kept);
    for (int b = 0; b < made; b++)
        t->memory_release(device, there[b], m->sizes[b]);
    if (routine != NULL)
        t->routine_release(device, routine);
    return status;
}

void check_routines(checker *c)
{
    const numc_backend_device *device = c->tested.device;
    if (device->table.routine_build == NULL || device->info.dialect == 0 || !check_usable(c, NUMC_FLOAT64))
        return;
    machines here, there;
    bool ready = machines_new(&here);
    ready = machines_new(&there) && ready;
    const int64_t room = STEPS * numc_k_record_doubles(DIMENSION, 1);
    int64_t numbers[NUMC_K_CHAINS_NUMBERS] = {(int64_t)here.doubles, (int64_t)here.state_doubles, 0, 0, 0};
    if (ready)
        move_here(&here, room);
    for (int i = 0; i < STEPS && ready; i++) {
        move_here(&here, 0);
        evaluate(&here);
    }
    uint64_t before = check_fallbacks(&c->tested);
    int32_t status = ready ? move_there(&c->tested, &there, numbers, room) : NUMC_MEMORY;
    operand expected = {NUMC_FLOAT64, (int64_t)(here.sizes[RECORDS] / sizeof(double)), here.memory[RECORDS], true};
    operand got = {NUMC_FLOAT64, expected.count, there.memory[RECORDS], true};
    if (ready)
        check_judge(c, "routine", "state machines of NUTS, warm-up", before, status, &expected, &got, 1, 0.0);
    else
        check_row(c, "routine", "state machines of NUTS, warm-up", "wrong", "out of memory");
    machines_free(&here);
    machines_free(&there);
}
