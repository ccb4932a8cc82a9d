/* Models as targets of the sampler: what is stored, gradients, Jacobians, data, errors; short runs on the default backend. */
#include "compile/program.h"
#include "infer/driver.h"
#include "numc/function.h"
#include "numc/linalg.h"
#include "support.h"

/* Evaluates the target of a sampler without running it. */
typedef struct opened {
    const numc_target *target;
    void *chain;
} opened;

static opened open_target(const numc_mcmc *mcmc)
{
    opened o = {numc__mcmc_target(mcmc), NULL};
    if (o.target->chain_open(o.target->user, context, &o.chain) != NUMC_OK)
        fail_msg("%s", numc_error_message(context));
    return o;
}

static double log_density(const opened *o, const double *q, double *gradient)
{
    double value;
    numc_status status = o->target->evaluate(o->target->user, o->chain, q, &value, gradient);
    if (status != NUMC_OK)
        fail_msg("%s", numc_error_message(context));
    return value;
}

static void close_target(opened *o)
{
    o->target->chain_close(o->target->user, context, o->chain);
}

/* ---- eight schools ---- */

/* What running takes is known before: draws to the byte, and the arena of the programs before the sampler's state. */
static void memory_is_known_before_the_run(void **state)
{
    (void)state;
    struct schools data = schools_data(context);
    numc_mcmc_memory four, one;
    assert_int_equal(numc_mcmc_memory_get(sampler(eight_schools, &data, &(numc_mcmc_options){.save_warmup = true}), &four), NUMC_OK);
    assert_int_equal(four.draws, 4 * (1000 + 1000) * (18 * sizeof(double) + sizeof(numc_draw_statistics)));
    numc_mcmc *mcmc = sampler(eight_schools, &data, &(numc_mcmc_options){.chains = 1, .thin = 2, .draws = NUMC_COUNT(50)});
    assert_int_equal(numc_mcmc_memory_get(mcmc, &one), NUMC_OK);
    assert_int_equal(one.draws, 50 * (18 * sizeof(double) + sizeof(numc_draw_statistics)));
    assert_int_equal(one.chain, four.chain);
    assert_int_equal(one.shared, four.shared);
    assert_true(one.chain > 10 * 10 * sizeof(double) && one.shared >= sizeof(double)); /* log(sigma) or its sum at least */
    assert_int_equal(numc_mcmc_memory_get(NULL, &one), NUMC_INVALID_ARGUMENT);
    assert_int_equal(numc_mcmc_memory_get(mcmc, NULL), NUMC_INVALID_ARGUMENT);
}

/* The workspace that measures products: H v against central differences of the gradient g, whose error is h^2 / 6 times its third
 * derivative, and eps |g| / h: with h = 1e-5, |g| and its derivatives up to 1e2, below 1e-7. */
static void product_is_of_the_hessian(void **state)
{
    (void)state;
    struct schools data = schools_data(context);
    numc_mcmc *mcmc = sampler(eight_schools, &data, NULL);
    opened o = open_target(mcmc);
    numc_workspace *workspace = o.target->product(o.target->user, context);
    assert_non_null(workspace);
    double q[10], v[10], above[10], below[10], gradient[10], expected[10], product[10], value, along, sum = 0, h = 1e-5;
    for (int i = 0; i < 10; i++) {
        q[i] = sin(1.0 + i);
        v[i] = cos(2.0 * i);
        above[i] = q[i] + h * v[i];
        below[i] = q[i] - h * v[i];
    }
    const void *inputs[] = {q, v};
    void *outputs[] = {&value, gradient, &along, product};
    assert_int_equal(numc__workspace_run(context, workspace, inputs, outputs), NUMC_OK);
    double plain = log_density(&o, q, expected);
    assert_true(fabs(value - plain) < 1e-12 * fabs(plain)); /* other sums of some 30 terms */
    double up[10], down[10];
    (void)log_density(&o, above, up);
    (void)log_density(&o, below, down);
    for (int i = 0; i < 10; i++) {
        assert_true(fabs(gradient[i] - expected[i]) < 1e-12 * (1 + fabs(expected[i])));
        assert_true(fabs(product[i] - (up[i] - down[i]) / (2 * h)) < 1e-7);
        sum += gradient[i] * v[i];
    }
    assert_true(fabs(along - sum) < 1e-12 * (1 + fabs(sum)));
    numc__workspace_free(workspace);
    close_target(&o);
}

/* Against the hand-written density: the difference is a constant (the normalisers), the gradients are equal. */
static void density_is_that_of_the_model(void **state)
{
    (void)state;
    struct schools data = schools_data(context);
    numc_mcmc *mcmc = sampler(eight_schools, &data, NULL);
    opened o = open_target(mcmc);
    assert_int_equal(o.target->dimension, 10);
    assert_int_equal(o.target->stored, 18);
    double constant = 0;
    for (int point = 0; point < 20; point++) {
        double q[10], g[10], expected[10], value, by_hand;
        for (int i = 0; i < 10; i++)
            q[i] = 2 * sin(1.0 + 3 * point + 7 * i);
        value = log_density(&o, q, g);
        density_eight_schools(10, q, &by_hand, expected);
        if (point == 0)
            constant = value - by_hand;
        /* sums of about 30 terms up to 1e2 */
        assert_true(fabs(value - by_hand - constant) < 1e-12 * (1 + fabs(value)));
        for (int i = 0; i < 10; i++)
            assert_true(fabs(g[i] - expected[i]) < 1e-12 * (1 + fabs(expected[i])));
        double stored[18];
        assert_int_equal(o.target->store(o.target->user, o.chain, context, q, stored), NUMC_OK);
        assert_true(stored[0] == q[0] && fabs(stored[1] - exp(q[1])) < 1e-14 * exp(q[1]));
        for (int i = 0; i < 8; i++) {
            assert_true(stored[2 + i] == q[2 + i]);
            assert_true(fabs(stored[10 + i] - (q[0] + exp(q[1]) * q[2 + i])) < 1e-13 * (1 + fabs(stored[10 + i])));
        }
    }
    /* 8 + 1 + 1 normals, a half-Cauchy: -9.5 log 2 pi - log 5 - sum log sigma + log(2 / (5 pi)) + ..., checked through it */
    double sigmas = log(15.0 * 10 * 16 * 11 * 9 * 11 * 10 * 18), pi = 3.14159265358979323846;
    double normals = -0.5 * 17 * log(2 * pi) - log(5) - sigmas;
    assert_true(fabs(constant - (normals + log(2 / (5 * pi)))) < 1e-11);
    close_target(&o);
    numc_mcmc_site site;
    assert_int_equal(numc_mcmc_site_find(mcmc, "theta", &site), NUMC_OK);
    assert_true(site.deterministic && site.rank == 1 && site.shape[0] == 8);
    char name[32];
    numc_mcmc_scalar_name(mcmc, 13, name, sizeof name);
    assert_string_equal(name, "theta[3]");
    numc_mcmc_free(mcmc);
}

/* posteriordb's reference: mu 4.411 +- 0.033, tau 3.602 +- 0.032; 5 joint errors, false alarm 1e-6. The same bits for any
 * number of threads. */
static void samples_eight_schools(void **state)
{
    (void)state;
    struct schools data = schools_data(context);
    numc_mcmc *one = NULL;
    for (int threads = 1; threads <= 4; threads *= 2) {
        numc_mcmc *mcmc = sampler(eight_schools, &data, &(numc_mcmc_options){.threads = threads});
        numc_status status = numc_mcmc_run(mcmc, 20261122);
        if (status != NUMC_OK)
            fail_msg("%s", numc_error_message(context));
        numc_summary rows[18];
        assert_int_equal(numc_mcmc_summary(mcmc, 0, 18, rows), NUMC_OK);
        assert_true(fabs(rows[0].mean - 4.4105) < 5 * hypot(rows[0].mcse, 0.0331));
        assert_true(fabs(rows[1].mean - 3.6021) < 5 * hypot(rows[1].mcse, 0.0320));
        for (int i = 0; i < 18; i++)
            assert_true(rows[i].rhat < 1.01 && rows[i].ess_bulk > 500);
        if (one == NULL) {
            one = mcmc;
            continue;
        }
        for (int32_t i = 0; i < numc_mcmc_site_count(one); i++) {
            numc_mcmc_site a, b;
            assert_int_equal(numc_mcmc_site_at(one, i, &a), NUMC_OK);
            assert_int_equal(numc_mcmc_site_at(mcmc, i, &b), NUMC_OK);
            for (int64_t c = 0; c < 4; c++)
                for (int64_t d = 0; d < 1000; d++)
                    assert_memory_equal(a.values + c * a.chain_stride + d * a.draw_stride,
                                        b.values + c * b.chain_stride + d * b.draw_stride, (size_t)a.size * sizeof(double));
        }
        numc_mcmc_free(mcmc);
    }
    numc_mcmc_free(one);
}

/* ---- every kind of support, a bound that depends on a parameter, a factor ---- */

static void many_supports(numc_run *run, void *user)
{
    (void)user;
    static const double concentration[] = {1.5, 2, 2.5};
    numc_array *a = numc_sample(run, "a", numc_gamma(run, 2, 1));
    numc_array *b = numc_sample(run, "b", numc_uniform(run, 0, a)); /* 0 < b < a */
    numc_array *p = numc_sample(run, "p", numc_beta(run, 2, 3));
    numc_array *alpha = numc_from_host(run, NUMC_FLOAT64, NUMC_SHAPE(3), concentration);
    numc_array *w = numc_sample(run, "w", numc_dirichlet(alpha));
    numc_sample(run, "u", numc_improper_uniform(numc_constraint_ordered(run), NUMC_SHAPE(2)));
    numc_factor(run, "tie", numc_multiply(-0.5, numc_sum(numc_square(numc_sample(run, "t", numc_normal(run, b, p))))));
    numc_deterministic(run, "first", numc_index(w, NUMC_AT(0)));
}

static void supports_and_gradients(void **state)
{
    (void)state;
    numc_mcmc *mcmc = sampler(many_supports, NULL, NULL);
    opened o = open_target(mcmc);
    assert_int_equal(o.target->dimension, 1 + 1 + 1 + 2 + 2 + 1);
    for (int point = 0; point < 10; point++) {
        double q[8], g[8], stored[10];
        assert_int_equal(o.target->stored, 10);
        for (int i = 0; i < 8; i++)
            q[i] = 1.5 * cos(2.0 + 5 * point + 3 * i);
        log_density(&o, q, g);
        assert_int_equal(o.target->store(o.target->user, o.chain, context, q, stored), NUMC_OK);
        /* a, b, p, w[3], u[2], t, first */
        assert_true(stored[0] > 0 && stored[1] > 0 && stored[1] < stored[0] && stored[2] > 0 && stored[2] < 1);
        assert_true(fabs(stored[3] + stored[4] + stored[5] - 1) < 1e-14 && stored[9] == stored[3] && stored[6] < stored[7]);
        for (int i = 0; i < 8; i++) {
            /* central difference: error h^2 f'''/6 + eps |f| / h, about 1e-9 here */
            double h = 1e-5, up[8], down[8], scrap[8];
            memcpy(up, q, sizeof q);
            memcpy(down, q, sizeof q);
            up[i] += h;
            down[i] -= h;
            double slope = (log_density(&o, up, scrap) - log_density(&o, down, scrap)) / (2 * h);
            if (!(fabs(slope - g[i]) < 1e-7 * (1 + fabs(g[i]))))
                fail_msg("coordinate %d: gradient %.12g, difference %.12g", i, g[i], slope);
        }
    }
    close_target(&o);
    numc_mcmc_free(mcmc);
}

/* Priors alone: with all Jacobians in place the draws have the means of the distributions. Each mean is within 5 Monte Carlo
 * errors (8 checks, false alarm 5e-6). */
static void priors_only(numc_run *run, void *user)
{
    (void)user;
    static const double concentration[] = {1.5, 2, 2.5};
    numc_array *a = numc_sample(run, "a", numc_gamma(run, 3, 2));
    numc_sample(run, "b", numc_uniform(run, 0, a));
    numc_sample(run, "p", numc_beta(run, 2, 3));
    numc_sample(run, "w", numc_dirichlet(numc_from_host(run, NUMC_FLOAT64, NUMC_SHAPE(3), concentration)));
    numc_sample(run, "l", numc_log_normal(run, 0, 0.5));
    numc_sample(run, "x", numc_student_t(run, 7, 1, 2));
}

static void priors_have_their_means(void **state)
{
    (void)state;
    numc_mcmc *mcmc = sampler(priors_only, NULL, &(numc_mcmc_options){.draws = 2000, .target_accept = 0.9});
    assert_int_equal(numc_mcmc_run(mcmc, 5), NUMC_OK);
    const double means[] = {1.5, 0.75, 0.4, 0.25, 1.0 / 3, 2.5 / 6, exp(0.125), 1};
    numc_summary rows[8];
    assert_int_equal(numc_mcmc_scalar_count(mcmc), 8);
    assert_int_equal(numc_mcmc_summary(mcmc, 0, 8, rows), NUMC_OK);
    for (int i = 0; i < 8; i++)
        if (!(fabs(rows[i].mean - means[i]) < 5 * rows[i].mcse && rows[i].mcse < 0.1))
            fail_msg("scalar %d: mean %g mcse %g, expected %g", i, rows[i].mean, rows[i].mcse, means[i]);
    numc_mcmc_free(mcmc);
}

/* ---- what goes wrong ---- */

static void discrete_latent(numc_run *run, void *user)
{
    (void)user;
    numc_sample(run, "k", numc_poisson(run, 3));
}

static void impossible(numc_run *run, void *user)
{
    (void)user;
    numc_array *x = numc_sample(run, "x", numc_normal(run, 0, 1));
    numc_array *s = numc_sample(run, "s", numc_half_normal(run, 1));
    numc_factor(run, "wall", numc_where(numc_less(numc_add(x, s), 1e9), -INFINITY, numc_zeros_like(x)));
}

static void all_observed(numc_run *run, void *user)
{
    numc_observe(run, "y", numc_normal(run, 0, 1), (numc_array *)user);
}

static void broken(numc_run *run, void *user)
{
    (void)user;
    numc_sample(run, "x", numc_normal(run, 0, 1));
    numc_sample(run, "x", numc_normal(run, 0, 1));
}

struct groups {
    numc_array *group, *y;
};

/* Groups counted from one, where indices count from zero. */
static void counted_from_one(numc_run *run, void *user)
{
    const struct groups *data = user;
    numc_array *level = numc_sample(run, "level", numc_expanded(numc_normal(run, 0, 1), NUMC_SHAPE(2)));
    numc_array *mean = numc_take(level, numc_data(run, "group", data->group), NUMC_AXIS(0));
    numc_observe(run, "y", numc_normal(run, mean, 1), data->y);
}

static void errors(void **state)
{
    (void)state;
    assert_null(numc_mcmc_new(numc_model_new(context, discrete_latent, NULL), NULL));
    expect_error(NUMC_SITE, "site k: poisson is discrete");
    assert_null(numc_mcmc_new(numc_model_new(context, broken, NULL), NULL));
    expect_error(NUMC_SITE, "x");
    numc_mcmc *mcmc = sampler(impossible, NULL, &(numc_mcmc_options){.chains = 2});
    assert_int_equal(numc_mcmc_run(mcmc, 1), NUMC_INITIALIZATION);
    assert_non_null(strstr(numc_error_message(context), "x = "));
    expect_error(NUMC_INITIALIZATION, "site \"wall\"");
    numc_mcmc_free(mcmc);
    const int64_t group[] = {1, 1, 2, 2};
    const double heights[] = {1, 1, 9, 9};
    struct groups grouped = {numc_from_host(context, NUMC_INT64, NUMC_SHAPE(4), group),
                             numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(4), heights)};
    assert_null(numc_mcmc_new(numc_model_new(context, counted_from_one, &grouped), NULL));
    expect_error(NUMC_INDEX, "numc_take: index 2 is out of bounds for axis 0 of size 2");
    const char *names[] = {"a"};
    assert_null(numc_mcmc_new(numc_model_new(context, impossible, NULL), &(numc_mcmc_options){.names = names}));
    expect_error(NUMC_INVALID_ARGUMENT, "names");
    double y = 2;
    mcmc = sampler(all_observed, numc_from_host(context, NUMC_FLOAT64, NUMC_SCALAR, &y),
                   &(numc_mcmc_options){.warmup = 20, .draws = 5});
    assert_int_equal(numc_mcmc_run(mcmc, 1), NUMC_OK);
    assert_int_equal(numc_mcmc_scalar_count(mcmc), 0);
    assert_true(fabs(numc_mcmc_statistics(mcmc, 0)[4].log_density + 2 + 0.91893853320467274) < 1e-14);
    numc_mcmc_free(mcmc);
}

static void runs_away(numc_run *run, void *user)
{
    (void)user;
    numc_sample(run, "a", numc_improper_uniform(numc_constraint_positive(run), NUMC_SCALAR));
    numc_sample(run, "b", numc_normal(run, 0, 1));
}

/* a = exp(q) has the density 1: its logarithm grows without end, and a overflows. */
static void draws_that_are_not_finite_are_told(void **state)
{
    (void)state;
    numc_mcmc *mcmc = sampler(runs_away, NULL, &(numc_mcmc_options){.chains = 2, .draws = 100});
    FILE *file = tmpfile();
    char text[4096] = "";
    assert_non_null(file);
    assert_int_equal(numc_mcmc_run(mcmc, 1), NUMC_OK);
    assert_int_equal(numc_mcmc_not_finite_count(mcmc, -1), 200);
    assert_int_equal(numc_mcmc_not_finite_count(mcmc, 1), 100);
    assert_int_equal(numc_mcmc_print_summary(mcmc, file), NUMC_OK);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_non_null(strstr(text, "\n200 draws hold values that are not finite, at \"a\": the posterior may be improper\n"));
    numc_mcmc_free(mcmc);
}

/* A callback that says something else at its second run. */
typedef struct fickle {
    int runs, how;
} fickle;

static void changes(numc_run *run, void *user)
{
    fickle *f = user;
    bool second = f->runs++ > 0;
    numc_sample(run, second && f->how == 0 ? "z" : "a", numc_normal(run, 0, 1));
    numc_plate(run, "plate", second && f->how == 1 ? 3 : 2)
        numc_sample(run, "b", numc_normal(run, 0, 1));
    if (second ? f->how == 2 : f->how == 3)
        numc_sample(run, "c", numc_normal(run, 0, 1));
}

static void models_that_change_are_refused(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "statement 1 was sampled \"a\" of shape (), then sampled \"z\" of shape ()",
        "statement 2 was sampled \"b\" of shape (2), then sampled \"b\" of shape (3)",
        "statement 3 was nothing, then sampled \"c\" of shape ()",
        "statement 3 was sampled \"c\" of shape (), then missing",
    };
    for (int how = 0; how < 4; how++) {
        fickle f = {.how = how};
        assert_null(numc_mcmc_new(numc_model_new(context, changes, &f), NULL));
        expect_error(NUMC_TRACE, parts[how]);
    }
    fickle f = {.how = 4};
    numc_mcmc *mcmc = sampler(changes, &f, NULL);
    assert_int_equal(f.runs, 3);
    assert_int_equal(numc_mcmc_dimension(mcmc), 3);
    numc_mcmc_free(mcmc);
}

static void grown_by(numc_context *where, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count, void *user)
{
    (void)where, (void)input_count, (void)output_count;
    out[0] = numc_multiply(in[0], *(double *)user);
}

/* The same sites each time, of other numbers or operations. */
static void drifts(numc_run *run, void *user)
{
    fickle *f = user;
    int count = f->runs++;
    const double list[3] = {1, 2, f->how == 1 ? count : 3};
    double factor = f->how == 4 ? 1.0 + count : 2.0;
    numc_array *a = numc_sample(run, "a", numc_normal(run, 0, f->how == 0 ? 1 + count : 1));
    const numc_array *b = numc_multiply(a, numc_from_host(run, NUMC_FLOAT64, NUMC_SHAPE(3), list));
    b = f->how == 2 && count == 2 ? numc_exp(b) : numc_sin(b);
    b = numc_index(b, f->how == 3 && count == 2 ? NUMC_SLICE(1, 3) : NUMC_SLICE(0, 2));
    numc_array *grown = NULL;
    numc_scan(run, grown_by, &factor, &b, 1, NULL, 0, &grown, 0, .length = 3);
    numc_observe(run, "y", numc_normal(run, numc_sum(grown), 1), 0.5);
}

static void models_that_drift_are_refused(void **state)
{
    (void)state;
    static const char *const parts[] = {"at site a ", "multiply: float64[3], then with other values", "sin, then exp",
                                        "slice: with some axes, sizes or dtype, then with others", "multiply: 2.0, then 3.0"};
    for (int how = 0; how < 5; how++) {
        fickle f = {.how = how};
        assert_null(numc_mcmc_new(numc_model_new(context, drifts, &f), NULL));
        assert_non_null(strstr(numc_error_message(context), "the model is not the same each time it runs: "));
        expect_error(NUMC_TRACE, parts[how]);
    }
    fickle f = {.how = 5};
    numc_mcmc_free(sampler(drifts, &f, NULL));
}

static void count_lines(void *user, numc_log_level level, const char *line)
{
    (void)line;
    *(int *)user += level == NUMC_LOG_ERROR;
}

/* What is bound to another shape is said by name, with both shapes, and once; a name that nothing has is an error. */
static void bindings_of_another_shape(void **state)
{
    (void)state;
    struct schools data = schools_data(context);
    numc_model *model = numc_model_new(context, eight_schools, &data);
    numc_array *five = numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(5)), *one = numc_ones(context, NUMC_FLOAT64, NUMC_SCALAR);
    assert_null(numc_mcmc_new(numc_model_bind(model, "y", five), NULL));
    expect_error(NUMC_SHAPE, "site y: the observation is float64[5], its distribution float64[8]: they do not broadcast; "
                             "\"y\" is bound to float64[5] in place of float64[8]");
    assert_null(numc_mcmc_new(numc_model_bind(model, "sigma", five), NULL));
    expect_error(NUMC_SHAPE, "; \"sigma\" is bound to float64[5] in place of float64[8]");
    numc_mcmc_free(numc_mcmc_new(numc_model_bind(model, "sigma", one), NULL)); /* that broadcasts */
    assert_int_equal(numc_error_status(context), NUMC_OK);
    assert_null(numc_mcmc_new(numc_model_bind(model, "sigmas", five), NULL));
    expect_error(NUMC_SITE, "numc_model_bind: the model has no data and no observation \"sigmas\"");
    assert_null(numc_mcmc_new(numc_model_bind(model, "mu", one), NULL));
    expect_error(NUMC_SITE, "neither data nor an observation");
    int lines = 0;
    numc_context *logged = numc_open(&(numc_options){.log = count_lines, .log_user = &lines, .log_level = NUMC_LOG_ERROR});
    data = schools_data(logged);
    five = numc_ones(logged, NUMC_FLOAT64, NUMC_SHAPE(5));
    assert_null(numc_mcmc_new(numc_model_bind(numc_model_new(logged, eight_schools, &data), "y", five), NULL));
    assert_non_null(strstr(numc_error_message(logged), "is bound to float64[5]"));
    assert_int_equal(lines, 1);
    numc_close(logged);
}

static void still_on(numc_context *where, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count, void *user)
{
    (void)where, (void)input_count, (void)output_count, (void)user;
    out[0] = numc_greater(in[0], 0.0);
}

static void no_nearer(numc_context *where, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count, void *user)
{
    (void)where, (void)input_count, (void)output_count, (void)user;
    out[0] = numc_add(numc_abs(in[0]), 1.0);
}

/* A compiled loop that never ends. */
static void endless(numc_run *run, void *user)
{
    const numc_array *a = numc_stop_gradient(numc_exp(numc_sample(run, "a", numc_normal(run, 0, 1))));
    numc_array *b = NULL;
    const int64_t *limit = user;
    numc_while(run, still_on, no_nearer, NULL, &a, 1, &b, .limit = *limit);
    numc_observe(run, "y", numc_normal(run, b, 1), 0.5);
}

static numc_status stops_at_once(void *user, const numc_mcmc_progress *progress)
{
    (void)progress;
    ++*(int *)user;
    return NUMC_STOP;
}

/* The limit is an error that names the option's function; without one the run still ends when it is told to. */
static void endless_loops_end(void **state)
{
    (void)state;
    int64_t limit = 1000;
    numc_mcmc *mcmc = sampler(endless, &limit, &(numc_mcmc_options){.chains = 1});
    assert_int_equal(numc_mcmc_run(mcmc, 1), NUMC_VALUE);
    expect_error(NUMC_VALUE, "numc_while: the condition still holds after 1000 steps, its limit");
    numc_mcmc_free(mcmc);
    limit = 0;
    static const numc_chain_method methods[] = {NUMC_CHAINS_PARALLEL, NUMC_CHAINS_VECTORIZED};
    for (int k = 0; k < 2; k++) {
        int calls = 0;
        mcmc = sampler(endless, &limit, &(numc_mcmc_options){.chains = 2, .chain_method = methods[k], .interval = 20, .progress = stops_at_once,
                                                            .progress_user = &calls});
        assert_int_equal(numc_mcmc_run(mcmc, 1), NUMC_STOP);
        assert_int_equal(numc_error_status(context), NUMC_OK);
        assert_true(calls > 0);
        numc_mcmc_free(mcmc);
    }
}

static void runs_itself(numc_run *run, void *user)
{
    numc_sample(run, "x", numc_normal(run, 0, 1));
    numc_model_run(*(numc_model **)user, NULL, 0);
}

static void values_that_lack_are_named(void **state)
{
    (void)state;
    numc_model *itself;
    itself = numc_model_new(context, runs_itself, &itself);
    assert_null(numc_mcmc_new(itself, NULL));
    expect_error(NUMC_SITE, "site x: it has no value: none was supplied");
    double one = 1;
    numc_array *a = numc_from_host(context, NUMC_FLOAT64, NUMC_SCALAR, &one);
    fickle f = {.how = 4};
    numc_model *model = numc_model_new(context, changes, &f);
    assert_null(numc_model_log_density(model, &(numc_named){"a", a}, 1));
    expect_error(NUMC_SITE, "site b: numc_model_log_density: the values lack it");
}

/* ---- memory ---- */

struct series {
    numc_array *y, *x;
};

/* (state) -> next state, stacked; user: the parameter */
static void decay(numc_context *unused, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count,
                  void *user)
{
    (void)unused, (void)input_count, (void)output_count;
    out[0] = numc_add(numc_multiply(in[0], (const numc_array *)user), in[1]);
    out[1] = out[0];
}

/* A plate in a plate, a scan, a product, a factorisation, a deterministic value, a bound parameter, a factor, data. */
static void rich(numc_run *run, void *user)
{
    const struct series *d = user;
    numc_array *x = numc_data(run, "x", d->x);
    numc_array *s = numc_sample(run, "s", numc_half_normal(run, 1));
    numc_array *phi = numc_sample(run, "phi", numc_uniform(run, 0, numc_add(s, 1.0)));
    numc_plate(run, "group", 3) {
        numc_array *beta = numc_sample(run, "beta", numc_normal(run, 0, s));
        numc_array *mean = numc_deterministic(run, "mean", numc_matmul(x, beta));
        const numc_array *start = numc_zeros(run, NUMC_FLOAT64, NUMC_SCALAR), *sequence = mean;
        numc_array *scanned[2] = {NULL, NULL};
        if (numc_scan(run, decay, phi, &start, 1, &sequence, 1, scanned, 1) == NUMC_OK)
            numc_factor(run, "smooth", numc_multiply(-0.125, numc_sum(numc_square(scanned[1]))));
        numc_plate(run, "item", 2) {
            numc_observe(run, "y", numc_normal(run, beta, 1), d->y);
        }
    }
    numc_array *covariance = numc_add(numc_matmul(x, numc_matrix_transpose(x)), numc_multiply(s, numc_eye(run, NUMC_FLOAT64, 3, 3, 0)));
    numc_array *zero = numc_zeros(run, NUMC_FLOAT64, NUMC_SHAPE(3));
    numc_sample(run, "f", numc_multivariate_normal_cholesky(zero, numc_linalg_cholesky(covariance)));
}

/* The Nth allocation fails, for all N: the error MEMORY and no leak, or a run that did without. */
static void any_allocation_may_fail(void **state)
{
    (void)state;
    static const double y[6] = {0.5, -1, 0.25, 1, 0, 2}, x[9] = {1, 0.5, 0, -0.5, 1, 0.25, 0, 0.5, 2};
    long n = 0, told = 0;
    for (;; n++) {
        failing f = failing_at(n);
        numc_context *own = numc_open(&(numc_options){.allocate = failing_allocate, .allocate_user = &f});
        if (own != NULL && numc_error_status(own) == NUMC_OK) {
            struct series data = {numc_from_host(own, NUMC_FLOAT64, NUMC_SHAPE(2, 3), y),
                                  numc_from_host(own, NUMC_FLOAT64, NUMC_SHAPE(3, 3), x)};
            numc_model *model = numc_model_new(own, rich, &data);
            numc_mcmc *mcmc = numc_mcmc_new(model, &(numc_mcmc_options){.chains = 2, .threads = 2, .warmup = 20, .draws = 3,
                                                                        .max_tree_depth = 3});
            numc_summary rows[11];
            if (mcmc != NULL && numc_mcmc_run(mcmc, 1) == NUMC_OK && numc_mcmc_summary(mcmc, 0, 11, rows) == NUMC_OK) {
                assert_int_equal(numc_mcmc_draw_count(mcmc, -1), 3);
            } else {
                if (!f.failed || numc_error_status(own) != NUMC_MEMORY)
                    fail_msg("request %ld failing: %s", n, numc_error_message(own));
                told++;
            }
        }
        numc_close(own);
        if (f.blocks != 0 || f.mistakes != 0)
            fail_msg("request %ld failing: %ld blocks left, %ld mistakes", n, (long)f.blocks, (long)f.mistakes);
        if (!f.failed)
            break;
    }
    assert_true(told > 500 / failing_every());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(density_is_that_of_the_model), cmocka_unit_test(samples_eight_schools),
        cmocka_unit_test(supports_and_gradients),       cmocka_unit_test(priors_have_their_means),
        cmocka_unit_test(errors),                       cmocka_unit_test(draws_that_are_not_finite_are_told),
        cmocka_unit_test(models_that_change_are_refused), cmocka_unit_test(values_that_lack_are_named),
        cmocka_unit_test(memory_is_known_before_the_run), cmocka_unit_test(product_is_of_the_hessian),
        cmocka_unit_test(any_allocation_may_fail),      cmocka_unit_test(models_that_drift_are_refused),
        cmocka_unit_test(bindings_of_another_shape),    cmocka_unit_test(endless_loops_end),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
