/* test_failures.c - every allocation of models and handlers may fail: plates, records, condition, substitute, replay, block, mask,
 * scale, bind, log densities. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../base/sweep.h"
#include "numc/numc.h"

struct data {
    numc_array *y, *offset, *mask, *scale;
};

static struct data make_data(numc_context *context)
{
    static const double y[12] = {0.5, -1, 0.25, 2, 1, 0, -0.5, 0.75, 1.5, -2, 0.125, 0.5}, offset[3] = {0.5, 0, -0.5};
    static const bool mask[3] = {true, false, true};
    return (struct data){
        numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(4, 3), y),
        numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), offset),
        numc_from_host(context, NUMC_BOOL, NUMC_SHAPE(3), mask),
        numc_number(context, NUMC_FLOAT64, 2),
    };
}

static void grouped(numc_run *run, void *user)
{
    const struct data *d = user;
    numc_array *mu = numc_sample(run, "mu", numc_normal(run, 0, 2));
    numc_array *tau = numc_sample(run, "tau", numc_half_normal(run, 1));
    const numc_handler mask = numc_handler_mask(d->mask), scale = numc_handler_scale(d->scale);
    numc_name_begin(run, "outer");
    numc_plate(run, "group", 3) {
        numc_array *theta = numc_sample(run, "theta", numc_normal(run, numc_add(mu, numc_data(run, "offset", d->offset)), tau));
        numc_with(run, &mask) {
            numc_with(run, &scale) {
                numc_plate_at(run, "item", 4, -2) {
                    numc_observe(run, "y", numc_normal(run, theta, 0.5), d->y);
                }
            }
        }
        numc_deterministic(run, "twice", numc_multiply(theta, 2));
    }
    numc_name_end(run);
    numc_factor(run, "weight", numc_multiply(mu, 0.125));
}

/* One number of all that a record holds. */
static double total_of(numc_context *context, const numc_record *record)
{
    double total = numc_item(numc_record_log_density(record));
    for (int32_t k = 0; k < numc_record_count(record); k++) {
        const numc_message *site = numc_record_at(record, k);
        if (site->value != NULL && numc_error_status(context) == NUMC_OK)
            total += (k + 1) * numc_item(numc_sum(site->value)) + site->plate_count;
    }
    return total;
}

/* A run under handlers, outermost first: a record first of all, a seed last. */
static double run_under(numc_model *model, numc_record *record, const numc_handler *const *handlers, int32_t count, uint64_t seed)
{
    numc_context *context = numc_model_context(model);
    const numc_handler *all[8];
    const numc_handler keep = numc_handler_record(record), key = numc_handler_seed(numc_random_key(context, seed));
    all[0] = &keep;
    for (int32_t k = 0; k < count; k++)
        all[k + 1] = handlers[k];
    all[count + 1] = &key;
    if (record == NULL || numc_model_run(model, all, count + 2) != NUMC_OK)
        return NAN;
    return total_of(context, record);
}

static double seed_and_record(numc_context *context, void *user)
{
    (void)user;
    struct data d = make_data(context);
    numc_model *model = numc_model_new(context, grouped, &d);
    numc_record *record = numc_record_new(context);
    double total = model == NULL ? NAN : run_under(model, record, NULL, 0, 1);
    numc_record_free(record);
    numc_model_free(model);
    return total;
}

/* Handlers that put values in, around one run that is replayed. */
static double handlers(numc_context *context, void *user)
{
    const int which = *(int *)user;
    struct data d = make_data(context);
    const numc_named values[] = {{"mu", numc_number(context, NUMC_FLOAT64, 0.75)}, {"tau", numc_number(context, NUMC_FLOAT64, 0.5)}};
    const struct numc_named_list list = {values, 2}, one = {values, 1};
    const numc_handler condition = numc_handler_condition(&list), substitute = numc_handler_substitute(&list);
    const numc_handler block = numc_handler_block(&one), mask = numc_handler_mask(numc_from_host(context, NUMC_BOOL, NUMC_SCALAR, (const bool[]){true}));
    const numc_handler scale = numc_handler_scale(d.scale);
    numc_model *model = numc_model_new(context, grouped, &d);
    numc_record *record = numc_record_new(context), *earlier = numc_record_new(context);
    double total = NAN;
    if (model != NULL && numc_error_status(context) == NUMC_OK) {
        const numc_handler *some[2] = {&condition, &scale};
        switch (which) {
        case 0: total = run_under(model, record, some, 2, 2); break;
        case 1: some[0] = &substitute, some[1] = &mask, total = run_under(model, record, some, 2, 2); break;
        case 2: some[0] = &block, total = run_under(model, record, some, 1, 2); break;
        default:
            total = run_under(model, earlier, NULL, 0, 3);
            if (numc_error_status(context) == NUMC_OK) {
                const numc_handler replay = numc_handler_replay(earlier);
                some[0] = &replay;
                total += run_under(model, record, some, 1, 4);
            }
        }
    }
    numc_record_free(record);
    numc_record_free(earlier);
    numc_model_free(model);
    return total;
}

static double bind_and_log_density(numc_context *context, void *user)
{
    (void)user;
    static const double theta[3] = {1, 0.5, -0.25}, zero[3] = {0, 0, 1};
    struct data d = make_data(context);
    const numc_named values[] = {{"mu", numc_number(context, NUMC_FLOAT64, 0.75)},
                                 {"tau", numc_number(context, NUMC_FLOAT64, 0.5)},
                                 {"outer/theta", numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), theta)}};
    numc_model *model = numc_model_new(context, grouped, &d);
    numc_model *bound = numc_model_bind(model, "outer/offset", numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), zero));
    numc_model *both = numc_model_bind(bound, "outer/y", numc_multiply(d.y, 0.5));
    double total = numc_item(numc_model_log_density(both, values, 3)) + 2 * numc_item(numc_model_log_density(model, values, 3));
    numc_model_free(both);
    numc_model_free(bound);
    numc_model_free(model);
    return total;
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    static const char *const names[] = {"condition", "substitute", "block", "replay"};
    sweep_allocations("seed and record", seed_and_record, NULL, 100);
    for (int which = 0; which < 4; which++)
        sweep_allocations(names[which], handlers, &which, 100);
    sweep_allocations("bind and log density", bind_and_log_density, NULL, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
