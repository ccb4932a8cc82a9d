/* check_routine.c - the row of `numc check` for routines: the samplers' state machines (src/kernel/chains.h) given to the device as text,
 * moved beside the same ones here, on a standard normal whose density is computed here; every record must have the same bits. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "kernel/chains.h"

extern const char numc__chains_text[];

enum { CHAINS = 5, DIMENSION = 3, DEPTH = 4, STEPS = 48, BUFFERS = NUMC_K_CHAINS_BUFFERS };

/* One side's memory, in the order of the routine's buffers. */
typedef struct machines {
    size_t doubles, sizes[BUFFERS];
    char *memory[BUFFERS];
} machines;

static void evaluate(const machines *m)
{
    const double *positions = (const double *)(const void *)m->memory[3];
    double *results = (double *)(void *)m->memory[4];
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

static bool machines_new(machines *m)
{
    m->doubles = (size_t)numc_k_nuts_doubles(DIMENSION, DEPTH, NUMC_K_METRIC_DIAGONAL);
    const size_t sizes[BUFFERS] = {CHAINS * sizeof(numc_k_nuts), CHAINS * sizeof(numc_k_chain_progress),
                                   CHAINS * m->doubles * sizeof(double), CHAINS * DIMENSION * sizeof(double),
                                   CHAINS * (1 + DIMENSION) * sizeof(double),
                                   STEPS * CHAINS * (size_t)numc_k_record_doubles(DIMENSION) * sizeof(double)};
    bool good = true;
    for (int b = 0; b < BUFFERS; b++) {
        m->sizes[b] = sizes[b];
        m->memory[b] = calloc(1, sizes[b]);
        good = good && m->memory[b] != NULL;
    }
    for (int c = 0; good && c < CHAINS; c++) {
        numc_k_nuts *s = (numc_k_nuts *)(void *)m->memory[0] + c;
        double *own = (double *)(void *)m->memory[2] + (size_t)c * m->doubles;
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
        ((numc_k_chain_progress *)(void *)m->memory[1])[c].until = 8;
    }
    return good;
}

static void machines_free(machines *m)
{
    for (int b = 0; b < BUFFERS; b++)
        free(m->memory[b]);
}

static void move_here(machines *m, const int64_t *numbers)
{
    for (int64_t c = 0; c < CHAINS; c++)
        numc_k_chains_step(c, CHAINS, numbers[1], NUMC_K_NUTS_TREE, (numc_k_nuts *)(void *)m->memory[0],
                           (numc_k_chain_progress *)(void *)m->memory[1], (double *)(void *)m->memory[2],
                           (double *)(void *)m->memory[3], (const double *)(const void *)m->memory[4],
                           (double *)(void *)m->memory[5]);
}

/* All steps on the device; what it has in the end comes back into m. */
static int32_t move_there(const side *s, machines *m, const int64_t *numbers)
{
    const numc_backend *t = &s->device->table;
    numc_device *device = s->device->device;
    const numc_routine_source source = {.size = sizeof source, .text = numc__chains_text, .text_size = strlen(numc__chains_text),
                                        .name = "numc_chains_step", .buffer_count = BUFFERS, .number_count = NUMC_K_CHAINS_NUMBERS};
    void *there[BUFFERS] = {NULL};
    numc_routine *routine = NULL;
    int32_t status = t->routine_build(device, &source, &routine);
    int made = 0;
    for (; made < BUFFERS && status == NUMC_OK; made += status == NUMC_OK) {
        status = t->memory_allocate(device, m->sizes[made], &there[made]);
        if (status == NUMC_OK && (status = t->memory_upload(device, there[made], 0, m->memory[made], m->sizes[made])) != NUMC_OK)
            t->memory_release(device, there[made], m->sizes[made]);
    }
    for (int i = 0; i < STEPS && status == NUMC_OK; i++) {
        status = t->routine_run(device, routine, there, numbers, CHAINS);
        if (status == NUMC_OK)
            status = t->memory_download(device, there[3], 0, m->memory[3], m->sizes[3]);
        evaluate(m);
        if (status == NUMC_OK)
            status = t->memory_upload(device, there[4], 0, m->memory[4], m->sizes[4]);
    }
    for (int b = 0; b < made; b++) {
        if (status == NUMC_OK)
            status = t->memory_download(device, there[b], 0, m->memory[b], m->sizes[b]);
        t->memory_release(device, there[b], m->sizes[b]);
    }
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
    const int64_t numbers[NUMC_K_CHAINS_NUMBERS] = {CHAINS, (int64_t)here.doubles, NUMC_K_NUTS_TREE, 0, 0};
    for (int i = 0; i < STEPS && ready; i++) {
        move_here(&here, numbers);
        evaluate(&here);
    }
    uint64_t before = check_fallbacks(&c->tested);
    int32_t status = ready ? move_there(&c->tested, &there, numbers) : NUMC_MEMORY;
    operand expected = {NUMC_FLOAT64, (int64_t)(here.sizes[5] / sizeof(double)), here.memory[5], true};
    operand got = {NUMC_FLOAT64, expected.count, there.memory[5], true};
    if (ready)
        check_judge(c, "routine", "state machines of NUTS", before, status, &expected, &got, 1, 0.0);
    else
        check_row(c, "routine", "state machines of NUTS", "wrong", "out of memory");
    machines_free(&here);
    machines_free(&there);
}
