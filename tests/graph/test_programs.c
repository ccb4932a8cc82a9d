/* Random programs, seeds fixed: run at once and through a graph they give the same bits; their graphs verify; forward and
 * reverse mode agree; vmapped programs give what a loop of calls gives; native code gives the interpreter's bits. */
#include "support.h"
#include "../base/effort.h"
#include "../base/need.h"

#include "graph/function.h"
#include "numc/linalg.h"

#define POOL 24
#define STEPS 18

typedef struct pool {
    const numc_array *arrays[POOL];
    int count;
} pool;

static const numc_array *pick(pool *p, generator *g)
{
    return p->arrays[draw_below(g, p->count)];
}

/* Bounded so that values stay within [-4, 4] or so however long the program is. */
static numc_array *bounded(const numc_array *x)
{
    return numc_multiply(numc_tanh(numc_multiply(x, 0.5)), 2.0);
}

static void half_step(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                      int32_t output_count, void *user)
{
    (void)context, (void)input_count, (void)output_count;
    out[0] = numc_add(numc_multiply(in[0], 0.5), numc_multiply(in[1], numc_tanh((const numc_array *)user)));
    out[1] = numc_cos(out[0]);
}

static void weigh(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                  int32_t output_count, void *user)
{
    (void)context, (void)input_count, (void)output_count;
    out[0] = bounded(numc_multiply(in[0], (const numc_array *)user));
}

static void turn(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                 int32_t output_count, void *user)
{
    (void)context, (void)input_count, (void)output_count, (void)user;
    out[0] = numc_sqrt(numc_add(numc_square(in[0]), 0.5));
}

static void counted(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                    int32_t output_count, void *user)
{
    (void)context, (void)input_count, (void)output_count;
    numc_array *angle = numc_multiply((const numc_array *)user, numc_astype(in[0], NUMC_FLOAT64));
    out[0] = bounded(numc_add(in[1], numc_sin(angle)));
}

/* All arrays of the pool have shape [2, 3], [3] or []. */
static numc_array *random_step(numc_context *context, pool *p, generator *g)
{
    const numc_array *x = pick(p, g), *y = pick(p, g), *z = pick(p, g);
    int32_t rank = numc_array_rank(x);
    int64_t axis = rank == 0 ? 0 : draw_below(g, rank);
    int choice = draw_below(g, 26);
    if (rank == 0 && choice >= 12)
        choice %= 12;
    switch (choice) {
    case 0: return numc_add(x, y);
    case 1: return bounded(numc_subtract(x, y));
    case 2: return bounded(numc_multiply(x, y));
    case 3: return numc_divide(x, numc_add(numc_square(y), 1.0));
    case 4: return numc_sin(x);
    case 5: return numc_exp(numc_negative(numc_abs(x)));
    case 6: return numc_maximum(x, y);
    case 7: return numc_where(numc_less(x, y), z, x);
    case 8: return numc_logaddexp(x, numc_negative(y));
    case 9: return numc_hypot(x, numc_add(numc_abs(y), 0.5));
    case 10: return bounded(numc_sum(x));
    case 11: return numc_broadcast_to(numc_mean(y), NUMC_SHAPE(2, 3));
    case 12: return numc_flip(x, NUMC_AXES(axis));
    case 13: return bounded(numc_cumulative_sum(x, NUMC_AXIS(axis)));
    case 14: return bounded(numc_cumulative_prod(x, NUMC_AXIS(axis)));
    case 15: return numc_sort(x, NUMC_AXIS(axis), .descending = (draw(g) & 1) != 0);
    case 16: return rank == 2 ? numc_max(x, NUMC_AXES(0)) : numc_min(x);
    case 17: return rank == 2 ? numc_reshape(numc_permute_dims(x, NUMC_AXES(1, 0)), NUMC_SHAPE(2, 3)) : numc_roll(x, 1, 0);
    case 18: {
        const numc_array *parts[2] = {x, x};
        numc_array *both = numc_concat(parts, 2, 0);
        return bounded(numc_sum(both, NUMC_AXES(0)));
    }
    case 19: {
        numc_array *out[1];
        const numc_array *weight = numc_sum(z);
        return numc_cond(numc_greater(numc_sum(y), 0.0), weigh, turn, (void *)(uintptr_t)weight, &x, 1, out, 1) == NUMC_OK ? out[0] : NULL;
    }
    case 20: {
        if (rank != 2 || numc_array_rank(y) == 0)
            return numc_sin(x);
        numc_array *row = numc_array_rank(y) == 2 ? numc_sum(y, NUMC_AXES(0)) : numc_cos(y);
        return bounded(numc_matmul(x, numc_outer(row, row)));
    }
    case 22: {
        const numc_trace_fn bodies[3] = {weigh, turn, weigh};
        const numc_array *weight = numc_sum(z);
        numc_array *out[1], *index = numc_astype(numc_multiply(numc_sin(numc_sum(y)), 4.0), NUMC_INT64);
        return numc_switch(index, bodies, 3, (void *)(uintptr_t)weight, &x, 1, out, 1) == NUMC_OK ? out[0] : NULL;
    }
    case 23: {
        numc_array *out[1];
        const numc_array *weight = numc_sum(z);
        return numc_fori(context, -1, 2, counted, (void *)(uintptr_t)weight, &x, 1, out) == NUMC_OK ? out[0] : NULL;
    }
    case 24: {
        numc_array *out[1];
        const numc_array *weight = numc_sum(y);
        return numc_map(context, weigh, (void *)(uintptr_t)weight, &x, 1, out, 1) == NUMC_OK ? out[0] : NULL;
    }
    case 21: {
        numc_array *places = numc_astype(numc_multiply(numc_abs(numc_sin(numc_sum(y))), 2.999), NUMC_INT64);
        numc_array *three = numc_remainder(numc_add(numc_arange(context, NUMC_INT64, 0, 3, 1), places), 3);
        return rank == 2 ? numc_take(x, three, NUMC_AXIS(1)) : numc_take(x, three, NUMC_AXIS(0));
    }
    default: {
        const numc_array *start = rank == 2 ? numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(3)) : numc_zeros(context, NUMC_FLOAT64, NUMC_SCALAR);
        const numc_array *weight = numc_sum(y);
        numc_array *out[2];
        bool reverse = (draw(g) & 1) != 0;
        if (numc_scan(context, half_step, (void *)(uintptr_t)weight, &start, 1, &x, 1, out, 1, .reverse = reverse) != NUMC_OK)
            return NULL;
        return out[(draw(g) & 1) != 0];
    }
    }
}

static void program(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                    int32_t output_count, void *user)
{
    (void)output_count;
    generator g = {*(const uint64_t *)user};
    pool p = {.count = input_count};
    for (int32_t i = 0; i < input_count; i++)
        p.arrays[i] = in[i];
    for (int i = 0; i < STEPS; i++) {
        p.arrays[p.count] = random_step(context, &p, &g);
        if (p.arrays[p.count] == NULL)
            return;
        p.count++;
    }
    out[0] = numc_add(p.arrays[p.count - 1], 0.0);
    out[1] = numc_sum(p.arrays[p.count - 2]);
    for (int i = 0; i < p.count - 2; i++)
        out[1] = numc_add(out[1], numc_sum(p.arrays[i]));
}

static const numc_array *random_input(numc_context *context, generator *g, int which)
{
    static const int64_t shape[2] = {2, 3};
    double data[6];
    for (int i = 0; i < 6; i++)
        data[i] = draw_unit(g);
    return reals(context, which == 0 ? (numc_shape){shape, 2, true} : which == 1 ? (numc_shape){shape + 1, 1, true} : (numc_shape){NULL, 0, true},
                 data);
}

/* Forward against reverse, without differences: kinks do not matter, both take the same side. */
static void check_modes(numc_context *context, uint64_t seed, const numc_graph *graph, const numc_array *const *x)
{
    numc_graph *forward = numc__graph_jvp(context, graph, NULL), *backward = numc__graph_vjp(context, graph, NULL);
    if (forward == NULL || backward == NULL)
        fail_msg("seed %llu: %s", (unsigned long long)seed, numc_error_message(context));
    assert_int_equal(numc__graph_verify(context, forward), NUMC_OK);
    assert_int_equal(numc__graph_verify(context, backward), NUMC_OK);
    double d[16], w[16], dy[16], xbar[16], left = 0, right = 0, size = 1e-3;
    generator g = {seed + 1};
    for (int i = 0; i < 16; i++) {
        d[i] = draw_unit(&g);
        w[i] = draw_unit(&g);
    }
    run_derived(context, forward, x, 3, d, 2, dy);
    run_derived(context, backward, x, 3, w, 2, xbar);
    for (int64_t i = 0; i < float_outputs(graph); i++) {
        left += w[i] * dy[i];
        size += fabs(w[i] * dy[i]);
    }
    for (int64_t i = 0; i < float_inputs(graph); i++) {
        right += xbar[i] * d[i];
        size += fabs(xbar[i] * d[i]);
    }
    /* Up to STEPS operations in a row, each adding to either side at most 4 roundings of terms that add up to `size`: every term of
     * a sum over the program is a product of a tangent and a cotangent, and what cancels inside would show as more than that.
     * (The worst of these 500 programs is 1.2 eps.) */
    if (!(fabs(left - right) <= 4 * STEPS * 0x1p-52 * size))
        fail_msg("seed %llu: <w, jvp> = %.17g but <vjp, d> = %.17g", (unsigned long long)seed, left, right);
    numc__graph_release(forward);
    numc__graph_release(backward);
}

/* Compiled calls against the graph node by node. Fusing changes only the order of sums, of at most 6 elements here: 6 roundings per
 * operation and element, twice as many in reverse mode, which sums the cotangents of every use. (The worst of these programs is
 * 16 eps.) */
static void check_compiled(numc_context *context, uint64_t seed, const char *what, numc_function *function,
                           const numc_array *const *x, int32_t inputs, int32_t outputs, numc_array **steps)
{
    numc_array *called[8];
    if (function == NULL || numc_function_call(context, function, x, inputs, called, outputs) != NUMC_OK)
        fail_msg("seed %llu: %s, compiled: %s", (unsigned long long)seed, what, numc_error_message(context));
    for (int32_t i = 0; i < outputs; i++) {
        numc_type type = numc__type_of(steps[i]), same = numc__type_of(called[i]);
        assert_true(numc__type_equal(&type, &same));
        double a[64], b[64], size = 1.0;
        int64_t n = type_size(&type);
        assert_true(n <= 64);
        assert_int_equal(numc_to_host(steps[i], NUMC_FLOAT64, a, (size_t)n * sizeof *a), NUMC_OK);
        assert_int_equal(numc_to_host(called[i], NUMC_FLOAT64, b, (size_t)n * sizeof *b), NUMC_OK);
        for (int64_t k = 0; k < n; k++)
            size = fmax(size, fabs(a[k]));
        for (int64_t k = 0; k < n; k++) {
            if (!(fabs(a[k] - b[k]) <= 12 * STEPS * 0x1p-52 * size))
                fail_msg("seed %llu: %s: output %d element %d: %.17g applied, %.17g compiled", (unsigned long long)seed, what, i,
                         (int)k, a[k], b[k]);
        }
    }
}

static void compiled_programs_agree(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    for (uint64_t seed = 1; seed <= (uint64_t)part_of(250); seed++) {
        numc_scope(context) {
            generator g = {seed * 977};
            const numc_array *x[5];
            for (int i = 0; i < 3; i++)
                x[i] = random_input(context, &g, i);
            numc_function *f = numc_function_trace(context, program, &seed, x, 3, 2);
            numc_graph *graph = trace_like(context, program, &seed, x, 3, 2);
            numc_array *steps[8];
            run_graph(context, graph, x, 3, steps);
            check_compiled(context, seed, "values", f, x, 3, 2, steps);
            numc_function *backward = numc_function_vjp(context, f);
            numc_graph *reverse = numc__graph_vjp(context, graph, NULL);
            x[3] = numc_full_like(steps[0], 0.75);
            x[4] = numc_full_like(steps[1], -1.25);
            run_graph(context, reverse, x, 5, steps);
            check_compiled(context, seed, "vjp", backward, x, 5, 5, steps);
            numc__graph_release(graph);
            numc__graph_release(reverse);
            numc_function_free(f);
            numc_function_free(backward);
        }
    }
    ASSERT_FINE(context);
    numc_close(context);
}

static void programs_agree(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    for (uint64_t seed = 1; seed <= (uint64_t)part_of(500); seed++) {
        numc_scope(context) {
            generator g = {seed * 977};
            const numc_array *x[3];
            for (int i = 0; i < 3; i++)
                x[i] = random_input(context, &g, i);
            numc_array *eager[2] = {NULL, NULL}, *traced[2];
            program(context, x, 3, eager, 2, &seed);
            numc_graph *graph = trace_like(context, program, &seed, x, 3, 2);
            if (graph == NULL || numc__graph_verify(context, graph) != NUMC_OK)
                fail_msg("seed %llu: %s", (unsigned long long)seed, numc_error_message(context));
            run_graph(context, graph, x, 3, traced);
            for (int i = 0; i < 2; i++) {
                numc_type type = numc__type_of(eager[i]), same = numc__type_of(traced[i]);
                assert_true(numc__type_equal(&type, &same));
                double a[16], b[16];
                size_t bytes = (size_t)type_size(&type) * sizeof(double);
                assert_int_equal(numc_to_host(eager[i], NUMC_FLOAT64, a, bytes), NUMC_OK);
                assert_int_equal(numc_to_host(traced[i], NUMC_FLOAT64, b, bytes), NUMC_OK);
                if (memcmp(a, b, bytes) != 0)
                    fail_msg("seed %llu: output %d differs: %.17g and %.17g", (unsigned long long)seed, i, a[0], b[0]);
            }
            check_modes(context, seed, graph, x);
            numc__graph_release(graph);
        }
    }
    ASSERT_FINE(context);
    numc_close(context);
}

/* Vmapped against the loop: node by node the same bits; compiled, as above. Which inputs are mapped, and where, turns with the
 * seed. */
#define BATCH 3
static void vmapped_programs_agree(void **state)
{
    (void)state;
    numc_context *context = open_tested();
    for (uint64_t seed = 1; seed <= (uint64_t)part_of(300); seed++) {
        numc_scope(context) {
            generator g = {seed * 977};
            const numc_array *each[BATCH][3], *x[3];
            int64_t axes[3];
            for (int i = 0; i < 3; i++) {
                for (int b = 0; b < BATCH; b++)
                    each[b][i] = random_input(context, &g, i);
                bool mapped = ((1 + seed % 7) >> i & 1) != 0;
                axes[i] = !mapped ? NUMC_UNMAPPED : (seed / 7) % 2 == 0 ? 0 : -1;
                const numc_array *list[BATCH] = {each[0][i], each[1][i], each[2][i]};
                x[i] = mapped ? numc_stack(list, BATCH, axes[i]) : each[0][i];
                for (int b = 1; b < BATCH && !mapped; b++)
                    each[b][i] = each[0][i];
            }
            numc_function *f = numc_function_trace(context, program, &seed, each[0], 3, 2);
            numc_function *v = numc_function_vmap(context, f, x, 3, .in_axes = {axes, 3, true});
            if (v == NULL || numc__graph_verify(context, v->graph) != NUMC_OK)
                fail_msg("seed %llu: %s", (unsigned long long)seed, numc_error_message(context));
            numc_array *all[2], *one[2];
            run_graph(context, v->graph, x, 3, all);
            for (int b = 0; b < BATCH; b++) {
                run_graph(context, f->graph, each[b], 3, one);
                for (int i = 0; i < 2; i++) {
                    double got[16], wanted[16];
                    size_t bytes = (size_t)numc_array_size(one[i]) * sizeof(double);
                    assert_int_equal(numc_to_host(numc_index(all[i], NUMC_AT(b)), NUMC_FLOAT64, got, bytes), NUMC_OK);
                    assert_int_equal(numc_to_host(one[i], NUMC_FLOAT64, wanted, bytes), NUMC_OK);
                    for (size_t k = 0; k < bytes / sizeof(double); k++) {
                        if (got[k] != wanted[k])
                            fail_msg("seed %llu: output %d of element %d is %.17g instead of %.17g", (unsigned long long)seed, i, b,
                                     got[k], wanted[k]);
                    }
                }
            }
            check_compiled(context, seed, "vmapped", v, x, 3, 2, all);
            /* the gradient of the batch: forward against reverse */
            if (seed % 10 == 0) {
                const numc_array *given[5] = {x[0], x[1], x[2], all[0], all[1]};
                numc_function *backward = numc_function_vmap(context, numc_function_vjp(context, f), given, 5,
                                                             .in_axes = NUMC_AXES(axes[0], axes[1], axes[2], 0, 0));
                numc_array *adjoint[5];
                if (backward == NULL)
                    fail_msg("seed %llu: vmap of vjp: %s", (unsigned long long)seed, numc_error_message(context));
                run_graph(context, backward->graph, given, 5, adjoint);
                check_compiled(context, seed, "vmap of vjp", backward, given, 5, 5, adjoint);
            }
        }
    }
    ASSERT_FINE(context);
    numc_close(context);
}

/* Native code against the interpreter, bit for bit: the program and its reverse mode, interpreted in one context and compiled by the
 * machine's compiler in another. */
static uint64_t native_seeds = 4; /* a compiler takes half a second for each */
static void native_programs_agree(void **state)
{
    (void)state;
    need_compiler();
    for (uint64_t seed = 1; seed <= native_seeds; seed++) {
        double results[2][8][8] = {{{0}}};
        for (int native = 0; native < 2; native++) {
            numc_context *context = numc_open(&(numc_options){.backend = "ref", .jit = native ? NUMC_JIT_ON : NUMC_JIT_OFF});
            generator g = {seed * 977};
            const numc_array *x[5];
            for (int i = 0; i < 3; i++)
                x[i] = random_input(context, &g, i);
            numc_function *f = numc_function_trace(context, program, &seed, x, 3, 2);
            numc_function *backward = numc_function_vjp(context, f);
            numc_array *y[8];
            numc_array *plain[2];
            if (backward != NULL && numc_function_call(context, f, x, 3, plain, 2) == NUMC_OK) {
                x[3] = numc_full_like(plain[0], 0.75);
                x[4] = numc_full_like(plain[1], -1.25);
                (void)numc_function_call(context, backward, x, 5, y, 5);
            }
            ASSERT_FINE(context);
            numc_statistics statistics;
            assert_int_equal(numc_statistics_get(context, &statistics), NUMC_OK);
            assert_int_equal(statistics.programs_native, native ? 2 : 0);
            for (int i = 0; i < 7; i++) {
                const numc_array *result = i < 2 ? plain[i] : y[i - 2];
                size_t bytes = (size_t)numc_array_size(result) * sizeof(double);
                assert_true(bytes <= sizeof results[0][0]);
                assert_int_equal(numc_to_host(result, NUMC_FLOAT64, results[native][i], bytes), NUMC_OK);
            }
            numc_close(context);
        }
        for (int i = 0; i < 8; i++)
            if (memcmp(results[0][i], results[1][i], sizeof results[0][i]) != 0)
                fail_msg("seed %llu: result %d: interpreted %.17g ..., native %.17g ...", (unsigned long long)seed, i, results[0][i][0],
                         results[1][i][0]);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--native") == 0) {
        native_seeds = 150;
        const struct CMUnitTest longer[] = {cmocka_unit_test(native_programs_agree)};
        return cmocka_run_group_tests(longer, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(programs_agree), cmocka_unit_test(compiled_programs_agree),
                                       cmocka_unit_test(vmapped_programs_agree), cmocka_unit_test(native_programs_agree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
