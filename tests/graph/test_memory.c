/* Every allocation failing once, around tracing, differentiating and running: an error, nothing leaked, nothing used after. */
#include "support.h"
#include "../base/sweep.h"

#include "graph/function.h"

typedef struct shared {
    const numc_array *scale;
} shared;
BODY(step)
{
    (void)context, (void)input_count, (void)output_count;
    const shared *s = user;
    out[0] = numc_add(numc_multiply(in[0], s->scale), numc_sin(in[1]));
    out[1] = numc_square(out[0]);
}
BODY(either)
{
    (void)context, (void)input_count, (void)output_count;
    const shared *s = user;
    out[0] = numc_multiply(in[0], s->scale);
}
BODY(other)
{
    (void)context, (void)input_count, (void)output_count, (void)user;
    out[0] = numc_exp(numc_negative(in[0]));
}
BODY(model)
{
    (void)input_count, (void)output_count, (void)user;
    shared s = {numc_exp(in[1])};
    const numc_array *start = numc_zeros(context, NUMC_FLOAT64, NUMC_SCALAR);
    numc_array *scanned[2] = {NULL, NULL}, *chosen[1] = {NULL};
    numc_scan(context, step, &s, &start, 1, in, 1, scanned, 1);
    const numc_array *last = scanned[0];
    numc_cond(numc_greater(in[1], 0.0), either, other, &s, &last, 1, chosen, 1);
    numc_array *product = numc_prod(numc_add(numc_maximum(in[0], 0.25), 1.0));
    out[0] = numc_add(numc_add(numc_sum(scanned[1]), chosen[0]), product);
}

static void pass(failing *memory)
{
    numc_context *context = numc_open(&(numc_options){.backend = "ref", .threads = 1, .allocate = failing_allocate, .allocate_user = memory});
    if (context == NULL)
        return;
    const numc_array *x[2] = {reals(context, NUMC_SHAPE(3), DOUBLES(0.5, -1, 2)), reals(context, NUMC_SCALAR, DOUBLES(0.25))};
    numc_function *f = numc_function_trace(context, model, NULL, x, 2, 1);
    numc_function *gradient = numc_function_value_and_gradient(context, f);
    numc_function *forward = numc_function_jvp(context, gradient);
    const numc_array *many[2] = {numc_stack((const numc_array *[]){x[0], x[0]}, 2, 0), numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(2))};
    numc_function *batched = numc_function_vmap(context, gradient, many, 2);
    numc_array *z[3] = {NULL, NULL, NULL};
    if (batched != NULL)
        (void)numc_function_call(context, batched, many, 2, z, 3);
    numc_array *y[3] = {NULL, NULL, NULL};
    numc_status status = gradient == NULL ? numc_error_status(context) : numc_function_call(context, gradient, x, 2, y, 3);
    char text[64];
    (void)numc_function_format(forward, text, sizeof text);
    if (!memory->failed) {
        ASSERT_FINE(context);
        assert_non_null(forward);
        assert_non_null(y[2]);
        assert_non_null(z[2]);
    } else if (status != NUMC_OK || forward == NULL) {
        assert_int_equal(numc_error_status(context), NUMC_MEMORY);
    }
    /* after the error is cleared the context works */
    numc_error_clear(context);
    numc_close(context);
}

/* The transforms that are made of others, and the other loops. */
BODY(less_than_nine) { (void)input_count, (void)output_count, (void)context; out[0] = numc_less(in[0], ((const shared *)user)->scale); }
BODY(double_it) { (void)input_count, (void)output_count, (void)context, (void)user; out[0] = numc_multiply(in[0], 2.0); }
BODY(model_jvp) { (void)input_count, (void)output_count, (void)context, (void)user; out[0] = numc_add(numc_sum(in[3]), in[4]); }
BODY(counted_step) { (void)input_count, (void)output_count, (void)context; out[0] = numc_multiply(in[1], numc_sin(((const shared *)user)->scale)); }
BODY(loops)
{
    (void)input_count, (void)output_count, (void)user;
    shared s = {numc_add(numc_exp(in[1]), 8.0)};
    const numc_trace_fn bodies[3] = {double_it, either, other};
    numc_array *grown[1] = {NULL}, *chosen[1] = {NULL}, *counted[1] = {NULL};
    const numc_array *start = numc_add(numc_square(in[1]), 0.5);
    numc_while(context, less_than_nine, double_it, &s, &start, 1, grown, .limit = 50);
    const numc_array *last = grown[0];
    numc_switch(numc_astype(numc_sum(in[0]), NUMC_INT64), bodies, 3, &s, &last, 1, chosen, 1);
    last = chosen[0];
    numc_fori(context, 0, numc_astype(last, NUMC_INT64), counted_step, &s, &last, 1, counted);
    out[0] = numc_add(numc_sum(in[0]), counted[0]);
}

static void second_pass(failing *memory)
{
    numc_context *context = numc_open(&(numc_options){.backend = "ref", .threads = 1, .allocate = failing_allocate, .allocate_user = memory});
    if (context == NULL)
        return;
    const numc_array *x[4] = {reals(context, NUMC_SHAPE(3), DOUBLES(0.5, -1, 2)), reals(context, NUMC_SCALAR, DOUBLES(0.25)), NULL, NULL};
    x[2] = x[0];
    x[3] = x[1];
    numc_function *f = numc_function_trace(context, model, NULL, x, 2, 1);
    numc_function *made[8] = {numc_function_jacobian_forward(context, f), numc_function_jacobian_reverse(context, f), numc_function_hessian(context, f),
                              numc_function_hvp(context, f), numc_function_linearize(context, f, x, 2, NULL, 0), NULL, NULL, NULL};
    made[5] = numc_function_custom_jvp(context, f, model_jvp, NULL);
    made[6] = numc_function_value_and_gradient(context, made[5]);
    numc_function *looped = numc_function_trace(context, loops, NULL, x, 2, 1);
    const numc_array *many[2] = {numc_stack((const numc_array *[]){x[0], x[0]}, 2, 0), numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(2))};
    made[7] = numc_function_vmap(context, looped, many, 2);
    numc_function *moving = numc_function_jvp(context, looped);
    numc_array *y[8] = {NULL}, *z[1] = {NULL}, *forward[2] = {NULL};
    numc_status status = numc_error_status(context);
    if (status == NUMC_OK)
        status = numc_function_call(context, made[6], x, 2, y, 3);
    if (status == NUMC_OK)
        status = numc_function_call(context, made[7], many, 2, z, 1);
    if (status == NUMC_OK)
        status = numc__graph_apply(context, moving->graph, x, 4, forward, 2);
    if (!memory->failed) {
        ASSERT_FINE(context);
        for (int i = 0; i < 8; i++)
            assert_non_null(made[i]);
        assert_true(z[0] != NULL && forward[1] != NULL && y[2] != NULL);
    } else if (status != NUMC_OK) {
        assert_int_equal(numc_error_status(context), NUMC_MEMORY);
    }
    numc_error_clear(context);
    numc_close(context);
}

static void every_allocation_of_the_rest_may_fail(void **state)
{
    (void)state;
    sweep_passes(second_pass, 100);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    sweep_passes(pass, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail), cmocka_unit_test(every_allocation_of_the_rest_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
